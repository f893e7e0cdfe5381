//! Fetch v4-18: records by topic name or id, incremental sessions (KIP-227), long polling, at least one whole batch (KIP-74), leader
//! epochs (KIP-320) and hints about leaders that moved (KIP-951).
//!
//! If one shard owns all that is asked, one message asks it and it answers when enough is ready. With several, each first reports
//! when something is ready; then bytes are granted, in the order of the request, and each reads what it was granted.
//!
//! A request of a session tells each owner what changed of its partitions there, and hears of those that have news (`broker::registrations`):
//! it costs what changed, not what the session has.
//!
//! Not here: fetches of followers (refused with `REPLICA_NOT_AVAILABLE`), rack-aware read replicas (KIP-392), throttling.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};
use std::time::Duration;

use futures_util::future::{Either, join_all, select, select_all};
use logan_shards as shards;

use super::fetch_sessions::{Begun, Incremental, Named, Said, SessionRequest, View, Wanted};
use super::purgatory::Stay;
use super::{Context, Credit, Peer, READ_COMMITTED, SharedCredit, topics};
use crate::limits;
use crate::mail::{
    Answer, Call, FetchAnswer, FetchOf, FetchPart, FetchRequest as OwnerRequest, FetchedPart, Mail, Pending,
    WhenShort,
};
use crate::model::{LeaderEpoch, Offset, PartNumber, PartitionId, RegistrationId, ShardId};
use crate::partition::FetchTicket;
use crate::protocol::messages::fetch::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use crate::protocol::messages::{FetchRequest, FetchResponse};
use crate::protocol::{ErrorCode, Records};

/// What one shard is asked for.
struct Share {
    shard: ShardId,
    of: FetchOf,
}

impl Share {
    /// What is asked for now. A session's changes are told once.
    fn again(&mut self) -> FetchOf {
        match &mut self.of {
            FetchOf::Parts(parts) => FetchOf::Parts(parts.clone()),
            FetchOf::Session(id, changes) => FetchOf::Session(*id, std::mem::take(changes)),
        }
    }
}

/// The memory of a request that is under way.
struct Holding<'a> {
    /// Of its frame, or of what is kept while it waits.
    credit: &'a mut Credit,
    /// Bytes of what it was decoded into.
    kept: u64,
}

impl Holding<'_> {
    /// From now on it waits, and holds nothing of what others need to be served at all.
    fn wait(&mut self, context: &Context) -> Stay {
        let (stay, credit) = context.purgatory.enter(self.kept);
        *self.credit = credit;
        stay
    }
}

/// Who is asked, and for what.
struct Split {
    shares: Vec<Share>,
    /// The parts that nobody is asked for, with their errors.
    refused: Vec<FetchedPart>,
}

/// How much, and how long to wait for it.
struct Terms {
    min_bytes: u64,
    max_bytes: u64,
    wait: Duration,
    committed: bool,
}

pub(super) async fn handle(
    context: &Rc<Context>,
    peer: &Peer,
    version: i16,
    request: FetchRequest,
    held: &mut Credit,
) -> (FetchResponse, Option<Credit>) {
    let answer = answer(context, peer, version, request, held).await;
    context.unregister_ended();
    answer.unwrap_or_else(|error_code| (FetchResponse { error_code, ..Default::default() }, None))
}

async fn answer(
    context: &Rc<Context>,
    peer: &Peer,
    version: i16,
    request: FetchRequest,
    held: &mut Credit,
) -> Result<(FetchResponse, Option<Credit>), ErrorCode> {
    let is_consumer = request.replica_id < 0 && request.replica_state.replica_id < 0;
    let terms = terms(context, &request);
    let now_ms = shards::wall_clock_ms();
    let asked = asked(version, &request).await;
    // With it goes the frame, of which it has slices.
    drop(request);
    let begun = context.sessions.borrow_mut().begin(now_ms, peer.number, asked)?;
    let split = match &begun {
        Begun::Parts(full) => split(context, is_consumer, &full.parts).await,
        Begun::Session(session) => ask_for_news(context, is_consumer, session),
    };
    let kept = kept_bytes(&begun, &split);
    held.resize(held.bytes().min(kept));
    let (mut credit, found) = fetch(context, &terms, split, &mut Holding { credit: held, kept }).await;
    if let Some(credit) = &mut credit {
        credit.resize(found.iter().map(|part| part.bytes).sum());
    }
    let said = {
        let mut sessions = context.sessions.borrow_mut();
        match begun {
            Begun::Parts(full) => sessions.finish_full(now_ms, peer.number, full, found, shards::random_u64),
            Begun::Session(session) => sessions.finish_incremental(session, found)?,
        }
    };
    let mut response = assemble(context, peer, said, terms.committed).await;
    keep_what_is_known(version, &mut response);
    Ok((response, credit.filter(|credit| credit.bytes() > 0)))
}

fn terms(context: &Context, request: &FetchRequest) -> Terms {
    let asked = |bytes: i32| u64::try_from(bytes).unwrap_or(0);
    let allowed = u64::from(context.settings.broker.fetch_max_bytes).min(context.largest_response);
    // Nothing at all is never meant: one batch always goes.
    let max_bytes = asked(request.max_bytes).min(allowed).max(1);
    let min_bytes = asked(request.min_bytes).min(max_bytes);
    let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
    let committed = request.isolation_level == READ_COMMITTED;
    Terms { min_bytes, max_bytes, wait: Duration::from_millis(wait_ms), committed }
}

/// A partition that is named more than once has its first place, and what is said of it last, as in Kafka, which gathers them in a map.
async fn asked(version: i16, request: &FetchRequest) -> SessionRequest {
    let count = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let mut parts: Vec<(Named, Wanted)> = Vec::with_capacity(count);
    // Where each partition is that was named out of order, and all others if any was: usually none is.
    let mut places: Option<BTreeMap<Named, usize>> = None;
    let mut topics = BTreeSet::new();
    for topic in &request.topics {
        let is_again = !topics.insert((topic.topic_id, topic.topic.as_str()));
        let mut last = if is_again { i32::MAX } else { -1 };
        let name: Rc<str> = topic.topic.as_str().into();
        for partition in &topic.partitions {
            let wanted = Wanted {
                offset: Offset(partition.fetch_offset),
                max_bytes: u64::try_from(partition.partition_max_bytes).unwrap_or(0).max(1),
                current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
                last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
            };
            let (topic_id, topic, partition) = (topic.topic_id, name.clone(), partition.partition);
            let named = Named { topic_id, topic, partition };
            if partition <= last && places.is_none() {
                places = Some(by_name(&parts).await);
            }
            last = partition;
            let before = places.as_mut().and_then(|places| match places.entry(named.clone()) {
                Entry::Vacant(free) => {
                    free.insert(parts.len());
                    None
                }
                Entry::Occupied(taken) => Some(*taken.get()),
            });
            match before {
                Some(place) => parts[place].1 = wanted,
                None => parts.push((named, wanted)),
            }
            shards::yield_if_needed().await;
        }
        shards::yield_if_needed().await;
    }
    let mut forgotten = Vec::new();
    for topic in &request.forgotten_topics_data {
        let name: Rc<str> = topic.topic.as_str().into();
        for partition in &topic.partitions {
            forgotten.push(Named { topic_id: topic.topic_id, topic: name.clone(), partition: *partition });
            shards::yield_if_needed().await;
        }
        shards::yield_if_needed().await;
    }
    // Before version 7 there were no sessions: such requests read as "none wanted".
    SessionRequest {
        session: request.session_id,
        epoch: request.session_epoch,
        by_id: version >= 13,
        parts,
        forgotten,
    }
}

async fn by_name(parts: &[(Named, Wanted)]) -> BTreeMap<Named, usize> {
    let mut places = BTreeMap::new();
    for (place, (named, _)) in parts.iter().enumerate() {
        places.insert(named.clone(), place);
        shards::yield_if_needed().await;
    }
    places
}

/// The owner of a partition, and the partition's id. The errors are Kafka's.
fn find(context: &Context, is_consumer: bool, named: &Named) -> Result<(ShardId, PartitionId), ErrorCode> {
    if !is_consumer {
        return Err(ErrorCode::REPLICA_NOT_AVAILABLE);
    }
    let partition = topics::find_named(&context.image.borrow(), named)?;
    Ok((context.router.owner(partition), partition))
}

/// Splits a request by owner. Parts are numbered by their places in it.
async fn split(context: &Context, is_consumer: bool, parts: &[(Named, Wanted)]) -> Split {
    let mut by_shard: Vec<(ShardId, Vec<FetchPart>)> = Vec::new();
    let mut refused = Vec::new();
    for (place, (named, wanted)) in parts.iter().enumerate() {
        let number = PartNumber(place as u64);
        match find(context, is_consumer, named) {
            Err(error) => refused.push(FetchedPart::refused(number, error)),
            Ok((shard, partition)) => {
                let part = wanted.of(number, partition);
                match by_shard.iter_mut().find(|(of, _)| *of == shard) {
                    Some((_, parts)) => parts.push(part),
                    None => by_shard.push((shard, vec![part])),
                }
            }
        }
        shards::yield_if_needed().await;
    }
    let shares = by_shard.into_iter().map(|(shard, parts)| Share { shard, of: FetchOf::Parts(parts) });
    Split { shares: shares.collect(), refused }
}

/// Each owner is told what changed of the session, and asked for what it has to say about it.
fn ask_for_news(context: &Context, is_consumer: bool, of: &Incremental) -> Split {
    let mut session = of.session.borrow_mut();
    let view = View { version: context.version(), is_consumer };
    session.place(view, |named| find(context, is_consumer, named));
    let id = RegistrationId { shard: context.router.shard(), number: of.registration.number };
    let changes = session.changes(&of.registration).into_iter();
    let shares = changes.map(|(shard, changes)| Share { shard, of: FetchOf::Session(id, changes) }).collect();
    let refused = session.refused().map(|(number, error)| FetchedPart::refused(number, error)).collect();
    Split { shares, refused }
}

/// What a request keeps until it is answered, here and at the owners, in bytes. What a session remembers is not the request's.
fn kept_bytes(begun: &Begun, split: &Split) -> u64 {
    let named = match begun {
        Begun::Parts(full) => full.kept_bytes(),
        Begun::Session(_) => 0,
    };
    let of_parts = |share: &Share| match &share.of {
        // The owner has them as well, and a ticket at each partition.
        FetchOf::Parts(parts) => parts.capacity() * (2 * size_of::<FetchPart>() + size_of::<FetchTicket>()),
        FetchOf::Session(..) => 0,
    };
    let shares: usize = split.shares.iter().map(of_parts).sum();
    let refused = split.refused.capacity() * size_of::<FetchedPart>();
    limits::WAITING_FETCH_BYTES + (named + shares + refused) as u64
}

/// Returns what the owners answer, with the memory credit of what was read.
async fn fetch(
    context: &Context,
    terms: &Terms,
    split: Split,
    holding: &mut Holding<'_>,
) -> (Option<Credit>, Vec<FetchedPart>) {
    let Split { mut shares, refused } = split;
    // As in Kafka, partitions that are not known hurry nobody, and where there are no others there is nothing to wait for.
    let park = !terms.wait.is_zero() && terms.min_bytes > 0;
    let mut found = refused;
    let credit = match &mut shares[..] {
        [] => None,
        [only] => {
            let credit =
                SharedCredit::new(context.responses.take(read_bytes(context, terms.max_bytes)).await);
            let request = Asking {
                grant: terms.max_bytes,
                at_least_one: true,
                min_bytes: terms.min_bytes,
                when_short: if park { WhenShort::Report } else { WhenShort::Read },
                committed: terms.committed,
            };
            let mut answer = as_fetch(ask(context, only, request, Some(&credit)).await.await);
            let mut credit = credit.take();
            let is_short = |answer: &FetchAnswer| answer.ready < terms.min_bytes && !has_error(answer);
            if park && answer.as_ref().is_some_and(is_short) {
                drop(credit);
                let stay = holding.wait(context);
                (answer, credit) = wait_for_one(context, only, request, terms.wait, stay).await;
            }
            add(&mut found, only, answer);
            Some(credit)
        }
        several => {
            let mut ready = vec![0; several.len()];
            let mut firsts = vec![u64::MAX; several.len()];
            let read = read_evenly(context, several, terms, park, &mut ready, &mut firsts, &mut found).await;
            if read.is_some() {
                read
            } else {
                if park && ready.iter().sum::<u64>() < terms.min_bytes {
                    wait_for_any(context, several, terms, &mut ready, holding.wait(context)).await;
                }
                let granted = ready.iter().sum::<u64>().min(terms.max_bytes);
                let credit = SharedCredit::new(context.responses.take(read_bytes(context, granted)).await);
                let granted = Granted { bytes: granted, committed: terms.committed, credit: &credit };
                read_granted(context, several, &granted, (&ready, &firsts), &mut found).await;
                Some(credit.take())
            }
        }
    };
    (credit, found)
}

/// Memory that is taken before so many bytes are read at most. One batch always goes, whatever its reader allows.
fn read_bytes(context: &Context, max: u64) -> u64 {
    max.max(limits::FIRST_BATCH_BYTES.min(context.largest_response))
}

/// Waits at the only owner. What comes in meanwhile is sent at once if it is little; memory for more is taken when it is there.
async fn wait_for_one(
    context: &Context,
    share: &mut Share,
    request: Asking,
    wait: Duration,
    stay: Stay,
) -> (Option<FetchAnswer>, Credit) {
    let is_little = request.min_bytes <= limits::AWAITED_BYTES;
    let grant = if is_little { request.grant.min(limits::AWAITED_BYTES) } else { 0 };
    let pending = ask(context, share, Asking { grant, when_short: WhenShort::Park, ..request }, None).await;
    let answer = wait_or_hurry(context, share.shard, pending, wait, stay).await;
    if is_little {
        return (answer, context.responses.none());
    }
    let credit = SharedCredit::new(context.responses.take(read_bytes(context, request.grant)).await);
    let pending = ask(context, share, Asking { when_short: WhenShort::Read, ..request }, Some(&credit)).await;
    (as_fetch(pending.await), credit.take())
}

/// How an owner is asked; see the fields of the same names of the message.
#[derive(Clone, Copy)]
struct Asking {
    grant: u64,
    at_least_one: bool,
    min_bytes: u64,
    when_short: WhenShort,
    committed: bool,
}

/// `credit` is for what the owner reads: it is held until that is done, even if nobody waits for the answer any more.
async fn ask(context: &Context, share: &mut Share, asking: Asking, credit: Option<&SharedCredit>) -> Pending {
    let request = OwnerRequest {
        image: context.version(),
        min_bytes: asking.min_bytes,
        grant: asking.grant,
        at_least_one: asking.at_least_one,
        when_short: asking.when_short,
        committed: asking.committed,
        of: share.again(),
    };
    let held = credit.map(SharedCredit::hold);
    context.router.ask_holding(share.shard, held, |call| Mail::Fetch(call, Box::new(request))).await
}

/// Waits for an answer; when the time is up, or there is no room to wait, asks for it at once.
async fn wait_or_hurry(
    context: &Context,
    shard: ShardId,
    pending: Pending,
    wait: Duration,
    mut stay: Stay,
) -> Option<FetchAnswer> {
    let mut waiting = Waiting::new(context, shard, pending);
    let over = std::pin::pin!(until_over(wait, &mut stay));
    let answer = match select(&mut waiting, over).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => {
            context.router.tell(shard, Mail::FetchNow(waiting.pending.call)).await;
            waiting.await
        }
    };
    as_fetch(answer)
}

async fn until_over(wait: Duration, stay: &mut Stay) {
    select(std::pin::pin!(shards::sleep(wait)), std::pin::pin!(stay.until_told())).await;
}

/// A question that an owner keeps until there is something to say. If it is given up, the owner is told when the connection has ended: it
/// would keep it for as long as nothing happens at its partitions.
struct Waiting {
    given_up: Rc<RefCell<Vec<(ShardId, Call)>>>,
    shard: ShardId,
    pending: Pending,
    is_answered: bool,
}

impl Waiting {
    fn new(context: &Context, shard: ShardId, pending: Pending) -> Self {
        Self { given_up: context.given_up.clone(), shard, pending, is_answered: false }
    }
}

impl Future for Waiting {
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Option<Answer>> {
        let answer = Pin::new(&mut self.pending).poll(task);
        self.is_answered |= answer.is_ready();
        answer
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_answered {
            self.given_up.borrow_mut().push((self.shard, self.pending.call));
        }
    }
}

fn as_fetch(answer: Option<Answer>) -> Option<FetchAnswer> {
    match answer {
        Some(Answer::Fetch(answer)) => Some(answer),
        // The node is stopping.
        _ => None,
    }
}

/// Waits until the owners together have `min_bytes` ready, or the time is up, or one of them reports an error, or there is no room to wait.
async fn wait_for_any(
    context: &Context,
    shares: &mut [Share],
    terms: &Terms,
    ready: &mut [u64],
    mut stay: Stay,
) {
    let deadline_ns = shards::monotonic_ns() + terms.wait.as_nanos() as u64;
    loop {
        let total: u64 = ready.iter().sum();
        let mut pending = Vec::new();
        for (share, own) in shares.iter_mut().zip(&*ready) {
            let missing = terms.min_bytes.saturating_sub(total - own).max(1);
            let asking = Asking {
                grant: 0,
                at_least_one: false,
                min_bytes: missing,
                when_short: WhenShort::Park,
                committed: terms.committed,
            };
            let asked = ask(context, share, asking, None).await;
            pending.push(Waiting::new(context, share.shard, asked));
        }
        let left = deadline_ns.saturating_sub(shards::monotonic_ns());
        let over = std::pin::pin!(until_over(Duration::from_nanos(left), &mut stay));
        let (first, mut rest) = match select(select_all(pending.iter_mut()), over).await {
            Either::Left(((answer, at, _), _)) => (Some((at, as_fetch(answer))), true),
            Either::Right(((), _)) => (None, false),
        };
        for (at, waiting) in pending.iter_mut().enumerate() {
            let answer = match &first {
                Some((done, answer)) if *done == at => {
                    answer.as_ref().map(|answer| (answer.ready, has_error(answer)))
                }
                _ => {
                    context.router.tell(waiting.shard, Mail::FetchNow(waiting.pending.call)).await;
                    as_fetch(waiting.await).map(|answer| (answer.ready, has_error(&answer)))
                }
            };
            let (bytes, failed) = answer.unwrap_or((0, true));
            ready[at] = bytes;
            rest &= !failed;
        }
        if !rest || ready.iter().sum::<u64>() >= terms.min_bytes {
            return;
        }
    }
}

fn has_error(answer: &FetchAnswer) -> bool {
    answer.parts.iter().any(is_error)
}

fn is_error(part: &FetchedPart) -> bool {
    part.error != ErrorCode::NONE || part.diverging.is_some()
}

/// One round trip for the usual case: every owner may send its even share at once. `None`, with what is `ready` and which part is the first that
/// is, if that gave too little: the owners have less than was asked for, or what they have does not fit into their shares.
async fn read_evenly(
    context: &Context,
    shares: &mut [Share],
    terms: &Terms,
    park: bool,
    ready: &mut [u64],
    firsts: &mut [u64],
    found: &mut Vec<FetchedPart>,
) -> Option<Credit> {
    let credit = SharedCredit::new(context.responses.take(read_bytes(context, terms.max_bytes)).await);
    let mut pending = Vec::new();
    let even = terms.max_bytes / shares.len() as u64;
    for (nth, share) in shares.iter_mut().enumerate() {
        let asking = Asking {
            grant: even,
            at_least_one: nth == 0,
            min_bytes: if park { terms.min_bytes } else { 0 },
            when_short: if park { WhenShort::Report } else { WhenShort::Read },
            committed: terms.committed,
        };
        pending.push(ask(context, share, asking, Some(&credit)).await);
    }
    let answers: Vec<Option<FetchAnswer>> = join_all(pending).await.into_iter().map(as_fetch).collect();
    let mut failed = false;
    let mut bytes = 0;
    for (ready, answer) in ready.iter_mut().zip(&answers) {
        *ready = answer.as_ref().map_or(0, |answer| answer.ready);
        failed |= answer.as_ref().is_none_or(has_error);
        bytes += answer.iter().flat_map(|answer| &answer.parts).map(|part| part.bytes).sum::<u64>();
    }
    let all = || answers.iter().flatten().flat_map(|answer| &answer.parts);
    for (first, answer) in firsts.iter_mut().zip(&answers) {
        let parts = answer.iter().flat_map(|answer| &answer.parts);
        *first = first_of(parts.filter(|part| part.ready > 0));
    }
    // The first part that has any is sent one batch at least (KIP-74), and is the last the next time. If another were sent in its stead each time,
    // it might never have its turn.
    let is_passed_over = first_of(all().filter(|part| part.ready > 0 && part.bytes == 0 && !is_error(part)))
        < first_of(all().filter(|part| part.bytes > 0));
    let there: u64 = ready.iter().sum();
    let is_enough =
        if bytes > 0 { !park || failed || there >= terms.min_bytes } else { there == 0 && (!park || failed) };
    if !is_enough || bytes > 0 && is_passed_over {
        return None;
    }
    for (share, answer) in shares.iter().zip(answers) {
        add(found, share, answer);
    }
    Some(credit.take())
}

/// The place of the first of these parts.
fn first_of<'a>(parts: impl Iterator<Item = &'a FetchedPart>) -> u64 {
    parts.map(|part| part.order).min().unwrap_or(u64::MAX)
}

/// What all owners together may read.
struct Granted<'a> {
    bytes: u64,
    committed: bool,
    credit: &'a SharedCredit,
}

/// Grants bytes to the owners in the order of their first parts that have any, and reads. Of each owner is told what it has ready, and which of
/// its parts is the first that has any.
async fn read_granted(
    context: &Context,
    shares: &mut [Share],
    granted: &Granted<'_>,
    (ready, firsts): (&[u64], &[u64]),
    found: &mut Vec<FetchedPart>,
) {
    let mut left = granted.bytes;
    let mut first = true;
    let mut turns: Vec<usize> = (0..shares.len()).collect();
    turns.sort_by_key(|at| firsts[*at]);
    let mut pending = Vec::new();
    for at in &turns {
        let grant = ready[*at].min(left);
        left -= grant;
        let at_least_one = first && ready[*at] > 0;
        let (min_bytes, when_short, committed) = (0, WhenShort::Read, granted.committed);
        let asking = Asking { grant, at_least_one, min_bytes, when_short, committed };
        pending.push(ask(context, &mut shares[*at], asking, Some(granted.credit)).await);
        first &= ready[*at] == 0;
    }
    for (at, answer) in turns.into_iter().zip(join_all(pending).await) {
        add(found, &shares[at], as_fetch(answer));
    }
}

/// An owner's last word. `None` if it will not answer.
fn add(found: &mut Vec<FetchedPart>, of: &Share, answer: Option<FetchAnswer>) {
    match (answer, &of.of) {
        (Some(answer), _) => found.extend(answer.parts),
        (None, FetchOf::Parts(parts)) => {
            let gone =
                |part: &FetchPart| FetchedPart::refused(part.number, ErrorCode::NOT_LEADER_OR_FOLLOWER);
            found.extend(parts.iter().map(gone));
        }
        // A session is told what is new, and nothing is known to be.
        (None, FetchOf::Session(..)) => {}
    }
}

async fn assemble(context: &Context, peer: &Peer, said: Said, committed: bool) -> FetchResponse {
    let mut response = FetchResponse { session_id: said.session, ..Default::default() };
    let image = context.image();
    let mut moved = false;
    for (named, part) in said.mentioned {
        shards::yield_if_needed().await;
        let same_topic = response.responses.last().is_some_and(|topic: &FetchableTopicResponse| {
            topic.topic_id == named.topic_id && topic.topic == *named.topic
        });
        if !same_topic {
            response.responses.push(FetchableTopicResponse {
                topic: (*named.topic).into(),
                topic_id: named.topic_id,
                ..Default::default()
            });
        }
        let mut data = partition_data(named.partition, part, committed);
        if matches!(data.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) {
            let partition = topics::find_named(&image, &named).ok();
            if let Some((leader_id, leader_epoch)) =
                partition.and_then(|partition| topics::leader(&image, partition))
            {
                data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
                moved = true;
            }
        }
        if let Some(topic) = response.responses.last_mut() {
            topic.partitions.push(data);
        }
    }
    if moved {
        response.node_endpoints = topics::endpoints(context, &image, peer.listener)
            .map(|(node_id, host, port)| NodeEndpoint {
                node_id,
                host: host.into(),
                port,
                ..Default::default()
            })
            .collect();
    }
    response
}

/// Takes out what this version cannot say: diverging epochs and leaders before 12 (KIP-595, KIP-951), endpoints before 16.
fn keep_what_is_known(version: i16, response: &mut FetchResponse) {
    if version < 16 {
        response.node_endpoints.clear();
    }
    if version < 12 {
        for part in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
            part.current_leader = LeaderIdAndEpoch::default();
            part.diverging_epoch = EpochEndOffset::default();
        }
    }
}

fn partition_data(partition_index: i32, part: FetchedPart, committed: bool) -> PartitionData {
    let mut records = Records::default();
    for slice in part.slices {
        records.push(slice);
    }
    let diverging_epoch = part.diverging.map_or_else(EpochEndOffset::default, |(epoch, end)| {
        EpochEndOffset { epoch: epoch.0, end_offset: end.0, ..Default::default() }
    });
    // Kafka says null where it has not read.
    let was_read = part.error == ErrorCode::NONE && part.diverging.is_none();
    let aborted_transactions = (committed && was_read).then(|| {
        let aborted = part.aborted.iter();
        aborted
            .map(|txn| AbortedTransaction {
                producer_id: txn.producer_id,
                first_offset: txn.first_offset,
                ..Default::default()
            })
            .collect()
    });
    PartitionData {
        partition_index,
        error_code: part.error,
        high_watermark: part.high_watermark.0,
        last_stable_offset: part.last_stable.0,
        log_start_offset: part.log_start.0,
        diverging_epoch,
        aborted_transactions,
        records: Some(records),
        ..Default::default()
    }
}

impl FetchedPart {
    /// An error that is known without an owner.
    fn refused(number: PartNumber, error: ErrorCode) -> Self {
        Self {
            number,
            error,
            high_watermark: Offset(-1),
            last_stable: Offset(-1),
            log_start: Offset(-1),
            leader_epoch: LeaderEpoch(-1),
            ..Self::default()
        }
    }
}

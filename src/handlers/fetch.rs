//! Fetch v4-18: records by topic name or id, incremental sessions (KIP-227), long polling, at least one whole batch (KIP-74), leader
//! epochs (KIP-320) and hints about leaders that moved (KIP-951).
//!
//! If one shard owns all that is asked, one message asks it and it answers when enough is ready. With several, each first reports
//! when something is ready; then bytes are granted, in the order of the request, and each reads what it was granted.
//!
//! Not here: fetches of followers (refused with `REPLICA_NOT_AVAILABLE`), rack-aware read replicas (KIP-392), throttling.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select, select_all};
use logan_shards as shards;

use super::fetch_sessions::{Asked, Begun, Named, Seen, Wanted};
use super::{Context, Credit, topics};
use crate::limits;
use crate::mail::{
    Answer, FetchAnswer, FetchPart, FetchRequest as OwnerRequest, FetchedPart, Mail, Pending, Shortage,
};
use crate::model::{LeaderEpoch, Offset, PartitionId, ShardId};
use crate::protocol::messages::fetch::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use crate::protocol::messages::{FetchRequest, FetchResponse};
use crate::protocol::{ErrorCode, Records, Str};

/// The partitions of one shard, and where each stands in the request.
struct Share {
    shard: ShardId,
    parts: Vec<FetchPart>,
    places: Vec<usize>,
}

/// How much, and how long to wait for it.
struct Terms {
    min_bytes: u64,
    max_bytes: u64,
    wait: Duration,
}

pub(super) async fn handle(
    context: &Rc<Context>,
    version: i16,
    request: FetchRequest,
) -> (FetchResponse, Option<Credit>) {
    let is_consumer = request.replica_id < 0 && request.replica_state.replica_id < 0;
    let read_committed = request.isolation_level == 1;
    let terms = terms(context, &request);
    let now_ms = shards::wall_clock_ms();
    let begun = match context.sessions.borrow_mut().begin(now_ms, asked(version, &request)) {
        Ok(begun) => begun,
        Err(error_code) => return (FetchResponse { error_code, ..Default::default() }, None),
    };
    let mut fetched: Vec<FetchedPart> = Vec::with_capacity(begun.parts.len());
    let mut shares: Vec<Share> = Vec::new();
    let image = context.image();
    for (place, (named, wanted)) in begun.parts.iter().enumerate() {
        let found = if is_consumer {
            topics::find_named(&image, named)
        } else {
            Err(ErrorCode::REPLICA_NOT_AVAILABLE)
        };
        fetched.push(FetchedPart::refused(found.err()));
        if let Ok(partition) = found {
            share(context, &mut shares, partition, wanted, place);
        }
    }
    let refused = fetched.iter().any(|part| part.error != 0);
    let mut credit = fetch(context, &terms, refused, &mut shares, &mut fetched).await;
    if let Some(credit) = &mut credit {
        credit.resize(fetched.iter().map(|part| part.bytes).sum());
    }
    let seen: Vec<Seen> = fetched.iter().map(seen).collect();
    let (session_id, mentioned) =
        context.sessions.borrow_mut().finish(now_ms, &begun, &seen, shards::random_u64);
    let mut response = assemble(context, &begun, fetched, &mentioned, session_id, read_committed);
    keep_what_is_known(version, &mut response);
    (response, credit.filter(|credit| credit.bytes() > 0))
}

fn terms(context: &Context, request: &FetchRequest) -> Terms {
    let asked = |bytes: i32| u64::try_from(bytes).unwrap_or(0);
    let allowed = u64::from(context.settings.broker.fetch_max_bytes).min(context.largest_response);
    let max_bytes = asked(request.max_bytes).min(allowed);
    let min_bytes = asked(request.min_bytes).min(max_bytes);
    let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
    Terms { min_bytes, max_bytes, wait: Duration::from_millis(wait_ms) }
}

fn asked(version: i16, request: &FetchRequest) -> Asked {
    let named = |topic_id, topic: &Str, partition| Named { topic_id, topic: topic.to_string(), partition };
    let mut parts = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let wanted = Wanted {
                offset: Offset(partition.fetch_offset),
                max_bytes: u64::try_from(partition.partition_max_bytes).unwrap_or(0),
                current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
                last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
            };
            parts.push((named(topic.topic_id, &topic.topic, partition.partition), wanted));
        }
    }
    let forgotten = request.forgotten_topics_data.iter();
    let forgotten = forgotten
        .flat_map(|topic| {
            topic.partitions.iter().map(move |partition| named(topic.topic_id, &topic.topic, *partition))
        })
        .collect();
    // Before version 7 there were no sessions: such requests read as "none wanted".
    Asked {
        session: request.session_id,
        epoch: request.session_epoch,
        by_id: version >= 13,
        parts,
        forgotten,
    }
}

fn share(context: &Context, shares: &mut Vec<Share>, partition: PartitionId, wanted: &Wanted, place: usize) {
    let shard = context.router.owner(partition);
    let at = shares.iter().position(|share| share.shard == shard).unwrap_or_else(|| {
        shares.push(Share { shard, parts: Vec::new(), places: Vec::new() });
        shares.len() - 1
    });
    shares[at].places.push(place);
    shares[at].parts.push(FetchPart {
        partition,
        offset: wanted.offset,
        max_bytes: wanted.max_bytes,
        current_leader_epoch: wanted.current_leader_epoch,
        last_fetched_epoch: wanted.last_fetched_epoch,
    });
}

/// Fills `fetched` with what the owners answer; returns the memory credit of what was read.
async fn fetch(
    context: &Context,
    terms: &Terms,
    refused: bool,
    shares: &mut [Share],
    fetched: &mut [FetchedPart],
) -> Option<Credit> {
    let park = !refused && !terms.wait.is_zero() && terms.min_bytes > 0;
    match shares {
        [] => {
            if park {
                // An incremental fetch of a session without partitions waits all the same.
                shards::sleep(terms.wait).await;
            }
            None
        }
        [only] => {
            let mut credit = context.responses.take(terms.max_bytes).await;
            let shortage = if park { Shortage::Report } else { Shortage::Read };
            let request =
                Asking { grant: terms.max_bytes, at_least_one: true, min_bytes: terms.min_bytes, shortage };
            let mut answer = as_fetch(ask(context, only, request).await.await);
            let is_short = |answer: &FetchAnswer| answer.ready < terms.min_bytes && !has_error(answer);
            if park && answer.as_ref().is_some_and(is_short) {
                (answer, credit) = wait_for_one(context, only, request, terms.wait, credit).await;
            }
            place(only, answer, fetched);
            Some(credit)
        }
        several => {
            let mut ready = vec![0; several.len()];
            if let Some(credit) = read_evenly(context, several, terms, park, &mut ready, fetched).await {
                return Some(credit);
            }
            if park && ready.iter().sum::<u64>() < terms.min_bytes {
                wait_for_any(context, several, terms, &mut ready).await;
            }
            let granted = ready.iter().sum::<u64>().min(terms.max_bytes);
            let credit = context.responses.take(granted).await;
            read_granted(context, several, granted, &ready, fetched).await;
            Some(credit)
        }
    }
}

/// Waits at the only owner. What comes in meanwhile is sent at once if it is little; memory for more is taken when it is there.
async fn wait_for_one(
    context: &Context,
    share: &Share,
    request: Asking,
    wait: Duration,
    credit: Credit,
) -> (Option<FetchAnswer>, Credit) {
    drop(credit);
    let is_little = request.min_bytes <= limits::AWAITED_BYTES;
    let grant = if is_little { request.grant.min(limits::AWAITED_BYTES) } else { 0 };
    let pending = ask(context, share, Asking { grant, shortage: Shortage::Park, ..request }).await;
    let answer = wait_or_hurry(context, share.shard, pending, wait).await;
    if is_little {
        return (answer, context.responses.none());
    }
    let credit = context.responses.take(request.grant).await;
    let pending = ask(context, share, Asking { shortage: Shortage::Read, ..request }).await;
    (as_fetch(pending.await), credit)
}

/// How an owner is asked; see the fields of the same names of the message.
#[derive(Clone, Copy)]
struct Asking {
    grant: u64,
    at_least_one: bool,
    min_bytes: u64,
    shortage: Shortage,
}

async fn ask(context: &Context, share: &Share, asking: Asking) -> Pending {
    let request = OwnerRequest {
        image: context.version(),
        min_bytes: asking.min_bytes,
        grant: asking.grant,
        at_least_one: asking.at_least_one,
        shortage: asking.shortage,
        parts: share.parts.clone(),
    };
    context.router.ask(share.shard, |call| Mail::Fetch(call, Box::new(request))).await
}

/// Waits for an answer; when the time is up, asks for it at once.
async fn wait_or_hurry(
    context: &Context,
    shard: ShardId,
    mut pending: Pending,
    wait: Duration,
) -> Option<FetchAnswer> {
    let answer = match select(&mut pending, std::pin::pin!(shards::sleep(wait))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => {
            context.router.tell(shard, Mail::FetchNow(pending.call)).await;
            pending.await
        }
    };
    as_fetch(answer)
}

fn as_fetch(answer: Option<Answer>) -> Option<FetchAnswer> {
    match answer {
        Some(Answer::Fetch(answer)) => Some(answer),
        // The node is stopping.
        _ => None,
    }
}

/// Waits until the owners together have `min_bytes` ready, or the time is up, or one of them reports an error.
async fn wait_for_any(context: &Context, shares: &[Share], terms: &Terms, ready: &mut [u64]) {
    let deadline_ns = shards::monotonic_ns() + terms.wait.as_nanos() as u64;
    loop {
        let total: u64 = ready.iter().sum();
        let mut pending = Vec::new();
        for (share, own) in shares.iter().zip(&*ready) {
            let missing = terms.min_bytes.saturating_sub(total - own).max(1);
            let asking =
                Asking { grant: 0, at_least_one: false, min_bytes: missing, shortage: Shortage::Park };
            pending.push(ask(context, share, asking).await);
        }
        let left = deadline_ns.saturating_sub(shards::monotonic_ns());
        let timer = std::pin::pin!(shards::sleep(Duration::from_nanos(left)));
        let (first, mut rest) = match select(select_all(pending.iter_mut()), timer).await {
            Either::Left(((answer, at, _), _)) => (Some((at, as_fetch(answer))), true),
            Either::Right(((), _)) => (None, false),
        };
        for (at, pending) in pending.iter_mut().enumerate() {
            let answer = match &first {
                Some((done, answer)) if *done == at => {
                    answer.as_ref().map(|answer| (answer.ready, has_error(answer)))
                }
                _ => {
                    context.router.tell(shares[at].shard, Mail::FetchNow(pending.call)).await;
                    as_fetch(pending.await).map(|answer| (answer.ready, has_error(&answer)))
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
    answer.parts.iter().any(|part| part.error != 0 || part.diverging.is_some())
}

/// One round trip for the usual case: every owner may send its even share at once. `None`, with what is `ready`, if that gave too little: the
/// owners have less than was asked for, or what they have does not fit into their shares.
async fn read_evenly(
    context: &Context,
    shares: &[Share],
    terms: &Terms,
    park: bool,
    ready: &mut [u64],
    fetched: &mut [FetchedPart],
) -> Option<Credit> {
    let credit = context.responses.take(terms.max_bytes).await;
    let mut pending = Vec::new();
    for (nth, share) in shares.iter().enumerate() {
        let asking = Asking {
            grant: terms.max_bytes / shares.len() as u64,
            at_least_one: nth == 0,
            min_bytes: if park { terms.min_bytes } else { 0 },
            shortage: if park { Shortage::Report } else { Shortage::Read },
        };
        pending.push(ask(context, share, asking).await);
    }
    let answers: Vec<Option<FetchAnswer>> = join_all(pending).await.into_iter().map(as_fetch).collect();
    let mut failed = false;
    let mut bytes = 0;
    for (ready, answer) in ready.iter_mut().zip(&answers) {
        *ready = answer.as_ref().map_or(0, |answer| answer.ready);
        failed |= answer.as_ref().is_none_or(has_error);
        bytes += answer.iter().flat_map(|answer| &answer.parts).map(|part| part.bytes).sum::<u64>();
    }
    let there: u64 = ready.iter().sum();
    let is_enough =
        if bytes > 0 { !park || failed || there >= terms.min_bytes } else { there == 0 && (!park || failed) };
    if !is_enough {
        return None;
    }
    for (share, answer) in shares.iter().zip(answers) {
        place(share, answer, fetched);
    }
    Some(credit)
}

/// Grants bytes to the owners in the order of the request and reads.
async fn read_granted(
    context: &Context,
    shares: &[Share],
    max_bytes: u64,
    ready: &[u64],
    fetched: &mut [FetchedPart],
) {
    let mut left = max_bytes;
    let mut first = true;
    let mut pending = Vec::new();
    for (share, ready) in shares.iter().zip(ready) {
        let grant = (*ready).min(left);
        left -= grant;
        let at_least_one = first && *ready > 0;
        let asking = Asking { grant, at_least_one, min_bytes: 0, shortage: Shortage::Read };
        pending.push(ask(context, share, asking).await);
        first &= *ready == 0;
    }
    for (share, answer) in shares.iter().zip(join_all(pending).await) {
        place(share, as_fetch(answer), fetched);
    }
}

fn place(share: &Share, answer: Option<FetchAnswer>, fetched: &mut [FetchedPart]) {
    let Some(answer) = answer else {
        for place in &share.places {
            fetched[*place] = FetchedPart::refused(Some(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        return;
    };
    for (place, part) in share.places.iter().zip(answer.parts) {
        fetched[*place] = part;
    }
}

fn seen(part: &FetchedPart) -> Seen {
    Seen {
        error: part.error,
        high_watermark: part.high_watermark,
        log_start: part.log_start,
        has_records: part.bytes > 0,
        diverging: part.diverging.is_some(),
    }
}

fn assemble(
    context: &Context,
    begun: &Begun,
    fetched: Vec<FetchedPart>,
    mentioned: &[bool],
    session_id: i32,
    read_committed: bool,
) -> FetchResponse {
    let mut response = FetchResponse { session_id, ..Default::default() };
    let image = context.image();
    let mut moved = false;
    for (((named, _), part), mentioned) in begun.parts.iter().zip(fetched).zip(mentioned) {
        if !mentioned {
            continue;
        }
        let same_topic = response.responses.last().is_some_and(|topic: &FetchableTopicResponse| {
            topic.topic_id == named.topic_id && topic.topic == named.topic.as_str()
        });
        if !same_topic {
            response.responses.push(FetchableTopicResponse {
                topic: named.topic.as_str().into(),
                topic_id: named.topic_id,
                ..Default::default()
            });
        }
        let mut data = partition_data(named.partition, part, read_committed);
        if matches!(data.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) {
            let partition = topics::find_named(&image, named).ok();
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
        response.node_endpoints = topics::endpoints(&image)
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

fn partition_data(partition_index: i32, part: FetchedPart, read_committed: bool) -> PartitionData {
    let mut records = Records::default();
    for slice in part.slices {
        records.push(slice);
    }
    let diverging_epoch = part.diverging.map_or_else(EpochEndOffset::default, |(epoch, end)| {
        EpochEndOffset { epoch: epoch.0, end_offset: end.0, ..Default::default() }
    });
    PartitionData {
        partition_index,
        error_code: ErrorCode(part.error),
        high_watermark: part.high_watermark.0,
        last_stable_offset: part.last_stable.0,
        log_start_offset: part.log_start.0,
        diverging_epoch,
        aborted_transactions: read_committed.then(Vec::new),
        records: Some(records),
        ..Default::default()
    }
}

impl FetchedPart {
    /// Before any owner was asked: an error, or nothing yet.
    fn refused(error: Option<ErrorCode>) -> Self {
        Self {
            error: error.unwrap_or(ErrorCode::NONE).0,
            high_watermark: Offset(-1),
            last_stable: Offset(-1),
            log_start: Offset(-1),
            leader_epoch: LeaderEpoch(-1),
            ..Self::default()
        }
    }
}

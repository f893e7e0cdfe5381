//! Fetches at the owner: what is ready, what may be read, and who waits for more.
//!
//! The visible offset is taken before anything is read, and a fetch is parked in the same turn in which nothing was found ready:
//! so no wake-up is lost.

use std::borrow::Cow;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use logan_shards::{self as shards, Queue};
use logan_storage::{CommittedRead, ReadBounds, ReadError, held_by, planted};

use super::offsets::end_of_epoch;
use super::owner::{Hosted, Owner, epoch_of};
use crate::limits::ROUND_HANGS_AFTER;
use crate::mail::{Answer, Call, FetchAnswer, FetchOf, FetchPart, FetchRequest, FetchedPart, WhenShort};
use crate::model::{ErrorCode, LeaderEpoch, Offset};
use crate::partition::{FetchTicket, PLENTY, Refusal, Replica};

/// Logs that are read in at a time for one fetch.
const LOADED_AT_ONCE: usize = 32;

/// A fetch that waits until enough is ready.
pub struct Parked {
    call: Call,
    request: FetchRequest,
}

/// What was looked at for a fetch, and what was found, part by part.
struct Looked<'a> {
    parts: Cow<'a, [FetchPart]>,
    answer: FetchAnswer,
}

impl Looked<'_> {
    /// Whether a fetch that would rather wait for `min_bytes` is answered.
    fn is_enough(&self, min_bytes: u64) -> bool {
        self.answer.ready >= min_bytes || self.answer.parts.iter().any(|part| part.error != ErrorCode::NONE)
    }
}

impl Owner {
    /// Answers now, or when enough is ready.
    pub fn on_fetch(self: &Rc<Self>, call: Call, mut request: FetchRequest) {
        if let FetchOf::Session(id, changes) = &mut request.of {
            if let Some(number) = self.parked_of(*id) {
                // A session has one fetch at a time: who asks again has given the other up.
                self.unpark_and_answer(number);
            }
            self.register(*id, std::mem::take(changes), request.committed);
        }
        let looked = self.look(&request);
        let cold = self.cold(&looked);
        if cold.is_empty() {
            return self.answer_or_wait(call, &request, looked);
        }
        drop(looked);
        self.loading.borrow_mut().insert(call, false);
        let owner = self.clone();
        shards::spawn(Queue::Fetch, async move {
            stream::iter(cold).for_each_concurrent(LOADED_AT_ONCE, load).await;
            if owner.loading.borrow_mut().remove(&call) == Some(true) {
                request.when_short = WhenShort::Read;
            }
            let looked = owner.look(&request);
            owner.answer_or_wait(call, &request, looked);
        })
        .detach();
    }

    /// Partitions of which it is not known yet what is stable, and which epochs they have: their logs must be loaded first.
    fn cold(&self, looked: &Looked<'_>) -> Vec<Rc<Hosted>> {
        let parts = looked.parts.iter().zip(&looked.answer.parts);
        let cold = parts.filter(|(_, found)| found.is_stable_unknown());
        let hosted = cold.filter_map(|(part, _)| self.hosted(part.partition));
        hosted.filter(|hosted| !hosted.log.is_loaded() && !hosted.is_unreadable.get()).collect()
    }

    fn answer_or_wait(self: &Rc<Self>, call: Call, request: &FetchRequest, looked: Looked<'_>) {
        let enough = looked.is_enough(request.min_bytes);
        match request.when_short {
            WhenShort::Report if !enough => self.router.answer(call, Answer::Fetch(looked.answer)),
            // A session that ended while logs were read in is told of nothing any more.
            WhenShort::Park if !enough && self.is_registered(&request.of) => {
                drop(looked);
                self.park(call, request.clone());
            }
            _ => self.answer_fetch(call, request, looked),
        }
    }

    /// Fetches that wait here for more.
    pub fn fetches_waiting(&self) -> usize {
        self.parked.borrow().len() + self.loading.borrow().len()
    }

    /// The connection's shard waits no longer.
    pub fn on_fetch_now(self: &Rc<Self>, call: Call) {
        if let Some(hurries) = self.loading.borrow_mut().get_mut(&call) {
            *hurries = true;
        }
        let number = self.parked_calls.borrow().get(&call).copied();
        if let Some(number) = number {
            self.unpark_and_answer(number);
        }
    }

    /// Something happened at a partition that this fetch waits at.
    pub(super) fn look_again(self: &Rc<Self>, number: u64) {
        let Some(request) = self.parked.borrow().get(&number).map(|parked| parked.request.clone()) else {
            return;
        };
        if self.look(&request).is_enough(request.min_bytes) {
            self.unpark_and_answer(number);
        } else if let FetchOf::Session(id, _) = request.of {
            self.watch_all_news(id);
        }
    }

    /// Answers everything that is parked, with what there is: the node is stopping.
    pub fn empty_parked(self: &Rc<Self>) {
        self.loading.borrow_mut().values_mut().for_each(|hurries| *hurries = true);
        let numbers: Vec<u64> = self.parked.borrow().keys().copied().collect();
        for number in numbers {
            self.unpark_and_answer(number);
        }
    }

    fn park(&self, call: Call, request: FetchRequest) {
        let number = self.next_parked.get();
        self.next_parked.set(number + 1);
        match &request.of {
            FetchOf::Parts(parts) => {
                for hosted in parts.iter().filter_map(|part| self.hosted(part.partition)) {
                    hosted.replica.borrow_mut().park(FetchTicket(number));
                }
            }
            FetchOf::Session(id, _) => {
                self.watch_all_news(*id);
                self.set_parked(*id, Some(number));
            }
        }
        self.parked_calls.borrow_mut().insert(call, number);
        self.parked.borrow_mut().insert(number, Parked { call, request });
    }

    pub(super) fn unpark_and_answer(self: &Rc<Self>, number: u64) {
        let Some(parked) = self.parked.borrow_mut().remove(&number) else { return };
        self.parked_calls.borrow_mut().remove(&parked.call);
        match &parked.request.of {
            FetchOf::Parts(parts) => {
                for hosted in parts.iter().filter_map(|part| self.hosted(part.partition)) {
                    hosted.replica.borrow_mut().unpark(FetchTicket(number));
                }
            }
            FetchOf::Session(id, _) => self.set_parked(*id, None),
        }
        let looked = self.look(&parked.request);
        self.answer_fetch(parked.call, &parked.request, looked);
    }

    fn look<'a>(&self, request: &'a FetchRequest) -> Looked<'a> {
        let committed = request.committed;
        let (parts, found) = match &request.of {
            FetchOf::Parts(parts) => {
                (Cow::from(parts), parts.iter().map(|part| self.check_part(part, committed)).collect())
            }
            FetchOf::Session(id, _) => {
                let (parts, found) = self.look_at_news(*id, committed);
                (Cow::from(parts), found)
            }
        };
        let ready = found.iter().map(|part: &FetchedPart| part.ready).sum();
        Looked { parts, answer: FetchAnswer { ready, parts: found } }
    }

    pub(super) fn check_part(&self, part: &FetchPart, committed: bool) -> FetchedPart {
        FetchedPart { number: part.number, order: part.number.0, ..self.find(part, committed) }
    }

    fn find(&self, part: &FetchPart, committed: bool) -> FetchedPart {
        let Some(hosted) = self.hosted(part.partition) else {
            return FetchedPart::failed(self.absence(part.partition), LeaderEpoch(-1));
        };
        let replica = hosted.replica.borrow();
        let epoch = replica.leadership().epoch;
        if let Err(refusal) = replica.check_leader(part.current_leader_epoch) {
            return FetchedPart::failed(ErrorCode::from(refusal), epoch);
        }
        let stable = hosted.last_stable(replica.high_watermark());
        if committed && stable.is_none() && hosted.is_unreadable.get() {
            return FetchedPart::failed(ErrorCode::KAFKA_STORAGE_ERROR, epoch);
        }
        let high_watermark = self.watermark_told(&replica);
        let mut fetched = FetchedPart {
            high_watermark,
            last_stable: self.stable_told(&replica, stable),
            log_start: replica.log_start(),
            leader_epoch: epoch,
            ..FetchedPart::default()
        };
        let offered = match diverging(&hosted, part, replica.log_start()) {
            // Told at once: the client must truncate before it can go on.
            Ok(Some(diverging)) => Ok((Some(diverging), PLENTY)),
            Ok(None) => {
                // What is not known to be stable is not shown.
                let end = if committed { stable.unwrap_or(part.offset) } else { replica.log_end() };
                replica.check_fetch(part.offset).map(|()| (None, replica.ready_bytes(part.offset, end)))
            }
            Err(refusal) => Err(refusal),
        };
        match offered {
            Ok((diverging, ready)) => {
                fetched.diverging = diverging;
                fetched.ready = ready.min(part.max_bytes);
            }
            Err(refusal) => {
                fetched.error = ErrorCode::from(refusal);
                // Kafka says -1 for all three with an error.
                fetched.high_watermark = Offset(-1);
                fetched.last_stable = Offset(-1);
                fetched.log_start = Offset(-1);
            }
        }
        fetched
    }

    /// The watermark as a fetch is told it.
    fn watermark_told(&self, replica: &Replica) -> Offset {
        let watermark = replica.high_watermark();
        if planted(self.mutations.lower_watermark) {
            return Offset(watermark.0 - 1).max(replica.log_start());
        }
        if planted(self.mutations.tell_unsettled) { replica.log_end() } else { watermark }
    }

    /// The last stable offset as a fetch is told it: -1, which Kafka's clients pass over, if the log cannot be loaded.
    fn stable_told(&self, replica: &Replica, stable: Option<Offset>) -> Offset {
        match stable {
            Some(stable) if stable < replica.high_watermark() => stable,
            Some(_) => self.watermark_told(replica),
            None => Offset(-1),
        }
    }

    /// How far a fetch may read.
    fn visible(&self, replica: &Replica) -> Offset {
        if planted(self.mutations.read_unsettled) { replica.log_end() } else { replica.high_watermark() }
    }

    /// Reads what was granted and answers: in this turn if all of it is in memory, else in a task that reads the rest at once.
    fn answer_fetch(self: &Rc<Self>, call: Call, request: &FetchRequest, looked: Looked<'_>) {
        let Looked { parts, mut answer } = looked;
        if cfg!(debug_assertions)
            && let FetchOf::Session(id, _) = request.of
        {
            self.check_registration(id);
        }
        let cold = self.read_from_memory(request, &parts, &mut answer);
        if cold.is_empty() {
            self.router.answer(call, Answer::Fetch(answer));
            return;
        }
        let owner = self.clone();
        shards::spawn(Queue::Fetch, async move {
            let parts = join_all(cold.into_iter().map(Cold::read)).await;
            for (at, part) in parts {
                let number = answer.parts[at].number;
                match part {
                    Ok(read) => answer.parts[at].take(read),
                    Err(failed) => answer.parts[at] = FetchedPart { number, ..failed },
                }
            }
            owner.router.answer(call, Answer::Fetch(answer));
        })
        .detach();
    }

    /// Takes what is in memory, and returns what must be read from disk. What a disk read may bring counts as brought, and what it holds
    /// meanwhile counts, too, so that all together stay within the grant. Parts for which that leaves no room have their turn when they are
    /// asked for again.
    fn read_from_memory(
        &self,
        request: &FetchRequest,
        parts: &[FetchPart],
        answer: &mut FetchAnswer,
    ) -> Vec<Cold> {
        let (mut left, mut need_one) = (request.grant, request.at_least_one && request.grant > 0);
        let (mut cold, mut room) = (Vec::new(), request.grant);
        for (at, (part, checked)) in parts.iter().zip(&mut answer.parts).enumerate() {
            if left == 0 && !need_one {
                break;
            }
            if checked.error != ErrorCode::NONE || checked.diverging.is_some() || checked.ready == 0 {
                continue;
            }
            let Some(hosted) = self.hosted(part.partition) else { continue };
            let visible = self.visible(&hosted.replica.borrow());
            let bytes = part.max_bytes.min(left) as usize;
            let limits = ReadBounds { offset: visible.0, bytes, at_least_one: need_one };
            let (from, committed) = (part.offset.0, request.committed);
            let found = if committed {
                hosted.log.read_committed_cached(from, limits)
            } else {
                hosted.log.read_cached(from, limits).map(CommittedRead::from)
            };
            if let Some(found) = found {
                left = left.saturating_sub(found.read.bytes as u64);
                need_one &= found.read.bytes == 0;
                checked.take(found);
            } else {
                let held = held_by(bytes) as u64;
                if held > room && !need_one {
                    continue;
                }
                room = room.saturating_sub(held);
                left = left.saturating_sub(checked.ready.min(bytes as u64));
                need_one = false;
                cold.push(Cold { at, hosted, offset: part.offset, limits, committed });
            }
        }
        cold
    }
}

/// Brings into memory what the log knows beside its batches.
async fn load(hosted: Rc<Hosted>) {
    match hosted.log.load().await {
        // A deleted log, or a directory that has failed, is found out by the fetch itself.
        Ok(()) | Err(ReadError::Closed | ReadError::Failed) => {}
        Err(error) => {
            tracing::error!(log = %hosted.log.key(), %error, "what is stable in the log is not known");
            hosted.is_unreadable.set(true);
        }
    }
}

/// A part that must be read from disk.
struct Cold {
    /// Its place in the request.
    at: usize,
    hosted: Rc<Hosted>,
    offset: Offset,
    limits: ReadBounds,
    committed: bool,
}

impl Cold {
    /// Returns its place, and what was read or what to answer instead.
    async fn read(self) -> (usize, Result<CommittedRead, FetchedPart>) {
        let Self { at, hosted, offset, limits, committed } = self;
        let read = async {
            if committed {
                hosted.log.read_committed(offset.0, limits).await
            } else {
                hosted.log.read(offset.0, limits).await.map(CommittedRead::from)
            }
        };
        // The read itself may never end. Its directory fails then, and whoever fetches is told.
        let read = shards::timeout(ROUND_HANGS_AFTER, read).await;
        let read = read.unwrap_or(Err(ReadError::Failed)).map_err(|error| {
            let code = match error {
                ReadError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
                // Deleted meanwhile: as Kafka answers for a log that it has closed.
                ReadError::Closed => ErrorCode::KAFKA_STORAGE_ERROR,
                ReadError::Corrupt { .. } | ReadError::Failed | ReadError::Disk(_) => {
                    tracing::error!(log = %hosted.log.key(), %error, "the log cannot be read");
                    ErrorCode::KAFKA_STORAGE_ERROR
                }
            };
            FetchedPart::failed(code, epoch_of(&hosted))
        });
        (at, read)
    }
}

/// Where the client's log leaves ours, if it says which epoch its last record has (KIP-595). It is out of range with an epoch that was never led
/// in, and where ours has begun anew.
fn diverging(
    hosted: &Hosted,
    part: &FetchPart,
    log_start: Offset,
) -> Result<Option<(LeaderEpoch, Offset)>, Refusal> {
    if part.last_fetched_epoch.0 < 0 {
        return Ok(None);
    }
    let (epoch, end) = end_of_epoch(hosted, part.last_fetched_epoch).ok_or(Refusal::OutOfRange)?;
    if part.offset < log_start {
        return Err(Refusal::OutOfRange);
    }
    let diverges = epoch < part.last_fetched_epoch || end < part.offset;
    Ok(diverges.then_some((epoch, end)))
}

impl FetchedPart {
    /// It was found, and its log is not loaded.
    pub(super) fn is_stable_unknown(&self) -> bool {
        self.error == ErrorCode::NONE && self.last_stable.0 < 0
    }

    fn take(&mut self, CommittedRead { read, aborted }: CommittedRead) {
        self.bytes = read.bytes as u64;
        self.slices = read.slices;
        self.aborted = aborted;
    }

    fn failed(error: ErrorCode, leader_epoch: LeaderEpoch) -> Self {
        Self {
            error,
            high_watermark: Offset(-1),
            last_stable: Offset(-1),
            log_start: Offset(-1),
            leader_epoch,
            ..Self::default()
        }
    }
}

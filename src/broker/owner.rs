//! The partitions that this shard owns: everything a request needs of them, up to the assignment of offsets, happens here, inline in
//! the reader of the lanes.
//!
//! Invariants:
//! - a group in `groups` has `remaining > 0`; it is answered and removed when that becomes 0
//! - while `Hosted::waiting` is not empty, exactly one task drains it, and no append overtakes it
//! - a partition is in `partitions` or in `offline`, never in both
//! - a fetch in `parked` is parked at each of its partitions that is hosted here, and nowhere else; one of a session at none of them: it is
//!   woken by the session's news

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use logan_shards::{self as shards, Queue};
use logan_storage::batch::Batch;
use logan_storage::producers::{Attempt, Origin, ProducerError, Verdict};
use logan_storage::{Append, AppendError, Log, Offsets, planted};

use super::Mutations;
use super::registrations::RegisteredSession;
use super::slots::Slots;
use crate::handlers::{Budget, Unpacking};
use crate::mail::{Answer, AppendPart, AppendRequest, AppendResult, Call, Router};
use crate::model::{ErrorCode, LeaderEpoch, Offset, PartitionId, RegistrationId};
use crate::partition::{AckTicket, Effects, FetchTicket, Refusal, Replica};

/// A partition that lives on this shard.
pub struct Hosted {
    pub id: PartitionId,
    pub log: Rc<Log>,
    pub replica: RefCell<Replica>,
    /// `min.insync.replicas` of the topic.
    pub min_in_sync: Cell<usize>,
    /// Its log could not be loaded, which is not tried again for each fetch.
    pub(super) is_unreadable: Cell<bool>,
    waiting: RefCell<VecDeque<Waiting>>,
}

/// An append whose log has no prepared room, no memory, or other appends before it.
struct Waiting {
    part: AppendPart,
    acks: i16,
    ticket: AckTicket,
}

/// The parts of one Append message, answered together.
struct Group {
    call: Call,
    remaining: usize,
    results: Vec<AppendResult>,
}

pub struct Owner {
    pub(super) router: Rc<Router>,
    pub(super) unpacking: Unpacking,
    /// Memory for searches in stored batches.
    pub(super) searches: Budget,
    pub(super) mutations: Mutations,
    pub(super) partitions: RefCell<BTreeMap<PartitionId, Rc<Hosted>>>,
    /// Partitions whose log lies in a directory that is offline, or that could not be created.
    offline: RefCell<BTreeSet<PartitionId>>,
    pub(super) parked: RefCell<BTreeMap<u64, super::fetching::Parked>>,
    /// Their numbers, by the calls that they answer.
    pub(super) parked_calls: RefCell<BTreeMap<Call, u64>>,
    pub(super) next_parked: Cell<u64>,
    /// Fetches for which logs are read in first, and whether their askers wait no longer.
    pub(super) loading: RefCell<BTreeMap<Call, bool>>,
    pub(super) registrations: RefCell<BTreeMap<RegistrationId, RegisteredSession>>,
    groups: RefCell<Slots<Group>>,
}

/// How far an append came inline.
enum Step {
    /// Its result is final.
    Done(AppendResult),
    /// Offsets are given; the ticket is answered when they are settled.
    Appended(AppendResult),
    /// Nothing was given: the log must first make room.
    MustWait,
}

impl Hosted {
    pub fn new(id: PartitionId, log: Rc<Log>, replica: Replica, min_in_sync: usize) -> Rc<Self> {
        Rc::new(Self {
            id,
            log,
            replica: RefCell::new(replica),
            min_in_sync: Cell::new(min_in_sync),
            is_unreadable: Cell::new(false),
            waiting: RefCell::new(VecDeque::new()),
        })
    }

    /// The last stable offset: how far readers of committed records may see. `None` before the log is loaded.
    pub(super) fn last_stable(&self, high_watermark: Offset) -> Option<Offset> {
        self.log.last_stable_offset(high_watermark.0).map(Offset)
    }
}

impl Owner {
    pub fn new(router: Rc<Router>, unpacking: Unpacking, searches: Budget, mutations: Mutations) -> Rc<Self> {
        Rc::new(Self {
            router,
            unpacking,
            searches,
            mutations,
            partitions: RefCell::new(BTreeMap::new()),
            offline: RefCell::new(BTreeSet::new()),
            parked: RefCell::new(BTreeMap::new()),
            parked_calls: RefCell::default(),
            next_parked: Cell::new(0),
            loading: RefCell::default(),
            registrations: RefCell::new(BTreeMap::new()),
            groups: RefCell::new(Slots::new()),
        })
    }

    pub fn hosted(&self, id: PartitionId) -> Option<Rc<Hosted>> {
        self.partitions.borrow().get(&id).cloned()
    }

    pub fn all(&self) -> Vec<Rc<Hosted>> {
        self.partitions.borrow().values().cloned().collect()
    }

    /// This shard owns the partition, and cannot serve it.
    pub fn set_offline(&self, id: PartitionId) {
        self.offline.borrow_mut().insert(id);
    }

    /// What is answered for a partition that is not hosted here.
    pub fn absence(&self, id: PartitionId) -> ErrorCode {
        if self.offline.borrow().contains(&id) {
            ErrorCode::KAFKA_STORAGE_ERROR
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        }
    }

    pub fn host(&self, hosted: Rc<Hosted>) {
        self.offline.borrow_mut().remove(&hosted.id);
        self.partitions.borrow_mut().insert(hosted.id, hosted);
    }

    /// Takes a partition out of service: everyone who waits for it is told that it is gone.
    pub fn evict(self: &Rc<Self>, id: PartitionId) -> Option<Rc<Hosted>> {
        self.offline.borrow_mut().remove(&id);
        let hosted = self.partitions.borrow_mut().remove(&id)?;
        let mut effects = Effects::default();
        hosted.replica.borrow_mut().on_end(Refusal::Unknown, &mut effects);
        self.carry_out(effects);
        self.fail_waiting(&hosted, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        Some(hosted)
    }

    /// Appends every part that can be appended now; the answer leaves when all parts are done.
    pub fn on_append(self: &Rc<Self>, call: Call, request: AppendRequest) {
        let count = request.parts.len();
        let group = Group {
            call,
            remaining: count,
            results: vec![AppendResult::failed(ErrorCode::UNKNOWN_SERVER_ERROR); count],
        };
        let number = self.groups.borrow_mut().insert(group);
        for (at, part) in request.parts.into_iter().enumerate() {
            let ticket = AckTicket { group: number, part: at };
            let Some(hosted) = self.hosted(part.partition) else {
                self.finish(ticket, Some(AppendResult::failed(self.absence(part.partition))));
                continue;
            };
            self.append_or_wait(&hosted, Waiting { part, acks: request.acks, ticket });
        }
        if count == 0 {
            self.groups.borrow_mut().remove(number);
            self.router.answer(call, Answer::Append(Vec::new()));
        }
    }

    fn append_or_wait(self: &Rc<Self>, hosted: &Rc<Hosted>, append: Waiting) {
        if !hosted.waiting.borrow().is_empty() {
            hosted.waiting.borrow_mut().push_back(append);
            return;
        }
        if let Some(waits) = self.append_now(hosted, append) {
            hosted.waiting.borrow_mut().push_back(waits);
            let (owner, hosted) = (self.clone(), hosted.clone());
            shards::spawn(Queue::Produce, async move { owner.drain_waiting(&hosted).await }).detach();
        }
    }

    /// Gives the append back if it must wait.
    fn append_now(self: &Rc<Self>, hosted: &Rc<Hosted>, append: Waiting) -> Option<Waiting> {
        match step(hosted, &append, self.mutations) {
            Step::Done(result) => self.finish(append.ticket, Some(result)),
            Step::Appended(result) => {
                if append.acks == 0 {
                    self.finish(append.ticket, Some(result));
                } else if let Some(group) = self.groups.borrow_mut().get_mut(append.ticket.group) {
                    group.results[append.ticket.part] = result;
                }
            }
            Step::MustWait => return Some(append),
        }
        None
    }

    /// Makes room for the first waiting append, appends it, and so on until none waits.
    async fn drain_waiting(self: &Rc<Self>, hosted: &Rc<Hosted>) {
        loop {
            let Some(bytes) = hosted.waiting.borrow().front().map(|append| append.part.batches.len()) else {
                return;
            };
            let reserved = hosted.log.reserve(bytes).await;
            // A partition that was evicted meanwhile has nobody waiting any more.
            let Some(append) = hosted.waiting.borrow_mut().pop_front() else { return };
            if let Err(error) = reserved {
                self.finish(append.ticket, Some(AppendResult::failed(code_of(&error))));
                continue;
            }
            if let Some(again) = self.append_now(hosted, append) {
                hosted.waiting.borrow_mut().push_front(again);
            }
        }
    }

    fn fail_waiting(self: &Rc<Self>, hosted: &Rc<Hosted>, error: ErrorCode) {
        let waiting = std::mem::take(&mut *hosted.waiting.borrow_mut());
        for append in waiting {
            self.finish(append.ticket, Some(AppendResult::failed(error)));
        }
    }

    /// A part is done: with this result, or with the one that was noted when its offsets were given.
    fn finish(&self, ticket: AckTicket, result: Option<AppendResult>) {
        let mut groups = self.groups.borrow_mut();
        let group =
            groups.get_mut(ticket.group).expect("a ticket's group lives until all its tickets are used");
        if let Some(result) = result {
            group.results[ticket.part] = result;
        }
        group.remaining -= 1;
        if group.remaining > 0 {
            return;
        }
        let group = groups.remove(ticket.group).expect("seen above");
        drop(groups);
        let answer = Answer::Append(group.results);
        self.router.answer(group.call, answer);
    }

    /// The log engine says that this log's settled offset moved.
    pub fn on_settled(self: &Rc<Self>, log: &Rc<Log>) {
        let Some(hosted) = self.hosted(super::partition_of(log.key())) else { return };
        let mut effects = Effects::default();
        hosted.replica.borrow_mut().on_settled(Offset(log.ends().settled), &mut effects);
        let high_watermark = hosted.replica.borrow().high_watermark();
        log.producers().on_high_watermark(high_watermark.0);
        self.carry_out(effects);
    }

    /// The log directory of this partition failed: everyone who waits is told, and so is everyone who comes.
    pub fn on_failed(self: &Rc<Self>, id: PartitionId) {
        let Some(hosted) = self.hosted(id) else { return };
        let mut effects = Effects::default();
        hosted.replica.borrow_mut().on_end(Refusal::Storage, &mut effects);
        self.carry_out(effects);
        self.fail_waiting(&hosted, ErrorCode::KAFKA_STORAGE_ERROR);
    }

    pub fn carry_out(self: &Rc<Self>, effects: Effects) {
        for (ticket, refusal) in effects.refused {
            self.finish(ticket, Some(AppendResult::failed(ErrorCode::from(refusal))));
        }
        for ticket in effects.acknowledged {
            self.finish(ticket, None);
        }
        for ticket in effects.news {
            self.on_news(ticket);
        }
        for FetchTicket(number) in effects.woken {
            self.look_again(number);
        }
    }
}

/// One append, as far as it goes without waiting.
fn step(hosted: &Hosted, append: &Waiting, mutations: Mutations) -> Step {
    let mut replica = hosted.replica.borrow_mut();
    let log_start = replica.log_start();
    // As Kafka's `ReplicaManager.appendRecordsToLeader`: with what is wrong with the records, or asked too much, comes where the log begins.
    let refused = |error| Step::Done(AppendResult { log_start, ..AppendResult::failed(error) });
    match replica.check_append(append.acks, hosted.min_in_sync.get()) {
        Ok(()) => {}
        Err(refusal @ Refusal::NotEnoughReplicas) => return refused(ErrorCode::from(refusal)),
        Err(refusal) => return Step::Done(AppendResult::failed(ErrorCode::from(refusal))),
    }
    let ok = |base: i64, append_time_ms: i64| AppendResult {
        error: ErrorCode::NONE,
        message: None,
        base_offset: Offset(base),
        append_time_ms,
        log_start,
    };
    if !hosted.log.is_loaded() {
        return Step::MustWait;
    }
    match check_sequence(&hosted.log, &append.part.batches) {
        Sequence::Append => {}
        Sequence::Duplicate { .. } if planted(mutations.append_duplicates) => {}
        Sequence::Refuse(error) => return refused(error),
        Sequence::Duplicate { base, end, timestamp } => {
            let settled = append.acks == 0 || replica.on_duplicate(end, append.ticket);
            // Kafka calls this the append time whatever `message.timestamp.type` says.
            let result = ok(base, timestamp);
            return if settled { Step::Done(result) } else { Step::Appended(result) };
        }
    }
    let offsets = Offsets::Assign { leader_epoch: replica.leadership().epoch.0 };
    match hosted.log.append(&Append { batches: &append.part.batches, offsets }) {
        Ok(appended) => {
            let waiter = (append.acks != 0).then_some(append.ticket);
            replica.on_append(
                Offset(appended.base_offset),
                Offset(appended.log_end),
                append.part.batches.len() as u64,
                waiter,
            );
            Step::Appended(ok(appended.base_offset, append.part.append_time_ms))
        }
        Err(AppendError::MustWait) => Step::MustWait,
        Err(error) => Step::Done(AppendResult::failed(code_of(&error))),
    }
}

enum Sequence {
    Append,
    /// The original's offsets, and its max timestamp in milliseconds.
    Duplicate {
        base: i64,
        end: Offset,
        timestamp: i64,
    },
    Refuse(ErrorCode),
}

/// Compares an idempotent batch with what its producer wrote before (KIP-98).
fn check_sequence(log: &Log, batches: &Bytes) -> Sequence {
    let Ok(batch) = Batch::parse(batches, batches.len()) else {
        return Sequence::Refuse(ErrorCode::CORRUPT_MESSAGE);
    };
    let Some(attempt) = Attempt::of(&batch) else { return Sequence::Append };
    let verdict = log.producers().check_append(&attempt, Origin::Client { verified: false });
    match verdict {
        Ok(Verdict::New) => Sequence::Append,
        Ok(Verdict::Duplicate(batch)) => {
            let (base, end) = (batch.first_offset(), Offset(batch.last_offset + 1));
            Sequence::Duplicate { base, end, timestamp: batch.timestamp }
        }
        Err(error) => Sequence::Refuse(match error {
            ProducerError::InvalidEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
            ProducerError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            _ => ErrorCode::INVALID_TXN_STATE,
        }),
    }
}

/// Kafka's code for an append that the log refused.
pub(super) fn code_of(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::TooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
        AppendError::Malformed(_) | AppendError::Marker(_) | AppendError::OutOfOrder { .. } => {
            ErrorCode::CORRUPT_MESSAGE
        }
        AppendError::MustWait | AppendError::NoSpace | AppendError::Failed | AppendError::Corrupt => {
            ErrorCode::KAFKA_STORAGE_ERROR
        }
        AppendError::Closed => ErrorCode::NOT_LEADER_OR_FOLLOWER,
    }
}

impl AppendResult {
    pub fn failed(error: ErrorCode) -> Self {
        Self { error, message: None, base_offset: Offset(-1), append_time_ms: -1, log_start: Offset(-1) }
    }
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotLeader => ErrorCode::NOT_LEADER_OR_FOLLOWER,
            Refusal::FencedEpoch => ErrorCode::FENCED_LEADER_EPOCH,
            Refusal::UnknownEpoch => ErrorCode::UNKNOWN_LEADER_EPOCH,
            Refusal::NotEnoughReplicas => ErrorCode::NOT_ENOUGH_REPLICAS,
            Refusal::OutOfRange => ErrorCode::OFFSET_OUT_OF_RANGE,
            Refusal::Unknown => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Refusal::Storage => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// The leader epoch that goes with an answer about a partition.
pub(super) fn epoch_of(hosted: &Hosted) -> LeaderEpoch {
    hosted.replica.borrow().leadership().epoch
}

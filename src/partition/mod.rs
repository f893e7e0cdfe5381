//! One replica of one partition, as a pure machine: who may write to it, how far it may be read, and who waits for what.
//!
//! The records themselves, the producers' sequences and the leader epochs of the past are the log's (`logan_storage::Log`). What
//! is to be done about an event is drained from one [`Effects`] value.
//!
//! Invariants:
//! - `log_start <= high_watermark <= log_end`
//! - every `acks` waiter waits for more than `high_watermark`, and they are in the order of their offsets
//! - `tail` is in the order of its offsets, and its last entry ends at `log_end`
//! - nobody waits at a replica that is not the leader

mod tail;

use std::collections::{BTreeSet, VecDeque};

use crate::model::{LeaderEpoch, Offset, PartNumber, RegistrationId};
use tail::Tail;

/// Bytes ready for a reader that is too far behind to say exactly: more than any request asks for.
pub const PLENTY: u64 = u32::MAX as u64;

/// The shell's name for an acknowledgement that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckTicket {
    pub group: usize,
    pub part: usize,
}

/// The shell's name for a fetch that is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchTicket(pub u64);

/// The shell's name for a part of a fetch session that is told, once, when something happens here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewsTicket {
    pub registration: RegistrationId,
    pub part: PartNumber,
}

/// Why a request is not served here. The shell knows Kafka's code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotLeader,
    /// The client's leader epoch is older than ours.
    FencedEpoch,
    /// The client's leader epoch is newer than ours.
    UnknownEpoch,
    NotEnoughReplicas,
    OutOfRange,
    /// The partition was deleted.
    Unknown,
    /// Its log directory failed.
    Storage,
}

/// What is to be done about an event, in this order: answers of refused waiters, acknowledgements, sessions to be told that there is news,
/// fetches to look at again.
#[derive(Debug, Default)]
pub struct Effects {
    pub refused: Vec<(AckTicket, Refusal)>,
    pub acknowledged: Vec<AckTicket>,
    pub news: Vec<NewsTicket>,
    pub woken: Vec<FetchTicket>,
}

/// What the metadata says of this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    pub is_leader: bool,
    pub epoch: LeaderEpoch,
    /// Replicas, and those in the ISR, this one included.
    pub replicas: usize,
    pub in_sync: usize,
}

#[derive(Debug)]
struct AckWaiter {
    /// The offset after the last record that is waited for.
    end: Offset,
    ticket: AckTicket,
}

#[derive(Debug)]
pub struct Replica {
    leadership: Leadership,
    /// Why nothing is served any more, if so.
    ended: Option<Refusal>,
    log_start: Offset,
    high_watermark: Offset,
    log_end: Offset,
    acks: VecDeque<AckWaiter>,
    parked: BTreeSet<FetchTicket>,
    watched_by: BTreeSet<NewsTicket>,
    tail: Tail,
}

impl Replica {
    /// A replica whose log holds `log_start..log_end`, all of it settled.
    pub fn new(leadership: Leadership, log_start: Offset, log_end: Offset) -> Self {
        Self {
            leadership,
            ended: None,
            log_start,
            high_watermark: log_end,
            log_end,
            acks: VecDeque::new(),
            parked: BTreeSet::new(),
            watched_by: BTreeSet::new(),
            tail: Tail::new(),
        }
    }

    pub fn leadership(&self) -> Leadership {
        self.leadership
    }

    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// How far a reader may see.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Whether a client that believes in leader epoch `claimed` (-1: it does not say) may talk to this replica as the leader.
    pub fn check_leader(&self, claimed: LeaderEpoch) -> Result<(), Refusal> {
        if let Some(refusal) = self.ended {
            return Err(refusal);
        }
        if claimed.0 >= 0 && claimed < self.leadership.epoch {
            return Err(Refusal::FencedEpoch);
        }
        if claimed.0 >= 0 && claimed > self.leadership.epoch {
            return Err(Refusal::UnknownEpoch);
        }
        if self.leadership.is_leader { Ok(()) } else { Err(Refusal::NotLeader) }
    }

    /// Whether an append may be made now. `min_in_sync` is `min.insync.replicas`, which only acks=all asks for, and of which there need be no more
    /// than there are replicas (Kafka's `Partition.effectiveMinIsr`).
    pub fn check_append(&self, acks: i16, min_in_sync: usize) -> Result<(), Refusal> {
        if let Some(refusal) = self.ended {
            return Err(refusal);
        }
        if !self.leadership.is_leader {
            return Err(Refusal::NotLeader);
        }
        if acks == -1 && self.leadership.in_sync < min_in_sync.min(self.leadership.replicas) {
            return Err(Refusal::NotEnoughReplicas);
        }
        Ok(())
    }

    /// Whether `offset` can be fetched: `log_start..=high_watermark`, and up to the log's end without an answer yet.
    pub fn check_fetch(&self, offset: Offset) -> Result<(), Refusal> {
        if offset < self.log_start || offset > self.log_end { Err(Refusal::OutOfRange) } else { Ok(()) }
    }

    /// The log now also holds `bytes` of records from `base` up to `end`; the waiter is told when they are settled.
    pub fn on_append(&mut self, base: Offset, end: Offset, bytes: u64, waiter: Option<AckTicket>) {
        assert!(base >= self.log_end && end > base, "appends move the log's end forward");
        self.tail.push(base, bytes);
        self.log_end = end;
        if let Some(ticket) = waiter {
            self.acks.push_back(AckWaiter { end, ticket });
        }
    }

    /// A retry of records that the log already holds up to `end`: answered with the original. Returns whether that is now.
    pub fn on_duplicate(&mut self, end: Offset, ticket: AckTicket) -> bool {
        if end <= self.high_watermark {
            return true;
        }
        let at = self.acks.partition_point(|waiter| waiter.end <= end);
        self.acks.insert(at, AckWaiter { end, ticket });
        false
    }

    /// The log is settled up to `settled`. With one replica that is the watermark.
    pub fn on_settled(&mut self, settled: Offset, effects: &mut Effects) {
        assert!(settled <= self.log_end, "settled {settled} is beyond the log's end {}", self.log_end);
        if settled <= self.high_watermark {
            return;
        }
        self.high_watermark = settled;
        self.tail.begin_turn();
        while let Some(waiter) = self.acks.front() {
            if waiter.end > settled {
                break;
            }
            effects.acknowledged.push(waiter.ticket);
            self.acks.pop_front();
        }
        effects.woken.extend(&self.parked);
        self.tell(effects);
    }

    pub fn on_log_start(&mut self, log_start: Offset, effects: &mut Effects) {
        assert!(log_start <= self.high_watermark, "records below the watermark only are given up");
        if log_start <= self.log_start {
            return;
        }
        self.log_start = log_start;
        self.tell(effects);
    }

    /// The metadata changed. Who waits at a replica that no longer leads, or leads in another epoch, is sent away.
    pub fn on_leadership(&mut self, leadership: Leadership, effects: &mut Effects) {
        let same =
            self.leadership.is_leader == leadership.is_leader && self.leadership.epoch == leadership.epoch;
        self.leadership =
            Leadership { is_leader: leadership.is_leader && self.ended.is_none(), ..leadership };
        if !same {
            self.send_away(Refusal::NotLeader, effects);
        }
    }

    /// The partition is gone, or its log failed: everyone is told.
    pub fn on_end(&mut self, refusal: Refusal, effects: &mut Effects) {
        self.leadership.is_leader = false;
        self.ended = Some(refusal);
        self.send_away(refusal, effects);
    }

    fn send_away(&mut self, refusal: Refusal, effects: &mut Effects) {
        effects.refused.extend(self.acks.drain(..).map(|waiter| (waiter.ticket, refusal)));
        effects.woken.extend(&self.parked);
        if !self.leadership.is_leader {
            // Whoever looks again finds that. In a new epoch of the same leader, those who did not ask for another one wait on.
            self.parked.clear();
        }
        self.tell(effects);
    }

    /// Each watcher is told once, and watches again when it has looked: what it has not looked at yet costs nothing more.
    fn tell(&mut self, effects: &mut Effects) {
        effects.news.extend(std::mem::take(&mut self.watched_by));
    }

    /// Bytes that a reader at `offset`, who may see what lies below `end` and the watermark, could have now; [`PLENTY`] if it is behind
    /// what is remembered.
    pub fn ready_bytes(&self, offset: Offset, end: Offset) -> u64 {
        let end = end.min(self.high_watermark);
        if offset >= end { 0 } else { self.tail.between(offset, end) }
    }

    /// However often one fetch names the partition, it is woken once.
    pub fn park(&mut self, ticket: FetchTicket) {
        self.parked.insert(ticket);
    }

    pub fn unpark(&mut self, ticket: FetchTicket) {
        self.parked.remove(&ticket);
    }

    /// The session's part is told of the next event: a watermark, a log start, a leader or an end.
    pub fn watch(&mut self, ticket: NewsTicket) {
        self.watched_by.insert(ticket);
    }

    pub fn unwatch(&mut self, ticket: NewsTicket) {
        self.watched_by.remove(&ticket);
    }

    pub fn is_watched_by(&self, ticket: NewsTicket) -> bool {
        self.watched_by.contains(&ticket)
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        assert!(self.log_start <= self.high_watermark && self.high_watermark <= self.log_end, "{self:?}");
        assert!(self.acks.iter().all(|waiter| waiter.end > self.high_watermark), "{self:?}");
        assert!(self.acks.iter().zip(self.acks.iter().skip(1)).all(|(a, b)| a.end <= b.end), "{self:?}");
        let nobody_waits = self.acks.is_empty() && self.parked.is_empty() && self.watched_by.is_empty();
        assert!(self.leadership.is_leader || nobody_waits, "{self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader() -> Replica {
        Replica::new(
            Leadership { is_leader: true, epoch: LeaderEpoch(3), replicas: 2, in_sync: 1 },
            Offset(0),
            Offset(0),
        )
    }

    fn ticket(part: usize) -> AckTicket {
        AckTicket { group: 0, part }
    }

    #[test]
    fn acknowledges_in_order_and_only_what_is_settled() {
        let mut replica = leader();
        replica.on_append(Offset(0), Offset(10), 100, Some(ticket(0)));
        replica.on_append(Offset(10), Offset(20), 100, Some(ticket(1)));
        let mut effects = Effects::default();
        replica.on_settled(Offset(9), &mut effects);
        assert!(effects.acknowledged.is_empty());
        replica.on_settled(Offset(20), &mut effects);
        assert_eq!(effects.acknowledged, [ticket(0), ticket(1)]);
        replica.check();
    }

    #[test]
    fn a_duplicate_waits_for_its_original() {
        let mut replica = leader();
        replica.on_append(Offset(0), Offset(10), 100, None);
        assert!(!replica.on_duplicate(Offset(10), ticket(7)));
        let mut effects = Effects::default();
        replica.on_settled(Offset(10), &mut effects);
        assert_eq!(effects.acknowledged, [ticket(7)]);
        assert!(replica.on_duplicate(Offset(10), ticket(8)));
        replica.check();
    }

    #[test]
    fn a_lost_leadership_sends_everyone_away() {
        let mut replica = leader();
        replica.on_append(Offset(0), Offset(10), 100, Some(ticket(0)));
        replica.park(FetchTicket(5));
        let mut effects = Effects::default();
        replica.on_leadership(
            Leadership { is_leader: false, epoch: LeaderEpoch(4), ..leader().leadership() },
            &mut effects,
        );
        assert_eq!(effects.refused, [(ticket(0), Refusal::NotLeader)]);
        assert_eq!(effects.woken, [FetchTicket(5)]);
        assert_eq!(replica.check_append(1, 1), Err(Refusal::NotLeader));
        replica.check();
    }

    #[test]
    fn fetches_wait_on_in_a_new_epoch_of_the_same_leader() {
        let mut replica = leader();
        replica.on_append(Offset(0), Offset(10), 100, Some(ticket(0)));
        replica.park(FetchTicket(5));
        let mut effects = Effects::default();
        replica.on_leadership(
            Leadership { is_leader: true, epoch: LeaderEpoch(4), ..leader().leadership() },
            &mut effects,
        );
        assert_eq!(effects.refused, [(ticket(0), Refusal::NotLeader)]);
        assert_eq!(effects.woken, [FetchTicket(5)], "it may have asked for the epoch before");
        let mut effects = Effects::default();
        replica.on_settled(Offset(10), &mut effects);
        assert_eq!(effects.woken, [FetchTicket(5)]);
        replica.check();
    }

    #[test]
    fn sessions_are_told_once_of_each_kind_of_event() {
        let ticket = |part| NewsTicket {
            registration: RegistrationId { shard: crate::model::ShardId(0), number: 1 },
            part: PartNumber(part),
        };
        let mut replica = leader();
        let news = |replica: &mut Replica, event: &dyn Fn(&mut Replica, &mut Effects)| {
            let mut effects = Effects::default();
            event(replica, &mut effects);
            replica.check();
            effects.news
        };
        replica.watch(ticket(1));
        replica.watch(ticket(2));
        replica.unwatch(ticket(1));
        replica.on_append(Offset(0), Offset(10), 100, None);
        assert_eq!(
            news(&mut replica, &|replica, effects| replica.on_settled(Offset(10), effects)),
            [ticket(2)]
        );
        replica.on_append(Offset(10), Offset(20), 100, None);
        assert_eq!(news(&mut replica, &|replica, effects| replica.on_settled(Offset(20), effects)), []);
        replica.watch(ticket(2));
        assert_eq!(news(&mut replica, &|replica, effects| replica.on_log_start(Offset(0), effects)), []);
        assert_eq!(
            news(&mut replica, &|replica, effects| replica.on_log_start(Offset(5), effects)),
            [ticket(2)]
        );
        replica.watch(ticket(2));
        let same = replica.leadership();
        assert_eq!(news(&mut replica, &|replica, effects| replica.on_leadership(same, effects)), []);
        let next = Leadership { epoch: LeaderEpoch(4), ..same };
        assert_eq!(news(&mut replica, &|replica, effects| replica.on_leadership(next, effects)), [ticket(2)]);
        replica.watch(ticket(2));
        assert_eq!(
            news(&mut replica, &|replica, effects| replica.on_end(Refusal::Storage, effects)),
            [ticket(2)]
        );
    }

    #[test]
    fn epochs_of_clients_are_compared() {
        let replica = leader();
        assert_eq!(replica.check_leader(LeaderEpoch(-1)), Ok(()));
        assert_eq!(replica.check_leader(LeaderEpoch(2)), Err(Refusal::FencedEpoch));
        assert_eq!(replica.check_leader(LeaderEpoch(4)), Err(Refusal::UnknownEpoch));
        assert_eq!(replica.check_append(-1, 2), Err(Refusal::NotEnoughReplicas));
        assert_eq!(replica.check_append(1, 2), Ok(()));
    }

    #[test]
    fn no_more_replicas_are_asked_for_than_there_are() {
        let led = |replicas, in_sync| {
            let leadership = Leadership { replicas, in_sync, ..leader().leadership() };
            Replica::new(leadership, Offset(0), Offset(0))
        };
        assert_eq!(led(1, 1).check_append(-1, 2), Ok(()));
        assert_eq!(led(3, 2).check_append(-1, 2), Ok(()));
        assert_eq!(led(3, 2).check_append(-1, 4), Err(Refusal::NotEnoughReplicas));
        assert_eq!(led(3, 3).check_append(-1, 4), Ok(()));
    }

    #[test]
    fn ready_bytes_end_at_the_watermark() {
        let mut replica = leader();
        replica.on_append(Offset(0), Offset(10), 100, None);
        replica.on_append(Offset(10), Offset(20), 150, None);
        let ready = |replica: &Replica, offset| replica.ready_bytes(Offset(offset), Offset(i64::MAX));
        assert_eq!(ready(&replica, 0), 0);
        let mut effects = Effects::default();
        replica.on_settled(Offset(10), &mut effects);
        assert_eq!(ready(&replica, 0), 100);
        replica.on_settled(Offset(20), &mut effects);
        assert_eq!(ready(&replica, 3), 250, "the batch that holds the offset comes whole");
        assert_eq!(ready(&replica, 10), 150);
        let ready_below = |offset, end| replica.ready_bytes(Offset(offset), Offset(end));
        assert_eq!([ready_below(0, 10), ready_below(0, 11), ready_below(10, 10)], [100, 250, 0]);
        let old = Replica::new(replica.leadership(), Offset(0), Offset(50));
        assert_eq!([ready(&old, 0), old.ready_bytes(Offset(7), Offset(7))], [PLENTY, 0]);
    }
}

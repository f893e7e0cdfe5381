//! Incremental fetch sessions (KIP-227): what a client fetches is remembered, and only what changed is asked and answered.
//!
//! A session lives on the shard that created it; its id modulo the number of shards says which. A client that comes back on a
//! connection of another shard is told that its session is not known, as after an eviction, and begins a new one.
//!
//! Invariants:
//! - `order` and `parts` of a session name the same partitions
//! - a session has at least one partition
//! - `by_id.len() <= slots`

use std::collections::BTreeMap;

use crate::model::{LeaderEpoch, Offset, Uuid};
use crate::protocol::ErrorCode;

/// A session that was used within this time is not evicted for a new one.
const KEPT_MS: i64 = 120_000;
/// The epoch of a request that ends its session and begins none.
const FINAL_EPOCH: i32 = -1;
const INITIAL_EPOCH: i32 = 0;

/// A partition as the client names it: by topic id from version 13 on (the name is then empty), by name before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub topic_id: Uuid,
    pub topic: String,
    pub partition: i32,
}

/// What a client wants of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub offset: Offset,
    pub max_bytes: u64,
    pub current_leader_epoch: LeaderEpoch,
    pub last_fetched_epoch: LeaderEpoch,
}

/// The session fields of one request.
#[derive(Debug)]
pub struct Asked {
    pub session: i32,
    pub epoch: i32,
    pub by_id: bool,
    pub parts: Vec<(Named, Wanted)>,
    pub forgotten: Vec<Named>,
}

/// What is to be fetched for one request, in the order in which bytes are granted.
#[derive(Debug)]
pub struct Begun {
    kind: Kind,
    by_id: bool,
    pub parts: Vec<(Named, Wanted)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sessionless,
    Full,
    Incremental { session: i32 },
}

/// What decides whether an incremental answer mentions a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub error: i16,
    pub high_watermark: Offset,
    pub log_start: Offset,
    pub has_records: bool,
    pub diverging: bool,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    by_id: bool,
    used_ms: i64,
    next_order: u64,
    order: BTreeMap<u64, Named>,
    parts: BTreeMap<Named, Cached>,
}

#[derive(Debug)]
struct Cached {
    order: u64,
    wanted: Wanted,
    /// As last answered; -1 makes the next answer mention the partition.
    high_watermark: Offset,
    log_start: Offset,
}

pub struct Sessions {
    shard: u16,
    shards: u16,
    /// `max.incremental.fetch.session.cache.slots`, this shard's share.
    slots: usize,
    by_id: BTreeMap<i32, Session>,
}

impl Sessions {
    pub fn new(shard: u16, shards: u16, slots: usize) -> Self {
        Self { shard, shards, slots, by_id: BTreeMap::new() }
    }

    /// Finds out what a request fetches. Errors are Kafka's, for the whole response.
    pub fn begin(&mut self, now_ms: i64, asked: Asked) -> Result<Begun, ErrorCode> {
        if asked.epoch == FINAL_EPOCH || asked.epoch == INITIAL_EPOCH {
            self.by_id.remove(&asked.session);
            let kind = if asked.epoch == FINAL_EPOCH { Kind::Sessionless } else { Kind::Full };
            return Ok(Begun { kind, by_id: asked.by_id, parts: asked.parts });
        }
        let session = self.by_id.get_mut(&asked.session).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != asked.epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != asked.by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        for named in &asked.forgotten {
            session.forget(named);
        }
        for (named, wanted) in asked.parts {
            session.want(named, wanted);
        }
        if session.parts.is_empty() {
            self.by_id.remove(&asked.session);
            return Ok(Begun { kind: Kind::Sessionless, by_id: asked.by_id, parts: Vec::new() });
        }
        session.used_ms = now_ms;
        session.epoch = next_epoch(session.epoch);
        let parts =
            session.order.values().map(|named| (named.clone(), session.parts[named].wanted)).collect();
        Ok(Begun { kind: Kind::Incremental { session: asked.session }, by_id: asked.by_id, parts })
    }

    /// What the response says: its session id, and for each part of `begun` whether it is mentioned.
    pub fn finish(
        &mut self,
        now_ms: i64,
        begun: &Begun,
        seen: &[Seen],
        random: impl FnMut() -> u64,
    ) -> (i32, Vec<bool>) {
        let all = || vec![true; seen.len()];
        let said = match begun.kind {
            Kind::Sessionless => (0, all()),
            Kind::Full => (self.create(now_ms, begun, seen, random), all()),
            Kind::Incremental { session: id } => {
                let Some(session) = self.by_id.get_mut(&id) else { return (0, all()) };
                let mentioned = begun
                    .parts
                    .iter()
                    .zip(seen)
                    .map(|((named, _), seen)| session.update(named, *seen))
                    .collect();
                (id, mentioned)
            }
        };
        if cfg!(debug_assertions) {
            self.check();
        }
        said
    }

    /// Returns 0, "no session", if there is no room.
    fn create(&mut self, now_ms: i64, begun: &Begun, seen: &[Seen], mut random: impl FnMut() -> u64) -> i32 {
        if begun.parts.is_empty() || self.slots == 0 {
            return 0;
        }
        if self.by_id.len() >= self.slots {
            let oldest = self.by_id.iter().min_by_key(|(_, session)| session.used_ms);
            match oldest.map(|(id, session)| (*id, session.used_ms)) {
                Some((id, used_ms)) if now_ms - used_ms >= KEPT_MS => self.by_id.remove(&id),
                _ => return 0,
            };
        }
        let mut session = Session {
            epoch: next_epoch(INITIAL_EPOCH),
            by_id: begun.by_id,
            used_ms: now_ms,
            next_order: 0,
            order: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        for ((named, wanted), seen) in begun.parts.iter().zip(seen) {
            session.want(named.clone(), *wanted);
            session.update(named, *seen);
        }
        let id = loop {
            let most = i32::MAX as u64 / u64::from(self.shards) - 1;
            let id = ((random() % most + 1) * u64::from(self.shards) + u64::from(self.shard)) as i32;
            if id > 0 && !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.by_id.insert(id, session);
        id
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        assert!(self.by_id.len() <= self.slots);
        for session in self.by_id.values() {
            assert!(!session.parts.is_empty() && session.order.len() == session.parts.len());
            assert!(session.order.iter().all(|(order, named)| session.parts[named].order == *order));
        }
    }
}

impl Session {
    fn want(&mut self, named: Named, wanted: Wanted) {
        if let Some(cached) = self.parts.get_mut(&named) {
            cached.wanted = wanted;
            return;
        }
        let order = self.next_order;
        self.next_order += 1;
        self.order.insert(order, named.clone());
        self.parts.insert(named, Cached { order, wanted, high_watermark: Offset(-1), log_start: Offset(-1) });
    }

    fn forget(&mut self, named: &Named) {
        if let Some(cached) = self.parts.remove(named) {
            self.order.remove(&cached.order);
        }
    }

    /// Notes what is answered and returns whether it must be. What had records goes last the next time.
    fn update(&mut self, named: &Named, seen: Seen) -> bool {
        let Some(cached) = self.parts.get_mut(named) else { return true };
        let changed = cached.high_watermark != seen.high_watermark || cached.log_start != seen.log_start;
        cached.high_watermark = if seen.error == 0 { seen.high_watermark } else { Offset(-1) };
        cached.log_start = seen.log_start;
        if seen.has_records {
            self.order.remove(&cached.order);
            cached.order = self.next_order;
            self.next_order += 1;
            self.order.insert(cached.order, named.clone());
        }
        changed || seen.has_records || seen.error != 0 || seen.diverging
    }
}

fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(partition: i32) -> Named {
        Named { topic_id: Uuid([1; 16]), topic: String::new(), partition }
    }

    fn wanted(offset: i64) -> Wanted {
        let none = LeaderEpoch(-1);
        Wanted {
            offset: Offset(offset),
            max_bytes: 100,
            current_leader_epoch: none,
            last_fetched_epoch: none,
        }
    }

    fn asked(session: i32, epoch: i32, parts: &[(i32, i64)]) -> Asked {
        let parts = parts.iter().map(|(partition, offset)| (named(*partition), wanted(*offset))).collect();
        Asked { session, epoch, by_id: true, parts, forgotten: Vec::new() }
    }

    fn seen(high_watermark: i64, has_records: bool) -> Seen {
        let high_watermark = Offset(high_watermark);
        Seen { error: 0, high_watermark, log_start: Offset(0), has_records, diverging: false }
    }

    fn open(sessions: &mut Sessions, now_ms: i64) -> i32 {
        let begun = sessions.begin(now_ms, asked(0, 0, &[(0, 0), (1, 0)])).expect("full");
        let (id, mentioned) = sessions.finish(now_ms, &begun, &[seen(5, false), seen(5, false)], || 77);
        assert_eq!(mentioned, [true, true]);
        sessions.check();
        id
    }

    #[test]
    fn an_answer_mentions_what_changed_and_the_busy_go_last() {
        let mut sessions = Sessions::new(1, 2, 10);
        let id = open(&mut sessions, 0);
        assert_eq!(id % 2, 1);
        let begun = sessions.begin(1, asked(id, 1, &[])).expect("known");
        assert_eq!(begun.parts.len(), 2);
        let (_, mentioned) = sessions.finish(1, &begun, &[seen(5, false), seen(5, false)], || 0);
        assert_eq!(mentioned, [false, false]);
        let begun = sessions.begin(1, asked(id, 2, &[(0, 3)])).expect("known");
        assert_eq!(begun.parts[0], (named(0), wanted(3)));
        let (_, mentioned) = sessions.finish(1, &begun, &[seen(6, true), seen(5, false)], || 0);
        assert_eq!(mentioned, [true, false]);
        let begun = sessions.begin(1, asked(id, 3, &[])).expect("known");
        assert_eq!(begun.parts[0].0, named(1));
        sessions.check();
    }

    #[test]
    fn wrong_ids_and_epochs_are_refused() {
        let mut sessions = Sessions::new(0, 1, 10);
        let id = open(&mut sessions, 0);
        assert_eq!(
            sessions.begin(0, asked(id + 1, 1, &[])).unwrap_err(),
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
        );
        assert_eq!(sessions.begin(0, asked(id, 2, &[])).unwrap_err(), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let by_name = Asked { by_id: false, ..asked(id, 1, &[]) };
        assert_eq!(sessions.begin(0, by_name).unwrap_err(), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
    }

    #[test]
    fn a_session_that_forgets_everything_ends() {
        let mut sessions = Sessions::new(0, 1, 10);
        let id = open(&mut sessions, 0);
        let forget = Asked { forgotten: vec![named(0), named(1)], ..asked(id, 1, &[]) };
        let begun = sessions.begin(0, forget).expect("known");
        assert_eq!(sessions.finish(0, &begun, &[], || 0).0, 0);
        assert_eq!(sessions.begin(0, asked(id, 2, &[])).unwrap_err(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn only_a_session_long_unused_makes_room() {
        let mut sessions = Sessions::new(0, 1, 1);
        let first = open(&mut sessions, 0);
        assert_eq!(open(&mut sessions, KEPT_MS - 1), 0);
        assert_ne!(open(&mut sessions, KEPT_MS), 0);
        assert_eq!(sessions.by_id.len(), 1);
        let _ = first;
        sessions.check();
    }

    #[test]
    fn an_error_is_followed_by_a_mention() {
        let mut sessions = Sessions::new(0, 1, 10);
        let id = open(&mut sessions, 0);
        let begun = sessions.begin(0, asked(id, 1, &[])).expect("known");
        let failed = Seen { error: 6, ..seen(-1, false) };
        assert_eq!(sessions.finish(0, &begun, &[failed, seen(5, false)], || 0).1, [true, false]);
        let begun = sessions.begin(0, asked(id, 2, &[])).expect("known");
        assert_eq!(sessions.finish(0, &begun, &[seen(5, false), seen(5, false)], || 0).1, [true, false]);
    }
}

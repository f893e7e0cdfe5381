//! Incremental fetch sessions (KIP-227): what a client fetches is remembered, and only what changed is asked and answered.
//!
//! A session lives on the shard that created it; its id modulo the number of shards says which. A client that comes back on a
//! connection of another shard is told that its session is not known, as after an eviction, and begins a new one. Its partitions' owners
//! know it from its first incremental request on, as a registration, until it or its connection ends.
//!
//! Invariants:
//! - a session has at least one partition
//! - `by_id.len() <= slots`
//! - `parts` is the number of partitions of all sessions in `by_id`, and no more than `max_parts`

mod session;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::limits;
use crate::mail::FetchedPart;
use crate::model::{LeaderEpoch, Offset, RegistrationId, ShardId, Uuid};
use crate::protocol::ErrorCode;

pub use session::{Session, SessionRegistration, View};

/// A session that was used within this time is not evicted for a new one.
const KEPT_MS: i64 = 120_000;
/// The epoch of a request that ends its session and begins none.
const FINAL_EPOCH: i32 = -1;
const INITIAL_EPOCH: i32 = 0;

/// A partition as the client names it: by topic id from version 13 on (the name is then empty), by name before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub topic_id: Uuid,
    pub topic: Rc<str>,
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
pub struct SessionRequest {
    pub session: i32,
    pub epoch: i32,
    pub by_id: bool,
    pub parts: Vec<(Named, Wanted)>,
    pub forgotten: Vec<Named>,
}

/// What is to be fetched for one request.
#[derive(Debug)]
pub enum Begun {
    /// These, numbered by their places, in the order in which bytes are granted.
    Parts(Full),
    /// What the session has.
    Session(Incremental),
}

#[derive(Debug)]
pub struct Full {
    pub parts: Vec<(Named, Wanted)>,
    by_id: bool,
    /// The answer begins a session, if there is room.
    opens: bool,
}

impl Full {
    /// Memory of its parts, with their names, in bytes.
    pub fn kept_bytes(&self) -> usize {
        let mut names = 0;
        let mut last: Option<&Rc<str>> = None;
        for (named, _) in &self.parts {
            if !last.is_some_and(|last| Rc::ptr_eq(last, &named.topic)) {
                // Two counts stand before the text.
                names += named.topic.len() + 2 * size_of::<usize>();
            }
            last = Some(&named.topic);
        }
        self.parts.capacity() * size_of::<(Named, Wanted)>() + names
    }
}

/// A request of a session, while it is under way.
#[derive(Debug)]
pub struct Incremental {
    id: i32,
    /// The session's epoch, unless another request of it came since.
    epoch: i32,
    pub session: Rc<RefCell<Session>>,
    pub registration: Rc<SessionRegistration>,
}

/// What a response says.
#[derive(Debug)]
pub struct Said {
    pub session: i32,
    pub mentioned: Vec<(Named, FetchedPart)>,
}

pub struct Sessions {
    shard: ShardId,
    shards: u16,
    /// `max.incremental.fetch.session.cache.slots`, this shard's share.
    slots: usize,
    /// The most partitions of all sessions together. A session outlives its connection, and what a client names it keeps.
    max_parts: usize,
    parts: usize,
    by_id: BTreeMap<i32, Rc<RefCell<Session>>>,
    /// Of the request after the one that begins a session.
    first_epoch: i32,
    registrations: u64,
    /// Registrations that ended, and shards that have not been told so.
    ended: Rc<RefCell<Vec<(ShardId, u64)>>>,
}

impl Sessions {
    pub fn new(shard: ShardId, shards: u16, slots: usize) -> Self {
        Self {
            shard,
            shards,
            slots,
            max_parts: limits::FETCH_SESSION_PARTS,
            parts: 0,
            by_id: BTreeMap::new(),
            first_epoch: next_epoch(INITIAL_EPOCH),
            registrations: 0,
            ended: Rc::default(),
        }
    }

    /// New sessions begin with this epoch, for tests that cannot send two thousand million requests until epochs wrap.
    pub fn begin_at(&mut self, first_epoch: i32) {
        self.first_epoch = first_epoch;
    }

    /// Finds out what a request fetches that came by this connection. Errors are Kafka's, for the whole response.
    pub fn begin(&mut self, now_ms: i64, connection: u64, asked: SessionRequest) -> Result<Begun, ErrorCode> {
        // No topic has such a name, and a session would keep it.
        let has_endless_name =
            asked.parts.iter().any(|(named, _)| named.topic.len() > limits::TOPIC_NAME_BYTES);
        if asked.epoch == FINAL_EPOCH || asked.epoch == INITIAL_EPOCH {
            self.remove(asked.session);
            let opens = asked.epoch == INITIAL_EPOCH && !has_endless_name;
            return Ok(Begun::Parts(Full { parts: asked.parts, by_id: asked.by_id, opens }));
        }
        let session = self.by_id.get(&asked.session).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?.clone();
        let mut of_session = session.borrow_mut();
        if of_session.epoch != asked.epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if of_session.by_id != asked.by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        if has_endless_name || asked.parts.len() > self.max_parts || asked.forgotten.len() > self.max_parts {
            // More than a session can have: who asks so is not worth the time of others.
            drop(of_session);
            self.remove(asked.session);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        let before = of_session.len();
        for (named, wanted) in asked.parts {
            of_session.want(named, wanted);
        }
        for named in &asked.forgotten {
            of_session.forget(named);
        }
        let after = of_session.len();
        self.parts = self.parts - before + after;
        if after == 0 {
            drop(of_session);
            self.remove(asked.session);
            return Ok(Begun::Parts(Full { parts: Vec::new(), by_id: asked.by_id, opens: false }));
        }
        if self.parts > self.max_parts {
            drop(of_session);
            self.remove(asked.session);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        of_session.used_ms = now_ms;
        of_session.connection = connection;
        of_session.epoch = next_epoch(of_session.epoch);
        let epoch = of_session.epoch;
        let registration = of_session.take_registration(|| {
            self.registrations += 1;
            SessionRegistration::new(self.registrations, self.ended.clone())
        });
        drop(of_session);
        Ok(Begun::Session(Incremental { id: asked.session, epoch, session, registration }))
    }

    /// What the response to a request without a session says, or to one that begins a session. `found` has all its parts.
    pub fn finish_full(
        &mut self,
        now_ms: i64,
        connection: u64,
        full: Full,
        mut found: Vec<FetchedPart>,
        random: impl FnMut() -> u64,
    ) -> Said {
        found.sort_by_key(|part| part.number);
        assert_eq!(found.len(), full.parts.len(), "every part is answered once");
        let session = if full.opens { self.create(now_ms, connection, &full, &found, random) } else { 0 };
        let names = full.parts.into_iter().map(|(named, _)| named);
        let said = Said { session, mentioned: names.zip(found).collect() };
        self.check_in_debug();
        said
    }

    /// What the response to a request of a session says. An error if another request of the session came meanwhile.
    pub fn finish_incremental(
        &mut self,
        of: Incremental,
        found: Vec<FetchedPart>,
    ) -> Result<Said, ErrorCode> {
        let mut session = of.session.borrow_mut();
        if session.epoch != of.epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        let mut mentioned = session.in_order(found);
        mentioned.retain(|(_, part)| session.update(part.number, part));
        session.give_back(of.registration);
        drop(session);
        self.check_in_debug();
        Ok(Said { session: of.id, mentioned })
    }

    /// The connection has ended: its sessions go on if their clients come back, but until then no owner keeps anything for them.
    pub fn leave(&mut self, connection: u64) {
        for session in self.by_id.values().filter(|session| session.borrow().connection == connection) {
            session.borrow_mut().unregister();
        }
    }

    /// Registrations that ended since this was last asked, with the shards that know them.
    pub fn take_ended(&mut self) -> Vec<(ShardId, RegistrationId)> {
        let shard = self.shard;
        let ended = self.ended.take().into_iter();
        ended.map(|(owner, number)| (owner, RegistrationId { shard, number })).collect()
    }

    /// Returns 0, "no session", if there is no room.
    fn create(
        &mut self,
        now_ms: i64,
        connection: u64,
        full: &Full,
        found: &[FetchedPart],
        mut random: impl FnMut() -> u64,
    ) -> i32 {
        if full.parts.is_empty() || self.slots == 0 || full.parts.len() > self.max_parts {
            return 0;
        }
        if self.by_id.len() >= self.slots {
            let used = self.by_id.iter().map(|(id, session)| (session.borrow().used_ms, *id));
            match used.min() {
                Some((used_ms, id)) if now_ms - used_ms >= KEPT_MS => self.remove(id),
                _ => return 0,
            }
        }
        if full.parts.len() > self.max_parts - self.parts {
            return 0;
        }
        let mut session = Session::new(self.first_epoch, full.by_id);
        (session.used_ms, session.connection) = (now_ms, connection);
        for ((named, wanted), found) in full.parts.iter().zip(found) {
            let number = session.want(named.clone(), *wanted);
            session.update(number, found);
        }
        // Each partition is named once.
        self.parts += session.len();
        let shards = u64::from(self.shards);
        let id = loop {
            let most = i32::MAX as u64 / shards - 1;
            let id = ((random() % most + 1) * shards + u64::from(self.shard.0)) as i32;
            if id > 0 && !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.by_id.insert(id, Rc::new(RefCell::new(session)));
        id
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.by_id.remove(&id) {
            self.parts -= session.borrow().len();
        }
    }

    fn check_in_debug(&self) {
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        assert!(self.by_id.len() <= self.slots && self.parts <= self.max_parts);
        assert_eq!(self.parts, self.by_id.values().map(|session| session.borrow().len()).sum::<usize>());
        for session in self.by_id.values() {
            session.borrow().check();
        }
    }
}

fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests;

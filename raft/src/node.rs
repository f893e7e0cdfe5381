//! One member of the quorum as a step machine: what happens goes in through `on_*`, what is to be done comes out of [`Node::ready`]
//! and [`Node::on_durable`]. Nothing here waits, reads a clock or draws at random.
//!
//! Invariants:
//! - between [`Node::ready`] and [`Node::on_durable`] nothing else is called
//! - `applied <= commit <= last_index`
//! - `announced` only while this member leads, and after an entry of its own term was handed out as committed

use bytes::Bytes;
use raft::eraftpb::{Entry, HardState, Message, MessageType};
use raft::{Config, RawNode, ReadOnlyOption, Ready, StateRole, Storage};

use crate::identity::mix;
use crate::limits::{Limits, MAX_PROPOSAL_BYTES};
use crate::log::LogView;
use crate::logger::logger;
use crate::message::{self, MessageError};

/// Where a proposal stands in the log: it is committed if an entry of this term is committed at this index, and lost if another is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub term: u64,
    pub index: u64,
}

/// Why a proposal was not taken into the log. It is certain that it never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Also said by a leader that does not know yet what its predecessors committed.
    #[error("not the leader of the metadata quorum")]
    NotLeader { leader: Option<u64> },
    #[error("a proposal of {length} bytes is larger than the {MAX_PROPOSAL_BYTES} that one may have")]
    TooLarge { length: usize },
    #[error("too many proposals wait to be committed")]
    Busy,
    #[error(
        "the metadata log has {length} bytes, since no snapshot of it could be written for long (the broker's log says why), and takes no \
         more changes until one can be: a restart tries again"
    )]
    LogFull { length: u64 },
    #[error(
        "no space left on the device of the metadata log ({left} bytes are prepared there): what only adds to the metadata is refused until \
         there is some, and topics can be deleted"
    )]
    NoSpace { left: u64 },
    #[error("the metadata quorum has stopped")]
    Stopped,
}

/// How dearly an entry is needed. While there is no space, or the log is full, what is needed least is refused first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It only adds to what is kept.
    Growth,
    /// It gives room back, or can.
    Relief,
    /// Without it a node does not start.
    Start,
}

impl Need {
    /// How much of the reserve such an entry leaves. Raft's own entries leave nothing.
    pub(crate) fn leaves(self, limits: &Limits) -> u64 {
        match self {
            Self::Growth => limits.reserve_bytes,
            Self::Relief => limits.reserve_bytes / 2,
            Self::Start => limits.reserve_bytes / 16,
        }
    }

    /// A log that is as long takes no such entry.
    pub(crate) fn full_at(self, limits: &Limits) -> u64 {
        match self {
            Self::Growth => limits.full_log_bytes,
            Self::Relief => 2 * limits.full_log_bytes,
            Self::Start => 4 * limits.full_log_bytes,
        }
    }
}

/// An entry that a majority holds: it is decided for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub term: u64,
    pub index: u64,
    /// What was proposed; empty for the entry with which a leader begins its term.
    pub data: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next entry. Indexes have no gaps.
    Committed(Committed),
    /// From here on this member decides: everything of earlier terms has been handed out. Sent after the entry of its own term.
    Leading { term: u64 },
    /// This member does not lead (any more); who does, if known.
    Following { leader: Option<u64>, term: u64 },
    /// The log has grown by this many bytes since the last snapshot: it is time for one. If none comes, said again each time that the
    /// log has grown as much again.
    SnapshotDue { bytes: u64 },
}

/// What is to be made durable in one synced write, before anything else is done.
#[derive(Debug)]
pub struct Write {
    pub hard_state: HardState,
    pub entries: Vec<Entry>,
    /// Nothing here needs the disk.
    pub is_empty: bool,
    ready: Ready,
}

/// What is to be done once a [`Write`] is durable.
///
/// The order is part of the type: entries and hard state are durable before any message leaves and before anything is acknowledged,
/// because `Effects` can only be had by giving the [`Write`] back.
#[derive(Debug, Default)]
pub struct Effects {
    /// Encoded messages for other members, in order, with the member's raft id.
    pub messages: Vec<(u64, Bytes)>,
    pub events: Vec<Event>,
}

/// A member of the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its raft id.
    pub id: u64,
    /// The last entry that it is known to hold; a follower knows nothing of others.
    pub last_index: Option<u64>,
}

pub struct Node {
    raw: RawNode<LogView>,
    seed: u64,
    election_ticks: usize,
    announced: bool,
}

impl Node {
    /// A member that continues from `view`. Entries up to its commit index were handed out already. `seed` decides its election
    /// timeouts: raft would draw them from the thread's random numbers, and no two runs would be the same.
    pub fn new(raft_id: u64, view: LogView, limits: &Limits, seed: u64) -> Result<Self, raft::Error> {
        let config = Config {
            id: raft_id,
            election_tick: limits.election_ticks,
            heartbeat_tick: limits.heartbeat_ticks,
            applied: view.hard_state().commit,
            max_size_per_msg: limits.message_bytes,
            max_inflight_msgs: limits.messages_in_flight,
            check_quorum: true,
            pre_vote: true,
            min_election_tick: limits.election_ticks,
            max_election_tick: 2 * limits.election_ticks,
            read_only_option: ReadOnlyOption::Safe,
            skip_bcast_commit: false,
            batch_append: false,
            priority: 0,
            max_uncommitted_size: limits.uncommitted_bytes,
            max_committed_size_per_ready: limits.committed_bytes,
        };
        let raw = RawNode::new(&config, view, &logger())?;
        let mut node = Self { raw, seed, election_ticks: limits.election_ticks, announced: false };
        node.redraw();
        Ok(node)
    }

    /// A sole voter needs no ticks: it elects itself with [`Node::campaign`], and nobody can take its place.
    pub fn is_alone(&self) -> bool {
        let voters = self.raw.raft.prs().conf().voters();
        voters.ids().iter().all(|id| id == self.raw.raft.id)
            && self.raw.raft.promotable()
            && self.view().members().learners.is_empty()
    }

    pub fn campaign(&mut self) {
        // Refused only where raft refuses to be a candidate at all; the next election timeout asks again.
        if let Err(error) = self.raw.campaign() {
            tracing::debug!("no candidate now: {error}");
        }
        self.redraw();
    }

    pub fn on_tick(&mut self) {
        self.raw.tick();
        self.redraw();
    }

    pub fn on_propose(&mut self, data: Bytes) -> Result<Position, ProposeError> {
        let raft = &self.raw.raft;
        if raft.state != StateRole::Leader || !raft.apply_to_current_term() {
            return Err(ProposeError::NotLeader { leader: self.leader() });
        }
        if data.len() > MAX_PROPOSAL_BYTES {
            return Err(ProposeError::TooLarge { length: data.len() });
        }
        let entry = Entry { data, ..Entry::default() };
        let mut proposal = Message::default();
        proposal.set_msg_type(MessageType::MsgPropose);
        proposal.from = raft.id;
        proposal.entries = vec![entry].into();
        self.raw.step(proposal).map_err(|_| ProposeError::Busy)?;
        let raft = &self.raw.raft;
        Ok(Position { term: raft.term, index: raft.raft_log.last_index() })
    }

    /// A message from another member, as [`Effects::messages`] had it there.
    pub fn on_message(&mut self, frame: Bytes) -> Result<(), MessageError> {
        let message = message::decode(frame)?;
        self.examine(&message)?;
        match self.raw.step(message) {
            // From a member that was removed: raft has nothing to say to it.
            Ok(()) | Err(raft::Error::StepPeerNotFound | raft::Error::ProposalDropped) => {}
            Err(error) => panic!("raft fails only where its storage does, and ours cannot: {error}"),
        }
        self.redraw();
        Ok(())
    }

    /// Refuses what a correct member never sends, and what raft would end the process for.
    fn examine(&self, message: &Message) -> Result<(), MessageError> {
        let raft = &self.raw.raft;
        if message.to != raft.id {
            return Err(MessageError::Misdirected { to: message.to });
        }
        let contradiction = |what| Err(MessageError::Contradiction { term: message.term, what });
        if message.term == 0 || message.from == 0 || message.from == raft.id {
            return contradiction("it has no term or no sender");
        }
        let (last, committed) = (raft.raft_log.last_index(), raft.raft_log.committed);
        match message.get_msg_type() {
            MessageType::MsgHeartbeat if message.term >= raft.term && message.commit > last => {
                contradiction("it commits entries that never came")
            }
            MessageType::MsgAppend | MessageType::MsgHeartbeat
                if message.term == raft.term && raft.state == StateRole::Leader =>
            {
                contradiction("two members lead in one term")
            }
            // raft's log has term 0 wherever it has no entry, so this would fit behind any gap.
            MessageType::MsgAppend if message.log_term == 0 => contradiction("it follows no entry"),
            MessageType::MsgAppend => {
                let mut before = message.log_term;
                for (at, entry) in message.entries.iter().enumerate() {
                    if Some(entry.index) != message.index.checked_add(1 + at as u64)
                        || entry.term < before
                        || entry.term > message.term
                    {
                        return contradiction("its entries are out of order");
                    }
                    if entry.index <= committed
                        && entry.index > self.view().base_index()
                        && raft.raft_log.term(entry.index) != Ok(entry.term)
                    {
                        return contradiction("it replaces committed entries");
                    }
                    before = entry.term;
                }
                Ok(())
            }
            MessageType::MsgAppendResponse
                if message.term == raft.term && (message.index > last || message.reject_hint > last) =>
            {
                contradiction("it answers to entries that never left")
            }
            _ => Ok(()),
        }
    }

    /// Sets the election timeout from the seed: the same for as long as term and role are.
    fn redraw(&mut self) {
        let raft = &mut self.raw.raft;
        let drawn = mix(self.seed ^ mix(raft.term) ^ raft.state as u64) as usize;
        let timeout = self.election_ticks + drawn % self.election_ticks;
        raft.set_randomized_election_timeout(timeout);
    }

    /// What is to be made durable next, if anything is to be done at all.
    pub fn ready(&mut self) -> Option<Write> {
        if !self.raw.has_ready() {
            return None;
        }
        let mut ready = self.raw.ready();
        assert!(ready.snapshot().is_empty(), "snapshots do not travel yet");
        let hard_state = ready.hs().unwrap_or(self.view().hard_state()).clone();
        let is_empty = !ready.must_sync();
        Some(Write { hard_state, entries: ready.take_entries(), is_empty, ready })
    }

    /// `write` is on the disk, synced.
    pub fn on_durable(&mut self, write: Write) -> Effects {
        let Write { hard_state, entries, mut ready, .. } = write;
        let view = self.raw.mut_store();
        let turned = ready.ss().is_some() || hard_state.term != view.hard_state().term;
        view.append(&hard_state, &entries).expect("raft's entries continue its log");
        let mut messages = ready.take_messages();
        messages.extend(ready.take_persisted_messages());
        let mut committed = ready.take_committed_entries();
        let mut light = self.raw.advance(ready);
        messages.extend(light.take_messages());
        committed.extend(light.take_committed_entries());
        self.raw.advance_apply();
        let commit = self.raw.raft.raft_log.committed;
        self.raw.mut_store().commit_to(commit);
        self.redraw();

        let mut effects = Effects::default();
        effects.messages.extend(messages.iter().map(|message| (message.to, message::encode(message))));
        self.announce_followership(turned, &mut effects);
        for entry in committed {
            self.hand_out(entry, &mut effects);
        }
        effects
    }

    fn announce_followership(&mut self, turned: bool, effects: &mut Effects) {
        if !turned || self.raw.raft.state == StateRole::Leader {
            // A leader is announced by an entry of its own term.
            return;
        }
        self.announced = false;
        effects.events.push(Event::Following { leader: self.leader(), term: self.raw.raft.term });
    }

    fn hand_out(&mut self, entry: Entry, effects: &mut Effects) {
        let (term, index) = (entry.term, entry.index);
        effects.events.push(Event::Committed(Committed { term, index, data: entry.data }));
        let raft = &self.raw.raft;
        if !self.announced && raft.state == StateRole::Leader && term == raft.term {
            self.announced = true;
            effects.events.push(Event::Leading { term });
        }
    }

    pub fn view(&self) -> &LogView {
        self.raw.store()
    }

    /// The log was cut at a snapshot.
    pub(crate) fn on_cut(&mut self, view: LogView) {
        *self.raw.mut_store() = view;
    }

    pub fn leader(&self) -> Option<u64> {
        Some(self.raw.raft.leader_id).filter(|id| *id != raft::INVALID_ID)
    }

    pub fn is_leader(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    pub fn term(&self) -> u64 {
        self.raw.raft.term
    }

    pub fn commit(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }

    pub fn applied(&self) -> u64 {
        self.raw.raft.raft_log.applied()
    }

    pub fn last_index(&self) -> u64 {
        self.raw.raft.raft_log.last_index()
    }

    /// Voters, and learners.
    pub fn members(&self) -> (Vec<Member>, Vec<Member>) {
        let raft = &self.raw.raft;
        let known = |id: u64| match raft.prs().get(id) {
            _ if id == raft.id => Some(raft.raft_log.last_index()),
            Some(progress) if raft.state == StateRole::Leader => Some(progress.matched),
            _ => None,
        };
        let sorted = |mut ids: Vec<u64>| {
            ids.sort_unstable();
            ids.into_iter().map(|id| Member { id, last_index: known(id) }).collect()
        };
        let conf = raft.prs().conf();
        (sorted(conf.voters().ids().iter().collect()), sorted(conf.learners().iter().copied().collect()))
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        assert!(self.applied() <= self.commit() && self.commit() <= self.last_index());
        assert!(!self.announced || self.is_leader());
        self.view().check();
        assert!(self.view().first_index() == Ok(self.view().base_index() + 1));
    }
}

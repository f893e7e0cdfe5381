//! The shell around a [`Node`]: its log, its clock, its peers and the one who uses it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use futures_util::future::{Either, LocalBoxFuture, select};

use crate::files::{Directory, FileError};
use crate::limits::{MAX_PROPOSAL_BYTES, MAX_SNAPSHOT_BYTES};
use crate::log::{Lengths, Log, LogError, format};
use crate::message::MessageError;
use crate::node::{Committed, Effects, Event, Member, Need, Node, Position, ProposeError};
use crate::{Identity, Limits};

/// Time, as the driver needs it: while there are other members, or the last frame of the log is not covered.
pub trait Clock {
    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()>;
}

/// The way to the other members. Messages may be lost, but not changed.
pub trait Peers {
    /// Sends a frame to the member with this raft id, or drops it; never waits.
    fn send(&self, to: u64, frame: Bytes);
}

/// Why the driver ended. The node stops: nothing is retried on a file whose write failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("raft does not accept its configuration: {0}")]
    Configuration(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("entry {index} was not handed out as committed")]
    NotCommitted { index: u64 },
    #[error("a snapshot of {length} bytes is larger than the {MAX_SNAPSHOT_BYTES} that one may have")]
    TooLarge { length: usize },
    #[error("{path}: no space left on the device; it is tried again")]
    NoSpace { path: String },
    #[error("the metadata quorum has stopped")]
    Stopped,
}

/// What the log held when it was opened. The rest comes through [`Events`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The state up to and with an entry, by its index.
    pub snapshot: Option<(u64, Bytes)>,
    /// Entries after the snapshot that are known to be committed.
    pub committed: Vec<Committed>,
}

/// What `DescribeQuorum` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// This member's raft id.
    pub id: u64,
    pub leader: Option<u64>,
    pub is_leader: bool,
    pub term: u64,
    pub commit: u64,
    /// The last entry handed out.
    pub applied: u64,
    pub last_index: u64,
    /// The entry that the last snapshot reaches.
    pub snapshot_index: u64,
    pub bytes_since_snapshot: u64,
    pub voters: Vec<Member>,
    pub learners: Vec<Member>,
}

enum Command {
    Propose(Bytes, Need, oneshot::Sender<Result<Position, ProposeError>>),
    Message(Bytes, oneshot::Sender<Result<(), MessageError>>),
    Snapshot(u64, Bytes, oneshot::Sender<Result<(), SnapshotError>>),
    Stop(oneshot::Sender<Infallible>),
}

/// The handle of the quorum's user. Cheap to clone.
#[derive(Clone)]
pub struct Quorum {
    commands: mpsc::UnboundedSender<Command>,
    status: Rc<RefCell<Status>>,
}

impl Quorum {
    /// Takes `data` into the log. That it is committed is said by [`Events`], at the position returned or never: once another entry
    /// is committed there.
    pub async fn propose(&self, data: Bytes, need: Need) -> Result<Position, ProposeError> {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Propose(data, need, sender));
        receiver.await.unwrap_or(Err(ProposeError::Stopped))
    }

    /// Hands over a frame from another member. After [`QuorumError`] nobody listens, and nothing is said.
    pub async fn message(&self, frame: Bytes) -> Result<(), MessageError> {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Message(frame, sender));
        receiver.await.unwrap_or(Ok(()))
    }

    /// Keeps `data` as the state up to entry `index`, which must have come through [`Events`], and forgets the log up to it. Returns
    /// when that is durable. An index that is not newer than the last snapshot's changes nothing.
    pub async fn snapshot(&self, index: u64, data: Bytes) -> Result<(), SnapshotError> {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Snapshot(index, data, sender));
        receiver.await.unwrap_or(Err(SnapshotError::Stopped))
    }

    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Ends the driver after what was asked of it before, and returns when it has ended. It leaves nothing uncovered.
    pub async fn stop(&self) {
        let (sender, receiver) = oneshot::channel();
        self.send(Command::Stop(sender));
        // Never answered: it is dropped with the driver, whether that ended well or not.
        let _ = receiver.await;
    }

    /// Who sends a command waits for its answer, so the queue is as long as there are callers.
    fn send(&self, command: Command) {
        // A failure means that the driver has ended: then the command's answer says so, as its sender is dropped.
        let _ = self.commands.unbounded_send(command);
    }
}

/// What was committed, in order, and who leads. Ends when the driver does.
///
/// The queue behind it is not bounded, but its entries share their bytes with the log, which a slow reader does not let grow: a
/// proposal is refused while too many are uncommitted, and a snapshot is only made by the reader.
pub struct Events {
    receiver: mpsc::UnboundedReceiver<Event>,
}

impl Events {
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.next().await
    }

    /// What has come and was not read yet, without waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }
}

/// Owns the log and the node. To be run beside the one who uses the [`Quorum`].
pub struct Driver {
    node: Node,
    log: Log,
    limits: Limits,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Event>,
    status: Rc<RefCell<Status>>,
    random: Box<dyn FnMut() -> u64>,
    /// Bytes since the base at which a snapshot is asked for.
    snapshot_at: u64,
    /// How long the log was at the last tick.
    length_at_tick: u64,
    /// Bytes of what was proposed and is not in the log yet.
    unwritten: u64,
    /// Ticks until a snapshot is asked for again, for which there was no space.
    snapshot_in: Option<u32>,
}

/// What a driver waits for.
enum Woken {
    Tick,
    /// `None`: every handle is gone.
    Command(Option<Command>),
}

pub struct OpenedQuorum {
    pub quorum: Quorum,
    pub recovered: Recovered,
    pub events: Events,
    pub driver: Driver,
}

/// Reads the metadata log back. `create` allows to begin one, with this member as the only voter, if the directory holds none.
pub async fn open(
    directory: Rc<dyn Directory>,
    identity: Identity,
    create: bool,
    limits: Limits,
    mut random: Box<dyn FnMut() -> u64>,
) -> Result<OpenedQuorum, QuorumError> {
    let salt = random() as u32;
    let lengths = Lengths { longest: limits.longest_log_bytes, reserve: limits.reserve_bytes };
    let opened = Log::open(directory, identity, create, salt, lengths).await?;
    let (log, mut view) = (opened.log, opened.view);
    if view.is_lone(identity.raft_id()) {
        // The only voter is a majority: what it holds durably is committed, whether or not it had come to say so.
        view.commit_to(view.last());
    }
    let commit = view.hard_state().commit;
    let committed = |entry: &raft::eraftpb::Entry| Committed {
        term: entry.term,
        index: entry.index,
        data: entry.data.clone(),
    };
    let recovered = Recovered {
        snapshot: opened.snapshot.map(|data| (view.base_index(), data)),
        committed: view.range(view.base_index() + 1, commit).iter().map(committed).collect(),
    };
    let node = Node::new(identity.raft_id(), view, &limits, random())
        .map_err(|error| QuorumError::Configuration(error.to_string()))?;
    let (commands, command_receiver) = mpsc::unbounded();
    let (event_sender, receiver) = mpsc::unbounded();
    let status = Rc::new(RefCell::new(status_of(identity.raft_id(), &node, &log)));
    let quorum = Quorum { commands, status: Rc::clone(&status) };
    let driver = Driver {
        node,
        log,
        commands: command_receiver,
        events: event_sender,
        status,
        random,
        snapshot_at: limits.snapshot_after_bytes,
        length_at_tick: 0,
        unwritten: 0,
        snapshot_in: None,
        limits,
    };
    Ok(OpenedQuorum { quorum, recovered, events: Events { receiver }, driver })
}

fn status_of(id: u64, node: &Node, log: &Log) -> Status {
    let (voters, learners) = node.members();
    Status {
        id,
        leader: node.leader(),
        is_leader: node.is_leader(),
        term: node.term(),
        commit: node.commit(),
        applied: node.applied(),
        last_index: node.last_index(),
        snapshot_index: node.view().base_index(),
        bytes_since_snapshot: log.bytes_since_base(),
        voters,
        learners,
    }
}

impl Driver {
    /// Runs until [`Quorum::stop`], until every handle is gone, or until the log fails.
    pub async fn run(mut self, clock: Rc<dyn Clock>, peers: Rc<dyn Peers>) -> Result<(), QuorumError> {
        // Before anything is proposed: a log that is full can be cut by now.
        self.ask_for_snapshot();
        if self.node.is_alone() {
            self.node.campaign();
        }
        let mut tick = None;
        loop {
            self.settle(&*peers).await?;
            if self.node.is_alone() && !self.log.owes_cover() && self.snapshot_in.is_none() {
                // Nobody else can do anything: no tick, no timer, nothing to wake up for.
                tick = None;
            } else if tick.is_none() {
                tick = Some(clock.sleep(Duration::from_millis(self.limits.tick_ms)));
            }
            let woken = match tick.take() {
                None => Woken::Command(self.commands.next().await),
                Some(deadline) => match select(self.commands.next(), deadline).await {
                    Either::Right(((), _)) => Woken::Tick,
                    Either::Left((command, rest)) => {
                        tick = Some(rest);
                        Woken::Command(command)
                    }
                },
            };
            let stopped = match woken {
                Woken::Tick => {
                    self.on_tick().await?;
                    continue;
                }
                Woken::Command(None) => None,
                Woken::Command(Some(command)) => match self.take(command).await? {
                    None => continue,
                    stopped => stopped,
                },
            };
            self.settle(&*peers).await?;
            self.log.cover(self.node.view().hard_state()).await?;
            drop(stopped);
            return Ok(());
        }
    }

    /// The log is covered once it was left alone from one tick to the next: while it grows, each append covers the one before.
    async fn on_tick(&mut self) -> Result<(), QuorumError> {
        let length = self.log.length();
        if length == self.length_at_tick {
            self.log.cover(self.node.view().hard_state()).await?;
        }
        self.length_at_tick = length;
        self.snapshot_in = match self.snapshot_in {
            Some(left) if left <= 1 => {
                self.send(Event::SnapshotDue { bytes: self.log.bytes_since_base() });
                None
            }
            other => other.map(|left| left - 1),
        };
        if !self.node.is_alone() {
            self.node.on_tick();
        }
        Ok(())
    }

    /// Does what raft wants done, until it wants nothing.
    async fn settle(&mut self, peers: &dyn Peers) -> Result<(), QuorumError> {
        while let Some(write) = self.node.ready() {
            if !write.is_empty {
                self.log.append(&write.hard_state, &write.entries).await?;
            }
            let Effects { messages, events } = self.node.on_durable(write);
            for (to, frame) in messages {
                peers.send(to, frame);
            }
            // Before the events: who reads one finds the status that it led to.
            self.publish_status();
            for event in events {
                self.send(event);
            }
            #[cfg(debug_assertions)]
            self.node.check();
        }
        self.unwritten = 0;
        self.ask_for_snapshot();
        Ok(())
    }

    /// Asked again after as many bytes more: the last one may have failed.
    fn ask_for_snapshot(&mut self) {
        let bytes = self.log.bytes_since_base();
        if bytes > self.snapshot_at {
            self.snapshot_at = bytes + self.limits.snapshot_after_bytes;
            self.send(Event::SnapshotDue { bytes });
        }
    }

    fn send(&self, event: Event) {
        // Nobody reads any more: then nobody can miss it.
        let _ = self.events.unbounded_send(event);
    }

    fn publish_status(&self) {
        let id = self.status.borrow().id;
        *self.status.borrow_mut() = status_of(id, &self.node, &self.log);
    }

    /// Takes in a command, and those that wait behind it: what they ask for is written together. Returns who waits for the
    /// end, at a stop.
    async fn take(&mut self, first: Command) -> Result<Option<oneshot::Sender<Infallible>>, QuorumError> {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Propose(data, need, answer) => {
                    // An answer that nobody waits for any more is dropped, here and below.
                    let result = self.propose(data, need).await?;
                    let _ = answer.send(result);
                }
                Command::Message(frame, answer) => {
                    let _ = answer.send(self.node.on_message(frame));
                }
                Command::Snapshot(index, data, answer) => {
                    let result = self.cut(index, &data).await?;
                    let _ = answer.send(result);
                }
                Command::Stop(waits) => return Ok(Some(waits)),
            }
            next = self.commands.try_recv().ok();
        }
        Ok(None)
    }

    async fn propose(
        &mut self,
        data: Bytes,
        need: Need,
    ) -> Result<Result<Position, ProposeError>, QuorumError> {
        if !self.node.is_leader() || data.len() > MAX_PROPOSAL_BYTES {
            return Ok(self.node.on_propose(data));
        }
        let length = self.log.length();
        if length >= need.full_at(&self.limits) {
            return Ok(Err(ProposeError::LogFull { length }));
        }
        // As if each were written by itself.
        let bytes = self.unwritten + format::frame_bytes(&[data.len()]);
        let left = self.log.prepare(bytes).await?;
        if left < bytes + need.leaves(&self.limits) {
            return Ok(Err(ProposeError::NoSpace { left }));
        }
        let taken = self.node.on_propose(data);
        if taken.is_ok() {
            self.unwritten = bytes;
        }
        Ok(taken)
    }

    async fn cut(&mut self, index: u64, data: &[u8]) -> Result<Result<(), SnapshotError>, QuorumError> {
        if index > self.node.applied() {
            return Ok(Err(SnapshotError::NotCommitted { index }));
        }
        if data.len() as u64 > MAX_SNAPSHOT_BYTES - (64 << 10) {
            return Ok(Err(SnapshotError::TooLarge { length: data.len() }));
        }
        if index > self.node.view().base_index() {
            let salt = (self.random)() as u32;
            let view = match self.log.cut(self.node.view(), index, data, salt).await? {
                Ok(view) => view,
                Err(error) => {
                    self.snapshot_in = Some(self.limits.snapshot_retry_ticks);
                    let FileError::NoSpace { path } = error else { return Err(LogError::from(error).into()) };
                    return Ok(Err(SnapshotError::NoSpace { path }));
                }
            };
            self.node.on_cut(view);
            self.snapshot_in = None;
            self.snapshot_at = self.limits.snapshot_after_bytes;
            self.publish_status();
        }
        Ok(Ok(()))
    }
}

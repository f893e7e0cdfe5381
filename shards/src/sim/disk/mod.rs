//! The disks of all nodes.
//!
//! An operation takes effect, and completes, some time after it was submitted; in which order, the seed decides. What has taken
//! effect is seen by everyone on that node, and survives the process. What survives the machine is decided by [`file`] and
//! [`volume`] when the power goes.
//!
//! Invariants: an operation is on the agenda exactly while it has not taken effect, does not hang for ever, and does not wait for a worker; every claim belongs
//! to an operation that has not taken effect; the lock of a directory is free to others only when its holder is dead and has nothing
//! under way there.

mod faults;
mod file;
mod handle;
mod image;
mod inspect;
mod operation;
mod volume;
mod workers;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub use faults::{Fault, FaultId, FaultKind, Site, Verb};
pub use file::{BlockState, Fate};
pub use handle::{SimDirectory, SimFile, SimPlainFile};
pub use image::DiskImage;
pub use inspect::{FileView, InFlight};
pub use operation::OperationId;

use self::faults::Faults;
use self::operation::{Action, Answer, Claim, Operation, Surroundings};
use self::volume::{FileNumber, Volume};
use self::workers::{Ring, RingId, Worker};
use super::clock::Event;
use super::process::End;
use super::random::PerMillion;
use super::trace::Happened;
use super::{NodeId, ProcessId, World};
use crate::ShardId;
use crate::disk::{Flushing, IoError};
use crate::gate::WorkerShare;

/// How long operations take, in virtual nanoseconds, and what a volume is unless told otherwise.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    pub read_ns: Range<u64>,
    pub write_ns: Range<u64>,
    pub sync_ns: Range<u64>,
    pub metadata_ns: Range<u64>,
    /// How often an operation takes longer, and how much longer.
    pub stall: PerMillion,
    pub stall_ns: Range<u64>,
    /// How often an operation that a killed process had submitted still takes effect.
    pub lands_after_kill: PerMillion,
    /// When it does, counted from the kill.
    pub late_ns: Range<u64>,
    pub flushing: Flushing,
    pub capacity_bytes: u64,
    /// A mutation for tests: the directory lock ends with the process instead of with its last write.
    pub lock_dies_with_process: bool,
    /// What each device may keep of a ring's workers.
    pub workers: WorkerShare,
    /// How many operations a device takes before the next one needs a worker to wait with.
    pub queue: usize,
    /// A mutation for tests: who needs a worker enters no gate.
    pub without_gates: bool,
}

impl DiskOptions {
    pub fn calm() -> Self {
        Self {
            read_ns: 20_000..200_000,
            write_ns: 10_000..300_000,
            sync_ns: 100_000..2_000_000,
            metadata_ns: 2_000..100_000,
            stall: PerMillion(2_000),
            stall_ns: 1_000_000..100_000_000,
            lands_after_kill: PerMillion(600_000),
            late_ns: 0..3_000_000_000,
            flushing: Flushing::Shared,
            capacity_bytes: 64 << 30,
            lock_dies_with_process: false,
            workers: WorkerShare::STANDARD,
            queue: 128,
            without_gates: false,
        }
    }
}

/// A volume in its place.
#[derive(Debug)]
struct Mount {
    node: NodeId,
    volume: Volume,
    /// Raised by power loss: handles of before are dead.
    epoch: u32,
    /// By directory, below the root.
    locks: BTreeMap<Rc<str>, ProcessId>,
    claims: BTreeMap<FileNumber, Vec<Claim>>,
}

#[derive(Debug, Default)]
struct NodeIo {
    events: u64,
    crash_at: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Disks {
    mounts: Vec<Mount>,
    operations: BTreeMap<OperationId, Operation>,
    next_operation: u64,
    io: BTreeMap<NodeId, NodeIo>,
    faults: Faults,
    rings: BTreeMap<RingId, Ring>,
}

impl Disks {
    fn find_mount(&self, node: NodeId, path: &str) -> Option<(usize, String)> {
        let below = |mount: &Mount| {
            let rest = path.strip_prefix(mount.volume.root.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/').to_owned())
        };
        let mounts = self.mounts.iter().enumerate().filter(|(_, mount)| mount.node == node);
        mounts.filter_map(|(index, mount)| Some((index, below(mount)?))).min_by_key(|(_, rest)| rest.len())
    }

    fn mount(&mut self, node: NodeId, root: &str, flushing: Flushing, capacity: u64) -> usize {
        let last = self.mounts.iter().map(|mount| mount.volume.next_number() >> 40).max();
        let first_number = last.map_or(0, |last| last + 1) << 40;
        let volume = Volume::new(root, flushing, capacity, first_number);
        self.mounts.push(Mount { node, volume, epoch: 0, locks: BTreeMap::new(), claims: BTreeMap::new() });
        self.mounts.len() - 1
    }

    fn release_claim(&mut self, id: OperationId, operation: &Operation) {
        if let Some(file) = operation.action.file()
            && let Some(claims) = self.mounts[operation.volume].claims.get_mut(&file)
        {
            claims.retain(|claim| claim.operation != id);
            if claims.is_empty() {
                self.mounts[operation.volume].claims.remove(&file);
            }
        }
    }

    /// Whether a process still changes something below a directory.
    fn is_busy(&self, process: ProcessId, volume: usize, directory: &str) -> bool {
        let busy = |operation: &Operation| {
            operation.process == process
                && volume::is_below(&operation.path, directory)
                && operation.volume == volume
                && operation.outcome.is_none()
                && operation.action.changes()
        };
        self.operations.values().any(busy)
    }

    fn other_writes(&self, id: OperationId, operation: &Operation) -> Vec<(u64, bytes::Bytes)> {
        let Action::Read { file, .. } = operation.action else { return Vec::new() };
        let Some(claims) = self.mounts[operation.volume].claims.get(&file) else { return Vec::new() };
        let others = claims.iter().filter(|claim| claim.operation != id);
        let write = |claim: &Claim| match &self.operations.get(&claim.operation)?.action {
            Action::Write { position, content, .. } => Some((*position, content.clone())),
            _ => None,
        };
        others.filter_map(write).collect()
    }

    pub fn check(&self) {
        self.check_workers();
        for mount in &self.mounts {
            mount.volume.check();
            for claim in mount.claims.values().flatten() {
                let operation = self.operations.get(&claim.operation);
                assert!(
                    operation.is_some_and(|operation| operation.outcome.is_none()),
                    "a claim without an operation"
                );
            }
        }
    }
}

/// Where a handle leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    process: ProcessId,
    shard: ShardId,
    volume: usize,
    epoch: u32,
}

impl Target {
    fn ring(self) -> RingId {
        (self.process, self.shard)
    }
}

impl World {
    fn disks(&self) -> &RefCell<Disks> {
        &self.disks
    }

    fn submit(self: &Rc<Self>, target: Target, path: Rc<str>, action: Action, worker: Worker) -> IoFuture {
        let mut future = IoFuture { world: self.clone(), operation: None };
        let current = self.disks.borrow().mounts[target.volume].epoch == target.epoch;
        if !current || !self.is_alive(target.process) {
            return future;
        }
        let node = self.node_of(target.process);
        let fault = self.choose_fault(node, target, &path, &action);
        let duration = self.duration_of(&action, fault);
        let file = action.file().unwrap_or(0);
        let verb = action.verb();
        let id = {
            let mut disks = self.disks.borrow_mut();
            let id = OperationId(disks.next_operation);
            disks.next_operation += 1;
            let worker = self.take_worker(&mut disks, target, id, worker);
            let at = duration.filter(|_| !worker.is_waited_for()).map(|duration| self.clock.now() + duration);
            let moment = at.map(|at| self.clock.enter(at, Event::Disk(id)));
            let mount = &mut disks.mounts[target.volume];
            if let Some((file, claim)) = action.claim(id, &mount.volume) {
                let claims = mount.claims.entry(file).or_default();
                if claims.iter().any(|other| other.conflicts(&claim)) {
                    self.violation(format!(
                        "{path}: {} of {}..{} overlaps another that is under way",
                        verb.name(),
                        claim.start,
                        claim.end
                    ));
                }
                claims.push(claim);
            }
            let submitted = mount.volume.mark();
            let length_before = mount.volume.body(file).map_or(0, file::FileBody::length);
            let operation = Operation {
                process: target.process,
                volume: target.volume,
                path,
                action,
                submitted,
                length_before,
                fault,
                ring: target.ring(),
                worker,
                duration,
                moment,
                outcome: None,
                waker: None,
                abandoned: false,
            };
            disks.operations.insert(id, operation);
            id
        };
        self.record(Happened::IoSubmitted, id.0, file << 8 | verb as u64);
        future.operation = Some(id);
        self.count_io(node);
        future
    }

    fn choose_fault(&self, node: NodeId, target: Target, path: &str, action: &Action) -> Option<FaultKind> {
        let mut disks = self.disks.borrow_mut();
        if disks.faults.is_empty() {
            return None;
        }
        let (position, length) = action.range();
        let path = format!("{}/{path}", disks.mounts[target.volume].volume.root);
        let site = Site { node, process: target.process, path, verb: action.verb(), position, length };
        let kind = disks.faults.strike(&site, &self.random)?;
        self.record(Happened::IoFault, position, length);
        Some(kind)
    }

    /// How long an operation takes; `None` is for ever.
    fn duration_of(&self, action: &Action, fault: Option<FaultKind>) -> Option<u64> {
        let options = &self.options.disk;
        let range = match action {
            Action::Write { .. } | Action::WriteCached { .. } => &options.write_ns,
            Action::Read { .. } | Action::ReadSmall { .. } => &options.read_ns,
            Action::Sync { .. } | Action::SyncDirectory | Action::SyncFileSystem => &options.sync_ns,
            _ => &options.metadata_ns,
        };
        let stall = if self.random.chance(options.stall) { self.random.within(&options.stall_ns) } else { 0 };
        let hang = match fault {
            Some(FaultKind::Hang(None)) => return None,
            Some(FaultKind::Hang(Some(duration))) => duration.as_nanos() as u64,
            _ => 0,
        };
        Some(self.random.within(range) + stall + hang)
    }

    /// Counts an event of a node's disks, and crashes it if that was asked for.
    fn count_io(self: &Rc<Self>, node: NodeId) {
        let crash = {
            let mut disks = self.disks.borrow_mut();
            let io = disks.io.entry(node).or_default();
            io.events += 1;
            let crash = io.crash_at == Some(io.events);
            if crash {
                io.crash_at = None;
            }
            crash
        };
        if crash {
            self.crash(node);
        }
    }

    /// Power loss, whether or not a process runs there.
    pub(crate) fn crash(self: &Rc<Self>, node: NodeId) {
        let running = self.processes.borrow().running(node);
        match running {
            Some(process) => self.end(process, End::PowerLoss),
            None => self.lose_power(node),
        }
    }

    /// An operation takes effect, and whoever waits for it is woken.
    pub(crate) fn complete_io(self: &Rc<Self>, id: OperationId) {
        let (node, waker) = {
            let mut disks = self.disks.borrow_mut();
            let Some(mut operation) = disks.operations.remove(&id) else { return };
            operation.moment = None;
            operation.check_buffer(self);
            let lock_is_free =
                matches!(operation.action, Action::Lock) && self.lock_is_free(&disks, &operation);
            let around = Surroundings {
                random: &self.random,
                writes: disks.other_writes(id, &operation),
                lock_is_free,
            };
            disks.release_claim(id, &operation);
            let mount = &mut disks.mounts[operation.volume];
            let outcome = operation.perform(&mut mount.volume, &around);
            if matches!((&operation.action, &outcome), (Action::Lock, Ok(_))) {
                mount.locks.insert(operation.path.clone(), operation.process);
            }
            let code = outcome.as_ref().err().map_or(0, errno);
            self.record(Happened::IoCompleted, id.0, code);
            let node = mount.node;
            let waker = operation.waker.take();
            let worker = std::mem::replace(&mut operation.worker, Worker::NotNeeded);
            self.free_worker(&mut disks, operation.ring, worker);
            let mount = &mut disks.mounts[operation.volume];
            if operation.abandoned || !self.is_alive(operation.process) {
                if let Ok(Answer::Opened(file)) = outcome {
                    mount.volume.close(file);
                }
            } else {
                operation.outcome = Some(outcome);
                disks.operations.insert(id, operation);
            }
            (node, waker)
        };
        self.count_io(node);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock_is_free(&self, disks: &Disks, operation: &Operation) -> bool {
        match disks.mounts[operation.volume].locks.get(&operation.path).copied() {
            None => true,
            Some(holder) if holder == operation.process => true,
            Some(holder) if self.is_alive(holder) => false,
            Some(holder) => {
                self.options.disk.lock_dies_with_process
                    || !disks.is_busy(holder, operation.volume, &operation.path)
            }
        }
    }

    /// What becomes of the disks when a process ends.
    pub(crate) fn end_disks(self: &Rc<Self>, process: ProcessId, end: End) {
        if end == End::PowerLoss {
            return self.lose_power(self.node_of(process));
        }
        let mut disks = self.disks.borrow_mut();
        disks.rings.retain(|(of, _), _| *of != process);
        let under_way = |(id, operation): (&OperationId, &Operation)| {
            (operation.process == process && operation.outcome.is_none()).then_some(*id)
        };
        let ids: Vec<OperationId> = disks.operations.iter().filter_map(under_way).collect();
        for id in ids {
            let Some(mut operation) = disks.operations.remove(&id) else { continue };
            let before = operation.moment.take();
            if let Some(moment) = before {
                self.clock.strike(moment);
            }
            if !operation.action.changes() || !self.random.chance(self.options.disk.lands_after_kill) {
                disks.release_claim(id, &operation);
                continue;
            }
            // It lands when it would have landed anyway, or late.
            let late = self.clock.now() + self.random.within(&self.options.disk.late_ns);
            let at = before.filter(|_| self.random.coin()).map_or(late, |moment| moment.at);
            operation.moment = Some(self.clock.enter(at, Event::Disk(id)));
            disks.operations.insert(id, operation);
        }
    }

    /// Decides what the disks of a node hold when the power comes back.
    pub(crate) fn lose_power(self: &Rc<Self>, node: NodeId) {
        let mut disks = self.disks.borrow_mut();
        disks.rings.retain(|(process, _), _| self.node_of(*process) != node);
        let Disks { mounts, operations, .. } = &mut *disks;
        operations.retain(|_, operation| {
            let mount = &mut mounts[operation.volume];
            if mount.node != node {
                return true;
            }
            if let Some(moment) = operation.moment.take() {
                self.clock.strike(moment);
            }
            if operation.outcome.is_none() && operation.action.changes() {
                operation.land_in_part(&mut mount.volume, &self.random);
            }
            false
        });
        for mount in mounts.iter_mut().filter(|mount| mount.node == node) {
            let fate = Fate::draw(&self.random);
            let kept = mount.volume.collapse(&fate, &self.random);
            mount.epoch += 1;
            mount.locks.clear();
            mount.claims.clear();
            self.record(Happened::IoSurvived, mount.volume.mark(), kept);
        }
    }

    fn close_file(&self, target: Target, file: FileNumber) {
        let mut disks = self.disks.borrow_mut();
        let mount = &mut disks.mounts[target.volume];
        if mount.epoch == target.epoch {
            mount.volume.close(file);
        }
    }
}

/// A number for the trace.
fn errno(error: &IoError) -> u64 {
    match error {
        IoError::NotFound { .. } => 2,
        IoError::AlreadyExists { .. } => 17,
        IoError::NoSpace { .. } => 28,
        IoError::PermissionDenied { .. } => 13,
        IoError::Locked { .. } => 11,
        IoError::NoDescriptor { .. } => 24,
        IoError::Failed { errno, .. } => errno.unsigned_abs().into(),
    }
}

/// An operation under way. Dropping it does not cancel the operation. Without an operation it never ends: its process is dead.
#[derive(Debug)]
struct IoFuture {
    world: Rc<World>,
    operation: Option<OperationId>,
}

impl Future for IoFuture {
    type Output = Result<Answer, IoError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(id) = self.operation else { return Poll::Pending };
        let mut disks = self.world.disks().borrow_mut();
        let Some(operation) = disks.operations.get_mut(&id) else { return Poll::Pending };
        let Some(outcome) = operation.outcome.take() else {
            set_waker(&mut operation.waker, context.waker());
            return Poll::Pending;
        };
        disks.operations.remove(&id);
        drop(disks);
        self.operation = None;
        Poll::Ready(outcome)
    }
}

pub(super) fn set_waker(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(held) => held.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}

impl Drop for IoFuture {
    fn drop(&mut self) {
        let Some(id) = self.operation else { return };
        let mut disks = self.world.disks().borrow_mut();
        let Some(operation) = disks.operations.get_mut(&id) else { return };
        if operation.outcome.is_none() {
            operation.abandoned = true;
            operation.waker = None;
        } else if let Some(operation) = disks.operations.remove(&id)
            && let Some(Ok(Answer::Opened(file))) = operation.outcome
        {
            disks.mounts[operation.volume].volume.close(file);
        }
    }
}

//! The workers of each shard's ring, which are not many, and which a device that hangs keeps.
//!
//! A worker is needed for every sync and reservation, for what goes through the page cache, for a write into blocks that are not written, and for
//! whatever finds its device's queue full. As on the real machine, these enter their device's gate first.
//!
//! Invariants, per ring: `busy <= most`; an operation waits only while `busy == most`; with gates, none ever waits.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::super::World;
use super::super::clock::Event;
use super::super::process::ProcessId;
use super::operation::{Action, Answer, OperationId};
use super::{Disks, Target, file};
use crate::ShardId;
use crate::disk::IoError;
use crate::gate::{Blocking, Gates, Permit};

/// Whose ring it is.
pub type RingId = (ProcessId, ShardId);

#[derive(Debug, Default)]
pub struct Ring {
    /// By volume.
    gates: BTreeMap<usize, Rc<Gates>>,
    busy: usize,
    waiting: VecDeque<OperationId>,
}

/// What an operation has of its ring's workers.
#[derive(Debug)]
pub enum Worker {
    NotNeeded,
    WaitedFor(Option<Permit>),
    Busy(Option<Permit>),
}

impl Worker {
    pub fn is_waited_for(&self) -> bool {
        matches!(self, Self::WaitedFor(_))
    }
}

impl World {
    /// Starts an operation as a ring does, and waits for it.
    pub(super) async fn operate(
        self: &Rc<Self>,
        target: Target,
        path: Rc<str>,
        action: Action,
    ) -> Result<Answer, IoError> {
        let Some(what) = self.would_wait(target, &action) else {
            return self.submit(target, path, action, Worker::NotNeeded).await;
        };
        let gates = self.gates(target);
        let permit = if self.options.disk.without_gates { None } else { Some(gates.enter(what).await) };
        self.submit(target, path, action, Worker::WaitedFor(permit)).await
    }

    fn would_wait(&self, target: Target, action: &Action) -> Option<Blocking> {
        if !self.is_alive(target.process) {
            return None;
        }
        let disks = self.disks.borrow();
        let is_full = || {
            let there = disks.operations.values().filter(|operation| {
                operation.volume == target.volume
                    && operation.outcome.is_none()
                    && !operation.worker.is_waited_for()
            });
            there.count() >= self.options.disk.queue
        };
        match action {
            Action::Sync { .. } => Some(Blocking::Sync),
            Action::Allocate { .. } => Some(Blocking::Allocation),
            Action::WriteCached { .. } => Some(Blocking::Write),
            Action::Write { file, position, content, .. } => {
                let end = position + content.len() as u64;
                let body = disks.mounts[target.volume].volume.body(*file);
                let is_written = |body: &file::FileBody| body.written_until(*position, end) >= end;
                (!body.is_some_and(is_written) || is_full()).then_some(Blocking::Write)
            }
            Action::Read { .. } => is_full().then_some(Blocking::Read),
            _ => None,
        }
    }

    fn gates(&self, target: Target) -> Rc<Gates> {
        let mut disks = self.disks.borrow_mut();
        let ring = disks.rings.entry(target.ring()).or_default();
        ring.gates.entry(target.volume).or_insert_with(|| Gates::new(self.options.disk.workers)).clone()
    }

    /// Gives a worker to an operation that is being submitted, if there is one.
    pub(super) fn take_worker(
        &self,
        disks: &mut Disks,
        target: Target,
        id: OperationId,
        worker: Worker,
    ) -> Worker {
        let Worker::WaitedFor(permit) = worker else { return worker };
        let ring = disks.rings.entry(target.ring()).or_default();
        let most = ring.gates.len() * self.options.disk.workers.sum();
        if ring.busy < most {
            ring.busy += 1;
            return Worker::Busy(permit);
        }
        ring.waiting.push_back(id);
        if permit.is_some() {
            self.violation("the gates of a ring let more in than it has workers".to_owned());
        }
        Worker::WaitedFor(permit)
    }

    /// What an operation that has ended had of its ring's workers goes to whoever waits.
    pub(super) fn free_worker(&self, disks: &mut Disks, id: RingId, worker: Worker) {
        let Worker::Busy(permit) = worker else { return };
        drop(permit);
        // The rings of a process end with it.
        let Some(ring) = disks.rings.get_mut(&id) else { return };
        let Some(next) = ring.waiting.pop_front() else {
            ring.busy -= 1;
            return;
        };
        let Some(operation) = disks.operations.get_mut(&next) else { return };
        operation.worker = Worker::Busy(None);
        let at = operation.duration.map(|duration| self.clock.now() + duration);
        operation.moment = at.map(|at| self.clock.enter(at, Event::Disk(next)));
    }
}

impl Disks {
    pub(super) fn check_workers(&self) {
        for (id, ring) in &self.rings {
            let of_ring = self.operations.values().filter(|operation| operation.ring == *id);
            let busy = of_ring.filter(|operation| matches!(operation.worker, Worker::Busy(_)));
            assert_eq!(busy.count(), ring.busy, "workers of {id:?}");
            let waiting = ring.waiting.iter().filter_map(|id| self.operations.get(id));
            assert!(waiting.clone().all(|operation| operation.worker.is_waited_for()));
            assert_eq!(waiting.count(), ring.waiting.len());
        }
    }
}

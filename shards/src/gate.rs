//! How many of a ring's workers one device may keep.
//!
//! What the kernel cannot do without waiting it gives to a worker of the ring, and a device that hangs keeps those it has got. So each device has a
//! share of its own, and what else is asked of it waits here, in order, where it is in nobody's way. A ring has as many workers as the shares of
//! its devices come to: however many of them hang, whoever has a permit finds a worker.
//!
//! Invariants, per gate: `taken <= most`; somebody waits only while `taken == most`; who holds a [`Permit`] is counted in `taken`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::oneshot;

/// What a worker may be needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// Always.
    Sync,
    Allocation,
    /// Where it would wait: for extents, for a lock of the file, for room in the device's queue.
    Write,
    Read,
}

/// How many workers of a ring one device may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerShare {
    pub syncs: usize,
    pub allocations: usize,
    pub writes: usize,
    pub reads: usize,
}

impl WorkerShare {
    /// As many syncs at once as still make a drive faster, and more reads and writes than wait on one that works.
    pub const STANDARD: Self = Self { syncs: 16, allocations: 8, writes: 64, reads: 64 };

    pub const fn sum(self) -> usize {
        self.syncs + self.allocations + self.writes + self.reads
    }
}

/// The gates of one device on one ring. Each kind of operation has its own: reads that are many do not keep a sync waiting.
#[derive(Debug)]
pub struct Gates {
    syncs: Rc<Gate>,
    allocations: Rc<Gate>,
    writes: Rc<Gate>,
    reads: Rc<Gate>,
}

impl Gates {
    pub fn new(share: WorkerShare) -> Rc<Self> {
        Rc::new(Self {
            syncs: Gate::new(share.syncs),
            allocations: Gate::new(share.allocations),
            writes: Gate::new(share.writes),
            reads: Gate::new(share.reads),
        })
    }

    /// Waits until the device may keep one more worker.
    pub async fn enter(&self, what: Blocking) -> Permit {
        let gate = match what {
            Blocking::Sync => &self.syncs,
            Blocking::Allocation => &self.allocations,
            Blocking::Write => &self.writes,
            Blocking::Read => &self.reads,
        };
        gate.enter().await
    }
}

#[derive(Debug)]
struct Gate {
    most: usize,
    taken: Cell<usize>,
    waiting: RefCell<VecDeque<oneshot::Sender<Permit>>>,
}

/// One worker of a device's, until this is dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Rc<Gate>,
}

impl Gate {
    fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, taken: Cell::new(0), waiting: RefCell::default() })
    }

    /// Waits for its turn. Who goes away loses it.
    async fn enter(self: &Rc<Self>) -> Permit {
        if self.taken.get() < self.most {
            self.taken.set(self.taken.get() + 1);
            return Permit { gate: self.clone() };
        }
        let (turn, permit) = oneshot::channel();
        self.waiting.borrow_mut().push_back(turn);
        permit.await.expect("the gate is held by whoever waits, and drops nobody's turn")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        loop {
            let Some(next) = self.gate.waiting.borrow_mut().pop_front() else { break };
            if !next.is_canceled() {
                // Should it be lost on the way, it is dropped, and goes to the one behind.
                return drop(next.send(Permit { gate: self.gate.clone() }));
            }
        }
        self.gate.taken.set(self.gate.taken.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn so_many_enter_and_the_others_in_their_order() {
        let gate = Gate::new(2);
        let first = gate.enter().now_or_never().unwrap();
        let second = gate.enter().now_or_never().unwrap();
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(gate.enter())).collect();
        let mut polled = || -> Vec<Option<Permit>> {
            waiting.iter_mut().map(|waiting| waiting.as_mut().now_or_never()).collect()
        };
        assert!(polled().iter().all(Option::is_none));
        drop(second);
        drop(waiting.remove(1));
        let third = waiting.remove(0).now_or_never().expect("it was the first to wait");
        drop(first);
        // This one has its turn, and goes away without having looked.
        drop(waiting.remove(0));
        let fourth = waiting.remove(0).now_or_never().expect("it stood behind two that have gone");
        assert!(waiting[0].as_mut().now_or_never().is_none());
        drop((third, fourth));
        drop(waiting);
        assert_eq!(gate.taken.get(), 0);
        assert!(gate.enter().now_or_never().is_some());
    }
}

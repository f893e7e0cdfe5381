//! The open connections of a shard: how many there are, which are idle, and how to end them all.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use logan_shards as shards;

use super::signal::Signal;
use crate::handlers::Peer;
use crate::quota::connections::{ConnectionSlot, EvictionClaim};

/// Idle connections are not looked for more often.
const MIN_SWEEP: Duration = Duration::from_millis(50);

/// What the broker knows of an open connection.
pub struct Open {
    pub peer: Peer,
    pub last_used_ns: Cell<u64>,
    /// Set by whoever wants the connection to end: the sweeper of idle ones, the shutdown, a writer that failed.
    pub close: Signal,
    place: RefCell<ConnectionSlot>,
}

#[derive(Default)]
pub struct Connections {
    next: Cell<u64>,
    open: RefCell<BTreeMap<u64, Rc<Open>>>,
    sweeping: Cell<bool>,
    empty: RefCell<Signal>,
}

impl Connections {
    pub fn add(&self, address: String, place: ConnectionSlot) -> Rc<Open> {
        let number = self.next.get();
        self.next.set(number + 1);
        let last_used_ns = Cell::new(shards::monotonic_ns());
        let open = Rc::new(Open {
            peer: Peer { number, address, listener: place.listener() },
            last_used_ns,
            close: Signal::default(),
            place: RefCell::new(place),
        });
        self.open.borrow_mut().insert(number, open.clone());
        open
    }

    pub fn remove(&self, open: &Open) {
        let mut all = self.open.borrow_mut();
        all.remove(&open.peer.number);
        if all.is_empty() {
            self.empty.take().set();
        }
    }

    pub fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Asks all connections to end.
    pub fn close_all(&self) {
        for open in self.open.borrow().values() {
            open.close.set();
        }
    }

    /// Ends the connection that was not used for the longest, unless it came through the protected listener. Gives the claim back if there
    /// is none.
    pub fn close_idlest(&self, protected: Option<usize>, claim: EvictionClaim) -> Option<EvictionClaim> {
        let idlest = {
            let all = self.open.borrow();
            let spared = all
                .values()
                .filter(|open| !open.close.is_set() && protected != Some(open.place.borrow().listener()));
            spared.min_by_key(|open| open.last_used_ns.get()).cloned()
        };
        let Some(idlest) = idlest else { return Some(claim) };
        tracing::info!(
            peer = idlest.peer.address,
            "closing the idlest connection: there are more than max.connections"
        );
        idlest.place.borrow_mut().give_up(claim);
        idlest.close.set();
        None
    }

    /// Waits until none is open.
    pub async fn until_empty(&self) {
        while self.count() > 0 {
            let empty = self.empty.borrow().clone();
            empty.wait().await;
        }
    }

    /// Ends those that were idle for `limit`, and returns how long it is until the next may be.
    fn close_idle(&self, now_ns: u64, limit: Duration) -> Duration {
        let mut next = limit;
        for open in self.open.borrow().values().filter(|open| !open.close.is_set()) {
            let idle = Duration::from_nanos(now_ns.saturating_sub(open.last_used_ns.get()));
            match limit.checked_sub(idle).filter(|left| !left.is_zero()) {
                Some(left) => next = next.min(left),
                None => open.close.set(),
            }
        }
        next.max(MIN_SWEEP)
    }

    /// Ends connections that were idle for `limit`. It runs only while there are connections, so that an idle node has no timer: whoever adds
    /// one begins it.
    pub fn sweep(self: &Rc<Self>, limit: Duration) {
        if self.sweeping.replace(true) {
            return;
        }
        let connections = self.clone();
        shards::spawn(shards::Queue::Background, async move {
            while connections.count() > 0 {
                let left = connections.close_idle(shards::monotonic_ns(), limit);
                // Whoever comes meanwhile is due later.
                shards::sleep(left).await;
            }
            connections.sweeping.set(false);
        })
        .detach();
    }
}

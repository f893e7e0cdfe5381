//! Virtual time and the agenda of what happens in it.
//!
//! Invariants: `now` never goes back; nothing on the agenda lies before `now` once `step` has returned; entries of one instant
//! happen in the order in which they were entered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::World;
use super::disk::OperationId;
use super::network::Arrival;
use super::trace::Happened;

/// The place of an entry: when, and in which order within that instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub at: u64,
    order: u64,
}

#[derive(Debug)]
pub enum Event {
    Wake(Waker),
    /// An operation of a disk takes effect.
    Disk(OperationId),
    Network(Arrival),
}

#[derive(Debug, Default)]
pub struct Clock {
    now: Cell<u64>,
    entered: Cell<u64>,
    agenda: RefCell<BTreeMap<Moment, Event>>,
}

impl Clock {
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    pub fn enter(&self, at: u64, event: Event) -> Moment {
        let moment = Moment { at: at.max(self.now.get()), order: self.entered.get() };
        self.entered.set(moment.order + 1);
        self.agenda.borrow_mut().insert(moment, event);
        moment
    }

    pub fn strike(&self, moment: Moment) -> Option<Event> {
        self.agenda.borrow_mut().remove(&moment)
    }

    /// The waker of a timer that is polled again; false if it has fired.
    fn exchange_waker(&self, moment: Moment, waker: &Waker) -> bool {
        match self.agenda.borrow_mut().get_mut(&moment) {
            Some(Event::Wake(held)) => {
                held.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    pub fn advance(&self, nanoseconds: u64) {
        self.now.set(self.now.get() + nanoseconds);
    }

    /// When the next entry happens.
    pub fn next(&self) -> Option<u64> {
        self.agenda.borrow().keys().next().map(|moment| moment.at)
    }

    /// Takes the next entry if it is due, or, when `idle`, jumps to it.
    pub fn take(&self, idle: bool) -> Option<Event> {
        let mut agenda = self.agenda.borrow_mut();
        let entry = agenda.first_entry()?;
        let at = entry.key().at;
        if at > self.now.get() {
            if !idle {
                return None;
            }
            self.now.set(at);
        }
        Some(entry.remove())
    }
}

/// A timer of virtual time.
#[derive(Debug)]
pub struct Sleep {
    world: Rc<World>,
    deadline: u64,
    entered: Option<Moment>,
}

impl Sleep {
    pub fn new(world: Rc<World>, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let deadline = world.clock.now().saturating_add(nanoseconds);
        Self { world, deadline, entered: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.clock.now() >= self.deadline {
            return Poll::Ready(());
        }
        let waker = context.waker();
        let still_entered = self.entered.is_some_and(|moment| self.world.clock.exchange_waker(moment, waker));
        if !still_entered {
            self.world.record(Happened::TimerSet, self.deadline, 0);
            self.entered = Some(self.world.clock.enter(self.deadline, Event::Wake(waker.clone())));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(moment) = self.entered {
            self.world.clock.strike(moment);
        }
    }
}

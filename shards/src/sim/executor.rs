//! Tasks of all shards of all nodes, on one thread, in an order drawn from the seed.
//!
//! Invariants: a task belongs to one process, shard and queue for its whole life; a task of a process that has ended is never
//! polled again; a task is on the ready list at most once; no borrow of the table is held while a future is polled or dropped.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::process::End;
use super::random::Random;
use super::trace::Happened;
use super::{Place, ProcessId, World, current};

type Body = Pin<Box<dyn Future<Output = ()>>>;

/// A slot of the table and which of its successive tasks is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskId {
    index: u32,
    generation: u32,
}

/// What wakes a task: puts it on the ready list, once.
struct Bell {
    task: TaskId,
    rung: AtomicBool,
    ready: Arc<Mutex<Vec<TaskId>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            lock(&self.ready).push(self.task);
        }
    }
}

fn lock(ready: &Mutex<Vec<TaskId>>) -> MutexGuard<'_, Vec<TaskId>> {
    // One thread uses it; it is poisoned only if a push ran out of memory, and then the list is still whole.
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}

enum State {
    Free,
    Waiting(Body),
    /// Its future is out of the table, being polled.
    Polling,
    /// Cancelled by itself or by something it called.
    Doomed,
}

struct Slot {
    generation: u32,
    state: State,
    held: Option<Held>,
}

#[derive(Clone)]
struct Held {
    place: Place,
    bell: Arc<Bell>,
    waker: Waker,
}

pub struct Tasks {
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
    ready: Arc<Mutex<Vec<TaskId>>>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("slots", &self.slots.borrow().len()).finish_non_exhaustive()
    }
}

impl Tasks {
    pub fn new() -> Self {
        Self { slots: RefCell::default(), free: RefCell::default(), ready: Arc::default() }
    }

    /// A live task that may run now, chosen by `random`.
    fn choose(&self, random: &Random) -> Option<TaskId> {
        let mut ready = lock(&self.ready);
        let slots = self.slots.borrow();
        loop {
            let count = ready.len() as u64;
            let chosen = match count {
                0 => return None,
                1 => 0,
                _ => random.below(count),
            };
            let task = ready.swap_remove(chosen as usize);
            if slots[task.index as usize].generation == task.generation {
                return Some(task);
            }
        }
    }

    pub fn has_ready(&self) -> bool {
        let slots = self.slots.borrow();
        let mut ready = lock(&self.ready);
        while let Some(task) = ready.last() {
            if slots[task.index as usize].generation == task.generation {
                return true;
            }
            ready.pop();
        }
        false
    }

    fn insert(&self, place: Place, body: Body) -> TaskId {
        let mut slots = self.slots.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot { generation: 0, state: State::Free, held: None });
            (slots.len() - 1) as u32
        });
        let slot = &mut slots[index as usize];
        let task = TaskId { index, generation: slot.generation };
        let bell = Arc::new(Bell { task, rung: AtomicBool::new(true), ready: self.ready.clone() });
        slot.state = State::Waiting(body);
        slot.held = Some(Held { place, waker: Waker::from(bell.clone()), bell });
        lock(&self.ready).push(task);
        task
    }

    /// Takes the future out for a poll. The waker is re-armed first, so that a wake during the poll is not lost.
    fn take(&self, task: TaskId) -> Option<(Body, Place, Waker)> {
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[task.index as usize];
        if slot.generation != task.generation {
            return None;
        }
        let State::Waiting(body) = std::mem::replace(&mut slot.state, State::Polling) else {
            unreachable!("a task is polled by one caller at a time")
        };
        let held = slot.held.as_ref()?;
        held.bell.rung.store(false, Ordering::Relaxed);
        Some((body, held.place, held.waker.clone()))
    }

    /// Returns the future after a poll that was not the last, or gives it back to be dropped if the task was cancelled meanwhile.
    fn put_back(&self, task: TaskId, body: Body) -> Option<Body> {
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[task.index as usize];
        if let State::Polling = slot.state {
            slot.state = State::Waiting(body);
            return None;
        }
        drop(slots);
        self.free(task);
        Some(body)
    }

    fn free(&self, task: TaskId) {
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[task.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.state = State::Free;
        slot.held = None;
        self.free.borrow_mut().push(task.index);
    }

    /// Ends a task; the future that is returned is dropped by the caller, in its own place.
    fn remove(&self, task: TaskId) -> Option<(Body, Place)> {
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[task.index as usize];
        if slot.generation != task.generation {
            return None;
        }
        match std::mem::replace(&mut slot.state, State::Doomed) {
            State::Waiting(body) => {
                let place = slot.held.as_ref().map(|held| held.place);
                drop(slots);
                self.free(task);
                place.map(|place| (body, place))
            }
            State::Polling | State::Doomed => None,
            State::Free => unreachable!("a free slot has a new generation"),
        }
    }

    fn of_process(&self, process: ProcessId) -> Vec<TaskId> {
        let slots = self.slots.borrow();
        let belongs = |slot: &Slot| slot.held.as_ref().is_some_and(|held| held.place.process == process);
        let numbered = slots.iter().enumerate().filter(|(_, slot)| belongs(slot));
        numbered.map(|(index, slot)| TaskId { index: index as u32, generation: slot.generation }).collect()
    }
}

impl World {
    /// Starts a task. A process that has ended starts nothing: its future is dropped unpolled.
    pub(crate) fn spawn_body(self: &Rc<Self>, place: Place, body: Body) -> Option<TaskId> {
        if !self.is_alive(place.process) {
            return None;
        }
        let task = self.tasks.insert(place, body);
        self.record(Happened::Spawned, u64::from(task.index), place.process.number());
        Some(task)
    }

    /// Polls one runnable task, if there is one.
    pub(crate) fn poll_one(self: &Rc<Self>) -> bool {
        let Some(task) = self.tasks.choose(&self.random) else { return false };
        let Some((mut body, place, waker)) = self.tasks.take(task) else { return false };
        self.record(Happened::Polled, u64::from(task.index), place.process.number());
        let outcome = {
            let _here = current::enter(self, place);
            self.poll_body(&mut body, place, &waker)
        };
        let remains = match outcome {
            Poll::Pending => self.tasks.put_back(task, body),
            Poll::Ready(()) => {
                self.tasks.free(task);
                self.record(Happened::Ended, u64::from(task.index), place.process.number());
                Some(body)
            }
        };
        self.drop_body(remains, place);
        true
    }

    fn poll_body(self: &Rc<Self>, body: &mut Body, place: Place, waker: &Waker) -> Poll<()> {
        let mut poll = || body.as_mut().poll(&mut Context::from_waker(waker));
        if !self.options.fail_stop || place.process == ProcessId::CLIENTS {
            return poll();
        }
        // What is left of the process is never polled again, so nobody sees what the panic left half done.
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(outcome) => outcome,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                self.fail_stops.borrow_mut().push(text.unwrap_or_default());
                self.end(place.process, End::Kill);
                Poll::Pending
            }
        }
    }

    fn drop_body(self: &Rc<Self>, body: Option<Body>, place: Place) {
        if body.is_some() {
            let _here = current::enter(self, place);
            drop(body);
        }
    }

    pub(crate) fn cancel(self: &Rc<Self>, task: TaskId) {
        if let Some((body, place)) = self.tasks.remove(task) {
            self.record(Happened::Ended, u64::from(task.index), place.process.number());
            self.drop_body(Some(body), place);
        }
    }

    /// Drops every task of a process that has been marked dead, without polling any.
    pub(crate) fn drop_tasks(self: &Rc<Self>, process: ProcessId) {
        debug_assert!(!self.is_alive(process), "a dying process must not start tasks");
        for task in self.tasks.of_process(process) {
            self.cancel(task);
        }
    }
}

struct Joint<T> {
    output: Option<T>,
    waiting: Option<Waker>,
}

/// A task that was started: dropping it cancels the task, awaiting it gives its output.
pub struct Task<T> {
    world: Rc<World>,
    id: Option<TaskId>,
    joint: Rc<RefCell<Joint<T>>>,
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<T: 'static> Task<T> {
    pub(crate) fn start(world: &Rc<World>, place: Place, future: impl Future<Output = T> + 'static) -> Self {
        let joint = Rc::new(RefCell::new(Joint { output: None, waiting: None }));
        let inside = joint.clone();
        let body = Box::pin(async move {
            let output = future.await;
            let waiting = {
                let mut joint = inside.borrow_mut();
                joint.output = Some(output);
                joint.waiting.take()
            };
            if let Some(waker) = waiting {
                waker.wake();
            }
        });
        Self { world: world.clone(), id: world.spawn_body(place, body), joint }
    }
}

impl<T> Task<T> {
    /// Lets the task run on by itself.
    pub fn detach(mut self) {
        self.id = None;
    }

    /// Whether the task has ended and its output can be had without waiting.
    pub fn is_finished(&self) -> bool {
        self.joint.borrow().output.is_some()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut joint = self.joint.borrow_mut();
        if let Some(output) = joint.output.take() {
            return Poll::Ready(output);
        }
        joint.waiting = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.id.take() {
            self.world.cancel(task);
        }
    }
}

/// Gives the other tasks a turn.
#[derive(Debug, Default)]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

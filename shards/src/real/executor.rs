//! The shard's executor: task queues with shares, timers, and wake-ups from other threads.
//!
//! A turn runs each queue that has tasks once, for a slice as long as its share, those that had the least of it first, and again as long
//! as tasks wake others and the turn is short; then it submits I/O and takes completions. When no task is runnable the turn ends in the
//! ring, asleep, until a completion, a timer or another thread.
//!
//! Invariants:
//! - A task is in a run queue or in the inbox exactly if `scheduled` is set, and in one of them once.
//! - A future is in its slot except while it is polled; a slot's number is used again with a higher generation.
//! - Futures are dropped with no borrow held: what they own may call back into the executor.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::poll_fn;

use super::clock::monotonic_ns;
use super::event::EventFd;
use super::ring::{self, Ring};
use crate::runtime::{QueueShares, lock};
use crate::task::Queue;

/// Shares of the machine's own tasks: short turns that everything else waits for.
const INTERNAL_SHARES: u64 = 1000;
/// The queues of [`Queue`], and the machine's own.
const QUEUES: usize = Queue::COUNT + 1;
const INTERNAL: usize = Queue::COUNT;
/// A turn that has run for so long goes to the ring even if there are tasks. Until then it does not: a request makes several tasks wake one
/// another, and the ring's system call is to be paid once for all that they start, and for the sleep that follows.
const TURN_NS: u64 = 50_000;
/// How long the end of a shard waits for file operations under way.
const DRAIN: Duration = Duration::from_secs(30);

thread_local! {
    static CURRENT: RefCell<Option<Rc<Executor>>> = const { RefCell::new(None) };
}

type AnyFuture = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct Executor {
    ring: Rc<Ring>,
    tasks: RefCell<Tasks>,
    queues: RefCell<[RunQueue; QUEUES]>,
    timers: RefCell<Timers>,
    inbox: Arc<Inbox>,
    /// Polls of tasks so far.
    polls: Cell<u64>,
    /// When the running task should yield.
    slice_end: Cell<u64>,
}

#[derive(Default)]
struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// While the shard ends: no slot before this one has a future.
    searched: usize,
}

struct Slot {
    generation: u32,
    /// None while it is polled, and when the slot is free.
    future: Option<AnyFuture>,
    /// Cancelled while it is polled.
    cancelled: bool,
}

/// A task as run queues and wakers know it.
struct TaskRef {
    slot: u32,
    generation: u32,
    queue: u8,
    scheduled: AtomicBool,
    inbox: Arc<Inbox>,
}

/// Tasks woken by other threads.
struct Inbox {
    /// None when the executor has ended: tasks hold their inbox, so what it still held would hold it for ever.
    woken: Mutex<Option<Vec<Arc<TaskRef>>>>,
    event: EventFd,
}

struct RunQueue {
    tasks: VecDeque<Arc<TaskRef>>,
    shares: u64,
    /// How long it runs before the others have their turn: the queue with the most shares for the machine's whole slice.
    slice_ns: u64,
    /// Nanoseconds run, weighted: a queue with twice the shares ages half as fast.
    age: u64,
}

#[derive(Default)]
struct Timers {
    /// By deadline, then by order of setting.
    due: BTreeMap<(u64, u64), Waker>,
    set: u64,
}

impl Wake for TaskRef {
    fn wake(self: Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            self.schedule();
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            self.clone().schedule();
        }
    }
}

impl TaskRef {
    /// Puts the task where its executor finds it; `scheduled` has just been set.
    fn schedule(self: Arc<Self>) {
        let here = CURRENT.try_with(|current| match &*current.borrow() {
            Some(executor) if Arc::ptr_eq(&executor.inbox, &self.inbox) => Some(executor.clone()),
            _ => None,
        });
        if let Some(executor) = here.ok().flatten() {
            return executor.enqueue(self);
        }
        let inbox = self.inbox.clone();
        let first = {
            let mut woken = lock(&inbox.woken);
            let Some(woken) = &mut *woken else { return };
            woken.push(self);
            woken.len() == 1
        };
        if first {
            inbox.event.ring();
        }
    }
}

/// The calling shard's executor.
pub(crate) fn current() -> Rc<Executor> {
    CURRENT.with_borrow(Clone::clone).expect("this belongs to a shard's thread")
}

/// Runs the future that `main` makes, and all tasks that it starts, until it ends; then drops the tasks that are left.
pub(crate) fn run<F: Future<Output = ()> + 'static>(
    ring: Ring,
    shares: QueueShares,
    slice: Duration,
    main: impl FnOnce() -> F,
) -> std::io::Result<()> {
    let executor = Rc::new(Executor {
        ring: Rc::new(ring),
        tasks: RefCell::default(),
        queues: RefCell::new(run_queues(shares, slice)),
        timers: RefCell::default(),
        inbox: Arc::new(Inbox { woken: Mutex::new(Some(Vec::new())), event: EventFd::new()? }),
        polls: Cell::new(0),
        slice_end: Cell::new(0),
    });
    let before = CURRENT.replace(Some(executor.clone()));
    assert!(before.is_none(), "one thread, one executor");
    executor.serve_inbox();
    let ended = Rc::new(Cell::new(false));
    let main = main();
    spawn(Queue::Control, {
        let ended = ended.clone();
        async move {
            main.await;
            ended.set(true);
        }
    })
    .detach();
    while !ended.get() {
        executor.turn(&ended);
    }
    executor.finish();
    CURRENT.set(None);
    Ok(())
}

fn run_queues(shares: QueueShares, slice: Duration) -> [RunQueue; QUEUES] {
    let shares: [u64; QUEUES] = std::array::from_fn(|index| match Queue::ALL.get(index) {
        Some(Queue::Produce) => shares.produce as u64,
        Some(Queue::Fetch) => shares.fetch as u64,
        Some(Queue::Replication) => shares.replication as u64,
        Some(Queue::Control) => shares.control as u64,
        Some(Queue::Background) => shares.background as u64,
        None => INTERNAL_SHARES,
    });
    let most = shares.into_iter().fold(1, u64::max);
    shares.map(|shares| {
        let shares = shares.max(1);
        let slice_ns = slice.as_nanos() as u64 * shares / most;
        RunQueue { tasks: VecDeque::new(), shares, slice_ns, age: 0 }
    })
}

impl Executor {
    pub(crate) fn ring(&self) -> &Rc<Ring> {
        &self.ring
    }

    fn turn(&self, ended: &Cell<bool>) {
        let began = monotonic_ns();
        let (next, is_idle) = loop {
            let mut tried = [false; QUEUES];
            while let Some(queue) = self.youngest(tried) {
                tried[queue] = true;
                self.run_queue(queue);
            }
            let next = self.fire_timers();
            let is_idle = self.queues.borrow().iter().all(|queue| queue.tasks.is_empty());
            if is_idle || ended.get() || monotonic_ns() - began >= TURN_NS {
                break (next, is_idle && !ended.get());
            }
        };
        self.ring.turn(is_idle.then(|| match next {
            None => Duration::MAX,
            Some(deadline) => Duration::from_nanos(deadline.saturating_sub(monotonic_ns()).max(1)),
        }));
    }

    /// The queue with tasks, among those not tried, that has had the least of its share.
    fn youngest(&self, tried: [bool; QUEUES]) -> Option<usize> {
        let queues = self.queues.borrow();
        (0..QUEUES).filter(|q| !tried[*q] && !queues[*q].tasks.is_empty()).min_by_key(|q| queues[*q].age)
    }

    /// Runs the tasks that are in the queue now, for one slice of it at most.
    fn run_queue(&self, index: usize) {
        let start = monotonic_ns();
        let (count, slice_ns) = {
            let queue = &self.queues.borrow()[index];
            (queue.tasks.len(), queue.slice_ns)
        };
        self.slice_end.set(start + slice_ns);
        let mut now = start;
        for _ in 0..count {
            let Some(task) = self.queues.borrow_mut()[index].tasks.pop_front() else { break };
            self.poll(task);
            now = monotonic_ns();
            if now >= self.slice_end.get() {
                break;
            }
        }
        let mut queues = self.queues.borrow_mut();
        let queue = &mut queues[index];
        queue.age += (now - start).max(1) * INTERNAL_SHARES / queue.shares;
    }

    fn enqueue(&self, task: Arc<TaskRef>) {
        let mut queues = self.queues.borrow_mut();
        let index = usize::from(task.queue);
        if queues[index].tasks.is_empty() {
            // Sleeping earns nothing: it would be paid back by making all the others wait.
            let youngest = queues.iter().filter(|queue| !queue.tasks.is_empty()).map(|queue| queue.age).min();
            queues[index].age = queues[index].age.max(youngest.unwrap_or(0));
        }
        queues[index].tasks.push_back(task);
    }

    fn poll(&self, task: Arc<TaskRef>) {
        // Before the poll: what happens during it may need another. An exchange and no store: whoever found the task scheduled and left
        // it at that must have what it did before seen by this poll.
        task.scheduled.swap(false, Ordering::AcqRel);
        let (slot, generation) = (task.slot, task.generation);
        let Some(mut future) = self.tasks.borrow_mut().take(slot, generation) else { return };
        self.polls.set(self.polls.get() + 1);
        let waker = Waker::from(task);
        let ready = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let left = self.tasks.borrow_mut().put_back(slot, future, ready);
        drop(left);
    }

    fn spawn(&self, queue: usize, future: AnyFuture) -> (u32, u32) {
        let (slot, generation) = self.tasks.borrow_mut().insert(future);
        let scheduled = AtomicBool::new(true);
        self.enqueue(Arc::new(TaskRef {
            slot,
            generation,
            queue: queue as u8,
            scheduled,
            inbox: self.inbox.clone(),
        }));
        (slot, generation)
    }

    fn cancel(&self, slot: u32, generation: u32) {
        let future = self.tasks.borrow_mut().cancel(slot, generation);
        drop(future);
    }

    /// Wakes whose timers are due, and says when the next one is.
    fn fire_timers(&self) -> Option<u64> {
        if self.timers.borrow().due.is_empty() {
            return None;
        }
        let now = monotonic_ns();
        loop {
            let mut timers = self.timers.borrow_mut();
            let first = timers.due.first_entry()?;
            let deadline = first.key().0;
            if deadline > now {
                return Some(deadline);
            }
            let waker = first.remove();
            drop(timers);
            waker.wake();
        }
    }

    /// Takes in what other threads have woken, for as long as the shard lives.
    fn serve_inbox(self: &Rc<Self>) {
        let (inbox, executor) = (self.inbox.clone(), Rc::downgrade(self));
        self.ring.listen(inbox.event.fd());
        spawn_internal(async move {
            loop {
                poll_fn(|cx| {
                    executor.upgrade().map_or(Poll::Pending, |executor| executor.ring.poll_bell(cx))
                })
                .await;
                let woken = lock(&inbox.woken).as_mut().map(std::mem::take).unwrap_or_default();
                let Some(executor) = executor.upgrade() else { return };
                for task in woken {
                    executor.enqueue(task);
                }
            }
        })
        .detach();
    }

    /// Drops all tasks and waits, bounded, for file operations under way.
    fn finish(&self) {
        loop {
            // One by one, with no borrow held: dropping one may start or end others.
            let next = self.tasks.borrow_mut().take_any();
            let Some(future) = next else { break };
            drop(future);
        }
        for queue in self.queues.borrow_mut().iter_mut() {
            queue.tasks.clear();
        }
        let woken = lock(&self.inbox.woken).take();
        drop(woken);
        let deadline = monotonic_ns() + DRAIN.as_nanos() as u64;
        self.ring.turn(None);
        while self.ring.files_under_way() > 0 {
            if monotonic_ns() > deadline {
                tracing::error!(operations = self.ring.files_under_way(), "file operations have not ended");
                break;
            }
            self.ring.turn(Some(Duration::from_millis(10)));
        }
        self.ring.check();
    }
}

impl Tasks {
    fn insert(&mut self, future: AnyFuture) -> (u32, u32) {
        if let Some(slot) = self.free.pop() {
            self.searched = self.searched.min(slot as usize);
            let entry = &mut self.slots[slot as usize];
            entry.future = Some(future);
            return (slot, entry.generation);
        }
        self.slots.push(Slot { generation: 0, future: Some(future), cancelled: false });
        ((self.slots.len() - 1) as u32, 0)
    }

    fn slot(&mut self, slot: u32, generation: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|entry| entry.generation == generation)
    }

    fn take(&mut self, slot: u32, generation: u32) -> Option<AnyFuture> {
        self.slot(slot, generation)?.future.take()
    }

    /// After a poll. Gives the future back if it is to be dropped.
    fn put_back(&mut self, slot: u32, future: AnyFuture, ready: bool) -> Option<AnyFuture> {
        let entry = &mut self.slots[slot as usize];
        if ready || entry.cancelled {
            self.release(slot);
            return Some(future);
        }
        entry.future = Some(future);
        None
    }

    fn cancel(&mut self, slot: u32, generation: u32) -> Option<AnyFuture> {
        let entry = self.slot(slot, generation)?;
        let future = entry.future.take();
        if future.is_some() {
            self.release(slot);
        } else {
            entry.cancelled = true;
        }
        future
    }

    fn release(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.cancelled = false;
        self.free.push(slot);
    }

    /// Any of them, while none is polled.
    fn take_any(&mut self) -> Option<AnyFuture> {
        let rest = &self.slots[self.searched..];
        let slot = self.searched + rest.iter().position(|entry| entry.future.is_some())?;
        self.searched = slot;
        let future = self.slots[slot].future.take();
        self.release(slot as u32);
        future
    }
}

pub(crate) struct RealTask<T> {
    slot: u32,
    generation: u32,
    join: Rc<RefCell<Join<T>>>,
    detached: bool,
}

struct Join<T> {
    output: Option<T>,
    ended: bool,
    waiting: Option<Waker>,
}

pub(crate) fn spawn<T: 'static>(queue: Queue, future: impl Future<Output = T> + 'static) -> RealTask<T> {
    spawn_into(queue as usize, future)
}

/// Starts a task of the machine itself.
pub(crate) fn spawn_internal<T: 'static>(future: impl Future<Output = T> + 'static) -> RealTask<T> {
    spawn_into(INTERNAL, future)
}

fn spawn_into<T: 'static>(queue: usize, future: impl Future<Output = T> + 'static) -> RealTask<T> {
    let join = Rc::new(RefCell::new(Join { output: None, ended: false, waiting: None }));
    let end = join.clone();
    let (slot, generation) = current().spawn(
        queue,
        Box::pin(async move {
            let output = future.await;
            let waiting = {
                let mut join = end.borrow_mut();
                join.output = Some(output);
                join.ended = true;
                join.waiting.take()
            };
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }),
    );
    RealTask { slot, generation, join, detached: false }
}

impl<T> RealTask<T> {
    pub(crate) fn detach(mut self) {
        self.detached = true;
    }
}

impl<T> Unpin for RealTask<T> {}

impl<T> Future for RealTask<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut join = self.join.borrow_mut();
        if let Some(output) = join.output.take() {
            return Poll::Ready(output);
        }
        assert!(!join.ended, "not polled after its end");
        join.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for RealTask<T> {
    fn drop(&mut self) {
        if self.detached || self.join.borrow().ended {
            return;
        }
        // Without an executor all its tasks are gone.
        let executor = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
        if let Some(executor) = executor {
            executor.cancel(self.slot, self.generation);
        }
    }
}

/// Goes to the end of the task's queue; every other queue has its turn before the task runs again.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) async fn yield_if_needed() {
    if monotonic_ns() >= current().slice_end.get() {
        yield_now().await;
    }
}

/// Polls of tasks on this shard so far.
pub(crate) fn tasks_run() -> u64 {
    current().polls.get()
}

pub(crate) async fn sleep(duration: Duration) {
    let deadline = monotonic_ns().saturating_add(duration.as_nanos().min(u128::from(u64::MAX)) as u64);
    Sleep { executor: current(), deadline, key: None }.await;
}

struct Sleep {
    executor: Rc<Executor>,
    deadline: u64,
    /// The timer, once it is set.
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let executor = self.executor.clone();
        let mut timers = executor.timers.borrow_mut();
        let Some(key) = self.key else {
            timers.set += 1;
            let key = (self.deadline, timers.set);
            timers.due.insert(key, cx.waker().clone());
            self.key = Some(key);
            return Poll::Pending;
        };
        let Some(waker) = timers.due.get_mut(&key) else {
            self.key = None;
            return Poll::Ready(());
        };
        waker.clone_from(cx.waker());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.executor.timers.borrow_mut().due.remove(&key);
            drop(waker);
        }
    }
}

/// Waits until `fd` can be read, has failed or was shut down. It must stay open until the future is dropped.
pub(crate) async fn readable(fd: RawFd) {
    wait(fd, libc::POLLIN).await;
}

/// Waits until `fd` can be written, has failed or was shut down. It must stay open until the future is dropped.
pub(crate) async fn writable(fd: RawFd) {
    wait(fd, libc::POLLOUT).await;
}

async fn wait(fd: RawFd, events: i16) {
    let ring = current().ring.clone();
    let (result, _) = ring::poll(&ring, fd, events).await;
    // Errors of the descriptor are found by the operation that follows. The wait itself fails only for want of memory.
    if result < 0 {
        tracing::warn!(error = %std::io::Error::from_raw_os_error(-result), "waiting for a descriptor failed");
        sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Counts its drops.
    struct Counted(Rc<Cell<usize>>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    fn waiting(dropped: &Rc<Cell<usize>>) -> AnyFuture {
        let counted = Counted(dropped.clone());
        Box::pin(async move {
            let _counted = counted;
            std::future::pending::<()>().await;
        })
    }

    #[test]
    fn many_tasks_end_in_a_time_that_follows_their_number() {
        const COUNT: usize = 200_000;
        let (mut tasks, dropped) = (Tasks::default(), Rc::new(Cell::new(0)));
        for _ in 0..COUNT {
            tasks.insert(waiting(&dropped));
        }
        let began = Instant::now();
        let mut started = 0;
        while let Some(future) = tasks.take_any() {
            drop(future);
            // Dropping one may start another.
            if started < COUNT / 2 {
                tasks.insert(waiting(&dropped));
                started += 1;
            }
        }
        assert_eq!(dropped.get(), COUNT + started);
        assert_eq!(tasks.free.len(), tasks.slots.len());
        // Looking at all of them for each takes minutes.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

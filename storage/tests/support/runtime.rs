//! A scheduler with virtual time: tasks run in an order that the seed decides.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use logan_storage::disk::{Host, Priority};

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Ready(Mutex<Vec<u64>>);

struct TaskWaker {
    ready: Arc<Ready>,
    task: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.0.lock().unwrap();
        if !ready.contains(&self.task) {
            ready.push(self.task);
        }
    }
}

/// Whoever sleeps this often for no time at all, while none passes, is waiting for something else, and spins.
const MAX_EMPTY_SLEEPS: u64 = 100_000;

pub struct Runtime {
    ready: Arc<Ready>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    next_task: Cell<u64>,
    pub now_ns: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    /// How many sleeps ended when they began, and when that was.
    empty_sleeps: Cell<(u64, u64)>,
    next_timer: Cell<u64>,
    random: Cell<u64>,
    /// Nothing runs any more: the power is gone.
    pub is_dead: Cell<bool>,
    pub is_stuck: Cell<bool>,
    me: RefCell<Weak<Self>>,
    after_step: RefCell<Option<Rc<dyn Fn()>>>,
}

impl Runtime {
    pub fn new(seed: u64) -> Rc<Self> {
        let runtime = Rc::new(Self {
            ready: Arc::new(Ready(Mutex::new(Vec::new()))),
            tasks: RefCell::new(BTreeMap::new()),
            next_task: Cell::new(0),
            now_ns: Cell::new(1_000_000_000),
            timers: RefCell::new(BTreeMap::new()),
            empty_sleeps: Cell::new((0, 0)),
            next_timer: Cell::new(0),
            random: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            is_dead: Cell::new(false),
            is_stuck: Cell::new(false),
            me: RefCell::new(Weak::new()),
            after_step: RefCell::new(None),
        });
        *runtime.me.borrow_mut() = Rc::downgrade(&runtime);
        runtime
    }

    pub fn draw(&self) -> u64 {
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.draw() % bound
    }

    pub fn start(&self, task: Task) {
        let id = self.next_task.replace(self.next_task.get() + 1);
        self.tasks.borrow_mut().insert(id, task);
        self.ready.0.lock().unwrap().push(id);
    }

    /// Runs until `future` is done; `None` if the power went first, or nothing can ever happen again.
    pub fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        self.start(Box::pin(async move {
            *slot.borrow_mut() = Some(future.await);
        }));
        let began_ns = self.now_ns.get();
        loop {
            if let Some(value) = result.borrow_mut().take() {
                return Some(value);
            }
            // Watchdogs tick for ever; whoever is not done by now waits for something that will never come.
            if self.now_ns.get() - began_ns > 3_000_000_000_000 {
                self.is_stuck.set(true);
                return None;
            }
            if self.is_dead.get() || !self.step() {
                return None;
            }
        }
    }

    /// Runs for some virtual time.
    pub fn run_for(&self, duration: Duration) {
        let until = self.now_ns.get() + duration.as_nanos() as u64;
        while self.now_ns.get() < until && !self.is_dead.get() {
            if self.ready.0.lock().unwrap().is_empty() {
                let next = self.timers.borrow().keys().next().copied();
                if next.is_none_or(|(at, _)| at > until) {
                    self.now_ns.set(until);
                    return;
                }
            }
            self.step();
        }
    }

    fn step(&self) -> bool {
        let next = {
            let mut ready = self.ready.0.lock().unwrap();
            if ready.is_empty() { None } else { Some(ready.len()) }.map(|count| {
                let at = (self.draw() % count as u64) as usize;
                ready.swap_remove(at)
            })
        };
        let Some(id) = next else { return self.fire_timer() };
        let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { return true };
        let waker = Waker::from(Arc::new(TaskWaker { ready: Arc::clone(&self.ready), task: id }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut().insert(id, task);
        }
        let after_step = self.after_step.borrow().clone();
        if let Some(look) = after_step {
            look();
        }
        true
    }

    /// Somebody looks at everything whenever a task has done something.
    pub fn after_each_step(&self, look: impl Fn() + 'static) {
        *self.after_step.borrow_mut() = Some(Rc::new(look));
    }

    fn fire_timer(&self) -> bool {
        let Some(((at, _), waker)) = self.timers.borrow_mut().pop_first() else { return false };
        self.now_ns.set(self.now_ns.get().max(at));
        waker.wake();
        true
    }

    /// Ends all tasks: the process is gone.
    pub fn kill(&self) {
        self.is_dead.set(true);
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.timers.borrow_mut().clear();
    }

    /// Kills the runtime when it is dropped, also by a panic: its tasks hold it, and the disk with all its files.
    pub fn killed_at_last(self: &Rc<Self>) -> Killed {
        Killed(Rc::clone(self))
    }

    pub async fn sleep_ns(&self, duration_ns: u64) {
        let at = self.now_ns.get() + duration_ns;
        if duration_ns == 0 {
            let (count, when_ns) = self.empty_sleeps.get();
            let count = if when_ns == at { count + 1 } else { 1 };
            self.empty_sleeps.set((count, at));
            assert!(count < MAX_EMPTY_SLEEPS, "somebody sleeps for no time, again and again");
        }
        let id = self.next_timer.replace(self.next_timer.get() + 1);
        let runtime = self.me.borrow().clone();
        Sleep { runtime, at, id }.await;
    }
}

pub struct Killed(Rc<Runtime>);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill();
    }
}

struct Sleep {
    runtime: Weak<Runtime>,
    at: u64,
    id: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(runtime) = self.runtime.upgrade() else { return Poll::Pending };
        if runtime.now_ns.get() >= self.at && !runtime.is_dead.get() {
            return Poll::Ready(());
        }
        runtime.timers.borrow_mut().insert((self.at, self.id), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.timers.borrow_mut().remove(&(self.at, self.id));
        }
    }
}

pub struct TestHost(pub Rc<Runtime>);

impl Host for TestHost {
    fn lacks_descriptors(&self) -> bool {
        false
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.now_ns.get()
    }

    fn wall_clock_ms(&self) -> i64 {
        1_700_000_000_000 + (self.0.now_ns.get() / 1_000_000) as i64
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
        let runtime = Rc::clone(&self.0);
        Box::pin(async move { runtime.sleep_ns(duration.as_nanos() as u64).await })
    }

    fn random(&self) -> u64 {
        self.0.draw()
    }

    fn spawn(&self, _priority: Priority, task: Task) {
        self.0.start(task);
    }
}

//! The simulated machine: shards of several nodes and their clients on one thread, in virtual time, on disks and a network that
//! fail in every way the real ones may.
//!
//! A run is its seed: every choice, of the scheduler, the disks, the network and the code under test, is drawn from one source, and
//! [`Simulation::trace_hash`] is a hash over all of them.
//!
//! Invariants: nothing of a process runs or takes effect for its peers after it was marked dead, but writes that it had submitted
//! may still land; what a node's disks hold belongs to the node and not to its process.

mod clock;
mod current;
pub mod disk;
mod executor;
pub mod net;
mod network;
mod process;
pub mod random;
mod simulation;
pub mod task;
pub mod time;
mod trace;

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

pub use disk::{DiskImage, DiskOptions, Fault, FaultId, FaultKind, FileView, InFlight, Site, Verb};
pub use executor::Task;
pub use net::{ConnectionView, Cut, NetworkOptions};
pub use process::{NodeId, ProcessId};
pub use random::{PerMillion, Random};
pub use simulation::{Outcome, Simulation};
pub use trace::Happened;

use crate::ShardId;
use crate::gate::WorkerShare;
use crate::task::Queue;

/// Where a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub process: ProcessId,
    pub shard: ShardId,
    pub queue: Queue,
}

/// What a run is made of, beside the code under test.
#[derive(Debug, Clone)]
pub struct SimOptions {
    pub seed: u64,
    /// The command that repeats this run, printed when it fails.
    pub repeat: String,
    /// Whether a run that panics prints its last events and how to repeat it. Not wanted where failing is what is expected.
    pub report: bool,
    /// Whether a panic in a node's process ends that process, as on the real machine, and not the run. What it said is then among
    /// [`Simulation::fail_stops`].
    pub fail_stop: bool,
    /// Virtual nanoseconds that one poll of a task costs. Not zero, or a task that yields for ever would stop time.
    pub poll_ns: Range<u64>,
    /// Milliseconds since 1970 when the run begins.
    pub wall_clock_ms: i64,
    /// How far the wall clock of a node may be from that, in milliseconds, either way.
    pub wall_clock_skew_ms: u64,
    /// Of every node.
    pub memory_bytes: u64,
    pub disk: DiskOptions,
    pub network: NetworkOptions,
}

impl SimOptions {
    /// Delays vary, but nothing fails that is not asked to.
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            repeat: format!("the same test with seed {seed}"),
            report: true,
            fail_stop: false,
            poll_ns: 200..1_000,
            wall_clock_ms: 1_760_000_000_000,
            wall_clock_skew_ms: 5_000,
            memory_bytes: 4 << 30,
            disk: DiskOptions::calm(),
            network: NetworkOptions::calm(),
        }
    }

    /// Disks and networks as good or bad as the seed says: slow or fast, with or without stalls and cuts. Disk errors are not among
    /// it, because they end a log directory: add them with [`Simulation::add_fault`].
    pub fn rough(seed: u64) -> Self {
        // A source of its own, so that what is drawn here does not shift what the run draws.
        let random = Random::new(seed ^ 0x726f_7567_6800);
        let pick = |choices: [u32; 4]| choices[random.below(4) as usize];
        let mut options = Self::calm(seed);
        options.poll_ns.end = u64::from(pick([300, 1_000, 5_000, 50_000]));
        options.disk.write_ns.end = u64::from(pick([20_000, 300_000, 300_000, 5_000_000]));
        options.disk.sync_ns.end = u64::from(pick([200_000, 2_000_000, 2_000_000, 30_000_000]));
        options.disk.metadata_ns.end = u64::from(pick([3_000, 100_000, 100_000, 5_000_000]));
        options.disk.stall = PerMillion(pick([0, 2_000, 2_000, 30_000]));
        options.disk.lands_after_kill = PerMillion(pick([100_000, 500_000, 900_000, 1_000_000]));
        options.network.delay_ns.end = u64::from(pick([20_000, 300_000, 300_000, 20_000_000]));
        options.network.spike = PerMillion(pick([0, 1_000, 1_000, 20_000]));
        options.network.short_read = PerMillion(pick([0, 100_000, 100_000, 700_000]));
        options.network.buffer_bytes = if pick([0, 0, 0, 1]) == 1 { 1..8_192 } else { 16_384..262_144 };
        options.network.cut = PerMillion(pick([0, 0, 500, 5_000]));
        options.network.half_close = PerMillion(pick([0, 0, 100, 1_000]));
        let workers = pick([1, 2, 8, 64]) as usize;
        options.disk.workers =
            WorkerShare { syncs: workers, allocations: 1, writes: workers, reads: workers };
        options.disk.queue = pick([1, 4, 32, 128]) as usize;
        options
    }
}

/// Of the node of the running task.
pub(crate) fn memory_bytes() -> u64 {
    current::here().0.options.memory_bytes
}

/// All state of a run.
#[derive(Debug)]
pub struct World {
    options: SimOptions,
    random: Random,
    trace: trace::Trace,
    clock: clock::Clock,
    tasks: executor::Tasks,
    processes: RefCell<process::Processes>,
    disks: RefCell<disk::Disks>,
    network: RefCell<network::Network>,
    /// Processes that ended inside a poll of one of their own tasks; their tasks are dropped after it.
    condemned: RefCell<Vec<ProcessId>>,
    violations: RefCell<Vec<String>>,
    /// What the processes that panicked said.
    fail_stops: RefCell<Vec<String>>,
    polls: Cell<u64>,
}

impl World {
    fn new(options: SimOptions) -> Rc<Self> {
        Rc::new(Self {
            random: Random::new(options.seed),
            trace: trace::Trace::new(options.seed),
            clock: clock::Clock::default(),
            tasks: executor::Tasks::new(),
            processes: RefCell::default(),
            disks: RefCell::default(),
            network: RefCell::default(),
            condemned: RefCell::default(),
            violations: RefCell::default(),
            fail_stops: RefCell::default(),
            polls: Cell::new(0),
            options,
        })
    }

    fn record(&self, what: Happened, a: u64, b: u64) {
        self.trace.record(self.clock.now(), what, a, b);
    }

    /// Nanoseconds since the run began.
    pub fn monotonic_ns(&self) -> u64 {
        self.clock.now()
    }

    /// Milliseconds since 1970, as the node of this process believes.
    pub fn wall_clock_ms(&self, process: ProcessId) -> i64 {
        let elapsed = i64::try_from(self.clock.now() / 1_000_000).unwrap_or(i64::MAX);
        self.options.wall_clock_ms + elapsed + self.processes.borrow().wall_clock_skew_ms(process)
    }

    /// A random number for the code under test.
    pub fn draw(&self) -> u64 {
        let value = self.random.next();
        self.record(Happened::Drawn, value, 0);
        value
    }

    /// Notes that the code under test broke a rule of the machine. The run fails at the end of the step.
    fn violation(&self, text: String) {
        self.violations.borrow_mut().push(text);
    }

    /// One thing happens: an entry of the agenda that is due, or a poll of one runnable task, or, when nothing can run, time jumps
    /// to the next entry. False when nothing is left to happen.
    fn step(self: &Rc<Self>) -> bool {
        let happened = match self.clock.take(false) {
            Some(event) => {
                self.happen(event);
                true
            }
            None if self.poll_one() => {
                self.polls.set(self.polls.get() + 1);
                self.clock.advance(self.random.within(&self.options.poll_ns));
                true
            }
            None => self.clock.take(true).map(|event| self.happen(event)).is_some(),
        };
        self.bury_condemned();
        happened
    }

    fn happen(self: &Rc<Self>, event: clock::Event) {
        match event {
            clock::Event::Wake(waker) => {
                self.record(Happened::TimerFired, self.clock.now(), 0);
                waker.wake();
            }
            clock::Event::Disk(operation) => self.complete_io(operation),
            clock::Event::Network(arrival) => self.arrive(arrival),
        }
    }

    /// Fails the run if a rule was broken.
    fn check_violations(&self) {
        let violations = self.violations.borrow();
        assert!(violations.is_empty(), "seed {}: {}", self.options.seed, violations.join("; "));
    }
}

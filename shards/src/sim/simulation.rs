//! What a test holds of a simulation: it adds nodes and clients, lets time pass, and breaks things.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::net::{ConnectionView, Cut, SocketId};
use super::process::{Booted, End, Main};
use super::{NodeId, Place, ProcessId, SimOptions, Task, World, current};
use crate::ShardId;
use crate::bell::Bell;
use crate::runtime::{self, LaneCapacity, Seat};
use crate::task::Queue;

/// Why a run came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The condition holds.
    Met,
    /// The virtual time is over.
    TimeLimit,
    /// Nothing can happen any more, and the condition does not hold.
    Idle,
}

type Hook = Box<dyn FnMut(&Simulation)>;

/// A run. Dropping it ends everything in it.
pub struct Simulation {
    world: Rc<World>,
    hook: RefCell<Option<Hook>>,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("seed", &self.seed()).finish_non_exhaustive()
    }
}

/// Prints how to repeat a run that panics.
struct Report<'a>(&'a World);

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && self.0.options.report {
            let World { options, clock, trace, .. } = self.0;
            eprintln!("{}", trace.tail());
            eprintln!(
                "simulation failed: seed {}, at {} ns, event {}",
                options.seed,
                clock.now(),
                trace.events()
            );
            eprintln!("repeat with: {}", options.repeat);
        }
    }
}

impl Simulation {
    pub fn new(options: SimOptions) -> Self {
        let world = World::new(options);
        let clients = world.processes.borrow_mut().add_node("clients", None, 0, &world.random);
        let process = world.start(clients);
        assert_eq!(process, ProcessId::CLIENTS);
        Self { world, hook: RefCell::new(None) }
    }

    pub fn seed(&self) -> u64 {
        self.world.options.seed
    }

    pub fn world(&self) -> &Rc<World> {
        &self.world
    }

    /// Adds a node and starts it. `main` makes the future of one shard, at every start anew; when all have ended, the process exits.
    pub fn add_node<M: Send + 'static>(
        &self,
        name: &str,
        shards: u16,
        main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + 'static,
    ) -> NodeId {
        self.add_node_with_lanes(name, shards, LaneCapacity::STANDARD, main)
    }

    /// As [`Simulation::add_node`], with lanes of another length: short ones run out of credit.
    pub fn add_node_with_lanes<M: Send + 'static>(
        &self,
        name: &str,
        shards: u16,
        lanes: LaneCapacity,
        main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + 'static,
    ) -> NodeId {
        let main = Rc::new(main);
        let boot = move || {
            let node = runtime::Node::<M>::new(shards, lanes, |_| Bell::local());
            let seated = |shard| {
                let (node, main) = (node.clone(), main.clone());
                Box::new(move || main(node.seat(ShardId(shard)))) as Main
            };
            let mains = (0..shards).map(seated).collect();
            Booted { mains, request_stop: Rc::new(move || node.request_stop()) }
        };
        let skew = self.world.options.wall_clock_skew_ms;
        let node =
            self.world.processes.borrow_mut().add_node(name, Some(Rc::new(boot)), skew, &self.world.random);
        self.world.start(node);
        node
    }

    /// What SIGTERM does. False if the node is not running.
    pub fn request_stop(&self, node: NodeId) -> bool {
        self.world.request_stop(node)
    }

    pub fn is_running(&self, node: NodeId) -> bool {
        self.world.processes.borrow().running(node).is_some()
    }

    /// The process ends at once; the operating system lives on. What it had submitted may land later.
    pub fn kill(&self, node: NodeId) {
        self.end(node, End::Kill);
    }

    /// The machine stops at once. Its disks keep what was synced, and of the rest what the seed leaves.
    pub fn power_loss(&self, node: NodeId) {
        if self.is_running(node) {
            self.end(node, End::PowerLoss);
        } else {
            self.world.lose_power(node);
        }
    }

    fn end(&self, node: NodeId, end: End) {
        let running = self.world.processes.borrow().running(node);
        if let Some(process) = running {
            self.world.end(process, end);
            self.world.bury_condemned();
        }
    }

    /// What processes said that panicked and so ended, oldest first ([`SimOptions::fail_stop`]). They are forgotten here.
    pub fn fail_stops(&self) -> Vec<String> {
        self.world.fail_stops.take()
    }

    /// Starts a node that is not running.
    pub fn restart(&self, node: NodeId) {
        self.world.start(node);
    }

    /// All connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.world.connection_views()
    }

    /// Cuts a connection.
    pub fn cut(&self, connection: SocketId, cut: Cut) {
        self.world.cut_socket(connection, cut);
    }

    /// Nothing passes between the two nodes until [`Simulation::heal`]; nothing of it is lost.
    pub fn part(&self, a: NodeId, b: NodeId) {
        self.world.part(a, b);
    }

    pub fn heal(&self, a: NodeId, b: NodeId) {
        self.world.heal(a, b);
    }

    /// The node of the clients, for [`Simulation::part`].
    pub fn clients(&self) -> NodeId {
        self.world.node_of(ProcessId::CLIENTS)
    }

    /// Starts a client: a task that has a network and no disk.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let place = Place { process: ProcessId::CLIENTS, shard: ShardId(0), queue: Queue::Control };
        let _here = current::enter(&self.world, place);
        Task::start(&self.world, place, future)
    }

    /// Starts a task in a node's running process, as if that had started it itself. `None` if none runs.
    pub fn spawn_on<T: 'static>(
        &self,
        node: NodeId,
        shard: ShardId,
        future: impl Future<Output = T> + 'static,
    ) -> Option<Task<T>> {
        let process = self.world.processes.borrow().running(node)?;
        let place = Place { process, shard, queue: Queue::Control };
        let _here = current::enter(&self.world, place);
        Some(Task::start(&self.world, place, future))
    }

    /// Runs a client to its end.
    ///
    /// # Panics
    /// If it has not ended within `limit` of virtual time.
    pub fn block_on<T: 'static>(&self, limit: Duration, future: impl Future<Output = T> + 'static) -> T {
        let output = Rc::new(RefCell::new(None));
        let inside = output.clone();
        let _task = self.spawn(async move {
            let value = future.await;
            *inside.borrow_mut() = Some(value);
        });
        let outcome = self.run_until(|| output.borrow().is_some(), limit);
        let value = output.borrow_mut().take();
        value.unwrap_or_else(|| panic!("seed {}: the client has not ended: {outcome:?}", self.seed()))
    }

    /// Called after every event. One hook at a time: the last one set.
    pub fn on_event(&self, hook: impl FnMut(&Simulation) + 'static) {
        *self.hook.borrow_mut() = Some(Box::new(hook));
    }

    /// One thing happens; false if nothing can.
    pub fn step(&self) -> bool {
        let _report = Report(&self.world);
        let happened = self.world.step();
        self.world.check_violations();
        if happened {
            let hook = self.hook.borrow_mut().take();
            if let Some(mut hook) = hook {
                hook(self);
                self.hook.borrow_mut().get_or_insert(hook);
            }
        }
        happened
    }

    /// Steps until `condition` holds, `limit` of virtual time has passed, or nothing can happen any more.
    pub fn run_until(&self, mut condition: impl FnMut() -> bool, limit: Duration) -> Outcome {
        let end = self.world.clock.now().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        loop {
            if condition() {
                return Outcome::Met;
            }
            let next = if self.world.tasks.has_ready() {
                Some(self.world.clock.now())
            } else {
                self.world.clock.next()
            };
            match next {
                None => return Outcome::Idle,
                Some(at) if at >= end => {
                    self.world.clock.advance(end.saturating_sub(self.world.clock.now()));
                    return Outcome::TimeLimit;
                }
                Some(_) => self.step(),
            };
        }
    }

    /// Lets virtual time pass.
    pub fn run_for(&self, duration: Duration) -> Outcome {
        self.run_until(|| false, duration)
    }

    /// Virtual time since the run began.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.world.clock.now())
    }

    /// A hash over everything that happened.
    pub fn trace_hash(&self) -> u64 {
        self.world.trace.hash()
    }

    /// How many events have happened.
    pub fn events(&self) -> u64 {
        self.world.trace.events()
    }

    /// How many polls of tasks there were.
    pub fn polls(&self) -> u64 {
        self.world.polls.get()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // Tasks hold the world and the world holds the tasks: end them, or nothing is ever freed. Not while a failure is
        // reported: a destructor that panics then would hide it.
        if !std::thread::panicking() {
            self.world.end_everything();
        }
    }
}

//! Nodes and the processes that run on them, one after another.
//!
//! Invariants: a node has at most one living process; a process number is never used again; the clients' process never ends.

use std::fmt;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::trace::Happened;
use super::{Place, Random, Task, World, current};
use crate::ShardId;
use crate::task::Queue;

/// A machine: what keeps its disks when processes come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One life of a node's broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u32);

impl ProcessId {
    /// The process of all client tasks.
    pub const CLIENTS: Self = Self(0);

    pub fn number(self) -> u64 {
        u64::from(self.0)
    }
}

/// Makes the main future of one shard, on that shard.
pub type Main = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// What a start of a node makes.
pub struct Booted {
    /// One for each shard.
    pub mains: Vec<Main>,
    /// What SIGTERM does.
    pub request_stop: Rc<dyn Fn()>,
}

/// Starts a node, each time anew.
pub type Boot = Rc<dyn Fn() -> Booted>;

struct Node {
    name: String,
    boot: Option<Boot>,
    process: Option<ProcessId>,
    request_stop: Option<Rc<dyn Fn()>>,
    wall_clock_skew_ms: i64,
}

#[derive(Debug)]
struct Process {
    node: NodeId,
    alive: bool,
    /// Shards whose main future has not ended.
    mains: usize,
}

#[derive(Default)]
pub struct Processes {
    nodes: Vec<Node>,
    processes: Vec<Process>,
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").field("processes", &self.processes).finish_non_exhaustive()
    }
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All main futures ended.
    Exit,
    /// The operating system lives on: page cache, device cache and what was submitted survive.
    Kill,
    /// The whole machine stops at this instant.
    PowerLoss,
}

impl Processes {
    pub fn add_node(&mut self, name: &str, boot: Option<Boot>, skew_ms: u64, random: &Random) -> NodeId {
        assert!(self.nodes.iter().all(|node| node.name != name), "two nodes are named {name}");
        let skew = random.within(&(0..2 * skew_ms + 1)) as i64 - skew_ms as i64;
        let name = name.to_owned();
        self.nodes.push(Node { name, boot, process: None, request_stop: None, wall_clock_skew_ms: skew });
        NodeId((self.nodes.len() - 1) as u32)
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    fn process(&self, process: ProcessId) -> &Process {
        &self.processes[process.0 as usize]
    }

    pub fn node_of(&self, process: ProcessId) -> NodeId {
        self.process(process).node
    }

    pub fn running(&self, node: NodeId) -> Option<ProcessId> {
        self.node(node).process
    }

    pub fn name(&self, node: NodeId) -> &str {
        &self.node(node).name
    }

    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(|index| NodeId(index as u32))
    }

    fn stopper(&self, node: NodeId) -> Option<Rc<dyn Fn()>> {
        self.node(node).request_stop.clone()
    }

    pub fn all(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub fn wall_clock_skew_ms(&self, process: ProcessId) -> i64 {
        self.node(self.process(process).node).wall_clock_skew_ms
    }

    pub fn begin(&mut self, node: NodeId) -> ProcessId {
        assert!(self.node(node).process.is_none(), "{} is running", self.name(node));
        let process = ProcessId(self.processes.len() as u32);
        self.processes.push(Process { node, alive: true, mains: 0 });
        self.nodes[node.0 as usize].process = Some(process);
        process
    }

    /// Marks a process dead; false if it was.
    fn end(&mut self, process: ProcessId) -> bool {
        let entry = &mut self.processes[process.0 as usize];
        if !std::mem::replace(&mut entry.alive, false) {
            return false;
        }
        let node = entry.node;
        self.nodes[node.0 as usize].process = None;
        self.nodes[node.0 as usize].request_stop = None;
        true
    }

    pub fn check(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let living = self.processes.iter().filter(|p| p.alive && p.node.0 as usize == index).count();
            assert_eq!(
                living,
                usize::from(node.process.is_some()),
                "{} has {living} living processes",
                node.name
            );
        }
    }
}

impl World {
    pub fn is_alive(&self, process: ProcessId) -> bool {
        self.processes.borrow().process(process).alive
    }

    pub fn node_of(&self, process: ProcessId) -> NodeId {
        self.processes.borrow().node_of(process)
    }

    /// Starts a process on a node that has none.
    pub(crate) fn start(self: &Rc<Self>, node: NodeId) -> ProcessId {
        let (process, boot) = {
            let mut processes = self.processes.borrow_mut();
            let process = processes.begin(node);
            (process, processes.node(node).boot.clone())
        };
        self.record(Happened::Started, process.number(), u64::from(node.0));
        let Some(boot) = boot else { return process };
        let place = |shard| Place { process, shard: ShardId(shard), queue: Queue::Control };
        let Booted { mains, request_stop } = {
            let _here = current::enter(self, place(0));
            boot()
        };
        self.processes.borrow_mut().nodes[node.0 as usize].request_stop = Some(request_stop);
        self.processes.borrow_mut().processes[process.0 as usize].mains = mains.len();
        for (shard, main) in mains.into_iter().enumerate() {
            let world = Rc::downgrade(self);
            let body = async move {
                main().await;
                if let Some(world) = world.upgrade() {
                    world.main_ended(process);
                }
            };
            Task::start(self, place(shard as u16), body).detach();
        }
        process
    }

    /// Asks the process of a node to stop, as SIGTERM does. False if none runs.
    pub(crate) fn request_stop(self: &Rc<Self>, node: NodeId) -> bool {
        let (stopper, process) = {
            let processes = self.processes.borrow();
            (processes.stopper(node), processes.running(node))
        };
        let (Some(stop), Some(process)) = (stopper, process) else { return false };
        let _here = current::enter(self, Place { process, shard: ShardId(0), queue: Queue::Control });
        stop();
        true
    }

    fn main_ended(self: &Rc<Self>, process: ProcessId) {
        let last = {
            let mut processes = self.processes.borrow_mut();
            let entry = &mut processes.processes[process.0 as usize];
            entry.mains -= 1;
            entry.mains == 0
        };
        if last {
            self.end(process, End::Exit);
        }
    }

    /// Ends a process at once: nothing of it takes effect any more, and its tasks are dropped without being polled again.
    pub(crate) fn end(self: &Rc<Self>, process: ProcessId, end: End) {
        if !self.processes.borrow_mut().end(process) {
            return;
        }
        let node = self.node_of(process);
        let what = match end {
            End::Exit => Happened::Exited,
            End::Kill => Happened::Killed,
            End::PowerLoss => Happened::PowerLost,
        };
        self.record(what, process.number(), u64::from(node.0));
        self.end_network(process, end);
        self.end_disks(process, end);
        let inside = current::try_here().is_some_and(|(_, place)| place.process == process);
        if inside {
            self.condemned.borrow_mut().push(process);
        } else {
            self.drop_tasks(process);
        }
    }

    /// Ends all processes, the clients' too.
    pub(crate) fn end_everything(self: &Rc<Self>) {
        let count = self.processes.borrow().processes.len();
        for process in 0..count {
            self.end(ProcessId(process as u32), End::Kill);
        }
        self.bury_condemned();
    }

    pub(crate) fn bury_condemned(self: &Rc<Self>) {
        while let Some(process) = { self.condemned.borrow_mut().pop() } {
            self.drop_tasks(process);
        }
    }
}

//! A node: its shards, what they share, and how it starts and stops.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, poll_fn};

use crate::bell::Bell;
use crate::lane::Class;
use crate::mesh::{Fabric, Mesh};
use crate::{ShardId, real, task};

/// What a shard's main future is given.
pub struct Seat<M> {
    pub shard: ShardId,
    pub shards: u16,
    pub mesh: Mesh<M>,
    pub stop: Stop,
}

/// Messages that fit into the lane between two shards, per class; rounded up to powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneCapacity {
    pub client: usize,
    pub internal: usize,
    pub reply: usize,
}

impl LaneCapacity {
    pub const STANDARD: LaneCapacity = LaneCapacity { client: 256, internal: 128, reply: 512 };

    fn of(&self, class: Class) -> usize {
        match class {
            Class::Client => self.client,
            Class::Internal => self.internal,
            Class::Reply => self.reply,
        }
    }
}

/// Parts of a core that the task queues get when all of them have work: how long each runs before the others have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueShares {
    pub produce: usize,
    pub fetch: usize,
    pub replication: usize,
    pub control: usize,
    pub background: usize,
}

impl QueueShares {
    pub const STANDARD: QueueShares =
        QueueShares { produce: 1000, fetch: 1000, replication: 1000, control: 300, background: 100 };
}

/// How the real machine is set up.
#[derive(Debug, Clone)]
pub struct RealOptions {
    pub shards: u16,
    /// Each shard is bound to one core; with more shards than cores, several share one. Without it the kernel places them.
    pub pin: bool,
    pub queue_shares: QueueShares,
    pub lane_capacity: LaneCapacity,
    /// How long the queue with the most shares runs before the others and the I/O get a look-in; the others run for less, by their shares.
    pub slice: Duration,
    /// Entries of each shard's file ring: operations submitted at once. More wait in the shard's own queue.
    pub ring_depth: u32,
    /// Free bytes that each shard's buffer pool keeps.
    pub buffer_pool_bytes: usize,
}

impl RealOptions {
    /// As [`crate::memory_bytes`], before any shard runs.
    pub fn memory_bytes() -> Option<u64> {
        real::memory::memory_bytes()
    }

    /// The most files and sockets that the process may have open, after that limit was raised as far as it may be.
    pub fn max_descriptors() -> u64 {
        real::descriptors::raise_limit()
    }

    /// How many of them the machine itself needs for so many shards.
    pub fn own_descriptors(shards: u16) -> u64 {
        real::own_files(shards)
    }

    /// What a broker uses: all cores the process may run on, one shard each, bound.
    pub fn standard() -> Self {
        Self {
            shards: real::placement::cores().len().clamp(1, usize::from(u16::MAX)) as u16,
            pin: true,
            queue_shares: QueueShares::STANDARD,
            lane_capacity: LaneCapacity::STANDARD,
            slice: Duration::from_micros(500),
            ring_depth: 256,
            buffer_pool_bytes: crate::buffer::DEFAULT_POOL_LIMIT,
        }
    }
}

/// Why the machine did not start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no shards were asked for")]
    NoShards,
    #[error(
        "the kernel refuses io_uring ({0}): it needs Linux 6.1 or newer, `sysctl kernel.io_uring_disabled=0`, and in a container a \
         seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register"
    )]
    NoIoUring(String),
    #[error(
        "the kernel has no memory for the rings; at most {limit_kib} KiB may be locked: raise it with `ulimit -l unlimited`, \
         `LimitMEMLOCK=infinity` in the systemd unit, or `--ulimit memlock=-1` for a container"
    )]
    MemlockTooSmall { limit_kib: u64 },
    #[error(
        "at most {limit} files may be open, and the start needs {needed}: raise it with `ulimit -n 100000` or `LimitNOFILE=100000`"
    )]
    TooFewFiles { limit: u64, needed: u64 },
    #[error("shard {shard} did not start: {message}")]
    Shard { shard: ShardId, message: String },
    #[error("signals cannot be taken: {0}")]
    Signals(std::io::Error),
}

/// Runs `main` once on every shard and blocks until all of these futures have ended.
///
/// SIGTERM, SIGINT and, unless it is ignored, SIGHUP request [`Seat::stop`]; a second one ends the process at once. For that this is called by a thread that has
/// started no other, since a signal may be delivered to any thread that does not block it. A panic on any shard ends the process.
#[expect(clippy::needless_pass_by_value, reason = "the caller has no further use for them")]
pub fn run<M: Send + 'static>(
    options: RealOptions,
    main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + Clone + Send + 'static,
) -> Result<(), StartError> {
    real::run(&options, main)
}

/// What the shards of one node share.
pub struct Node<M> {
    fabric: Arc<Fabric<M>>,
    stop: Arc<StopFlag>,
    seated: Arc<[AtomicBool]>,
}

impl<M> Clone for Node<M> {
    fn clone(&self) -> Self {
        Self { fabric: self.fabric.clone(), stop: self.stop.clone(), seated: self.seated.clone() }
    }
}

impl<M: Send + 'static> Node<M> {
    /// `bell(shard)` makes what wakes that shard.
    pub(crate) fn new(shards: u16, capacity: LaneCapacity, bell: impl FnMut(ShardId) -> Bell) -> Self {
        let bells: Vec<Bell> = (0..shards).map(ShardId).map(bell).collect();
        let fabric = Arc::new(Fabric::new(shards, |class| capacity.of(class), bells.clone()));
        let stop = Arc::new(StopFlag { requested: AtomicBool::new(false), bells });
        Self { fabric, stop, seated: (0..shards).map(|_| AtomicBool::new(false)).collect() }
    }

    /// What a shard's main future is given. Called once for each shard, on that shard; starts the tasks that answer its bell and ring
    /// those of others, which then run as long as the shard does.
    pub fn seat(&self, shard: ShardId) -> Seat<M> {
        let taken = self.seated[shard.index()].swap(true, Ordering::AcqRel);
        assert!(!taken, "shard {shard} has its seat already");
        let mesh = Mesh::new(self.fabric.clone(), shard);
        let stop = Stop { flag: self.stop.clone(), waiting: Rc::default() };
        let (bell, on_bell, stop_here) =
            (self.fabric.bells()[shard.index()].clone(), mesh.clone(), stop.clone());
        task::spawn_internal(async move {
            loop {
                bell.heard().await;
                on_bell.on_bell();
                stop_here.on_bell();
            }
        })
        .detach();
        let ringer = mesh.clone();
        task::spawn_internal(async move { ringer.ring_for_others().await }).detach();
        Seat { shard, shards: mesh.shards(), mesh, stop }
    }

    /// Asks all shards to stop.
    pub fn request_stop(&self) {
        self.stop.request();
    }

    pub(crate) fn stop_flag(&self) -> Arc<StopFlag> {
        self.stop.clone()
    }
}

/// The part of [`Stop`] that all threads share.
pub(crate) struct StopFlag {
    requested: AtomicBool,
    bells: Vec<Bell>,
}

impl StopFlag {
    pub(crate) fn request(&self) {
        if !self.requested.swap(true, Ordering::AcqRel) {
            for bell in &self.bells {
                bell.ring();
            }
        }
    }
}

/// One shard's view of the request to stop. Clones are the same view.
#[derive(Clone)]
pub struct Stop {
    flag: Arc<StopFlag>,
    waiting: Rc<RefCell<Vec<Waker>>>,
}

impl Stop {
    pub fn is_requested(&self) -> bool {
        self.flag.requested.load(Ordering::Acquire)
    }

    /// Asks all shards of the node to stop.
    pub fn request(&self) {
        self.flag.request();
    }

    /// Waits until a stop is requested.
    pub async fn wait(&self) {
        poll_fn(|cx| {
            if self.is_requested() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn on_bell(&self) {
        if self.is_requested() {
            for waker in self.waiting.take() {
                waker.wake();
            }
        }
    }
}

/// A value that threads hand over under a lock, for the few places that need one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic stops the process, so a poisoned lock is only seen by other threads of a failing test.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

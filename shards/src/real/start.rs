//! Starting the shards' threads, and waiting for their end.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, mpsc};
use std::thread;

use futures_util::future::LocalBoxFuture;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, PoolPlacement};

use super::{executor, placement, ring, signals};
use crate::bell::Bell;
use crate::runtime::{Node, RealOptions, Seat, StartError};
use crate::{ShardId, buffer, machine};

/// glommio keeps its own buffers for file I/O; we do none through it. This is the least it takes.
const EXECUTOR_IO_MEMORY: usize = 64 << 10;
/// Entries of each of glommio's three rings, which carry only polls and timers for us.
const EXECUTOR_RING_DEPTH: usize = 128;
/// Descriptors a shard opens for itself: four rings, two eventfds, and room.
const FILES_PER_SHARD: u64 = 16;
/// Bytes that glommio insists on being allowed to lock.
const MEMLOCK_NEEDED: u64 = 512 << 10;

pub(crate) fn run<M: Send + 'static>(
    options: RealOptions,
    main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + Clone + Send + 'static,
) -> Result<(), StartError> {
    check_limits(&options)?;
    stop_on_panic();
    let bells = (0..options.shards)
        .map(|_| Bell::real())
        .collect::<io::Result<Vec<Bell>>>()
        .map_err(|error| StartError::Shard { shard: ShardId(0), message: error.to_string() })?;
    let node = Node::<M>::new(options.shards, options.lane_capacity, |shard| bells[shard.index()].clone());
    let signals = signals::Watch::begin().map_err(StartError::Signals)?;
    let cores = placement::cores();
    let (ready, readiness) = mpsc::channel();
    let mut threads = Vec::new();
    for shard in (0..options.shards).map(ShardId) {
        let (go, wait_for_go) = mpsc::channel();
        let start = Start {
            shard,
            core: options.pin.then(|| cores[shard.index() % cores.len()]),
            options: options.clone(),
            node: node.clone(),
            ready: ready.clone(),
            go: wait_for_go,
            ended: signals.end_of_shard(),
        };
        let main = main.clone();
        let thread = thread::Builder::new().name(format!("shard-{shard}")).spawn(move || start.shard(main));
        match thread {
            Ok(thread) => threads.push((go, thread)),
            Err(error) => return Err(StartError::Shard { shard, message: error.to_string() }),
        }
    }
    drop(ready);
    // Shards whose `go` is dropped unsent end at once.
    readiness.into_iter().collect::<Result<(), StartError>>()?;
    for (go, _) in &threads {
        go.send(()).expect("a shard that is ready waits for this");
    }
    let flag = node.stop_flag();
    signals.until_all_ended(threads.len(), || flag.request());
    for (_, thread) in threads {
        thread.join().expect("a panic stops the process");
    }
    Ok(())
}

/// What a shard's thread is given.
struct Start<M> {
    shard: ShardId,
    core: Option<usize>,
    options: RealOptions,
    node: Node<M>,
    ready: mpsc::Sender<Result<(), StartError>>,
    go: mpsc::Receiver<()>,
    ended: signals::EndOfShard,
}

impl<M: Send + 'static> Start<M> {
    fn shard(self, main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()>) {
        // Dropped last, when nothing of the shard is left.
        let _ended = self.ended;
        let (executor, ring) = match make(self.shard, self.core, &self.options) {
            Ok(made) => made,
            Err(error) => {
                // The other end waits until every sender is gone.
                let _ = self.ready.send(Err(error));
                return;
            }
        };
        let _ = self.ready.send(Ok(()));
        drop(self.ready);
        if self.go.recv().is_err() {
            return;
        }
        let _real = machine::enter_real();
        buffer::set_pool_limit(self.options.buffer_pool_bytes);
        executor.run(async move {
            executor::create_queues(self.options.queue_shares);
            let driver = ring.install();
            let (seat, attendants) = self.node.attended_seat(self.shard);
            let mesh = seat.mesh.clone();
            // In a queue of its own share: the executor's first queue is nobody's.
            crate::task::spawn(crate::task::Queue::Control, main(seat)).await;
            mesh.ring_now();
            ring::finish().await;
            // Cancelled tasks are dropped when they would run next. Those that nobody cancels, the executor never drops.
            drop((attendants, driver));
            executor::yield_now().await;
        });
    }
}

fn make(
    shard: ShardId,
    core: Option<usize>,
    options: &RealOptions,
) -> Result<(LocalExecutor, ring::Ring), StartError> {
    let executor = LocalExecutorBuilder::new(core.map_or(Placement::Unbound, Placement::Fixed))
        .io_memory(EXECUTOR_IO_MEMORY)
        .ring_depth(EXECUTOR_RING_DEPTH)
        .preempt_timer(options.preempt)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
        .make()
        .map_err(|error| start_error(shard, &error.to_string()))?;
    let ring = ring::Ring::new(options.ring_depth).map_err(|error| start_error(shard, &error.to_string()))?;
    Ok((executor, ring))
}

fn start_error(shard: ShardId, message: &str) -> StartError {
    if message.contains("io_uring")
        || message.contains("not permitted")
        || message.contains("not implemented")
    {
        return StartError::NoIoUring(message.to_owned());
    }
    StartError::Shard { shard, message: message.to_owned() }
}

fn check_limits(options: &RealOptions) -> Result<(), StartError> {
    if options.shards == 0 {
        return Err(StartError::NoShards);
    }
    let memlock = limit(libc::RLIMIT_MEMLOCK);
    if memlock < MEMLOCK_NEEDED {
        return Err(StartError::MemlockTooSmall {
            limit_kib: memlock >> 10,
            needed_kib: MEMLOCK_NEEDED >> 10,
        });
    }
    let (limit, needed) = (raise_open_files(), u64::from(options.shards) * FILES_PER_SHARD + 64);
    if limit < needed {
        return Err(StartError::TooFewFiles { limit, needed });
    }
    Ok(())
}

fn limits_of(resource: libc::__rlimit_resource_t) -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    let result = unsafe { libc::getrlimit(resource, &raw mut limit) };
    assert_eq!(result, 0, "getrlimit cannot fail for a resource that exists");
    limit
}

fn limit(resource: libc::__rlimit_resource_t) -> u64 {
    limits_of(resource).rlim_cur
}

/// Raises the soft limit of open files to the hard one, as brokers need many, and says what it is then.
fn raise_open_files() -> u64 {
    let mut limit = limits_of(libc::RLIMIT_NOFILE);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is valid for reading. If it fails, the limit stays as it was, and is reported as it is.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    limits_of(libc::RLIMIT_NOFILE).rlim_cur
}

/// From the first start on, a panic on a shard's thread ends the process once its message is out: nothing continues on a broken
/// invariant. Threads that belong to no shard are left alone, or a failing test would take the others with it.
fn stop_on_panic() {
    static ONCE: Once = Once::new();
    static PANICKED: AtomicBool = AtomicBool::new(false);
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            print(info);
            if machine::is_real() && !PANICKED.swap(true, Ordering::SeqCst) {
                std::process::abort();
            }
        }));
    });
}

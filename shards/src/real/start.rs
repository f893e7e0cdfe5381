//! Starting the shards' threads, and waiting for their end.

use std::backtrace::Backtrace;
use std::io::{self, Write};
use std::sync::{Once, mpsc};
use std::thread;

use futures_util::future::LocalBoxFuture;

use super::{descriptors, executor, placement, ring, signals};
use crate::bell::Bell;
use crate::runtime::{Node, RealOptions, Seat, StartError};
use crate::{ShardId, buffer, machine};

/// Descriptors a shard opens for itself: its ring, its eventfd, and room.
const FILES_PER_SHARD: u64 = 8;
/// Descriptors of the process as a whole: the standard three, signals, the lock, a file at a time per blocking thread, and room.
const FILES_OF_PROCESS: u64 = 64;

pub(crate) fn run<M: Send + 'static>(
    options: &RealOptions,
    main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + Clone + Send + 'static,
) -> Result<(), StartError> {
    check_limits(options)?;
    stop_on_panic();
    let node = Node::<M>::new(options.shards, options.lane_capacity, |_| Bell::local());
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
    fn shard(self, main: impl Fn(Seat<M>) -> LocalBoxFuture<'static, ()> + 'static) {
        // Dropped last, when nothing of the shard is left.
        let _ended = self.ended;
        let ring = match prepare(self.shard, self.core, &self.options) {
            Ok(ring) => ring,
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
        let (node, shard) = (self.node, self.shard);
        let ended = executor::run(ring, self.options.queue_shares, self.options.slice, move || async move {
            let seat = node.seat(shard);
            let mesh = seat.mesh.clone();
            main(seat).await;
            mesh.ring_now();
        });
        ended.expect("a shard has room for one more descriptor");
    }
}

/// What can fail, before any shard begins.
fn prepare(shard: ShardId, core: Option<usize>, options: &RealOptions) -> Result<ring::Ring, StartError> {
    if let Some(core) = core {
        placement::bind_to(core).map_err(|error| StartError::Shard {
            shard,
            message: format!("it cannot be bound to core {core}: {error}"),
        })?;
    }
    ring::Ring::new(options.ring_depth).map_err(|error| ring_error(shard, &error))
}

/// Why there is no ring.
fn ring_error(shard: ShardId, error: &io::Error) -> StartError {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM | libc::EINVAL) => StartError::NoIoUring(error.to_string()),
        Some(libc::ENOMEM) => StartError::MemlockTooSmall {
            limit_kib: descriptors::limits_of(libc::RLIMIT_MEMLOCK).rlim_cur >> 10,
        },
        _ => StartError::Shard { shard, message: error.to_string() },
    }
}

/// Descriptors that the machine itself needs for so many shards.
pub(crate) fn own_files(shards: u16) -> u64 {
    u64::from(shards) * FILES_PER_SHARD + FILES_OF_PROCESS
}

fn check_limits(options: &RealOptions) -> Result<(), StartError> {
    if options.shards == 0 {
        return Err(StartError::NoShards);
    }
    let (limit, needed) = (descriptors::raise_limit(), own_files(options.shards));
    if limit < needed {
        return Err(StartError::TooFewFiles { limit, needed });
    }
    Ok(())
}

/// From the first start on, a panic on a shard's thread ends the process once its message is out: nothing continues on a broken
/// invariant. Threads that belong to no shard are left alone, or a failing test would take the others with it.
fn stop_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !machine::is_real() {
                return others(info);
            }
            let thread = thread::current();
            let name = thread.name().unwrap_or("unnamed").to_owned();
            // Not `eprintln!`, which tests capture and an abort would lose.
            let message = format!("thread '{name}': {info}\n{}\n", Backtrace::capture());
            // There is nobody left to tell if even this fails.
            let _ = io::stderr().write_all(message.as_bytes());
            std::process::abort();
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_gone_is_not_blamed_on_the_ring() {
        let beyond = libc::CPU_SETSIZE as usize - 1;
        assert!(!placement::cores().contains(&beyond), "a machine with 1,024 cores has this one");
        let error = prepare(ShardId(3), Some(beyond), &RealOptions::standard()).err().expect("no such core");
        let StartError::Shard { shard: ShardId(3), message } = &error else { panic!("{error}") };
        assert!(message.contains("core 1023"), "{message}");
    }
}

//! Threads for what blocks: names, extent maps, syncs of a file system, the resolver. They are started when there is work and end
//! when there has been none for a while.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;

use super::placement;
use crate::machine;
use crate::runtime::lock;

/// More work at a time waits: none of it is what an acknowledgement waits for.
const MOST_THREADS: usize = 8;
const IDLE: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

struct Pool {
    work: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { work: VecDeque::new(), threads: 0, idle: 0 });
static MORE_WORK: Condvar = Condvar::new();

/// Runs `work` on another thread. It is run even if the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = oneshot::channel();
    add(Box::new(move || {
        // Nobody may be waiting any more.
        drop(done.send(work()));
    }));
    result.await.expect("a panic stops the process")
}

fn add(work: Work) {
    let mut pool = lock(&POOL);
    pool.work.push_back(work);
    if pool.idle >= pool.work.len() || pool.threads == MOST_THREADS {
        MORE_WORK.notify_one();
        return;
    }
    let started = thread::Builder::new().name("blocking".to_owned()).spawn(serve);
    match started {
        Ok(_) => pool.threads += 1,
        // The threads there are must do.
        Err(error) if pool.threads > 0 => tracing::warn!(%error, "no further thread for blocking work"),
        Err(error) => panic!("no thread for blocking work: {error}"),
    }
}

fn serve() {
    // A panic here is the shard's, whose work it is.
    let _real = machine::enter_real();
    // Started by a shard, which may be bound to its core.
    placement::bind_to_all();
    let mut pool = lock(&POOL);
    loop {
        if let Some(work) = pool.work.pop_front() {
            drop(pool);
            work();
            pool = lock(&POOL);
            continue;
        }
        pool.idle += 1;
        let (woken, timeout) =
            MORE_WORK.wait_timeout(pool, IDLE).unwrap_or_else(std::sync::PoisonError::into_inner);
        pool = woken;
        pool.idle -= 1;
        if timeout.timed_out() && pool.work.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

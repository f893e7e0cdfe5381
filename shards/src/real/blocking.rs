//! Threads for what blocks: names, extent maps, syncs of a file system, the resolver. They are started when there is work and end
//! when there has been none for a while.
//!
//! Invariants, per resource: `idle <= threads <= MAX_THREADS`; work waits only while all threads are busy with the same resource. So
//! a device that hangs, and keeps its threads for as long, stops nobody who waits for another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;

use super::placement;
use crate::machine;
use crate::runtime::lock;

/// More work at a time waits: none of it is what an acknowledgement waits for.
const MAX_THREADS: usize = 8;
const IDLE: Duration = Duration::from_secs(5);

/// What work may hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    /// A device, by its `st_dev`.
    Device(u64),
    /// Whatever device a path leads to.
    Paths,
    Resolver,
}

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    more_work: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

static POOLS: Mutex<BTreeMap<Resource, Arc<Pool>>> = Mutex::new(BTreeMap::new());

/// Runs `work`, which may hang on `resource`, on another thread. It is run even if the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    resource: Resource,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, result) = oneshot::channel();
    let work = Box::new(move || {
        // Nobody may be waiting any more.
        drop(done.send(work()));
    });
    let pool = lock(&POOLS).entry(resource).or_default().clone();
    add(&pool, work);
    result.await.expect("a panic stops the process")
}

fn add(pool: &Arc<Pool>, work: Work) {
    let mut state = lock(&pool.state);
    state.work.push_back(work);
    if state.idle >= state.work.len() || state.threads == MAX_THREADS {
        pool.more_work.notify_one();
        return;
    }
    let own = pool.clone();
    let started = thread::Builder::new().name("blocking".to_owned()).spawn(move || serve(&own));
    match started {
        Ok(_) => state.threads += 1,
        // The threads there are must do.
        Err(error) if state.threads > 0 => tracing::warn!(%error, "no further thread for blocking work"),
        Err(error) => panic!("no thread for blocking work: {error}"),
    }
}

fn serve(pool: &Pool) {
    // A panic here is the shard's, whose work it is.
    let _real = machine::enter_real();
    // Started by a shard, which may be bound to its core.
    placement::bind_to_all();
    let mut state = lock(&pool.state);
    loop {
        if let Some(work) = state.work.pop_front() {
            drop(state);
            work();
            state = lock(&pool.state);
            continue;
        }
        state.idle += 1;
        let (woken, timeout) =
            pool.more_work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        state.idle -= 1;
        if timeout.timed_out() && state.work.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_hangs_on_one_device_does_not_stop_what_waits_for_another() {
        let hangs = Arc::new(Mutex::new(()));
        let until_released = lock(&hangs);
        let (said, heard) = mpsc::channel();
        let start = |resource, work: Work| {
            // Started at once; nobody waits for the result, which may be there before anybody asks.
            let mut started = Box::pin(blocking(resource, work));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = started.as_mut().poll(&mut context);
        };
        for number in 0..3 * MAX_THREADS {
            let (hangs, said) = (hangs.clone(), said.clone());
            start(
                Resource::Device(1),
                Box::new(move || {
                    drop(lock(&hangs));
                    said.send(number).unwrap();
                }),
            );
        }
        start(Resource::Device(2), Box::new(move || said.send(1000).unwrap()));
        let patience = Duration::from_secs(30);
        assert_eq!(heard.recv_timeout(patience), Ok(1000), "another device");
        drop(until_released);
        let mut rest: Vec<_> = (0..3 * MAX_THREADS).map(|_| heard.recv_timeout(patience).unwrap()).collect();
        rest.sort_unstable();
        assert!(rest.into_iter().eq(0..3 * MAX_THREADS), "what waited is run once");
    }
}

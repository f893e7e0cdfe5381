//! glommio's executor, as far as we use it: task queues, timers and waiting for a descriptor. Nothing else names glommio.

use std::cell::Cell;
use std::future::Future;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use glommio::io::{PollState, PollableFd};
use glommio::{ExecutorProxy, Latency, Shares, TaskQueueHandle};

use crate::runtime::QueueShares;
use crate::task::Queue;

thread_local! {
    static QUEUES: Cell<Option<Queues>> = const { Cell::new(None) };
    static TASKS_RUN: Cell<u64> = const { Cell::new(0) };
}

#[derive(Clone, Copy)]
struct Queues {
    by_purpose: [TaskQueueHandle; Queue::COUNT],
    /// Bells and rings: short turns that everything else waits for.
    internal: TaskQueueHandle,
}

/// Shares of the machine's own tasks.
const INTERNAL_SHARES: usize = 1000;

/// Makes the task queues. Called once on each shard, inside its executor.
pub(crate) fn create_queues(shares: QueueShares) {
    let create = |name: &str, shares: usize| {
        glommio::executor().create_task_queue(Shares::Static(shares), Latency::NotImportant, name)
    };
    let by_purpose = Queue::ALL.map(|queue| match queue {
        Queue::Produce => create("produce", shares.produce),
        Queue::Fetch => create("fetch", shares.fetch),
        Queue::Replication => create("replication", shares.replication),
        Queue::Control => create("control", shares.control),
        Queue::Background => create("background", shares.background),
    });
    QUEUES.set(Some(Queues { by_purpose, internal: create("internal", INTERNAL_SHARES) }));
}

fn queues() -> Queues {
    QUEUES.get().expect("the shard's queues are made before its first task")
}

pub(crate) struct RealTask<T>(glommio::Task<T>);

pub(crate) fn spawn<T: 'static>(queue: Queue, future: impl Future<Output = T> + 'static) -> RealTask<T> {
    spawn_into(queues().by_purpose[queue as usize], future)
}

pub(crate) fn spawn_internal<T: 'static>(future: impl Future<Output = T> + 'static) -> RealTask<T> {
    spawn_into(queues().internal, future)
}

fn spawn_into<T: 'static>(queue: TaskQueueHandle, future: impl Future<Output = T> + 'static) -> RealTask<T> {
    RealTask(glommio::spawn_local_into(future, queue).expect("queues live as long as the executor"))
}

impl<T> RealTask<T> {
    pub(crate) fn detach(self) {
        drop(self.0.detach());
    }
}

impl<T: 'static> Future for RealTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx)
    }
}

fn executor() -> ExecutorProxy {
    glommio::executor()
}

pub(crate) async fn yield_now() {
    executor().yield_task_queue_now().await;
}

pub(crate) async fn yield_if_needed() {
    executor().yield_if_needed().await;
}

pub(crate) async fn sleep(duration: Duration) {
    glommio::timer::sleep(duration).await;
}

/// Tasks polled on this shard so far, up to the last change of queue.
pub(crate) fn tasks_run() -> u64 {
    // glommio starts counting anew each time it is asked.
    let total = TASKS_RUN.get() + executor().executor_stats().tasks_executed();
    TASKS_RUN.set(total);
    total
}

/// A descriptor that somebody else keeps open while it is waited for.
struct Borrowed(RawFd);

impl AsRawFd for Borrowed {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

/// Waits until `fd` can be read, has failed or was shut down. It must stay open until the future is dropped.
pub(crate) async fn readable(fd: RawFd) {
    wait(fd, true).await;
}

/// Waits until `fd` can be written, has failed or was shut down. It must stay open until the future is dropped.
pub(crate) async fn writable(fd: RawFd) {
    wait(fd, false).await;
}

async fn wait(fd: RawFd, to_read: bool) {
    let fd = PollableFd::new(Borrowed(fd)).expect("runs inside the executor");
    // Errors of the descriptor itself are found by the operation that follows; an error of the poll is reported by it too, since
    // polling an open descriptor fails only when the kernel is out of memory.
    let result = if to_read { fd.readable().await } else { fd.writable().await };
    if let Err(error) = result {
        tracing::warn!(%error, "waiting for a descriptor failed");
        glommio::timer::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits, poll by poll, for a descriptor that outlives it. A wait that was begun stays begun between polls.
pub(crate) struct Readiness {
    fd: PollableFd<Borrowed>,
    state: PollState,
}

impl Readiness {
    pub(crate) fn new(fd: RawFd) -> Self {
        let fd = PollableFd::new(Borrowed(fd)).expect("runs inside the executor");
        Self { fd, state: PollState::new() }
    }

    /// Ready once for each time that the descriptor was found readable.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.fd.poll_readable(cx, &mut self.state).map(|result| {
            result.expect("the kernel polls an open descriptor");
        })
    }
}

/// Runs `work` on the shard's blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    executor().spawn_blocking(work).await
}

//! Tasks and the queues they run in.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{machine, real, sim};

/// Which share of its core a task gets when others are runnable too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    Produce,
    Fetch,
    Replication,
    Control,
    /// Preparation, compaction, recovery, administration.
    Background,
}

impl Queue {
    pub const COUNT: usize = 5;
    pub const ALL: [Queue; Queue::COUNT] =
        [Queue::Produce, Queue::Fetch, Queue::Replication, Queue::Control, Queue::Background];
}

/// A spawned future. Dropping it cancels the task; awaiting it gives the output.
#[must_use = "dropping a task cancels it"]
pub struct Task<T>(Kind<T>);

enum Kind<T> {
    Real(real::executor::RealTask<T>),
    Simulated(sim::task::SimTask<T>),
}

/// Starts a task on this shard. It runs for the first time when its queue's turn comes, not before this returns.
pub fn spawn<T: 'static>(queue: Queue, future: impl Future<Output = T> + 'static) -> Task<T> {
    if machine::is_real() {
        Task(Kind::Real(real::executor::spawn(queue, future)))
    } else {
        Task(Kind::Simulated(sim::task::spawn(queue, future)))
    }
}

/// Starts a task of the machine itself: bells, rings.
pub(crate) fn spawn_internal<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    if machine::is_real() {
        Task(Kind::Real(real::executor::spawn_internal(future)))
    } else {
        Task(Kind::Simulated(sim::task::spawn(Queue::Control, future)))
    }
}

impl<T> Task<T> {
    /// Lets the task run to its end on its own.
    pub fn detach(self) {
        match self.0 {
            Kind::Real(task) => task.detach(),
            Kind::Simulated(task) => task.detach(),
        }
    }
}

impl<T: 'static> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Kind::Real(task) => Pin::new(task).poll(cx),
            Kind::Simulated(task) => Pin::new(task).poll(cx),
        }
    }
}

/// Lets every other queue and task that is runnable have its turn first.
pub async fn yield_now() {
    if machine::is_real() {
        real::executor::yield_now().await;
    } else {
        sim::task::yield_now().await;
    }
}

/// Yields if this task has run for longer than its slice. Cheap enough for the inside of a loop. A simulated machine always yields,
/// so that what may happen between two pieces of work does.
pub async fn yield_if_needed() {
    if machine::is_real() {
        real::executor::yield_if_needed().await;
    } else {
        sim::task::yield_now().await;
    }
}

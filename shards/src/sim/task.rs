//! Tasks of the running shard.

use std::future::Future;

use super::current;
pub use super::executor::Task as SimTask;
use super::executor::YieldNow;
use crate::task::Queue;

pub fn spawn<T: 'static>(queue: Queue, future: impl Future<Output = T> + 'static) -> SimTask<T> {
    let (world, place) = current::here();
    SimTask::start(&world, super::Place { queue, ..place }, future)
}

pub async fn yield_now() {
    YieldNow::default().await;
}

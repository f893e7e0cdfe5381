//! Clocks and timers.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::{machine, real, sim};

/// Nanoseconds since an arbitrary start; never goes back; the same on all shards of a process.
pub fn monotonic_ns() -> u64 {
    if machine::is_real() { real::clock::monotonic_ns() } else { sim::time::monotonic_ns() }
}

/// Milliseconds since 1970, as the operating system believes.
pub fn wall_clock_ms() -> i64 {
    if machine::is_real() { real::clock::wall_clock_ms() } else { sim::time::wall_clock_ms() }
}

pub async fn sleep(duration: Duration) {
    if machine::is_real() {
        real::executor::sleep(duration).await;
    } else {
        sim::time::sleep(duration).await;
    }
}

/// The time was up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct Elapsed;

/// Runs `future` for at most `duration`; it is dropped when the time is up.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    // The future first: one that is ready has not timed out, however late it is looked at.
    match select(pin!(future), pin!(sleep(duration))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

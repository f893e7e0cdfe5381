//! What wakes a shard from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;

/// Rung from any thread, heard by the bell task of one shard. Any number of rings before it is heard are one. A sleeping shard is
/// woken by the waker of its bell task: the real machine's write the shard's eventfd, the simulated machine's tell its scheduler.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    pub(crate) fn local() -> Self {
        Self::default()
    }

    pub(crate) fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            self.0.waker.wake();
        }
    }

    /// Waits until the bell has been rung since the last time.
    pub(crate) async fn heard(&self) {
        poll_fn(|cx| {
            self.0.waker.register(cx.waker());
            if self.0.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

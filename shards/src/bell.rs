//! What wakes a shard from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;

use crate::real;

/// Rung from any thread, heard by the bell task of one shard. Any number of rings before it is heard are one.
#[derive(Clone)]
pub struct Bell(Kind);

#[derive(Clone)]
enum Kind {
    /// An eventfd that the shard's executor polls.
    Real(Arc<real::bell::EventFd>),
    /// A flag and the waker of the bell task: for simulated shards, whose scheduler takes wakes from its own thread.
    Local(Arc<Local>),
}

#[derive(Default)]
struct Local {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    pub fn local() -> Self {
        Self(Kind::Local(Arc::default()))
    }

    pub(crate) fn real() -> std::io::Result<Self> {
        Ok(Self(Kind::Real(Arc::new(real::bell::EventFd::new()?))))
    }

    pub(crate) fn ring(&self) {
        match &self.0 {
            Kind::Real(event) => event.ring(),
            Kind::Local(local) => {
                local.rung.store(true, Ordering::Release);
                local.waker.wake();
            }
        }
    }

    /// Waits until the bell has been rung since the last time.
    pub(crate) async fn heard(&self) {
        match &self.0 {
            Kind::Real(event) => event.heard().await,
            Kind::Local(local) => {
                poll_fn(|cx| {
                    local.waker.register(cx.waker());
                    if local.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
        }
    }
}

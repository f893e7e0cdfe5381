//! The operations under way in a log directory: when the oldest began, and that all of them end when the directory has failed.
//!
//! A disk may keep an operation for ever. Whoever awaits it does not ask whether the directory has failed meanwhile: the operation
//! itself ends then, with an error, so that every wait for a disk is bounded by [`crate::VolumeConfig::hang_after`]. What was
//! submitted to the kernel stays there, with its memory.
//!
//! Invariants: an operation is in `under_way` from its first poll until it is done or dropped; numbers rise with time; once `is_over`,
//! nothing is begun any more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use crate::disk::DiskError;
use crate::notify::Notify;

#[derive(Debug, Default)]
pub struct Flights {
    next: Cell<u64>,
    under_way: RefCell<BTreeMap<u64, Flight>>,
    is_over: Cell<bool>,
    lacks_descriptors: Cell<bool>,
    lack: Notify,
}

#[derive(Debug)]
struct Flight {
    began_ns: u64,
    waker: Waker,
}

/// Takes the operation off the list, however it ends.
struct Landing<'a> {
    flights: &'a Flights,
    number: u64,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.under_way.borrow_mut().remove(&self.number);
    }
}

impl Flights {
    /// Runs an operation as one of these. `now_ns` is [`crate::disk::Host::monotonic_ns`].
    ///
    /// # Errors
    /// Those of the operation, and [`DiskError::Offline`] once the directory has failed.
    pub async fn run<T>(
        &self,
        now_ns: u64,
        operation: impl Future<Output = Result<T, DiskError>>,
    ) -> Result<T, DiskError> {
        let number = self.next.replace(self.next.get() + 1);
        let _landing = Landing { flights: self, number };
        let mut operation = pin!(operation);
        poll_fn(|context| {
            if self.is_over.get() {
                return Poll::Ready(Err(DiskError::Offline));
            }
            let polled = operation.as_mut().poll(context);
            if polled.is_pending() {
                let mut under_way = self.under_way.borrow_mut();
                let flight = under_way
                    .entry(number)
                    .or_insert_with(|| Flight { began_ns: now_ns, waker: context.waker().clone() });
                flight.waker.clone_from(context.waker());
            }
            polled
        })
        .await
    }

    /// When the oldest operation under way began.
    pub fn oldest_began_ns(&self) -> Option<u64> {
        self.under_way.borrow().values().next().map(|flight| flight.began_ns)
    }

    /// Somebody waits until a descriptor is free, which is nothing that the disk has to answer for. Whoever keeps files open that nobody uses
    /// is to close them.
    pub fn lack_descriptors(&self) {
        self.lacks_descriptors.set(true);
        self.lack.notify();
    }

    /// Waits until somebody does.
    pub(crate) async fn until_lacking(&self) {
        self.lack.until(|| self.lacks_descriptors.get().then_some(())).await;
    }

    /// Whether somebody did since this was last asked.
    pub(crate) fn take_lack(&self) -> bool {
        self.lacks_descriptors.take()
    }

    /// The directory has failed: what is under way ends with an error, and so does whatever is begun from now on.
    pub fn end_all(&self) {
        if self.is_over.replace(true) {
            return;
        }
        let wakers: Vec<Waker> =
            self.under_way.borrow().values().map(|flight| flight.waker.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn whatever_never_ends_ends_when_the_directory_has_failed() {
        let flights = Flights::default();
        assert_eq!(flights.run(1, async { Ok(7) }).now_or_never(), Some(Ok(7)));
        assert_eq!(flights.oldest_began_ns(), None);
        let mut first = Box::pin(flights.run::<()>(2, std::future::pending()));
        let mut second = Box::pin(flights.run::<()>(3, std::future::pending()));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        assert_eq!(flights.oldest_began_ns(), Some(2));
        drop(first);
        assert_eq!(flights.oldest_began_ns(), Some(3));
        flights.end_all();
        assert_eq!(second.now_or_never(), Some(Err(DiskError::Offline)));
        assert_eq!(flights.run(4, async { Ok(7) }).now_or_never(), Some(Err(DiskError::Offline)));
        assert_eq!(flights.oldest_began_ns(), None);
    }
}

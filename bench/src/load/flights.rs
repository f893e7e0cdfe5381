//! Batches under way from a producer to a consumer, and when they were due.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;

use crate::figures::Run;

/// A batch that a producer is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// When its first record was due, on the clock of [`logan_shards::monotonic_ns`], and how long after it each next one.
    pub due_ns: u64,
    pub step_ns: u64,
}

/// Of each producer and slot, in the order in which they are sent, which is the order in which they come.
pub struct Flights {
    slots: usize,
    queues: Vec<Mutex<VecDeque<Flight>>>,
    /// How many have departed and not arrived.
    under_way: AtomicU64,
    /// Of the one producer that waits until nothing is under way.
    waiting: AtomicWaker,
}

impl Flights {
    pub fn new(producers: usize, slots: usize) -> Self {
        let queues = (0..producers * slots).map(|_| Mutex::default()).collect();
        Self { slots, queues, under_way: AtomicU64::new(0), waiting: AtomicWaker::new() }
    }

    /// Nothing is noted of what nobody waits for.
    pub fn depart(&self, producer: u16, slot: usize, flight: Flight) {
        if let Some(queue) = self.queue(producer, slot) {
            queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(flight);
            self.under_way.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn arrive(&self, producer: u16, slot: usize) -> Option<Flight> {
        let flight = self.queue(producer, slot)?.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if flight.is_some() && self.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.waiting.wake();
        }
        flight
    }

    /// Waits until nothing is under way, or the run has ended. One producer may wait, on the shard of the consumers.
    pub async fn until_landed(&self, run: &Run) {
        poll_fn(|cx| {
            self.waiting.register(cx.waker());
            let is_over = self.under_way.load(Ordering::Relaxed) == 0 || run.has_ended();
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whoever waits looks again whether the run has ended.
    pub fn wake(&self) {
        self.waiting.wake();
    }

    fn queue(&self, producer: u16, slot: usize) -> Option<&Mutex<VecDeque<Flight>>> {
        self.queues.get(usize::from(producer) * self.slots + slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_departs_first_arrives_first_at_its_own_place() {
        let flights = Flights::new(2, 3);
        let flight = |due_ns| Flight { due_ns, step_ns: 0 };
        for (producer, slot, due_ns) in [(0, 2, 1), (1, 2, 2), (0, 2, 3), (1, 0, 4)] {
            flights.depart(producer, slot, flight(due_ns));
        }
        assert_eq!(flights.arrive(0, 2), Some(flight(1)));
        assert_eq!(flights.arrive(0, 2), Some(flight(3)));
        assert_eq!(flights.arrive(0, 2), None);
        assert_eq!((flights.arrive(1, 2), flights.arrive(1, 0)), (Some(flight(2)), Some(flight(4))));
    }

    #[test]
    fn nothing_is_noted_where_nobody_waits() {
        let flights = Flights::new(0, 3);
        flights.depart(0, 1, Flight { due_ns: 1, step_ns: 0 });
        assert_eq!(flights.arrive(0, 1), None);
    }
}

//! A shard's memory, as credit that is taken before memory is.
//!
//! Invariants:
//! - `taken` is the sum of all live [`Credit`]s; `granted` is that of what they were given of free memory, which is all of it but what was
//!   taken for memory that was there already ([`Credit::resize`]); `holders` is how many have such
//! - `granted <= limit`, unless there is one holder alone
//! - waiters are served in the order in which they came

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};

use futures_channel::oneshot;
use futures_util::FutureExt;

#[derive(Clone)]
pub struct Budget(Rc<RefCell<State>>);

struct State {
    limit: u64,
    taken: u64,
    granted: u64,
    holders: u64,
    /// How often bytes that were asked for were not free.
    shortages: u64,
    waiting: VecDeque<(u64, oneshot::Sender<Credit>)>,
}

/// Bytes that may be allocated; given back on drop.
pub struct Credit {
    budget: Budget,
    bytes: u64,
    /// Of `bytes`, what was free when it was taken.
    granted: u64,
}

/// Credit that is held for as long as anybody works with the memory that it is for: who asks, and whom it asked (`Router::ask_holding`).
pub struct SharedCredit(Rc<RefCell<Option<Credit>>>);

impl SharedCredit {
    pub fn new(credit: Credit) -> Self {
        Self(Rc::new(RefCell::new(Some(credit))))
    }

    /// What a question to another shard holds.
    pub fn hold(&self) -> Rc<dyn Any> {
        self.0.clone()
    }

    /// The whole of it, once all who were asked have answered.
    pub fn take(self) -> Credit {
        debug_assert_eq!(Rc::strong_count(&self.0), 1, "somebody who was asked has not answered");
        self.0.take().expect("it is taken by value, and no clone but `hold` is made")
    }
}

impl Budget {
    pub fn new(limit: u64) -> Self {
        let waiting = VecDeque::new();
        Self(Rc::new(RefCell::new(State { limit, taken: 0, granted: 0, holders: 0, shortages: 0, waiting })))
    }

    /// Waits until `bytes` are free, or until nobody else holds any (so that a request larger than the budget still passes, alone).
    pub async fn take(&self, bytes: u64) -> Credit {
        let turn = {
            let mut state = self.0.borrow_mut();
            if state.waiting.is_empty() && state.fits(bytes) {
                return self.grant(&mut state, bytes);
            }
            state.shortages += 1;
            let (sender, turn) = oneshot::channel();
            state.waiting.push_back((bytes, sender));
            Turn { budget: self, credit: Some(turn) }
        };
        turn.await.expect("a waiter's sender is used before it is dropped: the budget outlives its waiters")
    }

    /// As [`Budget::take`], without waiting: `None` if the bytes are not free or somebody waits.
    pub fn try_take(&self, bytes: u64) -> Option<Credit> {
        let mut state = self.0.borrow_mut();
        if !state.waiting.is_empty() || !state.fits(bytes) {
            state.shortages += 1;
            return None;
        }
        Some(self.grant(&mut state, bytes))
    }

    /// Credit for nothing yet; see [`Credit::resize`].
    pub fn none(&self) -> Credit {
        Credit { budget: self.clone(), bytes: 0, granted: 0 }
    }

    pub fn limit(&self) -> u64 {
        self.0.borrow().limit
    }

    pub fn taken(&self) -> u64 {
        self.0.borrow().taken
    }

    /// Whether somebody waits.
    pub fn is_contended(&self) -> bool {
        self.0.borrow().waiting.iter().any(|(_, sender)| !sender.is_canceled())
    }

    /// How often bytes were asked for that were not free.
    pub fn shortages(&self) -> u64 {
        self.0.borrow().shortages
    }

    /// The invariants of this file, as far as one budget shows them.
    pub fn check(&self) {
        let State { limit, taken, granted, holders, .. } = *self.0.borrow();
        assert!(granted <= taken, "{granted} bytes were granted and {taken} are taken");
        assert!(granted <= limit || holders == 1, "{holders} hold {granted} bytes of a budget of {limit}");
    }

    fn grant(&self, state: &mut State, bytes: u64) -> Credit {
        state.taken += bytes;
        state.granted += bytes;
        state.holders += u64::from(bytes > 0);
        Credit { budget: self.clone(), bytes, granted: bytes }
    }

    /// Lets those pass whose turn has come. Whoever waits for less than those before it has to be let pass when they go away, too.
    fn admit(&self) {
        while let Some((credit, sender)) = self.next_admitted() {
            // The waiter is still there: `next_admitted` passed over those that went away.
            drop(sender.send(credit));
        }
    }

    fn next_admitted(&self) -> Option<(Credit, oneshot::Sender<Credit>)> {
        let mut state = self.0.borrow_mut();
        // Giving them credit would bring each back here from its drop: a call deeper for every client that left at once.
        while state.waiting.front().is_some_and(|(_, sender)| sender.is_canceled()) {
            state.waiting.pop_front();
        }
        let (bytes, _) = state.waiting.front()?;
        if !state.fits(*bytes) {
            return None;
        }
        let (bytes, sender) = state.waiting.pop_front()?;
        Some((self.grant(&mut state, bytes), sender))
    }
}

/// A place in the queue. Who leaves it unserved may have kept others from passing.
struct Turn<'a> {
    budget: &'a Budget,
    credit: Option<oneshot::Receiver<Credit>>,
}

impl Future for Turn<'_> {
    type Output = Result<Credit, oneshot::Canceled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let credit = self.credit.as_mut().expect("not polled after its end");
        let polled = credit.poll_unpin(cx);
        if polled.is_ready() {
            self.credit = None;
        }
        polled
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.credit.take().is_some() {
            self.budget.admit();
        }
    }
}

impl State {
    fn fits(&self, bytes: u64) -> bool {
        self.taken == 0 || self.taken + bytes <= self.limit
    }
}

impl Credit {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As [`Budget::try_take`], of as much more as makes it `bytes`: false, and nothing changes, if it is not free or somebody waits.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut state = self.budget.0.borrow_mut();
        let is_alone = state.taken == self.bytes;
        if !state.waiting.is_empty() || !(is_alone || state.taken + more <= state.limit) {
            state.shortages += u64::from(more > 0);
            return more == 0;
        }
        state.taken += more;
        state.granted += more;
        state.holders += u64::from(self.granted == 0 && more > 0);
        self.bytes += more;
        self.granted += more;
        true
    }

    /// Says what is really held. More than was taken is not waited for, since it is there already: others wait for it.
    pub fn resize(&mut self, bytes: u64) {
        self.set(bytes);
        self.budget.admit();
    }

    fn set(&mut self, bytes: u64) {
        let granted = self.granted.min(bytes);
        let mut state = self.budget.0.borrow_mut();
        state.taken = state.taken - self.bytes + bytes;
        state.granted -= self.granted - granted;
        state.holders -= u64::from(self.granted > 0 && granted == 0);
        (self.bytes, self.granted) = (bytes, granted);
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.set(0);
        self.budget.admit();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn waits_in_order_and_lets_one_giant_pass_alone() {
        let budget = Budget::new(100);
        let small = budget.take(60).now_or_never().expect("fits");
        let mut giant = Box::pin(budget.take(1000));
        let mut last = Box::pin(budget.take(1));
        assert!(giant.as_mut().now_or_never().is_none());
        assert!(last.as_mut().now_or_never().is_none(), "nobody overtakes");
        drop(small);
        let giant = giant.now_or_never().expect("alone");
        assert_eq!(budget.taken(), 1000);
        budget.check();
        drop(giant);
        let last = last.now_or_never().expect("after the giant");
        assert_eq!(budget.taken(), last.bytes());
    }

    #[test]
    fn what_is_held_counts_even_beyond_what_was_taken() {
        let budget = Budget::new(100);
        let mut first = budget.take(60).now_or_never().expect("fits");
        first.resize(150);
        assert!(budget.try_take(1).is_none());
        let mut second = Box::pin(budget.take(50));
        assert!(second.as_mut().now_or_never().is_none());
        first.resize(50);
        let second = second.now_or_never().expect("there is room again");
        drop(first);
        assert_eq!(budget.taken(), second.bytes());
        assert!(budget.try_take(51).is_none());
        assert_eq!(budget.try_take(50).expect("fits").bytes(), 50);
        let mut unforeseen = budget.none();
        unforeseen.resize(500);
        assert_eq!(budget.taken(), 550);
        budget.check();
        drop((unforeseen, second));
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn credit_grows_where_there_is_room_and_nobody_waits() {
        let budget = Budget::new(100);
        let mut first = budget.none();
        assert!(first.try_grow(1000), "alone");
        budget.check();
        first.resize(60);
        let mut second = budget.none();
        assert!(!second.try_grow(41) && second.try_grow(40) && second.try_grow(10));
        assert_eq!((second.bytes(), budget.taken()), (40, 100));
        assert!(!first.try_grow(61), "not alone");
        drop(second);
        let mut waiter = Box::pin(budget.take(50));
        assert!(waiter.as_mut().now_or_never().is_none());
        assert!(!first.try_grow(61) && first.try_grow(60), "somebody waits");
        budget.check();
        drop(first);
        assert!(waiter.now_or_never().is_some());
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn any_number_of_waiters_may_go_away_at_once() {
        let budget = Budget::new(1);
        let first = budget.take(1).now_or_never().expect("fits");
        let waiters: Vec<_> = (0..200_000)
            .map(|_| {
                let mut waiter = Box::pin(budget.take(1));
                assert!(waiter.as_mut().now_or_never().is_none());
                waiter
            })
            .collect();
        drop(waiters);
        drop(first);
        assert_eq!(budget.taken(), 0);
        assert!(budget.take(1).now_or_never().is_some());
    }

    #[test]
    fn a_waiter_that_goes_away_gives_its_turn_on() {
        let budget = Budget::new(10);
        let first = budget.take(10).now_or_never().expect("fits");
        let mut second = Box::pin(budget.take(10));
        let mut third = Box::pin(budget.take(5));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        drop(second);
        drop(first);
        assert!(third.now_or_never().is_some());
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn who_goes_away_keeps_nobody_waiting_who_fits() {
        let budget = Budget::new(10);
        let first = budget.take(6).now_or_never().expect("fits");
        let mut second = Box::pin(budget.take(10));
        let mut third = Box::pin(budget.take(4));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(second);
        let third = third.now_or_never().expect("it fits beside the first, and is the first that waits");
        assert_eq!(budget.taken(), 10);
        // Admitted and not yet woken, and gone.
        let mut fourth = Box::pin(budget.take(5));
        let mut fifth = Box::pin(budget.take(5));
        assert!(fourth.as_mut().now_or_never().is_none() && fifth.as_mut().now_or_never().is_none());
        drop(first);
        drop(fourth);
        assert!(fifth.as_mut().now_or_never().is_some());
        drop((third, fifth));
        assert_eq!(budget.taken(), 0);
    }
}

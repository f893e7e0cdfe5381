//! Fetches that wait for records. One keeps what it was decoded into, but not the frame that it came in, whose memory others need: that goes
//! back before it waits. What all of them keep together is bounded. Where it would be more, the largest is answered with what there is, as
//! when its time is up: so a few large ones never send away many small ones.
//!
//! Invariants:
//! - `waiting` are those that wait and were not told to go, by their bytes and in the order in which they came; `held` is the sum of these bytes
//! - `held` is within the budget's limit, unless one waits alone
//! - who waits, or was told to go and is not answered yet, holds credit of `budget` for its bytes

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_channel::oneshot;

use super::{Budget, Credit};

pub struct Purgatory {
    budget: Budget,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    next: u64,
    held: u64,
    /// Told to go by being dropped.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    /// How many were told to go.
    told: u64,
}

/// A fetch that waits, for as long as this lives.
pub struct Stay {
    state: Rc<RefCell<State>>,
    key: (u64, u64),
    told: oneshot::Receiver<()>,
}

impl Purgatory {
    pub fn new(limit: u64) -> Self {
        Self { budget: Budget::new(limit), state: Rc::default() }
    }

    /// A fetch that keeps so many bytes begins to wait. The credit is for these, until it is answered.
    pub fn enter(&self, bytes: u64) -> (Stay, Credit) {
        let mut credit = self.budget.none();
        credit.resize(bytes);
        let (sender, told) = oneshot::channel();
        let mut state = self.state.borrow_mut();
        let key = (bytes, state.next);
        state.next += 1;
        state.held += bytes;
        state.waiting.insert(key, sender);
        // Of equal ones the last goes: it has waited the least.
        while state.held > self.budget.limit() && state.waiting.len() > 1 {
            let Some(((bytes, _), _)) = state.waiting.pop_last() else { break };
            state.held -= bytes;
            state.told += 1;
        }
        (Stay { state: self.state.clone(), key, told }, credit)
    }

    /// Bytes of those that wait, and of those that are about to be answered.
    pub fn taken(&self) -> u64 {
        self.budget.taken()
    }

    /// How many were told to go, because there was no room for all.
    pub fn told(&self) -> u64 {
        self.state.borrow().told
    }

    /// Holds the invariants at the head of this file.
    pub fn check(&self) {
        let state = self.state.borrow();
        assert_eq!(state.held, state.waiting.keys().map(|(bytes, _)| bytes).sum::<u64>());
        let (held, limit, taken) = (state.held, self.budget.limit(), self.budget.taken());
        assert!(held <= limit || state.waiting.len() == 1, "{held} bytes of fetches wait, of {limit}");
        assert!(held <= taken, "fetches that wait keep {held} bytes, and have credit for {taken}");
    }
}

impl Stay {
    /// Returns when this fetch is to wait no longer.
    pub async fn until_told(&mut self) {
        // Told by the sender's drop.
        (&mut self.told).await.ok();
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        if state.waiting.remove(&self.key).is_some() {
            state.held -= self.key.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_told(stay: &mut Stay) -> bool {
        stay.until_told().now_or_never().is_some()
    }

    #[test]
    fn the_largest_goes_when_there_is_no_room_for_all() {
        let purgatory = Purgatory::new(100);
        let mut small: Vec<_> = (0..5).map(|_| purgatory.enter(10)).collect();
        let (mut large, of_large) = purgatory.enter(50);
        assert!(!is_told(&mut large));
        let (mut larger, of_larger) = purgatory.enter(60);
        assert!(is_told(&mut larger) && !is_told(&mut large), "the newcomer is the largest");
        purgatory.check();
        assert_eq!(purgatory.taken(), 160, "it keeps its memory until it is answered");
        drop((larger, of_larger));
        small.push(purgatory.enter(10));
        assert!(is_told(&mut large) && !small.iter_mut().any(|(stay, _)| is_told(stay)));
        purgatory.check();
        drop((large, of_large));
        assert_eq!((purgatory.taken(), purgatory.told()), (60, 2));
        drop(small);
        purgatory.check();
        assert_eq!(purgatory.taken(), 0);
    }

    #[test]
    fn one_that_is_larger_than_the_limit_waits_alone() {
        let purgatory = Purgatory::new(100);
        let (mut giant, of_giant) = purgatory.enter(1000);
        assert!(!is_told(&mut giant));
        purgatory.check();
        let (mut small, _credit) = purgatory.enter(1);
        assert!(is_told(&mut giant) && !is_told(&mut small));
        drop((giant, of_giant));
        let (mut equal, _of_equal) = purgatory.enter(99);
        let (mut last, _of_last) = purgatory.enter(99);
        assert!(is_told(&mut last) && !is_told(&mut equal), "of equal ones the last");
        purgatory.check();
    }
}

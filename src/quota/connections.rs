//! How many connections a node has, and who may come in. Sources: KIP-402, KIP-612, and what Kafka's `ConnectionQuotas` does:
//!
//! - beyond the limits of the node or of a listener a connection waits until another ends, and so do those behind it
//! - beyond the limit of its address it is closed
//! - connections of the protected listener (that of brokers among themselves, where there is another) do not wait for the node's limit: the
//!   idlest connection of another listener ends in their stead
//! - connections that come faster than the allowed rate wait
//!
//! - beyond what the process has descriptors for (`max`) every connection waits, whichever listener it came to; where there is a protected
//!   one, the last of these places are its own
//!
//! All shards of a node share one [`ConnectionQuotas`], behind a lock: the limits are the node's, a connection that one shard accepts may end on another,
//! and both are rare beside what is done over it.
//!
//! Invariants:
//! - `total <= max`, and it is the number of live [`ConnectionSlot`]s, and the sum of `by_listener`, and the sum of `by_address`
//! - `by_address` has no zeros
//! - `claimed` is the number of live [`EvictionClaim`]s, and no more than `total`

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A rate is measured over so many samples of a second each, of which the last is incomplete (`quota.window.num`,
/// `quota.window.size.seconds`). So a burst of ten seconds' worth passes; it counts until its sample is over eleven seconds later.
const SAMPLES: u64 = 11;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Nobody waits longer for the sake of a rate, however far it is exceeded.
const MAX_WAIT_NS: u64 = NS_PER_SECOND;

/// Of the places that there are descriptors for, one in so many is only for the protected listener.
const PROTECTED_ONE_IN: u32 = 16;

/// What is allowed, of the node or of one listener. `u32::MAX` and Kafka's `i32::MAX` are beyond all that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionBounds {
    pub connections: u32,
    /// New ones in a second, on average.
    pub per_second: u32,
}

impl ConnectionBounds {
    pub const UNLIMITED: Self = Self { connections: u32::MAX, per_second: u32::MAX };

    const fn limits_rate(self) -> bool {
        self.per_second < i32::MAX as u32
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub node: ConnectionBounds,
    /// By the place of the listener in the settings; others are unlimited.
    pub listeners: Vec<ConnectionBounds>,
    pub per_address: u32,
    /// Addresses with limits of their own, as the machine writes addresses.
    pub of_addresses: BTreeMap<String, u32>,
    /// The listener of brokers among themselves, if there is another.
    pub protected: Option<usize>,
}

/// The door that all connections of a node come through. Clones are the same door.
#[derive(Clone, Debug)]
pub struct ConnectionQuotas(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: ConnectionLimits,
    max: u32,
    total: u32,
    claimed: u32,
    by_listener: Vec<u32>,
    by_address: BTreeMap<String, u32>,
    node_pace: Pace,
    listener_paces: Vec<Pace>,
    /// Whoever waits for a place.
    waiting: Vec<Waker>,
}

/// How many came lately. Times are nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Default)]
struct Pace {
    /// When each sample began, and how many came in it. The next begins with the first that comes after its second is over.
    samples: VecDeque<(u64, u64)>,
    /// Until when the last that had to wait waits: those behind it come one after another, as through one door.
    occupied_until_ns: u64,
}

/// What became of somebody who asked to come in.
#[derive(Debug)]
pub enum Admission {
    Admitted(ConnectionSlot),
    /// There are so many of this address already.
    Refused {
        max: u32,
    },
    /// Somebody must leave first; the waker is told.
    Full,
}

/// Counts as one connection until it is dropped, on whichever shard.
#[derive(Debug)]
pub struct ConnectionSlot {
    quotas: ConnectionQuotas,
    listener: usize,
    address: String,
    /// The connection will end so that another may stay.
    claim: Option<EvictionClaim>,
}

/// One connection too many, for whoever finds one that can be spared.
#[derive(Debug)]
pub struct EvictionClaim(Option<ConnectionQuotas>);

impl ConnectionQuotas {
    /// No more than `max` ever enter.
    pub fn new(max: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            limits: ConnectionLimits {
                node: ConnectionBounds::UNLIMITED,
                listeners: Vec::new(),
                per_address: u32::MAX,
                of_addresses: BTreeMap::new(),
                protected: None,
            },
            max,
            total: 0,
            claimed: 0,
            by_listener: Vec::new(),
            by_address: BTreeMap::new(),
            node_pace: Pace::default(),
            listener_paces: Vec::new(),
            waiting: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic stops the process, so a poisoned lock is only seen by other threads of a failing test.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_limits(&self, limits: ConnectionLimits) {
        let woken = {
            let mut state = self.state();
            state.limits = limits;
            std::mem::take(&mut state.waiting)
        };
        wake(woken);
    }

    /// Counts a connection that has just come to a listener; how many nanoseconds it must wait for the sake of the rates.
    pub fn arrive(&self, now_ns: u64, listener: usize) -> u64 {
        let mut state = self.state();
        state.make_room_for(listener);
        let (of_listener, of_node) = (state.limits.listener(listener), state.limits.node);
        let mut wait_ns = 0;
        if of_listener.limits_rate() {
            wait_ns = state.listener_paces[listener].arrive(now_ns, of_listener.per_second);
        }
        // As in Kafka, the rate of the node is not the protected listener's.
        if of_node.limits_rate() && !state.is_protected(listener) {
            wait_ns = wait_ns.max(state.node_pace.arrive(now_ns, of_node.per_second));
        }
        wait_ns
    }

    /// Asks for a place. `address` is the peer's, without its port.
    pub fn enter(&self, listener: usize, address: &str, waker: &Waker) -> Admission {
        let mut state = self.state();
        state.make_room_for(listener);
        let max = if state.is_protected(listener) { state.max } else { state.max_unprotected() };
        if state.total >= max || state.by_listener[listener] >= state.limits.listener(listener).connections {
            state.waiting.push(waker.clone());
            return Admission::Full;
        }
        let of_address = state.by_address.get(address).copied().unwrap_or(0);
        let max = state.limits.of_addresses.get(address).copied().unwrap_or(state.limits.per_address);
        if of_address >= max {
            return Admission::Refused { max };
        }
        state.total += 1;
        state.by_listener[listener] += 1;
        *state.by_address.entry(address.to_owned()).or_default() += 1;
        Admission::Admitted(ConnectionSlot {
            quotas: self.clone(),
            listener,
            address: address.to_owned(),
            claim: None,
        })
    }

    /// A connection of an unprotected listener that must end, beside those that were claimed before: there are more than there may be.
    pub fn claim(&self) -> Option<EvictionClaim> {
        let mut state = self.state();
        if state.total - state.claimed <= state.max_unprotected() {
            return None;
        }
        state.claimed += 1;
        Some(EvictionClaim(Some(self.clone())))
    }

    pub fn protected(&self) -> Option<usize> {
        self.state().limits.protected
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        let state = self.state();
        assert!(state.total <= state.max);
        assert_eq!(state.total, state.by_listener.iter().sum::<u32>());
        assert_eq!(state.total, state.by_address.values().sum::<u32>());
        assert!(state.by_address.values().all(|count| *count > 0) && state.claimed <= state.total);
    }
}

impl ConnectionLimits {
    fn listener(&self, listener: usize) -> ConnectionBounds {
        self.listeners.get(listener).copied().unwrap_or(ConnectionBounds::UNLIMITED)
    }
}

impl State {
    fn make_room_for(&mut self, listener: usize) {
        if self.by_listener.len() <= listener {
            self.by_listener.resize(listener + 1, 0);
            self.listener_paces.resize_with(listener + 1, Pace::default);
        }
    }

    /// How many there may be before connections of unprotected listeners wait.
    fn max_unprotected(&self) -> u32 {
        let kept = if self.limits.protected.is_some() { self.max / PROTECTED_ONE_IN } else { 0 };
        self.limits.node.connections.min(self.max - kept)
    }

    fn is_protected(&self, listener: usize) -> bool {
        self.limits.protected == Some(listener)
    }
}

impl Pace {
    /// Counts one more, and returns how long it waits.
    fn arrive(&mut self, now_ns: u64, per_second: u32) -> u64 {
        let at_ns = now_ns.max(self.occupied_until_ns);
        let is_over = |(began_ns, _): &(u64, u64)| at_ns >= began_ns + SAMPLES * NS_PER_SECOND;
        while self.samples.front().is_some_and(is_over) {
            self.samples.pop_front();
        }
        match self.samples.back_mut() {
            Some((began_ns, count)) if at_ns < *began_ns + NS_PER_SECOND => *count += 1,
            _ => self.samples.push_back((at_ns, 1)),
        }
        let wait_ns = self.excess_ns(at_ns, per_second).min(MAX_WAIT_NS);
        if wait_ns > 0 {
            self.occupied_until_ns = at_ns + wait_ns;
        }
        at_ns + wait_ns - now_ns
    }

    /// How much longer it would have taken at the allowed rate until so many had come.
    fn excess_ns(&self, at_ns: u64, per_second: u32) -> u64 {
        let count: u64 = self.samples.iter().map(|(_, count)| count).sum();
        let oldest_ns = self.samples.front().map_or(at_ns, |(began_ns, _)| *began_ns);
        // Seconds before the oldest sample count as long as there are no ten whole ones since.
        let missing = (SAMPLES - 1).saturating_sub((at_ns - oldest_ns) / NS_PER_SECOND);
        let measured_ns = at_ns - oldest_ns + missing * NS_PER_SECOND;
        let allowed_ns = (count * NS_PER_SECOND).checked_div(u64::from(per_second)).unwrap_or(u64::MAX);
        allowed_ns.saturating_sub(measured_ns)
    }
}

impl ConnectionSlot {
    pub fn listener(&self) -> usize {
        self.listener
    }

    /// The connection will end so that another may stay.
    pub fn give_up(&mut self, claim: EvictionClaim) {
        self.claim = Some(claim);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let claim = self.claim.take();
        let woken = {
            let mut state = self.quotas.state();
            state.total -= 1;
            // With the place itself, or for a moment the others would look like fewer than they are.
            state.claimed -= u32::from(claim.is_some());
            state.by_listener[self.listener] -= 1;
            if let Some(count) = state.by_address.get_mut(&self.address) {
                *count -= 1;
                if *count == 0 {
                    state.by_address.remove(&self.address);
                }
            }
            std::mem::take(&mut state.waiting)
        };
        if let Some(mut claim) = claim {
            claim.0 = None;
        }
        wake(woken);
    }
}

impl Drop for EvictionClaim {
    fn drop(&mut self) {
        if let Some(quotas) = &self.0 {
            quotas.state().claimed -= 1;
        }
    }
}

/// Outside of the lock: a waker may run anything.
fn wake(waiting: Vec<Waker>) {
    for waker in waiting {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: u32, per_address: u32) -> ConnectionLimits {
        ConnectionLimits {
            node: ConnectionBounds { connections, per_second: u32::MAX },
            listeners: Vec::new(),
            per_address,
            of_addresses: BTreeMap::from([("b".to_owned(), 1)]),
            protected: Some(1),
        }
    }

    fn admitted(quotas: &ConnectionQuotas, listener: usize, address: &str) -> ConnectionSlot {
        match quotas.enter(listener, address, Waker::noop()) {
            Admission::Admitted(place) => place,
            other => panic!("{address}: {other:?}"),
        }
    }

    fn is_full(quotas: &ConnectionQuotas, listener: usize) -> bool {
        matches!(quotas.enter(listener, "z", Waker::noop()), Admission::Full)
    }

    #[test]
    fn an_address_has_its_limit_and_gets_it_back() {
        let quotas = ConnectionQuotas::new(u32::MAX);
        quotas.set_limits(limits(100, 2));
        let first = admitted(&quotas, 0, "a");
        let _second = admitted(&quotas, 1, "a");
        assert!(matches!(quotas.enter(0, "a", Waker::noop()), Admission::Refused { max: 2 }));
        let _other = admitted(&quotas, 0, "b");
        assert!(matches!(quotas.enter(0, "b", Waker::noop()), Admission::Refused { max: 1 }));
        quotas.check();
        drop(first);
        let again = admitted(&quotas, 0, "a");
        assert_eq!(again.listener(), 0);
        quotas.check();
    }

    #[test]
    fn a_full_node_waits_and_the_protected_listener_does_not() {
        let quotas = ConnectionQuotas::new(u32::MAX);
        quotas.set_limits(limits(2, 100));
        let mut first = admitted(&quotas, 0, "a");
        let _second = admitted(&quotas, 0, "a");
        assert!(is_full(&quotas, 0) && quotas.claim().is_none());
        let _inner = admitted(&quotas, 1, "c");
        let claim = quotas.claim().expect("there is one too many");
        assert!(quotas.claim().is_none(), "one is enough");
        quotas.check();
        drop(claim);
        first.give_up(quotas.claim().expect("nobody has ended yet"));
        assert!(quotas.claim().is_none());
        quotas.check();
        drop(first);
        assert!(is_full(&quotas, 0) && quotas.claim().is_none());
        quotas.set_limits(limits(3, 100));
        assert!(!is_full(&quotas, 0));
        quotas.check();
    }

    #[test]
    fn nobody_enters_without_a_descriptor() {
        let quotas = ConnectionQuotas::new(32);
        quotas.set_limits(limits(i32::MAX as u32, 1_000));
        let clients: Vec<ConnectionSlot> = (0..30).map(|_| admitted(&quotas, 0, "a")).collect();
        assert!(
            is_full(&quotas, 0) && quotas.claim().is_none(),
            "the last two are for the protected listener"
        );
        let _brokers = [admitted(&quotas, 1, "c"), admitted(&quotas, 1, "c")];
        assert!(is_full(&quotas, 1), "it waits too, until clients have left");
        let claims = [quotas.claim().expect("one too many"), quotas.claim().expect("two too many")];
        assert!(quotas.claim().is_none());
        quotas.check();
        drop((claims, clients));
        assert!(!is_full(&quotas, 0) && !is_full(&quotas, 1));
        quotas.check();
    }

    #[test]
    fn a_listener_has_a_limit_of_its_own_even_if_it_is_protected() {
        let quotas = ConnectionQuotas::new(u32::MAX);
        let listeners = vec![
            ConnectionBounds::UNLIMITED,
            ConnectionBounds { connections: 1, ..ConnectionBounds::UNLIMITED },
        ];
        quotas.set_limits(ConnectionLimits { listeners, ..limits(100, 100) });
        let _one = admitted(&quotas, 1, "a");
        assert!(is_full(&quotas, 1) && !is_full(&quotas, 0));
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let quotas = ConnectionQuotas::new(u32::MAX);
        let node = ConnectionBounds { connections: 1_000, per_second: 5 };
        quotas.set_limits(ConnectionLimits { node, ..limits(0, 0) });
        let mut now_ns = 77;
        for _ in 0..50 {
            assert_eq!(quotas.arrive(now_ns, 0), 0);
        }
        assert_eq!(quotas.arrive(now_ns, 1), 0, "the protected listener");
        let came_ms =
            |now_ns: u64, quotas: &ConnectionQuotas| (now_ns + quotas.arrive(now_ns, 0) - 77) / 1_000_000;
        // As with Kafka 4.3.1: at the rate while the burst's second lasts, and then one a second until it is forgotten.
        let seen: Vec<u64> = (0..11).map(|_| came_ms(now_ns, &quotas)).collect();
        assert_eq!(seen, [200, 400, 600, 800, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000]);
        now_ns += 11 * NS_PER_SECOND;
        assert_eq!((0..44).map(|_| came_ms(now_ns, &quotas)).max(), Some(11_000), "what waited counts still");
        assert!(came_ms(now_ns, &quotas) > 11_000);
        now_ns += 30 * NS_PER_SECOND;
        assert_eq!((0..50).map(|_| came_ms(now_ns, &quotas)).max(), Some(41_000), "all is forgotten");
    }

    #[test]
    fn a_rate_of_nothing_lets_one_in_a_second() {
        let quotas = ConnectionQuotas::new(u32::MAX);
        quotas.set_limits(ConnectionLimits {
            node: ConnectionBounds { connections: 1_000, per_second: 0 },
            ..limits(0, 0)
        });
        let waits: Vec<u64> = (0..3).map(|_| quotas.arrive(0, 0) / NS_PER_SECOND).collect();
        assert_eq!(waits, [1, 2, 3]);
    }
}

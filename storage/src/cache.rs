//! The tail cache: settled write buffers stay readable until the cache is full; the oldest go first.
//!
//! Invariants: `bytes` is the sum over `order`, and at most `limit`; `limit` is at most `config.cache_bytes`. What `order` has of a log in its
//! present generation is what is settled in the log's `cache`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::config::{CACHE_AT_FIRST, CACHE_GROWS_EVERY_NS, CACHE_STEP};
use crate::log::Log;
use crate::volume::Volume;

pub(crate) struct TailCache {
    bytes: Cell<usize>,
    /// What the cache may hold now: less than it may come to while no reader needs more.
    limit: Cell<usize>,
    grown_ns: Cell<u64>,
    order: RefCell<VecDeque<CachedChunks>>,
}

/// The oldest settled chunks of a log, of which `bytes` can be freed.
struct CachedChunks {
    log: Rc<Log>,
    generation: u32,
    bytes: usize,
}

impl TailCache {
    /// A cache that may come to `cache_bytes`.
    pub fn new(cache_bytes: usize) -> Self {
        Self {
            bytes: Cell::new(0),
            limit: Cell::new(cache_bytes.min(CACHE_AT_FIRST)),
            grown_ns: Cell::new(0),
            order: RefCell::default(),
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Keeps the next `bytes` of a log that are settled, and gives up the oldest of all logs.
    pub fn add(&self, log: &Rc<Log>, generation: u32, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
        self.order.borrow_mut().push_back(CachedChunks { log: Rc::clone(log), generation, bytes });
        while self.bytes.get() > self.limit.get() {
            let Some(oldest) = self.order.borrow_mut().pop_front() else { break };
            self.bytes.set(self.bytes.get().saturating_sub(oldest.bytes));
            oldest.log.uncache(oldest.generation, oldest.bytes);
        }
    }

    /// The invariants of this file, as far as a log is concerned.
    pub fn check(&self, log: &Rc<Log>) {
        let state = log.state.borrow();
        let settled = state.cache.iter().filter(|chunk| chunk.next_offset <= state.ends.settled);
        let settled: usize = settled.map(|chunk| chunk.capacity).sum();
        let order = self.order.borrow();
        assert_eq!(order.iter().map(|at| at.bytes).sum::<usize>(), self.bytes.get(), "the tail cache");
        assert!(self.bytes.get() <= self.limit.get(), "the tail cache");
        let counted = order.iter().filter(|at| Rc::ptr_eq(&at.log, log) && at.generation == state.generation);
        assert_eq!(counted.map(|at| at.bytes).sum::<usize>(), settled, "{}: the tail cache", log.key());
    }
}

impl Volume {
    /// A reader had to go to disk, `behind` bytes before its segment's end. If the cache may become large enough to have had them, it becomes
    /// larger, slowly: memory that is touched for the first time is dear, and a reader that only comes by from the log's start gains nothing.
    pub(crate) fn note_cold_read(&self, behind: u64) {
        let cache = &self.tail_cache;
        let now_ns = self.host.monotonic_ns();
        let is_too_soon = now_ns.saturating_sub(cache.grown_ns.get()) < CACHE_GROWS_EVERY_NS;
        if is_too_soon || behind > self.config.cache_bytes as u64 {
            return;
        }
        cache.limit.set(cache.limit.get().saturating_add(CACHE_STEP).min(self.config.cache_bytes));
        cache.grown_ns.set(now_ns);
    }
}

impl Log {
    /// Gives up the oldest `bytes` of the tail cache.
    fn uncache(&self, generation: u32, bytes: usize) {
        let mut state = self.state.borrow_mut();
        if state.generation != generation {
            return;
        }
        let mut left = bytes;
        while left > 0
            && let Some(chunk) = state.cache.front()
        {
            left = left.saturating_sub(chunk.capacity);
            state.cache.pop_front();
        }
        if state.cache.is_empty() && state.open.is_none() {
            // It would keep the whole buffer; whoever appends next reads the block again.
            state.partial = None;
        }
    }
}

//! What a volume holds in memory for its logs, beside what it is charged for it: for checkers.
//!
//! Invariants:
//! - `unsettled` is the capacity of the buffers whose bytes are not settled, exactly; it exceeds `write_buffer_bytes` only by what the last
//!   of them has beyond the append that it was made for (less than two blocks), or if there is only one
//! - `cached` is at least the capacity of the settled buffers that are kept, and at most `cache_bytes`
//! - `ahead` is at most what may be read ahead

use std::cell::Cell;
use std::rc::Rc;

use crate::config::{AHEAD_BYTES, PIECE, planted};
use crate::disk::BLOCK;
use crate::log::Log;
use crate::volume::Volume;

/// Memory of write buffers whose bytes are not settled.
#[derive(Default)]
pub(crate) struct WriteMemory {
    bytes: Cell<usize>,
    /// How often an append had to wait for some.
    waits: Cell<u64>,
}

impl WriteMemory {
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

/// Bytes that a volume is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// Of write buffers.
    pub unsettled: usize,
    /// Of write buffers that are kept for readers.
    pub cached: usize,
    /// Of what was, or is being, read ahead of readers on disk.
    pub ahead: usize,
}

/// Buffers of logs.
#[derive(Debug, Default)]
struct HeldBuffers {
    unsettled: usize,
    unsettled_buffers: usize,
    settled: usize,
}

impl Volume {
    pub(crate) fn is_out_of_memory(&self, bytes: usize) -> bool {
        let used = self.write_memory.bytes();
        used > 0 && used + bytes > self.config.write_buffer_bytes
    }

    pub(crate) fn add_memory(&self, bytes: usize) {
        if !planted(self.config.mutations.forget_memory) {
            self.write_memory.bytes.set(self.write_memory.bytes() + bytes);
        }
    }

    /// Of the memory for bytes that are not settled, what is free.
    pub(crate) fn free_memory(&self) -> usize {
        self.config.write_buffer_bytes.saturating_sub(self.write_memory.bytes())
    }

    /// Buffers are settled: they are the tail cache's now.
    pub(crate) fn move_memory_to_cache(&self, log: &Rc<Log>, generation: u32, bytes: usize) {
        if !planted(self.config.mutations.keep_memory) {
            self.write_memory.bytes.set(self.write_memory.bytes().saturating_sub(bytes));
        }
        self.tail_cache.add(log, generation, bytes);
    }

    /// How often an append had to wait for memory.
    pub fn memory_waited_for(&self) -> u64 {
        self.write_memory.waits.get()
    }

    pub(crate) fn note_memory_waited_for(&self) {
        self.write_memory.waits.set(self.write_memory.waits.get() + 1);
    }

    pub fn charged(&self) -> Charged {
        Charged {
            unsettled: self.write_memory.bytes(),
            cached: self.tail_cache.bytes(),
            ahead: self.read_ahead.bytes(),
        }
    }

    /// What no budget covers: the zeros of preparation, and of each log the block that it ends in.
    pub fn fixed_bytes(&self) -> usize {
        PIECE as usize + self.logs.by_number.borrow().len() * BLOCK
    }

    /// What the volume may read ahead for all readers together.
    pub(crate) fn max_ahead(&self) -> usize {
        AHEAD_BYTES.min(self.config.cache_bytes / 8)
    }

    /// The invariants of this file.
    pub fn check_memory(&self) {
        if planted(self.config.mutations.acknowledge_before_writes) {
            // A planted fault, which calls bytes settled whose buffers the disk still needs.
            return;
        }
        let held = self.held();
        let charged = self.charged();
        assert_eq!(
            held.unsettled, charged.unsettled,
            "write buffers hold {} bytes, and {} are charged",
            held.unsettled, charged.unsettled
        );
        let max = self.config.write_buffer_bytes + 2 * BLOCK;
        assert!(
            held.unsettled <= max || held.unsettled_buffers == 1,
            "{} write buffers hold {} bytes of a budget of {}",
            held.unsettled_buffers,
            held.unsettled,
            self.config.write_buffer_bytes
        );
        assert!(
            held.settled <= charged.cached && charged.cached <= self.config.cache_bytes,
            "{} settled bytes are kept, {} are charged, and {} may be",
            held.settled,
            charged.cached,
            self.config.cache_bytes
        );
        assert!(charged.ahead <= self.max_ahead(), "{} bytes are read ahead", charged.ahead);
    }

    fn held(&self) -> HeldBuffers {
        let mut held = HeldBuffers::default();
        for log in self.logs.by_number.borrow().values() {
            let state = log.state.borrow();
            for chunk in &state.cache {
                if chunk.next_offset > state.ends.settled {
                    held.unsettled += chunk.capacity;
                    held.unsettled_buffers += 1;
                } else {
                    held.settled += chunk.capacity;
                }
            }
            if let Some(open) = &state.open {
                held.unsettled += open.capacity();
                held.unsettled_buffers += 1;
            }
        }
        held
    }
}

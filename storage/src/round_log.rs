//! Where the next record of this shard's round log goes.
//!
//! The files are used in a ring. A record that does not fit behind the one before goes to the beginning of the next file; a reader
//! looks in the same two places. Records of an earlier lap have lower rounds, so they are never taken for the next one.
//!
//! Invariants: `position <= files[current].prepared`; a file is begun again only when a durable checkpoint stands at or behind its
//! `last_round`; `durable_through < next_round`.

use std::rc::Rc;

use crate::disk::File;
use crate::ledger::Head;

pub struct RoundLog {
    pub id: u32,
    pub files: Vec<RoundFile>,
    current: usize,
    position: u64,
    pub chain: u32,
    pub next_round: u64,
    /// The highest round whose flush is done.
    pub durable_through: u64,
    /// The `durable_through` of the last record that was built.
    pub stated_through: u64,
    /// The highest `durable_through` of a record that is itself durable: entries up to it are covered.
    pub covered: u64,
    /// Where the last durable checkpoint stands.
    pub checkpoint_round: u64,
    /// Bytes of records since then.
    pub since_checkpoint: u64,
    /// Bytes of records since the last round that was flushed.
    pub since_flush: u64,
}

pub struct RoundFile {
    pub file: Rc<dyn File>,
    pub prepared: u64,
    /// The highest round that a record in this file has; 0 for none.
    pub last_round: u64,
}

/// A place for one record.
pub struct Place {
    pub file: Rc<dyn File>,
    pub position: u64,
    pub round: u64,
    pub index: usize,
}

impl RoundLog {
    pub fn new(id: u32, files: Vec<RoundFile>) -> Self {
        assert!(files.len() > 1, "a ring of {} files", files.len());
        Self {
            id,
            files,
            current: 0,
            position: 0,
            chain: 0,
            next_round: 1,
            durable_through: 0,
            stated_through: 0,
            covered: 0,
            checkpoint_round: 0,
            since_checkpoint: 0,
            since_flush: 0,
        }
    }

    /// Whether a record of `length` bytes has a place now. If not, a checkpoint must come first.
    pub fn has_room(&self, length: u64, reuse_before_checkpoint: bool) -> bool {
        let next = &self.files[self.next_file()];
        self.position + length <= self.files[self.current].prepared
            || next.last_round <= self.checkpoint_round
            || reuse_before_checkpoint
    }

    /// Takes the place for the next record, of `length` bytes. [`Self::has_room`] must have said so.
    pub fn place(&mut self, length: u64) -> Place {
        if self.position + length > self.files[self.current].prepared {
            self.current = self.next_file();
            self.position = 0;
        }
        let file = &mut self.files[self.current];
        assert!(self.position + length <= file.prepared, "a record of {length} bytes");
        let place = Place {
            file: Rc::clone(&file.file),
            position: self.position,
            round: self.next_round,
            index: self.current,
        };
        file.last_round = self.next_round;
        self.position += length;
        self.next_round += 1;
        self.since_checkpoint += length;
        self.since_flush += length;
        place
    }

    /// Where the log stands behind the record that was placed last.
    pub fn head(&self) -> Head {
        Head {
            round: self.next_round - 1,
            chain: self.chain,
            file: self.current as u32,
            position: self.position,
        }
    }

    /// Half of the ring is used: a checkpoint now is in time for the other half.
    pub fn wants_checkpoint(&self) -> bool {
        self.since_checkpoint > self.ring_bytes() / 2
    }

    /// A checkpoint stands at the last flush, so one must come long before the ring is full.
    pub fn wants_flush(&self) -> bool {
        self.since_flush > self.ring_bytes() / 8
    }

    fn ring_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.prepared).sum()
    }

    pub fn next_file(&self) -> usize {
        (self.current + 1) % self.files.len()
    }

    pub fn check(&self) {
        assert!(self.position <= self.files[self.current].prepared);
        assert!(self.durable_through < self.next_round);
        assert!(self.covered <= self.durable_through && self.stated_through <= self.durable_through);
    }
}

//! The log as raft reads it: everything since the base, in memory.
//!
//! Invariants:
//! - `entries[i].index == base.index + 1 + i`
//! - terms never fall from one entry to the next, and none is below `base.term`
//! - `base.index <= hard.commit <= last_index`
//! - what is here is durable: the driver appends here only after the file was synced

use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::format::Base;

#[derive(Debug, Clone, PartialEq)]
pub struct LogView {
    pub(super) base: Base,
    pub(super) hard: HardState,
    entries: Vec<Entry>,
}

/// An entry that does not continue the log, or would replace one that is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} does not follow the entries before it, or replaces a committed one")]
pub struct Gap {
    pub index: u64,
}

impl LogView {
    pub(super) fn new(base: Base, hard: HardState) -> Self {
        Self { base, hard, entries: Vec::new() }
    }

    /// A log in memory only, as a member of a group of `voters` begins with it.
    #[cfg(test)]
    pub(crate) fn fresh(voters: &[u64]) -> Self {
        super::fresh(voters.to_vec())
    }

    pub fn base_index(&self) -> u64 {
        self.base.index
    }

    pub fn hard_state(&self) -> &HardState {
        &self.hard
    }

    pub fn members(&self) -> &ConfState {
        &self.base.members
    }

    /// Whether this member is the only one.
    pub fn is_lone(&self, raft_id: u64) -> bool {
        self.base.members.voters == [raft_id] && self.base.members.learners.is_empty()
    }

    pub fn last(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    /// The term of an entry of the log, or of its base.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        let at = index.checked_sub(self.base.index + 1)?;
        self.entries.get(at as usize).map(|entry| entry.term)
    }

    /// Entries `from..=to`, of which `from` is after the base.
    pub fn range(&self, from: u64, to: u64) -> &[Entry] {
        let first = self.base.index + 1;
        &self.entries[(from - first) as usize..(to + 1 - first) as usize]
    }

    /// Everything after `index`.
    pub(super) fn after(&self, index: u64) -> &[Entry] {
        &self.entries[(index - self.base.index) as usize..]
    }

    /// Takes over a hard state and entries, which replace those of the same index and everything after them.
    pub fn append(&mut self, hard: &HardState, entries: &[Entry]) -> Result<(), Gap> {
        for entry in entries {
            let before = entry.index.checked_sub(1).and_then(|index| self.term_of(index));
            // A committed entry is never replaced.
            let decided = self.base.index.max(self.hard.commit);
            if before.is_none_or(|term| entry.term < term) || entry.index <= decided {
                return Err(Gap { index: entry.index });
            }
            self.entries.truncate((entry.index - self.base.index - 1) as usize);
            self.entries.push(entry.clone());
        }
        self.hard = hard.clone();
        Ok(())
    }

    /// Entries up to `index` are committed. On the disk that may be known only with the next append: an election finds it out again.
    pub(crate) fn commit_to(&mut self, index: u64) {
        self.hard.commit = self.hard.commit.max(index);
    }

    /// Entries that were read share the memory of the whole file, most of which is of no use any more.
    pub(super) fn detach(&mut self) {
        for entry in &mut self.entries {
            entry.data = Bytes::copy_from_slice(&entry.data);
        }
    }

    /// Forgets everything up to `index`, which a snapshot now holds.
    pub(super) fn cut(&mut self, base: Base) {
        self.entries.drain(..(base.index - self.base.index) as usize);
        self.base = base;
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        let indexes = self.base.index + 1..;
        assert!(self.entries.iter().zip(indexes).all(|(entry, index)| entry.index == index), "{self:?}");
        let terms = std::iter::once(self.base.term).chain(self.entries.iter().map(|entry| entry.term));
        assert!(terms.is_sorted(), "{self:?}");
        assert!(self.base.index <= self.hard.commit && self.hard.commit <= self.last(), "{self:?}");
    }
}

impl Storage for LogView {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard.clone(), self.base.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.base.index {
            return Err(StorageError::Compacted.into());
        }
        let limit = max_size.into().unwrap_or(u64::MAX);
        let mut size = 0;
        let within = |entry: &&Entry| {
            let first = size == 0;
            // Roughly what raft itself counts: the data and the fields beside it.
            size += entry.data.len() as u64 + 24;
            first || size <= limit
        };
        if low == high {
            return Ok(Vec::new());
        }
        Ok(self.range(low, high - 1).iter().take_while(within).cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index < self.base.index {
            return Err(StorageError::Compacted.into());
        }
        self.term_of(index).ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// Snapshots do not travel yet: a follower that needs one waits.
    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(StorageError::SnapshotTemporarilyUnavailable.into())
    }
}

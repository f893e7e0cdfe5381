//! Where each leader epoch of a log begins, and Kafka's `leader-epoch-checkpoint` file that keeps it.
//!
//! Invariants: epochs and start offsets rise strictly from entry to entry; neither is negative.
//!
//! Sources: KIP-101, KIP-279; Kafka's `LeaderEpochFileCache`.

use std::fmt::Write as _;

use crate::kafka_files::{TextError, read_checkpoint, write_checkpoint};

/// The first record of leader epoch `epoch` is at `start_offset`, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    pub epoch: i32,
    pub start_offset: i64,
}

/// An epoch and the offset behind its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    pub epoch: i32,
    pub end_offset: i64,
}

/// The leader epochs of one log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaderEpochs {
    entries: Vec<EpochStart>,
}

impl LeaderEpochs {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    /// The batches from `start_offset` on are of `epoch`. Returns whether anything changed. Entries that contradict the new one are
    /// dropped, as Kafka drops them: the log is what counts.
    ///
    /// A batch without an epoch (-1) changes nothing.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        if epoch < 0 || start_offset < 0 {
            return false;
        }
        if self.entries.last().is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset) {
            return false;
        }
        let contradicts = |entry: &EpochStart| entry.epoch >= epoch || entry.start_offset >= start_offset;
        while self.entries.pop_if(|entry| contradicts(entry)).is_some() {}
        self.entries.push(EpochStart { epoch, start_offset });
        true
    }

    pub fn latest(&self) -> Option<EpochStart> {
        self.entries.last().copied()
    }

    pub fn earliest(&self) -> Option<EpochStart> {
        self.entries.first().copied()
    }

    /// What `OffsetForLeaderEpoch` is answered: the largest epoch not above `epoch` and where it ends. `log_end` is where the latest
    /// epoch ends. None if nothing is known of such an epoch.
    ///
    /// Of an epoch below all known ones the end is where the first known one begins.
    pub fn end_of(&self, epoch: i32, log_end: i64) -> Option<EpochEnd> {
        if epoch < 0 {
            return None;
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let at_or_below = above.checked_sub(1).map(|at| self.entries[at].epoch);
        match (at_or_below, self.entries.get(above)) {
            (Some(found), None) => (found == epoch).then_some(EpochEnd { epoch, end_offset: log_end }),
            (found, Some(next)) => {
                Some(EpochEnd { epoch: found.unwrap_or(epoch), end_offset: next.start_offset })
            }
            (None, None) => None,
        }
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        let above = self.entries.partition_point(|entry| entry.start_offset <= offset);
        above.checked_sub(1).map(|at| self.entries[at].epoch)
    }

    /// The latest known epoch below `epoch`.
    pub fn previous(&self, epoch: i32) -> Option<EpochStart> {
        let at = self.entries.partition_point(|entry| entry.epoch < epoch);
        at.checked_sub(1).map(|at| self.entries[at])
    }

    /// The log now ends before `end_offset`. Returns whether anything changed.
    pub fn truncate_end(&mut self, end_offset: i64) -> bool {
        let before = self.entries.len();
        while self.entries.pop_if(|entry| entry.start_offset >= end_offset).is_some() {}
        self.entries.len() < before
    }

    /// The log now begins at `start_offset`: the epoch that it is in begins there. Returns whether anything changed.
    pub fn truncate_start(&mut self, start_offset: i64) -> bool {
        let above = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        let Some(first) = above.checked_sub(1) else {
            return false;
        };
        self.entries.drain(..first);
        let changed = first > 0 || self.entries[0].start_offset != start_offset;
        self.entries[0].start_offset = start_offset;
        changed
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The text of `leader-epoch-checkpoint`.
    pub fn write(&self) -> String {
        write_checkpoint(self.entries.len(), &self.entries, |line, entry| {
            write!(line, "{} {}", entry.epoch, entry.start_offset)
        })
    }

    /// Reads `leader-epoch-checkpoint`. Entries out of order are an error: the file is rebuilt from the log then.
    pub fn read(bytes: &[u8]) -> Result<Self, TextError> {
        let mut epochs = Self::new();
        read_checkpoint(bytes, "a larger epoch and its larger start offset", |line| {
            let mut words = line.split_ascii_whitespace();
            let (epoch, start_offset) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let follows = |last: &EpochStart| last.epoch < epoch && last.start_offset < start_offset;
            let rises = epochs.entries.last().is_none_or(follows) && epoch >= 0 && start_offset >= 0;
            epochs.entries.push(EpochStart { epoch, start_offset });
            (rises && words.next().is_none()).then_some(())
        })?;
        Ok(epochs)
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        assert!(self.entries.iter().all(|entry| entry.epoch >= 0 && entry.start_offset >= 0));
        let rises = |a: &EpochStart, b: &EpochStart| a.epoch < b.epoch && a.start_offset < b.start_offset;
        assert!(self.entries.is_sorted_by(rises), "leader epochs out of order: {:?}", self.entries);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::new();
        for (epoch, start_offset) in entries {
            assert!(epochs.assign(*epoch, *start_offset));
        }
        epochs
    }

    fn pairs(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|entry| (entry.epoch, entry.start_offset)).collect()
    }

    #[test]
    fn ends_of_epochs() {
        let epochs = epochs(&[(2, 5), (4, 10), (5, 20)]);
        let end = |epoch| epochs.end_of(epoch, 33).map(|end| (end.epoch, end.end_offset));
        assert_eq!(end(-1), None);
        assert_eq!(end(0), Some((0, 5)));
        assert_eq!(end(2), Some((2, 10)));
        assert_eq!(end(3), Some((2, 10)));
        assert_eq!(end(4), Some((4, 20)));
        assert_eq!(end(5), Some((5, 33)));
        assert_eq!(end(6), None);
        assert_eq!(LeaderEpochs::new().end_of(0, 33), None);
        assert_eq!(
            [4, 5, 9, 10, 99].map(|offset| epochs.epoch_at(offset)),
            [None, Some(2), Some(2), Some(4), Some(5)]
        );
        assert_eq!(
            [2, 3, 5, 9].map(|epoch| epochs.previous(epoch).map(|e| e.epoch)),
            [None, Some(2), Some(4), Some(5)]
        );
    }

    #[test]
    fn contradicted_entries_go() {
        let mut epochs = epochs(&[(1, 0), (2, 5), (4, 10)]);
        assert!(!epochs.assign(4, 10));
        assert!(!epochs.assign(4, 15));
        assert!(!epochs.assign(-1, 15));
        assert!(epochs.assign(4, 7));
        assert_eq!(pairs(&epochs), [(1, 0), (2, 5), (4, 7)]);
        assert!(epochs.assign(3, 20));
        assert_eq!(pairs(&epochs), [(1, 0), (2, 5), (3, 20)]);
        assert!(epochs.assign(9, 5));
        assert_eq!(pairs(&epochs), [(1, 0), (9, 5)]);
    }

    #[test]
    fn truncation() {
        let all = epochs(&[(2, 6), (3, 8), (4, 11)]);
        let from_end = |offset| {
            let mut epochs = all.clone();
            let changed = epochs.truncate_end(offset);
            assert_eq!(changed, epochs != all);
            pairs(&epochs)
        };
        assert_eq!(from_end(8), [(2, 6)]);
        assert_eq!(from_end(9), [(2, 6), (3, 8)]);
        assert_eq!(from_end(12), pairs(&all));
        let from_start = |offset| {
            let mut epochs = all.clone();
            let changed = epochs.truncate_start(offset);
            assert_eq!(changed, epochs != all);
            pairs(&epochs)
        };
        assert_eq!(from_start(5), pairs(&all));
        assert_eq!(from_start(6), pairs(&all));
        assert_eq!(from_start(7), [(2, 7), (3, 8), (4, 11)]);
        assert_eq!(from_start(8), [(3, 8), (4, 11)]);
        assert_eq!(from_start(99), [(4, 99)]);
    }

    #[test]
    fn the_file_is_kafkas() {
        let epochs = epochs(&[(0, 0), (3, 17)]);
        assert_eq!(epochs.write(), "0\n2\n0 0\n3 17\n");
        assert_eq!(LeaderEpochs::read(epochs.write().as_bytes()), Ok(epochs));
        for wrong in ["", "0\n", "0\n1\n", "0\n2\n3 17\n0 0\n", "0\n1\n-1 0\n", "0\n1\n1 2 3\n", "1\n0\n"] {
            assert!(LeaderEpochs::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_history_keeps_the_invariants(steps in prop::collection::vec((0_u8..4, -1_i32..20, 0_i64..60), 0..50)) {
            let mut epochs = LeaderEpochs::new();
            for (step, epoch, offset) in steps {
                let before = epochs.clone();
                let changed = match step {
                    0 => epochs.truncate_end(offset),
                    1 => epochs.truncate_start(offset),
                    _ => epochs.assign(epoch, offset),
                };
                epochs.check();
                prop_assert_eq!(changed, epochs != before);
                prop_assert_eq!(LeaderEpochs::read(epochs.write().as_bytes()), Ok(epochs.clone()));
                if step > 1 && epoch >= 0 {
                    prop_assert_eq!(epochs.latest().unwrap().epoch, epoch);
                }
                // The end of an epoch is where the next one begins, for any question.
                if let Some(end) = epochs.end_of(epoch, 1000) {
                    prop_assert!(end.epoch <= epoch);
                    prop_assert!(epochs.epoch_at(end.end_offset).is_none_or(|next| next > epoch || end.end_offset == 1000));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "[0-9 \n-]{0,40}") {
            let _ = LeaderEpochs::read(&bytes);
            if let Ok(epochs) = LeaderEpochs::read(text.as_bytes()) {
                epochs.check();
            }
        }
    }
}

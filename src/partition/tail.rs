//! How many bytes lie between two offsets near the end of a log, without asking the log.

use std::collections::VecDeque;

use super::PLENTY;
use crate::model::Offset;

/// Appends remembered: enough for what is in flight to one partition, few enough for tens of thousands of partitions.
const REMEMBERED: usize = 32;

/// The last appends, with the bytes appended before each.
#[derive(Debug)]
pub(super) struct Tail {
    appends: VecDeque<(Offset, u64)>,
    total: u64,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { appends: VecDeque::new(), total: 0 }
    }

    pub(super) fn push(&mut self, base: Offset, bytes: u64) {
        if self.appends.len() == REMEMBERED {
            self.appends.pop_front();
        }
        self.appends.push_back((base, self.total));
        self.total += bytes;
    }

    /// Bytes of the appends that hold any of `from..to`.
    pub(super) fn between(&self, from: Offset, to: Offset) -> u64 {
        let Some((oldest, _)) = self.appends.front() else { return PLENTY };
        if from < *oldest {
            return PLENTY;
        }
        let first = self.appends.partition_point(|(base, _)| *base <= from) - 1;
        let end = self.appends.partition_point(|(base, _)| *base < to);
        let end_bytes = self.appends.get(end).map_or(self.total, |(_, before)| *before);
        end_bytes - self.appends[first].1
    }
}

//! How many bytes lie between two offsets near the end of a log, without asking the log.
//!
//! What is remembered is where appends began, and how many bytes came before each. One that is forgotten counts as a part of the append before it.
//! A reader who waits asks for the same two offsets again and again, while others come and go: so what nobody has asked for longest goes first.
//!
//! Invariants:
//! - `begins` is in the order of its offsets and of its bytes, and holds at most `REMEMBERED`
//! - what lies behind its first offset is `total` less what came before that, exactly

use std::cell::Cell;
use std::collections::VecDeque;

use super::PLENTY;
use crate::model::Offset;

/// Appends remembered: enough for what is in flight to one partition and for the places at which readers wait, few enough for tens of thousands
/// of partitions.
const REMEMBERED: usize = 32;

#[derive(Debug)]
pub(super) struct Tail {
    begins: VecDeque<Begin>,
    total: u64,
    /// Counts the times at which readers are told of more.
    turn: u64,
}

#[derive(Debug)]
struct Begin {
    base: Offset,
    /// Bytes appended before it.
    before: u64,
    /// When it came, or was asked for.
    used: Cell<Used>,
}

/// In one turn, those that were asked for are the later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Used {
    turn: u64,
    asked: bool,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { begins: VecDeque::new(), total: 0, turn: 0 }
    }

    /// Readers look for more now, and ask again.
    pub(super) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    pub(super) fn push(&mut self, base: Offset, bytes: u64) {
        if self.begins.len() == REMEMBERED {
            let oldest = (0..REMEMBERED).min_by_key(|at| self.begins[*at].used.get());
            self.begins.remove(oldest.unwrap_or(0));
        }
        let used = Cell::new(Used { turn: self.turn, asked: false });
        self.begins.push_back(Begin { base, before: self.total, used });
        self.total += bytes;
    }

    /// Bytes of the appends that hold any of `from..to`.
    pub(super) fn between(&self, from: Offset, to: Offset) -> u64 {
        let Some(first) = self.begins.partition_point(|begin| begin.base <= from).checked_sub(1) else {
            return PLENTY;
        };
        let first = &self.begins[first];
        let used = Used { turn: self.turn, asked: true };
        first.used.set(used);
        let end = self.begins.get(self.begins.partition_point(|begin| begin.base < to));
        if let Some(end) = end {
            end.used.set(used);
        }
        end.map_or(self.total, |end| end.before) - first.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One reader waits for much from 5 on while another one takes each append of 70 bytes as it comes.
    #[test]
    fn a_reader_that_waits_is_told_exactly_however_many_appends_come() {
        let mut tail = Tail::new();
        let mut end = 0;
        for _ in 0..5 {
            tail.push(Offset(end), 70);
            end += 1;
        }
        let waits_from = end;
        for appends in 1..=1_000 {
            tail.push(Offset(end), 70);
            let before = end;
            end += 1;
            tail.begin_turn();
            assert_eq!(tail.between(Offset(waits_from), Offset(end)), 70 * appends);
            assert_eq!(tail.between(Offset(before), Offset(end)), 70);
            assert!(tail.begins.len() <= REMEMBERED);
        }
        assert_eq!(tail.between(Offset(3), Offset(end)), PLENTY, "nobody asked for it");
    }

    /// Many appends are in flight before the readers look again.
    #[test]
    fn where_a_reader_waits_outlives_a_burst() {
        let mut tail = Tail::new();
        tail.push(Offset(0), 70);
        tail.begin_turn();
        assert_eq!(tail.between(Offset(0), Offset(1)), 70);
        for offset in 1..=20 * REMEMBERED as i64 {
            tail.push(Offset(offset), 70);
        }
        tail.begin_turn();
        assert_eq!(tail.between(Offset(0), Offset(i64::MAX)), 70 * (20 * REMEMBERED as u64 + 1));
    }
}

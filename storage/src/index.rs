//! Kafka's offset index (`.index`) and time index (`.timeindex`) of one segment.
//!
//! Both are sequences of fixed entries without a header: (offset relative to the segment's base i32, position i32), and
//! (timestamp i64, relative offset i32). Sources: Kafka's `OffsetIndex`, `TimeIndex`, `LogSegment`.
//!
//! Invariants of a valid pair of indexes:
//! - offsets and positions of the offset index rise strictly; each entry is the *last* offset of the batch that begins at its position
//! - timestamps of the time index rise strictly, its offsets never fall; each entry says that no batch up to that one's last offset
//!   has a larger timestamp
//! - no offset is below the base offset

use crate::batch::{Batch, NO_TIMESTAMP};

pub const OFFSET_ENTRY_LEN: usize = 8;
pub const TIME_ENTRY_LEN: usize = 12;

/// Why bytes are not an index, or an entry is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    #[error("an index of {len} bytes does not consist of entries of {entry_len} bytes")]
    TornEntry { len: usize, entry_len: usize },
    #[error("entry {slot} of the index does not follow the one before")]
    OutOfOrder { slot: usize },
    #[error("entry {slot} of the index is below the segment's base offset")]
    BelowBase { slot: usize },
    #[error("entry {slot} of the index points to byte {position} of a segment with {segment_len} bytes")]
    BehindEnd { slot: usize, position: u32, segment_len: u64 },
    /// The segment had to be rolled before.
    #[error("offset {offset} is too far from the base offset {base_offset}, or below it, for an index entry")]
    OffsetOutOfRange { base_offset: i64, offset: i64 },
}

/// How far `offset` is above the base, if an index entry can say so. If not, the segment must be rolled first.
pub fn relative_offset(base_offset: i64, offset: i64) -> Option<i32> {
    let relative = offset.checked_sub(base_offset)?;
    i32::try_from(relative).ok().filter(|relative| *relative >= 0)
}

/// The batch that begins at `position` (bytes from the segment's beginning) ends with `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    pub offset: i64,
    pub position: u32,
}

impl OffsetEntry {
    pub fn encode(self, base_offset: i64) -> Result<[u8; OFFSET_ENTRY_LEN], IndexError> {
        let relative = relative_offset(base_offset, self.offset)
            .ok_or(IndexError::OffsetOutOfRange { base_offset, offset: self.offset })?;
        Ok((u64::from(relative as u32) << 32 | u64::from(self.position)).to_be_bytes())
    }

    /// Whether this batch, found at the entry's position, can be what the entry is about. If not, whoever looked up an offset would begin
    /// behind it. (It may end before the entry's offset: see [`IndexWriter`].)
    pub fn fits(self, batch: &Batch<'_>) -> bool {
        self.position == 0 || batch.last_offset() <= self.offset
    }

    fn decode(base_offset: i64, bytes: [u8; OFFSET_ENTRY_LEN]) -> Self {
        let entry = u64::from_be_bytes(bytes);
        let relative = (entry >> 32) as i32;
        Self { offset: base_offset.saturating_add(i64::from(relative)), position: entry as u32 }
    }
}

/// Up to `offset` no timestamp (milliseconds) is larger than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    pub timestamp: i64,
    pub offset: i64,
}

impl TimeEntry {
    pub fn encode(self, base_offset: i64) -> Result<[u8; TIME_ENTRY_LEN], IndexError> {
        let relative = relative_offset(base_offset, self.offset)
            .ok_or(IndexError::OffsetOutOfRange { base_offset, offset: self.offset })?;
        let mut bytes = [0; TIME_ENTRY_LEN];
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&relative.to_be_bytes());
        Ok(bytes)
    }

    fn decode(base_offset: i64, bytes: [u8; TIME_ENTRY_LEN]) -> Self {
        let entry = u128::from_be_bytes({
            let mut wide = [0; 16];
            wide[4..].copy_from_slice(&bytes);
            wide
        });
        let relative = i64::from(entry as u32 as i32);
        Self { timestamp: (entry >> 32) as i64, offset: base_offset.saturating_add(relative) }
    }
}

/// The entries of an offset index, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct OffsetIndex<'a> {
    base_offset: i64,
    entries: &'a [[u8; OFFSET_ENTRY_LEN]],
}

impl<'a> OffsetIndex<'a> {
    /// Checks what Kafka checks when it opens an index: whole entries, the last not below the base offset.
    pub fn parse(base_offset: i64, bytes: &'a [u8]) -> Result<Self, IndexError> {
        let (entries, torn) = bytes.as_chunks();
        if !torn.is_empty() {
            return Err(IndexError::TornEntry { len: bytes.len(), entry_len: OFFSET_ENTRY_LEN });
        }
        let index = Self { base_offset, entries };
        match index.last() {
            Some(last) if last.offset < base_offset => Err(IndexError::BelowBase { slot: entries.len() - 1 }),
            _ => Ok(index),
        }
    }

    /// The entries, from the first on, that rise strictly and lie before `position`. What is behind them may be anything, half an entry too: a
    /// growing index is written in whole blocks.
    pub fn rising_below(base_offset: i64, bytes: &'a [u8], position: u32) -> Self {
        let all = Self { base_offset, entries: bytes.as_chunks().0 };
        let mut before: Option<OffsetEntry> = None;
        let follows = |entry: &OffsetEntry| {
            let before = before.replace(*entry);
            let rises =
                before.is_none_or(|before| entry.offset > before.offset && entry.position > before.position);
            rises && entry.position < position && entry.offset >= base_offset
        };
        let count = all.iter().take_while(follows).count();
        Self { entries: &all.entries[..count], ..all }
    }

    /// Checks every entry, against a segment of `segment_len` bytes.
    pub fn check(&self, segment_len: u64) -> Result<(), IndexError> {
        let mut before: Option<OffsetEntry> = None;
        for (slot, entry) in self.iter().enumerate() {
            if entry.offset < self.base_offset {
                return Err(IndexError::BelowBase { slot });
            }
            if before.is_some_and(|before| entry.offset <= before.offset || entry.position <= before.position)
            {
                return Err(IndexError::OutOfOrder { slot });
            }
            if u64::from(entry.position) >= segment_len {
                return Err(IndexError::BehindEnd { slot, position: entry.position, segment_len });
            }
            before = Some(entry);
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = OffsetEntry> + 'a {
        let base_offset = self.base_offset;
        self.entries.iter().map(move |entry| OffsetEntry::decode(base_offset, *entry))
    }

    pub fn last(&self) -> Option<OffsetEntry> {
        self.entries.last().map(|entry| OffsetEntry::decode(self.base_offset, *entry))
    }

    /// Where to begin looking for `offset`: the last entry not above it, or the segment's beginning.
    pub fn lookup(&self, offset: i64) -> OffsetEntry {
        match self.slots_below(|entry| entry.offset <= offset) {
            0 => OffsetEntry { offset: self.base_offset, position: 0 },
            slots => OffsetEntry::decode(self.base_offset, self.entries[slots - 1]),
        }
    }

    /// The length in bytes of the index once the log ends before `end_offset`.
    pub fn len_when_truncated_to(&self, end_offset: i64) -> usize {
        self.slots_below(|entry| entry.offset < end_offset) * OFFSET_ENTRY_LEN
    }

    fn slots_below(&self, below: impl Fn(OffsetEntry) -> bool) -> usize {
        self.entries.partition_point(|entry| below(OffsetEntry::decode(self.base_offset, *entry)))
    }
}

/// The entries of a time index, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct TimeIndex<'a> {
    base_offset: i64,
    entries: &'a [[u8; TIME_ENTRY_LEN]],
}

impl<'a> TimeIndex<'a> {
    /// Checks what Kafka checks when it opens an index: whole entries, the last neither below the base offset nor before the first.
    pub fn parse(base_offset: i64, bytes: &'a [u8]) -> Result<Self, IndexError> {
        let (entries, torn) = bytes.as_chunks();
        if !torn.is_empty() {
            return Err(IndexError::TornEntry { len: bytes.len(), entry_len: TIME_ENTRY_LEN });
        }
        let index = Self { base_offset, entries };
        if let (Some(first), Some(last)) = (index.iter().next(), index.last()) {
            let slot = entries.len() - 1;
            if last.offset < base_offset {
                return Err(IndexError::BelowBase { slot });
            }
            if last.timestamp < first.timestamp {
                return Err(IndexError::OutOfOrder { slot });
            }
        }
        Ok(index)
    }

    /// Checks every entry.
    pub fn check(&self) -> Result<(), IndexError> {
        let mut before: Option<TimeEntry> = None;
        for (slot, entry) in self.iter().enumerate() {
            if entry.offset < self.base_offset {
                return Err(IndexError::BelowBase { slot });
            }
            if before
                .is_some_and(|before| entry.timestamp <= before.timestamp || entry.offset < before.offset)
            {
                return Err(IndexError::OutOfOrder { slot });
            }
            before = Some(entry);
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = TimeEntry> + 'a {
        let base_offset = self.base_offset;
        self.entries.iter().map(move |entry| TimeEntry::decode(base_offset, *entry))
    }

    pub fn last(&self) -> Option<TimeEntry> {
        self.entries.last().map(|entry| TimeEntry::decode(self.base_offset, *entry))
    }

    /// Where to begin looking for the first record not older than `timestamp`: the last entry whose timestamp is not larger, or
    /// the segment's beginning.
    ///
    /// To find that record, look for `timestamp - 1`: an entry with the very timestamp may stand behind it.
    pub fn lookup(&self, timestamp: i64) -> TimeEntry {
        match self.slots_below(|entry| entry.timestamp <= timestamp) {
            0 => TimeEntry { timestamp: NO_TIMESTAMP, offset: self.base_offset },
            slots => TimeEntry::decode(self.base_offset, self.entries[slots - 1]),
        }
    }

    /// The length in bytes of the index once the log ends before `end_offset`.
    pub fn len_when_truncated_to(&self, end_offset: i64) -> usize {
        self.slots_below(|entry| entry.offset < end_offset) * TIME_ENTRY_LEN
    }

    fn slots_below(&self, below: impl Fn(TimeEntry) -> bool) -> usize {
        self.entries.partition_point(|entry| below(TimeEntry::decode(self.base_offset, *entry)))
    }
}

/// What a batch adds to the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Additions {
    pub offset: Option<OffsetEntry>,
    pub time: Option<TimeEntry>,
}

/// Decides which batches of a segment get index entries, as Kafka decides (`LogSegment.append` and `LogSegment.recover`).
///
/// Invariants: `last_time.timestamp <= largest.timestamp`; `indexed_position` is the position of the last batch with an entry.
#[derive(Debug, Clone)]
pub struct IndexWriter {
    base_offset: i64,
    interval_bytes: u32,
    /// 0 before the first entry: Kafka counts from the segment's beginning then.
    indexed_position: u32,
    /// The offset of the last entry. Kafka before 4.0 made entries of what was appended together, with the last offset of all of it, so that
    /// batches behind such an entry may have smaller ones.
    indexed_offset: i64,
    /// The largest timestamp of any batch so far, and the last offset of the first batch that has it.
    largest: TimeEntry,
    last_time: TimeEntry,
    offset_entries: usize,
    time_entries: usize,
}

impl IndexWriter {
    /// For a new segment. `interval_bytes` is `index.interval.bytes`.
    pub fn new(base_offset: i64, interval_bytes: u32) -> Self {
        let none = TimeEntry { timestamp: NO_TIMESTAMP, offset: base_offset };
        Self {
            base_offset,
            interval_bytes,
            indexed_position: 0,
            indexed_offset: i64::MIN,
            largest: none,
            last_time: none,
            offset_entries: 0,
            time_entries: 0,
        }
    }

    /// Goes on behind existing indexes of the segment. All its batches from [`Self::resume_position`] on must then be shown to
    /// [`Self::on_batch`], so that no timestamp is missed; those that already have entries get no second ones.
    pub fn resume(interval_bytes: u32, offsets: &OffsetIndex<'_>, times: &TimeIndex<'_>) -> Self {
        let mut writer = Self::new(offsets.base_offset, interval_bytes);
        if let Some(last) = offsets.last() {
            (writer.indexed_position, writer.indexed_offset) = (last.position, last.offset);
        }
        if let Some(last) = times.last() {
            writer.last_time = last;
            writer.largest = last;
        }
        writer.offset_entries = offsets.len();
        writer.time_entries = times.len();
        writer
    }

    /// Where the last batch with an entry begins.
    pub fn resume_position(&self) -> u32 {
        self.indexed_position
    }

    /// The batch that stands at `position` (bytes from the segment's beginning) and everything before it has been shown.
    pub fn on_batch(&mut self, position: u32, batch: &Batch<'_>) -> Result<Additions, IndexError> {
        let (base_offset, offset) = (self.base_offset, batch.last_offset());
        if relative_offset(base_offset, offset).is_none() {
            return Err(IndexError::OffsetOutOfRange { base_offset, offset });
        }
        if batch.max_timestamp() > self.largest.timestamp {
            self.largest = TimeEntry { timestamp: batch.max_timestamp(), offset };
        }
        let is_near = position.saturating_sub(self.indexed_position) <= self.interval_bytes;
        if is_near || offset <= self.indexed_offset {
            return Ok(Additions::default());
        }
        (self.indexed_position, self.indexed_offset) = (position, offset);
        self.offset_entries += 1;
        Ok(Additions { offset: Some(OffsetEntry { offset, position }), time: self.next_time_entry() })
    }

    /// The entry that a segment's time index ends with when the segment is rolled or closed.
    pub fn on_close(&mut self) -> Option<TimeEntry> {
        self.next_time_entry()
    }

    /// The largest timestamp in the segment with its batch's last offset, if any batch has a timestamp.
    pub fn largest_timestamp(&self) -> Option<TimeEntry> {
        Some(self.largest).filter(|entry| entry.timestamp > NO_TIMESTAMP)
    }

    /// Whether the segment must be rolled because an index has reached `segment.index.bytes`. The time index keeps room for the
    /// entry that closing may add.
    pub fn is_full(&self, max_index_bytes: usize) -> bool {
        self.offset_entries >= max_index_bytes / OFFSET_ENTRY_LEN
            || self.time_entries + 1 >= max_index_bytes / TIME_ENTRY_LEN
    }

    fn next_time_entry(&mut self) -> Option<TimeEntry> {
        // A resumed index may end with an entry whose offset lies ahead of the batches shown so far.
        if self.largest.timestamp <= self.last_time.timestamp || self.largest.offset < self.last_time.offset {
            return None;
        }
        self.last_time = self.largest;
        self.time_entries += 1;
        Some(self.largest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Attributes, HEADER_LEN, Header, MAX_LEN};

    fn batch(base_offset: i64, count: i32, max_timestamp: i64, len: usize) -> Vec<u8> {
        let header = Header {
            base_offset,
            leader_epoch: 0,
            attributes: Attributes(0),
            last_offset_delta: count - 1,
            base_timestamp: max_timestamp,
            max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count,
        };
        let mut bytes = Vec::new();
        header.write_batch(&vec![0; len - HEADER_LEN], &mut bytes);
        bytes
    }

    /// A segment's index bytes, as appending the batches (count, timestamp, length) writes them.
    struct Written {
        offsets: Vec<u8>,
        times: Vec<u8>,
        len: u64,
        batches: Vec<(u32, i64, i64, i64)>,
    }

    fn write(base_offset: i64, interval: u32, batches: &[(i32, i64, usize)], reopen_at: usize) -> Written {
        let mut written = Written { offsets: vec![], times: vec![], len: 0, batches: vec![] };
        let mut writer = IndexWriter::new(base_offset, interval);
        let mut next = base_offset;
        for (at, (count, timestamp, len)) in batches.iter().enumerate() {
            if at == reopen_at {
                writer = reopen(base_offset, interval, &mut writer, &mut written);
            }
            let bytes = batch(next, *count, *timestamp, *len);
            let batch = Batch::parse(&bytes, MAX_LEN).unwrap();
            let position = written.len as u32;
            let added = writer.on_batch(position, &batch).unwrap();
            written.offsets.extend(added.offset.iter().flat_map(|entry| entry.encode(base_offset).unwrap()));
            written.times.extend(added.time.iter().flat_map(|entry| entry.encode(base_offset).unwrap()));
            written.batches.push((position, next, batch.last_offset(), *timestamp));
            next = batch.next_offset();
            written.len += *len as u64;
        }
        written.times.extend(writer.on_close().iter().flat_map(|entry| entry.encode(base_offset).unwrap()));
        written
    }

    fn reopen(
        base_offset: i64,
        interval: u32,
        writer: &mut IndexWriter,
        written: &mut Written,
    ) -> IndexWriter {
        written.times.extend(writer.on_close().iter().flat_map(|entry| entry.encode(base_offset).unwrap()));
        let offsets = OffsetIndex::parse(base_offset, &written.offsets).unwrap();
        let times = TimeIndex::parse(base_offset, &written.times).unwrap();
        let mut again = IndexWriter::resume(interval, &offsets, &times);
        for (position, first, last, timestamp) in &written.batches {
            if *position >= again.resume_position() {
                let bytes = batch(*first, (last - first + 1) as i32, *timestamp, HEADER_LEN);
                let shown = again.on_batch(*position, &Batch::parse(&bytes, MAX_LEN).unwrap()).unwrap();
                assert_eq!(shown, Additions::default());
            }
        }
        again
    }

    #[test]
    fn entries_as_kafka_places_them() {
        // 100-byte batches, an entry when more than 150 bytes lie behind the last: at 200, 400, ...
        let written =
            write(1000, 150, &[(10, 5, 100), (10, 9, 100), (10, 7, 100), (10, 9, 100), (10, 8, 100)], 99);
        let offsets = OffsetIndex::parse(1000, &written.offsets).unwrap();
        let expected =
            [OffsetEntry { offset: 1029, position: 200 }, OffsetEntry { offset: 1049, position: 400 }];
        assert_eq!(offsets.iter().collect::<Vec<_>>(), expected);
        // One time entry: at 400 the largest timestamp was still that of the second batch.
        let times = TimeIndex::parse(1000, &written.times).unwrap();
        assert_eq!(times.iter().collect::<Vec<_>>(), [TimeEntry { timestamp: 9, offset: 1019 }]);
        assert_eq!(offsets.lookup(1028), OffsetEntry { offset: 1000, position: 0 });
        assert_eq!(offsets.lookup(1029).position, 200);
        assert_eq!(offsets.lookup(i64::MAX).position, 400);
        assert_eq!(times.lookup(8), TimeEntry { timestamp: NO_TIMESTAMP, offset: 1000 });
        assert_eq!(times.lookup(9).offset, 1019);
        assert_eq!(offsets.len_when_truncated_to(1049), 8);
        assert_eq!(times.len_when_truncated_to(1019), 0);
    }

    #[test]
    fn wrong_indexes_are_refused() {
        let torn = IndexError::TornEntry { len: 9, entry_len: 8 };
        assert_eq!(OffsetIndex::parse(0, &[0; 9]).unwrap_err(), torn);
        assert_eq!(
            TimeIndex::parse(0, &[0; 13]).unwrap_err(),
            IndexError::TornEntry { len: 13, entry_len: 12 }
        );
        assert_eq!(OffsetIndex::parse(0, &[0xff; 8]).unwrap_err(), IndexError::BelowBase { slot: 0 });
        let zeros = OffsetIndex::parse(5, &[0; 16]).unwrap();
        assert_eq!(zeros.check(100), Err(IndexError::OutOfOrder { slot: 1 }));
        let entry = OffsetEntry { offset: 5, position: 100 }.encode(0).unwrap();
        let behind = IndexError::BehindEnd { slot: 0, position: 100, segment_len: 100 };
        assert_eq!(OffsetIndex::parse(0, &entry).unwrap().check(100), Err(behind));
        let far = OffsetEntry { offset: 1 << 31, position: 0 };
        assert_eq!(far.encode(0), Err(IndexError::OffsetOutOfRange { base_offset: 0, offset: 1 << 31 }));
        assert!(far.encode(1).is_ok());
        assert!(far.encode(1 << 32).is_err());
    }

    /// Kafka before 4.0 gave a whole append one entry, with the position of its first batch and the last offset of all of it.
    #[test]
    fn no_entry_goes_back_behind_one_of_an_older_kafka() {
        let last = OffsetEntry { offset: 100, position: 5_000 };
        let bytes = last.encode(0).unwrap();
        let times = TimeIndex::parse(0, &[]).unwrap();
        let mut writer = IndexWriter::resume(4096, &OffsetIndex::parse(0, &bytes).unwrap(), &times);
        let mut added = Vec::new();
        for (position, offset) in [(5_000, 20), (10_000, 60), (15_000, 100), (20_000, 101)] {
            let bytes = batch(offset, 1, 7, 100);
            added.extend(writer.on_batch(position, &Batch::parse(&bytes, MAX_LEN).unwrap()).unwrap().offset);
        }
        assert_eq!(added, [OffsetEntry { offset: 101, position: 20_000 }]);
    }

    #[test]
    fn full_when_kafka_says_so() {
        let mut writer = IndexWriter::new(0, 0);
        for at in 0..4 {
            assert!(!writer.is_full(72), "{at}");
            let bytes = batch(at, 1, at, 100);
            writer.on_batch(at as u32 * 100, &Batch::parse(&bytes, MAX_LEN).unwrap()).unwrap();
        }
        assert_eq!(writer.time_entries, 3);
        writer.time_entries = 5;
        assert!(writer.is_full(72));
    }

    proptest! {
        #[test]
        fn what_is_written_is_valid_and_finds_every_batch(
            base in 0_i64..i64::from(u32::MAX),
            interval in 0_u32..2000,
            batches in prop::collection::vec((1_i32..50, 0_i64..40, 61_usize..900), 1..60),
            reopen_at in 0_usize..60,
        ) {
            let written = write(base, interval, &batches, reopen_at);
            let offsets = OffsetIndex::parse(base, &written.offsets).unwrap();
            let times = TimeIndex::parse(base, &written.times).unwrap();
            offsets.check(written.len).unwrap();
            times.check().unwrap();
            let largest = written.batches.iter().map(|batch| batch.3).max().unwrap();
            prop_assert_eq!(times.last().unwrap().timestamp, largest);
            for (position, first, last, timestamp) in &written.batches {
                let found = offsets.lookup(*first);
                prop_assert!(found.position <= *position);
                // The first batch with a timestamp this large does not stand before what the lookup says.
                let from = times.lookup(timestamp - 1);
                let first_as_late = written.batches.iter().find(|batch| batch.3 >= *timestamp).unwrap();
                prop_assert!(from.offset <= first_as_late.2, "{:?} {:?}", from, last);
            }
            // Reopening on the way changes nothing in the offset index.
            let straight = write(base, interval, &batches, usize::MAX);
            prop_assert_eq!(straight.offsets, written.offsets);
        }

        #[test]
        fn arbitrary_bytes_never_panic(base: i64, bytes: Vec<u8>, target: i64) {
            let rising = OffsetIndex::rising_below(base, &bytes, target as u32);
            prop_assert!(rising.check(u64::from(target as u32)).is_ok());
            if let Ok(index) = OffsetIndex::parse(base, &bytes) {
                let _ = (index.check(1000), index.lookup(target), index.len_when_truncated_to(target));
                let times = TimeIndex { base_offset: base, entries: &[] };
                let _ = IndexWriter::resume(4096, &index, &times);
            }
            if let Ok(index) = TimeIndex::parse(base, &bytes) {
                let _ = (index.check(), index.lookup(target), index.len_when_truncated_to(target));
            }
        }

        #[test]
        fn entries_round_trip(base: i64, offset: i64, position: u32, timestamp: i64) {
            let entry = OffsetEntry { offset, position };
            if let Ok(bytes) = entry.encode(base) {
                prop_assert_eq!(OffsetEntry::decode(base, bytes), entry);
            }
            let near = TimeEntry { timestamp, offset: base.saturating_add(i64::from(position >> 1)) };
            if let Ok(bytes) = near.encode(base) {
                prop_assert_eq!(TimeEntry::decode(base, bytes), near);
            }
        }
    }
}

//! The ledger of a round log: what its durable rounds have made of each log. PURE. The running engine applies each round to it when
//! the round is durable; a checkpoint is its encoding; recovery decodes one and applies the records behind it.
//!
//! Invariants, for each log: `segments` are in order of `base`; `log_start <= next_offset`; every `base <= next_offset`;
//! `snapshot <= next_offset`; `epochs <= next_offset`; a segment's `indexed <= length`; only sealed segments are `is_cut`;
//! `unvouched` is what [`LedgerLog::measure`] gives, and the ledger's own is the sum over its logs, as `logs_bound` is.
//! Numbers are below `next_number` and never used twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::crc32c;
use crate::codec::{FormatError, Reader, put_i64, put_u8, put_u16, put_u32, put_u64};
use crate::key::{LogId, LogKey, Spare};
use crate::record::{Entry, NO_SEGMENT, get_key, get_spare, put_key, put_spare};

const MAGIC: u32 = u32::from_le_bytes(*b"LgCk");
const VERSION: u16 = 2;
const CRC_FIELD: usize = 16;
/// Magic, version, length and CRC.
pub const HEADER_LEN: usize = 20;
const MIN_LOG_BYTES: usize = 80;
const SEGMENT_LEN: usize = 30;
/// What a segment takes in a checkpoint at most, in a log or given up: so only new logs and new segments make a checkpoint longer.
pub const SEGMENT_BOUND: usize = 32;
/// Of [`LedgerSegment::time_entries`]: whatever the time index's file holds was synced when it got its name.
pub const ALL_ENTRIES: u32 = u32::MAX;
const IS_CUT: u8 = 1;
const HAS_SNAPSHOT: u8 = 2;
const HAS_ABORTED: u8 = 4;

/// Where the next record of a round log goes, and what it must chain to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub round: u64,
    /// CRC of the record of `round`; 0 for round 0, which has none.
    pub chain: u32,
    pub file: u32,
    pub position: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub round_log: u32,
    /// Of the checkpoint: of two, the higher one holds.
    pub sequence: u64,
    /// The last round that was applied.
    pub head: Head,
    pub next_number: u32,
    pub logs: BTreeMap<u32, LedgerLog>,
    pub retired: Vec<Retired>,
    pub deleted: Vec<Deleted>,
    unvouched: u64,
    /// What `logs` take in a checkpoint at most.
    logs_bound: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLog {
    pub id: LogId,
    pub key: Arc<LogKey>,
    pub generation: u32,
    pub log_start: i64,
    pub next_offset: i64,
    /// The directory and its `partition.metadata` are synced.
    pub is_named: bool,
    pub segments: Vec<LedgerSegment>,
    /// The offset of a synced producer snapshot, or -1.
    pub snapshot: i64,
    /// The synced epoch file is right up to this offset, or -1.
    pub epochs: i64,
    /// Bytes of batches that must be read for what no hint says. Not stored.
    unvouched: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSegment {
    pub base: i64,
    /// Bytes of data.
    pub length: u32,
    /// Indexes are synced and right for the bytes before this position.
    pub indexed: u32,
    /// How many entries of the time index are; [`ALL_ENTRIES`] if its file holds nothing else.
    pub time_entries: u32,
    /// Sealed, cut to `length` and synced.
    pub is_cut: bool,
    /// A producer snapshot of `base` is synced.
    pub has_snapshot: bool,
    /// A transaction index is synced. It is right for the markers below the log's `snapshot`; where this is not set, they abort nothing.
    pub has_aborted: bool,
    /// The file may still have this name: its rename is not synced.
    pub spare: Option<Spare>,
}

/// A segment that an entry gave up; its files go once that entry is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    pub log: u32,
    pub base: i64,
    pub spare: Option<Spare>,
    pub round: u64,
}

/// A deleted log, until its directory is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    pub id: LogId,
    pub key: Arc<LogKey>,
    pub round: u64,
    /// The rename to the `-delete` name is synced (or the directory never had a name).
    pub is_renamed: bool,
    pub spares: Vec<Spare>,
}

/// A record that does not fit what came before it: damage, or a broken invariant of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("round {round}: {entry:?} does not fit: {reason}")]
pub struct ReplayError {
    pub round: u64,
    pub entry: Box<Entry>,
    pub reason: &'static str,
}

impl Ledger {
    pub fn new(round_log: u32) -> Self {
        Self {
            round_log,
            sequence: 0,
            head: Head { round: 0, chain: 0, file: 0, position: 0 },
            next_number: 0,
            logs: BTreeMap::new(),
            retired: Vec::new(),
            deleted: Vec::new(),
            unvouched: 0,
            logs_bound: 0,
        }
    }

    /// Bytes of batches that must be read for what no hint says, if all logs are loaded after a crash.
    pub fn unvouched(&self) -> u64 {
        self.unvouched
    }

    /// The logs with the most unvouched bytes, the most first.
    pub fn by_unvouched(&self) -> Vec<(u32, u64)> {
        let logs = self.logs.iter().filter(|(_, log)| log.unvouched > 0);
        let mut logs: Vec<(u32, u64)> = logs.map(|(number, log)| (*number, log.unvouched)).collect();
        logs.sort_unstable_by_key(|(number, bytes)| (std::cmp::Reverse(*bytes), *number));
        logs
    }

    /// Notes hints that were synced.
    pub fn vouch(&mut self, number: u32, change: impl FnOnce(&mut LedgerLog)) {
        let Some(log) = self.logs.get_mut(&number) else { return };
        change(log);
        self.unvouched -= log.unvouched;
        log.unvouched = log.measure();
        self.unvouched += log.unvouched;
    }

    /// Counts anew, after logs were put in from elsewhere.
    pub fn measure(&mut self) {
        for log in self.logs.values_mut() {
            log.unvouched = log.measure();
        }
        self.unvouched = self.logs.values().map(|log| log.unvouched).sum();
        self.logs_bound = self.logs.values().map(LedgerLog::encoded_bound).sum();
    }

    /// Applies the entries of the round behind [`Head::round`]. `head` is where the log stands after it.
    pub fn apply_round(&mut self, entries: &[Entry], head: Head) -> Result<(), ReplayError> {
        for (index, entry) in entries.iter().enumerate() {
            self.apply(head.round, index as u32, entry).map_err(|reason| ReplayError {
                round: head.round,
                entry: Box::new(entry.clone()),
                reason,
            })?;
        }
        self.head = head;
        Ok(())
    }

    fn apply(&mut self, round: u64, index: u32, entry: &Entry) -> Result<(), &'static str> {
        match entry {
            Entry::Create { log, key, offset } => {
                if *log < self.next_number {
                    return Err("its number was used before");
                }
                self.next_number = *log + 1;
                let id = LogId { round_log: self.round_log, round, index };
                let new = LedgerLog::new(id, Arc::clone(key), *offset);
                self.logs_bound += new.encoded_bound();
                self.logs.insert(*log, new);
                return Ok(());
            }
            Entry::Delete { log } => {
                let gone = self.logs.remove(log).ok_or("the log does not exist")?;
                self.unvouched -= gone.unvouched;
                self.logs_bound -= gone.encoded_bound();
                self.delete(*log, gone, round);
                return Ok(());
            }
            _ => {}
        }
        let number = entry.log();
        let log = self.logs.get_mut(&number).ok_or("the log does not exist")?;
        let before = (log.unvouched, log.encoded_bound());
        let retired = log.apply(entry)?;
        self.unvouched = self.unvouched - before.0 + log.unvouched;
        self.logs_bound = self.logs_bound - before.1 + log.encoded_bound();
        self.retired.extend(retired.into_iter().map(|segment| Retired {
            log: number,
            base: segment.base,
            spare: segment.spare,
            round,
        }));
        Ok(())
    }

    fn delete(&mut self, number: u32, gone: LedgerLog, round: u64) {
        let mut spares: Vec<Spare> = gone.segments.iter().filter_map(|segment| segment.spare).collect();
        self.retired.retain(|retired| {
            if retired.log == number {
                spares.extend(retired.spare);
            }
            retired.log != number
        });
        self.deleted.push(Deleted { id: gone.id, key: gone.key, round, is_renamed: false, spares });
    }

    /// The checkpoint's bytes, not padded.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_bound());
        put_u32(&mut out, MAGIC);
        put_u16(&mut out, VERSION);
        put_u16(&mut out, 0);
        put_u64(&mut out, 0);
        put_u32(&mut out, 0);
        put_u32(&mut out, self.round_log);
        put_u64(&mut out, self.sequence);
        put_u64(&mut out, self.head.round);
        put_u32(&mut out, self.head.chain);
        put_u32(&mut out, self.head.file);
        put_u64(&mut out, self.head.position);
        put_u32(&mut out, self.next_number);
        put_u32(&mut out, self.logs.len() as u32);
        for (number, log) in &self.logs {
            put_u32(&mut out, *number);
            log.encode(&mut out);
        }
        put_u32(&mut out, self.retired.len() as u32);
        for retired in &self.retired {
            put_u32(&mut out, retired.log);
            put_i64(&mut out, retired.base);
            put_u64(&mut out, retired.round);
            put_optional_spare(&mut out, retired.spare);
        }
        put_u32(&mut out, self.deleted.len() as u32);
        for deleted in &self.deleted {
            deleted.encode(&mut out);
        }
        let length = out.len() as u64;
        out[8..16].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c(&out);
        out[CRC_FIELD..CRC_FIELD + 4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// An upper bound of the length of [`Self::encode`] in bytes.
    pub fn encoded_bound(&self) -> usize {
        let deleted: usize =
            self.deleted.iter().map(|deleted| 64 + deleted.key.topic.len() + 8 * deleted.spares.len()).sum();
        128 + self.logs_bound + deleted + self.retired.len() * SEGMENT_BOUND
    }

    /// The length that a checkpoint states for itself, from its first bytes; believed only once the CRC fits.
    pub fn stated_length(bytes: &[u8]) -> Result<u64, FormatError> {
        let mut reader = Reader::new(bytes);
        if reader.u32() != MAGIC {
            return Err(FormatError::WrongMagic { expected: "checkpoint" });
        }
        let found = reader.u16();
        if found != VERSION {
            return Err(FormatError::UnknownVersion { found, known: VERSION });
        }
        let _zero = reader.u16();
        let length = reader.u64();
        if reader.failed() || length < HEADER_LEN as u64 { Err(FormatError::TooShort) } else { Ok(length) }
    }

    /// Reads what [`Self::encode`] made; bytes behind the stated length are padding.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let length = Self::stated_length(bytes)?;
        let bytes = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.get(..length))
            .ok_or(FormatError::TooShort)?;
        let mut crc = crate::crc::RunningCrc::new();
        crc.update(&bytes[..CRC_FIELD]);
        crc.update(&[0; 4]);
        crc.update(&bytes[CRC_FIELD + 4..]);
        if crc.value().to_le_bytes() != bytes[CRC_FIELD..CRC_FIELD + 4] {
            return Err(FormatError::WrongCrc);
        }
        let mut reader = Reader::new(&bytes[HEADER_LEN..]);
        let mut ledger = Self::new(reader.u32());
        ledger.sequence = reader.u64();
        ledger.head =
            Head { round: reader.u64(), chain: reader.u32(), file: reader.u32(), position: reader.u64() };
        ledger.next_number = reader.u32();
        for _ in 0..reader.count(MIN_LOG_BYTES)? {
            let number = reader.u32();
            ledger.logs.insert(number, LedgerLog::decode(&mut reader)?);
        }
        for _ in 0..reader.count(21)? {
            let (log, base, round) = (reader.u32(), reader.i64(), reader.u64());
            let spare = get_optional_spare(&mut reader)?;
            ledger.retired.push(Retired { log, base, spare, round });
        }
        for _ in 0..reader.count(51)? {
            ledger.deleted.push(Deleted::decode(&mut reader)?);
        }
        reader.finish()?;
        ledger.measure();
        Ok(ledger)
    }

    /// The invariants at the head of this file.
    pub fn check(&self) {
        assert_eq!(self.unvouched, self.logs.values().map(|log| log.unvouched).sum::<u64>(), "unvouched");
        let bound = self.logs.values().map(LedgerLog::encoded_bound).sum::<usize>();
        assert_eq!(self.logs_bound, bound, "logs_bound");
        for (number, log) in &self.logs {
            assert!(*number < self.next_number, "number {number} of {}", self.next_number);
            log.check();
        }
    }
}

impl LedgerLog {
    pub fn new(id: LogId, key: Arc<LogKey>, offset: i64) -> Self {
        Self {
            id,
            key,
            generation: 0,
            log_start: offset,
            next_offset: offset,
            is_named: false,
            segments: Vec::new(),
            snapshot: -1,
            epochs: -1,
            unvouched: 0,
        }
    }

    /// Notes hints of a moment that were synced: the producer snapshot and the epoch file.
    pub fn vouch_for(&mut self, offset: i64) {
        self.epochs = self.epochs.max(offset);
        self.snapshot = self.snapshot.max(offset);
        if let Some(at) = self.segments.iter_mut().find(|at| at.base == offset) {
            at.has_snapshot = true;
        }
    }

    /// Bytes of batches that a first load must read.
    pub fn unvouched(&self) -> u64 {
        self.unvouched
    }

    /// What a first load reads: of the segments that begin behind the snapshot and the epoch file all, of the others what no index
    /// covers. (Hints of one moment are written together, so the index reaches as far as they do.)
    fn measure(&self) -> u64 {
        let from = self.snapshot.min(self.epochs);
        let bytes = |segment: &LedgerSegment| {
            let is_behind = segment.base >= from;
            u64::from(if is_behind { segment.length } else { segment.length - segment.indexed })
        };
        self.segments.iter().map(bytes).sum()
    }

    /// Returns the segments that were given up.
    fn apply(&mut self, entry: &Entry) -> Result<Vec<LedgerSegment>, &'static str> {
        match *entry {
            Entry::Write { generation, base, position, length, next_offset, .. } => {
                self.must_be(generation)?;
                let last = self.segments.last_mut().ok_or("the log has no segment")?;
                if last.base != base || last.length != position {
                    return Err("it does not begin where the log ends");
                }
                if next_offset < self.next_offset {
                    return Err("its offsets go back");
                }
                last.length = position.checked_add(length).ok_or("the segment grows too long")?;
                self.next_offset = next_offset;
                self.unvouched += u64::from(length);
                Ok(Vec::new())
            }
            Entry::Roll { generation, base, spare, .. } => {
                self.must_be(generation)?;
                if base < self.next_offset || self.segments.last().is_some_and(|last| last.base >= base) {
                    return Err("the new segment begins inside the log");
                }
                // An offset gap before a new segment belongs to nobody: the log ends where the segment begins.
                if self.segments.is_empty() && self.log_start == self.next_offset {
                    self.log_start = base;
                }
                self.next_offset = base;
                self.segments.push(LedgerSegment {
                    base,
                    length: 0,
                    indexed: 0,
                    time_entries: ALL_ENTRIES,
                    is_cut: false,
                    has_snapshot: false,
                    has_aborted: false,
                    spare: Some(spare),
                });
                Ok(Vec::new())
            }
            Entry::Truncate { generation, base, position, offset, .. } => {
                if generation <= self.generation {
                    return Err("its generation is not a new one");
                }
                self.truncate(base, position, offset, generation)
            }
            Entry::LogStart { offset, .. } => {
                if offset < self.log_start || offset > self.next_offset {
                    return Err("the log start leaves the log");
                }
                self.log_start = offset;
                let below = self.segments_below(offset);
                let gone = self.segments.drain(..below).collect();
                self.unvouched = self.measure();
                Ok(gone)
            }
            Entry::Create { .. } | Entry::Delete { .. } => Err("it is not an entry of a log's own"),
        }
    }

    /// How many segments, from the first on, lie wholly below `offset`; never the last one.
    pub fn segments_below(&self, offset: i64) -> usize {
        self.segments.windows(2).take_while(|pair| pair[1].base <= offset).count()
    }

    fn truncate(
        &mut self,
        base: i64,
        position: u32,
        offset: i64,
        generation: u32,
    ) -> Result<Vec<LedgerSegment>, &'static str> {
        let kept = if base == NO_SEGMENT {
            self.log_start = offset;
            0
        } else {
            let at =
                self.segments.iter().position(|segment| segment.base == base).ok_or("no such segment")?;
            let segment = &mut self.segments[at];
            if position > segment.length || offset > self.next_offset || offset < self.log_start {
                return Err("it would make the log longer");
            }
            segment.length = position;
            segment.indexed = segment.indexed.min(position);
            segment.is_cut = false;
            at + 1
        };
        self.generation = generation;
        self.next_offset = offset;
        let gone = self.segments.split_off(kept);
        if kept == 0 {
            // Emptied: nothing that was known of its producers and epochs holds, as in Kafka's `truncateFullyAndStartAt`.
            (self.snapshot, self.epochs) = (-1, -1);
        } else if self.snapshot > offset {
            let newest = self.segments.iter().rev().find(|at| at.has_snapshot && at.base <= offset);
            self.snapshot = newest.map_or(-1, |at| at.base);
        }
        self.epochs = self.epochs.min(offset);
        self.unvouched = self.measure();
        Ok(gone)
    }

    fn must_be(&self, generation: u32) -> Result<(), &'static str> {
        if generation == self.generation { Ok(()) } else { Err("it is of another generation") }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_u32(out, self.id.round_log);
        put_u64(out, self.id.round);
        put_u32(out, self.id.index);
        put_key(out, &self.key);
        put_u32(out, self.generation);
        put_i64(out, self.log_start);
        put_i64(out, self.next_offset);
        put_u8(out, u8::from(self.is_named));
        put_i64(out, self.snapshot);
        put_i64(out, self.epochs);
        put_u32(out, self.segments.len() as u32);
        for segment in &self.segments {
            put_i64(out, segment.base);
            put_u32(out, segment.length);
            put_u32(out, segment.indexed);
            put_u32(out, segment.time_entries);
            let flags = [
                (segment.is_cut, IS_CUT),
                (segment.has_snapshot, HAS_SNAPSHOT),
                (segment.has_aborted, HAS_ABORTED),
            ];
            put_u8(out, flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum());
            put_optional_spare(out, segment.spare);
        }
    }

    fn encoded_bound(&self) -> usize {
        96 + self.key.topic.len() + self.segments.len() * SEGMENT_BOUND
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let id = LogId { round_log: reader.u32(), round: reader.u64(), index: reader.u32() };
        let key = Arc::new(get_key(reader)?);
        let mut log = Self::new(id, key, 0);
        log.generation = reader.u32();
        log.log_start = reader.i64();
        log.next_offset = reader.i64();
        log.is_named = get_flag(reader)?;
        log.snapshot = reader.i64();
        log.epochs = reader.i64();
        let count = reader.count(SEGMENT_LEN - 8)?;
        log.segments.reserve_exact(count);
        for _ in 0..count {
            let (base, length) = (reader.i64(), reader.u32());
            let (indexed, time_entries) = (reader.u32(), reader.u32());
            let flags = reader.u8();
            if flags & !(IS_CUT | HAS_SNAPSHOT | HAS_ABORTED) != 0 {
                return Err(FormatError::BadValue { field: "segment flags", value: i64::from(flags) });
            }
            let [is_cut, has_snapshot, has_aborted] =
                [IS_CUT, HAS_SNAPSHOT, HAS_ABORTED].map(|flag| flags & flag != 0);
            let spare = get_optional_spare(reader)?;
            log.segments.push(LedgerSegment {
                base,
                length,
                indexed,
                time_entries,
                is_cut,
                has_snapshot,
                has_aborted,
                spare,
            });
        }
        if log.is_consistent() {
            Ok(log)
        } else {
            Err(FormatError::BadValue { field: "log", value: log.next_offset })
        }
    }

    fn is_consistent(&self) -> bool {
        self.segments.is_sorted_by(|a, b| a.base < b.base)
            && self.log_start <= self.next_offset
            && self.segments.last().is_none_or(|last| last.base <= self.next_offset && !last.is_cut)
            && self.segments.iter().all(|segment| segment.indexed <= segment.length)
            && self.snapshot <= self.next_offset
            && self.epochs <= self.next_offset
    }

    pub fn check(&self) {
        assert!(self.is_consistent(), "{self:?}");
        assert_eq!(self.unvouched, self.measure(), "{self:?}");
    }
}

impl Deleted {
    fn encode(&self, out: &mut Vec<u8>) {
        put_u32(out, self.id.round_log);
        put_u64(out, self.id.round);
        put_u32(out, self.id.index);
        put_key(out, &self.key);
        put_u64(out, self.round);
        put_u8(out, u8::from(self.is_renamed));
        put_u32(out, self.spares.len() as u32);
        for spare in &self.spares {
            put_spare(out, *spare);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let id = LogId { round_log: reader.u32(), round: reader.u64(), index: reader.u32() };
        let key = Arc::new(get_key(reader)?);
        let round = reader.u64();
        let is_renamed = get_flag(reader)?;
        let spares = (0..reader.count(8)?).map(|_| get_spare(reader)).collect();
        Ok(Self { id, key, round, is_renamed, spares })
    }
}

fn put_optional_spare(out: &mut Vec<u8>, spare: Option<Spare>) {
    put_u8(out, u8::from(spare.is_some()));
    if let Some(spare) = spare {
        put_spare(out, spare);
    }
}

fn get_optional_spare(reader: &mut Reader<'_>) -> Result<Option<Spare>, FormatError> {
    Ok(if get_flag(reader)? { Some(get_spare(reader)) } else { None })
}

fn get_flag(reader: &mut Reader<'_>) -> Result<bool, FormatError> {
    match reader.u8() {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(FormatError::BadValue { field: "flag", value: i64::from(other) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "orders";

    fn create(log: u32) -> Entry {
        let key = LogKey { topic: KEY.into(), topic_id: [3; 16], partition: log as i32 };
        Entry::Create { log, key: Arc::new(key), offset: 0 }
    }

    fn spare(number: u32) -> Spare {
        Spare { round_log: 1, number }
    }

    fn roll(base: i64, number: u32, generation: u32) -> Entry {
        Entry::Roll { log: 0, generation, base, spare: spare(number) }
    }

    fn write(base: i64, position: u32, next_offset: i64, generation: u32) -> Entry {
        Entry::Write { log: 0, generation, base, position, length: 100, crc: 0, next_offset }
    }

    fn ledger(entries: &[Entry]) -> Result<Ledger, ReplayError> {
        let mut ledger = Ledger::new(1);
        for (at, entry) in entries.iter().enumerate() {
            let head = Head { round: at as u64 + 1, chain: 1, file: 0, position: 0 };
            ledger.apply_round(std::slice::from_ref(entry), head)?;
            ledger.check();
        }
        Ok(ledger)
    }

    #[test]
    fn writes_and_rolls_move_the_end() {
        let made = [create(0), roll(0, 1, 0), write(0, 0, 10, 0), roll(10, 2, 0), write(10, 0, 20, 0)];
        let ledger = ledger(&made).unwrap();
        let log = &ledger.logs[&0];
        assert_eq!((log.next_offset, log.segments.len()), (20, 2));
        assert_eq!((log.segments[0].length, log.segments[1].length), (100, 100));
        assert_eq!(Ledger::decode(&ledger.encode()).unwrap(), ledger);
    }

    #[test]
    fn what_truncation_gives_up_is_kept_on_the_list() {
        let made = [
            create(0),
            roll(0, 1, 0),
            write(0, 0, 10, 0),
            roll(10, 2, 0),
            write(10, 0, 20, 0),
            Entry::Truncate { log: 0, generation: 1, base: 0, position: 50, offset: 5 },
            write(0, 50, 6, 1),
        ];
        let ledger = ledger(&made).unwrap();
        assert_eq!(ledger.retired, [Retired { log: 0, base: 10, spare: Some(spare(2)), round: 6 }]);
        assert_eq!(ledger.logs[&0].next_offset, 6);
        assert_eq!(Ledger::decode(&ledger.encode()).unwrap(), ledger);
    }

    #[test]
    fn a_deleted_log_takes_its_retired_spares_along() {
        let made = [
            create(0),
            roll(0, 1, 0),
            write(0, 0, 10, 0),
            Entry::Truncate { log: 0, generation: 1, base: NO_SEGMENT, position: 0, offset: 7 },
            roll(7, 2, 1),
            Entry::Delete { log: 0 },
            create(1),
        ];
        let ledger = ledger(&made).unwrap();
        assert!(ledger.retired.is_empty());
        assert_eq!(ledger.deleted[0].spares, [spare(2), spare(1)]);
        assert_eq!(Ledger::decode(&ledger.encode()).unwrap(), ledger);
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let good = [create(0), roll(0, 1, 0), write(0, 0, 10, 0)];
        for bad in [
            create(0),
            write(0, 0, 20, 0),
            write(0, 100, 20, 1),
            write(0, 100, 9, 0),
            roll(9, 2, 0),
            Entry::Truncate { log: 0, generation: 0, base: 0, position: 0, offset: 0 },
            Entry::Truncate { log: 0, generation: 1, base: 0, position: 101, offset: 10 },
            Entry::LogStart { log: 0, offset: 11 },
            Entry::Delete { log: 1 },
        ] {
            let all = [&good[..], &[bad]].concat();
            let error = ledger(&all).unwrap_err();
            assert_eq!(error.round, 4, "{error}");
        }
    }

    #[test]
    fn hints_are_counted_off_and_truncation_counts_them_on_again() {
        let made = [create(0), roll(0, 1, 0), write(0, 0, 10, 0), write(0, 100, 20, 0)];
        let mut ledger = ledger(&made).unwrap();
        assert_eq!((ledger.unvouched(), ledger.by_unvouched()), (200, vec![(0, 200)]));
        ledger.vouch(0, |log| {
            (log.snapshot, log.epochs) = (10, 10);
            log.segments[0].indexed = 100;
        });
        assert_eq!(ledger.unvouched(), 100);
        let head = Head { round: 9, chain: 1, file: 0, position: 0 };
        // The snapshot is ahead of the log now: producers must be read from the beginning.
        let cut = Entry::Truncate { log: 0, generation: 1, base: 0, position: 50, offset: 5 };
        ledger.apply_round(&[cut], head).unwrap();
        ledger.check();
        assert_eq!(ledger.unvouched(), 50);
        ledger.apply_round(&[Entry::Delete { log: 0 }], head).unwrap();
        assert_eq!(ledger.unvouched(), 0);
    }

    #[test]
    fn a_truncation_leaves_the_newest_snapshot_that_is_still_right() {
        let made = [
            create(0),
            roll(0, 1, 0),
            write(0, 0, 10, 0),
            roll(10, 2, 0),
            write(10, 0, 20, 0),
            roll(20, 3, 0),
            write(20, 0, 30, 0),
        ];
        let mut ledger = ledger(&made).unwrap();
        for offset in [10, 20, 25] {
            ledger.vouch(0, |log| {
                log.vouch_for(offset);
                log.segments.iter_mut().for_each(|segment| segment.indexed = segment.length);
            });
        }
        let ledger = Ledger::decode(&ledger.encode()).unwrap();
        let head = Head { round: 9, chain: 1, file: 0, position: 0 };
        // Where the log is cut, what then counts, and how much must be read for the producers.
        for (base, position, offset, snapshot, unvouched) in
            [(20, 20, 22, 20, 20), (20, 0, 20, 20, 0), (10, 50, 15, 10, 50), (0, 50, 5, -1, 50)]
        {
            let mut ledger = ledger.clone();
            let cut = Entry::Truncate { log: 0, generation: 1, base, position, offset };
            ledger.apply_round(&[cut], head).unwrap();
            ledger.check();
            assert_eq!((ledger.logs[&0].snapshot, ledger.logs[&0].epochs), (snapshot, offset));
            assert_eq!(ledger.unvouched(), unvouched, "{offset}");
        }
        let mut emptied = ledger.clone();
        let cut = Entry::Truncate { log: 0, generation: 1, base: NO_SEGMENT, position: 0, offset: 40 };
        emptied.apply_round(&[cut], head).unwrap();
        assert_eq!((emptied.logs[&0].snapshot, emptied.logs[&0].epochs), (-1, -1));
    }

    #[test]
    fn a_checkpoint_is_never_longer_than_its_bound() {
        let mut made = vec![create(0)];
        let mut ledger_of = |more: Entry| {
            made.push(more);
            let ledger = ledger(&made).unwrap();
            assert!(ledger.encode().len() <= ledger.encoded_bound());
            ledger.encoded_bound()
        };
        let mut bound = 0;
        for number in 0..5 {
            bound = ledger_of(roll(i64::from(number) * 10, number, 0));
            assert_eq!(ledger_of(write(i64::from(number) * 10, 0, i64::from(number) * 10 + 10, 0)), bound);
        }
        // What is given up takes no more than it did before.
        for less in [
            Entry::LogStart { log: 0, offset: 10 },
            Entry::Truncate { log: 0, generation: 1, base: 20, position: 50, offset: 25 },
            Entry::Delete { log: 0 },
        ] {
            let after = ledger_of(less);
            assert!(after <= bound);
            bound = after;
        }
    }

    #[test]
    fn a_cut_or_changed_checkpoint_is_an_error() {
        let bytes =
            ledger(&[create(0), roll(0, 1, 0), Entry::Delete { log: 0 }, create(1)]).unwrap().encode();
        for length in 0..bytes.len() {
            assert!(Ledger::decode(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert!(Ledger::decode(&changed).is_err(), "{at}");
        }
    }
}

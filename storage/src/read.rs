//! Reading: from the tail cache without an await, or from disk.
//!
//! Invariants: nothing at or behind `settled`, as it was when its segment was looked up, is returned; what comes from disk has a CRC that fits, and
//! offsets that follow each other; a segment that was given up meanwhile, or whose log was deleted, is not believed: under its name there
//! may be another file by now.

use std::rc::Rc;

use bytes::Bytes;

use crate::batch::{Batch, BatchReader};
use crate::config::planted;
use crate::disk::BLOCK;
use crate::failure::ReadError;
use crate::gather::Chunk;
use crate::index::{OffsetEntry, TimeEntry};
use crate::indexes::contradicted;
use crate::ledger::LedgerLog;
use crate::load::{corrupt, read_range};
use crate::log::Log;
use crate::segment::{Resume, Segment, SegmentIndex, block_floor};
use crate::volume::Volume;
use crate::walk::{Durable, Walk, Walker};

/// Read from disk at least and at most, unless one batch is larger.
const MIN_READ_BYTES: usize = 64 << 10;
const MAX_READ_BYTES: usize = 1 << 20;

/// Whole batches, from the one that holds the offset asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    pub slices: Vec<Bytes>,
    /// The length of all slices together.
    pub bytes: usize,
    /// The offset behind the last batch; the offset asked for, if there is none.
    pub next_offset: i64,
}

impl Read {
    /// What was asked for at `from`, and looked for behind a gap.
    fn asked_at(self, from: i64) -> Self {
        let next_offset = if self.slices.is_empty() { from } else { self.next_offset };
        Self { next_offset, ..self }
    }
}

/// Bytes of memory that a disk read with room for `bytes` holds, unless one batch is larger: the slices keep the whole buffer.
pub fn held_by(bytes: usize) -> usize {
    bytes.max(MIN_READ_BYTES).saturating_add(2 * BLOCK)
}

/// What a read may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBounds {
    /// No batch that reaches this offset or beyond.
    pub offset: i64,
    pub bytes: usize,
    /// The first batch is returned even if it alone is longer than `bytes` (KIP-74).
    pub at_least_one: bool,
}

/// What was read of one segment.
pub(crate) struct FromSegment {
    pub read: Read,
    /// Nothing below the limits' offset follows: not even a batch for which there were not enough bytes.
    pub is_all: bool,
}

impl Log {
    /// Batches from `from` on, if that offset is still in the tail cache. `None` if it is not, or not in the log.
    pub fn read_cached(&self, from: i64, limits: ReadBounds) -> Option<Read> {
        let state = self.state.borrow();
        let is_clamped = limits.offset > state.ends.settled && !self.reads_unsettled();
        let offset = if is_clamped { state.ends.settled } else { limits.offset };
        let mut read = Read { next_offset: from, ..Read::default() };
        if from < state.ends.log_start || state.is_closed {
            return None;
        }
        if from == offset {
            return Some(read);
        }
        let first = state.cache.partition_point(|chunk| chunk.next_offset <= from);
        if state.cache.get(first).is_none_or(|chunk| chunk.first_offset > from) {
            return None;
        }
        for chunk in state.cache.range(first..) {
            if chunk.first_offset >= offset
                || !take_from_chunk(chunk, ReadBounds { offset, ..limits }, &mut read)
            {
                break;
            }
        }
        Some(read)
    }

    /// Batches from `from` on, from memory or disk. Fewer than `limits` allow may come; the next read continues.
    pub async fn read(self: &Rc<Self>, from: i64, limits: ReadBounds) -> Result<Read, ReadError> {
        let volume = self.volume.upgrade().ok_or(ReadError::Failed)?;
        // Nothing is in `from..at` of this generation: a segment ended there with a gap.
        let (mut at, mut of_generation) = (from, self.generation());
        loop {
            let (segment, until, generation, offset) = {
                let state = self.state.borrow();
                if state.is_closed {
                    return Err(ReadError::Closed);
                }
                Self::must_hold(&volume, from, state.ends.log_start, state.ends.settled)?;
                if state.generation != of_generation {
                    (at, of_generation) = (from, state.generation);
                }
                let reads_unsettled = planted(volume.config.mutations.read_unsettled_from_disk);
                let offset =
                    if reads_unsettled { limits.offset } else { limits.offset.min(state.ends.settled) };
                if at >= offset {
                    return Ok(Read { next_offset: from, ..Read::default() });
                }
                // An empty log that went on behind a gap begins there as soon as that is durable, and holds nothing below before.
                let index = state.segments.iter().rposition(|segment| segment.base <= at).unwrap_or(0);
                let Some(segment) = state.segments.get(index) else {
                    return Err(out_of_range(from, state.ends.log_start, state.ends.settled));
                };
                let segment = Rc::clone(segment);
                let until = state.segments.get(index + 1).map_or(offset, |next| next.base.min(offset));
                (segment, until, state.generation, offset)
            };
            if let Some(read) = self.read_cached(at, limits) {
                return Ok(read.asked_at(from));
            }
            let limits = ReadBounds { offset: until, ..limits };
            let mut goes_on = segment.is_resume(at, generation);
            let outcome = if let Some(read) = self.take_ahead(&volume, &segment, generation, at, limits).await
            {
                goes_on = true;
                Ok(FromSegment { read, is_all: false })
            } else {
                self.read_cold(&volume, &segment, generation, at, limits).await
            };
            if !self.still_has(&segment, generation)? || from < self.ends().log_start {
                continue;
            }
            let FromSegment { read, is_all } = outcome?;
            if planted(volume.config.mutations.keep_reads) {
                std::mem::forget(read.slices.clone());
            }
            if goes_on && read.bytes > 0 {
                self.read_ahead(&volume, &segment, generation, read.next_offset, limits);
            }
            // Only a gap is left of this segment: go on with the next one.
            if read.slices.is_empty() && is_all && until < offset {
                at = until;
                continue;
            }
            return Ok(read.asked_at(from));
        }
    }

    /// A planted fault.
    fn reads_unsettled(&self) -> bool {
        self.volume.upgrade().is_some_and(|volume| planted(volume.config.mutations.read_unsettled))
    }

    fn must_hold(volume: &Volume, from: i64, log_start: i64, settled: i64) -> Result<(), ReadError> {
        if volume.failed.is_failed() {
            return Err(ReadError::Failed);
        }
        if from < log_start || from > settled { Err(out_of_range(from, log_start, settled)) } else { Ok(()) }
    }

    /// Whether what was found in a segment counts: the log is still the one that was asked, and the segment one of its own.
    pub(crate) fn still_has(&self, segment: &Rc<Segment>, generation: u32) -> Result<bool, ReadError> {
        let state = self.state.borrow();
        if state.is_closed {
            return Err(ReadError::Closed);
        }
        Ok(state.has(segment) && state.generation == generation)
    }

    async fn read_cold(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
        generation: u32,
        from: i64,
        limits: ReadBounds,
    ) -> Result<FromSegment, ReadError> {
        // Whoever goes on where a read has stopped needs no index, however many such readers there are.
        if !segment.is_resume(from, generation) {
            self.load_index(volume, segment).await?;
        }
        // Somebody else may make it anew while this goes by the old one.
        let was_proven = segment.is_index_proven.get();
        match self.read_segment(volume, segment, generation, from, limits).await {
            Err(ReadError::Corrupt { .. })
                if !was_proven
                    && (segment.is_index_proven.get() || self.rebuild_index(volume, segment).await?) =>
            {
                self.read_segment(volume, segment, generation, from, limits).await
            }
            outcome => outcome,
        }
    }

    /// Reads batches of one segment, all below `limits.offset`, which is settled.
    pub(crate) async fn read_segment(
        &self,
        volume: &Volume,
        segment: &Rc<Segment>,
        generation: u32,
        from: i64,
        limits: ReadBounds,
    ) -> Result<FromSegment, ReadError> {
        let (position, expected, mut looked_up) = begin(segment, from, generation);
        let mut position = u64::from(position);
        volume.note_cold_read(u64::from(segment.length.get()).saturating_sub(position));
        let file = volume.open_segment(self, segment).await?;
        let mut want = limits.bytes.clamp(MIN_READ_BYTES, MAX_READ_BYTES);
        // Both of one moment, because the log grows: what is durable is never behind the end.
        let end = u64::from(segment.length.get());
        let durable = self.durable_of(volume, segment);
        let mut walker = Walker { config: &volume.config, from, limits, end, durable, expected, fault: None };
        loop {
            let start = block_floor(position);
            let block = if position < end {
                read_range(&*file, start, end, want + BLOCK).await?
            } else {
                Bytes::new()
            };
            let skipped = ((position - start) as usize).min(block.len());
            if let Some(entry) = looked_up
                && let Ok(batch) = Batch::parse(&block[skipped..], volume.config.max_batch_bytes)
            {
                looked_up = None;
                if !entry.fits(&batch) {
                    return Err(contradicted(segment, position));
                }
            }
            match walker.walk(&block.slice(skipped..), position) {
                Walk::Found { found, end: behind } => {
                    let position = (position + behind as u64) as u32;
                    if walker.expected == Some(found.read.next_offset) && walker.fault.is_none() {
                        segment.remember(Resume { offset: found.read.next_offset, generation, position });
                    }
                    return Ok(found);
                }
                Walk::Short { walked, need } => {
                    position += walked as u64;
                    if need > 0 && position + need as u64 > end {
                        return Err(truncated(segment, position));
                    }
                    if walked == 0 && block.len() < want && start + (block.len() as u64) < end {
                        return Err(truncated(segment, position));
                    }
                    want = want.max(need);
                }
                Walk::Bad { walked, error } => {
                    return Err(corrupt(segment, position + walked as u64, &error));
                }
                Walk::WrongOffset { walked, offset } => {
                    return Err(ReadError::Corrupt {
                        base: segment.base,
                        position: position + walked as u64,
                        reason: format!("a batch with base offset {offset} is not what follows"),
                    });
                }
            }
        }
    }

    /// What the ledger knows of a segment's end.
    fn durable_of(&self, volume: &Volume, segment: &Segment) -> Durable {
        let find = |entry: &mut LedgerLog| {
            let at = entry.segments.binary_search_by_key(&segment.base, |at| at.base).ok()?;
            let offset = entry.segments.get(at + 1).map_or(entry.next_offset, |next| next.base);
            Some(Durable { position: u64::from(entry.segments[at].length), offset })
        };
        let none = Durable { position: 0, offset: i64::MIN };
        volume.in_ledger(self.number, find).flatten().unwrap_or(none)
    }

    /// The first batch whose max timestamp is at least `timestamp`, among the settled ones.
    pub async fn batch_at_time(self: &Rc<Self>, timestamp: i64) -> Result<Option<Bytes>, ReadError> {
        let volume = self.volume.upgrade().ok_or(ReadError::Failed)?;
        let (mut from, mut generation) = (0, self.generation());
        // Segments that are given up meanwhile are not looked at: what holds now is asked for again after each.
        while let Some((segment, next)) = self.segment_from(from) {
            if self.generation() != generation {
                (from, generation) = (0, self.generation());
                continue;
            }
            let found = self.first_in_segment(&volume, &segment, next, timestamp).await;
            if !self.still_has(&segment, generation)? {
                continue;
            }
            if let Some(found) = found? {
                return Ok(Some(found));
            }
            let Some(next) = next else { break };
            from = next;
        }
        Ok(None)
    }

    /// The first segment that begins at or behind `from`, and where the one behind it begins.
    fn segment_from(&self, from: i64) -> Option<(Rc<Segment>, Option<i64>)> {
        let state = self.state.borrow();
        let at = state.segments.partition_point(|segment| segment.base < from);
        let segment = Rc::clone(state.segments.get(at)?);
        Some((segment, state.segments.get(at + 1).map(|next| next.base)))
    }

    /// The first batch of a segment whose max timestamp is at least `timestamp`. The segment ends before offset `next`.
    async fn first_in_segment(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
        next: Option<i64>,
        timestamp: i64,
    ) -> Result<Option<Bytes>, ReadError> {
        let largest = self.load_proven_times(volume, segment).await?;
        if largest.is_none_or(|largest| largest.timestamp < timestamp) {
            return Ok(None);
        }
        let entry = segment.index.borrow().as_ref().map(|index| index.time_entry_of(timestamp));
        if let Some(entry) = entry
            && !self.is_time_right(segment, entry).await?
        {
            self.rebuild_index(volume, segment).await?;
        }
        let beginning = OffsetEntry { offset: segment.base, position: 0 };
        let looked_up =
            if planted(volume.config.mutations.search_from_last_entry) { i64::MAX } else { timestamp };
        let entry = segment.index.borrow().as_ref().map_or(beginning, |index| {
            let entry = index.time_entry_of(looked_up);
            index.entry_of(entry.offset)
        });
        let ends = self.ends();
        let until = next.map_or(ends.settled, |next| next.min(ends.settled));
        let mut from = self.first_offset_at(volume, segment, entry, until).await?.max(ends.log_start);
        while from < until {
            let read = self
                .read(from, ReadBounds { offset: until, bytes: MAX_READ_BYTES, at_least_one: true })
                .await?;
            if let Some(found) = first_at_time(&read, timestamp, volume.config.max_batch_bytes) {
                return Ok(Some(found));
            }
            if read.next_offset <= from {
                break;
            }
            from = read.next_offset;
        }
        Ok(None)
    }

    /// Loads a segment's indexes, and returns the largest timestamp they tell of, which is a batch's. (They may have gone again by then.)
    async fn load_proven_times(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<Option<TimeEntry>, ReadError> {
        self.load_index(volume, segment).await?;
        let was_proven = segment.is_index_proven.get();
        let known = || segment.index.borrow().as_ref().and_then(SegmentIndex::largest_timestamp);
        let largest = known();
        // Which index this is: another may take its place while batches are read.
        let identity = || segment.index.borrow().as_ref().map(|index| Rc::clone(&index.written));
        let asked = identity();
        if segment.is_largest_proven.get() {
            return Ok(largest);
        }
        let is_right = match largest {
            Some(largest) => self.is_time_right(segment, largest).await?,
            None => true,
        };
        let is_right = is_right && self.reaches_last_batches(volume, segment).await?;
        let is_made_anew = !is_right
            && !was_proven
            && (segment.is_index_proven.get() || self.rebuild_index(volume, segment).await?);
        if is_made_anew {
            return Ok(known());
        }
        if let (Some(asked), Some(now)) = (asked, identity())
            && Rc::ptr_eq(&asked, &now)
        {
            segment.is_largest_proven.set(true);
        }
        Ok(largest)
    }

    async fn first_offset_at(
        &self,
        volume: &Volume,
        segment: &Rc<Segment>,
        OffsetEntry { offset, position }: OffsetEntry,
        until: i64,
    ) -> Result<i64, ReadError> {
        if position == 0 || segment.base >= until {
            return Ok(segment.base);
        }
        let start = block_floor(u64::from(position));
        let file = volume.open_segment(self, segment).await?;
        let end = u64::from(segment.length.get());
        let block = read_range(&*file, start, end, 2 * BLOCK).await?;
        let skipped = (u64::from(position) - start) as usize;
        let base = block.get(skipped..skipped + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        // Behind `settled` anything may be there; the segment's beginning is always right.
        let base = base.map_or(segment.base, i64::from_be_bytes);
        Ok(if (segment.base..until.min(offset.saturating_add(1))).contains(&base) {
            base
        } else {
            segment.base
        })
    }

    /// The largest timestamp of any batch, with the last offset of the first batch that has it. Gathered batches count.
    pub async fn max_timestamp(self: &Rc<Self>) -> Result<Option<TimeEntry>, ReadError> {
        let volume = self.volume.upgrade().ok_or(ReadError::Failed)?;
        let (mut from, mut generation) = (0, self.generation());
        let mut largest: Option<TimeEntry> = None;
        while let Some((segment, next)) = self.segment_from(from) {
            if self.generation() != generation {
                (from, generation, largest) = (0, self.generation(), None);
                continue;
            }
            let loaded = self.load_proven_times(&volume, &segment).await;
            if !self.still_has(&segment, generation)? {
                continue;
            }
            let entry = loaded?;
            if largest.is_none_or(|largest| entry.is_some_and(|entry| largest.timestamp < entry.timestamp)) {
                largest = entry;
            }
            let Some(next) = next else { break };
            from = next;
        }
        Ok(largest)
    }
}

/// Where to begin to look for `from`, the offset of the batch there if it is known, and the index entry that led there. A reader stopped here, or
/// the segment begins here: then what stands before is known. An index is asked for a batch below `from`, which is not returned, so
/// that the one that is returned is seen behind its predecessor.
fn begin(segment: &Segment, from: i64, generation: u32) -> (u32, Option<i64>, Option<OffsetEntry>) {
    if let Some(position) = segment.resume(from, generation) {
        return (position, Some(from), None);
    }
    let index = segment.index.borrow();
    let entry = index.as_ref().map(|index| index.entry_of(from.saturating_sub(1)));
    match entry.filter(|entry| entry.position > 0) {
        Some(entry) => (entry.position, None, Some(entry)),
        None => (0, Some(segment.base), None),
    }
}

fn out_of_range(offset: i64, log_start: i64, log_end: i64) -> ReadError {
    ReadError::OutOfRange { offset, log_start, log_end }
}

fn truncated(segment: &Segment, position: u64) -> ReadError {
    ReadError::Corrupt { base: segment.base, position, reason: "the file ends before its data".into() }
}

fn first_at_time(read: &Read, timestamp: i64, max_batch_bytes: usize) -> Option<Bytes> {
    for slice in &read.slices {
        for placed in BatchReader::new(slice, 0, max_batch_bytes).flatten() {
            if placed.batch.max_timestamp() >= timestamp {
                let start = placed.position as usize;
                return Some(slice.slice(start..start + placed.batch.len()));
            }
        }
    }
    None
}

/// Adds what `limits` allow of a chunk. Returns whether all of it was taken, so that the next chunk may follow.
fn take_from_chunk(chunk: &Chunk, limits: ReadBounds, read: &mut Read) -> bool {
    let batches = chunk.batches();
    let is_whole = read.next_offset <= chunk.first_offset
        && chunk.next_offset <= limits.offset
        && read.bytes + batches.len() <= limits.bytes;
    if is_whole {
        read.bytes += batches.len();
        read.next_offset = chunk.next_offset;
        read.slices.push(batches);
        return true;
    }
    let (mut start, mut end, mut next) = (None, 0, read.next_offset);
    for placed in BatchReader::new(&batches, 0, usize::MAX).flatten() {
        let batch = placed.batch;
        let at = placed.position as usize;
        if batch.last_offset() < read.next_offset {
            continue;
        }
        let taken = read.bytes + at + batch.len() - start.unwrap_or(at);
        let is_first = read.slices.is_empty() && start.is_none();
        if batch.last_offset() >= limits.offset
            || (taken > limits.bytes && !(is_first && limits.at_least_one))
        {
            break;
        }
        start.get_or_insert(at);
        end = at + batch.len();
        next = batch.next_offset();
    }
    if let Some(start) = start {
        read.bytes += end - start;
        read.next_offset = next;
        read.slices.push(batches.slice(start..end));
    }
    next == chunk.next_offset
}

//! Appending: one copy into the aligned write buffer, without an await. What an append may need that takes time (a spare, blocks,
//! memory, hints from disk) is got by [`Log::reserve`] before any offset is assigned.

use std::rc::Rc;

use crate::batch::{Batch, BatchMut, BatchReader};
use crate::config::LogConfig;
use crate::disk::DiskError;
use crate::failure::AppendError;
use crate::gather::{OpenChunk, Pending, Run};
use crate::key::LogKey;
use crate::ledger::SEGMENT_BOUND;
use crate::log::{Log, LogState};
use crate::producers::Marker;
use crate::segment::{Aborted, ClosingHints, Segment, SegmentIndex, block_ceil, block_floor};
use crate::txn_index::{AbortedTxn, TxnIndex};
use crate::volume::Volume;

/// Who gives the batches their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsets {
    /// The log: base offsets and `leader_epoch` are stamped.
    Assign { leader_epoch: i32 },
    /// The leader gave them; nothing is changed. They must ascend from the log's end on, and may leave gaps.
    Keep,
}

/// One or more whole v2 batches, validated, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    pub batches: &'a [u8],
    pub offsets: Offsets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub base_offset: i64,
    pub last_offset: i64,
    /// The offset behind the last one: what [`Log::wait_settled`] is given.
    pub log_end: i64,
}

/// What an append asks of the log, from one look at the headers.
#[derive(Debug, Clone, Copy)]
struct BatchRange {
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
}

impl Log {
    /// Appends all batches or none. Effects show in [`Log::ends`] as `log_end` at once, and as `settled` once acknowledged.
    pub fn append(self: &Rc<Self>, append: &Append<'_>) -> Result<Appended, AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        if volume.failed.is_failed() {
            return Err(AppendError::Failed);
        }
        let state = &mut *self.state.borrow_mut();
        if state.is_closed || volume.is_stopping() {
            return Err(AppendError::Closed);
        }
        let range = batch_range(append, state.ends.log_end, volume.config.max_batch_bytes)?;
        let length = append.batches.len();
        if length > state.config.segment_bytes as usize {
            return Err(AppendError::TooLarge { length, segment_bytes: state.config.segment_bytes });
        }
        if state.is_blocked() || !state.is_loaded() || volume.is_out_of_memory(length) {
            return Err(AppendError::MustWait);
        }
        if must_roll(self.key(), state, &range, length, volume.host.wall_clock_ms()) {
            volume.roll(state, range.base_offset, length).inspect_err(|_| state.is_roll_wanted = true)?;
        }
        let segment = Rc::clone(state.segments.last().ok_or(AppendError::MustWait)?);
        let end = u64::from(segment.length.get());
        if block_ceil(end + length as u64) > segment.reserved.get() || segment.file.borrow().is_none() {
            return Err(AppendError::MustWait);
        }
        if state.open.is_none() && state.partial.is_none() && end != block_floor(end) {
            return Err(AppendError::MustWait);
        }
        volume.make_room(state, &segment, length);
        place(state, &segment, append);
        let now_ns = volume.host.monotonic_ns();
        segment.used_at_ns.set(now_ns);
        state.rate.on_bytes(now_ns, length as u64);
        state.ends.log_end = range.last_offset + 1;
        state.is_end_proven = true;
        volume.add_gathered(length as u64);
        volume.enqueue(self);
        Ok(Appended {
            base_offset: range.base_offset,
            last_offset: range.last_offset,
            log_end: state.ends.log_end,
        })
    }

    /// Gets what an append of `bytes` was told to wait for. Nobody else may append to this log in between.
    pub async fn reserve(self: &Rc<Self>, bytes: usize) -> Result<(), AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        self.load().await.map_err(|error| match error {
            crate::failure::ReadError::Disk(DiskError::NoSpace { .. }) => AppendError::NoSpace,
            crate::failure::ReadError::Corrupt { .. } => AppendError::Corrupt,
            crate::failure::ReadError::Closed => AppendError::Closed,
            _ => AppendError::Failed,
        })?;
        if volume.is_out_of_memory(bytes) {
            volume.note_memory_waited_for();
        }
        volume
            .progress
            .until(|| {
                if volume.failed.is_failed() {
                    return Some(Err(AppendError::Failed));
                }
                let state = self.state.borrow();
                if state.is_closed || volume.is_stopping() {
                    return Some(Err(AppendError::Closed));
                }
                (!state.is_blocked() && !volume.is_out_of_memory(bytes)).then_some(Ok(()))
            })
            .await?;
        let (must_roll, segment) = {
            let mut state = self.state.borrow_mut();
            let range = BatchRange {
                base_offset: state.ends.log_end,
                last_offset: state.ends.log_end,
                max_timestamp: i64::MAX,
            };
            // Timestamps and offsets, which only the append knows, may make it roll, too: it has said so then.
            let must_roll = std::mem::take(&mut state.is_roll_wanted)
                || must_roll(self.key(), &state, &range, bytes, volume.host.wall_clock_ms());
            (must_roll, state.segments.last().cloned())
        };
        if must_roll {
            volume.get_spare(bytes).await?;
        }
        let Some(segment) = segment else { return Ok(()) };
        let end = u64::from(segment.length.get()) + bytes as u64;
        if end <= u64::from(self.state.borrow().config.segment_bytes) {
            volume.reserve_blocks(self, &segment, bytes).await?;
            self.load_partial(&segment).await?;
        }
        Ok(())
    }
}

fn batch_range(append: &Append<'_>, log_end: i64, max_batch_bytes: usize) -> Result<BatchRange, AppendError> {
    let mut range = BatchRange { base_offset: log_end, last_offset: log_end - 1, max_timestamp: -1 };
    let mut is_first = true;
    for placed in BatchReader::new(append.batches, 0, max_batch_bytes) {
        let batch = placed?.batch;
        let delta = i64::from(batch.last_offset_delta());
        let next = range.last_offset + 1;
        let base = match append.offsets {
            Offsets::Assign { .. } => next,
            Offsets::Keep => batch.base_offset(),
        };
        if base < next || delta < 0 || base.checked_add(delta).is_none_or(|last| last == i64::MAX) {
            return Err(AppendError::OutOfOrder { offset: base, log_end: next });
        }
        // All of it goes into one segment, whose index has four bytes for an offset.
        let first = if is_first { base } else { range.base_offset };
        if base + delta - first > i64::from(i32::MAX) {
            return Err(AppendError::OutOfOrder { offset: base + delta, log_end: first });
        }
        if batch.attributes().is_control() {
            Marker::of(&batch)?;
        }
        if is_first {
            range.base_offset = base;
            is_first = false;
        }
        range.last_offset = base + delta;
        range.max_timestamp = range.max_timestamp.max(batch.max_timestamp());
    }
    if is_first {
        return Err(AppendError::OutOfOrder { offset: log_end, log_end });
    }
    Ok(range)
}

/// Whether a segment ends before an append: as Kafka's `LogSegment.shouldRoll` decides.
fn must_roll(key: &LogKey, state: &LogState, range: &BatchRange, length: usize, now_ms: i64) -> bool {
    let Some(segment) = state.segments.last() else { return true };
    let size = segment.length.get();
    if i64::from(i32::MAX) < range.last_offset - segment.base {
        return true;
    }
    if size == 0 {
        return false;
    }
    if u64::from(size) + length as u64 > u64::from(state.config.segment_bytes) {
        return true;
    }
    let is_full = |index: &SegmentIndex| index.writer.is_full(state.config.segment_index_bytes as usize);
    if segment.index.borrow().as_ref().is_some_and(is_full) {
        return true;
    }
    is_old(key, segment, &state.config, range.max_timestamp, now_ms)
}

fn is_old(key: &LogKey, segment: &Segment, config: &LogConfig, timestamp: i64, now_ms: i64) -> bool {
    let age = match segment.first_timestamp.get() {
        Some(first) if first >= 0 && (0..i64::MAX).contains(&timestamp) => timestamp.saturating_sub(first),
        _ => now_ms.saturating_sub(segment.began_ms.get()),
    };
    age > config.segment_ms - jitter_ms(key, segment.base, config)
}

/// How much earlier than `segment_ms` a segment is old, so that those of many logs that were created together do not all end together.
/// Kafka draws it when it opens a segment; here the segment's own name decides, so that nothing has to be kept, and a start changes nothing.
fn jitter_ms(key: &LogKey, base: i64, config: &LogConfig) -> i64 {
    let max = config.segment_jitter_ms.min(config.segment_ms);
    if max <= 0 {
        return 0;
    }
    // FNV-1a, Fowler, Noll and Vo, and the finaliser of MurmurHash3 by Appleby: names that differ in one bit are to lie far apart.
    let name = key.topic_id.iter().copied().chain(key.partition.to_be_bytes()).chain(base.to_be_bytes());
    let mut hash = name.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    ((hash ^ (hash >> 33)) % max as u64) as i64
}

impl Volume {
    /// Begins a new segment at `base` with a spare that is at hand and has blocks for `length` bytes.
    pub(crate) fn roll(&self, state: &mut LogState, base: i64, length: usize) -> Result<(), AppendError> {
        if !self.promise_checkpoint(SEGMENT_BOUND as u64) {
            return Err(AppendError::MustWait);
        }
        let Some(spare) = self.spares.take(block_ceil(length as u64)) else {
            self.keep_promise(SEGMENT_BOUND as u64);
            return Err(AppendError::MustWait);
        };
        Self::seal_open(state);
        if let Some(last) = state.segments.last() {
            if let Some(index) = &mut *last.index.borrow_mut() {
                index.on_close();
            }
            *last.closing.borrow_mut() = Some(ClosingHints::of(state));
        }
        let segment = Rc::new(Segment::new(base, 0, Some(spare.name), self.host.wall_clock_ms()));
        segment.reserved.set(spare.reserved);
        segment.prepared.set(Some(spare.prepared));
        segment.adopt(spare.file);
        segment.set_index(SegmentIndex::new(base, state.config.index_interval_bytes), true);
        *segment.aborted.borrow_mut() = Some(Aborted { index: TxnIndex::default(), is_written: true });
        state.pending.push_back(Pending::Roll { segment: Rc::clone(&segment), spare: spare.name });
        state.segments.push(segment);
        state.is_end_proven = true;
        state.partial = None;
        Ok(())
    }

    /// Moves the open chunk to its run and to the cache.
    pub(crate) fn seal_open(state: &mut LogState) {
        let Some(open) = state.open.take() else { return };
        let Some(Pending::Run(run)) = state.pending.back_mut() else {
            unreachable!("an open chunk belongs to the last run")
        };
        let chunk = open.seal();
        state.partial = Some(chunk.partial());
        state.cache.push_back(chunk.clone());
        run.chunks.push(chunk);
    }

    /// Sees to it that there is an open chunk with room for `length` bytes, and a run it belongs to.
    fn make_room(&self, state: &mut LogState, segment: &Rc<Segment>, length: usize) {
        if state.open.as_ref().is_some_and(|open| open.room() < length) {
            Self::seal_open(state);
        }
        let position = segment.length.get();
        let extends = matches!(state.pending.back(), Some(Pending::Run(run)) if !run.is_written);
        if !extends {
            state.pending.push_back(Pending::Run(Run {
                segment: Rc::clone(segment),
                position,
                length: 0,
                crc: crate::crc::RunningCrc::new(),
                next_offset: state.ends.log_end,
                messages: 0,
                chunks: Vec::new(),
                is_written: false,
                began_ns: self.host.monotonic_ns(),
            }));
        }
        if state.open.is_none() {
            let partial = state.partial.take().unwrap_or_default();
            let likely = (state.rate.run_bytes as usize).min(1 << 20).min(self.free_memory());
            let buffer = self.directory.buffer(partial.len() + length.max(likely));
            let open = OpenChunk::new(buffer, u64::from(position), &partial, state.ends.log_end);
            self.add_memory(open.capacity());
            state.open = Some(open);
        }
    }
}

/// Copies, stamps, and brings everything up to date that is derived from batches.
fn place(state: &mut LogState, segment: &Segment, append: &Append<'_>) {
    let LogState { open: Some(open), pending, producers, epochs, has_aborted, ends, .. } = state else {
        unreachable!("room was made")
    };
    let Some(Pending::Run(run)) = pending.back_mut() else { unreachable!("room was made") };
    let bytes = open.push(append.batches);
    let mut offset = ends.log_end;
    let mut at = 0;
    let mut index = segment.index.borrow_mut();
    while at < bytes.len() {
        let mut batch =
            BatchMut::parse(&mut bytes[at..], usize::MAX).expect("these bytes were checked: whole batches");
        if let Offsets::Assign { leader_epoch } = append.offsets {
            batch.stamp(offset, leader_epoch);
        }
        let batch = batch.view();
        let position = segment.length.get();
        if position == 0 {
            segment.first_timestamp.set(Some(batch.max_timestamp()));
        }
        segment.length.set(position + batch.len() as u32);
        run.messages += (i64::from(batch.last_offset_delta()) + 1) as u64;
        offset = batch.next_offset();
        at += batch.len();
        if let Some(txn) = derive(index.as_mut(), producers, Some(&mut *epochs), position, &batch) {
            segment.add_aborted(txn);
            *has_aborted = true;
        }
    }
    run.crc.update(bytes);
    run.length += bytes.len() as u32;
    run.next_offset = offset;
    open.next_offset = offset;
}

/// What the indexes, the producers and the epochs learn from a batch that is in the log. Returns the transaction that it aborts.
pub(crate) fn derive(
    index: Option<&mut SegmentIndex>,
    producers: &mut crate::producers::Producers,
    epochs: Option<&mut crate::epochs::LeaderEpochs>,
    position: u32,
    batch: &Batch<'_>,
) -> Option<AbortedTxn> {
    if let Some(index) = index
        && let Err(error) = index.on_batch(position, batch)
    {
        // Only a hint is poorer; the segment's offsets were checked when it was chosen.
        tracing::warn!(%error, position, "a batch has no index entry");
    }
    if let Some(epochs) = epochs {
        epochs.assign(batch.leader_epoch(), batch.base_offset());
    }
    match producers.apply(batch) {
        Ok(ended) => ended.and_then(|ended| ended.aborted()),
        Err(error) => {
            tracing::warn!(%error, offset = batch.base_offset(), "a control batch is not one");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(segment_ms: i64, segment_jitter_ms: i64) -> LogConfig {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms,
            segment_jitter_ms,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            flush_messages: u64::MAX,
            flush_ms: i64::MAX,
            producer_expiration_ms: 86_400_000,
        }
    }

    /// The age from which on the first segment of each of a hundred partitions of one topic is old.
    fn ages(config: &LogConfig) -> Vec<i64> {
        let age = |partition| {
            let key = LogKey { topic: "t".to_owned(), topic_id: [7; 16], partition };
            let segment = Segment::new(0, 0, None, 50);
            let old_at = |age: &i64| is_old(&key, &segment, config, i64::MAX, 50 + age);
            (0..=config.segment_ms + 1).find(old_at).expect("every segment grows old")
        };
        (0..100).map(age).collect()
    }

    #[test]
    fn jitter_spreads_the_ends_of_segments_that_began_together() {
        assert!(ages(&config(1_000, 0)).iter().all(|age| *age == 1_001));
        let spread = ages(&config(1_000, 400));
        assert!(spread.iter().all(|age| (602..=1_001).contains(age)));
        let quarter = |from: i64| spread.iter().filter(|age| (from..from + 100).contains(*age)).count();
        for from in [602, 702, 802, 902] {
            assert!(quarter(from) >= 10, "{spread:?}");
        }
        assert_eq!(spread, ages(&config(1_000, 400)), "the same after a start");
        assert!(
            ages(&config(20, i64::MAX)).iter().all(|age| (1..=21).contains(age)),
            "never more than segment.ms"
        );
    }
}

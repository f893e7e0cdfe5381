//! Indexes that were read from files, and that the batches contradict. Kafka's have no checksum, so an index may be garbled and still look like
//! one: then it is made anew from the batches, instead of calling the segment damaged.
//!
//! Of sealed segments only so many indexes stay in memory: a client that asks for a timestamp, or reads all of a large log, has every one of
//! them read, and together they are a two-hundredth of what is stored.
//!
//! Invariants: `KeptIndexes::bytes` is the sum over `queue`, at most what [`INDEX_BYTES`] and an eighth of the cache allow, or one index; what is
//! made of the batches is never doubted (`is_index_proven`), nor is one whose segment was gone through and is damaged, so that this is done once
//! and not at each read; a scan that was given up, or that the disk has failed, proves nothing; the ledger vouches for no file of an index
//! that was contradicted, so that it is written again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::config::INDEX_BYTES;
use crate::failure::{AppendError, ReadError};
use crate::index::TimeEntry;
use crate::log::Log;
use crate::read::ReadBounds;
use crate::segment::{Segment, SegmentIndex};
use crate::volume::Volume;

/// What a lookup led to cannot be what the index is about.
pub(crate) fn contradicted(segment: &Segment, position: u64) -> ReadError {
    ReadError::Corrupt {
        base: segment.base,
        position,
        reason: "an index entry leads to a batch that it is not about".into(),
    }
}

/// The indexes of sealed segments that are in memory and can be had again, the longest there in front.
#[derive(Default)]
pub(crate) struct KeptIndexes {
    queue: RefCell<VecDeque<Kept>>,
    bytes: Cell<usize>,
}

struct Kept {
    log: Rc<Log>,
    segment: Rc<Segment>,
    bytes: usize,
}

impl KeptIndexes {
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn push(&self, kept: Kept) {
        let mut queue = self.queue.borrow_mut();
        if let Some(at) = queue.iter().position(|other| Rc::ptr_eq(&other.segment, &kept.segment))
            && let Some(before) = queue.remove(at)
        {
            self.bytes.set(self.bytes.get() - before.bytes);
        }
        self.bytes.set(self.bytes.get() + kept.bytes);
        queue.push_back(kept);
    }

    /// The longest there, if all together take more than `max`; never the last one.
    fn pop_beyond(&self, max: usize) -> Option<Kept> {
        let mut queue = self.queue.borrow_mut();
        if self.bytes.get() <= max || queue.len() < 2 {
            return None;
        }
        let oldest = queue.pop_front()?;
        self.bytes.set(self.bytes.get() - oldest.bytes);
        Some(oldest)
    }
}

impl Volume {
    /// The index of a sealed segment was loaded or written: it stays in memory while there is room.
    pub(crate) fn keep_index(&self, log: &Rc<Log>, segment: &Rc<Segment>) {
        let Some(bytes) = segment.index.borrow().as_ref().map(SegmentIndex::memory_bytes) else { return };
        self.indexes.push(Kept { log: Rc::clone(log), segment: Rc::clone(segment), bytes });
        let max = INDEX_BYTES.min(self.config.cache_bytes / 8);
        while let Some(Kept { log, segment, .. }) = self.indexes.pop_beyond(max) {
            // A truncation may have made it the last one, which grows; and what it knew when it was sealed again may not be written yet.
            let is_needed = !log.is_sealed(&segment) || segment.closing.borrow().is_some();
            if !is_needed {
                segment.index.borrow_mut().take();
            }
        }
    }
}

/// A segment's index is being made of its batches, also for others who wait for it, until this is dropped: whoever reads may give up.
struct Making<'a> {
    segment: &'a Segment,
    volume: &'a Volume,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.segment.is_index_in_the_making.set(false);
        self.volume.progress.notify();
    }
}

impl Log {
    /// After a read that an index led to found what cannot be: makes the indexes anew. Returns whether that makes a difference, so that the
    /// read is worth another attempt.
    pub(crate) async fn rebuild_index(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<bool, ReadError> {
        if volume.is_stopping() || segment.is_index_proven.get() {
            return Ok(false);
        }
        if self.is_sealed(segment) {
            return self.rebuild_index_now(volume, segment).await;
        }
        // The last segment grows; and what was appended is not on disk yet.
        let _quiet = volume.quiet(self).await.map_err(|error| match error {
            AppendError::Closed => ReadError::Closed,
            _ => ReadError::Failed,
        })?;
        self.rebuild_index_now(volume, segment).await
    }

    /// As [`Self::rebuild_index`], of a segment that does not grow.
    pub(crate) async fn rebuild_index_now(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<bool, ReadError> {
        if segment.is_index_proven.get() {
            return Ok(false);
        }
        let is_mine = || {
            if segment.is_index_proven.get() || volume.failed.is_failed() {
                return Some(false);
            }
            (!segment.is_index_in_the_making.replace(true)).then_some(true)
        };
        if !volume.progress.until(is_mine).await {
            // Somebody else has made it: worth another look.
            return Ok(segment.is_index_proven.get());
        }
        let _making = Making { segment, volume };
        let (length, generation) = (segment.length.get(), self.generation());
        let mut index = SegmentIndex::new(segment.base, self.config().index_interval_bytes);
        let scanned = volume
            .scan(self, segment, 0, length, |position, batch| {
                if let Err(error) = index.on_batch(position, batch) {
                    tracing::warn!(%error, position, "a batch has no index entry");
                }
            })
            .await;
        // A truncation meanwhile has taken its index away, and whoever loads the log another from a file, of which this says nothing.
        let is_current = segment.length.get() == length && self.still_has(segment, generation)?;
        if is_current {
            segment.is_index_proven.set(matches!(scanned, Ok(()) | Err(ReadError::Corrupt { .. })));
        }
        scanned?;
        if !is_current {
            return Ok(false);
        }
        if self.is_sealed(segment) {
            index.on_close();
        }
        if segment.index.borrow().as_ref().is_some_and(|old| old.is_same(&index)) {
            return Ok(false);
        }
        tracing::warn!(log = %self.key(), base = segment.base, "the batches contradict the indexes: they are rebuilt");
        segment.set_index(index, true);
        if self.is_sealed(segment) {
            volume.keep_index(self, segment);
        }
        self.disown_index(volume, segment);
        Ok(true)
    }

    /// A load went wrong with the indexes and right without them: none of those that it may have used is believed again.
    pub(crate) fn forget_indexes(&self, volume: &Volume) {
        let segments = self.state.borrow().segments.clone();
        tracing::warn!(log = %self.key(), "the batches contradict the indexes: they are rebuilt");
        let last = segments.last().map(|last| last.base);
        for segment in &segments {
            if last != Some(segment.base) && !segment.is_index_proven.get() {
                segment.index.borrow_mut().take();
            }
            self.disown_index(volume, segment);
        }
    }

    fn disown_index(&self, volume: &Volume, segment: &Segment) {
        volume.ledger.borrow_mut().vouch(self.number, |entry| {
            if let Some(at) = entry.segments.iter_mut().find(|at| at.base == segment.base) {
                at.indexed = 0;
            }
        });
    }

    /// Whether the time index of a sealed segment tells of timestamps as large as those of the batches behind the last entry of the offset index.
    /// Nothing counts a time index's entries: one that lacks its last is noticed by these batches if they are the latest, as they mostly
    /// are. (Loading a log compares those of its last segment.)
    pub(crate) async fn reaches_last_batches(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<bool, ReadError> {
        if segment.is_index_proven.get() || !self.is_sealed(segment) {
            return Ok(true);
        }
        let known = segment.index.borrow().as_ref().map(|index| (index.last_entry(), index.last_time()));
        let Some((Some(last), largest)) = known else { return Ok(true) };
        let mut reaches = true;
        let scanned = volume
            .scan(self, segment, last.position, segment.length.get(), |_, batch| {
                reaches &= batch.max_timestamp() <= largest;
            })
            .await;
        match scanned {
            // The offset index may lead astray.
            Err(ReadError::Corrupt { .. }) => Ok(false),
            outcome => outcome.map(|()| reaches),
        }
    }

    /// Whether the batch that a time index entry names has its timestamp. What nobody may read says nothing against it.
    pub(crate) async fn is_time_right(
        self: &Rc<Self>,
        segment: &Rc<Segment>,
        entry: TimeEntry,
    ) -> Result<bool, ReadError> {
        if segment.is_index_proven.get() || entry.timestamp < 0 {
            return Ok(true);
        }
        let ends = self.ends();
        if entry.offset < ends.log_start || entry.offset >= ends.settled {
            return Ok(entry.offset < ends.log_end);
        }
        let one = ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true };
        let read = self.read(entry.offset, one).await?;
        let Some(bytes) = read.slices.first() else { return Ok(false) };
        let batch = crate::batch::Batch::parse(bytes, usize::MAX);
        Ok(batch.is_ok_and(|batch| {
            (batch.base_offset()..=batch.last_offset()).contains(&entry.offset)
                && batch.max_timestamp() == entry.timestamp
        }))
    }
}

//! Bringing into memory what a log needs before it is written to or searched: hints as far as the ledger vouches for them, the rest
//! from the batches themselves.

use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::aborted::set_aborted;
use crate::append::derive;
use crate::batch::{Batch, BatchError};
use crate::config::planted;
use crate::disk::{BLOCK, DiskError, File, OpenMode, Priority};
use crate::epochs::LeaderEpochs;
use crate::failure::{AppendError, ReadError};
use crate::index::{OFFSET_ENTRY_LEN, OffsetEntry, OffsetIndex, TIME_ENTRY_LEN, TimeIndex};
use crate::indexes::contradicted;
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::segment_path;
use crate::ledger::{ALL_ENTRIES, LedgerLog, LedgerSegment};
use crate::log::{Load, Log, LogState};
use crate::producers::Producers;
use crate::segment::{Aborted, Segment, SegmentIndex, block_floor};
use crate::volume::Volume;

/// Read at a time while scanning.
const SCAN_BYTES: usize = 1 << 20;
/// The largest hint file that is read; a longer one is not believed.
const MAX_HINT_BYTES: usize = 64 << 20;

/// What the ledger vouches for.
#[derive(Debug, Clone, Copy)]
struct Vouched {
    snapshot: i64,
    epochs: i64,
    index: VouchedIndex,
}

/// What the ledger vouches for of a segment's index files.
#[derive(Debug, Clone, Copy)]
struct VouchedIndex {
    /// Up to this position of the segment.
    until: u32,
    /// So many entries of the time index, or [`ALL_ENTRIES`].
    time_entries: u32,
}

impl VouchedIndex {
    const NOTHING: Self = Self { until: 0, time_entries: 0 };
    const ALL: Self = Self { until: u32::MAX, time_entries: ALL_ENTRIES };

    fn of(segment: &LedgerSegment) -> Self {
        Self { until: segment.indexed, time_entries: segment.time_entries }
    }
}

impl Log {
    /// Loads epochs, producers and the last segment's indexes. Does nothing if they are there. What it does goes on if whoever waits for it
    /// gives up, and is there for those who come later: a large log of which hints were lost takes longer than readers wait.
    ///
    /// # Errors
    /// [`ReadError::Closed`] also while the log is about to be deleted.
    pub async fn load(self: &Rc<Self>) -> Result<(), ReadError> {
        let volume = self.volume.upgrade().ok_or(ReadError::Failed)?;
        let (outcome, is_first) = {
            let mut state = self.state.borrow_mut();
            if state.is_loaded() {
                return Ok(());
            }
            if volume.failed.is_failed() {
                return Err(ReadError::Failed);
            }
            if !volume.may_load(&state) {
                return Err(ReadError::Closed);
            }
            let (waiter, outcome) = oneshot::channel();
            let is_first = match &mut state.load {
                Load::Loading(waiters) => {
                    waiters.push(waiter);
                    false
                }
                load => {
                    *load = Load::Loading(vec![waiter]);
                    true
                }
            };
            (outcome, is_first)
        };
        if is_first {
            let (log, of_task) = (Rc::clone(self), Rc::clone(&volume));
            let task = async move { log.load_for_all(&of_task).await };
            volume.host.spawn(Priority::Loads, Box::pin(task));
        }
        // Without an answer the shard has ended.
        outcome.await.unwrap_or(Err(ReadError::Closed))
    }

    async fn load_for_all(self: &Rc<Self>, volume: &Rc<Volume>) {
        let unwanted = volume.progress.until(|| (!volume.may_load(&self.state.borrow())).then_some(()));
        let outcome = match select(pin!(self.load_now(volume)), pin!(unwanted)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(ReadError::Closed),
        };
        // In the turn in which the load was done: no truncation came between.
        let loaded = if outcome.is_ok() { Load::Loaded } else { Load::Cold };
        let before = std::mem::replace(&mut self.state.borrow_mut().load, loaded);
        let Load::Loading(waiters) = before else { panic!("{} is loaded by another task", self.key()) };
        for waiter in waiters {
            let _gave_up = waiter.send(outcome.clone());
        }
        volume.progress.notify();
    }

    async fn load_now(self: &Rc<Self>, volume: &Rc<Volume>) -> Result<(), ReadError> {
        let mut believes_indexes = true;
        let outcome = loop {
            let (segments, generation) = {
                let state = self.state.borrow();
                (state.segments.clone(), state.generation)
            };
            match self.load_hints(volume, &segments, generation, believes_indexes).await {
                // A truncation that was under way has been done meanwhile: this is of an end that is gone.
                _ if self.generation() != generation => {}
                // The log start was raised meanwhile, and the files of what lay below may be gone.
                Err(_) if !self.has_all(&segments) => {}
                // Either the batches are damaged, or an index has led astray.
                Err(ReadError::Corrupt { .. }) if believes_indexes => believes_indexes = false,
                outcome => {
                    break outcome.map(|(producers, epochs, aborted)| {
                        (producers, epochs, set_aborted(&segments, aborted))
                    });
                }
            }
        };
        if !believes_indexes && outcome.is_ok() {
            self.forget_indexes(volume);
        }
        let (producers, epochs, has_aborted) = outcome?;
        {
            let mut state = self.state.borrow_mut();
            state.producers = producers;
            state.producers_checked_ms = volume.host.wall_clock_ms();
            state.epochs = epochs;
            // As Kafka's `truncateFromStart`, which every load of a log does: an epoch of which nothing is left has no end to be told.
            let log_start = state.ends.log_start;
            state.epochs.truncate_start(log_start);
            state.has_aborted = has_aborted;
        }
        Ok(())
    }

    async fn load_hints(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segments: &[Rc<Segment>],
        generation: u32,
        believes_indexes: bool,
    ) -> Result<(Producers, LeaderEpochs, Vec<Option<Aborted>>), ReadError> {
        let (end, interval_bytes) = {
            let state = self.state.borrow();
            (state.ends.log_end, state.config.index_interval_bytes)
        };
        let vouched = self.vouched(volume);
        let Some(last) = segments.last() else {
            return Ok((Producers::new(end), LeaderEpochs::new(), Vec::new()));
        };
        let mut producers = self.load_producers(volume, vouched.snapshot, segments[0].base).await;
        let mut aborted = self.aborted_below(volume, segments, producers.end_offset()).await?;
        let (mut epochs, epochs_to) = self.load_epochs(volume, vouched, segments[0].base).await;
        let vouched_index = if believes_indexes { vouched.index } else { VouchedIndex::NOTHING };
        let mut index = self.load_index_files(volume, last, vouched_index, interval_bytes).await;
        let mut resumed = index.last_entry().map(|entry| Resumed::at(entry, index.last_time()));
        let from = producers.end_offset().min(epochs_to);
        for (segment, aborted) in segments.iter().zip(&mut aborted) {
            let is_last = Rc::ptr_eq(segment, last);
            let behind =
                segments.iter().find(|other| other.base > segment.base).map_or(end, |next| next.base);
            let length = segment.length.get();
            let mut begin = OffsetEntry { offset: segment.base, position: length };
            if behind > from {
                begin = match (from > segment.base && believes_indexes, is_last) {
                    (false, _) => OffsetEntry { position: 0, ..begin },
                    (true, false) => self.hint_entry(volume, segment, from).await,
                    (true, true) => index.entry_of(from),
                };
            }
            if is_last && begin.position > index.writer.resume_position() {
                begin = index.last_entry().unwrap_or(OffsetEntry { position: 0, ..begin });
            }
            let mut is_astray = false;
            volume
                .scan(self, segment, begin.position, length, |position, batch| {
                    is_astray |= position == begin.position && !begin.fits(batch);
                    if let Some(resumed) = resumed.as_mut().filter(|_| is_last) {
                        resumed.on_batch(position, batch);
                    }
                    let index = (is_last && position >= index.writer.resume_position()).then_some(&mut index);
                    if position == 0 {
                        segment.first_timestamp.set(Some(batch.max_timestamp()));
                    }
                    // What the file knows must not be learnt again from its middle: an epoch would seem to begin there.
                    let epochs = (batch.base_offset() >= epochs_to).then_some(&mut epochs);
                    if let Some(txn) = derive(index, &mut producers, epochs, position, batch) {
                        // A segment that the snapshot covers has no marker behind it.
                        is_astray |= aborted.as_mut().is_none_or(|aborted| !aborted.add(txn));
                    }
                })
                .await?;
            if is_astray || (is_last && resumed.is_some_and(|resumed| !resumed.is_right())) {
                return Err(contradicted(segment, begin.position.into()));
            }
        }
        if last.first_timestamp.get().is_none() && last.length.get() > 0 {
            last.first_timestamp.set(self.first_timestamp(volume, last).await?);
        }
        if self.generation() == generation {
            last.set_index(index, resumed.is_none());
        }
        epochs.truncate_end(end);
        Ok((producers, epochs, aborted))
    }

    /// The max timestamp of a segment's first batch, from which `segment.ms` counts, as Kafka's `loadFirstBatchTimestamp` gets it.
    async fn first_timestamp(&self, volume: &Volume, segment: &Segment) -> Result<Option<i64>, ReadError> {
        let file = volume.open_segment(self, segment).await?;
        let block = file.read(0, BLOCK).await?;
        Ok(Batch::first_max_timestamp(&block))
    }

    /// The offset that no batch of a segment reaches: where the next one begins, or the log ends.
    fn offset_behind(&self, segment: &Rc<Segment>) -> i64 {
        let state = self.state.borrow();
        let at = state.segments.iter().position(|other| Rc::ptr_eq(other, segment));
        at.map_or(i64::MAX, |at| state.segments.get(at + 1).map_or(state.ends.log_end, |next| next.base))
    }

    fn has_all(&self, segments: &[Rc<Segment>]) -> bool {
        let state = self.state.borrow();
        segments.iter().all(|segment| state.has(segment))
    }

    /// Where a batch with `offset` cannot be before: an index in memory says so, or what is vouched for of its file.
    async fn hint_entry(&self, volume: &Volume, segment: &Segment, offset: i64) -> OffsetEntry {
        if let Some(index) = &*segment.index.borrow() {
            return index.entry_of(offset);
        }
        self.index_of_files(volume, segment).await.entry_of(offset)
    }

    /// What is vouched for of a segment's index files.
    pub(crate) async fn index_of_files(&self, volume: &Volume, segment: &Segment) -> SegmentIndex {
        let vouched = self.vouched_index(volume, segment.base);
        let interval_bytes = self.config().index_interval_bytes;
        self.load_index_files(volume, segment, vouched, interval_bytes).await
    }

    /// How far the ledger vouches for a segment's indexes.
    fn vouched_index(&self, volume: &Volume, base: i64) -> VouchedIndex {
        let find = |entry: &mut LedgerLog| {
            entry.segments.iter().find(|segment| segment.base == base).map(VouchedIndex::of)
        };
        volume.in_ledger(self.number, find).flatten().unwrap_or(VouchedIndex::NOTHING)
    }

    fn vouched(&self, volume: &Volume) -> Vouched {
        let end = self.ends().log_end;
        let vouched = volume.in_ledger(self.number, |entry| Vouched {
            snapshot: entry.snapshot,
            epochs: entry.epochs,
            index: entry.segments.last().map_or(VouchedIndex::NOTHING, VouchedIndex::of),
        });
        if planted(volume.config.mutations.believe_unvouched_hints) {
            return Vouched { snapshot: end, epochs: end, index: VouchedIndex::ALL };
        }
        vouched.unwrap_or(Vouched { snapshot: -1, epochs: -1, index: VouchedIndex::NOTHING })
    }

    /// From a snapshot, if there is one. One below the `first` batch that is left is as good as none, as it is to Kafka: what the batches
    /// in between said, that a transaction has ended say, is not known any more.
    pub(crate) async fn load_producers(&self, volume: &Volume, snapshot: i64, first: i64) -> Producers {
        if snapshot >= first {
            let path = segment_path(&self.key().directory_name(), snapshot, SegmentFile::ProducerSnapshot);
            match volume.directory.read_small(&path, MAX_HINT_BYTES).await {
                Ok(bytes) => match Producers::read_snapshot(&bytes, snapshot) {
                    Ok(mut producers) => {
                        // As Kafka's `loadFromSnapshot`: what the batches behind it say is taken in whatever its age, until the next look.
                        let expiration_ms = self.state.borrow().config.producer_expiration_ms;
                        producers.expire(volume.host.wall_clock_ms(), expiration_ms);
                        return producers;
                    }
                    Err(error) => tracing::warn!(%path, %error, "a producer snapshot is rebuilt"),
                },
                Err(error) => tracing::warn!(%error, "a producer snapshot is rebuilt"),
            }
        }
        Producers::new(first)
    }

    async fn load_epochs(&self, volume: &Volume, vouched: Vouched, first: i64) -> (LeaderEpochs, i64) {
        if vouched.epochs >= 0 {
            let path = format!("{}/{LEADER_EPOCH_CHECKPOINT}", self.key().directory_name());
            match volume.directory.read_small(&path, MAX_HINT_BYTES).await {
                Ok(bytes) => match LeaderEpochs::read(&bytes) {
                    Ok(mut epochs) => {
                        epochs.truncate_end(vouched.epochs);
                        return (epochs, vouched.epochs);
                    }
                    Err(error) => tracing::warn!(%path, %error, "an epoch file is rebuilt"),
                },
                Err(error) => tracing::warn!(%error, "an epoch file is rebuilt"),
            }
        }
        (LeaderEpochs::new(), first)
    }

    /// What the index files say as far as they are vouched for; an empty index if they say nothing that can be believed.
    async fn load_index_files(
        &self,
        volume: &Volume,
        segment: &Segment,
        vouched: VouchedIndex,
        interval_bytes: u32,
    ) -> SegmentIndex {
        let empty = SegmentIndex::new(segment.base, interval_bytes);
        if vouched.until == 0 {
            return empty;
        }
        let directory = self.key().directory_name();
        let offsets = segment_path(&directory, segment.base, SegmentFile::OffsetIndex);
        let times = segment_path(&directory, segment.base, SegmentFile::TimeIndex);
        let offsets = volume.directory.read_small(&offsets, MAX_HINT_BYTES).await;
        let times = volume.directory.read_small(&times, MAX_HINT_BYTES).await;
        let (Ok(offsets), Ok(times)) = (offsets, times) else {
            tracing::warn!(log = %self.key(), base = segment.base, "indexes are rebuilt");
            return empty;
        };
        let is_whole = vouched.until >= segment.length.get();
        resume_index(segment.base, interval_bytes, offsets, times, vouched, is_whole).unwrap_or_else(|| {
            tracing::warn!(log = %self.key(), base = segment.base, "indexes are rebuilt");
            empty
        })
    }

    /// The indexes of a segment, loaded or rebuilt if they are not in memory: once for all who ask, and to the end, whoever of them gives up. Of a
    /// large segment whose index was lost that takes longer than a reader waits.
    pub(crate) async fn load_index(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<(), ReadError> {
        if segment.index.borrow().is_some() {
            return Ok(());
        }
        if self.state.borrow().segments.last().is_some_and(|last| Rc::ptr_eq(last, segment)) {
            // Only the last segment still grows; loading the log loads its index.
            return self.load().await;
        }
        let (waiter, outcome) = oneshot::channel();
        let is_first = {
            let mut waiters = segment.index_waiters.borrow_mut();
            waiters.push(waiter);
            waiters.len() == 1
        };
        if is_first {
            let (log, of_task, segment) = (Rc::clone(self), Rc::clone(volume), Rc::clone(segment));
            let task = async move { log.load_index_for_all(&of_task, &segment).await };
            volume.host.spawn(Priority::Loads, Box::pin(task));
        }
        // Without an answer the shard has ended.
        outcome.await.unwrap_or(Err(ReadError::Closed))
    }

    async fn load_index_for_all(self: &Rc<Self>, volume: &Rc<Volume>, segment: &Rc<Segment>) {
        let is_over = || self.is_closed() || volume.is_ended();
        let over = volume.progress.until(|| is_over().then_some(()));
        let outcome = match select(pin!(self.load_index_now(volume, segment)), pin!(over)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                Err(if volume.failed.is_failed() { ReadError::Failed } else { ReadError::Closed })
            }
        };
        for waiter in segment.index_waiters.take() {
            let _gave_up = waiter.send(outcome.clone());
        }
    }

    async fn load_index_now(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<(), ReadError> {
        let vouched = self.vouched_index(volume, segment.base);
        let interval_bytes = self.config().index_interval_bytes;
        let (length, generation) = (segment.length.get(), self.generation());
        let mut index = self.load_index_files(volume, segment, vouched, interval_bytes).await;
        let mut is_made = index.last_entry().is_none();
        // Of a file that was written while the segment grew the last entry of a closed one is missing, at least.
        let is_closed = vouched.until >= length && vouched.time_entries == ALL_ENTRIES;
        if (!is_closed || index.offsets.is_empty()) && !self.scan_index(volume, segment, &mut index).await? {
            tracing::warn!(log = %self.key(), base = segment.base, "an index is rebuilt: no batch begins where it says");
            (index, is_made) = (SegmentIndex::new(segment.base, interval_bytes), true);
            self.scan_index(volume, segment, &mut index).await?;
        }
        // A truncation may have made it the last segment meanwhile, whose index grows.
        let is_same = segment.length.get() == length && self.generation() == generation;
        if is_same && self.is_sealed(segment) {
            segment.set_index(index, is_made);
            volume.keep_index(self, segment);
        }
        Ok(())
    }
    /// Shows an index the batches from its last entry on. Returns whether they can be what that entry is about: nobody has looked at it yet.
    async fn scan_index(
        &self,
        volume: &Volume,
        segment: &Rc<Segment>,
        index: &mut SegmentIndex,
    ) -> Result<bool, ReadError> {
        let last = index.last_entry();
        let begin = last.map_or(0, |last| last.position);
        let mut is_astray = false;
        let scanned = volume
            .scan(self, segment, begin, segment.length.get(), |position, batch| {
                is_astray |= last.is_some_and(|last| position == last.position && !last.fits(batch));
                if let Err(error) = index.on_batch(position, batch) {
                    tracing::warn!(%error, position, "a batch has no index entry");
                }
            })
            .await;
        match scanned {
            Ok(()) if is_astray => Ok(false),
            Err(ReadError::Corrupt { .. }) if begin > 0 => Ok(false),
            Err(error) => Err(error),
            Ok(()) => {
                index.on_close();
                Ok(true)
            }
        }
    }

    /// Sees to it that the end's partial block is at hand, as long as the log ends in `segment`.
    pub(crate) async fn load_partial(self: &Rc<Self>, segment: &Rc<Segment>) -> Result<(), AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        let end = u64::from(segment.length.get());
        {
            let state = self.state.borrow();
            let is_there = state.open.is_some() || state.partial.is_some() || end == block_floor(end);
            if is_there || !state.grows_at(segment) {
                return Ok(());
            }
        }
        let read = async {
            let file = volume.open_segment(self, segment).await?;
            file.read(block_floor(end), BLOCK).await
        };
        let block = match read.await {
            Ok(block) => block,
            Err(error) => {
                volume.fail(&error);
                return Err(AppendError::Failed);
            }
        };
        let length = (end - block_floor(end)) as usize;
        if block.len() < length {
            tracing::error!(log = %self.key(), base = segment.base, end, "a segment is shorter than its data");
            return Err(AppendError::Failed);
        }
        let mut state = self.state.borrow_mut();
        let is_wanted = state.open.is_none() && state.partial.is_none() && state.grows_at(segment);
        if is_wanted && u64::from(segment.length.get()) == end {
            state.partial = Some(block.slice(..length));
        }
        Ok(())
    }
}

/// Both indexes as far as they are vouched for. None if the files contradict themselves or each other.
///
/// The files of a segment that grows are written in whole blocks: what they hold behind that is not looked at.
fn resume_index(
    base: i64,
    interval_bytes: u32,
    mut offsets: Vec<u8>,
    mut times: Vec<u8>,
    vouched: VouchedIndex,
    is_whole: bool,
) -> Option<SegmentIndex> {
    let is_exact = is_whole && vouched.time_entries == ALL_ENTRIES;
    if is_exact {
        OffsetIndex::parse(base, &offsets).ok()?.check(u64::from(vouched.until)).ok()?;
    }
    let index = OffsetIndex::rising_below(base, &offsets, vouched.until);
    let (length, last) = (index.len() * OFFSET_ENTRY_LEN, index.last().map_or(base, |entry| entry.offset));
    offsets.truncate(length);
    if vouched.time_entries != ALL_ENTRIES {
        let length = vouched.time_entries as usize * TIME_ENTRY_LEN;
        if times.len() < length {
            return None;
        }
        times.truncate(length);
    }
    let index = TimeIndex::parse(base, &times).ok()?;
    index.check().ok()?;
    if !is_exact {
        let length = index.len_when_truncated_to(last + 1);
        times.truncate(length);
    }
    SegmentIndex::resume(base, interval_bytes, offsets, times).ok()
}

impl Volume {
    /// Whether there is a use in loading a log. A stop needs what it brings of logs that it came before the deletion of.
    fn may_load(&self, state: &LogState) -> bool {
        !state.is_closed && (!state.is_unwanted || self.is_stopping())
    }

    /// The file of a segment, opened if it is not. Another file under its name is an error, and never read or written.
    pub(crate) async fn open_segment(&self, log: &Log, segment: &Segment) -> Result<Rc<dyn File>, DiskError> {
        segment.used_at_ns.set(self.host.monotonic_ns());
        if let Some(file) = segment.open_file() {
            return Ok(file);
        }
        let path = segment_path(&log.key().directory_name(), segment.base, SegmentFile::Log);
        let file = self.directory.open(&path, OpenMode::Existing).await?;
        segment.adopt(file).ok_or_else(|| DiskError::Failed {
            path,
            operation: "open",
            errno: 0,
            message: "it is not the file any more that this segment has".into(),
        })
    }

    /// Shows all batches between two positions, each with a CRC that fits, and a base offset that follows the one before; what ends the
    /// segment's data ends before what follows in the log. Nothing else may be there.
    pub(crate) async fn scan(
        &self,
        log: &Log,
        segment: &Rc<Segment>,
        from: u32,
        until: u32,
        visit: impl FnMut(u32, &Batch<'_>),
    ) -> Result<(), ReadError> {
        self.scan_in_pieces(log, segment, from, until, SCAN_BYTES, visit).await
    }

    /// As [`Self::scan`], reading `piece` bytes at a time.
    pub(crate) async fn scan_in_pieces(
        &self,
        log: &Log,
        segment: &Rc<Segment>,
        from: u32,
        until: u32,
        piece: usize,
        mut visit: impl FnMut(u32, &Batch<'_>),
    ) -> Result<(), ReadError> {
        let mut position = u64::from(from);
        let (until, mut want) = (u64::from(until), piece);
        let mut next_offset = segment.base;
        let (length, behind) = (u64::from(segment.length.get()), log.offset_behind(segment));
        if position >= until {
            return Ok(());
        }
        let file = self.open_segment(log, segment).await?;
        while position < until {
            let start = block_floor(position);
            let asked = want;
            let block = read_range(&*file, start, until, asked).await?;
            let mut rest = &block[(position - start).min(block.len() as u64) as usize..];
            let before = position;
            while position < until {
                match Batch::parse(rest, self.config.max_batch_bytes) {
                    Ok(batch) => {
                        if let Err(error) = batch.check_crc() {
                            return Err(corrupt(segment, position, &error));
                        }
                        let ends_all = position + batch.len() as u64 == length;
                        if batch.base_offset() < next_offset
                            || batch.last_offset_delta() < 0
                            || (ends_all && batch.next_offset() > behind)
                        {
                            return Err(ReadError::Corrupt {
                                base: segment.base,
                                position,
                                reason: format!("base offset {} is not what follows", batch.base_offset()),
                            });
                        }
                        next_offset = batch.next_offset();
                        visit(position as u32, &batch);
                        position += batch.len() as u64;
                        rest = &rest[batch.len()..];
                        want = piece;
                    }
                    Err(BatchError::TooShort { need, .. }) if position + need as u64 <= until => {
                        want = piece.max(need + BLOCK);
                        break;
                    }
                    Err(error) => return Err(corrupt(segment, position, &error)),
                }
            }
            if position == before && start + (block.len() as u64) < until && block.len() < asked {
                return Err(ReadError::Corrupt {
                    base: segment.base,
                    position,
                    reason: "the file ends before its data".into(),
                });
            }
            if position == before && want <= piece {
                return Err(ReadError::Corrupt {
                    base: segment.base,
                    position,
                    reason: "no progress".into(),
                });
            }
        }
        Ok(())
    }
}

/// The entry of an index file that its writer goes on behind, and what the batches say of it.
#[derive(Clone, Copy)]
struct Resumed {
    entry: OffsetEntry,
    /// A batch begins at its position that fits.
    begins: bool,
    /// A batch ends with its offset.
    ends: bool,
    /// The largest timestamp that the time index tells of: when the offset index was given this entry, it had one for all batches so far.
    largest: i64,
    is_late: bool,
}

impl Resumed {
    fn at(entry: OffsetEntry, largest: i64) -> Self {
        Self { entry, begins: false, ends: false, largest, is_late: false }
    }

    fn on_batch(&mut self, position: u32, batch: &Batch<'_>) {
        let is_here = position == self.entry.position;
        self.begins |= is_here && self.entry.fits(batch);
        self.is_late |= is_here && batch.max_timestamp() > self.largest;
        self.ends |= batch.last_offset() == self.entry.offset;
    }

    fn is_right(&self) -> bool {
        self.begins && self.ends && !self.is_late
    }
}

pub(crate) fn corrupt(segment: &Segment, position: u64, error: &BatchError) -> ReadError {
    ReadError::Corrupt { base: segment.base, position, reason: error.to_string() }
}

/// Bytes from the block boundary `start` on, about `want` of them, and nothing at or behind `until`.
pub(crate) async fn read_range(
    file: &dyn File,
    start: u64,
    until: u64,
    want: usize,
) -> Result<Bytes, DiskError> {
    let want = want.next_multiple_of(BLOCK).min((until - start) as usize).next_multiple_of(BLOCK);
    let bytes = file.read(start, want).await?;
    let within = ((until - start) as usize).min(bytes.len());
    Ok(bytes.slice(..within))
}

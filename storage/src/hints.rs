//! Writing hints: indexes, producer snapshots, the epoch file. The ledger vouches for each only once it is synced.
//!
//! A sealed segment's hints are written when it is cut, with those of others that are cut then. While a log's last segment grows, what it would take to load the log again
//! grows with it; when that passes half of `recovery_bytes` over all logs, those with most of it write hints of the moment, and a
//! checkpoint vouches for them.
//!
//! Invariants: one writer of hints per log at a time (`is_hinting`), so that no older file replaces a newer one; hints of a moment are
//! vouched for only if the log is of the same generation and durable that far.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::aborted::Unwritten;
use crate::disk::DiskError;
use crate::failure::ReadError;
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::segment_path;
use crate::ledger::ALL_ENTRIES;
use crate::log::{Log, LogState};
use crate::moment::{IndexFiles, Moment, Written};
use crate::names::allow_missing;
use crate::segment::{ClosingHints, Segment, SegmentIndex};
use crate::volume::Volume;

/// Logs whose hints are written and synced together, and the bytes of their indexes in memory meanwhile.
const MAX_TOGETHER: usize = 64;
const MAX_INDEX_BYTES: usize = 8 << 20;
const RETRY_AFTER: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(crate) struct Hints {
    is_working: Cell<bool>,
    /// Where a log's last snapshot of a moment stands: at no segment's beginning, so its file goes when the next one is vouched for.
    snapshots: RefCell<BTreeMap<u32, i64>>,
    /// Bytes that hints of sealed segments have vouched for since the last checkpoint: a crash would have to read them yet.
    unsaved: Cell<u64>,
    /// Logs that could not be loaded: what their batches say is nothing that could be written down.
    unreadable: RefCell<BTreeSet<u32>>,
}

impl Hints {
    pub fn is_idle(&self) -> bool {
        !self.is_working.get()
    }

    /// A checkpoint is being made of what is vouched for now.
    pub fn on_checkpoint(&self) {
        self.unsaved.set(0);
    }
}

/// Keeps what a first load after a crash must read below `recovery_bytes`.
pub(crate) async fn run(volume: Rc<Volume>) {
    loop {
        volume.progress.until(|| (volume.are_hints_due() || volume.is_ended()).then_some(())).await;
        if volume.is_ended() {
            return;
        }
        volume.hints.is_working.set(true);
        let outcome = volume.write_due_hints().await;
        volume.hints.is_working.set(false);
        volume.work.notify();
        volume.progress.notify();
        match outcome {
            Ok(true) => {}
            Ok(false) => volume.host.sleep(RETRY_AFTER).await,
            Err(DiskError::NoSpace { .. }) => volume.wait_for_space().await,
            Err(error) => volume.fail(&error),
        }
    }
}

impl Log {
    /// What must be written of the last segment's indexes.
    fn index_bytes(&self) -> usize {
        let state = self.state.borrow();
        let last = state.segments.last();
        last.and_then(|last| last.index.borrow().as_ref().map(SegmentIndex::unwritten_bytes)).unwrap_or(0)
    }
}

impl ClosingHints {
    /// The log's state as it is now, between two batches.
    pub(crate) fn of(state: &LogState) -> Self {
        Self {
            offset: state.ends.log_end,
            generation: state.generation,
            snapshot: state.producers.write_snapshot(),
            epochs: state.epochs.write(),
        }
    }
}

impl Volume {
    fn are_hints_due(&self) -> bool {
        let Ok(ledger) = self.ledger.try_borrow() else { return false };
        if ledger.unvouched() <= self.config.recovery_bytes / 2 || self.is_stopping() {
            return false;
        }
        let unreadable = self.hints.unreadable.borrow();
        let lost: u64 = unreadable
            .iter()
            .filter_map(|number| ledger.logs.get(number))
            .map(crate::ledger::LedgerLog::unvouched)
            .sum();
        ledger.unvouched() - lost > self.config.recovery_bytes / 2
    }

    /// Writes hints of the logs with most unvouched bytes, until a quarter of the bound is left, and has a checkpoint vouch for them.
    /// Returns whether anything was vouched for; if some found no space, only after the checkpoint of the others.
    async fn write_due_hints(self: &Rc<Self>) -> Result<bool, DiskError> {
        let mut chosen = self.choose_unvouched();
        let (mut count, mut shortage) = (0, None);
        while !chosen.is_empty() && !self.is_ended() {
            let (mut group, mut bytes) = (Vec::new(), 0);
            while let Some(log) = chosen.pop_front() {
                bytes += log.index_bytes();
                group.push(log);
                if group.len() == MAX_TOGETHER || bytes > MAX_INDEX_BYTES {
                    break;
                }
            }
            // A log that is deleted or truncated just now has none that would last.
            group.retain(|log| {
                let state = log.state.borrow();
                let is_open = !state.is_closed && !state.is_blocked() && !self.is_stopping();
                is_open && !log.is_hinting.replace(true)
            });
            let outcome = self.write_group(&group).await;
            for log in group {
                log.is_hinting.set(false);
            }
            self.work.notify();
            self.progress.notify();
            match outcome {
                Ok(written) => count += written,
                // What other groups have written is in place, and their logs' next moments are written behind it: before that a
                // checkpoint must know how much of it there is.
                Err(error @ DiskError::NoSpace { .. }) if count > 0 => {
                    shortage = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if count == 0 {
            return Ok(false);
        }
        let old = self.superseded_snapshots();
        let sequence = self.ledger.borrow().sequence;
        self.request_checkpoint();
        self.progress
            .until(|| (self.checkpoint.completed() > sequence || self.is_ended()).then_some(()))
            .await;
        if !self.is_ended() {
            for path in old {
                allow_missing(self.directory.remove_file(&path).await)?;
            }
        }
        shortage.map_or(Ok(true), Err)
    }

    fn choose_unvouched(&self) -> VecDeque<Rc<Log>> {
        let ledger = self.ledger.borrow();
        let (by_number, unreadable) = (self.logs.by_number.borrow(), self.hints.unreadable.borrow());
        let mut left = ledger.unvouched();
        let mut chosen = VecDeque::new();
        for (number, bytes) in ledger.by_unvouched() {
            if left <= self.config.recovery_bytes / 4 {
                break;
            }
            if let Some(log) = by_number.get(&number).filter(|_| !unreadable.contains(&number)) {
                left -= bytes;
                chosen.push_back(Rc::clone(log));
            }
        }
        chosen
    }

    /// Returns of how many logs something is vouched for.
    async fn write_group(self: &Rc<Self>, group: &[Rc<Log>]) -> Result<usize, DiskError> {
        let mut moments = Vec::new();
        for log in group {
            match self.moment_of(log).await {
                Ok(moment) => moments.extend(moment),
                Err(ReadError::Failed | ReadError::Closed) => {}
                Err(ReadError::Disk(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(log = %log.key(), %error, "no hints can be written of a damaged log");
                    self.hints.unreadable.borrow_mut().insert(log.number);
                }
            }
        }
        let written = self.write_moments(moments).await?;
        let count = written.len();
        for moment in written {
            moment.vouch(self);
        }
        Ok(count)
    }

    /// What a log knows now, once all of it is durable. `None` if the log is closed or truncated meanwhile, or has lost segments.
    async fn moment_of(self: &Rc<Self>, log: &Rc<Log>) -> Result<Option<Moment>, ReadError> {
        log.load().await?;
        let segments = log.state.borrow().segments.clone();
        let indexed: Vec<(i64, u32)> = self
            .in_ledger(log.number, |entry| entry.segments.iter().map(|at| (at.base, at.indexed)).collect())
            .unwrap_or_default();
        let is_behind = |segment: &Segment| {
            let known = indexed.iter().find(|(base, _)| *base == segment.base);
            known.is_some_and(|(_, indexed)| *indexed < segment.length.get())
        };
        let behind: Vec<&Rc<Segment>> = segments.iter().filter(|segment| is_behind(segment)).collect();
        for segment in &behind {
            if let Err(error) = log.load_index(self, segment).await {
                // The log start was raised above it meanwhile, and its files may be gone.
                return if log.state.borrow().has(segment) { Err(error) } else { Ok(None) };
            }
        }
        // One turn, so that everything is of the same moment.
        if !self.in_ledger(log.number, |entry| entry.is_named).unwrap_or(false) || !log.is_loaded() {
            return Ok(None);
        }
        let closing = ClosingHints::of(&log.state.borrow());
        let indexes = behind.iter().filter_map(|segment| IndexFiles::of(segment, !log.is_sealed(segment)));
        let indexes = indexes.collect();
        let aborted = log.unwritten_aborted(closing.offset);
        self.queue.borrow_mut().is_flush_wanted |= log.ends().durable < closing.offset;
        self.work.notify();
        let is_same = self
            .progress
            .until(|| {
                let state = log.state.borrow();
                if state.is_closed || state.generation != closing.generation || self.failed.is_failed() {
                    return Some(false);
                }
                if state.ends.durable >= closing.offset {
                    return Some(true);
                }
                // A round without what was only gathered then may have used the flush up; with `ack_sync` each has its own.
                if !self.config.ack_sync && state.ends.written >= closing.offset {
                    self.queue.borrow_mut().is_flush_wanted = true;
                    self.work.notify();
                }
                None
            })
            .await;
        Ok(is_same.then_some(Moment { log: Rc::clone(log), closing, indexes, aborted }))
    }

    /// The files of snapshots that the next checkpoint knows newer ones for.
    fn superseded_snapshots(&self) -> Vec<String> {
        let before = std::mem::take(&mut *self.hints.snapshots.borrow_mut());
        let mut superseded = Vec::new();
        for (number, log) in &*self.logs.by_number.borrow() {
            let Some(now) = self.in_ledger(*number, |entry| entry.snapshot) else { continue };
            let bases = log.segment_bases();
            if let Some(old) = before.get(number).filter(|old| **old != now && !bases.contains(old)) {
                let directory = log.key().directory_name();
                superseded.push(segment_path(&directory, *old, SegmentFile::ProducerSnapshot));
            }
            if now >= 0 && !bases.contains(&now) {
                self.hints.snapshots.borrow_mut().insert(*number, now);
            }
        }
        superseded
    }

    /// Writes the indexes of sealed segments, and their logs' states where they were sealed, and vouches for them. All of one log stand
    /// in their order.
    pub(crate) async fn write_hints(&self, sealed: &[(&Rc<Log>, &Rc<Segment>)]) -> Result<(), DiskError> {
        let mut left = sealed;
        while !left.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            while count < left.len().min(MAX_TOGETHER) && bytes <= MAX_INDEX_BYTES {
                bytes += left[count].1.index.borrow().as_ref().map_or(0, SegmentIndex::memory_bytes);
                count += 1;
            }
            let (group, rest) = left.split_at(count);
            left = rest;
            let mut logs: BTreeMap<u32, Sealed<'_>> = BTreeMap::new();
            for (log, segment) in group {
                logs.entry(log.number).or_insert_with(|| Sealed::of(log)).segments.push(segment);
            }
            for Sealed { log, .. } in logs.values() {
                self.progress
                    .until(|| (self.failed.is_failed() || !log.is_hinting.replace(true)).then_some(()))
                    .await;
            }
            let logs: Vec<Sealed<'_>> = logs.into_values().collect();
            let outcome = self.write_sealed(&logs).await;
            for sealed in logs {
                sealed.log.is_hinting.set(false);
            }
            self.progress.notify();
            outcome?;
        }
        Ok(())
    }

    async fn write_sealed(&self, logs: &[Sealed<'_>]) -> Result<(), DiskError> {
        let (mut all, mut written) = (Vec::with_capacity(logs.len()), Written::default());
        for sealed in logs {
            all.push(self.write_sealed_of(sealed, &mut written).await?);
        }
        let directories = logs.iter().map(|sealed| sealed.log.key().directory_name()).collect();
        self.put_into_places(written, directories).await?;
        let before = self.ledger.borrow().unvouched();
        for (sealed, hints) in logs.iter().zip(all) {
            self.vouch_for_sealed(sealed, hints);
        }
        let vouched = before.saturating_sub(self.ledger.borrow().unvouched());
        self.hints.unsaved.set(self.hints.unsaved.get() + vouched);
        if self.hints.unsaved.get() > self.config.recovery_bytes / 4 {
            self.request_checkpoint();
        }
        Ok(())
    }

    async fn write_sealed_of(
        &self,
        sealed: &Sealed<'_>,
        written: &mut Written,
    ) -> Result<SealedHints, DiskError> {
        let log = sealed.log;
        let directory = log.key().directory_name();
        let mut hints = SealedHints { generation: log.generation(), ..SealedHints::default() };
        for segment in &sealed.segments {
            let files =
                segment.index.borrow().as_ref().map(|index| (index.offsets.clone(), index.times.clone()));
            if let Some((offsets, times)) = files {
                hints.indexed.push((segment.base, segment.length.get()));
                let path = segment_path(&directory, segment.base, SegmentFile::OffsetIndex);
                self.replace_later(path, &offsets, written).await?;
                let path = segment_path(&directory, segment.base, SegmentFile::TimeIndex);
                self.replace_later(path, &times, written).await?;
            }
            let closing = segment.closing.borrow().clone();
            hints.closings.extend(closing);
        }
        for closing in &hints.closings {
            self.write_snapshot(&directory, closing, written).await?;
        }
        let Some(last) = hints.closings.last() else { return Ok(hints) };
        hints.aborted = log.unwritten_aborted(last.offset);
        for (base, bytes) in hints.aborted.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let path = segment_path(&directory, *base, SegmentFile::TxnIndex);
            self.replace_later(path, bytes, written).await?;
        }
        // Hints of a later moment may have overtaken this segment's; there is only one epoch file.
        if !self.in_ledger(log.number, |entry| entry.epochs > last.offset).unwrap_or(false) {
            let path = format!("{directory}/{LEADER_EPOCH_CHECKPOINT}");
            log.written_epochs.take();
            self.replace_later(path, last.epochs.as_bytes(), written).await?;
            hints.has_epochs = true;
        }
        Ok(hints)
    }

    /// All of it is synced.
    fn vouch_for_sealed(&self, sealed: &Sealed<'_>, hints: SealedHints) {
        let Sealed { log, segments } = sealed;
        let SealedHints { generation, indexed, closings, aborted, has_epochs } = hints;
        if let Some(last) = closings.last().filter(|_| has_epochs) {
            *log.written_epochs.borrow_mut() = Some(last.epochs.clone());
        }
        self.ledger.borrow_mut().vouch(log.number, |entry| {
            if entry.generation != generation {
                return;
            }
            for at in &mut entry.segments {
                if indexed.contains(&(at.base, at.length)) {
                    at.indexed = at.length;
                    at.time_entries = ALL_ENTRIES;
                }
            }
            if closings.iter().all(|closing| closing.generation == generation) {
                entry.vouch_for_aborted(&aborted);
                for closing in closings {
                    entry.vouch_for(closing.offset);
                }
                log.note_written(&aborted);
            }
        });
        for segment in segments {
            segment.closing.borrow_mut().take();
            self.keep_index(log, segment);
        }
    }
}

/// Segments of a log that were sealed and cut.
struct Sealed<'a> {
    log: &'a Rc<Log>,
    segments: Vec<&'a Rc<Segment>>,
}

impl<'a> Sealed<'a> {
    fn of(log: &'a Rc<Log>) -> Self {
        Self { log, segments: Vec::new() }
    }
}

/// What was written of them.
#[derive(Default)]
struct SealedHints {
    generation: u32,
    /// Base and length of those whose indexes were in memory.
    indexed: Vec<(i64, u32)>,
    closings: Vec<ClosingHints>,
    aborted: Vec<Unwritten>,
    has_epochs: bool,
}

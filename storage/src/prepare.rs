//! Blocks for a log: reserved before offsets are given, prepared before a round may write them.
//!
//! Invariants: a segment in `own` is structural, and nothing else is done to its file's extents; one in `ahead` becomes structural when its
//! turn comes, so that until then an append that finds no block can prepare itself; zeros are only written to blocks behind every byte that
//! was taken for writing; `prepared` is raised only after the sync of what was written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::{Either, select, try_join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::config::{MIN_PREPARE_BYTES, PIECE, PREPARE_ABOVE, PREPARE_PIECE, planted};
use crate::disk::{DiskError, File, Flushing, Priority};
use crate::failure::AppendError;
use crate::gather::{Pending, Run};
use crate::log::{Log, LogState};
use crate::notify::Notify;
use crate::segment::{Segment, block_ceil, block_floor};
use crate::volume::Volume;

/// Groups of own preparations in flight: each ends with syncs, which the next need not wait for.
const MAX_GROUPS: usize = 4;
/// Files in a group.
const MAX_IN_GROUP: usize = 256;
/// A group of preparations ahead takes no further log from so many bytes on: all of its logs have their blocks when the last of them is
/// written, and those that run out meanwhile wait for that.
const MAX_GROUP_BYTES: u64 = 64 << 20;
/// Runs of this size and more prepare themselves, so nothing is prepared ahead of them.
const LARGE_RUN: u64 = 128 << 10;
/// The most that is prepared or reserved ahead of a log.
const MAX_AHEAD: u64 = 8 << 20;
const MIN_RESERVED: u64 = 16 << 10;

#[derive(Default)]
pub(crate) struct Preparation {
    own: RefCell<VecDeque<Own>>,
    /// Logs whose prepared blocks run out. Each is here once: `LogState::is_preparation_wanted`.
    ahead: RefCell<VecDeque<Rc<Log>>>,
    work: Notify,
    zeros: RefCell<Option<Bytes>>,
}

/// A run that is its own preparation: written and synced, then named.
struct Own {
    log: Rc<Log>,
    run: Run,
    /// Zeros follow the run up to here.
    prepare_until: u64,
}

/// Blocks to be written with zeros.
struct Ahead {
    log: Rc<Log>,
    segment: Rc<Segment>,
    from: u64,
    until: u64,
}

impl Preparation {
    pub fn wake(&self) {
        self.work.notify();
    }
}

pub(crate) async fn run_own(volume: Rc<Volume>) {
    let mut groups = FuturesUnordered::new();
    loop {
        while groups.len() < MAX_GROUPS {
            let group: Vec<Own> = {
                let mut own = volume.preparation.own.borrow_mut();
                let count = own.len().min(MAX_IN_GROUP);
                own.drain(..count).collect()
            };
            if group.is_empty() {
                break;
            }
            groups.push(volume.prepare_own(group));
        }
        if volume.is_ended() {
            return;
        }
        let may_start = groups.len() < MAX_GROUPS;
        let work = volume.preparation.work.until(|| {
            let has_work = may_start && !volume.preparation.own.borrow().is_empty();
            (has_work || volume.is_ended()).then_some(())
        });
        let work = std::pin::pin!(work);
        if groups.is_empty() {
            work.await;
        } else if let Either::Right((Some(Err(error)), _)) = select(work, groups.next()).await {
            volume.fail(&error);
        }
    }
}

pub(crate) async fn run_ahead(volume: Rc<Volume>) {
    loop {
        volume
            .preparation
            .work
            .until(|| {
                let has_work = !volume.preparation.ahead.borrow().is_empty();
                (has_work || volume.is_ended()).then_some(())
            })
            .await;
        if volume.is_ended() {
            return;
        }
        let jobs = volume.next_ahead();
        if jobs.is_empty() {
            continue;
        }
        if let Err(error) = volume.prepare_ahead(jobs).await {
            volume.fail(&error);
        }
    }
}

/// Whether offsets can be given for `bytes` more of a segment.
fn has_blocks(segment: &Segment, bytes: usize) -> bool {
    let need = block_ceil(u64::from(segment.length.get()) + bytes as u64);
    segment.reserved.get() >= need && segment.open_file().is_some()
}

impl Volume {
    /// Sees to it that offsets can be given for `bytes` more, as long as that is where the log grows.
    pub(crate) async fn reserve_blocks(
        self: &Rc<Self>,
        log: &Rc<Log>,
        segment: &Rc<Segment>,
        bytes: usize,
    ) -> Result<(), AppendError> {
        if has_blocks(segment, bytes) {
            return Ok(());
        }
        let (volume, log, segment) = (Rc::clone(self), Rc::clone(log), Rc::clone(segment));
        let work = async move { volume.reserve_now(&log, &segment, bytes).await };
        self.see_through(Priority::Rounds, work).await.unwrap_or(Err(AppendError::Closed))
    }

    async fn reserve_now(
        &self,
        log: &Rc<Log>,
        segment: &Rc<Segment>,
        bytes: usize,
    ) -> Result<(), AppendError> {
        loop {
            if has_blocks(segment, bytes) {
                return Ok(());
            }
            if !self.begin_structural(segment).await {
                return Err(AppendError::Failed);
            }
            // Whoever waits finds the log changed: blocks behind a segment that was cut would stay there, and a deleted log's file is not found.
            let is_wanted = !self.is_stopping() && log.state.borrow().grows_at(segment);
            let outcome = if is_wanted { self.extend(log, segment, bytes).await } else { Ok(()) };
            self.end_structural(log, segment);
            if !is_wanted {
                return Ok(());
            }
            match outcome {
                Ok(()) => {}
                Err(DiskError::NoSpace { .. }) => return Err(AppendError::NoSpace),
                Err(error) => {
                    self.fail(&error);
                    return Err(AppendError::Failed);
                }
            }
        }
    }

    /// Waits for the turn of the only structural operation on a segment's file. Returns false if the volume has failed.
    pub(crate) async fn begin_structural(&self, segment: &Segment) -> bool {
        self.progress
            .until(|| {
                if self.failed.is_failed() {
                    return Some(false);
                }
                (!segment.is_structural.replace(true)).then_some(true)
            })
            .await
    }

    pub(crate) fn end_structural(&self, log: &Rc<Log>, segment: &Segment) {
        segment.is_structural.set(false);
        self.requeue(log);
        self.progress.notify();
    }

    /// A log may have been passed over while its segment was structural.
    fn requeue(&self, log: &Rc<Log>) {
        let state = log.state.borrow();
        if !state.pending.is_empty() && !state.is_busy {
            self.enqueue(log);
        }
    }

    async fn extend(&self, log: &Rc<Log>, segment: &Rc<Segment>, bytes: usize) -> Result<(), DiskError> {
        let file = self.open_segment(log, segment).await?;
        segment.is_exact.set(false);
        let end = u64::from(segment.length.get());
        if segment.prepared.get().is_none() {
            // Nothing of this segment is in flight: it was not written to since the start.
            let prepared = self.prove_prepared(&*file, end).await?;
            segment.prepared.set(Some(prepared));
            segment.reserved.set(segment.reserved.get().max(prepared).max(block_floor(end)));
        }
        let need = block_ceil(u64::from(segment.length.get()) + bytes as u64);
        let from = segment.reserved.get();
        if need <= from {
            return Ok(());
        }
        let ahead = {
            let mut state = log.state.borrow_mut();
            let now_ns = self.host.monotonic_ns();
            let likely = state.rate.bytes_per_second(now_ns).clamp(MIN_RESERVED, MAX_AHEAD);
            let longest = block_ceil(u64::from(state.config.segment_bytes));
            block_ceil(need + likely).min(longest.max(need))
        };
        match file.allocate(from, ahead - from).await {
            Ok(()) => segment.reserved.set(ahead),
            Err(DiskError::NoSpace { .. }) if ahead > need => {
                file.allocate(from, need - from).await?;
                segment.reserved.set(need);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// How far blocks from the end's one on are written, by asking the file system after a sync of the file.
    async fn prove_prepared(&self, file: &dyn File, end: u64) -> Result<u64, DiskError> {
        let length = file.length().await?;
        if planted(self.config.mutations.file_size_is_prepared) {
            return Ok(block_floor(length).max(block_floor(end)));
        }
        file.sync_data().await.map_err(DiskError::of_sync)?;
        let from = block_floor(end);
        let until = block_floor(length);
        if until <= from { Ok(from) } else { file.prepared_until(from, until).await }
    }

    /// Takes the front run out of the log's hands until it is written and synced.
    pub(crate) fn start_own_preparation(&self, log: &Rc<Log>, state: &mut LogState) {
        if state.pending.len() == 1 {
            Self::seal_open(state);
        }
        let Some(Pending::Run(run)) = state.pending.pop_front() else { unreachable!("a run is in front") };
        state.is_busy = true;
        run.segment.is_structural.set(true);
        self.take_gathered(u64::from(run.length));
        state.rate.on_run(u64::from(run.length));
        // Little, since the append waits for it; the rest comes beside the rounds.
        let ahead = self.ahead_of(state).min(PREPARE_PIECE);
        let prepare_until = block_ceil(run.end() + ahead).min(run.segment.reserved.get());
        self.preparation.own.borrow_mut().push_back(Own { log: Rc::clone(log), run, prepare_until });
        self.preparation.work.notify();
    }

    async fn prepare_own(&self, group: Vec<Own>) -> Result<(), DiskError> {
        let mut files = Vec::with_capacity(group.len());
        let mut writes = Vec::new();
        for own in &group {
            let file = own.run.segment.open_file().expect("files are not closed while their log is busy");
            writes.extend(own.run.writes().map(|(position, content)| (Rc::clone(&file), position, content)));
            writes.extend(self.zero_writes(&file, block_ceil(own.run.end()), own.prepare_until));
            files.push(file);
        }
        try_join_all(writes.iter().map(|(file, at, content)| file.write(*at, content.clone()))).await?;
        self.sync_files(&files).await?;
        for own in group {
            let Own { log, mut run, prepare_until } = own;
            let written = block_ceil(run.end()).max(prepare_until);
            let segment = Rc::clone(&run.segment);
            segment.prepared.set(segment.prepared.get().max(Some(written)));
            run.is_written = true;
            {
                let mut state = log.state.borrow_mut();
                state.pending.push_front(Pending::Run(run));
                state.is_busy = false;
            }
            self.end_structural(&log, &segment);
        }
        Ok(())
    }

    /// How many bytes should be prepared ahead of a log: none for a cold one, and none where runs are large.
    fn ahead_of(&self, state: &mut LogState) -> u64 {
        let rate = state.rate.bytes_per_second(self.host.monotonic_ns());
        if state.rate.run_bytes >= LARGE_RUN || rate < PREPARE_ABOVE {
            return 0;
        }
        (rate + rate / 2).clamp(MIN_PREPARE_BYTES, MAX_AHEAD)
    }

    /// After a log was taken into a round: orders zeros ahead of it, if it is warm and what is prepared runs out.
    pub(crate) fn consider_preparation(&self, log: &Rc<Log>, state: &mut LogState) {
        if matches!(self.directory.flushing(), Flushing::PerFile { .. })
            || !state.pending.is_empty()
            || state.is_preparation_wanted
            || self.wanted_ahead(state).is_none()
        {
            return;
        }
        state.is_preparation_wanted = true;
        self.preparation.ahead.borrow_mut().push_back(Rc::clone(log));
        self.preparation.work.notify();
    }

    /// The blocks of a log that should be prepared now, if it is warm and what is prepared runs out: its segment, from and until.
    fn wanted_ahead(&self, state: &mut LogState) -> Option<(Rc<Segment>, u64, u64)> {
        let segment = state.segments.last().cloned()?;
        let prepared = segment.prepared.get()?;
        let end = u64::from(segment.length.get());
        let ahead = self.ahead_of(state);
        // Behind every byte that was taken, or zeros would be written over them.
        if ahead == 0 || prepared < block_ceil(end) || prepared - end > ahead / 2 {
            return None;
        }
        let longest = block_ceil(u64::from(state.config.segment_bytes));
        let until = block_ceil(end + ahead).min(longest);
        (until > prepared && !segment.is_structural.get()).then_some((segment, prepared, until))
    }

    /// The logs that are prepared next, together: those that have waited longest, as far as they still want it.
    fn next_ahead(&self) -> Vec<Ahead> {
        let mut jobs = Vec::new();
        let mut bytes = 0;
        while jobs.len() < MAX_IN_GROUP && bytes < MAX_GROUP_BYTES {
            let Some(log) = self.preparation.ahead.borrow_mut().pop_front() else { break };
            let state = &mut *log.state.borrow_mut();
            state.is_preparation_wanted = false;
            // Who stops, truncates or deletes is about to change the file's extents.
            if state.is_closed || state.is_blocked() || self.is_stopping() {
                continue;
            }
            let Some((segment, from, until)) = self.wanted_ahead(state) else { continue };
            segment.is_structural.set(true);
            bytes += until - from;
            jobs.push(Ahead { log: Rc::clone(&log), segment, from, until });
        }
        jobs
    }

    async fn prepare_ahead(&self, jobs: Vec<Ahead>) -> Result<(), DiskError> {
        let began_ns = self.host.monotonic_ns();
        let mut done = Vec::with_capacity(jobs.len());
        let mut files = Vec::new();
        let mut writes = Vec::new();
        for mut job in jobs {
            let Some(file) = job.segment.open_file() else {
                self.end_structural(&job.log, &job.segment);
                continue;
            };
            let reserved = job.segment.reserved.get();
            if job.until > reserved {
                match file.allocate(reserved, job.until - reserved).await {
                    Ok(()) => job.segment.reserved.set(job.until),
                    // Nothing is owed to anybody: whoever appends will be told.
                    Err(DiskError::NoSpace { .. }) => job.until = reserved,
                    Err(error) => return Err(error),
                }
            }
            writes.extend(self.zero_writes(&file, job.from, job.until));
            files.push(file);
            done.push(job);
        }
        for (file, at, content) in &writes {
            // One piece at a time: every flush of a round carries what the device's cache holds by then, and it must not be much.
            file.write(*at, content.clone()).await?;
        }
        let written_ns = self.host.monotonic_ns();
        self.sync_files(&files).await?;
        let sync_us = (self.host.monotonic_ns() - written_ns) / 1000;
        tracing::debug!(
            files = files.len(),
            pieces = writes.len(),
            write_us = (written_ns - began_ns) / 1000,
            sync_us,
            "prepared ahead"
        );
        for job in done {
            job.segment.prepared.set(job.segment.prepared.get().max(Some(job.until)));
            self.end_structural(&job.log, &job.segment);
        }
        Ok(())
    }

    fn zero_writes(&self, file: &Rc<dyn File>, from: u64, until: u64) -> Vec<(Rc<dyn File>, u64, Bytes)> {
        let mut writes = Vec::new();
        let mut at = from;
        while at < until {
            let length = (until - at).min(PREPARE_PIECE);
            writes.push((Rc::clone(file), at, self.zeros(length as usize)));
            at += length;
        }
        writes
    }

    /// Aligned zeros, at most [`PIECE`] of them.
    pub(crate) fn zeros(&self, length: usize) -> Bytes {
        let mut zeros = self.preparation.zeros.borrow_mut();
        let zeros = zeros.get_or_insert_with(|| {
            let mut buffer = self.directory.buffer(PIECE as usize);
            buffer.bytes_mut().fill(0);
            buffer.seal()
        });
        zeros.slice(..length)
    }
}

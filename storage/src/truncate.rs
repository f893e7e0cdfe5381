//! Giving up bytes: truncation, a higher log start, and rolling by hand.
//!
//! Invariants: nothing of this shows before its entry's round is durable; nothing that was given up is overwritten or removed before
//! that entry is covered; a log is quiet while it is truncated.

use std::rc::Rc;

use crate::config::planted;
use crate::disk::Priority;
use crate::failure::{AppendError, ReadError};
use crate::index::OffsetEntry;
use crate::indexes::contradicted;
use crate::log::{Change, Log};
use crate::names::NameWork;
use crate::record::{Entry, NO_SEGMENT};
use crate::segment::Segment;
use crate::volume::Volume;

impl Log {
    /// Removes everything from `offset` on, and begins a new generation. An offset at or below the log start empties the log, which
    /// then begins and ends there (Kafka's `truncateFullyAndStartAt`). One at or behind the end changes nothing.
    pub async fn truncate_to(self: &Rc<Self>, offset: i64) -> Result<(), AppendError> {
        if offset >= self.ends().log_end {
            return Ok(());
        }
        self.truncate(offset).await
    }

    /// Removes everything; the log then begins and ends at `offset`, wherever that is.
    pub async fn truncate_fully_and_start_at(self: &Rc<Self>, offset: i64) -> Result<(), AppendError> {
        if offset < 0 {
            return Err(AppendError::OutOfOrder { offset, log_end: self.ends().log_end });
        }
        self.truncate_quiet(offset, true).await
    }

    async fn truncate(self: &Rc<Self>, offset: i64) -> Result<(), AppendError> {
        self.truncate_quiet(offset.max(0), false).await
    }

    async fn truncate_quiet(self: &Rc<Self>, offset: i64, is_full: bool) -> Result<(), AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        let (log, of_task) = (Rc::clone(self), Rc::clone(&volume));
        let work = async move {
            let _quiet = of_task.quiet(&log).await?;
            log.truncate_now(&of_task, offset, is_full).await
        };
        volume.see_through(Priority::Rounds, work).await.unwrap_or(Err(AppendError::Closed))
    }

    async fn truncate_now(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        offset: i64,
        is_full: bool,
    ) -> Result<(), AppendError> {
        let kept = {
            let state = self.state.borrow();
            let ends = state.ends;
            if !is_full && offset >= ends.log_end {
                return Ok(());
            }
            let at = state.segments.iter().rposition(|segment| segment.base <= offset);
            let kept = at.filter(|_| !is_full && offset > ends.log_start);
            kept.map(|at| Rc::clone(&state.segments[at]))
        };
        let position = match &kept {
            None => 0,
            Some(segment) => match self.position_of(volume, segment, offset).await {
                Ok(position) => position,
                Err(ReadError::Corrupt { .. }) => return Err(AppendError::Corrupt),
                Err(_) => return Err(AppendError::Failed),
            },
        };
        self.give_up_behind(volume, kept, position, offset).await
    }

    /// Truncates a quiet log to `offset`, at `position` of a segment that stays the last one; without one, it begins and ends there.
    pub(crate) async fn give_up_behind(
        self: &Rc<Self>,
        volume: &Volume,
        kept: Option<Rc<Segment>>,
        position: u32,
        offset: i64,
    ) -> Result<(), AppendError> {
        let generation = self.generation() + 1;
        let base = kept.as_ref().map_or(NO_SEGMENT, |segment| segment.base);
        let done = volume.submit(Entry::Truncate { log: self.number, generation, base, position, offset });
        let Some(round) = volume.answer(done).await else { return Err(AppendError::Failed) };
        self.show_truncation(kept.as_ref(), position, offset, generation);
        if !planted(volume.config.mutations.free_truncated_without_cover) {
            volume.covered(round).await;
        }
        if volume.failed.is_failed() {
            return Err(AppendError::Failed);
        }
        volume.remove_retired(self, round);
        Ok(())
    }

    fn show_truncation(&self, kept: Option<&Rc<Segment>>, position: u32, offset: i64, generation: u32) {
        let mut state = self.state.borrow_mut();
        state.generation = generation;
        state.is_end_proven = kept.is_none();
        let kept_count = kept.map_or(0, |kept| {
            state.segments.iter().position(|segment| Rc::ptr_eq(segment, kept)).map_or(0, |at| at + 1)
        });
        state.segments.truncate(kept_count);
        if let Some(segment) = kept {
            segment.length.set(position);
            segment.index.borrow_mut().take();
            segment.closing.borrow_mut().take();
            segment.truncate_aborted(offset);
            // What is reserved and prepared is found out again: the file may have been cut when it was sealed.
            segment.reserved.set(0);
            segment.is_exact.set(false);
            segment.prepared.set(None);
        } else {
            state.ends.log_start = offset;
        }
        state.ends.durable = offset;
        state.ends.settled = offset;
        state.ends.written = offset;
        state.ends.log_end = offset;
        state.cache.clear();
        state.open = None;
        state.partial = None;
        // Epochs, producers and indexes are those of the end that is gone.
        state.forget_load();
    }

    /// Where the first batch begins that reaches `offset`.
    async fn position_of(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
        offset: i64,
    ) -> Result<u32, ReadError> {
        self.load_index(volume, segment).await?;
        match self.find_position(volume, segment, offset).await {
            Err(ReadError::Corrupt { .. }) if self.rebuild_index_now(volume, segment).await? => {
                self.find_position(volume, segment, offset).await
            }
            outcome => outcome,
        }
    }

    async fn find_position(
        &self,
        volume: &Volume,
        segment: &Rc<Segment>,
        offset: i64,
    ) -> Result<u32, ReadError> {
        let beginning = OffsetEntry { offset: segment.base, position: 0 };
        let from = segment.index.borrow().as_ref().map_or(beginning, |index| index.entry_of(offset));
        let length = segment.length.get();
        let (mut found, mut is_astray) = (None, false);
        volume
            .scan(self, segment, from.position, length, |position, batch| {
                is_astray |= position == from.position && !from.fits(batch);
                if found.is_none() && batch.last_offset() >= offset {
                    found = Some(position);
                }
            })
            .await?;
        if is_astray { Err(contradicted(segment, from.position.into())) } else { Ok(found.unwrap_or(length)) }
    }

    /// Raises the log start: what lies below is not shown any more, and goes when nobody can need it. At most to `settled`.
    ///
    /// # Errors
    /// [`AppendError::OutOfOrder`] above `settled`; [`AppendError::MustWait`] while the log is truncated or deleted.
    pub async fn set_log_start(self: &Rc<Self>, offset: i64) -> Result<(), AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        let (log, of_task) = (Rc::clone(self), Rc::clone(&volume));
        let work = async move { log.raise_log_start(&of_task, offset).await };
        volume.see_through(Priority::Rounds, work).await.unwrap_or(Err(AppendError::Closed))
    }

    async fn raise_log_start(self: &Rc<Self>, volume: &Rc<Volume>, offset: i64) -> Result<(), AppendError> {
        let _turn = self.begin_raising(volume).await?;
        let ends = self.ends();
        if offset <= ends.log_start {
            return Ok(());
        }
        if offset > ends.settled {
            return Err(AppendError::OutOfOrder { offset, log_end: ends.settled });
        }
        let done = volume.submit(Entry::LogStart { log: self.number, offset });
        let Some(round) = volume.answer(done).await else { return Err(AppendError::Failed) };
        self.show_log_start(volume, offset, round);
        let (log, of_task) = (Rc::clone(self), Rc::clone(volume));
        let task = async move {
            if !planted(of_task.config.mutations.free_below_start_without_cover) {
                of_task.covered(round).await;
            }
            if !of_task.failed.is_failed() {
                of_task.remove_retired(&log, round);
            }
        };
        volume.host.spawn(Priority::Background, Box::pin(task));
        Ok(())
    }

    /// Waits until no other entry about this log's ends is on its way: the next one is built on what that one leaves.
    async fn begin_raising<'a>(&'a self, volume: &'a Volume) -> Result<Raising<'a>, AppendError> {
        volume
            .progress
            .until(|| {
                let mut state = self.state.borrow_mut();
                if volume.failed.is_failed() {
                    return Some(Err(AppendError::Failed));
                }
                if state.is_closed || volume.is_stopping() {
                    return Some(Err(AppendError::Closed));
                }
                if state.is_blocked() {
                    return Some(Err(AppendError::MustWait));
                }
                if state.change.is_some() {
                    return None;
                }
                state.change = Some(Change::Raising);
                Some(Ok(()))
            })
            .await?;
        Ok(Raising { log: self, volume })
    }

    fn show_log_start(&self, volume: &Volume, offset: i64, round: u64) {
        let gone: Vec<i64> = {
            let ledger = volume.ledger.borrow();
            let of_this = ledger.retired.iter().filter(|at| at.log == self.number && at.round == round);
            of_this.map(|at| at.base).collect()
        };
        let mut state = self.state.borrow_mut();
        state.ends.log_start = state.ends.log_start.max(offset);
        // Their chunks stay in the cache until their turn comes: what is freed there is counted in order, from the oldest on.
        state.segments.retain(|segment| !gone.contains(&segment.base));
        state.epochs.truncate_start(offset);
        state.producers.on_log_start(offset);
    }

    /// Seals the last segment and begins another, unless it is empty.
    ///
    /// # Errors
    /// [`AppendError::MustWait`] if something came between; it is worth another attempt.
    pub async fn roll(self: &Rc<Self>) -> Result<(), AppendError> {
        let volume = self.volume.upgrade().ok_or(AppendError::Closed)?;
        self.reserve(0).await?;
        volume.get_spare(0).await?;
        // A stop may have found every log quiet meanwhile: the segment would belong to no round.
        if volume.is_stopping() {
            return Err(AppendError::Closed);
        }
        let mut state = self.state.borrow_mut();
        // A truncation since has left epochs and producers of an end that is gone.
        if state.is_closed || state.is_blocked() || !state.is_loaded() {
            return Err(AppendError::MustWait);
        }
        if state.segments.last().is_none_or(|last| last.length.get() == 0) {
            return Ok(());
        }
        let end = state.ends.log_end;
        volume.roll(&mut state, end, 0)?;
        drop(state);
        volume.enqueue(self);
        Ok(())
    }
}

/// A log start is being raised; ends when this is dropped.
struct Raising<'a> {
    log: &'a Log,
    volume: &'a Volume,
}

impl Drop for Raising<'_> {
    fn drop(&mut self) {
        self.log.state.borrow_mut().change = None;
        self.volume.progress.notify();
    }
}

impl Volume {
    /// Orders the removal of what a covered round retired.
    fn remove_retired(&self, log: &Log, round: u64) {
        let retired: Vec<_> = {
            let ledger = self.ledger.borrow();
            ledger.retired.iter().filter(|at| at.log == log.number && at.round == round).copied().collect()
        };
        for retired in retired {
            let directory = log.key().directory_name();
            self.add_name_work(NameWork::Remove { retired, directory });
        }
    }
}

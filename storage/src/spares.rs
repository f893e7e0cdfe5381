//! Spares: the files that segments are born as.
//!
//! Invariants: a spare in `ready` is synced, its name too, and its number was never used before; `prepared <= reserved`; who waits has one
//! entry in `wanted`, for as long as it waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::join_all;

use crate::disk::{DiskError, File, Flushing, OpenMode};
use crate::failure::AppendError;
use crate::key::{FOLDER, Spare};
use crate::ledger::SEGMENT_BOUND;
use crate::notify::Notify;
use crate::segment::block_ceil;
use crate::volume::Volume;

/// Kept at hand, with blocks that need no preparation.
const KEEP: usize = 2;
const KEPT_BYTES: u64 = 64 << 10;
/// What a spare has when many are made at once.
const MIN_BYTES: u64 = 16 << 10;
/// Made at a time at most.
const MAX_AT_ONCE: usize = 512;
/// Reserved at a time at most, but for one.
const MAX_BYTES_AT_ONCE: u64 = 64 << 20;

pub struct SpareFile {
    pub name: Spare,
    pub file: Rc<dyn File>,
    pub reserved: u64,
    pub prepared: u64,
}

pub struct Spares {
    round_log: u32,
    next_number: Cell<u32>,
    ready: RefCell<Vec<SpareFile>>,
    /// What those need who wait for one, in bytes of blocks.
    wanted: RefCell<Vec<u64>>,
    /// Attempts found no space for so many bytes or more: who waits for them is told, and nobody tries again until somebody new asks.
    full_from: Cell<u64>,
    is_making: Cell<bool>,
    work: Notify,
}

/// Somebody waits for a spare, until this is dropped: whoever appends may give up.
struct Wanted<'a> {
    spares: &'a Spares,
    bytes: u64,
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let mut wanted = self.spares.wanted.borrow_mut();
        let at = wanted.iter().position(|bytes| *bytes == self.bytes).expect("it is there while it waits");
        wanted.swap_remove(at);
    }
}

impl Spares {
    pub fn new(round_log: u32) -> Self {
        Self {
            round_log,
            next_number: Cell::new(0),
            ready: RefCell::new(Vec::new()),
            wanted: RefCell::new(Vec::new()),
            full_from: Cell::new(u64::MAX),
            is_making: Cell::new(false),
            work: Notify::default(),
        }
    }

    /// A spare with blocks for `bytes`, if there is one: the smallest, since somebody may wait for the others.
    pub fn take(&self, bytes: u64) -> Option<SpareFile> {
        let mut ready = self.ready.borrow_mut();
        let adequate = ready.iter().enumerate().filter(|(_, spare)| spare.reserved >= bytes);
        let at = adequate.min_by_key(|(_, spare)| spare.reserved)?.0;
        let spare = ready.swap_remove(at);
        drop(ready);
        self.work.notify();
        Some(spare)
    }

    pub fn round_log(&self) -> u32 {
        self.round_log
    }

    fn has(&self, bytes: u64) -> bool {
        self.ready.borrow().iter().any(|spare| spare.reserved >= bytes)
    }

    pub fn wake(&self) {
        self.work.notify();
    }

    /// None is being made.
    pub fn is_idle(&self) -> bool {
        !self.is_making.get()
    }

    /// What those to be made now need, in bytes of blocks, the least first: one for each that waits, and those that are kept;
    /// no more than `most` at a time, but for the few that are kept.
    fn missing(&self, most: usize) -> Vec<u64> {
        let mut ready: Vec<u64> = self.ready.borrow().iter().map(|spare| spare.reserved).collect();
        let mut wanted = self.wanted.borrow().clone();
        wanted.resize(wanted.len().max(KEEP), 0);
        ready.sort_unstable();
        wanted.sort_unstable();
        // Each has the smallest that is ready and large enough. What is too small for one is so for all that need more.
        let mut ready = ready.into_iter();
        wanted.retain(|bytes| *bytes < self.full_from.get() && !ready.any(|reserved| reserved >= *bytes));
        let mut total = 0;
        let fits = |bytes: &&u64| {
            total += (**bytes).max(MIN_BYTES);
            total <= MAX_BYTES_AT_ONCE
        };
        let count = wanted.iter().take(MAX_AT_ONCE.min(most).max(KEEP)).take_while(fits).count();
        wanted.truncate(count.max(1));
        wanted
    }
}

/// Makes spares until the rounds have ended: nobody gets one after that.
pub(crate) async fn run(volume: Rc<Volume>) {
    let spares = &volume.spares;
    let most = volume.config.max_spares;
    loop {
        spares
            .work
            .until(|| {
                let is_due = !spares.missing(most).is_empty();
                (is_due || volume.is_ended()).then_some(())
            })
            .await;
        if volume.is_ended() || volume.queue.borrow().has_ended {
            return;
        }
        spares.is_making.set(true);
        let missing = spares.missing(most);
        match volume.make_spares(&missing).await {
            Ok(made) => spares.ready.borrow_mut().extend(made),
            Err(DiskError::NoSpace { .. }) => spares.full_from.set(missing[0]),
            Err(error) => volume.fail(&error),
        }
        spares.is_making.set(false);
        volume.progress.notify();
    }
}

impl Volume {
    /// Waits until a spare with blocks for `bytes` is at hand, and checkpoints have room for its segment.
    pub(crate) async fn get_spare(self: &Rc<Self>, bytes: usize) -> Result<(), AppendError> {
        self.grow_checkpoints(SEGMENT_BOUND as u64).await?;
        let bytes = block_ceil(bytes as u64);
        let spares = &self.spares;
        if spares.has(bytes) {
            return Ok(());
        }
        if self.reserve.is_low() {
            return Err(AppendError::NoSpace);
        }
        // Only by who waits: it would hide from the others that there is no space.
        spares.full_from.set(u64::MAX);
        spares.wanted.borrow_mut().push(bytes);
        let _wanted = Wanted { spares, bytes };
        spares.work.notify();
        self.progress
            .until(|| {
                if self.failed.is_failed() {
                    return Some(Err(AppendError::Failed));
                }
                if self.is_ended() {
                    return Some(Err(AppendError::Closed));
                }
                if spares.has(bytes) {
                    return Some(Ok(()));
                }
                (bytes >= spares.full_from.get()).then_some(Err(AppendError::NoSpace))
            })
            .await
    }

    /// At least one with blocks for as many bytes as one of `wanted` says.
    async fn make_spares(&self, wanted: &[u64]) -> Result<Vec<SpareFile>, DiskError> {
        let many = wanted.len() > KEEP;
        let least = if many { MIN_BYTES } else { KEPT_BYTES };
        let is_shared = matches!(self.directory.flushing(), Flushing::Shared);
        let prepared = if many || !is_shared { 0 } else { KEPT_BYTES };
        let spares = wanted.iter().map(|bytes| {
            let number = self.spares.next_number.replace(self.spares.next_number.get() + 1);
            let name = Spare { round_log: self.spares.round_log, number };
            self.make_spare(name, (*bytes).max(least), prepared)
        });
        // On a disk that is nearly full some find room and the others do not: those that were made are used.
        let (mut made, mut missed) = (Vec::with_capacity(wanted.len()), None);
        for outcome in join_all(spares).await {
            match outcome {
                Ok(spare) => made.push(spare),
                Err(error @ DiskError::NoSpace { .. }) => missed = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = missed.filter(|_| made.is_empty()) {
            return Err(error);
        }
        let files: Vec<Rc<dyn File>> = made.iter().map(|spare| Rc::clone(&spare.file)).collect();
        self.sync_files(&files).await?;
        self.sync_directories(&[FOLDER.to_owned()]).await?;
        Ok(made)
    }

    async fn make_spare(&self, name: Spare, reserved: u64, prepared: u64) -> Result<SpareFile, DiskError> {
        let path = name.path();
        let file = self.directory.open(&path, OpenMode::CreateNew).await?;
        let made = async {
            file.allocate(0, reserved).await?;
            if prepared > 0 {
                file.write(0, self.zeros(prepared as usize)).await?;
            }
            Ok(())
        };
        if let Err(error) = made.await {
            // Nothing names it yet. If it stays, the next start removes it.
            if let Err(left) = self.directory.remove_file(&path).await {
                tracing::warn!(%left, "a spare that could not be made stays behind");
            }
            return Err(error);
        }
        Ok(SpareFile { name, file, reserved, prepared })
    }
}

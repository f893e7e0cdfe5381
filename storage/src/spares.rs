//! Spares: the files that segments are born as (STORAGE §3).
//!
//! Invariants: a spare in `ready` is synced, its name too, and its number was never used before; `prepared <= reserved`.

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
const LEAST_BYTES: u64 = 16 << 10;
/// Made at a time at most.
const MOST_AT_ONCE: usize = 512;

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
    /// How many callers wait for one.
    wanted: Cell<usize>,
    wanted_bytes: Cell<u64>,
    /// The last attempt found no space; who waits is told.
    is_full: Cell<bool>,
    work: Notify,
}

impl Spares {
    pub fn new(round_log: u32) -> Self {
        Self {
            round_log,
            next_number: Cell::new(0),
            ready: RefCell::new(Vec::new()),
            wanted: Cell::new(0),
            wanted_bytes: Cell::new(0),
            is_full: Cell::new(false),
            work: Notify::default(),
        }
    }

    /// A spare with blocks for `bytes`, if there is one.
    pub fn take(&self, bytes: u64) -> Option<SpareFile> {
        let mut ready = self.ready.borrow_mut();
        let at = ready.iter().rposition(|spare| spare.reserved >= bytes)?;
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

    /// How many to make now.
    fn missing(&self) -> usize {
        let adequate = self.wanted_bytes.get();
        let ready = self.ready.borrow().iter().filter(|spare| spare.reserved >= adequate).count();
        self.wanted.get().max(KEEP).saturating_sub(ready).min(MOST_AT_ONCE)
    }
}

/// Makes spares until the volume stops.
pub(crate) async fn run(volume: Rc<Volume>) {
    let spares = &volume.spares;
    loop {
        spares
            .work
            .until(|| {
                let is_due = spares.missing() > 0 && !spares.is_full.get();
                (is_due || volume.is_ended()).then_some(())
            })
            .await;
        if volume.is_ended() {
            return;
        }
        match volume.make_spares(spares.missing()).await {
            Ok(made) => spares.ready.borrow_mut().extend(made),
            Err(DiskError::NoSpace { .. }) => spares.is_full.set(true),
            Err(error) => volume.fail(&error),
        }
        volume.progress.notify();
    }
}

impl Volume {
    /// Waits until a spare with blocks for `bytes` is at hand, and checkpoints have room for its segment.
    pub(crate) async fn get_spare(&self, bytes: usize) -> Result<(), AppendError> {
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
        spares.is_full.set(false);
        spares.wanted.set(spares.wanted.get() + 1);
        spares.wanted_bytes.set(spares.wanted_bytes.get().max(bytes));
        spares.work.notify();
        let outcome = self
            .progress
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
                spares.is_full.get().then_some(Err(AppendError::NoSpace))
            })
            .await;
        spares.wanted.set(spares.wanted.get() - 1);
        if spares.wanted.get() == 0 {
            spares.wanted_bytes.set(0);
        }
        outcome
    }

    /// At least one of `count`.
    async fn make_spares(&self, count: usize) -> Result<Vec<SpareFile>, DiskError> {
        let many = count > KEEP;
        let reserved = self.spares.wanted_bytes.get().max(if many { LEAST_BYTES } else { KEPT_BYTES });
        let is_shared = matches!(self.directory.flushing(), Flushing::Shared);
        let prepared = if many || !is_shared { 0 } else { KEPT_BYTES };
        let numbers = (0..count).map(|_| {
            let number = self.spares.next_number.replace(self.spares.next_number.get() + 1);
            Spare { round_log: self.spares.round_log, number }
        });
        // On a disk that is nearly full some find room and the others do not: those that were made are used.
        let (mut made, mut missed) = (Vec::with_capacity(count), None);
        for outcome in join_all(numbers.map(|name| self.make_spare(name, reserved, prepared))).await {
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

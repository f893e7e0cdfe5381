//! Checkpoints of the ledger in two slots, so that round-log files can be used again.
//!
//! Invariants: a checkpoint is encoded in one turn; it is written to the slot that does not hold the newest durable one, also when an
//! attempt before it failed; the round log learns of it only after its sync; both slots have blocks for `capacity` bytes, which is never less than what the ledger needs and what was
//! `promised`: nothing that makes a checkpoint longer is let in before there is room for it, so that none fails for want of space.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::try_join_all;

use crate::config::{MAX_ROUND_LOG_FILE_BYTES, PIECE, PREPARE_PIECE};
use crate::disk::{BLOCK, Directory, DiskError, File, OpenMode, Priority};
use crate::failure::AppendError;
use crate::key::checkpoint_path;
use crate::ledger::Ledger;
use crate::notify::Notify;
use crate::segment::block_ceil;
use crate::volume::Volume;

pub const SLOTS: usize = 2;
/// The slot of a round log's first checkpoint.
pub(crate) const FIRST_SLOT: usize = 1;
/// Room at first, whatever the ledger needs.
pub const MIN_CAPACITY: u64 = 64 << 10;
/// A lap of the round log that took less time than this makes its files grow.
const SHORT_LAP_NS: u64 = 2_000_000_000;

pub(crate) struct Checkpoints {
    slots: Vec<Rc<dyn File>>,
    capacity: Cell<u64>,
    /// Bytes of entries that were let in, and that the ledger does not have yet.
    promised: Cell<u64>,
    is_wanted: Cell<bool>,
    /// One is being written, and what follows it is being done.
    is_writing: Cell<bool>,
    is_growing: Cell<bool>,
    /// The sequence of the last durable checkpoint of this life.
    completed: Cell<u64>,
    /// The slot of the newest durable checkpoint.
    newest: Cell<usize>,
    last_ns: Cell<u64>,
    work: Notify,
}

impl Checkpoints {
    pub async fn open(directory: &dyn Directory, round_log: u32, capacity: u64) -> Result<Self, DiskError> {
        let mut slots = Vec::new();
        for slot in 0..SLOTS {
            slots.push(directory.open(&checkpoint_path(round_log, slot), OpenMode::Existing).await?);
        }
        Ok(Self {
            slots,
            capacity: Cell::new(capacity),
            promised: Cell::new(0),
            is_wanted: Cell::new(false),
            is_writing: Cell::new(false),
            is_growing: Cell::new(false),
            completed: Cell::new(0),
            newest: Cell::new(FIRST_SLOT),
            last_ns: Cell::new(0),
            work: Notify::default(),
        })
    }

    /// Bytes that each slot has blocks for.
    pub fn capacity(&self) -> u64 {
        self.capacity.get()
    }

    /// Nothing is under way in the slots, nor in the round log's files for want of room there.
    pub fn is_idle(&self) -> bool {
        !self.is_writing.get() && !self.is_growing.get()
    }

    pub fn completed(&self) -> u64 {
        self.completed.get()
    }

    pub fn wake(&self) {
        self.work.notify();
    }
}

/// How much a slot must have for a ledger and what will soon be in it.
pub(crate) fn capacity_for(bound: u64) -> u64 {
    block_ceil((bound + bound / 2).max(MIN_CAPACITY))
}

/// Writes a checkpoint's bytes from the file's beginning on, padded, and syncs them.
pub(crate) async fn write_slot(
    directory: &dyn Directory,
    file: &dyn File,
    content: &[u8],
) -> Result<(), DiskError> {
    let pieces = content.chunks(PIECE as usize).enumerate().map(|(at, piece)| {
        let padded = piece.len().next_multiple_of(BLOCK);
        let mut buffer = directory.buffer(padded);
        let bytes = buffer.bytes_mut();
        bytes[..piece.len()].copy_from_slice(piece);
        bytes[piece.len()..padded].fill(0);
        file.write(at as u64 * PIECE, buffer.seal().slice(..padded))
    });
    try_join_all(pieces.collect::<Vec<_>>()).await?;
    file.sync_data().await.map_err(DiskError::of_sync)
}

pub(crate) async fn run(volume: Rc<Volume>) {
    let checkpoint = &volume.checkpoint;
    loop {
        checkpoint.work.until(|| (checkpoint.is_wanted.get() || volume.is_ended()).then_some(())).await;
        if volume.is_ended() {
            return;
        }
        checkpoint.is_wanted.set(false);
        checkpoint.is_writing.set(true);
        let outcome = volume.write_checkpoint().await;
        checkpoint.is_writing.set(false);
        volume.progress.notify();
        match outcome {
            Ok(()) => {}
            // A block that was reserved may still need one of metadata to be written. Rounds go on until the ring is full.
            Err(DiskError::NoSpace { .. }) => {
                volume.wait_for_space().await;
                checkpoint.is_wanted.set(true);
            }
            Err(error) => volume.fail(&error),
        }
    }
}

impl Volume {
    pub(crate) fn request_checkpoint(&self) {
        if !self.checkpoint.is_wanted.replace(true) {
            self.checkpoint.work.notify();
        }
    }

    async fn write_checkpoint(&self) -> Result<(), DiskError> {
        self.look_for_shared().await?;
        let is_lap = self.round_log.borrow().wants_checkpoint();
        // One turn: the ledger stands at its last durable round.
        let (content, round, sequence) = {
            let mut ledger = self.ledger.borrow_mut();
            ledger.sequence += 1;
            self.hints.on_checkpoint();
            let content = ledger.encode();
            assert!(content.len() as u64 <= self.checkpoint.capacity.get(), "a checkpoint outgrows its slot");
            let at = self.round_log.borrow().since_checkpoint;
            (content, (ledger.head.round, at), ledger.sequence)
        };
        let (round, counted) = round;
        let slot = (self.checkpoint.newest.get() + 1) % SLOTS;
        write_slot(&*self.directory, &*self.checkpoint.slots[slot], &content).await?;
        self.checkpoint.newest.set(slot);
        {
            let mut log = self.round_log.borrow_mut();
            log.checkpoint_round = log.checkpoint_round.max(round);
            log.since_checkpoint = log.since_checkpoint.saturating_sub(counted);
        }
        self.checkpoint.completed.set(sequence);
        self.work.notify();
        self.progress.notify();
        // Checkpoints that hints or deletions wait for say nothing about the size of the round log.
        if is_lap {
            let now_ns = self.host.monotonic_ns();
            let lap_ns = now_ns.saturating_sub(self.checkpoint.last_ns.replace(now_ns));
            if lap_ns < SHORT_LAP_NS {
                self.grow_round_log().await?;
            }
        }
        Ok(())
    }

    /// Pre-writes more of the round-log file that will be used next: laps that are short make checkpoints frequent.
    async fn grow_round_log(&self) -> Result<(), DiskError> {
        let (index, file, from) = {
            let log = self.round_log.borrow();
            let index = log.next_file();
            (index, Rc::clone(&log.files[index].file), log.files[index].prepared)
        };
        let until = (from * 2).min(MAX_ROUND_LOG_FILE_BYTES);
        let mut at = from;
        while at < until {
            let length = (until - at).min(PREPARE_PIECE);
            match file.write(at, self.zeros(length as usize)).await {
                Ok(()) => at += length,
                Err(DiskError::NoSpace { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if from < until {
            file.sync_data().await.map_err(DiskError::of_sync)?;
            self.round_log.borrow_mut().files[index].prepared = until;
        }
        Ok(())
    }

    /// Sees to it that checkpoints have room for `more` bytes beyond the ledger's, before the entry that needs them.
    pub(crate) async fn grow_checkpoints(self: &Rc<Self>, more: u64) -> Result<(), AppendError> {
        let bound = self.checkpoint_bound(more);
        if bound <= self.checkpoint.capacity.get() {
            return Ok(());
        }
        let volume = Rc::clone(self);
        let grown = self.see_through(Priority::Rounds, async move { volume.grow_slots(bound).await });
        match grown.await.unwrap_or(Err(DiskError::Offline)) {
            Ok(()) => Ok(()),
            Err(DiskError::NoSpace { .. }) => Err(AppendError::NoSpace),
            Err(error) => {
                self.fail(&error);
                Err(AppendError::Failed)
            }
        }
    }

    /// What a checkpoint may need once everything that was let in is in the ledger, and `more` bytes.
    fn checkpoint_bound(&self, more: u64) -> u64 {
        self.ledger.borrow().encoded_bound() as u64 + self.checkpoint.promised.get() + more
    }

    /// Lets in an entry that makes a checkpoint longer by up to `bytes`, if there is room for it.
    pub(crate) fn promise_checkpoint(&self, bytes: u64) -> bool {
        let has_room = self.checkpoint_bound(bytes) <= self.checkpoint.capacity.get();
        if has_room {
            self.checkpoint.promised.set(self.checkpoint.promised.get() + bytes);
        }
        has_room
    }

    /// The entry that was let in is in the ledger.
    pub(crate) fn keep_promise(&self, bytes: u64) {
        self.checkpoint.promised.set(self.checkpoint.promised.get() - bytes);
    }

    async fn grow_slots(&self, bound: u64) -> Result<(), DiskError> {
        let checkpoint = &self.checkpoint;
        self.progress.until(|| (!checkpoint.is_growing.replace(true)).then_some(())).await;
        let from = checkpoint.capacity.get();
        let wanted = capacity_for(bound);
        let mut outcome = Ok(());
        if wanted > from {
            for slot in &checkpoint.slots {
                outcome = outcome.and(slot.allocate(from, wanted - from).await);
            }
            if outcome.is_ok() {
                checkpoint.capacity.set(wanted);
            }
        }
        checkpoint.is_growing.set(false);
        self.progress.notify();
        outcome
    }
}

/// The newest valid checkpoint of a round log, from what its slots hold.
pub(crate) fn newest(slots: &[Vec<u8>]) -> Option<Ledger> {
    slots.iter().filter_map(|slot| Ledger::decode(slot).ok()).max_by_key(|ledger| ledger.sequence)
}

/// What is wrong with a round log's slots, by file and position. (One that was never written to is not told from one that is damaged.)
pub(crate) fn faults(round_log: u32, slots: &[Vec<u8>]) -> Vec<String> {
    let fault = |(slot, bytes): (usize, &Vec<u8>)| {
        let path = checkpoint_path(round_log, slot);
        match Ledger::decode(bytes) {
            Ok(ledger) if ledger.round_log == round_log => None,
            Ok(ledger) => Some(format!("{path} at 0: it is that of round log {}", ledger.round_log)),
            Err(error) => Some(format!("{path} at 0: {error}")),
        }
    };
    slots.iter().enumerate().filter_map(fault).collect()
}

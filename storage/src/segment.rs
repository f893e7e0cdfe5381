//! A segment in memory: its file, if open, how far its blocks can be used, and its indexes, if loaded.
//!
//! Invariants: `prepared <= reserved` where both are known; `length <= reserved` while the segment is written to; at most one
//! structural operation (allocation, preparation, own preparation, cut) at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::oneshot;

use crate::ahead::Piece;
use crate::batch::{Batch, NO_TIMESTAMP};
use crate::disk::{BLOCK, File};
use crate::failure::ReadError;
use crate::index::{IndexError, IndexWriter, OffsetEntry, OffsetIndex, TimeEntry, TimeIndex};
use crate::key::Spare;
use crate::txn_index::{AbortedTxn, TxnIndex};

pub struct Segment {
    pub base: i64,
    pub file: RefCell<Option<Rc<dyn File>>>,
    /// [`File::number`], once the file was open in this life: the segment has no other, whatever its name leads to.
    number: Cell<Option<u64>>,
    /// Bytes of data, gathered ones included.
    pub length: Cell<u32>,
    /// Bytes of extents that the file has for data: offsets are given only against them. 0 until the file was looked at.
    pub reserved: Cell<u64>,
    /// Up to here blocks are written and synced; `None` until this process has proof.
    pub prepared: Cell<Option<u64>>,
    /// The file has nothing behind its data: a clean stop left it so, and this life neither extended nor truncated it.
    pub is_exact: Cell<bool>,
    /// The name that the file was born with, until its rename is synced.
    pub spare: Cell<Option<Spare>>,
    /// Someone allocates, prepares or cuts.
    pub is_structural: Cell<bool>,
    pub index: RefCell<Option<SegmentIndex>>,
    /// `index` was made of the batches, or that was tried in vain: what contradicts it is damage.
    pub is_index_proven: Cell<bool>,
    /// Somebody makes `index` of the batches.
    pub is_index_in_the_making: Cell<bool>,
    /// Who waits for `index` to be loaded. As long as there is one, a task is at it.
    pub(crate) index_waiters: RefCell<Vec<oneshot::Sender<Result<(), ReadError>>>>,
    /// A batch has the largest timestamp that `index` tells of.
    pub is_largest_proven: Cell<bool>,
    /// Milliseconds since 1970: the max timestamp of the first batch, from which `segment.ms` counts.
    pub first_timestamp: Cell<Option<i64>>,
    /// When the segment was begun or loaded.
    pub began_ms: Cell<i64>,
    pub used_at_ns: Cell<u64>,
    /// Where readers from disk will go on.
    pub resumes: RefCell<VecDeque<Resume>>,
    /// What was read ahead of them.
    pub(crate) ahead: RefCell<Vec<Rc<Piece>>>,
    /// What the log knew when the segment was sealed, until it is written.
    pub closing: RefCell<Option<ClosingHints>>,
    /// The transactions that markers in this segment have aborted, if they are in memory; see `aborted.rs`.
    pub aborted: RefCell<Option<Aborted>>,
}

/// A segment's aborted transactions.
#[derive(Debug, Clone)]
pub struct Aborted {
    pub index: TxnIndex,
    /// The ledger vouches for all of it.
    pub is_written: bool,
}

/// Readers from disk whose places are remembered for each segment.
const MAX_RESUMES: usize = 16;

/// Where a batch begins whose predecessor was read from disk. An index has its entries at the batches' last offsets, so it would send a reader
/// who goes on there to the batch before, which may be a megabyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    pub offset: i64,
    /// Of the log: positions of another one mean nothing.
    pub generation: u32,
    pub position: u32,
}

/// What recovery would otherwise have to read a log's batches for, as of `offset`.
#[derive(Debug, Clone)]
pub struct ClosingHints {
    pub offset: i64,
    pub generation: u32,
    pub snapshot: Vec<u8>,
    pub epochs: String,
}

impl Segment {
    pub fn new(base: i64, length: u32, spare: Option<Spare>, now_ms: i64) -> Self {
        Self {
            base,
            file: RefCell::new(None),
            number: Cell::new(None),
            length: Cell::new(length),
            reserved: Cell::new(0),
            prepared: Cell::new(None),
            is_exact: Cell::new(false),
            spare: Cell::new(spare),
            is_structural: Cell::new(false),
            index: RefCell::new(None),
            is_index_proven: Cell::new(false),
            is_index_in_the_making: Cell::new(false),
            index_waiters: RefCell::default(),
            is_largest_proven: Cell::new(false),
            first_timestamp: Cell::new(None),
            began_ms: Cell::new(now_ms),
            used_at_ns: Cell::new(0),
            resumes: RefCell::new(VecDeque::new()),
            ahead: RefCell::new(Vec::new()),
            closing: RefCell::new(None),
            aborted: RefCell::new(None),
        }
    }

    /// Remembers where the batch with `offset` begins, in place of the reader that stood there least recently.
    pub fn remember(&self, resume: Resume) {
        let mut resumes = self.resumes.borrow_mut();
        if resumes.len() == MAX_RESUMES {
            resumes.pop_front();
        }
        resumes.push_back(resume);
    }

    /// Whether a reader stopped at `offset`.
    pub fn is_resume(&self, offset: i64, generation: u32) -> bool {
        self.resumes.borrow().iter().any(|resume| (resume.offset, resume.generation) == (offset, generation))
    }

    /// Where the batch with `offset` begins, if a reader stopped there. It is forgotten: the reader goes on.
    pub fn resume(&self, offset: i64, generation: u32) -> Option<u32> {
        let mut resumes = self.resumes.borrow_mut();
        let at =
            resumes.iter().position(|resume| (resume.offset, resume.generation) == (offset, generation))?;
        resumes.remove(at).map(|resume| resume.position)
    }

    /// Indexes were loaded; `is_proven` if they were made of the batches alone.
    pub fn set_index(&self, index: SegmentIndex, is_proven: bool) {
        *self.index.borrow_mut() = Some(index);
        self.is_index_proven.set(is_proven);
        self.is_largest_proven.set(is_proven);
    }

    /// Takes notice of a marker that was appended.
    pub fn add_aborted(&self, txn: AbortedTxn) {
        let mut aborted = self.aborted.borrow_mut();
        let aborted = aborted.as_mut().expect("what is appended to is loaded");
        aborted.index.push(txn).expect("offsets are given in order");
        aborted.is_written = false;
    }

    pub fn open_file(&self) -> Option<Rc<dyn File>> {
        self.file.borrow().clone()
    }

    /// Takes a file that was opened for it, and returns the one to use: whoever was first keeps its descriptor, so that all of a
    /// segment's writes go through one. `None` if it is not the segment's file: another has its name now.
    pub fn adopt(&self, file: Rc<dyn File>) -> Option<Rc<dyn File>> {
        let number = file.number();
        if self.number.get().is_some_and(|known| known != number) {
            return None;
        }
        self.number.set(Some(number));
        Some(Rc::clone(self.file.borrow_mut().get_or_insert(file)))
    }

    pub fn check(&self) {
        if let Some(prepared) = self.prepared.get() {
            assert!(prepared <= self.reserved.get(), "prepared {prepared} of {}", self.reserved.get());
        }
    }
}

/// Both indexes of a segment, as Kafka's files hold them, and what decides about the next entries.
#[derive(Debug, Clone)]
pub struct SegmentIndex {
    base: i64,
    pub offsets: Vec<u8>,
    pub times: Vec<u8>,
    pub writer: IndexWriter,
    /// Whoever writes these very indexes down notes it here; other indexes of the segment have a cell of their own.
    pub written: Rc<Cell<Option<WrittenIndex>>>,
    interval_bytes: u32,
}

/// How much of a growing segment's indexes its files hold, synced: the first so many bytes of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenIndex {
    pub offsets: usize,
    pub times: usize,
}

impl SegmentIndex {
    pub fn new(base: i64, interval_bytes: u32) -> Self {
        let writer = IndexWriter::new(base, interval_bytes);
        let written = Rc::default();
        Self { base, offsets: Vec::new(), times: Vec::new(), writer, written, interval_bytes }
    }

    /// From the files' bytes. The batches from [`IndexWriter::resume_position`] on must then be shown.
    pub fn resume(
        base: i64,
        interval_bytes: u32,
        offsets: Vec<u8>,
        times: Vec<u8>,
    ) -> Result<Self, IndexError> {
        let writer = IndexWriter::resume(
            interval_bytes,
            &OffsetIndex::parse(base, &offsets)?,
            &TimeIndex::parse(base, &times)?,
        );
        Ok(Self { base, offsets, times, writer, written: Rc::default(), interval_bytes })
    }

    pub fn on_batch(&mut self, position: u32, batch: &Batch<'_>) -> Result<(), IndexError> {
        let added = self.writer.on_batch(position, batch)?;
        if let Some(entry) = added.offset {
            self.offsets.extend_from_slice(&entry.encode(self.base)?);
        }
        if let Some(entry) = added.time {
            self.times.extend_from_slice(&entry.encode(self.base)?);
        }
        Ok(())
    }

    /// The time index's bytes with the entry that a closed segment ends with.
    pub fn on_close(&mut self) {
        if let Some(entry) = self.writer.on_close()
            && let Ok(bytes) = entry.encode(self.base)
        {
            self.times.extend_from_slice(&bytes);
        }
    }

    /// Where to begin looking for the batch that holds `offset`: an entry, or the segment's beginning.
    pub fn entry_of(&self, offset: i64) -> OffsetEntry {
        let beginning = OffsetEntry { offset: self.base, position: 0 };
        OffsetIndex::parse(self.base, &self.offsets).map_or(beginning, |index| index.lookup(offset))
    }

    /// The entry that the writer goes on behind.
    pub fn last_entry(&self) -> Option<OffsetEntry> {
        OffsetIndex::parse(self.base, &self.offsets).ok().and_then(|index| index.last())
    }

    /// The largest timestamp of the time index's entries; [`NO_TIMESTAMP`] if there is none.
    pub fn last_time(&self) -> i64 {
        let last = TimeIndex::parse(self.base, &self.times).ok().and_then(|index| index.last());
        last.map_or(NO_TIMESTAMP, |entry| entry.timestamp)
    }

    /// Up to which offset no batch has a timestamp as large as `timestamp`: an entry, or the segment's beginning.
    pub fn time_entry_of(&self, timestamp: i64) -> TimeEntry {
        let beginning = TimeEntry { timestamp: NO_TIMESTAMP, offset: self.base };
        TimeIndex::parse(self.base, &self.times).map_or(beginning, |index| index.lookup(timestamp))
    }

    /// Whether both say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.offsets, &self.times) == (&other.offsets, &other.times)
    }

    pub fn largest_timestamp(&self) -> Option<TimeEntry> {
        self.writer.largest_timestamp()
    }

    /// Forgets what lies at or behind `end_offset`. The batches from [`IndexWriter::resume_position`] on must then be shown again.
    pub fn truncate(&mut self, end_offset: i64) -> Result<(), IndexError> {
        let offsets_len = OffsetIndex::parse(self.base, &self.offsets)?.len_when_truncated_to(end_offset);
        let times_len = TimeIndex::parse(self.base, &self.times)?.len_when_truncated_to(end_offset);
        self.offsets.truncate(offsets_len);
        self.times.truncate(times_len);
        self.written = Rc::default();
        self.writer = IndexWriter::resume(
            self.interval_bytes,
            &OffsetIndex::parse(self.base, &self.offsets)?,
            &TimeIndex::parse(self.base, &self.times)?,
        );
        Ok(())
    }

    pub fn memory_bytes(&self) -> usize {
        self.offsets.capacity() + self.times.capacity()
    }

    /// What no file holds yet.
    pub fn unwritten_bytes(&self) -> usize {
        let written = self.written.get().map_or(0, |written| written.offsets + written.times);
        self.offsets.len() + self.times.len() - written
    }
}

/// The beginning of the block that holds byte `position`.
pub fn block_floor(position: u64) -> u64 {
    position & !(BLOCK as u64 - 1)
}

pub fn block_ceil(position: u64) -> u64 {
    position.next_multiple_of(BLOCK as u64)
}

//! What readers of committed records are told: how far they may see, and which transactions in what they see were aborted.
//!
//! A marker that aborts a transaction leaves an entry in the transaction index (`.txnindex`) of the segment that the marker is in. Such a file
//! is a hint, and goes with the producer snapshots: what the markers below the ledger's `snapshot` say is in the files that
//! it flags, and what those from there on say is found out with the producers when the log is loaded.
//!
//! Invariants:
//! - no snapshot is vouched for before the entries of all markers below it are synced
//! - of a loaded log, a segment's `aborted` is in memory, unless the ledger vouches for all of it and the segment is not the last
//! - `has_aborted` is set if any segment has an entry
//!
//! Sources: Kafka's `UnifiedLog` (`fetchLastStableOffsetMetadata`), `LocalLog` (`addAbortedTransactions`), `TransactionIndex`.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::append::derive;
use crate::failure::ReadError;
use crate::indexes::contradicted;
use crate::kafka_files::SegmentFile;
use crate::key::segment_path;
use crate::ledger::LedgerLog;
use crate::log::Log;
use crate::read::{Read, ReadBounds};
use crate::segment::{Aborted, Segment};
use crate::txn_index::{AbortedTxn, ENTRY_LEN, TxnIndex};
use crate::volume::Volume;

/// The shortest batch there is: a header.
const SHORTEST_BATCH: usize = crate::batch::HEADER_LEN;

/// Batches below the last stable offset, and the aborted transactions that have records among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommittedRead {
    pub read: Read,
    /// In the order of their markers.
    pub aborted: Vec<AbortedTxn>,
}

impl From<Read> for CommittedRead {
    /// What is read whether it was committed or not: nothing is to be told.
    fn from(read: Read) -> Self {
        Self { read, aborted: Vec::new() }
    }
}

/// A segment's aborted transactions, to be written: its base, and the file's bytes, which are none if there is to be no file.
pub(crate) type Unwritten = (i64, Vec<u8>);

enum Found {
    All(Vec<AbortedTxn>),
    /// This segment's must be read first.
    Unread(Rc<Segment>, u32),
    NotLoaded,
}

/// Gives the segments what a load has found out of each, and says whether any may have an aborted transaction.
pub(crate) fn set_aborted(segments: &[Rc<Segment>], all: Vec<Option<Aborted>>) -> bool {
    let has_any = |aborted: &Option<Aborted>| {
        aborted.as_ref().is_none_or(|aborted| !aborted.index.entries().is_empty())
    };
    let has_aborted = all.iter().any(has_any);
    for (segment, aborted) in segments.iter().zip(all) {
        *segment.aborted.borrow_mut() = aborted;
    }
    has_aborted
}

impl Log {
    /// The offset that readers of committed records may see up to: the first one of a transaction that is not decided below
    /// `high_watermark`, or that itself. `None` before the log is loaded.
    pub fn last_stable_offset(&self, high_watermark: i64) -> Option<i64> {
        let state = &mut *self.state.borrow_mut();
        if !state.is_loaded() {
            return None;
        }
        state.producers.on_high_watermark(high_watermark);
        let unstable = state.producers.first_unstable_offset();
        // The beginning of the transaction may have been given up.
        Some(unstable.map_or(high_watermark, |first| first.max(state.ends.log_start).min(high_watermark)))
    }

    /// As [`Self::read_cached`], for readers of committed records: nothing at or behind the last stable offset comes. `limits.offset` is the
    /// high watermark.
    pub fn read_committed_cached(&self, from: i64, limits: ReadBounds) -> Option<CommittedRead> {
        let offset = self.last_stable_offset(limits.offset)?;
        let read = self.read_cached(from, ReadBounds { offset, ..limits })?;
        match self.find_aborted(from, &read) {
            Found::All(aborted) => Some(CommittedRead { read, aborted }),
            Found::Unread(..) | Found::NotLoaded => None,
        }
    }

    /// As [`Self::read`], for readers of committed records.
    pub async fn read_committed(
        self: &Rc<Self>,
        from: i64,
        limits: ReadBounds,
    ) -> Result<CommittedRead, ReadError> {
        let volume = self.volume.upgrade().ok_or(ReadError::Failed)?;
        loop {
            let Some(offset) = self.last_stable_offset(limits.offset) else {
                self.load().await?;
                continue;
            };
            let generation = self.generation();
            let read = self.read(from, ReadBounds { offset, ..limits }).await?;
            let aborted = loop {
                match self.find_aborted(from, &read) {
                    Found::All(aborted) => break aborted,
                    Found::NotLoaded => self.load().await?,
                    Found::Unread(segment, generation) => {
                        let outcome = self.read_aborted_of(&volume, &segment).await;
                        if self.still_has(&segment, generation)? {
                            outcome?;
                        }
                    }
                }
            };
            // What was given up meanwhile took its markers along.
            if self.generation() == generation && from >= self.ends().log_start {
                return Ok(CommittedRead { read, aborted });
            }
        }
    }

    /// The aborted transactions with records in what was read from offset `from` on.
    fn find_aborted(&self, from: i64, read: &Read) -> Found {
        let state = self.state.borrow();
        if !state.is_loaded() {
            return Found::NotLoaded;
        }
        let mut found = Vec::new();
        if !state.has_aborted || read.bytes == 0 {
            return Found::All(found);
        }
        let first = state.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        for segment in &state.segments[first..] {
            let aborted = segment.aborted.borrow();
            let Some(aborted) = &*aborted else { return Found::Unread(Rc::clone(segment), state.generation) };
            if aborted.index.collect(from, read.next_offset, &mut found) {
                break;
            }
        }
        Found::All(found)
    }

    /// Brings a sealed segment's into memory.
    pub(crate) async fn read_aborted_of(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segment: &Rc<Segment>,
    ) -> Result<(), ReadError> {
        let segments = self.state.borrow().segments.clone();
        let behind = segments.iter().find(|other| other.base > segment.base).map_or(i64::MAX, |at| at.base);
        segment.used_at_ns.set(volume.host.monotonic_ns());
        let aborted = self.read_or_derive(volume, &segments, segment, behind).await?;
        segment.aborted.borrow_mut().get_or_insert(aborted);
        Ok(())
    }

    /// For each segment what is known of it before the batches from `snapshot` on are gone through: nothing, where it can wait until it
    /// is asked for.
    pub(crate) async fn aborted_below(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segments: &[Rc<Segment>],
        snapshot: i64,
    ) -> Result<Vec<Option<Aborted>>, ReadError> {
        let flagged = |entry: &mut LedgerLog| {
            entry.segments.iter().filter(|at| at.has_aborted).map(|at| at.base).collect::<BTreeSet<i64>>()
        };
        let flagged = volume.in_ledger(self.number, flagged).unwrap_or_default();
        let mut all = Vec::with_capacity(segments.len());
        for (at, segment) in segments.iter().enumerate() {
            let has_file = flagged.contains(&segment.base);
            let is_past = segments.get(at + 1).is_some_and(|next| next.base <= snapshot);
            all.push(if has_file && is_past {
                None
            } else if has_file && segment.base < snapshot {
                Some(self.read_or_derive(volume, segments, segment, snapshot).await?)
            } else {
                // A file of a segment that begins behind the snapshot is from before a truncation, or ahead of what is vouched for.
                Some(Aborted { index: TxnIndex::default(), is_written: !has_file })
            });
        }
        Ok(all)
    }

    /// What markers below `end` say: from the file, or from the batches if the file is not what the ledger vouches for, or not what they say.
    async fn read_or_derive(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segments: &[Rc<Segment>],
        segment: &Rc<Segment>,
        end: i64,
    ) -> Result<Aborted, ReadError> {
        let path = segment_path(&self.key().directory_name(), segment.base, SegmentFile::TxnIndex);
        let longest = segment.length.get() as usize / SHORTEST_BATCH * ENTRY_LEN;
        let file = volume.directory.read_small(&path, longest).await.map_err(|error| error.to_string());
        let parsed = file.and_then(|bytes| {
            TxnIndex::parse(segment.base, &bytes).map_err(|error| format!("{path}: {error}"))
        });
        let why = match parsed {
            Ok(mut index) => {
                // All of it: an entry that seems to lie behind `end` may be a garbled one.
                if self.is_borne_out(volume, segments, segment, &index).await? {
                    let count = index.entries().len();
                    index.truncate_to(end);
                    return Ok(Aborted { is_written: index.entries().len() == count, index });
                }
                format!("{path}: it is not known to be what the batches say")
            }
            Err(error) => error,
        };
        tracing::warn!(why, "a transaction index is made anew");
        let mut index = self.derive_aborted(volume, segments, segment).await?;
        index.truncate_to(end);
        Ok(Aborted { is_written: false, index })
    }

    /// What a segment's batches say, and those before it, from the newest snapshot on that stands at a segment's beginning.
    async fn derive_aborted(
        self: &Rc<Self>,
        volume: &Rc<Volume>,
        segments: &[Rc<Segment>],
        segment: &Rc<Segment>,
    ) -> Result<TxnIndex, ReadError> {
        let newest = |entry: &mut LedgerLog| {
            let usable = |at: &&crate::ledger::LedgerSegment| at.has_snapshot && at.base <= segment.base;
            entry.segments.iter().rfind(usable).map(|at| at.base)
        };
        let snapshot = volume.in_ledger(self.number, newest).flatten().unwrap_or(-1);
        let mut producers = self.load_producers(volume, snapshot, segments[0].base).await;
        let (mut index, mut is_astray) = (TxnIndex::default(), false);
        let begin = producers.end_offset();
        for other in segments.iter().filter(|other| (begin..=segment.base).contains(&other.base)) {
            let is_asked = Rc::ptr_eq(other, segment);
            volume
                .scan(self, other, 0, other.length.get(), |position, batch| {
                    let txn = derive(None, &mut producers, None, position, batch);
                    if let Some(txn) = txn.filter(|_| is_asked) {
                        is_astray |= index.push(txn).is_err();
                    }
                })
                .await?;
        }
        if is_astray { Err(contradicted(segment, 0)) } else { Ok(index) }
    }

    /// What must be synced before a snapshot of offset `end` may be vouched for.
    pub(crate) fn unwritten_aborted(&self, end: i64) -> Vec<Unwritten> {
        let state = self.state.borrow();
        let below = state.segments.iter().take_while(|segment| segment.base < end);
        let unwritten = |segment: &Rc<Segment>| {
            let aborted = segment.aborted.borrow();
            let aborted = aborted.as_ref().filter(|aborted| !aborted.is_written)?;
            Some((segment.base, aborted.index.encode()))
        };
        below.filter_map(unwritten).collect()
    }

    /// A transaction index that stands at `base` is of no use: the segment has none, or was given up while it was written.
    pub(crate) fn has_no_aborted(&self, base: i64) -> bool {
        let state = self.state.borrow();
        let segment = state.segments.iter().find(|segment| segment.base == base);
        let is_empty = |segment: &Rc<Segment>| {
            segment.aborted.borrow().as_ref().is_some_and(|aborted| aborted.index.entries().is_empty())
        };
        segment.is_none_or(is_empty)
    }

    /// These were synced and are vouched for.
    pub(crate) fn note_written(&self, written: &[Unwritten]) {
        let state = self.state.borrow();
        for (base, bytes) in written {
            let Some(segment) = state.segments.iter().find(|segment| segment.base == *base) else { continue };
            if let Some(aborted) = &mut *segment.aborted.borrow_mut() {
                // More may have come to the last segment's.
                aborted.is_written = aborted.index.entries().len() * ENTRY_LEN == bytes.len();
            }
        }
    }
}

impl LedgerLog {
    /// Notes transaction indexes that were synced.
    pub(crate) fn vouch_for_aborted(&mut self, written: &[Unwritten]) {
        for (base, bytes) in written {
            if let Some(at) = self.segments.iter_mut().find(|at| at.base == *base) {
                at.has_aborted = !bytes.is_empty();
            }
        }
    }
}

impl Aborted {
    /// Adds what a marker says. Returns false if it is not behind the others: the batches are not what was written.
    pub(crate) fn add(&mut self, txn: AbortedTxn) -> bool {
        self.is_written = false;
        self.index.push(txn).is_ok()
    }
}

impl Segment {
    /// Forgets what markers from `end` on say.
    pub(crate) fn truncate_aborted(&self, end: i64) {
        if let Some(aborted) = &mut *self.aborted.borrow_mut() {
            aborted.index.truncate_to(end);
            aborted.is_written = false;
        }
    }

    /// Nobody has asked for it for some time, and it can be read again.
    pub(crate) fn drop_aborted(&self) {
        let is_kept = |aborted: &Aborted| !aborted.is_written || aborted.index.entries().is_empty();
        self.aborted.borrow_mut().take_if(|aborted| !is_kept(aborted));
    }
}

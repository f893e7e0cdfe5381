//! One local replica of one partition: its state, and what needs no more than a look at it.
//!
//! Invariants: `durable <= settled <= written <= log_end`, `log_start <= settled`; `segments` are in order of `base`; the runs in `pending` follow
//! each other and end at `log_end`; `cache` is a contiguous range of offsets; `open` belongs to the last run of `pending`;
//! `is_busy` while a write or an own preparation of this log is in flight.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use bytes::Bytes;
use futures_channel::oneshot;

use crate::config::LogConfig;
use crate::epochs::{EpochEnd, EpochStart, LeaderEpochs};
use crate::failure::{LogFailed, ReadError};
use crate::gather::{Chunk, OpenChunk, Pending};
use crate::key::{LogId, LogKey};
use crate::ledger::LedgerLog;
use crate::producers::Producers;
use crate::segment::Segment;
use crate::volume::Volume;

/// The offsets up to which a log is flushed, acknowledged, written and gathered; each is the offset behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub log_start: i64,
    pub durable: i64,
    pub settled: i64,
    pub written: i64,
    pub log_end: i64,
}

impl Ends {
    pub fn check(&self) {
        // The log start may be raised to `settled` before the next flush, when acknowledgements do not wait for one.
        assert!(self.log_start <= self.settled, "{self:?}");
        assert!(self.durable <= self.settled && self.settled <= self.written, "{self:?}");
        assert!(self.written <= self.log_end, "{self:?}");
    }
}

/// What a checker may see of a segment. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentState {
    pub base: i64,
    /// Of the data, gathered bytes included.
    pub length: u32,
    /// Of the data that durable rounds have named.
    pub named: u32,
    /// Up to here this process knows the file's blocks to be written and synced; `None` if it knows nothing of them.
    pub prepared: Option<u64>,
    /// [`crate::disk::File::number`], if the file is open.
    pub file: Option<u64>,
    pub is_sealed: bool,
}

pub struct Log {
    pub(crate) volume: Weak<Volume>,
    /// Within the round log.
    pub(crate) number: u32,
    id: LogId,
    key: Arc<LogKey>,
    pub(crate) state: RefCell<LogState>,
    /// In the round queue.
    pub(crate) is_queued: Cell<bool>,
    /// Somebody writes hints of this log: two would undo each other's.
    pub(crate) is_hinting: Cell<bool>,
    /// What this life has written into the epoch file last.
    pub(crate) written_epochs: RefCell<Option<String>>,
}

pub(crate) struct LogState {
    pub config: LogConfig,
    pub generation: u32,
    pub ends: Ends,
    /// The log ends behind its last batch, or where its last, empty segment begins. A truncation may have left its end within a batch that is gone.
    pub is_end_proven: bool,
    pub segments: Vec<Rc<Segment>>,
    pub load: Load,
    /// Deleted.
    pub is_closed: bool,
    /// A deletion has begun, and waits until nothing else is done to it.
    pub is_unwanted: bool,
    /// What is about to change the log's ends, and is alone at it.
    pub change: Option<Change>,
    /// An append must begin a segment, for a reason that only its batches tell, and there was no spare for it.
    pub is_roll_wanted: bool,
    pub is_busy: bool,
    /// It waits for its turn to be prepared ahead.
    pub is_preparation_wanted: bool,
    pub pending: VecDeque<Pending>,
    pub open: Option<OpenChunk>,
    /// The partial block at `log_end`, if sealed; `None` also when it must be read from disk first.
    pub partial: Option<Bytes>,
    pub cache: VecDeque<Chunk>,
    pub producers: Producers,
    /// Wall clock, in milliseconds: when silent producers were looked for last.
    pub producers_checked_ms: i64,
    pub epochs: LeaderEpochs,
    /// Markers in this log may have aborted transactions. Without, nobody looks for them.
    pub has_aborted: bool,
    pub rate: Rate,
    /// Records that no flush covers yet.
    pub unflushed_messages: u64,
}

/// Whether indexes, epochs and producers are known, and the end's partial block is at hand.
pub(crate) enum Load {
    Cold,
    /// A task is at it, and tells whoever waits.
    Loading(Vec<oneshot::Sender<Result<(), ReadError>>>),
    Loaded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A higher log start is on its way: neither another one nor a truncation may be decided by the ends as they are.
    Raising,
    /// A truncation or deletion is under way: appends wait.
    Blocked,
}

/// How fast a log grows, from the bytes of this second and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    second: u64,
    current: u64,
    previous: u64,
    /// Of the last runs.
    pub run_bytes: u64,
}

impl Rate {
    pub fn on_bytes(&mut self, now_ns: u64, bytes: u64) {
        self.turn(now_ns);
        self.current += bytes;
    }

    pub fn on_run(&mut self, bytes: u64) {
        self.run_bytes = (self.run_bytes * 3 + bytes) / 4;
    }

    /// Bytes in about a second; 0 for a log that is cold.
    pub fn bytes_per_second(&mut self, now_ns: u64) -> u64 {
        self.turn(now_ns);
        self.current.max(self.previous)
    }

    fn turn(&mut self, now_ns: u64) {
        let second = now_ns / 1_000_000_000;
        if second > self.second {
            self.previous = if second == self.second + 1 { self.current } else { 0 };
            self.current = 0;
            self.second = second;
        }
    }
}

impl LogState {
    pub fn is_loaded(&self) -> bool {
        matches!(self.load, Load::Loaded)
    }

    pub fn is_loading(&self) -> bool {
        matches!(self.load, Load::Loading(_))
    }

    /// What was loaded is of an end that is gone. A load that is under way begins again by itself.
    pub fn forget_load(&mut self) {
        if self.is_loaded() {
            self.load = Load::Cold;
        }
    }

    /// Appends wait.
    pub fn is_blocked(&self) -> bool {
        self.change == Some(Change::Blocked)
    }

    /// Whether a segment is one of this log's, and was not given up.
    pub fn has(&self, segment: &Rc<Segment>) -> bool {
        self.segments.iter().any(|other| Rc::ptr_eq(other, segment))
    }

    /// An empty log that goes on behind a gap begins there, as the ledger says: once its first segment is durable.
    pub fn begin_behind_gap(&mut self, first: &Rc<Segment>) {
        let ends = &mut self.ends;
        let is_first = self.segments.first().is_some_and(|segment| Rc::ptr_eq(segment, first));
        if is_first && ends.durable == ends.log_start && ends.durable < first.base {
            ends.log_start = first.base;
            ends.durable = first.base;
            ends.written = ends.written.max(first.base);
            ends.settled = ends.settled.max(first.base);
        }
    }

    /// Whether appends go to a segment, and nobody is about to change that. A roll, a truncation or a deletion may come between whatever
    /// an append waits for.
    pub fn grows_at(&self, segment: &Rc<Segment>) -> bool {
        let is_last = self.segments.last().is_some_and(|last| Rc::ptr_eq(last, segment));
        is_last && !self.is_closed && !self.is_blocked()
    }
}

impl Log {
    pub(crate) fn new(volume: &Rc<Volume>, number: u32, ledger: &LedgerLog, config: LogConfig) -> Rc<Self> {
        let now_ms = volume.host.wall_clock_ms();
        let segments = ledger.segments.iter();
        let segments = segments
            .map(|at| {
                let segment = Segment::new(at.base, at.length, at.spare, now_ms);
                segment.is_exact.set(volume.began_cut);
                Rc::new(segment)
            })
            .collect();
        let end = ledger.next_offset;
        let state = LogState {
            config,
            generation: ledger.generation,
            ends: Ends {
                log_start: ledger.log_start,
                durable: end,
                settled: end,
                written: end,
                log_end: end,
            },
            // A log without segments has nothing that could be loaded.
            load: if ledger.segments.is_empty() { Load::Loaded } else { Load::Cold },
            is_end_proven: volume.began_cut || ledger.segments.is_empty(),
            segments,
            is_closed: false,
            is_unwanted: false,
            change: None,
            is_roll_wanted: false,
            is_busy: false,
            is_preparation_wanted: false,
            pending: VecDeque::new(),
            open: None,
            partial: None,
            cache: VecDeque::new(),
            producers: Producers::new(end),
            producers_checked_ms: now_ms,
            epochs: LeaderEpochs::new(),
            has_aborted: false,
            rate: Rate::default(),
            unflushed_messages: 0,
        };
        Rc::new(Self {
            volume: Rc::downgrade(volume),
            number,
            id: ledger.id,
            key: Arc::clone(&ledger.key),
            state: RefCell::new(state),
            is_queued: Cell::new(false),
            is_hinting: Cell::new(false),
            written_epochs: RefCell::new(None),
        })
    }

    pub fn key(&self) -> &Arc<LogKey> {
        &self.key
    }

    pub fn id(&self) -> LogId {
        self.id
    }

    pub fn ends(&self) -> Ends {
        self.state.borrow().ends
    }

    pub fn generation(&self) -> u32 {
        self.state.borrow().generation
    }

    pub fn config(&self) -> LogConfig {
        self.state.borrow().config.clone()
    }

    /// Holds from the next append on.
    pub fn set_config(&self, config: LogConfig) {
        self.state.borrow_mut().config = config;
    }

    pub fn is_closed(&self) -> bool {
        self.state.borrow().is_closed
    }

    /// Epochs, producers and indexes are in memory; see [`Self::load`].
    pub fn is_loaded(&self) -> bool {
        self.state.borrow().is_loaded()
    }

    /// Bytes of data in all segments, gathered ones included.
    pub fn size_bytes(&self) -> u64 {
        self.state.borrow().segments.iter().map(|segment| u64::from(segment.length.get())).sum()
    }

    pub fn segment_bases(&self) -> Vec<i64> {
        self.state.borrow().segments.iter().map(|segment| segment.base).collect()
    }

    pub fn segments(&self) -> Vec<SegmentState> {
        let named: Vec<(i64, u32)> = self
            .volume
            .upgrade()
            .and_then(|volume| {
                let lengths = |entry: &mut LedgerLog| {
                    entry.segments.iter().map(|segment| (segment.base, segment.length)).collect()
                };
                volume.in_ledger(self.number, lengths)
            })
            .unwrap_or_default();
        let state = self.state.borrow();
        let last = state.segments.len().saturating_sub(1);
        let views = state.segments.iter().enumerate().map(|(at, segment)| SegmentState {
            base: segment.base,
            length: segment.length.get(),
            named: named.iter().find(|(base, _)| *base == segment.base).map_or(0, |(_, length)| *length),
            prepared: segment.prepared.get(),
            file: segment.open_file().map(|file| file.number()),
            is_sealed: at < last,
        });
        views.collect()
    }

    /// Kafka's answer to `OffsetForLeaderEpoch`, up to the log's end. The log must be loaded.
    pub fn epoch_end_offset(&self, epoch: i32) -> Option<EpochEnd> {
        let state = self.state.borrow();
        state.epochs.end_of(epoch, state.ends.log_end)
    }

    /// The epoch of the last batches, and where it began. The log must be loaded.
    pub fn latest_epoch(&self) -> Option<EpochStart> {
        self.state.borrow().epochs.latest()
    }

    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.state.borrow().epochs.epoch_at(offset)
    }

    /// The producers' state as of `log_end`; [`Self::append`] keeps it. The log must be loaded. The borrow must end before the next
    /// call of this log.
    pub fn producers(&self) -> RefMut<'_, Producers> {
        RefMut::map(self.state.borrow_mut(), |state| &mut state.producers)
    }

    /// Whether a segment is one of this log's, and not the last.
    pub(crate) fn is_sealed(&self, segment: &Rc<Segment>) -> bool {
        let state = self.state.borrow();
        let at = state.segments.iter().position(|other| Rc::ptr_eq(other, segment));
        at.is_some_and(|at| at + 1 < state.segments.len())
    }

    /// Resolves once `settled` has reached `offset` (the offset behind the last one of interest).
    pub async fn wait_settled(&self, offset: i64) -> Result<(), LogFailed> {
        let Some(volume) = self.volume.upgrade() else { return Err(LogFailed) };
        volume
            .progress
            .until(|| {
                let state = self.state.borrow();
                if state.ends.settled >= offset {
                    return Some(Ok(()));
                }
                (state.is_closed || volume.failed.is_failed()).then_some(Err(LogFailed))
            })
            .await
    }

    /// The invariants at the head of this file.
    pub fn check(&self) {
        let state = self.state.borrow();
        state.ends.check();
        assert!(state.segments.is_sorted_by(|a, b| a.base < b.base), "{}: segments out of order", self.key);
        for segment in &state.segments {
            segment.check();
        }
        let mut chunks = state.cache.iter().peekable();
        while let Some(chunk) = chunks.next() {
            if let Some(next) = chunks.peek() {
                assert_eq!(chunk.next_offset, next.first_offset, "{}: a gap in the cache", self.key);
            }
        }
        assert!(state.open.is_none() || matches!(state.pending.back(), Some(Pending::Run(_))));
    }
}

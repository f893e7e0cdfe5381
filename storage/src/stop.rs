//! The clean stop: rounds finished, segments cut, hints written, and then, once for all shards, Kafka's files and the clean root.
//!
//! A clean start has nothing but the batches to find a log's end by, so a log is closed at the end of its last one, as Kafka's `LogLoader` would find
//! it; where a truncation left its end within a batch that is gone, the offsets behind it are given again.
//!
//! Invariants: a hint file takes the place of one that the ledger vouches for only once what is in it is synced, because until the root says clean
//! a start believes the ledger; the root says clean only after everything it stands for is synced; Kafka's marker comes after that, and `logan/`
//! goes last, its root as the last of it.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::disk::{Directory, DiskError};
use crate::failure::{LogFailed, ReadError};
use crate::kafka_files::{
    CLEAN_SHUTDOWN, CleanShutdown, FileStage, LEADER_EPOCH_CHECKPOINT, LOG_START_CHECKPOINT, Offsets,
    RECOVERY_POINT_CHECKPOINT, REPLICATION_CHECKPOINT, SegmentFile, SegmentFileName, write_clean_shutdown,
    write_offset_checkpoint,
};
use crate::key::{FOLDER, LogKey, ROOT_PATH, segment_path};
use crate::ledger::{ALL_ENTRIES, LedgerLog, LedgerSegment};
use crate::log::{Ends, Log};
use crate::moment::beside;
use crate::names::{allow_missing, keep_topic_id};
use crate::recovery::write_root;
use crate::root::{FILE_LEN, Root};
use crate::segment::{ClosingHints, Segment, SegmentIndex};
use crate::volume::{Phase, Volume};

/// Logs that are closed at a time.
const IN_FLIGHT: usize = 64;

/// What a stopped volume leaves for Kafka's checkpoint files: plain data, on its way to the shard that closes the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedPart {
    pub shard: u16,
    pub logs: Vec<StoppedLog>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedLog {
    pub key: LogKey,
    pub log_start: i64,
    pub log_end: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{FOLDER}/root: {0}")]
    Root(#[from] crate::codec::FormatError),
}

/// What closing the logs leaves to be done for all of them together.
#[derive(Default)]
struct Closing {
    /// Files that were written beside the ones they replace.
    replaced: Vec<String>,
    /// Snapshots that nobody would look for.
    removed: Vec<String>,
    /// Files that look like a segment of a log, and are none.
    nameless: Vec<String>,
}

impl Volume {
    /// Finishes everything that was appended, and writes what a clean directory has. Appends end with an error from now on. After
    /// this the volume does nothing any more.
    pub async fn stop(self: &Rc<Self>) -> Result<StoppedPart, LogFailed> {
        self.enter(Phase::Stopping);
        for log in self.logs() {
            let ends = log.ends();
            self.queue.borrow_mut().is_flush_wanted |= ends.durable < ends.log_end;
        }
        self.end_rounds().await;
        let outcome = if self.failed.is_failed() { Err(LogFailed) } else { self.close_logs().await };
        self.enter(Phase::Stopped);
        self.wake_everybody();
        outcome
    }

    /// Lets the rounds go on until every log is quiet, and then end. A log becomes quiet by many hands (rounds, preparations, cuts, hints,
    /// truncations, deletions); all of them notify `progress`, and none of them needs to know of a stop.
    async fn end_rounds(&self) {
        self.work.notify();
        self.until(|| self.is_quiet_everywhere() || self.failed.is_failed()).await;
        self.enter(Phase::RoundsMayEnd);
        self.work.notify();
        self.until(|| self.queue.borrow().has_ended).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        self.progress.until(|| condition().then_some(())).await;
    }

    async fn close_logs(self: &Rc<Self>) -> Result<StoppedPart, LogFailed> {
        self.until_or_failed(|| self.reserve.is_idle() && self.spares.is_idle()).await?;
        self.release_reserve().await;
        // Every round is durable; a checkpoint makes them facts, so that what they gave up can go.
        let sequence = self.ledger.borrow().sequence;
        self.until_or_failed(|| self.names.is_idle() && self.hints.is_idle()).await?;
        self.request_checkpoint();
        self.until_or_failed(|| self.checkpoint.completed() > sequence).await?;
        self.until_or_failed(|| {
            let ledger = self.ledger.borrow();
            self.names.is_idle() && ledger.deleted.is_empty() && ledger.retired.is_empty()
        })
        .await?;
        self.until_or_failed(|| self.checkpoint.is_idle()).await?;
        let logs = self.logs();
        let closing = RefCell::new(Closing::default());
        let closed = stream::iter(logs.iter().map(|log| async {
            let outcome = self.close(log, &closing).await;
            outcome.inspect_err(|error| tracing::error!(log = %log.key(), %error, "a log cannot be closed"))
        }));
        let closed = closed.buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await;
        let closed = match closed {
            Ok(_) => self.put_in_place(closing.into_inner()).await.map_err(ReadError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = closed {
            let path = self.directory.path();
            let what = match &error {
                ReadError::Corrupt { .. } => {
                    format!(
                        ": put the damaged files back, or run `logan recover --accept-loss {path}`, which cuts the log there"
                    )
                }
                _ => String::new(),
            };
            tracing::error!(directory = %path, %error, "the directory cannot be closed cleanly{what}");
            return Err(LogFailed);
        }
        let logs = logs.iter().map(|log| {
            let ends = log.ends();
            StoppedLog { key: LogKey::clone(log.key()), log_start: ends.log_start, log_end: ends.log_end }
        });
        Ok(StoppedPart { shard: self.shard(), logs: logs.collect() })
    }

    async fn until_or_failed(&self, condition: impl Fn() -> bool) -> Result<(), LogFailed> {
        self.progress
            .until(|| {
                if self.failed.is_failed() {
                    return Some(Err(LogFailed));
                }
                condition().then_some(Ok(()))
            })
            .await
    }

    async fn put_in_place(&self, closing: Closing) -> Result<(), DiskError> {
        let Closing { replaced, removed, nameless } = closing;
        self.directory.sync_file_system().await?;
        let renames = replaced.into_iter().map(|path| (beside(&path), path));
        let set_aside = nameless.into_iter().map(|path| {
            let aside = format!("{path}.stray");
            tracing::warn!("{path} is no segment of its log: it is {aside} now");
            (path, aside)
        });
        stream::iter(renames.chain(set_aside))
            .map(|(from, to)| async move { self.directory.rename(&from, &to).await })
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<Vec<()>>()
            .await?;
        for path in removed {
            allow_missing(self.directory.remove_file(&path).await)?;
        }
        self.directory.sync_file_system().await
    }

    /// Cuts the last segment and writes the hints that are not on disk, each beside the one it replaces.
    async fn close(self: &Rc<Self>, log: &Rc<Log>, closing: &RefCell<Closing>) -> Result<(), ReadError> {
        log.end_at_last_batch(self).await?;
        let segments = log.state.borrow().segments.clone();
        let end = log.ends().log_end;
        let vouched = self.vouched_segments(log);
        let is_right = |segment: &Rc<Segment>| vouched.contains(&segment.base);
        // That a file is closed and its hints are vouched for does not say that it ends with its data: it may have been written to, with
        // blocks prepared behind, and closed for want of use. After a life that ended otherwise every directory is looked through.
        let is_looked_through = self.began_cut || !segments.is_empty();
        if !self.began_cut {
            keep_topic_id(&*self.directory, log.key()).await?;
        }
        let is_exact = segments.iter().all(|segment| is_right(segment) && segment.is_exact.get());
        if is_looked_through && is_exact && log.unwritten_aborted(end).is_empty() {
            return Ok(());
        }
        log.load().await?;
        let directory = log.key().directory_name();
        let count = segments.len();
        for (at, segment) in segments.iter().enumerate() {
            if at + 1 == count {
                let file = self.open_segment(log, segment).await?;
                file.set_length(u64::from(segment.length.get())).await?;
                segment.reserved.set(0);
                segment.prepared.set(None);
                if let Some(index) = &mut *segment.index.borrow_mut() {
                    index.on_close();
                }
            } else if is_right(segment) {
                continue;
            }
            log.load_index(self, segment).await?;
            self.write_index_files(&directory, segment, closing).await?;
            segment.file.borrow_mut().take();
        }
        if !segments.is_empty() {
            self.write_log_hints(log, &directory, closing).await?;
        }
        self.look_for_strays(log, &directory, closing).await?;
        Ok(())
    }

    /// The segments whose hints need not be written.
    pub(crate) fn vouched_segments(&self, log: &Log) -> Vec<i64> {
        let end = log.ends().log_end;
        let of_log = |entry: &mut LedgerLog| {
            let is_closed = entry.snapshot == end && entry.epochs == end;
            // A file of which only some entries are vouched for was written while its segment grew.
            let is_whole = |at: &&LedgerSegment| at.indexed == at.length && at.time_entries == ALL_ENTRIES;
            let right = entry.segments.iter().filter(|at| is_closed && is_whole(at));
            right.map(|at| at.base).collect()
        };
        self.in_ledger(log.number, of_log).unwrap_or_default()
    }

    async fn write_index_files(
        &self,
        directory: &str,
        segment: &Segment,
        closing: &RefCell<Closing>,
    ) -> Result<(), DiskError> {
        let files = segment.index.borrow().as_ref().map(|index| (index.offsets.clone(), index.times.clone()));
        let Some((offsets, times)) = files else { return Ok(()) };
        let path = segment_path(directory, segment.base, SegmentFile::OffsetIndex);
        self.replace(path, &offsets, closing).await?;
        let path = segment_path(directory, segment.base, SegmentFile::TimeIndex);
        self.replace(path, &times, closing).await
    }

    async fn replace(
        &self,
        path: String,
        content: &[u8],
        closing: &RefCell<Closing>,
    ) -> Result<(), DiskError> {
        self.write_beside(&path, content).await?;
        closing.borrow_mut().replaced.push(path);
        Ok(())
    }

    async fn write_log_hints(
        &self,
        log: &Rc<Log>,
        directory: &str,
        closing: &RefCell<Closing>,
    ) -> Result<(), DiskError> {
        let hints = ClosingHints::of(&log.state.borrow());
        let path = segment_path(directory, hints.offset, SegmentFile::ProducerSnapshot);
        self.replace(path, &hints.snapshot, closing).await?;
        let path = format!("{directory}/{LEADER_EPOCH_CHECKPOINT}");
        self.replace(path, hints.epochs.as_bytes(), closing).await
    }

    /// What a clean start would take for a part of the log: snapshots of an end that was truncated since, those that were written while the log
    /// ran and stand where no segment begins, one that stands where one does and is from before the log was emptied, transaction indexes
    /// that nobody vouched for, and segment files that the ledger does not know.
    async fn look_for_strays(
        self: &Rc<Self>,
        log: &Rc<Log>,
        directory: &str,
        closing: &RefCell<Closing>,
    ) -> Result<(), ReadError> {
        let files = self.read_aborted(log).await?;
        for (base, bytes) in log.unwritten_aborted(i64::MAX) {
            if !bytes.is_empty() {
                self.replace(segment_path(directory, base, SegmentFile::TxnIndex), &bytes, closing).await?;
            }
        }
        let vouched: Vec<i64> = self
            .in_ledger(log.number, |entry| {
                entry.segments.iter().filter(|at| at.has_snapshot).map(|at| at.base).collect()
            })
            .unwrap_or_default();
        let (bases, end) = (log.segment_bases(), log.ends().log_end);
        for file in files {
            let offset = file.offset;
            let mut closing = closing.borrow_mut();
            match file.file {
                SegmentFile::ProducerSnapshot if offset != end && !vouched.contains(&offset) => {
                    &mut closing.removed
                }
                SegmentFile::TxnIndex if log.has_no_aborted(offset) => &mut closing.removed,
                SegmentFile::Log if !bases.contains(&offset) || offset > end => &mut closing.nameless,
                _ => continue,
            }
            .push(segment_path(directory, offset, file.file));
        }
        Ok(())
    }

    /// Finds out which transactions were aborted in segments without a file that says so. Returns the files in the log's directory.
    pub(crate) async fn read_aborted(
        self: &Rc<Self>,
        log: &Rc<Log>,
    ) -> Result<Vec<SegmentFileName>, ReadError> {
        let files = self.directory.list(&log.key().directory_name()).await?;
        let files = files.iter().filter_map(|entry| SegmentFileName::parse(&entry.name));
        let files: Vec<SegmentFileName> = files.filter(|file| file.stage == FileStage::Live).collect();
        let segments = log.state.borrow().segments.clone();
        for segment in segments.iter().filter(|segment| segment.aborted.borrow().is_none()) {
            // Once the directory is closed, only the file itself says that there is one.
            let is_file =
                |file: &SegmentFileName| file.file == SegmentFile::TxnIndex && file.offset == segment.base;
            if !files.iter().any(is_file) {
                log.read_aborted_of(self, segment).await?;
            }
        }
        Ok(files)
    }
}

impl Log {
    /// Gives up the offsets behind the last batch. The log is quiet, and stays so.
    async fn end_at_last_batch(self: &Rc<Self>, volume: &Rc<Volume>) -> Result<(), ReadError> {
        let last = {
            let state = self.state.borrow();
            state.segments.last().filter(|_| !state.is_end_proven).cloned()
        };
        let Some(last) = last else { return Ok(()) };
        self.load().await?;
        let entry = last.index.borrow().as_ref().and_then(SegmentIndex::last_entry);
        let from = entry.map_or(0, |entry| entry.position);
        let mut end = last.base;
        let length = last.length.get();
        volume.scan(self, &last, from, length, |_, batch| end = batch.next_offset()).await?;
        let state = &mut *self.state.borrow_mut();
        let log_start = state.ends.log_start.min(end);
        state.ends = Ends { log_start, durable: end, settled: end, written: end, log_end: end };
        state.is_end_proven = true;
        state.epochs.truncate_end(end);
        Ok(())
    }
}

/// Closes a directory whose volumes have all stopped: after this Kafka, too, can open it. `closed` goes into Kafka's marker.
pub async fn close_directory(
    directory: Rc<dyn Directory>,
    parts: Vec<StoppedPart>,
    closed: CleanShutdown,
) -> Result<(), CloseError> {
    let (mut ends, mut starts) = (Offsets::new(), Offsets::new());
    for log in parts.into_iter().flat_map(|part| part.logs) {
        let name = (log.key.topic, log.key.partition);
        // A log start at the first segment's beginning need not be said, but saying it is always right.
        starts.insert(name.clone(), log.log_start);
        ends.insert(name, log.log_end);
    }
    let ends = write_offset_checkpoint(&ends).into_bytes();
    directory.write_small(RECOVERY_POINT_CHECKPOINT, ends.clone()).await?;
    directory.write_small(REPLICATION_CHECKPOINT, ends).await?;
    directory.write_small(LOG_START_CHECKPOINT, write_offset_checkpoint(&starts).into_bytes()).await?;
    let root = Root::decode(&directory.read_small(ROOT_PATH, FILE_LEN).await?)?;
    let clean = Root { sequence: root.sequence + 1, is_clean: true, round_logs: Vec::new(), ..root };
    write_root(&*directory, &clean).await?;
    directory.write_small(CLEAN_SHUTDOWN, write_clean_shutdown(closed).into_bytes()).await?;
    remove_folder(&*directory).await?;
    Ok(())
}

async fn remove_folder(directory: &dyn Directory) -> Result<(), DiskError> {
    for entry in directory.list(FOLDER).await? {
        let path = format!("{FOLDER}/{}", entry.name);
        if path != ROOT_PATH {
            allow_missing(directory.remove_file(&path).await)?;
        }
    }
    directory.sync_directory(FOLDER).await?;
    allow_missing(directory.remove_file(ROOT_PATH).await)?;
    directory.sync_directory(FOLDER).await?;
    directory.remove_directory(FOLDER).await?;
    directory.sync_directory("").await
}

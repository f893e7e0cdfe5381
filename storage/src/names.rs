//! Names follow the log: directories, renames, cuts and removals, each after its entry is durable, in order.
//!
//! Invariants: works of one kind are done together and synced once; they overtake others, but none of their own log that they depend on; the ledger learns of them only after that
//! sync; nothing is removed before its entry is covered. Works that find no space are tried again, from their beginning. All works of a
//! log whose directory's name another log still has wait, in order, until that is renamed: another shard may be about to delete it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::discriminant;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::select;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::config::{SYNC_ONE_BY_ONE, planted};
use crate::disk::{BLOCK, DiskError, File, OpenMode, Priority};
use crate::kafka_files::{
    PARTITION_METADATA, SegmentFile, read_partition_metadata, write_partition_metadata,
};
use crate::key::{FOLDER, LogId, LogKey, segment_path};
use crate::ledger::{Deleted, Retired};
use crate::log::Log;
use crate::notify::Notify;
use crate::segment::Segment;
use crate::volume::Volume;

/// Works done together at most, and operations in flight for them.
const MAX_TOGETHER: usize = 4096;
const IN_FLIGHT: usize = 64;
/// Segments that are cut together: until they are synced each keeps a descriptor, which others may wait for.
const MAX_CUT_TOGETHER: usize = 64;
/// How often a name is asked for that another log still has.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// The same once it is not expected to be free soon.
const ASK_SELDOM: Duration = Duration::from_secs(1);

pub(crate) enum NameWork {
    /// The directory of a new log, with its `partition.metadata`.
    Directory { log: Rc<Log> },
    /// A spare becomes a segment of its log by name.
    Segment { log: Rc<Log>, segment: Rc<Segment> },
    /// A sealed segment ends where its data ends.
    Cut { log: Rc<Log>, segment: Rc<Segment> },
    /// A segment whose entry is covered is removed.
    Remove { retired: Retired, directory: String },
    /// A deleted log's directory gets its other name, of which `renamed` is told, and goes.
    Delete { id: LogId, renamed: oneshot::Sender<()> },
}

#[derive(Default)]
pub(crate) struct Names {
    queue: RefCell<VecDeque<NameWork>>,
    is_working: Cell<bool>,
    /// The works in front were begun before, and found no space.
    is_again: Cell<bool>,
    held: RefCell<HeldWork>,
    work: Notify,
}

/// Logs whose directories' names others still have, and everything that was ordered for them since.
#[derive(Default)]
struct HeldWork {
    logs: BTreeSet<u32>,
    works: VecDeque<NameWork>,
    /// When each was held first, and when that is told next, in monotonic nanoseconds.
    since_ns: BTreeMap<u32, (u64, u64)>,
}

impl Names {
    pub fn wake(&self) {
        self.work.notify();
    }

    /// Everything ordered so far is done.
    pub fn is_idle(&self) -> bool {
        self.is_idle_but_for_held() && self.held.borrow().works.is_empty()
    }

    /// The same, but for what waits until others give a name up, which they may never do.
    pub fn is_idle_but_for_held(&self) -> bool {
        self.queue.borrow().is_empty() && !self.is_working.get()
    }

    /// Another log, or something else, has a log's name.
    pub fn is_held(&self, log: u32) -> bool {
        self.held.borrow().since_ns.contains_key(&log)
    }

    /// A log was deleted, with or without its name.
    pub fn forget(&self, log: u32) {
        self.held.borrow_mut().since_ns.remove(&log);
    }

    /// Takes the next works that can be done together out of the queue, past others that they need not wait for, and puts those aside whose log
    /// must wait.
    fn take_together(&self) -> Vec<NameWork> {
        let (mut queue, mut held) = (self.queue.borrow_mut(), self.held.borrow_mut());
        let mut together: Vec<NameWork> = Vec::new();
        let mut passed = Passed::default();
        for work in std::mem::take(&mut *queue) {
            if work.log().is_some_and(|log| held.logs.contains(&log)) {
                held.works.push_back(work);
                continue;
            }
            let is_like = together.first().is_none_or(|first| discriminant(first) == discriminant(&work));
            if is_like && together.len() < MAX_TOGETHER && passed.may_be_overtaken_by(&work) {
                together.push(work);
            } else {
                passed.add(&work);
                queue.push_back(work);
            }
        }
        together
    }

    /// Everything that was put aside gets its turn again, before what was ordered later.
    fn ask_again(&self) {
        let (mut queue, mut held) = (self.queue.borrow_mut(), self.held.borrow_mut());
        held.logs.clear();
        while let Some(work) = held.works.pop_back() {
            queue.push_front(work);
        }
    }
}

/// Works that stay in the queue while later ones are done. Those of a log keep their order, but for the name of a segment: it has nothing to do with
/// the cuts of those before it, which a log that rolls again and again orders in between.
#[derive(Default)]
struct Passed {
    cuts: BTreeSet<u32>,
    others: BTreeSet<u32>,
    is_deletion: bool,
}

impl Passed {
    fn add(&mut self, work: &NameWork) {
        match work.log() {
            Some(log) if matches!(work, NameWork::Cut { .. }) => self.cuts.insert(log),
            Some(log) => self.others.insert(log),
            None => std::mem::replace(&mut self.is_deletion, true),
        };
    }

    fn may_be_overtaken_by(&self, work: &NameWork) -> bool {
        let Some(log) = work.log() else { return true };
        let is_after_cut = self.cuts.contains(&log) && !matches!(work, NameWork::Segment { .. });
        // The name of a new log may be that of one that is to go.
        let is_after_deletion = self.is_deletion && matches!(work, NameWork::Directory { .. });
        !self.others.contains(&log) && !is_after_cut && !is_after_deletion
    }
}

impl NameWork {
    /// The number of the log that it is for, unless it may come whenever its turn is.
    fn log(&self) -> Option<u32> {
        match self {
            Self::Directory { log } | Self::Segment { log, .. } | Self::Cut { log, .. } => Some(log.number),
            Self::Remove { retired, .. } => Some(retired.log),
            // What is held of a deleted log is not done any more.
            Self::Delete { .. } => None,
        }
    }

    /// It is done.
    fn tell(self) {
        if let Self::Delete { renamed, .. } = self {
            // Whoever asked for the deletion may have gone; it goes on all the same.
            let _ = renamed.send(());
        }
    }
}

pub(crate) async fn run(volume: Rc<Volume>) {
    let names = &volume.names;
    let mut asked_ns = 0;
    loop {
        let work = names.work.until(|| (!names.queue.borrow().is_empty() || volume.is_ended()).then_some(()));
        if names.held.borrow().works.is_empty() {
            work.await;
        } else {
            select(std::pin::pin!(work), volume.host.sleep(volume.ask_every())).await;
            // Not at each turn: what was ordered later, and for other logs, would never come to its own.
            let now_ns = volume.host.monotonic_ns();
            if Duration::from_nanos(now_ns - asked_ns) >= volume.ask_every() {
                asked_ns = now_ns;
                names.ask_again();
            }
        }
        if volume.failed.is_failed() || (volume.is_ended() && names.queue.borrow().is_empty()) {
            return;
        }
        names.is_working.set(true);
        match volume.do_next_names().await {
            Ok(()) => {}
            Err(DiskError::NoSpace { .. }) => volume.wait_for_space().await,
            Err(error) => volume.fail(&error),
        }
        names.is_working.set(false);
        volume.progress.notify();
    }
}

impl Volume {
    pub(crate) fn add_name_work(&self, work: NameWork) {
        self.names.queue.borrow_mut().push_back(work);
        self.names.work.notify();
    }

    /// The works in front of the queue that are of one kind. Those that find no space stand there again.
    async fn do_next_names(self: &Rc<Self>) -> Result<(), DiskError> {
        let together = self.names.take_together();
        let outcome = match together.first() {
            Some(NameWork::Directory { .. }) => self.make_directories(&together).await,
            Some(NameWork::Segment { .. }) => self.name_segments(&together).await,
            Some(NameWork::Cut { .. }) => self.cut_segments(&together).await,
            Some(NameWork::Remove { .. }) => self.remove_segments(&together).await,
            Some(NameWork::Delete { .. }) => self.rename_deleted(&together).await,
            None => Ok(()),
        };
        let is_full = matches!(outcome, Err(DiskError::NoSpace { .. }));
        self.names.is_again.set(is_full);
        if is_full {
            let mut queue = self.names.queue.borrow_mut();
            together.into_iter().rev().for_each(|work| queue.push_front(work));
        } else if outcome.is_ok() {
            together.into_iter().for_each(NameWork::tell);
        }
        outcome
    }

    async fn make_directories(&self, works: &[NameWork]) -> Result<(), DiskError> {
        let logs: Vec<&Rc<Log>> = works
            .iter()
            .filter_map(|work| match work {
                NameWork::Directory { log } if !log.is_closed() => Some(log),
                _ => None,
            })
            .collect();
        let is_each_synced = logs.len() < SYNC_ONE_BY_ONE;
        let made = stream::iter(logs.iter().map(|log| self.make_log_directory(log, is_each_synced)))
            .buffered(IN_FLIGHT)
            .try_collect::<Vec<bool>>()
            .await?;
        let mut named = Vec::with_capacity(logs.len());
        for (log, is_made) in logs.into_iter().zip(made) {
            if is_made { named.push(log) } else { self.hold(log)? }
        }
        if is_each_synced {
            let names = named.iter().map(|log| log.key().directory_name());
            self.sync_directories(&names.chain([String::new()]).collect::<Vec<_>>()).await?;
        } else {
            // For the files in the directories, too.
            self.directory.sync_file_system().await.map_err(DiskError::of_sync)?;
        }
        for log in named {
            self.names.held.borrow_mut().since_ns.remove(&log.number);
            self.in_ledger(log.number, |entry| entry.is_named = true);
        }
        Ok(())
    }

    fn ask_every(&self) -> Duration {
        let held = self.names.held.borrow();
        let youngest_ns = held.since_ns.values().map(|(since_ns, _)| *since_ns).max().unwrap_or(0);
        let age = Duration::from_nanos(self.host.monotonic_ns().saturating_sub(youngest_ns));
        if age > self.patience() && !self.is_stopping() { ASK_SELDOM } else { ASK_EVERY }
    }

    /// Long enough for what the holder of a name has to do before it renames: then it is said that somebody waits, and a stop waits no longer.
    fn patience(&self) -> Duration {
        self.config.hang_after / 10
    }

    /// Puts a log's works aside until its name is free. The name's holder is being deleted: whoever creates a log under the name of another
    /// has decided that. Or somebody has put a directory there, which nobody here may touch. The log is served all the same: its files have the
    /// names they were born with, and the next start gives it its own.
    fn hold(&self, log: &Rc<Log>) -> Result<(), DiskError> {
        if log.is_closed() {
            return Ok(());
        }
        let now_ns = self.host.monotonic_ns();
        let mut held = self.names.held.borrow_mut();
        let patience = self.patience();
        let first = (now_ns, now_ns + patience.as_nanos() as u64);
        let (since_ns, told_ns) = held.since_ns.entry(log.number).or_insert(first);
        let name = log.key().directory_name();
        // The holder's shard may have stopped for good; then this one cannot stop cleanly.
        if self.is_stopping() && Duration::from_nanos(now_ns - *since_ns) > patience {
            return Err(DiskError::AlreadyExists { path: name });
        }
        if now_ns >= *told_ns {
            *told_ns = now_ns + self.config.hang_after.as_nanos() as u64;
            tracing::error!(
                "{}/{name} is of another topic than the new log of that name, whose files stay in {FOLDER}/ meanwhile. If that topic is not \
                 about to be deleted, move the directory away: until then this one cannot be closed cleanly",
                self.directory.path(),
            );
        }
        held.logs.insert(log.number);
        held.works.push_back(NameWork::Directory { log: Rc::clone(log) });
        Ok(())
    }

    /// Returns false if another log has the name yet.
    async fn make_log_directory(&self, log: &Rc<Log>, is_synced: bool) -> Result<bool, DiskError> {
        let name = log.key().directory_name();
        let path = format!("{name}/{PARTITION_METADATA}");
        let text = write_partition_metadata(log.key().topic_id);
        match self.directory.make_directory(&name).await {
            Ok(()) => {}
            Err(DiskError::AlreadyExists { .. }) => {
                if has_topic_id(&*self.directory, log.key()).await? == Some(false) {
                    return Ok(false);
                }
                // Left by an attempt that got no further; or another log's after all, which was renamed just now.
                return match self.directory.write_small(&path, text.into_bytes()).await {
                    Ok(()) => Ok(true),
                    Err(DiskError::NotFound { .. }) => Ok(false),
                    Err(error) => Err(error),
                };
            }
            Err(error) => return Err(error),
        }
        // Not `write_small`, which syncs: thousands of logs may be made at a time.
        let file = self.directory.open(&path, OpenMode::CreateNew).await?;
        let mut buffer = self.directory.buffer(BLOCK);
        let bytes = buffer.bytes_mut();
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes[text.len()..BLOCK].fill(0);
        file.write(0, buffer.seal().slice(..BLOCK)).await?;
        file.set_length(text.len() as u64).await?;
        if is_synced {
            file.sync_data().await.map_err(DiskError::of_sync)?;
        }
        Ok(true)
    }

    async fn name_segments(&self, works: &[NameWork]) -> Result<(), DiskError> {
        let mut synced = BTreeSet::new();
        let mut named = Vec::new();
        for work in works {
            let NameWork::Segment { log, segment } = work else { continue };
            let Some(spare) = segment.spare.get().filter(|_| !log.is_closed()) else { continue };
            let directory = log.key().directory_name();
            let path = segment_path(&directory, segment.base, SegmentFile::Log);
            let renamed = self.directory.rename(&spare.path(), &path).await;
            // It may have been renamed by an attempt that found no space later; and the planted fault orders the rename early, and once
            // more when it is due.
            let may_be_done =
                self.names.is_again.get() || planted(self.config.mutations.rename_before_durable);
            if may_be_done { allow_missing(renamed) } else { renamed }?;
            synced.insert(directory);
            named.push((log, segment, spare));
        }
        // The new names first: where a rename is not one step for both directories, the file must not lose its last name.
        self.sync_directories(&synced.into_iter().collect::<Vec<_>>()).await?;
        self.sync_directories(&[FOLDER.to_owned()]).await?;
        for (log, segment, spare) in named {
            segment.spare.set(None);
            self.in_ledger(log.number, |entry| {
                for at in &mut entry.segments {
                    if at.spare == Some(spare) {
                        at.spare = None;
                    }
                }
            });
        }
        Ok(())
    }

    /// Hints come last: on a full disk the cuts make room for them.
    async fn cut_segments(&self, works: &[NameWork]) -> Result<(), DiskError> {
        let mut cut = Vec::new();
        for group in works.chunks(MAX_CUT_TOGETHER) {
            cut.extend(self.cut_together(group).await?);
        }
        self.write_hints(&cut).await
    }

    /// Returns the segments that are cut, and synced.
    async fn cut_together<'a>(
        &self,
        works: &'a [NameWork],
    ) -> Result<Vec<(&'a Rc<Log>, &'a Rc<Segment>)>, DiskError> {
        let mut files: Vec<Rc<dyn File>> = Vec::new();
        let mut cut = Vec::new();
        let mut outcome = Ok(());
        for work in works {
            let NameWork::Cut { log, segment } = work else { continue };
            if log.is_closed() || !self.begin_structural(segment).await {
                continue;
            }
            let length = segment.length.get();
            if !self.is_sealed(log, segment, length) {
                self.end_structural(log, segment);
                continue;
            }
            cut.push((log, segment, length));
            match self.cut(log, segment, length).await {
                Ok(file) => files.push(file),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        if outcome.is_ok() {
            outcome = self.sync_files(&files).await;
        }
        // All in one turn: whoever truncates may begin with the next.
        for (log, segment, length) in &cut {
            if outcome.is_ok() {
                self.note_cut(log, segment, *length);
            }
            self.end_structural(log, segment);
        }
        outcome.map(|()| cut.into_iter().map(|(log, segment, _)| (log, segment)).collect())
    }

    fn note_cut(&self, log: &Log, segment: &Segment, length: u32) {
        self.in_ledger(log.number, |entry| {
            if let Some((_last, sealed)) = entry.segments.split_last_mut()
                && let Some(at) = sealed.iter_mut().find(|at| at.base == segment.base && at.length == length)
            {
                at.is_cut = true;
            }
        });
    }

    async fn cut(&self, log: &Log, segment: &Segment, length: u32) -> Result<Rc<dyn File>, DiskError> {
        let file = self.open_segment(log, segment).await?;
        file.set_length(u64::from(length)).await?;
        segment.prepared.set(None);
        segment.reserved.set(0);
        Ok(file)
    }

    /// Whether durable rounds say that a segment ends here. A truncation may have made it the last one again, or given it up; and if it
    /// was sealed once more since, what was appended in between may still be on its way: that roll orders a cut of its own.
    fn is_sealed(&self, log: &Log, segment: &Rc<Segment>, length: u32) -> bool {
        let is_known = self.in_ledger(log.number, |entry| {
            let sealed = entry.segments.split_last().map_or(&[][..], |(_last, sealed)| sealed);
            sealed.iter().any(|at| at.base == segment.base && at.length == length)
        });
        log.is_sealed(segment) && is_known == Some(true)
    }

    async fn remove_segments(&self, works: &[NameWork]) -> Result<(), DiskError> {
        let (mut synced, mut removed) = (BTreeSet::from([FOLDER.to_owned()]), BTreeSet::new());
        let left: BTreeSet<(u32, i64, u64)> =
            self.ledger.borrow().retired.iter().map(|at| (at.log, at.base, at.round)).collect();
        for work in works {
            let NameWork::Remove { retired, directory } = work else { continue };
            // A log that was deleted since takes all of its files along, and its directory's name may be another's.
            if !left.contains(&(retired.log, retired.base, retired.round)) {
                continue;
            }
            if self.is_base_given_again(retired) {
                remove_spare(&*self.directory, retired).await?;
            } else {
                remove_segment(&*self.directory, retired, directory).await?;
                synced.insert(directory.clone());
            }
            removed.insert((retired.log, retired.base, retired.round));
        }
        self.sync_directories(&synced.into_iter().collect::<Vec<_>>()).await?;
        let is_left = |at: &Retired| !removed.contains(&(at.log, at.base, at.round));
        self.ledger.borrow_mut().retired.retain(is_left);
        Ok(())
    }

    /// Whether a later segment of its log begins where a removed one began. Its file takes the old one's place when it gets its name, if it does not
    /// have that already; and if it was given up, too, it goes when that is covered.
    fn is_base_given_again(&self, retired: &Retired) -> bool {
        let ledger = self.ledger.borrow();
        let log = ledger.logs.get(&retired.log);
        let is_in_use = log.is_some_and(|log| log.segments.iter().any(|at| at.base == retired.base));
        let is_later =
            |at: &Retired| (at.log, at.base) == (retired.log, retired.base) && at.round > retired.round;
        is_in_use || ledger.retired.iter().any(is_later)
    }

    async fn rename_deleted(self: &Rc<Self>, works: &[NameWork]) -> Result<(), DiskError> {
        let ordered = works
            .iter()
            .filter_map(|work| if let NameWork::Delete { id, .. } = work { Some(*id) } else { None });
        let ordered: BTreeSet<LogId> = ordered.collect();
        let found: Vec<Deleted> = self
            .ledger
            .borrow()
            .deleted
            .iter()
            .filter(|deleted| ordered.contains(&deleted.id))
            .cloned()
            .collect();
        stream::iter(found.iter().map(|deleted| self.rename_one_deleted(deleted)))
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<Vec<()>>()
            .await?;
        self.sync_directories(&[String::new()]).await?;
        let sequence = {
            let mut ledger = self.ledger.borrow_mut();
            for deleted in &mut ledger.deleted {
                deleted.is_renamed |= ordered.contains(&deleted.id);
            }
            ledger.sequence
        };
        let volume = Rc::clone(self);
        self.host.spawn(
            Priority::Background,
            Box::pin(async move {
                loop {
                    match volume.remove_deleted(&found, sequence).await {
                        Ok(()) => break,
                        Err(DiskError::NoSpace { .. }) => volume.wait_for_space().await,
                        Err(error) => break volume.fail(&error),
                    }
                }
            }),
        );
        Ok(())
    }

    async fn rename_one_deleted(&self, deleted: &Deleted) -> Result<(), DiskError> {
        // It may have been deleted without ever having had its name.
        if has_topic_id(&*self.directory, &deleted.key).await? == Some(false) {
            return Ok(());
        }
        let (from, to) = (deleted.key.directory_name(), deleted.id.deleted_directory(&deleted.key));
        allow_missing(self.directory.rename(&from, &to).await)
    }

    /// Removes the files of deleted logs, once a checkpoint newer than `sequence` says that their directories have no name left that
    /// another log could have.
    async fn remove_deleted(&self, renamed: &[Deleted], sequence: u64) -> Result<(), DiskError> {
        if !planted(self.config.mutations.free_deleted_without_cover) {
            let last = renamed.iter().map(|deleted| deleted.round).max().unwrap_or(0);
            self.covered(last).await;
            self.request_checkpoint();
            self.progress
                .until(|| (self.checkpoint.completed() > sequence || self.is_ended()).then_some(()))
                .await;
        }
        if self.is_ended() {
            return Ok(());
        }
        for deleted in renamed {
            remove_deleted_log(&*self.directory, deleted).await?;
        }
        self.sync_directories(&[String::new(), FOLDER.to_owned()]).await?;
        let removed: BTreeSet<LogId> = renamed.iter().map(|deleted| deleted.id).collect();
        self.ledger.borrow_mut().deleted.retain(|deleted| !removed.contains(&deleted.id));
        self.progress.notify();
        Ok(())
    }
}

/// Whether a log's directory says that it is of the log's topic. None if there is no such file, or nothing that can be read in it.
pub(crate) async fn has_topic_id(
    directory: &dyn crate::disk::Directory,
    key: &LogKey,
) -> Result<Option<bool>, DiskError> {
    let path = format!("{}/{PARTITION_METADATA}", key.directory_name());
    match directory.read_small(&path, BLOCK).await {
        Ok(bytes) => Ok(read_partition_metadata(&bytes).ok().map(|id| id == key.topic_id)),
        Err(DiskError::NotFound { .. }) => Ok(None),
        Err(error) if error.is_too_long() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sees to it that a log's directory says whose it is, before nothing else does: while the ledger knows it, nobody reads that.
pub(crate) async fn keep_topic_id(
    directory: &dyn crate::disk::Directory,
    key: &LogKey,
) -> Result<(), DiskError> {
    if has_topic_id(directory, key).await? == Some(true) {
        return Ok(());
    }
    let path = format!("{}/{PARTITION_METADATA}", key.directory_name());
    tracing::warn!("{path} was damaged: it is written anew");
    directory.write_small(&path, write_partition_metadata(key.topic_id).into_bytes()).await
}

/// Removes a given-up segment under whichever name it has. Doing it again does nothing.
pub(crate) async fn remove_segment(
    directory: &dyn crate::disk::Directory,
    retired: &Retired,
    log_directory: &str,
) -> Result<(), DiskError> {
    remove_spare(directory, retired).await?;
    for file in SegmentFile::ALL {
        allow_missing(directory.remove_file(&segment_path(log_directory, retired.base, file)).await)?;
    }
    Ok(())
}

/// Removes a given-up segment that still has the name it was born with.
async fn remove_spare(directory: &dyn crate::disk::Directory, retired: &Retired) -> Result<(), DiskError> {
    match retired.spare {
        Some(spare) => allow_missing(directory.remove_file(&spare.path()).await),
        None => Ok(()),
    }
}

/// Removes what a deleted log has left, its directory last. Doing it again does nothing.
pub(crate) async fn remove_deleted_log(
    directory: &dyn crate::disk::Directory,
    deleted: &Deleted,
) -> Result<(), DiskError> {
    for spare in &deleted.spares {
        allow_missing(directory.remove_file(&spare.path()).await)?;
    }
    let name = deleted.id.deleted_directory(&deleted.key);
    let files = match directory.list(&name).await {
        Ok(files) => files,
        Err(DiskError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut is_left = false;
    for file in files {
        if file.is_directory {
            // Nothing of ours, and no reason to fail.
            tracing::warn!("{name}/{} is in the way: the directory of a deleted log stays", file.name);
            is_left = true;
            continue;
        }
        allow_missing(directory.remove_file(&format!("{name}/{}", file.name)).await)?;
    }
    if is_left { Ok(()) } else { allow_missing(directory.remove_directory(&name).await) }
}

pub(crate) fn allow_missing(outcome: Result<(), DiskError>) -> Result<(), DiskError> {
    match outcome {
        Err(DiskError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

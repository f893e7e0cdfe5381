//! One shard's part of one log directory: its logs, its rounds, and the tasks that serve them.
//!
//! Invariants: `memory` is the capacity of all write buffers that are not settled; `cached` that of those in `cache_order`, at most
//! `cache_limit`, which is at most `config.cache_bytes`;
//! a log is in `logs` exactly while it is in `by_number`; `next_number` is above every number ever given.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use futures_channel::oneshot;
use futures_util::future::{Either, select, try_join_all};

use crate::config::{CACHE_AT_FIRST, CACHE_GROWS_EVERY_NS, CACHE_STEP, LogConfig, VolumeConfig};
use crate::disk::{Directory, DiskError, Flushing, Host, OpenMode, Priority};
use crate::failure::{AppendError, FailedMark};
use crate::key::{LogKey, round_log_path};
use crate::ledger::{Ledger, LedgerLog};
use crate::log::Log;
use crate::names::{NameWork, Names};
use crate::notify::Notify;
use crate::prepare::Preparation;
use crate::record::Entry;
use crate::round_log::{RoundFile, RoundLog};
use crate::rounds::{self, RoundQueue};
use crate::spares::Spares;

/// A shard's part of an opened directory: plain data, on its way to its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumePart {
    pub shard: u16,
    pub ledger: Ledger,
    /// The length to which each of the round log's files is prepared, in bytes.
    pub round_files: Vec<u64>,
    /// What each checkpoint slot has room for, in bytes.
    pub checkpoint_capacity: u64,
    /// The directory was closed cleanly: each segment file ends with its data.
    pub is_cut: bool,
}

/// Called after a round for each log whose `settled` moved.
pub type SettledHook = Rc<dyn Fn(&Rc<Log>)>;

pub struct Volume {
    pub(crate) directory: Rc<dyn Directory>,
    pub(crate) host: Rc<dyn Host>,
    pub(crate) config: VolumeConfig,
    pub(crate) failed: Arc<FailedMark>,
    shard: u16,
    logs: RefCell<BTreeMap<Arc<LogKey>, Rc<Log>>>,
    pub(crate) by_number: RefCell<BTreeMap<u32, Rc<Log>>>,
    next_number: Cell<u32>,
    /// Keys of logs whose Create entry is on its way.
    creating: RefCell<BTreeSet<Arc<LogKey>>>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) round_log: RefCell<RoundLog>,
    pub(crate) queue: RefCell<RoundQueue>,
    pub(crate) spares: Spares,
    pub(crate) preparation: Preparation,
    pub(crate) names: Names,
    pub(crate) checkpoint: crate::checkpoint::Checkpoints,
    pub(crate) hints: crate::hints::Hints,
    pub(crate) reserve: crate::reserve::Reserve,
    /// Something may be due for a round.
    pub(crate) work: Notify,
    /// Something that others wait for has moved, or the directory has failed.
    pub(crate) progress: Notify,
    pub(crate) hook: RefCell<Option<SettledHook>>,
    pub(crate) scratch: RefCell<Vec<u8>>,
    memory: Cell<usize>,
    memory_waited_for: Cell<u64>,
    cached: Cell<usize>,
    /// What the cache may hold now: at most `config.cache_bytes`, and less while no reader needs more.
    cache_limit: Cell<usize>,
    cache_grown_ns: Cell<u64>,
    cache_order: RefCell<VecDeque<Cached>>,
    /// What was, or is being, read ahead.
    pub(crate) ahead: Rc<Cell<usize>>,
    pub(crate) was_read_ahead: Notify,
    pub(crate) indexes: crate::indexes::KeptIndexes,
    /// When this life began, each segment file ended with its data.
    pub(crate) began_cut: bool,
    pub(crate) is_stopping: Cell<bool>,
    /// Every log is quiet, and stays so: the rounds end once nothing is queued.
    pub(crate) may_rounds_end: Cell<bool>,
    pub(crate) rounds_ended: Cell<bool>,
    /// Every task of the volume ends.
    pub(crate) has_stopped: Cell<bool>,
}

/// The oldest settled chunks of a log, of which `bytes` can be freed.
struct Cached {
    log: Rc<Log>,
    generation: u32,
    bytes: usize,
}

impl Volume {
    /// Opens what the part names, and begins to serve it. `log_config` gives each log's settings.
    pub async fn start(
        directory: Rc<dyn Directory>,
        host: Rc<dyn Host>,
        part: VolumePart,
        config: VolumeConfig,
        log_config: &dyn Fn(&LogKey) -> LogConfig,
        failed: Arc<FailedMark>,
    ) -> Result<Rc<Self>, DiskError> {
        let id = part.ledger.round_log;
        let mut files = Vec::new();
        for (index, prepared) in part.round_files.iter().enumerate() {
            let file = directory.open(&round_log_path(id, index), OpenMode::Existing).await?;
            files.push(RoundFile { file, prepared: *prepared, last_round: 0 });
        }
        let checkpoint =
            crate::checkpoint::Checkpoints::open(&*directory, id, part.checkpoint_capacity).await?;
        let volume = Rc::new(Self {
            shard: part.shard,
            logs: RefCell::new(BTreeMap::new()),
            by_number: RefCell::new(BTreeMap::new()),
            next_number: Cell::new(part.ledger.next_number),
            creating: RefCell::default(),
            round_log: RefCell::new(RoundLog::new(id, files)),
            queue: RefCell::new(RoundQueue::default()),
            spares: Spares::new(id),
            preparation: Preparation::default(),
            names: Names::default(),
            checkpoint,
            hints: crate::hints::Hints::default(),
            reserve: crate::reserve::Reserve::default(),
            work: Notify::default(),
            progress: Notify::default(),
            hook: RefCell::new(None),
            scratch: RefCell::new(Vec::new()),
            memory: Cell::new(0),
            memory_waited_for: Cell::new(0),
            cached: Cell::new(0),
            cache_limit: Cell::new(config.cache_bytes.min(CACHE_AT_FIRST)),
            cache_grown_ns: Cell::new(0),
            cache_order: RefCell::new(VecDeque::new()),
            ahead: Rc::new(Cell::new(0)),
            was_read_ahead: Notify::default(),
            indexes: crate::indexes::KeptIndexes::default(),
            began_cut: part.is_cut,
            is_stopping: Cell::new(false),
            may_rounds_end: Cell::new(false),
            rounds_ended: Cell::new(false),
            has_stopped: Cell::new(false),
            ledger: RefCell::new(part.ledger),
            directory,
            host,
            config,
            failed,
        });
        volume.make_logs(log_config);
        volume.spawn_tasks();
        Ok(volume)
    }

    fn make_logs(self: &Rc<Self>, log_config: &dyn Fn(&LogKey) -> LogConfig) {
        let ledger = self.ledger.borrow();
        for (number, log) in &ledger.logs {
            let log = Log::new(self, *number, log, log_config(&log.key));
            self.logs.borrow_mut().insert(Arc::clone(log.key()), Rc::clone(&log));
            self.by_number.borrow_mut().insert(*number, log);
        }
    }

    fn spawn_tasks(self: &Rc<Self>) {
        let host = Rc::clone(&self.host);
        host.spawn(Priority::Rounds, Box::pin(rounds::run(Rc::clone(self))));
        host.spawn(Priority::Rounds, Box::pin(crate::prepare::run_own(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::prepare::run_ahead(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::spares::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::names::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::checkpoint::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::hints::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::reserve::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(crate::watch::run(Rc::clone(self))));
    }

    pub fn shard(&self) -> u16 {
        self.shard
    }

    pub fn config(&self) -> &VolumeConfig {
        &self.config
    }

    pub fn failed(&self) -> &Arc<FailedMark> {
        &self.failed
    }

    pub fn log(&self, key: &LogKey) -> Option<Rc<Log>> {
        self.logs.borrow().get(key).cloned()
    }

    /// All logs, in order of their keys.
    pub fn logs(&self) -> Vec<Rc<Log>> {
        self.logs.borrow().values().cloned().collect()
    }

    /// Called after a round for each log whose `settled` moved, in the rounds' task: it must be quick.
    pub fn set_settled_hook(&self, hook: SettledHook) {
        *self.hook.borrow_mut() = Some(hook);
    }

    /// Creates an empty log that begins at offset 0. It is durable when this returns; its directory follows.
    pub async fn create_log(self: &Rc<Self>, key: LogKey, config: LogConfig) -> Result<Rc<Log>, AppendError> {
        let mut logs = self.create_logs(vec![(key, config)]).await?;
        logs.pop().ok_or(AppendError::Failed)
    }

    /// Creates many logs at the price of a few: they share rounds, and their directories' names are synced together.
    /// A key that exists already, or that somebody is creating, gives that log. The logs are in the order of their keys.
    ///
    /// # Errors
    /// [`AppendError::NoSpace`] before anything is created; [`AppendError::Closed`] if the volume stops.
    pub async fn create_logs(
        self: &Rc<Self>,
        keys: Vec<(LogKey, LogConfig)>,
    ) -> Result<Vec<Rc<Log>>, AppendError> {
        let volume = Rc::clone(self);
        let work = async move { volume.create_now(keys).await };
        self.see_through(Priority::Rounds, work).await.unwrap_or(Err(AppendError::Closed))
    }

    async fn create_now(
        self: &Rc<Self>,
        keys: Vec<(LogKey, LogConfig)>,
    ) -> Result<Vec<Rc<Log>>, AppendError> {
        if self.failed.is_failed() {
            return Err(AppendError::Failed);
        }
        if self.is_stopping.get() {
            return Err(AppendError::Closed);
        }
        if self.reserve.is_low() {
            return Err(AppendError::NoSpace);
        }
        let bytes = keys.iter().map(|(key, _)| 256 + key.topic.len() as u64).sum();
        loop {
            self.grow_checkpoints(bytes).await?;
            // A stop may have ended the rounds meanwhile: nobody would take the entries.
            if self.is_stopping.get() {
                return Err(AppendError::Closed);
            }
            if self.promise_checkpoint(bytes) {
                break;
            }
        }
        let (mut wanted, mut submitted) = (Vec::with_capacity(keys.len()), Vec::new());
        for (key, config) in keys {
            let key = Arc::new(key);
            wanted.push(Arc::clone(&key));
            if self.logs.borrow().contains_key(&key) || !self.creating.borrow_mut().insert(Arc::clone(&key)) {
                continue;
            }
            let number = self.next_number.replace(self.next_number.get() + 1);
            let entry = Entry::Create { log: number, key: Arc::clone(&key), offset: 0 };
            submitted.push((key, number, config, self.submit(entry)));
        }
        for (key, number, config, done) in submitted {
            let Some(_round) = self.answer(done).await else { return Err(AppendError::Failed) };
            self.add_log(number, config);
            self.creating.borrow_mut().remove(&key);
        }
        self.keep_promise(bytes);
        self.progress.notify();
        let mut logs = Vec::with_capacity(wanted.len());
        for key in wanted {
            let is_made = || !self.creating.borrow().contains(&key) || self.failed.is_failed();
            self.progress.until(|| is_made().then_some(())).await;
            logs.push(self.log(&key).ok_or(AppendError::Failed)?);
        }
        Ok(logs)
    }

    /// Does something to its end, also if whoever waits for it goes away: left by halves, it would have the ledger ahead of the log, or an
    /// operation of the kernel under way that nobody counts with. `None` if the shard ends first.
    pub(crate) async fn see_through<T: 'static>(
        &self,
        priority: Priority,
        work: impl Future<Output = T> + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let task = async move {
            // Whoever gave up waiting has no use for the outcome.
            let _gone = done.send(work.await);
        };
        self.host.spawn(priority, Box::pin(task));
        outcome.await.ok()
    }

    /// Waits until something is done, such as an entry's round, which is then returned; `None` if the volume fails before.
    pub(crate) async fn answer<T>(&self, done: oneshot::Receiver<T>) -> Option<T> {
        let failure = self.progress.until(|| self.failed.is_failed().then_some(()));
        match select(done, std::pin::pin!(failure)).await {
            Either::Left((Ok(done), _)) => Some(done),
            _ => None,
        }
    }

    fn add_log(self: &Rc<Self>, number: u32, config: LogConfig) {
        let log = {
            let ledger = self.ledger.borrow();
            let Some(entry) = ledger.logs.get(&number) else { return };
            Log::new(self, number, entry, config)
        };
        self.logs.borrow_mut().insert(Arc::clone(log.key()), Rc::clone(&log));
        self.by_number.borrow_mut().insert(number, Rc::clone(&log));
        self.add_name_work(NameWork::Directory { log });
    }

    /// Deletes a log. When this returns it is gone for good, and the name of its directory is free: another shard may have the next log of that
    /// name. Its files follow. Reads and appends of it end with an error.
    pub async fn delete_log(self: &Rc<Self>, log: &Rc<Log>) -> Result<(), AppendError> {
        let (volume, log) = (Rc::clone(self), Rc::clone(log));
        let work = async move {
            // Who loads it, which may take long, is told that it is gone.
            log.state.borrow_mut().is_unwanted = true;
            volume.progress.notify();
            let outcome = volume.delete_now(&log).await;
            log.state.borrow_mut().is_unwanted = false;
            outcome
        };
        self.see_through(Priority::Rounds, work).await.unwrap_or(Err(AppendError::Closed))
    }

    async fn delete_now(self: &Rc<Self>, log: &Rc<Log>) -> Result<(), AppendError> {
        let _quiet = self.quiet(log).await?;
        // So that whoever completes the deletion knows that a directory of this name was this log's, unless it says that it is another's.
        self.progress
            .until(|| {
                let is_named = self.in_ledger(log.number, |entry| entry.is_named).unwrap_or(true);
                (is_named || self.names.is_held(log.number) || self.failed.is_failed()).then_some(())
            })
            .await;
        let done = self.submit(Entry::Delete { log: log.number });
        let Some(_round) = self.answer(done).await else { return Err(AppendError::Failed) };
        self.close_log(log);
        self.names.forget(log.number);
        let (renamed, done) = oneshot::channel();
        self.add_name_work(NameWork::Delete { id: log.id(), renamed });
        self.answer(done).await.ok_or(AppendError::Failed)
    }

    fn close_log(&self, log: &Rc<Log>) {
        {
            let mut state = log.state.borrow_mut();
            state.is_closed = true;
            state.cache.clear();
            state.open = None;
            state.pending.clear();
            // The cache's order may keep the log for long.
            for segment in &state.segments {
                segment.file.borrow_mut().take();
                segment.index.borrow_mut().take();
                segment.ahead.borrow_mut().clear();
            }
        }
        self.logs.borrow_mut().remove(log.key());
        self.by_number.borrow_mut().remove(&log.number);
        self.progress.notify();
    }

    /// Blocks appends to a log until what is returned is dropped, and waits until everything appended is durable and nothing is in
    /// flight.
    ///
    /// # Errors
    /// [`AppendError::Closed`] if the log is deleted or the volume stops first, [`AppendError::Failed`] if the directory fails.
    pub(crate) async fn quiet<'a>(&'a self, log: &'a Rc<Log>) -> Result<Quiet<'a>, AppendError> {
        let is_free = || {
            let mut state = log.state.borrow_mut();
            if self.failed.is_failed() {
                return Some(Err(AppendError::Failed));
            }
            if state.is_closed || self.is_stopping.get() {
                return Some(Err(AppendError::Closed));
            }
            if state.is_blocked || state.is_loading || state.is_raising {
                return None;
            }
            state.is_blocked = true;
            Some(Ok(()))
        };
        self.progress.until(is_free).await?;
        let quiet = Quiet { volume: self, log };
        self.queue.borrow_mut().is_flush_wanted |= log.ends().durable < log.ends().log_end;
        self.work.notify();
        self.progress
            .until(|| {
                let is_quiet = self.is_quiet(log);
                let state = log.state.borrow();
                if !is_quiet && !state.is_busy && state.ends.written == state.ends.log_end {
                    self.queue.borrow_mut().is_flush_wanted |= state.ends.durable < state.ends.log_end;
                    self.work.notify();
                }
                (is_quiet || self.failed.is_failed()).then_some(())
            })
            .await;
        if self.failed.is_failed() { Err(AppendError::Failed) } else { Ok(quiet) }
    }

    /// Every log is quiet, and nobody is about to change one.
    pub(crate) fn is_quiet_everywhere(&self) -> bool {
        let is_unchanged = |log: &Log| {
            let state = log.state.borrow();
            !state.is_blocked && !state.is_raising
        };
        self.by_number.borrow().values().all(|log| is_unchanged(log) && self.is_quiet(log))
    }

    /// Nothing of a log is pending or in flight, the ledger knows all of it, and nobody writes down what is known of it. Whoever changes
    /// something that this looks at notifies `progress`.
    fn is_quiet(&self, log: &Log) -> bool {
        let state = log.state.borrow();
        let last = state.segments.last().map(|last| last.base);
        let is_known =
            self.in_ledger(log.number, |entry| entry.segments.last().map(|last| last.base) == last);
        let has_structural = state.segments.iter().any(|segment| segment.is_structural.get());
        !state.is_busy
            && !log.is_hinting.get()
            && !has_structural
            && state.pending.is_empty()
            && state.ends.durable == state.ends.log_end
            && is_known.unwrap_or(false)
    }

    /// The directory has failed: nobody is acknowledged any more.
    pub(crate) fn fail(&self, error: &DiskError) {
        if self.failed.fail(&error.to_string()) {
            tracing::error!(directory = %self.directory.path(), %error, "the log directory has failed");
        }
        self.wake_everybody();
    }

    /// The volume has failed or stopped: everybody who waits looks at it, and nobody waits for the disk any more.
    pub(crate) fn wake_everybody(&self) {
        if self.failed.is_failed() {
            self.directory.flights().end_all();
        }
        self.work.notify();
        self.progress.notify();
        self.spares.wake();
        self.preparation.wake();
        self.names.wake();
        self.checkpoint.wake();
    }

    pub(crate) fn is_out_of_memory(&self, bytes: usize) -> bool {
        let memory = self.memory.get();
        memory > 0 && memory + bytes > self.config.write_buffer_bytes
    }

    pub(crate) fn add_memory(&self, bytes: usize) {
        if !self.config.mutations.forget_memory {
            self.memory.set(self.memory.get() + bytes);
        }
    }

    /// Of the memory for bytes that are not settled, what is free.
    pub(crate) fn free_memory(&self) -> usize {
        self.config.write_buffer_bytes.saturating_sub(self.memory.get())
    }

    pub(crate) fn memory_and_cached(&self) -> (usize, usize) {
        (self.memory.get(), self.cached.get())
    }

    /// How often an append had to wait for memory.
    pub fn memory_waited_for(&self) -> u64 {
        self.memory_waited_for.get()
    }

    pub(crate) fn note_memory_waited_for(&self) {
        self.memory_waited_for.set(self.memory_waited_for.get() + 1);
    }

    /// Memory that holds indexes of sealed segments.
    pub fn index_bytes(&self) -> usize {
        self.indexes.bytes()
    }

    pub(crate) fn add_gathered(&self, bytes: u64) {
        self.queue.borrow_mut().gathered += bytes;
    }

    pub(crate) fn take_gathered(&self, bytes: u64) {
        let mut queue = self.queue.borrow_mut();
        queue.gathered = queue.gathered.saturating_sub(bytes);
    }

    /// Settled buffers stay readable until the cache is full; the oldest go first.
    pub(crate) fn move_memory_to_cache(&self, log: &Rc<Log>, generation: u32, bytes: usize) {
        if !self.config.mutations.keep_memory {
            self.memory.set(self.memory.get().saturating_sub(bytes));
        }
        self.cached.set(self.cached.get() + bytes);
        self.cache_order.borrow_mut().push_back(Cached { log: Rc::clone(log), generation, bytes });
        while self.cached.get() > self.cache_limit.get() {
            let Some(oldest) = self.cache_order.borrow_mut().pop_front() else { break };
            self.cached.set(self.cached.get().saturating_sub(oldest.bytes));
            oldest.log.uncache(oldest.generation, oldest.bytes);
        }
    }

    /// A reader had to go to disk, `behind` bytes before its segment's end. If the cache may become large enough to have had them, it becomes
    /// larger, slowly: memory that is touched for the first time is dear, and a reader that only comes by from the log's start gains nothing.
    pub(crate) fn note_cold_read(&self, behind: u64) {
        let now_ns = self.host.monotonic_ns();
        let is_too_soon = now_ns.saturating_sub(self.cache_grown_ns.get()) < CACHE_GROWS_EVERY_NS;
        if is_too_soon || behind > self.config.cache_bytes as u64 {
            return;
        }
        let larger = self.cache_limit.get().saturating_add(CACHE_STEP).min(self.config.cache_bytes);
        self.cache_limit.set(larger);
        self.cache_grown_ns.set(now_ns);
    }

    /// Syncs files: one by one if they are few, all at once otherwise.
    pub(crate) async fn sync_files(&self, files: &[Rc<dyn crate::disk::File>]) -> Result<(), DiskError> {
        let synced = if files.len() > crate::config::SYNC_ONE_BY_ONE {
            self.directory.sync_file_system().await
        } else {
            try_join_all(files.iter().map(|file| file.sync_data())).await.map(|_| ())
        };
        synced.map_err(DiskError::of_sync)
    }

    /// Syncs the names in directories: one by one if they are few, all at once otherwise.
    pub(crate) async fn sync_directories(&self, paths: &[String]) -> Result<(), DiskError> {
        let synced = if paths.len() > crate::config::SYNC_ONE_BY_ONE {
            self.directory.sync_file_system().await
        } else {
            try_join_all(paths.iter().map(|path| self.directory.sync_directory(path))).await.map(|_| ())
        };
        synced.map_err(DiskError::of_sync)
    }

    /// Whether one flush stands for all files.
    pub fn flushing(&self) -> Flushing {
        self.directory.flushing()
    }

    /// The ledger's view of a log, to be changed by whoever has just synced something.
    pub(crate) fn in_ledger<T>(&self, number: u32, change: impl FnOnce(&mut LedgerLog) -> T) -> Option<T> {
        self.ledger.borrow_mut().logs.get_mut(&number).map(change)
    }

    /// One line about what is under way, for whoever finds a volume that does not move.
    pub fn describe(&self) -> String {
        let queue = self.queue.borrow();
        let log = self.round_log.borrow();
        let mut text = format!(
            "stopping {} ended {} queued {} controls {} gathered {} cover_wanted {} flush_wanted {} oldest {:?} next_round {} \
             durable {} covered {} checkpoint {} memory {} names_idle {}",
            self.is_stopping.get(),
            self.rounds_ended.get(),
            queue.logs.len(),
            queue.controls.len(),
            queue.gathered,
            queue.cover_wanted,
            queue.is_flush_wanted,
            self.directory.flights().oldest_began_ns(),
            log.next_round,
            log.durable_through,
            log.covered,
            log.checkpoint_round,
            self.memory.get(),
            self.names.is_idle(),
        );
        for log in self.logs() {
            let state = log.state.borrow();
            let structural: Vec<i64> =
                state.segments.iter().filter(|at| at.is_structural.get()).map(|at| at.base).collect();
            let _ = write!(
                text,
                "\n{} {:?} pending {} busy {} queued {} blocked {} loaded {} loading {} structural {structural:?}",
                log.key(),
                state.ends,
                state.pending.len(),
                state.is_busy,
                log.is_queued.get(),
                state.is_blocked,
                state.is_loaded,
                state.is_loading,
            );
        }
        text
    }

    /// The invariants of this file and of all logs.
    pub fn check(&self) {
        assert_eq!(self.logs.borrow().len(), self.by_number.borrow().len());
        self.round_log.borrow().check();
        self.ledger.borrow().check();
        for log in self.logs() {
            assert!(log.number < self.next_number.get());
            log.check();
            self.check_cache(&log);
        }
    }

    /// What may be freed of a log's tail cache is what is settled in it.
    fn check_cache(&self, log: &Rc<Log>) {
        let state = log.state.borrow();
        let settled = state.cache.iter().filter(|chunk| chunk.next_offset <= state.ends.settled);
        let settled: usize = settled.map(|chunk| chunk.capacity).sum();
        let order = self.cache_order.borrow();
        let counted = order.iter().filter(|at| Rc::ptr_eq(&at.log, log) && at.generation == state.generation);
        assert_eq!(counted.map(|at| at.bytes).sum::<usize>(), settled, "{}: the tail cache", log.key());
    }
}

/// A log that is quiet, and to which nobody appends.
pub(crate) struct Quiet<'a> {
    volume: &'a Volume,
    log: &'a Log,
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.log.state.borrow_mut().is_blocked = false;
        self.volume.progress.notify();
    }
}

impl Log {
    /// Gives up the oldest `bytes` of the tail cache.
    fn uncache(&self, generation: u32, bytes: usize) {
        let mut state = self.state.borrow_mut();
        if state.generation != generation {
            return;
        }
        let mut left = bytes;
        while left > 0
            && let Some(chunk) = state.cache.front()
        {
            left = left.saturating_sub(chunk.capacity);
            state.cache.pop_front();
        }
        if state.cache.is_empty() && state.open.is_none() {
            // It would keep the whole buffer; whoever appends next reads the block again.
            state.partial = None;
        }
    }
}

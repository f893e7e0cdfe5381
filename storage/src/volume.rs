//! One shard's part of one log directory: its logs, its rounds, and the tasks that serve them. What several fields say together is a struct with
//! its invariants in a file of its own: `logs`, `write_memory` (`memory`), `tail_cache` (`cache`), `read_ahead` (`ahead`).
//!
//! Invariants: `phase` only goes forward; no round is built after `RoundsMayEnd` but for what is queued and to cover what was written; after
//! `Stopped`, of a directory that has not failed, nothing is written any more.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use futures_channel::oneshot;
use futures_util::future::{Either, select, try_join_all};

use crate::ahead::ReadAhead;
use crate::cache::TailCache;
use crate::checkpoint::{self, Checkpoints};
use crate::config::{LogConfig, SYNC_ONE_BY_ONE, VolumeConfig};
use crate::disk::{Directory, DiskError, File, Flushing, Host, OpenMode, Priority};
use crate::failure::FailedMark;
use crate::hints::{self, Hints};
use crate::indexes::KeptIndexes;
use crate::key::{LogKey, round_log_path};
use crate::ledger::{Ledger, LedgerLog};
use crate::log::Log;
use crate::logs::LogTable;
use crate::memory::WriteMemory;
use crate::names::{self, Names};
use crate::notify::Notify;
use crate::prepare::{self, Preparation};
use crate::reserve::{self, Reserve};
use crate::round_log::{RoundFile, RoundLog};
use crate::rounds::{self, RoundQueue};
use crate::spares::{self, Spares};
use crate::watch;

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
    phase: Cell<Phase>,
    pub(crate) logs: LogTable,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) round_log: RefCell<RoundLog>,
    pub(crate) queue: RefCell<RoundQueue>,
    pub(crate) spares: Spares,
    pub(crate) preparation: Preparation,
    pub(crate) names: Names,
    pub(crate) checkpoint: Checkpoints,
    pub(crate) hints: Hints,
    pub(crate) reserve: Reserve,
    /// Something may be due for a round.
    pub(crate) work: Notify,
    /// Something that others wait for has moved, or the directory has failed.
    pub(crate) progress: Notify,
    pub(crate) hook: RefCell<Option<SettledHook>>,
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) write_memory: WriteMemory,
    pub(crate) tail_cache: TailCache,
    pub(crate) read_ahead: ReadAhead,
    pub(crate) indexes: KeptIndexes,
    /// When this life began, each segment file ended with its data.
    pub(crate) began_cut: bool,
}

/// How far a volume's life has come. A failure ends it in whichever phase it is: see `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// Nothing new is taken; what was, is finished.
    Stopping,
    /// Every log is quiet, and stays so: the rounds end once nothing is queued.
    RoundsMayEnd,
    /// Every task of the volume ends.
    Stopped,
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
        config.mutations.check();
        let id = part.ledger.round_log;
        let mut files = Vec::new();
        for (index, prepared) in part.round_files.iter().enumerate() {
            let file = directory.open(&round_log_path(id, index), OpenMode::Existing).await?;
            files.push(RoundFile { file, prepared: *prepared, last_round: 0 });
        }
        let checkpoint = Checkpoints::open(&*directory, id, part.checkpoint_capacity).await?;
        let volume = Rc::new(Self {
            shard: part.shard,
            phase: Cell::new(Phase::Serving),
            logs: LogTable::new(part.ledger.next_number),
            round_log: RefCell::new(RoundLog::new(id, files)),
            queue: RefCell::new(RoundQueue::default()),
            spares: Spares::new(id),
            preparation: Preparation::default(),
            names: Names::default(),
            checkpoint,
            hints: Hints::default(),
            reserve: Reserve::default(),
            work: Notify::default(),
            progress: Notify::default(),
            hook: RefCell::new(None),
            scratch: RefCell::new(Vec::new()),
            write_memory: WriteMemory::default(),
            tail_cache: TailCache::new(config.cache_bytes),
            read_ahead: ReadAhead::default(),
            indexes: KeptIndexes::default(),
            began_cut: part.is_cut,
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

    fn spawn_tasks(self: &Rc<Self>) {
        let host = Rc::clone(&self.host);
        host.spawn(Priority::Rounds, Box::pin(rounds::run(Rc::clone(self))));
        host.spawn(Priority::Rounds, Box::pin(prepare::run_own(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(prepare::run_ahead(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(spares::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(names::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(checkpoint::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(hints::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(reserve::run(Rc::clone(self))));
        host.spawn(Priority::Background, Box::pin(watch::run(Rc::clone(self))));
    }

    /// Nothing new is taken: the volume stops, or has stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        self.phase.get() >= Phase::Stopping
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Enters a phase, if it is not there yet.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(self.phase.get().max(phase));
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

    /// Called after a round for each log whose `settled` moved, in the rounds' task: it must be quick.
    pub fn set_settled_hook(&self, hook: SettledHook) {
        *self.hook.borrow_mut() = Some(hook);
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

    /// Memory that holds indexes of sealed segments.
    pub fn index_bytes(&self) -> usize {
        self.indexes.bytes()
    }

    /// Syncs files: one by one if they are few, all at once otherwise.
    pub(crate) async fn sync_files(&self, files: &[Rc<dyn File>]) -> Result<(), DiskError> {
        let synced = if files.len() > SYNC_ONE_BY_ONE {
            self.directory.sync_file_system().await
        } else {
            try_join_all(files.iter().map(|file| file.sync_data())).await.map(|_| ())
        };
        synced.map_err(DiskError::of_sync)
    }

    /// Syncs the names in directories: one by one if they are few, all at once otherwise.
    pub(crate) async fn sync_directories(&self, paths: &[String]) -> Result<(), DiskError> {
        let synced = if paths.len() > SYNC_ONE_BY_ONE {
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
            "{:?} rounds ended {} queued {} controls {} gathered {} cover_wanted {} flush_wanted {} oldest {:?} next_round {} \
             durable {} covered {} checkpoint {} memory {} names_idle {}",
            self.phase(),
            queue.has_ended,
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
            self.write_memory.bytes(),
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
                state.is_blocked(),
                state.is_loaded(),
                state.is_loading(),
            );
        }
        text
    }

    /// The invariants of this file and of all logs.
    pub fn check(&self) {
        self.logs.check();
        self.round_log.borrow().check();
        self.ledger.borrow().check();
        for log in self.logs() {
            log.check();
            self.tail_cache.check(&log);
        }
    }
}

//! The logs of a volume: found, created, deleted, and made quiet for whoever changes their ends.
//!
//! Invariants: a log is in `by_key` exactly while it is in `by_number`; `next_number` is above every number ever given.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use futures_channel::oneshot;

use crate::config::LogConfig;
use crate::disk::Priority;
use crate::failure::AppendError;
use crate::key::LogKey;
use crate::log::{Change, Log};
use crate::names::NameWork;
use crate::record::Entry;
use crate::volume::Volume;

pub(crate) struct LogTable {
    by_key: RefCell<BTreeMap<Arc<LogKey>, Rc<Log>>>,
    pub by_number: RefCell<BTreeMap<u32, Rc<Log>>>,
    next_number: Cell<u32>,
    /// Keys of logs whose Create entry is on its way.
    creating: RefCell<BTreeSet<Arc<LogKey>>>,
}

impl LogTable {
    pub fn new(next_number: u32) -> Self {
        Self {
            by_key: RefCell::default(),
            by_number: RefCell::default(),
            next_number: Cell::new(next_number),
            creating: RefCell::default(),
        }
    }

    fn insert(&self, log: Rc<Log>) {
        self.by_key.borrow_mut().insert(Arc::clone(log.key()), Rc::clone(&log));
        self.by_number.borrow_mut().insert(log.number, log);
    }

    fn remove(&self, log: &Log) {
        self.by_key.borrow_mut().remove(log.key());
        self.by_number.borrow_mut().remove(&log.number);
    }

    /// Whether the caller is to create a log of this key: there is none, and nobody else is at it.
    fn begin_to_create(&self, key: &Arc<LogKey>) -> bool {
        !self.by_key.borrow().contains_key(key) && self.creating.borrow_mut().insert(Arc::clone(key))
    }

    fn take_number(&self) -> u32 {
        self.next_number.replace(self.next_number.get() + 1)
    }

    /// The invariants of this file.
    pub fn check(&self) {
        let (by_key, by_number) = (self.by_key.borrow(), self.by_number.borrow());
        assert_eq!(by_key.len(), by_number.len());
        for (number, log) in &*by_number {
            assert!(*number == log.number && log.number < self.next_number.get());
            assert!(by_key.get(log.key()).is_some_and(|of_key| Rc::ptr_eq(of_key, log)));
        }
    }
}

impl Volume {
    pub(crate) fn make_logs(self: &Rc<Self>, log_config: &dyn Fn(&LogKey) -> LogConfig) {
        let ledger = self.ledger.borrow();
        for (number, log) in &ledger.logs {
            let log = Log::new(self, *number, log, log_config(&log.key));
            self.logs.insert(log);
        }
    }

    pub fn log(&self, key: &LogKey) -> Option<Rc<Log>> {
        self.logs.by_key.borrow().get(key).cloned()
    }

    /// All logs, in order of their keys.
    pub fn logs(&self) -> Vec<Rc<Log>> {
        self.logs.by_key.borrow().values().cloned().collect()
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
        if self.is_stopping() {
            return Err(AppendError::Closed);
        }
        if self.reserve.is_low() {
            return Err(AppendError::NoSpace);
        }
        let bytes = keys.iter().map(|(key, _)| 256 + key.topic.len() as u64).sum();
        loop {
            self.grow_checkpoints(bytes).await?;
            // A stop may have ended the rounds meanwhile: nobody would take the entries.
            if self.is_stopping() {
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
            if !self.logs.begin_to_create(&key) {
                continue;
            }
            let number = self.logs.take_number();
            let entry = Entry::Create { log: number, key: Arc::clone(&key), offset: 0 };
            submitted.push((key, number, config, self.submit(entry)));
        }
        for (key, number, config, done) in submitted {
            let Some(_round) = self.answer(done).await else { return Err(AppendError::Failed) };
            self.add_log(number, config);
            self.logs.creating.borrow_mut().remove(&key);
        }
        self.keep_promise(bytes);
        self.progress.notify();
        let mut logs = Vec::with_capacity(wanted.len());
        for key in wanted {
            let is_made = || !self.logs.creating.borrow().contains(&key) || self.failed.is_failed();
            self.progress.until(|| is_made().then_some(())).await;
            logs.push(self.log(&key).ok_or(AppendError::Failed)?);
        }
        Ok(logs)
    }

    fn add_log(self: &Rc<Self>, number: u32, config: LogConfig) {
        let log = {
            let ledger = self.ledger.borrow();
            let Some(entry) = ledger.logs.get(&number) else { return };
            Log::new(self, number, entry, config)
        };
        self.logs.insert(Rc::clone(&log));
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
        self.logs.remove(log);
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
            if state.is_closed || self.is_stopping() {
                return Some(Err(AppendError::Closed));
            }
            if state.change.is_some() || state.is_loading() {
                return None;
            }
            state.change = Some(Change::Blocked);
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
        let is_unchanged = |log: &Log| log.state.borrow().change.is_none();
        self.logs.by_number.borrow().values().all(|log| is_unchanged(log) && self.is_quiet(log))
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
}

/// A log that is quiet, and to which nobody appends.
pub(crate) struct Quiet<'a> {
    volume: &'a Volume,
    log: &'a Log,
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.log.state.borrow_mut().change = None;
        self.volume.progress.notify();
    }
}

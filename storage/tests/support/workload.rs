//! Random work on a few logs, a model of what must be left of it, and the comparison after a crash.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use logan_storage::append::{Append, Offsets};
use logan_storage::batch::BatchReader;
use logan_storage::config::{LogConfig, Mutations, VolumeConfig};
use logan_storage::disk::{BLOCK, Directory, DiskError, Host};
use logan_storage::failure::{AppendError, FailedMark};
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};
use logan_storage::key::{LogId, LogKey};
use logan_storage::log::{Ends, Log};
use logan_storage::read::Limits;
use logan_storage::recovery::{OpenError, OpenOptions, Report, open_directory};
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;

use super::disk::{Disk, TestDirectory};
use super::runtime::{Runtime, TestHost};
use super::{CLOSED, batch, key, log_config, volume_config};

/// What is known of a log that may be there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent,
    Creating,
    Present,
    Deleting,
}

#[derive(Debug, Clone)]
pub struct ModelLog {
    pub presence: Presence,
    /// If it is known.
    pub id: Option<LogId>,
    pub start: i64,
    pub wanted_start: Option<i64>,
    pub wanted_end: Option<i64>,
    /// Base, next and bytes of everything appended, in order.
    pub batches: Vec<(i64, i64, Vec<u8>)>,
    pub acknowledged: i64,
    /// What the log said to be durable: not even a power loss takes it back.
    pub durable: i64,
    /// The log's end when the last batch was dropped by a truncation inside it.
    pub end: i64,
    /// The leader epoch of the next appends.
    pub epoch: i32,
}

impl ModelLog {
    pub fn new() -> Self {
        Self {
            presence: Presence::Absent,
            id: None,
            start: 0,
            wanted_start: None,
            wanted_end: None,
            batches: Vec::new(),
            acknowledged: 0,
            durable: 0,
            end: 0,
            epoch: 0,
        }
    }

    pub fn truncate(&mut self, end: i64) {
        self.batches.retain(|(_, next, _)| *next <= end);
        self.end = end;
        self.acknowledged = end;
        self.durable = end;
        if end < self.start || self.batches.is_empty() {
            self.batches.clear();
        }
        if end <= self.start {
            self.start = end;
            self.batches.clear();
        }
        self.wanted_end = None;
    }
}

#[derive(Default, Clone)]
pub struct Model {
    pub logs: BTreeMap<LogKey, ModelLog>,
    /// All that were given since the directory was closed cleanly.
    ids: BTreeSet<LogId>,
}

impl Model {
    /// A log was found or created: its id is the one that it had, or a new one.
    pub fn note_id(&mut self, log: &Log) {
        let (id, key) = (log.id(), log.key());
        let entry = self.logs.get_mut(key.as_ref()).expect("it is of the model");
        if entry.id != Some(id) {
            assert!(self.ids.insert(id), "{key}: the id {id:?} was given before");
            entry.id = Some(id);
        }
    }
}

/// After a clean stop everything appended is acknowledged.
pub fn settle_model(model: &Rc<RefCell<Model>>) {
    for log in model.borrow_mut().logs.values_mut() {
        (log.acknowledged, log.durable) = (log.end, log.end);
    }
}

#[derive(Clone)]
pub struct Setup {
    pub ack_sync: bool,
    pub logs: i32,
    pub steps: u64,
    pub segment_bytes: u32,
    pub recovery_bytes: u64,
    /// Of a hundred steps.
    pub log_starts: u64,
    pub shards: u16,
    /// What a killed process had under way lands when its successor runs.
    pub late_writes: bool,
    pub lock_dies_with_process: bool,
    pub mutations: Mutations,
}

impl Setup {
    pub fn log_config(&self) -> LogConfig {
        LogConfig { segment_bytes: self.segment_bytes, index_interval_bytes: 1000, ..log_config() }
    }

    pub fn volume_config(&self) -> VolumeConfig {
        VolumeConfig {
            ack_sync: self.ack_sync,
            write_buffer_bytes: 1 << 20,
            cache_bytes: 128 << 10,
            recovery_bytes: self.recovery_bytes,
            mutations: self.mutations,
            ..volume_config()
        }
    }
}

pub struct Node {
    pub disk: Rc<Disk>,
    pub volumes: Vec<Rc<Volume>>,
    pub directory: Rc<dyn Directory>,
    pub report: Report,
}

pub async fn start(disk: &Rc<Disk>, runtime: &Rc<Runtime>, setup: &Setup) -> Result<Node, OpenError> {
    let directory = TestDirectory::over(disk, runtime);
    let host: Rc<dyn Host> = Rc::new(TestHost(Rc::clone(runtime)));
    let shards = setup.shards;
    let options = OpenOptions {
        shards,
        owner: Rc::new(move |key| (key.partition as u16) % shards),
        accept_loss: false,
        max_batch_bytes: 8 << 20,
        hang_after: volume_config().hang_after,
        mutations: setup.mutations,
    };
    let opened = loop {
        match open_directory(Rc::clone(&directory), Rc::clone(&host), options.clone()).await {
            // A killed process's last writes are still on their way.
            Err(OpenError::Disk(DiskError::Locked { .. })) => runtime.sleep_ns(1_000_000).await,
            other => break other?,
        }
    };
    let failed = Arc::new(FailedMark::new());
    let mut volumes = Vec::new();
    for part in opened.parts {
        let config = setup.log_config();
        let volume = Volume::start(
            Rc::clone(&directory),
            Rc::clone(&host),
            part,
            setup.volume_config(),
            &move |_| config.clone(),
            Arc::clone(&failed),
        )
        .await?;
        volumes.push(volume);
    }
    Ok(Node { disk: Rc::clone(disk), volumes, directory, report: opened.report })
}

pub async fn stop(node: Node) {
    let mut parts = Vec::new();
    for volume in &node.volumes {
        parts.push(volume.stop().await.expect("a clean stop"));
    }
    close_directory(node.directory, parts, CLOSED).await.expect("a clean close");
}

impl Node {
    pub fn log(&self, key: &LogKey) -> Option<Rc<Log>> {
        self.volumes.iter().find_map(|volume| volume.log(key))
    }

    fn owner(&self, key: &LogKey) -> &Rc<Volume> {
        &self.volumes[key.partition as usize % self.volumes.len()]
    }
}

pub fn key_of(number: i32) -> LogKey {
    key("orders", number)
}

pub async fn append_all(log: &Rc<Log>, bytes: &[u8], leader_epoch: i32) -> Result<(i64, i64), AppendError> {
    loop {
        let append = Append { batches: bytes, offsets: Offsets::Assign { leader_epoch } };
        match log.append(&append) {
            Ok(appended) => return Ok((appended.base_offset, appended.log_end)),
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await?,
            Err(error) => return Err(error),
        }
    }
}

/// Steps of one log, until the power goes.
pub async fn work(
    node: Rc<Node>,
    runtime: Rc<Runtime>,
    model: Rc<RefCell<Model>>,
    setup: Setup,
    number: i32,
) {
    let key = key_of(number);
    for _ in 0..setup.steps {
        if node.volumes[0].failed().is_failed() {
            return;
        }
        let entry = model.borrow_mut().logs.entry(key.clone()).or_insert_with(ModelLog::new).clone();
        let Some(log) = node.log(&key) else {
            assert_eq!(entry.presence, Presence::Absent, "{key}");
            set(&model, &key, |log| {
                *log = ModelLog::new();
                log.presence = Presence::Creating;
            });
            match node.owner(&key).create_log(key.clone(), setup.log_config()).await {
                Ok(log) => model.borrow_mut().note_id(&log),
                Err(AppendError::NoSpace) => {
                    set(&model, &key, |log| log.presence = Presence::Absent);
                    runtime.sleep_ns(5_000_000).await;
                    continue;
                }
                Err(_) => return,
            }
            set(&model, &key, |log| log.presence = Presence::Present);
            continue;
        };
        let outcome = match runtime.below(100) {
            step if step < setup.log_starts => raise_start(&runtime, &log, &model, &key).await,
            0..83 => append_some(&runtime, &log, &model, &key).await,
            83..89 => log.roll().await,
            89..93 => truncate(&runtime, &log, &model, &key).await,
            93..95 => delete(&node, &log, &model, &key).await,
            _ => {
                runtime.sleep_ns(runtime.below(40_000_000)).await;
                Ok(())
            }
        };
        match outcome {
            Ok(()) | Err(AppendError::MustWait) => {}
            Err(AppendError::NoSpace) => runtime.sleep_ns(5_000_000).await,
            Err(AppendError::Failed | AppendError::Closed) => return,
            Err(error) => panic!("{key}: {error}"),
        }
        log.check();
        check_prepared(&node, &node.disk);
    }
}

pub fn set(model: &Rc<RefCell<Model>>, key: &LogKey, change: impl FnOnce(&mut ModelLog)) {
    change(model.borrow_mut().logs.get_mut(key).unwrap());
}

async fn append_some(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
) -> Result<(), AppendError> {
    let mut last = 0;
    for _ in 0..=runtime.below(4) {
        let length = match runtime.below(20) {
            0 => 20_000 + runtime.below(10_000),
            1..5 => 4_000 + runtime.below(4_000),
            _ => runtime.below(1_500),
        };
        let bytes = batch(
            1 + runtime.below(5) as i32,
            length as usize,
            runtime.draw(),
            runtime.below(1_000_000) as i64,
        );
        if runtime.below(30) == 0 {
            set(model, key, |log| log.epoch += 1);
        }
        let epoch = model.borrow().logs[key].epoch;
        let (base, next) = append_all(log, &bytes, epoch).await?;
        last = next;
        let mut stamped = bytes;
        stamped[..8].copy_from_slice(&base.to_be_bytes());
        stamped[12..16].copy_from_slice(&epoch.to_be_bytes());
        set(model, key, |log| {
            log.batches.push((base, next, stamped));
            log.end = next;
        });
    }
    if runtime.below(3) > 0 {
        log.wait_settled(last).await?;
    }
    // Whatever the log says is settled has been shown, and must stay.
    note_ends(log, model, key);
    Ok(())
}

pub fn note_ends(log: &Rc<Log>, model: &Rc<RefCell<Model>>, key: &LogKey) {
    let ends = log.ends();
    set(model, key, |log| {
        log.acknowledged = log.acknowledged.max(ends.settled);
        log.durable = log.durable.max(ends.durable);
    });
}

async fn truncate(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
) -> Result<(), AppendError> {
    let bases: Vec<i64> = model.borrow().logs[key].batches.iter().map(|(base, _, _)| *base).collect();
    if bases.is_empty() {
        return Ok(());
    }
    let tail = bases.len().min(8) as u64;
    let end = bases[bases.len() - 1 - runtime.below(tail) as usize];
    set(model, key, |log| log.wanted_end = Some(end));
    log.truncate_to(end).await?;
    assert_eq!(log.ends().log_end, end);
    set(model, key, |log| log.truncate(end));
    Ok(())
}

async fn raise_start(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
) -> Result<(), AppendError> {
    let ends = log.ends();
    let start = ends.log_start + runtime.below((ends.settled - ends.log_start + 1) as u64) as i64;
    set(model, key, |log| log.wanted_start = Some(start));
    log.set_log_start(start).await?;
    set(model, key, |log| {
        log.start = start.max(log.start);
        log.wanted_start = None;
    });
    note_ends(log, model, key);
    Ok(())
}

async fn delete(
    node: &Rc<Node>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
) -> Result<(), AppendError> {
    set(model, key, |log| log.presence = Presence::Deleting);
    node.owner(key).delete_log(log).await?;
    set(model, key, |log| *log = ModelLog::new());
    Ok(())
}

/// Compares every log with the model, and makes the model what was found: from now on that must stay. With `may_lose`, what was
/// acknowledged and not durable may be lost from the end.
pub async fn compare(node: &Node, model: &Rc<RefCell<Model>>, may_lose: bool) {
    let keys: Vec<LogKey> = model.borrow().logs.keys().cloned().collect();
    if node.report.was_clean {
        // Nothing of what knew the ids is left.
        let mut model = model.borrow_mut();
        model.ids.clear();
        model.logs.values_mut().for_each(|log| log.id = None);
    }
    for key in keys {
        let expected = model.borrow().logs[&key].clone();
        let log = node.log(&key);
        match (&log, expected.presence) {
            (None, Presence::Present) => panic!("{key} is lost"),
            (Some(_), Presence::Absent) => panic!("{key} is back"),
            _ => {}
        }
        let Some(log) = log else {
            set(model, &key, |log| *log = ModelLog::new());
            continue;
        };
        model.borrow_mut().note_id(&log);
        let ends = log.ends();
        check_ends(&key, ends, &expected, may_lose);
        let found = read_all(&log).await;
        let wanted: Vec<&(i64, i64, Vec<u8>)> = expected
            .batches
            .iter()
            .filter(|(_, next, _)| *next > ends.log_start && *next <= ends.log_end)
            .collect();
        assert_eq!(
            found.len(),
            wanted.len(),
            "{key}: not all that was acknowledged between {} and {}",
            ends.log_start,
            ends.log_end
        );
        for (found, (base, _, bytes)) in found.iter().zip(&wanted) {
            assert!(found == bytes, "{key}: the batch at {base} is not the one that was appended");
        }
        log.load().await.unwrap();
        for bytes in &found {
            let (base, epoch) = (base_of(bytes), i32::from_be_bytes(bytes[12..16].try_into().unwrap()));
            assert_eq!(
                log.epoch_at(base.max(ends.log_start)),
                Some(epoch),
                "{key}: the epoch of the batch at {base}"
            );
        }
        log.check();
        set(model, &key, |log| {
            log.presence = Presence::Present;
            log.start = ends.log_start;
            log.wanted_start = None;
            log.wanted_end = None;
            log.batches.retain(|(_, next, _)| *next > ends.log_start && *next <= ends.log_end);
            log.acknowledged = ends.log_end;
            log.durable = ends.log_end;
            log.end = ends.log_end;
        });
    }
    for volume in &node.volumes {
        volume.check();
    }
}

fn check_ends(key: &LogKey, ends: Ends, expected: &ModelLog, may_lose: bool) {
    let is_start = ends.log_start == expected.start
        || Some(ends.log_start) == expected.wanted_start
        || (ends.log_start == ends.log_end && Some(ends.log_end) == expected.wanted_end);
    assert!(is_start, "{key}: starts at {}, not {expected:?}", ends.log_start);
    let is_truncated = expected.wanted_end == Some(ends.log_end);
    assert!(
        ends.log_end >= expected.acknowledged || is_truncated || may_lose,
        "{key}: ends at {}, but {} was acknowledged",
        ends.log_end,
        expected.acknowledged
    );
    assert!(
        ends.log_end >= expected.durable || is_truncated,
        "{key}: ends at {}, but {} was durable, which was acknowledged and may not be lost",
        ends.log_end,
        expected.durable
    );
}

/// What is true of the disk itself once a directory is open, before anything is appended: each sealed segment is as long as its data,
/// and every segment file has a log that knows it.
pub fn check_disk(node: &Node, disk: &Disk) {
    let mut known = BTreeSet::new();
    let mut directories = BTreeSet::new();
    for log in node.volumes.iter().flat_map(|volume| volume.logs()) {
        let directory = log.key().directory_name();
        for segment in log.segments() {
            let path = format!("{directory}/{:020}.log", segment.base);
            if segment.is_sealed {
                let length = disk.content(&path).map(|content| content.len());
                assert_eq!(length, Some(segment.length as usize), "{path}: a sealed segment's length");
            }
            known.insert(path);
        }
        directories.insert(directory);
    }
    for path in disk.paths() {
        let Some((directory, name)) = path.split_once('/') else { continue };
        let is_log = SegmentFileName::parse(name).is_some_and(|name| name.file == SegmentFile::Log);
        let is_segment = is_log && directories.contains(directory);
        assert!(!is_segment || known.contains(&path), "{path}: a segment file of no log");
    }
}

/// What is true at every moment: what a process believes to be prepared is, and rounds name nothing else.
pub fn check_prepared(node: &Node, disk: &Disk) {
    for log in node.volumes.iter().flat_map(|volume| volume.logs()) {
        log.ends().check();
        // Where each file is synced by itself, nothing must be prepared.
        for segment in log.segments().iter().filter(|_| !disk.per_file.get()) {
            let Some(prepared) = segment.prepared else { continue };
            // What an earlier life wrote may end in a block that this one has not proven.
            let named = u64::from(segment.named) / BLOCK as u64 * BLOCK as u64;
            assert!(named <= prepared, "{}: {segment:?}: named beyond prepared", log.key());
            let is_prepared = segment.file.is_none_or(|file| disk.is_prepared(file, prepared));
            assert!(is_prepared, "{}: {segment:?}: not prepared on the disk", log.key());
        }
    }
}

fn base_of(batch: &[u8]) -> i64 {
    i64::from_be_bytes(batch[..8].try_into().unwrap())
}

pub async fn read_all(log: &Rc<Log>) -> Vec<Vec<u8>> {
    let ends = log.ends();
    let mut at = ends.log_start;
    let mut found = Vec::new();
    while at < ends.log_end {
        let limits = Limits { offset: i64::MAX, bytes: 10_000, at_least_one: true };
        let read =
            log.read(at, limits).await.unwrap_or_else(|error| panic!("{}: at {at}: {error}", log.key()));
        if read.next_offset <= at {
            // Only a gap, left by a truncation inside a batch, is left.
            break;
        }
        for slice in &read.slices {
            for placed in BatchReader::new(slice, 0, usize::MAX).with_crc() {
                found.push(placed.unwrap().batch.bytes().to_vec());
            }
        }
        at = read.next_offset;
    }
    found
}

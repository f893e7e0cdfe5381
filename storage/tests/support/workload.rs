//! Random work on a few logs, a model of what must be left of it, and the comparison after a crash.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use logan_storage::append::{Append, Offsets};
use logan_storage::batch::{BatchReader, Header};
use logan_storage::config::{LogConfig, Mutations, VolumeConfig};
use logan_storage::disk::{BLOCK, Directory, DiskError, Host};
use logan_storage::failure::{AppendError, FailedMark, ReadError};
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};
use logan_storage::key::{LogId, LogKey};
use logan_storage::log::{Ends, Log};
use logan_storage::read::ReadBounds;
use logan_storage::recovery::{OpenError, OpenOptions, Report, open_directory};
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;

use super::disk::{Disk, TestDirectory};
use super::kinds::{Drawn, check_attempts, check_producers, draw, header_of};
use super::looks::{Batches, look_around, look_at_batches};
use super::runtime::{Runtime, TestHost};
use super::{CLOSED, key, log_config, volume_config};

/// What is known of a log that may be there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent,
    Creating,
    Present,
    Deleting,
}

#[derive(Clone)]
pub struct ModelLog {
    pub presence: Presence,
    /// If it is known.
    pub id: Option<LogId>,
    pub start: i64,
    pub wanted_start: Option<i64>,
    pub wanted_end: Option<i64>,
    /// Base, next and bytes of everything appended, in order.
    pub batches: Batches,
    /// The headers of all of them, and of those below the log's start, too, as far as the log was not emptied since.
    pub heads: Vec<Header>,
    pub acknowledged: i64,
    /// What the log said to be durable: not even a power loss takes it back.
    pub durable: i64,
    /// The log's end when the last batch was dropped by a truncation inside it.
    pub end: i64,
    /// The leader epoch of the next appends.
    pub epoch: i32,
}

impl fmt::Debug for ModelLog {
    /// Without what batches consist of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches: Vec<_> = self.batches.iter().map(|(base, next, _)| (base, next)).collect();
        let Self { presence, start, wanted_start, wanted_end, acknowledged, durable, end, .. } = self;
        write!(
            f,
            "{presence:?} from {start} ({wanted_start:?}) to {end} ({wanted_end:?}), acknowledged to {acknowledged}, durable to \
             {durable}: {batches:?}"
        )
    }
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
            heads: Vec::new(),
            acknowledged: 0,
            durable: 0,
            end: 0,
            epoch: 0,
        }
    }

    /// They were appended.
    pub fn push(&mut self, placed: Batches) {
        for (base, next, bytes) in placed {
            assert!(base >= self.end, "{base} was given, and {} is the end", self.end);
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the method is that of one lifetime"
            )]
            self.heads.push(header_of(&bytes, |batch| batch.header()));
            self.batches.push((base, next, bytes));
            self.end = next;
        }
    }

    pub fn truncate(&mut self, end: i64) {
        self.batches.retain(|(_, next, _)| *next <= end);
        self.forget_heads(end);
        self.end = end;
        self.acknowledged = end;
        self.durable = end;
        if end < self.start || self.batches.is_empty() {
            self.batches.clear();
        }
        if end <= self.start {
            self.start = end;
            self.batches.clear();
            self.heads.clear();
        }
        self.wanted_end = None;
    }

    fn forget_heads(&mut self, end: i64) {
        self.heads.retain(|head| head.base_offset + i64::from(head.last_offset_delta) < end);
    }

    /// Whether the log may begin at `start` by itself: it was empty, and went on behind a gap.
    fn may_begin_at(&self, start: i64) -> bool {
        let is_there = self.batches.iter().any(|(base, _, _)| *base == start);
        is_there && self.batches.iter().all(|(base, next, _)| *next <= self.start || *base >= start)
    }
}

#[derive(Default, Clone)]
pub struct Model {
    pub logs: BTreeMap<LogKey, ModelLog>,
    /// All that were given since the directory was closed cleanly.
    ids: BTreeSet<LogId>,
    /// The node was asked to stop, and perhaps did not come to the end of it.
    pub has_stop_begun: bool,
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
    /// `segment.index.bytes`.
    pub index_bytes: u32,
    /// Half of it is jitter.
    pub segment_ms: i64,
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
    /// Most faults break what the freeing rule goes by, too, and are noticed elsewhere.
    pub fn is_freeing_watched(&self) -> bool {
        let without = Mutations {
            free_truncated_without_cover: false,
            free_below_start_without_cover: false,
            free_deleted_without_cover: false,
            ..self.mutations
        };
        without == Mutations::default() && !self.lock_dies_with_process
    }

    pub fn log_config(&self) -> LogConfig {
        LogConfig {
            segment_bytes: self.segment_bytes,
            segment_index_bytes: self.index_bytes,
            segment_ms: self.segment_ms,
            segment_jitter_ms: if self.segment_ms == i64::MAX { 0 } else { self.segment_ms / 2 },
            index_interval_bytes: 1000,
            // The timestamps of these batches are old.
            producer_expiration_ms: i64::MAX,
            ..log_config()
        }
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
    disk.acknowledges(&volumes);
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
    append_with(log, bytes, Offsets::Assign { leader_epoch }).await
}

pub async fn append_with(log: &Rc<Log>, bytes: &[u8], offsets: Offsets) -> Result<(i64, i64), AppendError> {
    loop {
        match log.append(&Append { batches: bytes, offsets }) {
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
        let step = step(&node, &runtime, &log, &model, &setup, &key);
        let outcome = if runtime.below(4) == 0 {
            let reads = look_around(&runtime, &log, &model, &key, 1 + runtime.below(6));
            futures_util::future::join(step, reads).await.0
        } else {
            step.await
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

async fn step(
    node: &Rc<Node>,
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    setup: &Setup,
    key: &LogKey,
) -> Result<(), AppendError> {
    match runtime.below(100) {
        step if step < setup.log_starts => raise_start(runtime, log, model, key).await,
        0..75 => append_some(runtime, log, model, setup, key).await,
        75..83 => {
            look_around(runtime, log, model, key, 8).await;
            Ok(())
        }
        83..89 => log.roll().await,
        89..93 => truncate(runtime, log, model, key).await,
        93..95 => delete(node, log, model, key).await,
        _ => {
            runtime.sleep_ns(runtime.below(40_000_000)).await;
            Ok(())
        }
    }
}

pub fn set(model: &Rc<RefCell<Model>>, key: &LogKey, change: impl FnOnce(&mut ModelLog)) {
    change(model.borrow_mut().logs.get_mut(key).unwrap());
}

async fn append_some(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    setup: &Setup,
    key: &LogKey,
) -> Result<(), AppendError> {
    let most = setup.segment_bytes.min(2 << 20) as usize;
    let mut last = 0;
    for _ in 0..=runtime.below(4) {
        if runtime.below(30) == 0 {
            set(model, key, |log| log.epoch += 1);
        }
        let drawn = draw(runtime, &model.borrow().logs[key], most);
        last = append_drawn(log, model, key, &drawn).await?;
    }
    if runtime.below(3) > 0 {
        log.wait_settled(last).await?;
    }
    // Whatever the log says is settled has been shown, and must stay.
    note_ends(log, model, key);
    Ok(())
}

/// Appends what was drawn for a log as the model knows it, and says so to the model. Returns the offset behind it.
pub async fn append_drawn(
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
    drawn: &Drawn,
) -> Result<i64, AppendError> {
    log.load().await.map_err(|error| match error {
        ReadError::Corrupt { .. } => AppendError::Corrupt,
        ReadError::Disk(DiskError::NoSpace { .. }) => AppendError::NoSpace,
        _ => AppendError::Failed,
    })?;
    check_attempts(log, &model.borrow().logs[key], drawn);
    let (base, next) = append_with(log, &drawn.bytes, drawn.offsets).await?;
    set(model, key, |log| {
        assert_eq!(base, drawn.first, "{key}: where what was appended begins");
        log.push(drawn.placed(base, log.epoch));
        assert_eq!(next, log.end, "{key}: where what was appended ends");
    });
    Ok(next)
}

pub fn note_ends(log: &Rc<Log>, model: &Rc<RefCell<Model>>, key: &LogKey) {
    let ends = log.ends();
    set(model, key, |log| {
        log.acknowledged = log.acknowledged.max(ends.settled);
        log.durable = log.durable.max(ends.durable);
        if ends.log_start > log.start {
            assert!(log.may_begin_at(ends.log_start), "{key}: begins at {}, not {log:?}", ends.log_start);
            log.start = ends.log_start;
        }
    });
}

async fn truncate(
    runtime: &Rc<Runtime>,
    log: &Rc<Log>,
    model: &Rc<RefCell<Model>>,
    key: &LogKey,
) -> Result<(), AppendError> {
    let entry = model.borrow().logs[key].clone();
    let tail = entry.batches.len().min(8) as u64;
    let Some(back) = tail.checked_sub(1).map(|most| runtime.below(most + 1) as usize) else {
        return Ok(());
    };
    let (base, next, _) = &entry.batches[entry.batches.len() - 1 - back];
    let end = match runtime.below(10) {
        0..6 => *base,
        // Into a batch, which is gone as a whole, or into the gap before one.
        6 | 7 => base + runtime.below((next - base) as u64) as i64,
        8 => base - 1,
        _ => entry.start - runtime.below(3) as i64,
    };
    let end = end.clamp(0, entry.end);
    if end == entry.end {
        return Ok(());
    }
    set(model, key, |log| log.wanted_end = Some(end));
    log.truncate_to(end).await?;
    let ends = log.ends();
    assert_eq!(ends.log_end, end);
    set(model, key, |log| {
        // Before it was truncated, it became durable.
        if ends.log_start > log.start && log.may_begin_at(ends.log_start) {
            log.start = ends.log_start;
        }
        log.truncate(end);
    });
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
        let gives_up = node.report.was_clean || model.borrow().has_stop_begun;
        check_ends(&key, ends, &expected, may_lose, gives_up);
        let found = read_all(&log).await;
        let mut wanted = expected.batches.clone();
        wanted.retain(|(_, next, _)| *next > ends.log_start && *next <= ends.log_end);
        assert_eq!(
            found.len(),
            wanted.len(),
            "{key}: not all that was acknowledged between {} and {}",
            ends.log_start,
            ends.log_end
        );
        for (found, (base, _, bytes)) in found.iter().zip(&wanted) {
            assert!(found[..] == bytes[..], "{key}: the batch at {base} is not the one that was appended");
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
        let few = wanted.len() / 3 + 1;
        look_at_batches(&log, &wanted, |at| at % few == 0 || at + 1 == wanted.len()).await;
        set(model, &key, |log| {
            log.presence = Presence::Present;
            log.forget_heads(ends.log_end);
            if ends.log_start == ends.log_end && log.wanted_end == Some(ends.log_end) {
                log.heads.clear();
            }
            log.start = ends.log_start;
            log.wanted_start = None;
            log.wanted_end = None;
            log.batches.retain(|(_, next, _)| *next > ends.log_start && *next <= ends.log_end);
            log.acknowledged = ends.log_end;
            log.durable = ends.log_end;
            log.end = ends.log_end;
        });
        check_producers(&log, &model.borrow().logs[&key]);
    }
    model.borrow_mut().has_stop_begun = false;
    for volume in &node.volumes {
        volume.check();
    }
}

/// `gives_up`: a clean stop goes by the batches, and gives up offsets behind the last one, where a truncation into a batch has left them, even if it does
/// not come to its end.
fn check_ends(key: &LogKey, ends: Ends, expected: &ModelLog, may_lose: bool, gives_up: bool) {
    let needed = |end: i64| {
        let nexts =
            expected.heads.iter().map(|head| head.base_offset + i64::from(head.last_offset_delta) + 1);
        if gives_up { nexts.filter(|next| *next <= end).max().unwrap_or(0) } else { end }
    };
    let is_empty = ends.log_start == ends.log_end;
    let is_start = ends.log_start == expected.start
        || Some(ends.log_start) == expected.wanted_start
        || (is_empty && Some(ends.log_end) == expected.wanted_end)
        || (is_empty && gives_up && ends.log_end < expected.start)
        // Nothing lies before it.
        || (is_empty && expected.batches.is_empty() && ends.log_start == expected.end)
        || expected.may_begin_at(ends.log_start);
    assert!(is_start, "{key}: starts at {}, not {expected:?}", ends.log_start);
    let is_truncated = expected.wanted_end == Some(ends.log_end);
    assert!(
        ends.log_end >= needed(expected.acknowledged) || is_truncated || may_lose,
        "{key}: ends at {}, but {} was acknowledged",
        ends.log_end,
        expected.acknowledged
    );
    assert!(
        ends.log_end >= needed(expected.durable) || is_truncated,
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
        let limits = ReadBounds { offset: i64::MAX, bytes: 10_000, at_least_one: true };
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

//! A log with transactions against a simple model of one: what is stable, what was aborted, and what a client that is told of it sees; through
//! truncations, higher log starts, crashes, stops, and transaction indexes that are gone. `LOGAN_SEEDS=n` runs more seeds, `LOGAN_SEED=n` one.

mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use logan_storage::aborted::CommittedRead;
use logan_storage::append::{Append, Offsets};
use logan_storage::batch::{Attributes, BatchReader};
use logan_storage::config::{LogConfig, VolumeConfig};
use logan_storage::failure::AppendError;
use logan_storage::log::Log;
use logan_storage::producers::Marker;
use logan_storage::read::ReadBounds;
use logan_storage::txn_index::{AbortedTxn, ENTRY_LEN, TxnIndex};
use support::disk::Disk;
use support::runtime::Runtime;
use support::{batch, batch_of, key, log_config, marker, serve, stop, volume_config};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Records,
    Commit,
    Abort,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    base: i64,
    next: i64,
    producer: i64,
    kind: Kind,
}

/// A transaction of the model; without `end` it is open.
#[derive(Debug, Clone, Copy)]
struct Txn {
    producer: i64,
    first: i64,
    end: Option<(i64, Kind)>,
}

#[derive(Debug, Default)]
struct Model {
    batches: Vec<Placed>,
    start: i64,
    /// What a truncation, or a raise of the log start, that was under way may have come to.
    wanted_end: Option<i64>,
    wanted_start: Option<i64>,
    /// Records were given up: a crash may forget what began there.
    was_raised: bool,
}

impl Model {
    /// All transactions with a record at or behind `from`, in the order of their beginnings.
    fn transactions(&self, from: i64) -> Vec<Txn> {
        let mut all: Vec<Txn> = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.base >= from) {
            let open = all.iter_mut().find(|txn| txn.producer == batch.producer && txn.end.is_none());
            match (batch.kind, open) {
                (Kind::Records, None) => {
                    all.push(Txn { producer: batch.producer, first: batch.base, end: None });
                }
                (Kind::Commit | Kind::Abort, Some(txn)) => txn.end = Some((batch.base, batch.kind)),
                _ => {}
            }
        }
        all
    }

    /// As far as transactions that begin at or behind `from` are known.
    fn last_stable(&self, from: i64, high_watermark: i64) -> i64 {
        let is_undecided = |txn: &&Txn| txn.end.is_none_or(|(offset, _)| offset >= high_watermark);
        let first = self.transactions(from).iter().filter(is_undecided).map(|txn| txn.first).min();
        first.map_or(high_watermark, |first| first.max(self.start).min(high_watermark))
    }

    /// In the order of their markers.
    fn aborted(&self) -> Vec<AbortedTxn> {
        let all = self.transactions(i64::MIN);
        let mut aborted: Vec<AbortedTxn> = Vec::new();
        for txn in &all {
            let Some((last_offset, Kind::Abort)) = txn.end else { continue };
            let is_open = |other: &&Txn| {
                other.first < last_offset && other.end.is_none_or(|(end, _)| end > last_offset)
            };
            let next = all.iter().filter(is_open).map(|other| other.first).min();
            aborted.push(AbortedTxn {
                producer_id: txn.producer,
                first_offset: txn.first,
                last_offset,
                last_stable_offset: next.unwrap_or(last_offset + 1),
            });
        }
        aborted.sort_by_key(|txn| txn.last_offset);
        aborted
    }

    /// Base offsets of batches of records that a client may see, of those that hold any of `from..until`.
    fn visible(&self, from: i64, until: i64) -> Vec<i64> {
        let all = self.transactions(i64::MIN);
        let is_aborted = |batch: &Placed| {
            let holds = |txn: &&Txn| {
                txn.producer == batch.producer
                    && txn.first <= batch.base
                    && txn.end.is_none_or(|(end, _)| end > batch.base)
            };
            all.iter().find(holds).is_some_and(|txn| matches!(txn.end, Some((_, Kind::Abort))))
        };
        let mut visible = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.next > from && batch.base < until) {
            let is_records = batch.kind == Kind::Plain || (batch.kind == Kind::Records && !is_aborted(batch));
            visible.extend(is_records.then_some(batch.base));
        }
        visible
    }

    fn truncate(&mut self, end: i64) {
        self.batches.retain(|batch| batch.next <= end);
        if end <= self.start {
            (self.start, self.was_raised) = (end, true);
            self.batches.clear();
        }
    }
}

/// What the Java client shows of a fetch: `CompletedFetch` with `read_committed`.
fn shown(committed: &CommittedRead) -> Vec<i64> {
    let mut to_come = committed.aborted.clone();
    to_come.sort_by_key(|txn| txn.first_offset);
    let mut to_come = to_come.into_iter().peekable();
    let mut aborting = BTreeSet::new();
    let mut shown = Vec::new();
    for slice in &committed.read.slices {
        for placed in BatchReader::new(slice, 0, usize::MAX) {
            let batch = placed.unwrap().batch;
            while let Some(txn) = to_come.next_if(|txn| txn.first_offset <= batch.last_offset()) {
                aborting.insert(txn.producer_id);
            }
            if batch.attributes().is_control() {
                if Marker::of(&batch).unwrap().is_some_and(|marker| !marker.is_commit) {
                    aborting.remove(&batch.producer_id());
                }
            } else if !batch.attributes().is_transactional() || !aborting.contains(&batch.producer_id()) {
                shown.push(batch.base_offset());
            }
        }
    }
    shown
}

/// Small segments, and hints all the time with every second seed.
fn configs(seed: u64) -> (VolumeConfig, LogConfig) {
    let recovery_bytes = if seed.is_multiple_of(2) { 3_000 } else { 64 << 20 };
    let close_after = Duration::from_secs(2);
    let volume = VolumeConfig { recovery_bytes, close_after, cache_bytes: 8 << 10, ..volume_config() };
    (volume, LogConfig { segment_bytes: 3_000, index_interval_bytes: 300, ..log_config() })
}

async fn append(log: &Rc<Log>, bytes: &[u8]) -> Result<(i64, i64), AppendError> {
    loop {
        match log.append(&Append { batches: bytes, offsets: Offsets::Assign { leader_epoch: 3 } }) {
            Ok(appended) => return Ok((appended.base_offset, appended.log_end)),
            Err(AppendError::MustWait) => log.reserve(bytes.len()).await?,
            Err(error) => return Err(error),
        }
    }
}

/// A batch of a random kind of one of a few producers, which does what it may do.
async fn append_some(runtime: &Runtime, log: &Rc<Log>, model: &RefCell<Model>) -> Result<(), AppendError> {
    let producer = 1 + runtime.below(4) as i64;
    let is_open =
        model.borrow().transactions(i64::MIN).iter().any(|txn| txn.producer == producer && txn.end.is_none());
    let kind = match runtime.below(10) {
        3..8 => Kind::Records,
        8 if is_open => Kind::Commit,
        9 if is_open => Kind::Abort,
        // A marker without records before it.
        8 => Kind::Abort,
        _ => Kind::Plain,
    };
    let (count, length) = (1 + runtime.below(3) as i32, runtime.below(500) as usize);
    let bytes = match kind {
        Kind::Plain => batch(count, length, runtime.draw(), 1),
        Kind::Records => batch_of(
            producer,
            Attributes(Attributes::TRANSACTIONAL),
            count,
            length,
            runtime.draw(),
            i64::MAX / 2,
        ),
        Kind::Commit | Kind::Abort => marker(producer, 0, kind == Kind::Commit),
    };
    let (base, next) = append(log, &bytes).await?;
    let producer = if kind == Kind::Plain { -1 } else { producer };
    model.borrow_mut().batches.push(Placed { base, next, producer, kind });
    if runtime.below(3) > 0 {
        log.wait_settled(next).await?;
    }
    Ok(())
}

async fn truncate(runtime: &Runtime, log: &Rc<Log>, model: &RefCell<Model>) -> Result<(), AppendError> {
    let end = {
        let model = model.borrow();
        let tail = model.batches.len().min(12) as u64;
        let Some(back) = tail.checked_sub(1).map(|most| runtime.below(most + 1) as usize) else {
            return Ok(());
        };
        model.batches[model.batches.len() - 1 - back].base.max(model.start)
    };
    model.borrow_mut().wanted_end = Some(end);
    log.truncate_to(end).await?;
    let mut model = model.borrow_mut();
    model.truncate(end);
    model.wanted_end = None;
    Ok(())
}

async fn raise_start(runtime: &Runtime, log: &Rc<Log>, model: &RefCell<Model>) -> Result<(), AppendError> {
    let ends = log.ends();
    let start = ends.log_start + runtime.below((ends.settled - ends.log_start) as u64 / 2 + 1) as i64;
    model.borrow_mut().wanted_start = Some(start);
    log.set_log_start(start).await?;
    let mut model = model.borrow_mut();
    model.was_raised |= start > model.start;
    (model.start, model.wanted_start) = (start.max(model.start), None);
    Ok(())
}

/// What the log says is what the model says.
async fn check(runtime: &Runtime, log: &Rc<Log>, model: &Model) {
    log.load().await.unwrap();
    let ends = log.ends();
    let stable = log.last_stable_offset(ends.settled).unwrap();
    let first = log.segment_bases().first().copied().unwrap_or(ends.log_start);
    let expected = [i64::MIN, first].map(|from| model.last_stable(from, ends.settled));
    let is_expected = stable == expected[0] || (model.was_raised && stable == expected[1]);
    assert!(is_expected, "stable up to {stable}, not {expected:?}, of {ends:?}");
    let aborted = model.aborted();
    for _ in 0..6 {
        let from = ends.log_start + runtime.below((stable - ends.log_start + 1) as u64) as i64;
        let limits =
            ReadBounds { offset: ends.settled, bytes: runtime.below(4_000) as usize, at_least_one: true };
        let cached = log.read_committed_cached(from, limits);
        let committed = log.read_committed(from, limits).await.unwrap();
        for committed in cached.iter().chain([&committed]) {
            let next = committed.read.next_offset;
            assert!(next <= stable.max(from), "{from}..{next} is not stable, {stable} is");
            let is_among = |txn: &&AbortedTxn| txn.last_offset >= from && txn.first_offset < next;
            let (visible, among) = if committed.read.bytes == 0 {
                (Vec::new(), Vec::new())
            } else {
                (model.visible(from, next), aborted.iter().filter(is_among).copied().collect())
            };
            assert_eq!(shown(committed), visible, "{from}..{next}: {committed:?}");
            assert!(
                committed.aborted == among || model.was_raised,
                "{from}..{next}: {committed:?}, {among:?}"
            );
        }
        // A reader goes on until it is there.
        assert!(committed.read.bytes > 0 || from == stable, "{from} of {stable}: nothing");
    }
}

async fn work(runtime: Rc<Runtime>, log: Rc<Log>, model: Rc<RefCell<Model>>) {
    for _ in 0..60 {
        let outcome = match runtime.below(100) {
            0..80 => append_some(&runtime, &log, &model).await,
            80..84 => truncate(&runtime, &log, &model).await,
            84..86 => raise_start(&runtime, &log, &model).await,
            86..88 => log.roll().await,
            88..97 => {
                let now =
                    Model { batches: model.borrow().batches.clone(), ..Model::empty_of(&model.borrow()) };
                check(&runtime, &log, &now).await;
                Ok(())
            }
            _ => {
                // Now and then so long that files are closed and what was read is dropped.
                runtime.sleep_ns(runtime.below(12_000_000_000)).await;
                Ok(())
            }
        };
        match outcome {
            Ok(()) | Err(AppendError::MustWait) => {}
            Err(error) => panic!("{error}"),
        }
        log.check();
    }
}

impl Model {
    fn empty_of(other: &Self) -> Self {
        Self { start: other.start, was_raised: other.was_raised, ..Self::default() }
    }

    /// What was under way at a crash may have happened or not, and what was not settled may be gone.
    fn find(&mut self, log: &Log) {
        let ends = log.ends();
        let start = [Some(self.start), self.wanted_start, self.wanted_end.filter(|end| *end <= self.start)];
        assert!(start.contains(&Some(ends.log_start)), "{ends:?}, {start:?}");
        self.was_raised |= ends.log_start != self.start;
        self.start = ends.log_start;
        self.batches.retain(|batch| batch.next <= ends.log_end);
        if log.segment_bases().is_empty() {
            self.batches.clear();
        }
        (self.wanted_end, self.wanted_start) = (None, None);
    }
}

fn indexes(disk: &Disk) -> BTreeMap<String, Vec<u8>> {
    let paths = disk.paths().into_iter().filter(|path| path.ends_with(".txnindex"));
    paths.map(|path| (path.clone(), disk.content(&path).unwrap())).collect()
}

/// After a clean stop each segment with an aborted transaction has an index, with what the model says, and no other file is there. `lost` are
/// those of which some were garbled.
fn check_files(disk: &Disk, model: &Model, lost: &BTreeMap<String, Vec<u8>>) {
    let of = |ending: &str| {
        let paths = disk.paths().into_iter().filter(|path| path.ends_with(ending));
        let base = |path: String| {
            let digits = path.strip_prefix("orders-0/").unwrap().split('.').next().unwrap().to_owned();
            digits.parse::<i64>().unwrap()
        };
        paths.map(base).collect::<Vec<i64>>()
    };
    let bases = of(".log");
    let mut expected: BTreeMap<i64, Vec<AbortedTxn>> = BTreeMap::new();
    for txn in model.aborted() {
        if let Some(base) = bases.iter().rfind(|base| **base <= txn.last_offset) {
            expected.entry(*base).or_default().push(txn);
        }
    }
    let read = |base: i64| {
        let path = format!("orders-0/{base:020}.txnindex");
        let bytes = disk.content(&path).unwrap();
        // One that was torn or garbled, and that nobody has asked for since, is as it was.
        let is_as_left = lost.get(&path) == Some(&bytes);
        let entries = || TxnIndex::parse(base, &bytes).unwrap().entries().to_vec();
        (base, if is_as_left { expected.get(&base).cloned().unwrap_or_default() } else { entries() })
    };
    let found: BTreeMap<i64, Vec<AbortedTxn>> = of(".txnindex").into_iter().map(read).collect();
    if model.was_raised {
        let markers = |index: &BTreeMap<i64, Vec<AbortedTxn>>| {
            index.values().flatten().map(|txn| txn.last_offset).collect::<BTreeSet<i64>>()
        };
        assert!(markers(&found).is_subset(&markers(&expected)), "{found:?}, {expected:?}");
    } else {
        assert_eq!(found, expected);
    }
}

/// Turns a bit of a transaction index over. It may still look like one.
fn garble(runtime: &Runtime, disk: &Disk, path: &str, model: &Model) {
    let before = disk.content(path).unwrap();
    let at = runtime.below(before.len() as u64) as usize;
    disk.damage(path, |content| content[at] ^= 1 << runtime.below(8));
    let is_other_batch = |entry: &AbortedTxn| {
        let mut batches = model.batches.iter();
        batches.any(|batch| {
            (batch.base, batch.producer, batch.kind) == (entry.first_offset, entry.producer_id, Kind::Records)
        })
    };
    // That it would seem to begin with another batch of its producer is not noticed.
    let base = path.strip_prefix("orders-0/").unwrap().split('.').next().unwrap().parse().unwrap();
    let entry = at / ENTRY_LEN;
    let is_first_offset = (10..18).contains(&(at % ENTRY_LEN));
    let after = TxnIndex::parse(base, &disk.content(path).unwrap());
    if is_first_offset && after.is_ok_and(|index| is_other_batch(&index.entries()[entry])) {
        disk.damage(path, |content| *content = before);
    }
}

/// Takes away, tears, or garbles what can be made anew.
fn lose_hints(runtime: &Runtime, disk: &Disk, is_clean: bool, model: &Model) {
    for path in disk.paths() {
        let is_index = path.ends_with(".txnindex");
        if runtime.below(4) > 0 || !(is_index || path.ends_with(".snapshot")) {
            continue;
        }
        if is_index && runtime.below(2) == 0 && disk.content(&path).is_some_and(|bytes| !bytes.is_empty()) {
            garble(runtime, disk, &path, model);
            continue;
        }
        // After a clean stop there is nobody but the file itself to say that it was there.
        if is_clean && is_index {
            disk.damage(&path, |content| content.truncate(content.len() - 1));
        } else {
            disk.remove(&path);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
    PowerLoss,
}

fn lives(seed: u64) {
    let disk = Disk::new();
    let model = Rc::new(RefCell::new(Model::default()));
    let mut lost = BTreeMap::new();
    for life in 0..6 {
        let runtime = Runtime::new(seed * 100 + life);
        let _killed = runtime.killed_at_last();
        let end = [End::Stop, End::Kill, End::PowerLoss][runtime.below(3) as usize];
        disk.operations.set(0);
        disk.dies_at.set(if end == End::Stop { u64::MAX } else { 200 + runtime.below(1_500) });
        let (dk, rt, md) = (Rc::clone(&disk), Rc::clone(&runtime), Rc::clone(&model));
        let lost_before = lost.clone();
        let done = runtime.run(async move {
            let (of_volume, of_log) = configs(seed);
            let volume = serve(&dk, &rt, of_volume, of_log.clone()).await.unwrap();
            let log = match volume.log(&key("orders", 0)) {
                Some(log) => log,
                None => volume.create_log(key("orders", 0), of_log).await.unwrap(),
            };
            md.borrow_mut().find(&log);
            let found = Model { batches: md.borrow().batches.clone(), ..Model::empty_of(&md.borrow()) };
            check(&rt, &log, &found).await;
            work(Rc::clone(&rt), log, Rc::clone(&md)).await;
            if end == End::Stop {
                stop(&dk, &rt, volume).await;
                check_files(&dk, &md.borrow(), &lost_before);
            }
        });
        assert!(!runtime.is_stuck.get() && (done.is_some() || end != End::Stop), "life {life}, {end:?}");
        runtime.kill();
        if end == End::PowerLoss {
            disk.lose_power(&runtime);
        } else {
            disk.survive_kill();
        }
        if runtime.below(3) == 0 {
            lose_hints(&runtime, &disk, end == End::Stop && done.is_some(), &model.borrow());
            lost = indexes(&disk);
        }
    }
}

#[test]
fn a_log_with_transactions_is_as_the_model_says() {
    if let Ok(seed) = std::env::var("LOGAN_SEED") {
        return lives(seed.parse().unwrap());
    }
    let count = std::env::var("LOGAN_SEEDS").map_or(150, |seeds| seeds.parse().unwrap());
    for seed in 1..=count {
        if let Err(panic) = std::panic::catch_unwind(|| lives(seed)) {
            eprintln!("seed {seed} fails: LOGAN_SEED={seed} repeats it");
            std::panic::resume_unwind(panic);
        }
    }
}

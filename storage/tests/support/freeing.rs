//! The freeing rule as a predicate, at every instant of a life: after each operation of the disk.
//!
//! Of each round log that the root names, a crash now leaves a checkpoint and a chain of records behind it. `F`, the last round that these call
//! durable, is the checkpoint's round or the highest `durable_through`. A start believes the rounds up to `F` and perhaps no later one: what
//! a later one wrote need not be there, or the medium may have lost it, and then all from that round on are dropped. So
//!
//! - **what the rounds up to `F` wrote is whole, unless a round up to `F` has given it up**: an entry above `F` (a truncation, a higher log start, a deletion)
//!   may be dropped, and must not have cost a byte yet; and
//! - **what a round above `F` wrote is whole, if it was acknowledged**, and is found where a start looks for it: that round is checked before it is believed.
//!
//! The second is what no start does without; truncations and deletions would keep it by themselves, since they wait until their log is durable and their
//! own record says so, but a log start does not. The first is the rule as it stands in the design: given up only after a checkpoint, or a record that covers
//! the entry, is durable.
//!
//! Both go by the records, so **a record behind the newest checkpoint is not written over**.
//!
//! *Whole* is: of a range the bytes are the ones that the entry's CRC was made of, in every crash that may come. After a kill all that has landed is
//! there, and of what is in flight any part; after a power loss what was flushed is there, of what was not flushed any part of each sector, and of
//! names that were not synced the old or the new one. `F` is taken as low as it can be (only what was flushed is left of the
//! records), the bytes as bad as they can be, which together is the worst of all subsets. *Acknowledged* is what the log says to be `settled` before a kill, and
//! `durable` before a power loss; or that it was so once.
//!
//! The records are read with the crate's own decoders and applied by its ledger; the files are followed by their numbers, from the spare that a Roll names on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use logan_storage::batch::crc32c;
use logan_storage::checkpoint::SLOTS;
use logan_storage::config::ROUND_LOG_FILES;
use logan_storage::disk::BLOCK;
use logan_storage::kafka_files::SegmentFile;
use logan_storage::key::{LogId, LogKey, ROOT_PATH, Spare, checkpoint_path, round_log_path, segment_path};
use logan_storage::ledger::{Head, Ledger};
use logan_storage::record::{Entry, Record};
use logan_storage::root::Root;
use logan_storage::volume::Volume;

use super::disk::{Changes, Crash, Disk};

/// Follows a disk through all its lives.
#[derive(Clone)]
pub struct Freeing {
    views: [View; 2],
    volumes: Vec<Weak<Volume>>,
    /// What gave something up while no fact said so yet: that the rule was at stake at all.
    pub at_stake: AtStake,
}

/// How many entries above the last fact were seen that give something up, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtStake {
    pub truncations: u64,
    pub log_starts: u64,
    pub deletions: u64,
}

/// What crashes of one kind leave.
#[derive(Clone)]
struct View {
    crash: Crash,
    root: Option<u64>,
    named: Vec<u32>,
    round_logs: Vec<Followed>,
}

/// One round log: a chain of records, and what it has made of the logs up to the last fact.
#[derive(Clone)]
struct Followed {
    id: u32,
    slots: Vec<u64>,
    /// The files of the ring.
    files: Vec<u64>,
    /// Of the newest checkpoint.
    sequence: u64,
    /// The last fact.
    through: u64,
    /// Behind the last record that was found.
    head: Head,
    /// As of `through`.
    ledger: Ledger,
    /// The logs' segments as of `through`, by log and base.
    facts: BTreeMap<(u32, i64), Fact>,
    /// The rounds whose records nobody may write over, by the file and the position of each of their blocks: those behind the newest checkpoint.
    records: BTreeMap<(u64, u64), u64>,
    /// Behind `through`, in order.
    above: VecDeque<Above>,
    /// As of `head`.
    logs: BTreeMap<u32, (LogId, Arc<LogKey>)>,
    segments: BTreeMap<(u32, i64), (u64, Option<Spare>)>,
}

/// What a segment's file must hold.
#[derive(Clone)]
struct Fact {
    file: u64,
    bytes: Vec<u8>,
}

#[derive(Clone)]
struct Above {
    entries: Vec<Entry>,
    head: Head,
    writes: Vec<Range>,
    rolls: Vec<((u32, i64), u64)>,
}

/// What a Write names.
#[derive(Clone)]
struct Range {
    log: u32,
    id: LogId,
    generation: u32,
    next_offset: i64,
    base: i64,
    file: u64,
    /// Where a start looks for the file.
    paths: Vec<String>,
    position: u64,
    length: u32,
    crc: u32,
    /// Once it was acknowledged.
    bytes: Option<Vec<u8>>,
}

impl Freeing {
    pub fn new() -> Self {
        let view = |crash| View { crash, root: None, named: Vec::new(), round_logs: Vec::new() };
        Self {
            views: [view(Crash::PowerLoss), view(Crash::Kill)],
            volumes: Vec::new(),
            at_stake: AtStake::default(),
        }
    }

    /// Those who acknowledge from now on.
    pub fn serve(&mut self, volumes: &[Rc<Volume>]) {
        self.volumes = volumes.iter().map(Rc::downgrade).collect();
    }

    /// What was not flushed may be gone; what is there now is there for good.
    pub fn on_power_loss(&mut self) {
        self.volumes.clear();
        let [flushed, landed] = &mut self.views;
        *landed = View { crash: Crash::Kill, ..flushed.clone() };
    }

    /// # Panics
    /// If the rule does not hold.
    pub fn check(&mut self, disk: &Disk, changes: &Changes) {
        for view in &mut self.views {
            view.check(disk, changes, &self.volumes, &mut self.at_stake);
        }
    }
}

impl View {
    fn check(&mut self, disk: &Disk, changes: &Changes, volumes: &[Weak<Volume>], at_stake: &mut AtStake) {
        let crash = self.crash;
        let is_named_anew = changes.names && self.root != disk.find_least(crash, ROOT_PATH);
        if is_named_anew || self.root.is_some_and(|root| changes.files.contains(&root)) {
            self.follow_root(disk);
        }
        for followed in &mut self.round_logs {
            followed.read_on(disk, crash, changes, at_stake);
            followed.note_acknowledged(disk, crash, volumes);
            followed.note_facts(disk, crash);
            followed.check_facts(disk, crash, changes);
            followed.check_acknowledged(disk, crash, changes);
            followed.check_records(disk, crash, changes);
        }
    }

    /// A root says which round logs count.
    fn follow_root(&mut self, disk: &Disk) {
        self.root = disk.find_least(self.crash, ROOT_PATH);
        let root =
            self.root.map(|root| disk.least_of(self.crash, root, Root::decode).expect("a root is whole"));
        let named = root.map(|root| root.round_logs).unwrap_or_default();
        if named != self.named {
            self.round_logs = named.iter().map(|id| Followed::begin(disk, self.crash, *id)).collect();
            self.named = named;
        }
    }
}

impl Followed {
    fn begin(disk: &Disk, crash: Crash, id: u32) -> Self {
        let find = |path: String| {
            disk.find_least(crash, &path)
                .unwrap_or_else(|| panic!("{crash:?}: the root names {path}, which is not there"))
        };
        let slots: Vec<u64> = (0..SLOTS).map(|slot| find(checkpoint_path(id, slot))).collect();
        let files = (0..ROUND_LOG_FILES).map(|file| find(round_log_path(id, file))).collect();
        let ledger = newest(disk, crash, id, &slots);
        let mut followed = Self {
            id,
            slots,
            files,
            sequence: ledger.sequence,
            through: ledger.head.round,
            head: ledger.head,
            facts: BTreeMap::new(),
            records: BTreeMap::new(),
            above: VecDeque::new(),
            logs: ledger.logs.iter().map(|(number, log)| (*number, (log.id, Arc::clone(&log.key)))).collect(),
            segments: BTreeMap::new(),
            ledger,
        };
        let logs = followed.ledger.logs.clone();
        for (number, log) in &logs {
            for segment in &log.segments {
                let at = (*number, segment.base);
                let file = followed.file_of(disk, crash, *number, segment.base, segment.spare);
                followed.segments.insert(at, (file, segment.spare));
                let length = segment.length as usize;
                let bytes = disk.least_of(crash, file, |bytes| bytes.get(..length).map(<[u8]>::to_vec));
                let bytes = bytes.unwrap_or_else(|| {
                    panic!("{crash:?}: {} ends within its data at {}", log.key, segment.base)
                });
                followed.facts.insert(at, Fact { file, bytes });
            }
        }
        followed
    }

    /// The names under which a start looks for a segment.
    fn paths(&self, log: u32, base: i64, spare: Option<Spare>) -> Vec<String> {
        let (_, key) = &self.logs[&log];
        let named = segment_path(&key.directory_name(), base, SegmentFile::Log);
        spare.map(Spare::path).into_iter().chain([named]).collect()
    }

    fn file_of(&self, disk: &Disk, crash: Crash, log: u32, base: i64, spare: Option<Spare>) -> u64 {
        let paths = self.paths(log, base, spare);
        let mut found = paths.iter().filter_map(|path| disk.find_least(crash, path));
        found.next().unwrap_or_else(|| panic!("{crash:?}: none of {paths:?} is there"))
    }

    /// Reads what has come behind the last record, and what the newest checkpoint says.
    fn read_on(&mut self, disk: &Disk, crash: Crash, changes: &Changes, at_stake: &mut AtStake) {
        if self.slots.iter().any(|slot| changes.files.contains(slot)) {
            let newest = newest(disk, crash, self.id, &self.slots);
            assert!(
                newest.sequence >= self.sequence,
                "{crash:?}: the newest checkpoint of round log {} is gone",
                self.id
            );
            self.sequence = newest.sequence;
            self.through = self.through.max(newest.head.round);
            self.records.retain(|_, round| *round > newest.head.round);
        }
        if self.files.iter().any(|file| changes.files.contains(file)) {
            let known = self.head.round;
            while let Some((record, head)) = self.next(disk, crash) {
                self.through = self.through.max(record.durable_through);
                self.note_record(&record, head);
                let above = self.resolve(disk, crash, record, head);
                self.above.push_back(above);
                self.head = head;
            }
            let is_new = |above: &&Above| above.head.round > self.through.max(known);
            at_stake.count(self.above.iter().filter(is_new));
        }
    }

    fn note_record(&mut self, record: &Record, head: Head) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let file = self.files[head.file as usize];
        let from = head.position - bytes.len() as u64;
        for position in (from..head.position).step_by(BLOCK) {
            self.records.insert((file, position), head.round);
        }
    }

    fn check_records(&self, disk: &Disk, crash: Crash, changes: &Changes) {
        for file in self.files.iter().filter(|file| changes.files.contains(file)) {
            for position in disk.unsettled_blocks(crash, *file) {
                if let Some(round) = self.records.get(&(*file, position)) {
                    panic!(
                        "the freeing rule, {crash:?}: the record of round {round} is written over, and no checkpoint stands there"
                    );
                }
            }
        }
    }

    fn next(&self, disk: &Disk, crash: Crash) -> Option<(Record, Head)> {
        let following = (self.head.file + 1) % self.files.len() as u32;
        let places = [(self.head.file, self.head.position), (following, 0)];
        places.into_iter().find_map(|(file, position)| {
            let decoded = disk.least_of(crash, self.files[file as usize], |bytes| {
                bytes.get(position as usize..).and_then(|bytes| Record::decode(bytes).ok())
            });
            let (record, crc, length) = decoded?;
            let is_next = record.round_log == self.id
                && record.round == self.head.round + 1
                && record.chain == self.head.chain;
            let behind = position + length.next_multiple_of(BLOCK) as u64;
            is_next
                .then_some((record, Head { round: self.head.round + 1, chain: crc, file, position: behind }))
        })
    }

    /// Finds out which files a record is about.
    fn resolve(&mut self, disk: &Disk, crash: Crash, record: Record, head: Head) -> Above {
        let (mut writes, mut rolls) = (Vec::new(), Vec::new());
        for (index, entry) in (0..).zip(&record.entries) {
            match entry {
                Entry::Create { log, key, .. } => {
                    let id = LogId { round_log: self.id, round: record.round, index };
                    self.logs.insert(*log, (id, Arc::clone(key)));
                }
                Entry::Roll { log, base, spare, .. } => {
                    let file = self.file_of(disk, crash, *log, *base, Some(*spare));
                    self.segments.insert((*log, *base), (file, Some(*spare)));
                    rolls.push(((*log, *base), file));
                }
                Entry::Write { log, generation, base, position, length, crc, next_offset } => {
                    let (file, spare) = self.segments[&(*log, *base)];
                    writes.push(Range {
                        log: *log,
                        id: self.logs[log].0,
                        generation: *generation,
                        next_offset: *next_offset,
                        base: *base,
                        file,
                        paths: self.paths(*log, *base, spare),
                        position: u64::from(*position),
                        length: *length,
                        crc: *crc,
                        bytes: None,
                    });
                }
                Entry::Truncate { .. } | Entry::LogStart { .. } | Entry::Delete { .. } => {}
            }
        }
        Above { entries: record.entries, head, writes, rolls }
    }

    /// What was acknowledged must be whole from now on.
    fn note_acknowledged(&mut self, disk: &Disk, crash: Crash, volumes: &[Weak<Volume>]) {
        if self.above.iter().flat_map(|above| &above.writes).all(|range| range.bytes.is_some()) {
            return;
        }
        let volumes: Vec<Rc<Volume>> = volumes.iter().filter_map(Weak::upgrade).collect();
        let logs = volumes.iter().flat_map(|volume| volume.logs());
        let ends = logs.map(|log| {
            let ends = log.ends();
            let end = if crash == Crash::Kill { ends.settled } else { ends.durable };
            (log.id(), (log.generation(), end))
        });
        let ends: BTreeMap<LogId, (u32, i64)> = ends.collect();
        for above in &mut self.above {
            for range in above.writes.iter_mut().filter(|range| range.bytes.is_none()) {
                // A truncation waits until all of its log is durable.
                let is_in = |(generation, end): &(u32, i64)| {
                    *generation > range.generation
                        || (*generation == range.generation && *end >= range.next_offset)
                };
                if ends.get(&range.id).is_some_and(is_in) {
                    range.keep(disk, crash, above.head.round, "was acknowledged");
                }
            }
        }
    }

    /// Rounds that have become facts.
    fn note_facts(&mut self, disk: &Disk, crash: Crash) {
        while self.above.front().is_some_and(|above| above.head.round <= self.through) {
            let Some(Above { entries, head, writes, rolls }) = self.above.pop_front() else { unreachable!() };
            self.ledger.apply_round(&entries, head).unwrap_or_else(|error| panic!("{crash:?}: {error}"));
            for (at, file) in rolls {
                self.facts.insert(at, Fact { file, bytes: Vec::new() });
            }
            for mut range in writes {
                range.keep(disk, crash, head.round, "is a fact");
                let fact = self.facts.get_mut(&(range.log, range.base)).expect("a segment was rolled before");
                assert_eq!(fact.bytes.len() as u64, range.position, "{crash:?}: {range:?}");
                fact.bytes.extend(range.bytes.take().expect("it was kept just now"));
            }
            if entries.iter().any(gives_up) {
                self.facts.retain(|(log, base), fact| {
                    let segments = self.ledger.logs.get(log).map_or(&[][..], |log| &log.segments);
                    let kept = segments.iter().find(|segment| segment.base == *base);
                    fact.bytes.truncate(kept.map_or(0, |segment| segment.length as usize));
                    kept.is_some()
                });
            }
        }
        let missing = self.through > self.head.round;
        assert!(
            !missing,
            "{crash:?}: round {} is durable, but the chain ends at {}",
            self.through, self.head.round
        );
    }

    fn check_facts(&self, disk: &Disk, crash: Crash, changes: &Changes) {
        for ((log, base), fact) in &self.facts {
            let why = if changes.unnamed.contains(&fact.file) && disk.may_lose_file(crash, fact.file) {
                Some("the file is gone".to_owned())
            } else if changes.files.contains(&fact.file) {
                disk.may_lose_bytes(crash, fact.file, 0, &fact.bytes)
            } else {
                None
            };
            if let Some(why) = why {
                let key = &self.ledger.logs[log].key;
                let length = fact.bytes.len();
                panic!(
                    "the freeing rule, {crash:?}: {key}: {length} bytes of the segment {base} are facts of rounds up to {}, and {why}; {}",
                    self.through,
                    self.given_up(*log)
                );
            }
        }
    }

    fn check_acknowledged(&self, disk: &Disk, crash: Crash, changes: &Changes) {
        for above in &self.above {
            for range in &above.writes {
                range.check(disk, crash, changes, above.head.round, || self.given_up(range.log));
            }
        }
    }

    /// What may have given up something of a log, though it is no fact yet.
    fn given_up(&self, number: u32) -> String {
        let entries =
            self.above.iter().flat_map(|above| above.entries.iter().map(|entry| (above.head.round, entry)));
        let mut given_up = entries.filter(|(_, entry)| entry.log() == number && gives_up(entry));
        match given_up.next() {
            Some((round, entry)) => format!("{entry:?} of round {round} is not covered"),
            None => "no entry of a durable record gives them up".to_owned(),
        }
    }
}

impl Range {
    /// From now on it must stay whole.
    fn keep(&mut self, disk: &Disk, crash: Crash, round: u64, because: &str) {
        if self.bytes.is_some() {
            return;
        }
        let (start, end) = (self.position as usize, self.position as usize + self.length as usize);
        let bytes = disk.least_of(crash, self.file, |bytes| bytes.get(start..end).map(<[u8]>::to_vec));
        let bytes = bytes.filter(|bytes| crc32c(bytes) == self.crc);
        assert!(
            bytes.is_some(),
            "the freeing rule, {crash:?}: {self:?} of round {round} {because} and is not there"
        );
        self.bytes = bytes;
        let everything = Changes { files: BTreeSet::from([self.file]), names: true, ..Changes::default() };
        self.check(disk, crash, &everything, round, || because.to_owned());
    }

    fn check(&self, disk: &Disk, crash: Crash, changes: &Changes, round: u64, more: impl FnOnce() -> String) {
        let Some(bytes) = &self.bytes else { return };
        let why = if changes.names && !disk.must_find(crash, self.file, &self.paths) {
            Some("no start finds its file".to_owned())
        } else if changes.files.contains(&self.file) {
            disk.may_lose_bytes(crash, self.file, self.position, bytes)
        } else {
            None
        };
        if let Some(why) = why {
            panic!(
                "the freeing rule, {crash:?}: {self:?} of round {round} was acknowledged, and {why}; {}",
                more()
            );
        }
    }
}

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { paths, position, length, generation, next_offset, .. } = self;
        let path = paths.last().map_or("", |path| path);
        write!(
            f,
            "{length} bytes at {position} of {path}, up to offset {next_offset} of generation {generation}"
        )
    }
}

impl AtStake {
    fn count<'a>(&mut self, rounds: impl Iterator<Item = &'a Above>) {
        for entry in rounds.flat_map(|above| &above.entries) {
            match entry {
                Entry::Truncate { .. } => self.truncations += 1,
                Entry::LogStart { .. } => self.log_starts += 1,
                Entry::Delete { .. } => self.deletions += 1,
                _ => {}
            }
        }
    }
}

fn gives_up(entry: &Entry) -> bool {
    matches!(entry, Entry::Truncate { .. } | Entry::LogStart { .. } | Entry::Delete { .. })
}

/// The newest whole checkpoint of a round log.
fn newest(disk: &Disk, crash: Crash, id: u32, slots: &[u64]) -> Ledger {
    let whole =
        slots.iter().filter_map(|slot| disk.least_of(crash, *slot, |bytes| Ledger::decode(bytes).ok()));
    let newest = whole.filter(|ledger| ledger.round_log == id).max_by_key(|ledger| ledger.sequence);
    newest.unwrap_or_else(|| panic!("{crash:?}: no checkpoint of round log {id} is whole"))
}

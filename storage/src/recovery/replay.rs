//! Replaying a directory that was not closed: for each round log the checkpoint, the records behind it along the chain, and the ranges
//! of the rounds that were perhaps never acknowledged.
//!
//! Invariants: rounds at or below the last `durable_through` are facts and are not looked at again; of those above, the first with an
//! absent range is dropped with everything behind it; a range is absent only if it was read and does not match.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::{Found, OpenError, OpenOptions};
use crate::checkpoint::{SLOTS, faults, newest};
use crate::config::{MAX_ROUND_LOG_FILE_BYTES, ROUND_LOG_FILES, planted};
use crate::crc::RunningCrc;
use crate::disk::{BLOCK, Directory, DirectoryEntry, DiskError, File, OpenMode};
use crate::kafka_files::SegmentFile;
use crate::key::{FOLDER, LogKey, Spare, checkpoint_path, round_log_path, segment_path};
use crate::ledger::{Head, Ledger, LedgerLog, LedgerSegment};
use crate::names::has_topic_id;
use crate::record::{Entry, HEADER_LEN, Record};
use crate::root::Root;
use crate::segment::{block_ceil, block_floor};

/// Partitions that a message names; of more it says how many.
const MAX_LISTED: usize = 20;
/// Read at a time of a range that is verified.
const PIECE: u64 = 1 << 20;

pub(super) async fn recover(
    directory: &dyn Directory,
    root: &Root,
    options: &OpenOptions,
) -> Result<Found, OpenError> {
    let mut found = Found::default();
    let mut damages = Vec::new();
    found.report.round_logs = root.round_logs.len();
    for id in &root.round_logs {
        match replay(directory, *id, options, &mut found).await {
            Ok(ledger) => adopt_ledger(ledger, &mut found),
            Err(Fault::Disk(error)) if !options.accept_loss => {
                damages.push(format!("round log {id}: {error}"));
            }
            Err(Fault::Disk(error)) => found.report.losses.push(format!("round log {id}: {error}")),
            Err(Fault::Damage(damage)) => damages.push(format!("round log {id}: {damage}")),
        }
    }
    damages.extend(take_out_missing(directory, &mut found).await?);
    if damages.is_empty() {
        return Ok(found);
    }
    if options.accept_loss {
        found.report.losses.extend(damages);
        return Ok(found);
    }
    Err(OpenError::Damaged(damages))
}

/// Takes out logs whose directories are gone with their records, and says which. A directory that was not made yet is made later, and a log whose
/// directory has the name of one that is deleted is.
async fn take_out_missing(directory: &dyn Directory, found: &mut Found) -> Result<Vec<String>, DiskError> {
    let names = |entries: Vec<DirectoryEntry>| entries.into_iter().map(|entry| entry.name).collect();
    let there: BTreeSet<String> = names(directory.list("").await?);
    let spares: BTreeSet<String> = names(directory.list(FOLDER).await?);
    // Renamed by a recovery that got no further than that: it had found that the log's name is another's, and nobody decides that again.
    let is_renamed = |log: &LedgerLog| there.contains(&log.id.deleted_directory(&log.key));
    let mut at = 0;
    while let Some(log) = found.logs.get(at) {
        // An id is given again after a clean stop, so what is left of an older log may have such a name, too: the live one has its own directory.
        if is_renamed(log) && has_topic_id(directory, &log.key).await? != Some(true) {
            found.give_up(at);
        } else {
            at += 1;
        }
    }
    let mut damages = Vec::new();
    found.logs.retain_mut(|log| {
        if there.contains(&log.key.directory_name()) {
            return true;
        }
        let is_spare = |segment: &LedgerSegment| segment.spare.is_some_and(|spare| spares.contains(&spare.name()));
        if !log.segments.iter().all(is_spare) || (log.is_named && log.segments.is_empty() && log.next_offset > 0) {
            damages.push(format!(
                "{} is missing, with its records from offset {} to {}: put the directory back; without it the partition begins anew, empty",
                log.key, log.log_start, log.next_offset
            ));
            return false;
        }
        log.is_named = false;
        true
    });
    Ok(damages)
}

fn adopt_ledger(ledger: Ledger, found: &mut Found) {
    for retired in ledger.retired {
        if let Some(log) = ledger.logs.get(&retired.log) {
            found.retired.push((LogKey::clone(&log.key), retired));
        }
    }
    found.logs.extend(ledger.logs.into_values());
    found.deleted.extend(ledger.deleted);
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Damage(String),
}

impl Fault {
    /// A damage that says the same, and what it concerns.
    fn with(self, concerned: &str) -> Self {
        Self::Damage(format!("{self}; {concerned}"))
    }
}

/// Says which partitions lack records, perhaps, where rounds are missing that nobody can read: any that the round log has. (Of one that those
/// rounds created nobody knows; its directory is named as one that belongs to no log.)
fn any_of(ledger: &Ledger, records: &[Placed]) -> String {
    let created = records.iter().flat_map(|placed| &placed.record.entries).filter_map(Entry::created);
    let keys = ledger.logs.values().map(|log| &log.key).chain(created.map(|(_, key)| key));
    format!("it may concern any of {}", listed(&keys.map(|key| &**key).collect()))
}

/// Says which partitions rounds are of that are given up.
fn those_of(ledger: &Ledger, records: &[Placed]) -> String {
    let entries = || records.iter().flat_map(|placed| &placed.record.entries);
    let created: BTreeMap<u32, &Arc<LogKey>> = entries().filter_map(Entry::created).collect();
    let numbers: BTreeSet<u32> = entries().map(Entry::log).collect();
    // Of a log that is deleted by now nothing is lost.
    let keys = numbers.iter().filter_map(|number| {
        let known = ledger.logs.get(number).map(|log| &log.key);
        known.or_else(|| created.get(number).copied())
    });
    format!("these rounds are of {}", listed(&keys.map(|key| &**key).collect()))
}

fn listed(keys: &BTreeSet<&LogKey>) -> String {
    let more = keys.len().saturating_sub(MAX_LISTED);
    let listed: Vec<String> = keys.iter().take(MAX_LISTED).map(ToString::to_string).collect();
    let listed = if listed.is_empty() { "no partition".to_owned() } else { listed.join(", ") };
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

async fn replay(
    directory: &dyn Directory,
    id: u32,
    options: &OpenOptions,
    found: &mut Found,
) -> Result<Ledger, Fault> {
    let mut slots = Vec::new();
    for slot in 0..SLOTS {
        slots.push(read_file(directory, &checkpoint_path(id, slot), Kind::Checkpoint, options, found).await?);
    }
    let Some(mut ledger) = newest(&slots).filter(|ledger| ledger.round_log == id) else {
        return Err(Fault::Damage(format!("no checkpoint is whole ({})", faults(id, &slots).join("; "))));
    };
    let told_before = found.report.losses.len();
    let reader = RecordReader::open(directory, id, ledger.head, options, found).await;
    let mut reader = reader.map_err(|fault| fault.with(&any_of(&ledger, &[])))?;
    let mut records = Vec::new();
    while let Some(record) = reader.next(planted(options.mutations.drop_chain_check)) {
        records.push(record);
    }
    let concerned = any_of(&ledger, &records);
    for loss in &mut found.report.losses[told_before..] {
        *loss = format!("{loss}; {concerned}");
    }
    let stated = records.iter().map(|found| found.record.durable_through).max().unwrap_or(0);
    let facts = stated.max(ledger.head.round);
    let last = records.last().map_or(ledger.head.round, |found| found.record.round);
    if let Some(beyond) = reader.facts_beyond(last) {
        // The round may be missing because an older checkpoint had to do.
        let wrong = [reader.faults(), faults(id, &slots)].concat().join("; ");
        let damage = format!(
            "round {} is missing, but round {beyond} is known to be durable ({wrong}); {concerned}",
            last + 1
        );
        if !options.accept_loss && !planted(options.mutations.believe_round_logs) {
            return Err(Fault::Damage(damage));
        }
        found.report.losses.push(format!("round log {id}: {damage}"));
    }
    // A round that does not fit may have been applied in part when that shows.
    let before = options.accept_loss.then(|| ledger.clone());
    for (at, Placed { record, head, position }) in records.iter().enumerate() {
        let is_fact = record.round <= facts;
        let fault = match replay_round(directory, &mut ledger, record, *head, is_fact, options, found).await {
            Ok(true) => continue,
            Ok(false) => None,
            Err(Fault::Damage(damage)) => {
                let path = round_log_path(id, head.file as usize);
                Some(Fault::Damage(format!("{path} at {position}: {damage}")))
            }
            Err(fault) => Some(fault),
        };
        found.report.rounds_dropped += (records.len() - at) as u64;
        let Some(fault) = fault else { return Ok(ledger) };
        let fault = fault.with(&those_of(&ledger, &records[at..]));
        let Some(mut kept) = before else { return Err(fault) };
        // What stands before the damage is kept, as what follows a round that was never acknowledged is dropped.
        for Placed { record, head, .. } in &records[..at] {
            kept.apply_round(&record.entries, *head).map_err(|error| Fault::Damage(error.to_string()))?;
        }
        found.report.losses.push(format!("round log {id}: all from round {} on: {fault}", record.round));
        return Ok(kept);
    }
    Ok(ledger)
}

/// Applies a round, if it is a fact or everything that it names is there; returns whether it is.
async fn replay_round(
    directory: &dyn Directory,
    ledger: &mut Ledger,
    record: &Record,
    head: Head,
    is_fact: bool,
    options: &OpenOptions,
    found: &mut Found,
) -> Result<bool, Fault> {
    if !is_fact {
        found.report.rounds_verified += 1;
        if !is_present(directory, ledger, record, options, found).await? {
            return Ok(false);
        }
    }
    ledger.apply_round(&record.entries, head).map_err(|error| Fault::Damage(error.to_string()))?;
    found.report.rounds_replayed += 1;
    Ok(true)
}

enum Kind {
    Checkpoint,
    Rounds,
}

/// A file of the round log, as far as anything is in it. With `accept_loss`, one that cannot be read holds nothing.
async fn read_file(
    directory: &dyn Directory,
    path: &str,
    kind: Kind,
    options: &OpenOptions,
    found: &mut Found,
) -> Result<Vec<u8>, Fault> {
    let read = async {
        let file = directory.open(path, OpenMode::Existing).await?;
        let length = file.length().await?;
        match kind {
            Kind::Checkpoint => {
                // What it states is believed only once its CRC fits, but no more is read.
                let first = file.read(0, BLOCK).await?;
                let stated = Ledger::stated_length(&first).unwrap_or(0);
                Ok(read_until(&*file, block_ceil(stated.min(length))).await?)
            }
            Kind::Rounds if length > MAX_ROUND_LOG_FILE_BYTES => {
                Err(Fault::Damage(format!("{path} has {length} bytes")))
            }
            Kind::Rounds => Ok(read_until(&*file, length).await?),
        }
    };
    match read.await {
        Err(fault) if options.accept_loss => {
            found.report.losses.push(fault.to_string());
            Ok(Vec::new())
        }
        outcome => outcome,
    }
}

/// Whether every range that a round names is on disk.
async fn is_present(
    directory: &dyn Directory,
    ledger: &Ledger,
    record: &Record,
    options: &OpenOptions,
    found: &mut Found,
) -> Result<bool, Fault> {
    for entry in &record.entries {
        let Entry::Write { log, base, position, length, crc, .. } = *entry else { continue };
        let file = match open_range_file(directory, ledger, record, log, base).await {
            Ok(file) => file,
            Err(Fault::Disk(DiskError::NotFound { .. })) if options.accept_loss => return Ok(false),
            Err(fault) => return Err(fault),
        };
        found.report.bytes_verified += u64::from(length);
        if !has_crc(&*file, u64::from(position), u64::from(length), crc).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The file of a range, under the name of its spare or its own.
async fn open_range_file(
    directory: &dyn Directory,
    ledger: &Ledger,
    record: &Record,
    number: u32,
    base: i64,
) -> Result<Rc<dyn File>, Fault> {
    let mut created = record.entries.iter().filter_map(Entry::created);
    let created = created.find_map(|(log, key)| (log == number).then_some(key));
    let log = ledger.logs.get(&number);
    let Some(key) = log.map(|log| &log.key).or(created) else {
        return Err(Fault::Damage(format!("round {} writes to a log that does not exist", record.round)));
    };
    let rolled = record.entries.iter().find_map(|entry| match entry {
        Entry::Roll { log, base: rolled, spare, .. } if *log == number && *rolled == base => Some(*spare),
        _ => None,
    });
    let known = log.and_then(|log| log.segments.iter().find(|segment| segment.base == base));
    let spare: Option<Spare> = rolled.or(known.and_then(|segment| segment.spare));
    if let Some(spare) = spare {
        match directory.open(&spare.path(), OpenMode::Existing).await {
            Ok(file) => return Ok(file),
            Err(DiskError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let path = segment_path(&key.directory_name(), base, SegmentFile::Log);
    Ok(directory.open(&path, OpenMode::Existing).await?)
}

async fn has_crc(file: &dyn File, position: u64, length: u64, expected: u32) -> Result<bool, DiskError> {
    let end = position + length;
    let mut crc = RunningCrc::new();
    let mut at = position;
    while at < end {
        let start = block_floor(at);
        let until = block_ceil(end).min(start + PIECE);
        let bytes = file.read(start, (until - start) as usize).await?;
        let within = &bytes[..bytes.len().min((end - start) as usize)];
        let Some(new) = within.get((at - start) as usize..).filter(|new| !new.is_empty()) else {
            return Ok(false);
        };
        crc.update(new);
        at += new.len() as u64;
    }
    Ok(crc.value() == expected)
}

/// The whole blocks before `until`, as far as the file has them.
async fn read_until(file: &dyn File, until: u64) -> Result<Vec<u8>, DiskError> {
    let length = block_floor(until);
    let mut whole = Vec::new();
    let mut at = 0;
    while at < length {
        let bytes = file.read(at, (length - at).min(PIECE) as usize).await?;
        if bytes.is_empty() {
            break;
        }
        at += bytes.len() as u64;
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

/// A record, where it stands in its file, and where the log stands after it.
struct Placed {
    record: Record,
    position: u64,
    head: Head,
}

/// Walks a round log's records behind a checkpoint.
struct RecordReader {
    files: Vec<Vec<u8>>,
    round_log: u32,
    head: Head,
}

impl RecordReader {
    async fn open(
        directory: &dyn Directory,
        id: u32,
        head: Head,
        options: &OpenOptions,
        found: &mut Found,
    ) -> Result<Self, Fault> {
        let mut files = Vec::new();
        for index in 0..ROUND_LOG_FILES {
            files.push(read_file(directory, &round_log_path(id, index), Kind::Rounds, options, found).await?);
        }
        if head.file as usize >= files.len() {
            return Err(Fault::Damage(format!("the checkpoint stands in file {}", head.file)));
        }
        Ok(Self { files, round_log: id, head })
    }

    /// Where the record behind the last one may stand.
    fn places(&self) -> [(u32, u64); 2] {
        let following = (self.head.file + 1) % self.files.len() as u32;
        [(self.head.file, self.head.position), (following, 0)]
    }

    /// What a file has at a position.
    fn bytes_at(&self, file: u32, position: u64) -> &[u8] {
        let from = usize::try_from(position).ok();
        from.and_then(|from| self.files[file as usize].get(from..)).unwrap_or_default()
    }

    /// The record behind the last one.
    fn next(&mut self, any_chain: bool) -> Option<Placed> {
        let placed = self.places().into_iter().find_map(|(file, position)| {
            let (record, crc, length) = Record::decode(self.bytes_at(file, position)).ok()?;
            let follows = record.round_log == self.round_log
                && record.round == self.head.round + 1
                && (record.chain == self.head.chain || any_chain);
            let behind = position + block_ceil(length as u64);
            let head = Head { round: self.head.round + 1, chain: crc, file, position: behind };
            follows.then_some(Placed { record, position, head })
        })?;
        self.head = placed.head;
        Some(placed)
    }

    /// Why no record follows the last one, by file and position.
    fn faults(&self) -> Vec<String> {
        let fault = |(file, position)| {
            let why = match Record::decode(self.bytes_at(file, position)) {
                Ok((record, ..)) if record.round_log != self.round_log => {
                    format!("it is of round log {}", record.round_log)
                }
                Ok((record, ..)) if record.round != self.head.round + 1 => {
                    format!("it has round {}", record.round)
                }
                Ok(_) => "it does not chain to the round before".to_owned(),
                Err(error) => error.to_string(),
            };
            format!("{} at {position}: {why}", round_log_path(self.round_log, file as usize))
        };
        self.places().map(fault).to_vec()
    }

    /// The highest round that some record behind `last` calls durable, if that is behind `last` itself: then facts are missing.
    fn facts_beyond(&self, last: u64) -> Option<u64> {
        let blocks =
            self.files.iter().flat_map(|file| (0..file.len()).step_by(BLOCK).map(move |at| &file[at..]));
        let stated = blocks.filter_map(|bytes| {
            let claim = Record::peek(bytes.get(..HEADER_LEN)?).ok()?;
            if claim.round_log != self.round_log || claim.round <= last {
                return None;
            }
            let (record, _, _) = Record::decode(bytes).ok()?;
            Some(record.durable_through)
        });
        stated.filter(|stated| *stated > last).max()
    }
}

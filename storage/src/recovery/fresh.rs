//! Founding a directory again: what was found flushed, names completed, fresh checkpoints and round logs written, everything flushed, the
//! root switched, and only then what nobody needs any more removed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Found, IN_FLIGHT, Metadata, OpenError, OpenOptions, OpenedDirectory, TopicStanding};
use crate::checkpoint::{FIRST_SLOT, SLOTS, capacity_for, write_slot};
use crate::config::{ROUND_LOG_FILE_BYTES, ROUND_LOG_FILES, planted};
use crate::disk::{BLOCK, Directory, DiskError, OpenMode};
use crate::kafka_files::{
    DirectoryKind, DirectoryName, METADATA_DIRECTORY, PARTITION_METADATA, SegmentFile, stray_directory,
    write_partition_metadata,
};
use crate::key::{FOLDER, LogId, LogKey, ROOT_PATH, checkpoint_path, round_log_path, segment_path};
use crate::ledger::{Deleted, Ledger, LedgerLog, Retired};
use crate::names::{has_topic_id, remove_deleted_log, remove_segment};
use crate::reserve::release_for_start;
use crate::root::{FILE_LEN, Root};
use crate::volume::VolumePart;

pub(super) async fn found_again(
    directory: &dyn Directory,
    old: Root,
    mut found: Found,
    options: &OpenOptions,
    metadata: Option<Metadata<'_>>,
) -> Result<OpenedDirectory, OpenError> {
    let skips_all = planted(options.mutations.open_without_flushing);
    let skips_first = skips_all || planted(options.mutations.complete_unflushed);
    if !found.report.was_clean && !skips_first {
        // A name is completed only for an entry that is durable. What was found, and was perhaps never flushed, would otherwise be gone
        // after the next power loss, and its files would stand under names that no log has.
        directory.sync_file_system().await?;
    }
    release_for_start(directory, &old.round_logs).await?;
    delete_superseded(directory, &mut found, options.accept_loss, metadata).await?;
    complete_names(directory, &mut found, old.sequence + 1).await?;
    let root = Root {
        sequence: old.sequence + 1,
        is_clean: false,
        next_round_log: old.next_round_log + u32::from(options.shards),
        round_logs: (0..u32::from(options.shards)).map(|shard| old.next_round_log + shard).collect(),
    };
    let mut parts = distribute(&found, &root, options);
    let zeros = zeros(directory);
    try_join_all(parts.iter_mut().map(|part| write_part(directory, part, &zeros))).await?;
    if !skips_all {
        // Before anything is believed: what a killed process left in the device's cache must not be served and then lost. The same
        // flush makes the completed names and the fresh files durable.
        directory.sync_file_system().await?;
    }
    write_root(directory, &root).await?;
    free(directory, &root, &found, &mut parts).await?;
    let orphans = set_orphans_aside(directory, &found, &root).await?;
    let mut report = found.report;
    report.logs = found.logs.len();
    Ok(OpenedDirectory { parts, report, orphans })
}

/// Deletes logs whose names were given to others: the shard that was to delete such a log had not come to it yet. The metadata knows the last
/// of them. Without, whoever has the name on disk is the older one, because the newer one waits for it; if nobody has it yet, nothing tells.
async fn delete_superseded(
    directory: &dyn Directory,
    found: &mut Found,
    accept_loss: bool,
    metadata: Option<Metadata<'_>>,
) -> Result<(), OpenError> {
    let mut holders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, log) in found.logs.iter().enumerate() {
        holders.entry(log.key.directory_name()).or_default().push(at);
    }
    let mut superseded = BTreeSet::new();
    for (name, holders) in holders.into_iter().filter(|(_, holders)| holders.len() > 1) {
        let lives = |at: &usize| {
            metadata.is_some_and(|metadata| metadata(&found.logs[*at].key) == TopicStanding::Lives)
        };
        if metadata.is_some() && holders.iter().filter(|at| lives(at)).count() <= 1 {
            superseded.extend(holders.into_iter().filter(|at| !lives(at)));
            continue;
        }
        let mut older = None;
        for at in &holders {
            if has_topic_id(directory, &found.logs[*at].key).await? == Some(true) {
                older = Some(*at);
            }
        }
        if let (2, Some(older)) = (holders.len(), older) {
            superseded.insert(older);
            continue;
        }
        let loss =
            format!("{name}: {} logs have this name, and nothing tells which is the last", holders.len());
        if !accept_loss {
            return Err(OpenError::Damaged(vec![loss]));
        }
        let most = |at: &&usize| found.logs[**at].next_offset - found.logs[**at].log_start;
        let kept = holders.iter().max_by_key(most).copied();
        superseded.extend(holders.into_iter().filter(|at| Some(*at) != kept));
        found.report.losses.push(loss);
    }
    superseded.into_iter().rev().for_each(|at| found.give_up(at));
    Ok(())
}

impl Found {
    /// A log is one that is deleted, from now on.
    pub(super) fn give_up(&mut self, at: usize) {
        let log = self.logs.remove(at);
        let of_log = self.retired.extract_if(.., |(key, _)| *key == *log.key);
        let retired = of_log.filter_map(|(_, retired)| retired.spare);
        let spares = log.segments.iter().filter_map(|segment| segment.spare).chain(retired).collect();
        self.deleted.push(Deleted { id: log.id, key: log.key, round: 0, is_renamed: false, spares });
    }
}

/// Makes every log's directory and every segment's name what the ledgers say.
async fn complete_names(
    directory: &dyn Directory,
    found: &mut Found,
    sequence: u64,
) -> Result<(), DiskError> {
    // First, so that a name is free for whoever has it now.
    for deleted in &mut found.deleted {
        if !deleted.is_renamed {
            complete_delete(directory, deleted).await?;
        }
    }
    stream::iter(found.logs.iter_mut().map(|log| complete_log(directory, log, sequence)))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn complete_delete(directory: &dyn Directory, deleted: &mut Deleted) -> Result<(), DiskError> {
    let name = deleted.key.directory_name();
    let target = deleted.id.deleted_directory(&deleted.key);
    // A directory counts only with the topic's id in it. Without any it can only be of a log that was deleted before it was named.
    let is_renamed = match directory.list(&target).await {
        Ok(_) => true,
        Err(DiskError::NotFound { .. }) => false,
        Err(error) => return Err(error),
    };
    if !is_renamed && has_topic_id(directory, &deleted.key).await? == Some(true) {
        directory.rename(&name, &target).await?;
    }
    deleted.is_renamed = true;
    Ok(())
}

async fn complete_log(
    directory: &dyn Directory,
    log: &mut LedgerLog,
    sequence: u64,
) -> Result<(), DiskError> {
    let name = log.key.directory_name();
    if !log.is_named {
        // Of those that were deleted none has its name any more, so somebody has put this one there; unless it has the log's segments, and does not
        // say right whose it is.
        if has_topic_id(directory, &log.key).await? == Some(false) && !has_moved_in(directory, log).await? {
            let aside = free_stray_name(directory, &log.key.topic, log.key.partition, sequence).await?;
            directory.rename(&name, &aside).await?;
            tracing::warn!("{name} is another topic's, and its name a new log's: it is {aside} now");
        }
        match directory.make_directory(&name).await {
            Ok(()) | Err(DiskError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
        if has_topic_id(directory, &log.key).await? != Some(true) {
            let text = write_partition_metadata(log.key.topic_id);
            directory.write_small(&format!("{name}/{PARTITION_METADATA}"), text.into_bytes()).await?;
        }
        log.is_named = true;
    }
    for segment in &mut log.segments {
        let Some(spare) = segment.spare else { continue };
        let path = segment_path(&name, segment.base, SegmentFile::Log);
        match directory.rename(&spare.path(), &path).await {
            Ok(()) => {}
            // Renamed before; the name is its own, because a spare's is.
            Err(DiskError::NotFound { .. }) => drop(directory.open(&path, OpenMode::Existing).await?),
            Err(error) => return Err(error),
        }
        segment.spare = None;
    }
    Ok(())
}

/// Whether one of a log's segments is not under the name any more that it was born with: then the log's directory is its own.
async fn has_moved_in(directory: &dyn Directory, log: &LedgerLog) -> Result<bool, DiskError> {
    for spare in log.segments.iter().filter_map(|segment| segment.spare) {
        match directory.open(&spare.path(), OpenMode::Existing).await {
            Ok(_) => {}
            Err(DiskError::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Gives every log to the shard that owns it now, under a number and a generation of its new round log.
fn distribute(found: &Found, root: &Root, options: &OpenOptions) -> Vec<VolumePart> {
    let mut ledgers: Vec<Ledger> = root.round_logs.iter().map(|id| Ledger::new(*id)).collect();
    for log in &found.logs {
        let shard = (options.owner)(&log.key) % options.shards;
        let ledger = &mut ledgers[usize::from(shard)];
        let number = ledger.next_number;
        let mut log = log.clone();
        log.generation += 1;
        if log.id.round_log == 0 {
            // Closed cleanly: it is created here and now.
            log.id = LogId { round_log: ledger.round_log, round: 0, index: number };
        }
        let retired = found.retired.iter().filter(|(key, _)| *key == *log.key);
        ledger.retired.extend(retired.map(|(_, at)| Retired { log: number, round: 0, ..*at }));
        ledger.logs.insert(number, log);
        ledger.next_number += 1;
    }
    for deleted in &found.deleted {
        ledgers[0].deleted.push(Deleted { round: 0, ..deleted.clone() });
    }
    (0..)
        .zip(ledgers)
        .map(|(shard, mut ledger)| {
            ledger.sequence = 1;
            ledger.measure();
            ledger.check();
            let checkpoint_capacity = capacity_for(ledger.encoded_bound() as u64);
            VolumePart {
                shard,
                ledger,
                round_files: vec![ROUND_LOG_FILE_BYTES; ROUND_LOG_FILES],
                checkpoint_capacity,
                is_cut: found.report.was_clean,
            }
        })
        .collect()
}

fn zeros(directory: &dyn Directory) -> Bytes {
    let mut buffer = directory.buffer(ROUND_LOG_FILE_BYTES as usize);
    buffer.bytes_mut().fill(0);
    buffer.seal().slice(..ROUND_LOG_FILE_BYTES as usize)
}

/// The round-log files, pre-written, and the first checkpoint. The caller syncs.
async fn write_part(
    directory: &dyn Directory,
    part: &mut VolumePart,
    zeros: &Bytes,
) -> Result<(), DiskError> {
    let id = part.ledger.round_log;
    let files = (0..part.round_files.len()).map(|index| async move {
        let file = create(directory, &round_log_path(id, index)).await?;
        file.allocate(0, zeros.len() as u64).await?;
        file.write(0, zeros.clone()).await
    });
    try_join_all(files).await?;
    for slot in 0..SLOTS {
        let file = create(directory, &checkpoint_path(id, slot)).await?;
        file.allocate(0, part.checkpoint_capacity).await?;
        if slot == FIRST_SLOT {
            write_slot(directory, &*file, &part.ledger.encode()).await?;
        }
    }
    Ok(())
}

/// Creates a file that only an attempt which never got a root can have left.
async fn create(
    directory: &dyn Directory,
    path: &str,
) -> Result<std::rc::Rc<dyn crate::disk::File>, DiskError> {
    match directory.open(path, OpenMode::CreateNew).await {
        Err(DiskError::AlreadyExists { .. }) => {
            directory.remove_file(path).await?;
            directory.open(path, OpenMode::CreateNew).await
        }
        other => other,
    }
}

/// Writes a root into both slots, in place, each synced before the next step. Whatever the root before names must still be there.
pub(crate) async fn write_root(directory: &dyn Directory, root: &Root) -> Result<(), DiskError> {
    let file = directory.open(ROOT_PATH, OpenMode::Existing).await?;
    let before = file.read(0, FILE_LEN).await?;
    for slot in Root::write_order(&before) {
        let mut buffer = directory.buffer(BLOCK);
        buffer.bytes_mut()[..BLOCK].copy_from_slice(&root.encode());
        file.write((slot * BLOCK) as u64, buffer.seal().slice(..BLOCK)).await?;
        file.sync_data().await?;
    }
    Ok(())
}

/// The new root holds: what older rounds gave up can go, and sealed segments are cut.
async fn free(
    directory: &dyn Directory,
    root: &Root,
    found: &Found,
    parts: &mut [VolumePart],
) -> Result<(), DiskError> {
    let logs: BTreeMap<&LogKey, &LedgerLog> = found.logs.iter().map(|log| (&*log.key, log)).collect();
    for (key, retired) in &found.retired {
        // The name may have a new holder; then the old one's file went when it was given.
        if !logs.get(key).is_some_and(|log| log.segments.iter().any(|segment| segment.base == retired.base)) {
            remove_segment(directory, retired, &key.directory_name()).await?;
        }
    }
    for deleted in &found.deleted {
        remove_deleted_log(directory, deleted).await?;
    }
    for part in &mut *parts {
        for log in part.ledger.logs.values_mut() {
            cut_sealed(directory, log).await?;
        }
    }
    for entry in directory.list(FOLDER).await? {
        let is_current = root.round_logs.iter().any(|id| is_of_round_log(&entry.name, *id));
        if !entry.is_directory && entry.name != "root" && !is_current {
            directory.remove_file(&format!("{FOLDER}/{}", entry.name)).await?;
        }
    }
    if !found.retired.is_empty() || !found.deleted.is_empty() {
        directory.sync_file_system().await?;
    }
    for part in parts {
        part.ledger.retired.clear();
        part.ledger.deleted.clear();
    }
    Ok(())
}

fn is_of_round_log(name: &str, id: u32) -> bool {
    ["rounds-", "checkpoint-"].iter().any(|kind| {
        let rest = name.strip_prefix(kind).and_then(|rest| rest.split_once('-'));
        rest.is_some_and(|(number, _)| number.parse() == Ok(id))
    })
}

async fn cut_sealed(directory: &dyn Directory, log: &mut LedgerLog) -> Result<(), DiskError> {
    let name = log.key.directory_name();
    let sealed = log.segments.len().saturating_sub(1);
    for segment in &mut log.segments[..sealed] {
        if !segment.is_cut {
            let path = segment_path(&name, segment.base, SegmentFile::Log);
            let file = directory.open(&path, OpenMode::Existing).await?;
            file.set_length(u64::from(segment.length)).await?;
            file.sync_data().await?;
            segment.is_cut = true;
        }
    }
    Ok(())
}

/// The name of a directory that is set aside, which no other has: after a clean stop the roots' sequence begins anew.
async fn free_stray_name(
    directory: &dyn Directory,
    topic: &str,
    partition: i32,
    sequence: u64,
) -> Result<String, DiskError> {
    let mut unique = u128::from(sequence);
    loop {
        let name = stray_directory(topic, partition, unique);
        match directory.list(&name).await {
            Ok(_) => unique += 1,
            Err(DiskError::NotFound { .. }) => return Ok(name),
            Err(error) => return Err(error),
        }
    }
}

/// Directories that no log has. Those that look like a log's are set aside under another name, as Kafka does: whoever gets this name next
/// must not find them there.
async fn set_orphans_aside(
    directory: &dyn Directory,
    found: &Found,
    root: &Root,
) -> Result<Vec<String>, DiskError> {
    let known: BTreeSet<String> = found.logs.iter().map(|log| log.key.directory_name()).collect();
    let entries = directory.list("").await?;
    let is_orphan = |name: &str| match DirectoryName::parse(name) {
        _ if name == METADATA_DIRECTORY => false,
        Some(parsed) => parsed.kind != DirectoryKind::Log || !known.contains(name),
        None => name != FOLDER,
    };
    let mut orphans = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.is_directory && is_orphan(&entry.name)) {
        let parsed = DirectoryName::parse(&entry.name).filter(|name| name.kind == DirectoryKind::Log);
        let Some(DirectoryName { topic, partition, .. }) = parsed else {
            orphans.push(entry.name);
            continue;
        };
        let aside = free_stray_name(directory, topic, partition, root.sequence).await?;
        directory.rename(&entry.name, &aside).await?;
        tracing::warn!("{} is no log's directory: it is {aside} now", entry.name);
        orphans.push(aside);
    }
    Ok(orphans)
}

//! Looking through a directory that Kafka, or Logan, closed cleanly: its files are right, its hints too.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Found, IN_FLIGHT, OpenError, OpenOptions};
use crate::batch::{Batch, BatchError};
use crate::disk::{BLOCK, Directory, DiskError, File, OpenMode};
use crate::index::OffsetIndex;
use crate::kafka_files::{
    DirectoryKind, DirectoryName, FileStage, LEADER_EPOCH_CHECKPOINT, LOG_START_CHECKPOINT,
    METADATA_DIRECTORY, Offsets, PARTITION_METADATA, RECOVERY_POINT_CHECKPOINT, SegmentFile, SegmentFileName,
    read_offset_checkpoint, read_partition_metadata,
};
use crate::key::{LogId, LogKey, segment_path};
use crate::ledger::{ALL_ENTRIES, LedgerLog, LedgerSegment};
use crate::load::read_range;
use crate::segment::block_floor;

const PIECE: usize = 1 << 20;
const MAX_INDEX_BYTES: usize = 64 << 20;

pub(super) async fn look_through(
    directory: &dyn Directory,
    options: &OpenOptions,
) -> Result<Found, OpenError> {
    let entries = directory.list("").await?;
    let mut damages = Vec::new();
    let starts = read_offsets(directory, LOG_START_CHECKPOINT).await?.unwrap_or_else(|damage| {
        damages.push(damage);
        Offsets::new()
    });
    let ends = read_offsets(directory, RECOVERY_POINT_CHECKPOINT).await?.unwrap_or_else(|damage| {
        // Nothing is built on it: it only shows what is missing.
        tracing::warn!("{damage}: where logs ended is not compared with what their clean stop recorded");
        Offsets::new()
    });
    let directories: Vec<String> =
        entries.into_iter().filter(|entry| entry.is_directory).map(|entry| entry.name).collect();
    let is_log = |name: &&String| {
        *name != METADATA_DIRECTORY
            && DirectoryName::parse(name).is_some_and(|name| name.kind == DirectoryKind::Log)
    };
    let names: Vec<&String> = directories.iter().filter(is_log).collect();
    let looked: Vec<Result<LedgerLog, String>> = stream::iter(names)
        .map(|name| look_at(directory, name, &starts, options))
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    let mut found = Found::default();
    found.report.was_clean = true;
    damages.extend(missing(&directories, &ends));
    for log in looked {
        match log {
            Ok(log) => {
                damages.extend(other_end(&log, &ends));
                found.logs.push(log);
            }
            Err(damage) => damages.push(damage),
        }
    }
    found.logs.sort_by(|a, b| a.key.cmp(&b.key));
    if !damages.is_empty() && !options.accept_loss {
        return Err(OpenError::Damaged(damages));
    }
    found.report.losses = damages;
    Ok(found)
}

/// The inner error says why the file is not what it should be.
async fn read_offsets(directory: &dyn Directory, path: &str) -> Result<Result<Offsets, String>, OpenError> {
    match directory.read_small(path, MAX_INDEX_BYTES).await {
        Ok(bytes) => Ok(read_offset_checkpoint(&bytes).map_err(|error| format!("{path}: {error}"))),
        Err(DiskError::NotFound { .. }) => Ok(Ok(Offsets::new())),
        Err(error) => Err(error.into()),
    }
}

/// A log that does not end where its clean stop recorded its end, as its recovery point, as Kafka's does: it has lost something since, or its last
/// batch says what is not so. (No CRC covers a base offset. Appends would go on there, beyond a hole.)
fn other_end(log: &LedgerLog, ends: &Offsets) -> Option<String> {
    let recorded = *ends.get(&(log.key.topic.clone(), log.key.partition))?;
    let text = match log.next_offset.cmp(&recorded) {
        Ordering::Less => "segments were cut or removed since; put them back",
        Ordering::Equal => return None,
        Ordering::Greater => {
            "its last batch is damaged, or another program has appended to it without recording it"
        }
    };
    let last = log.segments.last().map_or_else(String::new, |last| {
        format!(
            "; its last segment is {}",
            segment_path(&log.key.directory_name(), last.base, SegmentFile::Log)
        )
    });
    Some(format!(
        "{} ends at offset {}, but the clean stop recorded {recorded} in {RECOVERY_POINT_CHECKPOINT}: {text}{last}",
        log.key, log.next_offset
    ))
}

/// Logs that were there at the clean stop, and whose directories are not. Kafka begins such a log anew; if no other replica has its records,
/// they are lost without a word, and their offsets are given again. A log that had never held anything is not missed.
fn missing(directories: &[String], ends: &Offsets) -> Vec<String> {
    // Kafka's checkpoint lists a replica that is on its way here, too, whose directory has another suffix.
    let there: BTreeSet<(&str, i32)> = directories
        .iter()
        .filter_map(|name| DirectoryName::parse(name))
        .map(|name| (name.topic, name.partition))
        .collect();
    ends.iter()
        .filter(|((topic, partition), end)| **end > 0 && !there.contains(&(topic.as_str(), *partition)))
        .map(|((topic, partition), end)| {
            format!(
                "{topic}-{partition} is missing, but the clean stop recorded its end at offset {end} in {RECOVERY_POINT_CHECKPOINT}: put \
                 the directory back; without it the partition begins anew, empty"
            )
        })
        .collect()
}

/// What a log's directory says of its topic. The inner error says why that cannot be believed.
async fn topic_id_in(directory: &dyn Directory, name: &str) -> Result<Result<[u8; 16], String>, DiskError> {
    let text = match directory.read_small(&format!("{name}/{PARTITION_METADATA}"), BLOCK).await {
        Ok(text) => text,
        Err(DiskError::NotFound { .. }) => return Ok(Err(format!("{name}: it has no {PARTITION_METADATA}"))),
        Err(error) if error.is_too_long() => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    Ok(read_partition_metadata(&text).map_err(|error| format!("{name}/{PARTITION_METADATA}: {error}")))
}

/// The inner error says why this directory is not a log that can be believed.
async fn look_at(
    directory: &dyn Directory,
    name: &str,
    starts: &Offsets,
    options: &OpenOptions,
) -> Result<Result<LedgerLog, String>, OpenError> {
    let Some(parsed) = DirectoryName::parse(name) else { return Ok(Err(format!("{name}: not a partition"))) };
    let topic_id = match topic_id_in(directory, name).await? {
        Ok(topic_id) => topic_id,
        Err(why) => return Ok(Err(why)),
    };
    let key = LogKey { topic: parsed.topic.to_owned(), topic_id, partition: parsed.partition };
    let mut files: BTreeMap<i64, Vec<SegmentFile>> = BTreeMap::new();
    let mut has_epochs = false;
    for entry in directory.list(name).await? {
        has_epochs |= entry.name == LEADER_EPOCH_CHECKPOINT;
        if let Some(file) = SegmentFileName::parse(&entry.name).filter(|file| file.stage == FileStage::Live) {
            files.entry(file.offset).or_default().push(file.file);
        }
    }
    // A round log of 0 never exists: the id is given with the new one.
    let id = LogId { round_log: 0, round: 0, index: 0 };
    let mut log = LedgerLog::new(id, Arc::new(key), 0);
    log.is_named = true;
    for (base, files) in &files {
        if files.contains(&SegmentFile::Log) {
            let file =
                directory.open(&segment_path(name, *base, SegmentFile::Log), OpenMode::Existing).await?;
            let Ok(length) = u32::try_from(file.length().await?) else {
                return Ok(Err(format!("{name}/{base:020}.log is longer than a segment can be")));
            };
            let is_indexed =
                files.contains(&SegmentFile::OffsetIndex) && files.contains(&SegmentFile::TimeIndex);
            let indexed = if is_indexed { length } else { 0 };
            log.segments.push(LedgerSegment {
                base: *base,
                length,
                indexed,
                time_entries: ALL_ENTRIES,
                is_cut: true,
                has_snapshot: files.contains(&SegmentFile::ProducerSnapshot),
                has_aborted: files.contains(&SegmentFile::TxnIndex),
                spare: None,
            });
        }
    }
    if let Some(last) = log.segments.last_mut() {
        last.is_cut = false;
        let last = *last;
        match end_of(directory, name, last, options.max_batch_bytes).await? {
            Ok(end) => log.next_offset = end.offset,
            Err(damage) => return Ok(Err(damage)),
        }
    }
    let first = log.segments.first().map_or(log.next_offset, |first| first.base);
    let start = starts.get(&(log.key.topic.clone(), log.key.partition)).copied().unwrap_or(first);
    if log.segments.is_empty() {
        // Nothing but the checkpoint knows where an emptied log goes on.
        log.next_offset = start.max(0);
    }
    log.log_start = start.max(first).min(log.next_offset);
    log.snapshot = newest_snapshot(&files, log.next_offset);
    log.epochs = if has_epochs { log.next_offset } else { -1 };
    Ok(Ok(log))
}

fn newest_snapshot(files: &BTreeMap<i64, Vec<SegmentFile>>, end: i64) -> i64 {
    let mut snapshots =
        files.range(..=end).rev().filter(|(_, files)| files.contains(&SegmentFile::ProducerSnapshot));
    snapshots.next().map_or(-1, |(offset, _)| *offset)
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Behind the last batch.
    pub offset: i64,
    /// Of the last batch; -1 if there is none.
    pub leader_epoch: i32,
}

/// The end of a segment that ends with whole batches, the last of which has a CRC that fits.
pub(super) async fn end_of(
    directory: &dyn Directory,
    name: &str,
    segment: LedgerSegment,
    max_batch_bytes: usize,
) -> Result<Result<End, String>, DiskError> {
    let mut position = 0;
    if segment.indexed > 0 {
        let path = segment_path(name, segment.base, SegmentFile::OffsetIndex);
        // It is a hint, which may be lost, or not to be read any more.
        let bytes = directory.read_small(&path, MAX_INDEX_BYTES).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "an index cannot be read: the segment is gone through");
            Vec::new()
        });
        let last = OffsetIndex::parse(segment.base, &bytes).ok().and_then(|index| index.last());
        position = last.map_or(0, |entry| u64::from(entry.position));
    }
    let end = u64::from(segment.length);
    let path = segment_path(name, segment.base, SegmentFile::Log);
    let file = directory.open(&path, OpenMode::Existing).await?;
    if position >= end {
        position = 0;
    }
    let mut walked = walk_to_end(&*file, position, end, max_batch_bytes).await?;
    if walked.is_err() && position > 0 {
        // The index may be what is wrong.
        walked = walk_to_end(&*file, 0, end, max_batch_bytes).await?;
    }
    let possible = segment.base..=segment.base.saturating_add(i64::from(i32::MAX) + 1);
    match walked {
        Ok(Some(End { offset, .. })) if !possible.contains(&offset) => {
            Ok(Err(format!("{path}: its last batch ends before offset {offset}")))
        }
        Ok(end) => Ok(Ok(end.unwrap_or(End { offset: segment.base, leader_epoch: -1 }))),
        Err(damage) => Ok(Err(format!("{path} {damage}"))),
    }
}

async fn walk_to_end(
    file: &dyn File,
    mut position: u64,
    end: u64,
    max_batch_bytes: usize,
) -> Result<Result<Option<End>, String>, DiskError> {
    let mut last: Option<End> = None;
    let mut want = PIECE;
    while position < end {
        let start = block_floor(position);
        let block = read_range(file, start, end, want).await?;
        let mut rest = block.get((position - start) as usize..).unwrap_or_default();
        let before = position;
        let is_short = block.len() < want && start + (block.len() as u64) < end;
        want = PIECE;
        while position < end {
            match Batch::parse(rest, max_batch_bytes) {
                Ok(batch) => {
                    if batch.last_offset_delta() < 0
                        || last.is_some_and(|last| batch.base_offset() < last.offset)
                    {
                        let base = batch.base_offset();
                        return Ok(Err(format!("at {position}: base offset {base} is not what follows")));
                    }
                    if position + batch.len() as u64 == end
                        && let Err(error) = batch.check_crc()
                    {
                        return Ok(Err(format!("at {position}: {error}")));
                    }
                    last = Some(End { offset: batch.next_offset(), leader_epoch: batch.leader_epoch() });
                    position += batch.len() as u64;
                    rest = &rest[batch.len()..];
                }
                Err(BatchError::TooShort { need, .. }) if position + need as u64 <= end => {
                    want = PIECE.max(need + BLOCK);
                    break;
                }
                Err(error) => return Ok(Err(format!("at {position}: {error}"))),
            }
        }
        if position == before && (want == PIECE || is_short) {
            return Ok(Err(format!("at {position}: the file ends within a batch")));
        }
    }
    Ok(Ok(last))
}

//! Who a directory is, Kafka's checkpoint files, and the metadata log.

use std::path::Path;

use bytes::Bytes;
use logan_raft::inspect::{self, FileKind};
use logan_storage::epochs::LeaderEpochs;
use logan_storage::kafka_files::{
    CLEAN_SHUTDOWN, CLEANER_CHECKPOINT, LEADER_EPOCH_CHECKPOINT, LOG_START_CHECKPOINT, META_PROPERTIES,
    MetaProperties, PARTITION_METADATA, RECOVERY_POINT_CHECKPOINT, REPLICATION_CHECKPOINT,
    read_clean_shutdown, read_offset_checkpoint, read_partition_metadata,
};

use super::{Failure, Lines, Maybe, Stopped, each_of, failed, files};
use crate::broker::metadata_codec;
use crate::metadata::Record;
use crate::model::Uuid;

const MAX_TEXT_BYTES: u64 = 256 << 20;
/// The longest file that the quorum itself would read.
const MAX_LOG_BYTES: u64 = 4 << 30;

/// A log directory, a partition's directory, or one file of those.
pub(super) fn print(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    if !path.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        return print_file(path, name, lines);
    }
    let names = files::names(path, is_one)?;
    if names.is_empty() {
        return Err(Failure::new(format!("{} has no metadata", path.display())).into());
    }
    each_of(path, &names, lines, print_file)
}

const OFFSET_CHECKPOINTS: [&str; 4] =
    [CLEANER_CHECKPOINT, LOG_START_CHECKPOINT, RECOVERY_POINT_CHECKPOINT, REPLICATION_CHECKPOINT];

fn is_one(name: &str) -> bool {
    matches!(name, META_PROPERTIES | PARTITION_METADATA | LEADER_EPOCH_CHECKPOINT | CLEAN_SHUTDOWN)
        || OFFSET_CHECKPOINTS.contains(&name)
        || FileKind::of(name).is_some()
}

fn print_file(path: &Path, name: &str, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    if !is_one(name) {
        return Err(failed(path, "is no file that is known here"));
    }
    match FileKind::of(name) {
        Some(FileKind::Log) => return print_log(path, lines),
        Some(FileKind::Snapshot) => return print_snapshot(path, lines),
        None => {}
    }
    let bytes = files::read_existing(path, MAX_TEXT_BYTES)?;
    // Kafka leaves its cleaner's checkpoint like this until there is something to say.
    if bytes.is_empty() {
        return lines.line(format_args!("empty"));
    }
    match name {
        META_PROPERTIES => {
            let meta = MetaProperties::read(&bytes).map_err(|error| failed(path, error))?;
            let (cluster, node, directory) = (meta.cluster_id, meta.node_id, Maybe(meta.directory_id));
            lines.line(format_args!("cluster={cluster} node={node} directory={directory}"))
        }
        PARTITION_METADATA => {
            let topic = read_partition_metadata(&bytes).map_err(|error| failed(path, error))?;
            lines.line(format_args!("topic={}", Uuid(topic)))
        }
        CLEAN_SHUTDOWN => {
            let closed = read_clean_shutdown(&bytes).map_err(|error| failed(path, error))?;
            let by = if closed.by_logan { "Logan" } else { "Kafka" };
            lines.line(format_args!("broker_epoch={} by={by}", closed.broker_epoch))
        }
        LEADER_EPOCH_CHECKPOINT => {
            let epochs = LeaderEpochs::read(&bytes).map_err(|error| failed(path, error))?;
            let mut entries = epochs.entries().iter();
            entries.try_for_each(|one| {
                lines.line(format_args!("epoch={} offset={}", one.epoch, one.start_offset))
            })
        }
        _ => {
            let offsets = read_offset_checkpoint(&bytes).map_err(|error| failed(path, error))?;
            let mut offsets = offsets.iter();
            offsets.try_for_each(|((topic, partition), offset)| {
                lines.line(format_args!("{topic}-{partition} offset={offset}"))
            })
        }
    }
}

/// The quorum's log: whose it is, where it stands, and the records of every entry.
fn print_log(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let bytes = Bytes::from(files::read_existing(path, MAX_LOG_BYTES)?);
    // The quorum's errors name the file themselves.
    let log =
        inspect::log(&path.display().to_string(), &bytes).map_err(|error| Failure::new(error.to_string()))?;
    lines.line(format_args!(
        "log node={} directory={} base={} base_term={} voters={:x?} term={} vote={:x} commit={} torn_bytes={}",
        log.identity.node_id,
        Uuid(log.identity.directory_id),
        log.base_index,
        log.base_term,
        log.voters,
        log.term,
        log.vote,
        log.commit,
        log.torn_bytes
    ))?;
    for entry in log.entries {
        let index = entry.index;
        lines.line(format_args!("entry {index} term={} bytes={}", entry.term, entry.data.len()))?;
        // A leader's term begins with an entry that says nothing.
        if !entry.data.is_empty() {
            for record in decode(path, entry.data)? {
                lines.line(format_args!("entry {index} record {record:?}"))?;
            }
        }
    }
    Ok(())
}

/// The state up to an entry.
fn print_snapshot(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let bytes = Bytes::from(files::read_existing(path, MAX_LOG_BYTES)?);
    let snapshot = inspect::snapshot(&path.display().to_string(), &bytes)
        .map_err(|error| Failure::new(error.to_string()))?;
    lines.line(format_args!(
        "snapshot index={} term={} voters={:x?}",
        snapshot.index, snapshot.term, snapshot.voters
    ))?;
    for record in decode(path, snapshot.data)? {
        lines.line(format_args!("record {record:?}"))?;
    }
    Ok(())
}

fn decode(path: &Path, data: Bytes) -> Result<Vec<Record>, Stopped> {
    metadata_codec::decode(data).map_err(|error| failed(path, error))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Scratch;
    use super::super::tests::printed;
    use super::*;

    #[test]
    fn a_directory_says_who_it_is() {
        let scratch = Scratch::new("inspect-metadata");
        let meta = "cluster.id=AHRRMCHaiXggb1xmceDAfg\nnode.id=4\nversion=1\n";
        scratch.write(META_PROPERTIES, meta.as_bytes());
        scratch.write(REPLICATION_CHECKPOINT, b"0\n2\na 0 5\nb 1 6\n");
        scratch.write(LEADER_EPOCH_CHECKPOINT, b"0\n1\n3 40\n");
        assert_eq!(
            printed(|lines| print(scratch.path(), lines)).as_deref(),
            Ok("leader-epoch-checkpoint: epoch=3 offset=40\n\
                meta.properties: cluster=AHRRMCHaiXggb1xmceDAfg node=4 directory=-\n\
                replication-offset-checkpoint: a-0 offset=5\n\
                replication-offset-checkpoint: b-1 offset=6\n")
        );
        scratch.write(LEADER_EPOCH_CHECKPOINT, b"0\n3\na 0 5\n");
        scratch.write(REPLICATION_CHECKPOINT, b"");
        let mut seen = Vec::new();
        let mut lines = Lines::new(Box::new(&mut seen));
        let Err(Stopped::Failed(failure)) = print(scratch.path(), &mut lines) else {
            panic!("one is damaged")
        };
        drop(lines);
        assert!(failure.to_string().contains(LEADER_EPOCH_CHECKPOINT));
        assert!(
            seen.ends_with(b"replication-offset-checkpoint: empty\n"),
            "the others are printed all the same"
        );
    }

    #[test]
    fn a_damaged_metadata_log_is_named() {
        let scratch = Scratch::new("inspect-quorum");
        let path = scratch.write("logan-metadata-00000000000000000001.log", b"not a log");
        let error = printed(|lines| print(&path, lines)).expect_err("damaged");
        assert!(error.contains("logan-metadata-00000000000000000001.log is damaged"), "{error}");
        let other = scratch.write("logan-metadata-1.log", b"");
        assert!(printed(|lines| print(&other, lines)).expect_err("no such name").contains("is no file"));
    }
}

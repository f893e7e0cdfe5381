//! What logs know that the metadata of a node may not: a directory may have been elsewhere since this node served it last.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::IN_FLIGHT;
use super::clean::end_of;
use crate::disk::{Directory, DiskError};
use crate::epochs::LeaderEpochs;
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::{LogKey, segment_path};
use crate::ledger::LedgerLog;
use crate::producers::Producers;

/// The largest file that is read; a longer one is not believed.
const LONGEST: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// -1: none.
    pub newest_epoch: i32,
    /// The largest one that the newest producer snapshot knows, which is all of them in a directory that was closed cleanly; -1: none, or not asked.
    pub producer_id: i64,
}

/// What the logs of an opened directory know, before anything is appended to them.
///
/// # Errors
/// If the directory cannot be read. What a damaged file does not say is not known, as it is not to whoever serves the log.
pub async fn known(
    directory: &dyn Directory,
    logs: impl IntoIterator<Item = &LedgerLog>,
    max_batch_bytes: usize,
    with_producers: bool,
) -> Result<BTreeMap<LogKey, Known>, DiskError> {
    stream::iter(logs)
        .map(|log| async move {
            let newest_epoch = newest_epoch(directory, log, max_batch_bytes).await?;
            let producer_id = if with_producers { newest_producer_id(directory, log).await? } else { -1 };
            Ok((LogKey::clone(&log.key), Known { newest_epoch, producer_id }))
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}

/// As the epoch file has it, which a log is loaded by, too; without one, of the last batch.
async fn newest_epoch(
    directory: &dyn Directory,
    log: &LedgerLog,
    max_batch_bytes: usize,
) -> Result<i32, DiskError> {
    let name = log.key.directory_name();
    let Some(last) = log.segments.last() else { return Ok(-1) };
    let path = format!("{name}/{LEADER_EPOCH_CHECKPOINT}");
    let epochs = read(directory, &path).await?.map(|bytes| LeaderEpochs::read(&bytes));
    match epochs {
        Some(Ok(epochs)) => {
            if let Some(latest) = epochs.latest() {
                return Ok(latest.epoch);
            }
        }
        Some(Err(error)) => tracing::warn!(%path, %error, "what it said is taken from the last batch"),
        None => {}
    }
    match end_of(directory, &name, *last, max_batch_bytes).await? {
        Ok(end) => Ok(end.leader_epoch),
        Err(error) => {
            tracing::error!(%error, "the newest leader epoch of a log is not known");
            Ok(-1)
        }
    }
}

async fn newest_producer_id(directory: &dyn Directory, log: &LedgerLog) -> Result<i64, DiskError> {
    if log.snapshot < 0 {
        return Ok(-1);
    }
    let path = segment_path(&log.key.directory_name(), log.snapshot, SegmentFile::ProducerSnapshot);
    let Some(bytes) = read(directory, &path).await? else { return Ok(-1) };
    match Producers::read_snapshot(&bytes, log.snapshot) {
        // A client may say any number; one that large was never given.
        Ok(producers) => {
            Ok(producers.iter().map(|(id, _)| id).filter(|id| *id < i64::MAX / 2).max().unwrap_or(-1))
        }
        Err(error) => {
            tracing::warn!(%path, %error, "which producers there were is not known");
            Ok(-1)
        }
    }
}

async fn read(directory: &dyn Directory, path: &str) -> Result<Option<Vec<u8>>, DiskError> {
    match directory.read_small(path, LONGEST).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(DiskError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

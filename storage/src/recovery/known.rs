//! What logs know that the metadata of a node may not: a directory may have been elsewhere since this node served it last.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::clean::end_of;
use super::{IN_FLIGHT, until_hang};
use crate::disk::{Directory, DiskError, Host};
use crate::epochs::LeaderEpochs;
use crate::kafka_files::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use crate::key::{LogKey, segment_path};
use crate::ledger::LedgerLog;
use crate::producers::Producers;

/// The largest file that is read; of a longer one nothing is known.
const MAX_LEN: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// -1: none.
    pub newest_epoch: i32,
    /// The largest one that the newest producer snapshot knows, which is all of them in a directory that was closed cleanly; -1: none, or not asked.
    pub producer_id: i64,
}

/// How logs are asked what they know.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The longest a batch may be that is read back.
    pub max_batch_bytes: usize,
    /// An operation that takes longer than this ends the look. There is no bound on all of it: thousands of logs take their time.
    pub hang_after: Duration,
    /// Nobody but its logs knows what was in the directory: producers are looked for, too, and a log whose end cannot be read is an error.
    pub is_taken_over: bool,
}

/// What the logs of an opened directory know, before anything is appended to them.
///
/// # Errors
/// If an operation hangs, or the directory has failed. What a file does not say, because it is damaged or cannot be read, is not known, as it is
/// not to whoever serves the log; only of a directory that is taken over the end of each log must be read.
pub async fn known(
    directory: &dyn Directory,
    host: &dyn Host,
    logs: impl IntoIterator<Item = &LedgerLog>,
    question: Question,
) -> Result<BTreeMap<LogKey, Known>, DiskError> {
    let asked = stream::iter(logs).map(|log| ask(directory, log, question));
    let asked = asked.buffer_unordered(IN_FLIGHT).try_collect();
    let hangs = until_hang(directory, host, question.hang_after);
    match select(std::pin::pin!(asked), std::pin::pin!(hangs)).await {
        Either::Left((known, _)) => known,
        Either::Right((hang, _)) => {
            directory.flights().end_all();
            Err(hang)
        }
    }
}

async fn ask(
    directory: &dyn Directory,
    log: &LedgerLog,
    question: Question,
) -> Result<(LogKey, Known), DiskError> {
    let newest_epoch = match newest_epoch(directory, log, question.max_batch_bytes).await {
        Ok(Ok(epoch)) => epoch,
        Err(error) if question.is_taken_over || error == DiskError::Offline => return Err(error),
        Ok(Err(damage)) => not_known(&damage),
        Err(error) => not_known(&error.to_string()),
    };
    let producer_id = if question.is_taken_over { newest_producer_id(directory, log).await } else { -1 };
    Ok((LogKey::clone(&log.key), Known { newest_epoch, producer_id }))
}

/// The log is served, and the metadata's own epochs go on: that of a damaged batch is nobody's any more.
fn not_known(why: &str) -> i32 {
    tracing::error!("the newest leader epoch of a log is not known: {why}");
    -1
}

/// As the epoch file has it, which a log is loaded by, too; without one, of the last batch. The inner error says why that is none.
async fn newest_epoch(
    directory: &dyn Directory,
    log: &LedgerLog,
    max_batch_bytes: usize,
) -> Result<Result<i32, String>, DiskError> {
    let name = log.key.directory_name();
    let Some(last) = log.segments.last() else { return Ok(Ok(-1)) };
    let path = format!("{name}/{LEADER_EPOCH_CHECKPOINT}");
    match read_hint(directory, &path).await.map(|bytes| LeaderEpochs::read(&bytes)) {
        Some(Ok(epochs)) => {
            if let Some(latest) = epochs.latest() {
                return Ok(Ok(latest.epoch));
            }
        }
        Some(Err(error)) => tracing::warn!(%path, %error, "what it said is taken from the last batch"),
        None => {}
    }
    Ok(end_of(directory, &name, *last, max_batch_bytes).await?.map(|end| end.leader_epoch))
}

async fn newest_producer_id(directory: &dyn Directory, log: &LedgerLog) -> i64 {
    if log.snapshot < 0 {
        return -1;
    }
    let path = segment_path(&log.key.directory_name(), log.snapshot, SegmentFile::ProducerSnapshot);
    let Some(bytes) = read_hint(directory, &path).await else { return -1 };
    match Producers::read_snapshot(&bytes, log.snapshot) {
        // A client may say any number; one that large was never given.
        Ok(producers) => {
            producers.iter().map(|(id, _)| id).filter(|id| *id < i64::MAX / 2).max().unwrap_or(-1)
        }
        Err(error) => {
            tracing::warn!(%path, %error, "which producers there were is not known");
            -1
        }
    }
}

async fn read_hint(directory: &dyn Directory, path: &str) -> Option<Vec<u8>> {
    match directory.read_small(path, MAX_LEN).await {
        Ok(bytes) => Some(bytes),
        Err(DiskError::NotFound { .. }) => None,
        Err(error) => {
            tracing::warn!(%path, %error, "a hint cannot be read");
            None
        }
    }
}

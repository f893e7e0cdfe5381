//! The mark of a failed log directory, shared by all shards.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::DiskError;

/// Set once, first of all, and read after every flush before anything is acknowledged.
#[derive(Debug, Default)]
pub struct FailedMark {
    failed: AtomicBool,
    reason: OnceLock<String>,
}

impl FailedMark {
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether this call was the first.
    pub fn fail(&self, reason: &str) -> bool {
        // The text may come a moment after the mark: the mark is what must not be late.
        let first = !self.failed.swap(true, Ordering::SeqCst);
        if first {
            let _lost_race = self.reason.set(reason.to_owned());
        }
        first
    }

    pub fn is_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}

/// The directory of this log has failed: `KAFKA_STORAGE_ERROR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log directory has failed")]
pub struct LogFailed;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Nothing was appended: wait for [`crate::log::Log::reserve`], then append again, before anything that came later.
    #[error("space or memory must be reserved first")]
    MustWait,
    #[error("{length} bytes do not fit into a segment of {segment_bytes} bytes")]
    TooLarge { length: usize, segment_bytes: u32 },
    /// Offsets that were to be kept go back behind the end of the log, or are not ascending.
    #[error("offset {offset} does not follow {log_end}")]
    OutOfOrder { offset: i64, log_end: i64 },
    #[error("what was to be appended is not whole batches: {0}")]
    Malformed(#[from] crate::batch::BatchError),
    #[error(transparent)]
    Marker(#[from] crate::producers::MarkerError),
    /// Batches that must be read first are not what was written.
    #[error("the log is damaged")]
    Corrupt,
    #[error("no space left in the log directory")]
    NoSpace,
    #[error("the log directory has failed")]
    Failed,
    /// The log was deleted, or its volume has stopped.
    #[error("the log is closed")]
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("offset {offset} is not in {log_start}..={log_end}")]
    OutOfRange { offset: i64, log_start: i64, log_end: i64 },
    #[error("the log directory has failed")]
    Failed,
    /// The log was deleted.
    #[error("the log is closed")]
    Closed,
    /// Bytes below `durable` that are not what was written: a fault of the medium.
    #[error("segment {base} is damaged at {position}: {reason}")]
    Corrupt { base: i64, position: u64, reason: String },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl From<LogFailed> for AppendError {
    fn from(_: LogFailed) -> Self {
        Self::Failed
    }
}

impl From<LogFailed> for ReadError {
    fn from(_: LogFailed) -> Self {
        Self::Failed
    }
}

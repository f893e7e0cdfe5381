//! What the embedder decides.

use std::time::Duration;

/// Settings of one log; Kafka's topic settings of the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    pub segment_bytes: u32,
    pub segment_ms: i64,
    /// How much earlier than `segment_ms` a segment may end; how much it is, differs from segment to segment.
    pub segment_jitter_ms: i64,
    pub segment_index_bytes: u32,
    pub index_interval_bytes: u32,
    /// With `ack_sync = false`: flush before acknowledging as soon as so many records are not flushed. `u64::MAX` for never.
    pub flush_messages: u64,
    /// With `ack_sync = false`: flush at the latest so long after an append. `i64::MAX` for never.
    pub flush_ms: i64,
    /// Producers that have been silent for so long are forgotten.
    pub producer_expiration_ms: i64,
}

/// Settings of one volume: one shard's part of one log directory.
#[derive(Debug, Clone)]
pub struct VolumeConfig {
    /// `logan.ack.sync`: a flush precedes every acknowledgement.
    pub ack_sync: bool,
    /// Memory for bytes that are not settled yet. An append beyond it waits.
    pub write_buffer_bytes: usize,
    /// Memory for settled bytes that are still in their write buffers.
    pub cache_bytes: usize,
    /// `logan.recovery.bytes`: what a start may have to read for this shard; also the longest stretch without a flush.
    pub recovery_bytes: u64,
    /// The longest a batch may be that is read back.
    pub max_batch_bytes: usize,
    /// A round older than this fails the directory.
    pub hang_after: Duration,
    /// Files of logs that nobody wrote or read for so long are closed.
    pub close_after: Duration,
    /// Spares made at a time at most: each is a descriptor that cannot be given back before it has become a segment. Never less than those
    /// that are kept at hand.
    pub max_spares: usize,
    pub mutations: Mutations,
}

/// Faults to plant in tests, each consulted at one place, each of which a test must notice. A release build has none of them: [`planted`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mutations {
    pub no_flush: bool,
    pub acknowledge_before_writes: bool,
    /// What a truncation, a higher log start, a deletion gives up goes as soon as its entry is durable.
    pub free_truncated_without_cover: bool,
    pub free_below_start_without_cover: bool,
    pub free_deleted_without_cover: bool,
    pub open_without_flushing: bool,
    /// A start gives names before it has flushed the entries that it has found.
    pub complete_unflushed: bool,
    pub drop_chain_check: bool,
    pub believe_unvouched_hints: bool,
    pub file_size_is_prepared: bool,
    pub rename_before_durable: bool,
    pub reuse_before_checkpoint: bool,
    pub read_unsettled: bool,
    pub read_unsettled_from_disk: bool,
    /// Batches are served whatever their CRC.
    pub believe_batches: bool,
    /// A search by time begins at the last entry of a segment's time index.
    pub search_from_last_entry: bool,
    /// A start goes on without rounds that are known to be durable.
    pub believe_round_logs: bool,
    /// A write buffer is not charged.
    pub forget_memory: bool,
    /// With `ack_sync = false`: nobody looks at `flush_messages` and `flush_ms`.
    pub forget_flushes: bool,
    /// What is read from disk stays in use, and is charged to nobody.
    pub keep_reads: bool,
    /// A settled write buffer is still charged as one that is not.
    pub keep_memory: bool,
}

impl Mutations {
    /// Refuses faults where they would be passed over: see [`planted`].
    ///
    /// # Panics
    /// In a release build, if a fault is planted.
    pub fn check(&self) {
        assert!(
            cfg!(debug_assertions) || *self == Self::default(),
            "a release build has no faults planted: {self:?}"
        );
    }
}

/// Whether a fault is planted here. Never in a release build: what is asked for is not looked at there, and the compiler leaves out what this guards.
#[inline]
#[doc(hidden)]
pub const fn planted(is_asked_for: bool) -> bool {
    cfg!(debug_assertions) && is_asked_for
}

/// The most bytes that one round gathers; more would ruin its latency.
pub const ROUND_BYTES: u64 = 1 << 20;
/// So many bytes of one log are their own preparation even where blocks are prepared.
pub const OWN_PREPARATION_BYTES: u64 = 256 << 10;
/// A round takes no further entry once its record has this length.
pub const RECORD_BYTES: usize = 256 << 10;
/// The least that is prepared ahead of a log that is written to all the time: each preparation ends with a sync, so few and larger ones
/// disturb the rounds less.
pub const MIN_PREPARE_BYTES: u64 = 1 << 20;
/// The most that background work gives to the device in one write.
pub const PIECE: u64 = 1 << 20;
/// Zeros of preparation go to the device in pieces of this size, one at a time.
pub const PREPARE_PIECE: u64 = 256 << 10;
/// A log that receives fewer bytes a second than this is cold: nothing is prepared ahead of it.
pub const PREPARE_ABOVE: u64 = 32 << 10;
/// Of the memory for settled bytes, so much is used before readers are behind it. While reads go to disk that a larger cache would have had,
/// it grows by a step, not more often than this: within minutes for a reader that stays behind.
pub const CACHE_AT_FIRST: usize = 128 << 20;
pub const CACHE_STEP: usize = 4 << 20;
pub const CACHE_GROWS_EVERY_NS: u64 = 500_000_000;
/// What a volume reads ahead for all its readers together, and how long a reader may take to come for it.
pub const AHEAD_BYTES: usize = 32 << 20;
pub const AHEAD_FOR_NS: u64 = 2_000_000_000;
/// What a volume keeps of indexes of sealed segments in memory: those of about ten segments of 1 GiB. Others are read again.
pub const INDEX_BYTES: usize = 48 << 20;
/// More files than this are synced by one `syncfs` instead of one by one.
pub const SYNC_ONE_BY_ONE: usize = 8;
/// Files of a round log, and their length at first.
pub const ROUND_LOG_FILES: usize = 4;
pub const ROUND_LOG_FILE_BYTES: u64 = 1 << 20;
pub const MAX_ROUND_LOG_FILE_BYTES: u64 = 16 << 20;
/// A round that takes longer is named in the log, at level debug.
pub const STALL_NS: u64 = 10_000_000;
/// How long a shard is idle before it writes the record that covers its last round.
pub const IDLE_BEFORE_COVER: Duration = Duration::from_millis(10);

const _: () = assert!(RECORD_BYTES * 2 <= crate::record::MAX_LEN, "a round's last log adds a few entries");
const _: () = assert!(crate::record::MAX_LEN as u64 <= ROUND_LOG_FILE_BYTES, "a record fits into a file");

//! Every bound of the quorum, and how they hang together.

/// The largest entry that can be proposed.
pub const MAX_PROPOSAL_BYTES: usize = 8 << 20;

/// The largest message between peers, in its frame: the entries of [`Limits::message_bytes`], or one entry that is larger, and room for
/// the fields around it.
pub const MAX_MESSAGE_BYTES: usize = MAX_PROPOSAL_BYTES + (1 << 20);

/// The largest snapshot. Held in memory while it is written and read.
pub const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;

/// The longest log file that is written, and so the longest that is read.
pub const MAX_LOG_BYTES: u64 = 4 << 30;

/// Members of the quorum, voters and learners together.
pub const MAX_MEMBERS: usize = 1 << 10;

/// The bounds that a test may want smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries in one message, in bytes; a single larger entry still goes.
    pub message_bytes: u64,
    /// Messages with entries that are under way to one follower.
    pub messages_in_flight: usize,
    /// Entries proposed and not committed, in bytes; more are refused with [`crate::ProposeError::Busy`].
    pub uncommitted_bytes: u64,
    /// Entries handed out at a time, in bytes; a single larger entry still goes.
    pub committed_bytes: u64,
    /// Log bytes after which a snapshot is asked for: Kafka's `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_after_bytes: u64,
    /// A log file as long as this takes nothing that only makes it longer: snapshots have failed for long. Twice as long it takes what gives room
    /// back, four times as long what a start needs ([`crate::Need`]), and what raft itself writes up to `longest_log_bytes`.
    pub full_log_bytes: u64,
    /// Longer log files are neither written nor read.
    pub longest_log_bytes: u64,
    /// Written with zeros behind the log's end: what a full disk still takes. What only makes the log longer leaves it alone.
    pub reserve_bytes: u64,
    /// Ticks until a snapshot for which the disk had no space is asked for again.
    pub snapshot_retry_ticks: u32,
    /// Milliseconds from tick to tick, when there are other members.
    pub tick_ms: u64,
    /// Ticks from heartbeat to heartbeat.
    pub heartbeat_ticks: usize,
    /// An election begins after this many ticks without a leader, and before twice as many.
    pub election_ticks: usize,
}

impl Limits {
    /// What the broker runs with.
    pub const fn standard() -> Self {
        Self {
            message_bytes: 1 << 20,
            messages_in_flight: 64,
            uncommitted_bytes: 4 * MAX_PROPOSAL_BYTES as u64,
            committed_bytes: MAX_PROPOSAL_BYTES as u64,
            snapshot_after_bytes: 20 << 20,
            full_log_bytes: MAX_LOG_BYTES / 16,
            longest_log_bytes: MAX_LOG_BYTES,
            reserve_bytes: 2 << 20,
            snapshot_retry_ticks: 300,
            tick_ms: 100,
            heartbeat_ticks: 2,
            election_ticks: 10,
        }
    }
}

// One message with the largest entry, or with many small ones, must fit its frame.
const _: () = assert!(Limits::standard().message_bytes as usize + (64 << 10) <= MAX_MESSAGE_BYTES);
// raft refuses a configuration in which one message could not be proposed.
const _: () = assert!(Limits::standard().uncommitted_bytes >= Limits::standard().message_bytes);
// Otherwise no proposal of the largest size could ever be accepted.
const _: () = assert!(Limits::standard().uncommitted_bytes >= MAX_PROPOSAL_BYTES as u64);
// Snapshots are tried several times before proposals are refused.
const _: () = assert!(Limits::standard().snapshot_after_bytes < Limits::standard().full_log_bytes / 8);
// What was taken before the log was full for it still goes into it, and raft's own entries of many more starts.
const _: () = assert!(
    4 * Limits::standard().full_log_bytes + 2 * Limits::standard().uncommitted_bytes
        < Limits::standard().longest_log_bytes / 2
);

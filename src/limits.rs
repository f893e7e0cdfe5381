//! Every bound of the broker, and how they hang together. Sizes are in bytes unless a name says otherwise.
//!
//! What a user may choose (`socket.request.max.bytes`, `message.max.bytes`, …) stands in `config/`; the engine and the quorum have
//! bounds of their own (`logan_storage::config`, `logan_raft::Limits`).

use std::time::Duration;

// ---- Connections

/// Read from a connection at a time until its next frame is admitted: what is read then is not counted against any budget yet. A frame
/// that is larger gets a buffer of its own, and its rest is read straight into it.
pub const FIRST_READ_BYTES: usize = 4 << 10;

/// Responses that one connection may owe before its next request is read. Kafka's clients keep five in flight; more than that is
/// a client that pipelines without end.
pub const RESPONSES_IN_FLIGHT: usize = 64;

/// What one connection may have unread of answers whose bytes are their own before its next one is made: two or three usual answers. A
/// client that pipelines and does not read holds so much, and one answer more.
pub const ANSWERS_OWED_BYTES: u64 = 64 << 10;

/// Responses that are ready together leave in one write, up to this many bytes: enough to save system calls, and little enough
/// that the first does not wait for the last.
pub const RESPONSE_GATHER_BYTES: usize = 256 << 10;

/// Frames above this take their memory from a budget of their own.
pub const LARGE_FRAME_BYTES: usize = 2 << 20;

/// How long a frame that has begun may stop, in milliseconds.
pub const FRAME_STALL_MS: u64 = 10_000;

/// Beyond that, a frame for which memory was taken must come at this rate at least, on average: less is a peer that keeps memory from others,
/// a byte now and then. A frame of 1 MiB has 18 s, one of 100 MiB a quarter of an hour: far longer than clients wait for an answer.
pub const MIN_FRAME_BYTES_PER_MS: u64 = 128;

/// How long a response may borrow buffers of the log engine while it is written, in milliseconds. What is left of it then is
/// copied, and the buffers go back.
pub const LEASE_MS: u64 = 500;

/// The same while others wait for memory for their responses: longer than a peer that reads needs for a response on a busy machine.
pub const LEASE_UNDER_PRESSURE_MS: u64 = 50;

/// How long a peer may read nothing of what it asked for, in milliseconds, though there is memory to keep it.
pub const WRITE_STALL_MS: u64 = 30_000;

/// Connections that a shard keeps open. Each costs a descriptor, two tasks and what its requests are owed; more than this is a
/// leak on the other side.
pub const CONNECTIONS_PER_SHARD: usize = 10_000;

/// Descriptors that a volume always has open: its round logs, checkpoints and spares, the root, the lock.
pub const DESCRIPTORS_PER_VOLUME: u64 = 12;

/// Descriptors of a shard for each listener: its socket, and the connection that waits to be let in.
pub const DESCRIPTORS_PER_LISTENER: u64 = 2;

/// Descriptors of the metadata log.
pub const DESCRIPTORS_OF_METADATA: u64 = 4;

/// With fewer than so many for connections, and as many for files, a node does not start.
pub const MIN_DESCRIPTORS: u64 = 64;

/// With fewer connections than that a start says that the limit of open files is too small.
pub const WARN_BELOW_CONNECTIONS: u32 = 4_000;

/// How long to wait before a file is opened again for which there was no descriptor.
pub const NO_DESCRIPTOR_WAIT: Duration = Duration::from_millis(20);

/// How long to wait before partitions are created again for which a disk had no room, and at most, if that goes on.
pub const CREATE_AGAIN_AFTER: Duration = Duration::from_millis(500);
pub const CREATE_AGAIN_AT_LEAST_EVERY: Duration = Duration::from_secs(8);

/// How long a stop waits for connections to end, in milliseconds: what was accepted is answered by then, or never read.
pub const DRAIN_MS: u64 = 5_000;

// ---- Lanes between shards

/// Messages of clients' traffic that fit into a lane where `logan.lane.messages` does not say.
pub const DEFAULT_LANE_MESSAGES: u32 = 256;

/// The fewest it may say.
pub const MIN_LANE_MESSAGES: u32 = 2;

// ---- Produce

/// Validation, and a search for a timestamp, let others run after about so many bytes of records.
pub const VALIDATION_STEP_BYTES: usize = 64 << 10;

/// What the records of one produced batch may come to, decompressed: more is a bomb.
pub const UNPACKED_BYTES: usize = 256 << 20;

/// Validation, or a search, that holds more than this between two steps takes its memory from a budget of its own: few of them must not keep all
/// others waiting. Kafka's own clients make windows of 2 MiB, and no level of zstd but the last three one of more than 8 MiB.
pub const LARGE_UNPACKING_BYTES: u64 = 16 << 20;

/// What a Produce holds at a time, for each byte that the arrays of its request take: 80 for a partition, of which a few bytes may be all there
/// is, its way to its owner and back, its answer's fields, and that in bytes. With records all of it is little beside the frame.
pub const PRODUCING_FACTOR: u64 = 4;

/// What a request takes in any case until it is answered: a queued answer, calls, places in tables. Its frame is charged for it.
pub const REQUEST_BYTES: u64 = 1 << 10;

/// Record errors that the answer to one Produce tells in all, where the request is large. Nobody reads a million sentences.
pub const RECORD_ERRORS: usize = 1000;

/// A smaller request is told one for so many of its own bytes: each is some 250 bytes while it is written, and a record that is invalid may be
/// less than a bit.
pub const RECORD_ERROR_PER_BYTES: usize = 32;

/// But this many, however small it is.
pub const MIN_RECORD_ERRORS: usize = 10;

// ---- Questions about offsets

/// So many of one request are looked up at a time: each may read a batch from disk, and a request asks about as many as fit into it.
pub const OFFSET_QUERIES_AT_ONCE: usize = 8;

/// What the log reads at a time to find the batch with a timestamp, and that batch stands in; a larger one is charged once it is there.
pub const SEARCH_BYTES: u64 = 1 << 20;

// ---- Fetch sessions

/// Partitions that the fetch sessions of one shard remember together: about 100 MB. A client whose session finds no room fetches without one.
pub const FETCH_SESSION_PARTS: usize = 200_000;

// ---- Log directories

/// The longest batch that is read back from a log. `max.message.bytes` may have been larger than it is now, so this is only a bound on
/// what a damaged length can ask for.
pub const STORED_BATCH_BYTES: usize = 1 << 30;

/// What a stored batch may come to when it is searched.
pub const STORED_BATCH_UNPACKED_BYTES: usize = 1 << 30;

/// A round that takes longer has met a directory that hangs.
pub const ROUND_HANGS_AFTER: Duration = Duration::from_secs(30);

/// How long a start waits for the lock of a log directory: a write that a killed process left under way lands within this, or the disk
/// hangs.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How often it looks.
pub const LOCK_RETRY: Duration = Duration::from_millis(5);

/// Files of logs that nobody uses are closed after this.
pub const FILES_CLOSE_AFTER: Duration = Duration::from_mins(1);

/// Of the files that a volume may count on, so many are new segments at once, which cannot be closed before they have their names: one in
/// so many.
pub const UNNAMED_FILES_DIVISOR: usize = 4;

// ---- Memory

/// Where `logan.memory.bytes` does not say what all shards together may use for data on its way, it is this part of the memory that the
/// process may have: the operating system, its page cache for the indexes, and whatever else runs there need the rest.
pub const DEFAULT_MEMORY_DIVISOR: u64 = 4;

/// But not less than this, or where the machine does not say what it has: below, one large frame would be a large part of it.
pub const MIN_DEFAULT_MEMORY_BYTES: u64 = 256 << 20;

/// Free buffers that a shard keeps at most.
pub const POOL_BYTES: u64 = 128 << 20;

/// Shares of a shard's memory: frames that were read, fetches that wait, write buffers not yet durable, cached ranges and disk reads, responses
/// that borrow buffers, copies of what is left of those that were not read in time, records that are decompressed, and answers of other kinds
/// while they are made and written, and batches that are searched. What remains is for state and for the reserves of replies and metadata, which no client can take.
pub const FRAME_PERCENT: u64 = 20;
pub const WAITING_PERCENT: u64 = 10;
pub const WRITE_BUFFER_PERCENT: u64 = 20;
pub const READ_PERCENT: u64 = 29;
pub const RESPONSE_PERCENT: u64 = 6;
pub const COPY_PERCENT: u64 = 4;
pub const UNPACKING_PERCENT: u64 = 4;
pub const ANSWER_PERCENT: u64 = 5;
pub const SEARCH_PERCENT: u64 = 1;

// ---- Responses

/// The most that one fetch returns, but for a first batch that is larger, whatever its client allows: so much memory is taken from the
/// shard's budget for responses before anything is read, and a client's `max_bytes` of 2 GiB, which most send, would shut out everybody else.
pub const RESPONSE_CREDIT_BYTES: u64 = 8 << 20;

/// What is taken from that budget at least: the first batch goes whatever its reader allows, and `message.max.bytes` is not more than this by default.
pub const FIRST_BATCH_BYTES: u64 = 1 << 20;

/// Where that budget is small, so many fetches of the largest size fit into it, so that one that is not read keeps few others waiting.
pub const RESPONSES_AT_ONCE: u64 = 8;

/// What a fetch that had to wait returns, but for a first batch that is larger: what came in since. It takes no memory while it waits, or a
/// few idle consumers would shut out everybody else.
pub const AWAITED_BYTES: u64 = 64 << 10;

/// What a fetch that waits keeps beside what it names: calls, timers, places in tables, in bytes.
pub const WAITING_FETCH_BYTES: u64 = 512;

// ---- Other answers

/// An answer that may come to more than this takes its memory from a budget of its own.
pub const LARGE_ANSWER_BYTES: u64 = 64 << 10;

/// What is held while an answer is made, for each byte that the arrays of its request take: the request, what is asked of other shards and
/// their answers, the answer's fields, and its bytes. The worst is `ListOffsets`, with 40 bytes for each partition, and some 230 in all.
pub const ANSWERING_FACTOR: u64 = 6;

/// The same for each byte of the frame: names are told again, in messages too.
pub const ANSWERING_TEXT_FACTOR: u64 = 4;

/// What any answer takes.
pub const MIN_ANSWER_BYTES: u64 = 1 << 10;

/// A topic, and a partition, in an answer about what there is: fields and bytes.
pub const DESCRIBED_TOPIC_BYTES: u64 = 256;
pub const DESCRIBED_PARTITION_BYTES: u64 = 320;

/// All settings of a topic, or of a broker, in an answer, with their synonyms: fields and bytes. The answer to a creation has no synonyms.
pub const DESCRIBED_SETTINGS_BYTES: u64 = 32 << 10;
pub const DESCRIBED_BROKER_BYTES: u64 = 256 << 10;
pub const CREATED_SETTINGS_BYTES: u64 = 12 << 10;

// ---- Names

/// A topic's name, in bytes. Kafka's bound: a directory's name of 255 bytes holds the topic, the partition and a suffix.
pub const TOPIC_NAME_BYTES: usize = 249;

/// Partitions of one topic: so many have numbers of five digits. A directory of a longer name than 255 bytes cannot be made, and would fail its
/// log directory.
pub const PARTITIONS_PER_TOPIC: i32 = 100_000;

// ---- Metadata

/// Records that one command may come to (Kafka's `MAX_RECORDS_PER_USER_OP`): one entry of the log, applied by every shard in one turn.
pub const RECORDS_PER_COMMAND: usize = 10_000;

// Otherwise state would have no memory.
const _: () = assert!(
    FRAME_PERCENT
        + WAITING_PERCENT
        + WRITE_BUFFER_PERCENT
        + READ_PERCENT
        + RESPONSE_PERCENT
        + COPY_PERCENT
        + UNPACKING_PERCENT
        + ANSWER_PERCENT
        + SEARCH_PERCENT
        < 100
);
// Pressure only shortens a lease, and a peer without memory is not kept for longer than one with it.
const _: () = assert!(LEASE_UNDER_PRESSURE_MS <= LEASE_MS && LEASE_MS <= WRITE_STALL_MS);
// A lane without a slot would never pass a message on, and there are half as many of our own.
const _: () = assert!(MIN_LANE_MESSAGES >= 2);
// One gathered write is no more than what a fetch has credit for.
const _: () = assert!(RESPONSE_GATHER_BYTES as u64 <= RESPONSE_CREDIT_BYTES);
// `<topic>-<partition>.<32 hex digits>-delete` must fit a file name of 255 bytes when the topic's name is cut; without the suffix it
// must fit whole, and partitions have up to five digits then.
const _: () = assert!(TOPIC_NAME_BYTES + 1 + 5 <= 255 && PARTITIONS_PER_TOPIC - 1 <= 99_999);
// A topic that is created has no more partitions than its command may have records.
const _: () = assert!(RECORDS_PER_COMMAND <= PARTITIONS_PER_TOPIC as usize);

//! The whole protocol between shards: closed, plain data, nothing that borrows.
//!
//! A message that expects an answer carries a [`Call`]; the answer is [`Mail::Answer`] with the same call number, sent in the reply
//! class. Client traffic travels as [`Class::Client`], metadata and everything else of our own as [`Class::Internal`].

mod router;

use std::sync::Arc;

use bytes::Bytes;
use logan_shards::{Class, Handoff};
use logan_storage::txn_index::AbortedTxn;
use logan_storage::{FailedMark, StoppedPart, VolumePart};

use crate::metadata::{Command, CommandOutcome, Image};
pub use router::{Pending, Router};

use crate::model::{
    ErrorCode, ImageVersion, LeaderEpoch, NodeId, Offset, PartNumber, PartitionId, RegistrationId, ShardId,
    Uuid,
};
use crate::quota::connections::ConnectionSlot;

/// Who asked, and the number by which the asker knows the question. Numbers are the asker's own, and are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub shard: ShardId,
    pub number: u64,
}

pub enum Mail {
    /// What a shard needs before it can serve: its part of every log directory and the metadata as recovered.
    Boot(Call, Box<Boot>),
    /// Create the logs that the metadata as recovered has here, and that there are not: every shard has booted.
    CreateMissing(Call),
    /// Bind a listener to each of these addresses; connections wait until [`Mail::Accept`].
    Listen(Call, Vec<String>),
    Accept(Call),
    /// A connection for the receiving shard, before its first byte was read.
    Socket(Handoff, ConnectionSlot),
    /// A connection of the receiving shard ends so that the node has no more than it may; if it has none that can be spared, that of so
    /// many other shards, one after another.
    MakeRoom(u16),
    /// A newer metadata image, and what changed since the one before.
    Image(Call, Box<ImageUpdate>),
    /// For the shard that runs the quorum: decide, commit, apply everywhere, then answer.
    Command(Call, Box<Command>),
    Append(Call, Box<AppendRequest>),
    Fetch(Call, Box<FetchRequest>),
    /// Answer the parked fetch of this call now, with what there is. Unknown calls were answered already.
    FetchNow(Call),
    /// A registration of the sender's ends. Nothing about it follows.
    Unregister(RegistrationId),
    Offsets(Call, Box<OffsetRequest>),
    /// For the shard that runs the quorum: how it stands.
    Quorum(Call),
    /// For the same: the log directory at this place in the settings has failed, as the sender was the first to see, perhaps.
    LostDirectory(usize),
    /// Answer everybody, and close their connections.
    Drain(Call),
    /// Finish rounds and stop the volumes.
    Stop(Call),
    /// There is nothing more to do: the shard's main future ends.
    End,
    Answer(u64, Box<Answer>),
}

impl Mail {
    pub fn class(&self) -> Class {
        match self {
            Mail::Append(..)
            | Mail::Fetch(..)
            | Mail::FetchNow(..)
            | Mail::Unregister(..)
            | Mail::Offsets(..)
            | Mail::Socket(..) => Class::Client,
            Mail::Boot(..)
            | Mail::CreateMissing(..)
            | Mail::Listen(..)
            | Mail::Accept(..)
            | Mail::Image(..)
            | Mail::Command(..)
            | Mail::Quorum(..)
            | Mail::LostDirectory(..)
            | Mail::MakeRoom(..)
            | Mail::Drain(..)
            | Mail::Stop(..)
            | Mail::End => Class::Internal,
            Mail::Answer(..) => Class::Reply,
        }
    }
}

#[derive(Debug)]
pub enum Answer {
    /// Nothing but "done", or why not.
    Done(Result<(), String>),
    /// The addresses that were bound.
    Listening(Result<Vec<String>, String>),
    Command(CommandOutcome),
    Append(Vec<AppendResult>),
    Fetch(FetchAnswer),
    Offsets(Vec<OffsetAnswer>),
    Quorum(QuorumStatus),
    /// For each log directory; `None` for one that is not closed cleanly.
    Stopped(Vec<Option<StoppedPart>>),
}

#[derive(Debug)]
pub struct Boot {
    /// One for each log directory, in the order of `log.dirs`; `None` where that directory is offline.
    pub volumes: Vec<Option<VolumePart>>,
    /// The directories' ids, and their marks of failure, which all shards share.
    pub directories: Vec<Uuid>,
    pub failed: Vec<Arc<FailedMark>>,
    pub image: Arc<Image>,
    /// Logs of topics that the image does not know are left alone: no topic was ever created here.
    pub keep_unknown: bool,
}

#[derive(Debug, Clone)]
pub struct ImageUpdate {
    pub version: ImageVersion,
    pub image: Arc<Image>,
    /// Topics created, deleted or changed by the records between the image before and this one.
    pub topics: Arc<Vec<Uuid>>,
    /// Configurations changed, or brokers, or features: everything a shard derives settings from.
    pub settings: bool,
}

/// The part of a Produce request that concerns one shard.
#[derive(Debug)]
pub struct AppendRequest {
    pub image: ImageVersion,
    /// 0, 1 or -1.
    pub acks: i16,
    pub parts: Vec<AppendPart>,
}

#[derive(Debug)]
pub struct AppendPart {
    pub partition: PartitionId,
    /// Validated batches; offsets and leader epoch are not yet stamped.
    pub batches: Bytes,
    /// The append time in milliseconds, if `message.timestamp.type=LogAppendTime`, else -1.
    pub append_time_ms: i64,
}

/// Kafka's error code and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendResult {
    pub error: ErrorCode,
    pub message: Option<String>,
    pub base_offset: Offset,
    pub append_time_ms: i64,
    pub log_start: Offset,
}

/// The part of a Fetch request that concerns one shard.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    pub image: ImageVersion,
    pub min_bytes: u64,
    /// Bytes this shard may send, over all parts. With 0, the owner only reports what is ready.
    pub grant: u64,
    /// The first batch of the first part that has any is sent even if it is larger than the grant (KIP-74).
    pub at_least_one: bool,
    /// What becomes of it while fewer than `min_bytes` are ready.
    pub when_short: WhenShort,
    /// Records that are not decided yet are not counted and not sent (KIP-98, `read_committed`).
    pub committed: bool,
    pub of: FetchOf,
}

/// What is fetched.
#[derive(Debug, Clone)]
pub enum FetchOf {
    /// These partitions. The answer says something about each, in their order.
    Parts(Vec<FetchPart>),
    /// What a session has of this shard's partitions, after these changes. The answer is about those that have news only: bytes that the
    /// session was not told of, another high watermark or log start than it was told, or an error. They come in the session's order.
    Session(RegistrationId, Vec<PartChange>),
}

/// What an owner is told of a session's parts. The first request of a registration tells it of all.
#[derive(Debug, Clone)]
pub enum PartChange {
    Set {
        /// Parts with a smaller one come first.
        order: u64,
        part: FetchPart,
        told: Told,
    },
    Forget(PartNumber),
}

/// What a session was last told of a partition; -1 where the next answer must mention it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub high_watermark: Offset,
    pub log_start: Offset,
}

/// What an owner does with a fetch for which too little is ready. An error of any part is answered at once, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenShort {
    /// Reads what there is.
    Read,
    /// Says what is ready, and reads nothing.
    Report,
    /// Waits until `min_bytes` are ready, or a [`Mail::FetchNow`] comes.
    Park,
}

#[derive(Debug, Clone, Copy)]
pub struct FetchPart {
    /// What the answer calls it.
    pub number: PartNumber,
    pub partition: PartitionId,
    pub offset: Offset,
    pub max_bytes: u64,
    /// -1 if the client does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// -1 if the client does not say.
    pub last_fetched_epoch: LeaderEpoch,
}

#[derive(Debug, Default)]
pub struct FetchAnswer {
    /// Bytes ready over all parts, as far as known from memory.
    pub ready: u64,
    /// See [`FetchOf`].
    pub parts: Vec<FetchedPart>,
}

#[derive(Debug, Clone, Default)]
pub struct FetchedPart {
    pub number: PartNumber,
    /// Parts with a smaller one come first, at other owners too.
    pub order: u64,
    pub error: ErrorCode,
    pub high_watermark: Offset,
    /// -1 if it is not known.
    pub last_stable: Offset,
    pub log_start: Offset,
    pub ready: u64,
    /// Where the client's log differs from ours (KIP-595): epoch and end offset.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// The present leader epoch, with the errors that speak of one (KIP-951).
    pub leader_epoch: LeaderEpoch,
    pub slices: Vec<Bytes>,
    pub bytes: u64,
    /// The aborted transactions with records in `slices`, if only committed ones are wanted.
    pub aborted: Vec<AbortedTxn>,
}

/// Questions about offsets of partitions of one shard.
#[derive(Debug)]
pub struct OffsetRequest {
    pub image: ImageVersion,
    pub queries: Vec<OffsetQuery>,
}

/// A question about the offsets of one partition.
#[derive(Debug, Clone)]
pub struct OffsetQuery {
    pub partition: PartitionId,
    /// -1 if the client does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// Only records that are decided count (`read_committed`).
    pub committed: bool,
    pub what: OffsetQuestion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetQuestion {
    Earliest,
    Latest,
    MaxTimestamp,
    /// The first record whose timestamp, in milliseconds, is at least this.
    AtTime(i64),
    /// The end of this leader epoch (KIP-101).
    EpochEnd(LeaderEpoch),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetAnswer {
    pub error: ErrorCode,
    pub offset: Offset,
    pub timestamp: i64,
    pub leader_epoch: LeaderEpoch,
}

/// The raft group of the metadata, as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumStatus {
    pub leader: Option<NodeId>,
    pub term: u64,
    pub committed: u64,
    pub voters: Vec<Voter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    pub node: NodeId,
    pub directory: Uuid,
    /// The index after the last entry of its log.
    pub log_end: u64,
}

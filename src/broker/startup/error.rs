//! Why a node does not come up.

use logan_shards as shards;

use super::claim::ClaimError;
use crate::limits;

/// Why a node did not come up, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Machine(#[from] shards::StartError),
    #[error(
        "{path} is in use by another process: stop it (its lock is held until its last write has landed), or name another \
         directory in log.dirs"
    )]
    Locked { path: String },
    #[error("{path}: {reason}")]
    Directory { path: String, reason: String },
    #[error("{path} and {other} are the same directory ({root}): name it once in log.dirs")]
    SameDirectory { path: String, other: String, root: String },
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(
        "all log directories have failed, or cannot be used, and a broker needs one: earlier lines say why"
    )]
    NoDirectory,
    #[error("metadata.log.dir {path} cannot be used, and there is no node without it: earlier lines say why")]
    NoMetadataDirectory { path: String },
    #[error("the metadata log: {0}")]
    Metadata(String),
    #[error("the controller refuses: {0}")]
    Refused(String),
    #[error(
        "{path}: no space left on the device, and what the metadata log had prepared is used up: free some, and start again. Nothing is lost"
    )]
    NoMetadataSpace { path: String },
    #[error(
        "a log directory is offline, and whether it holds topics to be taken over cannot be known: partitions that lie there would begin anew. \
         Bring it back, or take it out of log.dirs for good"
    )]
    NotAllThere,
    #[error(
        "{log} lies in {other} and in {path}. Move the one that is out of date away (`logan inspect log` shows where each ends), and start again"
    )]
    TwoLogs { log: String, path: String, other: String },
    #[error("the topics of the log directories cannot be taken over: {0}")]
    NotTakenOver(String),
    #[error(
        "{path} holds {log}, whose topic the metadata does not know by its id. If {log}/partition.metadata is damaged, restore that. Nothing is \
         deleted that the metadata does not say was deleted: run `logan recover \
         {path}`, move what is not of this node out of it, run `logan recover --accept-loss {path}`, and start again"
    )]
    UnknownTopic { path: String, log: String },
    #[error("{path} has failed: without its metadata, or without any log directory, a node cannot go on")]
    Lost { path: String },
    #[error(
        "`listeners` cannot be bound: {0}. If another process has the port, stop it (`ss -ltnp` names it) or give another one in `listeners`; \
         nothing in the log directories was changed"
    )]
    Listener(String),
    #[error(
        "told to stop while it started, and the start did not end within {} s: a disk does not answer",
        limits::ROUND_HANGS_AFTER.as_secs()
    )]
    Stopped,
    #[error("{0}")]
    Shard(String),
}

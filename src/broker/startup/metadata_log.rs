//! The metadata log is opened and replayed, and raft begins to run on it.

use std::rc::Rc;

use logan_raft::files::FileError;
use logan_raft::log::LogError;
use logan_raft::{Identity, QuorumError};
use logan_shards::{self as shards, Queue};

use super::StartError;
use super::claim::Claimed;
use crate::broker::raft_files::{NoPeers, RaftDirectory, ShardClock};
use crate::broker::{Shell, quorum, snapshots};
use crate::limits;

pub(super) async fn open(
    shell: &Rc<Shell>,
    cluster_id: &str,
    metadata: &Claimed,
) -> Result<quorum::OpenedMetadata, StartError> {
    let node_id = shell.plan.settings.broker.node_id.0;
    let identity = Identity { node_id, directory_id: metadata.id.0 };
    let directory = Rc::new(RaftDirectory(metadata.directory.clone()));
    let limits = shell.plan.metadata_limits.clone();
    let opening = logan_raft::open(directory, identity, true, limits, Box::new(shards::random_u64));
    let opened =
        answered(metadata, opening).await?.map_err(|error| StartError::Metadata(error.to_string()))?;
    let replayed = snapshots::replay(shell, cluster_id, opened.recovered).map_err(StartError::Metadata)?;
    let driver = opened.driver;
    let quorum = opened.quorum;
    let shell = shell.clone();
    shards::spawn(Queue::Control, async move {
        match driver.run(Rc::new(ShardClock), Rc::new(NoPeers)).await {
            Ok(()) => {}
            // Nothing was decided yet.
            Err(QuorumError::Log(LogError::File(FileError::NoSpace { .. })))
                if !shell.leads_quorum.is_set() =>
            {
                shell.no_metadata_space.set();
            }
            // Fail-stop: without its metadata log a node may not decide anything, and must not serve what others may have decided.
            Err(error) => panic!("the metadata log failed: {error}"),
        }
    })
    .detach();
    Ok(quorum::OpenedMetadata {
        quorum,
        events: opened.events,
        image: replayed.image,
        is_new: replayed.is_new,
        deletions: replayed.deletions,
    })
}

/// No volume watches the metadata's directory yet.
async fn answered<T>(claimed: &Claimed, asked: impl Future<Output = T>) -> Result<T, StartError> {
    let answer = shards::timeout(limits::ROUND_HANGS_AFTER, asked).await;
    answer.map_err(|_| StartError::Directory {
        path: claimed.directory.path(),
        reason: "the disk does not answer".to_owned(),
    })
}

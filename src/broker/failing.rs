//! A log directory that fails: whoever waits for its partitions is told, and nothing more is placed in it.

use std::rc::Rc;

use logan_shards::{self as shards, Queue};
use logan_storage::Volume;

use super::startup::StartError;
use super::{Shell, ask, partition_of};
use crate::mail::Mail;
use crate::metadata::{Command, QUORUM_SHARD};
use crate::model::Uuid;

/// Everyone who waits for a partition of a failed directory is told; a node without directories stops.
pub(super) fn watch(shell: &Rc<Shell>, place: usize, path: String, volume: Rc<Volume>) {
    let shell = shell.clone();
    shards::spawn(Queue::Control, async move {
        if !volume.until_failed().await {
            return;
        }
        tracing::error!(
            "{path} is offline: {}",
            volume.failed().reason().unwrap_or("it failed on another shard")
        );
        for log in volume.logs() {
            shell.owner.on_failed(partition_of(log.key()));
        }
        let any_left = shell.volumes.borrow().iter().flatten().any(|volume| !volume.failed().is_failed());
        let broker = &shell.plan.settings.broker;
        let keeps_metadata = broker.log_dirs[place] == broker.metadata_log_dir;
        if keeps_metadata || !any_left {
            let lost = StartError::Lost { path };
            tracing::error!("the node stops: {lost}");
            (shell.plan.report)(Err(lost));
            shell.stop.request();
        } else {
            // Other shards see the mark when they look next.
            shell.router.post(QUORUM_SHARD, Mail::LostDirectory(place));
        }
    })
    .detach();
}

/// On the shard of the quorum: nothing more is placed in a directory that failed.
pub(super) async fn lose_directory(shell: &Rc<Shell>, place: usize) {
    let directory = shell.directory_ids.borrow()[place];
    let command = Command::LoseDirectory { broker: shell.plan.settings.broker.node_id, directory };
    // A node's first start is refused, if it has not registered yet; whatever start it is, its registration leaves the directory out.
    if let Err(error) = ask::decide(shell, command).await {
        tracing::warn!("the metadata does not know that {directory} is offline: {error}");
    }
}

/// The ids of the directories in which something can be placed.
pub(super) fn online(shell: &Shell) -> Vec<Uuid> {
    let volumes = shell.volumes.borrow();
    let directories = shell.directory_ids.borrow();
    let is_online =
        |volume: &Option<Rc<Volume>>| volume.as_ref().is_some_and(|volume| !volume.failed().is_failed());
    volumes.iter().zip(&*directories).filter(|(volume, _)| is_online(volume)).map(|(_, id)| *id).collect()
}

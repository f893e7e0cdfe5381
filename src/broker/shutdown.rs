//! How a node goes down: no new connections, no new requests, what was accepted answered; volumes stopped, directories closed cleanly,
//! raft last.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use logan_shards::{self as shards, ShardId};
use logan_storage::disk::Directory as _;
use logan_storage::kafka_files::CleanShutdown;
use logan_storage::{StoppedPart, close_directory};

use super::startup::Started;
use super::{Shell, ask};
use crate::limits;
use crate::mail::{Answer, Mail};

pub(super) async fn bring_down(shell: &Rc<Shell>, started: Started) {
    if let Err(error) = ask::everyone(shell, Mail::Drain).await {
        tracing::error!("stop: {error}");
    }
    let parts = stop_all(shell).await;
    close_directories(started, parts).await;
    let quorum = shell.commands.borrow().as_ref().map(|commands| commands.quorum.clone());
    if let Some(quorum) = quorum {
        quorum.stop().await;
    }
    end(shell).await;
}

/// The start failed: what was begun is left as a crash would leave it.
pub(super) async fn abandon(shell: &Rc<Shell>) {
    end(shell).await;
}

async fn end(shell: &Rc<Shell>) {
    for shard in (0..shell.router.shards()).map(ShardId) {
        shell.router.tell(shard, Mail::End).await;
    }
    shell.ended.wait().await;
}

/// On each shard: answers everybody, and closes their connections.
pub(super) async fn drain(shell: &Rc<Shell>) {
    shell.owner.empty_parked();
    shell.connections.close_all();
    let patience = Duration::from_millis(limits::DRAIN_MS);
    if shards::timeout(patience, shell.connections.until_empty()).await.is_err() {
        tracing::warn!(
            connections = shell.connections.count(),
            "connections did not end in time and are cut"
        );
    }
}

async fn stop_all(shell: &Rc<Shell>) -> Vec<Vec<StoppedPart>> {
    let mut pending = Vec::new();
    for shard in (0..shell.router.shards()).map(ShardId) {
        pending.push(shell.router.ask(shard, Mail::Stop).await);
    }
    let directories = shell.plan.settings.broker.log_dirs.len();
    let mut parts: Vec<Vec<StoppedPart>> = (0..directories).map(|_| Vec::new()).collect();
    for answer in join_all(pending).await {
        if let Some(Answer::Stopped(stopped)) = answer {
            for (directory, part) in stopped.into_iter().enumerate() {
                parts[directory].extend(part);
            }
        }
    }
    parts
}

/// On each shard: stops its volumes. `None` for a directory that is offline or failed: it stays as a crash would leave it.
pub(super) async fn stop_volumes(shell: &Rc<Shell>) -> Vec<Option<StoppedPart>> {
    let volumes = shell.volumes.borrow().clone();
    join_all(volumes.into_iter().map(|volume| async move {
        let volume = volume?;
        match volume.stop().await {
            Ok(part) => Some(part),
            Err(error) => {
                tracing::error!(%error, "a log directory could not be stopped cleanly");
                None
            }
        }
    }))
    .await
}

async fn close_directories(started: Started, parts: Vec<Vec<StoppedPart>>) {
    let shards = usize::from(started.ready.shards);
    let closed = CleanShutdown { broker_epoch: started.broker_epoch, by_logan: true };
    for (directory, parts) in started.directories.into_iter().zip(parts) {
        let Some(directory) = directory else { continue };
        if parts.len() < shards {
            tracing::warn!("{} is not closed cleanly; the next start recovers it", directory.path());
            continue;
        }
        let path = directory.path();
        let closing = close_directory(directory, parts, closed);
        match shards::timeout(limits::ROUND_HANGS_AFTER, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!("{path} is not closed cleanly: {error}; the next start recovers it");
            }
            Err(_) => tracing::error!("{path} hangs and is not closed cleanly; the next start recovers it"),
        }
    }
}

//! Every shard is given its part of every directory: volumes are started, their logs put into service, and what is gone is deleted.

use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::join_all;
use logan_shards::{Directory, ShardId};
use logan_storage::{FailedMark, LogKey, OpenedDirectory, Volume, VolumeConfig, VolumePart, planted};

use super::StartError;
use super::claim::Claimed;
use crate::broker::disk::{LogDirectory, ShardHost};
use crate::broker::{Shell, applying, ask, failing, partition_of};
use crate::limits;
use crate::mail::{Boot, Mail};
use crate::metadata::Image;
use crate::model::{PartitionId, Uuid};

/// Gives every shard its part of every directory. Returns the directories' marks of failure.
pub(super) async fn boot_all(
    shell: &Rc<Shell>,
    claimed: &[Option<Claimed>],
    volumes: Vec<Option<OpenedDirectory>>,
    image: &Arc<Image>,
    is_new: bool,
) -> Result<Vec<Arc<FailedMark>>, StartError> {
    let ids: Vec<Uuid> =
        claimed.iter().map(|claimed| claimed.as_ref().map_or(Uuid::ZERO, |claimed| claimed.id)).collect();
    let marks: Vec<Arc<FailedMark>> = claimed.iter().map(|_| Arc::default()).collect();
    let mut parts: Vec<_> =
        volumes.into_iter().map(|opened| opened.map(|opened| opened.parts.into_iter())).collect();
    let mut booted = Vec::new();
    for shard in (0..shell.router.shards()).map(ShardId) {
        let volumes = parts.iter_mut().map(|parts| parts.as_mut().and_then(Iterator::next)).collect();
        let boot = Boot {
            volumes,
            directories: ids.clone(),
            failed: marks.clone(),
            image: image.clone(),
            keep_unknown: is_new,
        };
        booted.push(shell.router.ask(shard, |call| Mail::Boot(call, Box::new(boot))).await);
    }
    ask::all_done(join_all(booted).await)?;
    Ok(marks)
}

/// On each shard: starts its volumes, puts their logs into service, and deletes what is gone.
pub(in crate::broker) async fn boot(shell: &Rc<Shell>, boot: Boot) -> Result<(), String> {
    *shell.directory_ids.borrow_mut() = boot.directories;
    let paths = shell.plan.settings.broker.log_dirs.clone();
    for (place, (part, failed)) in boot.volumes.into_iter().zip(boot.failed).enumerate() {
        let path = paths[place].display().to_string();
        let volume = match part {
            Some(part) => start_or_fail(shell, place, &path, part, failed, &boot.image).await?,
            None => None,
        };
        shell.volumes.borrow_mut().push(volume);
    }
    if failing::online(shell).is_empty() {
        return Err(StartError::NoDirectory.to_string());
    }
    // Not before all are there: whoever sees one fail asks whether others are left.
    for (place, volume) in shell.volumes.borrow().iter().enumerate() {
        if let Some(volume) = volume {
            failing::watch(shell, place, paths[place].display().to_string(), volume.clone());
        }
    }
    let volumes: Vec<_> = shell.volumes.borrow().iter().flatten().cloned().collect();
    let mut gone = Vec::new();
    for log in volumes.iter().flat_map(|volume| volume.logs()) {
        let id = partition_of(log.key());
        match boot.image.topic_by_id(id.topic) {
            Some(topic) => applying::host(shell, &boot.image, topic, id, log),
            None if boot.keep_unknown => {}
            // Its topic was deleted, and the node went down before the log was.
            None => gone.push(log),
        }
    }
    applying::delete_logs(shell, gone).await;
    shell.context.set_image(boot.image.clone(), boot.image.version());
    Ok(())
}

/// On each shard, when all have deleted what is gone. A topic may have been committed just before the node went down, and its logs not created.
/// It cannot be told from one whose logs are gone with everything that knew of them, so the start says what it begins anew.
pub(in crate::broker) async fn create_missing(shell: &Rc<Shell>) {
    let image = &shell.context.image();
    let mut missing = Vec::new();
    for topic in image.topics() {
        for (index, partition) in &topic.partitions {
            let id = PartitionId { topic: topic.id, index: *index };
            if applying::is_here(shell, id, partition) && shell.owner.hosted(id).is_none() {
                missing.push((id, topic.clone()));
            }
        }
    }
    if let Some((id, topic)) = missing.first() {
        tracing::warn!(
            "{}-{} and {} other partitions have no log here and begin anew, empty: that is right if they were created just before the node \
             went down, and a loss of their records if a log directory was emptied or replaced since",
            topic.name,
            id.index,
            missing.len() - 1
        );
    }
    applying::create(shell, image, missing).await;
}

/// A volume that cannot be started takes its directory offline, on all shards, as one that fails later does; unless that keeps the metadata.
async fn start_or_fail(
    shell: &Rc<Shell>,
    place: usize,
    path: &str,
    part: VolumePart,
    failed: Arc<FailedMark>,
    image: &Arc<Image>,
) -> Result<Option<Rc<Volume>>, String> {
    let error = match start_volume(shell, path, part, failed.clone(), image).await {
        Ok(volume) => return Ok(Some(volume)),
        Err(error) => error,
    };
    let settings = &shell.plan.settings.broker;
    if planted(shell.plan.mutations.insist_on_volumes)
        || settings.log_dirs[place] == settings.metadata_log_dir
    {
        return Err(error);
    }
    failed.fail(&error);
    tracing::error!("a log directory is offline: {path}: {error}");
    Ok(None)
}

async fn start_volume(
    shell: &Rc<Shell>,
    path: &str,
    part: VolumePart,
    failed: Arc<FailedMark>,
    image: &Arc<Image>,
) -> Result<Rc<Volume>, String> {
    let directory = Directory::open(path).await.map_err(|error| error.to_string())?;
    // Every ring that writes here holds the lock.
    directory.lock().await.map_err(|error| error.to_string())?;
    let settings = &shell.plan.settings.broker;
    let directories = settings.log_dirs.len() as u64;
    let share = |percent: u64| (shell.memory / 100 * percent / directories) as usize;
    let config = VolumeConfig {
        ack_sync: settings.ack_sync,
        write_buffer_bytes: share(limits::WRITE_BUFFER_PERCENT),
        cache_bytes: share(limits::READ_PERCENT),
        recovery_bytes: settings.recovery_bytes,
        max_batch_bytes: limits::STORED_BATCH_BYTES,
        hang_after: limits::ROUND_HANGS_AFTER,
        close_after: limits::FILES_CLOSE_AFTER,
        max_spares: shell.plan.loads.files / limits::UNNAMED_FILES_DIVISOR,
        mutations: shell.plan.mutations.storage,
    };
    let log_config = |key: &LogKey| applying::log_config_of(shell, image, key);
    let directory = Rc::new(LogDirectory::new(directory));
    let volume = Volume::start(directory, Rc::new(ShardHost), part, config, &log_config, failed)
        .await
        .map_err(|error| error.to_string())?;
    let owner = shell.owner.clone();
    volume.set_settled_hook(Rc::new(move |log| owner.on_settled(log)));
    Ok(volume)
}

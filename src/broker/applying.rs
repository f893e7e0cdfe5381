//! A new metadata image becomes logs, leaders and settings on this shard.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::join_all;
use logan_shards::{self as shards, Queue};
use logan_storage::{AppendError, Log, LogConfig, LogKey, Volume, planted};

use super::owner::Hosted;
use super::{Shell, listener};
use crate::config::{LiveSettings, Overrides, TopicSettings};
use crate::mail::ImageUpdate;
use crate::metadata::{Image, Partition, QUORUM_SHARD, Resource, Topic};
use crate::model::{ImageVersion, Offset, PartitionId};
use crate::partition::{Effects, Leadership, Replica};
use crate::{handlers, limits};

/// Makes what the update says true here, and then lets requests see it. Returns the logs of deleted topics, which nobody is served from any
/// more: the update is applied when they are deleted, too.
pub(super) async fn apply(shell: &Rc<Shell>, update: ImageUpdate) -> Vec<Rc<Log>> {
    let before = shell.context.image();
    let (mut missing, mut gone) = (Vec::new(), Vec::new());
    for id in update.topics.iter() {
        match (before.topic_by_id(*id), update.image.topic_by_id(*id)) {
            (_, Some(topic)) => missing.extend(update_topic(shell, &update.image, topic)),
            (Some(topic), None) => gone.extend(evict(shell, topic)),
            // Created and deleted in one step.
            (None, None) => {}
        }
    }
    create(shell, &update.image, missing).await;
    if update.settings {
        update_settings(shell, &update.image);
    }
    shell.context.set_image(update.image, update.version);
    gone
}

/// Updates the partitions of a topic that are here; returns those that are to be created.
fn update_topic(shell: &Rc<Shell>, image: &Image, topic: &Arc<Topic>) -> Vec<(PartitionId, Arc<Topic>)> {
    let mut missing = Vec::new();
    for (index, partition) in &topic.partitions {
        let id = PartitionId { topic: topic.id, index: *index };
        if !is_here(shell, id, partition) {
            continue;
        }
        match shell.owner.hosted(id) {
            Some(hosted) => update_replica(shell, image, &hosted, topic, partition),
            None => missing.push((id, topic.clone())),
        }
    }
    missing
}

/// Whether this shard of this node keeps a replica of the partition.
pub(super) fn is_here(shell: &Shell, id: PartitionId, partition: &Partition) -> bool {
    shell.router.owner(id) == shell.router.shard()
        && partition.replicas.contains(&shell.plan.settings.broker.node_id)
}

fn update_replica(shell: &Rc<Shell>, image: &Image, hosted: &Hosted, topic: &Topic, partition: &Partition) {
    let mut effects = Effects::default();
    hosted.replica.borrow_mut().on_leadership(leadership(shell, partition), &mut effects);
    shell.owner.carry_out(effects);
    configure(shell, image, hosted, topic);
}

fn configure(shell: &Shell, image: &Image, hosted: &Hosted, topic: &Topic) {
    let (min_in_sync, config) = resolve(shell, image, &topic.name);
    hosted.min_in_sync.set(min_in_sync);
    hosted.log.set_config(config);
}

fn leadership(shell: &Shell, partition: &Partition) -> Leadership {
    Leadership {
        is_leader: partition.leader == Some(shell.plan.settings.broker.node_id),
        epoch: partition.leader_epoch,
        replicas: partition.replicas.len(),
        in_sync: partition.isr.len(),
    }
}

/// What was last resolved for the partitions of a topic. A start and a change of settings ask for all of them, and most topics have no
/// settings of their own, so the answer is nearly always the one before.
pub(super) struct Resolved {
    version: ImageVersion,
    overrides: Overrides,
    min_in_sync: usize,
    log: LogConfig,
}

/// `min.insync.replicas` of a topic, and what the log engine is told of its settings.
fn resolve(shell: &Shell, image: &Image, topic: &str) -> (usize, LogConfig) {
    let overrides = image.config(&Resource::Topic(topic.to_owned()));
    if let Some(last) = &*shell.resolved.borrow()
        && last.version == image.version()
        && last.overrides == *overrides
    {
        return (last.min_in_sync, last.log.clone());
    }
    let layers = handlers::layers(&shell.plan.settings, image);
    let settings = TopicSettings::resolve(&layers, overrides);
    let min_in_sync = usize::try_from(settings.min_insync_replicas).unwrap_or(1);
    let log = log_config(&settings, &LiveSettings::resolve(&layers));
    let resolved =
        Resolved { version: image.version(), overrides: overrides.clone(), min_in_sync, log: log.clone() };
    shell.resolved.replace(Some(resolved));
    (min_in_sync, log)
}

fn log_config(settings: &TopicSettings, live: &LiveSettings) -> LogConfig {
    LogConfig {
        segment_bytes: settings.segment_bytes as u32,
        segment_ms: settings.segment_ms,
        segment_jitter_ms: settings.segment_jitter_ms,
        segment_index_bytes: settings.segment_index_bytes as u32,
        index_interval_bytes: settings.index_interval_bytes as u32,
        flush_messages: settings.flush_messages as u64,
        flush_ms: settings.flush_ms,
        producer_expiration_ms: live.producer_id_expiration_ms,
    }
}

/// The settings of a log that recovery found, by the image of the start.
pub(super) fn log_config_of(shell: &Shell, image: &Image, key: &LogKey) -> LogConfig {
    resolve(shell, image, &key.topic).1
}

/// Puts a log that exists into service.
pub(super) fn host(shell: &Rc<Shell>, image: &Image, topic: &Topic, id: PartitionId, log: Rc<Log>) {
    let Some(partition) = topic.partitions.get(&id.index) else { return };
    let ends = log.ends();
    let replica = Replica::new(leadership(shell, partition), Offset(ends.log_start), Offset(ends.log_end));
    let hosted = Hosted::new(id, log, replica, 1);
    configure(shell, image, &hosted, topic);
    shell.owner.host(hosted);
}

/// Creates logs, those of one directory together, and puts them into service. Those for which the disk has no room follow once it has.
pub(super) async fn create(shell: &Rc<Shell>, image: &Image, missing: Vec<(PartitionId, Arc<Topic>)>) {
    let refused = create_now(shell, image, missing).await;
    if refused.is_empty() {
        return;
    }
    let mut uncreated = shell.uncreated.borrow_mut();
    if uncreated.is_empty() {
        tracing::error!("no space left in a log directory: new partitions answer errors until there is some");
        shards::spawn(Queue::Control, create_later(shell.clone())).detach();
    }
    uncreated.extend(refused);
}

/// Creates what had no room, until all of it is there. Topics may be gone by now: the image says what is still missing.
async fn create_later(shell: Rc<Shell>) {
    let mut wait = limits::CREATE_AGAIN_AFTER;
    while !shell.uncreated.borrow().is_empty() && !shell.stop.is_requested() {
        shards::sleep(wait).await;
        wait = (2 * wait).min(limits::CREATE_AGAIN_AT_LEAST_EVERY);
        // No image is applied meanwhile: a name must not be given to a new topic while the log of an old one is made.
        let _turn = shell.applying.lock().await;
        let image = shell.context.image();
        let uncreated = shell.uncreated.borrow().clone();
        let still_missing = uncreated.iter().filter_map(|id| {
            let topic = image.topic_by_id(id.topic)?;
            let partition = topic.partitions.get(&id.index)?;
            let is_missing = is_here(&shell, *id, partition) && shell.owner.hosted(*id).is_none();
            is_missing.then(|| (*id, topic.clone()))
        });
        let missing: Vec<_> = still_missing.collect();
        let count = missing.len();
        let refused = create_now(&shell, &image, missing).await;
        if refused.len() < count {
            tracing::info!("{} partitions were created, now that there is space", count - refused.len());
        }
        shell.uncreated.replace(refused.into_iter().collect());
    }
}

/// Returns those for which there is no room.
async fn create_now(
    shell: &Rc<Shell>,
    image: &Image,
    missing: Vec<(PartitionId, Arc<Topic>)>,
) -> Vec<PartitionId> {
    let mut by_volume: BTreeMap<usize, Vec<(PartitionId, Arc<Topic>)>> = BTreeMap::new();
    for (id, topic) in missing {
        if let Some(log) = existing(shell, &topic, id) {
            host(shell, image, &topic, id, log);
            continue;
        }
        let Some(volume) = volume_for(shell, &topic, id) else {
            tracing::error!(topic = topic.name, partition = %id.index, "its log directory is offline, and so is the partition");
            shell.owner.set_offline(id);
            continue;
        };
        by_volume.entry(volume).or_default().push((id, topic));
    }
    let creations = by_volume.into_iter().map(|(at, partitions)| async move {
        let Some(volume) = shell.volumes.borrow()[at].clone() else { return Vec::new() };
        let ids: Vec<PartitionId> = partitions.iter().map(|(id, _)| *id).collect();
        let Err(error) = create_in(shell, image, &volume, partitions).await else { return Vec::new() };
        for id in &ids {
            shell.owner.set_offline(*id);
        }
        if error == AppendError::NoSpace {
            return ids;
        }
        tracing::error!(%error, "partitions could not be created; they answer errors until the next start");
        Vec::new()
    });
    join_all(creations).await.concat()
}

/// The log of a topic that is taken over, which was here before the topic.
fn existing(shell: &Shell, topic: &Topic, id: PartitionId) -> Option<Rc<Log>> {
    let key = LogKey { topic: topic.name.clone(), topic_id: topic.id.0, partition: id.index.0 };
    shell.volumes.borrow().iter().flatten().find_map(|volume| volume.log(&key))
}

async fn create_in(
    shell: &Rc<Shell>,
    image: &Image,
    volume: &Rc<Volume>,
    partitions: Vec<(PartitionId, Arc<Topic>)>,
) -> Result<(), AppendError> {
    let wanted = partitions.iter().map(|(id, topic)| {
        let key = LogKey { topic: topic.name.clone(), topic_id: topic.id.0, partition: id.index.0 };
        let config = log_config_of(shell, image, &key);
        (key, config)
    });
    let logs = volume.create_logs(wanted.collect()).await?;
    for ((id, topic), log) in partitions.into_iter().zip(logs) {
        host(shell, image, &topic, id, log);
    }
    Ok(())
}

/// The volume in which the metadata places a partition, or the one with the fewest logs where it leaves the choice. `None` if that
/// is offline: the partition's records may lie there, so an empty log elsewhere would hide them and give their offsets again.
fn volume_for(shell: &Shell, topic: &Topic, id: PartitionId) -> Option<usize> {
    let node = shell.plan.settings.broker.node_id;
    let assigned = topic.partitions.get(&id.index).and_then(|partition| partition.directory_of(node));
    let volumes = shell.volumes.borrow();
    let directories = shell.directory_ids.borrow();
    let online = |at: usize| volumes[at].as_ref().filter(|volume| !volume.failed().is_failed()).map(|_| at);
    if let Some(assigned) = assigned {
        return directories.iter().position(|id| *id == assigned).and_then(online);
    }
    let logs = |at: &usize| volumes[*at].as_ref().map_or(0, |volume| volume.logs().len());
    (0..volumes.len()).filter_map(online).min_by_key(logs)
}

/// Takes the partitions of a topic that are here out of service.
fn evict(shell: &Rc<Shell>, topic: &Topic) -> Vec<Rc<Log>> {
    let here = topic.partitions.keys().map(|index| PartitionId { topic: topic.id, index: *index });
    here.filter_map(|id| shell.owner.evict(id)).map(|hosted| hosted.log.clone()).collect()
}

/// Deletes logs, all together, since they share rounds and syncs. Until this returns, no log of the same name may be created anywhere.
pub(super) async fn delete_logs(shell: &Shell, logs: Vec<Rc<Log>>) {
    if planted(shell.plan.mutations.keep_deleted_logs) {
        return;
    }
    join_all(logs.iter().map(|log| delete_log(shell, log))).await;
}

/// Deletes a log, in whichever directory it lies.
async fn delete_log(shell: &Shell, log: &Rc<Log>) {
    let volumes: Vec<_> = shell.volumes.borrow().iter().flatten().cloned().collect();
    let Some(volume) =
        volumes.iter().find(|volume| volume.log(log.key()).is_some_and(|own| Rc::ptr_eq(&own, log)))
    else {
        return;
    };
    if let Err(error) = volume.delete_log(log).await {
        tracing::error!(log = %log.key(), %error, "the log of a deleted topic could not be deleted; the next start does it");
    }
}

fn update_settings(shell: &Rc<Shell>, image: &Arc<Image>) {
    if shell.router.shard() == QUORUM_SHARD {
        // The limits are the node's, and names among them are looked up, which may take long.
        let (shell, image) = (shell.clone(), image.clone());
        shards::spawn(Queue::Control, async move { listener::set_limits(&shell, &image).await }).detach();
    }
    let all: Vec<_> = shell.owner.all();
    for hosted in all {
        if let Some(topic) = image.topic_by_id(hosted.id.topic) {
            configure(shell, image, &hosted, topic);
        }
    }
}

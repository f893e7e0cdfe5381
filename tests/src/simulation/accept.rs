//! `logan recover --accept-loss`, where a node refuses a directory, or a partition its records.
//!
//! Checked:
//! - the recovery ends, and the broker starts after it
//! - each partition has a beginning of what it had, in order, and nothing else; those of other directories have all of it
//! - what is gone is told
//! - where something is gone, what follows is of a leader epoch that nobody was told of
//! - new producers are served

use logan::protocol::ErrorCode;

use super::client::Client;
use super::damage::{self, Told};
use super::disks;
use super::history::Partition;
use super::run::{LONG, Stage};
use super::work;

/// What recovery can do nothing about: who the node is, and its metadata.
pub(super) fn is_beyond(path: &str) -> bool {
    path.contains("logan-metadata-") || path.ends_with("meta.properties")
}

/// The losses of a directory are accepted, and the broker is started again.
pub(super) fn accept_losses(stage: &Stage, directory: &str) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    if simulation.is_running(node) {
        simulation.kill(node);
    }
    damage::settle(stage);
    // What is begun anew may be begun elsewhere.
    let concerned = disks::partitions_in(stage, directory);
    let mut losses = Vec::new();
    for recovered in stage.broker.recover(simulation) {
        match recovered {
            Ok(of_directory) => losses.extend(of_directory),
            Err(reason) => {
                return stage.shared.fail(format!("a loss is to be accepted, and is not: {reason}"));
            }
        }
    }
    stage.befell.borrow_mut().push(format!("accepted: {losses:?}"));
    damage::settle(stage);
    if let Err(reason) = damage::start(stage) {
        return stage.shared.fail(format!("a loss was accepted, and the broker does not start: {reason}"));
    }
    for partition in 0..stage.shared.partitions {
        match lose(stage, partition, concerned.contains(&partition)) {
            Ok(0) => {}
            Ok(_) if !losses.is_empty() => {}
            Ok(count) => stage
                .shared
                .fail(format!("partition {partition} has lost {count} records, and nobody is told")),
            Err(reason) => stage.shared.fail(reason),
        }
    }
    if stage.has_failed() {
        return;
    }
    stage.strike("a loss was accepted");
    for partition in 0..stage.shared.partitions {
        let log = stage.shared.history.borrow().acknowledged_of(partition);
        if matches!(damage::examine(stage, partition, &log), Told::Refuses) {
            return stage.shared.fail(format!("a loss was accepted, and partition {partition} refuses"));
        }
    }
    if stage.has_failed() {
        return;
    }
    let found = damage::read_all(stage);
    stage.shared.note(stage.shared.history.borrow().check(&found));
    if !stage.has_failed() {
        damage::go_on(stage, found.into_keys().collect());
    }
}

/// Whether the node, or what lies in a directory, is not there. (A batch that cannot be read is no reason to give it up: its partition says so,
/// and goes on behind it.)
pub(super) fn is_offline(stage: &Stage, directory: &str) -> bool {
    if !stage.simulation.is_running(stage.broker.node) {
        return true;
    }
    disks::partitions_in(stage, directory).into_iter().any(|partition| refuses(stage, partition))
}

/// Whether a partition does not say where it ends.
fn refuses(stage: &Stage, partition: Partition) -> bool {
    let shared = stage.shared.clone();
    stage.simulation.block_on(LONG, async move {
        let asking = async |client: &mut Client| Ok(Some(work::latest(client, partition).await?.error_code));
        work::insist(&shared, asking).await == ErrorCode::KAFKA_STORAGE_ERROR
    })
}

/// Of a partition that is concerned the end may be lost. How many records that are. It says in the end how many it has.
pub(super) fn lose(stage: &Stage, partition: Partition, is_concerned: bool) -> Result<i64, String> {
    let shared = &stage.shared;
    let (length, led_in) = {
        let shared = shared.clone();
        let asking = async move {
            work::insist(&shared, async |client| {
                let latest = work::latest(client, partition).await?;
                Ok((latest.error_code == ErrorCode::NONE).then_some((latest.offset, latest.leader_epoch)))
            })
            .await
        };
        stage.simulation.block_on(LONG, asking)
    };
    let had = shared.history.borrow().acknowledged_of(partition).len() as i64;
    if length >= had {
        return Ok(0);
    }
    if !is_concerned {
        return Err(format!(
            "partition {partition} has {length} records of {had}, and lies in another directory"
        ));
    }
    let newest = shared.history.borrow().epochs.newest(partition);
    if newest.is_some_and(|newest| i64::from(led_in) <= newest) {
        return Err(format!(
            "partition {partition} lost records of leader epoch {newest:?}, and goes on in {led_in}"
        ));
    }
    shared.history.borrow_mut().cut(partition, length);
    if let Some(acknowledged) = shared.acknowledged_at.borrow_mut().get_mut(&partition) {
        acknowledged.retain(|told| told.end <= length);
    }
    // Of producers the last batches may be gone: others go on.
    shared.producers.borrow_mut().retain(|_, producer| producer.partition != partition);
    Ok(had - length)
}

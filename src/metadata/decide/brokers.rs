//! Brokers: registration, and log directories that fail.
//!
//! A broker registers once it can serve, and counts as alive from then on. Fencing by missed heartbeats comes with replication.

use std::sync::Arc;

use super::{Draft, Stop, registered};
use crate::metadata::image::{Broker, FeatureRange, Partition};
use crate::metadata::record::{BrokerChange, PartitionChange, Record};
use crate::metadata::{BrokerRegistration, Reply, SUPPORTED_FEATURES};
use crate::model::{LeaderEpoch, NodeId, PartitionEpoch, PartitionId, Uuid};

pub(super) fn register(draft: &mut Draft<'_>, asked: &BrokerRegistration) -> Reply {
    let before = draft.image.broker(asked.id);
    let after = registration(draft, asked, before);
    let epoch = after.epoch;
    if before == Some(&after) {
        return Reply::Registered { epoch };
    }
    let started = before.is_none_or(|before| before.incarnation != asked.incarnation);
    if before.is_none() && draft.image.features().next().is_none() {
        // The first broker of a new cluster decides its features.
        for feature in SUPPORTED_FEATURES {
            draft.push_unbounded(Record::FeatureLevel { name: feature.name.to_owned(), level: feature.max });
        }
    }
    draft.push_unbounded(Record::RegisterBroker(after));
    if started {
        lead_again(draft, asked.id);
    }
    Reply::Registered { epoch }
}

pub(super) fn lose_directory(draft: &mut Draft<'_>, id: NodeId, directory: Uuid) -> Result<Reply, Stop> {
    let broker = registered(&draft.image, id)?;
    let left: Vec<Uuid> = broker.log_dirs.iter().copied().filter(|online| *online != directory).collect();
    if left.len() < broker.log_dirs.len() {
        let change = BrokerChange {
            id,
            epoch: broker.epoch,
            fenced: None,
            begins_shutdown: false,
            log_dirs: Some(left),
        };
        draft.push_unbounded(Record::BrokerChange(change));
    }
    Ok(Reply::Done(vec![Ok(())]))
}

fn registration(draft: &Draft<'_>, asked: &BrokerRegistration, before: Option<&Broker>) -> Broker {
    let features = SUPPORTED_FEATURES.iter().map(|feature| FeatureRange {
        name: feature.name.to_owned(),
        min: feature.min,
        max: feature.max,
    });
    let epoch = match before {
        // Asked again: the same registration.
        Some(before) if before.incarnation == asked.incarnation => before.epoch,
        // An entry follows the image's version, so the index after it is above every epoch before.
        Some(before) => (before.epoch + 1).max(draft.image.version().0 as i64 + 1),
        None => draft.image.version().0 as i64 + 1,
    };
    Broker {
        id: asked.id,
        epoch,
        incarnation: asked.incarnation,
        endpoints: asked.endpoints.clone(),
        features: features.collect(),
        rack: asked.rack.clone(),
        fenced: false,
        in_controlled_shutdown: false,
        log_dirs: asked.log_dirs.clone(),
    }
}

/// A broker that started leads in a new epoch where there are other replicas, which may have seen what it lost. Where nobody leads but it can, it
/// does. Of what it keeps alone it says itself what must be led anew, once it knows its logs.
fn lead_again(draft: &mut Draft<'_>, id: NodeId) {
    let needs = |partition: &Partition| match partition.leader {
        Some(leader) => leader == id && partition.replicas.len() > 1,
        None => partition.isr.contains(&id),
    };
    let changes: Vec<Record> = draft
        .image
        .topics()
        .flat_map(|topic| {
            topic.partitions.iter().map(move |(index, partition)| (topic.id, *index, partition))
        })
        .filter(|(_, _, partition)| needs(partition))
        .map(|(topic, index, _)| elected(PartitionId { topic, index }, id))
        .collect();
    for change in changes {
        draft.push_unbounded(change);
    }
}

/// The next epoch, or one above what the log knows.
pub(super) fn begin_leader_epochs(
    draft: &mut Draft<'_>,
    id: NodeId,
    partitions: &[(PartitionId, LeaderEpoch)],
) -> Result<Reply, Stop> {
    registered(&draft.image, id)?;
    for (partition, newest) in partitions {
        let is_led = |led: &&Arc<Partition>| led.leader == Some(id) && led.leader_epoch.0 < i32::MAX;
        let led = draft.image.partition(*partition).filter(is_led);
        let Some(before) = led else { continue };
        let record = if *newest > before.leader_epoch {
            // A change raises the epoch by one.
            let after = Partition {
                leader_epoch: LeaderEpoch(newest.0.saturating_add(1)),
                partition_epoch: PartitionEpoch(before.partition_epoch.0 + 1),
                ..Partition::clone(before)
            };
            Record::Partition { id: *partition, partition: after }
        } else {
            elected(*partition, id)
        };
        draft.push_unbounded(record);
    }
    Ok(Reply::Done(vec![Ok(())]))
}

fn elected(partition: PartitionId, leader: NodeId) -> Record {
    Record::PartitionChange(PartitionChange {
        leader: Some(Some(leader)),
        ..PartitionChange::none(partition)
    })
}

//! Brokers: registration, and log directories that fail.
//!
//! A broker registers once it can serve, and counts as alive from then on. Fencing by missed heartbeats comes with replication.

use std::sync::Arc;

use super::{Draft, Stop, registered};
use crate::limits::RECORDS_PER_COMMAND;
use crate::metadata::image::{Broker, FeatureRange, Partition, Topic};
use crate::metadata::record::{BrokerChange, PartitionChange, Record};
use crate::metadata::{Registration, Reply, SUPPORTED_FEATURES};
use crate::model::{NodeId, PartitionId, PartitionIndex, Uuid};

pub(super) fn register(draft: &mut Draft<'_>, asked: &Registration) -> Reply {
    let before = draft.image.broker(asked.id);
    let after = registration(draft, asked, before);
    let epoch = after.epoch;
    if before == Some(&after) {
        return Reply::Registered { epoch };
    }
    if before.is_none() && draft.image.features().next().is_none() {
        // The first broker of a new cluster decides its features.
        for feature in SUPPORTED_FEATURES {
            draft.push_unbounded(Record::FeatureLevel { name: feature.name.to_owned(), level: feature.max });
        }
    }
    draft.push_unbounded(Record::RegisterBroker(after));
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

fn registration(draft: &Draft<'_>, asked: &Registration, before: Option<&Broker>) -> Broker {
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

/// A broker that started leads in a new epoch where its log may have lost a tail that others saw: where there are other replicas, and
/// where acknowledgements do not wait for the disk. Where nobody leads but it can, it does. There may be more such partitions than one entry of
/// the log has room for.
pub(super) fn begin_leader_epochs(
    draft: &mut Draft<'_>,
    id: NodeId,
    after: Option<&(String, PartitionIndex)>,
) -> Result<Reply, Stop> {
    registered(&draft.image, id)?;
    let synced = draft.with_own_layers(|layers| layers.boolean("logan.ack.sync"));
    let needs = |partition: &Partition| match partition.leader {
        Some(leader) => leader == id && (!synced || partition.replicas.len() > 1),
        None => partition.isr.contains(&id),
    };
    let is_left = |topic: &Topic, index: PartitionIndex| {
        after.is_none_or(|(name, last)| (topic.name.as_str(), index) > (name.as_str(), *last))
    };
    let partitions = draft
        .image
        .topics()
        .flat_map(|topic| topic.partitions.iter().map(move |(index, partition)| (topic, *index, partition)));
    let wanted = partitions.filter(|(topic, index, partition)| is_left(topic, *index) && needs(partition));
    let wanted: Vec<(Arc<Topic>, PartitionIndex)> =
        wanted.map(|(topic, index, _)| (topic.clone(), index)).take(RECORDS_PER_COMMAND).collect();
    for (topic, index) in &wanted {
        let unchanged = PartitionChange::none(PartitionId { topic: topic.id, index: *index });
        let change = PartitionChange { leader: Some(Some(id)), ..unchanged };
        draft.push_unbounded(Record::PartitionChange(change));
    }
    let is_full = wanted.len() == RECORDS_PER_COMMAND;
    let last = wanted.last().filter(|_| is_full).map(|(topic, index)| (topic.name.clone(), *index));
    Ok(Reply::LeaderEpochs { last })
}

//! What the replicated log of the metadata says, record by record. These are Kafka's metadata records as far as this broker uses them,
//! as plain values; their bytes are made in `broker/metadata_codec.rs`.

use crate::metadata::Resource;
use crate::metadata::image::{Broker, Partition};
use crate::model::{NodeId, PartitionId, Uuid};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Topic {
        name: String,
        id: Uuid,
    },
    /// A partition as a whole.
    Partition {
        id: PartitionId,
        partition: Partition,
    },
    /// What changes of a partition. Each raises its partition epoch.
    PartitionChange(PartitionChange),
    /// With its partitions and its configuration.
    RemoveTopic {
        id: Uuid,
    },
    /// `None` takes the value away.
    Config {
        resource: Resource,
        name: String,
        value: Option<String>,
    },
    RegisterBroker(Broker),
    UnregisterBroker {
        id: NodeId,
        epoch: i64,
    },
    BrokerChange(BrokerChange),
    ProducerIds(ProducerIds),
    /// Level 0 takes the feature away.
    FeatureLevel {
        name: String,
        level: i16,
    },
    /// Until its end, the topics of a directory that is taken over are not all known.
    BeginTakeover,
    EndTakeover,
    NoOp,
}

/// `None`: as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionChange {
    pub id: PartitionId,
    /// A leader, even the same one, begins a new leader epoch; `Some(None)`: nobody leads.
    pub leader: Option<Option<NodeId>>,
    pub isr: Option<Vec<NodeId>>,
    pub replicas: Option<Vec<NodeId>>,
    pub removing: Option<Vec<NodeId>>,
    pub adding: Option<Vec<NodeId>>,
    pub recovering: Option<bool>,
    pub directories: Option<Vec<Uuid>>,
}

impl PartitionChange {
    pub fn none(id: PartitionId) -> Self {
        Self {
            id,
            leader: None,
            isr: None,
            replicas: None,
            removing: None,
            adding: None,
            recovering: None,
            directories: None,
        }
    }
}

/// `None`: as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerChange {
    pub id: NodeId,
    pub epoch: i64,
    pub fenced: Option<bool>,
    pub begins_shutdown: bool,
    pub log_dirs: Option<Vec<Uuid>>,
}

/// Every producer id below `next` was given to some broker; the last block to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIds {
    pub broker: NodeId,
    pub broker_epoch: i64,
    pub next: i64,
}

/// What a record changes, for those who derive something from the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    Topic(Uuid),
    /// Configurations, brokers or features.
    Settings,
    Nothing,
}

impl Record {
    pub fn touches(&self) -> Touched {
        match self {
            Record::Topic { id, .. } | Record::RemoveTopic { id } => Touched::Topic(*id),
            Record::Partition { id, .. } => Touched::Topic(id.topic),
            Record::PartitionChange(change) => Touched::Topic(change.id.topic),
            Record::Config { .. }
            | Record::RegisterBroker(_)
            | Record::UnregisterBroker { .. }
            | Record::BrokerChange(_)
            | Record::FeatureLevel { .. } => Touched::Settings,
            Record::ProducerIds(_) | Record::BeginTakeover | Record::EndTakeover | Record::NoOp => {
                Touched::Nothing
            }
        }
    }

    /// At least the bytes that the record takes in the log.
    pub fn size_bound(&self) -> usize {
        const FIXED: usize = 96;
        let ids = |ids: &Option<Vec<NodeId>>| ids.as_ref().map_or(0, |ids| 4 * ids.len());
        FIXED
            + match self {
                Record::Topic { name, .. } | Record::FeatureLevel { name, .. } => name.len(),
                Record::Partition { partition, .. } => {
                    let held = [&partition.replicas, &partition.isr, &partition.removing, &partition.adding];
                    held.iter().map(|ids| 4 * ids.len()).sum::<usize>() + 16 * partition.directories.len()
                }
                Record::PartitionChange(change) => {
                    let held = [&change.isr, &change.replicas, &change.removing, &change.adding];
                    let directories = change.directories.as_ref().map_or(0, Vec::len);
                    held.into_iter().map(ids).sum::<usize>() + 16 * directories
                }
                Record::Config { resource, name, value } => {
                    let of = if let Resource::Topic(topic) = resource { topic.len() } else { 11 };
                    of + name.len() + value.as_ref().map_or(0, String::len)
                }
                Record::RegisterBroker(broker) => {
                    let endpoints =
                        broker.endpoints.iter().map(|one| one.listener.len() + one.host.len() + 16);
                    let features = broker.features.iter().map(|one| one.name.len() + 16);
                    endpoints.chain(features).sum::<usize>()
                        + broker.rack.as_ref().map_or(0, String::len)
                        + 16 * broker.log_dirs.len()
                }
                Record::BrokerChange(change) => 16 * change.log_dirs.as_ref().map_or(0, Vec::len),
                Record::RemoveTopic { .. }
                | Record::UnregisterBroker { .. }
                | Record::ProducerIds(_)
                | Record::BeginTakeover
                | Record::EndTakeover
                | Record::NoOp => 0,
            }
    }
}

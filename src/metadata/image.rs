//! Everything that the records up to a version come to: a tree of shared nodes, so that a new version costs what changed, and every
//! shard can hold one.
//!
//! Invariants:
//! - `names[topic.name] == topic.id` for each topic, and for nothing else
//! - a partition has as many directories as replicas; its ISR and its leader are among its replicas, its leader is in its ISR
//! - `directories` counts, for each directory, the replicas that are assigned to it, and holds no zero
//! - configurations hold no empty set, and those of topics belong to topics that exist

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use super::record::{BrokerChange, PartitionChange, ProducerIds, Record};
use super::{Endpoint, Resource};
use crate::config::Overrides;
use crate::model::{ImageVersion, LeaderEpoch, NodeId, PartitionEpoch, PartitionId, PartitionIndex, Uuid};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub id: Uuid,
    pub name: String,
    pub partitions: OrdMap<PartitionIndex, Arc<Partition>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// The directory that holds each replica, in their order; zero: not known.
    pub directories: Vec<Uuid>,
    pub isr: Vec<NodeId>,
    /// Replicas that a reassignment takes away, and brings.
    pub removing: Vec<NodeId>,
    pub adding: Vec<NodeId>,
    pub leader: Option<NodeId>,
    /// The leader was elected from outside the ISR and has not recovered yet.
    pub recovering: bool,
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
}

impl Partition {
    /// The directory in which a broker keeps its replica; `None` if it has none, or if that is not known.
    pub fn directory_of(&self, broker: NodeId) -> Option<Uuid> {
        let at = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(at).copied().filter(|directory| !directory.is_zero())
    }
}

/// A broker as it registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub id: NodeId,
    /// Rises with every registration in the cluster.
    pub epoch: i64,
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub features: Vec<FeatureRange>,
    pub rack: Option<String>,
    /// Takes no part: no leader, in no ISR.
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    /// The directories that are online.
    pub log_dirs: Vec<Uuid>,
}

impl Broker {
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }
}

/// The levels of a feature that a broker can run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureRange {
    pub name: String,
    pub min: i16,
    pub max: i16,
}

/// A record that does not fit the image: the log is not what this version believes it is. The node stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("a record speaks of topic {0}, which does not exist")]
    UnknownTopic(Uuid),
    #[error("a record configures topic {0}, which does not exist")]
    UnknownTopicName(String),
    #[error("a record speaks of partition {} of topic {}, which does not exist", .0.index, .0.topic)]
    UnknownPartition(PartitionId),
    #[error("a record creates topic {0}, which exists")]
    TopicExists(String),
    #[error("a record speaks of broker {0} with epoch {1}, which is not registered")]
    UnknownBroker(NodeId, i64),
    #[error("a record gives partition {} of topic {} replicas, directories, an ISR or a leader that do not fit", .0.index, .0.topic)]
    Inconsistent(PartitionId),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    cluster_id: Arc<str>,
    version: ImageVersion,
    topics: OrdMap<Uuid, Arc<Topic>>,
    names: OrdMap<String, Uuid>,
    directories: OrdMap<Uuid, u32>,
    configs: OrdMap<Resource, Arc<Overrides>>,
    brokers: OrdMap<NodeId, Arc<Broker>>,
    producer_ids: Option<ProducerIds>,
    features: OrdMap<String, i16>,
    is_taking_over: bool,
}

/// Ids below this one are Kafka's, which counts from 0: it would take 9,000 years at a thousand producers each second. So a log directory may go
/// from Kafka to Logan and back, and neither gives an id that the logs know from the other.
pub const FIRST_PRODUCER_ID: i64 = 1 << 48;

static NO_OVERRIDES: Overrides = BTreeMap::new();

impl Image {
    /// Nothing but the cluster's id.
    pub fn new(cluster_id: &str) -> Self {
        Self { cluster_id: cluster_id.into(), ..Self::default() }
    }

    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The raft index of the last entry applied.
    pub fn version(&self) -> ImageVersion {
        self.version
    }

    /// The image holds all entries up to this one.
    pub fn set_version(&mut self, version: ImageVersion) {
        assert!(version >= self.version, "an image of {} cannot become one of {version}", self.version);
        self.version = version;
    }

    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(name)?)
    }

    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// In the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    pub fn partition(&self, id: PartitionId) -> Option<&Arc<Partition>> {
        self.topics.get(&id.topic)?.partitions.get(&id.index)
    }

    /// What was set on a resource; empty for one that does not exist.
    pub fn config(&self, resource: &Resource) -> &Overrides {
        self.configs.get(resource).map_or(&NO_OVERRIDES, |overrides| overrides)
    }

    /// In the order of their ids.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values().map(|broker| &**broker)
    }

    pub fn broker(&self, id: NodeId) -> Option<&Broker> {
        self.brokers.get(&id).map(|broker| &**broker)
    }

    /// The first producer id that no broker was given.
    pub fn next_producer_id(&self) -> i64 {
        self.producer_ids.map_or(FIRST_PRODUCER_ID, |ids| ids.next.max(FIRST_PRODUCER_ID))
    }

    /// Finalized features and their levels.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// Topics of the log directories may still be unknown: they are being taken over.
    pub fn is_taking_over(&self) -> bool {
        self.is_taking_over
    }

    /// How many replicas are assigned to a directory.
    pub fn replicas_in(&self, directory: Uuid) -> u32 {
        self.directories.get(&directory).copied().unwrap_or(0)
    }

    /// Takes over what a record says. After an error the image is as before.
    pub fn apply(&mut self, record: &Record) -> Result<(), ApplyError> {
        match record {
            Record::Topic { name, id } => self.create_topic(name, *id)?,
            Record::Partition { id, partition } => self.put_partition(*id, partition.clone())?,
            Record::PartitionChange(change) => self.change_partition(change)?,
            Record::RemoveTopic { id } => self.remove_topic(*id)?,
            Record::Config { resource, name, value } => self.set_config(resource, name, value.as_deref())?,
            Record::RegisterBroker(broker) => {
                self.brokers.insert(broker.id, Arc::new(broker.clone()));
            }
            Record::UnregisterBroker { id, epoch } => {
                self.registered(*id, *epoch)?;
                self.brokers.remove(id);
            }
            Record::BrokerChange(change) => self.change_broker(change)?,
            Record::ProducerIds(ids) => self.producer_ids = Some(*ids),
            Record::FeatureLevel { name, level: 0 } => {
                self.features.remove(name);
            }
            Record::FeatureLevel { name, level } => {
                self.features.insert(name.clone(), *level);
            }
            Record::BeginTakeover => self.is_taking_over = true,
            Record::EndTakeover => self.is_taking_over = false,
            Record::NoOp => {}
        }
        Ok(())
    }

    fn create_topic(&mut self, name: &str, id: Uuid) -> Result<(), ApplyError> {
        if self.names.contains_key(name) || self.topics.contains_key(&id) {
            return Err(ApplyError::TopicExists(name.to_owned()));
        }
        self.names.insert(name.to_owned(), id);
        let topic = Topic { id, name: name.to_owned(), partitions: OrdMap::new() };
        self.topics.insert(id, Arc::new(topic));
        Ok(())
    }

    /// The topic, as the only holder of its root: what older images hold is copied first.
    fn topic_mut(&mut self, id: Uuid) -> Result<&mut Topic, ApplyError> {
        self.topics.get_mut(&id).map(Arc::make_mut).ok_or(ApplyError::UnknownTopic(id))
    }

    fn put_partition(&mut self, id: PartitionId, partition: Partition) -> Result<(), ApplyError> {
        if !fits(&partition) {
            return Err(ApplyError::Inconsistent(id));
        }
        let topic = self.topic_mut(id.topic)?;
        let assigned = partition.directories.clone();
        let before = topic.partitions.insert(id.index, Arc::new(partition));
        self.count_directories(before.as_deref(), &assigned);
        Ok(())
    }

    fn change_partition(&mut self, change: &PartitionChange) -> Result<(), ApplyError> {
        let id = change.id;
        let before = self.partition(id).ok_or(ApplyError::UnknownPartition(id))?;
        self.put_partition(id, changed(before, change))
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<(), ApplyError> {
        let topic = self.topics.remove(&id).ok_or(ApplyError::UnknownTopic(id))?;
        self.names.remove(&topic.name);
        self.configs.remove(&Resource::Topic(topic.name.clone()));
        for partition in topic.partitions.values() {
            self.count_directories(Some(partition), &[]);
        }
        Ok(())
    }

    fn count_directories(&mut self, before: Option<&Partition>, after: &[Uuid]) {
        if before.is_some_and(|before| before.directories == after) {
            return;
        }
        for directory in after.iter().filter(|directory| !directory.is_zero()) {
            *self.directories.entry(*directory).or_insert(0) += 1;
        }
        let gone = before.map_or(&[][..], |before| &before.directories);
        for directory in gone.iter().filter(|directory| !directory.is_zero()) {
            let count = self.directories.get_mut(directory).expect("every assigned directory is counted");
            *count -= 1;
            if *count == 0 {
                self.directories.remove(directory);
            }
        }
    }

    fn set_config(&mut self, resource: &Resource, name: &str, value: Option<&str>) -> Result<(), ApplyError> {
        if let Resource::Topic(topic) = resource
            && !self.names.contains_key(topic)
        {
            return Err(ApplyError::UnknownTopicName(topic.clone()));
        }
        // What older images hold is copied first, once for all records that follow each other.
        if let Some(value) = value {
            let overrides = self.configs.entry(resource.clone()).or_default();
            Arc::make_mut(overrides).insert(name.to_owned(), value.to_owned());
        } else if let Some(overrides) = self.configs.get_mut(resource) {
            let overrides = Arc::make_mut(overrides);
            overrides.remove(name);
            if overrides.is_empty() {
                self.configs.remove(resource);
            }
        }
        Ok(())
    }

    fn registered(&mut self, id: NodeId, epoch: i64) -> Result<&mut Broker, ApplyError> {
        let broker = self.brokers.get_mut(&id).filter(|broker| broker.epoch == epoch);
        broker.map(Arc::make_mut).ok_or(ApplyError::UnknownBroker(id, epoch))
    }

    fn change_broker(&mut self, change: &BrokerChange) -> Result<(), ApplyError> {
        let broker = self.registered(change.id, change.epoch)?;
        broker.fenced = change.fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown |= change.begins_shutdown;
        if let Some(log_dirs) = &change.log_dirs {
            broker.log_dirs.clone_from(log_dirs);
        }
        Ok(())
    }

    /// Records that make this image from [`Image::new`]: a snapshot.
    pub fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        records.extend(
            self.features
                .iter()
                .map(|(name, level)| Record::FeatureLevel { name: name.clone(), level: *level }),
        );
        records.extend(self.brokers.values().map(|broker| Record::RegisterBroker((**broker).clone())));
        for topic in self.topics() {
            records.push(Record::Topic { name: topic.name.clone(), id: topic.id });
            records.extend(topic.partitions.iter().map(|(index, partition)| Record::Partition {
                id: PartitionId { topic: topic.id, index: *index },
                partition: (**partition).clone(),
            }));
        }
        for (resource, overrides) in &self.configs {
            records.extend(overrides.iter().map(|(name, value)| Record::Config {
                resource: resource.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            }));
        }
        records.extend(self.producer_ids.map(Record::ProducerIds));
        records.extend(self.is_taking_over.then_some(Record::BeginTakeover));
        records
    }

    /// The image that [`Image::records`] wrote down at `version`.
    pub fn restore(cluster_id: &str, version: ImageVersion, records: &[Record]) -> Result<Self, ApplyError> {
        let mut image = Self::new(cluster_id);
        for record in records {
            image.apply(record)?;
        }
        image.version = version;
        Ok(image)
    }

    /// Holds the invariants at the head of this module.
    pub fn check(&self) {
        assert_eq!(self.names.len(), self.topics.len());
        assert!(
            self.names.iter().all(|(name, id)| self.topics.get(id).is_some_and(|topic| topic.name == *name))
        );
        let mut counted: OrdMap<Uuid, u32> = OrdMap::new();
        for partition in self.topics.values().flat_map(|topic| topic.partitions.values()) {
            assert!(fits(partition), "{partition:?}");
            for directory in partition.directories.iter().filter(|directory| !directory.is_zero()) {
                *counted.entry(*directory).or_insert(0) += 1;
            }
        }
        assert_eq!(counted, self.directories);
        for (resource, overrides) in &self.configs {
            assert!(!overrides.is_empty());
            assert!(!matches!(resource, Resource::Topic(name) if self.topic(name).is_none()), "{resource:?}");
        }
    }
}

/// Whether a partition's parts go together.
fn fits(partition: &Partition) -> bool {
    let held = |id: &NodeId| partition.replicas.contains(id);
    partition.directories.len() == partition.replicas.len()
        && partition.isr.iter().all(held)
        && partition.leader.is_none_or(|leader| held(&leader) && partition.isr.contains(&leader))
}

fn changed(before: &Partition, change: &PartitionChange) -> Partition {
    let mut after = before.clone();
    if let Some(replicas) = &change.replicas {
        // A replica that stays keeps its directory; where a new one will be is not known yet.
        after.directories =
            replicas.iter().map(|replica| before.directory_of(*replica).unwrap_or(Uuid::ZERO)).collect();
        after.replicas.clone_from(replicas);
    }
    if let Some(directories) = &change.directories {
        after.directories.clone_from(directories);
    }
    if let Some(isr) = &change.isr {
        after.isr.clone_from(isr);
    }
    if let Some(removing) = &change.removing {
        after.removing.clone_from(removing);
    }
    if let Some(adding) = &change.adding {
        after.adding.clone_from(adding);
    }
    if let Some(leader) = change.leader {
        after.leader = leader;
        after.leader_epoch.0 += 1;
    }
    after.recovering = change.recovering.unwrap_or(after.recovering);
    after.partition_epoch.0 += 1;
    after
}

//! What can be asked of the leader of the metadata, and what it answers.
//!
//! A command for several resources answers for each by itself, in their order: one that is refused does not hinder the others.
//! Error codes are Kafka's, as numbers: this module lies below the protocol.

use std::collections::BTreeMap;

use crate::model::{ErrorCode, ImageVersion, LeaderEpoch, NodeId, PartitionId, Uuid};

/// A change of the metadata. Each is harmless if repeated, or compares before it sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    CreateTopics {
        topics: Vec<NewTopic>,
        validate_only: bool,
    },
    DeleteTopics {
        topics: Vec<TopicName>,
    },
    CreatePartitions {
        topics: Vec<MorePartitions>,
        validate_only: bool,
    },
    AlterConfigs {
        resources: Vec<ConfigChanges>,
        validate_only: bool,
    },
    /// The next block of producer ids, for this broker.
    AllocateProducerIds {
        broker: NodeId,
        /// No id up to this one is given any more; -1: no matter.
        above: i64,
    },
    RegisterBroker(BrokerRegistration),
    /// Topics whose logs are there, on the node that decides, before its metadata begins. Whoever has more of them than one command may
    /// come to gives them in several: until the last one the metadata says that it is under way.
    TakeOver {
        topics: Vec<TakenTopic>,
        is_last: bool,
    },
    /// Partitions that this broker leads, and the newest epoch that the log of each knows (-1: none): it leads in a newer one from now on.
    BeginLeaderEpochs {
        broker: NodeId,
        partitions: Vec<(PartitionId, LeaderEpoch)>,
    },
    /// A log directory of a broker has failed: nothing is placed there until the broker registers anew.
    LoseDirectory {
        broker: NodeId,
        directory: Uuid,
    },
}

/// What a command needs of a metadata log for which there is little space: what is needed least is refused first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It only adds to what is kept.
    Growth,
    /// It gives room back, or can: topics are deleted, or kept for a shorter time.
    Relief,
    /// Without it a node does not start, or goes on with a directory that it has lost.
    Start,
}

impl Command {
    pub fn need(&self) -> Need {
        match self {
            Self::CreateTopics { .. } | Self::CreatePartitions { .. } => Need::Growth,
            // Of ids that logs know only a start asks.
            Self::AllocateProducerIds { above, .. } => {
                if *above < 0 {
                    Need::Growth
                } else {
                    Need::Start
                }
            }
            Self::DeleteTopics { .. } | Self::AlterConfigs { .. } => Need::Relief,
            Self::RegisterBroker(_)
            | Self::TakeOver { .. }
            | Self::BeginLeaderEpochs { .. }
            | Self::LoseDirectory { .. } => Need::Start,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// -1: as many as `assignments`, or `num.partitions`.
    pub partitions: i32,
    /// -1: as `assignments` say, or `default.replication.factor`.
    pub replication_factor: i16,
    /// Replicas of each partition; empty: placed by the leader.
    pub assignments: Vec<(i32, Vec<NodeId>)>,
    pub configs: BTreeMap<String, Option<String>>,
    /// The topic's id if it is created; drawn by whoever asks, since deciding is pure.
    pub id: Uuid,
}

/// A topic that is taken over, or some of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenTopic {
    pub name: String,
    pub id: Uuid,
    /// Partitions that the topic shall have in all: those that it has stay as they are.
    pub partitions: i32,
    /// The directory of each partition whose log is there. The others are placed.
    pub directories: BTreeMap<i32, Uuid>,
}

/// By id if that is not zero, else by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicName {
    pub name: Option<String>,
    pub id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MorePartitions {
    pub name: String,
    /// Partitions that the topic shall have in all.
    pub count: i32,
    /// Replicas of each new partition; `None`: placed by the leader.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// What may have a configuration. `Broker(None)` is the default for all brokers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Topic(String),
    Broker(Option<NodeId>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChanges {
    pub resource: Resource,
    pub changes: Vec<ConfigChange>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    pub name: String,
    pub operation: ConfigOperation,
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigOperation {
    Set,
    Delete,
    Append,
    Subtract,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerRegistration {
    pub id: NodeId,
    /// Drawn at each start of the broker.
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<String>,
    pub log_dirs: Vec<Uuid>,
}

/// Where a broker listens, as clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub listener: String,
    pub host: String,
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 `SASL_PLAINTEXT`, 3 `SASL_SSL`.
    pub security_protocol: i16,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// One for each topic asked for.
    Topics(Vec<Result<CreatedTopic, Refused>>),
    /// Name and id of each deleted topic.
    Deleted(Vec<Result<(String, Uuid), Refused>>),
    /// One for each topic or resource.
    Done(Vec<Result<(), Refused>>),
    /// Producer ids `first..first + count`.
    ProducerIds {
        first: i64,
        count: i64,
    },
    Registered {
        epoch: i64,
    },
}

/// The whole of what the leader says to a command: not decided at all (no leader here, too many records), or a reply that holds at a version.
pub type CommandOutcome = Result<(Reply, ImageVersion), Refused>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    pub id: Uuid,
    pub partitions: i32,
    pub replication_factor: i16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub error: ErrorCode,
    pub message: String,
}

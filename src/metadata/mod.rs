//! What the cluster is: brokers, topics, partitions, configurations. Pure: records in, an image out; a command in, records out.
//!
//! | file | what |
//! |---|---|
//! | [`record`] | what the replicated log says, as plain values |
//! | [`image`] | everything that the records up to a version come to; cheap to keep and to share |
//! | [`command`] | what can be asked of the leader, and what it answers |
//! | [`decide`](decide()) | a command on an image becomes records and a reply |
//! | [`decider`] | commands one after another, one undecided batch at a time |
//! | [`placement`] | which brokers hold a new partition |
//! | [`names`] | what a topic may be called |

pub mod command;
mod decide;
pub mod decider;
pub mod image;
pub mod names;
pub mod placement;
pub mod record;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use crate::model::ShardId;

pub use command::{
    BrokerRegistration, Command, CommandOutcome, ConfigChange, ConfigChanges, ConfigOperation, CreatedTopic,
    Endpoint, MorePartitions, Need, NewTopic, Refused, Reply, Resource, TakenTopic, TopicName,
};
pub use decide::{Decision, Grounds, decide};
pub use decider::{Batch, Decider};
pub use image::{ApplyError, Broker, Image, Partition, Topic};
pub use names::{METADATA_TOPIC, invalid_topic_name, is_internal_topic, is_valid_topic_name};
pub use record::{Record, Touched};

/// The shard that runs the quorum's driver and decides.
pub const QUORUM_SHARD: ShardId = ShardId(0);

/// A feature of the cluster (KIP-584) and the levels that this broker can run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub min: i16,
    pub max: i16,
}

/// What is finalized in a new cluster is the highest level of each. `metadata.version` 30 is Kafka's 4.3: records of the versions that
/// it writes. Group and transaction features follow with their coordinators.
pub const SUPPORTED_FEATURES: [Feature; 1] = [Feature { name: "metadata.version", min: 7, max: 30 }];

//! A command on an image becomes records and a reply. Nothing is changed here: the caller applies the records, at once to the image that
//! it decides the next command on, and for good when they are committed.
//!
//! Sources of rules and words: Kafka's `ReplicationControlManager`, `ConfigurationControlManager`, `ClusterControlManager`,
//! `ProducerIdControlManager` and `ControllerApis`, version 4.3.1.

mod brokers;
mod configs;
mod topics;

use super::record::{ProducerIds, Record};
use super::{Broker, Command, Image, Refused, Reply, Resource};
use crate::config::{FixedSettings, Layers};
use crate::limits::RECORDS_PER_COMMAND;
use crate::model::{ErrorCode, NodeId};

/// Records of one command, in bytes: several commands go into one entry of the log, which is bounded.
pub const BYTES_PER_COMMAND: usize = 3 << 20;

/// Producer ids that a broker is given at a time.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// What is decided on besides the image: the settings of the node that decides.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    pub fixed: &'a FixedSettings,
    pub node: NodeId,
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// To be committed together.
    pub records: Vec<Record>,
    /// Holds once the records are committed. Resources that are refused by themselves are in it.
    pub reply: Reply,
    /// The image with the records applied.
    pub image: Image,
}

/// What a command comes to on `image`, or why nothing of it can be done.
pub fn decide(image: &Image, grounds: Grounds<'_>, command: &Command) -> Result<Decision, Refused> {
    let mut draft = Draft { image: image.clone(), grounds, records: Vec::new(), bytes: 0 };
    let (reply, validate_only) = match command {
        Command::CreateTopics { topics, validate_only } => {
            (topics::create(&mut draft, topics), *validate_only)
        }
        Command::DeleteTopics { topics } => (topics::delete(&mut draft, topics), false),
        Command::CreatePartitions { topics, validate_only } => {
            (topics::grow(&mut draft, topics), *validate_only)
        }
        Command::AlterConfigs { resources, validate_only } => {
            (configs::alter(&mut draft, resources), *validate_only)
        }
        Command::AllocateProducerIds { broker, above } => {
            (allocate_producer_ids(&mut draft, *broker, *above), false)
        }
        Command::RegisterBroker(registration) => (Ok(brokers::register(&mut draft, registration)), false),
        Command::TakeOver { topics, is_last } => (topics::take_over(&mut draft, topics, *is_last), false),
        Command::BeginLeaderEpochs { broker, partitions } => {
            (brokers::begin_leader_epochs(&mut draft, *broker, partitions), false)
        }
        Command::LoseDirectory { broker, directory } => {
            (brokers::lose_directory(&mut draft, *broker, *directory), false)
        }
    };
    let reply = match reply {
        Ok(reply) => reply,
        Err(Stop::Refused(refused)) => return Err(refused),
        Err(Stop::TooLarge) => {
            let message = "Unable to perform excessively large batch operation.";
            return Err(refused(ErrorCode::POLICY_VIOLATION, message));
        }
    };
    Ok(if validate_only {
        Decision { records: Vec::new(), reply, image: image.clone() }
    } else {
        Decision { records: draft.records, reply, image: draft.image }
    })
}

/// What a command has come to so far.
struct Draft<'a> {
    /// With the records applied.
    image: Image,
    grounds: Grounds<'a>,
    records: Vec<Record>,
    bytes: usize,
}

/// Why a whole command ends.
enum Stop {
    TooLarge,
    Refused(Refused),
}

/// Why a resource is refused, or the whole command.
enum Trouble {
    Resource(Refused),
    Command(Stop),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Trouble::Resource(refused)
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Trouble::Command(stop)
    }
}

/// Keeps a resource's own refusal as its answer, and ends the command for others.
fn settle<T>(result: Result<T, Trouble>) -> Result<Result<T, Refused>, Stop> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Trouble::Resource(refused)) => Ok(Err(refused)),
        Err(Trouble::Command(stop)) => Err(stop),
    }
}

impl Draft<'_> {
    /// Whether `more` records may still come. Asked before anything is built for them.
    fn room(&self, more: usize) -> Result<(), Stop> {
        if more > RECORDS_PER_COMMAND - self.records.len().min(RECORDS_PER_COMMAND) {
            Err(Stop::TooLarge)
        } else {
            Ok(())
        }
    }

    /// Adds a record that a client asked for.
    fn push(&mut self, record: Record) -> Result<(), Stop> {
        self.room(1)?;
        self.bytes += record.size_bound();
        if self.bytes > BYTES_PER_COMMAND {
            return Err(Stop::TooLarge);
        }
        self.push_unbounded(record);
        Ok(())
    }

    /// Adds a record of our own, of which there are as many as must be.
    fn push_unbounded(&mut self, record: Record) {
        // Our own decision does not fit our own image: a defect.
        self.image.apply(&record).unwrap_or_else(|error| panic!("{record:?}: {error}"));
        self.records.push(record);
    }

    /// Looks at the settings of the broker `node`, as the image has them.
    fn with_layers<T>(&self, node: NodeId, look: impl FnOnce(&Layers<'_>) -> T) -> T {
        look(&Layers {
            fixed: self.grounds.fixed,
            cluster: self.image.config(&Resource::Broker(None)),
            node: self.image.config(&Resource::Broker(Some(node))),
        })
    }

    fn with_own_layers<T>(&self, look: impl FnOnce(&Layers<'_>) -> T) -> T {
        self.with_layers(self.grounds.node, look)
    }
}

fn refused(error: ErrorCode, message: impl Into<String>) -> Refused {
    Refused { error, message: message.into() }
}

fn registered(image: &Image, broker: NodeId) -> Result<&Broker, Stop> {
    image.broker(broker).ok_or_else(|| {
        let message = format!("Broker ID {broker} is not currently registered");
        Stop::Refused(refused(ErrorCode::BROKER_ID_NOT_REGISTERED, message))
    })
}

fn allocate_producer_ids(draft: &mut Draft<'_>, broker: NodeId, above: i64) -> Result<Reply, Stop> {
    let broker_epoch = registered(&draft.image, broker)?.epoch;
    let first = draft.image.next_producer_id().max(above.saturating_add(1));
    let Some(next) = first.checked_add(PRODUCER_ID_BLOCK) else {
        let message =
            "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit";
        return Err(Stop::Refused(refused(ErrorCode::UNKNOWN_SERVER_ERROR, message)));
    };
    draft.push_unbounded(Record::ProducerIds(ProducerIds { broker, broker_epoch, next }));
    Ok(Reply::ProducerIds { first, count: PRODUCER_ID_BLOCK })
}

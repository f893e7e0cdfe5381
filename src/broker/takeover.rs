//! Topics of a log directory that the metadata does not know: those of a directory that Kafka closed are taken over when the node's metadata
//! begins. Whatever else is unknown is left alone: a log is deleted only if the metadata says that its topic was.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use logan_storage::{LogKey, Opened, Standing};

use super::directories::Claimed;
use super::startup::{StartError, decide};
use super::{Shell, partition_of};
use crate::metadata::{Command, Image, NewTopic, Reply};
use crate::model::{PartitionId, PartitionIndex, Uuid};

/// Topics to take over, by id.
pub(super) type Foreign = BTreeMap<Uuid, Topic>;

/// What is known of a topic by its logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topic {
    name: String,
    /// The directory of each partition that is there.
    directories: BTreeMap<i32, Uuid>,
}

/// The topics whose logs lie in the directories, before any topic was ever created here. While a directory is offline it is not known what
/// there is: a partition that lies there would begin anew elsewhere.
pub(super) fn foreign_topics(
    claimed: &[Option<Claimed>],
    volumes: &[Option<Opened>],
) -> Result<Foreign, StartError> {
    let mut topics = Foreign::new();
    for (claimed, opened) in claimed.iter().zip(volumes) {
        let (Some(claimed), Some(opened)) = (claimed, opened) else { continue };
        for log in opened.parts.iter().flat_map(|part| part.ledger.logs.values()) {
            let PartitionId { topic, index: PartitionIndex(index) } = partition_of(&log.key);
            let entry = topics.entry(topic).or_default();
            entry.name.clone_from(&log.key.topic);
            entry.directories.insert(index, claimed.id);
        }
    }
    if !topics.is_empty() && volumes.iter().any(Option::is_none) {
        return Err(StartError::HalfTakenOver);
    }
    Ok(topics)
}

/// What the metadata says of a log's topic.
pub(super) fn standing(image: &Image, deleted: &BTreeSet<Uuid>) -> impl Fn(&LogKey) -> Standing {
    move |key| {
        let topic = partition_of(key).topic;
        if image.topic_by_id(topic).is_some() {
            Standing::Lives
        } else if deleted.contains(&topic) {
            Standing::Deleted
        } else {
            Standing::Unknown
        }
    }
}

/// Takes over topics, under their ids: all of them, or none, since what the metadata does not know once it has begun is left alone.
pub(super) async fn adopt(shell: &Rc<Shell>, foreign: Foreign) -> Result<(), StartError> {
    if foreign.is_empty() {
        return Ok(());
    }
    let node = shell.plan.settings.broker.node_id;
    let topics = foreign.into_iter().map(|(id, topic)| {
        let partitions = topic.directories.last_key_value().map_or(0, |(last, _)| last + 1);
        tracing::info!(
            "topic {} with {partitions} partitions is taken over from the log directory",
            topic.name
        );
        NewTopic {
            name: topic.name,
            partitions: -1,
            replication_factor: -1,
            assignments: (0..partitions).map(|index| (index, vec![node])).collect(),
            directories: topic.directories,
            configs: BTreeMap::new(),
            id,
        }
    });
    let topics: Vec<NewTopic> = topics.collect();
    for validate_only in [true, false] {
        let command = Command::CreateTopics { topics: topics.clone(), validate_only };
        let reply = decide(shell, command).await.map_err(|error| match error {
            StartError::Metadata(why) => StartError::NotTakenOver(why),
            other => other,
        });
        let Reply::Topics(created) = reply? else { panic!("another reply than to a creation of topics") };
        if let Some(refused) = created.into_iter().find_map(Result::err) {
            return Err(StartError::NotTakenOver(refused.message));
        }
    }
    Ok(())
}

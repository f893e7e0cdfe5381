//! Topics: creation, deletion, more partitions.

use std::collections::BTreeMap;

use super::{Draft, Stop, Trouble, refused, settle};
use crate::config::{Overrides, alter};
use crate::limits::{PARTITIONS_PER_TOPIC, RECORDS_PER_COMMAND};
use crate::metadata::image::{Image, Partition};
use crate::metadata::names::{METADATA_TOPIC, colliding_form, invalid_topic_name};
use crate::metadata::placement::{self, Candidate, PlacementError};
use crate::metadata::record::Record;
use crate::metadata::{
    CreatedTopic, MorePartitions, NewTopic, Refused, Reply, Resource, TakenTopic, TopicName,
};
use crate::model::{ErrorCode, LeaderEpoch, NodeId, PartitionEpoch, PartitionId, PartitionIndex, Uuid};

const UNKNOWN_TOPIC: &str = "This server does not host this topic-partition.";
const UNKNOWN_TOPIC_ID: &str = "This server does not host this topic ID.";

pub(super) fn create(draft: &mut Draft<'_>, topics: &[NewTopic]) -> Result<Reply, Stop> {
    let asked: usize =
        topics.iter().map(|topic| partitions_asked(draft, topic)).fold(0, usize::saturating_add);
    if asked > RECORDS_PER_COMMAND {
        let message = "Excessively large number of partitions per request.";
        return Err(Stop::Refused(refused(ErrorCode::POLICY_VIOLATION, message)));
    }
    let mut results = Vec::with_capacity(topics.len());
    // Names are judged by what existed before the command, as Kafka does.
    let taken = colliding_names(&draft.image, topics);
    for topic in topics {
        let named = check_name(&taken, &topic.name).map_err(Trouble::from);
        results.push(settle(named.and_then(|()| create_one(draft, topic)))?);
    }
    Ok(Reply::Topics(results))
}

fn partitions_asked(draft: &Draft<'_>, topic: &NewTopic) -> usize {
    match topic.partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => draft.with_own_layers(|layers| layers.integer("num.partitions")) as usize,
        // What is no number of partitions is refused for itself.
        given => usize::try_from(given).unwrap_or(0),
    }
}

/// Existing topics by the form of their names in which `.` and `_` are the same, if any new topic could collide.
fn colliding_names(image: &Image, topics: &[NewTopic]) -> BTreeMap<String, String> {
    if topics.iter().all(|topic| colliding_form(&topic.name).is_none()) {
        return BTreeMap::new();
    }
    let existing =
        image.topics().filter_map(|topic| Some((colliding_form(&topic.name)?, topic.name.clone())));
    existing.collect()
}

fn check_name(taken: &BTreeMap<String, String>, name: &str) -> Result<(), Refused> {
    if name == METADATA_TOPIC {
        let message = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
        return Err(refused(ErrorCode::INVALID_REQUEST, message));
    }
    if let Some(why) = invalid_topic_name(name) {
        return Err(refused(ErrorCode::INVALID_TOPIC_EXCEPTION, why));
    }
    match colliding_form(name).and_then(|form| taken.get(&form)) {
        Some(existing) if *existing != name => {
            let message = format!("Topic '{name}' collides with existing topic: {existing}");
            Err(refused(ErrorCode::INVALID_TOPIC_EXCEPTION, message))
        }
        _ => Ok(()),
    }
}

fn create_one(draft: &mut Draft<'_>, topic: &NewTopic) -> Result<CreatedTopic, Trouble> {
    check_new(&draft.image, &topic.name, topic.id)?;
    let configs = check_configs(draft, topic)?;
    let placed =
        if topic.assignments.is_empty() { place_new(draft, topic)? } else { check_manual(draft, topic)? };
    draft.room(1 + configs.len() + placed.len())?;
    draft.push(Record::Topic { name: topic.name.clone(), id: topic.id })?;
    for (name, value) in configs {
        let resource = Resource::Topic(topic.name.clone());
        draft.push(Record::Config { resource, name, value: Some(value) })?;
    }
    let (partitions, replication_factor) = (placed.len() as i32, placed[0].len() as i16);
    put_partitions(draft, topic.id, 0, placed, &BTreeMap::new())?;
    Ok(CreatedTopic { id: topic.id, partitions, replication_factor })
}

fn check_new(image: &Image, name: &str, id: Uuid) -> Result<(), Refused> {
    if image.topic(name).is_some() {
        let message = format!("Topic '{name}' already exists.");
        return Err(refused(ErrorCode::TOPIC_ALREADY_EXISTS, message));
    }
    if image.topic_by_id(id).is_some() || id.is_zero() {
        let message = format!("The id {id} cannot be that of a new topic.");
        return Err(refused(ErrorCode::INVALID_REQUEST, message));
    }
    Ok(())
}

pub(super) fn take_over(draft: &mut Draft<'_>, topics: &[TakenTopic], is_last: bool) -> Result<Reply, Stop> {
    if !is_last && !draft.image.is_taking_over() {
        draft.push_unbounded(Record::BeginTakeover);
    }
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        results.push(settle(take_over_one(draft, topic))?);
    }
    if is_last && draft.image.is_taking_over() && results.iter().all(Result::is_ok) {
        draft.push_unbounded(Record::EndTakeover);
    }
    Ok(Reply::Done(results))
}

fn take_over_one(draft: &mut Draft<'_>, topic: &TakenTopic) -> Result<(), Trouble> {
    if topic.partitions > PARTITIONS_PER_TOPIC {
        let message = format!("A topic has {PARTITIONS_PER_TOPIC} partitions at most.");
        return Err(refused(ErrorCode::INVALID_PARTITIONS, message).into());
    }
    let replicas = vec![draft.grounds.node];
    check_replicas(&draft.image, 0, &replicas, None)?;
    let known = draft.image.topic_by_id(topic.id).filter(|known| known.name == topic.name);
    let present = known.map(|known| known.partitions.len() as i32);
    let more = usize::try_from(topic.partitions - present.unwrap_or(0)).unwrap_or(0);
    draft.room(1 + more)?;
    if present.is_none() {
        // Names that differ in `.` and `_` only are what the directory holds.
        check_name(&BTreeMap::new(), &topic.name)?;
        check_new(&draft.image, &topic.name, topic.id)?;
        draft.push(Record::Topic { name: topic.name.clone(), id: topic.id })?;
    }
    let present = present.unwrap_or(0);
    Ok(put_partitions(draft, topic.id, present, vec![replicas; more], &topic.directories)?)
}

fn check_configs(draft: &Draft<'_>, topic: &NewTopic) -> Result<Overrides, Refused> {
    let configs = topic.configs.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let checked = draft.with_own_layers(|layers| alter::new_topic(layers, configs));
    checked.map_err(|why| refused(why.code(), why.to_string()))
}

/// Replicas where the client counts only.
fn place_new(draft: &Draft<'_>, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Trouble> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(refused(ErrorCode::INVALID_REPLICATION_FACTOR, message).into());
    }
    if topic.partitions < -1 || topic.partitions == 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(refused(ErrorCode::INVALID_PARTITIONS, message).into());
    }
    let default = |given: i64, name: &str| {
        if given == -1 { draft.with_own_layers(|layers| layers.integer(name)) } else { given }
    };
    let partitions = default(i64::from(topic.partitions), "num.partitions");
    let factor = default(i64::from(topic.replication_factor), "default.replication.factor");
    // More than can be said is more than there are brokers.
    let factor = i16::try_from(factor).unwrap_or(i16::MAX);
    draft.room(partitions as usize)?;
    let placed = place(&draft.image, partitions as usize, factor, seed(topic.id, 0));
    Ok(placed.map_err(|why| {
        let message = format!("Unable to replicate the partition {factor} time(s): {why}");
        refused(ErrorCode::INVALID_REPLICATION_FACTOR, message)
    })?)
}

/// Placement is random, but the same for whoever decides the same: the topic's id is random enough.
fn seed(topic: Uuid, first: i32) -> u64 {
    let (high, low) = topic.0.split_at(8);
    let half = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    half(high) ^ half(low).rotate_left(32) ^ u64::from(first as u32)
}

fn place(image: &Image, partitions: usize, factor: i16, seed: u64) -> Result<Vec<Vec<NodeId>>, String> {
    let candidates: Vec<Candidate<'_>> = image
        .brokers()
        .map(|broker| Candidate { id: broker.id, rack: broker.rack.as_deref(), fenced: broker.fenced })
        .collect();
    let placed = placement::place(&candidates, partitions, factor, seed)
        .map_err(|why: PlacementError| why.to_string())?;
    if placed.iter().any(|replicas| active(image, replicas).is_empty()) {
        return Err("All brokers are currently fenced or in controlled shutdown.".to_owned());
    }
    Ok(placed)
}

fn active(image: &Image, replicas: &[NodeId]) -> Vec<NodeId> {
    let is_active = |id: &NodeId| image.broker(*id).is_some_and(super::super::image::Broker::is_active);
    replicas.iter().copied().filter(is_active).collect()
}

/// Replicas as the client wants them.
fn check_manual(draft: &Draft<'_>, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Trouble> {
    if topic.replication_factor != -1 {
        let message =
            "A manual partition assignment was specified, but replication factor was not set to -1.";
        return Err(refused(ErrorCode::INVALID_REQUEST, message).into());
    }
    if topic.partitions != -1 {
        let message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return Err(refused(ErrorCode::INVALID_REQUEST, message).into());
    }
    draft.room(topic.assignments.len())?;
    let mut placed: BTreeMap<i32, Vec<NodeId>> = BTreeMap::new();
    let mut factor = None;
    for (index, replicas) in &topic.assignments {
        if placed.contains_key(index) {
            let message = format!("Found multiple manual partition assignments for partition {index}");
            return Err(refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message).into());
        }
        check_replicas(&draft.image, *index, replicas, factor)?;
        factor = Some(replicas.len());
        placed.insert(*index, replicas.clone());
    }
    if !placed.keys().copied().eq(0..placed.len() as i32) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message).into());
    }
    Ok(placed.into_values().collect())
}

/// `factor`: how many replicas the partitions before have.
fn check_replicas(
    image: &Image,
    index: i32,
    replicas: &[NodeId],
    factor: Option<usize>,
) -> Result<(), Refused> {
    let wrong = |message: String| Err(refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    if replicas.is_empty() {
        return wrong("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    for (at, id) in sorted.iter().enumerate() {
        if image.broker(*id).is_none() {
            return wrong(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            ));
        }
        if at > 0 && sorted[at - 1] == *id {
            return wrong(format!(
                "The manual partition assignment includes the broker {id} more than once."
            ));
        }
    }
    match factor {
        Some(factor) if factor != replicas.len() => wrong(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with previous \
             partitions, which have {factor} replica(s).",
            replicas.len()
        )),
        _ if active(image, replicas).is_empty() => wrong(format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in controlled shutdown."
        )),
        _ => Ok(()),
    }
}

/// Adds partitions `first..`, with these replicas, each in the directory that is known, or else in one that is chosen.
fn put_partitions(
    draft: &mut Draft<'_>,
    topic: Uuid,
    first: i32,
    placed: Vec<Vec<NodeId>>,
    known: &BTreeMap<i32, Uuid>,
) -> Result<(), Stop> {
    for (replicas, index) in placed.into_iter().zip(first..) {
        let place = |replica: &NodeId| {
            known.get(&index).copied().unwrap_or_else(|| placement::directory(&draft.image, *replica))
        };
        let directories = replicas.iter().map(place).collect();
        let isr = active(&draft.image, &replicas);
        let partition = Partition {
            leader: Some(isr[0]),
            replicas,
            directories,
            isr,
            removing: Vec::new(),
            adding: Vec::new(),
            recovering: false,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
        };
        draft
            .push(Record::Partition { id: PartitionId { topic, index: PartitionIndex(index) }, partition })?;
    }
    Ok(())
}

pub(super) fn delete(draft: &mut Draft<'_>, topics: &[TopicName]) -> Result<Reply, Stop> {
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        results.push(settle(delete_one(draft, topic))?);
    }
    Ok(Reply::Deleted(results))
}

fn delete_one(draft: &mut Draft<'_>, asked: &TopicName) -> Result<(String, Uuid), Trouble> {
    let found = if asked.id.is_zero() {
        let name = asked.name.as_deref().unwrap_or_default();
        draft.image.topic(name).ok_or_else(|| refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC))
    } else {
        draft
            .image
            .topic_by_id(asked.id)
            .ok_or_else(|| refused(ErrorCode::UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_ID))
    };
    let topic = found?;
    let (name, id) = (topic.name.clone(), topic.id);
    draft.push(Record::RemoveTopic { id })?;
    Ok((name, id))
}

pub(super) fn grow(draft: &mut Draft<'_>, topics: &[MorePartitions]) -> Result<Reply, Stop> {
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        results.push(settle(grow_one(draft, topic))?);
    }
    Ok(Reply::Done(results))
}

fn grow_one(draft: &mut Draft<'_>, asked: &MorePartitions) -> Result<(), Trouble> {
    let Some(topic) = draft.image.topic(&asked.name) else {
        return Err(refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC).into());
    };
    let id = topic.id;
    let present = topic.partitions.len() as i32;
    let factor = topic.partitions.values().next().map_or(0, |partition| partition.replicas.len());
    if asked.count == present {
        let message = format!("Topic already has {present} partition(s).");
        return Err(refused(ErrorCode::INVALID_PARTITIONS, message).into());
    }
    if asked.count < present {
        let message = format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            asked.name, asked.count
        );
        return Err(refused(ErrorCode::INVALID_PARTITIONS, message).into());
    }
    if asked.count > PARTITIONS_PER_TOPIC {
        let message = format!("A topic has {PARTITIONS_PER_TOPIC} partitions at most.");
        return Err(refused(ErrorCode::INVALID_PARTITIONS, message).into());
    }
    let additional = (asked.count - present) as usize;
    draft.room(additional)?;
    let placed = match &asked.assignments {
        None => {
            let placed = place(&draft.image, additional, factor as i16, seed(id, present));
            placed.map_err(|why| grow_refused(factor, &why))?
        }
        Some(assignments) if assignments.len() != additional => {
            let message = format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return Err(refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message).into());
        }
        Some(assignments) => {
            for (replicas, index) in assignments.iter().zip(present..) {
                check_replicas(&draft.image, index, replicas, Some(factor))?;
            }
            assignments.clone()
        }
    };
    Ok(put_partitions(draft, id, present, placed, &BTreeMap::new())?)
}

fn grow_refused(factor: usize, why: &str) -> Refused {
    // Kafka says how often only where every broker is on its way out.
    let message = if why.contains("controlled shutdown") {
        format!("Unable to replicate the partition {factor} time(s): {why}")
    } else {
        why.to_owned()
    };
    refused(ErrorCode::INVALID_REPLICATION_FACTOR, message)
}

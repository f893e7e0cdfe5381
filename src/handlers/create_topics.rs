//! `CreateTopics` v2-7 (KIP-4, KIP-464, KIP-525, KIP-516): by count or by assignment, with configs, or only validated.
//!
//! The answer leaves when every shard of this node has the topics. `timeout_ms` is not needed for that.

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, admin};
use crate::config::Overrides;
use crate::config::describe::{SettingNames, describe_topic};
use crate::limits;
use crate::metadata::{Command, CreatedTopic, NewTopic, Refused, Reply};
use crate::model::{NodeId, Uuid};
use crate::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use crate::protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use crate::protocol::{ErrorCode, Str};

/// What the settings of the topics that can be created at once come to in the answer, in bytes.
pub(super) fn bytes(request: &CreateTopicsRequest) -> u64 {
    request.topics.len().min(limits::RECORDS_PER_COMMAND) as u64 * limits::CREATED_SETTINGS_BYTES
}

pub(super) async fn handle(context: &Rc<Context>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *seen.entry(topic.name.as_str()).or_default() += 1;
        shards::yield_if_needed().await;
    }
    let mut results: Vec<CreatableTopicResult> = Vec::new();
    // Of each topic that is decided on: its place in the request, and that of its result.
    let mut places = Vec::new();
    let mut topics = Vec::new();
    for (asked, topic) in request.topics.iter().enumerate() {
        let times = seen.insert(topic.name.as_str(), 0).unwrap_or(0);
        if times == 0 {
            // It was answered where it stood first.
            continue;
        }
        let mut result = CreatableTopicResult { name: topic.name.clone(), ..Default::default() };
        if times > 1 {
            refuse(&mut result, &doubled());
        } else {
            places.push((asked, results.len()));
            topics.push(new_topic(topic));
        }
        results.push(result);
        shards::yield_if_needed().await;
    }
    let command = Command::CreateTopics { topics, validate_only: request.validate_only };
    match admin::decide(context, command).await {
        Ok(Reply::Topics(created)) => {
            for ((asked, place), created) in places.into_iter().zip(created) {
                let (asked, result) = (&request.topics[asked], &mut results[place]);
                match created {
                    Ok(created) => accept(context, asked, &created, request.validate_only, result),
                    Err(refused) => refuse(result, &refused),
                }
                shards::yield_if_needed().await;
            }
        }
        Ok(other) => admin::mismatch(&other),
        Err(refused) => places.into_iter().for_each(|(_, place)| refuse(&mut results[place], &refused)),
    }
    CreateTopicsResponse { topics: results, ..Default::default() }
}

fn new_topic(topic: &CreatableTopic) -> NewTopic {
    let assignments = topic.assignments.iter().map(|assignment| {
        (assignment.partition_index, assignment.broker_ids.iter().map(|id| NodeId(*id)).collect())
    });
    let configs = topic
        .configs
        .iter()
        .map(|config| (config.name.to_string(), config.value.as_ref().map(Str::to_string)));
    NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
        id: Uuid::random(shards::random_u64),
    }
}

fn doubled() -> Refused {
    Refused { error: ErrorCode::INVALID_REQUEST, message: "Duplicate topic name.".into() }
}

fn refuse(result: &mut CreatableTopicResult, refused: &Refused) {
    result.error_code = refused.error;
    result.error_message = Some(refused.message.as_str().into());
    result.configs = None;
}

fn accept(
    context: &Context,
    asked: &CreatableTopic,
    created: &CreatedTopic,
    validate_only: bool,
    result: &mut CreatableTopicResult,
) {
    // Kafka's schema has "" as the default of this field, its broker null.
    result.error_message = None;
    result.topic_id = if validate_only { Uuid::ZERO } else { created.id };
    result.num_partitions = created.partitions;
    result.replication_factor = created.replication_factor;
    let overrides: Overrides = asked
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    let described = context.with_layers(|layers| describe_topic(layers, &overrides, SettingNames::All));
    let configs = described.into_iter().map(|entry| CreatableTopicConfigs {
        name: entry.name.into(),
        value: entry.value.map(Str::from),
        read_only: entry.read_only,
        config_source: entry.source as i8,
        is_sensitive: entry.sensitive,
        ..Default::default()
    });
    result.configs = Some(configs.collect());
}

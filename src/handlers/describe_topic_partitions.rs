//! `DescribeTopicPartitions` v0 (KIP-966): partitions of topics, in order of names and partitions, a page at a time.

use std::collections::BTreeSet;
use std::rc::Rc;

use logan_shards as shards;

use super::metadata::{TOPIC_OPERATIONS, leaderless};
use super::{Context, topic_bytes, topics};
use crate::metadata::{Image, Topic};
use crate::model::{PartitionIndex, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_topic_partitions::{
    DescribeTopicPartitionsResponseCursor, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use crate::protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

/// What the topics that are asked for come to in the answer, in bytes.
pub(super) fn bytes(context: &Context, request: &DescribeTopicPartitionsRequest) -> u64 {
    let all = context.all_topics_bytes();
    if request.topics.is_empty() {
        return all;
    }
    let image = context.image();
    let found = request.topics.iter().filter_map(|topic| image.topic(&topic.name));
    found.map(|topic| topic_bytes(topic)).sum::<u64>().min(all)
}

pub(super) async fn handle(
    context: &Rc<Context>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = context.image();
    let all = request.topics.is_empty();
    let mut asked = BTreeSet::new();
    if all {
        asked.extend(image.topics().map(|topic| topic.name.clone()));
    }
    for topic in &request.topics {
        asked.insert(topic.name.to_string());
        shards::yield_if_needed().await;
    }
    let (from_topic, mut from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index),
        None => (String::new(), 0),
    };
    // A page goes on with one of the topics that are asked for.
    let is_lost = !all && request.cursor.is_some() && !asked.contains(&from_topic);
    if from_partition < 0 || is_lost {
        return refused(&request);
    }
    let limit = request
        .response_partition_limit
        .clamp(1, context.settings.broker.max_request_partition_size_limit as i32);
    let mut left = limit as usize;
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in asked.range(from_topic.clone()..) {
        let from = if *name == from_topic { std::mem::take(&mut from_partition) } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(name, from));
            break;
        }
        shards::yield_if_needed().await;
        let (topic, next) = page(&image, name, from, left);
        left -= topic.partitions.len();
        response.topics.push(topic);
        if let Some(next) = next {
            response.next_cursor = Some(cursor(name, next));
            break;
        }
    }
    response
}

/// Kafka says so of every topic that is named, and nothing where all are asked for.
fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(topic.name.clone()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

/// At most `limit` partitions of a topic from `from` on, and the first that was left out.
fn page(
    image: &Image,
    name: &str,
    from: i32,
    limit: usize,
) -> (DescribeTopicPartitionsResponseTopic, Option<i32>) {
    let topic = match topics::find(image, Uuid::ZERO, name) {
        Ok(topic) => topic,
        Err(error_code) => {
            let name = Some(name.into());
            return (DescribeTopicPartitionsResponseTopic { error_code, name, ..Default::default() }, None);
        }
    };
    let partitions = partitions(topic, from, limit);
    let next = topic.partitions.range(PartitionIndex(from)..).nth(limit).map(|(index, _)| index.0);
    let described = DescribeTopicPartitionsResponseTopic {
        name: Some(name.into()),
        topic_id: topic.id,
        is_internal: crate::metadata::is_internal_topic(name),
        partitions,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    };
    (described, next)
}

fn partitions(topic: &Topic, from: i32, limit: usize) -> Vec<DescribeTopicPartitionsResponsePartition> {
    let described = topic.partitions.range(PartitionIndex(from)..).take(limit).map(|(index, partition)| {
        DescribeTopicPartitionsResponsePartition {
            error_code: leaderless(partition),
            partition_index: index.0,
            leader_id: partition.leader.map_or(-1, |leader| leader.0),
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
            isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..Default::default()
        }
    });
    described.collect()
}

fn cursor(topic: &str, partition_index: i32) -> DescribeTopicPartitionsResponseCursor {
    DescribeTopicPartitionsResponseCursor { topic_name: topic.into(), partition_index, ..Default::default() }
}

//! Metadata v0-13: brokers, the controller, and topics by name, by id (KIP-516) or all; creates topics that are asked for by name if
//! client and `auto.create.topics.enable` allow it.
//!
//! An automatically created topic is answered as created, not, as Kafka does, as unknown at first. Kafka's internal topics are not created: only
//! their coordinators know with how many partitions and with which settings, and there are none yet.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, Peer, admin, topic_bytes, topics};
use crate::metadata::{
    Command, Image, METADATA_TOPIC, NewTopic, Partition, Refused, Reply, Topic, is_internal_topic,
};
use crate::model::Uuid;
use crate::protocol::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::protocol::messages::{MetadataRequest, MetadataResponse};
use crate::protocol::{ErrorCode, Str};

/// What one may do to the cluster or a topic when nothing is forbidden: a bit for each of Kafka's ACL operations.
pub(super) const CLUSTER_OPERATIONS: i32 = 0x1fa0;
pub(super) const TOPIC_OPERATIONS: i32 = 0xdf8;

/// What the topics that are asked for come to in the answer, in bytes.
pub(super) fn bytes(context: &Context, version: i16, request: &MetadataRequest) -> u64 {
    let all = context.all_topics_bytes();
    let Some(asked) = request.topics.as_ref().filter(|_| !is_all(version, request)) else { return all };
    let image = context.image();
    let found = asked.iter().filter_map(|topic| {
        let name = topic.name.as_ref().map_or("", Str::as_str);
        topics::find(&image, topic.topic_id, name).ok()
    });
    // Each is answered once by its name, and once by its id.
    found.map(|topic| topic_bytes(topic)).sum::<u64>().min(2 * all)
}

fn is_all(version: i16, request: &MetadataRequest) -> bool {
    request.topics.as_ref().is_none_or(|topics| topics.is_empty() && version == 0)
}

pub(super) async fn handle(
    context: &Rc<Context>,
    peer: &Peer,
    version: i16,
    request: MetadataRequest,
) -> MetadataResponse {
    let mut response = MetadataResponse::default();
    let all = is_all(version, &request);
    let asked = request.topics.unwrap_or_default();
    let failed = if request.allow_auto_topic_creation && context.settings.broker.auto_create_topics_enable {
        create_missing(context, &asked).await
    } else {
        BTreeMap::new()
    };
    let image = context.image();
    if all {
        for topic in image.topics() {
            response.topics.push(described(topic));
            shards::yield_if_needed().await;
        }
    } else {
        let mut seen = BTreeSet::new();
        for topic in &asked {
            // Where there is an id the name says nothing.
            let name = topic.name.as_ref().filter(|_| topic.topic_id.is_zero());
            if seen.insert((topic.topic_id, name)) {
                response.topics.push(answer(&image, topic, &failed));
            }
            shards::yield_if_needed().await;
        }
    }
    if request.include_topic_authorized_operations {
        for topic in response.topics.iter_mut().filter(|topic| topic.error_code == ErrorCode::NONE) {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response.brokers = topics::endpoints(context, &image, peer.listener)
        .map(|(node_id, host, port)| MetadataResponseBroker {
            node_id,
            host: host.into(),
            port,
            ..Default::default()
        })
        .collect();
    for broker in &mut response.brokers {
        broker.rack = image
            .broker(crate::model::NodeId(broker.node_id))
            .and_then(|known| known.rack.as_deref().map(Str::from));
    }
    if version < 12 {
        // A topic asked for by an unknown id has no name, and only later versions can say that.
        for topic in response.topics.iter_mut().filter(|topic| topic.name.is_none()) {
            topic.name = Some(Str::new());
        }
    }
    response.cluster_id = Some(image.cluster_id().into());
    response.controller_id = context.settings.broker.node_id.0;
    response
}

/// Creates the topics that are asked for by name and do not exist; returns those that could not be created.
async fn create_missing(context: &Context, asked: &[MetadataRequestTopic]) -> BTreeMap<Str, Refused> {
    let mut missing: BTreeSet<Str> = BTreeSet::new();
    let image = context.image();
    for name in asked.iter().filter(|topic| topic.topic_id.is_zero()).filter_map(|topic| topic.name.as_ref())
    {
        if image.topic(name).is_none() && *name != METADATA_TOPIC && !is_internal_topic(name) {
            missing.insert(name.clone());
        }
        shards::yield_if_needed().await;
    }
    if missing.is_empty() {
        return BTreeMap::new();
    }
    let new = |name: &Str| NewTopic {
        name: name.to_string(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: BTreeMap::new(),
        id: Uuid::random(shards::random_u64),
    };
    let command = Command::CreateTopics { topics: missing.iter().map(new).collect(), validate_only: false };
    match admin::decide(context, command).await {
        Ok(Reply::Topics(created)) => missing
            .into_iter()
            .zip(created)
            .filter_map(|(name, created)| Some((name, created.err()?)))
            .collect(),
        Ok(other) => admin::mismatch(&other),
        Err(refused) => missing.into_iter().map(|name| (name, refused.clone())).collect(),
    }
}

fn answer(
    image: &Image,
    asked: &MetadataRequestTopic,
    failed: &BTreeMap<Str, Refused>,
) -> MetadataResponseTopic {
    let name = asked.name.clone().unwrap_or_default();
    let error_code = match topics::find(image, asked.topic_id, &name) {
        Ok(topic) => return described(topic),
        Err(error) => error,
    };
    let creation = failed.get(&name).map(|refused| refused.error);
    let error_code = match creation {
        Some(error) => error,
        None if asked.topic_id.is_zero() && !crate::metadata::is_valid_topic_name(&name) => {
            ErrorCode::INVALID_TOPIC_EXCEPTION
        }
        None => error_code,
    };
    MetadataResponseTopic {
        error_code,
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        ..Default::default()
    }
}

fn described(topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|(index, partition)| MetadataResponsePartition {
        error_code: leaderless(partition),
        partition_index: index.0,
        leader_id: partition.leader.map_or(-1, |leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
        isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
        ..Default::default()
    });
    MetadataResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id,
        is_internal: is_internal_topic(&topic.name),
        partitions: partitions.collect(),
        ..Default::default()
    }
}

pub(super) fn leaderless(partition: &Partition) -> ErrorCode {
    if partition.leader.is_some() { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE }
}

//! `DescribeQuorum` v0-2 (KIP-595, KIP-836, KIP-853): the raft group that keeps the metadata, under the name that Kafka's log of it has.

use std::rc::Rc;

use logan_shards as shards;

use super::Context;
use crate::limits;
use crate::mail::{Answer, Mail, QuorumStatus};
use crate::metadata::{METADATA_TOPIC, QUORUM_SHARD};
use crate::model::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_quorum::{
    DescribeQuorumResponsePartitionData as PartitionData, DescribeQuorumResponseTopicData as TopicData,
    Listener, Node, ReplicaState,
};
use crate::protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};

/// The first version whose response names directories and nodes (KIP-853): an earlier one cannot say them.
const DIRECTORIES_SINCE: i16 = 2;

/// What the partitions come to in the answer, in bytes, beyond what is in proportion to the request: they are much larger in it.
pub(super) fn bytes(request: &DescribeQuorumRequest) -> u64 {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    partitions as u64 * limits::DESCRIBED_PARTITION_BYTES
}

pub(super) async fn handle(
    context: &Rc<Context>,
    version: i16,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let Some(Answer::Quorum(status)) = context.router.ask(QUORUM_SHARD, Mail::Quorum).await.await else {
        return DescribeQuorumResponse { error_code: ErrorCode::BROKER_NOT_AVAILABLE, ..Default::default() };
    };
    // Kafka describes its one partition where nothing else is asked, and refuses all that is asked otherwise.
    let is_sole = match &request.topics[..] {
        [topic] => {
            topic.topic_name == METADATA_TOPIC
                && matches!(&topic.partitions[..], [sole] if sole.partition_index == 0)
        }
        _ => false,
    };
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            partitions.push(if is_sole {
                described(version, &status)
            } else {
                let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                PartitionData { partition_index: partition.partition_index, error_code, ..Default::default() }
            });
            shards::yield_if_needed().await;
        }
        topics.push(TopicData { topic_name: topic.topic_name.clone(), partitions, ..Default::default() });
    }
    let nodes = status.voters.iter().filter(|_| is_sole && version >= DIRECTORIES_SINCE).map(|voter| Node {
        node_id: voter.node.0,
        listeners: listeners(context),
        ..Default::default()
    });
    DescribeQuorumResponse { topics, nodes: nodes.collect(), ..Default::default() }
}

fn described(version: i16, status: &QuorumStatus) -> PartitionData {
    let now_ms = shards::wall_clock_ms();
    let voters = status.voters.iter().map(|voter| ReplicaState {
        replica_id: voter.node.0,
        replica_directory_id: if version >= DIRECTORIES_SINCE { voter.directory } else { Uuid::ZERO },
        log_end_offset: voter.log_end as i64,
        last_fetch_timestamp: now_ms,
        last_caught_up_timestamp: now_ms,
        ..Default::default()
    });
    PartitionData {
        partition_index: 0,
        leader_id: status.leader.map_or(-1, |leader| leader.0),
        leader_epoch: status.term as i32,
        high_watermark: status.committed as i64,
        current_voters: voters.collect(),
        ..Default::default()
    }
}

/// Where the quorum's members would reach this one.
fn listeners(context: &Context) -> Vec<Listener> {
    let listeners = context.settings.broker.controller_listeners.iter().map(|endpoint| Listener {
        name: endpoint.name.as_str().into(),
        host: endpoint.host.as_str().into(),
        port: endpoint.port,
        ..Default::default()
    });
    listeners.collect()
}

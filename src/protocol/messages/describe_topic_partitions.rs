//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 75, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsRequest {
    pub topics: Vec<TopicRequest>,
    /// Default `2000`.
    pub response_partition_limit: i32,
    pub cursor: Option<DescribeTopicPartitionsRequestCursor>,
    pub unknown: UnknownTags,
}

impl Default for DescribeTopicPartitionsRequest {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            response_partition_limit: 2000,
            cursor: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeTopicPartitionsRequest {
    const NAME: &'static str = "DescribeTopicPartitionsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topics: r.array(true, 2, |r| TopicRequest::decode(version, r)),
            response_partition_limit: r.i32(),
            cursor: r.opt_struct(|r| DescribeTopicPartitionsRequestCursor::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.i32(self.response_partition_limit);
        w.opt_struct(self.cursor.as_ref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeTopicPartitionsRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicRequest {
    pub name: Str,
    pub unknown: UnknownTags,
}

impl TopicRequest {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeTopicPartitionsRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsRequestCursor {
    pub topic_name: Str,
    pub partition_index: i32,
    pub unknown: UnknownTags,
}

impl DescribeTopicPartitionsRequestCursor {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partition_index: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.i32(self.partition_index);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DescribeTopicPartitionsRequest {
    const KEY: ApiKey = ApiKey::DescribeTopicPartitions;
    type Response = DescribeTopicPartitionsResponse;
}

/// The response of API 75, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    pub next_cursor: Option<DescribeTopicPartitionsResponseCursor>,
    pub unknown: UnknownTags,
}

impl Message for DescribeTopicPartitionsResponse {
    const NAME: &'static str = "DescribeTopicPartitionsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            topics: r.array(true, 26, |r| DescribeTopicPartitionsResponseTopic::decode(version, r)),
            next_cursor: r.opt_struct(|r| DescribeTopicPartitionsResponseCursor::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.opt_struct(self.next_cursor.as_ref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeTopicPartitionsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// Default `i32::MIN`.
    pub topic_authorized_operations: i32,
    pub unknown: UnknownTags,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            name: Some(Str::new()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeTopicPartitionsResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            name: r.opt_string(true),
            topic_id: r.uuid(),
            is_internal: r.bool(),
            partitions: r.array(true, 20, |r| DescribeTopicPartitionsResponsePartition::decode(version, r)),
            topic_authorized_operations: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.opt_string(true, self.name.as_ref());
        w.uuid(self.topic_id);
        w.bool(self.is_internal);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.i32(self.topic_authorized_operations);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeTopicPartitionsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition {
    pub error_code: ErrorCode,
    pub partition_index: i32,
    pub leader_id: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    pub eligible_leader_replicas: Option<Vec<i32>>,
    pub last_known_elr: Option<Vec<i32>>,
    pub offline_replicas: Vec<i32>,
    pub unknown: UnknownTags,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeTopicPartitionsResponsePartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            partition_index: r.i32(),
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            replica_nodes: r.array(true, 4, Reader::i32),
            isr_nodes: r.array(true, 4, Reader::i32),
            eligible_leader_replicas: r.opt_array(true, 4, Reader::i32),
            last_known_elr: r.opt_array(true, 4, Reader::i32),
            offline_replicas: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.array(true, &self.replica_nodes, |w, x| w.i32(*x));
        w.array(true, &self.isr_nodes, |w, x| w.i32(*x));
        w.opt_array(true, self.eligible_leader_replicas.as_deref(), |w, x| w.i32(*x));
        w.opt_array(true, self.last_known_elr.as_deref(), |w, x| w.i32(*x));
        w.array(true, &self.offline_replicas, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeTopicPartitionsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponseCursor {
    pub topic_name: Str,
    pub partition_index: i32,
    pub unknown: UnknownTags,
}

impl DescribeTopicPartitionsResponseCursor {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partition_index: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.i32(self.partition_index);
        w.unknown_tags(true, &self.unknown);
    }
}

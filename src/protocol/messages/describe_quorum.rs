//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 55, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeQuorumRequest {
    pub topics: Vec<DescribeQuorumRequestTopicData>,
    pub unknown: UnknownTags,
}

impl Message for DescribeQuorumRequest {
    const NAME: &'static str = "DescribeQuorumRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topics: r.array(true, 3, |r| DescribeQuorumRequestTopicData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeQuorumRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<DescribeQuorumRequestPartitionData>,
    pub unknown: UnknownTags,
}

impl DescribeQuorumRequestTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 5, |r| DescribeQuorumRequestPartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeQuorumRequestPartitionData {
    pub partition_index: i32,
    pub unknown: UnknownTags,
}

impl DescribeQuorumRequestPartitionData {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DescribeQuorumRequest {
    const KEY: ApiKey = ApiKey::DescribeQuorum;
    type Response = DescribeQuorumResponse;
}

/// The response of API 55, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeQuorumResponse {
    pub error_code: ErrorCode,
    /// In 2+, default `Some(Str::new())`, ignorable.
    pub error_message: Option<Str>,
    pub topics: Vec<DescribeQuorumResponseTopicData>,
    /// In 2+.
    pub nodes: Vec<Node>,
    pub unknown: UnknownTags,
}

impl Default for DescribeQuorumResponse {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            topics: Vec::new(),
            nodes: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeQuorumResponse {
    const NAME: &'static str = "DescribeQuorumResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: if version >= 2 { r.opt_string(true) } else { Some(Str::new()) },
            topics: r.array(true, 3, |r| DescribeQuorumResponseTopicData::decode(version, r)),
            nodes: if version >= 2 { r.array(true, 6, |r| Node::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        if version >= 2 {
            w.opt_string(true, self.error_message.as_ref());
        }
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        if version >= 2 {
            w.array(true, &self.nodes, |w, x| x.encode(version, w));
        } else {
            w.absent(self.nodes.is_empty(), "DescribeQuorumResponse.Nodes", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeQuorumResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<DescribeQuorumResponsePartitionData>,
    pub unknown: UnknownTags,
}

impl DescribeQuorumResponseTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 25, |r| DescribeQuorumResponsePartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeQuorumResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    /// In 2+, default `Some(Str::new())`, ignorable.
    pub error_message: Option<Str>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
    pub unknown: UnknownTags,
}

impl Default for DescribeQuorumResponsePartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: Vec::new(),
            observers: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeQuorumResponsePartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: if version >= 2 { r.opt_string(true) } else { Some(Str::new()) },
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            high_watermark: r.i64(),
            current_voters: r.array(true, 13, |r| ReplicaState::decode(version, r)),
            observers: r.array(true, 13, |r| ReplicaState::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        if version >= 2 {
            w.opt_string(true, self.error_message.as_ref());
        }
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.i64(self.high_watermark);
        w.array(true, &self.current_voters, |w, x| x.encode(version, w));
        w.array(true, &self.observers, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    /// In 2+.
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    /// In 1+, default `-1`, ignorable.
    pub last_fetch_timestamp: i64,
    /// In 1+, default `-1`, ignorable.
    pub last_caught_up_timestamp: i64,
    pub unknown: UnknownTags,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: 0,
            replica_directory_id: Uuid::ZERO,
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl ReplicaState {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            replica_id: r.i32(),
            replica_directory_id: if version >= 2 { r.uuid() } else { Uuid::ZERO },
            log_end_offset: r.i64(),
            last_fetch_timestamp: if version >= 1 { r.i64() } else { -1 },
            last_caught_up_timestamp: if version >= 1 { r.i64() } else { -1 },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.replica_id);
        if version >= 2 {
            w.uuid(self.replica_directory_id);
        } else {
            w.absent(self.replica_directory_id == Uuid::ZERO, "DescribeQuorumResponse.ReplicaDirectoryId", version);
        }
        w.i64(self.log_end_offset);
        if version >= 1 {
            w.i64(self.last_fetch_timestamp);
        }
        if version >= 1 {
            w.i64(self.last_caught_up_timestamp);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumResponse`, versions 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
    pub unknown: UnknownTags,
}

impl Node {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            node_id: r.i32(),
            listeners: r.array(true, 5, |r| Listener::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.node_id);
        w.array(true, &self.listeners, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeQuorumResponse`, versions 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl Listener {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

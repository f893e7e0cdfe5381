//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 53, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct BeginQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    /// In 1+, default `-1`, ignorable.
    pub voter_id: i32,
    pub topics: Vec<BeginQuorumEpochRequestTopicData>,
    /// In 1+, ignorable.
    pub leader_endpoints: Vec<LeaderEndpoint>,
    pub unknown: UnknownTags,
}

impl Default for BeginQuorumEpochRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            voter_id: -1,
            topics: Vec::new(),
            leader_endpoints: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for BeginQuorumEpochRequest {
    const NAME: &'static str = "BeginQuorumEpochRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            cluster_id: r.opt_string(flexible),
            voter_id: if version >= 1 { r.i32() } else { -1 },
            topics: r.array(flexible, 3, |r| BeginQuorumEpochRequestTopicData::decode(version, r)),
            leader_endpoints: if version >= 1 { r.array(flexible, 5, |r| LeaderEndpoint::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.opt_string(flexible, self.cluster_id.as_ref());
        if version >= 1 {
            w.i32(self.voter_id);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version >= 1 {
            w.array(flexible, &self.leader_endpoints, |w, x| x.encode(version, w));
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `BeginQuorumEpochRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginQuorumEpochRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<BeginQuorumEpochRequestPartitionData>,
    pub unknown: UnknownTags,
}

impl BeginQuorumEpochRequestTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            topic_name: r.string(flexible),
            partitions: r.array(flexible, 12, |r| BeginQuorumEpochRequestPartitionData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.topic_name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `BeginQuorumEpochRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    /// In 1+, ignorable.
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl BeginQuorumEpochRequestPartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            partition_index: r.i32(),
            voter_directory_id: if version >= 1 { r.uuid() } else { Uuid::ZERO },
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.partition_index);
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        }
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `BeginQuorumEpochRequest`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl LeaderEndpoint {
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

impl Request for BeginQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::BeginQuorumEpoch;
    type Response = BeginQuorumEpochResponse;
}

/// The response of API 53, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginQuorumEpochResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<BeginQuorumEpochResponseTopicData>,
    /// In 1+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for BeginQuorumEpochResponse {
    const NAME: &'static str = "BeginQuorumEpochResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        let mut this = Self {
            error_code: ErrorCode(r.i16()),
            topics: r.array(flexible, 3, |r| BeginQuorumEpochResponseTopicData::decode(version, r)),
            node_endpoints: Vec::new(),
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.node_endpoints = r.array(flexible, 8, |r| NodeEndpoint::decode(version, r)),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i16(self.error_code.0);
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version < 1 {
            w.absent(self.node_endpoints.is_empty(), "BeginQuorumEpochResponse.NodeEndpoints", version);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if !self.node_endpoints.is_empty() {
                w.tag(&mut tags, 0, |w| w.array(flexible, &self.node_endpoints, |w, x| x.encode(version, w)));
            }
            w.end_tags(tags);
        }
    }
}

/// In `BeginQuorumEpochResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginQuorumEpochResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<BeginQuorumEpochResponsePartitionData>,
    pub unknown: UnknownTags,
}

impl BeginQuorumEpochResponseTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            topic_name: r.string(flexible),
            partitions: r.array(flexible, 14, |r| BeginQuorumEpochResponsePartitionData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.topic_name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `BeginQuorumEpochResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginQuorumEpochResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl BeginQuorumEpochResponsePartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `BeginQuorumEpochResponse`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl NodeEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            node_id: r.i32(),
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.node_id);
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

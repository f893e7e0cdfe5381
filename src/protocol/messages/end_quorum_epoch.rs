//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 54, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub topics: Vec<EndQuorumEpochRequestTopicData>,
    /// In 1+, ignorable.
    pub leader_endpoints: Vec<LeaderEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for EndQuorumEpochRequest {
    const NAME: &'static str = "EndQuorumEpochRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            cluster_id: r.opt_string(flexible),
            topics: r.array(flexible, 3, |r| EndQuorumEpochRequestTopicData::decode(version, r)),
            leader_endpoints: if version >= 1 { r.array(flexible, 5, |r| LeaderEndpoint::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.opt_string(flexible, self.cluster_id.as_ref());
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version >= 1 {
            w.array(flexible, &self.leader_endpoints, |w, x| x.encode(version, w));
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `EndQuorumEpochRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<EndQuorumEpochRequestPartitionData>,
    pub unknown: UnknownTags,
}

impl EndQuorumEpochRequestTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            topic_name: r.string(flexible),
            partitions: r.array(flexible, 14, |r| EndQuorumEpochRequestPartitionData::decode(version, r)),
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

/// In `EndQuorumEpochRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    /// In 0, ignorable.
    pub preferred_successors: Vec<i32>,
    /// In 1+, ignorable.
    pub preferred_candidates: Vec<ReplicaInfo>,
    pub unknown: UnknownTags,
}

impl EndQuorumEpochRequestPartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            partition_index: r.i32(),
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            preferred_successors: if version <= 0 { r.array(flexible, 4, Reader::i32) } else { Vec::new() },
            preferred_candidates: if version >= 1 { r.array(flexible, 21, |r| ReplicaInfo::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        if version <= 0 {
            w.array(flexible, &self.preferred_successors, |w, x| w.i32(*x));
        }
        if version >= 1 {
            w.array(flexible, &self.preferred_candidates, |w, x| x.encode(version, w));
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `EndQuorumEpochRequest`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
    pub unknown: UnknownTags,
}

impl ReplicaInfo {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            candidate_id: r.i32(),
            candidate_directory_id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.candidate_id);
        w.uuid(self.candidate_directory_id);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `EndQuorumEpochRequest`, versions 1.
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

impl Request for EndQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::EndQuorumEpoch;
    type Response = EndQuorumEpochResponse;
}

/// The response of API 54, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<EndQuorumEpochResponseTopicData>,
    /// In 1+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for EndQuorumEpochResponse {
    const NAME: &'static str = "EndQuorumEpochResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        let mut this = Self {
            error_code: ErrorCode(r.i16()),
            topics: r.array(flexible, 3, |r| EndQuorumEpochResponseTopicData::decode(version, r)),
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
            w.absent(self.node_endpoints.is_empty(), "EndQuorumEpochResponse.NodeEndpoints", version);
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

/// In `EndQuorumEpochResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<EndQuorumEpochResponsePartitionData>,
    pub unknown: UnknownTags,
}

impl EndQuorumEpochResponseTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            topic_name: r.string(flexible),
            partitions: r.array(flexible, 14, |r| EndQuorumEpochResponsePartitionData::decode(version, r)),
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

/// In `EndQuorumEpochResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl EndQuorumEpochResponsePartitionData {
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

/// In `EndQuorumEpochResponse`, versions 1.
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

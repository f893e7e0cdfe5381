//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 52, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct VoteRequest {
    pub cluster_id: Option<Str>,
    /// In 1+, default `-1`, ignorable.
    pub voter_id: i32,
    pub topics: Vec<VoteRequestTopicData>,
    pub unknown: UnknownTags,
}

impl Default for VoteRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            voter_id: -1,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for VoteRequest {
    const NAME: &'static str = "VoteRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            cluster_id: r.opt_string(true),
            voter_id: if version >= 1 { r.i32() } else { -1 },
            topics: r.array(true, 3, |r| VoteRequestTopicData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_string(true, self.cluster_id.as_ref());
        if version >= 1 {
            w.i32(self.voter_id);
        }
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VoteRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoteRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<VoteRequestPartitionData>,
    pub unknown: UnknownTags,
}

impl VoteRequestTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 25, |r| VoteRequestPartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VoteRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoteRequestPartitionData {
    pub partition_index: i32,
    pub replica_epoch: i32,
    pub replica_id: i32,
    /// In 1+, ignorable.
    pub replica_directory_id: Uuid,
    /// In 1+, ignorable.
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    /// In 2+.
    pub pre_vote: bool,
    pub unknown: UnknownTags,
}

impl VoteRequestPartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            replica_epoch: r.i32(),
            replica_id: r.i32(),
            replica_directory_id: if version >= 1 { r.uuid() } else { Uuid::ZERO },
            voter_directory_id: if version >= 1 { r.uuid() } else { Uuid::ZERO },
            last_offset_epoch: r.i32(),
            last_offset: r.i64(),
            pre_vote: if version >= 2 { r.bool() } else { false },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i32(self.replica_epoch);
        w.i32(self.replica_id);
        if version >= 1 {
            w.uuid(self.replica_directory_id);
        }
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        }
        w.i32(self.last_offset_epoch);
        w.i64(self.last_offset);
        if version >= 2 {
            w.bool(self.pre_vote);
        } else {
            w.absent(!self.pre_vote, "VoteRequest.PreVote", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for VoteRequest {
    const KEY: ApiKey = ApiKey::Vote;
    type Response = VoteResponse;
}

/// The response of API 52, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoteResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<VoteResponseTopicData>,
    /// In 1+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for VoteResponse {
    const NAME: &'static str = "VoteResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            error_code: ErrorCode(r.i16()),
            topics: r.array(true, 3, |r| VoteResponseTopicData::decode(version, r)),
            node_endpoints: Vec::new(),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 if version >= 1 => this.node_endpoints = r.array(true, 8, |r| NodeEndpoint::decode(version, r)),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        if version < 1 {
            w.absent(self.node_endpoints.is_empty(), "VoteResponse.NodeEndpoints", version);
        }
        let mut tags = w.tags(&self.unknown);
        if version >= 1 && !self.node_endpoints.is_empty() {
            w.tag(&mut tags, 0, |w| w.array(true, &self.node_endpoints, |w, x| x.encode(version, w)));
        }
        w.end_tags(tags);
    }
}

/// In `VoteResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoteResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<VoteResponsePartitionData>,
    pub unknown: UnknownTags,
}

impl VoteResponseTopicData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 16, |r| VoteResponsePartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VoteResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoteResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub vote_granted: bool,
    pub unknown: UnknownTags,
}

impl VoteResponsePartitionData {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            vote_granted: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.bool(self.vote_granted);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `VoteResponse`, versions 1-2.
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

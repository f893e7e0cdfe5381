//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Records, Request, Str, UnknownTags, Writer};

/// The request of API 59, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchSnapshotRequest {
    /// Tagged.
    pub cluster_id: Option<Str>,
    /// Default `-1`.
    pub replica_id: i32,
    /// Default `i32::MAX`.
    pub max_bytes: i32,
    pub topics: Vec<FetchSnapshotRequestTopicSnapshot>,
    pub unknown: UnknownTags,
}

impl Default for FetchSnapshotRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            max_bytes: i32::MAX,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for FetchSnapshotRequest {
    const NAME: &'static str = "FetchSnapshotRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            cluster_id: None,
            replica_id: r.i32(),
            max_bytes: r.i32(),
            topics: r.array(true, 3, |r| FetchSnapshotRequestTopicSnapshot::decode(version, r)),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.cluster_id = r.opt_string(true),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.replica_id);
        w.i32(self.max_bytes);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        let mut tags = w.tags(&self.unknown);
        if self.cluster_id.is_some() {
            w.tag(&mut tags, 0, |w| w.opt_string(true, self.cluster_id.as_ref()));
        }
        w.end_tags(tags);
    }
}

/// In `FetchSnapshotRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotRequestTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<FetchSnapshotRequestPartitionSnapshot>,
    pub unknown: UnknownTags,
}

impl FetchSnapshotRequestTopicSnapshot {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            partitions: r.array(true, 30, |r| FetchSnapshotRequestPartitionSnapshot::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchSnapshotRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotRequestPartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: FetchSnapshotRequestSnapshotId,
    pub position: i64,
    /// In 1+, tagged, ignorable.
    pub replica_directory_id: Uuid,
    pub unknown: UnknownTags,
}

impl FetchSnapshotRequestPartitionSnapshot {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            partition: r.i32(),
            current_leader_epoch: r.i32(),
            snapshot_id: FetchSnapshotRequestSnapshotId::decode(version, r),
            position: r.i64(),
            replica_directory_id: Uuid::ZERO,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 if version >= 1 => this.replica_directory_id = r.uuid(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition);
        w.i32(self.current_leader_epoch);
        self.snapshot_id.encode(version, w);
        w.i64(self.position);
        let mut tags = w.tags(&self.unknown);
        if version >= 1 && self.replica_directory_id != Uuid::ZERO {
            w.tag(&mut tags, 0, |w| w.uuid(self.replica_directory_id));
        }
        w.end_tags(tags);
    }
}

/// In `FetchSnapshotRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotRequestSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown: UnknownTags,
}

impl FetchSnapshotRequestSnapshotId {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            end_offset: r.i64(),
            epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.end_offset);
        w.i32(self.epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for FetchSnapshotRequest {
    const KEY: ApiKey = ApiKey::FetchSnapshot;
    type Response = FetchSnapshotResponse;
}

/// The response of API 59, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub topics: Vec<FetchSnapshotResponseTopicSnapshot>,
    /// In 1+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for FetchSnapshotResponse {
    const NAME: &'static str = "FetchSnapshotResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            topics: r.array(true, 3, |r| FetchSnapshotResponseTopicSnapshot::decode(version, r)),
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
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        if version < 1 {
            w.absent(self.node_endpoints.is_empty(), "FetchSnapshotResponse.NodeEndpoints", version);
        }
        let mut tags = w.tags(&self.unknown);
        if version >= 1 && !self.node_endpoints.is_empty() {
            w.tag(&mut tags, 0, |w| w.array(true, &self.node_endpoints, |w, x| x.encode(version, w)));
        }
        w.end_tags(tags);
    }
}

/// In `FetchSnapshotResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponseTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<FetchSnapshotResponsePartitionSnapshot>,
    pub unknown: UnknownTags,
}

impl FetchSnapshotResponseTopicSnapshot {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            partitions: r.array(true, 37, |r| FetchSnapshotResponsePartitionSnapshot::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchSnapshotResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponsePartitionSnapshot {
    pub index: i32,
    pub error_code: ErrorCode,
    pub snapshot_id: FetchSnapshotResponseSnapshotId,
    /// Tagged.
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Records,
    pub unknown: UnknownTags,
}

impl FetchSnapshotResponsePartitionSnapshot {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            index: r.i32(),
            error_code: ErrorCode(r.i16()),
            snapshot_id: FetchSnapshotResponseSnapshotId::decode(version, r),
            current_leader: LeaderIdAndEpoch::default(),
            size: r.i64(),
            position: r.i64(),
            unaligned_records: r.records(true),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.current_leader = LeaderIdAndEpoch::decode(version, r),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.index);
        w.i16(self.error_code.0);
        self.snapshot_id.encode(version, w);
        w.i64(self.size);
        w.i64(self.position);
        w.records(true, &self.unaligned_records);
        let mut tags = w.tags(&self.unknown);
        if self.current_leader != LeaderIdAndEpoch::default() {
            w.tag(&mut tags, 0, |w| self.current_leader.encode(version, w));
        }
        w.end_tags(tags);
    }
}

/// In `FetchSnapshotResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponseSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown: UnknownTags,
}

impl FetchSnapshotResponseSnapshotId {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            end_offset: r.i64(),
            epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.end_offset);
        w.i32(self.epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchSnapshotResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl LeaderIdAndEpoch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `FetchSnapshotResponse`, versions 1.
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

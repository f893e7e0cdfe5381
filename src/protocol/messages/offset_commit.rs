//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 8, versions 2-10, flexible from 8.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequest {
    pub group_id: Str,
    /// Default `-1`.
    pub generation_id_or_member_epoch: i32,
    pub member_id: Str,
    /// In 7+.
    pub group_instance_id: Option<Str>,
    /// In 2-4, default `-1`, ignorable.
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
    pub unknown: UnknownTags,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            generation_id_or_member_epoch: -1,
            member_id: Str::new(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommitRequest";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 10;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            group_id: r.string(flexible),
            generation_id_or_member_epoch: r.i32(),
            member_id: r.string(flexible),
            group_instance_id: if version >= 7 { r.opt_string(flexible) } else { None },
            retention_time_ms: if version <= 4 { r.i64() } else { -1 },
            topics: r.array(flexible, 3, |r| OffsetCommitRequestTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        w.string(flexible, &self.group_id);
        w.i32(self.generation_id_or_member_epoch);
        w.string(flexible, &self.member_id);
        if version >= 7 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        } else {
            w.absent(self.group_instance_id.is_none(), "OffsetCommitRequest.GroupInstanceId", version);
        }
        if version <= 4 {
            w.i64(self.retention_time_ms);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetCommitRequest`, versions 2-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitRequestTopic {
    /// In 0-9, ignorable.
    pub name: Str,
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
    pub unknown: UnknownTags,
}

impl OffsetCommitRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            name: if version <= 9 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(flexible, 14, |r| OffsetCommitRequestPartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        if version <= 9 {
            w.string(flexible, &self.name);
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetCommitRequest`, versions 2-10.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// In 6+, default `-1`, ignorable.
    pub committed_leader_epoch: i32,
    /// Default `Some(Str::new())`.
    pub committed_metadata: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl OffsetCommitRequestPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            partition_index: r.i32(),
            committed_offset: r.i64(),
            committed_leader_epoch: if version >= 6 { r.i32() } else { -1 },
            committed_metadata: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 6 {
            w.i32(self.committed_leader_epoch);
        }
        w.opt_string(flexible, self.committed_metadata.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for OffsetCommitRequest {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    type Response = OffsetCommitResponse;
}

/// The response of API 8, versions 2-10, flexible from 8.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponse {
    /// In 3+, ignorable.
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
    pub unknown: UnknownTags,
}

impl Message for OffsetCommitResponse {
    const NAME: &'static str = "OffsetCommitResponse";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 10;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            throttle_time_ms: if version >= 3 { r.i32() } else { 0 },
            topics: r.array(flexible, 3, |r| OffsetCommitResponseTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetCommitResponse`, versions 2-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponseTopic {
    /// In 0-9, ignorable.
    pub name: Str,
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitResponsePartition>,
    pub unknown: UnknownTags,
}

impl OffsetCommitResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            name: if version <= 9 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(flexible, 6, |r| OffsetCommitResponsePartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        if version <= 9 {
            w.string(flexible, &self.name);
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetCommitResponse`, versions 2-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl OffsetCommitResponsePartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 8;
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 8;
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}

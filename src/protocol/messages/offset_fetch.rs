//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 9, versions 1-10, flexible from 6.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequest {
    /// In 0-7.
    pub group_id: Str,
    /// In 0-7, null allowed in 2-7, default `Some(Vec::new())`.
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// In 8+.
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// In 7+.
    pub require_stable: bool,
    pub unknown: UnknownTags,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            topics: Some(Vec::new()),
            groups: Vec::new(),
            require_stable: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetchRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 10;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            group_id: if version <= 7 { r.string(flexible) } else { Str::new() },
            topics: if version <= 7 { { let x = r.opt_array(flexible, 3, |r| OffsetFetchRequestTopic::decode(version, r)); r.nullable((2..=7).contains(&version), x) } } else { Some(Vec::new()) },
            groups: if version >= 8 { r.array(flexible, 3, |r| OffsetFetchRequestGroup::decode(version, r)) } else { Vec::new() },
            require_stable: if version >= 7 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        if version <= 7 {
            w.string(flexible, &self.group_id);
        } else {
            w.absent(self.group_id.is_empty(), "OffsetFetchRequest.GroupId", version);
        }
        if version <= 7 {
            w.not_null(!(2..=7).contains(&version) && self.topics.is_none(), "OffsetFetchRequest.Topics", version); w.opt_array(flexible, self.topics.as_deref(), |w, x| x.encode(version, w));
        } else {
            w.absent(self.topics.as_ref().is_some_and(|x| x.is_empty()), "OffsetFetchRequest.Topics", version);
        }
        if version >= 8 {
            w.array(flexible, &self.groups, |w, x| x.encode(version, w));
        } else {
            w.absent(self.groups.is_empty(), "OffsetFetchRequest.Groups", version);
        }
        if version >= 7 {
            w.bool(self.require_stable);
        } else {
            w.absent(!self.require_stable, "OffsetFetchRequest.RequireStable", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetFetchRequest`, versions 1-7.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
    pub unknown: UnknownTags,
}

impl OffsetFetchRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            name: r.string(flexible),
            partition_indexes: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partition_indexes, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetFetchRequest`, versions 8-10.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequestGroup {
    pub group_id: Str,
    /// In 9+, ignorable.
    pub member_id: Option<Str>,
    /// In 9+, default `-1`, ignorable.
    pub member_epoch: i32,
    /// Default `Some(Vec::new())`.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    pub unknown: UnknownTags,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            member_id: None,
            member_epoch: -1,
            topics: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl OffsetFetchRequestGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            member_id: if version >= 9 { r.opt_string(true) } else { None },
            member_epoch: if version >= 9 { r.i32() } else { -1 },
            topics: r.opt_array(true, 3, |r| OffsetFetchRequestTopics::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        if version >= 9 {
            w.opt_string(true, self.member_id.as_ref());
        }
        if version >= 9 {
            w.i32(self.member_epoch);
        }
        w.opt_array(true, self.topics.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `OffsetFetchRequest`, versions 8-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopics {
    /// In 8-9, ignorable.
    pub name: Str,
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
    pub unknown: UnknownTags,
}

impl OffsetFetchRequestTopics {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: if version <= 9 { r.string(true) } else { Str::new() },
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            partition_indexes: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        if version <= 9 {
            w.string(true, &self.name);
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(true, &self.partition_indexes, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for OffsetFetchRequest {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    type Response = OffsetFetchResponse;
}

/// The response of API 9, versions 1-10, flexible from 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponse {
    /// In 3+, ignorable.
    pub throttle_time_ms: i32,
    /// In 0-7.
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// In 2-7, ignorable.
    pub error_code: ErrorCode,
    /// In 8+.
    pub groups: Vec<OffsetFetchResponseGroup>,
    pub unknown: UnknownTags,
}

impl Message for OffsetFetchResponse {
    const NAME: &'static str = "OffsetFetchResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 10;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            throttle_time_ms: if version >= 3 { r.i32() } else { 0 },
            topics: if version <= 7 { r.array(flexible, 3, |r| OffsetFetchResponseTopic::decode(version, r)) } else { Vec::new() },
            error_code: if (2..=7).contains(&version) { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            groups: if version >= 8 { r.array(flexible, 5, |r| OffsetFetchResponseGroup::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 7 {
            w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        } else {
            w.absent(self.topics.is_empty(), "OffsetFetchResponse.Topics", version);
        }
        if (2..=7).contains(&version) {
            w.i16(self.error_code.0);
        }
        if version >= 8 {
            w.array(flexible, &self.groups, |w, x| x.encode(version, w));
        } else {
            w.absent(self.groups.is_empty(), "OffsetFetchResponse.Groups", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetFetchResponse`, versions 1-7.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetFetchResponsePartition>,
    pub unknown: UnknownTags,
}

impl OffsetFetchResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 16, |r| OffsetFetchResponsePartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetFetchResponse`, versions 1-7.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// In 5-7, default `-1`, ignorable.
    pub committed_leader_epoch: i32,
    /// Default `Some(Str::new())`.
    pub metadata: Option<Str>,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::new()),
            error_code: ErrorCode::NONE,
            unknown: UnknownTags::new(),
        }
    }
}

impl OffsetFetchResponsePartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            partition_index: r.i32(),
            committed_offset: r.i64(),
            committed_leader_epoch: if version >= 5 { r.i32() } else { -1 },
            metadata: r.opt_string(flexible),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 5 {
            w.i32(self.committed_leader_epoch);
        }
        w.opt_string(flexible, self.metadata.as_ref());
        w.i16(self.error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetFetchResponse`, versions 8-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseGroup {
    pub group_id: Str,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl OffsetFetchResponseGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.array(true, 3, |r| OffsetFetchResponseTopics::decode(version, r)),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.i16(self.error_code.0);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `OffsetFetchResponse`, versions 8-10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopics {
    /// In 8-9, ignorable.
    pub name: Str,
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    pub unknown: UnknownTags,
}

impl OffsetFetchResponseTopics {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: if version <= 9 { r.string(true) } else { Str::new() },
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            partitions: r.array(true, 20, |r| OffsetFetchResponsePartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        if version <= 9 {
            w.string(true, &self.name);
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `OffsetFetchResponse`, versions 8-10.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Default `-1`.
    pub committed_leader_epoch: i32,
    /// Default `Some(Str::new())`.
    pub metadata: Option<Str>,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Default for OffsetFetchResponsePartitions {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::new()),
            error_code: ErrorCode::NONE,
            unknown: UnknownTags::new(),
        }
    }
}

impl OffsetFetchResponsePartitions {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            committed_offset: r.i64(),
            committed_leader_epoch: r.i32(),
            metadata: r.opt_string(true),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        w.i32(self.committed_leader_epoch);
        w.opt_string(true, self.metadata.as_ref());
        w.i16(self.error_code.0);
        w.unknown_tags(true, &self.unknown);
    }
}

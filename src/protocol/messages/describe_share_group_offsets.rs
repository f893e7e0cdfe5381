//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 90, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeShareGroupOffsetsRequest {
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
    pub unknown: UnknownTags,
}

impl Message for DescribeShareGroupOffsetsRequest {
    const NAME: &'static str = "DescribeShareGroupOffsetsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            groups: r.array(true, 3, |r| DescribeShareGroupOffsetsRequestGroup::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.groups, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeShareGroupOffsetsRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeShareGroupOffsetsRequestGroup {
    pub group_id: Str,
    /// Default `Some(Vec::new())`.
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeShareGroupOffsetsRequestGroup {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            topics: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeShareGroupOffsetsRequestGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.opt_array(true, 3, |r| DescribeShareGroupOffsetsRequestTopic::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.opt_array(true, self.topics.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeShareGroupOffsetsRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl DescribeShareGroupOffsetsRequestTopic {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DescribeShareGroupOffsetsRequest {
    const KEY: ApiKey = ApiKey::DescribeShareGroupOffsets;
    type Response = DescribeShareGroupOffsetsResponse;
}

/// The response of API 90, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    pub unknown: UnknownTags,
}

impl Message for DescribeShareGroupOffsetsResponse {
    const NAME: &'static str = "DescribeShareGroupOffsetsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            groups: r.array(true, 6, |r| DescribeShareGroupOffsetsResponseGroup::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.array(true, &self.groups, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeShareGroupOffsetsResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeShareGroupOffsetsResponseGroup {
    pub group_id: Str,
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl DescribeShareGroupOffsetsResponseGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.array(true, 19, |r| DescribeShareGroupOffsetsResponseTopic::decode(version, r)),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeShareGroupOffsetsResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    pub unknown: UnknownTags,
}

impl DescribeShareGroupOffsetsResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            topic_id: r.uuid(),
            partitions: r.array(true, 20, |r| DescribeShareGroupOffsetsResponsePartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeShareGroupOffsetsResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    pub start_offset: i64,
    pub leader_epoch: i32,
    /// In 1+, default `-1`, ignorable.
    pub lag: i64,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for DescribeShareGroupOffsetsResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            start_offset: 0,
            leader_epoch: 0,
            lag: -1,
            error_code: ErrorCode::NONE,
            error_message: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeShareGroupOffsetsResponsePartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            start_offset: r.i64(),
            leader_epoch: r.i32(),
            lag: if version >= 1 { r.i64() } else { -1 },
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i64(self.start_offset);
        w.i32(self.leader_epoch);
        if version >= 1 {
            w.i64(self.lag);
        }
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

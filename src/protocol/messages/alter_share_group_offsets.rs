//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 91, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsRequest {
    pub group_id: Str,
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    pub unknown: UnknownTags,
}

impl Message for AlterShareGroupOffsetsRequest {
    const NAME: &'static str = "AlterShareGroupOffsetsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.array(true, 3, |r| AlterShareGroupOffsetsRequestTopic::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterShareGroupOffsetsRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    pub unknown: UnknownTags,
}

impl AlterShareGroupOffsetsRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            partitions: r.array(true, 13, |r| AlterShareGroupOffsetsRequestPartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterShareGroupOffsetsRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsRequestPartition {
    pub partition_index: i32,
    pub start_offset: i64,
    pub unknown: UnknownTags,
}

impl AlterShareGroupOffsetsRequestPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            start_offset: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i64(self.start_offset);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for AlterShareGroupOffsetsRequest {
    const KEY: ApiKey = ApiKey::AlterShareGroupOffsets;
    type Response = AlterShareGroupOffsetsResponse;
}

/// The response of API 91, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    pub unknown: UnknownTags,
}

impl Message for AlterShareGroupOffsetsResponse {
    const NAME: &'static str = "AlterShareGroupOffsetsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            responses: r.array(true, 19, |r| AlterShareGroupOffsetsResponseTopic::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.array(true, &self.responses, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `AlterShareGroupOffsetsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    pub unknown: UnknownTags,
}

impl AlterShareGroupOffsetsResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            topic_id: r.uuid(),
            partitions: r.array(true, 8, |r| AlterShareGroupOffsetsResponsePartition::decode(version, r)),
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

/// In `AlterShareGroupOffsetsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl AlterShareGroupOffsetsResponsePartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

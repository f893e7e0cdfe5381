//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, Writer};

/// The request of API 47, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequest {
    pub group_id: Str,
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

impl Message for OffsetDeleteRequest {
    const NAME: &'static str = "OffsetDeleteRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            topics: r.array(false, 6, |r| OffsetDeleteRequestTopic::decode(version, r)),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.array(false, &self.topics, |w, x| x.encode(version, w));
    }
}

/// In `OffsetDeleteRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestTopic {
    pub name: Str,
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

impl OffsetDeleteRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(false),
            partitions: r.array(false, 4, |r| OffsetDeleteRequestPartition::decode(version, r)),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(false, &self.name);
        w.array(false, &self.partitions, |w, x| x.encode(version, w));
    }
}

/// In `OffsetDeleteRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestPartition {
    pub partition_index: i32,
}

impl OffsetDeleteRequestPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
    }
}

impl Request for OffsetDeleteRequest {
    const KEY: ApiKey = ApiKey::OffsetDelete;
    type Response = OffsetDeleteResponse;
}

/// The response of API 47, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponse {
    pub error_code: ErrorCode,
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

impl Message for OffsetDeleteResponse {
    const NAME: &'static str = "OffsetDeleteResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            throttle_time_ms: r.i32(),
            topics: r.array(false, 6, |r| OffsetDeleteResponseTopic::decode(version, r)),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.i32(self.throttle_time_ms);
        w.array(false, &self.topics, |w, x| x.encode(version, w));
    }
}

/// In `OffsetDeleteResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

impl OffsetDeleteResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(false),
            partitions: r.array(false, 6, |r| OffsetDeleteResponsePartition::decode(version, r)),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(false, &self.name);
        w.array(false, &self.partitions, |w, x| x.encode(version, w));
    }
}

/// In `OffsetDeleteResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}

impl OffsetDeleteResponsePartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
    }
}

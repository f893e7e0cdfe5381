//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 2, versions 1-11, flexible from 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    /// In 2+.
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    /// In 10+, ignorable.
    pub timeout_ms: i32,
    pub unknown: UnknownTags,
}

impl Message for ListOffsetsRequest {
    const NAME: &'static str = "ListOffsetsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 11;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            replica_id: r.i32(),
            isolation_level: if version >= 2 { r.i8() } else { 0 },
            topics: r.array(flexible, 3, |r| ListOffsetsTopic::decode(version, r)),
            timeout_ms: if version >= 10 { r.i32() } else { 0 },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.i32(self.replica_id);
        if version >= 2 {
            w.i8(self.isolation_level);
        } else {
            w.absent(self.isolation_level == 0, "ListOffsetsRequest.IsolationLevel", version);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version >= 10 {
            w.i32(self.timeout_ms);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ListOffsetsRequest`, versions 1-11.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsTopic {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartition>,
    pub unknown: UnknownTags,
}

impl ListOffsetsTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 12, |r| ListOffsetsPartition::decode(version, r)),
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

/// In `ListOffsetsRequest`, versions 1-11.
#[derive(Debug, Clone, PartialEq)]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    /// In 4+, default `-1`, ignorable.
    pub current_leader_epoch: i32,
    pub timestamp: i64,
    pub unknown: UnknownTags,
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            current_leader_epoch: -1,
            timestamp: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl ListOffsetsPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            partition_index: r.i32(),
            current_leader_epoch: if version >= 4 { r.i32() } else { -1 },
            timestamp: r.i64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.i32(self.partition_index);
        if version >= 4 {
            w.i32(self.current_leader_epoch);
        }
        w.i64(self.timestamp);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ListOffsetsRequest {
    const KEY: ApiKey = ApiKey::ListOffsets;
    type Response = ListOffsetsResponse;
}

/// The response of API 2, versions 1-11, flexible from 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsResponse {
    /// In 2+, ignorable.
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
    pub unknown: UnknownTags,
}

impl Message for ListOffsetsResponse {
    const NAME: &'static str = "ListOffsetsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 11;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            throttle_time_ms: if version >= 2 { r.i32() } else { 0 },
            topics: r.array(flexible, 3, |r| ListOffsetsTopicResponse::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        if version >= 2 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ListOffsetsResponse`, versions 1-11.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsTopicResponse {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    pub unknown: UnknownTags,
}

impl ListOffsetsTopicResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 22, |r| ListOffsetsPartitionResponse::decode(version, r)),
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

/// In `ListOffsetsResponse`, versions 1-11.
#[derive(Debug, Clone, PartialEq)]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    /// Default `-1`.
    pub timestamp: i64,
    /// Default `-1`.
    pub offset: i64,
    /// In 4+, default `-1`.
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl ListOffsetsPartitionResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            timestamp: r.i64(),
            offset: r.i64(),
            leader_epoch: if version >= 4 { r.i32() } else { -1 },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.i64(self.timestamp);
        w.i64(self.offset);
        if version >= 4 {
            w.i32(self.leader_epoch);
        } else {
            w.absent(self.leader_epoch == -1, "ListOffsetsResponse.LeaderEpoch", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

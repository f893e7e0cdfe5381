//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 23, versions 2-4, flexible from 4.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetForLeaderEpochRequest {
    /// In 3+, default `-2`, ignorable.
    pub replica_id: i32,
    pub topics: Vec<OffsetForLeaderTopic>,
    pub unknown: UnknownTags,
}

impl Default for OffsetForLeaderEpochRequest {
    fn default() -> Self {
        Self {
            replica_id: -2,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for OffsetForLeaderEpochRequest {
    const NAME: &'static str = "OffsetForLeaderEpochRequest";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            replica_id: if version >= 3 { r.i32() } else { -2 },
            topics: r.array(flexible, 3, |r| OffsetForLeaderTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        if version >= 3 {
            w.i32(self.replica_id);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetForLeaderEpochRequest`, versions 2-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderTopic {
    pub topic: Str,
    pub partitions: Vec<OffsetForLeaderPartition>,
    pub unknown: UnknownTags,
}

impl OffsetForLeaderTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            topic: r.string(flexible),
            partitions: r.array(flexible, 12, |r| OffsetForLeaderPartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetForLeaderEpochRequest`, versions 2-4.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetForLeaderPartition {
    pub partition: i32,
    /// Default `-1`.
    pub current_leader_epoch: i32,
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl Default for OffsetForLeaderPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            leader_epoch: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl OffsetForLeaderPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            partition: r.i32(),
            current_leader_epoch: r.i32(),
            leader_epoch: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i32(self.partition);
        w.i32(self.current_leader_epoch);
        w.i32(self.leader_epoch);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for OffsetForLeaderEpochRequest {
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    type Response = OffsetForLeaderEpochResponse;
}

/// The response of API 23, versions 2-4, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderEpochResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetForLeaderTopicResult>,
    pub unknown: UnknownTags,
}

impl Message for OffsetForLeaderEpochResponse {
    const NAME: &'static str = "OffsetForLeaderEpochResponse";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: r.i32(),
            topics: r.array(flexible, 3, |r| OffsetForLeaderTopicResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetForLeaderEpochResponse`, versions 2-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderTopicResult {
    pub topic: Str,
    pub partitions: Vec<EpochEndOffset>,
    pub unknown: UnknownTags,
}

impl OffsetForLeaderTopicResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            topic: r.string(flexible),
            partitions: r.array(flexible, 18, |r| EpochEndOffset::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `OffsetForLeaderEpochResponse`, versions 2-4.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    pub error_code: ErrorCode,
    pub partition: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    /// Default `-1`.
    pub end_offset: i64,
    pub unknown: UnknownTags,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            partition: 0,
            leader_epoch: -1,
            end_offset: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl EpochEndOffset {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            error_code: ErrorCode(r.i16()),
            partition: r.i32(),
            leader_epoch: r.i32(),
            end_offset: r.i64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i16(self.error_code.0);
        w.i32(self.partition);
        w.i32(self.leader_epoch);
        w.i64(self.end_offset);
        w.unknown_tags(flexible, &self.unknown);
    }
}

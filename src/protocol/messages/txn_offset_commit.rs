//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 28, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: Str,
    pub group_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// In 3+, default `-1`.
    pub generation_id: i32,
    /// In 3+.
    pub member_id: Str,
    /// In 3+.
    pub group_instance_id: Option<Str>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    pub unknown: UnknownTags,
}

impl Default for TxnOffsetCommitRequest {
    fn default() -> Self {
        Self {
            transactional_id: Str::new(),
            group_id: Str::new(),
            producer_id: 0,
            producer_epoch: 0,
            generation_id: -1,
            member_id: Str::new(),
            group_instance_id: None,
            topics: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for TxnOffsetCommitRequest {
    const NAME: &'static str = "TxnOffsetCommitRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            transactional_id: r.string(flexible),
            group_id: r.string(flexible),
            producer_id: r.i64(),
            producer_epoch: r.i16(),
            generation_id: if version >= 3 { r.i32() } else { -1 },
            member_id: if version >= 3 { r.string(flexible) } else { Str::new() },
            group_instance_id: if version >= 3 { r.opt_string(flexible) } else { None },
            topics: r.array(flexible, 3, |r| TxnOffsetCommitRequestTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.transactional_id);
        w.string(flexible, &self.group_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        if version >= 3 {
            w.i32(self.generation_id);
        } else {
            w.absent(self.generation_id == -1, "TxnOffsetCommitRequest.GenerationId", version);
        }
        if version >= 3 {
            w.string(flexible, &self.member_id);
        } else {
            w.absent(self.member_id.is_empty(), "TxnOffsetCommitRequest.MemberId", version);
        }
        if version >= 3 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        } else {
            w.absent(self.group_instance_id.is_none(), "TxnOffsetCommitRequest.GroupInstanceId", version);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `TxnOffsetCommitRequest`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitRequestTopic {
    pub name: Str,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    pub unknown: UnknownTags,
}

impl TxnOffsetCommitRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 14, |r| TxnOffsetCommitRequestPartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `TxnOffsetCommitRequest`, versions 0-5.
#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// In 2+, default `-1`, ignorable.
    pub committed_leader_epoch: i32,
    /// Default `Some(Str::new())`.
    pub committed_metadata: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for TxnOffsetCommitRequestPartition {
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

impl TxnOffsetCommitRequestPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            partition_index: r.i32(),
            committed_offset: r.i64(),
            committed_leader_epoch: if version >= 2 { r.i32() } else { -1 },
            committed_metadata: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 2 {
            w.i32(self.committed_leader_epoch);
        }
        w.opt_string(flexible, self.committed_metadata.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for TxnOffsetCommitRequest {
    const KEY: ApiKey = ApiKey::TxnOffsetCommit;
    type Response = TxnOffsetCommitResponse;
}

/// The response of API 28, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    pub unknown: UnknownTags,
}

impl Message for TxnOffsetCommitResponse {
    const NAME: &'static str = "TxnOffsetCommitResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            throttle_time_ms: r.i32(),
            topics: r.array(flexible, 3, |r| TxnOffsetCommitResponseTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `TxnOffsetCommitResponse`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitResponseTopic {
    pub name: Str,
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    pub unknown: UnknownTags,
}

impl TxnOffsetCommitResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 6, |r| TxnOffsetCommitResponsePartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `TxnOffsetCommitResponse`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl TxnOffsetCommitResponsePartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 43, versions 0-2, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct ElectLeadersRequest {
    /// In 1+.
    pub election_type: i8,
    /// Default `Some(Vec::new())`.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// Default `60_000`.
    pub timeout_ms: i32,
    pub unknown: UnknownTags,
}

impl Default for ElectLeadersRequest {
    fn default() -> Self {
        Self {
            election_type: 0,
            topic_partitions: Some(Vec::new()),
            timeout_ms: 60_000,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ElectLeadersRequest {
    const NAME: &'static str = "ElectLeadersRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            election_type: if version >= 1 { r.i8() } else { 0 },
            topic_partitions: r.opt_array(flexible, 3, |r| TopicPartitions::decode(version, r)),
            timeout_ms: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        if version >= 1 {
            w.i8(self.election_type);
        } else {
            w.absent(self.election_type == 0, "ElectLeadersRequest.ElectionType", version);
        }
        w.opt_array(flexible, self.topic_partitions.as_deref(), |w, x| x.encode(version, w));
        w.i32(self.timeout_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ElectLeadersRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TopicPartitions {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            topic: r.string(flexible),
            partitions: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ElectLeadersRequest {
    const KEY: ApiKey = ApiKey::ElectLeaders;
    type Response = ElectLeadersResponse;
}

/// The response of API 43, versions 0-2, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ElectLeadersResponse {
    pub throttle_time_ms: i32,
    /// In 1+.
    pub error_code: ErrorCode,
    pub replica_election_results: Vec<ReplicaElectionResult>,
    pub unknown: UnknownTags,
}

impl Message for ElectLeadersResponse {
    const NAME: &'static str = "ElectLeadersResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            error_code: if version >= 1 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            replica_election_results: r.array(flexible, 3, |r| ReplicaElectionResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        if version >= 1 {
            w.i16(self.error_code.0);
        } else {
            w.absent(self.error_code == ErrorCode::NONE, "ElectLeadersResponse.ErrorCode", version);
        }
        w.array(flexible, &self.replica_election_results, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ElectLeadersResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaElectionResult {
    pub topic: Str,
    pub partition_result: Vec<PartitionResult>,
    pub unknown: UnknownTags,
}

impl ReplicaElectionResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            topic: r.string(flexible),
            partition_result: r.array(flexible, 8, |r| PartitionResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partition_result, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ElectLeadersResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionResult {
    pub partition_id: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for PartitionResult {
    fn default() -> Self {
        Self {
            partition_id: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl PartitionResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            partition_id: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.partition_id);
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

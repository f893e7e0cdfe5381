//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Records, Request, Str, UnknownTags, Writer};

/// The request of API 78, versions 1-2.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchRequest {
    pub group_id: Option<Str>,
    /// Default `Some(Str::new())`.
    pub member_id: Option<Str>,
    pub share_session_epoch: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    /// Default `i32::MAX`.
    pub max_bytes: i32,
    pub max_records: i32,
    pub batch_size: i32,
    /// In 2+, ignorable.
    pub share_acquire_mode: i8,
    /// In 2+.
    pub is_renew_ack: bool,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    pub unknown: UnknownTags,
}

impl Default for ShareFetchRequest {
    fn default() -> Self {
        Self {
            group_id: None,
            member_id: Some(Str::new()),
            share_session_epoch: 0,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            max_records: 0,
            batch_size: 0,
            share_acquire_mode: 0,
            is_renew_ack: false,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ShareFetchRequest {
    const NAME: &'static str = "ShareFetchRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.opt_string(true),
            member_id: r.opt_string(true),
            share_session_epoch: r.i32(),
            max_wait_ms: r.i32(),
            min_bytes: r.i32(),
            max_bytes: r.i32(),
            max_records: r.i32(),
            batch_size: r.i32(),
            share_acquire_mode: if version >= 2 { r.i8() } else { 0 },
            is_renew_ack: if version >= 2 { r.bool() } else { false },
            topics: r.array(true, 18, |r| FetchTopic::decode(version, r)),
            forgotten_topics_data: r.array(true, 18, |r| ForgottenTopic::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_string(true, self.group_id.as_ref());
        w.opt_string(true, self.member_id.as_ref());
        w.i32(self.share_session_epoch);
        w.i32(self.max_wait_ms);
        w.i32(self.min_bytes);
        w.i32(self.max_bytes);
        w.i32(self.max_records);
        w.i32(self.batch_size);
        if version >= 2 {
            w.i8(self.share_acquire_mode);
        }
        if version >= 2 {
            w.bool(self.is_renew_ack);
        } else {
            w.absent(!self.is_renew_ack, "ShareFetchRequest.IsRenewAck", version);
        }
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.array(true, &self.forgotten_topics_data, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchRequest`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
    pub unknown: UnknownTags,
}

impl FetchTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 6, |r| FetchPartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchRequest`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchPartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    pub unknown: UnknownTags,
}

impl FetchPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            acknowledgement_batches: r.array(true, 18, |r| AcknowledgementBatch::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.array(true, &self.acknowledgement_batches, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchRequest`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcknowledgementBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub acknowledge_types: Vec<i8>,
    pub unknown: UnknownTags,
}

impl AcknowledgementBatch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            first_offset: r.i64(),
            last_offset: r.i64(),
            acknowledge_types: r.array(true, 1, Reader::i8),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.array(true, &self.acknowledge_types, |w, x| w.i8(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchRequest`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl ForgottenTopic {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for ShareFetchRequest {
    const KEY: ApiKey = ApiKey::ShareFetch;
    type Response = ShareFetchResponse;
}

/// The response of API 78, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareFetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareFetchableTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for ShareFetchResponse {
    const NAME: &'static str = "ShareFetchResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            acquisition_lock_timeout_ms: r.i32(),
            responses: r.array(true, 18, |r| ShareFetchableTopicResponse::decode(version, r)),
            node_endpoints: r.array(true, 11, |r| NodeEndpoint::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.i32(self.acquisition_lock_timeout_ms);
        w.array(true, &self.responses, |w, x| x.encode(version, w));
        w.array(true, &self.node_endpoints, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchResponse`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareFetchableTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown: UnknownTags,
}

impl ShareFetchableTopicResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 22, |r| PartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchResponse`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub acknowledge_error_code: ErrorCode,
    pub acknowledge_error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
    pub records: Records,
    pub acquired_records: Vec<AcquiredRecords>,
    pub unknown: UnknownTags,
}

impl PartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition_index: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            acknowledge_error_code: ErrorCode(r.i16()),
            acknowledge_error_message: r.opt_string(true),
            current_leader: LeaderIdAndEpoch::decode(version, r),
            records: r.records(true),
            acquired_records: r.array(true, 19, |r| AcquiredRecords::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_index);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.i16(self.acknowledge_error_code.0);
        w.opt_string(true, self.acknowledge_error_message.as_ref());
        self.current_leader.encode(version, w);
        w.records(true, &self.records);
        w.array(true, &self.acquired_records, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchResponse`, versions 1-2.
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

/// In `ShareFetchResponse`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcquiredRecords {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_count: i16,
    pub unknown: UnknownTags,
}

impl AcquiredRecords {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            first_offset: r.i64(),
            last_offset: r.i64(),
            delivery_count: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.i16(self.delivery_count);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareFetchResponse`, versions 1-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    pub unknown: UnknownTags,
}

impl NodeEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            node_id: r.i32(),
            host: r.string(true),
            port: r.i32(),
            rack: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.node_id);
        w.string(true, &self.host);
        w.i32(self.port);
        w.opt_string(true, self.rack.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Records, Request, Str, UnknownTags, Writer};

/// The request of API 0, versions 3-13, flexible from 9.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceRequest {
    pub transactional_id: Option<Str>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
    pub unknown: UnknownTags,
}

impl Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const MIN_VERSION: i16 = 3;
    const MAX_VERSION: i16 = 13;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            transactional_id: r.opt_string(flexible),
            acks: r.i16(),
            timeout_ms: r.i32(),
            topic_data: r.array(flexible, 3, |r| TopicProduceData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.opt_string(flexible, self.transactional_id.as_ref());
        w.i16(self.acks);
        w.i32(self.timeout_ms);
        w.array(flexible, &self.topic_data, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ProduceRequest`, versions 3-13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceData {
    /// In 0-12, ignorable.
    pub name: Str,
    /// In 13+, ignorable.
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
    pub unknown: UnknownTags,
}

impl TopicProduceData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            name: if version <= 12 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 13 { r.uuid() } else { Uuid::ZERO },
            partition_data: r.array(flexible, 6, |r| PartitionProduceData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        if version <= 12 {
            w.string(flexible, &self.name);
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partition_data, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ProduceRequest`, versions 3-13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Option<Records>,
    pub unknown: UnknownTags,
}

impl PartitionProduceData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            index: r.i32(),
            records: r.opt_records(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i32(self.index);
        w.opt_records(flexible, self.records.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    type Response = ProduceResponse;
}

/// The response of API 0, versions 3-13, flexible from 9.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
    /// In 10+, tagged.
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown: UnknownTags,
}

impl Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const MIN_VERSION: i16 = 3;
    const MAX_VERSION: i16 = 13;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        let mut this = Self {
            responses: r.array(flexible, 3, |r| TopicProduceResponse::decode(version, r)),
            throttle_time_ms: r.i32(),
            node_endpoints: Vec::new(),
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 if version >= 10 => this.node_endpoints = r.array(flexible, 11, |r| NodeEndpoint::decode(version, r)),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.array(flexible, &self.responses, |w, x| x.encode(version, w));
        w.i32(self.throttle_time_ms);
        if version < 10 {
            w.absent(self.node_endpoints.is_empty(), "ProduceResponse.NodeEndpoints", version);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if version >= 10 && !self.node_endpoints.is_empty() {
                w.tag(&mut tags, 0, |w| w.array(flexible, &self.node_endpoints, |w, x| x.encode(version, w)));
            }
            w.end_tags(tags);
        }
    }
}

/// In `ProduceResponse`, versions 3-13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceResponse {
    /// In 0-12, ignorable.
    pub name: Str,
    /// In 13+, ignorable.
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
    pub unknown: UnknownTags,
}

impl TopicProduceResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            name: if version <= 12 { r.string(flexible) } else { Str::new() },
            topic_id: if version >= 13 { r.uuid() } else { Uuid::ZERO },
            partition_responses: r.array(flexible, 22, |r| PartitionProduceResponse::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        if version <= 12 {
            w.string(flexible, &self.name);
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(flexible, &self.partition_responses, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ProduceResponse`, versions 3-13.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: ErrorCode,
    pub base_offset: i64,
    /// Default `-1`.
    pub log_append_time_ms: i64,
    /// In 5+, default `-1`, ignorable.
    pub log_start_offset: i64,
    /// In 8+, ignorable.
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// In 8+, ignorable.
    pub error_message: Option<Str>,
    /// In 10+, tagged.
    pub current_leader: LeaderIdAndEpoch,
    pub unknown: UnknownTags,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: ErrorCode::NONE,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
            unknown: UnknownTags::new(),
        }
    }
}

impl PartitionProduceResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        let mut this = Self {
            index: r.i32(),
            error_code: ErrorCode(r.i16()),
            base_offset: r.i64(),
            log_append_time_ms: r.i64(),
            log_start_offset: if version >= 5 { r.i64() } else { -1 },
            record_errors: if version >= 8 { r.array(flexible, 6, |r| BatchIndexAndErrorMessage::decode(version, r)) } else { Vec::new() },
            error_message: if version >= 8 { r.opt_string(flexible) } else { None },
            current_leader: LeaderIdAndEpoch::default(),
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 if version >= 10 => this.current_leader = LeaderIdAndEpoch::decode(version, r),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i32(self.index);
        w.i16(self.error_code.0);
        w.i64(self.base_offset);
        w.i64(self.log_append_time_ms);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        if version >= 8 {
            w.array(flexible, &self.record_errors, |w, x| x.encode(version, w));
        }
        if version >= 8 {
            w.opt_string(flexible, self.error_message.as_ref());
        }
        if version < 10 {
            w.absent(self.current_leader == LeaderIdAndEpoch::default(), "ProduceResponse.CurrentLeader", version);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if version >= 10 && self.current_leader != LeaderIdAndEpoch::default() {
                w.tag(&mut tags, 0, |w| self.current_leader.encode(version, w));
            }
            w.end_tags(tags);
        }
    }
}

/// In `ProduceResponse`, versions 8-13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl BatchIndexAndErrorMessage {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            batch_index: r.i32(),
            batch_index_error_message: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i32(self.batch_index);
        w.opt_string(flexible, self.batch_index_error_message.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ProduceResponse`, versions 10-13.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    /// Default `-1`.
    pub leader_id: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    pub unknown: UnknownTags,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
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

/// In `ProduceResponse`, versions 10-13.
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

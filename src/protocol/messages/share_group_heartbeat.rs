//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 76, version 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub rack_id: Option<Str>,
    pub subscribed_topic_names: Option<Vec<Str>>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupHeartbeatRequest {
    const NAME: &'static str = "ShareGroupHeartbeatRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 1;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            member_id: r.string(true),
            member_epoch: r.i32(),
            rack_id: r.opt_string(true),
            subscribed_topic_names: r.opt_array(true, 1, |r| r.string(true)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.string(true, &self.member_id);
        w.i32(self.member_epoch);
        w.opt_string(true, self.rack_id.as_ref());
        w.opt_array(true, self.subscribed_topic_names.as_deref(), |w, x| w.string(true, x));
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for ShareGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::ShareGroupHeartbeat;
    type Response = ShareGroupHeartbeatResponse;
}

/// The response of API 76, version 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub member_id: Option<Str>,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub assignment: Option<Assignment>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupHeartbeatResponse {
    const NAME: &'static str = "ShareGroupHeartbeatResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            member_id: r.opt_string(true),
            member_epoch: r.i32(),
            heartbeat_interval_ms: r.i32(),
            assignment: r.opt_struct(|r| Assignment::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.opt_string(true, self.member_id.as_ref());
        w.i32(self.member_epoch);
        w.i32(self.heartbeat_interval_ms);
        w.opt_struct(self.assignment.as_ref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupHeartbeatResponse`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
    pub unknown: UnknownTags,
}

impl Assignment {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_partitions: r.array(true, 18, |r| TopicPartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topic_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupHeartbeatResponse`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TopicPartitions {
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

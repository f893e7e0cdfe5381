//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 85, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<WriteStateData>,
    pub unknown: UnknownTags,
}

impl Message for WriteShareGroupStateRequest {
    const NAME: &'static str = "WriteShareGroupStateRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.array(true, 18, |r| WriteStateData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `WriteShareGroupStateRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown: UnknownTags,
}

impl WriteStateData {
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

/// In `WriteShareGroupStateRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition: i32,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// In 1+, default `-1`, ignorable.
    pub delivery_complete_count: i32,
    pub state_batches: Vec<StateBatch>,
    pub unknown: UnknownTags,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition: 0,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            state_batches: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl PartitionData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            partition: r.i32(),
            state_epoch: r.i32(),
            leader_epoch: r.i32(),
            start_offset: r.i64(),
            delivery_complete_count: if version >= 1 { r.i32() } else { -1 },
            state_batches: r.array(true, 20, |r| StateBatch::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition);
        w.i32(self.state_epoch);
        w.i32(self.leader_epoch);
        w.i64(self.start_offset);
        if version >= 1 {
            w.i32(self.delivery_complete_count);
        }
        w.array(true, &self.state_batches, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `WriteShareGroupStateRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
    pub unknown: UnknownTags,
}

impl StateBatch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            first_offset: r.i64(),
            last_offset: r.i64(),
            delivery_state: r.i8(),
            delivery_count: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.i8(self.delivery_state);
        w.i16(self.delivery_count);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for WriteShareGroupStateRequest {
    const KEY: ApiKey = ApiKey::WriteShareGroupState;
    type Response = WriteShareGroupStateResponse;
}

/// The response of API 85, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteShareGroupStateResponse {
    pub results: Vec<WriteStateResult>,
    pub unknown: UnknownTags,
}

impl Message for WriteShareGroupStateResponse {
    const NAME: &'static str = "WriteShareGroupStateResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            results: r.array(true, 18, |r| WriteStateResult::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `WriteShareGroupStateResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WriteStateResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
    pub unknown: UnknownTags,
}

impl WriteStateResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 8, |r| PartitionResult::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `WriteShareGroupStateResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionResult {
    pub partition: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl PartitionResult {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 86, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<DeleteStateData>,
    pub unknown: UnknownTags,
}

impl Message for DeleteShareGroupStateRequest {
    const NAME: &'static str = "DeleteShareGroupStateRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            topics: r.array(true, 18, |r| DeleteStateData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.array(true, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DeleteShareGroupStateRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown: UnknownTags,
}

impl DeleteStateData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            partitions: r.array(true, 5, |r| PartitionData::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.array(true, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DeleteShareGroupStateRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition: i32,
    pub unknown: UnknownTags,
}

impl PartitionData {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            partition: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.partition);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DeleteShareGroupStateRequest {
    const KEY: ApiKey = ApiKey::DeleteShareGroupState;
    type Response = DeleteShareGroupStateResponse;
}

/// The response of API 86, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteShareGroupStateResponse {
    pub results: Vec<DeleteStateResult>,
    pub unknown: UnknownTags,
}

impl Message for DeleteShareGroupStateResponse {
    const NAME: &'static str = "DeleteShareGroupStateResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            results: r.array(true, 18, |r| DeleteStateResult::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DeleteShareGroupStateResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteStateResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
    pub unknown: UnknownTags,
}

impl DeleteStateResult {
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

/// In `DeleteShareGroupStateResponse`, versions 0.
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

//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 20, versions 1-6, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsRequest {
    /// In 6+.
    pub topics: Vec<DeleteTopicState>,
    /// In 0-5, ignorable.
    pub topic_names: Vec<Str>,
    pub timeout_ms: i32,
    pub unknown: UnknownTags,
}

impl Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            topics: if version >= 6 { r.array(flexible, 18, |r| DeleteTopicState::decode(version, r)) } else { Vec::new() },
            topic_names: if version <= 5 { r.array(flexible, 1, |r| r.string(flexible)) } else { Vec::new() },
            timeout_ms: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        if version >= 6 {
            w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        } else {
            w.absent(self.topics.is_empty(), "DeleteTopicsRequest.Topics", version);
        }
        if version <= 5 {
            w.array(flexible, &self.topic_names, |w, x| w.string(flexible, x));
        }
        w.i32(self.timeout_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DeleteTopicsRequest`, versions 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicState {
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub unknown: UnknownTags,
}

impl DeleteTopicState {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.opt_string(true),
            topic_id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.opt_string(true, self.name.as_ref());
        w.uuid(self.topic_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    type Response = DeleteTopicsResponse;
}

/// The response of API 20, versions 1-6, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
    pub unknown: UnknownTags,
}

impl Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: r.i32(),
            responses: r.array(flexible, 4, |r| DeletableTopicResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.responses, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DeleteTopicsResponse`, versions 1-6.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletableTopicResult {
    /// Null allowed in 6+, default `Some(Str::new())`.
    pub name: Option<Str>,
    /// In 6+, ignorable.
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    /// In 5+, ignorable.
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self {
            name: Some(Str::new()),
            topic_id: Uuid::ZERO,
            error_code: ErrorCode::NONE,
            error_message: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl DeletableTopicResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            name: { let x = r.opt_string(flexible); r.nullable(version >= 6, x) },
            topic_id: if version >= 6 { r.uuid() } else { Uuid::ZERO },
            error_code: ErrorCode(r.i16()),
            error_message: if version >= 5 { r.opt_string(flexible) } else { None },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.not_null(version < 6 && self.name.is_none(), "DeleteTopicsResponse.Name", version); w.opt_string(flexible, self.name.as_ref());
        if version >= 6 {
            w.uuid(self.topic_id);
        }
        w.i16(self.error_code.0);
        if version >= 5 {
            w.opt_string(flexible, self.error_message.as_ref());
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

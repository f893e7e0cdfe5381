//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 12, versions 0-4, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    /// In 3+.
    pub group_instance_id: Option<Str>,
    pub unknown: UnknownTags,
}

impl Message for HeartbeatRequest {
    const NAME: &'static str = "HeartbeatRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            group_id: r.string(flexible),
            generation_id: r.i32(),
            member_id: r.string(flexible),
            group_instance_id: if version >= 3 { r.opt_string(flexible) } else { None },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.group_id);
        w.i32(self.generation_id);
        w.string(flexible, &self.member_id);
        if version >= 3 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        } else {
            w.absent(self.group_instance_id.is_none(), "HeartbeatRequest.GroupInstanceId", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for HeartbeatRequest {
    const KEY: ApiKey = ApiKey::Heartbeat;
    type Response = HeartbeatResponse;
}

/// The response of API 12, versions 0-4, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Message for HeartbeatResponse {
    const NAME: &'static str = "HeartbeatResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 14, versions 0-5, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    /// In 3+.
    pub group_instance_id: Option<Str>,
    /// In 5+, ignorable.
    pub protocol_type: Option<Str>,
    /// In 5+, ignorable.
    pub protocol_name: Option<Str>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
    pub unknown: UnknownTags,
}

impl Message for SyncGroupRequest {
    const NAME: &'static str = "SyncGroupRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            group_id: r.string(flexible),
            generation_id: r.i32(),
            member_id: r.string(flexible),
            group_instance_id: if version >= 3 { r.opt_string(flexible) } else { None },
            protocol_type: if version >= 5 { r.opt_string(flexible) } else { None },
            protocol_name: if version >= 5 { r.opt_string(flexible) } else { None },
            assignments: r.array(flexible, 3, |r| SyncGroupRequestAssignment::decode(version, r)),
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
            w.absent(self.group_instance_id.is_none(), "SyncGroupRequest.GroupInstanceId", version);
        }
        if version >= 5 {
            w.opt_string(flexible, self.protocol_type.as_ref());
        }
        if version >= 5 {
            w.opt_string(flexible, self.protocol_name.as_ref());
        }
        w.array(flexible, &self.assignments, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `SyncGroupRequest`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupRequestAssignment {
    pub member_id: Str,
    pub assignment: Bytes,
    pub unknown: UnknownTags,
}

impl SyncGroupRequestAssignment {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            member_id: r.string(flexible),
            assignment: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.member_id);
        w.bytes(flexible, &self.assignment);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for SyncGroupRequest {
    const KEY: ApiKey = ApiKey::SyncGroup;
    type Response = SyncGroupResponse;
}

/// The response of API 14, versions 0-5, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// In 5+, ignorable.
    pub protocol_type: Option<Str>,
    /// In 5+, ignorable.
    pub protocol_name: Option<Str>,
    pub assignment: Bytes,
    pub unknown: UnknownTags,
}

impl Message for SyncGroupResponse {
    const NAME: &'static str = "SyncGroupResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            error_code: ErrorCode(r.i16()),
            protocol_type: if version >= 5 { r.opt_string(flexible) } else { None },
            protocol_name: if version >= 5 { r.opt_string(flexible) } else { None },
            assignment: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code.0);
        if version >= 5 {
            w.opt_string(flexible, self.protocol_type.as_ref());
        }
        if version >= 5 {
            w.opt_string(flexible, self.protocol_name.as_ref());
        }
        w.bytes(flexible, &self.assignment);
        w.unknown_tags(flexible, &self.unknown);
    }
}

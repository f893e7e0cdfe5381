//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 11, versions 0-9, flexible from 6.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupRequest {
    pub group_id: Str,
    pub session_timeout_ms: i32,
    /// In 1+, default `-1`, ignorable.
    pub rebalance_timeout_ms: i32,
    pub member_id: Str,
    /// In 5+.
    pub group_instance_id: Option<Str>,
    pub protocol_type: Str,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// In 8+, ignorable.
    pub reason: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: Str::new(),
            group_instance_id: None,
            protocol_type: Str::new(),
            protocols: Vec::new(),
            reason: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for JoinGroupRequest {
    const NAME: &'static str = "JoinGroupRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 9;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            group_id: r.string(flexible),
            session_timeout_ms: r.i32(),
            rebalance_timeout_ms: if version >= 1 { r.i32() } else { -1 },
            member_id: r.string(flexible),
            group_instance_id: if version >= 5 { r.opt_string(flexible) } else { None },
            protocol_type: r.string(flexible),
            protocols: r.array(flexible, 3, |r| JoinGroupRequestProtocol::decode(version, r)),
            reason: if version >= 8 { r.opt_string(flexible) } else { None },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.string(flexible, &self.group_id);
        w.i32(self.session_timeout_ms);
        if version >= 1 {
            w.i32(self.rebalance_timeout_ms);
        }
        w.string(flexible, &self.member_id);
        if version >= 5 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        } else {
            w.absent(self.group_instance_id.is_none(), "JoinGroupRequest.GroupInstanceId", version);
        }
        w.string(flexible, &self.protocol_type);
        w.array(flexible, &self.protocols, |w, x| x.encode(version, w));
        if version >= 8 {
            w.opt_string(flexible, self.reason.as_ref());
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `JoinGroupRequest`, versions 0-9.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupRequestProtocol {
    pub name: Str,
    pub metadata: Bytes,
    pub unknown: UnknownTags,
}

impl JoinGroupRequestProtocol {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            name: r.string(flexible),
            metadata: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.string(flexible, &self.name);
        w.bytes(flexible, &self.metadata);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for JoinGroupRequest {
    const KEY: ApiKey = ApiKey::JoinGroup;
    type Response = JoinGroupResponse;
}

/// The response of API 11, versions 0-9, flexible from 6.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupResponse {
    /// In 2+, ignorable.
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `-1`.
    pub generation_id: i32,
    /// In 7+, ignorable.
    pub protocol_type: Option<Str>,
    /// Null allowed in 7+, default `Some(Str::new())`.
    pub protocol_name: Option<Str>,
    pub leader: Str,
    /// In 9+.
    pub skip_assignment: bool,
    pub member_id: Str,
    pub members: Vec<JoinGroupResponseMember>,
    pub unknown: UnknownTags,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(Str::new()),
            leader: Str::new(),
            skip_assignment: false,
            member_id: Str::new(),
            members: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for JoinGroupResponse {
    const NAME: &'static str = "JoinGroupResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 9;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            throttle_time_ms: if version >= 2 { r.i32() } else { 0 },
            error_code: ErrorCode(r.i16()),
            generation_id: r.i32(),
            protocol_type: if version >= 7 { r.opt_string(flexible) } else { None },
            protocol_name: { let x = r.opt_string(flexible); r.nullable(version >= 7, x) },
            leader: r.string(flexible),
            skip_assignment: if version >= 9 { r.bool() } else { false },
            member_id: r.string(flexible),
            members: r.array(flexible, 4, |r| JoinGroupResponseMember::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        if version >= 2 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code.0);
        w.i32(self.generation_id);
        if version >= 7 {
            w.opt_string(flexible, self.protocol_type.as_ref());
        }
        w.not_null(version < 7 && self.protocol_name.is_none(), "JoinGroupResponse.ProtocolName", version); w.opt_string(flexible, self.protocol_name.as_ref());
        w.string(flexible, &self.leader);
        if version >= 9 {
            w.bool(self.skip_assignment);
        } else {
            w.absent(!self.skip_assignment, "JoinGroupResponse.SkipAssignment", version);
        }
        w.string(flexible, &self.member_id);
        w.array(flexible, &self.members, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `JoinGroupResponse`, versions 0-9.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupResponseMember {
    pub member_id: Str,
    /// In 5+, ignorable.
    pub group_instance_id: Option<Str>,
    pub metadata: Bytes,
    pub unknown: UnknownTags,
}

impl JoinGroupResponseMember {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 6;
        Self {
            member_id: r.string(flexible),
            group_instance_id: if version >= 5 { r.opt_string(flexible) } else { None },
            metadata: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 6;
        w.string(flexible, &self.member_id);
        if version >= 5 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        }
        w.bytes(flexible, &self.metadata);
        w.unknown_tags(flexible, &self.unknown);
    }
}

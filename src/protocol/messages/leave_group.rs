//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 13, versions 0-5, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupRequest {
    pub group_id: Str,
    /// In 0-2.
    pub member_id: Str,
    /// In 3+.
    pub members: Vec<MemberIdentity>,
    pub unknown: UnknownTags,
}

impl Message for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroupRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            group_id: r.string(flexible),
            member_id: if version <= 2 { r.string(flexible) } else { Str::new() },
            members: if version >= 3 { r.array(flexible, 3, |r| MemberIdentity::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.group_id);
        if version <= 2 {
            w.string(flexible, &self.member_id);
        } else {
            w.absent(self.member_id.is_empty(), "LeaveGroupRequest.MemberId", version);
        }
        if version >= 3 {
            w.array(flexible, &self.members, |w, x| x.encode(version, w));
        } else {
            w.absent(self.members.is_empty(), "LeaveGroupRequest.Members", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `LeaveGroupRequest`, versions 3-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemberIdentity {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    /// In 5+, ignorable.
    pub reason: Option<Str>,
    pub unknown: UnknownTags,
}

impl MemberIdentity {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            member_id: r.string(flexible),
            group_instance_id: r.opt_string(flexible),
            reason: if version >= 5 { r.opt_string(flexible) } else { None },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.member_id);
        w.opt_string(flexible, self.group_instance_id.as_ref());
        if version >= 5 {
            w.opt_string(flexible, self.reason.as_ref());
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for LeaveGroupRequest {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    type Response = LeaveGroupResponse;
}

/// The response of API 13, versions 0-5, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// In 3+.
    pub members: Vec<MemberResponse>,
    pub unknown: UnknownTags,
}

impl Message for LeaveGroupResponse {
    const NAME: &'static str = "LeaveGroupResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            error_code: ErrorCode(r.i16()),
            members: if version >= 3 { r.array(flexible, 5, |r| MemberResponse::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code.0);
        if version >= 3 {
            w.array(flexible, &self.members, |w, x| x.encode(version, w));
        } else {
            w.absent(self.members.is_empty(), "LeaveGroupResponse.Members", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `LeaveGroupResponse`, versions 3-5.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberResponse {
    pub member_id: Str,
    /// Default `Some(Str::new())`.
    pub group_instance_id: Option<Str>,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Default for MemberResponse {
    fn default() -> Self {
        Self {
            member_id: Str::new(),
            group_instance_id: Some(Str::new()),
            error_code: ErrorCode::NONE,
            unknown: UnknownTags::new(),
        }
    }
}

impl MemberResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            member_id: r.string(flexible),
            group_instance_id: r.opt_string(flexible),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.member_id);
        w.opt_string(flexible, self.group_instance_id.as_ref());
        w.i16(self.error_code.0);
        w.unknown_tags(flexible, &self.unknown);
    }
}

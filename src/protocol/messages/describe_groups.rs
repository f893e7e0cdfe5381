//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 15, versions 0-6, flexible from 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeGroupsRequest {
    pub groups: Vec<Str>,
    /// In 3+.
    pub include_authorized_operations: bool,
    pub unknown: UnknownTags,
}

impl Message for DescribeGroupsRequest {
    const NAME: &'static str = "DescribeGroupsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            groups: r.array(flexible, 1, |r| r.string(flexible)),
            include_authorized_operations: if version >= 3 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.array(flexible, &self.groups, |w, x| w.string(flexible, x));
        if version >= 3 {
            w.bool(self.include_authorized_operations);
        } else {
            w.absent(!self.include_authorized_operations, "DescribeGroupsRequest.IncludeAuthorizedOperations", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DescribeGroupsRequest {
    const KEY: ApiKey = ApiKey::DescribeGroups;
    type Response = DescribeGroupsResponse;
}

/// The response of API 15, versions 0-6, flexible from 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeGroupsResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown: UnknownTags,
}

impl Message for DescribeGroupsResponse {
    const NAME: &'static str = "DescribeGroupsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            groups: r.array(flexible, 12, |r| DescribedGroup::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flexible, &self.groups, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeGroupsResponse`, versions 0-6.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: ErrorCode,
    /// In 6+.
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub protocol_type: Str,
    pub protocol_data: Str,
    pub members: Vec<DescribedGroupMember>,
    /// In 3+, default `i32::MIN`.
    pub authorized_operations: i32,
    pub unknown: UnknownTags,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: None,
            group_id: Str::new(),
            group_state: Str::new(),
            protocol_type: Str::new(),
            protocol_data: Str::new(),
            members: Vec::new(),
            authorized_operations: i32::MIN,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribedGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: if version >= 6 { r.opt_string(flexible) } else { None },
            group_id: r.string(flexible),
            group_state: r.string(flexible),
            protocol_type: r.string(flexible),
            protocol_data: r.string(flexible),
            members: r.array(flexible, 7, |r| DescribedGroupMember::decode(version, r)),
            authorized_operations: if version >= 3 { r.i32() } else { i32::MIN },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.i16(self.error_code.0);
        if version >= 6 {
            w.opt_string(flexible, self.error_message.as_ref());
        } else {
            w.absent(self.error_message.is_none(), "DescribeGroupsResponse.ErrorMessage", version);
        }
        w.string(flexible, &self.group_id);
        w.string(flexible, &self.group_state);
        w.string(flexible, &self.protocol_type);
        w.string(flexible, &self.protocol_data);
        w.array(flexible, &self.members, |w, x| x.encode(version, w));
        if version >= 3 {
            w.i32(self.authorized_operations);
        } else {
            w.absent(self.authorized_operations == i32::MIN, "DescribeGroupsResponse.AuthorizedOperations", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeGroupsResponse`, versions 0-6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedGroupMember {
    pub member_id: Str,
    /// In 4+, ignorable.
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
    pub unknown: UnknownTags,
}

impl DescribedGroupMember {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            member_id: r.string(flexible),
            group_instance_id: if version >= 4 { r.opt_string(flexible) } else { None },
            client_id: r.string(flexible),
            client_host: r.string(flexible),
            member_metadata: r.bytes(flexible),
            member_assignment: r.bytes(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.string(flexible, &self.member_id);
        if version >= 4 {
            w.opt_string(flexible, self.group_instance_id.as_ref());
        }
        w.string(flexible, &self.client_id);
        w.string(flexible, &self.client_host);
        w.bytes(flexible, &self.member_metadata);
        w.bytes(flexible, &self.member_assignment);
        w.unknown_tags(flexible, &self.unknown);
    }
}

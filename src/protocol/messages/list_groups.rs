//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 16, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsRequest {
    /// In 4+.
    pub states_filter: Vec<Str>,
    /// In 5+.
    pub types_filter: Vec<Str>,
    pub unknown: UnknownTags,
}

impl Message for ListGroupsRequest {
    const NAME: &'static str = "ListGroupsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            states_filter: if version >= 4 { r.array(flexible, 1, |r| r.string(flexible)) } else { Vec::new() },
            types_filter: if version >= 5 { r.array(flexible, 1, |r| r.string(flexible)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version >= 4 {
            w.array(flexible, &self.states_filter, |w, x| w.string(flexible, x));
        } else {
            w.absent(self.states_filter.is_empty(), "ListGroupsRequest.StatesFilter", version);
        }
        if version >= 5 {
            w.array(flexible, &self.types_filter, |w, x| w.string(flexible, x));
        } else {
            w.absent(self.types_filter.is_empty(), "ListGroupsRequest.TypesFilter", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ListGroupsRequest {
    const KEY: ApiKey = ApiKey::ListGroups;
    type Response = ListGroupsResponse;
}

/// The response of API 16, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub groups: Vec<ListedGroup>,
    pub unknown: UnknownTags,
}

impl Message for ListGroupsResponse {
    const NAME: &'static str = "ListGroupsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            error_code: ErrorCode(r.i16()),
            groups: r.array(flexible, 3, |r| ListedGroup::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code.0);
        w.array(flexible, &self.groups, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ListGroupsResponse`, versions 0-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedGroup {
    pub group_id: Str,
    pub protocol_type: Str,
    /// In 4+, ignorable.
    pub group_state: Str,
    /// In 5+, ignorable.
    pub group_type: Str,
    pub unknown: UnknownTags,
}

impl ListedGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            group_id: r.string(flexible),
            protocol_type: r.string(flexible),
            group_state: if version >= 4 { r.string(flexible) } else { Str::new() },
            group_type: if version >= 5 { r.string(flexible) } else { Str::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.group_id);
        w.string(flexible, &self.protocol_type);
        if version >= 4 {
            w.string(flexible, &self.group_state);
        }
        if version >= 5 {
            w.string(flexible, &self.group_type);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 31, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
    pub unknown: UnknownTags,
}

impl Message for DeleteAclsRequest {
    const NAME: &'static str = "DeleteAclsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            filters: r.array(flexible, 8, |r| DeleteAclsFilter::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.array(flexible, &self.filters, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DeleteAclsRequest`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteAclsFilter {
    pub resource_type_filter: i8,
    /// Default `Some(Str::new())`.
    pub resource_name_filter: Option<Str>,
    /// Default `3`.
    pub pattern_type_filter: i8,
    /// Default `Some(Str::new())`.
    pub principal_filter: Option<Str>,
    /// Default `Some(Str::new())`.
    pub host_filter: Option<Str>,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown: UnknownTags,
}

impl Default for DeleteAclsFilter {
    fn default() -> Self {
        Self {
            resource_type_filter: 0,
            resource_name_filter: Some(Str::new()),
            pattern_type_filter: 3,
            principal_filter: Some(Str::new()),
            host_filter: Some(Str::new()),
            operation: 0,
            permission_type: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl DeleteAclsFilter {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            resource_type_filter: r.i8(),
            resource_name_filter: r.opt_string(flexible),
            pattern_type_filter: r.i8(),
            principal_filter: r.opt_string(flexible),
            host_filter: r.opt_string(flexible),
            operation: r.i8(),
            permission_type: r.i8(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i8(self.resource_type_filter);
        w.opt_string(flexible, self.resource_name_filter.as_ref());
        w.i8(self.pattern_type_filter);
        w.opt_string(flexible, self.principal_filter.as_ref());
        w.opt_string(flexible, self.host_filter.as_ref());
        w.i8(self.operation);
        w.i8(self.permission_type);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DeleteAclsRequest {
    const KEY: ApiKey = ApiKey::DeleteAcls;
    type Response = DeleteAclsResponse;
}

/// The response of API 31, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteAclsResponse {
    pub throttle_time_ms: i32,
    pub filter_results: Vec<DeleteAclsFilterResult>,
    pub unknown: UnknownTags,
}

impl Message for DeleteAclsResponse {
    const NAME: &'static str = "DeleteAclsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            filter_results: r.array(flexible, 5, |r| DeleteAclsFilterResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.filter_results, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DeleteAclsResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteAclsFilterResult {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    pub unknown: UnknownTags,
}

impl Default for DeleteAclsFilterResult {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            matching_acls: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DeleteAclsFilterResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            matching_acls: r.array(flexible, 11, |r| DeleteAclsMatchingAcl::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.array(flexible, &self.matching_acls, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DeleteAclsResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteAclsMatchingAcl {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    /// Default `3`.
    pub pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown: UnknownTags,
}

impl Default for DeleteAclsMatchingAcl {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            resource_type: 0,
            resource_name: Str::new(),
            pattern_type: 3,
            principal: Str::new(),
            host: Str::new(),
            operation: 0,
            permission_type: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl DeleteAclsMatchingAcl {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            pattern_type: r.i8(),
            principal: r.string(flexible),
            host: r.string(flexible),
            operation: r.i8(),
            permission_type: r.i8(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.i8(self.pattern_type);
        w.string(flexible, &self.principal);
        w.string(flexible, &self.host);
        w.i8(self.operation);
        w.i8(self.permission_type);
        w.unknown_tags(flexible, &self.unknown);
    }
}

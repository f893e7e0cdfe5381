//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 29, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeAclsRequest {
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

impl Default for DescribeAclsRequest {
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

impl Message for DescribeAclsRequest {
    const NAME: &'static str = "DescribeAclsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
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

    fn encode(&self, version: i16, w: &mut Writer) {
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

impl Request for DescribeAclsRequest {
    const KEY: ApiKey = ApiKey::DescribeAcls;
    type Response = DescribeAclsResponse;
}

/// The response of API 29, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeAclsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub resources: Vec<DescribeAclsResource>,
    pub unknown: UnknownTags,
}

impl Default for DescribeAclsResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            resources: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeAclsResponse {
    const NAME: &'static str = "DescribeAclsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            resources: r.array(flexible, 5, |r| DescribeAclsResource::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.array(flexible, &self.resources, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeAclsResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeAclsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    /// Default `3`.
    pub pattern_type: i8,
    pub acls: Vec<AclDescription>,
    pub unknown: UnknownTags,
}

impl Default for DescribeAclsResource {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::new(),
            pattern_type: 3,
            acls: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeAclsResource {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            pattern_type: r.i8(),
            acls: r.array(flexible, 5, |r| AclDescription::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.i8(self.pattern_type);
        w.array(flexible, &self.acls, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeAclsResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AclDescription {
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown: UnknownTags,
}

impl AclDescription {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            principal: r.string(flexible),
            host: r.string(flexible),
            operation: r.i8(),
            permission_type: r.i8(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.principal);
        w.string(flexible, &self.host);
        w.i8(self.operation);
        w.i8(self.permission_type);
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 30, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
    pub unknown: UnknownTags,
}

impl Message for CreateAclsRequest {
    const NAME: &'static str = "CreateAclsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            creations: r.array(flexible, 8, |r| AclCreation::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.array(flexible, &self.creations, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateAclsRequest`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct AclCreation {
    pub resource_type: i8,
    pub resource_name: Str,
    /// Default `3`.
    pub resource_pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown: UnknownTags,
}

impl Default for AclCreation {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::new(),
            resource_pattern_type: 3,
            principal: Str::new(),
            host: Str::new(),
            operation: 0,
            permission_type: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl AclCreation {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            resource_pattern_type: r.i8(),
            principal: r.string(flexible),
            host: r.string(flexible),
            operation: r.i8(),
            permission_type: r.i8(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.i8(self.resource_pattern_type);
        w.string(flexible, &self.principal);
        w.string(flexible, &self.host);
        w.i8(self.operation);
        w.i8(self.permission_type);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for CreateAclsRequest {
    const KEY: ApiKey = ApiKey::CreateAcls;
    type Response = CreateAclsResponse;
}

/// The response of API 30, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateAclsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<AclCreationResult>,
    pub unknown: UnknownTags,
}

impl Message for CreateAclsResponse {
    const NAME: &'static str = "CreateAclsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            results: r.array(flexible, 4, |r| AclCreationResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateAclsResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq)]
pub struct AclCreationResult {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for AclCreationResult {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl AclCreationResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 44, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncrementalAlterConfigsRequest {
    pub resources: Vec<AlterConfigsResource>,
    pub validate_only: bool,
    pub unknown: UnknownTags,
}

impl Message for IncrementalAlterConfigsRequest {
    const NAME: &'static str = "IncrementalAlterConfigsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            resources: r.array(flexible, 4, |r| AlterConfigsResource::decode(version, r)),
            validate_only: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.array(flexible, &self.resources, |w, x| x.encode(version, w));
        w.bool(self.validate_only);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `IncrementalAlterConfigsRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterConfigsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<AlterableConfig>,
    pub unknown: UnknownTags,
}

impl AlterConfigsResource {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            configs: r.array(flexible, 4, |r| AlterableConfig::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.array(flexible, &self.configs, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `IncrementalAlterConfigsRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterableConfig {
    pub name: Str,
    pub config_operation: i8,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for AlterableConfig {
    fn default() -> Self {
        Self {
            name: Str::new(),
            config_operation: 0,
            value: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl AlterableConfig {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            name: r.string(flexible),
            config_operation: r.i8(),
            value: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.name);
        w.i8(self.config_operation);
        w.opt_string(flexible, self.value.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for IncrementalAlterConfigsRequest {
    const KEY: ApiKey = ApiKey::IncrementalAlterConfigs;
    type Response = IncrementalAlterConfigsResponse;
}

/// The response of API 44, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncrementalAlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
    pub unknown: UnknownTags,
}

impl Message for IncrementalAlterConfigsResponse {
    const NAME: &'static str = "IncrementalAlterConfigsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            throttle_time_ms: r.i32(),
            responses: r.array(flexible, 6, |r| AlterConfigsResourceResponse::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.responses, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `IncrementalAlterConfigsResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterConfigsResourceResponse {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    pub unknown: UnknownTags,
}

impl Default for AlterConfigsResourceResponse {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            resource_type: 0,
            resource_name: Str::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl AlterConfigsResourceResponse {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.unknown_tags(flexible, &self.unknown);
    }
}

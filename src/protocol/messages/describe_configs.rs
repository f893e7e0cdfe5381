//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 32, versions 1-4, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    /// In 3+.
    pub include_documentation: bool,
    pub unknown: UnknownTags,
}

impl Message for DescribeConfigsRequest {
    const NAME: &'static str = "DescribeConfigsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            resources: r.array(flexible, 4, |r| DescribeConfigsResource::decode(version, r)),
            include_synonyms: r.bool(),
            include_documentation: if version >= 3 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.array(flexible, &self.resources, |w, x| x.encode(version, w));
        w.bool(self.include_synonyms);
        if version >= 3 {
            w.bool(self.include_documentation);
        } else {
            w.absent(!self.include_documentation, "DescribeConfigsRequest.IncludeDocumentation", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeConfigsRequest`, versions 1-4.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    /// Default `Some(Vec::new())`.
    pub configuration_keys: Option<Vec<Str>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::new(),
            configuration_keys: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeConfigsResource {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            configuration_keys: r.opt_array(flexible, 1, |r| r.string(flexible)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.opt_array(flexible, self.configuration_keys.as_deref(), |w, x| w.string(flexible, x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DescribeConfigsRequest {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    type Response = DescribeConfigsResponse;
}

/// The response of API 32, versions 1-4, flexible from 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
    pub unknown: UnknownTags,
}

impl Message for DescribeConfigsResponse {
    const NAME: &'static str = "DescribeConfigsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            throttle_time_ms: r.i32(),
            results: r.array(flexible, 7, |r| DescribeConfigsResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeConfigsResponse`, versions 1-4.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResult {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<DescribeConfigsResourceResult>,
    pub unknown: UnknownTags,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            resource_type: 0,
            resource_name: Str::new(),
            configs: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeConfigsResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            resource_type: r.i8(),
            resource_name: r.string(flexible),
            configs: r.array(flexible, 9, |r| DescribeConfigsResourceResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.i8(self.resource_type);
        w.string(flexible, &self.resource_name);
        w.array(flexible, &self.configs, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeConfigsResponse`, versions 1-4.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResourceResult {
    pub name: Str,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub read_only: bool,
    /// Default `-1`.
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// In 3+, ignorable.
    pub config_type: i8,
    /// In 3+, default `Some(Str::new())`, ignorable.
    pub documentation: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        Self {
            name: Str::new(),
            value: Some(Str::new()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeConfigsResourceResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            name: r.string(flexible),
            value: r.opt_string(flexible),
            read_only: r.bool(),
            config_source: r.i8(),
            is_sensitive: r.bool(),
            synonyms: r.array(flexible, 4, |r| DescribeConfigsSynonym::decode(version, r)),
            config_type: if version >= 3 { r.i8() } else { 0 },
            documentation: if version >= 3 { r.opt_string(flexible) } else { Some(Str::new()) },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.name);
        w.opt_string(flexible, self.value.as_ref());
        w.bool(self.read_only);
        w.i8(self.config_source);
        w.bool(self.is_sensitive);
        w.array(flexible, &self.synonyms, |w, x| x.encode(version, w));
        if version >= 3 {
            w.i8(self.config_type);
        }
        if version >= 3 {
            w.opt_string(flexible, self.documentation.as_ref());
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeConfigsResponse`, versions 1-4.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsSynonym {
    pub name: Str,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub source: i8,
    pub unknown: UnknownTags,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        Self {
            name: Str::new(),
            value: Some(Str::new()),
            source: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeConfigsSynonym {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 4;
        Self {
            name: r.string(flexible),
            value: r.opt_string(flexible),
            source: r.i8(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 4;
        w.string(flexible, &self.name);
        w.opt_string(flexible, self.value.as_ref());
        w.i8(self.source);
        w.unknown_tags(flexible, &self.unknown);
    }
}

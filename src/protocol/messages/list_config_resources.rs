//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 74, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesRequest {
    /// In 1+.
    pub resource_types: Vec<i8>,
    pub unknown: UnknownTags,
}

impl Message for ListConfigResourcesRequest {
    const NAME: &'static str = "ListConfigResourcesRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            resource_types: if version >= 1 { r.array(true, 1, Reader::i8) } else { Vec::new() },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        if version >= 1 {
            w.array(true, &self.resource_types, |w, x| w.i8(*x));
        } else {
            w.absent(self.resource_types.is_empty(), "ListConfigResourcesRequest.ResourceTypes", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for ListConfigResourcesRequest {
    const KEY: ApiKey = ApiKey::ListConfigResources;
    type Response = ListConfigResourcesResponse;
}

/// The response of API 74, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub config_resources: Vec<ConfigResource>,
    pub unknown: UnknownTags,
}

impl Message for ListConfigResourcesResponse {
    const NAME: &'static str = "ListConfigResourcesResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            config_resources: r.array(true, 2, |r| ConfigResource::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.array(true, &self.config_resources, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ListConfigResourcesResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigResource {
    pub resource_name: Str,
    /// In 1+, default `16`, ignorable.
    pub resource_type: i8,
    pub unknown: UnknownTags,
}

impl Default for ConfigResource {
    fn default() -> Self {
        Self {
            resource_name: Str::new(),
            resource_type: 16,
            unknown: UnknownTags::new(),
        }
    }
}

impl ConfigResource {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            resource_name: r.string(true),
            resource_type: if version >= 1 { r.i8() } else { 16 },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.resource_name);
        if version >= 1 {
            w.i8(self.resource_type);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

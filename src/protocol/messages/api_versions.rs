//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 18, versions 0-4, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersionsRequest {
    /// In 3+, ignorable.
    pub client_software_name: Str,
    /// In 3+, ignorable.
    pub client_software_version: Str,
    pub unknown: UnknownTags,
}

impl Message for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersionsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            client_software_name: if version >= 3 { r.string(flexible) } else { Str::new() },
            client_software_version: if version >= 3 { r.string(flexible) } else { Str::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version >= 3 {
            w.string(flexible, &self.client_software_name);
        }
        if version >= 3 {
            w.string(flexible, &self.client_software_version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ApiVersionsRequest {
    const KEY: ApiKey = ApiKey::ApiVersions;
    type Response = ApiVersionsResponse;
}

/// The response of API 18, versions 0-4, flexible from 3.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiVersionsResponse {
    pub error_code: ErrorCode,
    pub api_keys: Vec<ApiVersion>,
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    /// In 3+, tagged, ignorable.
    pub supported_features: Vec<SupportedFeatureKey>,
    /// In 3+, tagged, default `-1`, ignorable.
    pub finalized_features_epoch: i64,
    /// In 3+, tagged, ignorable.
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// In 3+, tagged, ignorable.
    pub zk_migration_ready: bool,
    pub unknown: UnknownTags,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        let mut this = Self {
            error_code: ErrorCode(r.i16()),
            api_keys: r.array(flexible, 6, |r| ApiVersion::decode(version, r)),
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.supported_features = r.array(flexible, 6, |r| SupportedFeatureKey::decode(version, r)),
                    1 => this.finalized_features_epoch = r.i64(),
                    2 => this.finalized_features = r.array(flexible, 6, |r| FinalizedFeatureKey::decode(version, r)),
                    3 => this.zk_migration_ready = r.bool(),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i16(self.error_code.0);
        w.array(flexible, &self.api_keys, |w, x| x.encode(version, w));
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if !self.supported_features.is_empty() {
                w.tag(&mut tags, 0, |w| w.array(flexible, &self.supported_features, |w, x| x.encode(version, w)));
            }
            if self.finalized_features_epoch != -1 {
                w.tag(&mut tags, 1, |w| w.i64(self.finalized_features_epoch));
            }
            if !self.finalized_features.is_empty() {
                w.tag(&mut tags, 2, |w| w.array(flexible, &self.finalized_features, |w, x| x.encode(version, w)));
            }
            if self.zk_migration_ready {
                w.tag(&mut tags, 3, |w| w.bool(self.zk_migration_ready));
            }
            w.end_tags(tags);
        }
    }
}

/// In `ApiVersionsResponse`, versions 0-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown: UnknownTags,
}

impl ApiVersion {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            api_key: r.i16(),
            min_version: r.i16(),
            max_version: r.i16(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i16(self.api_key);
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `ApiVersionsResponse`, versions 3-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SupportedFeatureKey {
    pub name: Str,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown: UnknownTags,
}

impl SupportedFeatureKey {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            min_version: r.i16(),
            max_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ApiVersionsResponse`, versions 3-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FinalizedFeatureKey {
    pub name: Str,
    pub max_version_level: i16,
    pub min_version_level: i16,
    pub unknown: UnknownTags,
}

impl FinalizedFeatureKey {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            max_version_level: r.i16(),
            min_version_level: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.max_version_level);
        w.i16(self.min_version_level);
        w.unknown_tags(true, &self.unknown);
    }
}

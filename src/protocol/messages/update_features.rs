//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 57, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesRequest {
    /// Default `60_000`.
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// In 1+.
    pub validate_only: bool,
    pub unknown: UnknownTags,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            feature_updates: Vec::new(),
            validate_only: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            timeout_ms: r.i32(),
            feature_updates: r.array(true, 5, |r| FeatureUpdateKey::decode(version, r)),
            validate_only: if version >= 1 { r.bool() } else { false },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.timeout_ms);
        w.array(true, &self.feature_updates, |w, x| x.encode(version, w));
        if version >= 1 {
            w.bool(self.validate_only);
        } else {
            w.absent(!self.validate_only, "UpdateFeaturesRequest.ValidateOnly", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `UpdateFeaturesRequest`, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureUpdateKey {
    pub feature: Str,
    pub max_version_level: i16,
    /// In 0.
    pub allow_downgrade: bool,
    /// In 1+, default `1`.
    pub upgrade_type: i8,
    pub unknown: UnknownTags,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self {
            feature: Str::new(),
            max_version_level: 0,
            allow_downgrade: false,
            upgrade_type: 1,
            unknown: UnknownTags::new(),
        }
    }
}

impl FeatureUpdateKey {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            feature: r.string(true),
            max_version_level: r.i16(),
            allow_downgrade: if version <= 0 { r.bool() } else { false },
            upgrade_type: if version >= 1 { r.i8() } else { 1 },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.feature);
        w.i16(self.max_version_level);
        if version <= 0 {
            w.bool(self.allow_downgrade);
        } else {
            w.absent(!self.allow_downgrade, "UpdateFeaturesRequest.AllowDowngrade", version);
        }
        if version >= 1 {
            w.i8(self.upgrade_type);
        } else {
            w.absent(self.upgrade_type == 1, "UpdateFeaturesRequest.UpgradeType", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for UpdateFeaturesRequest {
    const KEY: ApiKey = ApiKey::UpdateFeatures;
    type Response = UpdateFeaturesResponse;
}

/// The response of API 57, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    /// In 0-1, ignorable.
    pub results: Vec<UpdatableFeatureResult>,
    pub unknown: UnknownTags,
}

impl Default for UpdateFeaturesResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            results: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for UpdateFeaturesResponse {
    const NAME: &'static str = "UpdateFeaturesResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            results: if version <= 1 { r.array(true, 5, |r| UpdatableFeatureResult::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        if version <= 1 {
            w.array(true, &self.results, |w, x| x.encode(version, w));
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `UpdateFeaturesResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdatableFeatureResult {
    pub feature: Str,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for UpdatableFeatureResult {
    fn default() -> Self {
        Self {
            feature: Str::new(),
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl UpdatableFeatureResult {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            feature: r.string(true),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.feature);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

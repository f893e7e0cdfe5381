//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 49, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasRequest {
    pub entries: Vec<AlterClientQuotasRequestEntryData>,
    pub validate_only: bool,
    pub unknown: UnknownTags,
}

impl Message for AlterClientQuotasRequest {
    const NAME: &'static str = "AlterClientQuotasRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entries: r.array(flexible, 3, |r| AlterClientQuotasRequestEntryData::decode(version, r)),
            validate_only: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.array(flexible, &self.entries, |w, x| x.encode(version, w));
        w.bool(self.validate_only);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AlterClientQuotasRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasRequestEntryData {
    pub entity: Vec<AlterClientQuotasRequestEntityData>,
    pub ops: Vec<OpData>,
    pub unknown: UnknownTags,
}

impl AlterClientQuotasRequestEntryData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entity: r.array(flexible, 3, |r| AlterClientQuotasRequestEntityData::decode(version, r)),
            ops: r.array(flexible, 11, |r| OpData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.array(flexible, &self.entity, |w, x| x.encode(version, w));
        w.array(flexible, &self.ops, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AlterClientQuotasRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasRequestEntityData {
    pub entity_type: Str,
    /// Default `Some(Str::new())`.
    pub entity_name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for AlterClientQuotasRequestEntityData {
    fn default() -> Self {
        Self {
            entity_type: Str::new(),
            entity_name: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl AlterClientQuotasRequestEntityData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entity_type: r.string(flexible),
            entity_name: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.entity_type);
        w.opt_string(flexible, self.entity_name.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AlterClientQuotasRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpData {
    pub key: Str,
    pub value: f64,
    pub remove: bool,
    pub unknown: UnknownTags,
}

impl OpData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            key: r.string(flexible),
            value: r.f64(),
            remove: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.key);
        w.f64(self.value);
        w.bool(self.remove);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for AlterClientQuotasRequest {
    const KEY: ApiKey = ApiKey::AlterClientQuotas;
    type Response = AlterClientQuotasResponse;
}

/// The response of API 49, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<AlterClientQuotasResponseEntryData>,
    pub unknown: UnknownTags,
}

impl Message for AlterClientQuotasResponse {
    const NAME: &'static str = "AlterClientQuotasResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            throttle_time_ms: r.i32(),
            entries: r.array(flexible, 5, |r| AlterClientQuotasResponseEntryData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.entries, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AlterClientQuotasResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasResponseEntryData {
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub entity: Vec<AlterClientQuotasResponseEntityData>,
    pub unknown: UnknownTags,
}

impl Default for AlterClientQuotasResponseEntryData {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            entity: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl AlterClientQuotasResponseEntryData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            entity: r.array(flexible, 3, |r| AlterClientQuotasResponseEntityData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.array(flexible, &self.entity, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `AlterClientQuotasResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterClientQuotasResponseEntityData {
    pub entity_type: Str,
    /// Default `Some(Str::new())`.
    pub entity_name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for AlterClientQuotasResponseEntityData {
    fn default() -> Self {
        Self {
            entity_type: Str::new(),
            entity_name: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl AlterClientQuotasResponseEntityData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entity_type: r.string(flexible),
            entity_name: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.entity_type);
        w.opt_string(flexible, self.entity_name.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 48, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    pub strict: bool,
    pub unknown: UnknownTags,
}

impl Message for DescribeClientQuotasRequest {
    const NAME: &'static str = "DescribeClientQuotasRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            components: r.array(flexible, 4, |r| ComponentData::decode(version, r)),
            strict: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.array(flexible, &self.components, |w, x| x.encode(version, w));
        w.bool(self.strict);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeClientQuotasRequest`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentData {
    pub entity_type: Str,
    pub match_type: i8,
    /// Default `Some(Str::new())`.
    pub match_: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for ComponentData {
    fn default() -> Self {
        Self {
            entity_type: Str::new(),
            match_type: 0,
            match_: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl ComponentData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entity_type: r.string(flexible),
            match_type: r.i8(),
            match_: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.entity_type);
        w.i8(self.match_type);
        w.opt_string(flexible, self.match_.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DescribeClientQuotasRequest {
    const KEY: ApiKey = ApiKey::DescribeClientQuotas;
    type Response = DescribeClientQuotasResponse;
}

/// The response of API 48, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    /// Default `Some(Vec::new())`.
    pub entries: Option<Vec<EntryData>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeClientQuotasResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            entries: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeClientQuotasResponse {
    const NAME: &'static str = "DescribeClientQuotasResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            entries: r.opt_array(flexible, 3, |r| EntryData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        w.opt_array(flexible, self.entries.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeClientQuotasResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub values: Vec<ValueData>,
    pub unknown: UnknownTags,
}

impl EntryData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            entity: r.array(flexible, 3, |r| EntityData::decode(version, r)),
            values: r.array(flexible, 10, |r| ValueData::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.array(flexible, &self.entity, |w, x| x.encode(version, w));
        w.array(flexible, &self.values, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeClientQuotasResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityData {
    pub entity_type: Str,
    /// Default `Some(Str::new())`.
    pub entity_name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for EntityData {
    fn default() -> Self {
        Self {
            entity_type: Str::new(),
            entity_name: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl EntityData {
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

/// In `DescribeClientQuotasResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValueData {
    pub key: Str,
    pub value: f64,
    pub unknown: UnknownTags,
}

impl ValueData {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            key: r.string(flexible),
            value: r.f64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.string(flexible, &self.key);
        w.f64(self.value);
        w.unknown_tags(flexible, &self.unknown);
    }
}

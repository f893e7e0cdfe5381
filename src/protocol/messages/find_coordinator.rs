//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 10, versions 0-6, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindCoordinatorRequest {
    /// In 0-3.
    pub key: Str,
    /// In 1+.
    pub key_type: i8,
    /// In 4+.
    pub coordinator_keys: Vec<Str>,
    pub unknown: UnknownTags,
}

impl Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            key: if version <= 3 { r.string(flexible) } else { Str::new() },
            key_type: if version >= 1 { r.i8() } else { 0 },
            coordinator_keys: if version >= 4 { r.array(flexible, 1, |r| r.string(flexible)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version <= 3 {
            w.string(flexible, &self.key);
        } else {
            w.absent(self.key.is_empty(), "FindCoordinatorRequest.Key", version);
        }
        if version >= 1 {
            w.i8(self.key_type);
        } else {
            w.absent(self.key_type == 0, "FindCoordinatorRequest.KeyType", version);
        }
        if version >= 4 {
            w.array(flexible, &self.coordinator_keys, |w, x| w.string(flexible, x));
        } else {
            w.absent(self.coordinator_keys.is_empty(), "FindCoordinatorRequest.CoordinatorKeys", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for FindCoordinatorRequest {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    type Response = FindCoordinatorResponse;
}

/// The response of API 10, versions 0-6, flexible from 3.
#[derive(Debug, Clone, PartialEq)]
pub struct FindCoordinatorResponse {
    /// In 1+, ignorable.
    pub throttle_time_ms: i32,
    /// In 0-3.
    pub error_code: ErrorCode,
    /// In 1-3, default `Some(Str::new())`, ignorable.
    pub error_message: Option<Str>,
    /// In 0-3.
    pub node_id: i32,
    /// In 0-3.
    pub host: Str,
    /// In 0-3.
    pub port: i32,
    /// In 4+.
    pub coordinators: Vec<Coordinator>,
    pub unknown: UnknownTags,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            node_id: 0,
            host: Str::new(),
            port: 0,
            coordinators: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            throttle_time_ms: if version >= 1 { r.i32() } else { 0 },
            error_code: if version <= 3 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            error_message: if (1..=3).contains(&version) { r.opt_string(flexible) } else { Some(Str::new()) },
            node_id: if version <= 3 { r.i32() } else { 0 },
            host: if version <= 3 { r.string(flexible) } else { Str::new() },
            port: if version <= 3 { r.i32() } else { 0 },
            coordinators: if version >= 4 { r.array(flexible, 14, |r| Coordinator::decode(version, r)) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 3 {
            w.i16(self.error_code.0);
        } else {
            w.absent(self.error_code == ErrorCode::NONE, "FindCoordinatorResponse.ErrorCode", version);
        }
        if (1..=3).contains(&version) {
            w.opt_string(flexible, self.error_message.as_ref());
        }
        if version <= 3 {
            w.i32(self.node_id);
        } else {
            w.absent(self.node_id == 0, "FindCoordinatorResponse.NodeId", version);
        }
        if version <= 3 {
            w.string(flexible, &self.host);
        } else {
            w.absent(self.host.is_empty(), "FindCoordinatorResponse.Host", version);
        }
        if version <= 3 {
            w.i32(self.port);
        } else {
            w.absent(self.port == 0, "FindCoordinatorResponse.Port", version);
        }
        if version >= 4 {
            w.array(flexible, &self.coordinators, |w, x| x.encode(version, w));
        } else {
            w.absent(self.coordinators.is_empty(), "FindCoordinatorResponse.Coordinators", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `FindCoordinatorResponse`, versions 4-6.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinator {
    pub key: Str,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            key: Str::new(),
            node_id: 0,
            host: Str::new(),
            port: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Coordinator {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            key: r.string(true),
            node_id: r.i32(),
            host: r.string(true),
            port: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.key);
        w.i32(self.node_id);
        w.string(true, &self.host);
        w.i32(self.port);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

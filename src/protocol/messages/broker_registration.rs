//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 62, versions 0-4.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Str,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    /// Default `Some(Str::new())`.
    pub rack: Option<Str>,
    /// In 1+.
    pub is_migrating_zk_broker: bool,
    /// In 2+, ignorable.
    pub log_dirs: Vec<Uuid>,
    /// In 3+, default `-1`, ignorable.
    pub previous_broker_epoch: i64,
    pub unknown: UnknownTags,
}

impl Default for BrokerRegistrationRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            cluster_id: Str::new(),
            incarnation_id: Uuid::ZERO,
            listeners: Vec::new(),
            features: Vec::new(),
            rack: Some(Str::new()),
            is_migrating_zk_broker: false,
            log_dirs: Vec::new(),
            previous_broker_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for BrokerRegistrationRequest {
    const NAME: &'static str = "BrokerRegistrationRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            cluster_id: r.string(true),
            incarnation_id: r.uuid(),
            listeners: r.array(true, 7, |r| Listener::decode(version, r)),
            features: r.array(true, 6, |r| Feature::decode(version, r)),
            rack: r.opt_string(true),
            is_migrating_zk_broker: if version >= 1 { r.bool() } else { false },
            log_dirs: if version >= 2 { r.array(true, 16, Reader::uuid) } else { Vec::new() },
            previous_broker_epoch: if version >= 3 { r.i64() } else { -1 },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.string(true, &self.cluster_id);
        w.uuid(self.incarnation_id);
        w.array(true, &self.listeners, |w, x| x.encode(version, w));
        w.array(true, &self.features, |w, x| x.encode(version, w));
        w.opt_string(true, self.rack.as_ref());
        if version >= 1 {
            w.bool(self.is_migrating_zk_broker);
        } else {
            w.absent(!self.is_migrating_zk_broker, "BrokerRegistrationRequest.IsMigratingZkBroker", version);
        }
        if version >= 2 {
            w.array(true, &self.log_dirs, |w, x| w.uuid(*x));
        }
        if version >= 3 {
            w.i64(self.previous_broker_epoch);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `BrokerRegistrationRequest`, versions 0-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown: UnknownTags,
}

impl Listener {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            security_protocol: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.i16(self.security_protocol);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `BrokerRegistrationRequest`, versions 0-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown: UnknownTags,
}

impl Feature {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            min_supported_version: r.i16(),
            max_supported_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for BrokerRegistrationRequest {
    const KEY: ApiKey = ApiKey::BrokerRegistration;
    type Response = BrokerRegistrationResponse;
}

/// The response of API 62, versions 0-4.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerRegistrationResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `-1`.
    pub broker_epoch: i64,
    pub unknown: UnknownTags,
}

impl Default for BrokerRegistrationResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            broker_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for BrokerRegistrationResponse {
    const NAME: &'static str = "BrokerRegistrationResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            broker_epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.i64(self.broker_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

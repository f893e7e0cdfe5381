//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, UnknownTags, Writer};

/// The request of API 40, versions 1-2, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpireDelegationTokenRequest {
    pub hmac: Bytes,
    pub expiry_time_period_ms: i64,
    pub unknown: UnknownTags,
}

impl Message for ExpireDelegationTokenRequest {
    const NAME: &'static str = "ExpireDelegationTokenRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            hmac: r.bytes(flexible),
            expiry_time_period_ms: r.i64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.bytes(flexible, &self.hmac);
        w.i64(self.expiry_time_period_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for ExpireDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::ExpireDelegationToken;
    type Response = ExpireDelegationTokenResponse;
}

/// The response of API 40, versions 1-2, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpireDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
    pub unknown: UnknownTags,
}

impl Message for ExpireDelegationTokenResponse {
    const NAME: &'static str = "ExpireDelegationTokenResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            expiry_timestamp_ms: r.i64(),
            throttle_time_ms: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.i64(self.expiry_timestamp_ms);
        w.i32(self.throttle_time_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

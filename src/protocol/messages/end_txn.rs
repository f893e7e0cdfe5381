//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 26, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
    pub unknown: UnknownTags,
}

impl Message for EndTxnRequest {
    const NAME: &'static str = "EndTxnRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            transactional_id: r.string(flexible),
            producer_id: r.i64(),
            producer_epoch: r.i16(),
            committed: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.string(flexible, &self.transactional_id);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.committed);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for EndTxnRequest {
    const KEY: ApiKey = ApiKey::EndTxn;
    type Response = EndTxnResponse;
}

/// The response of API 26, versions 0-5, flexible from 3.
#[derive(Debug, Clone, PartialEq)]
pub struct EndTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// In 5+, default `-1`, ignorable.
    pub producer_id: i64,
    /// In 5+, default `-1`, ignorable.
    pub producer_epoch: i16,
    pub unknown: UnknownTags,
}

impl Default for EndTxnResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            producer_id: -1,
            producer_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for EndTxnResponse {
    const NAME: &'static str = "EndTxnResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 3;
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            producer_id: if version >= 5 { r.i64() } else { -1 },
            producer_epoch: if version >= 5 { r.i16() } else { -1 },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 3;
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        if version >= 5 {
            w.i64(self.producer_id);
        }
        if version >= 5 {
            w.i16(self.producer_epoch);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

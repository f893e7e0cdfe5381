//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 22, versions 0-6, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct InitProducerIdRequest {
    /// Default `Some(Str::new())`.
    pub transactional_id: Option<Str>,
    pub transaction_timeout_ms: i32,
    /// In 3+, default `-1`.
    pub producer_id: i64,
    /// In 3+, default `-1`.
    pub producer_epoch: i16,
    /// In 6+.
    pub enable2_pc: bool,
    /// In 6+.
    pub keep_prepared_txn: bool,
    pub unknown: UnknownTags,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        Self {
            transactional_id: Some(Str::new()),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
            enable2_pc: false,
            keep_prepared_txn: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for InitProducerIdRequest {
    const NAME: &'static str = "InitProducerIdRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            transactional_id: r.opt_string(flexible),
            transaction_timeout_ms: r.i32(),
            producer_id: if version >= 3 { r.i64() } else { -1 },
            producer_epoch: if version >= 3 { r.i16() } else { -1 },
            enable2_pc: if version >= 6 { r.bool() } else { false },
            keep_prepared_txn: if version >= 6 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.opt_string(flexible, self.transactional_id.as_ref());
        w.i32(self.transaction_timeout_ms);
        if version >= 3 {
            w.i64(self.producer_id);
        } else {
            w.absent(self.producer_id == -1, "InitProducerIdRequest.ProducerId", version);
        }
        if version >= 3 {
            w.i16(self.producer_epoch);
        } else {
            w.absent(self.producer_epoch == -1, "InitProducerIdRequest.ProducerEpoch", version);
        }
        if version >= 6 {
            w.bool(self.enable2_pc);
        } else {
            w.absent(!self.enable2_pc, "InitProducerIdRequest.Enable2Pc", version);
        }
        if version >= 6 {
            w.bool(self.keep_prepared_txn);
        } else {
            w.absent(!self.keep_prepared_txn, "InitProducerIdRequest.KeepPreparedTxn", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for InitProducerIdRequest {
    const KEY: ApiKey = ApiKey::InitProducerId;
    type Response = InitProducerIdResponse;
}

/// The response of API 22, versions 0-6, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct InitProducerIdResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `-1`.
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// In 6+, default `-1`.
    pub ongoing_txn_producer_id: i64,
    /// In 6+, default `-1`.
    pub ongoing_txn_producer_epoch: i16,
    pub unknown: UnknownTags,
}

impl Default for InitProducerIdResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            producer_id: -1,
            producer_epoch: 0,
            ongoing_txn_producer_id: -1,
            ongoing_txn_producer_epoch: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for InitProducerIdResponse {
    const NAME: &'static str = "InitProducerIdResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 6;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            producer_id: r.i64(),
            producer_epoch: r.i16(),
            ongoing_txn_producer_id: if version >= 6 { r.i64() } else { -1 },
            ongoing_txn_producer_epoch: if version >= 6 { r.i16() } else { -1 },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        if version >= 6 {
            w.i64(self.ongoing_txn_producer_id);
        } else {
            w.absent(self.ongoing_txn_producer_id == -1, "InitProducerIdResponse.OngoingTxnProducerId", version);
        }
        if version >= 6 {
            w.i16(self.ongoing_txn_producer_epoch);
        } else {
            w.absent(self.ongoing_txn_producer_epoch == -1, "InitProducerIdResponse.OngoingTxnProducerEpoch", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

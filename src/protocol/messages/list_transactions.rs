//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 66, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct ListTransactionsRequest {
    pub state_filters: Vec<Str>,
    pub producer_id_filters: Vec<i64>,
    /// In 1+, default `-1`.
    pub duration_filter: i64,
    /// In 2+.
    pub transactional_id_pattern: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for ListTransactionsRequest {
    fn default() -> Self {
        Self {
            state_filters: Vec::new(),
            producer_id_filters: Vec::new(),
            duration_filter: -1,
            transactional_id_pattern: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ListTransactionsRequest {
    const NAME: &'static str = "ListTransactionsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            state_filters: r.array(true, 1, |r| r.string(true)),
            producer_id_filters: r.array(true, 8, Reader::i64),
            duration_filter: if version >= 1 { r.i64() } else { -1 },
            transactional_id_pattern: if version >= 2 { r.opt_string(true) } else { None },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.state_filters, |w, x| w.string(true, x));
        w.array(true, &self.producer_id_filters, |w, x| w.i64(*x));
        if version >= 1 {
            w.i64(self.duration_filter);
        } else {
            w.absent(self.duration_filter == -1, "ListTransactionsRequest.DurationFilter", version);
        }
        if version >= 2 {
            w.opt_string(true, self.transactional_id_pattern.as_ref());
        } else {
            w.absent(self.transactional_id_pattern.is_none(), "ListTransactionsRequest.TransactionalIdPattern", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for ListTransactionsRequest {
    const KEY: ApiKey = ApiKey::ListTransactions;
    type Response = ListTransactionsResponse;
}

/// The response of API 66, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListTransactionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub unknown_state_filters: Vec<Str>,
    pub transaction_states: Vec<TransactionState>,
    pub unknown: UnknownTags,
}

impl Message for ListTransactionsResponse {
    const NAME: &'static str = "ListTransactionsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            unknown_state_filters: r.array(true, 1, |r| r.string(true)),
            transaction_states: r.array(true, 11, |r| TransactionState::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.array(true, &self.unknown_state_filters, |w, x| w.string(true, x));
        w.array(true, &self.transaction_states, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ListTransactionsResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionState {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub transaction_state: Str,
    pub unknown: UnknownTags,
}

impl TransactionState {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            transactional_id: r.string(true),
            producer_id: r.i64(),
            transaction_state: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.transactional_id);
        w.i64(self.producer_id);
        w.string(true, &self.transaction_state);
        w.unknown_tags(true, &self.unknown);
    }
}

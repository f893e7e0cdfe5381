//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, UnknownTags, Writer};

/// The request of API 58, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvelopeRequest {
    pub request_data: Bytes,
    /// Default `Some(Bytes::new())`.
    pub request_principal: Option<Bytes>,
    pub client_host_address: Bytes,
    pub unknown: UnknownTags,
}

impl Default for EnvelopeRequest {
    fn default() -> Self {
        Self {
            request_data: Bytes::new(),
            request_principal: Some(Bytes::new()),
            client_host_address: Bytes::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for EnvelopeRequest {
    const NAME: &'static str = "EnvelopeRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            request_data: r.bytes(true),
            request_principal: r.opt_bytes(true),
            client_host_address: r.bytes(true),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.bytes(true, &self.request_data);
        w.opt_bytes(true, self.request_principal.as_ref());
        w.bytes(true, &self.client_host_address);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for EnvelopeRequest {
    const KEY: ApiKey = ApiKey::Envelope;
    type Response = EnvelopeResponse;
}

/// The response of API 58, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnvelopeResponse {
    pub response_data: Option<Bytes>,
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Message for EnvelopeResponse {
    const NAME: &'static str = "EnvelopeResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            response_data: r.opt_bytes(true),
            error_code: ErrorCode(r.i16()),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.opt_bytes(true, self.response_data.as_ref());
        w.i16(self.error_code.0);
        w.unknown_tags(true, &self.unknown);
    }
}

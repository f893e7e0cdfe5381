//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, Writer};

/// The request of API 17, versions 0-1, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SaslHandshakeRequest {
    pub mechanism: Str,
}

impl Message for SaslHandshakeRequest {
    const NAME: &'static str = "SaslHandshakeRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            mechanism: r.string(false),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.mechanism);
    }
}

impl Request for SaslHandshakeRequest {
    const KEY: ApiKey = ApiKey::SaslHandshake;
    type Response = SaslHandshakeResponse;
}

/// The response of API 17, versions 0-1, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SaslHandshakeResponse {
    pub error_code: ErrorCode,
    pub mechanisms: Vec<Str>,
}

impl Message for SaslHandshakeResponse {
    const NAME: &'static str = "SaslHandshakeResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            mechanisms: r.array(false, 2, |r| r.string(false)),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.array(false, &self.mechanisms, |w, x| w.string(false, x));
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// A message, versions 1-2, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestHeader {
    pub request_api_key: i16,
    pub request_api_version: i16,
    pub correlation_id: i32,
    /// Default `Some(Str::new())`.
    pub client_id: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for RequestHeader {
    fn default() -> Self {
        Self {
            request_api_key: 0,
            request_api_version: 0,
            correlation_id: 0,
            client_id: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for RequestHeader {
    const NAME: &'static str = "RequestHeader";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            request_api_key: r.i16(),
            request_api_version: r.i16(),
            correlation_id: r.i32(),
            client_id: r.opt_string(false),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.request_api_key);
        w.i16(self.request_api_version);
        w.i32(self.correlation_id);
        w.opt_string(false, self.client_id.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// A message, versions 0-1, flexible from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResponseHeader {
    pub correlation_id: i32,
    pub unknown: UnknownTags,
}

impl Message for ResponseHeader {
    const NAME: &'static str = "ResponseHeader";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 1;
        Self {
            correlation_id: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 1;
        w.i32(self.correlation_id);
        w.unknown_tags(flexible, &self.unknown);
    }
}

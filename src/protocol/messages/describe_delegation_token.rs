//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 41, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeDelegationTokenRequest {
    /// Default `Some(Vec::new())`.
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeDelegationTokenRequest {
    fn default() -> Self {
        Self {
            owners: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeDelegationTokenRequest {
    const NAME: &'static str = "DescribeDelegationTokenRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            owners: r.opt_array(flexible, 3, |r| DescribeDelegationTokenOwner::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.opt_array(flexible, self.owners.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeDelegationTokenRequest`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeDelegationTokenOwner {
    pub principal_type: Str,
    pub principal_name: Str,
    pub unknown: UnknownTags,
}

impl DescribeDelegationTokenOwner {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            principal_type: r.string(flexible),
            principal_name: r.string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.principal_type);
        w.string(flexible, &self.principal_name);
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DescribeDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::DescribeDelegationToken;
    type Response = DescribeDelegationTokenResponse;
}

/// The response of API 41, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub tokens: Vec<DescribedDelegationToken>,
    pub throttle_time_ms: i32,
    pub unknown: UnknownTags,
}

impl Message for DescribeDelegationTokenResponse {
    const NAME: &'static str = "DescribeDelegationTokenResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            tokens: r.array(flexible, 30, |r| DescribedDelegationToken::decode(version, r)),
            throttle_time_ms: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.array(flexible, &self.tokens, |w, x| x.encode(version, w));
        w.i32(self.throttle_time_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeDelegationTokenResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedDelegationToken {
    pub principal_type: Str,
    pub principal_name: Str,
    /// In 3+.
    pub token_requester_principal_type: Str,
    /// In 3+.
    pub token_requester_principal_name: Str,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    pub max_timestamp: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    pub unknown: UnknownTags,
}

impl DescribedDelegationToken {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            principal_type: r.string(flexible),
            principal_name: r.string(flexible),
            token_requester_principal_type: if version >= 3 { r.string(flexible) } else { Str::new() },
            token_requester_principal_name: if version >= 3 { r.string(flexible) } else { Str::new() },
            issue_timestamp: r.i64(),
            expiry_timestamp: r.i64(),
            max_timestamp: r.i64(),
            token_id: r.string(flexible),
            hmac: r.bytes(flexible),
            renewers: r.array(flexible, 3, |r| DescribedDelegationTokenRenewer::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.principal_type);
        w.string(flexible, &self.principal_name);
        if version >= 3 {
            w.string(flexible, &self.token_requester_principal_type);
        } else {
            w.absent(self.token_requester_principal_type.is_empty(), "DescribeDelegationTokenResponse.TokenRequesterPrincipalType", version);
        }
        if version >= 3 {
            w.string(flexible, &self.token_requester_principal_name);
        } else {
            w.absent(self.token_requester_principal_name.is_empty(), "DescribeDelegationTokenResponse.TokenRequesterPrincipalName", version);
        }
        w.i64(self.issue_timestamp);
        w.i64(self.expiry_timestamp);
        w.i64(self.max_timestamp);
        w.string(flexible, &self.token_id);
        w.bytes(flexible, &self.hmac);
        w.array(flexible, &self.renewers, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeDelegationTokenResponse`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: Str,
    pub principal_name: Str,
    pub unknown: UnknownTags,
}

impl DescribedDelegationTokenRenewer {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            principal_type: r.string(flexible),
            principal_name: r.string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.principal_type);
        w.string(flexible, &self.principal_name);
        w.unknown_tags(flexible, &self.unknown);
    }
}

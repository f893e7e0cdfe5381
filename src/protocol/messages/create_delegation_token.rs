//! @generated from `schema/messages.txt`: do not edit.

use bytes::Bytes;

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 38, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateDelegationTokenRequest {
    /// In 3+, default `Some(Str::new())`.
    pub owner_principal_type: Option<Str>,
    /// In 3+, default `Some(Str::new())`.
    pub owner_principal_name: Option<Str>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
    pub unknown: UnknownTags,
}

impl Default for CreateDelegationTokenRequest {
    fn default() -> Self {
        Self {
            owner_principal_type: Some(Str::new()),
            owner_principal_name: Some(Str::new()),
            renewers: Vec::new(),
            max_lifetime_ms: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for CreateDelegationTokenRequest {
    const NAME: &'static str = "CreateDelegationTokenRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            owner_principal_type: if version >= 3 { r.opt_string(flexible) } else { Some(Str::new()) },
            owner_principal_name: if version >= 3 { r.opt_string(flexible) } else { Some(Str::new()) },
            renewers: r.array(flexible, 3, |r| CreatableRenewers::decode(version, r)),
            max_lifetime_ms: r.i64(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        if version >= 3 {
            w.opt_string(flexible, self.owner_principal_type.as_ref());
        } else {
            w.absent(self.owner_principal_type.as_ref().is_some_and(|x| x.is_empty()), "CreateDelegationTokenRequest.OwnerPrincipalType", version);
        }
        if version >= 3 {
            w.opt_string(flexible, self.owner_principal_name.as_ref());
        } else {
            w.absent(self.owner_principal_name.as_ref().is_some_and(|x| x.is_empty()), "CreateDelegationTokenRequest.OwnerPrincipalName", version);
        }
        w.array(flexible, &self.renewers, |w, x| x.encode(version, w));
        w.i64(self.max_lifetime_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateDelegationTokenRequest`, versions 1-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableRenewers {
    pub principal_type: Str,
    pub principal_name: Str,
    pub unknown: UnknownTags,
}

impl CreatableRenewers {
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

impl Request for CreateDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::CreateDelegationToken;
    type Response = CreateDelegationTokenResponse;
}

/// The response of API 38, versions 1-3, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub principal_type: Str,
    pub principal_name: Str,
    /// In 3+.
    pub token_requester_principal_type: Str,
    /// In 3+.
    pub token_requester_principal_name: Str,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub throttle_time_ms: i32,
    pub unknown: UnknownTags,
}

impl Message for CreateDelegationTokenResponse {
    const NAME: &'static str = "CreateDelegationTokenResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            principal_type: r.string(flexible),
            principal_name: r.string(flexible),
            token_requester_principal_type: if version >= 3 { r.string(flexible) } else { Str::new() },
            token_requester_principal_name: if version >= 3 { r.string(flexible) } else { Str::new() },
            issue_timestamp_ms: r.i64(),
            expiry_timestamp_ms: r.i64(),
            max_timestamp_ms: r.i64(),
            token_id: r.string(flexible),
            hmac: r.bytes(flexible),
            throttle_time_ms: r.i32(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.string(flexible, &self.principal_type);
        w.string(flexible, &self.principal_name);
        if version >= 3 {
            w.string(flexible, &self.token_requester_principal_type);
        } else {
            w.absent(self.token_requester_principal_type.is_empty(), "CreateDelegationTokenResponse.TokenRequesterPrincipalType", version);
        }
        if version >= 3 {
            w.string(flexible, &self.token_requester_principal_name);
        } else {
            w.absent(self.token_requester_principal_name.is_empty(), "CreateDelegationTokenResponse.TokenRequesterPrincipalName", version);
        }
        w.i64(self.issue_timestamp_ms);
        w.i64(self.expiry_timestamp_ms);
        w.i64(self.max_timestamp_ms);
        w.string(flexible, &self.token_id);
        w.bytes(flexible, &self.hmac);
        w.i32(self.throttle_time_ms);
        w.unknown_tags(flexible, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 50, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeUserScramCredentialsRequest {
    /// Default `Some(Vec::new())`.
    pub users: Option<Vec<UserName>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeUserScramCredentialsRequest {
    fn default() -> Self {
        Self {
            users: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeUserScramCredentialsRequest {
    const NAME: &'static str = "DescribeUserScramCredentialsRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            users: r.opt_array(true, 2, |r| UserName::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_array(true, self.users.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeUserScramCredentialsRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserName {
    pub name: Str,
    pub unknown: UnknownTags,
}

impl UserName {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DescribeUserScramCredentialsRequest {
    const KEY: ApiKey = ApiKey::DescribeUserScramCredentials;
    type Response = DescribeUserScramCredentialsResponse;
}

/// The response of API 50, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub results: Vec<DescribeUserScramCredentialsResult>,
    pub unknown: UnknownTags,
}

impl Default for DescribeUserScramCredentialsResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            results: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeUserScramCredentialsResponse {
    const NAME: &'static str = "DescribeUserScramCredentialsResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            results: r.array(true, 6, |r| DescribeUserScramCredentialsResult::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.array(true, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeUserScramCredentialsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeUserScramCredentialsResult {
    pub user: Str,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    pub credential_infos: Vec<CredentialInfo>,
    pub unknown: UnknownTags,
}

impl Default for DescribeUserScramCredentialsResult {
    fn default() -> Self {
        Self {
            user: Str::new(),
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            credential_infos: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeUserScramCredentialsResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            user: r.string(true),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            credential_infos: r.array(true, 6, |r| CredentialInfo::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.user);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.array(true, &self.credential_infos, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeUserScramCredentialsResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CredentialInfo {
    pub mechanism: i8,
    pub iterations: i32,
    pub unknown: UnknownTags,
}

impl CredentialInfo {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            mechanism: r.i8(),
            iterations: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i8(self.mechanism);
        w.i32(self.iterations);
        w.unknown_tags(true, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 35, versions 1-5, flexible from 2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeLogDirsRequest {
    /// Default `Some(Vec::new())`.
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    pub unknown: UnknownTags,
}

impl Default for DescribeLogDirsRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeLogDirsRequest {
    const NAME: &'static str = "DescribeLogDirsRequest";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            topics: r.opt_array(flexible, 3, |r| DescribableLogDirTopic::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.opt_array(flexible, self.topics.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeLogDirsRequest`, versions 1-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribableLogDirTopic {
    pub topic: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl DescribableLogDirTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            topic: r.string(flexible),
            partitions: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.topic);
        w.array(flexible, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for DescribeLogDirsRequest {
    const KEY: ApiKey = ApiKey::DescribeLogDirs;
    type Response = DescribeLogDirsResponse;
}

/// The response of API 35, versions 1-5, flexible from 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeLogDirsResponse {
    pub throttle_time_ms: i32,
    /// In 3+, ignorable.
    pub error_code: ErrorCode,
    pub results: Vec<DescribeLogDirsResult>,
    pub unknown: UnknownTags,
}

impl Message for DescribeLogDirsResponse {
    const NAME: &'static str = "DescribeLogDirsResponse";
    const MIN_VERSION: i16 = 1;
    const MAX_VERSION: i16 = 5;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            throttle_time_ms: r.i32(),
            error_code: if version >= 3 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            results: r.array(flexible, 5, |r| DescribeLogDirsResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.throttle_time_ms);
        if version >= 3 {
            w.i16(self.error_code.0);
        }
        w.array(flexible, &self.results, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeLogDirsResponse`, versions 1-5.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeLogDirsResult {
    pub error_code: ErrorCode,
    pub log_dir: Str,
    pub topics: Vec<DescribeLogDirsTopic>,
    /// In 4+, default `-1`, ignorable.
    pub total_bytes: i64,
    /// In 4+, default `-1`, ignorable.
    pub usable_bytes: i64,
    /// In 5+, ignorable.
    pub is_cordoned: bool,
    pub unknown: UnknownTags,
}

impl Default for DescribeLogDirsResult {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            log_dir: Str::new(),
            topics: Vec::new(),
            total_bytes: -1,
            usable_bytes: -1,
            is_cordoned: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribeLogDirsResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            error_code: ErrorCode(r.i16()),
            log_dir: r.string(flexible),
            topics: r.array(flexible, 3, |r| DescribeLogDirsTopic::decode(version, r)),
            total_bytes: if version >= 4 { r.i64() } else { -1 },
            usable_bytes: if version >= 4 { r.i64() } else { -1 },
            is_cordoned: if version >= 5 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i16(self.error_code.0);
        w.string(flexible, &self.log_dir);
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if version >= 4 {
            w.i64(self.total_bytes);
        }
        if version >= 4 {
            w.i64(self.usable_bytes);
        }
        if version >= 5 {
            w.bool(self.is_cordoned);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeLogDirsResponse`, versions 1-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeLogDirsTopic {
    pub name: Str,
    pub partitions: Vec<DescribeLogDirsPartition>,
    pub unknown: UnknownTags,
}

impl DescribeLogDirsTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            name: r.string(flexible),
            partitions: r.array(flexible, 21, |r| DescribeLogDirsPartition::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.string(flexible, &self.name);
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `DescribeLogDirsResponse`, versions 1-5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeLogDirsPartition {
    pub partition_index: i32,
    pub partition_size: i64,
    pub offset_lag: i64,
    pub is_future_key: bool,
    pub unknown: UnknownTags,
}

impl DescribeLogDirsPartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 2;
        Self {
            partition_index: r.i32(),
            partition_size: r.i64(),
            offset_lag: r.i64(),
            is_future_key: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 2;
        w.i32(self.partition_index);
        w.i64(self.partition_size);
        w.i64(self.offset_lag);
        w.bool(self.is_future_key);
        w.unknown_tags(flexible, &self.unknown);
    }
}

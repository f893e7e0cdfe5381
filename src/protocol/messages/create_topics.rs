//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 19, versions 2-7, flexible from 5.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    /// Default `60_000`.
    pub timeout_ms: i32,
    pub validate_only: bool,
    pub unknown: UnknownTags,
}

impl Default for CreateTopicsRequest {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            timeout_ms: 60_000,
            validate_only: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for CreateTopicsRequest {
    const NAME: &'static str = "CreateTopicsRequest";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 7;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            topics: r.array(flexible, 10, |r| CreatableTopic::decode(version, r)),
            timeout_ms: r.i32(),
            validate_only: r.bool(),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.i32(self.timeout_ms);
        w.bool(self.validate_only);
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateTopicsRequest`, versions 2-7.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableTopic {
    pub name: Str,
    pub num_partitions: i32,
    pub replication_factor: i16,
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
    pub unknown: UnknownTags,
}

impl CreatableTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            name: r.string(flexible),
            num_partitions: r.i32(),
            replication_factor: r.i16(),
            assignments: r.array(flexible, 6, |r| CreatableReplicaAssignment::decode(version, r)),
            configs: r.array(flexible, 3, |r| CreatableTopicConfig::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.string(flexible, &self.name);
        w.i32(self.num_partitions);
        w.i16(self.replication_factor);
        w.array(flexible, &self.assignments, |w, x| x.encode(version, w));
        w.array(flexible, &self.configs, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateTopicsRequest`, versions 2-7.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
    pub unknown: UnknownTags,
}

impl CreatableReplicaAssignment {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            partition_index: r.i32(),
            broker_ids: r.array(flexible, 4, Reader::i32),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.i32(self.partition_index);
        w.array(flexible, &self.broker_ids, |w, x| w.i32(*x));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateTopicsRequest`, versions 2-7.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicConfig {
    pub name: Str,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for CreatableTopicConfig {
    fn default() -> Self {
        Self {
            name: Str::new(),
            value: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl CreatableTopicConfig {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            name: r.string(flexible),
            value: r.opt_string(flexible),
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.string(flexible, &self.name);
        w.opt_string(flexible, self.value.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for CreateTopicsRequest {
    const KEY: ApiKey = ApiKey::CreateTopics;
    type Response = CreateTopicsResponse;
}

/// The response of API 19, versions 2-7, flexible from 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
    pub unknown: UnknownTags,
}

impl Message for CreateTopicsResponse {
    const NAME: &'static str = "CreateTopicsResponse";
    const MIN_VERSION: i16 = 2;
    const MAX_VERSION: i16 = 7;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        Self {
            throttle_time_ms: r.i32(),
            topics: r.array(flexible, 6, |r| CreatableTopicResult::decode(version, r)),
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.i32(self.throttle_time_ms);
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `CreateTopicsResponse`, versions 2-7.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicResult {
    pub name: Str,
    /// In 7+, ignorable.
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    /// Default `Some(Str::new())`.
    pub error_message: Option<Str>,
    /// In 5+, tagged, ignorable.
    pub topic_config_error_code: ErrorCode,
    /// In 5+, default `-1`, ignorable.
    pub num_partitions: i32,
    /// In 5+, default `-1`, ignorable.
    pub replication_factor: i16,
    /// In 5+, default `Some(Vec::new())`, ignorable.
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    pub unknown: UnknownTags,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        Self {
            name: Str::new(),
            topic_id: Uuid::ZERO,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::new()),
            topic_config_error_code: ErrorCode::NONE,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl CreatableTopicResult {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 5;
        let mut this = Self {
            name: r.string(flexible),
            topic_id: if version >= 7 { r.uuid() } else { Uuid::ZERO },
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(flexible),
            topic_config_error_code: ErrorCode::NONE,
            num_partitions: if version >= 5 { r.i32() } else { -1 },
            replication_factor: if version >= 5 { r.i16() } else { -1 },
            configs: if version >= 5 { r.opt_array(flexible, 6, |r| CreatableTopicConfigs::decode(version, r)) } else { Some(Vec::new()) },
            unknown: UnknownTags::new(),
        };
        if flexible {
            let mut tags = r.tags();
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    0 => this.topic_config_error_code = ErrorCode(r.i16()),
                    _ => r.unknown_tag(&tags, &mut this.unknown),
                }
            }
        }
        this
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 5;
        w.string(flexible, &self.name);
        if version >= 7 {
            w.uuid(self.topic_id);
        }
        w.i16(self.error_code.0);
        w.opt_string(flexible, self.error_message.as_ref());
        if version >= 5 {
            w.i32(self.num_partitions);
        }
        if version >= 5 {
            w.i16(self.replication_factor);
        }
        if version >= 5 {
            w.opt_array(flexible, self.configs.as_deref(), |w, x| x.encode(version, w));
        }
        if flexible {
            let mut tags = w.tags(&self.unknown);
            if self.topic_config_error_code != ErrorCode::NONE {
                w.tag(&mut tags, 0, |w| w.i16(self.topic_config_error_code.0));
            }
            w.end_tags(tags);
        }
    }
}

/// In `CreateTopicsResponse`, versions 5-7.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicConfigs {
    pub name: Str,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub read_only: bool,
    /// Default `-1`.
    pub config_source: i8,
    pub is_sensitive: bool,
    pub unknown: UnknownTags,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        Self {
            name: Str::new(),
            value: Some(Str::new()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl CreatableTopicConfigs {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            value: r.opt_string(true),
            read_only: r.bool(),
            config_source: r.i8(),
            is_sensitive: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.opt_string(true, self.value.as_ref());
        w.bool(self.read_only);
        w.i8(self.config_source);
        w.bool(self.is_sensitive);
        w.unknown_tags(true, &self.unknown);
    }
}

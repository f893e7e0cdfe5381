//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 3, versions 0-13, flexible from 9.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequest {
    /// Null allowed in 1+, default `Some(Vec::new())`.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// In 4+, default `true`.
    pub allow_auto_topic_creation: bool,
    /// In 8-10.
    pub include_cluster_authorized_operations: bool,
    /// In 8+.
    pub include_topic_authorized_operations: bool,
    pub unknown: UnknownTags,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 13;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            topics: { let x = r.opt_array(flexible, 2, |r| MetadataRequestTopic::decode(version, r)); r.nullable(version >= 1, x) },
            allow_auto_topic_creation: if version >= 4 { r.bool() } else { true },
            include_cluster_authorized_operations: if (8..=10).contains(&version) { r.bool() } else { false },
            include_topic_authorized_operations: if version >= 8 { r.bool() } else { false },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.not_null(version < 1 && self.topics.is_none(), "MetadataRequest.Topics", version); w.opt_array(flexible, self.topics.as_deref(), |w, x| x.encode(version, w));
        if version >= 4 {
            w.bool(self.allow_auto_topic_creation);
        } else {
            w.absent(self.allow_auto_topic_creation, "MetadataRequest.AllowAutoTopicCreation", version);
        }
        if (8..=10).contains(&version) {
            w.bool(self.include_cluster_authorized_operations);
        } else {
            w.absent(!self.include_cluster_authorized_operations, "MetadataRequest.IncludeClusterAuthorizedOperations", version);
        }
        if version >= 8 {
            w.bool(self.include_topic_authorized_operations);
        } else {
            w.absent(!self.include_topic_authorized_operations, "MetadataRequest.IncludeTopicAuthorizedOperations", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `MetadataRequest`, versions 0-13.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequestTopic {
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    /// Null allowed in 10+, default `Some(Str::new())`.
    pub name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self {
            topic_id: Uuid::ZERO,
            name: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl MetadataRequestTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            name: { let x = r.opt_string(flexible); r.nullable(version >= 10, x) },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.not_null(version < 10 && self.name.is_none(), "MetadataRequest.Name", version); w.opt_string(flexible, self.name.as_ref());
        w.unknown_tags(flexible, &self.unknown);
    }
}

impl Request for MetadataRequest {
    const KEY: ApiKey = ApiKey::Metadata;
    type Response = MetadataResponse;
}

/// The response of API 3, versions 0-13, flexible from 9.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponse {
    /// In 3+, ignorable.
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    /// In 2+, ignorable.
    pub cluster_id: Option<Str>,
    /// In 1+, default `-1`, ignorable.
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    /// In 8-10, default `i32::MIN`.
    pub cluster_authorized_operations: i32,
    /// In 13+, ignorable.
    pub error_code: ErrorCode,
    pub unknown: UnknownTags,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            error_code: ErrorCode::NONE,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 13;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            throttle_time_ms: if version >= 3 { r.i32() } else { 0 },
            brokers: r.array(flexible, 10, |r| MetadataResponseBroker::decode(version, r)),
            cluster_id: if version >= 2 { r.opt_string(flexible) } else { None },
            controller_id: if version >= 1 { r.i32() } else { -1 },
            topics: r.array(flexible, 8, |r| MetadataResponseTopic::decode(version, r)),
            cluster_authorized_operations: if (8..=10).contains(&version) { r.i32() } else { i32::MIN },
            error_code: if version >= 13 { ErrorCode(r.i16()) } else { ErrorCode::NONE },
            unknown: r.unknown_tags(flexible),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        w.array(flexible, &self.brokers, |w, x| x.encode(version, w));
        if version >= 2 {
            w.opt_string(flexible, self.cluster_id.as_ref());
        }
        if version >= 1 {
            w.i32(self.controller_id);
        }
        w.array(flexible, &self.topics, |w, x| x.encode(version, w));
        if (8..=10).contains(&version) {
            w.i32(self.cluster_authorized_operations);
        } else {
            w.absent(self.cluster_authorized_operations == i32::MIN, "MetadataResponse.ClusterAuthorizedOperations", version);
        }
        if version >= 13 {
            w.i16(self.error_code.0);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `MetadataResponse`, versions 0-13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    /// In 1+, ignorable.
    pub rack: Option<Str>,
    pub unknown: UnknownTags,
}

impl MetadataResponseBroker {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            node_id: r.i32(),
            host: r.string(flexible),
            port: r.i32(),
            rack: if version >= 1 { r.opt_string(flexible) } else { None },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i32(self.node_id);
        w.string(flexible, &self.host);
        w.i32(self.port);
        if version >= 1 {
            w.opt_string(flexible, self.rack.as_ref());
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `MetadataResponse`, versions 0-13.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponseTopic {
    pub error_code: ErrorCode,
    /// Null allowed in 12+, default `Some(Str::new())`.
    pub name: Option<Str>,
    /// In 10+, ignorable.
    pub topic_id: Uuid,
    /// In 1+, ignorable.
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    /// In 8+, default `i32::MIN`.
    pub topic_authorized_operations: i32,
    pub unknown: UnknownTags,
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            name: Some(Str::new()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
            unknown: UnknownTags::new(),
        }
    }
}

impl MetadataResponseTopic {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            error_code: ErrorCode(r.i16()),
            name: { let x = r.opt_string(flexible); r.nullable(version >= 12, x) },
            topic_id: if version >= 10 { r.uuid() } else { Uuid::ZERO },
            is_internal: if version >= 1 { r.bool() } else { false },
            partitions: r.array(flexible, 18, |r| MetadataResponsePartition::decode(version, r)),
            topic_authorized_operations: if version >= 8 { r.i32() } else { i32::MIN },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i16(self.error_code.0);
        w.not_null(version < 12 && self.name.is_none(), "MetadataResponse.Name", version); w.opt_string(flexible, self.name.as_ref());
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        if version >= 1 {
            w.bool(self.is_internal);
        }
        w.array(flexible, &self.partitions, |w, x| x.encode(version, w));
        if version >= 8 {
            w.i32(self.topic_authorized_operations);
        } else {
            w.absent(self.topic_authorized_operations == i32::MIN, "MetadataResponse.TopicAuthorizedOperations", version);
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

/// In `MetadataResponse`, versions 0-13.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponsePartition {
    pub error_code: ErrorCode,
    pub partition_index: i32,
    pub leader_id: i32,
    /// In 7+, default `-1`, ignorable.
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    /// In 5+, ignorable.
    pub offline_replicas: Vec<i32>,
    pub unknown: UnknownTags,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl MetadataResponsePartition {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        let flexible = version >= 9;
        Self {
            error_code: ErrorCode(r.i16()),
            partition_index: r.i32(),
            leader_id: r.i32(),
            leader_epoch: if version >= 7 { r.i32() } else { -1 },
            replica_nodes: r.array(flexible, 4, Reader::i32),
            isr_nodes: r.array(flexible, 4, Reader::i32),
            offline_replicas: if version >= 5 { r.array(flexible, 4, Reader::i32) } else { Vec::new() },
            unknown: r.unknown_tags(flexible),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        let flexible = version >= 9;
        w.i16(self.error_code.0);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        if version >= 7 {
            w.i32(self.leader_epoch);
        }
        w.array(flexible, &self.replica_nodes, |w, x| w.i32(*x));
        w.array(flexible, &self.isr_nodes, |w, x| w.i32(*x));
        if version >= 5 {
            w.array(flexible, &self.offline_replicas, |w, x| w.i32(*x));
        }
        w.unknown_tags(flexible, &self.unknown);
    }
}

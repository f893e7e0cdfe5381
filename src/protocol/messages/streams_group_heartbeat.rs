//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 88, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub endpoint_information_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    /// Default `-1`.
    pub rebalance_timeout_ms: i32,
    pub topology: Option<Topology>,
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    pub process_id: Option<Str>,
    pub user_endpoint: Option<StreamsGroupHeartbeatRequestEndpoint>,
    pub client_tags: Option<Vec<KeyValue>>,
    pub task_offsets: Option<Vec<TaskOffset>>,
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    pub shutdown_application: bool,
    pub unknown: UnknownTags,
}

impl Default for StreamsGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Str::new(),
            member_id: Str::new(),
            member_epoch: 0,
            endpoint_information_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            topology: None,
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            process_id: None,
            user_endpoint: None,
            client_tags: None,
            task_offsets: None,
            task_end_offsets: None,
            shutdown_application: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for StreamsGroupHeartbeatRequest {
    const NAME: &'static str = "StreamsGroupHeartbeatRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(true),
            member_id: r.string(true),
            member_epoch: r.i32(),
            endpoint_information_epoch: r.i32(),
            instance_id: r.opt_string(true),
            rack_id: r.opt_string(true),
            rebalance_timeout_ms: r.i32(),
            topology: r.opt_struct(|r| Topology::decode(version, r)),
            active_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatRequestTaskIds::decode(version, r)),
            standby_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatRequestTaskIds::decode(version, r)),
            warmup_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatRequestTaskIds::decode(version, r)),
            process_id: r.opt_string(true),
            user_endpoint: r.opt_struct(|r| StreamsGroupHeartbeatRequestEndpoint::decode(version, r)),
            client_tags: r.opt_array(true, 3, |r| KeyValue::decode(version, r)),
            task_offsets: r.opt_array(true, 14, |r| TaskOffset::decode(version, r)),
            task_end_offsets: r.opt_array(true, 14, |r| TaskOffset::decode(version, r)),
            shutdown_application: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.group_id);
        w.string(true, &self.member_id);
        w.i32(self.member_epoch);
        w.i32(self.endpoint_information_epoch);
        w.opt_string(true, self.instance_id.as_ref());
        w.opt_string(true, self.rack_id.as_ref());
        w.i32(self.rebalance_timeout_ms);
        w.opt_struct(self.topology.as_ref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.active_tasks.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.standby_tasks.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.warmup_tasks.as_deref(), |w, x| x.encode(version, w));
        w.opt_string(true, self.process_id.as_ref());
        w.opt_struct(self.user_endpoint.as_ref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.client_tags.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.task_offsets.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.task_end_offsets.as_deref(), |w, x| x.encode(version, w));
        w.bool(self.shutdown_application);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
    pub unknown: UnknownTags,
}

impl Topology {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            epoch: r.i32(),
            subtopologies: r.array(true, 8, |r| Subtopology::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.array(true, &self.subtopologies, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub source_topic_regex: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<Str>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
    pub unknown: UnknownTags,
}

impl Subtopology {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            source_topics: r.array(true, 1, |r| r.string(true)),
            source_topic_regex: r.array(true, 1, |r| r.string(true)),
            state_changelog_topics: r.array(true, 9, |r| TopicInfo::decode(version, r)),
            repartition_sink_topics: r.array(true, 1, |r| r.string(true)),
            repartition_source_topics: r.array(true, 9, |r| TopicInfo::decode(version, r)),
            copartition_groups: r.array(true, 4, |r| CopartitionGroup::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.source_topics, |w, x| w.string(true, x));
        w.array(true, &self.source_topic_regex, |w, x| w.string(true, x));
        w.array(true, &self.state_changelog_topics, |w, x| x.encode(version, w));
        w.array(true, &self.repartition_sink_topics, |w, x| w.string(true, x));
        w.array(true, &self.repartition_source_topics, |w, x| x.encode(version, w));
        w.array(true, &self.copartition_groups, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicInfo {
    pub name: Str,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
    pub unknown: UnknownTags,
}

impl TopicInfo {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            partitions: r.i32(),
            replication_factor: r.i16(),
            topic_configs: r.array(true, 3, |r| KeyValue::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i32(self.partitions);
        w.i16(self.replication_factor);
        w.array(true, &self.topic_configs, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
    pub unknown: UnknownTags,
}

impl CopartitionGroup {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            source_topics: r.array(true, 2, Reader::i16),
            source_topic_regex: r.array(true, 2, Reader::i16),
            repartition_source_topics: r.array(true, 2, Reader::i16),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.array(true, &self.source_topics, |w, x| w.i16(*x));
        w.array(true, &self.source_topic_regex, |w, x| w.i16(*x));
        w.array(true, &self.repartition_source_topics, |w, x| w.i16(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupHeartbeatRequestTaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl StreamsGroupHeartbeatRequestTaskIds {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupHeartbeatRequestEndpoint {
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl StreamsGroupHeartbeatRequestEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
    pub unknown: UnknownTags,
}

impl KeyValue {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            key: r.string(true),
            value: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.key);
        w.string(true, &self.value);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskOffset {
    pub subtopology_id: Str,
    pub partition: i32,
    pub offset: i64,
    pub unknown: UnknownTags,
}

impl TaskOffset {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            partition: r.i32(),
            offset: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.i32(self.partition);
        w.i64(self.offset);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for StreamsGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::StreamsGroupHeartbeat;
    type Response = StreamsGroupHeartbeatResponse;
}

/// The response of API 88, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub member_id: Str,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub acceptable_recovery_lag: i32,
    pub task_offset_interval_ms: i32,
    /// Default `Some(Vec::new())`.
    pub status: Option<Vec<Status>>,
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    pub endpoint_information_epoch: i32,
    pub partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
    pub unknown: UnknownTags,
}

impl Default for StreamsGroupHeartbeatResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: None,
            member_id: Str::new(),
            member_epoch: 0,
            heartbeat_interval_ms: 0,
            acceptable_recovery_lag: 0,
            task_offset_interval_ms: 0,
            status: Some(Vec::new()),
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            endpoint_information_epoch: 0,
            partitions_by_user_endpoint: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for StreamsGroupHeartbeatResponse {
    const NAME: &'static str = "StreamsGroupHeartbeatResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            member_id: r.string(true),
            member_epoch: r.i32(),
            heartbeat_interval_ms: r.i32(),
            acceptable_recovery_lag: r.i32(),
            task_offset_interval_ms: r.i32(),
            status: r.opt_array(true, 3, |r| Status::decode(version, r)),
            active_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatResponseTaskIds::decode(version, r)),
            standby_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatResponseTaskIds::decode(version, r)),
            warmup_tasks: r.opt_array(true, 3, |r| StreamsGroupHeartbeatResponseTaskIds::decode(version, r)),
            endpoint_information_epoch: r.i32(),
            partitions_by_user_endpoint: r.opt_array(true, 7, |r| EndpointToPartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.string(true, &self.member_id);
        w.i32(self.member_epoch);
        w.i32(self.heartbeat_interval_ms);
        w.i32(self.acceptable_recovery_lag);
        w.i32(self.task_offset_interval_ms);
        w.opt_array(true, self.status.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.active_tasks.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.standby_tasks.as_deref(), |w, x| x.encode(version, w));
        w.opt_array(true, self.warmup_tasks.as_deref(), |w, x| x.encode(version, w));
        w.i32(self.endpoint_information_epoch);
        w.opt_array(true, self.partitions_by_user_endpoint.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    pub status_code: i8,
    pub status_detail: Str,
    pub unknown: UnknownTags,
}

impl Status {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            status_code: r.i8(),
            status_detail: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i8(self.status_code);
        w.string(true, &self.status_detail);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupHeartbeatResponseTaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl StreamsGroupHeartbeatResponseTaskIds {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointToPartitions {
    pub user_endpoint: StreamsGroupHeartbeatResponseEndpoint,
    pub active_partitions: Vec<TopicPartition>,
    pub standby_partitions: Vec<TopicPartition>,
    pub unknown: UnknownTags,
}

impl EndpointToPartitions {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            user_endpoint: StreamsGroupHeartbeatResponseEndpoint::decode(version, r),
            active_partitions: r.array(true, 3, |r| TopicPartition::decode(version, r)),
            standby_partitions: r.array(true, 3, |r| TopicPartition::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        self.user_endpoint.encode(version, w);
        w.array(true, &self.active_partitions, |w, x| x.encode(version, w));
        w.array(true, &self.standby_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupHeartbeatResponseEndpoint {
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl StreamsGroupHeartbeatResponseEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupHeartbeatResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TopicPartition {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.topic);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 89, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupDescribeRequest {
    const NAME: &'static str = "StreamsGroupDescribeRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_ids: r.array(true, 1, |r| r.string(true)),
            include_authorized_operations: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.array(true, &self.group_ids, |w, x| w.string(true, x));
        w.bool(self.include_authorized_operations);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for StreamsGroupDescribeRequest {
    const KEY: ApiKey = ApiKey::StreamsGroupDescribe;
    type Response = StreamsGroupDescribeResponse;
}

/// The response of API 89, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown: UnknownTags,
}

impl Message for StreamsGroupDescribeResponse {
    const NAME: &'static str = "StreamsGroupDescribeResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            groups: r.array(true, 20, |r| DescribedGroup::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.array(true, &self.groups, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub topology: Option<Topology>,
    pub members: Vec<Member>,
    /// Default `i32::MIN`.
    pub authorized_operations: i32,
    pub unknown: UnknownTags,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: ErrorCode::NONE,
            error_message: None,
            group_id: Str::new(),
            group_state: Str::new(),
            group_epoch: 0,
            assignment_epoch: 0,
            topology: None,
            members: Vec::new(),
            authorized_operations: i32::MIN,
            unknown: UnknownTags::new(),
        }
    }
}

impl DescribedGroup {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            group_id: r.string(true),
            group_state: r.string(true),
            group_epoch: r.i32(),
            assignment_epoch: r.i32(),
            topology: r.opt_struct(|r| Topology::decode(version, r)),
            members: r.array(true, 28, |r| Member::decode(version, r)),
            authorized_operations: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        w.string(true, &self.group_id);
        w.string(true, &self.group_state);
        w.i32(self.group_epoch);
        w.i32(self.assignment_epoch);
        w.opt_struct(self.topology.as_ref(), |w, x| x.encode(version, w));
        w.array(true, &self.members, |w, x| x.encode(version, w));
        w.i32(self.authorized_operations);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Option<Vec<Subtopology>>,
    pub unknown: UnknownTags,
}

impl Topology {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            epoch: r.i32(),
            subtopologies: r.opt_array(true, 6, |r| Subtopology::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.epoch);
        w.opt_array(true, self.subtopologies.as_deref(), |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub repartition_sink_topics: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub unknown: UnknownTags,
}

impl Subtopology {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            subtopology_id: r.string(true),
            source_topics: r.array(true, 1, |r| r.string(true)),
            repartition_sink_topics: r.array(true, 1, |r| r.string(true)),
            state_changelog_topics: r.array(true, 9, |r| TopicInfo::decode(version, r)),
            repartition_source_topics: r.array(true, 9, |r| TopicInfo::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.subtopology_id);
        w.array(true, &self.source_topics, |w, x| w.string(true, x));
        w.array(true, &self.repartition_sink_topics, |w, x| w.string(true, x));
        w.array(true, &self.state_changelog_topics, |w, x| x.encode(version, w));
        w.array(true, &self.repartition_source_topics, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
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

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    pub member_id: Str,
    pub member_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub topology_epoch: i32,
    pub process_id: Str,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub task_offsets: Vec<TaskOffset>,
    pub task_end_offsets: Vec<TaskOffset>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    pub is_classic: bool,
    pub unknown: UnknownTags,
}

impl Member {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_id: r.string(true),
            member_epoch: r.i32(),
            instance_id: r.opt_string(true),
            rack_id: r.opt_string(true),
            client_id: r.string(true),
            client_host: r.string(true),
            topology_epoch: r.i32(),
            process_id: r.string(true),
            user_endpoint: r.opt_struct(|r| Endpoint::decode(version, r)),
            client_tags: r.array(true, 3, |r| KeyValue::decode(version, r)),
            task_offsets: r.array(true, 14, |r| TaskOffset::decode(version, r)),
            task_end_offsets: r.array(true, 14, |r| TaskOffset::decode(version, r)),
            assignment: Assignment::decode(version, r),
            target_assignment: Assignment::decode(version, r),
            is_classic: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.member_id);
        w.i32(self.member_epoch);
        w.opt_string(true, self.instance_id.as_ref());
        w.opt_string(true, self.rack_id.as_ref());
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.i32(self.topology_epoch);
        w.string(true, &self.process_id);
        w.opt_struct(self.user_endpoint.as_ref(), |w, x| x.encode(version, w));
        w.array(true, &self.client_tags, |w, x| x.encode(version, w));
        w.array(true, &self.task_offsets, |w, x| x.encode(version, w));
        w.array(true, &self.task_end_offsets, |w, x| x.encode(version, w));
        self.assignment.encode(version, w);
        self.target_assignment.encode(version, w);
        w.bool(self.is_classic);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl Endpoint {
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

/// In `StreamsGroupDescribeResponse`, versions 0.
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

/// In `StreamsGroupDescribeResponse`, versions 0.
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

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub unknown: UnknownTags,
}

impl Assignment {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            active_tasks: r.array(true, 3, |r| TaskIds::decode(version, r)),
            standby_tasks: r.array(true, 3, |r| TaskIds::decode(version, r)),
            warmup_tasks: r.array(true, 3, |r| TaskIds::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.active_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.standby_tasks, |w, x| x.encode(version, w));
        w.array(true, &self.warmup_tasks, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `StreamsGroupDescribeResponse`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TaskIds {
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

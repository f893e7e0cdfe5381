//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 69, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupDescribeRequest {
    const NAME: &'static str = "ConsumerGroupDescribeRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

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

impl Request for ConsumerGroupDescribeRequest {
    const KEY: ApiKey = ApiKey::ConsumerGroupDescribe;
    type Response = ConsumerGroupDescribeResponse;
}

/// The response of API 69, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown: UnknownTags,
}

impl Message for ConsumerGroupDescribeResponse {
    const NAME: &'static str = "ConsumerGroupDescribeResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

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

/// In `ConsumerGroupDescribeResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub assignor_name: Str,
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
            assignor_name: Str::new(),
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
            assignor_name: r.string(true),
            members: r.array(true, 16, |r| Member::decode(version, r)),
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
        w.string(true, &self.assignor_name);
        w.array(true, &self.members, |w, x| x.encode(version, w));
        w.i32(self.authorized_operations);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupDescribeResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub member_id: Str,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub member_epoch: i32,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub subscribed_topic_regex: Option<Str>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    /// In 1+, default `-1`, ignorable.
    pub member_type: i8,
    pub unknown: UnknownTags,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            member_id: Str::new(),
            instance_id: None,
            rack_id: None,
            member_epoch: 0,
            client_id: Str::new(),
            client_host: Str::new(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: None,
            assignment: Assignment::default(),
            target_assignment: Assignment::default(),
            member_type: -1,
            unknown: UnknownTags::new(),
        }
    }
}

impl Member {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_id: r.string(true),
            instance_id: r.opt_string(true),
            rack_id: r.opt_string(true),
            member_epoch: r.i32(),
            client_id: r.string(true),
            client_host: r.string(true),
            subscribed_topic_names: r.array(true, 1, |r| r.string(true)),
            subscribed_topic_regex: r.opt_string(true),
            assignment: Assignment::decode(version, r),
            target_assignment: Assignment::decode(version, r),
            member_type: if version >= 1 { r.i8() } else { -1 },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.member_id);
        w.opt_string(true, self.instance_id.as_ref());
        w.opt_string(true, self.rack_id.as_ref());
        w.i32(self.member_epoch);
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.array(true, &self.subscribed_topic_names, |w, x| w.string(true, x));
        w.opt_string(true, self.subscribed_topic_regex.as_ref());
        self.assignment.encode(version, w);
        self.target_assignment.encode(version, w);
        if version >= 1 {
            w.i8(self.member_type);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupDescribeResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
    pub unknown: UnknownTags,
}

impl Assignment {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            topic_partitions: r.array(true, 19, |r| TopicPartitions::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.topic_partitions, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ConsumerGroupDescribeResponse`, versions 0-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub partitions: Vec<i32>,
    pub unknown: UnknownTags,
}

impl TopicPartitions {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            topic_name: r.string(true),
            partitions: r.array(true, 4, Reader::i32),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.string(true, &self.topic_name);
        w.array(true, &self.partitions, |w, x| w.i32(*x));
        w.unknown_tags(true, &self.unknown);
    }
}

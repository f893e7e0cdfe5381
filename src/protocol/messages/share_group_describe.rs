//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 77, version 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupDescribeRequest {
    const NAME: &'static str = "ShareGroupDescribeRequest";
    const MIN_VERSION: i16 = 1;
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

impl Request for ShareGroupDescribeRequest {
    const KEY: ApiKey = ApiKey::ShareGroupDescribe;
    type Response = ShareGroupDescribeResponse;
}

/// The response of API 77, version 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown: UnknownTags,
}

impl Message for ShareGroupDescribeResponse {
    const NAME: &'static str = "ShareGroupDescribeResponse";
    const MIN_VERSION: i16 = 1;
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

/// In `ShareGroupDescribeResponse`, versions 1.
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
            members: r.array(true, 12, |r| Member::decode(version, r)),
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

/// In `ShareGroupDescribeResponse`, versions 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    pub member_id: Str,
    pub rack_id: Option<Str>,
    pub member_epoch: i32,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub assignment: Assignment,
    pub unknown: UnknownTags,
}

impl Member {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            member_id: r.string(true),
            rack_id: r.opt_string(true),
            member_epoch: r.i32(),
            client_id: r.string(true),
            client_host: r.string(true),
            subscribed_topic_names: r.array(true, 1, |r| r.string(true)),
            assignment: Assignment::decode(version, r),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.string(true, &self.member_id);
        w.opt_string(true, self.rack_id.as_ref());
        w.i32(self.member_epoch);
        w.string(true, &self.client_id);
        w.string(true, &self.client_host);
        w.array(true, &self.subscribed_topic_names, |w, x| w.string(true, x));
        self.assignment.encode(version, w);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ShareGroupDescribeResponse`, versions 1.
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

/// In `ShareGroupDescribeResponse`, versions 1.
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

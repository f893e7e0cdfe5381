//! @generated from `schema/messages.txt`: do not edit.

use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 60, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    /// In 1+, default `1`.
    pub endpoint_type: i8,
    /// In 2+.
    pub include_fenced_brokers: bool,
    pub unknown: UnknownTags,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        Self {
            include_cluster_authorized_operations: false,
            endpoint_type: 1,
            include_fenced_brokers: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeClusterRequest {
    const NAME: &'static str = "DescribeClusterRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            include_cluster_authorized_operations: r.bool(),
            endpoint_type: if version >= 1 { r.i8() } else { 1 },
            include_fenced_brokers: if version >= 2 { r.bool() } else { false },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.bool(self.include_cluster_authorized_operations);
        if version >= 1 {
            w.i8(self.endpoint_type);
        } else {
            w.absent(self.endpoint_type == 1, "DescribeClusterRequest.EndpointType", version);
        }
        if version >= 2 {
            w.bool(self.include_fenced_brokers);
        } else {
            w.absent(!self.include_fenced_brokers, "DescribeClusterRequest.IncludeFencedBrokers", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for DescribeClusterRequest {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    type Response = DescribeClusterResponse;
}

/// The response of API 60, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    /// In 1+, default `1`.
    pub endpoint_type: i8,
    pub cluster_id: Str,
    /// Default `-1`.
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    /// Default `i32::MIN`.
    pub cluster_authorized_operations: i32,
    pub unknown: UnknownTags,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: None,
            endpoint_type: 1,
            cluster_id: Str::new(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for DescribeClusterResponse {
    const NAME: &'static str = "DescribeClusterResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            error_message: r.opt_string(true),
            endpoint_type: if version >= 1 { r.i8() } else { 1 },
            cluster_id: r.string(true),
            controller_id: r.i32(),
            brokers: r.array(true, 11, |r| DescribeClusterBroker::decode(version, r)),
            cluster_authorized_operations: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.opt_string(true, self.error_message.as_ref());
        if version >= 1 {
            w.i8(self.endpoint_type);
        } else {
            w.absent(self.endpoint_type == 1, "DescribeClusterResponse.EndpointType", version);
        }
        w.string(true, &self.cluster_id);
        w.i32(self.controller_id);
        w.array(true, &self.brokers, |w, x| x.encode(version, w));
        w.i32(self.cluster_authorized_operations);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `DescribeClusterResponse`, versions 0-2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    /// In 2+.
    pub is_fenced: bool,
    pub unknown: UnknownTags,
}

impl DescribeClusterBroker {
    pub fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            host: r.string(true),
            port: r.i32(),
            rack: r.opt_string(true),
            is_fenced: if version >= 2 { r.bool() } else { false },
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.string(true, &self.host);
        w.i32(self.port);
        w.opt_string(true, self.rack.as_ref());
        if version >= 2 {
            w.bool(self.is_fenced);
        } else {
            w.absent(!self.is_fenced, "DescribeClusterResponse.IsFenced", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

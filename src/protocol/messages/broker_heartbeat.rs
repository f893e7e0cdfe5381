//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, UnknownTags, Writer};

/// The request of API 63, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    /// Default `-1`.
    pub broker_epoch: i64,
    pub current_metadata_offset: i64,
    pub want_fence: bool,
    pub want_shut_down: bool,
    /// In 1+, tagged.
    pub offline_log_dirs: Vec<Uuid>,
    /// In 2+, tagged.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown: UnknownTags,
}

impl Default for BrokerHeartbeatRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            current_metadata_offset: 0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for BrokerHeartbeatRequest {
    const NAME: &'static str = "BrokerHeartbeatRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            current_metadata_offset: r.i64(),
            want_fence: r.bool(),
            want_shut_down: r.bool(),
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 if version >= 1 => this.offline_log_dirs = r.array(true, 16, Reader::uuid),
                1 if version >= 2 => this.cordoned_log_dirs = r.opt_array(true, 16, Reader::uuid),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.i64(self.current_metadata_offset);
        w.bool(self.want_fence);
        w.bool(self.want_shut_down);
        if version < 1 {
            w.absent(self.offline_log_dirs.is_empty(), "BrokerHeartbeatRequest.OfflineLogDirs", version);
        }
        if version < 2 {
            w.absent(self.cordoned_log_dirs.is_none(), "BrokerHeartbeatRequest.CordonedLogDirs", version);
        }
        let mut tags = w.tags(&self.unknown);
        if version >= 1 && !self.offline_log_dirs.is_empty() {
            w.tag(&mut tags, 0, |w| w.array(true, &self.offline_log_dirs, |w, x| w.uuid(*x)));
        }
        if version >= 2 && self.cordoned_log_dirs.is_some() {
            w.tag(&mut tags, 1, |w| w.opt_array(true, self.cordoned_log_dirs.as_deref(), |w, x| w.uuid(*x)));
        }
        w.end_tags(tags);
    }
}

impl Request for BrokerHeartbeatRequest {
    const KEY: ApiKey = ApiKey::BrokerHeartbeat;
    type Response = BrokerHeartbeatResponse;
}

/// The response of API 63, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub is_caught_up: bool,
    /// Default `true`.
    pub is_fenced: bool,
    pub should_shut_down: bool,
    pub unknown: UnknownTags,
}

impl Default for BrokerHeartbeatResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            is_caught_up: false,
            is_fenced: true,
            should_shut_down: false,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for BrokerHeartbeatResponse {
    const NAME: &'static str = "BrokerHeartbeatResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            is_caught_up: r.bool(),
            is_fenced: r.bool(),
            should_shut_down: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        w.bool(self.is_caught_up);
        w.bool(self.is_fenced);
        w.bool(self.should_shut_down);
        w.unknown_tags(true, &self.unknown);
    }
}

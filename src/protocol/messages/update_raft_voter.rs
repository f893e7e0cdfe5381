//! @generated from `schema/messages.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{ApiKey, ErrorCode, Message, Reader, Request, Str, UnknownTags, Writer};

/// The request of API 82, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateRaftVoterRequest {
    /// Default `Some(Str::new())`.
    pub cluster_id: Option<Str>,
    pub current_leader_epoch: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    pub k_raft_version_feature: KRaftVersionFeature,
    pub unknown: UnknownTags,
}

impl Default for UpdateRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(Str::new()),
            current_leader_epoch: 0,
            voter_id: 0,
            voter_directory_id: Uuid::ZERO,
            listeners: Vec::new(),
            k_raft_version_feature: KRaftVersionFeature::default(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for UpdateRaftVoterRequest {
    const NAME: &'static str = "UpdateRaftVoterRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            cluster_id: r.opt_string(true),
            current_leader_epoch: r.i32(),
            voter_id: r.i32(),
            voter_directory_id: r.uuid(),
            listeners: r.array(true, 5, |r| Listener::decode(version, r)),
            k_raft_version_feature: KRaftVersionFeature::decode(version, r),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.opt_string(true, self.cluster_id.as_ref());
        w.i32(self.current_leader_epoch);
        w.i32(self.voter_id);
        w.uuid(self.voter_directory_id);
        w.array(true, &self.listeners, |w, x| x.encode(version, w));
        self.k_raft_version_feature.encode(version, w);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `UpdateRaftVoterRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub unknown: UnknownTags,
}

impl Listener {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `UpdateRaftVoterRequest`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown: UnknownTags,
}

impl KRaftVersionFeature {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            min_supported_version: r.i16(),
            max_supported_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.unknown_tags(true, &self.unknown);
    }
}

impl Request for UpdateRaftVoterRequest {
    const KEY: ApiKey = ApiKey::UpdateRaftVoter;
    type Response = UpdateRaftVoterResponse;
}

/// The response of API 82, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UpdateRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    /// Tagged.
    pub current_leader: CurrentLeader,
    pub unknown: UnknownTags,
}

impl Message for UpdateRaftVoterResponse {
    const NAME: &'static str = "UpdateRaftVoterResponse";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            throttle_time_ms: r.i32(),
            error_code: ErrorCode(r.i16()),
            current_leader: CurrentLeader::default(),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.current_leader = CurrentLeader::decode(version, r),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code.0);
        let mut tags = w.tags(&self.unknown);
        if self.current_leader != CurrentLeader::default() {
            w.tag(&mut tags, 0, |w| self.current_leader.encode(version, w));
        }
        w.end_tags(tags);
    }
}

/// In `UpdateRaftVoterResponse`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentLeader {
    /// Default `-1`.
    pub leader_id: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    pub host: Str,
    pub port: i32,
    pub unknown: UnknownTags,
}

impl Default for CurrentLeader {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            host: Str::new(),
            port: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl CurrentLeader {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            host: r.string(true),
            port: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.string(true, &self.host);
        w.i32(self.port);
        w.unknown_tags(true, &self.unknown);
    }
}

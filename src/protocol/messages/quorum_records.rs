//! @generated from `schema/quorum-records.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// A message, versions 0-1.
#[derive(Debug, Clone, PartialEq)]
pub struct QuorumStateData {
    /// In 0.
    pub cluster_id: Str,
    /// Default `-1`.
    pub leader_id: i32,
    /// Default `-1`.
    pub leader_epoch: i32,
    /// Default `-1`.
    pub voted_id: i32,
    /// In 1+.
    pub voted_directory_id: Uuid,
    /// In 0.
    pub applied_offset: i64,
    /// In 0, default `Some(Vec::new())`.
    pub current_voters: Option<Vec<Voter>>,
    pub unknown: UnknownTags,
}

impl Default for QuorumStateData {
    fn default() -> Self {
        Self {
            cluster_id: Str::new(),
            leader_id: -1,
            leader_epoch: -1,
            voted_id: -1,
            voted_directory_id: Uuid::ZERO,
            applied_offset: 0,
            current_voters: Some(Vec::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for QuorumStateData {
    const NAME: &'static str = "QuorumStateData";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            cluster_id: if version <= 0 { r.string(true) } else { Str::new() },
            leader_id: r.i32(),
            leader_epoch: r.i32(),
            voted_id: r.i32(),
            voted_directory_id: if version >= 1 { r.uuid() } else { Uuid::ZERO },
            applied_offset: if version <= 0 { r.i64() } else { 0 },
            current_voters: if version <= 0 { r.opt_array(true, 5, |r| Voter::decode(version, r)) } else { Some(Vec::new()) },
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        if version <= 0 {
            w.string(true, &self.cluster_id);
        } else {
            w.absent(self.cluster_id.is_empty(), "QuorumStateData.ClusterId", version);
        }
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.i32(self.voted_id);
        if version >= 1 {
            w.uuid(self.voted_directory_id);
        } else {
            w.absent(self.voted_directory_id == Uuid::ZERO, "QuorumStateData.VotedDirectoryId", version);
        }
        if version <= 0 {
            w.i64(self.applied_offset);
        } else {
            w.absent(self.applied_offset == 0, "QuorumStateData.AppliedOffset", version);
        }
        if version <= 0 {
            w.opt_array(true, self.current_voters.as_deref(), |w, x| x.encode(version, w));
        } else {
            w.absent(self.current_voters.as_ref().is_some_and(|x| x.is_empty()), "QuorumStateData.CurrentVoters", version);
        }
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `QuorumStateData`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Voter {
    pub voter_id: i32,
    pub unknown: UnknownTags,
}

impl Voter {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            voter_id: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.voter_id);
        w.unknown_tags(true, &self.unknown);
    }
}

//! @generated from `schema/metadata-records.txt`: do not edit.

use bytes::Bytes;

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// Record type 0, versions 0-4.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterBrokerRecord {
    pub broker_id: i32,
    /// In 2+.
    pub is_migrating_zk_broker: bool,
    pub incarnation_id: Uuid,
    pub broker_epoch: i64,
    pub end_points: Vec<BrokerEndpoint>,
    pub features: Vec<BrokerFeature>,
    /// Default `Some(Str::new())`.
    pub rack: Option<Str>,
    /// Default `true`.
    pub fenced: bool,
    /// In 1+.
    pub in_controlled_shutdown: bool,
    /// In 3+, tagged.
    pub log_dirs: Vec<Uuid>,
    /// In 4+, tagged.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown: UnknownTags,
}

impl Default for RegisterBrokerRecord {
    fn default() -> Self {
        Self {
            broker_id: 0,
            is_migrating_zk_broker: false,
            incarnation_id: Uuid::ZERO,
            broker_epoch: 0,
            end_points: Vec::new(),
            features: Vec::new(),
            rack: Some(Str::new()),
            fenced: true,
            in_controlled_shutdown: false,
            log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for RegisterBrokerRecord {
    const NAME: &'static str = "RegisterBrokerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 4;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            broker_id: r.i32(),
            is_migrating_zk_broker: if version >= 2 { r.bool() } else { false },
            incarnation_id: r.uuid(),
            broker_epoch: r.i64(),
            end_points: r.array(true, 7, |r| BrokerEndpoint::decode(version, r)),
            features: r.array(true, 6, |r| BrokerFeature::decode(version, r)),
            rack: r.opt_string(true),
            fenced: r.bool(),
            in_controlled_shutdown: if version >= 1 { r.bool() } else { false },
            log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 if version >= 3 => this.log_dirs = r.array(true, 16, Reader::uuid),
                1 if version >= 4 => this.cordoned_log_dirs = r.opt_array(true, 16, Reader::uuid),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        if version >= 2 {
            w.bool(self.is_migrating_zk_broker);
        } else {
            w.absent(!self.is_migrating_zk_broker, "RegisterBrokerRecord.IsMigratingZkBroker", version);
        }
        w.uuid(self.incarnation_id);
        w.i64(self.broker_epoch);
        w.array(true, &self.end_points, |w, x| x.encode(version, w));
        w.array(true, &self.features, |w, x| x.encode(version, w));
        w.opt_string(true, self.rack.as_ref());
        w.bool(self.fenced);
        if version >= 1 {
            w.bool(self.in_controlled_shutdown);
        } else {
            w.absent(!self.in_controlled_shutdown, "RegisterBrokerRecord.InControlledShutdown", version);
        }
        if version < 3 {
            w.absent(self.log_dirs.is_empty(), "RegisterBrokerRecord.LogDirs", version);
        }
        if version < 4 {
            w.absent(self.cordoned_log_dirs.is_none(), "RegisterBrokerRecord.CordonedLogDirs", version);
        }
        let mut tags = w.tags(&self.unknown);
        if version >= 3 && !self.log_dirs.is_empty() {
            w.tag(&mut tags, 0, |w| w.array(true, &self.log_dirs, |w, x| w.uuid(*x)));
        }
        if version >= 4 && self.cordoned_log_dirs.is_some() {
            w.tag(&mut tags, 1, |w| w.opt_array(true, self.cordoned_log_dirs.as_deref(), |w, x| w.uuid(*x)));
        }
        w.end_tags(tags);
    }
}

/// In `RegisterBrokerRecord`, versions 0-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown: UnknownTags,
}

impl BrokerEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            security_protocol: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.i16(self.security_protocol);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RegisterBrokerRecord`, versions 0-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerFeature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown: UnknownTags,
}

impl BrokerFeature {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            min_supported_version: r.i16(),
            max_supported_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RegisterBrokerRecord {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// Record type 1, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnregisterBrokerRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub unknown: UnknownTags,
}

impl Message for UnregisterBrokerRecord {
    const NAME: &'static str = "UnregisterBrokerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

impl UnregisterBrokerRecord {
    /// The record type.
    pub const KEY: i16 = 1;
}

/// Record type 2, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicRecord {
    pub name: Str,
    pub topic_id: Uuid,
    pub unknown: UnknownTags,
}

impl Message for TopicRecord {
    const NAME: &'static str = "TopicRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            topic_id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.uuid(self.topic_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl TopicRecord {
    /// The record type.
    pub const KEY: i16 = 2;
}

/// Record type 3, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionRecord {
    /// Default `-1`.
    pub partition_id: i32,
    pub topic_id: Uuid,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    pub removing_replicas: Vec<i32>,
    pub adding_replicas: Vec<i32>,
    /// Default `-1`.
    pub leader: i32,
    /// Tagged.
    pub leader_recovery_state: i8,
    /// Default `-1`.
    pub leader_epoch: i32,
    /// Default `-1`.
    pub partition_epoch: i32,
    /// In 1+.
    pub directories: Vec<Uuid>,
    /// In 2+, tagged.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// In 2+, tagged.
    pub last_known_elr: Option<Vec<i32>>,
    pub unknown: UnknownTags,
}

impl Default for PartitionRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: Uuid::ZERO,
            replicas: Vec::new(),
            isr: Vec::new(),
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            leader: -1,
            leader_recovery_state: 0,
            leader_epoch: -1,
            partition_epoch: -1,
            directories: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for PartitionRecord {
    const NAME: &'static str = "PartitionRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            partition_id: r.i32(),
            topic_id: r.uuid(),
            replicas: r.array(true, 4, Reader::i32),
            isr: r.array(true, 4, Reader::i32),
            removing_replicas: r.array(true, 4, Reader::i32),
            adding_replicas: r.array(true, 4, Reader::i32),
            leader: r.i32(),
            leader_recovery_state: 0,
            leader_epoch: r.i32(),
            partition_epoch: r.i32(),
            directories: if version >= 1 { r.array(true, 16, Reader::uuid) } else { Vec::new() },
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.leader_recovery_state = r.i8(),
                1 if version >= 2 => this.eligible_leader_replicas = r.opt_array(true, 4, Reader::i32),
                2 if version >= 2 => this.last_known_elr = r.opt_array(true, 4, Reader::i32),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_id);
        w.uuid(self.topic_id);
        w.array(true, &self.replicas, |w, x| w.i32(*x));
        w.array(true, &self.isr, |w, x| w.i32(*x));
        w.array(true, &self.removing_replicas, |w, x| w.i32(*x));
        w.array(true, &self.adding_replicas, |w, x| w.i32(*x));
        w.i32(self.leader);
        w.i32(self.leader_epoch);
        w.i32(self.partition_epoch);
        if version >= 1 {
            w.array(true, &self.directories, |w, x| w.uuid(*x));
        } else {
            w.absent(self.directories.is_empty(), "PartitionRecord.Directories", version);
        }
        if version < 2 {
            w.absent(self.eligible_leader_replicas.is_none(), "PartitionRecord.EligibleLeaderReplicas", version);
        }
        if version < 2 {
            w.absent(self.last_known_elr.is_none(), "PartitionRecord.LastKnownElr", version);
        }
        let mut tags = w.tags(&self.unknown);
        if self.leader_recovery_state != 0 {
            w.tag(&mut tags, 0, |w| w.i8(self.leader_recovery_state));
        }
        if version >= 2 && self.eligible_leader_replicas.is_some() {
            w.tag(&mut tags, 1, |w| w.opt_array(true, self.eligible_leader_replicas.as_deref(), |w, x| w.i32(*x)));
        }
        if version >= 2 && self.last_known_elr.is_some() {
            w.tag(&mut tags, 2, |w| w.opt_array(true, self.last_known_elr.as_deref(), |w, x| w.i32(*x)));
        }
        w.end_tags(tags);
    }
}

impl PartitionRecord {
    /// The record type.
    pub const KEY: i16 = 3;
}

/// Record type 4, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigRecord {
    pub resource_type: i8,
    pub resource_name: Str,
    pub name: Str,
    /// Default `Some(Str::new())`.
    pub value: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for ConfigRecord {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::new(),
            name: Str::new(),
            value: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ConfigRecord {
    const NAME: &'static str = "ConfigRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            resource_type: r.i8(),
            resource_name: r.string(true),
            name: r.string(true),
            value: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i8(self.resource_type);
        w.string(true, &self.resource_name);
        w.string(true, &self.name);
        w.opt_string(true, self.value.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

impl ConfigRecord {
    /// The record type.
    pub const KEY: i16 = 4;
}

/// Record type 5, versions 0-2.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionChangeRecord {
    /// Default `-1`.
    pub partition_id: i32,
    pub topic_id: Uuid,
    /// Tagged.
    pub isr: Option<Vec<i32>>,
    /// Tagged, default `-2`.
    pub leader: i32,
    /// Tagged.
    pub replicas: Option<Vec<i32>>,
    /// Tagged.
    pub removing_replicas: Option<Vec<i32>>,
    /// Tagged.
    pub adding_replicas: Option<Vec<i32>>,
    /// Tagged, default `-1`.
    pub leader_recovery_state: i8,
    /// In 1+, tagged.
    pub directories: Option<Vec<Uuid>>,
    /// In 2+, tagged.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// In 2+, tagged.
    pub last_known_elr: Option<Vec<i32>>,
    pub unknown: UnknownTags,
}

impl Default for PartitionChangeRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: Uuid::ZERO,
            isr: None,
            leader: -2,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
            leader_recovery_state: -1,
            directories: None,
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for PartitionChangeRecord {
    const NAME: &'static str = "PartitionChangeRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            partition_id: r.i32(),
            topic_id: r.uuid(),
            isr: None,
            leader: -2,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
            leader_recovery_state: -1,
            directories: None,
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.isr = r.opt_array(true, 4, Reader::i32),
                1 => this.leader = r.i32(),
                2 => this.replicas = r.opt_array(true, 4, Reader::i32),
                3 => this.removing_replicas = r.opt_array(true, 4, Reader::i32),
                4 => this.adding_replicas = r.opt_array(true, 4, Reader::i32),
                5 => this.leader_recovery_state = r.i8(),
                6 if version >= 2 => this.eligible_leader_replicas = r.opt_array(true, 4, Reader::i32),
                7 if version >= 2 => this.last_known_elr = r.opt_array(true, 4, Reader::i32),
                8 if version >= 1 => this.directories = r.opt_array(true, 16, Reader::uuid),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.partition_id);
        w.uuid(self.topic_id);
        if version < 1 {
            w.absent(self.directories.is_none(), "PartitionChangeRecord.Directories", version);
        }
        if version < 2 {
            w.absent(self.eligible_leader_replicas.is_none(), "PartitionChangeRecord.EligibleLeaderReplicas", version);
        }
        if version < 2 {
            w.absent(self.last_known_elr.is_none(), "PartitionChangeRecord.LastKnownElr", version);
        }
        let mut tags = w.tags(&self.unknown);
        if self.isr.is_some() {
            w.tag(&mut tags, 0, |w| w.opt_array(true, self.isr.as_deref(), |w, x| w.i32(*x)));
        }
        if self.leader != -2 {
            w.tag(&mut tags, 1, |w| w.i32(self.leader));
        }
        if self.replicas.is_some() {
            w.tag(&mut tags, 2, |w| w.opt_array(true, self.replicas.as_deref(), |w, x| w.i32(*x)));
        }
        if self.removing_replicas.is_some() {
            w.tag(&mut tags, 3, |w| w.opt_array(true, self.removing_replicas.as_deref(), |w, x| w.i32(*x)));
        }
        if self.adding_replicas.is_some() {
            w.tag(&mut tags, 4, |w| w.opt_array(true, self.adding_replicas.as_deref(), |w, x| w.i32(*x)));
        }
        if self.leader_recovery_state != -1 {
            w.tag(&mut tags, 5, |w| w.i8(self.leader_recovery_state));
        }
        if version >= 2 && self.eligible_leader_replicas.is_some() {
            w.tag(&mut tags, 6, |w| w.opt_array(true, self.eligible_leader_replicas.as_deref(), |w, x| w.i32(*x)));
        }
        if version >= 2 && self.last_known_elr.is_some() {
            w.tag(&mut tags, 7, |w| w.opt_array(true, self.last_known_elr.as_deref(), |w, x| w.i32(*x)));
        }
        if version >= 1 && self.directories.is_some() {
            w.tag(&mut tags, 8, |w| w.opt_array(true, self.directories.as_deref(), |w, x| w.uuid(*x)));
        }
        w.end_tags(tags);
    }
}

impl PartitionChangeRecord {
    /// The record type.
    pub const KEY: i16 = 5;
}

/// Record type 7, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FenceBrokerRecord {
    pub id: i32,
    pub epoch: i64,
    pub unknown: UnknownTags,
}

impl Message for FenceBrokerRecord {
    const NAME: &'static str = "FenceBrokerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            id: r.i32(),
            epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.id);
        w.i64(self.epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

impl FenceBrokerRecord {
    /// The record type.
    pub const KEY: i16 = 7;
}

/// Record type 8, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnfenceBrokerRecord {
    pub id: i32,
    pub epoch: i64,
    pub unknown: UnknownTags,
}

impl Message for UnfenceBrokerRecord {
    const NAME: &'static str = "UnfenceBrokerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            id: r.i32(),
            epoch: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.id);
        w.i64(self.epoch);
        w.unknown_tags(true, &self.unknown);
    }
}

impl UnfenceBrokerRecord {
    /// The record type.
    pub const KEY: i16 = 8;
}

/// Record type 9, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoveTopicRecord {
    pub topic_id: Uuid,
    pub unknown: UnknownTags,
}

impl Message for RemoveTopicRecord {
    const NAME: &'static str = "RemoveTopicRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.topic_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoveTopicRecord {
    /// The record type.
    pub const KEY: i16 = 9;
}

/// Record type 10, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DelegationTokenRecord {
    pub owner: Str,
    pub requester: Str,
    pub renewers: Vec<Str>,
    pub issue_timestamp: i64,
    pub max_timestamp: i64,
    pub expiration_timestamp: i64,
    pub token_id: Str,
    pub unknown: UnknownTags,
}

impl Message for DelegationTokenRecord {
    const NAME: &'static str = "DelegationTokenRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            owner: r.string(true),
            requester: r.string(true),
            renewers: r.array(true, 1, |r| r.string(true)),
            issue_timestamp: r.i64(),
            max_timestamp: r.i64(),
            expiration_timestamp: r.i64(),
            token_id: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.owner);
        w.string(true, &self.requester);
        w.array(true, &self.renewers, |w, x| w.string(true, x));
        w.i64(self.issue_timestamp);
        w.i64(self.max_timestamp);
        w.i64(self.expiration_timestamp);
        w.string(true, &self.token_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl DelegationTokenRecord {
    /// The record type.
    pub const KEY: i16 = 10;
}

/// Record type 11, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserScramCredentialRecord {
    pub name: Str,
    pub mechanism: i8,
    pub salt: Bytes,
    pub stored_key: Bytes,
    pub server_key: Bytes,
    pub iterations: i32,
    pub unknown: UnknownTags,
}

impl Message for UserScramCredentialRecord {
    const NAME: &'static str = "UserScramCredentialRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            mechanism: r.i8(),
            salt: r.bytes(true),
            stored_key: r.bytes(true),
            server_key: r.bytes(true),
            iterations: r.i32(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i8(self.mechanism);
        w.bytes(true, &self.salt);
        w.bytes(true, &self.stored_key);
        w.bytes(true, &self.server_key);
        w.i32(self.iterations);
        w.unknown_tags(true, &self.unknown);
    }
}

impl UserScramCredentialRecord {
    /// The record type.
    pub const KEY: i16 = 11;
}

/// Record type 12, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureLevelRecord {
    pub name: Str,
    pub feature_level: i16,
    pub unknown: UnknownTags,
}

impl Message for FeatureLevelRecord {
    const NAME: &'static str = "FeatureLevelRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            feature_level: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.feature_level);
        w.unknown_tags(true, &self.unknown);
    }
}

impl FeatureLevelRecord {
    /// The record type.
    pub const KEY: i16 = 12;
}

/// Record type 14, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientQuotaRecord {
    pub entity: Vec<EntityData>,
    pub key: Str,
    pub value: f64,
    pub remove: bool,
    pub unknown: UnknownTags,
}

impl Message for ClientQuotaRecord {
    const NAME: &'static str = "ClientQuotaRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            entity: r.array(true, 3, |r| EntityData::decode(version, r)),
            key: r.string(true),
            value: r.f64(),
            remove: r.bool(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.array(true, &self.entity, |w, x| x.encode(version, w));
        w.string(true, &self.key);
        w.f64(self.value);
        w.bool(self.remove);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `ClientQuotaRecord`, versions 0.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityData {
    pub entity_type: Str,
    /// Default `Some(Str::new())`.
    pub entity_name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Default for EntityData {
    fn default() -> Self {
        Self {
            entity_type: Str::new(),
            entity_name: Some(Str::new()),
            unknown: UnknownTags::new(),
        }
    }
}

impl EntityData {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            entity_type: r.string(true),
            entity_name: r.opt_string(true),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.entity_type);
        w.opt_string(true, self.entity_name.as_ref());
        w.unknown_tags(true, &self.unknown);
    }
}

impl ClientQuotaRecord {
    /// The record type.
    pub const KEY: i16 = 14;
}

/// Record type 15, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerIdsRecord {
    pub broker_id: i32,
    /// Default `-1`.
    pub broker_epoch: i64,
    pub next_producer_id: i64,
    pub unknown: UnknownTags,
}

impl Default for ProducerIdsRecord {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            next_producer_id: 0,
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ProducerIdsRecord {
    const NAME: &'static str = "ProducerIdsRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            next_producer_id: r.i64(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.i64(self.next_producer_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ProducerIdsRecord {
    /// The record type.
    pub const KEY: i16 = 15;
}

/// Record type 17, versions 0-3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerRegistrationChangeRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    /// Tagged.
    pub fenced: i8,
    /// In 1+, tagged.
    pub in_controlled_shutdown: i8,
    /// In 2+, tagged.
    pub log_dirs: Vec<Uuid>,
    /// In 3+, tagged.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown: UnknownTags,
}

impl Message for BrokerRegistrationChangeRecord {
    const NAME: &'static str = "BrokerRegistrationChangeRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 3;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            broker_id: r.i32(),
            broker_epoch: r.i64(),
            fenced: 0,
            in_controlled_shutdown: 0,
            log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.fenced = r.i8(),
                1 if version >= 1 => this.in_controlled_shutdown = r.i8(),
                2 if version >= 2 => this.log_dirs = r.array(true, 16, Reader::uuid),
                3 if version >= 3 => this.cordoned_log_dirs = r.opt_array(true, 16, Reader::uuid),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        if version < 1 {
            w.absent(self.in_controlled_shutdown == 0, "BrokerRegistrationChangeRecord.InControlledShutdown", version);
        }
        if version < 2 {
            w.absent(self.log_dirs.is_empty(), "BrokerRegistrationChangeRecord.LogDirs", version);
        }
        if version < 3 {
            w.absent(self.cordoned_log_dirs.is_none(), "BrokerRegistrationChangeRecord.CordonedLogDirs", version);
        }
        let mut tags = w.tags(&self.unknown);
        if self.fenced != 0 {
            w.tag(&mut tags, 0, |w| w.i8(self.fenced));
        }
        if version >= 1 && self.in_controlled_shutdown != 0 {
            w.tag(&mut tags, 1, |w| w.i8(self.in_controlled_shutdown));
        }
        if version >= 2 && !self.log_dirs.is_empty() {
            w.tag(&mut tags, 2, |w| w.array(true, &self.log_dirs, |w, x| w.uuid(*x)));
        }
        if version >= 3 && self.cordoned_log_dirs.is_some() {
            w.tag(&mut tags, 3, |w| w.opt_array(true, self.cordoned_log_dirs.as_deref(), |w, x| w.uuid(*x)));
        }
        w.end_tags(tags);
    }
}

impl BrokerRegistrationChangeRecord {
    /// The record type.
    pub const KEY: i16 = 17;
}

/// Record type 18, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccessControlEntryRecord {
    pub id: Uuid,
    pub resource_type: i8,
    pub resource_name: Str,
    pub pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown: UnknownTags,
}

impl Message for AccessControlEntryRecord {
    const NAME: &'static str = "AccessControlEntryRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            id: r.uuid(),
            resource_type: r.i8(),
            resource_name: r.string(true),
            pattern_type: r.i8(),
            principal: r.string(true),
            host: r.string(true),
            operation: r.i8(),
            permission_type: r.i8(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.id);
        w.i8(self.resource_type);
        w.string(true, &self.resource_name);
        w.i8(self.pattern_type);
        w.string(true, &self.principal);
        w.string(true, &self.host);
        w.i8(self.operation);
        w.i8(self.permission_type);
        w.unknown_tags(true, &self.unknown);
    }
}

impl AccessControlEntryRecord {
    /// The record type.
    pub const KEY: i16 = 18;
}

/// Record type 19, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoveAccessControlEntryRecord {
    pub id: Uuid,
    pub unknown: UnknownTags,
}

impl Message for RemoveAccessControlEntryRecord {
    const NAME: &'static str = "RemoveAccessControlEntryRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            id: r.uuid(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.uuid(self.id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoveAccessControlEntryRecord {
    /// The record type.
    pub const KEY: i16 = 19;
}

/// Record type 20, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NoOpRecord {
    pub unknown: UnknownTags,
}

impl Message for NoOpRecord {
    const NAME: &'static str = "NoOpRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.unknown_tags(true, &self.unknown);
    }
}

impl NoOpRecord {
    /// The record type.
    pub const KEY: i16 = 20;
}

/// Record type 21, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ZkMigrationStateRecord {
    pub zk_migration_state: i8,
    pub unknown: UnknownTags,
}

impl Message for ZkMigrationStateRecord {
    const NAME: &'static str = "ZkMigrationStateRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            zk_migration_state: r.i8(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.i8(self.zk_migration_state);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ZkMigrationStateRecord {
    /// The record type.
    pub const KEY: i16 = 21;
}

/// Record type 22, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoveUserScramCredentialRecord {
    pub name: Str,
    pub mechanism: i8,
    pub unknown: UnknownTags,
}

impl Message for RemoveUserScramCredentialRecord {
    const NAME: &'static str = "RemoveUserScramCredentialRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            mechanism: r.i8(),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i8(self.mechanism);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoveUserScramCredentialRecord {
    /// The record type.
    pub const KEY: i16 = 22;
}

/// Record type 23, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginTransactionRecord {
    /// Tagged.
    pub name: Option<Str>,
    pub unknown: UnknownTags,
}

impl Message for BeginTransactionRecord {
    const NAME: &'static str = "BeginTransactionRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            name: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.name = r.opt_string(true),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        let mut tags = w.tags(&self.unknown);
        if self.name.is_some() {
            w.tag(&mut tags, 0, |w| w.opt_string(true, self.name.as_ref()));
        }
        w.end_tags(tags);
    }
}

impl BeginTransactionRecord {
    /// The record type.
    pub const KEY: i16 = 23;
}

/// Record type 24, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTransactionRecord {
    pub unknown: UnknownTags,
}

impl Message for EndTransactionRecord {
    const NAME: &'static str = "EndTransactionRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.unknown_tags(true, &self.unknown);
    }
}

impl EndTransactionRecord {
    /// The record type.
    pub const KEY: i16 = 24;
}

/// Record type 25, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AbortTransactionRecord {
    /// Tagged.
    pub reason: Option<Str>,
    pub unknown: UnknownTags,
}

impl Message for AbortTransactionRecord {
    const NAME: &'static str = "AbortTransactionRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            reason: None,
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.reason = r.opt_string(true),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        let mut tags = w.tags(&self.unknown);
        if self.reason.is_some() {
            w.tag(&mut tags, 0, |w| w.opt_string(true, self.reason.as_ref()));
        }
        w.end_tags(tags);
    }
}

impl AbortTransactionRecord {
    /// The record type.
    pub const KEY: i16 = 25;
}

/// Record type 26, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoveDelegationTokenRecord {
    pub token_id: Str,
    pub unknown: UnknownTags,
}

impl Message for RemoveDelegationTokenRecord {
    const NAME: &'static str = "RemoveDelegationTokenRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            token_id: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.token_id);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RemoveDelegationTokenRecord {
    /// The record type.
    pub const KEY: i16 = 26;
}

/// Record type 27, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegisterControllerRecord {
    pub controller_id: i32,
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub end_points: Vec<ControllerEndpoint>,
    pub features: Vec<ControllerFeature>,
    pub unknown: UnknownTags,
}

impl Message for RegisterControllerRecord {
    const NAME: &'static str = "RegisterControllerRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        Self {
            controller_id: r.i32(),
            incarnation_id: r.uuid(),
            zk_migration_ready: r.bool(),
            end_points: r.array(true, 7, |r| ControllerEndpoint::decode(version, r)),
            features: r.array(true, 6, |r| ControllerFeature::decode(version, r)),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.controller_id);
        w.uuid(self.incarnation_id);
        w.bool(self.zk_migration_ready);
        w.array(true, &self.end_points, |w, x| x.encode(version, w));
        w.array(true, &self.features, |w, x| x.encode(version, w));
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RegisterControllerRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControllerEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown: UnknownTags,
}

impl ControllerEndpoint {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            host: r.string(true),
            port: r.u16(),
            security_protocol: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.string(true, &self.host);
        w.u16(self.port);
        w.i16(self.security_protocol);
        w.unknown_tags(true, &self.unknown);
    }
}

/// In `RegisterControllerRecord`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControllerFeature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown: UnknownTags,
}

impl ControllerFeature {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            name: r.string(true),
            min_supported_version: r.i16(),
            max_supported_version: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.name);
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.unknown_tags(true, &self.unknown);
    }
}

impl RegisterControllerRecord {
    /// The record type.
    pub const KEY: i16 = 27;
}

/// Record type 28, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClearElrRecord {
    pub topic_name: Str,
    pub unknown: UnknownTags,
}

impl Message for ClearElrRecord {
    const NAME: &'static str = "ClearElrRecord";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            topic_name: r.string(true),
            unknown: r.unknown_tags(true),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(true, &self.topic_name);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ClearElrRecord {
    /// The record type.
    pub const KEY: i16 = 28;
}

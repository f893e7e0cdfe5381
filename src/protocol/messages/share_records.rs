//! @generated from `schema/share-records.txt`: do not edit.

use crate::model::Uuid;
use crate::protocol::{Message, Reader, Str, UnknownTags, Writer};

/// The key of record type 0, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareSnapshotKey {
    pub group_id: Str,
    pub topic_id: Uuid,
    pub partition: i32,
}

impl Message for ShareSnapshotKey {
    const NAME: &'static str = "ShareSnapshotKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            topic_id: r.uuid(),
            partition: r.i32(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.uuid(self.topic_id);
        w.i32(self.partition);
    }
}

impl ShareSnapshotKey {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// The value of record type 0, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareSnapshotValue {
    pub snapshot_epoch: i32,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// Tagged, default `-1`.
    pub delivery_complete_count: i32,
    pub create_timestamp: i64,
    pub write_timestamp: i64,
    pub state_batches: Vec<ShareSnapshotValueStateBatch>,
    pub unknown: UnknownTags,
}

impl Default for ShareSnapshotValue {
    fn default() -> Self {
        Self {
            snapshot_epoch: 0,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            create_timestamp: 0,
            write_timestamp: 0,
            state_batches: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ShareSnapshotValue {
    const NAME: &'static str = "ShareSnapshotValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            snapshot_epoch: r.i32(),
            state_epoch: r.i32(),
            leader_epoch: r.i32(),
            start_offset: r.i64(),
            delivery_complete_count: -1,
            create_timestamp: r.i64(),
            write_timestamp: r.i64(),
            state_batches: r.array(true, 20, |r| ShareSnapshotValueStateBatch::decode(version, r)),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.delivery_complete_count = r.i32(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.snapshot_epoch);
        w.i32(self.state_epoch);
        w.i32(self.leader_epoch);
        w.i64(self.start_offset);
        w.i64(self.create_timestamp);
        w.i64(self.write_timestamp);
        w.array(true, &self.state_batches, |w, x| x.encode(version, w));
        let mut tags = w.tags(&self.unknown);
        if self.delivery_complete_count != -1 {
            w.tag(&mut tags, 0, |w| w.i32(self.delivery_complete_count));
        }
        w.end_tags(tags);
    }
}

/// In `ShareSnapshotValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareSnapshotValueStateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
    pub unknown: UnknownTags,
}

impl ShareSnapshotValueStateBatch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            first_offset: r.i64(),
            last_offset: r.i64(),
            delivery_state: r.i8(),
            delivery_count: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.i8(self.delivery_state);
        w.i16(self.delivery_count);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareSnapshotValue {
    /// The record type.
    pub const KEY: i16 = 0;
}

/// The key of record type 1, version 0, none flexible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareUpdateKey {
    pub group_id: Str,
    pub topic_id: Uuid,
    pub partition: i32,
}

impl Message for ShareUpdateKey {
    const NAME: &'static str = "ShareUpdateKey";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            group_id: r.string(false),
            topic_id: r.uuid(),
            partition: r.i32(),
        }
    }

    fn encode(&self, _version: i16, w: &mut Writer) {
        w.string(false, &self.group_id);
        w.uuid(self.topic_id);
        w.i32(self.partition);
    }
}

impl ShareUpdateKey {
    /// The record type.
    pub const KEY: i16 = 1;
}

/// The value of record type 1, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareUpdateValue {
    pub snapshot_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// Tagged, default `-1`.
    pub delivery_complete_count: i32,
    pub state_batches: Vec<ShareUpdateValueStateBatch>,
    pub unknown: UnknownTags,
}

impl Default for ShareUpdateValue {
    fn default() -> Self {
        Self {
            snapshot_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            state_batches: Vec::new(),
            unknown: UnknownTags::new(),
        }
    }
}

impl Message for ShareUpdateValue {
    const NAME: &'static str = "ShareUpdateValue";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 0;

    fn decode(version: i16, r: &mut Reader) -> Self {
        let mut this = Self {
            snapshot_epoch: r.i32(),
            leader_epoch: r.i32(),
            start_offset: r.i64(),
            delivery_complete_count: -1,
            state_batches: r.array(true, 20, |r| ShareUpdateValueStateBatch::decode(version, r)),
            unknown: UnknownTags::new(),
        };
        let mut tags = r.tags();
        while let Some(tag) = r.next_tag(&mut tags) {
            match tag {
                0 => this.delivery_complete_count = r.i32(),
                _ => r.unknown_tag(&tags, &mut this.unknown),
            }
        }
        this
    }

    fn encode(&self, version: i16, w: &mut Writer) {
        w.i32(self.snapshot_epoch);
        w.i32(self.leader_epoch);
        w.i64(self.start_offset);
        w.array(true, &self.state_batches, |w, x| x.encode(version, w));
        let mut tags = w.tags(&self.unknown);
        if self.delivery_complete_count != -1 {
            w.tag(&mut tags, 0, |w| w.i32(self.delivery_complete_count));
        }
        w.end_tags(tags);
    }
}

/// In `ShareUpdateValue`, versions 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareUpdateValueStateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
    pub unknown: UnknownTags,
}

impl ShareUpdateValueStateBatch {
    pub fn decode(_version: i16, r: &mut Reader) -> Self {
        Self {
            first_offset: r.i64(),
            last_offset: r.i64(),
            delivery_state: r.i8(),
            delivery_count: r.i16(),
            unknown: r.unknown_tags(true),
        }
    }

    pub fn encode(&self, _version: i16, w: &mut Writer) {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.i8(self.delivery_state);
        w.i16(self.delivery_count);
        w.unknown_tags(true, &self.unknown);
    }
}

impl ShareUpdateValue {
    /// The record type.
    pub const KEY: i16 = 1;
}

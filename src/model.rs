//! The words that every layer uses: identifiers and counters that must not be mixed up.

#[rustfmt::skip] // Generated.
mod error;

use std::fmt;

pub use error::ErrorCode;
pub use logan_shards::ShardId;
pub use logan_storage::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// `node.id`.
    NodeId(i32)
);
number!(
    /// The number of a partition within its topic.
    PartitionIndex(i32)
);
number!(
    /// A record's place in its partition.
    Offset(i64)
);
number!(
    /// Raised with every new leader of a partition.
    LeaderEpoch(i32)
);
number!(
    /// Raised with every change of a partition's leader, ISR or replicas.
    PartitionEpoch(i32)
);
number!(ProducerId(i64));
number!(ProducerEpoch(i16));
number!(
    /// The version of a metadata image: the raft index of the last entry applied to it.
    ImageVersion(u64)
);

/// One partition of one topic, for good: a topic deleted and created again has another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    pub topic: Uuid,
    pub index: PartitionIndex,
}

/// A fetch session as the owners of its partitions know it: the shard that keeps the session, and that shard's number for it, which it never
/// uses again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId {
    pub shard: ShardId,
    pub number: u64,
}

/// The number of a partition within one request, or within a session for as long as the session has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartNumber(pub u64);

//! See this crate's README.
/// One shard: an executor pinned to a core, and all it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

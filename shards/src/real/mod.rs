//! The real machine: one glommio executor and one io_uring ring of our own per shard.

pub(crate) mod bell;
pub(crate) mod clock;
pub(crate) mod disk;
pub(crate) mod executor;
mod filesystem;
pub(crate) mod net;
pub(crate) mod placement;
pub(crate) mod random;
pub(crate) mod ring;
mod signals;
mod start;

pub(crate) use start::run;

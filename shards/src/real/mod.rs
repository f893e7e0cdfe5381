//! The real machine: per shard one thread, one executor and one `io_uring` ring.

mod blocking;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod disk;
mod event;
pub(crate) mod executor;
mod filesystem;
pub(crate) mod memory;
pub(crate) mod net;
pub(crate) mod placement;
pub(crate) mod random;
mod ring;
mod signals;
mod start;

pub(crate) use start::{own_files, run};

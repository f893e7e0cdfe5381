//! One core's machine: executors, lanes between cores, timers, sockets, files, clock and randomness, real and simulated.
//!
//! Every exported type is a closed enum of two implementations: `real` (per core one thread, one executor, one `io_uring` ring) and
//! [`sim`] (many nodes in one thread, on virtual time). Free functions such as [`task::spawn`] ask a thread-local word which of
//! the two the current task runs on (`machine`), so what is built on this crate runs on both unchanged. Lanes, the mesh, the stop
//! signal and buffers have one implementation; only how a sleeping shard is woken differs (`bell`).
//!
//! Invariants:
//! - Nothing here knows Kafka, and nothing above here names `io_uring`, `std::time`, `std::thread`, `std::fs` or `std::net`.
//! - A future of this crate belongs to the shard that made it; what may cross is `Send` by type ([`net::Handoff`], sealed buffers).
//! - Memory given to the kernel is owned by the ring until its completion, whatever becomes of the future that waits for it.

pub mod lane;

mod sync;

#[cfg(not(logan_loom))]
pub mod allocation;
#[cfg(not(logan_loom))]
mod bell;
#[cfg(not(logan_loom))]
pub mod buffer;
#[cfg(not(logan_loom))]
pub mod disk;
#[cfg(not(logan_loom))]
mod gate;
#[cfg(not(logan_loom))]
mod machine;
#[cfg(not(logan_loom))]
mod memory;
#[cfg(not(logan_loom))]
pub mod mesh;
#[cfg(not(logan_loom))]
pub mod net;
#[cfg(not(logan_loom))]
pub mod random;
#[cfg(not(logan_loom))]
mod real;
#[cfg(not(logan_loom))]
mod region;
#[cfg(not(logan_loom))]
pub mod runtime;
#[cfg(not(logan_loom))]
pub mod sim;
#[cfg(not(logan_loom))]
pub mod task;
#[cfg(not(logan_loom))]
pub mod time;

/// One shard: an executor pinned to a core, and all it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

#[cfg(not(logan_loom))]
impl ShardId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(not(logan_loom))]
pub use buffer::{AlignedBuffer, PoolUse, pool_use};
#[cfg(not(logan_loom))]
pub use disk::{
    Directory, DirectoryEntry, File, Flushing, IoError, OpenMode, PlainFile, descriptors_were_missing,
};
#[cfg(not(logan_loom))]
pub use gate::WorkerShare;
pub use lane::Class;
#[cfg(not(logan_loom))]
pub use memory::memory_bytes;
#[cfg(not(logan_loom))]
pub use mesh::{Credit, Mesh, Received};
#[cfg(not(logan_loom))]
pub use net::{Connection, Handoff, Listener, NetError, Reader, Writer, addresses_of, host_of};
#[cfg(not(logan_loom))]
pub use random::random_u64;
#[cfg(not(logan_loom))]
pub use runtime::{LaneCapacity, Node, QueueShares, RealOptions, Seat, StartError, Stop, run};
#[cfg(not(logan_loom))]
pub use task::{Queue, Task, spawn, yield_if_needed, yield_now};
#[cfg(not(logan_loom))]
pub use time::{Elapsed, monotonic_ns, sleep, timeout, wall_clock_ms};

//! How much memory there is.

use crate::{machine, real, sim};

/// Bytes that this process may use: the machine's memory, or the limit of its control group where that is less. The same on all shards.
/// `None` if the kernel does not say.
pub fn memory_bytes() -> Option<u64> {
    if machine::is_real() { real::memory::memory_bytes() } else { Some(sim::memory_bytes()) }
}

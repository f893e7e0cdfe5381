//! Chance.

use crate::{machine, real, sim};

/// 64 random bits. On a real machine they come from the kernel and are fit for nonces and salts.
pub fn random_u64() -> u64 {
    if machine::is_real() { real::random::random_u64() } else { sim::random::random_u64() }
}

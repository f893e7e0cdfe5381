//! The one source of chance in a simulation: xoshiro256**, seeded by splitmix64.
//!
//! Everything that is left to chance, by the scheduler, the disk, the network or the code under test, is drawn from here in the
//! order in which it happens. So a run is its seed.

use std::cell::Cell;
use std::ops::Range;

/// A probability in parts per million. Integers, so that a run does not depend on how a machine rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMillion(pub u32);

impl PerMillion {
    pub const NEVER: Self = Self(0);
    pub const ALWAYS: Self = Self(1_000_000);
}

#[derive(Debug)]
pub struct Random {
    state: Cell<[u64; 4]>,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        let mut next = || {
            mixer = mixer.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = mixer;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Self { state: Cell::new([next(), next(), next(), next()]) }
    }

    pub fn next(&self) -> u64 {
        let [mut a, mut b, mut c, mut d] = self.state.get();
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d.rotate_left(45);
        self.state.set([a, b, c, d]);
        result
    }

    /// A number below `bound`, which must not be zero. The bias of 2^-64 · bound is of no interest here.
    pub fn below(&self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing to choose from");
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of the range; its start if it is empty.
    pub fn within(&self, range: &Range<u64>) -> u64 {
        if range.end <= range.start { range.start } else { range.start + self.below(range.end - range.start) }
    }

    /// Whether something of this probability happens. Draws nothing for what never or always happens.
    pub fn chance(&self, probability: PerMillion) -> bool {
        match probability {
            PerMillion::NEVER => false,
            p if p >= PerMillion::ALWAYS => true,
            PerMillion(parts) => self.below(1_000_000) < u64::from(parts),
        }
    }

    pub fn coin(&self) -> bool {
        self.next() >> 63 == 1
    }
}

/// A random number for the code under test.
pub fn random_u64() -> u64 {
    super::current::here().0.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_seeds_differ() {
        let draw =
            |seed| (0..8).map(|_| 0).scan(Random::new(seed), |r, _| Some(r.next())).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn chances_are_about_as_stated() {
        let random = Random::new(1);
        let hits = (0..100_000).filter(|_| random.chance(PerMillion(250_000))).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !random.chance(PerMillion::NEVER) && random.chance(PerMillion::ALWAYS)));
        assert!((0..1000).all(|_| (5..9).contains(&random.within(&(5..9)))));
    }
}

//! Which brokers hold the replicas of new partitions, and in which of their directories.
//!
//! Partitions are laid in stripes over racks, and within a rack over its brokers: neighbouring partitions have different leaders, the
//! replicas of one partition are in as many racks as there are, and when a broker fails its partitions' next replicas are spread over
//! all others. Source of the rules: Kafka's `StripedReplicaPlacer`.

use std::collections::BTreeMap;

use super::image::Image;
use crate::model::{NodeId, Uuid};

/// A broker that can hold replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: NodeId,
    pub rack: Option<&'a str>,
    /// Used only when there are not enough others, and never to lead.
    pub fenced: bool,
}

/// Why a number of replicas cannot be placed, in Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    #[error("Invalid replication factor {0}: the replication factor must be positive.")]
    NotPositive(i16),
    #[error(
        "The target replication factor of {wanted} cannot be reached because only {registered} broker(s) are registered."
    )]
    TooFew { wanted: i16, registered: usize },
    #[error("All brokers are currently fenced.")]
    AllFenced,
}

/// The replicas of `partitions` partitions, `factor` each, the leader first. The same seed gives the same placement.
pub fn place(
    candidates: &[Candidate<'_>],
    partitions: usize,
    factor: i16,
    seed: u64,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    if factor <= 0 {
        return Err(PlacementError::NotPositive(factor));
    }
    if factor as usize > candidates.len() {
        return Err(PlacementError::TooFew { wanted: factor, registered: candidates.len() });
    }
    if candidates.iter().all(|candidate| candidate.fenced) {
        return Err(PlacementError::AllFenced);
    }
    let mut stripes = Stripes::new(candidates, seed);
    Ok((0..partitions).map(|_| stripes.next(factor as usize)).collect())
}

/// The directory of `broker` that holds the fewest replicas; the first of several. Zero if none is known.
pub fn directory(image: &Image, broker: NodeId) -> Uuid {
    let known = image.broker(broker).map_or(&[][..], |broker| &broker.log_dirs);
    known.iter().copied().min_by_key(|directory| image.replicas_in(*directory)).unwrap_or(Uuid::ZERO)
}

/// Brokers of a rack that are fenced, or that are not, in a random order that is gone through from another start each time.
struct Ring {
    brokers: Vec<NodeId>,
    start: usize,
    taken: usize,
}

impl Ring {
    /// The next broker that was not taken for this partition.
    fn take(&mut self) -> Option<NodeId> {
        if self.taken == self.brokers.len() {
            return None;
        }
        let at = (self.start + self.taken) % self.brokers.len();
        self.taken += 1;
        Some(self.brokers[at])
    }

    /// Begins the next partition, with the next broker if asked for.
    fn turn(&mut self, next: bool) {
        if next && self.taken > 0 {
            self.start = (self.start + 1) % self.brokers.len();
        }
        self.taken = 0;
    }
}

struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

struct Stripes {
    racks: Vec<Rack>,
    /// The rack that the next partition's leader is taken from.
    first: usize,
    /// Partitions placed since the last shuffle; once every broker may have led, another order is drawn.
    placed: usize,
    unfenced: usize,
    state: u64,
}

impl Stripes {
    fn new(candidates: &[Candidate<'_>], seed: u64) -> Self {
        let mut by_rack: BTreeMap<Option<&str>, Vec<Candidate<'_>>> = BTreeMap::new();
        for candidate in candidates {
            by_rack.entry(candidate.rack).or_default().push(*candidate);
        }
        let ring = |brokers: &[Candidate<'_>], fenced| Ring {
            brokers: brokers
                .iter()
                .filter(|broker| broker.fenced == fenced)
                .map(|broker| broker.id)
                .collect(),
            start: 0,
            taken: 0,
        };
        let racks = by_rack
            .values()
            .map(|brokers| Rack { unfenced: ring(brokers, false), fenced: ring(brokers, true) });
        let unfenced = candidates.iter().filter(|candidate| !candidate.fenced).count();
        let mut stripes = Self { racks: racks.collect(), first: 0, placed: 0, unfenced, state: seed };
        stripes.shuffle();
        stripes
    }

    fn next(&mut self, factor: usize) -> Vec<NodeId> {
        if self.placed == self.unfenced {
            self.placed = 0;
            self.shuffle();
        }
        self.placed += 1;
        let count = self.racks.len();
        let start = self.first;
        self.first = (self.first + 1) % count;
        let mut replicas = Vec::with_capacity(factor);
        // The leader: of the first rack from here on that has a broker to lead.
        let leading = (0..count).map(|step| (start + step) % count).find_map(|rack| {
            let leader = self.racks[rack].unfenced.take()?;
            replicas.push(leader);
            Some(rack)
        });
        // The others: one rack after the other, the leader's once all others had their turn.
        let leading = leading.expect("a broker is not fenced");
        let mut rack = leading;
        while replicas.len() < factor {
            rack = (rack + 1) % count;
            let rings = &mut self.racks[rack];
            replicas.extend(rings.unfenced.take().or_else(|| rings.fenced.take()));
        }
        // A rack goes on to its next broker when it has led: if all did each time, racks and brokers would turn in step, and some
        // brokers would never lead.
        for (at, rack) in self.racks.iter_mut().enumerate() {
            rack.unfenced.turn(at == leading);
            rack.fenced.turn(true);
        }
        replicas
    }

    fn shuffle(&mut self) {
        let mut racks = std::mem::take(&mut self.racks);
        for rack in &mut racks {
            for ring in [&mut rack.unfenced, &mut rack.fenced] {
                self.shuffle_list(&mut ring.brokers);
                ring.start = 0;
            }
        }
        self.shuffle_list(&mut racks);
        self.racks = racks;
        self.first = 0;
    }

    fn shuffle_list<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.random() as usize % (last + 1);
            list.swap(last, other);
        }
    }

    /// splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(id: i32, rack: Option<&str>, fenced: bool) -> Candidate<'_> {
        Candidate { id: NodeId(id), rack, fenced }
    }

    fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
        items.collect::<std::collections::BTreeSet<_>>().len()
    }

    #[test]
    fn what_cannot_be_placed_is_said_in_kafkas_words() {
        let check = |candidates: &[Candidate<'_>], factor, expect: &str| {
            assert_eq!(place(candidates, 1, factor, 0).expect_err(expect).to_string(), expect);
        };
        let one = [broker(0, None, false)];
        check(&one, 0, "Invalid replication factor 0: the replication factor must be positive.");
        check(
            &one,
            3,
            "The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.",
        );
        check(&[broker(0, None, true)], 1, "All brokers are currently fenced.");
    }

    #[test]
    fn leaders_and_racks_are_spread() {
        let racks = ["a", "b", "c"];
        let candidates: Vec<_> = (0..9).map(|id| broker(id, Some(racks[id as usize % 3]), false)).collect();
        for seed in 0..50 {
            let placed = place(&candidates, 90, 3, seed).expect("enough brokers");
            for replicas in &placed {
                assert_eq!(distinct(replicas.iter().map(|id| id.0 % 3)), 3, "one in each rack: {replicas:?}");
            }
            for id in 0..9 {
                let led = placed.iter().filter(|replicas| replicas[0].0 == id).count();
                let held = placed.iter().filter(|replicas| replicas.contains(&NodeId(id))).count();
                assert_eq!((led, held), (10, 30), "seed {seed}, broker {id}");
            }
        }
    }

    #[test]
    fn fenced_brokers_hold_only_what_others_cannot_and_never_lead() {
        let candidates: Vec<_> = (0..5).map(|id| broker(id, None, id >= 3)).collect();
        for replicas in place(&candidates, 50, 3, 7).expect("enough brokers") {
            assert!(replicas.iter().all(|id| id.0 < 3), "{replicas:?}");
        }
        for replicas in place(&candidates, 50, 4, 7).expect("enough brokers") {
            assert!(replicas[0].0 < 3 && distinct(replicas.iter()) == 4, "{replicas:?}");
        }
    }

    #[test]
    fn uneven_racks_give_distinct_replicas() {
        let racks = [Some("a"), Some("a"), Some("a"), Some("b"), None];
        let candidates: Vec<_> = (0..5).map(|id| broker(id, racks[id as usize], id == 3)).collect();
        for factor in 1..=5 {
            for replicas in place(&candidates, 40, factor, u64::from(factor as u16)).expect("enough brokers")
            {
                assert_eq!(distinct(replicas.iter()), factor as usize);
                assert!(replicas[0] != NodeId(3), "a fenced broker leads");
            }
        }
    }
}

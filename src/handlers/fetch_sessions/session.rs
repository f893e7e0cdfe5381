//! One fetch session: its partitions, what its client was told of each, and what their owners do not know yet.
//!
//! Invariants:
//! - `numbers` and `parts` name the same partitions, and no two of them have the same order
//! - a part without an owner is in `refused` with its error, or in `unplaced` until the next request
//! - `owners` have the parts that have an owner, each by its present order; what is `untold` is one of them

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Named, Wanted};
use crate::mail::{FetchPart, FetchedPart, PartChange, Told};
use crate::model::{ImageVersion, Offset, PartNumber, PartitionId, ShardId};
use crate::protocol::ErrorCode;

/// Makes the next answer mention the partition.
const NOTHING_TOLD: Told = Told { high_watermark: Offset(-1), log_start: Offset(-1) };

/// By what the owners of partitions are found: an image, and whether the client is a consumer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub version: ImageVersion,
    pub is_consumer: bool,
}

#[derive(Debug)]
pub struct Session {
    pub(super) epoch: i32,
    pub(super) by_id: bool,
    pub(super) used_ms: i64,
    /// The connection whose request came last.
    pub(super) connection: u64,
    next_order: u64,
    next_number: u64,
    numbers: BTreeMap<Named, PartNumber>,
    parts: BTreeMap<PartNumber, CachedPart>,
    viewed: Option<View>,
    unplaced: BTreeSet<PartNumber>,
    refused: BTreeMap<PartNumber, ErrorCode>,
    owners: BTreeMap<ShardId, OwnerOf>,
    /// How the owners know the session. Not there while a request is under way, which gives it back if it ends as it should: if it does not,
    /// what reached the owners is not known, and the next request registers anew.
    registration: Option<Rc<SessionRegistration>>,
}

#[derive(Debug)]
struct CachedPart {
    named: Named,
    order: u64,
    wanted: Wanted,
    told: Told,
    owned: Option<(ShardId, PartitionId)>,
}

/// What one owner has of a session, and what it does not know yet.
#[derive(Debug, Default)]
struct OwnerOf {
    parts: BTreeSet<(u64, PartNumber)>,
    untold: BTreeSet<PartNumber>,
    forgotten: Vec<PartNumber>,
}

/// A session's standing at the owners. It ends with the last who holds it: the session, or a request under way.
#[derive(Debug)]
pub struct SessionRegistration {
    pub number: u64,
    told: RefCell<BTreeSet<ShardId>>,
    ended: Rc<RefCell<Vec<(ShardId, u64)>>>,
}

impl SessionRegistration {
    pub(super) fn new(number: u64, ended: Rc<RefCell<Vec<(ShardId, u64)>>>) -> Rc<Self> {
        Rc::new(Self { number, told: RefCell::default(), ended })
    }
}

impl Drop for SessionRegistration {
    fn drop(&mut self) {
        let told = self.told.take().into_iter();
        self.ended.borrow_mut().extend(told.map(|shard| (shard, self.number)));
    }
}

impl Session {
    pub(super) fn new(epoch: i32, by_id: bool) -> Self {
        Self {
            epoch,
            by_id,
            used_ms: 0,
            connection: 0,
            next_order: 0,
            next_number: 0,
            numbers: BTreeMap::new(),
            parts: BTreeMap::new(),
            viewed: None,
            unplaced: BTreeSet::new(),
            refused: BTreeMap::new(),
            owners: BTreeMap::new(),
            registration: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn want(&mut self, named: Named, wanted: Wanted) -> PartNumber {
        if let Some(number) = self.numbers.get(&named).copied() {
            let cached = self.cached(number);
            if cached.wanted != wanted {
                cached.wanted = wanted;
                self.is_untold(number);
            }
            return number;
        }
        let number = PartNumber(self.next_number);
        self.next_number += 1;
        let order = self.last();
        self.numbers.insert(named.clone(), number);
        self.parts.insert(number, CachedPart { named, order, wanted, told: NOTHING_TOLD, owned: None });
        self.unplaced.insert(number);
        number
    }

    pub(super) fn forget(&mut self, named: &Named) {
        let Some(number) = self.numbers.remove(named) else { return };
        self.displace(number);
        self.unplaced.remove(&number);
        self.parts.remove(&number);
    }

    /// Notes what is answered and returns whether it must be. What had records goes last the next time.
    pub(super) fn update(&mut self, number: PartNumber, found: &FetchedPart) -> bool {
        let last = self.last();
        let cached = self.cached(number);
        let now = Told { high_watermark: found.high_watermark, log_start: found.log_start };
        let has_changed = cached.told != now;
        let has_records = found.bytes > 0;
        cached.told =
            if found.error == ErrorCode::NONE { now } else { Told { high_watermark: Offset(-1), ..now } };
        if has_records {
            let before = std::mem::replace(&mut cached.order, last);
            if let Some((shard, _)) = cached.owned {
                let owner = self.owners.entry(shard).or_default();
                owner.parts.remove(&(before, number));
                owner.parts.insert((last, number));
            }
        }
        if has_changed || has_records || found.error != ErrorCode::NONE {
            self.is_untold(number);
        }
        has_changed || has_records || found.error != ErrorCode::NONE || found.diverging.is_some()
    }

    /// What was found, in the session's order, with the partitions' names. What the session has forgotten meanwhile is left out.
    pub(super) fn in_order(&self, found: Vec<FetchedPart>) -> Vec<(Named, FetchedPart)> {
        let known = found.into_iter().filter_map(|part| Some((self.parts.get(&part.number)?, part)));
        let mut known: Vec<(&CachedPart, FetchedPart)> = known.collect();
        known.sort_by_key(|(cached, _)| cached.order);
        known.into_iter().map(|(cached, part)| (cached.named.clone(), part)).collect()
    }

    /// Finds the owners of the parts that are new, or of all if the view is another one. The errors are Kafka's.
    pub fn place(&mut self, view: View, find: impl Fn(&Named) -> Result<(ShardId, PartitionId), ErrorCode>) {
        let mut unplaced = std::mem::take(&mut self.unplaced);
        if self.viewed.replace(view) != Some(view) {
            unplaced = self.parts.keys().copied().collect();
        }
        for number in unplaced {
            let place = find(&self.parts[&number].named);
            if self.parts[&number].owned.is_some_and(|owned| place == Ok(owned)) {
                continue;
            }
            self.displace(number);
            match place {
                Ok((shard, partition)) => {
                    let cached = self.cached(number);
                    cached.owned = Some((shard, partition));
                    let order = cached.order;
                    let owner = self.owners.entry(shard).or_default();
                    owner.parts.insert((order, number));
                    owner.untold.insert(number);
                }
                Err(error) => {
                    self.refused.insert(number, error);
                }
            }
        }
    }

    /// Parts that no owner is asked for, and why.
    pub fn refused(&self) -> impl Iterator<Item = (PartNumber, ErrorCode)> {
        self.refused.iter().map(|(number, error)| (*number, *error))
    }

    /// For each owner what changed since it was last told, in the order of the owners' first parts. From now on it counts as told.
    pub fn changes(&mut self, registration: &SessionRegistration) -> Vec<(ShardId, Vec<PartChange>)> {
        let mut told = registration.told.borrow_mut();
        let mut changes = Vec::new();
        for (shard, owner) in &mut self.owners {
            let Some((first, _)) = owner.parts.first() else { continue };
            told.insert(*shard);
            let forgotten = owner.forgotten.drain(..).map(PartChange::Forget);
            let untold = std::mem::take(&mut owner.untold);
            let set = untold.iter().map(|number| self.parts[number].as_change(*number));
            changes.push((*first, *shard, forgotten.chain(set).collect()));
        }
        changes.sort_by_key(|(first, _, _)| *first);
        changes.into_iter().map(|(_, shard, changes)| (shard, changes)).collect()
    }

    /// The owners' knowledge of the session, for the time of a request. `anew` makes a new one if there is none.
    pub(super) fn take_registration(
        &mut self,
        anew: impl FnOnce() -> Rc<SessionRegistration>,
    ) -> Rc<SessionRegistration> {
        if let Some(registration) = self.registration.take() {
            return registration;
        }
        for owner in self.owners.values_mut() {
            owner.forgotten.clear();
            owner.untold = owner.parts.iter().map(|(_, number)| *number).collect();
        }
        anew()
    }

    pub(super) fn give_back(&mut self, registration: Rc<SessionRegistration>) {
        self.registration = Some(registration);
    }

    /// The owners forget the session; it goes on all the same if its client comes back.
    pub(super) fn unregister(&mut self) {
        self.registration = None;
    }

    fn cached(&mut self, number: PartNumber) -> &mut CachedPart {
        self.parts.get_mut(&number).expect("numbers are those of parts")
    }

    fn last(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order - 1
    }

    fn is_untold(&mut self, number: PartNumber) {
        if let Some((shard, _)) = self.parts[&number].owned {
            self.owners.entry(shard).or_default().untold.insert(number);
        }
    }

    /// Takes a part from its owner, if it has one.
    fn displace(&mut self, number: PartNumber) {
        self.refused.remove(&number);
        let cached = self.cached(number);
        let order = cached.order;
        let Some((shard, _)) = cached.owned.take() else { return };
        let owner = self.owners.entry(shard).or_default();
        owner.parts.remove(&(order, number));
        owner.untold.remove(&number);
        owner.forgotten.push(number);
    }

    /// Holds the invariants at the head of this module.
    pub(super) fn check(&self) {
        assert!(!self.parts.is_empty() && self.numbers.len() == self.parts.len());
        assert!(self.numbers.iter().all(|(named, number)| self.parts[number].named == *named));
        let orders: BTreeSet<u64> = self.parts.values().map(|cached| cached.order).collect();
        assert_eq!(orders.len(), self.parts.len());
        for (number, cached) in &self.parts {
            let is_waiting = self.refused.contains_key(number) || self.unplaced.contains(number);
            let is_owned = cached
                .owned
                .is_some_and(|(shard, _)| self.owners[&shard].parts.contains(&(cached.order, *number)));
            assert!(is_waiting != is_owned && is_owned == cached.owned.is_some(), "{number:?}: {cached:?}");
        }
        for (shard, owner) in &self.owners {
            assert!(
                owner
                    .parts
                    .iter()
                    .all(|(_, number)| self.parts[number].owned.is_some_and(|at| at.0 == *shard))
            );
            assert!(
                owner.untold.iter().all(|number| owner.parts.contains(&(self.parts[number].order, *number)))
            );
        }
    }
}

impl CachedPart {
    fn as_change(&self, number: PartNumber) -> PartChange {
        let (_, partition) = self.owned.expect("only an owner is told of a part");
        PartChange::Set { order: self.order, part: self.wanted.of(number, partition), told: self.told }
    }
}

impl Wanted {
    pub fn of(self, number: PartNumber, partition: PartitionId) -> FetchPart {
        FetchPart {
            number,
            partition,
            offset: self.offset,
            max_bytes: self.max_bytes,
            current_leader_epoch: self.current_leader_epoch,
            last_fetched_epoch: self.last_fetched_epoch,
        }
    }
}

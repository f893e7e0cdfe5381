//! Fetch sessions as this owner knows them (KIP-227): a session of a connection's shard stands here with the partitions it
//! fetches of this shard, and a fetch looks only at those that have news.
//!
//! What a session fetches, and what it was told last, is the connection's shard's to say, with each request: what came of an answer that
//! was given up on its way is not known here. What has news is this shard's to know.
//!
//! Invariants:
//! - every part is in `news`, or is watched for by its replica, which tells of it once; both while a fetch of the session is parked
//! - `news` names parts of the registration, each by its present order
//! - a replica is watched for registered parts only

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use logan_storage::planted;

use super::owner::Owner;
use crate::mail::{FetchOf, FetchPart, FetchedPart, PartChange, Told};
use crate::model::{ErrorCode, PartNumber, RegistrationId};
use crate::partition::NewsTicket;

#[derive(Default)]
pub(super) struct RegisteredSession {
    parts: BTreeMap<PartNumber, RegisteredPart>,
    /// In the order in which the session's parts are answered.
    news: BTreeSet<(u64, PartNumber)>,
    /// The number of the fetch that waits for more.
    parked: Option<u64>,
    /// The last fetch wanted committed records only. What is news to such a fetch and what is to others differs.
    committed: bool,
}

struct RegisteredPart {
    order: u64,
    part: FetchPart,
    told: Told,
}

impl RegisteredPart {
    /// Whether the session must be told of what was found.
    fn is_news(&self, found: &FetchedPart) -> bool {
        let told = Told { high_watermark: found.high_watermark, log_start: found.log_start };
        // What is ready for readers of committed records is not known before it is known what is stable.
        let is_said =
            found.error != ErrorCode::NONE || found.diverging.is_some() || found.is_stable_unknown();
        found.ready > 0 || is_said || told != self.told
    }
}

impl RegisteredSession {
    fn mark(&mut self, number: PartNumber) {
        if let Some(standing) = self.parts.get(&number) {
            self.news.insert((standing.order, number));
        }
    }

    /// The parts to look at, in order.
    fn with_news(&self) -> Vec<FetchPart> {
        self.news.iter().map(|(_, number)| self.parts[number].part).collect()
    }
}

impl Owner {
    /// Takes in what changed of a session; the first time, all of it.
    pub(super) fn register(&self, id: RegistrationId, changes: Vec<PartChange>, committed: bool) {
        let mut registrations = self.registrations.borrow_mut();
        let registration = registrations.entry(id).or_default();
        if std::mem::replace(&mut registration.committed, committed) != committed {
            let all = registration.parts.iter();
            registration.news.extend(all.map(|(number, standing)| (standing.order, *number)));
        }
        for change in changes {
            match change {
                PartChange::Set { order, part, told } => {
                    let standing = RegisteredPart { order, part, told };
                    if let Some(before) = registration.parts.insert(part.number, standing) {
                        registration.news.remove(&(before.order, part.number));
                    }
                    // It is looked at, and watched for again if it has none.
                    registration.news.insert((order, part.number));
                }
                PartChange::Forget(number) => {
                    if let Some(gone) = registration.parts.remove(&number) {
                        registration.news.remove(&(gone.order, number));
                        self.unwatch(&gone.part, NewsTicket { registration: id, part: number });
                    }
                }
            }
        }
    }

    /// Its session ended, or lost its connection.
    pub fn on_unregister(self: &Rc<Self>, id: RegistrationId) {
        if let Some(number) = self.parked_of(id) {
            // Nobody waits for it any more, but the asker's call is open until it is answered.
            self.unpark_and_answer(number);
        }
        let Some(registration) = self.registrations.borrow_mut().remove(&id) else { return };
        for (number, standing) in registration.parts {
            self.unwatch(&standing.part, NewsTicket { registration: id, part: number });
        }
    }

    fn unwatch(&self, part: &FetchPart, ticket: NewsTicket) {
        if let Some(hosted) = self.hosted(part.partition) {
            hosted.replica.borrow_mut().unwatch(ticket);
        }
    }

    /// Something happened at a partition of a session.
    pub(super) fn on_news(self: &Rc<Self>, ticket: NewsTicket) {
        let parked = {
            let mut registrations = self.registrations.borrow_mut();
            let Some(registration) = registrations.get_mut(&ticket.registration) else { return };
            if planted(self.mutations.forget_news) {
                return self.watch(&registration.parts[&ticket.part].part, ticket.registration);
            }
            registration.mark(ticket.part);
            registration.parked
        };
        if let Some(number) = parked.filter(|_| !planted(self.mutations.let_fetches_sleep)) {
            self.look_again(number);
        }
    }

    /// The parts that may have news.
    pub(super) fn parts_with_news(&self, id: RegistrationId) -> Vec<FetchPart> {
        let registrations = self.registrations.borrow();
        registrations.get(&id).map_or_else(Vec::new, RegisteredSession::with_news)
    }

    /// Looks at a session's parts that may have news. Those that have none are watched for, and left out.
    pub(super) fn look_at_news(
        &self,
        id: RegistrationId,
        committed: bool,
    ) -> (Vec<FetchPart>, Vec<FetchedPart>) {
        let mut registrations = self.registrations.borrow_mut();
        let Some(registration) = registrations.get_mut(&id) else { return (Vec::new(), Vec::new()) };
        let (mut parts, mut found) = (Vec::new(), Vec::new());
        for part in registration.with_news() {
            let standing = &registration.parts[&part.number];
            let fetched = FetchedPart { order: standing.order, ..self.check_part(&part, committed) };
            if standing.is_news(&fetched) {
                parts.push(part);
                found.push(fetched);
            } else {
                registration.news.remove(&(standing.order, part.number));
                self.watch(&part, id);
            }
        }
        (parts, found)
    }

    /// While its fetch is parked, a session is told of whatever happens, news or not.
    pub(super) fn watch_all_news(&self, id: RegistrationId) {
        for part in self.parts_with_news(id) {
            self.watch(&part, id);
        }
    }

    fn watch(&self, part: &FetchPart, registration: RegistrationId) {
        // What is not hosted here is news at every look.
        let Some(hosted) = self.hosted(part.partition) else { return };
        hosted.replica.borrow_mut().watch(NewsTicket { registration, part: part.number });
    }

    /// Whether what is fetched stands here: partitions always do, a session only until it ends.
    pub(super) fn is_registered(&self, of: &FetchOf) -> bool {
        match of {
            FetchOf::Parts(_) => true,
            FetchOf::Session(id, _) => self.registrations.borrow().contains_key(id),
        }
    }

    /// The session's fetch that waits for more.
    pub(super) fn parked_of(&self, id: RegistrationId) -> Option<u64> {
        self.registrations.borrow().get(&id)?.parked
    }

    pub(super) fn set_parked(&self, id: RegistrationId, parked: Option<u64>) {
        if let Some(registration) = self.registrations.borrow_mut().get_mut(&id) {
            registration.parked = parked;
        }
    }

    /// Holds the invariants at the head of this module.
    pub(super) fn check_registration(&self, id: RegistrationId) {
        let registrations = self.registrations.borrow();
        let Some(registration) = registrations.get(&id) else { return };
        for (number, standing) in &registration.parts {
            let ticket = NewsTicket { registration: id, part: *number };
            let is_watched = self
                .hosted(standing.part.partition)
                .is_some_and(|hosted| hosted.replica.borrow().is_watched_by(ticket));
            let is_news = registration.news.contains(&(standing.order, *number));
            assert!(is_news || is_watched, "{id:?}: nobody tells of {:?}", standing.part);
            assert!(
                is_watched || registration.parked.is_none(),
                "{id:?}: {:?} is not watched",
                standing.part
            );
        }
        assert!(registration.news.len() <= registration.parts.len(), "{id:?}: news of what is not fetched");
    }
}

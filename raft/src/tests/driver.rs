//! The shell around a sole voter.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::memory::{MemoryDirectory, seeded};
use crate::{
    Clock, Committed, Event, Events, Identity, Limits, Member, Opened, Peers, Position, ProposeError, Quorum,
    QuorumError, SnapshotError, open,
};

/// A lone node has no timer and no peer.
struct Nothing;

impl Clock for Nothing {
    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        panic!("a lone node slept for {duration:?}");
    }
}

impl Peers for Nothing {
    fn send(&self, to: u64, _frame: Bytes) {
        panic!("a lone node wrote to {to}");
    }
}

/// A driver and its user, polled by hand.
struct Running {
    quorum: Quorum,
    events: Events,
    driver: LocalBoxFuture<'static, Result<(), QuorumError>>,
    recovered: crate::Recovered,
}

fn start_with(directory: &MemoryDirectory, limits: Limits) -> Running {
    let identity = Identity { node_id: 0, directory_id: [3; 16] };
    let opening = open(Rc::new(directory.clone()), identity, true, limits, Box::new(seeded(1)));
    let Opened { quorum, recovered, events, driver } =
        opening.now_or_never().expect("nothing waits").expect("a good log");
    Running {
        quorum,
        events,
        driver: driver.run(Rc::new(Nothing), Rc::new(Nothing)).boxed_local(),
        recovered,
    }
}

fn start(directory: &MemoryDirectory) -> Running {
    let mut running = start_with(directory, Limits::standard());
    assert_eq!(running.turn(), Poll::Pending);
    running
}

impl Running {
    fn turn(&mut self) -> Poll<Result<(), QuorumError>> {
        self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn ask<T>(&mut self, asked: impl Future<Output = T>) -> T {
        let mut asked = Box::pin(asked);
        for _ in 0..3 {
            if let Poll::Ready(answer) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return answer;
            }
            let _ = self.turn();
        }
        panic!("no answer");
    }

    fn propose(&mut self, data: &'static str) -> Result<Position, ProposeError> {
        let quorum = self.quorum.clone();
        self.ask(async move { quorum.propose(Bytes::from_static(data.as_bytes())).await })
    }

    fn snapshot(&mut self, index: u64, data: &'static str) -> Result<(), SnapshotError> {
        let quorum = self.quorum.clone();
        self.ask(async move { quorum.snapshot(index, Bytes::from_static(data.as_bytes())).await })
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_next()).collect()
    }
}

fn committed(term: u64, index: u64, data: &'static str) -> Event {
    Event::Committed(Committed { term, index, data: Bytes::from_static(data.as_bytes()) })
}

#[test]
fn a_sole_voter_leads_at_once_and_commits_what_is_proposed() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    assert_eq!(running.recovered.snapshot, None);
    assert_eq!(running.events(), [committed(2, 2, ""), Event::Leading { term: 2 }]);
    assert_eq!(running.propose("a"), Ok(Position { term: 2, index: 3 }));
    assert_eq!(running.propose("b"), Ok(Position { term: 2, index: 4 }));
    assert_eq!(running.turn(), Poll::Pending);
    assert_eq!(running.events(), [committed(2, 3, "a"), committed(2, 4, "b")]);
    let status = running.quorum.status();
    assert_eq!((status.leader, status.commit, status.applied), (Some(status.id), 4, 4));
    assert_eq!(status.voters, [Member { id: status.id, last_index: Some(4) }]);
    running.quorum.stop();
    assert_eq!(running.turn(), Poll::Ready(Ok(())));
    let quorum = running.quorum.clone();
    assert_eq!(quorum.propose(Bytes::new()).now_or_never(), Some(Err(ProposeError::Stopped)));
}

#[test]
fn proposals_that_wait_together_are_one_write() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    running.events();
    let before = directory.operations();
    let waker = Waker::noop();
    let proposals: Vec<_> = (0..50)
        .map(|_| {
            let quorum = running.quorum.clone();
            let mut proposal = Box::pin(async move { quorum.propose(Bytes::from_static(b"x")).await });
            assert!(proposal.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
            proposal
        })
        .collect();
    let _ = running.turn();
    assert!(proposals.into_iter().all(|proposal| matches!(proposal.now_or_never(), Some(Ok(_)))));
    assert_eq!(running.events().len(), 50);
    assert_eq!(directory.operations() - before, 2, "one write and one sync");
}

#[test]
fn a_start_brings_back_the_snapshot_and_everything_after_it() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    for data in ["a", "b", "c"] {
        running.propose(data).expect("a leader");
    }
    assert_eq!(running.snapshot(4, "a and b"), Ok(()));
    assert_eq!(running.snapshot(4, "again"), Ok(()), "nothing to do");
    assert_eq!(running.snapshot(9, "?"), Err(SnapshotError::NotCommitted { index: 9 }));
    running.propose("d").expect("a leader");
    // Nobody stops it: the process is killed.
    let mut running = start(&directory);
    assert_eq!(running.recovered.snapshot, Some((4, Bytes::from_static(b"a and b"))));
    let known: Vec<Event> = running.recovered.committed.iter().cloned().map(Event::Committed).collect();
    assert_eq!(known, [committed(2, 5, "c"), committed(2, 6, "d")], "the only voter decided them");
    assert_eq!(running.events(), [committed(3, 7, ""), Event::Leading { term: 3 }]);
    assert_eq!(running.quorum.status().snapshot_index, 4);
}

#[test]
fn a_snapshot_is_asked_for_once_by_size() {
    let directory = MemoryDirectory::default();
    let limits = Limits { snapshot_after_bytes: 300, ..Limits::standard() };
    let mut running = start_with(&directory, limits);
    let _ = running.turn();
    let due = |events: Vec<Event>| events.iter().filter(|e| matches!(e, Event::SnapshotDue { .. })).count();
    for _ in 0..10 {
        running.propose("twenty bytes of data").expect("a leader");
    }
    assert_eq!(running.turn(), Poll::Pending);
    assert_eq!(due(running.events()), 1);
    assert_eq!(running.snapshot(12, "state"), Ok(()));
    for _ in 0..10 {
        running.propose("twenty bytes of data").expect("a leader");
    }
    assert_eq!(running.turn(), Poll::Pending);
    assert_eq!(due(running.events()), 1);
}

#[test]
fn what_is_too_large_is_refused_and_a_failed_disk_ends_it() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    let quorum = running.quorum.clone();
    let large = Bytes::from(vec![0; crate::MAX_PROPOSAL_BYTES + 1]);
    let refused = running.ask(async move { quorum.propose(large).await });
    assert_eq!(refused, Err(ProposeError::TooLarge { length: crate::MAX_PROPOSAL_BYTES + 1 }));
    running.events();
    directory.stop_after(1);
    let quorum = running.quorum.clone();
    let mut proposal = Box::pin(async move { quorum.propose(Bytes::from_static(b"lost")).await });
    assert!(proposal.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(matches!(running.turn(), Poll::Ready(Err(QuorumError::Log(_)))));
    assert_eq!(running.events(), [], "nothing was committed");
}

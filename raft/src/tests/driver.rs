//! The shell around a sole voter.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::memory::{MemoryDirectory, seeded};
use crate::log::LogError;
use crate::{
    Clock, Committed, Event, Events, Identity, Limits, Member, Need, OpenedQuorum, Peers, Position,
    ProposeError, Quorum, QuorumError, SnapshotError, open,
};

/// A lone node has no peer.
struct Nothing;

/// Time passes by hand.
#[derive(Default)]
struct HandClock(RefCell<Vec<oneshot::Sender<()>>>);

impl HandClock {
    /// Who sleeps wakes up. Whether anybody did.
    fn tick(&self) -> bool {
        let woken = self.0.take().into_iter().map(|sleeper| sleeper.send(()));
        woken.flatten().count() > 0
    }
}

impl Clock for HandClock {
    fn sleep(&self, _duration: Duration) -> LocalBoxFuture<'static, ()> {
        let (sender, receiver) = oneshot::channel();
        self.0.borrow_mut().push(sender);
        receiver.map(|woken| woken.expect("the clock outlives its sleepers")).boxed_local()
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
    clock: Rc<HandClock>,
}

fn start_with(directory: &MemoryDirectory, limits: Limits) -> Running {
    let identity = Identity { node_id: 0, directory_id: [3; 16] };
    let opening = open(Rc::new(directory.clone()), identity, true, limits, Box::new(seeded(1)));
    let OpenedQuorum { quorum, recovered, events, driver } =
        opening.now_or_never().expect("nothing waits").expect("a good log");
    let clock = Rc::new(HandClock::default());
    let driver = driver.run(clock.clone(), Rc::new(Nothing)).boxed_local();
    Running { quorum, events, driver, recovered, clock }
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
        self.propose_for(Need::Growth, data)
    }

    fn propose_for(&mut self, need: Need, data: &'static str) -> Result<Position, ProposeError> {
        let quorum = self.quorum.clone();
        self.ask(async move { quorum.propose(Bytes::from_static(data.as_bytes()), need).await })
    }

    fn snapshot(&mut self, index: u64, data: &'static str) -> Result<(), SnapshotError> {
        let quorum = self.quorum.clone();
        self.ask(async move { quorum.snapshot(index, Bytes::from_static(data.as_bytes())).await })
    }

    /// Some time passes. Whether the driver slept for it.
    fn tick(&mut self) -> bool {
        let slept = self.clock.tick();
        assert_eq!(self.turn(), Poll::Pending);
        slept
    }

    fn stop(&mut self) {
        let quorum = self.quorum.clone();
        let mut stopping = Box::pin(async move { quorum.stop().await });
        let context = &mut Context::from_waker(Waker::noop());
        assert_eq!(stopping.as_mut().poll(context), Poll::Pending);
        assert_eq!(self.turn(), Poll::Ready(Ok(())));
        assert_eq!(stopping.as_mut().poll(context), Poll::Ready(()));
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
    running.stop();
    let quorum = running.quorum.clone();
    assert_eq!(quorum.propose(Bytes::new(), Need::Start).now_or_never(), Some(Err(ProposeError::Stopped)));
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
            let mut proposal =
                Box::pin(async move { quorum.propose(Bytes::from_static(b"x"), Need::Growth).await });
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

/// Whether a bit that turns over in what was decided last, while the node is down, keeps it from starting. If not, the decision is gone.
fn is_last_decision_safe(directory: &MemoryDirectory) -> bool {
    let [name] = directory.names().try_into().expect("a log");
    let mut content = directory.content(&name);
    let at = content.windows(8).rposition(|bytes| bytes == b"decision").expect("it is in the log");
    content[at] ^= 1;
    let identity = Identity { node_id: 0, directory_id: [3; 16] };
    let damaged = Rc::new(directory.with(&name, &content));
    match open(damaged, identity, false, Limits::standard(), Box::new(seeded(2))).now_or_never() {
        Some(Err(QuorumError::Log(LogError::Damaged { path, .. }))) => path.ends_with(&name),
        Some(Ok(opened)) => {
            let is_there = |entry: &Committed| entry.data == b"decision"[..];
            assert!(!opened.recovered.committed.iter().any(is_there), "the damage was not seen");
            false
        }
        other => panic!("{:?}", other.map(|opened| opened.map(|opened| opened.recovered))),
    }
}

#[test]
fn a_lone_node_covers_its_last_decision_when_idle_and_then_sleeps() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    running.propose("decision").expect("a leader");
    let appended = directory.operations();
    assert!(running.tick(), "an uncovered log is waited for");
    assert_eq!(directory.operations(), appended, "it was not idle from one tick to the next");
    assert!(!is_last_decision_safe(&directory), "the window that the README tells of");
    assert!(running.tick());
    assert_eq!(directory.operations() - appended, 2, "one write and one sync");
    assert!(is_last_decision_safe(&directory));
    assert!(!running.tick(), "there is nothing to wake up for");
    assert_eq!(running.propose("next"), Ok(Position { term: 2, index: 4 }));
    assert!(running.tick() && running.tick() && !running.tick());
    assert_eq!(running.events().len(), 4);
}

#[test]
fn a_busy_node_writes_no_covers() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    let before = directory.operations();
    for _ in 0..10 {
        running.propose("more").expect("a leader");
        assert!(running.tick());
    }
    assert_eq!(directory.operations() - before, 20, "each append is one write and one sync");
}

#[test]
fn an_orderly_stop_and_the_next_start_leave_no_decision_uncovered() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    running.propose("decision").expect("a leader");
    assert!(!is_last_decision_safe(&directory));
    running.stop();
    assert!(is_last_decision_safe(&directory));
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    running.propose("decision").expect("a leader");
    // It is killed; the next start begins a term behind what it finds.
    drop(running);
    start(&directory);
    assert!(is_last_decision_safe(&directory));
}

#[test]
fn a_snapshot_is_asked_for_by_size_and_again_after_as_much_more() {
    let directory = MemoryDirectory::default();
    let limits = Limits { snapshot_after_bytes: 500, ..Limits::standard() };
    let mut running = start_with(&directory, limits);
    let _ = running.turn();
    let due = |events: Vec<Event>| events.iter().filter(|e| matches!(e, Event::SnapshotDue { .. })).count();
    let propose = |running: &mut Running, times| {
        for _ in 0..times {
            running.propose("twenty bytes of data").expect("a leader");
        }
        assert_eq!(running.turn(), Poll::Pending);
        due(running.events())
    };
    assert_eq!(propose(&mut running, 7), 1);
    assert_eq!(propose(&mut running, 7), 1, "the first one came to nothing");
    assert_eq!(running.snapshot(16, "state"), Ok(()));
    assert_eq!(propose(&mut running, 5), 0);
    assert_eq!(propose(&mut running, 2), 1);
}

#[test]
fn a_log_whose_snapshots_fail_takes_no_more_proposals_and_can_be_read_and_cut() {
    let directory = MemoryDirectory::default();
    let limits = Limits { snapshot_after_bytes: 500, full_log_bytes: 2_000, ..Limits::standard() };
    let mut running = start_with(&directory, limits.clone());
    let _ = running.turn();
    let mut taken = 0;
    let refused = loop {
        match running.propose("twenty bytes of data") {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, ProposeError::LogFull { length: 2_000..2_200 }), "{refused}");
    assert!(taken > 10, "{taken}");
    assert_eq!(running.turn(), Poll::Pending, "it runs on");
    drop(running);
    let mut running = start_with(&directory, limits);
    assert_eq!(running.recovered.committed.len(), taken + 1);
    let _ = running.turn();
    let events = running.events();
    assert!(matches!(events[0], Event::SnapshotDue { .. }), "before anybody proposes: {events:?}");
    assert!(matches!(running.propose("x"), Err(ProposeError::LogFull { .. })));
    // What a start needs goes on longest, and what gives room back longer than what only adds.
    for (need, full) in [(Need::Relief, 4_000), (Need::Start, 8_000)] {
        let refused = loop {
            if let Err(refused) = running.propose_for(need, "twenty bytes of data") {
                break refused;
            }
        };
        assert!(matches!(refused, ProposeError::LogFull { length } if (full..full + 200).contains(&length)));
    }
    assert_eq!(running.turn(), Poll::Pending, "it runs on");
    let last = running.quorum.status().applied;
    assert_eq!(running.snapshot(last, "state"), Ok(()));
    running.propose("x").expect("there is room");
}

/// How many proposals are taken until one is refused, and why that is.
fn until_refused(running: &mut Running, need: Need) -> (usize, ProposeError) {
    for taken in 0.. {
        if let Err(refused) = running.propose_for(need, "twenty bytes of data") {
            return (taken, refused);
        }
    }
    unreachable!("it is refused some time")
}

#[test]
fn a_full_disk_refuses_what_only_adds_first_and_ends_nothing() {
    let directory = MemoryDirectory::default();
    let limits = Limits { reserve_bytes: 16_000, ..Limits::standard() };
    let mut running = start_with(&directory, limits.clone());
    let _ = running.turn();
    running.propose("decision").expect("a leader");
    directory.leave(Some(1_000));
    let (_, refused) = until_refused(&mut running, Need::Growth);
    assert!(matches!(refused, ProposeError::NoSpace { left: 16_000..16_200 }), "{refused}");
    assert!(running.tick() && running.tick(), "a cover is written");
    assert!(!running.tick());
    let (deleted, refused) = until_refused(&mut running, Need::Relief);
    assert!(deleted > 20 && matches!(refused, ProposeError::NoSpace { left: 8_000..8_200 }), "{refused}");
    // The next start finds what it needs: raft's own entry, and the registration.
    drop(running);
    let mut running = start_with(&directory, limits);
    let _ = running.turn();
    assert!(matches!(running.propose("more"), Err(ProposeError::NoSpace { .. })));
    assert!(matches!(running.propose_for(Need::Relief, "more"), Err(ProposeError::NoSpace { .. })));
    running.propose_for(Need::Start, "registration").expect("there is room for a start");
    assert!(running.tick() && running.tick() && !running.tick(), "no cover, and it is not tried again");
    let (_, refused) = until_refused(&mut running, Need::Start);
    assert!(matches!(refused, ProposeError::NoSpace { left: 1_000..1_200 }), "{refused}");
    // Room is there again, and that is all it takes.
    directory.leave(None);
    running.propose("more").expect("there is room");
    assert!(running.tick() && running.tick() && !running.tick());
}

#[test]
fn proposals_that_wait_together_have_room_together() {
    let directory = MemoryDirectory::default();
    let limits = Limits { reserve_bytes: 16_000, ..Limits::standard() };
    let mut running = start_with(&directory, limits);
    let _ = running.turn();
    directory.leave(Some(0));
    let proposals: Vec<_> = (0..300)
        .map(|_| {
            let quorum = running.quorum.clone();
            let data = Bytes::from_static(b"twenty bytes of data");
            let mut proposal = Box::pin(async move { quorum.propose(data, Need::Start).await });
            assert!(proposal.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            proposal
        })
        .collect();
    assert_eq!(running.turn(), Poll::Pending, "it runs on");
    let answers: Vec<_> =
        proposals.into_iter().map(|proposal| proposal.now_or_never().expect("done")).collect();
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((200..300).contains(&taken), "{taken}");
    assert!(answers[taken..].iter().all(|answer| matches!(answer, Err(ProposeError::NoSpace { .. }))));
    assert_eq!(running.events().len(), 2 + taken);
}

#[test]
fn a_snapshot_for_which_there_was_no_space_is_asked_for_again() {
    let directory = MemoryDirectory::default();
    let limits = Limits { reserve_bytes: 1_000, snapshot_retry_ticks: 5, ..Limits::standard() };
    let mut running = start_with(&directory, limits);
    let _ = running.turn();
    let Position { index, .. } = running.propose("a").expect("a leader");
    directory.leave(Some(10));
    for _ in 0..2 {
        assert!(matches!(running.snapshot(index, "state"), Err(SnapshotError::NoSpace { .. })));
        running.events();
        assert!((0..5).all(|_| running.tick()));
        assert!(matches!(running.events()[..], [Event::SnapshotDue { .. }]));
    }
    directory.leave(None);
    assert_eq!(running.snapshot(index, "state"), Ok(()));
    assert!((0..9).any(|_| !running.tick()), "it sleeps again");
    assert_eq!(running.events(), []);
}

#[test]
fn what_is_too_large_is_refused_and_a_failed_disk_ends_it() {
    let directory = MemoryDirectory::default();
    let mut running = start(&directory);
    let quorum = running.quorum.clone();
    let large = Bytes::from(vec![0; crate::MAX_PROPOSAL_BYTES + 1]);
    let refused = running.ask(async move { quorum.propose(large, Need::Start).await });
    assert_eq!(refused, Err(ProposeError::TooLarge { length: crate::MAX_PROPOSAL_BYTES + 1 }));
    running.events();
    directory.stop_after(1);
    let quorum = running.quorum.clone();
    let mut proposal =
        Box::pin(async move { quorum.propose(Bytes::from_static(b"lost"), Need::Growth).await });
    assert!(proposal.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(matches!(running.turn(), Poll::Ready(Err(QuorumError::Log(_)))));
    assert_eq!(running.events(), [], "nothing was committed");
}

use std::collections::BTreeSet;

use super::*;
use crate::mail::PartChange;
use crate::model::{ImageVersion, PartNumber, PartitionId, PartitionIndex};

const CONNECTION: u64 = 7;

fn named(partition: i32) -> Named {
    Named { topic_id: Uuid([1; 16]), topic: "".into(), partition }
}

fn wanted(offset: i64) -> Wanted {
    let none = LeaderEpoch(-1);
    Wanted { offset: Offset(offset), max_bytes: 100, current_leader_epoch: none, last_fetched_epoch: none }
}

fn asked(session: i32, epoch: i32, parts: &[(i32, i64)]) -> SessionRequest {
    let parts = parts.iter().map(|(partition, offset)| (named(*partition), wanted(*offset))).collect();
    SessionRequest { session, epoch, by_id: true, parts, forgotten: Vec::new() }
}

fn found(number: u64, high_watermark: i64, bytes: u64) -> FetchedPart {
    let (number, high_watermark) = (PartNumber(number), Offset(high_watermark));
    FetchedPart { number, high_watermark, log_start: Offset(0), bytes, ..FetchedPart::default() }
}

fn sessions() -> Sessions {
    Sessions::new(ShardId(1), 2, 10)
}

/// Begins a session of partitions 0 and 1, which are told to have the watermark 5.
fn open(sessions: &mut Sessions, now_ms: i64) -> i32 {
    let Ok(Begun::Parts(full)) = sessions.begin(now_ms, CONNECTION, asked(0, 0, &[(0, 0), (1, 0)])) else {
        panic!("a full fetch");
    };
    let mut number = 76;
    let random = || {
        number += 1;
        number
    };
    let said = sessions.finish_full(now_ms, CONNECTION, full, vec![found(1, 5, 0), found(0, 5, 0)], random);
    let mentioned: Vec<i32> = said.mentioned.iter().map(|(named, _)| named.partition).collect();
    assert_eq!(mentioned, [0, 1], "all, in the order of the request");
    said.session
}

/// Begins a request of a session; all its partitions lie on shard 1 if the image has them.
fn begin(sessions: &mut Sessions, asked: SessionRequest, image: (u64, &[i32])) -> Incremental {
    let Ok(Begun::Session(of)) = sessions.begin(1, CONNECTION, asked) else { panic!("the session is known") };
    let view = View { version: ImageVersion(image.0), is_consumer: true };
    of.session.borrow_mut().place(view, |named| {
        let id = PartitionId { topic: named.topic_id, index: PartitionIndex(named.partition) };
        image.1.contains(&named.partition).then_some((ShardId(1), id)).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    });
    of
}

const IMAGE: (u64, &[i32]) = (1, &[0, 1, 2]);

/// What the owner is told now: numbers and offsets of what is set, and numbers of what is forgotten.
fn told(of: &Incremental) -> (Vec<(u64, i64)>, Vec<u64>) {
    let (mut set, mut forgotten) = (Vec::new(), Vec::new());
    for (shard, changes) in of.session.borrow_mut().changes(&of.registration) {
        assert_eq!(shard, ShardId(1));
        for change in changes {
            match change {
                PartChange::Set { part, .. } => set.push((part.number.0, part.offset.0)),
                PartChange::Forget(number) => forgotten.push(number.0),
            }
        }
    }
    (set, forgotten)
}

fn finish(sessions: &mut Sessions, of: Incremental, found: Vec<FetchedPart>) -> Vec<i32> {
    let said = sessions.finish_incremental(of, found).expect("nobody came between");
    said.mentioned.iter().map(|(named, _)| named.partition).collect()
}

#[test]
fn an_answer_mentions_what_changed_and_the_busy_go_last() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    assert_eq!(id % 2, 1);
    let of = begin(&mut sessions, asked(id, 1, &[]), IMAGE);
    assert_eq!(finish(&mut sessions, of, vec![found(0, 5, 0), found(1, 5, 0)]), []);
    let of = begin(&mut sessions, asked(id, 2, &[(0, 3)]), IMAGE);
    assert_eq!(finish(&mut sessions, of, vec![found(0, 6, 9), found(1, 5, 0)]), [0]);
    let of = begin(&mut sessions, asked(id, 3, &[]), IMAGE);
    assert_eq!(finish(&mut sessions, of, vec![found(0, 7, 0), found(1, 6, 0)]), [1, 0]);
    sessions.check();
}

#[test]
fn owners_are_told_all_once_and_then_what_changes() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let of = begin(&mut sessions, asked(id, 1, &[]), IMAGE);
    assert_eq!(told(&of), (vec![(0, 0), (1, 0)], vec![]));
    assert_eq!(finish(&mut sessions, of, vec![]), []);
    let of = begin(&mut sessions, asked(id, 2, &[]), IMAGE);
    assert_eq!(told(&of), (vec![], vec![]));
    finish(&mut sessions, of, vec![found(1, 6, 9)]);
    // The client has not said that it has them: they are asked for from where it was, and the partition goes last.
    let of = begin(&mut sessions, asked(id, 3, &[]), IMAGE);
    assert_eq!(told(&of), (vec![(1, 0)], vec![]));
    finish(&mut sessions, of, vec![]);
    let forget = SessionRequest { forgotten: vec![named(0)], ..asked(id, 4, &[(1, 6), (2, 0)]) };
    let of = begin(&mut sessions, forget, IMAGE);
    assert_eq!(told(&of), (vec![(1, 6), (2, 0)], vec![0]));
    finish(&mut sessions, of, vec![]);
    assert_eq!(sessions.take_ended(), []);
    sessions.check();
}

#[test]
fn another_image_takes_partitions_from_their_owners_and_gives_them_back() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let of = begin(&mut sessions, asked(id, 1, &[]), IMAGE);
    told(&of);
    finish(&mut sessions, of, vec![]);
    let of = begin(&mut sessions, asked(id, 2, &[]), (2, &[1]));
    assert_eq!(told(&of), (vec![], vec![0]));
    let refused: Vec<_> = of.session.borrow().refused().collect();
    assert_eq!(refused, [(PartNumber(0), ErrorCode::UNKNOWN_TOPIC_ID)]);
    finish(&mut sessions, of, vec![]);
    let of = begin(&mut sessions, asked(id, 3, &[]), (3, &[0, 1]));
    assert_eq!(told(&of), (vec![(0, 0)], vec![]));
    assert_eq!(of.session.borrow().refused().count(), 0);
    finish(&mut sessions, of, vec![]);
    sessions.check();
}

#[test]
fn a_registration_ends_with_its_session_its_connection_or_a_request_that_was_given_up() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let mut epoch = 0;
    let mut fetch = |sessions: &mut Sessions| {
        epoch += 1;
        let of = begin(sessions, asked(id, epoch, &[]), IMAGE);
        let told = told(&of).0.len();
        (of, told)
    };
    let id_of = |number| (ShardId(1), RegistrationId { shard: ShardId(1), number });
    let (of, told) = fetch(&mut sessions);
    assert_eq!(told, 2);
    finish(&mut sessions, of, vec![]);
    // Its connection ends, and another goes on with the session.
    sessions.leave(CONNECTION + 1);
    assert_eq!(sessions.take_ended(), []);
    sessions.leave(CONNECTION);
    assert_eq!(sessions.take_ended(), [id_of(1)]);
    let (of, told) = fetch(&mut sessions);
    assert_eq!(told, 2, "all is told anew");
    // The request is given up: nobody knows what reached the owners.
    drop(of);
    assert_eq!(sessions.take_ended(), [id_of(2)]);
    let (of, told) = fetch(&mut sessions);
    assert_eq!(told, 2);
    // The session ends while a request of it is under way, which is answered all the same.
    sessions.begin(2, CONNECTION, asked(id, -1, &[])).expect("any session may be ended");
    assert_eq!(sessions.take_ended(), []);
    assert_eq!(finish(&mut sessions, of, vec![found(0, 6, 1)]), [0]);
    assert_eq!(sessions.take_ended(), [id_of(3)]);
}

#[test]
fn of_two_requests_of_one_session_at_a_time_the_first_is_refused() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let first = begin(&mut sessions, asked(id, 1, &[]), IMAGE);
    let second = begin(&mut sessions, asked(id, 2, &[]), IMAGE);
    assert_eq!(told(&first).0.len() + told(&second).0.len(), 2, "the second begins anew");
    let refused = sessions.finish_incremental(first, vec![]).expect_err("another came");
    assert_eq!(refused, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    assert_eq!(finish(&mut sessions, second, vec![found(0, 6, 1)]), [0]);
    sessions.check();
}

#[test]
fn wrong_ids_and_epochs_are_refused() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let mut refusal = |asked| sessions.begin(0, CONNECTION, asked).expect_err("refused");
    assert_eq!(refusal(asked(id + 1, 1, &[])), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(refusal(asked(id, 2, &[])), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    let by_name = SessionRequest { by_id: false, ..asked(id, 1, &[]) };
    assert_eq!(refusal(by_name), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
}

#[test]
fn a_session_that_forgets_everything_ends() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    // What is wanted and forgotten at once is forgotten.
    let forget = SessionRequest { forgotten: vec![named(0), named(1), named(2)], ..asked(id, 1, &[(2, 0)]) };
    let Ok(Begun::Parts(full)) = sessions.begin(0, CONNECTION, forget) else { panic!("no session is left") };
    assert_eq!(sessions.finish_full(0, CONNECTION, full, vec![], || 0).session, 0);
    let refused = sessions.begin(0, CONNECTION, asked(id, 2, &[])).expect_err("no session is left");
    assert_eq!(refused, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn only_a_session_long_unused_makes_room() {
    let mut sessions = Sessions::new(ShardId(0), 1, 1);
    assert_ne!(open(&mut sessions, 0), 0);
    assert_eq!(open(&mut sessions, KEPT_MS - 1), 0);
    assert_ne!(open(&mut sessions, KEPT_MS), 0);
    assert_eq!(sessions.by_id.len(), 1);
    sessions.check();
}

#[test]
fn an_error_is_followed_by_a_mention() {
    let mut sessions = sessions();
    let id = open(&mut sessions, 0);
    let of = begin(&mut sessions, asked(id, 1, &[]), IMAGE);
    let failed = FetchedPart { error: ErrorCode::NOT_LEADER_OR_FOLLOWER, ..found(0, -1, 0) };
    assert_eq!(finish(&mut sessions, of, vec![failed]), [0]);
    let of = begin(&mut sessions, asked(id, 2, &[]), IMAGE);
    assert_eq!(finish(&mut sessions, of, vec![found(0, 5, 0), found(1, 5, 0)]), [0]);
}

#[test]
fn the_first_epochs_follow_the_last() {
    let epochs: BTreeSet<i32> = [1, i32::MAX].map(next_epoch).into();
    assert_eq!(epochs, [1, 2].into(), "0 and -1 mean something else");
}

#[test]
fn sessions_have_so_many_partitions_together() {
    let mut sessions = sessions();
    sessions.max_parts = 4;
    let first = open(&mut sessions, 0);
    let second = open(&mut sessions, 0);
    assert!(first > 0 && second > 0);
    let parts = asked(0, 0, &[(0, 0)]);
    let Ok(Begun::Parts(full)) = sessions.begin(0, CONNECTION, parts) else { panic!("a full fetch") };
    let said = sessions.finish_full(0, CONNECTION, full, vec![found(0, 5, 0)], || 77);
    assert_eq!((said.session, said.mentioned.len()), (0, 1), "it is answered, without a session");
    // One that grows too large ends, and what it had is free for others.
    let grown = sessions.begin(0, CONNECTION, asked(first, 1, &[(2, 0)]));
    assert_eq!(grown.err(), Some(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert_eq!(
        sessions.begin(0, CONNECTION, asked(first, 1, &[])).err(),
        Some(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
    );
    sessions.check();
    let third = open(&mut sessions, 0);
    assert!(third > 0);
    // What is forgotten makes room.
    let forget = SessionRequest { forgotten: vec![named(0)], ..asked(second, 1, &[]) };
    let of = begin(&mut sessions, forget, IMAGE);
    assert!(sessions.finish_incremental(of, Vec::new()).is_ok());
    let of = begin(&mut sessions, asked(third, 1, &[(2, 0)]), IMAGE);
    assert!(sessions.finish_incremental(of, Vec::new()).is_ok());
    sessions.check();
    // One that names more than there can be ends before that is gone through.
    let endless = SessionRequest { forgotten: vec![named(9); 5], ..asked(third, 2, &[]) };
    assert_eq!(sessions.begin(0, CONNECTION, endless).err(), Some(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    sessions.check();
}

#[test]
fn a_session_keeps_no_name_that_no_topic_has() {
    let mut sessions = sessions();
    let named = |letters| Named { topic: "n".repeat(letters).into(), ..named(0) };
    let naming = |session, epoch, letters| SessionRequest {
        parts: vec![(named(letters), wanted(0))],
        ..asked(session, epoch, &[])
    };
    for (letters, is_begun) in [(249, true), (250, false)] {
        let Ok(Begun::Parts(full)) = sessions.begin(0, CONNECTION, naming(0, 0, letters)) else {
            panic!("a full fetch")
        };
        let said = sessions.finish_full(0, CONNECTION, full, vec![found(0, 5, 0)], || 77);
        assert_eq!((said.session != 0, said.mentioned.len()), (is_begun, 1));
        if is_begun {
            let grown = sessions.begin(0, CONNECTION, naming(said.session, 1, 250));
            assert_eq!(grown.err(), Some(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
        }
    }
    sessions.check();
}

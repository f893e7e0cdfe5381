//! What a start is told of a directory before it serves it: who closed it, and what its logs know.

mod support;

use std::rc::Rc;

use logan_storage::batch::Attributes;
use logan_storage::disk::Host;
use logan_storage::recovery::{Known, OpenedDirectory, Question, known};
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{
    CLOSED, append_settled, batch, batch_of, key, live, log_config, open, open_options, serve, stop,
    volume_config,
};

/// The epoch that [`append_settled`] stamps.
const EPOCH: i32 = 3;
const PRODUCER: i64 = 4_711;
const NOTHING: Known = Known { newest_epoch: -1, producer_id: -1 };

fn question(is_taken_over: bool) -> Question {
    Question { max_batch_bytes: 8 << 20, hang_after: volume_config().hang_after, is_taken_over }
}

/// Opens the directory and kills the process at once. Returns what it was told of `orders-0` and `empty-0`.
fn told(disk: &Rc<Disk>, with_producers: bool) -> (OpenedDirectory, [Known; 2]) {
    live(disk, 7, move |disk, runtime| async move {
        let opened = open(&disk, &runtime, open_options()).await.unwrap();
        let directory = TestDirectory::over(&disk, &runtime);
        let logs = opened.parts.iter().flat_map(|part| part.ledger.logs.values());
        let known = known(&*directory, &TestHost(runtime), logs, question(with_producers)).await.unwrap();
        assert_eq!(known.len(), 2);
        (opened, ["orders", "empty"].map(|topic| known[&key(topic, 0)]))
    })
}

/// A directory with a log of one producer, and another log without records, closed or not.
fn written(closes: bool) -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, move |disk: Rc<Disk>, runtime: Rc<Runtime>| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        volume.create_log(key("empty", 0), log_config()).await.unwrap();
        append_settled(&log, &batch_of(PRODUCER, Attributes(0), 2, 300, 1, 1)).await.unwrap();
        append_settled(&log, &batch(1, 300, 2, 2)).await.unwrap();
        if closes {
            stop(&disk, &runtime, volume).await;
        }
    });
    disk
}

#[test]
fn a_closed_directory_says_who_closed_it_and_what_its_logs_know() {
    let disk = written(true);
    let (opened, [orders, empty]) = told(&disk.copy(), true);
    assert_eq!((opened.report.closed, opened.report.was_logans), (Some(CLOSED), true));
    assert_eq!(orders, Known { newest_epoch: EPOCH, producer_id: PRODUCER });
    assert_eq!(empty, NOTHING);
    let (_, [orders, _]) = told(&disk.copy(), false);
    assert_eq!(
        orders,
        Known { newest_epoch: EPOCH, producer_id: -1 },
        "producers are looked for only if asked"
    );
}

/// As for whoever loads the log, the batches say what a file does not.
#[test]
fn without_its_epoch_file_a_log_knows_the_epoch_of_its_last_batch() {
    let disk = written(true);
    let path = "orders-0/leader-epoch-checkpoint";
    let missing = disk.copy();
    missing.remove(path);
    let garbled = disk.copy();
    garbled.damage(path, |bytes| bytes[0] = b'x');
    for disk in [missing, garbled] {
        let (_, [orders, _]) = told(&disk, true);
        assert_eq!(orders, Known { newest_epoch: EPOCH, producer_id: PRODUCER });
    }
}

/// A marker of Kafka's, and one that nobody can read.
#[test]
fn others_that_closed_a_directory_are_told_apart() {
    for (marker, epoch) in [(&br#"{"version":0,"brokerEpoch":21}"#[..], Some(21)), (b"", None)] {
        let disk = written(true);
        disk.damage(".kafka_cleanshutdown", |bytes| *bytes = marker.to_vec());
        let (opened, _) = told(&disk, true);
        assert!(opened.report.was_clean && !opened.report.was_logans);
        assert_eq!(opened.report.closed.map(|closed| closed.broker_epoch), epoch);
    }
}

#[test]
fn a_directory_that_was_not_closed_is_logans() {
    let (opened, _) = told(&written(false), true);
    let report = opened.report;
    assert_eq!((report.was_clean, report.closed, report.was_logans), (false, None, true));
}

/// Hints are hints, whatever is wrong with them; what a disk cannot read of the records is an error only where nobody else knows it.
#[test]
fn a_file_that_cannot_be_read_is_one_that_is_not_known() {
    for (path, taken_over, expected) in [
        ("leader-epoch-checkpoint", true, Some((EPOCH, PRODUCER))),
        (".snapshot", true, Some((EPOCH, -1))),
        ("orders-0/00000000000000000000.log", false, Some((-1, -1))),
        ("orders-0/00000000000000000000.log", true, None),
    ] {
        let disk = written(true);
        if path.ends_with("log") {
            disk.remove("orders-0/leader-epoch-checkpoint");
        }
        let found = live(&disk, 7, move |disk, runtime| async move {
            let opened = open(&disk, &runtime, open_options()).await.unwrap();
            let directory = TestDirectory::over(&disk, &runtime);
            let logs = opened.parts.iter().flat_map(|part| part.ledger.logs.values());
            let logs: Vec<_> = logs.filter(|log| log.key.topic == "orders").collect();
            *disk.fails_once.borrow_mut() = Some(("read", path.to_owned(), 5));
            let known = known(&*directory, &TestHost(runtime), logs, question(taken_over)).await;
            assert!(disk.fails_once.borrow().is_none(), "{path} is not read");
            known.ok().map(|known| known[&key("orders", 0)])
        });
        let found = found.map(|known| (known.newest_epoch, known.producer_id));
        assert_eq!(found, expected, "{path}");
    }
}

/// A slow disk with many logs is not one that hangs.
#[test]
fn a_look_at_many_logs_takes_its_time_as_long_as_each_operation_ends() {
    const LOGS: i32 = 150;
    let disk = Disk::new();
    live(&disk, 1, |disk: Rc<Disk>, runtime: Rc<Runtime>| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        for partition in 0..LOGS {
            let log = volume.create_log(key("orders", partition), log_config()).await.unwrap();
            append_settled(&log, &batch(1, 300, 2, 2)).await.unwrap();
        }
        stop(&disk, &runtime, volume).await;
    });
    for (slow_s, looks_through) in [(20, true), (40, false)] {
        live(&disk.copy(), 2, move |disk: Rc<Disk>, runtime: Rc<Runtime>| async move {
            let opened = open(&disk, &runtime, open_options()).await.unwrap();
            *disk.slow.borrow_mut() = Some(("leader-epoch-checkpoint".to_owned(), slow_s * 1_000_000_000));
            let directory = TestDirectory::over(&disk, &runtime);
            let logs = opened.parts.iter().flat_map(|part| part.ledger.logs.values());
            let began_ns = TestHost(Rc::clone(&runtime)).monotonic_ns();
            let known = known(&*directory, &TestHost(Rc::clone(&runtime)), logs, question(false)).await;
            assert_eq!(known.is_ok(), looks_through, "{slow_s} s for each file: {known:?}");
            if looks_through {
                assert!(
                    TestHost(Rc::clone(&runtime)).monotonic_ns() - began_ns > 2 * 1_000_000_000 * slow_s,
                    "it was slow"
                );
            }
        });
    }
}

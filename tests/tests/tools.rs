//! The command line's tools, on directories that another process has just left.

use std::fs;
use std::path::Path;
use std::process::Command;

use logan_tests::batch::Batch;
use logan_tests::broker::{self, Broker, Scratch, Settings};
use logan_tests::wire::Connection;

/// A process that has ended holds its locks for a moment more, until the kernel has done with its ring: whoever comes next waits for that.
#[test]
fn a_directory_is_recovered_as_soon_as_it_was_left() {
    let scratch = Scratch::new("recovered");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 4, &[]), 0);
    for partition in 0..4 {
        assert_eq!(connection.produce("kept", partition, -1, &Batch::of(&[b"a"]).encode()).error, 0);
    }
    broker.kill();
    for _ in 0..4 {
        let recovered = Command::new(broker::binary()).arg("recover").arg(&broker.settings().data).output();
        let recovered = recovered.expect("the binary runs");
        assert!(recovered.status.success(), "{}", String::from_utf8_lossy(&recovered.stderr));
    }
    broker.restart();
    let mut connection = Connection::open(broker.address());
    for partition in 0..4 {
        assert_eq!(connection.list_offset("kept", partition, -1), (0, -1, 1));
    }
    // It is not waited for as long as somebody uses it.
    let refused = Command::new(broker::binary()).arg("recover").arg(&broker.settings().data).output();
    let refused = refused.expect("the binary runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("locked"), "{refused:?}");
}

fn recover(data: &Path, more: &[&str]) -> (bool, String) {
    let output = Command::new(broker::binary()).arg("recover").args(more).arg(data).output();
    let output = output.expect("the binary runs");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), printed.concat())
}

/// One batch of the segment that was written last rots, below others that were acknowledged. Its partition is offline, and its directory cannot be
/// closed cleanly, until the loss is accepted; what that was is told, and all others are as they were.
#[test]
fn a_rotten_batch_of_the_active_segment_is_given_up_with_accept_loss() {
    const BATCHES: usize = 20;
    let scratch = Scratch::new("rotten");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 2, &[]), 0);
    let batch = Batch::of(&[&[7; 500], &[8; 500]]).encode();
    for _ in 0..BATCHES {
        for partition in 0..2 {
            assert_eq!(connection.produce("kept", partition, -1, &batch).error, 0);
        }
    }
    broker.kill();
    let data = broker.settings().data.clone();
    let segment = data.join("kept-0/00000000000000000000.log");
    let mut bytes = fs::read(&segment).expect("the first segment");
    bytes[12 * batch.len() + batch.len() / 2] ^= 4;
    fs::write(&segment, bytes).expect("it is ours");

    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.produce("kept", 0, -1, &batch).error, 56);
    assert_eq!(connection.produce("kept", 1, -1, &batch).error, 0);
    broker.stop();
    let output = broker.output();
    assert!(output.contains("recover --accept-loss") && output.contains("kept-0"), "{output}");

    let (is_done, printed) = recover(&data, &[]);
    assert!(!is_done && printed.contains("recover --accept-loss"), "{printed}");
    let (is_done, printed) = recover(&data, &["--accept-loss"]);
    assert!(is_done, "{printed}");
    let told = format!("lost: kept-0: offsets 24 to 39 are given up, {} bytes: segment 0", 8 * batch.len());
    assert!(printed.contains(&told), "{told:?} is not in:\n{printed}");
    assert!(data.join(".kafka_cleanshutdown").exists() && !data.join("logan").exists());
    assert_eq!(fs::metadata(&segment).expect("it is kept").len() as usize, 12 * batch.len());

    broker.restart();
    let mut connection = Connection::open(broker.address());
    let ends = |connection: &mut Connection| [0, 1].map(|at| connection.list_offset("kept", at, -1));
    assert_eq!(ends(&mut connection), [(0, -1, 24), (0, -1, 42)]);
    assert_eq!(connection.produce("kept", 0, -1, &batch).error, 0);
    assert!(broker.stop().success(), "{}", broker.output());
    broker.restart();
    assert_eq!(ends(&mut Connection::open(broker.address())), [(0, -1, 26), (0, -1, 42)]);
    assert!(broker.stop().success(), "{}", broker.output());
}

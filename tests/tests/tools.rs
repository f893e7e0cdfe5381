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
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("in use by another process: stop it"), "{said}");
}

/// Whether it succeeds, and what it prints.
fn logan(words: &[&str], path: &Path) -> (bool, String) {
    let output = Command::new(broker::binary()).args(words).arg(path).output();
    let output = output.expect("the binary runs");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), printed.concat())
}

fn recover(data: &Path, more: &[&str]) -> (bool, String) {
    logan(&[&["recover"], more].concat(), data)
}

/// What `logan inspect` prints of a path.
fn inspected(words: &[&str], path: &Path) -> String {
    let (is_done, printed) = logan(&[&["inspect"], words].concat(), path);
    assert!(is_done, "inspect {words:?} {}: {printed}", path.display());
    printed
}

fn assert_tells(printed: &str, lines: &[&str]) {
    for line in lines {
        assert!(printed.contains(line), "{line:?} is not in:\n{printed}");
    }
}

/// A broker with twenty batches of one producer in a partition, of some thousand bytes each.
fn with_batches(scratch: &Scratch) -> Broker {
    let broker = Broker::start(Settings::new(scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 2, &[]), 0);
    let (error, id, epoch) = connection.init_producer_id();
    assert_eq!(error, 0);
    for number in 0..20 {
        let batch = Batch::of(&[format!("{:930}", format!("value {number}")).as_bytes()])
            .idempotent(id, epoch, number);
        assert_eq!(connection.produce("kept", 1, -1, &batch.encode()).error, 0);
    }
    broker
}

/// What is the same of a log's batches, whoever has the directory.
fn assert_log_is_told(partition: &Path) {
    let told = inspected(&["log"], partition);
    assert_tells(
        &told,
        &["00000000000000000000.log: batch offsets=0..0 position=0 ", "batch offsets=19..19 "],
    );
    assert_eq!((told.matches(" batch ").count(), told.matches("crc=right").count()), (20, 20), "{told}");
    let records = inspected(&["log", "--records"], partition);
    assert_tells(
        &records,
        &["record offset=0 ", "value=\"value 0 ", "record offset=19 ", "value=\"value 19 "],
    );
    // A file by itself is told without its name.
    assert!(
        inspected(&["log"], &partition.join("00000000000000000000.log")).starts_with("batch offsets=0..0 ")
    );
    assert_tells(&inspected(&["metadata"], partition), &["partition.metadata: topic="]);
}

#[test]
fn a_directory_is_inspected_beside_its_broker() {
    let scratch = Scratch::new("beside");
    let mut broker = with_batches(&scratch);
    let data = broker.settings().data.clone();
    assert_log_is_told(&data.join("kept-1"));
    let metadata = inspected(&["metadata"], &data);
    assert_tells(&metadata, &["record Topic { name: \"kept\"", "meta.properties: cluster=", " node=1 "]);
    let rounds = inspected(&["rounds"], &data);
    assert_tells(
        &rounds,
        &["root: root sequence=", "state=open", " create log=", " kept-1 ", "next_offset=20"],
    );

    // Whatever the moment, it is told of or refused with words, and the broker goes on.
    let address = broker.address();
    let producer = std::thread::spawn(move || {
        let mut connection = Connection::open(address);
        for number in 0..300 {
            let batch = Batch::of(&[&vec![number as u8; 20_000]]).encode();
            assert_eq!(connection.produce("kept", 0, -1, &batch).error, 0);
        }
    });
    while !producer.is_finished() {
        for (what, path) in
            [("log", data.join("kept-0")), ("rounds", data.clone()), ("metadata", data.clone())]
        {
            let (_, printed) = logan(&["inspect", what], &path);
            assert!(!printed.contains("panicked") && !printed.is_empty(), "{what}: {printed}");
        }
    }
    producer.join().expect("all was produced");
    broker.assert_alive();
    assert_eq!(Connection::open(broker.address()).list_offset("kept", 0, -1), (0, -1, 300));
    assert!(broker.stop().success(), "{}", broker.output());
}

/// All files below a directory, with what is in them.
fn contents(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn what_a_broker_has_left_is_inspected_and_not_changed() {
    let scratch = Scratch::new("left");
    let mut broker = with_batches(&scratch);
    let data = broker.settings().data.clone();
    let partition = data.join("kept-1");
    broker.kill();
    let killed = contents(&data);
    assert_log_is_told(&partition);
    assert_tells(&inspected(&["rounds"], &data), &["state=open", " kept-1 ", "next_offset=20"]);
    assert_tells(&inspected(&["metadata"], &data), &["record Topic { name: \"kept\""]);
    assert!(contents(&data) == killed, "looking changes nothing");

    let clean = |by: &str| {
        let left = contents(&data);
        assert_log_is_told(&partition);
        let index = inspected(&["index"], &partition);
        // One is due behind 4,096 bytes more.
        assert_eq!(index.matches(".index: offset=").count(), 3, "{index}");
        assert_tells(&index, &[".timeindex: timestamp=1700000000000 offset=0"]);
        let snapshot = inspected(&["snapshot"], &partition);
        assert_tells(&snapshot, &["00000000000000000020.snapshot: producer=", " sequence=19 offset=19 "]);
        assert_tells(&inspected(&["metadata"], &partition), &["leader-epoch-checkpoint: epoch=0 offset=0"]);
        let metadata = inspected(&["metadata"], &data);
        assert_tells(&metadata, &[by, "recovery-point-offset-checkpoint: kept-1 offset=20"]);
        let (is_done, why) = logan(&["inspect", "rounds"], &data);
        assert!(!is_done && why.contains("it was closed cleanly"), "{why}");
        assert!(contents(&data) == left, "looking changes nothing");
    };
    let (is_done, printed) = recover(&data, &[]);
    assert!(is_done && printed.contains("logs, ") && !printed.contains("lost"), "{printed}");
    clean(".kafka_cleanshutdown: broker_epoch=-1 by=Logan");
    // There is nothing to recover any more, and nothing is.
    let recovered = contents(&data);
    let (is_done, printed) = recover(&data, &[]);
    assert!(is_done && printed.contains(" 0 rounds replayed"), "{printed}");
    assert!(contents(&data) == recovered, "a clean directory is left as it is");

    broker.restart();
    assert_eq!(Connection::open(broker.address()).list_offset("kept", 1, -1), (0, -1, 20));
    assert!(broker.stop().success(), "{}", broker.output());
    let (is_done, printed) = recover(&data, &[]);
    assert!(is_done, "{printed}");
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.produce("kept", 1, -1, &Batch::of(&[b"behind"]).encode()).base_offset, 20);
    assert!(broker.stop().success(), "{}", broker.output());

    // What is not there, or is not that, is said.
    for (words, path, why) in [
        (&["inspect", "log"][..], data.join("no-0"), "No such file"),
        (&["inspect", "log"], data.clone(), "no file of that kind"),
        (
            &["inspect", "index"],
            partition.join("partition.metadata"),
            "its name is not that of a segment's file",
        ),
        (&["recover"], data.join("no"), "there is no directory"),
    ] {
        let (is_done, printed) = logan(words, &path);
        assert!(!is_done && printed.contains(why), "{words:?}: {printed}");
    }
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
    broker.signal("TERM");
    broker.wait();
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

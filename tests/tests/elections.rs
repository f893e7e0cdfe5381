//! Leader epochs, producer ids and the place of the metadata over starts: what goes on, what begins anew, and what is refused.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use logan_tests::batch::{self, Batch};
use logan_tests::broker::{self, Broker, Refused, Scratch, Settings};
use logan_tests::clients::available;
use logan_tests::java::{self, Kafka};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};

const TOPIC: &str = "led";
/// Below are Kafka's.
const FIRST_PRODUCER_ID: i64 = 1 << 48;

/// The epoch that partition 0 is led in, by `Metadata` v8.
fn leader_epoch(connection: &mut Connection) -> i32 {
    let body = Writer::default().i32(1).string(TOPIC).i8(0).i8(0).i8(0);
    let response = connection.call(wire::METADATA, 8, &body);
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (_id, _host, _port, _rack) = (r.i32(), r.string(), r.i32(), r.string());
    }
    let (_cluster, _controller) = (r.string(), r.i32());
    assert_eq!((r.count(), r.i16(), r.string().as_str()), (1, 0, TOPIC));
    let (_internal, partitions) = (r.i8(), r.count());
    assert_eq!((partitions, r.i16(), r.i32()), (1, 0, 0));
    let (_leader, epoch) = (r.i32(), r.i32());
    epoch
}

/// `OffsetForLeaderEpoch` v3 of partition 0: epoch and end.
fn end_of_epoch(connection: &mut Connection, epoch: i32) -> (i32, i64) {
    const OFFSET_FOR_LEADER_EPOCH: i16 = 23;
    let body = Writer::default().i32(-1).i32(1).string(TOPIC).i32(1).i32(0).i32(-1).i32(epoch);
    let response = connection.call(OFFSET_FOR_LEADER_EPOCH, 3, &body);
    let mut r = Reader(&response);
    r.i32();
    assert_eq!((r.count(), r.string().as_str(), r.count(), r.i16()), (1, TOPIC, 1, 0));
    r.i32();
    (r.i32(), r.i64())
}

fn end(connection: &mut Connection) -> i64 {
    let (error, _, end) = connection.list_offset(TOPIC, 0, -1);
    assert_eq!(error, 0);
    end
}

fn produce(connection: &mut Connection, records: usize) {
    for _ in 0..records {
        let batch = Batch::of(&[&[b'.'; 3_000]]).encode();
        assert_eq!(connection.produce(TOPIC, 0, -1, &batch).error, 0);
    }
}

/// The epochs of a log and where they begin, as its directory says once it is closed.
fn epoch_file(data: &Path) -> Vec<(i32, i64)> {
    let text =
        fs::read_to_string(data.join(format!("{TOPIC}-0/leader-epoch-checkpoint"))).expect("a closed log");
    let entry = |line: &str| {
        let (epoch, offset) = line.split_once(' ').expect("an epoch and an offset");
        (epoch.parse().expect("a number"), offset.parse().expect("a number"))
    };
    text.lines().skip(2).map(entry).collect()
}

fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(outcome) = attempt() {
            return outcome;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A producer, after its first batch.
struct Begun {
    id: i64,
    epoch: i16,
    value: &'static [u8],
    base: i64,
}

impl Begun {
    fn batch(&self, value: &[u8], sequence: i32) -> Vec<u8> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        // A producer whose last record is older than a day is forgotten.
        Batch::of(&[value]).at(now_ms).idempotent(self.id, self.epoch, sequence).encode()
    }

    /// The other broker knows what this producer has written: what is sent again is there, and it takes what comes next.
    fn goes_on(&self, address: SocketAddr, next: i64) {
        let mut connection = Connection::open(address);
        let mut send = |value: &[u8], sequence| {
            let batch = self.batch(value, sequence);
            until("a record", || {
                let produced = connection.produce(TOPIC, 0, -1, &batch);
                (produced.error == 0).then_some(produced.base_offset)
            })
        };
        assert_eq!(send(self.value, 0), self.base, "it is there");
        assert_eq!(send(b"gone on", 1), next);
    }
}

/// Producers of Kafka's, in the moments after its start: the epoch that it leads in, where the log ends, and the last of them.
fn write_to_kafka(kafka: &Kafka, producers: usize) -> ((i32, i64), Begun) {
    let mut connection = Connection::open(kafka.address());
    until("the topic", || matches!(connection.create_topic(TOPIC, 1, &[]), 0 | 36).then_some(()));
    let mut last = None;
    for _ in 0..producers {
        let (id, epoch) = until("a producer id", || {
            let (error, id, epoch) = connection.init_producer_id();
            (error == 0).then_some((id, epoch))
        });
        let mut begun = Begun { id, epoch, value: b"of Kafka", base: -1 };
        let batch = begun.batch(begun.value, 0);
        begun.base = until("a record", || {
            let produced = connection.produce(TOPIC, 0, -1, &batch);
            (produced.error == 0).then_some(produced.base_offset)
        });
        last = Some(begun);
    }
    ((leader_epoch(&mut connection), end(&mut connection)), last.expect("one producer at least"))
}

/// A new producer's first batch is appended, and not taken for that of one of Kafka's.
fn write_to_logan(broker: &Broker) -> Begun {
    let mut connection = Connection::open(broker.address());
    let before = end(&mut connection);
    let (error, id, epoch) = connection.init_producer_id();
    assert!(error == 0 && id >= FIRST_PRODUCER_ID, "{error}, {id}");
    let begun = Begun { id, epoch, value: b"of Logan", base: before };
    let produced = connection.produce(TOPIC, 0, -1, &begun.batch(begun.value, 0));
    assert_eq!((produced.error, produced.base_offset), (0, before));
    assert_eq!(end(&mut connection), before + 1);
    begun
}

/// The values of all records.
fn read_whole(address: SocketAddr) -> Vec<String> {
    let mut connection = Connection::open(address);
    let (mut values, mut next) = (Vec::new(), 0);
    while next < end(&mut connection) {
        let fetched = connection.fetch(TOPIC, FetchFrom::offset(0, next));
        assert_eq!(fetched.error, 0);
        for found in batch::split(&fetched.records) {
            assert_eq!(batch::base_offset(found), next);
            let texts =
                batch::values(found).into_iter().map(|value| String::from_utf8(value).expect("a text"));
            values.extend(texts);
            next = batch::next_offset(found);
        }
    }
    values
}

/// From Kafka to Logan and back, twice: every era is led above the ones before, each of them is still told where it ends, and each appends
/// behind what the other wrote, for the same producers, too.
#[test]
fn epochs_and_producer_ids_go_on_behind_kafkas() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() || !available(java::NEEDED) {
        return;
    }
    let scratch = Scratch::new("elections");
    let settings = Settings::new(&scratch, &["logan.shards=2"]);
    let metadata = format!("metadata.log.dir={}", scratch.path().join("kafka-metadata").display());
    let mut kafka = Kafka::new(scratch.path(), &settings.data, &[&metadata]);
    kafka.format();
    let mut eras: Vec<(i32, i64)> = Vec::new();
    let ends_are_told = |broker: &Broker, eras: &[(i32, i64)]| {
        let mut connection = Connection::open(broker.address());
        for (epoch, end) in eras {
            assert_eq!(end_of_epoch(&mut connection, *epoch), (*epoch, *end), "of {eras:?}");
        }
    };
    let mut of_kafka = None;
    for _ in 0..2 {
        kafka.start();
        let (era, begun) = write_to_kafka(&kafka, 3);
        eras.push(era);
        of_kafka = Some(begun);
        kafka.stop();
    }
    let mut of_kafka = of_kafka.expect("the last of six");
    let mut written = vec!["of Kafka"; 6];
    assert!(eras[0].0 < eras[1].0, "Kafka raises the epoch with each start: {eras:?}");

    let mut broker = Broker::start(settings);
    for _ in 0..2 {
        let mut connection = Connection::open(broker.address());
        let epoch = leader_epoch(&mut connection);
        assert!(epoch > eras[eras.len() - 1].0, "epoch {epoch} after {eras:?}");
        ends_are_told(&broker, &eras);
        let of_logan = write_to_logan(&broker);
        of_kafka.goes_on(broker.address(), of_logan.base + 1);
        written.extend(["of Logan", "gone on"]);
        assert_eq!(read_whole(broker.address()), written, "Logan");
        eras.push((epoch, end(&mut connection)));
        ends_are_told(&broker, &eras);
        assert!(broker.stop().success(), "{}", broker.output());
        let known: Vec<i32> =
            epoch_file(&broker.settings().data).into_iter().map(|(epoch, _)| epoch).collect();
        assert_eq!(known, eras.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>());

        kafka.start();
        until("the topic", || {
            let (error, _, _) = Connection::open(kafka.address()).list_offset(TOPIC, 0, -1);
            (error == 0).then_some(())
        });
        assert_eq!(read_whole(kafka.address()), written, "Kafka");
        of_logan.goes_on(kafka.address(), written.len() as i64);
        let (after, begun) = write_to_kafka(&kafka, 1);
        written.extend(["gone on", "of Kafka"]);
        assert_eq!(read_whole(kafka.address()), written, "Kafka");
        kafka.stop();
        assert!(after.0 > epoch, "Kafka leads in {} after {epoch}", after.0);
        eras.push(after);
        of_kafka = begun;
        broker.restart();
        assert_eq!(read_whole(broker.address()), written, "Logan");
    }
}

/// A directory with one topic in which offsets 0 to 9 were given.
fn with_records(scratch: &Scratch, settings: &[&str]) -> Broker {
    let broker = Broker::start(Settings::new(scratch, settings));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic(TOPIC, 1, &[]), 0);
    produce(&mut connection, 10);
    assert_eq!(leader_epoch(&mut connection), 0);
    broker
}

#[test]
fn a_clean_stop_keeps_the_epoch_and_a_crash_ends_it() {
    let scratch = Scratch::new("elections");
    let mut broker = with_records(&scratch, &[]);
    let mut expected = 0;
    for stops_cleanly in [true, false, true, true, false] {
        if stops_cleanly {
            assert!(broker.stop().success());
        } else {
            broker.kill();
            expected += 1;
        }
        broker.restart();
        let mut connection = Connection::open(broker.address());
        assert_eq!(leader_epoch(&mut connection), expected);
        assert_eq!(end(&mut connection), 10);
    }
}

fn recover(data: &Path, more: &[&str]) -> (bool, String) {
    let mut command = Command::new(broker::binary());
    let output = command.arg("recover").args(more).arg(data).output().expect("the binary runs");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

/// Losses that were accepted, whoever did it: readers beyond them are sent back to where the records end.
#[test]
fn lost_offsets_are_given_again_in_another_epoch() {
    let scratch = Scratch::new("elections");
    let mut broker = with_records(&scratch, &[]);
    assert!(broker.stop().success());
    let data = broker.settings().data.clone();
    let log = data.join(format!("{TOPIC}-0/00000000000000000000.log"));
    let file = fs::File::options().write(true).open(&log).expect("a segment");
    let length = file.metadata().expect("a segment").len();
    file.set_len(length / 10 * 6).expect("it is ours");
    for index in ["index", "timeindex"] {
        fs::remove_file(log.with_extension(index)).expect("it was closed");
    }
    assert!(broker.try_restart().is_err(), "records are missing");
    let (is_done, printed) = recover(&data, &["--accept-loss"]);
    assert!(is_done, "{printed}");
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!((leader_epoch(&mut connection), end(&mut connection)), (1, 6));
    produce(&mut connection, 10);
    assert_eq!(end_of_epoch(&mut connection, 0), (0, 6));
    assert_eq!(end_of_epoch(&mut connection, 1), (1, 16));
    // Nor does a recovery that lost nothing say what may have been lost before it.
    broker.kill();
    assert!(recover(&data, &[]).0);
    broker.restart();
    assert_eq!(leader_epoch(&mut Connection::open(broker.address())), 2);
    // What was closed long ago is put back as it was.
    assert!(broker.stop().success());
    let copy = scratch.path().join("copy");
    copy_directory(&data, &copy);
    broker.restart();
    produce(&mut Connection::open(broker.address()), 4);
    assert!(broker.stop().success());
    for name in [
        format!("{TOPIC}-0"),
        ".kafka_cleanshutdown".to_owned(),
        "recovery-point-offset-checkpoint".to_owned(),
    ] {
        let (from, to) = (copy.join(&name), data.join(&name));
        if from.is_dir() {
            fs::remove_dir_all(&to).expect("it is ours");
            copy_directory(&from, &to);
        } else {
            fs::copy(from, to).expect("it is ours");
        }
    }
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!((leader_epoch(&mut connection), end(&mut connection)), (3, 16));
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the scratch directory is writable");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let into = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy_directory(&path, &into);
        } else {
            fs::copy(&path, &into).expect("the scratch directory is writable");
        }
    }
}

fn two_directories(scratch: &Scratch) -> (PathBuf, PathBuf) {
    (scratch.path().join("a"), scratch.path().join("b"))
}

fn log_dirs(directories: &[&Path]) -> String {
    let directories: Vec<String> = directories.iter().map(|path| path.display().to_string()).collect();
    format!("log.dirs={}", directories.join(","))
}

/// What begins anew where a log directory was emptied has an epoch of its own.
#[test]
fn partitions_of_an_emptied_directory_begin_in_another_epoch() {
    let scratch = Scratch::new("elections");
    let (a, b) = two_directories(&scratch);
    let metadata = format!("metadata.log.dir={}", b.display());
    let mut broker = with_records(&scratch, &[&log_dirs(&[&a, &b]), &metadata]);
    assert!(broker.stop().success());
    let emptied = if a.join(format!("{TOPIC}-0")).is_dir() { &a } else { &b };
    fs::remove_dir_all(emptied.join(format!("{TOPIC}-0"))).expect("it is ours");
    for name in ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"] {
        fs::remove_file(emptied.join(name)).expect("it was closed");
    }
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!((leader_epoch(&mut connection), end(&mut connection)), (1, 0));
    produce(&mut connection, 3);
    assert_eq!(end_of_epoch(&mut connection, 0), (0, 0));
}

fn refused(settings: Settings, words: &[&str]) {
    let Err(Refused { output, .. }) = Broker::try_start(settings) else { panic!("it started all the same") };
    for word in words {
        assert!(output.contains(word), "expected {word:?} in:\n{output}");
    }
}

/// The metadata stays where it is: another order of log.dirs, or another directory in front, begins no second log.
#[test]
fn the_metadata_does_not_begin_anew_elsewhere() {
    let scratch = Scratch::new("elections");
    let (a, b) = two_directories(&scratch);
    let new = scratch.path().join("new");
    let mut broker = with_records(&scratch, &[&log_dirs(&[&a, &b])]);
    assert!(broker.stop().success());
    let with = |overrides: &[&str]| {
        let mut settings = broker.settings().clone();
        settings.overrides = overrides.iter().map(|&one| one.to_owned()).collect();
        settings
    };
    let advice = format!("metadata.log.dir={}", a.display());
    refused(with(&[&log_dirs(&[&b, &a])]), &["metadata log", &advice]);
    refused(with(&[&log_dirs(&[&new, &a, &b])]), &["metadata log", &advice]);
    // Without the directory that has it, the other one is known to be Logan's, closed or not.
    refused(with(&[&log_dirs(&[&b])]), &["served by Logan", "metadata.log.dir", "recover --accept-loss"]);
    let is_untouched = |path: &Path| {
        let names =
            fs::read_dir(path).expect("it is there").map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with("logan")).count() == 0
    };
    assert!(is_untouched(&b), "nothing was begun");
    assert!(!new.exists() || is_untouched(&new), "nor there");
    // As it was told.
    let mut moved = Broker::start(with(&[&log_dirs(&[&new, &b, &a]), &advice]));
    let mut connection = Connection::open(moved.address());
    assert_eq!((leader_epoch(&mut connection), end(&mut connection)), (0, 10));
    moved.kill();
    refused(with(&[&log_dirs(&[&b])]), &["served by Logan"]);
    // Two logs are one too many.
    let log = fs::read_dir(&a).expect("it is there").map(|entry| entry.expect("an entry").path());
    let log =
        log.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "log")).expect("the log");
    fs::copy(&log, b.join(log.file_name().expect("it has a name"))).expect("it is ours");
    refused(with(&[&log_dirs(&[&a, &b])]), &["both hold a metadata log"]);
}

/// Whoever accepts the loss of the metadata log gets the topics back, and no producer id and no epoch a second time.
#[test]
fn a_lost_metadata_log_can_be_accepted() {
    let scratch = Scratch::new("elections");
    let mut broker = with_records(&scratch, &[]);
    let mut connection = Connection::open(broker.address());
    let (_, id, epoch) = connection.init_producer_id();
    let batch = Batch::of(&[b"once"]).idempotent(id, epoch, 0).encode();
    assert_eq!(connection.produce(TOPIC, 0, -1, &batch).base_offset, 10);
    assert!(broker.stop().success());
    let data = broker.settings().data.clone();
    for entry in fs::read_dir(&data).expect("it is there") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("logan-metadata-")) {
            fs::remove_file(path).expect("it is ours");
        }
    }
    refused(broker.settings().clone(), &["served by Logan", "recover --accept-loss"]);
    assert!(recover(&data, &[]).0);
    refused(broker.settings().clone(), &["served by Logan"]);
    assert!(recover(&data, &["--accept-loss"]).0);
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!((leader_epoch(&mut connection), end(&mut connection)), (1, 11));
    let (_, again, epoch) = connection.init_producer_id();
    assert!(again > id, "{again} after {id}");
    let batch = Batch::of(&[b"new"]).idempotent(again, epoch, 0).encode();
    assert_eq!(connection.produce(TOPIC, 0, -1, &batch).base_offset, 11);
}

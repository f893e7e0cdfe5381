//! A log with transactions that Kafka 4.3.1 wrote is served as Kafka serves it: after Kafka closed it, after `kill -9`, after a clean stop, and
//! Kafka, too, still does when Logan has closed it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::clients::{available, run};
use logan_tests::java::{self, Kafka};
use logan_tests::wire::{Connection, FetchFrom, Fetched};

const TOPIC: &str = "transactions";
const PARTITIONS: i32 = 3;
/// The length of a batch's header up to and without what its stated length covers.
const LENGTH_COVERS_FROM: usize = 12;

/// Everything that is compared: what the Java client sees, and what it was sent.
struct Seen {
    printed: String,
    fetched: Vec<(FetchFrom, Fetched)>,
}

fn look(address: SocketAddr) -> Seen {
    let printed = run(&mut java::command(&["Transactions", "read", &address.to_string()]));
    let mut connection = Connection::open(address);
    let mut fetched = Vec::new();
    for partition in 0..PARTITIONS {
        let plain = FetchFrom { max_wait_ms: 0, ..FetchFrom::offset(partition, 0) };
        let end = connection.fetch(TOPIC, plain).high_watermark;
        // One behind the end, too.
        for offset in 0..=end + 1 {
            for committed in [false, true] {
                let max_bytes = if offset % 10 == 0 { 64 << 20 } else { [1, 40_000][(offset % 2) as usize] };
                let from = FetchFrom { offset, committed, max_bytes, ..plain };
                fetched.push((from, connection.fetch(TOPIC, from)));
            }
        }
    }
    Seen { printed, fetched }
}

/// Base offset and length of each whole batch. Kafka ends a response within a batch.
fn batches(records: &[u8]) -> Vec<(i64, usize)> {
    let mut rest = records;
    let mut found = Vec::new();
    while let Some(([base @ .., _, _, _, _], _)) = rest.split_first_chunk::<12>() {
        let length = i32::from_be_bytes(rest[8..12].try_into().expect("four bytes"));
        let length = LENGTH_COVERS_FROM + length as usize;
        let Some((_batch, behind)) = rest.split_at_checked(length) else { break };
        found.push((i64::from_be_bytes(*base), length));
        rest = behind;
    }
    found
}

/// The offset behind the last record of these whole batches.
fn end_of(records: &[u8], whole: &[(i64, usize)]) -> i64 {
    let (last, before) = whole.split_last().expect("there are some");
    let at = before.iter().map(|(_, length)| length).sum::<usize>();
    let delta = i32::from_be_bytes(records[at + 23..at + 27].try_into().expect("four bytes"));
    last.0 + i64::from(delta) + 1
}

/// Fails unless both fetches say the same of what both sent: one may send more batches than the other. Returns how many aborted transactions both named.
fn compare(from: &FetchFrom, kafkas: &Fetched, logans: &Fetched) -> usize {
    let head = |fetched: &Fetched| {
        (
            fetched.error,
            fetched.high_watermark,
            fetched.last_stable,
            fetched.log_start,
            fetched.aborted.is_some(),
        )
    };
    assert_eq!(head(logans), head(kafkas), "{from:?}");
    let (kafkas_batches, logans_batches) = (batches(&kafkas.records), batches(&logans.records));
    let both = kafkas_batches.len().min(logans_batches.len());
    assert_eq!(logans_batches.is_empty(), kafkas_batches.is_empty(), "{from:?}");
    let length: usize = kafkas_batches[..both].iter().map(|(_, length)| length).sum();
    assert!(
        logans.records[..length] == kafkas.records[..length],
        "{from:?}: {kafkas_batches:?}, {logans_batches:?}"
    );
    if both == 0 {
        return 0;
    }
    // Kafka also names some that begin behind what it sends: it asks its index, which does not know every batch.
    let end = end_of(&kafkas.records, &kafkas_batches[..both]);
    let among = |fetched: &Fetched| {
        let aborted = fetched.aborted.iter().flatten();
        aborted.copied().filter(|(_, first)| *first < end).collect::<Vec<(i64, i64)>>()
    };
    assert_eq!(among(logans), among(kafkas), "{from:?}");
    among(kafkas).len()
}

fn is_seen_as(expected: &Seen, when: &str, address: SocketAddr) {
    let seen = look(address);
    for (kafkas, logans) in expected.printed.lines().zip(seen.printed.lines()) {
        assert_eq!(logans, kafkas, "{when}");
    }
    assert_eq!(seen.printed.lines().count(), expected.printed.lines().count(), "{when}");
    assert_eq!(seen.fetched.len(), expected.fetched.len(), "{when}");
    let mut named = 0;
    for ((from, kafkas), (_, logans)) in expected.fetched.iter().zip(&seen.fetched) {
        named += compare(from, kafkas, logans);
    }
    assert!(named > 100, "{when}: only {named} aborted transactions were named");
    println!("{when}: {} fetches named {named} aborted transactions", seen.fetched.len());
}

/// That the records are those that were wanted: several segments, aborted transactions in most of them, and one that is open.
fn is_worth_it(seen: &Seen, data: &Path) {
    let files = |partition: i32, ending: &str| {
        let directory = data.join(format!("{TOPIC}-{partition}"));
        let entries =
            fs::read_dir(directory).expect("Kafka's directory").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.extension().is_some_and(|found| found == ending)).count()
    };
    assert!(files(0, "log") > 3 && files(1, "log") > 3, "several segments");
    assert!(
        files(0, "txnindex") > 1 && files(1, "txnindex") > 1 && files(2, "txnindex") == 1,
        "with aborted transactions"
    );
    let open = |of: i32| {
        seen.fetched.iter().any(|(from, seen)| {
            let is_before = seen.last_stable < seen.high_watermark;
            from.partition == of && seen.error == 0 && is_before
        })
    };
    assert_eq!([open(0), open(1), open(2)], [true, false, false], "one is open");
}

#[test]
fn transactions_that_kafka_wrote_are_fetched_as_kafka_fetches_them() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() || !available(java::NEEDED) {
        return;
    }
    let scratch = Scratch::new("transactions");
    let settings = Settings::new(&scratch, &["logan.shards=2"]);
    let metadata = format!("metadata.log.dir={}", scratch.path().join("kafka-metadata").display());
    let one = |name: &str| format!("{name}=1");
    let ones = [
        "offsets.topic.replication.factor",
        "offsets.topic.num.partitions",
        "transaction.state.log.replication.factor",
        "transaction.state.log.num.partitions",
        "transaction.state.log.min.isr",
    ];
    let ones: Vec<String> = ones.into_iter().map(one).chain([metadata]).collect();
    let of_kafka: Vec<&str> = ones.iter().map(String::as_str).collect();
    let mut kafka = Kafka::new(scratch.path(), &settings.data, &of_kafka);
    kafka.format();
    kafka.start();
    run(&mut java::command(&["Transactions", "write", &kafka.address().to_string()]));
    let expected = look(kafka.address());
    kafka.stop();
    is_worth_it(&expected, &settings.data);

    let mut broker = Broker::start(settings);
    is_seen_as(&expected, "taken over", broker.address());
    broker.kill();
    broker.settings_mut().overrides = vec!["logan.shards=5".to_owned()];
    broker.restart();
    is_seen_as(&expected, "killed", broker.address());
    broker.settings_mut().overrides = vec!["logan.shards=1".to_owned()];
    let data = broker.settings().data.display().to_string();
    for _ in 0..2 {
        assert!(broker.stop().success(), "{}", broker.output());
        run(&mut java::command(&["Dump", &data]));
        broker.restart();
    }
    is_seen_as(&expected, "stopped", broker.address());
    assert!(broker.stop().success(), "{}", broker.output());

    kafka.start();
    is_seen_as(&expected, "taken back", kafka.address());
    kafka.stop();
}

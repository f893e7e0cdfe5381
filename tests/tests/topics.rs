//! Topics that come and go quickly, names that none may have, and requests about settings that are small and ask for very much.

use std::fs;
use std::time::{Duration, Instant};

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, assert_linear};
use logan_tests::wire::{self, Connection, Reader, Writer};
use logan_tests::with_each_number_of_shards;

with_each_number_of_shards! {
    topics_are_deleted_and_created_again_at_once,
    the_log_of_kafkas_metadata_is_left_alone,
    a_resource_is_described_once,
    many_settings_of_a_broker,
}

const DELETE_TOPICS: i16 = 20;
const DESCRIBE_CONFIGS: i16 = 32;

const INVALID_REQUEST: i16 = 42;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

const BROKER: i8 = 4;
const SET: i8 = 0;

/// Creates topics of one partition with one request.
fn create(connection: &mut Connection, names: &[String]) {
    let head = Writer::default().i32(names.len() as i32);
    let body = names.iter().fold(head, |w, name| w.string(name).i32(1).i16(1).i32(0).i32(0));
    let response = connection.call(wire::CREATE_TOPICS, 4, &body.i32(30_000).i8(0));
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (name, error, message) = (r.string(), r.i16(), r.string());
        assert_eq!(error, 0, "{name}: {message}");
    }
}

fn delete(connection: &mut Connection, names: &[String]) {
    let body = names.iter().fold(Writer::default().i32(names.len() as i32), |w, name| w.string(name));
    let response = connection.call(DELETE_TOPICS, 1, &body.i32(30_000));
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (name, error) = (r.string(), r.i16());
        assert_eq!(error, 0, "{name}");
    }
}

/// The next topic of a name has another id, and so perhaps another shard. Its directory has the name of the one before.
fn topics_are_deleted_and_created_again_at_once(shards: u16) {
    const TOPICS: usize = 800;
    let scratch = Scratch::new("again");
    let mut broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let names: Vec<String> = (0..TOPICS).map(|number| format!("again-{number}")).collect();
    create(&mut connection, &names);
    for _ in 0..3 {
        delete(&mut connection, &names);
        create(&mut connection, &names);
    }
    for name in &names {
        assert_eq!(connection.produce(name, 0, -1, &Batch::of(&[b"kept"]).encode()).error, 0, "{name}");
    }
    let hold_one = |broker: &Broker| {
        let mut connection = Connection::open(broker.address());
        for name in &names {
            assert_eq!(connection.list_offset(name, 0, -1), (0, -1, 1), "{name}");
        }
    };
    hold_one(&broker);
    broker.kill();
    broker.restart();
    hold_one(&broker);
    assert!(broker.stop().success(), "{}", broker.output());
    broker.restart();
    hold_one(&broker);
}

/// Kafka keeps its metadata in a directory between those of partitions. A directory that it closed goes back to it with that.
fn the_log_of_kafkas_metadata_is_left_alone(shards: u16) {
    const NAME: &str = "__cluster_metadata";
    const KAFKAS_MARKER: &str = r#"{"version":0,"brokerEpoch":5}"#;
    let scratch = Scratch::new("metadata-log");
    let mut broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    create(&mut connection, &["orders".to_owned()]);
    assert_eq!(connection.create_topic(NAME, 1, &[]), INVALID_REQUEST);
    assert_eq!(automatically_created(&mut connection, NAME), UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.produce("orders", 0, -1, &Batch::of(&[b"kept"]).encode()).error, 0);
    assert!(broker.stop().success());
    let data = broker.settings().data.clone();
    let folder = data.join(format!("{NAME}-0"));
    fs::create_dir(&folder).expect("the scratch directory is writable");
    for (name, bytes) in [
        ("partition.metadata", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"),
        ("00000000000000000000.log", "not for us"),
        ("00000000000000000000-0000000000.checkpoint", "neither"),
    ] {
        fs::write(folder.join(name), bytes).expect("the scratch directory is writable");
    }
    // As Kafka would have left it, and then as this broker does.
    for entry in fs::read_dir(&data).expect("it was just written") {
        let path = entry.expect("it was just written").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("logan-metadata-")) {
            fs::remove_file(path).expect("it is ours");
        }
    }
    fs::write(data.join(".kafka_cleanshutdown"), KAFKAS_MARKER).expect("the scratch directory is writable");
    for _ in 0..2 {
        broker.restart();
        let mut connection = Connection::open(broker.address());
        assert_eq!(connection.list_offset("orders", 0, -1), (0, -1, 1));
        assert_eq!(connection.list_offset(NAME, 0, -1).0, UNKNOWN_TOPIC_OR_PARTITION);
        assert!(broker.stop().success());
        assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 3);
        let log = fs::read(folder.join("00000000000000000000.log"));
        assert_eq!(log.expect("it is there"), b"not for us");
    }
}

/// `Metadata` v4 of one topic, which may be created: its error.
fn automatically_created(connection: &mut Connection, name: &str) -> i16 {
    let response = connection.call(wire::METADATA, 4, &Writer::default().i32(1).string(name).i8(1));
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (_id, _host, _port, _rack) = (r.i32(), r.string(), r.i32(), r.string());
    }
    let (_cluster, _controller) = (r.string(), r.i32());
    assert_eq!(r.count(), 1);
    r.i16()
}

/// `DescribeConfigs` v1 of resources of brokers: an error for each, and how long the answer is.
fn describe(connection: &mut Connection, names: &[&str], keys: Option<&[String]>) -> (Vec<i16>, usize) {
    let mut body = Writer::default().i32(names.len() as i32);
    for name in names {
        body = body.i8(BROKER).string(name);
        body = match keys {
            None => body.i32(-1),
            Some(keys) => keys.iter().fold(body.i32(keys.len() as i32), |w, key| w.string(key)),
        };
    }
    let response = connection.call(DESCRIBE_CONFIGS, 1, &body.i8(0));
    let mut r = Reader(&response);
    r.i32();
    let errors = (0..r.count()).map(|_| {
        let (error, _message, _kind, _name) = (r.i16(), r.string(), r.i8(), r.string());
        for _ in 0..r.count() {
            let (_name, _value, _read_only, _source, _sensitive) =
                (r.string(), r.string(), r.i8(), r.i8(), r.i8());
            for _ in 0..r.count() {
                let (_name, _value, _source) = (r.string(), r.string(), r.i8());
            }
        }
        error
    });
    (errors.collect(), response.len())
}

/// A broker's settings come to tens of kilobytes: whoever names it in many ways is told of them once.
fn a_resource_is_described_once(shards: u16) {
    let scratch = Scratch::new("described");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let (errors, once) = describe(&mut connection, &["1"], None);
    assert_eq!(errors, [0]);
    let (errors, length) = describe(&mut connection, &["1", "01", "+1", "1", "001"], None);
    assert_eq!(errors, [0, INVALID_REQUEST, INVALID_REQUEST, INVALID_REQUEST, INVALID_REQUEST]);
    assert!(length < once + 1000, "{length} bytes after {once}");
}

/// The names of settings that nobody knows are kept, as Kafka keeps them. Setting and asking for many takes as long as their number says, and
/// not its square.
fn many_settings_of_a_broker(shards: u16) {
    const MANY: usize = 9_999;
    const TIMES: usize = 8;
    let scratch = Scratch::new("settings");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    let mut set = |round: u32, many: usize| {
        let names = (0..many).map(|number| format!("nobodys.setting.{round}.{number}"));
        let one = Writer::default().i32(1).i8(BROKER).string("1").i32(many as i32);
        let body = names.fold(one, |w, name| w.string(&name).i8(SET).string("some value")).i8(0);
        let (response, took) = timed(|| connection.call(wire::INCREMENTAL_ALTER_CONFIGS, 0, &body));
        let mut r = Reader(&response);
        assert_eq!((r.i32(), r.count(), r.i16()), (0, 1, 0), "{}", r.string());
        took
    };
    // What is there already is written with what is new.
    set(0, MANY);
    let (few, many) = (set(1, MANY / TIMES), set(2, MANY));
    assert_linear("settings to set", few, many, TIMES as u32);
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let mut ask = |keys: &[String]| {
        let ((errors, _), took) = timed(|| describe(&mut connection, &["1"], Some(keys)));
        assert_eq!(errors, [0]);
        took
    };
    let (few, many) = (ask(&keys[..keys.len() / TIMES]), ask(&keys));
    assert_linear("settings to ask for", few, many, TIMES as u32);
}

fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let answer = ask();
    (answer, began.elapsed())
}

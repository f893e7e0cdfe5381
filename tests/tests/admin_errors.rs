//! Bad requests of the administrative APIs are refused as Kafka refuses them, with its codes and in its words.
//!
//! `golden/admin-errors.tsv` is what Kafka 4.3.1 answered to the cases below: case, name of the resource, error code, message (`-` where
//! there is none). `LOGAN_TEST_BROKER=HOST:PORT LOGAN_RECORD=1` asks it anew and rewrites the file; its node must have the id 1 and nothing
//! set on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use logan_tests::broker::{Broker, Scratch};
use logan_tests::wire::{self, Connection, Reader, Writer};
use logan_tests::with_each_number_of_shards;

const DELETE_TOPICS: i16 = 20;
const CREATE_PARTITIONS: i16 = 37;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const NO_ID: [u8; 16] = [0; 16];
const UNKNOWN_ID: [u8; 16] = [1; 16];

/// Where Logan answers otherwise on purpose: the case, its code and message as in the golden file, and why.
const OTHERWISE: &[(&str, &str, &str)] = &[
    (
        "create: more replicas than brokers",
        "38\tUnable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only \
         1 broker(s) are registered.",
        "there are no cordoned log directories, of which Kafka goes on to speak",
    ),
    ("grow: an unknown topic", NOT_HERE, "Kafka says nothing"),
    ("grow: no name", NOT_HERE, "Kafka says nothing"),
    ("grow: a name that is none", NOT_HERE, "Kafka says nothing"),
    (
        "alter: no connections of any address",
        "42\tmax.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
        "Kafka's begins with what its language says of a failed assertion",
    ),
];
const NOT_HERE: &str = "3\tThis server does not host this topic-partition.";

#[derive(Clone, Copy)]
struct NewTopic<'a> {
    name: &'a str,
    partitions: i32,
    replicas: i16,
    assignments: &'a [(i32, &'a [i32])],
    configs: &'a [(&'a str, Option<&'a str>)],
}

#[derive(Clone, Copy)]
struct More<'a> {
    name: &'a str,
    count: i32,
    assignments: Option<&'a [&'a [i32]]>,
}

#[derive(Clone, Copy)]
struct Alter<'a> {
    kind: i8,
    name: &'a str,
    changes: &'a [(&'a str, i8, Option<&'a str>)],
}

/// Name, error code and message of one part of an answer.
type Said = (String, i16, Option<String>);

trait Nullable {
    fn nullable(self, text: Option<&str>) -> Self;
}

impl Nullable for Writer {
    fn nullable(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }
}

fn nullable(r: &mut Reader<'_>) -> Option<String> {
    let length = usize::try_from(r.i16()).ok()?;
    Some(String::from_utf8(r.take(length).to_vec()).expect("strings are UTF-8"))
}

/// Lengths of compact strings and arrays, in as many bytes as they need.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push((number & 127 | 128) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn read_varint(r: &mut Reader<'_>) -> usize {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let byte = r.i8() as u8;
        number |= usize::from(byte & 127) << shift;
        if byte < 128 {
            return number;
        }
    }
    panic!("a length of more than five bytes")
}

fn compact(r: &mut Reader<'_>) -> Option<String> {
    let length = read_varint(r).checked_sub(1)?;
    Some(String::from_utf8(r.take(length).to_vec()).expect("strings are UTF-8"))
}

/// `CreateTopics` v4.
fn create(connection: &mut Connection, topics: &[NewTopic<'_>], validate_only: bool) -> Vec<Said> {
    let mut body = Writer::default().i32(topics.len() as i32);
    for topic in topics {
        body = body.string(topic.name).i32(topic.partitions).i16(topic.replicas);
        body = body.i32(topic.assignments.len() as i32);
        for (index, replicas) in topic.assignments {
            body =
                replicas.iter().fold(body.i32(*index).i32(replicas.len() as i32), |body, id| body.i32(*id));
        }
        body = body.i32(topic.configs.len() as i32);
        for (key, value) in topic.configs {
            body = body.string(key).nullable(*value);
        }
    }
    let response = connection.call(wire::CREATE_TOPICS, 4, &body.i32(30_000).i8(i8::from(validate_only)));
    let mut r = Reader(&response);
    r.i32();
    (0..r.count()).map(|_| (r.string(), r.i16(), nullable(&mut r))).collect()
}

/// `CreatePartitions` v1, only validated.
fn grow(connection: &mut Connection, topics: &[More<'_>]) -> Vec<Said> {
    let mut body = Writer::default().i32(topics.len() as i32);
    for topic in topics {
        body = body.string(topic.name).i32(topic.count);
        let Some(assignments) = topic.assignments else {
            body = body.i32(-1);
            continue;
        };
        body = body.i32(assignments.len() as i32);
        for replicas in assignments {
            body = replicas.iter().fold(body.i32(replicas.len() as i32), |body, id| body.i32(*id));
        }
    }
    let response = connection.call(CREATE_PARTITIONS, 1, &body.i32(30_000).i8(1));
    let mut r = Reader(&response);
    r.i32();
    (0..r.count()).map(|_| (r.string(), r.i16(), nullable(&mut r))).collect()
}

/// `IncrementalAlterConfigs` v0, only validated.
fn alter(connection: &mut Connection, resources: &[Alter<'_>]) -> Vec<Said> {
    let mut body = Writer::default().i32(resources.len() as i32);
    for resource in resources {
        body = body.i8(resource.kind).string(resource.name).i32(resource.changes.len() as i32);
        for (key, operation, value) in resource.changes {
            body = body.string(key).i8(*operation).nullable(*value);
        }
    }
    let response = connection.call(wire::INCREMENTAL_ALTER_CONFIGS, 0, &body.i8(1));
    let mut r = Reader(&response);
    r.i32();
    let one = |r: &mut Reader<'_>| {
        let (code, message, _kind) = (r.i16(), nullable(r), r.i8());
        (r.string(), code, message)
    };
    (0..r.count()).map(|_| one(&mut r)).collect()
}

/// `DeleteTopics` v6, whose request and response end each structure with tagged fields, of which there are none.
fn delete(connection: &mut Connection, topics: &[(Option<&str>, [u8; 16])]) -> Vec<Said> {
    let mut body = Writer::default().i8(0).raw(&varint(topics.len() + 1));
    for (name, id) in topics {
        body = match name {
            Some(name) => body.raw(&varint(name.len() + 1)).raw(name.as_bytes()),
            None => body.i8(0),
        };
        body = body.raw(id).i8(0);
    }
    let response = connection.call(DELETE_TOPICS, 6, &body.i32(30_000).i8(0));
    let mut r = Reader(&response);
    assert_eq!((r.i8(), r.i32()), (0, 0));
    let one = |r: &mut Reader<'_>| {
        let name = compact(r).unwrap_or_default();
        r.take(16);
        let said = (name, r.i16(), compact(r));
        r.i8();
        said
    };
    let count = read_varint(&mut r) - 1;
    (0..count).map(|_| one(&mut r)).collect()
}

/// The answers so far, as they stand in the golden file.
#[derive(Default)]
struct Answers(Vec<String>);

impl Answers {
    fn add(&mut self, case: &str, mut said: Vec<Said>) {
        // In which order the parts of one answer stand, Kafka leaves to its hash maps.
        said.sort();
        for (name, code, message) in said {
            let message = message.as_deref().unwrap_or("-");
            self.0.push(format!("{case}\t{name}\t{code}\t{message}"));
        }
    }
}

const PLAIN: NewTopic<'_> =
    NewTopic { name: "new", partitions: 1, replicas: 1, assignments: &[], configs: &[] };
/// By assignment: neither number is given.
const MANUAL: NewTopic<'_> = NewTopic { partitions: -1, replicas: -1, ..PLAIN };

fn creations(connection: &mut Connection, answers: &mut Answers) {
    let long = "x".repeat(250);
    let named = |name| NewTopic { name, ..PLAIN };
    let assigned = |assignments| NewTopic { assignments, ..MANUAL };
    let with = |configs| NewTopic { configs, ..PLAIN };
    let cases = [
        ("a name that is taken", named("orders")),
        ("no name", named("")),
        ("a dot", named(".")),
        ("two dots", named("..")),
        ("a name with other letters", named("a b/ü")),
        ("a name that is too long", named(&long)),
        ("a name that differs by a dot", named("orders.old")),
        ("no partitions", NewTopic { partitions: 0, ..PLAIN }),
        ("fewer than no partitions", NewTopic { partitions: -2, ..PLAIN }),
        ("no replicas", NewTopic { replicas: 0, ..PLAIN }),
        ("fewer than no replicas", NewTopic { replicas: -2, ..PLAIN }),
        ("more replicas than brokers", NewTopic { replicas: 2, ..PLAIN }),
        ("too many partitions", NewTopic { partitions: 10_001, ..PLAIN }),
        ("assignments and counts", NewTopic { assignments: &[(0, &[1])], ..PLAIN }),
        ("assignments and partitions", NewTopic { partitions: 1, assignments: &[(0, &[1])], ..MANUAL }),
        ("assignments and replicas", NewTopic { replicas: 1, assignments: &[(0, &[1])], ..MANUAL }),
        ("assignments with a gap", assigned(&[(0, &[1]), (2, &[1])])),
        ("assignments from one on", assigned(&[(1, &[1])])),
        ("an unknown broker", assigned(&[(0, &[7])])),
        ("a broker twice", assigned(&[(0, &[1, 1])])),
        ("no broker", assigned(&[(0, &[])])),
        ("a partition twice", assigned(&[(0, &[1]), (0, &[1])])),
        ("an unknown setting", with(&[("nope", Some("1"))])),
        ("a word for a number", with(&[("retention.ms", Some("x"))])),
        ("a number that is too low", with(&[("segment.bytes", Some("1"))])),
        ("an unknown codec", with(&[("compression.type", Some("zip"))])),
        ("a setting without value", with(&[("retention.ms", None)])),
        ("neither true nor false", with(&[("preallocate", Some("maybe"))])),
        ("an unknown policy", with(&[("cleanup.policy", Some("shred"))])),
        (
            "settings that do not go together",
            with(&[("min.compaction.lag.ms", Some("10")), ("max.compaction.lag.ms", Some("5"))]),
        ),
        ("no tiers", with(&[("remote.storage.enable", Some("true"))])),
        ("a setting twice", with(&[("retention.ms", Some("1")), ("retention.ms", Some("2"))])),
    ];
    for (case, topic) in cases {
        answers.add(&format!("create: {case}"), create(connection, &[topic], true));
    }
    let twice = [PLAIN, NewTopic { partitions: 2, ..PLAIN }];
    answers.add("create: a topic twice", create(connection, &twice, true));
    let beside = [named("good"), named("bad/name")];
    answers.add("create: one good, one bad", create(connection, &beside, true));
}

fn growths(connection: &mut Connection, answers: &mut Answers) {
    let orders = More { name: "orders_old", count: 3, assignments: None };
    let cases = [
        ("an unknown topic", More { name: "nope", ..orders }),
        ("no name", More { name: "", ..orders }),
        ("a name that is none", More { name: "a/b", ..orders }),
        ("as many as there are", More { count: 2, ..orders }),
        ("fewer", More { count: 1, ..orders }),
        ("none", More { count: 0, ..orders }),
        ("fewer than none", More { count: -1, ..orders }),
        ("too few assignments", More { count: 4, assignments: Some(&[&[1]]), ..orders }),
        ("an unknown broker", More { assignments: Some(&[&[9]]), ..orders }),
        ("a broker twice", More { assignments: Some(&[&[1, 1]]), ..orders }),
        ("no broker", More { assignments: Some(&[&[]]), ..orders }),
    ];
    for (case, more) in cases {
        answers.add(&format!("grow: {case}"), grow(connection, &[more]));
    }
    answers.add("grow: a topic twice", grow(connection, &[orders, More { count: 4, ..orders }]));
}

/// How a topic is named in a request to delete it: by name, or by id.
type NameAndId<'a> = (Option<&'a str>, [u8; 16]);

fn alterations(connection: &mut Connection, answers: &mut Answers) {
    let topic = |changes| Alter { kind: TOPIC, name: "orders_old", changes };
    let named = |name| Alter { kind: TOPIC, name, changes: &[("retention.ms", SET, Some("1"))] };
    let of_broker = |name| Alter { kind: BROKER, name, changes: &[("log.retention.ms", SET, Some("1000"))] };
    let node = |changes| Alter { kind: BROKER, name: "1", changes };
    let all = |changes| Alter { kind: BROKER, name: "", changes };
    let cases = [
        ("an unknown topic", named("nope")),
        ("a name that is none", named("a/b")),
        ("no name", named("")),
        ("an unknown setting", topic(&[("nope", SET, Some("1"))])),
        ("an unknown setting deleted", topic(&[("nope", DELETE, None)])),
        ("a setting without name", topic(&[("", SET, Some("1"))])),
        ("nothing", topic(&[])),
        ("a word for a number", topic(&[("retention.ms", SET, Some("x"))])),
        ("a number that is too low", topic(&[("segment.bytes", SET, Some("1"))])),
        ("a setting without value", topic(&[("retention.ms", SET, None)])),
        ("a setting twice", topic(&[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))])),
        ("appended to a number", topic(&[("retention.ms", APPEND, Some("1"))])),
        ("subtracted from a number", topic(&[("retention.ms", SUBTRACT, Some("1"))])),
        ("an unknown policy appended", topic(&[("cleanup.policy", APPEND, Some("shred"))])),
        ("another broker", of_broker("7")),
        ("a broker that is no number", of_broker("x")),
        ("a negative broker", of_broker("-1")),
        ("a fixed setting of a broker", node(&[("node.id", SET, Some("4"))])),
        ("an unknown setting of a broker", node(&[("nope.nope", SET, Some("4"))])),
        ("a word for a broker's number", node(&[("log.cleaner.threads", SET, Some("x"))])),
        ("a broker's own setting for all", all(&[("listeners", SET, Some("PLAINTEXT://:1"))])),
        ("a fixed setting for all", all(&[("log.dirs", SET, Some("/x"))])),
        ("a word for a number for all", all(&[("log.retention.ms", SET, Some("x"))])),
        ("too few connections", all(&[("max.connections", SET, Some("-1"))])),
        ("no connections of any address", all(&[("max.connections.per.ip", SET, Some("0"))])),
        ("an unknown kind of resource", Alter { kind: 0, ..named("orders_old") }),
        ("a kind of resource of the future", Alter { kind: 99, ..named("orders_old") }),
    ];
    for (case, alteration) in cases {
        answers.add(&format!("alter: {case}"), alter(connection, &[alteration]));
    }
    let twice = topic(&[("retention.ms", SET, Some("1"))]);
    answers.add("alter: a topic twice", alter(connection, &[twice, twice]));
}

fn deletions(connection: &mut Connection, answers: &mut Answers) {
    let cases: [(&str, &[NameAndId<'_>]); 8] = [
        ("an unknown name", &[(Some("nope"), NO_ID)]),
        ("an unknown id", &[(None, UNKNOWN_ID)]),
        ("neither name nor id", &[(None, NO_ID)]),
        ("name and id", &[(Some("orders_old"), UNKNOWN_ID)]),
        ("no name", &[(Some(""), NO_ID)]),
        ("a name that is none", &[(Some("a/b"), NO_ID)]),
        ("a name twice", &[(Some("orders_old"), NO_ID), (Some("orders_old"), NO_ID)]),
        ("an id twice", &[(None, UNKNOWN_ID), (None, UNKNOWN_ID)]),
    ];
    for (case, topics) in cases {
        answers.add(&format!("delete: {case}"), delete(connection, topics));
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/admin-errors.tsv")
}

with_each_number_of_shards! {
    bad_requests_are_refused_in_kafkas_words,
}

fn bad_requests_are_refused_in_kafkas_words(shards: u16) {
    let scratch = Scratch::new("admin");
    let broker = Broker::with_shards(&scratch, shards);
    let mut connection = Connection::open(broker.address());
    for (name, partitions) in [("orders", 1), ("orders_old", 2)] {
        delete(&mut connection, &[(Some(name), NO_ID)]);
        broker.settle();
        let topic = NewTopic { name, partitions, ..PLAIN };
        assert_eq!(create(&mut connection, &[topic], false)[0].1, 0);
    }
    broker.settle();
    let mut answers = Answers::default();
    creations(&mut connection, &mut answers);
    growths(&mut connection, &mut answers);
    alterations(&mut connection, &mut answers);
    deletions(&mut connection, &mut answers);
    if std::env::var_os("LOGAN_RECORD").is_some() {
        assert!(!broker.is_ours(), "what is recorded is what Kafka says");
        std::fs::write(golden(), answers.0.join("\n") + "\n").expect("the sources are writable");
        return;
    }
    let recorded = std::fs::read_to_string(golden()).expect("it was recorded");
    compare(&recorded, &answers.0, broker.is_ours());
}

fn compare(recorded: &str, answers: &[String], is_ours: bool) {
    let mut wrong = String::new();
    for (recorded, got) in recorded.lines().zip(answers) {
        let mut columns = recorded.splitn(3, '\t');
        let (case, name) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        let otherwise = OTHERWISE.iter().find(|(other, ..)| is_ours && *other == case);
        let expected = otherwise
            .map_or_else(|| recorded.to_owned(), |(_, answer, _)| format!("{case}\t{name}\t{answer}"));
        if *got != expected {
            let _ = writeln!(wrong, "expected {expected}\n     got {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(recorded.lines().count(), answers.len(), "as many answers as Kafka's");
}

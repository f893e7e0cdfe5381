//! What a node reads of its own: settings, and the metadata's log, entries and messages.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use logan::broker::metadata_codec;
use logan::config::{self, table};
use logan::metadata::image::Image;
use logan::protocol::Message;
use logan::protocol::messages::metadata_records::{
    BeginTransactionRecord, BrokerRegistrationChangeRecord, ConfigRecord, EndTransactionRecord,
    FeatureLevelRecord, NoOpRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord,
    RegisterBrokerRecord, RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord,
};
use logan_raft::fuzz::{self, Kind};
use logan_storage::properties;

use super::{Bound, message_bytes, within};
use crate::golden;

/// The shortest entry is a key of one letter and the end of its line. Here it is two strings with blocks of their own and a line's number, in a vector
/// that doubles beside its older block; a text that is not UTF-8 is copied.
const PROPERTIES: Bound = Bound { times: 128, beside: 1024 };

/// `server.properties`.
pub fn properties(input: &[u8]) {
    // A mistake is the fuzzing's own matter below.
    drop(within(PROPERTIES, "properties", input.len(), || properties::parse(input)));
    properties::fuzz(input);
}

/// All settings have a value at the end, whatever was said of them; a mistake is told with what is allowed instead.
const SETTINGS: Bound = Bound { times: 256, beside: 512 << 10 };

/// Two bytes that choose a setting of the broker, then its value: as a value, and within a file whose other lines are those that listeners need.
pub fn settings(input: &[u8]) {
    let Some(([a, b], value)) = input.split_first_chunk() else { return };
    let all = table::of_scope(table::Scope::Broker);
    let setting = &all[usize::from(u16::from_be_bytes([*a, *b])) % all.len()];
    let value = String::from_utf8_lossy(value);
    let parsed = within(VALUE, setting.name, value.len(), || config::value::Value::parse(setting, &value));
    if let Ok(parsed) = parsed {
        let shown = parsed.to_string();
        let again = config::value::Value::parse(setting, &shown);
        assert_eq!(again.map(|again| again.to_string()).as_ref(), Ok(&shown), "{}", setting.name);
    }
    let file = format!("{}{}", LISTENERS, properties::render(setting.name, &value));
    within(SETTINGS, "settings", file.len(), || {
        drop(config::Settings::read(Some(("fuzz", file.as_bytes())), &[], "localhost"));
    });
    config::fixed::fuzz(file.as_bytes());
}

/// The shortest entry of a list is a letter and a comma. Here it is a string with a block of its own, in a vector and in the set that finds it twice.
const VALUE: Bound = Bound { times: 128, beside: 1024 };
const LISTENERS: &str =
    "node.id=1\ncontroller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n";

/// An entry of the metadata's log, or its snapshot: a list of records, which are put into an empty image.
pub fn entries(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    // A record is a message, whose fields are copied out of it; the list of records does not grow beyond what four bytes each allow.
    let bound = Bound { times: 128, beside: 2 * message_bytes(input.len()) };
    let Ok(records) = within(bound, "an entry", input.len(), || metadata_codec::decode(bytes)) else {
        return;
    };
    ENTRIES_READ.fetch_add(1, Ordering::Relaxed);
    let written = metadata_codec::encode(&records).expect("what was read can be written");
    assert_eq!(metadata_codec::decode(written).as_ref(), Ok(&records));
    let mut image = Image::new("cluster");
    for record in &records {
        // Whether it is refused is the image's matter.
        let _ = image.apply(record);
    }
    image.check();
}

static ENTRIES_READ: AtomicU64 = AtomicU64::new(0);

/// How many inputs were lists of records.
pub fn entries_read() -> u64 {
    ENTRIES_READ.load(Ordering::Relaxed)
}

const KINDS: [(Kind, &str, Bound); 3] = [
    // Of an entry there are 21 bytes there, and a message of raft's here: about 160, in the frame and in a log that doubles.
    (Kind::Log, "a log", Bound { times: 40, beside: 2048 }),
    // Its content shares the file's memory; members are numbers in either.
    (Kind::Snapshot, "a snapshot", Bound { times: 1, beside: 512 }),
    // Data shares the message's memory; an entry is as above, once.
    (Kind::Message, "a message", Bound { times: 16, beside: 1024 }),
];
/// Of each kind: how often what checksums guard was read, and how often it was taken.
static READ: [[AtomicU64; 2]; KINDS.len()] = [const { [const { AtomicU64::new(0) }; 2] }; KINDS.len()];

/// A byte that chooses the kind, then raft's log, its snapshot or a message of another node: as it is, and with all checksums made right.
pub fn raft(input: &[u8]) {
    let Some((at, content)) = input.split_first() else { return };
    let at = usize::from(*at) % KINDS.len();
    let (kind, what, bound) = KINDS[at];
    let mut sealed = content.to_vec();
    let has_seal = fuzz::seal(kind, &mut sealed);
    for content in [content.to_vec(), sealed].into_iter().take(if has_seal { 2 } else { 1 }) {
        let content = Bytes::from(content);
        let read = within(bound, what, content.len(), || fuzz::read(kind, content.clone()));
        let is_taken = read.check();
        READ[at][0].fetch_add(u64::from(read.is_behind_checksums), Ordering::Relaxed);
        READ[at][1].fetch_add(u64::from(is_taken), Ordering::Relaxed);
    }
}

/// How often what checksums guard was read of raft's log, snapshots and messages, and how often it was taken.
pub fn raft_read() -> [(&'static str, [u64; 2]); 3] {
    std::array::from_fn(|at| {
        let [read, taken] = &READ[at];
        (KINDS[at].1, [read.load(Ordering::Relaxed), taken.load(Ordering::Relaxed)])
    })
}

pub(super) fn properties_corpus() -> Vec<Vec<u8>> {
    let texts = [
        "node.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=/a,/b\n",
        "# comment\n! other\nkey : value\\\n   continued\nu=\\u00e9\\t\\\\\nempty\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Each setting with a value of several kinds, and what listeners are.
pub(super) fn settings_corpus() -> Vec<Vec<u8>> {
    let all = table::of_scope(table::Scope::Broker);
    let of = |at: usize, value: &str| [&(at as u16).to_be_bytes()[..], value.as_bytes()].concat();
    let mut corpus = Vec::new();
    for at in 0..all.len() {
        corpus.extend(["1", "true", "a,b"].map(|value| of(at, value)));
    }
    for (name, value) in [
        ("listeners", "PLAINTEXT://[::1]:9092,EXTERNAL://0.0.0.0:9094,CONTROLLER://:9093"),
        ("advertised.listeners", "PLAINTEXT://host.example:19092"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("controller.quorum.voters", "1@localhost:9093,2@[::1]:9093"),
        ("max.connections.per.ip.overrides", "127.0.0.1:5,host:7"),
    ] {
        let at = all.iter().position(|setting| setting.name == name).expect("a setting");
        corpus.push(of(at, value));
    }
    corpus
}

/// Kafka's own records, each in an entry, and all together.
pub(super) fn entry_corpus() -> Vec<Vec<u8>> {
    let keys = [
        (RegisterBrokerRecord::NAME, RegisterBrokerRecord::KEY),
        (TopicRecord::NAME, TopicRecord::KEY),
        (PartitionRecord::NAME, PartitionRecord::KEY),
        (PartitionChangeRecord::NAME, PartitionChangeRecord::KEY),
        (RemoveTopicRecord::NAME, RemoveTopicRecord::KEY),
        (ConfigRecord::NAME, ConfigRecord::KEY),
        (UnregisterBrokerRecord::NAME, UnregisterBrokerRecord::KEY),
        (BrokerRegistrationChangeRecord::NAME, BrokerRegistrationChangeRecord::KEY),
        (ProducerIdsRecord::NAME, ProducerIdsRecord::KEY),
        (FeatureLevelRecord::NAME, FeatureLevelRecord::KEY),
        (BeginTransactionRecord::NAME, BeginTransactionRecord::KEY),
        (EndTransactionRecord::NAME, EndTransactionRecord::KEY),
        (NoOpRecord::NAME, NoOpRecord::KEY),
    ];
    let record = |line: &golden::Line| {
        let (_, key) = keys.iter().find(|(name, _)| *name == line.name)?;
        // Frame version, type and version are small: a varint is one byte.
        Some([&[1, *key as u8, line.version as u8], &line.bytes[..]].concat())
    };
    let records: Vec<_> = golden::lines("metadata-records.tsv").iter().filter_map(record).collect();
    let entry = |records: &[Vec<u8>]| [&[1, records.len() as u8], &records.concat()[..]].concat();
    let mut corpus: Vec<_> = records.chunks(1).map(entry).collect();
    corpus.extend(records.chunks(9).map(entry));
    corpus
}

pub(super) fn raft_corpus() -> Vec<Vec<u8>> {
    let seeds = KINDS.iter().enumerate().flat_map(|(at, (kind, ..))| {
        fuzz::seeds(*kind).into_iter().map(move |seed| [vec![at as u8], seed].concat())
    });
    seeds.collect()
}

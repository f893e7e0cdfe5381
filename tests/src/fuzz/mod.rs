//! Fuzzing of everything that reads bytes from a peer or a disk: each target is a plain `fn(&[u8])` that must not panic, and
//! [`run`] feeds it mutations of a corpus for a while. The same functions serve an outside fuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use logan::config;
use logan::protocol::records::{self, RecordReader, Rules, Timestamps};
use logan::protocol::{FrameReader, Step};
use logan_storage::batch::{self, BatchReader, crc32c};
use logan_storage::codec::FormatError;
use logan_storage::disk::BLOCK;
use logan_storage::epochs::LeaderEpochs;
use logan_storage::index::{OffsetIndex, TimeIndex};
use logan_storage::kafka_files;
use logan_storage::key::{LogKey, Spare};
use logan_storage::ledger::{self, Head, Ledger};
use logan_storage::producers::{Producers, SnapshotError};
use logan_storage::record::{self, Entry, Record};
use logan_storage::root::{self, Root};
use logan_storage::txn_index::TxnIndex;

use crate::codec_table::CODECS;
use crate::golden;

/// What is fuzzed, and from what the mutations start.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub corpus: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: &[Target] = &[
    Target { name: "message", run: message, corpus: message_corpus },
    Target { name: "frames", run: frames, corpus: frame_corpus },
    Target { name: "batches", run: batches, corpus: batch_corpus },
    Target { name: "files", run: files, corpus: file_corpus },
    Target { name: "properties", run: properties, corpus: properties_corpus },
];

/// Two bytes that choose the message, one that chooses its version, then its bytes. What can be read can be written, and is then read
/// as the same bytes.
pub fn message(input: &[u8]) {
    let Some(([a, b, v], body)) = input.split_first_chunk() else { return };
    let codec = &CODECS[usize::from(u16::from_be_bytes([*a, *b])) % CODECS.len()];
    let versions = codec.max_version - codec.min_version + 1;
    let version = codec.min_version + i16::from(*v) % versions;
    if let Ok(written) = (codec.round_trip)(version, Bytes::copy_from_slice(body)) {
        let written = written.expect("what was read can be written").contiguous();
        let again = (codec.round_trip)(version, written.clone()).expect("what was written can be read");
        assert!(again.expect("as before").contiguous() == written, "{} v{version} is not stable", codec.name);
    }
}

/// A byte that says how many bytes arrive at a time, then what a connection receives.
pub fn frames(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else { return };
    let (mut reader, mut received) = (FrameReader::new(1 << 16), BytesMut::new());
    for part in stream.chunks(usize::from(*piece).max(1)) {
        received.extend_from_slice(part);
        loop {
            let step = reader.step(&mut received);
            reader.check();
            match step {
                Ok(Step::Need(bytes)) => {
                    assert!(bytes > 0);
                    break;
                }
                Ok(Step::Admit(announced)) => {
                    assert!(announced.size <= 1 << 16);
                    reader.admit();
                }
                Ok(Step::Request(_) | Step::Token(_)) => {}
                Err(_) => return,
            }
        }
    }
}

const BATCH_LIMIT: usize = 1 << 20;

/// Record batches as they come from a producer or a segment, as they are and with their CRC made right, so that what it guards is
/// reached too.
pub fn batches(input: &[u8]) {
    batches_as_they_are(input);
    let mut sealed = input.to_vec();
    if let Ok(length) = batch::Batch::peek(&sealed, BATCH_LIMIT)
        && length <= sealed.len()
    {
        batch::seal(&mut sealed[..length]);
        batches_as_they_are(&sealed);
    }
}

fn batches_as_they_are(input: &[u8]) {
    for placed in BatchReader::new(input, 0, BATCH_LIMIT).with_crc() {
        let Ok(placed) = placed else { break };
        let Ok(reader) = RecordReader::open(&Bytes::copy_from_slice(placed.batch.bytes()), BATCH_LIMIT)
        else {
            continue;
        };
        read_all(reader);
    }
    let rules = Rules {
        version: 9,
        now_ms: 1_700_000_000_000,
        max_batch_bytes: BATCH_LIMIT,
        segment_bytes: BATCH_LIMIT,
        max_unpacked_bytes: BATCH_LIMIT,
        is_compacted: false,
        timestamps: Timestamps::Append,
        compression: None,
        record_errors: 10,
    };
    // Whether it is refused is the validation's matter; that it ends is ours.
    let _ = records::validate(&Bytes::copy_from_slice(input), rules);
}

fn read_all(mut reader: RecordReader) {
    while let Ok(Some(_)) = reader.next() {}
}

/// A byte that chooses the kind of file, then its content: as it is, and with its CRC made right, so that what it guards is reached too.
pub fn files(input: &[u8]) {
    let Some((kind, content)) = input.split_first() else { return };
    files_as_they_are(*kind, content);
    let mut sealed = content.to_vec();
    if seal(*kind, &mut sealed) {
        files_as_they_are(*kind, &sealed);
    }
}

const KINDS: u8 = 11;
const SNAPSHOT: u8 = 3;
const ROOT: u8 = 8;
const RECORD: u8 = 9;
const CHECKPOINT: u8 = 10;
/// Kinds of file with a CRC, of which each was read behind it so often.
static BEHIND_THE_CRC: [AtomicU64; KINDS as usize] = [const { AtomicU64::new(0) }; KINDS as usize];

/// How often the fields behind the CRC of a snapshot, a root, a record of the round log and a checkpoint were read, whether they were right or not.
pub fn read_behind_the_crc() -> [(&'static str, u64); 4] {
    [("snapshot", SNAPSHOT), ("root", ROOT), ("record", RECORD), ("checkpoint", CHECKPOINT)]
        .map(|(name, kind)| (name, BEHIND_THE_CRC[usize::from(kind)].load(Ordering::Relaxed)))
}

/// Makes magic, version, length and CRC of a file right, whatever else is in it. Whether it has any.
fn seal(kind: u8, file: &mut Vec<u8>) -> bool {
    match kind % KINDS {
        SNAPSHOT => {
            file.resize(file.len().max(6), 0);
            file[..2].copy_from_slice(&1_i16.to_be_bytes());
            let crc = crc32c(&file[6..]);
            file[2..6].copy_from_slice(&crc.to_be_bytes());
        }
        ROOT => {
            file.resize(root::FILE_LEN, 0);
            for slot in file.chunks_mut(BLOCK) {
                slot[..6].copy_from_slice(b"LgRt\x01\0");
                let crc = crc32c(&slot[..BLOCK - 4]);
                slot[BLOCK - 4..].copy_from_slice(&crc.to_le_bytes());
            }
        }
        RECORD => {
            file.resize(file.len().max(record::HEADER_LEN), 0);
            file[..6].copy_from_slice(b"LgRd\x01\0");
            let length = file.len() as u32;
            file[8..12].copy_from_slice(&length.to_le_bytes());
            file[12..16].fill(0);
            let crc = crc32c(file);
            file[12..16].copy_from_slice(&crc.to_le_bytes());
        }
        CHECKPOINT => {
            file.resize(file.len().max(ledger::HEADER_LEN), 0);
            file[..6].copy_from_slice(b"LgCk\x02\0");
            let length = file.len() as u64;
            file[8..16].copy_from_slice(&length.to_le_bytes());
            file[16..20].fill(0);
            let crc = crc32c(file);
            file[16..20].copy_from_slice(&crc.to_le_bytes());
        }
        _ => return false,
    }
    true
}

fn files_as_they_are(kind: u8, content: &[u8]) {
    match kind % KINDS {
        0 => {
            if let Ok(index) = OffsetIndex::parse(100, content) {
                let _ =
                    (index.check(1 << 30), index.lookup(150), index.len_when_truncated_to(150), index.last());
            }
        }
        1 => {
            if let Ok(index) = TimeIndex::parse(100, content) {
                let _ = (index.check(), index.lookup(150), index.len_when_truncated_to(150), index.last());
            }
        }
        2 => {
            if let Ok(mut index) = TxnIndex::parse(100, content) {
                assert_eq!(index.encode(), content);
                index.collect(100, 200, &mut Vec::new());
                index.truncate_to(150);
            }
        }
        SNAPSHOT => {
            let read = Producers::read_snapshot(content, 100);
            let is_entry =
                matches!(read, Err(SnapshotError::BehindEnd { .. } | SnapshotError::Contradiction { .. }));
            count(kind, is_entry || read.is_ok());
            if let Ok(producers) = read {
                producers.check();
                let written = producers.write_snapshot();
                assert_eq!(Producers::read_snapshot(&written, 100).as_ref(), Ok(&producers));
            }
        }
        4 => {
            if let Ok(epochs) = LeaderEpochs::read(content) {
                epochs.check();
            }
        }
        5 => drop(kafka_files::read_partition_metadata(content)),
        6 => drop(kafka_files::read_offset_checkpoint(content)),
        7 => drop(kafka_files::MetaProperties::read(content)),
        ROOT => {
            let read = Root::decode(content);
            count(kind, is_behind_the_crc(&read));
            if let Ok(root) = read {
                assert_eq!(Root::decode(&[root.encode(), root.encode()].concat()), Ok(root));
            }
        }
        RECORD => {
            let read = Record::decode(content);
            count(kind, is_behind_the_crc(&read));
            if let Ok((record, _, _)) = read {
                let mut written = Vec::new();
                record.encode(&mut written);
                assert_eq!(Record::decode(&written).map(|(again, _, _)| again), Ok(record));
            }
        }
        _ => {
            let read = Ledger::decode(content);
            count(kind, is_behind_the_crc(&read));
            if let Ok(ledger) = read {
                assert_eq!(Ledger::decode(&ledger.encode()), Ok(ledger));
            }
        }
    }
}

fn count(kind: u8, is_behind: bool) {
    BEHIND_THE_CRC[usize::from(kind % KINDS)].fetch_add(u64::from(is_behind), Ordering::Relaxed);
}

fn is_behind_the_crc<T>(read: &Result<T, FormatError>) -> bool {
    use FormatError::{TooShort, UnknownVersion, WrongCrc, WrongMagic};
    !matches!(read, Err(TooShort | WrongCrc | WrongMagic { .. } | UnknownVersion { .. }))
}

/// `server.properties`.
pub fn properties(input: &[u8]) {
    config::properties::fuzz(input);
}

fn message_corpus() -> Vec<Vec<u8>> {
    let files = ["messages.tsv", "group-records.tsv", "metadata-records.tsv", "share-records.tsv"];
    let lines = files.into_iter().flat_map(golden::lines);
    lines
        .map(|line| {
            let at = CODECS.iter().position(|c| c.kind == line.kind && c.name == line.name);
            let at = at.expect("every golden message is known");
            let version = line.version - CODECS[at].min_version;
            let mut input = (at as u16).to_be_bytes().to_vec();
            input.push(version as u8);
            input.extend_from_slice(&line.bytes);
            input
        })
        .collect()
}

fn frame_corpus() -> Vec<Vec<u8>> {
    let lines = golden::lines("messages.tsv").into_iter().filter(|line| line.kind == "header");
    lines
        .map(|line| {
            let mut input = vec![255];
            for _ in 0..2 {
                input.extend_from_slice(&(line.bytes.len() as u32).to_be_bytes());
                input.extend_from_slice(&line.bytes);
            }
            input
        })
        .collect()
}

fn batch_corpus() -> Vec<Vec<u8>> {
    golden::batches().into_iter().map(|bytes| bytes.to_vec()).collect()
}

fn file_corpus() -> Vec<Vec<u8>> {
    let texts =
        ["0\n2\n0 0\n5 100\n", "0\n2\nt 0 12\nt 1 7\n", "version: 0\ntopic_id: AHRRMCHaiXggb1xmceDAfg\n"];
    let mut corpus = Vec::new();
    for kind in 0..KINDS {
        for content in texts.iter().map(|text| text.as_bytes().to_vec()) {
            corpus.push([vec![kind], content].concat());
        }
        corpus.push([vec![kind], vec![0; 48]].concat());
    }
    corpus.push([vec![8], Root::clean().encode()].concat());
    corpus.push([vec![ROOT], [open_root(), open_root()].concat()].concat());
    corpus.push([vec![SNAPSHOT], Producers::new(100).write_snapshot()].concat());
    corpus.push([vec![SNAPSHOT], snapshot()].concat());
    let mut record = Vec::new();
    Record { round_log: 1, chain: 2, round: 3, durable_through: 2, entries: entries() }.encode(&mut record);
    corpus.push([vec![RECORD], record].concat());
    corpus.push([vec![CHECKPOINT], Ledger::new(1).encode()].concat());
    corpus.push([vec![CHECKPOINT], checkpoint().encode()].concat());
    corpus
}

fn open_root() -> Vec<u8> {
    Root { sequence: 4, is_clean: false, next_round_log: 9, round_logs: vec![7, 8] }.encode()
}

/// Two producers, one of them with a transaction that is open.
fn snapshot() -> Vec<u8> {
    let mut body = 2_i32.to_be_bytes().to_vec();
    for (id, first_of_transaction) in [(5_i64, -1_i64), (6, 40)] {
        body.extend(id.to_be_bytes());
        body.extend(0_i16.to_be_bytes());
        body.extend(9_i32.to_be_bytes());
        body.extend(50_i64.to_be_bytes());
        body.extend(3_i32.to_be_bytes());
        body.extend(1_700_000_000_000_i64.to_be_bytes());
        body.extend((-1_i32).to_be_bytes());
        body.extend(first_of_transaction.to_be_bytes());
    }
    let mut file = [vec![0; 6], body].concat();
    seal(SNAPSHOT, &mut file);
    Producers::read_snapshot(&file, 100).expect("it is one");
    file
}

/// Every kind of entry, in an order in which a ledger takes them.
fn entries() -> Vec<Entry> {
    let key = |topic: &str| Arc::new(LogKey { topic: topic.into(), topic_id: [7; 16], partition: 3 });
    let spare = |number| Spare { round_log: 1, number };
    let write = |log, position| Entry::Write {
        log,
        generation: 0,
        base: 0,
        position,
        length: 100,
        crc: 5,
        next_offset: i64::from(position) / 10 + 10,
    };
    vec![
        Entry::Create { log: 0, key: key("orders"), offset: 0 },
        Entry::Create { log: 1, key: key("payments"), offset: 0 },
        Entry::Roll { log: 0, generation: 0, base: 0, spare: spare(0) },
        Entry::Roll { log: 1, generation: 0, base: 0, spare: spare(1) },
        write(0, 0),
        write(0, 100),
        write(1, 0),
        Entry::Roll { log: 0, generation: 0, base: 20, spare: spare(2) },
        Entry::LogStart { log: 0, offset: 5 },
        Entry::Truncate { log: 0, generation: 1, base: 0, position: 100, offset: 10 },
        Entry::Delete { log: 1 },
    ]
}

/// With logs, segments, some that were given up, and a log that was deleted.
fn checkpoint() -> Ledger {
    let mut ledger = Ledger::new(1);
    for (at, entry) in entries().into_iter().enumerate() {
        let head = Head { round: at as u64 + 1, chain: 9, file: 0, position: 4096 };
        ledger.apply_round(&[entry], head).expect("each entry fits");
    }
    assert!(!ledger.logs.is_empty() && !ledger.retired.is_empty() && !ledger.deleted.is_empty());
    ledger
}

fn properties_corpus() -> Vec<Vec<u8>> {
    let texts = [
        "node.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=/a,/b\n",
        "# comment\n! other\nkey : value\\\n   continued\nu=\\u00e9\\t\\\\\nempty\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Feeds mutations of the corpus to a target until `limit` has passed, and each corpus entry as it is before that; returns how many
/// inputs there were. The same seed gives the same inputs. A panic is told with its input and goes on.
pub fn run(target: Target, seed: u64, limit: Duration) -> u64 {
    let corpus = (target.corpus)();
    assert!(!corpus.is_empty(), "{} has nothing to start from", target.name);
    let end = Instant::now() + limit;
    let mut random = Random(seed);
    let mut inputs = 0;
    let mut feed = |input: &[u8]| {
        inputs += 1;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            eprintln!("{}: seed {seed}, input {inputs}: {:02x}", target.name, Bytes::copy_from_slice(input));
            resume_unwind(panic);
        }
    };
    for input in &corpus {
        feed(input);
    }
    while Instant::now() < end {
        // The clock costs more than many a target: it is read once for so many inputs.
        for _ in 0..64 {
            let mut input = corpus[random.below(corpus.len())].clone();
            for _ in 0..=random.below(4) {
                mutate(&mut input, &corpus, &mut random);
            }
            feed(&input);
        }
    }
    inputs
}

/// Lengths and counts at the edges of what they can be, as they are written.
const EDGES: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0xff, 0xfe],
    &[0x7f, 0xff],
    &[0xff; 4],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0, 0, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0, 0, 0, 0, 0],
];

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    const LONGEST: usize = 1 << 16;
    let at = random.below(input.len() + 1);
    let rest = input.len() - at;
    match random.below(8) {
        0 | 1 if rest > 0 => input[at] ^= 1 << random.below(8),
        2 if rest > 0 => input[at] = random.next() as u8,
        3 => input.truncate(at),
        4 => drop(input.drain(at..at + random.below(rest.min(16) + 1))),
        5 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let again = input[at..at + random.below(rest + 1)].to_vec();
            input.splice(at..at, again);
        }
        _ => {
            let edge = EDGES[random.below(EDGES.len())];
            let replaced = if random.below(2) == 0 { 0 } else { edge.len().min(rest) };
            input.splice(at..at + replaced, edge.iter().copied());
        }
    }
    input.truncate(LONGEST);
}

/// A sequence that its seed determines (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

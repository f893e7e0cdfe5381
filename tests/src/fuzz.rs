//! Fuzzing of everything that reads bytes from a peer or a disk: each target is a plain `fn(&[u8])` that must not panic, and
//! [`run`] feeds it mutations of a corpus for a while. The same functions serve an outside fuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use logan::config;
use logan::protocol::records::{self, RecordReader, Rules, Timestamps};
use logan::protocol::{FrameReader, Step};
use logan_storage::batch::{self, BatchReader};
use logan_storage::epochs::LeaderEpochs;
use logan_storage::index::{OffsetIndex, TimeIndex};
use logan_storage::kafka_files;
use logan_storage::ledger::Ledger;
use logan_storage::producers::Producers;
use logan_storage::record::Record;
use logan_storage::root::Root;
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

/// A byte that chooses the kind of file, then its content.
pub fn files(input: &[u8]) {
    let Some((kind, content)) = input.split_first() else { return };
    match kind % 11 {
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
        3 => {
            if let Ok(producers) = Producers::read_snapshot(content, 100) {
                producers.check();
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
        8 => drop(Root::decode(content)),
        9 => drop(Record::decode(content)),
        _ => drop(Ledger::decode(content)),
    }
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
    for kind in 0..11_u8 {
        for content in texts.iter().map(|text| text.as_bytes().to_vec()) {
            corpus.push([vec![kind], content].concat());
        }
        corpus.push([vec![kind], vec![0; 48]].concat());
    }
    corpus.push([vec![8], Root::clean().encode()].concat());
    corpus.push([vec![3], Producers::new(100).write_snapshot()].concat());
    corpus
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

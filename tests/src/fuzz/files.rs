//! What stands in a log directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logan_storage::batch::crc32c;
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

use super::{Bound, within};

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

/// What each kind of file may take in memory.
const fn bound_of(kind: u8) -> Bound {
    let (times, beside) = match kind {
        // Both are searched where they lie.
        0 | 1 => (0, 0),
        // An entry has 34 bytes there, and 32 here.
        2 => (1, 0),
        // A producer has 46 bytes there. Here it has room for five batches, in a tree whose nodes may be half empty: about 400.
        SNAPSHOT => (12, 4 << 10),
        // The shortest line is `1 1`, and an epoch has 16 bytes in a vector that doubles beside its older block.
        4 => (12, 512),
        // An error names the line, and what is right instead.
        5 => (4, 512),
        // The shortest line is `t 0 1`; here it is a string and two numbers in a vector that doubles.
        6 | 7 => (32, 1024),
        // A number of a round log has eight bytes in either.
        ROOT => (1, 256),
        // The shortest entry is a deletion of 5 bytes. Here each has 56 in a vector that doubles; a name has its own block.
        RECORD => (40, 1024),
        // A log has its own blocks for name and segments, in a tree whose nodes may be half empty.
        _ => (12, 8 << 10),
    };
    Bound { times, beside }
}

fn files_as_they_are(kind: u8, content: &[u8]) {
    let kind = kind % KINDS;
    let bound = bound_of(kind);
    let size = content.len();
    match kind {
        0 => {
            let index = within(bound, "an offset index", size, || OffsetIndex::parse(100, content));
            if let Ok(index) = index {
                let _ =
                    (index.check(1 << 30), index.lookup(150), index.len_when_truncated_to(150), index.last());
            }
        }
        1 => {
            let index = within(bound, "a time index", size, || TimeIndex::parse(100, content));
            if let Ok(index) = index {
                let _ = (index.check(), index.lookup(150), index.len_when_truncated_to(150), index.last());
            }
        }
        2 => {
            let index = within(bound, "a transaction index", size, || TxnIndex::parse(100, content));
            if let Ok(mut index) = index {
                assert_eq!(index.encode(), content);
                index.collect(100, 200, &mut Vec::new());
                index.truncate_to(150);
            }
        }
        SNAPSHOT => {
            let read = within(bound, "a snapshot", size, || Producers::read_snapshot(content, 100));
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
            let epochs = within(bound, "epochs", size, || LeaderEpochs::read(content));
            if let Ok(epochs) = epochs {
                epochs.check();
                assert_eq!(LeaderEpochs::read(epochs.write().as_bytes()).as_ref(), Ok(&epochs));
            }
        }
        5 => {
            drop(within(bound, "partition.metadata", size, || kafka_files::read_partition_metadata(content)));
        }
        6 => drop(within(bound, "offsets", size, || kafka_files::read_offset_checkpoint(content))),
        7 => drop(within(bound, "meta.properties", size, || kafka_files::MetaProperties::read(content))),
        _ => own_files_as_they_are(kind, content),
    }
}

/// Of Logan's own kinds.
fn own_files_as_they_are(kind: u8, content: &[u8]) {
    let (bound, size) = (bound_of(kind), content.len());
    match kind {
        ROOT => {
            let read = within(bound, "a root", size, || Root::decode(content));
            count(kind, is_behind_the_crc(&read));
            if let Ok(root) = read {
                assert_eq!(Root::decode(&[root.encode(), root.encode()].concat()), Ok(root));
            }
        }
        RECORD => {
            let read = within(bound, "a record", size, || Record::decode(content));
            count(kind, is_behind_the_crc(&read));
            if let Ok((record, _, _)) = read {
                let mut written = Vec::new();
                record.encode(&mut written);
                assert_eq!(Record::decode(&written).map(|(again, _, _)| again), Ok(record));
            }
        }
        _ => {
            let read = within(bound, "a checkpoint", size, || Ledger::decode(content));
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

pub(super) fn corpus() -> Vec<Vec<u8>> {
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

//! Offset, time and transaction indexes.

use std::path::Path;

use logan_storage::disk::BLOCK;
use logan_storage::index::{OFFSET_ENTRY_LEN, OffsetIndex, TIME_ENTRY_LEN, TimeIndex};
use logan_storage::kafka_files::SegmentFile;
use logan_storage::txn_index::TxnIndex;

use super::{Lines, Stopped, failed, files, name_of};

/// An index of 2 GiB is the longest whose entries can all be different.
const MAX_INDEX_BYTES: u64 = 1 << 31;

pub(super) const KINDS: &[SegmentFile] =
    &[SegmentFile::OffsetIndex, SegmentFile::TimeIndex, SegmentFile::TxnIndex];

pub(super) fn print(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let name = name_of(path)?;
    let base = name.offset;
    let bytes = files::read_existing(path, MAX_INDEX_BYTES)?;
    let (bytes, zeros) = bytes.split_at(without_zeros(&bytes, name.file));
    match name.file {
        SegmentFile::OffsetIndex => {
            let index = OffsetIndex::parse(base, bytes).map_err(|error| failed(path, error))?;
            for entry in index.iter() {
                lines.line(format_args!("offset={} position={}", entry.offset, entry.position))?;
            }
            index.check(u64::MAX).map_err(|error| failed(path, error))?;
            print_zeros(zeros, lines)
        }
        SegmentFile::TimeIndex => {
            let index = TimeIndex::parse(base, bytes).map_err(|error| failed(path, error))?;
            for entry in index.iter() {
                lines.line(format_args!("timestamp={} offset={}", entry.timestamp, entry.offset))?;
            }
            index.check().map_err(|error| failed(path, error))?;
            print_zeros(zeros, lines)
        }
        SegmentFile::TxnIndex => {
            let index = TxnIndex::parse(base, bytes).map_err(|error| failed(path, error))?;
            for one in index.entries() {
                lines.line(format_args!(
                    "producer={} first={} last={} last_stable={}",
                    one.producer_id, one.first_offset, one.last_offset, one.last_stable_offset
                ))?;
            }
            Ok(())
        }
        SegmentFile::Log | SegmentFile::ProducerSnapshot => {
            Err(failed(path, "is no .index, .timeindex or .txnindex"))
        }
    }
}

/// How many bytes of a file are entries. Indexes of a segment that grows are written in whole blocks, so zeros may follow the last one.
fn without_zeros(bytes: &[u8], file: SegmentFile) -> usize {
    let entry_len = match file {
        SegmentFile::OffsetIndex => OFFSET_ENTRY_LEN,
        SegmentFile::TimeIndex => TIME_ENTRY_LEN,
        _ => return bytes.len(),
    };
    if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
        return bytes.len();
    }
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    used.next_multiple_of(entry_len).min(bytes.len())
}

fn print_zeros(zeros: &[u8], lines: &mut Lines<'_>) -> Result<(), Stopped> {
    if zeros.is_empty() {
        return Ok(());
    }
    lines.line(format_args!("{} bytes of zeros behind: the segment was growing", zeros.len()))
}

#[cfg(test)]
mod tests {
    use logan_storage::index::{OffsetEntry, TimeEntry};
    use logan_storage::txn_index::AbortedTxn;

    use super::super::super::tests::Scratch;
    use super::super::tests::printed;
    use super::*;

    fn check(name: &str, bytes: &[u8], expect: &str) {
        let scratch = Scratch::new("inspect-index");
        let path = scratch.write(name, bytes);
        let got = printed(|lines| print(&path, lines)).unwrap_or_else(|error| {
            format!("! {}", error.replace(&scratch.path().display().to_string(), ""))
        });
        assert_eq!(got, expect);
    }

    #[test]
    fn entries_are_printed_and_damage_is_named() {
        let offset = |offset, position| OffsetEntry { offset, position }.encode(100).expect("above the base");
        let name = "00000000000000000100.index";
        check(
            name,
            &[offset(101, 5), offset(105, 77)].concat(),
            "offset=101 position=5\noffset=105 position=77\n",
        );
        check(
            name,
            &[1, 2, 3],
            "! /00000000000000000100.index: an index of 3 bytes does not consist of entries of 8 bytes",
        );
        let time = |timestamp, offset| TimeEntry { timestamp, offset }.encode(100).expect("above the base");
        check("00000000000000000100.timeindex", &time(9, 101), "timestamp=9 offset=101\n");
        let mut growing = [offset(101, 5), offset(105, 256)].concat();
        growing.resize(BLOCK, 0);
        check(
            name,
            &growing,
            "offset=101 position=5\noffset=105 position=256\n4080 bytes of zeros behind: the segment was growing\n",
        );
        let aborted =
            AbortedTxn { producer_id: 1, first_offset: 101, last_offset: 102, last_stable_offset: 103 };
        check(
            "00000000000000000100.txnindex",
            &aborted.encode(),
            "producer=1 first=101 last=102 last_stable=103\n",
        );
        check(
            "x.index",
            &[],
            "! /x.index: its name is not that of a segment's file: 20 digits, and what it is",
        );
    }
}

//! What comes from clients: messages, frames, record batches.

use bytes::{Bytes, BytesMut};
use logan::protocol::records::{self, RecordReader, Rules, Timestamps};
use logan::protocol::{FrameReader, Step};
use logan_storage::batch::{self, BatchReader};

use super::{Bound, within};
use crate::codec_table::CODECS;
use crate::golden;

/// Bytes of memory that decoding a message of `size` bytes may take. The smallest elements (an empty string, a tag) have 1 or 2 bytes on the wire
/// and 32 or 40 in memory, and an array that grows has its old block beside the new one; for more than 4 KiB the reader's allowance
/// of 16 times the size (and half of it again while growing) is less.
pub fn message_bytes(size: usize) -> usize {
    (128 * size).min((24 * size).max(96 << 10)) + 256
}

/// Two bytes that choose the message, one that chooses its version, then its bytes. What can be read can be written, and is then read
/// as the same bytes.
pub fn message(input: &[u8]) {
    let Some(([a, b, v], body)) = input.split_first_chunk() else { return };
    let codec = &CODECS[usize::from(u16::from_be_bytes([*a, *b])) % CODECS.len()];
    let versions = codec.max_version - codec.min_version + 1;
    let version = codec.min_version + i16::from(*v) % versions;
    let bound = Bound { times: 0, beside: message_bytes(body.len()) };
    let bytes = Bytes::copy_from_slice(body);
    // The refusal is told by the round trip, too.
    let _ = within(bound, codec.name, body.len(), || (codec.decode)(version, bytes));
    if let Ok(written) = (codec.round_trip)(version, Bytes::copy_from_slice(body)) {
        let written = written.expect("what was read can be written").contiguous();
        let again = (codec.round_trip)(version, written.clone()).expect("what was written can be read");
        assert!(again.expect("as before").contiguous() == written, "{} v{version} is not stable", codec.name);
    }
}

/// A frame shares the memory of what was received. Beside it there is what its owners count.
const FRAME: Bound = Bound { times: 0, beside: 256 };

/// A byte that says how many bytes arrive at a time, then what a connection receives.
pub fn frames(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else { return };
    let (mut reader, mut received) = (FrameReader::new(1 << 16), BytesMut::new());
    for part in stream.chunks(usize::from(*piece).max(1)) {
        received.extend_from_slice(part);
        loop {
            let step = within(FRAME, "a frame", received.len(), || reader.step(&mut received));
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

/// Reading what is not compressed shares its memory. What is compressed may say more than the reader takes: at most `BATCH_LIMIT` of one record, in
/// a window that doubles, beside what was unpacked of the next block and the codec's own tables.
const RECORDS: Bound = Bound { times: 2, beside: 4 * BATCH_LIMIT };
/// As above, and a batch that its records' offsets or times correct is written anew; of each record that is refused there is a message.
const VALIDATION: Bound = Bound { times: 4, beside: 4 * BATCH_LIMIT };

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
        let bytes = Bytes::copy_from_slice(placed.batch.bytes());
        within(RECORDS, "records", bytes.len(), || {
            if let Ok(reader) = RecordReader::open(&bytes, BATCH_LIMIT) {
                read_all(reader);
            }
        });
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
    let bytes = Bytes::copy_from_slice(input);
    // Whether it is refused is the validation's matter; that it ends is ours.
    let _ = within(VALIDATION, "a validation", bytes.len(), || records::validate(&bytes, rules));
}

fn read_all(mut reader: RecordReader) {
    while let Ok(Some(_)) = reader.next() {}
}

pub(super) fn message_corpus() -> Vec<Vec<u8>> {
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

pub(super) fn frame_corpus() -> Vec<Vec<u8>> {
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

pub(super) fn batch_corpus() -> Vec<Vec<u8>> {
    golden::batches().into_iter().map(|bytes| bytes.to_vec()).collect()
}

//! Segments: their batches, and where those end.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use logan_storage::batch::{Batch, BatchError, HEADER_LEN};

use super::{Lines, Stopped, failed};

/// Read from a segment at a time, and what is kept beside one batch.
const PIECE: usize = 1 << 20;

pub(super) fn print(path: &Path, records: bool, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let mut segment = Segment::open(path)?;
    loop {
        let position = segment.position;
        match segment.next(path)? {
            Some(Ok(batch)) => {
                print_batch(&batch, position, lines)?;
                if records {
                    super::records::print(&batch, lines)?;
                }
            }
            Some(Err(error)) => return print_rest(path, &mut segment, position, &error, lines),
            None => return Ok(()),
        }
    }
}

fn print_batch(batch: &Batch<'_>, position: u64, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let attributes = batch.attributes();
    let codec = match attributes.codec() {
        0 => "none",
        1 => "gzip",
        2 => "snappy",
        3 => "lz4",
        4 => "zstd",
        _ => "unknown",
    };
    let flag = |is_set: bool, word: &'static str| if is_set { word } else { "" };
    lines.line(format_args!(
        "batch offsets={}..{} position={position} bytes={} count={} codec={codec} timestamps={}..{} leader_epoch={} \
         producer={} producer_epoch={} sequence={}{}{}{} crc={}",
        batch.base_offset(),
        batch.last_offset(),
        batch.len(),
        batch.count(),
        batch.base_timestamp(),
        batch.max_timestamp(),
        batch.leader_epoch(),
        batch.producer_id(),
        batch.producer_epoch(),
        batch.base_sequence(),
        flag(attributes.is_append_time(), " append_time"),
        flag(attributes.is_transactional(), " transactional"),
        flag(attributes.is_control(), " control"),
        if batch.check_crc().is_ok() { "right" } else { "WRONG" },
    ))
}

/// Says what stands behind the last batch. Blocks that are prepared and not written yet are zeros; anything else is older data of a
/// segment in use, or damage: only the round log knows which.
fn print_rest(
    path: &Path,
    segment: &mut Segment,
    position: u64,
    error: &BatchError,
    lines: &mut Lines<'_>,
) -> Result<(), Stopped> {
    let bytes = segment.length - position;
    if segment.is_zero_from_here(path)? {
        return lines.line(format_args!("end position={position} then {bytes} bytes of zeros"));
    }
    let rest = format!("no batch at position {position}, {bytes} bytes before the end of the file: {error}");
    Err(failed(path, rest))
}

/// A segment's file, read in pieces.
struct Segment {
    file: File,
    length: u64,
    /// Where the next batch begins.
    position: u64,
    /// What has been read from there on; the batch before stands before `taken`.
    buffer: Vec<u8>,
    taken: usize,
}

impl Segment {
    fn open(path: &Path) -> Result<Self, Stopped> {
        let file = File::open(path).map_err(|error| failed(path, error))?;
        let length = file.metadata().map_err(|error| failed(path, error))?.len();
        Ok(Self { file, length, position: 0, buffer: Vec::new(), taken: 0 })
    }

    /// The next batch, why there is none, or `None` at the end of the file. Never holds more than the file has.
    fn next(&mut self, path: &Path) -> Result<Option<Result<Batch<'_>, BatchError>>, Stopped> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.position == self.length {
            return Ok(None);
        }
        let limit = usize::try_from(self.length - self.position).unwrap_or(usize::MAX);
        let mut need = HEADER_LEN.min(limit);
        let len = loop {
            self.fill(need, path)?;
            match Batch::parse(&self.buffer, limit) {
                Ok(batch) => break batch.len(),
                Err(BatchError::TooShort { need: more, .. }) if more <= limit && more > self.buffer.len() => {
                    need = more;
                }
                Err(error) => return Ok(Some(Err(error))),
            }
        };
        self.taken = len;
        self.position += len as u64;
        Ok(Some(Batch::parse(&self.buffer[..len], len)))
    }

    /// Reads until the buffer has `need` bytes, or the file ends.
    fn fill(&mut self, need: usize, path: &Path) -> Result<(), Stopped> {
        if self.buffer.len() >= need {
            return Ok(());
        }
        let more = need.max(PIECE) - self.buffer.len();
        let read = self.file.by_ref().take(more as u64).read_to_end(&mut self.buffer);
        read.map(drop).map_err(|error| failed(path, error))
    }

    fn is_zero_from_here(&mut self, path: &Path) -> Result<bool, Stopped> {
        loop {
            if self.buffer.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            self.buffer.clear();
            self.fill(1, path)?;
            if self.buffer.is_empty() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use logan_storage::batch::{Attributes, Header};

    use super::super::super::tests::Scratch;
    use super::super::tests::printed;
    use super::*;

    fn batch(base_offset: i64, records: &[u8]) -> Vec<u8> {
        let header = Header {
            base_offset,
            leader_epoch: 4,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp: 10,
            max_timestamp: 10,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: 1,
        };
        let mut bytes = Vec::new();
        header.write_batch(records, &mut bytes);
        bytes
    }

    fn print_file(bytes: &[u8]) -> Result<String, String> {
        let scratch = Scratch::new("inspect-log");
        let path = scratch.write("00000000000000000000.log", bytes);
        printed(|lines| print(&path, false, lines))
            .map_err(|error| error.replace(&scratch.path().display().to_string(), ""))
    }

    #[test]
    fn batches_are_printed() {
        // The second one is longer than a piece.
        let bytes = [batch(0, b"abc"), batch(1, &vec![7; PIECE]), batch(2, b"")].concat();
        let expect = |offset: u64, position: usize, bytes: usize| {
            format!(
                "batch offsets={offset}..{offset} position={position} bytes={bytes} count=1 codec=none timestamps=10..10 \
                 leader_epoch=4 producer=-1 producer_epoch=-1 sequence=-1 crc=right\n"
            )
        };
        let (second, third) = (HEADER_LEN + PIECE, HEADER_LEN);
        let whole = expect(0, 0, 64) + &expect(1, 64, second) + &expect(2, 64 + second, third);
        assert_eq!(print_file(&bytes), Ok(whole.clone()));
        let prepared = [bytes.clone(), vec![0; 100]].concat();
        let end = bytes.len();
        assert_eq!(print_file(&prepared), Ok(format!("{whole}end position={end} then 100 bytes of zeros\n")));
    }

    #[test]
    fn damage_is_named() {
        let mut bytes = batch(0, b"abc");
        bytes[62] ^= 1;
        assert!(print_file(&bytes).expect("still a batch").ends_with("crc=WRONG\n"));
        let cut = &batch(0, b"abc")[..63];
        let error = print_file(cut).expect_err("cut");
        assert!(
            error.starts_with("/00000000000000000000.log: no batch at position 0, 63 bytes before"),
            "{error}"
        );
        assert!(print_file(&[9; 40]).is_err());
    }
}

//! Snappy in the framing of xerial's snappy-java, which Kafka's Java client writes, and without any, which others write.
//!
//! The framing: 8 bytes of magic, version i32, lowest compatible version i32, then blocks of (length i32, raw snappy). A magic may
//! come again between blocks, where two streams were joined.

use bytes::{Buf, Bytes};

use super::{CHUNK, Codec, DecompressError};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const HEADER_LEN: usize = 16;
const VERSION: i32 = 1;
/// What snappy-java gathers in a block unless told otherwise.
const BLOCK: usize = 32 << 10;
/// No three bytes of snappy make more than 64: a block that states more than this times its length is lying.
const LARGEST_RATIO: usize = 22;

pub struct Decoder {
    input: Bytes,
    is_framed: bool,
}

impl Decoder {
    pub fn new(input: Bytes) -> Self {
        let is_framed = input.starts_with(&MAGIC);
        Self { input, is_framed }
    }

    /// Appends one block of less than `room` bytes, or says that it is larger by returning `room`; perhaps 0, if there are only empty ones
    /// so far. `None` at the end.
    pub fn read(&mut self, room: usize, out: &mut Vec<u8>) -> Result<Option<usize>, DecompressError> {
        let is_at_end = self.input.is_empty();
        let enough = self.input.len().saturating_sub(CHUNK);
        while !self.input.is_empty() && self.input.len() >= enough {
            let Some(block) = self.next_block()? else { continue };
            let stated = snap::raw::decompress_len(&block).map_err(|error| malformed(&error))?;
            if stated > block.len().saturating_mul(LARGEST_RATIO) {
                return Err(malformed("a block states more bytes than it can hold"));
            }
            if stated >= room {
                return Ok(Some(room));
            }
            let start = out.len();
            out.resize(start + stated, 0);
            let len = snap::raw::Decoder::new()
                .decompress(&block, &mut out[start..])
                .map_err(|error| malformed(&error))?;
            out.truncate(start + len);
            if len > 0 {
                return Ok(Some(len));
            }
        }
        Ok((!is_at_end).then_some(0))
    }

    /// Bytes of the input that are not read yet.
    pub fn left(&self) -> usize {
        self.input.len()
    }

    /// The next block, if it is not a header that comes next.
    fn next_block(&mut self) -> Result<Option<Bytes>, DecompressError> {
        if !self.is_framed {
            return Ok(Some(std::mem::take(&mut self.input)));
        }
        if self.input.starts_with(&MAGIC) {
            if self.input.len() < HEADER_LEN {
                return Err(malformed("the header is cut off"));
            }
            self.input.advance(HEADER_LEN);
            return Ok(None);
        }
        let len = self.input.try_get_u32().map_err(|error| malformed(&error))? as usize;
        if len > self.input.len() {
            return Err(malformed("a block is cut off"));
        }
        Ok(Some(self.input.split_to(len)))
    }
}

fn malformed(reason: &(impl ToString + ?Sized)) -> DecompressError {
    DecompressError::malformed(Codec::Snappy, reason)
}

/// Writes snappy-java's framing.
pub struct Encoder {
    out: Vec<u8>,
    block: Vec<u8>,
}

impl Encoder {
    pub fn new(mut out: Vec<u8>) -> Self {
        out.extend(MAGIC);
        out.extend(VERSION.to_be_bytes());
        out.extend(VERSION.to_be_bytes());
        Self { out, block: Vec::new() }
    }

    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == BLOCK {
                self.end_block();
            }
            bytes = later;
        }
    }

    fn end_block(&mut self) {
        let length_at = self.out.len();
        let start = length_at + 4;
        self.out.resize(start + snap::raw::max_compress_len(self.block.len()), 0);
        let len = snap::raw::Encoder::new()
            .compress(&self.block, &mut self.out[start..])
            .expect("there is room for the largest result");
        self.out.truncate(start + len);
        self.out[length_at..start].copy_from_slice(&(len as u32).to_be_bytes());
        self.block.clear();
    }

    /// Bytes of the output so far.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Bytes that it holds, with the output.
    pub fn held(&self) -> usize {
        self.block.capacity() + self.out.capacity()
    }

    pub fn finish(mut self) -> Vec<u8> {
        if !self.block.is_empty() {
            self.end_block();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: Vec<u8>) -> Result<Vec<u8>, DecompressError> {
        let mut decoder = Decoder::new(bytes.into());
        let mut out = Vec::new();
        while decoder.read(1 << 20, &mut out)?.is_some() {}
        Ok(out)
    }

    #[test]
    fn joined_streams_and_empty_blocks() {
        let stream = |text: &[u8]| {
            let mut encoder = Encoder::new(Vec::new());
            encoder.write(text);
            encoder.finish()
        };
        assert_eq!(decode([stream(b"one"), stream(b""), stream(b"two")].concat()), Ok(b"onetwo".to_vec()));
        let empty_block = [0, 0, 0, 1, 0];
        assert_eq!(
            decode([&stream(b"one")[..], &empty_block, &stream(b"two")].concat()),
            Ok(b"onetwo".to_vec())
        );
    }

    #[test]
    fn without_framing() {
        assert_eq!(decode(vec![3, 2 << 2, b'a', b'b', b'c']), Ok(b"abc".to_vec()));
    }

    #[test]
    fn a_lying_length_allocates_nothing() {
        // A block that states 4 GiB.
        let result = decode(vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
        assert!(matches!(result, Err(DecompressError::Malformed { .. })), "{result:?}");
    }
}

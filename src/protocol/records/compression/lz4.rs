//! The LZ4 frame format as Kafka reads and writes it: one frame, blocks that do not depend on each other.
//!
//! ```text
//! magic u32, FLG, BD, [content size u64], header checksum u8,
//! blocks of (length u32, its top bit: not compressed; bytes; [checksum u32]), 0 u32, [content checksum u32]
//! ```
//!
//! All numbers are little-endian. Source: the LZ4 frame format description 1.6, Kafka's `Lz4BlockOutputStream`.

use bytes::{Buf, Bytes};

use super::{CHUNK, Codec, DecompressError};

const MAGIC: u32 = 0x184D_2204;
const VERSION: u8 = 1 << 6;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const NOT_COMPRESSED: u32 = 1 << 31;
/// No byte of LZ4 makes more than 255.
const LARGEST_RATIO: usize = 255;
/// Kafka's block size, and how its descriptor says so.
const BLOCK: usize = 64 << 10;
const BLOCK_64_KIB: u8 = 4 << 4;

pub struct Decoder {
    input: Bytes,
    block_size: usize,
    has_block_checksum: bool,
    /// Of everything so far, if the frame ends with it.
    content: Option<Xxh32>,
    ended: bool,
}

impl Decoder {
    pub fn new(mut input: Bytes) -> Result<Self, DecompressError> {
        let mut header = input.clone();
        if header.try_get_u32_le() != Ok(MAGIC) {
            return Err(malformed("it does not begin with the magic number"));
        }
        let cut = |_| malformed("the header is cut off");
        let flags = header.try_get_u8().map_err(cut)?;
        let block_descriptor = header.try_get_u8().map_err(cut)?;
        if flags & 0xc3 != VERSION || block_descriptor & 0x8f != 0 || block_descriptor < BLOCK_64_KIB {
            return Err(malformed("the header says what is not understood"));
        }
        if flags & INDEPENDENT == 0 {
            return Err(malformed("its blocks depend on each other, which Kafka's clients do not read"));
        }
        if flags & CONTENT_SIZE != 0 {
            header.try_get_u64_le().map_err(cut)?;
        }
        let len = input.len() - header.len();
        let checksum = header.try_get_u8().map_err(cut)?;
        if Xxh32::of(&input[4..len]).to_le_bytes()[1] != checksum {
            return Err(malformed("the header's checksum is wrong"));
        }
        input.advance(len + 1);
        Ok(Self {
            input,
            block_size: 1 << (8 + 2 * (block_descriptor >> 4)),
            has_block_checksum: flags & BLOCK_CHECKSUM != 0,
            content: (flags & CONTENT_CHECKSUM != 0).then(Xxh32::new),
            ended: false,
        })
    }

    /// Appends one block of less than `room` bytes, or says that it is larger by returning `room`; perhaps 0, if there are only empty ones
    /// so far. `None` at the end.
    pub fn read(&mut self, room: usize, out: &mut Vec<u8>) -> Result<Option<usize>, DecompressError> {
        if self.ended {
            return Ok(None);
        }
        let start = out.len();
        let enough = self.input.len().saturating_sub(CHUNK);
        while out.len() == start && !self.ended && self.input.len() >= enough {
            let length = self.input.try_get_u32_le().map_err(|_| malformed("a block is cut off"))?;
            if length == 0 {
                self.end()?;
            } else if !self.read_block(length, room, out)? {
                return Ok(Some(room));
            }
        }
        if let Some(content) = &mut self.content {
            content.update(&out[start..]);
        }
        Ok(Some(out.len() - start))
    }

    /// Bytes of the input that are not read yet.
    pub fn left(&self) -> usize {
        self.input.len()
    }

    // Returns false if there is not enough room.
    fn read_block(&mut self, length: u32, room: usize, out: &mut Vec<u8>) -> Result<bool, DecompressError> {
        let len = (length & !NOT_COMPRESSED) as usize;
        if len > self.block_size || len > self.input.len() {
            return Err(malformed("a block is cut off or larger than the header allows"));
        }
        let block = self.input.split_to(len);
        if self.has_block_checksum && self.input.try_get_u32_le() != Ok(Xxh32::of(&block)) {
            return Err(malformed("a block's checksum is wrong"));
        }
        if length & NOT_COMPRESSED != 0 {
            if len >= room {
                return Ok(false);
            }
            out.extend_from_slice(&block);
            return Ok(true);
        }
        let largest = self.block_size.min(len * LARGEST_RATIO);
        let start = out.len();
        out.resize(start + largest.min(room), 0);
        match lz4_flex::block::decompress_into(&block, &mut out[start..]) {
            Ok(decompressed) => {
                out.truncate(start + decompressed);
                Ok(decompressed < room)
            }
            Err(error) => {
                out.truncate(start);
                let is_cut_short = matches!(error, lz4_flex::block::DecompressError::OutputTooSmall { .. });
                if is_cut_short && largest > room { Ok(false) } else { Err(malformed(&error)) }
            }
        }
    }

    fn end(&mut self) -> Result<(), DecompressError> {
        self.ended = true;
        if let Some(content) = self.content.take()
            && self.input.try_get_u32_le() != Ok(content.finish())
        {
            return Err(malformed("the content's checksum is wrong"));
        }
        if self.input.is_empty() { Ok(()) } else { Err(malformed("something follows the frame")) }
    }
}

fn malformed(reason: &(impl ToString + ?Sized)) -> DecompressError {
    DecompressError::malformed(Codec::Lz4, reason)
}

pub struct Encoder {
    out: Vec<u8>,
    block: Vec<u8>,
}

impl Encoder {
    pub fn new(mut out: Vec<u8>) -> Self {
        let descriptor = [VERSION | INDEPENDENT, BLOCK_64_KIB];
        out.extend(MAGIC.to_le_bytes());
        out.extend(descriptor);
        out.push(Xxh32::of(&descriptor).to_le_bytes()[1]);
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
        self.out.resize(start + lz4_flex::block::get_maximum_output_size(self.block.len()), 0);
        let len = lz4_flex::block::compress_into(&self.block, &mut self.out[start..])
            .expect("there is room for the largest result");
        self.out.truncate(start + len);
        let mut length = len as u32;
        if len >= self.block.len() {
            self.out.truncate(start);
            self.out.extend_from_slice(&self.block);
            length = self.block.len() as u32 | NOT_COMPRESSED;
        }
        self.out[length_at..start].copy_from_slice(&length.to_le_bytes());
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
        self.out.extend([0; 4]);
        self.out
    }
}

/// The checksum of LZ4 frames: XXH32 with the seed 0 (<https://xxhash.com>).
struct Xxh32 {
    lanes: [u32; 4],
    /// What does not fill a stripe of 16 bytes yet.
    tail: [u8; 16],
    tail_len: usize,
    len: u32,
}

const PRIME: [u32; 5] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1];

impl Xxh32 {
    fn new() -> Self {
        let lanes = [PRIME[0].wrapping_add(PRIME[1]), PRIME[1], 0, 0_u32.wrapping_sub(PRIME[0])];
        Self { lanes, tail: [0; 16], tail_len: 0, len: 0 }
    }

    fn of(bytes: &[u8]) -> u32 {
        let mut hash = Self::new();
        hash.update(bytes);
        hash.finish()
    }

    fn update(&mut self, mut bytes: &[u8]) {
        self.len = self.len.wrapping_add(bytes.len() as u32);
        if self.tail_len > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(16 - self.tail_len));
            self.tail[self.tail_len..self.tail_len + now.len()].copy_from_slice(now);
            self.tail_len += now.len();
            bytes = later;
            if self.tail_len < 16 {
                return;
            }
            let stripe = self.tail;
            self.mix(&stripe);
        }
        let (stripes, rest) = bytes.as_chunks::<16>();
        for stripe in stripes {
            self.mix(stripe);
        }
        self.tail[..rest.len()].copy_from_slice(rest);
        self.tail_len = rest.len();
    }

    fn mix(&mut self, stripe: &[u8; 16]) {
        let (words, _) = stripe.as_chunks();
        for (lane, word) in self.lanes.iter_mut().zip(words) {
            let mixed = lane.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME[1]));
            *lane = mixed.rotate_left(13).wrapping_mul(PRIME[0]);
        }
    }

    fn finish(&self) -> u32 {
        let mut hash = if self.len < 16 {
            PRIME[4]
        } else {
            let turned = self.lanes.iter().zip([1, 7, 12, 18]).map(|(lane, bits)| lane.rotate_left(bits));
            turned.fold(0, u32::wrapping_add)
        };
        hash = hash.wrapping_add(self.len);
        let (words, rest) = self.tail[..self.tail_len].as_chunks();
        for word in words {
            hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME[2]));
            hash = hash.rotate_left(17).wrapping_mul(PRIME[3]);
        }
        for byte in rest {
            hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(PRIME[4]));
            hash = hash.rotate_left(11).wrapping_mul(PRIME[0]);
        }
        hash = (hash ^ hash >> 15).wrapping_mul(PRIME[1]);
        hash = (hash ^ hash >> 13).wrapping_mul(PRIME[2]);
        hash ^ hash >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: Vec<u8>) -> Result<Vec<u8>, DecompressError> {
        let mut decoder = Decoder::new(bytes.into())?;
        let mut out = Vec::new();
        while decoder.read(1 << 24, &mut out)?.is_some() {}
        Ok(out)
    }

    #[test]
    fn checksums_are_xxh32() {
        // Known from the reference implementation.
        assert_eq!(Xxh32::of(b""), 0x02CC_5D05);
        assert_eq!(Xxh32::of(b"a"), 0x550D_7456);
        assert_eq!(Xxh32::of(b"abc"), 0x32D1_53FF);
        assert_eq!(Xxh32::of(b"Nobody inspects the spammish repetition"), 0xE229_3B2F);
        let mut in_parts = Xxh32::new();
        for part in b"Nobody inspects the spammish repetition".chunks(7) {
            in_parts.update(part);
        }
        assert_eq!(in_parts.finish(), 0xE229_3B2F);
    }

    #[test]
    fn the_header_is_kafkas() {
        let frame = Encoder::new(Vec::new()).finish();
        assert_eq!(frame, [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0]);
        assert_eq!(decode(frame.clone()), Ok(Vec::new()));
        for (at, byte) in [(3, 0), (4, 0x20), (4, 0x40), (4, 0x61), (5, 0x30), (6, 0x83), (10, 1)] {
            let mut wrong = frame.clone();
            wrong[at] = byte;
            assert!(decode(wrong).is_err(), "{at}");
        }
        assert!(decode([frame, vec![0]].concat()).is_err());
    }

    // What other clients may write: checksums, content size, large blocks.
    #[test]
    fn checksums_are_checked() {
        let text = b"some text, some text, some text, some text";
        let descriptor = [VERSION | INDEPENDENT | BLOCK_CHECKSUM | CONTENT_SIZE | CONTENT_CHECKSUM, 7 << 4];
        let header = [&descriptor[..], &(text.len() as u64).to_le_bytes()].concat();
        let block = lz4_flex::block::compress(text);
        let frame = [
            &MAGIC.to_le_bytes()[..],
            &header,
            &Xxh32::of(&header).to_le_bytes()[1..2],
            &(block.len() as u32).to_le_bytes(),
            &block,
            &Xxh32::of(&block).to_le_bytes(),
            &[0; 4],
            &Xxh32::of(text).to_le_bytes(),
        ]
        .concat();
        assert_eq!(decode(frame.clone()), Ok(text.to_vec()));
        for at in 4..frame.len() {
            let mut wrong = frame.clone();
            wrong[at] ^= 1;
            assert!(decode(wrong).is_err(), "{at}");
        }
    }

    #[test]
    fn a_block_that_does_not_fit_says_so() {
        let mut encoder = Encoder::new(Vec::new());
        encoder.write(&[7; 1000]);
        let frame = encoder.finish();
        for (room, expected) in [(1001, 1000), (1000, 1000), (999, 999), (1, 1)] {
            let mut decoder = Decoder::new(frame.clone().into()).unwrap();
            assert_eq!(decoder.read(room, &mut Vec::new()), Ok(Some(expected)), "{room}");
        }
    }
}

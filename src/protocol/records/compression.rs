//! The four codecs of record batches, as streams: what comes out is bounded while it comes out, and goes in bit by bit.

mod lz4;
mod snappy;
mod zstandard;

use std::io::{Read, Write};

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How the records of a batch are compressed: the attributes' low three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    pub fn id(self) -> u8 {
        self as u8
    }

    /// Kafka's name, as in `compression.type`.
    pub fn name(self) -> &'static str {
        ["none", "gzip", "snappy", "lz4", "zstd"][self as usize]
    }
}

/// A codec and how hard it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// `compression.gzip.level`: 1 to 9, or -1 for zlib's default.
    Gzip {
        level: i32,
    },
    Snappy,
    /// There is one level: `compression.lz4.level` has no effect. Any reader understands the result.
    Lz4,
    /// `compression.zstd.level`: -131072 to 22.
    Zstd {
        level: i32,
    },
}

impl Compression {
    /// With Kafka's default level.
    pub fn of(codec: Codec) -> Self {
        match codec {
            Codec::None => Self::None,
            Codec::Gzip => Self::Gzip { level: -1 },
            Codec::Snappy => Self::Snappy,
            Codec::Lz4 => Self::Lz4,
            Codec::Zstd => Self::Zstd { level: 3 },
        }
    }

    pub fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Gzip { .. } => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd { .. } => Codec::Zstd,
        }
    }
}

/// Why compressed bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    #[error("{} data is malformed: {reason}", codec.name())]
    Malformed { codec: Codec, reason: String },
    /// More comes out than the reader allows.
    #[error("the records are larger than {limit} bytes when decompressed")]
    TooLarge { limit: usize },
}

impl DecompressError {
    fn malformed(codec: Codec, reason: &(impl ToString + ?Sized)) -> Self {
        Self::Malformed { codec, reason: reason.to_string() }
    }
}

/// How much is taken at a time from codecs that have no blocks of their own.
const CHUNK: usize = 16 << 10;
/// What one who reads gzip, and one who writes it, holds at most: windows and tables of a fixed size.
const GZIP_DECODER_BYTES: usize = 64 << 10;
const GZIP_ENCODER_BYTES: usize = 512 << 10;

/// Decompresses one batch's records.
///
/// Invariant: `produced <= limit`.
pub struct Decoder {
    stream: DecoderStream,
    produced: usize,
    limit: usize,
}

enum DecoderStream {
    Gzip(Box<MultiGzDecoder<Reader<Bytes>>>),
    Snappy(snappy::Decoder),
    Lz4(lz4::Decoder),
    Zstd(Box<zstandard::Decoder>),
}

impl Decoder {
    /// Reads `input`, of which at most `limit` bytes may come out. None for [`Codec::None`]: nothing is to be done.
    pub fn new(codec: Codec, input: Bytes, limit: usize) -> Option<Result<Self, DecompressError>> {
        let stream = match codec {
            Codec::None => return None,
            Codec::Gzip => Ok(DecoderStream::Gzip(Box::new(MultiGzDecoder::new(input.reader())))),
            Codec::Snappy => Ok(DecoderStream::Snappy(snappy::Decoder::new(input))),
            Codec::Lz4 => lz4::Decoder::new(input).map(DecoderStream::Lz4),
            Codec::Zstd => zstandard::Decoder::new(input).map(|stream| DecoderStream::Zstd(Box::new(stream))),
        };
        Some(stream.map(|stream| Self { stream, produced: 0, limit }))
    }

    /// What may come out in all, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that it holds beside its input. They may be more after the next [`Self::read`].
    pub fn held(&self) -> usize {
        match &self.stream {
            DecoderStream::Gzip(_) => GZIP_DECODER_BYTES,
            DecoderStream::Zstd(stream) => stream.held(),
            DecoderStream::Snappy(_) | DecoderStream::Lz4(_) => 0,
        }
    }

    /// Appends some bytes to `out`, and returns how many: 0 at the end, and only there.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<usize, DecompressError> {
        // One byte more, to tell the end from the bound.
        let room = self.limit - self.produced + 1;
        let len = match &mut self.stream {
            DecoderStream::Gzip(stream) => read_chunk(Codec::Gzip, stream, room, out)?,
            DecoderStream::Zstd(stream) => stream.read(room, out)?,
            DecoderStream::Snappy(stream) => stream.read(room, out)?,
            DecoderStream::Lz4(stream) => stream.read(room, out)?,
        };
        if len >= room {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        self.produced += len;
        Ok(len)
    }
}

fn read_chunk(
    codec: Codec,
    stream: &mut impl Read,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<usize, DecompressError> {
    let start = out.len();
    out.resize(start + room.min(CHUNK), 0);
    let read = stream.read(&mut out[start..]);
    out.truncate(start + *read.as_ref().unwrap_or(&0));
    read.map_err(|error| DecompressError::malformed(codec, &error))
}

/// Compresses what is written to it, behind what the output already holds.
pub enum Encoder {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Snappy(snappy::Encoder),
    Lz4(lz4::Encoder),
    Zstd(zstandard::Encoder),
}

impl Encoder {
    pub fn new(compression: Compression, out: Vec<u8>) -> Self {
        match compression {
            Compression::None => Self::None(out),
            Compression::Gzip { level } => {
                let level = u32::try_from(level).map_or(flate2::Compression::default(), |level| {
                    flate2::Compression::new(level.clamp(1, 9))
                });
                Self::Gzip(GzEncoder::new(out, level))
            }
            Compression::Snappy => Self::Snappy(snappy::Encoder::new(out)),
            Compression::Lz4 => Self::Lz4(lz4::Encoder::new(out)),
            Compression::Zstd { level } => Self::Zstd(zstandard::Encoder::new(level, out)),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::None(out) => out.extend_from_slice(bytes),
            Self::Gzip(stream) => stream.write_all(bytes).expect(TO_MEMORY),
            Self::Snappy(stream) => stream.write(bytes),
            Self::Lz4(stream) => stream.write(bytes),
            Self::Zstd(stream) => stream.write(bytes),
        }
    }

    /// Bytes of the output so far, with what it held before: never more than [`Self::finish`] gives.
    pub fn written(&self) -> usize {
        match self {
            Self::None(out) => out.len(),
            Self::Gzip(stream) => stream.get_ref().len(),
            Self::Snappy(stream) => stream.written(),
            Self::Lz4(stream) => stream.written(),
            Self::Zstd(stream) => stream.written(),
        }
    }

    /// Bytes that it holds, with the output.
    pub fn held(&self) -> usize {
        match self {
            Self::None(out) => out.capacity(),
            Self::Gzip(stream) => GZIP_ENCODER_BYTES + stream.get_ref().capacity(),
            Self::Snappy(stream) => stream.held(),
            Self::Lz4(stream) => stream.held(),
            Self::Zstd(stream) => stream.held(),
        }
    }

    /// The output given to [`Self::new`] with the compressed bytes behind it.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::None(out) => out,
            Self::Gzip(stream) => stream.finish().expect(TO_MEMORY),
            Self::Snappy(stream) => stream.finish(),
            Self::Lz4(stream) => stream.finish(),
            Self::Zstd(stream) => stream.finish(),
        }
    }
}

/// Any bytes can be compressed, and a vector takes any: nothing that a peer sends makes this fail. zstd would fail for want of memory, which ends
/// the process wherever it is found out.
const TO_MEMORY: &str = "compressing into memory fails for want of memory only";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compress(compression: Compression, bytes: &[u8]) -> Bytes {
        let mut encoder = Encoder::new(compression, Vec::new());
        let mut written = 0;
        for part in bytes.chunks(1000) {
            encoder.write(part);
            assert!(encoder.written() >= written);
            written = encoder.written();
        }
        let packed: Bytes = encoder.finish().into();
        assert!(written <= packed.len());
        packed
    }

    fn decompress(codec: Codec, bytes: &Bytes, limit: usize) -> Result<Vec<u8>, DecompressError> {
        let mut decoder = Decoder::new(codec, bytes.clone(), limit).unwrap()?;
        let mut out = Vec::new();
        loop {
            let before = out.len();
            let len = decoder.read(&mut out)?;
            assert_eq!(out.len(), before + len);
            if len == 0 {
                return Ok(out);
            }
        }
    }

    #[test]
    fn each_codec_round_trips() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|at| (at % 1000 * (at / 7000)).to_be_bytes()).collect();
        for codec in &Codec::ALL[1..] {
            for bytes in [&text[..], &text[..100], b"x", b""] {
                let packed = compress(Compression::of(*codec), bytes);
                assert!(bytes.len() < 1000 || packed.len() < bytes.len() / 2, "{codec:?} {}", packed.len());
                assert_eq!(decompress(*codec, &packed, bytes.len()).unwrap(), bytes, "{codec:?}");
                if !bytes.is_empty() {
                    let too_large = DecompressError::TooLarge { limit: bytes.len() - 1 };
                    assert_eq!(decompress(*codec, &packed, bytes.len() - 1), Err(too_large), "{codec:?}");
                }
            }
        }
    }

    #[test]
    fn levels_are_taken() {
        let text: Vec<u8> =
            (0..100_000_u32).flat_map(|at| (at.wrapping_mul(at) % 1013).to_be_bytes()).collect();
        let gzip = |level| compress(Compression::Gzip { level }, &text).len();
        let zstd = |level| compress(Compression::Zstd { level }, &text).len();
        assert!(gzip(9) < gzip(1) && zstd(19) < zstd(-100));
        assert_eq!(gzip(-1), gzip(6));
    }

    #[test]
    fn a_bomb_is_cut_off() {
        let zeros = vec![0; 40 << 20];
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let bomb = compress(Compression::of(codec), &zeros);
            let limit = 1 << 20;
            let mut decoder = Decoder::new(codec, bomb, limit).unwrap().unwrap();
            let mut out = Vec::new();
            let end = loop {
                match decoder.read(&mut out) {
                    Ok(len) => assert!(len > 0),
                    Err(error) => break error,
                }
            };
            assert_eq!(end, DecompressError::TooLarge { limit });
            assert!(out.capacity() < 8 * limit, "{codec:?} {}", out.capacity());
        }
    }

    #[test]
    fn cut_streams_are_malformed() {
        let text: Vec<u8> =
            (0..50_000_u32).flat_map(|at| (at.wrapping_mul(at) % 1013).to_be_bytes()).collect();
        for codec in &Codec::ALL[1..] {
            let packed = compress(Compression::of(*codec), &text);
            for len in [0, 1, 7, 15, 20, packed.len() / 2, packed.len() - 1] {
                let result = decompress(*codec, &packed.slice(..len), text.len());
                // Nothing at all is an empty stream for those that have no header.
                let is_malformed = matches!(result, Err(DecompressError::Malformed { .. }));
                assert!(is_malformed || (len == 0 && result == Ok(Vec::new())), "{codec:?} {len} {result:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, limit in 0_usize..10_000) {
            for codec in &Codec::ALL[1..] {
                if let Ok(out) = decompress(*codec, &bytes.clone().into(), limit) {
                    prop_assert!(out.len() <= limit);
                }
            }
        }

        #[test]
        fn damaged_streams_never_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8, limit in 0_usize..10_000) {
            for codec in &Codec::ALL[1..] {
                let mut packed = compress(Compression::of(*codec), &bytes.repeat(20)).to_vec();
                let at = at.index(packed.len());
                packed[at] = byte;
                if let Ok(out) = decompress(*codec, &packed.into(), limit) {
                    prop_assert!(out.len() <= limit);
                }
            }
        }
    }
}

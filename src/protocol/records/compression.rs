//! The four codecs of record batches, as streams: what comes out is bounded while it comes out, and goes in bit by bit.

mod lz4;
mod snappy;
mod zstandard;

use std::io::{self, BufRead, ErrorKind, Read as _, Write};

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

/// How much comes out at a time of codecs that have no blocks of their own, and how much of its input any codec reads at a time: there are
/// blocks and frames of a few bytes of which nothing comes.
const CHUNK: usize = 16 << 10;
/// What one who reads gzip, and one who writes it, holds at most: windows and tables of a fixed size.
const GZIP_DECODER_BYTES: usize = 64 << 10;
const GZIP_ENCODER_BYTES: usize = 512 << 10;

/// What came of reading for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes were appended, perhaps none yet, and so many read from the input.
    More { produced: usize, consumed: usize },
    /// All of the input was read before.
    End,
}

/// Decompresses one batch's records.
///
/// Invariant: `produced <= limit`.
pub struct Decoder {
    stream: DecoderStream,
    produced: usize,
    limit: usize,
}

enum DecoderStream {
    Gzip(Box<MultiGzDecoder<Metered>>),
    Snappy(snappy::Decoder),
    Lz4(lz4::Decoder),
    Zstd(Box<zstandard::Decoder>),
}

impl Decoder {
    /// Reads `input`, of which at most `limit` bytes may come out. None for [`Codec::None`]: nothing is to be done.
    pub fn new(codec: Codec, input: Bytes, limit: usize) -> Option<Result<Self, DecompressError>> {
        let stream = match codec {
            Codec::None => return None,
            Codec::Gzip => Ok(DecoderStream::Gzip(Box::new(MultiGzDecoder::new(Metered::new(input))))),
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

    /// Appends some bytes to `out`. It comes back before long, whatever the input is.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<Progress, DecompressError> {
        // One byte more, to tell the end from the bound.
        let room = self.limit - self.produced + 1;
        let left = self.left();
        let read = match &mut self.stream {
            DecoderStream::Gzip(stream) => read_gzip(stream, room, out)?,
            DecoderStream::Zstd(stream) => stream.read(room, out)?,
            DecoderStream::Snappy(stream) => stream.read(room, out)?,
            DecoderStream::Lz4(stream) => stream.read(room, out)?,
        };
        let Some(produced) = read else { return Ok(Progress::End) };
        if produced >= room {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        self.produced += produced;
        Ok(Progress::More { produced, consumed: left - self.left() })
    }

    /// Bytes of the input that are not read yet.
    fn left(&self) -> usize {
        match &self.stream {
            DecoderStream::Gzip(stream) => stream.get_ref().bytes.len(),
            DecoderStream::Zstd(stream) => stream.left(),
            DecoderStream::Snappy(stream) => stream.left(),
            DecoderStream::Lz4(stream) => stream.left(),
        }
    }
}

/// Input of which a reader gets so much at a time, and then is told that it would block: flate2 goes on later where it stopped.
struct Metered {
    bytes: Bytes,
    allowance: usize,
}

impl Metered {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, allowance: 0 }
    }
}

impl io::Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(into)?;
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Metered {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let len = self.bytes.len().min(self.allowance);
        if len == 0 && !self.bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes[..len])
    }

    fn consume(&mut self, len: usize) {
        self.bytes.advance(len);
        self.allowance -= len;
    }
}

/// As the codecs' own readers: how many bytes were appended, fewer than `room`, or `room` if there would be more; perhaps none yet. `None` at
/// the end.
fn read_gzip(
    stream: &mut MultiGzDecoder<Metered>,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, DecompressError> {
    let start = out.len();
    out.resize(start + room.min(CHUNK), 0);
    stream.get_mut().allowance = CHUNK;
    let read = stream.read(&mut out[start..]);
    out.truncate(start + *read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Ok(None),
        Ok(len) => Ok(Some(len)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Some(0)),
        Err(error) => Err(DecompressError::malformed(Codec::Gzip, &error)),
    }
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
            match decoder.read(&mut out)? {
                Progress::More { produced, consumed } => {
                    assert_eq!(out.len(), before + produced);
                    assert!(produced + consumed > 0, "it goes on");
                }
                Progress::End => {
                    assert_eq!(out.len(), before);
                    return Ok(out);
                }
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
                    Ok(progress) => assert!(progress != Progress::End),
                    Err(error) => break error,
                }
            };
            assert_eq!(end, DecompressError::TooLarge { limit });
            assert!(out.capacity() < 8 * limit, "{codec:?} {}", out.capacity());
        }
    }

    /// Very many of what nothing comes of, between two texts. Each read takes a little of it.
    #[test]
    fn empty_blocks_and_frames_are_read_bit_by_bit() {
        let repeated = |what: &[u8]| what.repeat((1 << 20) / what.len());
        let packed = |codec, text: &[u8]| compress(Compression::of(codec), text).to_vec();
        let (lz4, snappy) = (packed(Codec::Lz4, b"text"), packed(Codec::Snappy, b"text"));
        // A raw block of nothing that is not the last, and the last.
        let zstd_frame =
            |blocks: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x58][..], blocks, &[1, 0, 0]].concat();
        let gzip_head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let stored = [&[0, 0, 0, 0xff, 0xff][..], &[1, 0, 0, 0xff, 0xff]].concat();
        let empty_member = [&gzip_head[..], &stored[5..], &[0; 8]].concat();
        let long_member = [&gzip_head[..], &repeated(&stored[..5]), &stored[5..], &[0; 8]].concat();
        for (what, codec, bytes) in [
            ("blocks", Codec::Zstd, zstd_frame(&repeated(&[0; 3]))),
            ("frames", Codec::Zstd, repeated(&zstd_frame(&[]))),
            ("skippable frames", Codec::Zstd, repeated(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])),
            ("members", Codec::Gzip, repeated(&empty_member)),
            ("stored blocks", Codec::Gzip, long_member),
            ("blocks", Codec::Lz4, [&lz4[..7], &repeated(&[0, 0, 0, 0x80]), &lz4[7..]].concat()),
            ("compressed blocks", Codec::Lz4, [&lz4[..7], &repeated(&[1, 0, 0, 0, 0]), &lz4[7..]].concat()),
            ("blocks", Codec::Snappy, [&snappy[..16], &repeated(&[0, 0, 0, 1, 0]), &snappy[16..]].concat()),
            ("headers", Codec::Snappy, [&repeated(&snappy[..16]), &snappy[..]].concat()),
        ] {
            let text = packed(codec, b"text");
            let is_joined = matches!(codec, Codec::Gzip | Codec::Zstd);
            let bytes = if is_joined { [&text[..], &bytes, &text].concat() } else { bytes };
            let mut decoder = Decoder::new(codec, bytes.into(), 1000).unwrap().unwrap();
            let (mut out, mut reads) = (Vec::new(), 0);
            while let Progress::More { consumed, .. } = decoder.read(&mut out).expect(what) {
                assert!(consumed <= 2 * CHUNK, "{codec:?}: {consumed} bytes of empty {what} at once");
                reads += 1;
            }
            assert_eq!(out, if is_joined { &b"texttext"[..] } else { b"text" }, "{codec:?}: empty {what}");
            assert!(reads >= (1 << 20) / (2 * CHUNK), "{codec:?}: {reads} reads of empty {what}");
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

//! Zstandard, as streams that tell how much memory they take.

use std::cell::Cell;

use bytes::{Buf, Bytes};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, compress_bound,
    get_error_name,
};

use super::{CHUNK, Codec, DecompressError};

/// Windows above this are refused: it is what zstd's own tools and Kafka's library take without being asked.
const WINDOW_LOG_MAX: u32 = 27;
/// Records that come to no more are compressed when all of them are there: zstd then takes tables for so many bytes. It is one block of zstd,
/// which looks at no less at a time anyway.
const AT_ONCE: usize = 128 << 10;
/// Window and tables for more than that, whose end is not known: 1 MiB is Kafka's largest batch by default, and 2^21 entries of 4 bytes find all
/// of it. Without a bound level 22 takes 128 MiB of window and 640 MiB of tables, which are set to zero for every batch.
const WINDOW_LOG: u32 = 20;
const TABLE_LOG: u32 = 21;
/// The first levels of which either is larger: below, it would be made larger by being set.
const WINDOW_LEVEL: i32 = 3;
const TABLE_LEVEL: i32 = 10;
/// A context that takes no more, as all do, is kept for the next batch: making one costs more than a small batch does.
const SPARE_BYTES: usize = 24 << 20;

thread_local! {
    /// A shard's: which one compresses makes no difference to what comes out.
    static SPARE: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
}

pub struct Decoder {
    context: DCtx<'static>,
    input: Bytes,
    /// No frame has begun that has not ended.
    is_between_frames: bool,
}

impl Decoder {
    pub fn new(input: Bytes) -> Result<Self, DecompressError> {
        let mut context = DCtx::try_create()
            .ok_or_else(|| DecompressError::malformed(Codec::Zstd, "there is no memory to read it"))?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(malformed)?;
        Ok(Self { context, input, is_between_frames: true })
    }

    /// Appends some bytes to `out`, no more than `room`, and returns how many; perhaps none yet. `None` at the end.
    pub fn read(&mut self, room: usize, out: &mut Vec<u8>) -> Result<Option<usize>, DecompressError> {
        let start = out.len();
        out.resize(start + room.min(CHUNK), 0);
        let read = self.fill(&mut out[start..]);
        out.truncate(start + read.as_ref().ok().copied().flatten().unwrap_or(0));
        read
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<Option<usize>, DecompressError> {
        if self.is_between_frames && self.input.is_empty() {
            return Ok(None);
        }
        let mut input = InBuffer::around(&self.input[..self.input.len().min(CHUNK)]);
        let mut output = OutBuffer::around(out);
        let left = self.context.decompress_stream(&mut output, &mut input).map_err(malformed)?;
        let (read, written) = (input.pos(), output.pos());
        self.input.advance(read);
        self.is_between_frames = left == 0;
        if read == 0 && written == 0 && !self.is_between_frames {
            return Err(DecompressError::malformed(Codec::Zstd, "a frame is cut off"));
        }
        Ok(Some(written))
    }

    /// Bytes of the input that are not read yet.
    pub fn left(&self) -> usize {
        self.input.len()
    }

    /// Bytes that it holds beside its input: mostly the window, whose size the frame chooses.
    pub fn held(&self) -> usize {
        self.context.sizeof()
    }
}

fn malformed(code: ErrorCode) -> DecompressError {
    DecompressError::malformed(Codec::Zstd, get_error_name(code))
}

/// One frame.
pub struct Encoder {
    /// There until it is dropped.
    context: Option<CCtx<'static>>,
    level: i32,
    /// What has come, while it may be compressed at once.
    gathered: Vec<u8>,
    is_begun: bool,
    out: Vec<u8>,
}

impl Encoder {
    pub fn new(level: i32, out: Vec<u8>) -> Self {
        let mut context = SPARE.take().unwrap_or_else(CCtx::create);
        context
            .reset(ResetDirective::SessionAndParameters)
            .expect("a context that does nothing can be reset");
        let level = level.clamp(-131_072, 22);
        context.set_parameter(CParameter::CompressionLevel(level)).expect("a level that zstd has");
        Self { context: Some(context), level, gathered: Vec::new(), is_begun: false, out }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        if !self.is_begun {
            if self.gathered.len() + bytes.len() <= AT_ONCE {
                self.gathered.extend_from_slice(bytes);
                return;
            }
            self.begin();
        }
        self.compress(bytes, ZSTD_EndDirective::ZSTD_e_continue);
    }

    /// More comes than is compressed at once.
    fn begin(&mut self) {
        self.is_begun = true;
        // Level 0 is zstd's name for 3.
        if self.level == 0 || self.level >= WINDOW_LEVEL {
            self.bound(CParameter::WindowLog(WINDOW_LOG));
        }
        if self.level >= TABLE_LEVEL {
            self.bound(CParameter::HashLog(TABLE_LOG));
            self.bound(CParameter::ChainLog(TABLE_LOG));
        }
        let gathered = std::mem::take(&mut self.gathered);
        self.compress(&gathered, ZSTD_EndDirective::ZSTD_e_continue);
    }

    fn bound(&mut self, size: CParameter) {
        let context = self.context.as_mut().expect("it is there until this is dropped");
        context.set_parameter(size).expect("a size that zstd has");
    }

    fn compress(&mut self, bytes: &[u8], directive: ZSTD_EndDirective) {
        let is_end = directive == ZSTD_EndDirective::ZSTD_e_end;
        let mut input = InBuffer::around(bytes);
        loop {
            let rest = bytes.len() - input.pos();
            // With room for all of it nothing is held back. Compressing takes memory only, as `Vec` does, and there is little of it.
            self.out.reserve(compress_bound(rest.min(AT_ONCE)).max(CHUNK));
            let at = self.out.len();
            let Self { context, out, .. } = self;
            let context = context.as_mut().expect("it is there until this is dropped");
            let mut output = OutBuffer::around_pos(out, at);
            let left = context
                .compress_stream2(&mut output, &mut input, directive)
                .unwrap_or_else(|code| panic!("compressing into memory: {}", get_error_name(code)));
            let is_done = if is_end { left == 0 } else { input.pos() == bytes.len() };
            if is_done {
                return;
            }
        }
    }

    /// Bytes of the output so far.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Bytes that it holds, with the output.
    pub fn held(&self) -> usize {
        let context = self.context.as_ref().map_or(0, CCtx::sizeof);
        context + self.gathered.capacity() + self.out.capacity()
    }

    pub fn finish(mut self) -> Vec<u8> {
        let gathered = std::mem::take(&mut self.gathered);
        self.compress(&gathered, ZSTD_EndDirective::ZSTD_e_end);
        std::mem::take(&mut self.out)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if let Some(context) = self.context.take().filter(|context| context.sizeof() <= SPARE_BYTES) {
            SPARE.set(Some(context));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Compresses `len` bytes that can be compressed, in parts, and returns what comes out and the most that was held.
    fn compress(level: i32, len: usize) -> (Vec<u8>, usize) {
        let mut encoder = Encoder::new(level, Vec::new());
        let mut most = 0;
        let text: Vec<u8> = (0..len).map(|at| (at * at / 1013 % 251) as u8).collect();
        for part in text.chunks(10_000) {
            encoder.write(part);
            most = most.max(encoder.held());
        }
        let packed = encoder.finish();
        let mut decoder = Decoder::new(packed.clone().into()).expect("a frame");
        let mut out = Vec::new();
        while decoder.read(usize::MAX, &mut out).expect("a frame").is_some() {}
        assert!(out == text, "level {level}, {len} bytes");
        (packed, most)
    }

    #[test]
    fn no_level_takes_more_memory_than_the_records_are_worth() {
        for level in [-131_072, -1, 0, 1, 3, 9, 10, 12, 16, 19, 22] {
            // What was left by another level must not count.
            SPARE.take();
            compress(level, 100);
            let kept = SPARE.take().expect("kept for the next batch").sizeof();
            assert!(kept < 4 << 20, "level {level} took {kept} bytes for 100");
            compress(level, AT_ONCE);
            let kept = SPARE.take().expect("kept for the next batch").sizeof();
            assert!(kept < 6 << 20, "level {level} took {kept} bytes for {AT_ONCE}");
            let (packed, most) = compress(level, 300_000);
            assert!(most - packed.len() < SPARE_BYTES, "level {level} took {most} bytes");
            assert!(SPARE.take().is_some(), "kept for the next batch");
        }
    }

    #[test]
    fn a_context_that_was_used_makes_what_a_fresh_one_makes() {
        let fresh = |level, len| {
            SPARE.take();
            compress(level, len).0
        };
        let expected = [fresh(3, 1000), fresh(19, 200_000), fresh(3, 200_000)];
        compress(22, 50_000);
        // One that is given up half-way.
        Encoder::new(5, Vec::new()).write(&vec![7; 200_000]);
        let again = [compress(3, 1000).0, compress(19, 200_000).0, compress(3, 200_000).0];
        assert!(again == expected);
    }

    #[test]
    fn a_decoder_tells_its_window() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("a context");
        encoder.window_log(WINDOW_LOG_MAX).expect("a window that zstd has");
        std::io::copy(&mut std::io::repeat(0).take(1 << 20), &mut encoder).expect("compressed in memory");
        let frame = encoder.finish().expect("compressed in memory");
        let mut decoder = Decoder::new([frame.clone(), frame].concat().into()).expect("a frame");
        assert!(decoder.held() < 1 << 20);
        let mut out = Vec::new();
        decoder.read(usize::MAX, &mut out).expect("a frame");
        assert!(decoder.held() > 1 << WINDOW_LOG_MAX);
        while decoder.read(usize::MAX, &mut out).expect("two frames").is_some() {}
        assert_eq!(out.len(), 2 << 20);
    }
}

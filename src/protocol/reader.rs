//! Reads Kafka's primitive types from a frame: [`Reader`].
//!
//! Invariants: `at <= bytes.len()`; `error.is_some()` implies `at == bytes.len()`; `heap <= allowance(bytes.len())`.

use bytes::Bytes;
use thiserror::Error;

use super::str::MAX_TEXT_BYTES;
use super::{Records, Str, UnknownTags};
use crate::model::Uuid;

/// Why bytes are not a message. `at` is a position in the bytes that were read, for whoever looks at a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("{needed} bytes are needed at {at}, and {left} are left")]
    Short { at: usize, needed: usize, left: usize },
    #[error("length {length} at {at}")]
    Length { at: usize, length: i64 },
    #[error("null at {at}, where it is not allowed")]
    Null { at: usize },
    #[error("the text at {at} is not UTF-8")]
    Text { at: usize },
    #[error("the variable-length number at {at} is too long")]
    Varint { at: usize },
    #[error("tag {tag} at {at} is out of order")]
    TagOrder { at: usize, tag: u32 },
    #[error("the tagged field that ends at {expected} was read up to {at}")]
    TagSize { at: usize, expected: usize },
    #[error("more memory than {allowance} bytes is needed for the arrays of this message")]
    Expansion { allowance: usize },
    #[error("{bytes} bytes are left after the message")]
    Trailing { bytes: usize },
    #[error("{message} has no version {version}")]
    Version { message: &'static str, version: i16 },
}

/// How many bytes of memory the arrays of one message may take for each byte of the message. Elements are larger in memory than
/// on the wire (an empty string has one byte there and 32 here); real requests stay below 10.
const EXPANSION: usize = 16;
/// But no more than this: to take apart much more would keep others waiting. It is ten times what a request about all partitions of a large
/// cluster takes.
const MAX_EXPANSION: usize = 32 << 20;
/// What small messages may take in any case.
const EXPANSION_FREE: usize = 64 << 10;

/// A cursor over a frame that fails once: after the first error it stands at the end, every number it returns is zero and every
/// length empty, and [`Reader::finish`] tells the error. So callers check once, after the last field.
///
/// No length that a peer claims is believed: an array of `n` elements needs `n` times its smallest element in what is left, and
/// memory is taken as elements arrive. Strings, bytes and records are slices of the frame.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
    /// Bytes of memory promised to arrays and kept tags so far.
    heap: usize,
    error: Option<DecodeError>,
}

/// Where a section of tagged fields stands.
#[derive(Debug)]
pub struct Tags {
    left: usize,
    /// The last tag, or -1.
    last: i64,
    /// Where the last field ends.
    end: usize,
}

impl Reader {
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0, heap: 0, error: None }
    }

    /// The position of the next byte.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Bytes of memory that arrays and kept tags may take, of all that was read.
    pub fn heap(&self) -> usize {
        self.heap
    }

    /// The first error, or how many bytes were left over.
    pub fn status(&self) -> Result<usize, DecodeError> {
        self.error.map_or(Ok(self.remaining()), Err)
    }

    /// The first error, which may be that bytes were left over.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.status()? {
            0 => Ok(()),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }

    fn fail(&mut self, error: DecodeError) {
        self.error.get_or_insert(error);
        self.at = self.bytes.len();
    }

    /// Checks the invariants in this module's head.
    pub fn check(&self) {
        assert!(self.at <= self.bytes.len());
        assert!(self.error.is_none() || self.at == self.bytes.len());
        assert!(self.heap <= self.allowance());
    }

    fn allowance(&self) -> usize {
        self.bytes.len().saturating_mul(EXPANSION).clamp(EXPANSION_FREE, MAX_EXPANSION)
    }

    fn fixed<const N: usize>(&mut self) -> [u8; N] {
        if let Some(bytes) = self.bytes[self.at..].first_chunk::<N>() {
            self.at += N;
            return *bytes;
        }
        self.fail(DecodeError::Short { at: self.at, needed: N, left: self.remaining() });
        [0; N]
    }

    pub fn bool(&mut self) -> bool {
        self.i8() != 0
    }

    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.fixed())
    }

    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.fixed())
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.fixed())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.fixed())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.fixed())
    }

    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.fixed())
    }

    pub fn f64(&mut self) -> f64 {
        f64::from_be_bytes(self.fixed())
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid(self.fixed())
    }

    /// Seven bits a byte, low ones first, at most 32 bits in all.
    pub fn unsigned_varint(&mut self) -> u32 {
        let at = self.at;
        let mut value: u32 = 0;
        for shift in (0..32).step_by(7) {
            let [byte] = self.fixed::<1>();
            if shift == 28 && byte > 0x0f {
                break; // More than 32 bits, or a sixth byte.
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        self.fail(DecodeError::Varint { at });
        0
    }

    /// A signed number in Kafka's zigzag form, as records have it.
    pub fn varint(&mut self) -> i32 {
        let value = self.unsigned_varint();
        (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
    }

    /// As [`Reader::varint`], with 64 bits.
    pub fn varlong(&mut self) -> i64 {
        let at = self.at;
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed::<1>();
            if shift == 63 && byte > 1 {
                break; // More than 64 bits, or an eleventh byte.
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
            }
        }
        self.fail(DecodeError::Varint { at });
        0
    }

    /// The next `length` bytes, shared with the frame.
    pub fn slice(&mut self, length: usize) -> Bytes {
        if length > self.remaining() {
            self.fail(DecodeError::Short { at: self.at, needed: length, left: self.remaining() });
            return Bytes::new();
        }
        let start = self.at;
        self.at += length;
        self.bytes.slice(start..self.at)
    }

    /// A length whose null is -1 (or 0 if compact). `fixed` is the form that is not compact.
    fn length(&mut self, compact: bool, fixed: fn(&mut Self) -> i64) -> Option<usize> {
        let at = self.at;
        let length = if compact { i64::from(self.unsigned_varint()) - 1 } else { fixed(self) };
        match length {
            -1 => None,
            0.. => Some(length as usize),
            _ => {
                self.fail(DecodeError::Length { at, length });
                None
            }
        }
    }

    fn required<T: Default>(&mut self, at: usize, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.fail(DecodeError::Null { at });
            T::default()
        })
    }

    /// Passes `value` on; fails if it is null and null is not `allowed` in the version that is read.
    pub fn nullable<T>(&mut self, allowed: bool, value: Option<T>) -> Option<T> {
        if value.is_none() && !allowed {
            self.fail(DecodeError::Null { at: self.at });
        }
        value
    }

    pub fn opt_string(&mut self, compact: bool) -> Option<Str> {
        let start = self.at;
        let length = self.length(compact, |r| i64::from(r.i16()))?;
        if length > MAX_TEXT_BYTES {
            self.fail(DecodeError::Length { at: start, length: length as i64 });
            return None;
        }
        let at = self.at;
        let text = Str::from_utf8(self.slice(length));
        if text.is_none() {
            self.fail(DecodeError::Text { at });
        }
        text
    }

    pub fn string(&mut self, compact: bool) -> Str {
        let at = self.at;
        let text = self.opt_string(compact);
        self.required(at, text)
    }

    pub fn opt_bytes(&mut self, compact: bool) -> Option<Bytes> {
        let length = self.length(compact, |r| i64::from(r.i32()))?;
        Some(self.slice(length))
    }

    pub fn bytes(&mut self, compact: bool) -> Bytes {
        let at = self.at;
        let bytes = self.opt_bytes(compact);
        self.required(at, bytes)
    }

    pub fn opt_records(&mut self, compact: bool) -> Option<Records> {
        self.opt_bytes(compact).map(Records::from)
    }

    pub fn records(&mut self, compact: bool) -> Records {
        Records::from(self.bytes(compact))
    }

    /// A structure that a byte says is there (1) or not (-1).
    pub fn opt_struct<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let present = self.i8() >= 0;
        (present && !self.failed()).then(|| read(self))
    }

    /// An array's length, believed only if `n * smallest` bytes are left, and charged with `n * element` bytes of memory.
    fn array_length(&mut self, compact: bool, smallest: usize, element: usize) -> Option<usize> {
        debug_assert!(smallest > 0, "an element without bytes would make any length possible");
        let n = self.length(compact, |r| i64::from(r.i32()))?;
        let needed = n.saturating_mul(smallest);
        if needed > self.remaining() {
            self.fail(DecodeError::Short { at: self.at, needed, left: self.remaining() });
            return Some(0);
        }
        if !self.charge(n.saturating_mul(element)) {
            return Some(0);
        }
        Some(n)
    }

    fn charge(&mut self, bytes: usize) -> bool {
        let heap = self.heap.saturating_add(bytes);
        let allowance = self.allowance();
        if heap > allowance {
            self.fail(DecodeError::Expansion { allowance });
            return false;
        }
        self.heap = heap;
        true
    }

    /// `smallest`: the bytes that an element has at least, in any version.
    pub fn opt_array<T>(
        &mut self,
        compact: bool,
        smallest: usize,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Option<Vec<T>> {
        let n = self.array_length(compact, smallest, size_of::<T>())?;
        // No more than the bytes that are left is taken on the word of the peer; what comes beyond grows with what is read.
        let mut elements = Vec::with_capacity(n.min(self.remaining() / size_of::<T>().max(1)));
        for _ in 0..n {
            if elements.len() == elements.capacity() {
                elements.reserve_exact(elements.len().max(4).min(n - elements.len())); // Doubles, but not beyond `n`.
            }
            elements.push(read(self));
            if self.failed() {
                break;
            }
        }
        Some(elements)
    }

    /// As [`Reader::opt_array`] where null is not allowed.
    pub fn array<T>(&mut self, compact: bool, smallest: usize, read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let at = self.at;
        let elements = self.opt_array(compact, smallest, read);
        self.required(at, elements)
    }

    /// Begins a section of tagged fields. Each has two bytes at least.
    pub fn tags(&mut self) -> Tags {
        let left = self.unsigned_varint() as usize;
        let needed = left.saturating_mul(2);
        if needed > self.remaining() {
            self.fail(DecodeError::Short { at: self.at, needed, left: self.remaining() });
        }
        Tags { left, last: -1, end: self.at }
    }

    /// The next tag. Its field must be read, with [`Reader::unknown_tag`] at least, before the tag after it is asked for.
    pub fn next_tag(&mut self, tags: &mut Tags) -> Option<u32> {
        if self.failed() {
            return None;
        }
        if self.at != tags.end {
            self.fail(DecodeError::TagSize { at: self.at, expected: tags.end });
            return None;
        }
        tags.left = tags.left.checked_sub(1)?;
        let at = self.at;
        let tag = self.unsigned_varint();
        let size = self.unsigned_varint() as usize;
        if i64::from(tag) <= tags.last {
            self.fail(DecodeError::TagOrder { at, tag });
        } else if size > self.remaining() {
            self.fail(DecodeError::Short { at: self.at, needed: size, left: self.remaining() });
        }
        tags.last = i64::from(tag);
        tags.end = self.at + size;
        (!self.failed()).then_some(tag)
    }

    /// Keeps the field of the tag that [`Reader::next_tag`] gave last.
    pub fn unknown_tag(&mut self, tags: &Tags, unknown: &mut UnknownTags) {
        if self.charge(size_of::<(u32, Bytes)>()) {
            let value = self.slice(tags.end - self.at);
            unknown.push(tags.last as u32, value);
        }
    }

    /// A whole section, for a structure that has no tagged fields of its own; nothing if the version is not `flexible`.
    pub fn unknown_tags(&mut self, flexible: bool) -> UnknownTags {
        let mut unknown = UnknownTags::new();
        if flexible {
            let mut tags = self.tags();
            while self.next_tag(&mut tags).is_some() {
                self.unknown_tag(&tags, &mut unknown);
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader {
        Reader::new(Bytes::copy_from_slice(bytes))
    }

    fn error<T>(bytes: &[u8], read: impl FnOnce(&mut Reader) -> T) -> DecodeError {
        let mut reader = reader(bytes);
        read(&mut reader);
        reader.check();
        reader.finish().unwrap_err()
    }

    #[test]
    fn after_the_first_error_everything_is_empty() {
        let mut r = reader(&[0, 1, 0, 0, 0, 7, 9]);
        assert_eq!(r.i16(), 1);
        assert_eq!(r.i64(), 0);
        assert_eq!(
            (r.i8(), r.unsigned_varint(), r.string(true), r.bytes(false)),
            (0, 0, Str::new(), Bytes::new())
        );
        assert_eq!(r.array(false, 4, Reader::i32), []);
        r.check();
        assert_eq!(r.finish(), Err(DecodeError::Short { at: 2, needed: 8, left: 5 }));
    }

    #[test]
    fn variable_length_numbers_end_in_time() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[0x7f], 127),
            (&[0x80, 1], 128),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX),
            (&[0x81, 0], 1), // Longer than it need be, which Kafka reads.
        ] {
            let mut r = reader(bytes);
            assert_eq!(r.unsigned_varint(), value);
            assert_eq!(r.finish(), Ok(()));
        }
        assert_eq!(
            error(&[0xff, 0xff, 0xff, 0xff, 0x1f], Reader::unsigned_varint),
            DecodeError::Varint { at: 0 }
        );
        assert_eq!(error(&[0x80; 6], Reader::unsigned_varint), DecodeError::Varint { at: 0 });
        assert_eq!(error(&[0x80; 11], Reader::varlong), DecodeError::Varint { at: 0 });
        assert_eq!(error(&[0x80], Reader::varint), DecodeError::Short { at: 1, needed: 1, left: 0 });
    }

    #[test]
    fn null_and_negative_lengths() {
        assert_eq!(reader(&[0xff, 0xff]).opt_string(false), None);
        assert_eq!(reader(&[0]).opt_string(true), None);
        assert_eq!(reader(&[1]).opt_string(true), Some(Str::new()));
        assert_eq!(error(&[0], |r| r.string(true)), DecodeError::Null { at: 0 });
        assert_eq!(error(&[0xff, 0xfe], |r| r.opt_string(false)), DecodeError::Length { at: 0, length: -2 });
        assert_eq!(error(&[3, 0xc3, 0x28], |r| r.string(true)), DecodeError::Text { at: 1 });
    }

    #[test]
    fn a_compact_text_is_no_longer_than_another() {
        let text = |length: u32| {
            let mut bytes =
                vec![0x80 | (length + 1) as u8, 0x80 | ((length + 1) >> 7) as u8, ((length + 1) >> 14) as u8];
            bytes.resize(3 + length as usize, b'x');
            bytes
        };
        assert_eq!(reader(&text(32_767)).string(true).as_bytes().len(), 32_767);
        let too_long = DecodeError::Length { at: 0, length: 32_768 };
        assert_eq!(error(&text(32_768), |r| r.string(true)), too_long);
        assert_eq!(error(&text(32_768), |r| r.opt_string(true)), too_long);
        assert_eq!(reader(&text(32_768)).bytes(true).len(), 32_768);
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let claim = [0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
        let needed = 4 * 0x7fff_ffff;
        let expected = DecodeError::Short { at: 4, needed, left: 3 };
        assert_eq!(error(&claim, |r| r.array(false, 4, Reader::i32)), expected);
        assert!(matches!(error(&claim, |r| r.opt_bytes(false)), DecodeError::Short { at: 4, .. }));
        // True lengths of things that are far larger in memory than on the wire end at the allowance.
        let mut empty_strings = vec![0, 2, 0, 0];
        empty_strings.resize(0x2_0004, 1);
        let allowance = EXPANSION * empty_strings.len();
        let result = error(&empty_strings, |r| r.array(false, 1, |r| r.string(true)));
        assert_eq!(result, DecodeError::Expansion { allowance });
        let few = [&[0, 0, 4, 0][..], &[1; 0x400]].concat();
        assert_eq!(reader(&few).array(false, 1, |r| r.string(true)).len(), 0x400);
    }

    #[test]
    fn tags_ascend_and_have_the_size_they_claim() {
        let known = |r: &mut Reader| {
            let mut unknown = UnknownTags::new();
            let (mut tags, mut value) = (r.tags(), 0);
            while let Some(tag) = r.next_tag(&mut tags) {
                match tag {
                    1 => value = r.i16(),
                    _ => r.unknown_tag(&tags, &mut unknown),
                }
            }
            (value, unknown)
        };
        let mut r = reader(&[3, 0, 1, 9, 1, 2, 0, 5, 7, 0]);
        let (value, unknown) = known(&mut r);
        assert_eq!(r.finish(), Ok(()));
        assert_eq!(value, 5);
        let kept: Vec<_> = unknown.as_slice().iter().map(|(tag, value)| (*tag, value.to_vec())).collect();
        assert_eq!(kept, [(0, vec![9]), (7, vec![])]);

        assert_eq!(error(&[2, 1, 2, 0, 5, 0, 0], known), DecodeError::TagOrder { at: 5, tag: 0 });
        assert_eq!(error(&[2, 3, 0, 3, 0], known), DecodeError::TagOrder { at: 3, tag: 3 });
        assert_eq!(error(&[1, 1, 3, 0, 5, 0], known), DecodeError::TagSize { at: 5, expected: 6 });
        assert_eq!(error(&[1, 1, 1, 0, 5], known), DecodeError::TagSize { at: 5, expected: 4 });
        assert_eq!(error(&[9, 0, 0], known), DecodeError::Short { at: 1, needed: 18, left: 2 });
        assert_eq!(error(&[1, 0, 4, 1], known), DecodeError::Short { at: 3, needed: 4, left: 1 });
    }

    #[test]
    fn slices_share_the_frame() {
        let frame = Bytes::from(vec![0, 0, 0, 3, 7, 8, 9]);
        let records = Reader::new(frame.clone()).records(false);
        assert_eq!(records.slices()[0].as_ptr(), frame[4..].as_ptr());
    }
}

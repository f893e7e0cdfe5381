//! Writes Kafka's primitive types: [`Writer`], and what it gives: [`Encoded`].
//!
//! Invariants: positions in `cuts` ascend and are `<= small.len()`; inside a tagged section (`depth > 0`) nothing is cut, so
//! that a size may be put before bytes already written.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::str::MAX_TEXT_BYTES;
use super::{Records, Str, UnknownTags};
use crate::model::Uuid;

/// Slices of this many bytes and more leave by reference; for smaller ones an `iovec` costs more than the copy.
pub const BY_REFERENCE_BYTES: usize = 4096;

/// Why a message cannot be written. Each but [`EncodeError::Length`] is a mistake of the caller: a peer cannot cause it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Kafka's rule: a field that a version lacks may be dropped only if it has its default or is ignorable.
    #[error("{field} has a value, and version {version} has no such field")]
    Field { field: &'static str, version: i16 },
    #[error("{field} is null, which version {version} does not allow")]
    Null { field: &'static str, version: i16 },
    /// A peer can cause it with a text of the longest that there are, which is to leave with something added to it.
    #[error("{bytes} bytes are more than the field's length can say")]
    Length { bytes: usize },
    #[error("{message} has no version {version}")]
    Version { message: &'static str, version: i16 },
}

/// Gathers a message. Small parts are copied together, slices of [`BY_REFERENCE_BYTES`] and more are kept by reference.
/// It fails once, as the reader does: [`Writer::finish`] tells the first error.
#[derive(Debug, Default)]
pub struct Writer {
    small: BytesMut,
    /// Slices to be put in, each before the byte of `small` at its position.
    cuts: Vec<(usize, Bytes)>,
    /// How many tagged sections are open.
    depth: u32,
    error: Option<EncodeError>,
}

/// A written message: slices that follow one another.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    slices: Vec<Bytes>,
    len: usize,
}

/// An open section of tagged fields.
#[derive(Debug)]
pub struct TagsMark<'a> {
    start: usize,
    count: usize,
    /// Kept fields that are not yet written.
    unknown: &'a [(u32, Bytes)],
}

impl Encoded {
    /// Of slices that follow one another.
    pub fn of(slices: Vec<Bytes>) -> Self {
        let len = slices.iter().map(Bytes::len).sum();
        Self { slices, len }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What one vectored write sends.
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    pub fn into_slices(self) -> Vec<Bytes> {
        self.slices
    }

    /// All in one piece: a copy if there are several slices.
    pub fn contiguous(mut self) -> Bytes {
        if self.slices.len() == 1 {
            return self.slices.swap_remove(0);
        }
        let mut all = BytesMut::with_capacity(self.len);
        for slice in &self.slices {
            all.extend_from_slice(slice);
        }
        all.freeze()
    }
}

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the invariants in this module's head.
    pub fn check(&self) {
        assert!(self.cuts.is_sorted_by_key(|(at, _)| *at));
        assert!(self.cuts.last().is_none_or(|(at, _)| *at <= self.small.len()));
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.small.len() + self.cuts.iter().map(|(_, slice)| slice.len()).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn finish(self) -> Result<Encoded, EncodeError> {
        assert!(self.depth == 0, "a section of tagged fields is still open");
        if let Some(error) = self.error {
            return Err(error);
        }
        let len = self.len();
        let small = self.small.freeze();
        let mut slices = Vec::with_capacity(2 * self.cuts.len() + 1);
        let mut from = 0;
        for (at, slice) in self.cuts {
            if at > from {
                slices.push(small.slice(from..at));
                from = at;
            }
            slices.push(slice);
        }
        if from < small.len() {
            slices.push(small.slice(from..));
        }
        Ok(Encoded { slices, len })
    }

    /// As [`Writer::finish`], for a frame: its first four bytes, which the caller wrote as a placeholder, become its size.
    pub(super) fn finish_frame(mut self) -> Result<Encoded, EncodeError> {
        let size = self.size(self.len() - 4);
        self.small[..4].copy_from_slice(&size.to_be_bytes());
        self.finish()
    }

    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    pub(super) fn version_unknown(&mut self, message: &'static str, version: i16) {
        self.fail(EncodeError::Version { message, version });
    }

    /// For a field that this version lacks and that is not ignorable: fails unless it has its default.
    pub fn absent(&mut self, is_default: bool, field: &'static str, version: i16) {
        if !is_default {
            self.fail(EncodeError::Field { field, version });
        }
    }

    /// For a field that may be null, but not in this version.
    pub fn not_null(&mut self, is_null: bool, field: &'static str, version: i16) {
        if is_null {
            self.fail(EncodeError::Null { field, version });
        }
    }

    pub fn bool(&mut self, value: bool) {
        self.small.put_u8(u8::from(value));
    }

    pub fn i8(&mut self, value: i8) {
        self.small.put_i8(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.small.put_i16(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.small.put_u16(value);
    }

    pub fn i32(&mut self, value: i32) {
        self.small.put_i32(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.small.put_u32(value);
    }

    pub fn i64(&mut self, value: i64) {
        self.small.put_i64(value);
    }

    pub fn f64(&mut self, value: f64) {
        self.small.put_f64(value);
    }

    pub fn uuid(&mut self, value: Uuid) {
        self.small.put_slice(&value.0);
    }

    pub fn unsigned_varint(&mut self, value: u32) {
        let (bytes, length) = unsigned_varint(value);
        self.small.put_slice(&bytes[..length]);
    }

    /// A signed number in Kafka's zigzag form.
    pub fn varint(&mut self, value: i32) {
        self.unsigned_varint((value << 1 ^ value >> 31).cast_unsigned());
    }

    /// As [`Writer::varint`], with 64 bits.
    pub fn varlong(&mut self, value: i64) {
        let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
        while rest >= 0x80 {
            self.small.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.small.put_u8(rest as u8);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &Bytes) {
        if bytes.len() >= BY_REFERENCE_BYTES && self.depth == 0 {
            self.cuts.push((self.small.len(), bytes.clone()));
        } else {
            self.small.put_slice(bytes);
        }
    }

    /// A length as Kafka's signed 32 bits.
    fn size(&mut self, bytes: usize) -> i32 {
        i32::try_from(bytes).unwrap_or_else(|_| {
            self.fail(EncodeError::Length { bytes });
            0
        })
    }

    /// The length of bytes or of an array; `None` is null.
    fn length(&mut self, compact: bool, length: Option<usize>) {
        let length = length.map_or(-1, |length| self.size(length));
        if compact {
            self.unsigned_varint((i64::from(length) + 1) as u32);
        } else {
            self.i32(length);
        }
    }

    pub fn opt_string(&mut self, compact: bool, value: Option<&Str>) {
        let length = value.map(|text| text.as_bytes().len());
        if let Some(bytes) = length.filter(|bytes| *bytes > MAX_TEXT_BYTES) {
            // Nobody would read it.
            self.fail(EncodeError::Length { bytes });
        }
        if compact {
            self.length(true, length);
        } else {
            self.i16(length.map_or(-1, |bytes| bytes.min(MAX_TEXT_BYTES) as i16));
        }
        self.small.put_slice(value.map_or(&[], Str::as_bytes));
    }

    pub fn string(&mut self, compact: bool, value: &Str) {
        self.opt_string(compact, Some(value));
    }

    pub fn opt_bytes(&mut self, compact: bool, value: Option<&Bytes>) {
        self.length(compact, value.map(Bytes::len));
        if let Some(bytes) = value {
            self.raw(bytes);
        }
    }

    pub fn bytes(&mut self, compact: bool, value: &Bytes) {
        self.opt_bytes(compact, Some(value));
    }

    pub fn opt_records(&mut self, compact: bool, value: Option<&Records>) {
        self.length(compact, value.map(Records::len));
        for slice in value.map_or(&[][..], Records::slices) {
            self.raw(slice);
        }
    }

    pub fn records(&mut self, compact: bool, value: &Records) {
        self.opt_records(compact, Some(value));
    }

    pub fn opt_array<T>(&mut self, compact: bool, value: Option<&[T]>, mut write: impl FnMut(&mut Self, &T)) {
        self.length(compact, value.map(<[T]>::len));
        for element in value.unwrap_or_default() {
            write(self, element);
        }
    }

    pub fn array<T>(&mut self, compact: bool, value: &[T], write: impl FnMut(&mut Self, &T)) {
        self.opt_array(compact, Some(value), write);
    }

    /// A structure after a byte that says whether it is there.
    pub fn opt_struct<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.i8(if value.is_some() { 1 } else { -1 });
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Puts a number before bytes that were written from `start` on: counts and sizes are known only afterwards.
    fn unsigned_varint_at(&mut self, start: usize, value: usize) {
        let (bytes, length) = unsigned_varint(self.size(value).cast_unsigned());
        let end = self.small.len();
        self.small.put_slice(&bytes[..length]);
        self.small.copy_within(start..end, start + length);
        self.small[start..start + length].copy_from_slice(&bytes[..length]);
    }

    /// Begins a section of tagged fields, to be closed with [`Writer::end_tags`]. Fields kept from an unknown version go between
    /// the others in the order of their tags: a tag known here may be above one that only another version knows.
    pub fn tags<'a>(&mut self, unknown: &'a UnknownTags) -> TagsMark<'a> {
        self.depth += 1;
        TagsMark { start: self.small.len(), count: 0, unknown: unknown.as_slice() }
    }

    /// One field; tags must ascend.
    pub fn tag(&mut self, tags: &mut TagsMark<'_>, tag: u32, write: impl FnOnce(&mut Self)) {
        self.unknown_before(tags, Some(tag));
        tags.count += 1;
        self.unsigned_varint(tag);
        let start = self.small.len();
        write(self);
        self.unsigned_varint_at(start, self.small.len() - start);
    }

    pub fn end_tags(&mut self, mut tags: TagsMark<'_>) {
        self.unknown_before(&mut tags, None);
        self.unsigned_varint_at(tags.start, tags.count);
        self.depth -= 1;
    }

    fn unknown_before(&mut self, tags: &mut TagsMark<'_>, limit: Option<u32>) {
        while let Some(((tag, value), rest)) = tags.unknown.split_first()
            && limit.is_none_or(|limit| *tag < limit)
        {
            self.unsigned_varint(*tag);
            let size = self.size(value.len());
            self.unsigned_varint(size.cast_unsigned());
            self.raw(value);
            tags.count += 1;
            tags.unknown = rest;
        }
    }

    /// A whole section, for a structure without tagged fields of its own. A version that is not `flexible` has no place for what
    /// a peer added, as in Kafka.
    pub fn unknown_tags(&mut self, flexible: bool, unknown: &UnknownTags) {
        if flexible && unknown.is_empty() {
            self.small.put_u8(0);
        } else if flexible {
            let tags = self.tags(unknown);
            self.end_tags(tags);
        }
    }
}

/// The bytes of an unsigned number, seven bits each, low ones first, and how many there are.
fn unsigned_varint(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    while value >= 0x80 {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    (bytes, length + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Reader;
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.check();
        writer.finish().expect("nothing is wrong").contiguous().to_vec()
    }

    #[test]
    fn large_slices_leave_by_reference_and_small_ones_are_joined() {
        let large = Bytes::from(vec![7; BY_REFERENCE_BYTES]);
        let small = Bytes::from(vec![8; BY_REFERENCE_BYTES - 1]);
        let records = Records::from(vec![small.clone(), large.clone(), large.clone(), small.clone()]);
        let mut writer = Writer::new();
        writer.i16(1);
        writer.records(false, &records);
        writer.i16(2);
        writer.check();
        let length = writer.len();
        let encoded = writer.finish().expect("nothing is wrong");
        assert_eq!((encoded.len(), length), (records.len() + 8, records.len() + 8));
        let slices = encoded.slices();
        assert_eq!(slices.len(), 4);
        assert_eq!(slices[1].as_ptr(), large.as_ptr());
        assert_eq!(slices[2].as_ptr(), large.as_ptr());
        let whole =
            [&[0, 1][..], &(records.len() as u32).to_be_bytes(), &records.contiguous(), &[0, 2]].concat();
        assert_eq!(encoded.contiguous(), whole);
    }

    #[test]
    fn sizes_are_put_before_what_was_written() {
        // 200 bytes need a size of two bytes, and 130 tags a count of two bytes.
        let mut unknown = UnknownTags::new();
        unknown.push(1, Bytes::from_static(&[9]));
        for tag in 10..138 {
            unknown.push(tag, Bytes::new());
        }
        let text = Str::from("x".repeat(200));
        let bytes = written(|w| {
            let mut tags = w.tags(&unknown);
            w.tag(&mut tags, 3, |w| {
                w.string(true, &text);
                w.unknown_tags(true, &UnknownTags::new());
            });
            w.end_tags(tags);
        });
        assert_eq!(bytes[..10], [130, 1, 1, 1, 9, 3, 203, 1, 201, 1]);
        let mut r = Reader::new(Bytes::from(bytes));
        let (mut tags, mut again) = (r.tags(), UnknownTags::new());
        while let Some(tag) = r.next_tag(&mut tags) {
            if tag == 3 {
                assert_eq!(r.string(true), text);
                assert!(r.unknown_tags(true).is_empty());
            } else {
                r.unknown_tag(&tags, &mut again);
            }
        }
        assert_eq!((r.finish(), again), (Ok(()), unknown));
    }

    #[test]
    fn what_no_version_can_say_is_an_error() {
        let mut writer = Writer::new();
        let long = Str::from("x".repeat(40_000));
        writer.string(false, &long);
        assert_eq!(writer.finish().unwrap_err(), EncodeError::Length { bytes: 40_000 });
        let mut writer = Writer::new();
        writer.string(true, &long);
        assert_eq!(writer.finish().unwrap_err(), EncodeError::Length { bytes: 40_000 });
        assert_eq!(written(|w| w.string(true, &"x".repeat(MAX_TEXT_BYTES).into())).len(), MAX_TEXT_BYTES + 3);
    }

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u32, int: i32, long: i64, bits: u64) {
            let float = f64::from_bits(bits);
            let bytes = written(|w| {
                w.unsigned_varint(unsigned);
                w.varint(int);
                w.varlong(long);
                w.f64(float);
                w.i64(long);
                w.u16(unsigned as u16);
            });
            let mut r = Reader::new(Bytes::from(bytes));
            prop_assert_eq!((r.unsigned_varint(), r.varint(), r.varlong()), (unsigned, int, long));
            prop_assert_eq!((r.f64().to_bits(), r.i64(), r.u16()), (bits, long, unsigned as u16));
            prop_assert_eq!(r.finish(), Ok(()));
        }
    }
}

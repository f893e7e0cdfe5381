//! One record of a batch (format 2), as bytes and taken apart.
//!
//! ```text
//! length varint (of what follows), attributes i8 (unused), timestamp delta varlong, offset delta varint,
//! key length varint (negative: null), key, value length varint (negative: null), value,
//! header count varint, headers of (name length varint, name, value length varint (negative: null), value)
//! ```

use logan_storage::varint::{self, VarintError, read_i32, read_i64};

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("it ends within its fields, or a length in it does not fit")]
    CutOff,
    #[error("its length leaves {extra} bytes behind its last field")]
    TooLong { extra: usize },
    #[error("it states {count} headers")]
    NegativeHeaderCount { count: i32 },
    #[error("a header has no name")]
    NullHeaderName,
    #[error("a number in it does not end where it must")]
    BadNumber,
}

impl From<VarintError> for RecordError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::CutOff,
            VarintError::TooLong => Self::BadNumber,
        }
    }
}

/// A record's fields, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub attributes: i8,
    /// Milliseconds above the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Above the batch's base offset.
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

impl<'a> Record<'a> {
    /// Takes apart the bytes behind a record's length, all of them, headers included.
    pub fn parse(body: &'a [u8]) -> Result<Self, RecordError> {
        let mut fields = Fields { rest: body };
        let record = Self {
            attributes: fields.byte()?,
            timestamp_delta: fields.i64()?,
            offset_delta: fields.i32()?,
            key: fields.nullable()?,
            value: fields.nullable()?,
            headers: Headers { count: fields.i32()?, bytes: fields.rest },
        };
        let extra = record.headers.check()?;
        if extra == 0 { Ok(record) } else { Err(RecordError::TooLong { extra }) }
    }

    /// About how many bytes the record has.
    pub fn size(&self) -> usize {
        8 + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + self.headers.bytes.len()
    }

    /// Appends the record with its length to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let nullable_len = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => varint::len(bytes.len() as i64) + bytes.len(),
            None => 1,
        };
        let len = 1
            + varint::len(self.timestamp_delta)
            + varint::len(i64::from(self.offset_delta))
            + nullable_len(self.key)
            + nullable_len(self.value)
            + varint::len(i64::from(self.headers.count))
            + self.headers.bytes.len();
        varint::write_i32(out, len as i32);
        out.push(self.attributes as u8);
        varint::write_i64(out, self.timestamp_delta);
        varint::write_i32(out, self.offset_delta);
        write_nullable(out, self.key);
        write_nullable(out, self.value);
        varint::write_i32(out, self.headers.count);
        out.extend_from_slice(self.headers.bytes);
    }
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            varint::write_i32(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
        None => varint::write_i32(out, -1),
    }
}

/// A record's headers, as they are encoded. Every one of them has been walked over before this exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    count: i32,
    bytes: &'a [u8],
}

/// The name of a header should be UTF-8, but nobody checks that.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

impl<'a> Headers<'a> {
    pub const NONE: Self = Self { count: 0, bytes: &[] };

    /// Encodes headers into `buffer`, which they borrow.
    pub fn encode(headers: &[Header<'_>], buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        for (name, value) in headers {
            write_nullable(buffer, Some(name));
            write_nullable(buffer, *value);
        }
        Self { count: headers.len() as i32, bytes: buffer }
    }

    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> {
        let mut fields = Fields { rest: self.bytes };
        (0..self.count).map_while(move |_| Some((fields.nullable().ok()??, fields.nullable().ok()?)))
    }

    // Returns how many bytes follow the last header.
    fn check(&self) -> Result<usize, RecordError> {
        if self.count < 0 {
            return Err(RecordError::NegativeHeaderCount { count: self.count });
        }
        let mut fields = Fields { rest: self.bytes };
        for _ in 0..self.count {
            fields.nullable()?.ok_or(RecordError::NullHeaderName)?;
            fields.nullable()?;
        }
        Ok(fields.rest.len())
    }
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn byte(&mut self) -> Result<i8, RecordError> {
        let (byte, rest) = self.rest.split_first().ok_or(RecordError::CutOff)?;
        self.rest = rest;
        Ok(*byte as i8)
    }

    fn i32(&mut self) -> Result<i32, RecordError> {
        let (value, len) = read_i32(self.rest)?;
        self.rest = &self.rest[len..];
        Ok(value)
    }

    fn i64(&mut self) -> Result<i64, RecordError> {
        let (value, len) = read_i64(self.rest)?;
        self.rest = &self.rest[len..];
        Ok(value)
    }

    // Kafka takes any negative length for null.
    fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        let Ok(len) = usize::try_from(self.i32()?) else {
            return Ok(None);
        };
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(RecordError::CutOff)?;
        self.rest = rest;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(record: &Record<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        record.write(&mut out);
        out
    }

    /// The record behind its length, which must be right.
    fn body(bytes: &[u8]) -> &[u8] {
        let (len, at) = read_i32(bytes).unwrap();
        assert_eq!(bytes.len(), at + len as usize);
        &bytes[at..]
    }

    #[test]
    fn each_lie_has_its_error() {
        let parse = |body: &[u8]| Record::parse(body).map(|record| record.headers.len());
        // attributes, deltas, key "k", value "v", one header "h" without a value.
        let good = [0, 0, 0, 2, b'k', 2, b'v', 2, 2, b'h', 1];
        assert_eq!(parse(&good), Ok(1));
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len]), Err(RecordError::CutOff), "{len}");
        }
        let with = |at: usize, byte: u8| {
            let mut body = good;
            body[at] = byte;
            parse(&body)
        };
        assert_eq!(with(3, 100), Err(RecordError::CutOff));
        assert_eq!(with(7, 0), Err(RecordError::TooLong { extra: 3 }));
        assert_eq!(with(7, 1), Err(RecordError::NegativeHeaderCount { count: -1 }));
        assert_eq!(with(7, 4), Err(RecordError::CutOff));
        assert_eq!(with(8, 1), Err(RecordError::NullHeaderName));
        assert_eq!(parse(&[&good[..], b"x"].concat()), Err(RecordError::TooLong { extra: 1 }));
        assert_eq!(
            parse(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(RecordError::BadNumber)
        );
        // A count that promises more than there can be costs nothing.
        assert_eq!(parse(&[0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]), Err(RecordError::CutOff));
    }

    proptest! {
        #[test]
        fn round_trip(
            numbers: (i8, i64, i32),
            key: Option<Vec<u8>>,
            value: Option<Vec<u8>>,
            headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        ) {
            let headers: Vec<Header<'_>> =
                headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
            let mut buffer = Vec::new();
            let record = Record {
                attributes: numbers.0,
                timestamp_delta: numbers.1,
                offset_delta: numbers.2,
                key: key.as_deref(),
                value: value.as_deref(),
                headers: Headers::encode(&headers, &mut buffer),
            };
            let bytes = encode(&record);
            prop_assert_eq!(Record::parse(body(&bytes)), Ok(record));
            prop_assert_eq!(record.headers.iter().collect::<Vec<_>>(), headers);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(record) = Record::parse(&bytes) {
                prop_assert_eq!(record.headers.iter().count(), record.headers.len());
                // A number may be written longer than it need be, and every negative length says null: never shorter.
                let encoded = encode(&record);
                prop_assert!(body(&encoded).len() <= bytes.len());
                prop_assert_eq!(Record::parse(body(&encoded)), Ok(record));
            }
        }
    }
}

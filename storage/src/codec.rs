//! Little-endian fields of Logan's own files. The reader fails once: after the first short read it returns zeros, and the caller asks
//! [`Reader::finish`] at the end.

/// What a reader of one of Logan's own files found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("it ends too early")]
    TooShort,
    #[error("{0} bytes follow its end")]
    TrailingBytes(usize),
    #[error("it is not a {expected}")]
    WrongMagic { expected: &'static str },
    #[error("it has the format version {found}; this program knows {known}")]
    UnknownVersion { found: u16, known: u16 },
    #[error("its CRC does not fit")]
    WrongCrc,
    #[error("{field} has the impossible value {value}")]
    BadValue { field: &'static str, value: i64 },
}

#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, failed: false }
    }

    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            self.failed = true;
            self.rest = &[];
            return &[];
        };
        self.rest = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap_or([0; N])
    }

    pub fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    pub fn id(&mut self) -> [u8; 16] {
        self.array()
    }

    /// A string behind its length; its bytes were checked against what is left before anything is allocated.
    pub fn string(&mut self) -> Result<String, FormatError> {
        let length = usize::from(self.u16());
        let bytes = self.take(length);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(FormatError::BadValue { field: "text", value: length as i64 }),
        }
    }

    /// A count of elements that take at least `smallest` bytes each.
    pub fn count(&mut self, smallest: usize) -> Result<usize, FormatError> {
        let count = self.u32() as usize;
        if self.failed || count > self.rest.len() / smallest {
            return Err(FormatError::TooShort);
        }
        Ok(count)
    }

    pub fn failed(&self) -> bool {
        self.failed
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Nothing was missing and nothing is left.
    pub fn finish(&self) -> Result<(), FormatError> {
        if self.failed {
            return Err(FormatError::TooShort);
        }
        if self.rest.is_empty() { Ok(()) } else { Err(FormatError::TrailingBytes(self.rest.len())) }
    }
}

pub fn put_u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Panics if the text is longer than a name in Kafka can be.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("names are bounded where they enter");
    put_u16(out, length);
    out.extend_from_slice(text.as_bytes());
}

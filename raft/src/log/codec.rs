//! Integers and byte strings of the log's files and of messages between peers: big-endian, lengths before content.

use bytes::{BufMut, Bytes};
use crc_fast::{CrcAlgorithm, checksum};

#[cfg(test)]
thread_local! {
    static CHECKSUMMED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many bytes this thread has computed checksums of.
#[cfg(test)]
pub(crate) fn checksummed() -> u64 {
    CHECKSUMMED.get()
}

pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(test)]
    CHECKSUMMED.set(CHECKSUMMED.get() + bytes.len() as u64);
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

/// Reads from the front of some bytes. After the first short read every read gives zero or nothing, and [`Reader::finish`] says so:
/// the caller checks once.
pub(crate) struct Reader {
    rest: Bytes,
    short: bool,
}

/// The bytes ended early, or there were more than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its length does not fit its content")]
pub struct Malformed;

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, short: false }
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Bytes {
        if self.short || length > self.rest.len() {
            self.short = true;
            return Bytes::new();
        }
        self.rest.split_to(length)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        <[u8; N]>::try_from(self.bytes(N).as_ref()).unwrap_or([0; N])
    }

    pub(crate) fn byte_array16(&mut self) -> [u8; 16] {
        self.array()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub(crate) fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }

    /// A byte string with its length before it, sharing the memory of what is read.
    pub(crate) fn sized_bytes(&mut self) -> Bytes {
        let length = self.u32() as usize;
        self.bytes(length)
    }

    /// A count of elements that take `smallest` bytes each at least: never more than what is left can hold.
    pub(crate) fn count(&mut self, smallest: usize) -> usize {
        let count = self.u32() as usize;
        if count > self.rest.len() / smallest {
            self.short = true;
            return 0;
        }
        count
    }

    /// How many bytes were not read yet.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything read was there.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        if self.short { Err(Malformed) } else { Ok(()) }
    }

    /// Everything read was there, and nothing is left.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        self.check()?;
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

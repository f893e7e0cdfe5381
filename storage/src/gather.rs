//! Bytes on their way to disk: the open write buffer, sealed chunks, and the runs that a round takes.
//!
//! Invariants: a batch lies whole in the chunk it was appended to; a chunk begins on a block and starts with a copy of what its first
//! block held before; bytes behind its data are zero up to the block's end. A sealed chunk never changes.

use std::rc::Rc;

use bytes::Bytes;

use crate::crc::RunningCrc;
use crate::disk::{BLOCK, Buffer};
use crate::key::Spare;
use crate::segment::{Segment, block_ceil, block_floor};

/// The write buffer that appends are copied into.
pub struct OpenChunk {
    buffer: Box<dyn Buffer>,
    /// Of the buffer's first byte in the segment; on a block.
    position: u64,
    first_batch: usize,
    filled: usize,
    pub first_offset: i64,
    pub next_offset: i64,
}

impl OpenChunk {
    /// For batches from `position` of the segment on; `partial` is what the block holds before it.
    pub fn new(mut buffer: Box<dyn Buffer>, position: u64, partial: &[u8], first_offset: i64) -> Self {
        assert_eq!(partial.len() as u64, position - block_floor(position), "the copy of the partial block");
        buffer.bytes_mut()[..partial.len()].copy_from_slice(partial);
        Self {
            buffer,
            position: block_floor(position),
            first_batch: partial.len(),
            filled: partial.len(),
            first_offset,
            next_offset: first_offset,
        }
    }

    pub fn room(&self) -> usize {
        self.buffer.bytes().len() - self.filled
    }

    pub fn capacity(&self) -> usize {
        self.buffer.bytes().len()
    }

    /// Copies `bytes` behind what is there, and returns the copy to be stamped. There must be room.
    pub fn push(&mut self, bytes: &[u8]) -> &mut [u8] {
        let start = self.filled;
        self.filled += bytes.len();
        let place = &mut self.buffer.bytes_mut()[start..self.filled];
        place.copy_from_slice(bytes);
        place
    }

    pub fn seal(mut self) -> Chunk {
        let padded = self.filled.next_multiple_of(BLOCK);
        let capacity = self.buffer.bytes().len();
        self.buffer.bytes_mut()[self.filled..padded].fill(0);
        Chunk {
            position: self.position,
            first_batch: self.first_batch,
            filled: self.filled,
            capacity,
            data: self.buffer.seal().slice(..padded),
            first_offset: self.first_offset,
            next_offset: self.next_offset,
        }
    }
}

/// Sealed bytes of one segment: first to be written, then the tail cache.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Of the first byte of `data` in the segment; on a block.
    position: u64,
    first_batch: usize,
    filled: usize,
    /// What the buffer takes in memory.
    pub capacity: usize,
    data: Bytes,
    pub first_offset: i64,
    pub next_offset: i64,
}

impl Chunk {
    /// The batches of this chunk.
    pub fn batches(&self) -> Bytes {
        self.data.slice(self.first_batch..self.filled)
    }

    pub fn end(&self) -> u64 {
        self.position + self.filled as u64
    }

    /// What the last block holds, if it is not full.
    pub fn partial(&self) -> Bytes {
        let start = (block_floor(self.end()) - self.position) as usize;
        self.data.slice(start..self.filled)
    }

    /// What is to be written where. If another chunk follows, its first block repeats this chunk's partial one, which is left out:
    /// two writes in flight must not overlap.
    pub fn write(&self, is_last: bool) -> Option<(u64, Bytes)> {
        let end = if is_last { block_ceil(self.end()) } else { block_floor(self.end()) };
        let length = (end - self.position) as usize;
        (length > 0).then(|| (self.position, self.data.slice(..length)))
    }
}

/// Contiguous new bytes of one segment that will be written together and named by one entry.
pub struct Run {
    pub segment: Rc<Segment>,
    pub position: u32,
    pub length: u32,
    pub crc: RunningCrc,
    pub next_offset: i64,
    pub messages: u64,
    /// Sealed chunks; the last appends may still be in the log's open one.
    pub chunks: Vec<Chunk>,
    /// Written and synced as its own preparation: the round only names it.
    pub is_written: bool,
    pub began_ns: u64,
}

impl Run {
    pub fn end(&self) -> u64 {
        u64::from(self.position) + u64::from(self.length)
    }

    /// The aligned writes that put the run on disk. All chunks must be sealed.
    pub fn writes(&self) -> impl Iterator<Item = (u64, Bytes)> + '_ {
        let last = self.chunks.len().saturating_sub(1);
        self.chunks.iter().enumerate().filter_map(move |(at, chunk)| chunk.write(at == last))
    }
}

/// What a log has gathered, in order.
pub enum Pending {
    /// The segment before is sealed, this one begins.
    Roll {
        segment: Rc<Segment>,
        spare: Spare,
    },
    Run(Run),
}

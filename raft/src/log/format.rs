//! The bytes of a log file and of a snapshot file. All integers are big-endian.
//!
//! ```text
//! log file  = magic "LOGANRFT" | version u16 | salt u32 | node i32 | directory 16 bytes | durable length u64 | base | crc u32
//!             then frames, then zeros up to the file's end
//! base      = index u64 | term u64 | voters u32, u64 each | learners u32, u64 each
//! frame     = magic "LRF1" | payload length u32 | sequence u64 | payload crc u32 | head crc u32 | payload
//! payload   = term u64 | vote u64 | commit u64 | entries u32, entry each
//! entry     = index u64 | term u64 | kind u8 (0) | data u32, bytes
//! snapshot  = magic "LOGANSNP" | version u16 | base | data u32, bytes | crc u32
//! ```
//!
//! A frame is one write, and is synced before the next begins: only the last frame of a file can be torn. It begins where the one before
//! it ends, or, if it covers that one, with the next block. The head's checksum covers the file's random salt, so neither a proposal's
//! content nor an older file's blocks can pass for the head of a frame. Everything below the header's durable length was synced before
//! the file had its name.

use bytes::{BufMut, Bytes};
use raft::eraftpb::{ConfState, Entry, EntryType, HardState};

use super::codec::{Malformed, Reader, crc32c, put_bytes};
use crate::Identity;
use crate::limits::MAX_MEMBERS;

pub(crate) const LOG_MAGIC: [u8; 8] = *b"LOGANRFT";
pub(crate) const SNAPSHOT_MAGIC: [u8; 8] = *b"LOGANSNP";
const FRAME_MAGIC: &[u8; 4] = b"LRF1";
pub(crate) const VERSION: u16 = 2;
pub(crate) const FRAME_HEAD: usize = 24;
/// What a medium loses as a whole. A frame that covers another shares none with it.
const BLOCK: usize = 4096;
/// Of the hard state, and how many entries there are.
const PAYLOAD_HEAD: usize = 28;
const ENTRY_HEAD: usize = 21;

/// Where a log or a snapshot begins: the last entry that is not in the log, and who the members were then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Base {
    pub index: u64,
    pub term: u64,
    pub members: ConfState,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub salt: u32,
    pub identity: Identity,
    pub durable_length: u64,
    pub base: Base,
}

/// Why the beginning of a file could not be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    Damaged,
    Version(u16),
}

impl From<Malformed> for HeadError {
    fn from(_: Malformed) -> Self {
        Self::Damaged
    }
}

fn put_base(out: &mut Vec<u8>, base: &Base) {
    let members = &base.members;
    assert!(
        members.voters_outgoing.is_empty() && members.learners_next.is_empty(),
        "a log never begins within a change of members"
    );
    out.put_u64(base.index);
    out.put_u64(base.term);
    for ids in [&members.voters, &members.learners] {
        out.put_u32(ids.len() as u32);
        for id in ids {
            out.put_u64(*id);
        }
    }
}

fn read_base(reader: &mut Reader) -> Result<Base, HeadError> {
    let (index, term) = (reader.u64(), reader.u64());
    let mut members = ConfState::default();
    for ids in [&mut members.voters, &mut members.learners] {
        let count = reader.count(8);
        if count > MAX_MEMBERS {
            return Err(HeadError::Damaged);
        }
        ids.extend((0..count).map(|_| reader.u64()));
    }
    reader.check()?;
    Ok(Base { index, term, members })
}

/// Reads magic and version.
fn read_head(reader: &mut Reader, magic: [u8; 8]) -> Result<(), HeadError> {
    if reader.bytes(8) != magic[..] {
        return Err(HeadError::Damaged);
    }
    match reader.u16() {
        VERSION => Ok(()),
        version => reader.check().map_err(HeadError::from).and(Err(HeadError::Version(version))),
    }
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = LOG_MAGIC.to_vec();
        out.put_u16(VERSION);
        out.put_u32(self.salt);
        out.put_i32(self.identity.node_id);
        out.put_slice(&self.identity.directory_id);
        out.put_u64(self.durable_length);
        put_base(&mut out, &self.base);
        out.put_u32(crc32c(&out));
        out
    }

    /// The header and its length.
    pub(crate) fn decode(file: &Bytes) -> Result<(Self, usize), HeadError> {
        let mut reader = Reader::new(file.clone());
        read_head(&mut reader, LOG_MAGIC)?;
        let salt = reader.u32();
        let identity = Identity { node_id: reader.i32(), directory_id: reader.byte_array16() };
        let durable_length = reader.u64();
        let base = read_base(&mut reader)?;
        let length = file.len() - reader.remaining();
        let crc = reader.u32();
        reader.check()?;
        if crc != crc32c(&file[..length]) {
            return Err(HeadError::Damaged);
        }
        Ok((Self { salt, identity, durable_length, base }, length + 4))
    }
}

/// The bytes of a frame with entries of these lengths.
pub(crate) fn frame_bytes(entries: &[usize]) -> u64 {
    let size: usize = entries.iter().map(|length| ENTRY_HEAD + length).sum();
    (FRAME_HEAD + PAYLOAD_HEAD + size) as u64
}

/// A frame that holds the hard state and some entries.
pub(crate) fn encode_frame(salt: u32, sequence: u64, hard: &HardState, entries: &[Entry]) -> Vec<u8> {
    let size: usize = entries.iter().map(|entry| ENTRY_HEAD + entry.data.len()).sum();
    let mut out = Vec::with_capacity(FRAME_HEAD + PAYLOAD_HEAD + size);
    out.resize(FRAME_HEAD, 0);
    out.put_u64(hard.term);
    out.put_u64(hard.vote);
    out.put_u64(hard.commit);
    out.put_u32(entries.len() as u32);
    for entry in entries {
        put_entry(&mut out, entry);
    }
    put_head(&mut out, salt, sequence);
    out
}

/// What a frame says before its payload.
struct Head {
    length: u32,
    sequence: u64,
    /// Of the payload.
    crc: u32,
}

impl Head {
    fn put(&self, salt: u32, mut out: &mut [u8]) {
        let mut fields = FRAME_MAGIC.to_vec();
        fields.put_u32(self.length);
        fields.put_u64(self.sequence);
        fields.put_u32(self.crc);
        out.put_slice(&fields);
        out.put_u32(Self::own_crc(salt, &fields));
    }

    /// `None` if no head begins at `position`. Costs a checksum of some bytes, whatever the file holds there.
    fn read(file: &Bytes, position: usize, salt: u32) -> Option<Self> {
        let end = position.checked_add(FRAME_HEAD)?;
        let bytes = file.get(position..end)?;
        if !bytes.starts_with(FRAME_MAGIC) {
            return None;
        }
        let mut reader = Reader::new(file.slice(position + FRAME_MAGIC.len()..end));
        let head = Self { length: reader.u32(), sequence: reader.u64(), crc: reader.u32() };
        (reader.u32() == Self::own_crc(salt, &bytes[..FRAME_HEAD - 4])).then_some(head)
    }

    fn own_crc(salt: u32, fields: &[u8]) -> u32 {
        crc32c(&[&salt.to_be_bytes(), fields].concat())
    }
}

pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    assert!(
        entry.get_entry_type() == EntryType::EntryNormal && entry.context.is_empty(),
        "only plain entries are ever proposed"
    );
    out.put_u64(entry.index);
    out.put_u64(entry.term);
    out.put_u8(0);
    put_bytes(out, &entry.data);
}

/// Entries with their count before them. `None` if one is of a kind that this version does not know.
pub(crate) fn read_entries(reader: &mut Reader) -> Option<Vec<Entry>> {
    let count = reader.count(ENTRY_HEAD);
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (index, term) = (reader.u64(), reader.u64());
        if reader.u8() != 0 {
            return None;
        }
        entries.push(Entry { index, term, data: reader.sized_bytes(), ..Entry::default() });
    }
    Some(entries)
}

/// What a frame says.
pub(crate) struct Frame {
    pub hard: HardState,
    pub entries: Vec<Entry>,
}

/// A frame as it stands in a file.
pub(crate) struct Found {
    pub payload: Bytes,
    pub start: usize,
    pub end: usize,
}

/// The whole and undamaged frame number `sequence` behind one that ends at `position`.
pub(crate) fn frame_after(file: &Bytes, position: usize, salt: u32, sequence: u64) -> Option<Found> {
    [position, cover_position(position)].into_iter().find_map(|start| {
        let head = Head::read(file, start, salt).filter(|head| head.sequence == sequence)?;
        let from = start + FRAME_HEAD;
        let end = from.checked_add(head.length as usize).filter(|end| *end <= file.len())?;
        let payload = file.slice(from..end);
        (crc32c(&payload) == head.crc).then_some(Found { payload, start, end })
    })
}

/// Makes a frame of `frame`, whose payload is what follows the head.
pub(crate) fn put_head(frame: &mut [u8], salt: u32, sequence: u64) {
    let (head, payload) = frame.split_at_mut(FRAME_HEAD);
    Head { length: payload.len() as u32, sequence, crc: crc32c(payload) }.put(salt, head);
}

/// Where a frame begins that covers one which ends at `end`.
pub(crate) fn cover_position(end: usize) -> usize {
    end.next_multiple_of(BLOCK)
}

/// Whether any frame later than number `sequence` begins at `from` or after it. Its head is enough: it was not written before all that
/// lies below it was synced.
pub(crate) fn has_later_frame(file: &Bytes, from: usize, salt: u32, sequence: u64) -> bool {
    let starts = file[from..].windows(FRAME_HEAD).enumerate();
    starts
        .filter(|(_, window)| window.starts_with(FRAME_MAGIC))
        .any(|(at, _)| Head::read(file, from + at, salt).is_some_and(|head| head.sequence > sequence))
}

/// Reads the payload of a frame whose checksum is right. An error means that another version wrote it.
pub(crate) fn decode_frame(payload: Bytes) -> Result<Frame, Malformed> {
    let mut reader = Reader::new(payload);
    let (term, vote, commit) = (reader.u64(), reader.u64(), reader.u64());
    let hard = HardState { term, vote, commit, ..HardState::default() };
    let entries = read_entries(&mut reader).ok_or(Malformed)?;
    reader.finish()?;
    Ok(Frame { hard, entries })
}

pub(crate) fn encode_snapshot(base: &Base, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 128);
    out.put_slice(&SNAPSHOT_MAGIC);
    out.put_u16(VERSION);
    put_base(&mut out, base);
    put_bytes(&mut out, data);
    out.put_u32(crc32c(&out));
    out
}

pub(crate) fn decode_snapshot(file: &Bytes) -> Result<(Base, Bytes), HeadError> {
    let mut reader = Reader::new(file.clone());
    read_head(&mut reader, SNAPSHOT_MAGIC)?;
    let base = read_base(&mut reader)?;
    let data = reader.sized_bytes();
    let length = file.len() - reader.remaining();
    let crc = reader.u32();
    reader.finish()?;
    if crc != crc32c(&file[..length]) {
        return Err(HeadError::Damaged);
    }
    Ok((base, data))
}

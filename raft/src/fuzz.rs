//! What a fuzzer feeds this crate: everything here that reads bytes of a disk or of a peer.

use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, HardState, Message, MessageType};

use crate::Identity;
use crate::log::codec::crc32c;
use crate::log::format::{self, Base, FRAME_HEAD, Header, LOG_MAGIC, SNAPSHOT_MAGIC, VERSION};
use crate::log::{ReadLog, read_log};
use crate::message::{self, MessageError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Log,
    Snapshot,
    Message,
}

/// What was made of some bytes.
pub struct Read {
    /// Checksums were right: fields that they guard were read, for good or bad.
    pub is_behind_checksums: bool,
    said: Option<Said>,
}

enum Said {
    Log(Box<ReadLog>),
    Snapshot(Base, Bytes),
    Message(Message),
}

pub fn read(kind: Kind, bytes: Bytes) -> Read {
    match kind {
        Kind::Log => {
            let head = Header::decode(&bytes).ok();
            let first = head.and_then(|(header, end)| format::frame_after(&bytes, end, header.salt, 0));
            let said = read_log(&bytes, "a log").ok().map(|log| Said::Log(Box::new(log)));
            Read { is_behind_checksums: first.is_some(), said }
        }
        Kind::Snapshot => {
            let read = format::decode_snapshot(&bytes).ok();
            let said = read.map(|(base, data)| Said::Snapshot(base, data));
            Read { is_behind_checksums: said.is_some(), said }
        }
        // Nothing guards it but the connection.
        Kind::Message => match message::decode(bytes) {
            Ok(message) => Read { is_behind_checksums: true, said: Some(Said::Message(message)) },
            Err(error) => Read { is_behind_checksums: error == MessageError::EntryKind, said: None },
        },
    }
}

impl Read {
    /// What was read, if it was taken, keeps its invariants, and comes back from what is written of it. Whether it was taken.
    pub fn check(&self) -> bool {
        match &self.said {
            None => return false,
            Some(Said::Log(log)) => {
                log.view.check();
                let after = log.view.range(log.view.base_index() + 1, log.view.last());
                let header = Header { durable_length: 0, ..log.header.clone() };
                let frame = format::encode_frame(header.salt, 0, log.view.hard_state(), after);
                let again = read_log(&[header.encode(), frame].concat().into(), "the log again");
                assert_eq!(again.expect("what was written can be read").view, log.view);
            }
            Some(Said::Snapshot(base, data)) => {
                let again = format::decode_snapshot(&format::encode_snapshot(base, data).into());
                assert_eq!(again, Ok((base.clone(), data.clone())));
            }
            Some(Said::Message(message)) => {
                assert_eq!(message::decode(message::encode(message)).as_ref(), Ok(message));
            }
        }
        true
    }
}

/// Makes magics, versions, lengths and checksums of a file right, whatever else is in it. Whether it has any.
pub fn seal(kind: Kind, file: &mut Vec<u8>) -> bool {
    match kind {
        Kind::Log => seal_log(file),
        Kind::Snapshot => {
            put_head(file, SNAPSHOT_MAGIC, 10);
            let data = put_members(file, 10);
            file.resize(file.len().max(data + 8), 0);
            let length = file.len() - data - 8;
            file[data..data + 4].copy_from_slice(&(length as u32).to_be_bytes());
            let end = file.len() - 4;
            put_crc(file, 0, end);
        }
        Kind::Message => return false,
    }
    true
}

fn put_head(file: &mut Vec<u8>, magic: [u8; 8], least: usize) {
    file.resize(file.len().max(least), 0);
    file[..8].copy_from_slice(&magic);
    file[8..10].copy_from_slice(&VERSION.to_be_bytes());
}

/// Lets a base at `at` have few members. Returns where it ends.
fn put_members(file: &mut Vec<u8>, at: usize) -> usize {
    let mut end = at + 16;
    for _ in 0..2 {
        file.resize(file.len().max(end + 4), 0);
        let count = usize::from(file[end + 3] % 4);
        file[end..end + 4].copy_from_slice(&(count as u32).to_be_bytes());
        end += 4 + 8 * count;
        file.resize(file.len().max(end), 0);
    }
    end
}

fn put_crc(file: &mut [u8], from: usize, at: usize) {
    let crc = crc32c(&file[from..at]);
    file[at..at + 4].copy_from_slice(&crc.to_be_bytes());
}

/// What follows the header is frames of lengths that its own bytes say, one behind the other.
fn seal_log(file: &mut Vec<u8>) {
    const SALT: std::ops::Range<usize> = 10..14;
    const BASE: usize = 42;
    put_head(file, LOG_MAGIC, BASE);
    let mut end = put_members(file, BASE);
    file.resize(file.len().max(end + 4), 0);
    put_crc(file, 0, end);
    end += 4;
    let salt = file[SALT].try_into().expect("four bytes");
    let mut sequence = 0;
    while end + FRAME_HEAD < file.len() {
        let rest = file.len() - end - FRAME_HEAD;
        let stated = u32::from_be_bytes(file[end + 4..end + 8].try_into().expect("four bytes")) as usize;
        let length = if stated <= rest { stated } else { rest };
        format::put_head(&mut file[end..end + FRAME_HEAD + length], u32::from_be_bytes(salt), sequence);
        end += FRAME_HEAD + length;
        sequence += 1;
    }
}

/// What is right.
pub fn seeds(kind: Kind) -> Vec<Vec<u8>> {
    let members = ConfState { voters: vec![7, 9], learners: vec![11], ..ConfState::default() };
    let base = Base { index: 5, term: 2, members };
    let entry = |index, term, data: &'static [u8]| Entry {
        index,
        term,
        data: Bytes::from_static(data),
        ..Entry::default()
    };
    let entries = [entry(6, 2, b"one"), entry(7, 3, b""), entry(8, 3, &[3; 100])];
    match kind {
        Kind::Log => {
            let identity = Identity { node_id: 1, directory_id: [4; 16] };
            let header = Header { salt: 77, identity, durable_length: 0, base };
            let hard = |commit| HardState { term: 3, vote: 7, commit, ..HardState::default() };
            let frames = [
                format::encode_frame(77, 0, &hard(5), &entries[..2]),
                format::encode_frame(77, 1, &hard(7), &entries[2..]),
                format::encode_frame(77, 2, &hard(8), &[]),
            ];
            let whole = [&[header.encode()], &frames[..]].concat().concat();
            // The last append is torn, and zeros follow.
            let torn = [&whole[..whole.len() - 5], &[0; 300]].concat();
            vec![header.encode(), whole, torn]
        }
        Kind::Snapshot => {
            vec![format::encode_snapshot(&base, b"a state"), format::encode_snapshot(&base, b"")]
        }
        Kind::Message => {
            let of = |kind, entries: &[Entry]| {
                let mut message = Message::default();
                message.set_msg_type(kind);
                (message.to, message.from, message.term) = (7, 9, 3);
                (message.log_term, message.index, message.commit) = (2, 5, 5);
                message.context = Bytes::from_static(b"CampaignTransfer");
                message.entries = entries.to_vec().into();
                message::encode(&message).to_vec()
            };
            vec![of(MessageType::MsgAppend, &entries), of(MessageType::MsgHeartbeat, &[])]
        }
    }
}

//! Messages between peers, in frames of our own: nothing that a peer sends reaches a protobuf parser.
//!
//! ```text
//! message = version u8 (1) | kind u8 | to u64 | from u64 | term u64 | log term u64 | index u64 | commit u64 | commit term u64
//!           | reject u8 | reject hint u64 | priority i64 | context u32, bytes | entries u32, entry each (see `log/format.rs`)
//! ```
//!
//! A transport puts a length before each, at most [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES).

use bytes::{BufMut, Bytes};
use raft::eraftpb::{Message, MessageType};

use crate::limits::MAX_MESSAGE_BYTES;
use crate::log::codec::{Malformed, Reader, put_bytes};
use crate::log::format::{put_entry, read_entries};

const VERSION: u8 = 1;

/// Why a message from a peer was not taken. The connection that it came on is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("a message of {length} bytes is longer than any can be")]
    TooLong { length: usize },
    #[error("a message is malformed: {0}")]
    Malformed(#[from] Malformed),
    #[error("message version {0} is not known")]
    Version(u8),
    #[error("message kind {0} is not known")]
    Kind(u8),
    #[error("an entry in a message is of a kind that is not known")]
    EntryKind,
    #[error("a message for member {to:#x} reached another")]
    Misdirected { to: u64 },
    /// It contradicts what this member knows to be committed, or speaks of entries that this member never had.
    #[error("a message of term {term} contradicts the log: {what}")]
    Contradiction { term: u64, what: &'static str },
}

/// Kinds that travel. The others are a member's messages to itself, or need a snapshot or a read index, which are not used.
const KINDS: [MessageType; 10] = [
    MessageType::MsgAppend,
    MessageType::MsgAppendResponse,
    MessageType::MsgRequestVote,
    MessageType::MsgRequestVoteResponse,
    MessageType::MsgHeartbeat,
    MessageType::MsgHeartbeatResponse,
    MessageType::MsgTransferLeader,
    MessageType::MsgTimeoutNow,
    MessageType::MsgRequestPreVote,
    MessageType::MsgRequestPreVoteResponse,
];

pub(crate) fn encode(message: &Message) -> Bytes {
    let kind = message.get_msg_type();
    assert!(KINDS.contains(&kind), "{kind:?} never leaves a member");
    let size: usize = message.entries.iter().map(|entry| entry.data.len() + 32).sum();
    let mut out = Vec::with_capacity(96 + message.context.len() + size);
    out.put_u8(VERSION);
    out.put_u8(kind as u8);
    for field in [
        message.to,
        message.from,
        message.term,
        message.log_term,
        message.index,
        message.commit,
        message.commit_term,
    ] {
        out.put_u64(field);
    }
    out.put_u8(u8::from(message.reject));
    out.put_u64(message.reject_hint);
    out.put_i64(message.priority);
    put_bytes(&mut out, &message.context);
    out.put_u32(message.entries.len() as u32);
    message.entries.iter().for_each(|entry| put_entry(&mut out, entry));
    assert!(out.len() <= MAX_MESSAGE_BYTES, "raft was told how large a message may be");
    Bytes::from(out)
}

pub(crate) fn decode(frame: Bytes) -> Result<Message, MessageError> {
    if frame.len() > MAX_MESSAGE_BYTES {
        return Err(MessageError::TooLong { length: frame.len() });
    }
    let mut reader = Reader::new(frame);
    let version = reader.u8();
    if version != VERSION {
        reader.check()?;
        return Err(MessageError::Version(version));
    }
    let kind = reader.u8();
    let kind = KINDS.into_iter().find(|known| *known as u8 == kind).ok_or(MessageError::Kind(kind))?;
    let mut message = Message::default();
    message.set_msg_type(kind);
    message.to = reader.u64();
    message.from = reader.u64();
    message.term = reader.u64();
    message.log_term = reader.u64();
    message.index = reader.u64();
    message.commit = reader.u64();
    message.commit_term = reader.u64();
    message.reject = reader.u8() != 0;
    message.reject_hint = reader.u64();
    message.priority = reader.i64();
    message.context = reader.sized_bytes();
    message.entries = read_entries(&mut reader).ok_or(MessageError::EntryKind)?.into();
    reader.finish()?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use raft::eraftpb::Entry;

    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let data = Bytes::from_static(b"content");
        let entry = Entry { index: 8, term: 3, data, ..Entry::default() };
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgAppend);
        (message.to, message.from, message.term) = (7, 9, 3);
        (message.log_term, message.index, message.commit, message.commit_term) = (2, 7, 6, 5);
        (message.reject, message.reject_hint, message.priority) = (true, 4, -1);
        message.context = Bytes::from_static(b"CampaignTransfer");
        message.entries = vec![entry].into();
        assert_eq!(decode(encode(&message)), Ok(message));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_at_worst(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..20_u8) {
            if bytes.len() > 2 {
                (bytes[0], bytes[1]) = (VERSION, kind);
            }
            if let Ok(message) = decode(Bytes::from(bytes.clone())) {
                prop_assert!(message.entries.len() * 21 <= bytes.len());
            }
        }
    }
}

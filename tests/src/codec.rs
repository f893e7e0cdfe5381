//! All messages of the codec behind one type, for tests that run through them: [`Codec`].

use std::fmt::Debug;

use bytes::Bytes;
use logan::protocol::{DecodeError, EncodeError, Encoded, Message};

/// One message.
#[derive(Clone, Copy)]
pub struct Codec {
    /// As the golden files have it: `request`, `coordinator-key` …
    pub kind: &'static str,
    pub name: &'static str,
    pub min_version: i16,
    pub max_version: i16,
    /// Decodes and forgets.
    pub decode: fn(i16, Bytes) -> Result<(), DecodeError>,
    /// Decodes and encodes.
    pub round_trip: fn(i16, Bytes) -> Result<Result<Encoded, EncodeError>, DecodeError>,
    /// Decodes, and shows what it says.
    pub debug: fn(i16, Bytes) -> Result<String, DecodeError>,
    /// Encodes the default.
    pub write_default: fn(i16) -> Result<Encoded, EncodeError>,
}

impl Codec {
    pub const fn of<M: Message + Debug>(kind: &'static str) -> Self {
        Self {
            kind,
            name: M::NAME,
            min_version: M::MIN_VERSION,
            max_version: M::MAX_VERSION,
            decode: |version, bytes| M::read(version, bytes).map(drop),
            round_trip: |version, bytes| M::read(version, bytes).map(|message| message.write(version)),
            debug: |version, bytes| M::read(version, bytes).map(|message| format!("{message:?}")),
            write_default: |version| M::default().write(version),
        }
    }

    pub fn find(kind: &str, name: &str) -> Option<&'static Self> {
        crate::codec_table::CODECS.iter().find(|c| c.kind == kind && c.name == name)
    }
}

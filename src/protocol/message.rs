//! What every message has: [`Message`], [`Request`].

use bytes::Bytes;

use super::{ApiKey, DecodeError, EncodeError, Encoded, Reader, Writer};

/// A request, response, header, record or other message of Kafka's schema.
///
/// A field that a version lacks reads as its default, and must have its default when such a version is written, unless Kafka calls
/// it ignorable: then it is dropped.
pub trait Message: Sized + Default {
    /// Kafka's name.
    const NAME: &'static str;
    const MIN_VERSION: i16;
    const MAX_VERSION: i16;

    /// Reads the message; the caller checks the reader, and has checked that the version exists.
    fn decode(version: i16, reader: &mut Reader) -> Self;

    /// Writes the message; the caller checks the writer, and has checked that the version exists.
    fn encode(&self, version: i16, writer: &mut Writer);

    fn has_version(version: i16) -> bool {
        (Self::MIN_VERSION..=Self::MAX_VERSION).contains(&version)
    }

    /// Reads a message that is all of `bytes`.
    fn read(version: i16, bytes: Bytes) -> Result<Self, DecodeError> {
        let (message, rest) = Self::read_prefix(version, bytes)?;
        match rest.len() {
            0 => Ok(message),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }

    /// Reads a message and returns what follows it. Kafka ignores what follows a request.
    fn read_prefix(version: i16, bytes: Bytes) -> Result<(Self, Bytes), DecodeError> {
        if !Self::has_version(version) {
            return Err(DecodeError::Version { message: Self::NAME, version });
        }
        let mut reader = Reader::new(bytes.clone());
        let message = Self::decode(version, &mut reader);
        let left = reader.status()?;
        Ok((message, bytes.slice(bytes.len() - left..)))
    }

    /// The message alone, without header or size.
    fn write(&self, version: i16) -> Result<Encoded, EncodeError> {
        let mut writer = Writer::new();
        self.write_to(version, &mut writer);
        writer.finish()
    }

    /// As [`Message::encode`], for a version that may not exist.
    fn write_to(&self, version: i16, writer: &mut Writer) {
        if Self::has_version(version) {
            self.encode(version, writer);
        } else {
            writer.version_unknown(Self::NAME, version);
        }
    }
}

/// The body of a request.
pub trait Request: Message {
    const KEY: ApiKey;
    type Response: Message;
}

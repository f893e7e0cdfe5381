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

#[cfg(test)]
mod tests {
    use super::super::messages::fetch::{FetchableTopicResponse, PartitionData};
    use super::super::messages::metadata_records::PartitionChangeRecord;
    use super::super::messages::{
        FetchRequest, FetchResponse, MetadataResponse, metadata::MetadataResponseTopic,
    };
    use super::super::{Records, Str};
    use super::*;
    use crate::model::Uuid;

    #[test]
    fn a_field_that_a_version_lacks_must_have_its_default_unless_it_is_ignorable() {
        let mut request = FetchRequest { rack_id: Str::from("r"), ..FetchRequest::default() };
        assert!(request.write(10).is_ok(), "the rack is ignorable");
        request.replica_state.replica_id = 1;
        let field = EncodeError::Field { field: "FetchRequest.ReplicaState", version: 14 };
        assert_eq!(request.write(14).unwrap_err(), field);
        let again = FetchRequest::read(17, request.write(17).expect("15 has it").contiguous());
        assert_eq!(again, Ok(request));
    }

    #[test]
    fn null_is_allowed_by_version() {
        let topic = MetadataResponseTopic { name: None, ..MetadataResponseTopic::default() };
        let response = MetadataResponse { topics: vec![topic], ..MetadataResponse::default() };
        let null = EncodeError::Null { field: "MetadataResponse.Name", version: 11 };
        assert_eq!(response.write(11).unwrap_err(), null);
        let bytes = response.write(12).expect("12 allows it").contiguous();
        assert_eq!(MetadataResponse::read(12, bytes.clone()), Ok(response));
        assert!(matches!(MetadataResponse::read(11, bytes), Err(DecodeError::Null { .. })));
    }

    /// Tag 6 came with version 2; version 1 knows tag 8.
    #[test]
    fn what_a_newer_version_added_keeps_its_place_among_the_tags() {
        let record = PartitionChangeRecord {
            eligible_leader_replicas: Some(vec![1]),
            directories: Some(vec![Uuid([7; 16])]),
            ..PartitionChangeRecord::default()
        };
        let newer = record.write(2).expect("can be written").contiguous();
        let older = PartitionChangeRecord::read(1, newer.clone()).expect("6 is unknown, and kept");
        assert_eq!((&older.eligible_leader_replicas, older.unknown.len()), (&None, 1));
        assert_eq!(older.write(1).expect("can be written").contiguous(), newer);
    }

    #[test]
    fn a_fetch_does_not_copy_records() {
        let slice = Bytes::from(vec![1; 5000]);
        let partition = PartitionData {
            records: Some(Records::from(vec![slice.clone(), slice.clone()])),
            ..PartitionData::default()
        };
        let topic =
            FetchableTopicResponse { partitions: vec![partition], ..FetchableTopicResponse::default() };
        let response = FetchResponse { responses: vec![topic], ..FetchResponse::default() };
        let encoded = response.write(17).expect("can be written");
        let by_reference = encoded.slices().iter().filter(|s| s.as_ptr() == slice.as_ptr());
        assert_eq!(by_reference.count(), 2);
        assert_eq!(FetchResponse::read(17, encoded.contiguous()), Ok(response));
    }

    #[test]
    fn what_follows_is_told_or_left() {
        let mut bytes = FetchRequest::default().write(4).expect("can be written").contiguous().to_vec();
        bytes.extend_from_slice(&[1, 2]);
        let bytes = Bytes::from(bytes);
        assert_eq!(FetchRequest::read(4, bytes.clone()), Err(DecodeError::Trailing { bytes: 2 }));
        assert_eq!(FetchRequest::read_prefix(4, bytes).map(|(_, rest)| rest.to_vec()), Ok(vec![1, 2]));
        let version = DecodeError::Version { message: "FetchRequest", version: 3 };
        assert_eq!(FetchRequest::read(3, Bytes::new()), Err(version));
    }
}

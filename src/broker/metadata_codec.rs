//! Metadata records and their bytes, as they stand in the entries and snapshots of the quorum.
//!
//! ```text
//! entry = format u8 (1) | records: count varint, then for each: frame version varint (1) | type varint | version varint | body
//! ```
//!
//! Frame and body are Kafka's own (`MetadataRecordSerde`), so that a log of Kafka's can be made of them. A snapshot is one such entry.
//! Records are written in their highest versions, as Kafka does at `metadata.version` 30.

use bytes::Bytes;

use crate::metadata::image::{Broker, FeatureRange, Partition};
use crate::metadata::record::{BrokerChange, PartitionChange, ProducerIds};
use crate::metadata::{Endpoint, Record, Resource};
use crate::model::{LeaderEpoch, NodeId, PartitionEpoch, PartitionId, PartitionIndex};
use crate::protocol::messages::metadata_records::{
    BeginTransactionRecord, BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, ConfigRecord,
    EndTransactionRecord, FeatureLevelRecord, NoOpRecord, PartitionChangeRecord, PartitionRecord,
    ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord,
};
use crate::protocol::{DecodeError, EncodeError, Message, Reader, Str, Writer};

const FORMAT: i8 = 1;
const FRAME_VERSION: u32 = 1;

/// No leader, and in a change: the leader stays.
const NO_LEADER: i32 = -1;
const SAME_LEADER: i32 = -2;

/// What Kafka calls a metadata transaction (KIP-868), and this one by its name.
const TAKEOVER: &str = "takeover";

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Why an entry of the quorum's log is not a list of records. The node stops: another release wrote it, or the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error(
        "a metadata entry has format {0}, which this release cannot read: start the release that wrote it, or a later one"
    )]
    Format(i8),
    #[error("a metadata record has frame version {0}, which this release cannot read")]
    Frame(u32),
    #[error("metadata record type {kind} version {version} is not known to this release")]
    Kind { kind: u32, version: u32 },
    #[error("a metadata record is malformed: {0}")]
    Malformed(#[from] DecodeError),
    #[error("{record} says {what}, which this release does not act on")]
    Unsupported { record: &'static str, what: &'static str },
}

/// The bytes of one entry or one snapshot.
pub fn encode(records: &[Record]) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i8(FORMAT);
    writer.unsigned_varint(records.len() as u32);
    for record in records {
        encode_record(record, &mut writer);
    }
    Ok(writer.finish()?.contiguous())
}

pub fn decode(entry: Bytes) -> Result<Vec<Record>, CodecError> {
    let mut reader = Reader::new(entry);
    let format = reader.i8();
    if format != FORMAT {
        reader.status()?;
        return Err(CodecError::Format(format));
    }
    let count = reader.unsigned_varint() as usize;
    // Every record has a frame of three bytes and a body.
    let mut records = Vec::with_capacity(count.min(reader.remaining() / 4));
    for _ in 0..count {
        records.push(decode_record(&mut reader)?);
    }
    reader.finish()?;
    Ok(records)
}

fn put<M: Message>(kind: i16, message: &M, writer: &mut Writer) {
    writer.unsigned_varint(FRAME_VERSION);
    writer.unsigned_varint(u32::from(kind.cast_unsigned()));
    writer.unsigned_varint(u32::from(M::MAX_VERSION.cast_unsigned()));
    message.encode(M::MAX_VERSION, writer);
}

fn encode_record(record: &Record, writer: &mut Writer) {
    match record {
        Record::Topic { name, id } => {
            let message = TopicRecord { name: name.as_str().into(), topic_id: *id, ..Default::default() };
            put(TopicRecord::KEY, &message, writer);
        }
        Record::Partition { id, partition } => {
            put(PartitionRecord::KEY, &partition_record(*id, partition), writer);
        }
        Record::PartitionChange(change) => {
            put(PartitionChangeRecord::KEY, &partition_change_record(change), writer);
        }
        Record::RemoveTopic { id } => {
            put(RemoveTopicRecord::KEY, &RemoveTopicRecord { topic_id: *id, ..Default::default() }, writer);
        }
        Record::Config { resource, name, value } => {
            let (resource_type, resource_name) = match resource {
                Resource::Topic(topic) => (TOPIC, Str::from(topic.as_str())),
                Resource::Broker(Some(id)) => (BROKER, Str::from(id.to_string())),
                Resource::Broker(None) => (BROKER, Str::new()),
            };
            let (name, value) = (name.as_str().into(), value.as_deref().map(Str::from));
            let message = ConfigRecord { resource_type, resource_name, name, value, ..Default::default() };
            put(ConfigRecord::KEY, &message, writer);
        }
        Record::RegisterBroker(broker) => put(RegisterBrokerRecord::KEY, &register_record(broker), writer),
        Record::UnregisterBroker { id, epoch } => {
            let message =
                UnregisterBrokerRecord { broker_id: id.0, broker_epoch: *epoch, ..Default::default() };
            put(UnregisterBrokerRecord::KEY, &message, writer);
        }
        Record::BrokerChange(change) => {
            let message = BrokerRegistrationChangeRecord {
                broker_id: change.id.0,
                broker_epoch: change.epoch,
                fenced: change.fenced.map_or(0, |fenced| if fenced { 1 } else { -1 }),
                in_controlled_shutdown: i8::from(change.begins_shutdown),
                log_dirs: change.log_dirs.clone().unwrap_or_default(),
                ..Default::default()
            };
            put(BrokerRegistrationChangeRecord::KEY, &message, writer);
        }
        Record::ProducerIds(ids) => {
            let message = ProducerIdsRecord {
                broker_id: ids.broker.0,
                broker_epoch: ids.broker_epoch,
                next_producer_id: ids.next,
                ..Default::default()
            };
            put(ProducerIdsRecord::KEY, &message, writer);
        }
        Record::FeatureLevel { name, level } => {
            let message = FeatureLevelRecord {
                name: name.as_str().into(),
                feature_level: *level,
                ..Default::default()
            };
            put(FeatureLevelRecord::KEY, &message, writer);
        }
        Record::BeginTakeover => {
            let message = BeginTransactionRecord { name: Some(TAKEOVER.into()), ..Default::default() };
            put(BeginTransactionRecord::KEY, &message, writer);
        }
        Record::EndTakeover => {
            put(EndTransactionRecord::KEY, &EndTransactionRecord::default(), writer);
        }
        Record::NoOp => put(NoOpRecord::KEY, &NoOpRecord::default(), writer),
    }
}

fn numbers(ids: &[NodeId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}

fn partition_record(id: PartitionId, partition: &Partition) -> PartitionRecord {
    PartitionRecord {
        partition_id: id.index.0,
        topic_id: id.topic,
        replicas: numbers(&partition.replicas),
        isr: numbers(&partition.isr),
        removing_replicas: numbers(&partition.removing),
        adding_replicas: numbers(&partition.adding),
        leader: partition.leader.map_or(NO_LEADER, |leader| leader.0),
        leader_recovery_state: i8::from(partition.recovering),
        leader_epoch: partition.leader_epoch.0,
        partition_epoch: partition.partition_epoch.0,
        directories: partition.directories.clone(),
        ..Default::default()
    }
}

fn partition_change_record(change: &PartitionChange) -> PartitionChangeRecord {
    PartitionChangeRecord {
        partition_id: change.id.index.0,
        topic_id: change.id.topic,
        isr: change.isr.as_deref().map(numbers),
        leader: change.leader.map_or(SAME_LEADER, |leader| leader.map_or(NO_LEADER, |id| id.0)),
        replicas: change.replicas.as_deref().map(numbers),
        removing_replicas: change.removing.as_deref().map(numbers),
        adding_replicas: change.adding.as_deref().map(numbers),
        leader_recovery_state: change.recovering.map_or(-1, i8::from),
        directories: change.directories.clone(),
        ..Default::default()
    }
}

fn register_record(broker: &Broker) -> RegisterBrokerRecord {
    let end_points = broker.endpoints.iter().map(|endpoint| BrokerEndpoint {
        name: endpoint.listener.as_str().into(),
        host: endpoint.host.as_str().into(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
        ..Default::default()
    });
    let features = broker.features.iter().map(|feature| BrokerFeature {
        name: feature.name.as_str().into(),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
        ..Default::default()
    });
    RegisterBrokerRecord {
        broker_id: broker.id.0,
        incarnation_id: broker.incarnation,
        broker_epoch: broker.epoch,
        end_points: end_points.collect(),
        features: features.collect(),
        rack: broker.rack.as_deref().map(Str::from),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: broker.log_dirs.clone(),
        ..Default::default()
    }
}

fn decode_record(reader: &mut Reader) -> Result<Record, CodecError> {
    let frame = reader.unsigned_varint();
    let (kind, version) = (reader.unsigned_varint(), reader.unsigned_varint());
    reader.status()?;
    if frame != FRAME_VERSION {
        return Err(CodecError::Frame(frame));
    }
    let unknown = CodecError::Kind { kind, version };
    let (Ok(kind), Ok(version)) = (i16::try_from(kind), i16::try_from(version)) else { return Err(unknown) };
    match kind {
        TopicRecord::KEY => {
            let message: TopicRecord = body(version, reader)?;
            Ok(Record::Topic { name: message.name.to_string(), id: message.topic_id })
        }
        PartitionRecord::KEY => partition(&body(version, reader)?),
        ConfigRecord::KEY => config(&body(version, reader)?),
        PartitionChangeRecord::KEY => partition_change(body(version, reader)?),
        RemoveTopicRecord::KEY => {
            let message: RemoveTopicRecord = body(version, reader)?;
            Ok(Record::RemoveTopic { id: message.topic_id })
        }
        RegisterBrokerRecord::KEY => register(body(version, reader)?),
        UnregisterBrokerRecord::KEY => {
            let message: UnregisterBrokerRecord = body(version, reader)?;
            Ok(Record::UnregisterBroker { id: NodeId(message.broker_id), epoch: message.broker_epoch })
        }
        BrokerRegistrationChangeRecord::KEY => broker_change(body(version, reader)?),
        ProducerIdsRecord::KEY => {
            let message: ProducerIdsRecord = body(version, reader)?;
            Ok(Record::ProducerIds(ProducerIds {
                broker: NodeId(message.broker_id),
                broker_epoch: message.broker_epoch,
                next: message.next_producer_id,
            }))
        }
        FeatureLevelRecord::KEY => {
            let message: FeatureLevelRecord = body(version, reader)?;
            Ok(Record::FeatureLevel { name: message.name.to_string(), level: message.feature_level })
        }
        BeginTransactionRecord::KEY => {
            let message: BeginTransactionRecord = body(version, reader)?;
            if message.name.as_ref().map(Str::as_str) != Some(TAKEOVER) {
                let record = BeginTransactionRecord::NAME;
                return Err(CodecError::Unsupported { record, what: "a transaction of another kind" });
            }
            Ok(Record::BeginTakeover)
        }
        EndTransactionRecord::KEY => {
            body::<EndTransactionRecord>(version, reader).map(|_| Record::EndTakeover)
        }
        NoOpRecord::KEY => body::<NoOpRecord>(version, reader).map(|_| Record::NoOp),
        _ => Err(unknown),
    }
}

fn body<M: Message>(version: i16, reader: &mut Reader) -> Result<M, CodecError> {
    if !M::has_version(version) {
        return Err(DecodeError::Version { message: M::NAME, version }.into());
    }
    let message = M::decode(version, reader);
    reader.status()?;
    Ok(message)
}

fn ids(numbers: &[i32]) -> Vec<NodeId> {
    numbers.iter().copied().map(NodeId).collect()
}

fn refuse_elr(
    record: &'static str,
    elr: Option<&Vec<i32>>,
    last: Option<&Vec<i32>>,
) -> Result<(), CodecError> {
    if elr.or(last).is_some() {
        return Err(CodecError::Unsupported { record, what: "who the eligible leader replicas are" });
    }
    Ok(())
}

fn partition(message: &PartitionRecord) -> Result<Record, CodecError> {
    let elr = message.eligible_leader_replicas.as_ref();
    refuse_elr(PartitionRecord::NAME, elr, message.last_known_elr.as_ref())?;
    let mut directories = message.directories.clone();
    // Version 0 knows no directories.
    directories.resize(message.replicas.len(), crate::model::Uuid::ZERO);
    let partition = Partition {
        replicas: ids(&message.replicas),
        directories,
        isr: ids(&message.isr),
        removing: ids(&message.removing_replicas),
        adding: ids(&message.adding_replicas),
        leader: (message.leader != NO_LEADER).then_some(NodeId(message.leader)),
        recovering: message.leader_recovery_state == 1,
        leader_epoch: LeaderEpoch(message.leader_epoch),
        partition_epoch: PartitionEpoch(message.partition_epoch),
    };
    let id = PartitionId { topic: message.topic_id, index: PartitionIndex(message.partition_id) };
    Ok(Record::Partition { id, partition })
}

fn partition_change(message: PartitionChangeRecord) -> Result<Record, CodecError> {
    let elr = message.eligible_leader_replicas.as_ref();
    refuse_elr(PartitionChangeRecord::NAME, elr, message.last_known_elr.as_ref())?;
    Ok(Record::PartitionChange(PartitionChange {
        id: PartitionId { topic: message.topic_id, index: PartitionIndex(message.partition_id) },
        leader: match message.leader {
            SAME_LEADER => None,
            NO_LEADER => Some(None),
            id => Some(Some(NodeId(id))),
        },
        isr: message.isr.as_deref().map(ids),
        replicas: message.replicas.as_deref().map(ids),
        removing: message.removing_replicas.as_deref().map(ids),
        adding: message.adding_replicas.as_deref().map(ids),
        recovering: (message.leader_recovery_state >= 0).then_some(message.leader_recovery_state == 1),
        directories: message.directories,
    }))
}

fn config(message: &ConfigRecord) -> Result<Record, CodecError> {
    let unsupported = |what| CodecError::Unsupported { record: ConfigRecord::NAME, what };
    let name = message.resource_name.as_str();
    let resource = match message.resource_type {
        TOPIC => Resource::Topic(name.to_owned()),
        BROKER if name.is_empty() => Resource::Broker(None),
        BROKER => {
            let id = name.parse().map_err(|_| unsupported("a broker without a number"))?;
            Resource::Broker(Some(NodeId(id)))
        }
        _ => return Err(unsupported("a resource that is neither a topic nor a broker")),
    };
    let value = message.value.as_ref().map(Str::to_string);
    Ok(Record::Config { resource, name: message.name.to_string(), value })
}

fn register(message: RegisterBrokerRecord) -> Result<Record, CodecError> {
    let unsupported = |what| Err(CodecError::Unsupported { record: RegisterBrokerRecord::NAME, what });
    if message.is_migrating_zk_broker {
        return unsupported("a broker that comes from ZooKeeper");
    }
    if message.cordoned_log_dirs.is_some_and(|directories| !directories.is_empty()) {
        return unsupported("cordoned directories");
    }
    let endpoints = message.end_points.iter().map(|endpoint| Endpoint {
        listener: endpoint.name.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
    });
    let features = message.features.iter().map(|feature| FeatureRange {
        name: feature.name.to_string(),
        min: feature.min_supported_version,
        max: feature.max_supported_version,
    });
    Ok(Record::RegisterBroker(Broker {
        id: NodeId(message.broker_id),
        epoch: message.broker_epoch,
        incarnation: message.incarnation_id,
        endpoints: endpoints.collect(),
        features: features.collect(),
        rack: message.rack.as_ref().map(Str::to_string),
        fenced: message.fenced,
        in_controlled_shutdown: message.in_controlled_shutdown,
        log_dirs: message.log_dirs,
    }))
}

fn broker_change(message: BrokerRegistrationChangeRecord) -> Result<Record, CodecError> {
    if message.cordoned_log_dirs.is_some_and(|directories| !directories.is_empty()) {
        let record = BrokerRegistrationChangeRecord::NAME;
        return Err(CodecError::Unsupported { record, what: "cordoned directories" });
    }
    Ok(Record::BrokerChange(BrokerChange {
        id: NodeId(message.broker_id),
        epoch: message.broker_epoch,
        fenced: (message.fenced != 0).then_some(message.fenced > 0),
        begins_shutdown: message.in_controlled_shutdown > 0,
        log_dirs: Some(message.log_dirs).filter(|directories| !directories.is_empty()),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metadata::testing::any_record;

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in proptest::collection::vec(any_record(), 0..20)) {
            let bytes = encode(&records).expect("every record can be written");
            let bound: usize = records.iter().map(Record::size_bound).sum();
            prop_assert!(bytes.len() <= bound + 6, "{} bytes, bound {bound}", bytes.len());
            prop_assert_eq!(decode(bytes), Ok(records));
        }

        #[test]
        fn any_bytes_are_an_error_at_worst(records in proptest::collection::vec(any_record(), 1..5), at: usize, byte: u8) {
            let mut bytes = encode(&records).expect("every record can be written").to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            // Whether the change is seen is the matter of the log's checksums.
            let _ = decode(Bytes::from(bytes.clone()));
            bytes.truncate(at);
            prop_assert!(decode(Bytes::from(bytes)).is_err());
        }
    }

    #[test]
    fn what_another_release_wrote_is_refused() {
        assert_eq!(decode(Bytes::from_static(&[2, 0])), Err(CodecError::Format(2)));
        assert_eq!(decode(Bytes::from_static(&[1, 1, 2, 20, 0])), Err(CodecError::Frame(2)));
        assert_eq!(
            decode(Bytes::from_static(&[1, 1, 1, 99, 3])),
            Err(CodecError::Kind { kind: 99, version: 3 })
        );
        assert_eq!(decode(Bytes::from_static(&[1, 1, 1, 20, 0, 0])), Ok(vec![Record::NoOp]));
        // A metadata transaction that is no takeover.
        let unknown = decode(Bytes::from_static(&[1, 1, 1, 23, 0, 0]));
        assert!(matches!(unknown, Err(CodecError::Unsupported { .. })), "{unknown:?}");
        assert!(matches!(decode(Bytes::from_static(&[1, 1, 1, 20, 1, 0])), Err(CodecError::Malformed(_))));
        assert!(matches!(
            decode(Bytes::from_static(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f])),
            Err(CodecError::Malformed(_))
        ));
    }
}

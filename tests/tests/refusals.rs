//! What is answered, as by Kafka 4.3.1, where a request names something twice, where records are refused before their partition's owner is
//! asked, and where the quorum is asked about.

use bytes::Bytes;
use logan::protocol::messages::create_topics::CreatableTopic;
use logan::protocol::messages::describe_quorum::{
    DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
};
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use logan::protocol::messages::{CreateTopicsRequest, DescribeQuorumRequest, FetchRequest, ProduceRequest};
use logan::protocol::records::{BatchBuilder, Compression};
use logan::protocol::{ErrorCode, Records};
use logan_tests::batch::seal;
use logan_tests::simulation::client::Client;
use logan_tests::simulation::quiet::{connect, serve};

const TIME: i64 = 1_700_000_000_000;

async fn create(client: &mut Client, name: &str, partitions: i32) {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let response = client.call(7, &request).await.expect("an answer");
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

fn batch(timestamp: i64, value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(timestamp, None, Some(value), &[]);
    builder.finish(None)
}

async fn produce(client: &mut Client, name: &str, index: i32, batch: Bytes) -> PartitionProduceResponse {
    let mut records = Records::default();
    records.push(batch);
    let part = PartitionProduceData { index, records: Some(records), ..Default::default() };
    let topic = TopicProduceData { name: name.into(), partition_data: vec![part], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let mut response = client.call(9, &request).await.expect("an answer");
    response.responses.remove(0).partition_responses.remove(0)
}

fn fetch(session: (i32, i32), topics: &[(&str, &[(i32, i64)])]) -> FetchRequest {
    let topic = |(name, parts): &(&str, &[(i32, i64)])| {
        let parts = parts.iter().map(|(partition, offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        });
        FetchTopic { topic: (*name).into(), partitions: parts.collect(), ..Default::default() }
    };
    FetchRequest {
        replica_id: -1,
        max_bytes: 1 << 20,
        session_id: session.0,
        session_epoch: session.1,
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// The session, and of each answered partition its topic, number, error and the offset of its first batch (-1: no records).
async fn fetched(client: &mut Client, request: &FetchRequest) -> (i32, Vec<(String, i32, i16, i64)>) {
    let response = client.call(11, request).await.expect("an answer");
    assert_eq!(response.error_code, ErrorCode::NONE);
    let mut all = Vec::new();
    for topic in &response.responses {
        for part in &topic.partitions {
            let records = part.records.as_ref().map(Records::contiguous).unwrap_or_default();
            let first = records.first_chunk().map_or(-1, |base| i64::from_be_bytes(*base));
            all.push((topic.topic.to_string(), part.partition_index, part.error_code.0, first));
        }
    }
    (response.session_id, all)
}

#[test]
fn a_partition_that_is_fetched_twice_is_answered_once() {
    serve(&[], async {
        let mut client = connect().await;
        create(&mut client, "twice", 2).await;
        for _ in 0..4 {
            for index in 0..2 {
                assert_eq!(produce(&mut client, "twice", index, batch(TIME, b"v")).await.error_code.0, 0);
            }
        }
        let part = |name: &str, index, error, first| (name.to_owned(), index, error, first);
        let none = (0, -1);
        let request = fetch(none, &[("twice", &[(0, 0), (1, 0), (0, 2)])]);
        let expected = vec![part("twice", 0, 0, 2), part("twice", 1, 0, 0)];
        assert_eq!(fetched(&mut client, &request).await.1, expected, "the first place, and the last word");
        let request = fetch(none, &[("twice", &[(0, 0)]), ("twice", &[(1, 1), (0, 3)])]);
        let expected = vec![part("twice", 0, 0, 3), part("twice", 1, 0, 1)];
        assert_eq!(fetched(&mut client, &request).await.1, expected, "in two topics");
        let request = fetch(none, &[("nowhere", &[(0, 0), (0, 1)]), ("twice", &[(7, 0), (7, 0)])]);
        let expected = vec![part("nowhere", 0, 3, -1), part("twice", 7, 3, -1)];
        assert_eq!(fetched(&mut client, &request).await.1, expected, "those that there are not");
        let begins = fetch((0, 0), &[("twice", &[(0, 0), (1, 0), (0, 2)])]);
        let (session, all) = fetched(&mut client, &begins).await;
        assert_eq!(all, vec![part("twice", 0, 0, 2), part("twice", 1, 0, 0)], "as a session begins");
        let goes_on = fetch((session, 1), &[("twice", &[(0, 1), (0, 3)])]);
        let expected = vec![part("twice", 0, 0, 3), part("twice", 1, 0, 0)];
        assert_eq!(fetched(&mut client, &goes_on).await, (session, expected), "as it goes on");
    });
}

/// A good batch with this byte changed, and its checksum made right again.
fn with(at: usize, byte: u8) -> Bytes {
    let mut bytes = batch(TIME, b"v").to_vec();
    bytes[at] = byte;
    seal(&mut bytes);
    bytes.into()
}

#[test]
fn records_that_are_refused_are_told_where_the_log_begins_as_by_kafka() {
    serve(&["log.message.timestamp.after.max.ms=1000", "message.max.bytes=1000"], async {
        let mut client = connect().await;
        create(&mut client, "refused", 1).await;
        assert_eq!(produce(&mut client, "refused", 0, batch(TIME, b"v")).await.log_start_offset, 0);
        let twice = [batch(TIME, b"v"), batch(TIME, b"v")].concat();
        let mut rotten = batch(TIME, b"v").to_vec();
        rotten[17] ^= 1;
        let begins = 0;
        for (what, bytes, error, log_start) in [
            ("no batch", Bytes::new(), ErrorCode::INVALID_RECORD, -1),
            ("two batches", twice.into(), ErrorCode::INVALID_RECORD, -1),
            ("an old format", with(16, 1), ErrorCode::INVALID_RECORD, -1),
            ("a wrong checksum", rotten.into(), ErrorCode::CORRUPT_MESSAGE, -1),
            ("too large", batch(TIME, &[0; 2000]), ErrorCode::MESSAGE_TOO_LARGE, -1),
            ("a base offset", with(7, 5), ErrorCode::INVALID_RECORD, begins),
            ("a wrong count", with(60, 2), ErrorCode::INVALID_RECORD, begins),
            ("a control batch", with(22, 32), ErrorCode::INVALID_RECORD, begins),
            ("an unknown codec", with(22, 7), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, begins),
            ("garbage", with(61, 0x7f), ErrorCode::INVALID_RECORD, begins),
            ("a late time", batch(i64::MAX / 2, b"v"), ErrorCode::INVALID_TIMESTAMP, begins),
        ] {
            let part = produce(&mut client, "refused", 0, bytes).await;
            assert_eq!((part.error_code, part.log_start_offset), (error, log_start), "{what}");
            assert_eq!(part.base_offset, -1, "{what}");
        }
        let part = produce(&mut client, "nowhere", 0, with(60, 2)).await;
        assert_eq!((part.error_code, part.log_start_offset), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1));
    });
}

#[test]
fn the_quorum_is_described_in_every_version_and_alone() {
    let ask = |topics: &[(&str, &[i32])]| {
        let topics = topics.iter().map(|(name, partitions)| DescribeQuorumRequestTopicData {
            topic_name: (*name).into(),
            partitions: partitions
                .iter()
                .map(|index| DescribeQuorumRequestPartitionData {
                    partition_index: *index,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
        DescribeQuorumRequest { topics: topics.collect(), ..Default::default() }
    };
    let own = "__cluster_metadata";
    serve(&[], async move {
        let mut client = connect().await;
        for version in 0..=2 {
            let one = client.call(version, &ask(&[(own, &[0])])).await.expect("an answer");
            let part = &one.topics[0].partitions[0];
            assert_eq!((part.error_code, part.current_voters.len()), (ErrorCode::NONE, 1), "{version}");
            for other in [
                ask(&[(own, &[0, 0])]),
                ask(&[(own, &[0, 1])]),
                ask(&[(own, &[0]), ("x", &[0])]),
                ask(&[(own, &[1])]),
            ] {
                let refused = client.call(version, &other).await.expect("an answer");
                let parts = refused.topics.iter().flat_map(|topic| &topic.partitions);
                let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                assert!(parts.clone().all(|part| part.error_code == unknown), "{version}: {refused:?}");
                let asked: usize = other.topics.iter().map(|topic| topic.partitions.len()).sum();
                assert_eq!(parts.count(), asked);
                assert!(refused.nodes.is_empty());
            }
        }
    });
}

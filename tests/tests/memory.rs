//! What clients make a whole broker allocate, in simulation: all of it on one thread, whose allocations are counted.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use logan::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use logan::protocol::messages::describe_configs::DescribeConfigsResource;
use logan::protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DescribeConfigsRequest, ListOffsetsRequest, ProduceRequest,
};
use logan::protocol::records::{BatchBuilder, Compression, ProducerFields};
use logan::protocol::{ErrorCode, Records};
use logan_shards::allocation::{Counting, peak};
use logan_shards::{monotonic_ns, pool_use, sleep};
use logan_storage::batch::{Attributes, HEADER_LEN, Header};
use logan_tests::simulation::client::Client;
use logan_tests::simulation::quiet::{connect, serve};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const VERSION: i16 = 9;

async fn create_topic(client: &mut Client, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    });
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let response = client.call(7, &request).await.expect("an answer");
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

fn topic(name: &str, parts: &[(i32, Bytes)]) -> TopicProduceData {
    let parts = parts.iter().map(|(index, batch)| {
        let mut records = Records::default();
        records.push(batch.clone());
        PartitionProduceData { index: *index, records: Some(records), ..Default::default() }
    });
    TopicProduceData { name: name.into(), partition_data: parts.collect(), ..Default::default() }
}

fn produce(topics: Vec<TopicProduceData>) -> ProduceRequest {
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: topics, ..Default::default() }
}

fn batch(values: &[&[u8]], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value), &[]);
    }
    builder.finish(None)
}

/// A thousand records in a hundred bytes, of which all but the first say that they are the first.
fn all_first() -> Bytes {
    let count = 1000;
    let record = &batch(&[b""], Compression::None)[HEADER_LEN..];
    let packed = zstd::bulk::compress(&record.repeat(count as usize), 3).expect("compressed in memory");
    let header = Header {
        base_offset: 0,
        leader_epoch: -1,
        attributes: Attributes(4),
        last_offset_delta: count - 1,
        base_timestamp: 1_700_000_000_000,
        max_timestamp: 1_700_000_000_000,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count,
    };
    let mut out = Vec::new();
    header.write_batch(&packed, &mut out);
    out.into()
}

#[test]
fn record_errors_of_a_request_are_few_however_many_its_batches_have() {
    let lie = all_first();
    assert!(lie.len() < 120, "{}", lie.len());
    let (told, bytes) = peak(|| {
        serve(&[], async move {
            let mut client = connect().await;
            create_topic(&mut client, "lies", 600, &[]).await;
            let parts: Vec<_> = (0..600).map(|index| (index, lie.clone())).collect();
            let response =
                client.call(VERSION, &produce(vec![topic("lies", &parts)])).await.expect("an answer");
            let parts = &response.responses[0].partition_responses;
            assert_eq!(parts.len(), 600);
            for part in parts {
                assert_eq!(part.error_code, ErrorCode::INVALID_RECORD);
                let message = part.error_message.as_ref().expect("each batch is told why").to_string();
                assert!(message.contains("999 record errors"), "{message}");
            }
            parts.iter().map(|part| part.record_errors.len()).sum::<usize>()
        })
    });
    assert_eq!(told, logan::limits::RECORD_ERRORS);
    // Of each lie, 120 KB would be 72 MB and its response as much again.
    assert!(bytes < 60 << 20, "{bytes} bytes");
}

#[test]
fn of_batches_for_one_partition_the_last_is_appended_and_answered() {
    serve(&[], async {
        let mut client = connect().await;
        create_topic(&mut client, "twice", 2, &[]).await;
        create_topic(&mut client, "once", 1, &[]).await;
        let of = |count: usize| batch(&vec![&b"value"[..]; count], Compression::None);
        let request = produce(vec![
            topic("twice", &[(0, of(7)), (1, all_first()), (0, of(3))]),
            topic("once", &[(0, of(1))]),
            topic("twice", &[(1, of(5)), (0, of(2)), (9, of(1)), (9, of(1))]),
        ]);
        let response = client.call(VERSION, &request).await.expect("an answer");
        let mut answers = Vec::new();
        for topic in &response.responses {
            for part in &topic.partition_responses {
                answers.push((topic.name.to_string(), part.index, part.error_code, part.base_offset));
            }
        }
        answers.sort_by_key(|answer| (answer.0.clone(), answer.1));
        let of = |name: &str, index, error, offset| (name.to_owned(), index, error, offset);
        let expected = [
            of("once", 0, ErrorCode::NONE, 0),
            of("twice", 0, ErrorCode::NONE, 0),
            of("twice", 1, ErrorCode::NONE, 0),
            of("twice", 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1),
        ];
        assert_eq!(answers, expected);
        // What comes next begins behind the last one.
        let request = produce(vec![topic("twice", &[(0, batch(&[b"next"], Compression::None))])]);
        let response = client.call(VERSION, &request).await.expect("an answer");
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 2);
    });
}

/// The first offset at or after that time.
async fn offset_at(client: &mut Client, name: &str, timestamp: i64) -> i64 {
    let part = ListOffsetsPartition { current_leader_epoch: -1, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: name.into(), partitions: vec![part], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = client.call(5, &request).await.expect("an answer");
    let part = &response.topics[0].partitions[0];
    assert_eq!(part.error_code, ErrorCode::NONE);
    part.offset
}

#[test]
fn large_records_of_many_connections_are_gathered_one_after_another() {
    const CONNECTIONS: usize = 16;
    const RECORD: usize = 10 << 20;
    let mut builder = BatchBuilder::new(Compression::Gzip { level: 1 });
    builder.append(1_700_000_000_000, None, Some(&vec![0; RECORD]), &[]);
    builder.append(1_700_000_000_001, None, None, &[]);
    let batch = builder.finish(None);
    let ((), bytes) = peak(|| {
        serve(&[], async move {
            create_topic(&mut connect().await, "large", 1, &[]).await;
            join_all((0..CONNECTIONS).map(async |_| {
                let mut client = connect().await;
                let request = produce(vec![topic("large", &[(0, batch.clone())])]);
                let response = client.call(VERSION, &request).await.expect("an answer");
                assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
                // The record before must be read again.
                assert_eq!(offset_at(&mut client, "large", 1_700_000_000_001).await, 1);
            }))
            .await;
        });
    });
    // One record while its window doubles, and what a simulated broker takes anyway.
    assert!(bytes < 4 * RECORD + (40 << 20), "{bytes} bytes");
}

/// Has batches of a few hundred bytes opened to 900 KiB for so many partitions, and returns how each is answered.
async fn produce_opened(
    client: &mut Client,
    partitions: i32,
    producer: ProducerFields,
) -> Vec<(i32, ErrorCode, i64)> {
    let mut builder = BatchBuilder::new(Compression::Zstd { level: 3 }).producer(producer);
    builder.append(1_700_000_000_000, None, Some(&vec![0; 900 << 10]), &[]);
    let small = builder.finish(None);
    assert!(small.len() < 300, "{}", small.len());
    let parts: Vec<_> = (0..partitions).map(|index| (index, small.clone())).collect();
    let request = produce(vec![topic("opened", &parts)]);
    let response = client.call(VERSION, &request).await.expect("an answer");
    let parts = &response.responses[0].partition_responses;
    parts.iter().map(|part| (part.index, part.error_code, part.base_offset)).collect()
}

#[test]
fn batches_that_are_compressed_anew_are_not_all_held_until_the_last_is() {
    const PARTITIONS: i32 = 120;
    let settings = [("compression.type", "uncompressed")];
    let (answers, bytes) = peak(|| {
        serve(&[], async move {
            let mut client = connect().await;
            create_topic(&mut client, "opened", PARTITIONS, &settings).await;
            let producer =
                |base_sequence| ProducerFields { id: 7, epoch: 0, base_sequence, is_transactional: false };
            let mut first = BatchBuilder::new(Compression::None).producer(producer(0));
            first.append(1_700_000_000_000, None, None, &[]);
            let first = first.finish(None);
            let parts: Vec<_> = (0..PARTITIONS).map(|index| (index, first.clone())).collect();
            client.call(VERSION, &produce(vec![topic("opened", &parts)])).await.expect("an answer");
            // Their owner appends none of them, so that the simulated disk holds none.
            produce_opened(&mut client, PARTITIONS, producer(5)).await
        })
    });
    let answers: Vec<_> = answers.into_iter().map(|(index, error, _)| (index, error)).collect();
    let refused = |index| (index, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(answers, (0..PARTITIONS).map(refused).collect::<Vec<_>>());
    assert!(bytes < 60 << 20, "{bytes} bytes");
}

#[test]
fn batches_that_had_to_leave_early_are_answered_as_all_others() {
    const PARTITIONS: i32 = 20;
    serve(&[], async move {
        let mut client = connect().await;
        create_topic(&mut client, "opened", PARTITIONS, &[("compression.type", "uncompressed")]).await;
        for round in 0..2 {
            let expected: Vec<_> = (0..PARTITIONS).map(|index| (index, ErrorCode::NONE, round)).collect();
            assert_eq!(produce_opened(&mut client, PARTITIONS, ProducerFields::NONE).await, expected);
        }
    });
}

/// All settings of the broker, with their synonyms: an answer of a hundred kilobytes for thirty bytes.
fn all_settings() -> DescribeConfigsRequest {
    const BROKER: i8 = 4;
    let resource = |name: &str| DescribeConfigsResource {
        resource_type: BROKER,
        resource_name: name.into(),
        configuration_keys: None,
        ..Default::default()
    };
    DescribeConfigsRequest {
        resources: vec![resource("1"), resource("")],
        include_synonyms: true,
        ..Default::default()
    }
}

#[test]
fn answers_that_nobody_reads_are_few_and_keep_nobody_waiting() {
    const SILENT: usize = 100;
    // Of which answers have 3 %.
    const MEMORY: usize = 256 << 20;
    let ((answered, waited), bytes) = peak(|| {
        serve(&[], async move {
            let mut other = connect().await;
            let settings = other.call(4, &all_settings()).await.expect("an answer");
            assert!(settings.results[0].configs.len() > 100);
            let mut silent = Vec::new();
            for _ in 0..SILENT {
                let mut client = connect().await;
                client.send(4, &vec![all_settings(); 64]).await.expect("the broker reads");
                silent.push(client);
            }
            sleep(Duration::from_millis(20)).await;
            let (began, mut answered, mut longest) = (monotonic_ns(), 0, 0);
            while answered < 20 {
                let asked = monotonic_ns();
                let versions = ApiVersionsRequest {
                    client_software_name: "reads".into(),
                    client_software_version: "1".into(),
                    ..Default::default()
                };
                other.call(3, &versions).await.expect("an answer");
                let again = other.call(4, &all_settings()).await.expect("an answer");
                assert_eq!(again, settings);
                answered += 1;
                longest = longest.max(monotonic_ns() - asked);
            }
            println!("{answered} answers in {} ms", (monotonic_ns() - began) / 1_000_000);
            drop(silent);
            (answered, Duration::from_nanos(longest))
        })
    });
    println!("{bytes} bytes at most, waited {waited:?}");
    assert_eq!(answered, 20);
    // As many answers as 100 simulated sockets hold, and what a simulated broker takes anyway.
    assert!(bytes < MEMORY / 100 * 3 + (60 << 20), "{bytes} bytes");
    assert!(waited < Duration::from_secs(5), "another client waited {waited:?}");
}

#[test]
fn partitions_that_there_are_not_cost_little_more_than_their_names() {
    const CLIENTS: usize = 8;
    const MANY: i32 = 100_000;
    // Six bytes each in the frame.
    let part = |index| PartitionProduceData { index, records: None, ..Default::default() };
    let nowhere = TopicProduceData {
        name: "nowhere".into(),
        partition_data: (0..MANY).map(part).collect(),
        ..Default::default()
    };
    let request = Rc::new(produce(vec![nowhere]));
    let ((), bytes) = peak(|| {
        serve(&[], async move {
            join_all((0..CLIENTS).map(async |_| {
                let mut client = connect().await;
                client.send(VERSION, std::slice::from_ref(&*request)).await.expect("the broker reads");
                let response = client.receive::<ProduceRequest>(VERSION).await.expect("an answer");
                let parts = &response.responses[0].partition_responses;
                assert_eq!(parts.len(), MANY as usize);
                let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                assert!(parts.iter().all(|part| part.error_code == unknown && part.base_offset == -1));
            }))
            .await;
        });
    });
    println!("{bytes} bytes at most");
    // The frames, an answer of one as it is made, some that are written, and what its client makes of it.
    assert!(bytes < 64 << 20, "{bytes} bytes");
}

#[test]
fn stored_batches_are_searched_one_after_another() {
    const CLIENTS: usize = 60;
    const PARTITIONS: i32 = 8;
    const RECORDS: i64 = 100;
    let (most, answered) = serve(&["logan.memory.bytes=67108864"], async {
        let mut client = connect().await;
        create_topic(&mut client, "searched", PARTITIONS, &[]).await;
        // What cannot be made smaller, so that its search takes many steps.
        let mut state = 7_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let mut builder = BatchBuilder::new(Compression::Gzip { level: 1 });
        for number in 0..RECORDS {
            let value: Vec<u8> = (0..9_000).map(|_| noise()).collect();
            builder.append(1_700_000_000_000 + number, None, Some(&value), &[]);
        }
        let large = builder.finish(None);
        // The first of each is not in memory any more when the last is there.
        for _ in 0..4 {
            for index in 0..PARTITIONS {
                let request = produce(vec![topic("searched", &[(index, large.clone())])]);
                let response = client.call(VERSION, &request).await.expect("an answer");
                assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
            }
        }
        let before = pool_use().lent;
        let searching = join_all((0..CLIENTS).map(async |_| {
            let mut client = connect().await;
            let part = |partition_index| ListOffsetsPartition {
                partition_index,
                current_leader_epoch: -1,
                timestamp: 1_700_000_000_000 + RECORDS - 1,
                ..Default::default()
            };
            let partitions = (0..PARTITIONS).map(part).collect();
            let topic = ListOffsetsTopic { name: "searched".into(), partitions, ..Default::default() };
            let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
            let response = client.call(5, &request).await.expect("an answer");
            let found = response.topics[0].partitions.iter();
            found.filter(|part| part.error_code == ErrorCode::NONE && part.offset == RECORDS - 1).count()
        }));
        let mut searching = std::pin::pin!(searching);
        let mut most = 0;
        loop {
            most = most.max(pool_use().lent.saturating_sub(before));
            let look = std::pin::pin!(sleep(Duration::from_micros(20)));
            match select(searching, look).await {
                Either::Left((found, _)) => return (most, found.into_iter().sum::<usize>()),
                Either::Right(((), rest)) => searching = rest,
            }
        }
    });
    assert_eq!(answered, CLIENTS * PARTITIONS as usize);
    println!("{most} bytes of buffers at most");
    // Each holds a megabyte; what is read ahead of it, twice as much.
    assert!(most < 24 << 20, "{most} bytes of buffers");
}

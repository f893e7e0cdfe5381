//! Every advertised version of every API is answered with what was asked for. The codec is proven elsewhere (`protocol/golden.rs`): here a
//! handler that fills a field which an old version lacks, or forgets one that it needs, is found.

use bytes::Bytes;
use logan::model::Uuid;
use logan::protocol::messages as m;
use logan::protocol::{ApiKey, ErrorCode, Records, Request, Str};
use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::typed;
use logan_tests::wire::Connection;
use logan_tests::with_each_number_of_shards;

with_each_number_of_shards! {
    what_is_advertised_is_what_is_built,
    records_go_in_and_come_out_by_every_version,
    offsets_and_epochs_are_told_by_every_version,
    topics_are_administered_by_every_version,
    settings_are_altered_and_described_by_every_version,
    metadata_is_told_by_every_version,
    the_cluster_is_described_by_every_version,
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Key, first and last version, as `kafka-broker-api-versions.sh` prints them for Kafka 4.3.1.
const ADVERTISED: [(ApiKey, i16, i16); 15] = [
    (ApiKey::Produce, 0, 13),
    (ApiKey::Fetch, 4, 18),
    (ApiKey::ListOffsets, 1, 11),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::InitProducerId, 0, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::DescribeQuorum, 0, 2),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

struct Client {
    connection: Connection,
    topic_id: Uuid,
}

impl Client {
    /// What is answered to each version of a request.
    fn each<R: Request>(&mut self, request: impl Fn(i16) -> R, check: impl Fn(i16, R::Response)) {
        let versions = R::KEY.versions();
        let &(_, from, to) = ADVERTISED.iter().find(|api| api.0 == R::KEY).expect("an API that is built");
        for version in from.max(versions.min)..=to {
            check(version, typed::call(&mut self.connection, version, &request(version)));
        }
    }
}

/// A broker with a topic `t` of two partitions, and a record in the first.
fn client(scratch: &Scratch, shards: u16) -> (Broker, Client) {
    let shards = format!("logan.shards={shards}");
    let broker = Broker::start(Settings::new(scratch, &[&shards, "auto.create.topics.enable=false"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("t", 2, &[]), 0);
    let record = Batch::of(&[b"first"]).encode();
    assert_eq!(connection.produce("t", 0, -1, &record).error, 0);
    let mut client = Client { connection, topic_id: Uuid::default() };
    let found = std::cell::Cell::new(Uuid::default());
    client.each(
        |_| m::MetadataRequest { topics: Some(vec![named("t")]), ..Default::default() },
        |_, response| found.set(response.topics[0].topic_id),
    );
    client.topic_id = found.get();
    (broker, client)
}

fn named(name: &str) -> m::metadata::MetadataRequestTopic {
    m::metadata::MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() }
}

fn what_is_advertised_is_what_is_built(shards: u16) {
    let scratch = Scratch::new("advertised");
    let (_broker, mut client) = client(&scratch, shards);
    let mut expected: Vec<_> = ADVERTISED.iter().map(|(key, from, to)| (*key as i16, *from, *to)).collect();
    expected.sort_unstable();
    client.each(
        |_| m::ApiVersionsRequest {
            client_software_name: Str::from("logan-tests"),
            client_software_version: Str::from("1"),
            ..Default::default()
        },
        |version, response| {
            assert_eq!(response.error_code, ErrorCode::NONE, "v{version}");
            let mut keys: Vec<_> =
                response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
            keys.sort_unstable();
            assert_eq!(keys, expected, "v{version}");
        },
    );
}

fn records_go_in_and_come_out_by_every_version(shards: u16) {
    let scratch = Scratch::new("records");
    let (_broker, mut client) = client(&scratch, shards);
    let record = Bytes::from(Batch::of(&[b"one more"]).encode());
    let id = client.topic_id;
    // By name, or by id where a version has ids.
    let topic = |version| {
        if version >= 13 { (Str::default(), id) } else { (Str::from("t"), Uuid::default()) }
    };
    let produce = |version, partition| {
        use m::produce::{PartitionProduceData, TopicProduceData};
        let (name, topic_id) = topic(version);
        let records = Some(Records::from(record.clone()));
        let partition_data = vec![PartitionProduceData { index: partition, records, ..Default::default() }];
        let topic_data = vec![TopicProduceData { name, topic_id, partition_data, ..Default::default() }];
        m::ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data, ..Default::default() }
    };
    let first = ApiKey::Produce.versions().min;
    for (partition, error) in [(0, ErrorCode::NONE), (9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)] {
        client.each(
            |version| produce(version, partition),
            |version, response| {
                let answer = &response.responses[0].partition_responses[0];
                assert_eq!((answer.index, answer.error_code), (partition, error), "v{version}");
                let expected = if partition == 0 { i64::from(version - first) + 1 } else { -1 };
                assert_eq!(answer.base_offset, expected, "v{version}");
            },
        );
    }
    let end = i64::from(ADVERTISED[0].2 - first) + 2;

    for (partition, offset, error) in [
        (0, end - 1, ErrorCode::NONE),
        (0, end + 1, ErrorCode::OFFSET_OUT_OF_RANGE),
        (9, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    ] {
        client.each(
            |version| {
                use m::fetch::{FetchPartition, FetchTopic};
                let (topic, topic_id) = topic(version);
                let one = FetchPartition {
                    partition,
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                };
                let topics =
                    vec![FetchTopic { topic, topic_id, partitions: vec![one], ..Default::default() }];
                m::FetchRequest { max_wait_ms: 100, max_bytes: 1 << 20, topics, ..Default::default() }
            },
            |version, response| {
                assert_eq!(response.error_code, ErrorCode::NONE, "v{version}");
                let answer = &response.responses[0].partitions[0];
                assert_eq!((answer.partition_index, answer.error_code), (partition, error), "v{version}");
                let bytes = answer.records.as_ref().map_or(0, Records::len);
                assert_eq!(bytes > 0, error == ErrorCode::NONE, "v{version}");
                if error == ErrorCode::NONE {
                    assert_eq!(answer.high_watermark, end, "v{version}");
                }
            },
        );
    }
}

fn offsets_and_epochs_are_told_by_every_version(shards: u16) {
    let scratch = Scratch::new("offsets");
    let (_broker, mut client) = client(&scratch, shards);
    for (partition, timestamp, error, offset) in [
        (0, -1, ErrorCode::NONE, 1),
        (0, -2, ErrorCode::NONE, 0),
        (0, 0, ErrorCode::NONE, 0),
        (9, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1),
    ] {
        client.each(
            |_| {
                use m::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
                let one =
                    ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
                let topics = vec![ListOffsetsTopic {
                    name: Str::from("t"),
                    partitions: vec![one],
                    ..Default::default()
                }];
                m::ListOffsetsRequest { replica_id: -1, topics, ..Default::default() }
            },
            |version, response| {
                let answer = &response.topics[0].partitions[0];
                assert_eq!((answer.error_code, answer.offset), (error, offset), "v{version} at {timestamp}");
            },
        );
    }
    for (partition, error, end) in [(0, ErrorCode::NONE, 1), (9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1)] {
        client.each(
            |version| {
                use m::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
                let one = OffsetForLeaderPartition { partition, leader_epoch: 0, ..Default::default() };
                let topics = vec![OffsetForLeaderTopic {
                    topic: Str::from("t"),
                    partitions: vec![one],
                    ..Default::default()
                }];
                // A consumer's.
                let replica_id = if version >= 3 { -1 } else { -2 };
                m::OffsetForLeaderEpochRequest { replica_id, topics, ..Default::default() }
            },
            |version, response| {
                let answer = &response.topics[0].partitions[0];
                assert_eq!((answer.error_code, answer.end_offset), (error, end), "v{version}");
            },
        );
    }
    client.each(
        |_| m::InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..Default::default()
        },
        |version, response| {
            assert_eq!((response.error_code, response.producer_epoch), (ErrorCode::NONE, 0), "v{version}");
            assert!(response.producer_id >= 0, "v{version}");
        },
    );
}

fn topics_are_administered_by_every_version(shards: u16) {
    let scratch = Scratch::new("administered");
    let (_broker, mut client) = client(&scratch, shards);
    client.each(
        |version| {
            use m::create_topics::{CreatableTopic, CreatableTopicConfig};
            let config = CreatableTopicConfig {
                name: Str::from("flush.ms"),
                value: Some(Str::from("50")),
                ..Default::default()
            };
            let topic = |name: String| CreatableTopic {
                name: Str::from(name),
                num_partitions: 1,
                replication_factor: 1,
                configs: vec![config.clone()],
                ..Default::default()
            };
            let topics = vec![topic(format!("made-by-{version}")), topic("t".to_owned())];
            m::CreateTopicsRequest { topics, timeout_ms: 30_000, ..Default::default() }
        },
        |version, response| {
            let errors: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS], "v{version}");
            assert!(response.topics[1].error_message.is_some(), "v{version}");
        },
    );
    client.each(
        |version| {
            use m::create_partitions::CreatePartitionsTopic;
            let topic = |name: String, count| CreatePartitionsTopic {
                name: Str::from(name),
                count,
                assignments: None,
                ..Default::default()
            };
            let topics =
                vec![topic("made-by-2".to_owned(), i32::from(version) + 2), topic("none".to_owned(), 9)];
            m::CreatePartitionsRequest { topics, timeout_ms: 30_000, ..Default::default() }
        },
        |version, response| {
            let errors: Vec<_> = response.results.iter().map(|topic| topic.error_code).collect();
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION], "v{version}");
        },
    );
    client.each(
        |version| {
            use m::delete_topics::DeleteTopicState;
            // Nobody made one by version 1.
            let names = [format!("made-by-{}", version + 1), "none".to_owned()].map(Str::from);
            let (topics, topic_names) = if version >= 6 {
                let of_name = |name| DeleteTopicState { name: Some(name), ..Default::default() };
                (names.map(of_name).to_vec(), Vec::new())
            } else {
                (Vec::new(), names.to_vec())
            };
            m::DeleteTopicsRequest { topics, topic_names, timeout_ms: 30_000, ..Default::default() }
        },
        |version, response| {
            let errors: Vec<_> = response.responses.iter().map(|one| one.error_code).collect();
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION], "v{version}");
        },
    );
}

fn settings_are_altered_and_described_by_every_version(shards: u16) {
    let scratch = Scratch::new("settings");
    let (_broker, mut client) = client(&scratch, shards);
    client.each(
        |version| {
            use m::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
            let resource = |name: &str| AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: Str::from(name),
                configs: vec![AlterableConfig {
                    name: Str::from("flush.ms"),
                    value: Some(Str::from(format!("{}", version + 100))),
                    ..Default::default()
                }],
                ..Default::default()
            };
            let resources = vec![resource("t"), resource("none")];
            m::IncrementalAlterConfigsRequest { resources, ..Default::default() }
        },
        |version, response| {
            let errors: Vec<_> = response.responses.iter().map(|one| one.error_code).collect();
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION], "v{version}");
        },
    );
    client.each(
        |_| {
            use m::describe_configs::DescribeConfigsResource;
            let resource = |resource_type, name: &str| DescribeConfigsResource {
                resource_type,
                resource_name: Str::from(name),
                configuration_keys: None,
                ..Default::default()
            };
            let resources = vec![resource(TOPIC, "t"), resource(BROKER, "1"), resource(TOPIC, "none")];
            m::DescribeConfigsRequest { resources, include_synonyms: true, ..Default::default() }
        },
        |version, response| {
            let errors: Vec<_> = response.results.iter().map(|one| one.error_code).collect();
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::NONE, unknown], "v{version}");
            let flush = response.results[0].configs.iter().find(|config| &*config.name == "flush.ms");
            assert_eq!(flush.and_then(|config| config.value.as_deref()), Some("101"), "v{version}");
            assert!(flush.is_some_and(|config| !config.synonyms.is_empty()), "v{version}");
        },
    );
}

fn metadata_is_told_by_every_version(shards: u16) {
    let scratch = Scratch::new("metadata");
    let (broker, mut client) = client(&scratch, shards);
    let port = i32::from(broker.address().port());
    let topic_id = client.topic_id;
    client.each(
        |_| m::MetadataRequest { topics: Some(vec![named("t"), named("none")]), ..Default::default() },
        |version, response| {
            let errors: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
            assert_eq!(errors, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION], "v{version}");
            assert_eq!(response.topics[0].partitions.len(), 2, "v{version}");
            let brokers: Vec<_> =
                response.brokers.iter().map(|broker| (broker.node_id, broker.port)).collect();
            assert_eq!(brokers, [(1, port)], "v{version}");
        },
    );
    client.each(
        |version| {
            use m::metadata::MetadataRequestTopic;
            // All topics; by id where there are ids.
            let by_id = MetadataRequestTopic { topic_id, ..Default::default() };
            let topics = match version {
                0 => Some(Vec::new()),
                12.. => Some(vec![by_id]),
                _ => None,
            };
            m::MetadataRequest { topics, ..Default::default() }
        },
        |version, response| {
            let names: Vec<_> = response.topics.iter().map(|topic| topic.name.as_deref()).collect();
            assert_eq!(names, [Some("t")], "v{version}");
        },
    );
}

fn the_cluster_is_described_by_every_version(shards: u16) {
    let scratch = Scratch::new("described");
    let (broker, mut client) = client(&scratch, shards);
    let port = i32::from(broker.address().port());
    client.each(
        |_| m::DescribeClusterRequest { endpoint_type: 1, ..Default::default() },
        |version, response| {
            assert_eq!(response.error_code, ErrorCode::NONE, "v{version}");
            assert_eq!((response.brokers.len(), response.brokers[0].port), (1, port), "v{version}");
        },
    );
    client.each(
        |_| {
            use m::describe_topic_partitions::TopicRequest;
            let topic = |name: &str| TopicRequest { name: Str::from(name), ..Default::default() };
            let topics = vec![topic("t"), topic("none")];
            m::DescribeTopicPartitionsRequest { topics, response_partition_limit: 100, ..Default::default() }
        },
        |version, response| {
            let mut errors: Vec<_> = response.topics.iter().map(|topic| topic.error_code.0).collect();
            errors.sort_unstable();
            assert_eq!(errors, [0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0], "v{version}");
        },
    );
    client.each(
        |_| {
            use m::describe_quorum::{
                DescribeQuorumRequestPartitionData as Partition, DescribeQuorumRequestTopicData as Topic,
            };
            let topic_name = Str::from("__cluster_metadata");
            let topics =
                vec![Topic { topic_name, partitions: vec![Partition::default()], ..Default::default() }];
            m::DescribeQuorumRequest { topics, ..Default::default() }
        },
        |version, response| {
            assert_eq!(response.error_code, ErrorCode::NONE, "v{version}");
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.leader_id), (ErrorCode::NONE, 1), "v{version}");
            assert_eq!(partition.current_voters.len(), 1, "v{version}");
            assert_eq!(response.nodes.len(), usize::from(version >= 2), "v{version}");
        },
    );
}

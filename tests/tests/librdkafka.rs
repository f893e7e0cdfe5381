//! librdkafka, the client below kcat and most languages' clients, against the real binary.
//!
//! What it cannot do without a consumer group is left out: here records come back by assignment.

use logan::mail::Router;
use logan::model::{PartitionId, PartitionIndex, Uuid};
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::proxy::Proxy;
use logan_tests::wire;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// Collects delivery reports: the number a record was sent with → its partition and offset, or the error.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Reports>>);

type Reports = BTreeMap<usize, Result<(i32, i64), KafkaError>>;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let outcome = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        let before = self.0.lock().expect("no test panics holding it").insert(*number, outcome);
        assert!(before.is_none(), "record {number} was reported twice");
    }
}

fn config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("broker.address.family", "v4");
    config
}

fn producer(broker: &Broker, settings: &[(&str, &str)]) -> ThreadedProducer<Deliveries> {
    let mut config = config(broker);
    config.set("linger.ms", "2").set("message.timeout.ms", "30000");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create_with_context(Deliveries::default()).expect("the settings are librdkafka's")
}

fn consumer(broker: &Broker) -> BaseConsumer {
    // librdkafka wants a group's name for assign() too; nothing is asked of the coordinator while offsets are not stored.
    let mut config = config(broker);
    config.set("group.id", "none").set("enable.auto.commit", "false").set("check.crcs", "true");
    config.set("fetch.wait.max.ms", "100").set("auto.offset.reset", "error");
    config.create().expect("the settings are librdkafka's")
}

/// Runs a future of librdkafka's admin client, whose own thread completes it.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(PATIENCE),
        }
    }
}

fn value(number: usize) -> Vec<u8> {
    // Compressible, of growing size, and different for every number.
    let mut value = format!("record {number} ").into_bytes();
    value.resize(value.len() + number * 7 % 1500, b'a' + (number % 26) as u8);
    value
}

/// Sends `count` records with key, header and timestamp, spread over the topic's partitions; returns where each landed.
fn send(
    broker: &Broker,
    topic: &str,
    count: usize,
    settings: &[(&str, &str)],
) -> BTreeMap<usize, (i32, i64)> {
    let producer = producer(broker, settings);
    for number in 0..count {
        let (key, value) = (format!("key {number}"), value(number));
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(number)).key(&key).payload(&value);
        record = record.timestamp(1_700_000_000_000 + number as i64);
        record = record
            .headers(OwnedHeaders::new().insert(Header { key: "number", value: Some(&number.to_string()) }));
        while let Err((error, again)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            std::thread::sleep(Duration::from_millis(5));
            record = again;
        }
    }
    producer.flush(PATIENCE).expect("all is delivered");
    let reports = producer.context().0.lock().expect("no test panics holding it").clone();
    assert_eq!(reports.len(), count, "each record is reported once");
    reports
        .into_iter()
        .map(|(n, r)| (n, r.unwrap_or_else(|e| panic!("record {n} with {settings:?}: {e}"))))
        .collect()
}

/// Reads `count` records of a topic from its beginning, by assignment.
fn read(broker: &Broker, topic: &str, partitions: i32, count: usize) -> Vec<(i32, i64, usize)> {
    let consumer = consumer(broker);
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
    }
    consumer.assign(&assignment).expect("assign() is local");
    let (mut found, started) = (Vec::new(), Instant::now());
    while found.len() < count {
        assert!(started.elapsed() < PATIENCE, "{} of {count} records came back from {topic}", found.len());
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message.unwrap_or_else(|error| panic!("reading {topic}: {error}"));
        let header = message.headers().expect("each record has one").get_as::<str>(0).expect("it is text");
        let number: usize = header.value.expect("it has a value").parse().expect("it is a number");
        assert_eq!(message.payload(), Some(&value(number)[..]), "value of record {number}");
        assert_eq!(message.key(), Some(format!("key {number}").as_bytes()), "key of record {number}");
        assert_eq!(message.timestamp().to_millis(), Some(1_700_000_000_000 + number as i64), "its timestamp");
        found.push((message.partition(), message.offset(), number));
    }
    found
}

/// Everything that was acknowledged came back, from where the broker said it put it, each partition's offsets without a gap.
fn assert_same(topic: &str, sent: &BTreeMap<usize, (i32, i64)>, mut got: Vec<(i32, i64, usize)>) {
    got.sort_unstable();
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    for (partition, offset, number) in &got {
        assert_eq!(
            sent[number],
            (*partition, *offset),
            "{topic}: record {number} is elsewhere than acknowledged"
        );
        let expected = next.entry(*partition).or_default();
        assert_eq!(offset, expected, "{topic}: a gap or a double in partition {partition}");
        *expected += 1;
    }
    assert_eq!(got.len(), sent.len());
}

fn every_codec_and_acks(broker: &Broker) {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        for (acks, idempotent) in [("1", "false"), ("all", "false"), ("all", "true")] {
            let topic = format!("rd-{codec}-{acks}-{idempotent}");
            let settings = [("compression.codec", codec), ("acks", acks), ("enable.idempotence", idempotent)];
            create(broker, &topic, 3);
            let sent = send(broker, &topic, 300, &settings);
            assert_same(&topic, &sent, read(broker, &topic, 3, sent.len()));
        }
    }
}

/// With acks=0 nobody says where a record landed; it comes back all the same.
fn without_acks(broker: &Broker) {
    create(broker, "rd-acks-0", 1);
    send(broker, "rd-acks-0", 200, &[("acks", "0"), ("compression.codec", "lz4")]);
    let numbers: Vec<usize> =
        read(broker, "rd-acks-0", 1, 200).into_iter().map(|(_, _, number)| number).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

/// Many requests in flight to partitions of all shards.
fn many_in_flight(broker: &Broker) {
    create(broker, "rd-many", 12);
    let settings = [("enable.idempotence", "true"), ("linger.ms", "0"), ("batch.num.messages", "7")];
    let sent = send(broker, "rd-many", 5_000, &settings);
    let got = read(broker, "rd-many", 12, sent.len());
    assert_same("rd-many", &sent, got);
}

fn automatic_topics(broker: &Broker) {
    let sent = send(broker, "rd-auto", 50, &[]);
    let metadata = consumer(broker).fetch_metadata(Some("rd-auto"), PATIENCE).expect("it exists now");
    let partitions = metadata.topics()[0].partitions().len() as i32;
    assert_same("rd-auto", &sent, read(broker, "rd-auto", partitions, 50));
}

fn metadata(broker: &Broker) {
    create(broker, "rd-metadata", 5);
    let all = consumer(broker).fetch_metadata(None, PATIENCE).expect("all topics");
    let topic = all.topics().iter().find(|t| t.name() == "rd-metadata").expect("it is among all topics");
    assert!(topic.error().is_none());
    let mut partitions: Vec<i32> =
        topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2, 3, 4]);
    for partition in topic.partitions() {
        assert_eq!(partition.leader(), all.brokers()[0].id());
        assert_eq!(
            (partition.replicas(), partition.isr()),
            (&[partition.leader()][..], &[partition.leader()][..])
        );
    }
    assert_eq!(all.brokers().len(), 1);
    assert_eq!(
        (all.brokers()[0].host(), all.brokers()[0].port()),
        ("127.0.0.1", i32::from(broker.address().port()))
    );
}

fn times_and_watermarks(broker: &Broker) {
    create(broker, "rd-times", 1);
    // Small batches: a search must find its way among and within them.
    send(
        broker,
        "rd-times",
        400,
        &[("batch.num.messages", "9"), ("linger.ms", "0"), ("enable.idempotence", "true")],
    );
    let consumer = consumer(broker);
    assert_eq!(consumer.fetch_watermarks("rd-times", 0, PATIENCE).expect("a partition"), (0, 400));
    for (ago, offset) in [
        (-1_000, Offset::Offset(0)),
        (0, Offset::Offset(0)),
        (1, Offset::Offset(1)),
        (217, Offset::Offset(217)),
        (399, Offset::Offset(399)),
        (400, Offset::End),
    ] {
        let mut times = TopicPartitionList::new();
        times
            .add_partition_offset("rd-times", 0, Offset::Offset(1_700_000_000_000 + ago))
            .expect("a valid time");
        let found = consumer.offsets_for_times(times, PATIENCE).expect("offsets by time");
        assert_eq!(found.elements()[0].offset(), offset, "{ago} ms after the first record");
    }
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset("rd-times", 0, Offset::Beginning).expect("a valid offset");
    consumer.assign(&assignment).expect("assign() is local");
    next(&consumer);
    for offset in [217, 3, 399, 0] {
        consumer.seek("rd-times", 0, Offset::Offset(offset), PATIENCE).expect("an assigned partition");
        assert_eq!(next(&consumer), offset);
    }
    consumer.seek("rd-times", 0, Offset::OffsetTail(2), PATIENCE).expect("an assigned partition");
    assert_eq!(next(&consumer), 398);
}

fn next(consumer: &BaseConsumer) -> i64 {
    consumer.poll(PATIENCE).expect("a record").expect("no error").offset()
}

fn out_of_range(broker: &Broker) {
    create(broker, "rd-range", 1);
    send(broker, "rd-range", 5, &[]);
    let consumer = consumer(broker);
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset("rd-range", 0, Offset::Offset(1_000)).expect("a valid offset");
    consumer.assign(&assignment).expect("assign() is local");
    let error = consumer.poll(PATIENCE).expect("an answer").expect_err("there is no such offset");
    // auto.offset.reset=error turns the broker's OFFSET_OUT_OF_RANGE into librdkafka's own.
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset), "{error}");
}

fn too_large(broker: &Broker) {
    create_with(
        broker,
        &NewTopic::new("rd-large", 1, TopicReplication::Fixed(1)).set("max.message.bytes", "2000"),
    );
    let producer = producer(broker, &[("message.max.bytes", "1000000")]);
    let value = vec![b'x'; 5_000];
    producer
        .send(BaseRecord::with_opaque_to("rd-large", Box::new(0)).key("k").payload(&value))
        .map_err(|(e, _)| e)
        .expect("queued");
    producer.flush(PATIENCE).expect("an answer");
    let report = producer.context().0.lock().expect("no test panics holding it")[&0].clone();
    let code = report.expect_err("it is larger than allowed").rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge));
}

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    config(broker).create().expect("the settings are librdkafka's")
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

fn create(broker: &Broker, topic: &str, partitions: i32) {
    create_with(broker, &NewTopic::new(topic, partitions, TopicReplication::Fixed(1)));
}

fn create_with(broker: &Broker, topic: &NewTopic<'_>) {
    let created = wait(admin(broker).create_topics([topic], &options())).expect("an answer");
    assert_eq!(created, [Ok(topic.name.to_owned())]);
    broker.settle();
}

fn topics(broker: &Broker) {
    let admin = admin(broker);
    let new = |name, partitions| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let results = wait(
        admin.create_topics(&[new("rd-a", 2).set("segment.bytes", "2000000"), new("rd-b", 1)], &options()),
    );
    assert_eq!(results.expect("an answer"), [Ok("rd-a".to_owned()), Ok("rd-b".to_owned())]);

    broker.settle();
    let again = wait(admin.create_topics(&[new("rd-a", 2)], &options())).expect("an answer");
    assert_eq!(again, [Err(("rd-a".to_owned(), RDKafkaErrorCode::TopicAlreadyExists))]);
    let replicas = NewTopic::new("rd-c", 1, TopicReplication::Fixed(3));
    let refused = wait(admin.create_topics(&[replicas], &options())).expect("an answer");
    assert_eq!(refused, [Err(("rd-c".to_owned(), RDKafkaErrorCode::InvalidReplicationFactor))]);
    let long = "x".repeat(250);
    for name in ["a b", "..", &long] {
        let refused = wait(admin.create_topics(&[new(name, 1)], &options())).expect("an answer");
        assert_eq!(refused, [Err((name.to_owned(), RDKafkaErrorCode::InvalidTopic))]);
    }
    let setting = new("rd-c", 1).set("segment.bytes", "many");
    let refused = wait(admin.create_topics(&[setting], &options())).expect("an answer");
    assert_eq!(refused, [Err(("rd-c".to_owned(), RDKafkaErrorCode::InvalidConfig))]);

    let only = options().validate_only(true);
    assert_eq!(
        wait(admin.create_topics(&[new("rd-d", 1)], &only)).expect("an answer"),
        [Ok("rd-d".to_owned())]
    );
    let unknown = wait(admin.delete_topics(&["rd-d"], &options())).expect("an answer");
    assert_eq!(unknown, [Err(("rd-d".to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition))]);

    let more =
        wait(admin.create_partitions(&[NewPartitions::new("rd-a", 4)], &options())).expect("an answer");
    assert_eq!(more, [Ok("rd-a".to_owned())]);
    let fewer =
        wait(admin.create_partitions(&[NewPartitions::new("rd-a", 3)], &options())).expect("an answer");
    assert_eq!(fewer, [Err(("rd-a".to_owned(), RDKafkaErrorCode::InvalidPartitions))]);
    broker.settle();
    let metadata = consumer(broker).fetch_metadata(Some("rd-a"), PATIENCE).expect("it exists");
    assert_eq!(metadata.topics()[0].partitions().len(), 4);

    let id = metadata.brokers()[0].id();
    let asked = [
        ResourceSpecifier::Topic("rd-a"),
        ResourceSpecifier::Broker(id),
        ResourceSpecifier::Topic("rd-none"),
    ];
    let described = wait(admin.describe_configs(&asked, &options())).expect("an answer");
    let topic = described[0].as_ref().expect("a topic's settings");
    let entry = topic.get("segment.bytes").expect("every topic has it");
    assert_eq!((entry.value.as_deref(), entry.is_default), (Some("2000000"), false));
    let entry = topic.get("max.message.bytes").expect("every topic has it");
    assert_eq!((entry.value.as_deref(), entry.is_default), (Some("1048588"), true));
    let entry =
        described[1].as_ref().expect("a broker's settings").get("node.id").expect("every broker has it");
    assert_eq!((entry.value.as_deref(), entry.is_read_only), (Some(&*id.to_string()), true));
    // The crate drops the error of a single resource; an unknown topic has no settings.
    assert!(described[2].as_ref().expect("no error of the whole").entries.is_empty());

    // A topic that is deleted and created again is another one, and empty.
    send(broker, "rd-b", 20, &[]);
    let deleted = wait(admin.delete_topics(&["rd-b"], &options())).expect("an answer");
    assert_eq!(deleted, [Ok("rd-b".to_owned())]);
    broker.settle();
    create(broker, "rd-b", 1);
    assert_eq!(consumer(broker).fetch_watermarks("rd-b", 0, PATIENCE).expect("a partition"), (0, 0));
    let sent = send(broker, "rd-b", 3, &[]);
    assert_same("rd-b", &sent, read(broker, "rd-b", 1, 3));
}

type Check = fn(&Broker);

/// All checks on one broker.
fn conform(overrides: &[&str]) {
    let scratch = Scratch::new("librdkafka");
    let mut broker = Broker::any(&scratch, overrides);
    let checks: [(&str, Check); 9] = [
        ("metadata", metadata),
        ("topics", topics),
        ("every codec and acks", every_codec_and_acks),
        ("without acks", without_acks),
        ("many in flight", many_in_flight),
        ("automatic topics", automatic_topics),
        ("times and watermarks", times_and_watermarks),
        ("out of range", out_of_range),
        ("too large", too_large),
    ];
    for (name, check) in checks {
        let started = Instant::now();
        check(&broker);
        broker.assert_alive();
        println!("{overrides:?}: {name} in {:.1?}", started.elapsed());
    }
    if broker.is_ours() {
        let status = broker.stop();
        assert!(status.success(), "an orderly stop ends well: {status}\n{}", broker.output());
    }
}

/// The shard that owns the only partition of a topic, by the id that is written beside its log, a little after the topic is there.
fn owner(broker: &Broker, topic: &str, shards: u16) -> u16 {
    let path = broker.settings().data.join(format!("{topic}-0/partition.metadata"));
    let began = Instant::now();
    let topic = loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("topic_id: ")).and_then(Uuid::parse);
        if let Some(id) = id {
            break id;
        }
        assert!(began.elapsed() < PATIENCE, "{} names no topic: {text:?}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    };
    Router::owner_of(PartitionId { topic, index: PartitionIndex(0) }, shards).0
}

/// Lanes of two messages, idempotent producers with five requests in flight on connections of one shard, and all partitions on the other.
#[test]
fn exhausted_lane_credit() {
    const SHARDS: u16 = 2;
    let (scratch, proxy) = (Scratch::new("librdkafka-lanes"), Proxy::bind());
    let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address());
    let overrides = ["logan.shards=2", "logan.lane.messages=2", &advertised];
    let mut broker = Broker::start(Settings::new(&scratch, &overrides));
    // Before there is a proxy nobody can ask what is advertised: the admin client talks to the broker it bootstraps from.
    let mut connection = wire::Connection::open(broker.address());
    let names = (0..64).map(|number| format!("rd-lanes-{number}"));
    let remote = names.filter(|name| {
        assert_eq!(connection.create_topic(name, 1, &[]), 0);
        owner(&broker, name, SHARDS) == 1
    });
    let topics: Vec<String> = remote.take(4).collect();
    assert_eq!(topics.len(), 4, "of 64 topics some lie on the second shard");
    let asked = topics[0].clone();
    proxy.serve(broker.address(), move |connection| connection.shard(&asked, SHARDS) == 0);
    let settings = [
        ("enable.idempotence", "true"),
        ("max.in.flight.requests.per.connection", "5"),
        ("linger.ms", "0"),
        ("batch.num.messages", "3"),
    ];
    std::thread::scope(|scope| {
        for topic in &topics {
            let (broker, settings) = (&broker, &settings);
            scope.spawn(move || {
                let sent = send(broker, topic, 4_000, settings);
                assert_same(topic, &sent, read(broker, topic, 1, sent.len()));
            });
        }
    });
    assert!(broker.stop().success());
    let output = broker.output();
    let waited = output.lines().find(|line| line.contains("shard 0: ") && line.contains("waited for lane"));
    let waited = waited.unwrap_or_else(|| panic!("no message of shard 0 waited for lane credit:\n{output}"));
    println!("{waited}");
}

#[test]
fn one_shard() {
    conform(&["logan.shards=1"]);
}

#[test]
fn two_shards() {
    conform(&["logan.shards=2"]);
}

#[test]
fn more_shards_than_cores() {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    conform(&[&format!("logan.shards={}", cores + 1)]);
}

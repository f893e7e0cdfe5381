//! The whole broker on the simulated machine, one situation at a time: what a seed's run would meet only by chance, or not show.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use logan::broker::{Loads, Mutations, Plan, Ready, Shell, StartError, run_shard};
use logan::config::Settings;
use logan::limits;
use logan::mail::Mail;
use logan::protocol::messages::create_topics::CreatableTopic;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{CreateTopicsRequest, FetchRequest, FetchResponse, ProduceRequest};
use logan::protocol::{ErrorCode, Records};
use logan_shards::sim::{Fault, FaultKind, SimOptions, Simulation, Verb};
use logan_shards::{Connection, monotonic_ns, sleep};
use logan_storage::held_by;
use logan_tests::batch::Batch;
use logan_tests::simulation::client::{ADDRESS, Client};

const LONG: Duration = Duration::from_hours(1);
const EIO: i32 = 5;
const KAFKA_STORAGE_ERROR: i16 = 56;

struct Broker {
    simulation: Simulation,
    shells: Rc<RefCell<Vec<Weak<Shell>>>>,
    reports: Arc<Mutex<Vec<Result<Ready, StartError>>>>,
}

impl Broker {
    /// A node that is ready.
    fn start(shards: u16, overrides: &[&str]) -> Self {
        let simulation = Simulation::new(SimOptions::calm(1));
        let always = [
            "node.id=1",
            "listeners=PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners=PLAINTEXT://logan:9092",
            "log.dirs=/data",
            "logan.memory.bytes=268435456",
        ];
        let all: Vec<String> = always.iter().chain(overrides).map(ToString::to_string).collect();
        let settings = Settings::read(None, &all, "logan").expect("good settings");
        let reports: Arc<Mutex<Vec<_>>> = Arc::default();
        let told = reports.clone();
        let plan = Plan {
            settings: Arc::new(settings),
            accept_loss: false,
            report: Arc::new(move |report| told.lock().expect("nothing panics holding it").push(report)),
            takeover_records: limits::RECORDS_PER_COMMAND,
            metadata_limits: logan_raft::Limits::standard(),
            mutations: Mutations::default(),
            loads: Loads::new(shards),
        };
        let shells: Rc<RefCell<Vec<Weak<Shell>>>> = Rc::default();
        let seen = shells.clone();
        simulation.add_node::<Mail>("logan", shards, move |seat| {
            let shell = Shell::new(seat, plan.clone());
            seen.borrow_mut().push(Rc::downgrade(&shell));
            Box::pin(run_shard(shell))
        });
        let broker = Self { simulation, shells, reports };
        broker.simulation.run_until(|| !broker.reports().is_empty(), LONG);
        assert_eq!(broker.reports()[0], "ready");
        broker
    }

    /// What was reported: `ready`, or why not.
    fn reports(&self) -> Vec<String> {
        let reports = self.reports.lock().expect("nothing panics holding it");
        let text = |report: &Result<Ready, StartError>| match report {
            Ok(_) => "ready".to_owned(),
            Err(error) => error.to_string(),
        };
        reports.iter().map(text).collect()
    }

    fn run<T: 'static>(&self, client: impl Future<Output = T> + 'static) -> T {
        self.simulation.block_on(LONG, client)
    }

    /// Of all shards.
    fn sum(&self, of: impl Fn(&Shell) -> u64) -> u64 {
        self.shells.borrow().iter().filter_map(Weak::upgrade).map(|shell| of(&shell)).sum()
    }

    fn fetches_waiting(&self) -> u64 {
        self.sum(|shell| shell.owner.fetches_waiting() as u64)
    }
}

async fn connect() -> Client {
    Client::connect(Duration::from_mins(6)).await.expect("the broker accepts connections")
}

async fn create(client: &mut Client, topic: &str, partitions: i32) {
    let topic = CreatableTopic {
        name: topic.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let response = client.call(5, &request).await.expect("an answer");
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

fn produce_request(topic: &str, partition: i32, value: &[u8]) -> ProduceRequest {
    let mut records = Records::default();
    records.push(Bytes::from(Batch::of(&[value]).encode()));
    let data = PartitionProduceData { index: partition, records: Some(records), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

async fn produce(client: &mut Client, topic: &str, partition: i32, value: &[u8]) -> i16 {
    let response = client.call(8, &produce_request(topic, partition, value)).await.expect("an answer");
    response.responses[0].partition_responses[0].error_code.0
}

fn fetch_request(topic: &str, partitions: i32, offset: i64, wait: Duration) -> FetchRequest {
    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: wait.as_millis() as i32,
        min_bytes: 1,
        max_bytes: 50 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: (0..partitions).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn record_bytes(response: &FetchResponse) -> usize {
    let parts = response.responses.iter().flat_map(|topic| &topic.partitions);
    parts.map(|part| part.records.as_ref().map_or(0, |records| records.contiguous().len())).sum()
}

/// A fetch without a session whose connection ends is kept by no owner, though nothing ever happens at its partitions.
#[test]
fn a_fetch_is_given_up_with_its_connection() {
    for partitions in [1, 4] {
        let broker = Broker::start(2, &[]);
        let mut client = broker.run(async move {
            let mut client = connect().await;
            create(&mut client, "quiet", partitions).await;
            client.send(11, &[fetch_request("quiet", partitions, 0, LONG)]).await.expect("it is read");
            client
        });
        broker.simulation.run_until(|| broker.fetches_waiting() > 0, LONG);
        broker.simulation.run_for(Duration::from_secs(1));
        assert_eq!(broker.fetches_waiting(), if partitions == 1 { 1 } else { 2 });
        broker.sum(|shell| {
            shell.connections.close_all();
            0
        });
        broker.run(async move {
            client.receive::<FetchRequest>(11).await.expect_err("the connection is closed");
        });
        broker.simulation.run_for(Duration::from_secs(1));
        assert_eq!(broker.fetches_waiting(), 0, "{partitions} partitions");
    }
}

/// A disk that takes its time with a Produce does not keep the buffers of the answer behind it from others; nor with so many that there is no
/// room for one more answer to wait.
#[test]
fn a_response_behind_a_produce_gives_its_buffers_back() {
    for is_closed in [false, true] {
        behind_produces(1, is_closed);
        // The writer waits for one, and has taken it out of the queue.
        behind_produces(limits::RESPONSES_IN_FLIGHT + 1, is_closed);
    }
}

/// The connection may have to end meanwhile: what was asked for is answered all the same.
fn behind_produces(count: usize, is_closed: bool) {
    let broker = Broker::start(1, &[]);
    let value = vec![b'v'; 100_000];
    let first = value.clone();
    let mut client = broker.run(async move {
        let mut client = connect().await;
        create(&mut client, "slow", 1).await;
        for _ in 0..4 {
            assert_eq!(produce(&mut client, "slow", 0, &first).await, 0);
        }
        client
    });
    let hang = FaultKind::Hang(Some(Duration::from_secs(10)));
    let fault = broker.simulation.add_fault(Fault::always(hang, |site| site.verb == Verb::Sync));
    let mut client = broker.run(async move {
        for _ in 0..count {
            client.send(8, &[produce_request("slow", 0, &value[..100])]).await.expect("it is read");
        }
        client.send(11, &[fetch_request("slow", 1, 0, Duration::ZERO)]).await.expect("it is read");
        client
    });
    let lent = || broker.sum(|shell| shell.context.responses.taken());
    broker.simulation.run_until(|| lent() > 400_000, Duration::from_secs(1));
    assert!(lent() > 400_000, "the answer is ready, and waits");
    if is_closed {
        // What is still being asked for is not answered any more.
        broker.simulation.run_for(Duration::from_millis(100));
        broker.sum(|shell| {
            shell.connections.close_all();
            0
        });
    }
    broker.simulation.run_for(Duration::from_secs(2));
    assert_eq!(lent(), 0, "behind {count}, closed {is_closed}: its lease is over");
    broker.simulation.remove_fault(fault);
    broker.run(async move {
        for _ in 0..count {
            let produced = client.receive::<ProduceRequest>(8).await.expect("an answer");
            assert_eq!(produced.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
        }
        let fetched = client.receive::<FetchRequest>(11).await.expect("an answer");
        assert!(record_bytes(&fetched) > 400_000);
    });
}

/// A read from disk holds more than it may return. All of a fetch stay within what it was granted, and every partition has its turn.
#[test]
fn a_fetch_of_many_cold_partitions_reads_few_at_a_time() {
    const PARTITIONS: i32 = 40;
    const MAX: i32 = 2_500;
    let broker = Broker::start(1, &["logan.memory.bytes=4194304"]);
    let rounds = broker.run(async {
        let mut client = connect().await;
        create(&mut client, "cold", PARTITIONS).await;
        for _ in 0..100 {
            for partition in 0..PARTITIONS {
                assert_eq!(produce(&mut client, "cold", partition, &[b'v'; 1000]).await, 0);
            }
        }
        let mut request = fetch_request("cold", PARTITIONS, 0, Duration::ZERO);
        let mut rounds = 0;
        while !request.topics[0].partitions.is_empty() {
            for partition in &mut request.topics[0].partitions {
                partition.partition_max_bytes = MAX;
            }
            let response = client.call(11, &request).await.expect("an answer");
            let parts = response.responses.iter().flat_map(|topic| &topic.partitions);
            let served =
                parts.filter(|part| part.records.as_ref().is_some_and(|records| !records.is_empty()));
            let served: Vec<i32> = served.map(|part| part.partition_index).collect();
            let granted = request.topics[0].partitions.len() * MAX as usize;
            let held = served.len() * held_by(MAX as usize);
            assert!(
                served.len() == 1 || held <= granted,
                "{held} bytes for {} parts, {granted}",
                served.len()
            );
            assert!(!served.is_empty(), "somebody is always served");
            request.topics[0].partitions.retain(|part| !served.contains(&part.partition));
            rounds += 1;
        }
        rounds
    });
    assert!(rounds > PARTITIONS / 2, "{rounds} fetches: most were read from disk");
}

/// A frame for which memory was taken comes to its end within a bound, however it comes.
#[test]
fn a_frame_that_dribbles_is_not_waited_for() {
    let broker = Broker::start(1, &[]);
    let took = broker.run(async {
        let mut connection = Connection::connect(ADDRESS).await.expect("the broker accepts connections");
        let began_ns = monotonic_ns();
        // A Produce of a megabyte begins: its size, its header, and then a byte now and then.
        let begin = [&(1_i32 << 20).to_be_bytes()[..], &[0, 0, 0, 8, 0, 0, 0, 1, 0, 1, b'x']].concat();
        connection.write_all(&[Bytes::from(begin)]).await.expect("it is read");
        while connection.write_all(&[Bytes::from_static(&[0])]).await.is_ok() {
            sleep(Duration::from_secs(5)).await;
        }
        Duration::from_nanos(monotonic_ns() - began_ns)
    });
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(40), "{took:?}");
}

/// Nothing is placed in a directory that failed since the start.
#[test]
fn a_new_topic_avoids_a_directory_that_failed() {
    let broker = Broker::start(2, &["log.dirs=/data,/more"]);
    let below = |path: &str| path.starts_with("/more/");
    let fault = Fault::always(FaultKind::Error(EIO), move |site| {
        matches!(site.verb, Verb::Write | Verb::Sync) && below(&site.path)
    });
    broker.run(async {
        let mut client = connect().await;
        create(&mut client, "before", 4).await;
        for partition in 0..4 {
            assert_eq!(produce(&mut client, "before", partition, b"well").await, 0);
        }
    });
    broker.simulation.add_fault(fault);
    broker.run(async {
        let mut client = connect().await;
        let mut failed = 0;
        for partition in 0..4 {
            failed +=
                u32::from(produce(&mut client, "before", partition, b"ill").await == KAFKA_STORAGE_ERROR);
        }
        assert_eq!(failed, 2, "of four partitions two lie in each directory");
        sleep(Duration::from_secs(1)).await;
        create(&mut client, "after", 4).await;
        for partition in 0..4 {
            assert_eq!(produce(&mut client, "after", partition, b"well").await, 0, "partition {partition}");
        }
    });
}

/// A node that has lost its last log directory stops, and does not say that all went well.
#[test]
fn a_node_without_directories_fails() {
    let broker = Broker::start(2, &[]);
    let is_segment = |path: &str| path.starts_with("/data/logan/") || path.starts_with("/data/lost-");
    let fault = Fault::always(FaultKind::Error(EIO), move |site| {
        matches!(site.verb, Verb::Write | Verb::Sync) && is_segment(&site.path)
    });
    broker.run(async {
        create(&mut connect().await, "lost", 1).await;
    });
    broker.simulation.add_fault(fault);
    broker.run(async {
        let mut client = connect().await;
        client.send(8, &[produce_request("lost", 0, b"lost")]).await.expect("it is read");
        // The node may have ended before it answers.
        if let Ok(response) = client.receive::<ProduceRequest>(8).await {
            let answered = response.responses[0].partition_responses[0].error_code.0;
            assert_eq!(answered, KAFKA_STORAGE_ERROR);
        }
    });
    broker.simulation.run_until(|| broker.reports().len() > 1, LONG);
    let reports = broker.reports();
    assert!(reports[1].contains("/data has failed"), "{reports:?}");
}

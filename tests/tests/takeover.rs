//! Topics of a directory are taken over in several commands, on the simulated machine: wherever the power fails in between, the next start
//! goes on, and ends with all of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use logan::broker::{Loads, Mutations, Plan, Shell, run_shard};
use logan::config::Settings;
use logan::mail::Mail;
use logan::protocol::messages::create_topics::CreatableTopic;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{CreateTopicsRequest, FetchRequest, ProduceRequest};
use logan::protocol::{ErrorCode, Records};
use logan_raft::Limits;
use logan_shards::sim::{NodeId, SimOptions, Simulation};
use logan_shards::{Directory, ShardId};
use logan_tests::batch::Batch;
use logan_tests::simulation::client::Client;

const LONG: Duration = Duration::from_hours(1);
const SHARDS: u16 = 2;
const TOPICS: [(&str, i32); 3] = [("few", 2), ("many", 7), ("one", 1)];
const PARTITIONS: usize = 10;
/// Of one command: two partitions of one topic.
const RECORDS: usize = 4;

/// Id and partitions of each topic, by name.
type Known = BTreeMap<String, (String, usize)>;

struct Machine {
    simulation: Simulation,
    node: NodeId,
    shells: Rc<RefCell<Vec<Weak<Shell>>>>,
    reports: Arc<Mutex<Vec<Result<(), String>>>>,
    /// What runs next is no broker, but somebody who takes the metadata log away.
    forgets: Rc<Cell<bool>>,
}

impl Machine {
    fn new() -> Self {
        let simulation = Simulation::new(SimOptions::calm(1));
        let given = [
            "node.id=1",
            "listeners=PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners=PLAINTEXT://logan:9092",
            "log.dirs=/data",
            "logan.memory.bytes=268435456",
        ];
        let settings = Settings::read(None, &given.map(ToOwned::to_owned), "logan").expect("good settings");
        let reports: Arc<Mutex<Vec<_>>> = Arc::default();
        let told = reports.clone();
        let plan = Plan {
            settings: Arc::new(settings),
            accept_loss: false,
            report: Arc::new(move |report| {
                let report = report.map(|_| ()).map_err(|error| error.to_string());
                told.lock().expect("nothing panics holding it").push(report);
            }),
            takeover_records: RECORDS,
            metadata_limits: Limits { snapshot_after_bytes: 100, ..Limits::standard() },
            mutations: Mutations::default(),
            loads: Loads::new(SHARDS),
        };
        let shells: Rc<RefCell<Vec<Weak<Shell>>>> = Rc::default();
        let forgets: Rc<Cell<bool>> = Rc::default();
        let (seen, forgetting) = (shells.clone(), forgets.clone());
        let node = simulation.add_node::<Mail>("logan", SHARDS, move |seat| {
            if forgetting.get() {
                let is_first = seat.shard == ShardId(0);
                return Box::pin(async move {
                    if is_first {
                        forget_metadata().await;
                    }
                });
            }
            let shell = Shell::new(seat, plan.clone());
            seen.borrow_mut().push(Rc::downgrade(&shell));
            Box::pin(run_shard(shell))
        });
        let machine = Self { simulation, node, shells, reports, forgets };
        machine.becomes_ready();
        machine
    }

    /// Its topics are those of [`TOPICS`], each partition with a record, and no metadata knows of them.
    fn with_foreign_topics() -> (Self, Known) {
        let machine = Self::new();
        machine.simulation.block_on(LONG, fill());
        let known = machine.known();
        machine.ends(|simulation, node| assert!(simulation.request_stop(node)));
        machine.forgets.set(true);
        machine.restarts();
        machine.simulation.run_until(|| !machine.simulation.is_running(machine.node), LONG);
        machine.forgets.set(false);
        (machine, known)
    }

    fn restarts(&self) {
        self.reports.lock().expect("nothing panics holding it").clear();
        self.shells.borrow_mut().clear();
        self.simulation.restart(self.node);
    }

    fn is_ready(&self) -> bool {
        self.reports.lock().expect("nothing panics holding it").first() == Some(&Ok(()))
    }

    fn becomes_ready(&self) {
        let is_told = || !self.reports.lock().expect("nothing panics holding it").is_empty();
        self.simulation.run_until(is_told, LONG);
        assert_eq!(self.reports.lock().expect("nothing panics holding it")[0], Ok(()));
    }

    fn ends(&self, how: impl Fn(&Simulation, NodeId)) {
        how(&self.simulation, self.node);
        self.simulation.run_until(|| !self.simulation.is_running(self.node), LONG);
    }

    fn known(&self) -> Known {
        let shells = self.shells.borrow();
        let Some(shell) = shells.first().and_then(Weak::upgrade) else { return Known::new() };
        let image = shell.context.image();
        let topics =
            image.topics().map(|topic| (topic.name.clone(), (topic.id.to_string(), topic.partitions.len())));
        topics.collect()
    }

    fn partitions_known(&self) -> usize {
        self.known().values().map(|(_, partitions)| partitions).sum()
    }

    /// By the process that runs.
    fn snapshots_taken(&self) -> u32 {
        let shells = self.shells.borrow();
        shells.iter().filter_map(Weak::upgrade).map(|shell| shell.snapshots().taken).sum()
    }

    /// The power fails, and the next start has everything.
    fn comes_back_with(&self, known: &Known, at: &str) {
        self.ends(Simulation::power_loss);
        self.restarts();
        self.becomes_ready();
        assert_eq!(self.known(), *known, "{at}");
        self.simulation.block_on(LONG, read_all(at.to_owned()));
    }
}

/// As it would be if Kafka had closed the directory.
async fn forget_metadata() {
    let directory = Directory::open("/data").await.expect("it is there");
    for entry in directory.list("").await.expect("it can be read") {
        if entry.name.starts_with("logan-metadata-") {
            directory.remove_file(&entry.name).await.expect("it is there");
        }
    }
    let marker = br#"{"version":0,"brokerEpoch":5}"#.to_vec();
    directory.write_small(".kafka_cleanshutdown", marker).await.expect("the disk is well");
    directory.sync_directory("").await.expect("the disk is well");
}

async fn connect() -> Client {
    Client::connect(Duration::from_mins(6)).await.expect("the broker accepts connections")
}

fn value(topic: &str, partition: i32) -> Vec<u8> {
    format!("record of {topic}-{partition}").into_bytes()
}

async fn fill() {
    let mut client = connect().await;
    let topics = TOPICS.map(|(name, partitions)| CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    });
    let request = CreateTopicsRequest { topics: topics.into(), timeout_ms: 30_000, ..Default::default() };
    let response = client.call(5, &request).await.expect("an answer");
    assert!(response.topics.iter().all(|topic| topic.error_code == ErrorCode::NONE));
    let data = |name, index| {
        let mut records = Records::default();
        records.push(Bytes::from(Batch::of(&[&value(name, index)]).encode()));
        PartitionProduceData { index, records: Some(records), ..Default::default() }
    };
    let topics = TOPICS.map(|(name, partitions)| TopicProduceData {
        name: name.into(),
        partition_data: (0..partitions).map(|index| data(name, index)).collect(),
        ..Default::default()
    });
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: topics.into(), ..Default::default() };
    let response = client.call(8, &request).await.expect("an answer");
    let mut parts = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    assert!(parts.all(|part| part.error_code == ErrorCode::NONE));
}

async fn read_all(at: String) {
    let mut client = connect().await;
    for (topic, partitions) in TOPICS {
        for partition in 0..partitions {
            let part = FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
            let request = FetchRequest {
                max_wait_ms: 1_000,
                min_bytes: 1,
                max_bytes: 50 << 20,
                session_epoch: -1,
                topics: vec![FetchTopic {
                    topic: topic.into(),
                    partitions: vec![part],
                    ..Default::default()
                }],
                ..Default::default()
            };
            let response = client.call(11, &request).await.expect("an answer");
            let part = &response.responses[0].partitions[0];
            let bytes = part.records.as_ref().map(Records::contiguous).unwrap_or_default();
            let value = value(topic, partition);
            let is_there = bytes.windows(value.len()).any(|window| window == value);
            assert!(is_there, "{at}: {topic}-{partition}: {:?}", part.error_code);
        }
    }
}

#[test]
fn a_takeover_that_a_crash_interrupts_between_two_commands_ends_at_the_next_start() {
    let mut interrupted = 0;
    for partitions in 1..PARTITIONS {
        let (machine, known) = Machine::with_foreign_topics();
        machine.restarts();
        machine.simulation.run_until(|| machine.partitions_known() >= partitions, LONG);
        let some = machine.partitions_known();
        assert!(!machine.is_ready());
        assert!((partitions..=PARTITIONS).contains(&some), "{some}");
        interrupted += usize::from(some < PARTITIONS);
        machine.comes_back_with(&known, &format!("{some} partitions were known"));
    }
    assert!(interrupted > 6, "it came in several commands: {interrupted}");
}

#[test]
fn a_takeover_may_be_interrupted_at_any_time() {
    let (machine, known) = Machine::with_foreign_topics();
    let began = machine.simulation.now();
    machine.restarts();
    machine.becomes_ready();
    assert_eq!(machine.known(), known);
    let took = machine.simulation.now().saturating_sub(began);
    for part in 0..40 {
        let at = took * part / 40;
        let (machine, known) = Machine::with_foreign_topics();
        machine.restarts();
        machine.simulation.run_for(at);
        machine.comes_back_with(&known, &format!("after {at:?} of {took:?}"));
    }
}

/// The metadata log may have grown long by starts that could not take over what is there.
#[test]
fn a_takeover_before_which_the_metadata_log_was_cut_is_begun_by_the_next_start() {
    let mut before = 0;
    for step in 0..24 {
        let (machine, known) = Machine::with_foreign_topics();
        let (simulation, node) = (&machine.simulation, machine.node);
        machine.restarts();
        simulation.run_until(|| machine.snapshots_taken() > 0, LONG);
        let at = simulation.io_events(node) + step;
        simulation.run_until(|| simulation.io_events(node) >= at, LONG);
        before += usize::from(machine.partitions_known() == 0);
        machine.comes_back_with(&known, &format!("{step} operations after the first snapshot"));
    }
    assert!(before > 4, "few steps lie before the takeover: {before}");
}

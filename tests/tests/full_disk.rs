//! The whole broker, simulated, on a disk that is full: nothing ends, what only adds is refused, what gives room back is done, a start
//! comes up, and with space everything goes on by itself.

use std::path::Path;
use std::time::Duration;

use logan::protocol::messages::create_topics::CreatableTopic;
use logan::protocol::messages::delete_topics::DeleteTopicState;
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest, ProduceRequest,
};
use logan::protocol::{ErrorCode, Records};
use logan_shards::sim::{Fault, FaultKind, Site, Verb};
use logan_shards::sleep;
use logan_tests::batch::Batch;
use logan_tests::simulation::client::Client;
use logan_tests::simulation::quiet::{Quiet, connect};

/// Whatever this many times is asked for is refused some time.
const MANY: usize = 60_000;

async fn create(client: &mut Client, name: &str, partitions: i32) -> ErrorCode {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    client.call(5, &request).await.expect("the node goes on").topics[0].error_code
}

async fn delete(client: &mut Client, name: &str) -> ErrorCode {
    let topic = DeleteTopicState { name: Some(name.into()), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    client.call(6, &request).await.expect("the node goes on").responses[0].error_code
}

/// What a producer is told that wants an id.
async fn producer_id(client: &mut Client) -> ErrorCode {
    let request = InitProducerIdRequest {
        transactional_id: None,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    client.call(4, &request).await.expect("the node goes on").error_code
}

async fn produce(client: &mut Client, topic: &str) -> ErrorCode {
    let mut records = Records::default();
    records.push(Batch::of(&[b"record"]).encode().into());
    let data = PartitionProduceData { index: 0, records: Some(records), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    client.call(9, &request).await.expect("the node goes on").responses[0].partition_responses[0].error_code
}

/// No block of a disk is free any more, or many are.
fn fill(quiet: &Quiet, root: &str, is_full: bool) {
    const CAPACITY: u64 = 1 << 30;
    let (simulation, node) = (&quiet.simulation, quiet.node());
    let (capacity, free) = simulation.capacity_bytes(node, root);
    simulation.set_capacity(node, root, if is_full { capacity - free } else { CAPACITY });
}

#[test]
fn the_metadata_goes_on_without_space() {
    let quiet = Quiet::start(2, &["metadata.log.dir=/metadata"]);
    quiet.run(async {
        let mut client = connect().await;
        for number in 0..20 {
            assert_eq!(create(&mut client, &format!("kept-{number}"), 3).await, ErrorCode::NONE);
        }
    });
    fill(&quiet, "/metadata", true);
    quiet.run(async {
        let mut client = connect().await;
        let mut created = 0;
        // They fill the metadata log sooner with long names.
        let name = "n".repeat(240);
        let refused = loop {
            match create(&mut client, &format!("{name}-{created}"), 1).await {
                ErrorCode::NONE => created += 1,
                refused => break refused,
            }
            assert!(created < MANY, "nothing is refused");
        };
        assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR, "after {created} topics");
        let mut given = 0;
        let refused = loop {
            match producer_id(&mut client).await {
                ErrorCode::NONE => given += 1,
                refused => break refused,
            }
            assert!(given < MANY, "nothing is refused");
        };
        // What is left of a block is given on.
        assert!(given <= 1_000 && refused == ErrorCode::KAFKA_STORAGE_ERROR, "{given} ids, then {refused:?}");
        assert_eq!(delete(&mut client, "kept-1").await, ErrorCode::NONE);
    });
    assert_eq!(quiet.restart(), Vec::<String>::new(), "a start needs no space");
    quiet.run(async {
        let mut client = connect().await;
        assert_eq!(create(&mut client, "more", 1).await, ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(delete(&mut client, "kept-2").await, ErrorCode::NONE);
        assert_eq!(delete(&mut client, "kept-1").await, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    });
    fill(&quiet, "/metadata", false);
    quiet.run(async {
        let mut client = connect().await;
        assert_eq!(create(&mut client, "more", 1).await, ErrorCode::NONE);
        assert_eq!(producer_id(&mut client).await, ErrorCode::NONE);
    });
    assert_eq!(quiet.restart(), Vec::<String>::new());
}

/// Without its reserve not even a start goes on, and it says what to do.
#[test]
fn a_start_for_which_nothing_is_prepared_says_so() {
    let quiet = Quiet::start(1, &["metadata.log.dir=/metadata"]);
    quiet.run(async {
        assert_eq!(create(&mut connect().await, "kept", 3).await, ErrorCode::NONE);
    });
    let (simulation, node) = (&quiet.simulation, quiet.node());
    simulation.kill(node);
    let files = simulation.files(node, "/metadata", false);
    let is_log = |name: &&String| Path::new(name).extension().is_some_and(|extension| extension == "log");
    let log = files.keys().find(is_log).expect("a metadata log").clone();
    let path = format!("/metadata/{log}");
    let content = simulation.content(node, &path, false).expect("it is there");
    let used = content.iter().rposition(|byte| *byte != 0).expect("it holds something") as u64 + 1;
    // What is behind has no blocks any more.
    let is_hit = move |site: &Site| site.verb == Verb::Write && site.path == path && site.position >= used;
    let fault = simulation.add_fault(Fault::always(FaultKind::NoSpace, is_hit));
    let failed = quiet.restart();
    assert!(
        matches!(&failed[..], [why] if why.contains("/metadata") && why.contains("start again")),
        "{failed:?}"
    );
    assert_eq!(simulation.fail_stops(), Vec::<String>::new());
    simulation.remove_fault(fault);
    assert_eq!(quiet.restart(), Vec::<String>::new());
    quiet.run(async {
        assert_eq!(produce(&mut connect().await, "kept").await, ErrorCode::NONE);
    });
}

/// As Kafka says of a topic that its broker could not make: it is there, and its partitions are not; but here they come, with the space.
#[test]
fn a_topic_that_was_created_on_a_full_disk_comes_alive_with_space() {
    let quiet = Quiet::start(1, &[]);
    quiet.run(async {
        let mut client = connect().await;
        assert_eq!(create(&mut client, "before", 1).await, ErrorCode::NONE);
        sleep(Duration::from_secs(2)).await;
    });
    fill(&quiet, "/data", true);
    quiet.run(async {
        let mut client = connect().await;
        // The logs that were made ahead are used up.
        let mut made = 0;
        loop {
            let name = format!("topic-{made}");
            assert_eq!(create(&mut client, &name, 4).await, ErrorCode::NONE);
            match produce(&mut client, &name).await {
                ErrorCode::NONE => made += 1,
                error => {
                    assert_eq!(error, ErrorCode::KAFKA_STORAGE_ERROR);
                    break;
                }
            }
            assert!(made < 1_000, "nothing is refused");
        }
        assert_eq!(create(&mut client, "late", 4).await, ErrorCode::NONE);
        assert_eq!(produce(&mut client, "late").await, ErrorCode::KAFKA_STORAGE_ERROR);
        // One that is deleted meanwhile, and created again, is the new one.
        assert_eq!(create(&mut client, "again", 4).await, ErrorCode::NONE);
        assert_eq!(delete(&mut client, "again").await, ErrorCode::NONE);
        assert_eq!(create(&mut client, "again", 2).await, ErrorCode::NONE);
        assert_eq!(create(&mut client, "gone", 2).await, ErrorCode::NONE);
        assert_eq!(delete(&mut client, "gone").await, ErrorCode::NONE);
        sleep(Duration::from_mins(1)).await;
        assert_eq!(produce(&mut client, "late").await, ErrorCode::KAFKA_STORAGE_ERROR);
    });
    fill(&quiet, "/data", false);
    quiet.run(async {
        let mut client = connect().await;
        sleep(Duration::from_secs(10)).await;
        for topic in ["late", "again", "before"] {
            assert_eq!(produce(&mut client, topic).await, ErrorCode::NONE, "{topic}");
        }
        assert_eq!(produce(&mut client, "gone").await, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    });
    assert_eq!(quiet.restart(), Vec::<String>::new());
    let folders: Vec<String> = quiet.simulation.files(quiet.node(), "/data", false).into_keys().collect();
    assert!(!folders.iter().any(|path| path.starts_with("gone-")), "{folders:?}");
    quiet.run(async {
        let mut client = connect().await;
        assert_eq!(produce(&mut client, "late").await, ErrorCode::NONE);
    });
}

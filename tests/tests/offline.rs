//! All log directories of a simulated broker are gone, and its metadata is not: as Kafka does, it ends, and says why.

use std::time::Duration;

use logan::protocol::messages::create_topics::CreatableTopic;
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{CreateTopicsRequest, ProduceRequest};
use logan::protocol::records::{BatchBuilder, Compression};
use logan::protocol::{Records, Str};
use logan_shards::sim::{Fault, FaultKind, Verb};
use logan_tests::simulation::quiet::{Quiet, connect};

const EIO: i32 = 5;
const SETTINGS: [&str; 2] = ["log.dirs=/a,/b", "metadata.log.dir=/metadata"];

/// Writes into the log directories fail, all of them or from some time on.
fn break_logs(quiet: &Quiet) {
    let is_hit = |path: &str| path.starts_with("/a/") || path.starts_with("/b/");
    let fault =
        Fault::always(FaultKind::Error(EIO), move |site| site.verb == Verb::Write && is_hit(&site.path));
    quiet.simulation.add_fault(fault);
}

#[test]
fn a_start_that_finds_none_is_none() {
    let quiet = Quiet::start(2, &SETTINGS);
    quiet.run(async { drop(connect().await) });
    break_logs(&quiet);
    let failed = quiet.restart();
    assert!(matches!(&failed[..], [why] if why.contains("all log directories have failed")), "{failed:?}");
    assert!(!quiet.simulation.is_running(quiet.node()));
    assert_eq!(quiet.simulation.fail_stops(), Vec::<String>::new());
}

/// A topic in all log directories, and records for each of its partitions: something is written, or refused. Whether all was answered.
async fn ask() -> bool {
    let mut client = connect().await;
    let topic = CreatableTopic {
        name: Str::from("asked"),
        num_partitions: 4,
        replication_factor: 1,
        ..Default::default()
    };
    let creation = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
    // The node may end at any moment, and its connections with it.
    let mut is_up = client.call(7, &creation).await.is_ok();
    for index in (0..4).cycle().take(40) {
        if !is_up {
            return false;
        }
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(1_700_000_000_000, None, Some(b"x"), &[]);
        let records = Some(Records::from(builder.finish(None)));
        let partition = PartitionProduceData { index, records, ..Default::default() };
        let topic = TopicProduceData {
            name: Str::from("asked"),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request =
            ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
        is_up = client.call(9, &request).await.is_ok();
    }
    is_up
}

/// Nothing is written by a broker that nobody asks for anything: one that has not noticed what it lost is asked. Then it has ended, with words and
/// not in a panic.
fn assert_ends(quiet: &Quiet, when: &str) {
    quiet.simulation.run_for(Duration::from_mins(2));
    if quiet.simulation.is_running(quiet.node()) {
        let asking = quiet.simulation.spawn(ask());
        quiet.simulation.run_for(Duration::from_mins(2));
        drop(asking);
    }
    assert!(!quiet.simulation.is_running(quiet.node()), "{when}: it goes on without any log directory");
    let failed = quiet.failed_starts();
    assert!(
        failed.iter().any(|why| why.contains("failed") || why.contains("cannot be used")),
        "{when}: {failed:?}"
    );
    assert_eq!(quiet.simulation.fail_stops(), Vec::<String>::new(), "{when}");
}

/// At whatever moment after its start began the disks fail.
#[test]
fn a_node_that_loses_all_as_it_starts_ends() {
    for moment in 0..40 {
        let quiet = Quiet::start(2, &SETTINGS);
        quiet.simulation.run_for(Duration::from_micros(moment * 500));
        break_logs(&quiet);
        assert_ends(&quiet, &format!("after {moment}"));
    }
}

/// It has served, and was left alone since, for so long that nothing is under way.
#[test]
fn a_node_that_loses_all_as_it_serves_ends() {
    for seconds in [0, 1, 100] {
        let quiet = Quiet::start(2, &SETTINGS);
        assert!(quiet.run(ask()), "every answer came");
        quiet.simulation.run_for(Duration::from_secs(seconds));
        assert!(quiet.simulation.is_running(quiet.node()) && quiet.failed_starts().is_empty());
        break_logs(&quiet);
        assert_ends(&quiet, &format!("{seconds} s after it had served"));
    }
}

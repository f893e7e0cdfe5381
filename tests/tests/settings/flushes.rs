//! When records are flushed, on the simulated machine: a power loss shows what was not.

use std::time::Duration;

use bytes::Bytes;
use logan::protocol::messages as m;
use logan::protocol::records::{BatchBuilder, Compression};
use logan::protocol::{ErrorCode, Records, Str};
use logan_shards::sleep;
use logan_tests::simulation::client::Client;
use logan_tests::simulation::quiet::{Quiet, connect};

const TOPIC: &str = "flushed";
const RECORDS: usize = 30;

async fn create(client: &mut Client, configs: &[(&str, &str)]) {
    let config = |(name, value): &(&str, &str)| m::create_topics::CreatableTopicConfig {
        name: Str::from(*name),
        value: Some(Str::from(*value)),
        ..Default::default()
    };
    let topic = m::create_topics::CreatableTopic {
        name: Str::from(TOPIC),
        num_partitions: 1,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let request = m::CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let response = client.call(7, &request).await.expect("an answer");
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

async fn produce(client: &mut Client) {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(1_700_000_000_000, None, Some(b"x"), &[]);
    let batch: Bytes = builder.finish(None);
    let part = m::produce::PartitionProduceData { records: Some(Records::from(batch)), ..Default::default() };
    let topic = m::produce::TopicProduceData {
        name: Str::from(TOPIC),
        partition_data: vec![part],
        ..Default::default()
    };
    let request =
        m::ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let response = client.call(9, &request).await.expect("an answer");
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
}

async fn end(client: &mut Client) -> i64 {
    let part = m::list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() };
    let topic = m::list_offsets::ListOffsetsTopic {
        name: Str::from(TOPIC),
        partitions: vec![part],
        ..Default::default()
    };
    let request = m::ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = client.call(5, &request).await.expect("an answer");
    response.topics[0].partitions[0].offset
}

/// How many of the records are left that were acknowledged one by one, the last of them a second before the power fails.
fn left(overrides: &'static [&str], configs: &'static [(&str, &str)]) -> i64 {
    let quiet = Quiet::start(1, overrides);
    quiet.run(async move {
        let mut client = connect().await;
        create(&mut client, configs).await;
        // The first brings its segment and its name with it, which are flushed.
        produce(&mut client).await;
        sleep(Duration::from_mins(2)).await;
        for _ in 1..RECORDS {
            produce(&mut client).await;
        }
        sleep(Duration::from_secs(1)).await;
    });
    quiet.simulation.power_loss(quiet.node());
    assert_eq!(quiet.restart(), Vec::<String>::new());
    quiet.run(async { end(&mut connect().await).await })
}

#[test]
fn what_a_power_loss_leaves() {
    const ALL: i64 = RECORDS as i64;
    const UNSYNCED: &str = "logan.ack.sync=false";
    assert_eq!(left(&[], &[]), ALL);
    for (overrides, configs) in [
        (&[UNSYNCED, "log.flush.interval.messages=1"][..], &[][..]),
        (&[UNSYNCED, "log.flush.interval.ms=500"], &[]),
        (&[UNSYNCED, "log.flush.scheduler.interval.ms=500"], &[]),
        (&[UNSYNCED, "log.flush.interval.ms=90000"], &[("flush.ms", "500")]),
        (&[UNSYNCED], &[("flush.messages", "1")]),
    ] {
        assert_eq!(left(overrides, configs), ALL, "{overrides:?}, {configs:?}");
    }
    for (overrides, configs) in [
        (&[UNSYNCED][..], &[][..]),
        (&[UNSYNCED, "log.flush.interval.ms=90000"], &[]),
        (&[UNSYNCED, "log.flush.interval.messages=1000"], &[]),
        (&[UNSYNCED, "log.flush.interval.messages=1"], &[("flush.messages", "1000")]),
    ] {
        let left = left(overrides, configs);
        assert!((1..ALL).contains(&left), "{left} of {ALL} with {overrides:?}, {configs:?}");
    }
}

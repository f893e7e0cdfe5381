//! Connections are cut while the disk is slow and owners hold what came in by them: large requests, of which few are copied into write buffers
//! at a time. In every second run a handler waits for memory to compress records anew, with the rest of its request handed on.
//!
//! Checked, beside what is after every event: the credit of a frame is not given to others while an owner holds the frame, so buffers in use are
//! within what is charged; at rest all of it is given back.

use std::rc::Rc;
use std::time::Duration;

use logan::limits;
use logan::protocol::ErrorCode;
use logan::protocol::messages::ProduceRequest;
use logan::protocol::messages::create_topics::CreatableTopicConfig;
use logan::protocol::records::Compression;
use logan_shards::sim::{Cut, Fault, FaultKind, Site, Verb};

use super::{Aimed, DIRECTORY, Scene};
use crate::simulation::run::{Draw, LONG, REST, Run};
use crate::simulation::work::{self, Sender, Shared};

const PARTITIONS: i32 = 3;
const CLIENTS: u32 = 6;
/// Of each client on one connection.
const IN_FLIGHT: u32 = 3;
const ROUNDS: u32 = 2;
/// With those of the other partitions a frame that is not a small one.
const BATCH_BYTES: usize = 900_000;
const _: () = assert!(BATCH_BYTES * PARTITIONS as usize > limits::LARGE_FRAME_BYTES);
/// Of each shard. Write buffers have room for one request or two, and few batches are compressed anew at a time.
const MEMORY: u64 = 24 << 20;
/// What is sent to it is compressed anew.
const CONVERTED: &str = "converted";

pub(super) fn run(of: &Aimed) -> Result<(), String> {
    let mut draw = Draw::new(of.seed ^ 0x5e7e);
    let shards = 1 + draw.below(3) as u16;
    let run = Run { shards, partitions: PARTITIONS, ..of.sizes() };
    let memory = format!("logan.memory.bytes={}", MEMORY * u64::from(shards));
    let scene = Scene::begin(of, of.options(), &run, &[&memory], &[]);
    let converts = draw.below(2) == 0;
    if converts {
        let shared = scene.shared.clone();
        scene.simulation.block_on(LONG, async move { create_converted(&shared).await });
    }
    let mut most = 0;
    for round in 0..ROUNDS {
        let shared = scene.shared.clone();
        let senders = scene.simulation.block_on(LONG, async move {
            let mut senders = Vec::new();
            for client in 0..CLIENTS {
                let id = work::new_producer(&shared).await;
                senders.push(Sender { producer: round * CLIENTS + client, id, begun: 0 });
            }
            senders
        });
        let slow = Duration::from_millis(50 + draw.below(1_000));
        let strikes = |site: &Site| site.path.starts_with(DIRECTORY) && site.verb == Verb::Write;
        let fault = scene.simulation.add_fault(Fault::always(FaultKind::Hang(Some(slow)), strikes));
        let send = |sender| scene.simulation.spawn(send(scene.shared.clone(), sender, converts));
        let clients: Vec<_> = senders.into_iter().map(send).collect();
        scene.pass(100_000 + draw.below(1_000_000));
        most = most.max(scene.broker.frame_bytes());
        for connection in scene.simulation.connections() {
            let cut = draw.one_of(&[Cut::Both, Cut::ConnectorFirst, Cut::AcceptorFirst]);
            scene.simulation.cut(connection.id, cut);
        }
        scene.await_that("owners have answered", || scene.broker.frame_bytes() == 0)?;
        scene.simulation.remove_fault(fault);
        drop(clients);
    }
    if most < u64::from(CLIENTS) * limits::LARGE_FRAME_BYTES as u64 {
        return Err(format!("no more than {most} bytes of frames were held: the run shows nothing"));
    }
    scene.simulation.run_for(REST);
    scene.broker.is_at_rest()?;
    scene.simulation.power_loss(scene.broker.node);
    scene.start()?;
    scene.verify()
}

async fn create_converted(shared: &Shared) {
    let mut request = work::new_topic(CONVERTED, 1);
    request.topics[0].configs.push(CreatableTopicConfig {
        name: "compression.type".into(),
        value: Some("gzip".into()),
        ..Default::default()
    });
    work::insist(shared, async |client| {
        let error = client.call(7, &request).await?.topics[0].error_code;
        Ok(matches!(error, ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS).then_some(()))
    })
    .await;
}

/// Sends requests to all partitions, and reads no answer.
async fn send(shared: Rc<Shared>, sender: Sender, converts: bool) {
    let mut client = work::connect(&shared).await;
    let requests: Vec<ProduceRequest> = (0..IN_FLIGHT)
        .map(|number| {
            let batch = || work::batch_in(Compression::None, sender, number, 1, || BATCH_BYTES);
            let mut request = work::request(0, batch());
            for partition in 1..PARTITIONS {
                let mut other = work::request(partition, batch());
                request.topic_data[0].partition_data.append(&mut other.topic_data[0].partition_data);
            }
            if converts {
                request.topic_data.append(&mut work::request_to(CONVERTED, 0, batch()).topic_data);
            }
            request
        })
        .collect();
    // Its connection is cut meanwhile, or later.
    if client.send(9, &requests).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

//! An idempotent producer with five requests in flight, whose partition lies on another shard than its connection.
//!
//! What a clean start knows of a producer is its last batch: Kafka's snapshots hold no more. So a producer that comes back after one,
//! with more than one batch that it does not know to be acknowledged, is told that they are out of order, by Kafka as by Logan. A
//! client then begins anew under another epoch; here the producer ends.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use logan::mail::Router;
use logan::model::{PartitionId, PartitionIndex};
use logan::protocol::ErrorCode;
use logan::protocol::messages::ProduceRequest;
use logan_shards::{random_u64, sleep};

use super::client::{Client, Lost};
use super::history::{Partition, Sent};
use super::work::{self, Sender, Shared};

/// What Kafka's producers keep in flight, and what brokers remember of each producer.
const IN_FLIGHT: usize = 5;
const PRODUCE_VERSION: i16 = 9;

/// Why no more is sent on a connection.
enum Ended {
    Lost(Lost),
    /// The producer cannot go on.
    Refused,
}

impl From<Lost> for Ended {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

/// A batch that is not acknowledged yet.
struct Unacknowledged {
    first: u32,
    count: u32,
    bytes: Bytes,
}

pub(super) struct Pipeline {
    shared: Rc<Shared>,
    producer: u32,
    partition: Partition,
    id: i64,
    next: u32,
    /// How often the broker had been stopped cleanly when the oldest batch of `unacknowledged` was first sent, or earlier.
    clean_stops: u32,
    /// In the order of their sequences, which is also that of the requests in flight.
    unacknowledged: VecDeque<Unacknowledged>,
}

impl Pipeline {
    pub async fn new(shared: Rc<Shared>, producer: u32, partition: Partition) -> Self {
        let id = work::new_producer(&shared).await;
        Self { shared, producer, partition, id, next: 0, clean_stops: 0, unacknowledged: VecDeque::new() }
    }

    /// Sends at least `batches`, more while `goes_on` says so, and ends when all are acknowledged.
    pub async fn run(mut self, batches: u32, goes_on: impl Fn(u32) -> bool) {
        let mut made = 0;
        while made < batches || goes_on(made) || !self.unacknowledged.is_empty() {
            let client = self.connect_elsewhere().await;
            // What is not acknowledged is sent again, on a connection that knows nothing of the first time.
            match self.run_on(client, &mut made, |made| made < batches || goes_on(made)).await {
                Ok(()) => {}
                Err(Ended::Lost(lost)) => {
                    self.shared.lose(lost);
                    sleep(Duration::from_millis(random_u64() % 10)).await;
                }
                Err(Ended::Refused) => return,
            }
        }
    }

    async fn run_on(
        &mut self,
        mut client: Client,
        made: &mut u32,
        goes_on: impl Fn(u32) -> bool,
    ) -> Result<(), Ended> {
        let mut sent = 0;
        loop {
            let mut fresh = 0;
            while self.unacknowledged.len() < IN_FLIGHT && goes_on(*made) {
                self.make();
                *made += 1;
                fresh += 1;
            }
            if self.unacknowledged.is_empty() {
                return Ok(());
            }
            if sent == 0 && self.unacknowledged.len() == fresh {
                self.clean_stops = self.shared.clean_stops.get();
            }
            let new = self.unacknowledged.iter().skip(sent);
            let requests: Vec<_> =
                new.map(|batch| work::request(self.partition, batch.bytes.clone())).collect();
            client.send(PRODUCE_VERSION, &requests).await?;
            sent = self.unacknowledged.len();
            // Between one and all of them, so that the next requests go out together too.
            for _ in 0..=random_u64() % sent as u64 {
                let response = client.receive::<ProduceRequest>(PRODUCE_VERSION).await?;
                let answer = &response.responses[0].partition_responses[0];
                self.settle(answer.error_code, answer.base_offset)?;
                sent -= 1;
            }
        }
    }

    fn make(&mut self) {
        let count = 1 + (random_u64() % 3) as u32;
        let sender = Sender { producer: self.producer, id: self.id, begun: 0 };
        let bytes = work::batch_of(sender, self.next, count, || (random_u64() % 300) as usize);
        self.unacknowledged.push_back(Unacknowledged { first: self.next, count, bytes });
        self.next += count;
    }

    /// The answer for the oldest batch. What was sent behind one that failed fails too, so the connection is given up then.
    fn settle(&mut self, error: ErrorCode, base: i64) -> Result<(), Ended> {
        if work::is_retriable(error) {
            return Err(Ended::Lost(Lost::Ended));
        }
        if error != ErrorCode::NONE {
            let stopped_since = self.shared.clean_stops.get() > self.clean_stops;
            if error != ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER || !stopped_since {
                self.shared.fail(format!(
                    "partition {}: batch {} of producer {} is refused: {error}",
                    self.partition, self.unacknowledged[0].first, self.producer
                ));
            }
            self.shared.refused.set(self.shared.refused.get() + 1);
            return Err(Ended::Refused);
        }
        let batch = self.unacknowledged.pop_front().expect("each answer belongs to a batch");
        let first = Sent { producer: self.producer, number: batch.first };
        self.shared.acknowledge(self.partition, base, first, batch.count);
        Ok(())
    }

    /// Connects until another shard than the partition's owner serves the connection.
    async fn connect_elsewhere(&self) -> Client {
        let owner = owner(&self.shared, self.partition).await;
        let fetch = work::fetch(self.partition, 0);
        loop {
            let mut client = work::connect(&self.shared).await;
            match client.shard(&fetch, self.shared.shards).await {
                Ok(Some(shard)) if shard != owner => return client,
                Ok(_) => {}
                Err(lost) => {
                    self.shared.lose(lost);
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// The shard that owns a partition of the topic that is written to.
async fn owner(shared: &Shared, partition: Partition) -> u16 {
    let topic = work::topic_id(shared, work::TOPIC).await;
    Router::owner_of(PartitionId { topic, index: PartitionIndex(partition) }, shared.shards).0
}

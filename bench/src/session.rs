//! Incremental fetches of one session (KIP-227) with many partitions, of which one has something new.
//!
//! A round produces a record to the partition whose turn it is and fetches it. Rounds of producing alone are measured, too, and taken off,
//! so that the broker's processor time is that of the fetches.

use std::time::Duration;

use clap::Args;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{FetchRequest, ProduceRequest};
use logan::protocol::records::Compression;
use logan::protocol::{Records, Str};
use logan_shards as shards;

use crate::client::{self, Answers, ClientError, FETCH, PRODUCE, Sender, check};
use crate::payload::{self, Payload, Recipe, Sizes};
use crate::target::Layout;
use crate::topic::{LATEST, offsets};
use crate::verify::Place;
use crate::{process, topic};

/// Before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Args, Clone)]
pub struct Options {
    /// host:port
    #[arg(long, default_value = "127.0.0.1:9092")]
    broker: String,
    #[arg(long, default_value = "session")]
    topic: String,
    /// Of the session.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    partitions: i32,
    /// Seconds of rounds, and again as many of producing alone.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// The broker's process on this machine.
    #[arg(long)]
    pid: u32,
}

/// What rounds came to.
struct Spent {
    rounds: u64,
    /// Each fetch, in nanoseconds.
    took_ns: Vec<u64>,
    /// Of the broker, in seconds.
    cpu_s: f64,
}

/// Runs, and says what was measured.
pub fn run(options: Options) -> Result<String, String> {
    topic::on_one_shard(async move || measure(&options).await)
}

async fn measure(options: &Options) -> Result<String, ClientError> {
    let mut client = Client::begin(options).await?;
    let seconds = Duration::from_secs(options.seconds);
    client.rounds(true, WARM_UP).await?;
    let mut with = client.rounds(true, seconds).await?;
    let without = client.rounds(false, seconds).await?;
    let us_a_round = |spent: &Spent| spent.cpu_s * 1e6 / spent.rounds as f64;
    let (with_us, without_us) = (us_a_round(&with), us_a_round(&without));
    with.took_ns.sort_unstable();
    let at = |quantile: f64| with.took_ns[(quantile * (with.took_ns.len() - 1) as f64) as usize] / 1000;
    let (partitions, rounds) = (options.partitions, with.rounds);
    Ok(format!(
        "{partitions} partitions: {rounds} rounds, a fetch took us p50 {} p99 {}; broker: {with_us:.0} CPU-us a round, {without_us:.0} \
         without its fetch, {:.0} for it",
        at(0.5),
        at(0.99),
        with_us - without_us
    ))
}

struct Client<'a> {
    options: &'a Options,
    sender: Sender,
    answers: Answers,
    session: i32,
    epoch: i32,
    /// Where the client is in each partition.
    places: Vec<Place>,
    turn: i32,
    /// One record.
    batch: payload::Batch,
}

impl<'a> Client<'a> {
    /// Makes the topic, and a session with all its partitions, at their ends.
    async fn begin(options: &'a Options) -> Result<Self, ClientError> {
        let (mut sender, mut answers) = client::connect(&options.broker).await?;
        topic::ensure(&mut sender, &mut answers, &options.topic, options.partitions, &[]).await?;
        let all: Vec<i32> = (0..options.partitions).collect();
        let layout = Layout { topics: vec![options.topic.as_str().into()], partitions: options.partitions };
        let slots: Vec<usize> = (0..layout.slots()).collect();
        let ends = offsets(&mut sender, &mut answers, &layout, &slots, LATEST).await?;
        let recipe = Recipe {
            record: Sizes::of(100),
            batch_bytes: 100,
            batch_records: 1,
            keys: 0,
            payload: Payload::Noise,
            compression: Compression::None,
            variants: 1,
            seed: 0,
        };
        let batch = payload::batches(recipe, shards::wall_clock_ms()).remove(0);
        let places = all.iter().zip(ends).map(|(partition, end)| Place::new(*partition, end, None)).collect();
        let mut client = Self { options, sender, answers, session: 0, epoch: 0, places, turn: 0, batch };
        client.fetch(&all).await?;
        if client.session == 0 {
            return Err(ClientError::Refused("the broker has no room for a session".to_owned()));
        }
        Ok(client)
    }

    /// Rounds until the time is over.
    async fn rounds(&mut self, fetches: bool, time: Duration) -> Result<Spent, ClientError> {
        let cpu_s =
            || process::sample(self.options.pid).map(|sample| sample.cpu_s()).map_err(ClientError::Refused);
        let (before_s, until_ns) = (cpu_s()?, shards::monotonic_ns() + time.as_nanos() as u64);
        let mut spent = Spent { rounds: 0, took_ns: Vec::new(), cpu_s: 0.0 };
        while shards::monotonic_ns() < until_ns {
            let last = self.turn;
            self.turn = (self.turn + 1) % self.options.partitions;
            self.produce(self.turn).await?;
            spent.rounds += 1;
            if fetches {
                let from_ns = shards::monotonic_ns();
                let came = self.fetch(&[last]).await?;
                spent.took_ns.push(shards::monotonic_ns() - from_ns);
                if came != [self.turn] {
                    return Err(ClientError::Garbled(format!("{came:?} came where {} was due", self.turn)));
                }
            }
        }
        let after = process::sample(self.options.pid).map_err(ClientError::Refused)?;
        spent.cpu_s = after.cpu_s() - before_s;
        Ok(spent)
    }

    async fn produce(&mut self, index: i32) -> Result<(), ClientError> {
        let records = Some(Records::from(self.batch.bytes.clone()));
        let part = PartitionProduceData { index, records, ..PartitionProduceData::default() };
        let name = Str::from(self.options.topic.as_str());
        let data = TopicProduceData { name, partition_data: vec![part], ..TopicProduceData::default() };
        let request = ProduceRequest {
            acks: 1,
            timeout_ms: 30_000,
            topic_data: vec![data],
            ..ProduceRequest::default()
        };
        self.sender.send(PRODUCE, &request).await?;
        let answer = self.answers.next::<ProduceRequest>(PRODUCE).await?;
        for part in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
            check(part.error_code, || format!("producing to partition {index}"))?;
        }
        Ok(())
    }

    /// Tells where the client is in these partitions, and fetches. Returns the partitions of which records came.
    async fn fetch(&mut self, moved: &[i32]) -> Result<Vec<i32>, ClientError> {
        let partitions = moved.iter().map(|index| FetchPartition {
            partition: *index,
            fetch_offset: self.places[*index as usize].next,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        });
        let topic = FetchTopic {
            topic: Str::from(self.options.topic.as_str()),
            partitions: partitions.collect(),
            ..FetchTopic::default()
        };
        let request = FetchRequest {
            // The first answer is to come at once, though there is nothing.
            max_wait_ms: if self.epoch == 0 { 0 } else { 30_000 },
            min_bytes: 1,
            max_bytes: 50 << 20,
            session_id: self.session,
            session_epoch: self.epoch,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        self.sender.send(FETCH, &request).await?;
        let answer = self.answers.next::<FetchRequest>(FETCH).await?;
        check(answer.error_code, || "fetching".to_owned())?;
        self.session = answer.session_id;
        self.epoch += 1;
        let mut came = Vec::new();
        for part in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            let index = part.partition_index;
            check(part.error_code, || format!("fetching partition {index}"))?;
            let place = self.places.get_mut(index as usize);
            let place =
                place.ok_or_else(|| ClientError::Garbled(format!("nobody asked for partition {index}")))?;
            if place.take(&part.records.unwrap_or_default(), |_, _| ())?.records > 0 {
                came.push(index);
            }
        }
        Ok(came)
    }
}

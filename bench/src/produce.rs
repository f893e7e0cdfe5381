//! Producing: closed loop (so many requests in flight), or open loop (so many records a second, latency from when each was due).

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_channel::mpsc;
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use logan::protocol::messages::ProduceRequest;
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::records::{Codec, Compression};
use logan::protocol::{Records, Str};
use logan_shards::{self as shards, Queue, RealOptions, Seat};

use crate::client::{self, Answers, ClientError, PRODUCE, Sender, check};
use crate::fetch::{LATEST, offsets};
use crate::figures::{Meter, Run};
use crate::payload::{self, Batch, Payload, Recipe};
use crate::topic::{self, BETWEEN, LOOKS};
use crate::{Client, Target};

/// How long a broker may owe answers after the run.
const DRAIN: Duration = Duration::from_secs(30);

#[derive(Args, Clone)]
pub struct Options {
    #[command(flatten)]
    pub target: Target,
    /// Bytes of a record's value.
    #[arg(long, default_value_t = 1024, value_parser = parse_size)]
    pub record: usize,
    /// Bytes of a batch before compression. `16k`, `1m` are understood. This client's requests carry one batch each; librdkafka never makes
    /// larger ones (its own default is 1000000).
    #[arg(long, default_value = "16k", value_parser = parse_size)]
    pub batch: usize,
    #[arg(long, value_enum, default_value_t = Payload::Noise)]
    pub payload: Payload,
    /// none, gzip, snappy, lz4 or zstd, at Kafka's default level.
    #[arg(long, default_value = Codec::None.name(), value_parser = parse_codec)]
    pub codec: Codec,
    /// Milliseconds that librdkafka gathers for.
    #[arg(long, default_value_t = 5)]
    pub linger: u32,
    /// Whether librdkafka's producer is idempotent.
    #[arg(long)]
    pub idempotent: bool,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    in_flight: u16,
    #[arg(long, value_enum, default_value_t = Acks::All)]
    pub acks: Acks,
    /// Records a second over all connections, one in each batch; latency counts from when each was due. Without it: as fast as
    /// the broker answers.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate: Option<u64>,
    /// A setting of the topic if this run creates it, `name=value`.
    #[arg(long = "topic-config", value_parser = parse_setting)]
    topic_config: Vec<(String, String)>,
}

/// What the broker waits for before it answers. With acks=0 it never does, so there would be nothing to measure.
#[derive(Clone, Copy, ValueEnum)]
pub enum Acks {
    All,
    #[value(name = "1")]
    Leader,
}

impl Acks {
    #[cfg(feature = "rdkafka")]
    pub fn as_setting(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leader => "1",
        }
    }
}

/// A codec by Kafka's name for it.
fn parse_codec(text: &str) -> Result<Codec, String> {
    let codec = Codec::ALL.into_iter().find(|codec| codec.name() == text);
    codec.ok_or_else(|| format!("none of {}", Codec::ALL.map(Codec::name).join(", ")))
}

/// `65536`, `64k`, `1m`.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.to_ascii_lowercase().strip_suffix(['k', 'm']) {
        Some(digits) if text.ends_with(['k', 'K']) => (digits.to_owned(), 1 << 10),
        Some(digits) => (digits.to_owned(), 1 << 20),
        None => (text.to_owned(), 1),
    };
    let number: usize =
        digits.parse().map_err(|_| format!("{text:?} is not a size such as 1024, 16k or 1m"))?;
    let bytes = number.checked_mul(unit).filter(|bytes| (1..=64 << 20).contains(bytes));
    bytes.ok_or_else(|| format!("{text} is not from 1 to 64m"))
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not name=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs, and says what was measured.
pub fn run(options: Options) -> Result<String, String> {
    options.target.check_client()?;
    let run = Run::new();
    let machine = RealOptions { shards: options.target.client_shards, pin: false, ..RealOptions::standard() };
    let (shared, of_run) = (Arc::new(options), run.clone());
    shards::run::<()>(machine, move |seat| on_shard(seat, shared.clone(), of_run.clone()).boxed_local())
        .map_err(|error| error.to_string())?;
    Ok(run.report()?.to_string())
}

async fn on_shard(seat: Seat<()>, options: Arc<Options>, run: Run) {
    if seat.shard.0 == 0 {
        lead(&options, &run).await;
    } else {
        run.until_begun().await;
    }
    if run.has_ended() {
        return;
    }
    let meter = Meter::new(&run);
    let own = if options.target.client == Client::Rdkafka { 0 } else { options.target.connections };
    let mine = (0..own).filter(|number| number % seat.shards == seat.shard.0);
    let connections: Vec<_> = mine.map(|number| drive(&options, meter.clone(), number)).collect();
    #[cfg(feature = "rdkafka")]
    let librdkafka = (options.target.client == Client::Rdkafka && seat.shard.0 == 0)
        .then(|| crate::rdkafka::produce(&options, &run));
    let timed = async {
        if seat.shard.0 == 0 {
            let Target { warm_up, seconds, pid, .. } = options.target;
            run.keep_time(warm_up, seconds, pid).await;
        }
    };
    let ((), outcomes) = futures_util::join!(timed, join_all(connections));
    run.add(&meter);
    for error in outcomes.into_iter().filter_map(Result::err) {
        run.fail(error.to_string());
    }
    #[cfg(feature = "rdkafka")]
    if let Some(thread) = librdkafka
        && thread.join().is_err()
    {
        run.fail("librdkafka's thread panicked".to_owned());
    }
    if seat.shard.0 == 0
        && let Err(error) = verify(&options, &run).await
    {
        run.fail(error.to_string());
    }
}

/// Makes the topic, and counts what is in it.
async fn lead(options: &Options, run: &Run) {
    let before = async {
        let (mut sender, mut answers) = client::connect(&options.target.broker).await?;
        let Target { topic, partitions, .. } = &options.target;
        topic::ensure(&mut sender, &mut answers, topic, *partitions, &options.topic_config).await?;
        end_of_topic(&mut sender, &mut answers, &options.target).await
    };
    match before.await {
        Ok(records) => run.begin(records),
        Err(error) => run.fail(error.to_string()),
    }
}

async fn end_of_topic(
    sender: &mut Sender,
    answers: &mut Answers,
    target: &Target,
) -> Result<u64, ClientError> {
    let all: Vec<i32> = (0..target.partitions).collect();
    // Metadata may name a leader that is about to become one.
    for _ in 0..LOOKS {
        match offsets(sender, answers, &target.topic, &all, LATEST).await {
            Err(ClientError::NotYet(_)) => shards::sleep(BETWEEN).await,
            ends => return Ok(ends?.values().sum::<i64>() as u64),
        }
    }
    Err(ClientError::Refused(format!("{} has partitions without a leader", target.topic)))
}

/// What was acknowledged must be there, and nothing else.
async fn verify(options: &Options, run: &Run) -> Result<(), ClientError> {
    run.until_drained(options.target.connections, DRAIN).await.map_err(ClientError::Refused)?;
    let (mut sender, mut answers) = client::connect(&options.target.broker).await?;
    let end = end_of_topic(&mut sender, &mut answers, &options.target).await?;
    let (before, acknowledged) = run.records();
    if end == before + acknowledged {
        return Ok(());
    }
    Err(ClientError::Refused(format!(
        "{acknowledged} records were acknowledged, but the topic grew by {}: somebody else writes to it, or records were lost or doubled",
        i128::from(end) - i128::from(before)
    )))
}

/// What an answer will be about.
struct Sent {
    due_ns: u64,
    bytes: u64,
    records: u64,
    partition: i32,
}

/// One connection: a task sends while there are permits, this one takes the answers.
async fn drive(options: &Arc<Options>, meter: Meter, number: u16) -> Result<(), ClientError> {
    let (sender, mut answers) = client::connect(&options.target.broker).await?;
    let (permits, permitted) = mpsc::unbounded();
    for _ in 0..options.in_flight {
        permits.unbounded_send(()).expect("the other end is here");
    }
    let (sent, mut owed) = mpsc::unbounded();
    let sending = shards::spawn(
        Queue::Produce,
        send_all(options.clone(), meter.clone(), number, sender, permitted, sent),
    );
    while let Some(sent) = owed.next().await {
        let answer = shards::timeout(DRAIN, answers.next::<ProduceRequest>(PRODUCE));
        let answer =
            answer.await.map_err(|_| ClientError::Refused("an answer took more than 30 s".to_owned()))??;
        let part = answer.responses.first().and_then(|topic| topic.partition_responses.first());
        let part = part.ok_or_else(|| ClientError::Garbled("an answer about nothing".to_owned()))?;
        check(part.error_code, || format!("producing to partition {}", sent.partition))?;
        if part.index != sent.partition || part.base_offset < 0 {
            return Err(ClientError::Garbled(format!(
                "partition {} was answered as {part:?}",
                sent.partition
            )));
        }
        meter.count(sent.due_ns, sent.bytes, sent.records);
        meter.run().acknowledged(sent.records);
        if permits.unbounded_send(()).is_err() {
            // The sending task has ended; what is owed is still counted.
        }
    }
    sending.await?;
    meter.run().drained();
    Ok(())
}

async fn send_all(
    options: Arc<Options>,
    meter: Meter,
    number: u16,
    mut sender: Sender,
    mut permitted: mpsc::UnboundedReceiver<()>,
    sent: mpsc::UnboundedSender<Sent>,
) -> Result<(), ClientError> {
    let batch_bytes = if options.rate.is_some() { options.record } else { options.batch };
    let recipe = Recipe {
        record_bytes: options.record,
        batch_bytes,
        payload: options.payload,
        compression: Compression::of(options.codec),
    };
    let batches = payload::batches(recipe, shards::wall_clock_ms());
    let connections = u64::from(options.target.connections);
    let interval_ns = options.rate.map(|rate| connections * 1_000_000_000 / rate);
    // The connections take turns.
    let start_ns = shards::monotonic_ns() + interval_ns.unwrap_or(0) * u64::from(number) / connections;
    let topic = Str::from(options.target.topic.as_str());
    let mut turn = u64::from(number);
    for nth in 0.. {
        if meter.run().has_ended() {
            break;
        }
        let due_ns = interval_ns.map(|interval| start_ns + nth * interval);
        if let Some(due_ns) = due_ns {
            let early_ns = due_ns.saturating_sub(shards::monotonic_ns());
            if early_ns > 0 {
                shards::sleep(Duration::from_nanos(early_ns)).await;
            }
        }
        if permitted.next().await.is_none() {
            break;
        }
        // Odd against most counts of partitions, so that every connection comes to all of them.
        turn = turn.wrapping_add(connections | 1);
        let partition = (turn % options.target.partitions as u64) as i32;
        let batch = &batches[(nth % batches.len() as u64) as usize];
        let about = Sent {
            due_ns: due_ns.unwrap_or_else(shards::monotonic_ns),
            bytes: batch.value_bytes,
            records: u64::from(batch.records),
            partition,
        };
        if sent.unbounded_send(about).is_err() {
            break;
        }
        sender.send(PRODUCE, &request(&options, &topic, partition, batch)).await?;
    }
    Ok(())
}

fn request(options: &Options, topic: &Str, index: i32, batch: &Batch) -> ProduceRequest {
    let records = Some(Records::from(batch.bytes.clone()));
    let part = PartitionProduceData { index, records, ..PartitionProduceData::default() };
    let data =
        TopicProduceData { name: topic.clone(), partition_data: vec![part], ..TopicProduceData::default() };
    let acks = match options.acks {
        Acks::All => -1,
        Acks::Leader => 1,
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![data], ..ProduceRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("16k"), Ok(16 << 10));
        assert_eq!(parse_size("1M"), Ok(1 << 20));
        assert_eq!(parse_size("100"), Ok(100));
        for wrong in ["", "0", "k", "65m", "1g", "-1", "99999999999999999999k"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}

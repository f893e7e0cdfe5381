//! Producing: closed loop (so many requests in flight), or open loop (so many records a second, latency from when each was due).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use futures_channel::mpsc;
use futures_util::StreamExt;
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{InitProducerIdRequest, ProduceRequest};
use logan::protocol::records::{Codec, Compression};
use logan::protocol::{Records, Str};
use logan_shards::{self as shards, Queue};
use logan_storage::batch::{self, Header};

use super::flights::Flight;
use super::{DRAIN, Prepared};
use crate::client::{self, Answers, ClientError, INIT_PRODUCER_ID, PRODUCE, Sender, check};
use crate::figures::{Direction, Meter, Request, Run};
use crate::payload::{self, Batch, Payload, Recipe, Sizes, parse_size};
use crate::verify::MAX_BATCH_BYTES;

/// How long what was due in time may be sent behind the window's end.
const GRACE: Duration = Duration::from_secs(3);
/// What all batches of a run may take, and how many partitions all connections together may count in.
const MOST_BATCH_BYTES: usize = 4 << 30;
const MOST_PLACES: usize = 100_000_000;
/// Between two requests for what the broker does not have yet, and two looks at whether the run has ended.
const AGAIN: Duration = Duration::from_millis(50);

#[derive(Args, Clone)]
pub struct Producing {
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,
    /// Bytes of a record's value: `1024`, `1k`, or all sizes from one to another, `100..2k`.
    #[arg(long, default_value = "1k")]
    pub record: Sizes,
    /// Records have one of so many keys.
    #[arg(long, default_value_t = 0)]
    pub keys: u32,
    /// Bytes of a batch before compression. `16k`, `1m` are understood. This client's requests carry one batch each; librdkafka never makes
    /// larger ones (its own default is 1000000).
    #[arg(long, default_value = "16k", value_parser = parse_size)]
    pub batch: usize,
    #[arg(long, value_enum, default_value_t = Payload::Noise)]
    pub payload: Payload,
    /// none, gzip, snappy, lz4 or zstd, at Kafka's default level.
    #[arg(long, default_value = Codec::None.name(), value_parser = parse_codec)]
    pub codec: Codec,
    /// Milliseconds that records are gathered for: by librdkafka (5 by itself), and by this client if there is a --rate (0 by itself).
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub linger: Option<u32>,
    /// Whether producers are idempotent.
    #[arg(long)]
    pub idempotent: bool,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub in_flight: u16,
    #[arg(long, value_enum, default_value_t = Acks::All)]
    pub acks: Acks,
    /// Records a second over all connections; latency counts from when each was due. Without it: as fast as the broker answers.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate: Option<u64>,
    /// A setting of the topics if this run creates them, `name=value`.
    #[arg(long = "topic-config", value_parser = parse_setting)]
    pub topic_config: Vec<(String, String)>,
    /// Leaves topics that this run made; otherwise they are removed at its end.
    #[arg(long)]
    pub keep_topics: bool,
    /// Whether a request goes out only when a consumer has what the one before it brought.
    #[arg(skip)]
    pub awaits_consumer: bool,
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

pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not name=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// How a connection that keeps to a rate sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// Between two records of one connection.
    step_ns: u64,
    /// In each batch.
    records: u32,
}

impl Producing {
    /// One record, and the next one when it has come through.
    pub fn one_at_a_time(record: Sizes) -> Self {
        Self {
            connections: 1,
            record,
            keys: 0,
            batch: 1,
            payload: Payload::Noise,
            codec: Codec::None,
            linger: None,
            idempotent: false,
            in_flight: 1,
            acks: Acks::All,
            rate: None,
            topic_config: Vec::new(),
            keep_topics: false,
            awaits_consumer: true,
        }
    }

    pub fn check(&self, client_shards: u16, slots: usize) -> Result<(), String> {
        if self.awaits_consumer && client_shards > 1 {
            return Err("one record at a time takes one of --client-shards".to_owned());
        }
        let batch = self.batch.max(self.record.mean());
        let variants = usize::from(payload::variants(usize::from(self.connections), batch));
        let bytes = usize::from(self.connections) * variants * batch;
        if bytes > MOST_BATCH_BYTES || usize::from(self.connections) * slots > MOST_PLACES {
            return Err(
                "so many --connections with so large a --batch, or so many partitions, take too much memory"
                    .to_owned(),
            );
        }
        if self.idempotent && self.in_flight > 5 {
            return Err("an idempotent producer may have at most 5 requests --in-flight".to_owned());
        }
        Ok(())
    }

    fn pace(&self) -> Option<Pace> {
        let step_ns = u64::from(self.connections) * 1_000_000_000 / self.rate?;
        let gathered = u64::from(self.linger.unwrap_or(0)) * 1_000_000 / step_ns.max(1);
        Some(Pace { step_ns, records: gathered.clamp(1, u64::from(u32::MAX)) as u32 })
    }

    /// Of a producer's batches.
    pub fn recipe(&self, seed: u64) -> Recipe {
        Recipe {
            record: self.record,
            batch_bytes: self.batch,
            batch_records: self.pace().map_or(u32::MAX, |pace| pace.records),
            keys: self.keys,
            payload: self.payload,
            compression: Compression::of(self.codec),
            variants: payload::variants(usize::from(self.connections), self.batch.max(self.record.mean())),
            seed,
        }
    }
}

/// What an answer will be about.
struct Sent {
    due_ns: u64,
    /// Of what is due by the clock.
    step_ns: Option<u64>,
    bytes: u64,
    records: u64,
    slot: usize,
}

/// One connection: a task sends while there are permits, this one takes the answers. What goes wrong ends the run.
pub async fn drive(prepared: &Arc<Prepared>, meter: Meter, number: u16) {
    if let Err(error) = drive_to_end(prepared, &meter, number).await {
        meter.run().cut_short(error.to_string());
    }
    meter.run().drained();
    meter.run().idle();
}

async fn drive_to_end(prepared: &Arc<Prepared>, meter: &Meter, number: u16) -> Result<(), ClientError> {
    let producing = prepared.producing.as_ref().expect("somebody produces");
    let (mut sender, mut answers) = client::connect(&prepared.target.broker).await?;
    let stamps = if producing.idempotent {
        Some(Stamps::begin(&mut sender, &mut answers, prepared.layout.slots()).await?)
    } else {
        None
    };
    meter.run().until_all_are_ready().await;
    let (permits, permitted) = mpsc::unbounded();
    for _ in 0..producing.in_flight {
        permits.unbounded_send(()).expect("the other end is here");
    }
    let (sent, mut owed) = mpsc::unbounded();
    let producer = Producer { prepared: prepared.clone(), meter: meter.clone(), number, sender, stamps };
    let sending = shards::spawn(Queue::Produce, producer.send_all(permitted, sent));
    while let Some(sent) = owed.next().await {
        let answer = match answers.next::<ProduceRequest>(PRODUCE).await {
            Ok(answer) => answer,
            Err(error) => {
                // What is owed has waited until now, and would not be seen in the figures of a run that ends here.
                let mut unanswered = Some(sent);
                while let Some(sent) = unanswered {
                    meter.count_unanswered(sent.due_ns, u64::MAX);
                    unanswered = owed.try_recv().ok();
                }
                return Err(error);
            }
        };
        let (_, partition) = prepared.layout.place(sent.slot);
        let part = answer.responses.first().and_then(|topic| topic.partition_responses.first());
        let part = part.ok_or_else(|| ClientError::Garbled("an answer about nothing".to_owned()))?;
        check(part.error_code, || format!("producing to partition {partition}"))?;
        if part.index != partition || part.base_offset < 0 {
            return Err(ClientError::Garbled(format!("partition {partition} was answered as {part:?}")));
        }
        let Sent { step_ns, bytes, records, .. } = sent;
        if producing.keep_topics {
            meter.run().ends_at(sent.slot, part.base_offset + records as i64);
        }
        meter.count(Request { direction: Direction::Produced, step_ns, bytes, records }, sent.due_ns);
        meter.run().acknowledged(sent.records);
        // The sending task may have ended; what is owed is still counted.
        let _ = permits.unbounded_send(());
    }
    sending.await
}

/// The sending end of a connection.
struct Producer {
    prepared: Arc<Prepared>,
    meter: Meter,
    number: u16,
    sender: Sender,
    stamps: Option<Stamps>,
}

impl Producer {
    async fn send_all(
        mut self,
        mut permitted: mpsc::UnboundedReceiver<()>,
        sent: mpsc::UnboundedSender<Sent>,
    ) -> Result<(), ClientError> {
        let prepared = self.prepared.clone();
        let producing = prepared.producing.as_ref().expect("somebody produces");
        let batches = &prepared.batches[usize::from(self.number)];
        let (number, connections) = (u64::from(self.number), u64::from(producing.connections));
        let pace = producing.pace();
        // The connections take turns.
        let start_ns = shards::monotonic_ns() + pace.map_or(0, |pace| pace.step_ns * number / connections);
        let slots = prepared.layout.slots();
        let mut due = 0;
        // Connections begin apart from each other, and each comes to every partition.
        let mut turn = (number * slots as u64 / connections) as usize;
        let mut variants = vec![0; slots];
        // Of a run in which each partition gets one batch: those that it gets from this connection.
        let mut own = (usize::from(self.number)..slots).step_by(connections as usize);
        loop {
            let first_due_ns = pace.map(|pace| start_ns + due * pace.step_ns);
            if self.meter.run().has_ended()
                && !first_due_ns.is_some_and(|due_ns| is_owed(due_ns, self.meter.run()))
            {
                break;
            }
            let Some(slot) = (if prepared.target.once { own.next() } else { Some(turn) }) else { break };
            turn = (turn + 1) % slots;
            let batch = &batches[variants[slot]];
            variants[slot] = (variants[slot] + 1) % batches.len();
            if let (Some(first_due_ns), Some(pace)) = (first_due_ns, pace) {
                // It goes out when its last record is due.
                let last_due_ns = first_due_ns + u64::from(batch.records - 1) * pace.step_ns;
                if !sleep_until(last_due_ns, self.meter.run()).await {
                    break;
                }
            }
            if permitted.next().await.is_none() {
                break;
            }
            if producing.awaits_consumer {
                prepared.flights.until_landed(self.meter.run()).await;
            }
            let due_ns = first_due_ns.unwrap_or_else(shards::monotonic_ns);
            let step_ns = pace.map(|pace| pace.step_ns);
            prepared.flights.depart(self.number, slot, Flight { due_ns, step_ns: step_ns.unwrap_or(0) });
            let (topic, partition) = prepared.layout.place(slot);
            let (bytes, records) = (batch.value_bytes, u64::from(batch.records));
            if sent.unbounded_send(Sent { due_ns, step_ns, bytes, records, slot }).is_err() {
                break;
            }
            due += records;
            let bytes = match &mut self.stamps {
                Some(stamps) => stamps.stamp(slot, batch),
                None => batch.bytes.clone(),
            };
            self.sender.send(PRODUCE, &request(producing.acks, topic, partition, bytes)).await?;
        }
        if let Some(pace) = pace {
            self.meter.count_unanswered(start_ns + due * pace.step_ns, pace.step_ns);
        }
        Ok(())
    }
}

/// Whether what was due then, before the window was closed, is still to be sent: how long it waited is not known otherwise.
fn is_owed(due_ns: u64, run: &Run) -> bool {
    let since = run.since_its_end().filter(|since| *since < GRACE);
    since.is_some_and(|since| due_ns + (since.as_nanos() as u64) < shards::monotonic_ns())
}

/// `false` if the run ended before that.
async fn sleep_until(at_ns: u64, run: &Run) -> bool {
    loop {
        let early_ns = at_ns.saturating_sub(shards::monotonic_ns());
        if run.has_ended() || early_ns == 0 {
            return early_ns == 0;
        }
        shards::sleep(Duration::from_nanos(early_ns).min(AGAIN)).await;
    }
}

fn request(acks: Acks, topic: &Str, index: i32, batch: Bytes) -> ProduceRequest {
    let records = Some(Records::from(batch));
    let part = PartitionProduceData { index, records, ..PartitionProduceData::default() };
    let data =
        TopicProduceData { name: topic.clone(), partition_data: vec![part], ..TopicProduceData::default() };
    let acks = match acks {
        Acks::All => -1,
        Acks::Leader => 1,
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![data], ..ProduceRequest::default() }
}

/// What an idempotent producer writes into its batches (KIP-98): its id, and for each partition the number of the next record.
struct Stamps {
    producer_id: i64,
    producer_epoch: i16,
    next: Vec<i32>,
}

impl Stamps {
    async fn begin(sender: &mut Sender, answers: &mut Answers, slots: usize) -> Result<Self, ClientError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        let until_ns = shards::monotonic_ns() + DRAIN.as_nanos() as u64;
        loop {
            sender.send(INIT_PRODUCER_ID, &request).await?;
            let answer = answers.next::<InitProducerIdRequest>(INIT_PRODUCER_ID).await?;
            // Kafka's first producer id waits until its coordinator has begun.
            match check(answer.error_code, || "asking for a producer id".to_owned()) {
                Err(ClientError::NotYet(_)) if shards::monotonic_ns() < until_ns => {
                    shards::sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    let (producer_id, producer_epoch) = (answer.producer_id, answer.producer_epoch);
                    return Ok(Self { producer_id, producer_epoch, next: vec![0; slots] });
                }
            }
        }
    }

    /// The batch with this producer's next numbers in a slot: a copy, with a CRC of its own.
    fn stamp(&mut self, slot: usize, batch: &Batch) -> Bytes {
        let made = batch::Batch::parse(&batch.bytes, MAX_BATCH_BYTES).expect("a batch that this client made");
        let next = &mut self.next[slot];
        let header = Header {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: *next,
            ..made.header()
        };
        *next = batch::add_to_sequence(*next, batch.records as i32);
        let mut out = Vec::with_capacity(batch.bytes.len());
        header.write_batch(made.records(), &mut out);
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::verify::{Known, Place};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        producing: Producing,
    }

    fn producing(line: &str) -> Producing {
        Line::try_parse_from(std::iter::once("produce").chain(line.split_whitespace())).unwrap().producing
    }

    #[test]
    fn a_rate_is_shared_by_the_connections_and_gathered_while_they_linger() {
        let pace = |line: &str| producing(line).pace();
        assert_eq!(pace(""), None);
        assert_eq!(pace("--rate 2000 --connections 4"), Some(Pace { step_ns: 2_000_000, records: 1 }));
        assert_eq!(
            pace("--rate 20000 --connections 2 --linger 5"),
            Some(Pace { step_ns: 100_000, records: 50 })
        );
        assert_eq!(producing("--rate 20000 --connections 2 --linger 5").recipe(1).batch_records, 50);
    }

    #[test]
    fn numbers_go_on_in_each_slot_and_the_batch_is_still_known() {
        let batches = payload::batches(Recipe::small(), 1);
        let mut known = Known::default();
        known.add(batches.iter().map(|batch| &batch.bytes[..])).unwrap();
        let mut stamps = Stamps { producer_id: 7, producer_epoch: 1, next: vec![0; 2] };
        let records = batches[0].records as i32;
        let first = |bytes: &Bytes| batch::Batch::whole(bytes).unwrap().base_sequence();
        assert_eq!(first(&stamps.stamp(0, &batches[0])), 0);
        let mut second = stamps.stamp(0, &batches[1]).to_vec();
        assert_eq!(first(&Bytes::from(second.clone())), records);
        assert_eq!(first(&stamps.stamp(1, &batches[0])), 0);
        // As the one that is due first it is out of turn, so it was known.
        batch::BatchMut::parse(&mut second, MAX_BATCH_BYTES).unwrap().stamp(0, 0);
        let fault =
            Place::new(0, 0, Some(Arc::new(known))).take(&Records::from(Bytes::from(second)), |_, _| ());
        assert!(fault.unwrap_err().to_string().contains("batch 1 of producer 0 where 0 was due"));
    }
}

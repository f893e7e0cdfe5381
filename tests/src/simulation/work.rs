//! What the clients of a run do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use logan::model::Uuid;
use logan::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};
use logan::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic,
};
use logan::protocol::messages::metadata::MetadataRequestTopic;
use logan::protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use logan::protocol::messages::{
    CreateTopicsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest,
    ProduceRequest,
};
use logan::protocol::records::{BatchBuilder, Compression, ProducerFields, RecordReader};
use logan::protocol::{ErrorCode, Records};
use logan_shards::{monotonic_ns, random_u64, sleep};

use super::client::{Client, Lost};
use super::history::{Asked, Existence, History, Partition, Sent, is_below_watermark, is_fresh};
use super::lives::{Life, Lives};
use super::run::{Run, Scenario};

pub(super) const TOPIC: &str = "main";
pub(super) const FETCH_VERSION: i16 = 11;
const MAX_UNPACKED: usize = 64 << 20;

/// What all clients of a run share.
pub(super) struct Shared {
    pub history: RefCell<History>,
    /// The first thing that went wrong.
    pub violation: RefCell<Option<String>>,
    pub partitions: i32,
    pub shards: u16,
    /// With which fetch sessions begin.
    pub first_epoch: i32,
    pub network_is_calm: bool,
    /// Longer than any request may take.
    pub patience: Duration,
    /// Nothing befalls disks: a log that cannot be written or read could not be for ever.
    pub disks_are_sound: Cell<bool>,
    /// Producers that could not go on.
    pub refused: Cell<u32>,
    /// How often the broker was asked to stop.
    pub clean_stops: Cell<u32>,
    /// Which of its lives the broker is in, where one that was asked to stop goes on in the next one.
    pub life: Cell<u32>,
    /// How often it had been asked to stop when it was last started.
    stops_before: Cell<u32>,
    /// How often it had been ready then.
    pub ready_before: Cell<u32>,
    /// A broker whose metadata's directory fails stops by itself, and closes the others.
    pub stops_by_itself: bool,
    /// When each partition's records were acknowledged.
    pub acknowledged_at: RefCell<BTreeMap<Partition, Vec<Acknowledged>>>,
    /// Where producers of [`produce`] stand that have sent all they had.
    pub producers: RefCell<BTreeMap<u32, Resumable>>,
    /// All topics beside the one that is written to, those that were deleted included.
    pub lives: RefCell<Vec<Rc<Life>>>,
    pub lives_are_over: Cell<bool>,
    pub counted: Cell<Lives>,
}

/// A producer, as the broker knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub producer: u32,
    pub id: i64,
    /// The number of its first record under this id.
    pub begun: u32,
}

/// A producer that could go on.
#[derive(Debug, Clone)]
pub(super) struct Resumable {
    pub partition: Partition,
    sender: Sender,
    /// The number of its next record.
    next: u32,
    /// Its last batch, and the offset that was told for it.
    last: Bytes,
    base: i64,
}

/// A producer was told that its partition has the records before `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    pub at_ns: u64,
    pub end: i64,
}

impl Shared {
    pub fn new(run: &Run) -> Rc<Self> {
        // Where bits turn over on disks: of a leader epoch nobody would see it.
        let mut history = History::default();
        history.epochs.are_ignored = run.scenario == Scenario::Damage;
        Rc::new(Self {
            history: RefCell::new(history),
            violation: RefCell::new(None),
            partitions: run.partitions,
            shards: run.shards,
            first_epoch: run.mutations.session_epoch.unwrap_or(1),
            network_is_calm: run.scenario.has_calm_network(),
            patience: run.scenario.patience(),
            disks_are_sound: Cell::new(run.scenario.has_sound_disks()),
            refused: Cell::new(0),
            clean_stops: Cell::new(0),
            life: Cell::new(0),
            stops_before: Cell::new(0),
            ready_before: Cell::new(0),
            stops_by_itself: run.scenario == Scenario::Disks,
            acknowledged_at: RefCell::default(),
            producers: RefCell::default(),
            lives: RefCell::default(),
            lives_are_over: Cell::new(false),
            counted: Cell::default(),
        })
    }

    pub fn fail(&self, reason: String) {
        self.violation.borrow_mut().get_or_insert(reason);
    }

    /// Where nothing keeps requests or responses from arriving, every request is answered.
    pub fn lose(&self, lost: Lost) {
        if let (Lost::Silent(request), true) = (lost, self.network_is_calm) {
            self.fail(format!("{request} was not answered, and its connection did not end"));
        }
    }

    /// The broker is started again, and had been ready so often. (A life that was not has led in nothing, and may leave what was closed cleanly as
    /// it was.)
    pub fn begin_life(&self, ready: u32) {
        let was_asked = self.stops_before.replace(self.clean_stops.get()) != self.clean_stops.get();
        let was_ready = self.ready_before.replace(ready) != ready;
        if was_ready && !was_asked {
            self.life.set(self.life.get() + 1);
        }
    }

    /// Whether the same is sent again for an error. Where disks are sound, one of storage is none that passes.
    pub fn is_retriable(&self, error: ErrorCode) -> bool {
        is_retriable(error) && !(self.disks_are_sound.get() && error == ErrorCode::KAFKA_STORAGE_ERROR)
    }

    pub fn count_lives(&self, count: impl FnOnce(&mut Lives)) {
        let mut counted = self.counted.get();
        count(&mut counted);
        self.counted.set(counted);
    }

    pub fn note(&self, noted: Result<(), String>) {
        if let Err(reason) = noted {
            self.fail(reason);
        }
    }

    /// A client that asked then is told now where a log ends.
    pub fn tell(&self, partition: Partition, sent_ns: u64, end: i64) {
        let asked = Asked { sent_ns, told_ns: monotonic_ns() };
        self.note(self.history.borrow_mut().tell(partition, asked, end));
    }

    pub fn topic_is_created(&self) -> bool {
        self.history.borrow().topics.get(TOPIC) == Some(&Existence::Yes)
    }

    /// The end of what was acknowledged of a partition before then.
    pub fn acknowledged_before(&self, partition: Partition, at_ns: u64) -> i64 {
        let acknowledged = self.acknowledged_at.borrow();
        let acks = acknowledged.get(&partition).into_iter().flatten();
        acks.filter(|ack| ack.at_ns < at_ns).map(|ack| ack.end).max().unwrap_or(0)
    }

    /// What lay behind the first `length` records of a partition is lost, as it may be.
    pub fn cut(&self, partition: Partition, length: i64) {
        self.history.borrow_mut().cut(partition, length);
        if let Some(acknowledged) = self.acknowledged_at.borrow_mut().get_mut(&partition) {
            acknowledged.retain(|told| told.end <= length);
        }
    }

    /// Where something was lost, what follows is of a leader epoch that nobody was told of.
    pub fn leads_anew(&self, partition: Partition, led_in: i32) -> Result<(), String> {
        let newest = self.history.borrow().epochs.newest(partition);
        if newest.is_none_or(|newest| i64::from(led_in) > newest) {
            return Ok(());
        }
        Err(format!("partition {partition} lost records of leader epoch {newest:?}, and goes on in {led_in}"))
    }

    /// A batch was acknowledged: its first record, and how many it has.
    pub fn acknowledge(&self, partition: Partition, base: i64, first: Sent, count: u32) {
        let acknowledged = Acknowledged { at_ns: monotonic_ns(), end: base + i64::from(count) };
        self.acknowledged_at.borrow_mut().entry(partition).or_default().push(acknowledged);
        for at in 0..count {
            let sent = Sent { number: first.number + at, ..first };
            self.note(self.history.borrow_mut().acknowledge(partition, base + i64::from(at), sent));
        }
    }
}

/// What an idempotent producer answers by sending the same again. The topic is there before anybody asks for it, so it is never unknown.
pub(super) fn is_retriable(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR)
}

/// Connects until it succeeds.
pub(super) async fn connect(shared: &Shared) -> Client {
    loop {
        match Client::connect(shared.patience).await {
            Ok(client) => return client,
            Err(lost) => shared.lose(lost),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Calls `attempt` with one connection after another until it has a result.
pub(super) async fn insist<T>(
    shared: &Shared,
    mut attempt: impl AsyncFnMut(&mut Client) -> Result<Option<T>, Lost>,
) -> T {
    let mut client = connect(shared).await;
    loop {
        match attempt(&mut client).await {
            Ok(Some(result)) => return result,
            Ok(None) => sleep(Duration::from_millis(10)).await,
            Err(lost) => {
                shared.lose(lost);
                client = connect(shared).await;
            }
        }
    }
}

pub(super) fn new_topic(name: &str, partitions: i32) -> CreateTopicsRequest {
    let small = CreatableTopicConfig {
        name: "segment.bytes".into(),
        value: Some("1048576".into()),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: vec![small],
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..Default::default() }
}

pub(super) async fn create_topic(shared: &Shared, configs: Vec<CreatableTopicConfig>) {
    let mut request = new_topic(TOPIC, shared.partitions);
    request.topics[0].configs.extend(configs);
    insist(shared, async |client| {
        let response = client.call(7, &request).await?;
        let error = response.topics[0].error_code;
        Ok(matches!(error, ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS).then_some(()))
    })
    .await;
    shared.history.borrow_mut().topics.insert(TOPIC.into(), Existence::Yes);
}

/// The id of a topic that there is.
pub(super) async fn topic_id(shared: &Shared, name: &str) -> Uuid {
    insist(shared, async |client| {
        let asked = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![asked]), ..Default::default() };
        let response = client.call(12, &request).await?;
        let topic = response.topics.first().filter(|topic| topic.error_code == ErrorCode::NONE);
        Ok(topic.map(|topic| topic.topic_id))
    })
    .await
}

/// Whether the broker knows a topic, as `witness` is told.
pub(super) async fn is_known(shared: &Shared, witness: &mut Client, name: &str) -> bool {
    let asked = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
    let request =
        MetadataRequest { topics: Some(vec![asked]), allow_auto_topic_creation: false, ..Default::default() };
    loop {
        match witness.call(9, &request).await {
            Ok(response) => return response.topics[0].error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Err(lost) => {
                shared.lose(lost);
                *witness = connect(shared).await;
            }
        }
    }
}

/// The id of a new producer.
pub(super) async fn new_producer(shared: &Shared) -> i64 {
    insist(shared, async |client| {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 1000,
            ..Default::default()
        };
        let response = client.call(4, &request).await?;
        if response.error_code != ErrorCode::NONE {
            return Ok(None);
        }
        shared.note(shared.history.borrow_mut().give(response.producer_id));
        Ok(Some(response.producer_id))
    })
    .await
}

/// Sends batches to one partition, each until it is acknowledged.
pub(super) async fn produce(shared: Rc<Shared>, producer: u32, partition: Partition, batches: u32) {
    let sender = Sender { producer, id: new_producer(&shared).await, begun: 0 };
    let from = Resumable { partition, sender, next: 0, last: Bytes::new(), base: -1 };
    send_batches(&shared, from, batches).await;
}

/// Now and then a producer begins anew, with another id, as one does that was started again.
async fn send_batches(shared: &Shared, mut from: Resumable, batches: u32) {
    let producer = from.sender.producer;
    for _ in 0..batches {
        let Resumable { partition, mut sender, next, .. } = from;
        if next > sender.begun && random_u64().is_multiple_of(5) {
            sender = Sender { id: new_producer(shared).await, begun: next, ..sender };
        }
        let count = 1 + (random_u64() % 4) as u32;
        let last = batch_of(sender, next, count, padding);
        let base = send_until_told(shared, producer, next, partition, &last).await;
        shared.acknowledge(partition, base, Sent { producer, number: next }, count);
        from = Resumable { partition, sender, next: next + count, last, base };
        if random_u64().is_multiple_of(4) {
            sleep(Duration::from_millis(random_u64() % 20)).await;
        }
    }
    shared.producers.borrow_mut().insert(producer, from);
}

/// The offset that was told for a batch.
pub(super) async fn send_until_told(
    shared: &Shared,
    producer: u32,
    next: u32,
    partition: Partition,
    batch: &Bytes,
) -> i64 {
    insist(shared, async |client| {
        let response = client.call(9, &request(partition, batch.clone())).await?;
        let answer = &response.responses[0].partition_responses[0];
        match answer.error_code {
            ErrorCode::NONE => Ok(Some(answer.base_offset)),
            again if shared.is_retriable(again) => Ok(None),
            other => {
                shared.fail(format!(
                    "partition {partition}: batch {next} of producer {producer} is refused: {other}"
                ));
                Ok(Some(-1))
            }
        }
    })
    .await
}

/// A producer whose last answer might have been lost sends its last batch again, and is told the same; then it goes on. So what was remembered
/// of it is right.
pub(super) async fn resume(shared: &Shared, producer: u32) {
    let Some(from) = shared.producers.borrow().get(&producer).cloned() else { return };
    if from.last.is_empty() {
        return;
    }
    let base = send_until_told(shared, producer, from.next, from.partition, &from.last).await;
    if base != from.base {
        let Resumable { partition, base: before, .. } = from;
        shared.fail(format!(
            "partition {partition}: the last batch of producer {producer} was told offset {before}, and sent again {base}"
        ));
        return;
    }
    send_batches(shared, from, 1).await;
}

pub(super) fn request(partition: Partition, batch: Bytes) -> ProduceRequest {
    request_to(TOPIC, partition, batch)
}

pub(super) fn request_to(topic: &str, partition: Partition, batch: Bytes) -> ProduceRequest {
    let mut records = Records::default();
    records.push(batch);
    let data = PartitionProduceData { index: partition, records: Some(records), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

/// Sizes from a few bytes to what is its own preparation; four of these are still within `max.message.bytes`.
pub(super) fn padding() -> usize {
    match random_u64() % 16 {
        0 => 262_100,
        1..=3 => (random_u64() % 40_000) as usize,
        _ => (random_u64() % 3_000) as usize,
    }
}

/// Every fourth batch is compressed, in any of the ways that there are.
fn compression() -> Compression {
    match random_u64() % 16 {
        0 => Compression::Gzip { level: -1 },
        1 => Compression::Snappy,
        2 => Compression::Lz4,
        3 => Compression::Zstd { level: 3 },
        _ => Compression::None,
    }
}

/// A batch of records numbered from `next`, each as much longer than it must be as `padding` says.
pub(super) fn batch_of(sender: Sender, next: u32, count: u32, padding: impl Fn() -> usize) -> Bytes {
    batch_in(compression(), sender, next, count, padding)
}

/// The timestamp of a producer's record of that number.
pub(super) fn time_of(number: u32) -> i64 {
    1_760_000_000_000 + i64::from(number)
}

pub(super) fn batch_in(
    compression: Compression,
    sender: Sender,
    next: u32,
    count: u32,
    padding: impl Fn() -> usize,
) -> Bytes {
    let Sender { producer, id, begun } = sender;
    let fields = ProducerFields {
        id,
        epoch: 0,
        base_sequence: next.wrapping_sub(begun) as i32,
        is_transactional: false,
    };
    let mut builder = BatchBuilder::new(compression).producer(fields);
    for number in next..next + count {
        let mut value = [producer.to_be_bytes(), number.to_be_bytes()].concat();
        value.resize(8 + padding(), number as u8);
        builder.append(time_of(number), None, Some(&value), &[]);
    }
    builder.finish(None)
}

/// Reads a partition from its beginning until `until` says that it is enough, and notes what it is shown.
pub(super) async fn consume(
    shared: Rc<Shared>,
    partition: Partition,
    until: impl Fn(i64) -> bool,
) -> Vec<Sent> {
    let mut log = Vec::new();
    while !until(log.len() as i64) {
        let from = log.len() as i64;
        let (records, watermark) = insist(&shared, async |client| {
            let sent_ns = monotonic_ns();
            let response = client.call(FETCH_VERSION, &fetch(partition, from)).await?;
            let Some(data) = response.responses.first().and_then(|topic| topic.partitions.first()) else {
                return Ok(Some((Bytes::new(), 0)));
            };
            match data.error_code {
                ErrorCode::NONE => {
                    let acknowledged = shared.acknowledged_before(partition, sent_ns);
                    shared.note(is_fresh(partition, data.high_watermark, acknowledged));
                    shared.tell(partition, sent_ns, data.high_watermark);
                    let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
                    Ok(Some((records, data.high_watermark)))
                }
                ErrorCode::OFFSET_OUT_OF_RANGE => {
                    shared.fail(format!(
                        "partition {partition}: offset {from} was shown to exist and is out of range"
                    ));
                    Ok(Some((Bytes::new(), 0)))
                }
                again if shared.is_retriable(again) => Ok(None),
                other => {
                    shared.fail(format!("partition {partition}: offset {from} cannot be read: {other}"));
                    Ok(Some((Bytes::new(), 0)))
                }
            }
        })
        .await;
        if shared.violation.borrow().is_some() {
            break;
        }
        if let Err(reason) = read(&shared.history, partition, records, watermark, &mut log) {
            shared.fail(reason);
            break;
        }
    }
    log
}

pub(super) fn fetch(partition: Partition, from: i64) -> FetchRequest {
    let part =
        FetchPartition { partition, fetch_offset: from, partition_max_bytes: 600_000, ..Default::default() };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![part], ..Default::default() };
    FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

/// Notes what is shown with a watermark: records of the log from its end on, without a gap. What the log has already must be the same.
pub(super) fn read(
    history: &RefCell<History>,
    partition: Partition,
    mut records: Bytes,
    watermark: i64,
    log: &mut Vec<Sent>,
) -> Result<(), String> {
    use logan_storage::batch::Batch;
    while !records.is_empty() {
        let batch = Batch::whole(&records[..first_length(&records, partition)?])
            .map_err(|error| format!("partition {partition} shows a batch that is none: {error}"))?;
        history.borrow_mut().epochs.lead(partition, batch.base_offset(), batch.leader_epoch())?;
        let length = batch.len();
        let bytes = records.split_to(length);
        let mut reader = RecordReader::open(&bytes, MAX_UNPACKED).map_err(|error| error.to_string())?;
        while let Some(placed) = reader.next().map_err(|error| error.to_string())? {
            is_below_watermark(partition, placed.offset, watermark)?;
            let value = placed.record.value.unwrap_or_default();
            let number = |at: usize| u32::from_be_bytes(value[at..at + 4].try_into().expect("four bytes"));
            let sent = Sent { producer: number(0), number: number(4) };
            if let Some(before) = log.get(placed.offset as usize) {
                if *before != sent {
                    let offset = placed.offset;
                    return Err(format!(
                        "offset {offset} of partition {partition} was shown as {before:?} and is {sent:?}"
                    ));
                }
                continue;
            }
            if placed.offset > log.len() as i64 {
                return Err(format!("partition {partition}: offset {} follows {}", placed.offset, log.len()));
            }
            history.borrow_mut().show(partition, placed.offset, sent)?;
            log.push(sent);
        }
    }
    Ok(())
}

fn first_length(records: &Bytes, partition: Partition) -> Result<usize, String> {
    logan_storage::batch::Batch::peek(records, records.len())
        .map_err(|error| format!("partition {partition} shows a batch that is none: {error}"))
}

/// The names of all topics.
pub(super) async fn list_topics(shared: &Shared) -> BTreeSet<String> {
    insist(shared, async |client| {
        let request = MetadataRequest { topics: None::<Vec<MetadataRequestTopic>>, ..Default::default() };
        let response = client.call(9, &request).await?;
        Ok(Some(
            response.topics.iter().filter_map(|topic| topic.name.as_ref().map(ToString::to_string)).collect(),
        ))
    })
    .await
}

/// Everything that the partitions hold.
pub(super) async fn read_all(shared: Rc<Shared>) -> BTreeMap<Partition, Vec<Sent>> {
    let mut logs = BTreeMap::new();
    for partition in 0..shared.partitions {
        let end = end_of(&shared, partition).await;
        logs.insert(partition, consume(shared.clone(), partition, move |at| at >= end).await);
    }
    logs
}

async fn end_of(shared: &Shared, partition: Partition) -> i64 {
    insist(shared, async |client| {
        let sent_ns = monotonic_ns();
        let latest = latest(client, partition).await?;
        if latest.error_code != ErrorCode::NONE {
            return Ok(None);
        }
        shared.tell(partition, sent_ns, latest.offset);
        Ok(Some(latest.offset))
    })
    .await
}

pub(super) async fn latest(
    client: &mut Client,
    partition: Partition,
) -> Result<ListOffsetsPartitionResponse, Lost> {
    at_time(client, partition, -1).await
}

/// The first record that is not older than that.
pub(super) async fn at_time(
    client: &mut Client,
    partition: Partition,
    timestamp: i64,
) -> Result<ListOffsetsPartitionResponse, Lost> {
    let part = ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: TOPIC.into(), partitions: vec![part], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let mut response = client.call(5, &request).await?;
    Ok(response.topics.swap_remove(0).partitions.swap_remove(0))
}

/// Whoever asks for a partition of a directory that is offline is told so, and not that there is none, or that it is empty.
pub(super) async fn expect_offline(shared: &Shared, partition: Partition) {
    let id = new_producer(shared).await;
    let told = insist(shared, async |client| {
        let listed = latest(client, partition).await?.error_code;
        let response = client.call(FETCH_VERSION, &fetch(partition, 0)).await?;
        let fetched = response.responses[0].partitions[0].error_code;
        let batch = batch_of(Sender { producer: u32::MAX, id, begun: 0 }, 0, 1, || 0);
        let response = client.call(9, &request(partition, batch)).await?;
        Ok(Some([listed, fetched, response.responses[0].partition_responses[0].error_code]))
    })
    .await;
    if told != [ErrorCode::KAFKA_STORAGE_ERROR; 3] {
        let told = told.map(|error| error.to_string()).join(", ");
        shared.fail(format!("partition {partition} is offline, and ListOffsets, Fetch, Produce say {told}"));
    }
}

//! Topics that are created, written to, read and deleted, one life after another under a few names.
//!
//! What is checked:
//! - [`Life::take`]: a reader is shown records of the life that it asks for, once and in order, and of no other
//! - [`Life::is_excused`]: a topic is unknown only once its deletion was asked for; when that was answered, it is, by its name and by its id
//! - [`go_on`]: a producer of the life before goes on where it was, as one does that nobody told. The new life does not know it, and Kafka
//!   lets whoever is not known begin with any sequence: what it sends is appended, and not taken for what it sent before
//! - [`check`]: what a life was told to have is there in the end
//! - [`leftovers`]: a disk keeps the directories of topics that there are, and no others

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use logan::model::Uuid;
use logan::protocol::messages::delete_topics::DeleteTopicState;
use logan::protocol::messages::fetch::PartitionData;
use logan::protocol::messages::{DeleteTopicsRequest, FetchRequest};
use logan::protocol::{ErrorCode, Records};
use logan_shards::{Queue, Task, monotonic_ns, random_u64, sleep, spawn};

use super::client::{Client, Lost};
use super::history::{Asked, Existence, History, Partition, Sent};
use super::run::{LONG, Stage};
use super::work::{self, FETCH_VERSION, Sender, Shared};

const NAMES: [&str; 2] = ["side-0", "side-1"];
const PARTITIONS: i32 = 2;
/// Who writes to lives is told apart from other producers, and by its life.
const WRITERS: u32 = 0x4000_0000;
const WRITERS_A_LIFE: u32 = 16;
/// From this version on topics are found by their ids.
const BY_ID: i16 = 13;
/// After so long nothing is left of what was deleted.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    No,
    Asked,
    Answered,
}

/// One topic under its name.
pub(super) struct Life {
    name: &'static str,
    number: u32,
    id: Uuid,
    history: RefCell<History>,
    deletion: Cell<Deletion>,
    /// Producers at work.
    writing: Cell<u32>,
}

/// A producer whose topic is gone, and that does not know it.
#[derive(Clone, Copy)]
struct Orphan {
    id: i64,
    partition: Partition,
    /// Of the first record of its last batch.
    sequence: u32,
    count: u32,
}

/// How often what the checkers are for has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lives {
    /// Topics with acknowledged records that were deleted.
    pub deleted: u32,
    /// Topics under the name of one of those.
    pub again: u32,
    /// Producers that went on in one of those.
    pub orphans: u32,
    /// Deletions while somebody wrote.
    pub interrupted: u32,
}

/// Topics live, each under a name that is free. Without `writes` nothing is in them. Returns those who still read.
pub(super) async fn live(shared: Rc<Shared>, rounds: u32, writes: bool) -> Vec<Task<()>> {
    let mut readers = Vec::new();
    let mut witness = work::connect(&shared).await;
    let mut living: BTreeMap<&str, Rc<Life>> = BTreeMap::new();
    let mut orphans: BTreeMap<&str, Vec<Orphan>> = BTreeMap::new();
    for number in 0..rounds {
        let name = NAMES[(random_u64() % NAMES.len() as u64) as usize];
        if let Some(life) = living.remove(name) {
            delete(&shared, &life, &mut witness).await;
            continue;
        }
        let life = create(&shared, name, number, &mut witness).await;
        shared.lives.borrow_mut().push(life.clone());
        if writes {
            let left = orphans.remove(name).unwrap_or_default();
            readers.extend((0..PARTITIONS).map(|partition| {
                let by_id = random_u64().is_multiple_of(2);
                spawn(Queue::Control, read(shared.clone(), life.clone(), partition, by_id))
            }));
            fill(&shared, &life, left, &mut witness, orphans.entry(name).or_default()).await;
            if life.is_excused() {
                continue;
            }
        }
        living.insert(name, life);
        sleep(Duration::from_millis(random_u64() % 30)).await;
    }
    readers
}

async fn create(shared: &Shared, name: &'static str, number: u32, witness: &mut Client) -> Rc<Life> {
    shared.history.borrow_mut().topics.insert(name.into(), Existence::Unknown);
    let mut request = work::new_topic(name, PARTITIONS);
    let kinds = ["producer", "producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"];
    request.topics[0].configs.push(logan::protocol::messages::create_topics::CreatableTopicConfig {
        name: "compression.type".into(),
        value: Some(kinds[(random_u64() % kinds.len() as u64) as usize].into()),
        ..Default::default()
    });
    let mut attempts = 0;
    let created = work::insist(shared, async |client| {
        attempts += 1;
        let answer = client.call(7, &request).await?.topics.remove(0);
        match answer.error_code {
            ErrorCode::NONE => Ok(Some(Some(answer.topic_id))),
            ErrorCode::TOPIC_ALREADY_EXISTS if attempts > 1 => Ok(Some(None)),
            ErrorCode::TOPIC_ALREADY_EXISTS => {
                shared.fail(format!("topic {name} was deleted, and cannot be created: it exists"));
                Ok(Some(None))
            }
            _ => Ok(None),
        }
    })
    .await;
    let id = match created {
        Some(id) => {
            if !work::is_known(shared, witness, name).await {
                shared.fail(format!(
                    "topic {name} was created, and a shard does not know it when asked after that"
                ));
            }
            id
        }
        None => work::topic_id(shared, name).await,
    };
    shared.history.borrow_mut().topics.insert(name.into(), Existence::Yes);
    Rc::new(Life {
        name,
        number,
        id,
        history: RefCell::default(),
        deletion: Cell::new(Deletion::No),
        writing: Cell::new(0),
    })
}

async fn delete(shared: &Rc<Shared>, life: &Rc<Life>, witness: &mut Client) {
    let name = life.name;
    shared.history.borrow_mut().topics.insert(name.into(), Existence::Unknown);
    life.deletion.set(Deletion::Asked);
    let mut attempts = 0;
    let is_sure = work::insist(shared, async |client| {
        attempts += 1;
        let topic = DeleteTopicState { name: Some(name.into()), ..Default::default() };
        let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
        let error = client.call(6, &request).await?.responses[0].error_code;
        if error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION && attempts == 1 {
            shared.fail(format!("topic {name} was created, and cannot be deleted: it is unknown"));
        }
        // A repeated deletion finds that the first one was carried out.
        let done = matches!(error, ErrorCode::NONE | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        Ok(done.then_some(error == ErrorCode::NONE))
    })
    .await;
    // One that finds the first attempt carried out may find so before all shards do.
    life.deletion.set(Deletion::Answered);
    if is_sure {
        if work::is_known(shared, witness, name).await {
            shared.fail(format!("topic {name} was deleted, and a shard knows it when asked after that"));
        }
        for by_id in [false, true] {
            find_none(shared, life, by_id).await;
        }
    }
    shared.history.borrow_mut().topics.insert(name.into(), Existence::No);
    if life.history.borrow().acknowledged_count() > 0 {
        shared.count_lives(|lives| lives.deleted += 1);
    }
}

/// Producers write to a life, which ends meanwhile, perhaps.
async fn fill(
    shared: &Rc<Shared>,
    life: &Rc<Life>,
    left: Vec<Orphan>,
    witness: &mut Client,
    orphans: &mut Vec<Orphan>,
) {
    if !left.is_empty() {
        shared.count_lives(|lives| lives.again += 1);
    }
    for orphan in left {
        go_on(shared, life, orphan).await;
    }
    life.writing.set(PARTITIONS as u32);
    let writers: Vec<_> = (0..PARTITIONS)
        .map(|partition| spawn(Queue::Control, write(shared.clone(), life.clone(), partition)))
        .collect();
    if random_u64().is_multiple_of(3) {
        sleep(Duration::from_millis(random_u64() % 40)).await;
        if life.writing.get() > 0 {
            shared.count_lives(|lives| lives.interrupted += 1);
        }
        delete(shared, life, witness).await;
    }
    for writer in writers {
        orphans.extend(writer.await);
    }
}

/// Writes a few batches, as a new producer. What is left of it if its topic goes.
async fn write(shared: Rc<Shared>, life: Rc<Life>, partition: Partition) -> Option<Orphan> {
    let sender =
        Sender { producer: life.writer(partition as u32), id: work::new_producer(&shared).await, begun: 0 };
    let mut next = 0;
    let mut orphan = None;
    for _ in 0..2 + random_u64() % 4 {
        let count = 1 + (random_u64() % 3) as u32;
        let Some(_) = send(&shared, &life, partition, sender, next, count).await else { break };
        orphan = Some(Orphan { id: sender.id, partition, sequence: next, count });
        next += count;
    }
    life.writing.set(life.writing.get() - 1);
    orphan
}

/// A producer of the life before sends its last batch again, as far as sequences tell, and goes on.
async fn go_on(shared: &Rc<Shared>, life: &Rc<Life>, orphan: Orphan) {
    let Orphan { id, partition, sequence, count } = orphan;
    // Its records are numbered from 0 again, as those of another producer.
    let producer = life.writer((PARTITIONS + partition) as u32);
    let sender = Sender { producer, id, begun: 0_u32.wrapping_sub(sequence) };
    let Some(base) = send(shared, life, partition, sender, 0, count).await else { return };
    if base != 0 {
        shared.fail(format!(
            "topic {} is new, and what is first sent to partition {partition} is told offset {base}",
            life.name
        ));
    }
    send(shared, life, partition, sender, count, 1).await;
    shared.count_lives(|lives| lives.orphans += 1);
}

/// Sends a batch until it is acknowledged; `None` if its topic was deleted before.
async fn send(
    shared: &Rc<Shared>,
    life: &Life,
    partition: Partition,
    sender: Sender,
    next: u32,
    count: u32,
) -> Option<i64> {
    let batch = work::batch_of(sender, next, count, || (random_u64() % 6_000) as usize);
    let base = work::insist(shared, async |client| {
        let request = work::request_to(life.name, partition, batch.clone());
        let response = client.call(9, &request).await?;
        let answer = &response.responses[0].partition_responses[0];
        match answer.error_code {
            ErrorCode::NONE => Ok(Some(Some(answer.base_offset))),
            again if work::is_retriable(again) => Ok(None),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if life.is_excused() => Ok(Some(None)),
            other => {
                shared
                    .fail(format!("topic {}, partition {partition}: a batch is refused: {other}", life.name));
                Ok(Some(None))
            }
        }
    })
    .await?;
    for at in 0..count {
        let sent = Sent { producer: sender.producer, number: next + at };
        shared.note(life.history.borrow_mut().acknowledge(partition, base + i64::from(at), sent));
    }
    Some(base)
}

/// Reads a partition from its beginning until its topic is gone.
async fn read(shared: Rc<Shared>, life: Rc<Life>, partition: Partition, by_id: bool) {
    let mut client = work::connect(&shared).await;
    let mut log = Vec::new();
    let is_over = || shared.lives_are_over.get() || life.deletion.get() == Deletion::Answered;
    while shared.violation.borrow().is_none() && !is_over() {
        let sent_ns = monotonic_ns();
        let wait_ms = if random_u64().is_multiple_of(4) { 30_000 } else { 300 };
        let data = match life.fetch(&mut client, partition, log.len() as i64, by_id, wait_ms).await {
            Ok(data) => data,
            Err(lost) => {
                shared.lose(lost);
                client = work::connect(&shared).await;
                continue;
            }
        };
        if !by_id && life.deletion.get() == Deletion::Answered {
            // It may be of the next one.
            return;
        }
        match data.error_code {
            ErrorCode::NONE => {
                let asked = Asked { sent_ns, told_ns: monotonic_ns() };
                shared.note(life.take(partition, &data, asked, &mut log));
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID if life.is_excused() => {
                return;
            }
            again if work::is_retriable(again) => sleep(Duration::from_millis(10)).await,
            other => {
                shared.fail(format!("topic {}, partition {partition} cannot be read: {other}", life.name));
            }
        }
    }
}

/// The deletion was answered, and nobody has the name yet: there is no such topic.
async fn find_none(shared: &Shared, life: &Life, by_id: bool) {
    let told = work::insist(shared, async |client| {
        let data = life.fetch(client, 0, 0, by_id, 0).await?;
        Ok((!work::is_retriable(data.error_code)).then_some(data.error_code))
    })
    .await;
    let expected = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
    if told != expected {
        shared.fail(format!("topic {} was deleted, and a fetch after that is told {told}", life.name));
    }
}

impl Life {
    fn writer(&self, of_life: u32) -> u32 {
        WRITERS + self.number * WRITERS_A_LIFE + of_life
    }

    fn is_excused(&self) -> bool {
        self.deletion.get() != Deletion::No
    }

    async fn fetch(
        &self,
        client: &mut Client,
        partition: Partition,
        from: i64,
        by_id: bool,
        max_wait_ms: i32,
    ) -> Result<PartitionData, Lost> {
        let mut request = FetchRequest { max_wait_ms, ..work::fetch(partition, from) };
        (request.topics[0].topic, request.topics[0].topic_id) = (self.name.into(), self.id);
        let version = if by_id { BY_ID } else { FETCH_VERSION };
        let response = client.call(version, &request).await?;
        let data =
            response.responses.into_iter().next().and_then(|topic| topic.partitions.into_iter().next());
        Ok(data.unwrap_or_default())
    }

    /// Takes what a reader was shown.
    fn take(
        &self,
        partition: Partition,
        data: &PartitionData,
        asked: Asked,
        log: &mut Vec<Sent>,
    ) -> Result<(), String> {
        let of_life = |reason| format!("topic {}: {reason}", self.name);
        let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
        let before = log.len();
        self.history.borrow_mut().tell(partition, asked, data.high_watermark).map_err(of_life)?;
        work::read(&self.history, partition, records, data.high_watermark, log).map_err(of_life)?;
        let mine = self.writer(0)..self.writer(WRITERS_A_LIFE);
        if let Some(other) = log[before..].iter().find(|sent| !mine.contains(&sent.producer)) {
            return Err(of_life(format!("{other:?} of another life is shown in life {}", self.number)));
        }
        Ok(())
    }
}

/// What the topics that live in the end hold is what they were told to have.
pub(super) async fn check(shared: &Rc<Shared>) {
    let lives = shared.lives.borrow().clone();
    for life in lives.iter().filter(|life| !life.is_excused()) {
        let mut logs = BTreeMap::new();
        for partition in 0..PARTITIONS {
            logs.insert(partition, read_whole(shared, life, partition).await);
        }
        let checked = life.history.borrow().check(&logs);
        shared.note(checked.map_err(|reason| format!("topic {}: {reason}", life.name)));
    }
}

async fn read_whole(shared: &Rc<Shared>, life: &Life, partition: Partition) -> Vec<Sent> {
    let mut log = Vec::new();
    loop {
        let sent_ns = monotonic_ns();
        let from = log.len() as i64;
        let data: PartitionData = work::insist(shared, async |client| {
            let data = life.fetch(client, partition, from, false, 100).await?;
            Ok((!work::is_retriable(data.error_code)).then_some(data))
        })
        .await;
        if data.error_code != ErrorCode::NONE {
            shared.fail(format!(
                "topic {}, partition {partition} cannot be read: {}",
                life.name, data.error_code
            ));
            return log;
        }
        let asked = Asked { sent_ns, told_ns: monotonic_ns() };
        shared.note(life.take(partition, &data, asked, &mut log));
        let is_all = log.len() as i64 >= data.high_watermark;
        if is_all || shared.violation.borrow().is_some() {
            return log;
        }
    }
}

/// What is on the disks of topics that there are not, once the broker had time.
pub(super) fn leftovers(stage: &Stage, directory: &str) -> Result<(), String> {
    stage.simulation.run_for(IDLE);
    let lives = stage.shared.lives.borrow();
    let living: BTreeMap<String, Uuid> = lives
        .iter()
        .filter(|life| !life.is_excused())
        .flat_map(|life| (0..PARTITIONS).map(|partition| (format!("{}-{partition}", life.name), life.id)))
        .collect();
    let node = stage.broker.node;
    for path in stage.simulation.files(node, directory, false).into_keys() {
        let Some((log, file)) = path.split_once('/').filter(|(log, _)| log.starts_with("side-")) else {
            continue;
        };
        let Some(id) = living.get(log) else {
            return Err(format!("{directory}/{path} is left of a topic that was deleted"));
        };
        let content =
            stage.simulation.content(node, &format!("{directory}/{path}"), false).unwrap_or_default();
        if file == "partition.metadata" && !String::from_utf8_lossy(&content).contains(&id.to_string()) {
            return Err(format!("{directory}/{path} is not that of topic {id}"));
        }
    }
    Ok(())
}

/// Runs [`check`] to its end.
pub(super) fn check_all(stage: &Stage) {
    let shared = stage.shared.clone();
    stage.simulation.block_on(LONG, async move { check(&shared).await });
}

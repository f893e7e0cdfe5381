//! Topics: made before a run, and as a measurement of their own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use logan::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use logan::protocol::messages::describe_configs::DescribeConfigsResource;
use logan::protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use logan::protocol::messages::metadata::MetadataRequestTopic;
use logan::protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, ListOffsetsRequest, MetadataRequest,
};
use logan::protocol::{ErrorCode, Str};

use crate::client::{
    self, Answers, CREATE_TOPICS, ClientError, DELETE_TOPICS, DESCRIBE_CONFIGS, LIST_OFFSETS, METADATA,
    Sender, check,
};
use crate::target::{Layout, Target};

/// Special timestamps of `ListOffsets`.
pub const LATEST: i64 = -1;
pub const EARLIEST: i64 = -2;

/// The setting of a topic that says how large its batches may be.
pub const LARGEST_BATCH: &str = "max.message.bytes";
/// Of `ConfigResource.Type`.
const TOPIC_RESOURCE: i8 = 2;

/// Why there is nothing to say.
pub const INTERRUPTED: &str = "interrupted";

/// How often a topic that was just made is looked for, and how long in between: Kafka takes a while for thousands of partitions.
const LOOKS: usize = 1_200;
const BETWEEN: Duration = Duration::from_millis(50);

#[derive(Args, Clone)]
pub struct Options {
    /// host:port
    #[arg(long, default_value = "127.0.0.1:9092")]
    broker: String,
    /// The topics are called this, `-` and a number.
    #[arg(long, default_value = "created")]
    topic: String,
    /// How many topics there are, each made by a request of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    requests: u32,
    /// Of each topic.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    partitions: i32,
}

/// Creates topics one after the other.
pub fn run(options: Options) -> Result<String, String> {
    on_one_shard(async move || create_all(&options).await)
}

/// Removes the topics of a run.
pub fn remove_all(target: Target) -> Result<String, String> {
    on_one_shard(async move || {
        let (mut sender, mut answers) = client::connect(&target.broker).await?;
        remove(&mut sender, &mut answers, &target.layout().topics).await?;
        Ok(String::new())
    })
}

/// Runs what one connection does, and says what came of it.
pub fn on_one_shard<W, T>(work: W) -> Result<T, String>
where
    W: AsyncFnOnce() -> Result<T, ClientError> + Clone + Send + 'static,
    T: Send + 'static,
{
    let outcome = Arc::new(Mutex::new(Err(INTERRUPTED.to_owned())));
    let result = outcome.clone();
    let machine =
        logan_shards::RealOptions { shards: 1, pin: false, ..logan_shards::RealOptions::standard() };
    logan_shards::run::<()>(machine, move |seat| {
        let (work, result) = (work.clone(), result.clone());
        async move {
            let stop = async {
                while !seat.stop.is_requested() {
                    logan_shards::sleep(BETWEEN).await;
                }
            };
            let made = futures_util::select! {
                made = Box::pin(work()).fuse() => made.map_err(|error| error.to_string()),
                () = Box::pin(stop).fuse() => Err(INTERRUPTED.to_owned()),
            };
            *result.lock().unwrap_or_else(PoisonError::into_inner) = made;
        }
        .boxed_local()
    })
    .map_err(|error| error.to_string())?;
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *outcome, Err(String::new()))
}

async fn create_all(options: &Options) -> Result<String, ClientError> {
    let (mut sender, mut answers) = client::connect(&options.broker).await?;
    let began_ns = logan_shards::monotonic_ns();
    let mut each_ms = Vec::new();
    for number in 0..options.requests {
        let from_ns = logan_shards::monotonic_ns();
        let name = format!("{}-{number}", options.topic);
        match create(&mut sender, &mut answers, &name, options.partitions, &[]).await? {
            ErrorCode::NONE => each_ms.push((logan_shards::monotonic_ns() - from_ns) / 1_000_000),
            error => check(error, || format!("creating {name}"))?,
        }
    }
    let took_ms = (logan_shards::monotonic_ns() - began_ns) / 1_000_000;
    let partitions = i64::from(options.partitions) * i64::from(options.requests);
    Ok(format!(
        "{partitions} partitions in {} requests in {took_ms} ms (each {each_ms:?} ms)",
        options.requests
    ))
}

/// Makes sure that a topic is there with so many partitions, and that each of them can be used. Says whether it was made.
pub async fn ensure(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    partitions: i32,
    settings: &[(String, String)],
) -> Result<bool, ClientError> {
    let is_new = make(sender, answers, name, partitions, settings).await?;
    until_usable(sender, answers, name, partitions).await?;
    Ok(is_new)
}

/// Makes a topic, if there is none of that name yet. One that has other settings is an error.
pub async fn make(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    partitions: i32,
    settings: &[(String, String)],
) -> Result<bool, ClientError> {
    let made = create(sender, answers, name, partitions, settings).await?;
    if made == ErrorCode::TOPIC_ALREADY_EXISTS {
        check_settings(sender, answers, name, settings).await?;
        return Ok(false);
    }
    check(made, || format!("creating {name}"))?;
    Ok(true)
}

/// A topic that is there has these settings.
async fn check_settings(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    settings: &[(String, String)],
) -> Result<(), ClientError> {
    if settings.is_empty() {
        return Ok(());
    }
    let keys = settings.iter().map(|(key, _)| Str::from(key.as_str())).collect();
    let resource = DescribeConfigsResource {
        resource_type: TOPIC_RESOURCE,
        resource_name: name.into(),
        configuration_keys: Some(keys),
        ..DescribeConfigsResource::default()
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    sender.send(DESCRIBE_CONFIGS, &request).await?;
    let answer = answers.next::<DescribeConfigsRequest>(DESCRIBE_CONFIGS).await?;
    let described = answer.results.first();
    let described = described.ok_or_else(|| ClientError::Garbled(format!("nothing about {name}")))?;
    check(described.error_code, || format!("the settings of {name}"))?;
    for (key, wanted) in settings {
        let has = described.configs.iter().find(|config| &*config.name == key.as_str());
        let has = has.and_then(|config| config.value.as_deref());
        let (is, should) = (has.and_then(|has| has.parse::<f64>().ok()), wanted.parse::<f64>().ok());
        let is_right = match (is, should) {
            // There is room for batches that are as large.
            (Some(is), Some(should)) if key == LARGEST_BATCH => is >= should,
            (Some(is), Some(should)) => is.total_cmp(&should).is_eq(),
            _ => has == Some(wanted.as_str()),
        };
        if !is_right {
            return Err(ClientError::Refused(format!(
                "{name} exists with {key}={}, not {wanted}: name another --topic",
                has.unwrap_or_default()
            )));
        }
    }
    Ok(())
}

/// Waits until each partition of a topic has its leader.
pub async fn until_usable(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    partitions: i32,
) -> Result<(), ClientError> {
    for _ in 0..LOOKS {
        if is_usable(sender, answers, name, partitions).await? {
            return Ok(());
        }
        logan_shards::sleep(BETWEEN).await;
    }
    Err(ClientError::Refused(format!("{name} has partitions without a leader")))
}

async fn create(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    num_partitions: i32,
    settings: &[(String, String)],
) -> Result<ErrorCode, ClientError> {
    let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
        name: name.as_str().into(),
        value: Some(value.as_str().into()),
        ..CreatableTopicConfig::default()
    });
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: 1,
        configs: configs.collect(),
        ..CreatableTopic::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..CreateTopicsRequest::default() };
    sender.send(CREATE_TOPICS, &request).await?;
    let answer = answers.next::<CreateTopicsRequest>(CREATE_TOPICS).await?;
    let result = answer.topics.first();
    result
        .map(|result| result.error_code)
        .ok_or_else(|| ClientError::Garbled(format!("nothing about {name}")))
}

async fn is_usable(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    partitions: i32,
) -> Result<bool, ClientError> {
    let wanted = MetadataRequestTopic { name: Some(Str::from(name)), ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(vec![wanted]),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    sender.send(METADATA, &request).await?;
    let answer = answers.next::<MetadataRequest>(METADATA).await?;
    let Some(topic) = answer.topics.first().filter(|topic| topic.error_code == ErrorCode::NONE) else {
        return Ok(false);
    };
    let there = topic.partitions.len();
    if there != partitions as usize && there > 0 {
        return Err(ClientError::Refused(format!(
            "{name} exists with {there} partitions, not {partitions}: name another --topic"
        )));
    }
    let leaders: BTreeSet<i32> = topic.partitions.iter().map(|partition| partition.leader_id).collect();
    if leaders.len() > 1 && !leaders.contains(&-1) {
        return Err(ClientError::Refused(format!(
            "{name} is led by {} brokers, and this program speaks to one: it measures a broker, not a cluster",
            leaders.len()
        )));
    }
    Ok(there > 0 && topic.partitions.iter().all(|partition| partition.error_code == ErrorCode::NONE))
}

/// Removes topics. One that is gone already is no error.
pub async fn remove(sender: &mut Sender, answers: &mut Answers, names: &[Str]) -> Result<(), ClientError> {
    let request = DeleteTopicsRequest {
        topic_names: names.to_vec(),
        timeout_ms: 60_000,
        ..DeleteTopicsRequest::default()
    };
    sender.send(DELETE_TOPICS, &request).await?;
    let answer = answers.next::<DeleteTopicsRequest>(DELETE_TOPICS).await?;
    for result in &answer.responses {
        if result.error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
            check(result.error_code, || format!("removing {}", result.name.as_deref().unwrap_or("a topic")))?;
        }
    }
    Ok(())
}

/// The end of each partition.
pub async fn ends_of_all(
    sender: &mut Sender,
    answers: &mut Answers,
    layout: &Layout,
) -> Result<Vec<i64>, ClientError> {
    let all: Vec<usize> = (0..layout.slots()).collect();
    // Metadata may name a leader that is about to become one.
    for _ in 0..LOOKS {
        match offsets(sender, answers, layout, &all, LATEST).await {
            Err(ClientError::NotYet(_)) => logan_shards::sleep(BETWEEN).await,
            ends => return ends,
        }
    }
    Err(ClientError::Refused("there are partitions without a leader".to_owned()))
}

/// The earliest or latest offset of each of these slots, in their order.
pub async fn offsets(
    sender: &mut Sender,
    answers: &mut Answers,
    layout: &Layout,
    slots: &[usize],
    timestamp: i64,
) -> Result<Vec<i64>, ClientError> {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for slot in slots {
        let (topic, partition_index) = layout.place(*slot);
        let asked = ListOffsetsPartition { partition_index, timestamp, ..ListOffsetsPartition::default() };
        if let Some(last) = topics.last_mut().filter(|last| last.name == *topic) {
            last.partitions.push(asked);
        } else {
            let name = topic.clone();
            topics.push(ListOffsetsTopic { name, partitions: vec![asked], ..ListOffsetsTopic::default() });
        }
    }
    let request = ListOffsetsRequest { replica_id: -1, topics, ..ListOffsetsRequest::default() };
    sender.send(LIST_OFFSETS, &request).await?;
    let answer = answers.next::<ListOffsetsRequest>(LIST_OFFSETS).await?;
    let mut found = vec![None; layout.slots()];
    for topic in &answer.topics {
        for part in &topic.partitions {
            let index = part.partition_index;
            check(part.error_code, || format!("the offsets of {}-{index}", &*topic.name))?;
            if let Some(slot) = layout.slot(&topic.name, index) {
                found[slot] = Some(part.offset);
            }
        }
    }
    let of = |slot: &usize| {
        let (topic, partition) = layout.place(*slot);
        found[*slot].ok_or_else(|| ClientError::Garbled(format!("nothing about {}-{partition}", &**topic)))
    };
    slots.iter().map(of).collect()
}

//! Topics: made before a run, and as a measurement of their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use logan::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use logan::protocol::messages::metadata::MetadataRequestTopic;
use logan::protocol::messages::{CreateTopicsRequest, MetadataRequest};
use logan::protocol::{ErrorCode, Str};

use crate::client::{self, Answers, CREATE_TOPICS, ClientError, METADATA, Sender, check};

/// How often a topic that was just made is looked for, and how long in between.
pub const LOOKS: usize = 200;
pub const BETWEEN: Duration = Duration::from_millis(50);

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

/// Runs what one connection does, and says what came of it.
pub fn on_one_shard<W>(work: W) -> Result<String, String>
where
    W: AsyncFnOnce() -> Result<String, ClientError> + Clone + Send + 'static,
{
    let outcome = Arc::new(Mutex::new(Ok(String::new())));
    let result = outcome.clone();
    let machine =
        logan_shards::RealOptions { shards: 1, pin: false, ..logan_shards::RealOptions::standard() };
    logan_shards::run::<()>(machine, move |_seat| {
        let (work, result) = (work.clone(), result.clone());
        async move {
            let made = work().await.map_err(|error| error.to_string());
            *result.lock().unwrap_or_else(PoisonError::into_inner) = made;
        }
        .boxed_local()
    })
    .map_err(|error| error.to_string())?;
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *outcome, Ok(String::new()))
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

/// Makes sure that a topic is there with so many partitions, and that each of them can be used.
pub async fn ensure(
    sender: &mut Sender,
    answers: &mut Answers,
    name: &str,
    partitions: i32,
    settings: &[(String, String)],
) -> Result<(), ClientError> {
    match create(sender, answers, name, partitions, settings).await? {
        ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS => {}
        error => check(error, || format!("creating {name}"))?,
    }
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
    Ok(there > 0 && topic.partitions.iter().all(|partition| partition.error_code == ErrorCode::NONE))
}

//! How long a broker takes from its start to its first answers, and whether what it acknowledged before is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logan::protocol::messages::FetchRequest;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};

use crate::brokers::Running;
use crate::client::{self, Answers, ClientError, FETCH, Sender, check};
use crate::figures::Restart;
use crate::target::Layout;
use crate::topic::{self, EARLIEST};

/// Between two attempts to connect, or to find a partition's leader.
const AGAIN: Duration = Duration::from_millis(1);
/// Between two looks at whether the broker's process is there.
const LOOK: Duration = Duration::from_millis(5);
/// How long a broker may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a broker had acknowledged before it was stopped or killed.
#[derive(Debug, Clone)]
pub struct Before {
    pub layout: Layout,
    pub records: u64,
    /// Where each partition ends, at least.
    pub ends: Vec<i64>,
}

/// Starts a broker that was stopped or killed, and asks it for what it had.
pub fn time(running: &mut Running, before: &Before) -> Result<Restart, String> {
    let (address, of_question, is_gone) = (running.address.clone(), before.clone(), AtomicBool::new(false));
    let is_gone = Arc::new(is_gone);
    let gone = is_gone.clone();
    let began = Instant::now();
    running.start_again()?;
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            topic::on_one_shard(async move || asked(&address, &of_question, began, &gone).await)
        });
        while !asking.is_finished() {
            is_gone.store(running.has_ended(), Ordering::Relaxed);
            std::thread::sleep(LOOK);
        }
        let outcome = asking.join().map_err(|_| "whoever asks the broker panicked".to_owned())?;
        outcome.map_err(|error| format!("{error}{}", running.last_words()))
    })
}

async fn asked(
    address: &str,
    before: &Before,
    began: Instant,
    is_gone: &AtomicBool,
) -> Result<Restart, ClientError> {
    let Before { layout, records, ends } = before;
    let ms = || began.elapsed().as_secs_f64() * 1e3;
    let (mut sender, mut answers) = loop {
        let connected = client::connect(address).await;
        if is_gone.load(Ordering::Relaxed) {
            return Err(ClientError::Refused("the broker ended".to_owned()));
        }
        match connected {
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            // It listens, and ends the connection, or does not listen.
            Err(ClientError::Network(_) | ClientError::Closed) => logan_shards::sleep(AGAIN).await,
            connected => break connected?,
        }
    };
    let listening_ms = ms();
    let all: Vec<usize> = (0..layout.slots()).collect();
    let found = loop {
        match topic::offsets(&mut sender, &mut answers, layout, &all, topic::LATEST).await {
            Err(ClientError::NotYet(_)) if began.elapsed() < PATIENCE => logan_shards::sleep(AGAIN).await,
            ends => break ends?,
        }
    };
    let ready_ms = ms();
    for (slot, (found, acknowledged)) in found.iter().zip(ends).enumerate() {
        if found < acknowledged {
            let (topic, partition) = layout.place(slot);
            return Err(ClientError::Refused(format!(
                "{}-{partition} ends at {found}, and was acknowledged to {acknowledged}: records were lost",
                &**topic
            )));
        }
    }
    let filled = found.iter().position(|end| *end > 0);
    let first_fetch_ms = match filled {
        Some(slot) => {
            first_record(&mut sender, &mut answers, layout, slot).await?;
            Some(ms())
        }
        None => None,
    };
    let found = found.iter().sum::<i64>() as u64;
    Ok(Restart { listening_ms, ready_ms, first_fetch_ms, acknowledged: *records, found })
}

/// Reads the beginning of a partition that holds something.
async fn first_record(
    sender: &mut Sender,
    answers: &mut Answers,
    layout: &Layout,
    slot: usize,
) -> Result<(), ClientError> {
    let earliest = topic::offsets(sender, answers, layout, &[slot], EARLIEST).await?;
    let (topic, partition) = layout.place(slot);
    let part = FetchPartition {
        partition,
        fetch_offset: earliest[0],
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let asked = FetchTopic { topic: topic.clone(), partitions: vec![part], ..FetchTopic::default() };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![asked],
        ..FetchRequest::default()
    };
    sender.send(FETCH, &request).await?;
    let answer = answers.next::<FetchRequest>(FETCH).await?;
    let part = answer.responses.first().and_then(|topic| topic.partitions.first());
    let part = part.ok_or_else(|| ClientError::Garbled("an answer about nothing".to_owned()))?;
    check(part.error_code, || format!("fetching {}-{partition}", &**topic))?;
    if part.records.as_ref().is_none_or(logan::protocol::Records::is_empty) {
        return Err(ClientError::Garbled(format!("{}-{partition} has records and sent none", &**topic)));
    }
    Ok(())
}

//! How long a broker takes from its start to its first answers, and whether what it acknowledged before is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logan::protocol::messages::FetchRequest;
use logan::protocol::messages::fetch::{FetchPartition, FetchTopic};

use crate::brokers::Running;
use crate::child::Watch;
use crate::client::{self, Answers, ClientError, FETCH, Sender, check};
use crate::figures::Restart;
use crate::target::Layout;
use crate::topic::{self, EARLIEST, INTERRUPTED, LATEST};

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
pub fn time(running: &mut Running, before: &Before, watch: &Watch) -> Result<Restart, String> {
    let (address, of_question) = (running.address.clone(), before.clone());
    let (is_over, is_done) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let told = is_over.clone();
    let began = Instant::now();
    running.start_again()?;
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                is_over.store(running.has_ended() || watch.is_interrupted(), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        let asking =
            async move || Question { address, before: of_question, began, is_over: told }.ask().await;
        let outcome = topic::on_one_shard(asking);
        is_done.store(true, Ordering::Relaxed);
        outcome
    });
    match outcome {
        Err(error) if watch.is_interrupted() || error == INTERRUPTED => Err(INTERRUPTED.to_owned()),
        Err(error) => Err(format!("{error}{}", running.last_words())),
        Ok(restart) => Ok(restart),
    }
}

/// What a broker is asked that was just started.
struct Question {
    address: String,
    before: Before,
    began: Instant,
    /// The broker's process has ended, or somebody wants this to end.
    is_over: Arc<AtomicBool>,
}

impl Question {
    fn ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1e3
    }

    async fn ask(self) -> Result<Restart, ClientError> {
        let Before { layout, records, ends } = &self.before;
        let (mut listening_ms, mut connection) = (None, None);
        let all: Vec<usize> = (0..layout.slots()).collect();
        let (mut sender, mut answers, found) = loop {
            let (mut sender, mut answers) = match connection.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            listening_ms.get_or_insert(self.ms());
            match topic::offsets(&mut sender, &mut answers, layout, &all, LATEST).await {
                Ok(found) => break (sender, answers, found),
                Err(ClientError::NotYet(_)) => connection = Some((sender, answers)),
                // What it still owes is not waited for: it is asked on another connection.
                Err(ClientError::Network(_) | ClientError::Closed | ClientError::Silent) => {}
                Err(error) => return Err(error),
            }
            self.pause().await?;
        };
        let ready_ms = self.ms();
        for (slot, (found, acknowledged)) in found.iter().zip(ends).enumerate() {
            if found < acknowledged {
                let (topic, partition) = layout.place(slot);
                return Err(ClientError::Refused(format!(
                    "{}-{partition} ends at {found}, and was acknowledged to {acknowledged}: records were lost",
                    &**topic
                )));
            }
        }
        let mut first_fetch_ms = None;
        if let Some(slot) = found.iter().position(|end| *end > 0) {
            first_record(&mut sender, &mut answers, layout, slot).await?;
            first_fetch_ms = Some(self.ms());
        }
        Ok(Restart {
            listening_ms: listening_ms.unwrap_or(ready_ms),
            ready_ms,
            first_fetch_ms,
            acknowledged: *records,
            found: found.iter().sum::<i64>() as u64,
        })
    }

    async fn connect(&self) -> Result<(Sender, Answers), ClientError> {
        loop {
            match client::connect(&self.address).await {
                // Nobody listens, or whoever does ends the connection or says nothing.
                Err(ClientError::Network(_) | ClientError::Closed | ClientError::Silent) => {
                    self.pause().await?;
                }
                connected => return connected,
            }
        }
    }

    /// A moment, if there is hope left.
    async fn pause(&self) -> Result<(), ClientError> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(ClientError::Refused("the broker ended".to_owned()));
        }
        if self.began.elapsed() > PATIENCE {
            let minutes = PATIENCE.as_secs() / 60;
            return Err(ClientError::Refused(format!("the broker was not ready within {minutes} minutes")));
        }
        logan_shards::sleep(AGAIN).await;
        Ok(())
    }
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

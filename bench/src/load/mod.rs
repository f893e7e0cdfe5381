//! A load: producers, consumers, or both at a time, on the topics of one broker.
//!
//! Connections are divided among the client's shards. What producers will send is made before the run, so that consumers know every
//! batch again ([`crate::verify`]).

pub mod consume;
mod flights;
pub mod produce;
#[cfg(feature = "rdkafka")]
mod rdkafka;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use logan::protocol::Str;
use logan_shards::{self as shards, RealOptions, Seat};

use self::consume::Consuming;
use self::flights::Flights;
use self::produce::Producing;
use crate::client::{self, ClientError};
use crate::figures::{Measured, Meter, Run};
use crate::payload::{self, Batch};
use crate::target::{Client, Layout, Target};
use crate::topic;
use crate::verify::{Ambiguous, Known};

/// How long a broker may owe answers after the run.
pub const DRAIN: Duration = Duration::from_secs(30);
/// Kafka's default of `max.message.bytes`.
const MAX_MESSAGE_BYTES: usize = 1_048_588;
/// Other bytes are tried for producers whose batches could be taken for another's.
const ATTEMPTS: u64 = 16;

#[derive(Clone)]
pub struct Load {
    pub target: Target,
    pub producing: Option<Producing>,
    pub consuming: Option<Consuming>,
}

/// A load, and what is made for it before it runs.
pub struct Prepared {
    pub target: Target,
    pub producing: Option<Producing>,
    pub consuming: Option<Consuming>,
    pub layout: Layout,
    /// Of each producing connection.
    batches: Vec<Vec<Batch>>,
    known: Option<Arc<Known>>,
    flights: Flights,
    /// Where each partition ended before anything was produced.
    begins: OnceLock<Vec<i64>>,
}

/// Runs a load, and says what was measured.
pub fn run(load: Load) -> Result<Measured, String> {
    let is_end_to_end = load.producing.is_some() && load.consuming.is_some();
    load.target.check_client(is_end_to_end)?;
    let prepared = Arc::new(Prepared::of(load)?);
    let producers = prepared.producing.as_ref().map(|producing| u32::from(producing.connections));
    let consumers = prepared.consuming.as_ref().map(|consuming| u32::from(consuming.consumers));
    let all = producers.unwrap_or(0) + consumers.unwrap_or(0);
    // Consumers beside producers have nothing to do that ends by itself.
    let run = Run::new(prepared.target.times(all, producers.or(consumers).unwrap_or(0)));
    let shards = prepared.target.client_shards;
    let rate = prepared.producing.as_ref().and_then(|producing| producing.rate);
    let machine = RealOptions { shards, pin: false, ..RealOptions::standard() };
    let of_run = run.clone();
    shards::run::<()>(machine, move |seat| on_shard(seat, prepared.clone(), of_run.clone()).boxed_local())
        .map_err(|error| error.to_string())?;
    run.measured().map(|measured| Measured { rate, ..measured })
}

impl Prepared {
    fn of(load: Load) -> Result<Self, String> {
        let Load { target, producing, consuming } = load;
        let layout = target.layout();
        if let Some(consuming) = &consuming {
            consuming.check(layout.slots())?;
        }
        let mut known = Known::default();
        let mut batches = Vec::new();
        if let Some(producing) = &producing
            && target.client == Client::Own
        {
            producing.check(target.client_shards, layout.slots())?;
            let now_ms = wall_clock_ms();
            for number in 0..u64::from(producing.connections) {
                batches.push(
                    batches_of(producing, number, now_ms, &mut known).map_err(|error| error.to_string())?,
                );
            }
        }
        let follows = consuming.as_ref().is_some_and(|consuming| consuming.end_to_end);
        let flights = Flights::new(if follows { batches.len() } else { 0 }, layout.slots());
        let known = (!batches.is_empty()).then(|| Arc::new(known));
        Ok(Self { target, producing, consuming, layout, batches, known, flights, begins: OnceLock::new() })
    }
}

impl Prepared {
    /// Settings of topics that are made: those that were asked for, and room for batches that are larger than what Kafka takes by itself.
    fn settings(&self, producing: &Producing) -> Vec<(String, String)> {
        let mut settings = producing.topic_config.clone();
        let largest = self.batches.iter().flatten().map(|batch| batch.bytes.len()).max().unwrap_or(0);
        if largest > MAX_MESSAGE_BYTES && settings.iter().all(|(name, _)| name != topic::LARGEST_BATCH) {
            settings.push((topic::LARGEST_BATCH.to_owned(), largest.to_string()));
        }
        settings
    }
}

/// A producer's batches, of which none can be taken for another's.
fn batches_of(
    producing: &Producing,
    number: u64,
    now_ms: i64,
    known: &mut Known,
) -> Result<Vec<Batch>, Ambiguous> {
    let mut outcome = Err(Ambiguous);
    for attempt in 0..ATTEMPTS {
        let batches = payload::batches(producing.recipe(number * ATTEMPTS + attempt), now_ms);
        match known.add(batches.iter().map(|batch| &batch.bytes[..])) {
            Ok(_) => return Ok(batches),
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

fn wall_clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

async fn on_shard(seat: Seat<()>, prepared: Arc<Prepared>, run: Run) {
    let leads = seat.shard.0 == 0;
    let mut made = Vec::new();
    if leads {
        lead(&prepared, &run, &mut made).await;
    } else {
        run.until_begun().await;
    }
    if !run.has_ended() {
        take_part(&seat, &prepared, &run).await;
    }
    if leads
        && !made.is_empty()
        && !prepared.producing.as_ref().is_some_and(|producing| producing.keep_topics)
    {
        remove(&prepared, &run, &made).await;
    }
}

/// This shard's connections, from the run's beginning to its end.
async fn take_part(seat: &Seat<()>, prepared: &Arc<Prepared>, run: &Run) {
    let leads = seat.shard.0 == 0;
    let meter = Meter::new(run);
    let mine = |count: u16| (0..count).filter(|number| number % seat.shards == seat.shard.0);
    let is_own = prepared.target.client == Client::Own;
    let producers = mine(if is_own { prepared.producing.as_ref().map_or(0, |p| p.connections) } else { 0 });
    let producers = producers.map(|number| produce::drive(prepared, meter.clone(), number));
    let consumers = mine(if is_own { prepared.consuming.as_ref().map_or(0, |c| c.consumers) } else { 0 });
    let consumers = consumers.map(|number| consume::follow(prepared, meter.clone(), number));
    #[cfg(feature = "rdkafka")]
    let librdkafka = (leads && !is_own).then(|| rdkafka::begin(prepared, run));
    let timed = async {
        if leads {
            run.keep_time(&seat.stop).await;
            prepared.flights.wake();
        }
    };
    futures_util::join!(timed, join_all(producers), join_all(consumers));
    #[cfg(feature = "rdkafka")]
    for thread in librdkafka.into_iter().flatten() {
        if thread.join().is_err() {
            run.fail("librdkafka's thread panicked".to_owned());
        }
    }
    meter.add_to_run();
    if leads && prepared.producing.is_some() && !run.has_failed() {
        check_growth(prepared, run).await;
    }
}

/// Makes the topics, tells which were not there, and counts what is in them. What is only read must be there.
async fn lead(prepared: &Prepared, run: &Run, made: &mut Vec<Str>) {
    let before = async {
        let (mut sender, mut answers) = client::connect(&prepared.target.broker).await?;
        if let Some(producing) = &prepared.producing {
            let settings = &prepared.settings(producing);
            for name in &prepared.layout.topics {
                // What was made is removed even if it cannot be used.
                if topic::make(&mut sender, &mut answers, name, prepared.layout.partitions, settings).await? {
                    made.push(name.clone());
                }
                topic::until_usable(&mut sender, &mut answers, name, prepared.layout.partitions).await?;
            }
            return topic::ends_of_all(&mut sender, &mut answers, &prepared.layout).await;
        }
        Ok::<_, ClientError>(Vec::new())
    };
    match before.await {
        Ok(ends) => run.begin(prepared.begins.get_or_init(|| ends).iter().sum::<i64>() as u64),
        Err(error) => run.fail(error.to_string()),
    }
}

/// Removes the topics that this run made.
async fn remove(prepared: &Prepared, run: &Run, made: &[Str]) {
    let removed = async {
        let (mut sender, mut answers) = client::connect(&prepared.target.broker).await?;
        topic::remove(&mut sender, &mut answers, made).await
    };
    if let Err(error) = removed.await {
        run.cut_short(format!("the topics that were made could not be removed: {error}"));
    }
}

/// What was acknowledged must be there, and nothing else. Of a run that was cut short some answers may be missing: then there may be more.
async fn check_growth(prepared: &Prepared, run: &Run) {
    let connections = prepared.producing.as_ref().map_or(0, |producing| producing.connections);
    let drained = run.until_drained(connections, DRAIN).await;
    let end = async {
        let (mut sender, mut answers) = client::connect(&prepared.target.broker).await?;
        topic::ends_of_all(&mut sender, &mut answers, &prepared.layout).await
    };
    let end = match end.await {
        Ok(ends) => ends.iter().sum::<i64>(),
        Err(error) => return run.cut_short(format!("what was acknowledged could not be counted: {error}")),
    };
    let (before, acknowledged) = run.records();
    let grown = i128::from(end) - i128::from(before);
    let is_whole = drained.is_ok();
    if grown < i128::from(acknowledged) || (is_whole && grown > i128::from(acknowledged)) {
        run.fail(format!(
            "{acknowledged} records were acknowledged, but the topics grew by {grown}: somebody else writes to them, or records were lost or \
             doubled"
        ));
    } else if let Err(error) = drained {
        run.cut_short(error);
    } else {
        run.has_grown();
    }
}

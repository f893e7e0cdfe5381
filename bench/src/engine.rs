//! Logan's log engine by itself, closed loop: `in_flight` appends a shard, each waiting for its acknowledgement.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::join_all;
use futures_util::lock::Mutex as Turn;
use logan::broker::disk::{LogDirectory, ShardHost};
use logan::protocol::records::Compression;
use logan_shards::{self as shards, Directory, RealOptions, Seat};
use logan_storage::{
    Append, AppendError, FailedMark, Log, LogConfig, LogKey, Mutations, Offsets, OpenOptions, Volume,
    VolumeConfig, VolumePart, open_directory,
};

use crate::figures::{Direction, End, Meter, Request, Run, Times};
use crate::payload::{self, Batch, Payload, Recipe, Sizes, parse_size};

/// What a record's value has; the engine does not look inside batches.
const RECORD_BYTES: usize = 1024;
const SEGMENT_BYTES: u32 = 1 << 30;
/// Different batches.
const VARIANTS: u16 = 8;

#[derive(Args, Clone)]
pub struct Options {
    /// An empty or new directory on the file system that is measured; what is written there stays.
    #[arg(long)]
    dir: String,
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    partitions: i32,
    /// Bytes of a batch. `16k`, `1m` are understood.
    #[arg(long, default_value = "16k", value_parser = parse_size)]
    batch: usize,
    /// Appends in flight on each shard.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    in_flight: u16,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm_up: u64,
    /// By default one for each core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    shards: Option<u16>,
    /// `logan.ack.sync=false`: an acknowledgement follows the write, not the flush.
    #[arg(long)]
    no_sync: bool,
    #[arg(long, default_value = "64m", value_parser = parse_size)]
    write_buffer: usize,
}

/// The parts of the opened directory, until their shards have taken them.
type Parts = Arc<Mutex<Vec<Option<VolumePart>>>>;

/// Runs, and says what was measured.
pub fn run(options: &Options) -> Result<String, String> {
    // The engine runs in this process.
    let broker = Some(std::process::id());
    let run = Run::new(Times {
        warm_up: options.warm_up,
        seconds: options.seconds,
        end: End::Time,
        connections: 0,
        broker,
    });
    let mut machine = RealOptions::standard();
    machine.shards = options.shards.unwrap_or(machine.shards);
    let (shared, of_run, parts) = (Arc::new(options.clone()), run.clone(), Parts::default());
    shards::run::<()>(machine, move |seat| {
        let (options, run, parts) = (shared.clone(), of_run.clone(), parts.clone());
        async move {
            if let Err(error) = on_shard(&seat, &options, &run, &parts).await {
                run.fail(error);
            }
        }
        .boxed_local()
    })
    .map_err(|error| error.to_string())?;
    Ok(run.measured()?.to_string())
}

async fn on_shard(seat: &Seat<()>, options: &Options, run: &Run, parts: &Parts) -> Result<(), String> {
    if seat.shard.0 == 0 {
        let opened = open(options, seat.shards).await?;
        *parts.lock().unwrap_or_else(PoisonError::into_inner) = opened.into_iter().map(Some).collect();
        run.begin(0);
    } else {
        run.until_begun().await;
    }
    let place = usize::from(seat.shard.0);
    let part = parts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place).and_then(Option::take);
    let Some(part) = part else { return Ok(()) };
    let driven = Driven::start(seat, options, part).await?;
    run.drained();
    if seat.shard.0 == 0 {
        // Nobody begins before everybody has its logs.
        run.until_drained(seat.shards, Duration::from_mins(5)).await?;
    }
    let meter = Meter::new(run);
    let recipe = Recipe {
        record: Sizes::of(RECORD_BYTES.min(options.batch)),
        batch_bytes: options.batch,
        batch_records: u32::MAX,
        keys: 0,
        payload: Payload::Noise,
        compression: Compression::None,
        variants: VARIANTS,
        seed: 0,
    };
    let batches = Rc::new(payload::batches(recipe, shards::wall_clock_ms()));
    let loops = (0..options.in_flight)
        .map(|number| driven.clone().append_all(meter.clone(), batches.clone(), number));
    let timed = async {
        if seat.shard.0 == 0 {
            run.keep_time(&seat.stop).await;
        }
    };
    let ((), outcomes) = futures_util::join!(timed, join_all(loops));
    meter.add_to_run();
    for error in outcomes.into_iter().filter_map(Result::err) {
        run.fail(error.to_string());
    }
    driven.volume.stop().await.map_err(|error| error.to_string())?;
    Ok(())
}

async fn open(options: &Options, shards: u16) -> Result<Vec<VolumePart>, String> {
    let directory = Directory::open(&options.dir).await.map_err(|error| error.to_string())?;
    directory.lock().await.map_err(|error| error.to_string())?;
    let owner = Rc::new(move |key: &LogKey| (key.partition % i32::from(shards)) as u16);
    let open = OpenOptions {
        shards,
        owner,
        accept_loss: false,
        max_batch_bytes: 1 << 30,
        hang_after: Duration::from_secs(30),
        mutations: Mutations::default(),
    };
    let opened = open_directory(Rc::new(LogDirectory::new(directory)), Rc::new(ShardHost), open).await;
    let opened = opened.map_err(|error| format!("{}: {error}", options.dir))?;
    if opened.report.logs > 0 {
        return Err(format!("{} has logs already: name an empty --dir", options.dir));
    }
    Ok(opened.parts)
}

/// A shard's volume under load.
struct Driven {
    volume: Rc<Volume>,
    logs: Vec<Loaded>,
}

struct Loaded {
    log: Rc<Log>,
    /// Held by who appends, since nobody else may while room is reserved.
    turn: Turn<()>,
    waiting: RefCell<VecDeque<(i64, oneshot::Sender<()>)>>,
}

impl Driven {
    async fn start(seat: &Seat<()>, options: &Options, part: VolumePart) -> Result<Rc<Self>, String> {
        let directory = Directory::open(&options.dir).await.map_err(|error| error.to_string())?;
        let config = VolumeConfig {
            ack_sync: !options.no_sync,
            write_buffer_bytes: options.write_buffer,
            cache_bytes: 64 << 20,
            recovery_bytes: 256 << 20,
            max_batch_bytes: 1 << 30,
            hang_after: Duration::from_secs(30),
            close_after: Duration::from_mins(1),
            max_spares: usize::MAX,
            mutations: Mutations::default(),
        };
        let log_config = LogConfig {
            segment_bytes: SEGMENT_BYTES,
            segment_ms: i64::MAX,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            flush_messages: u64::MAX,
            flush_ms: i64::MAX,
            producer_expiration_ms: 86_400_000,
        };
        let directory = Rc::new(LogDirectory::new(directory));
        let (host, failed) = (Rc::new(ShardHost), Arc::new(FailedMark::default()));
        let of_log = |_: &LogKey| log_config.clone();
        let volume = Volume::start(directory, host, part, config, &of_log, failed)
            .await
            .map_err(|error| error.to_string())?;
        let mine =
            (0..options.partitions).filter(|index| index % i32::from(seat.shards) == i32::from(seat.shard.0));
        let keys = mine.map(|partition| {
            (LogKey { topic: "bench".to_owned(), topic_id: [1; 16], partition }, log_config.clone())
        });
        let logs = volume.create_logs(keys.collect()).await.map_err(|error| error.to_string())?;
        if logs.is_empty() {
            return Err(format!("shard {} has no partition: ask for more --partitions", seat.shard));
        }
        let loaded =
            logs.into_iter().map(|log| Loaded { log, turn: Turn::new(()), waiting: RefCell::default() });
        let driven = Rc::new(Self { volume, logs: loaded.collect() });
        let (of_hook, shards) = (Rc::downgrade(&driven), i32::from(seat.shards));
        driven.volume.set_settled_hook(Rc::new(move |log| {
            if let Some(driven) = of_hook.upgrade() {
                driven.logs[(log.key().partition / shards) as usize].on_settled();
            }
        }));
        Ok(driven)
    }

    async fn append_all(
        self: Rc<Self>,
        meter: Meter,
        batches: Rc<Vec<Batch>>,
        number: u16,
    ) -> Result<(), AppendError> {
        let mut turn = usize::from(number);
        while !meter.run().has_ended() {
            turn += 1;
            let loaded = &self.logs[(turn * usize::from(number | 1)) % self.logs.len()];
            let batch = &batches[turn % batches.len()];
            let from_ns = shards::monotonic_ns();
            loaded.append(&batch.bytes).await?;
            let (bytes, records) = (batch.bytes.len() as u64, u64::from(batch.records));
            meter.count(Request { direction: Direction::Produced, step_ns: None, bytes, records }, from_ns);
        }
        Ok(())
    }
}

impl Loaded {
    /// Appends and waits for the acknowledgement.
    async fn append(&self, batches: &[u8]) -> Result<(), AppendError> {
        let append = Append { batches, offsets: Offsets::Assign { leader_epoch: 0 } };
        let appended = {
            let _mine = self.turn.lock().await;
            loop {
                match self.log.append(&append) {
                    Ok(appended) => break appended,
                    Err(AppendError::MustWait) => self.log.reserve(batches.len()).await?,
                    Err(error) => return Err(error),
                }
            }
        };
        if self.log.ends().settled >= appended.log_end {
            return Ok(());
        }
        let (settled, told) = oneshot::channel();
        self.waiting.borrow_mut().push_back((appended.log_end, settled));
        told.await.map_err(|_| AppendError::Failed)
    }

    fn on_settled(&self) {
        let settled = self.log.ends().settled;
        let mut waiting = self.waiting.borrow_mut();
        while waiting.front().is_some_and(|(end, _)| *end <= settled) {
            if let Some((_, told)) = waiting.pop_front() {
                // Nobody listens if the run was given up.
                let _ = told.send(());
            }
        }
    }
}

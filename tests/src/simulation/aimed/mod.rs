//! Runs that go where a rule of the storage engine matters, which a run of any other scenario seldom comes to: each is the whole
//! broker with its clients, and a machine that goes down at such a moment.
//!
//! Beside what clients are told, the disk itself is looked at:
//! - [`Scene::is_prepared`]: what a process believes to be prepared is, and rounds name nothing else
//! - [`Scene::knows_segments`]: once a start is over, every segment file in a log's directory is one of that log's segments

mod deleted;
mod freed;
mod hangs;
mod laps;
mod mirror;
mod moments;
mod severed;
mod times;
mod waiting;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan::broker::Mutations;
use logan::protocol::ErrorCode;
use logan::protocol::messages::create_topics::CreatableTopicConfig;
use logan::protocol::records::Compression;
use logan_shards::sim::{NetworkOptions, Outcome, SimOptions, Simulation};
use logan_shards::{Flushing, ShardId};
use logan_storage::disk::BLOCK;
use logan_storage::kafka_files::{SegmentFile, SegmentFileName};
use logan_storage::log::Log;

use super::history::{Existence, Sent};
use super::node::{Broker, Setup};
use super::run::{LONG, Run, Scenario};
use super::work::{self, Sender, Shared, TOPIC};

const DIRECTORY: &str = "/data";
/// What is prepared is looked at after every so-manieth event.
const EVENTS_A_LOOK: u64 = 20;

/// What a run is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Segments that are rolled all the time, and a machine that goes down while one gets its name, or soon after a start.
    Moments,
    /// The same, and the process is killed with its writes under way, which land whenever they like.
    Kills,
    /// The same, and the process is killed before a round is flushed, and the power goes while the start after it gives names.
    Starts,
    /// Rounds that go once around the round log while its checkpoint is slow.
    Laps,
    /// A log start that is raised above a segment, whose file goes, with acknowledgements that do not wait for a flush.
    Freed,
    /// A round log that goes on with the records of another history, as a mirror leaves it whose halves have diverged.
    Mirror,
    /// Who asks for the first record that is not older than a time, while others write, and when all is on disk.
    Times,
    /// A log directory that hangs beside another one of the same shard.
    Hangs,
    /// Topics that are deleted while one of their log directories is offline, and that the metadata log has forgotten when it comes back.
    Deleted,
    /// Connections that are cut while owners hold what came in by them, and a slow disk keeps it with them.
    Severed,
    /// Commands of many clients that come while batches of others are committed and snapshots are written.
    Waiting,
}

impl Aim {
    pub const ALL: [Self; 11] = [
        Self::Moments,
        Self::Kills,
        Self::Starts,
        Self::Laps,
        Self::Freed,
        Self::Mirror,
        Self::Times,
        Self::Hangs,
        Self::Deleted,
        Self::Severed,
        Self::Waiting,
    ];
}

/// A run that is aimed at something.
#[derive(Debug, Clone, Copy)]
pub struct Aimed {
    pub seed: u64,
    pub aim: Aim,
    pub mutations: Mutations,
    /// A mutation of the machine: a directory's lock ends with its process, and not with that process's last write.
    pub lock_dies_with_process: bool,
    /// A mutation of the machine: a device may keep all workers of a ring.
    pub without_gates: bool,
}

/// Runs the seed. Panics of the broker and of the machine's own checks go through.
pub fn run_aimed(of: &Aimed) -> Result<(), String> {
    match of.aim {
        Aim::Moments | Aim::Kills | Aim::Starts => moments::run(of),
        Aim::Laps => laps::run(of),
        Aim::Freed => freed::run(of),
        Aim::Mirror => mirror::run(of),
        Aim::Times => times::run(of),
        Aim::Hangs => hangs::run(of),
        Aim::Deleted => deleted::run(of),
        Aim::Severed => severed::run(of),
        Aim::Waiting => waiting::run(of),
    }
}

impl Aimed {
    pub fn with(seed: u64, aim: Aim) -> Self {
        Self {
            seed,
            aim,
            mutations: Mutations::default(),
            lock_dies_with_process: false,
            without_gates: false,
        }
    }

    fn options(&self) -> SimOptions {
        let mut options = SimOptions::rough(self.seed);
        options.network = NetworkOptions::calm();
        options.disk.lock_dies_with_process = self.lock_dies_with_process;
        options.disk.without_gates = self.without_gates;
        options.repeat = format!(
            "LOGAN_SEED={} LOGAN_AIM={:?} cargo test -p logan-tests --test simulation one_aimed_seed",
            self.seed, self.aim
        );
        options
    }

    /// Sizes that every aim begins with.
    fn sizes(&self) -> Run {
        Run { shards: 1, partitions: 1, crashes: 0, ..Run::with(self.seed, Scenario::Plain) }
    }
}

/// Who takes part.
struct Scene {
    simulation: Simulation,
    broker: Rc<Broker>,
    shared: Rc<Shared>,
    /// Where each file of a round is synced by itself, what a round names need not be prepared.
    needs_prepared: bool,
}

impl Scene {
    /// A broker that has started, and the topic with settings of its own.
    fn begin(of: &Aimed, options: SimOptions, run: &Run, overrides: &[&str], topic: &[(&str, &str)]) -> Self {
        let needs_prepared = options.disk.flushing == Flushing::Shared;
        let simulation = Simulation::new(options);
        let overrides = overrides.iter().map(ToString::to_string).collect();
        let setup = Setup {
            shards: run.shards,
            overrides,
            snapshot_after_bytes: run.snapshot_after_bytes,
            mutations: of.mutations,
        };
        let broker = Rc::new(Broker::add(&simulation, &setup));
        let scene = Self { simulation, broker, shared: Shared::new(run), needs_prepared };
        scene.shared.disks_are_sound.set(!matches!(of.aim, Aim::Hangs | Aim::Deleted | Aim::Severed));
        let mut request = work::new_topic(TOPIC, run.partitions);
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
            ..Default::default()
        };
        request.topics[0].configs.extend(topic.iter().map(config));
        let shared = scene.shared.clone();
        scene.simulation.block_on(LONG, async move {
            work::insist(&shared, async |client| {
                let response = client.call(7, &request).await?;
                Ok((response.topics[0].error_code == ErrorCode::NONE).then_some(()))
            })
            .await;
            shared.history.borrow_mut().topics.insert(TOPIC.into(), Existence::Yes);
        });
        scene
    }

    /// Steps until the condition holds or something is wrong, and looks at the disk meanwhile.
    fn run_until(&self, condition: impl Fn() -> bool) -> Outcome {
        let events = Cell::new(0_u64);
        let looked = || {
            events.set(events.get() + 1);
            if self.needs_prepared && events.get().is_multiple_of(EVENTS_A_LOOK) {
                self.shared.note(self.is_prepared());
            }
            self.shared.violation.borrow().is_some() || condition()
        };
        self.simulation.run_until(looked, LONG)
    }

    /// As [`Scene::run_until`]: what does not come is a failure, and so is what was found wrong meanwhile.
    fn await_that(&self, what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
        let outcome = self.run_until(condition);
        self.is_violated()?;
        if outcome == Outcome::Met {
            return Ok(());
        }
        Err(format!("{what}: {outcome:?}\n{}", self.broker.describe()))
    }

    fn is_running(&self) -> bool {
        self.simulation.is_running(self.broker.node)
    }

    fn is_violated(&self) -> Result<(), String> {
        self.shared.violation.borrow().clone().map_or(Ok(()), Err)
    }

    fn kill(&self) {
        self.simulation.kill(self.broker.node);
    }

    /// Starts the broker, which nothing keeps from being ready, and looks at the disk before anybody has changed it.
    fn start(&self) -> Result<(), String> {
        let ready = self.broker.ready();
        self.simulation.restart(self.broker.node);
        let is_over = || self.broker.ready() > ready || self.broker.has_failed_starts();
        let outcome = self.run_until(is_over);
        self.is_violated()?;
        self.broker.is_started()?;
        if self.broker.ready() == ready {
            return Err(format!("the start does not end: {outcome:?}\n{}", self.broker.describe()));
        }
        self.knows_segments()
    }

    fn log(&self, partition: i32) -> Option<Rc<Log>> {
        let logs = self.broker.volumes().into_iter().flat_map(|volume| volume.logs());
        logs.into_iter().find(|log| log.key().topic == TOPIC && log.key().partition == partition)
    }

    /// Runs something in the broker's own process, as what is served there would.
    fn inside(&self, future: impl Future<Output = ()> + 'static) {
        if let Some(task) = self.simulation.spawn_on(self.broker.node, ShardId(0), future) {
            task.detach();
        }
    }

    fn is_prepared(&self) -> Result<(), String> {
        for log in self.broker.volumes().iter().flat_map(|volume| volume.logs()) {
            log.ends().check();
            for segment in log.segments() {
                // One that is sealed is cut, and nothing more is written to it.
                let (Some(prepared), Some(file), false) = (segment.prepared, segment.file, segment.is_sealed)
                else {
                    continue;
                };
                // What an earlier life wrote may end in a block that this one has not proven.
                let named = u64::from(segment.named) / BLOCK as u64 * BLOCK as u64;
                if named > prepared {
                    return Err(format!("{}: {segment:?}: named beyond what is prepared", log.key()));
                }
                if !self.simulation.is_prepared(self.broker.node, file, 0, prepared) {
                    return Err(format!("{}: {segment:?}: not prepared on the disk", log.key()));
                }
            }
        }
        Ok(())
    }

    /// Of the topic that is written to: another one's directory may still be that of an older life.
    fn knows_segments(&self) -> Result<(), String> {
        for path in self.simulation.files(self.broker.node, DIRECTORY, false).into_keys() {
            let Some((directory, name)) = path.split_once('/') else { continue };
            let partition = directory.strip_prefix(TOPIC).and_then(|rest| rest.strip_prefix('-'));
            let Some(partition) = partition.and_then(|number| number.parse().ok()) else { continue };
            let Some(name) = SegmentFileName::parse(name) else { continue };
            let segments = self.log(partition).map(|log| log.segments()).unwrap_or_default();
            let is_known = segments.iter().any(|segment| segment.base == name.offset);
            if name.file == SegmentFile::Log && !is_known {
                return Err(format!("{path} is a segment file of no log: {segments:?}"));
            }
        }
        Ok(())
    }

    /// Everything that was told is there.
    fn verify(&self) -> Result<(), String> {
        self.is_violated()?;
        let shared = self.shared.clone();
        let logs = self.simulation.block_on(LONG, work::read_all(shared));
        self.is_violated()?;
        self.shared.history.borrow().check(&logs)
    }

    /// Sends batches of one record to a partition, one after another, each as long as it says.
    async fn send(shared: Rc<Shared>, producer: u32, partition: i32, batches: u32, length: usize) {
        let sender = Sender { producer, id: work::new_producer(&shared).await, begun: 0 };
        for number in 0..batches {
            let batch = work::batch_in(Compression::None, sender, number, 1, || length);
            let base = work::send_until_told(&shared, producer, number, partition, &batch).await;
            shared.acknowledge(partition, base, Sent { producer, number }, 1);
        }
    }

    fn pass(&self, micros: u64) {
        self.simulation.run_for(Duration::from_micros(micros));
    }
}

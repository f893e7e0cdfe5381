//! The simulated broker: how it is set up, and what is watched of its shards after every event.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};

use logan::broker::{
    Loads, Memory, Mutations, Plan, Ready, Shell, Shortages, Snapshots, StartError, run_shard,
};
use logan::config::Settings;
use logan::limits;

use logan::mail::Mail;
use logan_raft::Limits;
use logan_shards::sim::{NodeId, Simulation};
use logan_shards::{ShardId, pool_use};
use logan_storage::volume::Volume;

use super::run::LONG;

/// All logs of a shard are looked at after every so-manieth event.
const EVENTS_A_LOOK: u64 = 50;
/// What buffers may come to beyond what is charged, on each shard: a piece of a file that somebody looks through, in two directories at a time.
const UNCHARGED: u64 = 2 * (11 << 20) / 10;

/// How a broker is set up.
pub(super) struct Setup {
    pub shards: u16,
    /// `key=value`, beside what every broker here is given.
    pub overrides: Vec<String>,
    /// Bytes of the metadata log after which a snapshot takes its place.
    pub snapshot_after_bytes: u64,
    pub mutations: Mutations,
}

/// What is known of the node's broker, over all its starts.
pub(super) struct Broker {
    pub node: NodeId,
    /// What its next start is told.
    settings: Rc<RefCell<Arc<Settings>>>,
    recovery: Rc<Recovery>,
    watch: Rc<Watch>,
    reports: Arc<Mutex<Reports>>,
    snapshot_after_bytes: u64,
}

/// `logan recover --accept-loss`, instead of the broker.
struct Recovery {
    is_wanted: Cell<bool>,
    directories: Vec<String>,
    /// Of each directory what is lost, or why it cannot be recovered.
    outcomes: RefCell<Vec<Result<Vec<String>, String>>>,
}

/// What starts came to.
#[derive(Default)]
struct Reports {
    ready: u32,
    failed: Vec<String>,
}

struct Watch {
    starts: Cell<u32>,
    shards: RefCell<Vec<Watched>>,
    credits_waited_for: Cell<u64>,
    shortages: Cell<Shortages>,
    snapshots: Cell<Snapshots>,
    events: Cell<u64>,
    /// No fault is planted, which the clients are to notice before the broker's own invariants do.
    looks_at_logs: bool,
    /// Bytes of aligned buffers that this thread had in use before the run: a run that failed leaves some.
    lent_before: usize,
}

/// One shard of the running process.
struct Watched {
    shell: Weak<Shell>,
    credits_waited_for: u64,
    shortages: Shortages,
    snapshots: Snapshots,
}

impl Broker {
    /// Adds the node and starts its broker.
    pub fn add(simulation: &Simulation, setup: &Setup) -> Self {
        let settings = Arc::new(settings(&setup.overrides));
        let recovery = Rc::new(Recovery {
            is_wanted: Cell::new(false),
            directories: settings.broker.log_dirs.iter().map(|path| path.display().to_string()).collect(),
            outcomes: RefCell::default(),
        });
        let wanted = recovery.clone();
        let lanes = logan::broker::lane_capacity(settings.broker.lane_messages);
        let reports: Arc<Mutex<Reports>> = Arc::default();
        let report: Arc<dyn Fn(Result<Ready, StartError>) + Send + Sync> = {
            let reports = reports.clone();
            Arc::new(move |ready| {
                let mut reports = reports.lock().expect("nothing panics holding it");
                match ready {
                    Ok(_) => reports.ready += 1,
                    Err(error) => reports.failed.push(error.to_string()),
                }
            })
        };
        let plan = Plan {
            settings: settings.clone(),
            accept_loss: false,
            report,
            takeover_records: limits::RECORDS_PER_COMMAND,
            metadata_limits: Limits {
                snapshot_after_bytes: setup.snapshot_after_bytes,
                ..Limits::standard()
            },
            mutations: setup.mutations,
            loads: Loads::new(setup.shards),
        };
        let watch = Rc::new(Watch::new(setup.mutations == Mutations::default()));
        let seen = watch.clone();
        let loads = RefCell::new(Loads::new(setup.shards));
        let settings = Rc::new(RefCell::new(settings));
        let of_start = settings.clone();
        let node = simulation.add_node_with_lanes::<Mail>("logan", setup.shards, lanes, move |seat| {
            if wanted.is_wanted.get() {
                return Box::pin(wanted.clone().run(seat.shard));
            }
            if seen.is_over() {
                // The shards of a process share what they know of each other; the next process begins anew.
                loads.replace(Loads::new(seat.shards));
                seen.starts.set(seen.starts.get() + 1);
                seen.shards.borrow_mut().clear();
            }
            let (loads, settings) = (loads.borrow().clone(), of_start.borrow().clone());
            let shell = Shell::new(seat, Plan { loads, settings, ..plan.clone() });
            seen.shards.borrow_mut().push(Watched::new(&shell));
            Box::pin(run_shard(shell))
        });
        let seen = watch.clone();
        simulation.on_event(move |_| seen.look());
        let snapshot_after_bytes = setup.snapshot_after_bytes;
        Self { node, settings, recovery, watch, reports, snapshot_after_bytes }
    }

    /// From its next start on it is set up otherwise.
    pub fn set_overrides(&self, overrides: &[String]) {
        *self.settings.borrow_mut() = Arc::new(settings(overrides));
    }

    /// Runs the recovery of all directories to its end: of each what is lost, or why it is not recovered. The node is down.
    pub fn recover(&self, simulation: &Simulation) -> Vec<Result<Vec<String>, String>> {
        self.recovery.is_wanted.set(true);
        simulation.restart(self.node);
        simulation.run_until(|| !simulation.is_running(self.node), LONG);
        self.recovery.is_wanted.set(false);
        self.recovery.outcomes.take()
    }

    /// How often it became ready.
    pub fn ready(&self) -> u32 {
        self.reports.lock().expect("nothing panics holding it").ready
    }

    /// Why starts failed since this was last asked.
    pub fn failed_starts(&self) -> Vec<String> {
        std::mem::take(&mut self.reports.lock().expect("nothing panics holding it").failed)
    }

    pub fn has_failed_starts(&self) -> bool {
        !self.reports.lock().expect("nothing panics holding it").failed.is_empty()
    }

    /// No start has failed that nobody knows of yet.
    pub fn is_started(&self) -> Result<(), String> {
        let failed = self.failed_starts();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(format!("the broker does not start: {}", failed.join("; ")))
        }
    }

    /// What the shards of the running process serve.
    pub fn volumes(&self) -> Vec<Rc<Volume>> {
        let shards = self.watch.shards.borrow();
        let shells = shards.iter().filter_map(|watched| watched.shell.upgrade());
        shells.flat_map(|shell| shell.online_volumes()).collect()
    }

    pub fn starts(&self) -> u32 {
        self.watch.starts.get()
    }

    /// What is under way on all shards of the running process.
    pub fn describe(&self) -> String {
        let shards = self.watch.shards.borrow();
        let texts = shards.iter().filter_map(|watched| Some(watched.shell.upgrade()?.describe()));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// How often there was not enough memory, in all processes so far.
    pub fn shortages(&self) -> Shortages {
        self.watch.shortages.get()
    }

    /// What became of snapshots of the metadata, in all processes so far.
    pub fn snapshots(&self) -> Snapshots {
        self.watch.snapshots.get()
    }

    /// What is charged for requests on all shards of the running process.
    pub fn frame_bytes(&self) -> u64 {
        let shards = self.watch.shards.borrow();
        shards.iter().filter_map(|watched| watched.shell.upgrade()).map(|shell| shell.memory().frames).sum()
    }

    /// With nothing under way, no snapshot of the metadata is due.
    pub fn has_cut_metadata(&self) -> Result<(), String> {
        let shards = self.watch.shards.borrow();
        let bytes = shards.iter().find_map(|watched| watched.shell.upgrade()?.metadata_log_bytes());
        match bytes.filter(|bytes| *bytes > self.snapshot_after_bytes) {
            None => Ok(()),
            Some(bytes) => Err(format!(
                "nothing is under way, and the metadata log has {bytes} bytes, where a snapshot is due after {}",
                self.snapshot_after_bytes
            )),
        }
    }

    /// With no client and nothing under way, what is left of the running process's memory is what logs keep for readers.
    pub fn is_at_rest(&self) -> Result<(), String> {
        let mut kept = 0;
        for watched in &*self.watch.shards.borrow() {
            let Some(shell) = watched.shell.upgrade() else { continue };
            let memory = shell.memory();
            let Memory {
                frames, waiting, responses, answers, copies, unpacking, searches, unsettled, ..
            } = memory;
            let promised = shell.router.mesh().promised();
            let taken = frames + waiting + responses + answers + copies + unpacking + searches + unsettled;
            if taken + promised > 0 {
                let shard = shell.router.shard();
                return Err(format!(
                    "nothing is under way, and shard {shard} has not got back its memory: {memory:?}, lane credits: {promised}"
                ));
            }
            kept += memory.logs + memory.fixed;
        }
        let lent = self.watch.lent();
        if lent > kept {
            return Err(format!(
                "nothing is under way, {lent} bytes of buffers are in use, and logs keep {kept}"
            ));
        }
        Ok(())
    }

    /// With no process, nothing is left.
    pub fn is_gone(&self) -> Result<(), String> {
        match self.watch.lent() {
            0 => Ok(()),
            left => Err(format!("the process is gone, and {left} bytes of its buffers are in use")),
        }
    }

    /// Messages that had to wait for lane credit, in all processes so far.
    pub fn credits_waited_for(&self) -> u64 {
        self.watch.credits_waited_for.get()
    }
}

impl Recovery {
    async fn run(self: Rc<Self>, shard: ShardId) {
        if shard != ShardId(0) {
            return;
        }
        for directory in &self.directories {
            let recovered = logan::cli::recover(directory, true).await;
            let outcome = recovered.map(|report| report.losses).map_err(|failure| failure.to_string());
            self.outcomes.borrow_mut().push(outcome);
        }
    }
}

impl Watched {
    fn new(shell: &Rc<Shell>) -> Self {
        Self {
            shell: Rc::downgrade(shell),
            credits_waited_for: 0,
            shortages: Shortages::default(),
            snapshots: Snapshots::default(),
        }
    }
}

impl Watch {
    fn new(looks_at_logs: bool) -> Self {
        Self {
            starts: Cell::default(),
            shards: RefCell::default(),
            credits_waited_for: Cell::default(),
            shortages: Cell::default(),
            snapshots: Cell::default(),
            events: Cell::default(),
            looks_at_logs,
            lent_before: pool_use().lent,
        }
    }

    /// Whether the process whose shards were seated last is gone. Shards are seated in any order.
    fn is_over(&self) -> bool {
        let shards = self.shards.borrow();
        shards.is_empty() || shards.iter().any(|watched| watched.shell.strong_count() == 0)
    }

    /// After every event.
    fn look(&self) {
        let events = self.events.replace(self.events.get() + 1);
        let (mut charged, mut is_up) = (0, true);
        for watched in &mut *self.shards.borrow_mut() {
            let Some(shell) = watched.shell.upgrade() else {
                is_up = false;
                continue;
            };
            let waited = shell.router.mesh().credits_waited_for();
            let more = waited - std::mem::replace(&mut watched.credits_waited_for, waited);
            self.credits_waited_for.set(self.credits_waited_for.get() + more);
            shell.check_memory();
            if self.looks_at_logs && events.is_multiple_of(EVENTS_A_LOOK) {
                shell.check_volumes();
            }
            let shortages = shell.shortages();
            let mut all = self.shortages.get();
            all += shortages - std::mem::replace(&mut watched.shortages, shortages);
            self.shortages.set(all);
            let snapshots = shell.snapshots();
            let mut all = self.snapshots.get();
            all += snapshots - std::mem::replace(&mut watched.snapshots, snapshots);
            self.snapshots.set(all);
            let memory = shell.memory();
            charged += memory.charged();
            is_up &= memory.fixed > 0;
        }
        // A start looks through files, and makes others, before it serves anybody; writes of a process that was killed may still be under way.
        let lent = if is_up { self.lent() } else { 0 };
        let uncharged = UNCHARGED * self.shards.borrow().len() as u64;
        assert!(lent <= charged + uncharged, "{lent} bytes of buffers are in use, and {charged} are charged");
    }

    /// Bytes of aligned buffers in use.
    fn lent(&self) -> u64 {
        pool_use().lent.saturating_sub(self.lent_before) as u64
    }
}

fn settings(overrides: &[String]) -> Settings {
    let always = [
        "node.id=1",
        "listeners=PLAINTEXT://0.0.0.0:9092",
        "advertised.listeners=PLAINTEXT://logan:9092",
        "log.dirs=/data",
        "logan.memory.bytes=268435456",
        "num.partitions=2",
    ];
    let all: Vec<String> = always.iter().map(ToString::to_string).chain(overrides.iter().cloned()).collect();
    Settings::read(None, &all, "logan").unwrap_or_else(|errors| panic!("{errors}"))
}

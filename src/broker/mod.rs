//! The shell around everything pure: start order, what each shard does with its mail, connections, the quorum's driver, shutdown.
//!
//! | file | what |
//! |---|---|
//! | `startup`, `shutdown` | the order in which a node comes up and goes down; the shard of the quorum does both |
//! | `ask` | what that shard asks of the others |
//! | `failing` | a log directory that fails |
//! | `mailroom` | what a shard does with each message |
//! | [`owner`], `fetching`, `registrations`, `offsets` | the partitions that a shard owns |
//! | `applying` | a new metadata image becomes logs, leaders and settings |
//! | `quorum`, `metadata_codec` | commands decided, committed by raft, applied everywhere |
//! | `snapshots`, `deletions` | the metadata as it is kept in place of its log, and as a start finds it; what was deleted and may come back |
//! | `connection`, `responses`, `connections`, `listener` | clients |
//! | `memory` | what is charged for memory, for checkers |
//! | `descriptors` | how many connections and files there is room for |
//! | `disk`, `raft_files` | the log engine's and raft's files on this machine's |

mod applying;
mod ask;
mod connection;
mod connections;
mod deletions;
mod descriptors;
pub mod disk;
mod failing;
mod fetching;
mod listener;
mod mailroom;
mod memory;
pub mod metadata_codec;
mod offsets;
mod owner;
mod quorum;
mod raft_files;
mod registrations;
mod responses;
mod shutdown;
mod signal;
mod slots;
mod snapshots;
mod startup;

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeSet;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use futures_util::{FutureExt, lock};
use logan_shards::{self as shards, LaneCapacity, Listener, RealOptions, Seat, Stop};
use logan_storage::{LogKey, Volume, planted};

use crate::config::Settings;
use crate::handlers::{Answers, Budget, Context, Credit, Unpacking};
use crate::limits;
use crate::mail::{Mail, Router};
use crate::metadata::QUORUM_SHARD;
use crate::model::{PartitionId, PartitionIndex, ShardId, Uuid};
use crate::quota::connections::ConnectionQuotas;

use connections::Connections;
use owner::Owner;
use signal::Signal;

pub use descriptors::Shares;
pub use memory::{Memory, Shortages};
pub use snapshots::Snapshots;
pub use startup::{Ready, StartError, lock};

/// What every shard of a node is started with.
#[derive(Clone)]
pub struct Plan {
    pub settings: Arc<Settings>,
    /// Go on without records that cannot be recovered (`logan recover --accept-loss`).
    pub accept_loss: bool,
    /// Told that the node is ready, why it is not, or why it is not any more.
    pub report: Arc<dyn Fn(Result<Ready, StartError>) + Send + Sync>,
    /// The most records of one command of a takeover: [`crate::limits::RECORDS_PER_COMMAND`], and fewer in tests.
    pub takeover_records: usize,
    /// Bounds of the metadata log: [`logan_raft::Limits::standard`], and smaller ones in tests.
    pub metadata_limits: logan_raft::Limits,
    pub mutations: Mutations,
    pub loads: Loads,
}

/// Faults planted by tests, each consulted at one place, each of which a checker must notice. A release build has none of them: [`planted`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mutations {
    pub storage: logan_storage::Mutations,
    /// A partition's news does not reach the fetch sessions that have it.
    pub forget_news: bool,
    /// It does, and a fetch that waits for it is not woken.
    pub let_fetches_sleep: bool,
    /// A fetch is answered with a watermark that is one too low.
    pub lower_watermark: bool,
    /// A fetch reads up to the log's end, and not up to the watermark.
    pub read_unsettled: bool,
    /// A fetch is told the log's end as the watermark.
    pub tell_unsettled: bool,
    /// A batch that is sent again is appended again.
    pub append_duplicates: bool,
    /// A command is answered before all shards have applied it.
    pub answer_before_applied: bool,
    /// Of two responses that are there together, the second one leaves first.
    pub answer_out_of_order: bool,
    /// The memory of a frame is not taken from its budget.
    pub forget_frames: bool,
    /// A response that was written keeps its credit.
    pub keep_credit: bool,
    /// When a connection has ended, the credit of its frames is given back though owners still hold what came in them.
    pub leave_owners: bool,
    /// The same of a Produce that is still handed on when its connection is to end.
    pub leave_half_way: bool,
    /// Commands that wait for a batch to be committed are left to wait if it was committed while the driver was at something else.
    pub leave_waiting: bool,
    /// A start does not know which producer ids were given.
    pub forget_producer_ids: bool,
    /// A snapshot of the metadata that is due is not taken.
    pub forget_snapshots: bool,
    /// A snapshot says that it reaches one entry further than it does, or one less far.
    pub snapshot_ahead: bool,
    pub snapshot_behind: bool,
    /// A snapshot does not say which producer ids were given.
    pub snapshot_without_producer_ids: bool,
    /// A snapshot does not say which topics were deleted, though a log of them may be left.
    pub snapshot_without_deletions: bool,
    /// A deletion is forgotten when all directories in `log.dirs` are there, though one is not among them.
    pub forget_absent_directories: bool,
    /// A start does not look at the snapshot.
    pub start_without_snapshot: bool,
    /// A start goes on in the leader epochs of the life before it, whatever was lost.
    pub keep_leader_epochs: bool,
    /// `ListOffsets` tells every second time the epoch before the one that is led in.
    pub tell_older_epochs: bool,
    /// An epoch is told to end one record late.
    pub end_epochs_late: bool,
    /// Who asks for a time is told the first record of the batch that has it.
    pub tell_batch_of_time: bool,
    /// The logs of deleted topics stay.
    pub keep_deleted_logs: bool,
    /// A topic's name alone gives its id.
    pub ids_of_names: bool,
    /// A start fails if any volume cannot be started.
    pub insist_on_volumes: bool,
    /// No fault: the epoch with which fetch sessions begin, shortly before it wraps.
    pub session_epoch: Option<i32>,
}

impl Mutations {
    /// Refuses faults where they would be passed over.
    ///
    /// # Panics
    /// In a release build, if a fault is planted.
    fn check(&self) {
        self.storage.check();
        let none = Self { session_epoch: self.session_epoch, ..Self::default() };
        assert!(cfg!(debug_assertions) || *self == none, "a release build has no faults planted: {self:?}");
    }
}

/// The connections of a node, as far as all shards must know of them, and what they leave to files.
#[derive(Clone)]
pub struct Loads {
    /// How many each shard serves: a hint that all shards read and write.
    by_shard: Arc<[AtomicUsize]>,
    quotas: ConnectionQuotas,
    /// Descriptors that each volume may count on for its files.
    files: usize,
}

impl Loads {
    /// Of a process that has descriptors enough.
    pub fn new(shards: u16) -> Self {
        Self::with(shards, Shares::UNLIMITED)
    }

    pub fn with(shards: u16, shares: Shares) -> Self {
        let by_shard = (0..shards).map(|_| AtomicUsize::new(0)).collect();
        Self { by_shard, quotas: ConnectionQuotas::new(shares.connections), files: shares.files }
    }

    fn of(&self, shard: ShardId) -> &AtomicUsize {
        &self.by_shard[usize::from(shard.0)]
    }
}

/// Everything of one shard.
pub struct Shell {
    pub plan: Plan,
    pub context: Rc<Context>,
    pub router: Rc<Router>,
    pub owner: Rc<Owner>,
    /// Memory for requests, and apart from it for large ones: few of them must not keep all others waiting.
    pub frames: Budget,
    pub large_frames: Budget,
    /// Memory for what is left of responses whose leases have ended.
    copies: Budget,
    /// Bytes that this shard may use for data on its way.
    memory: u64,
    pub connections: Rc<Connections>,
    stop: Stop,
    /// One for each log directory; `None` where it is offline.
    volumes: RefCell<Vec<Option<Rc<Volume>>>>,
    /// Their ids, in the same order.
    directory_ids: RefCell<Vec<Uuid>>,
    resolved: RefCell<Option<applying::Resolved>>,
    /// Held by who applies an image, or creates what an earlier one could not.
    applying: lock::Mutex<()>,
    /// Partitions for whose logs there was no room. While there are any, somebody tries again.
    uncreated: RefCell<BTreeSet<PartitionId>>,
    /// Bound, until connections are accepted from them.
    listeners: RefCell<Vec<Listener>>,
    /// How often the quotas were to be told their limits.
    limits_asked: Cell<u64>,
    /// Requests that were routed by an image which this shard has not applied yet.
    early: RefCell<Vec<Mail>>,
    /// Where commands go on the shard that runs the quorum.
    commands: RefCell<Option<quorum::Commands>>,
    /// What became of snapshots of the metadata (on the shard that runs the quorum).
    snapshots: Cell<Snapshots>,
    /// This node leads the quorum (on the shard that runs it).
    leads_quorum: Signal,
    /// The disk of the metadata log has no space for what raft writes at a start.
    no_metadata_space: Signal,
    /// The main future may end.
    ended: Signal,
}

/// Runs a broker on this machine until it is told to stop.
pub fn start(
    settings: Settings,
    accept_loss: bool,
    on_ready: impl Fn(&Ready) + Send + Sync + 'static,
) -> Result<(), StartError> {
    let mut options = RealOptions::standard();
    if let Some(shards) = settings.broker.shards {
        options.shards = shards;
    }
    let memory = memory_of_node(settings.broker.memory_bytes, RealOptions::memory_bytes());
    options.buffer_pool_bytes = pool_bytes(memory / u64::from(options.shards.max(1)));
    options.lane_capacity = lane_capacity(settings.broker.lane_messages);
    let shares = Shares::of_process(options.shards, &settings.broker)?;
    let outcome = Arc::new(Mutex::new(Ok(())));
    let report = {
        let outcome = outcome.clone();
        move |result: Result<Ready, StartError>| match result {
            Ok(ready) => on_ready(&ready),
            Err(error) => *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Err(error),
        }
    };
    let plan = Plan {
        settings: Arc::new(settings),
        accept_loss,
        report: Arc::new(report),
        takeover_records: crate::limits::RECORDS_PER_COMMAND,
        metadata_limits: logan_raft::Limits::standard(),
        mutations: Mutations::default(),
        loads: Loads::with(options.shards, shares),
    };
    shards::run(options, move |seat| shard_main(seat, plan.clone()).boxed_local())?;
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *outcome, Ok(()))
}

/// What one shard does from start to stop, on either machine.
pub async fn shard_main(seat: Seat<Mail>, plan: Plan) {
    run_shard(Shell::new(seat, plan)).await;
}

/// As [`shard_main`], of a shell that somebody else looks at too.
pub async fn run_shard(shell: Rc<Shell>) {
    let brings_up = shell.router.shard() == QUORUM_SHARD;
    mailroom::open(&shell);
    if brings_up {
        match bring_up(&shell).await {
            Ok(started) => {
                (shell.plan.report)(Ok(started.ready.clone()));
                shell.stop.wait().await;
                shutdown::bring_down(&shell, started).await;
            }
            Err(error) => {
                (shell.plan.report)(Err(error));
                shutdown::abandon(&shell).await;
            }
        }
    } else {
        shell.ended.wait().await;
    }
    let waited = shell.router.mesh().credits_waited_for();
    if waited > 0 {
        let shard = shell.router.shard();
        tracing::info!("shard {shard}: {waited} messages waited for lane credit (logan.lane.messages)");
    }
    // The last answers are on their lanes already; a turn lets the doorbells ring.
    shards::yield_now().await;
}

/// A stop waits for a start, so that it can be a clean one; but not for a disk that keeps the start from ending.
async fn bring_up(shell: &Rc<Shell>) -> Result<startup::Started, StartError> {
    let given_up = async {
        shell.stop.wait().await;
        shards::sleep(limits::ROUND_HANGS_AFTER).await;
    };
    let given_up = pin!(given_up);
    let no_space = pin!(shell.no_metadata_space.wait());
    match select(pin!(startup::bring_up(shell)), select(given_up, no_space)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right((Either::Left(_), _)) => Err(StartError::Stopped),
        Either::Right((Either::Right(_), _)) => {
            let path = shell.plan.settings.broker.metadata_log_dir.display().to_string();
            Err(StartError::NoMetadataSpace { path })
        }
    }
}

impl Shell {
    pub fn new(seat: Seat<Mail>, plan: Plan) -> Rc<Self> {
        plan.mutations.check();
        let given = plan.settings.broker.memory_bytes;
        let memory = memory_of_node(given, shards::memory_bytes()) / u64::from(seat.shards);
        let router = Rc::new(Router::new(seat.mesh));
        let frame_max = u64::from(plan.settings.broker.socket_request_max_bytes);
        let unpacking = Unpacking::new(memory / 100 * limits::UNPACKING_PERCENT);
        let searches = Budget::new(memory / 100 * limits::SEARCH_PERCENT);
        let context = Context::new(
            router.clone(),
            plan.settings.clone(),
            Budget::new(memory / 100 * limits::RESPONSE_PERCENT),
            Answers::new(memory / 100 * limits::ANSWER_PERCENT),
            memory / 100 * limits::WAITING_PERCENT,
            unpacking.clone(),
        );
        if let Some(epoch) = plan.mutations.session_epoch {
            context.begin_sessions_at(epoch);
        }
        Rc::new(Self {
            frames: Budget::new(memory / 100 * limits::FRAME_PERCENT / 2),
            large_frames: Budget::new((memory / 100 * limits::FRAME_PERCENT / 2).max(frame_max)),
            copies: Budget::new(memory / 100 * limits::COPY_PERCENT),
            context,
            owner: Owner::new(router.clone(), unpacking, searches, plan.mutations),
            memory,
            router,
            connections: Rc::default(),
            stop: seat.stop,
            volumes: RefCell::default(),
            directory_ids: RefCell::default(),
            resolved: RefCell::default(),
            applying: lock::Mutex::default(),
            uncreated: RefCell::default(),
            listeners: RefCell::default(),
            limits_asked: Cell::default(),
            early: RefCell::default(),
            commands: RefCell::default(),
            snapshots: Cell::default(),
            leads_quorum: Signal::default(),
            no_metadata_space: Signal::default(),
            ended: Signal::default(),
            plan,
        })
    }

    /// Where commands go, on the shard that runs the quorum.
    ///
    /// # Panics
    /// On another shard: whoever asks asks [`QUORUM_SHARD`], and not before the quorum runs.
    fn commands(&self) -> Ref<'_, quorum::Commands> {
        Ref::map(self.commands.borrow(), |commands| {
            commands.as_ref().expect("questions to the quorum are sent to its shard, once it runs")
        })
    }

    /// Waits for the memory of a frame.
    async fn frame_credit(&self, size: usize) -> Credit {
        let budget = if size > limits::LARGE_FRAME_BYTES { &self.large_frames } else { &self.frames };
        if planted(self.plan.mutations.forget_frames) {
            return budget.none();
        }
        budget.take(size as u64 + limits::REQUEST_BYTES).await
    }

    /// What is under way, for whoever finds a shard that does not move.
    pub fn describe(&self) -> String {
        let (shard, connections) = (self.router.shard(), self.connections.count());
        let mut text = format!(
            "shard {shard}: {connections} connections, {} fetches wait",
            self.owner.fetches_waiting()
        );
        for volume in self.volumes.borrow().iter().flatten() {
            text.push('\n');
            text.push_str(&volume.describe());
        }
        text
    }
}

/// Bytes that all shards together may use for data on its way. `given` is what the settings say, `machine` what the process may have.
/// Nothing is allocated ahead: it is a bound.
fn memory_of_node(given: Option<u64>, machine: Option<u64>) -> u64 {
    let share = || machine.unwrap_or(0) / limits::DEFAULT_MEMORY_DIVISOR;
    given.unwrap_or_else(|| share().max(limits::MIN_DEFAULT_MEMORY_BYTES))
}

/// Free buffers that a shard keeps: what may come home at once when a round is settled goes out again with the next, and fresh memory is dear.
fn pool_bytes(memory: u64) -> usize {
    (memory / 100 * limits::WRITE_BUFFER_PERCENT).min(limits::POOL_BYTES) as usize
}

/// Half as many messages of our own as of clients, since they are few, and twice as many replies, which also answer those.
pub const fn lane_capacity(client_messages: u32) -> LaneCapacity {
    let client = client_messages as usize;
    LaneCapacity { client, internal: client / 2, reply: client * 2 }
}

// What the machine takes for usual is what a broker runs with.
const _: () = assert!(
    lane_capacity(limits::DEFAULT_LANE_MESSAGES).client == LaneCapacity::STANDARD.client
        && lane_capacity(limits::DEFAULT_LANE_MESSAGES).internal == LaneCapacity::STANDARD.internal
        && lane_capacity(limits::DEFAULT_LANE_MESSAGES).reply == LaneCapacity::STANDARD.reply
);

fn partition_of(key: &LogKey) -> PartitionId {
    PartitionId { topic: Uuid(key.topic_id), index: PartitionIndex(key.partition) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_quarter_of_the_machine_unless_it_is_said() {
        assert_eq!(memory_of_node(None, Some(24 << 30)), 6 << 30);
        assert_eq!(memory_of_node(None, Some(512 << 20)), 256 << 20);
        assert_eq!(memory_of_node(None, None), 256 << 20);
        assert_eq!(memory_of_node(Some(5 << 20), Some(24 << 30)), 5 << 20);
    }
}

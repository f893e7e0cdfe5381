//! The driver of the metadata on the shard that runs the quorum: commands are decided in batches, committed by raft, applied on every
//! shard of this node, and then answered.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::{Either, join_all, select};
use logan_raft::{Committed, Event, Events, ProposeError, Quorum};
use logan_shards::{self as shards, Queue, ShardId};
use logan_storage::planted;

use super::deletions::{Deletions, Directories};
use super::{Shell, failing, metadata_codec, snapshots};
use crate::mail::{Answer, Call, ImageUpdate, Mail, QuorumStatus, Voter};
use crate::metadata::{Command, CommandOutcome, Decider, Grounds, Image, Need, Record, Refused, Touched};
use crate::model::{ErrorCode, NodeId, Uuid};

/// Where commands go in, and what is known of the quorum.
pub(super) struct Commands {
    sender: mpsc::UnboundedSender<(Call, Command)>,
    pub(super) quorum: Quorum,
    node: NodeId,
    directory: Uuid,
}

impl Commands {
    pub(super) fn command(&self, call: Call, command: Command) {
        // The receiver ends with the quorum, when the node stops; then nobody is answered any more.
        let _ = self.sender.unbounded_send((call, command));
    }

    pub(super) fn status(&self) -> QuorumStatus {
        let status = self.quorum.status();
        let voters = status.voters.iter().filter(|member| member.id == status.id);
        QuorumStatus {
            leader: status.is_leader.then_some(self.node),
            term: status.term,
            committed: status.commit + 1,
            voters: voters
                .map(|_| Voter { node: self.node, directory: self.directory, log_end: status.last_index + 1 })
                .collect(),
        }
    }
}

/// The metadata as it was recovered, and what goes on from there.
pub(super) struct OpenedMetadata {
    pub quorum: Quorum,
    pub events: Events,
    pub image: Image,
    /// No topic was ever created here.
    pub is_new: bool,
    pub deletions: Deletions,
}

/// Begins to take commands.
pub(super) fn begin(shell: &Rc<Shell>, opened: OpenedMetadata, directory: Uuid) {
    let (sender, commands) = mpsc::unbounded();
    let node = shell.plan.settings.broker.node_id;
    *shell.commands.borrow_mut() = Some(Commands { sender, quorum: opened.quorum.clone(), node, directory });
    let forgets = planted(shell.plan.mutations.forget_producer_ids);
    let image = if forgets { without_producer_ids(&opened.image) } else { opened.image };
    let driver = Driver {
        shell: shell.clone(),
        quorum: opened.quorum,
        decider: RefCell::new(Decider::new(image)),
        deletions: RefCell::new(opened.deletions),
    };
    shards::spawn(Queue::Control, driver.run(commands, opened.events)).detach();
}

/// Planted ([`super::Mutations::forget_producer_ids`]).
fn without_producer_ids(image: &Image) -> Image {
    let mut records = image.records();
    records.retain(|record| !matches!(record, Record::ProducerIds(_)));
    Image::restore(image.cluster_id(), image.version(), &records).expect("an image can be restored")
}

/// Planted ([`super::Mutations::ids_of_names`]).
fn with_ids_of_names(mut command: Command) -> Command {
    if let Command::CreateTopics { topics, .. } = &mut command {
        for topic in topics {
            let bytes = topic
                .name
                .bytes()
                .fold(0x1065_u64, |hash, byte| (hash << 5) ^ (hash >> 59) ^ u64::from(byte));
            topic.id = Uuid::random(|| bytes);
        }
    }
    command
}

struct Driver {
    shell: Rc<Shell>,
    quorum: Quorum,
    decider: RefCell<Decider<Call>>,
    deletions: RefCell<Deletions>,
}

impl Driver {
    async fn run(self, mut commands: mpsc::UnboundedReceiver<(Call, Command)>, mut events: Events) {
        loop {
            // Events first: a command that came after leadership was lost must find that out.
            let mut is_left = false;
            while let Some(event) = events.try_next() {
                self.on_event(event).await;
                is_left = planted(self.shell.plan.mutations.leave_waiting);
            }
            // After each event, too: what waits until a batch is committed has nobody else to wake it.
            while !is_left && self.propose().await {}
            let next = {
                let event = std::pin::pin!(events.next());
                match select(event, commands.next()).await {
                    Either::Left((event, _)) => event.map(Either::Left),
                    Either::Right((command, _)) => command.map(Either::Right),
                }
            };
            match next {
                None => return,
                Some(Either::Left(event)) => self.on_event(event).await,
                Some(Either::Right((call, command))) => {
                    self.on_command(call, command);
                    while let Ok((call, command)) = commands.try_recv() {
                        self.on_command(call, command);
                    }
                }
            }
        }
    }

    fn on_command(&self, call: Call, mut command: Command) {
        if planted(self.shell.plan.mutations.ids_of_names) {
            command = with_ids_of_names(command);
        }
        let answers = self.decider.borrow_mut().on_command(call, command);
        self.give(answers);
    }

    /// Decides what waits and hands it to raft. Whether there may be more to decide: nothing is under way, and so nothing will ask again.
    async fn propose(&self) -> bool {
        let settings = self.shell.plan.settings.clone();
        let grounds = Grounds { fixed: &settings.fixed, node: settings.broker.node_id };
        let (batch, answers) = self.decider.borrow_mut().next_batch(grounds);
        let decided_any = !answers.is_empty();
        self.give(answers);
        let Some(batch) = batch else { return decided_any };
        let proposed = match metadata_codec::encode(&batch.records) {
            Ok(entry) => self.quorum.propose(entry, need(batch.need)).await.map_err(refused),
            Err(error) => Err(Refused { error: ErrorCode::INVALID_REQUEST, message: error.to_string() }),
        };
        match proposed {
            Ok(position) => {
                self.decider.borrow_mut().on_proposed(position.term, position.index);
                false
            }
            Err(refused) => {
                let answers = self.decider.borrow_mut().on_refused(&refused);
                self.give(answers);
                true
            }
        }
    }

    async fn on_event(&self, event: Event) {
        match event {
            Event::Leading { .. } => {
                self.decider.borrow_mut().on_leading();
                self.shell.leads_quorum.set();
            }
            Event::Following { .. } => {
                let answers = self.decider.borrow_mut().on_following();
                self.give(answers);
            }
            Event::Committed(entry) => self.on_committed(&entry).await,
            Event::SnapshotDue { .. } => self.snapshot().await,
        }
    }

    async fn on_committed(&self, entry: &Committed) {
        // An entry that this version cannot read or apply leaves no image to go on with: the node stops rather than guess.
        let records =
            snapshots::records_of(entry).unwrap_or_else(|error| panic!("the metadata log: {error}"));
        for record in &records {
            self.deletions.borrow_mut().note(self.decider.borrow().image(), record);
        }
        let mut answers = self
            .decider
            .borrow_mut()
            .on_committed(entry.term, entry.index, &records)
            .unwrap_or_else(|error| panic!("the metadata log, entry {}: {error}", entry.index));
        let touched: Vec<Touched> = records.iter().map(Record::touches).collect();
        if planted(self.shell.plan.mutations.answer_before_applied) {
            self.give(std::mem::take(&mut answers));
        }
        self.publish(&touched).await;
        self.give(answers);
    }

    /// Gives every shard the new image, and waits until all have applied it.
    async fn publish(&self, touched: &[Touched]) {
        let image = Arc::new(self.decider.borrow().image().clone());
        let mut topics: Vec<Uuid> = touched
            .iter()
            .filter_map(|touched| if let Touched::Topic(id) = touched { Some(*id) } else { None })
            .collect();
        topics.sort_unstable();
        topics.dedup();
        let update = ImageUpdate {
            version: image.version(),
            image,
            topics: Arc::new(topics),
            settings: touched.contains(&Touched::Settings),
        };
        let router = &self.shell.router;
        let mut applied = Vec::new();
        for shard in (0..router.shards()).map(ShardId) {
            let update = update.clone();
            applied.push(router.ask(shard, |call| Mail::Image(call, Box::new(update))).await);
        }
        join_all(applied).await;
    }

    /// Keeps the metadata in place of its log.
    async fn snapshot(&self) {
        let image = self.decider.borrow().image().clone();
        let mut deletions = self.deletions.borrow().clone();
        if !self.shell.stop.is_requested() {
            deletions.forget(&image, &self.directories());
        }
        snapshots::take(&self.shell, &self.quorum, &image, &deletions).await;
        *self.deletions.borrow_mut() = deletions;
    }

    fn directories(&self) -> Directories {
        let (online, configured) = (failing::online(&self.shell), self.shell.directory_ids.borrow().len());
        if planted(self.shell.plan.mutations.forget_absent_directories) && online.len() == configured {
            // As if every directory that there ever was were there.
            return Directories { online: self.deletions.borrow().directories(), configured };
        }
        Directories { online, configured }
    }

    fn give(&self, answers: Vec<(Call, CommandOutcome)>) {
        for (call, outcome) in answers {
            self.shell.router.answer(call, Answer::Command(outcome));
        }
    }
}

fn need(need: Need) -> logan_raft::Need {
    match need {
        Need::Growth => logan_raft::Need::Growth,
        Need::Relief => logan_raft::Need::Relief,
        Need::Start => logan_raft::Need::Start,
    }
}

fn refused(error: ProposeError) -> Refused {
    let code = match error {
        ProposeError::NotLeader { .. } | ProposeError::Stopped => ErrorCode::NOT_CONTROLLER,
        ProposeError::TooLarge { .. } => ErrorCode::INVALID_REQUEST,
        ProposeError::Busy => ErrorCode::REQUEST_TIMED_OUT,
        ProposeError::LogFull { .. } | ProposeError::NoSpace { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
    };
    Refused { error: code, message: error.to_string() }
}

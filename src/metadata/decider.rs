//! Commands, one after another, become batches of records, one undecided batch at a time.
//!
//! The commands of a batch are decided on a speculative image that already holds the records before them. Until the batch is decided,
//! which is when it is committed, or another entry is committed in its place, or leadership is lost, commands gather. So two
//! commands can never both win what only one can have.
//!
//! A batch holds commands of one need only: while the log has little space, one that only adds does not take one that gives room back with
//! it. So a topic is never created in the batch that deletes one of its name, either: a shard that makes the new one's logs would meet the
//! old one's, of which another shard takes the name away at the same time.
//!
//! Invariants:
//! - `undecided` only while `is_leader`
//! - `undecided.image` is `committed` with the records of the batch
//! - every command taken in is answered exactly once

use std::collections::VecDeque;

use super::decide::BYTES_PER_COMMAND;
use super::record::Record;
use super::{ApplyError, Command, CommandOutcome, Grounds, Image, Need, Refused, Reply, decide};
use crate::limits::RECORDS_PER_COMMAND;
use crate::model::{ErrorCode, ImageVersion};

/// Records to propose as one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub records: Vec<Record>,
    /// Of each of its commands.
    pub need: Need,
}

/// A batch may have this many bytes before its last command, which brings as many again at most.
pub const BATCH_BYTES: usize = BYTES_PER_COMMAND;

/// Answers to give, each with what its command was taken in with.
pub type Answers<Ticket> = Vec<(Ticket, CommandOutcome)>;

#[derive(Debug)]
struct Undecided<Ticket> {
    image: Image,
    answers: Vec<(Ticket, Result<Reply, Refused>)>,
    /// Term and index of its entry, once the log has it.
    position: Option<(u64, u64)>,
}

/// `Ticket` is what the shell knows a command by.
#[derive(Debug)]
pub struct Decider<Ticket> {
    committed: Image,
    is_leader: bool,
    waiting: VecDeque<(Ticket, Command)>,
    undecided: Option<Undecided<Ticket>>,
}

fn not_controller() -> Refused {
    Refused {
        error: ErrorCode::NOT_CONTROLLER,
        message: "This node does not lead the metadata quorum.".to_owned(),
    }
}

impl<Ticket> Decider<Ticket> {
    pub fn new(committed: Image) -> Self {
        Self { committed, is_leader: false, waiting: VecDeque::new(), undecided: None }
    }

    /// What was committed and applied.
    pub fn image(&self) -> &Image {
        &self.committed
    }

    /// Everything of earlier terms has been applied: decisions can begin.
    pub fn on_leading(&mut self) {
        self.is_leader = true;
    }

    /// Whatever is not committed may never be. A command whose batch is under way may have been decided all the same: its asker is
    /// told that this node does not lead, and finds out.
    pub fn on_following(&mut self) -> Answers<Ticket> {
        self.is_leader = false;
        let decided = self.undecided.take().map(|undecided| undecided.answers).unwrap_or_default();
        let under_way = decided.into_iter().map(|(ticket, _)| ticket);
        let tickets = under_way.chain(self.waiting.drain(..).map(|(ticket, _)| ticket));
        tickets.map(|ticket| (ticket, Err(not_controller()))).collect()
    }

    /// Takes in a command. It is decided with the next batch.
    pub fn on_command(&mut self, ticket: Ticket, command: Command) -> Answers<Ticket> {
        if !self.is_leader {
            return vec![(ticket, Err(not_controller()))];
        }
        self.waiting.push_back((ticket, command));
        Vec::new()
    }

    /// Decides what waits, unless a batch is undecided: the batch to propose, and answers to commands that change nothing when no other
    /// does either.
    pub fn next_batch(&mut self, grounds: Grounds<'_>) -> (Option<Batch>, Answers<Ticket>) {
        if !self.is_leader || self.undecided.is_some() || self.waiting.is_empty() {
            return (None, Vec::new());
        }
        let mut image = self.committed.clone();
        let (mut records, mut answers, mut bytes) = (Vec::new(), Vec::new(), 0);
        let need = self.waiting.front().map_or(Need::Growth, |(_, command)| command.need());
        while records.len() < RECORDS_PER_COMMAND && bytes < BATCH_BYTES {
            if self.waiting.front().is_some_and(|(_, command)| command.need() != need) {
                break;
            }
            let Some((ticket, command)) = self.waiting.pop_front() else { break };
            let reply = decide(&image, grounds, &command).map(|decision| {
                bytes += decision.records.iter().map(Record::size_bound).sum::<usize>();
                records.extend(decision.records);
                image = decision.image;
                decision.reply
            });
            answers.push((ticket, reply));
        }
        if records.is_empty() {
            return (None, at_version(answers, self.committed.version()));
        }
        self.undecided = Some(Undecided { image, answers, position: None });
        (Some(Batch { records, need }), Vec::new())
    }

    /// The log has the batch. To be called before any event that came after is handed in.
    pub fn on_proposed(&mut self, term: u64, index: u64) {
        let undecided = self.undecided.as_mut().expect("a batch was handed out");
        undecided.position = Some((term, index));
    }

    /// The log did not take the batch, and never will.
    pub fn on_refused(&mut self, refused: &Refused) -> Answers<Ticket> {
        let undecided = self.undecided.take().expect("a batch was handed out");
        undecided.answers.into_iter().map(|(ticket, _)| (ticket, Err(refused.clone()))).collect()
    }

    /// An entry is committed. Returns the answers that can go once every shard has the image.
    pub fn on_committed(
        &mut self,
        term: u64,
        index: u64,
        records: &[Record],
    ) -> Result<Answers<Ticket>, ApplyError> {
        let decided =
            self.undecided.take_if(|undecided| undecided.position.is_some_and(|(_, at)| at <= index));
        match decided {
            Some(undecided) if undecided.position == Some((term, index)) => {
                debug_assert!(self.comes_to(records, &undecided.image), "a batch comes to what was decided");
                self.committed = undecided.image;
                self.committed.set_version(ImageVersion(index));
                Ok(at_version(undecided.answers, ImageVersion(index)))
            }
            other => {
                for record in records {
                    self.committed.apply(record)?;
                }
                self.committed.set_version(ImageVersion(index));
                // Another leader's entry took the place of the batch: it is lost.
                let lost = other.map(|undecided| undecided.answers).unwrap_or_default();
                Ok(lost.into_iter().map(|(ticket, _)| (ticket, Err(not_controller()))).collect())
            }
        }
    }

    fn comes_to(&self, records: &[Record], speculative: &Image) -> bool {
        let mut image = self.committed.clone();
        records.iter().all(|record| image.apply(record).is_ok()) && image == *speculative
    }
}

fn at_version<Ticket>(
    answers: Vec<(Ticket, Result<Reply, Refused>)>,
    version: ImageVersion,
) -> Answers<Ticket> {
    answers.into_iter().map(|(ticket, reply)| (ticket, reply.map(|reply| (reply, version)))).collect()
}

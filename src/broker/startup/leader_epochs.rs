//! New leader epochs at a start, where a log may give offsets again that others saw, or knows newer epochs than the metadata.
//!
//! A log goes on in its epoch only if this node's last life closed its directory cleanly and nobody was there since: Kafka's marker of a clean
//! shutdown carries the broker's epoch, and the metadata knows which was the last. After a crash that of acknowledgements which did not wait for
//! the disk may be lost; whoever recovered a directory may have accepted losses; Kafka leads in epochs of its own; a copy of old ends where the
//! log once was. A reader is sent back to where its records end only if what follows has a newer epoch (KIP-320).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use logan_storage::{Known, LogKey, OpenedDirectory, Question, Report, known, planted};

use super::StartError;
use super::claim::Claimed;
use crate::broker::disk::{LogDirectory, ShardHost};
use crate::broker::{Shell, ask, partition_of, quorum};
use crate::limits;
use crate::metadata::{Command, Image, Reply};
use crate::model::{LeaderEpoch, NodeId, PartitionId, PartitionIndex, Uuid};

/// What a start found in the log directories, before anything is appended.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The directories that are online.
    online: BTreeSet<Uuid>,
    /// The logs in them: the newest epoch of each (-1: none) that may not go on in the epoch it is led in.
    logs: BTreeMap<PartitionId, Option<LeaderEpoch>>,
    /// The largest one that any of these logs knows.
    producer_id: i64,
}

impl Survey {
    /// Whether a partition must be led in a new epoch, and above which of its log.
    fn must_begin(&self, id: PartitionId, directory: Option<Uuid>) -> Option<LeaderEpoch> {
        match self.logs.get(&id) {
            Some(newest) => *newest,
            // It begins anew, unless its log lies where nobody can look.
            None if directory.is_none_or(|directory| self.online.contains(&directory)) => {
                Some(LeaderEpoch(-1))
            }
            None => None,
        }
    }
}

/// Looks through what was opened. A directory that cannot be read is offline, unless it is `kept_in`, with the metadata. No
/// partition may lie in two.
pub(super) async fn survey(
    node: NodeId,
    claimed: &[Option<Claimed>],
    volumes: &mut [Option<OpenedDirectory>],
    metadata: &quorum::OpenedMetadata,
    kept_in: Uuid,
) -> Result<Survey, StartError> {
    // In its last life.
    let last = metadata.image.broker(node).map(|broker| broker.epoch);
    let mut survey = Survey { producer_id: -1, ..Survey::default() };
    let mut places = BTreeMap::new();
    for (claimed, volume) in claimed.iter().zip(&mut *volumes) {
        let (Some(claimed), Some(opened)) = (claimed, &volume) else { continue };
        for log in opened.parts.iter().flat_map(|part| part.ledger.logs.values()) {
            if let Some(other) = places.insert(partition_of(&log.key), claimed.directory.path()) {
                let (path, log) = (claimed.directory.path(), log.key.to_string());
                return Err(StartError::TwoLogs { log, path, other });
            }
        }
        let known = if goes_on(&opened.report, last) {
            Ok(BTreeMap::new())
        } else {
            look(claimed, opened, metadata.is_new || metadata.image.is_taking_over()).await
        };
        match known {
            Ok(known) => survey.add(claimed.id, opened, &known),
            Err(error) if claimed.id == kept_in => return Err(error),
            Err(error) => {
                tracing::error!("a log directory is offline: {error}");
                *volume = None;
            }
        }
    }
    if volumes.iter().all(Option::is_none) { Err(StartError::NoDirectory) } else { Ok(survey) }
}

/// Whether a directory is as this node's last life left it.
fn goes_on(report: &Report, last: Option<i64>) -> bool {
    let closed = report.closed.filter(|closed| closed.by_logan).map(|closed| closed.broker_epoch);
    report.was_clean && report.losses.is_empty() && closed.is_some() && closed == last
}

async fn look(
    claimed: &Claimed,
    opened: &OpenedDirectory,
    is_taken_over: bool,
) -> Result<BTreeMap<LogKey, Known>, StartError> {
    let directory = LogDirectory::new(claimed.directory.clone());
    let logs = opened.parts.iter().flat_map(|part| part.ledger.logs.values());
    let question = Question {
        max_batch_bytes: limits::STORED_BATCH_BYTES,
        hang_after: limits::ROUND_HANGS_AFTER,
        is_taken_over,
    };
    let known = known(&directory, &ShardHost, logs, question).await;
    known.map_err(|error| StartError::Directory { path: claimed.directory.path(), reason: error.to_string() })
}

impl Survey {
    fn add(&mut self, directory: Uuid, opened: &OpenedDirectory, known: &BTreeMap<LogKey, Known>) {
        self.online.insert(directory);
        for log in opened.parts.iter().flat_map(|part| part.ledger.logs.values()) {
            let known = known.get(&*log.key);
            self.logs.insert(partition_of(&log.key), known.map(|known| LeaderEpoch(known.newest_epoch)));
            self.producer_id = self.producer_id.max(known.map_or(-1, |known| known.producer_id));
        }
    }
}

/// Producer ids go on above all that logs know which are taken over: a batch of another producer with the same id would be taken for one that is
/// sent again, and be acknowledged without being kept.
pub(super) async fn begin_producer_ids(shell: &Rc<Shell>, survey: &Survey) -> Result<(), StartError> {
    if survey.producer_id < shell.context.image().next_producer_id() {
        return Ok(());
    }
    let broker = shell.plan.settings.broker.node_id;
    // Nobody is given this block.
    ask::decide(shell, Command::AllocateProducerIds { broker, above: survey.producer_id }).await.map(drop)
}

/// Begins the leader epochs that the survey asks for, of all partitions that the metadata knows now, before anybody is served.
pub(super) async fn begin_leader_epochs(shell: &Rc<Shell>, survey: &Survey) -> Result<(), StartError> {
    if planted(shell.plan.mutations.keep_leader_epochs) {
        return Ok(());
    }
    let broker = shell.plan.settings.broker.node_id;
    let due = due(&shell.context.image(), broker, survey);
    // Each is a record, and an entry of the metadata log has only so many.
    for partitions in due.chunks(limits::RECORDS_PER_COMMAND) {
        let command = Command::BeginLeaderEpochs { broker, partitions: partitions.to_vec() };
        let Reply::Done(_) = ask::decide(shell, command).await? else {
            panic!("another reply than to an election")
        };
    }
    Ok(())
}

fn due(image: &Image, broker: NodeId, survey: &Survey) -> Vec<(PartitionId, LeaderEpoch)> {
    let partitions = image.topics().flat_map(|topic| {
        let of_topic = move |index: &PartitionIndex| PartitionId { topic: topic.id, index: *index };
        topic.partitions.iter().map(move |(index, partition)| (of_topic(index), partition))
    });
    let led = partitions.filter(|(_, partition)| partition.leader == Some(broker));
    led.filter_map(|(id, partition)| Some((id, survey.must_begin(id, partition.directory_of(broker))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use logan_storage::kafka_files::CleanShutdown;

    use super::*;

    #[test]
    fn a_directory_goes_on_only_as_the_last_life_left_it() {
        let closed = |broker_epoch, by_logan| Some(CleanShutdown { broker_epoch, by_logan });
        let own = Report { was_clean: true, closed: closed(7, true), ..Report::default() };
        assert!(goes_on(&own, Some(7)));
        assert!(!goes_on(&own, Some(9)), "another life came after that");
        assert!(!goes_on(&own, None), "of another metadata log");
        for other in [
            Report { was_clean: false, ..own.clone() },
            Report { losses: vec!["something".to_owned()], ..own.clone() },
            Report { closed: closed(7, false), ..own.clone() },
            Report { closed: closed(-1, true), ..own.clone() },
            Report { closed: None, ..own.clone() },
        ] {
            assert!(!goes_on(&other, Some(7)), "{other:?}");
            assert!(!goes_on(&other, None), "{other:?}");
        }
    }

    #[test]
    fn a_log_that_is_missing_begins_in_a_new_epoch() {
        let id = |index| PartitionId { topic: Uuid([1; 16]), index: PartitionIndex(index) };
        let (here, offline) = (Uuid([2; 16]), Uuid([3; 16]));
        let survey = Survey {
            online: BTreeSet::from([here]),
            logs: BTreeMap::from([(id(0), None), (id(1), Some(LeaderEpoch(4)))]),
            producer_id: -1,
        };
        assert_eq!(survey.must_begin(id(0), Some(here)), None);
        assert_eq!(survey.must_begin(id(1), Some(here)), Some(LeaderEpoch(4)));
        assert_eq!(survey.must_begin(id(2), Some(here)), Some(LeaderEpoch(-1)));
        assert_eq!(survey.must_begin(id(2), None), Some(LeaderEpoch(-1)));
        assert_eq!(survey.must_begin(id(2), Some(offline)), None);
    }
}

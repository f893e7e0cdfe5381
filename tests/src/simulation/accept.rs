//! `logan recover --accept-loss`, where a node refuses a directory, or a partition its records.
//!
//! Checked:
//! - the recovery ends, and the broker starts after it
//! - each partition has a beginning of what it had, in order, and nothing else; those of other directories have all of it
//! - [`is_told`]: what is gone is told, of the partition that it is gone from, and of no other
//! - where something is gone, what follows is of a leader epoch that nobody was told of
//! - new producers are served

use logan::protocol::ErrorCode;

use super::client::Client;
use super::damage::{self, Told};
use super::disks;
use super::history::Partition;
use super::run::{LONG, Stage};
use super::work::{self, TOPIC};

/// What recovery can do nothing about: who the node is, and its metadata.
pub(super) fn is_beyond(path: &str) -> bool {
    path.contains("logan-metadata-") || path.ends_with("meta.properties")
}

/// The losses of a directory are accepted, and the broker is started again.
pub(super) fn accept_losses(stage: &Stage, directory: &str) {
    let (simulation, node) = (&stage.simulation, stage.broker.node);
    if simulation.is_running(node) {
        simulation.kill(node);
    }
    damage::settle(stage);
    // What is begun anew may be begun elsewhere.
    let concerned = disks::partitions_in(stage, directory);
    let mut losses = Vec::new();
    for (recovered, of) in stage.broker.recover(simulation).into_iter().zip(&stage.directories) {
        match recovered {
            Ok(of_directory) if *of == directory => losses = of_directory,
            Ok(of_other) if of_other.is_empty() => {}
            Ok(of_other) => {
                let text =
                    format!("{directory} has a loss to accept, and {of} tells of others: {of_other:?}");
                return stage.shared.fail(text);
            }
            Err(reason) => {
                return stage.shared.fail(format!("a loss is to be accepted, and is not: {reason}"));
            }
        }
    }
    stage.befell.borrow_mut().push(format!("accepted: {losses:?}"));
    damage::settle(stage);
    if let Err(reason) = damage::start(stage) {
        return stage.shared.fail(format!("a loss was accepted, and the broker does not start: {reason}"));
    }
    for partition in 0..stage.shared.partitions {
        let left = lose(stage, partition, concerned.contains(&partition));
        stage.shared.note(left.and_then(|left| is_told(partition, left, &losses)));
    }
    if stage.has_failed() {
        return;
    }
    stage.strike("a loss was accepted");
    for partition in 0..stage.shared.partitions {
        let log = stage.shared.history.borrow().acknowledged_of(partition);
        if matches!(damage::examine(stage, partition, &log), Told::Refuses) {
            return stage.shared.fail(format!("a loss was accepted, and partition {partition} refuses"));
        }
    }
    if stage.has_failed() {
        return;
    }
    let found = damage::read_all(stage);
    stage.shared.note(stage.shared.history.borrow().check(&found));
    if !stage.has_failed() {
        damage::go_on(stage, found.into_keys().collect());
    }
}

/// Whether the node, or what lies in a directory, is not there. (A batch that cannot be read is no reason to give it up: its partition says so,
/// and goes on behind it.)
pub(super) fn is_offline(stage: &Stage, directory: &str) -> bool {
    if !stage.simulation.is_running(stage.broker.node) {
        return true;
    }
    disks::partitions_in(stage, directory).into_iter().any(|partition| refuses(stage, partition))
}

/// Whether a partition does not say where it ends.
fn refuses(stage: &Stage, partition: Partition) -> bool {
    let shared = stage.shared.clone();
    stage.simulation.block_on(LONG, async move {
        let asking = async |client: &mut Client| Ok(Some(work::latest(client, partition).await?.error_code));
        work::insist(&shared, asking).await == ErrorCode::KAFKA_STORAGE_ERROR
    })
}

/// What a partition is left with, and how many records it has lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub length: i64,
    lost: i64,
}

/// Of a partition that is concerned the end may be lost. It says in the end how many records it has.
pub(super) fn lose(stage: &Stage, partition: Partition, is_concerned: bool) -> Result<Left, String> {
    let shared = &stage.shared;
    let (length, led_in) = damage::end_of(stage, partition);
    let had = shared.history.borrow().acknowledged_of(partition).len() as i64;
    let left = Left { length, lost: (had - length).max(0) };
    if left.lost == 0 {
        return Ok(left);
    }
    if !is_concerned {
        return Err(format!(
            "partition {partition} has {length} records of {had}, and lies in another directory"
        ));
    }
    shared.leads_anew(partition, led_in)?;
    shared.cut(partition, length);
    // Of producers the last batches may be gone: others go on.
    shared.producers.borrow_mut().retain(|_, producer| producer.partition != partition);
    Ok(left)
}

/// Whether what was told of a partition fits to what it has lost: a loss names it, or the records of a round log that it may have been in; of one that
/// those records created, and that begins anew, nothing names it. A loss of its own says from which offset on, if it says that; and none is told of
/// a partition that has lost nothing.
fn is_told(partition: Partition, left: Left, losses: &[String]) -> Result<(), String> {
    let Left { length, lost } = left;
    let named = losses.iter().filter(|loss| !is_of_rounds(loss) && names(loss, partition));
    let named: Vec<&String> = named.collect();
    if lost == 0 {
        let wrong = named.into_iter().find(|loss| !may_lose_nothing(loss));
        return wrong.map_or(Ok(()), |loss| {
            Err(format!("partition {partition} has lost nothing, and is told to have: {loss}"))
        });
    }
    let of_rounds = losses.iter().any(|loss| is_of_rounds(loss) && (length == 0 || names(loss, partition)));
    if named.is_empty() && !of_rounds {
        return Err(format!("partition {partition} has lost {lost} records, and nobody is told: {losses:?}"));
    }
    let given_up = named.iter().filter_map(|loss| given_up_from(loss)).min();
    match given_up {
        Some(from) if from != length && !of_rounds => Err(format!(
            "partition {partition} has {length} records left, and is told to have lost those from {from} on"
        )),
        _ => Ok(()),
    }
}

fn is_of_rounds(loss: &str) -> bool {
    loss.contains("round log ") || loss.contains("logan/rounds-") || loss.contains("logan/checkpoint-")
}

/// Whether it is about a partition, and not about one whose number begins alike.
fn names(loss: &str, partition: Partition) -> bool {
    let name = format!("{TOPIC}-{partition}");
    let is_apart = |at: usize| {
        let behind = loss[at + name.len()..].chars().next();
        let before = loss[..at].chars().next_back();
        !behind.is_some_and(|next| next.is_ascii_digit())
            && !before.is_some_and(|last| last.is_ascii_alphanumeric())
    };
    loss.match_indices(&name).any(|(at, _)| is_apart(at))
}

/// A log goes on where it ends, though its stop has recorded that it ended before: what was lost is that record.
fn may_lose_nothing(loss: &str) -> bool {
    loss.contains("or another program has appended to it without recording it")
}

/// The first offset that a cut has given up.
fn given_up_from(loss: &str) -> Option<i64> {
    let (_, rest) = loss.split_once("offsets ").filter(|_| loss.contains(" are given up"))?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_that_of_its_own_partition() {
        let cut = |partition, from| {
            vec![format!("main-{partition}: offsets {from} to 9 are given up, 70 bytes: damaged")]
        };
        let left = |length, lost| Left { length, lost };
        is_told(1, left(4, 6), &cut(1, 4)).unwrap();
        is_told(1, left(10, 0), &[]).unwrap();
        is_told(1, left(10, 0), &cut(2, 4)).unwrap();
        let rounds = |of: &str| vec![format!("round log 2: round 7 is missing; it may concern any of {of}")];
        is_told(1, left(4, 6), &rounds("main-0, main-1, side-3")).unwrap();
        is_told(1, left(0, 6), &rounds("main-0")).unwrap();
        is_told(1, left(4, 6), &rounds("main-0, main-12")).unwrap_err();
        is_told(1, left(4, 6), &[]).unwrap_err();
        is_told(1, left(4, 6), &cut(2, 4)).unwrap_err();
        is_told(1, left(4, 6), &cut(12, 4)).unwrap_err();
        is_told(1, left(4, 6), &cut(1, 5)).unwrap_err();
        is_told(1, left(10, 0), &cut(1, 10)).unwrap_err();
    }
}

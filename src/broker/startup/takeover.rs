//! Topics of a log directory that the metadata does not know: those of a directory that Kafka closed are taken over when the node's metadata
//! begins. Whatever else is unknown is left alone: a log is deleted only if the metadata says that its topic was.

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_storage::{LogKey, OpenedDirectory, TopicStanding};

use super::StartError;
use super::claim::Claimed;
use crate::broker::deletions::Deletions;
use crate::broker::{Shell, ask, partition_of};
use crate::metadata::{self, Command, Grounds, Image, Reply, TakenTopic};
use crate::model::{PartitionId, PartitionIndex, Uuid};

/// How many topics a warning names.
const TOPICS_NAMED: usize = 10;

/// Topics to take over, by id.
pub(super) type Foreign = BTreeMap<Uuid, Topic>;

/// What is known of a topic by its logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topic {
    name: String,
    /// The directory of each partition that is there.
    directories: BTreeMap<i32, Uuid>,
}

/// The topics whose logs lie in the directories, before any topic was ever created here, or while a takeover is under way.
///
/// While a directory is offline it is not known what there is. Its partitions would begin anew elsewhere, or its topics under other ids, and
/// what the metadata does not know once it has begun is never taken over: so there is no first start, and no end of a takeover, without it.
pub(super) fn foreign_topics(
    claimed: &[Option<Claimed>],
    volumes: &[Option<OpenedDirectory>],
) -> Result<Foreign, StartError> {
    if volumes.iter().any(Option::is_none) {
        return Err(StartError::NotAllThere);
    }
    let mut topics = Foreign::new();
    for (claimed, opened) in claimed.iter().zip(volumes) {
        let (Some(claimed), Some(opened)) = (claimed, opened) else { continue };
        for log in opened.parts.iter().flat_map(|part| part.ledger.logs.values()) {
            let PartitionId { topic, index: PartitionIndex(index) } = partition_of(&log.key);
            let entry = topics.entry(topic).or_default();
            entry.name.clone_from(&log.key.topic);
            entry.directories.insert(index, claimed.id);
        }
    }
    Ok(topics)
}

/// What the metadata says of a log's topic.
pub(super) fn standing(image: &Image, deletions: &Deletions) -> impl Fn(&LogKey) -> TopicStanding {
    move |key| {
        let topic = partition_of(key).topic;
        if image.topic_by_id(topic).is_some() {
            TopicStanding::Lives
        } else if deletions.contains(topic) {
            TopicStanding::Deleted
        } else {
            TopicStanding::Unknown
        }
    }
}

/// Takes over topics, under their ids: all of them, or none, since what the metadata does not know once it has begun is left alone. A node that
/// goes down in between goes on at its next start.
pub(super) async fn adopt(shell: &Rc<Shell>, foreign: Foreign) -> Result<(), StartError> {
    let image = shell.context.image();
    if foreign.is_empty() && !image.is_taking_over() {
        return Ok(());
    }
    let topics = foreign.into_iter().map(|(id, topic)| {
        let partitions = topic.directories.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        tracing::info!(
            "topic {} with {partitions} partitions is taken over from the log directory",
            topic.name
        );
        TakenTopic { name: topic.name, id, partitions, directories: topic.directories }
    });
    let topics: Vec<TakenTopic> = topics.collect();
    if let Some(lacking) = lacking(&topics) {
        tracing::warn!(
            "of these topics some partitions have no log here and begin anew, empty: {lacking}. If the directory is that of one broker of \
             several, the others have them, and what is here may be behind them"
        );
    }
    let commands = commands(topics, shell.plan.takeover_records);
    check(shell, &image, &commands)?;
    for command in commands {
        let reply = ask::decide(shell, command).await.map_err(|error| match error {
            StartError::Metadata(why) | StartError::Refused(why) => StartError::NotTakenOver(why),
            other => other,
        });
        all_taken(reply?)?;
    }
    Ok(())
}

/// The topics of which there are gaps below the last partition that is here: more than that a directory does not tell.
fn lacking(topics: &[TakenTopic]) -> Option<String> {
    let lacks = |topic: &&TakenTopic| (topic.directories.len() as i64) < i64::from(topic.partitions);
    let all: Vec<&TakenTopic> = topics.iter().filter(lacks).collect();
    let one = |topic: &&TakenTopic| {
        format!("{} ({} of at least {} are here)", topic.name, topic.directories.len(), topic.partitions)
    };
    let named: Vec<String> = all.iter().take(TOPICS_NAMED).map(one).collect();
    let rest = match all.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| named.join(", ") + &rest)
}

/// Commands of at most `max` records each. A topic with more partitions than there is room for goes on in the next.
fn commands(topics: Vec<TakenTopic>, max: usize) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut piece = Vec::new();
    // One is said of the takeover itself.
    let room_of_one = max.saturating_sub(1).max(2);
    let mut room = room_of_one;
    for topic in topics {
        let mut taken = 0;
        while taken < topic.partitions {
            if room < 2 {
                commands.push(Command::TakeOver { topics: std::mem::take(&mut piece), is_last: false });
                room = room_of_one;
            }
            let now = (topic.partitions - taken).min((room - 1) as i32);
            let directories = topic.directories.range(taken..taken + now);
            piece.push(TakenTopic {
                name: topic.name.clone(),
                id: topic.id,
                partitions: taken + now,
                directories: directories.map(|(index, directory)| (*index, *directory)).collect(),
            });
            taken += now;
            room -= 1 + now as usize;
        }
    }
    commands.push(Command::TakeOver { topics: piece, is_last: true });
    commands
}

/// Decides all commands for trial, so that none is refused after the first is committed.
fn check(shell: &Rc<Shell>, image: &Image, commands: &[Command]) -> Result<(), StartError> {
    let settings = &shell.plan.settings;
    let grounds = Grounds { fixed: &settings.fixed, node: settings.broker.node_id };
    let mut image = image.clone();
    for command in commands {
        let decided = metadata::decide(&image, grounds, command);
        let decision = decided.map_err(|refused| StartError::NotTakenOver(refused.message))?;
        all_taken(decision.reply)?;
        image = decision.image;
    }
    Ok(())
}

fn all_taken(reply: Reply) -> Result<(), StartError> {
    let Reply::Done(taken) = reply else { panic!("another reply than to a takeover") };
    match taken.into_iter().find_map(Result::err) {
        Some(refused) => Err(StartError::NotTakenOver(refused.message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(number: u8, partitions: i32) -> TakenTopic {
        let directories = (0..partitions).map(|index| (index, Uuid([number; 16]))).collect();
        TakenTopic { name: format!("t{number}"), id: Uuid([number; 16]), partitions, directories }
    }

    #[test]
    fn what_is_missing_of_topics_is_said_as_far_as_it_can_be_known() {
        assert_eq!(lacking(&[topic(1, 2), topic(2, 1)]), None);
        let partly = |number, partitions: i32| {
            let mut partly = topic(number, partitions);
            partly.directories.retain(|index, _| index + 1 == partitions);
            partly
        };
        let said = lacking(&[topic(1, 2), partly(2, 3)]);
        assert_eq!(said.as_deref(), Some("t2 (1 of at least 3 are here)"));
        let many: Vec<TakenTopic> = (0..12).map(|number| partly(number, 2)).collect();
        let said = lacking(&many).expect("they lack a partition each");
        assert!(said.contains("t9 (1 of at least 2 are here) and 2 more") && !said.contains("t10"), "{said}");
    }

    /// The pieces of each command.
    fn pieces(topics: Vec<TakenTopic>, max: usize) -> Vec<Vec<(String, i32, Vec<i32>)>> {
        let commands = commands(topics, max);
        let count = commands.len();
        let of_one = |(at, command)| {
            let Command::TakeOver { topics, is_last } = command else { panic!("{command:?}") };
            assert_eq!(is_last, at + 1 == count);
            let piece = |one: TakenTopic| (one.name, one.partitions, one.directories.into_keys().collect());
            topics.into_iter().map(piece).collect()
        };
        commands.into_iter().enumerate().map(of_one).collect()
    }

    #[test]
    fn what_is_too_much_for_one_command_comes_in_several() {
        let piece =
            |name: &str, until, these: std::ops::Range<i32>| (name.to_owned(), until, these.collect());
        let topics = vec![topic(1, 2), topic(2, 7), topic(3, 1)];
        assert_eq!(
            pieces(topics.clone(), 14),
            [[piece("t1", 2, 0..2), piece("t2", 7, 0..7), piece("t3", 1, 0..1)]]
        );
        assert_eq!(
            pieces(topics, 6),
            [
                vec![piece("t1", 2, 0..2), piece("t2", 1, 0..1)],
                vec![piece("t2", 5, 1..5)],
                vec![piece("t2", 7, 5..7), piece("t3", 1, 0..1)]
            ]
        );
        assert_eq!(pieces(Vec::new(), 6), [Vec::new()], "the end of a takeover is still said");
    }
}

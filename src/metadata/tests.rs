//! Decisions as data: `golden/*.txt` hold commands, and below each what it comes to.
//!
//! A block begins with `> ` and a command, and ends at an empty line; a block without `> ` is a remark. Each file is one cluster, to
//! which every command's records are applied. Where the expectations do not hold, the test prints the file as it would be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::image::Partition;
use super::record::{BrokerChange, PartitionChange, Record};
use super::testing::{broker, cluster};
use super::{
    BrokerRegistration, Command, CommandOutcome, ConfigChange, ConfigChanges, ConfigOperation, Decider,
    Decision, Grounds, Image, MorePartitions, Need, NewTopic, Refused, Reply, Resource, TakenTopic,
    TopicName, decide,
};
use crate::config::FixedSettings;
use crate::model::{ErrorCode, ImageVersion, LeaderEpoch, NodeId, PartitionId, PartitionIndex, Uuid};

/// A topic's id in these tests: its name, as far as it fits.
fn id_of(name: &str) -> Uuid {
    let mut bytes = [b'.'; 16];
    for (byte, of) in bytes.iter_mut().zip(name.bytes()) {
        *byte = of;
    }
    Uuid(bytes)
}

fn nodes(text: &str) -> Vec<NodeId> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| NodeId(id.parse().expect(id))).collect()
}

/// `key=value` and flags after a command's name.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn number(&self, key: &str) -> i32 {
        self.get(key).map_or(-1, |number| number.parse().expect(number))
    }

    fn has(&self, flag: &str) -> bool {
        self.0.contains(&flag)
    }
}

fn new_topic(text: &str) -> NewTopic {
    let words = Words(text.split(' ').collect());
    // `~` is no name at all, and `a*250` a long one.
    let name = match words.0[0] {
        "~" => String::new(),
        name => match name.split_once('*') {
            Some((part, times)) => part.repeat(times.parse().expect(times)),
            None => name.to_owned(),
        },
    };
    let assignments = words.get("assign").into_iter().flat_map(|all| all.split(';')).map(|one| {
        let (index, replicas) = one.split_once(':').expect(one);
        (index.parse().expect(index), nodes(replicas))
    });
    let configs = words.0.iter().filter_map(|word| word.strip_prefix("config.")).map(|config| {
        config
            .split_once('=')
            .map_or((config.to_owned(), None), |(name, value)| (name.to_owned(), Some(value.to_owned())))
    });
    NewTopic {
        partitions: words.number("partitions"),
        replication_factor: words.number("factor") as i16,
        assignments: assignments.collect(),
        configs: configs.collect(),
        id: id_of(&name),
        name,
    }
}

fn taken_topic(text: &str) -> TakenTopic {
    let words = Words(text.split(' ').collect());
    let directories = words.get("dirs").into_iter().flat_map(|all| all.split(';')).map(|one| {
        let (index, directory) = one.split_once(':').expect(one);
        (index.parse().expect(index), Uuid([directory.parse().expect(directory); 16]))
    });
    TakenTopic {
        name: words.0[0].to_owned(),
        id: id_of(words.get("id").unwrap_or(words.0[0])),
        partitions: words.number("partitions"),
        directories: directories.collect(),
    }
}

fn resource(text: &str) -> Resource {
    match text.split_once(':').expect(text) {
        ("topic", name) => Resource::Topic(name.to_owned()),
        ("broker", "") => Resource::Broker(None),
        ("broker", id) => Resource::Broker(Some(NodeId(id.parse().expect(id)))),
        _ => panic!("{text}"),
    }
}

fn config_change(text: &str) -> ConfigChange {
    let (operation, rest) = text.split_once(':').expect(text);
    let operation = match operation {
        "set" => ConfigOperation::Set,
        "delete" => ConfigOperation::Delete,
        "append" => ConfigOperation::Append,
        "subtract" => ConfigOperation::Subtract,
        other => panic!("{other}"),
    };
    let (name, value) =
        rest.split_once('=').map_or((rest, None), |(name, value)| (name, Some(value.to_owned())));
    ConfigChange { name: name.to_owned(), operation, value }
}

fn registration(id: i32, incarnation: u8) -> BrokerRegistration {
    let broker = broker(id);
    BrokerRegistration {
        id: broker.id,
        incarnation: Uuid([incarnation; 16]),
        endpoints: broker.endpoints,
        rack: None,
        log_dirs: broker.log_dirs,
    }
}

fn command(text: &str) -> Command {
    let (name, rest) = text.split_once(' ').expect(text);
    let all: Vec<&str> = rest.split(" + ").collect();
    let validate_only = Words(rest.split(' ').collect()).has("validate");
    match name {
        "create" => {
            Command::CreateTopics { topics: all.iter().map(|one| new_topic(one)).collect(), validate_only }
        }
        "take" => Command::TakeOver {
            topics: all.iter().map(|one| taken_topic(one)).collect(),
            is_last: Words(rest.split(' ').collect()).has("last"),
        },
        "delete" => {
            let topic = |one: &&str| match one.strip_prefix('#') {
                Some(of) => TopicName { name: None, id: id_of(of) },
                None => TopicName { name: Some((*one).to_owned()), id: Uuid::ZERO },
            };
            Command::DeleteTopics { topics: all.iter().map(topic).collect() }
        }
        "grow" => {
            let topic = |one: &&str| {
                let words = Words(one.split(' ').collect());
                MorePartitions {
                    name: words.0[0].to_owned(),
                    count: words.number("count"),
                    assignments: words.get("assign").map(|all| all.split(';').map(nodes).collect()),
                }
            };
            Command::CreatePartitions { topics: all.iter().map(topic).collect(), validate_only }
        }
        "alter" => {
            let changes = |one: &&str| {
                let words: Vec<&str> = one.split(' ').filter(|word| *word != "validate").collect();
                ConfigChanges {
                    resource: resource(words[0]),
                    changes: words[1..].iter().map(|change| config_change(change)).collect(),
                }
            };
            Command::AlterConfigs { resources: all.iter().map(changes).collect(), validate_only }
        }
        "ids" => {
            let words = Words(rest.split(' ').collect());
            let above = words.get("above").map_or(-1, |above| above.parse().expect(above));
            Command::AllocateProducerIds { broker: NodeId(words.0[0].parse().expect(rest)), above }
        }
        // Each with the newest epoch that its log knows: `elect 0 t-0:5 t-1:-1`.
        "elect" => {
            let mut words = rest.split(' ');
            let broker = NodeId(words.next().expect(rest).parse().expect(rest));
            let partition = |word: &str| {
                let (name, newest) = word.split_once(':').expect(word);
                let (topic, index) = name.rsplit_once('-').expect(word);
                let index = PartitionIndex(index.parse().expect(word));
                (PartitionId { topic: id_of(topic), index }, LeaderEpoch(newest.parse().expect(word)))
            };
            Command::BeginLeaderEpochs { broker, partitions: words.map(partition).collect() }
        }
        "register" => {
            let (id, incarnation) = rest.split_once(' ').expect(rest);
            let incarnation = incarnation.parse().expect(incarnation);
            Command::RegisterBroker(registration(id.parse().expect(id), incarnation))
        }
        "lose" => {
            let (id, directory) = rest.split_once(' ').expect(rest);
            let directory = Uuid([directory.parse().expect(directory); 16]);
            Command::LoseDirectory { broker: NodeId(id.parse().expect(id)), directory }
        }
        other => panic!("{other}"),
    }
}

/// Changes that no command makes: `fence 1`, `unfence 1`, `shutdown 1`, `leaderless t-0`.
fn change(image: &Image, text: &str) -> Option<Record> {
    let (name, rest) = text.split_once(' ')?;
    let of_broker = |fenced, begins_shutdown| {
        let broker = image.broker(NodeId(rest.parse().expect(rest))).expect(rest);
        Record::BrokerChange(BrokerChange {
            id: broker.id,
            epoch: broker.epoch,
            fenced,
            begins_shutdown,
            log_dirs: None,
        })
    };
    match name {
        "fence" => Some(of_broker(Some(true), false)),
        "unfence" => Some(of_broker(Some(false), false)),
        "shutdown" => Some(of_broker(None, true)),
        "leaderless" => {
            let (topic, index) = rest.rsplit_once('-').expect(rest);
            let topic = image.topic(topic).expect(topic).id;
            let id = PartitionId { topic, index: PartitionIndex(index.parse().expect(index)) };
            Some(Record::PartitionChange(PartitionChange { leader: Some(None), ..PartitionChange::none(id) }))
        }
        _ => None,
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn show_partition(partition: &Partition) -> String {
    format!(
        "replicas={} isr={} leader={} epochs={}/{} dirs={}",
        list(&partition.replicas),
        list(&partition.isr),
        partition.leader.map_or("none".to_owned(), |id| id.to_string()),
        partition.leader_epoch,
        partition.partition_epoch,
        list(partition.directories.iter().map(|directory| directory.0[0])),
    )
}

fn show_resource(resource: &Resource) -> String {
    match resource {
        Resource::Topic(name) => format!("topic:{name}"),
        Resource::Broker(id) => format!("broker:{}", id.map_or(String::new(), |id| id.to_string())),
    }
}

fn show_record(image: &Image, record: &Record) -> String {
    let name = |id: Uuid| image.topic_by_id(id).map_or_else(|| id.to_string(), |topic| topic.name.clone());
    let short = |text: &str| {
        if text.len() > 40 { format!("{}... ({})", &text[..9], text.len()) } else { text.to_owned() }
    };
    match record {
        Record::Topic { name, .. } => format!("topic {}", short(name)),
        Record::Partition { id, partition } => {
            format!("partition {}-{} {}", short(&name(id.topic)), id.index, show_partition(partition))
        }
        Record::PartitionChange(change) => {
            let partition = image.partition(change.id).expect("the record was applied");
            format!("change {}-{} {}", name(change.id.topic), change.id.index, show_partition(partition))
        }
        Record::RemoveTopic { id } => format!("remove {id}"),
        Record::Config { resource, name, value } => {
            let value = value.as_ref().map_or(format!("-{name}"), |value| format!("{name}={value}"));
            format!("config {} {value}", show_resource(resource))
        }
        Record::RegisterBroker(broker) => format!("broker {} epoch={}", broker.id, broker.epoch),
        Record::BrokerChange(BrokerChange { id, log_dirs: Some(left), .. }) => {
            let left: Vec<String> = left.iter().map(|directory| directory.0[0].to_string()).collect();
            format!("broker {id} dirs={}", left.join(","))
        }
        Record::ProducerIds(ids) => format!("producer ids of {} up to {}", ids.broker, ids.next),
        Record::FeatureLevel { name, level } => format!("feature {name}={level}"),
        other => format!("{other:?}"),
    }
}

fn show_reply(reply: &Result<Reply, Refused>) -> Vec<String> {
    let refused = |refused: &Refused| format!("error {} {}", refused.error.0, refused.message);
    match reply {
        Err(why) => vec![refused(why)],
        Ok(Reply::Topics(all)) => {
            let show = |one: &Result<super::CreatedTopic, Refused>| match one {
                Ok(created) => format!("created {} x {}", created.partitions, created.replication_factor),
                Err(why) => refused(why),
            };
            all.iter().map(show).collect()
        }
        Ok(Reply::Deleted(all)) => all
            .iter()
            .map(|one| one.as_ref().map_or_else(refused, |(name, _)| format!("deleted {name}")))
            .collect(),
        Ok(Reply::Done(all)) => {
            all.iter().map(|one| one.as_ref().map_or_else(refused, |()| "done".to_owned())).collect()
        }
        Ok(Reply::ProducerIds { first, count }) => vec![format!("ids {first}..{}", first + count)],
        Ok(Reply::Registered { epoch }) => vec![format!("registered epoch={epoch}")],
    }
}

/// Runs one file and returns it with the expectations as they are.
fn run(text: &str, brokers: i32, settings: &str) -> String {
    let (fixed, _) = FixedSettings::read(Some(("test", settings.as_bytes())), &[]).expect("good settings");
    let mut image = cluster(brokers);
    let mut version = 0;
    let blocks = text.trim_end().split("\n\n").map(|block| {
        let Some(line) = block.lines().next().and_then(|line| line.strip_prefix("> ")) else {
            return block.to_owned();
        };
        let mut out = format!("> {line}");
        if let Some(record) = change(&image, line) {
            image.apply(&record).expect("the change fits");
            return out;
        }
        let decided = decide(&image, Grounds { fixed: &fixed, node: NodeId(0) }, &command(line));
        let (reply, records) = match decided {
            Err(refused) => (Err(refused), Vec::new()),
            Ok(Decision { records, reply, image: after }) => {
                let mut again = image.clone();
                for record in &records {
                    again.apply(record).expect("decided records fit");
                }
                assert_eq!(again, after, "{line}");
                image = after;
                (Ok(reply), records)
            }
        };
        version += 1;
        image.set_version(ImageVersion(version));
        image.check();
        for line in
            show_reply(&reply).into_iter().chain(records.iter().map(|record| show_record(&image, record)))
        {
            write!(out, "\n{line}").expect("a string takes everything");
        }
        out
    });
    let mut text = blocks.collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text
}

fn check(text: &str, brokers: i32, settings: &str) {
    let actual = run(text, brokers, settings);
    assert!(actual == text, "the file would be:\n{actual}");
}

#[test]
fn topics_are_created_as_kafka_does() {
    check(include_str!("golden/create_topics.txt"), 1, "num.partitions=2");
}

#[test]
fn topics_are_created_over_several_brokers() {
    check(include_str!("golden/several_brokers.txt"), 3, "default.replication.factor=2");
}

#[test]
fn topics_are_deleted_and_grow() {
    check(include_str!("golden/delete_and_grow.txt"), 3, "");
}

#[test]
fn configurations_are_altered() {
    check(include_str!("golden/configs.txt"), 1, "");
}

#[test]
fn brokers_register_and_take_producer_ids() {
    check(include_str!("golden/brokers.txt"), 0, "");
}

#[test]
fn directories_are_kept_and_lost() {
    check(include_str!("golden/directories.txt"), 0, "");
}

#[test]
fn topics_are_taken_over_in_several_commands() {
    check(include_str!("golden/takeover.txt"), 0, "");
}

#[test]
fn leader_epochs_begin_above_what_logs_know() {
    check(include_str!("golden/elections.txt"), 0, "");
}

fn create(name: &str, partitions: i32) -> Command {
    Command::CreateTopics {
        topics: vec![NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: BTreeMap::new(),
            id: id_of(name),
        }],
        validate_only: false,
    }
}

struct Fixture {
    fixed: FixedSettings,
    decider: Decider<u32>,
}

impl Fixture {
    fn new() -> Self {
        let mut decider = Decider::new(cluster(1));
        decider.on_leading();
        Self { fixed: FixedSettings::none(), decider }
    }

    fn next_batch(&mut self) -> (Option<Vec<Record>>, Vec<(u32, CommandOutcome)>) {
        let grounds = Grounds { fixed: &self.fixed, node: NodeId(0) };
        let (batch, answers) = self.decider.next_batch(grounds);
        (batch.map(|batch| batch.records), answers)
    }

    fn command(&mut self, ticket: u32, command: Command) {
        assert_eq!(self.decider.on_command(ticket, command), []);
    }
}

/// Ticket, error or 0, version.
fn summary(answers: Vec<(u32, CommandOutcome)>) -> Vec<(u32, i16, u64)> {
    let one = |(ticket, outcome): (u32, CommandOutcome)| match outcome {
        Ok((Reply::Topics(created), version)) => {
            (ticket, created[0].as_ref().map_or_else(|refused| refused.error.0, |_| 0), version.0)
        }
        Ok((reply, _)) => panic!("{reply:?}"),
        Err(refused) => (ticket, refused.error.0, 0),
    };
    answers.into_iter().map(one).collect()
}

#[test]
fn of_two_creations_one_wins_and_what_comes_meanwhile_waits() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("t", 1));
    fixture.command(2, create("t", 1));
    let (batch, answers) = fixture.next_batch();
    let batch = batch.expect("one creation");
    assert_eq!((batch.len(), answers), (2, Vec::new()));
    fixture.decider.on_proposed(5, 8);
    fixture.command(3, create("u", 1));
    fixture.command(4, create("t", 1));
    assert_eq!(fixture.next_batch(), (None, Vec::new()), "one batch is undecided");
    assert!(fixture.decider.image().topic("t").is_none(), "nothing is committed");
    let answers = fixture.decider.on_committed(5, 8, &batch).expect("it fits");
    assert_eq!(summary(answers), [(1, 0, 8), (2, 36, 8)]);
    assert!(fixture.decider.image().topic("t").is_some());
    let (batch, answers) = fixture.next_batch();
    assert_eq!((batch.expect("the other topic").len(), answers), (2, Vec::new()));
}

#[test]
fn a_name_is_given_again_with_the_batch_after_the_one_that_gave_it_up() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("t", 1));
    let batch = fixture.next_batch().0.expect("a creation");
    fixture.decider.on_proposed(5, 8);
    fixture.decider.on_committed(5, 8, &batch).expect("it fits");
    let by_id = TopicName { name: None, id: id_of("t") };
    fixture.command(2, Command::DeleteTopics { topics: vec![by_id] });
    fixture.command(3, create("u", 1));
    let mut again = create("t", 1);
    if let Command::CreateTopics { topics, .. } = &mut again {
        topics[0].id = id_of("t again");
    }
    fixture.command(4, again);
    fixture.command(5, create("v", 1));
    let batch = fixture.next_batch().0.expect("a deletion");
    let names = |records: &[Record]| -> Vec<String> {
        let name = |record: &Record| match record {
            Record::Topic { name, .. } => Some(name.clone()),
            Record::RemoveTopic { .. } => Some("-".to_owned()),
            _ => None,
        };
        records.iter().filter_map(name).collect()
    };
    assert_eq!(names(&batch), ["-"]);
    fixture.decider.on_proposed(5, 9);
    fixture.decider.on_committed(5, 9, &batch).expect("it fits");
    let batch = fixture.next_batch().0.expect("the others");
    assert_eq!(names(&batch), ["u", "t", "v"]);
}

/// While the log has little space a creation is refused, and a deletion that came with it is not.
#[test]
fn what_gives_room_back_is_not_refused_with_what_only_adds() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("t", 1));
    let batch = fixture.next_batch().0.expect("a creation");
    fixture.decider.on_proposed(5, 8);
    fixture.decider.on_committed(5, 8, &batch).expect("it fits");
    let by_id = TopicName { name: None, id: id_of("t") };
    fixture.command(2, create("u", 1));
    fixture.command(3, create("v", 1));
    fixture.command(4, Command::DeleteTopics { topics: vec![by_id] });
    fixture.command(5, create("w", 1));
    let grounds = Grounds { fixed: &fixture.fixed, node: NodeId(0) };
    let batch = fixture.decider.next_batch(grounds).0.expect("the creations before the deletion");
    assert_eq!((batch.records.len(), batch.need), (4, Need::Growth));
    let refused = Refused { error: ErrorCode::KAFKA_STORAGE_ERROR, message: "no space".to_owned() };
    assert_eq!(summary(fixture.decider.on_refused(&refused)), [(2, 56, 0), (3, 56, 0)]);
    let batch = fixture.decider.next_batch(grounds).0.expect("the deletion");
    assert!(matches!(batch.records[..], [Record::RemoveTopic { .. }]) && batch.need == Need::Relief);
    fixture.decider.on_proposed(5, 9);
    fixture.decider.on_committed(5, 9, &batch.records).expect("it fits");
    assert_eq!(fixture.decider.next_batch(grounds).0.expect("the last creation").need, Need::Growth);
}

/// Directories of partitions with numbers of more digits could not be made.
#[test]
fn a_topic_has_a_hundred_thousand_partitions_at_most() {
    let fixed = FixedSettings::none();
    let grounds = Grounds { fixed: &fixed, node: NodeId(0) };
    let mut image = decide(&cluster(1), grounds, &create("t", 9_999)).expect("not too many").image;
    let grow = |image: &Image, count| {
        let topics = vec![MorePartitions { name: "t".to_owned(), count, assignments: None }];
        let command = Command::CreatePartitions { topics, validate_only: false };
        let Decision { reply: Reply::Done(done), image, .. } =
            decide(image, grounds, &command).expect("not too many")
        else {
            panic!("another reply")
        };
        done[0].clone().map(|()| image)
    };
    for tens in 2..=10 {
        image = grow(&image, tens * 10_000 - 1).expect("not too many");
    }
    assert_eq!(grow(&image, 100_001).expect_err("too many").error, ErrorCode::INVALID_PARTITIONS);
    assert_eq!(grow(&image, i32::MAX).expect_err("too many").error, ErrorCode::INVALID_PARTITIONS);
    grow(&image, 100_000).expect("as many as there may be");
}

#[test]
fn what_changes_nothing_is_answered_at_once_when_alone() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("not a name", 1));
    let (batch, answers) = fixture.next_batch();
    assert_eq!((batch, summary(answers)), (None, vec![(1, 17, 0)]));
}

#[test]
fn lost_leadership_drops_what_is_undecided() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("t", 1));
    let batch = fixture.next_batch().0.expect("a creation");
    fixture.decider.on_proposed(5, 8);
    fixture.command(2, create("u", 1));
    assert_eq!(summary(fixture.decider.on_following()), [(1, 41, 0), (2, 41, 0)]);
    assert_eq!(summary(fixture.decider.on_command(3, create("v", 1))), [(3, 41, 0)]);
    // The entry may be committed all the same.
    assert_eq!(fixture.decider.on_committed(5, 8, &batch), Ok(Vec::new()));
    assert!(fixture.decider.image().topic("t").is_some());
}

#[test]
fn a_batch_that_another_entry_replaced_is_lost() {
    let mut fixture = Fixture::new();
    fixture.command(1, create("t", 1));
    assert!(fixture.next_batch().0.is_some());
    fixture.decider.on_proposed(5, 8);
    let answers = fixture.decider.on_committed(6, 8, &[]).expect("an empty entry fits");
    assert_eq!(summary(answers), [(1, 41, 0)]);
    assert!(fixture.decider.image().topic("t").is_none());
    fixture.command(2, create("t", 1));
    assert!(fixture.next_batch().0.is_some(), "the name is still free");
    let refused = Refused { error: ErrorCode::NOT_CONTROLLER, message: String::new() };
    assert_eq!(summary(fixture.decider.on_refused(&refused)), [(2, 41, 0)]);
}

#[test]
fn a_batch_is_bounded_and_the_rest_comes_with_the_next() {
    let mut fixture = Fixture::new();
    for ticket in 0..30 {
        fixture.command(ticket, create(&format!("t{ticket}"), 999));
    }
    let mut index = 2;
    let mut batches = Vec::new();
    while let Some(batch) = fixture.next_batch().0 {
        let bytes: usize = batch.iter().map(Record::size_bound).sum();
        assert!(bytes <= 2 * super::decider::BATCH_BYTES);
        batches.push(batch.len());
        fixture.decider.on_proposed(1, index);
        assert!(!fixture.decider.on_committed(1, index, &batch).expect("it fits").is_empty());
        index += 1;
    }
    assert_eq!(batches, [10_000, 10_000, 10_000]);
    assert_eq!(fixture.decider.image().topics().count(), 30);
}

/// Commands that meet each other: few names, few brokers.
fn any_command() -> impl Strategy<Value = Command> {
    let name =
        || prop_oneof![Just("a"), Just("b"), Just("c.d"), Just("c_d"), Just("")].prop_map(str::to_owned);
    let create = (name(), -1..4_i32, -1..4_i16, any::<u8>(), any::<bool>()).prop_map(
        |(name, partitions, replication_factor, id, validate_only)| Command::CreateTopics {
            topics: vec![NewTopic {
                name,
                partitions,
                replication_factor,
                assignments: Vec::new(),
                configs: BTreeMap::from([("retention.ms".to_owned(), Some("5".to_owned()))]),
                id: Uuid([id; 16]),
            }],
            validate_only,
        },
    );
    let delete = name().prop_map(|name| Command::DeleteTopics {
        topics: vec![TopicName { name: Some(name), id: Uuid::ZERO }],
    });
    let grow = (name(), 0..9_i32).prop_map(|(name, count)| Command::CreatePartitions {
        topics: vec![MorePartitions { name, count, assignments: None }],
        validate_only: false,
    });
    let alter = (name(), "[0-9]{1,3}").prop_map(|(name, value)| Command::AlterConfigs {
        resources: vec![ConfigChanges {
            resource: Resource::Topic(name),
            changes: vec![ConfigChange {
                name: "retention.ms".to_owned(),
                operation: if value.len() == 1 { ConfigOperation::Delete } else { ConfigOperation::Set },
                value: Some(value),
            }],
        }],
        validate_only: false,
    });
    let ids = (0..4_i32).prop_map(|id| Command::AllocateProducerIds { broker: NodeId(id), above: -1 });
    let register = (0..4_i32, 0..3_u8)
        .prop_map(|(id, incarnation)| Command::RegisterBroker(registration(id, incarnation)));
    let lose = (0..4_i32, any::<bool>()).prop_map(|(id, first)| {
        let directory = Uuid([if first { 10 } else { 20 } + id as u8; 16]);
        Command::LoseDirectory { broker: NodeId(id), directory }
    });
    prop_oneof![4 => create, 2 => delete, 2 => grow, 2 => alter, 1 => ids, 1 => register, 1 => lose]
}

proptest! {
    #[test]
    fn images_hold_together_and_are_what_their_records_say(commands in proptest::collection::vec(any_command(), 1..40)) {
        let fixed = FixedSettings::none();
        let mut image = cluster(2);
        for (command, version) in commands.iter().zip(1..) {
            let before = image.clone();
            if let Ok(decision) = decide(&image, Grounds { fixed: &fixed, node: NodeId(0) }, command) {
                for record in &decision.records {
                    image.apply(record).expect("decided records fit");
                }
                prop_assert_eq!(&image, &decision.image);
            }
            before.check();
            image.set_version(ImageVersion(version));
            image.check();
            let restored = Image::restore("cluster", image.version(), &image.records());
            prop_assert_eq!(restored.as_ref(), Ok(&image));
        }
    }

    #[test]
    fn a_record_that_does_not_fit_changes_nothing(records in proptest::collection::vec(super::testing::any_record(), 1..40)) {
        let mut image = cluster(2);
        for record in records {
            let before = image.clone();
            if image.apply(&record).is_err() {
                prop_assert_eq!(&image, &before);
            }
            image.check();
        }
    }
}

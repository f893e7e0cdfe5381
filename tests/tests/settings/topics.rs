//! Topics: who makes them, what they have where nothing is said, and how they are told of.

use logan::protocol::messages as m;
use logan::protocol::{ErrorCode, Str};
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::typed;
use logan_tests::wire::Connection;

fn ask(connection: &mut Connection, topic: &str) -> m::metadata::MetadataResponseTopic {
    let topic = m::metadata::MetadataRequestTopic { name: Some(Str::from(topic)), ..Default::default() };
    let request = m::MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    assert!(request.allow_auto_topic_creation);
    typed::call(connection, 9, &request).topics.remove(0)
}

/// With the broker's own numbers.
fn create(connection: &mut Connection, name: &str) -> m::create_topics::CreatableTopicResult {
    let topic = m::create_topics::CreatableTopic {
        name: Str::from(name),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    };
    let request = m::CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    typed::call(connection, 7, &request).topics.remove(0)
}

fn start(scratch: &Scratch, overrides: &[&str]) -> (Broker, Connection) {
    let broker = Broker::start(Settings::new(scratch, overrides));
    let connection = Connection::open(broker.address());
    (broker, connection)
}

#[test]
fn creation_without_being_asked() {
    let scratch = Scratch::new("auto");
    for (overrides, is_made) in [(&[][..], true), (&["auto.create.topics.enable=false"], false)] {
        let (_broker, mut connection) = start(&scratch, overrides);
        let name = format!("made-{is_made}");
        let topic = ask(&mut connection, &name);
        let expected = if is_made { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        assert_eq!((topic.error_code, topic.partitions.len()), (expected, usize::from(is_made)));
        assert_eq!(ask(&mut connection, &name).error_code, expected, "nor is it made later");
        // Whoever creates it may.
        let expected = if is_made { ErrorCode::TOPIC_ALREADY_EXISTS } else { ErrorCode::NONE };
        assert_eq!(create(&mut connection, &name).error_code, expected);
    }
}

#[test]
fn what_a_topic_has_that_says_nothing() {
    let scratch = Scratch::new("numbers");
    let (mut broker, mut connection) = start(&scratch, &["num.partitions=3"]);
    assert_eq!(ask(&mut connection, "asked").partitions.len(), 3);
    let created = create(&mut connection, "created");
    assert_eq!(
        (created.error_code, created.num_partitions, created.replication_factor),
        (ErrorCode::NONE, 3, 1)
    );
    assert_eq!(ask(&mut connection, "created").partitions.len(), 3);
    assert!(broker.stop().success());
    broker.settings_mut().overrides = vec!["default.replication.factor=2".to_owned()];
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!(create(&mut connection, "twice").error_code, ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_ne!(ask(&mut connection, "twice").error_code, ErrorCode::NONE);
    assert_eq!(connection.create_topic("once", 1, &[]), 0, "one that says how many");
}

#[test]
fn deletion_can_be_forbidden() {
    let scratch = Scratch::new("delete");
    let (mut broker, mut connection) = start(&scratch, &["delete.topic.enable=false"]);
    assert_eq!(connection.create_topic("kept", 1, &[]), 0);
    let delete = |connection: &mut Connection, version| {
        let request = m::DeleteTopicsRequest { topic_names: vec![Str::from("kept")], ..Default::default() };
        typed::call(connection, version, &request).responses[0].error_code
    };
    // Only later versions can say it.
    assert_eq!(delete(&mut connection, 2), ErrorCode::INVALID_REQUEST);
    assert_eq!(delete(&mut connection, 3), ErrorCode::TOPIC_DELETION_DISABLED);
    assert_eq!(connection.list_offset("kept", 0, -1), (0, -1, 0));
    assert!(broker.stop().success());
    broker.settings_mut().overrides.clear();
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!(delete(&mut connection, 3), ErrorCode::NONE);
    assert_eq!(connection.list_offset("kept", 0, -1).0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
}

#[test]
fn pages_have_a_limit() {
    let scratch = Scratch::new("pages");
    let (_broker, mut connection) = start(&scratch, &["max.request.partition.size.limit=2"]);
    assert_eq!(connection.create_topic("pages", 5, &[]), 0);
    let mut page = |limit, cursor: Option<(&str, i32)>| {
        use m::describe_topic_partitions as page;
        let request = m::DescribeTopicPartitionsRequest {
            topics: vec![page::TopicRequest { name: Str::from("pages"), ..Default::default() }],
            response_partition_limit: limit,
            cursor: cursor.map(|(topic, partition_index)| page::DescribeTopicPartitionsRequestCursor {
                topic_name: Str::from(topic),
                partition_index,
                ..Default::default()
            }),
            ..Default::default()
        };
        let response = typed::call(&mut connection, 0, &request);
        let indexes: Vec<i32> =
            response.topics[0].partitions.iter().map(|part| part.partition_index).collect();
        (indexes, response.next_cursor.map(|cursor| (cursor.topic_name.to_string(), cursor.partition_index)))
    };
    let next = |partition| Some(("pages".to_owned(), partition));
    assert_eq!(page(100, None), (vec![0, 1], next(2)));
    assert_eq!(page(1, None), (vec![0], next(1)), "a client may ask for less");
    assert_eq!(page(100, Some(("pages", 2))), (vec![2, 3], next(4)));
    assert_eq!(page(100, Some(("pages", 4))), (vec![4], None));
}

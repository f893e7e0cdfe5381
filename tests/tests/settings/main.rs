//! Each setting that counts is changed by a test, and makes the difference that it makes in Kafka. Most are shown here; which test shows each
//! of the others is written below.

mod flushes;
mod node;
mod records;
mod segments;
mod topics;

use std::collections::BTreeSet;
use std::path::Path;

use logan::config::table;

/// Settings (a topic's with what stands in for it among the broker's), with the test that changes them: its file in this workspace, and its
/// function, which itself names them.
const SHOWN: &[(&[&str], &str, &str)] = &[
    (&["advertised.listeners"], "tests/tests/connections.rs", "clients_are_told_of_their_own_listener"),
    (&["auto.create.topics.enable"], "tests/tests/settings/topics.rs", "creation_without_being_asked"),
    (
        &["broker.id", "node.id", "broker.rack"],
        "tests/tests/settings/node.rs",
        "a_node_says_who_and_where_it_is",
    ),
    (
        &["compression.type", "compression.gzip.level", "compression.zstd.level"],
        RECORDS,
        "compression_and_its_levels",
    ),
    (&["connections.max.idle.ms"], "tests/tests/connections.rs", "idle_connections_are_closed"),
    (&["controller.listener.names"], "src/config/broker.rs", "a_file_made_for_a_lone_kafka_node_is_taken"),
    (
        &["controller.quorum.bootstrap.servers", "controller.quorum.voters", "process.roles"],
        "tests/tests/settings/node.rs",
        "a_cluster_of_several_nodes_is_not_begun_by_accident",
    ),
    (
        &["default.replication.factor", "num.partitions"],
        "tests/tests/settings/topics.rs",
        "what_a_topic_has_that_says_nothing",
    ),
    (&["delete.topic.enable"], "tests/tests/settings/topics.rs", "deletion_can_be_forbidden"),
    (&["fetch.max.bytes"], RECORDS, "a_fetch_is_bounded_by_the_broker"),
    (
        &[
            "flush.messages",
            "flush.ms",
            "log.flush.interval.messages",
            "log.flush.interval.ms",
            "log.flush.scheduler.interval.ms",
            "logan.ack.sync",
        ],
        "tests/tests/settings/flushes.rs",
        "what_a_power_loss_leaves",
    ),
    (&["index.interval.bytes", "log.index.interval.bytes"], SEGMENTS, "how_dense_an_index_is"),
    (
        &["inter.broker.listener.name"],
        "tests/tests/connections.rs",
        "the_inter_broker_listener_takes_the_place_of_others",
    ),
    (
        &["listener.security.protocol.map", "listeners"],
        "tests/tests/connections.rs",
        "clients_are_told_of_their_own_listener",
    ),
    (&["log.dir"], "tests/tests/first_start.rs", "without_any_argument_a_broker_starts"),
    (&["log.dirs"], "tests/tests/start.rs", "topics_are_taken_over_where_they_are"),
    (&["log.index.size.max.bytes", "segment.index.bytes"], SEGMENTS, "a_full_index_ends_a_segment"),
    (&["log.roll.hours", "log.roll.ms", "segment.ms"], SEGMENTS, "old_segments_end"),
    (
        &["log.roll.jitter.hours", "log.roll.jitter.ms", "segment.jitter.ms"],
        SEGMENTS,
        "old_segments_do_not_all_end_together",
    ),
    (&["log.segment.bytes", "segment.bytes"], SEGMENTS, "large_segments_end"),
    (&["logan.lane.messages"], "tests/tests/librdkafka.rs", "exhausted_lane_credit"),
    (&["logan.memory.bytes"], "tests/tests/memory.rs", "stored_batches_are_searched_one_after_another"),
    (&["logan.recovery.bytes"], SEGMENTS, "what_a_start_reads_again_is_bounded"),
    (&["logan.shards"], "tests/tests/first_start.rs", "the_ready_line_says_what_one_has_to_know"),
    (&["max.connection.creation.rate"], "tests/tests/connections.rs", "connections_that_come_too_fast_wait"),
    (&["max.connections"], "tests/tests/connections.rs", "a_full_broker_keeps_the_next_one_waiting"),
    (
        &["max.connections.per.ip", "max.connections.per.ip.overrides"],
        "tests/tests/connections.rs",
        "an_address_has_its_limit",
    ),
    (&["max.incremental.fetch.session.cache.slots"], RECORDS, "fetch_sessions_have_so_many_places"),
    (&["max.message.bytes", "message.max.bytes"], RECORDS, "how_large_a_batch_may_be"),
    (&["max.request.partition.size.limit"], "tests/tests/settings/topics.rs", "pages_have_a_limit"),
    (
        &[
            "log.message.timestamp.after.max.ms",
            "log.message.timestamp.before.max.ms",
            "log.message.timestamp.type",
            "message.timestamp.after.max.ms",
            "message.timestamp.before.max.ms",
            "message.timestamp.type",
        ],
        RECORDS,
        "which_times_records_may_have",
    ),
    (&["metadata.log.dir"], "tests/tests/start.rs", "metadata_in_a_directory_of_its_own"),
    (&["min.insync.replicas"], "tests/tests/answers.rs", "more_replicas_than_there_are_need_not_be_in_sync"),
    (&["producer.id.expiration.ms"], RECORDS, "silent_producers_are_forgotten"),
    (&["socket.request.max.bytes"], RECORDS, "how_large_a_request_may_be"),
];

const RECORDS: &str = "tests/tests/settings/records.rs";
const SEGMENTS: &str = "tests/tests/settings/segments.rs";

#[test]
fn every_setting_that_counts_is_changed_by_a_test() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace");
    let mut shown = BTreeSet::new();
    for (names, file, function) in SHOWN {
        let text =
            std::fs::read_to_string(workspace.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        let body = test_in(&text, function).unwrap_or_else(|| panic!("{file} has no test {function}"));
        for name in *names {
            assert!(speaks_of(body, name), "{function} in {file} does not speak of {name}");
            assert!(shown.insert(*name), "{name} is named twice");
        }
    }
    let counts: BTreeSet<&str> =
        table::all().iter().filter(|setting| setting.honoured).map(|setting| setting.name).collect();
    assert_eq!(counts.difference(&shown).collect::<Vec<_>>(), Vec::<&&str>::new(), "shown by no test");
    assert_eq!(shown.difference(&counts).collect::<Vec<_>>(), Vec::<&&str>::new(), "without effect");
}

/// A test's function, to its end: one with the attribute, or one that is run with each number of shards.
fn test_in<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let begins = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(function))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let at = lines.iter().position(|line| begins(line))?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let is_end =
        |line: &&str| line.len() - line.trim_start().len() == indent && line.trim_start().starts_with('}');
    let length = 1 + lines[at..].iter().position(is_end)?;
    let before = lines[..at].iter().rev().map(|line| line.trim());
    let mut attributes = before.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    let of_macro =
        text.split_once("with_each_number_of_shards! {").and_then(|(_, rest)| rest.split_once('}'));
    let is_listed = of_macro.is_some_and(|(list, _)| list.split(',').any(|name| name.trim() == function));
    if !is_listed && !attributes.any(|line| line == "#[test]") {
        return None;
    }
    let from: usize = lines[..at].iter().map(|line| line.len()).sum();
    let bytes: usize = lines[at..at + length].iter().map(|line| line.len()).sum();
    Some(&text[from..from + bytes])
}

/// Whether a text has the name of a setting, and not only one that begins or ends with it.
fn speaks_of(text: &str, name: &str) -> bool {
    let is_part = |next: char| next.is_ascii_alphanumeric() || matches!(next, '.' | '_');
    text.match_indices(name).any(|(at, _)| {
        // An escaped line break ends with a letter.
        let before = text[..at].strip_suffix("\\n").map_or_else(|| text[..at].chars().next_back(), |_| None);
        let behind = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

#[test]
fn a_setting_is_shown_by_its_own_test() {
    let text = "with_each_number_of_shards! {\n    listed,\n}\n\n/// Says so.\n#[test]\nfn one() {\n    if true {\n        set(\"log.dirs\");\n    }\n}\n\n\
                fn listed(shards: u16) {\n    set(\"a=1\\nlog.dir=x\");\n}\n\nfn helper() {\n    set(\"num.partitions\");\n}\n";
    let (one, listed) = (test_in(text, "one").unwrap(), test_in(text, "listed").unwrap());
    assert!(one.starts_with("fn one()") && one.ends_with("    }\n}\n"), "{one}");
    assert!(speaks_of(one, "log.dirs") && !speaks_of(one, "log.dir") && !speaks_of(one, "dirs"));
    assert!(speaks_of(listed, "log.dir") && !speaks_of(listed, "num.partitions"));
    assert_eq!((test_in(text, "helper"), test_in(text, "on")), (None, None));
}

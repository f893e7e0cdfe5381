//! What a node is called, where it stands, and whom it belongs to.

use logan::protocol::messages as m;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::typed;
use logan_tests::wire::Connection;

/// The id, the rack and the controller, as two requests tell them.
type Told = (i32, Option<String>, i32);

fn told(settings: Settings) -> [Told; 2] {
    let broker = Broker::start(settings);
    let mut connection = Connection::open(broker.address());
    let metadata =
        typed::call(&mut connection, 9, &m::MetadataRequest { topics: None, ..Default::default() });
    let cluster = typed::call(&mut connection, 0, &m::DescribeClusterRequest::default());
    assert_eq!((metadata.brokers.len(), cluster.brokers.len()), (1, 1));
    let (one, other) = (&metadata.brokers[0], &cluster.brokers[0]);
    [
        (one.node_id, one.rack.as_ref().map(ToString::to_string), metadata.controller_id),
        (other.broker_id, other.rack.as_ref().map(ToString::to_string), cluster.controller_id),
    ]
}

#[test]
fn a_node_says_who_and_where_it_is() {
    let rack = || Some("row 7".to_owned());
    for (overrides, expected) in [
        (&[][..], (1, None, 1)),
        (&["node.id=7", "broker.rack=row 7"], (7, rack(), 7)),
        // The older name of the same.
        (&["broker.id=8", "broker.rack=row 7"], (8, rack(), 8)),
    ] {
        let scratch = Scratch::new("node");
        let settings = Settings::new(&scratch, overrides);
        assert_eq!(told(settings), [expected.clone(), expected], "{overrides:?}");
    }
    // A node may be moved.
    let scratch = Scratch::new("node");
    let mut settings = Settings::new(&scratch, &["broker.rack=a"]);
    assert_eq!(told(settings.clone())[0].1.as_deref(), Some("a"));
    settings.overrides = vec!["broker.rack=b".to_owned()];
    assert_eq!(told(settings)[1].1.as_deref(), Some("b"));
}

#[test]
fn a_cluster_of_several_nodes_is_not_begun_by_accident() {
    let scratch = Scratch::new("several");
    for setting in [
        "controller.quorum.voters=1@127.0.0.1:19093,2@127.0.0.1:29093",
        "controller.quorum.voters=2@127.0.0.1:29093",
        "controller.quorum.bootstrap.servers=127.0.0.1:19093,127.0.0.1:29093",
        "process.roles=broker",
        "process.roles=controller",
    ] {
        let settings = Settings::new(&scratch, &[setting]);
        let data = settings.data.clone();
        let refused = Broker::try_start(settings).expect_err(setting);
        let name = setting.split('=').next().expect("a key");
        assert_eq!(refused.status.code(), Some(1), "{}", refused.output);
        assert!(refused.output.contains(name), "{}", refused.output);
        assert!(!data.exists(), "nothing is written");
    }
    // As many of each as there are.
    let alone = ["process.roles=broker,controller", "controller.quorum.voters=1@127.0.0.1:19093"];
    let broker = Broker::start(Settings::new(&scratch, &alone));
    assert!(!Connection::open(broker.address()).api_versions().is_empty());
}

//! The command line's tools, on directories that another process has just left.

use std::process::Command;

use logan_tests::batch::Batch;
use logan_tests::broker::{self, Broker, Scratch, Settings};
use logan_tests::wire::Connection;

/// A process that has ended holds its locks for a moment more, until the kernel has done with its ring: whoever comes next waits for that.
#[test]
fn a_directory_is_recovered_as_soon_as_it_was_left() {
    let scratch = Scratch::new("recovered");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 4, &[]), 0);
    for partition in 0..4 {
        assert_eq!(connection.produce("kept", partition, -1, &Batch::of(&[b"a"]).encode()).error, 0);
    }
    broker.kill();
    for _ in 0..4 {
        let recovered = Command::new(broker::binary()).arg("recover").arg(&broker.settings().data).output();
        let recovered = recovered.expect("the binary runs");
        assert!(recovered.status.success(), "{}", String::from_utf8_lossy(&recovered.stderr));
    }
    broker.restart();
    let mut connection = Connection::open(broker.address());
    for partition in 0..4 {
        assert_eq!(connection.list_offset("kept", partition, -1), (0, -1, 1));
    }
    // It is not waited for as long as somebody uses it.
    let refused = Command::new(broker::binary()).arg("recover").arg(&broker.settings().data).output();
    let refused = refused.expect("the binary runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("locked"), "{refused:?}");
}

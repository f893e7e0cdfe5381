//! Topics that come and go quickly, names that none may have, and requests about settings that are small and ask for very much.

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, Settings};
use logan_tests::wire::{self, Connection, Reader, Writer};

const DELETE_TOPICS: i16 = 20;

/// Creates topics of one partition with one request.
fn create(connection: &mut Connection, names: &[String]) {
    let head = Writer::default().i32(names.len() as i32);
    let body = names.iter().fold(head, |w, name| w.string(name).i32(1).i16(1).i32(0).i32(0));
    let response = connection.call(wire::CREATE_TOPICS, 4, &body.i32(30_000).i8(0));
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (name, error, message) = (r.string(), r.i16(), r.string());
        assert_eq!(error, 0, "{name}: {message}");
    }
}

fn delete(connection: &mut Connection, names: &[String]) {
    let body = names.iter().fold(Writer::default().i32(names.len() as i32), |w, name| w.string(name));
    let response = connection.call(DELETE_TOPICS, 1, &body.i32(30_000));
    let mut r = Reader(&response);
    r.i32();
    for _ in 0..r.count() {
        let (name, error) = (r.string(), r.i16());
        assert_eq!(error, 0, "{name}");
    }
}

/// The next topic of a name has another id, and so perhaps another shard. Its directory has the name of the one before.
#[test]
fn topics_are_deleted_and_created_again_at_once() {
    const TOPICS: usize = 400;
    let scratch = Scratch::new("again");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    let names: Vec<String> = (0..TOPICS).map(|number| format!("again-{number}")).collect();
    create(&mut connection, &names);
    for _ in 0..3 {
        delete(&mut connection, &names);
        create(&mut connection, &names);
        for name in &names {
            assert_eq!(connection.produce(name, 0, -1, &Batch::of(&[b"kept"]).encode()).error, 0, "{name}");
        }
    }
    let hold_one = |broker: &Broker| {
        let mut connection = Connection::open(broker.address());
        for name in &names {
            assert_eq!(connection.list_offset(name, 0, -1), (0, -1, 1), "{name}");
        }
    };
    hold_one(&broker);
    broker.kill();
    broker.restart();
    hold_one(&broker);
    assert!(broker.stop().success(), "{}", broker.output());
    broker.restart();
    hold_one(&broker);
}

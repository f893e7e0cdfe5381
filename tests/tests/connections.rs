//! Limits on connections (KIP-402, KIP-612): who is refused, who waits, and who has to go. Kafka 4.3.1 was asked each of these, with the
//! same limits:
//! - beyond the limit of its address a connection is accepted and closed at once, whether it has said anything or not
//! - beyond the limit of the broker it is accepted by the kernel only and waits, and is answered when another leaves
//! - when the limit falls below what is there, the connections that were not used for the longest are closed, in silence; each of Kafka's
//!   network threads, as each shard, looks at its own only
//! - beyond a rate, a burst of ten seconds' worth passes, then connections come at the rate for a second, then one a second until the burst
//!   is eleven seconds ago
//! - an idle connection is closed when its time is over, used before or not

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, Settings, free_port};
use logan_tests::wire::{self, Connection, FetchFrom, Writer};

/// What becomes of a connection that asks for the versions of the APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Served,
    Waits,
    Closed,
}

fn fate(connection: &mut Connection, patience: Duration) -> Fate {
    if connection.send(wire::API_VERSIONS, 0, &Writer::default().0).is_err() {
        return Fate::Closed;
    }
    connection.stream.set_read_timeout(Some(patience)).expect("an open socket");
    match connection.receive() {
        Ok(_) => Fate::Served,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => Fate::Waits,
        Err(_) => Fate::Closed,
    }
}

/// Connections that have asked, with what has become of each so far.
struct Crowd(Vec<(Connection, Fate)>);

/// So many new connections.
fn open(address: SocketAddr, count: usize) -> Crowd {
    Crowd::of((0..count).map(|_| Connection::open(address)).collect())
}

impl Crowd {
    /// Asks each connection once more.
    fn of(connections: Vec<Connection>) -> Self {
        let ask = |mut connection: Connection| {
            let is_open = connection.send(wire::API_VERSIONS, 0, &Writer::default().0).is_ok();
            (connection, if is_open { Fate::Waits } else { Fate::Closed })
        };
        Self(connections.into_iter().map(ask).collect())
    }

    /// How many are served, wait and are closed.
    fn count(&mut self) -> [usize; 3] {
        for (connection, fate) in self.0.iter_mut().filter(|(_, fate)| *fate == Fate::Waits) {
            connection.stream.set_read_timeout(Some(Duration::from_millis(10))).expect("an open socket");
            *fate = match connection.stream.peek(&mut [0]) {
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => Fate::Waits,
                Ok(0) | Err(_) => Fate::Closed,
                Ok(_) => {
                    connection.stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
                    connection.receive().expect("the rest of the answer");
                    Fate::Served
                }
            };
        }
        [Fate::Served, Fate::Waits, Fate::Closed].map(|fate| self.fates().filter(|its| *its == fate).count())
    }

    fn fates(&self) -> impl Iterator<Item = Fate> {
        self.0.iter().map(|(_, fate)| *fate)
    }

    /// So many are served, wait and are closed in the end, and it stays so.
    fn becomes(&mut self, expected: [usize; 3]) {
        let began = Instant::now();
        while self.count() != expected {
            assert!(began.elapsed() < PATIENCE, "{:?}, and not {expected:?}", self.count());
        }
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(self.count(), expected, "at first it was");
    }
}

/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the broker has noticed what was closed: until one more connection is served.
fn until_served(address: SocketAddr) -> Connection {
    let began = Instant::now();
    loop {
        let mut connection = Connection::open(address);
        if fate(&mut connection, Duration::from_secs(5)) == Fate::Served {
            return connection;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "nobody is served any more");
    }
}

#[test]
fn an_address_has_its_limit() {
    let scratch = Scratch::new("per-ip");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2", "max.connections.per.ip=5"]));
    open(broker.address(), 8).becomes([5, 0, 3]);
    let mut admin = until_served(broker.address());
    let overrides = "max.connections.per.ip.overrides";
    assert_eq!(admin.set_broker_setting(overrides, "localhost:3,192.0.2.7:0"), 0);
    // The name is looked up before it counts, and those that leave have left a moment later. One of the three is open already.
    let began = Instant::now();
    loop {
        let mut all = open(broker.address(), 8);
        while all.count()[1] > 0 {
            assert!(began.elapsed() < PATIENCE, "{:?}", all.count());
        }
        if all.count() == [2, 0, 6] {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", all.count());
        std::thread::sleep(Duration::from_millis(100));
    }
    broker.assert_alive();
}

#[test]
fn a_full_broker_keeps_the_next_one_waiting() {
    let scratch = Scratch::new("full");
    // One shard: as each of Kafka's processors, each shard ends the idlest of its own connections.
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=1", "max.connections=4"]));
    let mut all = open(broker.address(), 6);
    all.becomes([4, 2, 0]);
    // Two leave, and the two that wait are answered.
    let (mut served, waiting): (Vec<_>, Vec<_>) =
        all.0.into_iter().partition(|(_, fate)| *fate == Fate::Served);
    served.truncate(2);
    let mut all: Vec<Connection> =
        served.into_iter().chain(waiting).map(|(connection, _)| connection).collect();
    for connection in &mut all[2..] {
        connection.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("an open socket");
        connection.receive().expect("there is room now");
    }
    // Fewer may stay than are there: the idlest leave.
    assert_eq!(all[3].set_broker_setting("max.connections", "2"), 0);
    let began = Instant::now();
    while all.iter().filter(|connection| is_open(connection)).count() > 2 {
        assert!(began.elapsed() < PATIENCE, "more than two are open");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut all = Crowd::of(all);
    all.becomes([2, 0, 2]);
    assert_eq!(all.fates().nth(3), Some(Fate::Served), "it was used last");
    drop(all);
    drop(until_served(broker.address()));
    broker.assert_alive();
    assert!(broker.stop().success());
}

/// Whether the broker has not closed it; nothing is to be read from it.
fn is_open(connection: &Connection) -> bool {
    connection.stream.set_nonblocking(true).expect("a socket");
    let seen = connection.stream.peek(&mut [0]);
    connection.stream.set_nonblocking(false).expect("a socket");
    matches!(seen, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Brokers among themselves do not wait for clients: the idlest client leaves. Theirs is the listener that is named so, or else the one that has
/// the protocol's name.
#[test]
fn the_inter_broker_listener_takes_the_place_of_others() {
    for named in ["", "inter.broker.listener.name=INNER"] {
        let scratch = Scratch::new("inner");
        let (inner, outer) = (free_port(), free_port());
        let names = if named.is_empty() { ["PLAINTEXT", "OUTER"] } else { ["INNER", "PLAINTEXT"] };
        let listeners =
            format!("listeners={}://127.0.0.1:{inner},{}://127.0.0.1:{outer}", names[0], names[1]);
        let protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTER:PLAINTEXT,INNER:PLAINTEXT";
        let overrides = ["logan.shards=2", "max.connections=3", &listeners, protocols, named];
        let overrides: Vec<&str> = overrides.into_iter().filter(|setting| !setting.is_empty()).collect();
        let mut settings = Settings::new(&scratch, &overrides);
        settings.port = inner;
        let mut broker = Broker::start(settings);
        let outer = SocketAddr::from(([127, 0, 0, 1], outer));
        let mut clients = open(outer, 3);
        clients.becomes([3, 0, 0]);
        let mut brokers = open(broker.address(), 2);
        brokers.becomes([2, 0, 0]);
        let clients: Vec<_> = clients.0.into_iter().map(|(client, _)| client).collect();
        // They are asked to leave when the others come, and leave in their own time.
        let began = Instant::now();
        while clients.iter().filter(|client| is_open(client)).count() > 1 {
            assert!(began.elapsed() < PATIENCE, "clients stay");
        }
        let mut clients = Crowd::of(clients);
        clients.becomes([1, 0, 2]);
        open(outer, 1).becomes([0, 1, 0]);
        drop((brokers, clients));
        broker.assert_alive();
    }
}

/// Host and port of the brokers that Metadata v1 names.
fn brokers(connection: &mut Connection) -> Vec<(String, i32)> {
    let response = connection.call(wire::METADATA, 1, &Writer::default().i32(0));
    let mut r = wire::Reader(&response);
    let one = |r: &mut wire::Reader<'_>| {
        let (_id, host, port, _rack) = (r.i32(), r.string(), r.i32(), r.string());
        (host, port)
    };
    (0..r.count()).map(|_| one(&mut r)).collect()
}

/// A client is told of the listener that it came in by: it may reach no other (Kafka 4.3.1 was asked).
#[test]
fn clients_are_told_of_their_own_listener() {
    let scratch = Scratch::new("listeners");
    let (inner, outer) = (free_port(), free_port());
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{inner},OUTER://127.0.0.1:{outer}");
    let advertised =
        format!("advertised.listeners=OUTER://outside.example:7777,PLAINTEXT://127.0.0.1:{inner}");
    let protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTER:PLAINTEXT";
    let mut settings = Settings::new(&scratch, &["logan.shards=2", &listeners, &advertised, protocols]);
    settings.port = inner;
    let broker = Broker::start(settings);
    for _ in 0..4 {
        let told = brokers(&mut Connection::open(broker.address()));
        assert_eq!(told, [("127.0.0.1".to_owned(), i32::from(inner))]);
        let told = brokers(&mut Connection::open(SocketAddr::from(([127, 0, 0, 1], outer))));
        assert_eq!(told, [("outside.example".to_owned(), 7777)]);
    }
}

#[test]
fn connections_that_come_too_fast_wait() {
    let scratch = Scratch::new("rate");
    let rate = ["logan.shards=1", "max.connection.creation.rate=5"];
    let mut broker = Broker::start(Settings::new(&scratch, &rate));
    let began = Instant::now();
    let mut came_ms = Vec::new();
    for _ in 0..58 {
        let mut connection = Connection::open(broker.address());
        assert_eq!(fate(&mut connection, Duration::from_secs(10)), Fate::Served);
        came_ms.push(began.elapsed().as_millis());
    }
    // Kafka's: 50 in 0.1 s, then at 0.2, 0.4, 0.6, 1.6, 2.6, 3.6 s, and so on.
    assert!(came_ms[54] >= 1_000 && came_ms[57] >= 3_000, "{came_ms:?}");
    // Fifty took less than the next eight, each of which waited for its turn.
    assert!(came_ms[49] < came_ms[57] - came_ms[49], "{came_ms:?}");
    broker.assert_alive();
}

#[test]
fn idle_connections_are_closed() {
    let scratch = Scratch::new("idle");
    let idle = ["logan.shards=2", "connections.max.idle.ms=2000"];
    let broker = Broker::start(Settings::new(&scratch, &idle));
    let began = Instant::now();
    let mut busy = Connection::open(broker.address());
    let silent = Connection::open(broker.address());
    let mut used = Connection::open(broker.address());
    assert_eq!(fate(&mut used, PATIENCE), Fate::Served);
    loop {
        let open = [is_open(&silent), is_open(&used)];
        if open == [false, false] {
            break;
        }
        let elapsed = began.elapsed();
        assert!(elapsed >= Duration::from_secs(2) || open == [true, true], "closed after {elapsed:?}");
        assert!(elapsed < PATIENCE, "an idle connection is open");
        assert_eq!(fate(&mut busy, PATIENCE), Fate::Served, "it is never idle for so long");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "closed too early");
}

/// Fewer descriptors than connections that come, and than segments that are written: connections wait, files are closed and opened again, and
/// no log directory fails. (Kafka's does, of its first segment that it cannot open.)
#[test]
fn connections_leave_descriptors_to_files() {
    const PARTITIONS: i32 = 150;
    let scratch = Scratch::new("descriptors");
    let mut settings = Settings::new(&scratch, &["logan.shards=2"]);
    settings.open_files = Some(256);
    let mut broker = Broker::start(settings);
    assert!(broker.output().contains("at most 256 files may be open"), "{}", broker.output());
    let mut client = Connection::open(broker.address());
    client.stream.set_read_timeout(Some(Duration::from_secs(40))).expect("an open socket");
    assert_eq!(client.create_topic("many", PARTITIONS, &[]), 0);
    let mut crowd: Vec<Connection> = (0..300).map(|_| Connection::open(broker.address())).collect();
    for connection in &mut crowd {
        connection.send(wire::API_VERSIONS, 0, &Writer::default().0).expect("the kernel takes it");
    }
    std::thread::sleep(Duration::from_secs(2));
    for round in 0..3 {
        for partition in 0..PARTITIONS {
            let value = format!("{partition} in round {round}");
            let produced = client.produce("many", partition, -1, &Batch::of(&[value.as_bytes()]).encode());
            assert_eq!((produced.error, produced.base_offset), (0, round), "{}", produced.message);
        }
    }
    for partition in 0..PARTITIONS {
        let fetched = client.fetch("many", FetchFrom::offset(partition, 0));
        assert_eq!((fetched.error, fetched.high_watermark), (0, 3));
        assert!(!fetched.records.is_empty());
    }
    // Everybody is served, as soon as others leave.
    let looked = |connection: &mut Connection| {
        connection.stream.set_read_timeout(Some(Duration::from_millis(2))).expect("an open socket");
        match connection.receive() {
            Ok(_) => Fate::Served,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => Fate::Waits,
            Err(_) => Fate::Closed,
        }
    };
    let first: Vec<Fate> = crowd.iter_mut().map(looked).collect();
    let served = first.iter().filter(|fate| **fate == Fate::Served).count();
    assert!((60..80).contains(&served), "{served} of 300 are served at once");
    assert!(!first.contains(&Fate::Closed), "{first:?}");
    let mut waiting: Vec<Connection> =
        crowd.into_iter().zip(first).filter(|(_, fate)| *fate == Fate::Waits).map(|(one, _)| one).collect();
    let began = Instant::now();
    while !waiting.is_empty() {
        waiting.retain_mut(|connection| looked(connection) != Fate::Served);
        assert!(began.elapsed() < Duration::from_mins(1), "{} still wait", waiting.len());
    }
    broker.assert_alive();
    let output = broker.output();
    assert!(!output.contains("has failed") && !output.contains("offline"), "{output}");
    drop(client);
    assert!(broker.stop().success());
}

#[test]
fn a_limit_of_open_files_that_cannot_do_is_named_with_what_is_needed() {
    let scratch = Scratch::new("too-few");
    let mut settings = Settings::new(&scratch, &["logan.shards=2"]);
    settings.open_files = Some(200);
    let refused = Broker::try_start(settings).expect_err("two shards need more");
    assert!(
        refused.output.contains("at most 200 files may be open, and the start needs "),
        "{}",
        refused.output
    );
}

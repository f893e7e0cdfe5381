//! Whatever a peer sends, the broker answers as Kafka does or closes that connection, goes on serving the others, and keeps its memory.

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, assert_linear};
use logan_tests::wire::{self, Connection, FetchFrom, Reader, Writer};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const UNSUPPORTED_VERSION: i16 = 35;
/// `socket.request.max.bytes`.
const LARGEST_FRAME: i32 = 100 << 20;

fn broker(scratch: &Scratch) -> Broker {
    Broker::any(scratch, &["logan.shards=2"])
}

/// A good client, in the middle of it all: it is served within a bounded time.
fn assert_serves(broker: &mut Broker, topic: &str) {
    broker.assert_alive();
    let started = Instant::now();
    let mut connection = Connection::open(broker.address());
    let produced = connection.produce(topic, 0, -1, &Batch::of(&[b"still here"]).encode());
    assert_eq!(produced.error, 0, "{}", produced.message);
    let fetched = connection.fetch(topic, FetchFrom::offset(0, produced.base_offset));
    assert_eq!(fetched.error, 0);
    assert!(!fetched.records.is_empty());
    assert!(started.elapsed() < Duration::from_secs(10), "a good client waited {:?}", started.elapsed());
}

fn create(broker: &Broker, topic: &str) {
    assert_eq!(Connection::open(broker.address()).create_topic(topic, 1, &[]), 0);
    broker.settle();
}

fn frame(size: i32, content: &[u8]) -> Vec<u8> {
    [&size.to_be_bytes()[..], content].concat()
}

#[test]
fn frames_that_are_none() {
    let scratch = Scratch::new("frames");
    let mut broker = broker(&scratch);
    create(&broker, "frames");
    let header = |api: i16, version: i16| Writer::default().i16(api).i16(version).i32(7).string("x").0;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 300]].concat()),
        ("a negative size", frame(-1, &[])),
        ("the most negative size", frame(i32::MIN, &[])),
        ("a size of zero", frame(0, &[])),
        ("a size over the limit", frame(LARGEST_FRAME + 1, &header(18, 0))),
        ("the largest size", frame(i32::MAX, &header(18, 0))),
        ("a header cut off", frame(3, &[0, 18, 0])),
        ("a client id longer than the frame", frame(10, &[0, 3, 0, 1, 0, 0, 0, 7, 0x7f, 0xff])),
        ("a client id of negative length", frame(10, &[0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xfe])),
        ("a client id that is no text", frame(13, &[0, 3, 0, 1, 0, 0, 0, 7, 0, 3, 0xff, 0xfe, 0xfd])),
        ("an unknown API", Connection::frame(9_999, 0, 7, &[])),
        ("a negative API", Connection::frame(-1, 0, 7, &[])),
        ("an API of brokers among themselves", Connection::frame(4, 7, 7, &[0; 40])),
        ("a version not yet known", Connection::frame(wire::METADATA, 99, 7, &[0; 8])),
        ("a negative version", Connection::frame(wire::METADATA, -1, 7, &[0; 8])),
        ("a version no longer known", Connection::frame(wire::FETCH, 3, 7, &[0; 40])),
        ("a body cut off", Connection::frame(wire::METADATA, 1, 7, &[0, 0, 0, 9, 0, 1, b'x'])),
        ("an enormous array", Connection::frame(wire::METADATA, 1, 7, &i32::MAX.to_be_bytes())),
        (
            "a string longer than the body",
            Connection::frame(wire::METADATA, 1, 7, &[0, 0, 0, 1, 0x7f, 0xff, b'x']),
        ),
    ];
    let mut open = Vec::new();
    for (name, bytes) in cases {
        let mut connection = Connection::open(broker.address());
        // The broker may have closed before all is written.
        let _ = connection.send_raw(&bytes);
        if !connection.is_closed_within(Duration::from_secs(5)) {
            open.push(name);
        }
        broker.assert_alive();
    }
    assert!(open.is_empty(), "these connections stayed open: {open:?}");
    assert_serves(&mut broker, "frames");
}

/// The one request whose unknown version is answered, so that clients of any age can begin.
#[test]
fn api_versions_of_an_unknown_version() {
    let scratch = Scratch::new("versions");
    let mut broker = broker(&scratch);
    let mut connection = Connection::open(broker.address());
    let known = connection.api_versions();
    for version in [5, 99, i16::MAX] {
        // Header v2 ends with its tagged fields; the software's name and version follow.
        let body = Writer::default().raw(&[0, 2, b'x', 2, b'1', 0]);
        let response = connection.call(wire::API_VERSIONS, version, &body);
        let mut r = Reader(&response);
        assert_eq!(r.i16(), UNSUPPORTED_VERSION);
        let listed: Vec<_> = (0..r.count()).map(|_| (r.i16(), r.i16(), r.i16())).collect();
        // Kafka names only ApiVersions itself here (KIP-511); more does no harm.
        assert!(listed.contains(&(wire::API_VERSIONS, 0, 4)), "{listed:?}");
        assert!(listed.iter().all(|api| known.contains(api)), "{listed:?}");
        assert!(r.0.is_empty(), "nothing behind it");
    }
    assert_eq!(
        known.iter().find(|k| k.0 == wire::PRODUCE),
        Some(&(wire::PRODUCE, 0, 13)),
        "advertised from 0, for old clients"
    );
    assert_eq!(known.iter().find(|k| k.0 == wire::FETCH), Some(&(wire::FETCH, 4, 18)));
    broker.assert_alive();
}

/// Bodies of noise for every version of every API: an answer or a closed connection, and never more than that.
#[test]
fn noise_for_every_api() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() {
        println!("skipped: Kafka waits for hours where noise says so in a request of its brokers");
        return;
    }
    let scratch = Scratch::new("noise");
    let mut broker = broker(&scratch);
    create(&broker, "noise");
    let apis = Connection::open(broker.address()).api_versions();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for (api, from, to) in apis {
        for version in from..=to {
            let noise: Vec<u8> = (0..200).map(|_| random() as u8).collect();
            let bodies = [
                &[][..],
                &[0; 64],
                &[0xff; 64],
                &[0x7f; 64],
                &[0x00, 0xff, 0xff, 0xff, 0xff, 0x0f],
                &[1; 300],
                &noise,
            ];
            for body in bodies {
                let mut connection = Connection::open(broker.address());
                let _ = connection.send(api, version, body);
                let _ = connection.stream.shutdown(Shutdown::Write);
                connection.stream.set_read_timeout(Some(Duration::from_secs(5))).expect("an open socket");
                // Whatever it says: it must end. `receive` fails when the connection closes.
                let started = Instant::now();
                while connection.receive().is_ok() {}
                assert!(
                    started.elapsed() < Duration::from_secs(5),
                    "api {api} v{version} hangs on {body:02x?}"
                );
            }
            broker.assert_alive();
        }
    }
    assert_serves(&mut broker, "noise");
}

/// Frames that begin and never end, each announcing nearly all that a frame may hold.
#[test]
fn endless_frames_cost_what_was_sent() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() {
        println!("skipped: Kafka allocates what a frame announces, and a small heap ends it");
        return;
    }
    let scratch = Scratch::new("endless");
    let mut broker = broker(&scratch);
    create(&broker, "endless");
    let before = if broker.is_ours() { broker.resident() } else { 0 };
    let start =
        frame(LARGEST_FRAME - 1, &Writer::default().i16(0).i16(8).i32(1).string("endless").raw(&[0; 500]).0);
    let open: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.address()).expect("the broker accepts");
            stream.write_all(&start).expect("the broker reads");
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    if broker.is_ours() {
        let grown = broker.resident().saturating_sub(before);
        assert!(grown < 64 << 20, "30 beginnings of frames cost {} MiB", grown >> 20);
    }
    assert_serves(&mut broker, "endless");
    drop(open);
    assert_serves(&mut broker, "endless");
}

/// Asks for more and more and never reads an answer.
#[test]
fn a_client_that_never_reads() {
    let scratch = Scratch::new("unread");
    let mut broker = broker(&scratch);
    create(&broker, "unread");
    let mut writer = Connection::open(broker.address());
    let value = vec![b'x'; 900_000];
    for _ in 0..60 {
        assert_eq!(writer.produce("unread", 0, -1, &Batch::of(&[&value]).encode()).error, 0);
    }
    let before = if broker.is_ours() { broker.resident() } else { 0 };
    if broker.is_ours() {
        broker.forget_peak();
    }
    let from = FetchFrom { max_bytes: 50 << 20, ..FetchFrom::offset(0, 0) };
    let body = Writer::default()
        .i32(-1)
        .i32(0)
        .i32(1)
        .i32(from.max_bytes)
        .i8(0)
        .i32(0)
        .i32(-1)
        .i32(1)
        .string("unread");
    let body = body.i32(1).i32(0).i32(-1).i64(0).i64(-1).i32(from.max_bytes).i32(0).string("").0;
    let requests: Vec<u8> =
        (0..200).flat_map(|number| Connection::frame(wire::FETCH, 11, number, &body)).collect();
    let silent: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.address()).expect("the broker accepts");
            stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a fresh socket");
            // The broker stops reading at some point; what it has read it may answer into a full socket.
            let _ = stream.write_all(&requests);
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    assert_serves(&mut broker, "unread");
    if broker.is_ours() {
        let grown = broker.resident_peak().saturating_sub(before);
        println!("10 clients that never read cost {} MiB", grown >> 20);
        assert!(
            grown < 400 << 20,
            "10 clients that never read 200 answers of 50 MiB cost {} MiB",
            grown >> 20
        );
    }
    drop(silent);
    assert_serves(&mut broker, "unread");
}

/// Thousands of connections that say nothing cost little, and each is served when it speaks.
#[test]
fn idle_connections() {
    const COUNT: usize = 2_000;
    let limit = open_files();
    if limit < COUNT as u64 + 200 {
        // A higher limit cannot be had from within without `unsafe`: this test runs itself again below a shell that raised it.
        let own = std::env::current_exe().expect("a test knows its own path");
        let script = "ulimit -n \"$(ulimit -Hn)\" && exec \"$0\" --exact idle_connections --nocapture";
        let mut again = Command::new("sh");
        again.arg("-c").arg(script).arg(own).env("LOGAN_LIMIT_RAISED", "1");
        assert!(
            std::env::var_os("LOGAN_LIMIT_RAISED").is_none(),
            "at most {limit} files may be open, even after ulimit"
        );
        assert!(again.status().expect("sh runs").success());
        return;
    }
    let scratch = Scratch::new("idle");
    let mut broker = broker(&scratch);
    create(&broker, "idle");
    let before = if broker.is_ours() { broker.resident() } else { 0 };
    let mut connections: Vec<Connection> = (0..COUNT).map(|_| Connection::open(broker.address())).collect();
    for connection in &mut connections {
        connection.api_versions();
    }
    if broker.is_ours() {
        let grown = broker.resident().saturating_sub(before);
        println!("{COUNT} idle connections cost {} KiB each", grown / 1024 / COUNT as u64);
        assert!(grown < COUNT as u64 * 20 * 1024, "{COUNT} idle connections cost {} MiB", grown >> 20);
        let cpu = broker.cpu();
        std::thread::sleep(Duration::from_secs(2));
        let spent = broker.cpu().saturating_sub(cpu);
        assert!(spent < Duration::from_millis(100), "{spent:?} of CPU in 2 s of silence");
    }
    assert_serves(&mut broker, "idle");
    for connection in &mut connections {
        connection.api_versions();
    }
}

/// Lengths of compact strings and arrays: one more, in as many bytes as they need.
fn compact(length: usize) -> Vec<u8> {
    let (mut number, mut bytes) = (length + 1, Vec::new());
    while number > 127 {
        bytes.push((number & 127 | 128) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

const CREATE_PARTITIONS: i16 = 37;
const TOPIC: i8 = 2;
const THROTTLED: &str = "leader.replication.throttled.replicas";

/// A change of a list of a topic's, `operation` says which.
fn change_list(operation: i8, list: &str) -> Writer {
    let head = Writer::default().i8(0).raw(&compact(1)).i8(TOPIC).raw(&compact(4)).raw(b"many");
    let head = head.raw(&compact(1)).raw(&compact(THROTTLED.len())).raw(THROTTLED.as_bytes());
    head.i8(operation).raw(&compact(list.len())).raw(list.as_bytes()).i8(0).i8(0).i8(1).i8(0)
}

fn list_of(many: usize) -> String {
    (0..many).map(|number| format!("{number}:1")).collect::<Vec<_>>().join(",")
}

/// Requests that name `many` things: what they are, API and version. A list is as long as version 1 can say at most if there are `of`.
fn naming(many: usize, of: usize) -> Vec<(&'static str, i16, i16, Writer)> {
    let count = || Writer::default().i32(many as i32);
    let names = |prefix: &'static str| (0..many).map(move |number| format!("{prefix}{number}"));
    let partitions = (0..many)
        .fold(Writer::default().i32(-1).i8(0).i32(1).string("many").i32(many as i32), |w, p| {
            w.i32(p as i32).i32(-1).i64(-1)
        });
    let metadata = names("a b ").fold(count(), |w, name| w.string(&name)).i8(1);
    let growth = names("t").fold(count(), |w, name| w.string(&name).i32(2).i32(-1)).i32(30_000).i8(1);
    let resources = names("t").fold(count(), |w, name| w.i8(TOPIC).string(&name).i32(0)).i8(1);
    let one = Writer::default().i32(1).i8(TOPIC).string("many").i32(many as i32);
    let settings = names("s").fold(one, |w, name| w.string(&name).i8(0).string("1")).i8(1);
    let list = list_of(many);
    let (longest, _) = list.split_at(32_767 * many / of);
    let longest = longest.trim_end_matches(|end| end != ',').trim_end_matches(',');
    vec![
        ("partitions", wire::LIST_OFFSETS, 5, partitions),
        ("topics to create", wire::METADATA, 4, metadata),
        ("topics to grow", CREATE_PARTITIONS, 1, growth),
        ("resources", wire::INCREMENTAL_ALTER_CONFIGS, 0, resources),
        ("settings", wire::INCREMENTAL_ALTER_CONFIGS, 0, settings),
        ("entries of a list", wire::INCREMENTAL_ALTER_CONFIGS, 1, change_list(0, longest)),
        ("entries of a list to append", wire::INCREMENTAL_ALTER_CONFIGS, 1, change_list(2, longest)),
        ("entries of a list to take off", wire::INCREMENTAL_ALTER_CONFIGS, 1, change_list(3, longest)),
    ]
}

/// A request of a megabyte or two may name very many things: it takes as long as their number says, and not its square.
#[test]
fn requests_that_name_very_many_things() {
    const MANY: usize = 100_000;
    const TIMES: usize = 8;
    let scratch = Scratch::new("many");
    let mut broker = broker(&scratch);
    create(&broker, "many");
    // Version 1 could say longer ones, which Kafka refuses with the connection.
    let mut connection = Connection::open(broker.address());
    let list = change_list(0, &list_of(MANY)).0;
    connection.send(wire::INCREMENTAL_ALTER_CONFIGS, 1, &list).expect("the broker reads");
    assert!(connection.is_closed_within(Duration::from_secs(10)));
    let took = |(_, api, version, body): &(&str, i16, i16, Writer)| {
        let mut connection = Connection::open(broker.address());
        let began = Instant::now();
        connection.call(*api, *version, body);
        began.elapsed()
    };
    for (few, many) in naming(MANY / TIMES, MANY).iter().zip(&naming(MANY, MANY)) {
        let (short, long) = (took(few), took(many));
        println!("{MANY} {}: {long:.1?}, and a {TIMES}th of them {short:.1?}", many.0);
        assert_linear(many.0, short, long, TIMES as u32);
    }
    assert_serves(&mut broker, "many");
}

fn open_files() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("Linux has it");
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX)
}

/// acks=0 has no answer: an error closes the connection, so that the client looks again.
#[test]
fn errors_without_acks_close_the_connection() {
    let scratch = Scratch::new("silent");
    let mut broker = broker(&scratch);
    create(&broker, "silent");
    let batch = Batch::of(&[b"x"]).encode();
    let mut connection = Connection::open(broker.address());
    let body = Connection::produce_body("silent", 0, 0, &batch);
    connection.send(wire::PRODUCE, 8, &body.0).expect("the broker reads");
    // The next answer is that of the next request: acks=0 takes none.
    connection.api_versions();
    let body = Connection::produce_body("silent", 7, 0, &batch);
    connection.send(wire::PRODUCE, 8, &body.0).expect("the broker reads");
    assert!(
        connection.is_closed_within(Duration::from_secs(5)),
        "a partition that is not there, without acks"
    );
    assert_serves(&mut broker, "silent");
}

/// acks that are neither -1, 0 nor 1, and partitions and topics that are not there.
#[test]
fn wrong_requests_get_kafkas_errors() {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    const OFFSET_OUT_OF_RANGE: i16 = 1;
    const INVALID_REQUIRED_ACKS: i16 = 21;
    let scratch = Scratch::new("wrong");
    let mut broker = broker(&scratch);
    create(&broker, "wrong");
    let batch = Batch::of(&[b"x"]).encode();
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.produce("wrong", 0, 2, &batch).error, INVALID_REQUIRED_ACKS);
    assert_eq!(connection.produce("wrong", 0, -2, &batch).error, INVALID_REQUIRED_ACKS);
    assert_eq!(connection.produce("wrong", 1, -1, &batch).error, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.produce("wrong", -1, -1, &batch).error, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.produce("nowhere", 0, -1, &batch).error, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.fetch("nowhere", FetchFrom::offset(0, 0)).error, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.fetch("wrong", FetchFrom::offset(5, 0)).error, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.fetch("wrong", FetchFrom::offset(0, 1)).error, OFFSET_OUT_OF_RANGE);
    assert_eq!(connection.fetch("wrong", FetchFrom::offset(0, -1)).error, OFFSET_OUT_OF_RANGE);
    assert_eq!(connection.list_offset("nowhere", 0, -1).0, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(connection.list_offset("wrong", 0, -1), (0, -1, 0));
    assert_serves(&mut broker, "wrong");
}

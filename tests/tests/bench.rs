//! `logan-bench` against the real broker, and against one that answers wrongly: a proxy that alters what is fetched on its way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use logan::protocol::messages::FetchRequest;
use logan::protocol::{ApiKey, Records, frame};
use logan_tests::batch;
use logan_tests::broker::{self, Broker, Scratch};

/// The version of Fetch that `logan-bench` speaks.
const FETCH: i16 = 12;

/// How long a broker that stalls says nothing.
const STALL: Duration = Duration::from_secs(1);

/// What is done to the batches of a partition before the client sees them.
type Lie = fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>;

/// Forwards everything, but for the batches of one answer that has enough of them.
struct LyingBroker {
    address: SocketAddr,
    has_lied: Arc<AtomicBool>,
}

impl LyingBroker {
    fn before(broker: SocketAddr, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let has_lied = Arc::new(AtomicBool::new(false));
        let told = has_lied.clone();
        thread::spawn(move || {
            // Until the test ends.
            for client in listener.incoming().map_while(Result::ok) {
                let told = told.clone();
                thread::spawn(move || forward(client, broker, lie, &told));
            }
        });
        Self { address, has_lied }
    }
}

/// One connection. Ends when either side does.
fn forward(client: TcpStream, broker: SocketAddr, lie: Lie, has_lied: &AtomicBool) -> io::Result<()> {
    let broker = TcpStream::connect(broker)?;
    // Of each request that is not answered yet, in their order: whether it is a Fetch.
    let asked = Arc::new(Mutex::new(std::collections::VecDeque::new()));
    let (mut from, mut to, noted) = (client.try_clone()?, broker.try_clone()?, asked.clone());
    thread::spawn(move || {
        while let Ok(frame) = read_frame(&mut from) {
            let is_fetch = frame[..2] == (ApiKey::Fetch as i16).to_be_bytes();
            noted.lock().expect("nobody panics holding it").push_back(is_fetch);
            if write_frame(&mut to, &frame).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let (mut from, mut to) = (broker, client);
    loop {
        let mut frame = read_frame(&mut from)?;
        let is_fetch = asked.lock().expect("nobody panics holding it").pop_front() == Some(true);
        if is_fetch && !has_lied.load(Ordering::Relaxed) {
            frame = altered(frame, lie, has_lied);
        }
        write_frame(&mut to, &frame)?;
    }
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut frame = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    // In one piece: the second of two small ones would wait for the first one's acknowledgement.
    stream.write_all(&[&(frame.len() as u32).to_be_bytes(), frame].concat())
}

/// The answer with a lie about the first partition of which four whole batches came; as it is if there is none.
fn altered(answer: Vec<u8>, lie: Lie, has_lied: &AtomicBool) -> Vec<u8> {
    let bytes = Bytes::from(answer.clone());
    let (id, mut response) = frame::read_response::<FetchRequest>(FETCH, bytes).expect("the broker's answer");
    for part in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
        let records = part.records.clone().unwrap_or_default().contiguous();
        let batches: Vec<Vec<u8>> = batch::split(&records).into_iter().map(<[u8]>::to_vec).collect();
        if batches.len() >= 4 {
            part.records = Some(Records::from(Bytes::from(lie(batches).concat())));
            has_lied.store(true, Ordering::Relaxed);
            let written = frame::response(ApiKey::Fetch, FETCH, id, &response).expect("as large as it was");
            let frame: Vec<u8> = written.slices().iter().flat_map(|slice| slice.to_vec()).collect();
            // Without its length.
            return frame[4..].to_vec();
        }
    }
    answer
}

/// Offsets without a gap from the first batch's on.
fn renumbered(mut batches: Vec<Vec<u8>>, from: i64) -> Vec<Vec<u8>> {
    let mut next = from;
    for bytes in &mut batches {
        bytes[..8].copy_from_slice(&next.to_be_bytes());
        next = batch::next_offset(bytes);
    }
    batches
}

fn lost(mut batches: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let first = batch::base_offset(&batches[0]);
    batches.remove(1);
    renumbered(batches, first)
}

fn doubled(mut batches: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let first = batch::base_offset(&batches[0]);
    batches.insert(1, batches[0].clone());
    renumbered(batches, first)
}

fn swapped(mut batches: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let first = batch::base_offset(&batches[0]);
    batches.swap(1, 2);
    renumbered(batches, first)
}

fn altered_with_its_crc(mut batches: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let last = batches[1].len() - 1;
    batches[1][last] ^= 1;
    batch::seal(&mut batches[1]);
    batches
}

fn altered_bits(mut batches: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let last = batches[1].len() - 1;
    batches[1][last] ^= 1;
    batches
}

/// Forwards everything, but for a second in which it says nothing, which begins so long after the first Produce.
fn stalling_broker(broker: SocketAddr, after: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let began = Arc::new(OnceLock::new());
    thread::spawn(move || {
        // Until the test ends.
        for client in listener.incoming().map_while(Result::ok) {
            let began = began.clone();
            thread::spawn(move || forward_with_a_stall(client, broker, &began, after));
        }
    });
    address
}

fn forward_with_a_stall(
    client: TcpStream,
    broker: SocketAddr,
    began: &Arc<OnceLock<Instant>>,
    after: Duration,
) -> io::Result<()> {
    let broker = TcpStream::connect(broker)?;
    let (mut from, mut to, first) = (client.try_clone()?, broker.try_clone()?, began.clone());
    thread::spawn(move || {
        while let Ok(frame) = read_frame(&mut from) {
            if frame[..2] == (ApiKey::Produce as i16).to_be_bytes() {
                first.get_or_init(Instant::now);
            }
            if write_frame(&mut to, &frame).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let (mut from, mut to) = (broker, client);
    loop {
        let frame = read_frame(&mut from)?;
        let since = began.get().map_or(Duration::ZERO, Instant::elapsed);
        if (after..after + STALL).contains(&since) {
            thread::sleep((after + STALL).saturating_sub(since));
        }
        write_frame(&mut to, &frame)?;
    }
}

/// The first number of this name.
fn number(json: &str, name: &str) -> f64 {
    let (_, rest) = json.split_once(&format!("\"{name}\": ")).unwrap_or_else(|| panic!("{name} in {json}"));
    rest.split([',', '\n']).next().and_then(|number| number.parse().ok()).expect("a number")
}

/// A second without an answer delays what is due in it, wherever in the window it lies: at the end, too, where it is answered behind it.
#[test]
fn a_broker_that_stalls_shows_it() {
    let scratch = Scratch::new("bench-stalls");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    for after_ms in [1_500, 3_500] {
        let address = stalling_broker(broker.address(), Duration::from_millis(after_ms));
        let json = scratch.path().join("stall.json");
        let line = format!(
            "produce --broker {address} --topic t{after_ms} --rate 100 --record 100 --partitions 2 --seconds 4 --warm-up 0 --json {}",
            json.display()
        );
        let output = bench(&line);
        assert!(output.status.success(), "{}", text(&output));
        let json = std::fs::read_to_string(json).expect("it was written");
        assert!(number(&json, "max_ms") > 900.0, "stall at {after_ms} ms: {}", text(&output));
        // Of the last half second all waits, half a second at least; in the middle a quarter of all, half of it so long.
        assert!(number(&json, "p90_ms") > 300.0, "stall at {after_ms} ms: {}", text(&output));
    }
}

/// The bench, built as the broker is.
fn bench(arguments: &str) -> Output {
    let binary = broker::program("logan-bench");
    Command::new(binary).args(arguments.split_whitespace()).output().expect("logan-bench runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn whoever_answers_wrongly_is_found_out() {
    let scratch = Scratch::new("bench-lies");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let lies: [(&str, Lie, &str); 5] = [
        ("lost", lost, "lost, doubled or exchanged"),
        ("doubled", doubled, "lost, doubled or exchanged"),
        ("swapped", swapped, "lost, doubled or exchanged"),
        ("altered", altered_with_its_crc, "did not send"),
        ("bits", altered_bits, "CRC"),
    ];
    for (name, lie, words) in lies {
        // A producer that is idempotent writes its batches' headers anew, so they are known by their records.
        for producer in ["", "--idempotent"] {
            let liar = LyingBroker::before(broker.address(), lie);
            let line = format!(
                "mixed --broker {} --topic {name}{producer} --partitions 1 --connections 1 --consumers 1 --batch 4k --seconds 2 --warm-up 1 {producer}",
                liar.address
            );
            let output = bench(&line);
            assert!(liar.has_lied.load(Ordering::Relaxed), "{name} {producer}: no answer held four batches");
            let told = text(&output);
            assert!(!output.status.success() && told.contains(words), "{name} {producer}: {told}");
        }
    }
}

#[test]
fn an_honest_broker_passes_and_nothing_is_left_behind() {
    let scratch = Scratch::new("bench-smoke");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let json = scratch.path().join("smoke.json");
    let page = scratch.path().join("smoke.html");
    let line = format!(
        "run smoke --broker {}/{} --keep-free 100m --work {} --json {} --html {}",
        broker.address(),
        broker.pid(),
        scratch.path().join("work").display(),
        json.display(),
        page.display()
    );
    let output = bench(&line);
    assert!(output.status.success(), "{}", text(&output));
    let results = std::fs::read_to_string(json).expect("it was written");
    assert!(results.contains("\"known\"") && results.contains("\"end_to_end\""), "{results}");
    let page = std::fs::read_to_string(page).expect("it was written");
    assert!(page.contains("</html>") && page.contains("<polyline"), "{page}");
    let mut connection = logan_tests::wire::Connection::open(broker.address());
    assert_eq!(connection.create_topic("still-works", 1, &[]), 0);
    assert_eq!(topics_of_bench(&scratch), Vec::<String>::new());
}

/// Directories of topics that `logan-bench` made and that nobody has deleted.
fn topics_of_bench(scratch: &Scratch) -> Vec<String> {
    let entries =
        std::fs::read_dir(scratch.path().join("data")).expect("the broker's").filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("logan-bench") && !name.ends_with("-delete")).collect()
}

#[test]
fn what_is_wrong_is_said() {
    let port = broker::free_port();
    let output = bench(&format!("produce --broker 127.0.0.1:{port} --seconds 1"));
    assert!(!output.status.success() && text(&output).contains("nothing listens"), "{}", text(&output));
    let scratch = Scratch::new("bench-wrong");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let at = broker.address();
    let output = bench(&format!(
        "produce --broker {at} --topic t --partitions 2 --keep-topics --seconds 1 --warm-up 0"
    ));
    assert!(output.status.success(), "{}", text(&output));
    let output = bench(&format!("produce --broker {at} --topic t --partitions 3 --seconds 1 --warm-up 0"));
    assert!(
        !output.status.success() && text(&output).contains("exists with 2 partitions"),
        "{}",
        text(&output)
    );
    let again = |setting: &str| {
        bench(&format!(
            "produce --broker {at} --topic t --partitions 2 --keep-topics --topic-config {setting} --seconds 1 --warm-up 0"
        ))
    };
    let output = again("flush.messages=7");
    assert!(
        !output.status.success()
            && text(&output).contains("t exists with flush.messages=9223372036854775807, not 7"),
        "{}",
        text(&output)
    );
    let output = again("flush.messages=9223372036854775807");
    assert!(output.status.success(), "{}", text(&output));
}

/// It is stopped, killed, and read from the disk, and has what it acknowledged each time.
#[test]
fn a_broker_that_is_started_again_is_timed() {
    let scratch = Scratch::new("bench-restart");
    let (json, work) = (scratch.path().join("restart.json"), scratch.path().join("work"));
    let line = format!(
        "run restart --broker logan={} --warm 1 --keep-free 100m --work {} --json {}",
        broker::program("logan").display(),
        work.display(),
        json.display()
    );
    let output = bench(&line);
    assert!(output.status.success(), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("ready ms") && said.contains("first fetch ms"), "{said}");
    let results = std::fs::read_to_string(json).expect("it was written");
    let found: Vec<&str> = results.lines().filter(|line| line.contains("\"found\"")).collect();
    assert_eq!(found.len(), 2, "{results}");
    assert!(!work.exists(), "the broker's data is left behind");
}

/// What was measured until then is kept, and nothing is left behind.
#[test]
fn a_run_that_is_interrupted_keeps_what_it_has() {
    let scratch = Scratch::new("bench-interrupted");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let (json, work) = (scratch.path().join("cut.json"), scratch.path().join("work"));
    let running = Command::new(broker::program("logan-bench"))
        .args(["run", "latency", "--seconds", "60", "--keep-free", "100m"])
        .args(["--broker", &broker.address().to_string()])
        .arg("--work")
        .arg(&work)
        .arg("--json")
        .arg(&json)
        .stderr(Stdio::piped())
        .spawn()
        .expect("logan-bench runs");
    // Two seconds of warm-up, and some that count.
    thread::sleep(Duration::from_secs(6));
    let asked = Command::new("kill").args(["-s", "INT", &running.id().to_string()]).status();
    assert!(asked.expect("kill runs").success());
    let output = running.wait_with_output().expect("it was started");
    assert!(!output.status.success() && text(&output).contains("interrupted"), "{}", text(&output));
    let results = std::fs::read_to_string(json).expect("it was written");
    assert!(results.contains("\"cut_short\": \"interrupted\""), "{results}");
    assert_eq!(results.matches("\"produced\": {").count(), 1, "{results}");
    assert!(!work.exists());
    assert_eq!(topics_of_bench(&scratch), Vec::<String>::new());
}

/// Cells that are whole are not measured again; what was cut short is; and figures of other brokers, or measured in another way, do not come
/// together in one file.
#[test]
fn a_run_that_was_interrupted_goes_on() {
    let scratch = Scratch::new("bench-resume");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let json = scratch.path().join("resumed.json");
    let sweep = |broker: &str, warm_s: u32| {
        let line = format!(
            "sweep --over record=100,200,300 --broker {broker} --seconds 3 --warm {warm_s} --keep-free 100m --work {} --json {} --resume -- produce --warm-up 0 --partitions 1",
            scratch.path().join("work").display(),
            json.display()
        );
        let mut command = Command::new(broker::program("logan-bench"));
        command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("logan-bench runs")
    };
    let address = broker.address().to_string();
    let running = sweep(&address, 0);
    let begun = Instant::now();
    while !json.exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no cell has ended");
        thread::sleep(Duration::from_millis(50));
    }
    let asked = Command::new("kill").args(["-s", "INT", &running.id().to_string()]).status();
    assert!(asked.expect("kill runs").success());
    let cut = running.wait_with_output().expect("it was started");
    assert!(!cut.status.success() && text(&cut).contains("interrupted"), "{}", text(&cut));
    let first = std::fs::read_to_string(&json).expect("it was written");
    let resumed = sweep(&address, 0).wait_with_output().expect("it was started");
    assert!(resumed.status.success(), "{}", text(&resumed));
    let skipped = text(&resumed).matches("it is in the file").count();
    assert!((1..3).contains(&skipped), "{}", text(&resumed));
    let whole = std::fs::read_to_string(&json).expect("it was written");
    assert_eq!(whole.matches("\"produced\": {").count(), 3, "{whole}");
    assert!(!whole.contains("\"cut_short\": \""), "{whole}");
    // The first cell's figures are those of the first run.
    let rate = |results: &str| number(results, "mb_per_s");
    assert_eq!(rate(&first).to_bits(), rate(&whole).to_bits());
    let ours = format!("logan={}", broker::program("logan").display());
    for (broker, warm_s, why) in [(&ours, 0, "of other brokers"), (&address, 1, "or command line")] {
        let other = sweep(broker, warm_s).wait_with_output().expect("it was started");
        assert!(!other.status.success() && text(&other).contains(why), "{}", text(&other));
    }
}

#[test]
fn a_disk_without_room_is_told() {
    let scratch = Scratch::new("bench-room");
    let broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let work = scratch.path().join("work");
    let line = format!("run smoke --broker {} --keep-free 1024g --work {}", broker.address(), work.display());
    let output = bench(&line);
    assert!(!output.status.success() && text(&output).contains("too little disk"), "{}", text(&output));
}

/// What was measured until then is kept, and told as what it is.
#[test]
fn a_broker_that_dies_half_way_leaves_figures() {
    let scratch = Scratch::new("bench-dies");
    let mut broker = Broker::start(broker::Settings::new(&scratch, &[]));
    let json = scratch.path().join("cut.json");
    let line = format!(
        "mixed --broker {} --partitions 2 --consumers 2 --seconds 20 --warm-up 0 --json {}",
        broker.address(),
        json.display()
    );
    let running = thread::spawn(move || bench(&line));
    thread::sleep(Duration::from_secs(3));
    broker.kill();
    let output = running.join().expect("the bench is run");
    assert!(!output.status.success() && text(&output).contains("cut short"), "{}", text(&output));
    assert!(std::fs::read_to_string(json).expect("it was written").contains("\"cut_short\": \""));
}

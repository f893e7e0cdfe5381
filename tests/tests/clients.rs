//! Clients of other languages, and kcat, against the real binary: each runs a program of its own from `tests/clients`.
//!
//! A machine without a language skips its client and says so; CI sets `LOGAN_REQUIRE_CLIENTS`, and there it fails.

use logan_tests::batch::Batch;
use logan_tests::broker::{Broker, Scratch, build_folder, is_worth_asking, more_shards_than_cores};
use logan_tests::clients::{available, can_make_environments, run, sources};
use logan_tests::java::{self, Kafka};
use logan_tests::wire::{Connection, FetchFrom};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs the checks of a client against a broker with one shard, one with two, and one with more than there are cores, each of which is stopped.
fn with_each_number_of_shards(name: &str, checks: impl Fn(&mut Broker)) {
    for shards in [1, 2, more_shards_than_cores()] {
        if is_worth_asking(shards) {
            println!("{name}, with {shards} shards:");
            let scratch = Scratch::new(name);
            checks(&mut Broker::with_shards(&scratch, shards));
        }
    }
}

/// An extra argument for a broker that is not ours; see [`Broker::settle`].
fn settle(broker: &Broker, time: &'static str) -> Option<&'static str> {
    (!broker.is_ours()).then_some(time)
}

fn stop(broker: &mut Broker) {
    broker.assert_alive();
    if broker.is_ours() {
        let status = broker.stop();
        assert!(status.success(), "an orderly stop ends well: {status}\n{}", broker.output());
    }
}

#[test]
fn java_and_kafkas_tools() {
    if !available(java::NEEDED) {
        return;
    }
    with_each_number_of_shards("java", |broker| {
        let bootstrap = broker.bootstrap();
        let arguments: Vec<&str> = ["Checks", &bootstrap].into_iter().chain(settle(broker, "1000")).collect();
        print!("{}", run(&mut java::command(&arguments)));
        stop(broker);
        if broker.is_ours() {
            let data = broker.settings().data.display().to_string();
            print!("{}", run(&mut java::command(&["Dump", &data])));
        }
    });
}

/// Kafka takes `logan/` for a partition of no topic and does not start: it serves nothing that was not recovered. Logan
/// then still has every record.
#[test]
fn kafka_refuses_a_directory_that_logan_left_dirty() {
    if std::env::var_os("LOGAN_TEST_BROKER").is_some() || !available(java::NEEDED) {
        return;
    }
    let scratch = Scratch::new("dirty");
    let mut broker = Broker::with_shards(&scratch, 3);
    let batch = Batch::of(&[b"acknowledged"]).encode();
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("dirty", 3, &[]), 0);
    for partition in 0..3 {
        assert_eq!(connection.produce("dirty", partition, -1, &batch).error, 0);
    }
    broker.kill();
    let mut kafka = Kafka::new(scratch.path(), &broker.settings().data, &[]);
    let (ended, output) = kafka.run_to_its_end();
    assert!(
        !ended.success() && output.contains("/data/logan, 'logan' is not in the form of"),
        "{ended}: {output}"
    );

    broker.restart();
    let mut connection = Connection::open(broker.address());
    for partition in 0..3 {
        let fetched = connection.fetch("dirty", FetchFrom::offset(partition, 0));
        assert_eq!((fetched.error, fetched.high_watermark, fetched.records.len()), (0, 1, batch.len()));
    }
    stop(&mut broker);
}

#[test]
fn franz_go() {
    if !available(&["go"]) {
        return;
    }
    let program = build_folder("go-client").join("checks");
    run(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(sources("go")));
    with_each_number_of_shards("go", |broker| {
        print!("{}", run(Command::new(&program).arg(broker.bootstrap()).args(settle(broker, "1s"))));
        stop(broker);
    });
}

#[test]
fn kafka_python() {
    let environment = build_folder("python-client");
    let requirements = sources("python").join("requirements.txt");
    let python = environment.join("bin/python");
    if !available(&["python3"]) || (!python.exists() && !can_make_environments()) {
        return;
    }
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements));
    let checks = sources("python").join("checks.py");
    with_each_number_of_shards("python", |broker| {
        let mut command = Command::new(&python);
        print!("{}", run(command.arg(&checks).arg(broker.bootstrap()).args(settle(broker, "1"))));
        stop(broker);
    });
}

#[test]
fn kcat_in_and_out() {
    if !available(&["kcat"]) {
        return;
    }
    with_each_number_of_shards("kcat", in_and_out);
}

fn in_and_out(broker: &mut Broker) {
    let bootstrap = broker.bootstrap();
    let kcat = |arguments: &[&str]| {
        let mut command = Command::new("kcat");
        command.args(["-b", &bootstrap]).args(arguments);
        command
    };
    let lines = (0..1_000).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "key{number}:line {number}");
        text
    });
    let mut producer = kcat(&["-P", "-t", "kcat", "-K", ":", "-z", "snappy"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("kcat runs");
    producer.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("kcat reads");
    assert!(producer.wait().expect("our own child").success());

    let mut back: Vec<String> =
        run(&mut kcat(&["-C", "-t", "kcat", "-o", "beginning", "-e", "-q", "-K", ":"]))
            .lines()
            .map(str::to_owned)
            .collect();
    back.sort_by_key(|line| {
        line.rsplit_once(' ').map_or(0, |(_, number)| number.parse::<u32>().unwrap_or(0))
    });
    assert_eq!(back.join("\n"), lines.trim_end());
    let listed = run(&mut kcat(&["-L", "-t", "kcat"]));
    assert!(listed.contains("topic \"kcat\" with ") && listed.contains(" 1 brokers:"), "{listed}");
    stop(broker);
}

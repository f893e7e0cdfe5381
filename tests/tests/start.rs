//! Starts and stops: what stands in the way of a start is named with what to do about it, and an orderly stop is one.

use logan_tests::batch::Batch;
use logan_tests::broker::{self, Broker, Refused, Scratch, Settings};
use logan_tests::wire::Connection;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The start must have ended by itself, with words that say what is wrong, and not in a panic.
fn assert_says(refused: &Refused, words: &[&str]) {
    assert!(!refused.status.success());
    assert!(refused.status.code().is_some(), "ended by a signal: {}\n{}", refused.status, refused.output);
    assert!(!refused.output.contains("panicked"), "{}", refused.output);
    for word in words {
        assert!(refused.output.contains(word), "expected {word:?} in:\n{}", refused.output);
    }
}

fn refused(settings: Settings) -> Refused {
    match Broker::try_start(settings) {
        Err(refused) => refused,
        Ok(broker) => panic!("it started all the same:\n{}", broker.output()),
    }
}

/// A directory in which a broker has stored something and stopped.
fn closed_directory(scratch: &Scratch) -> Settings {
    let mut broker = Broker::start(Settings::new(scratch, &["logan.shards=2"]));
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 2, &[]), 0);
    for partition in 0..2 {
        assert_eq!(connection.produce("kept", partition, -1, &Batch::of(&[b"kept"]).encode()).error, 0);
    }
    assert!(broker.stop().success(), "{}", broker.output());
    broker.settings().clone()
}

#[test]
fn a_port_that_is_taken() {
    let scratch = Scratch::new("port");
    let settings = Settings::new(&scratch, &[]);
    let _taken = TcpListener::bind(("127.0.0.1", settings.port)).expect("it was free");
    let port = settings.port.to_string();
    assert_says(&refused(settings), &[&port, "`listeners`", "ss -ltnp"]);
}

/// It is found out before anything is changed: what was closed cleanly still is, and the message names the setting.
#[test]
fn a_port_that_is_taken_leaves_a_clean_directory_clean() {
    let scratch = Scratch::new("port");
    let settings = closed_directory(&scratch);
    let everything = || {
        let names = Command::new("find").arg(&settings.data).output().expect("find runs").stdout;
        let mut names: Vec<String> = String::from_utf8_lossy(&names).lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let (marker, before) = (settings.data.join(".kafka_cleanshutdown"), everything());
    assert!(marker.exists());
    let taken = TcpListener::bind(("127.0.0.1", settings.port)).expect("the broker is gone");
    let port = settings.port.to_string();
    assert_says(&refused(settings.clone()), &[&port, "`listeners`", "ss -ltnp"]);
    assert!(marker.exists(), "Kafka would open it, and so would Logan without a recovery");
    assert_eq!(everything(), before);
    drop(taken);
    let broker = Broker::start(settings);
    assert_eq!(Connection::open(broker.address()).list_offset("kept", 1, -1), (0, -1, 1));
}

/// As in Kafka: metadata.log.dir need not be one of log.dirs. What is formatted is what starts.
#[test]
fn metadata_in_a_directory_of_its_own() {
    let scratch = Scratch::new("metadata-dir");
    let metadata = scratch.path().join("metadata");
    let setting = format!("metadata.log.dir={}", metadata.display());
    let settings = Settings::new(&scratch, &["logan.shards=2", &setting]);
    let mut format = Command::new(broker::binary());
    let log_dirs = format!("log.dirs={}", settings.data.display());
    format.args(["format", "-t", "AHRRMCHaiXggb1xmceDAfg", "--override", &setting, "--override", &log_dirs]);
    assert!(format.status().expect("the binary runs").success());
    let mut broker = Broker::start(settings);
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("kept", 2, &[]), 0);
    assert_eq!(connection.produce("kept", 1, -1, &Batch::of(&[b"kept"]).encode()).error, 0);
    let metadata_logs = |directory: &Path| {
        let names = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is there"));
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with("logan-metadata-")).count()
    };
    assert_eq!((metadata_logs(&metadata), metadata_logs(&broker.settings().data)), (1, 0));
    for is_killed in [true, false] {
        if is_killed {
            broker.kill();
        } else {
            assert!(broker.stop().success(), "{}", broker.output());
        }
        broker.restart();
        assert_eq!(Connection::open(broker.address()).list_offset("kept", 1, -1), (0, -1, 1));
    }
    // Two brokers must not share it, either.
    let other = Scratch::new("metadata-dir");
    let second = Settings::new(&other, &[&setting]);
    assert_says(&refused(second), &[&metadata.display().to_string(), "in use by another process: stop it"]);
}

/// Whoever set how long records are kept must not believe that they go.
#[test]
fn what_is_not_removed_is_said_once() {
    let scratch = Scratch::new("retention");
    let mut broker = Broker::start(Settings::new(&scratch, &[]));
    let said =
        |broker: &Broker| broker.output().matches("retention and compaction are not built yet").count();
    assert_eq!(said(&broker), 1, "the default is seven days:\n{}", broker.output());
    assert!(broker.stop().success());
    broker.settings_mut().overrides.push("log.retention.ms=-1".to_owned());
    broker.restart();
    assert_eq!(said(&broker), 0, "for ever is for ever:\n{}", broker.output());
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("compacted", 1, &[("cleanup.policy", "compact")]), 0);
    assert!(broker.stop().success());
    broker.restart();
    assert_eq!(said(&broker), 1, "a topic wants to be compacted:\n{}", broker.output());
}

/// Every shard listens on the port with `SO_REUSEPORT`; two brokers must not share it for all that.
#[test]
fn a_port_that_another_broker_has() {
    let scratch = Scratch::new("port");
    let mut first = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    let other = Scratch::new("port");
    let mut settings = Settings::new(&other, &["logan.shards=2"]);
    settings.port = first.settings().port;
    let port = settings.port.to_string();
    assert_says(&refused(settings), &[&port, "`listeners`", "ss -ltnp"]);
    first.assert_alive();
}

#[test]
fn a_directory_that_another_broker_has() {
    let scratch = Scratch::new("locked");
    let mut first = Broker::start(Settings::new(&scratch, &[]));
    let mut settings = first.settings().clone();
    settings.port = broker::free_port();
    settings.folder = scratch.path().join("second");
    fs::create_dir(&settings.folder).expect("the scratch directory is writable");
    let data = settings.data.display().to_string();
    let started = Instant::now();
    assert_says(&refused(settings), &[&data, "in use by another process: stop it", "log.dirs"]);
    println!("refused after {:.1?}", started.elapsed());
    first.assert_alive();
}

/// Two engines on one directory would write over each other.
#[test]
fn a_directory_that_is_named_in_two_ways() {
    let scratch = Scratch::new("twice");
    let (one, link) = (scratch.path().join("one"), scratch.path().join("link"));
    fs::create_dir(&one).expect("the scratch directory is writable");
    std::os::unix::fs::symlink(&one, &link).expect("links are possible");
    for other in [link.display().to_string(), format!("{}/", one.display())] {
        let both = format!("log.dirs={},{other}", one.display());
        let refused = refused(Settings::new(&scratch, &[&both]));
        assert_says(&refused, &[&other, "the same directory", "log.dirs"]);
    }
}

#[test]
fn a_directory_that_cannot_be_written() {
    let scratch = Scratch::new("readonly");
    let file = scratch.path().join("file");
    fs::write(&file, "a file").expect("the scratch directory is writable");
    // Root may write anywhere but in the first two: one that cannot be made, one that is there, and what is no directory.
    for data in [PathBuf::from("/proc/logan-data"), PathBuf::from("/sys"), file] {
        let mut settings = Settings::new(&scratch, &[]);
        settings.data.clone_from(&data);
        let advice = "a log directory must exist or be creatable, and be writable by this user";
        assert_says(&refused(settings), &[&data.display().to_string(), advice]);
    }
}

#[test]
fn a_directory_of_another_cluster() {
    let (one, two) = (Scratch::new("cluster"), Scratch::new("cluster"));
    let first = closed_directory(&one);
    let second = closed_directory(&two);
    let mut both = first.clone();
    both.overrides.push(format!("log.dirs={},{}", first.data.display(), second.data.display()));
    let refused = refused(both);
    let [one, two] = [&first, &second].map(|settings| settings.data.display().to_string());
    assert_says(
        &refused,
        &["belongs to cluster", &one, &two, "take the one that is not of this cluster out of log.dirs"],
    );
}

/// The settings, with two log directories.
fn two_directories(settings: &Settings) -> (PathBuf, PathBuf, String) {
    let (first, second) = (settings.data.clone(), settings.folder.join("second-data"));
    let dirs = format!("log.dirs={},{}", first.display(), second.display());
    (first, second, dirs)
}

/// Takes the metadata out of a directory that was closed: it is then as Kafka would have left it.
fn forget_metadata(directory: &Path) {
    let marker = directory.join(".kafka_cleanshutdown");
    fs::write(marker, r#"{"version":0,"brokerEpoch":9}"#).expect("it is ours");
    for entry in fs::read_dir(directory).expect("it was just written") {
        let path = entry.expect("it was just written").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("logan-metadata-")) {
            fs::remove_file(path).expect("it is ours");
        }
    }
}

/// Topics of a directory that Kafka closed are taken over where their logs are: a directory that is offline later on does not let them begin
/// anew elsewhere. Nor is anything taken over while one is offline.
#[test]
fn topics_are_taken_over_where_they_are() {
    const TOPICS: usize = 12;
    let scratch = Scratch::new("taken-over");
    let mut settings = Settings::new(&scratch, &["logan.shards=2"]);
    let (first, second, dirs) = two_directories(&settings);
    settings.overrides.push(dirs);
    let mut broker = Broker::start(settings);
    let mut connection = Connection::open(broker.address());
    let topics: Vec<String> = (0..TOPICS).map(|number| format!("taken-{number}")).collect();
    for topic in &topics {
        assert_eq!(connection.create_topic(topic, 1, &[]), 0);
        assert_eq!(connection.produce(topic, 0, -1, &Batch::of(&[b"kept"]).encode()).error, 0);
    }
    assert!(broker.stop().success());
    forget_metadata(&first);
    forget_metadata(&second);
    let lies_in = |directory: &Path, topic: &str| directory.join(format!("{topic}-0")).is_dir();
    let in_second = topics.iter().filter(|topic| lies_in(&second, topic)).count();
    assert_eq!(in_second, TOPICS / 2);

    let aside = scratch.path().join("aside");
    let away = || {
        fs::rename(&second, &aside).expect("on the same file system");
        fs::write(&second, "no directory").expect("the scratch directory is writable");
    };
    let back = || {
        fs::remove_file(&second).expect("just written");
        fs::rename(&aside, &second).expect("on the same file system");
    };
    away();
    assert_says(&refused(broker.settings().clone()), &["to be taken over", "is offline"]);
    // Nor does a node begin that sees no topic at all: those of the other directory would never be taken over.
    let mut beside = broker.settings().clone();
    let new = scratch.path().join("new");
    beside.overrides.push(format!("log.dirs={},{}", new.display(), second.display()));
    assert_says(&refused(beside), &["to be taken over", "is offline"]);
    back();
    broker.restart();
    let mut connection = Connection::open(broker.address());
    for topic in &topics {
        assert_eq!(connection.list_offset(topic, 0, -1), (0, -1, 1), "{topic}");
    }
    assert!(broker.stop().success());
    away();
    broker.restart();
    let mut connection = Connection::open(broker.address());
    for topic in &topics {
        let expected = if lies_in(&first, topic) { (0, -1, 1) } else { (56, -1, -1) };
        assert_eq!(connection.list_offset(topic, 0, -1), expected, "{topic}");
    }
    assert!(broker.stop().success());
}

/// One of two copies of a log is out of date: to serve either without a word may lose what was acknowledged.
#[test]
fn a_partition_that_lies_in_two_directories_is_refused() {
    let scratch = Scratch::new("two-logs");
    let mut settings = Settings::new(&scratch, &["logan.shards=2"]);
    let (first, second, dirs) = two_directories(&settings);
    settings.overrides.push(dirs);
    let mut broker = Broker::start(settings);
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.create_topic("twice", 1, &[]), 0);
    assert_eq!(connection.produce("twice", 0, -1, &Batch::of(&[b"kept"]).encode()).error, 0);
    assert!(broker.stop().success());
    let (from, to) = if first.join("twice-0").is_dir() { (first, second) } else { (second, first) };
    copy_directory(&from.join("twice-0"), &to.join("twice-0"));
    let refused = refused(broker.settings().clone());
    assert_says(&refused, &["twice-0 lies in", &from.display().to_string(), &to.display().to_string()]);
    fs::remove_dir_all(to.join("twice-0")).expect("just made");
    broker.restart();
    let mut connection = Connection::open(broker.address());
    assert_eq!(connection.list_offset("twice", 0, -1), (0, -1, 1));
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the scratch directory is writable");
    for entry in fs::read_dir(from).expect("it was just written") {
        let path = entry.expect("it was just written").path();
        fs::copy(&path, to.join(path.file_name().expect("a file")))
            .expect("the scratch directory is writable");
    }
}

/// What the metadata does not know, and does not say that it was deleted, is left alone: another broker may have written it.
#[test]
fn logs_of_unknown_topics_are_not_deleted() {
    let scratch = Scratch::new("unknown");
    let settings = closed_directory(&scratch);
    let (known, unknown) = (settings.data.join("kept-0"), settings.data.join("made-elsewhere-0"));
    copy_directory(&known, &unknown);
    let other = "version: 0\ntopic_id: AHRRMCHaiXggb1xmceDAfg\n";
    fs::write(unknown.join("partition.metadata"), other).expect("the scratch directory is writable");
    let log = unknown.join("00000000000000000000.log");
    let bytes = fs::read(&log).expect("a segment");
    for _ in 0..2 {
        assert_says(&refused(settings.clone()), &["made-elsewhere-0", "does not know"]);
        assert!(fs::read(&log).is_ok_and(|now| now.starts_with(&bytes)), "it is still there");
    }
}

/// Whoever started the broker may have closed the pipe that it writes to.
#[test]
fn nobody_listens_to_what_is_printed() {
    let scratch = Scratch::new("silent");
    let settings = Settings::new(&scratch, &["logan.shards=1"]);
    let mut command = Command::new(broker::binary());
    command.arg("start").stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", settings.port);
    for setting in [listeners, format!("log.dirs={}", settings.data.display())] {
        command.arg("--override").arg(setting);
    }
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let began = Instant::now();
    let is_served = loop {
        let connected = TcpStream::connect(("127.0.0.1", settings.port));
        if connected.is_ok() || began.elapsed() > Duration::from_mins(1) {
            break connected.is_ok();
        }
        if child.try_wait().expect("our own child").is_some() {
            break false;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    // The line is printed at the end of the start.
    std::thread::sleep(Duration::from_millis(500));
    let ended = child.try_wait().expect("our own child");
    let _ = child.kill();
    child.wait().expect("our own child");
    assert!(is_served && ended.is_none(), "served: {is_served}, ended: {ended:?}");
}

/// Garbage in a file that counts keeps the start from believing it; the file is named. What only helps is built again.
#[test]
fn corrupt_files() {
    let mut report = Vec::new();
    let scratch = Scratch::new("corrupt");
    let names = files_of(&closed_directory(&scratch).data);
    for name in names {
        for (how, garbage) in [("garbage", &[0xa5; 5_000][..]), ("empty", &[])] {
            let scratch = Scratch::new("corrupt");
            let settings = closed_directory(&scratch);
            // Names of files of one kind differ from run to run only in their ids.
            let Some(file) = files_of(&settings.data).into_iter().find(|f| kind(f) == kind(&name)) else {
                continue;
            };
            fs::write(settings.data.join(&file), garbage).expect("the scratch directory is writable");
            let what = format!("{} made {how}", file.display());
            match Broker::try_start(settings) {
                Err(refused) => {
                    assert_says(&refused, &[]);
                    let says = |words: &str| refused.output.contains(words);
                    // The log itself is called by its name and its first offset.
                    let is_log = file.extension().is_some_and(|extension| extension == "log");
                    let log = file.parent().expect("below the data").to_string_lossy();
                    let is_named = says(&file.file_name().expect("a file").to_string_lossy())
                        || (is_log && !log.is_empty() && says(&log));
                    let is_advised = says("logan recover --accept-loss /") || says("estore");
                    let named = is_named && is_advised;
                    report.push((
                        what,
                        format!("refused: {}", refused.output.lines().last().unwrap_or_default()),
                        named,
                    ));
                }
                Ok(mut broker) => {
                    let mut connection = Connection::open(broker.address());
                    let ends: Vec<_> =
                        (0..2).map(|partition| connection.list_offset("kept", partition, -1)).collect();
                    // A directory that is offline answers so; what is online has everything.
                    let whole = ends.iter().all(|(error, _, end)| (*error, *end) == (0, 1) || *error == 56);
                    broker.assert_alive();
                    assert!(!broker.output().contains("panicked"), "{}", broker.output());
                    report.push((what, format!("started, ends {ends:?}"), whole));
                }
            }
        }
    }
    for (what, outcome, _) in &report {
        println!("{what}: {outcome}");
    }
    let wrong: Vec<_> = report.iter().filter(|(_, _, right)| !right).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).expect("it was just written") {
            let path = entry.expect("it was just written").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("found below").to_path_buf());
            }
        }
    }
    // One file of each kind is enough.
    found.sort_by_key(|file| (kind(file), file.clone()));
    found.dedup_by_key(|file| kind(file));
    found
}

/// Names of one kind differ in numbers and topics; the metadata quorum's files at the root are kinds of their own.
fn kind(file: &Path) -> String {
    let name = file.file_name().expect("a file").to_string_lossy().replace(|c: char| c.is_ascii_digit(), "");
    let place = if file.components().count() > 1 { "partition" } else { "root" };
    format!("{place}/{name}")
}

/// A bad value stops the start with file, line, key, value and what is allowed; an unknown key is only a warning.
#[test]
fn bad_settings() {
    let scratch = Scratch::new("settings");
    let file = scratch.path().join("server.properties");
    let port = broker::free_port();
    let data = scratch.path().join("data");
    let start = |text: &str| {
        fs::write(&file, text).expect("the scratch directory is writable");
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
        let mut command = Command::new(broker::binary());
        command.arg("start").arg("--config").arg(&file).arg("--override").arg(listeners);
        command.arg("--override").arg(format!("log.dirs={}", data.display()));
        command.output().expect("the binary runs")
    };
    for (line, words) in [
        ("num.partitions=many", ["num.partitions", "many"]),
        ("num.partitions=0", ["num.partitions", "0"]),
        ("log.segment.bytes=7", ["log.segment.bytes", "7"]),
        ("compression.type=brotli", ["compression.type", "brotli"]),
    ] {
        let output = start(&format!("# a comment\n\n{line}\n"));
        assert!(!output.status.success(), "{line}");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let place = format!("{}:3", file.display());
        for word in words.into_iter().chain([&*place, "server.properties"]) {
            assert!(said.contains(word), "{line}: expected {word:?} in:\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    let settings = Settings::new(&scratch, &["no.such.key=1"]);
    let broker = Broker::start(settings);
    assert!(broker.output().contains("no.such.key"), "an unknown key is named:\n{}", broker.output());
}

/// The terminal goes away, and with it whatever is written there: a stop like any other.
#[test]
fn a_terminal_that_hangs_up() {
    let scratch = Scratch::new("hangup");
    let (data, port) = (scratch.path().join("data"), broker::free_port());
    let overrides =
        [format!("listeners=PLAINTEXT://127.0.0.1:{port}"), format!("log.dirs={}", data.display())];
    let mut command = Command::new(broker::binary());
    command.arg("start").args(overrides.iter().flat_map(|setting| ["--override", setting]));
    // Nothing can be written to it, as to a terminal that is gone.
    let gone = || fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let mut child = command.stdin(Stdio::null()).stdout(gone()).stderr(gone()).spawn().expect("it runs");
    let started = Instant::now();
    let is_up = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    while !is_up() && started.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The kernel and the shell both say so.
    broker::signal(child.id(), "HUP");
    let _ = Command::new("sh").arg("-c").arg(format!("kill -HUP {} 2> /dev/null", child.id())).status();
    let status = child.wait().expect("our own child");
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(data.join(".kafka_cleanshutdown").exists(), "Kafka's marker of a clean stop");
}

/// SIGTERM, SIGINT and SIGHUP finish what was read, and leave a clean directory; a second signal does not wait.
#[test]
fn signals() {
    for name in ["TERM", "INT", "HUP"] {
        let scratch = Scratch::new("signals");
        let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
        let mut connection = Connection::open(broker.address());
        assert_eq!(connection.create_topic("signals", 1, &[]), 0);
        assert_eq!(connection.produce("signals", 0, -1, &Batch::of(&[b"x"]).encode()).error, 0);
        let started = Instant::now();
        broker.signal(name);
        let status = broker.wait();
        assert!(status.success(), "SIG{name}: {status}\n{}", broker.output());
        println!("SIG{name} took {:.1?}", started.elapsed());
        let data = broker.settings().data.clone();
        assert!(data.join(".kafka_cleanshutdown").exists(), "Kafka's marker of a clean stop");
        assert!(
            !data.join("logan").exists(),
            "nothing of Logan's own is left in a directory that was closed cleanly"
        );
    }
    let scratch = Scratch::new("signals");
    let mut broker = Broker::start(Settings::new(&scratch, &[]));
    broker.signal("TERM");
    // The first may already have been enough.
    let _ = Command::new("sh").arg("-c").arg(format!("kill -TERM {} 2> /dev/null", broker.pid())).status();
    let started = Instant::now();
    broker.wait();
    assert!(started.elapsed() < Duration::from_secs(5), "two signals took {:?}", started.elapsed());
    broker.restart();
    broker.assert_alive();
}

/// Figures for people, not promises: a shared machine is no place to measure.
#[test]
fn figures_of_a_start() {
    let scratch = Scratch::new("figures");
    let mut broker = Broker::start(Settings::new(&scratch, &["logan.shards=2"]));
    std::thread::sleep(Duration::from_secs(1));
    let (resident, cpu) = (broker.resident(), broker.cpu());
    std::thread::sleep(Duration::from_secs(3));
    let idle = broker.cpu().saturating_sub(cpu);
    println!(
        "ready after {:.1?}; idle with 2 shards: {} KiB resident, {idle:?} of CPU in 3 s",
        broker.ready_after(),
        resident >> 10
    );
    let mut connection = Connection::open(broker.address());
    let started = Instant::now();
    assert_eq!(connection.create_topic("many-a", 5_000, &[]), 0);
    assert_eq!(connection.create_topic("many-b", 5_000, &[]), 0);
    let took = started.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    let more = broker.resident().saturating_sub(resident) >> 20;
    println!("10,000 partitions created in {took:.1?}, {more} MiB more resident");
    let started = Instant::now();
    assert!(broker.stop().success());
    let stopped = started.elapsed();
    broker.restart();
    println!("with them, stopped in {stopped:.1?} and ready after {:.1?}", broker.ready_after());
}

/// Where no host is said, Java listens on both families, and so does this broker.
#[test]
fn a_listener_without_a_host_listens_everywhere() {
    let scratch = Scratch::new("everywhere");
    let mut settings = Settings::new(&scratch, &["logan.shards=2"]);
    let port = settings.port;
    settings.overrides.push(format!("listeners=PLAINTEXT://:{port}"));
    settings.overrides.push(format!("advertised.listeners=PLAINTEXT://localhost:{port}"));
    let broker = Broker::start(settings);
    let mut addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    // Where the machine has no IPv6, the broker goes without.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    }
    // More of them than shards, so that each shard's listener is asked.
    for address in addresses.repeat(8) {
        assert!(!Connection::open(address).api_versions().is_empty(), "{address}:\n{}", broker.output());
    }
}

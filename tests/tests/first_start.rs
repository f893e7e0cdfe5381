//! A start as a user sees it: without a word of configuration, after `logan format`, and what is said when it is done.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use logan::protocol::messages as m;
use logan_tests::batch::Batch;
use logan_tests::broker::{self, Broker, Scratch, Settings, free_port};
use logan_tests::wire::Connection;
use logan_tests::{typed, with_each_number_of_shards};

with_each_number_of_shards! {
    the_ready_line_says_what_one_has_to_know,
}

/// The ready line's parts: addresses, shards, directories, milliseconds.
fn parts(output: &str) -> (&str, &str, &str, u128) {
    let mut lines = output.lines().filter_map(|line| line.strip_prefix("Logan is ready on "));
    let line = lines.next().expect("it is ready");
    assert_eq!(lines.next(), None, "one line");
    let (addresses, rest) = line.split_once(": ").expect("addresses, and more");
    let (shards, rest) = rest.split_once(", data in ").expect("shards, and more");
    let (directories, took) = rest.split_once(", started in ").expect("directories, and how long it took");
    let took = took.strip_suffix(" ms").and_then(|number| number.parse().ok());
    (addresses, shards, directories, took.expect("a number of milliseconds"))
}

fn the_ready_line_says_what_one_has_to_know(shards: u16) {
    let scratch = Scratch::new("ready");
    let (inner, outer) = (free_port(), free_port());
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{inner},OUTER://127.0.0.1:{outer}");
    let protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTER:PLAINTEXT";
    let directories = ["one", "two"].map(|name| scratch.path().join(name).display().to_string());
    let (shards_setting, dirs) =
        (format!("logan.shards={shards}"), format!("log.dirs={}", directories.join(",")));
    let mut settings = Settings::new(&scratch, &[&shards_setting, &listeners, protocols, &dirs]);
    settings.port = inner;
    let broker = Broker::start(settings);
    let output = broker.output();
    let (addresses, told, data, took_ms) = parts(&output);
    assert_eq!(addresses, format!("127.0.0.1:{inner}, 127.0.0.1:{outer}"));
    assert_eq!(told, if shards == 1 { "1 shard".to_owned() } else { format!("{shards} shards") });
    assert_eq!(data, directories.join(", "));
    // The process was there before it began to count, and the test looked after it had ended.
    assert!(
        took_ms <= broker.ready_after().as_millis(),
        "{took_ms} ms, seen after {:?}",
        broker.ready_after()
    );
    let threads = fs::read_dir(format!("/proc/{}/task", broker.pid())).expect("the broker runs");
    let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.starts_with("shard-")).count(), usize::from(shards));
}

/// A process, ended with its test.
struct Started {
    child: Child,
    output: std::path::PathBuf,
}

impl Started {
    fn new(folder: &Path, arguments: &[&str]) -> Self {
        let output = folder.join("output.log");
        let file = fs::File::create(&output).expect("the scratch directory is writable");
        let errors = file.try_clone().expect("a descriptor is free");
        let mut command = Command::new(broker::binary());
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(file).stderr(errors);
        Self { child: command.spawn().expect("the binary runs"), output }
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("just made")
    }

    /// Whether it is ready, rather than at its end.
    fn is_ready(&mut self) -> bool {
        let began = Instant::now();
        loop {
            if self
                .output()
                .lines()
                .any(|line| line.starts_with("Logan is ready on ") && line.ends_with(" ms"))
            {
                return true;
            }
            if self.child.try_wait().expect("our own child").is_some() {
                return false;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(mut self) {
        broker::signal(self.child.id(), "TERM");
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{status}: {}", self.output());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The README's first command, and `logan start` alone. The port is everybody's, and may be taken: then that is said.
#[test]
fn without_any_argument_a_broker_starts() {
    for arguments in [&[][..], &["start"]] {
        let scratch = Scratch::new("first");
        let mut started = Started::new(scratch.path(), arguments);
        if !started.is_ready() {
            // Nothing else of these tests uses it: where everything must be tried, that is a failure.
            let output = started.output();
            assert!(output.contains("127.0.0.1:9092") && output.contains("ss -ltnp"), "{output}");
            assert!(!logan_tests::clients::are_required(), "{output}");
            println!("NOT RUN, the port is taken: {output}");
            continue;
        }
        let output = started.output();
        let (addresses, shards, directories, _) = parts(&output);
        assert_eq!((addresses, directories), ("127.0.0.1:9092", "./logan-data"));
        let cores = std::thread::available_parallelism().expect("Linux says").get();
        assert_eq!(shards, if cores == 1 { "1 shard".to_owned() } else { format!("{cores} shards") });
        let mut connection = Connection::open("127.0.0.1:9092".parse().expect("an address"));
        assert_eq!(connection.create_topic("first", 1, &[]), 0);
        assert_eq!(connection.produce("first", 0, -1, &Batch::of(&[b"x"]).encode()).error, 0);
        started.stop();
        let segment = scratch.path().join("logan-data/first-0/00000000000000000000.log");
        assert!(fs::metadata(segment).is_ok_and(|file| file.len() > 0));
    }
    // Elsewhere: `log.dir` counts where `log.dirs` says nothing.
    let scratch = Scratch::new("first");
    let port = free_port();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let arguments = ["start", "--override", "log.dir=elsewhere", "--override", &listeners];
    let mut started = Started::new(scratch.path(), &arguments);
    assert!(started.is_ready(), "{}", started.output());
    assert_eq!(parts(&started.output()).2, "elsewhere");
    started.stop();
    assert!(scratch.path().join("elsewhere/meta.properties").exists());
    assert!(!scratch.path().join("logan-data").exists());
}

/// `logan format`: whether that succeeds, and what it prints.
fn format(settings: &Settings, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(broker::binary());
    command.arg("format").args(arguments);
    let dirs = format!("log.dirs={}", settings.data.display());
    for setting in settings.overrides.iter().chain([&dirs]) {
        command.arg("--override").arg(setting);
    }
    let output = command.output().expect("the binary runs");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), printed.concat())
}

/// The cluster's id, as clients are told it.
fn cluster_id(broker: &Broker) -> String {
    let mut connection = Connection::open(broker.address());
    typed::call(&mut connection, 1, &m::DescribeClusterRequest::default()).cluster_id.to_string()
}

#[test]
fn what_was_formatted_starts_as_that() {
    const ID: &str = "AHRRMCHaiXggb1xmceDAfg";
    let scratch = Scratch::new("formatted");
    let settings = Settings::new(&scratch, &["node.id=7"]);
    let (is_done, printed) = format(&settings, &["-t", ID]);
    assert!(is_done && printed.contains(&format!("for node 7 of cluster {ID}")), "{printed}");
    let properties = settings.data.join("meta.properties");
    let written = fs::read_to_string(&properties).expect("it is formatted");
    let mut broker = Broker::start(settings.clone());
    for _ in 0..2 {
        assert_eq!(cluster_id(&broker), ID);
        assert!(broker.stop().success(), "{}", broker.output());
        assert_eq!(fs::read_to_string(&properties).expect("it is formatted"), written);
        broker.restart();
    }
    assert!(broker.stop().success());
    // Twice is a mistake, and says what to do.
    let (is_done, printed) = format(&settings, &["-t", ID]);
    assert!(!is_done && printed.contains("--ignore-formatted"), "{printed}");
    let (is_done, printed) = format(&settings, &["-t", ID, "--ignore-formatted"]);
    assert!(is_done && printed.contains("nothing to do"), "{printed}");
    // Whoever starts it as another node is told how it would be this one.
    let mut other = settings;
    other.overrides = vec!["node.id=8".to_owned()];
    let refused = Broker::try_start(other).expect_err("it belongs to node 7");
    let output = refused.output;
    assert!(output.contains("belongs to node 7") && output.contains("set node.id=7"), "{output}");

    // Without format, a node makes an id up, and stays with it.
    let scratch = Scratch::new("formatted");
    let mut broker = Broker::start(Settings::new(&scratch, &[]));
    let id = cluster_id(&broker);
    assert!(id.len() == 22 && id != ID, "{id}");
    broker.kill();
    broker.restart();
    assert_eq!(cluster_id(&broker), id);
}

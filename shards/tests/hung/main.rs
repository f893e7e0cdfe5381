//! A device that hangs, for real: a file system whose server does not answer until it is told to, and a shard that works on it and on another.
//!
//! This process is the server (FUSE); it starts this binary again as the shard, so that whatever becomes of one, the other ends: what waits for a
//! server that is gone fails. It needs root and `/dev/fuse`; where the machine refuses to mount anything it says that it was not run, and why.
//! Where it is not mounted for another reason it says so, too, but fails in CI (`LOGAN_REQUIRE_CLIENTS`).

mod fuse;
mod shard;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fuse::{Kind, NotMounted, Server};

/// Where the device that hangs is mounted, and a directory on another device, for the started process.
const HUNG: &str = "LOGAN_SHARDS_TEST_HUNG";
const WELL: &str = "LOGAN_SHARDS_TEST_WELL";
const PATIENCE: Duration = Duration::from_mins(1);

/// What one device may keep of a ring's workers, of each kind.
const MAX: [(Kind, usize); 4] = [(Kind::Sync, 16), (Kind::Allocate, 8), (Kind::Write, 64), (Kind::Read, 64)];

/// Without the test harness, whose threads would hold what is mounted.
fn main() {
    if let (Ok(hung), Ok(well)) = (std::env::var(HUNG), std::env::var(WELL)) {
        return shard::run(hung, well);
    }
    let scratch = std::env::temp_dir().join(format!("logan-hung-{}", std::process::id()));
    let (hung, well) = (scratch.join("hung"), scratch.join("well"));
    std::fs::create_dir_all(&hung).unwrap();
    std::fs::create_dir_all(&well).unwrap();
    match Server::mount(hung.to_str().unwrap()) {
        Ok(mut server) => a_device_that_hangs_takes_no_other_along(&mut server, &hung, &well),
        Err(NotMounted { reason, is_refused }) => {
            let is_required = std::env::var_os("LOGAN_REQUIRE_CLIENTS").is_some();
            assert!(is_refused || !is_required, "not run, which is required here: {reason}");
            println!("NOT RUN: {reason}");
        }
    }
    std::fs::remove_dir_all(&scratch).unwrap();
}

fn a_device_that_hangs_takes_no_other_along(
    server: &mut Server,
    hung: &std::path::Path,
    well: &std::path::Path,
) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(HUNG, hung)
        .env(WELL, well)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = lines(&mut child);
    let until = |server: &mut Server, line: &str| {
        let began = Instant::now();
        loop {
            server.serve(Duration::from_millis(5));
            match said.try_recv() {
                Ok(heard) if heard == line => return,
                Ok(heard) => panic!("the shard says {heard:?} and not {line:?}"),
                Err(mpsc::TryRecvError::Disconnected) => panic!("the shard has ended before {line:?}"),
                Err(mpsc::TryRecvError::Empty) => {}
            }
            assert!(began.elapsed() < PATIENCE, "no {line:?}; held: {:?}", server.held());
        }
    };
    until(server, "opened");
    until(server, "dropped");
    until(server, "the other device went on");
    all_that_may_are_held(server);
    let reads = release_one_by_one(server);
    until(server, "all are done");
    // As many as entered at once come in any order, and the others as they asked.
    let waited = &reads[64..];
    assert_eq!(reads.len(), shard::READS + shard::READS_GIVEN_UP);
    assert!(waited.is_sorted(), "in another order than they asked: {waited:?}");
    assert!(child.wait().unwrap().success());
    println!("a device that hangs takes no other along");
}

/// There is more to do of each kind than the device may keep workers with: so it keeps as many as it may.
fn all_that_may_are_held(server: &mut Server) {
    let began = Instant::now();
    while MAX.iter().any(|(kind, most)| server.count(*kind) < *most) && began.elapsed() < PATIENCE {
        server.serve(Duration::from_millis(5));
    }
    // And what comes beyond them does so by now.
    server.serve(Duration::from_millis(200));
    for (kind, most) in MAX {
        let held = server.count(kind);
        println!("{held} of {kind:?} held");
        assert_eq!(held, most, "workers that {kind:?} may keep");
    }
}

/// Answers what was held one after another; of the reads, their positions as they came. Each lets one of those through that wait.
fn release_one_by_one(server: &mut Server) -> Vec<u64> {
    let reads = |server: &Server| -> Vec<u64> {
        let reads = server.arrived().iter().filter(|came| came.kind == Kind::Read);
        reads.map(|came| came.position).collect()
    };
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < Duration::from_secs(1) {
        let came = reads(server).len();
        let answered = server.answer_oldest();
        if answered.is_some() {
            quiet_since = Instant::now();
        }
        let waits = answered == Some(Kind::Read) && came < shard::READS + shard::READS_GIVEN_UP;
        server.serve(Duration::from_millis(1));
        while waits && reads(server).len() == came {
            assert!(quiet_since.elapsed() < PATIENCE, "{came} reads came, and no further one");
            server.serve(Duration::from_millis(1));
        }
    }
    reads(server)
}

fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    heard
}

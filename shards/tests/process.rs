//! What a process of the real machine does on signals, panics and limits, seen from outside: each test starts this binary again, with one
//! shard, two, and more shards than cores.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use logan_shards::{AlignedBuffer, Directory, OpenMode, RealOptions, Seat, run, sleep};

/// Names what the started process is to do, and with how many shards.
const ROLE: &str = "LOGAN_SHARDS_TEST_ROLE";
const SHARDS: &str = "LOGAN_SHARDS_TEST_SHARDS";

/// Without the test harness, whose own threads would take the signals.
fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return play(role);
    }
    let cores = std::thread::available_parallelism().unwrap().get() as u16;
    for shards in [1, 2, cores + 1] {
        a_signal_stops_all_shards(shards);
        a_second_signal_ends_the_process_at_once(shards);
        a_hang_up_stops_unless_it_is_ignored(shards);
        a_panic_on_one_shard_ends_the_process(shards);
    }
    a_write_that_is_cut_short_is_told_with_its_reason();
    println!("signals and panics do what they should");
}

/// What the started process does.
fn play(role: String) {
    if role == "writer" {
        return run(RealOptions { shards: 1, ..RealOptions::standard() }, |seat: Seat<()>| {
            write_beyond_limit(seat).boxed_local()
        })
        .unwrap();
    }
    let main = move |seat: Seat<()>| -> LocalBoxFuture<'static, ()> {
        let role = role.clone();
        async move {
            assert!(role != "panic" || seat.shard.0 + 1 != seat.shards, "an invariant is broken");
            std::fs::write(std::env::var("LOGAN_SHARDS_TEST_READY").unwrap(), "").unwrap();
            seat.stop.wait().await;
            if role == "stubborn" {
                sleep(Duration::from_mins(10)).await;
            }
        }
        .boxed_local()
    };
    let shards = std::env::var(SHARDS).unwrap().parse().unwrap();
    run(RealOptions { shards, ..RealOptions::standard() }, main).unwrap();
}

/// Files must not become longer than this.
const FILE_LIMIT: u64 = 16 << 10;

/// Says on standard error what becomes of a write that crosses the limit.
async fn write_beyond_limit(_seat: Seat<()>) {
    let path = std::env::var("LOGAN_SHARDS_TEST_READY").unwrap();
    let directory = Directory::open(&path).await.unwrap();
    let file = directory.open_file("large", OpenMode::CreateNew).await.unwrap();
    let content = AlignedBuffer::take(4 * FILE_LIMIT as usize).seal();
    let outcome = file.write(0, content).await;
    eprintln!("{} bytes: {outcome:?}", file.length().await.unwrap());
}

struct Started {
    child: Child,
    ready: std::path::PathBuf,
}

fn start(role: &str, shards: u16) -> Started {
    start_with(role, shards, Command::new(std::env::current_exe().unwrap()))
}

fn start_with(role: &str, shards: u16, mut command: Command) -> Started {
    let ready = std::env::temp_dir().join(format!("logan-shards-ready-{role}-{}", std::process::id()));
    let child = command
        .env(ROLE, role)
        .env(SHARDS, shards.to_string())
        .env("LOGAN_SHARDS_TEST_READY", &ready)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Started { child, ready }
}

impl Started {
    fn wait_until_ready(&self) {
        for _ in 0..3000 {
            if self.ready.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the process does not get ready");
    }

    fn signal(&self, signal: i32) {
        // SAFETY: no memory is passed, and the child was not waited for, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    fn end(self) -> (ExitStatus, String) {
        let output = self.child.wait_with_output().unwrap();
        // It is missing where the process is meant to end before it is ready.
        let _ = std::fs::remove_file(self.ready);
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn a_signal_stops_all_shards(shards: u16) {
    let started = start("obedient", shards);
    started.wait_until_ready();
    started.signal(libc::SIGTERM);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
}

fn a_second_signal_ends_the_process_at_once(shards: u16) {
    let started = start("stubborn", shards);
    started.wait_until_ready();
    started.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    started.signal(libc::SIGTERM);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(128 + libc::SIGTERM), "{stderr}");
}

/// The kernel and a shell may both tell of one hang-up; `nohup` has it ignored.
fn a_hang_up_stops_unless_it_is_ignored(shards: u16) {
    let started = start("stubborn", shards);
    started.wait_until_ready();
    started.signal(libc::SIGHUP);
    started.signal(libc::SIGHUP);
    std::thread::sleep(Duration::from_millis(200));
    started.signal(libc::SIGHUP);
    std::thread::sleep(Duration::from_millis(200));
    started.signal(libc::SIGTERM);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(128 + libc::SIGTERM), "{stderr}");

    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\""]).arg(std::env::current_exe().unwrap());
    let started = start_with("stubborn", shards, command);
    started.wait_until_ready();
    started.signal(libc::SIGHUP);
    std::thread::sleep(Duration::from_millis(200));
    // Had the hang-up counted, this would be the second signal.
    started.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(200));
    started.signal(libc::SIGINT);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(128 + libc::SIGINT), "{stderr}");
}

fn a_panic_on_one_shard_ends_the_process(shards: u16) {
    let (status, stderr) = start("panic", shards).end();
    assert_eq!(status.signal(), Some(libc::SIGABRT));
    assert!(stderr.contains("an invariant is broken"), "{stderr}");
}

/// A disk that becomes full, or any other limit, within a write: the kernel writes what it can, and says nothing of the reason.
fn a_write_that_is_cut_short_is_told_with_its_reason() {
    let directory = std::env::temp_dir().join(format!("logan-shards-short-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    // In units of 512 bytes. Without the trap the signal of the limit would end the process.
    let script = format!("ulimit -f {}; trap '' XFSZ; exec \"$0\"", FILE_LIMIT / 512);
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "writer")
        .env("LOGAN_SHARDS_TEST_READY", &directory)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains(&format!("{FILE_LIMIT} bytes: Err")), "{stderr}");
    assert!(stderr.contains(&format!("errno: {}", libc::EFBIG)), "{stderr}");
}

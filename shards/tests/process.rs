//! What a process of the real machine does on signals and panics, seen from outside: each test starts this binary again.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use logan_shards::{RealOptions, Seat, run, sleep};

/// Names what the started process is to do.
const ROLE: &str = "LOGAN_SHARDS_TEST_ROLE";

/// Without the test harness, whose own threads would take the signals.
fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return play(role);
    }
    a_signal_stops_all_shards();
    a_second_signal_ends_the_process_at_once();
    a_panic_on_one_shard_ends_the_process();
    println!("signals and panics do what they should");
}

/// What the started process does.
fn play(role: String) {
    let main = move |seat: Seat<()>| -> LocalBoxFuture<'static, ()> {
        let role = role.clone();
        async move {
            assert!(role != "panic" || seat.shard.0 == 0, "an invariant is broken");
            std::fs::write(std::env::var("LOGAN_SHARDS_TEST_READY").unwrap(), "").unwrap();
            seat.stop.wait().await;
            if role == "stubborn" {
                sleep(Duration::from_mins(10)).await;
            }
        }
        .boxed_local()
    };
    run(RealOptions { shards: 2, ..RealOptions::standard() }, main).unwrap();
}

struct Started {
    child: Child,
    ready: std::path::PathBuf,
}

fn start(role: &str) -> Started {
    let ready = std::env::temp_dir().join(format!("logan-shards-ready-{role}-{}", std::process::id()));
    let child = Command::new(std::env::current_exe().unwrap())
        .env(ROLE, role)
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

fn a_signal_stops_all_shards() {
    let started = start("obedient");
    started.wait_until_ready();
    started.signal(libc::SIGTERM);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
}

fn a_second_signal_ends_the_process_at_once() {
    let started = start("stubborn");
    started.wait_until_ready();
    started.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    started.signal(libc::SIGTERM);
    let (status, stderr) = started.end();
    assert_eq!(status.code(), Some(128 + libc::SIGTERM), "{stderr}");
}

fn a_panic_on_one_shard_ends_the_process() {
    let (status, stderr) = start("panic").end();
    assert_eq!(status.signal(), Some(libc::SIGABRT));
    assert!(stderr.contains("an invariant is broken"), "{stderr}");
}

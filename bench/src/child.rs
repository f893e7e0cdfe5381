//! Runs of this program that this program makes: watched, ended when somebody wants that, and when the disk is about to be full.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::brokers::{free_bytes, signal};
use crate::progress;
use crate::topic::INTERRUPTED;

const LOOK: Duration = Duration::from_millis(20);
/// How long a run may take to end once it was asked to: longer than it waits for an answer, and for what it is owed.
const PATIENCE: Duration = Duration::from_secs(100);
/// How often the disk is looked at.
const DISK: Duration = Duration::from_millis(500);

/// What ends a run before its time.
pub struct Watch {
    /// Somebody pressed Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
    /// Where brokers that were started keep their data, and how much must stay free there.
    pub work: PathBuf,
    pub keep_free: u64,
}

/// A run that goes on.
pub struct Underway {
    child: Child,
    said: Option<JoinHandle<String>>,
}

/// A run that has ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What it said of errors.
    pub said: String,
    /// Why it was made to end, if it was.
    pub reason: Option<String>,
}

impl Watch {
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Whether there is room for so many bytes more.
    pub fn check_room(&self, bytes: u64) -> Result<(), String> {
        let (free, wanted) = (free_bytes(&self.work)?, bytes.saturating_add(self.keep_free));
        if free >= wanted {
            return Ok(());
        }
        Err(format!(
            "too little disk: {} has {} MB free, and {} are wanted, of which --keep-free are {}",
            self.work.display(),
            free >> 20,
            wanted >> 20,
            self.keep_free >> 20
        ))
    }

    /// Runs a command to its end, which is brought about earlier where it has to be.
    pub fn run(&self, command: &mut Command) -> Result<Ended, String> {
        let mut underway = begin(command)?;
        let reason = underway.watch(self, None)?;
        underway.end(reason)
    }
}

/// Starts a command that nobody waits for yet. Ctrl-C reaches it by way of this process alone, so that it is asked once.
pub fn begin(command: &mut Command) -> Result<Underway, String> {
    let is_watched = progress::is_watched();
    if is_watched {
        command.env(progress::WATCHED, "1");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut errors = child.stderr.take().expect("it is piped");
    let said = thread::spawn(move || {
        let (mut said, mut piece) = (Vec::new(), [0; 4096]);
        // What cannot be read was not said.
        while let Ok(length @ 1..) = errors.read(&mut piece) {
            said.extend_from_slice(&piece[..length]);
            if is_watched {
                eprint!("{}", String::from_utf8_lossy(&piece[..length]));
            }
        }
        without_progress(&String::from_utf8_lossy(&said))
    });
    Ok(Underway { child, said: Some(said) })
}

/// What a run said besides how far it was.
fn without_progress(said: &str) -> String {
    let lines = said.split('\n').filter_map(|line| line.rsplit(progress::OVER).next());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

impl Underway {
    /// Waits until it has ended, or so long. Ends it early where that is asked for, and says why.
    pub fn watch(&mut self, watch: &Watch, limit: Option<Duration>) -> Result<Option<String>, String> {
        let (began, mut looked) = (Instant::now(), Instant::now());
        let (mut reason, mut asked) = (None, None::<Instant>);
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if limit.is_some_and(|limit| began.elapsed() > limit) {
                break;
            }
            if reason.is_none() && watch.is_interrupted() {
                reason = Some(INTERRUPTED.to_owned());
                signal(&self.child, "INT")?;
                asked = Some(Instant::now());
            }
            if reason.is_none() && looked.elapsed() > DISK {
                looked = Instant::now();
                if let Err(error) = watch.check_room(0) {
                    reason = Some(error);
                    signal(&self.child, "INT")?;
                    asked = Some(Instant::now());
                }
            }
            if asked.is_some_and(|asked| asked.elapsed() > PATIENCE) {
                // It was asked, and is as good as dead.
                self.child.kill().map_err(|error| error.to_string())?;
            }
            thread::sleep(LOOK);
        }
        Ok(reason)
    }

    /// Whether it has not ended.
    pub fn goes_on(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end, whatever comes.
    pub fn end(mut self, reason: Option<String>) -> Result<Ended, String> {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let said = self.said.take().map(JoinHandle::join).transpose();
        let said = said
            .map_err(|_| "the thread that reads what a run says panicked".to_owned())?
            .unwrap_or_default();
        Ok(Ended { status, said, reason })
    }
}

impl Drop for Underway {
    /// Nobody waits for it any more.
    fn drop(&mut self) {
        if self.goes_on() {
            // Whoever has ended meanwhile cannot be killed, which is as well.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(keep_free: u64) -> Watch {
        Watch { interrupted: Arc::default(), work: std::env::temp_dir(), keep_free }
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_run_says_of_errors_is_kept_and_its_progress_is_not() {
        let script = "printf '\\r\\033[Khalf\\r\\033[Kwhole\\r\\033[K' >&2; echo no broker >&2; exit 3";
        let ended = watch(0).run(&mut shell(script)).unwrap();
        assert_eq!((ended.status.code(), &*ended.said, ended.reason), (Some(3), "no broker", None));
    }

    #[test]
    fn a_run_is_asked_to_end_when_somebody_wants_that() {
        let watch = watch(0);
        let is_ready = std::env::temp_dir().join(format!("logan-bench-asked-{}", std::process::id()));
        let (ready, interrupted) = (is_ready.clone(), watch.interrupted.clone());
        let asking = thread::spawn(move || {
            while !ready.exists() {
                thread::sleep(LOOK);
            }
            interrupted.store(true, Ordering::Relaxed);
        });
        let script = format!(
            "trap 'echo asked >&2; exit 0' INT; touch {}; while :; do sleep 0.01; done",
            is_ready.display()
        );
        let ended = watch.run(&mut shell(&script)).unwrap();
        asking.join().unwrap();
        std::fs::remove_file(is_ready).unwrap();
        assert_eq!((&*ended.said, ended.reason.as_deref()), ("asked", Some("interrupted")));
    }

    #[test]
    fn a_run_is_asked_to_end_when_the_disk_is_nearly_full() {
        let watch = watch(u64::MAX);
        assert!(watch.check_room(1).unwrap_err().contains("too little disk"));
        let ended = watch.run(&mut shell("trap 'exit 0' INT; while :; do sleep 0.01; done")).unwrap();
        assert!(ended.reason.unwrap().contains("--keep-free"));
    }
}

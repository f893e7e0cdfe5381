//! The brokers that are measured: one that runs already, or one that is started for it and stopped behind it.

mod kafka;
mod logan;

use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::ops::Deref;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::topic::INTERRUPTED;

/// How long a broker may take to come up, and to stop.
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);

/// A broker as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// `host:port`, or `host:port/pid` of one on this machine.
    At { address: String, pid: Option<u32> },
    /// `logan` or `logan:unsynced`, or `logan=PATH` for a binary of one's own.
    Logan { binary: PathBuf, is_synced: bool },
    /// `kafka` or `kafka:synced`.
    Kafka { is_synced: bool },
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { address, .. } => f.write_str(address),
            Self::Logan { is_synced: true, .. } => f.write_str("logan"),
            Self::Logan { is_synced: false, .. } => f.write_str("logan:unsynced"),
            Self::Kafka { is_synced: true } => f.write_str("kafka:synced"),
            Self::Kafka { is_synced: false } => f.write_str("kafka"),
        }
    }
}

/// Whether an acknowledgement follows the flush; if nothing is said, as the broker does it by itself.
fn is_synced(mode: Option<&str>, by_itself: bool) -> Result<bool, String> {
    match mode {
        None => Ok(by_itself),
        Some("synced") => Ok(true),
        Some("unsynced") => Ok(false),
        Some(other) => Err(format!("{other:?} is neither synced nor unsynced")),
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("logan=") {
            let (path, mode) = path.split_once(':').map_or((path, None), |(path, mode)| (path, Some(mode)));
            return Ok(Self::Logan { binary: path.into(), is_synced: is_synced(mode, true)? });
        }
        let (name, mode) = text.split_once(':').map_or((text, None), |(name, mode)| (name, Some(mode)));
        match name {
            // A host may be called so, too.
            _ if mode.is_some_and(|mode| {
                mode.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok())
            }) =>
            {
                at(text)
            }
            "logan" => Ok(Self::Logan { binary: logan::beside_this(), is_synced: is_synced(mode, true)? }),
            "kafka" => Ok(Self::Kafka { is_synced: is_synced(mode, false)? }),
            _ => at(text),
        }
    }
}

fn at(text: &str) -> Result<Named, String> {
    let (address, pid) = text.split_once('/').map_or((text, None), |(address, pid)| (address, Some(pid)));
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(format!(
            "{text:?} is no broker: name host:port, host:port/pid, logan, logan:unsynced, logan=PATH, kafka or kafka:synced"
        ));
    }
    let pid = pid.map(str::parse).transpose().map_err(|_| format!("{text:?} has no pid behind its /"))?;
    Ok(Named::At { address: address.to_owned(), pid })
}

/// A broker that can be measured. If it was started for that, it is stopped and its data removed when this is dropped.
pub struct Running {
    pub address: String,
    pub pid: Option<u32>,
    /// Version, and how it was started.
    pub about: String,
    /// Settings of the topics that it is measured with.
    pub topic_config: Vec<&'static str>,
    pub starts: Starts,
    /// Somebody pressed Ctrl-C: it is no longer waited for.
    interrupted: Arc<AtomicBool>,
    started: Option<Started>,
}

/// How a broker was started here since it was under load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Starts {
    #[default]
    None,
    First,
    Another,
}

struct Started {
    /// What is run, again after a stop.
    command: Command,
    child: Child,
    folder: Folder,
}

/// A folder that goes with whoever has it.
struct Folder(PathBuf);

impl Named {
    /// Makes sure that there is such a broker. What is started keeps its data below `work`; it is waited for until `interrupted`.
    pub fn bring_up(&self, work: &Path, interrupted: &Arc<AtomicBool>) -> Result<Running, String> {
        match self {
            Self::At { address, pid } => {
                await_port(address, Duration::from_secs(2), &mut || Ok(()))?;
                let about = format!("at {address}");
                let topic_config = Vec::new();
                Ok(Running {
                    address: address.clone(),
                    pid: *pid,
                    about,
                    topic_config,
                    starts: Starts::None,
                    interrupted: interrupted.clone(),
                    started: None,
                })
            }
            Self::Logan { binary, is_synced } => logan::bring_up(binary, *is_synced, work, interrupted),
            Self::Kafka { is_synced } => kafka::bring_up(*is_synced, work, interrupted),
        }
    }
}

impl Running {
    /// Starts a process whose output goes to `broker.log` in its folder, and waits until it listens.
    fn start(
        mut command: Command,
        port: u16,
        folder: Folder,
        about: String,
        topic_config: Vec<&'static str>,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Self, String> {
        let address = format!("127.0.0.1:{port}");
        let child = spawn(&mut command, &folder)?;
        let pid = Some(child.id());
        let started = Some(Started { command, child, folder });
        let interrupted = interrupted.clone();
        let mut running =
            Self { address, pid, about, topic_config, starts: Starts::First, interrupted, started };
        running.await_ready()?;
        Ok(running)
    }

    fn started(&mut self) -> Result<&mut Started, String> {
        self.check_started()?;
        Ok(self.started.as_mut().expect("it was just looked at"))
    }

    /// Whether it can be stopped and started.
    pub fn check_started(&self) -> Result<(), String> {
        match self.started {
            Some(_) => Ok(()),
            None => {
                Err("only a broker that this program starts can be stopped by it: name it logan or kafka"
                    .to_owned())
            }
        }
    }

    /// Whether the process is gone.
    pub fn has_ended(&mut self) -> bool {
        let status = self.started.as_mut().map(|started| started.child.try_wait());
        matches!(status, Some(Ok(Some(_))))
    }

    /// The end of what it printed, if it was started here.
    pub fn last_words(&self) -> String {
        let words = self.started.as_ref().map(|started| last_words(&started.folder)).unwrap_or_default();
        if words.is_empty() { words } else { format!("; its last words:\n{words}") }
    }

    /// Starts it again if it has ended.
    pub fn revive(&mut self) -> Result<(), String> {
        if self.has_ended() {
            self.start_again()?;
            self.await_ready()?;
        }
        Ok(())
    }

    /// Brings what was written to the disk, so that nobody's window pays for what came before it.
    pub fn settle(&self) -> Result<(), String> {
        let Some(started) = &self.started else { return Ok(()) };
        let folder = File::open(&*started.folder).map_err(|error| error.to_string())?;
        rustix::fs::syncfs(folder).map_err(|error| format!("{}: {error}", started.folder.display()))
    }

    /// Ends the process at once, as `kill -9` does.
    pub fn kill(&mut self) -> Result<(), String> {
        let child = &mut self.started()?.child;
        let killed = child.kill().and_then(|()| child.wait());
        killed.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Asks the process to end, and waits for that.
    pub fn stop(&mut self) -> Result<(), String> {
        self.started()?.stop()
    }

    /// Starts the process that was stopped or killed. It does not listen yet.
    pub fn start_again(&mut self) -> Result<(), String> {
        let started = self.started()?;
        started.child = spawn(&mut started.command, &started.folder)?;
        self.pid = Some(started.child.id());
        self.starts = Starts::Another;
        Ok(())
    }

    /// Stops the broker, drops what the kernel keeps in memory of its files, and starts it again: what is read then comes from the disk.
    pub fn cool(&mut self) -> Result<(), String> {
        self.stop()?;
        drop_cached(&self.started()?.folder).map_err(|error| format!("dropping cached pages: {error}"))?;
        self.start_again()?;
        self.await_ready()
    }

    /// Waits until the broker listens; if it ends instead, its last words are the error.
    pub fn await_ready(&mut self) -> Result<(), String> {
        let (address, interrupted) = (self.address.clone(), self.interrupted.clone());
        let Some(started) = &mut self.started else { return Ok(()) };
        let (child, folder) = (&mut started.child, &started.folder);
        await_port(&address, START, &mut || match child.try_wait() {
            Ok(None) if interrupted.load(Ordering::Relaxed) => Err(INTERRUPTED.to_owned()),
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the broker ended with {status}: {}", last_words(folder))),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(started) = &mut self.started else { return };
        // SIGTERM first: a broker that is asked leaves no half-written files behind to be removed.
        if let Err(error) = started.stop() {
            eprintln!("{}: {error}", self.address);
            // Whoever has ended cannot be killed, which is as well.
            let _ = started.child.kill();
            let _ = started.child.wait();
        }
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.display());
        }
    }
}

impl Started {
    fn stop(&mut self) -> Result<(), String> {
        // Its number may be another process's by now.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return Ok(());
        }
        signal(&self.child, "TERM")?;
        let until = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // Half dead it would be in the way of whatever comes next.
                self.child.kill().and_then(|()| self.child.wait()).map_err(|error| error.to_string())?;
                return Err(format!("the broker did not end within {} s, and was killed", STOP.as_secs()));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// Sends a process a signal. One that has ended already has no need of it.
pub fn signal(child: &Child, name: &str) -> Result<(), String> {
    let sent =
        Command::new("kill").args(["-s", name, &child.id().to_string()]).stderr(Stdio::null()).status();
    sent.map(|_| ()).map_err(|error| format!("kill: {error}"))
}

/// Drops what the kernel caches of all files in a folder. What is not on the disk yet is brought there first: only that can be dropped.
fn drop_cached(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            drop_cached(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}

/// Bytes that are free on a folder's file system for whoever is not root.
pub fn free_bytes(folder: &Path) -> Result<u64, String> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(stat.f_bavail * stat.f_frsize)
}

fn spawn(command: &mut Command, folder: &Path) -> Result<Child, String> {
    let log = File::options().create(true).append(true).open(folder.join("broker.log"));
    let log = log.map_err(|error| format!("{}: {error}", folder.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    // Ctrl-C is for this program, which stops its brokers.
    command.process_group(0);
    let started = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    started.map_err(|error| format!("{}: {error}", command.get_program().display()))
}

fn last_words(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("broker.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Waits until somebody listens. `is_hopeful` ends it early with the reason.
fn await_port(
    address: &str,
    patience: Duration,
    is_hopeful: &mut dyn FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let until = Instant::now() + patience;
    loop {
        let mut addresses = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?;
        if addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()) {
            return Ok(());
        }
        is_hopeful()?;
        if Instant::now() > until {
            return Err(format!("{address}: nobody listens there"));
        }
        std::thread::sleep(LOOK);
    }
}

/// A folder of its own below `work`, which nobody has: not another broker of this run either.
fn new_folder(work: &Path, name: &str) -> Result<Folder, String> {
    fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
    for number in 1.. {
        let folder = work.join(format!("{name}-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(Folder(folder)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("{}: {error}", folder.display())),
        }
    }
    unreachable!("there are more numbers than folders")
}

/// Two ports that follow each other and that nobody has.
fn free_ports() -> Result<u16, String> {
    let first = 19_000 + (std::process::id() % 10_000) as u16;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let port = (first..first + 1_000).step_by(2).find(|port| free(*port) && free(port + 1));
    port.ok_or_else(|| format!("no free port from {first} on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sample;

    #[test]
    fn brokers_are_named() {
        let at = |address: &str, pid| Named::At { address: address.to_owned(), pid };
        assert_eq!("127.0.0.1:9092".parse(), Ok(at("127.0.0.1:9092", None)));
        assert_eq!("a.example:9092/77".parse(), Ok(at("a.example:9092", Some(77))));
        assert_eq!("kafka:9092".parse(), Ok(at("kafka:9092", None)));
        assert_eq!("logan:9092/7".parse(), Ok(at("logan:9092", Some(7))));
        assert_eq!("kafka".parse(), Ok(Named::Kafka { is_synced: false }));
        assert_eq!("kafka:synced".parse(), Ok(Named::Kafka { is_synced: true }));
        let own = |is_synced| Named::Logan { binary: "/b/logan".into(), is_synced };
        assert_eq!("logan=/b/logan".parse(), Ok(own(true)));
        assert_eq!("logan=/b/logan:unsynced".parse(), Ok(own(false)));
        assert!(matches!("logan".parse(), Ok(Named::Logan { is_synced: true, .. })));
        for wrong in ["", "redpanda", "kafka:fast", "host:port", "127.0.0.1:9092/x"] {
            assert!(wrong.parse::<Named>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_does_not_listen_is_told() {
        let port = free_ports().unwrap();
        let error = await_port(&format!("127.0.0.1:{port}"), Duration::from_millis(50), &mut || Ok(()));
        assert!(error.unwrap_err().contains("nobody listens"));
    }

    #[test]
    fn files_are_dropped_from_memory_and_keep_their_bytes() {
        let folder = new_folder(&std::env::temp_dir(), "cached").unwrap();
        let inner = folder.join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("segment"), b"records").unwrap();
        let beside = new_folder(&std::env::temp_dir(), "cached").unwrap();
        assert_ne!(*folder, *beside, "each broker has its own, of the same name too");
        let gone = beside.to_owned();
        drop(beside);
        assert!(!gone.exists() && folder.exists(), "each goes with its broker");
        drop_cached(&folder).unwrap();
        assert_eq!(fs::read(inner.join("segment")).unwrap(), b"records");
        assert!(free_bytes(&folder).unwrap() > 0);
    }

    /// Beside the program, since temporary files may be in memory only, where nothing can be dropped.
    #[test]
    fn what_was_dropped_comes_from_the_disk() {
        const BYTES: u64 = 8 << 20;
        let executable = std::env::current_exe().unwrap();
        let folder = new_folder(executable.parent().unwrap(), "dropped").unwrap();
        let path = folder.join("segment");
        fs::write(&path, vec![7; BYTES as usize]).unwrap();
        let read_of_disk = || {
            let before = sample(std::process::id()).unwrap().read_bytes;
            assert_eq!(fs::read(&path).unwrap().len(), BYTES as usize);
            sample(std::process::id()).unwrap().read_bytes - before
        };
        drop_cached(&folder).unwrap();
        // Other tests of this process may read at the same time, but not as much.
        assert!(read_of_disk() >= BYTES, "it was dropped");
        assert!(read_of_disk() < BYTES, "it is in memory again");
    }

    #[test]
    fn only_who_was_started_here_can_be_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut running = Named::At { address, pid: None }.bring_up(Path::new("."), &Arc::default()).unwrap();
        for outcome in [running.kill(), running.stop(), running.start_again(), running.cool()] {
            assert!(outcome.unwrap_err().contains("starts"));
        }
    }

    #[test]
    fn a_broker_that_ends_says_its_last_words() {
        let folder = new_folder(&std::env::temp_dir(), "last-words").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no disk; exit 3"]);
        let port = free_ports().unwrap();
        let error =
            Running::start(command, port, folder, String::new(), Vec::new(), &Arc::default()).err().unwrap();
        assert!(error.contains("no disk") && error.contains('3'), "{error}");
    }
}

//! The real `logan` binary as a process: started on a free port over a data directory, stopped, killed, started again.
//!
//! `LOGAN_TEST_BROKER=HOST:PORT` points the conformance tests at a broker that runs already (Kafka itself, say) instead.
//!
//! Invariants: a process that was started is waited for, however its test ends; a directory is removed with its [`Scratch`].

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a start or an orderly stop may take on a loaded machine before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

const SIGKILL: i32 = 9;

/// How the line begins that a broker prints when it serves.
const READY: &str = "Logan is ready on ";

/// A directory of one test, on the file system of the build (a real one, where `/tmp` may be memory).
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = target_dir().join("tmp").join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the target directory is writable");
        Self { path }
    }

    /// One in memory (tmpfs), if there is `bytes` of room for it.
    pub fn in_memory(name: &str, bytes: u64) -> Option<Self> {
        let asked = Command::new("df").args(["--block-size=1", "--output=fstype,avail", "/dev/shm"]).output();
        let told = String::from_utf8_lossy(&asked.expect("df runs").stdout).into_owned();
        let (kind, free) = told.lines().nth(1)?.split_once(char::is_whitespace)?;
        if kind != "tmpfs" || free.trim().parse::<u64>().ok()? < bytes {
            return None;
        }
        let path = PathBuf::from(format!("/dev/shm/logan-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("/dev/shm is writable");
        Some(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // `LOGAN_KEEP` leaves the directory of a failed run for a look.
        if std::env::var_os("LOGAN_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// `target/<profile>`, where this test itself was built.
fn profile_dir() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let deps = own
        .ancestors()
        .find(|p| p.file_name().is_some_and(|n| n == "deps"))
        .expect("tests are built in deps/");
    deps.parent().expect("deps/ lies in the profile's directory").to_path_buf()
}

fn target_dir() -> PathBuf {
    profile_dir().parent().expect("a profile lies in the target directory").to_path_buf()
}

/// A folder for what a client of another language needs, kept between runs as the build itself is.
pub fn build_folder(name: &str) -> PathBuf {
    let path = target_dir().join("tests").join(name);
    fs::create_dir_all(&path).expect("the target directory is writable");
    path
}

/// The broker under test, built once if it is not up to date. `LOGAN_BINARY` names another.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("LOGAN_BINARY").map_or_else(|| program("logan"), PathBuf::from))
}

/// A program of the workspace, built once with all others if they are not up to date.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        // Every member and one test are named so that features come out as in `cargo test --workspace`, and nothing is built twice.
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--workspace", "--bins", "--test", "tidy"]);
        build.arg("--target-dir").arg(target_dir());
        if profile_dir().file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        build.current_dir(
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace"),
        );
        let status = build.status().expect("cargo runs");
        assert!(status.success(), "building the programs failed: {status}");
    });
    profile_dir().join(name)
}

/// A port nobody listens on, from below the range that the kernel gives to outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    for _ in 0..10_000 {
        let port = 12_000 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 12000 and 32000");
}

/// Five, where that is more: enough for partitions that lie apart from all others.
pub fn more_shards_than_cores() -> u16 {
    let cores = std::thread::available_parallelism().expect("Linux says").get() as u16;
    5.max(cores + 1)
}

/// A broker that runs already has the shards that it has: it is asked once.
pub fn is_worth_asking(shards: u16) -> bool {
    shards == 1 || std::env::var_os("LOGAN_TEST_BROKER").is_none()
}

/// What is given to `logan start`: settings as `--override`, after those that every test needs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub port: u16,
    pub data: PathBuf,
    pub overrides: Vec<String>,
    /// Where the process runs, and where its output goes.
    pub folder: PathBuf,
    /// The most files that it may have open, if that is not what this process may.
    pub open_files: Option<u32>,
}

impl Settings {
    pub fn new(scratch: &Scratch, overrides: &[&str]) -> Self {
        Self {
            port: free_port(),
            data: scratch.path().join("data"),
            overrides: overrides.iter().map(|&o| o.to_owned()).collect(),
            folder: scratch.path().to_path_buf(),
            open_files: None,
        }
    }

    fn command(&self) -> Command {
        let mut command = match self.open_files {
            None => Command::new(binary()),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(binary());
                shell
            }
        };
        command.arg("start");
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", self.port);
        let dirs = format!("log.dirs={}", self.data.display());
        for setting in [listeners, dirs].iter().chain(&self.overrides) {
            command.arg("--override").arg(setting);
        }
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

/// A start that ended before the broker was ready.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    /// Everything it printed.
    pub output: String,
}

/// A broker to talk to: a process of ours, or one that runs elsewhere.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    settings: Settings,
    /// From the start of the process to its ready line.
    ready_after: Duration,
}

impl Broker {
    /// The broker of `LOGAN_TEST_BROKER`, or one of our own.
    pub fn any(scratch: &Scratch, overrides: &[&str]) -> Self {
        match std::env::var("LOGAN_TEST_BROKER") {
            Ok(address) => {
                Self { address: address.parse().expect("LOGAN_TEST_BROKER is IP:PORT"), process: None }
            }
            Err(_) => Self::start(Settings::new(scratch, overrides)),
        }
    }

    /// As [`Self::any`], and one of our own has so many shards.
    pub fn with_shards(scratch: &Scratch, shards: u16) -> Self {
        Self::any(scratch, &[&format!("logan.shards={shards}")])
    }

    pub fn start(settings: Settings) -> Self {
        match Self::try_start(settings) {
            Ok(broker) => broker,
            Err(refused) => panic!("logan did not start ({}):\n{}", refused.status, refused.output),
        }
    }

    /// Starts a process and waits for its ready line.
    pub fn try_start(settings: Settings) -> Result<Self, Refused> {
        let log = output_path(&settings);
        let output = fs::File::create(&log).expect("the scratch directory is writable");
        let errors = output.try_clone().expect("a descriptor is free");
        // The first one builds the binary, which is not a part of its start.
        let mut command = settings.command();
        let started = Instant::now();
        let child = command.stdout(output).stderr(errors).spawn().expect("the logan binary runs");
        let address = SocketAddr::from(([127, 0, 0, 1], settings.port));
        let mut process = Process { child, settings, ready_after: Duration::ZERO };
        loop {
            if fs::read_to_string(&log).unwrap_or_default().contains(READY) {
                process.ready_after = started.elapsed();
                return Ok(Self { address, process: Some(process) });
            }
            if let Some(status) = process.child.try_wait().expect("our own child") {
                return Err(Refused { status, output: fs::read_to_string(&log).unwrap_or_default() });
            }
            assert!(started.elapsed() < PATIENCE, "not ready after {PATIENCE:?}:\n{}", process.output());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As clients are given it.
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// Whether the process is ours to stop and to look at.
    pub fn is_ours(&self) -> bool {
        self.process.is_some()
    }

    /// Kafka answers an admin request before its brokers have applied the change. Logan answers afterwards, so nothing is waited
    /// for there, and whoever asks at once must see the change.
    pub fn settle(&self) {
        if !self.is_ours() {
            std::thread::sleep(Duration::from_millis(1_500));
        }
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("only done to brokers of our own")
    }

    pub fn settings(&self) -> &Settings {
        &self.process.as_ref().expect("only done to brokers of our own").settings
    }

    /// For the next [`Self::restart`].
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.process().settings
    }

    pub fn ready_after(&self) -> Duration {
        self.process.as_ref().map_or(Duration::ZERO, |p| p.ready_after)
    }

    /// Everything it printed since its last start.
    pub fn output(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Process::output)
    }

    /// Panics if the process has ended: a test calls it after it has sent something evil.
    pub fn assert_alive(&mut self) {
        if let Some(process) = &mut self.process {
            let ended = process.child.try_wait().expect("our own child");
            assert!(
                ended.is_none(),
                "the broker ended ({}):\n{}",
                ended.expect("just seen"),
                process.output()
            );
        }
        TcpStream::connect_timeout(&self.address, PATIENCE).expect("the broker accepts connections");
    }

    /// SIGTERM, and waits for the end. Panics if a log directory was not closed cleanly: a test whose directories fail sends the signal itself.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let status = self.wait();
        let output = self.output();
        assert!(!output.contains("closed cleanly") && !output.contains("stopped cleanly"), "{output}");
        status
    }

    /// `kill -9`: returns when the process is gone. Panics if it had ended by itself.
    pub fn kill(&mut self) {
        let process = self.process();
        if let Err(ended) = kill(&mut process.child) {
            panic!("the broker ended by itself ({ended}):\n{}", process.output());
        }
    }

    pub fn signal(&mut self, name: &str) {
        signal(self.process().child.id(), name);
    }

    /// Waits for a process that was told to end.
    pub fn wait(&mut self) -> ExitStatus {
        let process = self.process();
        let started = Instant::now();
        loop {
            if let Some(status) = process.child.try_wait().expect("our own child") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "did not end within {PATIENCE:?}:\n{}", process.output());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts again on the same port and data after [`Self::stop`] or [`Self::kill`].
    pub fn restart(&mut self) {
        let settings = self.settings().clone();
        *self = Self::start(settings);
    }

    /// Starts a process and kills it after a time, ready or not. Panics if it had ended by itself.
    pub fn start_and_kill(&mut self, after: Duration) {
        let settings = self.settings();
        let output = fs::File::create(output_path(settings)).expect("the scratch directory is writable");
        let errors = output.try_clone().expect("a descriptor is free");
        let mut child =
            settings.command().stdout(output).stderr(errors).spawn().expect("the logan binary runs");
        std::thread::sleep(after);
        if let Err(ended) = kill(&mut child) {
            let output = fs::read_to_string(output_path(settings)).unwrap_or_default();
            panic!("the broker ended by itself ({ended}):\n{output}");
        }
    }

    pub fn try_restart(&mut self) -> Result<(), Refused> {
        *self = Self::try_start(self.settings().clone())?;
        Ok(())
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        resident(self.pid()).expect("the broker runs")
    }

    /// Lets [`Self::resident_peak`] begin anew: nothing before now counts.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("our own child");
    }

    /// The most memory that was ever resident, in bytes, or since [`Self::forget_peak`].
    pub fn resident_peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the broker runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib << 10
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Duration {
        cpu(self.pid()).expect("the broker runs")
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("only done to brokers of our own").child.id()
    }
}

impl Process {
    fn output(&self) -> String {
        fs::read_to_string(output_path(&self.settings)).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let mut tail = String::new();
            for line in &lines[lines.len().saturating_sub(60)..] {
                let _ = writeln!(tail, "  {line}");
            }
            eprintln!("the broker's last lines:\n{tail}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `kill -9`. The error is how the process had ended before.
fn kill(child: &mut Child) -> Result<(), ExitStatus> {
    child.kill().expect("our own child");
    let status = child.wait().expect("our own child");
    if status.signal() == Some(SIGKILL) { Ok(()) } else { Err(status) }
}

fn output_path(settings: &Settings) -> PathBuf {
    settings.folder.join("broker.log")
}

/// `times` as many things took so much longer as they are more, and not the square of that: machines are slow now and then, not so slow.
///
/// # Panics
/// If it was the square.
pub fn assert_linear(what: &str, few: Duration, many: Duration, times: u32) {
    let most = few * times * times / 2 + Duration::from_millis(300);
    assert!(many < most, "{what}: {few:?}, and {times} times as many {many:?}");
}

/// Sends a signal by name. By way of the shell, which has `kill` built in: the call itself would be `unsafe`.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().expect("sh runs");
    assert!(status.success(), "kill -{name} {pid} failed");
}

fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
    Ok(kilobytes * 1024)
}

fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Fields 14 and 15 are user and system time in ticks of 10 ms; the name before them may contain spaces.
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind.split_whitespace().skip(11).take(2).map(|n| n.parse().unwrap_or(0)).sum::<u64>();
    Ok(Duration::from_millis(ticks * 10))
}

//! Java: the programs in `clients/java`, Kafka's tools, and Kafka's own broker, all from Kafka's published jars.
//!
//! Invariant: a broker that was started is waited for, however its test ends.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::broker::{build_folder, free_port, signal};
use crate::clients::{run, sources};

/// What must be installed.
pub const NEEDED: &[&str] = &["java", "javac", "mvn"];

/// How long Kafka may take to start, to stop or to refuse a directory on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Jars and classes, fetched and compiled once per build folder.
fn classpath() -> &'static str {
    static CLASSPATH: OnceLock<String> = OnceLock::new();
    CLASSPATH.get_or_init(prepare)
}

fn prepare() -> String {
    let folder = build_folder("java-client");
    let (libraries, classes, sources) = (folder.join("lib"), folder.join("classes"), sources("java"));
    if !libraries.join("log4j-core-2.25.5.jar").exists() {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(sources.join("pom.xml"));
        maven.arg("dependency:copy-dependencies").arg(format!("-DoutputDirectory={}", libraries.display()));
        run(&mut maven);
    }
    let jars = libraries.join("*");
    let mut compiler = Command::new("javac");
    compiler
        .args(["-Xlint:all", "-Werror", "-d"])
        .arg(&classes)
        .arg("-cp")
        .arg(&jars)
        .args(files(&sources, "java"));
    run(&mut compiler);
    format!("{}:{}", classes.display(), jars.display())
}

fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are there");
    entries
        .map(|e| e.expect("the sources are there").path())
        .filter(|p| p.extension().is_some_and(|e| e == kind))
        .collect()
}

/// A program by the name of its class, with its arguments.
pub fn command(arguments: &[&str]) -> Command {
    let mut java = Command::new("java");
    // A short run on few cores: small heap, one compiler, no threads to collect with.
    java.args([
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]);
    java.arg("-cp").arg(classpath()).args(arguments);
    java
}

/// Kafka's own broker over a data directory: one node.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    /// Where it runs, and where its settings and its output lie.
    folder: PathBuf,
    child: Option<Child>,
}

impl Kafka {
    pub fn new(folder: &Path, data: &Path, settings: &[&str]) -> Self {
        let kafka = Self { port: free_port(), folder: folder.to_path_buf(), child: None };
        let (port, controller) = (kafka.port, free_port());
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n\
             log.dirs={}\n{}\n",
            data.display(),
            settings.join("\n"),
        );
        fs::write(kafka.properties(), text).expect("the scratch directory is writable");
        kafka
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("kafka.properties")
    }

    fn printed(&self) -> PathBuf {
        self.folder.join("kafka.out")
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Makes its directories ones of a new cluster.
    pub fn format(&self) {
        let properties = self.properties().display().to_string();
        let id = "AAECAwQFBgcICQoLDA0ODw";
        run(&mut command(&["kafka.tools.StorageTool", "format", "-t", id, "-c", &properties]));
    }

    fn spawn(&mut self) -> &mut Child {
        let output = File::create(self.printed()).expect("the scratch directory is writable");
        let errors = output.try_clone().expect("a descriptor is free");
        let mut command = command(&["kafka.Kafka"]);
        command.arg(self.properties()).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.current_dir(&self.folder).spawn().expect("java runs");
        self.child.insert(child)
    }

    /// Everything it printed since its last start.
    fn output(&self) -> String {
        fs::read_to_string(self.printed()).unwrap_or_default()
    }

    pub fn start(&mut self) {
        self.spawn();
        let began = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("our own child"));
            assert!(ended.is_none(), "Kafka did not start ({ended:?}):\n{}", self.output());
            assert!(began.elapsed() < PATIENCE, "Kafka does not start:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        let child = self.child.as_ref().expect("it runs");
        signal(child.id(), "TERM");
        self.wait();
    }

    /// Runs until it ends of itself; returns how, and what it printed.
    pub fn run_to_its_end(&mut self) -> (ExitStatus, String) {
        self.spawn();
        self.wait()
    }

    fn wait(&mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        loop {
            let child = self.child.as_mut().expect("it runs");
            if let Some(status) = child.try_wait().expect("our own child") {
                self.child = None;
                return (status, self.output());
            }
            assert!(began.elapsed() < PATIENCE, "Kafka still runs:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

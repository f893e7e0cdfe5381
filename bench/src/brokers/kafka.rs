//! Apache Kafka from its published jars, as one node of its own, with a heap and a collector that are named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Running, free_ports, new_folder};

const VERSION: &str = "4.3.1";
const LOG4J: &str = "2.25.5";
/// What the process is given beside Kafka's defaults.
const JVM: [&str; 5] =
    ["-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"];
/// Acknowledged is synced, which Kafka's topics may ask for.
const SYNCED: &str = "flush.messages=1";

pub fn bring_up(is_synced: bool, work: &Path, interrupted: &Arc<AtomicBool>) -> Result<Running, String> {
    let jars = jars()?;
    let folder = new_folder(work, if is_synced { "kafka-synced" } else { "kafka" })?;
    let port = free_ports()?;
    let properties = folder.join("server.properties");
    write(&properties, &settings(port, &folder.join("data")))?;
    write(&folder.join("log4j2.xml"), LOGGING)?;
    let id = said(java(&jars, &folder).args(["kafka.tools.StorageTool", "random-uuid"]))?;
    let id = id.lines().last().unwrap_or_default().trim().to_owned();
    let mut format = java(&jars, &folder);
    format.args(["kafka.tools.StorageTool", "format", "--standalone", "-t", &id, "-c"]).arg(&properties);
    said(&mut format)?;
    let mut command = java(&jars, &folder);
    command.arg("kafka.Kafka").arg(&properties);
    let mode = if is_synced {
        format!("synced (topics made with --topic-config {SYNCED})")
    } else {
        "unsynced".to_owned()
    };
    let about = format!("Apache Kafka {VERSION}, {mode}, {}, {}", runtime()?, JVM.join(" "));
    let topic_config = if is_synced { vec![SYNCED] } else { Vec::new() };
    Running::start(command, port, folder, about, topic_config, interrupted)
}

/// One broker that is its own controller; internal topics as one node can have them.
fn settings(port: u16, data: &Path) -> String {
    let controller = port + 1;
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         file.delete.delay.ms=500\n",
        data.display()
    )
}

/// Warnings and worse, to where the process prints.
const LOGGING: &str = r#"<Configuration status="error">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"#;

/// Which Java there is.
fn runtime() -> Result<String, String> {
    let told = said(Command::new("java").arg("--version"))?;
    Ok(told.lines().next().unwrap_or("java").to_owned())
}

fn java(jars: &Path, folder: &Path) -> Command {
    let mut command = Command::new("java");
    command.args(JVM).arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.xml").display()));
    command.arg("-cp").arg(jars.join("*"));
    command
}

/// Where Kafka's jars are: in the user's cache folder, brought there by Maven once.
fn jars() -> Result<PathBuf, String> {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = home.ok_or("neither XDG_CACHE_HOME nor HOME says where to keep Kafka's jars")?;
    let folder = folder.join("logan-bench").join(format!("kafka-{VERSION}"));
    let jars = folder.join("lib");
    if jars.exists() {
        return Ok(jars);
    }
    eprintln!("bringing Apache Kafka {VERSION} to {}", folder.display());
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let pom = folder.join("pom.xml");
    write(&pom, &project())?;
    // Into a folder beside it: half of the jars would look like all of them.
    let coming = folder.join(format!("lib-{}", std::process::id()));
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(&pom).arg("dependency:copy-dependencies");
    maven.arg(format!("-DoutputDirectory={}", coming.display()));
    said(&mut maven)?;
    match fs::rename(&coming, &jars) {
        // Somebody else was quicker.
        Err(_) if jars.exists() => drop(fs::remove_dir_all(&coming)),
        moved => moved.map_err(|error| format!("{}: {error}", jars.display()))?,
    }
    Ok(jars)
}

/// A Maven project that needs a broker, its tools, and something that takes their log.
fn project() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        )
    };
    let needed = [
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.kafka", "kafka-tools", VERSION),
        dependency("org.apache.logging.log4j", "log4j-core", LOG4J),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    ];
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>logan</groupId><artifactId>kafka-to-compare</artifactId><version>1</version><packaging>pom</packaging>\n\
         <dependencies>\n{}</dependencies>\n</project>\n",
        needed.concat()
    )
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a program to its end. Returns what it printed, or says why it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output =
        command.output().map_err(|error| format!("{program}: {error}; Kafka needs Java and Maven"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{program} failed: {}\n{}", text(&output.stdout), text(&output.stderr)))
}

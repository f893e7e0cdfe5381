//! Cells against one broker or several: each cell is a process of this program, the brokers take turns, and what is measured is written
//! down after each cell.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::brokers::{Named, Running};
use crate::environment::Environment;
use crate::figures::Measured;
use crate::page;
use crate::results::{CellResults, Described, FORMAT, Results, Round};
use crate::scenario::{self, Cell, Scenario};

#[derive(Args)]
pub struct Options {
    /// What is measured: one of the scenarios, or several.
    #[arg(required = true, value_parser = scenario::find_or_say)]
    scenarios: Vec<&'static Scenario>,
    #[command(flatten)]
    brokers: Brokers,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct Brokers {
    /// host:port, host:port/pid, logan, logan:unsynced, logan=PATH, kafka or kafka:synced. The first is compared with each of the others.
    #[arg(long = "broker", default_value = "logan")]
    brokers: Vec<Named>,
}

#[derive(Args)]
pub struct Pair {
    /// The broker that is judged, named as `run --broker` names it.
    a: Named,
    /// The one that it is measured against.
    b: Named,
    #[arg(long = "scenario", default_values = ["throughput", "latency"], value_parser = scenario::find_or_say)]
    scenarios: Vec<&'static Scenario>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
pub struct Sweep {
    /// The option that takes one value after the other, `partitions=1,10,100,1000`.
    #[arg(long, value_parser = parse_over)]
    over: (String, Vec<u64>),
    #[command(flatten)]
    brokers: Brokers,
    #[command(flatten)]
    how: How,
    /// A command line of this program without that option, such as `produce --record 1k`.
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// `name=1,2,3`
fn parse_over(text: &str) -> Result<(String, Vec<u64>), String> {
    let wrong = || format!("{text:?} is not name=1,2,3");
    let (name, values) = text.split_once('=').ok_or_else(wrong)?;
    let values: Result<Vec<u64>, _> = values.split(',').map(str::parse).collect();
    Ok((name.to_owned(), values.map_err(|_| wrong())?))
}

/// How often, and where it is written down.
#[derive(Args)]
struct How {
    /// How often each cell is run against each broker.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds that each cell measures, instead of its own.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Where brokers that are started keep their data.
    #[arg(long, default_value = "logan-bench-data")]
    work: PathBuf,
    /// Writes all figures to a file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes a page to look at.
    #[arg(long)]
    html: Option<PathBuf>,
}

/// A cell that is about to be measured.
struct Planned {
    scenario: String,
    name: String,
    before: Vec<String>,
    command: String,
    /// Of the option that is swept over.
    swept: Option<u64>,
}

pub fn run(options: &Options) -> Result<String, String> {
    measure_all(&options.brokers.brokers, &options.how, cells_of(&options.scenarios, &options.how))
}

pub fn compare(pair: &Pair) -> Result<String, String> {
    measure_all(&[pair.a.clone(), pair.b.clone()], &pair.how, cells_of(&pair.scenarios, &pair.how))
}

fn cells_of(scenarios: &[&'static Scenario], how: &How) -> Vec<Planned> {
    let of = |scenario: &&'static Scenario| {
        let planned = scenario.cells.iter().map(|cell| Planned::of(scenario, cell, how.seconds));
        planned.collect::<Vec<_>>()
    };
    scenarios.iter().flat_map(of).collect()
}

pub fn sweep(options: &Sweep) -> Result<String, String> {
    let (option, values) = &options.over;
    let base = with_seconds(&options.command.join(" "), options.how.seconds);
    let planned = values.iter().map(|value| Planned {
        scenario: format!("sweep over {option}"),
        name: format!("{option} {value}"),
        before: Vec::new(),
        command: format!("{base} --{option} {value}"),
        swept: Some(*value),
    });
    measure_all(&options.brokers.brokers, &options.how, planned.collect())
}

impl Planned {
    fn of(scenario: &Scenario, cell: &Cell, seconds: Option<u64>) -> Self {
        Self {
            scenario: scenario.name.to_owned(),
            name: cell.name.to_owned(),
            before: cell.before.iter().map(|line| (*line).to_owned()).collect(),
            command: with_seconds(cell.command, seconds),
            swept: None,
        }
    }
}

/// A command line that measures for so long, if that is asked for.
fn with_seconds(line: &str, seconds: Option<u64>) -> String {
    seconds.map_or_else(
        || line.to_owned(),
        |seconds| format!("{} --seconds {seconds}", scenario::without(line, "--seconds")),
    )
}

fn measure_all(named: &[Named], how: &How, planned: Vec<Planned>) -> Result<String, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted.clone())
        .map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&how.work).map_err(|error| format!("{}: {error}", how.work.display()))?;
    let mut brokers = Vec::new();
    for broker in named {
        brokers.push(broker.bring_up(&how.work)?);
    }
    let mut comparison = Comparison { named, how, interrupted, brokers, results: begun(how) };
    comparison.results.brokers = comparison.described();
    for described in &comparison.results.brokers {
        eprintln!("{}: {}", described.name, described.about);
    }
    for cell in planned {
        comparison.measure(cell)?;
    }
    let failed: usize = comparison.results.failures();
    drop(comparison.brokers);
    // Whoever else keeps something there needs it still.
    let _ = std::fs::remove_dir(&how.work);
    match failed {
        0 => Ok(String::new()),
        _ => Err(format!("{failed} runs have no figures, or not all; the reasons stand beside them")),
    }
}

/// Results without any.
fn begun(how: &How) -> Results {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let environment = Environment::of(&how.work);
    Results { format: FORMAT, began: since, environment, brokers: Vec::new(), cells: Vec::new() }
}

struct Comparison<'a> {
    named: &'a [Named],
    how: &'a How,
    /// Somebody wants it to end: what was measured is kept.
    interrupted: Arc<AtomicBool>,
    brokers: Vec<Running>,
    results: Results,
}

impl Comparison<'_> {
    /// Names that tell brokers apart.
    fn described(&self) -> Vec<Described> {
        let names = self.named.iter().map(ToString::to_string);
        let named = names.enumerate().map(|(at, name)| {
            let again = self.named[..at].iter().any(|before| before.to_string() == name);
            if again { format!("{name} ({})", at + 1) } else { name }
        });
        named
            .zip(&self.brokers)
            .map(|(name, running)| Described { name, about: running.about.clone() })
            .collect()
    }

    /// All rounds of a cell. Every second one begins with the last broker: whoever is first finds another machine than whoever follows.
    fn measure(&mut self, planned: Planned) -> Result<(), String> {
        let mut rounds = Vec::new();
        for number in 0..self.how.rounds {
            let mut order: Vec<usize> = (0..self.brokers.len()).collect();
            if number % 2 == 1 {
                order.reverse();
            }
            for broker in order {
                if self.interrupted.load(Ordering::Relaxed) {
                    break;
                }
                let (of, name) = (self.how.rounds, &self.results.brokers[broker].name);
                eprintln!("{} / {}: round {} of {of}, {name}", planned.scenario, planned.name, number + 1);
                rounds.push(self.round(number, broker, &planned));
            }
        }
        let Planned { scenario, name, command, swept, .. } = planned;
        let results = CellResults { scenario, name, command, swept, rounds };
        println!("{}", results.row(&self.results.brokers));
        self.results.cells.push(results);
        self.write()?;
        if self.interrupted.load(Ordering::Relaxed) {
            return Err("interrupted; what was measured so far is kept".to_owned());
        }
        Ok(())
    }

    fn round(&self, number: u32, broker: usize, planned: &Planned) -> Round {
        let Planned { before, command, .. } = planned;
        let running = &self.brokers[broker];
        let topic = format!("logan-bench-{}-{number}-{broker}", std::process::id());
        let file = self.how.work.join(format!("{topic}.json"));
        let mut outcome = Ok(None);
        for line in before {
            outcome = outcome.and_then(|_| on_broker(line, running, &topic, None));
        }
        let outcome = outcome.and_then(|_| on_broker(command, running, &topic, Some(&file)));
        if !before.is_empty() {
            let shape = scenario::of_topics(command);
            if let Err(error) = on_broker(&format!("remove {shape}"), running, &topic, None) {
                eprintln!("{topic} is left behind: {error}");
            }
        }
        let _ = std::fs::remove_file(&file);
        match outcome {
            Ok(measured) => {
                let error = measured.as_ref().and_then(|measured: &Measured| measured.cut_short.clone());
                Round { number, broker, measured, error }
            }
            Err(error) => Round { number, broker, measured: None, error: Some(error) },
        }
    }

    fn write(&self) -> Result<(), String> {
        if let Some(path) = &self.how.json {
            self.results.write(path)?;
        }
        match &self.how.html {
            Some(path) => page::write(&self.results, path),
            None => Ok(()),
        }
    }
}

/// Runs a command line of this program against a broker. With a file to write to, returns what it measured.
fn on_broker(
    line: &str,
    running: &Running,
    topic: &str,
    file: Option<&Path>,
) -> Result<Option<Measured>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(line.split_whitespace()).args(["--broker", &running.address, "--topic", topic]);
    if let Some(pid) = running.pid.filter(|_| file.is_some()) {
        command.args(["--pid", &pid.to_string()]);
    }
    if let Some(file) = file {
        command.arg("--json").arg(file);
    }
    if ["produce", "mixed", "end-to-end"].iter().any(|what| line.starts_with(what)) {
        for setting in &running.topic_config {
            command.args(["--topic-config", setting]);
        }
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let written = file.and_then(|file| std::fs::read_to_string(file).ok());
    match written {
        Some(text) => serde_json::from_str(&text).map(Some).map_err(|error| error.to_string()),
        None if output.status.success() => Ok(None),
        None => Err(said),
    }
}

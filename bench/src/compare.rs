//! Cells against one broker or several: each cell is a process of this program, the brokers take turns, and what is measured is written
//! down after each cell.

mod round;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use self::round::Planned;
use crate::brokers::{Named, Running};
use crate::child::Watch;
use crate::environment::Environment;
use crate::page;
use crate::payload::parse_amount;
use crate::results::{CellResults, Described, FORMAT, Results};
use crate::scenario::{self, Measure, Scenario};

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
    /// The option that takes one value after the other, `partitions=1,10,100,1000` or `record=10,1k,1m`.
    #[arg(long, value_parser = parse_over)]
    over: Over,
    #[command(flatten)]
    brokers: Brokers,
    #[command(flatten)]
    how: How,
    /// A command line of this program without that option, such as `produce --record 1k`.
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// What is swept over: an option, and its values as they are written and as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Over {
    option: String,
    values: Vec<(String, u64)>,
}

/// `name=1,2,3` or `name=1k,64k,1m`
fn parse_over(text: &str) -> Result<Over, String> {
    let wrong = || format!("{text:?} is not name=1,2,3 or name=1k,64k,1m");
    let (option, values) = text.split_once('=').ok_or_else(wrong)?;
    let number = |value: &str| value.parse().ok().or_else(|| parse_amount(value).ok());
    let values = values.split(',').map(|value| Some((value.to_owned(), number(value)?)));
    let values: Option<Vec<_>> = values.collect();
    Ok(Over { option: option.to_owned(), values: values.ok_or_else(wrong)? })
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
    /// Seconds of load that a broker is given before anything of it is measured, and a third of that each time that it was started anew; by itself 60,
    /// which Kafka needs, if there is one to start, and 5 otherwise.
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm: Option<u64>,
    /// Where brokers that are started keep their data.
    #[arg(long, default_value = "logan-bench-data")]
    work: PathBuf,
    /// What must stay free on that file system: a run that would take more is not begun, or ended.
    #[arg(long, default_value = "2g", value_parser = parse_amount)]
    keep_free: u64,
    /// Writes all figures to a file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Goes on with the file of `--json`, if it is there: cells of which it has all rounds, none cut short, are not run again.
    #[arg(long, requires = "json")]
    resume: bool,
    /// Writes a page to look at.
    #[arg(long)]
    html: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<String, String> {
    measure_all(&options.brokers, &options.how, cells_of(&options.scenarios, &options.how))
}

pub fn compare(pair: &Pair) -> Result<String, String> {
    let brokers = Brokers { brokers: vec![pair.a.clone(), pair.b.clone()] };
    measure_all(&brokers, &pair.how, cells_of(&pair.scenarios, &pair.how))
}

fn cells_of(scenarios: &[&'static Scenario], how: &How) -> Vec<Planned> {
    let of = |scenario: &&'static Scenario| {
        let planned = scenario.cells.iter().map(|cell| Planned::of(scenario, cell, how.seconds));
        planned.collect::<Vec<_>>()
    };
    scenarios.iter().flat_map(of).collect()
}

pub fn sweep(options: &Sweep) -> Result<String, String> {
    let Over { option, values } = &options.over;
    let base = round::with_seconds(&options.command.join(" "), options.how.seconds);
    let planned = values.iter().map(|(value, number)| Planned {
        scenario: format!("sweep over {option}"),
        name: format!("{option} {value}"),
        before: Vec::new(),
        measure: Measure::Line(""),
        line: format!("{base} --{option} {value}"),
        swept: Some(*number),
        most_rounds: u32::MAX,
    });
    measure_all(&options.brokers, &options.how, planned.collect())
}

fn measure_all(brokers: &Brokers, how: &How, planned: Vec<Planned>) -> Result<String, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, interrupted.clone()).map_err(|error| error.to_string())?;
    }
    std::fs::create_dir_all(&how.work).map_err(|error| format!("{}: {error}", how.work.display()))?;
    let watch = Watch { interrupted: interrupted.clone(), work: how.work.clone(), keep_free: how.keep_free };
    let mut running = Vec::new();
    for broker in &brokers.brokers {
        running.push(broker.bring_up(&how.work, &interrupted)?);
    }
    let mut results = begun(brokers, how, &running);
    if how.resume {
        results = resumed(how, results)?;
    }
    for described in &results.brokers {
        eprintln!("{}: {}", described.name, described.about);
    }
    let has_kafka = brokers.brokers.iter().any(|broker| matches!(broker, Named::Kafka { .. }));
    let warm_s = how.warm.unwrap_or(if has_kafka { 60 } else { 5 });
    let mut comparison = Comparison { how, warm_s, watch, brokers: running, results };
    let cells = planned.len();
    let outcome = planned.into_iter().enumerate().try_for_each(|(at, cell)| {
        let place = format!("{}/{cells}", at + 1);
        if comparison.has(&cell) {
            eprintln!("[{place}] {} / {}: it is in the file", cell.scenario, cell.name);
            return Ok(());
        }
        comparison.measure(cell, &place)
    });
    let failed: usize = comparison.results.failures();
    drop(comparison.brokers);
    // Whoever else keeps something there needs it still.
    let _ = std::fs::remove_dir(&how.work);
    outcome?;
    match failed {
        0 => Ok(String::new()),
        _ => Err(format!("{failed} runs have no figures, or not all; the reasons stand beside them")),
    }
}

/// Results without any.
fn begun(brokers: &Brokers, how: &How, running: &[Running]) -> Results {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let environment = Environment::of(&how.work);
    let brokers = described(&brokers.brokers, running);
    Results { format: FORMAT, began: since, environment, brokers, cells: Vec::new() }
}

/// Those of a run that was interrupted, if this one has the same brokers, machine, disk and program, and was asked for in the same words.
fn resumed(how: &How, results: Results) -> Result<Results, String> {
    let Some(path) = how.json.as_ref().filter(|path| path.exists()) else { return Ok(results) };
    let before = Results::read(path)?;
    let told = |results: &Results| {
        let mut environment = results.environment.clone();
        environment.command.retain(|word| word != "--resume");
        environment
    };
    if before.brokers != results.brokers {
        return Err(format!("{} is of other brokers: it cannot be gone on with", path.display()));
    }
    if told(&before) != told(&results) {
        return Err(format!(
            "{} is of another machine, disk, revision of this program or command line: figures of both cannot stand together",
            path.display()
        ));
    }
    Ok(before)
}

/// Names that tell brokers apart.
fn described(named: &[Named], running: &[Running]) -> Vec<Described> {
    let names = named.iter().map(ToString::to_string).enumerate().map(|(at, name)| {
        let again = named[..at].iter().any(|before| before.to_string() == name);
        if again { format!("{name} ({})", at + 1) } else { name }
    });
    names.zip(running).map(|(name, running)| Described { name, about: running.about.clone() }).collect()
}

struct Comparison<'a> {
    how: &'a How,
    /// Seconds of load for a broker that was just started.
    warm_s: u64,
    watch: Watch,
    brokers: Vec<Running>,
    results: Results,
}

impl Comparison<'_> {
    /// Whether all rounds of a cell are there, each with all of its figures.
    fn has(&self, planned: &Planned) -> bool {
        let whole = self.how.rounds.min(planned.most_rounds) as usize * self.brokers.len();
        let command = planned.told();
        self.results.cells.iter().any(|cell| {
            (&cell.scenario, &cell.name, &cell.command) == (&planned.scenario, &planned.name, &command)
                && cell.rounds.len() == whole
                && cell.rounds.iter().all(|round| round.error.is_none())
        })
    }

    /// All rounds of a cell. Every second one begins with the last broker: whoever is first finds another machine than whoever follows.
    fn measure(&mut self, planned: Planned, place: &str) -> Result<(), String> {
        let mut rounds = Vec::new();
        let of = self.how.rounds.min(planned.most_rounds);
        for number in 0..of {
            let mut order: Vec<usize> = (0..self.brokers.len()).collect();
            if number % 2 == 1 {
                order.reverse();
            }
            for broker in order {
                if self.watch.is_interrupted() {
                    break;
                }
                let name = &self.results.brokers[broker].name;
                let Planned { scenario, name: cell, .. } = &planned;
                eprintln!("[{place}] {scenario} / {cell}: round {} of {of}, {name}", number + 1);
                rounds.push(self.round(number, broker, &planned));
            }
        }
        let command = planned.told();
        let Planned { scenario, name, swept, .. } = planned;
        let results = CellResults { scenario, name, command, swept, rounds };
        println!("{}", results.row(&self.results));
        // What an interrupted run left of it.
        self.results.cells.retain(|cell| (&cell.scenario, &cell.name) != (&results.scenario, &results.name));
        self.results.cells.push(results);
        self.write()?;
        if self.watch.is_interrupted() {
            return Err("interrupted; what was measured so far is kept".to_owned());
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_swept_over_has_numbers_and_units() {
        let over = parse_over("record=10,1k,1m").unwrap();
        let values = [("10", 10), ("1k", 1 << 10), ("1m", 1 << 20)];
        assert_eq!(over.option, "record");
        assert_eq!(over.values, values.map(|(text, number)| (text.to_owned(), number)));
        assert_eq!(parse_over("linger=0,5").unwrap().values[0].1, 0);
        for wrong in ["record", "record=", "record=1,,2", "record=1x", "record=-1"] {
            assert!(parse_over(wrong).is_err(), "{wrong}");
        }
    }
}

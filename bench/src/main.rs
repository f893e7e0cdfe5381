//! `logan-bench`: see this crate's README.

mod brokers;
mod child;
mod client;
mod compare;
mod engine;
mod environment;
mod figures;
mod knee;
mod load;
mod page;
mod payload;
mod process;
mod progress;
mod restart;
mod results;
mod scenario;
mod session;
mod stats;
mod target;
mod topic;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use environment::Environment;
use figures::Measured;
use load::Load;
use load::consume::Consuming;
use load::produce::Producing;
use results::Results;
use target::Target;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Logan's log engine, and any broker that speaks Kafka's protocol (2.8 or later).
#[derive(Parser)]
#[command(name = "logan-bench", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Appends to Logan's log engine in this process, without a broker.
    Engine(engine::Options),
    /// Produces to a broker.
    Produce(Produce),
    /// Fetches from a broker what `produce --keep-topics` put there.
    Fetch(Fetch),
    /// Produces, and consumes what is produced.
    Mixed(Mixed),
    /// Sends one record, waits until a consumer has it, and sends the next.
    EndToEnd(EndToEnd),
    /// Fetches from a broker by a session of many partitions, of which one has something new.
    Session(session::Options),
    /// Creates topics, and says how long each request took.
    Create(topic::Options),
    /// Removes the topics that a run left.
    Remove(Target),
    /// Runs scenarios against a broker, or several in turn, and compares them.
    Run(compare::Options),
    /// Runs scenarios against two brokers in turn, and says how the first stands to the second.
    Compare(compare::Pair),
    /// Runs a command line again and again with another value of one option, and shows how its cost grows.
    Sweep(compare::Sweep),
    /// Makes a page of results that `run --json` wrote.
    Page {
        results: PathBuf,
        #[arg(long)]
        html: PathBuf,
        /// Of these brokers only, by their places in the results: `2,3` is the second, judged by the third. Otherwise all of them.
        #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100))]
        brokers: Vec<u32>,
    },
}

#[derive(Args)]
struct Produce {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    producing: Producing,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Fetch {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    consuming: Consuming,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Mixed {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    producing: Producing,
    #[command(flatten)]
    consuming: Consuming,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct EndToEnd {
    #[command(flatten)]
    target: Target,
    /// Bytes of a record's value.
    #[arg(long, default_value = "1k")]
    record: payload::Sizes,
    /// A setting of the topic if this run creates it, `name=value`.
    #[arg(long = "topic-config", value_parser = load::produce::parse_setting)]
    topic_config: Vec<(String, String)>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Output {
    /// Writes what was measured to a file, too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Engine(options) => engine::run(&options),
        What::Produce(Produce { target, producing, output }) => {
            measure(Load { target, producing: Some(producing), consuming: None }, &output)
        }
        What::Fetch(Fetch { target, consuming, output }) => {
            measure(Load { target, producing: None, consuming: Some(consuming) }, &output)
        }
        What::Mixed(Mixed { target, producing, consuming, output }) => {
            let consuming = Consuming { end_to_end: true, ..consuming };
            measure(Load { target, producing: Some(producing), consuming: Some(consuming) }, &output)
        }
        What::EndToEnd(EndToEnd { target, record, topic_config, output }) => {
            let producing = Producing { topic_config, ..Producing::one_at_a_time(record) };
            measure(Load { target, producing: Some(producing), consuming: Some(Consuming::one()) }, &output)
        }
        What::Session(options) => session::run(options),
        What::Create(options) => topic::run(options),
        What::Remove(target) => topic::remove_all(target),
        What::Run(options) => compare::run(&options),
        What::Compare(pair) => compare::compare(&pair),
        What::Sweep(options) => compare::sweep(&options),
        What::Page { results, html, brokers } => write_page(&results, &html, &brokers),
    };
    match outcome {
        Ok(report) => {
            if !report.is_empty() {
                println!("{report}");
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("logan-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn write_page(results: &Path, html: &Path, brokers: &[u32]) -> Result<String, String> {
    let mut results = Results::read(results)?;
    let chosen: Vec<usize> = brokers.iter().map(|broker| *broker as usize - 1).collect();
    let there = results.brokers.len();
    if chosen.iter().any(|broker| *broker >= there) {
        return Err(format!("--brokers: there are {there}"));
    }
    if !chosen.is_empty() {
        results = results.of_brokers(&chosen);
    }
    page::write(&results, html).map(|()| String::new())
}

/// A run's file.
#[derive(Serialize)]
struct Written<'a> {
    environment: Environment,
    #[serde(flatten)]
    measured: &'a Measured,
}

/// Runs a load. What was cut short is printed and written all the same, and is a failure.
fn measure(load: Load, output: &Output) -> Result<String, String> {
    let measured: Measured = load::run(load)?;
    if let Some(path) = &output.json {
        let written = Written { environment: Environment::of(Path::new(".")), measured: &measured };
        let text = serde_json::to_string_pretty(&written).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match &measured.cut_short {
        None => Ok(measured.to_string()),
        Some(_) => Err(format!("the run was cut short\n{measured}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of them, as a process of its own would read it.
    #[test]
    fn command_lines_of_scenarios_are_understood() {
        for scenario in scenario::all() {
            for cell in scenario.cells {
                for line in cell.before.iter().copied().chain([cell.measure.line()]) {
                    let words = std::iter::once("logan-bench").chain(line.split_whitespace());
                    if let Err(error) = Arguments::try_parse_from(words)
                        && !line.is_empty()
                    {
                        panic!("{} / {}: {error}", scenario.name, cell.name);
                    }
                }
            }
        }
    }
}

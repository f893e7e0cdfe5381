//! One round of a cell against one broker.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser as _;

use super::Comparison;
use crate::brokers::{Running, Starts};
use crate::child::{self, Ended};
use crate::figures::{KEPT_PERCENT, Measured};
use crate::knee;
use crate::payload::parse_amount;
use crate::restart::{self, Before};
use crate::results::Round;
use crate::scenario::{self, Cell, Measure, Scenario};
use crate::target::{Layout, Target};
use crate::topic::INTERRUPTED;

/// What a broker is given before it is measured: small requests and large ones, in and out, of no more than fits on a disk.
const WARMING: &str = "mixed --record 1k --rate 100000 --linger 2 --batch 64k --warm-up 0";
/// How long a broker is under load before it is killed.
const UNTIL_KILLED: Duration = Duration::from_secs(3);
/// At the knee's search: the least rate, how long each rate is tried, and how soon 99 % of what is due must be answered and read.
const LEAST_RATE: u64 = 1_000;
const TRIED_SECONDS: u64 = 3;
const KEPT_P99_MS: f64 = 50.0;
/// How much of what is read must have come from the disk.
const COLD: f64 = 0.9;

/// A cell that is about to be measured.
pub struct Planned {
    pub scenario: String,
    pub name: String,
    pub before: Vec<String>,
    pub measure: Measure,
    /// The measure's own, or what a sweep made of it.
    pub line: String,
    /// Of the option that is swept over.
    pub swept: Option<u64>,
    pub most_rounds: u32,
}

impl Planned {
    pub fn of(scenario: &Scenario, cell: &Cell, seconds: Option<u64>) -> Self {
        Self {
            scenario: scenario.name.to_owned(),
            name: cell.name.to_owned(),
            before: cell.before.iter().map(|line| (*line).to_owned()).collect(),
            measure: cell.measure,
            line: with_seconds(cell.measure.line(), seconds),
            swept: None,
            most_rounds: cell.most_rounds,
        }
    }

    /// For whoever wants to repeat it.
    pub fn told(&self) -> String {
        let line = &self.line;
        let measured = match self.measure {
            Measure::Line(_) => line.clone(),
            Measure::Cold(_) => format!("{line}  # the broker started anew, its files dropped from memory"),
            Measure::OfKnee(percent, _) => {
                format!("{line} --rate R  # R: {percent} % of what it keeps up with")
            }
            Measure::Stopped => "# the broker is stopped and started again".to_owned(),
            Measure::Killed(_) => {
                format!("{line}  # the broker is killed after {} s", UNTIL_KILLED.as_secs())
            }
        };
        let lines: Vec<&str> = self.before.iter().chain([&measured]).map(String::as_str).collect();
        lines.join("; ")
    }

    /// The line that says which topics there are.
    fn topics(&self) -> String {
        let last = self.before.last().map_or("", String::as_str);
        scenario::of_topics(if self.line.is_empty() { last } else { &self.line })
    }

    /// Bytes that it will write, as far as it says.
    fn bytes(&self) -> u64 {
        let lines = self.before.iter().chain([&self.line]);
        lines.filter_map(|line| parse_amount(scenario::value_of(line, "--bytes")?).ok()).sum()
    }
}

/// A command line that measures for so long, if that is asked for and time is what ends it.
pub fn with_seconds(line: &str, seconds: Option<u64>) -> String {
    let is_timed = !line.is_empty() && !line.contains("--once") && !line.contains("--bytes");
    match seconds.filter(|_| is_timed) {
        Some(seconds) => format!("{} --seconds {seconds}", scenario::without(line, "--seconds")),
        None => line.to_owned(),
    }
}

#[derive(clap::Parser)]
struct Shape {
    #[command(flatten)]
    target: Target,
}

/// The topics that a command line speaks of.
fn layout_of(topics: &str, topic: &str) -> Result<Layout, String> {
    let words = ["topics", "--topic", topic].into_iter().chain(topics.split_whitespace());
    Shape::try_parse_from(words).map(|shape| shape.target.layout()).map_err(|error| error.to_string())
}

impl Comparison<'_> {
    pub fn round(&mut self, number: u32, broker: usize, planned: &Planned) -> Round {
        let cell = self.results.cells.len();
        let topic = format!("logan-bench-{}-{cell}-{number}-{broker}", std::process::id());
        let mut rate = None;
        let outcome = self.watch.check_room(planned.bytes());
        let outcome = outcome.and_then(|()| self.measured(broker, planned, &topic, &mut rate));
        // A broker that did not come back would keep what it has, and have it in the next round.
        let revived = self.brokers[broker].revive();
        if !planned.before.is_empty()
            && let Err(error) = revived.and_then(|()| self.remove(&planned.topics(), broker, &topic))
        {
            eprintln!("{topic} is left behind: {error}");
        }
        match outcome {
            Ok(measured) => {
                Round { number, broker, rate, error: measured.cut_short.clone(), measured: Some(measured) }
            }
            Err(error) => Round { number, broker, rate, measured: None, error: Some(error) },
        }
    }

    fn measured(
        &mut self,
        broker: usize,
        planned: &Planned,
        topic: &str,
        rate: &mut Option<u64>,
    ) -> Result<Measured, String> {
        if matches!(planned.measure, Measure::Cold(_) | Measure::Stopped | Measure::Killed(_)) {
            self.brokers[broker].check_started()?;
        }
        self.brokers[broker].revive()?;
        self.warm(broker)?;
        let mut before =
            Before { layout: layout_of(&planned.topics(), topic)?, records: 0, ends: Vec::new() };
        for line in &planned.before {
            before.add(&self.whole(line, broker, topic)?);
        }
        self.brokers[broker].settle()?;
        match planned.measure {
            Measure::Line(_) => self.on_broker_measured(&planned.line, broker, topic),
            Measure::Cold(_) => {
                self.brokers[broker].cool()?;
                self.warm(broker)?;
                self.brokers[broker].settle()?;
                let measured = self.on_broker_measured(&planned.line, broker, topic)?;
                check_cold(&measured, before.records)?;
                Ok(measured)
            }
            Measure::OfKnee(percent, _) => {
                let knee = self.knee(&planned.line, broker, topic)?;
                *rate = Some(knee * percent / 100);
                let line = format!("{} --rate {}", planned.line, knee * percent / 100);
                self.on_broker_measured(&line, broker, topic)
            }
            Measure::Stopped => {
                self.brokers[broker].stop()?;
                self.started_again(broker, topic, &before)
            }
            Measure::Killed(_) => {
                before.add(&self.killed_under(&planned.line, broker, topic)?);
                self.started_again(broker, topic, &before)
            }
        }
    }

    /// A broker that was just started does not do yet what it will do.
    fn warm(&mut self, broker: usize) -> Result<(), String> {
        let seconds = match self.brokers[broker].starts {
            Starts::None => 0,
            Starts::First => self.warm_s,
            Starts::Another => self.warm_s.div_ceil(3),
        };
        if seconds > 0 {
            let line = format!("{WARMING} --seconds {seconds}");
            self.whole(&line, broker, &format!("logan-bench-{}-warm", std::process::id()))?;
        }
        self.brokers[broker].starts = Starts::None;
        Ok(())
    }

    /// How soon the broker is there again, and whether what it had can be read: all of it, which is not timed.
    fn started_again(&mut self, broker: usize, topic: &str, before: &Before) -> Result<Measured, String> {
        let restart = restart::time(&mut self.brokers[broker], before, &self.watch);
        if restart.as_ref().is_err_and(|error| error.starts_with(INTERRUPTED)) {
            self.watch.interrupted.store(true, Ordering::Relaxed);
        }
        let restart = restart?;
        let shape = shape_of(&before.layout);
        let read = self.whole(&format!("fetch --once --consumers 1 --seconds 900 {shape}"), broker, topic)?;
        check_read(&read, before.records)?;
        Ok(Measured::of_restart(restart))
    }

    /// Kills the broker while it is under load. Returns what it acknowledged until then.
    fn killed_under(&mut self, line: &str, broker: usize, topic: &str) -> Result<Measured, String> {
        let file = self.how.work.join(format!("{topic}.json"));
        let mut underway = child::begin(&mut command(line, &self.brokers[broker], topic, Some(&file))?)?;
        let reason = underway.watch(&self.watch, Some(UNTIL_KILLED))?;
        let is_under_load = reason.is_none() && underway.goes_on();
        let killed = self.brokers[broker].kill();
        let measured = read(&file, underway.end(reason)?)?;
        killed?;
        if is_under_load {
            return Ok(measured);
        }
        Err(measured.cut_short.unwrap_or_else(|| "the load ended by itself".to_owned()))
    }

    /// The highest rate at which nearly all is answered soon.
    fn knee(&self, line: &str, broker: usize, topic: &str) -> Result<u64, String> {
        let line = scenario::without(line, "--seconds");
        knee::find(LEAST_RATE, |rate| {
            let line = format!("{line} --rate {rate} --seconds {TRIED_SECONDS} --warm-up 1");
            let measured = self.on_broker_measured(&line, broker, topic)?;
            if let Some(reason) = measured.cut_short {
                // A broker that does not keep up may fall silent; that somebody wants the end, or the disk is full, says nothing of it.
                let is_ours = self.watch.is_interrupted() || self.watch.check_room(0).is_err();
                return if is_ours { Err(reason) } else { Ok(false) };
            }
            let produced = measured.produced.as_ref().and_then(|side| side.latency.as_ref());
            let waits = [produced, measured.end_to_end.as_ref()];
            let is_soon = waits.into_iter().flatten().all(|latency| latency.p99_ms <= KEPT_P99_MS);
            Ok(is_soon && measured.kept_percent().is_some_and(|percent| percent >= KEPT_PERCENT))
        })
    }

    /// Measures what must not be cut short.
    fn whole(&self, line: &str, broker: usize, topic: &str) -> Result<Measured, String> {
        let measured = self.on_broker_measured(line, broker, topic)?;
        match measured.cut_short {
            Some(reason) => Err(format!("{line}: {reason}")),
            None => Ok(measured),
        }
    }

    /// Runs a command line of this program against a broker, and returns what it measured.
    fn on_broker_measured(&self, line: &str, broker: usize, topic: &str) -> Result<Measured, String> {
        let file = self.how.work.join(format!("{topic}.json"));
        let ended = self.watch.run(&mut command(line, &self.brokers[broker], topic, Some(&file))?)?;
        read(&file, ended)
    }

    /// Removes topics, whoever wants this to end.
    fn remove(&self, topics: &str, broker: usize, topic: &str) -> Result<(), String> {
        let line = format!("remove {topics}");
        let ended = child::begin(&mut command(&line, &self.brokers[broker], topic, None)?)?.end(None)?;
        if ended.status.success() { Ok(()) } else { Err(ended.said) }
    }
}

impl Before {
    fn add(&mut self, measured: &Measured) {
        self.records += measured.verified.acknowledged;
        if self.ends.len() < measured.ends.len() {
            self.ends.resize(measured.ends.len(), 0);
        }
        for (end, acknowledged) in self.ends.iter_mut().zip(&measured.ends) {
            *end = (*end).max(*acknowledged);
        }
    }
}

/// Options that say which topics there are.
fn shape_of(layout: &Layout) -> String {
    format!("--topics {} --partitions {}", layout.topics.len(), layout.partitions)
}

/// Whether all that was acknowledged was read.
fn check_read(read: &Measured, acknowledged: u64) -> Result<(), String> {
    let in_order = read.verified.in_order;
    if in_order >= acknowledged {
        return Ok(());
    }
    Err(format!("{acknowledged} records were acknowledged, and {in_order} could be read: records were lost"))
}

/// Whether all was read, and from the disk.
fn check_cold(read: &Measured, acknowledged: u64) -> Result<(), String> {
    check_read(read, acknowledged)?;
    let (fetched, from_disk) = (read.bytes(), read.broker.map_or(0, |broker| broker.read_bytes));
    if from_disk as f64 >= fetched as f64 * COLD {
        return Ok(());
    }
    if from_disk == 0 {
        return Err("nothing is known to have come from the disk: /proc/PID/io cannot be read, or the data is in memory (tmpfs)".to_owned());
    }
    Err(format!(
        "{fetched} bytes were fetched, and {from_disk} came from the disk: the rest was in memory still"
    ))
}

/// This program, with a command line against a broker.
fn command(line: &str, running: &Running, topic: &str, file: Option<&Path>) -> Result<Command, String> {
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
    Ok(command)
}

/// What a run wrote; what it said, if it wrote nothing.
fn read(file: &Path, ended: Ended) -> Result<Measured, String> {
    let Ended { status, said, reason } = ended;
    let Ok(text) = std::fs::read_to_string(file) else {
        let silent = || format!("it ended with {status} and said nothing");
        return Err(reason.unwrap_or_else(|| if said.is_empty() { silent() } else { said }));
    };
    std::fs::remove_file(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut measured: Measured = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if reason.is_some() {
        measured.cut_short = reason;
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_time_ends_is_given_other_seconds() {
        assert_eq!(with_seconds("produce --seconds 3 --rate 5", Some(9)), "produce --rate 5 --seconds 9");
        assert_eq!(with_seconds("fetch --once --seconds 300", Some(9)), "fetch --once --seconds 300");
        assert_eq!(with_seconds("produce --bytes 1g", Some(9)), "produce --bytes 1g");
        assert_eq!(with_seconds("", Some(9)), "");
    }

    #[test]
    fn topics_and_room_are_those_of_the_command_lines() {
        let planned = Planned {
            scenario: String::new(),
            name: String::new(),
            before: vec!["produce --partitions 3 --topics 2 --bytes 2g".to_owned()],
            measure: Measure::Stopped,
            line: String::new(),
            swept: None,
            most_rounds: 1,
        };
        assert_eq!(planned.bytes(), 2 << 30);
        let layout = layout_of(&planned.topics(), "t").unwrap();
        assert_eq!((layout.topics.len(), layout.partitions), (2, 3));
        assert_eq!(&*layout.topics[1], "t-1");
        assert!(planned.told().starts_with("produce") && planned.told().contains("stopped"));
    }

    fn read(in_order: u64, fetched: u64, from_disk: u64) -> Measured {
        let mut read = Measured::of_restart(crate::figures::Restart::default());
        read.verified.in_order = in_order;
        read.fetched = Some(crate::figures::Side { bytes: fetched, ..crate::figures::Side::default() });
        read.broker =
            Some(crate::figures::Spent { read_bytes: from_disk, ..crate::figures::Spent::default() });
        read
    }

    #[test]
    fn what_was_acknowledged_must_be_read_and_from_the_disk() {
        assert!(check_read(&read(9, 0, 0), 10).unwrap_err().contains("lost"));
        assert!(check_cold(&read(9, 100, 100), 10).unwrap_err().contains("lost"));
        assert!(check_cold(&read(10, 100, 80), 10).unwrap_err().contains("in memory still"));
        assert!(check_cold(&read(10, 100, 0), 10).unwrap_err().contains("tmpfs"));
        assert_eq!(check_cold(&read(10, 100, 95), 10), Ok(()));
    }

    #[test]
    fn what_several_runs_acknowledged_is_put_together() {
        let layout = layout_of("--partitions 2", "t").unwrap();
        let mut before = Before { layout, records: 0, ends: Vec::new() };
        for (records, ends) in [(5, vec![5]), (7, vec![2, 10])] {
            let mut measured = read(0, 0, 0);
            measured.verified.acknowledged = records;
            before.add(&Measured { ends, ..measured });
        }
        assert_eq!((before.records, before.ends), (12, vec![5, 10]));
    }
}

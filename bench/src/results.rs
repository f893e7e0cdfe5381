//! What many runs came to: the file that is written for machines, and what is read out of it for people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::figures::Measured;
use crate::stats::Ratio;

/// Of the file's form.
pub const FORMAT: u32 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub format: u32,
    /// Seconds since 1970.
    pub began: u64,
    pub environment: Environment,
    /// In the order in which they are told: the first is compared with each of the others.
    pub brokers: Vec<Described>,
    pub cells: Vec<CellResults>,
}

/// A broker that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// As the command line called it.
    pub name: String,
    /// Version, and how it was started.
    pub about: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResults {
    pub scenario: String,
    pub name: String,
    /// Repeats it, but for the broker's address.
    pub command: String,
    /// The value of the option that is swept over.
    #[serde(default)]
    pub swept: Option<u64>,
    pub rounds: Vec<Round>,
}

/// One run of a cell against one broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Which round, and of which broker in [`Results::brokers`].
    pub number: u32,
    pub broker: usize,
    /// Records a second that this broker was given, where that was found out first.
    #[serde(default)]
    pub rate: Option<u64>,
    pub measured: Option<Measured>,
    /// Why there are no figures, or not all.
    pub error: Option<String>,
}

/// A figure that brokers are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    Throughput,
    BrokerCpu,
    /// What stands for it where all brokers are given the same rate: few bytes would carry all that a broker costs that has little to do.
    BrokerCore,
    P99,
    EndToEndP99,
    Kept,
    Ready,
    FirstFetch,
}

impl Figure {
    pub const ALL: [Self; 8] = [
        Self::Throughput,
        Self::BrokerCpu,
        Self::BrokerCore,
        Self::P99,
        Self::EndToEndP99,
        Self::Kept,
        Self::Ready,
        Self::FirstFetch,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "MB/s",
            Self::BrokerCpu => "broker CPU-s/GB",
            Self::BrokerCore => "broker % of a core",
            Self::P99 => "p99 ms",
            Self::EndToEndP99 => "end to end p99 ms",
            Self::Kept => "% of the rate",
            Self::Ready => "ready ms",
            Self::FirstFetch => "first fetch ms",
        }
    }

    /// What a run has of it.
    pub fn of(self, measured: &Measured) -> Option<f64> {
        match self {
            Self::Throughput => {
                let sides = [&measured.produced, &measured.fetched].into_iter().flatten();
                sides.map(|side| side.mb_per_s).reduce(|produced, fetched| produced + fetched)
            }
            Self::BrokerCpu => measured.broker_cpu_s_per_gb(),
            Self::BrokerCore => measured.broker_core_percent(),
            // How much a broker gives to a fetch is its own choice, so how long that takes is not compared.
            Self::P99 => measured.produced.as_ref().and_then(|side| Some(side.latency.as_ref()?.p99_ms)),
            Self::EndToEndP99 => measured.end_to_end.as_ref().map(|latency| latency.p99_ms),
            Self::Kept => measured.kept_percent().map(|percent| percent.min(100.0)),
            Self::Ready => measured.restart.map(|restart| restart.ready_ms),
            Self::FirstFetch => measured.restart.and_then(|restart| restart.first_fetch_ms),
        }
    }

    /// Of the others, which are costs and waits, less is better.
    pub fn is_higher_better(self) -> bool {
        matches!(self, Self::Throughput | Self::Kept)
    }
}

impl Round {
    /// What brokers are compared by, if the run was whole.
    fn figure(&self, figure: Figure) -> Option<f64> {
        let measured = self.measured.as_ref().filter(|_| self.error.is_none())?;
        let is_at_same_rate = measured.rate.is_some() && self.rate.is_none();
        match figure {
            Figure::BrokerCpu if is_at_same_rate => None,
            Figure::BrokerCore if !is_at_same_rate => None,
            figure => figure.of(measured),
        }
    }
}

impl CellResults {
    /// A broker's figures, round by round.
    pub fn figures(&self, broker: usize, figure: Figure) -> Vec<f64> {
        let rounds = self.rounds.iter().filter(|round| round.broker == broker);
        rounds.filter_map(|round| round.figure(figure)).collect()
    }

    /// The middle one, or the mean of the middle two.
    pub fn median(&self, broker: usize, figure: Figure) -> Option<f64> {
        let mut figures = self.figures(broker, figure);
        figures.sort_by(f64::total_cmp);
        let middle = figures.len().checked_sub(1)? / 2;
        Some(f64::midpoint(figures[middle], figures[figures.len() / 2]))
    }

    /// How broker 0 stands to another, by the rounds that both have.
    pub fn ratio(&self, other: usize, figure: Figure) -> Option<Ratio> {
        let of = |broker: usize, number: u32| {
            let round = self.rounds.iter().find(|round| round.broker == broker && round.number == number)?;
            round.figure(figure)
        };
        let numbers = self.rounds.iter().filter(|round| round.broker == 0).map(|round| round.number);
        let pairs: Vec<(f64, f64)> =
            numbers.filter_map(|number| Some((of(0, number)?, of(other, number)?))).collect();
        Ratio::of(&pairs)
    }

    /// A row for the terminal: each broker's medians, and how the first stands to the others.
    pub fn row(&self, results: &Results) -> String {
        let brokers = &results.brokers;
        let mut lines = vec![format!("{} / {}", self.scenario, self.name)];
        for figure in Figure::ALL {
            let medians: Vec<String> = (0..brokers.len())
                .filter_map(|broker| {
                    Some(format!("{} {:.2}", brokers[broker].name, self.median(broker, figure)?))
                })
                .collect();
            if medians.is_empty() {
                continue;
            }
            let mut line = format!("  {:<18} {}", figure.name(), medians.join("  "));
            for (other, described) in brokers.iter().enumerate().skip(1) {
                if let Some(ratio) = self.ratio(other, figure) {
                    let _ = write!(line, "  | {} of {}", told(&ratio), described.name);
                }
            }
            lines.push(line);
        }
        let errors = self.rounds.iter().filter_map(|round| {
            Some(format!(
                "  round {} of {}: {}",
                round.number + 1,
                brokers[round.broker].name,
                round.error.as_ref()?
            ))
        });
        lines.extend(errors);
        lines.join("\n")
    }
}

/// A ratio with its spread, and whether it says anything.
pub fn told(ratio: &Ratio) -> String {
    let Ratio { mean, low, high, rounds } = ratio;
    match (rounds, ratio.is_noise()) {
        (1, _) => format!("{mean:.2} (one round)"),
        (_, true) => format!("{mean:.2} ({low:.2} to {high:.2}: inside the noise)"),
        (_, false) => format!("{mean:.2} ({low:.2} to {high:.2})"),
    }
}

impl Results {
    /// The same with these brokers only, in this order.
    pub fn of_brokers(&self, chosen: &[usize]) -> Self {
        let brokers = chosen.iter().map(|broker| self.brokers[*broker].clone()).collect();
        let cells = self.cells.iter().map(|cell| {
            let rounds = cell.rounds.iter().filter_map(|round| {
                let broker = chosen.iter().position(|broker| *broker == round.broker)?;
                Some(Round { broker, ..round.clone() })
            });
            CellResults { rounds: rounds.collect(), ..cell.clone() }
        });
        Self { brokers, cells: cells.collect(), environment: self.environment.clone(), ..*self }
    }

    /// Runs without figures, or with a part of them.
    pub fn failures(&self) -> usize {
        self.cells.iter().flat_map(|cell| &cell.rounds).filter(|round| round.error.is_some()).count()
    }

    /// Writes the file. A run that is cut off leaves the last one whole.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let beside = path.with_extension("json.new");
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let results: Self = serde_json::from_str(&text).map_err(|error| told(error.to_string()))?;
        if results.format != FORMAT {
            return Err(told(format!("form {}, and this program knows {FORMAT}", results.format)));
        }
        Ok(results)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::figures::{Latency, Second, Side, Spent, Verified};

    fn measured(mb_per_s: f64, p99_ms: f64) -> Measured {
        let latency = Latency {
            p50_ms: 1.0,
            p90_ms: 2.0,
            p99_ms,
            p999_ms: 2.0 * p99_ms,
            p9999_ms: 3.0 * p99_ms,
            max_ms: 4.0 * p99_ms,
            curve: vec![(0.0, 0.5), (50.0, 1.0), (99.0, p99_ms)],
        };
        let second =
            |at_s| Second { at_s, mb_per_s, records_per_s: 1.0, p50_ms: 1.0, p99_ms, max_ms: p99_ms };
        let side = Side {
            mb_per_s,
            records_per_s: 1_000.0,
            requests_per_s: 10.0,
            bytes: 1_000_000_000,
            records: 1_000_000,
            requests: 1_000,
            latency: Some(latency),
            series: vec![second(0.0), second(1.0)],
        };
        let spent = Spent {
            user_s: 0.25,
            system_s: 0.25,
            resident_bytes: 1 << 20,
            peak_resident_bytes: 1 << 20,
            written_bytes: 2_000_000_000,
            read_bytes: 0,
            voluntary_switches: 1,
            involuntary_switches: 1,
        };
        Measured {
            seconds: 2.0,
            produced: Some(side),
            fetched: None,
            end_to_end: None,
            broker: Some(spent),
            client: spent,
            verified: Verified { acknowledged: 1_000_000, has_grown: true, ..Verified::default() },
            ends: Vec::new(),
            rate: None,
            restart: None,
            cut_short: None,
        }
    }

    /// Three rounds of two brokers: the first is twice as fast, with waits that do not differ, and has no last round.
    pub fn two_brokers() -> Results {
        let figures = [(200.0, 100.0, 5.0, 5.5), (210.0, 100.0, 6.0, 5.5), (190.0, 99.0, 5.0, 5.4)];
        let mut rounds = Vec::new();
        for (number, (first, second, first_ms, second_ms)) in (0..).zip(figures) {
            for (broker, mb_per_s, p99_ms) in [(0, first, first_ms), (1, second, second_ms)] {
                rounds.push(Round {
                    number,
                    broker,
                    rate: None,
                    measured: Some(measured(mb_per_s, p99_ms)),
                    error: None,
                });
            }
        }
        rounds.push(Round {
            number: 3,
            broker: 0,
            rate: None,
            measured: None,
            error: Some("the broker died".to_owned()),
        });
        rounds.push(Round {
            number: 3,
            broker: 1,
            rate: None,
            measured: Some(measured(1.0, 1.0)),
            error: None,
        });
        let described = |name: &str| Described { name: name.to_owned(), about: "a<b>".to_owned() };
        let cell = CellResults {
            scenario: "throughput".to_owned(),
            name: "1 KiB".to_owned(),
            command: "produce --record 1k".to_owned(),
            swept: None,
            rounds,
        };
        Results {
            format: FORMAT,
            began: 1,
            environment: Environment::of(Path::new(".")),
            brokers: vec![described("logan"), described("kafka")],
            cells: vec![cell],
        }
    }

    #[test]
    fn at_a_rate_that_all_are_given_a_core_counts_and_otherwise_a_byte() {
        let mut results = two_brokers();
        let both = |results: &Results| {
            [Figure::BrokerCpu, Figure::BrokerCore].map(|figure| results.cells[0].median(0, figure).is_some())
        };
        assert_eq!(both(&results), [true, false]);
        for round in &mut results.cells[0].rounds {
            round.measured.iter_mut().for_each(|measured| measured.rate = Some(2_000));
        }
        assert_eq!(both(&results), [false, true]);
        // To each what it can take.
        results.cells[0].rounds.iter_mut().for_each(|round| round.rate = Some(2_000));
        assert_eq!(both(&results), [true, false]);
    }

    #[test]
    fn ratios_come_from_rounds_that_both_have() {
        let results = two_brokers();
        let cell = &results.cells[0];
        let throughput = cell.ratio(1, Figure::Throughput).unwrap();
        assert_eq!(throughput.rounds, 3);
        assert!((1.9..2.1).contains(&throughput.mean) && !throughput.is_noise());
        assert!(cell.ratio(1, Figure::P99).unwrap().is_noise());
        assert!(cell.ratio(1, Figure::EndToEndP99).is_none());
        assert_eq!(cell.median(0, Figure::Throughput), Some(200.0));
        assert_eq!(cell.median(1, Figure::Throughput), Some(99.5), "the mean of the middle two");
        assert_eq!(results.failures(), 1);
    }

    #[test]
    fn brokers_are_chosen_and_put_in_order() {
        let whole = two_brokers();
        let turned = whole.of_brokers(&[1, 0]);
        assert_eq!(turned.brokers[0].name, "kafka");
        let figure = Figure::Throughput;
        assert_eq!(turned.cells[0].median(0, figure), whole.cells[0].median(1, figure));
        assert_eq!(whole.of_brokers(&[0]).failures(), 1);
        assert_eq!(whole.of_brokers(&[1]).failures(), 0);
    }

    #[test]
    fn a_row_says_what_is_noise_and_what_failed() {
        let results = two_brokers();
        let row = results.cells[0].row(&results);
        for text in
            ["throughput / 1 KiB", "logan 200.00", "kafka 99.50", "inside the noise", "the broker died"]
        {
            assert!(row.contains(text), "{text} is not in {row}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let path = std::env::temp_dir().join(format!("logan-bench-results-{}.json", std::process::id()));
        let results = two_brokers();
        results.write(&path).unwrap();
        assert_eq!(Results::read(&path), Ok(results));
        std::fs::write(&path, "{}").unwrap();
        assert!(Results::read(&path).unwrap_err().contains("logan-bench-results"));
        std::fs::remove_file(&path).unwrap();
    }
}

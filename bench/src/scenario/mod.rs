//! Scenarios, ready-made: each cell is a command line of this program, so that whoever doubts it can repeat it by hand.

mod all;

/// What is measured, and what comes first and is not.
#[derive(Debug)]
pub struct Cell {
    pub name: &'static str,
    /// Command lines whose topics are kept until the cell has ended.
    pub before: &'static [&'static str],
    pub measure: Measure,
    /// It takes minutes, so that it is run no more often than this, whatever --rounds says.
    pub most_rounds: u32,
}

/// How a cell is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// By a command line.
    Line(&'static str),
    /// By a command line, once the broker was stopped, had its files dropped from memory, and was started again.
    Cold(&'static str),
    /// By a command line at so many per cent of the highest rate that the broker keeps up with.
    OfKnee(u64, &'static str),
    /// The broker is stopped, and timed until it is there again.
    Stopped,
    /// The broker is killed while a command line runs, and timed until it is there again.
    Killed(&'static str),
}

impl Measure {
    pub fn line(self) -> &'static str {
        match self {
            Self::Line(line) | Self::Cold(line) | Self::OfKnee(_, line) | Self::Killed(line) => line,
            Self::Stopped => "",
        }
    }
}

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub cells: &'static [Cell],
}

const fn cell(name: &'static str, line: &'static str) -> Cell {
    Cell { name, before: &[], measure: Measure::Line(line), most_rounds: u32::MAX }
}

const fn after(name: &'static str, before: &'static [&'static str], measure: Measure) -> Cell {
    Cell { name, before, measure, most_rounds: u32::MAX }
}

const fn at_most_thrice(name: &'static str, before: &'static [&'static str], measure: Measure) -> Cell {
    Cell { name, before, measure, most_rounds: 3 }
}

#[cfg(test)]
pub fn all() -> &'static [Scenario] {
    all::SCENARIOS
}

/// The scenario of this name, or which ones there are.
pub fn find_or_say(name: &str) -> Result<&'static Scenario, String> {
    let found = all::SCENARIOS.iter().find(|scenario| scenario.name == name);
    found.ok_or_else(|| {
        let known =
            all::SCENARIOS.iter().map(|scenario| format!("\n  {:<16} {}", scenario.name, scenario.about));
        format!("there are:{}", known.collect::<String>())
    })
}

/// The value of an option in a command line.
pub fn value_of<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    words.find(|word| *word == option)?;
    words.next()
}

/// A command line without an option and its value.
pub fn without(line: &str, option: &str) -> String {
    let mut words = Vec::new();
    let mut rest = line.split_whitespace();
    while let Some(word) = rest.next() {
        if word == option {
            rest.next();
        } else {
            words.push(word);
        }
    }
    words.join(" ")
}

/// What a command line says of its topics.
pub fn of_topics(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| ["--topics", "--partitions"].contains(&pair[0]));
    pairs.map(|pair| pair.join(" ")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::all::SCENARIOS;
    use super::*;

    #[test]
    fn command_lines_are_taken_apart() {
        let line = "fetch --partitions 4 --seconds 2 --warm-up 1";
        assert_eq!(without(line, "--seconds"), "fetch --partitions 4 --warm-up 1");
        assert_eq!(value_of(line, "--seconds"), Some("2"));
        assert_eq!(value_of(line, "--bytes"), None);
        assert_eq!(of_topics(line), "--partitions 4");
        assert_eq!(of_topics("fetch"), "");
    }

    #[test]
    fn scenarios_are_found_by_name_and_told_otherwise() {
        assert_eq!(find_or_say("smoke").unwrap().name, "smoke");
        assert!(find_or_say("smok").unwrap_err().contains("many-partitions"));
        for (at, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..at].iter().all(|before| before.name != scenario.name));
            assert!(!scenario.cells.is_empty());
        }
    }
}

//! Scenarios, ready-made: each cell is a command line of this program, so that whoever doubts it can repeat it by hand.

/// What is measured, and what comes first and is not.
#[derive(Debug)]
pub struct Cell {
    pub name: &'static str,
    pub before: &'static [&'static str],
    pub command: &'static str,
}

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub cells: &'static [Cell],
}

const fn cell(name: &'static str, command: &'static str) -> Cell {
    Cell { name, before: &[], command }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "smoke",
        about: "a few seconds of everything: does it work, and is what is read what was sent?",
        cells: &[
            cell("mixed", "mixed --partitions 4 --record 1k --batch 16k --rate 2000 --seconds 2 --warm-up 1"),
            cell(
                "mixed lz4",
                "mixed --partitions 4 --record 1k --batch 16k --codec lz4 --payload words --rate 2000 --seconds 2 --warm-up 1",
            ),
            cell(
                "mixed idempotent",
                "mixed --partitions 4 --record 100..2k --batch 16k --idempotent --rate 2000 --seconds 2 --warm-up 1",
            ),
            cell("end to end", "end-to-end --partitions 1 --record 100 --seconds 2 --warm-up 1"),
            Cell {
                name: "fetch",
                before: &[
                    "produce --partitions 4 --record 1k --batch 64k --keep-topics --seconds 2 --warm-up 0",
                ],
                command: "fetch --partitions 4 --seconds 2 --warm-up 1",
            },
        ],
    },
    Scenario {
        name: "throughput",
        about: "as much as goes through, by librdkafka and by this client",
        cells: &[
            cell("librdkafka 100 B", "produce --client rdkafka --batch 1m --record 100"),
            cell("librdkafka 1 KiB", "produce --client rdkafka --batch 1m --record 1k"),
            cell("librdkafka 10 KiB", "produce --client rdkafka --batch 1m --record 10k"),
            cell("own 1 KiB / 64 KiB", "produce --record 1k --batch 64k"),
            cell("own 1 KiB lz4 / 64 KiB", "produce --record 1k --batch 64k --codec lz4 --payload words"),
            Cell {
                name: "fetch 1 KiB",
                before: &["produce --record 1k --batch 64k --keep-topics --seconds 5 --warm-up 0"],
                command: "fetch",
            },
        ],
    },
    Scenario {
        name: "latency",
        about: "open loop: records at a fixed rate, each counted from when it was due",
        cells: &[
            cell("2,000 records/s", "produce --record 1k --rate 2000"),
            cell("20,000 records/s", "produce --record 1k --rate 20000"),
            cell("end to end, one in flight", "end-to-end --partitions 1 --record 1k"),
        ],
    },
    Scenario {
        name: "many-partitions",
        about: "the same load over ever more partitions",
        cells: &[
            cell("16 partitions", "produce --record 1k --batch 16k --partitions 16"),
            cell("256 partitions", "produce --record 1k --batch 16k --partitions 256"),
            cell("2,000 partitions", "produce --record 1k --batch 16k --partitions 2000 --warm-up 15"),
        ],
    },
    Scenario {
        name: "small-batches",
        about: "one record a batch: what a request costs",
        cells: &[
            cell("100 B", "produce --record 100 --batch 1"),
            cell("1 KiB", "produce --record 1k --batch 1"),
        ],
    },
    Scenario {
        name: "mixed",
        about: "producers, and consumers that follow them",
        cells: &[
            cell("1 KiB / 64 KiB", "mixed --record 1k --batch 64k"),
            cell("1 KiB at 20,000 records/s", "mixed --record 1k --rate 20000"),
        ],
    },
    Scenario {
        name: "connections",
        about: "the same rate over a thousand connections",
        cells: &[cell(
            "1,000 connections",
            "produce --record 1k --rate 20000 --connections 1000 --in-flight 1",
        )],
    },
];

/// The scenario of this name, or which ones there are.
pub fn find_or_say(name: &str) -> Result<&'static Scenario, String> {
    let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
    found.ok_or_else(|| {
        let all = SCENARIOS.iter().map(|scenario| format!("\n  {:<16} {}", scenario.name, scenario.about));
        format!("there are:{}", all.collect::<String>())
    })
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
    use super::*;

    #[test]
    fn command_lines_are_taken_apart() {
        let line = "fetch --partitions 4 --seconds 2 --warm-up 1";
        assert_eq!(without(line, "--seconds"), "fetch --partitions 4 --warm-up 1");
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

//! The scenarios.

use super::Measure::{Cold, Killed, Line, OfKnee, Stopped};
use super::{Scenario, after, at_most_thrice, cell};

/// A gigabyte in the topic that is read, and what is killed or stopped has.
const GIGABYTE: &[&str] =
    &["produce --record 1k --batch 64k --bytes 1g --seconds 300 --warm-up 0 --keep-topics"];
const LITTLE: &[&str] =
    &["produce --partitions 4 --record 1k --batch 16k --bytes 32m --seconds 60 --warm-up 0 --keep-topics"];
const TEN_GIGABYTES: &[&str] =
    &["produce --record 1k --batch 64k --bytes 10g --seconds 900 --warm-up 0 --keep-topics"];
const KILLED: &str = "produce --record 1k --batch 64k --seconds 60 --warm-up 0 --keep-topics";
const KILLED_WITH_LITTLE: &str =
    "produce --partitions 4 --record 1k --rate 1000 --seconds 60 --warm-up 0 --keep-topics";
const ONE_BATCH_EACH: &str =
    "produce --once --topics 2 --partitions 5000 --record 1k --batch 1 --connections 8 --seconds 300";
const ONE_BATCH_EACH_KEPT: &[&str] = &[
    "produce --once --topics 2 --partitions 5000 --record 1k --batch 1 --connections 8 --seconds 300 --keep-topics",
];

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
            after(
                "fetch once",
                &[
                    "produce --partitions 4 --record 1k --batch 64k --keep-topics --bytes 32m --seconds 60 --warm-up 0",
                ],
                Line("fetch --once --partitions 4 --seconds 60"),
            ),
            cell("one batch each", "produce --once --partitions 200 --record 100 --batch 1 --seconds 60"),
        ],
    },
    Scenario {
        name: "throughput",
        about: "as much as goes through",
        cells: &[
            cell("100 B", "produce --record 100 --batch 16k"),
            cell("1 KiB", "produce --record 1k --batch 64k"),
            cell("10 KiB", "produce --record 10k --batch 64k"),
            cell("1 KiB lz4", "produce --record 1k --batch 64k --codec lz4 --payload words"),
            after("fetch 1 KiB", GIGABYTE, Line("fetch")),
        ],
    },
    Scenario {
        name: "rdkafka",
        about: "as much as goes through librdkafka (built with --features rdkafka)",
        cells: &[
            cell("100 B", "produce --client rdkafka --batch 1m --record 100"),
            cell("1 KiB", "produce --client rdkafka --batch 1m --record 1k"),
            cell("10 KiB", "produce --client rdkafka --batch 1m --record 10k"),
            after("fetch 1 KiB", GIGABYTE, Line("fetch --client rdkafka")),
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
            cell("2,000 partitions", "produce --record 1k --batch 16k --partitions 2000 --warm-up 20"),
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
        name: "catch-up",
        about: "consumers that come late read what is on the disk, not in memory",
        cells: &[
            after("one consumer", TEN_GIGABYTES, Cold("fetch --once --consumers 1 --seconds 600")),
            after("eight consumers", TEN_GIGABYTES, Cold("fetch --once --consumers 8 --seconds 600")),
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
        about: "the same rate over ever more connections",
        cells: &[
            cell("10 connections", "produce --record 1k --rate 10000 --connections 10"),
            cell("100 connections", "produce --record 1k --rate 10000 --connections 100"),
            cell("1,000 connections", "produce --record 1k --rate 10000 --connections 1000"),
            cell("9,000 connections", "produce --record 1k --rate 10000 --connections 9000 --warm-up 10"),
        ],
    },
    Scenario {
        name: "cold-partitions",
        about: "one batch into each of 10,000 partitions, and out again",
        cells: &[
            cell("in", ONE_BATCH_EACH),
            after(
                "out of memory",
                ONE_BATCH_EACH_KEPT,
                Line("fetch --once --topics 2 --partitions 5000 --seconds 300"),
            ),
            after(
                "from the disk",
                ONE_BATCH_EACH_KEPT,
                Cold("fetch --once --topics 2 --partitions 5000 --seconds 300"),
            ),
        ],
    },
    Scenario {
        name: "soak",
        about: "ten minutes of small records, in and out, at 80 % of what the broker keeps up with",
        cells: &[after(
            "80 % of the knee",
            &[],
            OfKnee(80, "mixed --record 100 --batch 1 --connections 16 --seconds 600"),
        )],
    },
    Scenario {
        name: "recovery",
        about: "how soon a broker is there again, and whether all that it acknowledged is",
        cells: &[
            after("stopped, with 1 GB", GIGABYTE, Stopped),
            after("killed, with 1 GB", GIGABYTE, Killed(KILLED)),
            after("killed, with 10 GB", TEN_GIGABYTES, Killed(KILLED)),
        ],
    },
    Scenario {
        name: "restart",
        about: "a broker with little in it is stopped, killed, and read from the disk: does it come back with what it had?",
        cells: &[
            after("stopped", LITTLE, Stopped),
            after("killed", LITTLE, Killed(KILLED_WITH_LITTLE)),
            after("from the disk", LITTLE, Cold("fetch --once --partitions 4 --consumers 2 --seconds 60")),
        ],
    },
    Scenario {
        name: "scale",
        about: "the same from ever more producers and consumers at a time",
        cells: &[
            cell("1 producer", "produce --record 1k --batch 16k --connections 1"),
            cell("4 producers", "produce --record 1k --batch 16k --connections 4"),
            cell("16 producers", "produce --record 1k --batch 16k --connections 16"),
            cell("64 producers", "produce --record 1k --batch 16k --connections 64"),
            after("1 consumer", GIGABYTE, Line("fetch --consumers 1")),
            after("4 consumers", GIGABYTE, Line("fetch --consumers 4")),
            after("16 consumers", GIGABYTE, Line("fetch --consumers 16")),
        ],
    },
    COMPARISON,
];

/// What a broker is chosen by, each cell short enough that all of them can be repeated.
const COMPARISON: Scenario = Scenario {
    name: "comparison",
    about: "what brokers differ in: produce (record × partitions), fetch (from where, by how many), rates, restarts",
    // Kafka makes a partition's files at its first batch, which takes milliseconds: the warm-up has one for each partition.
    cells: &[
        cell("100 B × 16", "produce --record 100 --batch 16k --seconds 3 --warm-up 1"),
        cell("1 KiB × 16", "produce --record 1k --batch 64k --seconds 3 --warm-up 1"),
        cell("10 KiB × 16", "produce --record 10k --batch 64k --seconds 3 --warm-up 1"),
        cell(
            "1 KiB lz4 × 16",
            "produce --record 1k --batch 64k --codec lz4 --payload words --seconds 3 --warm-up 1",
        ),
        cell("100 B × 256", "produce --record 100 --batch 16k --partitions 256 --seconds 3 --warm-up 4"),
        cell("1 KiB × 256", "produce --record 1k --batch 64k --partitions 256 --seconds 3 --warm-up 4"),
        cell("10 KiB × 256", "produce --record 10k --batch 64k --partitions 256 --seconds 3 --warm-up 4"),
        cell(
            "1 KiB lz4 × 256",
            "produce --record 1k --batch 64k --codec lz4 --payload words --partitions 256 --seconds 3 --warm-up 4",
        ),
        cell("100 B × 2,000", "produce --record 100 --batch 16k --partitions 2000 --seconds 3 --warm-up 20"),
        cell("1 KiB × 2,000", "produce --record 1k --batch 64k --partitions 2000 --seconds 3 --warm-up 20"),
        cell("10 KiB × 2,000", "produce --record 10k --batch 64k --partitions 2000 --seconds 3 --warm-up 20"),
        cell(
            "1 KiB lz4 × 2,000",
            "produce --record 1k --batch 64k --codec lz4 --payload words --partitions 2000 --seconds 3 --warm-up 20",
        ),
        after("memory, 1 consumer", GIGABYTE, Line("fetch --consumers 1 --seconds 3 --warm-up 1")),
        after("memory, 8 consumers", GIGABYTE, Line("fetch --consumers 8 --seconds 3 --warm-up 1")),
        cell("mixed, 1 KiB × 16", "mixed --record 1k --batch 64k --seconds 3 --warm-up 1"),
        cell("2,000 records/s", "produce --record 1k --rate 2000 --seconds 5 --warm-up 1"),
        cell("20,000 records/s", "produce --record 1k --rate 20000 --seconds 5 --warm-up 1"),
        cell("end to end", "end-to-end --partitions 1 --record 1k --seconds 3 --warm-up 1"),
        cell(
            "1,000 connections",
            "produce --record 1k --rate 10000 --connections 1000 --seconds 3 --warm-up 2",
        ),
        // More than what the kernel lets wait in memory.
        at_most_thrice(
            "12 GB of 1 KiB × 16",
            &[],
            Line("produce --record 1k --batch 64k --bytes 12g --seconds 600 --warm-up 1"),
        ),
        at_most_thrice("disk, 1 consumer", FOUR_GIGABYTES, Cold("fetch --once --consumers 1 --seconds 300")),
        at_most_thrice("disk, 8 consumers", FOUR_GIGABYTES, Cold("fetch --once --consumers 8 --seconds 300")),
        at_most_thrice("stopped, 1 GB", GIGABYTE, Stopped),
        at_most_thrice("kill -9, 10 GB", TEN_GIGABYTES, Killed(KILLED)),
        // Last, since Kafka may run out of descriptors.
        at_most_thrice("10,000 × one batch", &[], Line(ONE_BATCH_EACH)),
    ],
};

const FOUR_GIGABYTES: &[&str] =
    &["produce --record 1k --batch 64k --bytes 4g --seconds 300 --warm-up 0 --keep-topics"];

//! Every fuzz target for a few seconds. `LOGAN_FUZZ_SECONDS` and `LOGAN_FUZZ_SEED` make it longer and other.

use std::time::Duration;

use logan_tests::fuzz;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn run(name: &str) {
    let (_, counted) = logan_shards::allocation::peak(|| vec![0_u8; 1000]);
    assert_eq!(counted, 1000, "memory is counted");
    let target = fuzz::TARGETS.iter().find(|t| t.name == name).expect("a target");
    let limit = Duration::from_secs(setting("LOGAN_FUZZ_SECONDS", 4));
    let inputs = fuzz::run(*target, setting("LOGAN_FUZZ_SEED", 1), limit);
    assert!(inputs > 100, "{name}: only {inputs} inputs");
    println!("{name}: {inputs} inputs");
}

#[test]
fn message() {
    run("message");
}

#[test]
fn frames() {
    run("frames");
}

#[test]
fn batches() {
    run("batches");
}

#[test]
fn files() {
    run("files");
    for (kind, times) in fuzz::read_behind_the_crc() {
        println!("{kind}: read behind the CRC {times} times");
        assert!(
            times > 20,
            "of {times} inputs only what stands before the CRC of a {kind} was not read alone"
        );
    }
}

#[test]
fn properties() {
    run("properties");
}

#[test]
fn settings() {
    run("settings");
}

#[test]
fn entries() {
    run("entries");
    let read = fuzz::entries_read();
    println!("lists of records: {read}");
    assert!(read > 100, "only {read} inputs were lists of records");
}

#[test]
fn raft() {
    run("raft");
    for (kind, [read, taken]) in fuzz::raft_read() {
        println!("{kind}: read behind checksums {read} times, taken {taken} times");
        assert!(read > 100 && taken > 20, "of {kind} only {read} were read and {taken} taken");
    }
}

#[test]
fn every_target_is_run() {
    let names: Vec<_> = fuzz::TARGETS.iter().map(|t| t.name).collect();
    assert_eq!(names, ["message", "frames", "batches", "files", "properties", "settings", "entries", "raft"]);
}

#[test]
#[should_panic(expected = "found")]
fn a_panic_of_a_target_is_not_lost() {
    let target = fuzz::Target {
        name: "bad",
        run: |input| assert!(input.len() != 3, "found"),
        corpus: || vec![vec![1, 2, 3, 4]],
    };
    fuzz::run(target, 1, Duration::from_secs(1));
}

#[test]
#[should_panic(expected = "a liar: 4096 bytes of memory for 4")]
fn memory_beyond_the_bound_of_a_target_is_told() {
    let target = fuzz::Target {
        name: "bad",
        run: |input| {
            let bound = fuzz::Bound { times: 2, beside: 1000 };
            drop(fuzz::within(bound, "a liar", input.len(), || Vec::<u8>::with_capacity(1024 * input.len())));
        },
        corpus: || vec![vec![1, 2, 3, 4]],
    };
    fuzz::run(target, 1, Duration::from_secs(1));
}

//! All log directories of a simulated broker are gone, and its metadata is not: as Kafka does, it ends, and says why.

use std::time::Duration;

use logan_shards::sim::{Fault, FaultKind, Verb};
use logan_tests::simulation::quiet::{Quiet, connect};

const EIO: i32 = 5;
const SETTINGS: [&str; 2] = ["log.dirs=/a,/b", "metadata.log.dir=/metadata"];

/// Writes into the log directories fail, all of them or from some time on.
fn break_logs(quiet: &Quiet) {
    let is_hit = |path: &str| path.starts_with("/a/") || path.starts_with("/b/");
    let fault =
        Fault::always(FaultKind::Error(EIO), move |site| site.verb == Verb::Write && is_hit(&site.path));
    quiet.simulation.add_fault(fault);
}

#[test]
fn a_start_that_finds_none_is_none() {
    let quiet = Quiet::start(2, &SETTINGS);
    quiet.run(async { drop(connect().await) });
    break_logs(&quiet);
    let failed = quiet.restart();
    assert!(matches!(&failed[..], [why] if why.contains("all log directories have failed")), "{failed:?}");
    assert!(!quiet.simulation.is_running(quiet.node()));
    assert_eq!(quiet.simulation.fail_stops(), Vec::<String>::new());
}

/// At whatever moment after its start began the disks fail: the node ends, with words and not in a panic.
#[test]
fn a_node_that_loses_all_ends() {
    for moment in 0..40 {
        let quiet = Quiet::start(2, &SETTINGS);
        quiet.simulation.run_for(Duration::from_micros(moment * 500));
        break_logs(&quiet);
        quiet.simulation.run_for(Duration::from_mins(2));
        if quiet.simulation.is_running(quiet.node()) {
            // Nothing is written by a broker that nobody asks for anything.
            quiet.simulation.spawn(async { drop(logan_tests::simulation::quiet::connect().await) });
            continue;
        }
        let failed = quiet.failed_starts();
        assert!(
            failed.iter().any(|why| why.contains("failed") || why.contains("cannot be used")),
            "after {moment}: {failed:?}"
        );
        assert_eq!(quiet.simulation.fail_stops(), Vec::<String>::new(), "after {moment}");
    }
}

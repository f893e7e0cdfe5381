//! The files that segments are born as: as large as each is needed.

mod support;

use std::rc::Rc;

use futures_util::future::join_all;
use logan_storage::failure::AppendError;
use logan_storage::log::Log;
use support::disk::Disk;
use support::runtime::Runtime;
use support::{append_settled, batch, key, live, log_config, serve, volume_config};

const LOGS: i32 = 60;
const LARGE: usize = 6_000_000;

/// The first appends of many new logs, all at once, and one of them is large. Returns what became of them, the large one's first.
async fn append_to_all(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    capacity: Option<u64>,
) -> Vec<Result<i64, AppendError>> {
    let volume = serve(disk, runtime, volume_config(), log_config()).await.unwrap();
    let keys = (0..LOGS).map(|n| (key("orders", n), log_config()));
    let logs: Vec<Rc<Log>> = volume.create_logs(keys.collect()).await.unwrap();
    runtime.sleep_ns(1_000_000_000).await;
    disk.capacity.set(capacity.map_or(u64::MAX, |more| disk.used() + more));
    let (large, small) = (batch(1, LARGE, 1, 1), batch(1, 1000, 1, 1));
    let appends =
        logs.iter().zip(0..).map(|(log, n)| append_settled(log, if n == 0 { &large } else { &small }));
    let outcomes = join_all(appends).await;
    assert!(!volume.failed().is_failed(), "{:?}", volume.failed().reason());
    volume.check();
    outcomes
}

#[test]
fn a_large_append_that_waits_makes_no_other_file_large() {
    for seed in 1..5 {
        let disk = Disk::new();
        let outcomes =
            live(&disk, seed, |disk, runtime| async move { append_to_all(&disk, &runtime, None).await });
        assert!(outcomes.iter().all(|outcome| *outcome == Ok(1)), "{outcomes:?}");
        let reserve = disk.paths().into_iter().filter(|path| path.contains("reserve"));
        let reserve: usize = reserve.map(|path| disk.content(&path).expect("it is there").len()).sum();
        assert!(reserve > 8 << 20, "the reserve is {reserve} bytes");
        // Beside the large one, what is prepared for rounds and checkpoints.
        let used = disk.used() - reserve as u64;
        assert!(used < 14_000_000, "seed {seed}: {used} bytes");
    }
}

#[test]
fn an_append_too_large_for_what_is_free_is_the_only_one_that_is_refused() {
    for seed in 1..5 {
        let outcomes = live(&Disk::new(), seed, |disk, runtime| async move {
            append_to_all(&disk, &runtime, Some(LARGE as u64 / 2)).await
        });
        assert_eq!(outcomes[0], Err(AppendError::NoSpace), "seed {seed}");
        assert!(outcomes[1..].iter().all(|outcome| *outcome == Ok(1)), "seed {seed}: {outcomes:?}");
    }
}

//! The room that is kept for a full disk.

mod support;

use logan_storage::failure::AppendError;
use support::disk::Disk;
use support::{key, live, log_config, serve, stop, volume_config};

const MS: u64 = 1_000_000;

/// Whoever finds no space while the reserve is being made needs it as well.
#[test]
fn a_reserve_that_is_wanted_while_it_is_made_lets_nothing_grow() {
    let disk = Disk::new();
    *disk.slow.borrow_mut() = Some(("reserve".into(), 3_000 * MS));
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        *disk.full_for.borrow_mut() = Some("orders-0".into());
        volume.create_log(key("orders", 0), log_config()).await.unwrap();
        runtime.sleep_ns(20 * MS).await;
        // Its directory finds no space, again and again, while the reserve is made, and after.
        for n in 0..30_000 {
            let created = volume.create_log(key("more", 0), log_config()).await;
            assert_eq!(created.err(), Some(AppendError::NoSpace), "after {n} ms");
            runtime.sleep_ns(MS).await;
        }
        disk.slow.take();
        disk.full_for.take();
        runtime.sleep_ns(10_000 * MS).await;
        volume.create_log(key("more", 0), log_config()).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
}

//! Segments that are sealed and not cut for a while: what is known of them is written all the same, and as it is to stay.

mod support;

use std::time::Duration;

use logan_storage::config::{LogConfig, VolumeConfig};
use support::disk::Disk;
use support::{append_settled, batch, key, live, log_config, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;
const FIRST: &str = "00000000000000000000";

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 2000, ..log_config() }
}

fn path(segment: &str, extension: &str) -> String {
    format!("orders-0/{segment}.{extension}")
}

/// The names queue is held up by a full disk for longer than an unused segment stays open.
#[test]
fn an_index_stays_in_memory_until_it_is_written() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = VolumeConfig { close_after: Duration::from_secs(1), ..volume_config() };
        let volume = serve(&disk, &runtime, volume, config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), config()).await.unwrap();
        for n in 0..60 {
            append_settled(&log, &batch(1, 500, n, 10 * n as i64)).await.unwrap();
        }
        runtime.sleep_ns(SECOND).await;
        log.roll().await.unwrap();
        *disk.full_for.borrow_mut() = Some("logan/spare".into());
        runtime.sleep_ns(20 * SECOND).await;
        assert_eq!(disk.content(&path(FIRST, "index")), None, "the cut waits");
        disk.full_for.take();
        disk.segment_bytes_read.set(0);
        runtime.sleep_ns(20 * SECOND).await;
        for extension in ["index", "timeindex", "log"] {
            let length = disk.content(&path(FIRST, extension)).map(|content| content.len());
            assert!(length.is_some_and(|length| length > 0), "{extension}: {length:?}");
        }
        assert_eq!(disk.segment_bytes_read.get(), 0, "nothing had to be read for that");
        stop(&disk, &runtime, volume).await;
    });
}

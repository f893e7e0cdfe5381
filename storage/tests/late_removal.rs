//! Files of given-up segments are removed by a task that may come late: what has their names by then stays.

mod support;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use logan_storage::batch::BatchReader;
use logan_storage::disk::{Host, Priority};
use logan_storage::failure::FailedMark;
use logan_storage::log::Log;
use logan_storage::read::ReadBounds;
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

const SECOND: u64 = 1_000_000_000;
const FIRST: &str = "orders-0/00000000000000000000.log";

/// A shard whose background tasks wait for their first turn, as under load.
struct LoadedHost {
    host: TestHost,
    delay_ns: Rc<Cell<u64>>,
}

impl Host for LoadedHost {
    fn monotonic_ns(&self) -> u64 {
        self.host.monotonic_ns()
    }

    fn wall_clock_ms(&self) -> i64 {
        self.host.wall_clock_ms()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
        self.host.sleep(duration)
    }

    fn random(&self) -> u64 {
        self.host.random()
    }

    fn lacks_descriptors(&self) -> bool {
        self.host.lacks_descriptors()
    }

    fn spawn(&self, priority: Priority, task: Pin<Box<dyn Future<Output = ()>>>) {
        if priority != Priority::Background {
            return self.host.spawn(priority, task);
        }
        let (runtime, delay_ns) = (Rc::clone(&self.host.0), self.delay_ns.get());
        let late = async move {
            runtime.sleep_ns(delay_ns).await;
            task.await;
        };
        self.host.spawn(priority, Box::pin(late));
    }
}

async fn serve_loaded(disk: &Rc<Disk>, runtime: &Rc<Runtime>, delay_ns: &Rc<Cell<u64>>) -> Rc<Volume> {
    let opened = open(disk, runtime, open_options()).await.unwrap();
    let host = LoadedHost { host: TestHost(Rc::clone(runtime)), delay_ns: Rc::clone(delay_ns) };
    let (directory, part) = (TestDirectory::over(disk, runtime), opened.parts[0].clone());
    let failed = Arc::new(FailedMark::new());
    let volume =
        Volume::start(directory, Rc::new(host), part, volume_config(), &|_| log_config(), failed).await;
    volume.unwrap()
}

async fn payload_at(log: &Rc<Log>, offset: i64) -> Vec<u8> {
    let read = log.read(offset, ReadBounds { offset: i64::MAX, bytes: 1, at_least_one: true }).await.unwrap();
    BatchReader::new(&read.slices[0], 0, usize::MAX).next().unwrap().unwrap().batch.records().to_vec()
}

/// The log start drops a segment, and the log begins anew where that began: before the removal, or `again` and again.
#[test]
fn a_segment_that_begins_where_a_removed_one_began_stays() {
    for again in [1, 2, 3] {
        let disk = Disk::new();
        let written = batch(1, 300, 9, 1);
        let records = written[61..].to_vec();
        live(&disk, 1, move |disk, runtime| async move {
            let delay_ns = Rc::new(Cell::new(0));
            let volume = serve_loaded(&disk, &runtime, &delay_ns).await;
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
            log.roll().await.unwrap();
            append_settled(&log, &batch(1, 3000, 2, 1)).await.unwrap();
            runtime.sleep_ns(SECOND).await;
            assert!(disk.content(FIRST).is_some_and(|content| content.len() == 3061), "it is cut");
            delay_ns.set(10 * SECOND);
            log.set_log_start(1).await.unwrap();
            delay_ns.set(0);
            for n in 0..again {
                log.truncate_fully_and_start_at(0).await.unwrap();
                let last = if n + 1 == again { written.clone() } else { batch(1, 500, n, 1) };
                append_settled(&log, &last).await.unwrap();
                runtime.sleep_ns(SECOND).await;
            }
            let before = disk.content(FIRST).expect("it has its name");
            runtime.sleep_ns(20 * SECOND).await;
            assert!(disk.content(FIRST) == Some(before), "{again}: the removal came late");
            volume.check();
        });
        live(&disk, 2, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!((log.ends().log_start, log.ends().log_end), (0, 1));
            assert_eq!(payload_at(&log, 0).await, records);
            stop(&disk, &runtime, volume).await;
        });
    }
}

/// What nobody has begun again where it was is removed, late or not.
#[test]
fn a_segment_whose_base_is_not_given_again_goes() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let delay_ns = Rc::new(Cell::new(0));
        let volume = serve_loaded(&disk, &runtime, &delay_ns).await;
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        log.roll().await.unwrap();
        append_settled(&log, &batch(1, 3000, 2, 1)).await.unwrap();
        runtime.sleep_ns(SECOND).await;
        delay_ns.set(10 * SECOND);
        log.set_log_start(1).await.unwrap();
        delay_ns.set(0);
        runtime.sleep_ns(20 * SECOND).await;
        assert_eq!(disk.content(FIRST), None);
        stop(&disk, &runtime, volume).await;
    });
}

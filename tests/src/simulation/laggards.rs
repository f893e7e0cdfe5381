//! Clients that ask for much and read late, so that the broker must keep what they asked for, or do without them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::messages::FetchRequest;
use logan::protocol::{ErrorCode, Records};
use logan_shards::{random_u64, sleep};

use super::client::{Client, Lost};
use super::history::Partition;
use super::work::{self, FETCH_VERSION, Shared};

/// Longer than the broker lends buffers to a peer that does not read.
const LATEST_MS: u64 = 3_000;
const AT_ONCE: u64 = 4;

/// Reads a partition from its beginning again and again, while `reading`.
pub(super) async fn read_late(shared: Rc<Shared>, partition: Partition, reading: Rc<Cell<bool>>) {
    while reading.get() {
        let mut client = work::connect(&shared).await;
        while reading.get() {
            // A broker that has no memory for what it has read ends the connection, as it may.
            if let Err(lost) = read_once(&shared, &mut client, partition).await {
                shared.lose(lost);
                break;
            }
        }
    }
}

async fn read_once(shared: &Shared, client: &mut Client, partition: Partition) -> Result<(), Lost> {
    let many = 1 + (random_u64() % AT_ONCE) as usize;
    client.send(FETCH_VERSION, &vec![work::fetch(partition, 0); many]).await?;
    for _ in 0..many {
        sleep(Duration::from_millis(random_u64() % LATEST_MS)).await;
        let response = client.receive::<FetchRequest>(FETCH_VERSION).await?;
        let Some(data) = response.responses.first().and_then(|topic| topic.partitions.first()) else {
            continue;
        };
        if data.error_code == ErrorCode::NONE {
            let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
            let read = work::read(shared, partition, records, data.high_watermark, &mut Vec::new());
            shared.note(read);
        } else if !work::is_retriable(data.error_code) {
            shared.fail(format!(
                "partition {partition} cannot be read from its beginning: {}",
                data.error_code
            ));
        }
    }
    Ok(())
}

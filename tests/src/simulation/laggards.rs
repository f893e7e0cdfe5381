//! Clients that ask for much and read late, so that the broker must keep what they asked for, or do without them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use logan::protocol::messages::FetchRequest;
use logan::protocol::messages::fetch::FetchPartition;
use logan::protocol::{ErrorCode, Records};
use logan_shards::{monotonic_ns, random_u64, sleep};

use super::client::{Client, Lost};
use super::history::Partition;
use super::work::{self, FETCH_VERSION, Shared};

/// Longer than the broker lends buffers to a peer that does not read.
const LATEST_MS: u64 = 3_000;
const AT_ONCE: u64 = 4;
/// Partitions that there are not: a request that names so many keeps more than all fetches that wait may keep.
const ABSENT: i32 = 300;

/// Reads a partition from its beginning again and again, while `reading`. A patient one asks for more than there is.
pub(super) async fn read_late(
    shared: Rc<Shared>,
    partition: Partition,
    is_patient: bool,
    reading: Rc<Cell<bool>>,
) {
    let wanted = if is_patient { patient(partition) } else { work::fetch(partition, 0) };
    while reading.get() {
        let mut client = work::connect(&shared).await;
        while reading.get() {
            // A broker that has no memory for what it has read ends the connection, as it may.
            if let Err(lost) = read_once(&shared, &mut client, partition, &wanted).await {
                shared.lose(lost);
                break;
            }
        }
    }
}

async fn read_once(
    shared: &Shared,
    client: &mut Client,
    partition: Partition,
    wanted: &FetchRequest,
) -> Result<(), Lost> {
    let many = 1 + (random_u64() % AT_ONCE) as usize;
    let sent_ns = monotonic_ns();
    client.send(FETCH_VERSION, &vec![wanted.clone(); many]).await?;
    for _ in 0..many {
        sleep(Duration::from_millis(random_u64() % LATEST_MS)).await;
        let response = client.receive::<FetchRequest>(FETCH_VERSION).await?;
        let Some(data) = response.responses.first().and_then(|topic| topic.partitions.first()) else {
            continue;
        };
        if data.error_code == ErrorCode::NONE {
            let records = data.records.as_ref().map(Records::contiguous).unwrap_or_default();
            let read = work::read(&shared.history, partition, records, data.high_watermark, &mut Vec::new());
            shared.note(read);
            shared.tell(partition, sent_ns, data.high_watermark);
        } else if !work::is_retriable(data.error_code) {
            shared.fail(format!(
                "partition {partition} cannot be read from its beginning: {}",
                data.error_code
            ));
        }
    }
    Ok(())
}

/// Asks for more than there is, and for partitions that there are not: it waits, and the broker keeps much meanwhile.
fn patient(partition: Partition) -> FetchRequest {
    let mut request = FetchRequest { min_bytes: i32::MAX, ..work::fetch(partition, 0) };
    let absent = (0..ABSENT).map(|number| FetchPartition { partition: 1_000 + number, ..Default::default() });
    request.topics[0].partitions.extend(absent);
    request
}

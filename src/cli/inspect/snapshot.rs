//! Snapshots of what a log knows of its producers.

use std::path::Path;

use logan_storage::producers::Producers;

use super::{Lines, Maybe, Stopped, failed, files, name_of};

const MAX_SNAPSHOT_BYTES: u64 = 1 << 31;

pub(super) fn print(path: &Path, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let end_offset = name_of(path)?.offset;
    let bytes = files::read_existing(path, MAX_SNAPSHOT_BYTES)?;
    let producers = Producers::read_snapshot(&bytes, end_offset).map_err(|error| failed(path, error))?;
    for (id, producer) in producers.iter() {
        let last = producer.recent().last();
        lines.line(format_args!(
            "producer={id} epoch={} sequence={} offset={} timestamp={} transaction={} coordinator_epoch={}",
            producer.epoch,
            producer.last_sequence(),
            Maybe(last.map(|batch| batch.last_offset)),
            producer.last_timestamp,
            Maybe(producer.txn_first_offset),
            producer.coordinator_epoch,
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use logan_storage::batch::{Batch, Header};

    use super::super::super::tests::Scratch;
    use super::super::tests::printed;
    use super::*;

    #[test]
    fn producers_are_printed() {
        let header = Header {
            base_offset: 5,
            leader_epoch: 0,
            attributes: logan_storage::batch::Attributes::default(),
            last_offset_delta: 2,
            base_timestamp: 10,
            max_timestamp: 12,
            producer_id: 77,
            producer_epoch: 1,
            base_sequence: 3,
            count: 3,
        };
        let mut bytes = Vec::new();
        header.write_batch(b"", &mut bytes);
        let mut producers = Producers::new(0);
        producers.apply(&Batch::parse(&bytes, bytes.len()).expect("a batch")).expect("no marker");
        let scratch = Scratch::new("inspect-snapshot");
        let path = scratch.write("00000000000000000008.snapshot", &producers.write_snapshot());
        let got = printed(|lines| print(&path, lines));
        let expect =
            "producer=77 epoch=1 sequence=5 offset=7 timestamp=12 transaction=- coordinator_epoch=-1\n";
        assert_eq!(got.as_deref(), Ok(expect));
        let cut = scratch.write("00000000000000000009.snapshot", &producers.write_snapshot()[..20]);
        assert!(printed(|lines| print(&cut, lines)).expect_err("cut").contains("CRC"));
    }
}

//! The records of a batch.

use bytes::Bytes;
use logan_storage::batch::Batch;

use super::{Lines, Maybe, Stopped, Text};
use crate::limits;
use crate::protocol::records::{Placed, RecordReader};

/// Prints each record behind its batch. What cannot be read is said, and the next batch goes on.
pub(super) fn print(batch: &Batch<'_>, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let is_control = batch.attributes().is_control();
    let bytes = Bytes::copy_from_slice(batch.bytes());
    let mut records = match RecordReader::open(&bytes, limits::STORED_BATCH_UNPACKED_BYTES) {
        Ok(records) => records,
        Err(error) => return lines.line(format_args!("records cannot be read: {error}")),
    };
    loop {
        match records.next() {
            Ok(Some(placed)) if is_control => print_control(&placed, lines)?,
            Ok(Some(placed)) => print_record(&placed, lines)?,
            Ok(None) => return Ok(()),
            Err(error) => return lines.line(format_args!("records cannot be read: {error}")),
        }
    }
}

fn print_record(placed: &Placed<'_>, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let record = &placed.record;
    let headers = record.headers.iter();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!(" {}:{}", Text(name), Maybe(value.map(Text)))).collect();
    lines.line(format_args!(
        "record offset={} timestamp={} key={} value={}{}{}",
        placed.offset,
        placed.timestamp,
        Maybe(record.key.map(Text)),
        Maybe(record.value.map(Text)),
        if headers.is_empty() { "" } else { " headers" },
        headers.concat(),
    ))
}

/// A marker's key is a version and a kind, 16 bits each. Source: Kafka's `ControlRecordType`.
fn print_control(placed: &Placed<'_>, lines: &mut Lines<'_>) -> Result<(), Stopped> {
    let kind = match placed.record.key.and_then(|key| key.get(2..4)) {
        Some([0, 0]) => "abort",
        Some([0, 1]) => "commit",
        Some([0, 2]) => "leader_change",
        Some([0, 3]) => "snapshot_header",
        Some([0, 4]) => "snapshot_footer",
        Some([0, 5]) => "kraft_version",
        Some([0, 6]) => "kraft_voters",
        _ => "unknown",
    };
    lines.line(format_args!("record offset={} timestamp={} control={kind}", placed.offset, placed.timestamp))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use logan_storage::batch::{Attributes, Header};

    use super::super::tests::printed;
    use super::*;

    fn print_batch(attributes: i16, records: &[u8], count: i32) -> String {
        let header = Header {
            base_offset: 10,
            leader_epoch: 0,
            attributes: Attributes(attributes),
            last_offset_delta: count - 1,
            base_timestamp: 1000,
            max_timestamp: 2000,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count,
        };
        let mut bytes = Vec::new();
        header.write_batch(records, &mut bytes);
        printed(|lines| print(&Batch::parse(&bytes, bytes.len()).expect("a batch"), lines)).expect("text")
    }

    /// One with a key, a value and a header, and one with nothing; lengths in zigzag.
    const RECORDS: &[u8] = &[
        26, 0, 2, 0, 4, b'k', b'1', 4, 0xff, 0xfe, 2, 2, b'h', 1, //
        12, 0, 4, 2, 1, 1, 0,
    ];

    #[test]
    fn records_are_printed() {
        let expect = "record offset=10 timestamp=1001 key=\"k1\" value=b\"\\xff\\xfe\" headers \"h\":-\n\
                      record offset=11 timestamp=1002 key=- value=-\n";
        assert_eq!(print_batch(0, RECORDS, 2), expect);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(RECORDS).expect("to memory");
        assert_eq!(print_batch(1, &gzip.finish().expect("to memory"), 2), expect);
        let append_time = print_batch(Attributes::APPEND_TIME, RECORDS, 2);
        assert!(append_time.starts_with("record offset=10 timestamp=2000 "), "{append_time}");
        let commit = [20, 0, 0, 0, 8, 0, 0, 0, 1, 1, 0];
        assert_eq!(
            print_batch(Attributes::CONTROL, &commit, 1),
            "record offset=10 timestamp=1000 control=commit\n"
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let says = |records: &[u8], count, expect: &str| {
            let got = print_batch(0, records, count);
            assert!(got.lines().last().is_some_and(|line| line.contains(expect)), "{got}");
        };
        says(RECORDS, 3, "records cannot be read: the batch states 3 records, but ends after 2");
        says(&RECORDS[..9], 1, "records cannot be read: record 0 is invalid");
        says(RECORDS, 1, "records cannot be read: something follows the 1 records");
        assert!(print_batch(7, RECORDS, 1).contains("codec 7"));
    }
}

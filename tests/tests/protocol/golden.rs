//! Messages that Kafka's own classes wrote: each decodes, and encodes to the same bytes.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use logan::protocol::Encoded;
use logan_tests::codec::Codec;
use logan_tests::codec_table::CODECS;
use logan_tests::golden::{self, Line};

/// Every line of a file, of which there must be `count`.
fn check(file: &str, count: usize) -> Vec<Line> {
    let lines = golden::lines(file);
    assert_eq!(lines.len(), count, "{file}");
    for (at, line) in lines.iter().enumerate() {
        let name = format!("{file}:{} {} v{}", at + 1, line.name, line.version);
        let codec = Codec::find(&line.kind, &line.name).unwrap_or_else(|| panic!("{name}: unknown"));
        let written = (codec.round_trip)(line.version, line.bytes.clone())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            written.len() == line.bytes.len() && written.contiguous() == line.bytes,
            "{name}: not the same bytes"
        );
    }
    lines
}

#[test]
fn messages() {
    let lines = check("messages.tsv", 1250);
    // Every version of every message is among them.
    let seen: BTreeSet<_> = lines.iter().map(|line| (&*line.name, line.version)).collect();
    let kinds = ["request", "response", "header", "data"];
    for codec in CODECS.iter().filter(|codec| kinds.contains(&codec.kind)) {
        for version in codec.min_version..=codec.max_version {
            let there = seen.contains(&(codec.name, version));
            let elsewhere = ["QuorumStateData", "ProducerSnapshot"].contains(&codec.name);
            assert!(there || elsewhere, "{} v{version} has no golden bytes", codec.name);
        }
    }
}

#[test]
fn group_records() {
    check("group-records.tsv", 156);
}

#[test]
fn metadata_records() {
    check("metadata-records.tsv", 111);
}

#[test]
fn share_records() {
    check("share-records.tsv", 20);
}

#[test]
fn transaction_records() {
    check("transaction-records.tsv", 15);
}

#[test]
fn a_missing_byte_and_one_too_many_are_errors() {
    for line in golden::lines("messages.tsv") {
        let codec = Codec::find(&line.kind, &line.name).expect("checked above");
        for cut in 0..line.bytes.len() {
            let result = (codec.decode)(line.version, line.bytes.slice(..cut));
            assert!(result.is_err(), "{} v{} of {cut} bytes", line.name, line.version);
        }
        let long: Bytes = line.bytes.iter().copied().chain([0]).collect();
        assert!((codec.decode)(line.version, long).is_err(), "{} v{}", line.name, line.version);
    }
}

#[test]
fn every_default_can_be_written() {
    for codec in CODECS {
        for version in codec.min_version..=codec.max_version {
            let result = (codec.write_default)(version);
            let written = result.unwrap_or_else(|error| panic!("{} v{version}: {error}", codec.name));
            let again = (codec.round_trip)(version, written.clone().contiguous());
            let again = again.unwrap_or_else(|error| panic!("{} v{version}: {error}", codec.name));
            assert_eq!(again.map(Encoded::contiguous), Ok(written.contiguous()), "{} v{version}", codec.name);
        }
    }
}

#[test]
fn the_golden_files_are_where_they_are_looked_for() {
    assert!(Path::new(golden::FOLDER).is_dir());
}

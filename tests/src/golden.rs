//! Reads `golden/*.tsv`: messages written by Kafka's own classes.

use std::fs;

use bytes::Bytes;

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden");

/// One message.
#[derive(Debug, Clone)]
pub struct Line {
    pub kind: String,
    pub name: String,
    pub version: i16,
    pub bytes: Bytes,
    /// What Kafka says the bytes mean.
    pub json: String,
}

/// All messages of a file in the golden folder.
pub fn lines(file: &str) -> Vec<Line> {
    let path = format!("{FOLDER}/{file}");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{path}: {line}"))).collect()
}

fn parse(line: &str) -> Option<Line> {
    let [kind, name, version, hex, json] = line.split('\t').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(Line {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.parse().ok()?,
        bytes: unhex(hex)?,
        json: json.to_owned(),
    })
}

pub fn unhex(text: &str) -> Option<Bytes> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len() % 2 == 1 {
        return None;
    }
    digits.chunks(2).map(byte).collect()
}

/// The record batches of `record-batches.tsv`.
pub fn batches() -> Vec<Bytes> {
    let path = format!("{FOLDER}/record-batches.tsv");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let batch = |line: &str| unhex(line.split('\t').next().unwrap_or_default());
    text.lines().map(|line| batch(line).unwrap_or_else(|| panic!("{path}: {line}"))).collect()
}

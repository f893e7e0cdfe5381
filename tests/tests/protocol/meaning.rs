//! What messages say: each field that Kafka's JSON of a golden message has, the decoded structure has too, with the same value.
//!
//! Equal bytes after a round trip do not show that a field is in its own place: two integers could be swapped, both ways. The
//! structures are read from their `Debug` text, so that the product needs no JSON.

use std::collections::BTreeMap;

use logan::model::Uuid;
use logan::protocol::ErrorCode;
use logan_tests::codec::Codec;
use logan_tests::golden;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text, a UUID, or bytes in base64.
    Text(String),
    Array(Vec<Value>),
    /// By name in lower case without underscores, which is how `brokerId` and `broker_id` are one.
    Object(BTreeMap<String, Value>),
}

/// Both syntaxes have commas and brackets in common.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn skip(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) {
        assert!(self.skip(token), "`{token}` at `{:.40}`", self.0);
    }

    fn list<T>(&mut self, end: &str, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut elements = Vec::new();
        while !self.skip(end) {
            elements.push(element(self));
            self.skip(",");
        }
        elements
    }

    /// A string after its opening quote, as the bytes that it stands for.
    fn quoted(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut letters = self.0.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return bytes;
                }
                '\\' => match letters.next().expect("an escape").1 {
                    'n' => bytes.push(b'\n'),
                    'r' => bytes.push(b'\r'),
                    't' => bytes.push(b'\t'),
                    '0' => bytes.push(0),
                    'x' => {
                        let mut digit = || letters.next().and_then(|(_, d)| d.to_digit(16)).expect("a digit");
                        bytes.push((digit() << 4 | digit()) as u8);
                    }
                    other @ ('"' | '\\' | '\'') => bytes.push(other as u8),
                    other => panic!("escape {other}"),
                },
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        panic!("a string without end");
    }

    fn word(&mut self, ends: &[char]) -> &'a str {
        self.0 = self.0.trim_start();
        let (word, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        word.trim_end()
    }

    fn json(&mut self) -> Value {
        if self.skip("{") {
            return Value::Object(BTreeMap::from_iter(self.list("}", |text| {
                text.expect("\"");
                let name = String::from_utf8(text.quoted()).expect("text");
                text.expect(":");
                (plain(&name), text.json())
            })));
        }
        if self.skip("[") {
            return Value::Array(self.list("]", Self::json));
        }
        if self.skip("\"") {
            return Value::Text(String::from_utf8(self.quoted()).expect("text"));
        }
        scalar(self.word(&[',', '}', ']']))
    }

    fn debug(&mut self) -> Value {
        if self.skip("Some(") {
            let value = self.debug();
            self.expect(")");
            return value;
        }
        if self.skip("[") {
            return Value::Array(self.list("]", Self::debug));
        }
        if self.skip("b\"") {
            return Value::Text(base64(&self.quoted()));
        }
        if self.skip("\"") {
            return Value::Text(String::from_utf8(self.quoted()).expect("text"));
        }
        if self.skip("UnknownTags(") {
            let value = self.debug();
            self.expect(")");
            return value;
        }
        if self.skip("Records(") {
            self.word(&[')']); // Kafka's JSON shows records as an empty text, whatever they are.
            self.expect(")");
            return Value::Text(String::new());
        }
        let word = self.word(&[',', '}', ']', ')', '{']);
        if !self.skip("{") {
            return scalar(word);
        }
        Value::Object(BTreeMap::from_iter(self.list("}", |text| {
            let name = plain(text.word(&[':']));
            text.expect(":");
            (name, text.debug())
        })))
    }
}

fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

fn scalar(word: &str) -> Value {
    match word {
        "None" | "null" => return Value::Null,
        "true" | "false" => return Value::Bool(word == "true"),
        _ => {}
    }
    if let Some(code) = ErrorCode::ALL.iter().find(|code| code.name() == Some(word)) {
        return Value::Int(i64::from(code.0));
    }
    if let Ok(number) = word.trim_start_matches("error ").parse() {
        return Value::Int(number);
    }
    if let Ok(number) = word.parse() {
        return Value::Float(number);
    }
    let id = Uuid::parse(word).unwrap_or_else(|| panic!("`{word}` is no value"));
    Value::Text(id.to_string())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= three.len() { digit } else { '=' });
        }
    }
    text
}

/// The first place where what Kafka says is not what we read; `path` is where this is.
fn difference(kafka: &Value, ours: &Value, path: &str) -> Option<String> {
    match (kafka, ours) {
        (Value::Object(kafka), Value::Object(ours)) => kafka.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match ours.iter().find(|(our_name, _)| our_name.trim_end_matches('_') == name) {
                Some((_, our_value)) => difference(value, our_value, &path),
                None => Some(format!("{path} is missing")),
            }
        }),
        (Value::Array(kafka), Value::Array(ours)) if kafka.len() == ours.len() => {
            kafka.iter().zip(ours).find_map(|(kafka, ours)| difference(kafka, ours, &format!("{path}[]")))
        }
        (Value::Float(kafka), Value::Float(ours)) if kafka.to_bits() == ours.to_bits() => None,
        _ => (kafka != ours).then(|| format!("{path} is {kafka:?}, and we read {ours:?}")),
    }
}

#[test]
fn decoded_messages_say_what_kafka_says() {
    let files = [
        "messages.tsv",
        "group-records.tsv",
        "metadata-records.tsv",
        "share-records.tsv",
        "transaction-records.tsv",
    ];
    let mut compared = 0;
    for line in files.into_iter().flat_map(golden::lines) {
        let codec = Codec::find(&line.kind, &line.name).expect("every golden message is known");
        let debug = (codec.debug)(line.version, line.bytes.clone()).expect("checked with the bytes");
        let (kafka, ours) = (Text(&line.json).json(), Text(&debug).debug());
        if let Some(difference) = difference(&kafka, &ours, &line.name) {
            panic!("v{}: {difference}\n{}\n{debug}", line.version, line.json);
        }
        compared += 1;
    }
    assert_eq!(compared, 1552);
}

#[test]
fn a_difference_is_found() {
    let kafka = Text(r#"{"aB":[{"c":1,"d":null}],"e":"x"}"#).json();
    let ours = |debug| difference(&kafka, &Text(debug).debug(), "m");
    assert_eq!(ours(r#"M { a_b: [S { c: 1, d: None, more: 2 }], e: Some("x") }"#), None);
    assert_eq!(
        ours(r#"M { a_b: [S { c: 2, d: None }], e: "x" }"#).as_deref(),
        Some("m.ab[].c is Int(1), and we read Int(2)")
    );
    assert_eq!(ours("M { a_b: [S { c: 1, d: None }] }").as_deref(), Some("m.e is missing"));
    assert!(ours(r#"M { a_b: [], e: "x" }"#).is_some());
    assert!(ours(r#"M { a_b: [S { c: 1, d: Some(0) }], e: "x" }"#).is_some());
}

//! What a topic may be called. Source: Kafka's `Topic`.

use crate::limits::TOPIC_NAME_BYTES;

/// Why a name is not one for a topic, in Kafka's words.
pub fn invalid_topic_name(name: &str) -> Option<String> {
    let why = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.len() > TOPIC_NAME_BYTES && name.encode_utf16().count() > TOPIC_NAME_BYTES {
        format!("the length of '{name}' is longer than the max allowed length {TOPIC_NAME_BYTES}")
    } else if !name.bytes().all(is_allowed) {
        format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
    } else {
        return None;
    };
    Some(format!("Topic name is invalid: {why}"))
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

pub fn is_valid_topic_name(name: &str) -> bool {
    invalid_topic_name(name).is_none()
}

/// What Kafka calls the log of its metadata. It is no topic of clients, and none may have its name: it would lie where Kafka's own does.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics that Kafka keeps for itself.
pub fn is_internal_topic(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// The name as it appears in names of metrics, where `.` and `_` are the same; `None` if it has neither.
pub(super) fn colliding_form(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_kafka_does() {
        let check = |name: &str, expect: Option<&str>| {
            let expect = expect.map(|why| format!("Topic name is invalid: {why}"));
            assert_eq!(invalid_topic_name(name), expect);
        };
        check("valid-Name_1.x", None);
        check("...", None);
        check(&"a".repeat(249), None);
        check("", Some("the empty string is not allowed"));
        check(".", Some("'.' is not allowed"));
        check("..", Some("'..' is not allowed"));
        let long = "a".repeat(250);
        check(&long, Some(&format!("the length of '{long}' is longer than the max allowed length 249")));
        let other = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
        check("a b", Some(&format!("'a b' {other}")));
        check("ä", Some(&format!("'ä' {other}")));
    }
}

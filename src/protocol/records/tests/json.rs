//! As much JSON as Kafka's golden files need.

use std::ops::Index;

#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// None unless the whole text is one value. Numbers are whole; strings have no escapes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let value = Self::value(&mut rest)?;
        rest.is_empty().then_some(value)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> &[Json] {
        match self {
            Self::Array(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    fn value(rest: &mut &str) -> Option<Self> {
        for (word, value) in [("null", Self::Null), ("true", Self::Bool(true)), ("false", Self::Bool(false))]
        {
            if take(rest, word) {
                return Some(value);
            }
        }
        match rest.as_bytes().first()? {
            b'"' => Self::text(rest).map(Self::Text),
            b'[' => Self::items(rest, ['[', ']'], Self::value).map(Self::Array),
            b'{' => Self::items(rest, ['{', '}'], |rest| {
                let name = Self::text(rest)?;
                take(rest, ":").then_some((name, Self::value(rest)?))
            })
            .map(Self::Object),
            _ => {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
                let (number, after) = rest.split_at(end);
                *rest = after;
                number.parse().ok().map(Self::Number)
            }
        }
    }

    fn text(rest: &mut &str) -> Option<String> {
        let (text, after) = rest.strip_prefix('"')?.split_once('"')?;
        *rest = after;
        (!text.contains('\\')).then(|| text.to_owned())
    }

    fn items<T>(
        rest: &mut &str,
        [open, close]: [char; 2],
        item: impl Fn(&mut &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        *rest = rest.strip_prefix(open)?;
        let mut items = Vec::new();
        while !rest.starts_with(close) {
            if !items.is_empty() && !take(rest, ",") {
                return None;
            }
            items.push(item(rest)?);
        }
        *rest = rest.strip_prefix(close)?;
        Some(items)
    }
}

fn take(rest: &mut &str, word: &str) -> bool {
    rest.strip_prefix(word).map(|after| *rest = after).is_some()
}

impl Index<&str> for Json {
    type Output = Json;

    fn index(&self, name: &str) -> &Json {
        match self {
            Self::Object(fields) => &fields.iter().find(|(field, _)| field == name).expect(name).1,
            other => panic!("not an object: {other:?}"),
        }
    }
}

impl PartialEq<i64> for Json {
    fn eq(&self, number: &i64) -> bool {
        *self == Self::Number(*number)
    }
}

impl PartialEq<bool> for Json {
    fn eq(&self, value: &bool) -> bool {
        *self == Self::Bool(*value)
    }
}

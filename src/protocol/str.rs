//! Text of the wire without a copy: [`Str`].

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// The longest text of a message, in bytes: a length of 16 signed bits says no more, and where it is a varint (compact strings) Kafka 4.3.1 refuses
/// a longer one all the same.
pub const MAX_TEXT_BYTES: usize = i16::MAX as usize;

/// UTF-8 text that shares the frame it was read from. A clone costs a reference count.
///
/// It keeps the whole frame alive: call [`Str::detached`] on what outlives the request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Str(Bytes);

impl Str {
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// `None` if `bytes` are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        // Checked again because an unchecked view is `unsafe`; names are short, and ASCII is checked by the word.
        std::str::from_utf8(&self.0).expect("checked by every constructor")
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The same text in memory of its own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state); // Must agree with `str`, because of `Borrow`.
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0) // UTF-8 orders as its bytes do.
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn text_is_found_by_str_and_refused_if_not_utf8() {
        let map = BTreeMap::from([(Str::from("häß"), 1)]);
        assert_eq!(map.get("häß"), Some(&1));
        assert_eq!(Str::from_utf8(Bytes::from_static(b"a\xff")), None);
        assert_eq!(Str::from_static("x").detached(), "x");
    }
}

//! Tagged fields that this version of the schema does not know: [`UnknownTags`].

use bytes::Bytes;

/// Tagged fields kept as they were read, in ascending order of tag, so that what a newer peer wrote is written again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownTags(Vec<(u32, Bytes)>);

impl UnknownTags {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a field; `tag` must be above all that are there.
    pub fn push(&mut self, tag: u32, value: Bytes) {
        assert!(self.0.last().is_none_or(|(last, _)| *last < tag), "tags are kept in ascending order");
        self.0.push((tag, value));
    }

    /// In ascending order of tag.
    pub fn as_slice(&self) -> &[(u32, Bytes)] {
        &self.0
    }
}

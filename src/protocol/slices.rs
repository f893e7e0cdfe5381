//! Record bytes as they lie in memory: [`Records`].

use std::fmt;

use bytes::{Bytes, BytesMut};

/// The bytes of a `records` field: record batches one after another, in as many pieces as they lie in memory.
/// A decoded field is one slice of its frame; a fetch answers with one slice per cached range. Nothing here looks inside.
#[derive(Clone, Default)]
pub struct Records {
    slices: Slices,
    /// Sum of the slices' lengths.
    len: usize,
}

#[derive(Clone)]
enum Slices {
    One(Bytes), // Decoding one partition's records then costs no allocation.
    Many(Vec<Bytes>),
}

impl Default for Slices {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl Records {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn slices(&self) -> &[Bytes] {
        match &self.slices {
            Slices::One(slice) => std::slice::from_ref(slice),
            Slices::Many(slices) => slices,
        }
    }

    pub fn push(&mut self, slice: Bytes) {
        if slice.is_empty() {
            return;
        }
        self.len += slice.len();
        match &mut self.slices {
            Slices::One(first) if first.is_empty() => *first = slice,
            Slices::One(first) => self.slices = Slices::Many(vec![std::mem::take(first), slice]),
            Slices::Many(slices) => slices.push(slice),
        }
    }

    /// All bytes in one piece: shared if they are in one piece already (always, when decoded), copied otherwise.
    pub fn contiguous(&self) -> Bytes {
        match &self.slices {
            Slices::One(slice) => slice.clone(),
            Slices::Many(slices) => {
                let mut all = BytesMut::with_capacity(self.len);
                for slice in slices {
                    all.extend_from_slice(slice);
                }
                all.freeze()
            }
        }
    }
}

impl From<Bytes> for Records {
    fn from(slice: Bytes) -> Self {
        Self { len: slice.len(), slices: Slices::One(slice) }
    }
}

impl From<Vec<Bytes>> for Records {
    fn from(slices: Vec<Bytes>) -> Self {
        Self { len: slices.iter().map(Bytes::len).sum(), slices: Slices::Many(slices) }
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(slices: I) -> Self {
        let mut records = Self::default();
        for slice in slices {
            records.push(slice);
        }
        records
    }
}

/// Equal bytes, however they are cut.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.slices().iter().flatten().eq(other.slices().iter().flatten())
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes in {} slices)", self.len, self.slices().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_however_cut() {
        let whole = Records::from(Bytes::from_static(b"abcdef"));
        let cut: Records = [&b"ab"[..], b"", b"cd", b"ef"].into_iter().map(Bytes::from_static).collect();
        assert_eq!(cut.slices().len(), 3);
        assert_eq!(whole, cut);
        assert_eq!(cut.contiguous(), whole.contiguous());
        assert_ne!(whole, Records::from(vec![Bytes::from_static(b"abcdeg")]));
    }
}

//! Batches to send: made once, before anything is measured, so that the client's cost is that of sending.

use bytes::Bytes;
use logan::protocol::records::{BatchBuilder, Compression};

/// A batch and the records in it.
#[derive(Clone)]
pub struct Batch {
    pub bytes: Bytes,
    pub records: u32,
}

/// Batches with different bytes, none of which compresses.
const VARIANTS: u64 = 8;

/// Batches of about `batch_bytes`, at least one record in each.
pub fn batches(record_bytes: usize, batch_bytes: usize, now_ms: i64) -> Vec<Batch> {
    (0..VARIANTS).map(|variant| batch(record_bytes, batch_bytes, now_ms, variant)).collect()
}

fn batch(record_bytes: usize, batch_bytes: usize, now_ms: i64, variant: u64) -> Batch {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15 ^ (variant + 1));
    let mut builder = BatchBuilder::new(Compression::None);
    let mut records = 0;
    while records == 0 || builder.size() + record_bytes <= batch_bytes {
        builder.append(now_ms, None, Some(&noise.take(record_bytes)), &[]);
        records += 1;
    }
    Batch { bytes: builder.finish(None), records }
}

/// xorshift64: bytes that no codec shortens, the same in every run.
struct Noise(u64);

impl Noise {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_long_as_asked_and_hold_a_record_at_least() {
        for batch in batches(100, 16 << 10, 1) {
            assert!(batch.bytes.len() <= (16 << 10) + 100 && batch.bytes.len() > 15 << 10);
            assert!(batch.records > 140);
        }
        assert_eq!(batches(5000, 100, 1)[0].records, 1);
    }
}

//! Batches to send: made once, before anything is measured, so that the client's cost is that of sending.

use bytes::Bytes;
use clap::ValueEnum;
use logan::protocol::records::{BatchBuilder, Compression};

/// What values are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Payload {
    /// Bytes that no codec shortens.
    Noise,
    /// Words, as in a log line: codecs make about a third of it.
    Words,
}

/// A batch and the records in it.
#[derive(Clone)]
pub struct Batch {
    pub bytes: Bytes,
    /// Of its records' values.
    pub value_bytes: u64,
    pub records: u32,
}

/// Batches with different bytes.
const VARIANTS: u64 = 8;

/// How a run's batches are made.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Of a record's value.
    pub record_bytes: usize,
    /// About so many before compression, at least one record.
    pub batch_bytes: usize,
    pub payload: Payload,
    pub compression: Compression,
}

pub fn batches(recipe: Recipe, now_ms: i64) -> Vec<Batch> {
    (0..VARIANTS).map(|variant| batch(recipe, now_ms, variant)).collect()
}

/// So many values of a record.
#[cfg(feature = "rdkafka")]
pub fn values(record_bytes: usize, count: usize, payload: Payload) -> Vec<Vec<u8>> {
    let mut noise = Noise::new(0);
    (0..count).map(|_| noise.take(record_bytes, payload)).collect()
}

fn batch(recipe: Recipe, now_ms: i64, variant: u64) -> Batch {
    let mut noise = Noise::new(variant);
    let mut builder = BatchBuilder::new(recipe.compression);
    let mut records = 0;
    let mut bytes = 0;
    while records == 0 || bytes + recipe.record_bytes + RECORD_OVERHEAD <= recipe.batch_bytes {
        builder.append(now_ms, None, Some(&noise.take(recipe.record_bytes, recipe.payload)), &[]);
        bytes += recipe.record_bytes + RECORD_OVERHEAD;
        records += 1;
    }
    Batch {
        bytes: builder.finish(None),
        value_bytes: u64::from(records) * recipe.record_bytes as u64,
        records,
    }
}

/// About what a record takes beside its value.
const RECORD_OVERHEAD: usize = 10;

/// xorshift64: the same in every run.
struct Noise(u64);

const WORDS: [&str; 16] = [
    "user ",
    "session ",
    "GET ",
    "/api/v1/orders ",
    "200 ",
    "timeout ",
    "retry ",
    "eu-west-1 ",
    "cart ",
    "checkout ",
    "latency=",
    "ms ",
    "id=",
    "status=ok ",
    "payment ",
    "shipped ",
];

impl Noise {
    fn new(variant: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ (variant + 1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn take(&mut self, count: usize, payload: Payload) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 16);
        while bytes.len() < count {
            let next = self.next();
            match payload {
                Payload::Noise => bytes.extend_from_slice(&next.to_le_bytes()),
                Payload::Words => {
                    bytes.extend_from_slice(WORDS[(next % 16) as usize].as_bytes());
                    if next & 0xF00 == 0 {
                        bytes.extend_from_slice((next >> 32).to_string().as_bytes());
                    }
                }
            }
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(record_bytes: usize, batch_bytes: usize) -> Recipe {
        Recipe { record_bytes, batch_bytes, payload: Payload::Noise, compression: Compression::None }
    }

    #[test]
    fn batches_are_as_long_as_asked_and_hold_a_record_at_least() {
        for batch in batches(recipe(100, 16 << 10), 1) {
            assert!(batch.bytes.len() <= (16 << 10) + 100 && batch.bytes.len() > 15 << 10);
            assert!(batch.records > 140);
        }
        assert_eq!(batches(recipe(5000, 100), 1)[0].records, 1);
    }

    #[test]
    fn words_compress_and_noise_does_not() {
        let compressed = |payload| {
            let recipe = Recipe { payload, compression: Compression::Lz4, ..recipe(1024, 64 << 10) };
            let batch = &batches(recipe, 1)[0];
            batch.bytes.len() as f64 / batch.value_bytes as f64
        };
        assert!(compressed(Payload::Noise) > 0.98);
        assert!((0.1..0.5).contains(&compressed(Payload::Words)), "{}", compressed(Payload::Words));
    }
}

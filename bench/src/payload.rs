//! Batches to send: made once, before anything is measured, so that the client's cost is that of sending.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use clap::ValueEnum;
use logan::protocol::records::{BatchBuilder, Compression};
use serde::{Deserialize, Serialize};

/// What values are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// Bytes that no codec shortens.
    Noise,
    /// Words, as in a log line: codecs make about a third of it.
    Words,
    /// Half of each value is noise, the rest is zeros.
    Half,
}

/// How long values are: all sizes from the least to the greatest one are equally frequent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub least: usize,
    pub greatest: usize,
}

impl Sizes {
    pub const fn of(bytes: usize) -> Self {
        Self { least: bytes, greatest: bytes }
    }

    pub fn mean(self) -> usize {
        usize::midpoint(self.least, self.greatest)
    }

    fn draw(self, noise: &mut Noise) -> usize {
        let span = (self.greatest - self.least + 1) as u64;
        self.least + (noise.next() % span) as usize
    }
}

impl FromStr for Sizes {
    type Err = String;

    /// `1024`, `1k`, `100..2k`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (least, greatest) = match text.split_once("..") {
            Some((least, greatest)) => (parse_size(least)?, parse_size(greatest)?),
            None => (parse_size(text)?, parse_size(text)?),
        };
        if least > greatest {
            return Err(format!("{text}: {least} is more than {greatest}"));
        }
        Ok(Self { least, greatest })
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.greatest {
            write!(f, "{}", self.least)
        } else {
            write!(f, "{}..{}", self.least, self.greatest)
        }
    }
}

/// `65536`, `64k`, `1m`: 1 byte to 64 MiB.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse_amount(text).ok().filter(|bytes| *bytes <= 64 << 20);
    let bytes =
        bytes.ok_or_else(|| format!("{text:?} is not a size such as 1024, 16k or 1m, from 1 to 64m"))?;
    Ok(bytes as usize)
}

/// `65536`, `64k`, `1m`, `10g`: 1 byte to 1 TiB.
pub fn parse_amount(text: &str) -> Result<u64, String> {
    let units = [('k', 10), ('m', 20), ('g', 30)];
    let unit = units.into_iter().find(|(letter, _)| text.to_ascii_lowercase().ends_with(*letter));
    let (digits, bits) = unit.map_or((text, 0), |(_, bits)| (&text[..text.len() - 1], bits));
    let number: u64 =
        digits.parse().map_err(|_| format!("{text:?} is not an amount such as 1024, 16k or 10g"))?;
    let bytes = number.checked_mul(1 << bits).filter(|bytes| (1..=1 << 40).contains(bytes));
    bytes.ok_or_else(|| format!("{text} is not from 1 to 1024g"))
}

/// A batch and the records in it.
#[derive(Clone)]
pub struct Batch {
    pub bytes: Bytes,
    /// Of its records' values.
    pub value_bytes: u64,
    pub records: u32,
}

/// How a producer's batches are made.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Of a record's value, in bytes.
    pub record: Sizes,
    /// About so many before compression, at least one record.
    pub batch_bytes: usize,
    /// At most so many.
    pub batch_records: u32,
    /// Records have one of so many keys of 8 bytes; 0: they have none.
    pub keys: u32,
    pub payload: Payload,
    pub compression: Compression,
    /// Different batches.
    pub variants: u16,
    /// Which producer's: with another one all bytes are others.
    pub seed: u64,
}

/// About what a record takes beside its key and value.
const RECORD_OVERHEAD: usize = 10;
const KEY_BYTES: usize = 8;

/// Whole batches of a run take about so much memory.
const MOST_VARIANT_BYTES: usize = 64 << 20;

/// How many different batches each of so many producers makes.
pub fn variants(producers: usize, batch_bytes: usize) -> u16 {
    (MOST_VARIANT_BYTES / (producers * batch_bytes)).clamp(4, 64) as u16
}

pub fn batches(recipe: Recipe, now_ms: i64) -> Vec<Batch> {
    (0..u64::from(recipe.variants)).map(|variant| batch(recipe, now_ms, variant)).collect()
}

fn batch(recipe: Recipe, now_ms: i64, variant: u64) -> Batch {
    let mut noise = Noise::new(recipe.seed, variant);
    let mut builder = BatchBuilder::new(recipe.compression);
    let (mut records, mut bytes, mut value_bytes) = (0, 0, 0);
    loop {
        let size = recipe.record.draw(&mut noise);
        let key = (recipe.keys > 0).then(|| (noise.next() % u64::from(recipe.keys)).to_be_bytes());
        bytes += size + key.map_or(0, |_| KEY_BYTES) + RECORD_OVERHEAD;
        if records > 0 && (bytes > recipe.batch_bytes || records >= recipe.batch_records) {
            break;
        }
        let value = noise.take(size, recipe.payload);
        builder.append(now_ms, key.as_ref().map(|key| &key[..]), Some(&value), &[]);
        value_bytes += size as u64;
        records += 1;
    }
    Batch { bytes: builder.finish(None), value_bytes, records }
}

/// So many values of a record.
#[cfg(feature = "rdkafka")]
pub fn values(record: Sizes, count: usize, payload: Payload) -> Vec<Vec<u8>> {
    let mut noise = Noise::new(0, 0);
    (0..count)
        .map(|_| {
            let size = record.draw(&mut noise);
            noise.take(size, payload)
        })
        .collect()
}

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
    fn new(seed: u64, variant: u64) -> Self {
        // Neighbouring seeds would begin alike: two steps of splitmix64 part them.
        let mut mixed =
            seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ variant.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for _ in 0..2 {
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        // Zero stays zero for ever.
        Self(mixed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn take(&mut self, count: usize, payload: Payload) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 16);
        let noise = if payload == Payload::Half { count.div_ceil(2) } else { count };
        while bytes.len() < noise {
            let next = self.next();
            match payload {
                Payload::Noise | Payload::Half => bytes.extend_from_slice(&next.to_le_bytes()),
                Payload::Words => {
                    bytes.extend_from_slice(WORDS[(next % 16) as usize].as_bytes());
                    if next & 0xF00 == 0 {
                        bytes.extend_from_slice((next >> 32).to_string().as_bytes());
                    }
                }
            }
        }
        bytes.truncate(noise);
        bytes.resize(count, 0);
        bytes
    }
}

#[cfg(test)]
impl Recipe {
    /// Three records of 100 bytes.
    pub fn small() -> Self {
        Self {
            record: Sizes::of(100),
            batch_bytes: 350,
            batch_records: u32::MAX,
            keys: 0,
            payload: Payload::Noise,
            compression: Compression::None,
            variants: 8,
            seed: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(record: usize, batch_bytes: usize) -> Recipe {
        Recipe { record: Sizes::of(record), batch_bytes, ..Recipe::small() }
    }

    #[test]
    fn batches_are_as_long_as_asked_and_hold_a_record_at_least() {
        for batch in batches(recipe(100, 16 << 10), 1) {
            assert!(batch.bytes.len() <= (16 << 10) + 100 && batch.bytes.len() > 15 << 10);
            assert!(batch.records > 140);
        }
        assert_eq!(batches(recipe(5000, 100), 1)[0].records, 1);
        let few = Recipe { batch_records: 2, ..recipe(100, 16 << 10) };
        assert!(batches(few, 1).iter().all(|batch| batch.records == 2));
    }

    #[test]
    fn sizes_are_drawn_from_the_whole_range() {
        let record = Sizes { least: 10, greatest: 1000 };
        let one = Recipe { record, batch_bytes: 1, variants: 200, ..Recipe::small() };
        let drawn: Vec<u64> = batches(one, 1).iter().map(|batch| batch.value_bytes).collect();
        assert!(drawn.iter().all(|bytes| (10..=1000).contains(bytes)));
        assert!(drawn.iter().any(|bytes| *bytes < 100) && drawn.iter().any(|bytes| *bytes > 900));
    }

    #[test]
    fn words_compress_noise_does_not_and_half_by_half() {
        let compressed = |payload| {
            let recipe = Recipe { payload, compression: Compression::Lz4, ..recipe(1024, 64 << 10) };
            let batch = &batches(recipe, 1)[0];
            batch.bytes.len() as f64 / batch.value_bytes as f64
        };
        assert!(compressed(Payload::Noise) > 0.98);
        assert!((0.1..0.5).contains(&compressed(Payload::Words)), "{}", compressed(Payload::Words));
        assert!((0.45..0.6).contains(&compressed(Payload::Half)), "{}", compressed(Payload::Half));
    }

    #[test]
    fn sizes_have_units_and_ranges() {
        assert_eq!(parse_size("16k"), Ok(16 << 10));
        assert_eq!(parse_size("1M"), Ok(1 << 20));
        assert_eq!(parse_size("100"), Ok(100));
        assert_eq!(parse_amount("10g"), Ok(10 << 30));
        assert!(parse_amount("1025g").is_err());
        for wrong in ["", "0", "k", "65m", "1g", "-1", "99999999999999999999k"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
        assert_eq!("100..2k".parse(), Ok(Sizes { least: 100, greatest: 2048 }));
        assert_eq!("1k".parse(), Ok(Sizes::of(1024)));
        assert!("2k..100".parse::<Sizes>().is_err());
    }

    #[test]
    fn the_more_producers_the_fewer_batches_each_makes() {
        assert_eq!(variants(4, 16 << 10), 64);
        assert_eq!(variants(4, 1 << 20), 16);
        assert_eq!(variants(10_000, 64 << 10), 4);
    }
}

//! Record batches of format 2, built and told apart byte by byte, with every way to build a wrong one.
//!
//! Layout from KIP-98: base offset (8), length (4), leader epoch (4), magic (1), CRC32C (4) of all that follows, attributes (2), last
//! offset delta (4), first and last timestamp (8 + 8), producer id (8), epoch (2), first sequence (4), count (4), records.

use std::io::Write;

pub const HEADER: usize = 61;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

pub const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// The fields of a batch's header that tests choose, and then perhaps lie about.
#[derive(Debug, Clone)]
#[must_use]
pub struct Batch {
    pub codec: Codec,
    pub first_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub first_sequence: i32,
    /// Key and value of each record; its timestamp is the first one plus its place.
    pub records: Vec<(Option<Vec<u8>>, Vec<u8>)>,
}

impl Batch {
    pub fn of(values: &[&[u8]]) -> Self {
        Self {
            codec: Codec::None,
            first_timestamp: 1_700_000_000_000,
            producer_id: -1,
            producer_epoch: -1,
            first_sequence: -1,
            records: values.iter().map(|value| (None, value.to_vec())).collect(),
        }
    }

    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    pub fn at(mut self, first_timestamp: i64) -> Self {
        self.first_timestamp = first_timestamp;
        self
    }

    pub fn idempotent(mut self, producer_id: i64, producer_epoch: i16, first_sequence: i32) -> Self {
        (self.producer_id, self.producer_epoch, self.first_sequence) =
            (producer_id, producer_epoch, first_sequence);
        self
    }

    /// The records before compression.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (delta, (key, value)) in self.records.iter().enumerate() {
            let mut record = vec![0];
            varint(&mut record, delta as i64);
            varint(&mut record, delta as i64);
            match key {
                Some(key) => {
                    varint(&mut record, key.len() as i64);
                    record.extend(key);
                }
                None => varint(&mut record, -1),
            }
            varint(&mut record, value.len() as i64);
            record.extend(value);
            varint(&mut record, 0);
            varint(&mut out, record.len() as i64);
            out.extend(record);
        }
        out
    }

    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(&compress(self.codec, &self.payload()), self.records.len() as i32)
    }

    /// With a payload and a count of the caller's choice.
    pub fn encode_with(&self, payload: &[u8], count: i32) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + payload.len());
        out.extend(0_i64.to_be_bytes());
        out.extend(((HEADER - 12 + payload.len()) as i32).to_be_bytes());
        out.extend((-1_i32).to_be_bytes());
        out.push(2);
        out.extend([0; 4]);
        out.extend((self.codec as i16).to_be_bytes());
        out.extend((count - 1).to_be_bytes());
        out.extend(self.first_timestamp.to_be_bytes());
        out.extend((self.first_timestamp + i64::from(count) - 1).to_be_bytes());
        out.extend(self.producer_id.to_be_bytes());
        out.extend(self.producer_epoch.to_be_bytes());
        out.extend(self.first_sequence.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(payload);
        seal(&mut out);
        out
    }
}

/// Makes the CRC right again after a field was changed.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// What a stored batch should be, given what was sent: a broker sets base offset and leader epoch, and touches nothing else.
pub fn stored(sent: &[u8], base_offset: i64, leader_epoch: i32) -> Vec<u8> {
    let mut batch = sent.to_vec();
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    batch
}

/// Cuts fetched bytes into whole batches; a last partial one is left out, as Kafka's clients do.
pub fn split(mut records: &[u8]) -> Vec<&[u8]> {
    let mut batches = Vec::new();
    while records.len() >= HEADER {
        let length = 12 + i32::from_be_bytes(records[8..12].try_into().expect("four bytes")) as usize;
        let Some((batch, rest)) = records.split_at_checked(length) else { break };
        batches.push(batch);
        records = rest;
    }
    batches
}

pub fn base_offset(batch: &[u8]) -> i64 {
    i64::from_be_bytes(batch[..8].try_into().expect("eight bytes"))
}

/// The offset behind the batch's last.
pub fn next_offset(batch: &[u8]) -> i64 {
    base_offset(batch) + i64::from(i32::from_be_bytes(batch[23..27].try_into().expect("four bytes"))) + 1
}

/// The values of an uncompressed batch.
pub fn values(batch: &[u8]) -> Vec<Vec<u8>> {
    assert_eq!(batch[22] & 7, 0, "only read when not compressed");
    let count = i32::from_be_bytes(batch[57..61].try_into().expect("four bytes"));
    let mut rest = &batch[HEADER..];
    (0..count)
        .map(|_| {
            let length = read_varint(&mut rest) as usize;
            let (mut record, behind) = rest.split_at(length);
            rest = behind;
            record = &record[1..];
            read_varint(&mut record);
            read_varint(&mut record);
            let key = read_varint(&mut record).max(0) as usize;
            record = &record[key..];
            let value = read_varint(&mut record).max(0) as usize;
            record[..value].to_vec()
        })
        .collect()
}

/// As the Java client compresses: gzip members, snappy-java's blocks, LZ4 and zstd frames.
pub fn compress(codec: Codec, payload: &[u8]) -> Vec<u8> {
    match codec {
        Codec::None => payload.to_vec(),
        Codec::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(payload).expect("memory takes it");
            gzip.finish().expect("memory takes it")
        }
        Codec::Snappy => {
            // The header of snappy-java, then blocks of at most 32 KiB, each behind its length.
            let mut out = vec![0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
            for block in payload.chunks(32 * 1024) {
                let block = snap::raw::Encoder::new().compress_vec(block).expect("a block of 32 KiB fits");
                out.extend((block.len() as u32).to_be_bytes());
                out.extend(block);
            }
            out
        }
        Codec::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new().block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            lz4.write_all(payload).expect("memory takes it");
            lz4.finish().expect("memory takes it")
        }
        Codec::Zstd => zstd::encode_all(payload, 3).expect("memory takes it"),
    }
}

/// Zigzag variable-length integer.
pub fn varint(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = (value << 1 ^ value >> 63) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn read_varint(from: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = from[0];
        *from = &from[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (value >> 1) as i64 ^ -((value & 1) as i64);
        }
        shift += 7;
    }
}

/// Castagnoli's polynomial, a bit at a time by table; slow and plain, to check a fast one against.
pub fn crc32c(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(!0, |crc, byte| TABLE[(crc as u8 ^ byte) as usize] ^ crc >> 8)
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_castagnolis() {
        // The check value of CRC-32/ISCSI, RFC 3720 B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn batches_come_apart_as_they_were_built() {
        let one = stored(&Batch::of(&[b"a", b"", &[7; 300]]).encode(), 40, 0);
        let two = stored(&Batch::of(&[b"b"]).encode(), 43, 0);
        let mut both = [one.clone(), two.clone()].concat();
        both.extend(&two[..two.len() - 1]);
        assert_eq!(split(&both), [&one[..], &two[..]]);
        assert_eq!((base_offset(&one), next_offset(&one)), (40, 43));
        assert_eq!(values(&one), [b"a".to_vec(), vec![], vec![7; 300]]);
    }
}

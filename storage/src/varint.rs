//! The variable-length integers of Kafka's record format: zigzag, seven bits a byte, least significant first.

/// Why the bytes at hand hold no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VarintError {
    #[error("the bytes end within a variable-length number")]
    Truncated,
    /// More bytes than a number of that width can need.
    #[error("a variable-length number does not end where it must")]
    TooLong,
}

/// Reads a 32-bit number from the front of `bytes` and returns it with its length in bytes (1 to 5).
#[inline]
pub fn read_i32(bytes: &[u8]) -> Result<(i32, usize), VarintError> {
    let (raw, len) = read::<5>(bytes)?;
    let raw = raw as u32;
    Ok(((raw >> 1) as i32 ^ -((raw & 1) as i32), len))
}

/// Reads a 64-bit number from the front of `bytes` and returns it with its length in bytes (1 to 10).
#[inline]
pub fn read_i64(bytes: &[u8]) -> Result<(i64, usize), VarintError> {
    let (raw, len) = read::<10>(bytes)?;
    Ok(((raw >> 1) as i64 ^ -((raw & 1) as i64), len))
}

// Every record has about eight of these, nearly all of one byte.
#[inline]
fn read<const MAX_LEN: usize>(bytes: &[u8]) -> Result<(u64, usize), VarintError> {
    match bytes {
        [byte, ..] if *byte < 0x80 => Ok((u64::from(*byte), 1)),
        [low, high, ..] if *high < 0x80 => Ok((u64::from(*low & 0x7f) | u64::from(*high) << 7, 2)),
        _ => read_long(bytes, MAX_LEN),
    }
}

// Bits beyond the number's width are dropped, as Kafka's reader drops them.
fn read_long(bytes: &[u8], longest: usize) -> Result<(u64, usize), VarintError> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(longest).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    Err(if bytes.len() < longest { VarintError::Truncated } else { VarintError::TooLong })
}

pub fn write_i32(out: &mut Vec<u8>, value: i32) {
    write(out, u64::from((value << 1 ^ value >> 31) as u32));
}

pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    write(out, (value << 1 ^ value >> 63) as u64);
}

fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write_i64`] takes. [`write_i32`] takes the same for the same number.
pub fn len(value: i64) -> usize {
    let zigzag = (value << 1 ^ value >> 63) as u64;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_encodings() {
        // Protocol Buffers' published zigzag examples.
        for (value, bytes) in [
            (0, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (63, vec![0x7e]),
            (-64, vec![0x7f]),
            (64, vec![0x80, 1]),
        ] {
            let mut out = Vec::new();
            write_i32(&mut out, value);
            assert_eq!(out, bytes);
        }
        assert_eq!(read_i32(&[]), Err(VarintError::Truncated));
        assert_eq!(read_i32(&[0x80, 0x80]), Err(VarintError::Truncated));
        assert_eq!(read_i32(&[0x80; 5]), Err(VarintError::TooLong));
        assert_eq!(read_i64(&[0xff; 10]), Err(VarintError::TooLong));
    }

    proptest! {
        #[test]
        fn round_trip(small: i32, large: i64, tail: Vec<u8>) {
            let mut out = Vec::new();
            write_i32(&mut out, small);
            prop_assert_eq!(out.len(), len(i64::from(small)));
            out.extend(&tail);
            prop_assert_eq!(read_i32(&out), Ok((small, len(i64::from(small)))));
            out.clear();
            write_i64(&mut out, large);
            prop_assert_eq!(out.len(), len(large));
            prop_assert_eq!(read_i64(&out), Ok((large, out.len())));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok((_, len)) = read_i32(&bytes) {
                prop_assert!((1..=5).contains(&len) && len <= bytes.len());
            }
            if let Ok((_, len)) = read_i64(&bytes) {
                prop_assert!((1..=10).contains(&len) && len <= bytes.len());
            }
        }
    }
}

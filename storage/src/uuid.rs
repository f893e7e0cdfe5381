//! Kafka's `Uuid`, of topics and directories.

use std::fmt;

/// A 128-bit identifier, written in URL-safe base64 without padding as Kafka's `Uuid` is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    pub const ZERO: Self = Self([0; 16]);

    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// A random (version 4) identifier whose text does not begin with `-`, as Kafka's `Uuid.randomUuid` takes care of, so that it
    /// can be given as a command-line argument. `random` supplies 64 bits at a time.
    pub fn random(mut random: impl FnMut() -> u64) -> Self {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&random().to_be_bytes());
            bytes[8..].copy_from_slice(&random().to_be_bytes());
            bytes[6] = bytes[6] & 0x0f | 0x40;
            bytes[8] = bytes[8] & 0x3f | 0x80;
            // The first base64 digit is the top six bits; 62 is `-`.
            if bytes[0] >> 2 != 62 {
                return Self(bytes);
            }
        }
    }

    /// Reads the 22 characters that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (at, digit) in text.bytes().enumerate() {
            let value = DIGITS.iter().position(|d| *d == digit)? as u128;
            // 22 digits are 132 bits: the last digit's low four bits are padding.
            bits = if at < 21 { bits << 6 | value } else { bits << 2 | value >> 4 };
        }
        Some(Self(bits.to_be_bytes()))
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for at in 0..21 {
            write!(f, "{}", DIGITS[(bits >> (122 - 6 * at) & 63) as usize] as char)?;
        }
        write!(f, "{}", DIGITS[((bits & 3) << 4) as usize] as char)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_text_is_kafkas() {
        // Pairs from Kafka's golden metadata records.
        let bytes = 0x45f1_446b_eab0_c11f_decb_91ce_375b_c8fb_u128;
        let uuid = Uuid(bytes.to_be_bytes());
        assert_eq!(Uuid::parse(&uuid.to_string()), Some(uuid));
        let known = Uuid(0x0074_5130_21da_8978_206f_5c66_71e0_c07e_u128.to_be_bytes());
        assert_eq!(known.to_string(), "AHRRMCHaiXggb1xmceDAfg");
        assert_eq!(Uuid::parse("AHRRMCHaiXggb1xmceDAfg"), Some(known));
        assert_eq!(Uuid::parse("not a uuid at all, no!"), None);
    }
}

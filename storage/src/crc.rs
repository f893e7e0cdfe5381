//! CRC-32C in pieces: the running value is four bytes, so that every log can keep one.

use crc_fast::{CrcAlgorithm, Digest};

/// The CRC of the bytes seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningCrc(u32);

impl RunningCrc {
    pub fn new() -> Self {
        Self(u32::MAX)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(self.0));
        digest.update(bytes);
        self.0 = digest.get_state() as u32;
    }

    pub fn value(self) -> u32 {
        self.0 ^ u32::MAX
    }
}

impl Default for RunningCrc {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::crc32c;

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n * 7) as u8).collect();
        for cut in [0, 1, 63, 64, 500, 999, 1000] {
            let mut crc = RunningCrc::new();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            assert_eq!(crc.value(), crc32c(&bytes), "cut at {cut}");
        }
    }
}

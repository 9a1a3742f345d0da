//! CRC-32 as in Ethernet, zip and PNG (reflected polynomial `EDB88320`, start and end inverted).
//!
//! A table of 16 words: two look-ups a byte, 64 bytes of flash instead of 1 KiB.

/// A CRC-32 under way.
#[derive(Clone, Copy, Debug)]
pub struct Crc(u32);

const POLYNOMIAL: u32 = 0xedb8_8320;

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[allow(clippy::indexing_slicing, reason = "four bits index a table of sixteen")]
fn nibble(crc: u32) -> u32 {
    (crc >> 4) ^ TABLE[(crc & 15) as usize]
}

impl Crc {
    /// The CRC of nothing yet.
    pub const fn new() -> Self {
        Crc(u32::MAX)
    }

    /// Takes in the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut crc = self.0;
        for &byte in bytes {
            crc ^= u32::from(byte);
            crc = nibble(nibble(crc));
        }
        self.0 = crc;
    }

    /// The value for the bytes so far; more may follow.
    pub const fn value(&self) -> u32 {
        !self.0
    }
}

impl Default for Crc {
    fn default() -> Self {
        Crc::new()
    }
}

/// The CRC-32 of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let mut crc = Crc::new();
        crc.update(b"1234");
        assert_ne!(crc.value(), 0xcbf4_3926);
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
    }
}

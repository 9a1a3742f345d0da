//! CRC-32 as in Ethernet, zip and PNG (reflected polynomial `EDB88320`, start and end inverted).
//!
//! Four bits at a time, with a table of sixteen words: some ten instructions a byte on a Cortex-M3, where
//! bit by bit takes 64 and a table of a kilobyte five.

/// A CRC-32 under way.
#[derive(Clone, Copy, Debug)]
pub struct Crc(u32);

const POLYNOMIAL: u32 = 0xedb8_8320;

/// What four bits do to the sum.
static TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 4 {
            value = (value >> 1) ^ (POLYNOMIAL & (value & 1).wrapping_neg());
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[index] = value;
        }
        index += 1;
    }
    table
};

#[inline(always)]
fn four_bits(sum: u32) -> u32 {
    (sum >> 4) ^ TABLE.get(sum as usize & 15).copied().unwrap_or(0)
}

impl Crc {
    /// The CRC of nothing yet.
    pub const fn new() -> Self {
        Crc(u32::MAX)
    }

    /// Takes in the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    /// Takes in the next byte.
    pub fn push(&mut self, byte: u8) {
        self.0 = four_bits(four_bits(self.0 ^ u32::from(byte)));
    }

    /// The same bit by bit: six times as slow, and without the table.
    pub(crate) fn push_bits(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..8 {
            let odd = self.0 & 1;
            self.0 = (self.0 >> 1) ^ (POLYNOMIAL & odd.wrapping_neg());
        }
    }

    /// Takes `block[from..to]` into both of two sums, in one pass and by words. The block is four bytes
    /// longer than what is in it.
    pub(crate) fn update_both(
        [first, second]: &mut [Crc; 2],
        block: &[u8],
        mut from: usize,
        to: usize,
    ) {
        let (mut a, mut b) = (first.0, second.0);
        while let Some(word) = block.get(from..).and_then(|rest| rest.first_chunk()) {
            let len = to.wrapping_sub(from).min(4);
            if len == 0 {
                break;
            }
            // What lies behind the last byte does not count.
            let word = u32::from_le_bytes(*word) & (u32::MAX >> (32 - 8 * len as u32));
            (a, b) = (a ^ word, b ^ word);
            for _ in 0..len {
                (a, b) = (four_bits(four_bits(a)), four_bits(four_bits(b)));
            }
            from = from.wrapping_add(len);
        }
        (first.0, second.0) = (a, b);
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
    fn two_sums_in_one_pass_are_those_of_one_each() {
        let bytes: Vec<u8> = (0..60u8).map(|index| index.wrapping_mul(37)).collect();
        for (from, len) in (0..9).flat_map(|from| (0..40).map(move |len| (from, len))) {
            let mut both = [Crc::new(), Crc::new()];
            both[1].update(b"before");
            Crc::update_both(&mut both, &bytes, from, from + len);
            let mut other = Crc::new();
            other.update(b"before");
            other.update(&bytes[from..from + len]);
            let expected = (crc32(&bytes[from..from + len]), other.value());
            assert_eq!((both[0].value(), both[1].value()), expected, "{from} {len}");
        }
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

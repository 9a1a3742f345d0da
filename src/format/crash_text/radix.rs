//! The base of the numbers that a text prints without `0x`.
//!
//! One handler prints all its registers alike, so the numbers of the whole text tell together:
//!
//! * a letter, or a zero in front of as many digits as a register has: hexadecimal;
//! * more digits than a 32-bit register has in hexadecimal: decimal;
//! * neither: several numbers of exactly a register's width are hexadecimal, but not of a printer that
//!   is known to print both ways and never fills up with zeros.
//!
//! Where this does not tell, or tells both, a number is known only if it is the same in either.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Hexadecimal digits of a 32-bit and of a 64-bit register.
const WIDTHS: [usize; 2] = [8, 16];
/// So many numbers of a register's width are no chance.
const ENOUGH_WIDE: usize = 2;

/// What is known of who printed the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printer {
    /// Numbers that all have a register's width are hexadecimal.
    Usual,
    /// It prints either base, and never zeros in front: Rust's `{:?}` and `{:x?}`.
    Either,
    /// It prints either base with `0x` in front, filled up with zeros to eight digits.
    Filled,
}

/// The base of a text's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Radix {
    /// As `%x` prints.
    Hexadecimal,
    /// As `%u` prints.
    Decimal,
    /// Nothing tells.
    Unknown,
}

impl Radix {
    /// What the numbers of a text tell together.
    pub(in crate::format) fn of<'a>(
        numbers: impl Iterator<Item = &'a str> + Clone,
        printer: Printer,
    ) -> Self {
        let has_letter = |text: &str| text.bytes().any(|b| b.is_ascii_alphabetic());
        let is_wide = |text: &str| WIDTHS.contains(&text.len());
        // `add` and `bad` may be words.
        if printer == Printer::Filled {
            let decimal =
                numbers.clone().any(|text| text.len() > 8) && !numbers.clone().any(has_letter);
            return if decimal { Radix::Decimal } else { Radix::Hexadecimal };
        }
        let no_word = |text: &str| text.bytes().any(|b| b.is_ascii_digit()) || is_wide(text);
        let hexadecimal = numbers.clone().any(|text| {
            (has_letter(text) && no_word(text)) || (is_wide(text) && text.starts_with('0'))
        });
        // Of 64-bit registers a value may have any length.
        let is_64 = numbers.clone().any(|text| has_letter(text) && text.len() > 8);
        let decimal = !is_64
            && numbers.clone().any(|text| {
                !has_letter(text) && !text.starts_with('0') && text.len() > 8 && !is_wide(text)
            });
        match (hexadecimal, decimal) {
            (true, false) => Radix::Hexadecimal,
            (false, true) => Radix::Decimal,
            (true, true) => Radix::Unknown,
            (false, false) => match numbers.filter(|text| is_wide(text)).count() {
                wide if wide >= ENOUGH_WIDE && printer == Printer::Usual => Radix::Hexadecimal,
                _ => Radix::Unknown,
            },
        }
    }

    /// The number; `None` if it is not known.
    pub(in crate::format) fn read(self, digits: &str) -> Option<u64> {
        let hexadecimal = u64::from_str_radix(digits, 16).ok();
        match self {
            Radix::Hexadecimal => hexadecimal,
            Radix::Decimal => digits.parse().ok(),
            Radix::Unknown => {
                let letters = digits.bytes().any(|b| b.is_ascii_alphabetic());
                hexadecimal.filter(|value| letters || *value < 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[&str]) -> Radix {
        Radix::of(numbers.iter().copied(), Printer::Usual)
    }

    #[test]
    fn the_whole_text_tells_the_base() {
        let cases: [(&[&str], Radix); 9] = [
            (&["20003ca0", "8000631", "10"], Radix::Hexadecimal),
            (&["0", "10", "08030240"], Radix::Hexadecimal),
            (&["20000480", "8030240", "61000000"], Radix::Hexadecimal),
            (&["536871080", "134220849", "16777216", "10"], Radix::Decimal),
            (&["536871080", "2000c9d4"], Radix::Unknown),
            // 0x1000000 in decimal has eight digits as well.
            (&["16777216", "123456", "10"], Radix::Unknown),
            (&["bad", "12", "345"], Radix::Unknown),
            (&["ffff800010081234", "400000123"], Radix::Hexadecimal),
            (&["1", "0"], Radix::Unknown),
        ];
        for (numbers, radix) in cases {
            assert_eq!(of(numbers), radix, "{numbers:?}");
        }
    }

    #[test]
    fn width_tells_nothing_where_a_printer_never_fills_up() {
        let numbers = ["42002046", "2", "10000001"];
        assert_eq!(Radix::of(numbers.into_iter(), Printer::Either), Radix::Unknown);
    }

    #[test]
    fn without_a_base_only_what_is_the_same_in_both_is_known() {
        assert_eq!(Radix::Unknown.read("9"), Some(9));
        assert_eq!(Radix::Unknown.read("000"), Some(0));
        assert_eq!(Radix::Unknown.read("10"), None);
        assert_eq!(Radix::Unknown.read("d6"), Some(0xd6));
        assert_eq!(Radix::Decimal.read("16777216"), Some(0x100_0000));
        assert_eq!(Radix::Decimal.read("d6"), None);
        assert_eq!(Radix::Hexadecimal.read("10"), Some(0x10));
    }
}

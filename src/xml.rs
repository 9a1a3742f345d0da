//! What every XML document needs: safe text.

use crate::display;
use std::fmt::{self, Write};

/// Text as it may stand in an XML attribute or element.
///
/// Names come out of dumped memory and may hold anything. XML 1.0 has no way to write most control
/// characters, not even as a reference, and GDB shows what it reads here in a terminal: they are
/// spelled out, as in any text for people.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in display::line(self.0).chars() {
            match c {
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '&' => f.write_str("&amp;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&apos;"),
                '\t' => f.write_char(' '),
                '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER),
                _ => f.write_char(c),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_well_formed() {
        assert_eq!(Escaped("a<b>&\"c'\n\x01").to_string(), "a&lt;b&gt;&amp;&quot;c&apos;\\n\\x01");
    }
}

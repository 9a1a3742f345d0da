//! Text that is nothing but digits: base64 or hexadecimal, as telemetry and mail leave it.
//!
//! Every line must be of the alphabet. Lines are decoded one by one where each is whole in
//! itself (its own padding), and as one stream where only the last is.

use super::text::{decode_base64, decode_hex, is_base64, lines, looks_like_text};
use super::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;

/// Shorter texts are words, not dumps.
const FEWEST_DIGITS: usize = 64;

/// Base64 (RFC 4648) and nothing else.
pub struct Base64Text;
/// Hexadecimal digits and nothing else, pairs set apart by blanks or not.
pub struct HexText;

impl Carrier for Base64Text {
    fn name(&self) -> &'static str {
        "base64 text"
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if !is_all_lines(piece, is_base64) {
            return None;
        }
        let decoded = match line_by_line(piece, decode_base64) {
            Some(decoded) => decoded,
            None => decode_base64(&joined(piece))?,
        };
        Some(Ok(vec![piece.inner(self.name(), decoded.into())]))
    }
}

impl Carrier for HexText {
    fn name(&self) -> &'static str {
        "hexadecimal text"
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let is_hex = |line: &str| line.bytes().all(|b| b.is_ascii_hexdigit() || b == b' ');
        if !is_all_lines(piece, is_hex) {
            return None;
        }
        let decoded = line_by_line(piece, |line| decode_hex(&line.replace(' ', "")));
        let decoded = match decoded {
            Some(decoded) => decoded,
            None => decode_hex(&joined(piece).replace(' ', ""))?,
        };
        Some(Ok(vec![piece.inner(self.name(), decoded.into())]))
    }
}

/// Whether `piece` is a text of lines that are all `allowed`. One that is not says so early, and
/// no line is kept: logs have millions.
fn is_all_lines(piece: &Piece, allowed: impl Fn(&str) -> bool) -> bool {
    let mut digits = 0usize;
    looks_like_text(&piece.bytes)
        && lines(&piece.bytes).all(|line| {
            digits = digits.saturating_add(line.text.len());
            allowed(&line.text)
        })
        && digits >= FEWEST_DIGITS
}

/// What the lines stand for, if each does alone.
fn line_by_line(piece: &Piece, decode: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for line in lines(&piece.bytes) {
        all.extend_from_slice(&decode(&line.text)?);
    }
    Some(all)
}

fn joined(piece: &Piece) -> String {
    let mut all = String::with_capacity(piece.bytes.len());
    lines(&piece.bytes).for_each(|line| all.push_str(&line.text));
    all
}

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

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let lines = all_lines(piece, is_base64)?;
        let decoded = match lines.iter().map(|line| decode_base64(line)).collect::<Option<Vec<_>>>()
        {
            Some(chunks) => chunks.concat(),
            None => decode_base64(&lines.concat())?,
        };
        Some(Ok(vec![piece.inner(self.name(), decoded.into())]))
    }
}

impl Carrier for HexText {
    fn name(&self) -> &'static str {
        "hexadecimal text"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let is_hex = |line: &str| line.bytes().all(|b| b.is_ascii_hexdigit() || b == b' ');
        let lines = all_lines(piece, is_hex)?;
        let digits = lines.concat().replace(' ', "");
        Some(Ok(vec![piece.inner(self.name(), decode_hex(&digits)?.into())]))
    }
}

fn all_lines(piece: &Piece, allowed: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    if !looks_like_text(&piece.bytes) {
        return None;
    }
    let mut all = Vec::new();
    for line in lines(&piece.bytes) {
        if !allowed(&line.text) {
            return None;
        }
        all.push(line.text);
    }
    (all.iter().map(String::len).sum::<usize>() >= FEWEST_DIGITS).then_some(all)
}

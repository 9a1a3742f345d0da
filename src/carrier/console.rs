//! Console text with decoration: peels it off, see [`crate::text`].

use super::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use crate::text;

/// A console log as a logger, a terminal or a web page left it.
pub struct Console;

impl Carrier for Console {
    fn name(&self) -> &'static str {
        "console text"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if piece.hint.is_some() || piece.addr.is_some() {
            return None;
        }
        let plain = text::plain(&piece.bytes)?;
        let layer = format!("console text ({})", plain.undone.join(", "));
        Some(Ok(vec![piece.inner(layer, plain.text.into())]))
    }
}

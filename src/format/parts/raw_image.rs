//! Memory as it is, byte for byte, at an address that the user or the file's name tells.

use super::{Extent, Part, PartContents};
use crate::carrier::{Piece, size_words};
use crate::error::Fault;

const NAME: &str = "raw-image";

/// Memory as it is.
pub(super) struct RawImage;

impl Part for RawImage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "raw memory image, with its address in the name or by --base"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.addr.is_some() && !piece.bytes.is_empty()
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let Some(addr) = piece.addr else {
            let expected = "an address: --base ADDR, or FILE@ADDR";
            return Err(Fault::new(NAME, "address", 0, expected, "none"));
        };
        let len = size_words(piece.bytes.len() as u64);
        let title = format!("memory image, {len} @{addr:#x}");
        let extents = vec![Extent { addr, bytes: piece.bytes.clone() }];
        Ok(PartContents { title, extents, ..PartContents::default() })
    }
}

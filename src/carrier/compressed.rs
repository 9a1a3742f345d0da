//! gzip, zstd, xz and bzip2 around any dump, recognised by their magic numbers.
//!
//! Sources of the magic numbers: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, the .xz file
//! format 1.2.0 section 2.1.1.1, bzip2 1.0.8's `compress.c`.

use super::{Carrier, CarrierOptions, Piece};
use crate::dump::Note;
use crate::error::Fault;
use std::io::Read;

/// An xz block may ask for a dictionary of 4 GiB; `xz -9` takes 64 MiB.
const XZ_MEMORY_KIB: u32 = 80 << 10;
/// A zstd frame may ask for a window as large as it likes; `zstd -19` takes 8 MiB.
const ZSTD_WINDOW: u64 = 64 << 20;

/// Anything that [`decoder`] knows.
pub struct Compressed;

impl Carrier for Compressed {
    fn name(&self) -> &'static str {
        "compressed"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let (name, decoder) = decoder(&piece.bytes)?;
        Some(decoder.and_then(|decoder| unpack(name, piece, decoder)))
    }
}

/// Gives the bytes as they were before the compression.
pub type Decoder<'a> = Box<dyn Read + 'a>;

/// The name of the compression that `bytes` begin with, and what undoes it.
pub fn decoder(bytes: &[u8]) -> Option<(&'static str, Result<Decoder<'_>, Fault>)> {
    Some(match bytes {
        [0x1f, 0x8b, 0x08, ..] => ("gzip", Ok(Box::new(flate2::read::MultiGzDecoder::new(bytes)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", zstd(bytes)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            ("xz", Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY_KIB))))
        }
        // Behind the level stands the first block's mark, the digits of pi.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..] => {
            ("bzip2", Ok(Box::new(bzip2::read::MultiBzDecoder::new(bytes))))
        }
        _ => return None,
    })
}

fn zstd(bytes: &[u8]) -> Result<Decoder<'_>, Fault> {
    match ruzstd::decoding::StreamingDecoder::new_with_max_window_size(bytes, ZSTD_WINDOW) {
        Ok(decoder) => Ok(Box::new(decoder)),
        Err(e) => Err(Fault::new("zstd", "frame header", 0, "a zstd frame", e.to_string())),
    }
}

/// Decompresses as much as there is. A stream that breaks in the middle still gives what came
/// before: the reader of the format tells whether that is enough.
fn unpack(name: &'static str, piece: &Piece, decoder: impl Read) -> Result<Vec<Piece>, Fault> {
    let (bytes, broken) = piece.budget.read(decoder, name, "contents")?;
    let length = bytes.len();
    let mut inner = piece.inner(name, bytes.into());
    if let Some(e) = broken {
        if length == 0 {
            return Err(Fault::new(name, "stream", 0, "compressed data", e.to_string()));
        }
        let words = format!("the stream breaks off after {length} bytes of contents: {e}");
        inner.notes.push(Note::warning(words).by(name).code("cut"));
    }
    Ok(vec![inner])
}

//! gzip, zstd and xz around any dump, recognised by their magic numbers.
//!
//! Sources of the magic numbers: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, the .xz file
//! format 1.2.0 section 2.1.1.1.

use super::{Carrier, CarrierOptions, Piece};
use crate::dump::Note;
use crate::error::Fault;
use std::io::Read;

/// More than this is taken for a decompression bomb: no device has so much memory to leave.
const MOST: u64 = 4 << 30;

/// RFC 1952.
pub struct Gzip;
/// RFC 8878.
pub struct Zstd;
/// The .xz file format.
pub struct Xz;

impl Carrier for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        piece
            .bytes
            .starts_with(&[0x1f, 0x8b, 0x08])
            .then(|| unpack("gzip", piece, flate2::read::MultiGzDecoder::new(&piece.bytes[..])))
    }
}

impl Carrier for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        piece.bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]).then(|| {
            match ruzstd::decoding::StreamingDecoder::new(&piece.bytes[..]) {
                Ok(decoder) => unpack("zstd", piece, decoder),
                Err(e) => Err(Fault::new("zstd", "frame header", 0, "a zstd frame", e.to_string())),
            }
        })
    }
}

impl Carrier for Xz {
    fn name(&self) -> &'static str {
        "xz"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        piece
            .bytes
            .starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0])
            .then(|| unpack("xz", piece, lzma_rust2::XzReader::new(&piece.bytes[..], true)))
    }
}

/// Decompresses as much as there is. A stream that breaks in the middle still gives what came
/// before: the reader of the format tells whether that is enough.
fn unpack(name: &'static str, piece: &Piece, decoder: impl Read) -> Result<Vec<Piece>, Fault> {
    let mut bytes = Vec::new();
    let broken = decoder.take(MOST + 1).read_to_end(&mut bytes).err();
    let length = bytes.len() as u64;
    if length > MOST {
        return Err(Fault::new(name, "contents", 0, "at most 4 GiB", "more"));
    }
    let mut inner = piece.inner(name, bytes.into());
    if let Some(e) = broken {
        if length == 0 {
            return Err(Fault::new(name, "stream", 0, "compressed data", e.to_string()));
        }
        let words = format!("{name}: the stream breaks off after {length} bytes of contents: {e}");
        inner.notes.push(Note::warning(words));
    }
    Ok(vec![inner])
}

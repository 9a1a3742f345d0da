//! Any bytes, put to every carrier: what one yields is put to all of them again, twice. And as an
//! archive.
#![no_main]

use bytes::Bytes;
use coroner::carrier::{CarrierOptions, Piece};
use coroner::open::CARRIERS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Compressed data may stand for gigabytes; what it unpacks to is the libraries' business.
    if data.starts_with(&[0x1f, 0x8b])
        || data.starts_with(&[0x28, 0xb5])
        || data.starts_with(&[0xfd, b'7'])
        || data.starts_with(b"BZh")
    {
        return;
    }
    let bytes = Bytes::copy_from_slice(data);
    let _ = coroner::archive::contents(&bytes, 64, &coroner::budget::Budget::default());
    peel(&Piece::outermost(bytes), 3);
});

fn peel(piece: &Piece, depth: usize) {
    if depth == 0 {
        return;
    }
    for carrier in CARRIERS.iter() {
        for inner in carrier.peel(piece, &CarrierOptions::default()).into_iter().flatten().flatten()
        {
            for lost in &inner.lost {
                assert!(lost.start <= lost.end);
            }
            peel(&inner, depth - 1);
        }
    }
}

//! Any bytes, put to every carrier: what one yields is put to all of them again, twice. And as an
//! archive.
#![no_main]

use bytes::Bytes;
use coroner::budget::Budget;
use coroner::carrier::{CarrierOptions, Piece};
use coroner::open::CARRIERS;
use coroner_fuzz::{BUDGET, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    within(data.len(), || {
        let bytes = Bytes::copy_from_slice(data);
        let budget = Budget::for_inputs(data.len() as u64, Some(BUDGET));
        let _ = coroner::archive::contents(&bytes, 64, &budget);
        peel(&Piece::outermost(bytes).within(&budget), 3);
        0
    });
});

fn peel(piece: &Piece, depth: usize) {
    if depth == 0 || !piece.budget.look(piece.bytes.len() as u64) {
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

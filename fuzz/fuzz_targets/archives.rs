//! Several inputs at a time, and what is packed in them: the budget holds whatever they claim.
#![no_main]

use bytes::Bytes;
use coroner::archive;
use coroner::budget::Budget;
use coroner::open::{Options, open_inputs};
use coroner_fuzz::{halves, input, limited, within};
use libfuzzer_sys::fuzz_target;

const MEMORY: u64 = 16 << 20;

fuzz_target!(|data: &[u8]| {
    within(data.len(), || {
        let all = Bytes::copy_from_slice(data);
        let budget = Budget::for_inputs(data.len() as u64, Some(MEMORY));
        if let Some(contents) = archive::contents(&all, 64, &budget) {
            let unpacked: usize = contents.files.iter().map(|(_, bytes)| bytes.len()).sum();
            // A plain tar gives parts of itself.
            assert!(unpacked as u64 <= MEMORY / 2 + data.len() as u64);
        }
        let (first, second) = halves(data);
        let inputs = [input(first), input(second)];
        let options = limited(Options::default(), MEMORY);
        open_inputs(&inputs, &options).map_or_else(|error| error.to_string().len(), |_| 0)
    });
});

//! Several inputs at a time, and what is packed in them: the budget holds whatever they claim.
#![no_main]

use bytes::Bytes;
use coroner::archive;
use coroner::budget::Budget;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use libfuzzer_sys::fuzz_target;

const MEMORY: u64 = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let all = Bytes::copy_from_slice(data);
    let budget = Budget::for_inputs(data.len() as u64, Some(MEMORY));
    if let Some(contents) = archive::contents(&all, 64, &budget) {
        let unpacked: usize = contents.files.iter().map(|(_, bytes)| bytes.len()).sum();
        // A plain tar gives parts of itself.
        assert!(unpacked as u64 <= MEMORY / 2 + data.len() as u64);
    }
    // The first two bytes say where one input ends and the next begins.
    let Some((head, rest)) = data.split_first_chunk::<2>() else { return };
    let middle = usize::from(u16::from_le_bytes(*head)).min(rest.len());
    let input = |bytes: Bytes| Input { name: "fuzz".into(), bytes, addr: None };
    let rest = all.slice(2..);
    let inputs = [input(rest.slice(..middle)), input(rest.slice(middle..))];
    let mut options = Options::default();
    options.place.max_memory = Some(MEMORY);
    let _ = open_inputs(&inputs, &options);
});

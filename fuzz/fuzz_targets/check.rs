//! A dump and, after a line of dashes, a file of expectations for `coroner check`.
#![no_main]

use coroner::open::Options;
use coroner_fuzz::{halves, opened, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (dump, expected) = halves(data);
    let Ok(expected) = std::str::from_utf8(expected) else { return };
    within(data.len(), || {
        let Ok(opened) = opened(dump, Options::default()) else { return 0 };
        coroner::cli::fuzzing::check(&opened, expected)
    });
});

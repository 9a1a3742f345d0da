//! What is converted opens again, with the same memory.
#![no_main]

use coroner::convert::{Extent, to_elf_core, to_intel_hex};
use coroner::open::Options;
use coroner_fuzz::{opened, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    within(data.len(), || {
        let options = Options::default().force(true);
        let Ok(first) = opened(data, options) else { return 0 };
        let hex = to_intel_hex(&first.dump, Extent::All).map_or(0, |hex| hex.len());
        let Ok(core) = to_elf_core(&first.dump, Extent::All) else { return 0 };
        let again = opened(&core.bytes, Options::default()).expect("what we write, we read");
        assert_eq!(again.dump.threads.len(), first.dump.threads.len());
        for region in first.dump.memory.regions().take(64) {
            let mut bytes = vec![0; region.bytes.len()];
            assert_eq!(again.dump.memory.read(region.start, &mut bytes), bytes.len());
            assert!(bytes == region.bytes);
        }
        // What was packed comes out whole.
        let held: usize = first.dump.memory.regions().map(|region| region.bytes.len()).sum();
        (hex + core.bytes.len()).saturating_sub(4 * held)
    });
});

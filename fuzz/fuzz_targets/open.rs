//! Any bytes, opened as whatever they look like, with and without `--force`, and looked at from
//! end to end.
#![no_main]

use coroner::open::Options;
use coroner_fuzz::{opened, within};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|data: &[u8]| {
    for force in [false, true] {
        within(data.len(), || {
            let opened = match opened(data, Options::default().force(force)) {
                Ok(opened) => opened,
                Err(error) => return error.to_string().len(),
            };
            let mut ids = HashSet::new();
            for thread in &opened.dump.threads {
                assert!(thread.id > 0 && ids.insert(thread.id));
                thread.registers.known().count();
            }
            for region in opened.dump.memory.regions() {
                let mut byte = [0];
                assert_eq!(opened.dump.memory.read(region.start, &mut byte), 1);
            }
            opened.dump.notes.iter().map(|note| note.sentence().len()).sum()
        });
    }
});

//! Any bytes, opened as whatever they look like, with and without `--force`, and looked at from
//! end to end.
#![no_main]

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let input = Input { name: "fuzz".into(), bytes, addr: None };
    for force in [false, true] {
        let options = Options::default().force(force);
        let Ok(opened) = open_inputs(std::slice::from_ref(&input), &options) else { continue };
        for thread in &opened.dump.threads {
            assert!(thread.id > 0);
            thread.registers.known().count();
        }
        for region in opened.dump.memory.regions() {
            let mut byte = [0];
            assert_eq!(opened.dump.memory.read(region.start, &mut byte), 1);
        }
    }
});

//! What is converted opens again, with the same memory.
#![no_main]

use bytes::Bytes;
use coroner::convert::{Extent, to_elf_core};
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let open = |bytes: Bytes, force: bool| {
        let input = Input { name: "fuzz".into(), bytes, addr: None };
        open_inputs(&[input], &Options::default().force(force))
    };
    let Ok(first) = open(Bytes::copy_from_slice(data), true) else { return };
    let Ok(core) = to_elf_core(&first.dump, Extent::All) else { return };
    let again = open(core.bytes.into(), false).expect("what we write, we read");
    for region in first.dump.memory.regions().take(64) {
        let mut bytes = vec![0; region.bytes.len()];
        assert_eq!(again.dump.memory.read(region.start, &mut bytes), bytes.len());
        assert!(bytes == region.bytes);
    }
});

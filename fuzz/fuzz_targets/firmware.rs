//! Any bytes, taken for the firmware's ELF file beside two dumps of ours: one with threads, and one of
//! plain RAM, in which the kernel's tasks are found by the ELF file's DWARF. Then told as a report,
//! which unwinds, evaluates and prints by what the ELF file says.
#![no_main]

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::report::{self, ReportOptions};
use libfuzzer_sys::fuzz_target;

static DEMO: &[u8] = include_bytes!("../../tests/data/demo/dump.core");
static RAM: &[u8] = include_bytes!("../../tests/data/zephyr/cortex-m4f/ram.bin");
/// Where that RAM lies (`tests/data/zephyr/make`).
const RAM_START: u64 = 0x2000_0000;

fuzz_target!(|data: &[u8]| {
    let named = |name: &str, bytes: Bytes, addr| Input { name: name.into(), bytes, addr };
    for (dump, addr) in [(DEMO, None), (RAM, Some(RAM_START))] {
        let elf = named("firmware.elf", Bytes::copy_from_slice(data), None);
        let dump = named("dump", Bytes::from_static(dump), addr);
        let target = addr.map(|_| "cortex-m".to_string());
        let mut options = Options::default().any_elf(true);
options.elves.open = vec![elf]; options.place.target = target; 
        let Ok(opened) = open_inputs(&[dump], &options) else { continue };
        let wishes = ReportOptions { print: vec!["SETTINGS".into()], ..ReportOptions::default() };
        let told =
            report::build(&opened, &wishes).or_else(|_| report::build(&opened, &ReportOptions::default()));
        if let Ok(told) = told {
            let _ = report::to_html(&told);
        }
    }
});

//! Any bytes, taken for the firmware's ELF file beside two dumps of ours: one with threads, and one of
//! plain RAM, in which the kernel's tasks are found by the ELF file's DWARF. Then told as a report,
//! which unwinds, evaluates and prints by what the ELF file says; and by `coroner needs`.
#![no_main]

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::report::{self, ReportOptions};
use coroner_fuzz::{BUDGET, input, limited, within};
use libfuzzer_sys::fuzz_target;

static DEMO: &[u8] = include_bytes!("../../tests/data/demo/dump.core");
static RAM: &[u8] = include_bytes!("../../tests/data/zephyr/cortex-m4f/ram.bin");
/// Where that RAM lies (`tests/data/zephyr/make`).
const RAM_START: u64 = 0x2000_0000;

fuzz_target!(|data: &[u8]| {
    for (dump, addr) in [(DEMO, None), (RAM, Some(RAM_START))] {
        within(data.len(), || {
            let dump = Input { name: "dump".into(), bytes: Bytes::from_static(dump), addr };
            let mut options = limited(Options::default().any_elf(true), BUDGET);
            options.elves.open = vec![input(data)];
            options.place.target = addr.map(|_| "cortex-m".to_string());
            let Ok(opened) = open_inputs(&[dump], &options) else { return 0 };
            let print = vec!["SETTINGS".into()];
            let wanted = ReportOptions { print, ..ReportOptions::default() };
            let built = report::build(&opened, &wanted)
                .or_else(|_| report::build(&opened, &ReportOptions::default()));
            built.map_or(0, |report| report::to_html(&report).len())
        });
    }
    within(data.len(), || coroner::cli::fuzzing::needs(Bytes::copy_from_slice(data)));
});

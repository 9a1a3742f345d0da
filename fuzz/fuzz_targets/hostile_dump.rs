//! Any dump with a good program beside it: kernels, unwinding and values walk through what it says.
//!
//! The first byte chooses the program: the demo's, whose functions and variables are unwound and
//! printed, or that of a Zephyr whose tasks are found by its lists. The rest is a dump in any format,
//! or, where the byte says so, plain RAM: then every byte of it is a list, a stack or a name.
#![no_main]

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::report::{self, ReportOptions};
use coroner_fuzz::{BUDGET, input, limited, within};
use libfuzzer_sys::fuzz_target;

const PROGRAMS: [&[u8]; 2] = [
    include_bytes!("../../tests/data/demo/firmware.elf"),
    include_bytes!("../../tests/data/zephyr/cortex-m4f/firmware.elf"),
];
/// Where the RAM of both begins.
const RAM_START: u64 = 0x2000_0000;
const EXPRESSIONS: [&str; 2] = ["SETTINGS", "_kernel"];

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let number = usize::from(choice & 1);
    let is_ram = choice & 2 != 0;
    let program = Bytes::from_static(PROGRAMS[number]);
    let mut options = limited(Options::default().force(true).any_elf(true), BUDGET);
    options.elves.open = vec![Input { name: "firmware.elf".into(), bytes: program, addr: None }];
    options.place.target = is_ram.then(|| "cortex-m".to_string());
    within(data.len(), || {
        let dump = Input { addr: is_ram.then_some(RAM_START), ..input(rest) };
        let Ok(opened) = open_inputs(&[dump], &options) else { return 0 };
        let print = vec![EXPRESSIONS[number].to_string()];
        let wanted = ReportOptions { print, ..ReportOptions::default() };
        let built = report::build(&opened, &wanted)
            .or_else(|_| report::build(&opened, &ReportOptions::default()));
        let Ok(report) = built else { return 0 };
        report.to_json().len().max(report::to_html(&report).len())
    });
});

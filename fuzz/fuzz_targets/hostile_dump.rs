//! Any dump with a good program beside it: kernels, unwinding and values walk through what it says.
//! No report is longer than what came in calls for.
#![no_main]

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::report::{self, ReportOptions};
use libfuzzer_sys::fuzz_target;

const PROGRAM: &[u8] = include_bytes!("../../tests/data/demo/firmware.elf");
const MOST_OUTPUT: usize = 1 << 20;
const OUTPUT_PER_BYTE: usize = 64;

fuzz_target!(|data: &[u8]| {
    let input = |bytes: Bytes| Input { name: "fuzz".into(), bytes, addr: None };
    let mut options = Options::default().force(true).any_elf(true);
options.elves.open = vec![input(Bytes::from_static(PROGRAM))]; options.place.max_memory = Some(64 << 20); 
    let Ok(opened) = open_inputs(&[input(Bytes::copy_from_slice(data))], &options) else { return };
    let Ok(report) = report::build(&opened, &ReportOptions::default()) else { return };
    let most = MOST_OUTPUT + data.len() * OUTPUT_PER_BYTE;
    assert!(report.to_json().len() <= most);
    assert!(report::to_html(&report).len() <= most);
});

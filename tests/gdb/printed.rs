//! One pasted `Backtrace:` line is enough for GDB's own `bt` on Xtensa.

use crate::support::debuggers::Debuggers;
use crate::support::{fixtures, gdb};
use coroner::convert::{self, Extent};
use coroner::dump::{Dump, PrintedFrame, Thread};
use coroner::registers::Registers;
use coroner::targets::Targets;
use std::path::Path;

/// What an ESP32 with `esp32.elf` prints after abort.
const LINE: [(u64, u64); 7] = [
    (0x4008_110a, 0x3ffb_4ec0),
    (0x4008_5109, 0x3ffb_4ee0),
    (0x4008_a6ed, 0x3ffb_4f00),
    (0x400d_66b9, 0x3ffb_4f70),
    (0x400d_66d1, 0x3ffb_4f90),
    (0x400e_40a0, 0x3ffb_4fb0),
    (0x4008_590d, 0x3ffb_4fd0),
];

#[test]
fn gdb_walks_the_whole_chain_of_a_printed_backtrace() {
    let (Some(debugger), Some(fixtures)) = (Debuggers::find().esp32, fixtures()) else {
        eprintln!("SKIPPED: no GDB for the ESP32 (CORONER_XTENSA_GDB), or no fixtures");
        return;
    };
    let targets = Targets::built_in();
    let arch = targets.arch("xtensa-esp32").expect("a built-in set");
    let mut thread = Thread::new(1, Registers::unknown(arch.clone()));
    thread.crashed = true;
    let frame = |(pc, sp)| PrintedFrame { pc, sp: Some(sp), ..PrintedFrame::default() };
    thread.printed = LINE.map(frame).to_vec();
    let mut dump = Dump::new("a line", arch);
    dump.threads.push(thread);
    coroner::unwind::reconstruct(&mut dump);

    let core = convert::to_elf_core(&dump, Extent::All).expect("it can be written");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("printed-backtrace.core");
    std::fs::write(&path, core.bytes).expect("room for a file");
    let elf = fixtures.join("espressif/esp32/esp32.elf");
    let connect = format!(
        "target remote | {} serve --stdio {} --elf {}",
        env!("CARGO_BIN_EXE_coroner"),
        path.display(),
        elf.display()
    );
    let load = format!("file {}", elf.display());
    let text = gdb::run(&debugger, 60, &[&load, &connect, "bt", "frame 3", "info locals"]);
    let mut rest = text.as_str();
    for function in [
        "panic_abort",
        "esp_system_abort",
        "abort",
        "fail_once",
        "app_main",
        "main_task",
        "vPortTaskWrapper",
    ] {
        let at =
            rest.find(function).unwrap_or_else(|| panic!("no {function} in its place:\n{text}"));
        rest = &rest[at + function.len()..];
    }
    assert!(!text.contains("details=0x0"), "a2 and a3 are unknown, not zero:\n{text}");
}

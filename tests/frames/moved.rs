//! A program that ran elsewhere than it was linked: `--elf FILE@OFFSET`.

use coroner::firmware::Firmware;
use coroner::open::{Options, open_inputs};
use std::path::Path;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/demo/firmware.elf");
const OFFSET: u64 = 0x0810_0000;

#[test]
fn an_elf_file_with_an_offset_names_what_ran_elsewhere() {
    let linked = Firmware::open(Path::new(PROGRAM), true).unwrap();
    let function = linked.symbols().find(|symbol| symbol.name == "Reset").unwrap();
    let pc = (function.addr & !1) + OFFSET;
    let text =
        format!("r0 0x1\nr1 0x2\nr2 0x3\nsp 0x20000100\nlr 0x0\npc {pc:#x}\nxpsr 0x1000000\n");
    let input = coroner::input::Input {
        name: "registers.txt".into(),
        bytes: text.into_bytes().into(),
        addr: None,
    };
    let at =
        |offset: &str| Options::default().elf([format!("{PROGRAM}{offset}")]).target("cortex-m");
    let moved = open_inputs(std::slice::from_ref(&input), &at(&format!("@{OFFSET:#x}"))).unwrap();
    let firmware = moved.firmware.unwrap();
    assert_eq!(firmware.slide, OFFSET);
    assert!(firmware.holds_code(pc));
    assert_eq!(moved.dump.process.unwrap().slide, OFFSET, "what a debugger is told");
    assert!(moved.dump.notes.iter().any(|note| note.words.contains("0x8100000 above")));
    let stayed = open_inputs(&[input], &at("")).unwrap();
    assert!(!stayed.firmware.unwrap().holds_code(pc));
}

//! Logs that a firmware left in its memory are found and shown: a program leaves them the ways that
//! SEGGER's, Zephyr's and NuttX's libraries do, and stops under QEMU.

use crate::support;
use coroner::debug_info::Modules;
use coroner::memory::{Memory, Region};
use coroner::open::Opened;
use coroner::report::{self, Log, Report, ReportOptions, Style};
use std::path::Path;
use support::machines;

fn opened() -> Option<Opened> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/logs/logs.c");
    let flags = ["-O1", "-fno-tree-loop-distribute-patterns"];
    let seen = machines::opened("logs", "arm-none-eabi-gcc", &flags, &[source], &[]);
    Some(seen?.0)
}

fn report_of(opened: &Opened) -> Report {
    report::build(opened, &ReportOptions::default()).expect("a report")
}

fn named<'r>(report: &'r Report, part: &str) -> &'r Log {
    let log = report.logs.iter().find(|log| log.what.contains(part));
    log.unwrap_or_else(|| panic!("no {part} in {:#?}", report.logs))
}

#[test]
fn logs_of_known_layouts_are_read_from_the_oldest_byte_on() {
    let Some(opened) = opened() else { return };
    let report = report_of(&opened);
    let address = |name: &str| {
        let elf = opened.firmware.as_ref().expect("it has one");
        u128::from(elf.symbol(name).expect("a symbol").addr)
    };
    let terminal = named(&report, "\"Terminal\"");
    let text = terminal.text.as_deref().expect("text");
    // The ring has 64 bytes; the colours are gone.
    assert!(text.ends_with("sensor: 21.4 C\nradio: no answer\n"), "{text}");
    assert!(!text.starts_with("boot") && text.contains("follows\n"), "{text}");
    assert_eq!((terminal.address.0, terminal.len), (address("terminal"), 64));
    assert_eq!(terminal.remark.as_deref(), Some("4 bytes not read by a host"));

    let defmt = named(&report, "\"defmt\"");
    assert_eq!(defmt.text, None, "frames are no text");
    let remark = defmt.remark.as_deref().expect("why not");
    assert!(remark.starts_with("defmt frames, 5 bytes"), "{remark}");

    let console = named(&report, "ram_console_buf");
    assert_eq!(console.text.as_deref(), Some("*** Booting Zephyr OS ***\nmain: going down\n"));
    assert_eq!(console.address.0, address("ram_console_buf"));

    let nuttx = named(&report, "g_sysbuffer");
    let text = nuttx.text.as_deref().expect("text");
    assert!(text.ends_with("NuttShell\nlast words of the board: overheated\n"), "{text}");

    // By its name alone; one with another name is none.
    let guess = named(&report, "app_log_buffer");
    assert!(guess.guess && guess.text.as_ref().is_some_and(|text| text.contains("queue is full")));
    assert!(report.logs.iter().filter(|log| log.guess).count() == 1, "{:#?}", report.logs);
}

#[test]
fn every_form_shows_a_log_with_its_address() {
    let Some(opened) = opened() else { return };
    let report = report_of(&opened);
    let address = named(&report, "ram_console_buf").address;
    let text = report::to_text(&report, &Style::PLAIN);
    let title =
        format!("Log in memory: Zephyr RAM console (ram_console_buf) at {address}, 128 bytes");
    assert!(text.contains(&title), "{text}");
    assert!(text.contains("  a guess: taken for a log by its name"), "{text}");
    let page = report::to_html(&report);
    assert!(page.contains("main: going down") && page.contains(&address.to_string()));
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
    assert_eq!(json["logs"][0]["guess"], false);
}

#[test]
fn damaged_control_blocks_are_no_logs() {
    let Some(mut opened) = opened() else { return };
    let elf = opened.firmware.clone().expect("it has one");
    let block = elf.symbol("_SEGGER_RTT").expect("a symbol").addr as usize;
    let whole = opened.dump.memory.bytes(0, 0x8000).expect("it was saved").to_vec();
    let firmware = opened.firmware.clone();
    let modules = Modules::of(firmware.as_deref());
    for at in block..block + 24 + 3 * 24 {
        for value in [0u8, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            opened.dump.memory = Memory::new();
            opened.dump.memory.insert(Region::dumped(0, bytes.into()));
            for log in coroner::logs::find(&opened.dump, &modules) {
                assert!(log.len <= 1 << 24, "{log:?}");
            }
        }
    }
}

#[test]
fn without_an_elf_file_the_control_block_is_found_by_its_mark() {
    let Some(mut opened) = opened() else { return };
    opened.firmware = None;
    let report = report_of(&opened);
    assert!(named(&report, "Terminal").text.is_some());
}

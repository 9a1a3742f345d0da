//! The exception text of the ESP8266's Arduino core, with a program that Debian's compiler for it
//! builds here: registers, cause, call chain and values come from the text and the ELF file.

use crate::support::formats as support;
use crate::support::missing;
use coroner::firmware::Firmware;
use coroner::open::{Opened, Options};
use coroner::report::{self, ReportOptions, Style};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{log_noise, open_bytes};

const PROGRAM: &str = "\
volatile int sink;
__attribute__((noinline)) int read_sensor(volatile int *from, int n) { sink = n; return *from; }
__attribute__((noinline)) int measure(volatile int *from, int n)
{
    int first = read_sensor(from, n);
    sink += *(from + first);
    return first + n;
}
__attribute__((noinline)) void turn(int n) { for (;; n++) sink += measure(&sink, n); }
void start(void) { turn(7); for (;;) {} }
";

fn firmware() -> Option<PathBuf> {
    if !missing::program("xtensa-lx106-elf-gcc") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("esp8266");
    std::fs::create_dir_all(&folder).expect("room for files");
    std::fs::write(folder.join("program.c"), PROGRAM).expect("room for files");
    let built = Command::new("xtensa-lx106-elf-gcc")
        .args(["-g", "-O1", "-ffreestanding", "-nostdlib", "-mtext-section-literals"])
        .args(["-Wl,-Ttext=0x40201000,-Tdata=0x3ffe8000,-estart", "program.c", "-o", "program.elf"])
        .current_dir(&folder)
        .output()
        .expect("it was just there");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(folder.join("program.elf"))
}

fn address(elf: &Firmware, name: &str) -> u32 {
    elf.symbol(name).unwrap_or_else(|| panic!("no {name}")).addr as u32
}

/// Where the call of `callee` in `caller` returns to.
fn return_to(elf: &Firmware, caller: &str, callee: &str) -> u32 {
    let (start, wanted) = (address(elf, caller), address(elf, callee));
    let len = elf.symbol(caller).expect("it was built").len;
    let code = elf.read(start.into(), len).expect("its code is in the file");
    let call = (0..code.len() - 2).find(|at| {
        let word = u32::from_le_bytes([code[*at], code[at + 1], code[at + 2], 0]);
        let pc = start + *at as u32;
        let offset = ((word << 8) as i32 >> 14) * 4;
        word & 0x3f == 5 && (pc & !3).wrapping_add_signed(offset).wrapping_add(4) == wanted
    });
    start + call.unwrap_or_else(|| panic!("{caller} calls no {callee}")) as u32 + 3
}

/// What the device prints when `measure`, called by `turn`, follows a broken pointer.
fn text(elf: &Firmware, begin: &str, cause: u32, sp: u32) -> String {
    let in_measure = return_to(elf, "measure", "read_sensor");
    let rows = [
        [0x11, 0x22, 0x33, return_to(elf, "turn", "measure")],
        [0x44, 0x55, 0x66, return_to(elf, "start", "turn")],
        [0, 0, 0, 0],
    ];
    let mut text = format!(
        "{begin}\r\nException ({cause}):\r\nepc1=0x{in_measure:08x} epc2=0x00000000 \
         epc3=0x00000000 excvaddr=0x0000cafe depc=0x00000000\r\n\r\n>>>stack>>>\r\n\r\n\
         ctx: cont\r\nsp: {:08x} end: {:08x} offset: 0190\r\n",
        sp - 0x190,
        sp + 0x30,
    );
    for (n, row) in (0..).zip(rows) {
        let words = row.map(|word| format!("{word:08x}")).join(" ");
        text += &format!("{:08x}:  {words} {}\r\n", sp + 16 * n, if n == 1 { '<' } else { ' ' });
    }
    text + "<<<stack<<<\r\n\r\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\r\n"
}

fn open(text: &str, elf: &Path) -> Opened {
    let options = Options::default().elf([elf.to_path_buf()]);
    open_bytes("monitor.log", text.as_bytes().to_vec(), &options)
        .unwrap_or_else(|error| panic!("{error}"))
}

const CUT: &str = "\r\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\r\n";

#[test]
fn an_exception_shows_its_cause_its_calls_and_what_was_on_the_stack() {
    let Some(path) = firmware() else { return };
    let elf = Firmware::open(&path, true).expect("just built");
    for (cause, words) in [(28, "LoadProhibited"), (29, "StoreProhibited"), (9, "LoadStoreAlign")] {
        let opened = open(&text(&elf, CUT, cause, 0x3fff_fe70), &path);
        assert_eq!(opened.dump.format, "ESP8266 Arduino exception text");
        assert!(opened.dump.reason.words.starts_with(words), "{}", opened.dump.reason.words);
        assert!(opened.dump.reason.words.contains("0xcafe"), "{}", opened.dump.reason.words);
        let thread = opened.dump.crashed().expect("one crashed");
        let register = |name: &str| thread.registers.by_name(name);
        assert_eq!(register("a1"), Some(0x3fff_fe70));
        assert_eq!((register("exccause"), register("epc2")), (Some(cause.into()), Some(0)));
        assert_eq!(register("a0"), None, "the device does not print it");
        assert_eq!(opened.dump.memory.u32_le(0x3fff_fe88), Some(0x66));
        let report = report::build(&opened, &ReportOptions::default()).expect("it can be told");
        let report = report::to_text(&report, &Style::PLAIN);
        for part in ["measure", "program.c:6", "turn", "program.c:9", "start", "program.c:10"] {
            assert!(report.contains(part), "no {part} in\n{report}");
        }
    }
}

#[test]
fn the_last_of_several_texts_in_a_long_log_is_taken_and_older_cores_print_it_a_little_differently()
{
    let Some(path) = firmware() else { return };
    let elf = Firmware::open(&path, true).expect("just built");
    let noise = String::from_utf8(log_noise(1 << 20)).expect("it is text");
    let old = text(&elf, "", 0, 0x3fff_fd00)
        .replace(":  ", ": ")
        .replace("ctx: cont\r\nsp:", "ctx: cont \r\nsp:");
    let log = format!("{noise}{}{noise}{old}", text(&elf, CUT, 28, 0x3fff_fe70));
    let opened = open(&log, &path);
    assert_eq!(opened.found.len(), 2);
    let thread = opened.dump.crashed().expect("one crashed");
    assert_eq!(thread.registers.sp(), Some(0x3fff_fd00));
    assert!(opened.dump.reason.words.starts_with("IllegalInstruction"));
}

#[test]
fn what_is_no_exception_has_a_stack_and_its_own_words_but_no_address() {
    let Some(path) = firmware() else { return };
    let elf = Firmware::open(&path, true).expect("just built");
    let whole = text(&elf, CUT, 28, 0x3fff_fe70);
    let (_, stack) = whole.split_once(">>>stack>>>").expect("it has a stack");
    for words in [
        "Soft WDT reset",
        "Abort called",
        "Panic main.cpp:42 setup: Assertion 'ready' failed.",
        "Unhandled C++ exception: OOM",
    ] {
        let opened = open(&format!("{CUT}\r\n{words}\r\n\r\n>>>stack>>>{stack}"), &path);
        assert_eq!(opened.dump.reason.words, words);
        let thread = opened.dump.crashed().expect("one crashed");
        assert_eq!((thread.registers.pc(), thread.registers.sp()), (None, Some(0x3fff_fe70)));
    }
    let cut = &whole[..whole.len() - 120];
    let notes = open(cut, &path).dump.notes;
    assert!(notes.iter().any(|note| note.words.contains("it is cut off")), "{notes:?}");
}

//! `coroner where`: addresses to functions, lines and inlined calls.

use crate::support::fixtures;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A build of ESP-IDF whose `fail_once` ends with a call of `abort`: what that leaves behind lies in
/// `app_main` (fixtures/espressif/esp32c3/expected_output, frame 3).
const AFTER_ABORT: &str = "0x42009354";

fn elf() -> Option<String> {
    Some(fixtures()?.join("espressif/esp32c3/esp32c3.elf").display().to_string())
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .arg("where")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our own program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // It may have ended before it read all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

fn text(args: &[&str], input: &[u8]) -> String {
    let output = run(args, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_return_address_behind_a_functions_last_call_says_so() {
    let Some(elf) = elf() else { return };
    let shown = text(&["--elf", &elf, AFTER_ABORT], b"");
    assert!(shown.starts_with("0x42009354  app_main at "), "{shown}");
    assert!(shown.contains("test_core_dump.c:18 (after a call in fail_once at "), "{shown}");
    let shown = text(&["--elf", &elf, "--returns", AFTER_ABORT], b"");
    assert!(shown.starts_with("0x42009354  fail_once at "), "{shown}");
    assert!(shown.contains("test_core_dump.c:14 (return address: the call)"), "{shown}");
}

#[test]
fn what_is_no_code_or_only_near_says_so() {
    let Some(elf) = elf() else { return };
    let shown = text(
        &["--elf", &elf, "0", "0xffffffff", "0x40000010", "0x40000012", "3fc8a600", "4038471e"],
        b"",
    );
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "0x00000000  ?? (outside of all code)");
    assert_eq!(lines[1], "0xffffffff  ?? (outside of all code)");
    assert_eq!(
        lines[2],
        "0x40000010  _rom_chip_id (outside of the ELF file, as the linker was told)"
    );
    assert!(
        lines[3].ends_with("(outside of the ELF file; _rom_chip_id, 2 bytes before, is nearest)")
    );
    assert_eq!(lines[4], "0x3fc8a600  not code: TAG+0x4");
    assert!(lines[5].starts_with("0x4038471e  ?? at "), "{}", lines[5]);
    assert!(lines[5].ends_with("portasm.S:257 (rtos_int_enter, 8 bytes before, is nearest)"));
}

#[test]
fn a_pasted_backtrace_a_name_and_plain_digits_are_addresses() {
    let Some(elf) = elf() else { return };
    let with = |words: &[&str]| text(&[&["--elf", &elf], words].concat(), b"");
    let plain = with(&["0x42009354"]);
    for words in [
        &["42009354"][..],
        &["0x42009354:0x3ffb5470"],
        &["Backtrace: 0x42009354:0x3ffb5470 |<-CORRUPTED"],
        &["0x42009354,"],
    ] {
        assert_eq!(with(words), plain, "{words:?}");
    }
    assert!(with(&["app_main"]).starts_with("0x42009354  app_main at "));
    assert!(with(&["fail_once+0x4"]).contains("fail_once at "));
    // Of another length the function is another build's.
    let refused = run(&["--elf", &elf, "fail_once+0x4/0x7777"], b"");
    assert_eq!(refused.status.code(), Some(2));
    let refused = run(&["--elf", &elf, "no_such_function"], b"");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_log_keeps_its_lines_and_gets_names_at_their_ends() {
    let Some(elf) = elf() else { return };
    let log = b"I (312) main: at 20260301, heap 0x3fc8a604\r\n\
        MEPC    : 0x42013c20  RA      : 0x42009354  SP      : 0x3fc9a6f0\r\n\
        \x1b[0;31mpc : 42013c20\x1b[0m\n\
        time 42009354 and \xff\xfe bytes\nno end 0x42009354";
    let output = run(&["--elf", &elf, "--log", "-"], log);
    let ours: Vec<&[u8]> = output.stdout.split(|byte| *byte == b'\n').collect();
    let theirs: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(ours.starts_with(theirs.strip_suffix(b"\r").unwrap_or(theirs)));
        assert_eq!(ours.ends_with(b"\r"), theirs.ends_with(b"\r"));
    }
    let line = |index: usize| String::from_utf8_lossy(ours[index]).into_owned();
    // A date is no address, and the heap is no code.
    assert_eq!(ours[0], theirs[0]);
    assert!(line(1).contains("  <- 0x42013c20 _dtoa_r at "), "{}", line(1));
    // What `ra` holds is where a call returns to.
    assert!(line(1).contains("; 0x42009354 fail_once at "), "{}", line(1));
    assert!(line(2).contains("  <- _dtoa_r at "), "{}", line(2));
    assert_eq!(ours[3], theirs[3]);
    assert!(line(4).contains("no end 0x42009354  <- app_main at "), "{}", line(4));
}

#[test]
fn programs_get_json_lines_and_what_addr2line_prints() {
    let Some(elf) = elf() else { return };
    let shown = text(&["--elf", &elf, "--json"], b"0x42009354\n0x10\n");
    let answers: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["address"], "0x42009354");
    assert_eq!(answers[0]["found"][0]["what"], "code");
    assert_eq!(answers[0]["found"][0]["functions"][0]["function"], "app_main");
    assert_eq!(answers[0]["found"][0]["functions"][0]["line"], 18);
    assert_eq!(answers[0]["found"][0]["return_address"], "maybe");
    assert_eq!(answers[0]["found"][0]["call"]["function"], "fail_once");
    assert_eq!(answers[1]["found"][0]["what"], "outside");
    let shown = text(&["--elf", &elf, "--addr2line", "0x42009354", "0x10"], b"");
    let file = "/Users/erhan/dev/esp-coredump/tests/test_apps/main/test_core_dump.c";
    assert_eq!(shown, format!("app_main at {file}:18\n?? ??:0\n"));
}

#[test]
fn several_elf_files_each_answer_and_an_offset_moves_one() {
    let Some(elf) = elf() else { return };
    let moved = format!("{elf}@0x1000");
    let shown = text(&["--elf", &moved, "0x4200a354"], b"");
    assert!(shown.contains("app_main at ") && shown.contains(":18"), "{shown}");
    let shown = text(&["--elf", &elf, "--elf", &moved, "0x4200a354"], b"");
    let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("0x")).collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines.iter().all(|line| line.ends_with("esp32c3.elf]")), "{shown}");
    assert!(lines[1].contains("app_main at "), "{shown}");
}

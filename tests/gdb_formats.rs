//! A real GDB on one crash in every format, and on the dumps of other projects: the right frames,
//! registers and variables.

#[path = "support/gdb.rs"]
mod gdb;
#[path = "support/serve.rs"]
mod serve;
mod support;

use serve::Server;
use support::fixtures;

/// Files of `qemu-m4-fault/dumps`, how many frames of the six can be had, and whether the globals
/// are in it.
const M4: &[(&[&str], usize, bool)] = &[
    (&["crashcatcher-v2.dmp"], 6, true),
    (&["crashcatcher-v3-nofpu.dmp"], 6, true),
    (&["crashcatcher-v3-fpu.dmp"], 6, true),
    (&["crashcatcher-v3-regs-only.dmp"], 1, false),
    (&["crashcatcher-v3-truncated-region.dmp"], 1, true),
    (&["crashcatcher-v3-stack-overflow.dmp"], 6, true),
    (&["crashcatcher-v3-hexdump-clean.txt"], 6, true),
    (&["crashcatcher-v3-console.log"], 6, true),
    (&["crashcatcher-prusa-flash.bin"], 6, true),
    (&["memfault-v2.core"], 6, true),
    (&["memfault-v2-flash-region.bin"], 6, true),
    (&["memfault-v2-truncated.core"], 1, true),
    (&["memfault-chunks.log"], 6, true),
    (&["nuttx.core"], 6, true),
    (&["nuttx-syslog-hex-lzf.log"], 6, true),
    (&["nuttx-syslog-base64-lzf.log"], 6, true),
    (&["nuttx-crash-text.log"], 6, false),
    (&["px4-hardfault-hex.log"], 4, false),
    (&["px4-hardfault-decimal-bug.log"], 4, false),
    (&["mcoredump.elf"], 6, false),
    (&["mcoredump-serial.log"], 6, false),
    (&["mcoredump-noinit.bin"], 6, false),
    (&["sifli-assert.bin"], 6, true),
    (&["sifli-assert-full-heap.bin"], 6, true),
    (&["pebble.bin"], 6, true),
    (&["pebble-flash-tail.bin"], 6, true),
    (&["mynewt.core"], 6, true),
    (&["mynewt-flash-area.bin"], 6, true),
    (&["gdb-log.txt"], 6, true),
    (&["raw-ram.hex", "raw-regs.txt"], 6, true),
    (&["raw-ram.srec", "raw-regs.txt"], 6, true),
    (&["raw-ram@0x20000000.bin", "raw-regs.txt"], 6, true),
];

const FRAMES: [&str; 6] = ["poke", "walk", "walk", "walk", "walk", "main"];

/// The functions of a backtrace, outermost last.
fn functions(shown: &str) -> Vec<String> {
    let function = |line: &str| {
        let rest = line.strip_prefix('#')?.split_once(' ')?.1.trim_start();
        let rest = match rest.starts_with("0x") {
            true => rest.split_once(" in ")?.1,
            false => rest,
        };
        Some(rest.split(" (").next()?.trim().to_string())
    };
    shown.lines().filter_map(function).collect()
}

#[test]
fn one_crash_has_the_same_frames_in_gdb_from_every_format() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    let folder = folder.join("qemu-m4-fault");
    let elf = folder.join("fx.elf");
    let elf = elf.to_str().expect("a plain path");
    for (names, frames, globals) in M4 {
        let what = names.join(" + ");
        let mut args: Vec<String> = names
            .iter()
            .map(|name| folder.join("dumps").join(name).to_str().expect("a plain path").to_string())
            .collect();
        args.extend(["--elf".into(), elf.into()]);
        let server = Server::start(&args);
        let file = format!("file {elf}");
        let connect = server.target_remote();
        let commands = [
            &file,
            &connect,
            "bt",
            "p/x $pc",
            "p/x $sp",
            "p/x $lr",
            "p g_point",
            "p/x g_data_word",
        ];
        let shown = gdb::run(&gdb, 30, &commands);
        let functions = functions(&shown);
        assert!(
            functions.len() >= *frames && functions[..*frames] == FRAMES[..*frames],
            "{what}: {functions:?}\n{shown}"
        );
        for value in ["= 0x72\n", "= 0x20001fa0\n", "= 0xab\n"] {
            assert!(shown.contains(value), "{what}: {value} is not in\n{shown}");
        }
        assert_eq!(shown.contains("= 0x11223344"), *globals, "{what}: globals in\n{shown}");
    }
}

//! Real GDBs over a hand-made RISC-V dump.

use crate::support::gdb;
use crate::support::server as support;
use support::{Server, riscv};

/// Runs `commands` in every GDB, after a connection to a server of its own, and gives the output
/// to `check`.
fn in_gdb(commands: &[&str], check: impl Fn(&str)) {
    for gdb in gdb::gdbs() {
        let server = Server::of(riscv());
        let connect = format!("target remote 127.0.0.1:{}", server.port);
        let commands = [&[connect.as_str()], commands].concat();
        let output = gdb::run(&gdb, 20, &commands);
        println!("--- {}\n{output}", gdb.display());
        check(&output);
    }
}

fn has(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "'{part}' is missing in:\n{output}");
    }
}

#[test]
fn info_threads_names_them_and_marks_the_crashed_one() {
    in_gdb(&["info threads"], |output| {
        has(output, &["\"main\" (crashed (SIGSEGV), running, priority 5", "\"sensor\" (blocked)"]);
        let current = output.lines().find(|line| line.starts_with('*')).expect("one is current");
        assert!(current.contains("main"), "{current}");
    });
}

#[test]
fn registers_that_are_unknown_are_shown_so() {
    in_gdb(
        &["info registers", "info registers zero mcause mtval", "thread 2", "info registers"],
        |output| {
            has(
                output,
                &["zero           0x0\t0", "tp             <unavailable>", "mcause         0x5"],
            );
            has(output, &["a0             <unavailable>", "s1             0x7"]);
        },
    );
}

#[test]
fn a_dump_without_registers_can_be_looked_at() {
    let mut dump = riscv();
    dump.threads.clear();
    for gdb in gdb::gdbs() {
        let server = Server::of(dump.clone());
        let connect = format!("target remote 127.0.0.1:{}", server.port);
        let output = gdb::run(&gdb, 20, &[&connect, "x/4xb 0x3fc800fe", "info threads", "p $sp"]);
        has(&output, &["0xfe\t0xff\t0x00\t0x01", "pc unknown, GDB is shown 0", "= <unavailable>"]);
    }
}

#[test]
fn memory_is_read_across_regions_and_up_to_a_hole() {
    let commands = ["x/4xb 0x3fc800fe", "x/4xw 0x3fc80138", "x/2i $pc", "x/4xb 0x10"];
    in_gdb(&commands, |output| {
        has(output, &["0xfe\t0xff\t0x00\t0x01", "0x3b3a3938\t0x3f3e3d3c"]);
        has(output, &["Cannot access memory at address 0x3fc80140", "lw\ta1,0(a0)"]);
        has(output, &["Cannot access memory at address 0x10"]);
    });
}

#[test]
fn nothing_that_resumes_hangs_or_loops() {
    for command in ["stepi", "nexti", "continue", "until *0x42000000", "jump *0x42000000"] {
        in_gdb(&[command, "info threads"], |output| {
            has(output, &["The device is dead", "SIGSEGV", "\"sensor\""]);
        });
    }
    in_gdb(&["reverse-stepi", "info threads"], |output| {
        // Two versions, two sentences.
        assert!(
            output.contains("does not support this command")
                || output.contains("Reverse execution is not currently supported"),
            "{output}"
        );
        has(output, &["\"sensor\""]);
    });
}

#[test]
fn a_resume_shows_the_crash_again_whatever_was_written_to_registers() {
    in_gdb(&["set var $sp = 0x1000", "jump *0x42000000", "info registers pc sp"], |output| {
        has(output, &["what was written to registers is dropped"]);
        has(output, &["pc             0x4200000c", "sp             0x3fc90140"]);
    });
}

#[test]
fn a_resume_shows_the_crash_also_when_other_threads_were_looked_at_before() {
    // GDB sends no `Hg` after a stop reply: it takes the thread that the reply names as selected.
    for look in ["info threads", "thread apply all print $pc", "thread 2"] {
        in_gdb(&[look, "continue", "printf \"pc %#x\\n\", $pc"], |output| {
            has(output, &["pc 0x4200000c"]);
        });
    }
}

#[test]
fn breakpoints_can_be_set_and_never_hit() {
    in_gdb(&["break *0x42000010", "continue", "info breakpoints"], |output| {
        has(output, &["Breakpoint 1 at", "received signal SIGSEGV"]);
    });
}

#[test]
fn kill_detach_run_and_load_end_in_words() {
    in_gdb(&["kill"], |output| has(output, &["[Inferior 1 (process 1) killed]"]));
    in_gdb(&["detach"], |output| has(output, &["[Inferior 1 (process 1) detached]"]));
    in_gdb(&["monitor reset halt", "monitor crash"], |output| {
        has(output, &["Nothing to do for 'reset halt'", "load access fault at 0x0 (SIGSEGV)"]);
    });
}

#[test]
fn extended_mode_runs_kills_and_attaches_again() {
    for gdb in gdb::gdbs() {
        let server = Server::of(riscv());
        let connect = format!("target extended-remote 127.0.0.1:{}", server.port);
        let commands = [
            &connect,
            "run",
            "info threads",
            "attach 1",
            "info threads",
            "kill",
            "attach 1",
            "info threads",
            "detach",
            "attach 1",
            "info registers pc",
        ];
        let output = gdb::run(&gdb, 20, &commands);
        println!("--- {}\n{output}", gdb.display());
        // GDB 13 drops the words of the refusal, GDB 18 shows them.
        assert!(
            output.contains("Running the default executable on the remote target failed")
                || output.contains("the device is dead: there is nothing to start"),
            "{output}"
        );
        has(&output, &["[Inferior 1 (process 1) killed]", "[Inferior 1 (process 1) detached]"]);
        has(&output, &["pc             0x4200000c"]);
        assert_eq!(output.matches("\"sensor\" (blocked)").count(), 2, "{output}");
        assert!(!output.contains("internal-error"), "{output}");
    }
}

#[test]
fn scratch_writes_are_seen_and_dropped() {
    let commands = [
        "set var *(char*)0x3fc80000 = 0x77",
        "x/2xb 0x3fc80000",
        "set var $tp = 0x1234",
        "print/x $tp",
        "monitor revert",
        "maintenance flush register-cache",
        "maintenance flush dcache",
        "x/2xb 0x3fc80000",
        "print $tp",
    ];
    in_gdb(&commands, |output| {
        has(output, &["0x77\t0x01", "$1 = 0x1234", "0x00\t0x01", "$2 = <unavailable>"]);
        has(output, &["Dropped 1 bytes of memory and 1 registers"]);
    });
}

/// Every register set that GDB takes a description for: attach, threads, registers, memory,
/// disassembly and a step, over a dump that knows `pc` and `sp` of two threads and nothing else.
#[test]
fn gdb_takes_the_description_of_every_architecture() {
    let targets = coroner::targets::Targets::built_in();
    for name in targets.arch_names() {
        let arch = targets.arch(name).expect("a built-in set");
        if !arch.description {
            continue;
        }
        let commands =
            ["info threads", "info registers", "x/2xb $sp", "continue", "thread 2", "print $pc"];
        for gdb in gdb::gdbs() {
            let server = Server::of(support::two_threads(&arch));
            let connect = format!("target remote 127.0.0.1:{}", server.port);
            // A description can't tell the order of bytes; an ELF file would.
            let endian = match arch.endian {
                coroner::targets::Endian::Little => "set endian little",
                coroner::targets::Endian::Big => "set endian big",
            };
            let output = gdb::run(&gdb, 20, &[&[endian, connect.as_str()], &commands[..]].concat());
            println!("--- {name}, {}\n{output}", gdb.display());
            if output.contains("unknown architecture") {
                println!("{} was built without {name}", gdb.display());
                continue;
            }
            has(&output, &["\"second\"", "0x11\t0x22", "The device is dead", "stopped"]);
            has(&output, &["0x1010", "<unavailable>"]);
            for complaint in ["warning: A handler", "is too long", "Truncated", "internal-error"] {
                assert!(!output.contains(complaint), "{name}: {output}");
            }
        }
    }
}

#[test]
fn find_looks_through_holes() {
    let commands = ["find /b 0x3fc80000, 0x3fc9ffff, 0x23, 0x24, 0x7d, 0x2a"];
    in_gdb(&commands, |output| has(output, &["0x3fc90080", "1 pattern found"]));
}

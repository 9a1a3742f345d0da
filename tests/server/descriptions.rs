//! Target descriptions of every architecture that Zephyr dumps come from: a real GDB takes each
//! without a warning and shows every register by its manual's name, with its value.

use crate::support::gdb;
use coroner::dump::{Dump, Thread};
use coroner::memory::Region;
use coroner::registers::Registers;
use coroner::server::{Address, Listener, Options, Served};
use coroner::targets::{Arch, Targets};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All that GDB takes a description for; Xtensa and Hexagon have their numbers compiled in.
const ARCHS: [&str; 11] = [
    "aarch64", "arc", "arm", "cortex-m", "i386", "riscv32", "riscv32d", "riscv32e", "riscv64",
    "sparc", "x86-64",
];

#[test]
fn the_list_holds_every_register_set_that_has_a_description() {
    let targets = Targets::built_in();
    let described = |name: &&str| targets.arch(name).expect("built in").description;
    let names: Vec<&str> = targets.arch_names().filter(described).collect();
    assert_eq!(names, ARCHS);
}

/// What `gdb` says to `commands`, connected to a dump with one thread.
fn ask(gdb: &std::path::PathBuf, registers: Registers, commands: &[&str]) -> String {
    let mut dump = Dump::new("test", registers.arch().clone());
    let mut thread = Thread::new(1, registers);
    thread.crashed = true;
    dump.threads.push(thread);
    dump.memory.insert(Region::dumped(0x1_0000, vec![0; 64].into()));
    let served = Served::new(dump, None);
    let listener = Listener::bind(&Address::local(0)).expect("a free port");
    let port = listener.addresses()[0].to_string();
    let port = port.rsplit(':').next().expect("a port").to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let ended = stop.clone();
    let server = std::thread::spawn(move || {
        listener.serve(&served, &Options::default(), &ended).expect("it serves");
    });
    let connect = format!("target remote 127.0.0.1:{port}");
    let all: Vec<&str> =
        std::iter::once(connect.as_str()).chain(commands.iter().copied()).collect();
    let text = gdb::run(gdb, 60, &all);
    stop.store(true, Ordering::SeqCst);
    server.join().expect("it ends");
    text
}

fn value(arch: &Arch, index: usize) -> u128 {
    // Small, even, and different for each: good as an address and as a number.
    let register = &arch.registers[index];
    register.constant.unwrap_or(0x10 + 2 * index as u128)
}

/// GDB warns of nothing but that there is no ELF file.
#[track_caller]
fn assert_no_warning(name: &str, text: &str) {
    let warns = |line: &&str| {
        line.to_lowercase().contains("warning")
            && !line.contains("No executable has been specified")
    };
    let warnings: Vec<&str> = text.lines().filter(warns).collect();
    assert!(warnings.is_empty(), "{name}: {warnings:?}");
}

/// The registers that GDB shows, by name, with what it says of each.
fn shown(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    lines.map(|(name, rest)| (name, rest.trim())).collect()
}

#[test]
fn gdb_takes_every_description_without_a_warning_and_shows_all_registers_by_name() {
    let targets = Targets::built_in();
    for gdb in gdb::gdbs() {
        for name in ARCHS {
            let arch = targets.arch(name).expect("built in");
            let mut registers = Registers::unknown(arch.clone());
            (0..arch.registers.len()).for_each(|index| registers.set(index, value(&arch, index)));
            let text = ask(&gdb, registers, &["info all-registers", "show architecture"]);
            if text.contains("unknown architecture") {
                println!("{} was built without {name}", gdb.display());
                continue;
            }
            assert_no_warning(name, &text);
            let shown = shown(&text);
            // Where it takes the target for Linux, GDB shows these only to who asks by name.
            let is_listed = |name: &str| !name.starts_with("orig_") && !name.ends_with("s_base");
            let listed = arch.registers.iter().enumerate().filter(|(_, r)| is_listed(&r.name));
            for (index, register) in listed {
                let line = shown.iter().find(|(name, _)| *name == register.name);
                let (_, line) = line.unwrap_or_else(|| panic!("{name}: {}\n{text}", register.name));
                let wanted = format!("{:#x}", value(&arch, index));
                let whole = matches!(&*register.gdb_type, "int" | "data_ptr" | "code_ptr");
                assert!(!whole || line.starts_with(&wanted), "{name}: {} {line}", register.name);
                assert!(!line.contains("<unavailable>"), "{name}: {} {line}", register.name);
            }
            let wanted = format!("currently \"{}\"", arch.gdb_architecture);
            assert!(text.contains(&wanted), "{name}: {text}");
        }
    }
}

#[test]
fn what_the_dump_does_not_hold_is_unavailable_and_optional_features_stay_away() {
    let targets = Targets::built_in();
    for gdb in gdb::gdbs() {
        for name in ARCHS {
            let arch = targets.arch(name).expect("built in");
            let mut registers = Registers::unknown(arch.clone());
            registers.set(arch.pc, 0x1000);
            let text = ask(&gdb, registers, &["info all-registers"]);
            if text.contains("unknown architecture") {
                println!("{} was built without {name}", gdb.display());
                continue;
            }
            assert_no_warning(name, &text);
            let shown = shown(&text);
            for (index, register) in arch.registers.iter().enumerate() {
                let feature = &arch.features[register.feature];
                let line = shown.iter().find(|(name, _)| *name == register.name);
                let always = feature.describe == coroner::targets::Describe::Always;
                assert_eq!(line.is_some(), always, "{name}: {}\n{text}", register.name);
                let unknown = index != arch.pc && register.constant.is_none();
                if let Some((_, line)) = line.filter(|_| unknown) {
                    assert!(line.contains("<unavailable>"), "{name}: {} {line}", register.name);
                }
            }
        }
    }
}

//! What `coroner convert` writes holds what the dump held: for plain GDB, and for ourselves.

use crate::support;
use crate::support::debuggers;
use crate::support::gdb;
use coroner::convert::{self, Extent};
use coroner::dump::Dump;
use coroner::memory::{Memory, Origin};
use coroner::open::{Opened, Options};
use goblin::elf::header::EM_XTENSA;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::cases::{self, Case};
use support::oracle;
use support::real::{gdb, open};
use support::{fixtures, open_bytes};

/// A file that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Scratch {
        let path = std::env::temp_dir().join(format!("coroner-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).expect("the temporary folder can be written");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// All dumps that tests know, by name.
fn dumps() -> Vec<(String, Opened)> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("convert-dumps");
    std::fs::create_dir_all(&scratch).expect("room for files");
    cases::all(&scratch).into_iter().map(|case| (case.name.clone(), case.opened())).collect()
}

fn contents(memory: &Memory, origin: Origin) -> Vec<(u64, Vec<u8>, Option<String>)> {
    let of = memory.regions().filter(|region| region.origin == origin);
    of.map(|r| (r.start, r.bytes.to_vec(), r.name.as_deref().map(str::to_string))).collect()
}

fn assert_same(name: &str, before: &Dump, after: &Dump) {
    for origin in [Origin::Dump, Origin::Elf, Origin::RomElf] {
        assert_eq!(contents(&before.memory, origin), contents(&after.memory, origin), "{name}");
    }
    assert_eq!(before.reason, after.reason, "{name}");
    assert_eq!(before.identity.firmware, after.identity.firmware, "{name}");
    assert_eq!(before.threads.len(), after.threads.len(), "{name}");
    for (before, after) in before.threads.iter().zip(&after.threads) {
        let facts = |t: &coroner::dump::Thread| {
            format!(
                "{:?} {:?} {:?} {:?}",
                (t.id, t.crashed, &t.name),
                t.stack,
                t.state,
                t.registers
            )
        };
        assert_eq!(facts(before), facts(after), "{name}");
        assert_eq!(before.registers.why_missing(), after.registers.why_missing(), "{name}");
    }
    let missing = |dump: &Dump| -> Vec<String> {
        dump.memory.missing().map(|(range, why)| format!("{range} {why}")).collect()
    };
    assert_eq!(missing(before), missing(after), "{name}");
}

#[test]
fn we_read_our_own_core_back_without_loss() {
    for (name, opened) in dumps() {
        let core = convert::to_elf_core(&opened.dump, Extent::All).expect("it can be written");
        let again = open_bytes(core.bytes, &Options::default());
        let again = again.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.dump.arch.name, opened.dump.arch.name, "{name}");
        assert_same(&name, &opened.dump, &again.dump);
    }
}

#[test]
fn a_core_without_our_note_still_holds_the_memory_and_registers() {
    for (name, opened) in dumps() {
        let mut core = convert::to_elf_core(&opened.dump, Extent::DumpOnly).expect("it is written");
        let owner = core.bytes.windows(9).position(|part| part == b"coroner\0{").expect("our note");
        core.bytes[owner..owner + 7].copy_from_slice(b"nobody!");
        let options = Options::default().target(opened.dump.arch.name.clone());
        let again = open_bytes(core.bytes, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        for region in opened.dump.memory.regions().filter(|r| r.origin == Origin::Dump) {
            let held = again.dump.memory.bytes(region.start, region.bytes.len());
            assert_eq!(held.as_ref(), Some(&region.bytes), "{name}");
        }
        for (before, after) in opened.dump.threads.iter().zip(&again.dump.threads) {
            assert_eq!(before.registers.pc(), after.registers.pc(), "{name}");
            assert_eq!(before.registers.sp(), after.registers.sp(), "{name}");
        }
    }
}

#[test]
fn fault_registers_of_risc_v_reach_plain_gdb() {
    let Some(root) = fixtures() else { return };
    let root = root.join("espressif/esp32c3");
    let opened = open(&[root.join("coredump.b64")], None);
    let core = convert::to_elf_core(&opened.dump, Extent::DumpOnly).expect("it can be written");
    let file = Scratch::new("csr.elf", &core.bytes);
    let commands = [
        // As GDB for Linux it would not look for them.
        "set osabi none".to_string(),
        format!("file {}", root.join("esp32c3.elf").display()),
        format!("core-file {}", file.0.display()),
        "info registers mcause mtval mhartid".to_string(),
    ];
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let Some(text) = gdb(&commands) else { return };
    assert!(text.contains("mcause         0x7"), "{text}");
}

#[test]
fn intel_hex_holds_the_memory_and_nothing_else() {
    for (name, opened) in dumps() {
        let hex = convert::to_intel_hex(&opened.dump, Extent::DumpOnly).expect("32 bits suffice");
        // Read with code that shares nothing with the writer's.
        let (mut upper, mut bytes) = (0u64, std::collections::BTreeMap::new());
        for line in hex.lines() {
            let line = line.strip_prefix(':').expect("a record");
            let record: Vec<u8> = (0..line.len() / 2)
                .map(|n| u8::from_str_radix(&line[2 * n..2 * n + 2], 16).expect("digits"))
                .collect();
            assert_eq!(record.iter().map(|b| u32::from(*b)).sum::<u32>() % 256, 0, "{line}");
            let low = u64::from(record[1]) << 8 | u64::from(record[2]);
            let data = &record[4..record.len() - 1];
            match record[3] {
                4 => upper = u64::from(data[0]) << 24 | u64::from(data[1]) << 16,
                0 => {
                    bytes.extend(data.iter().enumerate().map(|(n, b)| (upper + low + n as u64, *b)))
                }
                _ => {}
            }
        }
        let held: Vec<(u64, u8)> = convert::regions(&opened.dump, Extent::DumpOnly)
            .flat_map(|r| r.bytes.iter().enumerate().map(|(n, b)| (r.start + n as u64, *b)))
            .collect();
        assert!(bytes.into_iter().eq(held), "{name}");
    }
}

/// What a GDB shows: registers by thread and name, frames by thread, memory by command.
struct Seen {
    registers: Vec<BTreeMap<String, String>>,
    frames: Vec<(u64, oracle::Trace)>,
    memory: Vec<String>,
    text: String,
}

/// Asks for everything. `open` are the commands that open the dump.
fn seen(gdb: &PathBuf, open: &[String], places: &[String]) -> Seen {
    let mut commands: Vec<&str> = vec!["set width 0", "set backtrace past-main on"];
    commands.extend(open.iter().map(String::as_str));
    commands.extend(["echo REGISTERS\\n", "thread apply all info registers", "echo FRAMES\\n"]);
    commands.extend(["thread apply all bt", "echo MEMORY\\n"]);
    commands.extend(places.iter().map(String::as_str));
    let text = gdb::run(gdb, 120, &commands);
    let part = |from: &str, to: &str| {
        let rest = text.split_once(from).map_or("", |(_, rest)| rest);
        rest.split_once(to).map_or(rest, |(part, _)| part).to_string()
    };
    let mut registers: Vec<BTreeMap<String, String>> = Vec::new();
    for line in part("REGISTERS\n", "FRAMES\n").lines() {
        let mut words = line.split_whitespace();
        if line.starts_with("Thread ") {
            registers.push(BTreeMap::new());
        } else if let (Some(name), Some(value), Some(last)) =
            (words.next(), words.next(), registers.last_mut())
        {
            last.insert(name.to_string(), value.to_string());
        }
    }
    let shown = part("MEMORY\n", "\0");
    let memory = shown.lines().filter(|line| line.starts_with("0x"));
    let memory = memory.map(|line| line.split_once(":\t").map_or("", |(_, b)| b).to_string());
    Seen {
        registers,
        frames: oracle::by_number(&part("FRAMES\n", "MEMORY\n")),
        memory: memory.collect(),
        text,
    }
}

/// Converted, any GDB shows what it shows over the server; `problems` are those that it does not.
fn compared(case: &Case, column: &str, gdb: &PathBuf, scratch: &Path) -> (usize, Vec<String>) {
    let opened = case.opened();
    let Ok(core) = convert::to_elf_core(&opened.dump, Extent::All) else {
        return (0, vec![format!("{}: not converted", case.name)]);
    };
    let name = case.name.replace(['/', ' '], "-");
    let file = scratch.join(format!("{name}-{}.core", column.replace(' ', "-")));
    std::fs::write(&file, &core.bytes).expect("room for files");
    let text = |path: &PathBuf| path.display().to_string();
    let quoted: Vec<String> = case.arguments().iter().map(|text| format!("'{text}'")).collect();
    let server = env!("CARGO_BIN_EXE_coroner");
    let elf = case.elf.as_ref().map(text);
    let mut over_server: Vec<String> = elf.iter().map(|elf| format!("file {elf}")).collect();
    over_server
        .push(format!("target remote | {server} serve --stdio --no-cache {}", quoted.join(" ")));
    let mut as_core: Vec<String> = elf.iter().map(|elf| format!("symbol-file {elf}")).collect();
    as_core.push(format!("core-file {}", file.display()));

    // The ends of each region of the dump, and a line of each stack.
    let mut places = Vec::new();
    for region in convert::regions(&opened.dump, Extent::All).take(60) {
        let last = region.start + region.bytes.len() as u64;
        places.push(format!("x/4xb {:#x}", region.start));
        places.push(format!("x/4xb {:#x}", last.saturating_sub(4).max(region.start)));
    }
    let (wanted, got) = (seen(gdb, &over_server, &places), seen(gdb, &as_core, &places));
    let _ = std::fs::remove_file(&file);
    let mut problems = Vec::new();
    let mut problem = |words: String| problems.push(format!("{} {column}: {words}", case.name));
    if wanted.registers.len() != got.registers.len() {
        let counts = (wanted.registers.len(), got.registers.len());
        problem(format!("threads: {counts:?}\n{}", got.text));
    }
    let mut same = 0;
    // The plain GDB with Espressif's register map, which tests build, reads no a0 to a15 from any
    // core, the vendor's own among them, and so no frames.
    let is_xtensa = opened.dump.arch.elf_machine == EM_XTENSA;
    // Nor does any GDB take threadptr out of a core (xtensa_supply_gregset in 13.1).
    let is_left_out = |name: &str| {
        let is_alias = name.strip_prefix('a').is_some_and(|n| n.parse::<u8>().is_ok());
        is_xtensa && (is_alias || name == "threadptr")
    };
    for (thread, (wanted, got)) in wanted.registers.iter().zip(&got.registers).enumerate() {
        let known =
            wanted.iter().filter(|(name, value)| value.starts_with("0x") && !is_left_out(name));
        for (name, value) in known {
            match got.get(name) {
                Some(own) if own == value => same += 1,
                // GDB knows the set that cores of its operating system have, and no more.
                None => {}
                Some(own) => problem(format!("thread {thread}: {name} is {own}, not {value}")),
            }
        }
    }
    for (number, wanted) in &wanted.frames {
        let got = got.frames.iter().find(|(own, _)| own == number).map(|(_, trace)| trace);
        let lines = |trace: &oracle::Trace| -> Vec<String> {
            let real = trace.lines.iter().filter(|line| !line.is_past_the_end());
            real.map(ToString::to_string).collect()
        };
        let (wanted, got) = (lines(wanted), got.map(lines).unwrap_or_default());
        // No note holds psp: an exception that came from the process stack is GDB's last frame.
        let psp = opened.dump.threads[0].registers.by_name("psp").is_some();
        let ends_in_handler = psp && wanted.starts_with(&got) && got.len() > 3;
        // Without an ELF file of ours, GDB gets the one in the dump from the server alone.
        let is_named = case.elf.is_some() && !is_xtensa;
        match wanted == got || ends_in_handler || !is_named {
            true => same += wanted.len(),
            false => problem(format!("thread {number}: frames {got:?}, not {wanted:?}")),
        }
    }
    match wanted.memory == got.memory {
        true => same += wanted.memory.len(),
        false => problem("memory differs".into()),
    }
    (same, problems)
}

#[test]
fn a_converted_dump_shows_in_every_gdb_what_the_server_shows() {
    let found = debuggers::Debuggers::find();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("convert");
    std::fs::create_dir_all(&scratch).expect("room for files");
    let mut jobs = Vec::new();
    for case in cases::all(&scratch) {
        let opened = case.opened();
        for (column, gdb) in found.of(&opened) {
            jobs.push((case.clone(), column, gdb));
        }
    }
    let next = std::sync::Mutex::new(jobs.iter());
    let all = std::sync::Mutex::new((0, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((case, column, gdb)) = next.lock().expect("no panic").next() else {
                        return;
                    };
                    let (same, problems) = compared(case, column, gdb, &scratch);
                    let mut all = all.lock().expect("no panic");
                    println!("| {} | {column} | {same} equal | {} |", case.name, problems.len());
                    all.0 += same;
                    all.1.extend(problems);
                }
            });
        }
    });
    let (same, problems) = all.into_inner().expect("no panic");
    println!("{same} registers, frames and pieces of memory are equal");
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
    assert!(jobs.is_empty() || same > 100);
}

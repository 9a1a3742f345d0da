//! What `coroner convert` writes holds what the dump held: for plain GDB, and for ourselves.

mod support;

use coroner::convert::{self, Extent};
use coroner::dump::Dump;
use coroner::memory::{Memory, Origin};
use coroner::open::{Opened, Options};
use coroner::report::{self, Wishes};
use std::path::{Path, PathBuf};
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

fn demo_elf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo/firmware.elf")
}

/// Dumps with the ELF file of their firmware, by name.
fn dumps() -> Vec<(String, Opened, PathBuf)> {
    let demo = demo_elf().with_file_name("dump.core");
    let mut all = vec![("demo".to_string(), open(&[demo], Some(demo_elf())), demo_elf())];
    let Some(root) = fixtures() else { return all };
    for (dump, elf) in [
        ("espressif/esp32/coredump.b64", "espressif/esp32/esp32.elf"),
        ("espressif/esp32/coredump_bin.b64", "espressif/esp32/esp32_bin.elf"),
        ("espressif/esp32c3/coredump.b64", "espressif/esp32c3/esp32c3.elf"),
        ("espressif/esp32c6/coredump.b64", "espressif/esp32c6/esp32c6.elf"),
        ("qemu-m4-fault/dumps/nuttx.core", "qemu-m4-fault/fx.elf"),
    ] {
        let elf = root.join(elf);
        all.push((dump.replace('/', "-"), open(&[root.join(dump)], Some(elf.clone())), elf));
    }
    all
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
    for (name, opened, _) in dumps() {
        let core = convert::to_elf_core(&opened.dump, Extent::All).expect("it can be written");
        let again = open_bytes(core.bytes, &Options::default());
        let again = again.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.dump.arch.name, opened.dump.arch.name, "{name}");
        assert_same(&name, &opened.dump, &again.dump);
    }
}

#[test]
fn a_core_without_our_note_still_holds_the_memory_and_registers() {
    for (name, opened, _) in dumps() {
        let mut core = convert::to_elf_core(&opened.dump, Extent::DumpOnly).expect("it is written");
        let owner = core.bytes.windows(9).position(|part| part == b"coroner\0{").expect("our note");
        core.bytes[owner..owner + 7].copy_from_slice(b"nobody!");
        let options = Options { target: Some(opened.dump.arch.name.clone()), ..Options::default() };
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

/// Frames by GDB on the converted core equal ours on the dump: program counter and function, as
/// far as GDB comes (it stops where call frame information does).
#[test]
fn plain_gdb_shows_the_frames_of_the_dump() {
    for (name, opened, elf) in dumps() {
        if opened.dump.arch.elf_machine == goblin::elf::header::EM_XTENSA {
            continue;
        }
        let core = convert::to_elf_core(&opened.dump, Extent::All).expect("it can be written");
        let file = Scratch::new(&format!("{name}.elf"), &core.bytes);
        let text = gdb(&[
            &format!("symbol-file {}", elf.display()),
            &format!("core-file {}", file.0.display()),
            "info threads",
            "thread apply all bt",
        ]);
        let Some(text) = text else { return };
        let theirs = oracle::of_gdb(&text);
        assert_eq!(theirs.len(), opened.dump.threads.len(), "{name}: {text}");
        let report = report::build(&opened, &Wishes::default()).expect("a report");
        for thread in &report.threads {
            let lines = theirs.iter().find(|(id, _)| u128::from(*id) == thread.id.0);
            let (_, lines) = lines.unwrap_or_else(|| panic!("{name}: {} {text}", thread.id));
            let lines: Vec<_> = lines.lines.iter().filter(|line| !line.is_past_the_end()).collect();
            assert!(!lines.is_empty(), "{name}: {text}");
            for (line, frame) in lines.iter().zip(&thread.frames) {
                assert!(line.pc.is_none_or(|pc| u128::from(pc) == frame.pc.0), "{name}: {text}");
                assert!(
                    line.function.is_none() || line.function == frame.function,
                    "{name}: {text}"
                );
            }
            println!("| {name} | {} | {} frames equal in GDB |", thread.name, lines.len());
        }
        let crashed = report.crashed().expect("one crashed");
        assert!(text.contains(&format!("* 1    LWP {}", crashed.id.0)), "{name}: {text}");
    }
}

#[test]
fn plain_gdb_reads_memory_from_the_first_byte_of_a_region_on() {
    for (name, opened, _) in dumps() {
        if opened.dump.arch.elf_machine == goblin::elf::header::EM_XTENSA {
            continue;
        }
        let core = convert::to_elf_core(&opened.dump, Extent::DumpOnly).expect("it is written");
        let file = Scratch::new(&format!("{name}-memory.elf"), &core.bytes);
        let regions: Vec<_> = convert::regions(&opened.dump, Extent::DumpOnly).collect();
        let commands: Vec<String> = std::iter::once(format!("core-file {}", file.0.display()))
            .chain(regions.iter().map(|region| format!("x/4xb {:#x}", region.start)))
            .chain(["x/4xb $sp".to_string()])
            .collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let Some(text) = gdb(&commands) else { return };
        for region in regions {
            let bytes: Vec<String> =
                region.bytes.iter().take(4).map(|byte| format!("{byte:#04x}")).collect();
            let wanted = format!("{:#x}:\t{}", region.start, bytes.join("\t"));
            let wanted_named = format!(":\t{}", bytes.join("\t"));
            assert!(text.contains(&wanted) || text.contains(&wanted_named), "{wanted}\n{text}");
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
    for (name, opened, _) in dumps() {
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

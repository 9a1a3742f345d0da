//! All code of all ELF files.

use crate::objdump::{Listed, compare, listed, listing};
use crate::support::missing;
use coroner::targets::Family;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// ELF files that are no cores below a folder.
fn elf_files(folder: &Path, found: &mut Vec<(Family, PathBuf)>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            elf_files(&path, found);
            continue;
        }
        let mut head = [0; 20];
        let read = std::fs::File::open(&path)
            .and_then(|mut f| std::io::Read::read_exact(&mut f, &mut head));
        // Class, type (2: executable) and machine.
        if read.is_ok() && head.starts_with(b"\x7fELF") && head[16] == 2 {
            let machine = u16::from_le_bytes([head[18], head[19]]);
            let family = Family::of_elf(machine, if head[4] == 2 { 64 } else { 32 }, true);
            found.extend(family.map(|family| (family, path)));
        }
    }
}

fn objdump_of(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::CortexM | Family::Arm => "arm-none-eabi-objdump",
        Family::RiscV32 | Family::RiscV64 => "riscv64-unknown-elf-objdump",
        Family::Aarch64 => "aarch64-linux-gnu-objdump",
        Family::X86 | Family::X86_64 => "x86_64-linux-gnu-objdump",
        _ => return None,
    })
}

/// What differs in code that compilers made, and why.
fn explained(theirs: &Listed, _: Option<&str>) -> Option<&'static str> {
    match theirs.text.split_whitespace().next()? {
        // `lidtl`: the suffix of AT&T's that nobody writes.
        "lidtl" | "lgdtl" | "sidtl" | "sgdtl" => Some("a suffix that only objdump adds"),
        _ => None,
    }
}

#[test]
fn code_of_every_elf_file_is_as_objdump_shows_it() {
    let mut files = Vec::new();
    elf_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"), &mut files);
    if let Some(fixtures) = missing::fixtures() {
        elf_files(&fixtures, &mut files);
    }
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for (family, path) in files {
        let Some(program) = objdump_of(family) else { continue };
        if !missing::program(program) {
            continue;
        }
        let path = path.to_string_lossy().into_owned();
        let mut list =
            listing(program, &["-d", "--insn-width=16", &path], family).expect("it runs");
        // Data in code, which mapping symbols tell objdump of.
        list.retain(|one| !one.text.starts_with('.'));
        assert!(list.len() > 10, "{path}: {} instructions", list.len());
        let compared = compare(&list, family, &explained, &mut seen);
        wrong.extend(compared.unexplained().map(|text| format!("{path}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// GDBs of Xtensa chips know registers windows and floating point; binutils' lx106 has neither.
#[test]
fn xtensa_code_is_as_gdb_shows_it() {
    let Some(fixtures) = missing::fixtures() else { return };
    let pairs = [
        ("CORONER_XTENSA_GDB", "xtensa-gdb-esp32", "espressif/esp32/esp32.elf"),
        ("CORONER_XTENSA_S3_GDB", "xtensa-gdb-esp32s3", "probe-rs/esp32s3_coredump_elf.elf"),
    ];
    for (variable, tool, name) in pairs {
        let Some(gdb) = missing::named_by(variable, tool) else { continue };
        let path = fixtures.join(name);
        let bytes = std::fs::read(&path).expect("the fixture");
        let elf = goblin::elf::Elf::parse(&bytes).expect("an ELF file");
        let mut command = Command::new(gdb);
        command.args(["-batch", "-nx"]);
        for section in &elf.section_headers {
            if section.is_executable()
                && section.sh_type == goblin::elf::section_header::SHT_PROGBITS
            {
                let (start, end) = (section.sh_addr, section.sh_addr + section.sh_size);
                command.arg("-ex").arg(format!("disassemble /r {start:#x},{end:#x}"));
            }
        }
        let out = command.arg(&path).output().expect("it runs");
        let text = String::from_utf8_lossy(&out.stdout);
        let list: Vec<Listed> =
            text.lines().filter_map(|line| listed(line, Family::Xtensa)).collect();
        assert!(list.len() > 5000, "{name}: {}", list.len());
        let explained = |theirs: &Listed, ours: Option<&str>| match ours {
            // Literals lie between functions, and some look like instructions.
            None if theirs.bytes.len() > 3 => {
                Some("bundles of several instructions: data, on these chips")
            }
            None if theirs.text.starts_with("mul") || theirs.text.starts_with("ldct") => {
                Some("MAC16 on registers of its own, tags of caches: not in the table")
            }
            Some(ours)
                if theirs.text == "excw"
                    && (ours.contains(".s ")
                        || ours.starts_with('w')
                        || ours.starts_with("rur.")
                        || ours.starts_with("rer")) =>
            {
                Some("floating point, user and external registers: GDB is built for a chip without")
            }
            _ => None,
        };
        let compared = compare(&list, Family::Xtensa, &explained, &mut HashSet::new());
        let wrong: Vec<String> = compared.unexplained().collect();
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    }
}

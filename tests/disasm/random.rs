//! Random words of each architecture. Here objdump shows more than the tables have (vectors, coprocessors), which is
//! no fault: what is not decoded is shown as bytes. What is decoded must be the same.

use crate::objdump::{Listed, compare, listing};
use crate::support::missing;
use coroner::targets::Family;
use std::collections::HashSet;

/// xorshift64*: the same words on every machine.
fn words(seed: u64, count: usize) -> impl Iterator<Item = u32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    })
    .take(count)
}

/// Compares `code`; at least `share` percent of it must be equal.
fn check(
    name: &str,
    family: Family,
    program: &str,
    machine: &[&str],
    code: &[u8],
    share: usize,
    explained: &dyn Fn(&Listed, Option<&str>) -> Option<&'static str>,
) {
    if !missing::program(program) {
        return;
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("random-{name}.bin"));
    std::fs::write(&path, code).expect("it is written");
    let path = path.to_string_lossy().into_owned();
    let arguments = [&["-D", "-z", "-b", "binary"], machine, &[&path]].concat();
    let list = listing(program, &arguments, family).expect("it runs");
    let explained = |theirs: &Listed, ours: Option<&str>| match ours {
        None => Some("not in the tables"),
        Some(_) => explained(theirs, ours),
    };
    let compared = compare(&list, family, &explained, &mut HashSet::new());
    let wrong: Vec<String> = compared.unexplained().collect();
    assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    let all = compared.equal + compared.differences.values().map(|(count, _)| count).sum::<usize>();
    assert!(compared.equal * 100 >= all * share, "{name}: {} of {all} equal", compared.equal);
}

fn bytes(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_le_bytes).collect()
}

#[test]
fn riscv() {
    let riscv = |theirs: &Listed, ours: Option<&str>| {
        let ours = ours?;
        let mnemonic = ours.split(' ').next()?;
        if theirs.text.starts_with('.') {
            const ZB: &[&str] = &[
                "sh1add",
                "sh2add",
                "sh3add",
                "andn",
                "orn",
                "xnor",
                "clz",
                "ctz",
                "cpop",
                "sext.b",
                "sext.h",
                "min",
                "minu",
                "max",
                "maxu",
                "rol",
                "ror",
                "rori",
                "orc.b",
                "bclr",
                "bext",
                "binv",
                "bset",
                "bclri",
                "bexti",
                "binvi",
                "bseti",
                "zext.h",
                "zext.w",
                "rev8",
                "add.uw",
                "sh1add.uw",
                "sh2add.uw",
                "sh3add.uw",
                "slli.uw",
                "clzw",
                "ctzw",
                "cpopw",
                "rolw",
                "rorw",
                "roriw",
            ];
            return ZB.contains(&mnemonic).then_some("Zba, Zbb, Zbs: not in objdump's default");
        }
        mnemonic.starts_with("csr").then_some("CSRs of extensions are shown as numbers")
    };
    const OPCODES: [u32; 21] = [
        0x13, 0x33, 0x03, 0x23, 0x63, 0x6f, 0x67, 0x73, 0x0f, 0x2f, 0x53, 0x07, 0x27, 0x43, 0x47,
        0x4b, 0x4f, 0x37, 0x17, 0x1b, 0x3b,
    ];
    let long = words(1, 30_000).map(|word| word & !0x7f | OPCODES[(word & 0x7f) as usize % 21]);
    let long = bytes(long);
    // Of all halfwords those that are instructions by themselves.
    let short: Vec<u8> =
        (0..=0xffffu16).filter(|half| half & 3 != 3).flat_map(u16::to_le_bytes).collect();
    for (name, machine, family) in
        [("rv32", "riscv:rv32", Family::RiscV32), ("rv64", "riscv:rv64", Family::RiscV64)]
    {
        let program = "riscv64-unknown-elf-objdump";
        let short_name = format!("{name}c");
        // RV32 has no shifts by more than 31, and no instructions that objdump takes for them.
        check(name, family, program, &["-m", machine], &long, 95, &riscv);
        check(&short_name, family, program, &["-m", machine], &short, 95, &riscv);
    }
}

/// Differences of Arm's sets that manuals call unpredictable, and other people's coprocessors.
fn arm(theirs: &Listed, ours: Option<&str>) -> Option<&'static str> {
    let ours = ours?;
    let mnemonic = theirs.text.split_whitespace().next()?;
    if ours.starts_with("mrc") || ours.starts_with("mcr") {
        return Some(
            "coprocessors that had instructions of their own (FPA, Maverick), or none at all",
        );
    }
    if ours.contains("pc") || theirs.text.contains("pc") || mnemonic == "vscclrm" {
        return Some("with the program counter, where the manuals call it unpredictable");
    }
    let plain =
        |text: &str| text.replace(", #-0", "").replace(", #0", "").replace(char::is_whitespace, "");
    if plain(ours) == plain(&theirs.text) || plain(ours).replace("]!", "]") == plain(&theirs.text) {
        return Some("an offset of nothing");
    }
    matches!(mnemonic, "pacg" | "autg" | "clrm").then_some("v8.1-M")
}

#[test]
fn thumb() {
    let program = "arm-none-eabi-objdump";
    let machine = ["-m", "arm", "-M", "force-thumb"];
    // IT would change what follows.
    let short: Vec<u8> =
        (0..0xe800u16).filter(|half| half >> 8 != 0xbf).flat_map(u16::to_le_bytes).collect();
    check("t16", Family::CortexM, program, &machine, &short, 99, &arm);
    let long = words(2, 40_000).flat_map(|word| {
        let first =
            [0xe800, 0xf000, 0xf800][(word >> 16) as usize % 3] | (word >> 16 & 0x7ff) as u16;
        [first.to_le_bytes(), (word as u16).to_le_bytes()].concat()
    });
    check("t32", Family::CortexM, program, &machine, &long.collect::<Vec<u8>>(), 60, &arm);
    let float = words(3, 20_000).flat_map(|word| {
        let (first, second) =
            (0xec00 | (word >> 16 & 0x3ff) as u16, 0xa00 | (word & 0xf1ff) as u16);
        [first.to_le_bytes(), second.to_le_bytes()].concat()
    });
    check("vfp", Family::CortexM, program, &machine, &float.collect::<Vec<u8>>(), 50, &arm);
}

#[test]
fn a32() {
    let code = bytes(words(4, 40_000).map(|word| match word >> 28 {
        0..8 => word & 0x0fff_ffff | 0xe000_0000,
        _ => word,
    }));
    check("a32", Family::Arm, "arm-none-eabi-objdump", &["-m", "arm"], &code, 70, &arm);
}

#[test]
fn aarch64() {
    let code = bytes(words(5, 40_000));
    let explained = |theirs: &Listed, ours: Option<&str>| {
        if ours?.starts_with("ldpsw") {
            return Some("the base is loaded as well: unpredictable");
        }
        let is_system = ours?.starts_with("mrs") || ours?.starts_with("msr");
        (is_system && theirs.text.starts_with('m'))
            .then_some("system registers that have a number here")
    };
    let machine = ["-m", "aarch64"];
    check("aarch64", Family::Aarch64, "aarch64-linux-gnu-objdump", &machine, &code, 85, &explained);
}

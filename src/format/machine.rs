//! Which register set a dump is read with, and the names that producers give its registers.
//!
//! What decides, in this order: the user's `--target`; what the dump says; the firmware's ELF
//! file. A dump that tells only the family (an ARM core, say) gets the family's richest set: a
//! register that the device lacks stays unknown, and an unknown register costs nothing.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::Context;
use crate::dump::Note;
use crate::error::{Error, Result};
use crate::registers::Registers;
pub use crate::targets::Family;
use crate::targets::{Arch, Chip, Endian};
use std::sync::Arc;

/// What an ELF file of the firmware says about the device that runs it.
#[derive(Clone, Debug)]
pub struct ElfHint {
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64.
    pub class: u8,
    /// The order of bytes.
    pub endian: Endian,
    /// ARM: the build attributes, where the file has them.
    pub arm: Option<ArmHint>,
}

/// What the build attributes of an ARM ELF file say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArmHint {
    /// `Tag_CPU_arch`.
    pub cpu_arch: u64,
    /// `Tag_CPU_arch_profile`: `A`, `R`, `M`, `S`, or 0 for none.
    pub profile: u8,
    /// `Tag_FP_arch` is not "none".
    pub float: bool,
}

impl ArmHint {
    /// Whether the code is for a Cortex-M. ARMv6-M and ARMv6S-M (11, 12) and ARMv7E-M (13) are
    /// so by their number, whatever the profile says.
    pub fn is_m_profile(&self) -> bool {
        self.profile == b'M' || matches!(self.cpu_arch, 11..=13 | 16 | 17 | 21)
    }
}

/// Register set and chip of a dump.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The register set.
    pub arch: Arc<Arch>,
    /// The chip, where somebody named it.
    pub chip: Option<Arc<Chip>>,
}

/// The machine that the user names, or that the firmware's ELF file is for; `None` if nobody
/// says.
///
/// # Errors
/// As [`crate::targets::Targets::arch`].
pub fn machine_told(context: &Context<'_>) -> Result<Option<Machine>> {
    if let Some(name) = context.target {
        if let Ok(chip) = context.targets.chip(name) {
            let arch = context.targets.arch(&chip.arch)?;
            return Ok(Some(Machine { arch, chip: Some(chip) }));
        }
        return Ok(Some(Machine { arch: context.targets.arch(name)?, chip: None }));
    }
    let Some(elf) = &context.elf else { return Ok(None) };
    let arm = elf.arm.unwrap_or_default();
    let name = match Family::of_elf(elf.machine, elf.class, arm.is_m_profile()) {
        Some(family) => family.usual_arch(),
        None => return Ok(None),
    };
    // A set that does not exist (yet) is as good as none told.
    Ok(context.targets.arch(name).ok().map(|arch| Machine { arch, chip: None }))
}

/// The machine of a dump that is certainly of `family`: the one told if it fits, or the family's
/// usual one.
///
/// # Errors
/// [`Error::Usage`] if the user named a target of another family, or there is no register set.
pub fn machine_of(context: &Context<'_>, family: Family) -> Result<Machine> {
    if let Some(told) = machine_told(context)? {
        if told.arch.family == family {
            return Ok(told);
        }
        if let Some(name) = context.target {
            return Err(Error::Usage(format!(
                "--target {name}: the dump is of another architecture ({})",
                family.usual_arch()
            )));
        }
    }
    Ok(Machine { arch: context.targets.arch(family.usual_arch())?, chip: None })
}

/// The machine of an Xtensa dump that does not name its chip. GDB's register numbers differ by
/// chip; the memory maps do as well, and `addrs` (program counters, stacks) must lie in them. It has
/// `cores` cores at least.
///
/// # Errors
/// As [`machine_of`].
pub fn xtensa_by_addresses(
    format: &str,
    addrs: &[u64],
    cores: u32,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    if context.target.is_some() {
        return machine_of(context, Family::Xtensa);
    }
    let mut fitting = Vec::new();
    for name in context.targets.chip_names() {
        let chip = context.targets.chip(name)?;
        let arch = context.targets.arch(&chip.arch)?;
        // The ESP8266 lies in the same places, but its texts are others'.
        let windowed = arch.register("windowbase").is_some();
        let holds_all = addrs.iter().all(|addr| chip.memory_at(*addr).is_some());
        let holds_all = holds_all && chip.cores >= cores;
        if arch.family == Family::Xtensa && windowed && holds_all {
            fitting.push(Machine { arch, chip: Some(chip) });
        }
    }
    match fitting.as_slice() {
        [only] => {
            let name = only.chip.as_ref().map_or(&only.arch.name, |chip| &chip.name);
            notes.push(
                Note::info(format!(
                    "the chip is not named; by the addresses it is an {name}, --target names \
                 another"
                ))
                .by(format.to_string())
                .code("assumed"),
            );
            Ok(only.clone())
        }
        // The elements of a backtrace that a broken stack gave may lie anywhere.
        [] if addrs.len() > 2 => {
            xtensa_by_addresses(format, addrs.get(..2).unwrap_or_default(), cores, context, notes)
        }
        several => {
            // Never one that the addresses rule out; of the others the first ESP32, which is the most
            // common, or the richest set.
            let usual = several.iter().find(|m| m.arch.name == Family::Xtensa.usual_arch());
            let richest = several.iter().max_by_key(|machine| machine.arch.registers.len());
            let machine = match usual.or(richest) {
                Some(first) => Machine { arch: first.arch.clone(), chip: None },
                None => machine_of(context, Family::Xtensa)?,
            };
            notes.push(
                Note::doubt(format!(
                    "the chip is not named and the addresses don't tell it: registers are \
                 numbered as {} has them, --target names the chip",
                    machine.arch.name
                ))
                .by(format.to_string())
                .code("assumed"),
            );
            Ok(machine)
        }
    }
}

/// The general registers of a Cortex-M in the order of most dumps: r0-r12, sp, lr, pc, xpsr.
pub const CORTEX_M: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr",
    "pc", "xpsr",
];

/// x0-x31 of RISC-V by their names in the ABI.
pub const RISCV_X: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

/// Sets registers from words in the order of `names`. Names that the set lacks are skipped.
pub fn set_words(registers: &mut Registers, names: &[&str], words: impl IntoIterator<Item = u64>) {
    for (name, word) in names.iter().zip(words) {
        registers.set_by_name(name, word);
    }
}

/// Sets the single-precision registers `s{first}..` of an ARM FPU. Sets that have only the
/// double-precision ones get those of which both halves are given.
pub fn set_single_floats(registers: &mut Registers, first: usize, values: &[u32]) {
    for (offset, value) in values.iter().enumerate() {
        let n = first.saturating_add(offset);
        if registers.set_by_name(&format!("s{n}"), *value) || n % 2 != 0 {
            continue;
        }
        if let Some(high) = values.get(offset.saturating_add(1)) {
            let both = u64::from(*value) | u64::from(*high) << 32;
            registers.set_by_name(&format!("d{}", n / 2), both);
        }
    }
}

/// Sets what Cortex-M debuggers keep in one word: CONTROL, FAULTMASK, BASEPRI, PRIMASK from the
/// highest byte to the lowest (DCRSR register 20).
pub fn set_control_word(registers: &mut Registers, word: u32) {
    let [primask, basepri, faultmask, control] = word.to_le_bytes();
    registers.set_by_name("primask", primask);
    registers.set_by_name("basepri", basepri);
    registers.set_by_name("faultmask", faultmask);
    registers.set_by_name("control", control);
}

/// Where a text shows one window of Xtensa's registers and calls its first a0: which window it is.
pub fn set_window(registers: &mut Registers) {
    if registers.by_name("ar1").is_some() && registers.by_name("windowbase").is_none() {
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    }
}

/// Sets a register by the name that some producer prints for it, and returns whether it could
/// be told which one that is.
pub fn set_by_any_name(registers: &mut Registers, name: &str, value: u64) -> bool {
    // Fault status words have the manual's names, in upper case.
    let upper = name.to_ascii_uppercase();
    let name = name.to_ascii_lowercase();
    if matches!(name.as_str(), "mepc" | "sepc") && registers.pc().is_none() {
        // Where the trap came from is where the crashed code was.
        registers.set_pc(value);
    }
    if registers.set_by_name(&name, value) || registers.set_by_name(&upper, value) {
        return true;
    }
    let arch = registers.arch().clone();
    let other = match name.as_str() {
        "r11" | "r7" | "fp" if arch.register("fp").is_some() => "fp",
        "sb" => "r9",
        "sl" => "r10",
        "ip" => "r12",
        "r13" => "sp",
        "r14" => "lr",
        "r15" | "epc" | "mepc" | "eip" | "rip" => "pc",
        "xpsr" | "psr" | "cpsr" | "apsr" => match arch.register("xpsr") {
            Some(_) => "xpsr",
            None => "cpsr",
        },
        "s0/fp" | "s0" | "x8" => "fp",
        "lcnt" => "lcount",
        "cause" => "exccause",
        "vaddr" => "excvaddr",
        _ => match name.strip_prefix('a').and_then(|n| n.parse::<u8>().ok()) {
            // Xtensa: a0-a15 are the current window of the register file.
            Some(n) if n < 16 => return registers.set_by_name(&format!("ar{n}"), value),
            _ => return false,
        },
    };
    other != name && registers.set_by_name(other, value)
}

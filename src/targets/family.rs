//! The architectures that dumps are of, as far as code differs for them.

use super::Arch;
use goblin::elf::header::{
    EM_386, EM_AARCH64, EM_ARC_COMPACT2, EM_ARM, EM_RISCV, EM_SPARC, EM_X86_64, EM_XTENSA,
};
use serde::Deserialize;

/// `EM_QDSP6`, which goblin has no name for.
const EM_HEXAGON: u16 = 164;

/// An architecture: the one question that code asks where architectures differ. Its register sets
/// are files of `targets/arch/`, each of which names its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// ARM Cortex-M.
    CortexM,
    /// ARM with processor modes: ARMv7-A, ARMv7-R and older.
    Arm,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit RISC-V.
    #[serde(rename = "riscv32")]
    RiscV32,
    /// 64-bit RISC-V.
    #[serde(rename = "riscv64")]
    RiscV64,
    /// Xtensa, with register windows or without.
    Xtensa,
    /// 32-bit x86.
    #[serde(rename = "i386")]
    X86,
    /// 64-bit x86.
    #[serde(rename = "x86-64")]
    X86_64,
    /// ARCv2.
    Arc,
    /// SPARC V8.
    Sparc,
    /// Hexagon.
    Hexagon,
    /// One of a user's own, of which no code here knows anything.
    #[serde(skip)]
    Other,
}

impl Family {
    /// The family of an ELF file. ARM needs to be told whether it is a Cortex-M.
    pub fn of_elf(machine: u16, class: u8, m_profile: bool) -> Option<Family> {
        Some(match (machine, class) {
            (EM_ARM, _) if m_profile => Family::CortexM,
            (EM_ARM, _) => Family::Arm,
            (EM_AARCH64, _) => Family::Aarch64,
            (EM_RISCV, 64) => Family::RiscV64,
            (EM_RISCV, _) => Family::RiscV32,
            (EM_XTENSA, _) => Family::Xtensa,
            (EM_386, _) => Family::X86,
            (EM_X86_64, _) => Family::X86_64,
            (EM_ARC_COMPACT2, _) => Family::Arc,
            (EM_SPARC, _) => Family::Sparc,
            (EM_HEXAGON, _) => Family::Hexagon,
            _ => return None,
        })
    }

    /// The same where it does not matter whether ARM is a Cortex-M: it is [`Family::Arm`] then.
    pub fn of_machine(machine: u16, class: u8) -> Option<Family> {
        Family::of_elf(machine, class, false)
    }

    /// The register set that a device of the family is read with while nobody names its chip: the
    /// richest one. A register that the device lacks stays unknown, which costs nothing.
    pub fn usual_arch(self) -> &'static str {
        match self {
            Family::CortexM => "cortex-m",
            Family::Arm => "arm",
            Family::Aarch64 => "aarch64",
            Family::RiscV32 => "riscv32",
            Family::RiscV64 => "riscv64",
            Family::Xtensa => "xtensa-esp32",
            Family::X86 => "i386",
            Family::X86_64 => "x86-64",
            Family::Arc => "arc",
            Family::Sparc => "sparc",
            Family::Hexagon => "hexagon",
            Family::Other => "",
        }
    }

    /// The family that `arch` belongs to, if any code knows it.
    pub fn of_arch(arch: &Arch) -> Option<Family> {
        Some(arch.family).filter(|family| *family != Family::Other)
    }

    /// ARM and Thumb code, whose ELF files have one machine number.
    pub fn is_arm32(self) -> bool {
        matches!(self, Family::CortexM | Family::Arm)
    }

    /// RISC-V of any width.
    pub fn is_riscv(self) -> bool {
        matches!(self, Family::RiscV32 | Family::RiscV64)
    }

    /// x86 of any width.
    pub fn is_x86(self) -> bool {
        matches!(self, Family::X86 | Family::X86_64)
    }
}

#[cfg(test)]
mod tests {
    use crate::targets::Targets;

    #[test]
    fn every_register_set_names_the_family_of_its_elf_files_and_its_roles() {
        let targets = Targets::built_in();
        for name in targets.arch_names() {
            let arch = targets.arch(name).expect("it loads");
            let own = super::Family::of_elf(
                arch.elf_machine,
                arch.elf_class,
                arch.register("xpsr").is_some(),
            );
            assert_eq!(own, Some(arch.family), "{name}");
            let usual = targets.arch(arch.family.usual_arch());
            assert_eq!(usual.map(|usual| usual.family).ok(), own, "{name}");
        }
        let cortex_m = targets.arch("cortex-m").expect("it loads");
        let name = |index: Option<usize>| Some(cortex_m.registers.get(index?)?.name.as_str());
        assert_eq!(name(cortex_m.lr), Some("lr"));
        assert_eq!(name(cortex_m.flags), Some("xpsr"));
        assert_eq!(name(cortex_m.fp), Some("r7"));
    }
}

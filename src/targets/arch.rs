//! Register sets: names, widths, numbers and features, as GDB and the manuals call them.

use super::Family;
use serde::Deserialize;
use std::collections::HashMap;
use std::ops::Range;

/// The register set of an architecture, or of a family of chips where that differs.
#[derive(Clone, Debug)]
pub struct Arch {
    /// The stem of its file: `riscv32`.
    pub name: String,
    /// Where the facts come from.
    pub source: String,
    /// GDB's (bfd's) name of the architecture.
    pub gdb_architecture: String,
    /// What it is, for code that differs by architecture.
    pub family: Family,
    /// `e_machine` of its ELF files.
    pub elf_machine: u16,
    /// 32 or 64: the class of its ELF files.
    pub elf_class: u8,
    /// The order of bytes in its registers and memory.
    pub endian: Endian,
    /// Width of an address and of most registers, in bits.
    pub word_bits: u32,
    /// Whether GDB takes a target description for it. Xtensa's has its layout compiled in.
    pub description: bool,
    /// The `g` reply ends before this register number; the rest is answered to `p` alone.
    pub g_registers: Option<u32>,
    /// The GDB to use where `gdb-multiarch` won't do.
    pub gdb_hint: Option<String>,
    /// LLVM's name of the architecture, for LLDB: `riscv32`. Without an operating system: LLDB drops
    /// an ELF file whose header speaks of another one, as GNU's in Rust firmware.
    pub triple: Option<String>,
    /// Groups of registers that exist together.
    pub features: Vec<Feature>,
    /// All registers, feature by feature.
    pub registers: Vec<Register>,
    /// Index of the program counter in `registers`.
    pub pc: usize,
    /// Index of the stack pointer in `registers`.
    pub sp: usize,
    /// Index of the frame pointer, where code has one.
    pub fp: Option<usize>,
    /// Index of the register that a call leaves the return address in.
    pub lr: Option<usize>,
    /// Index of the register of flags and modes.
    pub flags: Option<usize>,
    by_name: HashMap<String, usize>,
    by_regnum: HashMap<u32, usize>,
}

/// The order of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endian {
    /// Least significant first.
    Little,
    /// Most significant first.
    Big,
}

/// When a debugger is told of a feature's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Describe {
    /// Always.
    Always,
    /// Only if the chip or the firmware's ELF says that the device has them.
    Chip,
    /// If some thread holds one of them, or the chip has them.
    Known,
    /// Only those registers that some thread holds.
    EachKnown,
    /// Only if every thread holds all of them.
    AllThreads,
    /// Never: texts name them, but debuggers do not know them.
    Never,
}

/// A group of registers, as target descriptions name them.
#[derive(Clone, Debug)]
pub struct Feature {
    /// `org.gnu.gdb.riscv.cpu`.
    pub name: String,
    /// When it is described.
    pub describe: Describe,
    /// XML of the types that its registers use, verbatim.
    pub types: Option<String>,
    /// Its registers, as indices.
    pub registers: Range<usize>,
}

/// One register.
#[derive(Clone, Debug)]
pub struct Register {
    /// The name that GDB shows.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Width in bits, at most 128.
    pub bits: u32,
    /// Its number in the remote protocol (`p`, and the order of `g`).
    pub regnum: u32,
    /// GDB's type of it: `int`, `code_ptr`, `data_ptr`, `ieee_single`...
    pub gdb_type: String,
    /// GDB's group of it, where it isn't the default.
    pub group: Option<String>,
    /// LLDB's generic name: `pc`, `sp`, `fp`, `ra`, `arg1`...
    pub generic: Option<String>,
    /// Its number in DWARF.
    pub dwarf: Option<u32>,
    /// Xtensa: its special-register number. RISC-V: its CSR number. Arm M-profile: its address in
    /// the System Control Space.
    pub number: Option<u32>,
    /// The value that the architecture wires it to, as RISC-V does with `zero`: known in every
    /// thread, held by no dump.
    pub constant: Option<u128>,
    /// Index of the register whose value this one shows; its own for most.
    pub storage: usize,
    /// Index of its feature.
    pub feature: usize,
}

impl Register {
    /// Width in bytes.
    pub fn byte_len(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }
}

impl Arch {
    /// The index of the register called `name`, by its name or another name of it.
    pub fn register(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Whether only texts name the register at `index`, and no debugger knows it.
    pub fn is_only_printed(&self, index: usize) -> bool {
        let feature = self.registers.get(index).and_then(|r| self.features.get(r.feature));
        feature.is_some_and(|feature| feature.describe == Describe::Never)
    }

    /// The index of the register with the number `regnum` in the remote protocol.
    pub fn register_by_regnum(&self, regnum: u32) -> Option<usize> {
        self.by_regnum.get(&regnum).copied()
    }

    /// The index of the register with the DWARF number `dwarf`.
    pub fn register_by_dwarf(&self, dwarf: u32) -> Option<usize> {
        self.registers.iter().position(|r| r.dwarf == Some(dwarf))
    }

    /// The index of the Xtensa special register, or RISC-V CSR, `number`.
    pub fn register_by_number(&self, number: u32) -> Option<usize> {
        self.registers.iter().position(|r| r.number == Some(number))
    }

    /// The mask of an address.
    pub fn address_mask(&self) -> u64 {
        u64::MAX >> (64 - self.word_bits.clamp(1, 64))
    }

    pub(super) fn parse(text: &str) -> Result<Arch, String> {
        let file: ArchFile = toml::from_str(text).map_err(|e| e.to_string())?;
        file.build()
    }
}

// The file as it is written. Ranges such as `ar{0..63}` are expanded when it is built.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchFile {
    name: String,
    source: String,
    gdb_architecture: String,
    family: Option<Family>,
    elf_machine: u16,
    elf_class: u8,
    endian: Endian,
    word_bits: u32,
    pc: String,
    sp: String,
    #[serde(default = "yes")]
    description: bool,
    g_registers: Option<u32>,
    gdb_hint: Option<String>,
    triple: Option<String>,
    feature: Vec<FeatureFile>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureFile {
    name: String,
    describe: Describe,
    types: Option<String>,
    registers: Vec<RegisterFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterFile {
    name: String,
    regnum: u32,
    #[serde(default)]
    alias: Vec<String>,
    bits: Option<u32>,
    #[serde(rename = "type")]
    gdb_type: Option<String>,
    group: Option<String>,
    generic: Option<String>,
    dwarf: Option<u32>,
    #[serde(alias = "sr", alias = "csr")]
    number: Option<u32>,
    constant: Option<u64>,
    same_as: Option<String>,
}

impl ArchFile {
    fn build(self) -> Result<Arch, String> {
        if !(8..=64).contains(&self.word_bits) {
            return Err(format!("word_bits: expected 8 to 64, found {}", self.word_bits));
        }
        let mut registers = Vec::new();
        let mut same_as = Vec::new();
        let mut features = Vec::new();
        for (feature, file) in self.feature.into_iter().enumerate() {
            let first = registers.len();
            for entry in file.registers {
                for (register, same) in entry.expand(self.word_bits, feature)? {
                    registers.push(register);
                    same_as.push(same);
                }
            }
            let FeatureFile { name, describe, types, .. } = file;
            features.push(Feature { name, describe, types, registers: first..registers.len() });
        }

        let mut by_name = HashMap::new();
        let mut by_regnum = HashMap::new();
        for (index, register) in registers.iter().enumerate() {
            for name in std::iter::once(&register.name).chain(&register.aliases) {
                if by_name.insert(name.clone(), index).is_some() {
                    return Err(format!("register {name}: the name is there twice"));
                }
            }
            if by_regnum.insert(register.regnum, index).is_some() {
                let Register { name, regnum, .. } = register;
                return Err(format!("register {name}: the number {regnum} is there twice"));
            }
        }
        let find = |key: &str, name: &str| {
            let index = by_name.get(name).copied();
            index.ok_or_else(|| format!("{key}: there is no register {name}"))
        };
        for (index, same) in same_as.iter().enumerate() {
            let storage = same.as_deref().map_or(Ok(index), |name| find("same_as", name))?;
            registers[index].storage = storage;
        }
        // What LLDB calls generic names are the roles.
        let role = |name: &str| registers.iter().position(|r| r.generic.as_deref() == Some(name));
        let m_profile = by_name.contains_key("xpsr");
        let of_elf = || Family::of_elf(self.elf_machine, self.elf_class, m_profile);
        Ok(Arch {
            family: self.family.or_else(of_elf).unwrap_or(Family::Other),
            fp: role("fp"),
            lr: role("ra"),
            flags: role("flags"),
            pc: find("pc", &self.pc)?,
            sp: find("sp", &self.sp)?,
            name: self.name,
            source: self.source,
            gdb_architecture: self.gdb_architecture,
            elf_machine: self.elf_machine,
            elf_class: self.elf_class,
            endian: self.endian,
            word_bits: self.word_bits,
            description: self.description,
            g_registers: self.g_registers,
            gdb_hint: self.gdb_hint,
            triple: self.triple,
            features,
            registers,
            by_name,
            by_regnum,
        })
    }
}

impl RegisterFile {
    /// The registers that the entry stands for, each with the name of the one it is the same as.
    fn expand(
        self,
        word_bits: u32,
        feature: usize,
    ) -> Result<Vec<(Register, Option<String>)>, String> {
        let bits = self.bits.unwrap_or(word_bits);
        if !(1..=128).contains(&bits) {
            return Err(format!("register {}: bits: expected 1 to 128, found {bits}", self.name));
        }
        let names = expand_name(&self.name)?;
        let ranged = names.len() > 1;
        if ranged && (!self.alias.is_empty() && !self.alias.iter().all(|a| a.contains('{'))) {
            return Err(format!("register {}: an alias of a range must be a range", self.name));
        }
        let aliases =
            self.alias.iter().map(|name| expand_name(name)).collect::<Result<Vec<_>, _>>()?;
        let same = self.same_as.as_deref().map(expand_name).transpose()?;
        let generic = self.generic.as_deref().map(expand_name).transpose()?;
        names
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                let step = i as u32;
                let nth = |list: &Vec<String>| {
                    list.get(i).cloned().ok_or_else(|| format!("register {name}: ranges differ"))
                };
                let same = same.as_ref().map(nth).transpose()?;
                let register = Register {
                    aliases: aliases.iter().map(nth).collect::<Result<_, _>>()?,
                    bits,
                    regnum: self.regnum + step,
                    gdb_type: self.gdb_type.clone().unwrap_or_else(|| "int".into()),
                    group: self.group.clone(),
                    generic: generic.as_ref().map(nth).transpose()?,
                    dwarf: self.dwarf.map(|n| n + step),
                    number: self.number.map(|n| n + step),
                    constant: self.constant.map(u128::from),
                    storage: 0,
                    feature,
                    name,
                };
                Ok((register, same))
            })
            .collect()
    }
}

/// `ar{0..3}` stands for `ar0`, `ar1`, `ar2`, `ar3`; any other name for itself.
fn expand_name(name: &str) -> Result<Vec<String>, String> {
    let Some((head, rest)) = name.split_once('{') else { return Ok(vec![name.to_string()]) };
    let bad = || format!("{name}: expected a range such as ar{{0..63}}");
    let (range, tail) = rest.split_once('}').ok_or_else(bad)?;
    let (first, last) = range.split_once("..").ok_or_else(bad)?;
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| bad());
    let (first, last) = (number(first)?, number(last)?);
    if first > last || last > 999 {
        return Err(bad());
    }
    Ok((first..=last).map(|n| format!("{head}{n}{tail}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_names_expands_with_both_ends() {
        assert_eq!(expand_name("f{9..11}_lo").unwrap(), ["f9_lo", "f10_lo", "f11_lo"]);
        assert_eq!(expand_name("pc").unwrap(), ["pc"]);
        assert!(expand_name("f{3..1}").is_err());
        assert!(expand_name("f{3-5}").is_err());
    }
}

//! The target description: which registers a debugger is told of, and the XML that tells it.
//!
//! The same choice decides what a `g` reply holds and what an ELF core tells plain GDB, so it is
//! made here, once.
//!
//! Sources: GDB 13.1 manual, appendix G "Target Descriptions"; LLDB's additions (`altname`,
//! `dwarf_regnum`, `ehframe_regnum`, `generic`) as its `gdb-remote` plug-in of version 14 reads
//! them. GDB ignores those.

use crate::dump::{Dump, Thread};
use crate::targets::{Arch, Describe, Register};
use crate::xml::Escaped;
use std::fmt::{self, Write};

/// The registers that debuggers of one dump know of.
pub(crate) struct Layout {
    /// Indices of the described registers, feature by feature.
    described: Vec<usize>,
    /// Indices of the registers of a `g` reply, by their number.
    pub(crate) general: Vec<usize>,
}

impl Layout {
    /// The choice for `dump`, by the rules of its register set.
    pub(crate) fn of(dump: &Dump) -> Self {
        let arch = &dump.arch;
        let described: Vec<usize> =
            (0..arch.registers.len()).filter(|index| is_described(dump, *index)).collect();
        let mut general = described.clone();
        general.sort_by_key(|index| arch.registers[*index].regnum);
        if let Some(end) = arch.g_registers {
            general.retain(|index| arch.registers[*index].regnum < end);
        }
        Layout { described, general }
    }

    /// The XML of it; `None` where debuggers take no description and have the layout built in.
    pub(crate) fn xml(&self, arch: &Arch) -> Option<String> {
        if !arch.description {
            return None;
        }
        let mut xml = String::new();
        self.write_xml(arch, &mut xml).ok()?;
        Some(xml)
    }

    fn write_xml(&self, arch: &Arch, xml: &mut String) -> fmt::Result {
        writeln!(xml, "<?xml version=\"1.0\"?>")?;
        writeln!(xml, "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">")?;
        writeln!(xml, "<target version=\"1.0\">")?;
        writeln!(xml, "<architecture>{}</architecture>", Escaped(&arch.gdb_architecture))?;
        for feature in &arch.features {
            let registers = self.described.iter().filter(|index| feature.registers.contains(index));
            let mut registers = registers.peekable();
            if registers.peek().is_none() {
                continue;
            }
            writeln!(xml, "<feature name=\"{}\">", Escaped(&feature.name))?;
            if let Some(types) = &feature.types {
                writeln!(xml, "{}", types.trim())?;
            }
            for index in registers {
                write_register(&arch.registers[*index], xml)?;
            }
            writeln!(xml, "</feature>")?;
        }
        writeln!(xml, "</target>")
    }
}

fn is_described(dump: &Dump, index: usize) -> bool {
    let feature = &dump.arch.features[dump.arch.registers[index].feature];
    let held = |index: usize| dump.threads.iter().any(|thread| holds(thread, index));
    match feature.describe {
        Describe::Always => true,
        Describe::Never => false,
        Describe::Chip => chip_has(dump, &feature.name),
        Describe::Known => chip_has(dump, &feature.name) || feature.registers.clone().any(held),
        Describe::EachKnown => held(index),
        Describe::AllThreads => {
            let known = |thread: &Thread, index| thread.registers.get(index).is_some();
            let all = |thread| feature.registers.clone().all(|index| known(thread, index));
            !dump.threads.is_empty() && dump.threads.iter().all(all)
        }
    }
}

/// Whether the dump holds it. What the architecture wires to a constant says nothing of the dump.
fn holds(thread: &Thread, index: usize) -> bool {
    let registers = &thread.registers;
    registers.arch().registers[index].constant.is_none() && registers.get(index).is_some()
}

fn chip_has(dump: &Dump, feature: &str) -> bool {
    let chips = dump.chip.iter().flat_map(|chip| &chip.features);
    chips.chain(&dump.features).any(|name| name == feature)
}

fn write_register(register: &Register, xml: &mut String) -> fmt::Result {
    let Register { name, bits, regnum, gdb_type, group, generic, dwarf, aliases, .. } = register;
    write!(xml, "<reg name=\"{}\" bitsize=\"{bits}\" regnum=\"{regnum}\"", Escaped(name))?;
    write!(xml, " type=\"{}\"", Escaped(gdb_type))?;
    if let Some(group) = group {
        write!(xml, " group=\"{}\"", Escaped(group))?;
    }
    if let Some(alias) = aliases.first() {
        write!(xml, " altname=\"{}\"", Escaped(alias))?;
    }
    if let Some(dwarf) = dwarf {
        write!(xml, " dwarf_regnum=\"{dwarf}\" ehframe_regnum=\"{dwarf}\"")?;
    }
    if let Some(generic) = generic {
        write!(xml, " generic=\"{}\"", Escaped(generic))?;
    }
    writeln!(xml, "/>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Registers;
    use crate::targets::Targets;
    use std::sync::Arc;

    fn dump(arch: &str, threads: &[&[&str]]) -> Dump {
        let mut targets = Targets::built_in();
        let name = targets.add("test.toml", arch.to_string()).expect("the test's own set is right");
        let arch = targets.arch(&name).expect("it was just added");
        let mut dump = Dump::new("test", Arc::clone(&arch));
        for (id, known) in (1..).zip(threads) {
            let mut registers = Registers::unknown(Arc::clone(&arch));
            for name in *known {
                assert!(registers.set_by_name(name, 1u8));
            }
            dump.threads.push(Thread::new(id, registers));
        }
        dump
    }

    fn set(describe: &str) -> String {
        format!(
            r#"
            name = "made-up"
            source = "this test"
            gdb_architecture = "made:up"
            elf_machine = 0
            elf_class = 32
            endian = "little"
            word_bits = 32
            pc = "pc"
            sp = "sp"
            feature = [
              {{ name = "core", describe = "always", registers = [
                {{ name = "sp", regnum = 1 }}, {{ name = "pc", regnum = 0 }} ] }},
              {{ name = "extra", describe = "{describe}", registers = [
                {{ name = "a", regnum = 8 }}, {{ name = "b", regnum = 9 }} ] }},
            ]
            "#
        )
    }

    fn general(dump: &Dump) -> Vec<&str> {
        let layout = Layout::of(dump);
        layout.general.iter().map(|index| dump.arch.registers[*index].name.as_str()).collect()
    }

    #[test]
    fn a_feature_is_described_by_its_rule() {
        let holding = |rule: &str, threads: &[&[&str]]| {
            let dump = dump(&set(rule), threads);
            general(&dump).join(" ")
        };
        assert_eq!(holding("always", &[&["pc"]]), "pc sp a b");
        assert_eq!(holding("chip", &[&["pc", "a", "b"]]), "pc sp");
        assert_eq!(holding("known", &[&["pc"], &["a"]]), "pc sp a b");
        assert_eq!(holding("known", &[&["pc"], &["pc"]]), "pc sp");
        assert_eq!(holding("each-known", &[&["pc"], &["b"]]), "pc sp b");
        assert_eq!(holding("all-threads", &[&["a", "b"], &["a"]]), "pc sp");
        assert_eq!(holding("all-threads", &[&["a", "b"], &["a", "b"]]), "pc sp a b");
        assert_eq!(holding("all-threads", &[]), "pc sp");
    }

    #[test]
    fn what_the_dump_says_of_the_device_counts_as_the_chips() {
        let mut dump = dump(&set("chip"), &[&["pc"]]);
        dump.features.push("extra".into());
        assert_eq!(general(&dump), ["pc", "sp", "a", "b"]);
    }

    #[test]
    fn the_general_registers_go_by_number_and_end_where_the_set_says() {
        let cut = set("always").replace("sp = \"sp\"", "sp = \"sp\"\ng_registers = 9");
        assert_eq!(general(&dump(&cut, &[&["pc"]])), ["pc", "sp", "a"]);
    }

    #[test]
    fn the_xml_carries_what_lldb_asks_for() {
        let arch = Targets::built_in().arch("riscv32").expect("a built-in set");
        let dump = Dump::new("test", arch);
        let xml = Layout::of(&dump).xml(&dump.arch).expect("RISC-V has a description");
        assert!(xml.contains("<architecture>riscv:rv32</architecture>"));
        let sp = "<reg name=\"sp\" bitsize=\"32\" regnum=\"2\" type=\"data_ptr\" altname=\"x2\" \
                  dwarf_regnum=\"2\" ehframe_regnum=\"2\" generic=\"sp\"/>";
        assert!(xml.contains(sp), "{xml}");
        assert!(!xml.contains("org.gnu.gdb.riscv.fpu") && !xml.contains("mcause"));
    }
}

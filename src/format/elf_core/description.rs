//! NT_GDB_TDESC: the target description that GDB had when it wrote the core.
//!
//! It is *not* served to a debugger as it stands. Register numbers on the wire are those of our
//! own sets, which hold more than the core (fault registers, `msp`), and a debugger must never
//! get a description and an order of registers from two places. What it is good for:
//!
//! 1. it tells a Cortex-M from other ARMs, which nothing else in a core does for certain;
//! 2. the CSR note is in the order of its feature `org.gnu.gdb.riscv.csr`;
//! 3. registers that it names and our set lacks are told to the user.

use super::super::elf::ElfNote;
use super::NAME;
use crate::dump::{Dump, Note};
use crate::memory::text_until_nul;

const NT_GDB_TDESC: u32 = 0xff00_0000;

/// Features and their registers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Description {
    features: Vec<(String, Vec<String>)>,
}

impl Description {
    /// The description in `note`, if it holds one.
    pub(super) fn of_note(note: &ElfNote) -> Option<Description> {
        (note.name == "GDB" && note.kind == NT_GDB_TDESC)
            .then(|| Description::parse(&text_until_nul(&note.desc)))
    }

    /// GDB writes this XML itself, always in the same shape: a tag a line, `name` quoted.
    fn parse(xml: &str) -> Description {
        let mut description = Description::default();
        for tag in xml.split('<') {
            let Some(name) = attribute(tag, "name") else { continue };
            if tag.starts_with("feature ") {
                description.features.push((name.to_string(), Vec::new()));
            } else if tag.starts_with("reg ")
                && let Some((_, registers)) = description.features.last_mut()
            {
                registers.push(name.to_string());
            }
        }
        description
    }

    /// Whether a feature's name starts with `prefix`.
    pub(super) fn has_feature(&self, prefix: &str) -> bool {
        self.features.iter().any(|(name, _)| name.starts_with(prefix))
    }

    /// The registers of `feature`, in its order.
    pub(super) fn registers_of<'a>(&'a self, feature: &'a str) -> impl Iterator<Item = &'a str> {
        let of = self.features.iter().filter(move |(name, _)| name == feature);
        of.flat_map(|(_, registers)| registers).map(String::as_str)
    }

    /// Tells of the registers that our set lacks.
    pub(super) fn tell(&self, dump: &mut Dump) {
        let arch = dump.arch.clone();
        let all = self.features.iter().flat_map(|(_, registers)| registers);
        let lacking: Vec<&str> =
            all.filter(|name| arch.register(name).is_none()).map(String::as_str).collect();
        if let Some(first) = lacking.first() {
            dump.notes.push(
                Note::info(format!(
                    "the core's target description has {} registers that the set {} lacks \
                 ({first}...): they are not shown",
                    lacking.len(),
                    arch.name
                ))
                .by(NAME)
                .code("left-out"),
            );
        }
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let behind = tag.split_once(&format!(" {name}=\""))?.1;
    Some(behind.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_and_registers_are_read_in_their_order() {
        let xml = "<?xml version=\"1.0\"?>\n<target>\n  <architecture>arm</architecture>\n  \
                   <feature name=\"org.gnu.gdb.arm.m-profile\">\n    <reg name=\"r0\" bitsize=\"32\"/>\n    \
                   <reg name=\"sp\" bitsize=\"32\"/>\n  </feature>\n  <feature name=\"other\">\n";
        let description = Description::parse(xml);
        assert!(description.has_feature("org.gnu.gdb.arm.m-"));
        let registers: Vec<_> = description.registers_of("org.gnu.gdb.arm.m-profile").collect();
        assert_eq!(registers, ["r0", "sp"]);
        assert_eq!(description.registers_of("other").count(), 0);
    }
}

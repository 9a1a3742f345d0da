//! What the source calls the pointer and the member that an access went through, where DWARF proves it.

use super::Case;
use crate::debug_info::{Language, Type, member_offset};
use crate::disasm::{Access, Instruction};
use crate::values::{InScope, Scopes};
use gimli::constants as dw;

/// Structures within structures.
const DEEPEST: usize = 8;

/// The pointer of an access in the words of the source.
pub(super) struct Named {
    /// `m`
    pub pointer: String,
    /// `m->state (offset 4 of struct motor)`
    pub member: Option<String>,
    pub evidence: Vec<String>,
}

impl Case<'_, '_> {
    /// The variable that the register `base` is: DWARF says that it is in it here, or in the word of the stack
    /// that the register was loaded from.
    pub(super) fn expression(
        &self,
        instruction: &Instruction,
        base: &str,
        access: &Access,
    ) -> Option<Named> {
        debug_assert_eq!(instruction.addr, self.frame.pc);
        let arch = &self.dump.arch;
        let number =
            arch.register(code_name(arch.family, base)).and_then(|i| arch.registers.get(i)?.dwarf);
        let slot = self.loaded_from(base);
        let places = self.modules.places(self.frame.lookup_pc());
        let scopes = Scopes { dump: self.dump, modules: self.modules };
        for index in 0..places.len() {
            for variable in scopes.values(self.frames, self.at, &places, index) {
                if variable.at_entry {
                    continue;
                }
                let Some(value) = variable.value.as_ref().ok() else { continue };
                let in_register = number.is_some() && variable.register == number.map(u64::from);
                let in_slot = slot.as_ref().is_some_and(|slot| value.address() == Some(slot.addr));
                if !in_register && !in_slot {
                    continue;
                }
                let evidence = match (in_register, &slot) {
                    (true, _) => format!("DWARF: {} is in {base} here", variable.name),
                    (_, Some(slot)) => format!(
                        "{} read {base} from {:#x}, where DWARF has {}",
                        self.shown(&slot.by),
                        slot.addr,
                        variable.name
                    ),
                    _ => continue,
                };
                return self.named(&variable, access, evidence);
            }
        }
        None
    }

    fn named(&self, variable: &InScope<'_>, access: &Access, evidence: String) -> Option<Named> {
        let pointer = variable.name.clone();
        let kind = variable.value.as_ref().ok()?.plain_type()?;
        kind.is_pointer().then_some(())?;
        let target = kind.target();
        let plain = access.index.is_none();
        let member = target.filter(|_| plain).and_then(|target| {
            let offset = u64::try_from(access.offset).ok()?;
            let width = u64::from(access.width?);
            let arrow = if kind.unit.language() == Language::Rust { "." } else { "->" };
            if !target.is_structure() {
                return (offset == 0 && target.size() == Some(width))
                    .then(|| format!("*{pointer}"));
            }
            let path = path_to(&target, offset, width, DEEPEST)?;
            let name = target.path();
            let keyword = match (target.unit.language(), target.tag()) {
                (Language::C, dw::DW_TAG_union_type) => "union ",
                (Language::C, _) if target.name().is_some() => "struct ",
                _ => "",
            };
            Some(format!("{pointer}{arrow}{path} (offset {offset} of {keyword}{name})"))
        });
        Some(Named { pointer, member, evidence: vec![evidence] })
    }
}

/// The name that the register set has for what the disassembler calls so.
fn code_name(family: crate::targets::Family, name: &str) -> &str {
    match name {
        "sl" if family.is_arm32() => "r10",
        "fp" if family.is_arm32() => "r11",
        "ip" if family.is_arm32() => "r12",
        name => name,
    }
}

/// The member of `width` bytes at `offset`; `None` where there is none, or more than one.
fn path_to(kind: &Type<'_>, offset: u64, width: u64, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    // The members of a union lie upon each other.
    (kind.tag() != dw::DW_TAG_union_type).then_some(())?;
    let mut found = None;
    for entry in kind.children(&[dw::DW_TAG_member]) {
        let is_bits = entry.has_attr(dw::DW_AT_bit_size);
        let (Some(start), Some(member)) = (member_offset(&entry), Type::of(kind.unit, &entry))
        else {
            return None;
        };
        let size = member.size()?;
        if is_bits || !(start..start.checked_add(size)?).contains(&offset) {
            continue;
        }
        let name = kind.unit.string(&entry, dw::DW_AT_name)?;
        let path = if member.is_structure() {
            format!("{name}.{}", path_to(&member, offset - start, width, depth)?)
        } else if member.is_array() {
            let element = member.target()?;
            let len = element.size().filter(|len| *len > 0)?;
            let (index, rest) = ((offset - start) / len, (offset - start) % len);
            (member.dimensions().len() == 1).then_some(())?;
            match element.is_structure() {
                true => format!("{name}[{index}].{}", path_to(&element, rest, width, depth)?),
                false => (rest == 0 && len == width).then(|| format!("{name}[{index}]"))?,
            }
        } else {
            (start == offset && size == width).then_some(name)?
        };
        if found.replace(path).is_some() {
            return None;
        }
    }
    found
}

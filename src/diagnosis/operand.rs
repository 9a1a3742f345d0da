//! What could not be accessed, and through what.

use super::fault::Kind;
use super::{Case, Sentence};
use crate::disasm::{Access, Instruction};
use crate::targets::Family;

/// Several registers are loaded or stored at once: as many bytes at most.
const MOST_AT_ONCE: u64 = 128;

impl Case<'_, '_> {
    /// The address that an access goes to, as the registers are.
    pub(super) fn address_of(&self, access: &Access) -> Option<u64> {
        if let Some(address) = access.absolute {
            return Some(address);
        }
        let mut address = access.offset as u64;
        if let Some(base) = &access.base {
            address = address.wrapping_add(self.register(base)?);
        }
        if let Some((index, shift)) = &access.index {
            address = address.wrapping_add(self.register(index)?.wrapping_shl((*shift).into()));
        }
        (access.base.is_some() || access.index.is_some())
            .then_some(address & self.dump.arch.address_mask())
    }

    /// Whether the fault is of this access for certain: the core names the address that it computes.
    fn agrees(&self, instruction: &Instruction, access: &Access, address: u64) -> bool {
        let direction = match self.fault.kind {
            Kind::Load => access.load,
            Kind::Store => access.store,
            Kind::Access | Kind::Misaligned => true,
            _ => false,
        };
        let width = u64::from(access.width.unwrap_or(1));
        let len = if access.width.is_some() { width } else { MOST_AT_ONCE };
        direction
            && match self.fault.address {
                Some(told) => told.wrapping_sub(address) < len,
                // UNALIGNED of Cortex-M comes without an address.
                None => {
                    self.fault.kind == Kind::Misaligned
                        && !address.is_multiple_of(self.alignment(instruction, width))
                }
            }
    }

    /// What the address must be a multiple of. Two registers at once need the alignment of one.
    ///
    /// Sources: ARMv7-M ARM (DDI 0403E.e), A3.2.1; Arm ARM (DDI 0487), B2.8.2.
    fn alignment(&self, instruction: &Instruction, width: u64) -> u64 {
        let family = self.dump.arch.family;
        let name = instruction.mnemonic.as_str();
        let is_exclusive = name.contains("ex") || name.contains("xp");
        match family {
            _ if is_exclusive => width,
            _ if family.is_arm32() => width.min(4),
            Family::Aarch64 if ["ldp", "stp", "ldnp", "stnp"].contains(&name) => (width / 2).max(1),
            _ => width,
        }
    }

    /// The access that failed.
    pub(super) fn operand(&self) -> Vec<Sentence> {
        self.failed_access().unwrap_or_default()
    }

    fn failed_access(&self) -> Option<Vec<Sentence>> {
        self.fault.is_access().then_some(())?;
        let instruction = self.code.at(self.frame.pc)?;
        let access = instruction.memory.as_ref()?;
        let address = self.address_of(access)?;
        self.agrees(&instruction, access, address).then_some(())?;

        let base = access.base.as_deref();
        let pointer = base.and_then(|base| self.register(base));
        let named = base.and_then(|base| self.expression(&instruction, base, access));
        let what = match (access.load, access.store) {
            (true, true) => "read and write",
            (false, true) => "store",
            _ => "load",
        };
        let direction = if access.store && !access.load { "to" } else { "from" };
        let size = match access.width {
            Some(1) => " of 1 byte".to_string(),
            Some(width) => format!(" of {width} bytes"),
            None => String::new(),
        };
        let misaligned = match (self.fault.kind, access.width) {
            (Kind::Misaligned, Some(width)) => match self.alignment(&instruction, width.into()) {
                needed if address.is_multiple_of(needed) => String::new(),
                needed => format!(": the address is not a multiple of {needed}"),
            },
            _ => String::new(),
        };
        let place = match &named {
            Some(named) => match &named.member {
                Some(member) => format!("{member} at {address:#x}"),
                None => format!("{address:#x}, through {},", named.pointer),
            },
            None => format!("{address:#x}"),
        };
        let words = format!("{what}{size} {direction} {place} failed{misaligned}");
        let mut first = Sentence::new("operand", words);
        first.evidence.push(self.shown(&instruction));
        first.evidence.extend(self.values(access));
        first.evidence.extend(self.fault.evidence.iter().cloned());
        first.evidence.extend(named.iter().flat_map(|named| named.evidence.clone()));
        let mut all = vec![first];

        // What the pointer is. With an index nobody knows which of both is wrong.
        if let (Some(pointer), Some(base)) = (pointer, base)
            && access.index.is_none()
            && self.fault.kind != Kind::Misaligned
        {
            let who =
                named.as_ref().map_or_else(|| base.to_string(), |named| named.pointer.clone());
            let overflow = self.below_stack(base, address);
            let looks = || self.looks_like(pointer, access.offset);
            if let Some(sentence) = overflow {
                all.push(sentence);
            } else if let Some(looks) = looks() {
                let number = if pointer == 0 { String::new() } else { format!(" = {pointer:#x}") };
                let sentence = Sentence::new("pointer", format!("{who}{number} {looks}"));
                all.push(sentence.because(format!("{base} = {pointer:#x}")));
            }
        }
        if let Some(base) = base.filter(|base| !self.is_stack_pointer(base)) {
            all.extend(self.read_from(base));
        }
        Some(all)
    }

    /// `ldr r3, [r3, #4] at 0x72`
    pub(super) fn shown(&self, instruction: &Instruction) -> String {
        format!("`{}` at {:#x}", instruction.text(), instruction.addr)
    }

    /// The values of the registers that an address is made of.
    fn values(&self, access: &Access) -> Vec<String> {
        let index = access.index.as_ref().map(|(index, _)| index);
        let names = access.base.iter().chain(index);
        names.filter_map(|name| Some(format!("{name} = {:#x}", self.register(name)?))).collect()
    }

    pub(super) fn is_stack_pointer(&self, name: &str) -> bool {
        let arch = &self.dump.arch;
        arch.register(name).is_some_and(|index| index == arch.sp)
    }
}

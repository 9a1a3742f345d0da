//! Which machine the registers of a text are of.
//!
//! Names that only one machine has tell it for certain; then a chip that the words around name, whose
//! registers these can be; then addresses: a stack in the SRAM of a Cortex-M and code with Thumb's bit
//! where it keeps code. What addresses alone tell is doubtful, and is said to be.
//!
//! Source: ARMv7-M Architecture Reference Manual (DDI 0403E.e), B3.1 "The system address map".

use super::NamedRegisters;
use super::assemble::NamedPart;
use crate::dump::Note;
use crate::error::Result;
use crate::format::Context;
use crate::format::machine::{Family, Machine, machine_of, set_by_any_name};
use crate::registers::Registers;

/// The machine of parts of which nobody says it; `None` if nothing tells.
///
/// # Errors
/// As [`machine_of`].
pub(super) fn machine(
    parts: &[NamedPart],
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Option<Machine>> {
    let sets = || parts.iter().flat_map(|part| &part.contents.registers);
    if let Some(family) = sets().find_map(by_names) {
        return machine_of(context, family).map(Some);
    }
    let Some(set) = sets().next() else { return Ok(None) };
    if let Some(machine) = by_words(parts, set, context)? {
        return Ok(Some(machine));
    }
    let Some(family) = sets().find_map(by_addresses) else { return Ok(None) };
    notes.push(Note::doubt(format!(
        "the registers are those of several machines: by their addresses they are taken for those of \
         {}, --target names another",
        family.usual_arch()
    )).code("assumed"));
    machine_of(context, family).map(Some)
}

/// The machine that has registers of these names.
fn by_names(set: &NamedRegisters) -> Option<Family> {
    let has = |names: &[&str]| names.iter().any(|name| set.contains_key(*name));
    Some(match () {
        () if has(&["xpsr", "msp", "psp", "primask", "basepri", "faultmask"]) => Family::CortexM,
        // Fault status words of the System Control Space, and the short name of xPSR.
        () if has(&["cfsr", "hfsr", "mmfar", "bfar", "exc_return", "psr"])
            && has(&["r0", "r12"]) =>
        {
            Family::CortexM
        }
        () if has(&["rip", "rsp"]) => Family::X86_64,
        () if has(&["eip", "esp"]) => Family::X86,
        () if has(&["excvaddr", "windowbase", "exccause", "lbeg"]) => Family::Xtensa,
        () if has(&["x30", "pstate"]) && has(&["sp"]) && !has(&["gp"]) => Family::Aarch64,
        () if has(&["gp", "ra", "mepc", "mcause"]) || (has(&["t0"]) && has(&["a0"])) => {
            let wide = set.values().any(|value| *value > u64::from(u32::MAX));
            if wide { Family::RiscV64 } else { Family::RiscV32 }
        }
        () if has(&["ps"]) && has(&["a1"]) => Family::Xtensa,
        () if has(&["cpsr"]) => Family::Arm,
        () => return None,
    })
}

/// The one chip that the words around the registers name, if it has such registers.
fn by_words(
    parts: &[NamedPart],
    set: &NamedRegisters,
    context: &Context<'_>,
) -> Result<Option<Machine>> {
    let mut named: Option<Machine> = None;
    let said = parts.iter().flat_map(|part| part.contents.said.iter().flatten());
    for word in said.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())) {
        let word = word.to_ascii_lowercase();
        if !context.targets.chip_names().any(|name| name == word) {
            continue;
        }
        let chip = context.targets.chip(&word)?;
        let arch = context.targets.arch(&chip.arch)?;
        let mut registers = Registers::unknown(arch.clone());
        let has_all = set.iter().all(|(name, value)| set_by_any_name(&mut registers, name, *value));
        match &mut named {
            _ if !has_all => {}
            None => named = Some(Machine { arch, chip: Some(chip) }),
            Some(other) if other.arch.name != arch.name => return Ok(None),
            Some(other) => other.chip.take_if(|known| known.name != chip.name).map_or((), drop),
        }
    }
    Ok(named)
}

/// What the addresses tell of registers called r0, sp, lr and pc.
fn by_addresses(set: &NamedRegisters) -> Option<Family> {
    let value = |name: &str| set.get(name).copied();
    value("r0").or(value("r1"))?;
    let (sp, pc, lr) = (value("sp"), value("pc")?, value("lr")?);
    // The handler's lr is an EXC_RETURN.
    let thumb = lr & 1 != 0 && pc & 1 == 0;
    let code = pc < 0x2000_0000 || (0x6000_0000..0xa000_0000).contains(&pc);
    let sram = |sp: u64| (0x1000_0000..0x4000_0000).contains(&sp);
    if thumb && code && sp.is_none_or(sram) {
        return Some(Family::CortexM);
    }
    // Without Thumb's bit it runs ARM code, which a Cortex-M has not.
    let arm = lr % 4 == 0 && pc % 4 == 0 && lr != 0 && u32::try_from(lr).is_ok();
    arm.then_some(Family::Arm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::parts::PartContents;
    use crate::targets::Targets;

    fn machine_for(values: &[(&str, u64)], said: &str) -> Option<(String, usize)> {
        let targets = Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        let set = values.iter().map(|(name, value)| ((*name).to_string(), *value)).collect();
        let said = [vec![said.to_string()], Vec::new()];
        let contents = PartContents { registers: vec![set], said, ..PartContents::default() };
        let parts = [NamedPart { file: String::new(), contents }];
        let mut notes = Vec::new();
        let found = machine(&parts, &context, &mut notes).unwrap()?;
        let name = found.chip.map_or(found.arch.name.clone(), |chip| chip.name.clone());
        Some((name, notes.len()))
    }

    #[test]
    fn addresses_tell_machines_whose_registers_have_the_same_names() {
        let arm = |sp, lr, pc| machine_for(&[("r0", 0), ("sp", sp), ("lr", lr), ("pc", pc)], "");
        let cortex_m = Some(("cortex-m".to_string(), 1));
        assert_eq!(arm(0x2000_3f00, 0x803_b45d, 0x803_b30e), cortex_m);
        assert_eq!(arm(0x8000_3f00, 0x8003_b45c, 0x8003_b30c).unwrap().0, "arm");
        assert_eq!(arm(0x8000_3f00, 0x803_b45d, 0x803_b30e), None);
        assert_eq!(arm(0x2000_3f00, 0, 0x803_b30e), None);
    }

    #[test]
    fn words_tell_a_chip_if_it_has_such_registers() {
        let set = [("pc", 0x4200_3b1e), ("sp", 0x3fc9_4c30), ("a0", 1), ("a1", 2)];
        assert_eq!(machine_for(&set, "ESP-ROM:esp32c3-api1"), Some(("esp32c3".into(), 0)));
        assert_eq!(machine_for(&set, "esp32c3 or esp32c6"), Some(("riscv32".into(), 0)));
        assert_eq!(machine_for(&set, "boot"), None);
        assert_eq!(machine_for(&[("t0", 1), ("a0", 1)], ""), Some(("riscv32".into(), 0)));
    }
}

//! What is different in a crash text of 64-bit ARM: the names of registers, and the syndrome.
//!
//! Source: NuttX 0a6131545a4, `arch/arm64/src/common/arm64_registerdump.c`; Arm ARM for A-profile
//! (DDI 0487J.a), C5.2 "SPSR_EL1" and D19.2 "ESR_EL1".

use crate::dump::Dump;
use crate::reason::{FaultWord, Reason, Signal};

/// SPSR.M: everything but the level 0 and those with a `t` use the level's own stack pointer.
const OWN_STACK: u64 = 1;

/// Gives registers the names of the register set, and adds sp, which SPSR chooses.
pub(super) fn rename(named: &mut Vec<(String, u64)>) {
    let value = |wanted: &str| named.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
    let own = value("SPSR").is_none_or(|spsr| spsr & OWN_STACK != 0);
    let sp = value("SP_ELX").filter(|_| own).or_else(|| value("SP_EL0"));
    named.extend(sp.map(|sp| ("sp".to_string(), sp)));
    for (name, _) in named.iter_mut() {
        match name.as_str() {
            "SPSR" => *name = "cpsr".into(),
            "ELR" => *name = "pc".into(),
            _ => {}
        }
    }
}

/// What the syndrome says, if the text has one.
pub(super) fn reason(dump: &Dump) -> Option<Reason> {
    let registers = &dump.crashed()?.registers;
    let esr = registers.by_name("ESR_EL1")?;
    let (told, signal, has_address) = match esr >> 26 & 0x3f {
        0x00 => ("unknown instruction", Signal::Ill, false),
        0x07 => ("floating point is switched off", Signal::Ill, false),
        0x0e => ("illegal execution state", Signal::Ill, false),
        0x18 => ("system register that can't be used here", Signal::Ill, false),
        0x20 | 0x21 => ("instruction abort", Signal::Segv, true),
        0x22 => ("misaligned program counter", Signal::Bus, true),
        0x24 | 0x25 => ("data abort", Signal::Segv, true),
        0x26 => ("misaligned stack pointer", Signal::Bus, false),
        0x2f => ("SError", Signal::Bus, false),
        0x3c => ("BRK instruction", Signal::Abrt, false),
        _ => return None,
    };
    let far = registers.by_name("FAR_EL1").filter(|_| has_address);
    let address = far.map_or(String::new(), |far| format!(": {far:#x}"));
    let at = registers.pc().map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
    let word = |name: &str, value, words: &str| FaultWord {
        name: name.into(),
        value,
        words: words.to_string(),
    };
    let mut evidence = vec![word("ESR_EL1", esr, told)];
    evidence.extend(far.map(|far| word("FAR_EL1", far, "the address that could not be used")));
    Some(Reason::new(signal, format!("{told}{address}{at}"), evidence))
}

//! What is different in a crash text of 64-bit ARM: the names of registers.
//!
//! Source: NuttX 0a6131545a4, `arch/arm64/src/common/arm64_registerdump.c`; Arm ARM for A-profile
//! (DDI 0487J.a), C5.2 "SPSR_EL1".

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

//! What kind of fault it was, as the registers of each architecture say.
//!
//! Sources: as in [`crate::arch`], whose files have the words for the same registers.

use crate::dump::{Dump, Thread};
use crate::reason::Signal;
use crate::targets::Family;
use crate::unwind::Frame;

/// What the code did that the core refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Load,
    Store,
    /// One of both.
    Access,
    Misaligned,
    /// Of an instruction.
    Fetch,
    Illegal,
    /// Cortex-M: the Thumb bit is clear.
    State,
    /// The unit for floating point, or another coprocessor, refused.
    Coprocessor,
    DivideByZero,
    /// Cortex-M: the core itself could not push the frame of an exception.
    Stacking,
    /// Cortex-M of ARMv8: below the stack's limit.
    Limit,
}

/// A fault, and the register that says so.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub kind: Kind,
    /// The address that could not be used, where a register holds it.
    pub address: Option<u64>,
    /// `BFAR = 0x90000000`, `CFSR = 0x8200 (PRECISERR, BFARVALID)`.
    pub evidence: Vec<String>,
}

impl Fault {
    /// The fault that `frame` was in; `None` if none is known for certain.
    pub(super) fn of(dump: &Dump, thread: &Thread, frame: &Frame) -> Option<Fault> {
        // The words must be of this place in the code.
        let pc = dump.reason.pc.or_else(|| thread.registers.pc())?;
        (pc == frame.pc).then_some(())?;
        let is_fault = matches!(
            dump.reason.signal,
            Some(Signal::Segv | Signal::Bus | Signal::Ill | Signal::Fpe)
        );
        is_fault.then_some(())?;
        let word = |name: &str| {
            let said = dump.reason.evidence.iter().find(|w| w.name.eq_ignore_ascii_case(name));
            said.map(|word| word.value).or_else(|| frame.registers.by_name(name))
        };
        let (kind, status, address_name) = match dump.arch.family {
            Family::CortexM => cortex_m(word("CFSR")?)?,
            Family::RiscV32 | Family::RiscV64 => riscv(word("mcause")?, dump.arch.word_bits)?,
            Family::Xtensa => xtensa(word("exccause")?)?,
            Family::Aarch64 => aarch64(word("ESR_EL1")?)?,
            Family::X86 | Family::X86_64 => match word("vector") {
                Some(vector) => x86(vector)?,
                None => (Kind::Access, "si_addr", "si_addr"),
            },
            Family::Arm => match word("DFSR") {
                Some(status) => arm(status)?,
                None => (Kind::Access, "si_addr", "si_addr"),
            },
            _ => return None,
        };
        // An address that the core does not vouch for is no evidence: there it is read from what the reader of
        // the dump let through.
        let is_it = |w: &&crate::reason::FaultWord| w.name.eq_ignore_ascii_case(address_name);
        let told = dump.reason.evidence.iter().rfind(is_it).map(|word| word.value);
        let address = told.or_else(|| match dump.arch.family {
            Family::CortexM => None,
            _ => word(address_name),
        });
        let mut evidence = Vec::new();
        if status != address_name {
            evidence.extend(word(status).map(|value| format!("{status} = {value:#x}")));
        }
        evidence.extend(address.map(|value| format!("{address_name} = {value:#x}")));
        Some(Fault { kind, address, evidence })
    }

    /// Whether it was an access to memory by an instruction.
    pub(super) fn is_access(&self) -> bool {
        matches!(self.kind, Kind::Load | Kind::Store | Kind::Access | Kind::Misaligned)
    }
}

type Told = (Kind, &'static str, &'static str);

/// CFSR. Its bits stay until they are cleared: of several nobody knows which is of this fault.
fn cortex_m(cfsr: u64) -> Option<Told> {
    const VALID: u64 = 1 << 7 | 1 << 15;
    let causes = cfsr & !VALID;
    (causes.count_ones() == 1).then_some(())?;
    let kind = match causes.trailing_zeros() {
        0 | 8 => Kind::Fetch,
        1 => return Some((Kind::Access, "CFSR", "MMFAR")),
        9 => return Some((Kind::Access, "CFSR", "BFAR")),
        4 | 12 => Kind::Stacking,
        16 => Kind::Illegal,
        17 => Kind::State,
        19 => Kind::Coprocessor,
        20 => Kind::Limit,
        24 => Kind::Misaligned,
        25 => Kind::DivideByZero,
        _ => return None,
    };
    Some((kind, "CFSR", ""))
}

fn riscv(mcause: u64, word_bits: u32) -> Option<Told> {
    (!crate::arch::riscv::is_interrupt(mcause, word_bits)).then_some(())?;
    // As the words have it, whatever a CLIC adds.
    let words = crate::arch::riscv::cause_words(mcause, word_bits);
    let kind = match words.as_str() {
        "instruction access fault" | "instruction page fault" => Kind::Fetch,
        "illegal instruction" => return Some((Kind::Illegal, "mcause", "")),
        "load address misaligned" | "store address misaligned" => Kind::Misaligned,
        "load access fault" | "load page fault" => Kind::Load,
        "store access fault" | "store page fault" => Kind::Store,
        _ => return None,
    };
    Some((kind, "mcause", "mtval"))
}

fn xtensa(cause: u64) -> Option<Told> {
    let kind = match cause {
        0 => return Some((Kind::Illegal, "exccause", "")),
        2 | 12 | 14 | 16..=18 | 20 => Kind::Fetch,
        3 | 13 | 15 | 24..=26 => Kind::Access,
        6 => return Some((Kind::DivideByZero, "exccause", "")),
        9 => Kind::Misaligned,
        28 => Kind::Load,
        29 => Kind::Store,
        32..=39 => return Some((Kind::Coprocessor, "exccause", "")),
        _ => return None,
    };
    Some((kind, "exccause", "excvaddr"))
}

fn aarch64(esr: u64) -> Option<Told> {
    let kind = match esr >> 26 & 0x3f {
        0x00 => return Some((Kind::Illegal, "ESR_EL1", "")),
        0x07 => return Some((Kind::Coprocessor, "ESR_EL1", "")),
        0x20..=0x22 => Kind::Fetch,
        // Bit 10: FAR is not valid.
        0x24 | 0x25 if esr >> 10 & 1 == 1 => return None,
        0x24 | 0x25 if esr & 0x3f == 0x21 => Kind::Misaligned,
        0x24 | 0x25 if esr >> 6 & 1 == 1 => Kind::Store,
        0x24 | 0x25 => Kind::Load,
        _ => return None,
    };
    Some((kind, "ESR_EL1", "FAR_EL1"))
}

fn arm(dfsr: u64) -> Option<Told> {
    let kind = match dfsr & 0xf {
        1 => Kind::Misaligned,
        _ if dfsr >> 11 & 1 == 1 => Kind::Store,
        _ => Kind::Load,
    };
    Some((kind, "DFSR", "DFAR"))
}

fn x86(vector: u64) -> Option<Told> {
    match vector {
        0 => Some((Kind::DivideByZero, "vector", "")),
        6 => Some((Kind::Illegal, "vector", "")),
        7 => Some((Kind::Coprocessor, "vector", "")),
        14 => Some((Kind::Access, "vector", "cr2")),
        _ => None,
    }
}

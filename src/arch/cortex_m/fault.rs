//! The fault status words of the System Control Space.
//!
//! | address    | word  | core        | says                                          |
//! | 0xE000ED04 | ICSR  | all         | which exception is being handled              |
//! | 0xE000ED24 | SHCSR | all         | which system handlers are active, pending     |
//! | 0xE000ED28 | CFSR  | v7-M, v8-MM | memory (7:0), bus (15:8), usage (31:16) fault |
//! | 0xE000ED2C | HFSR  | v7-M, v8-MM | why it became a HardFault                     |
//! | 0xE000ED30 | DFSR  | all         | debug events                                  |
//! | 0xE000ED34 | MMFAR | v7-M, v8-MM | address of a memory fault, if MMARVALID       |
//! | 0xE000ED38 | BFAR  | v7-M, v8-MM | address of a bus fault, if BFARVALID          |
//! | 0xE000ED3C | AFSR  | v7-M, v8-MM | up to the chip's maker                        |
//! | 0xE000EDE4 | SFSR  | v8-MM       | why it is a SecureFault                       |
//! | 0xE000EDE8 | SFAR  | v8-MM       | address of a SecureFault, if SFARVALID        |
//!
//! ARMv6-M and the ARMv8-M baseline have no fault status: every fault is a HardFault there.
//!
//! Sources: ARMv7-M Architecture Reference Manual (DDI 0403E.e) B3.2; ARMv8-M Architecture
//! Reference Manual (DDI 0553B.u) D1.2; ARMv6-M (DDI 0419E) B3.2.

use crate::reason::{FaultWord, Signal};
use crate::registers::Registers;

const MMARVALID: u32 = 1 << 7;
const BFARVALID: u32 = 1 << 15;
const SFARVALID: u32 = 1 << 6;
const HFSR_FORCED: u32 = 1 << 30;

const NMI: u32 = 2;
/// Of SHCSR: MEMFAULTACT, BUSFAULTACT, HARDFAULTACT, USGFAULTACT, SECUREFAULTACT.
const FAULTS_ACTIVE: u32 = 0x1f;

/// One bit of a status word.
struct Bit {
    mask: u32,
    /// The manual's name.
    name: &'static str,
    /// What it means; empty for bits that only go with others.
    words: &'static str,
    signal: Signal,
}

const fn bit(n: u32, name: &'static str, words: &'static str, signal: Signal) -> Bit {
    Bit { mask: 1 << n, name, words, signal }
}

/// In the order in which the cause is looked for: what happened before what it led to.
static CFSR: [Bit; 20] = [
    bit(25, "DIVBYZERO", "usage fault: divide by zero", Signal::Fpe),
    bit(24, "UNALIGNED", "usage fault: unaligned access", Signal::Bus),
    bit(20, "STKOF", "usage fault: stack overflow, below the stack limit", Signal::Segv),
    bit(16, "UNDEFINSTR", "usage fault: undefined instruction", Signal::Ill),
    bit(17, "INVSTATE", "usage fault: not in Thumb state (EPSR.T)", Signal::Ill),
    bit(18, "INVPC", "usage fault: illegal EXC_RETURN", Signal::Ill),
    bit(19, "NOCP", "usage fault: coprocessor or FPU switched off", Signal::Ill),
    bit(9, "PRECISERR", "bus fault: precise data access", Signal::Segv),
    bit(8, "IBUSERR", "bus fault: instruction fetch", Signal::Segv),
    bit(10, "IMPRECISERR", "bus fault: imprecise data access, earlier than pc", Signal::Segv),
    bit(12, "STKERR", "bus fault: stacking for an exception", Signal::Segv),
    bit(11, "UNSTKERR", "bus fault: unstacking at an exception's end", Signal::Segv),
    bit(13, "LSPERR", "bus fault: lazy saving of the FPU's registers", Signal::Segv),
    bit(1, "DACCVIOL", "memory fault: data access not allowed", Signal::Segv),
    bit(0, "IACCVIOL", "memory fault: instruction fetch not allowed", Signal::Segv),
    bit(4, "MSTKERR", "memory fault: stacking for an exception", Signal::Segv),
    bit(3, "MUNSTKERR", "memory fault: unstacking at an exception's end", Signal::Segv),
    bit(5, "MLSPERR", "memory fault: lazy saving of the FPU's registers", Signal::Segv),
    bit(7, "MMARVALID", "", Signal::Abrt),
    bit(15, "BFARVALID", "", Signal::Abrt),
];

static HFSR: [Bit; 3] = [
    bit(1, "VECTTBL", "hard fault: vector table read error", Signal::Segv),
    bit(31, "DEBUGEVT", "hard fault: breakpoint without a debugger", Signal::Abrt),
    bit(30, "FORCED", "", Signal::Abrt),
];

static DFSR: [Bit; 6] = [
    bit(0, "HALTED", "halt request or step", Signal::Abrt),
    bit(1, "BKPT", "breakpoint", Signal::Abrt),
    bit(2, "DWTTRAP", "watchpoint", Signal::Abrt),
    bit(3, "VCATCH", "vector catch", Signal::Abrt),
    bit(4, "EXTERNAL", "external debug request", Signal::Abrt),
    bit(5, "PMU", "performance monitor", Signal::Abrt),
];

static SFSR: [Bit; 8] = [
    bit(0, "INVEP", "secure fault: entry that is no gateway", Signal::Segv),
    bit(1, "INVIS", "secure fault: wrong integrity signature on return", Signal::Segv),
    bit(2, "INVER", "secure fault: illegal exception return", Signal::Segv),
    bit(3, "AUVIOL", "secure fault: secure memory from the non-secure side", Signal::Segv),
    bit(4, "INVTRAN", "secure fault: branch out of secure code", Signal::Segv),
    bit(5, "LSPERR", "secure fault: lazy saving of the FPU's registers", Signal::Segv),
    bit(7, "LSERR", "secure fault: lazy state", Signal::Segv),
    bit(6, "SFARVALID", "", Signal::Abrt),
];

/// The fault status of a core, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the manual's; the module's table says what they are")]
pub struct FaultStatus {
    pub icsr: Option<u32>,
    pub shcsr: Option<u32>,
    pub cfsr: Option<u32>,
    pub hfsr: Option<u32>,
    pub dfsr: Option<u32>,
    pub mmfar: Option<u32>,
    pub bfar: Option<u32>,
    pub afsr: Option<u32>,
    pub sfsr: Option<u32>,
    pub sfar: Option<u32>,
    /// The program status register, whose low nine bits number the exception being handled.
    pub xpsr: Option<u32>,
}

/// What the fault words come down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What a debugger is told.
    pub signal: Signal,
    /// What happened, and at which address where the core kept it.
    pub words: String,
}

impl FaultStatus {
    /// The words that `registers` hold.
    pub fn of_registers(registers: &Registers) -> Self {
        let word = |name| registers.by_name(name).map(|value| value as u32);
        FaultStatus {
            icsr: word("ICSR"),
            shcsr: word("SHCSR"),
            cfsr: word("CFSR"),
            hfsr: word("HFSR"),
            dfsr: word("DFSR"),
            mmfar: word("MMFAR"),
            bfar: word("BFAR"),
            afsr: word("AFSR"),
            sfsr: word("SFSR"),
            sfar: word("SFAR"),
            xpsr: word("xpsr"),
        }
    }

    /// The address that the core could not use, where it kept one.
    pub fn address(&self) -> Option<u32> {
        let flagged = |status: Option<u32>, valid| status.is_some_and(|word| word & valid != 0);
        self.sfar
            .filter(|_| flagged(self.sfsr, SFARVALID))
            .or(self.bfar.filter(|_| flagged(self.cfsr, BFARVALID)))
            .or(self.mmfar.filter(|_| flagged(self.cfsr, MMARVALID)))
    }

    /// Whether the words are left over from a fault that was handled: what the core handles now,
    /// if anything, is none, and none waits below it.
    pub fn is_stale(&self) -> bool {
        let handled = |word: Option<u32>| word.map(|word| word & 0x1ff);
        match (handled(self.icsr), handled(self.xpsr).unwrap_or_default()) {
            (Some(0), 0) => true,
            (Some(active), now) if active > NMI && !is_fault(active) && !is_fault(now) => {
                self.shcsr.is_some_and(|shcsr| shcsr & FAULTS_ACTIVE == 0)
            }
            _ => false,
        }
    }

    /// What happened; `None` if no word says so.
    pub fn cause(&self) -> Option<Cause> {
        let first = |word: Option<u32>, bits: &'static [Bit]| {
            bits.iter().find(|bit| word.is_some_and(|w| w & bit.mask != 0) && !bit.words.is_empty())
        };
        let found = first(self.sfsr, &SFSR)
            .or_else(|| first(self.cfsr, &CFSR))
            .or_else(|| first(self.hfsr, &HFSR))?;
        let words = match self.address() {
            Some(address) if found.signal == Signal::Segv => {
                format!("{}: {address:#x}", found.words)
            }
            _ => found.words.to_string(),
        };
        Some(Cause { signal: found.signal, words })
    }

    /// Each known word that says something, with its meaning. An address register counts only
    /// while its valid bit is set: the core leaves anything in it otherwise.
    pub fn evidence(&self) -> Vec<FaultWord> {
        let valid = |word: Option<u32>, flag: Option<u32>, bit| {
            word.filter(|_| flag.is_some_and(|flag| flag & bit != 0))
        };
        let address = |_: u32| "the address that could not be used".to_string();
        let words = [
            ("CFSR", self.cfsr, cfsr_words as fn(u32) -> String),
            ("HFSR", self.hfsr, hfsr_words),
            ("DFSR", self.dfsr, dfsr_words),
            ("MMFAR", valid(self.mmfar, self.cfsr, MMARVALID), address),
            ("BFAR", valid(self.bfar, self.cfsr, BFARVALID), address),
            ("AFSR", self.afsr.filter(|afsr| *afsr != 0), |_| "the chip's maker knows".into()),
            ("SFSR", self.sfsr, sfsr_words),
            ("SFAR", valid(self.sfar, self.sfsr, SFARVALID), address),
            ("ICSR", self.icsr, icsr_words),
        ];
        let word = |(name, value, words): (&str, Option<u32>, fn(u32) -> String)| {
            let value = value?;
            Some(FaultWord { name: name.into(), value: value.into(), words: words(value) })
        };
        words.into_iter().filter_map(word).collect()
    }
}

fn words_of(word: u32, bits: &[Bit]) -> String {
    let mut parts = Vec::new();
    for bit in bits.iter().filter(|bit| word & bit.mask != 0) {
        match bit.words.split_once(": ").map_or(bit.words, |(_, words)| words) {
            "" => parts.push(bit.name.to_string()),
            words => parts.push(format!("{}: {words}", bit.name)),
        }
    }
    let known = bits.iter().fold(0, |all, bit| all | bit.mask);
    if word & !known != 0 {
        parts.push(format!("{:#x}, which the manual reserves", word & !known));
    }
    if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
}

/// What the Configurable Fault Status Register says, bit by bit.
pub fn cfsr_words(cfsr: u32) -> String {
    words_of(cfsr, &CFSR)
}

/// What the HardFault Status Register says, bit by bit.
pub fn hfsr_words(hfsr: u32) -> String {
    let words = words_of(hfsr, &HFSR);
    match hfsr & HFSR_FORCED {
        0 => words,
        _ => words.replace("FORCED", "FORCED: another fault that could not be taken as such"),
    }
}

/// What the Debug Fault Status Register says, bit by bit.
pub fn dfsr_words(dfsr: u32) -> String {
    words_of(dfsr, &DFSR)
}

/// What the Secure Fault Status Register says, bit by bit.
pub fn sfsr_words(sfsr: u32) -> String {
    words_of(sfsr, &SFSR)
}

/// Which exception the Interrupt Control and State Register says is being handled.
pub fn icsr_words(icsr: u32) -> String {
    match icsr & 0x1ff {
        0 => "no exception is being handled".into(),
        number => format!("{} is being handled", exception_name(number)),
    }
}

/// Whether the exception with `number` is taken because of what the interrupted code did.
pub fn is_fault(number: u32) -> bool {
    matches!(number & 0x1ff, 3..=7)
}

/// The manual's name of the exception with `number`, as IPSR and VECTACTIVE count.
pub fn exception_name(number: u32) -> String {
    let name = match number & 0x1ff {
        0 => "Thread mode",
        1 => "Reset",
        2 => "NMI",
        3 => "HardFault",
        4 => "MemManage",
        5 => "BusFault",
        6 => "UsageFault",
        7 => "SecureFault",
        11 => "SVCall",
        12 => "DebugMonitor",
        14 => "PendSV",
        15 => "SysTick",
        n @ (8..=10 | 13) => return format!("reserved exception {n}"),
        n => return format!("interrupt {}", n - 16),
    };
    name.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_said_by_name_and_in_words() {
        let words = cfsr_words(0x0200_8200);
        assert_eq!(words, "DIVBYZERO: divide by zero; PRECISERR: precise data access; BFARVALID");
        assert_eq!(cfsr_words(0), "nothing");
        assert_eq!(cfsr_words(0x4), "0x4, which the manual reserves");
        assert!(hfsr_words(0x4000_0000).starts_with("FORCED: another fault"));
        assert_eq!(sfsr_words(0x48), "AUVIOL: secure memory from the non-secure side; SFARVALID");
        assert_eq!(icsr_words(0x0400_0803), "HardFault is being handled");
        assert_eq!(exception_name(16 + 35), "interrupt 35");
    }

    #[test]
    fn an_address_counts_only_while_its_valid_bit_is_set() {
        let stale =
            FaultStatus { cfsr: Some(0x0001_0000), bfar: Some(0x5000_0000), ..<_>::default() };
        assert_eq!((stale.address(), stale.evidence().len()), (None, 1));
        let cause = stale.cause().expect("UNDEFINSTR is set");
        assert_eq!(
            (cause.signal, &*cause.words),
            (Signal::Ill, "usage fault: undefined instruction")
        );
        let secure = FaultStatus { sfsr: Some(0x48), sfar: Some(0x3000_0000), ..<_>::default() };
        let words = "secure fault: secure memory from the non-secure side: 0x30000000";
        assert_eq!(secure.cause().expect("AUVIOL is set").words, words);
    }

    #[test]
    fn a_forced_hard_fault_alone_tells_no_cause() {
        let status = FaultStatus { hfsr: Some(0x4000_0000), cfsr: Some(0), ..<_>::default() };
        assert_eq!(status.cause(), None);
        assert_eq!(FaultStatus::default().cause(), None);
    }
}

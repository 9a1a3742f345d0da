//! Why a Zephyr device stopped: the kernel's codes, and those of its architectures from 16 on.
//!
//! Sources: Zephyr 3.5, `include/zephyr/fatal_types.h`, `include/zephyr/arch/arm/arch.h` (the list
//! of `K_ERR_ARM_*`); code 36 seen in a real dump.

use crate::reason::{FaultWord, Reason, Signal};
use crate::targets::Family;

/// The first code that means something else on each architecture.
const ARCH_START: u16 = 16;

/// Arm's codes from [`ARCH_START`] on.
static ARM: [(&str, Signal); 40] = [
    ("memory fault", Signal::Segv),
    ("memory fault while stacking for an exception", Signal::Segv),
    ("memory fault while unstacking", Signal::Segv),
    ("memory fault: data access", Signal::Segv),
    ("memory fault: instruction fetch", Signal::Segv),
    ("memory fault while lazily saving FPU registers", Signal::Segv),
    ("bus fault", Signal::Segv),
    ("bus fault while stacking for an exception", Signal::Segv),
    ("bus fault while unstacking", Signal::Segv),
    ("bus fault: precise data access", Signal::Segv),
    ("bus fault: imprecise data access", Signal::Segv),
    ("bus fault: instruction fetch", Signal::Segv),
    ("bus fault while lazily saving FPU registers", Signal::Segv),
    ("usage fault", Signal::Ill),
    ("usage fault: divide by zero", Signal::Fpe),
    ("usage fault: unaligned access", Signal::Bus),
    ("usage fault: stack overflow", Signal::Segv),
    ("usage fault: no coprocessor", Signal::Ill),
    ("usage fault: illegal EXC_RETURN", Signal::Ill),
    ("usage fault: illegal use of EPSR", Signal::Ill),
    ("usage fault: undefined instruction", Signal::Ill),
    ("secure fault", Signal::Segv),
    ("secure fault: entry point", Signal::Segv),
    ("secure fault: integrity signature", Signal::Segv),
    ("secure fault: exception return", Signal::Segv),
    ("secure fault: attribution unit", Signal::Segv),
    ("secure fault: transition", Signal::Segv),
    ("secure fault: lazy state preservation", Signal::Segv),
    ("secure fault: lazy state error", Signal::Segv),
    ("undefined instruction", Signal::Ill),
    ("alignment fault", Signal::Bus),
    ("background fault", Signal::Segv),
    ("permission fault", Signal::Segv),
    ("synchronous external abort", Signal::Segv),
    ("asynchronous external abort", Signal::Segv),
    ("synchronous parity error", Signal::Segv),
    ("asynchronous parity error", Signal::Segv),
    ("debug event", Signal::Abrt),
    ("translation fault", Signal::Segv),
    ("unsupported exclusive access", Signal::Segv),
];

/// What `code` means, in words, and the signal for it where it tells one.
pub(super) fn explain(code: u16, family: Option<Family>) -> (String, Option<Signal>) {
    let (words, signal) = match code {
        // The kernel did not look into it: only the architecture can tell which one.
        0 => return ("CPU exception".into(), None),
        1 => ("spurious interrupt", Signal::Abrt),
        2 => ("stack check failed: stack overflow", Signal::Segv),
        3 => ("kernel oops", Signal::Abrt),
        4 => ("kernel panic", Signal::Abrt),
        _ => {
            let arm = matches!(family, Some(Family::CortexM | Family::Arm));
            let entry = usize::from(code.saturating_sub(ARCH_START));
            match ARM.get(entry).filter(|_| arm && code >= ARCH_START) {
                Some((words, signal)) => (*words, *signal),
                None => return (format!("reason {code}, which is not known"), None),
            }
        }
    };
    (words.to_string(), Some(signal))
}

/// Whether the CPU itself raised what `code` tells of: an exception, or an overflow that a guard
/// of the stack's end made one.
fn is_of_cpu(code: u16) -> bool {
    matches!(code, 0 | 2) || code >= ARCH_START
}

/// The reason of a dump, joined from the kernel's code and what the registers of the exception
/// say (`told`, with its signal).
pub(super) fn reason(
    code: u16,
    family: Option<Family>,
    told: Option<(String, Signal)>,
    mut evidence: Vec<FaultWord>,
) -> Reason {
    let (mut words, mut signal) = explain(code, family);
    evidence
        .insert(0, FaultWord { name: "reason".into(), value: code.into(), words: words.clone() });
    // An oops or a panic is raised through an exception of its own, or through none at all: what
    // the registers of the exception say then is left over from another one.
    match told {
        Some((more, its_signal)) if is_of_cpu(code) => {
            words = format!("{words}: {more}");
            if code == 0 {
                signal = Some(its_signal);
            }
        }
        Some(_) => evidence.truncate(1),
        None => {}
    }
    Reason::new(signal, words, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_codes_begin_at_sixteen_and_belong_to_arm_alone() {
        let words = |code, family| explain(code, Some(family)).0;
        assert_eq!(words(16, Family::CortexM), "memory fault");
        assert_eq!(words(25, Family::CortexM), "bus fault: precise data access");
        assert_eq!(words(36, Family::CortexM), "usage fault: undefined instruction");
        assert_eq!(words(37, Family::CortexM), "secure fault");
        assert_eq!(words(45, Family::Arm), "undefined instruction");
        assert_eq!(words(55, Family::Arm), "unsupported exclusive access");
        assert_eq!(words(56, Family::Arm), "reason 56, which is not known");
        assert_eq!(words(36, Family::RiscV32), "reason 36, which is not known");
        assert_eq!(words(5, Family::CortexM), "reason 5, which is not known");
    }

    /// A vector word of 0 reads as a divide error.
    #[test]
    fn an_oops_has_no_exception_whatever_its_registers_say() {
        let told = || Some(("#DE divide error".to_string(), Signal::Fpe));
        let vector = FaultWord { name: "vector".into(), value: 0, words: "#DE".into() };
        let oops = reason(3, Some(Family::X86), told(), vec![vector.clone()]);
        assert_eq!(oops.words, "kernel oops");
        assert!(oops.evidence.iter().all(|word| word.name != "vector"));
        let exception = reason(0, Some(Family::X86), told(), vec![vector]);
        assert_eq!(exception.words, "CPU exception: #DE divide error");
    }

    #[test]
    fn signals_follow_the_cause() {
        let signal = |code| explain(code, Some(Family::CortexM)).1;
        let wanted = [(2, Signal::Segv), (3, Signal::Abrt), (4, Signal::Abrt), (30, Signal::Fpe)];
        for (code, wanted) in wanted.into_iter().chain([(36, Signal::Ill), (28, Signal::Segv)]) {
            assert_eq!(signal(code), Some(wanted), "{code}");
        }
        assert_eq!(signal(0), None, "a CPU exception of any kind");
    }
}

//! Which frame a crash happened in, when the dump was taken in the handler of the fault.
//!
//! The handler's frames come first then, and are shown; but what went wrong, went wrong in the
//! frame that the fault interrupted, and the fault registers belong to that frame's program
//! counter. A handler that was entered for another reason (a timer, a call of the supervisor)
//! interrupted code that did nothing wrong: there the first frame is to be looked at.
//!
//! On RISC-V, AArch64 and x86 the cause register tells, as it was saved, or as it is still if no
//! trap came after; or the way through the entry code; or the interrupted instruction, if it must
//! have trapped: it accessed what is nowhere, or is none.
//!
//! Source: ARMv7-M Architecture Reference Manual (DDI 0403E.e) B1.5.2 (exception numbers), B1.4.2
//! (IPSR: the exception that is being handled).

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::trap::Interrupted;
use super::{Exception, Family, Found, Frame, Unwinder};
use crate::arch::cortex_m::fault::{exception_name, is_fault};
use crate::arch::{Trap, trap, trap_registers};
use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::registers::Registers;

/// Interrupt Control and State Register; its low nine bits number the exception that is handled.
const ICSR_ADDR: u64 = 0xe000_ed04;

/// The exception that a piece of a walk is the handler of, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handler(Option<u32>);

impl Handler {
    pub(super) fn exception(self) -> Exception {
        match self.0 {
            Some(number) => Exception {
                name: exception_name(number),
                is_fault: is_fault(number),
                ..Exception::default()
            },
            None => Exception { name: "exception".into(), ..Exception::default() },
        }
    }
}

impl Unwinder<'_, '_> {
    /// The frame that a trap interrupted.
    pub(super) fn trapped(&self, interrupted: Interrupted) -> Frame {
        let Interrupted { registers, cause, value, is_interrupt } = interrupted;
        let pc = registers.pc().unwrap_or_default();
        let told = cause.and_then(|cause| trap(&self.dump.arch, cause));
        let exception = match (told, is_interrupt) {
            (Some(Trap { name, is_fault }), _) => Exception { name, is_fault, ..<_>::default() },
            (None, Some(true)) => Exception { name: "interrupt".into(), ..<_>::default() },
            (None, Some(false)) => {
                Exception { name: "exception".into(), is_fault: true, ..<_>::default() }
            }
            (None, None) => Exception {
                name: "trap of an unknown kind".into(),
                is_fault: !self.modules.is_code(pc),
                ..<_>::default()
            },
        };
        let exception = Some(Exception { cause, value, ..exception });
        Frame { exception, ..Frame::new(pc, false, Found::Exception, registers) }
    }
}

impl Unwinder<'_, '_> {
    /// Which exception the context with these registers handles.
    pub(super) fn handler_of(&self, registers: &Registers) -> Handler {
        if self.abi.family != Family::Arm {
            return Handler(None);
        }
        let ipsr = registers.by_name("xpsr").map(|xpsr| xpsr as u32 & 0x1ff);
        // The register tells of now, so only of a context whose own status nobody saved.
        let icsr = || registers.by_name("ICSR").map(|icsr| icsr as u32);
        let icsr = || icsr().or_else(|| self.dump.memory.u32_le(ICSR_ADDR)).map(|w| w & 0x1ff);
        Handler(ipsr.or_else(icsr))
    }
}

/// The innermost frame that a fault interrupted; the first frame if there is none.
pub(super) fn of(frames: &[Frame]) -> usize {
    let faulted = |frame: &Frame| frame.exception.as_ref().is_some_and(|e| e.is_fault);
    frames.iter().position(faulted).unwrap_or_default()
}

/// A fault in whose handler a dump was taken.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The program counter that the fault registers belong to.
    pub pc: u64,
    /// The registers of the interrupted frame, with those that tell of the fault.
    pub registers: Registers,
}

/// The fault in whose handler a dump was taken, if it was.
pub fn fault(dump: &Dump, modules: &Modules<'_>) -> Option<Fault> {
    let crashed = dump.crashed()?;
    let backtrace = Unwinder::new(dump, modules).backtrace(crashed);
    let culprit = backtrace.frames.get(backtrace.culprit).filter(|_| backtrace.culprit > 0)?;
    let mut registers = culprit.registers.clone();
    if let Some(exception) = &culprit.exception {
        let told = [exception.cause, exception.value];
        for (name, value) in trap_registers(&crashed.registers).into_iter().zip(told) {
            value.map(|value| registers.set_by_name(name, value));
        }
    }
    Some(Fault { pc: culprit.pc, registers })
}

/// Whether the crashed thread may be in the handler of a fault: only then it is worth the walk.
pub fn may_be_handler(dump: &Dump) -> bool {
    let Some(thread) = dump.crashed() else { return false };
    let modules = Modules::default();
    let unwinder = Unwinder::new(dump, &modules);
    match unwinder.abi.family {
        Family::Arm => unwinder.handler_of(&thread.registers).exception().is_fault,
        // Readers that know a reason have the registers of the fault, not those of its handler.
        Family::Riscv | Family::Aarch64 | Family::X86 | Family::X86_64 => dump.reason.is_unknown(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Thread;
    use crate::memory::Region;
    use crate::targets::Targets;

    /// A handler of `ipsr` without ELF file, and what it interrupted at 0x2040.
    fn walked(ipsr: u32) -> (Dump, super::super::Backtrace) {
        let arch = Targets::built_in().arch("cortex-m").expect("a built-in set");
        let mut registers = Registers::unknown(arch.clone());
        for (name, value) in [
            ("pc", 0x1000u32),
            ("sp", 0x2000_0100),
            ("lr", 0xffff_fff9),
            ("xpsr", 0x0100_0000 | ipsr),
        ] {
            registers.set_by_name(name, value);
        }
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        let mut dump = Dump::new("test", arch);
        let words = [1u32, 2, 3, 4, 5, 0x2001, 0x2040, 0x0100_0000];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        dump.memory.insert(Region::dumped(0x2000_0100, bytes.into()));
        dump.threads.push(thread);
        let modules = Modules::default();
        let backtrace =
            Unwinder::new(&dump, &modules).backtrace(dump.crashed().expect("it crashed"));
        (dump, backtrace)
    }

    fn mark(backtrace: &super::super::Backtrace) -> Option<Exception> {
        backtrace.frames.get(1)?.exception.clone()
    }

    #[test]
    fn a_fault_is_of_the_frame_that_it_interrupted() {
        let (dump, backtrace) = walked(3);
        let pcs: Vec<u64> = backtrace.frames.iter().map(|frame| frame.pc).collect();
        assert_eq!((pcs, backtrace.culprit), (vec![0x1000, 0x2040], 1));
        let hard_fault =
            Exception { name: "HardFault".into(), is_fault: true, ..Exception::default() };
        assert_eq!(mark(&backtrace), Some(hard_fault));
        assert!(may_be_handler(&dump));
        assert_eq!(fault(&dump, &Modules::default()).map(|fault| fault.pc), Some(0x2040));
    }

    #[test]
    fn what_a_timer_interrupted_did_nothing_wrong() {
        let (dump, backtrace) = walked(15);
        assert_eq!(backtrace.culprit, 0);
        assert_eq!(mark(&backtrace).map(|e| e.name), Some("SysTick".into()));
        assert!(!may_be_handler(&dump));
        assert!(fault(&dump, &Modules::default()).is_none());
    }
}

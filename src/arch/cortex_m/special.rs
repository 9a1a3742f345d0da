//! The special registers of a Cortex-M in words: program status, interrupt masks, CONTROL,
//! EXC_RETURN.
//!
//! Source: ARMv7-M ARM (DDI 0403E.e) B1.4.2 to B1.4.4 and table B1-8, ARMv8-M ARM (DDI 0553B.u)
//! D1.2.7 and B3.23.

use super::fault::exception_name;
use super::frame::ExcReturn;
use crate::arch::bit_words;
use crate::reason::FaultWord;
use crate::registers::Registers;

/// What the special registers say, as far as they are known.
pub(in crate::arch) fn status_words(registers: &Registers) -> Vec<FaultWord> {
    let mut words = Vec::new();
    let mut add = |name: &str, tell: &dyn Fn(u64) -> String| {
        if let Some(value) = registers.by_name(name) {
            words.push(FaultWord { name: name.into(), value, words: tell(value) });
        }
    };
    add("xpsr", &xpsr_words);
    add("control", &control_words);
    add("primask", &|value| masked(value & 1 == 1, "all exceptions with a settable priority"));
    add("faultmask", &|value| masked(value & 1 == 1, "all exceptions but NMI"));
    add("basepri", &|value| match value {
        0 => "masks nothing".into(),
        level => format!("masks priorities from {level:#x} on"),
    });
    add("exc_return", &|value| exc_return_words(ExcReturn(value as u32)));
    words
}

fn masked(on: bool, what: &str) -> String {
    if on { format!("masks {what}") } else { "masks nothing".into() }
}

fn xpsr_words(xpsr: u64) -> String {
    let mut flags: Vec<String> = Vec::new();
    for (bit, name) in [(31, "N"), (30, "Z"), (29, "C"), (28, "V"), (27, "Q")] {
        if xpsr >> bit & 1 == 1 {
            flags.push(name.into());
        }
    }
    let flags = if flags.is_empty() { "no flags".into() } else { flags.join("") };
    let mode = match xpsr & 0x1ff {
        0 => "thread mode".to_string(),
        number => format!("in {}", exception_name(number as u32)),
    };
    // Without the Thumb bit the next instruction faults (INVSTATE).
    let thumb = if xpsr >> 24 & 1 == 1 { "" } else { ", Thumb bit CLEAR" };
    format!("{mode}, {flags}{thumb}")
}

fn control_words(control: u64) -> String {
    bit_words(
        control,
        &[
            (0, 1, |npriv| Some(if npriv == 1 { "unprivileged" } else { "privileged" }.into())),
            (1, 1, |spsel| {
                Some(if spsel == 1 { "process stack (PSP)" } else { "main stack (MSP)" }.into())
            }),
            (2, 1, |fpca| (fpca == 1).then(|| "FPU in use (FPCA)".into())),
            (3, 1, |sfpa| (sfpa == 1).then(|| "FPU in secure use (SFPA)".into())),
        ],
    )
}

fn exc_return_words(value: ExcReturn) -> String {
    if !value.is_valid() {
        return "not a value that a core puts there".into();
    }
    let stack = if value.on_process_stack() { "process stack" } else { "main stack" };
    let mode = if value.to_thread_mode() { "thread mode" } else { "another handler" };
    let frame = if value.is_extended() { "a frame with FPU registers" } else { "a basic frame" };
    // Older cores have ones in both bits.
    let security = match (value.frame_is_secure(), value.handler_is_secure()) {
        (true, true) => "",
        (false, false) => ", all non-secure",
        (false, true) => ", of non-secure code, by a secure handler",
        (true, false) => ", of secure code, by a non-secure handler",
    };
    format!("back to {mode}, {stack}, {frame}{security}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_registers_are_told_in_words() {
        assert_eq!(xpsr_words(0x6100_0003), "in HardFault, ZC");
        assert_eq!(xpsr_words(0), "thread mode, no flags, Thumb bit CLEAR");
        assert_eq!(control_words(6), "privileged, process stack (PSP), FPU in use (FPCA)");
        let told = exc_return_words(ExcReturn(0xffff_ffe9));
        assert_eq!(told, "back to thread mode, main stack, a frame with FPU registers");
        assert!(exc_return_words(ExcReturn(0xffff_ffb8)).ends_with("basic frame, all non-secure"));
        assert!(exc_return_words(ExcReturn(0xffff_ffb9)).ends_with("by a secure handler"));
        assert!(exc_return_words(ExcReturn(0xffff_ffd8)).ends_with("by a non-secure handler"));
    }
}

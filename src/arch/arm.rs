//! ARM with processor modes (A- and R-profile, and older): what the fault status registers say.
//!
//! Source: ARMv7-A/R ARM (DDI 0406C.d), B3.13.3 "Fault status": the short form has the status in
//! bits 10 and 3-0, the long form (bit 9 set) in bits 5-0; bit 11 of DFSR tells a write. B5.5.3 for
//! the R-profile.

use crate::reason::Signal;

const LONG_FORM: u64 = 1 << 9;
const WRITE: u64 = 1 << 11;

/// What the status in DFSR or IFSR says, in the manual's words.
pub fn status_words(status: u64) -> String {
    let words = if status & LONG_FORM != 0 {
        match status & 0x3f {
            0x00..=0x03 => "address size fault",
            0x04..=0x07 => "translation fault",
            0x08..=0x0b => "access flag fault",
            0x0c..=0x0f => "permission fault",
            0x10 | 0x14..=0x17 => "synchronous external abort",
            0x11 => "asynchronous external abort",
            0x18 | 0x19 | 0x1c..=0x1f => "parity error",
            0x21 => "alignment fault",
            0x22 => "debug event",
            n => return format!("fault status {n:#x}, which the manual reserves"),
        }
    } else {
        match short(status) {
            0x00 => "background fault: no region of the MPU",
            0x01 => "alignment fault",
            0x02 => "debug event",
            0x03 | 0x06 => "access flag fault",
            0x04 => "fault on maintenance of the instruction cache",
            0x05 | 0x07 => "translation fault",
            0x08 | 0x0c | 0x0e => "synchronous external abort",
            0x09 | 0x0b => "domain fault",
            0x0d | 0x0f => "permission fault",
            0x10 => "TLB conflict",
            0x16 => "asynchronous external abort",
            0x18 => "asynchronous parity error",
            0x19 | 0x1c | 0x1e => "parity error",
            n => return format!("fault status {n:#x}, which the manual reserves"),
        }
    };
    words.to_string()
}

fn short(status: u64) -> u64 {
    status >> 6 & 0x10 | status & 0xf
}

/// The signal for an abort with this status.
pub fn status_signal(status: u64) -> Signal {
    let code = if status & LONG_FORM != 0 { status & 0x3f } else { short(status) };
    match (status & LONG_FORM != 0, code) {
        (true, 0x10 | 0x11 | 0x14..=0x21) | (false, 0x01 | 0x08 | 0x0c | 0x0e | 0x16..=0x1e) => {
            Signal::Bus
        }
        (true, 0x22) | (false, 0x02) => Signal::Abrt,
        _ => Signal::Segv,
    }
}

/// What an abort's status says: `register` (DFSR or IFSR) tells which kind of abort it is of.
pub fn abort_words(register: &str, status: u64) -> String {
    let told = status_words(status);
    match status & WRITE != 0 {
        _ if register == "IFSR" => format!("prefetch abort, {told}"),
        true => format!("data abort, write, {told}"),
        false => format!("data abort, read, {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_status_are_told_apart() {
        assert_eq!(status_words(0x805), "translation fault");
        assert_eq!(status_words(0x80d), "permission fault");
        assert_eq!(status_words(0xc06), "asynchronous external abort");
        assert_eq!(status_words(0x206), "translation fault");
        assert_eq!(status_words(0x221), "alignment fault");
        assert_eq!(status_signal(0x805), Signal::Segv);
        assert_eq!(status_signal(0x808), Signal::Bus);
    }
}

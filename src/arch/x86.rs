//! x86 and x86-64: exception vectors.
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3 (325384-081),
//! table 6-1 "Protected-Mode Exceptions and Interrupts", 6.15 (error code of a page fault).

use crate::reason::Signal;

/// Whose address is in cr2.
pub(super) const PAGE_FAULT: u64 = 14;

/// What an exception's vector says, in the manual's words.
pub fn vector_words(vector: u64) -> String {
    let words = match vector {
        0 => "#DE divide error",
        1 => "#DB debug exception",
        2 => "non-maskable interrupt",
        3 => "#BP breakpoint",
        4 => "#OF overflow",
        5 => "#BR bound range exceeded",
        6 => "#UD invalid opcode",
        7 => "#NM no math coprocessor",
        8 => "#DF double fault",
        10 => "#TS invalid TSS",
        11 => "#NP segment not present",
        12 => "#SS stack segment fault",
        13 => "#GP general protection",
        PAGE_FAULT => "#PF page fault",
        16 => "#MF x87 floating-point error",
        17 => "#AC alignment check",
        18 => "#MC machine check",
        19 => "#XM SIMD floating-point exception",
        20 => "#VE virtualization exception",
        21 => "#CP control protection exception",
        n @ 32..=255 => return format!("interrupt {n}"),
        n => return format!("vector {n}, which the manual reserves"),
    };
    words.to_string()
}

/// The signal for an exception's vector.
pub fn vector_signal(vector: u64) -> Signal {
    match vector {
        0 | 4 | 16 | 19 => Signal::Fpe,
        6 | 7 => Signal::Ill,
        17 => Signal::Bus,
        5 | 8 | 10..=14 => Signal::Segv,
        _ => Signal::Abrt,
    }
}

/// Whether an exception with this vector is taken because of what the interrupted code did.
pub fn is_fault(vector: u64) -> bool {
    vector < 32 && !matches!(vector, 1 | 2 | 18)
}

/// What the error code of an exception with this vector says.
pub fn error_code_words(vector: u64, code: u64) -> String {
    if vector != PAGE_FAULT {
        return match code {
            0 => "none, or no segment".into(),
            code => format!("segment selector index {:#x}", code >> 3),
        };
    }
    let pick = |bit: u32, set: &'static str, clear: &'static str| {
        if code & 1 << bit != 0 { set } else { clear }
    };
    let mut words = vec![
        pick(4, "instruction fetch", pick(1, "write", "read")),
        pick(2, "in user mode", "in supervisor mode"),
        pick(0, "not allowed by the page", "page not present"),
    ];
    if code & 1 << 3 != 0 {
        words.push("reserved bit set in a page-table entry");
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_page_fault_codes_are_said_in_words() {
        assert_eq!((vector_words(14), vector_signal(14)), ("#PF page fault".into(), Signal::Segv));
        assert_eq!(error_code_words(14, 2), "write, in supervisor mode, page not present");
        assert_eq!(
            error_code_words(14, 0x11),
            "instruction fetch, in supervisor mode, not allowed by the page"
        );
        assert_eq!((vector_signal(0), vector_signal(6)), (Signal::Fpe, Signal::Ill));
        assert_eq!(vector_words(0x40), "interrupt 64");
    }
}

//! Registers as debuggers and fault handlers print them.
//!
//! | tool                  | line                                                 |
//! | GDB `info registers`  | `pc  0x72  0x72 <poke+18>`; `s0  0  (raw 0x00000000)` |
//! | OpenOCD `reg`         | `(0) r0 (/32): 0x90000000`                           |
//! | J-Link `regs`         | `R0 = 90000000, R1 = C0FFEE03`; `SP(R13)= 20001FA0`  |
//! | Trace32               | `r.s pc 0x72`                                        |
//! | others                | `name = value`, `name: value`, also in JSON          |
//!
//! | fault handlers        | `CFSR 0x00008200 BFAR 0x40080010`                    |
//!
//! A number with `0x` is hexadecimal, one of JSON is decimal. Of others the whole text tells the
//! base (`crash_text/radix.rs`), not the line.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// A number as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::format) enum Printed {
    /// Its base is certain.
    Number(u64),
    /// Digits, maybe hexadecimal ones.
    Digits(String),
}

/// The registers of a line, with their names in lower case. Words that are no registers of any
/// machine are skipped.
pub(in crate::format) fn parse(line: &str) -> Vec<(String, Printed)> {
    if let Some(one) = gdb_raw(line).or_else(|| openocd(line)).or_else(|| trace32(line)) {
        return vec![one];
    }
    let mut found = pairs(line);
    found.extend(behind_blanks(line));
    found.sort_by_key(|(at, ..)| *at);
    found.into_iter().map(|(_, name, value)| (name, value)).collect()
}

/// GDB's floating-point registers.
fn gdb_raw(line: &str) -> Option<(String, Printed)> {
    let (_, raw) = line.split_once("(raw 0x")?;
    let name = register_name(line.split_once(' ')?.0)?;
    Some((name, number(&format!("0x{}", raw.split(')').next()?))?))
}

fn openocd(line: &str) -> Option<(String, Printed)> {
    let (_, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let (name, rest) = rest.split_once(" (/")?;
    let (_, value) = rest.split_once("):")?;
    Some((register_name(name)?, number(value.trim().split(' ').next()?)?))
}

fn trace32(line: &str) -> Option<(String, Printed)> {
    if !line.starts_with(['r', 'R']) {
        return None;
    }
    let lower = line.to_ascii_lowercase();
    let rest = lower.strip_prefix("r.s ").or_else(|| lower.strip_prefix("register.set "))?;
    let (name, value) = rest.trim().split_once(' ')?;
    Some((register_name(name)?, number(value.trim().split(' ').next()?)?))
}

/// `name = value` and `name: value`, as many as there are, and where each begins to be one.
fn pairs(line: &str) -> Vec<(usize, String, Printed)> {
    let mut found = Vec::new();
    for (at, separator) in line.match_indices(['=', ':']) {
        let Some((before, behind)) = line.split_at_checked(at) else { continue };
        let before = before.trim_end();
        let json = before.ends_with('"');
        let before = before.trim_end_matches([' ', '"']);
        // From one value to the next name.
        let start = before.rfind([' ', ',', '{', '"', '\'', '[', '=', ':']);
        let name = before.get(start.map_or(0, |at| at.saturating_add(1))..);
        let Some(name) = name.and_then(register_name) else { continue };
        let value = behind.get(separator.len()..).unwrap_or_default().trim_start();
        let bare = !value.starts_with('"');
        let value = value.trim_start_matches([' ', '"']);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        let Some(digits) = value.get(..end) else { continue };
        let value = match number(digits) {
            // A number of JSON.
            Some(Printed::Digits(digits)) if json && bare => {
                digits.parse().ok().map(Printed::Number)
            }
            value => value,
        };
        found.extend(value.map(|value| (at, name, value)));
    }
    found
}

/// `name 0xvalue`, as many as there are, and where each begins.
fn behind_blanks(line: &str) -> Vec<(usize, String, Printed)> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("0x") {
        let Some((before, value)) = line.split_at_checked(at) else { continue };
        let Some(before) = before.strip_suffix([' ', '\t']).map(str::trim_end) else { continue };
        let name = before.rsplit([' ', '\t', ',', ';', '|']).next().unwrap_or(before);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        if let (Some(name), Some(value)) = (register_name(name), value.get(..end).and_then(number))
        {
            found.push((at, name, value));
        }
    }
    found
}

fn number(text: &str) -> Option<Printed> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().map(Printed::Number);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| Printed::Digits(text.to_string()))
}

/// The register that a text means, in lower case: `SP(R13)` is `sp`, `R14(LR)` is `lr`, `FPS0`
/// is `s0`. `None` if no machine that is known here has such a one.
pub(in crate::format) fn register_name(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    // As the headers of CMSIS have it.
    let lower =
        ["scb->", "scb.", "scb_"].iter().find_map(|of| lower.strip_prefix(of)).unwrap_or(&lower);
    let (outer, inner) = match lower.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((outer, inner)) => (outer.to_string(), Some(inner.to_string())),
        None => (lower.to_string(), None),
    };
    // Of two names the one that says more is taken.
    let name = match inner {
        Some(inner) if outer.starts_with('r') => inner,
        _ => outer,
    };
    let name = match name.strip_prefix("fps") {
        Some("cr") => "fpscr".to_string(),
        Some(n) if n.bytes().all(|b| b.is_ascii_digit()) => format!("s{n}"),
        _ => name,
    };
    let known = WHOLE_NAMES.contains(&name.as_str())
        || NUMBERED.iter().any(|(stem, count)| {
            let n = name.strip_prefix(stem).and_then(|n| n.parse::<u32>().ok());
            n.is_some_and(|n| n < *count && !name.contains('+'))
        });
    known.then_some(name)
}

const WHOLE_NAMES: &[&str] = &[
    "sp",
    "lr",
    "pc",
    "xpsr",
    "psr",
    "cpsr",
    "msp",
    "psp",
    "msp_ns",
    "psp_ns",
    "msp_s",
    "psp_s",
    "msplim",
    "psplim",
    "primask",
    "basepri",
    "faultmask",
    "control",
    "fpscr",
    "exc_return",
    "cfsr",
    "hfsr",
    "dfsr",
    "mmfar",
    "bfar",
    "afsr",
    "shcsr",
    "icsr",
    "zero",
    "ra",
    "gp",
    "tp",
    "fp",
    "mepc",
    "epc",
    "mcause",
    "mtval",
    "mstatus",
    "mtvec",
    "mhartid",
    "sepc",
    "scause",
    "stval",
    "sstatus",
    "stvec",
    "elr_el1",
    "esr_el1",
    "far_el1",
    "spsr_el1",
    "ps",
    "sar",
    "lbeg",
    "lend",
    "lcount",
    "exccause",
    "excvaddr",
    "windowbase",
    "windowstart",
    "pstate",
    "rip",
    "rsp",
    "rbp",
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "eflags",
    "eip",
    "esp",
    "ebp",
    "eax",
    "ebx",
    "ecx",
    "edx",
    "esi",
    "edi",
    "ip",
    "sl",
    "sb",
];

/// Stems of numbered names, and how many there are.
const NUMBERED: &[(&str, u32)] =
    &[("r", 16), ("x", 32), ("s", 32), ("d", 32), ("t", 7), ("a", 16), ("ar", 64), ("cr", 5)];

#[cfg(test)]
mod tests {
    use super::*;

    /// In hexadecimal, as all of these are.
    fn found(line: &str) -> Vec<(String, u64)> {
        let value = |printed| match printed {
            Printed::Number(value) => value,
            Printed::Digits(digits) => u64::from_str_radix(&digits, 16).unwrap(),
        };
        parse(line).into_iter().map(|(name, printed)| (name, value(printed))).collect()
    }

    #[test]
    fn the_lines_of_every_tool_give_names_and_values() {
        let cases: [(&str, &[(&str, u64)]); 13] = [
            ("ESR_EL1        0x96000046          2516582470", &[("esr_el1", 0x9600_0046)]),
            ("pc             0x72                0x72 <poke+18>", &[("pc", 0x72)]),
            ("s16            5                  (raw 0x40a00000)", &[("s16", 0x40a0_0000)]),
            ("(13) sp (/32): 0x20001fa0", &[("sp", 0x2000_1fa0)]),
            ("(16) xPSR (/32): 0x01000000 (dirty)", &[("xpsr", 0x0100_0000)]),
            ("R0 = 90000000, R1 = C0FFEE03", &[("r0", 0x9000_0000), ("r1", 0xc0ff_ee03)]),
            (
                "SP(R13)= 20001FA0, MSP= 20001FA0, PSP= 00000000, R14(LR) = 000000AB",
                &[("sp", 0x2000_1fa0), ("msp", 0x2000_1fa0), ("psp", 0), ("lr", 0xab)],
            ),
            ("FPS16= 40A00000, FPSCR = 00000000", &[("s16", 0x40a0_0000), ("fpscr", 0)]),
            ("r.s pc 0x72", &[("pc", 0x72)]),
            ("{\"pc\": 114, \"sp\": \"0x20001fa0\"}", &[("pc", 114), ("sp", 0x2000_1fa0)]),
            ("r7 = 0x20001FA0", &[("r7", 0x2000_1fa0)]),
            ("fault type 3, CFSR 0x8200 BFAR 0x40", &[("cfsr", 0x8200), ("bfar", 0x40)]),
            ("r12:d6 lr=8000b4d, PC 0x10", &[("r12", 0xd6), ("lr", 0x800_0b4d), ("pc", 0x10)]),
        ];
        for (line, wanted) in cases {
            let wanted: Vec<_> = wanted.iter().map(|(n, v)| ((*n).to_string(), *v)).collect();
            assert_eq!(found(line), wanted, "{line}");
        }
    }

    #[test]
    fn words_that_are_no_registers_are_passed_over() {
        for line in ["CycleCnt = 00000010", "time: 12:34:56", "sensor ok", "x: 5", "http://a1"] {
            assert_eq!(found(line), [], "{line}");
        }
    }

    #[test]
    fn digits_without_a_base_stay_digits() {
        let digits = |text: &str| vec![("pc".to_string(), Printed::Digits(text.to_string()))];
        assert_eq!(parse("pc: 8030240"), digits("8030240"));
        assert_eq!(parse("{\"pc\": \"8030240\"}"), digits("8030240"));
        assert_eq!(parse("{\"pc\": 114}"), [("pc".to_string(), Printed::Number(114))]);
    }
}

//! Registers as debuggers and fault handlers print them.
//!
//! | tool                  | line                                                 |
//! | GDB `info registers`  | `pc  0x72  0x72 <poke+18>`; `s0  0  (raw 0x00000000)` |
//! | OpenOCD `reg`         | `(0) r0 (/32): 0x90000000`                           |
//! | J-Link `regs`         | `R0 = 90000000, R1 = C0FFEE03`; `SP(R13)= 20001FA0`  |
//! | Trace32               | `r.s pc 0x72`                                        |
//! | others                | `name = value`, `name: value`, also in JSON          |
//!
//! A number with `0x`, with a letter in it, or as wide as a register is hexadecimal.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// The registers of a line, with their names in lower case. Words that are no registers of any
/// machine are passed over.
pub(super) fn parse(line: &str) -> Vec<(String, u64)> {
    if let Some(one) = gdb(line).or_else(|| openocd(line)).or_else(|| trace32(line)) {
        return vec![one];
    }
    pairs(line)
}

fn gdb(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.split_once(' ')?;
    let name = register_name(name)?;
    let rest = rest.trim();
    let value = match rest.split_once("(raw 0x") {
        Some((_, raw)) => number(&format!("0x{}", raw.split(')').next()?))?,
        None => number(rest.split(' ').next().filter(|word| word.starts_with("0x"))?)?,
    };
    Some((name, value))
}

fn openocd(line: &str) -> Option<(String, u64)> {
    let (_, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let (name, rest) = rest.split_once(" (/")?;
    let (_, value) = rest.split_once("):")?;
    Some((register_name(name)?, number(value.trim().split(' ').next()?)?))
}

fn trace32(line: &str) -> Option<(String, u64)> {
    let lower = line.to_ascii_lowercase();
    let rest = lower.strip_prefix("r.s ").or_else(|| lower.strip_prefix("register.set "))?;
    let (name, value) = rest.trim().split_once(' ')?;
    Some((register_name(name)?, number(value.trim().split(' ').next()?)?))
}

/// `name = value` and `name: value`, as many as there are.
fn pairs(line: &str) -> Vec<(String, u64)> {
    let json = line.contains('"');
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, behind) = rest.split_at(at);
        rest = behind.get(1..).unwrap_or_default();
        let before = before.trim_end_matches([' ', '"']);
        let start =
            before.rfind([' ', ',', '{', '"', '\'', '[']).map_or(0, |at| at.saturating_add(1));
        let value = rest.trim_start_matches([' ', '"']);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        let Some(name) = before.get(start..).and_then(register_name) else { continue };
        let Some(digits) = value.get(..end) else { continue };
        let value =
            if json && !digits.starts_with("0x") { digits.parse().ok() } else { number(digits) };
        if let Some(value) = value {
            found.push((name, value));
        }
    }
    found
}

fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok();
    }
    let wide = matches!(text.len(), 2 | 8 | 16);
    let letters = text.bytes().any(|b| b.is_ascii_alphabetic());
    if wide || letters { u64::from_str_radix(text, 16).ok() } else { text.parse().ok() }
}

/// The register that a text means, in lower case: `SP(R13)` is `sp`, `R14(LR)` is `lr`, `FPS0`
/// is `s0`. `None` if no machine that is known here has such a one.
pub(in crate::format) fn register_name(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let (outer, inner) = match lower.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((outer, inner)) => (outer.to_string(), Some(inner.to_string())),
        None => (lower, None),
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
    &[("r", 16), ("x", 32), ("s", 32), ("d", 32), ("t", 7), ("a", 16), ("ar", 64)];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<(String, u64)> {
        parse(line)
    }

    #[test]
    fn the_lines_of_every_tool_give_names_and_values() {
        let cases: [(&str, &[(&str, u64)]); 10] = [
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
}

//! Arm: what its two instruction sets, A32 and T32, share: operands, conditions, and floating point, which is
//! encoded alike in both.
//!
//! Sources: ARMv7-M ARM (DDI 0403E.e) A5 and A7; ARMv8-M ARM (DDI 0553B.u) C2; ARM ARM for v7-A and v7-R (DDI 0406C.d)
//! A5, A6, A7 and A8.

use super::pattern::{Operand, Row, Table, Word, sign_extend};
use super::{Instruction, Kind, a32, t16, t32};
use std::sync::OnceLock;

pub(super) static NAMES: [&str; 16] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "sl", "fp", "ip", "sp", "lr", "pc",
];

static CONDITIONS: [&str; 16] =
    ["eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "", ""];

/// Floating point: bits 27 to 0 of both sets. `c` is the condition of A32; in T32 it is 14.
#[rustfmt::skip] // One row, one line.
pub(super) static FLOAT: &[Row] = &[
    ("cccc 1101 0D10 1101 dddd 1010 iiii iiii", "vpush{?} {vslist}", "reads:sp writes:sp store: sp+below"),
    ("cccc 1101 0D10 1101 dddd 1011 iiii iii0", "vpush{?} {vdlist}", "reads:sp writes:sp store: sp+below"),
    ("cccc 1100 1D11 1101 dddd 1010 iiii iiii", "vpop{?} {vslist}", "reads:sp writes:sp load: sp"),
    ("cccc 1100 1D11 1101 dddd 1011 iiii iii0", "vpop{?} {vdlist}", "reads:sp writes:sp load: sp"),
    ("cccc 1101 uD00 nnnn dddd 1010 iiii iiii", "vstr{?} {sd}, [{n}{fimm}]", "store:4 n+fimm"),
    ("cccc 1101 uD00 nnnn dddd 1011 iiii iiii", "vstr{?} {dd}, [{n}{fimm}]", "store:8 n+fimm"),
    ("cccc 1101 uD01 1111 dddd 1010 iiii iiii", "vldr{?} {=sd}, [pc{fimm}]", "load:4 fpc"),
    ("cccc 1101 uD01 1111 dddd 1011 iiii iiii", "vldr{?} {=dd}, [pc{fimm}]", "load:8 fpc"),
    ("cccc 1101 uD01 nnnn dddd 1010 iiii iiii", "vldr{?} {=sd}, [{n}{fimm}]", "load:4 n+fimm"),
    ("cccc 1101 uD01 nnnn dddd 1011 iiii iiii", "vldr{?} {=dd}, [{n}{fimm}]", "load:8 n+fimm"),
    ("cccc 1100 1Dw0 nnnn dddd 1010 iiii iiii", "vstmia{?} {n}{w}, {vslist}", "store: n"),
    ("cccc 1100 1Dw0 nnnn dddd 1011 iiii iii0", "vstmia{?} {n}{w}, {vdlist}", "store: n"),
    ("cccc 1100 1Dw1 nnnn dddd 1010 iiii iiii", "vldmia{?} {n}{w}, {vslist}", "load: n"),
    ("cccc 1100 1Dw1 nnnn dddd 1011 iiii iii0", "vldmia{?} {n}{w}, {vdlist}", "load: n"),
    ("cccc 1101 0D10 nnnn dddd 1010 iiii iiii", "vstmdb{?} {n}!, {vslist}", ""),
    ("cccc 1101 0D10 nnnn dddd 1011 iiii iii0", "vstmdb{?} {n}!, {vdlist}", ""),
    ("cccc 1101 0D11 nnnn dddd 1010 iiii iiii", "vldmdb{?} {n}!, {vslist}", ""),
    ("cccc 1101 0D11 nnnn dddd 1011 iiii iii0", "vldmdb{?} {n}!, {vdlist}", ""),
    // Between core registers and others.
    ("cccc 1110 0000 nnnn tttt 1010 N001 0000", "vmov{?} {=sn}, {t}", ""),
    ("cccc 1110 0001 nnnn tttt 1010 N001 0000", "vmov{?} {=t}, {sn}", ""),
    ("cccc 1110 1110 0001 tttt 1010 0001 0000", "vmsr{?} fpscr, {t}", ""),
    ("cccc 1110 1111 0001 1111 1010 0001 0000", "vmrs{?} APSR_nzcv, fpscr", ""),
    ("cccc 1110 1111 0001 tttt 1010 0001 0000", "vmrs{?} {=t}, fpscr", ""),
    ("cccc 1100 0100 uuuu tttt 1011 00M1 mmmm", "vmov{?} {=dm}, {t}, {u}", ""),
    ("cccc 1100 0101 uuuu tttt 1011 00M1 mmmm", "vmov{?} {=t}, {=u}, {dm}", ""),
    ("cccc 1100 0100 uuuu tttt 1010 00M1 mmmm", "vmov{?} {=sm}, {sm1}, {t}, {u}", ""),
    ("cccc 1100 0101 uuuu tttt 1010 00M1 mmmm", "vmov{?} {=t}, {=u}, {sm}, {sm1}", ""),
    ("cccc 1110 00x0 nnnn tttt 1011 N001 0000", "vmov{?}.32 {=dn}[{x}], {t}", ""),
    ("cccc 1110 00x1 nnnn tttt 1011 N001 0000", "vmov{?}.32 {=t}, {dn}[{x}]", ""),
    // Arithmetic.
    ("cccc 1110 0D00 nnnn dddd 1010 N0M0 mmmm", "vmla{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D00 nnnn dddd 1010 N1M0 mmmm", "vmls{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D01 nnnn dddd 1010 N0M0 mmmm", "vnmls{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D01 nnnn dddd 1010 N1M0 mmmm", "vnmla{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D10 nnnn dddd 1010 N0M0 mmmm", "vmul{?}.f32 {=sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D10 nnnn dddd 1010 N1M0 mmmm", "vnmul{?}.f32 {=sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D11 nnnn dddd 1010 N0M0 mmmm", "vadd{?}.f32 {=sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D11 nnnn dddd 1010 N1M0 mmmm", "vsub{?}.f32 {=sd}, {sn}, {sm}", ""),
    ("cccc 1110 1D00 nnnn dddd 1010 N0M0 mmmm", "vdiv{?}.f32 {=sd}, {sn}, {sm}", ""),
    ("cccc 1110 1D01 nnnn dddd 1010 N0M0 mmmm", "vfnms{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 1D01 nnnn dddd 1010 N1M0 mmmm", "vfnma{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 1D10 nnnn dddd 1010 N0M0 mmmm", "vfma{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 1D10 nnnn dddd 1010 N1M0 mmmm", "vfms{?}.f32 {+sd}, {sn}, {sm}", ""),
    ("cccc 1110 0D00 nnnn dddd 1011 N0M0 mmmm", "vmla{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D00 nnnn dddd 1011 N1M0 mmmm", "vmls{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D01 nnnn dddd 1011 N0M0 mmmm", "vnmls{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D01 nnnn dddd 1011 N1M0 mmmm", "vnmla{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D10 nnnn dddd 1011 N0M0 mmmm", "vmul{?}.f64 {=dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D10 nnnn dddd 1011 N1M0 mmmm", "vnmul{?}.f64 {=dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D11 nnnn dddd 1011 N0M0 mmmm", "vadd{?}.f64 {=dd}, {dn}, {dm}", ""),
    ("cccc 1110 0D11 nnnn dddd 1011 N1M0 mmmm", "vsub{?}.f64 {=dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D00 nnnn dddd 1011 N0M0 mmmm", "vdiv{?}.f64 {=dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D01 nnnn dddd 1011 N0M0 mmmm", "vfnms{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D01 nnnn dddd 1011 N1M0 mmmm", "vfnma{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D10 nnnn dddd 1011 N0M0 mmmm", "vfma{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D10 nnnn dddd 1011 N1M0 mmmm", "vfms{?}.f64 {+dd}, {dn}, {dm}", ""),
    ("cccc 1110 1D11 hhhh dddd 1010 0000 llll", "vmov{?}.f32 {=sd}, {fconst}", ""),
    ("cccc 1110 1D11 hhhh dddd 1011 0000 llll", "vmov{?}.f64 {=dd}, {fconst}", ""),
    ("cccc 1110 1D11 0000 dddd 1010 01M0 mmmm", "vmov{?}.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0000 dddd 1011 01M0 mmmm", "vmov{?}.f64 {=dd}, {dm}", ""),
    ("cccc 1110 1D11 0000 dddd 1010 11M0 mmmm", "vabs{?}.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0000 dddd 1011 11M0 mmmm", "vabs{?}.f64 {=dd}, {dm}", ""),
    ("cccc 1110 1D11 0001 dddd 1010 01M0 mmmm", "vneg{?}.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0001 dddd 1011 01M0 mmmm", "vneg{?}.f64 {=dd}, {dm}", ""),
    ("cccc 1110 1D11 0001 dddd 1010 11M0 mmmm", "vsqrt{?}.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0001 dddd 1011 11M0 mmmm", "vsqrt{?}.f64 {=dd}, {dm}", ""),
    ("cccc 1110 1D11 0010 dddd 1010 01M0 mmmm", "vcvtb{?}.f32.f16 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0010 dddd 1010 11M0 mmmm", "vcvtt{?}.f32.f16 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0011 dddd 1010 01M0 mmmm", "vcvtb{?}.f16.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0011 dddd 1010 11M0 mmmm", "vcvtt{?}.f16.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 0100 dddd 1010 01M0 mmmm", "vcmp{?}.f32 {sd}, {sm}", ""),
    ("cccc 1110 1D11 0100 dddd 1010 11M0 mmmm", "vcmpe{?}.f32 {sd}, {sm}", ""),
    ("cccc 1110 1D11 0100 dddd 1011 01M0 mmmm", "vcmp{?}.f64 {dd}, {dm}", ""),
    ("cccc 1110 1D11 0100 dddd 1011 11M0 mmmm", "vcmpe{?}.f64 {dd}, {dm}", ""),
    ("cccc 1110 1D11 0101 dddd 1010 0100 0000", "vcmp{?}.f32 {sd}, #0.0", ""),
    ("cccc 1110 1D11 0101 dddd 1010 1100 0000", "vcmpe{?}.f32 {sd}, #0.0", ""),
    ("cccc 1110 1D11 0101 dddd 1011 0100 0000", "vcmp{?}.f64 {dd}, #0.0", ""),
    ("cccc 1110 1D11 0101 dddd 1011 1100 0000", "vcmpe{?}.f64 {dd}, #0.0", ""),
    ("cccc 1110 1D11 0111 dddd 1010 11M0 mmmm", "vcvt{?}.f64.f32 {=dd}, {sm}", ""),
    ("cccc 1110 1D11 0111 dddd 1011 11M0 mmmm", "vcvt{?}.f32.f64 {=sd}, {dm}", ""),
    ("cccc 1110 1D11 1000 dddd 1010 11M0 mmmm", "vcvt{?}.f32.s32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1000 dddd 1010 01M0 mmmm", "vcvt{?}.f32.u32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1000 dddd 1011 11M0 mmmm", "vcvt{?}.f64.s32 {=dd}, {sm}", ""),
    ("cccc 1110 1D11 1000 dddd 1011 01M0 mmmm", "vcvt{?}.f64.u32 {=dd}, {sm}", ""),
    ("cccc 1110 1D11 1100 dddd 1010 11M0 mmmm", "vcvt{?}.u32.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1101 dddd 1010 11M0 mmmm", "vcvt{?}.s32.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1100 dddd 1010 01M0 mmmm", "vcvtr{?}.u32.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1101 dddd 1010 01M0 mmmm", "vcvtr{?}.s32.f32 {=sd}, {sm}", ""),
    ("cccc 1110 1D11 1100 dddd 1011 11M0 mmmm", "vcvt{?}.u32.f64 {=sd}, {dm}", ""),
    ("cccc 1110 1D11 1101 dddd 1011 11M0 mmmm", "vcvt{?}.s32.f64 {=sd}, {dm}", ""),
    ("cccc 1110 1D11 1100 dddd 1011 01M0 mmmm", "vcvtr{?}.u32.f64 {=sd}, {dm}", ""),
    ("cccc 1110 1D11 1101 dddd 1011 01M0 mmmm", "vcvtr{?}.s32.f64 {=sd}, {dm}", ""),
    ("cccc 1110 1D11 1010 dddd 1010 x1j0 iiii", "vcvt{?}.f32.{xs} {=sd}, {sd}, {fbits}", ""),
    ("cccc 1110 1D11 1011 dddd 1010 x1j0 iiii", "vcvt{?}.f32.{xu} {=sd}, {sd}, {fbits}", ""),
    ("cccc 1110 1D11 1110 dddd 1010 x1j0 iiii", "vcvt{?}.{xs}.f32 {=sd}, {sd}, {fbits}", ""),
    ("cccc 1110 1D11 1111 dddd 1010 x1j0 iiii", "vcvt{?}.{xu}.f32 {=sd}, {sd}, {fbits}", ""),
];

/// What IT says of the instructions behind it: condition and mask, as the manual's ITSTATE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct It(u8);

impl It {
    fn condition(self) -> Option<u32> {
        (self.0 & 0xf != 0).then_some(u32::from(self.0 >> 4))
    }

    fn next(self) -> It {
        It(if self.0 & 7 == 0 { 0 } else { self.0 & 0xe0 | self.0 << 1 & 0x1f })
    }
}

/// Decodes an instruction of T32.
pub(super) fn thumb(bytes: &[u8], addr: u64, it: &mut It) -> Option<Instruction> {
    static SHORT: OnceLock<Table> = OnceLock::new();
    static LONG: OnceLock<Table> = OnceLock::new();
    let now = *it;
    *it = now.next();
    let first = u16::from_le_bytes(*bytes.first_chunk()?);
    let condition = now.condition();
    if first >> 11 >= 0x1d {
        let second = u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]);
        let code = u32::from(first) << 16 | u32::from(second);
        let table = LONG.get_or_init(|| Table::new(&[t32::ROWS, FLOAT_T32.get_or_init(float_t32)]));
        return table
            .decode(code, 4, addr, &|key, word| operand(key, word, Set::Thumb(condition)))
            .map(returning);
    }
    let table = SHORT.get_or_init(|| Table::new(&[t16::ROWS]));
    if first >> 8 == 0xbf && first & 0xf != 0 {
        *it = It(first as u8);
    }
    let found =
        table.decode(first.into(), 2, addr, &|key, word| operand(key, word, Set::Thumb(condition)));
    found.map(returning)
}

static FLOAT_T32: OnceLock<Vec<Row>> = OnceLock::new();

/// The rows of floating point with the condition that T32 has for "always".
fn float_t32() -> Vec<Row> {
    // A handful of strings for the life of the program.
    let always = |(pattern, text, does): &Row| -> Row {
        (Box::leak(pattern.replacen("cccc", "1110", 1).into_boxed_str()), text, does)
    };
    FLOAT.iter().map(always).collect()
}

/// Decodes an instruction of A32.
pub(super) fn arm(bytes: &[u8], addr: u64) -> Option<Instruction> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let code = u32::from_le_bytes(*bytes.first_chunk()?);
    let table = TABLE.get_or_init(|| Table::new(&[a32::ROWS, FLOAT]));
    table.decode(code, 4, addr, &|key, word| operand(key, word, Set::Arm)).map(returning)
}

/// Whatever else writes the program counter jumps.
fn returning(mut found: Instruction) -> Instruction {
    if found.kind == Kind::Other && found.writes.iter().any(|name| name == "pc") {
        let from_stack = found.memory.as_ref().is_some_and(|m| m.base.as_deref() == Some("sp"));
        found.kind = if from_stack { Kind::Return } else { Kind::Jump };
    }
    found
}

#[derive(Clone, Copy)]
enum Set {
    Arm,
    /// With the condition of the IT around it.
    Thumb(Option<u32>),
}

fn operand(key: &str, word: &Word<'_>, set: Set) -> Option<Operand> {
    let name = |number: u32| NAMES.get(number as usize).copied();
    let register = |number: u32| Operand::register(name(number)?);
    let pc = word.addr.wrapping_add(if matches!(set, Set::Arm) { 8 } else { 4 });
    let place = |from: u64, offset: i64| {
        Some(Operand::Address(from.wrapping_add_signed(offset) & 0xffff_ffff))
    };
    let offset = |value: u32, scale: u32| {
        let value = i64::from(value) * i64::from(scale);
        // Bit u: whether it is added.
        let is_down = word.field(b'u') == 0;
        match (value, is_down) {
            (0, false) => Some(Operand::Number(0, String::new())),
            (0, true) => Some(Operand::Number(0, ", #-0".into())),
            (value, false) => Some(Operand::Number(value, format!(", #{value}"))),
            (value, true) => Some(Operand::Number(-value, format!(", #-{value}"))),
        }
    };
    let single = |letters: (u8, u8), plus: u32| {
        let number = word.field(letters.0) << 1 | word.field(letters.1);
        Operand::register(format!("s{}", number + plus))
    };
    let double = |letters: (u8, u8)| {
        Operand::register(format!("d{}", word.field(letters.1) << 4 | word.field(letters.0)))
    };
    match key {
        "?" => Operand::text(match set {
            Set::Thumb(condition) => CONDITIONS.get(condition.unwrap_or(14) as usize).copied()?,
            Set::Arm => {
                let condition = Some(word.bits(28, 4)).filter(|c| *c != 15)?;
                CONDITIONS.get(condition as usize).copied()?
            }
        }),
        // The flags are set by these outside of an IT block only.
        "S" => Operand::text(if matches!(set, Set::Thumb(Some(_))) { "" } else { "s" }),
        "s" => Operand::text(if word.field(b's') == 1 { "s" } else { "" }),
        "c" => Operand::text(
            CONDITIONS.get(word.field(b'c') as usize).copied().filter(|c| !c.is_empty())?,
        ),
        "d" | "n" | "m" | "t" | "u" | "a" => register(word.field(*key.as_bytes().first()?)),
        // Not the program counter, which encodes something else there.
        "d!" | "n!" | "m!" | "t!" => {
            let number = word.field(*key.as_bytes().first()?);
            (number != 15).then(|| register(number))?
        }
        // The second of a pair, which the text leaves out.
        "+1" | "1" => {
            let second = name((word.field(b't') & 1 == 0).then_some(word.field(b't') + 1)?)?;
            Some(Operand::Registers(vec![second.to_string()], String::new()))
        }
        "sp" => register(13),
        "w" => Operand::text(if word.field(b'w') == 1 { "!" } else { "" }),
        "i" => Operand::hash(word.field(b'i').into()),
        "i2" => Operand::hash(i64::from(word.field(b'i')) * 2),
        "i4" => Operand::hash(i64::from(word.field(b'i')) * 4),
        "raw" => Operand::number(word.field(b'i').into()),
        "braced" => Operand::text(format!("{{{}}}", word.field(b'i'))),
        "hex4" => Operand::text(format!("{:#06x}", word.field(b'i'))),
        "x" => Operand::text(word.field(b'x').to_string()),
        "o" | "o2" | "o4" | "o8" => offset(
            word.field(b'i'),
            key.get(1..).filter(|s| !s.is_empty()).map_or(Some(1), |s| s.parse().ok())?,
        ),
        "literal" => {
            let value = i64::from(word.field(b'i'));
            place(pc & !3, if word.field(b'u') == 1 { value } else { -value })
        }
        "literal4" => {
            let value = i64::from(word.field(b'i')) * 4;
            place(pc & !3, if word.field(b'u') == 1 { value } else { -value })
        }
        // Post-indexed: always there.
        "p" | "p4" => {
            let value = i64::from(word.field(b'i')) * if key == "p4" { 4 } else { 1 };
            let sign = if word.field(b'u') == 1 { "" } else { "-" };
            Some(Operand::Number(0, format!("#{sign}{value}")))
        }
        // Thumb, short.
        "lit8" => place(pc & !3, i64::from(word.field(b'i')) * 4),
        "b8" | "b11" => place(pc, word.signed(b'i') << 1),
        "cbz" => place(pc, i64::from(word.field(b'i')) << 1),
        "list" | "list!" => {
            let mut list = word.field(b'l') & 0xff;
            if word.field(b'x') == 1 {
                list |= 1 << if word.bits(11, 1) == 1 { 15 } else { 14 };
            }
            registers(list)
        }
        "back" => {
            Operand::text(if word.field(b'l') >> word.field(b'n') & 1 == 1 { "" } else { "!" })
        }
        "lists" => registers(word.field(b'l')),
        "it" => {
            let (first, mask) = (word.field(b'f'), word.field(b'k'));
            let condition = CONDITIONS.get(first as usize).copied()?;
            let condition = if first == 14 { "al" } else { condition };
            let count = 3 - mask.trailing_zeros();
            let letters: String = (0..count)
                .map(|at| if mask >> (3 - at) & 1 == first & 1 { 't' } else { 'e' })
                .collect();
            (first != 15).then(|| Operand::text(format!("it{letters} {condition}")))?
        }
        "iflags" => {
            let flags = word.field(b'i');
            let text: String = [(4, 'a'), (2, 'i'), (1, 'f')]
                .iter()
                .filter(|(bit, _)| flags & bit != 0)
                .map(|(_, c)| c)
                .collect();
            Operand::text(text)
        }
        // Thumb, long.
        "tconst" => Operand::hash(expand_thumb(word.joined(&[(26, 1), (12, 3), (0, 8)])).into()),
        "imm12" => Operand::hash(word.joined(&[(26, 1), (12, 3), (0, 8)]).into()),
        "imm16" => Operand::hash(word.joined(&[(16, 4), (26, 1), (12, 3), (0, 8)]).into()),
        "tshift" => Operand::text(shift(word.bits(4, 2), word.joined(&[(12, 3), (6, 2)]))?),
        "tshift!" => {
            // A shift of its own name must shift.
            let amount = word.joined(&[(12, 3), (6, 2)]);
            (amount != 0).then(|| Operand::hash(if amount == 0 { 32 } else { amount.into() }))?
        }
        "index" => match word.field(b'i') {
            0 => Some(Operand::Number(0, String::new())),
            amount => Some(Operand::Number(amount.into(), format!(", lsl #{amount}"))),
        },
        "b20" => place(pc, word.joined_signed(&[(26, 1), (11, 1), (13, 1), (16, 6), (0, 11)]) << 1),
        "b24" | "b24x" => {
            let sign = word.bits(26, 1);
            let (i1, i2) = (1 ^ word.bits(13, 1) ^ sign, 1 ^ word.bits(11, 1) ^ sign);
            let value =
                sign << 23 | i1 << 22 | i2 << 21 | word.bits(16, 10) << 11 | word.bits(0, 11);
            let from = if key == "b24x" { pc & !3 } else { pc };
            place(from, sign_extend(value, 24) << 1)
        }
        "lsb" => Operand::hash(word.joined(&[(12, 3), (6, 2)]).into()),
        "width" => {
            let (low, high) = (word.joined(&[(12, 3), (6, 2)]), word.bits(0, 5));
            (high >= low).then(|| Operand::hash(i64::from(high) + 1 - i64::from(low)))?
        }
        "width1" => Operand::hash(i64::from(word.bits(0, 5)) + 1),
        "i+1" => Operand::hash(i64::from(word.field(b'i')) + 1),
        "satshift" => {
            let amount = word.joined(&[(12, 3), (6, 2)]);
            Operand::text(match (word.bits(21, 1), amount) {
                (0, 0) => String::new(),
                (0, n) => format!(", lsl #{n}"),
                (_, 0) => return None,
                (_, n) => format!(", asr #{n}"),
            })
        }
        "rotate" => Operand::text(match word.field(b'r') {
            0 => String::new(),
            n => format!(", ror #{}", n * 8),
        }),
        "barrier" => Operand::text(match word.field(b'i') {
            15 => "sy".to_string(),
            14 => "st".into(),
            11 => "ish".into(),
            10 => "ishst".into(),
            7 => "un".into(),
            6 => "unst".into(),
            3 => "osh".into(),
            2 => "oshst".into(),
            other => format!("#{other}"),
        }),
        "special" => Operand::text(special(word.field(b'i'))?),
        "oi" => Some(match word.field(b'i') {
            0 => Operand::Number(0, String::new()),
            value => Operand::Number(value.into(), format!(", #{value}")),
        }),
        "neg" => Operand::hash(-i64::from(word.field(b'i'))),
        "m4" => Operand::hash(-4),
        "po" => offset(word.field(b'i'), 1),
        "e4" => Some(match word.field(b'i') * 4 {
            0 => Operand::Number(0, String::new()),
            value => Operand::Number(value.into(), format!(", #{value}")),
        }),
        "lists16" => registers(word.joined(&[(14, 1)]) << 14 | word.bits(0, 13)),
        // Two fields that must name one register.
        "samem" => (word.field(b'm') == word.field(b'n')).then(|| register(word.field(b'm')))?,
        "psrw" => Operand::text(
            *["CPSR_f", "CPSR_s", "CPSR_fs", "CPSR_f"].get(word.field(b'f') as usize)?,
        ),
        // Arm.
        "tlist" => {
            let one = name(word.field(b't'))?.to_string();
            Some(Operand::Registers(vec![one.clone()], format!("{{{one}}}")))
        }
        "opc" => offset(word.field(b'i'), 1),
        "rfe" => Operand::text(
            *["da", "ia", "db", "ib"].get((word.field(b'P') << 1 | word.field(b'U')) as usize)?,
        ),
        "cp" => {
            let coprocessor = Some(word.field(b'p')).filter(|p| !matches!(p, 10 | 11))?;
            Operand::text(format!("{coprocessor}, {}", word.field(b'o')))
        }
        "cpq" => Operand::text(format!("{{{}}}", word.field(b'q'))),
        "nn" => Operand::text(word.field(b'n').to_string()),
        "mm" => Operand::text(word.field(b'm').to_string()),
        "aconst" => {
            let (value, turn) = (word.bits(0, 8), word.bits(8, 4) * 2);
            // More than one way to write a number: then the other one is shown as it is.
            let shortest =
                (0..16).map(|n| n * 2).find(|n| value.rotate_right(turn).rotate_left(*n) < 256)?;
            match shortest == turn {
                true => Operand::hash(i64::from(value.rotate_right(turn) as i32)),
                false => Operand::text(format!("#{value}, {turn}")),
            }
        }
        "ashift" => Operand::text(shift(word.bits(5, 2), word.bits(7, 5))?),
        "ashift!" => {
            let amount = word.bits(7, 5);
            Some(amount)
                .filter(|n| *n != 0 || word.bits(5, 2) != 0)
                .and_then(|n| Operand::hash(if n == 0 { 32 } else { n.into() }))
        }
        "shiftname" => Operand::text(*["lsl", "lsr", "asr", "ror"].get(word.bits(5, 2) as usize)?),
        "index!" => {
            let sign = if word.field(b'u') == 1 { "" } else { "-" };
            let text = format!(
                "{sign}{}{}",
                name(word.field(b'm'))?,
                shift(word.bits(5, 2), word.bits(7, 5))?
            );
            Operand::text(text)
        }
        "indexh" => {
            let sign = if word.field(b'u') == 1 { "" } else { "-" };
            Operand::text(format!("{sign}{}", name(word.field(b'm'))?))
        }
        // The registers of an index, where it is added and shifted to the left.
        "mi" => {
            let plain = word.field(b'u') == 1 && word.bits(5, 2) == 0;
            plain.then(|| register(word.field(b'm')))?
        }
        "mis" => Operand::number(word.bits(7, 5).into()),
        "mih" => (word.field(b'u') == 1).then(|| register(word.field(b'm')))?,
        "oh" => offset(word.joined(&[(8, 4), (0, 4)]), 1),
        "ph" => {
            let value = word.joined(&[(8, 4), (0, 4)]);
            let sign = if word.field(b'u') == 1 { "" } else { "-" };
            Some(Operand::Number(0, format!("#{sign}{value}")))
        }
        "literalh" => {
            let value = i64::from(word.joined(&[(8, 4), (0, 4)]));
            place(pc, if word.field(b'u') == 1 { value } else { -value })
        }
        "a24" => place(pc, word.joined_signed(&[(0, 24)]) << 2),
        "a24x" => place(pc, word.joined_signed(&[(0, 24)]) << 2 | i64::from(word.bits(24, 1)) << 1),
        "aimm16" => Operand::hash(word.joined(&[(16, 4), (0, 12)]).into()),
        "abkpt" => Operand::text(format!("{:#06x}", word.joined(&[(8, 12), (0, 4)]))),
        "asvc" => Operand::text(format!("{:#010x}", word.bits(0, 24))),
        "alsb" => Operand::hash(word.bits(7, 5).into()),
        "awidth" => {
            let (low, high) = (word.bits(7, 5), word.bits(16, 5));
            (high >= low).then(|| Operand::hash(i64::from(high) + 1 - i64::from(low)))?
        }
        "awidth1" => Operand::hash(i64::from(word.bits(16, 5)) + 1),
        "asat" => Operand::hash(i64::from(word.bits(16, 5)) + i64::from(word.bits(22, 1) == 0)),
        "asatshift" => Operand::text(match (word.bits(6, 1), word.bits(7, 5)) {
            (0, 0) => String::new(),
            (0, n) => format!(", lsl #{n}"),
            (_, 0) => return None,
            (_, n) => format!(", asr #{n}"),
        }),
        "fields" => {
            let fields = word.field(b'f');
            let text: String = [(8, 'f'), (4, 's'), (2, 'x'), (1, 'c')]
                .iter()
                .filter(|(bit, _)| fields & bit != 0)
                .map(|(_, c)| c)
                .collect();
            (fields != 0).then(|| Operand::text(text))?
        }
        // Floating point.
        "sd" => single((b'd', b'D'), 0),
        "sn" => single((b'n', b'N'), 0),
        "sm" => single((b'm', b'M'), 0),
        "sm1" => single((b'm', b'M'), 1),
        "dd" => double((b'd', b'D')),
        "dn" => double((b'n', b'N')),
        "dm" => double((b'm', b'M')),
        "fimm" => offset(word.field(b'i'), 4),
        "fpc" => {
            let value = i64::from(word.field(b'i')) * 4;
            place(pc & !3, if word.field(b'u') == 1 { value } else { -value })
        }
        "vslist" => {
            let (first, count) = (word.field(b'd') << 1 | word.field(b'D'), word.field(b'i'));
            floats('s', first, count)
        }
        "vdlist" => {
            let (first, count) = (word.field(b'D') << 4 | word.field(b'd'), word.field(b'i'));
            floats('d', first, count)
        }
        // What a push stores, from the stack pointer before it on.
        "below" => {
            let cores = (word.field(b'l').count_ones() + word.field(b'x')) * 4;
            // Registers of floating point have 4 bytes or 8.
            let floats = word.field(b'i') * if word.bits(8, 1) == 1 { 8 } else { 4 };
            Operand::number(-i64::from(if cores == 0 { floats } else { cores }))
        }
        "fconst" => {
            let (high, low) = (word.field(b'h'), word.field(b'l'));
            let exponent = i32::from((high & 7) as u8);
            // VFPExpandImm: one sign, three bits of exponent, four of the fraction.
            let power = if exponent & 4 != 0 { exponent - 7 } else { exponent + 1 };
            let value = (1.0 + f64::from(low) / 16.0) * 2f64.powi(power);
            let value = if high & 8 != 0 { -value } else { value };
            Operand::text(format!("#{} @ {value}", high << 4 | low))
        }
        "xs" => Operand::text(if word.field(b'x') == 1 { "s32" } else { "s16" }),
        "xu" => Operand::text(if word.field(b'x') == 1 { "u32" } else { "u16" }),
        "fbits" => {
            let size = if word.field(b'x') == 1 { 32 } else { 16 };
            let bits = word.field(b'i') << 1 | word.field(b'j');
            Operand::hash(size - i64::from(bits))
        }
        _ => None,
    }
}

fn registers(list: u32) -> Option<Operand> {
    let names: Vec<String> = (0..16)
        .filter(|n| list >> n & 1 == 1)
        .filter_map(|n| Some((*NAMES.get(n)?).to_string()))
        .collect();
    let text = format!("{{{}}}", names.join(", "));
    Some(Operand::Registers(names, text))
}

fn floats(letter: char, first: u32, count: u32) -> Option<Operand> {
    (count > 0 && first + count <= 32).then_some(())?;
    let last = first + count - 1;
    let text = match count {
        1 => format!("{{{letter}{first}}}"),
        _ => format!("{{{letter}{first}-{letter}{last}}}"),
    };
    let names = (first..=last).map(|n| format!("{letter}{n}")).collect();
    Some(Operand::Registers(names, text))
}

/// A shift of a register, as the text has it behind the register.
fn shift(kind: u32, amount: u32) -> Option<String> {
    Some(match (kind, amount) {
        (0, 0) => String::new(),
        (3, 0) => ", rrx".into(),
        (_, amount) => {
            let name = ["lsl", "lsr", "asr", "ror"].get(kind as usize)?;
            format!(", {name} #{}", if amount == 0 { 32 } else { amount })
        }
    })
}

/// ThumbExpandImm.
fn expand_thumb(imm12: u32) -> u32 {
    let byte = imm12 & 0xff;
    match imm12 >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (0x80 | imm12 & 0x7f).rotate_right(imm12 >> 7),
    }
}

/// Special registers of the M profile.
fn special(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "APSR",
        1 => "IAPSR",
        2 => "EAPSR",
        3 => "PSR",
        5 => "IPSR",
        6 => "EPSR",
        7 => "IEPSR",
        8 => "MSP",
        9 => "PSP",
        10 => "MSPLIM",
        11 => "PSPLIM",
        16 => "PRIMASK",
        17 => "BASEPRI",
        18 => "BASEPRI_MAX",
        19 => "FAULTMASK",
        20 => "CONTROL",
        0x88 => "MSP_NS",
        0x89 => "PSP_NS",
        0x8a => "MSPLIM_NS",
        0x8b => "PSPLIM_NS",
        0x90 => "PRIMASK_NS",
        0x91 => "BASEPRI_NS",
        0x93 => "FAULTMASK_NS",
        0x94 => "CONTROL_NS",
        0x98 => "SP_NS",
        _ => return None,
    })
}

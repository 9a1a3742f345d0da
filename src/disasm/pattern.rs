//! The engine: tables of instructions as manuals print them, and what decodes words with them.
//!
//! A row is a pattern of bits, a text and what the instruction does:
//!
//! ```text
//! ("iiiiiiiiiiii sssss 010 ddddd 0000011", "lw {=d},{I}({s})", "load:4 s+I")
//! ```
//!
//! In the pattern `0` and `1` must be so, `.` may be anything, letters are fields (their bits, taken together
//! from left to right, are one number) and spaces are for the eye. In the text `{key}` is an operand that the
//! architecture's own code makes of the fields: it is read, `{=key}` is written, `{+key}` both. The third column
//! has words: `load:N`, `store:N` or `swap:N` with what the address is the sum of, the kind of jump, and with
//! `reads:` and `writes:` registers that the text does not name. The first row that fits wins; a row whose
//! operand does not exist does not fit.

use super::{Access, Instruction, Kind};

/// Pattern, text, what it does.
pub(super) type Row = (&'static str, &'static str, &'static str);

/// Something that an instruction names.
pub(super) enum Operand {
    /// A part of the text alone.
    Text(String),
    /// A register.
    Register(String),
    /// Several, as the text shows them.
    Registers(Vec<String>, String),
    /// A number.
    Number(i64, String),
    /// An address that is known from the instruction and its place alone.
    Address(u64),
}

impl Operand {
    pub(super) fn text(text: impl Into<String>) -> Option<Operand> {
        Some(Operand::Text(text.into()))
    }

    pub(super) fn register(name: impl Into<String>) -> Option<Operand> {
        Some(Operand::Register(name.into()))
    }

    /// In decimal.
    pub(super) fn number(value: i64) -> Option<Operand> {
        Some(Operand::Number(value, value.to_string()))
    }

    /// In decimal with `#` before it, as Arm's assemblers write it.
    pub(super) fn hash(value: i64) -> Option<Operand> {
        Some(Operand::Number(value, format!("#{value}")))
    }

    /// In hexadecimal.
    pub(super) fn hex(value: i64) -> Option<Operand> {
        Some(Operand::Number(value, format!("{value:#x}")))
    }
}

/// An instruction word and its fields.
pub(super) struct Word<'r> {
    /// All its bits.
    pub code: u32,
    /// Where it is.
    pub addr: u64,
    fields: &'r [(u8, u32)],
}

impl Word<'_> {
    /// The number in the field with that letter; 0 if the row has none.
    pub(super) fn field(&self, letter: u8) -> u32 {
        let mask =
            self.fields.iter().find(|(name, _)| *name == letter).map_or(0, |(_, mask)| *mask);
        gather(self.code, mask)
    }

    /// The same with a sign.
    pub(super) fn signed(&self, letter: u8) -> i64 {
        let mask =
            self.fields.iter().find(|(name, _)| *name == letter).map_or(0, |(_, mask)| *mask);
        sign_extend(gather(self.code, mask), mask.count_ones())
    }

    /// `count` bits from `low` on.
    pub(super) fn bits(&self, low: u32, count: u32) -> u32 {
        bits(self.code, low, count)
    }

    /// A number whose bits are all over the word: pairs of the lowest bit and how many, most significant first.
    pub(super) fn joined(&self, parts: &[(u32, u32)]) -> u32 {
        parts.iter().fold(0, |sum, (low, count)| sum << count | self.bits(*low, *count))
    }

    /// The same with a sign.
    pub(super) fn joined_signed(&self, parts: &[(u32, u32)]) -> i64 {
        sign_extend(self.joined(parts), parts.iter().map(|(_, count)| count).sum())
    }
}

pub(super) fn bits(code: u32, low: u32, count: u32) -> u32 {
    code.wrapping_shr(low) & ((1u64 << count) - 1) as u32
}

pub(super) fn sign_extend(value: u32, width: u32) -> i64 {
    let shift = 64 - width.clamp(1, 64);
    ((u64::from(value) << shift) as i64) >> shift
}

/// The bits of `code` where `mask` has some, side by side.
fn gather(code: u32, mut mask: u32) -> u32 {
    if mask == 0 {
        return 0;
    }
    // Most fields are of one piece.
    let low = mask.trailing_zeros();
    if (mask >> low).wrapping_add(1) & (mask >> low) == 0 {
        return (code & mask) >> low;
    }
    let (mut value, mut place) = (0, 0);
    while mask != 0 {
        let low = mask.trailing_zeros();
        value |= (code >> low & 1) << place;
        place += 1;
        mask &= mask - 1;
    }
    value
}

struct Compiled {
    mask: u32,
    value: u32,
    fields: Vec<(u8, u32)>,
    text: &'static str,
    does: &'static str,
}

/// A table made ready.
pub(super) struct Table {
    rows: Vec<Compiled>,
}

impl Table {
    /// Of rows that stand together in one or more lists.
    pub(super) fn new(lists: &[&[Row]]) -> Table {
        Table { rows: lists.iter().flat_map(|rows| rows.iter()).map(compile).collect() }
    }

    /// Decodes a word of `len` bytes at `addr`, with operands by `operand`.
    pub(super) fn decode(
        &self,
        code: u32,
        len: usize,
        addr: u64,
        operand: &dyn Fn(&str, &Word<'_>) -> Option<Operand>,
    ) -> Option<Instruction> {
        let fitting = self.rows.iter().filter(|row| code & row.mask == row.value);
        fitting.into_iter().find_map(|row| {
            let word = Word { code, addr, fields: &row.fields };
            row.show(&word, len, operand)
        })
    }
}

fn compile(row: &Row) -> Compiled {
    let (pattern, text, does) = *row;
    let (mut mask, mut value) = (0u32, 0u32);
    let mut fields: Vec<(u8, u32)> = Vec::new();
    let count = pattern.bytes().filter(|byte| *byte != b' ').count() as u32;
    debug_assert!(matches!(count, 16 | 24 | 32), "{count} bits: {pattern} {text}");
    for (index, byte) in pattern.bytes().filter(|byte| *byte != b' ').enumerate() {
        let bit = 1u32.wrapping_shl(count.wrapping_sub(1).wrapping_sub(index as u32));
        match byte {
            b'0' => mask |= bit,
            b'1' => (mask, value) = (mask | bit, value | bit),
            b'.' => {}
            letter => match fields.iter_mut().find(|(name, _)| *name == letter) {
                Some((_, mask)) => *mask |= bit,
                None => fields.push((letter, bit)),
            },
        }
    }
    Compiled { mask, value, fields, text, does }
}

impl Compiled {
    fn show(
        &self,
        word: &Word<'_>,
        len: usize,
        operand: &dyn Fn(&str, &Word<'_>) -> Option<Operand>,
    ) -> Option<Instruction> {
        let mut out = Instruction::new(word.addr, len);
        let mut text = String::new();
        let mut rest = self.text;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (key, after) = after.split_once('}')?;
            rest = after;
            // A list of registers in braces of its own.
            let (reads, writes, key) = match key.as_bytes().first() {
                Some(b'=') => (false, true, key.get(1..)?),
                Some(b'+') => (true, true, key.get(1..)?),
                _ => (true, false, key),
            };
            let mut name = |name: String| {
                if reads {
                    out.reads.push(name.clone());
                }
                if writes {
                    out.writes.push(name);
                }
            };
            match operand(key, word)? {
                Operand::Text(part) => text.push_str(&part),
                Operand::Number(_, part) => text.push_str(&part),
                Operand::Register(register) => {
                    text.push_str(&register);
                    name(register);
                }
                Operand::Registers(registers, part) => {
                    text.push_str(&part);
                    registers.into_iter().for_each(name);
                }
                Operand::Address(address) => {
                    text.push_str(&format!("{address:#x}"));
                    out.target = Some(address);
                }
            }
        }
        text.push_str(rest);
        (out.mnemonic, out.operands) = match text.split_once(' ') {
            Some((mnemonic, operands)) => (mnemonic.to_string(), operands.trim().to_string()),
            None => (text, String::new()),
        };
        let mut width = None;
        for part in self.does.split(' ').filter(|part| !part.is_empty()) {
            match part.split_once(':') {
                Some(("reads", register)) => out.reads.push(register.to_string()),
                Some(("writes", register)) => out.writes.push(register.to_string()),
                Some((way, bytes)) => width = Some((way, bytes.parse::<u8>().ok())),
                None => match part {
                    "jump" => out.kind = Kind::Jump,
                    "branch" => out.kind = Kind::Branch,
                    "call" => out.kind = Kind::Call,
                    "return" => out.kind = Kind::Return,
                    "trap" => out.kind = Kind::Trap,
                    sum => {
                        let (way, bytes) = width.take()?;
                        out.memory = Some(access(way, bytes, sum, word, operand)?);
                        // What an address is made of is no target.
                        out.target = None;
                    }
                },
            }
        }
        Some(out)
    }
}

/// What is accessed: `s+I`, a sum of operands; `+` and a register after the first is an index. `*` after a key
/// gives the number of bytes of the registers that it lists.
fn access(
    way: &str,
    width: Option<u8>,
    sum: &str,
    word: &Word<'_>,
    operand: &dyn Fn(&str, &Word<'_>) -> Option<Operand>,
) -> Option<Access> {
    let mut access = Access {
        load: way != "store",
        store: way != "load",
        width,
        base: None,
        index: None,
        offset: 0,
        absolute: None,
    };
    for key in sum.split('+') {
        match operand(key, word)? {
            Operand::Register(name) if access.base.is_none() => access.base = Some(name),
            Operand::Register(name) => access.index = Some((name, 0)),
            Operand::Number(value, _) if access.index.is_some() => {
                access.index = access.index.map(|(name, _)| (name, value as u8));
            }
            Operand::Number(value, _) => access.offset = access.offset.wrapping_add(value),
            Operand::Address(address) => access.absolute = Some(address),
            Operand::Text(_) | Operand::Registers(..) => {}
        }
    }
    Some(access)
}

//! RISC-V: what its instructions do to registers and stack, as far as code that enters and leaves
//! traps needs it.
//!
//! Sources: RISC-V unprivileged ISA 20191213, chapters 2, 5 and 16 (compressed instructions),
//! privileged ISA 20211203, 2.2 (CSRs) and 3.3.2 (MRET, SRET).

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::machine::{Condition, Flow, Machine};
use super::symbolic::{State, Symbol, Value};
use crate::arch::riscv::{MACHINE, trap_names};
use crate::memory::Memory;
use crate::registers::Registers;

/// RV32 or RV64.
pub(super) struct Riscv {
    pub word_bits: u32,
}

/// Machine mode's CSRs begin with 3, supervisor mode's with 1; the rest is the same.
const TRAP_CSRS: [u32; 6] = [0x00, 0x05, 0x40, 0x41, 0x42, 0x43];

const CAUSE: u16 = 0x42;

impl Machine for Riscv {
    fn word_bits(&self) -> u32 {
        self.word_bits
    }
    fn count(&self) -> u8 {
        32
    }
    fn stack(&self) -> u8 {
        2
    }
    fn link(&self) -> u8 {
        1
    }
    fn name(&self, register: u8) -> String {
        format!("x{register}")
    }
    /// mepc, mcause, mtval, mstatus.
    fn system(&self) -> [u16; 4] {
        [0x41, CAUSE, 0x43, 0x00]
    }
    fn live(&self, live: Option<&Registers>) -> [&'static str; 4] {
        let names = live.and_then(trap_names).unwrap_or(MACHINE);
        let status = if names == MACHINE { "mstatus" } else { "sstatus" };
        [names.epc, names.cause, names.value, status]
    }
    fn is_lost_by_calls(&self, register: u8) -> bool {
        matches!(register, 1 | 5..=7 | 10..=17 | 28..=31)
    }
    /// t1, t2 and a6 would be the last that a compiler saves for a call.
    fn temporaries(&self) -> &'static [u8] {
        &[6, 7]
    }
    fn code_align(&self) -> u64 {
        2
    }

    fn is_return_from_trap(&self, memory: &Memory, pc: u64) -> bool {
        matches!(memory.u32_le(pc), Some(0x3020_0073 | 0x1020_0073))
    }

    fn reads_trap_address(&self, memory: &Memory, pc: u64) -> bool {
        let code = memory.u32_le(pc).filter(|code| code & 0x7f == 0x73 && code & 0x3000 != 0);
        code.is_some_and(|code| matches!(code >> 20, 0x341 | 0x141))
    }

    fn jump_at(&self, memory: &Memory, pc: u64) -> Option<u64> {
        match decode(memory, pc, self.word_bits)? {
            (Insn::Jal(0, offset), _) => Some(pc.wrapping_add_signed(offset)),
            _ => None,
        }
    }

    fn step(&self, memory: &Memory, pc: u64, state: &mut State) -> Option<Flow> {
        let (insn, len) = decode(memory, pc, self.word_bits)?;
        let next = pc.wrapping_add(len);
        let get = |state: &State, n: u8| match n {
            0 => Value::number(0),
            n => state.get(n),
        };
        let set = |state: &mut State, n: u8, value: Value| {
            if n != 0 {
                state.set(n, value);
            }
        };
        match insn {
            Insn::Nothing => {}
            Insn::Number(rd, number) => set(state, rd, Value::number(number as u64)),
            Insn::Auipc(rd, offset) => {
                set(state, rd, Value::number(pc.wrapping_add_signed(offset)));
            }
            Insn::AddNumber(rd, rs, number) => {
                let value = get(state, rs).plus(number as u64);
                set(state, rd, value);
            }
            Insn::Add(rd, a, b, factor) => {
                let (a, b) = (get(state, a), get(state, b));
                let sum = state.sum(&a, &b, factor);
                set(state, rd, sum);
            }
            Insn::Sign(rd, rs) => {
                let is_cause = get(state, rs).symbol() == Some(Symbol::System(CAUSE));
                let value = if is_cause { state.sign() } else { state.other() };
                set(state, rd, value);
            }
            Insn::Unknown(rd) => {
                let value = state.other();
                set(state, rd, value);
            }
            Insn::Load(rd, rs, offset, size) => {
                let addr = get(state, rs).plus(offset as u64);
                let value = super::machine::load(state, memory, &addr, size);
                set(state, rd, value);
            }
            Insn::Store(value, rs, offset, size) => {
                let addr = get(state, rs).plus(offset as u64);
                let value = get(state, value);
                state.store(addr, size, value);
            }
            Insn::Csr(rd, csr, source) => {
                let old = state.system(csr);
                match source {
                    Source::Register(rs) => {
                        let new = get(state, rs);
                        state.set_system(csr, new);
                    }
                    Source::Changed => {
                        let new = state.other();
                        state.set_system(csr, new);
                    }
                    Source::None => {}
                }
                set(state, rd, old);
            }
            Insn::Branch(kind, a, b, offset) => {
                let (a, b) = (get(state, a), get(state, b));
                let condition = Condition { a, b, kind };
                return Some(Flow::Branch(pc.wrapping_add_signed(offset), next, condition));
            }
            Insn::Jal(rd, offset) => {
                set(state, rd, Value::number(next));
                let target = pc.wrapping_add_signed(offset);
                return Some(match rd {
                    0 => Flow::Jump(target),
                    _ => Flow::Call(Some(target), next),
                });
            }
            Insn::Jalr(rd, rs, offset) => {
                let target = get(state, rs).plus(offset as u64).known();
                set(state, rd, Value::number(next));
                return Some(match (rd, target) {
                    (0, Some(target)) => Flow::Jump(target),
                    (0, None) => Flow::Lost,
                    _ => Flow::Call(target, next),
                });
            }
            Insn::TrapReturn => return Some(Flow::TrapReturn),
            Insn::Stop => return None,
        }
        Some(Flow::Next(next))
    }
}

/// How a branch compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    NotLess,
    /// In a way that is not followed.
    Other,
}

/// What a CSR gets.
enum Source {
    None,
    Register(u8),
    Changed,
}

enum Insn {
    Nothing,
    Number(u8, i64),
    Auipc(u8, i64),
    AddNumber(u8, u8, i64),
    Add(u8, u8, u8, i64),
    /// The highest bit alone.
    Sign(u8, u8),
    Unknown(u8),
    Load(u8, u8, i64, u64),
    Store(u8, u8, i64, u64),
    Csr(u8, u16, Source),
    Branch(Compare, u8, u8, i64),
    Jal(u8, i64),
    Jalr(u8, u8, i64),
    TrapReturn,
    Stop,
}

fn bits(code: u32, low: u32, count: u32) -> u32 {
    (code >> low) & ((1 << count) - 1)
}

fn signed(value: u32, bits: u32) -> i64 {
    let shift = 64 - bits;
    ((u64::from(value) << shift) as i64) >> shift
}

/// The instruction at `pc` and its length.
fn decode(memory: &Memory, pc: u64, word_bits: u32) -> Option<(Insn, u64)> {
    let half = u32::from(u16::from_le_bytes(memory.array(pc)?));
    if half & 3 != 3 {
        return Some((compressed(half, word_bits), 2));
    }
    let code = memory.u32_le(pc)?;
    let reg = |low| bits(code, low, 5) as u8;
    let (rd, rs1, rs2) = (reg(7), reg(15), reg(20));
    let kind = bits(code, 12, 3);
    let immediate = signed(code >> 20, 12);
    let insn = match code & 0x7f {
        0x37 => Insn::Number(rd, signed(code & 0xffff_f000, 32)),
        0x17 => Insn::Auipc(rd, signed(code & 0xffff_f000, 32)),
        0x13 if kind == 0 => Insn::AddNumber(rd, rs1, immediate),
        0x13 if kind == 5 && code >> 20 == word_bits - 1 => Insn::Sign(rd, rs1),
        0x13 | 0x1b | 0x3b => Insn::Unknown(rd),
        0x33 if kind == 0 && code >> 25 == 0 => Insn::Add(rd, rs1, rs2, 1),
        0x33 if kind == 0 && code >> 25 == 0x20 => Insn::Add(rd, rs1, rs2, -1),
        0x33 | 0x2f => Insn::Unknown(rd),
        0x03 => Insn::Load(rd, rs1, immediate, 1 << (kind & 3)),
        0x23 => {
            let offset = signed(bits(code, 25, 7) << 5 | bits(code, 7, 5), 12);
            Insn::Store(rs2, rs1, offset, 1 << (kind & 3))
        }
        // Floating point; what it leaves in x registers is not followed.
        0x53 => Insn::Unknown(rd),
        0x07 | 0x27 | 0x43 | 0x47 | 0x4b | 0x4f | 0x0f => Insn::Nothing,
        0x63 => {
            let offset = bits(code, 31, 1) << 12
                | bits(code, 7, 1) << 11
                | bits(code, 25, 6) << 5
                | bits(code, 8, 4) << 1;
            let compare = match kind {
                0 => Compare::Equal,
                1 => Compare::Unequal,
                4 => Compare::Less,
                5 => Compare::NotLess,
                _ => Compare::Other,
            };
            Insn::Branch(compare, rs1, rs2, signed(offset, 13))
        }
        0x6f => {
            let offset = bits(code, 31, 1) << 20
                | bits(code, 12, 8) << 12
                | bits(code, 20, 1) << 11
                | bits(code, 21, 10) << 1;
            Insn::Jal(rd, signed(offset, 21))
        }
        0x67 => Insn::Jalr(rd, rs1, immediate),
        0x73 if kind == 0 => match code {
            0x3020_0073 | 0x1020_0073 => Insn::TrapReturn,
            // WFI and fences go on; ECALL and EBREAK do not come back as they went.
            0x0000_0073 | 0x0010_0073 => Insn::Stop,
            _ => Insn::Nothing,
        },
        0x73 => {
            let csr = code >> 20;
            let number = match TRAP_CSRS.contains(&(csr & 0xff)) && matches!(csr >> 8, 1 | 3) {
                true => csr & 0xff,
                false => csr,
            };
            let source = match (kind & 3, kind >> 2, rs1) {
                (1, 0, rs) => Source::Register(rs),
                (1, _, _) => Source::Changed,
                (_, _, 0) => Source::None,
                _ => Source::Changed,
            };
            Insn::Csr(rd, number as u16, source)
        }
        _ => Insn::Stop,
    };
    Some((insn, 4))
}

fn compressed(code: u32, word_bits: u32) -> Insn {
    let is_64 = word_bits == 64;
    let rd = bits(code, 7, 5) as u8;
    let rs2 = bits(code, 2, 5) as u8;
    let (short_a, short_b) = (bits(code, 7, 3) as u8 + 8, bits(code, 2, 3) as u8 + 8);
    let immediate = signed(bits(code, 12, 1) << 5 | bits(code, 2, 5), 6);
    let word = i64::from(bits(code, 10, 3) << 3 | bits(code, 6, 1) << 2 | bits(code, 5, 1) << 6);
    let double = i64::from(bits(code, 10, 3) << 3 | bits(code, 5, 2) << 6);
    let jump = || {
        let offset = bits(code, 12, 1) << 11
            | bits(code, 8, 1) << 10
            | bits(code, 9, 2) << 8
            | bits(code, 6, 1) << 7
            | bits(code, 7, 1) << 6
            | bits(code, 2, 1) << 5
            | bits(code, 11, 1) << 4
            | bits(code, 3, 3) << 1;
        signed(offset, 12)
    };
    let branch = || {
        let offset = bits(code, 12, 1) << 8
            | bits(code, 5, 2) << 6
            | bits(code, 2, 1) << 5
            | bits(code, 10, 2) << 3
            | bits(code, 3, 2) << 1;
        signed(offset, 9)
    };
    match (code & 3, code >> 13) {
        (0, 0) if code != 0 => {
            let offset = bits(code, 11, 2) << 4
                | bits(code, 7, 4) << 6
                | bits(code, 6, 1) << 2
                | bits(code, 5, 1) << 3;
            Insn::AddNumber(short_b, 2, offset.into())
        }
        (0, 2) => Insn::Load(short_b, short_a, word, 4),
        (0, 3) if is_64 => Insn::Load(short_b, short_a, double, 8),
        (0, 6) => Insn::Store(short_b, short_a, word, 4),
        (0, 7) if is_64 => Insn::Store(short_b, short_a, double, 8),
        (0, 1 | 3 | 5 | 7) => Insn::Nothing,
        (1, 0) => Insn::AddNumber(rd, rd, immediate),
        (1, 1) if is_64 => Insn::Unknown(rd),
        (1, 1) => Insn::Jal(1, jump()),
        (1, 2) => Insn::Number(rd, immediate),
        (1, 3) if rd == 2 => {
            let offset = bits(code, 12, 1) << 9
                | bits(code, 6, 1) << 4
                | bits(code, 5, 1) << 6
                | bits(code, 3, 2) << 7
                | bits(code, 2, 1) << 5;
            Insn::AddNumber(2, 2, signed(offset, 10))
        }
        (1, 3) => Insn::Number(rd, immediate << 12),
        (1, 4) => match (bits(code, 10, 2), bits(code, 12, 1), bits(code, 5, 2)) {
            (3, 0, 0) => Insn::Add(short_a, short_a, short_b, -1),
            (0, high, _) if high << 5 | bits(code, 2, 5) == word_bits - 1 => {
                Insn::Sign(short_a, short_a)
            }
            _ => Insn::Unknown(short_a),
        },
        (1, 5) => Insn::Jal(0, jump()),
        (1, 6) => Insn::Branch(Compare::Equal, short_a, 0, branch()),
        (1, 7) => Insn::Branch(Compare::Unequal, short_a, 0, branch()),
        (2, 0) => Insn::Unknown(rd),
        (2, 2) => {
            let offset = bits(code, 12, 1) << 5 | bits(code, 4, 3) << 2 | bits(code, 2, 2) << 6;
            Insn::Load(rd, 2, offset.into(), 4)
        }
        (2, 3) if is_64 => {
            let offset = bits(code, 12, 1) << 5 | bits(code, 5, 2) << 3 | bits(code, 2, 3) << 6;
            Insn::Load(rd, 2, offset.into(), 8)
        }
        (2, 4) => match (bits(code, 12, 1), rd, rs2) {
            (0, rs, 0) => Insn::Jalr(0, rs, 0),
            (0, rd, rs) => Insn::AddNumber(rd, rs, 0),
            (_, 0, 0) => Insn::Stop,
            (_, rs, 0) => Insn::Jalr(1, rs, 0),
            (_, rd, rs) => Insn::Add(rd, rd, rs, 1),
        },
        (2, 6) => {
            let offset = bits(code, 9, 4) << 2 | bits(code, 7, 2) << 6;
            Insn::Store(rs2, 2, offset.into(), 4)
        }
        (2, 7) if is_64 => {
            let offset = bits(code, 10, 3) << 3 | bits(code, 7, 3) << 6;
            Insn::Store(rs2, 2, offset.into(), 8)
        }
        (2, 1 | 3 | 5 | 7) => Insn::Nothing,
        _ => Insn::Stop,
    }
}

//! AArch64: what its instructions do to registers and stack, as far as code that enters and leaves
//! exceptions needs it.
//!
//! Source: Arm ARM for A-profile (DDI 0487J.a), C4.1 (encodings), C6.2, D1.4.2 (vectors): a table
//! of 2 KiB with 16 entries of 128 bytes; synchronous, IRQ, FIQ and SError of each origin.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::machine::{Compare, Condition, Flow, Machine, load};
use super::symbolic::{State, Value};
use crate::memory::Memory;
use crate::registers::Registers;

/// Its registers are x0 to x30, and sp as number 31.
pub(super) struct Aarch64;

const SP: u8 = 31;
/// System registers by CRn, CRm and op2 (bits 10 to 0 of the instruction's field): whatever the
/// exception level.
const ELR: u16 = 4 << 7 | 1;
const SPSR: u16 = 4 << 7;
const SP_EL0: u16 = 4 << 7 | 1 << 3;
const ESR: u16 = 5 << 7 | 2 << 3;
const FAR: u16 = 6 << 7;
/// Of an entry of the vector table.
const VECTOR_LEN: u64 = 0x80;

impl Machine for Aarch64 {
    fn word_bits(&self) -> u32 {
        64
    }
    fn count(&self) -> u8 {
        32
    }
    fn stack(&self) -> u8 {
        SP
    }
    fn link(&self) -> u8 {
        30
    }
    fn name(&self, register: u8) -> String {
        if register == SP { "sp".into() } else { format!("x{register}") }
    }
    fn system(&self) -> [u16; 4] {
        [ELR, ESR, FAR, SPSR]
    }
    fn live(&self, _: Option<&Registers>) -> [&'static str; 4] {
        ["ELR_EL1", "ESR_EL1", "FAR_EL1", "SPSR_EL1"]
    }
    fn is_lost_by_calls(&self, register: u8) -> bool {
        matches!(register, 0..=18 | 30)
    }
    fn temporaries(&self) -> &'static [u8] {
        &[9, 10, 11]
    }
    fn keeps_cause(&self) -> bool {
        true
    }
    fn code_align(&self) -> u64 {
        4
    }

    fn is_return_from_trap(&self, memory: &Memory, pc: u64) -> bool {
        memory.u32_le(pc) == Some(0xd69f_03e0)
    }

    fn reads_trap_address(&self, memory: &Memory, pc: u64) -> bool {
        let code = memory.u32_le(pc).filter(|code| code & 0xfff0_0000 == 0xd530_0000);
        code.is_some_and(|code| system(code) == ELR)
    }

    fn jump_at(&self, memory: &Memory, pc: u64) -> Option<u64> {
        let code = memory.u32_le(pc).filter(|code| code & 0xfc00_0000 == 0x1400_0000)?;
        Some(pc.wrapping_add_signed(signed(code, 0, 26) << 2))
    }

    fn vector_align(&self) -> Option<u64> {
        Some(VECTOR_LEN)
    }

    fn is_interrupt_vector(&self, start: u64) -> Option<bool> {
        match start / VECTOR_LEN % 4 {
            _ if !start.is_multiple_of(VECTOR_LEN) => None,
            0 | 3 => Some(false),
            _ => Some(true),
        }
    }

    fn step(&self, memory: &Memory, pc: u64, state: &mut State) -> Option<Flow> {
        let code = memory.u32_le(pc)?;
        let next = pc.wrapping_add(4);
        let (rd, rn, rm) = (reg(code, 0), reg(code, 5), reg(code, 16));
        let is_64 = code >> 31 == 1;
        if let Some(flow) = self.branch(code, pc, state) {
            return Some(flow);
        }
        if code & 0x3e00_0000 == 0x2800_0000 {
            pair(state, memory, code);
        } else if code & 0x3b00_0000 == 0x3900_0000 {
            let scale = code >> 30;
            let offset = i64::from(code >> 10 & 0xfff) << scale;
            let addr = get_sp(state, rn).plus(offset as u64);
            single(state, memory, code, &addr);
        } else if code & 0x3b20_0000 == 0x3800_0000 {
            let (base, offset) = (get_sp(state, rn), signed(code, 12, 9) as u64);
            let moved = base.plus(offset);
            // After the access, before it, or not at all.
            let kind = code >> 10 & 3;
            single(state, memory, code, if kind == 1 { &base } else { &moved });
            if matches!(kind, 1 | 3) {
                state.set(rn, moved);
            }
        } else if code & 0x3b00_0000 == 0x1800_0000 {
            let addr = Value::number(pc.wrapping_add_signed(signed(code, 5, 19) << 2));
            let size = if code >> 30 & 1 == 1 { 8 } else { 4 };
            let value = load(state, memory, &addr, size);
            if code & 1 << 26 == 0 {
                set(state, rd, value);
            }
        } else if code & 0x1f80_0000 == 0x1100_0000 {
            let number = u64::from(code >> 10 & 0xfff) << if code & 1 << 22 != 0 { 12 } else { 0 };
            let number = if code & 1 << 30 != 0 { number.wrapping_neg() } else { number };
            let value = get_sp(state, rn).plus(number);
            let value = if is_64 { value } else { state.other() };
            set_unless_flags(state, code, rd, value);
        } else if code & 0x1f20_0000 == 0x0b00_0000 || code & 0x1fe0_0000 == 0x0b20_0000 {
            let extended = code & 1 << 21 != 0;
            let shift = if extended { code >> 10 & 7 } else { code >> 10 & 0x3f };
            let a = if extended { get_sp(state, rn) } else { get(state, rn) };
            let b = get(state, rm);
            let factor = if code & 1 << 30 != 0 { -1 } else { 1 };
            let value = match shift == 0 && is_64 {
                true => state.sum(&a, &b, factor),
                false => state.other(),
            };
            if extended { set_unless_flags(state, code, rd, value) } else { set(state, rd, value) }
        } else if code & 0x7fe0_ffe0 == 0x2a00_03e0 {
            let value = get(state, rm);
            set(state, rd, value);
        } else if code & 0x1f80_0000 == 0x1280_0000 {
            let shift = (code >> 21 & 3) * 16;
            let number = u64::from(code >> 5 & 0xffff) << shift;
            let value = match code >> 29 & 3 {
                0 => Value::number(!number),
                2 => Value::number(number),
                _ => match get(state, rd).known() {
                    Some(old) => Value::number(old & !(0xffff << shift) | number),
                    None => state.other(),
                },
            };
            set(state, rd, value);
        } else if code & 0x1f00_0000 == 0x1000_0000 {
            let offset = signed(code, 5, 19) << 2 | i64::from(code >> 29 & 3);
            let value = match is_64 {
                true => (pc & !0xfff).wrapping_add_signed(offset << 12),
                false => pc.wrapping_add_signed(offset),
            };
            set(state, rd, Value::number(value));
        } else if code & 0xfff0_0000 == 0xd530_0000 {
            let value = state.system(system(code));
            set(state, rd, value);
        } else if code & 0xfff0_0000 == 0xd510_0000 {
            let value = get(state, rd);
            state.set_system(system(code), value);
        } else if code & 0xffff_f0ff == 0xd500_40bf {
            // MSR SPSel: the other stack pointer takes its place.
            let (own, other) = (state.get(SP), state.system(SP_EL0));
            state.set(SP, other);
            state.set_system(SP_EL0, own);
        } else if matches!(code >> 25 & 0xf, 0x5 | 0xd | 0x8 | 0x9) {
            // Other arithmetic on x registers.
            let value = state.other();
            set(state, rd, value);
        } else if code >> 25 & 0x5 == 0x4 && code & 1 << 26 == 0 {
            // Other loads and stores.
            let value = state.other();
            set(state, rd, value);
        } else if code >> 24 == 0xd4 {
            return None;
        }
        Some(Flow::Next(next))
    }
}

impl Aarch64 {
    fn branch(&self, code: u32, pc: u64, state: &mut State) -> Option<Flow> {
        let next = pc.wrapping_add(4);
        let at = |low, bits| pc.wrapping_add_signed(signed(code, low, bits) << 2);
        let unknown = |state: &mut State| Condition {
            a: state.other(),
            b: Value::number(0),
            kind: Compare::Other,
        };
        Some(match code {
            _ if code & 0xfc00_0000 == 0x1400_0000 => Flow::Jump(at(0, 26)),
            _ if code & 0xfc00_0000 == 0x9400_0000 => {
                state.set(30, Value::number(next));
                Flow::Call(Some(at(0, 26)), next)
            }
            _ if code & 0xff00_0010 == 0x5400_0000 => Flow::Branch(at(5, 19), next, unknown(state)),
            _ if code & 0x7e00_0000 == 0x3400_0000 => {
                let kind = if code & 1 << 24 != 0 { Compare::Unequal } else { Compare::Equal };
                let a = get(state, reg(code, 0));
                Flow::Branch(at(5, 19), next, Condition { a, b: Value::number(0), kind })
            }
            _ if code & 0x7e00_0000 == 0x3600_0000 => Flow::Branch(at(5, 14), next, unknown(state)),
            0xd69f_03e0 => Flow::TrapReturn,
            _ if code & 0xfe1f_fc1f == 0xd61f_0000 => {
                let target = get(state, reg(code, 5)).known();
                // BR, BLR, RET.
                match (code >> 21 & 3, target) {
                    (1, target) => {
                        state.set(30, Value::number(next));
                        Flow::Call(target, next)
                    }
                    (_, Some(target)) => Flow::Jump(target),
                    (_, None) => Flow::Lost,
                }
            }
            _ => return None,
        })
    }
}

fn reg(code: u32, low: u32) -> u8 {
    (code >> low & 0x1f) as u8
}

fn signed(code: u32, low: u32, bits: u32) -> i64 {
    let shift = 64 - bits;
    ((u64::from(code >> low) << shift) as i64) >> shift
}

fn system(code: u32) -> u16 {
    (code >> 5 & 0x7ff) as u16
}

/// A register where number 31 is zero.
fn get(state: &State, register: u8) -> Value {
    if register == SP { Value::number(0) } else { state.get(register) }
}

/// The same where it is sp.
fn get_sp(state: &State, register: u8) -> Value {
    state.get(register)
}

fn set(state: &mut State, register: u8, value: Value) {
    if register != SP {
        state.set(register, value);
    }
}

/// Sets sp too; but an instruction that sets flags has no use for number 31.
fn set_unless_flags(state: &mut State, code: u32, register: u8, value: Value) {
    if register != SP || code & 1 << 29 == 0 {
        state.set(register, value);
    }
}

/// LDP and STP.
fn pair(state: &mut State, memory: &Memory, code: u32) {
    let is_float = code & 1 << 26 != 0;
    let size = match (is_float, code >> 30) {
        (false, 2) => 8,
        (false, _) => 4,
        (true, kind) => 4 << kind,
    };
    let rn = reg(code, 5);
    let base = get_sp(state, rn);
    let moved = base.plus((signed(code, 15, 7) * size) as u64);
    let kind = code >> 23 & 3;
    let addr = if kind == 1 { base } else { moved.clone() };
    if !is_float {
        for (n, register) in [(0, reg(code, 0)), (1, reg(code, 10))] {
            let addr = addr.plus(n * size as u64);
            if code & 1 << 22 != 0 {
                let value = load(state, memory, &addr, size as u64);
                set(state, register, value);
            } else {
                let value = get(state, register);
                state.store(addr, size as u64, value);
            }
        }
    }
    if matches!(kind, 1 | 3) {
        state.set(rn, moved);
    }
}

/// LDR and STR.
fn single(state: &mut State, memory: &Memory, code: u32, addr: &Value) {
    if code & 1 << 26 != 0 {
        return;
    }
    let (size, register) = (1u64 << (code >> 30), reg(code, 0));
    match code >> 22 & 3 {
        0 => {
            let value = get(state, register);
            state.store(addr.clone(), size, value);
        }
        1 => {
            let value = load(state, memory, addr, size);
            set(state, register, value);
        }
        _ => {
            let value = state.other();
            set(state, register, value);
        }
    }
}

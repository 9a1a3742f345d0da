//! DWARF expressions, evaluated against the registers and memory of one frame.
//!
//! Bounded: an expression from a damaged file may loop, so the number of operations is limited.
//!
//! Source: DWARF 5, section 2.5 "DWARF Expressions" and 2.6 "Location Descriptions".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Slice;
use crate::memory::Memory;
use crate::registers::Registers;
use crate::targets::Endian;
use gimli::{Encoding, EvaluationResult, Expression, Piece, Value, ValueType};
use std::fmt;

/// More operations than any compiler writes.
const MOST_OPERATIONS: u32 = 10_000;

/// Why a value can't be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The compiler did not keep it.
    OptimizedOut,
    /// It is in a register that is not known in this frame.
    Register(String),
    /// It was a pointer to something that is in no memory.
    ImplicitPointer,
    /// It is in memory that nobody holds.
    Memory(u64),
    /// The linker left it out, or put it where only tools read it.
    NotOnDevice,
    /// It needs something that only a live target or a larger debugger has.
    Unsupported(&'static str),
    /// The debug information is damaged.
    Damaged,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::OptimizedOut => f.write_str("optimized out"),
            Missing::ImplicitPointer => f.write_str("synthetic pointer"),
            Missing::Register(name) => write!(f, "in {name}, which is not known here"),
            Missing::Memory(addr) => write!(f, "at {addr:#x}, which is not in the dump"),
            Missing::NotOnDevice => f.write_str("not on the device: the linker left it out"),
            Missing::Unsupported(what) => write!(f, "not supported: {what}"),
            Missing::Damaged => f.write_str("damaged debug information"),
        }
    }
}

impl From<gimli::Error> for Missing {
    fn from(error: gimli::Error) -> Self {
        match error {
            // gimli 0.34 takes the result of every expression for an address.
            gimli::Error::IntegralTypeRequired => Missing::Unsupported("a float that is computed"),
            _ => Missing::Damaged,
        }
    }
}

/// What an expression may look at.
pub(crate) struct Env<'e> {
    pub memory: &'e Memory,
    pub registers: &'e Registers,
    /// The canonical frame address.
    pub cfa: Option<u64>,
    /// What `DW_OP_fbreg` counts from.
    pub frame_base: Option<u64>,
    /// The unit of the expression, for indexed addresses and typed values.
    pub unit: Option<gimli::UnitRef<'e, Slice>>,
    /// How much higher everything lies than debugging information says.
    pub slide: u64,
    /// Evaluates an expression as it was when the function was entered.
    pub at_entry: Option<&'e EntryValue<'e>>,
}

/// Answers `DW_OP_entry_value`.
pub(crate) type EntryValue<'e> = dyn Fn(Expression<Slice>) -> Result<u64, Missing> + 'e;

impl Env<'_> {
    /// Where the expression says that the object is, piece by piece.
    pub(crate) fn locate(
        &self,
        expression: Expression<Slice>,
        encoding: Encoding,
        initial: Option<u64>,
    ) -> Result<Vec<Piece<Slice>>, Missing> {
        let mut run = expression.evaluation(encoding);
        run.set_max_iterations(MOST_OPERATIONS);
        if let Some(value) = initial {
            run.set_initial_value(value);
        }
        let mut step = run.evaluate()?;
        // Each turn answers one question of an expression that is limited itself.
        for _ in 0..MOST_OPERATIONS {
            step = match step {
                EvaluationResult::Complete => return Ok(run.result()),
                EvaluationResult::RequiresMemory { address, size, base_type, .. } => {
                    let value = self.word(address, size.into())?;
                    run.resume_with_memory(typed(self.value_type(base_type)?, value)?)?
                }
                EvaluationResult::RequiresRegister { register, base_type } => {
                    let value = self.register(register)?;
                    run.resume_with_register(typed(self.value_type(base_type)?, value)?)?
                }
                EvaluationResult::RequiresFrameBase => {
                    let unknown = || Missing::Register("the frame base".into());
                    run.resume_with_frame_base(self.frame_base.ok_or_else(unknown)?)?
                }
                EvaluationResult::RequiresCallFrameCfa => {
                    let unknown = || Missing::Register("the frame address".into());
                    run.resume_with_call_frame_cfa(self.cfa.ok_or_else(unknown)?)?
                }
                EvaluationResult::RequiresRelocatedAddress(addr) => {
                    run.resume_with_relocated_address(addr.wrapping_add(self.slide))?
                }
                EvaluationResult::RequiresIndexedAddress { index, .. } => {
                    let unit = self.unit.ok_or(Missing::Damaged)?;
                    let addr = unit.address(index)?.wrapping_add(self.slide);
                    run.resume_with_indexed_address(addr)?
                }
                EvaluationResult::RequiresBaseType(offset) => {
                    run.resume_with_base_type(self.value_type(offset)?)?
                }
                EvaluationResult::RequiresEntryValue(inner) => {
                    let at_entry = self.at_entry.ok_or(Missing::OptimizedOut)?;
                    let value = at_entry(inner)?;
                    run.resume_with_entry_value(Value::Generic(value))?
                }
                EvaluationResult::RequiresTls(_) => {
                    return Err(Missing::Unsupported("thread-local storage"));
                }
                EvaluationResult::RequiresAtLocation(_)
                | EvaluationResult::RequiresParameterRef(_) => {
                    return Err(Missing::Unsupported("a value that another entry describes"));
                }
                _ => return Err(Missing::Unsupported("an expression of another machine")),
            };
        }
        Err(Missing::Damaged)
    }

    /// The single address or value that the expression computes.
    pub(crate) fn compute(
        &self,
        expression: Expression<Slice>,
        encoding: Encoding,
        initial: Option<u64>,
    ) -> Result<u64, Missing> {
        let pieces = self.locate(expression, encoding, initial)?;
        let [piece] = pieces.as_slice() else { return Err(Missing::Damaged) };
        match piece.location {
            gimli::Location::Address { address } => Ok(address),
            gimli::Location::Register { register } => self.register(register),
            gimli::Location::Value { value: Value::F32(float) } => Ok(float.to_bits().into()),
            gimli::Location::Value { value: Value::F64(float) } => Ok(float.to_bits()),
            gimli::Location::Value { value } => Ok(value.to_u64(self.mask())?),
            gimli::Location::Empty => Err(Missing::OptimizedOut),
            _ => Err(Missing::Unsupported("a location of this kind")),
        }
    }

    fn mask(&self) -> u64 {
        self.registers.arch().address_mask()
    }

    /// The value of the register with this DWARF number.
    pub(crate) fn register(&self, register: gimli::Register) -> Result<u64, Missing> {
        let arch = self.registers.arch();
        if let Some((double, shift)) = arm_single(arch, register.0) {
            let value = self.registers.get(double).ok_or_else(|| {
                Missing::Register(format!("s{}", register.0.saturating_sub(FIRST_SINGLE)))
            })?;
            return Ok((value >> shift) as u64 & 0xffff_ffff);
        }
        let index = arch.register_by_dwarf(register.0.into());
        let named = |index: usize| arch.registers.get(index).map(|r| r.name.clone());
        let name = || index.and_then(named).unwrap_or_else(|| format!("register {}", register.0));
        let value = index.and_then(|index| self.registers.get(index));
        value.map(|value| value as u64).ok_or_else(|| Missing::Register(name()))
    }

    /// The word of `size` bytes (1 to 8) at `addr`, in the device's byte order.
    pub(crate) fn word(&self, addr: u64, size: usize) -> Result<u64, Missing> {
        read_word(self.memory, addr, size, self.registers.arch().endian)
    }

    fn value_type(&self, offset: gimli::UnitOffset<usize>) -> Result<ValueType, Missing> {
        if offset.0 == 0 {
            return Ok(ValueType::Generic);
        }
        let unit = self.unit.ok_or(Missing::Damaged)?;
        let entry = unit.entry(offset)?;
        let kind = ValueType::from_entry(&entry)?;
        kind.ok_or(Missing::Unsupported("an expression of a type that is no number"))
    }
}

/// A word of memory or a register as a value of that type: for floats, its bits.
fn typed(kind: ValueType, word: u64) -> Result<Value, Missing> {
    Ok(match kind {
        ValueType::F32 => Value::F32(f32::from_bits(word as u32)),
        ValueType::F64 => Value::F64(f64::from_bits(word)),
        kind => Value::from_u64(kind, word)?,
    })
}

/// The number of s0. GCC tells of singles by these numbers, though newer ones name doubles from 256
/// on (AADWARF32 2022Q3, section 4.1).
pub(crate) const FIRST_SINGLE: u16 = 64;

/// The double that holds an Arm single, and by how many bits to shift it.
fn arm_single(arch: &crate::targets::Arch, number: u16) -> Option<(usize, u32)> {
    let single = number.checked_sub(FIRST_SINGLE).filter(|single| *single < 32)?;
    if !arch.family.is_arm32() {
        return None;
    }
    let double = arch.register_by_dwarf(256u32.saturating_add(u32::from(single) / 2))?;
    Some((double, u32::from(single) % 2 * 32))
}

/// The word of `size` bytes (1 to 8) at `addr`.
pub(crate) fn read_word(
    memory: &Memory,
    addr: u64,
    size: usize,
    endian: Endian,
) -> Result<u64, Missing> {
    let mut buf = [0u8; 8];
    let wanted = buf.get_mut(..size).ok_or(Missing::Damaged)?;
    let got = memory.read(addr, wanted);
    if got < size {
        return Err(Missing::Memory(addr.saturating_add(got as u64)));
    }
    if endian == Endian::Big {
        wanted.reverse();
    }
    Ok(u64::from_le_bytes(buf))
}

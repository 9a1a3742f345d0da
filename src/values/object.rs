//! Where the bytes of an object are.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{Entry, Unit};
use crate::debug_info::{Env, Missing, Slice};
use gimli::constants as dw;
use gimli::{AttributeValue, Expression, Location, Piece};

/// Larger objects are not collected from pieces.
const LARGEST_PIECES: u64 = 4096;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// In memory, from this address on.
    Memory(u64),
    /// Nowhere in memory as a whole: in registers, computed, or in pieces.
    Bytes(Collected),
}

/// Bytes in the order of the device's memory, some of which are not to be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Collected {
    bytes: Vec<u8>,
    /// First byte, and how many are not known from there on, and why.
    gaps: Vec<(usize, usize, Missing)>,
}

impl Collected {
    fn push(&mut self, part: Result<Vec<u8>, Missing>, len: usize) {
        let start = self.bytes.len();
        let there = match part {
            Ok(part) => {
                self.bytes.extend(part.iter().take(len));
                part.len()
            }
            Err(why) => {
                self.gaps.push((start, len, why));
                len
            }
        };
        if there < len {
            self.gaps.push((start.saturating_add(there), len - there, Missing::OptimizedOut));
        }
        self.bytes.resize(start.saturating_add(len), 0);
    }
}

impl From<Vec<u8>> for Store {
    fn from(bytes: Vec<u8>) -> Self {
        Store::Bytes(Collected { bytes, gaps: Vec::new() })
    }
}

impl Store {
    /// The part of it that starts `offset` bytes in.
    pub(super) fn part(&self, offset: u64) -> Option<Store> {
        let all = match self {
            Store::Memory(addr) => return Some(Store::Memory(addr.checked_add(offset)?)),
            Store::Bytes(all) => all,
        };
        let offset = usize::try_from(offset).ok()?;
        let bytes = all.bytes.get(offset..)?.to_vec();
        let behind = |(start, len, why): &(usize, usize, Missing)| {
            let end = start.saturating_add(*len).saturating_sub(offset);
            let start = start.saturating_sub(offset);
            (end > start).then(|| (start, end - start, why.clone()))
        };
        Some(Store::Bytes(Collected { bytes, gaps: all.gaps.iter().filter_map(behind).collect() }))
    }

    /// Its first `len` bytes, or why one of them is not to be had.
    pub(super) fn bytes(
        &self,
        memory: &crate::memory::Memory,
        len: usize,
    ) -> Result<Vec<u8>, Missing> {
        match self {
            Store::Memory(addr) => match memory.bytes(*addr, len) {
                Some(bytes) => Ok(bytes.to_vec()),
                None => {
                    let range = crate::memory::AddrRange::of_len(*addr, len as u64);
                    let there = range.map_or(0, |range| memory.readable_len(range));
                    Err(Missing::Memory(addr.saturating_add(there)))
                }
            },
            Store::Bytes(all) => match all.gaps.iter().find(|(start, _, _)| *start < len) {
                Some((_, _, why)) => Err(why.clone()),
                None => all.bytes.get(..len).map(<[u8]>::to_vec).ok_or(Missing::OptimizedOut),
            },
        }
    }
}

/// Where the variable that `entry` describes is, at the address `pc` in the code.
pub(super) fn locate(
    unit: Unit<'_>,
    entry: &Entry,
    env: &Env<'_>,
    pc: u64,
    size: u64,
) -> Result<Store, Missing> {
    let constant = unit.described(entry, |_, entry| entry.attr_value(dw::DW_AT_const_value));
    if let Some(constant) = constant {
        return constant_bytes(&constant, size).map(Store::from);
    }
    let expression = match entry.attr_value(dw::DW_AT_location) {
        None => return Err(Missing::OptimizedOut),
        Some(value) => expression_at(unit, value, pc)?.ok_or(Missing::OptimizedOut)?,
    };
    if expression.0.bytes().is_empty() {
        return Err(Missing::OptimizedOut);
    }
    let pieces = env.locate(expression, unit.encoding(), None)?;
    from_pieces(&pieces, env, size)
}

/// The expression of an attribute that may be one, or a list of them by address.
pub(super) fn expression_at(
    unit: Unit<'_>,
    value: AttributeValue<Slice>,
    pc: u64,
) -> Result<Option<Expression<Slice>>, Missing> {
    if let AttributeValue::Exprloc(expression) = value {
        return Ok(Some(expression));
    }
    let Some(mut list) = unit.attr_locations(value)? else { return Err(Missing::Damaged) };
    while let Some(entry) = list.next()? {
        if (entry.range.begin..entry.range.end).contains(&pc) {
            return Ok(Some(entry.data));
        }
    }
    Ok(None)
}

fn from_pieces(pieces: &[Piece<Slice>], env: &Env<'_>, size: u64) -> Result<Store, Missing> {
    if let [Piece { location, size_in_bits: None, .. }] = pieces {
        match location {
            Location::Address { address } => return Ok(Store::Memory(*address)),
            Location::Empty => return Err(Missing::OptimizedOut),
            Location::ImplicitPointer { .. } => return Err(Missing::ImplicitPointer),
            _ => {}
        }
    }
    let mut all = Collected::default();
    for piece in pieces {
        let len = piece.size_in_bits.map_or(size, |bits| bits / 8).min(LARGEST_PIECES) as usize;
        let skip = (piece.bit_offset.unwrap_or(0) / 8) as usize;
        let part = part_bytes(&piece.location, env, len);
        all.push(part.map(|part| part.into_iter().skip(skip).collect()), len);
    }
    // Without a single byte there is one reason for all.
    match all.gaps.as_slice() {
        [(0, len, why)] if *len >= all.bytes.len() => Err(why.clone()),
        gaps if !gaps.is_empty()
            && gaps.iter().map(|(_, len, _)| len).sum::<usize>() >= all.bytes.len() =>
        {
            Err(gaps.first().map_or(Missing::OptimizedOut, |(_, _, why)| why.clone()))
        }
        _ => Ok(Store::Bytes(all)),
    }
}

fn part_bytes(location: &Location<Slice>, env: &Env<'_>, len: usize) -> Result<Vec<u8>, Missing> {
    // Numbers lie in their low bytes; a big-endian device has those last.
    let number = |value: u64, width: usize| {
        let mut bytes = value.to_le_bytes().to_vec();
        if env.registers.arch().endian == crate::targets::Endian::Big {
            bytes.truncate(len.min(width));
            bytes.reverse();
        }
        bytes
    };
    match location {
        Location::Empty => Err(Missing::OptimizedOut),
        Location::Register { register } => Ok(number(env.register(*register)?, 8)),
        Location::Address { address } => Store::Memory(*address).bytes(env.memory, len),
        Location::Value { value } => Ok(match value {
            gimli::Value::F32(float) => number(float.to_bits().into(), 4),
            gimli::Value::F64(float) => number(float.to_bits(), 8),
            other => number(other.to_u64(u64::MAX)?, 8),
        }),
        Location::Bytes { value } => Ok(value.bytes().to_vec()),
        Location::ImplicitPointer { .. } => Err(Missing::ImplicitPointer),
    }
}

fn constant_bytes(value: &AttributeValue<Slice>, size: u64) -> Result<Vec<u8>, Missing> {
    let number = match value {
        AttributeValue::Block(block) => return Ok(block.bytes().to_vec()),
        AttributeValue::String(text) => return Ok(text.bytes().to_vec()),
        AttributeValue::Sdata(n) => i128::from(*n),
        AttributeValue::Udata(n) => (*n).into(),
        other => other.udata_value().ok_or(Missing::Unsupported("a constant of this form"))?.into(),
    };
    let bytes = number.to_le_bytes();
    Ok(bytes.get(..size.min(16) as usize).unwrap_or(&bytes).to_vec())
}

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
    /// Nowhere in memory: in registers, or computed. Little-endian devices only.
    Bytes(Vec<u8>),
}

impl Store {
    /// The part of it that starts `offset` bytes in.
    pub(super) fn part(&self, offset: u64) -> Option<Store> {
        match self {
            Store::Memory(addr) => Some(Store::Memory(addr.checked_add(offset)?)),
            Store::Bytes(bytes) => {
                Some(Store::Bytes(bytes.get(usize::try_from(offset).ok()?..)?.to_vec()))
            }
        }
    }

    /// Its first `len` bytes, or the first address that nobody holds.
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
            Store::Bytes(bytes) => bytes.get(..len).map(<[u8]>::to_vec).ok_or(Missing::Damaged),
        }
    }
}

/// Where the variable that `entry` describes is, at the address `pc` in the code.
pub(super) fn locate<'a>(
    unit: Unit<'_, 'a>,
    entry: &Entry<'a>,
    env: &Env<'_, 'a>,
    pc: u64,
    size: u64,
) -> Result<Store, Missing> {
    if let Some(constant) = entry.attr_value(dw::DW_AT_const_value) {
        return constant_bytes(&constant, size).map(Store::Bytes);
    }
    let expression = match entry.attr_value(dw::DW_AT_location) {
        None => return Err(Missing::OptimizedOut),
        Some(value) => expression_at(unit, value, pc)?.ok_or(Missing::OptimizedOut)?,
    };
    if expression.0.is_empty() {
        return Err(Missing::OptimizedOut);
    }
    let pieces = env.locate(expression, unit.encoding(), None)?;
    from_pieces(&pieces, env, size)
}

/// The expression of an attribute that may be one, or a list of them by address.
pub(super) fn expression_at<'a>(
    unit: Unit<'_, 'a>,
    value: AttributeValue<Slice<'a>>,
    pc: u64,
) -> Result<Option<Expression<Slice<'a>>>, Missing> {
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

fn from_pieces(
    pieces: &[Piece<Slice<'_>>],
    env: &Env<'_, '_>,
    size: u64,
) -> Result<Store, Missing> {
    if let [Piece { location: Location::Address { address }, size_in_bits: None, .. }] = pieces {
        return Ok(Store::Memory(*address));
    }
    let mut bytes = Vec::new();
    for piece in pieces {
        let len = piece.size_in_bits.map_or(size, |bits| bits / 8).min(LARGEST_PIECES) as usize;
        let part = match &piece.location {
            Location::Empty => return Err(Missing::OptimizedOut),
            Location::Register { register } => env.register(*register)?.to_le_bytes().to_vec(),
            Location::Address { address } => Store::Memory(*address).bytes(env.memory, len)?,
            Location::Value { value } => match value {
                gimli::Value::F32(float) => float.to_le_bytes().to_vec(),
                gimli::Value::F64(float) => float.to_le_bytes().to_vec(),
                other => other.to_u64(u64::MAX)?.to_le_bytes().to_vec(),
            },
            Location::Bytes { value } => value.slice().to_vec(),
            _ => return Err(Missing::OptimizedOut),
        };
        let skip = piece.bit_offset.unwrap_or(0) / 8;
        bytes.extend(part.iter().skip(skip as usize).take(len));
    }
    Ok(Store::Bytes(bytes))
}

fn constant_bytes(value: &AttributeValue<Slice<'_>>, size: u64) -> Result<Vec<u8>, Missing> {
    let number = match value {
        AttributeValue::Block(block) => return Ok(block.slice().to_vec()),
        AttributeValue::String(text) => return Ok(text.slice().to_vec()),
        AttributeValue::Sdata(n) => *n as u64,
        AttributeValue::Udata(n) => *n,
        other => other.udata_value().ok_or(Missing::Unsupported("a constant of this form"))?,
    };
    let bytes = number.to_le_bytes();
    Ok(bytes.get(..(size.min(8)) as usize).unwrap_or(&bytes).to_vec())
}

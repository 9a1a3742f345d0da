//! Writes a value down as GDB does.
//!
//! Limits keep a garbage length or a type that holds itself from filling the screen: what is
//! left out is shown as `...`.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Entry;
use super::object::Store;
use super::types::{Type, number, string};
use crate::debug_info::{Missing, Modules};
use crate::dump::Dump;
use gimli::constants as dw;
use std::fmt::Write;

/// Structures inside structures are shown this deep.
const DEEPEST: usize = 4;
/// As many elements of an array.
const MOST_ELEMENTS: u64 = 64;
/// As many members of a structure.
const MOST_MEMBERS: usize = 64;
/// As many characters of a text.
const MOST_TEXT: usize = 200;
/// Longer values end in `...`.
const LONGEST: usize = 4096;
/// Equal elements in a row are counted from this many on.
const REPEATS: u64 = 5;

/// Writes values of one dump.
pub struct Printer<'p, 'a> {
    dump: &'p Dump,
    modules: &'p Modules<'a>,
}

impl<'p, 'a> Printer<'p, 'a> {
    /// For the memory of `dump`, with the names that `modules` know.
    pub fn new(dump: &'p Dump, modules: &'p Modules<'a>) -> Self {
        Printer { dump, modules }
    }

    /// The value of type `kind` in `store`.
    pub(super) fn value(&self, kind: &Type<'_, 'a>, store: &Store) -> Result<String, Missing> {
        let mut out = String::new();
        self.write(kind, store, 0, &mut out)?;
        if out.len() > LONGEST {
            let cut = (0..=LONGEST).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
            out.truncate(cut);
            out.push_str("...");
        }
        Ok(out)
    }

    fn write(
        &self,
        kind: &Type<'_, 'a>,
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        match kind.tag() {
            dw::DW_TAG_base_type => {
                out.push_str(&self.base(kind, &self.bytes_of(kind, store)?)?);
                Ok(())
            }
            dw::DW_TAG_enumeration_type => {
                let number = word(&self.bytes_of(kind, store)?, kind.is_signed());
                out.push_str(&enumerator(kind, number));
                Ok(())
            }
            dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_rvalue_reference_type => {
                let pointer = word(&self.bytes_of(kind, store)?, false) as u64;
                out.push_str(&self.pointer(kind, pointer));
                Ok(())
            }
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type => {
                self.structure(kind, store, depth, out)
            }
            dw::DW_TAG_array_type => {
                let counts = kind.dimensions();
                self.array(kind, &counts, store, depth, out)
            }
            dw::DW_TAG_unspecified_type => {
                out.push_str("void");
                Ok(())
            }
            _ => Err(Missing::Unsupported("a type of this kind")),
        }
    }

    fn bytes_of(&self, kind: &Type<'_, 'a>, store: &Store) -> Result<Vec<u8>, Missing> {
        let size = kind.size().filter(|size| *size <= 16).ok_or(Missing::Damaged)?;
        let mut bytes = store.bytes(&self.dump.memory, size as usize)?;
        if self.dump.arch.endian == crate::targets::Endian::Big {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn base(&self, kind: &Type<'_, 'a>, bytes: &[u8]) -> Result<String, Missing> {
        let signed = kind.is_signed();
        let number = word(bytes, signed);
        Ok(match kind.encoding() {
            Some(dw::DW_ATE_boolean) => match number {
                0 => "false".into(),
                1 => "true".into(),
                n => n.to_string(),
            },
            Some(dw::DW_ATE_float) => match bytes {
                [a, b, c, d] => float(f32::from_le_bytes([*a, *b, *c, *d])),
                [a, b, c, d, e, f, g, h] => {
                    float(f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
                }
                _ => return Err(Missing::Unsupported("a float of this size")),
            },
            Some(dw::DW_ATE_UTF) => match char::from_u32(number as u32) {
                Some(c) => format!("{number} {c:?}"),
                None => number.to_string(),
            },
            Some(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char) if bytes.len() == 1 => {
                let byte = bytes.first().copied().unwrap_or_default();
                format!("{number} '{}'", escaped(byte, '\''))
            }
            _ => number.to_string(),
        })
    }

    /// `0x3f400e44 "text"`, `0x400e4010 <main_task>`.
    fn pointer(&self, kind: &Type<'_, 'a>, pointer: u64) -> String {
        let mut out = format!("{pointer:#x}");
        let target = kind.target();
        if target.as_ref().is_some_and(Type::is_char) {
            if let Some(text) = self.text_at(pointer) {
                let _ = write!(out, " {text}");
            }
            return out;
        }
        let code = pointer & !u64::from(self.dump.arch.elf_machine == 40);
        let named = match self.modules.at(code) {
            Some(module) => module.symbols().at(code),
            None => self.modules.iter().find_map(|module| module.symbols().data_at(pointer)),
        };
        if let Some(symbol) = named.filter(|symbol| symbol.covers && pointer != 0) {
            let _ = match symbol.offset {
                0 => write!(out, " <{}>", symbol.name),
                offset => write!(out, " <{}+{offset}>", symbol.name),
            };
        }
        out
    }

    fn text_at(&self, addr: u64) -> Option<String> {
        let mut buf = [0; MOST_TEXT];
        let got = self.dump.memory.read(addr, &mut buf);
        let known = buf.get(..got).filter(|known| !known.is_empty())?;
        let end = known.iter().position(|byte| *byte == 0);
        let text = quoted(known.get(..end.unwrap_or(got))?);
        Some(if end.is_some() { text } else { text + "..." })
    }

    fn structure(
        &self,
        kind: &Type<'_, 'a>,
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        if depth >= DEEPEST {
            out.push_str("{...}");
            return Ok(());
        }
        let mut members = self.members(kind, store)?;
        let all = members.len();
        members.truncate(MOST_MEMBERS);
        out.push('{');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            if let Some(name) = &member.name {
                let _ = write!(out, "{name} = ");
            }
            self.element(&member.kind, &member.store, member.bits, depth, out);
        }
        if all > members.len() {
            out.push_str(", ...");
        }
        out.push('}');
        Ok(())
    }

    /// One part of a larger value: that it can't be told does not hide the others.
    fn element(
        &self,
        kind: &Type<'_, 'a>,
        store: &Store,
        bits: Option<(u64, u64)>,
        depth: usize,
        out: &mut String,
    ) {
        if out.len() > LONGEST {
            out.push_str("...");
            return;
        }
        let written = match bits {
            Some(bits) => self.bit_field(kind, store, bits, out),
            None => self.write(kind, store, depth + 1, out),
        };
        if let Err(missing) = written {
            let _ = write!(out, "<{missing}>");
        }
    }

    fn bit_field(
        &self,
        kind: &Type<'_, 'a>,
        store: &Store,
        (offset, size): (u64, u64),
        out: &mut String,
    ) -> Result<(), Missing> {
        if !(1..=64).contains(&size) {
            return Err(Missing::Damaged);
        }
        let part = store.part(offset / 8).ok_or(Missing::Damaged)?;
        let len = (offset % 8 + size).div_ceil(8) as usize;
        let bytes = part.bytes(&self.dump.memory, len)?;
        let raw = (word(&bytes, false) as u128) >> (offset % 8);
        let unused = 128 - size as u32;
        let number = match kind.is_signed() {
            true => ((raw << unused) as i128) >> unused,
            false => ((raw << unused) >> unused) as i128,
        };
        match kind.tag() {
            dw::DW_TAG_enumeration_type => out.push_str(&enumerator(kind, number)),
            _ => {
                let bytes = number.to_le_bytes();
                let full = kind.size().unwrap_or(8).min(16) as usize;
                out.push_str(&self.base(kind, bytes.get(..full).unwrap_or(&bytes))?);
            }
        }
        Ok(())
    }

    fn array(
        &self,
        kind: &Type<'_, 'a>,
        counts: &[Option<u64>],
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        let element = kind.target().ok_or(Missing::Damaged)?;
        let Some((first, rest)) = counts.split_first() else { return Err(Missing::Damaged) };
        let count = first.unwrap_or(0);
        if rest.is_empty() && element.is_char() {
            let len = count.min(MOST_TEXT as u64) as usize;
            let bytes = store.bytes(&self.dump.memory, len)?;
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            out.push_str(&quoted(bytes.get(..end).unwrap_or_default()));
            if count > MOST_TEXT as u64 {
                out.push_str("...");
            }
            return Ok(());
        }
        let size = element.size().ok_or(Missing::Damaged)?;
        let inner = rest.iter().try_fold(size, |size, n| size.checked_mul((*n)?));
        let inner = inner.ok_or(Missing::Damaged)?;
        out.push('{');
        let mut last: Option<(String, u64)> = None;
        let mut shown = 0;
        for index in 0..count {
            if shown >= MOST_ELEMENTS || index >= MOST_ELEMENTS * 64 || out.len() > LONGEST {
                flush(last.take(), out);
                out.push_str(", ...");
                break;
            }
            let part = inner.checked_mul(index).and_then(|offset| store.part(offset));
            let part = part.ok_or(Missing::Damaged)?;
            let mut text = String::new();
            if rest.is_empty() {
                self.element(&element, &part, None, depth, &mut text);
            } else if let Err(missing) = self.array(kind, rest, &part, depth + 1, &mut text) {
                let _ = write!(text, "<{missing}>");
            }
            match &mut last {
                Some((same, times)) if *same == text => *times += 1,
                _ => {
                    if let Some(before) = last.take() {
                        flush(Some(before), out);
                        out.push_str(", ");
                    }
                    last = Some((text, 1));
                    shown += 1;
                }
            }
        }
        flush(last, out);
        out.push('}');
        Ok(())
    }

    /// The members of a structure: of a Rust enum the ones of the variant that it is.
    pub(super) fn members<'t>(
        &self,
        kind: &Type<'t, 'a>,
        store: &Store,
    ) -> Result<Vec<Member<'t, 'a>>, Missing> {
        const TAGS: [gimli::DwTag; 3] =
            [dw::DW_TAG_member, dw::DW_TAG_inheritance, dw::DW_TAG_variant_part];
        let mut members = Vec::new();
        for entry in kind.children(&TAGS) {
            // A static member lies elsewhere.
            if entry.has_attr(dw::DW_AT_external) || entry.has_attr(dw::DW_AT_declaration) {
                continue;
            }
            if entry.tag() == dw::DW_TAG_variant_part {
                members.extend(self.variant(kind, &entry, store));
            } else if let Some(member) = member(kind, &entry, store) {
                members.push(member);
            }
        }
        Ok(members)
    }

    fn variant<'t>(
        &self,
        kind: &Type<'t, 'a>,
        part: &Entry<'a>,
        store: &Store,
    ) -> Option<Member<'t, 'a>> {
        use super::types::{children, reference};
        let discriminant = reference(part, dw::DW_AT_discr)
            .and_then(|offset| kind.unit.entry(offset).ok())
            .and_then(|entry| member(kind, &entry, store))
            .and_then(|m| Some(word(&self.bytes_of(&m.kind, &m.store).ok()?, false)));
        let variants = children(kind.unit, part.offset(), &[dw::DW_TAG_variant]);
        let value = |variant: &Entry<'a>| {
            variant.attr(dw::DW_AT_discr_value)?.value().udata_value().map(i128::from)
        };
        let chosen = variants
            .iter()
            .find(|variant| value(variant).is_some() && value(variant) == discriminant)
            .or_else(|| variants.iter().find(|variant| value(variant).is_none()))?;
        let inner = children(kind.unit, chosen.offset(), &[dw::DW_TAG_member]);
        member(kind, inner.first()?, store)
    }
}

/// A member of a structure that lies at a known place.
pub(super) struct Member<'t, 'a> {
    /// `None` for a base class and for an anonymous structure or union.
    pub name: Option<String>,
    pub kind: Type<'t, 'a>,
    pub store: Store,
    /// Of a bit field: first bit, from the start of `store`, and how many.
    pub bits: Option<(u64, u64)>,
}

fn member<'t, 'a>(kind: &Type<'t, 'a>, entry: &Entry<'a>, store: &Store) -> Option<Member<'t, 'a>> {
    let own = Type::of(kind.unit, entry)?;
    let offset = number(entry, dw::DW_AT_data_member_location).unwrap_or(0);
    let bits = number(entry, dw::DW_AT_bit_size).map(|size| {
        let first = number(entry, dw::DW_AT_data_bit_offset).or_else(|| {
            // DWARF 2 and 3 count from the most significant bit of the storage unit.
            let from_top = number(entry, dw::DW_AT_bit_offset)?;
            let unit_bits = own.size()?.checked_mul(8)?;
            Some(offset * 8 + unit_bits.checked_sub(from_top)?.checked_sub(size)?)
        });
        (first.unwrap_or(offset * 8), size)
    });
    let store = match bits {
        Some(_) => store.clone(),
        None => store.part(offset)?,
    };
    Some(Member { name: string(kind.unit, entry, dw::DW_AT_name), kind: own, store, bits })
}

fn flush(element: Option<(String, u64)>, out: &mut String) {
    let Some((text, times)) = element else { return };
    if times >= REPEATS {
        let _ = write!(out, "{text} <repeats {times} times>");
    } else {
        let all = vec![text.as_str(); times as usize];
        out.push_str(&all.join(", "));
    }
}

/// The number of up to 16 little-endian bytes.
pub(super) fn word(bytes: &[u8], signed: bool) -> i128 {
    let mut buf = [0u8; 16];
    let len = bytes.len().min(16);
    if let (Some(to), Some(from)) = (buf.get_mut(..len), bytes.get(..len)) {
        to.copy_from_slice(from);
    }
    let unused = 128 - 8 * len.max(1) as u32;
    match signed {
        true => (i128::from_le_bytes(buf) << unused) >> unused,
        false => i128::from_le_bytes(buf),
    }
}

fn enumerator(kind: &Type<'_, '_>, number: i128) -> String {
    let all = kind.children(&[dw::DW_TAG_enumerator]);
    let named = |entry: &&Entry<'_>| {
        let value = entry.attr(dw::DW_AT_const_value).map(gimli::Attribute::value);
        let value = match value {
            Some(gimli::AttributeValue::Udata(n)) => Some(i128::from(n)),
            Some(other) => other.sdata_value().map(i128::from),
            None => None,
        };
        value == Some(number)
    };
    let name = all.iter().find(named).and_then(|e| string(kind.unit, e, dw::DW_AT_name));
    name.unwrap_or_else(|| number.to_string())
}

fn float<F: std::fmt::Display + Into<f64> + Copy>(value: F) -> String {
    let wide: f64 = value.into();
    if wide != 0.0 && wide.is_finite() && !(1e-5..1e17).contains(&wide.abs()) {
        return format!("{wide:e}");
    }
    value.to_string()
}

/// A byte as C writes it between quotes.
fn escaped(byte: u8, quote: char) -> String {
    match byte {
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        b'\\' => "\\\\".into(),
        b if char::from(b) == quote => format!("\\{quote}"),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

fn quoted(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().all(|c| !c.is_ascii() && !c.is_control() || (' '..='~').contains(&c))
        && !text.contains(['"', '\\'])
    {
        return format!("\"{text}\"");
    }
    let inner: String = bytes.iter().map(|byte| escaped(*byte, '"')).collect();
    format!("\"{inner}\"")
}

//! Writes a value down as GDB does, in the manner of its language.
//!
//! | C, C++                         | Rust                                      |
//! | `{x = 1, y = {2, 3}}`          | `app::Point {x: 1, y: [2, 3]}`            |
//! | `{<Base> = {a = 1}, b = 2}`    | `core::option::Option<u8>::Some(3)`       |
//! | `"text"`, `97 'a'`, `(A \| B)` | `"text"`, `97 'a'`, `app::Mode::Idle`     |
//!
//! Limits keep a garbage length or a type that holds itself from filling the screen: what is
//! left out is shown as `...`.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::literal::{REPEATS, enumerator, escaped, float, quoted, rust_char, word};
use super::member::{Member, Part};
use super::object::Store;
use crate::debug_info::Type;
use crate::debug_info::{Language, Missing, Modules};
use crate::dump::Dump;
use gimli::constants as dw;
use std::cell::Cell;
use std::fmt::Write;

/// Structures inside structures are shown this deep.
const DEEPEST: usize = 20;
/// As many elements of an array, and characters of a text.
const MOST_ELEMENTS: u64 = 200;
/// As many members of a structure.
const MOST_MEMBERS: usize = 200;
/// As many elements and members of one value are looked at.
const MOST_PARTS: u32 = 100_000;
/// Longer values end in `...`.
const LONGEST: usize = 4096;

/// Writes values of one dump.
pub struct Printer<'p, 'a> {
    pub(super) dump: &'p Dump,
    pub(super) modules: &'p Modules<'a>,
    /// Whole numbers in hexadecimal.
    pub(super) hex: bool,
    /// How many parts of the value may still be read: equal ones take no room on the page.
    parts_left: Cell<u32>,
}

impl<'p, 'a> Printer<'p, 'a> {
    /// For the memory of `dump`, with the names that `modules` know.
    pub fn new(dump: &'p Dump, modules: &'p Modules<'a>) -> Self {
        Printer { dump, modules, hex: false, parts_left: Cell::new(MOST_PARTS) }
    }

    /// The same, with whole numbers in hexadecimal where `hex` is set.
    #[must_use]
    pub fn in_hex(self, hex: bool) -> Self {
        Printer { hex, ..self }
    }

    /// The value of type `kind` in `store`; of a bit field the `bits` of it.
    pub(super) fn value(
        &self,
        kind: &Type<'_>,
        store: &Store,
        bits: Option<(u64, u64)>,
    ) -> Result<String, Missing> {
        let mut out = String::new();
        self.parts_left.set(MOST_PARTS);
        match bits {
            Some(bits) => self.bit_field(kind, store, bits, &mut out)?,
            None => self.write(kind, store, 0, &mut out)?,
        }
        if out.len() > LONGEST {
            let cut = (0..=LONGEST).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
            out.truncate(cut);
            out.push_str("...");
        }
        Ok(out)
    }

    fn write(
        &self,
        kind: &Type<'_>,
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        match kind.tag() {
            dw::DW_TAG_base_type => {
                // `()` has no bytes to read.
                let text = match kind.size() {
                    Some(0) => kind.name().unwrap_or_default(),
                    _ => self.base(kind, &self.bytes_of(kind, store)?)?,
                };
                out.push_str(&text);
                Ok(())
            }
            dw::DW_TAG_enumeration_type => {
                let number = word(&self.bytes_of(kind, store)?, kind.is_signed());
                out.push_str(&named(kind, number));
                Ok(())
            }
            dw::DW_TAG_pointer_type => {
                let pointer = word(&self.bytes_of(kind, store)?, false) as u64;
                out.push_str(&self.pointer(kind.target().as_ref(), pointer));
                Ok(())
            }
            dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
                let addr = word(&self.bytes_of(kind, store)?, false) as u64;
                let _ = write!(out, "@{addr:#x}");
                if let Some(target) = kind.target().filter(|_| depth == 0) {
                    out.push_str(": ");
                    self.element(&target, &Ok(Store::Memory(addr)), None, depth, out);
                }
                Ok(())
            }
            _ if kind.is_structure() => self.structure(kind, store, depth, out),
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

    pub(super) fn bytes_of(&self, kind: &Type<'_>, store: &Store) -> Result<Vec<u8>, Missing> {
        let size = kind.size().filter(|size| *size <= 16).ok_or(Missing::Damaged)?;
        let mut bytes = store.bytes(&self.dump.memory, size as usize)?;
        if self.dump.arch.endian == crate::targets::Endian::Big {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn base(&self, kind: &Type<'_>, bytes: &[u8]) -> Result<String, Missing> {
        let signed = kind.is_signed();
        let number = word(bytes, signed);
        let is_rust = kind.unit.language() == Language::Rust;
        Ok(match kind.encoding() {
            Some(dw::DW_ATE_boolean) => match number {
                0 => "false".into(),
                1 => "true".into(),
                n => n.to_string(),
            },
            Some(dw::DW_ATE_float) => {
                float(bytes).ok_or(Missing::Unsupported("a float of this size"))?
            }
            Some(dw::DW_ATE_UTF) => match (char::from_u32(number as u32), bytes.len()) {
                (Some(c), _) if is_rust => format!("{number} '{}'", rust_char(c)),
                (Some(c), 2) => format!("{number} u'{}'", c.escape_debug()),
                (Some(c), 4) => format!("{number} U'{}'", c.escape_debug()),
                (Some(_), _) => format!("{number} '{}'", escaped(number as u8, '\'')),
                (None, _) => number.to_string(),
            },
            Some(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char)
                if bytes.len() == 1 && !is_rust =>
            {
                let byte = bytes.first().copied().unwrap_or_default();
                format!("{number} '{}'", escaped(byte, '\''))
            }
            _ => self.whole_number(number, signed, bytes.len()),
        })
    }

    /// An array without its first `passed` dimensions.
    pub(super) fn row(
        &self,
        kind: &Type<'_>,
        passed: usize,
        store: &Store,
    ) -> Result<String, Missing> {
        let counts = kind.dimensions();
        let mut out = String::new();
        self.array(kind, counts.get(passed..).unwrap_or_default(), store, 0, &mut out)?;
        Ok(out)
    }

    /// `0x3f400e44 "text"`, `0x400e4010 <main_task>`.
    pub(super) fn pointer(&self, target: Option<&Type<'_>>, pointer: u64) -> String {
        let mut out = format!("{pointer:#x}");
        if target.is_some_and(|target| target.is_char()) {
            if let Some(text) = self.text_at(pointer) {
                let _ = write!(out, " {text}");
            }
            return out;
        }
        let code = pointer & !u64::from(self.dump.arch.family.is_arm32());
        let in_code = self.modules.at(code).and_then(|module| module.symbols().at(code));
        let in_data = || self.modules.iter().find_map(|module| module.symbols().data_at(pointer));
        let named = in_code.filter(|symbol| symbol.covers).or_else(in_data);
        if let Some(symbol) = named.filter(|_| pointer != 0) {
            let _ = match symbol.offset {
                0 => write!(out, " <{}>", symbol.name),
                offset => write!(out, " <{}+{offset}>", symbol.name),
            };
        }
        out
    }

    fn text_at(&self, addr: u64) -> Option<String> {
        let mut buf = [0; MOST_ELEMENTS as usize];
        let got = self.dump.memory.read(addr, &mut buf);
        let known = buf.get(..got).filter(|known| !known.is_empty())?;
        let end = known.iter().position(|byte| *byte == 0);
        let text = quoted(known.get(..end.unwrap_or(got))?);
        Some(if end.is_some() { text } else { text + "..." })
    }

    fn structure(
        &self,
        kind: &Type<'_>,
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        if depth >= DEEPEST {
            out.push_str("{...}");
            return Ok(());
        }
        if kind.unit.language() != Language::Rust {
            self.parts(&self.members(kind, store), ["{", " = ", "}"], depth, out);
            return Ok(());
        }
        if let Some((name, element)) = self.slice_of(kind) {
            let _ = write!(out, "{name} ");
            return self.rust_slice(kind, &element, store, depth, out);
        }
        if let Some(text) = self.rust_text(kind, store) {
            out.push_str(&text?);
            return Ok(());
        }
        match self.variant(kind, store) {
            None => {
                let members = self.members(kind, store);
                let path = kind.path();
                let is_tuple = path.starts_with('(');
                out.push_str(if is_tuple { "" } else { &path });
                match members.as_slice() {
                    [] if is_tuple => out.push_str("()"),
                    [] => {}
                    members if is_tuple => self.parts(members, ["(", "", ")"], depth, out),
                    members if are_numbered(members) => {
                        self.parts(members, [" (", "", ")"], depth, out);
                    }
                    members => self.parts(members, [" {", ": ", "}"], depth, out),
                }
            }
            Some(variant) => {
                let variant = variant?;
                let _ = write!(out, "{}::{}", kind.path(), variant.name);
                let members = self.members(&variant.kind, &variant.store?);
                match members.as_slice() {
                    [] => {}
                    members if are_numbered(members) => {
                        self.parts(members, ["(", "", ")"], depth, out);
                    }
                    members => self.parts(members, ["{", ": ", "}"], depth, out),
                }
            }
        }
        Ok(())
    }

    /// Address and length of what a `&str` or slice points to.
    pub(super) fn fat_pointer(
        &self,
        kind: &Type<'_>,
        store: &Store,
    ) -> Result<(u64, u64), Missing> {
        let members = self.members(kind, store);
        let part = |name: &str| -> Result<u64, Missing> {
            let member = members.iter().find(|member| member.name.as_deref() == Some(name));
            let member = member.ok_or(Missing::Damaged)?;
            let store = member.store.as_ref().map_err(Clone::clone)?;
            Ok(word(&self.bytes_of(&member.kind, store)?, false) as u64)
        };
        Ok((part("data_ptr")?, part("length")?))
    }

    /// The name of a slice and the type of its elements.
    pub(super) fn slice_of<'t>(&self, kind: &Type<'t>) -> Option<(String, Type<'t>)> {
        let name = kind.name().filter(|n| n.starts_with("&[") || n.starts_with("&mut ["))?;
        let members = kind.children(&[dw::DW_TAG_member]);
        let data = members.iter().find(|member| {
            kind.unit.string(member, dw::DW_AT_name).as_deref() == Some("data_ptr")
        })?;
        Some((name, Type::of(kind.unit, data)?.target()?))
    }

    fn rust_slice(
        &self,
        kind: &Type<'_>,
        element: &Type<'_>,
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        let (addr, len) = self.fat_pointer(kind, store)?;
        let size = element.size().ok_or(Missing::Damaged)?;
        self.list(len, ['[', ']'], out, |index, text| {
            let at = size.checked_mul(index).and_then(|offset| addr.checked_add(offset));
            let store = at.map(Store::Memory).ok_or(Missing::Damaged);
            self.element(element, &store, None, depth, text);
        });
        Ok(())
    }

    pub(super) fn is_rust_text(&self, kind: &Type<'_>) -> bool {
        matches!(kind.name().as_deref(), Some("&str" | "&mut str"))
    }

    /// The text of a `&str`.
    fn rust_text(&self, kind: &Type<'_>, store: &Store) -> Option<Result<String, Missing>> {
        if !self.is_rust_text(kind) {
            return None;
        }
        let text = || {
            let (addr, len) = self.fat_pointer(kind, store)?;
            let shown = len.min(MOST_ELEMENTS) as usize;
            // A text without characters may point anywhere.
            let bytes = match shown {
                0 => Vec::new(),
                shown => Store::Memory(addr).bytes(&self.dump.memory, shown)?,
            };
            let more = if len > MOST_ELEMENTS { "..." } else { "" };
            Ok(quoted(&bytes) + more)
        };
        Some(text())
    }

    /// Members between brackets: opening, between name and value (nothing: no names), closing.
    fn parts(
        &self,
        members: &[Member<'_>],
        [open, equals, close]: [&str; 3],
        depth: usize,
        out: &mut String,
    ) {
        out.push_str(open);
        let fields = members.iter().filter(|member| member.part != Part::Base).count();
        for (index, member) in members.iter().take(MOST_MEMBERS).enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            match (&member.name, member.part) {
                (Some(_), Part::Base) => {
                    let _ = write!(out, "<{}> = ", member.kind.path());
                }
                (Some(name), Part::Static) => {
                    let _ = write!(out, "static {name} = ");
                }
                (Some(name), Part::Field) if !equals.is_empty() => {
                    let _ = write!(out, "{name}{equals}");
                }
                _ => {}
            }
            self.element(&member.kind, &member.store, member.bits, depth, out);
        }
        if members.len() > MOST_MEMBERS {
            out.push_str("...");
        } else if fields == 0 && open == "{" {
            out.push_str(if members.is_empty() { "" } else { ", " });
            out.push_str("<No data fields>");
        }
        out.push_str(close);
    }

    /// One part of a larger value: that it can't be told does not hide the others.
    fn element(
        &self,
        kind: &Type<'_>,
        store: &Result<Store, Missing>,
        bits: Option<(u64, u64)>,
        depth: usize,
        out: &mut String,
    ) {
        let left = self.parts_left.get().checked_sub(1);
        let Some(left) = left.filter(|_| out.len() <= LONGEST) else {
            out.push_str("...");
            return;
        };
        self.parts_left.set(left);
        let written = match (store, bits) {
            (Err(missing), _) => Err(missing.clone()),
            (Ok(store), Some(bits)) => self.bit_field(kind, store, bits, out),
            (Ok(store), None) => self.write(kind, store, depth + 1, out),
        };
        if let Err(missing) = written {
            let _ = write!(out, "<{missing}>");
        }
    }

    fn bit_field(
        &self,
        kind: &Type<'_>,
        store: &Store,
        (offset, size): (u64, u64),
        out: &mut String,
    ) -> Result<(), Missing> {
        if !(1..=64).contains(&size) {
            return Err(Missing::Damaged);
        }
        let part = store.part(offset / 8).ok_or(Missing::OptimizedOut)?;
        let len = (offset % 8 + size).div_ceil(8) as usize;
        let bytes = part.bytes(&self.dump.memory, len)?;
        let raw = (word(&bytes, false) as u128) >> (offset % 8);
        let unused = 128 - size as u32;
        let number = match kind.is_signed() {
            true => ((raw << unused) as i128) >> unused,
            false => ((raw << unused) >> unused) as i128,
        };
        match kind.tag() {
            dw::DW_TAG_enumeration_type => out.push_str(&named(kind, number)),
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
        kind: &Type<'_>,
        counts: &[Option<u64>],
        store: &Store,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Missing> {
        let element = kind.target().ok_or(Missing::Damaged)?;
        let Some((first, rest)) = counts.split_first() else { return Err(Missing::Damaged) };
        if let (None, Store::Memory(addr)) = (first, store) {
            // Nobody knows how long it is; GDB shows where it begins.
            out.push_str(&self.pointer(None, *addr));
            return Ok(());
        }
        let count = first.unwrap_or(0);
        if rest.is_empty() && element.is_char() {
            let len = count.min(MOST_ELEMENTS) as usize;
            let bytes = store.bytes(&self.dump.memory, len)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            out.push_str(&quoted(bytes.get(..end.unwrap_or(len)).unwrap_or_default()));
            if count > MOST_ELEMENTS && end.is_none() {
                out.push_str("...");
            }
            return Ok(());
        }
        let size = element.size().ok_or(Missing::Damaged)?;
        let inner = rest.iter().try_fold(size, |size, n| size.checked_mul((*n)?));
        let inner = inner.ok_or(Missing::Damaged)?;
        let brackets = match kind.unit.language() {
            Language::Rust => ['[', ']'],
            _ => ['{', '}'],
        };
        self.list(count, brackets, out, |index, text| {
            let part = inner.checked_mul(index).and_then(|offset| store.part(offset));
            let part = part.ok_or(Missing::OptimizedOut);
            if rest.is_empty() {
                self.element(&element, &part, None, depth, text);
            } else if let Err(missing) =
                part.and_then(|part| self.array(kind, rest, &part, depth + 1, text))
            {
                let _ = write!(text, "<{missing}>");
            }
        });
        Ok(())
    }

    /// `count` elements between brackets, equal ones in a row counted.
    fn list(
        &self,
        count: u64,
        [open, close]: [char; 2],
        out: &mut String,
        element: impl Fn(u64, &mut String),
    ) {
        out.push(open);
        let mut last: Option<(String, u64)> = None;
        let mut shown = 0;
        for index in 0..count {
            let worn_out = self.parts_left.get() == 0 || out.len() > LONGEST;
            if shown >= MOST_ELEMENTS || index >= MOST_ELEMENTS * 64 || worn_out {
                flush(last.take(), out);
                out.push_str("...");
                break;
            }
            let mut text = String::new();
            element(index, &mut text);
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
        out.push(close);
    }
}

/// Whether the members are those of a tuple: `__0`, `__1`.
fn are_numbered(members: &[Member<'_>]) -> bool {
    members.iter().enumerate().all(|(index, member)| {
        member.name.as_ref().is_some_and(|name| *name == format!("__{index}"))
    })
}

/// The value of an enumeration, with the scopes that its language wants before a name.
fn named(kind: &Type<'_>, number: i128) -> String {
    let scope = match kind.unit.language() {
        Language::C => String::new(),
        Language::Rust => kind.path(),
        Language::CPlusPlus if kind.entry.has_attr(dw::DW_AT_enum_class) => kind.path(),
        Language::CPlusPlus => kind.scoped("").trim_end_matches("::").to_string(),
    };
    enumerator(&kind.enumerators(), number, &scope)
}

fn flush(element: Option<(String, u64)>, out: &mut String) {
    let Some((text, times)) = element else { return };
    if times > REPEATS {
        let _ = write!(out, "{text} <repeats {times} times>");
    } else {
        let all = vec![text.as_str(); times as usize];
        out.push_str(&all.join(", "));
    }
}

//! A value that is not written down yet: what it is, where it is, and the parts that it has.
//!
//! Editors show values as trees and open a branch at a time; a part is found when it is asked for.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::literal::decimal;
use super::member::{Member, Part};
use super::object::Store;
use super::print::Printer;
use crate::debug_info::{Language, Missing, Type};
use crate::targets::{Arch, Endian};
use gimli::constants as dw;

/// A value, and where it is.
#[derive(Clone)]
pub struct Value<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) store: Store,
    /// Of a bit field: first bit, from the start of `store`, and how many.
    pub(super) bits: Option<(u64, u64)>,
}

/// What a value is.
#[derive(Clone)]
pub(super) enum Kind<'t> {
    Of(Type<'t>),
    /// An array without its first dimensions.
    Row(Type<'t>, usize),
    /// A pointer that no type of the program stands for: `&x`, `(T *)x`. `None` is `void`.
    Pointer(Option<Type<'t>>, usize),
    /// A number of so many bytes, signed or not, of a type that the program does not use.
    Plain(usize, bool),
    /// A symbol without a type.
    Untyped,
}

/// A part of a value, or why it is not to be had.
pub struct Branch<'t> {
    /// `x`, `[3]`, `<Base>`, `*` for what a pointer points to.
    pub name: String,
    /// How the expression for the whole goes on to be one for this part: `.x`, `[3]`; `None` where no
    /// expression leads there.
    pub step: Option<String>,
    /// The part.
    pub value: Result<Value<'t>, Missing>,
}

/// What the parts of a value are.
enum Parts<'t> {
    None,
    Members(Vec<Branch<'t>>),
    /// So many elements, and how to get each.
    Elements(u64, Elements<'t>),
}

struct Elements<'t> {
    kind: Kind<'t>,
    store: Store,
    size: u64,
}

impl<'t> Value<'t> {
    pub(super) fn of(kind: Type<'t>, store: Store) -> Value<'t> {
        Value { kind: Kind::Of(kind), store, bits: None }
    }

    /// What a register of `len` bytes (up to 16) holds: of the length of an address, it may be one.
    pub fn of_register(number: u128, len: usize, arch: &Arch) -> Value<'static> {
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.truncate(len);
        if arch.endian == Endian::Big {
            bytes.reverse();
        }
        let kind = match len.saturating_mul(8) == arch.word_bits as usize {
            true => Kind::Pointer(None, 1),
            false => Kind::Plain(bytes.len(), false),
        };
        Value { kind, store: bytes.into(), bits: None }
    }

    /// Its address, where it lies in memory as a whole.
    pub fn address(&self) -> Option<u64> {
        match (&self.store, self.bits) {
            (Store::Memory(addr), None) => Some(*addr),
            _ => None,
        }
    }

    /// Its type, where the program has one for it.
    pub(crate) fn plain_type(&self) -> Option<&Type<'t>> {
        match &self.kind {
            Kind::Of(kind) => Some(kind),
            _ => None,
        }
    }

    /// Its type in the words of its language, without the names that typedefs give to it.
    pub fn type_name(&self) -> Option<String> {
        Some(match &self.kind {
            Kind::Of(kind) => type_name(kind, 0),
            Kind::Row(kind, passed) => row_name(kind, *passed, 0),
            Kind::Pointer(target, stars) => {
                let target = target.as_ref().map_or("void".into(), |kind| type_name(kind, 0));
                format!("{target} {}", "*".repeat(*stars))
            }
            Kind::Plain(..) | Kind::Untyped => return None,
        })
    }
}

/// Deeper pointers and arrays are not spelled out.
const DEEPEST_NAME: usize = 8;

fn type_name(kind: &Type<'_>, depth: usize) -> String {
    let target = || match kind.target().filter(|_| depth < DEEPEST_NAME) {
        Some(target) => type_name(&target, depth + 1),
        None => "void".into(),
    };
    let of_c = kind.unit.language() == Language::C;
    match kind.tag() {
        dw::DW_TAG_pointer_type if kind.name().is_none() => format!("{} *", target()),
        dw::DW_TAG_reference_type => format!("{} &", target()),
        dw::DW_TAG_rvalue_reference_type => format!("{} &&", target()),
        dw::DW_TAG_array_type => row_name(kind, 0, depth),
        dw::DW_TAG_subroutine_type => "function".into(),
        dw::DW_TAG_structure_type if of_c => format!("struct {}", kind.path()),
        dw::DW_TAG_union_type if of_c => format!("union {}", kind.path()),
        dw::DW_TAG_enumeration_type if of_c => format!("enum {}", kind.path()),
        _ => kind.path(),
    }
}

fn row_name(kind: &Type<'_>, passed: usize, depth: usize) -> String {
    let element = match kind.target().filter(|_| depth < DEEPEST_NAME) {
        Some(element) => type_name(&element, depth + 1),
        None => "?".into(),
    };
    let counts = kind.dimensions();
    let counts = counts.iter().skip(passed);
    let counts: Vec<String> =
        counts.map(|count| count.map_or(String::new(), |count| count.to_string())).collect();
    match kind.unit.language() {
        Language::Rust => format!("[{element}; {}]", counts.join("; ")),
        _ => format!("{element} [{}]", counts.join("][")),
    }
}

impl Printer<'_, '_> {
    /// `value` on one line, as GDB would write it.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub fn show(&self, value: &Value<'_>) -> Result<String, Missing> {
        match &value.kind {
            Kind::Of(kind) => self.value(kind, &value.store, value.bits),
            Kind::Row(kind, passed) => self.row(kind, *passed, &value.store),
            Kind::Pointer(target, stars) => {
                let target = target.as_ref().filter(|_| *stars == 1);
                Ok(self.pointer(target, self.pointed(&value.store)?))
            }
            Kind::Plain(len, signed) => {
                let number = self.number(&value.store, *len, *signed)?;
                Ok(self.whole_number(number, *signed, *len))
            }
            Kind::Untyped => {
                Err(Missing::Unsupported("a symbol of which no ELF file tells the type"))
            }
        }
    }

    /// How many parts `value` has: those with names, and elements with numbers. One of the two is 0.
    pub fn count(&self, value: &Value<'_>) -> (u64, u64) {
        match self.parts_of(value) {
            Parts::None => (0, 0),
            Parts::Members(members) => (members.len() as u64, 0),
            Parts::Elements(count, _) => (0, count),
        }
    }

    /// The parts of `value` from number `start` on, at most `most`.
    pub fn parts_from<'t>(&self, value: &Value<'t>, start: u64, most: usize) -> Vec<Branch<'t>> {
        match self.parts_of(value) {
            Parts::None => Vec::new(),
            Parts::Members(members) => {
                let skip = usize::try_from(start).unwrap_or(usize::MAX);
                members.into_iter().skip(skip).take(most).collect()
            }
            Parts::Elements(count, elements) => {
                let end = count.min(start.saturating_add(most as u64));
                (start..end).map(|index| elements.at(index)).collect()
            }
        }
    }

    fn parts_of<'t>(&self, value: &Value<'t>) -> Parts<'t> {
        if value.bits.is_some() {
            return Parts::None;
        }
        match &value.kind {
            Kind::Of(kind) if kind.tag() == dw::DW_TAG_array_type => {
                self.elements(kind, 0, &value.store)
            }
            Kind::Row(kind, passed) => self.elements(kind, *passed, &value.store),
            Kind::Of(kind) if kind.is_pointer() => {
                kind.target().map_or(Parts::None, |target| self.behind(target, &value.store))
            }
            Kind::Pointer(Some(target), 1) => self.behind(target.clone(), &value.store),
            Kind::Of(kind) if kind.is_structure() => self.of_structure(kind, &value.store),
            _ => Parts::None,
        }
    }

    /// What a pointer points to: the members of a structure themselves, or `*`.
    fn behind<'t>(&self, target: Type<'t>, pointer: &Store) -> Parts<'t> {
        let is_thing = target.tag() != dw::DW_TAG_subroutine_type
            && target.tag() != dw::DW_TAG_unspecified_type
            && !target.is_char();
        match self.pointed(pointer) {
            Ok(addr) if addr != 0 && is_thing => {
                let store = Store::Memory(addr);
                if target.is_structure() {
                    return self.of_structure(&target, &store);
                }
                let value = Ok(Value::of(target, store));
                Parts::Members(vec![Branch { name: "*".into(), step: Some("*".into()), value }])
            }
            _ => Parts::None,
        }
    }

    fn of_structure<'t>(&self, kind: &Type<'t>, store: &Store) -> Parts<'t> {
        if kind.unit.language() == Language::Rust {
            if self.is_rust_text(kind) {
                return Parts::None;
            }
            if let Some((_, element)) = self.slice_of(kind) {
                let (Ok((addr, count)), Some(size)) =
                    (self.fat_pointer(kind, store), element.size())
                else {
                    return Parts::None;
                };
                let kind = Kind::Of(element);
                return Parts::Elements(count, Elements { kind, store: Store::Memory(addr), size });
            }
            match self.variant(kind, store) {
                Some(Ok(variant)) => {
                    let members = match &variant.store {
                        Ok(store) => self.members(&variant.kind, store),
                        Err(_) => Vec::new(),
                    };
                    let step = format!(".{}", variant.name);
                    let named = members.into_iter().map(|member| branch(member, &step));
                    return Parts::Members(named.collect());
                }
                Some(Err(_)) => return Parts::None,
                None => {}
            }
        }
        let members = self.members(kind, store);
        Parts::Members(members.into_iter().map(|member| branch(member, "")).collect())
    }

    fn elements<'t>(&self, kind: &Type<'t>, passed: usize, store: &Store) -> Parts<'t> {
        let counts = kind.dimensions();
        let rest = counts.get(passed.saturating_add(1)..).unwrap_or_default();
        let (Some(Some(count)), Some(element)) = (counts.get(passed), kind.target()) else {
            return Parts::None;
        };
        let size = element.size();
        let size = rest.iter().try_fold(size, |size, n| Some(size?.checked_mul((*n)?))).flatten();
        let Some(size) = size else { return Parts::None };
        let kind = match rest.is_empty() {
            true => Kind::Of(element),
            false => Kind::Row(kind.clone(), passed.saturating_add(1)),
        };
        Parts::Elements(*count, Elements { kind, store: store.clone(), size })
    }

    /// The bytes of `store` as a number, in the device's byte order.
    pub(super) fn number(&self, store: &Store, len: usize, signed: bool) -> Result<i128, Missing> {
        let mut bytes = store.bytes(&self.dump.memory, len)?;
        if self.dump.arch.endian == Endian::Big {
            bytes.reverse();
        }
        Ok(super::literal::word(&bytes, signed))
    }

    /// The bytes of `store` as an address.
    pub(super) fn pointed(&self, store: &Store) -> Result<u64, Missing> {
        let len = (self.dump.arch.word_bits / 8).clamp(1, 8) as usize;
        Ok(self.number(store, len, false)? as u64)
    }

    /// A number of `len` bytes as the user wants to see numbers.
    pub(super) fn whole_number(&self, number: i128, signed: bool, len: usize) -> String {
        if !self.hex {
            return decimal(number, signed);
        }
        let bits = 8 * len.clamp(1, 16) as u32;
        format!("{:#x}", number as u128 & (u128::MAX >> (128 - bits)))
    }
}

impl<'t> Elements<'t> {
    fn at(&self, index: u64) -> Branch<'t> {
        let part = self.size.checked_mul(index).and_then(|offset| self.store.part(offset));
        let value = part.ok_or(Missing::OptimizedOut);
        let value = value.map(|store| Value { kind: self.kind.clone(), store, bits: None });
        let name = format!("[{index}]");
        Branch { step: Some(name.clone()), name, value }
    }
}

/// A member as a part; `before` leads to the structure that it is in.
fn branch<'t>(member: Member<'t>, before: &str) -> Branch<'t> {
    let Member { part, name, kind, store, bits } = member;
    let (name, step) = match (name, part) {
        (Some(name), Part::Base) => (format!("<{name}>"), None),
        (Some(name), _) => {
            // A tuple's fields are numbered.
            let name = match name.strip_prefix("__") {
                Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.to_string(),
                _ => name,
            };
            let step = format!("{before}.{name}");
            (name, Some(step))
        }
        // Its members are found as if they were the outer one's.
        (None, _) => ("<anonymous>".into(), None),
    };
    let value = store.map(|store| Value { kind: Kind::Of(kind), store, bits });
    Branch { name, step, value }
}

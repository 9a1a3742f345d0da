//! Variables by name, and what can be reached from them: see `expression.rs`.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::expression::{Expr, TypeName, parse};
use super::member::{Member, Part};
use super::object::{Store, locate};
use super::print::Printer;
use super::value::{Kind, Value};
use super::{Entry, Offset, Unit};
use crate::debug_info::Type;
use crate::debug_info::{Env, Missing, Module, Modules, Slice};
use crate::dump::{Dump, Note};
use crate::error::{Error, Result};
use crate::registers::Registers;
use crate::targets::Endian;
use gimli::constants as dw;

/// Base classes and anonymous members are searched this deep.
const DEEPEST: usize = 8;
/// A list of members that are there is no help if it is longer; nor is more searched.
const MOST_NAMES: usize = 1000;

const UNTYPED: &str = "the ELF file does not say what type it has: cast it, as in (int)x";

/// What is wrong with an expression, or with the dump.
enum Trouble {
    /// The user's: the expression makes no sense.
    Wrong(String),
    /// The dump does not hold it.
    Missing(Missing),
}

impl From<Missing> for Trouble {
    fn from(missing: Missing) -> Self {
        Trouble::Missing(missing)
    }
}

impl From<&str> for Trouble {
    fn from(why: &str) -> Self {
        Trouble::Wrong(why.into())
    }
}

type Outcome<T> = std::result::Result<T, Trouble>;

/// Finds variables of static storage duration.
pub struct Globals<'g, 'a> {
    pub(super) dump: &'g Dump,
    pub(super) modules: &'g Modules<'a>,
    /// What comes before them: the variables of a frame, its registers.
    nearer: Vec<(String, std::result::Result<Value<'g>, Missing>)>,
}

impl<'g, 'a> Globals<'g, 'a> {
    /// For the memory of `dump`, with the variables that `modules` know.
    pub fn new(dump: &'g Dump, modules: &'g Modules<'a>) -> Self {
        Globals { dump, modules, nearer: Vec::new() }
    }

    /// The same, where these names mean what a frame has under them.
    #[must_use]
    pub fn below(self, nearer: Vec<(String, std::result::Result<Value<'g>, Missing>)>) -> Self {
        Globals { nearer, ..self }
    }

    /// The value of `expression`, written down as GDB does.
    ///
    /// # Errors
    /// [`Error::Usage`] if it can't be parsed or names nothing; the inner result tells of a
    /// variable that is there but whose value the dump does not hold.
    pub fn print(&self, expression: &str) -> Result<std::result::Result<String, Missing>> {
        let found = self.evaluate(expression)?;
        let shown = found.and_then(|value| match value.kind {
            Kind::Untyped => Ok(None),
            _ => self.printer().show(&value).map(Some),
        });
        match shown {
            Ok(Some(text)) => Ok(Ok(text)),
            Ok(None) => Err(Error::Usage(format!("'{expression}': {UNTYPED}"))),
            Err(missing) => Ok(Err(missing)),
        }
    }

    /// What `expression` stands for.
    ///
    /// # Errors
    /// As [`Globals::print`].
    pub fn evaluate(&self, expression: &str) -> Result<std::result::Result<Value<'g>, Missing>> {
        let wrong = |why: &str| Error::Usage(format!("'{expression}': {why}"));
        let expr = parse(expression).map_err(|why| wrong(&why))?;
        if self.modules.iter().next().is_none() && self.nearer.is_empty() {
            // A search that found none says which files it looked at, and why it took none.
            let note = |note: &&Note| note.code.as_deref() == Some("no-elf");
            let searched = self.dump.notes.iter().find(note);
            let why = searched.map_or("--elf names it".into(), |note| note.words.clone());
            return Err(wrong(&format!("variables need the firmware's ELF file: {why}")));
        }
        match self.value(&expr) {
            Ok(value) => Ok(Ok(value)),
            Err(Trouble::Missing(missing)) => Ok(Err(missing)),
            Err(Trouble::Wrong(why)) => Err(wrong(&why)),
        }
    }

    fn printer(&self) -> Printer<'g, 'a> {
        Printer::new(self.dump, self.modules)
    }

    fn value(&self, expr: &Expr) -> Outcome<Value<'g>> {
        match expr {
            Expr::Name(name) => self.variable(name),
            Expr::Number(number) => {
                let kind = Kind::Pointer(None, 1);
                Ok(Value { kind, store: self.store_of(*number), bits: None })
            }
            Expr::Dereference(of) => self.behind(self.value(of)?),
            Expr::AddressOf(of) => {
                let value = self.value(of)?;
                let (Store::Memory(addr), None) = (&value.store, value.bits) else {
                    return Err("it has no address".into());
                };
                let kind = match value.kind {
                    Kind::Of(kind) | Kind::Row(kind, _) => Kind::Pointer(Some(kind), 1),
                    Kind::Pointer(kind, stars) => Kind::Pointer(kind, stars + 1),
                    Kind::Plain(..) | Kind::Untyped => Kind::Pointer(None, 1),
                };
                Ok(Value { kind, store: self.store_of(*addr), bits: None })
            }
            Expr::Member(of, name) => self.member(self.value(of)?, name),
            Expr::Index(of, index) => self.element(self.value(of)?, *index),
            Expr::Cast(name, of) => self.cast(name, self.value(of)?),
        }
    }

    /// An address as the bytes of a pointer.
    fn store_of(&self, addr: u64) -> Store {
        self.bytes_of(addr.into(), self.word_len())
    }

    /// A number as the device would hold it.
    fn bytes_of(&self, number: i128, len: usize) -> Store {
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.truncate(len);
        if self.dump.arch.endian == Endian::Big {
            bytes.reverse();
        }
        bytes.into()
    }

    fn word_len(&self) -> usize {
        (self.dump.arch.word_bits / 8).clamp(1, 8) as usize
    }

    fn number(&self, store: &Store, len: usize, signed: bool) -> Outcome<i128> {
        Ok(self.printer().number(store, len, signed)?)
    }

    fn pointer(&self, store: &Store) -> Outcome<u64> {
        Ok(self.printer().pointed(store)?)
    }

    fn behind(&self, value: Value<'g>) -> Outcome<Value<'g>> {
        let kind = match value.kind {
            Kind::Of(kind) if kind.is_pointer() => {
                Kind::Of(kind.target().ok_or("it points to nothing that has a type")?)
            }
            Kind::Pointer(Some(kind), 1) => Kind::Of(kind),
            Kind::Pointer(kind, stars) if stars > 1 => Kind::Pointer(kind, stars - 1),
            Kind::Pointer(..) => {
                return Err("it points to nothing that has a type: cast it, as in *(int *)x".into());
            }
            _ => return Err("only a pointer can be followed".into()),
        };
        let addr = self.pointer(&value.store)?;
        Ok(Value { kind, store: Store::Memory(addr), bits: None })
    }

    fn element(&self, value: Value<'g>, index: i64) -> Outcome<Value<'g>> {
        let (kind, passed) = match value.kind {
            Kind::Of(kind) if kind.tag() == dw::DW_TAG_array_type => (kind, 0),
            Kind::Row(kind, passed) => (kind, passed),
            _ => {
                let first = self.behind(value)?;
                let size = match &first.kind {
                    Kind::Of(kind) => kind.size().ok_or(Missing::Damaged)?,
                    _ => self.word_len() as u64,
                };
                let Store::Memory(addr) = first.store else { return Err(Missing::Damaged.into()) };
                let distance = (size as i64).checked_mul(index).ok_or(Missing::Damaged)?;
                let store = Store::Memory(addr.wrapping_add_signed(distance));
                return Ok(Value { store, ..first });
            }
        };
        let counts = kind.dimensions();
        let rest = counts.get(passed + 1..).unwrap_or_default();
        let index = u64::try_from(index).map_err(|_| "an index of an array counts from 0")?;
        if let Some(Some(count)) = counts.get(passed)
            && index >= *count
        {
            return Err(Trouble::Wrong(format!("there are only {count} elements")));
        }
        let element = kind.target().ok_or(Missing::Damaged)?;
        let size = rest.iter().try_fold(element.size().ok_or(Missing::Damaged)?, |size, count| {
            size.checked_mul((*count)?)
        });
        let offset = size.and_then(|size| size.checked_mul(index));
        let part = offset.and_then(|offset| value.store.part(offset));
        let store = part.ok_or(Missing::OptimizedOut)?;
        let kind = if rest.is_empty() { Kind::Of(element) } else { Kind::Row(kind, passed + 1) };
        Ok(Value { kind, store, bits: None })
    }

    fn member(&self, value: Value<'g>, name: &str) -> Outcome<Value<'g>> {
        let is_structure = |kind: &Kind<'g>| matches!(kind, Kind::Of(k) if k.is_structure());
        let value = if is_structure(&value.kind) { value } else { self.behind(value)? };
        let Kind::Of(kind) = value.kind else { return Err("it has no members".into()) };
        // Rust writes `pair.0`.
        let numbered = name.bytes().all(|b| b.is_ascii_digit());
        let name = if numbered { format!("__{name}") } else { name.to_string() };
        let mut names = Vec::new();
        match self.find_member(&kind, &value.store, &name, 0, &mut names) {
            Some(found) => {
                Ok(Value { kind: Kind::Of(found.kind), store: found.store?, bits: found.bits })
            }
            None => Err(Trouble::Wrong(format!(
                "there is no member '{name}', only {}",
                names.join(", ")
            ))),
        }
    }

    /// A member by name, also of base classes, anonymous members and the variant of an enum.
    fn find_member(
        &self,
        kind: &Type<'g>,
        store: &Store,
        name: &str,
        depth: usize,
        names: &mut Vec<String>,
    ) -> Option<Member<'g>> {
        if names.len() > MOST_NAMES {
            return None;
        }
        let printer = self.printer();
        if let Some(Ok(variant)) = printer.variant(kind, store) {
            if variant.name == name {
                let (kind, store) = (variant.kind, variant.store);
                return Some(Member { part: Part::Field, name: None, kind, store, bits: None });
            }
            names.push(variant.name.clone());
            let inner = variant.store.as_ref().ok().filter(|_| depth < DEEPEST)?;
            return self.find_member(&variant.kind, inner, name, depth + 1, names);
        }
        for member in printer.members(kind, store) {
            let is_transparent = member.part == Part::Base || member.name.is_none();
            if is_transparent {
                // They count as well: there may be nothing but them.
                names.extend(member.name.is_none().then(|| "(anonymous)".to_string()));
            }
            if !is_transparent {
                if member.name.as_deref() == Some(name) {
                    return Some(member);
                }
                names.extend(member.name);
                continue;
            }
            if let Ok(inner) = &member.store
                && depth < DEEPEST
                && let Some(found) = self.find_member(&member.kind, inner, name, depth + 1, names)
            {
                return Some(found);
            }
        }
        None
    }

    fn cast(&self, name: &TypeName, value: Value<'g>) -> Outcome<Value<'g>> {
        let wanted = name.name.as_str();
        let to = if wanted == "void" { None } else { self.find_type(wanted) };
        let unknown = || Trouble::Wrong(format!("no ELF file describes a type '{wanted}'"));
        if name.stars > 0 {
            if to.is_none() && wanted != "void" {
                return Err(unknown());
            }
            let is_array = matches!(&value.kind, Kind::Row(..))
                || matches!(&value.kind, Kind::Of(k) if k.tag() == dw::DW_TAG_array_type);
            let store = match (&value.store, is_array) {
                (Store::Memory(addr), true) => self.store_of(*addr),
                _ => self.store_of(self.scalar(&value)? as u64),
            };
            return Ok(Value { kind: Kind::Pointer(to, name.stars), store, bits: None });
        }
        let Some(to) = to else {
            let (len, signed) = self.plain_type(wanted).ok_or_else(unknown)?;
            let store = match value.kind {
                Kind::Untyped => value.store,
                _ => self.bytes_of(self.scalar(&value)?, len),
            };
            return Ok(Value { kind: Kind::Plain(len, signed), store, bits: None });
        };
        if let Kind::Untyped = value.kind {
            return Ok(Value { kind: Kind::Of(to), ..value });
        }
        if to.is_structure() || to.encoding() == Some(dw::DW_ATE_float) {
            return Err("only numbers and pointers can be cast: try *(type *)&x".into());
        }
        let len = to.size().filter(|len| *len <= 16).ok_or(Missing::Damaged)? as usize;
        let store = self.bytes_of(self.scalar(&value)?, len);
        Ok(Value { kind: Kind::Of(to), store, bits: None })
    }

    /// Bytes and sign of a number's type by its name in C or Rust.
    fn plain_type(&self, name: &str) -> Option<(usize, bool)> {
        let words = plain_words(name);
        let signed = !words.contains(&"unsigned");
        let rest: Vec<&str> =
            words.into_iter().filter(|word| !matches!(*word, "unsigned" | "signed")).collect();
        Some(match rest.as_slice() {
            ["char"] => (1, signed),
            ["short"] => (2, signed),
            [] | ["int"] => (4, signed),
            ["long"] => (self.word_len(), signed),
            ["long", "long"] => (8, signed),
            ["bool" | "u8" | "uint8_t"] => (1, false),
            ["u16" | "uint16_t"] => (2, false),
            ["u32" | "uint32_t"] => (4, false),
            ["u64" | "uint64_t"] => (8, false),
            ["i8" | "int8_t"] => (1, true),
            ["i16" | "int16_t"] => (2, true),
            ["i32" | "int32_t"] => (4, true),
            ["i64" | "int64_t"] => (8, true),
            ["usize" | "size_t" | "uintptr_t"] => (self.word_len(), false),
            ["isize" | "ssize_t" | "intptr_t"] => (self.word_len(), true),
            _ => return None,
        })
    }

    /// A number or pointer.
    fn scalar(&self, value: &Value<'g>) -> Outcome<i128> {
        let (len, signed) = match &value.kind {
            Kind::Of(kind)
                if value.bits.is_none()
                    && !kind.is_structure()
                    && kind.tag() != dw::DW_TAG_array_type
                    && kind.encoding() != Some(dw::DW_ATE_float) =>
            {
                let len = kind.size().filter(|len| *len <= 16).ok_or(Missing::Damaged)?;
                (len as usize, kind.is_signed())
            }
            Kind::Plain(len, signed) => (*len, *signed),
            Kind::Pointer(..) | Kind::Untyped => (self.word_len(), false),
            _ => return Err("only numbers and pointers can be cast".into()),
        };
        self.number(&value.store, len, signed)
    }

    fn variable(&self, name: &str) -> Outcome<Value<'g>> {
        if let Some((_, value)) = self.nearer.iter().find(|(own, _)| own == name) {
            return Ok(value.clone()?);
        }
        let mut found: Vec<Candidate<'g, 'a>> = Vec::new();
        for module in self.modules.iter() {
            for unit in module.units().iter() {
                collect(module, unit, name, &mut found);
            }
        }
        // A variable may be described by each unit that it was compiled into.
        found.dedup_by(|a, b| {
            a.entry.attr_value(dw::DW_AT_location) == b.entry.attr_value(dw::DW_AT_location)
        });
        if let [_, _, ..] = found.as_slice() {
            let places: Vec<&str> = found.iter().take(4).map(|one| one.path.as_str()).collect();
            return Err(Trouble::Wrong(format!(
                "there are {} variables of this name, say which: {}",
                found.len(),
                places.join(", ")
            )));
        }
        let Some(Candidate { unit, entry, module, .. }) = found.into_iter().next() else {
            return self.symbol(name);
        };
        Ok(self.placed(module, unit, &entry)?)
    }

    /// The variable that `entry` describes.
    pub(super) fn placed(
        &self,
        module: &Module<'a>,
        unit: Unit<'g>,
        entry: &Entry,
    ) -> std::result::Result<Value<'g>, Missing> {
        let slide = module.elf().slide;
        let kind = Type::of(unit, entry).ok_or(Missing::Damaged)?;
        let registers = Registers::unknown(self.dump.arch.clone());
        let env = Env {
            memory: &self.dump.memory,
            registers: &registers,
            cfa: None,
            frame_base: None,
            unit: Some(unit.plain()),
            slide,
            at_entry: None,
        };
        let store = locate(unit, entry, &env, 0, kind.size().unwrap_or(0))?;
        if let Store::Memory(addr) = store {
            let linked = unit.described(entry, |unit, entry| {
                unit.string(entry, dw::DW_AT_linkage_name)
                    .or_else(|| unit.string(entry, dw::DW_AT_name))
            });
            let on_device = module.symbols().is_on_device(&linked.unwrap_or_default(), addr);
            if !on_device && kind.size() != Some(0) {
                return Err(Missing::NotOnDevice);
            }
        }
        Ok(Value { kind: Kind::Of(kind), store, bits: None })
    }

    /// A name that only the symbol table knows.
    fn symbol(&self, name: &str) -> Outcome<Value<'g>> {
        let symbol = self.modules.iter().find_map(|module| module.elf().symbol(name));
        let none = || Trouble::Wrong(format!("no ELF file describes a variable '{name}'"));
        let symbol = symbol.ok_or_else(none)?;
        Ok(Value { kind: Kind::Untyped, store: Store::Memory(symbol.addr), bits: None })
    }

    fn find_type(&self, name: &str) -> Option<Type<'g>> {
        let wanted = plain_words(name);
        let units = self.modules.iter().flat_map(|module| module.units().iter());
        for unit in units {
            const TAGS: [gimli::DwTag; 6] = [
                dw::DW_TAG_base_type,
                dw::DW_TAG_structure_type,
                dw::DW_TAG_class_type,
                dw::DW_TAG_union_type,
                dw::DW_TAG_enumeration_type,
                dw::DW_TAG_typedef,
            ];
            let found = each(unit, &TAGS, |entry| {
                let own = unit.string(entry, dw::DW_AT_name)?;
                let (last, _) = last_and_path(name);
                let same = own == last || plain_words(&own) == wanted;
                (same && !entry.has_attr(dw::DW_AT_declaration))
                    .then(|| Type::new(unit, entry.clone()))?
                    .filter(|_| is_in(unit, entry.offset(), name))
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// A variable of the name that was asked for.
struct Candidate<'t, 'a> {
    module: &'t Module<'a>,
    unit: Unit<'t>,
    entry: Entry,
    path: String,
}

/// `unsigned long int` and `long unsigned` are one type.
fn plain_words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split_whitespace().collect();
    if words.len() > 1 {
        words.retain(|word| *word != "int");
    }
    words.sort_unstable();
    words
}

fn last_and_path(name: &str) -> (&str, &str) {
    name.rsplit_once("::").map_or((name, ""), |(path, last)| (last, path))
}

/// Whether the entry at `offset` is declared in the scopes (or the file) before its name.
fn is_in(unit: Unit<'_>, offset: Offset, name: &str) -> bool {
    let (_, path) = last_and_path(name);
    path.is_empty() || full_path(unit, offset).ends_with(&format!("::{path}"))
}

/// `::main.c::app::inner` for what is declared in `inner`.
pub(super) fn full_path(unit: Unit<'_>, offset: Offset) -> String {
    let file = unit.file().unwrap_or_default();
    let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut path = format!("::{file}");
    for scope in unit.scopes_of(offset) {
        path.push_str("::");
        path.push_str(scope);
    }
    path
}

/// Calls `take` with each entry of `unit` that has one of `tags`, until it returns something.
pub(super) fn each<T>(
    unit: Unit<'_>,
    tags: &[gimli::DwTag],
    mut take: impl FnMut(&Entry) -> Option<T>,
) -> Option<T> {
    let mut entries = unit.entries_raw(None).ok()?;
    while !entries.is_empty() {
        let offset = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation().ok()? else { continue };
        entries.skip_attributes(abbreviation.attributes()).ok()?;
        if tags.contains(&abbreviation.tag())
            && let Some(found) = unit.entry(offset).ok().and_then(|entry| take(&entry))
        {
            return Some(found);
        }
    }
    None
}

/// The variables called `name` in a unit, with their paths: those with a place, not mere
/// declarations.
fn collect<'t, 'a>(
    module: &'t Module<'a>,
    unit: Unit<'t>,
    name: &str,
    found: &mut Vec<Candidate<'t, 'a>>,
) {
    let (last, _) = last_and_path(name);
    each(unit, &[dw::DW_TAG_variable], |entry| {
        // Locals have a place that depends on the frame; a variable's is one address.
        if !entry.attr_value(dw::DW_AT_location).is_some_and(is_address) {
            return None;
        }
        let declared = unit.described(entry, |unit, entry| {
            Some((unit, entry.offset(), unit.string(entry, dw::DW_AT_name)?))
        });
        if let Some((of, offset, own)) = declared
            && own == last
            && is_in(of, offset, name)
        {
            let path = format!("{}::{own}", full_path(of, offset));
            let path = path.trim_start_matches("::").to_string();
            found.push(Candidate { module, unit, entry: entry.clone(), path });
        }
        None::<()>
    });
}

/// Whether a location is a fixed address: its expression starts with `DW_OP_addr` or `DW_OP_addrx`.
pub(super) fn is_address(location: gimli::AttributeValue<Slice>) -> bool {
    match location {
        gimli::AttributeValue::Exprloc(e) => matches!(e.0.bytes().first(), Some(0x03 | 0xa1)),
        _ => false,
    }
}

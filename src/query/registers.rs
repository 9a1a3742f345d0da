//! The registers of a frame, in groups, with what they say.

use super::look::Look;
use super::tree::{At, Branch, Entry};
use crate::arch;
use crate::debug_info::Missing;
use crate::registers::Registers;
use crate::targets::Register;
use crate::values::Value;

impl<'q> Look<'q, '_> {
    fn frame_registers(&self, at: At) -> Option<Registers> {
        let trace = self.trace(at.thread)?;
        let frame = trace.lines.get(at.line)?.frame;
        trace.frames.get(frame).map(|frame| frame.registers.clone())
    }

    /// The registers of a frame as names of expressions: `$pc`.
    pub fn register_values(&self, at: At) -> Vec<(String, Result<Value<'q>, Missing>)> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let arch = registers.arch();
        let value = |(index, register): (usize, &Register)| {
            let value = match registers.get(index) {
                Some(value) => Ok(Value::of_register(value, register.byte_len(), arch)),
                None => Err(Missing::Register(register.name.clone())),
            };
            (format!("${}", register.name), value)
        };
        let mut all: Vec<_> = arch.registers.iter().enumerate().map(value).collect();
        for (alias, index) in [("$pc", Some(arch.pc)), ("$sp", Some(arch.sp)), ("$lr", arch.lr)] {
            let same = index.and_then(|index| all.get(index)).map(|(_, value)| value.clone());
            if let Some(same) = same.filter(|_| all.iter().all(|(name, _)| name != alias)) {
                all.push((alias.to_string(), same));
            }
        }
        all
    }

    /// The general registers themselves, the others in their groups.
    pub(super) fn registers(&self, at: At) -> Vec<Entry> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let mut shown = self.registers_of(&registers, 0);
        let arch = registers.arch();
        for (number, feature) in arch.features.iter().enumerate().skip(1) {
            let name = feature.name.as_str();
            if arch.registers.iter().any(|register| register.feature == number) {
                shown.push(Entry::plain(name, "").with(Branch::Group(at, name.to_string())));
            }
        }
        shown
    }

    pub(super) fn group(&self, at: At, group: &str) -> Vec<Entry> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let features = &registers.arch().features;
        let number = features.iter().position(|feature| feature.name == group);
        number.map(|number| self.registers_of(&registers, number)).unwrap_or_default()
    }

    fn registers_of(&self, registers: &Registers, feature: usize) -> Vec<Entry> {
        let arch = registers.arch();
        let words = arch::status_words(registers);
        let all = arch.registers.iter().enumerate();
        let of_feature = all.filter(|(_, register)| register.feature == feature);
        let entry = |(index, register): (usize, &Register)| {
            let expression = Some(format!("${}", register.name));
            let Some(value) = registers.get(index) else {
                let text = match registers.why_missing() {
                    Some(why) => format!("<unknown: {why}>"),
                    None => "<unknown in this frame>".to_string(),
                };
                let entry = Entry::plain(&register.name, text);
                return Entry { expression, is_missing: true, ..entry };
            };
            let digits = register.byte_len().saturating_mul(2).saturating_add(2);
            let mut text = format!("{value:#0digits$x}");
            let told = words.iter().find(|word| word.name == register.name);
            if let Some(told) = told.filter(|told| !told.words.is_empty()) {
                text.push_str(&format!(" {}", told.words));
            } else if let Some(name) = self.symbol_at(value) {
                text.push_str(&format!(" <{name}>"));
            }
            let is_held = |addr: &u64| *addr != 0 && self.dump.memory.region_at(*addr).is_some();
            let address = u64::try_from(value).ok().filter(is_held);
            Entry { expression, address, ..Entry::plain(&register.name, text) }
        };
        of_feature.map(entry).collect()
    }

    /// The function or variable that `value` is the address of, or points into.
    pub fn symbol_at(&self, value: u128) -> Option<String> {
        let addr = u64::try_from(value).ok().filter(|addr| *addr != 0)?;
        let code = addr & !u64::from(self.dump.arch.family.is_arm32());
        let symbol = self.modules.at(code).and_then(|module| module.symbols().at(code));
        let data = || self.modules.iter().find_map(|module| module.symbols().data_at(addr));
        let symbol = symbol.filter(|symbol| symbol.covers).or_else(data)?;
        Some(match symbol.offset {
            0 => symbol.name,
            offset => format!("{}+{offset}", symbol.name),
        })
    }
}

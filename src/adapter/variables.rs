//! `variables`: one branch of a tree at a time.

use super::session::Request;
use super::view::{Answer, At, View, arguments};
use crate::arch;
use crate::debug_info::Missing;
use crate::registers::Registers;
use crate::values::{self, Globals, InScope, Printer, Role, Scopes, Value};
use serde::Deserialize;
use serde_json::json;

/// As many variables are sent at once to a client that names no number.
const MOST: usize = 10_000;

/// A branch that a client may open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Branch {
    Arguments(At),
    Locals(At),
    Registers(At),
    /// The registers of a group, by its name.
    Group(At, String),
    /// The variables of a source file.
    File(String),
    /// All source files.
    Files,
    /// What is known of the crash.
    Crash,
    /// What a part of the crash's branch has below it.
    Below(Vec<(String, String)>),
    /// A part of a value: where the value comes from, and the numbers of the parts on the way.
    Part(Origin, Vec<u64>),
}

/// Where a value comes from. It is found anew each time: nothing of a dump changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// The variable of a line with this number.
    Variable(At, usize),
    /// The variable of a source file with this number.
    Static(String, usize),
    /// An expression, in a frame or outside of all.
    Expression(Option<At>, String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    variables_reference: i64,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    start: Option<u64>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    format: Option<Format>,
}

/// How the client wants to see numbers.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Format {
    #[serde(default)]
    pub(super) hex: bool,
}

impl Format {
    pub(super) fn is_hex(format: Option<Format>) -> bool {
        format.is_some_and(|format| format.hex)
    }
}

/// A name and a text, without anything below.
fn plain(name: &str, value: &str) -> serde_json::Value {
    json!({
        "name": crate::display::line(name),
        "value": crate::display::line(value),
        "variablesReference": 0,
    })
}

impl<'v> View<'v> {
    pub(super) fn variables(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let number = wanted.variables_reference;
        let branch = self.branches.thing(number).cloned();
        let branch = branch.ok_or_else(|| format!("there is no branch {number}"))?;
        let hex = Format::is_hex(wanted.format);
        let start = wanted.start.unwrap_or(0);
        let count = wanted
            .count
            .filter(|count| *count > 0)
            .map_or(MOST, |count| usize::try_from(count).unwrap_or(MOST).min(MOST));
        if let Branch::Part(origin, path) = branch {
            let all =
                self.part_variables(&origin, &path, wanted.filter.as_deref(), start, count, hex);
            return Ok(json!({ "variables": all }));
        }
        let all = self.listed(&branch, hex);
        let skip = usize::try_from(start).unwrap_or(usize::MAX);
        let all: Vec<_> = all.into_iter().skip(skip).take(count).collect();
        Ok(json!({ "variables": all }))
    }

    fn listed(&mut self, branch: &Branch, hex: bool) -> Vec<serde_json::Value> {
        match branch {
            Branch::Arguments(at) => self.of_line(*at, Role::Argument, hex),
            Branch::Locals(at) => self.of_line(*at, Role::Local, hex),
            Branch::Registers(at) => self.registers(*at),
            Branch::Group(at, group) => self.group(*at, group),
            Branch::File(file) => self.of_file(file, hex),
            Branch::Files => self.files(),
            Branch::Crash => self.crash(),
            Branch::Below(pairs) => pairs.iter().map(|(name, value)| plain(name, value)).collect(),
            Branch::Part(..) => Vec::new(),
        }
    }

    /// The variables of a line.
    pub(super) fn in_scope(&self, at: At) -> Vec<InScope<'v>> {
        let Some(trace) = self.look.trace(at.thread) else { return Vec::new() };
        let Some(line) = trace.lines.get(at.line) else { return Vec::new() };
        let scopes = Scopes { dump: self.look.dump, modules: self.look.modules };
        scopes.values(&trace.frames, line.frame, &line.places, line.place)
    }

    fn of_line(&mut self, at: At, role: Role, hex: bool) -> Vec<serde_json::Value> {
        let mut shown = Vec::new();
        for (index, variable) in self.in_scope(at).into_iter().enumerate() {
            if variable.role != role {
                continue;
            }
            let origin = Origin::Variable(at, index);
            let name = variable.name.clone();
            let mut one = self.value(&name, &variable.value, Some(&name), origin, Vec::new(), hex);
            if variable.at_entry {
                one["name"] = format!("{name}@entry").into();
            }
            shown.push(one);
        }
        shown
    }

    fn of_file(&mut self, file: &str, hex: bool) -> Vec<serde_json::Value> {
        let globals = Globals::new(self.look.dump, self.look.modules);
        let statics = globals.of_file(file);
        let mut shown = Vec::new();
        for (index, variable) in statics.into_iter().enumerate() {
            let origin = Origin::Static(file.to_string(), index);
            let expression = Some(variable.expression.as_str());
            shown.push(self.value(
                &variable.name,
                &variable.value,
                expression,
                origin,
                Vec::new(),
                hex,
            ));
        }
        shown
    }

    fn files(&mut self) -> Vec<serde_json::Value> {
        let files = Globals::new(self.look.dump, self.look.modules).files();
        let mut shown = Vec::new();
        for file in files {
            let mut one = plain(&file, "");
            one["variablesReference"] = self.branches.number(Branch::File(file)).into();
            shown.push(one);
        }
        shown
    }

    /// A variable as the protocol has it.
    pub(super) fn value(
        &mut self,
        name: &str,
        value: &Result<Value<'v>, Missing>,
        expression: Option<&str>,
        origin: Origin,
        path: Vec<u64>,
        hex: bool,
    ) -> serde_json::Value {
        let printer = Printer::new(self.look.dump, self.look.modules).in_hex(hex);
        let text = value.as_ref().map_err(Clone::clone).and_then(|value| printer.show(value));
        let text = text.unwrap_or_else(|missing| format!("<{missing}>"));
        let mut shown = plain(name, &text);
        if let Some(expression) = expression {
            shown["evaluateName"] = expression.into();
        }
        let Ok(value) = value else { return shown };
        if let Some(kind) = value.type_name() {
            shown["type"] = crate::display::line(&kind).into_owned().into();
        }
        if let Some(addr) = value.address() {
            shown["memoryReference"] = format!("{addr:#x}").into();
        }
        let (named, indexed) = printer.count(value);
        if named > 0 || indexed > 0 {
            let number = self.branches.number(Branch::Part(origin, path));
            shown["variablesReference"] = number.into();
            let (count, of) =
                if named > 0 { ("namedVariables", named) } else { ("indexedVariables", indexed) };
            shown[count] = of.into();
        }
        shown
    }

    /// The value that `origin` names, and the expression for it.
    fn origin_value(&self, origin: &Origin) -> Option<(Value<'v>, Option<String>)> {
        let (value, expression) = match origin {
            Origin::Variable(at, index) => {
                let variable = self.in_scope(*at).into_iter().nth(*index)?;
                (variable.value, variable.name)
            }
            Origin::Static(file, index) => {
                let globals = Globals::new(self.look.dump, self.look.modules);
                let variable = globals.of_file(file).into_iter().nth(*index)?;
                (variable.value, variable.expression)
            }
            Origin::Expression(at, text) => {
                (self.named(*at).evaluate(text).ok()?, format!("({text})"))
            }
        };
        Some((value.ok()?, Some(expression)))
    }

    /// The parts of what lies at the end of `path`.
    fn part_variables(
        &mut self,
        origin: &Origin,
        path: &[u64],
        filter: Option<&str>,
        start: u64,
        count: usize,
        hex: bool,
    ) -> Vec<serde_json::Value> {
        let printer = Printer::new(self.look.dump, self.look.modules).in_hex(hex);
        let Some((mut value, mut expression)) = self.origin_value(origin) else {
            return Vec::new();
        };
        for step in path {
            let part = printer.parts_from(&value, *step, 1).pop();
            let Some(values::Branch { step, value: Ok(inner), .. }) = part else {
                return Vec::new();
            };
            expression = longer(expression.as_deref(), step.as_deref());
            value = inner;
        }
        let (named, indexed) = printer.count(&value);
        match filter {
            Some("named") if named == 0 => return Vec::new(),
            Some("indexed") if indexed == 0 => return Vec::new(),
            _ => {}
        }
        let parts = printer.parts_from(&value, start, count);
        let mut shown = Vec::new();
        for (index, part) in (start..).zip(parts) {
            let values::Branch { name, step, value } = part;
            let expression = longer(expression.as_deref(), step.as_deref());
            let path = path.iter().copied().chain([index]).collect();
            let expression = expression.as_deref();
            shown.push(self.value(&name, &value, expression, origin.clone(), path, hex));
        }
        shown
    }

    fn frame_registers(&self, at: At) -> Option<Registers> {
        let trace = self.look.trace(at.thread)?;
        let frame = trace.lines.get(at.line)?.frame;
        trace.frames.get(frame).map(|frame| frame.registers.clone())
    }

    /// The registers of a frame as names of expressions: `$pc`.
    pub(super) fn register_values(&self, at: At) -> Vec<(String, Result<Value<'v>, Missing>)> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let arch = registers.arch();
        let value = |(index, register): (usize, &crate::targets::Register)| {
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
    fn registers(&mut self, at: At) -> Vec<serde_json::Value> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let arch = registers.arch();
        let mut shown = self.registers_of(&registers, 0);
        for (number, feature) in arch.features.iter().enumerate().skip(1) {
            let has = arch.registers.iter().any(|register| register.feature == number);
            if has {
                let mut group = plain(&feature.name, "");
                let branch = Branch::Group(at, feature.name.clone());
                group["variablesReference"] = self.branches.number(branch).into();
                shown.push(group);
            }
        }
        shown
    }

    fn group(&mut self, at: At, group: &str) -> Vec<serde_json::Value> {
        let Some(registers) = self.frame_registers(at) else { return Vec::new() };
        let features = &registers.arch().features;
        let number = features.iter().position(|feature| feature.name == group);
        number.map(|number| self.registers_of(&registers, number)).unwrap_or_default()
    }

    fn registers_of(&self, registers: &Registers, feature: usize) -> Vec<serde_json::Value> {
        let arch = registers.arch();
        let words = arch::status_words(registers);
        let mut shown = Vec::new();
        for (index, register) in arch.registers.iter().enumerate() {
            if register.feature != feature {
                continue;
            }
            let text = match registers.get(index) {
                Some(value) => {
                    let digits = register.byte_len().saturating_mul(2).saturating_add(2);
                    let mut text = format!("{value:#0digits$x}");
                    let told = words.iter().find(|word| word.name == register.name);
                    if let Some(told) = told.filter(|told| !told.words.is_empty()) {
                        text.push_str(&format!(" {}", told.words));
                    } else if let Some(name) = self.symbol_at(value) {
                        text.push_str(&format!(" <{name}>"));
                    }
                    text
                }
                None => match registers.why_missing() {
                    Some(why) => format!("<unknown: {why}>"),
                    None => "<unknown in this frame>".to_string(),
                },
            };
            let mut one = plain(&register.name, &text);
            one["evaluateName"] = format!("${}", register.name).into();
            let addr = registers.get(index).and_then(|value| u64::try_from(value).ok());
            let is_held =
                |addr: &u64| *addr != 0 && self.look.dump.memory.region_at(*addr).is_some();
            if let Some(addr) = addr.filter(is_held) {
                one["memoryReference"] = format!("{addr:#x}").into();
            }
            shown.push(one);
        }
        shown
    }

    /// The function or variable that `value` is the address of, or points into.
    fn symbol_at(&self, value: u128) -> Option<String> {
        let addr = u64::try_from(value).ok().filter(|addr| *addr != 0)?;
        let code = addr & !u64::from(self.look.dump.arch.family.is_arm32());
        let symbol = self.look.modules.at(code).and_then(|module| module.symbols().at(code));
        let data = || self.look.modules.iter().find_map(|module| module.symbols().data_at(addr));
        let symbol = symbol.filter(|symbol| symbol.covers).or_else(data)?;
        Some(match symbol.offset {
            0 => symbol.name,
            offset => format!("{}+{offset}", symbol.name),
        })
    }
}

/// The expression for a part of what `whole` is the expression for.
fn longer(whole: Option<&str>, step: Option<&str>) -> Option<String> {
    match step? {
        "*" => Some(format!("*({})", whole?)),
        step => Some(format!("{}{step}", grouped(whole?))),
    }
}

/// `*(p)` needs brackets before `.x`.
fn grouped(expression: &str) -> String {
    match expression.starts_with('*') {
        true => format!("({expression})"),
        false => expression.to_string(),
    }
}

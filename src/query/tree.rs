//! What a client may open, one branch at a time: variables, registers, globals, what is known of the crash.
//!
//! A branch is plain data that means the same tomorrow: nothing of a dump changes, so what lies at its end is
//! found anew each time, and nothing has to be kept for a client that never comes back.

use super::look::Look;
use crate::debug_info::Missing;
use crate::values::{self, Globals, InScope, Printer, Role, Scopes, Value};
use serde::{Deserialize, Serialize};

/// A line of a backtrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct At {
    /// Index of the thread.
    pub thread: usize,
    /// Index of the line.
    pub line: usize,
}

/// A branch that a client may open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Branch {
    /// What the function of a line was called with.
    Arguments(At),
    /// What it declared.
    Locals(At),
    /// The registers of a line's frame.
    Registers(At),
    /// Those of a group, by its name.
    Group(At, String),
    /// The variables of a source file.
    File(String),
    /// All source files.
    Files,
    /// What is known of the crash.
    Crash,
    /// A part of that, by its name.
    CrashPart(String),
    /// A part of a value: where the value comes from, and the numbers of the parts on the way.
    Part(Origin, Vec<u64>),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// The variable of a line with this number.
    Variable(At, usize),
    /// The variable of a source file with this number.
    Static(String, usize),
    /// An expression, in a frame or outside of all.
    Expression(Option<At>, String),
}

/// Something with a name on a branch. Texts are as the dump has them: who shows them makes them harmless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is, on one line; of what is not to be had the reason, in angle brackets.
    pub text: String,
    /// It is not to be had.
    pub is_missing: bool,
    /// Its type in the words of its language.
    pub kind: Option<String>,
    /// The expression for it.
    pub expression: Option<String>,
    /// Where it lies, or where it points to.
    pub address: Option<u64>,
    /// What there is below it.
    pub below: Option<Branch>,
    /// How many parts with names that has, where that is known.
    pub named: u64,
    /// How many elements with numbers.
    pub indexed: u64,
}

impl Entry {
    /// A name and a text.
    pub fn plain(name: impl Into<String>, text: impl Into<String>) -> Entry {
        Entry { name: name.into(), text: text.into(), ..Entry::default() }
    }

    pub(super) fn with(self, below: Branch) -> Entry {
        Entry { below: Some(below), ..self }
    }
}

/// A branch of a line that an editor shows with it.
pub struct Scope {
    /// What people call it.
    pub name: String,
    /// What it has.
    pub branch: Branch,
    /// It is large: to be opened when somebody asks for it.
    pub is_large: bool,
}

/// Which entries of a branch are wanted, and how.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The first.
    pub start: u64,
    /// How many at most.
    pub count: usize,
    /// Whole numbers in hexadecimal.
    pub hex: bool,
}

/// As many entries are shown at once.
pub const MOST_ENTRIES: usize = 10_000;

impl Default for Page {
    fn default() -> Self {
        Page { start: 0, count: MOST_ENTRIES, hex: false }
    }
}

impl<'q> Look<'q, '_> {
    /// What a line of a backtrace has to show.
    pub fn scopes(&self, at: At) -> Vec<Scope> {
        let scope = |name: &str, branch| Scope { name: name.into(), branch, is_large: false };
        let mut scopes = vec![
            scope("Arguments", Branch::Arguments(at)),
            scope("Locals", Branch::Locals(at)),
            scope("Registers", Branch::Registers(at)),
        ];
        let file = self.trace(at.thread).and_then(|trace| {
            let line = trace.lines.get(at.line)?;
            let frame = trace.frames.get(line.frame)?;
            self.modules.unit_file(frame.lookup_pc())
        });
        if let Some(file) = file {
            let short = file.rsplit(['/', '\\']).next().unwrap_or(&file);
            scopes.push(scope(&format!("Globals of {short}"), Branch::File(file.clone())));
        }
        if self.modules.iter().next().is_some() {
            scopes.push(Scope { is_large: true, ..scope("All globals", Branch::Files) });
        }
        scopes.push(scope("Crash", Branch::Crash));
        scopes
    }

    /// What is on a branch.
    pub fn entries(&self, branch: &Branch, page: Page) -> Vec<Entry> {
        let all = match branch {
            Branch::Part(origin, path) => return self.parts(origin, path, page),
            Branch::Arguments(at) => self.of_line(*at, Role::Argument, page),
            Branch::Locals(at) => self.of_line(*at, Role::Local, page),
            Branch::Registers(at) => self.registers(*at),
            Branch::Group(at, group) => self.group(*at, group),
            Branch::File(file) => self.of_file(file, page),
            Branch::Files => self.files(),
            Branch::Crash => self.crash(),
            Branch::CrashPart(part) => self.crash_part(part),
        };
        let skip = usize::try_from(page.start).unwrap_or(usize::MAX);
        all.into_iter().skip(skip).take(page.count).collect()
    }

    /// The variables of a line.
    pub fn in_scope(&self, at: At) -> Vec<InScope<'q>> {
        let Some(trace) = self.trace(at.thread) else { return Vec::new() };
        let Some(line) = trace.lines.get(at.line) else { return Vec::new() };
        let scopes = Scopes { dump: self.dump, modules: self.modules };
        scopes.values(&trace.frames, line.frame, &line.places, line.place)
    }

    /// What `text` stands for: global variables, below those of the line and its registers.
    ///
    /// # Errors
    /// Why it makes no sense, in words.
    pub fn evaluate(&self, text: &str, at: Option<At>, hex: bool) -> Result<Entry, String> {
        let value = self.named(at).evaluate(text).map_err(|error| error.to_string())?;
        let origin = Origin::Expression(at, text.to_string());
        let page = Page { hex, ..Page::default() };
        Ok(self.entry(text, &value, Some(text.to_string()), Branch::Part(origin, Vec::new()), page))
    }

    fn named(&self, at: Option<At>) -> Globals<'q, '_> {
        let globals = Globals::new(self.dump, self.modules);
        let Some(at) = at else { return globals };
        let variables = self.in_scope(at).into_iter().map(|one| (one.name, one.value));
        globals.below(variables.chain(self.register_values(at)).collect())
    }

    fn of_line(&self, at: At, role: Role, page: Page) -> Vec<Entry> {
        let variables = self.in_scope(at).into_iter().enumerate();
        let of_role = variables.filter(|(_, variable)| variable.role == role);
        let entry = |(index, variable): (usize, InScope<'q>)| {
            let below = Branch::Part(Origin::Variable(at, index), Vec::new());
            let InScope { name, value, at_entry, .. } = variable;
            let shown = if at_entry { format!("{name}@entry") } else { name.clone() };
            self.entry(&shown, &value, Some(name), below, page)
        };
        of_role.map(entry).collect()
    }

    fn of_file(&self, file: &str, page: Page) -> Vec<Entry> {
        let statics = Globals::new(self.dump, self.modules).of_file(file);
        let entry = |(index, variable): (usize, values::Static<'_>)| {
            let below = Branch::Part(Origin::Static(file.to_string(), index), Vec::new());
            self.entry(&variable.name, &variable.value, Some(variable.expression), below, page)
        };
        statics.into_iter().enumerate().map(entry).collect()
    }

    fn files(&self) -> Vec<Entry> {
        let files = Globals::new(self.dump, self.modules).files();
        files.into_iter().map(|file| Entry::plain(&file, "").with(Branch::File(file))).collect()
    }

    /// A value as an entry; `below` is where its parts are, if it has any.
    fn entry(
        &self,
        name: &str,
        value: &Result<Value<'_>, Missing>,
        expression: Option<String>,
        below: Branch,
        page: Page,
    ) -> Entry {
        let printer = Printer::new(self.dump, self.modules).in_hex(page.hex);
        let text = value.as_ref().map_err(Clone::clone).and_then(|value| printer.show(value));
        let is_missing = text.is_err();
        let text = text.unwrap_or_else(|missing| format!("<{missing}>"));
        let mut entry = Entry { expression, is_missing, ..Entry::plain(name, text) };
        if let Ok(value) = value {
            (entry.named, entry.indexed) = printer.count(value);
            entry.below = (entry.named > 0 || entry.indexed > 0).then_some(below);
            entry.kind = value.type_name();
            entry.address = value.address();
        }
        entry
    }

    /// The value that `origin` names, and the expression for it.
    fn origin(&self, origin: &Origin) -> Option<(Value<'_>, Option<String>)> {
        let (value, expression) = match origin {
            Origin::Variable(at, index) => {
                let variable = self.in_scope(*at).into_iter().nth(*index)?;
                (variable.value, variable.name)
            }
            Origin::Static(file, index) => {
                let globals = Globals::new(self.dump, self.modules);
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
    fn parts(&self, origin: &Origin, path: &[u64], page: Page) -> Vec<Entry> {
        let printer = Printer::new(self.dump, self.modules);
        let Some((mut value, mut expression)) = self.origin(origin) else { return Vec::new() };
        for step in path {
            let part = printer.parts_from(&value, *step, 1).pop();
            let Some(values::Branch { step, value: Ok(inner), .. }) = part else {
                return Vec::new();
            };
            expression = longer(expression.as_deref(), step.as_deref());
            value = inner;
        }
        let parts = printer.parts_from(&value, page.start, page.count);
        let entry = |(index, part): (u64, values::Branch<'_>)| {
            let expression = longer(expression.as_deref(), part.step.as_deref());
            let path = path.iter().copied().chain([index]).collect();
            let below = Branch::Part(origin.clone(), path);
            self.entry(&part.name, &part.value, expression, below, page)
        };
        (page.start..).zip(parts).map(entry).collect()
    }
}

/// The expression for a part of what `whole` is the expression for.
fn longer(whole: Option<&str>, step: Option<&str>) -> Option<String> {
    match (whole?, step?) {
        (whole, "*") => Some(format!("*({whole})")),
        (whole, step) if whole.starts_with('*') => Some(format!("({whole}){step}")),
        (whole, step) => Some(format!("{whole}{step}")),
    }
}

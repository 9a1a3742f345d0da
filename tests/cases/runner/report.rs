//! The document of `report --json`, as far as claims ask for it.

use serde_json::Value;
use std::io;

/// A document; its accessors answer with nothing where a field is absent.
pub(crate) struct Report(pub Value);

/// A number as documents and claims write it: `0x2c` or `44`, as text or not.
pub(crate) fn number(value: &Value) -> Option<u128> {
    let Some(text) = value.as_str() else { return value.as_u64().map(u128::from) };
    match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The elements of a list; none where it is absent.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; empty where it is absent.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether `words` are in a text, whatever their case; of a list one is enough.
pub(crate) fn holds(text: &str, words: &Value) -> bool {
    match words {
        Value::Array(options) => options.iter().any(|option| holds(text, option)),
        words => {
            words.as_str().is_some_and(|words| text.to_lowercase().contains(&words.to_lowercase()))
        }
    }
}

impl Report {
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.0.pointer(path).unwrap_or(&Value::Null)
    }

    pub(crate) fn arch(&self) -> &str {
        text(self.at("/identity/arch"))
    }

    pub(crate) fn threads(&self) -> &[Value] {
        list(self.at("/threads"))
    }

    /// The thread that crashed, or the first.
    pub(crate) fn crashed(&self) -> Result<&Value, String> {
        let crashed = self.threads().iter().find(|thread| thread["crashed"] == true);
        crashed.or(self.threads().first()).ok_or_else(|| "no thread at all".to_string())
    }

    /// Headline, reason, and the words of its evidence.
    pub(crate) fn reason(&self) -> String {
        let mut parts = vec![text(self.at("/headline")), text(self.at("/reason/words"))];
        for evidence in list(self.at("/reason/evidence")) {
            parts.extend([text(&evidence["name"]), text(&evidence["words"])]);
        }
        parts.join("\n")
    }

    /// The signal; `none` where none is known.
    pub(crate) fn signal(&self) -> &str {
        self.at("/reason/signal").as_str().unwrap_or("none")
    }

    /// The notes, each as `severity: words`.
    pub(crate) fn notes(&self) -> String {
        let notes = list(self.at("/notes")).iter();
        let notes =
            notes.map(|note| format!("{}: {}", text(&note["severity"]), text(&note["words"])));
        notes.collect::<Vec<_>>().join("\n")
    }

    /// Start, end and origin of each range of memory.
    pub(crate) fn memory(&self) -> Vec<(u128, u128, &str)> {
        let range = |part: &Value| -> Option<(u128, u128)> {
            let start = number(&part["start"])?;
            Some((start, start + number(&part["len"])?))
        };
        let parts = list(self.at("/memory")).iter();
        parts
            .filter_map(|part| range(part).map(|(low, high)| (low, high, text(&part["origin"]))))
            .collect()
    }

    /// The whole document on one line, with texts as they are read.
    pub(crate) fn whole(&self) -> String {
        let mut bytes = Vec::new();
        let mut writer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
        serde::Serialize::serialize(&self.0, &mut writer).expect("a document can be written");
        String::from_utf8_lossy(&bytes).replace("\\\"", "\"").replace("\\\\", "\\")
    }
}

/// Name and value of each register of a thread, from an object or from a list of pairs.
pub(crate) fn registers(thread: &Value) -> Vec<(&str, &Value)> {
    match &thread["registers"] {
        Value::Object(all) => all.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        other => list(other).iter().map(|pair| (text(&pair[0]), &pair[1])).collect(),
    }
}

/// The value of a register by any of its names.
pub(crate) fn register(thread: &Value, name: &str, arch: &str) -> Option<u128> {
    let known = registers(thread);
    let named = |wanted: &str| {
        let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| number(value))
    };
    let name = name.to_lowercase();
    named(&name).or_else(|| aliases(&name, arch).iter().find_map(|other| named(other)))
}

/// The names that sets of registers have for each other's.
const ALIASES: &[(&str, &[&str])] = &[
    ("pc", &["elr", "eip", "rip"]),
    ("sp", &["esp", "rsp", "r13"]),
    ("lr", &["x30", "r14"]),
    ("x30", &["lr"]),
    ("fp", &["s0", "x29", "r11"]),
    ("x29", &["fp"]),
    ("s0", &["fp"]),
    ("r11", &["fp"]),
    ("r12", &["ip"]),
    ("ip", &["r12"]),
    ("xpsr", &["psr", "cpsr"]),
    ("psr", &["xpsr", "cpsr"]),
    ("cpsr", &["xpsr", "pstate"]),
    ("spsr", &["cpsr", "pstate"]),
    ("pstate", &["cpsr"]),
    ("eip", &["pc"]),
    ("rip", &["pc"]),
    ("eflags", &["rflags"]),
    ("rflags", &["eflags"]),
];

fn aliases(name: &str, arch: &str) -> Vec<String> {
    if !arch.starts_with("xtensa") {
        let found = ALIASES.iter().find(|(alias, _)| *alias == name);
        return found.map_or(Vec::new(), |(_, others)| {
            others.iter().map(|other| (*other).to_string()).collect()
        });
    }
    // a1 is one register of a window, ar1 the physical one behind it; dumps hold the window.
    match (name, name.strip_prefix("ar"), name.strip_prefix('a')) {
        ("sp", _, _) => vec!["ar1".to_string(), "a1".to_string()],
        (_, Some(n), _) if n.parse::<u8>().is_ok() => vec![format!("a{n}")],
        (_, _, Some(n)) if n.parse::<u8>().is_ok() => vec![format!("ar{n}")],
        _ => Vec::new(),
    }
}

/// Blanks behind commas and colons: claims quote documents in this form.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

//! Which functions are not the user's own code.
//!
//! The rules are data: those of `app_rules.toml`, which is built in, and a user's own.

use super::Frame;
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::OnceLock;

const BUILT_IN: &str = include_str!("app_rules.toml");

/// What a function is, beside the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Called only because something went wrong already.
    Machinery,
    /// Of a library, kernel or hardware layer.
    Library,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    kind: Kind,
    #[serde(default)]
    functions: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct AppRules {
    /// A user's own, which come beside the built-in ones.
    own: Vec<Rule>,
}

fn built_in() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| parse(BUILT_IN).unwrap_or_default())
}

fn parse(text: &str) -> std::result::Result<Vec<Rule>, toml::de::Error> {
    toml::from_str::<RuleFile>(text).map(|file| file.rule)
}

impl AppRules {
    /// The built-in rules with those of `files` and the functions of `patterns`.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Usage`] for files that can't be read or are no rules.
    pub fn with<P: AsRef<Path>>(files: &[P], patterns: &[String]) -> Result<AppRules> {
        let mut own = Vec::new();
        for path in files.iter().map(AsRef::as_ref) {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
            let bad = |e| Error::Usage(format!("--app-rules {}: {e}", path.display()));
            own.extend(parse(&text).map_err(bad)?);
        }
        if !patterns.is_empty() {
            let (functions, files) = (patterns.to_vec(), Vec::new());
            own.push(Rule { kind: Kind::Library, functions, files });
        }
        Ok(AppRules { own })
    }

    /// Whether a function is called only because something went wrong. `name` is without parameters.
    pub(super) fn is_machinery(&self, name: &str) -> bool {
        let rules = built_in().iter().chain(&self.own);
        let machinery = rules.filter(|rule| rule.kind == Kind::Machinery);
        machinery.flat_map(|rule| &rule.functions).any(|pattern| matches(pattern, name))
    }

    /// Whether the frame is of code that the user did not write.
    pub(super) fn is_foreign(&self, frame: &Frame) -> bool {
        self.is_foreign_place(frame.function.as_deref(), frame.file.as_deref())
    }

    /// Whether a function of this name, in this source file, is code that the user did not write.
    pub fn is_foreign_place(&self, function: Option<&str>, file: Option<&str>) -> bool {
        let mut rules = built_in().iter().chain(&self.own);
        rules.any(|rule| {
            let is = |name: &str| rule.functions.iter().any(|pattern| matches(pattern, name));
            let lies = |file: &str| rule.files.iter().any(|pattern| matches(pattern, file));
            function.is_some_and(|name| is(plain(name)) || is(name)) || file.is_some_and(lies)
        })
    }
}

/// A name without the parameters of C++.
fn plain(name: &str) -> &str {
    name.split_once('(').map_or(name, |(own, _)| if own.is_empty() { name } else { own })
}

/// Whether `text` is what `pattern` stands for: `*` is any text, all else itself.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        let Some((_, behind)) = text.split_once(piece) else { return false };
        text = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_are_well_formed() {
        let rules = parse(BUILT_IN).expect("TOML");
        assert_eq!(rules.iter().filter(|rule| rule.kind == Kind::Machinery).count(), 1);
        assert!(rules.iter().all(|rule| !rule.functions.is_empty()));
    }

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches("core::*", "core::ptr::read_volatile"));
        assert!(!matches("core::*", "mycore::f"));
        assert!(matches("*_pac::*", "nrf51_pac::generic::Reg<REG>::read"));
        assert!(matches("*/.cargo/registry/src/*", "/home/u/.cargo/registry/src/x/lib.rs"));
        assert!(!matches("abort", "abort_motion"));
        assert!(matches("a*b*c", "a1b2c") && !matches("a*b*c", "a1c2b"));
    }

    #[test]
    fn a_users_rules_come_beside_the_built_in_ones() {
        let rules = AppRules::with::<&Path>(&[], &["vendor_*".to_string()]).expect("no file");
        let frame = |name: &str| super::super::blame::test_frame(name, false);
        assert!(rules.is_foreign(&frame("vendor_spi_read")));
        assert!(rules.is_foreign(&frame("memcpy")));
        assert!(!rules.is_foreign(&frame("app_main")));
    }
}

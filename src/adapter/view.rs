//! An opened dump, as one client looks at it.

use super::handles::Handles;
use super::launch::Target;
use super::session::{Client, Request};
use crate::debug_info::Modules;
use crate::query::{At, Branch, Look};
use crate::report::{self, AppRules, Report, ReportOptions};
use crate::server::{Console, Served};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// What a look at a dump borrows from.
pub(super) struct Parts {
    pub(super) served: Arc<Served>,
    pub(super) report: Option<Report>,
    pub(super) trail: String,
    pub(super) source_map: Vec<(String, String)>,
    pub(super) source_dirs: Vec<PathBuf>,
    pub(super) rules: AppRules,
    unknown: Vec<String>,
}

impl Parts {
    pub(super) fn of(target: Target) -> Parts {
        let Target { opened, source_map, source_dirs, rules, unknown } = target;
        let options = ReportOptions {
            values: false,
            all_threads: false,
            heaps: false,
            sections: Vec::new(),
            logs: false,
            print: Vec::new(),
            source_dirs: Vec::new(),
            rules: rules.clone(),
        };
        // Only an expression could be wrong, and there is none.
        let report = report::build(&opened, &options).ok();
        let trail = format!("{}: {}", opened.file, opened.trail());
        Parts { served: Served::of(opened), report, trail, source_map, source_dirs, rules, unknown }
    }
}

/// What a frame's number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    Line(At),
    /// The exception that interrupted the line.
    Exception(At),
}

/// What happens after a response.
pub(super) enum After {
    Nothing,
    /// The device stands where it stood.
    Stopped(&'static str),
}

/// Why a request has no result, for people.
pub(super) type Answer = Result<Value, String>;

/// The view of one client.
pub(super) struct View<'v> {
    pub(super) parts: &'v Parts,
    pub(super) look: Look<'v, 'v>,
    pub(super) console: Console,
    pub(super) client: Client,
    pub(super) rows: Handles<Row>,
    pub(super) branches: Handles<Branch>,
    pub(super) sources: Handles<(String, u32)>,
}

/// The arguments of a request.
pub(super) fn arguments<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    T::deserialize(&request.arguments).map_err(|error| format!("{}: {error}", request.command))
}

impl<'v> View<'v> {
    pub(super) fn new(parts: &'v Parts, modules: &'v Modules<'v>, client: Client) -> Self {
        let mut look = Look::new(parts.served.dump(), modules);
        if let Some(report) = &parts.report {
            look.headline.clone_from(&report.headline);
            look.signature = Some(report.signature.id.clone());
        }
        View {
            parts,
            look,
            console: Console::new(Arc::clone(&parts.served)),
            client,
            rows: Handles::new(),
            branches: Handles::new(),
            sources: Handles::new(),
        }
    }

    /// What the user has to know before anything else.
    pub(super) fn greeting(&self) -> String {
        let mut text = self.console.greeting();
        text.push_str(crate::display::line(&self.parts.trail).as_ref());
        text.push('\n');
        for name in &self.parts.unknown {
            text.push_str(&format!(
                "The property '{}' is not known and changes nothing.\n",
                crate::display::line(name)
            ));
        }
        text
    }

    /// The answer to a request of [`super::session`]'s list, and what comes after it.
    pub(super) fn answer(&mut self, request: &Request) -> (Answer, After) {
        let answer = match request.command.as_str() {
            "threads" => Ok(self.threads()),
            "stackTrace" => self.stack_trace(request),
            "scopes" => self.scopes(request),
            "variables" => self.variables(request),
            "evaluate" => self.evaluate(request),
            "exceptionInfo" => self.exception_info(request),
            "readMemory" => self.read_memory(request),
            "disassemble" => self.disassemble(request),
            "source" => self.source(request),
            "loadedSources" => Ok(self.loaded_sources()),
            "modules" => self.modules(request),
            "completions" => self.completions(request),
            "continue" => {
                return (Ok(json!({ "allThreadsContinued": true })), After::Stopped("exception"));
            }
            "next" | "stepIn" | "stepOut" => return (Ok(Value::Null), After::Stopped("exception")),
            "pause" => return (Ok(Value::Null), After::Stopped("pause")),
            other => Err(format!("{other}: a dump can't answer this")),
        };
        (answer, After::Nothing)
    }
}

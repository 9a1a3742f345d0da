//! Source files: where they are on this machine, and what is said of those that are not.

use super::launch::Target;
use super::session::Request;
use super::view::{Answer, View, arguments};
use serde::Deserialize;
use serde_json::{Value, json};

/// More files are not listed.
const MOST_FILES: usize = 10_000;
/// A notice is not put below more lines than this.
const MOST_LINES: u32 = 200_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    source: Option<Reference>,
    #[serde(default)]
    source_reference: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default)]
    source_reference: i64,
}

impl View<'_> {
    /// A source file as the protocol has it, for somebody who looks at `line` (0: nobody does).
    pub(super) fn source_of(&mut self, file: &str, line: u32) -> Value {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let name = crate::display::line(name).into_owned();
        let found = Target::find_source(&self.parts.source_map, &self.parts.source_dirs, file);
        if let Some(path) = found {
            let path = std::path::absolute(&path).unwrap_or(path);
            return json!({ "name": name, "path": path.to_string_lossy() });
        }
        let reference = self.sources.number((file.to_string(), line));
        json!({
            "name": name,
            "path": crate::display::line(file),
            "sourceReference": reference,
            "origin": "not on this machine",
        })
    }

    /// The notice for a file that is not here, on the line that is looked at.
    pub(super) fn source(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let reference = wanted.source.map_or(0, |source| source.source_reference);
        let reference = if reference == 0 { wanted.source_reference } else { reference };
        let known = self.sources.thing(reference);
        let (file, line) = known.ok_or_else(|| format!("there is no source {reference}"))?;
        let blank = "\n".repeat(line.saturating_sub(1).min(MOST_LINES) as usize);
        let file = crate::display::line(file);
        let content = format!(
            "{blank}The device was in this line, but the file is not on this machine.\n{file}\n\
             The properties \"sourceMap\" and \"sourceDirs\" say where it is.\n"
        );
        Ok(json!({ "content": content }))
    }

    pub(super) fn loaded_sources(&mut self) -> Value {
        let mut files: Vec<String> = self.look.modules.files();
        files.truncate(MOST_FILES);
        let all: Vec<Value> = files.iter().map(|file| self.source_of(file, 0)).collect();
        json!({ "sources": all })
    }
}

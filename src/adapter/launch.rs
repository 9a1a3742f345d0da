//! What `launch` and `attach` ask for.

use crate::error::Result;
use crate::open::Opened;
use crate::report::AppRules;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What a session is about.
pub struct Target {
    /// The dump.
    pub opened: Opened,
    /// Beginnings of paths that the compiler recorded, and where those are on this machine.
    pub source_map: Vec<(String, String)>,
    /// Folders to look for source files in.
    pub source_dirs: Vec<PathBuf>,
    /// Which functions are not the user's own code.
    pub rules: AppRules,
    /// Properties that mean nothing here, for the user to know.
    pub unknown: Vec<String>,
}

/// Opens what the properties of `launch` and `attach` name.
pub trait Opener: Sync {
    /// Opens it.
    ///
    /// # Errors
    /// Any of [`crate::open::open`]'s, and properties that make no sense.
    fn open(&self, properties: &Map<String, Value>) -> Result<Target>;
}

impl Target {
    /// Where the source file that the compiler called `file` is on this machine, if it is.
    pub(super) fn find_source(
        map: &[(String, String)],
        dirs: &[PathBuf],
        file: &str,
    ) -> Option<PathBuf> {
        let mapped = map.iter().find_map(|(from, to)| {
            let rest = file.strip_prefix(from.as_str())?;
            // A beginning ends where a folder's name ends.
            let whole =
                rest.is_empty() || rest.starts_with(['/', '\\']) || from.ends_with(['/', '\\']);
            whole.then(|| Path::new(to).join(rest.trim_start_matches(['/', '\\'])))
        });
        mapped.filter(|path| path.is_file()).or_else(|| crate::query::find_source(file, dirs))
    }
}

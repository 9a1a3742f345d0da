//! ELF files by build id: in folders laid out for it, and from debuginfod servers.
//!
//! A folder for debuggers has them as `.build-id/<first byte>/<the others>.debug` (GDB manual,
//! "Separate Debug Files"). debuginfod servers are asked through `debuginfod-find`, the client of
//! elfutils, which knows `DEBUGINFOD_URLS`, speaks TLS and keeps what it got in its own cache.

use crate::dump::FirmwareId;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Hexadecimal digits of the build id among `ids`.
fn digits(ids: &[FirmwareId]) -> Option<String> {
    ids.iter().find_map(|id| match id {
        FirmwareId::BuildId(bytes) if bytes.len() > 1 => {
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => None,
    })
}

/// Where a folder for debuggers would have the file.
pub(super) fn paths(folder: &Path, ids: &[FirmwareId]) -> Vec<PathBuf> {
    let Some(digits) = digits(ids) else { return Vec::new() };
    let (first, rest) = digits.split_at(2);
    let base = folder.join(".build-id").join(first);
    vec![base.join(format!("{rest}.debug")), base.join(rest)]
}

/// Asks the debuginfod servers of `DEBUGINFOD_URLS`. `None` if there are none; an error in words
/// if they have nothing or can't be asked.
pub(super) fn from_servers(ids: &[FirmwareId]) -> Option<Result<PathBuf, String>> {
    let urls = std::env::var("DEBUGINFOD_URLS").ok().filter(|urls| !urls.trim().is_empty())?;
    let digits = digits(ids)?;
    let find = |kind: &str| {
        let mut command = Command::new("debuginfod-find");
        command.args([kind, &digits]).stdin(Stdio::null()).stderr(Stdio::null());
        command.output()
    };
    // An ELF file with code and names in one is both; a stripped one is of no use here.
    for kind in ["debuginfo", "executable"] {
        match find(kind) {
            Err(_) => {
                let why = "debuginfod-find is not installed (package debuginfod)";
                return Some(Err(format!("DEBUGINFOD_URLS is set, but {why}")));
            }
            Ok(output) if output.status.success() => {
                let path = String::from_utf8_lossy(&output.stdout).trim().to_string();
                if !path.is_empty() {
                    return Some(Ok(path.into()));
                }
            }
            Ok(_) => {}
        }
    }
    Some(Err(format!("the debuginfod servers ({urls}) have nothing of build id {digits}")))
}

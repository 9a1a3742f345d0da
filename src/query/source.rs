//! Source files on this machine.

use std::path::{Path, PathBuf};

/// The source file that the compiler called `file` on this machine: as it is recorded, or by the last
/// parts of its path below one of `folders`.
pub fn find_source(file: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let own = Path::new(file);
    if own.is_file() {
        return Some(own.to_path_buf());
    }
    let parts: Vec<&str> = file.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    folders.iter().find_map(|folder| {
        // The longest tail of the recorded path that is there.
        (0..parts.len())
            .map(|skip| parts[skip..].iter().fold(folder.clone(), |path, part| path.join(part)))
            .find(|path| path.is_file())
    })
}

//! Files that are written for the user: whole, or not at all, and never onto what is read.
//!
//! A file is written beside its place, under a name of its own, and moved there once it is
//! complete. Whoever writes onto an input loses it: that is refused, also through a link.

use crate::error::{Error, Result};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is not yet in its place. Dropped before [`Output::finish`] it leaves nothing.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// Where it is written; `None` for what is no plain file (`/dev/stdout`, a pipe), which is
    /// written to directly.
    aside: Option<PathBuf>,
    file: File,
}

impl Output {
    /// Begins the file at `path`. A link is followed: what it leads to is replaced.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is one of `inputs`, [`Error::Io`] if nothing can be written there.
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<Output> {
        refuse_input(path, inputs)?;
        let io = |e| Error::io(path, e);
        let there = std::fs::metadata(path).ok();
        if there.as_ref().is_some_and(|meta| !meta.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(io)?;
            return Ok(Output { path: path.into(), aside: None, file });
        }
        if there.as_ref().is_some_and(|meta| meta.permissions().readonly()) {
            return Err(io(io::ErrorKind::PermissionDenied.into()));
        }
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = place.parent().unwrap_or(Path::new(""));
        for number in 0..100 {
            let aside = folder.join(part_name(&name, number));
            match OpenOptions::new().write(true).create_new(true).open(&aside) {
                Ok(file) => {
                    if let Some(meta) = there {
                        // As a write in place would have left it; not every file system can.
                        let _ = file.set_permissions(meta.permissions());
                    }
                    return Ok(Output { path: place, aside: Some(aside), file });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(io(e)),
            }
        }
        Err(io(io::ErrorKind::AlreadyExists.into()))
    }

    /// Moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Io`]; then the old file is still there.
    pub fn finish(mut self) -> Result<()> {
        let io = |e| Error::io(&self.path, e);
        self.file.flush().map_err(io)?;
        if let Some(aside) = &self.aside {
            std::fs::rename(aside, &self.path).map_err(io)?;
        }
        self.aside = None;
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(aside) = &self.aside {
            // Half a file is of no use; if it can't be removed, its name says what it is.
            let _ = std::fs::remove_file(aside);
        }
    }
}

/// Writes all of `bytes` to `path`.
///
/// # Errors
/// As [`Output::create`] and [`Output::finish`].
pub fn write(path: &Path, bytes: &[u8], inputs: &[&Path]) -> Result<()> {
    let mut output = Output::create(path, inputs)?;
    output.write_all(bytes).map_err(|e| Error::io(path, e))?;
    output.finish()
}

/// Writes `files`, by their names in it, to the folder at `path`: all of them, or none. Others that are
/// there already stay.
///
/// # Errors
/// As [`Output::create`] and [`Output::finish`]; [`Error::Usage`] if `path` is there and no folder.
pub fn write_folder<'b>(
    path: &Path,
    files: impl IntoIterator<Item = (String, &'b [u8])>,
    inputs: &[&Path],
) -> Result<()> {
    let io = |e| Error::io(path, e);
    if path.exists() && !path.is_dir() {
        return Err(Error::Usage(format!("{}: is no folder", path.display())));
    }
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(io)?;
    let place = place(path);
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = Aside(place.with_file_name(part_name(&name, 0)));
    std::fs::create_dir(&aside.0).map_err(io)?;
    let mut names = Vec::new();
    for (name, bytes) in files {
        refuse_input(&place.join(&name), inputs)?;
        std::fs::write(aside.0.join(&name), bytes).map_err(io)?;
        names.push(name);
    }
    if !place.exists() {
        return std::fs::rename(&aside.0, &place).map_err(io);
    }
    for name in names {
        std::fs::rename(aside.0.join(&name), place.join(&name)).map_err(io)?;
    }
    Ok(())
}

/// A folder that is gone in the end, unless it was moved.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the file or folder `name` is called until it is complete.
fn part_name(name: &str, number: u32) -> String {
    format!(".{}.{}.{number}.part", shortened(name), std::process::id())
}

/// Fails if `path` is one of `inputs`, by whatever name, or would replace a file below one that is
/// a folder.
///
/// # Errors
/// [`Error::Usage`].
pub fn refuse_input(path: &Path, inputs: &[&Path]) -> Result<()> {
    match inputs.iter().find(|input| is_same(path, input)) {
        Some(input) => Err(Error::Usage(format!(
            "{}: would be written over the input {}: name another file",
            path.display(),
            input.display()
        ))),
        None => Ok(()),
    }
}

/// Fails if two of `paths` are one file.
///
/// # Errors
/// [`Error::Usage`].
pub fn refuse_twice(paths: &[PathBuf]) -> Result<()> {
    for (index, path) in paths.iter().enumerate() {
        let before = paths.get(..index).unwrap_or_default();
        if before.iter().any(|other| is_same(path, other) || place(path) == place(other)) {
            let words = format!("{}: named twice: two outputs need two files", path.display());
            return Err(Error::Usage(words));
        }
    }
    Ok(())
}

/// Whether both are one file that is there.
fn is_same(a: &Path, b: &Path) -> bool {
    let (Ok(one), Ok(other)) = (std::fs::metadata(a), std::fs::metadata(b)) else { return false };
    if !one.is_file() {
        return false;
    }
    match (identity(&one), identity(&other)) {
        (Some(one), Some(other)) => one == other,
        _ => place(a) == place(b),
    }
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Where a file is or will be, links and dots resolved.
fn place(path: &Path) -> PathBuf {
    if let Ok(place) = std::fs::canonicalize(path) {
        return place;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).unwrap_or_default();
    folder.join(path.file_name().unwrap_or_default())
}

/// At most 200 bytes of a name, for one that gets a few more and has to stay below 255.
fn shortened(name: &str) -> &str {
    let end = (0..=name.len().min(200)).rev().find(|end| name.is_char_boundary(*end));
    name.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("coroner-output-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("room for a folder");
        folder
    }

    #[test]
    fn what_is_not_finished_leaves_the_old_file() {
        let folder = folder("old");
        let path = folder.join("out.bin");
        std::fs::write(&path, "old").expect("room");
        let mut half = Output::create(&path, &[]).expect("it can be written");
        half.write_all(b"ne").expect("room");
        drop(half);
        assert_eq!(std::fs::read(&path).expect("it is there"), b"old");
        write(&path, b"new", &[]).expect("it can be written");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"new");
        assert_eq!(std::fs::read_dir(&folder).expect("it is there").count(), 1);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn a_folder_is_written_whole_or_not_at_all() {
        let folder = folder("folder");
        let (input, out) = (folder.join("out/b"), folder.join("out"));
        let files = |text: &'static [u8]| ["a", "b"].map(|name| (name.to_string(), text));
        write_folder(&out, files(b"1"), &[]).expect("it can be written");
        std::fs::write(out.join("own"), "kept").expect("room");
        assert!(write_folder(&out, files(b"2"), &[&input]).is_err(), "one is an input");
        let read = |name: &str| std::fs::read(out.join(name)).expect("it is there");
        assert_eq!((read("a"), read("b")), (b"1".to_vec(), b"1".to_vec()));
        write_folder(&out, files(b"2"), &[]).expect("it can be written");
        assert_eq!((read("a"), read("b"), read("own")), (b"2".into(), b"2".into(), b"kept".into()));
        assert!(write_folder(&out.join("a"), files(b"3"), &[]).is_err(), "it is a file");
        assert_eq!(std::fs::read_dir(&folder).expect("it is there").count(), 1);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_never_written_over_by_any_name() {
        let folder = folder("input");
        let (input, link, hard) = (folder.join("a"), folder.join("link"), folder.join("hard"));
        std::fs::write(&input, "dump").expect("room");
        std::os::unix::fs::symlink(&input, &link).expect("links can be made");
        std::fs::hard_link(&input, &hard).expect("links can be made");
        for path in [&input, &link, &hard, &folder.join("./a")] {
            assert!(matches!(write(path, b"x", &[&input]), Err(Error::Usage(_))), "{path:?}");
        }
        assert_eq!(std::fs::read(&input).expect("it is there"), b"dump");
        assert!(refuse_twice(&[folder.join("n"), folder.join("./n")]).is_err());
        assert!(refuse_twice(&[folder.join("n"), folder.join("m")]).is_ok());
        let _ = std::fs::remove_dir_all(folder);
    }
}

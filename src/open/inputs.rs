//! From the paths that the user names to the inputs that are there: files, folders, archives.

use crate::archive::{self, Contents};
use crate::budget::Budget;
use crate::carrier::Piece;
use crate::error::{Error, Fault, Result};
use crate::format::FORMATS;
use crate::input::{Input, address_in_name, is_program, with_address};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// Folders and archives hold a handful of images and a log; one with more was named by mistake.
const MOST_FILES: usize = 64;
/// An archive in an archive in an archive is enough.
const DEEPEST: usize = 3;

/// All that the user's paths lead to.
#[derive(Debug)]
pub(super) struct Inputs {
    budget: Budget,
    /// What may be dumps or parts of one.
    pub(super) dumps: Vec<Input>,
    /// ELF files of programs that lay beside them in a folder or an archive.
    pub(super) programs: Vec<Input>,
    /// What could not be taken out of an archive, with the archive's name.
    pub(super) faults: Vec<(String, Fault)>,
}

impl Inputs {
    /// No inputs yet; what is unpacked will be paid for by `budget`.
    pub(super) fn new(budget: &Budget) -> Inputs {
        let (dumps, programs, faults) = Default::default();
        Inputs { budget: budget.clone(), dumps, programs, faults }
    }

    /// Adds what is at `path`: a file, all files of a folder or an archive, by name. `FILE@ADDR`
    /// and `FILE:ADDR` say the address of an image whose name does not.
    ///
    /// # Errors
    /// As [`Input::open`]; [`Error::Usage`] for a folder or an archive that is empty or holds very
    /// many files.
    pub(super) fn add(&mut self, path: &Path, map: bool) -> Result<()> {
        if let Some((file, addr)) = with_address(path) {
            self.dumps.push(Input { addr: Some(addr), ..Input::open(&file, map)? });
            return Ok(());
        }
        if !path.is_dir() {
            let input = Input::open(path, map)?;
            return match self.archive_in(&input.bytes) {
                Some(contents) => self.add_archive(&input.name, contents, DEEPEST),
                None => {
                    self.dumps.push(input);
                    Ok(())
                }
            };
        }
        let io = |e| Error::io(path, e);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?.path();
            if entry.is_file() {
                files.push(entry);
            }
        }
        check_count(&path.display().to_string(), "folder", files.len())?;
        files.sort();
        for file in files {
            self.add_one(Input::open(&file, map)?, DEEPEST)?;
        }
        Ok(())
    }

    /// Why there is nothing to look for a dump in.
    pub(super) fn nothing_but_programs(mut self, paths: &[PathBuf]) -> Error {
        if !self.faults.is_empty() {
            let (file, fault) = self.faults.swap_remove(0);
            return Error::Input { file, fault: Box::new(fault) };
        }
        let names = paths.iter().map(|path| path.display().to_string());
        let names = names.collect::<Vec<_>>().join(", ");
        let programs = self.programs.iter().map(|input| input.name.as_str());
        let programs = programs.collect::<Vec<_>>().join(", ");
        Error::Usage(match programs.is_empty() {
            true => format!("{names}: all files in it are empty: nothing was saved"),
            false => format!("{names}: holds no dump, only programs ({programs})"),
        })
    }

    fn add_archive(&mut self, name: &str, contents: Contents, deepest: usize) -> Result<()> {
        let Contents { files, count, faults } = contents;
        if faults.is_empty() || count > 0 {
            check_count(name, "archive", count)?;
        }
        if !self.budget.files(count as u64) {
            return Err(Error::Usage(format!(
                "{name}: {}",
                self.budget.shortage().unwrap_or_default()
            )));
        }
        self.faults.extend(faults.into_iter().map(|fault| (name.to_string(), fault)));
        for (file, bytes) in files {
            let addr = address_in_name(Path::new(&file), bytes.len() as u64);
            self.add_one(Input { name: format!("{name}/{file}"), bytes, addr }, deepest - 1)?;
        }
        Ok(())
    }

    /// What is in an archive, unless a format has it for its own: Hubris' gateway writes dumps as
    /// zips.
    fn archive_in(&self, bytes: &Bytes) -> Option<Contents> {
        if !archive::is_archive(bytes) {
            return None;
        }
        let piece = Piece::outermost(bytes.clone()).within(&self.budget);
        let is_dump = FORMATS.iter().any(|format| format.recognises(&piece));
        (!is_dump).then(|| archive::contents(bytes, MOST_FILES, &self.budget))?
    }

    /// Adds one of several files that lie together.
    fn add_one(&mut self, input: Input, deepest: usize) -> Result<()> {
        if input.bytes.is_empty() {
            return Ok(());
        }
        if is_program(&input.bytes) {
            self.programs.push(input);
        } else if let Some(contents) =
            Some(&input).filter(|_| deepest > 0).and_then(|input| self.archive_in(&input.bytes))
        {
            self.add_archive(&input.name, contents, deepest)?;
        } else {
            self.dumps.push(input);
        }
        Ok(())
    }
}

/// How many bytes the user's paths lead to; what can't be looked at counts for nothing.
pub(super) fn len_of(paths: &[PathBuf]) -> u64 {
    let len = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let of_folder = |path: &Path| -> u64 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.take(MOST_FILES).map(|entry| len(&entry.path())).sum()
    };
    paths.iter().map(|path| if path.is_dir() { of_folder(path) } else { len(path) }).sum()
}

fn check_count(name: &str, what: &str, count: usize) -> Result<()> {
    if (1..=MOST_FILES).contains(&count) {
        return Ok(());
    }
    let article = if what == "archive" { "an" } else { "a" };
    Err(Error::Usage(format!(
        "{name}: {article} {what} with {count} files; expected one with the files of one crash (at most \
         {MOST_FILES})"
    )))
}

//! ELF files that were opened before, for those who open many dumps of few builds.
//!
//! Taking an ELF file apart and hashing it costs more than most dumps. Files and the lists of
//! folders are remembered as long as the cache lives, which is a run of the program: a build
//! that changes meanwhile is not seen. What outlives the run is in `elf_index.rs`.

use super::elf_index::{Index, Kind};
use crate::dump::FirmwareId;
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As many files keep what was read of their debugging information; of the others, those that
/// were used longest ago, it is read again.
const MOST_READ: usize = 8;
/// Folders deeper than this are not searched for ELF files.
const DEEPEST_FOLDER: usize = 12;

/// Remembers ELF files and folders. Shared by the threads that open dumps.
#[derive(Debug, Default)]
pub struct ElfCache {
    /// `None` for a file that is no ELF file of a firmware.
    files: Mutex<HashMap<PathBuf, Option<Arc<Firmware>>>>,
    /// Those that may have been read further, the last one used last.
    read: Mutex<Vec<PathBuf>>,
    folders: Mutex<HashMap<PathBuf, Arc<Vec<PathBuf>>>>,
    indices: Mutex<HashMap<PathBuf, Arc<Mutex<Index>>>>,
}

/// What a search through a folder came to.
pub(super) enum Search {
    /// The ELF file that was looked for.
    This(Arc<Firmware>),
    /// None.
    Nothing,
}

/// Where the indices of folders are kept: as the XDG base directory specification 0.8 says, where
/// relative paths don't count.
pub(super) fn folder() -> Option<PathBuf> {
    let from = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")))?;
    Some(base.join("coroner/elf-index"))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a thread that panicked left there is a whole map all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ElfCache {
    /// The ELF file at `path`.
    ///
    /// # Errors
    /// As [`Firmware::open`].
    pub(super) fn open(&self, path: &Path, map: bool) -> Result<Arc<Firmware>> {
        self.used(path);
        if let Some(Some(known)) = locked(&self.files).get(path) {
            return Ok(known.clone());
        }
        // Not under the lock: others may have theirs already.
        let elf = Arc::new(Firmware::open(path, map)?);
        let mut files = locked(&self.files);
        let kept = files.entry(path.to_path_buf()).or_insert_with(|| Some(elf.clone()));
        Ok(kept.clone().unwrap_or(elf))
    }

    /// The same for a file that may be anything.
    pub(super) fn try_open(&self, path: &Path, map: bool) -> Option<Arc<Firmware>> {
        if let Some(known) = locked(&self.files).get(path).cloned() {
            self.used(path);
            return known;
        }
        let elf = self.open(path, map).ok();
        if elf.is_none() {
            locked(&self.files).insert(path.to_path_buf(), None);
        }
        elf
    }

    /// Notes that the file at `path` is wanted, and lets go of what was read of the one that was
    /// wanted longest ago. Who still uses that has a share of it.
    fn used(&self, path: &Path) {
        let mut read = locked(&self.read);
        read.retain(|other| other != path);
        read.push(path.to_path_buf());
        if read.len() > MOST_READ {
            let oldest = read.remove(0);
            if let Some(Some(elf)) = locked(&self.files).get_mut(&oldest) {
                *elf = Arc::new(elf.unread());
            }
        }
    }

    /// The ELF file below `folder` for `machine` that all of `ids` tell of.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder itself can't be listed.
    pub(super) fn search(
        &self,
        folder: &Path,
        machine: u16,
        ids: &[FirmwareId],
        map: bool,
        cache: Option<&Path>,
    ) -> Result<Search> {
        let fits = |elf: &Arc<Firmware>| elf.machine == machine && ids.iter().all(|id| elf.is(id));
        let index = locked(&self.indices)
            .entry(folder.to_path_buf())
            .or_insert_with(|| Arc::new(Mutex::new(Index::load(cache, folder))))
            .clone();
        let mut index = locked(&index);
        for path in index.matching(folder, ids) {
            if let Some(elf) = self.try_open(&path, map).filter(fits) {
                return Ok(Search::This(elf));
            }
        }
        let kinds: Vec<Kind> = ids.iter().filter_map(Kind::of).collect();
        let is_remembered = kinds.len() == ids.len();
        let with_hash = kinds.contains(&Kind::Sha256);
        let files = self.list(folder)?;
        let walked = is_remembered && kinds.iter().all(|kind| index.walked_for.contains(kind));
        for path in files.iter() {
            let entry = index.entry(folder, path).filter(|_| is_remembered);
            if let Some(entry) = entry {
                let other = |id| entry.may_be(id) == Some(false);
                if walked || entry.machine != Some(machine) || ids.iter().any(other) {
                    continue;
                }
            } else if walked {
                continue;
            }
            // Not every file down there is an ELF file, and not every one is ours to read.
            let elf = self.try_open(path, map);
            index.learn(folder, path, elf.as_deref(), with_hash);
            if let Some(elf) = elf.filter(fits) {
                index.save();
                return Ok(Search::This(elf));
            }
        }
        if !walked {
            index.keep_only(folder, &files);
            index.walked_for.extend(kinds);
            index.save();
        }
        Ok(Search::Nothing)
    }

    /// All files below `folder`, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder itself can't be listed.
    pub(super) fn list(&self, folder: &Path) -> Result<Arc<Vec<PathBuf>>> {
        if let Some(known) = locked(&self.folders).get(folder) {
            return Ok(known.clone());
        }
        let mut files = Vec::new();
        list_files(folder, DEEPEST_FOLDER, &mut files)?;
        let files = Arc::new(files);
        locked(&self.folders).insert(folder.to_path_buf(), files.clone());
        Ok(files)
    }
}

fn list_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            if depth > 0 {
                // A folder below the named one that can't be read holds nothing for us.
                let _ = list_files(&path, depth - 1, files);
            }
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debug_info::Module;

    #[test]
    fn only_the_files_used_last_keep_what_was_read_of_them() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo/firmware.elf");
        let folder = std::env::temp_dir().join(format!("coroner-elves-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let cache = ElfCache::default();
        let name = |n: usize| folder.join(format!("{n}.elf"));
        let is_kept = |elf: &Firmware| format!("{elf:?}").contains("of_contents: Kept(something)");
        for n in 0..=MOST_READ {
            std::fs::copy(&demo, name(n)).expect("a copy");
            let elf = cache.open(&name(n), false).expect("an ELF file");
            assert!(Module::of(&elf).units().iter().next().is_some());
            assert!(is_kept(&elf), "{n}");
        }
        let again = |n: usize| cache.open(&name(n), false).expect("an ELF file");
        assert!(is_kept(&again(MOST_READ)), "the last one");
        assert!(!is_kept(&again(0)), "the first one");
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
}

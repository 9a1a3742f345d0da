//! Which ELF file of a folder has which build id or hash, remembered on disk: finding the right one
//! among thousands takes a look at the list instead of one into each file.
//!
//! One file per folder, named by a hash of the folder's path: a JSON object a line for each file
//! below the folder, then `end` and the CRC-32 of all before. It is a cache and never believed:
//! what was changed since (time or length differ) is read anew, what is found by it is checked like
//! any other ELF file, a damaged list is made anew. Written aside and renamed, so that programs
//! that run at the same time see a whole list, one's or the other's.

use crate::dump::FirmwareId;
use crate::firmware::Firmware;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A list with another first line is of another version.
const HEAD: &str = "coroner elf index 1";
const END: &str = "end ";

/// What is known of the files below one folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where it is kept; `None`: nowhere.
    file: Option<PathBuf>,
    /// By path below the folder.
    entries: BTreeMap<String, Entry>,
    changed: bool,
    /// All files were looked at in this run, for these kinds of ids.
    pub(super) walked_for: Vec<Kind>,
}

/// Kinds of ids that are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BuildId,
    Sha256,
}

/// A file, when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    path: String,
    /// Time of its last change, in nanoseconds since 1970.
    changed_ns: u64,
    len: u64,
    /// `e_machine`; nothing for a file that is no firmware's ELF file.
    pub machine: Option<u16>,
    build_id: Option<String>,
    /// Only of files that a hash was asked of: it costs reading all of the file.
    sha256: Option<String>,
}

impl Kind {
    /// The kind of an id, if it is one that is remembered.
    pub(super) fn of(id: &FirmwareId) -> Option<Kind> {
        match id {
            FirmwareId::BuildId(_) => Some(Kind::BuildId),
            FirmwareId::ElfSha256(_) => Some(Kind::Sha256),
            FirmwareId::Spotflow(_) | FirmwareId::ZephyrBuild(_) => None,
        }
    }
}

impl Entry {
    /// Whether it may be the file that `id` tells of; `None` if that was not looked up.
    pub(super) fn may_be(&self, id: &FirmwareId) -> Option<bool> {
        if self.machine.is_none() {
            return Some(false);
        }
        match id {
            FirmwareId::BuildId(bytes) => Some(self.build_id.as_ref() == Some(&hex(bytes))),
            FirmwareId::ElfSha256(prefix) => {
                self.sha256.as_ref().map(|own| own.starts_with(prefix.as_str()))
            }
            FirmwareId::Spotflow(_) | FirmwareId::ZephyrBuild(_) => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Time of the last change and length.
fn state(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    let changed = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((u64::try_from(changed.as_nanos()).ok()?, meta.len()))
}

impl Index {
    /// The list of `folder` that is kept in `cache`; an empty one if there is none.
    pub(super) fn load(cache: Option<&Path>, folder: &Path) -> Index {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
        let name = hex(digest.get(..16).unwrap_or_default());
        let file = cache.map(|cache| cache.join(name));
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let entries = text.and_then(|text| parse(&text)).unwrap_or_default();
        let entries = entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        Index { file, entries, changed: false, walked_for: Vec::new() }
    }

    /// The paths below `folder` of the files that are the one that `ids` tell of, as far as the
    /// list goes.
    pub(super) fn matching(&self, folder: &Path, ids: &[FirmwareId]) -> Vec<PathBuf> {
        let fits = |entry: &&Entry| ids.iter().any(|id| entry.may_be(id) == Some(true));
        let fresh = |entry: &Entry| {
            let path = folder.join(&entry.path);
            (state(&path) == Some((entry.changed_ns, entry.len))).then_some(path)
        };
        self.entries.values().filter(fits).filter_map(fresh).collect()
    }

    /// What is known of a file, unless it was changed since.
    pub(super) fn entry(&self, folder: &Path, path: &Path) -> Option<&Entry> {
        let entry = self.entries.get(path.strip_prefix(folder).ok()?.to_str()?)?;
        (state(path)? == (entry.changed_ns, entry.len)).then_some(entry)
    }

    /// Remembers a file: `None` for one that is no firmware's ELF file. Its hash only if `with_hash`.
    pub(super) fn learn(
        &mut self,
        folder: &Path,
        path: &Path,
        elf: Option<&Firmware>,
        with_hash: bool,
    ) {
        let name = path.strip_prefix(folder).ok().and_then(Path::to_str).map(str::to_string);
        let (Some(path), Some((changed_ns, len))) = (name, state(path)) else { return };
        let before = self.entries.get(&path).and_then(|entry| entry.sha256.clone());
        let sha256 = match (elf, with_hash) {
            (Some(elf), true) => Some(elf.sha256().to_string()),
            _ => before.filter(|_| elf.is_some()),
        };
        let entry = Entry {
            changed_ns,
            len,
            machine: elf.map(|elf| elf.machine),
            build_id: elf.and_then(Firmware::build_id).map(|id| hex(&id)),
            sha256,
            path: path.clone(),
        };
        if self.entries.get(&path) != Some(&entry) {
            self.entries.insert(path, entry);
            self.changed = true;
        }
    }

    /// Forgets what is no longer there.
    pub(super) fn keep_only(&mut self, folder: &Path, paths: &[PathBuf]) {
        let names: std::collections::HashSet<&str> =
            paths.iter().filter_map(|path| path.strip_prefix(folder).ok()?.to_str()).collect();
        let before = self.entries.len();
        self.entries.retain(|path, _| names.contains(path.as_str()));
        self.changed |= self.entries.len() != before;
    }

    /// Writes the list, if it was changed. That it can't be written does no harm.
    pub(super) fn save(&mut self) {
        let Some(file) = self.file.as_ref().filter(|_| self.changed) else { return };
        self.changed = false;
        let mut text = format!("{HEAD}\n");
        for entry in self.entries.values() {
            text.push_str(&serde_json::to_string(entry).unwrap_or_default());
            text.push('\n');
        }
        let sum = crc32fast::hash(text.as_bytes());
        text.push_str(&format!("{END}{sum:08x}\n"));
        let aside = file.with_extension(format!("{}.new", std::process::id()));
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&aside, text))
            .and_then(|()| std::fs::rename(&aside, file));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&aside);
            tracing::debug!("{}: not written: {error}", file.display());
        }
    }
}

/// The entries of a whole list.
fn parse(text: &str) -> Option<Vec<Entry>> {
    let text = text.strip_suffix('\n')?;
    let (body, end) = text.rsplit_once('\n')?;
    let sum = u32::from_str_radix(end.strip_prefix(END)?, 16).ok()?;
    if sum != crc32fast::hash(format!("{body}\n").as_bytes()) {
        return None;
    }
    let mut lines = body.lines();
    (lines.next()? == HEAD).then_some(())?;
    lines.map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_list_is_none() {
        let folder = std::env::temp_dir().join(format!("coroner-index-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("elves")).expect("room for files");
        std::fs::write(folder.join("elves/a.txt"), "no ELF file").expect("room for files");
        let (cache, elves) = (folder.join("cache"), folder.join("elves"));
        let mut index = Index::load(Some(&cache), &elves);
        index.learn(&elves, &elves.join("a.txt"), None, true);
        index.save();
        let file = index.file.clone().expect("it has one");
        assert_eq!(Index::load(Some(&cache), &elves).entries, index.entries);
        let whole = std::fs::read(&file).expect("it was written");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).expect("it is ours");
            let kept = Index::load(Some(&cache), &elves).entries;
            assert!(kept.is_empty() || kept == index.entries, "byte {at}");
            std::fs::write(&file, &whole[..at]).expect("it is ours");
            assert!(Index::load(Some(&cache), &elves).entries.is_empty(), "cut at {at}");
        }
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
}

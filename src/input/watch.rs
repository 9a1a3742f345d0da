//! Whether the files that are mapped are still as they were when they were opened.
//!
//! A file that is written anew in place shows other bytes from then on, and one that was cut ends
//! whoever touches what is gone. Size and time of the last change tell both. Neither is there any more in
//! the middle of an answer: what is served of memory is read from the file, not touched in the map.

use bytes::Bytes;
use memmap2::Mmap;
use std::fs::{File, Metadata};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

/// A map, and what its file was like. It stays open: its name may be another file's later.
pub(super) struct Watched {
    map: Mmap,
    name: String,
    file: File,
    len: u64,
    modified: Option<SystemTime>,
}

/// The bytes of a map, watched as long as anybody has them.
pub(super) struct Mapped(Arc<Watched>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0.map
    }
}

/// Copies `from` into `to`, which is as long; false if a mapped file lost the bytes. They are read from
/// the file then, not touched in the map: a file that is cut at this moment is a short read and no signal.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) -> bool {
    match mapped_at(from) {
        Some((one, offset)) => read_at(&one.file, to, offset),
        None => {
            to.copy_from_slice(from);
            true
        }
    }
}

/// The same bytes, not in a map any more.
pub(crate) fn copied(bytes: Bytes) -> Option<Bytes> {
    let Some((one, offset)) = mapped_at(&bytes) else { return Some(bytes) };
    let mut own = vec![0; bytes.len()];
    read_at(&one.file, &mut own, offset).then(|| own.into())
}

/// Whether `bytes` are in the map of a file.
pub(crate) fn is_mapped(bytes: &[u8]) -> bool {
    mapped_at(bytes).is_some()
}

/// The map that `bytes` are in, and where in its file they are.
fn mapped_at(bytes: &[u8]) -> Option<(Arc<Watched>, u64)> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let at = bytes.as_ptr().addr();
    let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter_map(Weak::upgrade).find_map(|one| {
        let offset = at.checked_sub(one.map.as_ptr().addr())?;
        let is_inside = offset.checked_add(bytes.len()).is_some_and(|end| end <= one.map.len());
        is_inside.then_some((one, offset as u64))
    })
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> bool {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(to, offset).is_ok()
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> bool {
    use std::os::windows::fs::FileExt;
    let mut done = 0;
    while let Some(rest) = to.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.seek_read(rest, offset + done as u64) {
            Ok(n) if n > 0 => done += n,
            _ => return false,
        }
    }
    true
}

/// Whether any file was ever mapped: most programs map none, and read memory word by word.
static ANY: AtomicBool = AtomicBool::new(false);
static WATCHED: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());

/// Watches the file of `map` as long as the bytes are there.
pub(super) fn watched(name: &str, map: Mmap, file: File, meta: &Metadata) -> Mapped {
    let (len, modified) = (meta.len(), meta.modified().ok());
    let one = Arc::new(Watched { map, name: name.into(), file, len, modified });
    let mut all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|one| one.strong_count() > 0);
    ANY.store(true, Ordering::Relaxed);
    all.push(Arc::downgrade(&one));
    Mapped(one)
}

/// The name of a mapped file that has changed since, if there is one.
pub(crate) fn changed() -> Option<String> {
    let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let other = |one: &Arc<Watched>| match one.file.metadata() {
        Ok(meta) => meta.len() != one.len || meta.modified().ok() != one.modified,
        Err(_) => true,
    };
    all.iter().filter_map(Weak::upgrade).find(other).map(|one| one.name.clone())
}

/// Gives the memory back that maps take: for who goes once over a large file.
pub(crate) fn give_back_memory() {
    let all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter_map(Weak::upgrade).for_each(|one| super::drop_pages(&one.map));
}

#[cfg(test)]
mod tests {
    use crate::input::{Input, READ_UP_TO};
    use std::io::Write;

    #[test]
    fn what_a_file_lost_is_missing_and_ends_nobody() {
        let path = std::env::temp_dir().join(format!("coroner-lost-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("room");
        file.write_all(b"first").expect("room");
        file.set_len(READ_UP_TO + 1).expect("room");
        let input = Input::open(&path, true).expect("it is there");
        let mut bytes = [0; 5];
        assert!(super::copy(&input.bytes[..5], &mut bytes) && bytes == *b"first");
        file.set_len(3).expect("it can be cut");
        assert!(!super::copy(&input.bytes[..5], &mut bytes));
        assert!(super::copied(input.bytes.slice(1 << 20..2 << 20)).is_none());
        assert!(super::copied(input.bytes.slice(..3)).is_some_and(|bytes| bytes == "fir"));
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn a_large_file_that_changes_is_noticed_as_long_as_it_is_used() {
        let path = std::env::temp_dir().join(format!("coroner-watch-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("room");
        file.set_len(READ_UP_TO + 1).expect("room");
        let input = Input::open(&path, true).expect("it is there");
        let name = Some(path.display().to_string());
        assert_ne!(super::changed(), name);
        file.write_all(b"x").expect("room");
        file.set_len(READ_UP_TO + 2).expect("room");
        assert_eq!(super::changed(), name);
        drop(input);
        assert_ne!(super::changed(), name);
        let _ = std::fs::remove_file(path);
    }
}

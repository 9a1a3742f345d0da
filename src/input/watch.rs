//! Whether the files that are mapped are still as they were when they were opened.
//!
//! A file that is written anew in place shows other bytes from then on, and one that was cut ends
//! whoever touches what is gone. Size and time of the last change tell both.

use memmap2::Mmap;
use std::fs::{File, Metadata};
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

static WATCHED: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());

/// Watches the file of `map` as long as the bytes are there.
pub(super) fn watched(name: &str, map: Mmap, file: File, meta: &Metadata) -> Mapped {
    let (len, modified) = (meta.len(), meta.modified().ok());
    let one = Arc::new(Watched { map, name: name.into(), file, len, modified });
    let mut all = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|one| one.strong_count() > 0);
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

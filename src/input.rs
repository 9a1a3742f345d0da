//! Where bytes come from: files (memory mapped), standard input.
//!
//! The only room of the host program with `unsafe` in it.

use crate::error::{Error, Result};
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// One input as the user named it, and its bytes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name for messages: the path as given, or `standard input`.
    pub name: String,
    /// All of it. A mapped file costs memory only where it is touched.
    pub bytes: Bytes,
}

impl Input {
    /// Opens `path`; `-` is standard input. With `map` false a file is read instead of mapped.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read, [`Error::Usage`] for a folder.
    pub fn open(path: &Path, map: bool) -> Result<Input> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|e| Error::io("standard input", e))?;
            return Ok(Input { name: "standard input".into(), bytes: bytes.into() });
        }
        let name = path.display().to_string();
        let io = |e| Error::io(path, e);
        let mut file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if meta.is_dir() {
            return Err(Error::Usage(format!("{name}: is a folder; name the dump in it")));
        }
        if map && meta.is_file() && meta.len() > 0 {
            return Ok(Input { name, bytes: map_file(&file).map_err(io)? });
        }
        // Pipes and devices have no length and can't be mapped.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        Ok(Input { name, bytes: bytes.into() })
    }
}

#[allow(unsafe_code, reason = "mapping a file is unsafe by nature; argued below")]
fn map_file(file: &File) -> std::io::Result<Bytes> {
    // SAFETY: the map is private and only ever read. What can go wrong is that another process
    // shortens the file while we run (the system then ends us with SIGBUS) or writes to it (we
    // then see other bytes than before; every reader checks each value it takes at the moment
    // it takes it, so this leads to an error or a wrong dump, not to a wrong access). Dumps are
    // finished files; for the rest there is `--no-mmap`.
    let map = unsafe { Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}

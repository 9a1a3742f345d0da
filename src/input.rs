//! Where bytes come from: files (memory mapped), standard input.
//!
//! The only room of the host program with `unsafe` in it.

use crate::error::{Error, Result};
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One input as the user named it, and its bytes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name for messages: the path as given, or `standard input`.
    pub name: String,
    /// All of it. A mapped file costs memory only where it is touched.
    pub bytes: Bytes,
    /// The device address of the first byte, where the name says it: `ram@0x20000000.bin`.
    pub addr: Option<u64>,
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
            return Ok(Input { name: "standard input".into(), bytes: bytes.into(), addr: None });
        }
        let name = path.display().to_string();
        let io = |e| Error::io(path, e);
        let mut file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if meta.is_dir() {
            return Err(Error::Usage(format!("{name}: is a folder; name the dump in it")));
        }
        if map && meta.is_file() && meta.len() > 0 {
            let addr = address_in_name(path, meta.len());
            return Ok(Input { name, bytes: map_file(&file).map_err(io)?, addr });
        }
        // Pipes and devices have no length and can't be mapped.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let addr = address_in_name(path, bytes.len() as u64);
        Ok(Input { name, bytes: bytes.into(), addr })
    }
}

/// An ELF file of type `ET_EXEC` or `ET_DYN`.
pub(crate) fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") && matches!(bytes.get(16), Some(2 | 3))
}

/// Whether `bytes` begin like an ELF core file.
pub fn is_core(bytes: &[u8]) -> bool {
    use goblin::elf::{Elf, header};
    bytes.starts_with(header::ELFMAG)
        && Elf::parse_header(bytes).is_ok_and(|header| header.e_type == header::ET_CORE)
}

/// Splits `FILE@0x20000000` and `FILE:0x20000000`, unless a file of the whole name is there.
pub(crate) fn with_address(path: &Path) -> Option<(PathBuf, u64)> {
    let text = path.to_str()?;
    let (file, addr) = text.rsplit_once(['@', ':'])?;
    let addr = u64::from_str_radix(addr.strip_prefix("0x")?, 16).ok()?;
    (!file.is_empty() && !path.exists()).then(|| (file.into(), addr))
}

/// The address that the name of a raw image tells: `ram@0x20000000.bin`, `ram_20000000.bin`,
/// `mem-20000000-20010000.bin`. Digits without `0x` must be eight, end in 00 (no date does) and,
/// where a second such number follows, be as far from it as the file is long.
pub(crate) fn address_in_name(path: &Path, len: u64) -> Option<u64> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !matches!(extension.to_ascii_lowercase().as_str(), "bin" | "raw" | "img" | "dat" | "") {
        return None;
    }
    let stem = path.file_stem()?.to_str()?.to_ascii_lowercase();
    let words: Vec<&str> = stem.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let prefixed = words.iter().find_map(|word| word.strip_prefix("0x").and_then(hex));
    let bare: Vec<u64> = words
        .iter()
        .filter(|word| word.len() == 8 && word.ends_with("00"))
        .filter_map(|word| hex(word))
        .collect();
    prefixed.or(match bare.as_slice() {
        [addr] => Some(*addr),
        [start, end] => (end.checked_sub(*start) == Some(len)).then_some(*start),
        _ => None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_image_tells_its_address_and_a_date_is_none() {
        let addr = |name: &str| address_in_name(Path::new(name), 0x10000);
        assert_eq!(addr("a/raw-ram@0x20000000.bin"), Some(0x2000_0000));
        assert_eq!(addr("0x20000000.bin"), Some(0x2000_0000));
        assert_eq!(addr("ram_20000000.bin"), Some(0x2000_0000));
        assert_eq!(addr("mem-20000000-20010000.bin"), Some(0x2000_0000));
        assert_eq!(addr("mem-20000000-20020000.bin"), None);
        assert_eq!(addr("dump-20260104.bin"), None);
        assert_eq!(addr("crash.bin"), None);
        assert_eq!(addr("ram_20000000.log"), None);
    }

    #[test]
    fn an_address_behind_the_name_is_split_off() {
        let split = with_address(Path::new("ram.bin@0x20000000"));
        assert_eq!(split, Some(("ram.bin".into(), 0x2000_0000)));
        assert_eq!(with_address(Path::new("ram.bin:20000000")), None);
        assert_eq!(with_address(Path::new("ram.bin")), None);
    }
}

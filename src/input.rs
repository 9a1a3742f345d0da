//! Where bytes come from: files (large ones memory mapped), pipes, standard input.
//!
//! The only room of the host program with `unsafe` in it.

use crate::error::{Error, Fault, Result};
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod spool;
pub(crate) mod watch;
pub(crate) use watch::give_back_memory;

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
    /// Opens `path`; `-` is standard input. Small files are read, large ones are mapped unless `map`
    /// is false.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read; [`Error::Usage`] for a folder, a device, and what has no
    /// end.
    pub fn open(path: &Path, map: bool) -> Result<Input> {
        if path == Path::new("-") {
            let name = "standard input";
            if let Some(file) = spool::own_file() {
                let meta = file.metadata().map_err(|e| Error::io(name, e))?;
                return Ok(Input {
                    name: name.into(),
                    bytes: of_file(name, file, &meta, map)?,
                    addr: None,
                });
            }
            let bytes = spool::read_stream(name, &mut std::io::stdin().lock(), map)?;
            return Ok(Input { name: name.into(), bytes, addr: None });
        }
        let name = path.display().to_string();
        let io = |e| Error::io(path, e);
        // Not opened yet: opening waits, where it is a FIFO.
        let meta = std::fs::metadata(path).map_err(io)?;
        if meta.is_dir() {
            return Err(Error::Usage(format!("{name}: is a folder; name the dump in it")));
        }
        if !meta.is_file() {
            let bytes = match is_device(&meta) {
                // The one device that is a stream of bytes that somebody sends.
                true if is_standard_input(path) => {
                    spool::read_stream(&name, &mut File::open(path).map_err(io)?, map)?
                }
                true => {
                    return Err(Error::Input {
                        file: name,
                        fault: Box::new(Fault::new("input", "kind", 0, "a file", "a device")),
                    });
                }
                false => read_pipe(path, &name, map)?,
            };
            let addr = address_in_name(path, bytes.len() as u64);
            return Ok(Input { name, bytes, addr });
        }
        let file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        let addr = address_in_name(path, meta.len());
        Ok(Input { bytes: of_file(&name, file, &meta, map)?, name, addr })
    }
}

/// The bytes of a plain file.
fn of_file(name: &str, mut file: File, meta: &Metadata, map: bool) -> Result<Bytes> {
    let io = |e| Error::io(name, e);
    if meta.len() > LARGEST {
        let found = format!("{} GiB", meta.len() >> 30);
        let fault = Fault::new("input", "length", 0, "at most 64 GiB", found);
        return Err(Error::Input { file: name.into(), fault: Box::new(fault) });
    }
    if map && meta.len() > READ_UP_TO {
        let map = map_file(&file).map_err(io)?;
        return Ok(Bytes::from_owner(watch::watched(name, map, file, meta)));
    }
    let mut bytes = Vec::new();
    // The files below /proc and /sys have a length of 0 and may be as long as they like.
    let most = meta.len().max(spool::MOST_IN_MEMORY);
    bytes
        .try_reserve_exact(usize::try_from(meta.len()).unwrap_or(usize::MAX))
        .map_err(|_| Error::Resource(format!("{name}: no memory for {} bytes", meta.len())))?;
    (&mut file).take(most).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes.into())
}

/// Files up to here are read: what becomes of them later is of no matter then.
const READ_UP_TO: u64 = 32 << 20;
/// More than any device has memory; what is longer is a sparse file or a mistake.
const LARGEST: u64 = 64 << 30;
/// So long a FIFO may be without a writer.
const WAIT_FOR_WRITER: Duration = Duration::from_secs(5);

/// Reads a FIFO or a pipe. Opening one waits for a writer, and nothing can end that: it is done by a
/// thread that is left behind if nobody comes.
fn read_pipe(path: &Path, name: &str, map: bool) -> Result<Bytes> {
    let (send, opened) = std::sync::mpsc::channel();
    let own = path.to_path_buf();
    std::thread::Builder::new()
        .name("pipe".into())
        .spawn(move || {
            // Nobody listens any more once the time is over.
            let _ = send.send(File::open(own));
        })
        .map_err(|e| Error::Resource(format!("can't start a thread: {e}")))?;
    match opened.recv_timeout(WAIT_FOR_WRITER) {
        Ok(file) => spool::read_stream(name, &mut file.map_err(|e| Error::io(path, e))?, map),
        Err(_) => Err(Error::io(
            path,
            std::io::Error::other("is a pipe, and nobody has opened it for writing"),
        )),
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
        || path == Path::new("/dev/stdin")
}

#[cfg(unix)]
fn is_device(meta: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = meta.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_socket()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
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
fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is shared with the file and only ever read by us. Another process can change
    // it meanwhile. Where it writes, we see other bytes than before: every reader checks each value
    // it takes at the moment it takes it, so this leads to an error or a wrong dump, not to a wrong
    // access. (`Bytes` hands out `&[u8]`, of which the language demands that nothing changes it: we
    // rely on the compiler not to read such bytes twice and believe them once.) Where it shortens
    // the file, a touch of a page that is gone ends us with SIGBUS. What is done about it:
    // - files up to READ_UP_TO are read, and with `--no-mmap` no file is mapped;
    // - memory that a debugger asks for, and all words that kernels, backtraces and values are made
    //   of, come from `pread` (`watch::copy`), which ends short where a file was cut;
    // - the server looks at size and time of the files before and after each request.
    // What is left: a file that is cut while it is being opened, and one of more than READ_UP_TO whose
    // debug information, or text in memory, is looked for while it is cut, between that look and the
    // touch. Triage opens files in other processes: there it costs one row.
    unsafe { Mmap::map(file) }
}

/// Gives the pages of a map back to the system; those that are touched again are read again.
#[cfg(unix)]
#[allow(unsafe_code, reason = "dropping pages is unsafe where they were written to; argued below")]
fn drop_pages(map: &Mmap) {
    // SAFETY: what a map loses by this is what was written to it and is in no file. Ours are shared
    // with their files and never written to.
    let dropped = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    if let Err(error) = dropped {
        tracing::debug!("the pages of a map stay: {error}");
    }
}

#[cfg(not(unix))]
fn drop_pages(_: &Mmap) {}

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

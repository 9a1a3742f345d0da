//! What comes as a stream: standard input, pipes. Short ones are kept in memory. Logs of gigabytes go
//! to a file that has no name, so that they can be looked at from their end on like any other.

use super::{READ_UP_TO, of_file};
use crate::error::{Error, Fault, Result};
use bytes::Bytes;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};

/// What has no length is read up to here, and what is no text.
pub(super) const MOST_IN_MEMORY: u64 = 128 << 20;
/// So long a log may be. One without an end is not to fill a disk.
const MOST_TEXT: u64 = 2 << 30;

/// Reads all that comes. `map`: whether files may be mapped.
pub(super) fn read_stream(name: &str, from: &mut dyn Read, map: bool) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let mut spool: Option<File> = None;
    let (mut len, mut is_text) = (0u64, true);
    loop {
        let part = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => chunk.get(..n).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::io(name, e)),
        };
        len = len.saturating_add(part.len() as u64);
        match &mut spool {
            Some(file) => file.write_all(part).map_err(|e| full(name, &e))?,
            None => bytes.extend_from_slice(part),
        }
        is_text &= memchr::memchr(0, part).is_none();
        let most = if spool.is_some() { MOST_TEXT } else { MOST_IN_MEMORY };
        if len > most {
            let expected = format!("an end within {} MiB (save it to a file)", most >> 20);
            let fault = Fault::new("input", "length", most, expected, "more");
            return Err(Error::Input { file: name.into(), fault: Box::new(fault) });
        }
        if spool.is_none() && map && is_text && len > READ_UP_TO {
            let mut file = without_name().map_err(|e| full(name, &e))?;
            file.write_all(&std::mem::take(&mut bytes)).map_err(|e| full(name, &e))?;
            spool = Some(file);
        }
    }
    match spool {
        Some(file) => {
            let meta = file.metadata().map_err(|e| Error::io(name, e))?;
            of_file(name, file, &meta, map)
        }
        None => Ok(bytes.into()),
    }
}

fn full(name: &str, error: &std::io::Error) -> Error {
    let place = std::env::temp_dir();
    Error::Resource(format!("{name}: can't be kept in {}: {error}", place.display()))
}

/// A file that nobody else can find, and that goes with us.
#[cfg(unix)]
fn without_name() -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    for number in 0..64 {
        let path =
            std::env::temp_dir().join(format!("coroner-stream-{}-{number}", std::process::id()));
        match options.open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(not(unix))]
fn without_name() -> std::io::Result<File> {
    Err(ErrorKind::Unsupported.into())
}

/// Standard input, where it is a plain file: `coroner info - < log`.
#[cfg(unix)]
pub(super) fn own_file() -> Option<File> {
    use std::io::Seek;
    use std::os::fd::AsFd;
    let mut file = File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    let is_whole = file.metadata().ok()?.is_file() && file.stream_position().ok()? == 0;
    is_whole.then_some(file)
}

#[cfg(not(unix))]
pub(super) fn own_file() -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_kept_in_a_file_and_other_bytes_are_not() {
        let text = b"line\n".repeat((READ_UP_TO as usize + 5) / 5);
        let read = |bytes: &[u8], map| read_stream("x", &mut &*bytes, map);
        for map in [true, false] {
            let kept = read(&text, map).expect("there is room");
            assert!(*kept == *text);
            assert_eq!(super::super::watch::is_mapped(&kept), map);
        }
        let other = [b"\0", &*text].concat();
        assert!(!super::super::watch::is_mapped(&read(&other, true).expect("there is room")));
        let endless = read_stream("x", &mut std::io::repeat(0), true).expect_err("no end");
        assert!(endless.to_string().contains("128 MiB"), "{endless}");
    }
}

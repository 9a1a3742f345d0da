//! tar, as it is or in gzip, zstd, xz or bzip2.
//!
//! Source of the mark: POSIX.1-2017, pax, "ustar Interchange Format".

use super::{Contents, LARGEST};
use crate::carrier::compressed;
use crate::error::Fault;
use bytes::Bytes;
use std::io::{Read, Result};

const NAME: &str = "tar";
const MARK: &[u8] = b"ustar";
const MARK_OFF: usize = 257;
const BLOCK_LEN: u64 = 512;

/// All files of a tar archive.
pub(super) fn contents(bytes: &Bytes) -> Option<Contents> {
    if is_head(bytes) {
        return Some(read(&bytes[..]));
    }
    // Whether it is one is told by its first block: dumps are compressed more often than tars.
    let mut head = Vec::new();
    let peek = compressed::decoder(bytes)?.1.ok()?;
    peek.take(BLOCK_LEN).read_to_end(&mut head).ok()?;
    is_head(&head).then(|| compressed::decoder(bytes)?.1.ok().map(read))?
}

fn is_head(bytes: &[u8]) -> bool {
    bytes.get(MARK_OFF..).is_some_and(|rest| rest.starts_with(MARK))
}

/// A tar that breaks off gives the files before the break.
fn read(from: impl Read) -> Contents {
    let mut contents = Contents::default();
    let mut archive = tar::Archive::new(from);
    let mut at = 0;
    let read = archive.entries().and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            at = entry.raw_header_position();
            if let Some(file) = take(entry)? {
                contents.files.push(file);
            }
        }
        Ok(())
    });
    if let Err(e) = read {
        contents.faults.push(Fault::new(NAME, "file", at, "a header and its data", e.to_string()));
    }
    contents
}

fn take(mut entry: tar::Entry<'_, impl Read>) -> Result<Option<(String, Bytes)>> {
    if !entry.header().entry_type().is_file() {
        return Ok(None);
    }
    let path = entry.path_bytes();
    let name = String::from_utf8_lossy(path.strip_prefix(b"./").unwrap_or(&path)).into_owned();
    let len = entry.size();
    if len > LARGEST {
        return Err(std::io::Error::other(format!("{name} has {len} bytes")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        return Err(std::io::Error::other(format!("{} bytes of {len} of {name}", bytes.len())));
    }
    Ok(Some((name, bytes.into())))
}

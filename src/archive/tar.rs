//! tar, as it is or in gzip, zstd, xz or bzip2.
//!
//! Source of the mark: POSIX.1-2017, pax, "ustar Interchange Format".

use super::{Contents, of_macos};
use crate::budget::Budget;
use crate::carrier::compressed;
use crate::error::Fault;
use bytes::Bytes;
use std::io::{Read, Result};

const NAME: &str = "tar";
const MARK: &[u8] = b"ustar";
const MARK_OFF: usize = 257;
const BLOCK_LEN: u64 = 512;
/// Longer names are no names (`PATH_MAX` of Linux).
const LONGEST_NAME: usize = 4096;

/// Whether `bytes` are a tar archive. A compressed one is told by its first block: dumps are
/// compressed more often than tars.
pub(super) fn is_tar(bytes: &Bytes) -> bool {
    if is_head(bytes) {
        return true;
    }
    let mut head = Vec::new();
    let Some((_, Ok(decoder))) = compressed::decoder(bytes) else { return false };
    decoder.take(BLOCK_LEN).read_to_end(&mut head).is_ok() && is_head(&head)
}

/// The files of a tar archive, if there are at most `most`.
pub(super) fn contents(bytes: &Bytes, most: usize, budget: &Budget) -> Option<Contents> {
    if is_head(bytes) {
        return Some(read(&bytes[..], Some(bytes), most));
    }
    if !is_tar(bytes) {
        return None;
    }
    let (name, decoder) = compressed::decoder(bytes)?;
    // All of the stream is paid for: also what is between the files, and long names of them.
    let mut paying = budget.paying(decoder.ok()?);
    let mut contents = read(&mut paying, None, most);
    if paying.ran_out {
        contents.faults = vec![budget.too_large(name, "tar archive")];
    }
    Some(contents)
}

fn is_head(bytes: &[u8]) -> bool {
    bytes.get(MARK_OFF..).is_some_and(|rest| rest.starts_with(MARK))
}

/// A tar that breaks off gives the files before the break. Of one that is not compressed (`plain`)
/// nothing is copied.
fn read(from: impl Read, plain: Option<&Bytes>, most: usize) -> Contents {
    let mut contents = Contents::default();
    let mut archive = tar::Archive::new(from);
    let mut at = 0;
    let read = archive.entries().and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            at = entry.raw_header_position();
            let Some((name, bytes)) = take(entry, plain)? else { continue };
            contents.count += 1;
            if contents.count > most {
                contents.files.clear();
                break;
            }
            contents.files.push((name, bytes));
        }
        Ok(())
    });
    if let Err(e) = read {
        contents.faults.push(Fault::new(NAME, "file", at, "a header and its data", e.to_string()));
    }
    contents
}

fn take(
    mut entry: tar::Entry<'_, impl Read>,
    plain: Option<&Bytes>,
) -> Result<Option<(String, Bytes)>> {
    if !entry.header().entry_type().is_file() {
        return Ok(None);
    }
    let path = entry.path_bytes();
    if path.len() > LONGEST_NAME {
        return Err(std::io::Error::other(format!("a name of {} bytes", path.len())));
    }
    let name = String::from_utf8_lossy(path.strip_prefix(b"./").unwrap_or(&path)).into_owned();
    if of_macos(&name) {
        return Ok(None);
    }
    let (start, len) = (entry.raw_file_position(), entry.size());
    let bytes: Bytes = match plain {
        Some(plain) => {
            let start = usize::try_from(start).unwrap_or(usize::MAX).min(plain.len());
            let len = usize::try_from(len).unwrap_or(usize::MAX).min(plain.len() - start);
            plain.slice(start..start + len)
        }
        None => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            bytes.into()
        }
    };
    if (bytes.len() as u64) < len {
        return Err(std::io::Error::other(format!("{} bytes of {len} of {name}", bytes.len())));
    }
    Ok(Some((name, bytes)))
}

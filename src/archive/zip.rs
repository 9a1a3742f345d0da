//! zip: read from the directory at its end, so one whose tail is missing gives nothing.
//!
//! Source: PKWARE, APPNOTE.TXT 6.3.10, section 4.3.

use super::{Contents, of_macos};
use crate::budget::Budget;
use crate::error::Fault;
use bytes::Bytes;
use std::io::Cursor;

const NAME: &str = "zip";
/// What stands before the first file, and what a zip without files consists of.
const HEADS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// A zip archive.
#[derive(Debug)]
pub struct Zip(zip::ZipArchive<Cursor<Bytes>>);

/// Whether `bytes` begin like a zip archive.
pub(super) fn is_head(bytes: &[u8]) -> bool {
    HEADS.iter().any(|head| bytes.starts_with(head))
}

/// The files of a zip archive, if there are at most `most`.
pub(super) fn contents(bytes: &Bytes, most: usize, budget: &Budget) -> Option<Contents> {
    if !is_head(bytes) {
        return None;
    }
    let mut contents = Contents::default();
    match Zip::open(bytes.clone()) {
        Ok(mut zip) => {
            let mut files = zip.files();
            files.retain(|(_, name)| !of_macos(name));
            contents.count = files.len();
            // Counted before anything is unpacked.
            let wanted = if files.len() > most { Vec::new() } else { files };
            for (index, name) in wanted {
                match zip.unpack(index, budget) {
                    Ok(bytes) => contents.files.push((name, bytes)),
                    Err(fault) => contents.faults.push(fault),
                }
            }
        }
        Err(fault) => contents.faults.push(fault),
    }
    Some(contents)
}

impl Zip {
    /// Reads the directory of the archive. Bytes before and behind it do no harm.
    ///
    /// # Errors
    /// There is no directory, or it can't be read.
    pub fn open(bytes: Bytes) -> Result<Zip, Fault> {
        let len = bytes.len() as u64;
        let archive = zip::ZipArchive::new(Cursor::new(bytes));
        archive.map(Zip).map_err(|e| {
            Fault::new(NAME, "directory", len, "one at the end of the file", e.to_string())
        })
    }

    /// The numbers and names of its files, in the order of the directory.
    pub fn files(&self) -> Vec<(usize, String)> {
        let names = self.0.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned());
        names.enumerate().filter(|(_, name)| !name.ends_with('/')).collect()
    }

    /// Its comment; without one an empty text.
    pub fn comment(&self) -> String {
        String::from_utf8_lossy(self.0.comment()).into_owned()
    }

    /// The file of number `index` as it was.
    ///
    /// # Errors
    /// It is encrypted, packed in a way that is not known here, larger than `budget` has room for, or
    /// damaged (its CRC-32 is checked).
    pub fn unpack(&mut self, index: usize, budget: &Budget) -> Result<Bytes, Fault> {
        let fault = |field: String, at: u64, found: String| {
            Fault::new(NAME, field, at, "data that unpacks", found)
        };
        let number = || format!("file {}", index + 1);
        let mut file = self.0.by_index(index).map_err(|e| fault(number(), 0, e.to_string()))?;
        let name = format!("file {}", String::from_utf8_lossy(file.name_raw()));
        let at = file.header_start();
        // What it says is believed if that is too much; what is there is counted all the same.
        budget.has_room(file.size(), NAME, &name)?;
        match budget.read(&mut file, NAME, &name)? {
            (plain, None) => Ok(plain.into()),
            (_, Some(e)) => Err(fault(name, at, e.to_string())),
        }
    }
}

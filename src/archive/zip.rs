//! zip: read from the directory at its end, so one whose tail is missing gives nothing.
//!
//! Source: PKWARE, APPNOTE.TXT 6.3.10, section 4.3.

use super::{Contents, LARGEST};
use crate::error::Fault;
use bytes::Bytes;
use std::io::{Cursor, Read};

const NAME: &str = "zip";
/// What stands before the first file, and what a zip without files consists of.
const HEADS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// A zip archive.
#[derive(Debug)]
pub struct Zip(zip::ZipArchive<Cursor<Bytes>>);

/// All files of a zip archive.
pub(super) fn contents(bytes: &Bytes) -> Option<Contents> {
    if !HEADS.iter().any(|head| bytes.starts_with(head)) {
        return None;
    }
    let mut contents = Contents::default();
    match Zip::open(bytes.clone()) {
        Ok(mut zip) => {
            for (index, name) in zip.files() {
                match zip.unpack(index) {
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
    /// It is encrypted, packed in a way that is not known here, larger than a gigabyte, or damaged
    /// (its CRC-32 is checked).
    pub fn unpack(&mut self, index: usize) -> Result<Bytes, Fault> {
        let fault = |field: String, at: u64, found: String| {
            Fault::new(NAME, field, at, "data that unpacks", found)
        };
        let number = || format!("file {}", index + 1);
        let mut file = self.0.by_index(index).map_err(|e| fault(number(), 0, e.to_string()))?;
        let name = format!("file {}", String::from_utf8_lossy(file.name_raw()));
        let at = file.header_start();
        if file.size() > LARGEST {
            return Err(fault(name, at, format!("{} bytes", file.size())));
        }
        let mut plain = Vec::new();
        match file.by_ref().take(LARGEST).read_to_end(&mut plain) {
            Ok(_) => Ok(plain.into()),
            Err(e) => Err(fault(name, at, e.to_string())),
        }
    }
}

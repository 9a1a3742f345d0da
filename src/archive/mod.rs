//! Files that hold files: zip, and tar as it is or compressed. Bug trackers and CI jobs pass dumps
//! on in them, often with the program beside.

mod tar;
pub mod zip;

use crate::error::Fault;
use bytes::Bytes;

/// No file in an archive is unpacked that is larger: neither a dump nor an ELF file of a
/// microcontroller with all its debug information.
const LARGEST: u64 = 1 << 30;

/// What was taken out of an archive.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its files, in its order, with the names that they have in it.
    pub files: Vec<(String, Bytes)>,
    /// Why there are not more.
    pub faults: Vec<Fault>,
}

/// The files in `bytes`, if they are an archive. Folders, links and what macOS adds are left out.
pub fn contents(bytes: &Bytes) -> Option<Contents> {
    let mut contents = zip::contents(bytes).or_else(|| tar::contents(bytes))?;
    contents.files.retain(|(name, bytes)| {
        let of_macos = name.starts_with("__MACOSX/") || name.ends_with(".DS_Store");
        !bytes.is_empty() && !of_macos
    });
    Some(contents)
}

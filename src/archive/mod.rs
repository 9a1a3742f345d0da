//! Files that hold files: zip, and tar as it is or compressed. Bug trackers and CI jobs pass dumps
//! on in them, often with the program beside.

mod tar;
pub mod zip;

use crate::budget::Budget;
use crate::error::Fault;
use bytes::Bytes;

/// What was taken out of an archive.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its files, in its order, with the names that they have in it.
    pub files: Vec<(String, Bytes)>,
    /// How many there are, also of those that were not taken.
    pub count: usize,
    /// Why there are not more.
    pub faults: Vec<Fault>,
}

/// Whether `bytes` are an archive, by what they begin with.
pub fn is_archive(bytes: &Bytes) -> bool {
    zip::is_head(bytes) || tar::is_tar(bytes)
}

/// The files in `bytes`, if they are an archive of at most `most` files; of one with more, none.
/// Folders, links and what macOS adds are left out.
pub fn contents(bytes: &Bytes, most: usize, budget: &Budget) -> Option<Contents> {
    let contents = zip::contents(bytes, most, budget);
    let mut contents = contents.or_else(|| tar::contents(bytes, most, budget))?;
    let listed = contents.files.len();
    contents.files.retain(|(_, bytes)| !bytes.is_empty());
    contents.count -= listed - contents.files.len();
    Some(contents)
}

/// What macOS adds to archives, for itself.
fn of_macos(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.ends_with(".DS_Store")
}

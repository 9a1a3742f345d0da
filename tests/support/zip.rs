//! Zip archives.

use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// An archive of `files`: names and contents.
pub(crate) fn zipped<N: AsRef<str>, B: AsRef<[u8]>>(files: &[(N, B)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_ref(), SimpleFileOptions::default()).expect("a fresh name");
        zip.write_all(bytes.as_ref()).expect("into memory");
    }
    zip.finish().expect("into memory").into_inner()
}

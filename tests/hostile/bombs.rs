//! Little that unpacks to much.

use crate::limits::{Folder, run};
use std::io::Write;

const MIB: usize = 1 << 20;

fn gzip(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    pieces.for_each(|piece| out.write_all(&piece).expect("memory"));
    out.finish().expect("memory")
}

fn zeros(mebibytes: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..mebibytes).map(|_| vec![0; MIB])
}

/// Refused within the limits, in words that name the limit.
#[track_caller]
fn is_refused(name: &str, bytes: &[u8]) {
    assert!(bytes.len() < 10 * MIB, "{name} is {} bytes", bytes.len());
    let folder = Folder::new(name);
    folder.put(name, bytes);
    let ran = run(&folder, &["info", name, "--no-cache"]).within(name);
    assert_eq!(ran.output.status.code(), Some(1), "{name}: {}", ran.words());
    assert!(ran.words().contains("--max-memory"), "{name}: {}", ran.words());
}

#[test]
fn a_stream_larger_than_the_budget_is_refused_as_that() {
    is_refused("zeros.gz", &gzip(zeros(300)));
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    zeros(300).for_each(|piece| bzip2.write_all(&piece).expect("memory"));
    is_refused("zeros.bz2", &bzip2.finish().expect("memory"));
}

#[test]
fn layers_are_counted_together() {
    // Each is below the limit, the sum is not.
    let inner = gzip(zeros(70));
    let outer = gzip(std::iter::once(inner).chain(zeros(70)));
    is_refused("twice.gz", &outer);
    is_refused("thrice.gz", &gzip(std::iter::once(gzip(std::iter::once(gzip(zeros(200)))))));
}

#[test]
fn the_user_may_raise_the_limit_and_lower_it() {
    let folder = Folder::new("limit");
    let dump = std::fs::read(crate::limits::demo("dump.core")).expect("it is there");
    let packed = gzip(std::iter::once(dump).chain(zeros(40)));
    folder.put("x.gz", &packed);
    let info = |limit| run(&folder, &["info", "x.gz", "--no-cache", "--max-memory", limit]);
    let low = info("16M");
    assert_eq!(low.output.status.code(), Some(1));
    assert!(low.words().contains("8 MiB"), "{}", low.words());
    assert_eq!(info("128M").output.status.code(), Some(0));
}

fn tar(names: &[&str], each: &[u8]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(each.len() as u64);
        header.set_cksum();
        out.append_data(&mut header, name, each).expect("memory");
    }
    out.into_inner().expect("memory")
}

#[test]
fn files_of_an_archive_are_counted_together() {
    let all = tar(&["a", "b", "c", "d", "e", "f"], &vec![0; 50 * MIB]);
    is_refused("files.tgz", &gzip(std::iter::once(all)));
}

#[test]
fn a_tar_that_is_not_packed_costs_nothing_more() {
    let folder = Folder::new("plain-tar");
    let dump = std::fs::read(crate::limits::demo("dump.core")).expect("it is there");
    folder.put("x.tar", &tar(&["dump.core"], &dump));
    let ran = run(&folder, &["info", "x.tar", "--no-cache"]).within("a plain tar");
    assert_eq!(ran.output.status.code(), Some(0), "{}", ran.words());
}

#[test]
fn a_long_name_is_no_name() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_path("././@LongLink").expect("it fits");
    header.set_size(400 << 20);
    header.set_cksum();
    let head = header.as_bytes().to_vec();
    is_refused("name.tgz", &gzip(std::iter::once(head).chain(zeros(400))));
}

#[test]
fn a_dictionary_of_gigabytes_is_not_taken() {
    // An xz block's filter says how large its dictionary is: here 4 GiB - 1.
    let mut xz = b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36".to_vec();
    let mut block = vec![2, 0, 0x21, 1, 40, 0, 0, 0];
    block.extend(crc32fast::hash(&block).to_le_bytes());
    xz.extend(block);
    xz.extend([0xe0, 0xff, 0xff, 0xff, 0xff, 0x5d]);
    xz.extend([0; 4096]);
    let folder = Folder::new("dictionary");
    folder.put("x.xz", &xz);
    let ran = run(&folder, &["info", "x.xz", "--no-cache"]).within("a dictionary");
    assert_eq!(ran.output.status.code(), Some(1), "{}", ran.words());
}

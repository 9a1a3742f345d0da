//! Archives of dumps and what lies beside them: zip and tar, compressed or not, damaged or not.

use crate::support::formats as support;
use crate::support::zip as packed;
use coroner::dump::Note;
use coroner::open::{Opened, Options, open};
use packed::zipped;
use std::io::Write;
use std::path::{Path, PathBuf};

type Files<'a> = &'a [(&'a str, &'a [u8])];

fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(path).expect("part of the project")
}

fn tarred(files: Files<'_>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).expect("into memory");
    }
    tar.into_inner().expect("into memory")
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).expect("into memory");
    gzip.finish().expect("into memory")
}

fn bzipped(bytes: &[u8]) -> Vec<u8> {
    let mut bzip = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip.write_all(bytes).expect("into memory");
    bzip.finish().expect("into memory")
}

fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("a folder for tests");
    path
}

fn opened(name: &str, bytes: &[u8]) -> Result<Opened, String> {
    open(&[written(name, bytes)], &Options::default()).map_err(|error| error.to_string())
}

fn notes(opened: &Opened) -> String {
    opened.dump.notes.iter().map(Note::to_string).collect::<Vec<_>>().join("\n")
}

/// The dump and its program, as somebody attaches them to a report.
#[test]
fn a_dump_is_found_in_an_archive_and_so_is_its_program() {
    let (dump, elf) = (data("demo/dump.core"), data("demo/firmware.elf"));
    let files: Files<'_> = &[
        ("report/dump.core", &dump),
        ("report/build/firmware.elf", &elf),
        ("__MACOSX/report/._dump.core", b"resource fork"),
        ("report/empty.log", b""),
    ];
    let tar = tarred(files);
    let archives = [
        ("a.zip", zipped(files)),
        ("a.tar.gz", gzipped(&tar)),
        ("a.tar.bz2", bzipped(&tar)),
        ("a.tar", tar),
        ("nested.zip", zipped(&[("logs.zip", zipped(files))])),
    ];
    for (name, archive) in archives {
        let opened = opened(name, &archive).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(opened.file.ends_with("/report/dump.core"), "{name}: {}", opened.file);
        let firmware = opened.firmware.as_ref().unwrap_or_else(|| panic!("{name}: no program"));
        assert!(firmware.path.ends_with("/report/build/firmware.elf"), "{name}");
        assert_eq!(opened.found.len(), 1, "{name}: {:?}", opened.found);
        assert!(!opened.dump.threads.is_empty(), "{name}");
    }
}

#[test]
fn a_folder_gives_the_program_too_unless_it_is_of_another_build() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside");
    std::fs::create_dir_all(&folder).expect("a folder for tests");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("a folder for tests");
    };
    write("dump.core", &data("demo/dump.core"));
    let elf = data("demo/firmware.elf");
    write("firmware.elf", &elf);
    let opened_folder = || open(std::slice::from_ref(&folder), &Options::default());
    let opened = opened_folder().expect("a dump and its program");
    assert!(opened.firmware.is_some());

    // One byte of the build id is another one: the note's owner stands right before it.
    let id = opened.firmware.as_ref().and_then(|elf| elf.build_id()).expect("it has one");
    let at = elf.windows(id.len()).position(|bytes| bytes == id).expect("it is in the file");
    let mut other = elf;
    other[at] ^= 1;
    write("firmware.elf", &other);
    let opened = opened_folder().expect("a dump without its program");
    assert!(opened.firmware.is_none());
    assert!(
        notes(&opened).contains("firmware.elf: next to the dump, but not its"),
        "{}",
        notes(&opened)
    );
}

/// A dump of Hubris brings its programs: one that happens to lie beside it is not asked.
#[test]
fn a_program_in_the_dump_goes_before_one_beside_it() {
    let Some(core) = support::sample("hubris/hubris.core.v6") else { return };
    let elf = data("demo/firmware.elf");
    let files: Files<'_> = &[("hubris.core.v6", &core), ("firmware.elf", &elf)];
    let opened = opened("hubris.zip", &zipped(files)).expect("a dump and a program");
    let firmware = opened.firmware.expect("it travels in the dump");
    assert!(firmware.path.starts_with("elf/"), "{}", firmware.path);
}

#[test]
fn a_program_alone_or_nothing_is_told_as_that() {
    let elf = data("demo/firmware.elf");
    let error = opened("program.zip", &zipped(&[("app.elf", &elf)])).expect_err("no dump");
    assert!(error.contains("holds no dump, only programs"), "{error}");
    let error = opened("empty.zip", &zipped::<&str, &[u8]>(&[])).expect_err("nothing");
    assert!(error.contains("an archive with 0 files"), "{error}");
    let error = opened("text.zip", &zipped(&[("notes.txt", b"it crashed again\n")]));
    let error = error.expect_err("no dump");
    assert!(error.contains("text.zip/notes.txt"), "{error}");
}

/// What is whole is given, what is not is named.
#[test]
fn of_a_damaged_archive_the_whole_files_are_given() {
    let (dump, elf) = (data("demo/dump.core"), data("demo/firmware.elf"));
    let files: Files<'_> = &[("dump.core", &dump), ("firmware.elf", &elf)];

    let tar = tarred(files);
    let cut = &tar[..tar.len() - elf.len() / 2 - 1024];
    let opened_cut = opened("cut.tar", cut).expect("the dump is whole");
    assert!(opened_cut.firmware.is_none());
    assert!(notes(&opened_cut).contains("cut.tar: tar: file at offset"), "{}", notes(&opened_cut));

    // A flipped bit in the program's packed bytes: its CRC tells.
    let mut zip = zipped(files);
    let name = b"firmware.elf";
    let at = zip.windows(name.len()).position(|bytes| bytes == name).expect("a local header");
    zip[at + 2000] ^= 0x10;
    let opened_flipped = opened("flipped.zip", &zip).expect("the dump is whole");
    assert!(opened_flipped.firmware.is_none());
    assert!(
        notes(&opened_flipped).contains("zip: file firmware.elf"),
        "{}",
        notes(&opened_flipped)
    );

    let error = opened("cut.zip", &zip[..zip.len() / 2]).expect_err("the directory is gone");
    assert!(error.contains("cut.zip: zip: directory at offset"), "{error}");
}

/// Every cut and many flipped bits of small archives: an answer or an error, never a panic.
#[test]
fn damaged_archives_never_panic() {
    let files: Files<'_> = &[("a.log", b"nothing\n"), ("ram@0x20000000.bin", &[7; 300])];
    let tar = tarred(files);
    for (name, archive) in [("d.zip", zipped(files)), ("d.tgz", gzipped(&tar)), ("d.tar", tar)] {
        support::keep_as_seed(&archive);
        let step = archive.len() / 100 + 1;
        for at in (0..archive.len()).step_by(step) {
            let _ = opened(name, &archive[..at]);
            let mut flipped = archive.clone();
            flipped[at] ^= 1 << (at % 8);
            let _ = opened(name, &flipped);
        }
    }
}

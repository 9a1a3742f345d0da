//! A dump that names no build, and builds of its program one commit apart: the right file is taken
//! for right, the other one never is.

use crate::support::stopped;
use coroner::dump::{Dump, Verdict};
use coroner::open::{Opened, Options};
use std::path::{Path, PathBuf};
use stopped::{M3, RAM, Stopped};

/// The program as it ran, and as it is one commit later.
fn builds() -> Option<(Stopped, Stopped)> {
    let link = |name: &str, defines: &[&str]| {
        let defines: Vec<String> = defines.iter().map(ToString::to_string).collect();
        Stopped::link(name, "commit.c", &M3, &defines)
    };
    Some((link("commit-0", &[])?, link("commit-1", &["ONE_COMMIT"])?))
}

/// What CrashCatcher sends of it: registers and RAM, and nothing of the build.
fn dump(stopped: &Stopped) -> Vec<u8> {
    let (stack, _) = stopped.symbol("stack");
    let (pc, _) = stopped.symbol("leaf");
    let (lr, _) = stopped.symbol("after_one");
    let mut words = vec![0x0003_4363, 0];
    words.extend([0; 13]);
    words.extend([stack + 4, lr | 1, pc & !1, 0x0100_0000, stack + 4, 0, 0]);
    words.extend([RAM, RAM + stopped.ram.len() as u32]);
    let head = words.iter().flat_map(|word: &u32| word.to_le_bytes());
    head.chain(stopped.ram.iter().copied()).collect()
}

fn opened(bytes: Vec<u8>, options: &Options) -> Result<Opened, coroner::error::Error> {
    crate::support::formats::open_bytes("crash.dmp", bytes, options)
}

fn with(elf: &[&PathBuf]) -> Options {
    let mut options = Options::default();
    options.elves.elf = elf.iter().map(|path| (*path).clone()).collect();
    options
}

fn verdict(dump: &Dump) -> Option<Verdict> {
    dump.identity.fit.as_ref().map(|fit| fit.verdict)
}

#[test]
fn the_build_that_ran_fits_and_says_by_what() {
    let Some((ran, _)) = builds() else { return };
    let opened = opened(dump(&ran), &with(&[&ran.elf])).expect("it opens");
    let fit = opened.dump.identity.fit.as_ref().expect("it was judged");
    assert_eq!(fit.verdict, Verdict::Fits, "{:?}", fit.evidence);
    for what in [
        "6 of 6 return addresses follow a call",
        "12 of 12 initialised pointers are as linked",
        "2 of 2 control blocks' functions begin one",
    ] {
        assert!(fit.evidence.iter().any(|words| words == what), "{what}: {:?}", fit.evidence);
    }
}

#[test]
fn a_build_one_commit_apart_is_never_shown_as_right() {
    let Some((ran, later)) = builds() else { return };
    for (dumped, other) in [(&ran, &later), (&later, &ran)] {
        match opened(dump(dumped), &with(&[&other.elf])) {
            Ok(opened) => assert_eq!(verdict(&opened.dump), Some(Verdict::Doubtful)),
            Err(error) => assert!(error.to_string().contains("another build"), "{error}"),
        }
        // Whichever is named first.
        for files in [[&dumped.elf, &other.elf], [&other.elf, &dumped.elf]] {
            let opened = opened(dump(dumped), &with(&files)).expect("one of them fits");
            let taken = opened.firmware.as_ref().map(|elf| Path::new(&elf.path).to_path_buf());
            assert_eq!(taken.as_ref(), Some(&dumped.elf));
            assert_eq!(verdict(&opened.dump), Some(Verdict::Fits));
        }
    }
}

#[test]
fn a_folder_of_builds_gives_the_one_that_ran() {
    let Some((ran, later)) = builds() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commits");
    std::fs::create_dir_all(&folder).expect("a folder for tests");
    for (name, build) in [("a.elf", &later), ("b.elf", &ran)] {
        std::fs::copy(&build.elf, folder.join(name)).expect("it was linked");
    }
    let mut options = Options::default();
    options.elves.elf_dir = vec![folder.clone()];
    for (build, name) in [(&ran, "b.elf"), (&later, "a.elf")] {
        let opened = opened(dump(build), &options).expect("it opens");
        let taken = opened.firmware.as_ref().map(|elf| elf.path.clone());
        assert_eq!(taken, Some(folder.join(name).display().to_string()), "{:?}", opened.dump.notes);
    }
    // Neither is taken of a program that is neither, and each says why.
    let strange: Vec<u8> =
        dump(&ran).into_iter().enumerate().map(|(n, b)| if n > 96 { !b } else { b }).collect();
    let opened = opened(strange, &options).expect("it opens without an ELF file");
    assert!(opened.firmware.is_none());
    let note = opened.dump.notes.iter().find(|note| note.code.as_deref() == Some("no-elf"));
    let words = &note.expect("it says why").words;
    assert!(words.contains("a.elf") && words.contains("b.elf"), "{words}");
}

//! The ELF file of the project that a user works in is found without being named, and taken only
//! if it is the dump's.

use crate::support::fixtures;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A project's folder that goes away with the test.
struct Project(PathBuf);

impl Project {
    fn new(name: &str) -> Project {
        let folder = std::env::temp_dir().join(format!("coroner-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).expect("room for files");
        Project(folder)
    }

    fn put(&self, from: &Path, to: &str) {
        let to = self.0.join(to);
        std::fs::create_dir_all(to.parent().expect("it has one")).expect("room for files");
        std::fs::copy(from, to).expect("the file is there");
    }

    /// What `coroner` says in the project's folder `below`.
    fn info(&self, below: &str, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_coroner"))
            .arg("info")
            .args(arguments)
            .current_dir(self.0.join(below))
            .stdin(Stdio::null())
            .output()
            .expect("our own program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo").join(name)
}

#[test]
fn by_its_build_id() {
    let project = Project::new("by-id");
    project.put(&demo("dump.core"), "dump.core");
    assert!(project.info("", &["dump.core"]).contains("ELF       not given"));
    project.put(&demo("firmware.elf"), "target/thumbv7em-none-eabi/release/station");
    let text = project.info("", &["dump.core"]);
    assert!(text.contains("release/station (matches the dump's build id"), "{text}");
    // From below the repository's folder too, but not from below one that is no repository.
    assert!(project.info("src", &["../dump.core"]).contains("ELF       not given"));
    std::fs::create_dir(project.0.join(".git")).expect("room for files");
    assert!(project.info("src", &["../dump.core"]).contains("release/station (matches"));
}

#[test]
fn another_build_is_not_taken_and_named() {
    let project = Project::new("another");
    project.put(&demo("dump.core"), "dump.core");
    let mut other = std::fs::read(demo("firmware.elf")).expect("it is there");
    let id = [0x46, 0x21, 0x9e, 0x65];
    let at = other.windows(4).position(|bytes| bytes == id).expect("its build id");
    other[at] ^= 0xff;
    let path = project.0.join("changed.elf");
    std::fs::write(&path, other).expect("room for files");
    project.put(&path, "build/station.elf");
    std::fs::remove_file(path).expect("it is ours");
    let text = project.info("", &["dump.core"]);
    assert!(text.contains("ELF       not given"), "{text}");
    assert!(text.contains("the newest is") && text.contains("build/station.elf"), "{text}");
    // Who names a file is not helped further.
    project.put(&demo("firmware.elf"), "build/right.elf");
    let named = project.info("", &["dump.core", "--elf", "build/station.elf", "--any-elf"]);
    assert!(named.contains("wrong ELF"), "{named}");
}

#[test]
fn by_what_a_dump_without_an_id_holds() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("espressif/esp32");
    let project = Project::new("by-fit");
    project.put(&folder.join("coredump_bin.raw"), "coredump.raw");
    project.put(&folder.join("esp32.elf"), "build/other.elf");
    let text = project.info("", &["coredump.raw"]);
    assert!(text.contains("nothing in the build folders here fits"), "{text}");
    project.put(&folder.join("esp32_bin.elf"), "build/app.elf");
    let text = project.info("", &["coredump.raw"]);
    assert!(text.contains("build/app.elf (not checked)"), "{text}");
    assert!(text.contains("nobody named it") && text.contains("and fits:"), "{text}");
}

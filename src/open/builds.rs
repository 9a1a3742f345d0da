//! Where build tools leave the ELF file: an ELF file of the project that one works in need not be
//! named.
//!
//! Only names are looked at here; whether a file is the dump's is judged as for `--elf-dir`.
//! Sources: ESP-IDF 5 build system ("build"), Zephyr's west and sysbuild, PlatformIO 6, Cargo 1.x,
//! CMake presets and CLion, STM32CubeIDE, RIOT's `bin`, NuttX's and RT-Thread's make files.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A path below the project: `*` in a part is any text. A last part without a dot is a program
/// without an extension.
const LAYOUTS: &[&str] = &[
    // ESP-IDF, CMake, Make
    "build/*.elf",
    "build/*/*.elf",
    "build*/*.elf",
    "cmake-build-*/*.elf",
    "out/*.elf",
    "*.elf",
    // Zephyr, alone and with sysbuild or a folder for each board
    "build/zephyr/zephyr.elf",
    "build/*/zephyr/zephyr.elf",
    "build/*/*/zephyr/zephyr.elf",
    // PlatformIO
    ".pio/build/*/firmware.elf",
    // Cargo for a target that is not this machine
    "target/*-*/*/*",
    "target/*-*/*/examples/*",
    // STM32CubeIDE and others that derive from Eclipse
    "Debug/*.elf",
    "Release/*.elf",
    // RIOT, NuttX
    "bin/*/*.elf",
    "nuttx",
];

/// How many entries are looked at in all, and how many files come of it, the newest first.
const MOST_ENTRIES: usize = 4096;
const MOST_FILES: usize = 24;
/// How far up the project's folder may be.
const MOST_PARENTS: usize = 4;

/// The folders of the project that `folder` is part of: itself, and those above it up to the
/// repository's.
pub fn projects(folder: &Path) -> Vec<PathBuf> {
    let above: Vec<&Path> = folder.ancestors().take(MOST_PARENTS + 1).collect();
    let top = above.iter().position(|folder| folder.join(".git").exists()).unwrap_or(0);
    above.into_iter().take(top + 1).map(Path::to_path_buf).collect()
}

/// The files in the build folders of `projects` that may be programs, the newest first.
pub(super) fn files(projects: &[PathBuf]) -> Vec<PathBuf> {
    let mut left = MOST_ENTRIES;
    let mut found: Vec<(Reverse<SystemTime>, PathBuf)> = Vec::new();
    for (project, layout) in projects.iter().flat_map(|at| LAYOUTS.iter().map(move |of| (at, of))) {
        let parts: Vec<&str> = layout.split('/').collect();
        walk(project, &parts, &mut left, &mut |path| {
            let changed = path.metadata().ok().filter(std::fs::Metadata::is_file);
            if let Some(changed) = changed.and_then(|of| of.modified().ok())
                && !found.iter().any(|(_, other)| *other == path)
            {
                found.push((Reverse(changed), path));
            }
        });
    }
    found.sort();
    found.into_iter().take(MOST_FILES).map(|(_, path)| path).collect()
}

/// Tells `take` the paths below `folder` that are like `parts`.
fn walk(folder: &Path, parts: &[&str], left: &mut usize, take: &mut impl FnMut(PathBuf)) {
    let Some((part, rest)) = parts.split_first() else { return };
    if !part.contains('*') {
        let path = folder.join(part);
        return match rest.is_empty() {
            true => take(path),
            false => walk(&path, rest, left, take),
        };
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Some(now) = left.checked_sub(1) else { return };
        *left = now;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_like(name, part)) else { continue };
        match rest.is_empty() {
            // Cargo's programs have no extension, and much beside them has one.
            true if *part == "*" && name.contains('.') => {}
            true => take(entry.path()),
            false => walk(&entry.path(), rest, left, take),
        }
    }
}

/// Whether `name` is `pattern`, in which each `*` is any text.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return name == pattern };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| is_like(rest, tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        for (name, pattern, is) in [
            ("app.elf", "*.elf", true),
            ("app.elf.bak", "*.elf", false),
            (".elf", "*.elf", true),
            ("thumbv7em-none-eabihf", "*-*", true),
            ("debug", "*-*", false),
            ("cmake-build-debug", "cmake-build-*", true),
            ("build", "build*", true),
            ("rebuild", "build*", false),
            ("x", "*", true),
        ] {
            assert_eq!(is_like(name, pattern), is, "{name} {pattern}");
        }
    }

    #[test]
    fn build_folders_of_the_usual_tools_are_known() {
        let root = std::env::temp_dir().join(format!("coroner-builds-{}", std::process::id()));
        let inside = [
            "build/app.elf",
            "build/zephyr/zephyr.elf",
            "build/mcuboot/zephyr/zephyr.elf",
            ".pio/build/esp32dev/firmware.elf",
            "target/thumbv7em-none-eabihf/release/app",
            "target/riscv32imc-unknown-none-elf/debug/examples/blinky",
            "cmake-build-debug/app.elf",
            "Debug/board.elf",
            "bin/nucleo/app.elf",
        ];
        let others = [
            "target/debug/deps/app-123",
            "target/thumbv7em-none-eabihf/release/app.d",
            "build/app.bin",
            "src/deep/er/app.elf",
        ];
        for name in inside.iter().chain(&others) {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("room for files");
            std::fs::write(path, "").expect("room for files");
        }
        let mut found: Vec<String> = files(std::slice::from_ref(&root))
            .iter()
            .map(|path| path.strip_prefix(&root).expect("below").display().to_string())
            .collect();
        found.sort();
        let mut expected = inside.map(String::from);
        expected.sort();
        assert_eq!(found, expected);
        std::fs::create_dir_all(root.join(".git")).expect("room for files");
        let below = root.join("src/deep/er");
        assert_eq!(projects(&below).last(), Some(&root));
        assert_eq!(projects(&root), std::slice::from_ref(&root));
        std::fs::remove_dir_all(&root).expect("it is ours");
    }
}

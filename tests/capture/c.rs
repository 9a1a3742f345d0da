//! The C interface: what the headers declare is what the library has, and compilers of C and C++ take it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn capture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("capture")
}

/// All files below a folder whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The names that begin with `coroner_` and follow `before`, up to an opening bracket, in all these files.
fn functions(files: &[PathBuf], before: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source");
        for part in text.split(before).skip(1) {
            let name: String = part
                .chars()
                .take_while(|&letter| letter == '_' || letter.is_alphanumeric())
                .collect();
            if part.get(name.len()..).is_some_and(|rest| rest.starts_with('(')) {
                names.insert(name);
            }
        }
    }
    names
}

#[test]
fn every_function_of_the_library_is_declared_in_a_header() {
    let mut sources = files(&capture().join("src/arch/ffi"), ".rs");
    sources.push(capture().join("src/arch/ffi.rs"));
    let defined = functions(&sources, "pub unsafe extern \"C\" fn ");
    let defined: BTreeSet<_> =
        defined.union(&functions(&sources, "pub extern \"C\" fn ")).cloned().collect();
    assert!(defined.len() > 20, "{defined:?}");
    let headers: String = files(&capture().join("include"), ".h")
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("a header"))
        .collect();
    for name in &defined {
        assert!(headers.contains(&format!(" {name}(")), "{name} is in no header");
    }
}

/// Compiles without output; nothing where there is no such compiler and CI does not ask for it.
fn compiles(compiler: &str, arguments: &[&str], source: &Path) {
    let include = capture().join("include");
    let result = Command::new(compiler)
        .args(["-c", "-o", "/dev/null", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(include)
        .args(arguments)
        .arg(source)
        .output();
    match result {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} {arguments:?}: {said}");
        }
        Err(_) if std::env::var_os("CI").is_none() => eprintln!("SKIPPED: no {compiler}"),
        Err(error) => panic!("{compiler}: {error}"),
    }
}

#[test]
fn the_headers_are_c_and_cpp() {
    let headers = capture().join("firmware/bare-c/headers.cpp");
    for standard in ["-std=c++11", "-std=c++20"] {
        compiles("arm-none-eabi-g++", &["-mcpu=cortex-m4", standard], &headers);
    }
    // Without a C library: what the compiler brings along is enough.
    let freestanding = ["-ffreestanding", "-march=rv32imac_zicsr", "-mabi=ilp32"];
    compiles("riscv64-unknown-elf-g++", &freestanding, &headers);
    for header in files(&capture().join("include"), "capture.h") {
        compiles("arm-none-eabi-gcc", &["-x", "c", "-std=c99", "-Wpedantic"], &header);
    }
}

/// Zephyr itself is not here: headers of our own have what its releases 3.5 and 3.7 have of what the module needs.
#[test]
fn the_zephyr_module_compiles_for_each_kind_of_cortex_m() {
    let headers = capture().join("firmware/zephyr-headers");
    let include = capture().join("zephyr/include");
    let cores: [&[&str]; 4] = [
        &["-mcpu=cortex-m0"],
        &["-mcpu=cortex-m3"],
        &["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-DNEWER"],
        &["-mcpu=cortex-m33", "-DNEWER"],
    ];
    for source in files(&capture().join("zephyr/src"), ".c") {
        for core in cores {
            let (headers, include) = (headers.to_string_lossy(), include.to_string_lossy());
            let mut arguments = vec!["-mthumb", "-Os", "-I", &headers, "-I", &include];
            arguments.extend(core);
            compiles("arm-none-eabi-gcc", &arguments, &source);
        }
    }
}

/// As for Zephyr: names and layouts of ESP-IDF 5.4, for its chips with RISC-V.
#[test]
fn the_component_for_esp_idf_compiles() {
    let headers = capture().join("firmware/esp-idf-headers");
    let include = capture().join("esp-idf/include");
    let (headers, include) = (headers.to_string_lossy(), include.to_string_lossy());
    let arguments = [
        "-march=rv32imc_zicsr",
        "-mabi=ilp32",
        "-ffreestanding",
        "-Os",
        "-I",
        &headers,
        "-I",
        &include,
    ];
    compiles("riscv64-unknown-elf-gcc", &arguments, &capture().join("esp-idf/coroner_esp_idf.c"));
}

/// One version in all manifests, and a CMake package, a PlatformIO and an Arduino library of the same name.
#[test]
fn the_manifests_tell_the_version_of_the_crate() {
    let read = |name: &str| std::fs::read_to_string(capture().join(name)).expect("a manifest");
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("c/package/library.json").contains(&format!("\"version\": \"{version}\"")));
    assert!(read("c/package/library.properties").contains(&format!("version={version}\n")));
    assert!(read("esp-idf/idf_component.yml").contains(&format!("version: \"{version}\"\n")));
}

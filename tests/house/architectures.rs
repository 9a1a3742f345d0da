//! Architectures are asked about in one way: `targets::Family`.

use crate::rooms::{code, root, sources};

/// Machine numbers of ELF files, in goblin's names.
const MACHINES: [&str; 9] = [
    "EM_ARM",
    "EM_AARCH64",
    "EM_RISCV",
    "EM_XTENSA",
    "EM_386",
    "EM_X86_64",
    "EM_ARC",
    "EM_SPARC",
    "EM_QDSP6",
];

/// The files of `src/` with their code, by name.
fn files() -> Vec<(String, String)> {
    let mut all = Vec::new();
    sources(&root().join("src"), &mut all);
    let read = |file: std::path::PathBuf| {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        (file.strip_prefix(root()).expect("inside").display().to_string(), code(&text))
    };
    let mut files: Vec<_> = all.into_iter().map(read).collect();
    files.sort();
    files
}

#[test]
fn only_the_targets_know_machine_numbers() {
    for (name, code) in files() {
        for machine in MACHINES {
            let is_known = name != "src/targets/family.rs" && code.contains(machine);
            assert!(!is_known, "{name}: {machine}; ask targets::Family instead");
        }
    }
}

#[test]
fn there_is_one_list_of_architectures() {
    let owners: Vec<String> = files()
        .into_iter()
        .filter(|(_, code)| code.contains("enum Family"))
        .map(|(name, _)| name)
        .collect();
    // The unwinder tells by calling convention: Xtensa has two.
    assert_eq!(owners, ["src/targets/family.rs", "src/unwind/abi.rs"]);
}

//! The files of `targets/` that are part of the binary. A test compares the lists with the folder.

macro_rules! files {
    ($folder:literal: $($stem:literal),* $(,)?) => {
        &[$(($stem, include_str!(concat!("../../targets/", $folder, "/", $stem, ".toml")))),*]
    };
}

pub(super) static ARCHS: &[(&str, &str)] = files!(
    "arch": "aarch64", "arm", "cortex-m", "hexagon", "i386", "riscv32", "riscv32e", "riscv64",
    "sparc", "x86-64", "xtensa-dc233c", "xtensa-esp32", "xtensa-esp32s2", "xtensa-esp32s3",
    "xtensa-intel-adsp", "xtensa-intel-adsp-xcc", "xtensa-sample-controller",
);

pub(super) static CHIPS: &[(&str, &str)] = files!(
    "chip": "esp32", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32h21", "esp32h4", "esp32p4", "esp32s2", "esp32s3", "esp32s31",
);

#[cfg(test)]
mod tests {
    use super::super::Targets;
    use super::*;
    use std::collections::BTreeSet;

    fn in_folder(name: &str) -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/targets/").to_string() + name;
        let entries = std::fs::read_dir(folder).expect("the folder is part of the project");
        let stem = |path: std::path::PathBuf| Some(path.file_stem()?.to_str()?.to_string());
        entries.filter_map(|entry| stem(entry.ok()?.path())).collect()
    }

    fn listed(list: &[(&str, &str)]) -> BTreeSet<String> {
        list.iter().map(|(stem, _)| (*stem).to_string()).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_list_and_the_list_has_no_other() {
        assert_eq!(listed(ARCHS), in_folder("arch"));
        assert_eq!(listed(CHIPS), in_folder("chip"));
    }

    #[test]
    fn every_file_follows_the_schema_and_is_called_as_it_calls_itself() {
        let targets = Targets::built_in();
        for (stem, _) in ARCHS {
            let arch = targets.arch(stem).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(arch.name, *stem);
        }
        for (stem, _) in CHIPS {
            let chip = targets.chip(stem).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(chip.name, *stem);
            targets.arch(&chip.arch).unwrap_or_else(|error| panic!("{stem}: {error}"));
        }
    }
}

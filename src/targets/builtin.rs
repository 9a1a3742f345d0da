//! The files of `targets/` that are part of the binary. A test compares the lists with the folder.

macro_rules! files {
    ($folder:literal: $($stem:literal),* $(,)?) => {
        &[$(($stem, include_str!(concat!("../../targets/", $folder, "/", $stem, ".toml")))),*]
    };
}

pub(super) static ARCHS: &[(&str, &str)] = files!("arch": "riscv32");

pub(super) static CHIPS: &[(&str, &str)] = &[];

//! The files of `targets/` that are part of the binary. A test compares the lists with the folder.

macro_rules! files {
    ($folder:literal: $($stem:literal),* $(,)?) => {
        &[$(($stem, include_str!(concat!("../../targets/", $folder, "/", $stem, ".toml")))),*]
    };
}

pub(super) static ARCHS: &[(&str, &str)] = files!(
    "arch": "aarch64", "arc", "arm", "cortex-m", "hexagon", "i386", "riscv32", "riscv32d", "riscv32e", "riscv64",
    "sparc", "x86-64", "xtensa-dc233c", "xtensa-esp32", "xtensa-esp32s2", "xtensa-esp32s3",
    "xtensa-intel-adsp", "xtensa-intel-adsp-xcc", "xtensa-lx106", "xtensa-sample-controller",
);

pub(super) static CHIPS: &[(&str, &str)] = files!(
    "chip": "esp32", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32h21", "esp32h4", "esp32p4", "esp32s2", "esp32s3", "esp32s31", "esp8266",
);

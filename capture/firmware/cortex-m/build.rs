//! Hands the linker its scripts, and the memory of the machine that QEMU shows.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let mps2 = target.starts_with("thumbv7");
    let (flash, flash_len, ram, ram_len) = if target.starts_with("thumbv6m") {
        // microbit (nRF51822): the last 16 KiB of flash are the partition for dumps.
        (0, "240K", 0x2000_0000, "16K")
    } else if env::var_os("CARGO_FEATURE_NONSECURE").is_some() {
        // mps2-an505: SSRAM 2 and 1, which the secure program gives to the non-secure state.
        (0x2820_0000, "256K", 0x2800_0000, "32K")
    } else if target.starts_with("thumbv8m") {
        // mps2-an505: the secure aliases of code and data memory.
        (0x1000_0000, "256K", 0x3000_0000, "32K")
    } else {
        // mps2-an385, an386, an500: 4 MiB each; less here, as on a real chip.
        (0, "256K", 0x2000_0000, "64K")
    };
    let mut memory = format!(
        "MEMORY
{{
  FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_len}
  RAM   : ORIGIN = {ram:#x}, LENGTH = {ram_len}
}}
"
    );
    let mut arguments = vec!["-Tlink.x"];
    if mps2 {
        // The board's PSRAM plays the two memories that outlive deep sleep.
        memory += "MEMORY
{
  BACKUP  : ORIGIN = 0x21000000, LENGTH = 4K
  RTCFAST : ORIGIN = 0x21001000, LENGTH = 4K
}
REGION_ALIAS(\"REGION_RTC\", BACKUP);
REGION_ALIAS(\"REGION_RTC_IMAGE\", FLASH);
REGION_ALIAS(\"REGION_RTC_FAST\", RTCFAST);
REGION_ALIAS(\"REGION_RTC_FAST_IMAGE\", FLASH);
";
        arguments.extend(["-Tcoroner-rtc.x", "-Tcoroner-rtc-fast.x"]);
    }
    arguments.extend(["-Tcoroner-cortex-m.x", "--nmagic", "--build-id"]);
    fs::write(out.join("memory.x"), memory).expect("memory.x can be written");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-check-cfg=cfg(mainline, vfp, armv8m, microbit)");
    let facts = [
        ("mainline", !target.starts_with("thumbv6m")),
        ("vfp", target.ends_with("hf")),
        ("armv8m", target.starts_with("thumbv8m")),
        ("microbit", target.starts_with("thumbv6m")),
    ];
    for (name, holds) in facts {
        if holds {
            println!("cargo:rustc-cfg={name}");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
}

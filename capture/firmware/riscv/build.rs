//! Hands the linker its scripts, and the memory of QEMU's `virt` machine.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // `-bios` puts the program at 8000_0000, in RAM: half of a megabyte plays flash here.
    let memory = "MEMORY
{
  FLASH : ORIGIN = 0x80000000, LENGTH = 512K
  RAM   : ORIGIN = 0x80080000, LENGTH = 64K
  /* Two more pages play the memories that outlive deep sleep. */
  BACKUP  : ORIGIN = 0x80090000, LENGTH = 4K
  RTCFAST : ORIGIN = 0x80091000, LENGTH = 4K
}
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);
REGION_ALIAS(\"REGION_RTC\", BACKUP);
REGION_ALIAS(\"REGION_RTC_IMAGE\", FLASH);
REGION_ALIAS(\"REGION_RTC_FAST\", RTCFAST);
REGION_ALIAS(\"REGION_RTC_FAST_IMAGE\", FLASH);
";
    fs::write(out.join("memory.x"), memory).expect("memory.x can be written");
    println!("cargo:rustc-link-search={}", out.display());
    let scripts = ["memory.x", "link.x", "coroner-rtc.x", "coroner-rtc-fast.x", "coroner-riscv.x"];
    for script in scripts {
        println!("cargo:rustc-link-arg-bins=-T{script}");
    }
    for argument in ["--nmagic", "--build-id"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

//! Hands the linker its scripts, and the memory of QEMU's `virt` machine with two harts.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let memory = "MEMORY
{
  FLASH : ORIGIN = 0x80000000, LENGTH = 512K
  RAM   : ORIGIN = 0x80080000, LENGTH = 64K
}
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);
_max_hart_id = 1;
_hart_stack_size = 4K;
";
    fs::write(out.join("memory.x"), memory).expect("memory.x can be written");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in ["-Tmemory.x", "-Tlink.x", "-Tcoroner-riscv.x", "--nmagic", "--build-id"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

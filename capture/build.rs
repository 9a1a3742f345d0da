//! Tells the crate which Cortex-M it is built for (the compiler has no stable `cfg` for it) and
//! puts `link/` on the linker's search path, so that `-Tcoroner-cortex-m.x` finds the fragments.

use std::env;
use std::path::Path;

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let directory = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search={}", Path::new(&directory).join("link").display());

    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();

    // `mainline`: the v7-M and v8-M mainline instructions and special registers (BASEPRI,
    // FAULTMASK, the fault status registers). `entry`: the crate has entry code.
    // `floats`: a RISC-V with registers of 64 bits for floating point. `atomics`: one with atomic
    // exchanges, and so perhaps several harts. `stack_limit`: MSPLIM and PSPLIM of v8-M mainline.
    let mainline = ["thumbv7m-", "thumbv7em-", "thumbv8m.main-"];
    let facts = [
        ("mainline", mainline.iter().any(|prefix| target.starts_with(prefix))),
        ("stack_limit", target.starts_with("thumbv8m.main-")),
        ("entry", target.starts_with("thumbv") || target.starts_with("riscv")),
        ("floats", target.starts_with("riscv") && features.split(',').any(|name| name == "d")),
        ("atomics", target.starts_with("riscv") && features.split(',').any(|name| name == "a")),
        ("cortex_m", target.starts_with("thumbv")),
        ("vfp", target.starts_with("thumbv") && target.ends_with("eabihf")),
    ];
    for (name, holds) in facts {
        println!("cargo:rustc-check-cfg=cfg({name})");
        if holds {
            println!("cargo:rustc-cfg={name}");
        }
    }
}

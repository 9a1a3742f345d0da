//! No start-up code and no memory map: only what hangs on `probe` is linked.

fn main() {
    for argument in ["--entry=probe", "--gc-sections", "--nmagic", "--emit-relocs"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

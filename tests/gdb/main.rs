//! A real GDB beside ours: what it shows over `serve` and of what `convert` writes.

#[path = "../support/mod.rs"]
mod support;

mod auto_load;
mod convert;
mod esp_idf;
mod formats;
mod linux;
mod printed;
mod riscv_floats;
mod zephyr;

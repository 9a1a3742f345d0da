//! What the device crate writes, read by the host.

#[path = "../support/mod.rs"]
mod support;

mod c;
mod dumps;
mod packed;
mod properties;
mod xtensa;

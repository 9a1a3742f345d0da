//! See Cargo.toml: only the sources of the dependency are of use here.
#![no_std]

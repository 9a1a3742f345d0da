//! What the Cortex-M programs share.
#![no_std]

pub mod board;
#[cfg(feature = "kernel")]
pub mod kernel;
#[cfg(microbit)]
pub mod nvmc;

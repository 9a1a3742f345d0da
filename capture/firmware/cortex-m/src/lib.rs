//! What the Cortex-M programs share.
#![no_std]

pub mod kernel;

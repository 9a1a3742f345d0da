//! Runs on the device: decides what a crash leaves behind, and writes it.
#![no_std]

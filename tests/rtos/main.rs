//! Threads of kernels found in plain memory.

#[path = "../support/mod.rs"]
mod support;

mod gdb;
mod heaps;
mod kernels;
mod objects;
mod rt_thread;

//! Threads of kernels found in plain memory.

#[path = "../support/mod.rs"]
mod support;

mod gdb;
mod heaps;
mod interrupted;
mod kernels;
mod objects;
mod rt_thread;

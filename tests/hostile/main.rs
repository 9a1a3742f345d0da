//! Inputs and surroundings that harm: what they may cost, and what has to be whole afterwards.
//!
//! The inputs are made here, from a few numbers each. Linux only: limits are set by a shell, and
//! memory is read from /proc.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod bombs;
mod growth;
mod limits;
mod network;
mod outputs;
mod readers;
mod reproducers;
mod surroundings;
mod triage;

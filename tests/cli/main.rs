//! The program itself: commands, reports, exit codes, pipelines.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod builds;
mod cmm;
mod commands;
mod needs;
mod pipelines;
mod report;
mod watch;

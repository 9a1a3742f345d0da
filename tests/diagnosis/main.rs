//! What is said of crashes: programs of our own (`tests/data/diagnosis`) crash under QEMU, and for each there is the
//! sentence that a colleague would say. Sentences that are not expected fail as well: a wrong one is worse than none.

#[path = "../support/mod.rs"]
mod support;

mod crashes;

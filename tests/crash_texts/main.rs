//! Every crash text as loggers, terminals, web pages and accidents leave it: the same dump comes out,
//! or less with a note, never other values.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod cut;
mod decorated;
mod loggers;
mod neighbours;
mod samples;
mod wrapped;

//! A dump in the browser, for those who would rather look than type.
//!
//! ```text
//!   browser -> http (requests, the token) -> site (which page) -> pages -> HTML
//!                                              |- overview, frame, tree, memory, search
//! ```
//!
//! All pages are made here and work without scripts; every state is a link. A small script of ours opens branches
//! in place and knows keys. Nothing is loaded from elsewhere, and the browser is told to refuse it.
//! Frames, values and trees are `query`'s, as for the debug adapter.

mod frame;
mod http;
mod layout;
mod memory;
mod overview;
mod search;
mod serve;
mod site;
mod tree;

pub use serve::{Door, View};

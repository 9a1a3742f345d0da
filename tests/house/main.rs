//! The project's own files.

mod targets;

//! The project's own files.

mod architectures;
mod notes;
mod rooms;
mod targets;

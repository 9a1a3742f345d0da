//! The project's own files.

mod architectures;
mod capture;
mod notes;
mod rooms;
mod targets;

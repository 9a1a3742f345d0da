//! What can go wrong, said so that the reader of the sentence knows what to do next.
//!
//! An error about input names file, format, field, offset, expected and found. Library code
//! never prints; it returns these, and the command line adds nothing but a prefix.

use std::fmt;
use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something that keeps a request from being done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: the source says why.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// The input is of a known format, and broken.
    #[error("{file}: {fault}")]
    Input {
        /// The name of the input, as the user gave it.
        file: String,
        /// What is wrong and where.
        fault: Box<Fault>,
    },

    /// No format and no carrier recognised the input.
    #[error("{file}: {why}")]
    Unrecognised {
        /// The name of the input, as the user gave it.
        file: String,
        /// What it is and what to do instead; of something unknown what was seen and tried.
        why: String,
    },

    /// The ELF file given is not the one that the crashed device ran.
    #[error(
        "{elf}: {why}: pass the ELF file of that build, or --any-elf to use this one all the same"
    )]
    WrongElf {
        /// The ELF file, as the user gave it.
        elf: String,
        /// Both identities.
        why: String,
    },

    /// A description of a target is wrong.
    #[error("{file}: {why}")]
    Target {
        /// The target file.
        file: String,
        /// Which key is wrong and how.
        why: String,
    },

    /// The request itself makes no sense; the sentence says what would.
    #[error("{0}")]
    Usage(String),

    /// There are several, and the one that was asked for is not among them.
    #[error("{words}: {}", of.join("; "))]
    Choice {
        /// What was asked for.
        words: String,
        /// What there is, counted from 1.
        of: Vec<String>,
    },

    /// The network or another resource of this machine is not available.
    #[error("{0}")]
    Resource(String),
}

impl Error {
    /// Wraps an [`std::io::Error`] with the path that it is about.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    /// The same error with the name of the input filled in, for readers that don't know it.
    #[must_use]
    pub fn in_file(self, name: &str) -> Self {
        match self {
            Error::Input { file, fault } if file.is_empty() => {
                Error::Input { file: name.to_string(), fault }
            }
            other => other,
        }
    }
}

/// One thing that is wrong with the bytes of an input.
///
/// Shown as `format: field at offset 0x10: expected .., found ..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The format or carrier that the bytes are certainly of.
    pub format: &'static str,
    /// What was being read.
    pub field: String,
    /// Where, in bytes from the start of the layer that the format was found in.
    pub offset: u64,
    /// What the format calls for.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// Whether the rest can be served all the same when the user insists (`--force`).
    pub forceable: bool,
}

impl Fault {
    /// A fault that `--force` does not get past.
    pub fn new(
        format: &'static str,
        field: impl Into<String>,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (field, expected, found) = (field.into(), expected.into(), found.into());
        Fault { format, field, offset, expected, found, forceable: false }
    }

    /// The same fault, but one that leaves something worth serving.
    #[must_use]
    pub fn forceable(mut self) -> Self {
        self.forceable = true;
        self
    }
}

impl Fault {
    /// What is wrong and where, without the format, for a note of it.
    pub fn words(&self) -> String {
        let Fault { field, offset, expected, found, .. } = self;
        format!("{field} at offset {offset:#x}: expected {expected}, found {found}")
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.format, self.words())?;
        if self.forceable {
            write!(f, " (--force serves what is whole)")?;
        }
        Ok(())
    }
}

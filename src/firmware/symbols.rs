//! What readers ask a firmware for, without knowing what an ELF file is.

/// The symbols of a firmware, for formats whose dumps make no sense without them.
pub trait Symbols {
    /// Address and size in bytes (0 if nobody says) of the variable called `name`.
    fn symbol(&self, name: &str) -> Option<(u64, u64)>;
}

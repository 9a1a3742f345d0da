//! What the rooms share.
#![allow(dead_code, unused_imports, reason = "each room uses its own part of this")]
#![allow(unreachable_pub, reason = "a module of each room, not a crate")]

pub mod cases;
pub mod debuggers;
pub mod esp;
pub mod esp8266_rtos;
pub mod formats;
pub mod gdb;
pub mod machines;
pub mod made;
pub mod missing;
pub mod oracle;
pub mod px4;
pub mod real;
pub mod rtos;
pub mod serve;
pub mod server;
pub mod stopped;
pub mod zephyr;
pub mod zip;

pub use missing::{fixture, fixtures};

use bytes::Bytes;
use coroner::dump::Severity;
use coroner::error::Result;
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};

/// Opens bytes as if they were a file called `test`.
pub fn open_bytes(bytes: impl Into<Bytes>, options: &Options) -> Result<Opened> {
    open_inputs(&[Input { name: "test".into(), bytes: bytes.into(), addr: None }], options)
}

/// Opens bytes that must open.
pub fn opened(bytes: impl Into<Bytes>) -> Opened {
    open_bytes(bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of bytes that must not open.
pub fn refused(bytes: impl Into<Bytes>) -> String {
    refused_with(bytes, &Options::default())
}

/// The error of bytes that must not open with these options.
pub fn refused_with(bytes: impl Into<Bytes>, options: &Options) -> String {
    match open_bytes(bytes, options) {
        Ok(opened) => panic!("opened as {}", opened.trail()),
        Err(error) => error.to_string(),
    }
}

/// The labels of all threads.
pub fn names(opened: &Opened) -> Vec<String> {
    opened.dump.threads.iter().map(|thread| thread.label()).collect()
}

/// Checks format and threads of a dump about which nothing is odd.
pub fn plain(opened: &Opened, title: &str, threads: &[&str]) {
    assert_eq!(opened.dump.format, title);
    assert_eq!(names(opened), threads, "{title}");
    assert!(opened.dump.threads[0].crashed, "{title}");
    let odd = opened.dump.notes.iter().find(|note| note.severity > Severity::Info);
    assert!(odd.is_none(), "{title}: {odd:?}");
}

/// The note with `words` in it, which must be there.
pub fn note_with<'a>(opened: &'a Opened, words: &str) -> &'a str {
    let note = opened.dump.notes.iter().find(|note| note.sentence().contains(words));
    &note.unwrap_or_else(|| panic!("no note with '{words}' in {:#?}", opened.dump.notes)).words
}

/// A small generator of numbers that are the same in each run (xorshift64*).
pub struct Numbers(u64);

impl Numbers {
    /// `seed` must not be 0.
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

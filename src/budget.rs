//! What opening may cost: one account for all that the user's inputs lead to.
//!
//! A file of a few kilobytes can stand for gigabytes, and thousands of dumps can be put behind one
//! another in it. Whoever unpacks, cuts or copies pays here before it does, so that the sum is
//! limited and not each part. What ran out is remembered: it is told as that, never as a format
//! that nobody knows.

use crate::error::Fault;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Unless the user raises it: no crash dump of a microcontroller with its program needs more.
pub const DEFAULT_MEMORY: u64 = 256 << 20;
/// From here on inputs are no longer small, and what is in them may be as much larger.
const SMALL_INPUT: u64 = 10 << 20;
const RATIO_OF_LARGE: u64 = 16;
/// The rest is for what readers make of the bytes.
const UNPACKED_SHARE: u64 = 2;
/// Dumps and layers in one set of inputs. A log that collects crashes for months has hundreds.
pub const MOST_PIECES: usize = 2048;
/// Files that may lie in archives within archives, all together.
const MOST_FILES: u64 = 512;
/// Bytes that detection may go over, for each byte that is there: some thirty carriers and as many
/// formats look at each layer, and few inputs have more than three.
const LOOKS_PER_BYTE: u64 = 64;
const FEWEST_LOOKS: u64 = 1 << 30;
const CHUNK: usize = 1 << 16;

/// An account that clones share.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    /// What may be unpacked, in bytes, and what is left of it.
    most: u64,
    memory: AtomicU64,
    pieces: AtomicU64,
    files: AtomicU64,
    looks: AtomicU64,
    spent: AtomicBool,
    shortage: Mutex<Option<String>>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::for_inputs(0, None)
    }
}

impl Budget {
    /// For inputs of `len` bytes; `max_memory` is the user's limit.
    pub fn for_inputs(len: u64, max_memory: Option<u64>) -> Budget {
        let by_size = if len > SMALL_INPUT { len.saturating_mul(RATIO_OF_LARGE) } else { 0 };
        let memory = max_memory.unwrap_or(DEFAULT_MEMORY.max(by_size));
        let most = memory / UNPACKED_SHARE;
        Budget(Arc::new(Account {
            most,
            memory: AtomicU64::new(most),
            pieces: AtomicU64::new(MOST_PIECES as u64),
            files: AtomicU64::new(MOST_FILES),
            looks: AtomicU64::new(
                len.saturating_add(most).saturating_mul(LOOKS_PER_BYTE).max(FEWEST_LOOKS),
            ),
            spent: AtomicBool::new(false),
            shortage: Mutex::new(None),
        }))
    }

    /// Pays for `len` bytes of memory, before they are taken.
    ///
    /// # Errors
    /// A fault of `format` in `field` if there is not so much left.
    pub fn memory(&self, len: u64, format: &'static str, field: &str) -> Result<(), Fault> {
        match take(&self.0.memory, len) {
            true => Ok(()),
            false => Err(self.too_large_by(len, format, field)),
        }
    }

    /// Whether there is room for `len` bytes, which are paid for as they come.
    ///
    /// # Errors
    /// A fault of `format` in `field` if there is not so much left.
    pub fn has_room(&self, len: u64, format: &'static str, field: &str) -> Result<(), Fault> {
        match len <= self.0.memory.load(Relaxed) {
            true => Ok(()),
            false => Err(self.too_large_by(len, format, field)),
        }
    }

    /// Reads all of `from`, which unpacks as it goes, and pays for each byte. The second value is
    /// why it broke off, of one that did.
    ///
    /// # Errors
    /// A fault of `format` in `field` if the memory runs out.
    pub fn read(
        &self,
        from: impl Read,
        format: &'static str,
        field: &str,
    ) -> Result<(Vec<u8>, Option<io::Error>), Fault> {
        let mut out = Vec::new();
        let mut paying = self.paying(from);
        // Not read_to_end, which writes zeros to all that a vector has room for.
        let mut chunk = vec![0; CHUNK];
        let broken = loop {
            match paying.read(&mut chunk) {
                Ok(0) => break None,
                Ok(n) => out.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Some(e),
            }
        };
        match paying.ran_out {
            true => Err(self.too_large(format, field)),
            false => Ok((out, broken)),
        }
    }

    /// A reader that pays for each byte and fails when nothing is left.
    pub fn paying<R: Read>(&self, from: R) -> Paying<'_, R> {
        Paying { from, budget: self, ran_out: false }
    }

    /// The fault of what can't go on for want of memory.
    pub fn too_large(&self, format: &'static str, field: &str) -> Fault {
        let words = self.limit();
        self.ran_out(format!("{format}: {field}: {words}"));
        Fault::new(format, field, 0, words, "more")
    }

    fn too_large_by(&self, len: u64, format: &'static str, field: &str) -> Fault {
        let left = self.0.memory.load(Relaxed);
        let found = format!("{len} bytes more, with {left} left");
        Fault { found, ..self.too_large(format, field) }
    }

    fn limit(&self) -> String {
        format!(
            "at most {} MiB unpacked, of all that is in the input (--max-memory raises it)",
            self.0.most >> 20
        )
    }

    /// Pays for going over `len` bytes in search of dumps; false if that is enough now.
    pub fn look(&self, len: u64) -> bool {
        let paid = take(&self.0.looks, len) && take(&self.0.pieces, 1);
        if !paid {
            self.0.spent.store(true, Relaxed);
            self.ran_out(format!(
                "the input is cut into more than {MOST_PIECES} pieces, or read over and over: what \
                 follows was not looked at"
            ));
        }
        paid
    }

    /// Pays for reading `len` bytes once more; false if that is enough now.
    pub fn work(&self, len: u64) -> bool {
        let paid = take(&self.0.looks, len);
        if !paid {
            self.ran_out("very many dumps that can't be read: the others were not tried".into());
        }
        paid
    }

    /// Pays for `count` files of an archive; false if that is too many.
    pub fn files(&self, count: u64) -> bool {
        let paid = take(&self.0.files, count);
        if !paid {
            self.ran_out(format!("archives with more than {MOST_FILES} files in all"));
        }
        paid
    }

    /// The last ones of `all`, as many as anybody looks at.
    pub fn last_of<T>(&self, mut all: Vec<T>) -> Vec<T> {
        if let Some(over) = all.len().checked_sub(MOST_PIECES).filter(|over| *over > 0) {
            all.drain(..over);
            self.ran_out(format!("of very many dumps only the last {MOST_PIECES} are looked at"));
        }
        all
    }

    /// Remembers what ran out first.
    pub fn ran_out(&self, what: String) {
        let mut shortage = self.0.shortage.lock().unwrap_or_else(PoisonError::into_inner);
        shortage.get_or_insert(what);
    }

    /// Whether the search has to end.
    pub fn is_spent(&self) -> bool {
        self.0.spent.load(Relaxed)
    }

    /// What ran out, if anything did.
    pub fn shortage(&self) -> Option<String> {
        self.0.shortage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes `n` out of `account` if there is so much in it.
fn take(account: &AtomicU64, n: u64) -> bool {
    account.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(n)).is_ok()
}

/// See [`Budget::paying`].
#[derive(Debug)]
pub struct Paying<'b, R> {
    from: R,
    budget: &'b Budget,
    /// Whether it failed for want of memory.
    pub ran_out: bool,
}

impl<R: Read> Read for Paying<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        if !take(&self.budget.0.memory, n as u64) {
            self.ran_out = true;
            return Err(io::Error::other("more than --max-memory allows"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_limited_and_what_ran_out_is_remembered() {
        let budget = Budget::for_inputs(10, Some(2 << 20));
        assert!(budget.memory(1 << 19, "zip", "file a").is_ok());
        let all = budget.read(io::repeat(0).take(1 << 18), "gzip", "contents").expect("room");
        assert_eq!(all.0.len(), 1 << 18);
        assert!(budget.shortage().is_none());
        let fault = budget.read(io::repeat(0), "gzip", "contents").expect_err("no end of zeros");
        assert!(fault.to_string().contains("--max-memory"), "{fault}");
        assert!(budget.shortage().is_some_and(|words| words.contains("gzip")));
    }

    #[test]
    fn large_inputs_may_hold_more_and_small_ones_never() {
        let most = |len, user| Budget::for_inputs(len, user).0.most;
        assert_eq!(most(SMALL_INPUT, None), DEFAULT_MEMORY / 2);
        assert_eq!(most(100 << 20, None), 800 << 20);
        assert_eq!(most(100 << 20, Some(64 << 20)), 32 << 20);
    }

    #[test]
    fn only_the_last_of_very_many_are_kept() {
        let budget = Budget::default();
        let kept = budget.last_of((0..MOST_PIECES + 3).collect());
        assert_eq!((kept.len(), kept[0]), (MOST_PIECES, 3));
        assert!(budget.shortage().is_some());
    }
}

//! The few statics between the crash and the handler: saved registers and last words.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::crash::{Crash, Kind, signal};

/// What the entry code saves. Zeroed at start-up like all of `.bss`, which makes the next entry
/// the first one.
#[unsafe(no_mangle)]
pub(crate) static mut CORONER_SAVED: crate::arch::Saved = crate::arch::Saved::EMPTY;

unsafe extern "Rust" {
    /// The user's handler, made by [`crate::on_crash!`].
    safe fn coroner_on_crash(crash: &Crash<'_>) -> !;
}

/// What the program said before it trapped on purpose, as it lies in memory that a crash may have
/// written over: nothing of it is used unless `check` fits the rest.
#[derive(Clone, Copy)]
struct Words {
    state: usize,
    kind: usize,
    file: usize,
    file_len: usize,
    line: usize,
    message: usize,
    message_len: usize,
    /// Of the letters of both texts, which may lie in RAM.
    letters: usize,
    check: usize,
}

/// Words that no handler has seen yet.
const SAID: usize = 0x5a1d_0001;
/// Words of the crash that is being captured: a second attempt finds them again, a new crash does
/// not take them for its own.
const TAKEN: usize = 0x5a1d_0002;
/// Longer texts are not believed.
const MAX_TEXT: usize = 4096;

const SEED: usize = 0x9e37;

fn mix(sum: usize, word: usize) -> usize {
    sum.rotate_left(5).wrapping_add(word).wrapping_mul(0x0101_0011)
}

fn sum_of_letters(file: &[u8], message: &[u8]) -> usize {
    file.iter().chain(message).fold(SEED, |sum, &letter| mix(sum, letter.into()))
}

impl Words {
    const NONE: Words = Words {
        state: 0,
        kind: 0,
        file: 0,
        file_len: 0,
        line: 0,
        message: 0,
        message_len: 0,
        letters: 0,
        check: 0,
    };

    /// Mixes all words but the last, so that a pattern written over them does not fit.
    fn sum(&self) -> usize {
        let words = [
            self.state,
            self.kind,
            self.file,
            self.file_len,
            self.line,
            self.message,
            self.message_len,
            self.letters,
        ];
        words.into_iter().fold(SEED, mix)
    }

    fn sealed(mut self, state: usize) -> Words {
        self.state = state;
        self.check = self.sum();
        self
    }

    fn is_whole(&self) -> bool {
        self.check == self.sum() && self.file_len <= MAX_TEXT && self.message_len <= MAX_TEXT
    }
}

/// In the order of [`Words`]. Atomic, since two cores may panic at the same time: the checksum does not
/// fit a mixture of both then.
static WORDS: [AtomicUsize; 9] = [const { AtomicUsize::new(0) }; 9];

impl Words {
    fn load() -> Words {
        let [state, kind, file, file_len, line, message, message_len, letters, check] =
            WORDS.each_ref().map(|word| word.load(Relaxed));
        Words { state, kind, file, file_len, line, message, message_len, letters, check }
    }

    fn store(self) {
        let Words { state, kind, file, file_len, line, message, message_len, letters, check } =
            self;
        let words = [state, kind, file, file_len, line, message, message_len, letters, check];
        for (to, from) in WORDS.iter().zip(words) {
            to.store(from, Relaxed);
        }
    }
}

/// Keeps the words of a panic or an abort for the handler that the trap after it will enter. Those
/// of a panic in the handler itself are not kept: the crash that it was capturing is the cause.
pub(crate) fn say(kind: Kind, file: &'static str, line: u32, message: &'static str) {
    if is_capturing() {
        return;
    }
    let words = Words {
        kind: kind as usize,
        file: file.as_ptr().addr(),
        file_len: file.len(),
        line: line as usize,
        message: message.as_ptr().expose_provenance(),
        message_len: message.len(),
        letters: sum_of_letters(file.as_bytes(), message.as_bytes()),
        ..Words::NONE
    };
    file.as_ptr().expose_provenance();
    words.sealed(SAID).store();
}

/// Whether the entry code has handed a crash to the handler, which has not reset yet.
fn is_capturing() -> bool {
    // SAFETY: the first word, which the entry code writes before the handler runs.
    let stage = unsafe { (&raw const CORONER_SAVED).cast::<usize>().read_volatile() };
    let first = crate::arch::STAGE as usize;
    (first..=first + 2).contains(&stage) || crate::arch::is_claimed()
}

/// Makes the next entry the first one.
pub(crate) fn forget() {
    // SAFETY: the first word, which nobody but the entry code reads.
    unsafe { (&raw mut CORONER_SAVED).cast::<usize>().write_volatile(0) };
}

/// Adds the program's words, if it said any, and goes to the user's handler.
pub(crate) fn finish(mut crash: Crash<'_>) -> ! {
    let words = Words::load();
    let expected = if crash.retry { TAKEN } else { SAID };
    if words.is_whole() && words.state == expected {
        words.sealed(TAKEN).store();
        crash.cause.kind =
            if words.kind == Kind::Panic as usize { Kind::Panic } else { Kind::Abort };
        crash.cause.signal = signal::ABRT;
        // SAFETY: the words are whole, so `say` wrote them: address and length of texts that live on.
        let (file, message) =
            unsafe { (bytes(words.file, words.file_len), bytes(words.message, words.message_len)) };
        if sum_of_letters(file, message) == words.letters {
            // SAFETY: the same letters as when they were texts.
            let (file, message) = unsafe {
                (core::str::from_utf8_unchecked(file), core::str::from_utf8_unchecked(message))
            };
            crash.cause.message = message;
            crash.cause.place = (words.line != 0).then_some((file, words.line as u32));
        }
    }
    coroner_on_crash(&crash)
}

/// # Safety
/// `at` and `len` are those of a text that [`say`] was given.
unsafe fn bytes(at: usize, len: usize) -> &'static [u8] {
    // SAFETY: as the caller promises; the provenance was exposed there.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance::<u8>(at), len) }
}

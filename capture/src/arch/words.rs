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
/// written over: nothing of it is used unless the last word fits the others. Atomic, since two cores may
/// panic at the same time: the last word does not fit a mixture of both then.
static WORDS: [AtomicUsize; LEN] = [const { AtomicUsize::new(0) }; LEN];

// What the words are.
const STATE: usize = 0;
const KIND: usize = 1;
const FILE: usize = 2;
const FILE_LEN: usize = 3;
const LINE: usize = 4;
const MESSAGE: usize = 5;
const MESSAGE_LEN: usize = 6;
/// Of the letters of both texts, which may lie in RAM.
const LETTERS: usize = 7;
/// Of all words before.
const CHECK: usize = 8;
const LEN: usize = 9;

/// Words that no handler has seen yet.
const SAID: usize = 0x5a1d_0001;
/// Words of the crash that is being captured: a second attempt finds them again, a new crash does
/// not take them for its own.
const TAKEN: usize = 0x5a1d_0002;
/// Longer texts are not believed.
const MAX_TEXT: usize = 4096;

fn word(index: usize) -> usize {
    WORDS.get(index).map_or(0, |word| word.load(Relaxed))
}

fn set(index: usize, value: usize) {
    if let Some(word) = WORDS.get(index) {
        word.store(value, Relaxed);
    }
}

/// Mixes all words but the last, so that a pattern written over them does not fit.
fn sum() -> usize {
    WORDS.iter().take(CHECK).fold(SEED, |sum, word| mix(sum, word.load(Relaxed)))
}

fn seal(state: usize) {
    set(STATE, state);
    set(CHECK, sum());
}

const SEED: usize = 0x9e37;

fn mix(sum: usize, word: usize) -> usize {
    sum.rotate_left(5).wrapping_add(word).wrapping_mul(0x0101_0011)
}

fn sum_of_letters(file: &[u8], message: &[u8]) -> usize {
    file.iter().chain(message).fold(SEED, |sum, &letter| mix(sum, letter.into()))
}

/// Keeps the words of a panic or an abort for the handler that the trap after it will enter. Those
/// of a panic in the handler itself are not kept: the crash that it was capturing is the cause.
pub(crate) fn say(kind: Kind, file: &'static str, line: u32, message: &'static str) {
    if is_capturing() {
        return;
    }
    set(KIND, kind as usize);
    set(FILE, file.as_ptr().expose_provenance());
    set(FILE_LEN, file.len());
    set(LINE, line as usize);
    set(MESSAGE, message.as_ptr().expose_provenance());
    set(MESSAGE_LEN, message.len());
    set(LETTERS, sum_of_letters(file.as_bytes(), message.as_bytes()));
    seal(SAID);
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
pub(crate) fn finish(crash: &mut Crash<'_>) -> ! {
    let expected = if crash.retry { TAKEN } else { SAID };
    let lens = (word(FILE_LEN), word(MESSAGE_LEN));
    let sound = lens.0 <= MAX_TEXT && lens.1 <= MAX_TEXT;
    if word(CHECK) == sum() && sound && word(STATE) == expected {
        seal(TAKEN);
        crash.cause.kind =
            if word(KIND) == Kind::Panic as usize { Kind::Panic } else { Kind::Abort };
        crash.cause.signal = signal::ABRT;
        // SAFETY: the words are whole, so `say` wrote them: address and length of texts that live on.
        let (file, message) = unsafe { (bytes(word(FILE), lens.0), bytes(word(MESSAGE), lens.1)) };
        if sum_of_letters(file, message) == word(LETTERS) {
            // SAFETY: the same letters as when they were texts.
            let (file, message) = unsafe {
                (core::str::from_utf8_unchecked(file), core::str::from_utf8_unchecked(message))
            };
            crash.cause.message = message;
            crash.cause.place = (word(LINE) != 0).then_some((file, word(LINE) as u32));
        }
    }
    coroner_on_crash(crash)
}

/// # Safety
/// `at` and `len` are those of a text that [`say`] was given.
unsafe fn bytes(at: usize, len: usize) -> &'static [u8] {
    // SAFETY: as the caller promises; the provenance was exposed there.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance::<u8>(at), len) }
}

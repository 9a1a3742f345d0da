//! Panics and aborts: keep the words, then trap, so that the registers are those of this place.

use core::panic::PanicInfo;

use crate::arch;
use crate::crash::Kind;

/// For the program's `#[panic_handler]`: keeps place and message, and crashes.
///
/// Without the feature `panic-format` only a constant message is kept: formatting needs kilobytes
/// of code and an unknown amount of the crashed stack.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    #[cfg(feature = "panic-format")]
    {
        let mut words = Words { bytes: [0; Words::LEN], len: 0 };
        // A message that is too long is cut; that is no error here.
        let _ = core::fmt::write(&mut words, format_args!("{}", info.message()));
        arch::say_and_trap(Kind::Panic, file, line, words.text())
    }
    #[cfg(not(feature = "panic-format"))]
    arch::say_and_trap(Kind::Panic, file, line, info.message().as_str().unwrap_or(""))
}

/// The first letters of a formatted message.
#[cfg(feature = "panic-format")]
struct Words {
    bytes: [u8; Words::LEN],
    len: usize,
}

#[cfg(feature = "panic-format")]
impl Words {
    const LEN: usize = 160;

    /// What fits, up to the last whole letter.
    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or(&[]);
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
                core::str::from_utf8(whole).unwrap_or("")
            }
        }
    }
}

#[cfg(feature = "panic-format")]
impl core::fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for &byte in text.as_bytes() {
            let slot = self.bytes.get_mut(self.len).ok_or(core::fmt::Error)?;
            *slot = byte;
            self.len = self.len.wrapping_add(1);
        }
        Ok(())
    }
}

/// Crashes on purpose, with the caller's place and words.
#[track_caller]
pub fn abort(message: &'static str) -> ! {
    let place = core::panic::Location::caller();
    arch::say_and_trap(Kind::Abort, place.file(), place.line(), message)
}

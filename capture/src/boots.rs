//! Counts starts and crashes in memory that outlives a reset, so that a program finds out that it is in a loop.
//!
//! ```
//! use coroner_capture::boots::{Boots, Reset};
//! coroner_capture::retained!(static BOOTS: 32);
//! let mut boots = Boots::begin(&BOOTS, Reset::Unknown);
//! let careful = boots.crashes_in_a_row() >= 3;
//! // ... start what may crash, unless `careful`; some minutes later:
//! boots.is_healthy();
//! ```
//!
//! The handler calls [`crashed`]. Nothing here waits or decides: what to leave out after three crashes, and
//! whether a line that is slow to come up deserves a pause, is the program's to know.

use crate::arch::kept::Kept;
use crate::crc::Crc;

/// Marks the room as ours; a CRC follows.
const MAGIC: u32 = u32::from_le_bytes(*b"boot");
/// Bytes in use: magic, starts, crashes, crashes in a row, reason and flags, CRC; little-endian words.
const LEN: usize = 24;

/// Why the device started, as its reset register tells the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Reset {
    /// Nobody knows.
    #[default]
    Unknown = 0,
    /// The supply came up.
    Power = 1,
    /// The pin.
    Pin = 2,
    /// The program asked for it: the handler does so after a dump.
    Software = 3,
    /// A watchdog.
    Watchdog = 4,
    /// The supply was too low.
    BrownOut = 5,
    /// The core gave up.
    Lockup = 6,
    /// It woke from a sleep that loses most of the RAM.
    Wake = 7,
}

impl Reset {
    const ALL: [Reset; 8] = [
        Reset::Unknown,
        Reset::Power,
        Reset::Pin,
        Reset::Software,
        Reset::Watchdog,
        Reset::BrownOut,
        Reset::Lockup,
        Reset::Wake,
    ];

    pub(crate) fn of(code: u8) -> Reset {
        Self::ALL.get(code as usize).copied().unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Since the memory was lost.
    starts: u32,
    crashes: u32,
    /// Since the program last called itself healthy.
    in_a_row: u32,
    reset: u8,
    /// The handler ran since the last start.
    just_crashed: bool,
}

impl Counts {
    fn read(kept: &Kept) -> Option<Counts> {
        let mut bytes = [0; LEN];
        if !kept.read(0, &mut bytes) {
            return None;
        }
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let mut own = Crc::new();
        own.update(body);
        let word = |index: usize| {
            let bytes = body.get(4 * index..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        if own.value() != u32::from_le_bytes(*crc) || word(0)? != MAGIC {
            return None;
        }
        let last = word(4)?;
        Some(Counts {
            starts: word(1)?,
            crashes: word(2)?,
            in_a_row: word(3)?,
            reset: last as u8,
            just_crashed: last >> 8 & 1 == 1,
        })
    }

    fn write(&self, kept: &Kept) {
        let last = u32::from(self.reset) | u32::from(self.just_crashed) << 8;
        let words = [MAGIC, self.starts, self.crashes, self.in_a_row, last];
        let mut bytes = [0; LEN];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let mut crc = Crc::new();
        crc.update(bytes.get(..LEN - 4).unwrap_or(&[]));
        if let Some(to) = bytes.last_chunk_mut::<4>() {
            *to = crc.value().to_le_bytes();
        }
        kept.write(0, &bytes);
        kept.clean();
    }
}

/// The counts, for the program.
#[derive(Debug)]
pub struct Boots<'a> {
    kept: &'a Kept,
    now: Counts,
    was_crash: bool,
}

impl<'a> Boots<'a> {
    /// For the start of the program, before anything that may crash: counts the start. A device that came up
    /// without its memory starts with nothing. A watchdog's reset that no handler saw coming, and a
    /// core that gave up, count as crashes.
    pub fn begin(kept: &'a Kept, reset: Reset) -> Self {
        let mut now = Counts::read(kept).unwrap_or_default();
        let unseen = matches!(reset, Reset::Watchdog | Reset::Lockup) && !now.just_crashed;
        if unseen {
            now.crash();
        }
        let was_crash = core::mem::take(&mut now.just_crashed);
        now.starts = now.starts.saturating_add(1);
        now.reset = reset as u8;
        now.write(kept);
        Boots { kept, now, was_crash: was_crash || unseen }
    }

    /// Starts since the memory was lost, this one included.
    pub fn starts(&self) -> u32 {
        self.now.starts
    }

    /// Crashes since then.
    pub fn crashes(&self) -> u32 {
        self.now.crashes
    }

    /// Crashes since the program last called itself healthy.
    pub fn crashes_in_a_row(&self) -> u32 {
        self.now.in_a_row
    }

    /// Whether a crash led to this start.
    pub fn after_crash(&self) -> bool {
        self.was_crash
    }

    /// Why this start was.
    pub fn reset(&self) -> Reset {
        Reset::of(self.now.reset)
    }

    /// How long to wait before what crashed is tried again, in the unit of `first`: nothing after the first crash,
    /// `first` after the second one in a row, twice as much after each further one, `most` at most.
    pub fn back_off(&self, first: u32, most: u32) -> u32 {
        back_off(self.now.in_a_row, first, most)
    }

    /// The program has run as it should for long enough: the next crash is the first of a new series.
    pub fn is_healthy(&mut self) {
        self.now.in_a_row = 0;
        self.now.write(self.kept);
    }
}

/// See [`Boots::back_off`].
pub(crate) fn back_off(in_a_row: u32, first: u32, most: u32) -> u32 {
    match in_a_row.checked_sub(2) {
        None => 0,
        Some(more) => {
            let factor = 1u32.checked_shl(more).unwrap_or(u32::MAX);
            first.saturating_mul(factor).min(most)
        }
    }
}

/// See [`Boots::is_healthy`]: for who has not kept what `begin` answered.
#[cfg(all(feature = "ffi", any(entry, target_arch = "xtensa")))]
pub(crate) fn is_healthy(kept: &Kept) {
    let now = Counts::read(kept).unwrap_or_default();
    Counts { in_a_row: 0, ..now }.write(kept);
}

impl Counts {
    fn crash(&mut self) {
        self.crashes = self.crashes.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.just_crashed = true;
    }
}

/// For the handler: counts the crash. Once is enough: a second attempt of the same crash changes nothing.
pub fn crashed(kept: &Kept) {
    let mut now = Counts::read(kept).unwrap_or_default();
    if !now.just_crashed {
        now.crash();
        now.write(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::kept::Room;

    #[test]
    fn a_loop_is_counted_until_the_program_is_well() {
        static ROOM: Room<32> = Room::new();
        let kept = ROOM.kept();
        kept.fill(0xa5);
        let boots = Boots::begin(&kept, Reset::Power);
        assert_eq!((boots.starts(), boots.crashes(), boots.after_crash()), (1, 0, false));
        let mut waits = Vec::new();
        for _ in 0..5 {
            crashed(&kept);
            crashed(&kept);
            let boots = Boots::begin(&kept, Reset::Software);
            assert!(boots.after_crash());
            waits.push(boots.back_off(100, 500));
        }
        assert_eq!(waits, [0, 100, 200, 400, 500]);
        let mut boots = Boots::begin(&kept, Reset::Pin);
        assert_eq!((boots.starts(), boots.crashes(), boots.crashes_in_a_row()), (7, 5, 5));
        assert!(!boots.after_crash() && boots.reset() == Reset::Pin);
        boots.is_healthy();
        crashed(&kept);
        let boots = Boots::begin(&kept, Reset::Software);
        assert_eq!((boots.crashes(), boots.crashes_in_a_row()), (6, 1));
    }

    #[test]
    fn a_watchdog_that_nobody_saw_coming_is_a_crash() {
        static ROOM: Room<32> = Room::new();
        let kept = ROOM.kept();
        Boots::begin(&kept, Reset::Power);
        let boots = Boots::begin(&kept, Reset::Watchdog);
        assert!(boots.after_crash() && boots.crashes() == 1);
        // One whose handler wrote a dump is counted once.
        crashed(&kept);
        assert_eq!(Boots::begin(&kept, Reset::Watchdog).crashes(), 2);
    }

    #[test]
    fn a_damaged_count_is_none() {
        static ROOM: Room<32> = Room::new();
        let kept = ROOM.kept();
        for at in 0..LEN {
            Boots::begin(&kept, Reset::Power);
            let mut byte = [0];
            kept.read(at, &mut byte);
            kept.write(at, &[byte[0] ^ 4]);
            assert_eq!(Boots::begin(&kept, Reset::Power).starts(), 1, "byte {at}");
        }
        static TINY: Room<0> = Room::new();
        assert_eq!(Boots::begin(&TINY.kept(), Reset::Pin).starts(), 1);
    }
}

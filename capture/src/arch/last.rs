//! The last resort: what the entry code keeps when the smaller record faults as well.
//!
//! It needs nothing but the entry code's own memory: the record lies at the bottom of the capture's
//! stack, which the start-up code leaves alone, and holds what the entry code saved at the first fault
//! and 256 bytes from the stack pointer on. The next start of the program finds it with
//! [`last_resort`] and makes a dump of it.
//!
//! A checksum guards it. The build id is a part of the sum: another program does not take the record for
//! its own.

#[cfg(cortex_m)]
use super::cortex_m::{Room, Saved, decode};
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
use super::riscv::{Room, Saved, decode};
use crate::arch::live::Bare;
use crate::arch::state::Top;
use crate::crash::{Attempt, Crash, GUARD};
use crate::isa::Memory;
use crate::region::{Access, Area};
use core::arch::global_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Words of stack in the record.
const WORDS: usize = 64;
const MAGIC: usize = 0x1a57_4e50;

#[repr(C)]
struct Record {
    /// A capture that has just reached the guard has still done no harm.
    _spare: [u32; 16],
    guard: [AtomicUsize; 4],
    magic: AtomicUsize,
    /// Of `saved` and the build id.
    check: usize,
    saved: Saved,
    /// Where the stack lay, and the sum of that and of its words; they come after the rest, since
    /// reading a crashed stack may fault.
    stack_at: usize,
    stack_check: usize,
    stack: [u32; WORDS],
}

unsafe extern "C" {
    static CORONER_STACK_TOP: Top;
    static CORONER_STACK_BOTTOM: Top;
    /// Start and end of the build id; both 0 where no linker script says.
    static CORONER_BUILD_ID: [Top; 2];
}

#[cfg(target_pointer_width = "32")]
global_asm!(
    ".section .rodata.coroner_build_id, \"a\"
    .balign 4
    .weak __coroner_build_id_start
    .weak __coroner_build_id_end
    .global CORONER_BUILD_ID
    CORONER_BUILD_ID: .word __coroner_build_id_start, __coroner_build_id_end
    .previous"
);
#[cfg(target_pointer_width = "64")]
global_asm!(
    ".section .rodata.coroner_build_id, \"a\"
    .balign 8
    .weak __coroner_build_id_start
    .weak __coroner_build_id_end
    .global CORONER_BUILD_ID
    CORONER_BUILD_ID: .dword __coroner_build_id_start, __coroner_build_id_end
    .previous"
);

/// The capture's own stack.
pub(super) fn stack() -> Area {
    // SAFETY: constants of the program.
    let (bottom, top) = unsafe { (CORONER_STACK_BOTTOM.address(), CORONER_STACK_TOP.address()) };
    Area::between(bottom, top)
}

fn build_id() -> Area {
    // SAFETY: constants of the linker.
    let [start, end] = unsafe { [CORONER_BUILD_ID[0].address(), CORONER_BUILD_ID[1].address()] };
    Area::between(start, end)
}

/// The place of the record, where the stack has room for it and for the function that writes it.
fn record() -> Option<*mut Record> {
    let stack = stack();
    let fits = stack.len() >= size_of::<Record>().wrapping_add(512);
    fits.then(|| core::ptr::with_exposed_provenance_mut(stack.start()))
}

/// At the beginning of a capture, `raise`: marks the bottom of its stack. Answers the marks.
pub(super) fn guard(raise: bool) -> &'static [AtomicUsize] {
    let Some(record) = record() else { return &[] };
    // SAFETY: on the capture's stack, far below where it has got to; only reached as atomic words.
    let guard = unsafe { &(*record).guard };
    if raise {
        guard.iter().for_each(|word| word.store(GUARD, Ordering::Relaxed));
    }
    guard
}

/// Keeps the record. A fault in here leads to the reset that would follow anyway.
pub(super) fn keep(saved: &Saved) {
    let Some(record) = record() else { return };
    // SAFETY: the place is ours: whatever the capture had on its stack there is given up, and this
    // function runs at the stack's other end.
    unsafe {
        (*record).magic.store(0, Ordering::Release);
        (&raw mut (*record).stack_check).write_volatile(0);
        (&raw mut (*record).saved).write_volatile(*saved);
        (&raw mut (*record).check).write_volatile(sum_of(&(*record).saved));
        (*record).magic.store(MAGIC, Ordering::Release);
        let at = saved.sp() & !63;
        let mut sum = mix(MAGIC, at);
        for index in 0..WORDS {
            let word = Bare::new().element(at.wrapping_add(4 * index), Access::Word).unwrap_or(0);
            (&raw mut (*record).stack).cast::<u32>().add(index).write_volatile(word);
            sum = mix(sum, word as usize);
        }
        (&raw mut (*record).stack_at).write_volatile(at);
        (&raw mut (*record).stack_check).write_volatile(sum);
    }
}

fn mix(sum: usize, word: usize) -> usize {
    sum.rotate_left(5).wrapping_add(word).wrapping_mul(0x0101_0011)
}

/// # Safety
/// `saved` can be read.
unsafe fn sum_of(saved: *const Saved) -> usize {
    let mut sum = MAGIC;
    for index in 0..size_of::<Saved>() / size_of::<usize>() {
        // SAFETY: inside of the structure, which consists of words.
        sum = mix(sum, unsafe { saved.cast::<usize>().add(index).read_volatile() });
    }
    let id = build_id();
    let mut only_id = Remains { words: &[], area: Area::EMPTY, id };
    for at in (id.start()..id.end()).step_by(4) {
        sum = mix(sum, only_id.element(at, Access::Word).unwrap_or(0) as usize);
    }
    sum
}

/// What is left of the memory of a crash: a piece of its stack.
#[derive(Clone, Copy, Debug)]
pub struct Remains<'a> {
    words: &'a [u32],
    area: Area,
    id: Area,
}

impl Memory for Remains<'_> {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (at, byte) in (at..).zip(bytes) {
            let Some(read) = self.element(at, Access::Byte) else { return false };
            *byte = read as u8;
        }
        true
    }

    fn element(&mut self, at: usize, access: Access) -> Option<u32> {
        if self.id.overlap(at, at.checked_add(access.width())?) == access.width() {
            // SAFETY: the linker put the build id there.
            return unsafe { Bare::new() }.element(at, access);
        }
        let offset = at.checked_sub(self.area.start())?;
        let word = *self.words.get(offset / 4)? >> (8 * (offset as u32 & 3));
        Some(word & (u32::MAX >> (32 - 8 * access.width())))
    }
}

/// For the start of the program: if the capture of the last crash had faulted twice, hands over what the
/// entry code has kept: the crash, the piece of its stack, and the memory to read it from. To be called
/// once, before anything can crash; the record is gone then.
///
/// ```ignore
/// last_resort(|crash, stack, memory| {
///     let config = Config { memory: &[stack], build_id: linker::BUILD_ID, ..Config::MINIMAL };
///     ROOM.get(crash).write(&config, crash, &mut Single { name: "crashed", stack }, memory, &mut sink)
/// });
/// ```
pub fn last_resort<R>(dump: impl FnOnce(&Crash<'_>, Area, &mut Remains<'_>) -> R) -> Option<R> {
    let record = record()?;
    // SAFETY: the place is ours, and words of any value are a record; the checksums tell whether it is
    // one. Nobody writes there while the program runs.
    let (magic, check, saved, at, stack_check, stack) = unsafe {
        (
            &(*record).magic,
            (&raw const (*record).check).read_volatile(),
            (&raw const (*record).saved).read_volatile(),
            (&raw const (*record).stack_at).read_volatile(),
            (&raw const (*record).stack_check).read_volatile(),
            (&raw const (*record).stack).read_volatile(),
        )
    };
    // SAFETY: a local copy.
    let whole =
        magic.load(Ordering::Acquire) == MAGIC && unsafe { sum_of(&raw const saved) } == check;
    magic.store(0, Ordering::Release);
    if !whole {
        return None;
    }
    let sum = stack.iter().fold(mix(MAGIC, at), |sum, &word| mix(sum, word as usize));
    let words = if sum == stack_check { &stack[..] } else { &[] };
    let area = Area::between(at, at.wrapping_add(size_of_val(words)));
    let mut room = Room::EMPTY;
    let mut crash = decode(&saved, false, &mut room);
    (crash.retry, crash.attempt) = (true, Attempt::Made);
    crash.cause.last_resort = true;
    Some(dump(&crash, area, &mut Remains { words, area, id: build_id() }))
}

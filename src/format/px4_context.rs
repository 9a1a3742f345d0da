//! PX4's hardfault context: what a flight controller keeps over a reset, before a later start
//! makes a text of it (`crash_text/px4.rs`).
//!
//! | off     | size     | field                                                                    |
//! |       0 |        4 | flags: 1 registers, 2 user stack, 4 interrupt stack, 8 fault status, 0x20 and 0x40 the stack pointer is outside of the user, interrupt stack |
//! |       4 |        4 | where the registers were; 0 if there are none                            |
//! |       8 |        8 | line, process number                                                     |
//! |      16 |      4 N | registers, as NuttX keeps them: see `LAYOUTS`                          |
//! |       - |      4 F | CFSR HFSR DFSR MMFAR BFAR AFSR, on a Cortex-M7 ABFSR: with flag 8        |
//! |       - |       24 | sp, top, size of the user stack and of the interrupt stack               |
//! |       - |        - | name of the task, then of the source file (40): room to their ends zeros |
//! |       - |        - | words around the interrupt stack's sp, then around the user stack's, falling |
//!
//! It lies in battery-backed RAM (`/fs/bbr4`), in flash (`/mnt/hardfault3`), in an RTC's RAM
//! (`/fs/ssarc4`), or since 2026 in RAM that a reset leaves alone: there behind `0xdeada1b2`, which
//! is the only mark that there is. How long the parts are depends on the build and is told by no
//! field, but the fields must agree with each other: with flag 1 the user stack pointer is the
//! saved one, and the flags 0x20 and 0x40 say what the bounds say.
//!
//! Both stacks have equally many words (of the last some may be cut off), but behind the mark the
//! first has those of the interrupt stack. The words of each are centred on its stack pointer; the
//! exception's frame in them tells whether that was understood.
//!
//! `px4_stream.rs` is the carrier for what such a controller prints of it after its reset.
//!
//! Source: PX4-Autopilot `src/lib/systemlib/hardfault_log.h` 0c023eb5aec,
//! `platforms/nuttx/src/px4/common/board_crashdump.c` 0104bf82ac8 and
//! `Tools/hardfaults_rawhex_decode.py` b00117cd6a7; NuttX'
//! `arch/arm/include/armv7-m/irq_{cmnvector,lazyfpu}.h`. No real one was seen.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::add_stack;
use super::machine::{machine_of, set_single_floats};
use super::{Context, Format, find_heads, in_input};
use crate::carrier::Piece;
use crate::cursor::u32_at;
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, text_until_nul};
use crate::reason::Signal;
use crate::registers::Registers;
use crate::targets::Family;
use std::ops::Range;

pub(super) const NAME: &str = "px4-context";
const MAGIC: [u8; 4] = 0xdead_a1b2_u32.to_le_bytes();

const REGISTERS: u32 = 1;
const USER_STACK: u32 = 2;
const INTERRUPT_STACK: u32 = 4;
const FAULT_STATUS: u32 = 8;
const USER_SP_OUTSIDE: u32 = 0x20;
const INTERRUPT_SP_OUTSIDE: u32 = 0x40;
const ALL_FLAGS: u32 = 0x6f;

const REGISTERS_OFF: usize = 16;
const FILE_LEN: usize = 40;
/// PX4's own boards have names of 24 characters and a NUL.
const USUAL_NAME_LEN: usize = 25;
const LONGEST_NAME: usize = 41;
/// Larger stacks than this are no stacks of such a controller.
const LARGEST_STACK: u32 = 1 << 20;
/// How many words the last stack may lack at its end.
const MOST_CUT: usize = 64;

/// How NuttX keeps registers, in words: 0 sp, 2-9 r4-r11, maybe 10 EXC_RETURN.
struct RegisterLayout {
    count: usize,
    /// Where what the core stacked begins: r0-r3, r12, lr, pc, xpsr.
    stacked: usize,
    exc_return: bool,
    floats: Floats,
}

/// Where s0-s31 and fpscr are.
#[derive(PartialEq)]
enum Floats {
    None,
    /// s16-s31 from word 11 on, s0-s15 and fpscr behind the stacked registers.
    Split,
    /// All from this word on.
    At(usize),
}

/// The usual one first. The FPU's registers are kept where the core stacks them, or (by builds that
/// let it do so lazily) before them.
const LAYOUTS: [RegisterLayout; 5] = [
    RegisterLayout { count: 53, stacked: 27, exc_return: true, floats: Floats::Split },
    RegisterLayout { count: 19, stacked: 11, exc_return: true, floats: Floats::None },
    RegisterLayout { count: 18, stacked: 10, exc_return: false, floats: Floats::None },
    RegisterLayout { count: 52, stacked: 44, exc_return: true, floats: Floats::At(11) },
    RegisterLayout { count: 51, stacked: 43, exc_return: false, floats: Floats::At(10) },
];

/// What the core stacks, lowest address first.
const STACKED: [&str; 8] = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];
const STATUS: [&str; 6] = ["CFSR", "HFSR", "DFSR", "MMFAR", "BFAR", "AFSR"];

/// PX4's hardfault context.
pub struct Px4Context;

/// The words of a piece, as far as they were not lost on the way.
struct Words<'a> {
    piece: &'a Piece,
    /// Where the context begins.
    base: usize,
}

impl Words<'_> {
    fn lost(&self, offset: usize, len: usize) -> bool {
        let (start, end) = (offset as u64, offset.saturating_add(len) as u64);
        self.piece.lost.iter().any(|lost| lost.start < end && start < lost.end)
    }

    fn at(&self, offset: usize) -> Option<u32> {
        let offset = self.base.checked_add(offset)?;
        u32_at(&self.piece.bytes, offset).filter(|_| !self.lost(offset, 4))
    }

    fn word(&self, from: usize, index: usize) -> Option<u32> {
        self.at(from.checked_add(index.checked_mul(4)?)?)
    }

    fn bytes(&self, offset: usize, len: usize) -> Option<&[u8]> {
        let offset = self.base.checked_add(offset)?;
        self.piece.bytes.get(offset..offset.checked_add(len)?).filter(|_| !self.lost(offset, len))
    }
}

#[derive(Clone, Copy)]
struct Bounds {
    sp: u32,
    top: u32,
    size: u32,
}

impl Bounds {
    fn read(words: &Words<'_>, from: usize) -> Option<Bounds> {
        let word = |index| words.word(from, index);
        let bounds = Bounds { sp: word(0)?, top: word(1)?, size: word(2)? };
        let sane = (64..=LARGEST_STACK).contains(&bounds.size)
            && bounds.size.is_multiple_of(4)
            && bounds.top.checked_sub(bounds.size).is_some_and(|bottom| bottom >= 0x1000_0000);
        sane.then_some(bounds)
    }

    fn bottom(&self) -> u32 {
        self.top.saturating_sub(self.size)
    }

    /// As the device asks.
    fn sp_is_outside(&self) -> bool {
        self.sp > self.top || self.sp <= self.bottom()
    }
}

/// The fixed part, and how it is laid out.
struct Info {
    flags: u32,
    line: u32,
    pid: u32,
    layout: &'static RegisterLayout,
    status_len: usize,
    status_off: usize,
    user: Bounds,
    interrupt: Bounds,
    task: String,
    file: String,
    /// Where the words of the stacks begin.
    end: usize,
}

impl Info {
    /// The layout in which all fields agree.
    fn find(words: &Words<'_>) -> Option<Info> {
        let flags = words.at(0)?;
        let (line, pid) = (words.at(8)?, words.at(12)?);
        let known = flags & !ALL_FLAGS == 0 && flags & USER_STACK != 0;
        // Registers and the interrupt's stack are there together, and only with their address.
        let in_interrupt = flags & REGISTERS != 0;
        let paired =
            in_interrupt == (flags & INTERRUPT_STACK != 0) && in_interrupt == (words.at(4)? != 0);
        if !known || !paired || line > 1_000_000 || pid > 0xffff {
            return None;
        }
        let status: &[usize] = if flags & FAULT_STATUS != 0 { &[6, 7] } else { &[0] };
        let mut all = LAYOUTS.iter().flat_map(|layout| status.iter().map(move |n| (layout, *n)));
        all.find_map(|(layout, status_len)| {
            let status_off = REGISTERS_OFF.checked_add(layout.count.checked_mul(4)?)?;
            let bounds_off = status_off.checked_add(status_len.checked_mul(4)?)?;
            let user = Bounds::read(words, bounds_off)?;
            let interrupt = Bounds::read(words, bounds_off.checked_add(12)?)?;
            let told = |flag: u32| flags & flag != 0;
            let agrees = user.sp_is_outside() == told(USER_SP_OUTSIDE)
                && interrupt.sp_is_outside() == told(INTERRUPT_SP_OUTSIDE);
            let same_sp = words.at(REGISTERS_OFF)? == if in_interrupt { user.sp } else { 0 };
            let name_off = bounds_off.checked_add(24)?;
            let (task, file, end) = names(words, name_off).filter(|_| agrees && same_sp)?;
            Some(Info {
                flags,
                line,
                pid,
                layout,
                status_len,
                status_off,
                user,
                interrupt,
                task,
                file,
                end,
            })
        })
    }

    /// Register number `index`, in the kernel's order.
    fn saved(&self, words: &Words<'_>, index: usize) -> Option<u32> {
        words.word(REGISTERS_OFF, index).filter(|_| self.flags & REGISTERS != 0)
    }

    fn registers(&self, words: &Words<'_>, mut registers: Registers) -> Registers {
        registers.set_why_missing("register not saved by the device");
        registers.set_sp(self.user.sp);
        let mut set = |name: &str, index: usize| {
            if let Some(value) = self.saved(words, index) {
                registers.set_by_name(name, value);
            }
        };
        for n in 4..12usize {
            set(&format!("r{n}"), n.saturating_sub(2));
        }
        if self.layout.exc_return {
            set("exc_return", 10);
        }
        for (n, name) in STACKED.iter().enumerate() {
            set(name, self.layout.stacked.saturating_add(n));
        }
        let behind = self.layout.stacked.saturating_add(STACKED.len());
        let (low, high, fpscr) = match self.layout.floats {
            Floats::None => return self.with_status(words, registers),
            Floats::Split => (behind, 11, behind.saturating_add(16)),
            Floats::At(first) => (first, first.saturating_add(16), first.saturating_add(32)),
        };
        set("fpscr", fpscr);
        for (n, from) in [(0, low), (16, high)] {
            let values = (from..from.saturating_add(16)).map_while(|i| self.saved(words, i));
            set_single_floats(&mut registers, n, &values.collect::<Vec<u32>>());
        }
        self.with_status(words, registers)
    }

    fn with_status(&self, words: &Words<'_>, mut registers: Registers) -> Registers {
        for (n, name) in STATUS.iter().enumerate().take(self.status_len) {
            if let Some(value) = words.word(self.status_off, n) {
                registers.set_by_name(name, value);
            }
        }
        registers
    }

    /// Which words of the stacks the user stack pointer may point at, by the exception's frame.
    fn centres_by_frame(&self, words: &Words<'_>, count: usize) -> Vec<usize> {
        let frame: Vec<u32> = (0..STACKED.len())
            .map_while(|n| self.saved(words, self.layout.stacked.checked_add(n)?))
            .collect();
        if frame.len() < STACKED.len() || frame.iter().all(|word| Some(word) == frame.first()) {
            return Vec::new();
        }
        let frame_words = if self.layout.floats == Floats::Split { 26usize } else { 8 };
        let is_frame = |lowest: &usize| {
            frame.iter().enumerate().all(|(n, value)| {
                let index = lowest.checked_sub(n);
                index.and_then(|index| words.word(self.end, index)) == Some(*value)
            })
        };
        let lowest = (0..count).filter(is_frame);
        lowest.filter_map(|lowest| lowest.checked_sub(frame_words)).collect()
    }
}

/// The task's name, the source file's, and where the words of the stacks begin.
fn names(words: &Words<'_>, at: usize) -> Option<(String, String, usize)> {
    let valid = |field: &[u8]| {
        let text = field.iter().position(|b| *b == 0).unwrap_or(field.len());
        let (text, zeros) = field.split_at_checked(text).unwrap_or_default();
        text.iter().all(|b| (0x20..0x7f).contains(b)) && zeros.iter().all(|b| *b == 0)
    };
    let room = words.bytes(at, LONGEST_NAME)?;
    let name_len = room.iter().position(|b| *b == 0)?;
    // The first byte behind the NULs begins the next name, if there is one.
    let next = room.iter().skip(name_len).position(|b| *b != 0);
    let field_len = next.map_or(USUAL_NAME_LEN, |n| n.saturating_add(name_len));
    let file_off = at.checked_add(field_len)?;
    let (name, file) = (words.bytes(at, field_len)?, words.bytes(file_off, FILE_LEN)?);
    let end = file_off.checked_add(FILE_LEN)?.checked_next_multiple_of(4)?;
    (valid(name) && valid(file)).then(|| (text_until_nul(name), text_until_nul(file), end))
}

impl Format for Px4Context {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "PX4 hardfault context (battery-backed RAM, flash, RAM)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || Info::find(&words_of(piece)).is_some()
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, &MAGIC, |bytes| {
            let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
            Info::find(&words_of(&Piece::outermost(head.to_vec().into()))).is_some()
        })
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let words = words_of(piece);
        let info = Info::find(&words).ok_or_else(|| {
            let expected = "flags, stack pointers and bounds of stacks that agree";
            in_input(Fault::new(NAME, "context", words.base as u64, expected, "none"))
        })?;
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("PX4 hardfault context", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let marked = words.base > 0 || piece.hint == Some(NAME);
        add_stacks(&mut dump, &info, &words, marked);
        let registers = info.registers(&words, Registers::unknown(dump.arch.clone()));
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        thread.name = Some(info.task.clone()).filter(|name| !name.is_empty());
        thread.remarks.push(format!("pid {}", info.pid));
        let (low, high) = (info.user.bottom().into(), info.user.top.into());
        thread.stack = Some(Stack { low, high });
        dump.threads.push(thread);
        // The device asks the same: the idle task can't assert.
        let fault = info.flags & REGISTERS != 0 || info.pid == 0;
        dump.reason.words = match (fault, info.file.is_empty()) {
            (true, _) => "Hard Fault".into(),
            (false, true) => "Assertion failed".into(),
            (false, false) => format!("Assertion failed in {}:{}", info.file, info.line),
        };
        dump.reason.signal = Some(if fault { Signal::Segv } else { Signal::Abrt });
        if info.flags & REGISTERS == 0 {
            dump.notes.push(
                Note::info(
                    "of an assertion that fails in a task no registers are saved but the stack \
                 pointer",
                )
                .by(NAME)
                .code("no-registers"),
            );
        }
        dump.notes.push(Note::info("a hardfault context holds registers and some of the stack: variables are not in it").code("partial"));
        Ok(dump)
    }
}

/// The words behind the mark, where there is one.
fn words_of(piece: &Piece) -> Words<'_> {
    Words { piece, base: if piece.bytes.starts_with(&MAGIC) { MAGIC.len() } else { 0 } }
}

/// Adds the memory around both stack pointers. `marked` says that the interrupt stack's words are
/// as many as it has.
fn add_stacks(dump: &mut Dump, info: &Info, words: &Words<'_>, marked: bool) {
    let start = words.base.saturating_add(info.end);
    let count = words.piece.bytes.len().saturating_sub(start) / 4;
    let interrupt_words = (info.interrupt.size / 4) as usize;
    // (words of the interrupt stack, words of the user stack without what is cut off)
    let split = |first: usize| Some((first, count.checked_sub(first)?));
    let equal = |each: usize| {
        let cut = each.checked_mul(2)?.checked_sub(count)?;
        (cut <= MOST_CUT && each < count).then_some((each, each))
    };
    let usual = match marked {
        true => split(interrupt_words),
        false => equal(count.div_ceil(2)),
    };
    let centres = info.centres_by_frame(words, count);
    let fits = |(first, second): &(usize, usize)| {
        first.checked_add(second / 2).is_some_and(|centre| centres.contains(&centre))
    };
    let most = count.div_ceil(2).saturating_add(MOST_CUT / 2);
    let equals = (count.div_ceil(2)..=most).map(equal);
    // In an image of RAM other memory follows: the frame tells where the stack's words end.
    let in_image = centres.iter().map(|centre| {
        let second = centre.checked_sub(interrupt_words)?.checked_mul(2)?;
        (marked && interrupt_words.checked_add(second)? <= count)
            .then_some((interrupt_words, second))
    });
    let all = std::iter::once(usual).chain(equals).chain([split(interrupt_words)]).chain(in_image);
    let parts = all.flatten().find(fits);
    if parts.is_none() && info.flags & REGISTERS != 0 {
        dump.notes.push(
            Note::doubt(
                "the exception's frame is not where the stack's words should have it: where \
             the two stacks' words part is taken from their number alone",
            )
            .by(NAME)
            .code("reconstructed"),
        );
    }
    let Some((first, second)) = parts.or(usual) else {
        dump.notes.push(
            Note::warning(format!("{count} words of stacks can't be placed: left out"))
                .by(NAME)
                .code("left-out"),
        );
        return;
    };
    let mut lines = Vec::new();
    let mut place = |from: usize, whole: usize, there: usize, sp: u32| {
        let top = u64::from(sp).saturating_add((whole / 2).saturating_mul(4) as u64);
        for n in (0..there).rev() {
            let addr = top.checked_sub((n as u64).saturating_mul(4));
            let Some(addr) = addr.filter(|addr| *addr <= u64::from(u32::MAX)) else { continue };
            match words.word(info.end, from.saturating_add(n)) {
                Some(word) => lines.push((addr, word.to_le_bytes().to_vec())),
                None => {
                    let why = "lost on the way: the line that held it is damaged or missing";
                    if let Some(range) = AddrRange::of_len(addr, 4) {
                        dump.memory.mark_missing(range, why);
                    }
                }
            }
        }
    };
    let there = count.saturating_sub(first).min(second);
    place(first, second, there, info.user.sp);
    if info.flags & INTERRUPT_STACK != 0 {
        place(0, first, first, info.interrupt.sp);
    }
    add_stack(dump, NAME, lines);
}

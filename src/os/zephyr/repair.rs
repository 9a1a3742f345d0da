//! Registers of the crashed thread that Zephyr is known to dump wrong, and how they are mended.
//!
//! * Cortex-M: up to late 2024 sp is the address of the exception frame, and 0 for an oops or
//!   panic raised through SVC. Later the frame's size is added, but on ARMv8-M not the word of
//!   padding. The frame's eight words are in the dump as registers: where they lie in memory
//!   tells which it is.
//! * RISC-V up to 3.6: there is no sp, and of a 64-bit core's registers only the lower halves. The
//!   exception frame on the stack holds all of it.
//! * AArch64 before 4.0: there is no sp. The registers were dumped in the frame's own order.
//!
//! Folklore: without this GDB shows a call chain in which frame 1 repeats frame 0 and frames of
//! older calls follow. Zephyr's own tool does.
//!
//! Source: Zephyr 2.4 to 4.2, `arch/arm/core/cortex_m/fault.c` and `fault_s.S`,
//! `include/zephyr/arch/riscv/exception.h`, `arch/arm64/core/coredump.c`; Cortex-M seen in real
//! dumps.

use super::layout::Layout;
use crate::arch::cortex_m::frame::{BASIC, BASIC_LEN, FLOAT_LEN};
use crate::arch::cortex_m::{ExcReturn, Frame};
use crate::debug_info::Modules;
use crate::dump::{Dump, Note, Stack, Thread, ZephyrKernel};
use crate::memory::{Memory, Origin};
use crate::registers::Registers;
use crate::unwind::{End, Unwinder};
use memchr::memmem;
use std::cmp::Ordering;

/// Memory beyond this is not searched: no device with such frames has so much, and opening must
/// not cost the time.
const MOST_SEARCHED: u64 = 64 << 20;

/// Mends what needs it. `stack` is the crashed thread's, where it is known. Returns what only a
/// look at the call chain can decide.
pub(super) fn crashed(
    dump: &mut Dump,
    kernel: &ZephyrKernel,
    layout: &Layout,
    stack: Option<Stack>,
    notes: &mut Vec<Note>,
) -> Option<Undecided> {
    let thread = dump.threads.iter_mut().find(|thread| thread.crashed)?;
    let search = Search { memory: &dump.memory, layout, stack };
    match dump.arch.name.as_str() {
        "cortex-m" => return cortex_m(&search, thread, notes),
        "aarch64" if thread.registers.sp().is_none() => aarch64(&search, thread, notes),
        name if name.starts_with("riscv") => {
            let bits = dump.arch.word_bits;
            if !kernel.halves.is_empty() || thread.registers.sp().is_none() {
                riscv(&search, thread, &kernel.halves, bits, notes);
            }
        }
        _ => {}
    }
    None
}

/// A frame of Cortex-M of which nothing tells whether it holds FPU registers.
pub(super) struct Undecided {
    frame: u64,
    /// What the thread's last switch says, which may be long ago.
    by_last_switch: bool,
}

impl Undecided {
    /// Unwinds both ways and takes the longer call chain.
    pub(super) fn decide(
        self,
        dump: &mut Dump,
        modules: &Modules<'_>,
        stack: Option<Stack>,
        notes: &mut Vec<Note>,
    ) {
        let Some(thread) = dump.crashed() else { return };
        let unwinder = Unwinder::new(dump, modules);
        let sp =
            |extended| Frame::at(&dump.memory, self.frame, extended).map(|frame| frame.sp_before());
        let weight = |sp: u64| {
            let mut registers = thread.registers.clone();
            registers.set_sp(sp);
            let trace = unwinder.walk(registers, stack);
            let sure = trace.frames.iter().filter(|frame| !frame.found.is_guess()).count();
            (sure, trace.end == End::Outermost)
        };
        let (Some(basic), Some(extended)) = (sp(false), sp(true)) else { return };
        let (of_basic, of_extended) = (weight(basic), weight(extended));
        let is_extended = match of_extended.cmp(&of_basic) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => self.by_last_switch,
        };
        if of_basic == of_extended && (of_basic.0 > 1 || self.by_last_switch) {
            notes.push(
                Note::doubt(
                    "whether the exception frame holds FPU registers is not known: sp may be \
                 off by 72 bytes",
                )
                .by("zephyr")
                .code("reconstructed"),
            );
        }
        if is_extended {
            notes.push(
                Note::info(format!(
                    "the exception frame is taken to hold FPU registers, as the call chain \
                 makes sense only so: sp before the crash was {extended:#x}"
                ))
                .by("zephyr")
                .code("assumed"),
            );
        }
        let sp = if is_extended { extended } else { basic };
        if let Some(thread) = dump.threads.iter_mut().find(|thread| thread.crashed) {
            thread.registers.set_sp(sp);
        }
    }
}

struct Search<'a> {
    memory: &'a Memory,
    layout: &'a Layout,
    stack: Option<Stack>,
}

impl Search<'_> {
    /// Where the bytes `pattern` lie in the dump, in rising order; in the crashed thread's stack
    /// first, and only there if they are there. A copy that the fault handler made for itself
    /// lies on the stack of interrupts.
    fn find(&self, pattern: &[u8], align: u64) -> Vec<u64> {
        let mut all = Vec::new();
        let mut searched = 0u64;
        for region in self.memory.regions().filter(|region| region.origin == Origin::Dump) {
            searched = searched.saturating_add(region.bytes.len() as u64);
            if searched > MOST_SEARCHED {
                break;
            }
            let places = memmem::find_iter(&region.bytes, pattern);
            let addrs = places.map(|place| region.start.saturating_add(place as u64));
            all.extend(addrs.filter(|addr| addr.is_multiple_of(align)));
        }
        let in_stack =
            |addr: &u64| self.stack.is_some_and(|stack| (stack.low..stack.high).contains(addr));
        if all.iter().any(in_stack) {
            all.retain(in_stack);
        }
        all
    }
}

// Cortex-M.

fn cortex_m(search: &Search<'_>, thread: &mut Thread, notes: &mut Vec<Note>) -> Option<Undecided> {
    let words: Option<Vec<u32>> =
        BASIC.iter().map(|name| thread.registers.by_name(name).map(|v| v as u32)).collect();
    let pattern: Vec<u8> = words?.iter().flat_map(|word| word.to_le_bytes()).collect();
    let holds = |addr: u64| search.memory.bytes(addr, 32).is_some_and(|bytes| *bytes == *pattern);
    let told = thread.registers.sp();

    if let Some(sp) = told {
        if holds(sp) {
            let (frame, undecided) = mend(search, thread, sp, None)?;
            notes.push(
                Note::info(format!(
                    "the dump's sp {sp:#x} is the address of the exception frame, as firmware \
                 up to 2024 gives it{}",
                    before(&frame, undecided.is_some())
                ))
                .by("zephyr")
                .code("reconstructed"),
            );
            return undecided;
        }
        for (len, extended) in [(BASIC_LEN, false), (BASIC_LEN + FLOAT_LEN, true)] {
            for padding in [0, 4] {
                let Some(addr) = sp.checked_sub((len + padding).into()) else { continue };
                if !holds(addr) {
                    continue;
                }
                let (frame, _) = mend(search, thread, addr, Some(extended))?;
                if frame.sp_before() != sp {
                    notes.push(
                        Note::info(format!(
                            "the dump's sp {sp:#x} leaves out the word of padding in front of \
                         the exception frame{}",
                            before(&frame, false)
                        ))
                        .by("zephyr")
                        .code("reconstructed"),
                    );
                }
                return None;
            }
        }
        if search.memory.region_at(sp).is_some() {
            // The frame itself was not dumped. It is aligned to 8, and so is sp but for a word of
            // padding.
            let padded = thread.registers.by_name("xpsr").is_some_and(|xpsr| xpsr & 1 << 9 != 0);
            if padded && sp.is_multiple_of(8) {
                let words = "the dump's sp leaves out a word of padding that xpsr records";
                notes.push(
                    Note::info(format!("{words}: it is {:#x}", sp + 4))
                        .by("zephyr")
                        .code("reconstructed"),
                );
                thread.registers.set_sp(sp + 4);
            }
            return None;
        }
    }
    let places = search.find(&pattern, 4);
    let surely = |addr: &&u64| exc_return(search.memory, **addr).is_some_and(|(_, sure)| sure);
    let chosen = places.iter().find(surely);
    let chosen = chosen.or_else(|| places.iter().find(|addr| addr.is_multiple_of(8)));
    let Some(addr) = chosen.or(places.first()).copied() else {
        let why = match told {
            Some(sp) => format!("the dump's sp {sp:#x} is in no memory of it"),
            None => "the dump gives no sp".to_string(),
        };
        notes.push(
            Note::warning(format!(
                "{why}, and the exception frame is nowhere: there is no backtrace"
            ))
            .by("zephyr")
            .code("reconstructed"),
        );
        return None;
    };
    let (frame, undecided) = mend(search, thread, addr, None)?;
    let found = match places.len() {
        1 => "found in memory".to_string(),
        n => format!("found in memory, {n} times"),
    };
    let words = format!(
        "the dump gives no usable sp: the exception frame was {found}, at {addr:#x}{}",
        before(&frame, undecided.is_some())
    );
    let sure = places.len() == 1 || surely(&&addr);
    notes.push(if sure {
        Note::info(words).by("zephyr").code("reconstructed")
    } else {
        Note::doubt(words).code("reconstructed")
    });
    undecided
}

fn before(frame: &Frame, undecided: bool) -> String {
    if undecided {
        return String::new();
    }
    format!(": sp before the crash was {:#x}", frame.sp_before())
}

/// Takes sp from the frame at `addr`. `extended` is `None` if its kind is still to be found out.
fn mend(
    search: &Search<'_>,
    thread: &mut Thread,
    addr: u64,
    extended: Option<bool>,
) -> Option<(Frame, Option<Undecided>)> {
    let memory = search.memory;
    let handler = exc_return(memory, addr).map(|(value, _)| value);
    let known = extended.or_else(|| handler.map(ExcReturn::is_extended));
    let last = thread.control_block.zip(search.layout.exc_return);
    let last = last.and_then(|(at, offset)| memory.array::<1>(at.checked_add(offset)?));
    let by_last_switch = last.is_some_and(|[byte]| byte & 1 << 4 == 0);
    let frame = Frame::at(memory, addr, known.unwrap_or(by_last_switch))?;
    thread.registers.set_sp(frame.sp_before());
    if let Some(handler) = handler {
        thread.registers.set_by_name("exc_return", handler.0);
    }
    let undecided = known.is_none() && search.layout.may_use_fpu;
    Some((frame, undecided.then_some(Undecided { frame: addr, by_last_switch })))
}

/// EXC_RETURN of the exception whose frame is at `frame`, and whether it is for certain that
/// frame's. The fault handler begins by pushing its own stack pointer and EXC_RETURN (`push {r0,
/// lr}`, r0 the MSP), with `EXTRA_EXCEPTION_INFO` the PSP below it; the handler of SVC pushes the
/// frame's address and EXC_RETURN.
fn exc_return(memory: &Memory, frame: u64) -> Option<(ExcReturn, bool)> {
    let mut searched = 0u64;
    let mut maybe = None;
    for region in memory.regions().filter(|region| region.origin == Origin::Dump) {
        searched = searched.saturating_add(region.bytes.len() as u64);
        if searched > MOST_SEARCHED {
            break;
        }
        // The upper three bytes of every EXC_RETURN.
        for place in memmem::find_iter(&region.bytes, &[0xff; 3]) {
            let Some(place) = place.checked_sub(1) else { continue };
            let addr = region.start.saturating_add(place as u64);
            let word = |back: u64| memory.u32_le(addr.checked_sub(back)?).map(u64::from);
            let value = memory.u32_le(addr).map(ExcReturn).filter(|value| value.is_valid());
            let Some(value) = value.filter(|_| addr.is_multiple_of(4)) else { continue };
            let behind = addr.checked_add(4);
            let own = word(4) == behind;
            let sure = match value.on_process_stack() {
                true => word(4) == Some(frame) || (own && word(12) == Some(frame)),
                false => own && behind == Some(frame),
            };
            if sure {
                return Some((value, true));
            }
            if own && value.on_process_stack() {
                maybe = Some((value, false));
            }
        }
    }
    maybe
}

// RISC-V.

/// An exception frame of RISC-V: its registers in order. The empty name passes over a word.
struct Layouts {
    names: &'static [&'static str],
    /// Its length in words, padding to 16 bytes left out.
    words: u64,
}

/// Since 3.1, and before; since 3.1 on RV32E; both of the first with mcause (CLIC).
static RISCV: [Layouts; 4] = [
    Layouts {
        names: &[
            "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4", "a5",
            "a6", "a7", "pc", "mstatus", "s0",
        ],
        words: 19,
    },
    Layouts {
        names: &[
            "ra", "", "", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4",
            "a5", "a6", "a7", "pc", "mstatus",
        ],
        words: 20,
    },
    Layouts {
        names: &["ra", "t0", "t1", "t2", "a0", "a1", "a2", "a3", "a4", "a5", "pc", "mstatus", "s0"],
        words: 13,
    },
    Layouts {
        names: &[
            "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4", "a5",
            "a6", "a7", "mcause", "pc", "mstatus", "s0",
        ],
        words: 20,
    },
];

fn riscv(
    search: &Search<'_>,
    thread: &mut Thread,
    halves: &[(&'static str, u32)],
    bits: u32,
    notes: &mut Vec<Note>,
) {
    let step = u64::from(bits / 8);
    let known = |name: &str| match halves.iter().find(|(half, _)| *half == name) {
        Some((_, value)) => Some(u64::from(*value)),
        None => thread.registers.by_name(name).filter(|_| halves.is_empty()),
    };
    let mask = if halves.is_empty() { u64::MAX } else { u64::from(u32::MAX) };
    if known("pc").is_none() {
        return;
    }
    let found = RISCV.iter().find_map(|layout| {
        // A jump to address 0 is found by another register: zeros are everywhere.
        let key = ["pc", "ra", "a0", "t0"].into_iter().find(|name| known(name) > Some(0))?;
        let at_key = layout.names.iter().position(|name| *name == key)? as u64 * step;
        let matches = |base: &u64| {
            (0u64..).zip(layout.names).all(|(index, name)| match known(name) {
                Some(wanted) => {
                    let word = search.memory.word_le(base.wrapping_add(index * step), bits);
                    word.is_some_and(|word| word & mask == wanted)
                }
                None => true,
            })
        };
        let pattern = known(key)?.to_le_bytes();
        let len = if mask == u64::MAX { step as usize } else { 4 };
        let places = search.find(pattern.get(..len)?, step);
        let base = places.iter().filter_map(|addr| addr.checked_sub(at_key)).find(matches)?;
        Some((layout, base))
    });
    let Some((layout, base)) = found else {
        riscv_without_frame(search, thread, halves, notes);
        return;
    };
    let mut frame = Registers::clone(&thread.registers);
    for (index, name) in (0u64..).zip(layout.names).filter(|(_, name)| !name.is_empty()) {
        if let Some(value) = search.memory.word_le(base.wrapping_add(index * step), bits) {
            frame.set_by_name(name, value);
        }
    }
    let default = (layout.words * step).next_multiple_of(16);
    let len = search.layout.frame_len.filter(|len| *len >= layout.words * step);
    let sp = base.wrapping_add(len.unwrap_or(default).next_multiple_of(16));
    let told = frame.sp();
    if told.is_none() {
        frame.set_sp(sp);
    }
    thread.registers = frame;
    let what = match (told, halves) {
        (_, [_, ..]) => "the dump cuts the registers to 32 bits",
        _ => "the dump has no sp",
    };
    let words = format!(
        "{what}: they were read from the exception frame at {base:#x}; sp before the crash \
         was {sp:#x}"
    );
    notes.push(match (told, len) {
        (None, None) => Note::doubt(format!("{words}, if the frame has its usual length"))
            .by("zephyr")
            .code("reconstructed"),
        _ => Note::info(words).code("reconstructed"),
    });
}

/// Without the frame the upper halves can be told only of code: it all lies in one place.
fn riscv_without_frame(
    search: &Search<'_>,
    thread: &mut Thread,
    halves: &[(&'static str, u32)],
    notes: &mut Vec<Note>,
) {
    let mut set = Vec::new();
    for (name, low) in halves.iter().filter(|(name, _)| matches!(*name, "pc" | "ra")) {
        let mut uppers: Vec<u64> =
            search.memory.regions().map(|region| region.start >> 32 << 32).collect();
        uppers.dedup();
        let candidates = uppers.iter().map(|upper| upper | u64::from(*low));
        let held = |addr: &u64| search.memory.region_at(*addr).is_some_and(|r| r.access.execute);
        let mut held = candidates.filter(held);
        if let (Some(value), None) = (held.next(), held.next()) {
            thread.registers.set_by_name(name, value);
            set.push(*name);
        }
    }
    let what = if halves.is_empty() { "sp" } else { "sp or whole registers" };
    notes.push(
        Note::warning(format!(
            "the dump has no {what}, and the exception frame is nowhere in it{}",
            match set.as_slice() {
                [] => String::new(),
                set => format!("; {} could be told from where the code is", set.join(" and ")),
            }
        ))
        .by("zephyr")
        .code("reconstructed"),
    );
}

// AArch64.

/// The frame's order, and the dump's.
const AARCH64: [&str; 22] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x30", "cpsr", "pc",
];

fn aarch64(search: &Search<'_>, thread: &mut Thread, notes: &mut Vec<Note>) {
    let words: Option<Vec<u64>> =
        AARCH64.iter().map(|name| thread.registers.by_name(name)).collect();
    let Some(words) = words else { return };
    let pattern: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let Some(base) = search.find(&pattern, 8).first().copied() else {
        notes.push(
            Note::warning("the dump has no sp, and the exception frame is nowhere in it")
                .by("zephyr")
                .code("reconstructed"),
        );
        return;
    };
    let usual = pattern.len() as u64;
    let len = search.layout.frame_len.filter(|len| *len >= usual);
    let sp = base.saturating_add(len.unwrap_or(usual).next_multiple_of(16));
    thread.registers.set_sp(sp);
    notes.push(
        Note::info(format!(
            "the dump has no sp: the exception frame is at {base:#x}, sp before the crash was \
         {sp:#x}"
        ))
        .by("zephyr")
        .code("reconstructed"),
    );
}

//! Whether an ELF file can be the one of a dump that does not say which build it is of.
//!
//! One judge for all formats. Each probe compares what the dump holds with what that file would
//! have made of it, and comes to so many places that agree out of so many that could:
//!
//! | probe                  | agrees                                                            |
//! | code and constants     | a byte of the dump that the file holds as well is the same        |
//! | return addresses       | a word of a stack that points into code stands behind a call      |
//! | program counters       | a thread that was switched out is in code                         |
//! | scheduler's lists      | the list that FreeRTOS' control block hangs in is a list's symbol |
//! | dumped blocks          | Zephyr's whole RAM begins and ends at the linker's symbols        |
//! | initialised pointers   | a variable that begins as a pointer to code or a constant holds it |
//! | entry functions        | what control blocks hold of code is the start of a function       |
//! | stacks                 | a stack that is a variable is one variable                        |
//!
//! Bytes are proof: code that differs is of another build. Addresses are evidence: a stack holds
//! old words too, a corrupted one anything; so a file is doubted for one kind of them, and refused
//! only where two kinds speak against it and none for it. Builds one change apart share much of
//! their code: among several files that fit the one with the fewest contradictions is the dump's.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod objects;

use crate::dump::{Dump, Fit, Kernel, Verdict};
use crate::firmware::Firmware;
use crate::memory::{AddrRange, Memory, Origin};
use crate::targets::Family;
use crate::unwind;
use std::collections::HashSet;

/// Fewer return addresses than this prove nothing.
const FEWEST_RETURNS: u64 = 3;
/// Fewer bytes of code than this prove nothing.
const FEWEST_BYTES: u64 = 64;
/// What of a stack is looked at, from its pointer up.
const STACK_LOOKED_AT: u64 = 2048;
/// Code below this address is what small numbers look like.
const SMALL_NUMBERS: u64 = 0x1000;
/// `pvContainer` of xStateListItem in FreeRTOS' control block, and whose item it is.
const CONTAINER_OFF: u64 = 20;
const OWNER_OFF: u64 = 16;
/// FreeRTOS' lists that a task that does not run hangs in.
const LISTS: [&str; 6] = [
    "pxReadyTasksLists",
    "xDelayedTaskList1",
    "xDelayedTaskList2",
    "xPendingReadyList",
    "xSuspendedTaskList",
    "xTasksWaitingTermination",
];

/// What one probe came to.
struct Probe {
    what: &'static str,
    agree: u64,
    of: u64,
    /// What it says of the file.
    says: Says,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It is of this build.
    For,
    /// Nothing.
    Nothing,
    /// It is hardly of this build.
    Against,
    /// It is of another.
    Proof,
}

/// The functions of an ELF file, by address.
struct Functions {
    /// First address and length, sorted.
    all: Vec<(u64, u64)>,
    /// No function says how long it is: then all code is of some function.
    unsized_code: bool,
}

impl Functions {
    fn of(dump: &Dump, elf: &Firmware) -> Functions {
        let thumb = u64::from(is_thumb(dump));
        let symbols = elf.symbols().filter(|symbol| symbol.function);
        let mut all: Vec<(u64, u64)> = symbols.map(|s| (s.addr & !thumb, s.len)).collect();
        all.sort_unstable();
        let unsized_code = all.iter().all(|(_, len)| *len == 0);
        Functions { all, unsized_code }
    }

    /// Whether one begins at `addr`.
    fn starts_at(&self, addr: u64) -> bool {
        let at = self.all.partition_point(|(start, _)| *start < addr);
        self.all.get(at).is_some_and(|(start, _)| *start == addr)
    }

    /// Whether `addr` is in one: constants between functions are in none.
    fn holds(&self, addr: u64) -> bool {
        let behind = self.all.partition_point(|(start, _)| *start <= addr);
        let before = behind.checked_sub(1).and_then(|at| self.all.get(at));
        before.is_some_and(|(start, len)| addr.saturating_sub(*start) < *len)
    }

    /// The same, of a file that may not say how long functions are.
    fn may_hold(&self, addr: u64) -> bool {
        self.unsized_code || self.holds(addr)
    }
}

/// What the probes say of a file.
pub(super) struct Judgement {
    pub fit: Fit,
    /// How much of what was compared is not as this file would have left it.
    pub contradictions: u64,
    /// How much is.
    pub agreements: u64,
}

/// Judges `elf` by what `dump` holds.
pub(super) fn judge(dump: &Dump, elf: &Firmware) -> Fit {
    judgement(dump, elf).fit
}

/// The same, to compare files with each other. The dump's memory is the dump's alone.
pub(super) fn judgement(dump: &Dump, elf: &Firmware) -> Judgement {
    let mut code = Memory::new();
    elf.add_constants(&mut code, Origin::Elf, dump.chip.as_deref());
    let functions = Functions::of(dump, elf);
    let probes = [
        contents(dump, elf),
        returns(dump, elf, &code, &functions),
        counters(dump, elf),
        lists(dump, elf),
        blocks(dump, elf),
        objects::pointers(dump, elf, &functions),
        objects::entries(dump, elf, &functions),
        objects::stacks(dump, elf),
    ];
    let probes: Vec<Probe> = probes.into_iter().flatten().filter(|probe| probe.of > 0).collect();
    let told = |probe: &Probe| format!("{} of {} {}", probe.agree, probe.of, probe.what);
    Judgement {
        fit: Fit { verdict: verdict(&probes), evidence: probes.iter().map(told).collect() },
        contradictions: probes.iter().map(|probe| probe.of.saturating_sub(probe.agree)).sum(),
        agreements: probes.iter().map(|probe| probe.agree).sum(),
    }
}

fn verdict(probes: &[Probe]) -> Verdict {
    let count = |says: Says| probes.iter().filter(|probe| probe.says == says).count();
    match (count(Says::Against), count(Says::For)) {
        _ if count(Says::Proof) > 0 => Verdict::DoesNotFit,
        (2.., 0) => Verdict::DoesNotFit,
        (1.., _) => Verdict::Doubtful,
        (0, 1..) => Verdict::Fits,
        (0, 0) => Verdict::Unknown,
    }
}

/// Code and constants that both hold.
fn contents(dump: &Dump, elf: &Firmware) -> Option<Probe> {
    if dump.process.is_some() {
        // A loader may have moved it, and written into it.
        return None;
    }
    let (mut same, mut all) = (0u64, 0u64);
    let fixed = |section: &&crate::firmware::Section| {
        section.alloc && section.has_bytes && section.execute && !section.write
    };
    for section in elf.sections.iter().filter(fixed) {
        let Some(range) = AddrRange::of_len(section.addr, section.len) else { continue };
        let bytes = elf.section_bytes(section);
        for region in dump.memory.overlapping(range).filter(|r| r.origin == Origin::Dump) {
            let Some(common) = region.range().and_then(|own| own.overlap(&range)) else { continue };
            let cut = |bytes: &bytes::Bytes, start: u64| {
                let from = usize::try_from(common.start.saturating_sub(start)).ok()?;
                let end = from.checked_add(usize::try_from(common.len()).ok()?)?;
                (end <= bytes.len()).then(|| bytes.slice(from..end))
            };
            let (Some(ours), Some(theirs)) =
                (cut(&region.bytes, region.start), cut(&bytes, section.addr))
            else {
                continue;
            };
            let equal = ours.iter().zip(theirs.iter()).filter(|(a, b)| a == b).count() as u64;
            (same, all) = (same.saturating_add(equal), all.saturating_add(common.len()));
        }
    }
    let share = percent(same, all);
    // A debugger's breakpoints and code that patches itself change a few bytes. Of another build
    // most bytes differ behind the first change.
    let says = match share {
        _ if all < FEWEST_BYTES => Says::Nothing,
        99.. => Says::For,
        80.. => Says::Against,
        _ => Says::Proof,
    };
    Some(Probe { what: "bytes of code are the ELF file's", agree: same, of: all, says })
}

/// The words of the stacks that point into code.
fn returns(dump: &Dump, elf: &Firmware, code: &Memory, functions: &Functions) -> Option<Probe> {
    let word = u64::from(dump.arch.word_bits / 8).max(1);
    let (mut agree, mut of) = (0u64, 0u64);
    let mut seen = HashSet::new();
    let mut look = |value: u64| {
        let Some(at) = unwind::return_address(&dump.arch, value, elf.entry) else { return };
        // Pointers to functions lie on stacks as well.
        // A call that does not return may be the last instruction of its function.
        let in_function = functions.may_hold(at) || functions.holds(at.saturating_sub(1));
        if at < SMALL_NUMBERS
            || !elf.holds_code(at)
            || !in_function
            || functions.starts_at(at)
            || !seen.insert(at)
        {
            return;
        }
        if let Some(follows) = unwind::follows_call(&dump.arch, code, value, elf.entry) {
            of = of.saturating_add(1);
            agree = agree.saturating_add(follows.into());
        }
    };
    for thread in &dump.threads {
        let printed = thread.printed.iter().filter(|frame| frame.returns);
        printed.for_each(|frame| look(frame.pc | u64::from(is_thumb(dump))));
        let Some(sp) = thread.registers.sp() else { continue };
        let end = sp.saturating_add(STACK_LOOKED_AT);
        let end = thread.stack.map_or(end, |stack| end.min(stack.high.max(sp)));
        let mut at = sp & !word.saturating_sub(1);
        while at < end {
            let Some(value) = dump.memory.word_le(at, dump.arch.word_bits) else { break };
            look(value);
            at = at.saturating_add(word);
        }
    }
    let says = match percent(agree, of) {
        _ if of < FEWEST_RETURNS => Says::Nothing,
        // What an interrupt pushed is no return address; of a build one change apart, many are.
        85.. => Says::For,
        40.. => Says::Nothing,
        _ => Says::Against,
    };
    Some(Probe { what: "return addresses follow a call", agree, of, says })
}

/// Where the threads that did not crash were. The crashed one may be anywhere.
fn counters(dump: &Dump, elf: &Firmware) -> Option<Probe> {
    let thumb = u64::from(is_thumb(dump));
    let is_rom = |pc: u64| {
        let memory = dump.chip.as_ref().and_then(|chip| chip.memory_at(pc));
        memory.is_some_and(|m| m.kind == crate::targets::MemoryKind::Rom)
    };
    let pcs = dump.threads.iter().filter(|thread| !thread.crashed);
    let pcs = pcs.filter_map(|thread| thread.registers.pc()).filter(|pc| *pc != 0 && !is_rom(*pc));
    let (mut agree, mut of) = (0u64, 0u64);
    for pc in pcs {
        of = of.saturating_add(1);
        agree = agree.saturating_add(elf.holds_code(pc & !thumb).into());
    }
    let says = if of >= 2 && agree == 0 { Says::Against } else { Says::Nothing };
    Some(Probe { what: "threads are in code", agree, of, says })
}

/// FreeRTOS hangs each task that does not run into one of its lists, which are symbols.
fn lists(dump: &Dump, elf: &Firmware) -> Option<Probe> {
    let symbols = elf.symbols().filter(|symbol| LISTS.contains(&symbol.name.as_str()));
    let ranges: Vec<AddrRange> =
        symbols.filter_map(|symbol| AddrRange::of_len(symbol.addr, symbol.len)).collect();
    if ranges.is_empty() {
        return None;
    }
    let (mut agree, mut of) = (0u64, 0u64);
    for block in dump.threads.iter().filter_map(|thread| thread.control_block) {
        let word = |offset: u64| dump.memory.u32_le(block.checked_add(offset)?).map(u64::from);
        // Whose item it is says that this is FreeRTOS' layout.
        let Some(list) = word(CONTAINER_OFF).filter(|_| word(OWNER_OFF) == Some(block)) else {
            continue;
        };
        if list != 0 {
            of = of.saturating_add(1);
            agree = agree.saturating_add(ranges.iter().any(|range| range.contains(list)).into());
        }
    }
    let says = match of {
        0 | 1 => Says::Nothing,
        _ if agree == of => Says::For,
        _ if agree == 0 => Says::Against,
        _ => Says::Nothing,
    };
    Some(Probe { what: "tasks hang in the scheduler's lists", agree, of, says })
}

/// Zephyr dumps from one of the linker's symbols to another, or its kernel's variable.
fn blocks(dump: &Dump, elf: &Firmware) -> Option<Probe> {
    let Some(Kernel::Zephyr(kernel)) = &dump.kernel else { return None };
    let symbol = |name: &str| elf.symbol(name);
    let (mut agree, mut of) = (0u64, 0u64);
    let mut compare = |same: bool| {
        of = of.saturating_add(1);
        agree = agree.saturating_add(same.into());
    };
    if let (Some(state), Some(own)) = (&kernel.state, symbol("_kernel").filter(|s| s.len > 0)) {
        compare(state.len() as u64 == own.len);
    }
    if let (Some(start), Some(end)) = (symbol("_image_ram_start"), symbol("_image_ram_end")) {
        let whole = kernel.blocks.iter().filter(|block| block.start == start.addr);
        for block in whole {
            compare(block.last.checked_add(1) == Some(end.addr));
        }
    }
    let says = match () {
        () if of > 0 && agree == of => Says::For,
        () if of > 0 && agree == 0 => Says::Against,
        () => Says::Nothing,
    };
    Some(Probe { what: "dumped blocks are the kernel's", agree, of, says })
}

fn is_thumb(dump: &Dump) -> bool {
    matches!(dump.arch.family, Family::CortexM | Family::Arm)
}

fn percent(part: u64, all: u64) -> u64 {
    part.saturating_mul(100).checked_div(all).unwrap_or_default()
}

/// The evidence of `fit` in one line.
pub(super) fn evidence(fit: &Fit) -> String {
    match fit.evidence.is_empty() {
        true => "nothing in the dump says".into(),
        false => fit.evidence.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_of_evidence_refuse_a_file_and_one_only_doubts_it() {
        let of = |says: &[Says]| {
            let probe = |says: &Says| Probe { what: "things", agree: 1, of: 2, says: *says };
            verdict(&says.iter().map(probe).collect::<Vec<_>>())
        };
        use Says::{Against, For, Nothing, Proof};
        assert_eq!(of(&[]), Verdict::Unknown);
        assert_eq!(of(&[Nothing, Nothing]), Verdict::Unknown);
        assert_eq!(of(&[For, Nothing]), Verdict::Fits);
        assert_eq!(of(&[Against, For]), Verdict::Doubtful);
        assert_eq!(of(&[Against, Against, For]), Verdict::Doubtful);
        assert_eq!(of(&[Against, Nothing]), Verdict::Doubtful);
        assert_eq!(of(&[Against, Against]), Verdict::DoesNotFit);
        assert_eq!(of(&[For, Proof]), Verdict::DoesNotFit);
    }

    #[test]
    fn a_constant_between_functions_is_in_none() {
        let functions = Functions { all: vec![(0x100, 0x20), (0x140, 0x10)], unsized_code: false };
        assert!(functions.starts_at(0x100) && functions.holds(0x11e) && functions.holds(0x14f));
        assert!(!functions.holds(0x120) && !functions.holds(0x13f) && !functions.holds(0xff));
        assert!(!functions.starts_at(0x102));
    }
}

//! What a debugger's console holds: registers, lines of memory, or both.
//!
//! A register set is believed if it has a program counter and some others; a second program
//! counter starts a second set (another core, another halt). In a text with nothing else a program
//! counter and a stack pointer will do. Lines of memory are believed from
//! two on.
//!
//! A fault handler often prints its own `lr` as well as the one that the hardware stacked. The
//! handler's is an EXC_RETURN; of two others the one beside r12 and pc is the stacked one.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::register_lines::{self, Printed};
use super::{NamedRegisters, Part, PartContents, Runs, memory_lines};
use crate::arch::cortex_m::ExcReturn;
use crate::carrier::Piece;
use crate::carrier::text::{lines, looks_like_text};
use crate::dump::Note;
use crate::error::Fault;
use crate::format::crash_text::{Printer, Radix};
use std::collections::BTreeSet;

const NAME: &str = "debugger-text";
const FEWEST_REGISTERS: usize = 4;
const FEWEST_MEMORY_LINES: usize = 2;
/// Of more sets the last ones are meant.
const MOST_SETS: usize = 512;
/// No machine has so many registers, each of them once or twice.
const MOST_REGISTERS: usize = 512;
const LINK: &str = "lr";
/// So many lines before and after registers may say what they are of.
const LINES_NEAR: usize = 24;
/// What a whole set begins with.
const FIRST_REGISTERS: [&str; 2] = ["r0", "x0"];
const PROGRAM_COUNTERS: [&str; 6] = ["pc", "mepc", "sepc", "epc", "rip", "eip"];
const STACK_POINTERS: [&str; 6] = ["sp", "msp", "psp", "rsp", "esp", "a1"];

/// A debugger's console.
pub(super) struct DebuggerText;

impl Part for DebuggerText {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "registers and memory as GDB, J-Link, OpenOCD, pyOCD and others print them"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        looks_like_text(&piece.bytes) && {
            let text = Collected::of(piece);
            let memory = text.memory >= FEWEST_MEMORY_LINES && text.runs.byte_len() > 0;
            memory || text.believed().next().is_some()
        }
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let text = Collected::of(piece);
        let radix = text.radix();
        let mut notes = Vec::new();
        let registers: Vec<NamedRegisters> =
            text.believed().map(|set| set.named(radix, &mut notes)).collect();
        let memory = text.memory;
        if registers.is_empty() && memory == 0 {
            let expected = "registers with a program counter, or lines of memory";
            return Err(Fault::new(NAME, "text", 0, expected, "none"));
        }
        let count: usize = registers.iter().map(NamedRegisters::len).sum();
        let title = format!("text with {count} registers and {memory} lines of memory");
        let extents = text.runs.into_extents();
        let said = if registers.is_empty() { Default::default() } else { text.said };
        Ok(PartContents { title, extents, registers, said, notes })
    }
}

/// What the lines of a text hold.
#[derive(Default)]
struct Collected {
    runs: Runs,
    sets: Vec<PrintedSet>,
    /// Lines of memory.
    memory: usize,
    /// Other lines before the first register, the last of them, and the first after it.
    said: [Vec<String>; 2],
}

impl Collected {
    fn of(piece: &Piece) -> Self {
        let mut text = Collected { sets: vec![PrintedSet::default()], ..Collected::default() };
        for line in lines(&piece.bytes) {
            if let Some((addr, bytes)) = memory_lines::parse(&line.text) {
                text.runs.add(addr, &bytes);
                text.memory = text.memory.saturating_add(1);
                continue;
            }
            let registers = register_lines::parse(&line.text);
            if registers.is_empty() {
                text.say(line.text.into_owned());
                continue;
            }
            for (name, value) in registers {
                if text.sets.last().is_some_and(|set| set.ends_before(&name)) {
                    if text.sets.len() >= MOST_SETS {
                        text.sets.drain(..MOST_SETS / 2);
                    }
                    text.sets.push(PrintedSet::default());
                }
                if let Some(set) = text.sets.last_mut().filter(|set| !set.is_full()) {
                    set.names.insert(name.clone());
                    set.registers.push((name, value));
                }
            }
        }
        text
    }

    /// Keeps a line that is neither, if it is near.
    fn say(&mut self, line: String) {
        let [before, after] = &mut self.said;
        let first = self.sets.first().is_none_or(|set| set.registers.is_empty());
        if !first {
            after.extend((after.len() < LINES_NEAR).then_some(line));
            return;
        }
        before.push(line);
        if before.len() > LINES_NEAR {
            before.remove(0);
        }
    }

    fn believed(&self) -> impl Iterator<Item = &PrintedSet> {
        // Somebody wrote down what is needed to walk a stack, and nothing else.
        let mut said = self.said.iter().flatten();
        let is_bare = self.sets.len() == 1 && said.all(|line| line.trim().is_empty());
        self.sets.iter().filter(move |set| set.is_believed() || is_bare && set.is_least())
    }

    fn radix(&self) -> Radix {
        let all = self.sets.iter().flat_map(|set| &set.registers);
        let digits = all.filter_map(|(_, value)| match value {
            Printed::Digits(digits) => Some(digits.as_str()),
            Printed::Number(_) => None,
        });
        Radix::of(digits, Printer::Usual)
    }
}

/// Registers in the order of the text.
#[derive(Default)]
struct PrintedSet {
    registers: Vec<(String, Printed)>,
    names: BTreeSet<String>,
}

impl PrintedSet {
    fn has_pc(&self) -> bool {
        PROGRAM_COUNTERS.iter().any(|pc| self.names.contains(*pc))
    }

    fn is_believed(&self) -> bool {
        self.names.len() >= FEWEST_REGISTERS && self.has_pc()
    }

    fn is_full(&self) -> bool {
        self.registers.len() >= MOST_REGISTERS
    }

    /// Whether it has what a walk up the stack begins with.
    fn is_least(&self) -> bool {
        self.has_pc() && STACK_POINTERS.iter().any(|sp| self.names.contains(*sp))
    }

    /// Whether this register is the first of another set.
    fn ends_before(&self, name: &str) -> bool {
        let again = self.names.contains(name);
        let first = FIRST_REGISTERS.contains(&name) && self.has_pc();
        again && (first || PROGRAM_COUNTERS.contains(&name))
    }

    /// The values, the first of each name. What cannot be told is left out and noted.
    fn named(&self, radix: Radix, notes: &mut Vec<Note>) -> NamedRegisters {
        let value = |printed: &Printed| match printed {
            Printed::Number(value) => Some(*value),
            Printed::Digits(digits) => radix.read(digits),
        };
        let mut named = NamedRegisters::new();
        let mut lost = Vec::new();
        for (name, printed) in self.registers.iter().filter(|(name, _)| name != LINK) {
            match value(printed) {
                Some(value) => _ = named.entry(name.clone()).or_insert(value),
                None => lost.push(name.as_str()),
            }
        }
        let mut links = Vec::new();
        for (at, (_, printed)) in
            self.registers.iter().enumerate().filter(|(_, (name, _))| name == LINK)
        {
            let name = |at: Option<usize>| Some(self.registers.get(at?)?.0.as_str());
            let behind_r12 = matches!(name(at.checked_sub(1)), Some("r12" | "ip"));
            let before_pc = name(at.checked_add(1)) == Some("pc");
            match value(printed) {
                Some(value) => links.push(Link { value, stacked: behind_r12 || before_pc }),
                None => lost.push(LINK),
            }
        }
        if !lost.contains(&LINK) {
            add_links(&links, &mut named, notes);
        }
        if !lost.is_empty() {
            lost.dedup();
            notes.push(
                Note::warning(format!(
                    "numbers without 0x, and the text does not tell whether they are hexadecimal: \
                     {} unknown",
                    lost.join(", ")
                ))
                .by(NAME)
                .code("unknown-base"),
            );
        }
        named
    }
}

/// A value of `lr`, and whether it stands as the hardware stacks it: between r12 and pc.
struct Link {
    value: u64,
    stacked: bool,
}

/// Tells the stacked `lr` from the handler's own.
fn add_links(links: &[Link], named: &mut NamedRegisters, notes: &mut Vec<Note>) {
    let is_exc_return =
        |link: &&Link| u32::try_from(link.value).is_ok_and(|value| ExcReturn(value).is_valid());
    let one = |links: &[&Link]| {
        let first = links.first()?.value;
        links.iter().all(|link| link.value == first).then_some(first)
    };
    let (handlers, codes): (Vec<&Link>, Vec<&Link>) = links.iter().partition(is_exc_return);
    if codes.is_empty() {
        // Halted in a handler.
        named.extend(one(&handlers).map(|value| (LINK.to_string(), value)));
        return;
    }
    if let Some(value) = one(&handlers) {
        named.entry("exc_return".into()).or_insert(value);
    }
    let stacked: Vec<&Link> = codes.iter().copied().filter(|link| link.stacked).collect();
    match one(&codes).or_else(|| one(&stacked)) {
        Some(value) => _ = named.insert(LINK.into(), value),
        None => notes.push(
            Note::warning(
                "lr is printed with several values and none is printed next to pc: unknown",
            )
            .by(NAME)
            .code("ambiguous-register"),
        ),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "test data is ours")]
mod tests {
    use super::*;

    fn read(text: &str) -> PartContents {
        DebuggerText.read(&Piece::outermost(text.as_bytes().to_vec().into())).unwrap()
    }

    #[test]
    fn a_handlers_own_lr_is_not_the_stacked_one() {
        let stacked = "r0: 0x0\nr12: 0x5\nLR: 0x803b45d\nPC: 0x803b30e\nxPSR: 0x2100000f\n";
        for text in [format!("LR: 0xfffffff1\n{stacked}"), format!("{stacked}LR: 0xfffffff1\n")] {
            let set = &read(&text).registers[0];
            assert_eq!((set["lr"], set["exc_return"]), (0x803_b45d, 0xffff_fff1), "{text}");
        }
        let set = &read(&format!("LR: 0x8001235\n{stacked}")).registers[0];
        assert_eq!((set["lr"], set.get("exc_return")), (0x803_b45d, None));
        let set = &read("r0=0x0 sp=0x20001000 pc=0x8000123 lr=0xfffffff9").registers[0];
        assert_eq!(set["lr"], 0xffff_fff9, "halted in a handler");
        let text = read("lr=0x8001 r0=0x0 r1=0x1 lr=0x8003 sp=0x10 pc=0x8005");
        assert!(!text.registers[0].contains_key("lr") && text.notes.len() == 1);
    }

    #[test]
    fn the_base_of_one_number_is_that_of_all() {
        let text = read("r0: 20003ca0\nr3: 10\nlr: 8000b4d\npc: 8030240\n");
        let set = &text.registers[0];
        assert_eq!((set["r3"], set["pc"]), (0x10, 0x803_0240));
        let text = read("r0: 536871080\nr3: 10\nlr: 134220849\npc: 134220840\n");
        assert_eq!(text.registers[0]["r3"], 10);
        let text = read("r0: 0\nr3: 10\nlr: 4711\npc: 4700\n");
        assert_eq!(text.registers[0].len(), 1, "r0");
        assert!(text.notes[0].words.contains("r3, pc, lr unknown"), "{:?}", text.notes);
    }

    #[test]
    fn a_text_of_nothing_else_needs_no_more_than_pc_and_sp() {
        let is_one = |text: &str| {
            DebuggerText.recognises(&Piece::outermost(text.as_bytes().to_vec().into()))
        };
        assert!(is_one("pc = 0x72\nsp = 0x20001fa0\n\n") && is_one("SP: 0x10 LR: 0xab PC: 0x72"));
        assert!(!is_one("pc = 0x72\n") && !is_one("sp = 0x10\nlr = 0x72\n"));
        assert!(!is_one("here it stopped:\npc = 0x72\nsp = 0x20001fa0\n"));
    }

    #[test]
    fn a_second_set_begins_with_its_first_register() {
        let set = "r0=0x1 r1=0x2 lr=0x3 pc=0x4\n";
        let text = read(&format!("{set}{}", set.replace("0x3", "0x5")));
        let links: Vec<u64> = text.registers.iter().map(|set| set["lr"]).collect();
        assert_eq!(links, [3, 5]);
    }
}

//! Makes a dump of what the lines of a crash say.

use super::claim::{CHIP, blocks};
use super::crash::{Crash, Task};
use super::{Dialect, reason};
use crate::arch;
use crate::carrier::Piece;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::format::fault_text::add_stack;
use crate::format::machine::{
    Family, Machine, machine_of, machine_told, set_by_any_name, set_window, xtensa_by_addresses,
};
use crate::format::{Context, Format, in_input};
use crate::registers::Registers;
use crate::targets::Arch;

impl Format for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(self.name)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let all: Vec<Line> = lines(&piece.bytes).collect();
        let block = blocks(self, &all, 0).0.into_iter().next();
        let mut crash = block.map(|block| block.crash).unwrap_or_default();
        let chip = piece.facts.iter().find(|(name, _)| name == CHIP);
        crash.chip = crash.chip.take().or(chip.map(|(_, chip)| chip.clone()));
        (self.arrange)(&mut crash);
        let mut notes = piece.notes.clone();
        let machine = (self.machine)(self, &crash, context, &mut notes)?;
        let mut dump = Dump::new(self.title, machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        for task in crash.all() {
            let thread = self.thread(task, &mut dump);
            dump.threads.push(thread);
        }
        if let Some(first) = dump.threads.first_mut() {
            first.crashed = true;
        }
        let trap = dump.crashed().and_then(|thread| arch::trap_reason(&thread.registers));
        dump.reason = reason::of(&crash, trap);
        dump.texts.push(crash.texts.join("\n"));
        add_stack(&mut dump, self.name, crash.rows.clone());
        let facts =
            crash.facts.iter().map(|(label, text)| ((*label).to_string(), (*text).to_string()));
        dump.identity.facts.extend(facts);
        (self.finish)(&mut dump, &crash);
        Ok(dump)
    }
}

/// The machine of most dialects: the chip that the text names, or the family that its names show.
///
/// # Errors
/// A [`Fault`] if nothing tells it.
pub fn usual_machine(
    dialect: &Dialect,
    crash: &Crash<'_>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    let chip = crash.chip.as_deref().filter(|_| context.target.is_none());
    if let Some(chip) = chip.and_then(|name| context.targets.chip(name).ok()) {
        return Ok(Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) });
    }
    match (dialect.family)(crash) {
        Some(Family::Xtensa) => {
            let addrs: Vec<u64> =
                ["pc", "sp", "a1"].iter().filter_map(|name| crash.word(name)).collect();
            xtensa_by_addresses(dialect.name, &addrs, 1, context, notes)
        }
        Some(family) => machine_of(context, family),
        None => machine_told(context)?.ok_or_else(|| {
            let expected = "registers or words that tell the machine; --target names it";
            in_input(Fault::new(dialect.name, "machine", 0, expected, "none"))
        }),
    }
}

/// How wide the register of this name is. What does not fit into it is of two lines that ran into one, say.
fn bits_of(arch: &Arch, name: &str) -> Option<u32> {
    let names = [name.to_ascii_lowercase(), name.to_ascii_uppercase()];
    let index = names.iter().find_map(|name| arch.register(name))?;
    arch.registers.get(index).map(|register| register.bits)
}

impl Dialect {
    fn thread(&self, task: &Task<'_>, dump: &mut Dump) -> Thread {
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not printed by the device");
        let mut seen: Vec<&str> = Vec::new();
        for word in &task.words {
            let usual = self.names.iter().find(|(printed, _)| *printed == word.name);
            let name = usual.map_or(word.name.as_str(), |(_, usual)| usual);
            let mut name = name.split('/').next().unwrap_or(name);
            if name == "lr" && word.value.is_some_and(|value| value >> 8 == 0x00ff_ffff) {
                // What lr holds in an exception handler: the handler's own.
                name = "exc_return";
            }
            if name.is_empty() || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let Some(value) = word.value else {
                dump.notes.push(
                    Note::warning(format!("{name}: {}: it is unknown", word.why))
                        .by(self.name)
                        .code("cut-value"),
                );
                continue;
            };
            let bits = bits_of(&dump.arch, name);
            let is_too_wide = |bits: u32| value.checked_shr(bits).is_some_and(|rest| rest != 0);
            if bits.is_some_and(is_too_wide) {
                let words = format!("{name}: {value:#x} does not fit into it: it is unknown");
                dump.notes.push(Note::warning(words).by(self.name).code("cut-value"));
                continue;
            }
            let is_other = bits.is_none() && is_too_wide(dump.arch.word_bits);
            let is_set = !is_other && set_by_any_name(&mut registers, name, value);
            if !is_set && dump.threads.is_empty() {
                dump.identity.facts.push((word.name.clone(), format!("{value:#x}")));
            }
        }
        set_window(&mut registers);
        let id = task.id.filter(|id| *id != 0);
        let place = (dump.threads.len() as u64).saturating_add(1);
        let mut thread = Thread::new(id.unwrap_or(place), registers);
        thread.control_block = id;
        thread.name = task.name.map(str::to_string);
        thread.core = task.core;
        thread.state = task.state.as_deref().map(str::to_string);
        thread.priority = task.priority;
        thread.stack = task.stack;
        thread.saved_sp = task.saved_sp;
        thread.remarks.clone_from(&task.remarks);
        thread.printed.clone_from(&task.frames);
        if matches!(dump.arch.family, Family::CortexM | Family::Arm) {
            // Thumb's bit.
            thread.printed.iter_mut().for_each(|frame| frame.pc &= !1);
        }
        thread
    }
}

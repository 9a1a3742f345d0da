//! Instructions out of the memory of a dump.

use crate::debug_info::Modules;
use crate::disasm::{Decoder, Instruction};
use crate::dump::Dump;
use crate::registers::Registers;
use crate::targets::Family;

/// No instruction of any architecture is longer.
const LONGEST: usize = 16;
/// Longer functions are not read as a whole.
const LONGEST_FUNCTION: u64 = 4 << 10;

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it is.
    pub addr: u64,
    /// Its bytes in hexadecimal, in the order of memory.
    pub bytes: String,
    /// The instruction; `None` where there is none that is known.
    pub text: Option<String>,
    /// Where it jumps to, by name.
    pub target: Option<String>,
    /// Whether it is the one that was asked for.
    pub is_asked: bool,
}

/// Reads instructions.
#[derive(Clone, Copy)]
pub(super) struct Code<'c, 'a> {
    pub dump: &'c Dump,
    pub modules: &'c Modules<'a>,
}

impl Code<'_, '_> {
    /// The start and end of the function around `pc`.
    fn bounds(&self, pc: u64) -> Option<(u64, u64)> {
        let (start, len) = self.modules.at(pc)?.symbols().function_bounds(pc)?;
        (len <= LONGEST_FUNCTION && pc.checked_sub(start)? < len)
            .then(|| (start, start.saturating_add(len)))
    }

    fn decoder(&self) -> Option<Decoder> {
        let family = self.dump.arch.family;
        // Of Arm's two sets only the processor's state tells which one it is.
        let is_thumb = match family {
            Family::Arm => {
                let thread = self.dump.crashed()?;
                thread.registers.by_name("cpsr")? >> 5 & 1 == 1
            }
            _ => false,
        };
        let mut decoder = Decoder::new(family)?;
        if is_thumb {
            decoder.set_thumb(true);
        }
        Some(decoder)
    }

    /// The bytes from `addr` on, for one instruction.
    fn bytes(&self, addr: u64) -> Option<bytes::Bytes> {
        let range = crate::memory::AddrRange::of_len(addr, LONGEST as u64)?;
        let len = self.dump.memory.readable_len(range).min(LONGEST as u64) as usize;
        (len > 0).then(|| self.dump.memory.bytes(addr, len))?
    }

    fn one(&self, decoder: &mut Decoder, addr: u64) -> Option<Instruction> {
        decoder.decode(&self.bytes(addr)?, addr)
    }

    /// All instructions of the function around `pc`; `None` where one of them is none, or `pc` is in the middle
    /// of one.
    pub(super) fn function(&self, pc: u64) -> Option<Vec<Instruction>> {
        let (start, end) = self.bounds(pc)?;
        let mut decoder = self.decoder()?;
        let mut all = Vec::new();
        let mut addr = start;
        while addr < end {
            // Behind the last jump there may be data, which nobody needs.
            let Some(found) = self.one(&mut decoder, addr) else { break };
            addr = addr.saturating_add(found.len as u64);
            all.push(found);
        }
        all.iter().any(|one| one.addr == pc).then_some(all)
    }

    /// The instruction at `pc`, by itself where the function around it is not known.
    pub(super) fn at(&self, pc: u64) -> Option<Instruction> {
        let found = self.function(pc).and_then(|all| all.into_iter().find(|one| one.addr == pc));
        found.or_else(|| self.one(&mut self.decoder()?, pc))
    }
}

/// The instructions around `pc`: so many before it, where the start of its function is known, and behind it.
pub fn listing(
    dump: &Dump,
    modules: &Modules<'_>,
    pc: u64,
    before: usize,
    behind: usize,
) -> Vec<Line> {
    let code = Code { dump, modules };
    let Some(mut decoder) = code.decoder() else { return Vec::new() };
    let step = match dump.arch.family {
        Family::Aarch64 | Family::Arm => 4,
        Family::X86 | Family::X86_64 | Family::Xtensa => 1,
        _ => 2,
    };
    let mut lines = Vec::new();
    let mut asked = None;
    let mut addr = match code.function(pc) {
        Some(all) => all.first().map_or(pc, |first| first.addr),
        None => pc,
    };
    while asked.is_none_or(|asked| lines.len() <= asked + behind) && addr <= pc.saturating_add(4096)
    {
        let Some(bytes) = code.bytes(addr) else { break };
        let found = decoder.decode(&bytes, addr);
        let len = found.as_ref().map_or(step, |found| found.len).min(bytes.len());
        if addr == pc {
            asked = Some(lines.len());
        }
        let name = |target: u64| {
            let symbol = modules.symbol(target).filter(|symbol| symbol.covers)?;
            Some(match symbol.offset {
                0 => symbol.name,
                offset => format!("{}+{offset}", symbol.name),
            })
        };
        lines.push(Line {
            addr,
            bytes: bytes.iter().take(len).map(|byte| format!("{byte:02x}")).collect(),
            target: found.as_ref().and_then(|found| found.target).and_then(name),
            text: found.map(|found| found.text()),
            is_asked: addr == pc,
        });
        addr = addr.saturating_add(len.max(1) as u64);
    }
    let skip = asked.map_or(lines.len(), |asked| asked.saturating_sub(before));
    lines.split_off(skip.min(lines.len()))
}

/// A register by the name that the disassembler has for it.
pub(super) fn register(registers: &Registers, name: &str) -> Option<u64> {
    let family = registers.arch().family;
    if family.is_arm32() {
        return registers.by_name(match name {
            "sl" => "r10",
            "fp" => "r11",
            "ip" => "r12",
            "pc" => return None,
            name => name,
        });
    }
    if family == Family::Aarch64 && name.starts_with('w') {
        let whole = name.replacen('w', "x", 1);
        let whole = if name == "wsp" { "sp" } else { whole.as_str() };
        return registers.by_name(whole).map(|value| value & 0xffff_ffff);
    }
    if family.is_riscv() && name == "zero" {
        return Some(0);
    }
    registers.by_name(name)
}

//! How the program counter got where nothing can run, and instructions that the core refused.

use super::address::text_of;
use super::fault::Kind;
use super::{Case, Sentence};
use crate::disasm::Kind as Flow;
use crate::memory::Origin;
use crate::targets::Family;

/// So many equal words in a row were written over the stack.
const FILLED: usize = 4;

impl Case<'_, '_> {
    /// A jump to what is no code.
    pub(super) fn jump(&self) -> Option<Sentence> {
        let pc = self.frame.pc;
        let what = match self.fault.kind {
            // Xtensa and RISC-V name the address as well: it must be this one.
            Kind::Fetch if self.fault.address.is_none_or(|told| told & !3 == pc & !3) => {
                // Without an ELF file anything may be code.
                let known = pc == 0 || self.modules.iter().next().is_some();
                (known && !self.modules.is_code(pc)).then_some(())?;
                match pc {
                    0 => "the code jumped to address 0".to_string(),
                    // Of a word of text it says nothing where it would lie.
                    _ => match self.what_is(pc).filter(|_| text_of(pc as u32 | 1).is_none()) {
                        Some(what) if !self.may_be_others_code(pc) => {
                            format!("the code jumped to {pc:#x}, {what}: no code")
                        }
                        _ => {
                            format!("the code jumped to {pc:#x}, which is no code of the ELF file")
                        }
                    },
                }
            }
            Kind::State if self.frame.registers.by_name("xpsr")? >> 24 & 1 == 0 => {
                let name = self.function(pc).filter(|_| pc != 0);
                match (pc, name) {
                    // In a handler, which may have been taken from the vector table.
                    (0, _) if self.is_handler() && self.by_call().is_none() => {
                        "execution went to address 0: what was called, returned to or taken from the vector table is 0".into()
                    }
                    (0, _) => "the code jumped to address 0".into(),
                    (_, Some(name)) => format!(
                        "the code jumped to {pc:#x} ({name}) without the Thumb bit: the address must be odd"
                    ),
                    _ => format!(
                        "execution went to {pc:#x} without the Thumb bit: the address that was called, returned to or taken from the vector table is even"
                    ),
                }
            }
            _ => return None,
        };
        let mut sentence = Sentence::new("jump", what);
        sentence.evidence.extend(self.fault.evidence.iter().cloned());
        match self.by_call() {
            Some((through, evidence)) => {
                sentence.words.push_str(&format!(", {through}"));
                sentence.evidence.push(evidence);
            }
            None => {
                if let Some((how, evidence)) = self.by_return() {
                    sentence.words.push_str(&format!(", {how}"));
                    sentence.evidence.push(evidence);
                }
            }
        }
        Some(sentence)
    }

    /// Whether there may be code at `pc` that the ELF file does not have: a ROM's, or another program's.
    fn may_be_others_code(&self, pc: u64) -> bool {
        let is_on_stack =
            self.dump.threads.iter().any(|thread| {
                thread.stack.is_some_and(|stack| (stack.low..stack.high).contains(&pc))
            });
        !is_on_stack && self.data(pc).is_none()
    }

    /// The call that led here: in front of the return address, through a register that still holds the target.
    fn by_call(&self) -> Option<(String, String)> {
        let pc = self.frame.pc;
        let lr = match self.dump.arch.family {
            Family::Xtensa | Family::X86 | Family::X86_64 => return None,
            _ => self.frame.registers.lr()?,
        };
        let back = lr & !self.thumb_bit();
        let call = [4, 2].into_iter().find_map(|len| {
            let at = back.checked_sub(len)?;
            let found = self.code.at(at).filter(|found| found.len as u64 == len)?;
            (found.kind == Flow::Call && found.target.is_none()).then_some(found)
        })?;
        // `jalr ra,16(a5)` and the like compute more than a register.
        let operand = call.operands.split(',').next_back()?.trim();
        let target = self.register(operand)?;
        (target & !1 == pc & !1).then_some(())?;
        let name = self.function(call.addr)?;
        Some((
            format!("called through a pointer in {name}"),
            format!("{}, {operand} = {target:#x}", self.shown(&call)),
        ))
    }

    /// The same word on the stack: what overwrote a return address usually overwrote its neighbours.
    fn by_return(&self) -> Option<(String, String)> {
        let pc = self.frame.pc;
        (self.dump.arch.word_bits == 32 && pc > 0xffff).then_some(())?;
        let sp = self.frame.registers.sp()?;
        let thumb = self.thumb_bit();
        // An odd address was there, of which Thumb keeps the even one.
        let is_it = |word: u32| u64::from(word) & !thumb == pc & !thumb;
        let word = |n: u64| Some((sp.checked_add(n * 4)?, self.dump.memory.u32_le(sp + n * 4)?));
        // One after the other: a pointer that was called may lie on the stack more than once by itself.
        let words: Vec<Option<(u64, u32)>> = (0..16).map(word).collect();
        let same = words
            .chunk_by(|a, b| a.map(|a| a.1) == b.map(|b| b.1))
            .map(|run| run.iter().flatten().copied().collect::<Vec<_>>())
            .find(|run| run.len() >= FILLED && run.iter().all(|(_, word)| is_it(*word)))?;
        let (at, word) = same.first()?;
        let text = text_of(*word).map_or(String::new(), |text| format!(" (the text \"{text}\")"));
        Some((
            format!("{word:#x}{text}, which fills the stack above as well"),
            format!("{} words in a row from {at:#x} on", same.len()),
        ))
    }

    /// An instruction that the core refused.
    pub(super) fn instruction(&self) -> Option<Sentence> {
        let pc = self.frame.pc;
        let found = self.code.at(pc);
        let sentence = match self.fault.kind {
            Kind::Illegal => return self.illegal(),
            Kind::Coprocessor => {
                let found = found?;
                let words =
                    format!("`{}` needs a unit that is switched off or missing", found.text());
                let sentence = Sentence::new("unit-off", words);
                // CPACR: coprocessors 10 and 11 are the unit for floating point.
                let cpacr = (self.dump.arch.family == Family::CortexM)
                    .then(|| self.dump.memory.u32_le(0xe000_ed88))
                    .flatten();
                match cpacr {
                    Some(cpacr) if cpacr >> 20 & 0xf == 0 && found.mnemonic.starts_with('v') => {
                        Sentence::new(
                            "fpu-off",
                            format!("`{}` needs the FPU, which is switched off", found.text()),
                        )
                        .because(format!("CPACR = {cpacr:#x}"))
                    }
                    _ => sentence,
                }
            }
            Kind::DivideByZero => {
                let found = found.filter(|found| {
                    ["sdiv", "udiv", "quos", "quou", "rems", "remu"]
                        .iter()
                        .any(|name| found.mnemonic.starts_with(name))
                })?;
                let divisor = found.operands.rsplit(',').next()?.trim().to_string();
                (self.register(&divisor)? == 0).then_some(())?;
                Sentence::new("divide-by-zero", format!("division by {divisor}, which is 0"))
                    .because(self.shown(&found))
            }
            _ => return None,
        };
        let mut sentence = sentence;
        sentence.evidence.extend(self.fault.evidence.iter().cloned());
        Some(sentence)
    }

    fn illegal(&self) -> Option<Sentence> {
        let pc = self.frame.pc;
        if let Some(sentence) = self.changed_code(pc) {
            return Some(sentence);
        }
        let found = self.code.at(pc)?;
        // Made to fail: what compilers put where code must never come, and `abort`.
        let on_purpose = matches!(
            found.mnemonic.as_str(),
            "udf" | "udf.w" | "unimp" | "ill" | "ill.n" | "ud2" | "ud2a" | "brk"
        );
        // Memory that holds zeros reads like that as well.
        let is_whole = self.function(pc).is_some() && self.modules.is_code(pc);
        (on_purpose && is_whole).then(|| {
            let words =
                format!("`{}` is there to fail: the code gave up here by itself", found.text());
            let mut sentence = Sentence::new("trap", words).because(self.shown(&found));
            sentence.evidence.extend(self.fault.evidence.iter().cloned());
            sentence
        })
    }

    /// Code that is other than the ELF file's.
    fn changed_code(&self, pc: u64) -> Option<Sentence> {
        let region = self.dump.memory.region_at(pc).filter(|r| r.origin == Origin::Dump)?;
        let module = self.modules.at(pc)?;
        // Only of the right file a difference says something.
        let fit = self.dump.identity.fit.as_ref()?;
        matches!(fit.verdict, crate::dump::Verdict::Matches | crate::dump::Verdict::Fits)
            .then_some(())?;
        let ours = self.dump.memory.bytes(pc, 4)?;
        let theirs = module.elf().read(module.elf().link_addr(pc), 4)?;
        (ours != theirs).then_some(())?;
        let name = region.name.as_deref().unwrap_or("memory");
        let hex = |bytes: &[u8]| {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
        };
        let flips: u32 = ours.iter().zip(theirs.iter()).map(|(a, b)| (a ^ b).count_ones()).sum();
        let bits = if flips == 1 { "one bit".to_string() } else { format!("{flips} bits") };
        Some(
            Sentence::new(
                "changed-code",
                format!("the code at {pc:#x} is not the ELF file's: {bits} differ"),
            )
            .because(format!(
                "{name} holds {}, the ELF file {}",
                hex(&ours),
                hex(&theirs)
            )),
        )
    }
}

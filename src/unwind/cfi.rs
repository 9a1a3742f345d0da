//! Call frame information: `.debug_frame` and `.eh_frame` through gimli.
//!
//! A table of where each function's entry is gets made once; its instructions are run only for
//! the frames of a walk.
//!
//! Source: DWARF 5, section 6.4; LSB 5.0 for `.eh_frame`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{End, Family, Found, Frame, Unwinder};
use crate::debug_info::{Env, FIRST_SINGLE, Module, Slice};
use crate::registers::Registers;
use gimli::{
    BaseAddresses, CfaRule, CieOrFde, DebugFrame, EhFrame, Encoding, RegisterRule, SectionId,
    UnwindContext, UnwindExpression, UnwindSection, UnwindTableRow,
};

/// The number of d0 on Arm (AADWARF32 2022Q3, section 4.1).
const FIRST_DOUBLE: u16 = 256;

/// The entries of one section.
pub(super) struct Table {
    section: Section,
    bases: BaseAddresses,
    /// How much higher the code lies than the section says.
    slide: u64,
    /// First address, address behind the last, offset of the entry; by first address.
    entries: Vec<(u64, u64, usize)>,
}

enum Section {
    Debug(DebugFrame<Slice>),
    Eh(EhFrame<Slice>),
}

/// The rules for one address.
struct Rules {
    row: UnwindTableRow<usize>,
    return_address: gimli::Register,
    encoding: Encoding,
}

impl<'a> Table {
    /// The tables of an ELF file. `.debug_frame` comes first: a linker may have cut `.eh_frame`.
    pub(super) fn of(module: &Module<'a>, word: u64) -> Vec<Table> {
        let word = u8::try_from(word).unwrap_or(4);
        let mut frame = DebugFrame::from(module.slice(SectionId::DebugFrame));
        frame.set_address_size(word);
        let mut eh = EhFrame::from(module.slice(SectionId::EhFrame));
        eh.set_address_size(word);
        let bases = BaseAddresses::default().set_eh_frame(module.section_addr(SectionId::EhFrame));
        let tables = [
            Self::index(Section::Debug(frame), BaseAddresses::default(), module),
            Self::index(Section::Eh(eh), bases, module),
        ];
        tables.into_iter().filter(|table| !table.entries.is_empty()).collect()
    }

    fn index(section: Section, bases: BaseAddresses, module: &Module<'a>) -> Table {
        // `.eh_frame` counts from its own address, which is that of run time.
        let slide = match &section {
            Section::Debug(_) => module.elf().slide,
            Section::Eh(_) => 0,
        };
        let mut entries = match &section {
            Section::Debug(frame) => ranges(frame, &bases, |offset| offset.0),
            Section::Eh(eh) => ranges(eh, &bases, |offset| offset.0),
        };
        for (start, end, _) in &mut entries {
            (*start, *end) = (start.wrapping_add(slide), end.wrapping_add(slide));
        }
        // What the linker threw away keeps an entry at address 0 or so.
        entries.retain(|(start, end, _)| start < end && module.holds_code(*start));
        entries.sort_unstable();
        Table { section, bases, slide, entries }
    }

    fn rules(&self, pc: u64, context: &mut UnwindContext<usize>) -> Option<Rules> {
        let end = self.entries.partition_point(|(start, _, _)| *start <= pc);
        let covers = |(_, end, _): &&(u64, u64, usize)| pc < *end;
        let link = pc.wrapping_sub(self.slide);
        let (_, _, offset) = self.entries.get(..end)?.iter().rev().take(8).find(covers)?;
        match &self.section {
            Section::Debug(frame) => rules(frame, &self.bases, (*offset).into(), link, context),
            Section::Eh(eh) => rules(eh, &self.bases, (*offset).into(), link, context),
        }
    }

    fn expression(&self, at: UnwindExpression<usize>) -> Option<gimli::Expression<Slice>> {
        match &self.section {
            Section::Debug(frame) => at.get(frame).ok(),
            Section::Eh(eh) => at.get(eh).ok(),
        }
    }
}

fn ranges<S: UnwindSection<Slice>>(
    section: &S,
    bases: &BaseAddresses,
    number: impl Fn(S::Offset) -> usize,
) -> Vec<(u64, u64, usize)> {
    let mut found = Vec::new();
    let mut entries = section.entries(bases);
    // Entries follow the CIE that they share; taking it apart anew for each would cost the most.
    let mut last: Option<(usize, gimli::CommonInformationEntry<Slice>)> = None;
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let parsed = partial.parse(|section, bases, offset| match &last {
            Some((known, cie)) if *known == number(offset) => Ok(cie.clone()),
            _ => {
                let cie = section.cie_from_offset(bases, offset)?;
                last = Some((number(offset), cie.clone()));
                Ok(cie)
            }
        });
        // A damaged entry is of one function only.
        let Ok(fde) = parsed else { continue };
        found.push((fde.initial_address(), fde.end_address(), fde.offset()));
    }
    found
}

fn rules<S: UnwindSection<Slice>>(
    section: &S,
    bases: &BaseAddresses,
    offset: S::Offset,
    pc: u64,
    context: &mut UnwindContext<usize>,
) -> Option<Rules> {
    let fde = section.fde_from_offset(bases, offset, S::cie_from_offset).ok()?;
    let row = fde.unwind_info_for_address(section, bases, context, pc).ok()?.clone();
    Some(Rules {
        row,
        return_address: fde.cie().return_address_register(),
        encoding: fde.cie().encoding(),
    })
}

impl<'a> Unwinder<'_, 'a> {
    fn tables(&self) -> &[Table] {
        let word = self.abi.word;
        self.cfi.get_or_init(|| {
            self.modules.iter().flat_map(|module| Table::of(module, word)).collect()
        })
    }

    fn rules_at(&self, pc: u64) -> Option<(&Table, Rules)> {
        let mut context = UnwindContext::new();
        self.tables().iter().find_map(|table| Some((table, table.rules(pc, &mut context)?)))
    }

    /// Whether call frame information covers `pc`.
    pub(super) fn has_cfi(&self, pc: u64) -> bool {
        self.rules_at(pc).is_some()
    }

    /// The canonical frame address at `pc`, where call frame information tells it.
    pub(super) fn cfa_by_cfi(&self, pc: u64, registers: &Registers) -> Option<u64> {
        let (table, rules) = self.rules_at(pc)?;
        self.cfa(table, &rules, registers)
    }

    fn cfa(&self, table: &Table, rules: &Rules, registers: &Registers) -> Option<u64> {
        let env = self.env(registers, None);
        let mask = self.dump.arch.address_mask();
        match rules.row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                Some(env.register(*register).ok()?.wrapping_add_signed(*offset) & mask)
            }
            CfaRule::Expression(at) => {
                env.compute(table.expression(*at)?, rules.encoding, None).ok()
            }
        }
    }

    fn env<'e>(&'e self, registers: &'e Registers, cfa: Option<u64>) -> Env<'e> {
        let memory = &self.dump.memory;
        Env { memory, registers, cfa, frame_base: None, unit: None, slide: 0, at_entry: None }
    }

    /// The caller by call frame information; `None` if there is none, or it needs a register
    /// that is not known.
    pub(super) fn by_cfi(&self, frame: &mut Frame) -> Option<Result<Frame, End>> {
        let (table, rules) = self.rules_at(frame.lookup_pc())?;
        let cfa = self.cfa(table, &rules, &frame.registers)?;
        frame.cfa = Some(cfa);
        if rules.row.register(rules.return_address) == Some(RegisterRule::Undefined) {
            return Some(Err(End::Outermost));
        }
        let step = Step { unwinder: self, table, rules: &rules, frame, cfa };
        let link = step.value(rules.return_address, true, self.abi.word as usize);
        let pc = match link {
            Ok(pc) => self.abi.code_address(pc),
            Err(Unknown::Memory(addr)) => return Some(Err(End::StackMissing(addr))),
            Err(Unknown::Other) => return None,
        };
        let arch = &self.dump.arch;
        let mut registers = Registers::unknown(arch.clone());
        registers.set_why_missing("register not saved by the functions called from here");
        for (index, register) in arch.registers.iter().enumerate() {
            let Some(dwarf) = register.dwarf.filter(|_| register.storage == index) else {
                continue;
            };
            let keeps = self.abi.is_callee_saved(dwarf);
            let Ok(number) = u16::try_from(dwarf) else { continue };
            let number = step.as_saved(gimli::Register(number));
            if let Ok(value) = step.value(number, keeps, register.byte_len()) {
                registers.set(index, value.into());
            }
        }
        // A call overwrites the link register: what the caller had in it is not what it is now.
        if let Some(link) = self.abi.link {
            registers.forget(link);
        }
        if rules.row.register(gimli::Register(self.sp_dwarf())).is_none() {
            registers.set(arch.sp, cfa.into());
        }
        self.keep_banked(frame, &mut registers);
        registers.set(arch.pc, pc.into());
        let found = Found::CallFrameInfo;
        Some(Ok(Frame::new(pc, true, found, registers)))
    }

    fn sp_dwarf(&self) -> u16 {
        let arch = &self.dump.arch;
        let dwarf = arch.registers.get(arch.sp).and_then(|register| register.dwarf);
        dwarf.and_then(|dwarf| u16::try_from(dwarf).ok()).unwrap_or(u16::MAX)
    }
}

/// What is known about one register of the caller.
enum Unknown {
    Memory(u64),
    Other,
}

struct Step<'s, 'a> {
    unwinder: &'s Unwinder<'s, 'a>,
    table: &'s Table,
    rules: &'s Rules,
    frame: &'s Frame,
    cfa: u64,
}

impl Step<'_, '_> {
    /// The number that the rules know a register by: GCC saves Arm's doubles as two singles.
    fn as_saved(&self, register: gimli::Register) -> gimli::Register {
        let single = register.0.checked_sub(FIRST_DOUBLE).map(|n| n.saturating_mul(2));
        let single = single.and_then(|n| n.checked_add(FIRST_SINGLE)).map(gimli::Register);
        let is_arm = self.unwinder.abi.family == Family::Arm;
        match single.filter(|single| is_arm && self.rules.row.register(*single).is_some()) {
            Some(single) => single,
            None => register,
        }
    }

    /// The caller's value of `register`, which has `len` bytes. Where no rule is given, it is
    /// this frame's, if a function must `keep` it.
    fn value(&self, register: gimli::Register, keep: bool, len: usize) -> Result<u64, Unknown> {
        let env = self.unwinder.env(&self.frame.registers, Some(self.cfa));
        let own = |register| env.register(register).map_err(|_| Unknown::Other);
        let mask = self.unwinder.dump.arch.address_mask();
        let at = |addr: u64| {
            let addr = addr & mask;
            env.word(addr, len.min(8)).map_err(|_| Unknown::Memory(addr))
        };
        let run = |at: UnwindExpression<usize>| {
            let expression = self.table.expression(at).ok_or(Unknown::Other)?;
            let value = env.compute(expression, self.rules.encoding, Some(self.cfa));
            value.map_err(|_| Unknown::Other)
        };
        match self.rules.row.register(register) {
            None if keep => own(register),
            None | Some(RegisterRule::Undefined) => Err(Unknown::Other),
            Some(RegisterRule::SameValue) => own(register),
            Some(RegisterRule::Offset(n)) => at(self.cfa.wrapping_add_signed(n)),
            Some(RegisterRule::ValOffset(n)) => Ok(self.cfa.wrapping_add_signed(n) & mask),
            Some(RegisterRule::Register(other)) => own(other),
            Some(RegisterRule::Expression(expression)) => at(run(expression)?),
            Some(RegisterRule::ValExpression(expression)) => run(expression),
            Some(RegisterRule::Constant(value)) => Ok(value & mask),
            Some(_) => Err(Unknown::Other),
        }
    }
}

//! From the handler of a trap to what it interrupted, on architectures whose cores save no
//! registers by themselves (RISC-V, AArch64) or few (x86: [`x86`]).
//!
//! Each kernel has entry code of its own, which saves registers where it likes, switches stacks and
//! calls handlers. It is no use to know them all: the code itself says what it does. It is run from
//! where the core enters it to where the walk came out of it, with values that are sums of unknown
//! things ([`symbolic`]); what it stored where says then what those were. The other way round works
//! as well: the code from there to the instruction that ends the trap is run on the dump's memory.
//!
//! What is found must make sense: the interrupted program counter is code (or was jumped to by
//! code), the stack pointer points at memory, and the link register was saved, without which no
//! handler could go back.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod aarch64;
mod machine;
mod riscv;
mod symbolic;
mod x86;

use super::abi::Family;
use super::{Found, Frame, Unwinder, calls};
use crate::registers::Registers;
use machine::{Compare, Condition, Flow, Machine};
use std::collections::HashMap;
use symbolic::{Solution, State, Symbol, Value};

/// Instructions that are run for one question.
const MOST_STEPS: usize = 6000;
/// How often one instruction is run for it: on different ways.
const MOST_VISITS: u8 = 4;
/// Instructions from a handler's call to the end of the trap.
const MOST_STEPS_OUT: usize = 400;
/// Labels below an address that may be where the entry begins.
const MOST_STARTS: usize = 24;
/// Code that is searched for jumps to an entry, in bytes.
const MOST_SEARCHED: u64 = 4 << 20;
/// Compiled functions that are longer than this, in bytes, are not looked at beyond it.
const LONGEST_HANDLER: u64 = 16 << 10;

/// The context that a trap interrupted.
#[derive(Clone, Debug)]
pub(super) struct Interrupted {
    /// Its registers, as far as they were saved.
    pub registers: Registers,
    /// What the cause register said then: as it was saved, or as the live one says still.
    pub cause: Option<u64>,
    /// The same of the register with the address.
    pub value: Option<u64>,
    /// Whether it was an interrupt, where the way through the code tells.
    pub is_interrupt: Option<bool>,
}

/// What a walk asks for.
struct Question<'q> {
    machine: &'q dyn Machine,
    frame: &'q Frame,
    /// System registers as they are now, while they can be of this trap.
    live: Option<&'q Registers>,
}

impl Unwinder<'_, '_> {
    /// What was interrupted, if `frame` is of code that enters or leaves traps. `live` are the
    /// thread's registers, where no other trap has been walked through yet.
    pub(super) fn by_trap(&self, frame: &Frame, live: Option<&Registers>) -> Option<Interrupted> {
        let riscv = riscv::Riscv { word_bits: self.dump.arch.word_bits };
        let machine: &dyn Machine = match self.abi.family {
            Family::Riscv => &riscv,
            Family::Aarch64 => &aarch64::Aarch64,
            Family::X86 | Family::X86_64 => return self.by_x86_frame(frame, live),
            _ => return None,
        };
        let pc = frame.lookup_pc();
        self.modules.at(pc)?;
        // Compiled code is entered by traps only if it ends them itself.
        let compiled = self.has_cfi(pc);
        if compiled && !self.ends_traps(machine, pc) {
            return None;
        }
        let question = Question { machine, frame, live };
        let ends = self.ways_out(&question);
        if ends.is_empty() && !self.asks_for_trap(machine, pc) {
            return None;
        }
        // Where the link register was saved is the beginning for certain.
        let starts = self.starts(&question);
        let entries = [true, false].into_iter().flat_map(|whole| {
            starts.iter().filter(move |(_, sure)| whole || *sure).map(move |(at, _)| (*at, whole))
        });
        let by_entry = { entries }
            .find_map(|(start, whole)| self.by_entry(&question, start, whole, !ends.is_empty()));
        by_entry.or_else(|| ends.iter().find_map(|state| self.by_way_out(&question, state)))
    }

    /// Whether the code from the beginning of a function to `pc` reads where a trap came from. Only
    /// then, or where it ends traps, it is worth to run it.
    fn asks_for_trap(&self, machine: &dyn Machine, pc: u64) -> bool {
        let Some(module) = self.modules.at(pc) else { return false };
        let start = module.symbols().starts_below(pc).find(|(_, function)| *function);
        let Some((start, _)) = start else { return false };
        let mut places = (start..pc).step_by(machine.code_align() as usize);
        places.any(|at| machine.reads_trap_address(&self.dump.memory, at))
    }

    /// What goes on where a thread with these registers was switched out, if that is in code that
    /// enters and leaves traps: an interrupt came upon the thread.
    pub fn interrupted_in(&self, registers: &Registers) -> Option<Registers> {
        let pc = registers.pc()?;
        let frame = Frame::new(pc, false, Found::Registers, registers.clone());
        self.by_trap(&frame, None).map(|interrupted| interrupted.registers)
    }

    /// Whether the code of a frame goes on to the end of a trap, and is in assembly.
    pub(super) fn leaves_trap(&self, frame: &Frame) -> bool {
        let riscv = riscv::Riscv { word_bits: self.dump.arch.word_bits };
        let machine: &dyn Machine = match self.abi.family {
            Family::Riscv => &riscv,
            Family::Aarch64 => &aarch64::Aarch64,
            _ => return false,
        };
        let pc = frame.lookup_pc();
        let question = Question { machine, frame, live: None };
        self.modules.is_code(pc) && !self.has_cfi(pc) && !self.ways_out(&question).is_empty()
    }

    /// Whether the function at `pc` has an instruction that ends a trap.
    fn ends_traps(&self, machine: &dyn Machine, pc: u64) -> bool {
        let bounds = self.modules.at(pc).and_then(|module| module.symbols().function_bounds(pc));
        let Some((start, len)) = bounds else { return false };
        let step = machine.code_align();
        let mut offsets = (0..len.min(LONGEST_HANDLER)).step_by(step as usize);
        let addr = |offset| start.saturating_add(offset);
        offsets.any(|offset| machine.is_return_from_trap(&self.dump.memory, addr(offset)))
    }

    /// Where the code may have been entered, the likeliest first, and whether that is certain to be
    /// a beginning.
    fn starts(&self, question: &Question<'_>) -> Vec<(u64, bool)> {
        let pc = question.frame.lookup_pc();
        let mut starts: Vec<(u64, bool)> = Vec::new();
        let tvec = |name| question.live.and_then(|live| live.by_name(name));
        starts.extend(["mtvec", "stvec"].into_iter().filter_map(tvec).map(|at| (at & !3, true)));
        let Some(module) = self.modules.at(pc) else { return starts };
        starts.extend(module.symbols().starts_below(pc).take(MOST_STARTS));
        starts.sort_by_key(|(_, sure)| !sure);
        let own: Vec<u64> = starts.iter().map(|(start, _)| *start).collect();
        starts.extend(self.vectors_to(question.machine, &own).into_iter().map(|at| (at, true)));
        starts
    }

    /// Entries of a table of vectors that jump to one of `targets`.
    fn vectors_to(&self, machine: &dyn Machine, targets: &[u64]) -> Vec<u64> {
        let Some(align) = machine.vector_align() else { return Vec::new() };
        let memory = &self.dump.memory;
        let mut searched = 0u64;
        let mut found = Vec::new();
        for region in memory.regions().filter(|region| region.access.execute) {
            searched = searched.saturating_add(region.bytes.len() as u64);
            if searched > MOST_SEARCHED {
                break;
            }
            let step = machine.code_align() as usize;
            for offset in (0..region.bytes.len()).step_by(step) {
                let at = region.start.saturating_add(offset as u64);
                let target = machine.jump_at(memory, at);
                if target.is_some_and(|target| targets.contains(&target)) {
                    found.push(at / align * align);
                }
            }
        }
        // An exception within the same level on its own stack is the usual one: the second four.
        found.sort_by_key(|at| (at / align % 16 / 4 != 1, *at));
        found
    }

    /// The states in which code behind the frame's program counter ends the trap.
    fn ways_out(&self, question: &Question<'_>) -> Vec<State> {
        let Question { machine, frame, .. } = question;
        let mut state = State::unknown(machine.count(), machine.word_bits());
        for n in 0..machine.count() {
            if let Some(value) = frame.registers.by_name(&machine.name(n)) {
                state.set(n, Value::number(value));
            }
        }
        let mut ends = Vec::new();
        let mut walk = Walk::new(MOST_STEPS_OUT);
        walk.push(frame.pc, state);
        while let Some((pc, mut state)) = walk.next() {
            match machine.step(&self.dump.memory, pc, &mut state) {
                Some(Flow::TrapReturn) => ends.push(state),
                Some(flow) => self.follow(*machine, flow, state, &mut walk, false),
                None => {}
            }
        }
        ends
    }

    /// Goes on behind an instruction, on each way that is possible. `enters`: also into code in
    /// assembly that is called.
    fn follow(
        &self,
        machine: &dyn Machine,
        flow: Flow,
        mut state: State,
        walk: &mut Walk,
        enters: bool,
    ) {
        match flow {
            Flow::Next(pc) | Flow::Jump(pc) => walk.push(pc, state),
            Flow::Branch(taken, not_taken, condition) => {
                let [if_taken, if_not] = ways(machine, &condition, &state);
                for (pc, goes, interrupt) in
                    [(not_taken, if_not.0, if_not.1), (taken, if_taken.0, if_taken.1)]
                {
                    if goes {
                        let mut state = state.clone();
                        state.is_interrupt = interrupt.or(state.is_interrupt);
                        walk.push(pc, state);
                    }
                }
            }
            Flow::Call(target, back) => {
                if let Some(target) = target.filter(|target| enters && !self.has_cfi(*target)) {
                    walk.push(target, state.clone());
                }
                let lost = (0..machine.count()).filter(|n| machine.is_lost_by_calls(*n));
                lost.for_each(|n| state.forget(n));
                walk.push(back, state);
            }
            Flow::TrapReturn | Flow::Lost => {}
        }
    }

    /// What was interrupted, if the code from `start` on leads to the frame.
    fn by_entry(
        &self,
        question: &Question<'_>,
        start: u64,
        is_whole: bool,
        ends_traps: bool,
    ) -> Option<Interrupted> {
        let Question { machine, frame, .. } = question;
        let machine = *machine;
        let mut walk = Walk::new(MOST_STEPS);
        let mut first = State::unknown(machine.count(), machine.word_bits());
        first.is_interrupt = machine.is_interrupt_vector(start);
        walk.push(start, first);
        while let Some((pc, mut state)) = walk.next() {
            if !frame.is_return && pc == frame.pc {
                let found = self.accept(question, &state, is_whole, ends_traps);
                if found.is_some() {
                    return found;
                }
            }
            let Some(flow) = machine.step(&self.dump.memory, pc, &mut state) else { continue };
            let comes_back = match flow {
                Flow::Call(_, back) => back == frame.pc,
                Flow::Jump(_) | Flow::Lost => state.get(machine.link()).known() == Some(frame.pc),
                _ => false,
            };
            if frame.is_return && comes_back {
                let found = self.accept(question, &state, is_whole, ends_traps);
                if found.is_some() {
                    return found;
                }
            }
            self.follow(machine, flow, state, &mut walk, true);
        }
        None
    }

    /// What was interrupted, if the entry code left this state and that makes sense.
    fn accept(
        &self,
        question: &Question<'_>,
        state: &State,
        is_whole: bool,
        ends_traps: bool,
    ) -> Option<Interrupted> {
        let Question { machine, frame, live } = question;
        let mut solution = Solution::new(machine.word_bits());
        let all = std::iter::once(machine.stack()).chain(0..machine.count());
        for n in all {
            if let Some(value) = frame.registers.by_name(&machine.name(n)) {
                solution.equate(&state.get(n), value);
            }
        }
        let bits = |size: u64| u32::try_from(size.saturating_mul(8)).unwrap_or_default();
        let read = |addr, size| self.dump.memory.word_le(addr, bits(size));
        let stack = Symbol::Register(machine.stack());
        solution.solve(state, stack, read);
        let register = |n| solution.symbol(Symbol::Register(n));
        let [epc, cause, value, status] = machine.system();
        let [live_pc, live_cause, live_value, live_status] = machine.live(*live);
        let of_now = |name: &str| live.and_then(|live| live.by_name(name));
        let saved_pc = solution.symbol(Symbol::System(epc));
        let pc = saved_pc.or_else(|| of_now(live_pc))?;
        let (sp, link) = (register(machine.stack())?, register(machine.link()));
        // Of hand-made entries: compilers save none of these where a function begins.
        let saves = machine.temporaries().iter().all(|n| state.has_stored(*n));
        let asks = state.system(epc).symbol() != Some(Symbol::System(epc)) || saved_pc.is_some();
        let is_entry = ends_traps || saves || (link.is_none() && asks);
        let has_begun = link.is_some() || !(is_whole || saves);
        let makes_sense = is_entry && has_begun && !solution.contradicts;
        (makes_sense && self.can_be_interrupted(pc, sp, link)).then_some(())?;
        let mut registers = Registers::unknown(self.dump.arch.clone());
        registers.set_why_missing("register not saved by the code that the trap entered");
        for n in 0..machine.count() {
            if let Some(value) = register(n) {
                registers.set_by_name(&machine.name(n), value);
            }
        }
        registers.set(self.dump.arch.pc, self.abi.code_address(pc).into());
        let is_now = of_now(live_pc).is_some_and(|now| now == pc);
        let either = |saved: u16, name: &str| {
            let saved = solution.symbol(Symbol::System(saved));
            saved.or_else(|| of_now(name).filter(|_| is_now))
        };
        if let Some(status) = either(status, live_status) {
            registers.set_by_name(
                if self.abi.family == Family::Riscv { live_status } else { "cpsr" },
                status,
            );
        }
        // Where interrupts leave the cause register alone, it tells of an earlier exception.
        let is_told = !machine.keeps_cause() || state.is_interrupt == Some(false);
        Some(Interrupted {
            registers,
            cause: either(cause, live_cause).filter(|_| is_told),
            value: either(value, live_value).filter(|_| is_told),
            is_interrupt: state.is_interrupt,
        })
    }

    /// What is running again once the trap has ended in this state.
    fn by_way_out(&self, question: &Question<'_>, state: &State) -> Option<Interrupted> {
        let Question { machine, .. } = question;
        let [epc, ..] = machine.system();
        let pc = state.system(epc).known()?;
        let (sp, link) = (state.get(machine.stack()).known()?, state.get(machine.link()).known());
        self.can_be_interrupted(pc, sp, link).then_some(())?;
        let mut registers = Registers::unknown(self.dump.arch.clone());
        registers.set_why_missing("register not given back by the code that ends the trap");
        for n in 0..machine.count() {
            if let Some(value) = state.get(n).known() {
                registers.set_by_name(&machine.name(n), value);
            }
        }
        registers.set(self.dump.arch.pc, self.abi.code_address(pc).into());
        Some(Interrupted { registers, cause: None, value: None, is_interrupt: None })
    }

    /// Whether a program can have been interrupted at `pc` with this stack pointer. A jump to
    /// nowhere is told by where it came from.
    fn can_be_interrupted(&self, pc: u64, sp: u64, link: Option<u64>) -> bool {
        let memory = &self.dump.memory;
        let on_stack = memory.region_at(sp).or_else(|| memory.region_at(sp.checked_sub(1)?));
        let came_from_call = || {
            link.is_some_and(|link| {
                self.modules.is_code(link) && calls::before(self.abi.family, memory, link).is_some()
            })
        };
        sp.is_multiple_of(4) && on_stack.is_some() && (self.modules.is_code(pc) || came_from_call())
    }
}

/// Whether a branch can be taken and not be taken, and what that says of interrupts.
fn ways(machine: &dyn Machine, condition: &Condition, state: &State) -> [(bool, Option<bool>); 2] {
    let Condition { a, b, kind } = condition;
    let both = [(true, None), (true, None)];
    let [_, cause, ..] = machine.system();
    let is_cause = a.symbol() == Some(Symbol::System(cause));
    let asks_for_sign = match kind {
        Compare::Less | Compare::NotLess => is_cause && b.known() == Some(0),
        Compare::Equal | Compare::Unequal => state.is_sign(a) && b.known() == Some(0),
        Compare::Other => false,
    };
    if asks_for_sign {
        let if_taken = matches!(kind, Compare::Less | Compare::Unequal);
        return match state.is_interrupt {
            Some(known) => [(known == if_taken, None), (known != if_taken, None)],
            None => [(true, Some(if_taken)), (true, Some(!if_taken))],
        };
    }
    let (Some(a), Some(b)) = (a.known(), b.known()) else { return both };
    let shift = 64 - machine.word_bits();
    let (signed_a, signed_b) = ((a << shift).cast_signed(), (b << shift).cast_signed());
    let taken = match kind {
        Compare::Equal => a == b,
        Compare::Unequal => a != b,
        Compare::Less => signed_a < signed_b,
        Compare::NotLess => signed_a >= signed_b,
        Compare::Other => return both,
    };
    [(taken, None), (!taken, None)]
}

/// Ways through code that are yet to be gone.
struct Walk {
    open: Vec<(u64, State)>,
    visits: HashMap<u64, u8>,
    steps: usize,
}

impl Walk {
    fn new(steps: usize) -> Walk {
        Walk { open: Vec::new(), visits: HashMap::new(), steps }
    }

    fn push(&mut self, pc: u64, state: State) {
        self.open.push((pc, state));
    }

    fn next(&mut self) -> Option<(u64, State)> {
        while let Some((pc, state)) = self.open.pop() {
            self.steps = self.steps.checked_sub(1)?;
            let visits = self.visits.entry(pc).or_default();
            if *visits < MOST_VISITS {
                *visits += 1;
                return Some((pc, state));
            }
        }
        None
    }
}

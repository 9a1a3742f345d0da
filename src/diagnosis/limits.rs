//! Stacks that were too small.

use super::fault::Kind;
use super::{Case, Sentence};
use crate::debug_info::Modules;
use crate::unwind::Frame;

/// So far below a stack an access may still be one that overflowed it.
const GUARD: u64 = 4096;
/// Fewer calls of a function within itself are no news.
const MOST_USUAL: usize = 16;

impl Case<'_, '_> {
    /// An access relative to the stack pointer, below the stack of the thread.
    pub(super) fn below_stack(&self, base: &str, address: u64) -> Option<Sentence> {
        let stack = self.thread.stack?;
        let is_stack = self.is_stack_pointer(base) && !self.is_on_another_stack(address);
        let below = stack.low.checked_sub(address).filter(|below| (1..=GUARD).contains(below))?;
        is_stack.then(|| {
            Sentence::new(
                "stack-overflow",
                format!(
                    "the stack of {} overflowed: the access is {below} bytes below it",
                    self.thread.label()
                ),
            )
            .because(format!(
                "the stack is {:#x}..{:#x}, {} bytes",
                stack.low,
                stack.high,
                stack.size()
            ))
        })
    }

    /// Whether `addr` may be on the stack of interrupts, which lies below the thread's by chance.
    fn is_on_another_stack(&self, addr: u64) -> bool {
        let is_of_interrupts = |name: String| {
            let name = name.to_ascii_lowercase();
            name.contains("stack") && ["int", "isr", "irq"].iter().any(|part| name.contains(part))
        };
        self.is_handler() || self.data(addr).is_some_and(is_of_interrupts)
    }

    /// The stack pointer itself, out of the stack.
    pub(super) fn stack(&self) -> Option<Sentence> {
        if self.fault.kind == Kind::Limit {
            let which = match self.is_handler() {
                true => "a stack".to_string(),
                false => format!("the stack of {}", self.thread.label()),
            };
            let words = format!("{which} overflowed: the core stopped it at its limit");
            let mut sentence = Sentence::new("stack-overflow", words);
            sentence.evidence.extend(self.fault.evidence.iter().cloned());
            return Some(sentence);
        }
        let stack = self.thread.stack?;
        let sp = self.frame.registers.sp()?;
        let below = stack.low.checked_sub(sp).filter(|below| (1..=GUARD).contains(below))?;
        // The handler of an interrupt has a stack of its own.
        let own = self.at == 0 || self.thread.registers.sp() == Some(sp);
        (own && !self.is_on_another_stack(sp)).then(|| {
            Sentence::new(
                "stack-overflow",
                format!(
                    "the stack of {} overflowed: the stack pointer is {below} bytes below it",
                    self.thread.label()
                ),
            )
            .because(format!("sp = {sp:#x}, the stack is {:#x}..{:#x}", stack.low, stack.high))
        })
    }
}

/// A function that called itself again and again.
pub(super) fn recursion(modules: &Modules<'_>, frames: &[Frame]) -> Option<Sentence> {
    let sure: Vec<&Frame> = frames.iter().take_while(|frame| !frame.is_guess()).collect();
    let start = |frame: &&Frame| {
        let pc = frame.lookup_pc();
        let symbol = modules.symbol(pc).filter(|symbol| symbol.covers)?;
        Some((pc.wrapping_sub(symbol.offset), symbol.name))
    };
    let functions: Vec<_> = sure.iter().map(start).collect();
    // One function, or two or three in turn.
    let words = (1..=3).find_map(|period| {
        (0..functions.len().min(8)).find_map(|from| {
            let first = functions.get(from)?.as_ref()?;
            let run = functions.get(from..)?;
            let same = run.iter().enumerate().take_while(|(n, function)| {
                function.is_some() && run.get(n % period) == Some(*function)
            });
            let count = same.count() / period;
            (count > MOST_USUAL).then(|| {
                let names: Vec<String> =
                    run.iter().take(period).flatten().map(|(_, name)| name.clone()).collect();
                match period {
                    1 => format!("{} called itself: {count} calls of it are not finished", first.1),
                    _ => format!(
                        "{} called each other in turn: {count} rounds are not finished",
                        names.join(" and ")
                    ),
                }
            })
        })
    })?;
    Some(Sentence::new("recursion", words))
}

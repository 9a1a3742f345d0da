//! What a task of Hubris is doing: its `TaskState`, as the DWARF of the build lays it out.
//!
//! `TaskState` is `Healthy(SchedState)` or `Faulted { fault: FaultInfo, original_state }`. A task
//! that panicked left the message in r4 (address) and r5 (length), one that receives the mask of
//! its notifications in r6: the arguments of the system calls.
//!
//! Source: oxidecomputer/hubris 4c371f0, `sys/abi/src/lib.rs`, `sys/userlib/src/lib.rs`
//! (`sys_panic_stub`, `sys_recv_stub`); the words are close to those of `humility tasks`.

use super::super::read::read_sized;
use crate::arch::cortex_m::FaultStatus;
use crate::debug_info::Type;
use crate::dump::Dump;
use crate::reason::{Reason, Signal};

/// A task's number and the low bits of its generation in one word.
const INDEX_BITS: u32 = 10;
/// The kernel, where a task is named.
const KERNEL: u64 = 0xffff;
/// More of a panic's message is not read; nor does Humility.
const LONGEST_MESSAGE: u64 = 255;
/// A newtype of a newtype of a number: more is damage.
const DEEPEST: usize = 4;

/// An object of the kernel in the dump.
pub(super) struct Object<'t> {
    pub at: u64,
    pub kind: Type<'t>,
}

impl<'t> Object<'t> {
    pub(super) fn field(&self, name: &str) -> Option<Object<'t>> {
        let place = self.kind.member(name)?;
        Some(Object { at: self.at.checked_add(place.offset)?, kind: place.kind })
    }

    /// Its value, also of a structure of one number.
    pub(super) fn number(&self, dump: &Dump) -> Option<u64> {
        let mut at = Object { at: self.at, kind: self.kind.clone() };
        for _ in 0..DEEPEST {
            if !at.kind.is_structure() {
                return read_sized(&dump.memory, at.at, at.kind.size()?, &dump.arch);
            }
            at = at.field("__0")?;
        }
        None
    }

    pub(super) fn pointed_to(&self, dump: &Dump) -> Option<Object<'t>> {
        let kind = self.kind.is_pointer().then(|| self.kind.target()).flatten()?;
        Some(Object { at: self.number(dump)?, kind })
    }

    /// The variant that an enum with data is: its name and its fields.
    fn variant(&self, dump: &Dump) -> Option<(String, Object<'t>)> {
        let read = |offset: u64, len: u64| {
            let bytes = dump.memory.bytes(self.at.checked_add(offset)?, usize::try_from(len).ok()?);
            bytes.map(|bytes| bytes.to_vec())
        };
        let (name, place) = self.kind.variants()?.read(read)?;
        Some((name, Object { at: self.at.checked_add(place.offset)?, kind: place.kind }))
    }

    /// The name that a plain enum has for the value.
    fn enumerator(&self, dump: &Dump) -> Option<String> {
        self.kind.enumerator(self.number(dump)?)
    }
}

/// What else is known of a task.
pub(super) struct Saved<'a> {
    /// A register that the kernel saved of it; of one that has the CPU there is none.
    pub register: &'a dyn Fn(&str) -> Option<u64>,
    pub runs: bool,
    /// The name of the task with that number.
    pub names: &'a dyn Fn(u64) -> String,
}

/// What a task is doing.
pub(super) struct State {
    pub words: String,
    /// Why it was stopped, if it was.
    pub fault: Option<Reason>,
}

/// What the `TaskState` of a task says; `None` where the dump or the DWARF lacks something.
pub(super) fn of(state: &Object<'_>, dump: &Dump, saved: &Saved<'_>) -> Option<State> {
    let (name, fields) = state.variant(dump)?;
    if name == "Healthy" {
        let words = scheduled(&fields.field("__0")?, dump, saved)?;
        return Some(State { words, fault: None });
    }
    let fault = fault(&fields.field("fault")?, dump, saved)?;
    // Faulted is what all values mean that stand for nothing else: of damage this one is none.
    let before = scheduled(&fields.field("original_state")?, dump, saved)?;
    let words = format!("faulted: {} (was: {before})", fault.words);
    Some(State { words, fault: Some(fault) })
}

/// What the scheduler thinks of it.
fn scheduled(state: &Object<'_>, dump: &Dump, saved: &Saved<'_>) -> Option<String> {
    let (name, fields) = state.variant(dump)?;
    let peer = |fields: &Object<'_>| Some(task_id(fields.field("__0")?.number(dump)?, saved));
    Some(match name.as_str() {
        "Stopped" => "not started".into(),
        "Runnable" if saved.runs => "running".into(),
        "Runnable" => "ready".into(),
        "InSend" => format!("waits to send to {}", peer(&fields)?),
        "InReply" => format!("waits for a reply from {}", peer(&fields)?),
        "InRecv" => {
            let (which, from) = fields.field("__0")?.variant(dump)?;
            let from = if which == "Some" { Some(from.field("__0")?.number(dump)?) } else { None };
            let mut words = match from {
                Some(KERNEL) => "waits".to_string(),
                Some(from) => format!("recv from {}", task_id(from, saved)),
                None => "recv".to_string(),
            };
            let mask = (saved.register)("r6").unwrap_or_default();
            let bits: Vec<String> =
                (0..32).filter(|bit| mask >> bit & 1 != 0).map(|bit| format!("bit{bit}")).collect();
            if !bits.is_empty() {
                words.push_str(&format!(", notif: {}", bits.join(" ")));
            }
            words
        }
        // A state of a later version: its own name says more than nothing.
        other => other.to_string(),
    })
}

/// `pong/gen0`, as Humility writes it.
fn task_id(id: u64, saved: &Saved<'_>) -> String {
    match id {
        KERNEL => "the kernel".into(),
        id => {
            let index = id & ((1 << INDEX_BITS) - 1);
            format!("{}/gen{}", (saved.names)(index), id >> INDEX_BITS)
        }
    }
}

/// Why the kernel stopped it.
fn fault(info: &Object<'_>, dump: &Dump, saved: &Saved<'_>) -> Option<Reason> {
    let (name, fields) = info.variant(dump)?;
    let number = |field: &str| fields.field(field)?.number(dump);
    let source = || match fields.field("source").and_then(|source| source.enumerator(dump)) {
        Some(name) if name == "User" => " in task code".to_string(),
        Some(name) if name == "Kernel" => " in a system call".to_string(),
        Some(other) => format!(" ({other})"),
        None => String::new(),
    };
    let address = || {
        let (which, some) = fields.field("address")?.variant(dump)?;
        Some(if which == "Some" { Some(some.field("__0")?.number(dump)?) } else { None })
    };
    let access = |what: &str| match address() {
        Some(Some(addr)) => format!("{what} at {addr:#x}{}", source()),
        Some(None) => format!("{what}{}, imprecise: the address is unknown", source()),
        None => format!("{what}{}", source()),
    };
    let plain = |signal: Signal, words: &str| Reason::new(signal, words, Vec::new());
    Some(match name.as_str() {
        "MemoryAccess" => plain(Signal::Segv, &access("memory fault")),
        "BusError" => plain(Signal::Bus, &access("bus fault")),
        "StackOverflow" => {
            plain(Signal::Segv, &format!("stack overflow, sp {:#x}", number("address")?))
        }
        "DivideByZero" => plain(Signal::Fpe, "divide by zero"),
        "IllegalText" => plain(Signal::Segv, "jump to memory that is not executable"),
        "IllegalInstruction" => plain(Signal::Ill, "illegal instruction"),
        "InvalidOperation" => {
            let cfsr = number("__0")? as u32;
            let status = FaultStatus { cfsr: Some(cfsr), ..FaultStatus::default() };
            match status.cause() {
                Some(cause) => Reason::new(cause.signal, cause.words, status.evidence()),
                // ARMv6-M does not say what went wrong: the code is always 0.
                None => Reason::new(None, "a fault; the processor does not tell which", Vec::new()),
            }
        }
        "SyscallUsage" => {
            let usage = fields.field("__0").and_then(|usage| usage.enumerator(dump));
            let usage = usage.unwrap_or_else(|| "unknown error".into());
            plain(Signal::Abrt, &format!("wrong use of a system call: {usage}"))
        }
        "Panic" => {
            let message = (saved.register)("r4").zip((saved.register)("r5"));
            let message = message.and_then(|(at, len)| {
                let bytes = dump.memory.bytes(at, len.min(LONGEST_MESSAGE) as usize)?;
                String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.is_empty())
            });
            plain(
                Signal::Abrt,
                &message.unwrap_or_else(|| "panic without a readable message".into()),
            )
        }
        "Injected" => plain(Signal::Abrt, &format!("killed by {}", task_id(number("__0")?, saved))),
        "FromServer" => {
            let server = task_id(number("__0")?, saved);
            let why = fields.field("__1").and_then(|why| why.enumerator(dump));
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            plain(Signal::Abrt, &format!("reply fault by {server}{why}"))
        }
        other => Reason::new(None, other, Vec::new()),
    })
}

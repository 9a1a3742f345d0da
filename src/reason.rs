//! Why the device stopped.

use std::fmt;

/// A signal, as GDB numbers them on the wire (`include/gdb/signals.def`), which differs from
/// Linux for `BUS` and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The dump was taken on request; nothing was wrong.
    Int,
    /// Illegal instruction.
    Ill,
    /// Assert, panic, abort, watchdog.
    Abrt,
    /// Arithmetic.
    Fpe,
    /// Misaligned or impossible bus access.
    Bus,
    /// Access to an address that isn't there or isn't allowed.
    Segv,
}

impl Signal {
    /// All of them.
    pub const ALL: [Signal; 6] =
        [Signal::Int, Signal::Ill, Signal::Abrt, Signal::Fpe, Signal::Bus, Signal::Segv];

    /// GDB's number of it.
    pub fn number(self) -> u8 {
        match self {
            Signal::Int => 2,
            Signal::Ill => 4,
            Signal::Abrt => 6,
            Signal::Fpe => 8,
            Signal::Bus => 10,
            Signal::Segv => 11,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Signal::Int => "SIGINT",
            Signal::Ill => "SIGILL",
            Signal::Abrt => "SIGABRT",
            Signal::Fpe => "SIGFPE",
            Signal::Bus => "SIGBUS",
            Signal::Segv => "SIGSEGV",
        })
    }
}

/// A register or word that tells something of the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultWord {
    /// The manual's name: `mcause`, `CFSR`, `exccause`.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// Its value in words, as the manual has them.
    pub words: String,
}

/// Why the device stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What a debugger is told; `None` where nothing tells one.
    pub signal: Option<Signal>,
    /// One line for a person.
    pub words: String,
    /// What says so.
    pub evidence: Vec<FaultWord>,
    /// The program counter that the fault registers belong to, where that is not the crashed
    /// thread's.
    pub pc: Option<u64>,
}

impl Reason {
    /// A reason that belongs to the crashed thread's program counter.
    pub fn new(
        signal: impl Into<Option<Signal>>,
        words: impl Into<String>,
        evidence: Vec<FaultWord>,
    ) -> Self {
        Reason { signal: signal.into(), words: words.into(), evidence, pc: None }
    }

    /// Whether nothing says why the device stopped.
    pub fn is_unknown(&self) -> bool {
        let nothing = Reason::default();
        let Reason { signal, words, evidence, pc: _ } = self;
        *signal == nothing.signal && *words == nothing.words && evidence.is_empty()
    }

    /// GDB's number of the signal; 0 where there is none.
    pub fn signal_number(&self) -> u8 {
        self.signal.map_or(0, Signal::number)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.words)?;
        self.signal.map_or(Ok(()), |signal| write!(f, " ({signal})"))
    }
}

impl Default for Reason {
    fn default() -> Self {
        Reason::new(None, "the dump does not say why it was taken", Vec::new())
    }
}

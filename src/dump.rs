//! The model that everything meets in: plain data, no input or output.
//!
//! Readers make a [`Dump`] out of bytes and know nothing of debuggers; server, report and
//! conversion take a [`Dump`] and know nothing of formats.

mod objects;

pub use objects::{Object, ObjectKind, Wait, Waiter};

use crate::memory::{AddrRange, Memory};
use crate::reason::Reason;
use crate::registers::Registers;
use crate::targets::{Arch, Chip};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// What a device left behind when it crashed.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The format and its version, in the producer's words: `ESP-IDF ELF core 0x0104`.
    pub format: String,
    /// The register set.
    pub arch: Arc<Arch>,
    /// The chip, where the dump or the user tells.
    pub chip: Option<Arc<Chip>>,
    /// Optional features of the register set that this device has for certain, beside the chip's.
    pub features: Vec<String>,
    /// All memory that is known.
    pub memory: Memory,
    /// The crashed thread first. Empty if the dump holds no registers at all.
    pub threads: Vec<Thread>,
    /// What threads wait for and share, as far as the kernel's memory tells.
    pub objects: Vec<Object>,
    /// Why the device stopped.
    pub reason: Reason,
    /// The texts that the device printed or kept about the crash, all of them, in its order.
    pub texts: Vec<String>,
    /// Which software and hardware it was.
    pub identity: Identity,
    /// The kernel, where more of it can be read out of the memory than the format tells.
    pub kernel: Option<Kernel>,
    /// Where an operating system had put the program, of a dump of one of its processes; or where
    /// the program ran that did not run where its ELF file says.
    pub process: Option<Process>,
    /// ELF files that travel in the dump, the one that was running first.
    pub embedded: Vec<Embedded>,
    /// What was odd.
    pub notes: Vec<Note>,
}

/// What a dump of a process says of where its program and libraries were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The auxiliary vector as the kernel gave it to the program: pairs of words of its width and
    /// byte order. Empty if it was not saved.
    pub auxv: Bytes,
    /// Where the program's entry point was (AT_ENTRY).
    pub entry: Option<u64>,
    /// How much higher than its ELF file says the program lay, once that file is known.
    pub slide: u64,
    /// Which file was mapped where.
    pub files: Vec<MappedFile>,
}

/// A part of a file in the memory of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// The first address.
    pub start: u64,
    /// Which byte of the file is there.
    pub offset: u64,
    /// The file's path on the machine where the process ran.
    pub path: String,
}

/// A file in a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its name there: `elf/kernel`.
    pub name: String,
    /// The file.
    pub bytes: Bytes,
}

impl Dump {
    /// A dump of which nothing is known yet but its format and register set.
    pub fn new(format: impl Into<String>, arch: Arc<Arch>) -> Self {
        Dump {
            format: format.into(),
            arch,
            chip: None,
            features: Vec::new(),
            memory: Memory::new(),
            threads: Vec::new(),
            objects: Vec::new(),
            reason: Reason::default(),
            texts: Vec::new(),
            identity: Identity::default(),
            kernel: None,
            process: None,
            embedded: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The thread that crashed.
    pub fn crashed(&self) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.crashed)
    }

    /// Gives threads other ids, the lowest free ones, where theirs is zero (which debuggers take for
    /// "any thread") or that of a thread before them. What readers found may say anything, thousands
    /// of times.
    pub fn number_threads(&mut self) {
        let taken: HashSet<u64> = self.threads.iter().map(|thread| thread.id).collect();
        let mut free = (1..).filter(|id| !taken.contains(id));
        let mut seen = HashSet::new();
        for thread in &mut self.threads {
            if thread.id == 0 || !seen.insert(thread.id) {
                thread.id = free.next().unwrap_or(u64::MAX);
            }
        }
    }
}

/// A thread, task, or other context that has registers of its own.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Above zero and unique in the dump; the address of the control block where there is one.
    pub id: u64,
    /// What the firmware calls it.
    pub name: Option<String>,
    /// Whether it is the one that crashed.
    pub crashed: bool,
    /// `running`, `ready`, `blocked`... in the kernel's words.
    pub state: Option<String>,
    /// In the kernel's numbers.
    pub priority: Option<i64>,
    /// What its priority is when it holds no mutex that others of higher priority wait for.
    pub base_priority: Option<i64>,
    /// The core that it ran on, or is bound to.
    pub core: Option<u32>,
    /// The address of its control block.
    pub control_block: Option<u64>,
    /// Where its stack is.
    pub stack: Option<Stack>,
    /// The stack pointer that its kernel kept when it switched to another one: below it nothing
    /// is in use. The registers that were saved there lie between it and the thread's own.
    pub saved_sp: Option<u64>,
    /// Its registers.
    pub registers: Registers,
    /// The frames that the device itself printed for it, innermost first. They may begin with the
    /// one that [`Thread::registers`] describe.
    pub printed: Vec<PrintedFrame>,
    /// What else there is to say of it: `stack pointer corrupted`.
    pub remarks: Vec<String>,
}

/// A frame of a backtrace that the device printed itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrintedFrame {
    /// The address of the code as printed, without marks that its architecture adds (Xtensa's
    /// window size, Thumb's lowest bit).
    pub pc: u64,
    /// `pc` is where the call returns to, not the call itself.
    pub returns: bool,
    /// The stack pointer of the frame, where it was printed as well.
    pub sp: Option<u64>,
    /// The function, in the words of the device.
    pub function: Option<String>,
}

impl Thread {
    /// A thread of which nothing is known but its id and registers.
    pub fn new(id: u64, registers: Registers) -> Self {
        Thread {
            id,
            name: None,
            crashed: false,
            state: None,
            priority: None,
            base_priority: None,
            core: None,
            control_block: None,
            stack: None,
            saved_sp: None,
            registers,
            printed: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The name, or the id where there is none.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{:#x}", self.id))
    }

    /// How many bytes of its stack are in use: from the stack pointer to the stack's base, with
    /// the registers that a switch to another thread saved below.
    /// `None` if one of them is unknown or they don't fit each other.
    pub fn stack_used(&self) -> Option<u64> {
        let stack = self.stack?;
        let own = self.registers.sp();
        let saved = self.saved_sp.filter(|saved| own.is_none_or(|own| *saved <= own));
        let sp = saved.or(own)?;
        (stack.low..=stack.high).contains(&sp).then(|| stack.high - sp)
    }
}

/// A thread's priority and its base priority, for a person.
pub(crate) fn priority_words(priority: Option<i64>, base: Option<i64>) -> Option<String> {
    let base = base.map_or(String::new(), |base| format!(" (base {base})"));
    priority.map(|priority| format!("priority {priority}{base}"))
}

/// The bounds of a stack that grows downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The lowest address that may be used, inclusive.
    pub low: u64,
    /// The address behind the highest: an empty stack's stack pointer, give or take alignment.
    pub high: u64,
}

impl Stack {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.high.saturating_sub(self.low)
    }
}

/// Which software on which hardware left the dump.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The chip in the producer's words, with its revision where known.
    pub chip: Option<String>,
    /// Espressif: wafer major x 100 + minor.
    pub chip_revision: Option<u16>,
    /// What the ELF file of the firmware must be.
    pub firmware: Vec<FirmwareId>,
    /// Further facts: `SDK version`, `build time`, in the order found.
    pub facts: Vec<(String, String)>,
    /// How the ELF file in use goes with the dump.
    pub fit: Option<Fit>,
}

/// How an ELF file goes with a dump, and by what one knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The judgement.
    pub verdict: Verdict,
    /// What it rests on: `31 of 33 return addresses follow a call`.
    pub evidence: Vec<String>,
}

/// What a [`Fit`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The dump names this build.
    Matches,
    /// What the dump holds is what this build would have left.
    Fits,
    /// Nothing tells.
    Unknown,
    /// It is hardly of this build.
    Doubtful,
    /// It is of another build.
    DoesNotFit,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Matches => "matches",
            Verdict::Fits => "fits",
            Verdict::Unknown => "unknown",
            Verdict::Doubtful => "doubtful",
            Verdict::DoesNotFit => "does not fit",
        })
    }
}

/// Something that tells one build of a firmware from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirmwareId {
    /// The first digits of the SHA-256 of the whole ELF file, lower-case hexadecimal.
    ElfSha256(String),
    /// The GNU build id (section `.note.gnu.build-id`).
    BuildId(Vec<u8>),
    /// The build id that Spotflow's tool puts into a firmware, 20 bytes.
    Spotflow(Vec<u8>),
    /// What Zephyr's binary descriptors say: application version and time of the build.
    ZephyrBuild(String),
}

impl fmt::Display for FirmwareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FirmwareId::ElfSha256(prefix) => write!(f, "ELF SHA-256 {prefix}.."),
            FirmwareId::BuildId(id) => {
                write!(f, "build id ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            FirmwareId::Spotflow(id) => {
                write!(f, "Spotflow build id ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            FirmwareId::ZephyrBuild(build) => write!(f, "build {build}"),
        }
    }
}

impl std::str::FromStr for FirmwareId {
    type Err = String;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |text: &str| -> Option<Vec<u8>> {
            let pairs = text.as_bytes().chunks(2);
            pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
        };
        let read = || {
            if let Some(prefix) = text.strip_prefix("ELF SHA-256 ") {
                return Some(FirmwareId::ElfSha256(prefix.strip_suffix("..")?.to_string()));
            }
            if let Some(id) = text.strip_prefix("build id ") {
                return digits(id).map(FirmwareId::BuildId);
            }
            if let Some(id) = text.strip_prefix("Spotflow build id ") {
                return digits(id).map(FirmwareId::Spotflow);
            }
            text.strip_prefix("build ").map(|build| FirmwareId::ZephyrBuild(build.to_string()))
        };
        read().ok_or_else(|| format!("{text}: no id of a firmware"))
    }
}

/// What a dump says of a kernel whose threads and contexts [`crate::os`] reads out of memory.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// Zephyr.
    Zephyr(ZephyrKernel),
    /// Hubris.
    Hubris {
        /// The number of the task that the dump is of, if it is of one alone.
        only: Option<u16>,
    },
}

/// What a Zephyr dump holds beside memory and registers.
#[derive(Clone, Debug, Default)]
pub struct ZephyrKernel {
    /// The bytes of the kernel's variable `_kernel`, where they were dumped by themselves.
    pub state: Option<Bytes>,
    /// Version of the dump's header: 1 up to Zephyr 3.7, 2 from 4.0 on; 0 if there was none.
    pub version: u16,
    /// The memory blocks in the order in which the device dumped them.
    pub blocks: Vec<AddrRange>,
    /// The crashed thread's registers of which the dump holds the lower 32 bits only, by name.
    pub halves: Vec<(&'static str, u32)>,
}

/// How much a [`Note`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// What is shown may be incomplete.
    Warning,
    /// What is shown may be wrong.
    Doubt,
}

impl Severity {
    /// For programs: `info`, `warning`, `doubt`.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Doubt => "doubt",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Info => "note",
            Severity::Warning => "warning",
            Severity::Doubt => "doubtful",
        })
    }
}

/// Something odd that was met on the way, with its place and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// Which kind of note it is, for programs: `wrong-elf`. `docs/notes.md` lists them; notes of older
    /// ELF cores have none.
    pub code: Option<Cow<'static, str>>,
    /// Who says it: the name of a format, of a kernel.
    pub source: Option<Cow<'static, str>>,
    /// Where it was met: `line 12`, `offset 0x40`, the name of a file.
    pub place: Option<String>,
    /// One sentence, lower case, no full stop; without source and place.
    pub words: String,
}

impl Note {
    fn new(severity: Severity, words: impl Into<String>) -> Self {
        Note { severity, code: None, source: None, place: None, words: words.into() }
    }

    /// Good to know.
    pub fn info(words: impl Into<String>) -> Self {
        Note::new(Severity::Info, words)
    }

    /// What is shown may be incomplete.
    pub fn warning(words: impl Into<String>) -> Self {
        Note::new(Severity::Warning, words)
    }

    /// What is shown may be wrong.
    pub fn doubt(words: impl Into<String>) -> Self {
        Note::new(Severity::Doubt, words)
    }

    /// The same note, said by `source`.
    #[must_use]
    pub fn by(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same note, met at `place`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same note, of the kind `code`.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Source, place and words in one line.
    pub fn sentence(&self) -> String {
        let before = self.source.as_deref().into_iter().chain(self.place.as_deref());
        before.chain(std::iter::once(self.words.as_str())).collect::<Vec<_>>().join(": ")
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.sentence())
    }
}

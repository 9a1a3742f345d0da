//! The crash, for a person or a program.
//!
//! [`Report`] is everything that there is to say, as plain data: `build.rs` makes it, and text,
//! JSON and HTML are three ways of writing it down. The JSON form is documented in
//! `docs/report.md`; its `schema` number rises when a field changes its meaning or goes.

mod app_rules;
mod blame;
mod build;
mod html;
mod paragraph;
mod picture;
mod source;
mod style;
mod text;

pub use crate::heap::Heap;
pub use app_rules::AppRules;
pub use blame::signature_of;
pub use build::{ReportOptions, Section, build};
pub use html::to_html;
pub use paragraph::to_paragraph;
pub use source::source_excerpt;
pub use style::Style;
pub use text::to_text;

pub use crate::record::{Evidence, Gap, Hex, Note, Object, Reason, Region, Stack};
use serde::Serialize;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// Everything that there is to say about a dump.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What happened, in one sentence.
    pub headline: String,
    /// The function to blame: the innermost one of the user's own code.
    pub blamed: Option<String>,
    /// The library function that it happened in, where that is another one.
    pub within: Option<String>,
    /// What tells this crash from others, and is the same for each repetition of it.
    pub signature: Signature,
    /// The input, as the user named it.
    pub file: String,
    /// The way from the input to the dump, outermost layer first.
    pub layers: Vec<String>,
    /// What it was, and of which build.
    pub identity: Identity,
    /// Why it happened, as far as that is certain; the most important first.
    pub diagnosis: Vec<Sentence>,
    /// The instructions around the program counter of the crash.
    pub code: Vec<Instruction>,
    /// Why the device stopped.
    pub reason: Reason,
    /// The lines around the one that is to blame, if its source file is on this machine.
    pub source: Option<Source>,
    /// What the device printed or kept about the crash.
    pub texts: Vec<String>,
    /// Logs that the firmware left in its memory.
    pub logs: Vec<Log>,
    /// The crashed thread first, or the one that was running.
    pub threads: Vec<Thread>,
    /// What threads wait for, and who holds that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// The kernel's objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// They are listed in the text as well.
    #[serde(skip)]
    pub list_objects: bool,
    /// They in words, one line each.
    #[serde(skip)]
    pub object_lines: Vec<String>,
    /// The heaps whose memory is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heaps: Vec<Heap>,
    /// The values that were asked for.
    pub values: Vec<Value>,
    /// All memory that somebody holds, by address.
    pub memory: Vec<Region>,
    /// Memory that is known to be missing.
    pub missing: Vec<Gap>,
    /// What was odd.
    pub notes: Vec<Note>,
}

/// A short name for a crash, to group dumps by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Signature {
    /// Ten hexadecimal digits.
    pub id: String,
    /// What they were made of: the kind of reason, then the functions, innermost first.
    pub parts: Vec<String>,
}

/// Something that is known of the crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sentence {
    /// Which kind it is: `operand`, `pointer`, `origin`, `jump`, `changed-code`...
    pub code: &'static str,
    /// The sentence, without a full stop.
    pub words: String,
    /// What it rests on.
    pub evidence: Vec<String>,
}

/// A line of disassembly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Instruction {
    /// Where it is.
    pub address: Hex,
    /// Its bytes in hexadecimal, in the order of memory.
    pub bytes: String,
    /// Mnemonic and operands; `None` where there is no instruction that is known.
    pub text: Option<String>,
    /// The function that it jumps to.
    pub target: Option<String>,
    /// The program counter of the crash is here.
    pub here: bool,
}

/// Chip and firmware.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Identity {
    /// The format of the dump.
    pub format: String,
    /// The register set.
    pub arch: String,
    /// The chip in the producer's words.
    pub chip: Option<String>,
    /// The ids that the dump gives for its firmware.
    pub firmware_ids: Vec<String>,
    /// The ELF file that was used.
    pub firmware: Option<String>,
    /// Whether that file is the dump's; `None` if the dump does not say or there is no file.
    pub firmware_matches: Option<bool>,
    /// How that file goes with the dump, and by what one knows; `None` without one.
    pub firmware_fit: Option<Fit>,
    /// ELF files of the ROM.
    pub rom: Vec<String>,
    /// Further facts, by name.
    pub facts: Vec<(String, String)>,
}

/// How the ELF file in use goes with the dump.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fit {
    /// `matches` (an id), `fits`, `unknown`, `doubtful`, `does not fit`.
    pub verdict: String,
    /// What it rests on, in words.
    pub evidence: Vec<String>,
}

/// Some lines of a source file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Source {
    /// The file as the compiler recorded it.
    pub file: String,
    /// Where it was found.
    pub found_at: String,
    /// The line that matters.
    pub line: u32,
    /// Line numbers and lines.
    pub lines: Vec<(u32, String)>,
}

/// A buffer with a log.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Log {
    /// `SEGGER RTT up-buffer 0 "Terminal"`.
    pub what: String,
    /// Where it was found.
    pub address: Hex,
    /// Bytes of the buffer.
    pub len: u64,
    /// The text, oldest first; `None` for what is no text.
    pub text: Option<String>,
    /// What else there is to say.
    pub remark: Option<String>,
    /// It only looks like a log.
    pub guess: bool,
}

/// What a thread waits for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Wait {
    /// Its control block.
    pub thread: Hex,
    /// `sensor waits for mutex i2c_lock, held by radio, which waits for ...`
    pub words: String,
    /// The control blocks of those that wait for one another in a circle, if it is one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deadlock: Vec<Hex>,
}

/// A thread.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Thread {
    /// Its id.
    pub id: Hex,
    /// Its name, or its id.
    pub name: String,
    /// It is the one that crashed: never so of a dump that gives no reason.
    pub crashed: bool,
    /// It is the one to look at first: the one that crashed, or was running.
    #[serde(skip)]
    pub first: bool,
    /// In the kernel's words.
    pub state: Option<String>,
    /// In the kernel's numbers.
    pub priority: Option<i64>,
    /// Its priority without what it inherits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_priority: Option<i64>,
    /// The core it ran on or is bound to.
    pub core: Option<u32>,
    /// Its stack.
    pub stack: Option<Stack>,
    /// What else there is to say.
    pub remarks: Vec<String>,
    /// Its frames, innermost first; an inlined function is a frame of its own.
    pub frames: Vec<Frame>,
    /// Which of them the crash happened in: the first, or the one that a fault interrupted.
    #[serde(skip)]
    pub culprit: usize,
    /// Why there are no more.
    pub end: String,
    /// Whether the walk came to the outermost function.
    pub complete: bool,
    /// Its known registers by name.
    pub registers: Vec<(String, Hex)>,
    /// Why others are unknown.
    pub registers_missing_because: Option<String>,
}

/// A function that was running or had called the one before.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Frame {
    /// Counted from 0.
    pub index: usize,
    /// The next instruction.
    pub pc: Hex,
    /// How it was found: `registers`, `cfi`, `window`, `exception`, `scan`...
    pub found: &'static str,
    /// It may be wrong.
    pub guess: bool,
    /// The exception that interrupted it, where the frames before it are its handler's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// It was inlined into the next one.
    pub inlined: bool,
    /// Its name; `None` if nobody knows.
    pub function: Option<String>,
    /// For a name that is only the nearest symbol below: how many bytes below.
    pub near: Option<u64>,
    /// The source file, as the compiler recorded it.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
    /// The column in it.
    pub column: Option<u32>,
    /// What it was called with.
    pub arguments: Vec<Value>,
    /// What it declared.
    pub locals: Vec<Value>,
}

/// A name and its value, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Value {
    /// The variable, or the expression.
    pub name: String,
    /// As GDB would write it.
    pub value: Option<String>,
    /// Why it is not known.
    pub missing: Option<String>,
    /// An argument as the caller passed it: what became of it is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_entry: bool,
}

impl Report {
    /// The JSON form, with a line feed at its end.
    pub fn to_json(&self) -> String {
        // Strings and numbers can always be written to a string.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The thread that crashed; of a dump without a reason, the one that was running.
    pub fn crashed(&self) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.first)
    }
}

impl Instruction {
    /// `> 0x00000072  1b68      ldr r3, [r3, #0]`
    fn line(&self) -> String {
        let mark = if self.here { '>' } else { ' ' };
        let text = self.text.as_deref().unwrap_or("?");
        let target = self.target.as_ref().map_or(String::new(), |name| format!(" <{name}>"));
        format!("{mark} {:#010x}  {:<12}  {text}{target}", self.address.0, self.bytes)
    }
}

impl Frame {
    /// Why it may be wrong, for people.
    fn doubt(&self) -> String {
        match self.found {
            // The step itself is sure, what it began with is not.
            "cfi" | "tail-call" | "frame-pointer" | "exception" => "above a guess".into(),
            found => format!("by {found}"),
        }
    }
}

impl Thread {
    /// The frames from the one on that the crash happened in.
    pub fn from_culprit(&self) -> &[Frame] {
        self.frames.get(self.culprit..).unwrap_or_default()
    }
}

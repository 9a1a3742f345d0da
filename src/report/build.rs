//! Makes a [`Report`] of an opened dump.

use super::app_rules::AppRules;
use super::blame::{blamed, innermost, kind_of, signature_of};
use super::{
    Frame, Gap, Hex, Identity, Instruction, Log, Note, Object, Reason, Region, Report, SCHEMA,
    Sentence, Stack, Thread, Value, Wait, source,
};
use crate::debug_info::{Missing, Modules, Place};
use crate::diagnosis::{self, Diagnosis, diagnose};
use crate::dump;
use crate::error::Result;
use crate::heap;
use crate::logs;
use crate::memory::AddrRange;
use crate::open::Opened;
use crate::query::{Line, Trace};
use crate::unwind::{End, Unwinder};
use crate::values::{Globals, Role, Scopes};
use std::path::PathBuf;

/// What FreeRTOS, Zephyr, NuttX and others fill a fresh stack with.
const STACK_FILLS: [u8; 3] = [0xa5, 0xaa, 0xef];

/// What a report is short about unless it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Section {
    /// The blocks of every heap
    Heap,
    /// The kernel's objects: queues, mutexes, timers
    Objects,
}

/// What the user wants to see.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// Values of arguments and locals.
    pub values: bool,
    /// Threads beside the crashed one.
    pub all_threads: bool,
    /// Logs in the memory.
    pub logs: bool,
    /// Heaps in the memory.
    pub heaps: bool,
    /// What is told at length.
    pub sections: Vec<Section>,
    /// Expressions over global variables.
    pub print: Vec<String>,
    /// Where source files are, beside where the compiler had them.
    pub source_dirs: Vec<PathBuf>,
    /// Which functions are not the user's own code.
    pub rules: AppRules,
}

impl Default for ReportOptions {
    fn default() -> Self {
        ReportOptions {
            values: true,
            all_threads: true,
            logs: true,
            heaps: true,
            sections: Vec::new(),
            print: Vec::new(),
            source_dirs: Vec::new(),
            rules: AppRules::default(),
        }
    }
}

/// Makes the report.
///
/// # Errors
/// [`crate::error::Error::Usage`] for an expression that makes no sense.
pub fn build(opened: &Opened, options: &ReportOptions) -> Result<Report> {
    let modules = opened.modules();
    let dump = &opened.dump;
    let builder = Builder { dump, modules: &modules, options };

    let unwinder = Unwinder::new(dump, &modules);
    let wanted = |thread: &&dump::Thread| options.all_threads || thread.crashed;
    let mut known = Diagnosis::default();
    let threads: Vec<Thread> = dump
        .threads
        .iter()
        .filter(wanted)
        .map(|thread| {
            let trace = Trace::of(thread, &unwinder, &modules);
            if thread.crashed
                && let Some(line) = trace.lines.get(trace.culprit)
            {
                known = diagnose(dump, &modules, thread, &trace.frames, line.frame);
            }
            builder.thread(&trace, thread)
        })
        .collect();
    let crashed = threads.iter().find(|thread| thread.first);
    let frames = crashed.map(Thread::from_culprit).unwrap_or_default();
    let blamed = blamed(frames, &options.rules);
    let named = |frame: &&Frame| frame.near.is_none() && frame.function.is_some();
    let within = innermost(frames, &options.rules)
        .filter(named)
        .filter(|inner| blamed.is_some_and(|blamed| blamed.function != inner.function));
    let source = blamed.and_then(|frame| {
        source::source_excerpt(frame.file.as_deref()?, frame.line?, &options.source_dirs)
    });
    let globals = Globals::new(dump, &modules);
    let value = |expression: &String| Ok(value(expression, globals.print(expression)?));
    let values = options.print.iter().map(value).collect::<Result<_>>()?;

    let elf = opened.firmware.as_ref().filter(|_| options.heaps);
    let mut heaps = elf.map_or_else(Vec::new, |elf| heap::find(dump, elf));
    if options.sections.contains(&Section::Heap) {
        heaps.iter_mut().for_each(|heap| heap.list(dump));
    }

    Ok(Report {
        schema: SCHEMA,
        headline: headline(dump, blamed, within),
        within: within.and_then(|frame| frame.function.clone()),
        blamed: blamed.filter(|frame| frame.near.is_none()).and_then(|f| f.function.clone()),
        signature: signature_of(dump.reason.signal, &kind_of(&dump.reason), frames, &options.rules),
        file: opened.file.clone(),
        layers: opened.layers.clone(),
        identity: identity(opened),
        diagnosis: known.sentences.into_iter().map(sentence).collect(),
        code: known.code.into_iter().map(instruction).collect(),
        reason: Reason::of(&dump.reason),
        source,
        texts: dump.texts.clone(),
        logs: match options.logs {
            true => logs::find(dump, &modules).into_iter().map(log).collect(),
            false => Vec::new(),
        },
        threads,
        waits: dump.waits().into_iter().map(wait).collect(),
        objects: dump.objects.iter().map(Object::of).collect(),
        object_lines: dump
            .objects
            .iter()
            .map(|object| Object::of(object).words(|block| dump.name_of(block.low())))
            .collect(),
        list_objects: options.sections.contains(&Section::Objects),
        heaps,
        values,
        memory: Region::all_of(&dump.memory, dump.chip.as_deref()),
        missing: Gap::all_of(&dump.memory),
        notes: dump.notes.iter().chain(&modules.notes()).map(Note::of).collect(),
    })
}

fn wait(wait: dump::Wait) -> Wait {
    let deadlock = wait.circle.into_iter().map(Hex::from).collect();
    Wait { thread: wait.thread.into(), words: wait.words, deadlock }
}

fn headline(dump: &dump::Dump, blamed: Option<&Frame>, within: Option<&Frame>) -> String {
    let name = dump.crashed().and_then(|thread| thread.name.as_deref());
    let who = name.map_or(String::new(), |name| format!("{name}: "));
    let place = blamed.map_or(String::new(), |frame| {
        let file = frame.file.as_deref().and_then(|file| file.rsplit(['/', '\\']).next());
        let name = frame.function.as_deref().filter(|_| frame.near.is_none());
        match (name, file, frame.line) {
            (Some(name), Some(file), Some(line)) => format!(", in {name} at {file}:{line}"),
            (Some(name), _, _) => format!(", in {name}"),
            _ => String::new(),
        }
    });
    let within = within.and_then(|frame| frame.function.as_deref());
    let within = within.map_or(String::new(), |name| format!(", within {name}"));
    format!("{who}{}{place}{within}", dump.reason.words)
}

fn identity(opened: &Opened) -> Identity {
    let ids = &opened.dump.identity;
    let matches = opened.firmware.as_ref().filter(|_| !ids.firmware.is_empty());
    Identity {
        format: opened.dump.format.clone(),
        arch: opened.dump.arch.name.clone(),
        chip: ids.chip.clone(),
        firmware_ids: ids.firmware.iter().map(ToString::to_string).collect(),
        firmware: opened.firmware.as_ref().map(|elf| elf.path.clone()),
        firmware_matches: matches.map(|elf| ids.firmware.iter().all(|id| elf.is(id))),
        firmware_fit: opened.firmware.as_ref().and(ids.fit.as_ref()).map(fit),
        rom: opened.rom.iter().map(|elf| elf.path.clone()).collect(),
        facts: ids.facts.clone(),
    }
}

fn fit(fit: &crate::dump::Fit) -> super::Fit {
    super::Fit { verdict: fit.verdict.to_string(), evidence: fit.evidence.clone() }
}

fn sentence(sentence: diagnosis::Sentence) -> Sentence {
    let diagnosis::Sentence { code, words, evidence } = sentence;
    Sentence { code, words, evidence }
}

fn instruction(line: diagnosis::Line) -> Instruction {
    let diagnosis::Line { addr, bytes, text, target, is_asked } = line;
    Instruction { address: addr.into(), bytes, text, target, here: is_asked }
}

fn log(log: logs::Log) -> Log {
    let logs::Log { what, addr, len, text, remark, guess } = log;
    Log { what, address: addr.into(), len, text, remark, guess }
}

fn value(name: &str, value: std::result::Result<String, Missing>) -> Value {
    let missing = value.as_ref().err().map(ToString::to_string);
    Value { name: name.to_string(), value: value.ok(), missing, at_entry: false }
}

struct Builder<'b, 'a> {
    dump: &'b dump::Dump,
    modules: &'b Modules<'a>,
    options: &'b ReportOptions,
}

impl<'a> Builder<'_, 'a> {
    fn thread(&self, trace: &Trace, thread: &dump::Thread) -> Thread {
        let lines = trace.lines.iter().enumerate();
        let frames = lines.map(|(index, line)| self.frame(trace, line, index)).collect();
        let arch = &self.dump.arch;
        let named = |(index, value): (usize, u128)| {
            Some((arch.registers.get(index)?.name.clone(), Hex(value)))
        };
        Thread {
            id: thread.id.into(),
            name: thread.label(),
            crashed: thread.crashed && !self.dump.reason.is_unknown(),
            first: thread.crashed,
            state: thread.state.clone(),
            priority: thread.priority,
            base_priority: thread.base_priority,
            core: thread.core,
            stack: Stack::of(thread).map(|stack| Stack {
                never_used: thread.stack.and_then(|s| self.never_used(s)),
                ..stack
            }),
            remarks: thread.remarks.clone(),
            frames,
            culprit: trace.culprit,
            end: trace.end.to_string(),
            complete: trace.end == End::Outermost,
            registers: thread.registers.known().filter_map(named).collect(),
            registers_missing_because: thread.registers.why_missing().map(str::to_string),
        }
    }

    /// A line of a backtrace, with its variables if they are wanted.
    fn frame(&self, trace: &Trace, line: &Line, index: usize) -> Frame {
        let frame = &trace.frames[line.frame];
        let Place { file, line: number, column, .. } = line.source();
        let mut shown = Frame {
            index,
            pc: frame.pc.into(),
            found: frame.found.word(),
            guess: frame.is_guess(),
            exception: line.exception.clone(),
            inlined: line.is_inlined(),
            function: line.function.clone(),
            near: line.near,
            file,
            line: number,
            column,
            arguments: Vec::new(),
            locals: Vec::new(),
        };
        if self.options.values {
            let scopes = Scopes { dump: self.dump, modules: self.modules };
            let variables = scopes.variables(&trace.frames, line.frame, &line.places, line.place);
            for variable in variables {
                let list = match variable.role {
                    Role::Argument => &mut shown.arguments,
                    Role::Local => &mut shown.locals,
                };
                let text = value(&variable.name, variable.value);
                list.push(Value { at_entry: variable.at_entry, ..text });
            }
        }
        shown
    }

    /// How many bytes from the low end of a stack still hold what it was filled with.
    fn never_used(&self, stack: dump::Stack) -> Option<u64> {
        let range = AddrRange::until(stack.low, stack.high)?;
        let len = self.dump.memory.readable_len(range).min(1 << 20) as usize;
        let bytes = self.dump.memory.bytes(stack.low, len)?;
        let fill = bytes.get(16..20)?;
        let first = *fill.first()?;
        if !STACK_FILLS.contains(&first) || !fill.iter().all(|byte| *byte == first) {
            return None;
        }
        // The lowest words may hold a canary of their own.
        let used = bytes.iter().skip(16).position(|byte| *byte != first);
        used.map(|at| at as u64 + 16)
    }
}

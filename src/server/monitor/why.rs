//! `why` and `disassemble`: the diagnosis, and instructions.

use super::memory::number;
use crate::diagnosis::{diagnose, listing};
use crate::display::Lines;
use crate::server::client::Client;
use crate::unwind::Unwinder;

/// Instructions that are shown if nobody says how many.
const USUAL: usize = 8;
/// More are not shown at once.
const MOST: usize = 256;

pub(super) fn why(client: &mut Client, _: &str) -> Lines {
    let dump = &client.served.dump;
    let Some(thread) = dump.crashed() else {
        return "No thread of this dump crashed.\n".into();
    };
    let modules = client.served.modules();
    let trace = Unwinder::new(dump, &modules).backtrace(thread);
    let known = diagnose(dump, &modules, thread, &trace.frames, trace.culprit);
    if known.sentences.is_empty() {
        return "Nothing is certain beyond what 'monitor crash' and 'monitor fault' say.\n".into();
    }
    let mut text = Lines::new();
    for sentence in &known.sentences {
        let _ = writeln!(text, "{}", sentence.words);
        for evidence in &sentence.evidence {
            let _ = writeln!(text, "    {evidence}");
        }
    }
    text
}

pub(super) fn disassemble(client: &mut Client, arguments: &str) -> Lines {
    let dump = &client.served.dump;
    let mut words = arguments.split_whitespace();
    let usage = || Lines::from("monitor disassemble [ADDR] [N]: N instructions from ADDR on.\n");
    let asked = match words.next().map(number) {
        Some(None) => return usage(),
        Some(asked) => asked,
        None => None,
    };
    let count = match words.next().map(str::parse::<usize>) {
        Some(Ok(count)) => count.clamp(1, MOST),
        Some(Err(_)) => return usage(),
        None => USUAL,
    };
    let modules = client.served.modules();
    let crash = || {
        let trace = Unwinder::new(dump, &modules).backtrace(dump.crashed()?);
        trace.frames.get(trace.culprit).map(|frame| frame.pc)
    };
    let (addr, before) = match asked {
        Some(addr) => (Some(addr & !u64::from(dump.arch.family.is_arm32())), 0),
        None => (crash(), count / 2),
    };
    let Some(addr) = addr else { return "No program counter is known: say an address.\n".into() };
    let lines = listing(dump, &modules, addr, before, count.saturating_sub(before + 1));
    if lines.is_empty() {
        return format_args!(
            "Nobody holds the code at {addr:#x}, or its instructions are not known."
        )
        .into();
    }
    let mut text = Lines::new();
    for line in lines {
        let mark = if line.is_asked { "=>" } else { "  " };
        let target = line.target.map_or(String::new(), |name| format!(" <{name}>"));
        let shown = line.text.as_deref().unwrap_or("?");
        let _ = writeln!(text, "{mark} {:#x}  {:<12}  {shown}{target}", line.addr, line.bytes);
    }
    text
}

//! `frame`: what an exception interrupted, from the frame that the hardware pushed.
//!
//! GDB unwinds through a handler only where it was told all of its stack pointers, and LLDB not at
//! all; our own unwinder needs neither.

use crate::display::Lines;
use crate::dump::Thread;
use crate::server::client::Client;
use crate::unwind::{Found, Frame, Unwinder};
use std::fmt::Write;

/// How many registers stand on one line.
const PER_LINE: usize = 4;

pub(super) fn frame(client: &mut Client, argument: &str) -> Lines {
    let dump = &client.served.dump;
    let wanted = |thread: &&Thread| {
        argument.is_empty() || thread.name.as_deref() == Some(argument) || is_id(thread, argument)
    };
    let Some(thread) = dump.threads.iter().find(wanted) else {
        return format_args!("No thread is called '{argument}'; 'monitor threads' lists them.")
            .into();
    };
    let modules = client.served.modules();
    let backtrace = Unwinder::new(dump, &modules).backtrace(thread);
    let mut text = Lines::new();
    for (depth, frame) in backtrace.frames.iter().enumerate() {
        if frame.found != Found::Exception {
            continue;
        }
        let name = modules.symbol(frame.pc).map(|symbol| format!(" in {}", symbol.name));
        let _ = writeln!(
            text,
            "Frame {depth} of {}: an exception interrupted {:#x}{}",
            thread.label(),
            frame.pc,
            name.unwrap_or_default()
        );
        write_registers(frame, &mut text);
    }
    if text.is_empty() {
        let frames = backtrace.frames.len();
        return format_args!(
            "No exception frame in the {frames} frames of {}; the last one: {}.",
            thread.label(),
            backtrace.end
        )
        .into();
    }
    if !client.offers.lldb {
        text.say(
            "GDB walks on from there if these go into $sp, $lr and $pc ('set var $pc = ...');\n\
             'monitor revert' brings the registers of the crash back.\n",
        );
    }
    text
}

fn is_id(thread: &Thread, text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).is_ok_and(|id| id == thread.id)
}

fn write_registers(frame: &Frame, text: &mut Lines) {
    let arch = frame.registers.arch();
    let digits = arch.word_bits.div_ceil(4) as usize + 2;
    let general = |(index, _): &(usize, u128)| arch.registers[*index].feature == 0;
    let known: Vec<(usize, u128)> = frame.registers.known().filter(general).collect();
    for line in known.chunks(PER_LINE) {
        let mut row = String::new();
        for (index, value) in line {
            // Writing to a string does not fail.
            let _ = write!(row, "  {:5}{value:#0digits$x}", arch.registers[*index].name);
        }
        let _ = writeln!(text, "{row}");
    }
}

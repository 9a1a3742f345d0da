//! `threads`: the list, with what `info threads` has no room for.

use crate::display::Lines;
use crate::server::client::Client;
use crate::server::threads::stack_text;
use std::fmt::Write;

pub(super) fn threads(client: &mut Client, _: &str) -> Lines {
    let served = &client.served;
    let digits = served.dump.arch.word_bits.div_ceil(4) as usize;
    let mut text = Lines::new();
    for (index, thread) in served.dump.threads.iter().enumerate() {
        let mark = if thread.crashed { '*' } else { ' ' };
        let name = thread.name.as_deref().unwrap_or("?");
        let registers = client.scratch.registers(index, &thread.registers);
        let pc = match registers.pc() {
            Some(pc) => format!("pc {pc:#0width$x}", width = digits + 2),
            None => "pc unknown".into(),
        };
        // Writing to a string does not fail.
        let mut line = String::new();
        let _ = write!(line, "{mark} {:#x}  {name:16}  {pc}", thread.id);
        let core = thread.core.map(|core| format!("core {core}"));
        let priority = crate::dump::priority_words(thread.priority, thread.base_priority);
        let more = [core, thread.state.clone(), priority, stack_text(thread)];
        for part in more.into_iter().flatten().chain(thread.remarks.iter().cloned()) {
            let _ = write!(line, ", {part}");
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

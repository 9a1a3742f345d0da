//! `crash`, `fault`, `notes` and `elf`: what is known of the crash as a whole.

use crate::arch;
use crate::display::Lines;
use crate::dump::Severity;
use crate::reason::FaultWord;
use crate::server::client::Client;
use crate::server::served::Served;
use std::fmt::Write;

impl Served {
    /// What a user has to know before anything else: what this is, why it stopped, and what is
    /// doubtful about it.
    pub(crate) fn greeting(&self) -> Lines {
        let mut text = Lines::from(format_args!("coroner: {}", self.dump.format));
        let _ = writeln!(text, "{}", self.reason_line());
        for note in self.dump.notes.iter().filter(|note| note.severity > Severity::Info) {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    fn reason_line(&self) -> String {
        let reason = &self.dump.reason;
        let mut line = reason.to_string();
        if let Some(thread) = self.dump.crashed() {
            if let Some(name) = &thread.name {
                let _ = write!(line, " in thread {name}");
            }
            if let Some(core) = thread.core {
                let _ = write!(line, " on core {core}");
            }
        }
        line
    }
}

pub(super) fn crash(client: &mut Client, _: &str) -> Lines {
    let dump = &client.served.dump;
    let mut text = Lines::from(format_args!("{}", client.served.reason_line()));
    for line in dump.texts.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "format: {}", dump.format);
    let named = dump.chip.as_ref().map(|chip| chip.name.as_str());
    if let Some(chip) = dump.identity.chip.as_deref().or(named) {
        let _ = writeln!(text, "chip: {chip}");
    }
    for (what, value) in &dump.identity.facts {
        let _ = writeln!(text, "{what}: {value}");
    }
    text
}

pub(super) fn fault(client: &mut Client, _: &str) -> Lines {
    let dump = &client.served.dump;
    let mut words = dump.reason.evidence.clone();
    if let Some(thread) = dump.crashed() {
        let told = arch::status_words(&thread.registers);
        words.extend(
            told.into_iter()
                .filter(|word| dump.reason.evidence.iter().all(|known| known.name != word.name)),
        );
    }
    if words.is_empty() {
        return "The dump holds no fault registers.\n".into();
    }
    let width = words.iter().map(|word| word.name.len()).max().unwrap_or_default();
    let mut text = Lines::new();
    for FaultWord { name, value, words } in &words {
        let _ = writeln!(text, "{name:width$}  {value:#010x}  {words}");
    }
    text
}

pub(super) fn notes(client: &mut Client, _: &str) -> Lines {
    let notes = &client.served.dump.notes;
    if notes.is_empty() {
        return "Nothing is odd about this dump.\n".into();
    }
    let mut text = Lines::new();
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    text
}

pub(super) fn elf(client: &mut Client, _: &str) -> Lines {
    let dump = &client.served.dump;
    let mut text = match client.served.firmware_path() {
        Some(path) => format_args!("served: {path}").into(),
        None => Lines::from("No ELF file was given to the server.\n"),
    };
    if dump.identity.firmware.is_empty() {
        text.say("The dump doesn't say which firmware it is of.\n");
    }
    for id in &dump.identity.firmware {
        let _ = writeln!(text, "the dump is of {id}");
    }
    text
}

//! Options in any position: `coroner -v info FILE` is `coroner info -v FILE`.
//!
//! clap takes a command's options behind its name only. The name is looked for among the first
//! words and put first; which words are values of options, clap's own definition says.

use super::Cli;
use crate::error::{Error, Result};
use clap::{Arg, Command, CommandFactory};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The arguments in the order that clap expects, `words` without the program's name.
///
/// # Errors
/// [`Error::Usage`] for a word where a command may stand that is no file and nearly a command.
pub(super) fn arrange(mut words: Vec<OsString>) -> Result<Vec<OsString>> {
    let command = Cli::command();
    let Some(at) = first_word(&command, &words) else { return Ok(words) };
    let word = words.remove(at);
    if command.find_subcommand(&word).is_some() || word == "help" {
        words.insert(0, word);
        return Ok(words);
    }
    if let Some(name) = nearly(&command, &word) {
        let word = word.to_string_lossy();
        let why = format!("{word}: no such file and no such command; did you mean '{name}'?");
        return Err(Error::Usage(why));
    }
    words.insert(at, word);
    Ok(words)
}

/// Which of `words` is the first that is neither an option nor an option's value.
fn first_word(command: &Command, words: &[OsString]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.to_string_lossy();
        if text == "--" {
            return None;
        }
        let takes_next = match text.strip_prefix("--") {
            Some(long) => takes_value(command, |arg| arg.get_long() == Some(long)),
            None if text.starts_with('-') && text.len() > 1 => {
                let last = text.chars().last();
                takes_value(command, |arg| arg.get_short() == last)
            }
            None => return Some(at),
        };
        at += if takes_next { 2 } else { 1 };
    }
    None
}

/// Whether the option that `wanted` means takes a value, in any of the commands.
fn takes_value(command: &Command, wanted: impl Fn(&Arg) -> bool) -> bool {
    let mut all = std::iter::once(command).chain(command.get_subcommands());
    all.any(|one| one.get_arguments().any(|arg| wanted(arg) && arg.get_action().takes_values()))
}

/// The command that was mistyped as `word`, unless there is such a file.
fn nearly<'c>(command: &'c Command, word: &OsStr) -> Option<&'c str> {
    const MOST_SLIPS: usize = 2;
    let text = word.to_str().filter(|text| text.len() > 3)?;
    if Path::new(word).exists() {
        return None;
    }
    let names = command.get_subcommands().map(Command::get_name);
    let slips = |name: &&str| strsim::damerau_levenshtein(name, text);
    names.min_by_key(slips).filter(|name| slips(name) <= MOST_SLIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        match arrange(words) {
            Ok(words) => words.join(OsStr::new(" ")).to_string_lossy().into_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_command_may_stand_behind_options() {
        assert_eq!(arranged("-v info x"), "info -v x");
        assert_eq!(arranged("--elf a.elf -vv report x --json"), "report --elf a.elf -vv x --json");
        assert_eq!(
            arranged("--elf=a.elf --force gdb x -- -batch"),
            "gdb --elf=a.elf --force x -- -batch"
        );
        assert_eq!(arranged("-o out convert x"), "convert -o out x");
        // The value of an option is no command, nor is what stands behind `--` or another input.
        assert_eq!(arranged("--elf info x"), "--elf info x");
        assert_eq!(arranged("-v -- info"), "-v -- info");
        assert_eq!(arranged("-v x info"), "-v x info");
    }

    #[test]
    fn a_slip_is_told() {
        assert!(arranged("repot x").contains("did you mean 'report'"));
        assert!(arranged("-v traige x").contains("did you mean 'triage'"));
        assert_eq!(arranged("crash.bin"), "crash.bin");
        // There is such a file beside the manifest.
        assert_eq!(arranged("tests"), "tests");
    }

    #[test]
    fn an_option_means_the_same_in_every_command() {
        let command = Cli::command();
        let all = || std::iter::once(&command).chain(command.get_subcommands());
        for arg in all().flat_map(Command::get_arguments) {
            let Some(long) = arg.get_long() else { continue };
            for other in all().flat_map(Command::get_arguments) {
                if other.get_long() == Some(long) {
                    let takes = |arg: &Arg| arg.get_action().takes_values();
                    assert_eq!(takes(arg), takes(other), "--{long}");
                }
            }
        }
    }
}

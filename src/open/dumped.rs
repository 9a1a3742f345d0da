//! Stage 2, dumped: one of the dumps is picked and read: the user's, or the last whole one.

use super::detect::Candidate;
use super::found::Found;
use crate::dump::{Dump, Note};
use crate::error::{Error, Result};
use crate::format::parts::assemble as parts;
use crate::format::{Context, crash_text};

/// So many of the dumps that could not be read are told of.
const MOST_PASSED_OVER: usize = 16;

/// A dump, as its own bytes tell it.
pub(super) struct Dumped<'o> {
    pub found: Found<'o>,
    /// Index of the dump in what was found; 0 if it was assembled of parts.
    pub picked: usize,
    pub dump: Dump,
}

impl<'o> Found<'o> {
    /// Reads the dump, or puts it together of its parts.
    ///
    /// # Errors
    /// Those of the dump's reader; [`Error::Choice`] if the user picked one that is not there.
    pub(super) fn read(self) -> Result<Dumped<'o>> {
        let parts = &self.dug.parts;
        let (picked, mut dump) = match self.dug.whole.as_slice() {
            [] => (0, parts::assemble(parts, &self.context())?),
            _ => self.pick()?,
        };
        if !self.dug.whole.is_empty() {
            parts::add(&mut dump, parts);
        }
        dump.notes.extend(
            self.dug
                .useless
                .iter()
                .map(|error| Note::warning(error.to_string()).code("skipped-input")),
        );
        let limit = |words: String| Note::warning(words).code("limit");
        dump.notes.extend(self.budget.shortage().map(limit));
        let conflict = |words: String| Note::warning(words).code("conflict");
        dump.notes.extend(dump.memory.untold_conflicts().map(conflict));
        Ok(Dumped { found: self, picked, dump })
    }

    /// Reads one of the dumps.
    pub(super) fn read_one(&self, index: usize, force: bool) -> Result<Dump> {
        let context = Context { force, ..self.context() };
        let Candidate { file, piece, format } = &self.dug.whole[index];
        if let Some(fault) = piece.fault.as_ref().filter(|_| !force) {
            return Err(Error::Input { file: file.clone(), fault: Box::new(fault.clone()) });
        }
        let mut dump = format.read(piece, &context).map_err(|error| error.in_file(file))?;
        dump.notes.extend(
            piece
                .fault
                .iter()
                .map(|fault| Note::doubt(fault.words()).by(fault.format).code("damaged")),
        );
        if !piece.text_above.is_empty() {
            crash_text::complete(&mut dump, &piece.text_above, &context);
        }
        Ok(dump)
    }

    /// The user's choice among the dumps, or the last one that is whole.
    fn pick(&self) -> Result<(usize, Dump)> {
        let whole = &self.dug.whole;
        let force = self.options.trust.force;
        if let Some(number) = self.options.place.pick {
            let index = number.checked_sub(1).filter(|index| *index < whole.len());
            let index = index.ok_or_else(|| {
                let words = format!("--pick {number}: there are {} dumps", whole.len());
                Error::Choice { words, of: self.describe() }
            })?;
            return Ok((index, self.read_one(index, force)?));
        }
        let mut passed_over: Vec<Note> = Vec::new();
        let mut first_error = None;
        for index in (0..whole.len()).rev() {
            let piece = &whole[index].piece;
            if first_error.is_some() && !piece.budget.work(piece.bytes.len() as u64) {
                break;
            }
            match self.read_one(index, false) {
                Ok(mut dump) => {
                    if whole.len() > 1 {
                        dump.notes.push(
                            Note::info(format!(
                                "there are {} dumps; this is number {}, --pick takes another",
                                whole.len(),
                                index + 1
                            ))
                            .code("several-dumps"),
                        );
                    }
                    let unsaid = passed_over.len().saturating_sub(MOST_PASSED_OVER);
                    passed_over.truncate(MOST_PASSED_OVER);
                    dump.notes.append(&mut passed_over);
                    if unsaid > 0 {
                        dump.notes.push(
                            Note::warning(format!("{unsaid} more were skipped"))
                                .code("skipped-dump"),
                        );
                    }
                    return Ok((index, dump));
                }
                Err(error) => {
                    let (number, of) = (index + 1, whole.len());
                    let words = format!("dump {number} of {of} skipped: {error}");
                    passed_over.push(Note::warning(words).code("skipped-dump"));
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(_) if force => {
                let last = whole.len() - 1;
                Ok((last, self.read_one(last, true)?))
            }
            Some(error) => Err(error),
            None => Err(Error::Usage("no input was given".into())),
        }
    }
}

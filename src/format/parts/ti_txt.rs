//! TI-TXT: `@ADDR` lines, each followed by lines of up to 16 bytes as hexadecimal pairs, and a
//! `q` at the end. There is no checksum.
//!
//! Source: Texas Instruments, SLAU655 (hex conversion utility, "TI-TXT Object Format").

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Part, PartContents, Runs};
use crate::carrier::text::{Line, decode_hex, lines, looks_like_text, may_begin};
use crate::carrier::{Piece, size_words};
use crate::dump::Note;
use crate::error::Fault;

const NAME: &str = "ti-txt";

/// TI-TXT.
pub(super) struct TiTxt;

impl Part for TiTxt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "TI-TXT image"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        looks_like_text(&piece.bytes) && may_begin(&piece.bytes, b'@', 1) && start(piece).is_some()
    }

    fn may_hold_a_dump(&self) -> bool {
        true
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let mut runs = Runs::default();
        let mut contents = PartContents::default();
        let first = start(piece).unwrap_or_default();
        let mut addr = None;
        let mut ended = false;
        for line in lines(&piece.bytes).skip_while(|line| line.number < first) {
            if let Some(new) = address(&line) {
                addr = Some(new);
            } else if line.text.eq_ignore_ascii_case("q") {
                ended = true;
                break;
            } else if let (Some(at), Some(bytes)) = (addr, data(&line)) {
                runs.add(at, &bytes);
                addr = Some(at.saturating_add(bytes.len() as u64));
            } else {
                let (number, lost) = (line.number, "up to the next address");
                contents.notes.push(
                    Note::warning(format!(
                        "line {number} is damaged: what follows it {lost} is missing"
                    ))
                    .by(NAME)
                    .code("damaged"),
                );
                addr = None;
            }
        }
        if !ended {
            contents
                .notes
                .push(Note::warning("there is no end line: cut off?").by(NAME).code("cut"));
        }
        contents.title = format!("TI-TXT, {}", size_words(runs.byte_len()));
        contents.extents = runs.into_extents();
        Ok(contents)
    }
}

/// The number of the first address line that is followed by data.
fn start(piece: &Piece) -> Option<usize> {
    let mut before: Option<Line<'_>> = None;
    for line in lines(&piece.bytes) {
        if data(&line).is_some()
            && let Some(number) = before.filter(|line| address(line).is_some()).map(|l| l.number)
        {
            return Some(number);
        }
        before = Some(line);
    }
    None
}

fn address(line: &Line<'_>) -> Option<u64> {
    u64::from_str_radix(line.text.strip_prefix('@')?, 16).ok()
}

fn data(line: &Line<'_>) -> Option<Vec<u8>> {
    let pairs = line.text.split(' ').map(|pair| decode_hex(pair).filter(|byte| byte.len() == 1));
    let bytes = pairs.collect::<Option<Vec<_>>>()?.concat();
    (1..=16).contains(&bytes.len()).then_some(bytes)
}

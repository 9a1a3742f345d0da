//! Where the panics are in a log: from what says what went wrong to the restart.

use super::words::{chip_named, core_number, is_end, is_title};
use super::{NAME, words};
use crate::carrier::text::Line;
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use memchr::memmem;

/// What is in every such text; one of them is enough.
const MARKS: [&str; 7] = [
    "egister dump:",
    "Backtrace:",
    "panic'ed",
    "Guru Meditation",
    "abort() was called",
    "Brownout detector was triggered",
    "stack overflow in task",
];

/// The panic texts in a log in which at least one says more than a backtrace.
pub struct EspPanicBlocks;

/// Backtraces alone. Other systems print the same line below their own words: it is asked last.
pub struct EspBacktraceAlone;

/// Lines of the log that belong to one panic.
struct Block {
    first: usize,
    /// Behind the last line.
    end: usize,
    /// Registers or a backtrace were seen.
    has_body: bool,
    /// Something but a backtrace says that this is a panic.
    is_told: bool,
    /// What follows is the next start of the chip.
    ended: bool,
    cores: Vec<u32>,
}

impl Carrier for EspPanicBlocks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        peel(piece, |blocks| blocks.iter().any(|block| block.is_told))
    }
}

impl Carrier for EspBacktraceAlone {
    fn name(&self) -> &'static str {
        NAME
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        peel(piece, |_| true)
    }
}

fn peel(piece: &Piece, wanted: impl Fn(&[Block]) -> bool) -> Option<Result<Vec<Piece>, Fault>> {
    let marked = |mark: &&str| memmem::find(&piece.bytes, mark.as_bytes()).is_some();
    if piece.hint.is_some() || !MARKS.iter().any(marked) {
        return None;
    }
    let all = piece.lines_near(MARKS.iter().copied());
    let mut pieces = Vec::new();
    // An image of memory holds the words of a panic as well, and says more.
    let is_text = memchr::memchr(0, &piece.bytes).is_none();
    let blocks = blocks(&all);
    if !wanted(&blocks) {
        return None;
    }
    // What the chip calls itself stands where it starts: before the panic, or after it.
    let names_chip = |(_, line): &(usize, &Line)| chip_named(&line.text).is_some();
    let banners: Vec<usize> =
        all.iter().enumerate().filter(names_chip).map(|(index, _)| index).collect();
    let blocks = blocks.into_iter().filter(|block| is_text || block.has_body).collect();
    for block in piece.budget.last_of(blocks) {
        let Some(of_block) = all.get(block.first..block.end) else { continue };
        let (Some(head), Some(tail)) = (of_block.first(), of_block.last()) else { continue };
        let layer = format!("log, lines {}-{}", head.number, tail.number);
        let before = banners.partition_point(|index| *index < block.first).checked_sub(1);
        let behind = banners.partition_point(|index| *index < block.end);
        let banner = banners.get(before.unwrap_or(behind)).and_then(|index| all.get(*index));
        let mut texts: Vec<&str> = of_block.iter().map(|line| line.text.as_str()).collect();
        texts.extend(banner.map(|line| line.text.as_str()));
        pieces.push(piece.inner(layer, texts.join("\n").into()).hinted(NAME));
    }
    (!pieces.is_empty()).then_some(Ok(pieces))
}

fn blocks(all: &[Line]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (index, line) in all.iter().enumerate() {
        let text = line.text.as_str();
        let core = core_number(text);
        let has_backtrace = !words::backtrace(text).is_empty();
        let title = is_title(text);
        let open = blocks.last_mut().filter(|block| !block.ended);
        let starts = match &open {
            None => title || core.is_some() || has_backtrace,
            // A second panic in the first, or the next one of a loop.
            Some(block) => match core {
                Some(core) => block.cores.contains(&core),
                None => title && block.has_body && !words::is_detail(text),
            },
        };
        if starts {
            if let Some(block) = open {
                block.ended = true;
            }
            blocks.push(Block {
                first: index,
                end: index,
                has_body: false,
                is_told: false,
                ended: false,
                cores: Vec::new(),
            });
        }
        let Some(block) = blocks.last_mut().filter(|block| !block.ended) else { continue };
        if is_end(text) {
            block.ended = true;
            continue;
        }
        block.end = index.saturating_add(1);
        block.has_body |= core.is_some() || has_backtrace;
        block.is_told |= title || core.is_some();
        block.cores.extend(core);
    }
    // Words alone may be anybody's, but for those that only a panic handler says.
    let says = |block: &Block| {
        let lines = all.get(block.first..block.end).unwrap_or_default();
        block.has_body || lines.iter().any(|line| words::is_panic(&line.text))
    };
    blocks.retain(says);
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(carrier: &dyn Carrier, text: &str) -> usize {
        let piece = Piece::outermost(text.as_bytes().to_vec().into());
        let pieces = carrier.peel(&piece, &CarrierOptions::default());
        pieces.map_or(0, |pieces| pieces.expect("no fault").len())
    }

    #[test]
    fn a_backtrace_alone_is_left_to_others_first() {
        let alone = "Backtrace: 0x400d1c2e:0x3ffb2010 0x400d2f04:0x3ffb2030\n";
        assert_eq!((count(&EspPanicBlocks, alone), count(&EspBacktraceAlone, alone)), (0, 1));
        let told = format!(
            "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\n\
             {alone}Rebooting...\n{alone}"
        );
        assert_eq!(count(&EspPanicBlocks, &told), 2, "the second one as well");
    }
}

//! The carrier of dumps packed into retained memory. Head and frames are defined in
//! [`coroner_capture::packed`].

use super::NAME;
use crate::carrier::{Carrier, CarrierOptions, Piece, size_words};
use crate::dump::Note;
use crate::error::Fault;
use coroner_capture::layout::MARK_LEN;
use coroner_capture::packed::{Frame, HEAD_LEN, Head, MAGIC};
use memchr::memmem;

const CARRIER: &str = "packed dump";

/// Retained memory with a packed dump, alone or somewhere in an image of more memory.
pub struct CapturePacked;

impl Carrier for CapturePacked {
    fn name(&self) -> &'static str {
        CARRIER
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let bytes = &piece.bytes;
        let pieces: Vec<Piece> = memmem::find_iter(bytes, &MAGIC)
            .filter_map(|at| Some((at, Head::decode(bytes.get(at..)?)?)))
            .filter_map(|(at, head)| unpack(piece, at, head))
            .collect();
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

/// The dump at `at`; `None` when not even its first frame is good.
fn unpack(piece: &Piece, at: usize, head: Head) -> Option<Piece> {
    let all = piece.bytes.get(at.checked_add(HEAD_LEN)?..)?;
    let frames = match head.whole {
        Some((len, _)) => all.get(..len as usize).unwrap_or(all),
        None => all,
    };
    let start = head.start as usize;
    piece.budget.memory(head.start.into(), CARRIER, "start").ok()?;
    let mut file = vec![0xff; start];
    let mut block0 = None;
    let mut used = 0usize;
    while block0.is_none()
        && let Some(frame) = frames.get(used..).and_then(Frame::decode)
    {
        match frame.block0 {
            true => block0 = Some(frame),
            false => {
                if piece.budget.memory(frame.bytes().len() as u64, CARRIER, "frames").is_err() {
                    break;
                }
                file.extend_from_slice(frame.bytes());
            }
        }
        used = used.saturating_add(frame.packed);
    }
    if used == 0 {
        return None;
    }
    if let Some(frame) = block0
        && let Some(slot) = file.get_mut(..frame.bytes().len())
    {
        slot.copy_from_slice(frame.bytes());
    }
    if head.uploaded
        && let Some(mark) = file.get_mut(start.checked_sub(MARK_LEN as usize)?..start)
    {
        mark.fill(0);
    }
    let place = if at == 0 { String::new() } else { format!(" at offset {at:#x}") };
    let there = file.len();
    let packed = size_words(used.saturating_add(HEAD_LEN) as u64);
    let layer = format!("{CARRIER}{place}, {packed} for {}", size_words(there as u64));
    let mut notes = Vec::new();
    let mut lost = Vec::new();
    match head.whole {
        None => notes.push(Note::warning("it was never finished").by(CARRIER).code("cut")),
        Some((len, end)) if used < len as usize => {
            let offset = at.saturating_add(HEAD_LEN).saturating_add(used);
            notes.push(
                Note::warning(format!(
                    "the frame at offset {offset:#x} is damaged or cut off; {there} of {end} \
                 bytes of the dump come before it"
                ))
                .by(CARRIER)
                .code("cut"),
            );
            // A file that ends here is cut short; the reader of the format says what that costs.
            lost.push(there as u64..u64::from(end));
        }
        Some(_) => {}
    }
    let mut inner = piece.inner(layer, file.into()).hinted(NAME);
    inner.lost = lost;
    inner.notes.extend(notes);
    Some(inner)
}

//! The binary body (versions 0x0001 to 0x0003 and before): task records, then memory segments.
//!
//! | off | size           | field of a task record                           |
//! |   0 |              4 | address of the task control block                |
//! |   4 |              4 | start of the stack: address of the saved frame   |
//! |   8 |              4 | end of the stack                                 |
//! |  12 | tcb_size       | the control block, padded to 4                   |
//! |   - | end - start    | the stack from the saved frame up, padded to 4   |
//!
//! | off | size           | field of a memory segment                        |
//! |   0 |              4 | address                                          |
//! |   4 |              4 | size in bytes                                    |
//! |   8 | size           | the bytes                                        |
//!
//! Both are counted in the header: what is behind the last is padding.
//!
//! Source: ESP-IDF v3.3 to v5.2, `components/espcoredump/src/core_dump_binary.c`; task records
//! seen in real dumps of 0x0002 and 0x0003.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::NAME;
use super::body::{Body, Extent, TaskRecord};
use super::image::{Header, Image};
use crate::carrier::Piece;
use crate::cursor::Cursor;
use crate::dump::Note;
use crate::error::Fault;
use bytes::Bytes;

/// What stands in front of a task's control block.
const TASK_WORDS_LEN: u64 = 12;
/// What stands in front of a segment's bytes.
const SEGMENT_WORDS_LEN: u64 = 8;

/// Reads the body. What is cut off is told in [`Body::notes`].
pub(super) fn read(image: &Image, piece: &Piece) -> Body {
    read_parts(&image.header, image.body.clone(), image.body_offset, piece)
}

/// The same of a body whose frame nobody has checked.
pub(super) fn read_parts(header: &Header, bytes: Bytes, offset: u64, piece: &Piece) -> Body {
    let mut body = Body::default();
    let mut cursor = Cursor::new(NAME, bytes, offset);
    let Header { tasks, segments, .. } = *header;
    for index in 0..tasks {
        let lost = lost_words(&cursor, piece, TASK_WORDS_LEN, index, "task");
        let mut read = |cursor| read_task(cursor, header, index, &mut body);
        if let Err(fault) = lost.and_then(|()| read(&mut cursor)) {
            body.notes.push(
                Note::warning(format!("{}: {} of {tasks} tasks read", fault.words(), index))
                    .by(fault.format)
                    .code("damaged"),
            );
            return body;
        }
    }
    for index in 0..segments {
        let lost = lost_words(&cursor, piece, SEGMENT_WORDS_LEN, index, "memory segment");
        let mut read = |cursor| read_segment(cursor, index, &mut body);
        if let Err(fault) = lost.and_then(|()| read(&mut cursor)) {
            let words = format!("{fault}: {index} of {segments} memory segments read");
            body.notes.push(Note::warning(words).code("damaged"));
            return body;
        }
    }
    body
}

/// A record whose addresses were lost ends the reading: it is not known how long it is.
fn lost_words(
    cursor: &Cursor,
    piece: &Piece,
    len: u64,
    index: u32,
    what: &str,
) -> Result<(), Fault> {
    match piece.is_lost(cursor.offset(), len) {
        true => Err(cursor.fault(format!("{what} {index}"), "its addresses", "a damaged line")),
        false => Ok(()),
    }
}

/// The offset at which the tasks and segments that `header` counts come to their end; `None` if
/// they don't fit into `bytes`.
pub(super) fn ends_at(bytes: &Bytes, header: &Header) -> Option<u64> {
    let mut cursor = Cursor::new(NAME, bytes.clone(), 0);
    cursor.skip("header", header.byte_len).ok()?;
    for index in 0..header.tasks {
        read_task(&mut cursor, header, index, &mut Body::default()).ok()?;
    }
    for index in 0..header.segments {
        read_segment(&mut cursor, index, &mut Body::default()).ok()?;
    }
    Some(cursor.offset())
}

fn padded(len: u32) -> usize {
    (len as usize).saturating_add(3) & !3
}

fn read_task(
    cursor: &mut Cursor,
    header: &Header,
    index: u32,
    body: &mut Body,
) -> Result<(), Fault> {
    let what = |field: &str| format!("{field} of task {index}");
    let tcb_addr = cursor.u32(&what("control block address"))?;
    let start = cursor.u32(&what("stack start"))?;
    let end = cursor.u32(&what("stack end"))?;
    let tcb_offset = cursor.offset();
    let tcb = cursor.take(&what("control block"), padded(header.tcb_len))?;
    let (low, high) = (start.min(end), start.max(end));
    let stack_offset = cursor.offset();
    let stack = cursor.take(&what("stack"), padded(high.abs_diff(low)))?;
    let tcb = Extent { addr: tcb_addr, bytes: tcb, offset: tcb_offset, cut: 0 };
    let stack = Extent { addr: low, bytes: stack, offset: stack_offset, cut: 0 };
    body.extents.extend([tcb.clone(), stack.clone()]);
    body.tasks.push(TaskRecord { tcb_addr, tcb, stack: Some(stack), prstatus: None });
    Ok(())
}

fn read_segment(cursor: &mut Cursor, index: u32, body: &mut Body) -> Result<(), Fault> {
    let addr = cursor.u32(&format!("address of memory segment {index}"))?;
    let len = cursor.u32(&format!("size of memory segment {index}"))?;
    let offset = cursor.offset();
    let bytes = cursor.take(&format!("memory segment {index}"), len as usize)?;
    body.extents.push(Extent { addr, bytes, offset, cut: 0 });
    body.segments.push(addr);
    Ok(())
}

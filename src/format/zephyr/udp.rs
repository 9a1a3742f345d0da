//! Dumps sent as datagrams, one behind the other as a receiver saved them.
//!
//! | off | size | field                                                        |
//! |   0 |    4 | "ZCDU"                                                       |
//! |   4 |    4 | offset of the payload in the stream                          |
//! |   8 |    2 | length of the payload, at most 1024                          |
//! |  10 |    2 | flags: bit 0 marks the end, the offset is then the total     |
//! |  12 |    4 | sequence number                                              |
//! |  16 |    - | payload                                                      |
//!
//! Datagrams come in any order, twice, or not at all.
//!
//! Source: Zephyr, a coredump backend of 2026.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::chunks::Chunks;
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::cursor::Cursor;
use crate::error::Fault;

const CARRIER: &str = "UDP datagrams";
pub(super) const MAGIC: &[u8] = b"ZCDU";
const FLAG_END: u16 = 1;

/// A file of datagrams.
pub struct ZephyrUdp;

impl Carrier for ZephyrUdp {
    fn name(&self) -> &'static str {
        CARRIER
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        piece.bytes.starts_with(MAGIC).then(|| datagrams(piece))
    }
}

fn datagrams(piece: &Piece) -> Result<Vec<Piece>, Fault> {
    let mut cursor = Cursor::new(CARRIER, piece.bytes.clone(), 0);
    let mut all: Vec<Chunks> = Vec::new();
    let mut last_sequence = None;
    while !cursor.is_at_end() {
        let start = cursor.offset();
        let magic = cursor.take("datagram id", MAGIC.len())?;
        if *magic != *MAGIC {
            let found = format!("{:02x?}", &*magic);
            return Err(Fault::new(CARRIER, "datagram id", start, "\"ZCDU\"", found));
        }
        let offset = cursor.u32("offset of the payload")?;
        let len = cursor.u16("length of the payload")?;
        let flags = cursor.u16("flags")?;
        let sequence = cursor.u32("sequence number")?;
        let payload = cursor.take_up_to(len.into());
        // A device that crashed again counts from the start again.
        let again = offset == 0 && last_sequence.is_some_and(|last| sequence <= last);
        let repeated = all.last().is_some_and(|chunks| chunks.holds(0, &payload));
        if all.is_empty() || (again && !repeated) {
            all.push(Chunks::default());
        }
        last_sequence = Some(sequence);
        let Some(chunks) = all.last_mut() else { continue };
        if flags & FLAG_END != 0 {
            chunks.total = Some(u64::from(offset));
        }
        if payload.len() < usize::from(len) {
            chunks.notes.push(format!("the datagram at {start:#x} is cut short"));
        }
        chunks.add(offset.into(), payload);
    }
    Ok(all.into_iter().map(|chunks| chunks.into_piece(piece, CARRIER)).collect())
}

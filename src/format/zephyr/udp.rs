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
use bytes::Bytes;

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
    let mut echo: Vec<(u32, Bytes)> = Vec::new();
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
        cursor.skip("sequence number", 4)?;
        let payload = cursor.take_up_to(len.into());
        let known = all.last().and_then(|chunks| chunks.at(offset.into())).cloned();
        match known {
            // The same again: a copy on the way, or the start of another dump just like it.
            Some(old) if old == payload => echo.push((offset, payload.clone())),
            // Other bytes at the same offset: the device crashed again.
            Some(_) if !payload.is_empty() => {
                let mut next = Chunks::default();
                echo.drain(..).for_each(|(offset, bytes)| next.add(u64::from(offset), bytes));
                all.push(next);
            }
            _ => echo.clear(),
        }
        if all.is_empty() {
            all.push(Chunks::default());
        }
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

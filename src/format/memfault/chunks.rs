//! Memfault's chunks on a console: `MC:<base64>:` anywhere in a line.
//!
//! A chunk: byte 0 with bit 7 "continues a message", bit 6 "more follows", and in a message's
//! first chunk bits 3 to 5, which say where its CRC is; then, in the first of several, the
//! message's length, in a continuation its offset, both as varint (7 bits a byte, least
//! significant first); then data. The CRC-16 (polynomial 0x1021, start 0, LE) of the whole message
//! ends the last chunk (1 in bits 3 to 5), or, in the SDK's first releases (0), stands in the first
//! chunk before the data.
//!
//! A message: type (1 core dump) with bit 7 "run-length coded" and bit 6 "project key follows",
//! then the dump.
//!
//! Source: memfault-firmware-sdk 1.43.0 (c2ec435) and 284a929 (the CRC in the first chunk),
//! `components/util/src/memfault_chunk_transport.c`.

use super::{MAGIC, NAME};
use crate::carrier::text::{decode_base64, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;
use std::ops::Range;

const MARK: &str = "MC:";
const CONTINUES: u8 = 0x80;
const MORE: u8 = 0x40;
const CRC_PLACE: u8 = 0x38;
const CRC_IN_FIRST: u8 = 0;
const CRC_LEN: usize = 2;
const CORE_DUMP: u8 = 1;
const RUN_LENGTH_CODED: u8 = 0x80;
/// A project key is shorter than this.
const LONGEST_KEY: usize = 64;
const LARGEST_MESSAGE: u64 = 64 << 20;

/// A console log with chunks of core dumps in it.
pub struct MemfaultChunks;

#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
    /// What no chunk held.
    lost: Vec<Range<u64>>,
    total: u64,
    /// What the first chunk says, in the SDK's first releases.
    told_crc: Option<u16>,
    crc: Option<bool>,
    first_line: usize,
    last_line: usize,
    ended: bool,
}

impl Carrier for MemfaultChunks {
    fn name(&self) -> &'static str {
        "Memfault chunks"
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[MARK], end: &[] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, MARK.as_bytes())?;
        let pieces: Vec<Piece> =
            messages(piece).into_iter().filter_map(|m| core_dump(piece, m)).collect();
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

fn messages(piece: &Piece) -> Vec<Message> {
    let mut done: Vec<Message> = Vec::new();
    let mut open: Option<Message> = None;
    for line in lines(&piece.bytes) {
        let Some((_, behind)) = line.text.split_once(MARK) else { continue };
        let Some(chunk) = behind.split(':').next().and_then(decode_base64) else { continue };
        let Some((head, mut data)) = chunk.split_first().map(|(head, data)| (*head, data)) else {
            continue;
        };
        if head & CONTINUES == 0 {
            done.extend(open.take());
            let Some(first) = first_chunk(head, &mut data, line.number) else { continue };
            open = Some(first);
        }
        let Some(message) = &mut open else { continue };
        let at = message.bytes.len() as u64;
        let offset = if head & CONTINUES != 0 { varint(&mut data) } else { Some(0) };
        let Some(offset) = offset.filter(|offset| *offset <= message.total) else { continue };
        if offset > at {
            message.lost.push(at..offset);
            message.bytes.resize(offset as usize, 0);
        }
        message.last_line = line.number;
        if head & MORE == 0 {
            // What is too much is the CRC, and maybe bytes that fill the chunk.
            let len = (message.total.saturating_sub(offset) as usize).min(data.len());
            let (body, rest) = data.split_at(len);
            put(&mut message.bytes, offset, body);
            let told = message.told_crc.or_else(|| crate::cursor::u16_at(rest, 0));
            let whole = message.lost.is_empty() && message.bytes.len() as u64 == message.total;
            message.crc = told.map(|told| whole && told == crc16(&message.bytes));
            message.ended = true;
            done.extend(open.take());
        } else {
            put(&mut message.bytes, offset, data);
        }
    }
    done.extend(open);
    done
}

/// The message that a first chunk begins; `data` is what is behind the chunk's first byte, and
/// becomes what there is of the message, maybe with a CRC behind.
fn first_chunk(head: u8, data: &mut &[u8], line: usize) -> Option<Message> {
    let told_len = if head & MORE != 0 { Some(varint(data)?) } else { None };
    let mut told_crc = None;
    if head & CRC_PLACE == CRC_IN_FIRST {
        told_crc = Some(crate::cursor::u16_at(data, 0)?);
        *data = data.get(CRC_LEN..)?;
    }
    let behind = if told_crc.is_some() { 0 } else { CRC_LEN };
    let total = told_len.unwrap_or(data.len().saturating_sub(behind) as u64);
    let message =
        Message { total, told_crc, first_line: line, last_line: line, ..Message::default() };
    (total <= LARGEST_MESSAGE).then_some(message)
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    bytes.truncate(offset as usize);
    bytes.extend_from_slice(data);
}

fn core_dump(piece: &Piece, message: Message) -> Option<Piece> {
    let (kind, body) = message.bytes.split_first()?;
    if kind & 0x3f != CORE_DUMP {
        return None;
    }
    let body_off = 1usize;
    let (bytes, lost) = if kind & RUN_LENGTH_CODED != 0 {
        let first_lost = |lost: &Range<u64>| (lost.start as usize).saturating_sub(body_off);
        let known = message.lost.first().map_or(body.len(), first_lost);
        (run_length_decode(body.get(..known)?), Vec::new())
    } else {
        (body.to_vec(), message.lost.clone())
    };
    // A project key may stand in front.
    let head = bytes.get(..LONGEST_KEY.min(bytes.len()))?;
    let skip = memmem::find(head, MAGIC)?;
    let layer = format!("Memfault chunks, lines {}-{}", message.first_line, message.last_line);
    let mut inner = piece.inner(layer, bytes.get(skip..)?.to_vec().into()).hinted(NAME);
    let shift = skip.saturating_add(body_off) as u64;
    inner.lost = lost
        .iter()
        .map(|lost| lost.start.saturating_sub(shift)..lost.end.saturating_sub(shift))
        .collect();
    let mut warn = |words: String| inner.notes.push(Note::warning(words).by(NAME).code("damaged"));
    if !message.lost.is_empty() {
        let count: u64 = message.lost.iter().map(|lost| lost.end.saturating_sub(lost.start)).sum();
        warn(format!("chunks are missing in the log: {count} bytes of the dump are lost"));
    } else if message.crc == Some(false) {
        warn("the CRC-16 of the chunks is wrong: a chunk is damaged".into());
    }
    if !message.ended {
        warn("the log ends before the last chunk".into());
    }
    Some(inner)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Zigzag varint n: n > 0 repeats the next byte n times, n < 0 takes the next -n bytes.
fn run_length_decode(mut coded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(n) = varint(&mut coded) {
        let n = (n >> 1) as i64 ^ ((n & 1) as i64).wrapping_neg();
        let count = n.unsigned_abs().min(LARGEST_MESSAGE) as usize;
        let end = bytes.len().saturating_add(count);
        if end > LARGEST_MESSAGE as usize {
            break;
        }
        if n > 0 {
            let Some((byte, rest)) = coded.split_first() else { break };
            bytes.resize(end, *byte);
            coded = rest;
        } else {
            let (literal, rest) = coded.split_at(count.min(coded.len()));
            bytes.extend_from_slice(literal);
            coded = rest;
        }
    }
    bytes
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literals_decode() {
        // 4 times 0xaa, then the literal 1 2 3.
        assert_eq!(run_length_decode(&[8, 0xaa, 5, 1, 2, 3]), [0xaa, 0xaa, 0xaa, 0xaa, 1, 2, 3]);
        assert_eq!(run_length_decode(&[5, 1]), [1], "cut");
    }

    #[test]
    fn the_checksum_is_crc16_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }
}

//! Dumps that Spotflow's agent uploads: CBOR maps, one a chunk; or JSON objects, as devices without
//! its agent send them ([`json`]).
//!
//! | key | value                                                     |
//! |   0 | kind of message: 2 is a chunk of a dump                   |
//! |   6 | milliseconds since the start                              |
//! |   9 | number of the dump                                        |
//! |  10 | number of the chunk                                       |
//! |  11 | the chunk's bytes, 1024 but for the last one              |
//! |  12 | whether it is the last one                                |
//! |  14 | build id, 20 bytes, optional                              |
//! |  15 | operating system: 1 is Zephyr                             |
//!
//! Source: Spotflow's device module for Zephyr, 2025; CBOR: RFC 8949.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

mod json;

use super::chunks::Chunks;
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::cursor::Cursor;
use crate::dump::FirmwareId;
use crate::error::Fault;
use bytes::Bytes;
use std::collections::BTreeMap;

const CARRIER: &str = "Spotflow chunks";
const KIND_CHUNK: u64 = 2;
/// What a chunk holds unless configured otherwise.
const USUAL_LEN: u64 = 1024;
/// Values inside values inside a message that is a flat map.
const DEEPEST: usize = 4;

/// Spotflow's messages, one behind the other.
pub struct Spotflow;

/// One message, as far as it matters here.
#[derive(Default)]
struct Message {
    kind: Option<u64>,
    dump: u64,
    number: Option<u64>,
    content: Option<Bytes>,
    last: bool,
    build_id: Option<Bytes>,
    uptime: Option<u64>,
}

impl Carrier for Spotflow {
    fn name(&self) -> &'static str {
        CARRIER
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if is_message(&piece.bytes) {
            return Some(messages(piece));
        }
        let messages = json::messages(&piece.bytes);
        (!messages.is_empty()).then(|| Ok(pieces(piece, messages)))
    }
}

/// Whether `bytes` begin with a chunk of a dump.
pub(super) fn is_message(bytes: &Bytes) -> bool {
    let mut cursor = Cursor::new(CARRIER, bytes.clone(), 0);
    let message = matches!(bytes.first(), Some(0xa0..=0xb8 | 0xbf)).then(|| message(&mut cursor));
    message.and_then(Result::ok).is_some_and(|message| {
        message.kind == Some(KIND_CHUNK) && message.content.is_some() && message.number.is_some()
    })
}

fn messages(piece: &Piece) -> Result<Vec<Piece>, Fault> {
    let mut cursor = Cursor::new(CARRIER, piece.bytes.clone(), 0);
    let mut messages = Vec::new();
    while !cursor.is_at_end() {
        messages.push(message(&mut cursor)?);
        // A client that prints messages ends each with a line end, which begins no map.
        while piece.bytes.get(cursor.offset() as usize).is_some_and(|b| matches!(b, b'\r' | b'\n'))
        {
            cursor.skip("line end", 1)?;
        }
    }
    Ok(pieces(piece, messages))
}

/// The dumps that `messages` are chunks of.
fn pieces(piece: &Piece, messages: Vec<Message>) -> Vec<Piece> {
    let mut dumps: BTreeMap<u64, Vec<Message>> = BTreeMap::new();
    for message in messages.into_iter().filter(|message| message.kind == Some(KIND_CHUNK)) {
        dumps.entry(message.dump).or_default().push(message);
    }
    dumps.into_values().map(|messages| dump(piece, messages)).collect()
}

fn dump(piece: &Piece, messages: Vec<Message>) -> Piece {
    let len = |message: &Message| message.content.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let full = messages.iter().filter(|message| !message.last).map(len).max();
    let full = full.unwrap_or(USUAL_LEN);
    let build_id = messages.iter().find_map(|message| message.build_id.clone());
    let uptime = messages.iter().find_map(|message| message.uptime);
    let mut chunks = Chunks::default();
    for message in messages {
        let Some(offset) = message.number.and_then(|number| number.checked_mul(full)) else {
            continue;
        };
        if message.last {
            chunks.total = offset.checked_add(len(&message));
        }
        chunks.add(offset, message.content.unwrap_or_default());
    }
    let mut inner = chunks.into_piece(piece, CARRIER);
    let known = build_id.filter(|id| id.iter().any(|byte| *byte != 0));
    inner.firmware.extend(known.map(|id| FirmwareId::Spotflow(id.to_vec())));
    let uptime = uptime.map(|ms| ("uptime".to_string(), format!("{ms} ms")));
    inner.facts.extend(uptime);
    inner
}

fn message(cursor: &mut Cursor) -> Result<Message, Fault> {
    let mut message = Message::default();
    let start = cursor.offset();
    let Value::Map(count) = value(cursor)? else {
        return Err(Fault::new(CARRIER, "message", start, "a CBOR map", "another value"));
    };
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        left = left.saturating_sub(1);
        let key = match value(cursor)? {
            Value::Break => break,
            key => key,
        };
        let value = value(cursor)?;
        match (key, value) {
            (Value::Number(0), Value::Number(kind)) => message.kind = Some(kind),
            (Value::Number(6), Value::Number(ms)) => message.uptime = Some(ms),
            (Value::Number(9), Value::Number(dump)) => message.dump = dump,
            (Value::Number(10), Value::Number(number)) => message.number = Some(number),
            (Value::Number(11), Value::Bytes(bytes)) => message.content = Some(bytes),
            (Value::Number(12), Value::Bool(last)) => message.last = last,
            (Value::Number(14), Value::Bytes(bytes)) => message.build_id = Some(bytes),
            (_, value) => skip(cursor, value, DEEPEST)?,
        }
    }
    Ok(message)
}

/// What a message may hold. Of containers this is the head; their contents follow.
enum Value {
    Number(u64),
    Bytes(Bytes),
    Bool(bool),
    Map(Option<u64>),
    Array(Option<u64>),
    Tag,
    Break,
    Other,
}

fn value(cursor: &mut Cursor) -> Result<Value, Fault> {
    let head = cursor.u8("CBOR value")?;
    let argument = match head & 0x1f {
        n @ 0..=23 => Some(u64::from(n)),
        24 => Some(cursor.u8("CBOR argument")?.into()),
        n @ 25..=27 => {
            let len = 1usize << n.saturating_sub(24);
            let bytes = cursor.take("CBOR argument", len)?;
            Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
        }
        31 => None,
        n => return Err(cursor.fault("CBOR value", "a length that RFC 8949 has", n.to_string())),
    };
    let len = argument.and_then(|len| usize::try_from(len).ok());
    Ok(match (head >> 5, argument) {
        (0, Some(number)) => Value::Number(number),
        (1, Some(_)) => Value::Other,
        (2, Some(_)) => Value::Bytes(cursor.take("CBOR bytes", len.unwrap_or(usize::MAX))?),
        (3, Some(_)) => {
            cursor.take("CBOR text", len.unwrap_or(usize::MAX))?;
            Value::Other
        }
        (2 | 3, None) => {
            return Err(cursor.fault("CBOR string", "one with its length in front", "parts"));
        }
        (4, count) => Value::Array(count),
        (5, count) => Value::Map(count),
        (6, _) => Value::Tag,
        (7, None) => Value::Break,
        (7, Some(20)) if head & 0x1f == 20 => Value::Bool(false),
        (7, Some(21)) if head & 0x1f == 21 => Value::Bool(true),
        _ => Value::Other,
    })
}

/// Passes over what follows the head of a container.
fn skip(cursor: &mut Cursor, head: Value, depth: usize) -> Result<(), Fault> {
    let count = match head {
        Value::Array(count) => count,
        Value::Map(count) => count.map(|count| count.saturating_mul(2)),
        Value::Tag => Some(1),
        _ => return Ok(()),
    };
    let Some(depth) = depth.checked_sub(1) else {
        return Err(cursor.fault("CBOR value", "a flat message", "values nested too deep"));
    };
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        left = left.saturating_sub(1);
        match value(cursor)? {
            Value::Break => break,
            inner => skip(cursor, inner, depth)?,
        }
    }
    Ok(())
}

//! Spotflow's messages as JSON: the objects themselves, or within what a broker's client prints
//! (`mosquitto_sub -v`, `-F %j`, `-F %J`).
//!
//! | field            | value                                     |
//! | `messageType`    | `CORE_DUMP_CHUNK`                         |
//! | `coreDumpId`     | number of the dump                        |
//! | `chunkOrdinal`   | number of the chunk, from 0               |
//! | `content`        | the chunk's bytes, base64                 |
//! | `isLastChunk`    | whether it is the last one                |
//! | `buildId`        | 20 bytes, hexadecimal or base64; optional |
//! | `deviceUptimeMs` | milliseconds since the start; optional    |
//!
//! Messages arrive out of order and twice: the number says where a chunk belongs, not the line.
//!
//! Source: docs.spotflow.io, "crash reports by MQTT", 2025; mosquitto_sub(1) of Mosquitto 2.0.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{KIND_CHUNK, Message};
use crate::carrier::text::{decode_base64, decode_hex};
use memchr::{memchr, memmem};
use serde_json::{Map, Value};

const TYPE: &str = "messageType";
const CHUNK: &str = "CORE_DUMP_CHUNK";
const BUILD_ID_LEN: usize = 20;
/// A client puts a message into an object of its own, as an object or as a text.
const DEEPEST: usize = 3;

/// All chunks in a text.
pub(super) fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    if memmem::find(bytes, CHUNK.as_bytes()).is_none() {
        return found;
    }
    let mut rest = bytes;
    while let Some(at) = memchr(b'{', rest) {
        let from = rest.get(at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(from).into_iter::<Value>();
        let read = match values.next() {
            Some(Ok(value)) => {
                found.extend(chunk(&value, DEEPEST));
                values.byte_offset()
            }
            // One attempt a line.
            _ => memchr(b'\n', from).unwrap_or(from.len()),
        };
        rest = from.get(read.max(1)..).unwrap_or_default();
    }
    found
}

/// The chunk that a value is or holds.
fn chunk(value: &Value, depth: usize) -> Option<Message> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(fields) if fields.get(TYPE).is_some_and(|kind| kind == CHUNK) => read(fields),
        Value::Object(fields) => fields.values().find_map(|field| chunk(field, depth)),
        Value::String(text) if text.contains(CHUNK) => {
            chunk(&serde_json::from_str(text).ok()?, depth)
        }
        _ => None,
    }
}

fn read(fields: &Map<String, Value>) -> Option<Message> {
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let build_id = text("buildId").and_then(|id| decode_hex(id).or_else(|| decode_base64(id)));
    Some(Message {
        kind: Some(KIND_CHUNK),
        dump: number("coreDumpId").unwrap_or_default(),
        number: Some(number("chunkOrdinal")?),
        content: Some(decode_base64(text("content")?)?.into()),
        last: fields.get("isLastChunk").and_then(Value::as_bool).unwrap_or_default(),
        build_id: build_id.filter(|id| id.len() == BUILD_ID_LEN).map(Into::into),
        uptime: number("deviceUptimeMs"),
    })
}

//! SEGGER RTT: a control block in RAM that debug probes look for, and rings that the firmware
//! writes.
//!
//! | off | size | field                                                              |
//! |   0 |   16 | "SEGGER RTT", padded with zeros                                    |
//! |  16 |    4 | number of up-buffers (to the host)                                 |
//! |  20 |    4 | number of down-buffers                                             |
//! |  24 |      | per up-buffer: name, buffer (a pointer each), size, write offset,  |
//! |     |      | read offset, flags (4 bytes each)                                  |
//!
//! What the probe has read is still in the ring until it is written over. defmt's encoded frames
//! go through the same rings, into one called `defmt`: only `defmt-print` decodes them, with the
//! ELF file.
//!
//! Source: SEGGER RTT 7.x `SEGGER_RTT.h` (`SEGGER_RTT_CB`), defmt-rtt 0.4.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{Log, text_of, unrolled};
use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::memory::Origin;

const MAGIC: &[u8] = b"SEGGER RTT\0\0\0\0\0\0";
const HEAD: u64 = 24;
/// A control block with more buffers is none.
const MOST_BUFFERS: u32 = 64;
/// A larger ring is none.
const LARGEST: u32 = 1 << 24;
const MOST_NAME: usize = 64;

pub(super) fn find(dump: &Dump, modules: &Modules<'_>) -> Vec<Log> {
    let symbol = modules.iter().find_map(|module| module.elf().symbol("_SEGGER_RTT"));
    let by_symbol = symbol.map(|symbol| symbol.addr).filter(|addr| is_block(dump, *addr));
    by_symbol.or_else(|| by_magic(dump)).and_then(|addr| buffers(dump, addr)).unwrap_or_default()
}

fn is_block(dump: &Dump, addr: u64) -> bool {
    dump.memory.bytes(addr, MAGIC.len()).is_some_and(|bytes| *bytes == *MAGIC)
}

/// The first control block in the memory that the device saved.
fn by_magic(dump: &Dump) -> Option<u64> {
    let saved = dump.memory.regions().filter(|region| region.origin == Origin::Dump);
    saved
        .filter_map(|region| {
            let at = memchr::memmem::find(&region.bytes, MAGIC)?;
            region.start.checked_add(at as u64)
        })
        .find(|addr| addr.is_multiple_of(4))
}

fn buffers(dump: &Dump, block: u64) -> Option<Vec<Log>> {
    let memory = &dump.memory;
    let half = |addr: u64| memory.u32_le(addr);
    let count = half(block.checked_add(16)?)?;
    if count > MOST_BUFFERS {
        return None;
    }
    let word = u64::from(dump.arch.word_bits.checked_div(8)?);
    let pointer = |addr: u64| memory.word_le(addr, dump.arch.word_bits);
    let each = word.checked_mul(2)?.checked_add(16)?;
    let mut logs = Vec::new();
    for index in 0..u64::from(count) {
        let at = block.checked_add(HEAD)?.checked_add(index.checked_mul(each)?)?;
        let field =
            |n: u64| half(at.checked_add(word.checked_mul(2)?)?.checked_add(n.checked_mul(4)?)?);
        let (name, buffer) = (pointer(at)?, pointer(at.checked_add(word)?)?);
        let (size, write, read) = (field(0)?, field(1)?, field(2)?);
        // An unused slot has no buffer.
        if buffer == 0 || size == 0 || size > LARGEST || write >= size || read >= size {
            continue;
        }
        let name = name_at(dump, name);
        let unread = match write.checked_sub(read) {
            Some(unread) => unread,
            None => size.saturating_sub(read).saturating_add(write),
        };
        let title = match &name {
            Some(name) => format!("SEGGER RTT up-buffer {index} \"{name}\""),
            None => format!("SEGGER RTT up-buffer {index}"),
        };
        let mut log = Log {
            what: title,
            addr: buffer,
            len: size.into(),
            text: None,
            remark: None,
            guess: false,
        };
        let Some(bytes) = memory.bytes(buffer, size as usize) else {
            log.remark = Some("not in the dump".into());
            logs.push(log);
            continue;
        };
        if name.as_deref() == Some("defmt") {
            log.remark = Some(format!(
                "defmt frames, {unread} bytes not read by a host: defmt-print decodes them with \
                 the ELF file"
            ));
        } else {
            log.text = text_of(&unrolled(&bytes, write as usize));
            log.remark = match (&log.text, unread) {
                (None, 0) => Some("empty".into()),
                (None, unread) => Some(format!("no text, {unread} bytes not read by a host")),
                (Some(_), unread) => Some(format!("{unread} bytes not read by a host")),
            };
        }
        logs.push(log);
    }
    Some(logs)
}

fn name_at(dump: &Dump, addr: u64) -> Option<String> {
    let mut buf = [0; MOST_NAME];
    let got = dump.memory.read(addr, &mut buf);
    let end = buf.get(..got)?.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(buf.get(..end)?).ok()?;
    (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_string())
}

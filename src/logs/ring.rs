//! Rings of text that kernels keep under a known name.
//!
//! Zephyr's RAM console, `ram_console_buf`:
//!
//! * plain: text from the first byte on, the last byte always 0; where the next character goes is
//!   a static variable `pos`.
//! * with `CONFIG_RAM_CONSOLE_HEADER` (4.2 and later): "RAM_CONSOLE\0", then address of the text,
//!   its size, and how many characters were written.
//!
//! NuttX's RAM log, `g_sysbuffer`: magic 0x12345678, number of characters written (both u32), text.
//!
//! Source: zephyr main (2025), `drivers/console/ram_console.c`; nuttx 12, `drivers/syslog/ramlog.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{Log, text_of, unrolled};
use crate::cursor::u32_at;
use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::firmware::Symbol;
use bytes::Bytes;

const ZEPHYR_HEAD: &[u8] = b"RAM_CONSOLE\0";
const NUTTX_MAGIC: u32 = 0x1234_5678;
const NUTTX_HEAD: usize = 8;
/// A larger buffer is none.
const LARGEST: u64 = 1 << 24;

pub(super) fn find(dump: &Dump, modules: &Modules<'_>) -> Vec<Log> {
    let symbol = |name: &str| modules.iter().find_map(|module| module.elf().symbol(name));
    let mut logs = Vec::new();
    if let Some(symbol) = symbol("ram_console_buf") {
        logs.extend(zephyr(dump, modules, &symbol));
    }
    if let Some(symbol) = symbol("g_sysbuffer") {
        logs.extend(nuttx(dump, &symbol));
    }
    logs
}

fn log(what: &str, symbol: &Symbol) -> Log {
    Log {
        what: format!("{what} ({})", symbol.name),
        addr: symbol.addr,
        len: symbol.len,
        text: None,
        remark: None,
        guess: false,
    }
}

fn held(dump: &Dump, symbol: &Symbol) -> Option<Bytes> {
    let len = usize::try_from(symbol.len).ok().filter(|_| (1..=LARGEST).contains(&symbol.len))?;
    dump.memory.bytes(symbol.addr, len)
}

fn zephyr(dump: &Dump, modules: &Modules<'_>, symbol: &Symbol) -> Option<Log> {
    let mut log = log("Zephyr RAM console", symbol);
    let Some(bytes) = held(dump, symbol) else {
        log.remark = Some("not in the dump".into());
        return Some(log);
    };
    if bytes.starts_with(ZEPHYR_HEAD) {
        let word = (dump.arch.word_bits as usize).checked_div(8)?;
        let field = |index: usize| {
            let at = ZEPHYR_HEAD.len().checked_next_multiple_of(word)?;
            let at = at.checked_add(index.checked_mul(word)?)?;
            u32_at(&bytes, at)
        };
        let (size, written) = (field(1)? as usize, field(2)? as usize);
        let head = ZEPHYR_HEAD.len().checked_next_multiple_of(word)?;
        let head = head.checked_add(word.checked_mul(3)?)?;
        let text = bytes.get(head..head.checked_add(size)?)?;
        log.text = text_of(&unrolled(text, written.checked_rem(size)?));
        return Some(log);
    }
    let text = bytes.get(..bytes.len().checked_sub(1)?)?;
    log.text = match text.iter().position(|byte| *byte == 0) {
        Some(end) => text_of(text.get(..end)?),
        None => match position(dump, modules).filter(|pos| *pos < text.len()) {
            Some(pos) => text_of(&unrolled(text, pos)),
            None => {
                log.remark = Some("the ring was full: where it begins is not known".into());
                text_of(text)
            }
        },
    };
    Some(log)
}

/// What the variable `pos` of the RAM console holds, if there is just one of that name.
fn position(dump: &Dump, modules: &Modules<'_>) -> Option<usize> {
    let all = modules.iter().flat_map(|module| module.elf().symbols());
    let mut named = all.filter(|symbol| symbol.name == "pos" && symbol.len == 4);
    let only = named.next().filter(|_| named.next().is_none())?;
    dump.memory.u32_le(only.addr).map(|pos| pos as usize)
}

fn nuttx(dump: &Dump, symbol: &Symbol) -> Option<Log> {
    let mut log = log("NuttX RAM log", symbol);
    let bytes = held(dump, symbol)?;
    if u32_at(&bytes, 0)? != NUTTX_MAGIC {
        return None;
    }
    let text = bytes.get(NUTTX_HEAD..)?;
    let next = (u32_at(&bytes, 4)? as usize).checked_rem(text.len())?;
    log.text = text_of(&unrolled(text, next));
    Some(log)
}

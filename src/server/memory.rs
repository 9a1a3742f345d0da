//! Memory as a client asks for it: `m`, `x`, `M`, `X`, `qCRC`, `qSearch:memory`.
//!
//! `m` and `x` are answered here rather than by gdbstub: it glues an error code to good data where
//! a long read runs off a region, and one path for both is three times as fast.
//!
//! Sources: GDB 13.1 manual, appendix E.2 "Packets"; the GDB 16 manual for `x`.

use super::client::Client;
use super::packet::{push_escaped, unescape};
use super::reply::{Fault, Reply};
use super::scratch::Refused;
use super::{PACKET_SIZE, hex};
use crate::memory::AddrRange;
use memchr::memmem;

/// How much memory is looked at in one go where a request goes over a lot of it.
const CHUNK: usize = 64 * 1024;

impl Client {
    /// `m addr,len`: two digits a byte. Gives the readable front part of what was asked for.
    pub(super) fn read_hex(&mut self, args: &[u8]) -> Reply {
        let (addr, len) = hex::pair(args).ok_or(Fault::Syntax)?;
        let len = capped(len, PACKET_SIZE / 2);
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        match self.scratch.untouched(&self.served.dump.memory, addr) {
            Some(bytes) if bytes.len() >= len => hex::push(&mut body, &bytes[..len]),
            _ => {
                let n = self.read(addr, len);
                hex::push(&mut body, &self.buffer[..n]);
            }
        }
        self.memory_reply(body, addr, len)
    }

    /// `x addr,len`: `b` and the bytes themselves.
    pub(super) fn read_binary(&mut self, args: &[u8]) -> Reply {
        let (addr, len) = hex::pair(args).ok_or(Fault::Syntax)?;
        // GDB counts the bytes that it asks for, not their escapes, and takes longer packets.
        let len = capped(len, PACKET_SIZE);
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        body.push(b'b');
        let n = match self.scratch.untouched(&self.served.dump.memory, addr) {
            Some(bytes) if bytes.len() >= len => push_escaped(&mut body, &bytes[..len], usize::MAX),
            _ => {
                let n = self.read(addr, len);
                push_escaped(&mut body, &self.buffer[..n], usize::MAX)
            }
        };
        if n == 0 && len > 0 {
            body.clear();
        }
        self.memory_reply(body, addr, len)
    }

    /// The reply that `body` is, or what is wrong if it is empty though something was asked for.
    fn memory_reply(&self, body: Vec<u8>, addr: u64, len: usize) -> Reply {
        match body.is_empty() && len > 0 {
            true => Err(self.hole(addr)),
            false => Ok(body),
        }
    }

    /// Why nothing can be read at `addr`.
    fn hole(&self, addr: u64) -> Fault {
        let why = self.served.dump.memory.why_missing(addr);
        Fault::Memory(match why {
            Some(why) => format!("no memory at {addr:#x}: {why}"),
            None => format!("no memory at {addr:#x}: not in the dump, nor in an ELF file"),
        })
    }

    /// Reads up to `len` bytes into the buffer; returns how many are there.
    fn read(&mut self, addr: u64, len: usize) -> usize {
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        self.scratch.read(&self.served.dump.memory, addr, &mut self.buffer[..len])
    }

    /// `M addr,len:digits` and `X addr,len:binary`: into the scratch overlay.
    pub(super) fn write_memory(&mut self, args: &[u8], binary: bool) -> Reply {
        let (place, data) = hex::split(args, b':').ok_or(Fault::Syntax)?;
        let (addr, len) = hex::pair(place).ok_or(Fault::Syntax)?;
        let bytes = match binary {
            true => unescape(data),
            false => hex::bytes(data).ok_or(Fault::Syntax)?,
        };
        if bytes.len() as u64 != len {
            return Err(Fault::Syntax);
        }
        self.scratch.write(&self.served.dump.memory, addr, &bytes).map_err(|why| match why {
            Refused::Absent => Fault::Memory(format!("nothing to write over at {addr:#x}")),
            Refused::ReadOnly => {
                Fault::Dead(format!("{addr:#x} is code or constant: a dump takes no program"))
            }
        })?;
        Ok(b"OK".to_vec())
    }

    /// `qCRC:addr,len`: for `compare-sections`.
    pub(super) fn crc(&mut self, args: &[u8]) -> Reply {
        let (addr, len) = hex::pair(args).ok_or(Fault::Syntax)?;
        if let Some(range) = AddrRange::of_len(addr, len) {
            let readable = self.served.dump.memory.readable_len(range);
            if readable < len {
                return Err(self.hole(addr.saturating_add(readable)));
            }
        } else if len > 0 {
            return Err(self.hole(addr));
        }
        let mut crc = Crc::new();
        let mut done = 0;
        while done < len {
            let n = self.read(addr + done, capped(len - done, CHUNK));
            crc.add(&self.buffer[..n]);
            done += n as u64;
        }
        Ok(format!("C{:x}", crc.0).into_bytes())
    }

    /// `qSearch:memory:addr;len;pattern`. Holes in the range are skipped.
    pub(super) fn search(&mut self, args: &[u8]) -> Reply {
        let (addr, rest) = hex::split(args, b';').ok_or(Fault::Syntax)?;
        let (len, pattern) = hex::split(rest, b';').ok_or(Fault::Syntax)?;
        let addr = hex::number(addr).ok_or(Fault::Syntax)?;
        let len = hex::number(len).ok_or(Fault::Syntax)?;
        let pattern = unescape(pattern);
        if pattern.is_empty() {
            return Err(Fault::Syntax);
        }
        let last = addr.saturating_add(len.saturating_sub(1));
        let found = match len {
            0 => None,
            _ => self.find(AddrRange { start: addr, last }, &pattern),
        };
        Ok(match found {
            Some(at) => format!("1,{at:x}").into_bytes(),
            None => b"0".to_vec(),
        })
    }

    /// The first place in `range` that holds `pattern`, wholly inside the range.
    pub(super) fn find(&mut self, range: AddrRange, pattern: &[u8]) -> Option<u64> {
        let finder = memmem::Finder::new(pattern);
        let step = CHUNK.max(pattern.len());
        let mut at = range.start;
        loop {
            // Straight to the next address that somebody holds.
            at = at.max(self.served.dump.memory.region_from(at)?.start);
            if at > range.last {
                return None;
            }
            let left = range.last - at;
            let n = self.read(at, capped(left.saturating_add(1), step + pattern.len() - 1));
            if let Some(found) = finder.find(&self.buffer[..n]) {
                return Some(at + found as u64);
            }
            // The end of the buffer may be the beginning of a match.
            let overlap = if n > step { pattern.len() - 1 } else { 0 };
            at = at.checked_add((n - overlap) as u64)?;
        }
    }
}

/// The lesser of both, without loss on a machine with short addresses.
fn capped(len: u64, most: usize) -> usize {
    usize::try_from(len).map_or(most, |len| len.min(most))
}

/// CRC-32 as `qCRC` wants it: polynomial 0x04c11db7, most significant bit first, start all ones,
/// nothing reflected, no final inversion.
struct Crc(u32);

static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

impl Crc {
    fn new() -> Self {
        Crc(u32::MAX)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let index = (self.0 >> 24) as u8 ^ byte;
            self.0 = self.0 << 8 ^ CRC_TABLE[usize::from(index)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_the_catalogue() {
        // CRC-32/MPEG-2 in the catalogue of parametrised CRC algorithms: check value.
        let mut crc = Crc::new();
        crc.add(b"123456789");
        assert_eq!(crc.0, 0x0376_e6e7);
    }
}

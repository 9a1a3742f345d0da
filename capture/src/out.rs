//! The file under way: collects blocks for the sink, and closes with block 0.

use core::marker::PhantomData;

use crate::arch::{Arch, Memory};
use crate::config::Pace;
use crate::crc::Crc;
use crate::layout::{self, Class, pad4};
use crate::plan::Segment;
use crate::region::{Access, Area, align_up};
use crate::sink::Sink;

/// What is known about the file before its first byte is written.
pub(crate) struct Layout {
    pub(crate) notes_len: usize,
    pub(crate) stored: usize,
    pub(crate) tables: bool,
    pub(crate) build_id: Area,
    pub(crate) length: u32,
}

/// Bytes that are collected before the sink gets them: a multiple of 32, and no less than block 0.
pub(crate) const BLOCK: usize = 96;

/// The file under way.
pub(crate) struct Out<'s, A, S> {
    pub(crate) sink: &'s mut S,
    pub(crate) pace: fn() -> Pace,
    pub(crate) block: &'s mut [u8; BLOCK],
    /// Bytes in `block`.
    pub(crate) fill: usize,
    /// File offset of `block`: everything before has got through.
    pub(crate) at: u32,
    /// Of everything before `block`.
    pub(crate) crc: Crc,
    #[cfg(feature = "sha256")]
    pub(crate) sha256: crate::sha256::Sha256,
    pub(crate) stopped: bool,
    pub(crate) arch: PhantomData<A>,
}

impl<'s, A: Arch, S: Sink> Out<'s, A, S> {
    pub(crate) fn new(sink: &'s mut S, block: &'s mut [u8; BLOCK], pace: fn() -> Pace) -> Self {
        Out {
            sink,
            pace,
            block,
            fill: 0,
            at: A::CLASS.phoff(),
            crc: Crc::new(),
            #[cfg(feature = "sha256")]
            sha256: crate::sha256::Sha256::new(),
            stopped: false,
            arch: PhantomData,
        }
    }

    /// The CRC of all bytes so far.
    pub(crate) fn crc(&self) -> Crc {
        let mut crc = self.crc;
        crc.update(self.block.get(..self.fill).unwrap_or(&[]));
        crc
    }

    /// Sends what has been collected, filled up with FF to a multiple of 32.
    pub(crate) fn flush(&mut self) {
        if self.stopped || self.fill == 0 {
            return;
        }
        let end = align_up(self.fill, layout::MARK_LEN as usize);
        if let Some(rest) = self.block.get_mut(self.fill..end) {
            rest.fill(0xff);
        }
        let bytes = self.block.get(..end).unwrap_or(&[]);
        // Block 0 is sent whatever the clock says: it makes a dump of all the rest.
        let stop = self.at != 0 && (self.pace)() == Pace::Stop;
        if stop || self.sink.put(self.at, bytes).is_err() {
            self.stopped = true;
            return;
        }
        self.crc = self.crc();
        #[cfg(feature = "sha256")]
        self.sha256.update(self.block.get(..self.fill).unwrap_or(&[]));
        self.at = self.at.wrapping_add(self.fill as u32);
        self.fill = 0;
    }

    pub(crate) fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.stopped {
            let room = self.block.get_mut(self.fill..).unwrap_or(&mut []);
            let mut len = 0;
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
                len += 1;
            }
            bytes = bytes.get(len..).unwrap_or(&[]);
            self.advance(len);
        }
    }

    pub(crate) fn advance(&mut self, len: usize) {
        self.fill = self.fill.wrapping_add(len);
        if self.fill >= self.block.len() {
            self.flush();
        }
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u16s(&mut self, low: u16, high: u16) {
        self.u32(u32::from(low) | (u32::from(high) << 16));
    }

    pub(crate) fn u8s(&mut self, values: [u8; 4]) {
        self.bytes(&values);
    }

    pub(crate) fn word(&mut self, value: usize) {
        match A::CLASS {
            Class::Elf32 => self.u32(value as u32),
            Class::Elf64 => self.bytes(&(value as u64).to_le_bytes()),
        }
    }

    pub(crate) fn zeros(&mut self, len: usize) {
        for _ in 0..len / 4 {
            self.u32(0);
        }
    }

    /// Fills up to a multiple of 4.
    pub(crate) fn pad(&mut self) {
        while self.fill & 3 != 0 && !self.stopped {
            self.bytes(&[0]);
        }
    }

    pub(crate) fn note(&mut self, owner: &[u8; 8], owner_len: u32, kind: u32, len: usize) {
        self.u32(owner_len);
        self.u32(len as u32);
        self.u32(kind);
        self.bytes(owner);
    }

    pub(crate) fn own_note(&mut self, kind: u32, len: usize) {
        self.note(b"CAPT\0\0\0\0", 5, kind, len);
    }

    /// Writes the program headers; answers the length of the whole file.
    pub(crate) fn program_headers(&mut self, layout: &Layout, segments: &[Segment]) -> u32 {
        let headers = (segments.len() + 1) * A::CLASS.phdr_len();
        let mut at = A::CLASS.phoff() as usize + headers;
        self.program_header(4, at, 0, layout.notes_len);
        at += layout.notes_len;
        for segment in segments {
            self.program_header(1, at, segment.start, segment.len);
            at += pad4(segment.len) + 4;
        }
        if cfg!(feature = "sha256") {
            at += layout::SHA256_LEN as usize;
        }
        at as u32
    }

    pub(crate) fn program_header(&mut self, kind: u32, offset: usize, address: usize, len: usize) {
        const READ_WRITE: u32 = 6;
        self.u32(kind);
        if A::CLASS == Class::Elf64 {
            self.u32(READ_WRITE);
        }
        for value in &[offset, address, address, len, len] {
            self.word(*value);
        }
        if A::CLASS == Class::Elf32 {
            self.u32(READ_WRITE);
        }
        self.word(1);
    }

    /// Copies memory into the file, bytes that can't be read as FF; answers the bytes' CRC.
    pub(crate) fn memory<M: Memory>(
        &mut self,
        memory: &mut M,
        at: usize,
        len: usize,
        access: Access,
    ) -> u32 {
        let mut crc = Crc::new();
        let mut done = 0;
        while done < len && !self.stopped {
            let room = self.block.get_mut(self.fill..).unwrap_or(&mut []);
            let part = room.len().min(len.wrapping_sub(done));
            if let Some(room) = room.get_mut(..part) {
                if !memory.read(at.wrapping_add(done), room, access) {
                    room.fill(0xff);
                }
                crc.update(room);
            }
            done = done.wrapping_add(part);
            self.advance(part);
        }
        crc.value()
    }

    pub(crate) fn segments<M: Memory>(&mut self, memory: &mut M, segments: &[Segment]) {
        for segment in segments {
            let crc = self.memory(memory, segment.start, segment.len, segment.access);
            self.pad();
            self.u32(crc);
        }
        #[cfg(feature = "sha256")]
        {
            let mut sha256 = self.sha256.clone();
            sha256.update(self.block.get(..self.fill).unwrap_or(&[]));
            self.bytes(&sha256.finish());
        }
        self.flush();
    }

    /// Writes block 0, with the program headers of those segments that got through as a whole.
    /// From here on it is a dump.
    pub(crate) fn commit(&mut self, layout: &Layout, segments: &[Segment], flags: u8) -> bool {
        let class = A::CLASS;
        let length = self.at;
        let headers = (segments.len() + 1) * class.phdr_len();
        let mut end = class.phoff() as usize + headers + layout.notes_len;
        if (length as usize) < end {
            return false;
        }
        let mut whole = 1;
        for segment in segments {
            end += pad4(segment.len) + 4;
            whole += u16::from(end <= length as usize);
        }
        (self.at, self.fill, self.stopped) = (0, 0, false);
        self.bytes(b"\x7fELF");
        self.u8s([class.ident(), 1, 1, 0]);
        self.bytes(&[0]);
        self.bytes(layout::IDENT);
        self.u16s(4, A::MACHINE);
        self.u32(1);
        self.word(0);
        self.word(class.phoff() as usize);
        self.word(0);
        self.u32(A::FLAGS);
        self.u16s(class.ehdr_len() as u16, class.phdr_len() as u16);
        self.u16s(whole, 0);
        self.u32(0);
        self.zeros(class.block0_len() - class.ehdr_len() - layout::TRAILER_LEN);
        let sequence = self.sink.sequence();
        self.u16s(u16::from(layout::VERSION) | (u16::from(flags) << 8), sequence);
        self.u32(length);
        let crc = self.crc();
        self.u32(crc.value());
        self.flush();
        !self.stopped
    }
}

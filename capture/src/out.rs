//! The file under way: bytes go in one after the other, blocks go out to the sink, block 0 last.
//!
//! Memory is read straight into the block that the sink gets, by words where it may be, and summed up
//! there once, for the file and for the segment. `firmware/tests/speed.sh` counts the instructions.

use core::marker::PhantomData;

use crate::arch;
use crate::crc::Crc;
use crate::isa::{Arch, Memory};
use crate::layout::{self, Class, flag, pad4};
use crate::plan::Segment;
use crate::sink::Sink;

/// Bytes that are collected before the sink gets them: a multiple of 32, and no less than block 0.
pub(crate) const BLOCK: usize = 96;

/// Bytes of a file beside its notes and segments.
pub(crate) const fn frame<A: Arch>() -> usize {
    let sha256 = if cfg!(feature = "sha256") { layout::SHA256_LEN as usize } else { 0 };
    A::CLASS.phoff() as usize + A::CLASS.phdr_len() + sha256
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dump holds all that was asked for.
    Complete,
    /// The dump is whole, and says what it had no room for.
    Truncated,
    /// Writing stopped early; what was written until then is a whole dump.
    Stopped,
    /// There is no dump: no room for the smallest one, or the sink failed.
    Failed,
}

/// What would otherwise lie on the stack.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// A word more than a block, so that sums may look at whole words.
    block: [u8; BLOCK + 4],
    #[cfg(feature = "sha256")]
    sha256: crate::sha256::Sha256,
}

impl Buffer {
    pub(crate) const EMPTY: Buffer = Buffer {
        block: [0; BLOCK + 4],
        #[cfg(feature = "sha256")]
        sha256: crate::sha256::Sha256::new(),
    };
}

/// Writes a record of 32-bit fields and words: `record!(out; u32s [a, b] words [c])`.
///
/// In an ELF32 file both are the same, and one call writes all of them. The values are put together
/// on the stack: on ARM that takes half the code of a call for each.
macro_rules! record {
    ($out:expr; $($kind:ident [$($value:expr),+ $(,)?])+) => {
        match A::CLASS {
            $crate::layout::Class::Elf32 => $out.u32s(&[$($($value),+),+]),
            $crate::layout::Class::Elf64 => { $($out.$kind(&[$($value),+]);)+ }
        }
    };
}
pub(crate) use record;

/// The file under way.
pub(crate) struct Out<'a, A, S> {
    pub(crate) sink: &'a mut S,
    buffer: &'a mut Buffer,
    /// File offset of the block in `buffer`: everything before has got through.
    start: usize,
    /// File offset of the next byte.
    pub(crate) at: usize,
    /// Nothing is stored or sent any more; bytes are only counted. That is also the way to find out
    /// how long something is going to be.
    pub(crate) stopped: bool,
    /// Of all bytes before `summed`, and of those of the segment.
    crcs: [Crc; 2],
    /// File offset up to which the CRCs go.
    summed: usize,
    /// Program headers whose contents are written as a whole: first that of the notes.
    pub(crate) whole: usize,
    /// The CRC and `whole` as they were when the last block had got through.
    sent: (Crc, usize),
    arch: PhantomData<A>,
}

impl<'a, A: Arch, S: Sink> Out<'a, A, S> {
    pub(crate) fn new(sink: &'a mut S, buffer: &'a mut Buffer) -> Self {
        #[cfg(feature = "sha256")]
        {
            buffer.sha256 = crate::sha256::Sha256::new();
        }
        Out {
            sink,
            buffer,
            start: A::CLASS.phoff() as usize,
            at: A::CLASS.phoff() as usize,
            stopped: false,
            crcs: [Crc::new(), Crc::new()],
            summed: A::CLASS.phoff() as usize,
            whole: 0,
            sent: (Crc::new(), 0),
            arch: PhantomData,
        }
    }

    #[inline(never)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let index = self.at.wrapping_sub(self.start);
            self.at = self.at.wrapping_add(1);
            if self.stopped {
                continue;
            }
            if let Some(slot) = self.buffer.block.get_mut(index) {
                *slot = byte;
            }
            if !S::FAST {
                for crc in &mut self.crcs {
                    crc.push_bits(byte);
                }
                #[cfg(feature = "sha256")]
                self.buffer.sha256.update(&[byte]);
            }
            if index >= BLOCK - 1 {
                self.flush();
            }
        }
    }

    /// Brings the CRCs up to the last byte.
    fn sum(&mut self) {
        if S::FAST {
            self.sum_block();
        }
    }

    #[inline(never)]
    fn sum_block(&mut self) {
        let from = self.summed.wrapping_sub(self.start);
        let to = self.at.wrapping_sub(self.start);
        if self.stopped {
            return;
        }
        Crc::update_both(&mut self.crcs, &self.buffer.block, from, to);
        #[cfg(feature = "sha256")]
        self.buffer.sha256.update(self.buffer.block.get(from..to).unwrap_or(&[]));
        self.summed = self.at;
    }

    /// Sends what has been collected, in whole units of 32: what fills up the last one is left over
    /// from the block before, and no part of the file.
    #[inline(never)]
    fn flush(&mut self) {
        self.sum();
        let len = self.at.wrapping_sub(self.start).next_multiple_of(32);
        let bytes = self.buffer.block.get(..len).unwrap_or(&[]);
        if self.stopped || bytes.is_empty() {
            return;
        }
        self.stopped = self.sink.put(self.start as u32, bytes).is_err();
        if !self.stopped {
            self.start = self.at;
            self.sent = (self.crcs[0], self.whole);
        }
    }

    /// Four bytes of each of `values`.
    #[inline(always)]
    pub(crate) fn u32s(&mut self, values: &[usize]) {
        self.lower(values, 4);
    }

    /// Words of the file's class.
    #[inline(always)]
    pub(crate) fn words(&mut self, values: &[usize]) {
        self.lower(values, A::CLASS.word());
    }

    /// The lower `width` bytes of each of `values`: on most machines just as they lie in memory.
    #[inline(always)]
    fn lower(&mut self, values: &[usize], width: usize) {
        if width == size_of::<usize>() && cfg!(target_endian = "little") {
            return self.bytes(arch::bytes_of(values));
        }
        for value in values {
            self.bytes((*value as u64).to_le_bytes().get(..width).unwrap_or(&[]));
        }
    }

    #[inline(never)]
    pub(crate) fn zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.bytes(&[0]);
        }
    }

    /// Fills up to a multiple of 4.
    pub(crate) fn pad(&mut self) {
        self.zeros(self.at.wrapping_neg() & 3);
    }

    /// Writes the program headers; answers the length of the whole file.
    pub(crate) fn program_headers(&mut self, notes_len: usize, segments: &[Segment]) -> usize {
        const PT_LOAD: usize = 1;
        const PT_NOTE: usize = 4;
        let headers = (segments.len() + 1) * A::CLASS.phdr_len();
        let mut at = A::CLASS.phoff() as usize + headers;
        self.program_header(PT_NOTE, at, 0, notes_len);
        at += notes_len;
        for segment in segments {
            let len = segment.len();
            self.program_header(PT_LOAD, at, segment.start, len);
            at += pad4(len) + 4;
        }
        if cfg!(feature = "sha256") {
            at += layout::SHA256_LEN as usize;
        }
        at
    }

    #[inline(never)]
    fn program_header(&mut self, kind: usize, offset: usize, address: usize, len: usize) {
        const READ_WRITE: usize = 6;
        match A::CLASS {
            Class::Elf32 => {
                self.u32s(&[kind, offset, address, address, len, len, READ_WRITE, 1]);
            }
            Class::Elf64 => {
                self.u32s(&[kind, READ_WRITE]);
                self.words(&[offset, address, address, len, len, 1]);
            }
        }
    }

    /// Copies memory into the file, element by element, those that can't be read as FF.
    #[inline(never)]
    fn memory(&mut self, memory: &mut impl Memory, segment: &Segment) {
        let (mut at, access) = (segment.start, segment.access(S::FAST));
        // No byte is read in vain once all is over.
        while at < segment.end && !self.stopped {
            let index = self.at.wrapping_sub(self.start);
            let element = memory.element(at, access).unwrap_or(u32::MAX);
            if !S::FAST {
                self.bytes(element.to_le_bytes().get(..access.width()).unwrap_or(&[]));
                at = at.wrapping_add(access.width());
                continue;
            }
            // What is more than the element is overwritten by the next one, or behind the block.
            if let Some(place) =
                self.buffer.block.get_mut(index..).and_then(|b| b.first_chunk_mut())
            {
                *place = element.to_le_bytes();
            }
            at = at.wrapping_add(access.width());
            self.at = self.at.wrapping_add(access.width());
            if index.wrapping_add(access.width()) >= BLOCK {
                self.flush();
            }
        }
    }

    /// A CRC, which ends the notes or a segment.
    ///
    /// Blocks and all that comes before are multiples of 4 long: no block ends inside of this word,
    /// and the count is right for the block that ends behind it.
    fn end(&mut self, crc: Crc) {
        self.whole = self.whole.wrapping_add(1);
        self.u32s(&[crc.value() as usize]);
    }

    /// Ends with the CRC of everything so far.
    #[inline(always)]
    fn end_all(&mut self) {
        self.sum();
        self.end(self.crcs[0]);
    }

    /// The CRC of everything so far.
    pub(crate) fn end_of_notes(&mut self) {
        self.end_all();
    }

    /// Writes the segments, each with its CRC behind it.
    pub(crate) fn segments(&mut self, memory: &mut impl Memory, segments: &[Segment]) {
        for segment in segments {
            self.sum();
            self.crcs[1] = Crc::new();
            self.memory(memory, segment);
            self.sum();
            let crc = self.crcs[1];
            self.pad();
            self.end(crc);
        }
        #[cfg(feature = "sha256")]
        {
            self.sum();
            let digest = self.buffer.sha256.finish();
            self.bytes(&digest);
        }
        self.flush();
    }

    /// Writes block 0, with the program headers of those segments that got through as a whole.
    /// From here on it is a dump. `planned` are the flags so far.
    pub(crate) fn commit(&mut self, planned: usize) -> Outcome {
        let (length, stopped, (crc, whole)) = (self.start, self.stopped, self.sent);
        if whole == 0 {
            return Outcome::Failed;
        }
        let bit = |holds: bool, bit: u8| usize::from(holds) * usize::from(bit);
        let sha256 = cfg!(feature = "sha256") && !stopped;
        let flags = planned | bit(stopped, flag::STOPPED) | bit(sha256, flag::SHA256);
        (self.start, self.at) = (0, 0);
        if S::FAST {
            self.summed = 0;
        }
        (self.stopped, self.crcs[0]) = (false, crc);
        self.u32s(Self::ELF_HEADER);
        self.u32s(&[whole, 0]);
        if A::CLASS == Class::Elf64 {
            self.u32s(&[0; 5]);
        }
        let sequence = usize::from(self.sink.sequence()) << 16;
        self.u32s(&[usize::from(layout::VERSION) | flags << 8 | sequence, length]);
        self.end_all();
        self.flush();
        match () {
            () if self.stopped => Outcome::Failed,
            () if stopped => Outcome::Stopped,
            () if planned & usize::from(flag::TRUNCATED) != 0 => Outcome::Truncated,
            () => Outcome::Complete,
        }
    }

    /// The ELF header up to `e_phnum`, in words of 4 bytes.
    const ELF_HEADER: &'static [usize] = {
        const fn word(bytes: [u8; 4]) -> usize {
            u32::from_le_bytes(bytes) as usize
        }
        const ET_CORE: usize = 4;
        let class = A::CLASS;
        let [c, o, r, o2, n, e, r2] = *layout::IDENT;
        let magic = word(*b"\x7fELF");
        // Little-endian, version 1, no ABI.
        let ident = word([class.ident(), 1, 1, 0]);
        let (padding, padding2) = (word([0, c, o, r]), word([o2, n, e, r2]));
        let kind = ET_CORE | (A::MACHINE as usize) << 16;
        let (phoff, flags) = (class.phoff() as usize, A::FLAGS as usize);
        let sizes = class.ehdr_len() | class.phdr_len() << 16;
        // Behind the version come e_entry, e_phoff and e_shoff.
        match class {
            Class::Elf32 => &[magic, ident, padding, padding2, kind, 1, 0, phoff, 0, flags, sizes],
            Class::Elf64 => {
                &[magic, ident, padding, padding2, kind, 1, 0, 0, phoff, 0, 0, 0, flags, sizes]
            }
        }
    };
}

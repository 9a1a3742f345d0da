//! Made-up memory, crashes and flashes for the tests.
#![allow(dead_code, reason = "each test file uses its part")]

#[cfg(feature = "flash")]
pub(crate) mod nor;

use coroner_capture::arch::{Arch, Memory};
use coroner_capture::crash::{self, signal};
use coroner_capture::crc::crc32;
use coroner_capture::layout::{self, Class, Fields, SHA256_LEN, Trailer, flag, note};
use coroner_capture::{Access, Area, Cause, Config, Crash, Outcome, Single, Sink, Workspace};

/// Memory in which each byte tells where it lies.
pub(crate) struct Pattern;

impl Memory for Pattern {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = pattern(at + offset);
        }
        true
    }
}

pub(crate) fn pattern(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

pub(crate) const STACK: Area = Area::range(0x2000_1000, 0x2000_2000);

/// Writes a dump of one thread, whose stack is in use from `2000_1e10` on.
pub(crate) fn write<A: Arch>(config: &Config<'_>, sink: &mut impl Sink) -> Outcome {
    write_from::<A>(config, &mut Pattern, sink)
}

/// The same of a thread that used floating point registers.
pub(crate) fn write_with_floats<A: Arch>(config: &Config<'_>, sink: &mut impl Sink) -> Outcome {
    write_crash::<A>(config, &[0x5a; 128], &mut Pattern, sink)
}

/// The same with other memory.
pub(crate) fn write_from<A: Arch>(
    config: &Config<'_>,
    memory: &mut impl Memory,
    sink: &mut impl Sink,
) -> Outcome {
    write_crash::<A>(config, &[], memory, sink)
}

fn write_crash<A: Arch>(
    config: &Config<'_>,
    floats: &[u8],
    memory: &mut impl Memory,
    sink: &mut impl Sink,
) -> Outcome {
    let mut registers = vec![0; A::REGISTERS];
    registers[A::SP] = 0x2000_1e10;
    registers[A::PC] = 0x0800_1234;
    let cause = Cause { message: "pressure", ..Cause::new(crash::Kind::Fault, signal::SEGV) };
    let mut crash = Crash::new(cause, &registers, 0x3ffff);
    (crash.floats, crash.faults) = (floats, &[(0xe000_ed28, 0x8200)]);
    let mut tasks = Single { name: "main", stack: STACK };
    Workspace::<24, 4>::new().write_as::<A, _>(config, &crash, &mut tasks, memory, sink)
}

/// One PT_LOAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Takes a whole file apart and checks every CRC in it.
pub(crate) fn checked(file: &[u8]) -> (Trailer, Vec<Loaded>) {
    let (class, trailer) = Trailer::decode(file).expect("block 0");
    let file = &file[..trailer.length as usize];
    let (phoff, head) = (class.phoff() as usize, class.block0_len());
    let covered = [&file[phoff..], &file[..head - 4]].concat();
    assert_eq!(crc32(&covered), trailer.crc, "CRC of the file");
    if trailer.flags & flag::SHA256 != 0 {
        check_sha256(&file[phoff..]);
    }
    let count_at = if class == Class::Elf32 { 44 } else { 56 };
    let count = u16::from_le_bytes([file[count_at], file[count_at + 1]]) as usize;
    let mut segments = Vec::new();
    for index in 0..count {
        let at = phoff + index * class.phdr_len();
        let mut fields = Fields::new(class, &file[at..]);
        let kind = fields.u32().unwrap();
        if class == Class::Elf64 {
            fields.u32().unwrap();
        }
        let (offset, address) = (fields.word().unwrap() as usize, fields.word().unwrap());
        fields.word().unwrap();
        let len = fields.word().unwrap() as usize;
        if kind == 4 {
            let end = layout::notes(&file[offset..offset + len]).last().expect("notes");
            assert_eq!(end.kind, note::END);
            let crc = crc32(&file[phoff..offset + len - 4]);
            assert_eq!(end.desc, crc.to_le_bytes(), "CRC of headers and notes");
            continue;
        }
        let bytes = file[offset..offset + len].to_vec();
        let crc_at = offset + layout::pad4(len);
        assert_eq!(file[crc_at..crc_at + 4], crc32(&bytes).to_le_bytes(), "CRC of a segment");
        segments.push(Loaded { address, bytes });
    }
    (trailer, segments)
}

#[cfg(feature = "sha256")]
fn check_sha256(covered: &[u8]) {
    let (bytes, digest) = covered.split_at(covered.len() - SHA256_LEN as usize);
    let mut sha256 = coroner_capture::sha256::Sha256::new();
    sha256.update(bytes);
    assert_eq!(sha256.finish(), digest);
}

#[cfg(not(feature = "sha256"))]
fn check_sha256(_: &[u8]) {
    let _ = SHA256_LEN;
    panic!("a SHA-256 without the feature");
}

//! Dumps of made-up memory, written by the crate and taken apart with its layout.

use coroner_capture::arch::{Arch, Arm, Memory, RiscV64};
use coroner_capture::crash::signal;
use coroner_capture::layout::{self, Class, Fields, Trailer, flag, note};
use coroner_capture::{
    Access, Area, Cause, Config, Crash, Kind, Outcome, Region, Single, Sink, SinkError, Workspace,
    crash,
};

/// Memory in which each byte tells where it lies.
struct Pattern;

impl Memory for Pattern {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = pattern(at + offset);
        }
        true
    }
}

fn pattern(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

/// An erased flash of some size.
struct Flash {
    bytes: Vec<u8>,
    fail_at: Option<u32>,
}

impl Flash {
    fn new(len: usize) -> Self {
        Flash { bytes: vec![0xff; len], fail_at: None }
    }
}

impl Sink for Flash {
    fn capacity(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if self.fail_at.is_some_and(|fail| at >= fail) {
            return Err(SinkError);
        }
        assert!(
            at.is_multiple_of(32) && bytes.len().is_multiple_of(32),
            "blocks are multiples of 32"
        );
        let place = self.bytes.get_mut(at as usize..at as usize + bytes.len()).ok_or(SinkError)?;
        assert!(place.iter().all(|&byte| byte == 0xff), "nothing is written twice");
        place.copy_from_slice(bytes);
        Ok(())
    }
}

const STACK: Area = Area::range(0x2000_1000, 0x2000_2000);

fn crash_of<A: Arch>(registers: &mut Vec<usize>) -> Crash<'_> {
    registers.resize(A::REGISTERS, 0);
    registers[A::SP] = 0x2000_1e10;
    registers[A::PC] = 0x0800_1234;
    Crash {
        cause: Cause { message: "pressure", ..Cause::new(crash::Kind::Fault, signal::SEGV) },
        registers,
        known: 0x3ffff,
        floats: &[],
        float_status: 0,
        faults: &[(0xe000_ed28, 0x8200)],
        interrupted_sp: None,
        retry: false,
    }
}

fn written<A: Arch>(config: &Config<'_>, flash: &mut Flash) -> Outcome {
    let mut registers = Vec::new();
    let crash = crash_of::<A>(&mut registers);
    let mut tasks = Single { name: "main", stack: STACK };
    Workspace::<16, 4>::new().write_as::<A, _>(config, &crash, &mut tasks, &mut Pattern, flash)
}

/// Checks the file as a whole; answers the trailer and the segments (address, offset, length).
fn checked(file: &[u8]) -> (Trailer, Vec<(u64, usize, usize)>) {
    let (class, trailer) = Trailer::decode(file).expect("block 0");
    let file = &file[..trailer.length as usize];
    let mut crc = layout_crc(&file[class.phoff() as usize..]);
    crc.update(&file[..class.block0_len() - 4]);
    assert_eq!(crc.value(), trailer.crc);
    let count_at = if class == Class::Elf32 { 44 } else { 56 };
    let count = u16::from_le_bytes([file[count_at], file[count_at + 1]]) as usize;
    let mut segments = Vec::new();
    for index in 0..count {
        let at = class.phoff() as usize + index * class.phdr_len();
        let mut fields = Fields::new(class, &file[at..]);
        let kind = fields.u32().unwrap();
        if class == Class::Elf64 {
            fields.u32().unwrap();
        }
        let (offset, address) = (fields.word().unwrap() as usize, fields.word().unwrap());
        fields.word().unwrap();
        let len = fields.word().unwrap() as usize;
        if kind == 4 {
            let notes = &file[offset..offset + len];
            let end = layout::notes(notes).last().expect("notes");
            assert_eq!(end.kind, note::END);
            let crc = layout_crc(&file[class.phoff() as usize..offset + len - 4]);
            assert_eq!(end.desc, crc.value().to_le_bytes());
            continue;
        }
        let bytes = &file[offset..offset + len];
        for (index, &byte) in bytes.iter().enumerate() {
            assert_eq!(byte, pattern(address as usize + index));
        }
        let crc_at = offset + layout::pad4(len);
        assert_eq!(file[crc_at..crc_at + 4], layout_crc(bytes).value().to_le_bytes());
        segments.push((address, offset, len));
    }
    (trailer, segments)
}

fn layout_crc(bytes: &[u8]) -> coroner_capture::crc::Crc {
    let mut crc = coroner_capture::crc::Crc::new();
    crc.update(bytes);
    crc
}

#[test]
fn a_dump_with_room_for_all_holds_all() {
    let regions = [Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0123))];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Complete);
    let (trailer, segments) = checked(&flash.bytes);
    assert_eq!(trailer.flags & !flag::SHA256, 0);
    let places: Vec<_> = segments.iter().map(|&(at, _, len)| (at, len)).collect();
    assert_eq!(places, [(0x2000_1e00, 0x200), (0x2000_0000, 0x123)]);
}

#[test]
fn a_wide_dump_has_the_same_shape() {
    let config = Config::MINIMAL;
    let mut flash = Flash::new(8192);
    assert_eq!(written::<RiscV64>(&config, &mut flash), Outcome::Complete);
    let (_, segments) = checked(&flash.bytes);
    assert_eq!(segments.len(), 1);
}

#[test]
fn what_does_not_fit_is_cut_and_said_so() {
    let regions = [
        Region::new(Kind::Bss, Area::range(0x2000_2000, 0x2000_4000)),
        Region::new(Kind::Tagged, Area::range(0x2000_0000, 0x2000_0040)),
    ];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    let mut flash = Flash::new(2048);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Truncated);
    let (trailer, segments) = checked(&flash.bytes);
    assert_eq!(trailer.flags & !flag::SHA256, flag::TRUNCATED);
    assert_eq!(segments[0], (0x2000_1e00, segments[0].1, 0x200));
    assert_eq!((segments[1].0, segments[1].2), (0x2000_0000, 0x40));
    assert_eq!((segments[2].0, segments[2].2 % 64), (0x2000_2000, 0));
    assert!(trailer.length as usize <= 2048);
}

#[test]
fn exclusions_leave_holes() {
    let regions = [Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0100))];
    let secret = [Area::range(0x2000_0021, 0x2000_0033)];
    let config = Config { regions: &regions, exclude: &secret, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Complete);
    let (_, segments) = checked(&flash.bytes);
    let places: Vec<_> = segments.iter().map(|&(at, _, len)| (at, len)).skip(1).collect();
    assert_eq!(places, [(0x2000_0000, 0x21), (0x2000_0033, 0xcd)]);
}

#[test]
fn a_sink_that_fails_leaves_what_got_through() {
    let regions = [
        Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0100)),
        Region::new(Kind::Bss, Area::range(0x2000_4000, 0x2000_5000)),
    ];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    for fail_at in (96..5000).step_by(32) {
        let mut flash = Flash::new(16384);
        flash.fail_at = Some(fail_at);
        match written::<Arm>(&config, &mut flash) {
            Outcome::Stopped => {
                let (trailer, segments) = checked(&flash.bytes);
                assert_eq!(trailer.flags, flag::STOPPED);
                assert!(trailer.length < fail_at + 96 && segments.len() < 3);
            }
            Outcome::Failed => assert!(fail_at < 1100 && Trailer::decode(&flash.bytes).is_none()),
            other => panic!("{other:?} at {fail_at}"),
        }
    }
}

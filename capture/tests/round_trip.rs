//! Dumps of made-up memory, written by the crate and taken apart with its layout.

mod support;

use coroner_capture::arch::{Arch, Arm, Memory, RiscV64};
use coroner_capture::layout::{self, Cause, Class, Trailer, flag, note};
use coroner_capture::{Access, Area, Config, Kind, Outcome, Region, Sink, SinkError};

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

fn written<A: Arch>(config: &Config<'_>, flash: &mut Flash) -> Outcome {
    support::write::<A>(config, flash)
}

/// Checks the file as a whole, and each byte against the memory that it comes from; answers the
/// trailer and the segments (address, length).
fn checked(file: &[u8]) -> (Trailer, Vec<(u64, usize)>) {
    let (trailer, segments) = support::checked(file);
    for segment in &segments {
        for (index, &byte) in segment.bytes.iter().enumerate() {
            assert_eq!(byte, support::pattern(segment.address as usize + index));
        }
    }
    (trailer, segments.iter().map(|segment| (segment.address, segment.bytes.len())).collect())
}

#[test]
fn a_dump_with_room_for_all_holds_all() {
    let regions = [Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0123))];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Complete);
    let (trailer, segments) = checked(&flash.bytes);
    assert_eq!(trailer.flags & !flag::SHA256, 0);
    assert_eq!(segments, [(0x2000_1e00, 0x200), (0x2000_0000, 0x123)]);
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
    assert_eq!(segments[..2], [(0x2000_1e00, 0x200), (0x2000_0000, 0x40)]);
    assert_eq!((segments[2].0, segments[2].1 % 64), (0x2000_2000, 0));
    assert!(trailer.length as usize <= 2048);
}

/// Tables go first, then the registers of the FPU: threads and stack are worth more than both.
#[test]
fn where_there_is_hardly_room_the_crashed_thread_is_what_stays() {
    let has = |flash: &Flash, kind: u32| {
        let (_, trailer) = Trailer::decode(&flash.bytes).expect("block 0");
        let file = &flash.bytes[..trailer.length as usize];
        let at =
            Class::Elf32.phoff() as usize + Class::Elf32.phdr_len() * (1 + checked(file).1.len());
        layout::notes(&file[at..]).take_while(|note| note.kind != 0).any(|note| note.kind == kind)
    };
    let mut seen = Vec::new();
    for size in (512..2048).step_by(32) {
        let mut flash = Flash::new(size);
        if support::write_with_floats::<Arm>(&Config::MINIMAL, &mut flash) == Outcome::Failed {
            continue;
        }
        let (_, segments) = checked(&flash.bytes);
        let told = (has(&flash, note::ARM_VFP), has(&flash, note::REGIONS));
        if seen.last().is_none_or(|(_, last)| *last != told) {
            seen.push((size, told));
        }
        assert!(size < 1024 || segments[0].1 >= 64, "of {size} bytes none is stack");
    }
    let (sizes, told): (Vec<usize>, Vec<(bool, bool)>) = seen.into_iter().unzip();
    assert_eq!(told, [(false, false), (true, false), (true, true)]);
    assert!(sizes[0] < 800, "the smallest dump takes {} bytes", sizes[0]);
}

#[test]
fn exclusions_leave_holes() {
    let regions = [Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0100))];
    let secret = [Area::range(0x2000_0021, 0x2000_0033)];
    let config = Config { regions: &regions, exclude: &secret, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Complete);
    let (_, segments) = checked(&flash.bytes);
    assert_eq!(segments[1..], [(0x2000_0000, 0x21), (0x2000_0033, 0xcd)]);
}

#[test]
fn an_empty_exclusion_leaves_no_hole() {
    // As an empty section of secrets inside of a stack would be.
    let nothing = [Area::range(0x2000_1e41, 0x2000_1e41)];
    let config = Config { exclude: &nothing, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    assert_eq!(written::<Arm>(&config, &mut flash), Outcome::Complete);
    assert_eq!(checked(&flash.bytes).1, [(0x2000_1e00, 0x200)]);
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

/// Made-up memory with a program's build id at `0000_1000`.
struct WithBuildId;

const BUILD_ID: &[u8; 36] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0twenty bytes of hash";

impl Memory for WithBuildId {
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool {
        match at.checked_sub(0x1000).and_then(|from| BUILD_ID.get(from..from + bytes.len())) {
            Some(found) => bytes.copy_from_slice(found),
            None => return support::Pattern.read(at, bytes, access),
        }
        true
    }
}

#[test]
fn the_program_s_build_id_and_strings_and_words_are_notes() {
    let info = [("serial", "0815"), ("version", "1.2")];
    let build_id = Area::range(0x1000, 0x1024);
    let regions = [Region::new(Kind::Bss, Area::range(0x2000_4000, 0x2000_4100)).named("odd")];
    let config = Config { build_id, info: &info, regions: &regions, ..Config::MINIMAL };
    let mut flash = Flash::new(8192);
    let outcome = support::write_from::<Arm>(&config, &mut WithBuildId, &mut flash);
    assert_eq!(outcome, Outcome::Complete);
    checked(&flash.bytes);
    let word = |at: usize| u32::from_le_bytes(flash.bytes[at..at + 4].try_into().unwrap()) as usize;
    let notes: Vec<_> = layout::notes(&flash.bytes[word(100)..][..word(112)]).collect();
    let of = |owner: &[u8], kind| {
        notes.iter().find(|found| found.owner == owner && found.kind == kind).expect("a note").desc
    };
    assert_eq!(of(b"GNU", note::BUILD_ID), &BUILD_ID[16..]);
    let told: Vec<_> = layout::info(of(b"CAPT", note::INFO)).collect();
    assert_eq!(told, [(&b"serial"[..], &b"0815"[..]), (b"version", b"1.2")]);
    let cause = Cause::decode(Class::Elf32, of(b"CAPT", note::CAUSE)).expect("a cause");
    assert_eq!((cause.message, cause.pc), (&b"pressure"[..], 0x0800_1234));
    let entry = layout::regions(Class::Elf32, of(b"CAPT", note::REGIONS)).next().expect("one");
    assert_eq!((entry.name, entry.wanted, entry.stored), (&b"odd"[..], 0x100, 0x100));
    assert_eq!(notes.last().expect("some").kind, note::END);
}

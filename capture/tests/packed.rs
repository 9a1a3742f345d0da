//! Dumps packed into memory that outlives a reset.

mod support;

use coroner_capture::arch::kept::{Kept, Room};
use coroner_capture::arch::{Arm, RiscV64};
use coroner_capture::sink::packed::Packed;
use coroner_capture::sink::retained::Retained;
use coroner_capture::stored::{self, Content, Medium};
use coroner_capture::{Area, Config, Kind, Outcome, Region, Sink, SinkError};

fn memory<const BYTES: usize>() -> &'static Kept {
    let room: &'static Room<BYTES> = Box::leak(Box::new(Room::new()));
    Box::leak(Box::new(room.kept()))
}

fn raw(memory: &Kept) -> Vec<u8> {
    let mut bytes = vec![0; memory.len()];
    Retained::open(memory).read(0, &mut bytes).expect("inside");
    bytes
}

/// Plain memory, blank at first.
struct Plain(Vec<u8>);

impl Sink for Plain {
    fn capacity(&self) -> u32 {
        self.0.len() as u32
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        Medium::write(self, at, bytes)
    }
}

impl Medium for Plain {
    fn capacity(&self) -> u32 {
        self.0.len() as u32
    }

    fn erase_unit(&self) -> u32 {
        self.0.len() as u32
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        bytes.copy_from_slice(&self.0[at as usize..at as usize + bytes.len()]);
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        self.0[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn erase(&mut self, _: u32) -> Result<(), SinkError> {
        self.0.fill(0xff);
        Ok(())
    }
}

const CONFIG: Config<'static> = Config {
    regions: &[Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0900))],
    ..Config::MINIMAL
};

fn unpacked(medium: &mut impl Medium) -> (stored::Stored, Vec<u8>) {
    let Ok(Content::Dump(dump)) = stored::find(medium, || {}) else { panic!("a dump") };
    let mut file = Vec::new();
    let mut chunk = [0; 128];
    while let Ok(len @ 1..) = stored::read_at(medium, &dump, file.len() as u32, &mut chunk) {
        file.extend(&chunk[..len]);
    }
    (dump, file)
}

#[test]
fn what_was_packed_is_read_back_as_the_same_dump() {
    let memory = memory::<8192>();
    assert_eq!(support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192)), Outcome::Complete);
    let mut plain = Plain(vec![0xff; 8192]);
    assert_eq!(support::write::<Arm>(&CONFIG, &mut plain), Outcome::Complete);
    let (dump, file) = unpacked(&mut Packed::open(memory));
    assert!(!dump.uploaded);
    assert_eq!(file, plain.0[..file.len()]);
    support::checked(&file);
    let wide = self::memory::<8192>();
    support::write::<RiscV64>(&CONFIG, &mut Packed::blank(wide, 8192));
    support::checked(&unpacked(&mut Packed::open(wide)).1);
}

#[test]
fn of_two_crashes_the_first_stays_until_somebody_has_taken_it() {
    let memory = memory::<8192>();
    support::write::<Arm>(&CONFIG, &mut Packed::first(memory, 8192));
    let (dump, first) = unpacked(&mut Packed::open(memory));
    let second = Config { info: &[("second", "crash")], ..CONFIG };
    assert_eq!(support::write::<Arm>(&second, &mut Packed::first(memory, 8192)), Outcome::Failed);
    assert_eq!(unpacked(&mut Packed::open(memory)).1, first);
    coroner_capture::stored::mark_uploaded(&mut Packed::open(memory), &dump).expect("marked");
    assert_eq!(support::write::<Arm>(&second, &mut Packed::first(memory, 8192)), Outcome::Complete);
    assert_ne!(unpacked(&mut Packed::open(memory)).1, first);
    // Who wants the last one says so.
    support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192));
    assert_eq!(unpacked(&mut Packed::open(memory)).1, first);
}

#[test]
fn reads_may_come_in_any_order() {
    let memory = memory::<8192>();
    support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192));
    let (dump, file) = unpacked(&mut Packed::open(memory));
    let mut packed = Packed::open(memory);
    let units = dump.length / 32;
    for step in [7, 5, 31, units - 1] {
        for index in (0..units).map(|index| index * step % units) {
            let mut bytes = [0; 32];
            packed.read(32 * index, &mut bytes).expect("readable");
            assert_eq!(bytes, file[32 * index as usize..][..32], "at {:#x}", 32 * index);
        }
    }
}

#[test]
fn memory_that_is_full_before_the_dump_is_leaves_a_stopped_one() {
    let memory = memory::<2048>();
    let outcome = support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192));
    assert_eq!(outcome, Outcome::Stopped);
    let (dump, file) = unpacked(&mut Packed::open(memory));
    assert!(dump.truncated());
    let (_, segments) = support::checked(&file);
    assert_eq!(segments.first().map(|segment| segment.address), Some(0x2000_1e00));
}

#[test]
fn an_unfinished_one_is_torn_and_a_blank_one_blank() {
    let memory = memory::<8192>();
    let mut packed = Packed::blank(memory, 8192);
    assert_eq!(stored::find(&mut packed, || {}), Ok(Content::Blank));
    packed.put(96, &[0x11; 96]).expect("room");
    packed.put(192, &[0x22; 64]).expect("room");
    assert_eq!(stored::find(&mut Packed::open(memory), || {}), Ok(Content::Torn));
    assert_eq!(packed.put(512, &[0; 32]), Err(SinkError), "nothing may be left out");
}

#[test]
fn persist_unpacks_and_the_mark_and_the_eraser_work_as_ever() {
    let memory = memory::<8192>();
    support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192));
    let mut packed = Packed::open(memory);
    let (dump, file) = unpacked(&mut packed);
    let mut flash = Plain(vec![0xff; 8192]);
    stored::persist(&mut packed, &dump, &mut flash, || {}).expect("copied");
    assert_eq!(unpacked(&mut flash).1, file);
    stored::mark_uploaded(&mut packed, &dump).expect("marked");
    let (again, _) = unpacked(&mut Packed::open(memory));
    assert!(again.uploaded);
    assert!(stored::Eraser::default().step(&mut packed).expect("erased"));
    assert_eq!(stored::find(&mut Packed::open(memory), || {}), Ok(Content::Blank));
}

#[test]
fn no_bit_flip_makes_another_dump_of_it() {
    let memory = memory::<8192>();
    support::write::<Arm>(&CONFIG, &mut Packed::blank(memory, 8192));
    let (whole, file) = unpacked(&mut Packed::open(memory));
    let bytes = raw(memory);
    let used = Packed::open(memory).packed_len() as usize;
    let mut harmless = 0;
    for bit in (0..used * 8).filter(|bit| *bit < 256 || bit % 5 == 0) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut medium = Retained::open(memory);
        medium.write(0, &flipped).expect("inside");
        if let Ok(Content::Dump(dump)) = stored::find(&mut Packed::open(memory), || {}) {
            // Bits of the head that mean nothing, and the mark.
            assert!(bit / 8 < 32, "bit {bit}");
            assert_eq!(dump.length, whole.length);
            let (_, again) = unpacked(&mut Packed::open(memory));
            let start = 96;
            assert_eq!(again[start..], file[start..]);
            harmless += 1;
        }
    }
    println!("{used} bytes: {harmless} flips of the head harmless, all others noticed");
}

#[test]
fn random_memory_is_no_dump() {
    let memory = memory::<1024>();
    let mut state = 7u32;
    for round in 0..500 {
        let mut bytes = vec![0; 1024];
        for byte in &mut bytes {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            *byte = (state >> 24) as u8;
        }
        // Half of them with a head that looks right.
        if round % 2 == 0 {
            bytes[..12].copy_from_slice(b"CAPTPACK\x01\x03\xff\xff");
        }
        Retained::open(memory).write(0, &bytes).expect("inside");
        assert!(!matches!(stored::find(&mut Packed::open(memory), || {}), Ok(Content::Dump(_))));
    }
}

//! Dumps of the smallest writer, taken apart with the same layout as those of the full one.

mod support;

use coroner_capture::arch::{Arch, Arm, RiscV64};
use coroner_capture::crash::{Kind as Why, signal};
use coroner_capture::layout::{self, Class, TaskTable, Trailer, flag, note};
use coroner_capture::lean::Lean;
use coroner_capture::{Access, Area, Cause, Crash, Kind, Outcome, Region, Sink, SinkError};
use support::{Pattern, STACK, checked, pattern};

/// An erased flash, which may fail from some offset on.
struct Flash {
    bytes: Vec<u8>,
    fail_at: u32,
}

impl Flash {
    fn new(len: usize) -> Self {
        Flash { bytes: vec![0xff; len], fail_at: u32::MAX }
    }
}

impl Sink for Flash {
    fn capacity(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if at >= self.fail_at {
            return Err(SinkError);
        }
        assert!(at.is_multiple_of(32) && bytes.len().is_multiple_of(32) && !bytes.is_empty());
        let place = self.bytes.get_mut(at as usize..at as usize + bytes.len()).ok_or(SinkError)?;
        assert!(place.iter().all(|&byte| byte == 0xff), "nothing is written twice");
        place.copy_from_slice(bytes);
        Ok(())
    }
}

const REGIONS: [Region; 4] = [
    Region::new(Kind::Bss, Area::range(0x2000_0800, 0x2000_1300)),
    Region::new(Kind::Tagged, Area::range(0x2000_0000, 0x2000_0041)),
    Region::new(Kind::Mmio, Area::range(0xe000_ed02, 0xe000_ed1a)),
    Region::new(Kind::Data, Area::range(0x2000_0100, 0x2000_0200)).access(Access::Half),
];

fn write<A: Arch>(regions: &[Region], retry: bool, flash: &mut Flash) -> Outcome {
    let mut registers = vec![0; A::REGISTERS];
    registers[A::SP] = 0x2000_1e10;
    registers[A::PC] = 0x0800_1234;
    let cause = Cause { message: "not kept", ..Cause::new(Why::Fault, signal::SEGV) };
    let mut crash = Crash::new(cause, &registers, 0x3ffff);
    crash.faults = &[(0xe000_ed28, 0x8200), (0xe000_ed38, 0x9000_0000)];
    crash.retry = retry;
    Lean::<8>::new().write_as::<A>(regions, &crash, &STACK, &mut Pattern, flash)
}

/// Checks each byte against the memory that it comes from; answers flags and segments.
fn taken(file: &[u8]) -> (u8, Vec<(u64, usize)>) {
    let (trailer, segments) = checked(file);
    for segment in &segments {
        for (index, &byte) in segment.bytes.iter().enumerate() {
            assert_eq!(byte, pattern(segment.address as usize + index));
        }
    }
    let segments = segments.iter().map(|segment| (segment.address, segment.bytes.len())).collect();
    (trailer.flags & !flag::SHA256, segments)
}

#[test]
fn regions_come_by_priority_and_without_what_is_there_already() {
    let mut flash = Flash::new(16384);
    assert_eq!(write::<Arm>(&REGIONS, false, &mut flash), Outcome::Complete);
    let (flags, segments) = taken(&flash.bytes);
    assert_eq!(flags, 0);
    // The stack, tagged, whole registers only, data, .bss.
    let expected = [
        (0x2000_1e00, 0x200),
        (0x2000_0000, 0x41),
        (0xe000_ed04, 0x14),
        (0x2000_0100, 0x100),
        (0x2000_0800, 0xb00),
    ];
    assert_eq!(segments, expected);

    let around = [Region::new(Kind::Dram, Area::range(0x2000_1d00, 0x2000_2100))];
    let mut flash = Flash::new(16384);
    assert_eq!(write::<Arm>(&around, false, &mut flash), Outcome::Complete);
    let cut = [(0x2000_1e00, 0x200), (0x2000_1d00, 0x100), (0x2000_2000, 0x100)];
    assert_eq!(taken(&flash.bytes).1, cut);
}

#[test]
fn the_notes_tell_registers_and_faults_and_what_is_known() {
    let mut flash = Flash::new(16384);
    write::<Arm>(&REGIONS, false, &mut flash);
    let word = |at: usize| u32::from_le_bytes(flash.bytes[at..at + 4].try_into().unwrap()) as usize;
    let notes = &flash.bytes[word(96 + 4)..][..word(96 + 16)];
    let notes: Vec<_> = layout::notes(notes).collect();
    let kinds: Vec<_> = notes.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [note::HEAD, note::FAULT, note::TASKS, note::PRSTATUS, note::END]);
    let faults: Vec<_> = layout::fault_registers(Class::Elf32, notes[1].desc).collect();
    assert_eq!(faults, [(0xe000_ed28, 0x8200), (0xe000_ed38, 0x9000_0000)]);
    let tasks = TaskTable::decode(Class::Elf32, notes[2].desc).expect("a table");
    assert_eq!((tasks.seen, tasks.stored, tasks.damaged_after), (1, 1, None));
    let task = tasks.tasks().next().expect("a task");
    assert!(task.crashed && !task.damaged);
    assert_eq!(
        (task.stack_start, task.stack_end, task.sp),
        (0x2000_1000, 0x2000_2000, 0x2000_1e10)
    );
    assert_eq!(task.known, 0x3ffff);
    let status = notes[3].desc;
    assert_eq!((status[0], status[12], status[24]), (signal::SEGV, signal::SEGV, 1));
    assert_eq!(status[72 + 4 * 15..][..4], 0x0800_1234u32.to_le_bytes());
}

#[test]
fn what_does_not_fit_is_cut_by_priority() {
    for len in (0..5000).step_by(32) {
        let mut flash = Flash::new(len);
        match write::<Arm>(&REGIONS, false, &mut flash) {
            Outcome::Failed => assert!(len < 600 && flash.bytes.iter().all(|&byte| byte == 0xff)),
            Outcome::Truncated => {
                let (flags, segments) = taken(&flash.bytes);
                assert_eq!(flags, flag::TRUNCATED);
                // Room for less than a line of stack can still hold a few registers.
                assert!(len < 640 || segments[0].0 == 0x2000_1e00);
            }
            other => assert!(other == Outcome::Complete && len > 4000, "{other:?} with {len}"),
        }
    }
}

#[test]
fn a_sink_that_fails_leaves_what_got_through() {
    for fail_at in (96..4500).step_by(32) {
        let mut flash = Flash::new(16384);
        flash.fail_at = fail_at;
        match write::<Arm>(&REGIONS, false, &mut flash) {
            Outcome::Stopped => {
                let (trailer, segments) = checked(&flash.bytes);
                assert_eq!(trailer.flags, flag::STOPPED);
                assert!(trailer.length < fail_at + 96);
                // The program headers of the whole plan are there; those of whole segments count.
                let word = |at: usize| {
                    u32::from_le_bytes(flash.bytes[at..at + 4].try_into().unwrap()) as usize
                };
                let ends = (1..6)
                    .map(|index| 96 + 32 * index)
                    .map(|header| word(header + 4) + word(header + 16).next_multiple_of(4) + 4);
                let whole = ends.filter(|&end| end <= trailer.length as usize).count();
                assert_eq!(segments.len(), whole, "failed at {fail_at}");
            }
            Outcome::Failed => assert!(fail_at < 800 && Trailer::decode(&flash.bytes).is_none()),
            other => {
                assert!(other == Outcome::Complete && fail_at > 4300, "{other:?} at {fail_at}")
            }
        }
    }
}

#[test]
fn a_second_attempt_takes_a_little_stack_and_no_region() {
    let mut flash = Flash::new(16384);
    assert_eq!(write::<Arm>(&REGIONS, true, &mut flash), Outcome::Complete);
    assert_eq!(taken(&flash.bytes), (flag::MINIMAL, vec![(0x2000_1e00, 0x240)]));
}

#[test]
fn a_wide_dump_has_the_same_shape() {
    let mut flash = Flash::new(16384);
    assert_eq!(write::<RiscV64>(&REGIONS, false, &mut flash), Outcome::Complete);
    assert_eq!(taken(&flash.bytes).1.len(), 5);
}

//! Random lives of a device: it crashes, starts, uploads and erases, and power goes at any step of each.
//!
//! Whatever happened, what is found is a whole dump of a crash that was, or says that it is torn; a whole
//! dump goes only where the program lets it go. `LIVES=100000 cargo test --release --features flash --test lives`
//! tries more of them.
#![cfg(feature = "flash")]

mod support;

use coroner_capture::arch::Arm;
use coroner_capture::arch::kept::{Kept, Room};
use coroner_capture::layout::flag;
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::sink::packed::Packed;
use coroner_capture::sink::retained::Retained;
use coroner_capture::stored::{self, Content, Eraser, Medium};
use coroner_capture::{Area, Config, Kind, Outcome, Region, Sink, SinkError};
use std::collections::BTreeSet;
use support::nor::{Mock, PAGE};

const UNIT: usize = 8;
const SLOTS: u32 = 3;
const LEN: u32 = SLOTS * 2 * PAGE as u32;
const STEPS: usize = 40;

/// xorshift64*: the same lives each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// When power goes, if it does.
    fn cut(&mut self, most: usize) -> Option<usize> {
        (self.below(3) == 0).then(|| 1 + self.below(most))
    }
}

/// Memory that tells which crash it is of.
fn region(crash: usize) -> Area {
    let start = 0x2000_0000 + 64 * crash;
    Area::range(start, start + 0x100)
}

fn write(crash: usize, sink: &mut impl Sink) -> Outcome {
    let regions = [Region::new(Kind::Data, region(crash))];
    support::write::<Arm>(&Config { regions: &regions, ..Config::MINIMAL }, sink)
}

/// Which crash a whole dump is of; every CRC in it is checked, and every byte of its memory. `None` for one that
/// says itself that it was stopped before it came to the region: in a slot that was no longer blank.
fn crash_of(file: &[u8]) -> Option<usize> {
    let (trailer, loaded) = support::checked(file);
    let Some(one) = loaded.iter().find(|one| one.address < 0x2000_1000) else {
        assert!(
            trailer.flags & (flag::TRUNCATED | flag::STOPPED) != 0,
            "a part is missing silently"
        );
        return None;
    };
    for (at, byte) in (one.address as usize..).zip(&one.bytes) {
        assert_eq!(*byte, support::pattern(at), "at {at:#x}");
    }
    Some((one.address as usize - 0x2000_0000) / 64)
}

/// The file in a medium, if there is a whole one.
fn file(medium: &mut impl Medium) -> Option<Vec<u8>> {
    let Ok(Content::Dump(dump)) = stored::find(medium, || {}) else { return None };
    let (mut bytes, mut chunk) = (Vec::new(), [0; 96]);
    while let Ok(len @ 1..) = stored::read_at(medium, &dump, bytes.len() as u32, &mut chunk) {
        bytes.extend(&chunk[..len]);
    }
    Some(bytes)
}

/// The whole dumps of a flash: its number, the crash, and whether it is marked.
fn dumps(flash: &mut Mock<UNIT>) -> Vec<(u16, Option<usize>, bool)> {
    let mut partition = Partition::new(flash, 0, LEN, SLOTS).expect("a partition");
    let mut all = Vec::new();
    for index in 0..SLOTS {
        let mut slot = partition.slot(index);
        if let Some(bytes) = file(&mut slot)
            && let Ok(Content::Dump(dump)) = stored::peek(&mut slot)
        {
            all.push((dump.sequence, crash_of(&bytes), dump.uploaded));
        }
    }
    all
}

/// How many dumps were found over the life.
fn flash_life(seed: u64) -> usize {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let keep = if chance.below(2) == 0 { Keep::First } else { Keep::Last };
    let mut flash = Mock::<UNIT>::new(LEN as usize);
    let (mut crashes, mut seen) = (0, BTreeSet::new());
    for _ in 0..STEPS {
        let before = dumps(&mut flash);
        flash.left = chance.cut(150);
        let cut = flash.left.is_some();
        let what = chance.below(4);
        match what {
            0 | 1 => {
                let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
                if let Some(mut slot) = partition.blank_slot() {
                    write(crashes, &mut slot);
                    crashes += 1;
                }
            }
            2 => {
                let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
                while let Ok(true) = partition.prepare(keep, || {}) {}
            }
            _ => {
                let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
                if let Ok(Some((index, dump))) = partition.newest(|| {}) {
                    let _ = stored::mark_uploaded(&mut partition.slot(index), &dump);
                }
            }
        }
        flash.power_returns();
        let after = dumps(&mut flash);
        seen.extend(after.iter().filter_map(|(_, crash, _)| *crash));
        let was = |crash: Option<usize>| crash.is_none_or(|crash| crash < crashes);
        assert!(after.iter().all(|(_, crash, _)| was(*crash)), "seed {seed}: no such crash");
        let left = |one: &(u16, Option<usize>, bool)| after.iter().any(|other| other.0 == one.0);
        let gone: Vec<_> = before.iter().filter(|one| !left(one)).collect();
        match (what, keep) {
            (2, Keep::First) => assert!(gone.iter().all(|(_, _, marked)| *marked), "seed {seed}"),
            (2, Keep::Last) => assert!(gone.len() <= 1, "seed {seed}: more than one made room"),
            _ => assert!(gone.is_empty(), "seed {seed}: a dump went without leave"),
        }
        if what == 2 && !cut {
            let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
            let all_unread =
                after.len() == SLOTS as usize && after.iter().all(|(_, _, marked)| !marked);
            let room = partition.blank_slot().is_some();
            assert!(room || (keep == Keep::First && all_unread), "seed {seed}: no room was made");
        }
    }
    seen.len()
}

/// A sink whose power goes: what was not put stays as it was.
struct Cut<S>(S, Option<usize>);

impl<S: Sink> Sink for Cut<S> {
    fn capacity(&self) -> u32 {
        self.0.capacity()
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        match &mut self.1 {
            Some(0) => return Err(SinkError),
            Some(left) => *left -= 1,
            None => {}
        }
        self.0.put(at, bytes)
    }
}

/// The same in memory that outlives the reset, packed or not, and from there to flash.
fn retained_life(seed: u64, memory: &Kept) -> usize {
    let mut chance = Chance(seed.wrapping_mul(0xd134_2543_de82_ef95) | 1);
    let packed = chance.below(2) == 0;
    let mut flash = Mock::<UNIT>::new(LEN as usize);
    let (mut crashes, mut seen) = (0, BTreeSet::new());
    let waiting = |memory: &Kept| match packed {
        true => file(&mut Packed::open(memory)),
        false => file(&mut Retained::open(memory)),
    };
    for _ in 0..STEPS {
        let before = waiting(memory).and_then(|bytes| crash_of(&bytes));
        if chance.below(2) == 0 {
            let cut = chance.cut(20);
            match packed {
                true => {
                    _ = write(
                        crashes,
                        &mut Cut(Packed::first(memory, 2 * memory.len() as u32), cut),
                    )
                }
                false => _ = write(crashes, &mut Cut(Retained::first(memory), cut)),
            }
            let after = waiting(memory).and_then(|bytes| crash_of(&bytes));
            match before {
                Some(first) => assert_eq!(after, Some(first), "seed {seed}: the first one stays"),
                None => assert!(after.is_none_or(|crash| crash == crashes), "seed {seed}"),
            }
            crashes += 1;
            continue;
        }
        flash.left = chance.cut(200);
        let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
        while let Ok(true) = partition.prepare(Keep::Last, || {}) {}
        if let Some(mut slot) = partition.blank_slot() {
            let moved = match packed {
                true => moved(&mut Packed::open(memory), &mut slot),
                false => moved(&mut Retained::open(memory), &mut slot),
            };
            if moved && let Some(before) = before {
                assert_eq!(
                    file(&mut slot).and_then(|bytes| crash_of(&bytes)),
                    Some(before),
                    "seed {seed}"
                );
            }
        }
        flash.power_returns();
        seen.extend(dumps(&mut flash).into_iter().filter_map(|(_, crash, _)| crash));
    }
    seen.len()
}

/// Moves a waiting dump; whether it is in the slot for sure.
fn moved(from: &mut impl Medium, slot: &mut impl Medium) -> bool {
    let Ok(Content::Dump(dump)) = stored::find(from, || {}) else { return false };
    let whole = stored::persist(from, &dump, slot, || {}).is_ok();
    // Only then is it let go.
    whole && Eraser::default().step(from).is_ok()
}

fn lives(usual: u64) -> u64 {
    std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(usual)
}

#[test]
fn lives_in_flash() {
    let lives = lives(100);
    let found: usize = (0..lives).map(flash_life).sum();
    println!("{lives} lives, {found} dumps, 0 wrong");
    assert!(found as u64 > lives, "{found} dumps");
}

#[test]
fn lives_in_memory_that_outlives_the_reset() {
    static ROOM: Room<2048> = Room::new();
    let (memory, lives) = (ROOM.kept(), lives(100));
    let mut found = 0;
    for seed in 0..lives {
        // What memory holds when the supply comes up.
        let mut chance = Chance(seed | 1);
        for at in 0..memory.len() {
            Retained::open(&memory).write(at as u32, &[chance.below(256) as u8]).expect("inside");
        }
        found += retained_life(seed, &memory);
    }
    println!("{lives} lives, {found} dumps, 0 wrong");
    assert!(found as u64 > lives, "{found} dumps");
}

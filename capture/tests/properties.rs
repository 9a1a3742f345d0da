//! Random configurations, written and taken apart: every byte that may and should be there is, no
//! other is, and the tables say so. The oracle is a plain walk over addresses.

mod support;

use coroner_capture::arch::{Arch, Arm, RiscV32};
use coroner_capture::layout::{self, Class, note};
use coroner_capture::sink::text::Text;
use coroner_capture::sink::{Callback, Tee};
use coroner_capture::text::{Line, decode};
use coroner_capture::{Access, Area, Config, Kind, Needs, Outcome, Pace, Region, SinkError};

/// xorshift: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn area(&mut self, len: usize) -> Area {
        let start = 0x2000_0000 + self.below(0x3000);
        Area::range(start, start + self.below(len))
    }
}

fn to_memory<A: Arch>(config: &Config<'_>, capacity: u32) -> (Outcome, Vec<u8>) {
    let mut file = vec![0xff; capacity as usize + 96];
    let mut sink = Callback::new(capacity, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let outcome = support::write::<A>(config, &mut sink);
    (outcome, file)
}

/// The notes of a whole file.
fn notes(file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let at = Class::Elf32.phoff() as usize;
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (offset, len) = (word(at + 4), word(at + 16));
    let notes = layout::notes(&file[offset..offset + len]);
    notes.map(|note| (note.kind, note.desc.to_vec())).collect()
}

#[test]
fn random_configurations_hold_what_they_should() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..3000 {
        let access = [Access::Byte, Access::Half, Access::Word];
        let regions: Vec<Region> = (0..random.below(6))
            .map(|_| {
                Region::new(Kind::Custom, random.area(700))
                    .priority(random.below(256) as u8)
                    .access(access[random.below(3)])
            })
            .collect();
        let exclude: Vec<Area> = (0..random.below(3)).map(|_| random.area(300)).collect();
        let mut memory: Vec<Area> = (0..random.below(3)).map(|_| random.area(0x2000)).collect();
        memory.push(Area::range(0x2000_1000, 0x2000_2000));
        let config =
            Config { regions: &regions, exclude: &exclude, memory: &memory, ..Config::MINIMAL };
        let capacity = 700 + random.below(6000) as u32;
        let (outcome, file) = to_memory::<Arm>(&config, capacity);
        if outcome == Outcome::Failed {
            continue;
        }
        let (trailer, segments) = support::checked(&file);
        assert!(trailer.length <= capacity, "round {round}: more than fits");

        let inside = |areas: &[Area], at: usize| {
            areas.iter().any(|area| area.start() <= at && at < area.end())
        };
        let mut held = std::collections::BTreeSet::new();
        for segment in &segments {
            for (index, &byte) in segment.bytes.iter().enumerate() {
                let at = segment.address as usize + index;
                assert_eq!(byte, support::pattern(at), "round {round}");
                assert!(!inside(&exclude, at), "round {round}: {at:#x} is excluded");
                assert!(inside(&memory, at), "round {round}: {at:#x} is not in the map");
                assert!(held.insert(at), "round {round}: {at:#x} is there twice");
            }
        }
        if outcome == Outcome::Complete {
            for region in regions_of(&file, &regions) {
                let (from, to, stored, missing) = region;
                let count = (from..to).filter(|at| held.contains(at)).count();
                assert_eq!(count, stored, "round {round}: the table says otherwise");
                if stored == to - from {
                    assert_eq!(missing, 0, "round {round}");
                }
            }
        }
    }
}

/// From the table of regions: start, end, bytes stored, why some are missing.
fn regions_of(file: &[u8], regions: &[Region]) -> Vec<(usize, usize, usize, u8)> {
    let notes = notes(file);
    let Some((_, desc)) = notes.iter().find(|(kind, _)| *kind == note::REGIONS) else {
        panic!("no table of regions");
    };
    let entries: Vec<_> = layout::regions(Class::Elf32, desc).collect();
    assert_eq!(entries.len(), regions.len());
    entries
        .iter()
        .map(|entry| {
            let start = entry.start as usize;
            (start, start + entry.wanted as usize, entry.stored as usize, entry.missing)
        })
        .collect()
}

#[test]
fn the_size_told_beforehand_is_enough_and_not_far_off() {
    let mut random = Random(7);
    for _ in 0..300 {
        let count = random.below(5);
        let regions: Vec<Region> = (0..count)
            .map(|index| {
                let start = 0x2000_4000 + 0x1000 * index;
                Region::new(Kind::Custom, Area::range(start, start + 1 + random.below(2000)))
            })
            .collect();
        let config = Config { regions: &regions, ..Config::MINIMAL };
        // The support's task uses 1f0 bytes of its stack, and its message has 8 letters.
        let bytes = regions_len(&regions);
        let needs = Needs { regions: count, bytes, stack: 0x1f0, words: 8, ..Needs::NOTHING };
        let (size, size_riscv) = (needs.size::<Arm>(), needs.size::<RiscV32>());
        let (outcome, file) = to_memory::<Arm>(&config, size as u32);
        assert_eq!(outcome, Outcome::Complete);
        let (trailer, _) = support::checked(&file);
        assert!(size - (trailer.length as usize) < 600, "{size} for {}", trailer.length);
        assert_eq!(to_memory::<RiscV32>(&config, size_riscv as u32).0, Outcome::Complete);
    }
}

fn regions_len(regions: &[Region]) -> usize {
    let config = Config { regions, ..Config::MINIMAL };
    config.region_bytes()
}

#[test]
fn lines_of_text_give_the_same_file_as_blocks_and_a_lost_line_is_a_hole() {
    let regions = [Region::new(Kind::Bss, Area::range(0x2000_2000, 0x2000_2400))];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    let (_, mut expected) = to_memory::<Arm>(&config, 8192);
    let (trailer, _) = support::checked(&expected);
    expected.truncate(trailer.length as usize);
    for packed in [false, true] {
        let mut console = Vec::new();
        let mut lines = Text::new(|bytes: &[u8]| {
            console.extend(bytes);
            Ok(())
        });
        if packed {
            lines = lines.packed();
        }
        support::write::<Arm>(&config, &mut lines);
        let mut file = vec![0xff; expected.len() + 96];
        let mut ended = false;
        for line in console.split(|&byte| byte == b'\n') {
            match decode(line) {
                Some(Ok(Line::Data(piece))) => {
                    let at = piece.offset as usize;
                    file[at..at + piece.bytes().len()].copy_from_slice(piece.bytes());
                }
                Some(Ok(Line::End { .. })) => ended = true,
                Some(Err(error)) => panic!("{error:?}"),
                _ => {}
            }
        }
        assert!(ended);
        assert_eq!(file[..expected.len()], expected[..]);
    }
}

#[test]
fn a_tee_goes_on_when_one_side_fails() {
    let (_, mut expected) = to_memory::<Arm>(&Config::MINIMAL, 8192);
    let (trailer, _) = support::checked(&expected);
    expected.truncate(trailer.length as usize);
    let mut file = vec![0xff; 8192];
    let good = Callback::new(8192, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let bad =
        Callback::new(8192, |at: u32, _: &[u8]| if at < 300 { Ok(()) } else { Err(SinkError) });
    let mut tee = Tee::new(bad, good);
    assert_eq!(support::write::<Arm>(&Config::MINIMAL, &mut tee), Outcome::Complete);
    assert_eq!(tee.whole(), (false, true));
    assert_eq!(file[..expected.len()], expected[..]);
}

#[test]
fn when_time_is_up_what_was_written_is_a_dump() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static LEFT: AtomicU32 = AtomicU32::new(0);
    let regions = [
        Region::new(Kind::Data, Area::range(0x2000_2000, 0x2000_2100)),
        Region::new(Kind::Bss, Area::range(0x2000_4000, 0x2000_6000)),
    ];
    let pace = || {
        let left = LEFT.load(Relaxed);
        LEFT.store(left.saturating_sub(1), Relaxed);
        if left > 0 { Pace::Continue } else { Pace::Stop }
    };
    let config = Config { regions: &regions, pace, ..Config::MINIMAL };
    let mut counts = [0; 4];
    for blocks in 0..60 {
        LEFT.store(blocks, Relaxed);
        let (outcome, file) = to_memory::<Arm>(&config, 16384);
        match outcome {
            Outcome::Stopped => {
                let (trailer, segments) = support::checked(&file);
                assert_eq!(trailer.flags & layout::flag::STOPPED, layout::flag::STOPPED);
                counts[segments.len()] += 1;
            }
            Outcome::Failed => assert!(blocks < 8),
            other => panic!("{other:?}"),
        }
    }
    // Stack and .data came through before .bss did.
    assert!(counts[2] > 0 && counts[3] == 0, "{counts:?}");
}

#[test]
fn a_probe_reads_through_rtt_what_was_written() {
    use coroner_capture::arch::rtt::{Channel, Ring};
    use coroner_capture::sink::rtt::Rtt;
    static RING: Ring<64> = Ring::new();
    static CHANNEL: Channel = Channel::new(&RING);
    CHANNEL.open();
    let probe = std::thread::spawn(|| {
        let mut console = Vec::new();
        let ended = |console: &Vec<u8>| {
            console.ends_with(b"\r\n") && console.windows(9).any(|word| word == b"#CAP:end:")
        };
        while !ended(&console) {
            match CHANNEL.pop() {
                Some(byte) => console.push(byte),
                None => std::thread::yield_now(),
            }
        }
        console
    });
    let mut lines = Text::new(Rtt::new(&CHANNEL, u32::MAX));
    assert_eq!(support::write::<Arm>(&Config::MINIMAL, &mut lines), Outcome::Complete);
    let console = probe.join().expect("the probe's thread");
    let good = console.split(|&byte| byte == b'\n').filter_map(decode);
    let data = good.filter(|line| matches!(line, Ok(Line::Data(_)))).count();
    assert!(data > 15, "{}", String::from_utf8_lossy(&console));
}

#[test]
fn nobody_at_the_probe_is_not_waited_for_for_ever() {
    use coroner_capture::arch::rtt::{Channel, Ring};
    use coroner_capture::sink::rtt::Rtt;
    static RING: Ring<64> = Ring::new();
    static CHANNEL: Channel = Channel::new(&RING);
    let mut lines = Text::new(Rtt::new(&CHANNEL, 100));
    assert_eq!(support::write::<Arm>(&Config::MINIMAL, &mut lines), Outcome::Failed);
}

//! Power goes at every single write: what is found afterwards is the old dump, the whole new one,
//! or something that says it is torn.
#![cfg(feature = "flash")]

mod support;

use support::nor::{Mock, PAGE};

use coroner_capture::arch::Arm;
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::stored::{self, Content, Eraser, Medium};
use coroner_capture::{Area, Config, Kind, Outcome, Region};

const SLOTS: u32 = 3;
const LEN: u32 = 3 * 3 * PAGE as u32;

fn crash<const UNIT: usize>(flash: &mut Mock<UNIT>) -> Option<Outcome> {
    let regions = [Region::new(Kind::Data, Area::range(0x2000_0000, 0x2000_0200))];
    let config = Config { regions: &regions, ..Config::MINIMAL };
    let mut partition = Partition::new(flash, 0, LEN, SLOTS).expect("a partition");
    let mut slot = partition.blank_slot()?;
    Some(support::write::<Arm>(&config, &mut slot))
}

fn contents<const UNIT: usize>(flash: &mut Mock<UNIT>) -> [Content; 3] {
    let mut partition = Partition::new(flash, 0, LEN, SLOTS).expect("a partition");
    [0, 1, 2].map(|index| stored::find(&mut partition.slot(index), || {}).expect("readable"))
}

/// Cuts the writing of a second dump at every unit; answers how often it was (torn, whole).
fn cut_everywhere<const UNIT: usize>() -> (usize, usize) {
    let mut before = Mock::<UNIT>::new(LEN as usize);
    assert_eq!(crash(&mut before), Some(Outcome::Complete));
    let [Content::Dump(first), Content::Blank, Content::Blank] = contents(&mut before) else {
        panic!("one dump");
    };
    let mut whole = before.clone();
    whole.done = 0;
    crash(&mut whole);
    let (mut torn, mut complete) = (0, 0);
    for left in 1..=whole.done + 1 {
        let mut flash = before.clone();
        flash.left = Some(left);
        crash(&mut flash);
        flash.power_returns();
        let [old, new, blank] = contents(&mut flash);
        assert_eq!(old, Content::Dump(first), "the old dump is untouched");
        assert_eq!(blank, Content::Blank);
        match new {
            Content::Torn => torn += 1,
            Content::Dump(dump) => {
                assert_eq!((dump.sequence, dump.flags & 3), (2, 0));
                support::checked(&flash.bytes[3 * PAGE..6 * PAGE]);
                complete += 1;
            }
            Content::Blank => panic!("something was written before power went at {left}"),
        }
    }
    (torn, complete)
}

#[test]
fn power_lost_at_any_write_leaves_old_new_or_torn() {
    let counts = [
        cut_everywhere::<1>(),
        cut_everywhere::<4>(),
        cut_everywhere::<8>(),
        cut_everywhere::<16>(),
        cut_everywhere::<32>(),
    ];
    for (unit, (torn, whole)) in [1, 4, 8, 16, 32].iter().zip(counts) {
        println!("write unit {unit}: {torn} cuts torn, {whole} whole, 0 wrong");
        assert!(torn > 10 && whole >= 1);
    }
}

#[test]
fn power_lost_at_any_step_of_persist_can_be_made_good() {
    let mut source = Mock::<4>::new(LEN as usize);
    crash(&mut source);
    let mut from = Partition::new(&mut source, 0, LEN, SLOTS).expect("a partition");
    let mut from = from.slot(0);
    let Content::Dump(dump) = stored::find(&mut from, || {}).expect("readable") else { panic!() };
    for left in 1..10_000 {
        let mut target = Mock::<4>::new(LEN as usize);
        target.left = Some(left);
        let mut partition = Partition::new(&mut target, 0, LEN, SLOTS).expect("a partition");
        let first = stored::persist(&mut from, &dump, &mut partition.slot(1), || {});
        target.power_returns();
        let mut partition = Partition::new(&mut target, 0, LEN, SLOTS).expect("a partition");
        let mut slot = partition.slot(1);
        let content = stored::find(&mut slot, || {}).expect("readable");
        if first.is_ok() {
            assert_eq!(content, Content::Dump(dump));
            println!("persist: cut at {} places, each made good", left - 1);
            return;
        }
        assert!(matches!(content, Content::Torn | Content::Blank), "never a wrong dump");
        // The start-up erases what is torn and copies again.
        let mut eraser = Eraser::default();
        while eraser.step(&mut slot).expect("erased") {}
        stored::persist(&mut from, &dump, &mut slot, || {}).expect("copied");
        assert_eq!(stored::find(&mut slot, || {}), Ok(Content::Dump(dump)));
    }
    panic!("persist never came to an end");
}

#[test]
fn persist_goes_on_after_a_reset_without_writing_twice() {
    let mut source = Mock::<4>::new(LEN as usize);
    crash(&mut source);
    let mut from = Partition::new(&mut source, 0, LEN, SLOTS).expect("a partition");
    let mut from = from.slot(0);
    let Content::Dump(dump) = stored::find(&mut from, || {}).expect("readable") else { panic!() };
    let mut target = Mock::<4>::new(LEN as usize);
    let mut partition = Partition::new(&mut target, 0, LEN, SLOTS).expect("a partition");
    let mut slot = partition.slot(0);
    // A reset between two blocks: the first ones are there already.
    for at in (96..480).step_by(32) {
        let mut block = [0; 32];
        from.read(at, &mut block).expect("readable");
        slot.write(at, &block).expect("written");
    }
    stored::persist(&mut from, &dump, &mut slot, || {}).expect("copied");
    assert_eq!(stored::find(&mut slot, || {}), Ok(Content::Dump(dump)));
}

#[test]
fn a_partition_keeps_the_first_or_the_last_dumps() {
    let mut flash = Mock::<8>::new(LEN as usize);
    let prepare = |flash: &mut Mock<8>, keep| {
        let mut partition = Partition::new(flash, 0, LEN, SLOTS).expect("a partition");
        while partition.prepare(keep, || {}).expect("prepared") {}
    };
    let sequences = |flash: &mut Mock<8>| {
        contents(flash).map(|content| match content {
            Content::Dump(dump) => dump.sequence,
            _ => 0,
        })
    };
    for _ in 0..3 {
        prepare(&mut flash, Keep::First);
        crash(&mut flash).expect("a blank slot");
    }
    prepare(&mut flash, Keep::First);
    assert!(crash(&mut flash).is_none(), "no room for a fourth");
    assert_eq!(sequences(&mut flash), [1, 2, 3]);

    prepare(&mut flash, Keep::Last);
    assert_eq!(sequences(&mut flash), [0, 2, 3]);
    crash(&mut flash).expect("a blank slot");
    assert_eq!(sequences(&mut flash), [4, 2, 3]);
}

#[test]
fn an_uploaded_dump_is_marked_without_erasing_and_makes_room() {
    let mut flash = Mock::<16>::new(LEN as usize);
    for _ in 0..3 {
        crash(&mut flash);
    }
    let erasures = flash.done;
    let mut partition = Partition::new(&mut flash, 0, LEN, SLOTS).expect("a partition");
    let (index, dump) = partition.newest(|| {}).expect("readable").expect("a dump");
    assert_eq!((index, dump.sequence), (2, 3));
    let mut slot = partition.slot(index);
    let mut uploaded = Vec::new();
    let mut chunk = [0; 128];
    loop {
        let at = uploaded.len() as u32;
        let len = stored::read_at(&mut slot, &dump, at, &mut chunk).expect("readable");
        if len == 0 {
            break;
        }
        uploaded.extend(&chunk[..len]);
    }
    support::checked(&uploaded);
    stored::mark_uploaded(&mut slot, &dump).expect("marked");
    assert!(matches!(stored::find(&mut slot, || {}), Ok(Content::Dump(dump)) if dump.uploaded));
    assert_eq!(partition.newest(|| {}).expect("readable").expect("a dump").0, 1);
    while partition.prepare(Keep::First, || {}).expect("prepared") {}
    assert_eq!(contents(&mut flash)[2], Content::Blank);
    assert!(flash.done > erasures);
}

#[test]
fn what_lies_in_the_way_is_not_written_over() {
    let mut flash = Mock::<4>::new(LEN as usize);
    flash.bytes[700] = 0;
    match crash(&mut flash) {
        Some(Outcome::Failed) => {}
        Some(Outcome::Stopped) => drop(support::checked(&flash.bytes[..3 * PAGE])),
        other => panic!("{other:?}"),
    }
    assert_eq!(flash.bytes[700], 0);
}

#[test]
fn making_room_reads_each_slot_once_and_the_one_that_is_erased_once_more() {
    const SLOT: usize = 64 * PAGE;
    let mut flash = Mock::<8>::new(2 * SLOT);
    flash.bytes.fill(0);
    let mut partition = Partition::new(&mut flash, 0, 2 * SLOT as u32, 2).expect("a partition");
    let mut steps = 0;
    while partition.prepare(Keep::Last, || {}).expect("prepared") {
        steps += 1;
    }
    assert_eq!(steps, SLOT / PAGE);
    assert!(flash.read <= 4 * SLOT, "{} bytes were read", flash.read);
}

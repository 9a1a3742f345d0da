//! Dumps of random configurations: written by the capture crate, read back by coroner, compared
//! with a model that knows nothing of plans and segments: a map from address to byte.
//!
//! `PROPTEST_CASES=20000 cargo test --test capture properties::` for a longer run.

mod case;
mod model;

use case::{Case, Flash, Machine, Verdict, case, read, written};
use coroner_capture::layout::{self, Trailer, flag};
use coroner_capture::{Needs, Outcome};
use model::Model;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What fits is all there, and all that is there is right.
    #[test]
    fn a_dump_holds_what_was_asked_for_and_nothing_else(case in case()) {
        check(&case)?;
    }

    /// A sink that fails from some write on, but takes block 0: what is left is a whole dump of less.
    #[test]
    fn a_sink_that_fails_leaves_a_whole_dump_of_less(case in case(), fail in any::<prop::sample::Index>()) {
        let (outcome, flash) = written(&case, Flash::new(case.capacity));
        prop_assume!(outcome != Outcome::Failed);
        let mut sink = Flash::new(case.capacity);
        sink.fails_from = Some(fail.index(flash.puts.len()));
        let (outcome, flash) = written(&case, sink);
        match (outcome, read(&flash.bytes, false)) {
            (Outcome::Failed, Verdict::Opened(_)) => prop_assert!(false, "there should be no dump"),
            (Outcome::Failed, _) => {}
            (_, Verdict::Opened(dump)) => holds_no_wrong_byte(&case, &dump)?,
            (outcome, other) => prop_assert!(false, "{outcome:?}, but {other:?}"),
        }
    }

    /// Power that goes after any write, or in the middle of it: no dump until the last one; salvaged,
    /// nothing wrong but what is said to be unverified.
    #[test]
    fn power_that_goes_leaves_nothing_or_something_to_salvage(case in case(), torn in 0usize..96) {
        let (outcome, flash) = written(&case, Flash::new(case.capacity));
        prop_assume!(outcome != Outcome::Failed);
        let mut counts = [0usize; 2];
        for cut in 0..flash.puts.len() {
            let bytes = flash.until(cut, torn);
            if bytes == flash.bytes {
                continue; // What was cut off looks erased.
            }
            if let Verdict::Opened(_) = read(&bytes, false) {
                prop_assert!(false, "opened without a word after {cut} of {} writes", flash.puts.len());
            }
            match read(&bytes, true) {
                Verdict::Opened(dump) => {
                    counts[1] += 1;
                    let doubtful = dump.notes.iter().any(|note| note.severity == coroner::dump::Severity::Doubt);
                    prop_assert!(doubtful, "salvaged without a doubt");
                    prop_assert!(dump.format.contains("not verified") || dump.format.contains("NOT verified"));
                }
                _ => counts[0] += 1,
            }
        }
        prop_assert!(counts[0] + counts[1] >= flash.puts.len() - 1);
        if let Verdict::Refused(error) = read(&flash.bytes, false) {
            prop_assert!(false, "the whole one: {error}");
        }
    }
}

fn holds_no_wrong_byte(case: &Case, dump: &coroner::dump::Dump) -> Result<(), TestCaseError> {
    let wanted = Model::asked_for(case);
    for region in dump.memory.regions() {
        for (offset, &byte) in region.bytes.iter().enumerate() {
            let at = region.start + offset as u64;
            prop_assert_eq!(byte, case.byte(at), "byte at {:#x}", at);
            prop_assert!(case.may_be_read(at), "{:#x} lies outside of the memory map", at);
            prop_assert!(!case.is_excluded(at), "{:#x} is excluded", at);
            prop_assert!(wanted.contains(&at), "nobody asked for {:#x}", at);
        }
    }
    Ok(())
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let (outcome, flash) = written(case, Flash::new(case.capacity));
    let dump = match (outcome, read(&flash.bytes, false)) {
        (Outcome::Failed, Verdict::Opened(_)) => panic!("a dump, though it failed"),
        (Outcome::Failed, _) => {
            prop_assert!(case.room() < 2400, "{} bytes are room enough", case.room());
            return Ok(());
        }
        (_, Verdict::Opened(dump)) => dump,
        (_, other) => panic!("{outcome:?}, but {other:?}"),
    };
    let (class, trailer) = Trailer::decode(&flash.bytes).expect("block 0");
    prop_assert_eq!(class, case.machine.class());
    prop_assert!(trailer.length as usize <= case.room());
    let truncated = outcome == Outcome::Truncated;
    prop_assert_eq!(trailer.flags & flag::TRUNCATED != 0, truncated);
    holds_no_wrong_byte(case, &dump)?;

    let model = Model::of(case);
    let stored: std::collections::BTreeSet<u64> = dump
        .memory
        .regions()
        .flat_map(|region| (0..region.bytes.len() as u64).map(|offset| region.start + offset))
        .collect();
    if truncated {
        prop_assert!(model.cut_in_order(case, &stored), "priorities are not kept");
    } else {
        let missing: Vec<_> = model.all().difference(&stored).take(4).copied().collect();
        prop_assert!(missing.is_empty(), "complete, but without {missing:x?}");
    }
    regions_say_what_is_missing(case, &flash.bytes, &stored, truncated)?;
    threads_are_those_of_the_device(case, &dump, truncated)?;

    let headers = model.segments(&flash.bytes);
    let needs = Needs {
        regions: case.regions.len(),
        names: case.regions.iter().map(|region| region.name).sum(),
        bytes: case.regions.iter().map(|region| region.len as usize).sum(),
        pieces: headers.saturating_sub(case.regions.len()),
        tasks: case.tasks.len().max(1),
        stack: case.tasks.iter().map(|task| task.used()).max().unwrap_or(0),
        tcb: case.tasks.iter().map(|task| task.tcb_len as usize).max().unwrap_or(0),
        words: case.message.len(),
        floats: case.floats && case.machine.has_floats(),
        info: case.info.iter().map(|(key, value)| 2 + key.len() + value.len()).sum(),
    };
    let at_most = case.machine.size(&needs);
    prop_assert!(trailer.length as usize <= at_most, "{} bytes, at most {at_most}", trailer.length);
    Ok(())
}

fn regions_say_what_is_missing(
    case: &Case,
    file: &[u8],
    stored: &std::collections::BTreeSet<u64>,
    truncated: bool,
) -> Result<(), TestCaseError> {
    let Some(entries) = model::region_table(file) else {
        // No room for the tables at all: the flag says so.
        return Ok(());
    };
    prop_assert_eq!(entries.len(), case.regions.len());
    for (entry, region) in entries.iter().zip(&case.regions) {
        let there = stored.range(region.start..region.start + region.len).count() as u64;
        prop_assert_eq!((entry.start, entry.wanted), (region.start, region.len));
        prop_assert_eq!((entry.kind, entry.priority), (region.kind as u8, region.priority));
        prop_assert_eq!(entry.stored, there, "{:?}", region);
        // Half an element at either end is nobody's loss.
        let ends = 2 * (region.step() - 1);
        let whole = there + ends >= region.len;
        let no_room = entry.missing & layout::region::NO_ROOM != 0;
        prop_assert!(truncated || !no_room, "no room is no reason in a complete dump");
        // In a complete dump elements may be missing that another region holds a part of.
        prop_assert!(
            whole || !truncated || entry.missing != 0,
            "{} of {} without a reason",
            there,
            region.len
        );
    }
    Ok(())
}

fn threads_are_those_of_the_device(
    case: &Case,
    dump: &coroner::dump::Dump,
    truncated: bool,
) -> Result<(), TestCaseError> {
    let threads = &dump.threads;
    let tasks = case.tasks.len().max(1);
    prop_assert!(
        threads.len() == tasks || (truncated && !threads.is_empty() && threads.len() < tasks)
    );
    prop_assert!(threads[0].crashed && threads[1..].iter().all(|thread| !thread.crashed));
    for thread in threads {
        let Some(task) = case.tasks.iter().find(|task| u64::from(task.id) == thread.id) else {
            prop_assert!(case.tasks.is_empty(), "a thread that nobody knows: {:#x}", thread.id);
            continue;
        };
        prop_assert_eq!(thread.name.as_deref(), Some(task.name.as_str()).filter(|n| !n.is_empty()));
        prop_assert_eq!(
            thread.control_block,
            Some(task.tcb).filter(|&tcb| tcb != 0 && task.tcb_len > 0)
        );
        if case.machine == Machine::Xtensa {
            continue; // Windows: which register is which is checked in capture_xtensa.rs.
        }
        let crashed = thread.crashed;
        let known = if crashed { case.known } else { case.task_known };
        for (register, index) in
            [(thread.registers.pc(), case.machine.pc()), (thread.registers.sp(), case.machine.sp())]
        {
            let expected = case.register(if crashed { 0 } else { task.id }, index);
            let told = (known >> index & 1 == 1).then_some(expected);
            prop_assert_eq!(register, told, "register {} of {:#x}", index, thread.id);
        }
    }
    Ok(())
}

//! Functions that ended in a tail call: the same are shown as by GDB, which looks at the live machine,
//! and none where GDB shows none.

use crate::support;
use coroner::unwind::Found;
use std::path::Path;
use support::gdb;
use support::machines::{Folder, MACHINES, Machine, build, is_there, look};
use support::oracle::{Verdict, compare};

/// What lies between `crash` and `main`, in each case of the program.
const CASES: [&[&str]; 5] = [
    &["join", "left", "begin"],
    &[],
    &["join", "begin"],
    &[],
    &["join", "far_away", "merged", "begin"],
];

#[test]
fn tail_calls_are_those_that_gdb_shows() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unwind");
    let sources = [data.join("tail.c"), data.join("tail_far.c")];
    for gdb in gdb::gdbs() {
        // Machines name their debugger for good.
        let gdb: &'static str = Box::leak(gdb.display().to_string().into_boxed_str());
        for machine in MACHINES {
            let machine = Machine { gdb, ..machine };
            if !is_there(machine.compiler) || !is_there(gdb) {
                continue;
            }
            for (case, wanted) in (1..).zip(CASES) {
                let name = format!("{} case {case} {gdb}", machine.name);
                let folder = Folder::new(&format!("{}-tail", machine.name));
                let flags = ["-O2", &format!("-DCASE={case}")];
                let compiler = machine.compiler;
                let elf = build(&machine, compiler, &flags, &sources, &folder.0, "tail.elf");
                let Some(seen) = look(&machine, &elf, &folder.0) else { continue };
                let (trace, ours) = seen.unwind(&elf);
                let shown = |lines: &[&support::oracle::Line]| -> Vec<String> {
                    lines.iter().filter_map(|line| line.function.clone()).collect()
                };
                let own = shown(&ours.lines.iter().map(|(line, _)| line).collect::<Vec<_>>());
                let theirs = shown(&seen.theirs.lines.iter().collect::<Vec<_>>());
                let verdict = compare(&ours, &seen.theirs, None);
                println!("{name}: {}", own.join(" "));
                // Of the tail call in an inlined function some GDBs leave out the outer one.
                let without = |names: &[String]| -> Vec<String> {
                    let kept = names.iter().filter(|name| case != 5 || *name != "begin");
                    kept.cloned().collect()
                };
                assert_eq!(without(&own), without(&theirs), "{name}");
                assert!(!matches!(verdict, Verdict::Differs(_)), "{name}: {verdict}");
                let main = own.iter().position(|name| name == "main").expect("main");
                assert_eq!(own[1..main], *wanted, "{name}");
                let derived = trace.frames.iter().filter(|frame| frame.found == Found::TailCall);
                let inlined = usize::from(case == 5);
                // GCC for i386 calls other files' functions, even there.
                if machine.name != "i386" || case != 5 {
                    assert_eq!(derived.count() + inlined, wanted.len(), "{name}");
                }
            }
        }
    }
}

//! Our frames are those of real debuggers: every thread of every dump, function, file and line,
//! inlined frames too. The table of it is `docs/backtraces.md`.
//!
//! The oracles: plain GDBs and Espressif's, connected to `coroner serve` over a pipe; the reports
//! that Espressif's tool and GDB made of the fixtures (with ROM ELF files that are not to be had
//! here); and, for programs that stop under QEMU, the GDB that stopped them.
//!
//! `CORONER_WRITE_DOCS=1` writes the page instead of comparing it; it needs all GDBs.

use crate::support;
use crate::support::debuggers;
use crate::support::gdb;
use debuggers::{Debuggers, GDB_13, GDB_18, XTENSA};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use support::cases::{self, Case};
use support::machines::{Folder, MACHINES, compile, is_there, look};
use support::oracle::{self, Ours, Trace, Verdict, compare};

/// A column of the table that no GDB fills.
const REPORT: &str = "vendor's report";
const COLUMNS: [&str; 4] = [GDB_13, GDB_18, XTENSA, REPORT];

/// A thread of a fixture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    fixture: String,
    thread: String,
}

/// Frames of ours, and what the oracles say of them.
#[derive(Clone, Debug, Default)]
struct Cells {
    frames: usize,
    verdicts: BTreeMap<&'static str, Verdict>,
}

type Table = Vec<(Row, Cells)>;

fn traces(gdb: &PathBuf, case: &Case) -> Vec<(u64, Trace)> {
    let quoted = |text: &String| format!("'{text}'");
    let arguments: Vec<String> = case.arguments().iter().map(quoted).collect();
    let server = env!("CARGO_BIN_EXE_coroner");
    let connect = format!("target remote | {server} serve --stdio {}", arguments.join(" "));
    let load = case.elf.as_ref().map(|elf| format!("file {}", elf.display()));
    let mut commands = vec!["set width 0", "set backtrace past-main on"];
    commands.extend(load.as_deref());
    commands.extend([connect.as_str(), "thread apply all bt"]);
    oracle::by_number(&gdb::run(gdb, 120, &commands))
}

fn compared(case: &Case, debuggers: &Debuggers) -> Table {
    let opened = case.opened();
    let modules = opened.modules();
    let asked: Vec<_> =
        debuggers.of(&opened).iter().map(|(column, gdb)| (*column, traces(gdb, case))).collect();
    let report = case.report.as_ref().map(|path| {
        oracle::of_esp_report(&std::fs::read_to_string(path).expect("the report is there"))
    });
    let mut table = Table::new();
    for (number, thread) in (1..).zip(&opened.dump.threads) {
        let ours = Ours::of(&opened, &modules, thread);
        let mut cells = Cells { frames: ours.lines.len(), ..Cells::default() };
        for (column, threads) in &asked {
            let theirs = threads.iter().find(|(id, _)| *id == number);
            let verdict = match theirs {
                Some((_, theirs)) if !theirs.lines.is_empty() => {
                    compare(&ours, theirs, Some(&modules))
                }
                _ if ours.lines.is_empty() => Verdict::Equal,
                Some((_, Trace { stopped: Some(why), .. })) => {
                    Verdict::EqualBut(vec![format!("GDB shows no frames ({why})")])
                }
                _ => Verdict::Differs("GDB shows no frames".into()),
            };
            cells.verdicts.insert(column, verdict);
        }
        let reported = report.iter().flatten().find(|(id, _)| *id == thread.id);
        if let Some((_, theirs)) = reported {
            cells.verdicts.insert(REPORT, compare(&ours, theirs, Some(&modules)));
        }
        table.push((Row { fixture: case.name.clone(), thread: thread.label() }, cells));
    }
    table
}

/// The program of `tests/data/unwind` on each machine, stopped by a live GDB.
fn live() -> Table {
    let mut table = Table::new();
    for machine in MACHINES.iter().filter(|m| is_there(m.compiler) && is_there(m.gdb)) {
        let folder = Folder::new(&format!("{}-table", machine.name));
        let elf = compile(machine, &[], &folder.0, "nest.elf");
        let Some(seen) = look(machine, &elf, &folder.0) else { continue };
        assert!(seen.theirs.lines.len() >= 7, "{}: {:?}", machine.name, seen.theirs);
        let (_, ours) = seen.unwind(&elf);
        let verdict = compare(&ours, &seen.theirs, None);
        let row = Row { fixture: format!("nest.c {}", machine.name), thread: "live".into() };
        let verdicts = BTreeMap::from([(GDB_13, verdict)]);
        table.push((row, Cells { frames: ours.lines.len(), verdicts }));
    }
    table
}

const HEAD: &str = "\
# Backtraces compared with real debuggers

Written by `CORONER_WRITE_DOCS=1 cargo test --test frames backtraces`, and compared with what the test finds whenever it runs. Each frame of each thread of
each dump that tests know, inlined frames too: function, file and line as the debugger shows them that is connected to `coroner serve`.
`nest.c` stopped under QEMU (x86: natively), and GDB looked at the live machine. The vendor's report is what Espressif's tool and GDB
printed with the ROM's ELF files, which are not at hand here.

`-`: this debugger does not read the architecture, or there is no report.

";

fn page(table: &Table) -> String {
    let mut page = String::from(HEAD);
    page.push_str(&format!("| fixture | thread | frames | {} |\n", COLUMNS.join(" | ")));
    page.push_str("| --- | --- | ---: | --- | --- | --- | --- |\n");
    for (row, cells) in table {
        let cell = |column: &&str| {
            cells.verdicts.get(column).map_or("-".to_string(), |verdict| verdict.to_string())
        };
        let cells_text: Vec<String> = COLUMNS.iter().map(|column| escape(&cell(column))).collect();
        let thread = escape(&row.thread);
        page.push_str(&format!(
            "| {} | {thread} | {} | {} |\n",
            row.fixture,
            cells.frames,
            cells_text.join(" | ")
        ));
    }
    page
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// Lines of the page that were written when more debuggers were at hand count as equal in what
/// these said.
fn same(written: &str, found: &str, columns: &[&str]) -> bool {
    let cells = |line: &str| line.split(" | ").map(str::to_string).collect::<Vec<_>>();
    let (written, found) = (cells(written), cells(found));
    let there = |index: usize| {
        index < 3 || COLUMNS.get(index - 3).is_none_or(|column| columns.contains(column))
    };
    written.len() == found.len()
        && (0..written.len()).filter(|index| there(*index)).all(|index| {
            let plain = |cell: &str| cell.trim_end_matches(" |").to_string();
            plain(&written[index]) == plain(&found[index])
        })
}

#[test]
fn every_frame_of_every_thread_is_that_of_real_debuggers_or_the_page_says_why_not() {
    let debuggers = Debuggers::find();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backtraces");
    std::fs::create_dir_all(&scratch).expect("room for files");
    let cases = cases::all(&scratch);
    let tables: Mutex<BTreeMap<usize, Table>> = Mutex::default();
    let next = Mutex::new(0..cases.len());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(index) = next.lock().expect("no panic").next() else { return };
                    let table = compared(&cases[index], &debuggers);
                    tables.lock().expect("no panic").insert(index, table);
                }
            });
        }
    });
    let mut table: Table = tables.into_inner().expect("no panic").into_values().flatten().collect();
    table.extend(live());
    let found = page(&table);
    println!("{found}");

    let differs: Vec<String> = table
        .iter()
        .flat_map(|(row, cells)| cells.verdicts.iter().map(move |(column, v)| (row, column, v)))
        .filter(|(_, _, verdict)| matches!(verdict, Verdict::Differs(_)))
        .map(|(row, column, verdict)| {
            format!("{} {}: {column}: {verdict}", row.fixture, row.thread)
        })
        .collect();
    assert!(differs.is_empty(), "{}", differs.join("\n"));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/backtraces.md");
    if std::env::var_os("CORONER_WRITE_DOCS").is_some() {
        assert!(debuggers.are_all_there(), "the page needs what every GDB says");
        std::fs::write(&path, found).expect("the page can be written");
        return;
    }
    let mut columns: Vec<&str> = debuggers.plain.iter().map(|(column, _)| *column).collect();
    columns.push(REPORT);
    if debuggers.esp32.is_some() && debuggers.esp32s3.is_some() {
        columns.push(XTENSA);
    }
    let written = std::fs::read_to_string(&path).expect("part of the project");
    // Without the fixtures of other projects, rows are missing; none may be wrong.
    for line in found.lines() {
        assert!(
            written.lines().any(|written| same(written, line, &columns)),
            "not in docs/backtraces.md (CORONER_WRITE_DOCS=1 writes it anew):\n{line}"
        );
    }
    if columns.len() == COLUMNS.len() && support::fixtures().is_some() {
        assert_eq!(written.lines().count(), found.lines().count());
    }
}

//! Values of variables are those that a real GDB shows: arguments and locals of every frame, and
//! expressions over globals. On the fixtures, and on programs of our own in C, C++ and Rust, built
//! with link-time optimisation, so that what DWARF says is spread over units.

use crate::support;
use crate::support::gdb as debuggers;
use coroner::open::{Opened, Options};
use coroner::report::{self, Report, ReportOptions};
use goblin::elf::header::EM_XTENSA;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::cases;
use support::machines::{self, Folder, is_there};
use support::oracle;
use support::real::gdb;

/// What GDB is told so that both show the same amount.
const SETTINGS: [&str; 4] = [
    "set print frame-arguments all",
    "set print null-stop on",
    "set backtrace past-main on",
    "set print max-depth 20",
];

/// A frame of `bt full`.
#[derive(Debug, Default)]
struct Shown {
    function: String,
    arguments: Vec<(String, String)>,
    locals: Vec<(String, String)>,
}

/// The frames in GDB's text, by thread.
fn frames(text: &str) -> Vec<Vec<Shown>> {
    let mut threads: Vec<Vec<Shown>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("Thread ") {
            threads.push(Vec::new());
        } else if let Some(head) = oracle::line(line)
            && line.starts_with('#')
            && !line.contains("<signal handler called>")
        {
            if threads.is_empty() {
                threads.push(Vec::new());
            }
            let arguments = oracle::arguments(line);
            let function = head.function.unwrap_or_default();
            let shown = Shown { function, arguments, locals: Vec::new() };
            threads.last_mut().expect("one was pushed").push(shown);
        } else if let Some(local) = line.strip_prefix("        ")
            && !local.starts_with(' ')
            && let Some((name, value)) = local.split_once(" = ")
            && let Some(frame) = threads.last_mut().and_then(|thread| thread.last_mut())
        {
            frame.locals.push((name.to_string(), value.to_string()));
        }
    }
    threads
}

#[derive(Debug, Default)]
struct Count {
    equal: usize,
    /// Cut short by either, or GDB has no value at all.
    passed_over: usize,
    wrong: Vec<String>,
}

/// GDB's words for a value that it can't show.
fn is_lost(value: &str) -> bool {
    value.starts_with("<unavailable")
        || value.starts_with("<error")
        || value.starts_with("<not saved")
        || value.contains("Cannot access memory")
        || value.contains("<error reading variable")
}

/// GDB's text without what is a matter of taste: the hash of a Rust symbol, the type before a
/// pointer.
fn plain(value: &str) -> String {
    let mut text = value.to_string();
    while let Some(at) = text.find("::h").filter(|at| {
        let digits = text.get(at + 3..at + 19).unwrap_or_default();
        digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    }) {
        text.replace_range(at..at + 19, "");
    }
    // GDB 13.1 shows ASCII alone, newer ones what can be shown.
    while let Some((start, rest)) = text.split_once("\\u{")
        && let Some((digits, rest)) = rest.split_once('}')
        && let Some(c) = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
    {
        text = format!("{start}{c}{rest}");
    }
    while let Some((start, rest)) = text.split_once("'\\x")
        && let Some((digits, rest)) = rest.split_at_checked(2)
        && let Ok(byte) = u8::from_str_radix(digits, 16)
        && !char::from(byte).is_control()
    {
        text = format!("{start}'{}{rest}", char::from(byte));
    }
    // The same in the newer way of mangling: `crate[0123456789abcdef]::NAME`.
    if let Some(at) = text.find("]::")
        && let Some(start) = at.checked_sub(17)
        && text.get(start..=start) == Some("[")
    {
        text.replace_range(start..=at, "");
    }
    // `print` names the type of a pointer, or of what a reference is to, first.
    if let Some(rest) = text.strip_prefix('(')
        && let Some((kind, rest)) = rest.split_once(") ")
        && kind.contains(['*', '&'])
        && (rest.starts_with("0x") || rest.starts_with('@'))
    {
        return rest.to_string();
    }
    text
}

impl Count {
    fn pair(&mut self, place: &str, ours: Option<&report::Value>, theirs: &str) {
        let Some(ours) = ours else {
            // Declared in the function, but global.
            if ["vectors", "switch_to", "switch_from"].iter().any(|name| place.ends_with(name)) {
                self.passed_over += 1;
                return;
            }
            self.wrong.push(format!("{place}: we have none, GDB {theirs}"));
            return;
        };
        let theirs = plain(theirs);
        let own = match (&ours.value, &ours.missing) {
            (Some(value), _) => value.clone(),
            (None, Some(why)) => format!("<{why}>"),
            (None, None) => String::new(),
        };
        let cut = |text: &str| text.contains("...");
        if own == theirs {
            self.equal += 1;
        } else if is_lost(&theirs)
            // GDB takes for granted that a call keeps r0-r3 where nothing is said of them.
            || (own.starts_with("<in r") && own.ends_with("which is not known here>"))
            || own == "<not supported: a float that is computed>"
            // Of a part without bytes (`()`) GDB looks for the place all the same.
            || (theirs.contains("(<synthetic pointer>)") && !own.contains("synthetic"))
            // GDB gives address 0 the name of what lies there.
            || theirs.strip_prefix(&own).is_some_and(|rest| own == "0x0" && rest.starts_with(" <"))
            || cut(&theirs)
            || cut(&own)
            // By what the caller passed, and by link-time optimisation's parts, we know more.
            || (ours.value.is_some() && theirs == "<optimized out>")
        {
            self.passed_over += 1;
        } else {
            self.wrong.push(format!("{place}:\n  ours {own}\n  GDB  {theirs}"));
        }
    }

    fn thread(&mut self, name: &str, ours: &report::Thread, theirs: &[Shown]) {
        for (index, (frame, shown)) in ours.frames.iter().zip(theirs).enumerate() {
            let own = frame.function.clone().unwrap_or_default();
            let last = |name: &str| name.rsplit("::").next().unwrap_or_default().to_string();
            // Where there is no function, GDB shows all of the file's variables.
            if last(&own) != last(&shown.function) || own == "_start" {
                continue;
            }
            let place = |variable: &str| format!("{name} {} #{index} {own} {variable}", ours.name);
            for (variable, value) in &shown.arguments {
                let ours = frame.arguments.iter().find(|ours| ours.name == *variable);
                self.pair(&place(variable), ours, value);
            }
            let mut rest: Vec<&report::Value> = frame.locals.iter().collect();
            for (variable, value) in &shown.locals {
                // Several of one name, in nested blocks: GDB begins with the innermost.
                let same = |local: &&report::Value| local.name == *variable;
                let shows = |local: &&report::Value| {
                    same(local)
                        && local
                            .value
                            .as_ref()
                            .map_or(value.starts_with('<'), |own| *own == plain(value))
                };
                let at = rest.iter().position(shows).or_else(|| rest.iter().position(same));
                let ours = at.map(|at| rest.remove(at));
                self.pair(&place(variable), ours, value);
            }
        }
    }
}

#[test]
fn arguments_and_locals_of_the_fixtures_equal_those_of_gdb() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("values");
    std::fs::create_dir_all(&scratch).expect("room for files");
    let mut count = Count::default();
    for case in cases::all(&scratch) {
        let opened = case.opened();
        // Of one crash in many formats, one is enough.
        if opened.dump.arch.elf_machine == EM_XTENSA || case.elf.is_none() || case.force {
            continue;
        }
        let server = env!("CARGO_BIN_EXE_coroner");
        let arguments: Vec<String> =
            case.arguments().iter().map(|text| format!("'{text}'")).collect();
        let connect = format!("target remote | {server} serve --stdio {}", arguments.join(" "));
        let file = format!("file {}", case.elf.as_ref().expect("it has one").display());
        let commands =
            [SETTINGS.as_slice(), &[&file, &connect, "thread apply all bt full"]].concat();
        let Some(text) = gdb(&commands) else { return };
        let report = report::build(&opened, &ReportOptions::default()).expect("a report");
        // GDB begins with the last thread.
        let mut theirs = frames(&text);
        theirs.reverse();
        for (thread, theirs) in report.threads.iter().zip(&theirs) {
            count.thread(&case.name, thread, theirs);
        }
    }
    println!("{} equal, {} skipped", count.equal, count.passed_over);
    assert!(count.wrong.is_empty(), "{} differ:\n{}", count.wrong.len(), count.wrong.join("\n"));
    assert!(count.equal > 300, "{count:?}");
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/values").join(name)
}

fn compare(name: &str, opened: &Opened, text: &str, expressions: &[&str]) -> Count {
    let print = expressions.iter().map(|text| (*text).to_string()).collect();
    let wishes = ReportOptions { print, ..ReportOptions::default() };
    let report: Report = report::build(opened, &wishes).expect("a report");
    let mut count = Count::default();
    let theirs = frames(text);
    assert!(theirs[0].len() >= 3, "{text}");
    count.thread(name, &report.threads[0], &theirs[0]);
    let (_, printed) = text.split_once("VALUES\n").expect("they were printed");
    let printed: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.strip_prefix('$')?.split_once(" = "))
        .map(|(_, v)| v)
        .collect();
    assert_eq!(printed.len(), expressions.len(), "{text}");
    for ((expression, value), theirs) in expressions.iter().zip(&report.values).zip(printed) {
        count.pair(&format!("{name} {expression}"), Some(value), theirs);
    }
    println!("{name}: {} equal, {} skipped", count.equal, count.passed_over);
    count
}

/// Builds a program for the Cortex-M3, stops it, and compares.
fn on_cortex_m(name: &str, compiler: &str, flags: &[&str], sources: &[&str], expressions: &[&str]) {
    let paths: Vec<PathBuf> = sources.iter().map(|file| source(file)).collect();
    let print: Vec<String> = expressions.iter().map(|text| format!("print {text}")).collect();
    let mut commands = SETTINGS.to_vec();
    commands.extend(["bt full", "echo VALUES\\n"]);
    commands.extend(print.iter().map(String::as_str));
    let name_of_folder = format!("values-{name}");
    let seen = machines::opened(&name_of_folder, compiler, flags, &paths, &commands);
    let Some((opened, text)) = seen else { return };
    let count = compare(name, &opened, &text, expressions);
    assert!(count.wrong.is_empty(), "{} differ:\n{}", count.wrong.len(), count.wrong.join("\n"));
    assert!(count.equal >= expressions.len(), "{count:?}");
}

const C_VALUES: [&str; 32] = [
    "packed",
    "packed.mode",
    "packed.b",
    "rights",
    "odd",
    "mode",
    "first",
    "second",
    "*first.next",
    "first.next->inner.y",
    "first.word.high",
    "second.counts[1]",
    "second.counts[1][2]",
    "second.handler",
    "&second.counts",
    "zeros",
    "squares",
    "filled",
    "big",
    "letter",
    "negative",
    "yes",
    "anywhere",
    "(int *)anywhere",
    "*(int *)anywhere",
    "((int *)anywhere)[-1]",
    "(unsigned char)big",
    "(unsigned long)negative",
    "(char *)first.name",
    "elsewhere",
    "elsewhere.self->self->id",
    "'helper.c'::hidden",
];

#[test]
fn values_of_c_equal_those_of_gdb() {
    for (name, flags) in [("c-O0", &["-O0"][..]), ("c-O2", &["-O2"])] {
        on_cortex_m(name, "arm-none-eabi-gcc", flags, &["shapes.c", "helper.c"], &C_VALUES);
    }
}

#[test]
fn values_of_c_over_units_equal_those_of_gdb() {
    for (name, flags) in [
        ("c-lto", &["-O2", "-flto", "-flto-partition=1to1"][..]),
        ("c-lto-dwarf4", &["-O2", "-flto", "-gdwarf-4"]),
        ("c-types-dwarf5", &["-O1", "-fdebug-types-section"]),
        ("c-types-dwarf4", &["-O1", "-fdebug-types-section", "-gdwarf-4"]),
    ] {
        on_cortex_m(name, "arm-none-eabi-gcc", flags, &["shapes.c", "helper.c"], &C_VALUES);
    }
}

const CPP_VALUES: [&str; 13] = [
    "app::derived",
    "app::derived.id",
    "app::derived.colour",
    "app::derived.state",
    "app::ring",
    "app::ring.items[2]",
    "app::target",
    "app::reference",
    "app::wide",
    "app::flag",
    "app::pointer",
    "*app::pointer",
    "app::Base::total",
];

#[test]
fn values_of_cpp_equal_those_of_gdb() {
    for (name, flags) in [
        ("c++-O0", &["-O0"][..]),
        ("c++-lto", &["-O2", "-flto"]),
        ("c++-types", &["-O1", "-fdebug-types-section"]),
    ] {
        let all = [&["-fno-exceptions", "-fno-rtti", "-std=c++17"], flags].concat();
        on_cortex_m(name, "arm-none-eabi-g++", &all, &["classes.cpp"], &CPP_VALUES);
    }
}

// GDB 13.1 falls over a static enum with named fields.
const RUST_VALUES: [&str; 5] = [
    "shapes::MESSAGES[2]",
    "shapes::COUNTS",
    "shapes::COUNTS[1]",
    "shapes::COUNTS[1][2]",
    "shapes::HITS",
];

#[test]
fn values_of_rust_with_link_time_optimisation_equal_those_of_gdb() {
    let gdbs = debuggers::gdbs();
    let Some(newest) = gdbs.last().filter(|_| is_there("rustc")) else { return };
    for (name, flags) in [
        ("rust-debug", &["-Copt-level=0"][..]),
        ("rust-lto", &["-Copt-level=2", "-Clto=fat", "-Ccodegen-units=1"]),
        ("rust-lto-dwarf5", &["-Copt-level=1", "-Clto=fat", "-Cdebuginfo=2", "-Zdwarf-version=5"]),
    ] {
        // GDB 13.1 falls over enums that are partly optimised out.
        if gdbs.len() < 2 && name != "rust-debug" {
            support::missing::skip(&format!("{name} needs a GDB newer than 13.1"));
            continue;
        }
        let folder = Folder::new(&format!("values-{name}"));
        let elf = folder.0.join("shapes");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition=2024", "-g", "-Crelocation-model=static", "-Ctarget-cpu=x86-64"]);
        rustc.args(flags).arg(source("shapes.rs")).arg("-o").arg(&elf);
        // Options that begin with -Z are there for those who ask.
        let built = rustc.env("RUSTC_BOOTSTRAP", "1").output().expect("rustc is there");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let core = folder.0.join("core");
        let print: Vec<String> = RUST_VALUES.iter().map(|text| format!("print {text}")).collect();
        let (file, save) =
            (format!("file {}", elf.display()), format!("generate-core-file {}", core.display()));
        let load = format!("core-file {}", core.display());
        let mut commands =
            vec!["set width 0", file.as_str(), "break crash", "run", &save, "kill", &load];
        commands.extend(SETTINGS);
        commands.extend(["bt full", "echo VALUES\\n", "set language rust"]);
        commands.extend(print.iter().map(String::as_str));
        let text = debuggers::run(newest, 100, &commands);
        let options = Options::default().elf([elf.clone()]).any_elf(true);
        let opened = coroner::open::open(&[core], &options);
        let opened = opened.unwrap_or_else(|error| panic!("{error}\n{text}"));
        // The core file's own line of greeting is a frame, too.
        let start = text.rfind("\n#0").expect("a backtrace");
        let count = compare(name, &opened, &text[start..], &RUST_VALUES);
        // The outer frames are the standard library's.
        let own: Vec<&String> =
            count.wrong.iter().filter(|text| text.contains("shapes::")).collect();
        assert!(own.is_empty(), "{} differ:\n{own:#?}", own.len());
        assert!(count.equal >= 10, "{count:?}");
    }
}

//! The commands for pipelines, run as a user runs them: `gdb`, `check`, `triage`, `completions`.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{fixtures, missing};

fn demo(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    folder.join(name).display().to_string()
}

fn coroner(arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60", env!("CARGO_BIN_EXE_coroner")]).args(arguments);
    command.env_remove("DEBUGINFOD_URLS").stdin(Stdio::null());
    // What is remembered of folders of the tests is of no use to anybody.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let output = command.output().expect("timeout is there");
    assert_ne!(output.status.code(), Some(124), "{arguments:?} took more than a minute");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("coroner-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("it is ours");
        }
        std::fs::write(&path, bytes).expect("it is ours");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn has_gdb() -> bool {
    missing::program("gdb-multiarch")
}

#[test]
fn gdb_is_started_connected_and_its_exit_status_passed_on() {
    if !has_gdb() {
        return;
    }
    let (dump, elf) = (demo("dump.core"), demo("firmware.elf"));
    let run = |more: &[&str]| {
        let first = ["gdb", &dump, "--elf", &elf];
        coroner(&[first.as_slice(), more].concat())
    };
    let output = run(&["--", "-nx", "-batch", "-ex", "bt"]);
    assert!(text(&output).contains("demo::calibrate (raw=2121"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(0));

    let failing = ["--", "-nx", "-batch", "-ex", "print nosuch", "-ex", "print 41+1"];
    let output = run(&failing);
    assert!(text(&output).contains("= 42"), "without --strict GDB goes on: {}", text(&output));
    let output = run(&[&["--strict"], failing.as_slice()].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(!text(&output).contains("= 42"), "with --strict it stops: {}", text(&output));

    let folder = Folder::new("gdb scripts");
    let script = folder.write("checks it's.gdb", b"print SETTINGS.channel\nkill nosuch\n");
    let output = run(&["--strict", "--", "-nx", "-batch", "-x", &script]);
    assert!(text(&output).contains("$1 = 2"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(run(&["--strict", "--", "-ex", "bt"]).status.code(), Some(2), "no -batch");
}

#[test]
fn gdb_is_given_paths_with_blanks_and_quotes_whole() {
    if !has_gdb() {
        return;
    }
    let folder = Folder::new("it's a \"folder\" $HOME");
    let dump = folder.write("a dump.core", &std::fs::read(demo("dump.core")).expect("it is there"));
    let elf =
        folder.write("the ELF.elf", &std::fs::read(demo("firmware.elf")).expect("it is there"));
    let output =
        coroner(&["gdb", &dump, "--elf", &elf, "--strict", "--", "-nx", "-batch", "-ex", "bt"]);
    assert!(text(&output).contains("demo::calibrate (raw=2121"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

const EXPECTED: &str = r#"
reason = "bus fault"
signal = "SIGSEGV"
function = "demo::read_offset"
crashed_thread = "sensor"
threads = ["sensor", "radio", "watch"]
frames = ["demo::read_offset", "demo::sensor_task"]
elf_matches = true
complete = true
[values]
"SETTINGS.channel" = "2"
[facts]
device = "weather-station"
"#;

#[test]
fn check_tells_what_is_not_as_expected() {
    let folder = Folder::new("check");
    let right = folder.write("right.toml", EXPECTED.as_bytes());
    let (dump, elf, junit) = (demo("dump.core"), demo("firmware.elf"), folder.path("junit.xml"));
    let output = coroner(&["check", &dump, "--elf", &elf, "--expect", &right, "--junit", &junit]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("12 as expected"), "{}", text(&output));
    let xml = std::fs::read_to_string(&junit).expect("it was written");
    assert!(xml.contains("tests=\"12\" failures=\"0\"") && xml.contains("name=\"value SETTINGS"));

    for (old, new, says) in [
        ("bus fault", "stack overflow", "reason: expected stack overflow, found bus fault"),
        ("SIGSEGV", "SIGILL", "signal: expected SIGILL, found SIGSEGV"),
        ("function = \"demo::read_offset\"", "function = \"main\"", "function: expected main"),
        ("\"watch\"", "\"wifi\"", "thread wifi: expected wifi, found sensor, radio, watch"),
        ("\"demo::sensor_task\"]", "\"x\"]", "frames: expected demo::read_offset < x"),
        ("elf_matches = true", "elf_matches = false", "elf_matches: expected another ELF file"),
        ("complete = true", "complete = false", "complete: expected an incomplete dump"),
        ("= \"2\"", "= \"3\"", "value SETTINGS.channel: expected 3, found 2"),
        ("weather", "whether", "fact device: expected whether-station"),
    ] {
        assert!(EXPECTED.contains(old), "{old}");
        let wrong = folder.write("wrong.toml", EXPECTED.replacen(old, new, 1).as_bytes());
        let output =
            coroner(&["check", &dump, "--elf", &elf, "--expect", &wrong, "--junit", &junit]);
        assert_eq!(output.status.code(), Some(1), "{old}: {}", text(&output));
        assert!(text(&output).contains(says), "{old}: {}", text(&output));
        let xml = std::fs::read_to_string(&junit).expect("it was written");
        assert!(xml.contains("failures=\"1\"") && xml.contains("<failure"), "{xml}");
    }

    let unknown = folder.write("unknown.toml", b"crashed_task = \"main\"\n");
    let output = coroner(&["check", &dump, "--expect", &unknown]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "a key that is not known checks nothing: {}",
        text(&output)
    );

    let broken = folder.write("broken.bin", b"no dump at all, but long enough to be one");
    let output = coroner(&["check", &broken, &dump, "--elf", &elf, "--expect", &right, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    let passed: Vec<_> = lines.iter().map(|line| line["passed"].as_bool()).collect();
    assert_eq!(passed.iter().filter(|p| **p == Some(true)).count(), 1, "{lines:?}");
    assert_eq!(passed.len(), 2);
}

#[test]
fn triage_groups_dumps_and_goes_on_where_it_was_stopped() {
    let folder = Folder::new("triage");
    let whole = std::fs::read(demo("dump.core")).expect("it is there");
    for n in 0..20 {
        folder.write(&format!("dumps/{}/{n}.core", n % 3), &whole);
    }
    folder.write("dumps/0/damaged.core", &whole[..whole.len() / 2]);
    folder.write("dumps/readme.txt", b"not a dump, with \"quotes\", commas");
    let mut crashes = 1;
    if let Some(root) = fixtures() {
        let core = std::fs::read(root.join("espressif/esp32/coredump.b64")).expect("it is there");
        folder.write("dumps/1/esp32.b64", &core);
        crashes = 2;
    }
    let dumps = folder.path("dumps");
    let (elf, rows, csv) =
        (demo("firmware.elf"), folder.path("rows.jsonl"), folder.path("rows.csv"));
    let elf_dir = Path::new(&elf).parent().expect("a folder").display().to_string();

    let run = |more: &[&str]| {
        let output = coroner(&[&["triage", &dumps, "--elf-dir", &elf_dir], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        output
    };
    let output = run(&["--rows", &rows, "--groups", "jsonl"]);
    let groups: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    assert_eq!(groups.len(), crashes, "{groups:?}");
    assert_eq!(groups[0]["count"], 20);
    assert_eq!(groups[0]["functions"][0], "demo::read_offset");
    assert!(groups[0]["example"].as_str().is_some_and(|path| path.ends_with("0/0.core")));
    let all = std::fs::read_to_string(&rows).expect("it was written");
    assert_eq!(all.lines().count(), 21 + crashes, "a damaged file is a row");
    assert!(all.contains("readme.txt") && all.contains("not a dump"));

    // Stopped in the middle of a row.
    let cut = all.len() / 2;
    std::fs::write(&rows, &all[..cut]).expect("it is ours");
    let output = run(&["--rows", &rows, "--resume", "--groups", "jsonl"]);
    let again: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    assert_eq!(again, groups);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&std::fs::read_to_string(&rows).expect("it is there")), sorted(&all));

    run(&["--rows", &csv]);
    let table = std::fs::read_to_string(&csv).expect("it was written");
    assert!(table.starts_with("file,modified,signature,headline,"));
    assert_eq!(table.lines().count(), 22 + crashes);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = Folder::new("man");
    for shell in ["bash", "zsh", "fish"] {
        let output = coroner(&["completions", shell]);
        let script = text(&output);
        for command in ["report", "convert", "gdb", "check", "triage", "--elf-dir"] {
            let bare = command.trim_start_matches('-');
            assert!(script.contains(bare), "{command} in {shell}");
        }
    }
    assert_eq!(coroner(&["completions", "--man", &folder.path("man1")]).status.code(), Some(0));
    for page in ["coroner.1", "coroner-report.1", "coroner-triage.1"] {
        let page = std::fs::read_to_string(folder.0.join("man1").join(page)).expect("a page");
        assert!(page.contains(".TH"), "{page}");
    }
}

#[test]
fn the_help_of_every_command_teaches_by_examples() {
    for command in
        ["serve", "info", "report", "gdb", "check", "triage", "convert", "demo", "completions"]
    {
        let help = text(&coroner(&[command, "--help"]));
        let (_, examples) = help.split_once("Examples:").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("coroner {command}")), "{command}: {examples}");
    }
    assert!(text(&coroner(&["--help"])).contains("coroner triage dumps"), "its own, not serve's");
}

/// The blocks of `docs/ci.md` in one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md");
    let text = std::fs::read_to_string(path).expect("it is there");
    let fence = format!("```{language}\n");
    let block = |part: &str| part.split("```").next().unwrap_or_default().to_string();
    text.split(&fence).skip(1).map(block).collect()
}

#[test]
fn the_job_of_the_documentation_does_what_it_says() {
    if !has_gdb() {
        return;
    }
    let folder = Folder::new("ci");
    folder.write("crash.toml", blocks("toml")[0].as_bytes());
    folder.write("checks.gdb", blocks("gdb")[0].as_bytes());
    let dump = folder.write("dump.bin", &std::fs::read(demo("dump.core")).expect("it is there"));
    let elf = std::fs::read(demo("firmware.elf")).expect("it is there");
    folder.write("build/app/firmware.elf", &elf);
    let own = Path::new(env!("CARGO_BIN_EXE_coroner")).parent().expect("a folder");
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let run = |script: &str| {
        let mut shell = Command::new("timeout");
        shell.args(["60", "sh", "-e", "-c", script]).current_dir(&folder.0).stdin(Stdio::null());
        shell.env("PATH", &path).env("DUMP", &dump).env("BUILD", folder.path("build"));
        shell.env_remove("DEBUGINFOD_URLS").output().expect("there is a shell")
    };
    let job = &blocks("sh")[0];
    let output = run(job);
    assert!(output.status.success(), "{}", text(&output));
    assert!(folder.0.join("crash.html").is_file() && folder.0.join("check.xml").is_file());

    // It can fail, too: at each of its steps.
    folder.write("checks.gdb", blocks("gdb")[0].replace("2000", "3000").as_bytes());
    let output = run(job);
    assert!(!output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("the_sensor_was_never_read"), "{}", text(&output));
    folder.write("crash.toml", b"function = \"main\"\n");
    assert!(!run(job).status.success());
}

/// A server of Debian's package, that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_elf_file_comes_from_a_debuginfod_server_by_its_build_id() {
    if !missing::program("debuginfod") {
        return;
    }
    let folder = Folder::new("debuginfod");
    let elf = std::fs::read(demo("firmware.elf")).expect("it is there");
    folder.write("served/firmware.elf", &elf);
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let port = port.expect("a free port").port().to_string();
    let database = folder.path("index.sqlite");
    let server = Command::new("debuginfod")
        .args(["-F", "-p", &port, "-d", &database, &folder.path("served")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(server.expect("it is installed"));
    let dump = demo("dump.core");
    let report = |url: &str, cache: &str| {
        let mut command = Command::new("timeout");
        command.args(["30", env!("CARGO_BIN_EXE_coroner"), "report", &dump]);
        command.env("DEBUGINFOD_URLS", url).env("DEBUGINFOD_CACHE_PATH", folder.path(cache));
        text(&command.stdin(Stdio::null()).output().expect("timeout is there"))
    };
    let url = format!("http://127.0.0.1:{port}/");
    // The server looks through its folder first. The client remembers what there was not.
    let found = (0..40).find_map(|n| {
        std::thread::sleep(std::time::Duration::from_millis(250));
        let shown = report(&url, &format!("cache{n}"));
        shown.contains("demo::calibrate (raw=2121").then_some(shown)
    });
    let shown = found.expect("the server has it within ten seconds");
    assert!(shown.contains("(matches the dump)"), "{shown}");
    // A server that is not there is told, and keeps nothing else from being shown.
    let shown = report("http://127.0.0.1:9/", "nothing");
    assert!(shown.contains("have nothing of build id") && shown.contains("bus fault"), "{shown}");
}

#[test]
fn an_elf_file_is_found_in_a_folder_laid_out_by_build_id() {
    let elf = std::fs::read(demo("firmware.elf")).expect("it is there");
    let opened = coroner::firmware::Firmware::parse("demo".into(), elf.clone().into());
    let id = opened.expect("an ELF file").build_id().expect("it has a build id");
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = Folder::new("build-id");
    let (first, rest) = digits.split_at(2);
    folder.write(&format!("debug/.build-id/{first}/{rest}.debug"), &elf);
    folder.write("debug/other.elf", b"\x7fELF, but not really");
    let output = coroner(&["report", &demo("dump.core"), "--elf-dir", &folder.path("debug")]);
    assert!(text(&output).contains("demo::calibrate (raw=2121"), "{}", text(&output));
}

/// Python with DuckDB, if it is there: `scripts/tool duckdb`.
fn duckdb() -> Option<PathBuf> {
    missing::named_by("CORONER_DUCKDB", "duckdb")
}

#[test]
fn duckdb_reads_the_rows_of_every_form_alike() {
    let Some(python) = duckdb() else { return };
    let folder = Folder::new("duckdb");
    let whole = std::fs::read(demo("dump.core")).expect("it is there");
    for n in 0..30 {
        folder.write(&format!("dumps/{n}.core"), &whole);
    }
    folder.write("dumps/it's \"odd\", \u{e9}.txt", b"no dump");
    let (dumps, elf) = (folder.path("dumps"), demo("firmware.elf"));
    let [jsonl, csv, parquet] = ["rows.jsonl", "rows.csv", "rows.parquet"].map(|n| folder.path(n));
    let arguments = ["triage", &dumps, "--elf", &elf, "--rows", &jsonl, "--rows", &csv];
    let output = coroner(&[arguments.as_slice(), &["--rows", &parquet]].concat());
    assert!(output.status.success(), "{}", text(&output));
    let ask = |sql: &str| {
        let script =
            "import duckdb,sys\nfor r in duckdb.sql(sys.argv[1]).fetchall(): print(*r, sep='|')";
        let output = Command::new(&python).args(["-c", script, sql]).output().expect("it runs");
        assert!(output.status.success(), "{sql}: {}", text(&output));
        text(&output)
    };
    let columns = "file, signature, headline, signal, thread, format, chip, firmware_id, elf, \
                   warnings, error";
    let rows = |from: &str| ask(&format!("select {columns} from {from} order by file"));
    let wanted = rows(&format!("'{parquet}'"));
    assert_eq!(wanted.lines().count(), 31, "{wanted}");
    assert_eq!(wanted, rows(&format!("'{jsonl}'")));
    let sql = format!(
        "select count(*), list_distinct(list(functions)) from '{parquet}' where error is null"
    );
    let shown = ask(&sql);
    assert!(
        shown.starts_with("30|") && shown.contains("'demo::read_offset', 'demo::calibrate'"),
        "{shown}"
    );
    let functions = |file: &str| ask(&format!("select functions from '{file}' order by file"));
    assert_eq!(functions(&parquet), functions(&jsonl));
    // The time is one, and the file's.
    let sql = format!(
        "select bool_and(epoch(p.modified) = j.modified), typeof(any_value(p.modified)) \
         from '{parquet}' p join '{jsonl}' j using (file)"
    );
    assert_eq!(ask(&sql).trim(), "True|TIMESTAMP");
    assert_eq!(ask(&format!("select count(*) from '{csv}' where signal = 'SIGSEGV'")).trim(), "30");

    // Gone on with: the Parquet file has the old rows and the new one.
    folder.write("dumps/new.core", &whole);
    let more = ["triage", &dumps, "--elf", &elf, "--resume", "--rows", &jsonl, "--rows", &parquet];
    let output = coroner(&more);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(ask(&format!("select count(*) from '{parquet}'")).trim(), "32");
    assert_eq!(std::fs::read_to_string(&jsonl).expect("it is there").lines().count(), 32);
    let output = coroner(&["triage", &dumps, "--resume", "--rows", &parquet]);
    assert_eq!(output.status.code(), Some(2), "a Parquet file can't be gone on with");
}

/// The demo's ELF file with another build id.
fn other_build(number: u32) -> Vec<u8> {
    let mut bytes = std::fs::read(demo("firmware.elf")).expect("it is there");
    let elf = coroner::firmware::Firmware::parse("demo".into(), bytes.clone().into());
    let id = elf.expect("an ELF file").build_id().expect("it has a build id");
    let at = bytes.windows(id.len()).position(|part| part == &*id).expect("it is in there");
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[test]
fn the_elf_file_among_many_is_remembered_and_never_taken_on_trust() {
    let folder = Folder::new("index");
    for n in 0..300 {
        folder.write(&format!("builds/{}/{n}.elf", n % 10), &other_build(n));
    }
    folder.write("builds/9/readme.txt", b"no ELF file");
    let own = std::fs::read(demo("firmware.elf")).expect("it is there");
    let right = folder.write("builds/9/zz.elf", &own);
    let (dump, builds, cache) = (demo("dump.core"), folder.path("builds"), folder.path("cache"));
    let run = |more: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["60", env!("CARGO_BIN_EXE_coroner"), "info", &dump, "--json"]);
        command.args(["--elf-dir", &builds]).args(more).env("XDG_CACHE_HOME", &cache);
        command.env_remove("DEBUGINFOD_URLS").stdin(Stdio::null());
        command
    };
    let shown = |more: &[&str]| text(&run(more).output().expect("timeout is there"));
    let index = || {
        let entries = std::fs::read_dir(folder.0.join("cache/coroner/elf-index"));
        let paths: Vec<PathBuf> =
            entries.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
        paths
    };
    assert!(shown(&["--no-cache"]).contains("zz.elf"));
    assert!(index().is_empty(), "--no-cache writes nothing");
    assert!(shown(&[]).contains("zz.elf"));
    let lists = index();
    assert_eq!(lists.len(), 1, "{lists:?}");
    let list = std::fs::read_to_string(&lists[0]).expect("it is text");
    assert_eq!(list.lines().count(), 304, "every file is in the list");
    assert!(shown(&[]).contains("zz.elf"));

    // The right one becomes another; a later one is the right one.
    std::fs::write(&right, other_build(1000)).expect("it is ours");
    assert!(shown(&[]).contains("no ELF file in"), "what was changed is not taken");
    folder.write("builds/0/new.elf", &own);
    assert!(shown(&[]).contains("new.elf"), "what is new is found");
    std::fs::remove_file(folder.0.join("builds/0/new.elf")).expect("it is ours");
    std::fs::write(&right, &own).expect("it is ours");

    // Damage, and many at a time.
    for damage in ["", "coroner elf index 1\n", "{\"path\":\"\u{1}\"}\nend 00000000\n"] {
        std::fs::write(&lists[0], damage).expect("it is ours");
        let mut running: Vec<_> = (0..6)
            .map(|_| {
                let mut command = run(&[]);
                command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
            })
            .collect();
        for child in running.drain(..) {
            let output = child.wait_with_output().expect("it ends");
            assert!(text(&output).contains("zz.elf"), "{}", text(&output));
        }
        let list = std::fs::read_to_string(&lists[0]).expect("it is text");
        assert_eq!(list.lines().count(), 304, "made anew");
    }
    assert_eq!(index().len(), 1, "nothing is left aside");
}

#[test]
fn whom_to_blame_is_said_to_report_check_and_triage_alike() {
    let folder = Folder::new("blame");
    let (dump, elf) = (demo("dump.core"), demo("firmware.elf"));
    let rules = b"[[rule]]\nkind = \"machinery\"\nfunctions = [\"demo::read_offset\"]\n";
    let rules = folder.write("rules.toml", rules);
    let blamed = folder.write("blamed.toml", b"function = \"demo::calibrate\"\n");
    for options in [["--skip", "demo::read_*"], ["--app-rules", &rules]] {
        let check = ["check", &dump, "--elf", &elf, "--expect", &blamed];
        let output = coroner(&[&check[..], &options].concat());
        assert_eq!(output.status.code(), Some(0), "{options:?}: {}", text(&output));
        assert_eq!(coroner(&check).status.code(), Some(1), "without the rule it is another");
        for command in [&["report", "--crashed"][..], &["triage", "--groups", "jsonl"]] {
            let output = coroner(&[command, &[&dump, "--elf", &elf], &options].concat());
            let first = text(&output).lines().next().unwrap_or_default().to_string();
            assert!(first.contains("demo::calibrate"), "{command:?} {options:?}: {first}");
        }
    }
    // What is only called because something went wrong is no part of a signature.
    let signature = |options: &[&str]| {
        let report = coroner(&[&["report", "--json", &dump, "--elf", &elf], options].concat());
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
        report["signature"]["parts"].clone()
    };
    assert_eq!(signature(&[])[1], "demo::read_offset");
    assert_eq!(signature(&["--app-rules", &rules])[1], "demo::calibrate");
    let bad = folder.write("bad.toml", b"rules = 1\n");
    for command in ["report", "check", "triage"] {
        let more: &[&str] = if command == "check" { &["--expect", &blamed] } else { &[] };
        let output = coroner(&[&[command, &dump, "--app-rules", &bad], more].concat());
        assert_eq!(output.status.code(), Some(2), "{command}: {}", text(&output));
    }
}

#[test]
fn a_variable_without_an_elf_file_says_which_files_were_looked_at() {
    let folder = Folder::new("no-elf");
    let other =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zephyr/cortex-m4/firmware.elf");
    folder.write("other.elf", &std::fs::read(other).expect("it is there"));
    folder.write("notes.txt", b"no program");
    let builds = folder.0.display().to_string();
    let (dump, print) = (demo("dump.core"), ["--print", "SETTINGS.channel"]);
    let output = coroner(&[&["report", &dump, "--elf-dir", &builds], &print[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    let words = text(&output);
    for part in ["is the dump's (build id 46219e65", "other.elf is build id", "1 file"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // Without such a search the option is named.
    let output = coroner(&[&["report", &dump], &print[..]].concat());
    assert!(text(&output).contains("--elf"), "{}", text(&output));
    // A report without variables needs none, and says the same in a note.
    let output = coroner(&["report", &dump, "--elf-dir", &builds]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("other.elf is build id"), "{}", text(&output));
}

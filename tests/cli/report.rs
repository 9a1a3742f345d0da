//! `coroner report`: what it says is what debuggers say, in every form, and whatever the ELF file
//! holds.

use crate::support;
use coroner::firmware::Firmware;
use coroner::open::Opened;
use coroner::report::{self, Report, ReportOptions, Style};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::oracle;
use support::real::open;
use support::{Numbers, fixtures};

fn demo() -> Opened {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    open(&[folder.join("dump.core")], Some(folder.join("firmware.elf")))
}

fn report_of(opened: &Opened) -> Report {
    report::build(opened, &ReportOptions::default()).expect("nothing was asked that makes no sense")
}

#[test]
fn arguments_equal_those_of_the_vendors_reports() {
    let Some(root) = fixtures() else { return };
    let (mut known, mut lost) = (0, 0);
    for (folder, dump, elf, expected) in [
        ("esp32", "coredump.b64", "esp32.elf", "expected_output"),
        ("esp32", "coredump_bin.b64", "esp32_bin.elf", "expected_output_bin"),
        ("esp32c3", "coredump.b64", "esp32c3.elf", "expected_output"),
        ("esp32c3", "coredump_bin.b64", "esp32c3_bin.elf", "expected_output_bin"),
        ("esp32c6", "coredump.b64", "esp32c6.elf", "expected_output"),
    ] {
        let root = root.join("espressif").join(folder);
        let report = report_of(&open(&[root.join(dump)], Some(root.join(elf))));
        let text = std::fs::read_to_string(root.join(expected)).expect("it is there");
        let mut thread = None;
        for line in text.lines() {
            if let Some((_, rest)) = line.split_once("(TCB: ") {
                let id = rest.split(',').next().unwrap_or_default();
                thread = report.threads.iter().find(|thread| thread.id.to_string() == id);
            } else if line.starts_with('#')
                && let Some(thread) = thread
            {
                let name = line.split(" (").next().unwrap_or_default();
                let name = name.rsplit([' ']).next().unwrap_or_default();
                let frame = thread.frames.iter().find(|f| f.function.as_deref() == Some(name));
                let Some(frame) = frame else { continue };
                for (name, theirs) in oracle::arguments(line) {
                    let ours = frame.arguments.iter().find(|argument| argument.name == name);
                    let ours = ours.unwrap_or_else(|| panic!("{folder}: {name} of {line}"));
                    match &ours.value {
                        Some(value) => {
                            assert_eq!(*value, theirs, "{folder}: {name} of {line}");
                            known += 1;
                        }
                        None => {
                            assert!(theirs.contains("optimized out"), "{folder}: {name} of {line}");
                            lost += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{known} arguments have the same value, {lost} are optimized out for both");
    assert!(known >= 60, "{known} arguments were compared");
}

#[test]
fn the_demo_is_told_from_the_headline_to_the_memory() {
    let opened = demo();
    let report = report_of(&opened);
    let pc = opened.dump.crashed().and_then(|thread| thread.registers.pc()).unwrap();
    let headline = format!(
        "sensor: bus fault: precise data access: 0xdeadbee0 at pc {pc:#x}, in demo::read_offset at \
         demo.rs:102"
    );
    assert_eq!(report.headline, headline);
    let crashed = report.crashed().expect("one crashed");
    let names: Vec<_> = crashed.frames.iter().filter_map(|f| f.function.as_deref()).collect();
    assert_eq!(
        names,
        ["demo::read_offset", "demo::calibrate", "demo::measure", "demo::sensor_task"]
    );
    let text = report::to_text(&report, &Style::PLAIN);
    for part in [
        "demo::calibrate (raw=2121, settings=0x20000000 <SETTINGS>)",
        "Thread radio (0x2), ready",
        "CFSR       0x8200  PRECISERR",
        "932 never used",
    ] {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours when piped");
    let narrow = report::to_text(&report, &Style { colour: true, width: Some(60) });
    assert!(narrow.contains("\x1b[1m\x1b[31m") && narrow.lines().count() > text.lines().count());
}

#[test]
fn variables_are_shown_by_name_and_path() {
    let opened = demo();
    let value = |expression: &str| {
        let wishes = ReportOptions { print: vec![expression.into()], ..ReportOptions::default() };
        report::build(&opened, &wishes).map(|report| report.values[0].value.clone())
    };
    let shown = |expression: &str| value(expression).expect("it is right").expect("it is known");
    assert_eq!(
        shown("SETTINGS"),
        "demo::SensorSettings {channel: 2, interval_ms: 48879, calibration: 0xdeadbee0, station: \
         [114, 111, 111, 102, 45, 48, 52, 0]}"
    );
    assert_eq!(shown("SETTINGS.station[2]"), "111");
    assert_eq!(shown("QUEUE[1].v.value.0"), "2097");
    assert_eq!(shown("demo::SETTINGS.channel"), "2");
    assert_eq!(shown("(u8)SETTINGS.interval_ms"), "239");
    // What the pointer points to is not in the dump: that is said, not invented.
    let wishes =
        ReportOptions { print: vec!["*SETTINGS.calibration".into()], ..ReportOptions::default() };
    let report = report::build(&opened, &wishes).expect("it is right");
    let text = report::to_text(&report, &Style::PLAIN);
    assert!(text.contains("at 0xdeadbee0, which is not in the dump"), "{text}");
    for (wrong, why) in [
        ("NOBODY", "no ELF file describes a variable 'NOBODY'"),
        ("SETTINGS.colour", "there is no member 'colour', only channel, interval_ms"),
        ("QUEUE[8]", "there are only 8 elements"),
        ("SETTINGS + 1", "is not understood"),
    ] {
        let error = value(wrong).expect_err("it is wrong").to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn json_says_its_version_and_what_text_says() {
    let report = report_of(&demo());
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("it is JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["headline"], report.headline);
    assert_eq!(json["threads"][0]["frames"][0]["function"], "demo::read_offset");
    assert_eq!(json["threads"][0]["frames"][0]["arguments"][0]["value"], "0xdeadbee0");
    assert_eq!(json["reason"]["evidence"][0]["value"], "0x8200");
    assert_eq!(json["identity"]["firmware_matches"], true);
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = report::to_html(&report_of(&demo()));
    for foreign in ["http:", "https:", "<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("demo::read_offset") && page.contains("<svg"));
    for tag in ["details", "div", "ol", "li", "svg", "table", "dl", "pre"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn the_signature_is_the_same_for_the_same_crash_and_needs_no_addresses() {
    let Some(root) = fixtures() else { return };
    let root = root.join("espressif");
    let of = |dump: &str, elf: &str| {
        report_of(&open(&[root.join(dump)], Some(root.join(elf)))).signature
    };
    let one = of("esp32c3/coredump.b64", "esp32c3/esp32c3.elf");
    let other_build = of("esp32c3/coredump_bin.b64", "esp32c3/esp32c3_bin.elf");
    assert_eq!(one.parts[1], "fail_once");
    assert_eq!(one.id, other_build.id, "the same crash of two builds");
    assert_ne!(one.id, report_of(&demo()).signature.id);
}

#[test]
fn no_damage_to_an_elf_file_stops_the_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    let whole = std::fs::read(folder.join("firmware.elf")).expect("it is there");
    let opened = demo();
    let mut numbers = Numbers::new(7);
    for round in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + round % 40 {
            let at = 64 + numbers.below(bytes.len() - 64);
            bytes[at] = numbers.below(256) as u8;
        }
        if round % 10 == 0 {
            bytes.truncate(numbers.below(whole.len()));
        }
        let Ok(elf) = Firmware::parse("damaged".into(), bytes.into()) else { continue };
        let damaged = Opened { firmware: Some(Arc::new(elf)), ..reopened(&opened) };
        let wishes = ReportOptions { print: vec!["SETTINGS".into()], ..ReportOptions::default() };
        // Either it finds the variable or it says why not.
        if let Err(error) = report::build(&damaged, &wishes) {
            assert!(error.to_string().contains("SETTINGS"), "{error}");
        }
        let _ = report::to_html(&report_of(&damaged));
    }
}

fn reopened(opened: &Opened) -> Opened {
    Opened {
        file: opened.file.clone(),
        layers: opened.layers.clone(),
        found: opened.found.clone(),
        picked: opened.picked,
        dump: opened.dump.clone(),
        firmware: None,
        rom: Vec::new(),
        embedded: Vec::new(),
    }
}

#[test]
fn a_source_file_is_found_below_a_folder_by_its_last_parts() {
    let Some(root) = fixtures() else { return };
    let root = root.join("espressif/esp32");
    let opened = open(&[root.join("coredump.b64")], Some(root.join("esp32.elf")));
    let folder = std::env::temp_dir().join(format!("coroner-source-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("main")).expect("a folder");
    let source = (1..=30).map(|n| format!("line {n}\n")).collect::<String>();
    std::fs::write(folder.join("main/test_core_dump.c"), source).expect("a file");
    let source_dirs: Vec<PathBuf> = vec![folder.clone()];
    let report = report::build(&opened, &ReportOptions { source_dirs, ..ReportOptions::default() });
    std::fs::remove_dir_all(&folder).expect("it was ours");
    let source = report.expect("nothing was asked").source.expect("it was found");
    assert_eq!((source.line, source.lines.len()), (14, 9));
    assert_eq!(source.lines[4], (14, "line 14".to_string()));
}

//! `coroner needs`: what it foretells from an ELF file, against the dump that the firmware left.

use coroner_capture::layout::Trailer;
use serde_json::Value;
use std::process::{Command, Output};

fn demo(file: &str) -> String {
    format!("{}/tests/data/demo/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn coroner(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    command.args(args).output().expect("our own program starts")
}

fn needs(args: &[&str]) -> Value {
    let elf = demo("firmware.elf");
    let output = coroner(&[&["needs", &elf, "--json"], args].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What the demo's source says: five regions, three tasks with control blocks of 24 bytes.
const LIKE_THE_DEMO: [&str; 8] = [
    "--regions",
    "tagged,data,bss,0xe000ed00..0xe000ed90",
    "--tasks",
    "3",
    "--stack",
    "56",
    "--tcb",
    "24",
];

#[test]
fn the_demo_s_dump_is_foretold_and_the_bound_is_close() {
    let file = std::fs::read(demo("dump.core")).expect("the demo's dump");
    let (_, trailer) = Trailer::decode(&file).expect("a dump");
    let needs = needs(&LIKE_THE_DEMO);
    let (size, at_most) = (needs["size"].as_u64().unwrap(), needs["at_most"].as_u64().unwrap());
    let length = u64::from(trailer.length);
    println!("demo: {length} bytes, foretold {size}, at most {at_most}");
    assert!(length <= at_most, "{length} bytes, at most {at_most}");
    assert!(at_most <= length * 5 / 4, "{at_most} is far above {length}");
    assert!(size <= at_most && size.abs_diff(length) < length / 8, "{size} is not {length}");
}

#[test]
fn regions_are_named_by_symbols_with_their_usual_priorities() {
    let needs = needs(&[]);
    let regions = needs["regions"].as_array().unwrap();
    let find = |kind: &str, name: &str| {
        let found = regions.iter().find(|r| r["kind"] == kind && r["name"] == name);
        found.unwrap_or_else(|| panic!("no region {kind} {name}"))
    };
    let data = find("data", "");
    assert_eq!((data["start"].as_str(), data["len"].as_u64()), (Some("0x20000000"), Some(0xac8)));
    assert_eq!((data["priority"].as_u64(), data["taken"].as_bool()), (Some(128), Some(true)));
    assert_eq!(
        find("tagged", "dram")["from"],
        "declared, __coroner_dram_start and __coroner_dram_end"
    );
    assert_eq!(find("tagged", "noinit")["len"], 8);
    assert_eq!(find("bss", "")["len"], 1184);
    assert_eq!(find("stack", "main")["taken"], false);
}

#[test]
fn what_does_not_fit_is_cut_by_priority() {
    let sizes = ["--partition", "2K", "--partition", "4K", "--partition", "16K"];
    let needs = needs(&[&LIKE_THE_DEMO[..], &sizes[..]].concat());
    let partitions = needs["partitions"].as_array().unwrap();
    let stored = |partition: usize, region: &str| {
        let regions = partitions[partition]["regions"].as_array().unwrap();
        let found = regions.iter().find(|entry| entry["region"] == region).expect(region);
        found["stored"].as_u64().unwrap()
    };
    for (partition, size) in [(0, 2048), (1, 4096), (2, 16384)] {
        assert!(partitions[partition]["dump"].as_u64().unwrap() <= size);
        assert_eq!(stored(partition, "tagged dram"), 8);
    }
    assert!(stored(0, "data") < stored(1, "data") && stored(1, "data") < stored(2, "data"));
    assert!(stored(1, "bss") < 64 && stored(2, "bss") == 1184);
    assert_eq!((&partitions[1]["whole"], &partitions[2]["whole"]), (&false.into(), &true.into()));
}

#[test]
fn a_priority_of_one_s_own_changes_what_is_cut() {
    let sooner =
        [&LIKE_THE_DEMO[2..], &["--regions", "data,bss@250", "--partition", "4K"]].concat();
    let needs = needs(&sooner);
    let regions = needs["partitions"][0]["regions"].as_array().unwrap();
    assert_eq!(
        (regions[0]["region"].as_str(), regions[0]["stored"].as_u64()),
        (Some("bss"), Some(1184))
    );
    assert!(regions[1]["stored"].as_u64() < regions[1]["wanted"].as_u64());
}

#[test]
fn the_exit_status_tells_ci_whether_a_dump_fits() {
    let elf = demo("firmware.elf");
    let status = |args: &[&str]| {
        coroner(&[&["needs", &elf], &LIKE_THE_DEMO[..], args].concat()).status.code()
    };
    assert_eq!(status(&["--partition", "4K"]), Some(0));
    assert_eq!(status(&["--partition", "4K", "--fits"]), Some(1));
    assert_eq!(status(&["--partition", "8K", "--fits"]), Some(0));
    assert_eq!(status(&["--partition", "8Q"]), Some(2));
}

#[test]
fn a_region_that_is_not_there_is_told_with_those_that_are() {
    let elf = demo("firmware.elf");
    let output = coroner(&["needs", &elf, "--regions", "heap"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("heap: the ELF file has no such region") && said.contains("bss"),
        "{said}"
    );
    let core = coroner(&["needs", &demo("dump.core")]);
    assert_eq!(core.status.code(), Some(2));
}

#[test]
fn esp_idf_s_names_are_known() {
    let Some(folder) = crate::support::fixtures() else { return };
    let elf = folder.join("espressif/esp32c3/esp32c3.elf").display().to_string();
    let output = coroner(&["needs", &elf, "--json", "--tasks", "9"]);
    let needs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(needs["arch"], "riscv32");
    let regions = needs["regions"].as_array().unwrap();
    for kind in ["data", "bss", "heap"] {
        assert!(regions.iter().any(|region| region["kind"] == kind), "{kind}");
    }
}

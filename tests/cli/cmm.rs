//! `coroner convert --to cmm`: what the script makes of a simulator is what the dump holds. The
//! script is run here by an interpreter of these few commands, which knows nothing of the writer.

use crate::support;
use coroner::open::{Opened, Options};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::missing;

/// What the script leaves in the simulator.
#[derive(Default)]
struct Simulator {
    cpu: String,
    is_up: bool,
    memory: BTreeMap<u64, u8>,
    registers: HashMap<String, u64>,
}

fn number(text: &str) -> u64 {
    let digits = text.strip_prefix("0x").unwrap_or_else(|| panic!("{text}: a hexadecimal number"));
    u64::from_str_radix(digits, 16).expect("hexadecimal digits")
}

/// Runs a script with its argument.
fn run(script: &Path, argument: &str) -> Simulator {
    let folder = script.parent().expect("it lies in a folder");
    let text = std::fs::read_to_string(script).expect("it was written");
    let mut simulator = Simulator::default();
    let mut macros: HashMap<String, String> = HashMap::new();
    // Whether the blocks that are open are run.
    let (mut blocks, mut condition) = (Vec::new(), None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(';')) {
        let mut line = line.to_string();
        if line == "(" {
            blocks.push(condition.take().expect("a block stands behind its condition"));
            continue;
        } else if line == ")" {
            blocks.pop().expect("it was opened");
            continue;
        } else if blocks.contains(&false) {
            continue;
        }
        if let Some(names) = line.strip_prefix("ENTRY ") {
            let mut values = argument.split(' ');
            for name in names.split(' ') {
                macros.insert(name[1..].into(), values.next().unwrap_or_default().into());
            }
            continue;
        }
        if let Some((name, value)) = line.strip_prefix('&').and_then(|line| line.split_once('=')) {
            macros.insert(name.into(), value.trim_matches('"').into());
            continue;
        }
        for (name, value) in &macros {
            line = line.replace(&format!("&{name}"), value);
        }
        if let Some((one, other)) = line.strip_prefix("IF ").and_then(|rest| rest.split_once("=="))
        {
            condition = Some(one == other);
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["SYStem.CPU", cpu] => simulator.cpu = (*cpu).to_string(),
            ["SYStem.Up"] => simulator.is_up = true,
            ["ENDDO"] => return simulator,
            ["Register.Set", name, value] => {
                assert!(simulator.is_up, "a core that is down has no registers");
                simulator.registers.insert((*name).to_string(), number(value));
            }
            ["Data.Set", addr, "%Byte", bytes @ ..] => {
                for (n, byte) in bytes.iter().enumerate() {
                    simulator.memory.insert(number(addr) + n as u64, number(byte) as u8);
                }
            }
            ["Data.LOAD.Binary", file, addr, "/NoClear"] => {
                let file = file.trim_matches('"').strip_prefix("~~~~/").expect("beside the script");
                let bytes = std::fs::read(folder.join(file)).expect("the script names it");
                for (n, byte) in bytes.into_iter().enumerate() {
                    simulator.memory.insert(number(addr) + n as u64, byte);
                }
            }
            other => panic!("{other:?}: no command of this simulator"),
        }
    }
    panic!("the script has no end");
}

fn opened(file: &Path) -> Opened {
    coroner::open::open(&[file.to_path_buf()], &Options::default()).expect("it opens")
}

fn convert(file: &Path, script: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    command.arg("convert").arg(file).args(["--dump-only", "-o"]).arg(script);
    command.output().expect("it runs")
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cmm").join(name);
    std::fs::create_dir_all(&folder).expect("a folder for tests");
    folder
}

#[test]
fn a_simulator_after_the_script_is_the_device() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo/dump.core");
    let others = ["hubris/hubris.core.v6", "espressif/esp32c3/coredump.raw"];
    let others = missing::fixtures().into_iter().flat_map(|f| others.map(|name| f.join(name)));
    for file in std::iter::once(demo).chain(others) {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let script = scratch(&name).join("crash.cmm");
        let output = convert(&file, &script);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let dump = opened(&file).dump;
        let dumped = coroner::convert::regions(&dump, coroner::convert::Extent::DumpOnly);
        let right: BTreeMap<u64, u8> = dumped
            .flat_map(|r| r.bytes.iter().enumerate().map(|(n, byte)| (r.start + n as u64, *byte)))
            .collect();
        assert!(!right.is_empty());
        for thread in &dump.threads {
            let argument = if thread.crashed { String::new() } else { format!("{:#x}", thread.id) };
            let simulator = run(&script, &argument);
            assert_eq!(simulator.memory, right);
            let value = |name: &str| simulator.registers.get(name).copied();
            let is_arm = dump.arch.family == coroner::targets::Family::CortexM;
            let (letter, sp, lr) = if is_arm { ("R", "R13", "R14") } else { ("X", "X2", "X1") };
            let names = (3..13).map(|n| format!("{letter}{n}")).chain(["PC".to_string()]);
            for name in names {
                let own = thread.registers.by_name(&name.to_lowercase());
                assert_eq!(value(&name), own, "{name}");
            }
            assert_eq!(value(sp), thread.registers.sp());
            assert_eq!(value(lr), thread.registers.lr());
        }
    }
}

#[test]
fn the_core_can_be_chosen_and_symbols_are_a_comment() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    let script = scratch("core").join("crash.cmm");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    command.arg("convert").arg(demo.join("dump.core")).arg("--elf").arg(demo.join("firmware.elf"));
    let output = command.args(["--to", "cmm", "-o"]).arg(&script).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(run(&script, "0x1 CortexM33").cpu, "CortexM33");
    let text = std::fs::read_to_string(&script).expect("it was written");
    let line = text.lines().find(|line| line.contains("Data.LOAD.Elf")).expect("it is there");
    assert!(line.starts_with("; ") && line.contains("firmware.elf\" /NoCODE"), "{line}");
}

#[test]
fn registers_without_known_names_are_refused_not_guessed() {
    let Some(fixtures) = missing::fixtures() else { return };
    let file = fixtures.join("espressif/esp32/coredump.raw");
    let output = convert(&file, &scratch("xtensa").join("crash.cmm"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("TRACE32"));
}

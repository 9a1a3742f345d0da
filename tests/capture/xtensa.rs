//! Crashes on Xtensa, from the frames that ESP-IDF and Zephyr hand over: written by the capture crate,
//! read by coroner and by Espressif's GDB.
//!
//! The memory is made here, by what the ISA manual says of windowed calls: three functions that
//! called each other with call8, their windows spilled.

use crate::support::gdb;
use crate::support::missing;
use crate::support::serve;
use coroner::open::{Opened, Options, open};
use coroner_capture::arch::Memory;
use coroner_capture::arch::xtensa::{BaseSaveArea, State};
use coroner_capture::sink::Callback;
use coroner_capture::{Access, Area, Config, Kind, Outcome, Region, Single, Workspace};
use serve::Server;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// Stack pointers of `fall`, `slip` and `walk`, the innermost first.
const SP: [u32; 3] = [0x3ffb_1e00, 0x3ffb_1e20, 0x3ffb_1e50];
const PC: [u32; 3] = [0x400d_1234, 0x400d_2345, 0x400d_3456];
const STACK: (usize, usize) = (0x3ffb_1000, 0x3ffb_2000);
const FRAME: u32 = 0x3ffb_0100;
const LOAD_PROHIBITED: u32 = 28;
/// Window overflow detection on, called with call8, in an exception.
const PS: u32 = 0x0006_0f30;

/// A return address as call8 leaves it: the upper two bits are the size of the window.
fn call8(pc: u32) -> u32 {
    pc & 0x3fff_ffff | 2 << 30
}

#[derive(Clone, Default)]
struct Ram(BTreeMap<u32, u32>);

impl Ram {
    fn put(&mut self, at: u32, words: &[u32]) {
        self.0.extend((at..).step_by(4).zip(words.iter().copied()));
    }

    /// The stack of the three functions. Below the stack pointer of each lie a0-a3 of its caller.
    fn new() -> Ram {
        let mut ram = Ram::default();
        ram.put(STACK.0 as u32, &vec![0xa5a5_a5a5; (STACK.1 - STACK.0) / 4]);
        ram.put(SP[0] - 16, &[call8(PC[2]), SP[1], 0x51, 0x52]);
        ram.put(SP[1] - 16, &[0, SP[2], 0x61, 0x62]);
        // Instructions: GDB looks whether the first one is `entry`.
        for pc in PC {
            ram.put(pc & !3, &[0xf03d_f03d; 2]);
        }
        ram
    }

    /// a0-a15 of `fall`.
    fn window() -> Vec<u32> {
        let mut window: Vec<u32> = (0..16).map(|n| 0x100 + n).collect();
        (window[0], window[1]) = (call8(PC[1]), SP[0]);
        window
    }

    fn esp_idf() -> Ram {
        let mut ram = Ram::new();
        ram.put(FRAME, &[0, PC[0], PS]);
        ram.put(FRAME + 12, &Ram::window());
        ram.put(FRAME + 76, &[7, LOAD_PROHIBITED, 0x14, 0x400d_0001, 0x400d_0002, 3]);
        ram
    }

    /// With so many groups of four of a4-a15.
    fn zephyr(groups: usize) -> Ram {
        let (mut ram, window) = (Ram::new(), Ram::window());
        let base = SP[0] - u32::from(BaseSaveArea::ESP32.len);
        let frame = base - 4 - 16 * groups as u32;
        let mut words = vec![base];
        for group in (1..=groups).rev() {
            words.extend(&window[4 * group..4 * group + 4]);
        }
        // threadptr, scompare1, exccause, excvaddr, lcount, lend, lbeg, sar, ps, pc, a0, -, a2, a3
        words.extend([1, 2, LOAD_PROHIBITED, 0x14, 3, 0x400d_0002, 0x400d_0001, 7, PS, PC[0]]);
        words.extend([window[0], 0xdead, window[2], window[3]]);
        ram.put(frame, &words);
        ram
    }
}

impl Memory for Ram {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let at = (at + offset) as u32;
            let Some(word) = self.0.get(&(at & !3)) else { return false };
            *byte = word.to_le_bytes()[at as usize & 3];
        }
        true
    }
}

/// Writes the dump of `state`; answers the file's path.
fn dump(name: &str, state: &State, mut ram: Ram) -> PathBuf {
    let code = PC.map(|pc| {
        let start = pc as usize & !3;
        Region::new(Kind::Custom, Area::range(start, start + 8)).named("code")
    });
    let config = Config { regions: &code, ..Config::MINIMAL };
    let mut file = vec![0xff; 16384];
    let mut sink = Callback::new(16384, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let mut tasks = Single { name: "fall", stack: Area::range(STACK.0, STACK.1) };
    let outcome = Workspace::<8, 2>::new().write_as::<coroner_capture::arch::Xtensa, _>(
        &config,
        &state.crash(),
        &mut tasks,
        &mut ram,
        &mut sink,
    );
    assert_eq!(outcome, Outcome::Complete);
    let path = std::env::temp_dir().join(format!("coroner-{name}-{}.core", std::process::id()));
    std::fs::write(&path, file).expect("a temporary file");
    path
}

fn opened(path: &PathBuf) -> Opened {
    let options = Options::default().target("esp32");
    open(std::slice::from_ref(path), &options).expect("our own dump")
}

/// Each test writes its own file.
fn forget(path: &PathBuf) {
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_frame_of_esp_idf_becomes_registers_cause_and_stack() {
    let path = esp_idf_for("registers");
    let opened = opened(&path);
    let registers = &opened.dump.threads[0].registers;
    let expected = [
        ("pc", PC[0]),
        // Without the exception's own bit.
        ("ps", PS & !0x10),
        ("ar0", call8(PC[1])),
        ("ar1", SP[0]),
        ("ar15", 0x10f),
        ("sar", 7),
        ("lbeg", 0x400d_0001),
        ("lend", 0x400d_0002),
        ("lcount", 3),
        ("windowbase", 0),
        ("windowstart", 1),
        ("exccause", LOAD_PROHIBITED),
        ("excvaddr", 0x14),
    ];
    for (name, value) in expected {
        assert_eq!(registers.by_name(name), Some(value.into()), "{name}");
    }
    for unknown in ["ar16", "ar63", "threadptr"] {
        assert_eq!(registers.by_name(unknown), None, "{unknown}");
    }
    assert!(opened.dump.reason.words.contains("LoadProhibited"), "{}", opened.dump.reason.words);
    assert!(opened.dump.reason.words.contains("0x14"), "{}", opened.dump.reason.words);
    // The spilled window lies below the stack pointer, in the line of 64 before it.
    let mut spilled = [0; 4];
    assert_eq!(opened.dump.memory.read(u64::from(SP[0]) - 16, &mut spilled), 4);
    assert_eq!(u32::from_le_bytes(spilled), call8(PC[2]));
    forget(&path);
}

#[test]
fn a_frame_of_zephyr_holds_as_many_registers_as_were_saved() {
    for groups in 0..=3 {
        let ram = Ram::zephyr(groups);
        let frame = SP[0] as usize - 76 - 4 - 16 * groups;
        let state =
            State::of_zephyr(frame, BaseSaveArea::ESP32, &mut ram.clone()).expect("a frame");
        let path = dump(&format!("zephyr-{groups}"), &state, ram);
        let opened = opened(&path);
        let registers = &opened.dump.threads[0].registers;
        for (n, value) in Ram::window().into_iter().enumerate() {
            let known = (n < 4 * (groups + 1)).then_some(u64::from(value));
            assert_eq!(registers.by_name(&format!("ar{n}")), known, "ar{n} of {groups} groups");
        }
        assert_eq!(registers.pc(), Some(PC[0].into()));
        assert_eq!(registers.by_name("sar"), Some(7));
        forget(&path);
    }
}

#[test]
fn a_frame_that_makes_no_sense_is_none() {
    let mut nothing = Ram::default();
    assert!(State::of_esp_idf(FRAME as usize, true, &mut nothing).is_none());
    assert!(State::of_zephyr(FRAME as usize, BaseSaveArea::ESP32, &mut nothing).is_none());
    for base in [0, FRAME, FRAME + 5, FRAME + 4 + 8, FRAME + 4 + 64, 0xffff_fff0] {
        let mut ram = Ram::zephyr(3);
        ram.put(FRAME, &[base]);
        assert!(
            State::of_zephyr(FRAME as usize, BaseSaveArea::ESP32, &mut ram).is_none(),
            "{base:#x}"
        );
    }
}

#[test]
fn coroner_follows_the_spilled_windows() {
    let path = esp_idf_for("report");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    let output =
        command.args(["report", "--target", "esp32"]).arg(&path).output().expect("coroner");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for pc in ["400d1234", "400d2345", "400d3456"] {
        assert!(said.contains(pc), "{pc}: {said}");
    }
    forget(&path);
}

fn esp_idf_for(name: &str) -> PathBuf {
    let ram = Ram::esp_idf();
    let state = State::of_esp_idf(FRAME as usize, true, &mut ram.clone()).expect("a frame");
    dump(name, &state, ram)
}

/// The GDB for the ESP32, where there is one.
fn xtensa_gdb() -> Option<PathBuf> {
    missing::named_by("CORONER_XTENSA_GDB", "xtensa-gdb-esp32")
}

#[test]
fn the_gdb_of_the_esp32_opens_it_by_itself() {
    // It has no a0-a15 then, of Espressif's own cores neither (seen with 13.1): a backtrace has one
    // frame.
    let Some(gdb) = xtensa_gdb() else { return };
    let path = esp_idf_for("core");
    let core = format!("core-file {}", path.display());
    let shown = gdb::run(&gdb, 30, &[&core, "bt", "p/x $ar1", "p $lcount", "x/2xw 0x3ffb1df0"]);
    for expected in ["SIGSEGV", "#0  0x400d1234", "= 0x3ffb1e00", "= 3", "0x800d3456"] {
        assert!(shown.contains(expected), "no {expected} in: {shown}");
    }
    forget(&path);
}

#[test]
fn the_gdb_of_the_esp32_shows_the_same_three_frames_over_coroner() {
    let Some(gdb) = xtensa_gdb() else { return };
    let path = esp_idf_for("served");
    let server = Server::start(&["--target".as_ref(), "esp32".as_ref(), path.as_os_str()]);
    let shown = gdb::run(&gdb, 30, &[&server.target_remote(), "bt", "p/x $a2", "up", "p/x $a2"]);
    for expected in ["#0  0x400d1234", "#1  0x400d2345", "#2  0x400d3456", "= 0x102", "= 0x51"] {
        assert!(shown.contains(expected), "no {expected} in: {shown}");
    }
    forget(&path);
}

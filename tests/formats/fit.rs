//! A dump that names no build, and builds of its program one commit apart: the right file is taken
//! for right, the other one never is.

use crate::support::zephyr::{self, Stream};
use crate::support::{esp, stopped};
use coroner::dump::{Dump, Verdict};
use coroner::input::Input;
use coroner::open::{Opened, Options};
use std::path::{Path, PathBuf};
use stopped::{M3, Processor, RAM, RV32, Stopped};

/// The program as it ran, and as it is one commit later.
fn builds_for(processor: &Processor) -> Option<(Stopped, Stopped)> {
    let compiler = processor.0;
    let link = |name: &str, defines: &[&str]| {
        let defines: Vec<String> = defines.iter().map(ToString::to_string).collect();
        Stopped::link(&format!("{name}-{compiler}"), "commit.c", processor, &defines)
    };
    Some((link("commit-0", &[])?, link("commit-1", &["ONE_COMMIT"])?))
}

fn builds() -> Option<(Stopped, Stopped)> {
    builds_for(&M3)
}

/// Where it was: program counter, return address, stack pointer.
fn place(stopped: &Stopped) -> [u32; 3] {
    let at = |name: &str| stopped.symbol(name).0;
    [at("leaf") & !1, at("after_one"), at("stack") + 4]
}

/// What CrashCatcher sends of it: registers and RAM, and nothing of the build.
fn dump(stopped: &Stopped) -> Vec<u8> {
    let [pc, lr, sp] = place(stopped);
    let mut words = vec![0x0003_4363, 0];
    words.extend([0; 13]);
    words.extend([sp, lr | 1, pc, 0x0100_0000, sp, 0, 0]);
    words.extend([RAM, RAM + stopped.ram.len() as u32]);
    let head = words.iter().flat_map(|word: &u32| word.to_le_bytes());
    head.chain(stopped.ram.iter().copied()).collect()
}

fn input(name: &str, bytes: impl Into<Vec<u8>>, addr: Option<u32>) -> Input {
    Input { name: name.into(), bytes: bytes.into().into(), addr: addr.map(u64::from) }
}

/// Zephyr's, with all RAM.
fn zephyr(stopped: &Stopped) -> Vec<Input> {
    let [pc, lr, sp] = place(stopped).map(u64::from);
    let mut stream = Stream::new(3, 32, 1, 0);
    let mut registers = vec![0; 17];
    registers[5..9].copy_from_slice(&[lr | 1, pc, 0x0100_0000, sp]);
    stream.registers(2, &zephyr::words(&registers, 4));
    stream.memory(RAM.into(), &stopped.ram);
    vec![input("zephyr.bin", stream.bytes(), None)]
}

/// RAM that a debugger saved, and registers that somebody wrote down.
fn raw(stopped: &Stopped) -> Vec<Input> {
    let [pc, _, sp] = place(stopped);
    let registers = format!("pc = {pc:#x}\nsp = {sp:#x}\n");
    vec![input("ram.bin", &*stopped.ram, Some(RAM)), input("registers.txt", registers, None)]
}

/// The same as a debugger's console shows it.
fn console(stopped: &Stopped) -> Vec<Input> {
    let [pc, lr, sp] = place(stopped);
    let mut text =
        format!("r0  0x0  0\nsp  {sp:#x}  {sp:#x}\nlr  {:#x}  0\npc  {pc:#x}  0\n", lr | 1);
    for (n, row) in (0u32..).zip(stopped.ram.chunks_exact(16)) {
        text += &format!("{:#x}:{}\n", RAM + 16 * n, row_of(row, "\t"));
    }
    vec![input("console.txt", text, None)]
}

fn row_of(row: &[u8], between: &str) -> String {
    let words = row.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    words.map(|word| format!("{between}0x{word:08x}")).collect()
}

/// The stack of a task elsewhere, which holds what the program's own does.
const STACK: u32 = 0x2000_4000;

/// ESP-IDF's binary body of an ESP32-C3: one task with its stack, and the variables.
fn esp_idf(stopped: &Stopped) -> Vec<Input> {
    let [pc, _, _] = place(stopped);
    let mut frame = esp::riscv_frame(pc, 0, Some([0, 0, 5, 0, 0]));
    let sp = STACK + 4 * frame.len() as u32;
    frame[2] = sp;
    let words = stopped.variable("stack").1.as_chunks::<4>().0;
    frame.extend(words.iter().map(|word| u32::from_le_bytes(*word)));
    let end = STACK + 4 * frame.len() as u32;
    let task = esp::Task {
        name: "main",
        tcb_addr: STACK + 0x1000,
        stack_start: STACK,
        frame,
        stack_low: STACK - 0x100,
        stack_end: end,
        top: None,
        priority: 1,
        core: Some(0),
    };
    let body = esp::binary_body(&[task], &[(RAM, stopped.ram.clone())]);
    let image = esp::image(5 << 16 | 3, [1, esp::TCB_LEN as u32, 1], 3, &body, 32);
    vec![input("core.bin", image, None)]
}

/// ESP-IDF's panic: registers and the stack, printed.
fn panic(stopped: &Stopped) -> Vec<Input> {
    let [pc, lr, _] = place(stopped);
    let mut text = format!(
        "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\n\n\
         Core  0 register dump:\n\
         MEPC    : 0x{pc:08x}  RA      : 0x{lr:08x}  SP      : 0x{STACK:08x}  GP      : 0x00000000\n\
         MSTATUS : 0x00001881  MTVEC   : 0x12000001  MCAUSE  : 0x00000005  MTVAL   : 0x00000000\n\n\
         Stack memory:\n"
    );
    for (n, row) in (0u32..).zip(stopped.variable("stack").1.chunks_exact(32)) {
        text += &format!("{:08x}:{}\n", STACK + 32 * n, row_of(row, " "));
    }
    vec![input("panic.log", text, None)]
}

type Form = (&'static str, Processor, fn(&Stopped) -> Vec<Input>);

/// Everything that names no build.
const FORMS: [Form; 6] = [
    ("crashcatcher", M3, |stopped| vec![input("crash.dmp", dump(stopped), None)]),
    ("zephyr", M3, zephyr),
    ("raw RAM", M3, raw),
    ("console", M3, console),
    ("esp-idf", RV32, esp_idf),
    ("esp-idf panic", RV32, panic),
];

fn opened(bytes: Vec<u8>, options: &Options) -> Result<Opened, coroner::error::Error> {
    crate::support::formats::open_bytes("crash.dmp", bytes, options)
}

fn with(elf: &[&PathBuf]) -> Options {
    let mut options = Options::default();
    options.elves.elf = elf.iter().map(|path| (*path).clone()).collect();
    options
}

fn verdict(dump: &Dump) -> Option<Verdict> {
    dump.identity.fit.as_ref().map(|fit| fit.verdict)
}

#[test]
fn the_build_that_ran_fits_and_says_by_what() {
    let Some((ran, _)) = builds() else { return };
    let opened = opened(dump(&ran), &with(&[&ran.elf])).expect("it opens");
    let fit = opened.dump.identity.fit.as_ref().expect("it was judged");
    assert_eq!(fit.verdict, Verdict::Fits, "{:?}", fit.evidence);
    for what in [
        "6 of 6 return addresses follow a call",
        "12 of 12 initialised pointers are as linked",
        "2 of 2 control blocks' functions begin one",
    ] {
        assert!(fit.evidence.iter().any(|words| words == what), "{what}: {:?}", fit.evidence);
    }
}

#[test]
fn a_build_one_commit_apart_is_never_shown_as_right_in_any_format() {
    for (name, processor, form) in &FORMS {
        let Some((ran, later)) = builds_for(processor) else { return };
        for (dumped, other) in [(&ran, &later), (&later, &ran)] {
            let open = |files: &[&PathBuf]| coroner::open::open_inputs(&form(dumped), &with(files));
            match open(&[&other.elf]) {
                Ok(opened) => {
                    let fit = &opened.dump.identity.fit;
                    assert_eq!(verdict(&opened.dump), Some(Verdict::Doubtful), "{name}: {fit:?}");
                }
                Err(error) => {
                    assert!(error.to_string().contains("another build"), "{name}: {error}")
                }
            }
            // Whichever is named first.
            for files in [[&dumped.elf, &other.elf], [&other.elf, &dumped.elf]] {
                let opened = open(&files).unwrap_or_else(|error| panic!("{name}: {error}"));
                let taken = opened.firmware.as_ref().map(|elf| Path::new(&elf.path).to_path_buf());
                assert_eq!(taken.as_ref(), Some(&dumped.elf), "{name}: {:?}", opened.dump.notes);
                let fit = &opened.dump.identity.fit;
                assert_eq!(verdict(&opened.dump), Some(Verdict::Fits), "{name}: {fit:?}");
            }
        }
    }
}

#[test]
fn a_folder_of_builds_gives_the_one_that_ran() {
    let Some((ran, later)) = builds() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commits");
    std::fs::create_dir_all(&folder).expect("a folder for tests");
    for (name, build) in [("a.elf", &later), ("b.elf", &ran)] {
        std::fs::copy(&build.elf, folder.join(name)).expect("it was linked");
    }
    let mut options = Options::default();
    options.elves.elf_dir = vec![folder.clone()];
    for (build, name) in [(&ran, "b.elf"), (&later, "a.elf")] {
        let opened = opened(dump(build), &options).expect("it opens");
        let taken = opened.firmware.as_ref().map(|elf| elf.path.clone());
        assert_eq!(taken, Some(folder.join(name).display().to_string()), "{:?}", opened.dump.notes);
    }
    // Neither is taken of a program that is neither, and each says why.
    let strange: Vec<u8> =
        dump(&ran).into_iter().enumerate().map(|(n, b)| if n > 96 { !b } else { b }).collect();
    let opened = opened(strange, &options).expect("it opens without an ELF file");
    assert!(opened.firmware.is_none());
    let note = opened.dump.notes.iter().find(|note| note.code.as_deref() == Some("no-elf"));
    let words = &note.expect("it says why").words;
    assert!(words.contains("a.elf") && words.contains("b.elf"), "{words}");
}

//! Humility's cores written here as its `dump` function writes them, with a kernel and tasks of our
//! own in the archive: a dump of one task, which the three shipped ones are not; and the gateway's
//! dumps, which have no archive.

use crate::support::formats as support;
use crate::support::zip as packed;
use coroner::open::{Opened, Options};
use packed::zipped;
use support::{open_bytes, try_all_prefixes, try_bit_flips};

const TABLE: u32 = 0x2000_0400;
/// A `Task` with 26 words of saved state, and what the kernel keeps besides.
const TASK_LEN: u32 = 176;
const TASKS: [&str; 3] = ["jefe", "net", "thermal"];
const STACK: u32 = 0x2000_8000;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn half_words(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// The first 16 bytes of a 32-bit little-endian ELF file, and the rest of its header.
fn elf_header(kind: u16, phnum: u16, shoff: u32, shnum: u16) -> Vec<u8> {
    let ident = [0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sizes = half_words(&[52, 32, phnum, 40, shnum, 0]);
    let rest = [half_words(&[kind, 40]), words(&[1, 0, 52, shoff, 0]), sizes].concat();
    [ident.to_vec(), rest].concat()
}

/// An ELF file of code at `addr`, with one symbol.
fn program(addr: u32, symbol: Option<(&str, u32, u32)>) -> Vec<u8> {
    let (name, value, len) = symbol.unwrap_or(("nothing", 0, 0));
    let strings = format!("\0{name}\0").into_bytes();
    let symbols = [words(&[0; 4]), words(&[1, value, len]), vec![0x11, 0, 1, 0]].concat();
    let code = [0x00, 0xbf].repeat(0x200);
    let code_at = 52 + 32;
    let symbols_at = code_at + code.len() as u32;
    let strings_at = symbols_at + symbols.len() as u32;
    let sections_at = strings_at + strings.len() as u32;
    let len = code.len() as u32;
    let sections = [
        words(&[0; 10]),
        words(&[0, 1, 6, addr, code_at, len, 0, 0, 4, 0]),
        words(&[0, 2, 0, 0, symbols_at, symbols.len() as u32, 3, 1, 4, 16]),
        words(&[0, 3, 0, 0, strings_at, strings.len() as u32, 0, 0, 1, 0]),
    ];
    let segment = words(&[1, code_at, addr, addr, len, len, 5, 4]);
    let header = elf_header(2, 1, sections_at, 4);
    [header, segment, code, symbols, strings, sections.concat()].concat()
}

fn archive() -> Vec<u8> {
    let table = ("HUBRIS_TASK_TABLE_SPACE", TABLE, TASK_LEN * TASKS.len() as u32);
    let mut files = vec![("elf/kernel".to_string(), program(0x0800_0000, Some(table)))];
    for (n, name) in TASKS.iter().enumerate() {
        files.push((format!("elf/task/{name}"), program(0x0801_0000 + n as u32 * 0x1000, None)));
    }
    zipped(&files)
}

/// A core file: notes, each in a segment of its own, then memory.
fn core(notes: &[(u32, Vec<u8>)], memory: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let padded = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let owner = b"Oxide Computer Company\0";
    let mut at = 52 + 32 * (notes.len() + memory.len()) as u32;
    let (mut headers, mut data) = (Vec::new(), Vec::new());
    for (kind, desc) in notes {
        let head = words(&[owner.len() as u32, desc.len() as u32, *kind]);
        let note = [head, padded(owner), padded(desc)].concat();
        headers.extend(words(&[4, at, 0, 0, note.len() as u32, 0, 4, 0]));
        at += note.len() as u32;
        data.extend(note);
    }
    for (addr, bytes) in memory {
        let len = bytes.len() as u32;
        headers.extend(words(&[1, at, *addr, 0, len, len, 4, 0]));
        let bytes = padded(bytes);
        at += bytes.len() as u32;
        data.extend(bytes);
    }
    let header = elf_header(4, (notes.len() + memory.len()) as u16, 0, 0);
    [header, headers, data].concat()
}

/// The state of task `n`: r4-r11, psp, exc_return, s16-s31, and the kernel's own fields.
fn saved(n: u32) -> Vec<u8> {
    let mut state: Vec<u32> = (4..12).map(|r| n << 16 | r).collect();
    state.extend([STACK + n * 0x1000, 0xffff_ffed]);
    state.extend((16..32).map(|s| 0x4000_0000 | n << 16 | s));
    state.resize(TASK_LEN as usize / 4, 0xcccc_cccc);
    words(&state)
}

/// What the hardware pushed of task `n`, with floats.
fn frame(n: u32) -> Vec<u8> {
    let pc = 0x0801_0000 + n * 0x1000 + 0x123;
    let mut frame = vec![n, 1, 2, 3, 12, 0xffff_ffff, pc, 0x0100_0000];
    frame.extend((0..16).map(|s| 0x3000_0000 | s));
    frame.extend([0, 0]);
    words(&frame)
}

fn task_note(n: u16, time: u64, padded: bool) -> (u32, Vec<u8>) {
    let pad = if padded { &[0; 4][..] } else { &[] };
    (0x1de0_0003, [&[0xda, 0xda], &n.to_le_bytes()[..], pad, &time.to_le_bytes()].concat())
}

fn one_task(n: u32, padded: bool) -> Vec<u8> {
    let note = task_note(n as u16, 987_654, padded);
    let memory = [(STACK + n * 0x1000, frame(n)), (TABLE + n * TASK_LEN, saved(n))];
    core(&[note, (0x1de0_0001, archive())], &memory)
}

fn open(file: Vec<u8>) -> Opened {
    open_bytes("hubris.core.0", file, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_dump_of_one_task_shows_that_task_alone() {
    for padded in [true, false] {
        let opened = open(one_task(2, padded));
        assert_eq!(opened.dump.threads.len(), 1);
        let thread = opened.dump.crashed().expect("the task");
        assert_eq!(thread.name.as_deref(), Some("thermal"));
        assert_eq!(thread.control_block, Some((TABLE + 2 * TASK_LEN).into()));
        let value = |name: &str| thread.registers.by_name(name);
        assert_eq!(value("pc"), Some(0x0801_2122), "a new task's pc has bit 0 set");
        assert_eq!((value("r4"), value("r11")), (Some(0x2_0004), Some(0x2_000b)));
        assert_eq!(value("d8"), Some(0x4002_0011_4002_0010));
        assert_eq!(value("d0"), Some(0x3000_0001_3000_0000));
        assert_eq!(value("sp"), Some(u64::from(STACK) + 0x2000 + 32 + 72));
        let notes: Vec<&str> = opened.dump.notes.iter().map(|note| note.words.as_str()).collect();
        assert!(!notes.iter().any(|words| words.contains("no saved state")), "{notes:?}");
        let task = ("task".to_string(), "2, dumped at 987654".to_string());
        assert!(opened.dump.identity.facts.contains(&task), "{:?}", opened.dump.identity.facts);
    }
}

#[test]
fn a_dump_of_the_system_has_all_tasks_and_the_cpu() {
    let registers: Vec<u8> = (0..=16)
        .map(|id: u32| (id, if id == 15 { 0x0800_0040 } else { 0x100 + id }))
        .chain([(17, 0x2000_03f0), (18, 0x2000_8000), (20, 0x0100_0001)])
        .flat_map(|(id, value)| words(&[id, value]))
        .collect();
    let states: Vec<u8> = (0..3).flat_map(saved).collect();
    let mut memory = vec![(TABLE, states)];
    memory.extend((0..3).map(|n| (STACK + n * 0x1000, frame(n))));
    let opened = open(core(&[(0x1de0_0002, registers), (0x1de0_0001, archive())], &memory));
    let names: Vec<_> = opened.dump.threads.iter().map(|t| t.name.as_deref()).collect();
    assert_eq!(names, [Some("kernel"), Some("jefe"), Some("net"), Some("thermal")]);
    let cpu = opened.dump.crashed().expect("the CPU");
    assert_eq!(
        (cpu.registers.pc(), cpu.registers.by_name("primask")),
        (Some(0x0800_0040), Some(1))
    );
}

/// What the gateway saves: pieces of memory by their addresses, and what it knows of them.
fn dry(memory: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let info = r#"{"format": 1, "task_index": 1, "crash_time": 4567, "board_name": "grapefruit-a",
        "git_commit": "00bce143d663", "archive_id": "0123456789abcdef", "fw_version": "1.0.31"}"#;
    let mut files = vec![("dump.json".to_string(), info.as_bytes().to_vec())];
    files.extend(memory.iter().map(|(addr, bytes)| (format!("0x{addr:08x}.bin"), bytes.clone())));
    zipped(&files)
}

fn dry_task() -> Vec<u8> {
    dry(&[(STACK + 0x1000, frame(1)), (TABLE + TASK_LEN, saved(1)), (0x2001_0000, vec![7; 512])])
}

#[test]
fn a_dump_of_the_gateway_has_its_task_without_any_elf_file() {
    let opened = open(dry_task());
    assert_eq!(opened.dump.format, "Hubris task dump");
    let thread = opened.dump.crashed().expect("the task");
    assert_eq!(thread.control_block, Some((TABLE + TASK_LEN).into()));
    assert_eq!(thread.registers.pc(), Some(0x0801_1122));
    assert_eq!(thread.registers.by_name("r7"), Some(0x1_0007));
    assert_eq!(opened.dump.memory.bytes(0x2001_0000, 512).as_deref(), Some(&[7; 512][..]));
    let facts = [
        ("task", "1, dumped at 4567"),
        ("board", "grapefruit-a"),
        ("git", "00bce143d663"),
        ("image id", "0123456789abcdef"),
        ("version", "1.0.31"),
    ];
    let wanted = facts.map(|(name, value)| (name.to_string(), value.to_string()));
    assert_eq!(opened.dump.identity.facts, wanted);
    assert!(opened.dump.notes.is_empty(), "{:?}", opened.dump.notes);
}

/// A zip that the user names is opened like a folder, but not this one.
#[test]
fn a_file_of_the_gateway_is_a_dump_and_no_archive_of_images() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hubris.dry.0");
    std::fs::write(&path, dry_task()).expect("a folder for tests");
    let opened = coroner::open::open(&[path], &Options::default()).expect("it is whole");
    assert_eq!(opened.dump.format, "Hubris task dump");
}

#[test]
fn a_dump_of_the_gateway_without_the_kernel_s_entry_is_memory_alone() {
    let opened = open(dry(&[(STACK + 0x1000, frame(1))]));
    assert!(opened.dump.threads.is_empty());
    let notes = &opened.dump.notes;
    assert!(notes.iter().any(|note| note.words.contains("memory only")), "{notes:?}");
    let nothing = open_bytes("hubris.dry.0", dry(&[]), &Options::default());
    let error = nothing.map(|_| ()).expect_err("there is no memory").to_string();
    assert!(error.contains("0xADDRESS.bin"), "{error}");
}

#[test]
fn damaged_cores_are_refused_or_read_never_more() {
    let file = one_task(1, true);
    try_all_prefixes("hubris.core.0", &file, &Options::default());
    try_bit_flips("hubris.core.0", &file, &Options::default());
    try_all_prefixes("hubris.dry.0", &dry_task(), &Options::default());
    try_bit_flips("hubris.dry.0", &dry_task(), &Options::default());
}

/// A shipped dump of a healthy system, with bytes of a task's entry in the kernel's table changed.
/// The offsets are those of this build's DWARF; what the kernel would have left there is known
/// from its source.
fn shipped(changes: &[(u64, &[u8])]) -> Option<Opened> {
    let path = crate::support::missing::fixtures()?.join("hubris/hubris.core.v6");
    let mut file = std::fs::read(path).expect("it is there");
    // The segment of 0x20000288.
    const SEGMENT: (u64, usize) = (0x2000_0288, 0x769f8);
    for (addr, bytes) in changes {
        let at = SEGMENT.1 + (addr - SEGMENT.0) as usize;
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
    Some(open(file))
}

/// Of task `sys`: r4, `state` (FaultInfo, then SchedState, whose 6 is "healthy") and `generation`.
const SYS_R4: u64 = 0x2000_0378;
const SYS_FAULT: u64 = SYS_R4 + 44;
const SYS_SCHED: u64 = SYS_R4 + 56;
const SYS_GENERATION: u64 = SYS_R4 + 88;

#[test]
fn tasks_have_states_priorities_and_generations_as_humility_prints_them() {
    let Some(opened) = shipped(&[]) else { return };
    let row = |thread: &coroner::dump::Thread| {
        let words = [thread.label(), thread.state.clone().unwrap_or_default()];
        (words.join(": "), thread.priority)
    };
    let rows: Vec<_> = opened.dump.threads.iter().map(row).collect();
    let right = [
        ("idle: running", 5),
        ("jefe: recv, notif: bit0 bit1", 0),
        ("sys: recv", 1),
        ("usart_driver: recv, notif: bit0", 2),
    ];
    assert_eq!(rows, right.map(|(words, priority)| (words.to_string(), Some(priority))));
    assert!(opened.dump.reason.is_unknown(), "a healthy system is no crash");
    assert_eq!(opened.dump.threads[2].remarks, ["task 1, generation 0"]);
    let healthy = |note: &coroner::dump::Note| note.code.as_deref() == Some("healthy");
    assert!(opened.dump.notes.iter().any(healthy));
}

#[test]
fn a_task_that_faulted_is_what_the_dump_is_about() {
    use coroner::reason::Signal;
    let cases: [(&[u8], &str, Option<Signal>); 9] = [
        (
            &[0, 0, 0, 0, 1, 0, 0, 0, 0x44, 0x33, 0x22, 0x11],
            "memory fault at 0x11223344 in task code",
            Some(Signal::Segv),
        ),
        (
            &[2, 1, 0, 0, 0, 0, 0, 0],
            "bus fault in a system call, imprecise: the address is unknown",
            Some(Signal::Bus),
        ),
        (
            &[1, 0, 0, 0, 0x90, 0xff, 0x02, 0x24],
            "stack overflow, sp 0x2402ff90",
            Some(Signal::Segv),
        ),
        (&[3], "divide by zero", Some(Signal::Fpe)),
        (&[6, 0, 0, 0, 0, 0, 1, 0], "usage fault: undefined instruction", Some(Signal::Ill)),
        (&[6, 0, 0, 0, 0, 0, 0, 0], "a fault; the processor does not tell which", None),
        (&[7, 2], "wrong use of a system call: TaskOutOfRange", Some(Signal::Abrt)),
        (&[9, 0, 0, 4], "killed by jefe/gen1", Some(Signal::Abrt)),
        (&[10, 1, 3, 0], "reply fault by idle/gen0: BadMessageSize", Some(Signal::Abrt)),
    ];
    for (fault, words, signal) in cases {
        let Some(opened) =
            shipped(&[(SYS_FAULT, fault), (SYS_SCHED, &[3]), (SYS_GENERATION, &[7])])
        else {
            return;
        };
        let dump = &opened.dump;
        assert_eq!((dump.reason.words.as_str(), dump.reason.signal), (words, signal));
        let first = &dump.threads[0];
        assert_eq!((first.name.as_deref(), first.crashed), (Some("sys"), true));
        assert_eq!(first.state.as_deref(), Some(format!("faulted: {words} (was: ready)").as_str()));
        assert_eq!(first.remarks, ["task 1, generation 7"]);
        assert_eq!(dump.threads.iter().filter(|thread| thread.crashed).count(), 1);
    }
}

#[test]
fn the_message_of_a_panic_is_the_reason() {
    // The message is text that the dump holds anyway: the epitaph of a kernel that did not fail.
    let at = [0x2000_0289u32.to_le_bytes(), 4u32.to_le_bytes()].concat();
    let changes: [(u64, &[u8]); 4] =
        [(0x2000_0289, b"oops"), (SYS_R4, &at), (SYS_FAULT, &[8]), (SYS_SCHED, &[3])];
    let Some(opened) = shipped(&changes) else { return };
    assert_eq!(opened.dump.reason.words, "oops");
}

#[test]
fn what_is_no_state_is_no_fault() {
    let Some(opened) = shipped(&[(SYS_SCHED, &[0xff])]) else { return };
    assert!(opened.dump.reason.is_unknown());
    let sys =
        opened.dump.threads.iter().find(|thread| thread.label() == "sys").expect("it is there");
    assert_eq!(sys.state, None);
    assert!(sys.remarks.iter().any(|words| words.contains("damaged")), "{:?}", sys.remarks);
}

#[test]
fn two_faults_are_both_named() {
    let jefe = SYS_R4 - 104;
    let Some(opened) =
        shipped(&[(SYS_FAULT, &[3]), (SYS_SCHED, &[3]), (jefe + 44, &[5]), (jefe + 56, &[3])])
    else {
        return;
    };
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("jefe"));
    assert!(opened.dump.notes.iter().any(|note| note.words.contains("(jefe, sys)")));
}

#[test]
fn a_kernel_that_gave_up_says_why() {
    let Some(opened) = shipped(&[(0x2000_0288, &[1]), (0x2000_0289, b"assertion failed\0")]) else {
        return;
    };
    assert_eq!(opened.dump.reason.words, "kernel: assertion failed");
    assert_eq!(opened.dump.reason.signal, Some(coroner::reason::Signal::Abrt));
}

//! Hand-made ELF cores: what writers do that no sample shows. The builder knows the System V ABI
//! and nothing of the reader.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

const ARM: u16 = 40;
const XTENSA: u16 = 94;
const RISCV: u16 = 243;

struct Core {
    machine: u16,
    notes: Vec<u8>,
    loads: Vec<(u32, Vec<u8>)>,
}

impl Core {
    fn of(machine: u16) -> Core {
        Core { machine, notes: Vec::new(), loads: Vec::new() }
    }

    fn note(mut self, owner: &str, kind: u32, desc: &[u8]) -> Core {
        let name = [owner.as_bytes(), b"\0"].concat();
        for word in [name.len() as u32, desc.len() as u32, kind] {
            self.notes.extend(word.to_le_bytes());
        }
        for part in [&name[..], desc] {
            self.notes.extend(part);
            self.notes.resize(self.notes.len().next_multiple_of(4), 0);
        }
        self
    }

    fn load(mut self, addr: u32, bytes: &[u8]) -> Core {
        self.loads.push((addr, bytes.to_vec()));
        self
    }

    /// `many`: more program headers than 16 bits can say, so section header 0 says it.
    fn build(self, many: bool) -> Vec<u8> {
        let count = 1 + self.loads.len() as u32;
        let mut at = 52 + 32 * count;
        let section_at = if many { at } else { 0 };
        at += if many { 40 } else { 0 };
        let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(4u16.to_le_bytes());
        bytes.extend(self.machine.to_le_bytes());
        for word in [1u32, 0, 52, section_at, 0] {
            bytes.extend(word.to_le_bytes());
        }
        let stated = if many { 0xffff } else { count as u16 };
        for half in [52u16, 32, stated, 40, u16::from(many), 0] {
            bytes.extend(half.to_le_bytes());
        }
        let mut contents: Vec<u8> = Vec::new();
        let mut header = |kind: u32, addr: u32, part: &[u8]| {
            let len = part.len() as u32;
            let words = [kind, at + contents.len() as u32, addr, 0, len, len, 6, 4];
            contents.extend(part);
            words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect::<Vec<u8>>()
        };
        bytes.extend(header(4, 0, &self.notes));
        for (addr, part) in &self.loads {
            bytes.extend(header(1, *addr, part));
        }
        if many {
            let mut section = [0u32; 10];
            section[7] = count;
            bytes.extend(section.iter().flat_map(|word| word.to_le_bytes()));
        }
        bytes.extend(contents);
        bytes
    }
}

fn prstatus(pid: u32, registers: &[u32]) -> Vec<u8> {
    let mut desc = vec![0; 72];
    desc[24..28].copy_from_slice(&pid.to_le_bytes());
    desc.extend(registers.iter().flat_map(|word| word.to_le_bytes()));
    desc.extend([0; 4]);
    desc
}

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("made.core", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, thread: usize, name: &str) -> Option<u64> {
    opened.dump.threads[thread].registers.by_name(name)
}

fn arm_words(pc: u32, status: u32) -> Vec<u32> {
    let mut words: Vec<u32> = (0..18).collect();
    words[13] = 0x2000_1fa0;
    words[15] = pc;
    words[16] = status;
    words
}

#[test]
fn two_tasks_of_nuttx_have_numbers_above_zero_and_their_own_names() {
    let core = Core::of(ARM)
        .note("nsh_main", 1, &prstatus(3, &arm_words(0x72, 0x0100_0000)))
        .note("Idle_Task", 1, &prstatus(0, &arm_words(0x5a, 0x0100_0000)))
        .load(0x2000_1f00, &[7; 256]);
    let opened = open(core.build(false));
    assert!(opened.dump.format.starts_with("NuttX"), "{}", opened.dump.format);
    let threads: Vec<_> =
        opened.dump.threads.iter().map(|t| (t.id, t.name.clone().unwrap())).collect();
    assert_eq!(threads, [(4, "nsh_main".to_string()), (1, "Idle_Task".to_string())]);
    assert_eq!(register(&opened, 0, "xpsr"), Some(0x0100_0000), "a Cortex-M by its status word");
}

#[test]
fn nuttx_on_a_cortex_a_has_no_status_word() {
    let core = Core::of(ARM).note("init", 1, &prstatus(1, &arm_words(0x4000_0072, 0)));
    let opened = open(core.build(false));
    assert_eq!(opened.dump.arch.name, "arm");
    assert_eq!(register(&opened, 0, "pc"), Some(0x4000_0072));
    assert_eq!(register(&opened, 0, "cpsr"), None);
}

#[test]
fn registers_that_nuttx_did_not_copy_on_xtensa_are_unknown_and_not_zero() {
    let mut words = vec![0u32; 128];
    words[0] = 0x4200_9cd8;
    words[1] = 0x0006_0820;
    let core = Core::of(XTENSA).note("init", 1, &prstatus(1, &words)).load(0x3fc8_b6c0, &[1; 64]);
    let opened = open(core.build(false));
    assert_eq!(opened.dump.arch.name, "xtensa-esp32s3", "by its addresses");
    assert_eq!(register(&opened, 0, "pc"), Some(0x4200_9cd8));
    assert_eq!(register(&opened, 0, "ar1"), None);
    assert_eq!(register(&opened, 0, "windowstart"), Some(1));
}

#[test]
fn all_windows_of_an_xtensa_are_kept_where_the_core_has_them() {
    let mut words: Vec<u32> = (0..128).collect();
    words[0] = 0x4200_9cd8;
    words[6] = 0b101;
    words[7] = 2;
    let core = Core::of(XTENSA).note("CORE", 1, &prstatus(1, &words)).load(0x3fc8_b6c0, &[1; 64]);
    let opened = open(core.build(false));
    assert_eq!(register(&opened, 0, "windowbase"), Some(2));
    assert_eq!(register(&opened, 0, "ar8"), Some(64 + 8));
    assert_eq!(register(&opened, 0, "ar63"), Some(64 + 63));
}

#[test]
fn a_core_with_very_many_program_headers_is_read_by_its_section_header() {
    let words: Vec<u32> = (0..32).map(|n| 0x8000_0000 + n).collect();
    let mut core = Core::of(RISCV).note("CORE", 1, &prstatus(9, &words));
    for n in 0..40u32 {
        core = core.load(0x8000_0000 + n * 0x100, &[n as u8; 16]);
    }
    let opened = open(core.build(true));
    assert_eq!(opened.dump.memory.region_count(), 40);
    assert_eq!(register(&opened, 0, "t6"), Some(0x8000_001f));
}

#[test]
fn threads_with_one_and_the_same_number_get_numbers_of_their_own() {
    let words: Vec<u32> = (0..32).collect();
    let core =
        Core::of(RISCV).note("CORE", 1, &prstatus(7, &words)).note("CORE", 1, &prstatus(7, &words));
    let opened = open(core.build(false));
    let ids: Vec<u64> = opened.dump.threads.iter().map(|thread| thread.id).collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn damaged_cores_make_a_dump_or_a_clear_error() {
    let words: Vec<u32> = (0..32).collect();
    let core = Core::of(RISCV)
        .note("CORE", 1, &prstatus(7, &words))
        .note("CORE", 2, &[0xff; 260])
        .note("GDB", 0xff00_0000, b"<target><feature name=\"x\"></feature></target>")
        .note("NuttX", 0x434f_5245, &[b'n'; 160])
        .load(0x8000_0000, &[1; 64]);
    for many in [false, true] {
        let core =
            Core { machine: core.machine, notes: core.notes.clone(), loads: core.loads.clone() };
        let bytes = core.build(many);
        try_all_prefixes("made.core", &bytes, &Options::default());
        try_bit_flips("made.core", &bytes, &Options::default());
    }
}

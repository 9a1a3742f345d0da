//! probe-rs' core dumps of every kind of core, written here as its serializer does (`rmp-serde` with
//! named fields), with the register ids of its tables for each architecture.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

/// MessagePack, as much of it as is needed: the shortest form of everything.
#[derive(Default)]
struct Pack(Vec<u8>);

impl Pack {
    fn map(&mut self, len: u16) {
        self.head(len, 0x80, 0xde);
    }

    fn array(&mut self, len: u16) {
        self.head(len, 0x90, 0xdc);
    }

    fn head(&mut self, len: u16, short: u8, long: u8) {
        if len < 16 {
            return self.0.push(short | len as u8);
        }
        self.0.push(long);
        self.0.extend(len.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        match text.len() {
            len @ 0..=31 => self.0.push(0xa0 | len as u8),
            len => self.0.extend([0xd9, len as u8]),
        }
        self.0.extend(text.bytes());
    }

    fn number(&mut self, value: u64) {
        match value {
            0..=0x7f => self.0.push(value as u8),
            0x80..=0xff => self.0.extend([0xcc, value as u8]),
            0x100..=0xffff => {
                self.0.push(0xcd);
                self.0.extend((value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(0xce);
                self.0.extend((value as u32).to_be_bytes());
            }
            _ => {
                self.0.push(0xcf);
                self.0.extend(value.to_be_bytes());
            }
        }
    }

    /// u128, which MessagePack lacks: binary, most significant byte first.
    fn wide(&mut self, value: u128) {
        self.0.extend([0xc4, 16]);
        self.0.extend(value.to_be_bytes());
    }
}

/// A value as the enum of its width.
#[derive(Clone, Copy)]
enum Value {
    U32(u32),
    U64(u64),
    U128(u128),
}

struct Core {
    registers: Vec<(u16, Value)>,
    memory: Vec<(u64, Vec<u8>)>,
    instruction_set: &'static str,
    core_type: &'static str,
    floats: Option<u8>,
}

fn file(core: &Core) -> Vec<u8> {
    let mut pack = Pack::default();
    pack.map(7);
    pack.text("registers");
    pack.map(core.registers.len() as u16);
    for (id, value) in &core.registers {
        pack.number((*id).into());
        pack.map(1);
        match value {
            Value::U32(value) => (pack.text("U32"), pack.number((*value).into())),
            Value::U64(value) => (pack.text("U64"), pack.number(*value)),
            Value::U128(value) => (pack.text("U128"), pack.wide(*value)),
        };
    }
    pack.text("data");
    pack.array(core.memory.len() as u16);
    for (start, bytes) in &core.memory {
        pack.array(2);
        pack.map(2);
        pack.text("start");
        pack.number(*start);
        pack.text("end");
        pack.number(start + bytes.len() as u64);
        pack.array(bytes.len() as u16);
        bytes.iter().for_each(|byte| pack.number((*byte).into()));
    }
    pack.text("instruction_set");
    pack.text(core.instruction_set);
    pack.text("supports_native_64bit_access");
    pack.0.push(if core.instruction_set == "A64" { 0xc3 } else { 0xc2 });
    pack.text("core_type");
    pack.text(core.core_type);
    pack.text("fpu_support");
    pack.0.push(if core.floats.is_some() { 0xc3 } else { 0xc2 });
    pack.text("floating_point_register_count");
    match core.floats {
        Some(count) => pack.number(count.into()),
        None => pack.0.push(0xc0),
    }
    pack.0
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 256) as u8).collect()
}

fn open(core: &Core) -> Opened {
    open_bytes("x.coredump", file(core), &Options::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check(opened: &Opened, core: &Core, wanted: &[(&str, u64)]) {
    assert_eq!(opened.dump.format, "probe-rs core dump");
    let thread = opened.dump.crashed().expect("it has registers");
    for (name, value) in wanted {
        assert_eq!(thread.registers.by_name(name), Some(*value), "{name}");
    }
    for (start, bytes) in core.memory.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        assert_eq!(opened.dump.memory.bytes(*start, bytes.len()).as_deref(), Some(&bytes[..]));
    }
    let fact = ("core".to_string(), core.core_type.to_string());
    assert!(opened.dump.identity.facts.contains(&fact), "{:?}", opened.dump.identity.facts);
}

/// `count` registers from `id` on, with values that tell their ids.
fn run(id: u16, count: u16, value: impl Fn(u16) -> Value) -> impl Iterator<Item = (u16, Value)> {
    (id..id + count).map(move |id| (id, value(id)))
}

fn cortex_m() -> Core {
    let word = |id: u16| Value::U32(0x1000_0000 + u32::from(id));
    let mut registers: Vec<_> = run(0, 19, word).collect();
    registers.push((20, Value::U32(0x0200_2001)));
    registers.push((33, Value::U32(0x0300_0010)));
    registers.extend(run(64, 32, word));
    // A HashMap has no order.
    registers.rotate_left(23);
    Core {
        registers,
        memory: vec![(0x2000_0001, bytes(333)), (0xe000_ed28, bytes(4)), (0x2001_0000, Vec::new())],
        instruction_set: "Thumb2",
        core_type: "armv7em",
        floats: Some(32),
    }
}

#[test]
fn a_cortex_m_has_its_floats_in_pairs_and_its_masks_in_one_word() {
    let core = cortex_m();
    let wanted = [
        ("r0", 0x1000_0000),
        ("r12", 0x1000_000c),
        ("sp", 0x1000_000d),
        ("pc", 0x1000_000f),
        ("xpsr", 0x1000_0010),
        ("psp", 0x1000_0012),
        ("control", 2),
        ("basepri", 0x20),
        ("primask", 1),
        ("fpscr", 0x0300_0010),
        ("d15", 0x1000_005f_1000_005e),
    ];
    check(&open(&core), &core, &wanted);
}

#[test]
fn an_arm_with_modes_has_numbers_of_its_own_for_floats() {
    let word = |id: u16| Value::U32(0x2000_0000 + u32::from(id));
    let mut registers: Vec<_> = run(0, 17, word).collect();
    registers.extend(run(17, 32, |id| Value::U64(0xdddd_0000_0000_0000 + u64::from(id))));
    registers.push((49, Value::U32(0x0700_0000)));
    let core = Core {
        registers,
        memory: vec![(0x0010_0000, bytes(64))],
        instruction_set: "A32",
        core_type: "armv7a",
        floats: Some(32),
    };
    let wanted = [
        ("r11", 0x2000_000b),
        ("sp", 0x2000_000d),
        ("pc", 0x2000_000f),
        ("cpsr", 0x2000_0010),
        ("d0", 0xdddd_0000_0000_0011),
        ("d15", 0xdddd_0000_0000_0020),
        ("fpscr", 0x0700_0000),
    ];
    check(&open(&core), &core, &wanted);
}

#[test]
fn a_64_bit_arm_has_sp_and_pc_behind_its_general_registers() {
    let mut registers: Vec<_> =
        run(0, 33, |id| Value::U64(0xffff_0000_0000_0000 + u64::from(id))).collect();
    registers.push((33, Value::U32(0x6000_03c5)));
    registers.extend(run(34, 32, |id| Value::U128(u128::from(id) << 96 | 5)));
    registers.push((66, Value::U32(0x10)));
    registers.push((67, Value::U32(0x20)));
    let core = Core {
        registers,
        memory: vec![(0xffff_0000_4000_0000, bytes(100))],
        instruction_set: "A64",
        core_type: "armv8a",
        floats: Some(32),
    };
    let opened = open(&core);
    let wanted = [
        ("x0", 0xffff_0000_0000_0000),
        ("x30", 0xffff_0000_0000_001e),
        ("sp", 0xffff_0000_0000_001f),
        ("pc", 0xffff_0000_0000_0020),
        ("cpsr", 0x6000_03c5),
        ("fpsr", 0x10),
        ("fpcr", 0x20),
    ];
    check(&opened, &core, &wanted);
    let registers = &opened.dump.threads[0].registers;
    let v31 = registers.arch().register("v31").and_then(|index| registers.get(index));
    assert_eq!(v31, Some(65 << 96 | 5));
}

#[test]
fn risc_v_has_the_registers_of_its_last_trap_as_well() {
    let word = |id: u16| Value::U32(0x3000_0000 + u32::from(id));
    let mut registers: Vec<_> = run(0x1000, 64, word).collect();
    registers.extend([0x7b1, 0x300, 0x341, 0x342].map(|id| (id, word(id))));
    registers.push((0x003, Value::U32(0x21)));
    let core = Core {
        registers,
        memory: vec![(0x8000_0000, bytes(1000))],
        instruction_set: "RV32C",
        core_type: "riscv",
        floats: Some(32),
    };
    let wanted = [
        ("pc", 0x3000_07b1),
        ("ra", 0x3000_1001),
        ("sp", 0x3000_1002),
        ("t6", 0x3000_101f),
        ("mepc", 0x3000_0341),
        ("mcause", 0x3000_0342),
        ("mstatus", 0x3000_0300),
        ("fcsr", 0x21),
        ("f31", 0x3000_103f),
    ];
    check(&open(&core), &core, &wanted);
}

#[test]
fn xtensa_has_ps_since_it_is_dumped() {
    let word = |id: u16| Value::U32(0x4008_0000 + u32::from(id));
    for with_ps in [false, true] {
        let mut registers: Vec<_> = run(0, 16, word).collect();
        registers.push((0xff00, Value::U32(0x4037_1234)));
        if with_ps {
            registers.push((0xff01, Value::U32(0x0006_0030)));
            registers.extend(run(0x200, 16, word));
        }
        let core = Core {
            registers,
            // Only the ESP32-S3 has RAM there and there.
            memory: vec![(0x3fc9_0000, bytes(64)), (0x4037_0000, bytes(16))],
            instruction_set: "Xtensa",
            core_type: "xtensa",
            floats: None,
        };
        let opened = open(&core);
        check(&opened, &core, &[("pc", 0x4037_1234), ("ar1", 0x4008_0001)]);
        let register = |name: &str| opened.dump.threads[0].registers.by_name(name);
        assert_eq!(register("ps"), with_ps.then_some(0x0006_0030));
        assert_eq!(register("f15"), with_ps.then_some(0x4008_020f));
    }
}

#[test]
fn damaged_dumps_are_refused_or_read_never_more() {
    let file = file(&cortex_m());
    try_all_prefixes("x.coredump", &file, &Options::default());
    try_bit_flips("x.coredump", &file, &Options::default());
}

//! NuttX' crash texts and core files, made here as `assert.c`, the `*_registerdump.c` of releases 7 to
//! 12 and `coredump.c` write them: of other programs and faults than the samples.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

fn open(text: impl Into<Vec<u8>>) -> Opened {
    open_bytes("other", text.into(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

fn bounds(opened: &Opened) -> Option<(u64, u64)> {
    opened.dump.crashed()?.stack.map(|stack| (stack.low, stack.high))
}

/// What lies at an address.
fn word(addr: u64) -> u32 {
    (addr as u32).rotate_left(9) ^ 0x1234_5678
}

/// Rows of a stack, `prefix` before each. They start 32 bytes aligned below the stack pointer.
fn rows(prefix: &str, mark: &str, sp: u64, top: u64) -> String {
    let mut text = String::new();
    let mut addr = sp & !0x1f;
    while addr < top & !0x1f {
        let words: Vec<_> = (0..8).map(|n| format!("{:08x}", word(addr + n * 4))).collect();
        text += &format!("{prefix}{mark}{addr:08x}: {}\n", words.join(" "));
        addr += 32;
    }
    text
}

fn check_rows(opened: &Opened, sp: u64, top: u64) {
    for addr in (sp & !0x1f..top & !0x1f).step_by(4) {
        assert_eq!(opened.dump.memory.u32_le(addr), Some(word(addr)), "at {addr:#x}");
    }
    assert_eq!(opened.dump.memory.u32_le((sp & !0x1f) - 4), None);
}

const SP: u64 = 0x2002_0ce8;
const TOP: u64 = 0x2002_1060;
const SIZE: u64 = 0x11f4;
const IRQ_SP: u64 = 0x2000_3f90;
const IRQ_TOP: u64 = 0x2000_3fe0;
const IRQ_SIZE: u64 = 0x2e8;

/// r0-r15 of a Cortex-M7.
fn general(n: u64) -> u64 {
    match n {
        13 => SP,
        14 => 0x0809_b8d5,
        15 => 0x0809_7156,
        n => 0x0c0f_fe00 + n,
    }
}

fn check_general(opened: &Opened) {
    for n in 0..16 {
        let name = ["sp", "lr", "pc"]
            .get((n as usize).wrapping_sub(13))
            .map_or(format!("r{n}"), |n| (*n).into());
        assert_eq!(register(opened, &name), Some(general(n)), "{name}");
    }
}

/// How a release prints.
#[derive(Clone, Copy)]
struct Old {
    /// PX4 takes the functions' names away.
    names: bool,
    registers_first: bool,
    interrupt_stack: bool,
    /// Since 10 the base is the low end, but some releases still print as before.
    base_is_low: bool,
}

fn old_text(old: Old) -> String {
    let name = |function: &str| if old.names { format!("{function}: ") } else { String::new() };
    let (state, dump) = (name("up_dumpstate"), name("up_stackdump"));
    let mut registers = String::new();
    for first in [0, 8] {
        let words: Vec<_> = (first..first + 8).map(|n| format!("{:08x}", general(n))).collect();
        registers += &format!("{}R{first}: {}\n", name("up_registerdump"), words.join(" "));
    }
    let names = name("up_registerdump");
    registers += &format!("{names}xPSR: 61000000 BASEPRI: 000000f0 CONTROL: 00000004\n");
    registers += &format!("{names}EXC_RETURN: ffffffe9\n");
    let mut stacks = String::new();
    if old.interrupt_stack {
        let base = if old.base_is_low { IRQ_TOP - IRQ_SIZE } else { IRQ_TOP };
        stacks += &format!("{state}sp:     {IRQ_SP:08x}\n{state}IRQ stack:\n");
        stacks += &format!("{state}  base: {base:08x}\n{state}  size: {IRQ_SIZE:08x}\n");
        stacks += &format!("{state}  used: 00000100\n");
        stacks += &rows("", &dump, IRQ_SP, IRQ_TOP);
        stacks += &format!("{state}sp:     {SP:08x}\n{state}User stack:\n");
    }
    let base = if old.base_is_low { TOP - SIZE } else { TOP };
    let (sp, key) = if old.interrupt_stack {
        (String::new(), "  ")
    } else {
        (format!("{state}sp:         {SP:08x}\n"), "stack ")
    };
    stacks += &format!("{sp}{state}{key}base: {base:08x}\n{state}{key}size: {SIZE:08x}\n");
    stacks += &rows("", &dump, SP, TOP);
    let fault = name("arm_hardfault");
    let head = format!(
        "{fault}PANIC!!! Hard Fault:\n{fault}  IRQ: 3 regs: 0x20020c14\n{fault}  CFAULTS: 02000000 HFAULTS: \
         40000000 DFAULTS: 00000000 BFAULTADDR: e000ed38 AFAULTS: 00000000\n{}Assertion failed at \
         file:armv7-m/up_hardfault.c line: 184 task: ekf2\n",
        name("up_assert")
    );
    let parts = if old.registers_first { [registers, stacks] } else { [stacks, registers] };
    format!(
        "{head}{}{}",
        parts.concat(),
        name("up_taskdump") + "Idle Task: PID=0 Stack Used=0 of 0\n"
    )
}

#[test]
fn the_text_of_old_releases_has_eight_registers_a_line_and_hexadecimal_sizes() {
    for bits in 0..16 {
        let bit = |n: u32| bits >> n & 1 != 0;
        let old = Old {
            names: bit(0),
            registers_first: bit(1),
            interrupt_stack: bit(2),
            base_is_low: bit(3),
        };
        let mut log = log_noise(2000);
        log.extend(old_text(old).as_bytes());
        let opened = open(log);
        assert_eq!(opened.dump.format, "NuttX crash log");
        assert_eq!(opened.found.len(), 1, "{bits}");
        check_general(&opened);
        assert_eq!(register(&opened, "exc_return"), Some(0xffff_ffe9));
        check_rows(&opened, SP, TOP);
        if old.interrupt_stack {
            check_rows(&opened, IRQ_SP, IRQ_TOP);
        }
        assert_eq!(bounds(&opened), Some((TOP - SIZE, TOP)), "{bits}");
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some("ekf2"));
        assert_eq!(register(&opened, "CFSR"), Some(0x0200_0000));
        let words = &opened.dump.reason.words;
        assert!(words.contains("divide by zero"), "{words}");
    }
}

#[test]
fn two_old_crashes_in_a_log_are_two() {
    let old =
        Old { names: false, registers_first: false, interrupt_stack: true, base_is_low: false };
    let opened = open(format!("{}\nbooting\n{}", old_text(old), old_text(old)));
    assert_eq!(opened.found.len(), 2);
    check_rows(&opened, IRQ_SP, IRQ_TOP);
}

/// `_assert` of 12.x, with `registers` as the machine prints them.
fn new_text(
    registers: &[String],
    cpu: Option<u32>,
    sp: u64,
    top: u64,
    size: u64,
    head: &str,
) -> String {
    let task = cpu.map_or(": pump_loop ".into(), |cpu| format!("(CPU{cpu}): pump_loop "));
    let mut text = format!(
        "[   12.34] [CPU1] [ EMERG] dump_assert_info: Current Version: NuttX  12.4.0 abc Jan 1 2024 board\n\
         {head}_assert: Assertion failed panic: at file: :0 task{task}process: init 0x420001a0\n"
    );
    for line in registers {
        text += &format!("up_dump_register: {line}\n");
    }
    text += "dump_stackinfo: IRQ Stack:\ndump_stackinfo:   base: 0x20001000\ndump_stackinfo:   size: 00002048\n";
    text += "dump_stackinfo:     sp: 0x20001700\n";
    text += &format!("dump_stackinfo: User Stack:\ndump_stackinfo:   base: {:#x}\n", top - size);
    text += &format!("dump_stackinfo:   size: {size:08}\ndump_stackinfo:     sp: {sp:#x}\n");
    text += &rows("", "stack_dump: 0x", sp, top);
    text + "dump_tasks:    PID GROUP PRI POLICY   TYPE    NPX STATE   EVENT      SIGMASK\n"
}

#[test]
fn the_text_of_release_12_on_a_cortex_m_in_thumb_code_and_not() {
    for thumb in [true, false] {
        let g = |n| format!("{:08x}", general(n));
        let (seven, eleven) = if thumb { (" FP", "R11") } else { (" R7", " FP") };
        let lines = [
            format!("R0: {} R1: {} R2: {}  R3: {}", g(0), g(1), g(2), g(3)),
            format!("R4: {} R5: {} R6: {} {seven}: {}", g(4), g(5), g(6), g(7)),
            format!("R8: {} SB: {} SL: {} {eleven}: {}", g(8), g(9), g(10), g(11)),
            format!("IP: {} SP: {} LR: {}  PC: {}", g(12), g(13), g(14), g(15)),
            "xPSR: 61000000 PRIMASK: 00000001 CONTROL: 00000004".into(),
            "EXC_RETURN: fffffff1".into(),
        ];
        let head = "arm_busfault: PANIC!!! Bus Fault:\n\
                    arm_busfault: \tCFSR: 00000400 HFSR: 00000000 DFSR: 00000000 BFAR: 00000000 AFSR: 00000000\n";
        let opened = open(new_text(&lines, Some(1), SP, TOP, SIZE, head));
        check_general(&opened);
        assert_eq!(register(&opened, "primask"), Some(1));
        assert_eq!(register(&opened, "CFSR"), Some(0x400));
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some("pump_loop"));
        assert_eq!(bounds(&opened), Some((TOP - SIZE, TOP)));
        check_rows(&opened, SP, TOP);
    }
}

/// By the names of the ABI, as far as they are printed.
fn riscv(width: usize, base: u64) -> (Vec<String>, Vec<(String, u64)>) {
    let mut named = vec![("EPC".to_string(), base + 0x1f4a)];
    let mut value = |name: &str| {
        let value = match name {
            "SP" => base + 0x10_0c40,
            "FP" | "S0" => base + 0x10_0c80,
            _ => 0x5eed_0000 + named.len() as u64,
        };
        named.push((name.to_string(), value));
        format!("{name}: {value:0width$x}")
    };
    let rows = [
        "A0 A1 A2 A3",
        "A4 A5 A6 A7",
        "T0 T1 T2 T3",
        "T4 T5 T6",
        "S0 S1 S2 S3",
        "S4 S5 S6 S7",
        "S8 S9 S10 S11",
        "GP SP FP TP RA",
    ];
    let mut lines = vec![format!("EPC: {:0width$x}", base + 0x1f4a)];
    for row in rows {
        lines.push(row.split(' ').map(&mut value).collect::<Vec<_>>().join(" "));
    }
    (lines, named)
}

#[test]
fn the_text_of_32_and_64_bit_riscv_differs_by_the_width_of_its_numbers_alone() {
    for (width, arch) in [(8, "riscv32"), (16, "riscv64")] {
        let base = 0x8000_0000;
        let (lines, named) = riscv(width, base);
        let head = format!(
            "riscv_exception: EXCEPTION: Load access fault. MCAUSE: {:0width$x}, EPC: {:0width$x}, MTVAL: {:0width$x}\n\
             riscv_exception: PANIC!!! Exception = {:0width$x}\n",
            5,
            base + 0x1f4a,
            0x4004,
            5
        );
        let (sp, top) = (base + 0x10_0c40, base + 0x10_1000);
        let opened = open(new_text(&lines, None, sp, top, 0x1000, &head));
        assert_eq!(opened.dump.arch.name, arch);
        assert_eq!(register(&opened, "pc"), Some(base + 0x1f4a));
        for (name, value) in &named[1..] {
            let name = name.to_lowercase().replace("s0", "fp");
            let name = if name == "fp0" { "s10".into() } else { name };
            assert_eq!(register(&opened, &name), Some(*value), "{name}");
        }
        assert_eq!(
            (register(&opened, "mcause"), register(&opened, "mtval")),
            (Some(5), Some(0x4004))
        );
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        assert_eq!(bounds(&opened), Some((top - 0x1000, top)));
        check_rows(&opened, sp, top);
    }
}

#[test]
fn texts_of_machines_that_name_registers_alike_are_refused() {
    let text =
        "up_registerdump: EPC:40001234 \nup_registerdump:  X0:00000000  A0:00000001  A1:00000002\n";
    let error = open_bytes("lm32", text.into(), &Options::default()).err().map(|e| e.to_string());
    assert!(error.is_some_and(|error| error.contains("--target")));
}

#[test]
fn the_text_of_an_xtensa_chip_has_its_cause() {
    let sp: u64 = 0x3fc9_4ad0;
    let mut lines = vec!["   PC: 4200a35c    PS: 00060a30".to_string()];
    for first in [0, 4, 8, 12] {
        let value = |n: u64| if n == 1 { sp } else { 0x3c00_0000 + n };
        let row = (first..first + 4).map(|n| format!("{:>5}: {:08x}", format!("A{n}"), value(n)));
        lines.push(row.collect::<Vec<_>>().join(" "));
    }
    lines.push("  SAR: 0000001f CAUSE: 0000001d VADDR: 00000010".into());
    lines.push(" LBEG: 40056f08  LEND: 40056f12  LCNT: 00000000".into());
    let opened = open(new_text(&lines, None, sp, sp + 0x200, 0x800, ""));
    assert_eq!(register(&opened, "pc"), Some(0x4200_a35c));
    assert_eq!(
        (register(&opened, "ar1"), register(&opened, "ar15")),
        (Some(sp), Some(0x3c00_000f))
    );
    assert_eq!(
        (register(&opened, "exccause"), register(&opened, "excvaddr")),
        (Some(29), Some(16))
    );
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32s3"));
    check_rows(&opened, sp, sp + 0x200);
}

/// `coredump.c`: all notes, then all stacks, in the order of the table of tasks, whoever ran.
fn core(running: usize) -> Vec<u8> {
    let tasks =
        [("Idle_Task", 0u32, 0x2000_1000u32), ("hpwork", 1, 0x2000_2000), ("pump", 5, 0x2000_3000)];
    let stack_len = 0x400;
    let half = |value: u16| value.to_le_bytes().to_vec();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut notes = Vec::new();
    let mut loads = Vec::new();
    for (n, (name, pid, stack)) in tasks.iter().enumerate() {
        let sp = stack + 0x2e8;
        let mut owner = name.as_bytes().to_vec();
        owner.resize(32, 0);
        let mut info = vec![0; 124];
        info[12..16].copy_from_slice(&pid.to_le_bytes());
        info[28..28 + name.len()].copy_from_slice(name.as_bytes());
        let mut status = vec![0; 148];
        status[24..28].copy_from_slice(&pid.to_le_bytes());
        for index in 0..17u32 {
            let value = match index {
                13 => sp,
                15 => 0x0800_1000 + n as u32,
                16 => 0x0100_0000,
                index => index << 8 | n as u32,
            };
            let at = 72 + index as usize * 4;
            status[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (kind, desc) in [(3u32, info), (1, status)] {
            notes.extend(words(&[32, desc.len() as u32, kind]));
            notes.extend(&owner);
            notes.extend(desc);
        }
        let start = if n == running { *stack } else { sp & !63 };
        loads.push((start, stack + stack_len - start));
    }
    let count = 1 + loads.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([half(4), half(40), words(&[1, 0, 52, 0, 0x0500_0000])].concat());
    file.extend([half(52), half(32), half(count as u16), half(0), half(0), half(0)].concat());
    let mut offset = 52 + 32 * count;
    file.extend(words(&[4, offset, 0, 0, notes.len() as u32, 0, 0, 0]));
    offset = (offset + notes.len() as u32).next_multiple_of(1024);
    for (start, len) in &loads {
        file.extend(words(&[1, offset, *start, *start, *len, *len, 7, 1024]));
        offset += len.next_multiple_of(1024);
    }
    file.extend(notes);
    for (start, len) in loads {
        file.resize(file.len().next_multiple_of(1024), 0);
        file.extend((0..len / 4).flat_map(|n| word(u64::from(start + n * 4)).to_le_bytes()));
    }
    file
}

#[test]
fn the_task_that_ran_is_the_crashed_one_wherever_it_stands_in_a_core() {
    for (running, name) in [(0, "Idle_Task"), (1, "hpwork"), (2, "pump")] {
        let opened = open(core(running));
        let names: Vec<_> =
            opened.dump.threads.iter().map(|t| t.name.clone().unwrap_or_default()).collect();
        assert_eq!((names.len(), names[0].as_str()), (3, name));
        let crashed: Vec<_> = opened.dump.threads.iter().map(|thread| thread.crashed).collect();
        assert_eq!(crashed, [true, false, false]);
        assert_eq!(register(&opened, "pc"), Some(0x0800_1000 + running as u64));
        let stack = 0x2000_1000 + running as u64 * 0x1000;
        assert_eq!(opened.dump.memory.u32_le(stack), Some(word(stack)));
    }
}

#[test]
fn damaged_texts_and_cores_make_a_dump_or_a_clear_error() {
    let old =
        Old { names: false, registers_first: false, interrupt_stack: true, base_is_low: false };
    let (lines, _) = riscv(16, 0x8000_0000);
    let new = new_text(&lines, None, 0x8010_0c40, 0x8010_1000, 0x1000, "");
    for (name, bytes) in
        [("old", old_text(old).into_bytes()), ("new", new.into_bytes()), ("core", core(2))]
    {
        try_all_prefixes(name, &bytes, &Options::default());
        try_bit_flips(name, &bytes, &Options::default());
    }
}

/// 64-bit ARM: `%-16` fills numbers up on the right, and the syndrome comes before.
#[test]
fn the_text_of_64_bit_arm_has_its_syndrome_and_the_stack_pointer_of_its_level() {
    let (sp, el0, top) = (0x4084_1140u64, 0x4085_0780u64, 0x4084_1780u64);
    for (spsr, wanted) in [(0x2000_0245u64, sp), (0x2000_0000, el0)] {
        let mut lines = vec!["stack = 0x40840e00".to_string()];
        let x = |n: u64| (0xffff_0000_0000_0000 / (n + 1)) ^ n;
        for n in (0..30).step_by(2) {
            let names = [format!("x{n}:"), format!("x{}:", n + 1)];
            let first = format!("{:x}", x(n));
            lines.push(format!("{:<5} 0x{first:<16}  {:<5} 0x{:x}", names[0], names[1], x(n + 1)));
        }
        lines.push(format!("x30:  0x{:<16x}", 0x4082_749cu64));
        lines.push(String::new());
        lines.push("STATUS Registers:".into());
        let status = [
            ("SPSR:", spsr),
            ("ELR:", 0x4082_74a4),
            ("SP_EL0:", el0),
            ("SP_ELX:", sp),
            ("EXE_DEPTH:", 0xffff_ffff_ffff_ffe6),
        ];
        lines.extend(status.map(|(name, value)| format!("{name:<10} 0x{value:<16x}")));
        let head = "default_fatal_handler: (IFSC/DFSC) for Data/Instruction aborts: level 2 \
                    translation fault\n\
                    arm64_exception_handler: CurrentEL: MODE_EL1\n\
                    arm64_exception_handler: ESR_ELn: 0x96000006\n\
                    arm64_exception_handler: FAR_ELn: 0x8800cafe\n\
                    arm64_exception_handler: ELR_ELn: 0x408274a4\n\
                    print_ec_cause: DABT (current EL)\n";
        let opened = open(new_text(&lines, None, sp, top, 0x2000, head));
        assert_eq!(opened.dump.arch.name, "aarch64");
        assert_eq!(register(&opened, "pc"), Some(0x4082_74a4));
        assert_eq!(register(&opened, "sp"), Some(wanted));
        assert_eq!(register(&opened, "x30"), Some(0x4082_749c));
        assert_eq!(register(&opened, "cpsr"), Some(spsr));
        for n in 0..30 {
            assert_eq!(register(&opened, &format!("x{n}")), Some(x(n)), "x{n}");
        }
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        let words = "data abort, read, translation fault at level 2: 0x8800cafe at pc 0x408274a4";
        assert_eq!(opened.dump.reason.words, words);
        check_rows(&opened, sp, top);
    }
}

#[test]
fn the_table_of_tasks_and_backtraces_with_names_are_read() {
    let lines = ["R0: 00000001 R1: 00000002 R2: 00000003  R3: 00000004".to_string(), {
        format!("IP: 0000000c SP: {SP:08x} LR: 08001235  PC: 08001240")
    }];
    let table = "\
dump_task:  ----   --- --- -------- ------- --- ------- ---------- ---------------- 0x20000100      2048       416    20.3%    irq
dump_task:     0     0   0 FIFO     Kthread -   Ready              0000000000000000 0x20003000      1000       416    41.6%    Idle_Task
dump_task:     2     2 224 RR       Kthread -   Waiting Semaphore  0000000000000000 0x20004000      2000      1900    95.0%!   hpwork 0x20001000
dump_task:     5     5 100 RR       Task    -   Running            0000000000000000 0x20020000      4000       640    16.0%    pump_loop -v
backtrace:
[ 5] [<0x8001240>] pump_step+0x10/0x20
[ 5] [<0x8001235>] pump_loop+0x4/0x80
[ 2] [<0x8002000>] nxsem_wait+0x8/0x30
";
    let opened = open(new_text(&lines, None, SP, TOP, SIZE, "") + table);
    let threads = &opened.dump.threads;
    let told: Vec<_> = threads.iter().map(|t| (t.id, t.name.as_deref().unwrap_or("?"))).collect();
    assert_eq!(told, [(5, "pump_loop"), (6, "Idle_Task"), (2, "hpwork")]);
    let hpwork = &threads[2];
    assert_eq!(hpwork.state.as_deref(), Some("Waiting Semaphore"));
    assert_eq!((hpwork.priority, hpwork.core), (Some(224), None));
    assert_eq!(hpwork.stack.map(|stack| (stack.low, stack.high)), Some((0x2000_4000, 0x2000_47d0)));
    assert_eq!(hpwork.remarks, ["stack used: 1900 of 2000 bytes"]);
    let frames: Vec<_> =
        threads[0].printed.iter().map(|frame| (frame.pc, frame.function.as_deref())).collect();
    assert_eq!(frames, [(0x800_1240, Some("pump_step")), (0x800_1234, Some("pump_loop"))]);
    assert!(threads[0].printed[1].returns && !threads[0].printed[0].returns);
    assert_eq!(hpwork.printed.len(), 1);
}

#[test]
fn the_text_above_a_core_of_the_same_crash_says_why() {
    let hex: String = core(2).iter().map(|byte| format!("{byte:02X}")).collect();
    let digits: Vec<u8> = hex.into_bytes();
    let dumped: String =
        digits.chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    let log = |r1: u32| {
        format!(
            "_assert: Assertion failed at file: pump.c:12 task: pump process: init 0x0\n\
             up_dump_register: R0: 00000002 R1: {r1:08x} R2: 00000202  R3: 00000302\n\
             up_dump_register: IP: 00000c02 SP: 200032e8 LR: 00000e02  PC: 08001002\n\
             Start coredump:\n{dumped}Finish coredump\n"
        )
    };
    let opened = open(log(0x102));
    assert_eq!(opened.dump.threads.len(), 3, "the core was read");
    assert!(opened.dump.reason.words.starts_with("Assertion failed at file: pump.c:12"));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    // The registers of another crash are not this one's.
    let other = open(log(0x103));
    assert!(!other.dump.reason.words.contains("Assertion"), "{}", other.dump.reason.words);
}

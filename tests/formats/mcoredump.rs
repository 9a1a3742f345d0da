//! MCoreDump's ELF cores as its source writes them, of frames as RT-Thread's handlers push them,
//! with MCoreDump's mistakes: what comes out is what the processor had.

use crate::support::formats as support;
use coroner::dump::Severity;
use coroner::open::{Opened, Options};
use support::open_bytes;

const RAM: u32 = 0x2000_0000;
const PC: u32 = 0x0800_1234;
const LR: u32 = 0x0800_4321;
const T: u32 = 0x0100_0000;
/// The stack pointer was not a multiple of 8: a word was left out below the frame.
const PADDED: u32 = 1 << 9;
const NAMES: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr",
    "pc", "xpsr",
];

/// What MCoreDump has of a thread before it writes: r0-r12, sp, lr, pc, xpsr and s0-s31, fpscr.
#[derive(Clone, Copy)]
struct Regset {
    core: [u32; 17],
    floats: [u32; 33],
}

/// The device's RAM, and what is known of each thread in the order of the object list.
struct Device {
    ram: Vec<u8>,
    fpu: bool,
    threads: Vec<(Regset, u32, u32)>,
}

impl Device {
    fn new(fpu: bool) -> Device {
        let ram = (0..0x4000u32).map(|n| (n * 7 + n / 256) as u8).collect();
        Device { ram, fpu, threads: Vec::new() }
    }

    fn push(&mut self, sp: &mut u32, words: &[u32]) {
        *sp -= 4 * words.len() as u32;
        let at = (*sp - RAM) as usize;
        for (n, word) in words.iter().enumerate() {
            self.ram[at + 4 * n..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }

    fn word(&self, addr: u32) -> u32 {
        let at = (addr - RAM) as usize;
        u32::from_le_bytes(self.ram[at..at + 4].try_into().unwrap())
    }

    /// The processor's part of an exception, with FPU registers if they were in use.
    fn enter(&mut self, sp: u32, cpu: &Cpu) -> u32 {
        let mut psp = sp;
        let pad = if sp.is_multiple_of(8) { 0 } else { 1 };
        psp -= 4 * pad;
        if cpu.floats {
            let low: Vec<u32> = (0..16).map(Cpu::single).chain([0x0300_0010, 0]).collect();
            self.push(&mut psp, &low);
        }
        let [r0, r1, r2, r3, .., r12] = cpu.r();
        self.push(&mut psp, &[r0, r1, r2, r3, r12, LR, PC, T | (pad * PADDED)]);
        psp
    }

    /// Reads a frame as the function for ARMv7-M does.
    fn collect_v7(&self, from: u32) -> Regset {
        let mut at = from;
        let mut next = || {
            at += 4;
            self.word(at - 4)
        };
        let mut set = Regset { core: [0; 17], floats: [0; 33] };
        let flag = self.fpu && next() != 0;
        (4..12).for_each(|n| set.core[n] = next());
        if flag {
            (16..32).for_each(|n| set.floats[n] = next());
        }
        [0, 1, 2, 3, 12, 14, 15, 16].into_iter().for_each(|n| set.core[n] = next());
        if flag {
            [(0..16), (32..33)].into_iter().flatten().for_each(|n| set.floats[n] = next());
            next();
        }
        set.core[13] = at;
        set
    }

    /// Reads a frame of PendSV as the function for ARMv8-M does: without a look at EXC_RETURN.
    fn collect_v8(&self, from: u32) -> Regset {
        Device { ram: self.ram.clone(), fpu: false, threads: Vec::new() }.collect_v7(from + 16)
    }

    fn switched_out(&mut self, set: Regset, sp: u32, stack_end: u32) {
        self.threads.push((set, sp, stack_end - sp));
    }

    fn running(&mut self, set: Regset) {
        self.threads.push((set, set.core[13], 1024));
    }

    /// The ELF core with `saved` bytes for the area of each thread.
    fn core(&self) -> Vec<u8> {
        let areas: Vec<(u32, u32)> =
            self.threads.iter().map(|(_, addr, len)| (addr & !63, len + (addr & 63))).collect();
        let note_len = 12 + 8 + 148 + if self.fpu { 12 + 8 + 260 } else { 0 };
        let headers = 1 + areas.len() as u32;
        let mut elf = b"\x7fELF\x01\x01\x01\x61\0\0\0\0\0\0\0\0\x04\0\x28\0\x01\0\0\0".to_vec();
        elf.extend([0u32, 52, 0, 0].into_iter().flat_map(u32::to_le_bytes));
        elf.extend([52, 32, headers as u16, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
        let mut offset = 52 + 32 * headers;
        let mut header = |kind: u32, addr: u32, len: u32, memory: u32, flags: u32| {
            let words = [kind, offset, addr, 0, len, memory, flags, 1];
            offset += len;
            words.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
        };
        elf.extend(header(4, 0, note_len * self.threads.len() as u32, 0, 4));
        areas.iter().for_each(|(addr, len)| elf.extend(header(1, *addr, *len, *len, 6)));
        for (nth, (set, ..)) in self.threads.iter().enumerate() {
            elf.extend([5u32, 148, 1].into_iter().flat_map(u32::to_le_bytes));
            // One byte of the padding is cleared, the others are what was there before.
            elf.extend(b"CORE\0\0\x34\x12");
            let mut status = [0; 148];
            status[24..28].copy_from_slice(&(3539 + nth as u32).to_le_bytes());
            let core: Vec<u8> = set.core.into_iter().flat_map(u32::to_le_bytes).collect();
            status[72..140].copy_from_slice(&core);
            elf.extend(status);
            if self.fpu {
                elf.extend([6u32, 260, 0x400].into_iter().flat_map(u32::to_le_bytes));
                elf.extend(b"LINUX\0\0\0");
                // Sixteen doubles and the word behind them are copied, then fpscr to the end of
                // the note; between them is what was there before.
                let mut floats: Vec<u8> =
                    set.floats.iter().flat_map(|word| word.to_le_bytes()).collect();
                floats.resize(256, 0xa5);
                floats.extend(set.floats[32].to_le_bytes());
                elf.extend(floats);
            }
        }
        for (addr, len) in areas {
            let at = (addr - RAM) as usize;
            elf.extend(&self.ram[at..at + len as usize]);
        }
        elf
    }

    fn open(&self, name: &str) -> Opened {
        open(name, self.core())
    }
}

/// What the processor had in a thread.
struct Cpu {
    seed: u32,
    sp: u32,
    floats: bool,
}

impl Cpu {
    fn r(&self) -> [u32; 13] {
        std::array::from_fn(|n| self.seed + n as u32)
    }

    fn kept(&self) -> Vec<u32> {
        self.r()[4..12].to_vec()
    }

    fn single(n: u32) -> u32 {
        0x3f80_0000 + n
    }

    fn xpsr(&self) -> u32 {
        T | if self.sp.is_multiple_of(8) { 0 } else { PADDED }
    }

    #[track_caller]
    fn check(&self, opened: &Opened, pid: u64) {
        let thread = opened.dump.threads.iter().find(|thread| thread.id == pid).unwrap();
        let wanted: Vec<u32> = self.r().into_iter().chain([self.sp, LR, PC, self.xpsr()]).collect();
        for (name, word) in NAMES.iter().zip(wanted) {
            assert_eq!(thread.registers.by_name(name), Some(word.into()), "{name} of {pid}");
        }
        let singles =
            |n: u32| u64::from(Cpu::single(2 * n)) | u64::from(Cpu::single(2 * n + 1)) << 32;
        for n in 0..16 {
            let wanted = self.floats.then(|| singles(n));
            assert_eq!(thread.registers.by_name(&format!("d{n}")), wanted, "d{n} of {pid}");
        }
        assert_eq!(thread.registers.by_name("fpscr"), self.floats.then_some(0x0300_0010));
    }
}

fn open(name: &str, bytes: Vec<u8>) -> Opened {
    let name = format!("mcoredump-{name}");
    open_bytes(&name, bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check_crashed(opened: &Opened, pid: u64) {
    let crashed = opened.dump.crashed().unwrap();
    assert_eq!((crashed.id, opened.dump.threads[0].id), (pid, pid));
    let sure = opened.dump.notes.iter().find(|note| note.words.contains("does not mark")).unwrap();
    assert_eq!(sure.severity, Severity::Info, "{sure}");
}

/// Two threads that wait, one with FPU registers and one padded, of a Cortex-M with FPU.
fn waiting_with_fpu(device: &mut Device) -> [Cpu; 2] {
    let plain = Cpu { seed: 0x100, sp: RAM + 0x0f84, floats: false };
    let mut sp = device.enter(plain.sp, &plain);
    device.push(&mut sp, &plain.kept());
    device.push(&mut sp, &[0]);
    let set = device.collect_v7(sp);
    device.switched_out(set, sp, RAM + 0x1000);

    let floats = Cpu { seed: 0x200, sp: RAM + 0x1f80, floats: true };
    let mut sp = device.enter(floats.sp, &floats);
    let high: Vec<u32> = (16..32).map(Cpu::single).collect();
    device.push(&mut sp, &high);
    device.push(&mut sp, &floats.kept());
    device.push(&mut sp, &[1]);
    let set = device.collect_v7(sp);
    device.switched_out(set, sp, RAM + 0x2000);
    [plain, floats]
}

#[test]
fn threads_with_and_without_fpu_and_padding_are_as_the_processor_had_them() {
    let mut device = Device::new(true);
    let [plain, floats] = waiting_with_fpu(&mut device);
    // The handler of present kernels: the flag is 0, for the FPU was not in use.
    let cpu = Cpu { seed: 0x300, sp: RAM + 0x2f0c, floats: false };
    let frame = device.enter(cpu.sp, &cpu);
    let mut sp = frame;
    device.push(&mut sp, &cpu.kept());
    device.push(&mut sp, &[0]);
    device.push(&mut sp, &[0xffff_fffd]);
    let set = device.collect_v7(frame - 4 * 9);
    device.running(set);
    let opened = device.open("fpu");
    check_crashed(&opened, 3541);
    cpu.check(&opened, 3541);
    plain.check(&opened, 3539);
    floats.check(&opened, 3540);
    let area = opened.dump.memory.bytes(0x2000_2f00, 1024).unwrap();
    assert_eq!(*area, device.ram[0x2f00..0x3300]);
    assert_eq!(opened.dump.memory.bytes(0x2000_3308, 4).map(|bytes| bytes.len()), None);
    let ids: Vec<u64> = opened.dump.threads.iter().map(|thread| thread.id).collect();
    assert_eq!(ids, [3541, 3539, 3540]);
}

#[test]
fn a_fault_without_fpu_was_read_one_word_too_low() {
    for (name, sp) in [("soft", RAM + 0x2f08), ("soft-padded", RAM + 0x2f0c)] {
        let mut device = Device::new(false);
        let cpu = Cpu { seed: 0x300, sp, floats: false };
        let frame = device.enter(cpu.sp, &cpu);
        let mut pushed = frame;
        device.push(&mut pushed, &cpu.kept());
        device.push(&mut pushed, &[0xffff_fffd]);
        let set = device.collect_v7(frame - 4 * 9);
        assert_eq!(set.core[4], 0xffff_fffd, "the mistake");
        device.running(set);
        let idle = Cpu { seed: 0x400, sp: RAM + 0x0fc0, floats: false };
        let mut waiting = device.enter(idle.sp, &idle);
        device.push(&mut waiting, &idle.kept());
        let set = device.collect_v7(waiting);
        device.switched_out(set, waiting, RAM + 0x1000);
        let opened = device.open(name);
        check_crashed(&opened, 3539);
        cpu.check(&opened, 3539);
        idle.check(&opened, 3540);
        assert!(opened.dump.notes.iter().any(|note| note.words.contains("one word too low")));
    }
}

#[test]
fn a_fault_on_an_older_kernel_with_fpu_is_in_the_floats_and_its_sp_is_unknown() {
    let mut device = Device::new(true);
    waiting_with_fpu(&mut device);
    let cpu = Cpu { seed: 0x300, sp: RAM + 0x2f08, floats: false };
    let frame = device.enter(cpu.sp, &cpu);
    let mut sp = frame;
    device.push(&mut sp, &cpu.kept());
    // "dummy" for the flag is EXC_RETURN.
    device.push(&mut sp, &[0xffff_fffd]);
    let set = device.collect_v7(frame - 4 * 9);
    assert_eq!(set.floats[22], PC, "the mistake");
    device.running(set);
    let opened = device.open("older");
    check_crashed(&opened, 3541);
    let registers = &opened.dump.crashed().unwrap().registers;
    let wanted: Vec<u32> = cpu.r().into_iter().chain([0, LR, PC, T]).collect();
    for (name, word) in NAMES.iter().zip(wanted).filter(|(name, _)| **name != "sp") {
        assert_eq!(registers.by_name(name), Some(word.into()), "{name}");
    }
    assert_eq!((registers.sp(), registers.by_name("d8")), (None, None));
    let note = opened.dump.notes.iter().find(|note| note.words.contains("s16-s23")).unwrap();
    assert!(note.words.contains("sp was 0x20002f08, or 0x20002f50"), "{note}");
}

#[test]
fn armv8m_threads_with_floats_are_read_from_their_stacks() {
    let mut device = Device::new(true);
    let floats = Cpu { seed: 0x200, sp: RAM + 0x1f84, floats: true };
    let high: Vec<u32> = (16..32).map(Cpu::single).collect();
    let mut sp = device.enter(floats.sp, &floats);
    device.push(&mut sp, &high);
    device.push(&mut sp, &floats.kept());
    device.push(&mut sp, &[0, 0xffff_ffac, RAM + 0x1000, 2]);
    let set = device.collect_v8(sp);
    assert_eq!(set.core[0], Cpu::single(16), "the mistake");
    device.switched_out(set, sp, RAM + 0x2000);

    let plain = Cpu { seed: 0x100, sp: RAM + 0x0f84, floats: false };
    let mut sp = device.enter(plain.sp, &plain);
    device.push(&mut sp, &plain.kept());
    device.push(&mut sp, &[0, 0xffff_ffbc, RAM + 0x0800, 2]);
    let set = device.collect_v8(sp);
    device.switched_out(set, sp, RAM + 0x1000);

    let cpu = Cpu { seed: 0x300, sp: RAM + 0x2f08, floats: false };
    let frame = device.enter(cpu.sp, &cpu);
    let mut sp = frame;
    device.push(&mut sp, &cpu.kept());
    device.push(&mut sp, &[0, 0xffff_fffd, RAM + 0x2000, 2]);
    let set = device.collect_v8(sp);
    device.running(set);
    let opened = device.open("armv8m");
    check_crashed(&opened, 3541);
    cpu.check(&opened, 3541);
    plain.check(&opened, 3540);
    floats.check(&opened, 3539);
}

/// Without a frame: the registers of the function that writes. `mrs` reads no Thumb bit.
fn asserted() -> Device {
    let mut device = Device::new(true);
    let mut set = Regset { core: [0; 17], floats: [0; 33] };
    set.core = std::array::from_fn(|n| 0x40 + n as u32);
    set.core[13..].copy_from_slice(&[RAM + 0x2f24, LR, PC, 0x6000_0000]);
    set.floats = std::array::from_fn(|n| Cpu::single(n as u32));
    set.floats[32] = 0x0300_0010;
    device.running(set);
    device
}

#[test]
fn live_registers_of_an_assert_stay_as_they_are() {
    let mut device = asserted();
    waiting_with_fpu(&mut device);
    let opened = device.open("assert");
    check_crashed(&opened, 3539);
    let registers = &opened.dump.crashed().unwrap().registers;
    for (name, word) in NAMES.iter().zip(device.threads[0].0.core) {
        assert_eq!(registers.by_name(name), Some(word.into()), "{name}");
    }
    assert_eq!(registers.by_name("d0"), Some(0x3f80_0001_3f80_0000));
    assert_eq!(registers.by_name("fpscr"), Some(0x0300_0010));
}

#[test]
fn a_mini_dump_has_one_thread_and_more_of_its_stack() {
    let mut device = asserted();
    device.threads[0].2 = 1536;
    let opened = device.open("mini");
    assert_eq!(opened.dump.threads.len(), 1);
    assert_eq!(opened.dump.crashed().unwrap().registers.pc(), Some(PC.into()));
    let area = opened.dump.memory.bytes(0x2000_2f00, 1536 + 0x24).unwrap();
    assert_eq!(*area, device.ram[0x2f00..0x3524]);
}

fn crc_without_inversion(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn console_and_ram_carry_the_same_core() {
    let device = asserted();
    let core = device.core();
    let crc = crc_without_inversion(&core);
    let digits: String = core.iter().map(|byte| format!("{byte:02x}")).collect();
    let console = format!(
        "msh >(0) has assert failed at main:42.\ncoredump start : {{\n{digits}\n}} coredump end\n\
         crc32 : {:08x}\n=== MCoreDump Memory Storage Completed ===\n\n",
        !crc
    );
    let command = console.replace("=== MCore", &format!("bytes : {}\n=== MCore", core.len()));
    let mut ram = b"PDMC".to_vec();
    ram.extend((core.len() as u32).to_le_bytes());
    ram.extend(crc.to_le_bytes());
    ram.extend(&core);
    // The buffer has 8 KiB whatever is in it.
    ram.resize(12 + 8192, 0);
    let all = [("console", console.into_bytes()), ("command", command.into()), ("ram", ram)];
    let plain = device.open("plain");
    for (name, bytes) in all {
        let opened = open(name, bytes);
        let registers = |opened: &Opened| {
            opened.dump.crashed().map(|it| it.registers.known().collect::<Vec<_>>())
        };
        assert_eq!(registers(&opened), registers(&plain), "{name}");
        let complaints = |opened: &Opened| {
            opened.dump.notes.iter().filter(|note| note.severity != Severity::Info).count()
        };
        assert_eq!(complaints(&opened), complaints(&plain), "{name}: {:?}", opened.dump.notes);
        assert_eq!(opened.dump.memory.region_count(), plain.dump.memory.region_count());
    }
}

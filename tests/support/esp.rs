//! Makes ESP-IDF core dumps and what they come wrapped in. Written from the format's description
//! and not from the reader: the two share no layouts.

use sha2::{Digest, Sha256};

fn le(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    // zlib's crc32 bit by bit, so as not to share the reader's library.
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}

/// Puts header and checksum of `version` (with its chip id) around a body, padded to `align`.
/// `counts` are tasks, control block size and segments of a binary body; `revision` the chip's.
pub fn image(version: u32, counts: [u32; 3], revision: u32, body: &[u8], align: usize) -> Vec<u8> {
    let [tasks, tcb, segments] = counts;
    let header = match version & 0xffff {
        0x0001 => vec![0, version, tasks, tcb],
        0x0002 | 0x0100 | 0x0101 => vec![0, version, tasks, tcb, segments],
        0x0003 | 0x0102 | 0x0103 => vec![0, version, tasks, tcb, segments, revision],
        0x0104 => vec![0, version, revision],
        other => panic!("no version {other:#x}"),
    };
    let sha = matches!(version & 0xffff, 0x0101 | 0x0103 | 0x0104);
    let mut bytes = le(&header);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(align), 0);
    let total = bytes.len() + if sha { 32 } else { 4 };
    bytes[..4].copy_from_slice(&(total as u32).to_le_bytes());
    if sha {
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
    } else {
        let sum = crc(&bytes);
        bytes.extend_from_slice(&sum);
    }
    bytes
}

/// Makes the checksum of an image right again after its bytes were changed.
pub fn reseal(image: &mut [u8]) {
    let version = u32::from_le_bytes(image[4..8].try_into().unwrap()) & 0xffff;
    let total = u32::from_le_bytes(image[..4].try_into().unwrap()) as usize;
    if matches!(version, 0x0101 | 0x0103 | 0x0104) {
        let sum = Sha256::digest(&image[..total - 32]);
        image[total - 32..total].copy_from_slice(&sum);
    } else {
        let sum = crc(&image[..total - 4]);
        image[total - 4..total].copy_from_slice(&sum);
    }
}

/// An image from before 3.3, as it lies in flash or as the UART had it.
pub fn old_image(tasks: u32, tcb: u32, body: &[u8], in_flash: bool) -> Vec<u8> {
    const MAGIC: u32 = 0xe32c_04ed;
    let total = 12 + body.len() as u32 + if in_flash { 8 } else { 0 };
    let mut bytes = if in_flash { le(&[MAGIC]) } else { Vec::new() };
    bytes.extend(le(&[total, tasks, tcb]));
    bytes.extend_from_slice(body);
    if in_flash {
        bytes.extend(le(&[MAGIC]));
    }
    bytes
}

/// A task for a binary body.
#[derive(Clone)]
pub struct Task {
    pub name: &'static str,
    pub tcb_addr: u32,
    pub stack_start: u32,
    pub frame: Vec<u32>,
    pub stack_low: u32,
    pub stack_end: u32,
    /// Where the last switch left the frame; the start of the saved stack if `None`.
    pub top: Option<u32>,
    pub priority: u32,
    pub core: Option<u32>,
}

pub const TCB_LEN: usize = 340;

impl Task {
    fn tcb(&self) -> Vec<u8> {
        let mut tcb = vec![0u8; TCB_LEN];
        let mut put = |at: usize, word: u32| tcb[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(0, self.top.unwrap_or(self.stack_start));
        put(44, self.priority);
        put(48, self.stack_low);
        match self.core {
            Some(core) => {
                put(68, core);
                put(72, self.stack_end);
            }
            None => put(68, self.stack_end),
        }
        tcb[52..52 + self.name.len()].copy_from_slice(self.name.as_bytes());
        tcb
    }

    fn stack(&self) -> Vec<u8> {
        let mut stack = le(&self.frame);
        stack.resize((self.stack_end - self.stack_start) as usize, 0x5a);
        stack
    }
}

/// A binary body: task records, then memory segments.
pub fn binary_body(tasks: &[Task], segments: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for task in tasks {
        body.extend(le(&[task.tcb_addr, task.stack_start, task.stack_end]));
        body.extend(task.tcb());
        body.extend(task.stack());
    }
    for (addr, bytes) in segments {
        body.extend(le(&[*addr, bytes.len() as u32]));
        body.extend_from_slice(bytes);
    }
    body
}

/// The crashed task's exception frame on Xtensa: registers a0..a15 are 0xa000 + n.
pub fn xtensa_crash_frame(pc: u32, sp: u32, cause: u32, vaddr: u32) -> Vec<u32> {
    let mut frame = vec![0xdead_beef, pc, 0x0006_0020];
    frame.extend((0..16).map(|n| if n == 1 { sp } else { 0xa000 + n }));
    frame.extend([7, cause, vaddr, 0x4000_0010, 0x4000_0020, 3]);
    frame
}

/// The frame of an Xtensa task that called the scheduler.
pub fn xtensa_solicited_frame(pc: u32, sp: u32) -> Vec<u32> {
    vec![0, pc, 0x0006_0520, 0, 0x800d_1111, sp, 0x3ffb_0002, 0x3ffb_0003]
}

/// A RISC-V frame: x1.. are 0xb000 + n; with `trap` the five CSRs behind.
pub fn riscv_frame(pc: u32, sp: u32, trap: Option<[u32; 5]>) -> Vec<u32> {
    let mut frame = vec![pc];
    frame.extend((1..32).map(|n| if n == 2 { sp } else { 0xb000 + n }));
    frame.extend(trap.into_iter().flatten());
    frame
}

/// The image as lines of base64, in writes of uneven length as the device makes them.
pub fn base64_lines(image: &[u8]) -> Vec<String> {
    use base64::Engine;
    let mut lines = Vec::new();
    let mut rest = image;
    let lengths = [24, 48, 4, 48, 48, 32, 12, 48, 16, 7];
    let mut n = 0;
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(lengths[n % lengths.len()].min(rest.len()));
        lines.push(base64::engine::general_purpose::STANDARD.encode(line));
        rest = behind;
        n += 1;
    }
    lines
}

/// A console log with the image in it: boot messages, other tasks' lines, CR LF.
pub fn console_log(image: &[u8], prefix: impl Fn(usize) -> String, foreign: &[&str]) -> String {
    let mut log = String::from("I (29) boot: ESP-IDF v5.2.1 2nd stage bootloader\r\n");
    log.push_str("Guru Meditation Error: Core  0 panic'ed (LoadProhibited).\r\n\r\n");
    log.push_str(&format!("{}================= CORE DUMP START =================\r\n", prefix(0)));
    for (n, line) in base64_lines(image).iter().enumerate() {
        if n > 0 && n % 7 == 0 && !foreign.is_empty() {
            log.push_str(&format!("{}{}\r\n", prefix(n), foreign[n / 7 % foreign.len()]));
        }
        log.push_str(&format!("{}{line}\r\n", prefix(n)));
    }
    log.push_str(&format!("{}================= CORE DUMP END =================\r\n", prefix(9)));
    log.push_str("Coredump checksum='3a5d72ed'\r\nRebooting...\r\n");
    log
}

/// One entry of a partition table.
pub fn partition(
    kind: u8,
    subtype: u8,
    offset: u32,
    size: u32,
    label: &str,
    flags: u32,
) -> Vec<u8> {
    let mut entry = vec![0xaa, 0x50, kind, subtype];
    entry.extend(le(&[offset, size]));
    let mut name = label.as_bytes().to_vec();
    name.resize(16, 0);
    entry.extend(name);
    entry.extend(le(&[flags]));
    entry
}

/// A flash image of `size` bytes with a partition table at `table_at` and `contents`.
pub fn flash(
    size: usize,
    table_at: usize,
    table: &[Vec<u8>],
    contents: &[(usize, &[u8])],
) -> Vec<u8> {
    let mut flash = vec![0xff; size];
    let mut put = |at: usize, bytes: &[u8]| flash[at..at + bytes.len()].copy_from_slice(bytes);
    let mut end = [0xff; 32];
    end[..2].fill(0xeb);
    let table = [table.concat(), end.to_vec()].concat();
    put(table_at, &table);
    contents.iter().for_each(|(at, bytes)| put(*at, bytes));
    flash
}

/// A task for an ELF body: its register note, its control block, and its stack where that has a
/// segment of its own.
pub struct ElfTask {
    pub task: Task,
    /// pc first, then x1..x31 (RISC-V), or pc and a0..a15 (Xtensa).
    pub registers: Vec<u32>,
    pub own_stack: bool,
}

/// An ELF body as the device writes it: register notes, control blocks and stacks, memory, then
/// the notes about the dump. `extra` are the words of `ESP_EXTRA_INFO`.
pub fn elf_body(
    machine: u16,
    version: u32,
    tasks: &[ElfTask],
    memory: &[(u32, Vec<u8>)],
    extra: &[u32],
    details: &[&str],
) -> Vec<u8> {
    let note = |name: &str, kind: u32, desc: &[u8]| {
        let mut bytes = le(&[name.len() as u32 + 1, desc.len() as u32, kind]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(desc);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let prstatus = |task: &ElfTask| {
        let xtensa = machine == 94;
        let mut desc = vec![0u8; if xtensa { 588 } else { 204 }];
        let mut put = |at: usize, word: u32| desc[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(24, task.task.tcb_addr);
        if xtensa {
            put(72, task.registers[0]);
            put(76, 0x60020);
            (0..16).for_each(|n| put(328 + 4 * n, task.registers[1 + n]));
        } else {
            (0..32).for_each(|n| put(72 + 4 * n, task.registers[n]));
        }
        note("CORE", 1, &desc)
    };
    let first: Vec<u8> = tasks.iter().flat_map(prstatus).collect();
    let mut info = le(&[version]);
    info.extend_from_slice(b"0123456789abcdef");
    info.resize(72, 0);
    let mut last = note("ESP_CORE_DUMP_INFO", 8266, &info);
    last.extend(note("ESP_EXTRA_INFO", 677, &le(extra)));
    details.iter().for_each(|text| last.extend(note("ESP_PANIC_DETAILS", 679, text.as_bytes())));

    let mut segments: Vec<(u32, u32, Vec<u8>)> = vec![(4, 0, first)];
    for task in tasks {
        segments.push((1, task.task.tcb_addr, task.task.tcb()));
        if task.own_stack {
            segments.push((1, task.task.stack_start, task.task.stack()));
        }
    }
    segments.extend(memory.iter().map(|(addr, bytes)| (1, *addr, bytes.clone())));
    segments.push((4, 0, last));

    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    elf.extend(machine.to_le_bytes());
    elf.extend(le(&[1, 0, 52, 0, 0]));
    for half in [52u16, 32, segments.len() as u16, 40, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    let mut offset = 52 + 32 * segments.len() as u32;
    for (kind, addr, bytes) in &segments {
        let len = bytes.len() as u32;
        elf.extend(le(&[*kind, offset, *addr, *addr, len, len, 6, 0]));
        offset += len;
    }
    segments.iter().for_each(|(_, _, bytes)| elf.extend_from_slice(bytes));
    elf
}

/// Puts a frame into a block of memory that starts at `base`.
pub fn put_frame(memory: &mut [u8], base: u32, at: u32, frame: &[u32]) {
    let start = (at - base) as usize;
    let bytes = le(frame);
    memory[start..start + bytes.len()].copy_from_slice(&bytes);
}

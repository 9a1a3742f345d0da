//! What PX4's `board_crashdump.c` saves when a flight controller crashes, written here.

pub(crate) const USER_SP: u32 = 0x2003_1f48;
pub(crate) const USER_TOP: u32 = 0x2003_2000;
pub(crate) const USER_SIZE: u32 = 0x7d8;
pub(crate) const IRQ_SP: u32 = 0x2000_0bc0;
pub(crate) const IRQ_TOP: u32 = 0x2000_0c00;
pub(crate) const IRQ_SIZE: u32 = 0x300;
pub(crate) const GENERAL: [u32; 16] = [
    0x1100_0000,
    0x1100_0001,
    0x1100_0002,
    0x1100_0003,
    0x1100_0004,
    0x1100_0005,
    0x1100_0006,
    0x2003_1f60,
    0x1100_0008,
    0x1100_0009,
    0x1100_000a,
    0x1100_000b,
    0x1100_000c,
    USER_SP,
    0x0810_2345,
    0x0811_0abc,
];
pub(crate) const XPSR: u32 = 0x2100_0200;
/// A division by zero.
pub(crate) const STATUS: [u32; 7] = [0x0200_0000, 0x4000_0000, 0, 0xe000_ed34, 0xe000_ed38, 0, 0];

/// What the device's RAM holds.
pub(crate) fn word(addr: u32) -> u32 {
    let stacked = [0, 1, 2, 3, 12, 14, 15].map(|n| GENERAL[n]);
    match addr.wrapping_sub(USER_SP - 104) / 4 {
        n @ 0..=6 => stacked[n as usize],
        7 => XPSR,
        // s0-s15, fpscr and a word that is nobody's.
        n @ 8..=25 => float(n - 8),
        _ => addr.rotate_left(13) ^ 0x5a5a_1234,
    }
}

pub(crate) fn float(n: u32) -> u32 {
    0x3f80_0000 + n
}

/// Both stacks' windows of `count` words, in the order in which they are printed.
pub(crate) fn window(sp: u32, count: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..count).map(move |n| (n, sp + count / 2 * 4 - n * 4)).map(|(n, addr)| (n, word(addr)))
}

/// The build that a context is of.
#[derive(Clone, Copy)]
pub(crate) struct Build {
    pub(crate) fpu: bool,
    pub(crate) m7: bool,
    pub(crate) name_room: usize,
    pub(crate) file: &'static str,
}

pub(crate) const BUILDS: [Build; 4] = [
    Build { fpu: true, m7: false, name_room: 25, file: "mixer/pump.cpp" },
    Build { fpu: true, m7: true, name_room: 25, file: "" },
    Build { fpu: false, m7: false, name_room: 32, file: "chip/stm32_dma.c" },
    Build { fpu: true, m7: true, name_room: 33, file: "platforms/nuttx/NuttX/nuttx/arch/x/up.c" },
];

/// `info_s`.
pub(crate) fn info(build: Build, assertion: bool) -> Vec<u8> {
    let flags: u32 = if assertion { 0x02 | 0x08 | 0x40 } else { 0x01 | 0x02 | 0x04 | 0x08 };
    let count = if build.fpu { 53 } else { 19 };
    let from = if assertion { 0 } else { USER_SP - count * 4 };
    let mut all = vec![flags, from, 321, 77];
    let mut saved = vec![USER_SP, 0x80];
    saved.extend(&GENERAL[4..12]);
    saved.push(0xffff_ffed);
    if build.fpu {
        saved.extend((16..32).map(|n| float(n + 100)));
    }
    saved.extend([0, 1, 2, 3, 12, 14, 15].map(|n| GENERAL[n]));
    saved.push(XPSR);
    if build.fpu {
        saved.extend((0..18).map(float));
    }
    assert_eq!(saved.len(), count as usize);
    all.extend(saved.iter().map(|word| if assertion { 0 } else { *word }));
    all.extend(&STATUS[..if build.m7 { 7 } else { 6 }]);
    let irq_sp = if assertion { 0 } else { IRQ_SP };
    all.extend([USER_SP, USER_TOP, USER_SIZE, irq_sp, IRQ_TOP, IRQ_SIZE]);
    let mut bytes: Vec<u8> = all.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (text, room) in [("wq:rate_ctrl", build.name_room), (build.file, 40)] {
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len() + room - text.len(), 0);
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `fullcontext_s`, with windows of so many words.
pub(crate) fn context(build: Build, assertion: bool, irq_words: u32, user_words: u32) -> Vec<u8> {
    let mut bytes = info(build, assertion);
    for (n, word) in window(IRQ_SP, irq_words) {
        let word = if assertion { 0 } else { word };
        assert!(n < irq_words);
        bytes.extend(word.to_le_bytes());
    }
    let frame = USER_SP - 104;
    for (n, value) in window(USER_SP, user_words) {
        // Without an FPU the core stacks 8 words, right below the stack pointer.
        let addr = USER_SP + user_words / 2 * 4 - n * 4;
        let value = match addr.wrapping_sub(USER_SP - 32) / 4 {
            k @ 0..=7 if !build.fpu => word(frame + k * 4),
            _ => value,
        };
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

/// `fullcontext_s` behind the mark that it has in RAM, with as much of the stacks as there is room.
pub(crate) fn marked_context(build: Build) -> Vec<u8> {
    let mut bytes = 0xdead_a1b2_u32.to_le_bytes().to_vec();
    bytes.extend(context(build, false, IRQ_SIZE / 4, 1024));
    bytes
}

/// What the module prints: 42 bytes a line, then the CRC-32 of all lines.
pub(crate) fn stream(context: &[u8], skip: Option<usize>) -> Vec<u8> {
    let mut log = Vec::new();
    let mut counted = String::new();
    for (n, bytes) in context.chunks(42).enumerate() {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{:04x} {digits}", n * 42);
        counted += &line;
        if skip != Some(n) {
            log.extend(format!("12:00:07\tERR\thardfault_stream\t{line}\r\n").as_bytes());
        }
    }
    let crc = crc32fast::hash(counted.as_bytes());
    log.extend(format!("12:00:08\tERR\thardfault_stream\tcrc {crc:08x}\r\n").as_bytes());
    log
}

//! Samples that the project makes itself: the crash of the fixtures, set by hand as producers' sources
//! print it, and images of its RAM in further forms.

pub(crate) const CM_BACKTRACE: &str = include_str!("../cases/cm-backtrace/bus-fault/input.txt");

pub(crate) const CM_BACKTRACE_ASSERT: &str = include_str!("../cases/cm-backtrace/assert/input.txt");

/// SiFli's core dump with its variables and some RAM.
pub(crate) fn sifli_core_dump(ram: &[u8]) -> Vec<u8> {
    let mut dump = b"52X_2026_01_31 23:59:07\0".to_vec();
    let mut block = |addr: u32, bytes: &[u8]| {
        dump.extend(addr.to_le_bytes());
        dump.extend((bytes.len() as u32).to_le_bytes());
        dump.extend(bytes);
    };
    for (n, len) in [72usize, 4, 4, 20, 16].into_iter().enumerate() {
        block(0x2000_8000 + 0x100 * n as u32, &vec![n as u8; len]);
    }
    block(0x2000_0000, ram);
    block(0xefef_efef, b"[1] the last line of the log");
    dump
}

pub(crate) const MBED: &str = include_str!("../cases/mbed-fault/hard-fault/input.txt");

pub(crate) const ESP_RISCV: &str = include_str!("../cases/esp-panic/riscv/input.txt");

pub(crate) const ESP_XTENSA: &str = include_str!("../cases/esp-panic/xtensa/input.txt");

pub(crate) const J_LINK_REGISTERS: &str = include_str!("../cases/register-text/j-link/input.txt");

/// The M4 crash as Mongoose OS prints it on an STM32, with lines broken at 160 characters.
pub(crate) fn mongoose(ram: &[u8]) -> String {
    use base64::Engine as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let general = [
        0x9000_0000u32,
        0xc0ff_ee03,
        0x2000_0000,
        9,
        0,
        0,
        0,
        0x2000_1fa0,
        0,
        0,
        0,
        0,
        0,
        0x2000_1fa0,
        0xab,
        0x72,
        0x0100_0000,
    ];
    let mut registers: Vec<u8> = general.iter().flat_map(|word| word.to_le_bytes()).collect();
    registers.extend([0; 64]);
    registers.extend(0x40a0_0000u64.to_le_bytes());
    registers.extend([0; 56 + 4]);
    registers.extend(0x2000_1fa0u32.to_le_bytes());
    registers.extend([0; 4]);
    let crc = crc32fast::hash(ram);
    let json = format!(
        "{{\"arch\": \"STM32\", \"REGS\": {{\"addr\": 536870912, \"data\": \"{}\"}}, \"freertos\": \
         {{\"cur\": 536875008, \"tasks\": [{{\"h\": 536875008, \"n\": \"mgos\", \"cpri\": 5, \"sp\": 1}}, \
         {{\"h\": 536875520, \"n\": \"IDLE\", \"cpri\": 0, \"sp\": 536872960}}]}}, \"SRAM\": \
         {{\"addr\": 536870912, \"data\": \"{}\", \"crc32\": {crc}}}}}",
        base64(&registers),
        base64(ram)
    );
    let mut log = "[Jan 1 12:00] booting\r\n[Jan 1 12:00] --- BEGIN CORE DUMP ---\r\n".to_string();
    for piece in json.as_bytes().chunks(160) {
        log.push_str(&format!("[Jan 1 12:00] {}\r\n", String::from_utf8_lossy(piece)));
    }
    log.push_str("[Jan 1 12:00] ---- END CORE DUMP ----\r\n");
    log
}

/// RAM at 0x20000000 as TI-TXT.
pub(crate) fn ti_txt(ram: &[u8]) -> String {
    let mut text = "@20000000\n".to_string();
    for row in ram.chunks(16) {
        let bytes: Vec<_> = row.iter().map(|b| format!("{b:02X}")).collect();
        text.push_str(&(bytes.join(" ") + "\n"));
    }
    text.push_str("q\n");
    text
}

/// The same as UF2.
pub(crate) fn uf2(ram: &[u8]) -> Vec<u8> {
    let mut uf2 = Vec::new();
    let count = ram.len().div_ceil(256) as u32;
    for (n, payload) in (0..count).zip(ram.chunks(256)) {
        let addr = 0x2000_0000 + n * 256;
        let head = [0x0a32_4655, 0x9e5d_5157, 0, addr, payload.len() as u32, n, count, 0];
        let mut block: Vec<u8> = head.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        block.extend_from_slice(payload);
        block.resize(508, 0);
        block.extend_from_slice(&0x0ab1_6f30u32.to_le_bytes());
        uf2.extend(block);
    }
    uf2
}

/// A dump area as Hubris leaves it in RAM: the crash's registers, and no memory.
pub(crate) fn hubris_area() -> Vec<u8> {
    let mut records = Vec::new();
    for (id, value) in [(0u16, 0x9000_0000u32), (13, 0x2000_1fa0), (14, 0xab), (15, 0x72)] {
        records.extend([0xab, 0xba]);
        records.extend(id.to_le_bytes());
        records.extend(value.to_le_bytes());
    }
    let mut area = vec![0x01, 0xde, 0xde, 0xad];
    let used = 24 + records.len() as u32;
    for word in [0x2400_0000u32, 0x800, used, 0x0000_0201, 0] {
        area.extend(word.to_le_bytes());
    }
    area.extend(records);
    area.resize(0x800, 0);
    area
}

/// A file of the capture crate as it prints it on a console, behind a log's prefixes.
pub(crate) fn capture_lines(file: &[u8]) -> Vec<u8> {
    use coroner_capture::text::{LINE_BYTES, begin, data, end};
    let mut log = Vec::new();
    let mut line = |bytes: &[u8]| {
        log.extend_from_slice(b"[00:00:12.345] ");
        log.extend_from_slice(bytes);
    };
    line(begin().bytes());
    for (n, piece) in (0..).zip(file.chunks(LINE_BYTES)) {
        line(data(n * LINE_BYTES as u32, piece, false).bytes());
    }
    line(end(file.len() as u32).bytes());
    log
}

/// What the ESP8266's Arduino core prints.
pub(crate) const ESP8266: &str = include_str!("../cases/esp8266/exception/input.txt");

/// What GDB prints of registers and memory.
pub(crate) const GDB_TEXT: &str = include_str!("../cases/register-text/gdb/input.txt");

/// What a Duet's M122 prints of its last crash.
pub(crate) const DUET: &str = include_str!("../cases/duet/report/input.txt");

//! Samples that the project makes itself: the crash of the fixtures, set by hand as producers' sources
//! print it, and images of its RAM in further forms.

pub(crate) const CM_BACKTRACE: &str = "\
[12:00:01] sensor ok
Firmware name: CmBacktrace, hardware version: V1.0.0, software version: V0.1.0
Fault on thread NAME
===== Thread stack information =====
  addr: 20001fa0    data: 00000000
  addr: 20001fa4    data: c0ffee03
  addr: 20001fa8    data: 00000000
  addr: 20001fac    data: 20001fb0
====================================
=================== Registers information ====================
  R0 : 90000000  R1 : c0ffee03  R2 : 20000000  R3 : 00000009
  R12: 00000000  LR : 000000ab  PC : 00000072  PSR: 01000000
==============================================================
Bus fault is caused by precise data access violation
The bus fault occurred address is 90000000
Show more call stack info by run: addr2line -e CmBacktrace.elf -afpiC 00000072 000000a6
[12:00:02] booting
";

pub(crate) const CM_BACKTRACE_ASSERT: &str = "\
(0) has assert failed at main:42.
Firmware name: CmBacktrace, hardware version: V1.0.0, software version: V0.1.0
Assert on thread NAME
===== Thread stack information =====
  addr: 20001fa0    data: 00000000
  addr: 20001fa4    data: c0ffee03
====================================
Show more call stack info by run: addr2line -e CmBacktrace.elf -afpiC 00000072 000000a6
";

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

pub(crate) const MBED: &str = "\
++ MbedOS Fault Handler ++

FaultType: HardFault

Context:
R0   : 90000000
R1   : C0FFEE03
R2   : 20000000
R3   : 00000009
R4   : 00000000
R7   : 20001FA0
R12  : 00000000
SP   : 20001FA0
LR   : 000000AB
PC   : 00000072
xPSR : 01000000
PSP  : 00000000
MSP  : 20001FA0
CPUID: 410FC241
HFSR : 40000000
MMFSR: 00000000
BFSR : 00000082
UFSR : 00000000
DFSR : 00000000
AFSR : 00000000
BFAR : 90000000
Mode : Thread
Priv : Privileged
Stack: MSP

-- MbedOS Fault Handler --

++ MbedOS Error Info ++
Error Status: 0x80FF013D Code: 317 Module: 255
Error Message: Fault exception
Location: 0x72
Error Value: 0x20000140
Current Thread: main Id: 0x20000200 Entry: 0x119 StackSize: 0x400 StackMem: 0x20001C00 SP: 0x20001FA0
";

pub(crate) const ESP_RISCV: &str = "\
I (305) app: start
Guru Meditation Error: Core  0 panic'ed (Store access fault). Exception was unhandled.

Core  0 register dump:
MEPC    : 0x4200a1c2  RA      : 0x4200a1b0  SP      : 0x3fc93a80  GP      : 0x3fc8b400
TP      : 0x3fc88aa0  T0      : 0x40056f68  T1      : 0x00000000  T2      : 0x00000000
S0/FP   : 0x3fc93ab0  S1      : 0x00000001  A0      : 0x00000000  A1      : 0x3fc8c000
A2      : 0x00000002  A3      : 0x00000003  A4      : 0x00000004  A5      : 0x00000005
A6      : 0x00000006  A7      : 0x00000007  S2      : 0x00000012  S3      : 0x00000013
S4      : 0x00000014  S5      : 0x00000015  S6      : 0x00000016  S7      : 0x00000017
S8      : 0x00000018  S9      : 0x00000019  S10     : 0x0000001a  S11     : 0x0000001b
T3      : 0x0000001c  T4      : 0x0000001d  T5      : 0x0000001e  T6      : 0x0000001f
MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x00000007  MTVAL   : 0x00000010
MHARTID : 0x00000000

Stack memory:
3fc93a80: 0x00000001 0x3fc93ab0 0x00000003 0x00000004 0x00000005 0x00000006 0x00000007 0x00000008
3fc93aa0: 0x00000009 0x0000000a 0x0000000b 0x0000000c 0x0000000d 0x0000000e 0x0000000f 0x00000010

ELF file SHA256: 7d946a8e8

Rebooting...
";

pub(crate) const ESP_XTENSA: &str = "\
Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.

Core  1 register dump:
PC      : 0x400d15f1  PS      : 0x00060030  A0      : 0x800d1620  A1      : 0x3ffb4950
A2      : 0x00000000  A3      : 0x00000001  A4      : 0x00000004  A5      : 0x00000005
A6      : 0x00000006  A7      : 0x00000007  A8      : 0x800d15ea  A9      : 0x3ffb4930
A10     : 0x0000000a  A11     : 0x0000000b  A12     : 0x0000000c  A13     : 0x0000000d
A14     : 0x0000000e  A15     : 0x0000000f  SAR     : 0x0000001f  EXCCAUSE: 0x0000001c
EXCVADDR: 0x00000008  LBEG    : 0x00000000  LEND    : 0x00000000  LCOUNT  : 0x00000000

Backtrace: 0x400d15ee:0x3ffb4950 0x400d161d:0x3ffb4970 |<-CORRUPTED

Core  0 register dump:
PC      : 0x4008a3b2  PS      : 0x00060034  A0      : 0x800d2a10  A1      : 0x3ffb1f30

ELF file SHA256: 0123456789abcdef
";

pub(crate) const J_LINK_REGISTERS: &str = "\
PC = 00000072, CycleCnt = 00001234
R0 = 90000000, R1 = C0FFEE03, R2 = 20000000, R3 = 00000009
R4 = 00000000, R5 = 00000000, R6 = 00000000, R7 = 20001FA0
R8 = 00000000, R9 = 00000000, R10= 00000000, R11= 00000000
R12= 00000000
SP(R13)= 20001FA0, MSP= 20001FA0, PSP= 00000000, R14(LR) = 000000AB
XPSR = 01000000: APSR = nzcvq, EPSR = 01000000, IPSR = 000 (NoException)
CFBP = 00000000, CONTROL = 00, FAULTMASK = 00, BASEPRI = 00, PRIMASK = 00
FPS0 = 00000000, FPS1 = 00000000, FPS16= 40A00000, FPS17= 00000000
FPSCR = 00000000
";

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
pub(crate) const ESP8266: &str = "\
--------------- CUT HERE FOR EXCEPTION DECODER ---------------

Exception (28):
epc1=0x4020102c epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000008 depc=0x00000000

>>>stack>>>

ctx: cont
sp: 3ffffdc0 end: 3fffffc0 offset: 0190
3fffff50:  3ffe8514 40203dac 3ffee510 40201a2c <
3fffff60:  00000000 00000000 3ffee510 40201b10
<<<stack<<<

--------------- CUT HERE FOR EXCEPTION DECODER ---------------
";

/// What GDB prints of registers and memory.
pub(crate) const GDB_TEXT: &str = "\
(gdb) info registers
r0             0x90000000          2415919104
r1             0xc0ffee03          3237998083
sp             0x20001fa0          0x20001fa0
lr             0xab                171
pc             0x72                0x72
xpsr           0x1000000           16777216
(gdb) x/8xw 0x20001fa0
0x20001fa0:\t0x00000000\t0xc0ffee03\t0x00000000\t0x20001fb0
0x20001fb0:\t0x00000002\t0x00000003\t0x00000000\t0x00000099
";

/// What a Duet's M122 prints of its last crash.
pub(crate) const DUET: &str = "\
RepRapFirmware for Duet 3 MB6HC version 3.4.6 (2023-07-21 14:08:28) running on Duet 3 MB6HC v1.01
Board ID: 08DJM-0TEST
=== Platform ===
Last reset 00:00:09 ago, cause: software
Last software reset at 2023-08-09 10:11, reason: HardFault bfarValid precise, GCodes spinning, available RAM 9876, slot 2
Software reset code 0x4063 HFSR 0x40000000 CFSR 0x00008200 ICSR 0x0044f803 BFAR 0x90000000 SP 0x20001f80 Task MAIN Freestk 224 ok
Stack: 90000000 c0ffee03 20000000 00000009 00000000 000000ab 00000072 01000000 00000000 c0ffee03 00000000 20001fb0
Error status: 0x00
";

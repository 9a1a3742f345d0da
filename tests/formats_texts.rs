//! Crash texts that no sample is there of, and files of unusual make: the same crash as in
//! `formats.rs`, set by hand as the producer's source prints it.

#[path = "support/formats.rs"]
mod support;

use coroner::dump::FirmwareId;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{fixtures, log_noise, open_bytes, sample, try_all_prefixes, try_bit_flips};

fn options() -> Options {
    let elf = fixtures().map(|folder| folder.join("qemu-m4-fault/fx.elf"));
    Options { elf: elf.into_iter().collect(), ..Options::default() }
}

fn open(text: &str) -> Opened {
    open_bytes("crash.log", text.as_bytes().to_vec(), &options())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed().and_then(|thread| thread.registers.by_name(name))
}

const CM_BACKTRACE: &str = "\
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

#[test]
fn cm_backtrace_gives_its_eight_registers_and_no_others() {
    let opened = open(CM_BACKTRACE);
    assert_eq!(opened.dump.format, "CmBacktrace text");
    assert_eq!(register(&opened, "pc"), Some(0x72));
    assert_eq!(register(&opened, "sp"), Some(0x2000_1fa0));
    assert_eq!(register(&opened, "xpsr"), Some(0x0100_0000));
    assert_eq!(register(&opened, "r4"), None);
    assert_eq!(opened.dump.memory.u32_le(0x2000_1fa4), Some(0xc0ff_ee03));
    assert_eq!(opened.dump.memory.u32_le(0x2000_1fb0), None);
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("NAME"));
    assert!(opened.dump.reason.words.contains("precise data access"));
    assert_eq!(opened.dump.texts.len(), 3, "{:?}", opened.dump.texts);
}

#[test]
fn several_crashes_in_a_log_are_listed_and_the_last_one_is_taken() {
    let other = CM_BACKTRACE.replace("PC : 00000072", "PC : 00000094");
    let opened = open(&format!("{CM_BACKTRACE}{other}"));
    assert_eq!((opened.found.len(), opened.picked), (2, 2));
    assert_eq!(register(&opened, "pc"), Some(0x94));
    let text = format!("{CM_BACKTRACE}{other}").into_bytes();
    let first = Options { pick: Some(1), ..options() };
    let opened = open_bytes("crash.log", text, &first).expect("there are two");
    assert_eq!(register(&opened, "pc"), Some(0x72));
}

const MBED: &str = "\
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

#[test]
fn mbed_gives_all_registers_and_its_fault_status() {
    let opened = open(MBED);
    assert_eq!(opened.dump.format, "Mbed OS fault text");
    assert_eq!(register(&opened, "pc"), Some(0x72));
    assert_eq!(register(&opened, "r7"), Some(0x2000_1fa0));
    assert_eq!(register(&opened, "r5"), None);
    assert_eq!(register(&opened, "CFSR"), Some(0x8200));
    assert_eq!(register(&opened, "msp"), Some(0x2000_1fa0));
    assert!(opened.dump.reason.words.contains("0x90000000"), "{}", opened.dump.reason.words);
    let thread = &opened.dump.threads[0];
    assert_eq!(thread.name.as_deref(), Some("main"));
    assert_eq!(thread.stack.map(|stack| (stack.low, stack.high)), Some((0x2000_1c00, 0x2000_2000)));
}

const ESP_RISCV: &str = "\
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

const ESP_XTENSA: &str = "\
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

#[test]
fn the_panic_text_of_a_riscv_chip_has_registers_stack_and_the_build() {
    let options = Options::default();
    let mut log = log_noise(1 << 20);
    log.extend_from_slice(ESP_RISCV.as_bytes());
    let opened = open_bytes("monitor.log", log, &options).expect("a panic text");
    assert_eq!(opened.dump.format, "ESP-IDF panic text");
    assert_eq!(register(&opened, "pc"), Some(0x4200_a1c2));
    assert_eq!(register(&opened, "s0"), Some(0x3fc9_3ab0));
    assert_eq!(register(&opened, "t6"), Some(0x1f));
    assert_eq!(register(&opened, "mcause"), Some(7));
    assert_eq!(opened.dump.reason.signal, Signal::Segv);
    assert_eq!(opened.dump.memory.u32_le(0x3fc9_3abc), Some(0x10));
    let id = FirmwareId::ElfSha256("7d946a8e8".into());
    assert_eq!(opened.dump.identity.firmware, [id]);
}

#[test]
fn the_panic_text_of_an_xtensa_chip_shows_both_cores_and_the_crashed_one_first() {
    let opened = open_bytes("monitor.log", ESP_XTENSA.into(), &Options::default());
    let opened = opened.expect("a panic text");
    let threads = &opened.dump.threads;
    assert_eq!(opened.found.len(), 1, "one crash, two cores");
    assert_eq!((threads.len(), threads[0].core, threads[1].core), (2, Some(1), Some(0)));
    assert_eq!(register(&opened, "pc"), Some(0x400d_15f1));
    assert_eq!(register(&opened, "ar1"), Some(0x3ffb_4950));
    assert_eq!(register(&opened, "excvaddr"), Some(8));
    assert_eq!(threads[1].registers.by_name("ar5"), None, "core 0 printed four registers");
    assert_eq!(opened.dump.memory.region_count(), 0);
}

/// A CrashCatcher stream as ArduPilot writes it: of the fault status only the lowest byte of the
/// first word, five times.
#[test]
fn the_spoilt_fault_words_of_ardupilot_are_not_shown_as_fault_words() {
    let Some(mut bytes) = sample("qemu-m4-fault/dumps/crashcatcher-v3-fpu.dmp") else { return };
    let at = bytes.len() - 20;
    for word in bytes[at..].chunks_mut(4) {
        word.copy_from_slice(&[0x82, 0, 0, 0]);
    }
    let opened = open_bytes("crash_dump.bin", bytes, &options()).expect("a dump");
    assert_eq!(register(&opened, "CFSR"), None);
    assert_eq!(opened.dump.memory.u32_le(0xe000_ed28), None);
    let words = &opened.dump.reason.evidence;
    assert!(words.iter().any(|word| word.name == "MMFSR" && word.value == 0x82), "{words:?}");
    assert!(opened.dump.notes.iter().any(|note| note.words.contains("ArduPilot")));
}

fn ram() -> Option<Vec<u8>> {
    sample("qemu-m4-fault/ram.bin")
}

const J_LINK_REGISTERS: &str = "\
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

fn check_ram(opened: &Opened, what: &str) {
    assert_eq!(opened.dump.memory.u32_le(0x2000_000c), Some(0x1122_3344), "{what}");
    assert_eq!(opened.dump.memory.u32_le(0x2000_1fbc), Some(0x99), "{what}");
}

#[test]
fn memory_lines_of_every_tool_give_the_same_memory() {
    let Some(ram) = ram() else { return };
    type Print = fn(u32, &[u8]) -> String;
    let words = |row: &[u8]| -> Vec<u32> {
        row.chunks(4).map(|w| u32::from_le_bytes(w.try_into().expect("four bytes"))).collect()
    };
    let _ = words;
    let tools: [(&str, Print); 6] = [
        ("J-Link mem", |addr, row| {
            let bytes: Vec<_> = row.iter().map(|b| format!("{b:02X}")).collect();
            format!("{addr:08X} = {}  ................", bytes.join(" "))
        }),
        ("J-Link mem32", |addr, row| {
            let words: Vec<_> = row.chunks(4).map(|w| hex_word(w).to_uppercase()).collect();
            format!("{addr:08X} = {}", words.join(" "))
        }),
        ("OpenOCD mdw", |addr, row| {
            let words: Vec<_> = row.chunks(4).map(hex_word).collect();
            format!("0x{addr:08x}: {} ", words.join(" "))
        }),
        ("pyOCD", |addr, row| {
            let words: Vec<_> = row.chunks(4).map(hex_word).collect();
            format!("{addr:08x}:  {}    |................|", words.join(" "))
        }),
        ("xxd", |addr, row| {
            let pairs: Vec<_> =
                row.chunks(2).map(|p| format!("{:02x}{:02x}", p[0], p[1])).collect();
            format!("{addr:08x}: {}  ................", pairs.join(" "))
        }),
        ("hexdump -C", |addr, row| {
            let bytes: Vec<_> = row.iter().map(|b| format!("{b:02x}")).collect();
            let (a, b) = bytes.split_at(8);
            format!("{addr:08x}  {}  {}  |................|", a.join(" "), b.join(" "))
        }),
    ];
    for (tool, print) in tools {
        let mut text = J_LINK_REGISTERS.to_string();
        for (addr, row) in (0x2000_0000..).step_by(16).zip(ram.chunks(16)) {
            text.push_str(&print(addr, row));
            text.push('\n');
        }
        let opened = open(&text);
        check_ram(&opened, tool);
        assert_eq!(register(&opened, "pc"), Some(0x72), "{tool}");
        assert_eq!(register(&opened, "lr"), Some(0xab), "{tool}");
        assert_eq!(register(&opened, "xpsr"), Some(0x0100_0000), "{tool}");
        assert_eq!(register(&opened, "d8"), Some(0x40a0_0000), "{tool}");
        assert_eq!(register(&opened, "d1"), None, "{tool}: s2 and s3 were not printed");
    }
}

fn hex_word(word: &[u8]) -> String {
    let mut text = String::new();
    for byte in word.iter().rev() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[test]
fn ti_txt_and_uf2_images_open_like_the_others() {
    let Some(ram) = ram() else { return };
    let mut text = "@20000000\n".to_string();
    for row in ram.chunks(16) {
        let bytes: Vec<_> = row.iter().map(|b| format!("{b:02X}")).collect();
        text.push_str(&(bytes.join(" ") + "\n"));
    }
    text.push_str("q\n");
    check_ram(&open(&text), "TI-TXT");

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
    let opened = open_bytes("ram.uf2", uf2, &options()).expect("an image");
    check_ram(&opened, "UF2");
}

/// The real exception frame lies at 0x20001f38 in the sample's RAM.
#[test]
fn the_exception_frame_that_the_user_names_gives_the_registers() {
    let Some(ram) = ram() else { return };
    let options = Options { base: Some(0x2000_0000), frame: Some(0x2000_1f38), ..options() };
    let opened = open_bytes("ram.bin", ram, &options).expect("an image");
    assert_eq!(register(&opened, "pc"), Some(0x72));
    assert_eq!(register(&opened, "r0"), Some(0x9000_0000));
    assert_eq!(register(&opened, "r7"), None, "the frame does not hold it");
}

#[test]
fn two_halted_cores_in_one_log_are_two_threads() {
    let second = J_LINK_REGISTERS.replace("PC = 00000072", "PC = 00000094");
    let opened = open(&format!("{J_LINK_REGISTERS}{second}"));
    let pcs: Vec<_> = opened.dump.threads.iter().map(|thread| thread.registers.pc()).collect();
    assert_eq!(pcs, [Some(0x72), Some(0x94)]);
}

#[test]
fn of_two_images_that_differ_the_later_one_counts_and_a_note_says_so() {
    let Some(ram) = ram() else { return };
    let folder = std::env::temp_dir().join(format!("coroner-images-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let (first, second) = (folder.join("a_20000000.bin"), folder.join("b_20000000.bin"));
    std::fs::write(&first, &ram).expect("written");
    let mut changed = ram.clone();
    changed[0x0c] = 0x55;
    std::fs::write(&second, &changed).expect("written");
    let opened = coroner::open::open(std::slice::from_ref(&folder), &options());
    std::fs::remove_dir_all(&folder).expect("removed");
    let opened = opened.expect("two images");
    assert_eq!(opened.dump.memory.u32_le(0x2000_000c), Some(0x1122_3355));
    assert!(opened.dump.notes.iter().any(|note| note.words.contains("differ")));
}

/// The layout that SiFli's J-Link script leaves: a log of both cores' registers and raw images.
#[test]
fn a_folder_of_sifli_images_opens_as_one_dump() {
    let Some(ram) = ram() else { return };
    let folder = std::env::temp_dir().join(format!("coroner-sifli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let second = J_LINK_REGISTERS.replace("PC = 00000072", "PC = 00000094");
    std::fs::write(folder.join("hcpu_ram.bin"), &ram).expect("written");
    std::fs::write(folder.join("lcpu_ram.bin"), vec![7; 64 << 10]).expect("written");
    std::fs::write(folder.join("log.txt"), format!("{J_LINK_REGISTERS}{second}")).expect("written");
    let elf = fixtures().expect("asked before").join("qemu-m4-fault/fx.elf");
    std::fs::copy(&elf, folder.join("hcpu.axf")).expect("copied");
    let opened = coroner::open::open(std::slice::from_ref(&folder), &options());
    std::fs::remove_dir_all(&folder).expect("removed");
    let opened = opened.expect("one crash");
    check_ram(&opened, "SiFli");
    assert_eq!(opened.dump.memory.u32_le(0x2040_0000), Some(0x0707_0707));
    assert_eq!(opened.dump.threads.len(), 2);
}

#[test]
fn the_digits_that_esp_backtrace_prints_hold_an_elf_core() {
    let name = "probe-rs/esp32s3_coredump_elf_coredump.elf";
    let Some(core) = sample(name) else { return };
    let mut log = "INFO - panicked\r\n@COREDUMP\r\n".to_string();
    for row in core.chunks(32) {
        let digits: String = row.iter().map(|byte| format!("{byte:02x}")).collect();
        log.push_str(&(digits + "\r\n"));
    }
    let cut = log.clone();
    log.push_str("@ENDCOREDUMP\r\nrebooting\r\n");
    let opened = open_bytes("monitor.log", log.into_bytes(), &Options::default()).expect("a core");
    assert_eq!(register(&opened, "pc"), Some(0x4200_45e3));
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32s3"));
    let opened = open_bytes("monitor.log", cut.into_bytes(), &Options::default()).expect("a core");
    assert!(opened.dump.notes.iter().any(|note| note.words.contains("cut off")));
}

/// The M4 crash as Mongoose OS prints it on an STM32, with lines broken at 160 characters.
#[test]
fn the_json_of_mongoose_os_holds_registers_memory_and_tasks() {
    use base64::Engine as _;
    let Some(ram) = ram() else { return };
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
    let crc = crc32fast::hash(&ram);
    let json = format!(
        "{{\"arch\": \"STM32\", \"REGS\": {{\"addr\": 536870912, \"data\": \"{}\"}}, \"freertos\": \
         {{\"cur\": 536875008, \"tasks\": [{{\"h\": 536875008, \"n\": \"mgos\", \"cpri\": 5, \"sp\": 1}}, \
         {{\"h\": 536875520, \"n\": \"IDLE\", \"cpri\": 0, \"sp\": 536872960}}]}}, \"SRAM\": \
         {{\"addr\": 536870912, \"data\": \"{}\", \"crc32\": {crc}}}}}",
        base64(&registers),
        base64(&ram)
    );
    let mut log = "[Jan 1 12:00] booting\r\n[Jan 1 12:00] --- BEGIN CORE DUMP ---\r\n".to_string();
    for piece in json.as_bytes().chunks(160) {
        log.push_str(&format!("[Jan 1 12:00] {}\r\n", String::from_utf8_lossy(piece)));
    }
    let cut = log[..log.len() - 900].to_string();
    log.push_str("[Jan 1 12:00] ---- END CORE DUMP ----\r\n");
    let opened = open(&log);
    check_ram(&opened, "Mongoose OS");
    assert_eq!(register(&opened, "pc"), Some(0x72));
    assert_eq!(register(&opened, "d8"), Some(0x40a0_0000));
    assert_eq!(register(&opened, "msp"), Some(0x2000_1fa0));
    let names: Vec<_> = opened.dump.threads.iter().map(|t| t.name.as_deref()).collect();
    assert_eq!(names, [Some("mgos"), Some("IDLE")]);
    assert_eq!(opened.dump.threads[1].registers.sp(), Some(0x2000_0800));
    let notes =
        |opened: &Opened| opened.dump.notes.iter().map(|n| n.words.clone()).collect::<String>();
    assert!(!notes(&opened).contains("CRC"), "{}", notes(&opened));

    let opened = open(&cut);
    assert_eq!(opened.dump.memory.u32_le(0x2000_000c), Some(0x1122_3344));
    assert!(notes(&opened).contains("cut off"), "{}", notes(&opened));
}

#[test]
fn damaged_texts_make_a_dump_or_a_clear_error() {
    for (name, text) in [
        ("CmBacktrace", CM_BACKTRACE),
        ("Mbed OS", MBED),
        ("ESP-IDF on RISC-V", ESP_RISCV),
        ("ESP-IDF on Xtensa", ESP_XTENSA),
        ("J-Link", J_LINK_REGISTERS),
    ] {
        try_all_prefixes(name, text.as_bytes(), &Options::default());
        try_bit_flips(name, text.as_bytes(), &options());
    }
}

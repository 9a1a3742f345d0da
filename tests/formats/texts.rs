//! Crash texts that no sample is there of, and files of unusual make: the same crash as in
//! `formats.rs`, set by hand as the producer's source prints it.

use crate::support::formats as support;
use crate::support::made;
use coroner::dump::FirmwareId;
use coroner::memory::{Origin, Region};
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use made::{CM_BACKTRACE, ESP_RISCV, ESP_XTENSA, J_LINK_REGISTERS, MBED, mongoose, ti_txt, uf2};
use support::{fixtures, log_noise, open_bytes, sample, try_all_prefixes, try_bit_flips};

fn options() -> Options {
    let elf = fixtures().map(|folder| folder.join("qemu-m4-fault/fx.elf"));
    Options::default().elf(elf)
}

fn open(text: &str) -> Opened {
    open_bytes("crash.log", text.as_bytes().to_vec(), &options())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed().and_then(|thread| thread.registers.by_name(name))
}

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
    assert!(opened.dump.texts[0].ends_with("-afpiC 00000072 000000a6"), "{:?}", opened.dump.texts);
}

#[test]
fn several_crashes_in_a_log_are_listed_and_the_last_one_is_taken() {
    let other = CM_BACKTRACE.replace("PC : 00000072", "PC : 00000094");
    let opened = open(&format!("{CM_BACKTRACE}{other}"));
    assert_eq!((opened.found.len(), opened.picked), (2, 2));
    assert_eq!(register(&opened, "pc"), Some(0x94));
    let text = format!("{CM_BACKTRACE}{other}").into_bytes();
    let first = options().pick(1);
    let opened = open_bytes("crash.log", text, &first).expect("there are two");
    assert_eq!(register(&opened, "pc"), Some(0x72));
}

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
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
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
    let dumped = |region: &&Region| region.origin == Origin::Dump;
    assert_eq!(opened.dump.memory.regions().filter(dumped).count(), 0);
}

/// A CrashCatcher stream as ArduPilot writes it: of the fault status only the lowest byte of the
/// first word, five times.
#[test]
fn the_panic_text_of_esp32_arduino_opens_and_its_hash_of_zeros_says_nothing() {
    let text = ESP_XTENSA
        .replace("Core  1", "Core 1")
        .replace("Core  0", "Core 0")
        .replace("0123456789abcdef", "0000000000000000");
    let opened = open_bytes("serial.txt", text.into_bytes(), &Options::default()).expect("a text");
    assert_eq!(opened.dump.format, "ESP-IDF panic text");
    let cores: Vec<_> = opened.dump.threads.iter().map(|t| (t.core, t.crashed)).collect();
    assert_eq!(cores, [(Some(1), true), (Some(0), false)]);
    assert!(opened.dump.identity.firmware.is_empty(), "{:?}", opened.dump.identity.firmware);
}

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
    check_ram(&open(&ti_txt(&ram)), "TI-TXT");

    let opened = open_bytes("ram.uf2", uf2(&ram), &options()).expect("an image");
    check_ram(&opened, "UF2");
}

/// The real exception frame lies at 0x20001f38 in the sample's RAM.
#[test]
fn the_exception_frame_that_the_user_names_gives_the_registers() {
    let Some(ram) = ram() else { return };
    let mut options = options();
    options.place.base = Some(0x2000_0000);
    options.place.frame = Some(0x2000_1f38);

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
    // The crash, by the variables of the handler, and where the probe halted both cores.
    let pcs: Vec<_> = opened.dump.threads.iter().map(|thread| thread.registers.pc()).collect();
    assert_eq!(pcs, [Some(0x72), Some(0x72), Some(0x94)]);
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

#[test]
fn the_json_of_mongoose_os_holds_registers_memory_and_tasks() {
    let Some(ram) = ram() else { return };
    let log = mongoose(&ram);
    // Without its last line and some of the memory in front of it.
    let cut = log[..log.len() - 940].to_string();
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

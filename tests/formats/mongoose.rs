//! Core dumps of Mongoose OS, made here as its platforms write them: of other programs, chips and
//! faults than the sample.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

fn open(text: String) -> Opened {
    open_bytes("other", text.into(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, thread: usize, name: &str) -> Option<u64> {
    opened.dump.threads[thread].registers.by_name(name)
}

/// The last version's way to write, or that of 2016.
#[derive(Clone, Copy)]
struct Writer {
    crc: bool,
    end: &'static str,
}

const NEW: Writer = Writer { crc: true, end: "\n" };
const CRLF: Writer = Writer { crc: true, end: "\r\n" };
const OLD: Writer = Writer { crc: false, end: "\n" };

impl Writer {
    /// `mgos_cd_write_section`.
    fn section(self, name: &str, addr: u32, bytes: &[u8]) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        let mut lines = String::new();
        for line in text.as_bytes().chunks(160) {
            lines += std::str::from_utf8(line).expect("base64");
            // A break where the 160th is, even if nothing follows.
            lines += if line.len() == 160 { self.end } else { "" };
        }
        let crc = match self.crc {
            true => format!(", \"crc32\": {}", crc32fast::hash(bytes)),
            false => String::new(),
        };
        format!(
            ",{}\"{name}\": {{\"addr\": {addr}, \"data\": \"{}{lines}\"{crc}}}",
            self.end, self.end
        )
    }

    fn dump(self, head: &str, sections: &[String]) -> String {
        let end = self.end;
        format!(
            "{end}--- BEGIN CORE DUMP ---{end}{{{head}{}}}{end}---- END CORE DUMP ----{end}",
            sections.concat()
        )
    }
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn ram(len: u32) -> Vec<u8> {
    bytes(&(0..len / 4).map(|n| n.rotate_left(7) ^ 0x0bad_cafe).collect::<Vec<u32>>())
}

fn check_ram(opened: &Opened, addr: u32, len: u32) {
    let found = opened.dump.memory.bytes(addr.into(), len as usize);
    assert_eq!(found.as_deref(), Some(&ram(len)[..]));
    let odd = opened
        .dump
        .notes
        .iter()
        .find(|note| note.words.contains("CRC") || note.words.contains("twice"));
    assert_eq!(odd, None);
}

fn head(arch: &str) -> String {
    format!(
        "\"app\": \"pump\", \"arch\": \"{arch}\", \"version\": \"1.2\", \"build_id\": \"20240506-070809\", \
         \"build_ts\": \"2024-05-06T07:08:09Z\",\n\"uptime\": 123456789"
    )
}

fn tasks(writer: Writer, list: &[(u32, &str, u32, Option<Vec<u8>>)], current: u32) -> String {
    let mut text = ",\r\n\"freertos\":{\"tasks\":[".to_string();
    for (n, (handle, name, sp, registers)) in list.iter().enumerate() {
        text += if n > 0 { ",\r\n" } else { "\r\n" };
        text += &format!(
            "{{\"h\":{handle},\"n\":\"{name}\",\"st\":2,\"cpri\":{n},\"bpri\":{n},\"sb\":{},\"sp\":{sp}",
            sp - 512
        );
        // All of them go through one buffer of the device.
        text +=
            &registers.as_ref().map_or(String::new(), |r| writer.section("regs", 0x2000_0100, r));
        text += "}";
    }
    text + &format!("\r\n],\"cur\":{current}}}")
}

/// r0-r12 sp lr pc xpsr of a Cortex-M.
fn arm(seed: u32, sp: u32, xpsr: u32) -> Vec<u32> {
    let mut words: Vec<u32> = (0..13).map(|n| seed + n).collect();
    words.extend([sp, 0x0800_4321, 0x0800_1234 + seed, xpsr]);
    words
}

#[test]
fn tasks_of_a_chip_with_an_fpu_have_their_names_registers_and_no_memory() {
    for writer in [NEW, CRLF] {
        let mut crashed = arm(0x100, 0x2000_2f00, 0x6100_0000);
        crashed.extend((0..32).map(|n| 0x3f80_0000 + n));
        crashed.extend([0x0300_0010, 0x2000_0f00, 0x2000_2f00]);
        // Kept as the core stacked it; its frame was padded.
        let mut timer = arm(0x200, 0x2000_1f68, 0x0100_0200);
        timer.extend((0..32).map(|n| 0x4000_0000 + n));
        timer.extend([0x0300_0000, 0, 0x2000_1f68]);
        let mut idle = arm(0x300, 0x2000_1b68, 0x0100_0000);
        idle.extend([0; 34]);
        idle.push(0x2000_1b68);
        let list = [
            (0x2000_3000, "mgos", 1024, None),
            (0x2000_3100, "Tmr Svc", 0x2000_1f00, Some(bytes(&timer))),
            (0x2000_3200, "IDLE", 0x2000_1b00, Some(bytes(&idle))),
        ];
        let sections = [
            writer.section("REGS", 0x2000_0f00, &bytes(&crashed)),
            tasks(writer, &list, 0x2000_3000),
            writer.section("SRAM", 0x2000_0000, &ram(0x3000)),
            writer.section("SRAM2", 0x1000_0000, &ram(0x804)),
        ];
        let head = head("stm32") + ", \"target_features\": \"arm-with-m-vfp-d16.xml\"";
        let opened = open(writer.dump(&head, &sections));
        assert_eq!(opened.dump.format, "Mongoose OS core dump, stm32");
        check_ram(&opened, 0x2000_0000, 0x3000);
        check_ram(&opened, 0x1000_0000, 0x804);
        let names: Vec<_> = opened.dump.threads.iter().map(|t| t.name.as_deref()).collect();
        assert_eq!(names, [Some("mgos"), Some("Tmr Svc"), Some("IDLE")]);
        assert_eq!(register(&opened, 0, "d1"), Some(0x3f80_0003_3f80_0002));
        assert_eq!(register(&opened, 0, "fpscr"), Some(0x0300_0010));
        assert_eq!(register(&opened, 0, "msp"), Some(0x2000_0f00));
        assert_eq!(register(&opened, 1, "pc"), Some(0x0800_1434));
        assert_eq!(register(&opened, 1, "sp"), Some(0x2000_1f6c));
        assert_eq!(register(&opened, 1, "d15"), Some(0x4000_001f_4000_001e));
        assert_eq!((register(&opened, 2, "d0"), register(&opened, 2, "msp")), (None, None));
        assert_eq!(
            (register(&opened, 2, "sp"), register(&opened, 2, "r7")),
            (Some(0x2000_1b68), Some(0x307))
        );
        let fact = |name: &str| opened.dump.identity.facts.iter().find(|(n, _)| n == name);
        assert_eq!(fact("build time").map(|(_, time)| time.as_str()), Some("2024-05-06T07:08:09Z"));
    }
}

#[test]
fn a_chip_without_an_fpu_has_no_floating_point_registers_whatever_its_words_say() {
    let mut new = arm(0x400, 0x2000_0ff0, 0x0100_0000);
    new.extend([0x2000_0f00, 0x2000_0ff0]);
    let mut old = arm(0x400, 0x2000_0ff0, 0x0100_0000);
    old.extend([0; 33]);
    for (arch, writer, words, msp) in
        [("stm32", NEW, new, Some(0x2000_0f00)), ("cc3220", CRLF, old, None)]
    {
        let sections = [
            writer.section("REGS", 0x2000_0f00, &bytes(&words)),
            writer.section("SRAM", 0x2000_4000, &ram(0x100)),
        ];
        let opened = open(writer.dump(&format!("\"arch\": \"{arch}\""), &sections));
        check_ram(&opened, 0x2000_4000, 0x100);
        assert_eq!(
            (register(&opened, 0, "r12"), register(&opened, 0, "sp")),
            (Some(0x40c), Some(0x2000_0ff0))
        );
        assert_eq!(
            (register(&opened, 0, "d0"), register(&opened, 0, "fpscr")),
            (None, None),
            "{arch}"
        );
        assert_eq!(register(&opened, 0, "msp"), msp);
    }
}

/// `GdbRegFile`: fillers but for what is given.
fn xtensa(pc: u32, a: &[u32], loops: [u32; 4], ps: u32, filler: u32, cause: u32) -> Vec<u8> {
    let mut words = vec![pc];
    words.extend(a);
    words.resize(65, filler);
    words.extend(loops);
    words.extend([0, 1, filler, filler, ps]);
    words.resize(83, filler);
    words.push(cause);
    words.resize(105, 0);
    bytes(&words)
}

#[test]
fn what_an_esp32_fills_its_registers_with_is_not_shown_as_theirs() {
    for (filler, cause) in [(0xdead_beef, 29), (0, 0)] {
        let a: Vec<u32> =
            (0..16).map(|n| if n == 1 { 0x3ffb_5e00 } else { 0x1230_0000 + n }).collect();
        let crashed =
            xtensa(0x400d_15f1, &a, [0x4000_c2e0, 0x4000_c2f6, 3, 17], 0x0006_0330, filler, cause);
        let waiting =
            xtensa(0x400d_2222, &[0x800d_3333, 0x3ffb_7e00, 5, 6], [0; 4], 0x0006_0020, filler, 0);
        let list = [
            (0x3ffb_6000, "mgos", 0x3ffb_5d00, None),
            (0x3ffb_8000, "esp_timer", 0x3ffb_7d00, Some(waiting)),
        ];
        let sections = [
            NEW.section("REGS", 0x3ffb_0000, &crashed),
            NEW.section("DRAM", 0x3ffa_e000, &ram(0x2000)),
            tasks(NEW, &list, 0x3ffb_6000),
        ];
        let mut log = String::from_utf8(log_noise(1000)).expect("text");
        for line in NEW.dump(&head("esp32"), &sections).lines() {
            log += &format!("[May  6 07:08:09.123]{line}\r\n");
        }
        let opened = open(log);
        assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32"));
        check_ram(&opened, 0x3ffa_e000, 0x2000);
        assert_eq!(register(&opened, 0, "pc"), Some(0x400d_15f1));
        assert_eq!(register(&opened, 0, "ar15"), Some(0x1230_000f));
        assert_eq!(
            (register(&opened, 0, "lcount"), register(&opened, 0, "sar")),
            (Some(3), Some(17))
        );
        assert_eq!(register(&opened, 0, "ps"), Some(0x0006_0330));
        for name in ["ar16", "ar63", "configid0", "threadptr", "br", "m3", "f0", "fsr", "expstate"]
        {
            assert_eq!(register(&opened, 0, name), None, "{name}");
        }
        let wanted = (cause != 0).then_some(u64::from(cause));
        assert_eq!(register(&opened, 0, "exccause"), wanted);
        if cause != 0 {
            assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        }
        assert_eq!(register(&opened, 1, "ar3"), Some(6));
        assert_eq!(
            (register(&opened, 1, "ar1"), register(&opened, 1, "pc")),
            (Some(0x3ffb_7e00), Some(0x400d_2222))
        );
        for name in ["ar4", "ar15", "lbeg", "sar"] {
            assert_eq!(register(&opened, 1, name), None, "{name} of a task that waited");
        }
    }
}

#[test]
fn an_esp32_c3_is_a_riscv_chip() {
    let mut words: Vec<u32> = (0..32).map(|n| 0x7700_0000 + n).collect();
    (words[0], words[2]) = (0, 0x3fc9_5e00);
    words.push(0x4200_a1c2);
    let sections = [
        NEW.section("REGS", 0x3fc9_0000, &bytes(&words)),
        NEW.section("DRAM", 0x3fc8_0000, &ram(0x1000)),
    ];
    let opened = open(NEW.dump(&head("esp32c3"), &sections));
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32c3"));
    let found = ["pc", "sp", "ra", "t6"].map(|name| register(&opened, 0, name));
    assert_eq!(found, [0x4200_a1c2, 0x3fc9_5e00, 0x7700_0001, 0x7700_001f].map(Some));
    check_ram(&opened, 0x3fc8_0000, 0x1000);
}

#[test]
fn an_esp8266_has_its_own_registers_and_its_first_writer_a_cause() {
    let mut words: Vec<u32> = (0..16).map(|n| 0x6600_0000 + n).collect();
    words[1] = 0x3fff_fe20;
    words.extend([0x4021_0abc, 30, 0x4010_0001, 0, 0, 0x33]);
    for (writer, head) in
        [(OLD, "\"arch\": \"ESP8266\", \"cause\": 28".to_string()), (NEW, head("esp8266"))]
    {
        let sections = [
            writer.section("REGS", 0x3ffe_9000, &bytes(&words)),
            writer.section("DRAM", 0x3ffe_8000, &ram(0x1800)),
        ];
        let opened = open(writer.dump(&head, &sections));
        assert_eq!(opened.dump.arch.name, "xtensa-lx106");
        let found = ["a0", "a1", "a15", "pc", "sar", "litbase", "ps"]
            .map(|name| register(&opened, 0, name));
        let wanted = [0x6600_0000, 0x3fff_fe20, 0x6600_000f, 0x4021_0abc, 30, 0x4010_0001, 0x33];
        assert_eq!(found, wanted.map(Some));
        assert_eq!(register(&opened, 0, "configid0"), None);
        check_ram(&opened, 0x3ffe_8000, 0x1800);
        let cause = register(&opened, 0, "exccause");
        assert_eq!(cause, head.contains("cause").then_some(28));
    }
}

#[test]
fn damaged_dumps_open_or_say_why_not() {
    let words = arm(0x400, 0x2000_0ff0, 0x0100_0000);
    let sections = [
        NEW.section("REGS", 0x2000_0f00, &bytes(&words)),
        tasks(NEW, &[(0x2000_3100, "a b", 0x2000_1f00, Some(bytes(&words)))], 5),
        NEW.section("SRAM", 0x2000_4000, &ram(0x200)),
    ];
    let text = NEW.dump(&head("stm32"), &sections).into_bytes();
    try_all_prefixes("mongoose", &text, &Options::default());
    try_bit_flips("mongoose", &text, &Options::default());
}

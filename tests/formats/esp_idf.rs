//! ESP-IDF core dumps in all their forms: the fixtures, what is made of them, and made-up ones.

use crate::support;
use coroner::dump::Severity;
use coroner::memory::Origin;
use coroner::open::Options;
use std::io::Write;
use support::esp;
use support::{
    fixture, fixtures, names, note_with, open_bytes, opened, plain, refused, refused_with,
};

/// The fixtures' images, with what each must come out as.
const IMAGES: [(&str, &str, &[&str]); 5] = [
    (
        "espressif/esp32/coredump.raw",
        "ESP-IDF ELF core 0x0102, CRC-32 ok, esp32",
        &["main", "IDLE0", "IDLE1", "ipc0", "esp_timer", "ipc1"],
    ),
    (
        "espressif/esp32/coredump_bin.raw",
        "ESP-IDF binary core 0x0003, CRC-32 ok, esp32",
        &["main", "IDLE0", "IDLE1", "ipc0", "ipc1"],
    ),
    (
        "espressif/esp32c3/coredump.raw",
        "ESP-IDF ELF core 0x0102, CRC-32 ok, esp32c3",
        &["main", "IDLE", "esp_timer"],
    ),
    (
        "espressif/esp32c3/coredump_bin.raw",
        "ESP-IDF ELF core 0x0102, CRC-32 ok, esp32c3",
        &["main", "IDLE"],
    ),
    (
        "espressif/esp32c6/coredump.raw",
        "ESP-IDF ELF core 0x0104, SHA-256 ok, esp32c6",
        &["main", "IDLE", "esp_timer"],
    ),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_fixture_opens_in_every_form_that_it_is_there_in() {
    if fixtures().is_none() {
        return;
    }
    for (raw, title, threads) in IMAGES {
        plain(&opened(fixture(raw).unwrap()), title, threads);
        let text = fixture(&raw.replace(".raw", ".b64")).unwrap();
        plain(&opened(text), title, threads);
        let saved = opened(fixture(&raw.replace(".raw", ".saved-core.elf")).unwrap());
        assert_eq!(names(&saved), threads, "{raw}");
        assert!(saved.dump.threads[0].crashed);
    }
}

#[test]
fn an_image_opens_with_flash_padding_an_erased_tail_and_stale_data_behind_it() {
    for (raw, title, threads) in IMAGES {
        let Some(raw) = fixture(raw) else { return };
        let version = u32::from_le_bytes(raw[4..8].try_into().unwrap());
        let (head, sum) = match version & 0xffff {
            0x0104 => (12, 32),
            _ => (24, 4),
        };
        let word = |at: usize| u32::from_le_bytes(raw[at..at + 4].try_into().unwrap());
        let counts = if head == 24 { [word(8), word(12), word(16)] } else { [0; 3] };
        let body = &raw[head..raw.len() - sum];
        let flash = esp::image(version, counts, word(head - 4), body, 32);
        for tail in [0xff, 0x00, 0x7f] {
            let mut partition = flash.clone();
            partition.resize(0x10000, tail);
            plain(&opened(partition), title, threads);
        }
    }
}

#[test]
fn all_header_versions_of_the_elf_body_open() {
    let Some(raw) = fixture("espressif/esp32c3/coredump.raw") else { return };
    let body = &raw[24..raw.len() - 4];
    for minor in [0x0100, 0x0101, 0x0102, 0x0103, 0x0104] {
        let image = esp::image(5 << 16 | minor, [0; 3], 101, body, 4);
        let opened = opened(image);
        assert_eq!(names(&opened), ["main", "IDLE", "esp_timer"]);
        assert!(opened.dump.format.contains(&format!("{minor:#06x}")), "{}", opened.dump.format);
        assert!(opened.dump.format.contains("ok"), "{}", opened.dump.format);
        let revision = if minor == 0x0100 || minor == 0x0101 { None } else { Some(101) };
        assert_eq!(opened.dump.identity.chip_revision, revision);
    }
}

#[test]
fn a_bare_elf_core_opens_with_padding_and_checksum_behind_it() {
    for (raw, _, threads) in IMAGES {
        let Some(raw) = fixture(raw) else { return };
        let head = if raw[4] == 4 { 12 } else { 24 };
        if raw[head..].starts_with(b"\x7fELF") {
            assert_eq!(names(&opened(raw[head..].to_vec())), threads);
        }
    }
}

#[test]
fn compressed_dumps_open() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let (_, title, threads) = IMAGES[4];
    let gz = opened(gzip(&raw));
    plain(&gz, title, threads);
    assert_eq!(gz.layers[0], "gzip");
    let zst =
        ruzstd::encoding::compress_to_vec(&raw[..], ruzstd::encoding::CompressionLevel::Fastest);
    plain(&opened(zst), title, threads);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(&raw).unwrap();
    plain(&opened(xz.finish().unwrap()), title, threads);
    let log = esp::console_log(&raw, |_| String::new(), &[]);
    let nested = opened(gzip(&gzip(log.as_bytes())));
    plain(&nested, title, threads);
    assert_eq!(nested.layers[..2], ["gzip", "gzip"]);
}

#[test]
fn a_cut_archive_gives_what_is_whole_with_force_only() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&raw).unwrap();
    let gz = encoder.finish().unwrap();
    let cut = gz[..gz.len() / 2].to_vec();
    assert!(refused(cut.clone()).contains("cut off"));
    let forced = open_bytes(cut, &Options::default().force(true)).unwrap();
    note_with(&forced, "gzip: the stream breaks off");
}

#[test]
fn console_logs_open_whatever_stands_between_the_lines() {
    let noise = [
        "\x1b[0;32mI (1234) wifi: state: run -> init (0)\x1b[0m",
        "W (99) task_wdt: Done",
        "Done",
        "wifi",
        "I am a word",
    ];
    type Prefix = fn(usize) -> String;
    let prefixes: [Prefix; 5] = [
        |_| String::new(),
        |n| format!("[2026-11-22 12:{:02}:0{}.{n}] ", n % 60, n % 10),
        |n| format!("({}) ", 98 + n),
        |n| format!("12:34:{n}.789 -> "),
        |n| format!("\x1b[33m[ttyUSB0 {n}]\x1b[0m "),
    ];
    for (raw, title, threads) in IMAGES {
        let Some(raw) = fixture(raw) else { return };
        for prefix in prefixes {
            for foreign in [&noise[..0], &noise[..2], &noise[..3], &noise[..]] {
                let log = esp::console_log(&raw, prefix, foreign);
                plain(&opened(log), title, threads);
            }
        }
    }
}

#[test]
fn bare_base64_lines_open_with_and_without_other_lines_between() {
    for (raw, title, threads) in IMAGES {
        let Some(raw) = fixture(raw) else { return };
        let mut lines = esp::base64_lines(&raw);
        plain(&opened(lines.join("\n")), title, threads);
        lines.insert(5, "I (77) wifi: pm stop".into());
        lines.insert(9, "Ping".into());
        plain(&opened(lines.join("\r\n")), title, threads);
    }
}

#[test]
fn hexadecimal_text_and_base64_in_one_go_open() {
    use base64::Engine;
    for (raw, title, threads) in IMAGES {
        let Some(raw) = fixture(raw) else { return };
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        plain(&opened(hex), title, threads);
        let spaced: Vec<String> = raw
            .chunks(16)
            .map(|row| row.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(" "))
            .collect();
        plain(&opened(spaced.join("\n")), title, threads);
        let wrapped = base64::engine::general_purpose::STANDARD.encode(&raw);
        plain(&opened(wrapped), title, threads);
    }
}

#[test]
fn of_several_dumps_in_a_log_the_last_whole_one_is_taken_unless_the_user_picks() {
    let Some(first) = fixture("espressif/esp32c3/coredump.raw") else { return };
    let second = fixture("espressif/esp32c6/coredump.raw").unwrap();
    let log = |raw: &[u8]| esp::console_log(raw, |_| String::new(), &[]);
    let mut text = log(&first) + &log(&second) + &log(&first);
    text.truncate(text.len() - 2000);
    let opened = opened(text.clone());
    assert_eq!((opened.picked, opened.found.len()), (2, 3));
    assert_eq!(opened.dump.identity.chip.as_deref(), Some("esp32c6 v0.1"));
    note_with(&opened, "dump 3 of 3 skipped");
    let pick = |n| Options::default().pick(n);
    assert_eq!(open_bytes(text.clone(), &pick(1)).unwrap().dump.threads.len(), 3);
    assert!(refused_with(text.clone(), &pick(3)).contains("cut off"));
    assert!(refused_with(text, &pick(4)).contains("there are 3 dumps"));
}

#[test]
fn a_second_start_line_begins_a_new_dump() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let log = esp::console_log(&raw, |_| String::new(), &[]);
    let cut = log.find("CORE DUMP START").unwrap() + 600;
    let opened = opened(format!("{}\r\n{log}", &log[..cut]));
    assert_eq!((opened.picked, opened.found.len()), (2, 2));
}

#[test]
fn a_damaged_line_is_told_by_its_number_and_its_bytes_are_missing() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let mut lines: Vec<String> =
        esp::console_log(&raw, |_| String::new(), &[]).lines().map(Into::into).collect();
    let full = |(n, line): (usize, &String)| (n > 60 && line.len() == 64).then_some(n);
    let index = lines.iter().enumerate().find_map(full).unwrap();
    lines[index].truncate(51);
    let log = lines.join("\n");
    let words = refused(log.clone());
    assert!(words.contains(&format!("line {}", index + 1)), "{words}");
    let opened = open_bytes(log, &Options::default().force(true)).unwrap();
    note_with(&opened, &format!("line {} has damaged or lost characters", index + 1));
    assert!(opened.dump.threads.iter().all(|thread| thread.id > 0));
    let missing: u64 = opened.dump.memory.missing().map(|(range, _)| range.len()).sum();
    assert_eq!(missing, 48, "{:?}", opened.dump.memory.missing().collect::<Vec<_>>());
    let (range, _) = opened.dump.memory.missing().next().unwrap();
    assert!(opened.dump.memory.region_at(range.start).is_none());
}

/// Each line is lost in turn: what is still told of registers and memory is right.
#[test]
fn a_lost_line_moves_nothing() {
    for name in ["esp32/coredump_bin", "esp32/coredump", "esp32c3/coredump", "esp32c6/coredump"] {
        let Some(raw) = fixture(&format!("espressif/{name}.raw")) else { return };
        let whole = opened(raw.clone());
        let log = esp::console_log(&raw, |_| String::new(), &[]);
        let lines: Vec<&str> = log.lines().collect();
        let digits = (3..lines.len() - 1).filter(|n| !lines[*n].contains(' ')).skip(1).step_by(5);
        for lost in digits {
            let rest = [&lines[..lost], &lines[lost + 1..]].concat().join("\n");
            let words = refused(rest.clone());
            assert!(words.contains("line"), "{name}: {words}");
            let options = Options::default().force(true);
            let Ok(forced) = open_bytes(rest, &options) else {
                // Without the ELF core's own header nothing can be read.
                assert!(lost < 12, "{name} without line {lost}");
                continue;
            };
            for thread in &forced.dump.threads {
                let right = whole.dump.threads.iter().find(|right| right.id == thread.id);
                let right = right.unwrap_or_else(|| panic!("{name}: no thread {:#x}", thread.id));
                assert!(thread.name.is_none() || thread.name == right.name, "{name} {lost}");
                for (index, value) in thread.registers.known() {
                    let wanted = right.registers.get(index);
                    assert_eq!(
                        Some(value),
                        wanted,
                        "{name} without line {lost}: {}",
                        thread.label()
                    );
                }
            }
            for region in forced.dump.memory.regions() {
                let right = whole.dump.memory.bytes(region.start, region.bytes.len());
                assert_eq!(right.as_ref(), Some(&region.bytes), "{name} without line {lost}");
            }
        }
    }
}

#[test]
fn an_image_behind_foreign_bytes_is_found_with_its_header() {
    for name in ["esp32/coredump_bin", "esp32/coredump", "esp32c3/coredump"] {
        let Some(raw) = fixture(&format!("espressif/{name}.raw")) else { return };
        let plain = opened(raw.clone());
        let behind = opened([&[0x5a; 100][..], &raw].concat());
        assert_eq!(behind.dump.format, plain.dump.format);
        assert!(plain.dump.format.contains(" ok"), "{}", plain.dump.format);
        assert_eq!(behind.dump.identity.chip, plain.dump.identity.chip);
    }
}

#[test]
fn flash_images_lead_to_their_core_dump_partitions() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let (_, title, threads) = IMAGES[4];
    let table = |offset| {
        [
            esp::partition(1, 2, 0x9000, 0x6000, "nvs", 0),
            esp::partition(0, 0, 0x10000, 0x100000, "factory", 0),
            esp::partition(1, 3, offset, 0x10000, "coredump", 0),
        ]
    };
    for table_at in [0x8000, 0x9000, 0x10000] {
        let offset = 0x110000;
        let image = esp::flash(4 << 20, table_at, &table(offset), &[(0x110000, &raw)]);
        let opened = opened(image);
        plain(&opened, title, threads);
        assert_eq!(opened.layers[..2], ["flash image 4 MiB", "partition coredump @0x110000"]);
    }

    let two = [
        esp::partition(1, 3, 0x110000, 0x10000, "coredump", 0),
        esp::partition(1, 3, 0x120000, 0x10000, "coredump2", 1),
    ];
    let image = esp::flash(2 << 20, 0x8000, &two, &[(0x110000, &raw)]);
    let both = opened(image);
    assert_eq!((both.picked, both.found.len()), (1, 2));
    note_with(&both, "dump 2 of 2 skipped");

    let none = esp::flash(1 << 20, 0x8000, &table(0x110000)[..2], &[]);
    assert!(refused(none).contains("subtype coredump"));
    let outside = esp::flash(1 << 20, 0x8000, &table(0x110000), &[]);
    assert!(refused(outside).contains("0x110000"));
}

#[test]
fn an_offset_leads_to_the_dump_or_to_the_table() {
    let Some(raw) = fixture("espressif/esp32c6/coredump.raw") else { return };
    let (_, title, threads) = IMAGES[4];
    let at = |offset| {
        let mut options = Options::default();
        options.place.offset = Some(offset);
        options
    };
    let image = esp::flash(2 << 20, 0x8000, &[], &[(0x123000, &raw)]);
    plain(&open_bytes(image, &at(0x123000)).unwrap(), title, threads);
    let table = [esp::partition(1, 3, 0x123000, 0x10000, "coredump", 0)];
    let image = esp::flash(2 << 20, 0x30000, &table, &[(0x123000, &raw)]);
    plain(&open_bytes(image.clone(), &at(0x30000)).unwrap(), title, threads);
    assert!(refused_with(image, &at(3 << 20)).contains("--offset"));
}

#[test]
fn erased_and_encrypted_partitions_are_named_as_such() {
    let table = [esp::partition(1, 3, 0x110000, 0x10000, "coredump", 1)];
    let erased = esp::flash(2 << 20, 0x8000, &table, &[]);
    assert!(refused(erased).contains("erased flash: no dump was written"));
    let marked = [[0xff; 4], [0; 4], [0; 4], [0; 4]].concat();
    let marked = esp::flash(2 << 20, 0x8000, &table, &[(0x110000, &marked)]);
    assert!(refused(marked).contains("the mark of an erased core dump"));
    let mut numbers = support::Numbers::new(7);
    let noise: Vec<u8> = (0..0x10000).map(|_| numbers.below(256) as u8).collect();
    let encrypted = esp::flash(2 << 20, 0x8000, &table, &[(0x110000, &noise)]);
    let error = refused(encrypted);
    assert!(error.contains("encrypted") && error.contains("entropy"), "{error}");
}

#[test]
fn a_bad_checksum_is_told_with_both_values_and_served_with_force() {
    for (raw, _, threads) in IMAGES {
        let Some(mut raw) = fixture(raw) else { return };
        let at = raw.len() - 40;
        raw[at] ^= 0x10;
        let error = refused(raw.clone());
        assert!(error.starts_with("test: esp-idf: "), "{error}");
        assert!(error.contains("by the bytes") && error.contains("in the dump"), "{error}");
        assert!(error.contains("--force"), "{error}");
        let forced = open_bytes(raw, &Options::default().force(true)).unwrap();
        assert_eq!(names(&forced), threads);
        assert!(forced.dump.format.contains("wrong"), "{}", forced.dump.format);
        assert!(forced.dump.notes.iter().any(|note| note.severity == Severity::Doubt));
    }
}

#[test]
fn a_cut_image_is_refused_and_served_with_force_as_far_as_it_goes() {
    let Some(raw) = fixture("espressif/esp32/coredump.raw") else { return };
    let cut = raw[..6000].to_vec();
    let error = refused(cut.clone());
    assert!(error.contains("image length") && error.contains("6000"), "{error}");
    let forced = open_bytes(cut, &Options::default().force(true)).unwrap();
    assert_eq!(forced.dump.threads.len(), 6);
    assert!(forced.dump.memory.missing().count() > 0);
    assert!(forced.dump.format.contains("cut, not checked"));
}

#[test]
fn the_elf_file_must_be_the_dumps_unless_the_user_insists() {
    let Some(folder) = fixtures() else { return };
    let raw = fixture("espressif/esp32c3/coredump.raw").unwrap();
    let elf = |name: &str| folder.join("espressif").join(name);
    let with = |elf, any_elf| Options::default().elf([elf]).any_elf(any_elf);

    let right = open_bytes(raw.clone(), &with(elf("esp32c3/esp32c3.elf"), false)).unwrap();
    assert!(right.firmware.is_some());
    let wrong = with(elf("esp32c3/esp32c3_bin.elf"), false);
    let error = refused_with(raw.clone(), &wrong);
    assert!(
        error.contains("ELF SHA-256 8b4b908f2.. is not the dump's ELF SHA-256 7d946a8e8.."),
        "{error}"
    );
    let insisted = wrong.any_elf(true);
    note_with(&open_bytes(raw.clone(), &insisted).unwrap(), "wrong ELF");
    let other = refused_with(raw.clone(), &with(elf("esp32/esp32.elf"), true));
    assert!(other.contains("XTENSA") && other.contains("RISCV"), "{other}");

    let found = Options::default().elf_dir(folder.clone());
    let found = open_bytes(raw.clone(), &found).unwrap();
    assert!(found.firmware.unwrap().path.ends_with("esp32c3/esp32c3.elf"));
    let nothing = Options::default().elf_dir(folder.join("espressif/esp32c6"));
    note_with(&open_bytes(raw, &nothing).unwrap(), "no ELF file in");
}

#[test]
fn constants_come_from_the_elf_and_variables_do_not() {
    let Some(folder) = fixtures() else { return };
    let raw = fixture("espressif/esp32c3/coredump.raw").unwrap();
    let elf = folder.join("espressif/esp32c3/esp32c3.elf");
    let opened = open_bytes(raw.clone(), &Options::default().elf([elf.clone()])).unwrap();
    let memory = &opened.dump.memory;
    let origin = |addr| memory.region_at(addr).map(|region| region.origin);
    assert_eq!(origin(0x4038_0698), Some(Origin::Elf), "code in RAM");
    assert_eq!(origin(0x4200_9354), Some(Origin::Elf), "code in flash");
    assert_eq!(origin(0x3c02_0120), Some(Origin::Elf), ".flash.rodata, though marked writable");
    assert_eq!(origin(0x3fc8_9e00), None, ".dram0.data");
    assert_eq!(origin(0x3fc8_aa10), None, ".dram0.bss");
    assert_eq!(origin(0x3fc8_ec30), Some(Origin::Dump), "a control block");
    let mut initial = Options::default().elf([elf]);
    initial.trust.initial_data = true;

    let opened = open_bytes(raw, &initial).unwrap();
    let origin = opened.dump.memory.region_at(0x3fc8_9e00).map(|region| region.origin);
    assert_eq!(origin, Some(Origin::ElfInitial));
    note_with(&opened, "before the start");
}

#[test]
fn the_rom_elf_is_chosen_by_the_chips_revision() {
    let Some(folder) = fixtures() else { return };
    // Any ELF of the machine will do for the choice.
    let elf = folder.join("espressif/esp32c3/esp32c3_bin.elf");
    let roms = std::env::temp_dir().join(format!("coroner-roms-{}", std::process::id()));
    std::fs::create_dir_all(&roms).unwrap();
    for revision in [0, 3, 101] {
        std::fs::copy(&elf, roms.join(format!("esp32c3_rev{revision}_rom.elf"))).unwrap();
    }
    let raw = fixture("espressif/esp32c3/coredump.raw").unwrap();
    let opened = open_bytes(raw, &{
        let mut options = Options::default();
        options.elves.rom_elf_dir = Some(roms.clone());
        options
    })
    .unwrap();
    assert!(opened.rom[0].path.ends_with("esp32c3_rev3_rom.elf"), "{}", opened.rom[0].path);
    assert!(opened.dump.memory.regions().any(|region| region.origin == Origin::RomElf));
    std::fs::remove_dir_all(roms).unwrap();
}

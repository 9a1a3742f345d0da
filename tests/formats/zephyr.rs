//! Zephyr dumps in every form: what is in them comes out, and nothing else.

use crate::support::zephyr;
use crate::support::{formats, made};
use coroner::dump::Thread;
use coroner::input::Input;
use coroner::open::{self, Opened, Options};
use formats::open_bytes;
use zephyr::{MACHINES, Machine, Stream, cd, console, words};

fn with_elf(machine: &Machine) -> Options {
    Options::default().elf([machine.elf.clone()])
}

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("dump", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn open_with(machine: &Machine, bytes: Vec<u8>) -> Opened {
    open_bytes("dump", bytes, &with_elf(machine)).unwrap_or_else(|error| panic!("{error}"))
}

fn error(bytes: Vec<u8>) -> String {
    let opened = open_bytes("dump", bytes, &Options::default());
    opened.map(|opened| opened.trail()).expect_err("it is broken").to_string()
}

fn crashed(opened: &Opened) -> &Thread {
    opened.dump.crashed().expect("there is a crashed thread")
}

fn notes(opened: &Opened) -> String {
    opened.dump.notes.iter().map(|note| format!("{note}\n")).collect()
}

#[track_caller]
fn assert_note(opened: &Opened, words: &str) {
    assert!(notes(opened).contains(words), "{words:?} is not in:\n{}", notes(opened));
}

/// RAM comes out as the machine had it.
#[track_caller]
fn assert_ram(opened: &Opened, machine: &Machine) {
    let ram = opened
        .dump
        .memory
        .bytes(machine.ram_addr, machine.ram.len())
        .unwrap_or_else(|| panic!("{}: {}\n{}", machine.name, opened.trail(), notes(opened)));
    assert!(*ram == *machine.ram, "{}: RAM differs", machine.name);
}

// Carriers.

#[test]
fn every_carrier_gives_the_same_dump_on_every_machine() {
    for name in MACHINES {
        let machine = Machine::load(name);
        let stream = machine.usual();
        let datagrams = stream.datagrams();
        let mut shuffled = datagrams.clone();
        shuffled.reverse();
        shuffled.push(datagrams[0].clone());
        let mut deep = vec![0xff; 0x3000];
        deep.extend(stream.flash(32));
        let forms = [
            ("stream", stream.bytes()),
            ("log", console(&stream.log())),
            ("coredump print pretty", console(&stream.pretty())),
            ("flash", stream.flash(4)),
            ("flash with a write block of 32", stream.flash(32)),
            ("flash with a write block of 512", stream.flash(512)),
            ("whole flash", deep),
            ("retained", stream.retained(0)),
            ("in memory", stream.in_memory(0x4000)),
            ("ADSP", stream.adsp(0x4000)),
            ("UDP", datagrams.concat()),
            ("UDP out of order, one twice", shuffled.concat()),
            ("Spotflow", stream.spotflow([7; 20]).concat()),
        ];
        for (form, bytes) in forms {
            let opened = open(bytes);
            assert_ram(&opened, &machine);
            assert!(crashed(&opened).registers.pc().is_some(), "{name}, {form}");
            let bad: Vec<_> =
                opened.dump.notes.iter().filter(|n| n.to_string().starts_with("warning")).collect();
            assert!(bad.is_empty(), "{name}, {form}: {bad:?}");
        }
    }
}

#[test]
fn messages_of_a_broker_may_come_in_any_order_and_twice() {
    let machine = Machine::load("cortex-m4");
    let mut messages = zephyr::spotflow_json(&machine.usual());
    messages.swap(0, 2);
    messages.insert(1, messages[3].clone());
    let lines = |print: &dyn Fn(&serde_json::Value) -> String| {
        messages.iter().map(print).collect::<Vec<_>>().join("\n").into_bytes()
    };
    let forms = [
        lines(&|message| message.to_string()),
        lines(&|message| format!("ingest-json {message}")),
        lines(&|message| serde_json::json!({"qos": 0, "payload": message}).to_string()),
        lines(&|message| serde_json::json!({"payload": message.to_string()}).to_string()),
        lines(&|message| serde_json::to_string_pretty(message).expect("JSON")),
    ];
    for form in forms {
        assert_ram(&open(form), &machine);
    }
    let cbor = machine.usual().spotflow([0; 20]).join(&b'\n');
    assert_ram(&open(cbor), &machine);
    messages.retain(|message| message["chunkOrdinal"] != 1);
    let text: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let opened = open(console(&text));
    assert_note(&opened, "did not arrive");
}

#[test]
fn what_the_shell_prints_in_words_is_the_same_dump() {
    let machine = Machine::load("riscv64");
    let mut stream = machine.usual();
    let whole = open(stream.bytes());
    let printed = open(console(&stream.pretty()));
    assert_eq!(printed.dump.threads.len(), whole.dump.threads.len());
    let known = |opened: &Opened| crashed(opened).registers.known().collect::<Vec<_>>();
    assert_eq!(known(&printed), known(&whole));
    assert_eq!(printed.dump.reason, whole.dump.reason);

    // A second dump of the log, printed as usual: each is whole.
    let both = [stream.pretty(), stream.log()].concat();
    assert_eq!(open(console(&both)).found.len(), 2);
    let mut cut = stream.pretty();
    cut.truncate(cut.len() - 40);
    let opened = open(console(&[cut, stream.log()].concat()));
    assert_ram(&opened, &machine);

    // The shell stops at the checksum, which makes nothing of it doubtful.
    stream.checksum();
    let printed = open(console(&stream.pretty()));
    assert_ram(&printed, &machine);
    assert_note(&printed, "leaves out the checksum");
}

#[test]
fn a_line_that_is_missing_of_what_the_shell_prints_is_told() {
    let machine = Machine::load("cortex-m4");
    let stream = machine.usual();
    let lines = stream.pretty();
    let data = data_lines(&lines);
    let mut without = lines.clone();
    without.remove(data[data.len() / 2]);
    let opened = open(console(&without));
    assert_note(&opened, "of them are in the log");
    // A header whose start is missing is not guessed at.
    let mut headless = lines;
    headless.retain(|line| !line.contains("Target:"));
    let words = error(console(&headless));
    assert!(words.contains("console log"), "{words}");
}

#[test]
fn datagrams_and_chunks_may_come_one_a_file() {
    let machine = Machine::load("x86");
    let stream = machine.usual();
    for parts in [stream.datagrams(), stream.spotflow([7; 20])] {
        let file = |(n, bytes): (usize, Vec<u8>)| Input {
            name: format!("part{n}"),
            bytes: bytes.into(),
            addr: None,
        };
        let files: Vec<Input> = parts.into_iter().enumerate().map(file).collect();
        let opened = open::open_inputs(&files, &Options::default()).expect("they go together");
        assert_ram(&opened, &machine);
    }
}

#[test]
fn a_lost_datagram_is_a_hole_and_not_zeros() {
    let machine = Machine::load("x86");
    let mut datagrams = machine.usual().datagrams();
    datagrams.remove(2);
    let opened = open(datagrams.concat());
    assert_note(&opened, "bytes 0x7d0..0xbb8 of the stream did not arrive");
    let head = 12 + 5 + 52 + 11;
    let hole = machine.ram_addr + 2000 - head;
    let memory = &opened.dump.memory;
    assert!(memory.bytes(hole - 1, 1).is_some() && memory.bytes(hole, 1).is_none());
    assert!(memory.bytes(hole + 999, 1).is_none() && memory.bytes(hole + 1000, 1).is_some());
}

/// Of each 512 bytes of a UF2 file 256 are the flash's: who looks at the others sees a dump with
/// headers in its memory.
#[test]
fn a_flash_read_out_as_uf2_gives_the_dump_whatever_the_order_of_its_blocks() {
    let machine = Machine::load("cortex-m4");
    let mut flash = vec![0xff; 4096];
    flash.extend(machine.usual().flash(16));
    flash.resize(flash.len().next_multiple_of(256) + 4096, 0xff);
    let uf2 = made::uf2(&flash);
    assert_ram(&open(uf2.clone()), &machine);
    let turned: Vec<u8> = uf2.chunks(512).rev().flatten().copied().collect();
    assert_ram(&open(turned), &machine);

    let mut damaged = uf2;
    let block = 512 * (4096 / 256 + 8);
    damaged[block + 508] ^= 1;
    let words = open_bytes("dump", damaged, &Options::default()).map(|opened| notes(&opened));
    let words = words.unwrap_or_else(|error| error.to_string());
    assert!(words.contains("damaged") || words.contains("cut off"), "{words}");
}

#[test]
fn a_partition_with_an_erased_header_or_the_devices_error_is_opened_with_a_note() {
    let machine = Machine::load("cortex-m4");
    let flash = machine.usual().flash(16);
    let mut erased = flash.clone();
    erased[..16].fill(0xff);
    let opened = open(erased);
    assert_ram(&opened, &machine);
    assert_note(&opened, "its header is erased");

    let mut changed = flash.clone();
    changed[2000] ^= 0x40;
    let words = error(changed.clone());
    assert!(words.contains("checksum at offset 0xa") && words.contains("--force"), "{words}");
    let options = Options::default().force(true);
    let forced = open_bytes("dump", changed, &options).expect("the user insists");
    assert_note(&forced, "checksum at offset 0xa");

    let mut failed = flash.clone();
    failed[12..16].copy_from_slice(&(-28i32).to_le_bytes());
    assert_note(&open(failed), "could not dump everything (error -28)");

    let mut empty = flash[..16].to_vec();
    empty.resize(4096, 0xff);
    let words = error(empty);
    assert!(words.contains("expected a stream that begins with 5a45"), "{words}");
}

#[test]
fn a_dump_that_filled_its_room_is_opened_and_the_rest_is_missing() {
    let machine = Machine::load("cortex-m4");
    for bytes in [machine.usual().in_memory(2000), machine.usual().adsp(2000)] {
        let opened = open(bytes);
        assert_note(&opened, "ends where the room for it ended");
        let last = machine.ram_addr + machine.ram.len() as u64 - 1;
        assert_eq!(opened.dump.memory.why_missing(last), Some("the dump is cut off before it"));
        assert!(opened.dump.memory.bytes(machine.ram_addr, 1000).is_some());
    }
}

// Logs.

fn data_lines(log: &[String]) -> Vec<usize> {
    let data = |(_, line): &(usize, &String)| {
        line.split_once("#CD:").is_some_and(|(_, rest)| {
            rest.starts_with(|c: char| c.is_ascii_hexdigit() && !c.is_uppercase())
        })
    };
    log.iter().enumerate().filter(data).map(|(index, _)| index).collect()
}

#[test]
fn a_log_with_several_dumps_and_an_unfinished_one_gives_the_last_whole_one() {
    let (first, second) = (Machine::load("cortex-m4"), Machine::load("cortex-m4f"));
    let unfinished = first.usual().log();
    let log = [
        unfinished[..40].to_vec(),
        first.usual().log(),
        second.usual().log(),
        unfinished[..60].to_vec(),
    ];
    let opened = open(console(&log.concat()));
    assert_eq!((opened.found.len(), opened.picked), (4, 3));
    assert_ram(&opened, &second);
    assert_note(&opened, "dump 4 of 4 skipped");
}

#[test]
fn a_missing_begin_or_end_line_is_no_loss() {
    let machine = Machine::load("riscv32");
    let mut log = machine.usual().log();
    log.retain(|line| !line.contains("END#"));
    let opened = open(console(&log));
    assert_ram(&opened, &machine);
    assert_note(&opened, "there is no END# line");
    log.retain(|line| !line.contains("BEGIN#"));
    assert_ram(&open(console(&log)), &machine);
}

#[test]
fn a_dump_that_the_device_marks_as_failed_is_opened_with_a_note() {
    let mut log = Machine::load("riscv32").usual().log();
    let at = log.len() - 20;
    log.truncate(at);
    log.extend([cd("ERROR CANNOT DUMP#"), cd("END#")]);
    let opened = open(console(&log));
    assert_note(&opened, "the device says that it could not dump everything");
    assert!(crashed(&opened).registers.pc().is_some());
}

#[test]
fn a_damaged_line_is_told_by_its_number_and_only_its_bytes_are_missing() {
    let machine = Machine::load("cortex-m4");
    for damage in ["one digit less", "a strange character"] {
        let mut log = machine.usual().log();
        // Lines of the RAM: the fourth of its payload.
        let index = data_lines(&log)[1 + 1 + 3 + 1 + 4];
        let line = &mut log[index];
        let at = line.len() - 20;
        match damage {
            "one digit less" => drop(line.remove(at)),
            _ => line.replace_range(at..=at, "?"),
        }
        let opened = open(console(&log));
        assert_note(&opened, &format!("line {} is damaged", index + 1));
        let hole = machine.ram_addr + 4 * 32;
        let memory = &opened.dump.memory;
        assert_eq!(*memory.bytes(machine.ram_addr, 128).unwrap(), machine.ram[..128]);
        assert!(memory.bytes(hole, 1).is_none() && memory.bytes(hole + 31, 1).is_none());
        assert_eq!(*memory.bytes(hole + 32, 64).unwrap(), machine.ram[160..224]);
    }
}

#[test]
fn empty_lists_in_memory_tell_between_which_lines_some_are_lost() {
    let machine = Machine::load("cortex-m4");
    let log = machine.usual().log();
    let lines = data_lines(&log);
    for (index, count) in [(6, 1), (10, 2), (14, 1), (18, 3), (25, 1), (90, 4)] {
        let mut cut = log.clone();
        lines[index..index + count].iter().rev().for_each(|line| drop(cut.remove(*line)));
        let opened = open(console(&cut));
        let lost = format!("{} bytes ({count} line", count * 32);
        assert_note(&opened, &lost);
        let memory = &opened.dump.memory;
        let mut there = 0;
        for at in 0..machine.ram.len() {
            if let Some(byte) = memory.bytes(machine.ram_addr + at as u64, 1) {
                assert_eq!(byte[0], machine.ram[at], "lines {index}..: at {at:#x}");
                there += 1;
            }
        }
        assert!(there > 100 && there < machine.ram.len(), "lines {index}..: {there} bytes");
    }
}

#[test]
fn of_a_block_that_lost_lines_without_a_trace_nothing_is_shown() {
    let machine = Machine::load("cortex-m4");
    let mut stream = machine.stream(1, 0);
    machine.registers(&mut stream);
    stream.memory(0x2100_0000, &[0x11; 100]);
    // A stack: nothing in it holds its own address.
    let stack: Vec<u8> = (0..1024u32).map(|n| (n * 7 % 253) as u8).collect();
    stream.memory(machine.ram_addr, &stack);
    stream.memory(0x2200_0000, &[0x22; 100]);
    let mut log = stream.log();
    let index = data_lines(&log)[30];
    log.remove(index);
    let opened = open(console(&log));
    assert_note(&opened, "32 bytes (1 line) of this block are lost");
    let memory = &opened.dump.memory;
    assert!(memory.bytes(machine.ram_addr, 1).is_none());
    assert!(memory.bytes(0x2100_0000, 100).is_some() && memory.bytes(0x2200_0000, 100).is_some());

    // Where the log says that it dropped messages, the place is known.
    log.insert(index, "--- 1 messages dropped ---".into());
    let opened = open(console(&log));
    assert_note(&opened, "32 bytes are lost in front of line");
    let ram = (0..stack.len() as u64)
        .filter(|at| opened.dump.memory.bytes(machine.ram_addr + at, 1).is_none())
        .count();
    assert_eq!(ram, 32);
    for at in 0..stack.len() as u64 {
        if let Some(byte) = opened.dump.memory.bytes(machine.ram_addr + at, 1) {
            assert_eq!(byte[0], stack[at as usize], "at {at:#x}");
        }
    }
}

#[test]
fn two_lines_in_one_are_two() {
    let machine = Machine::load("x86");
    let mut log = machine.usual().log();
    let index = data_lines(&log)[20];
    let second = log.remove(index + 1);
    log[index].push_str(&second);
    assert_ram(&open(console(&log)), &machine);
}

#[test]
fn a_shells_transcript_may_cut_lines_anywhere_and_repeat_them() {
    let machine = Machine::load("x86");
    let bytes = machine.usual().bytes();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    let mut lines = vec!["uart:~$ coredump print".to_string(), "#CD:BEGIN#".into()];
    for (n, chunk) in bytes.chunks(32).enumerate() {
        if n % 4 == 3 {
            lines.push(format!("#CD:{}", hex(&chunk[..chunk.len().min(10)])));
        }
        lines.push(format!("#CD:{}", hex(chunk)));
    }
    lines.extend(["#CD:".to_string(), "#CD:END#".into(), "Stored coredump printed.".into()]);
    let opened = open(console(&lines));
    assert_ram(&opened, &machine);
    assert_note(&opened, "printed in part and then again");
}

#[test]
fn base64_between_the_markers_is_read() {
    use base64::Engine;
    let machine = Machine::load("x86");
    let encode = |line: &[u8]| base64::engine::general_purpose::STANDARD.encode(line);
    let mut lines = vec![cd("BEGIN#")];
    lines.extend(machine.usual().bytes().chunks(48).map(|line| cd(&encode(line))));
    lines.push(cd("END#"));
    assert_ram(&open(console(&lines)), &machine);

    let pretty =
        ["-> Memory coredump header found", "Data:", "#CD:BEGIN#", "#CD:0011223344", "#CD:END#"];
    let words = error(console(&pretty.map(String::from)));
    assert!(words.contains("without its beginning"), "{words}");
}

// The stream.

#[test]
fn a_cut_stream_is_a_fault_with_its_place_and_force_serves_the_rest() {
    let machine = Machine::load("cortex-m4");
    let bytes = machine.usual().bytes();
    let cut = bytes[..1000].to_vec();
    let words = error(cut.clone());
    assert!(words.contains("memory block 0x20000000..0x20001320 at offset 0x60"), "{words}");
    assert!(words.contains("expected 4896 bytes, found 904"), "{words}");
    let force = Options::default().force(true);
    let opened = open_bytes("dump", cut, &force).expect("by force");
    assert_eq!(
        opened.dump.memory.bytes(machine.ram_addr, 904).as_deref(),
        Some(&machine.ram[..904])
    );
    assert!(opened.dump.memory.bytes(machine.ram_addr, 905).is_none());
}

#[test]
fn the_checksum_is_checked_and_missed() {
    let mut stream = Machine::load("riscv32").usual();
    stream.checksum();
    let bytes = stream.bytes();
    assert!(open(bytes.clone()).trail().ends_with("CRC-32 ok"));
    let mut wrong = bytes.clone();
    wrong[2000] ^= 1;
    assert!(error(wrong).contains("checksum at offset"));
    let words = error(bytes[..bytes.len() - 7].to_vec());
    assert!(
        words.contains("checksum block") && words.contains("as the header promises"),
        "{words}"
    );
}

#[test]
fn what_no_reader_can_pass_over_ends_the_reading_with_a_note() {
    let machine = Machine::load("riscv32");
    let mut bytes = machine.usual().bytes();
    bytes.extend(b"Q\x01\0something of tomorrow");
    let opened = open(bytes);
    assert_ram(&opened, &machine);
    assert_note(&opened, "expected A, T, F, M or C, found 0x51");
    let mut newer = machine.usual().bytes();
    newer[2] = 3;
    assert_note(&open(newer), "header version 3 is newer");
}

#[test]
fn thousands_of_blocks_in_any_order_and_overlapping_are_read_across() {
    let mut stream = Stream::new(3, 32, 2, 4);
    let byte = |addr: u64| (addr % 251) as u8;
    let block = |start: u64, len: u64| (start..start + len).map(byte).collect::<Vec<u8>>();
    for n in (0..5000u64).rev() {
        let start = 0x2000_0000 + n * 24;
        stream.memory(start, &block(start, 24 + n % 9));
    }
    stream.memory(0x3000_0000, &[1; 16]);
    stream.memory(0x3000_0008, &[2; 16]);
    let started = std::time::Instant::now();
    let opened = open(stream.bytes());
    assert!(started.elapsed().as_millis() < 1000);
    let len = 5000 * 24;
    let read = opened.dump.memory.bytes(0x2000_0000, len as usize).expect("without a gap");
    assert_eq!(*read, block(0x2000_0000, len));
    assert_note(&opened, "is in the dump twice and differs in 8 bytes, first at 0x30000008");
    assert_eq!(
        opened.dump.memory.bytes(0x3000_0008, 16).unwrap()[..],
        [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    );
    assert_eq!(opened.dump.reason.words, "kernel panic");
}

#[test]
fn a_target_that_nobody_knows_needs_a_word_of_the_user() {
    let mut stream = Stream::new(6, 32, 1, 0);
    stream.registers(1, &[0; 40]);
    stream.memory(0x1000, &[5; 64]);
    let words = error(stream.bytes());
    assert!(words.contains("--target"), "{words}");
    let options = Options::default().target("riscv32");
    let opened = open_bytes("dump", stream.bytes(), &options).expect("the user said");
    assert!(opened.dump.memory.bytes(0x1000, 64).is_some() && opened.dump.threads.is_empty());
}

// Identity.

#[test]
fn spotflows_build_id_is_the_dumps_and_a_firmware_without_it_is_refused() {
    let machine = Machine::load("cortex-m4");
    let bytes = machine.usual().spotflow([0xab; 20]).concat();
    let opened = open(bytes.clone());
    assert!(opened.dump.identity.firmware[0].to_string().starts_with("Spotflow build id abab"));
    let refused =
        open_bytes("dump", bytes.clone(), &with_elf(&machine)).expect_err("another build");
    assert!(refused.to_string().contains("--any-elf"), "{refused}");
    let options = with_elf(&machine).any_elf(true);
    assert_note(&open_bytes("dump", bytes, &options).expect("the user insists"), "wrong ELF");
}

#[test]
fn a_dump_of_flash_tells_its_build_and_the_elf_file_is_found_by_it() {
    let machine = Machine::load("cortex-m4");
    let elf = std::fs::read(&machine.elf).expect("part of the project");
    // The constants, as the firmware has them in flash, at address and file offset of the ELF.
    let magic = 0xb986_3e5a_7ea4_6046u64.to_le_bytes();
    let at = elf.windows(8).position(|bytes| bytes == magic).expect("it has descriptors");
    let mut stream = machine.usual();
    stream.memory(at as u64 - 0x1000, &elf[at..at + 0x100]);
    let opened = open(stream.bytes());
    let ids: Vec<String> = opened.dump.identity.firmware.iter().map(ToString::to_string).collect();
    assert_eq!(ids[0], "Spotflow build id 5a5a030405060708090a00000000000000000000");
    assert_eq!(ids[1], "build 1.4.2, 2026-05-04 10:11:12");
    assert!(ids[2].starts_with("build id "), "the GNU build id lies right behind: {ids:?}");
    assert!(opened.dump.identity.facts.contains(&("application".into(), "1.4.2".into())));

    let opened = open_with(&machine, stream.bytes());
    assert!(!notes(&opened).contains("taken on trust"), "{}", notes(&opened));
    let other = Machine::load("cortex-m4f");
    let refused = open_bytes("dump", stream.bytes(), &with_elf(&other)).expect_err("another build");
    assert!(refused.to_string().contains("without a Spotflow build id"), "{refused}");

    let folder =
        machine.elf.parent().and_then(|folder| folder.parent()).expect("tests/data/zephyr");
    let options = Options::default().elf_dir(folder.to_path_buf());
    let opened = open_bytes("dump", stream.bytes(), &options).expect("it is there");
    assert!(opened.firmware.expect("found").path.ends_with("cortex-m4/firmware.elf"));
}

// What only the firmware's ELF file can tell is in zephyr_gdb.rs; here, what goes wrong with it.

#[test]
fn a_circular_or_cut_list_of_threads_ends_with_a_note() {
    let machine = Machine::load("cortex-m4");
    let next = 80 - 4;
    let patched = |at: u64, value: u32| {
        let mut ram = machine.ram.clone();
        let at = (at - machine.ram_addr) as usize;
        ram[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let mut stream = machine.stream(1, 3);
        machine.registers(&mut stream);
        stream.memory(machine.ram_addr, &ram);
        open_with(&machine, stream.bytes())
    };
    let [main, _, logging] = [0, 1, 2].map(|n| machine.threads[n].0);
    let offset = (0..machine.thread_len)
        .step_by(4)
        .find(|at| machine.memory(logging + at, 4) == (main as u32).to_le_bytes())
        .expect("logging is followed by main");
    assert!(offset > next - 40);
    let opened = patched(main + offset, logging as u32);
    assert_note(&opened, "the list of threads is damaged: it comes back to");
    assert_eq!(opened.dump.threads.len(), 3);
    let opened = patched(logging + offset, 0x1234_5678);
    assert_note(&opened, "is not in the dump");
    assert!(crashed(&opened).name.as_deref() == Some("main"));
}

#[test]
fn an_elf_file_of_another_build_is_doubted() {
    let (machine, other) = (Machine::load("cortex-m4"), Machine::load("cortex-m4f"));
    let mut stream = machine.stream(1, 3);
    let mut registers = machine.words[..17].to_vec();
    registers[6] = 0x0800_1234;
    stream.registers(2, &words(&registers, 4));
    machine.minimal(&mut stream);
    let opened = open_bytes("dump", stream.bytes(), &with_elf(&other)).expect("it opens");
    assert_note(&opened, "another build");
}

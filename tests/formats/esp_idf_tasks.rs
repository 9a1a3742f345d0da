//! ESP-IDF core dumps made up task by task: both kinds of body, both architectures, damaged tasks,
//! interrupts, chips and versions of which there is no real dump here.

use crate::support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::esp::{self, ElfTask, Task};
use support::{fixture, names, note_with, open_bytes, opened, plain, refused};

fn xtensa_tasks() -> Vec<Task> {
    let crashed = Task {
        name: "sensor",
        tcb_addr: 0x3ffb_1000,
        stack_start: 0x3ffb_2f00,
        frame: esp::xtensa_crash_frame(0x400d_1234, 0x3ffb_2fa0, 28, 0x10),
        stack_low: 0x3ffb_2000,
        stack_end: 0x3ffb_3000,
        top: Some(0x3ffb_2e80),
        priority: 5,
        core: Some(1),
    };
    let waiting = Task {
        name: "net",
        tcb_addr: 0x3ffb_1200,
        stack_start: 0x3ffb_4f00,
        frame: esp::xtensa_solicited_frame(0x800d_2222, 0x3ffb_4f40),
        stack_low: 0x3ffb_4000,
        stack_end: 0x3ffb_5000,
        top: None,
        priority: 3,
        core: Some(0x7fff_ffff),
    };
    vec![crashed, waiting]
}

#[test]
fn binary_bodies_of_all_versions_keep_tasks_and_memory_segments() {
    let tasks = xtensa_tasks();
    let segments = vec![(0x3ffb_8000, b"tagged variables".to_vec()), (0x5000_0000, vec![7; 32])];
    for version in [0x0002, 0x0003] {
        let body = esp::binary_body(&tasks, &segments);
        let counts = [2, esp::TCB_LEN as u32, 2];
        let opened = opened(esp::image(version, counts, 300, &body, 32));
        check_binary(&opened);
        let memory = &opened.dump.memory;
        assert_eq!(memory.bytes(0x3ffb_8000, 16).unwrap(), "tagged variables");
        assert_eq!(memory.bytes(0x5000_0000, 32).unwrap(), vec![7; 32]);
        assert_eq!(memory.region_at(0x3ffb_8000).unwrap().name.as_deref(), Some("DRAM"));
    }
    let body = esp::binary_body(&tasks, &[]);
    let counts = [2, esp::TCB_LEN as u32, 0];
    check_binary(&opened(esp::image(0x0001, counts, 0, &body, 4)));
    check_binary(&opened(esp::old_image(2, counts[1], &body, true)));
    check_binary(&opened(esp::old_image(2, counts[1], &body, false)));
    let mut on_uart = esp::image(0x0001, counts, 0, &body, 4);
    on_uart.truncate(on_uart.len() - 4);
    let total = on_uart.len() as u32;
    on_uart[..4].copy_from_slice(&total.to_le_bytes());
    let on_uart = opened(on_uart);
    check_binary(&on_uart);
    assert!(on_uart.dump.format.contains("no checksum"), "{}", on_uart.dump.format);
}

fn check_binary(opened: &Opened) {
    let title = &opened.dump.format;
    assert_eq!(names(opened), ["sensor", "net"], "{title}");
    let crashed = &opened.dump.threads[0];
    assert!(crashed.crashed, "{title}");
    assert_eq!(crashed.registers.pc(), Some(0x400d_1234));
    assert_eq!(crashed.registers.sp(), Some(0x3ffb_2fa0));
    assert_eq!(crashed.registers.by_name("a15"), Some(0xa00f));
    assert_eq!(crashed.registers.by_name("exccause"), Some(28));
    assert_eq!(crashed.registers.by_name("excvaddr"), Some(0x10));
    assert_eq!(crashed.registers.by_name("lcount"), Some(3));
    assert_eq!((crashed.priority, crashed.core), (Some(5), Some(1)));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    assert!(opened.dump.reason.words.contains("LoadProhibited"), "{}", opened.dump.reason.words);

    let waiting = &opened.dump.threads[1];
    assert_eq!(waiting.registers.pc(), Some(0x400d_2222), "top bits are the window's size");
    assert_eq!(waiting.registers.by_name("a3"), Some(0x3ffb_0003));
    assert_eq!(waiting.registers.by_name("a4"), None, "not saved by a voluntary switch");
    assert_eq!(waiting.registers.by_name("sar"), None);
    assert!(waiting.registers.why_missing().unwrap().contains("voluntary"));
    assert_eq!(waiting.core, None, "no affinity");
    assert_eq!(waiting.stack_used(), Some(0x100), "with what the switch saved");
}

#[test]
fn the_s2_has_no_loop_registers_in_its_frame() {
    let mut tasks = xtensa_tasks();
    tasks.truncate(1);
    let body = esp::binary_body(&tasks, &[]);
    let opened = opened(esp::image(2 << 16 | 3, [1, esp::TCB_LEN as u32, 0], 0, &body, 32));
    let registers = &opened.dump.threads[0].registers;
    assert_eq!(opened.dump.arch.name, "xtensa-esp32s2");
    assert_eq!(registers.pc(), Some(0x400d_1234));
    assert_eq!(registers.by_name("lbeg"), None);
    assert_eq!(registers.by_name("exccause"), Some(28));
}

fn riscv_tasks() -> Vec<Task> {
    let crashed = Task {
        name: "main",
        tcb_addr: 0x4081_0000,
        stack_start: 0x4081_1f00,
        frame: esp::riscv_frame(0x4200_1234, 0x4081_1fa0, Some([0x1881, 0x4080_0001, 5, 0x44, 0])),
        stack_low: 0x4081_1000,
        stack_end: 0x4081_2000,
        top: Some(0x4081_1e00),
        priority: 1,
        core: None,
    };
    let never_ran = Task {
        name: "late",
        tcb_addr: 0x4081_0400,
        stack_start: 0x4081_3f00,
        frame: esp::riscv_frame(0x4200_5678, 0, None),
        stack_low: 0x4081_3000,
        stack_end: 0x4081_4000,
        top: None,
        priority: 2,
        core: None,
    };
    vec![crashed, never_ran]
}

#[test]
fn riscv_frames_give_the_trap_registers_of_the_crashed_task_only() {
    let body = esp::binary_body(&riscv_tasks(), &[]);
    let opened = opened(esp::image(13 << 16 | 3, [2, esp::TCB_LEN as u32, 0], 1, &body, 32));
    let crashed = &opened.dump.threads[0].registers;
    assert_eq!((crashed.by_name("mcause"), crashed.by_name("mtval")), (Some(5), Some(0x44)));
    assert_eq!(crashed.by_name("mtvec"), Some(0x4080_0001));
    assert_eq!(crashed.by_name("t6"), Some(0xb01f));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    assert!(opened.dump.reason.words.starts_with("load access fault: 0x44"));
    let late = &opened.dump.threads[1];
    assert_eq!(late.registers.by_name("mcause"), None);
    assert_eq!(late.registers.sp(), Some(0x4081_3f80), "its saved sp is 0");
    assert!(late.remarks.iter().any(|remark| remark == "never ran"));
}

/// Since 5.4 a dump can hold all of DRAM: then stacks have no segments of their own.
#[test]
fn stacks_are_found_inside_a_segment_of_all_dram() {
    let base = 0x4080_8000u32;
    let mut dram = vec![0u8; 0x2_0000];
    let mut tasks = riscv_tasks();
    tasks[1].frame[2] = 0x4081_3f80;
    esp::put_frame(&mut dram, base, 0x4081_1fa0 - 160, &tasks[0].frame);
    esp::put_frame(&mut dram, base, tasks[1].stack_start, &tasks[1].frame);
    for task in &tasks {
        let tcb = esp::binary_body(std::slice::from_ref(task), &[])[12..12 + esp::TCB_LEN].to_vec();
        let at = (task.tcb_addr - base) as usize;
        dram[at..at + tcb.len()].copy_from_slice(&tcb);
    }
    let tasks: Vec<ElfTask> = tasks
        .into_iter()
        .map(|task| ElfTask { registers: task.frame[..32].to_vec(), task, own_stack: false })
        .collect();
    let version = 13 << 16 | 0x0103;
    let details = ["assert failed: sensor_read sensor.c:42 (fd >= 0)", "second text"];
    let memory = [(base, dram)];
    let body = esp::elf_body(243, version, &tasks, &memory, &[0x4081_0000, 0], &details);
    let opened = opened(esp::image(version, [0; 3], 1, &body, 32));
    plain(&opened, "ESP-IDF ELF core 0x0103, SHA-256 ok, esp32c6", &["main", "late"]);
    let crashed = &opened.dump.threads[0];
    assert_eq!(crashed.registers.by_name("mcause"), Some(5));
    assert_eq!(crashed.stack_used(), Some(0x60));
    assert_eq!(opened.dump.threads[1].registers.pc(), Some(0x4200_5678));
    assert_eq!(opened.dump.threads[1].stack.map(|stack| stack.high), Some(0x4081_4000));
    assert_eq!(opened.dump.texts, details);
    assert_eq!(opened.dump.reason.words, details[0]);
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
}

/// The device fills one register note after the other in the same buffer.
#[test]
fn what_a_voluntary_switch_did_not_save_is_not_taken_from_the_task_before() {
    let tasks: Vec<ElfTask> = xtensa_tasks()
        .into_iter()
        .map(|task| ElfTask {
            registers: (0..17)
                .map(|n| if n == 2 { task.stack_start + 0x40 } else { 0xdead_0000 + n })
                .collect(),
            task,
            own_stack: true,
        })
        .collect();
    // EXCCAUSE 29, EXCVADDR 4, EPC1, EPS2; then empty pairs, then the interrupt flag.
    let mut extra = vec![0x3ffb_1000, 232, 29, 238, 4, 177, 0x400d_0001, 194, 7];
    extra.resize(37, 0);
    extra.push(0);
    let version = 0x0102;
    let body = esp::elf_body(94, version, &tasks, &[], &extra, &[]);
    let opened = opened(esp::image(version, [0; 3], 300, &body, 32));
    let [crashed, waiting] = &opened.dump.threads[..] else { panic!("two tasks") };
    assert_eq!(crashed.registers.by_name("exccause"), Some(29));
    assert_eq!(crashed.registers.by_name("excvaddr"), Some(4));
    assert_eq!(crashed.registers.by_name("epc1"), Some(0x400d_0001));
    assert_eq!(crashed.registers.by_name("eps2"), Some(7));
    assert_eq!(crashed.registers.by_name("eps3"), None);
    assert!(
        opened.dump.reason.words.starts_with("StoreProhibited"),
        "{}",
        opened.dump.reason.words
    );
    assert_eq!(waiting.registers.pc(), Some(0x400d_2222));
    assert_eq!(waiting.registers.by_name("a2"), Some(0x3ffb_0002));
    assert_eq!(waiting.registers.by_name("a4"), None);
    assert_eq!(waiting.registers.by_name("exccause"), None);
}

#[test]
fn a_crashed_task_that_could_not_be_dumped_is_told() {
    let tasks: Vec<ElfTask> = riscv_tasks()
        .into_iter()
        .skip(1)
        .map(|task| ElfTask { registers: task.frame[..32].to_vec(), task, own_stack: true })
        .collect();
    let version = 13 << 16 | 0x0104;
    let body = esp::elf_body(243, version, &tasks, &[], &[0xdead_beef, 0], &[]);
    let opened = opened(esp::image(version, [0; 3], 1, &body, 32));
    assert!(opened.dump.crashed().is_none());
    note_with(&opened, "could not dump the task that crashed");
}

#[test]
fn a_crash_in_an_interrupt_shows_the_handler_and_the_interrupted_task() {
    let mut tasks = riscv_tasks();
    // The exception frame lies on the interrupt stack; the task's own is a memory segment.
    tasks[0].stack_start = 0x4080_5f00;
    tasks[0].stack_end = 0x4081_2000;
    let mut own = Vec::new();
    for word in esp::riscv_frame(0x4200_9999, 0x4081_1e80, None) {
        own.extend(word.to_le_bytes());
    }
    own.resize(0x200, 0);
    let mut body = esp::binary_body(&tasks[..1], &[(0x4081_1e00, own)]);
    // The saved stack is that of the interrupt: its end is not the task's.
    let isr_end = 0x4080_6000u32;
    body[8..12].copy_from_slice(&isr_end.to_le_bytes());
    let keep = 12 + esp::TCB_LEN;
    body.drain(keep + 0x100..keep + (0x4081_2000 - 0x4080_5f00) as usize);
    let opened = opened(esp::image(13 << 16 | 3, [1, esp::TCB_LEN as u32, 1], 1, &body, 32));
    let [handler, task] = &opened.dump.threads[..] else { panic!("two contexts") };
    assert!(handler.crashed && !task.crashed);
    assert_eq!(handler.registers.pc(), Some(0x4200_1234));
    assert_eq!(handler.state.as_deref(), Some("in an interrupt"));
    assert_eq!(task.registers.pc(), Some(0x4200_9999));
    assert_eq!(task.state.as_deref(), Some("interrupted"));
    assert_ne!(handler.id, task.id);
}

#[test]
fn a_task_with_a_fake_stack_is_named_as_corrupted_and_shows_no_registers() {
    let mut tasks = riscv_tasks();
    tasks[1].stack_start = 0x2000_0000;
    tasks[1].stack_end = 0x2000_0094;
    tasks[1].frame = esp::riscv_frame(0x2000_0000, 0x2000_0094, None);
    tasks[1].top = Some(0x0000_0007);
    let body = esp::binary_body(&tasks, &[]);
    let opened = opened(esp::image(13 << 16 | 3, [2, esp::TCB_LEN as u32, 0], 1, &body, 32));
    let broken = &opened.dump.threads[1];
    assert_eq!(broken.name.as_deref(), Some("late"));
    assert!(!broken.registers.any_known());
    assert!(broken.remarks[0].contains("corrupted") && broken.remarks[0].contains("0x7"));
    assert!(opened.dump.memory.region_at(0x2000_0000).is_none(), "a stand-in is no memory");
}

#[test]
fn an_unknown_chip_is_opened_by_what_the_elf_core_is_for_or_with_the_users_word() {
    let Some(raw) = fixture("espressif/esp32c3/coredump.raw") else { return };
    let binary = esp::binary_body(&riscv_tasks(), &[]);
    let binary = esp::image(77 << 16 | 3, [2, esp::TCB_LEN as u32, 0], 1, &binary, 32);
    assert!(refused(binary.clone()).contains("not a dump that is known here"));
    let mut told = Options::default().target("esp32c6");
    told.place.format = Some("esp-idf".into());

    assert_eq!(open_bytes(binary, &told).unwrap().dump.threads.len(), 2);

    let opened = opened(esp::image(77 << 16 | 0x0102, [0; 3], 3, &raw[24..raw.len() - 4], 32));
    assert_eq!(opened.dump.arch.name, "riscv32");
    note_with(&opened, "chip id 77");
}

#[test]
fn overlapping_segments_agree_or_are_noted() {
    let tasks = riscv_tasks();
    let twin = esp::binary_body(&tasks[..1], &[])[12..12 + esp::TCB_LEN].to_vec();
    let image = |segment: &[u8]| {
        let body = esp::binary_body(&tasks, &[(0x4081_0000, segment.to_vec())]);
        esp::image(13 << 16 | 3, [2, esp::TCB_LEN as u32, 1], 1, &body, 32)
    };
    plain(
        &opened(image(&twin)),
        "ESP-IDF binary core 0x0003, CRC-32 ok, esp32c6",
        &["main", "late"],
    );
    let mut other = twin;
    other[200] ^= 1;
    note_with(&opened(image(&other)), "differs in 1 bytes, first at 0x408100c8");
}

#[test]
fn inputs_that_are_no_dump_are_refused_with_what_they_are() {
    assert!(refused(Vec::new()).contains("it is empty"));
    assert!(refused(vec![0xff; 5000]).contains("erased flash"));
    assert!(refused(b"hello\n".to_vec()).contains("tried: "));
    let Some(elf) = fixture("espressif/esp32c3/esp32c3.elf") else { return };
    let error = refused(elf);
    assert!(error.contains("it is a program") && error.contains("--elf"), "{error}");
}

//! Opening dumps: detection, a flash image of 4 MiB, a dump of 64 MiB, reading memory.
//!
//! `cargo bench --bench open`. The dumps are made here, by the same code as the tests' ones.

#[path = "../tests/support/mod.rs"]
mod support;

use bytes::Bytes;
use coroner::open::{Options, open};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;
use support::esp::{self, Task};
use support::{Numbers, open_bytes};

fn tasks() -> Vec<Task> {
    let task = |n: u32| Task {
        name: "task",
        tcb_addr: 0x4080_0000 + n * 0x400,
        stack_start: 0x4081_0f00 + n * 0x1000,
        frame: esp::riscv_frame(0x4200_0000 + n, 0x4081_0fa0 + n * 0x1000, Some([0, 0, 5, 4, 0])),
        stack_low: 0x4081_0000 + n * 0x1000,
        stack_end: 0x4081_1000 + n * 0x1000,
        top: (n == 0).then_some(0x4081_0e00),
        priority: n,
        core: None,
    };
    (0..16).map(task).collect()
}

/// A dump of 16 tasks and `segments` memory segments of `len` bytes each.
fn dump(segments: usize, len: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(42);
    let noise: Vec<u8> = (0..len).map(|_| numbers.below(256) as u8).collect();
    let segment = |n: usize| (0x5000_0000 + (n * (len + 16)) as u32, noise.clone());
    let segments: Vec<_> = (0..segments).map(segment).collect();
    let body = esp::binary_body(&tasks(), &segments);
    let counts = [16, esp::TCB_LEN as u32, segments.len() as u32];
    esp::image(13 << 16 | 3, counts, 1, &body, 32)
}

/// The dump as a bare ELF core of one large segment: no checksum, so nothing makes us read it.
fn large_elf_core(len: usize) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let mut note = words(&[5, 72, 8266]);
    note.extend(*b"ESP_CORE_DUMP_INFO\0\0");
    note[..4].copy_from_slice(&19u32.to_le_bytes());
    note.extend(words(&[13 << 16 | 0x0104]));
    note.resize(12 + 20 + 72, 0);
    let mut prstatus = words(&[5, 204, 1]);
    prstatus.extend(*b"CORE\0\0\0\0");
    let mut desc = vec![0; 204];
    desc[24..28].copy_from_slice(&0x4080_0000u32.to_le_bytes());
    prstatus.extend(desc);
    let notes = [prstatus, note].concat();
    let at = 52 + 64;
    let mut core = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 243, 0];
    core.extend(words(&[1, 0, 52, 0, 0]));
    core.extend([52, 0, 32, 0, 2, 0, 40, 0, 0, 0, 0, 0]);
    core.extend(words(&[4, at, 0, 0, notes.len() as u32, notes.len() as u32, 6, 0]));
    let data = at + notes.len() as u32;
    core.extend(words(&[1, data, 0x4080_0000, 0, len as u32, len as u32, 6, 0]));
    core.extend(notes);
    core.resize(core.len() + len, 0x5a);
    core
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("coroner-bench-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn opening(c: &mut Criterion) {
    let small = dump(4, 1024);
    let table = [esp::partition(1, 3, 0x110000, 0x10000, "coredump", 0)];
    let flash = file("flash.bin", &esp::flash(4 << 20, 0x8000, &table, &[(0x110000, &small)]));
    let large = file("large.bin", &dump(1024, 64 * 1024));
    let core = file("large.core", &large_elf_core(64 << 20));
    let options = Options::default();

    let mut group = c.benchmark_group("open");
    group.bench_function("image 30 KB, in memory", |b| {
        let bytes = Bytes::from(small.clone());
        b.iter(|| black_box(open_bytes(bytes.clone(), &options).unwrap()));
    });
    group.bench_function("flash image 4 MiB, file", |b| {
        b.iter(|| black_box(open(std::slice::from_ref(&flash), &options).unwrap()));
    });
    let before = peak_memory_kib();
    group.bench_function("ELF core 64 MiB, file", |b| {
        b.iter(|| black_box(open(std::slice::from_ref(&core), &options).unwrap()));
    });
    let opened = open(std::slice::from_ref(&core), &options).unwrap();
    println!(
        "resident memory with the 64 MiB core open: {} KiB more than before",
        peak_memory_kib().saturating_sub(before)
    );
    drop(opened);
    group.sample_size(10);
    group.bench_function("image 64 MiB with CRC-32, 1024 segments, file", |b| {
        b.iter(|| black_box(open(std::slice::from_ref(&large), &options).unwrap()));
    });
    group.finish();

    let mut group = c.benchmark_group("detection");
    let log = esp::console_log(&small, |n| format!("[12:00:{n}] "), &["I (1) wifi: up"]);
    let noisy = ["boot: nothing to see here\r\n".repeat(40_000), log].concat();
    group.bench_function("console log with 1 MiB of noise", |b| {
        let bytes = Bytes::from(noisy.clone());
        b.iter(|| black_box(open_bytes(bytes.clone(), &options).unwrap()));
    });
    let text = include_str!("../tests/cases/esp-panic/riscv/input.txt");
    let crash = ["boot: nothing to see here\r\n".repeat(40_000), text.to_string()].concat();
    group.bench_function("crash text behind 1 MiB of noise", |b| {
        let bytes = Bytes::from(crash.clone());
        b.iter(|| black_box(open_bytes(bytes.clone(), &options).unwrap()));
    });
    let stamped: String = (0..)
        .zip(crash.lines())
        .map(|(n, line)| {
            format!("[2026-03-14 {:02}:{:02}:{:02}] {line}\n", n / 3600, n / 60 % 60, n % 60)
        })
        .collect();
    group.bench_function("the same with time stamps", |b| {
        let bytes = Bytes::from(stamped.clone());
        b.iter(|| black_box(open_bytes(bytes.clone(), &options).unwrap()));
    });
    group.bench_function("1 MiB of noise that is no dump", |b| {
        let mut numbers = Numbers::new(3);
        let noise: Vec<u8> = (0..1 << 20).map(|_| numbers.below(256) as u8).collect();
        let bytes = Bytes::from(noise);
        b.iter(|| black_box(open_bytes(bytes.clone(), &options).is_err()));
    });
    group.finish();
    for path in [flash, large, core] {
        // A file of ours in the folder for such: what is left of it does no harm.
        let _ = std::fs::remove_file(path);
    }
}

fn memory(c: &mut Criterion) {
    let opened = open_bytes(dump(8192, 1024), &Options::default()).unwrap();
    let memory = &opened.dump.memory;
    let mut group = c.benchmark_group("memory, 8192 regions");
    for len in [4usize, 512, 1024] {
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("read {len} bytes"), |b| {
            let mut numbers = Numbers::new(9);
            let mut buf = vec![0; len];
            b.iter(|| {
                let region = numbers.below(8192) as u64;
                let addr = 0x5000_0000 + region * (1024 + 16);
                black_box(memory.read(addr, &mut buf))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, opening, memory);
criterion_main!(benches);

//! Damaged Zephyr dumps in every form: cut anywhere, bits flipped. No panic, no hang, an error that
//! names an offset; and what is shown of a cut dump is what the device had.

use crate::support::formats;
use crate::support::zephyr;
use coroner::open::Options;
use formats::{open_bytes, try_all_prefixes, try_bit_flips};
use zephyr::{MACHINES, Machine, console};

/// A dump with every kind of block.
fn everything(machine: &Machine) -> zephyr::Stream {
    let mut stream = machine.stream(2, 25);
    machine.registers(&mut stream);
    stream.cpu(0, machine.threads[0].0, &[]);
    machine.all_threads(&mut stream);
    machine.more.iter().for_each(|(addr, bytes)| stream.memory(*addr, bytes));
    stream.checksum();
    stream
}

fn forms(machine: &Machine) -> Vec<(&'static str, Vec<u8>)> {
    let stream = everything(machine);
    vec![
        ("stream", stream.bytes()),
        ("log", console(&stream.log())),
        ("flash", stream.flash(16)),
        ("retained", stream.retained(0)),
        ("in memory", stream.in_memory(0x4000)),
        ("ADSP", stream.adsp(0x1000)),
        ("UDP", stream.datagrams().concat()),
        ("Spotflow", stream.spotflow([7; 20]).concat()),
    ]
}

fn with_elf(machine: &Machine) -> Options {
    Options::default().elf([machine.elf.clone()]).any_elf(true)
}

#[test]
fn every_prefix_of_every_form_opens_or_fails_with_an_offset() {
    let machine = Machine::load("cortex-m4f");
    for (form, bytes) in forms(&machine) {
        try_all_prefixes(form, &bytes, &Options::default());
    }
}

#[test]
fn flipped_bits_in_every_form_do_no_more_than_spoil_it() {
    let machine = Machine::load("riscv64");
    for (form, bytes) in forms(&machine) {
        try_bit_flips(form, &bytes, &Options::default());
    }
}

#[test]
fn flipped_bits_do_not_disturb_the_walk_through_the_kernels_structures() {
    for name in MACHINES {
        let machine = Machine::load(name);
        for bytes in [machine.usual().bytes(), everything(&machine).bytes()] {
            try_bit_flips(name, &bytes, &with_elf(&machine));
        }
    }
}

#[test]
fn a_damaged_elf_file_beside_a_dump_does_no_harm() {
    let machine = Machine::load("riscv64");
    let elf = std::fs::read(&machine.elf).expect("part of the project");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join("damaged.elf");
    let dump = machine.usual().bytes();
    let debug = elf.len() / 3;
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..300 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut damaged = elf.clone();
        for step in 0..4 {
            let at = debug + (random >> (8 * step)) as usize % (elf.len() - debug);
            damaged[at] ^= 1 << (random % 8);
        }
        std::fs::write(&path, &damaged).expect("room for a file");
        let mut options = Options::default().elf([path.clone()]);
        options.place.no_mmap = true;

        // It opens, or says what is wrong with the ELF file.
        let _ = open_bytes("dump", dump.clone(), &options);
    }
}

#[test]
fn what_is_shown_of_a_cut_dump_is_what_the_device_had() {
    let machine = Machine::load("x86");
    let force = Options::default().force(true);
    for (form, bytes) in forms(&machine) {
        for len in (0..bytes.len()).step_by(bytes.len() / 97) {
            let Ok(opened) = open_bytes(form, bytes[..len].to_vec(), &force) else { continue };
            for region in opened.dump.memory.regions() {
                let truth = machine.memory(region.start, region.bytes.len() as u64);
                assert!(*region.bytes == *truth, "{form} cut to {len}: {:#x}", region.start);
            }
        }
    }
}

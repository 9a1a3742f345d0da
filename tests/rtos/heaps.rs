//! Heaps of real allocators in plain RAM, against what the allocators said themselves; damaged ones.

use crate::support::rtos;
use coroner::heap::{self, Heap, Kind};
use coroner::input::Input;
use coroner::memory::{Memory, Region};
use coroner::open::{Opened, Options, open_inputs};
use rtos::{Crash, MACHINES, Machine};

fn open(crash: &Crash, machine: &Machine, ram: Vec<u8>) -> Opened {
    let ram = Input { name: "ram".into(), bytes: ram.into(), addr: Some(machine.ram.into()) };
    open_inputs(&[ram], &Options::default().elf([crash.elf.clone()])).expect("plain memory")
}

fn heaps(opened: &Opened) -> Vec<Heap> {
    heap::find(&opened.dump, opened.firmware.as_ref().expect("it was given"))
}

fn ram(crash: &Crash) -> Vec<u8> {
    std::fs::read(&crash.ram).expect("just written")
}

/// The word at `index` of a variable.
fn variable(crash: &Crash, machine: &Machine, name: &str, index: u64) -> u64 {
    let len = machine.word_len();
    let at = rtos::symbol(&crash.elf, name) + index * len as u64 - u64::from(machine.ram);
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&ram(crash)[at as usize..at as usize + len]);
    u64::from_le_bytes(bytes)
}

fn sum(heaps: &[Heap], what: impl Fn(&Heap) -> u64) -> u64 {
    heaps.iter().map(what).sum()
}

#[test]
fn freertos_heaps_are_as_their_own_functions_say() {
    for kernel in ["freertos-heap-1", "freertos-heap-2", "freertos-heap-4", "freertos-heap-5"] {
        for machine in &MACHINES {
            let Some(crash) = rtos::crash(kernel, machine) else { return };
            let what = format!("{kernel} on {}", machine.name);
            let opened = open(&crash, machine, ram(&crash));
            let heaps = heaps(&opened);
            assert_eq!(heaps.len(), if kernel.ends_with('5') { 2 } else { 1 }, "{what}");
            let told = |index| variable(&crash, machine, "told", index);
            for heap in &heaps {
                assert_eq!(heap.allocator.replace("FreeRTOS heap_", "freertos-heap-"), kernel);
                assert_eq!((heap.damage.as_slice(), &heap.incomplete), (&[][..], &None), "{what}");
                let all = heap.end.low() - heap.start.low();
                assert_eq!(heap.used.expect("it is whole") + heap.free, all, "{what}");
            }
            // heap_1 counts without what it lost to the alignment at the end.
            if !kernel.ends_with('1') {
                assert_eq!(sum(&heaps, |heap| heap.free), told(0), "{what}");
                let used = sum(&heaps, |heap| heap.used_blocks.expect("it is whole"));
                assert_eq!(used, variable(&crash, machine, "in_use", 0), "{what}");
            }
            let largest = heaps.iter().map(|heap| heap.largest_free).max();
            let header = heaps[0].blocks[0].header;
            if kernel.ends_with('4') || kernel.ends_with('5') {
                assert_eq!(largest, Some(told(1) - header), "{what}");
            }
            if kernel.ends_with('4') {
                assert_eq!(heaps[0].free_blocks, told(2), "{what}");
                assert_eq!(heaps[0].least_free, Some(told(3)), "{what}");
            }
            let words = |addr| heap::place(&heaps, addr).expect("it is in a heap").words();
            let kept = variable(&crash, machine, "kept", 0);
            if kernel.ends_with('1') {
                assert!(words(kept).contains("in use, in blocks that are not recorded"));
                continue;
            }
            let block = heap::place(&heaps, kept).and_then(|place| place.block).unwrap();
            assert!(block.kind == Kind::Used && (40..72).contains(&block.room()), "{what}");
            let room = block.room();
            assert_eq!(words(kept + 24), format!("24 bytes into a block of {room} bytes in use"));
            assert_eq!(words(kept), format!("the start of a block of {room} bytes in use"));
            assert_eq!(words(kept - 1), format!("in the header of a block of {room} bytes in use"));
            let given_back = words(variable(&crash, machine, "given_back", 0) + 8);
            assert!(given_back.contains("into a free block of "), "{what}: {given_back}");
        }
    }
}

#[test]
fn the_heaps_of_c_libraries_are_as_mallinfo_says() {
    for library in ["libc-heap-newlib", "libc-heap-nano", "libc-heap-picolibc"] {
        for machine in MACHINES.iter().filter(|machine| machine.is_arm()) {
            let Some(crash) = rtos::crash(library, machine) else { continue };
            let what = format!("{library} on {}", machine.name);
            let heaps = heaps(&open(&crash, machine, ram(&crash)));
            let [heap] = heaps.as_slice() else { panic!("{what}: {heaps:?}") };
            assert_eq!(heap.damage, [], "{what}");
            let used = heap.blocks.iter().filter(|block| block.kind == Kind::Used);
            let sum: u64 = used.clone().map(|block| block.len).sum();
            assert_eq!(used.count() as u64, variable(&crash, machine, "in_use", 0), "{what}");
            let ends = heap.incomplete.is_none();
            assert!(ends && heap.used == Some(sum), "{what}: {:?}", heap.incomplete);
            if library != "libc-heap-picolibc" {
                assert_eq!(sum, variable(&crash, machine, "told", 0), "{what}");
                assert_eq!(heap.free, variable(&crash, machine, "told", 1), "{what}");
            }
            let words = |addr| heap::place(&heaps, addr).expect("it is in a heap").words();
            let kept = variable(&crash, machine, "kept", 0);
            assert!(
                words(kept).starts_with("the start of a block of 4"),
                "{what}: {}",
                words(kept)
            );
            assert!(words(kept + 24).starts_with("24 bytes into a block of 4"), "{what}");
            let given_back = words(variable(&crash, machine, "given_back", 0) + 8);
            assert!(given_back.contains("into a free block of "), "{what}: {given_back}");
        }
    }
}

/// Laid out by a program of our own.
#[test]
fn zephyrs_heaps_and_slabs_are_as_they_were_laid_out() {
    // On a Cortex-M0 GCC wants memcpy, and there is none.
    let machines = MACHINES.iter().filter(|m| m.word_len() == 4 && m.name != "cortex-m0");
    for machine in machines {
        let Some(crash) = rtos::crash("zephyr-heap", machine) else { return };
        let heaps = heaps(&open(&crash, machine, ram(&crash)));
        let [heap, slab] = heaps.as_slice() else { panic!("{heaps:?}") };
        let what = (heap.allocator, heap.name.as_str(), heap.damage.len());
        assert_eq!(what, ("Zephyr sys_heap", "_system_heap", 0), "{heap:?}");
        assert_eq!((heap.used, heap.used_blocks), (Some(8 * (4 + 8 + 10)), Some(3)));
        assert_eq!((heap.free, heap.free_blocks, heap.largest_free), (8 * 23, 2, 8 * 20 - 4));
        assert_eq!(heap.fragmentation, Some(13));
        assert_eq!((slab.name.as_str(), slab.used, slab.free), ("packets", Some(64), 128));
        let words = |name| {
            let addr = variable(&crash, machine, name, 0);
            heap::place(&heaps, addr + 8).expect("it is in the heap").words()
        };
        assert_eq!(words("kept"), "8 bytes into a block of 60 bytes in use");
        assert_eq!(words("given_back"), "8 bytes into a free block of 20 bytes");
    }
}

#[test]
fn a_header_that_a_text_ran_over_is_told_with_the_block_that_the_text_begins_in() {
    let machine = &MACHINES[1];
    let Some(crash) = rtos::crash("freertos-heap-4", machine) else { return };
    let kept = variable(&crash, machine, "kept", 0);
    let last = variable(&crash, machine, "last", 0);
    let mut ram = ram(&crash);
    let at = (kept - u64::from(machine.ram)) as usize;
    ram[at..at + 56].copy_from_slice(b"temperature of the outer sensor: 21.5 degrees, humidity!");
    let opened = open(&crash, machine, ram);
    let heaps = heaps(&opened);
    let [damage] = heaps[0].damage.as_slice() else { panic!("{:?}", heaps[0].damage) };
    assert_eq!(damage.at.low(), last - 8);
    let begins = format!("; this begins in a block of 40 bytes in use at {kept:#x}");
    let text = "is overwritten with text, \"";
    assert!(damage.words.contains(text) && damage.words.ends_with(&begins), "{}", damage.words);
    assert_eq!(heaps[0].used, None);
    let place = heap::place(&heaps, last + 24).expect("it is in the heap").words();
    assert!(place.starts_with("in the heap; the header at ") && place.contains(text), "{place}");
    let before = heap::place(&heaps, kept + 4).expect("it is in the heap").words();
    assert!(before.contains("; after it the header at "), "{before}");
}

/// Whatever is written over headers: words, no panic, an end.
#[test]
fn every_header_of_every_heap_may_be_damaged() {
    let libraries = ["libc-heap-newlib", "libc-heap-nano", "libc-heap-picolibc"];
    let kernels = ["freertos-heap-1", "freertos-heap-2", "freertos-heap-4", "freertos-heap-5"];
    for kernel in kernels.into_iter().chain(libraries).chain(["zephyr-heap"]) {
        for machine in [&MACHINES[1], &MACHINES[5]] {
            if !kernel.starts_with("freertos") && !machine.is_arm() {
                continue;
            }
            let Some(crash) = rtos::crash(kernel, machine) else { return };
            damage_all(&crash, machine, &ram(&crash), kernel);
        }
    }
}

fn damage_all(crash: &Crash, machine: &Machine, ram: &[u8], what: &str) {
    let opened = open(crash, machine, ram.to_vec());
    let blocks: Vec<heap::Block> =
        heaps(&opened).iter().flat_map(|heap| heap.blocks.clone()).collect();
    let word = machine.word_len();
    for block in blocks.iter().filter(|block| block.header > 0) {
        for bytes in [[0u8; 8], [0xff; 8], *b"ABCDEFGH", [8, 0, 0, 0, 8, 0, 0, 0]] {
            for field in (0..block.header).step_by(word) {
                let mut ram = ram.to_vec();
                let at = (block.at + field - u64::from(machine.ram)) as usize;
                ram[at..at + word].copy_from_slice(&bytes[..word]);
                let mut dump = opened.dump.clone();
                dump.memory = Memory::new();
                dump.memory.insert(Region::dumped(machine.ram.into(), ram.into()));
                for heap in &heap::find(&dump, opened.firmware.as_ref().expect("it was given")) {
                    let len: u64 = heap.blocks.iter().map(|block| block.len).sum();
                    assert!(len <= heap.end.low() - heap.start.low(), "{what}");
                    let ends = heap.blocks.windows(2).all(|two| two[0].end() <= two[1].at);
                    assert!(ends, "{what}: blocks overlap");
                    assert!(heap.damage.iter().all(|damage| !damage.words.is_empty()), "{what}");
                }
            }
        }
    }
}

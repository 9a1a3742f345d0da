//! What tasks wait for, by name: on FreeRTOS' own kernel under QEMU.

use crate::support::rtos;
use coroner::dump::{Dump, Wait};
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};
use rtos::{Crash, MACHINES, Machine};

fn open(crash: &Crash, machine: &Machine, ram: Vec<u8>) -> Opened {
    let registers = std::fs::read(&crash.registers).expect("just written").into();
    let ram = Input { name: "ram".into(), bytes: ram.into(), addr: Some(machine.ram.into()) };
    let registers = Input { name: "registers".into(), bytes: registers, addr: None };
    let options = Options::default().elf([crash.elf.clone()]);
    open_inputs(&[ram, registers], &options).unwrap_or_else(|error| panic!("{error}"))
}

/// The machines with room for so many stacks.
fn machines() -> impl Iterator<Item = &'static Machine> {
    MACHINES.iter().filter(|machine| machine.word_len() == 4)
}

fn words(waits: &[Wait]) -> Vec<&str> {
    waits.iter().map(|wait| wait.words.as_str()).collect()
}

#[test]
fn freertos_tasks_say_what_they_wait_for_and_who_holds_it() {
    for machine in machines() {
        let Some(crash) = rtos::crash("freertos-objects", machine) else { return };
        let opened = open(&crash, machine, std::fs::read(&crash.ram).expect("just written"));
        let waits = opened.dump.waits();
        let mut words = words(&waits);
        words.sort_unstable();
        let timer = "Tmr Svc waits for queue TmrQ (to receive), 0 of 4 messages";
        let mut expected = [
            timer,
            "guard waits for event group doors (for all of bits 0x6), bits 0x2",
            "high waits for mutex shared_lock, held by low (blocked, priority 4, 1 of its own)",
            "logger waits for queue all readings (to receive), 0 of 4 messages",
            "one waits for mutex ring+4, held by two, which waits for mutex ring+8, held by three, which \
             waits for mutex ring, held by one: a deadlock",
            "pump waits for semaphore button, count 0 of 1",
            "radio waits for mutex bus_lock, held by sensor, which waits for mutex radio_lock, held by \
             radio: a deadlock",
            "sender waits for queue commands (to send), 3 of 3 messages",
            "sensor waits for mutex radio_lock, held by radio, which waits for mutex bus_lock, held by \
             sensor: a deadlock",
            "three waits for mutex ring, held by one, which waits for mutex ring+4, held by two, which \
             waits for mutex ring+8, held by three: a deadlock",
            "two waits for mutex ring+8, held by three, which waits for mutex ring, held by one, which \
             waits for mutex ring+4, held by two: a deadlock",
        ];
        expected.sort_unstable();
        assert_eq!(words, expected, "{}", machine.name);
        let circles: Vec<usize> = opened.dump.deadlocks().iter().map(|d| d.circle.len()).collect();
        assert!(circles == [2, 3] || circles == [3, 2], "{}: {circles:?}", machine.name);
        let timer =
            opened.dump.objects.iter().find(|object| object.name.as_deref() == Some("blink"));
        let state = timer.and_then(|timer| timer.state.clone()).unwrap_or_default();
        assert!(
            state.starts_with("period of 100 ticks, due at tick "),
            "{}: {state}",
            machine.name
        );
        let pump = opened.dump.threads.iter().find(|thread| thread.name.as_deref() == Some("pump"));
        let (_, waiter) = opened.dump.waits_for(pump.unwrap().control_block.unwrap()).unwrap();
        assert_eq!(waiter.limited, Some(true), "{}", machine.name);
    }
}

/// On a kernel of our own with RT-Thread's structures.
#[test]
fn rt_thread_says_what_its_threads_wait_for() {
    // What stands in for the kernel switches with instructions that a Cortex-M0 lacks.
    for machine in MACHINES.iter().filter(|machine| machine.name != "cortex-m0") {
        let Some(crash) = rtos::crash("rt-thread", machine) else { return };
        let opened = open(&crash, machine, std::fs::read(&crash.ram).expect("just written"));
        let waits = opened.dump.waits();
        let mut words = words(&waits);
        words.sort_unstable();
        let expected = [
            "filter waits for mutex gate, held by sensor, which waits for mutex bus, held by filter: a \
             deadlock unless one gives up",
            "logger waits for queue orders (to send), 2 of 2 messages",
            "parked waits for semaphore button, count 0",
            "sensor waits for mutex bus, held by filter, which waits for mutex gate, held by sensor: a \
             deadlock unless one gives up",
        ];
        assert_eq!(words, expected, "{}", machine.name);
    }
}

/// On a kernel of our own with NuttX' structures.
#[test]
fn nuttx_says_whose_semaphore_a_task_waits_for() {
    for machine in MACHINES.iter().filter(|machine| machine.name != "cortex-m0") {
        let Some(crash) = rtos::crash("nuttx", machine) else { return };
        let mut ram = std::fs::read(&crash.ram).expect("just written");
        assert!(open(&crash, machine, ram.clone()).dump.objects.is_empty(), "{}", machine.name);
        let at = |addr: u64| (addr - u64::from(machine.ram)) as usize;
        let mut pointer = [0; 8];
        let place = at(rtos::symbol(&crash.elf, "logger_state"));
        pointer[..machine.word_len()].copy_from_slice(&ram[place..place + machine.word_len()]);
        // TSTATE_WAIT_SEM
        ram[at(u64::from_le_bytes(pointer))] = 5;
        let opened = open(&crash, machine, ram);
        let waits = opened.dump.waits();
        let [words] = words(&waits)[..] else { panic!("{}: {waits:?}", machine.name) };
        let expected = "logger waits for semaphore bus, held by sensor (";
        assert!(words.starts_with(expected), "{}: {words}", machine.name);
    }
}

/// Whatever is written over the objects: an end, no panic, and nobody waits who did not.
#[test]
fn damaged_objects_are_not_believed() {
    let machine = &MACHINES[1];
    let Some(crash) = rtos::crash("freertos-objects", machine) else { return };
    let ram = std::fs::read(&crash.ram).expect("just written");
    let whole = open(&crash, machine, ram.clone());
    let names = |dump: &Dump| -> Vec<u64> { dump.waits().iter().map(|wait| wait.thread).collect() };
    let before = names(&whole.dump);
    for object in &whole.dump.objects {
        for offset in (0..80).step_by(4) {
            let mut ram = ram.clone();
            let at = (object.at + offset - u64::from(machine.ram)) as usize;
            ram[at..at + 4].copy_from_slice(&[0x41, 0x42, 0x43, 0x44]);
            let damaged = open(&crash, machine, ram);
            assert!(names(&damaged.dump).iter().all(|thread| before.contains(thread)));
        }
    }
}

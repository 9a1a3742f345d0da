//! Tasks out of plain RAM: damaged, cut, without registers, and in other formats than an image.

use crate::support::rtos;
use coroner::dump::{Note, Severity};
use coroner::error::Result;
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};
use rtos::{Crash, MACHINES, Machine};

const KERNELS: [&str; 3] = ["freertos", "rt-thread", "nuttx"];
const NAMES: [&str; 5] = ["filter", "logger", "motor", "parked", "sensor"];

fn machine(name: &str) -> &'static Machine {
    MACHINES.iter().find(|machine| machine.name == name).expect("it is listed")
}

fn input(name: &str, bytes: Vec<u8>, addr: Option<u64>) -> Input {
    Input { name: name.into(), bytes: bytes.into(), addr }
}

fn open(crash: &Crash, inputs: &[Input]) -> Result<Opened> {
    open_inputs(inputs, &Options::default().elf([crash.elf.clone()]))
}

/// Opens `ram` with the registers of the crash.
fn open_ram(crash: &Crash, machine: &Machine, ram: Vec<u8>) -> Opened {
    let registers = std::fs::read(&crash.registers).expect("just written");
    let inputs = [input("ram", ram, Some(machine.ram.into())), input("registers", registers, None)];
    open(crash, &inputs).unwrap_or_else(|error| panic!("{error}"))
}

fn ram(crash: &Crash) -> Vec<u8> {
    std::fs::read(&crash.ram).expect("just written")
}

/// The names of the application's tasks that were found.
fn names(opened: &Opened) -> Vec<String> {
    let mut names: Vec<String> =
        opened.dump.threads.iter().filter_map(|thread| thread.name.clone()).collect();
    names.retain(|name| NAMES.contains(&name.as_str()));
    names.sort();
    names
}

fn note(opened: &Opened, words: &str) -> Option<String> {
    let mut notes = opened.dump.notes.iter().map(Note::sentence);
    notes.find(|note| note.contains(words))
}

fn put(ram: &mut [u8], machine: &Machine, addr: u64, value: u64) {
    let (at, len) = ((addr - u64::from(machine.ram)) as usize, machine.word_len());
    ram[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
}

fn get(ram: &[u8], machine: &Machine, addr: u64) -> u64 {
    let (at, len) = ((addr - u64::from(machine.ram)) as usize, machine.word_len());
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&ram[at..at + len]);
    u64::from_le_bytes(bytes)
}

/// The list item of the task called `name` in a FreeRTOS without anything configured in between:
/// it follows the saved stack pointer.
fn state_item(opened: &Opened, machine: &Machine, name: &str) -> u64 {
    let threads = &opened.dump.threads;
    let thread = threads.iter().find(|thread| thread.name.as_deref() == Some(name));
    thread.and_then(|t| t.control_block).expect("it was found") + machine.word_len() as u64
}

#[test]
fn a_list_that_runs_in_a_circle_is_read_from_its_other_end() {
    let machine = machine("cortex-m3");
    let Some(crash) = rtos::crash("freertos", machine) else { return };
    let whole = open_ram(&crash, machine, ram(&crash));
    assert_eq!(names(&whole), NAMES);
    assert!(note(&whole, "damaged").is_none(), "{:?}", whole.dump.notes);
    // Both are asleep; which of them comes first is the kernel's business.
    for name in ["sensor", "filter"] {
        let mut ram = ram(&crash);
        let item = state_item(&whole, machine, name);
        put(&mut ram, machine, item + 4, item);
        let opened = open_ram(&crash, machine, ram);
        assert_eq!(names(&opened), NAMES);
        let words = note(&opened, "is damaged: it comes back to").expect("it is told");
        assert!(words.starts_with("freertos: the list xDelayedTaskList"), "{words}");
    }
}

#[test]
fn a_task_that_a_damaged_list_lost_is_missed_by_the_count() {
    let machine = machine("cortex-m3");
    let Some(crash) = rtos::crash("freertos", machine) else { return };
    let whole = open_ram(&crash, machine, ram(&crash));
    let mut ram = ram(&crash);
    let item = state_item(&whole, machine, "parked");
    put(&mut ram, machine, item + 12, 0x1234_5678);
    let opened = open_ram(&crash, machine, ram);
    assert!(!names(&opened).contains(&"parked".to_string()));
    assert!(note(&opened, "is no task's").is_some(), "{:?}", opened.dump.notes);
    assert!(note(&opened, "the kernel counts 6 tasks, ").is_some(), "{:?}", opened.dump.notes);
}

#[test]
fn a_saved_stack_pointer_that_points_elsewhere_is_told_and_not_followed() {
    for kernel in KERNELS {
        let machine = machine("riscv64");
        let Some(crash) = rtos::crash(kernel, machine) else { return };
        let whole = open_ram(&crash, machine, ram(&crash));
        let sensor = whole.dump.threads.iter().find(|t| t.name.as_deref() == Some("sensor"));
        let sensor = sensor.expect("it was found");
        let (at, sp) = (sensor.control_block.unwrap(), sensor.registers.sp().unwrap());
        let mut ram = ram(&crash);
        // The word of the control block that points right below the stack pointer.
        let place = (0..40).map(|n| at + 8 * n);
        let place = place.map(|place| (place, get(&ram, machine, place)));
        let (place, _) = place
            .filter(|(_, word)| *word < sp && sp - *word <= 400)
            .max_by_key(|(_, w)| *w)
            .unwrap();
        put(&mut ram, machine, place, u64::from(machine.ram) - 0x1000);
        let opened = open_ram(&crash, machine, ram);
        let sensor = opened.dump.threads.iter().find(|t| t.name.as_deref() == Some("sensor"));
        let sensor = sensor.expect("it is listed all the same");
        assert_eq!(sensor.registers.pc(), None, "{kernel}");
        let words = ["is not in its stack", "saved registers are not in the dump"];
        let told = words.iter().any(|w| sensor.remarks.iter().any(|r| r.contains(w)));
        assert!(told, "{kernel}: {:?}", sensor.remarks);
    }
}

#[test]
fn without_registers_the_running_task_comes_first_and_has_none() {
    for kernel in KERNELS {
        let machine = machine("cortex-m4f");
        let Some(crash) = rtos::crash(kernel, machine) else { return };
        let opened = open(&crash, &[input("ram", ram(&crash), Some(machine.ram.into()))]).unwrap();
        assert_eq!(names(&opened), NAMES, "{kernel}");
        let first = &opened.dump.threads[0];
        assert_eq!(first.name.as_deref(), Some("motor"), "{kernel}");
        assert!(!first.registers.any_known() && !first.crashed, "{kernel}");
        assert!(opened.dump.threads[1..].iter().all(|t| t.registers.pc().is_some()), "{kernel}");
    }
}

/// CrashCatcher 3.0 with one region: all of RAM.
fn crash_catcher(crash: &Crash, machine: &Machine) -> Vec<u8> {
    let text = std::fs::read_to_string(&crash.registers).expect("just written");
    let register = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} = 0x")));
        u32::from_str_radix(line.expect("it is in the text"), 16).unwrap()
    };
    let mut words = vec![0x0003_4363, 0];
    words.extend((0..13).map(|n| register(&format!("r{n}"))));
    words.extend(["sp", "lr", "pc", "xpsr"].map(register));
    words.extend([0, register("sp"), 3]);
    let ram = ram(crash);
    words.extend([machine.ram, machine.ram + ram.len() as u32]);
    let head = words.iter().flat_map(|word| word.to_le_bytes());
    head.chain(ram).collect()
}

#[test]
fn the_crashed_thread_of_a_format_is_the_kernels_running_task_and_not_one_more() {
    for kernel in KERNELS {
        let machine = machine("cortex-m3");
        let Some(crash) = rtos::crash(kernel, machine) else { return };
        let bytes = crash_catcher(&crash, machine);
        let opened = open(&crash, &[input("dump", bytes, None)]).unwrap();
        assert!(opened.dump.format.starts_with("CrashCatcher"), "{}", opened.dump.format);
        assert_eq!(names(&opened), NAMES, "{kernel}");
        let crashed: Vec<_> = opened.dump.threads.iter().filter(|t| t.crashed).collect();
        assert_eq!(crashed.len(), 1, "{kernel}");
        assert_eq!(crashed[0].name.as_deref(), Some("motor"), "{kernel}");
        assert_eq!(crashed[0].state.as_deref(), Some("running"), "{kernel}");
        let ids: std::collections::HashSet<u64> =
            opened.dump.threads.iter().map(|t| t.id).collect();
        assert_eq!(ids.len(), 6, "{kernel}");
    }
}

#[test]
fn nothing_is_said_of_a_kernel_whose_memory_is_not_there() {
    for kernel in KERNELS {
        let machine = machine("cortex-m3");
        let Some(crash) = rtos::crash(kernel, machine) else { return };
        let registers = std::fs::read(&crash.registers).expect("just written");
        let opened = open(&crash, &[input("registers", registers, None)]).unwrap();
        assert_eq!(opened.dump.threads.len(), 1, "{kernel}");
        assert!(
            note(&opened, &format!("{kernel}: ")).is_none(),
            "{kernel}: {:?}",
            opened.dump.notes
        );
    }
}

#[test]
fn damaged_ram_never_stops_the_kernel_from_being_read_in_time() {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for kernel in KERNELS {
        for machine in ["cortex-m4f", "riscv32"].map(machine) {
            let Some(crash) = rtos::crash(kernel, machine) else { return };
            let (ram, word) = (ram(&crash), machine.word_len());
            for _ in 0..60 {
                let mut damaged = ram.clone();
                for _ in 0..20 {
                    // Pointers to somewhere else in the same memory do the most harm.
                    let at = next(damaged.len() / word) * word;
                    let value = u64::from(machine.ram) + (next(ram.len()) & !3) as u64;
                    damaged[at..at + word].copy_from_slice(&value.to_le_bytes()[..word]);
                }
                let started = std::time::Instant::now();
                let opened = open_ram(&crash, machine, damaged);
                assert!(opened.dump.threads.len() <= 4200, "{kernel}");
                assert!(started.elapsed().as_secs() < 5, "{kernel}: {:?}", started.elapsed());
                let worst = opened.dump.notes.iter().map(|note| note.severity).max();
                assert!(worst <= Some(Severity::Doubt));
            }
        }
    }
}

/// Types may be described in units of their own, before DWARF 5 in a section of their own.
#[test]
fn types_in_units_of_their_own_lose_no_task() {
    let machine = machine("cortex-m3");
    for kernel in KERNELS {
        let Some(crash) = rtos::crash(kernel, machine) else { return };
        let plain = open_ram(&crash, machine, ram(&crash));
        let told = |opened: &Opened| {
            let threads = opened.dump.threads.iter();
            threads.map(|t| (t.name.clone(), t.state.clone(), t.stack)).collect::<Vec<_>>()
        };
        assert!(names(&plain).len() > 3, "{kernel}: {:?}", plain.dump.threads);
        for form in ["-gdwarf-4", "-gdwarf-5"] {
            let flags = [form, "-fdebug-types-section"];
            let Some(elf) = rtos::described(kernel, machine, &flags) else { return };
            let crash = Crash { elf, ..crash.clone() };
            let opened = open_ram(&crash, machine, ram(&crash));
            assert_eq!(told(&opened), told(&plain), "{kernel}, {form}: {:?}", opened.dump.notes);
        }
    }
}

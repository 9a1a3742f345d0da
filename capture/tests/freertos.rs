//! FreeRTOS' own lists in made-up memory: whole ones, and broken in every way.
//!
//! The layout below is that of V11.2 with 32-bit ticks, five priorities and names of 12 letters,
//! written down here once more: it shares nothing with the provider but the numbers that the C
//! header hands over.

use coroner_capture::arch::address::Address;
use coroner_capture::arch::{Arch, Arm, Memory};
use coroner_capture::crash::{Kind, signal};
use coroner_capture::frames::CortexM;
use coroner_capture::freertos::{Kernel, Lists};
use coroner_capture::layout::{self, Class, TaskTable, note};
use coroner_capture::sink::Callback;
use coroner_capture::{Access, Area, Cause, Config, Crash, Outcome, Workspace};
use std::collections::BTreeMap;

mod support;

const RAM: u32 = 0x2000_0000;
const READY: u32 = RAM + 0x100;
const DELAYED: u32 = RAM + 0x200;
const OVERFLOWED: u32 = RAM + 0x220;
const SUSPENDED: u32 = RAM + 0x240;
const DELETED: u32 = RAM + 0x260;
const CURRENT: u32 = RAM + 0x280;
const QUEUE: u32 = RAM + 0x2a0;
const TCBS: u32 = RAM + 0x400;
const STACKS: u32 = RAM + 0x1000;
const MAIN: u32 = RAM + 0x3000;

const KERNEL: Kernel = Kernel {
    current: Address::new(CURRENT as usize),
    ready: Address::new(READY as usize),
    delayed: [Address::new(DELAYED as usize), Address::new(OVERFLOWED as usize)],
    suspended: Address::new(SUSPENDED as usize),
    deleted: Address::new(DELETED as usize),
    priorities: 5,
    list_len: 20,
    list_end: 8,
    item_next: 4,
    item_owner: 12,
    item_container: 16,
    tcb_len: 96,
    tcb_event: 24,
    tcb_priority: 44,
    tcb_stack: 48,
    tcb_stack_end: 64,
    tcb_name: 52,
    name_len: 12,
};

/// Words by address; what is not there can't be read.
#[derive(Clone, Default)]
struct Ram(BTreeMap<u32, u32>);

impl Memory for Ram {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (index, byte) in bytes.iter_mut().enumerate() {
            let Ok(at) = u32::try_from(at + index) else { return false };
            let Some(word) = self.0.get(&(at & !3)) else { return false };
            *byte = word.to_le_bytes()[at as usize & 3];
        }
        true
    }
}

fn tcb(index: u32) -> u32 {
    TCBS + 0x80 * index
}

fn item(index: u32) -> u32 {
    tcb(index) + 4
}

impl Ram {
    fn set(&mut self, at: u32, word: u32) {
        self.0.insert(at, word);
    }

    /// A kernel with empty lists.
    fn new() -> Ram {
        let mut ram = Ram::default();
        for at in (RAM..RAM + 0x4000).step_by(4) {
            ram.set(at, 0);
        }
        for list in
            (0..5).map(|level| READY + 20 * level).chain([DELAYED, OVERFLOWED, SUSPENDED, DELETED])
        {
            ram.fill(list, &[]);
        }
        ram
    }

    /// Makes the tasks of a list, in this order, as the kernel links them.
    fn fill(&mut self, list: u32, tasks: &[u32]) {
        let end = list + 8;
        self.set(list, tasks.len() as u32);
        self.set(list + 4, end);
        self.set(end, 0xffff_ffff);
        let ring: Vec<u32> = [end].into_iter().chain(tasks.iter().map(|&t| item(t))).collect();
        for (index, &node) in ring.iter().enumerate() {
            let next = ring[(index + 1) % ring.len()];
            self.set(node + 4, next);
            self.set(next + 8, node);
        }
        for &task in tasks {
            self.set(item(task) + 12, tcb(task));
            self.set(item(task) + 16, list);
        }
    }

    fn task(&mut self, index: u32, name: &str, priority: u32) {
        let stack = STACKS + 0x200 * index;
        self.set(tcb(index), stack + 0x1a0);
        self.set(tcb(index) + 44, priority);
        self.set(tcb(index) + 48, stack);
        self.set(tcb(index) + 64, stack + 0x1fc);
        let mut letters = name.as_bytes().to_vec();
        letters.push(0);
        // What an earlier name left behind the NUL.
        letters.resize(12, b'?');
        for (word, bytes) in letters.chunks(4).enumerate() {
            let bytes: [u8; 4] = bytes.try_into().unwrap();
            self.set(tcb(index) + 52 + 4 * word as u32, u32::from_le_bytes(bytes));
        }
        // r4-r11, then the processor's frame: pc tells which task it is.
        self.set(stack + 0x1a0 + 4 * 14, 0x800 + 2 * index);
    }
}

/// Six tasks: two ready (one of them running), one delayed, one that waits for a queue without
/// limit, one suspended, one deleted.
fn kernel() -> Ram {
    let mut ram = Ram::new();
    for (index, (name, priority)) in
        [("motor", 3), ("IDLE", 0), ("sensor", 2), ("log", 1), ("shell", 1), ("old", 1)]
            .into_iter()
            .enumerate()
    {
        ram.task(index as u32, name, priority);
    }
    ram.set(CURRENT, tcb(0));
    ram.fill(READY + 60, &[0]);
    ram.fill(READY, &[1]);
    ram.fill(DELAYED, &[2]);
    ram.fill(SUSPENDED, &[3, 4]);
    ram.set(tcb(3) + 24 + 16, QUEUE);
    ram.fill(DELETED, &[5]);
    ram
}

struct Found {
    names: Vec<String>,
    states: Vec<u8>,
    damaged_after: Option<u16>,
    seen: u16,
    pcs: Vec<u32>,
}

fn found(ram: &Ram, in_interrupt: bool, sp: u32) -> Found {
    let mut registers = vec![0; Arm::REGISTERS];
    registers[Arm::SP] = sp as usize;
    let mut cause = Cause::new(Kind::Fault, signal::SEGV);
    cause.in_interrupt = in_interrupt;
    let mut crash = Crash::new(cause, &registers, 0x1_ffff);
    crash.interrupted_sp = in_interrupt.then_some(STACKS as usize + 0x180);
    let mut file = vec![0xff; 64 << 10];
    let mut sink = Callback::new(60_000, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let main_stack = Area::range(MAIN as usize, MAIN as usize + 0x800);
    let mut tasks = Lists { kernel: &KERNEL, saved: CortexM::Callee, main_stack };
    let outcome = Workspace::<64, 16>::new().write_as::<Arm, _>(
        &Config::MINIMAL,
        &crash,
        &mut tasks,
        &mut ram.clone(),
        &mut sink,
    );
    assert!(matches!(outcome, Outcome::Complete | Outcome::Truncated), "{outcome:?}");
    support::checked(&file);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (offset, len) = (word(96 + 4), word(96 + 16));
    let notes: Vec<_> = layout::notes(&file[offset..offset + len]).collect();
    let own = notes.iter().find(|found| found.kind == note::TASKS).expect("tasks");
    let table = TaskTable::decode(Class::Elf32, own.desc).expect("a table");
    let statuses = notes.iter().filter(|found| found.owner == b"CORE" && found.kind == 1);
    Found {
        names: table.tasks().map(|t| String::from_utf8_lossy(t.name).into_owned()).collect(),
        states: table.tasks().map(|task| task.state).collect(),
        damaged_after: table.damaged_after,
        seen: table.seen,
        pcs: statuses
            .map(|status| {
                let pc = &status.desc[72 + 4 * Arm::PC..];
                u32::from_le_bytes(pc[..4].try_into().unwrap())
            })
            .collect(),
    }
}

#[test]
fn all_tasks_are_found_with_their_states_the_running_one_first() {
    let found = found(&kernel(), false, STACKS + 0x100);
    assert_eq!(found.names, ["motor", "IDLE", "sensor", "log", "shell", "old"]);
    use layout::task::{BLOCKED, DELETED, READY, RUNNING, SUSPENDED};
    assert_eq!(found.states, [RUNNING, READY, BLOCKED, BLOCKED, SUSPENDED, DELETED]);
    assert_eq!((found.damaged_after, found.seen), (None, 6));
    assert_eq!(found.pcs[1..], [0x802, 0x804, 0x806, 0x808, 0x80a]);
}

#[test]
fn under_an_interrupt_the_handler_comes_first() {
    let found = found(&kernel(), true, MAIN + 0x700);
    assert_eq!(found.names[..2], ["interrupt", "motor"]);
    assert_eq!(found.seen, 7);
}

#[test]
fn before_the_scheduler_starts_the_program_itself_is_a_thread() {
    let found = found(&kernel(), false, MAIN + 0x700);
    assert_eq!(found.names[..2], ["main", "motor"]);
    assert_eq!(found.states[1], layout::task::READY);
    let nothing = found_in_nothing();
    assert_eq!(nothing.names, ["main"]);
    assert_eq!(nothing.damaged_after, None, "lists that were never made are empty");
}

fn found_in_nothing() -> Found {
    let mut ram = Ram::default();
    for at in (RAM..RAM + 0x4000).step_by(4) {
        ram.set(at, 0);
    }
    found(&ram, false, MAIN + 0x700)
}

#[test]
fn a_broken_link_costs_the_tasks_behind_it_and_no_others() {
    for nowhere in [0, 0x9000_0000, item(3), item(3) + 1, TCBS - 4, 0xffff_fffc] {
        let mut ram = kernel();
        ram.set(item(3) + 4, nowhere);
        let found = found(&ram, false, STACKS + 0x100);
        // shell, behind log, is lost; old, in another list, is not.
        assert_eq!(found.names, ["motor", "IDLE", "sensor", "log", "old"], "{nowhere:#x}");
        assert_eq!(found.damaged_after, Some(4), "{nowhere:#x}");
    }
}

#[test]
fn a_list_that_leads_into_another_one_is_noticed() {
    let mut ram = kernel();
    ram.set(item(2) + 4, item(1));
    let found = found(&ram, false, STACKS + 0x100);
    assert_eq!(found.names, ["motor", "IDLE", "sensor", "log", "shell", "old"]);
    assert_eq!(found.damaged_after, Some(3));
}

#[test]
fn a_broken_current_task_leaves_the_others() {
    let mut ram = kernel();
    ram.set(CURRENT, 0x6666_6666);
    let found = found(&ram, false, STACKS + 0x100);
    assert_eq!(found.damaged_after, Some(0));
    assert_eq!(found.names[0], "crashed", "no healthy task gets the registers");
    for name in ["motor", "IDLE", "sensor", "log", "shell", "old"] {
        assert!(found.names.iter().any(|found| found == name), "{name}");
    }
}

#[test]
fn whatever_word_is_broken_the_walk_ends_and_lists_no_task_twice() {
    let whole = kernel();
    let used = |&(&at, &word): &(&u32, &u32)| at < STACKS && word != 0;
    let words: Vec<u32> = whole.0.iter().filter(used).map(|(&at, _)| at).collect();
    let mut damaged = 0;
    for at in words {
        for value in [0, 0xffff_ffff, RAM, item(1), at, at ^ 4] {
            let mut ram = whole.clone();
            ram.set(at, value);
            let found = found(&ram, false, STACKS + 0x100);
            assert!(found.names.len() <= 7, "{at:#x} = {value:#x}: {:?}", found.names);
            damaged += usize::from(found.damaged_after.is_some());
        }
    }
    println!("{damaged} broken words were noticed");
    assert!(damaged > 100);
}

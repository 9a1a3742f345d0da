//! Tasks of a kernel, made up: a whole one, one in an interrupt, one whose stack is broken.

mod support;

use coroner_capture::arch::{Arch, Arm, Memory};
use coroner_capture::crash::{Kind, signal};
use coroner_capture::frames::CortexM;
use coroner_capture::layout::{self, Class, TaskTable, note};
use coroner_capture::sink::Callback;
use coroner_capture::table::{Entry, Table, Unread};
use coroner_capture::{Access, Area, Cause, Config, Crash, Outcome, State, Task, Workspace};

/// Words at `2000_0000` and up; nothing else can be read.
struct Words(Vec<u32>);

impl Memory for Words {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        let all: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let Some(from) = at.checked_sub(0x2000_0000) else { return false };
        match all.get(from..from + bytes.len()) {
            Some(found) => bytes.copy_from_slice(found),
            None => return false,
        }
        true
    }
}

fn entry(id: u32, name: &str, state: State, sp: usize) -> Entry {
    let stack = Area::range(0x2000_0100, 0x2000_0400);
    Entry {
        task: Task { state, stack, sp, ..Task::new(id, name) },
        saved: CortexM::CalleeReturn,
        unread: Unread::default(),
    }
}

/// r4-r11, `EXC_RETURN` without floating point, r0-r3, r12, lr, pc, xPSR with the alignment bit.
const FRAME: [u32; 17] =
    [4, 5, 6, 7, 8, 9, 10, 11, 0xffff_fffd, 0, 1, 2, 3, 12, 0x801, 0x900, 0x0100_0200];

fn table_of(in_interrupt: bool) -> Vec<(layout::TaskEntry<'static>, Vec<u32>)> {
    let mut memory = Words(vec![0; 256]);
    memory.0[64..81].copy_from_slice(&FRAME);
    // What an interrupt leaves of the running task: the processor's frame alone.
    memory.0[128..136].copy_from_slice(&[20, 21, 22, 23, 24, 0x701, 0x702, 0x0100_0000]);
    let tasks = [
        entry(1, "waits", State::Blocked, 0x2000_0100),
        entry(2, "runs", State::Running, 0),
        entry(3, "broken", State::Ready, 0x9000_0000),
    ];
    let mut registers = vec![0; Arm::REGISTERS];
    registers[Arm::SP] = 0x2000_0300;
    let mut cause = Cause::new(Kind::Fault, signal::SEGV);
    cause.in_interrupt = in_interrupt;
    let mut crash = Crash::new(cause, &registers, 0x1ffff);
    crash.interrupted_sp = in_interrupt.then_some(0x2000_0200);
    let mut file = vec![0xff; 8192];
    let mut sink = Callback::new(8000, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let mut table = Table { tasks: &tasks, main_stack: Area::range(0x2000_0280, 0x2000_0400) };
    let map = [Area::range(0x2000_0000, 0x2000_0400)];
    let config = Config { memory: &map, ..Config::MINIMAL };
    let outcome = Workspace::<16, 8>::new().write_as::<Arm, _>(
        &config,
        &crash,
        &mut table,
        &mut memory,
        &mut sink,
    );
    assert_eq!(outcome, Outcome::Complete);
    support::checked(&file);
    let file: &'static [u8] = file.leak();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (offset, len) = (word(96 + 4), word(96 + 16));
    let notes: Vec<_> = layout::notes(&file[offset..offset + len]).collect();
    let tasks = notes.iter().find(|found| found.kind == note::TASKS).expect("tasks");
    let entries = TaskTable::decode(Class::Elf32, tasks.desc).expect("a table");
    let statuses = notes.iter().filter(|found| found.owner == b"CORE" && found.kind == 1);
    let registers = statuses.map(|status| {
        let words = status.desc[72..].as_chunks::<4>().0;
        words.iter().map(|word| u32::from_le_bytes(*word)).collect()
    });
    entries.tasks().zip(registers).collect()
}

#[test]
fn a_waiting_task_has_the_registers_of_its_frame() {
    let tasks = table_of(false);
    let names: Vec<_> = tasks.iter().map(|(task, _)| task.name).collect();
    assert_eq!(names, [&b"runs"[..], b"waits", b"broken"]);
    assert!(tasks[0].0.crashed);
    let (task, registers) = &tasks[1];
    assert_eq!(task.known, 0x1_ffff);
    // sp: behind 17 words, and 4 bytes that the alignment bit tells of.
    let expected =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x2000_0148, 0x801, 0x900, 0x0100_0000];
    assert_eq!(registers[..17], expected);
}

#[test]
fn a_task_whose_stack_can_t_be_read_is_said_to_be_damaged() {
    let (task, registers) = &table_of(false)[2];
    assert!(task.damaged);
    assert_eq!(task.known, 0);
    assert!(registers.iter().all(|&register| register == 0));
}

#[test]
fn under_an_interrupt_the_running_task_has_what_the_processor_pushed() {
    let tasks = table_of(true);
    let names: Vec<_> = tasks.iter().map(|(task, _)| task.name).collect();
    assert_eq!(names, [&b"interrupt"[..], b"runs", b"waits", b"broken"]);
    let (task, registers) = &tasks[1];
    assert_eq!(task.known, 0x1_f00f);
    assert_eq!((registers[0], registers[15], registers[13]), (20, 0x702, 0x2000_0220));
}

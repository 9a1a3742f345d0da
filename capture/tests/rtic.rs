//! The one thread of an RTIC program: which task it was, and how urgent.

use coroner_capture::arch::{Arch, Arm, Memory};
use coroner_capture::crash::{Kind, signal};
use coroner_capture::layout::{self, Class, TaskTable, note};
use coroner_capture::rtic::Rtic;
use coroner_capture::sink::Callback;
use coroner_capture::{Access, Area, Cause, Config, Crash, Workspace};

/// The priority bytes of the interrupts, and nothing else.
struct Nvic(Option<u8>);

impl Memory for Nvic {
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool {
        let Some(priority) = self.0 else { return false };
        assert_eq!((at & 3, bytes.len(), access), (0, 4, Access::Word), "v6-M reads words alone");
        bytes.fill(0);
        if at == 0xe000_e400 + 20 {
            bytes[1] = priority;
        }
        (0xe000_e400..0xe000_e800).contains(&at)
    }
}

/// Name and priority of the thread that crashed with `xpsr`.
fn thread(xpsr: usize, mut nvic: Nvic) -> (String, u8) {
    let mut registers = vec![0; Arm::REGISTERS];
    registers[16] = xpsr;
    let mut cause = Cause::new(Kind::Fault, signal::SEGV);
    cause.in_interrupt = xpsr & 0x1ff != 0;
    let crash = Crash::new(cause, &registers, 0x1_ffff);
    let mut file = vec![0; 4096];
    let mut sink = Callback::new(4096, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let mut tasks = Rtic { stack: Area::EMPTY, priority_bits: 3 };
    Workspace::<8, 2>::new().write_as::<Arm, _>(
        &Config::MINIMAL,
        &crash,
        &mut tasks,
        &mut nvic,
        &mut sink,
    );
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let notes = &file[word(96 + 4)..word(96 + 4) + word(96 + 16)];
    let own = layout::notes(notes).find(|found| found.kind == note::TASKS).expect("tasks");
    let table = TaskTable::decode(Class::Elf32, own.desc).expect("a table");
    let task = table.tasks().next().expect("a task");
    (String::from_utf8_lossy(task.name).into_owned(), task.priority)
}

#[test]
fn a_task_is_its_interrupt_with_the_priority_that_the_program_gave() {
    // Interrupt 21, exception 37: with three bits, hardware 5 of 0-7 is 3 of RTIC's 1-8.
    assert_eq!(thread(0x0100_0025, Nvic(Some(5 << 5))), ("interrupt 021".into(), 3));
    assert_eq!(thread(0x0100_0025, Nvic(Some(0))), ("interrupt 021".into(), 8));
}

#[test]
fn outside_of_all_tasks_it_is_idle() {
    assert_eq!(thread(0x0100_0000, Nvic(Some(0))), ("idle".into(), 0));
    assert_eq!(thread(0x0100_000f, Nvic(Some(0))), ("exception".into(), 0));
}

#[test]
fn without_the_interrupt_controller_in_the_memory_map_the_priority_is_not_told() {
    assert_eq!(thread(0x0100_0025, Nvic(None)), ("interrupt 021".into(), 0));
}

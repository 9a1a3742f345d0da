//! The least that somebody may have: RAM, and a program counter and a stack pointer on a slip of paper.

use crate::support;
use coroner::report::ReportOptions;
use support::machines::{Folder, MACHINES, compile, is_there, stopped};
use support::real;

#[test]
fn ram_with_two_registers_beside_it_leads_up_the_stack_and_names_no_thread() {
    let machine = &MACHINES[0];
    if ![machine.compiler, machine.gdb, machine.qemu[0]].into_iter().all(is_there) {
        return;
    }
    let folder = Folder::new("least");
    let elf = compile(machine, &[], &folder.0, "nest.elf");
    let ram = folder.0.join("ram@0x1000.bin");
    let save = format!("dump binary memory {} 0x1000 0x8000", ram.display());
    let (registers, _) = stopped(machine, &elf, &folder.0, "crash", &[&save]);
    let (pc, sp) = (registers.pc().expect("it stopped"), registers.sp().expect("there"));
    let text = folder.0.join("registers.txt");
    std::fs::write(&text, format!("pc = {pc:#x}\nsp = {sp:#x}\n")).expect("room");
    let opened = real::open(&[text, ram], Some(elf));
    assert_eq!(opened.dump.threads[0].registers.by_name("r0"), None);
    let report = coroner::report::build(&opened, &ReportOptions::default()).expect("a report");
    assert!(
        report.headline.starts_with("the dump does not say why it was taken, in "),
        "{report:?}"
    );
    let first = report.threads[0].frames.first().and_then(|frame| frame.function.as_deref());
    assert_eq!(first, Some("crash"));
    let guessed = |name: &str| {
        let mut frames = report.threads[0].frames.iter().filter(|frame| frame.guess);
        frames.any(|frame| frame.function.as_deref() == Some(name))
    };
    assert!(guessed("varied") && guessed("recurse"), "{:?}", report.threads[0].frames);
}

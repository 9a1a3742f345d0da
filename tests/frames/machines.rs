//! Backtraces without call frame information: on every architecture, the fallbacks find the same
//! functions as GDB on the live machine does with it.

use crate::support;
use coroner::unwind::Found;
use std::path::{Path, PathBuf};
use support::machines::{Folder, MACHINES, compile, is_there, look};
use support::oracle::Line;

/// GDB's lines by frame: a line without an address belongs to the one before, into which it was
/// not inlined but the other way round.
fn by_frame(lines: &[Line]) -> Vec<Vec<Line>> {
    let mut frames: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        match frames.last_mut() {
            Some(frame) if line.pc.is_none() || frame[0].pc == line.pc => frame.push(line.clone()),
            _ => frames.push(vec![line.clone()]),
        }
    }
    frames
}

#[test]
fn without_call_frame_information_the_same_functions_are_found() {
    for machine in &MACHINES {
        if !is_there(machine.compiler) || !is_there(machine.gdb) {
            continue;
        }
        let folder = Folder::new(&format!("{}-bare", machine.name));
        let elf = compile(machine, &[], &folder.0, "nest.elf");
        let Some(seen) = look(machine, &elf, &folder.0) else { continue };
        let (trace, ours) = seen.unwind(&without_cfi(&elf));
        let found: Vec<&str> = trace.frames.iter().map(|frame| frame.found.word()).collect();
        println!("| {:<9} | {} | {}", machine.name, found.join(" "), trace.end);
        let names = |frames: &[Vec<Line>]| -> Vec<String> {
            let last = |frame: &Vec<Line>| frame.last()?.function.clone();
            frames.iter().filter_map(last).collect()
        };
        let own: Vec<Line> = ours.lines.into_iter().map(|(line, _)| line).collect();
        let theirs = names(&by_frame(&seen.theirs.lines));
        assert_eq!(names(&by_frame(&own)), theirs, "{}: {:?}", machine.name, trace.end);
        assert!(trace.frames[1..].iter().all(|frame| {
            matches!(
                frame.found,
                Found::Scan | Found::Guess | Found::LinkRegister | Found::FramePointer
            )
        }));
    }
}

/// The ELF file with the names of its sections of call frame information changed.
fn without_cfi(elf: &Path) -> PathBuf {
    let mut bytes = std::fs::read(elf).expect("it is there");
    for name in [&b".debug_frame\0"[..], b".eh_frame\0"] {
        let mut from = 0;
        while let Some(at) = bytes[from..].windows(name.len()).position(|part| part == name) {
            bytes[from + at + 1] = b'x';
            from += at + name.len();
        }
    }
    let path = elf.with_extension("bare.elf");
    std::fs::write(&path, bytes).expect("it is ours");
    path
}

//! What grows with the input, measured at two sizes: time and memory grow with it, not with its
//! square.

use crate::limits::{Folder, Ran, run};

/// Starting the program, in hundredths of a second.
const FIXED: u64 = 30;

/// Runs over an input of `n` and of four times `n` things.
#[track_caller]
fn grows(name: &str, n: usize, make: impl Fn(usize) -> Vec<u8>) {
    let folder = Folder::new(name);
    let at = |n: usize| -> Ran {
        folder.put("x.bin", &make(n));
        run(&folder, &["info", "x.bin", "--no-cache"]).within(&format!("{name}, {n}"))
    };
    let (one, four) = (at(n), at(4 * n));
    // Sixteen times is the square.
    let most = one.ticks * 8 + FIXED;
    let (few, many) = (one.ticks, four.ticks);
    assert!(many <= most, "{name}: {few} ticks for {n}, {many} for four times as many");
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An ELF core of an ARM: `segments` of {address, offset in `data`, length}.
fn core(segments: &[(u32, u32, u32)], notes: &[u8], data: &[u8]) -> Vec<u8> {
    let count = segments.len() as u32 + 1;
    let note_at = 52 + 32 * count;
    let start = note_at + notes.len() as u32;
    let mut out = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x28\0".to_vec();
    out.extend(words(&[1, 0, 52, 0, 0, 0x0020_0034, 0x0028_0000 | count, 0]));
    out.extend(words(&[4, note_at, 0, 0, notes.len() as u32, 0, 0, 4]));
    for (addr, offset, len) in segments {
        out.extend(words(&[1, start + offset, *addr, *addr, *len, *len, 7, 1]));
    }
    out.extend(notes);
    out.extend(data);
    out
}

fn prstatus(thread: u32) -> Vec<u8> {
    let mut note = words(&[5, 148, 1]);
    note.extend(b"CORE\0\0\0\0");
    let mut body = words(&[11, 0, 0, 11, 0, 0, thread]);
    body.resize(72, 0);
    body.extend(words(&(0..18).collect::<Vec<_>>()));
    body.resize(148, 0);
    note.extend(body);
    note
}

#[test]
fn segments_over_one_another() {
    grows("segments", 4000, |n| {
        let len = 1 << 20;
        let all = (0..n as u32).map(|i| (0x2000_0000 + i * 16, i, len - n as u32));
        let data: Vec<u8> = (0..=255).cycle().take(len as usize).collect();
        core(&all.collect::<Vec<_>>(), &prstatus(1), &data)
    });
}

#[test]
fn threads_with_numbers_of_their_own_and_with_one_for_all() {
    let ram = [(0x2000_0000, 0, 4096)];
    grows("threads", 5000, |n| {
        let notes: Vec<u8> = (0..n as u32).flat_map(|i| prstatus(i + 1)).collect();
        core(&ram, &notes, &[0; 4096])
    });
    grows("one-number", 5000, |n| core(&ram, &prstatus(7).repeat(n), &[0; 4096]));
}

#[test]
fn lines_of_a_log() {
    grows("digits", 200_000, |n| b"63430300\n".repeat(n));
    grows("words", 100_000, |n| b"I (123) wifi: state\n".repeat(n));
    grows("base64", 100_000, |n| b"AAAABBBBCCCCDDDD\n".repeat(n));
}

#[test]
fn dumps_behind_one_another() {
    let mynewt = |len: u32| {
        let mut head = words(&[0x690c_47c3, len]);
        head.resize(len as usize, 1);
        head
    };
    grows("mynewt", 5000, |n| mynewt(9).repeat(n));
    grows("mynewt-16", 5000, |n| mynewt(16).repeat(n));
    let small = core(&[(0x2000_0000, 0, 16)], &prstatus(1), &[0; 16]);
    grows("cores", 500, |n| small.repeat(n));
}

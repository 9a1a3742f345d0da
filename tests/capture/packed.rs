//! Packed dumps from retained memory, opened: whole, torn, cut, damaged, in the middle of more memory.

use coroner::open::{Opened, Options, open};
use coroner_capture::packed::{FRAME_LEN, HEAD_LEN, Head, frame};
use std::path::PathBuf;

fn demo() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/demo/dump.core");
    std::fs::read(path).expect("the demo's dump")
}

/// The demo's dump as the device would have packed it: frames of 96 bytes from 96 on, block 0 last.
fn packed(file: &[u8]) -> Vec<u8> {
    let mut padded = file.to_vec();
    padded.resize(file.len().next_multiple_of(32), 0xff);
    let mut out = vec![0; HEAD_LEN];
    let mut room = [0; FRAME_LEN];
    for part in padded[96..].chunks(96) {
        let len = frame(part, false, &mut room).expect("a frame");
        out.extend(&room[..len]);
    }
    let len = frame(&padded[..64], true, &mut room).expect("a frame");
    out.extend(&room[..len]);
    let whole = Some(((out.len() - HEAD_LEN) as u32, padded.len() as u32));
    let head = Head { start: 96, whole, uploaded: false };
    out[..HEAD_LEN].copy_from_slice(&head.encode());
    out
}

fn unfinished(bytes: &[u8], frames: usize) -> Vec<u8> {
    let mut torn = bytes[..frames].to_vec();
    torn[..HEAD_LEN].copy_from_slice(&Head { start: 96, whole: None, uploaded: false }.encode());
    torn.resize(8192, 0xff);
    torn
}

struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> File {
        let path =
            std::env::temp_dir().join(format!("coroner-packed-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).expect("a temporary file");
        File(path)
    }

    fn open(&self, force: bool) -> Result<Opened, String> {
        let options = Options::default().force(force);
        open(std::slice::from_ref(&self.0), &options).map_err(|error| error.to_string())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn memory(opened: &Opened) -> Vec<(u64, Vec<u8>)> {
    opened.dump.memory.regions().map(|region| (region.start, region.bytes.to_vec())).collect()
}

#[test]
fn a_packed_dump_opens_like_the_dump_and_the_trail_says_so() {
    let (plain, packed) = (demo(), packed(&demo()));
    println!("demo: {} bytes, packed {}", plain.len(), packed.len());
    assert!(packed.len() < plain.len());
    let expected = File::new("plain", &plain).open(false).expect("the demo");
    let mut area = packed.clone();
    area.resize(8192, 0xff);
    let opened = File::new("area", &area).open(false).expect("packed");
    assert_eq!(memory(&opened), memory(&expected));
    assert_eq!(opened.dump.threads.len(), 3);
    assert_eq!(opened.dump.format, expected.dump.format);
    assert!(
        opened.layers.iter().any(|layer| layer.starts_with("packed dump")),
        "{:?}",
        opened.layers
    );
    assert!(opened.dump.notes.is_empty(), "{:?}", opened.dump.notes);
}

#[test]
fn it_is_found_in_an_image_of_more_memory() {
    let mut ram = vec![0u8; 0x1000];
    ram.extend(packed(&demo()));
    ram.resize(0x4000, 0);
    let opened = File::new("ram", &ram).open(false).expect("packed");
    assert_eq!(opened.dump.threads.len(), 3);
    assert!(
        opened.layers.iter().any(|layer| layer.contains("offset 0x1000")),
        "{:?}",
        opened.layers
    );
}

#[test]
fn one_that_was_never_finished_is_salvaged_with_force_alone() {
    let whole = packed(&demo());
    let torn = unfinished(&whole, whole.len() * 3 / 4);
    let file = File::new("torn", &torn);
    let error = file.open(false).expect_err("it is torn");
    assert!(error.contains("interrupted while it wrote"), "{error}");
    let opened = file.open(true).expect("salvaged");
    assert!(opened.dump.format.contains("salvaged, not verified"));
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("sensor"));
}

/// Every byte that a damaged dump shows is one of the whole dump, or the dump says that it doubts it.
fn no_wrong_one(name: &str, bytes: &[u8], whole: &[(u64, Vec<u8>)]) -> &'static str {
    let file = File::new(name, bytes);
    if let Ok(opened) = file.open(false) {
        let partial = !opened.dump.notes.is_empty();
        for (start, bytes) in memory(&opened) {
            let known = whole.iter().find(|(from, all)| {
                *from <= start && start + bytes.len() as u64 <= from + all.len() as u64
            });
            let (from, all) = known.unwrap_or_else(|| panic!("{name}: memory at {start:#x}"));
            let offset = (start - from) as usize;
            let same = all[offset..offset + bytes.len()] == bytes[..];
            assert!(same || partial, "{name}: other bytes at {start:#x}, and not a word about it");
        }
        return "opened";
    }
    if file.open(true).is_ok() { "only with force" } else { "refused" }
}

#[test]
fn no_cut_and_no_flipped_bit_gives_a_wrong_dump() {
    let bytes = packed(&demo());
    let whole = memory(&File::new("whole", &demo()).open(false).expect("the demo"));
    let mut counts = std::collections::BTreeMap::new();
    for len in (0..bytes.len()).step_by(7) {
        let verdict = no_wrong_one(&format!("cut-{len}"), &bytes[..len], &whole);
        assert_ne!(verdict, "opened", "cut at {len}");
        *counts.entry(("cut", verdict)).or_insert(0) += 1;
    }
    for bit in (0..bytes.len() * 8).step_by(13) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let verdict = no_wrong_one(&format!("flip-{bit}"), &flipped, &whole);
        *counts.entry(("flipped", verdict)).or_insert(0) += 1;
    }
    println!("{counts:?}");
}

//! Hubris' dump areas, written here step by step as `humpty`'s `dump` function writes them: headers
//! prepared by the agent, registers, then compressed pieces that spill over into the next area.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

/// Where the areas are, and how long each is.
const BASE: u32 = 0x3000_0000;
const AREA: usize = 0x400;
/// What one piece holds of a dumper with a buffer of 512 bytes: 3/8 of it.
const PIECE: usize = 192;

/// Bits in the order of the wire: the highest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: usize, width: u32) {
        for n in (0..width).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> n & 1) as u8;
            *self.bytes.last_mut().expect("just made") |= bit << (7 - self.used % 8);
            self.used += 1;
        }
    }
}

/// LZSS as the crate of that name makes it with 6 bits of place and 4 of length: a longest match in
/// the last 64 bytes, which begin as blanks, or one byte as it is.
fn compress(plain: &[u8]) -> Vec<u8> {
    const WINDOW: usize = 64;
    const SHORTEST: usize = 2;
    const LONGEST: usize = 17;
    let mut window = [b' '; WINDOW];
    let mut at = WINDOW - LONGEST;
    let mut bits = Bits::default();
    let mut done = 0;
    while done < plain.len() {
        // A match may not read what it writes itself, so that any decoder agrees.
        let matching = |from: usize| {
            let far = |n: usize| (from + n) % WINDOW;
            (0..LONGEST.min(plain.len() - done))
                .take_while(|n| {
                    window[far(*n)] == plain[done + n]
                        && (far(*n) + WINDOW - at) % WINDOW >= LONGEST
                })
                .count()
        };
        let best = (0..WINDOW).max_by_key(|from| matching(*from)).expect("there are 64");
        let len = matching(best);
        let step = if len >= SHORTEST {
            bits.put(0, 1);
            bits.put(best, 6);
            bits.put(len - SHORTEST, 4);
            len
        } else {
            bits.put(1, 1);
            bits.put(plain[done].into(), 8);
            1
        };
        for byte in &plain[done..done + step] {
            window[at] = *byte;
            at = (at + 1) % WINDOW;
        }
        done += step;
    }
    bits.bytes
}

/// The RAM that the areas are in.
struct Ram {
    bytes: Vec<u8>,
    area: usize,
    used: usize,
    contents: u8,
}

impl Ram {
    fn new(areas: usize, contents: u8) -> Ram {
        let mut bytes = vec![0u8; areas * AREA];
        for n in 0..areas {
            let next = if n + 1 < areas { BASE + ((n + 1) * AREA) as u32 } else { 0 };
            let mut header = vec![0x01, 0xde, 0xde, 0xad];
            for word in [BASE + (n * AREA) as u32, AREA as u32, 24] {
                header.extend(word.to_le_bytes());
            }
            header.extend([contents, 0xff, 0, 0]);
            header.extend(next.to_le_bytes());
            bytes[n * AREA..n * AREA + 24].copy_from_slice(&header);
        }
        Ram { bytes, area: 0, used: 24, contents }
    }

    fn put(&mut self, data: &[u8]) {
        let at = self.area * AREA + self.used;
        self.bytes[at..at + data.len()].copy_from_slice(data);
        self.used += data.len();
    }

    /// The agent: which memory is wanted.
    fn ask(&mut self, segments: &[(u32, u32)]) {
        for (addr, len) in segments {
            self.put(&[addr.to_le_bytes(), len.to_le_bytes()].concat());
        }
        self.bytes[18] = segments.len() as u8;
    }

    fn task(&mut self, id: u16, time: u64, padded: bool) {
        let pad = if padded { &[0; 4][..] } else { &[] };
        let record = [&[0xda, 0xda], &id.to_le_bytes()[..], pad, &time.to_le_bytes()].concat();
        self.put(&record);
    }

    fn register(&mut self, id: u16, value: u32) {
        self.put(&[&[0xab, 0xba], &id.to_le_bytes()[..], &value.to_le_bytes()].concat());
    }

    fn memory(&mut self, addr: u32, data: &[u8]) {
        for (n, piece) in data.chunks(PIECE).enumerate() {
            let mut packed = compress(piece);
            let len = packed.len() as u16;
            packed.resize(packed.len().next_multiple_of(4), 0x55);
            let addr = addr + (n * PIECE) as u32;
            let head =
                [&addr.to_le_bytes()[..], &len.to_le_bytes(), &(piece.len() as u16).to_le_bytes()];
            if self.used + 8 + packed.len() >= AREA {
                self.close();
                self.area += 1;
                self.used = 24;
            }
            self.put(&head.concat());
            self.put(&packed);
        }
    }

    fn close(&mut self) {
        let at = self.area * AREA;
        self.bytes[at + 12..at + 16].copy_from_slice(&(self.used as u32).to_le_bytes());
        self.bytes[at + 16] = self.contents;
        self.bytes[at + 17] = 1;
    }

    fn end(mut self) -> Vec<u8> {
        self.close();
        self.bytes
    }
}

/// Memory as it is: runs, text, pointers.
fn program(len: usize, seed: u32) -> Vec<u8> {
    let word = |n: u32| match n % 5 {
        0 => 0,
        1 => 0x2000_0000 + n * 4,
        2 => u32::from_le_bytes(*b"idle"),
        3 => n.wrapping_mul(0x9e37_79b9) ^ seed,
        _ => u32::from_le_bytes(*b"    "),
    };
    (0..len as u32 / 4).flat_map(|n| word(n).to_le_bytes()).collect()
}

const SYSTEM: [(u16, u32); 20] = [
    (0, 0x10),
    (1, 0x11),
    (2, 0x12),
    (3, 0x13),
    (4, 0x14),
    (5, 0x15),
    (6, 0x16),
    (7, 0x17),
    (8, 0x18),
    (9, 0x19),
    (10, 0x1a),
    (11, 0x1b),
    (12, 0x1c),
    (13, 0x2000_1f00),
    (14, 0x0800_0401),
    (15, 0x0800_0a2c),
    (16, 0x4100_0003),
    (17, 0x2000_1f00),
    (18, 0x2000_5e80),
    (20, 0x0200_1001),
];

fn whole_system() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (low, high) = (program(0x1a00, 1), program(0x600, 2));
    let mut ram = Ram::new(24, 1);
    ram.ask(&[(0x2000_0000, low.len() as u32), (0x2400_0100, high.len() as u32)]);
    SYSTEM.iter().for_each(|(id, value)| ram.register(*id, *value));
    ram.register(33, 0x0300_0000);
    ram.register(64, 0x3f80_0000);
    ram.register(65, 0x4000_0000);
    ram.register(66, 0x4040_0000);
    ram.memory(0x2000_0000, &low);
    ram.memory(0x2400_0100, &high);
    assert!(ram.area > 2, "the dump is to spill over");
    (ram.end(), low, high)
}

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("areas.bin", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_dump_of_the_system_has_registers_and_memory_out_of_many_areas() {
    let (bytes, low, high) = whole_system();
    let opened = open(bytes);
    assert_eq!(opened.dump.format, "Hubris dump areas");
    let thread = opened.dump.crashed().expect("it has registers");
    let register = |name: &str| thread.registers.by_name(name);
    for (id, value) in &SYSTEM[..13] {
        assert_eq!(register(&format!("r{id}")), Some((*value).into()));
    }
    assert_eq!((register("sp"), register("lr")), (Some(0x2000_1f00), Some(0x0800_0401)));
    assert_eq!((register("pc"), register("xpsr")), (Some(0x0800_0a2c), Some(0x4100_0003)));
    assert_eq!((register("msp"), register("psp")), (Some(0x2000_1f00), Some(0x2000_5e80)));
    assert_eq!((register("control"), register("basepri")), (Some(2), Some(0x10)));
    assert_eq!((register("primask"), register("faultmask")), (Some(1), Some(0)));
    assert_eq!(
        (register("fpscr"), register("d0")),
        (Some(0x0300_0000), Some(0x4000_0000_3f80_0000))
    );
    assert_eq!(register("d1"), None, "its upper half is not in the dump");
    assert_eq!(opened.dump.memory.bytes(0x2000_0000, low.len()).as_deref(), Some(&low[..]));
    assert_eq!(opened.dump.memory.bytes(0x2400_0100, high.len()).as_deref(), Some(&high[..]));
    assert_eq!(opened.dump.memory.u32_le(0x2000_1a00), None);
    assert!(opened.dump.notes.is_empty(), "{:?}", opened.dump.notes);
}

#[test]
fn a_dump_of_one_task_has_its_memory_and_no_registers() {
    let data = program(0x400, 7);
    // Early releases did not pad the record of the task.
    for padded in [true, false] {
        let mut ram = Ram::new(4, 2);
        ram.ask(&[(0x2000_8000, 0x400)]);
        ram.task(5, 123_456, padded);
        ram.memory(0x2000_8000, &data);
        let opened = open(ram.end());
        assert!(opened.dump.threads.is_empty());
        assert_eq!(opened.dump.memory.bytes(0x2000_8000, 0x400).as_deref(), Some(&data[..]));
        let task = ("task".to_string(), "5, dumped at 123456".to_string());
        assert!(opened.dump.identity.facts.contains(&task), "{:?}", opened.dump.identity.facts);
    }
}

#[test]
fn the_first_release_had_a_version_where_the_contents_are_told_now() {
    let mut ram = Ram::new(2, 0);
    ram.register(15, 0x0800_0a2c);
    let opened = open(ram.end());
    let pc = opened.dump.crashed().and_then(|thread| thread.registers.pc());
    assert_eq!(pc, Some(0x0800_0a2c));
}

#[test]
fn damaged_areas_are_refused_or_read_never_more() {
    let (bytes, ..) = whole_system();
    try_all_prefixes("areas.bin", &bytes, &Options::default());
    try_bit_flips("areas.bin", &bytes, &Options::default());
}

//! Any text through the peeling of consoles and every dialect of crash texts: nothing panics, nothing
//! gets longer than what came in, and no register is shown whose value does not stand in the text.
#![no_main]

use bytes::Bytes;
use coroner::carrier::{CarrierOptions, Piece};
use coroner::format::crash_text::ALL;
use coroner::format::{Context, Format};
use coroner::targets::Targets;
use coroner::text;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static TARGETS: LazyLock<Targets> = LazyLock::new(Targets::built_in);

/// Longer than this is no text of a crash, and `open` has it.
const LONGEST: usize = 64 << 10;
/// Escapes and encodings make a text shorter, or longer by what a character takes in UTF-8.
const GROWTH: usize = 4;

fuzz_target!(|data: &[u8]| {
    if data.len() > LONGEST {
        return;
    }
    let plain = text::plain(data, None);
    if let Some(plain) = &plain {
        assert!(plain.text.len() <= data.len() * GROWTH + 64);
    }
    for bytes in [Some(data.to_vec()), plain.map(|plain| plain.text)].into_iter().flatten() {
        let piece = Piece::outermost(Bytes::from(bytes));
        for dialect in ALL {
            let found = coroner::carrier::Carrier::peel(*dialect, &piece, &CarrierOptions::default());
            let crashes = found.into_iter().flatten().flatten();
            let mut read = 0;
            for crash in crashes {
                read += crash.bytes.len();
                look(*dialect, &crash);
            }
            // Lines are cut out, and none twice.
            assert!(read <= piece.bytes.len() * 3 + 64);
        }
    }
});

fn look(dialect: &dyn Format, crash: &Piece) {
    let context =
        Context { targets: &TARGETS, force: false, target: None, elf: None, frame: None };
    let Ok(dump) = dialect.read(crash, &context) else { return };
    let text = String::from_utf8_lossy(&crash.bytes);
    let told = numbers(&text);
    for thread in &dump.threads {
        for (index, value) in thread.registers.known() {
            let name = dump.arch.registers[index].name.as_str();
            let halves = [value as u64, value as u64 & 0xffff_ffff, (value >> 32) as u64];
            let is_told = told.contains(&halves[0]) || halves[1..].iter().all(|n| told.contains(n));
            let is_printed = thread.printed.iter().any(|frame| value as u64 == frame.pc + BEHIND_CALL);
            let is_top = name == "a1" && dump.format.starts_with("ESP8266");
            assert!(is_told || is_printed || is_top || DERIVED.contains(&name), "{}: {name} {value:#x}: {text}", dump.format);
        }
        assert!(thread.printed.len() <= crash.bytes.len());
    }
    let memory: usize = dump.memory.regions().map(|region| region.bytes.len()).sum();
    assert!(memory <= crash.bytes.len() + 64);
    let words = dump.texts.iter().map(String::len).sum::<usize>();
    assert!(words <= crash.bytes.len() * GROWTH + 64);
}

/// Registers that follow from others, or from words: where a window is, the stack pointer before an
/// exception frame, a fault status of which the parts are printed, the cause in words.
const DERIVED: &[&str] = &[
    "windowbase", "windowstart", "sp", "ar1", "CFSR", "exccause", "mcause", "xpsr", "cpsr", "flags",
];

/// Where no register is told, Xtensa's pc follows from the first printed frame, which names the
/// call: it lies behind it, by the length of a call.
const BEHIND_CALL: u64 = 3;

/// All numbers that stand in `text`, in either radix.
fn numbers(text: &str) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([0]);
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        // A name may be glued to its number: `FLR805AF05`, `T30`.
        for start in 0..word.len().min(24) {
            let rest = word[start..].trim_start_matches("0x");
            all.extend(u64::from_str_radix(rest, 16));
            all.extend(rest.parse::<u64>());
            // Or to the next one: `0x4009000x21000000`.
            let first = rest.split("0x").next().unwrap_or_default();
            all.extend(u64::from_str_radix(first, 16));
        }
    }
    all
}

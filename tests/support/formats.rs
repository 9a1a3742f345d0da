//! Samples of dump formats and what is done to them. The samples lie beside the project, in
//! `../shared/fixtures`; `missing` says what a test does without them.

pub(crate) use super::missing::{fixture as sample, fixtures};

use coroner::error::{Error, Result};
use coroner::input::Input;
use coroner::open::{self, Opened, Options};
use std::path::{Path, PathBuf};

/// Opens files, with an ELF file beside them or without.
pub(crate) fn open_files(names: &[&str], elf: Option<&str>) -> Option<Result<Opened>> {
    let folder = fixtures()?;
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let elf = elf.map(|elf| folder.join(elf));
    Some(open::open(&paths, &Options::default().elf(elf)))
}

/// Opens bytes as if they were a file called `name`.
pub(crate) fn open_bytes(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Opened> {
    let input = Input { name: name.into(), bytes: bytes.into(), addr: None };
    open::open_inputs(&[input], options)
}

/// Lines as devices print them, at least `len` bytes.
pub(crate) fn log_noise(len: usize) -> Vec<u8> {
    let mut noise = Vec::with_capacity(len + 80);
    let mut n = 0u32;
    while noise.len() < len {
        let line = format!(
            "I ({n}) sensor: reading {} ok, heap 0x{:x}, state = {}\r\n",
            n % 100,
            n * 8,
            n % 7
        );
        noise.extend_from_slice(line.as_bytes());
        n += 10;
    }
    noise
}

/// What opening may say of a damaged dump: an offset, or that it is no dump at all. Anything
/// else is a mistake.
pub(crate) fn assert_helpful(error: &Error, what: &str) {
    let words = error.to_string();
    let fine = match error {
        Error::Input { .. } => words.contains("offset 0x"),
        Error::Unrecognised { .. } | Error::Usage(_) | Error::WrongElf { .. } => true,
        _ => false,
    };
    assert!(fine, "{what}: {words}");
}

/// Where `CORONER_SEEDS` names a folder, samples go there: `scripts/fuzz` starts from them.
pub(crate) fn keep_as_seed(bytes: &[u8]) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let Some(folder) = std::env::var_os("CORONER_SEEDS") else { return };
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let path = Path::new(&folder).join(format!("{:016x}", hasher.finish()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
    written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// Opens every prefix of `bytes` (of large samples some hundred), plainly and by force.
pub(crate) fn try_all_prefixes(name: &str, bytes: &[u8], options: &Options) {
    keep_as_seed(bytes);
    let steps = if bytes.len() > 100_000 { 40 } else { 300 };
    let step = (bytes.len() / steps).max(1);
    let near_the_start = 0..bytes.len().min(256);
    let force = options.clone().force(true);
    for len in near_the_start.chain((0..bytes.len()).step_by(step)) {
        for options in [options, &force] {
            if let Err(error) = open_bytes(name, bytes[..len].to_vec(), options) {
                assert_helpful(&error, &format!("{name}, {len} bytes"));
            }
        }
    }
}

/// Opens `bytes` with bits flipped here and there, plainly and by force.
pub(crate) fn try_bit_flips(name: &str, bytes: &[u8], options: &Options) {
    let force = options.clone().force(true);
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let count = if bytes.len() > 100_000 { 40 } else { 400 };
    for round in 0..count {
        let mut damaged = bytes.to_vec();
        // Heads and tables lie at the start, so every other flip goes there.
        let within = if round % 2 == 0 { damaged.len().min(600) } else { damaged.len() };
        for _ in 0..=round % 3 {
            let (at, bit) = (next(within), next(8));
            damaged[at] ^= 1 << bit;
        }
        if let Err(error) = open_bytes(name, damaged, if round % 5 == 0 { &force } else { options })
        {
            assert_helpful(&error, &format!("{name}, round {round}"));
        }
    }
}

//! What is no dump of a device, and where to go with it instead: one helpful sentence.

use crate::cursor::{u16_at, u32_at};
use crate::format::elf;
use std::ops::Range;

/// Heads that tell a kind of file for certain, and what to do with it.
const HEADS: &[(&[u8], &str)] = &[
    (b"KDUMP   ", "it is a dump of a Linux kernel (kdump): drgn, crash or kdump-gdbserver open it"),
    (
        b"DISKDUMP",
        "it is a dump of a Linux kernel (diskdump): drgn, crash or kdump-gdbserver open it",
    ),
    (
        b"makedumpfile",
        "it is a flattened dump of a Linux kernel: makedumpfile -R makes a vmcore of it, which drgn \
         or crash open",
    ),
    (
        b"MDMP",
        "it is a minidump of a Windows or Breakpad process: WinDbg, lldb or minidump-stackwalk open \
         it",
    ),
    (b"PAGEDUMP", "it is a memory dump of a 32-bit Windows: WinDbg opens it"),
    (b"PAGEDU64", "it is a memory dump of a 64-bit Windows: WinDbg opens it"),
    (b"\xcf\xfa\xed\xfe", "it is a Mach-O file: lldb opens it"),
    (b"\xce\xfa\xed\xfe", "it is a Mach-O file: lldb opens it"),
    (b"PK\x03\x04", "it is a zip archive: unpack it and name the dump in it"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive: unpack it and name the dump in it"),
    (b"\x27\x05\x19\x56", "it is a U-Boot image, not a dump"),
    (b"\x3d\xb8\xf3\x96", "it is an MCUboot or Mynewt firmware image, not a dump"),
    (
        b"ULog\x01\x12\x35",
        "it is a PX4 flight log without a hardfault text in it: the crash may be in an older log, or \
         in fault_*.log on the SD card",
    ),
    (
        b"SEGGER",
        "it is a file of SEGGER's tools: save the memory as .bin or .hex and the registers \
        as text (savebin, regs) and name both",
    ),
    (b"!<arch>\n", "it is a library, not a dump"),
    (b"\x89PNG", "it is a picture (PNG): attach the dump's file itself, not a photo of it"),
    (b"\xff\xd8\xff", "it is a picture (JPEG): attach the dump's file itself, not a photo of it"),
    (b"%PDF", "it is a PDF document: attach the dump's file itself"),
    (b"<!DOCTYPE", "it is a web page, perhaps one about the file: download the file itself"),
    (b"<html", "it is a web page, perhaps one about the file: download the file itself"),
    (b"SQLite format 3", "it is an SQLite database, not a dump"),
    (b"Rar!", "it is a RAR archive: unpack it and name the dump in it"),
];

/// Texts that tell a script of a debugger, which names dumps but holds none.
const SCRIPTS: &[(&str, &str)] = &[
    ("Data.LOAD", "it is a Lauterbach TRACE32 script: name the images that it loads instead"),
    ("OnProjectLoad", "it is an Ozone project: name the images that it loads instead"),
];

/// More bits of entropy per byte have only encrypted and compressed bytes.
const RANDOM_BITS: f64 = 7.5;
const SMALLEST_RANDOM: usize = 512;
const HEAD_LEN: usize = 4096;

/// Where Cortex-M devices have RAM, and where code.
const CORTEX_M_RAM: Range<u32> = 0x1000_0000..0x4000_0000;
const CORTEX_M_CODE: Range<u32> = 0x0000_0001..0x3000_0000;

/// `e_type` of a file that a compiler left for the linker.
const ET_REL: u16 = 1;
/// A tar archive has its mark here.
const TAR_OFF: usize = 257;
/// So much of a text is quoted.
const QUOTED: usize = 40;

/// Whether `bytes` are an ELF file that is no core.
pub(super) fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") && !elf::is_core(bytes)
}

/// What `bytes` are, and what to do with them; the error is what they look like, of bytes that
/// nobody knows.
pub(super) fn what_it_is(bytes: &[u8]) -> Result<String, String> {
    let head = bytes.get(..HEAD_LEN).unwrap_or(bytes);
    let same = |byte: u8| head.iter().all(|b| *b == byte);
    if bytes.is_empty() {
        return Ok("it is empty: nothing was saved".into());
    }
    if is_program(bytes) {
        let kind = u16_at(bytes, 16)
            .map(|kind| if kind == ET_REL { "an object file" } else { "a program" });
        let kind = kind.unwrap_or("an ELF file");
        return Ok(format!(
            "it is {kind}, not what it left behind when it crashed: pass the dump here, and the \
             program with its symbols with --elf"
        ));
    }
    if let Some((_, words)) = HEADS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Ok((*words).into());
    }
    if bytes.get(TAR_OFF..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        return Ok("it is a tar archive: unpack it and name the dump in it".into());
    }
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    if let Some((_, words)) = SCRIPTS.iter().find(|(mark, _)| has(mark)) {
        return Ok((*words).into());
    }
    if same(0xff) {
        return Ok("it begins with erased flash: no dump was written there (--offset, if it lies \
                   further on)"
            .into());
    }
    if same(0) {
        return Ok("it begins with nothing but zeros: no dump was written there (--offset, if it \
                   lies further on)"
            .into());
    }
    if bytes.starts_with(&[0xe9]) {
        return Ok("it begins like an Espressif firmware image: read the core-dump partition \
                   instead, or the whole flash"
            .into());
    }
    if is_vector_table(bytes) {
        return Ok(
            "it begins like the firmware of a Cortex-M (a vector table): the dump goes here, \
                   the firmware's ELF file to --elf; if it is an image of memory, --base says its \
                   address"
                .into(),
        );
    }
    let bits = entropy(head);
    if bits > RANDOM_BITS && head.len() >= SMALLEST_RANDOM {
        return Ok(format!(
            "it looks encrypted or compressed ({bits:.1} bits of entropy per byte): of an encrypted \
             partition only the device itself can read a plain copy"
        ));
    }
    if let Some(line) = first_line(head) {
        return Err(format!(
            "it is a text without a crash or registers in it and begins with \"{line}\""
        ));
    }
    let digits: String = bytes.iter().take(8).map(|byte| format!("{byte:02x} ")).collect();
    Err(format!("it begins with {}", digits.trim_end()))
}

/// The first words of bytes that are a text.
fn first_line(head: &[u8]) -> Option<String> {
    // The end may have been cut within a character.
    let len = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
    let text = std::str::from_utf8(head.get(..len)?).ok().filter(|_| head.len() - len < 4)?;
    let plain = text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace() || c == '\x1b');
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).filter(|_| plain)?;
    Some(line.chars().take(QUOTED).collect())
}

/// A stack pointer in RAM, then odd addresses of code for reset, NMI and HardFault.
fn is_vector_table(bytes: &[u8]) -> bool {
    let sp = u32_at(bytes, 0).is_some_and(|sp| CORTEX_M_RAM.contains(&sp) && sp % 4 == 0);
    let code = |at| u32_at(bytes, at).is_some_and(|pc| CORTEX_M_CODE.contains(&pc) && pc % 2 == 1);
    sp && [4, 8, 12].into_iter().all(code)
}

/// Shannon entropy in bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let share = |count: &u32| f64::from(*count) / bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_dump_is_called_by_its_name() {
        let vectors: Vec<u8> =
            [0x2000_2000u32, 0x119, 0x121, 0x125].iter().flat_map(|w| w.to_le_bytes()).collect();
        let cases: [(&[u8], &str); 10] = [
            (b"", "empty"),
            (b"KDUMP   \x06\0\0\0", "drgn"),
            (b"MDMP\x93\xa7\0\0", "minidump"),
            (b"PK\x03\x04rest", "zip"),
            (b"\x3d\xb8\xf3\x96\0\0\0\0", "MCUboot"),
            (b"ULog\x01\x12\x35\x01", "hardfault"),
            (b"\xff\xff\xff\xff\xff", "erased"),
            (b"\xe9\x06\x02\x20", "Espressif"),
            (&vectors, "vector table"),
            (b"\x01\x02\x03\x04\x05", "01 02 03 04 05"),
        ];
        for (bytes, words) in cases {
            let told = what_it_is(bytes).unwrap_or_else(|seen| seen);
            assert!(told.contains(words), "{bytes:02x?}: {told}");
        }
    }

    #[test]
    fn encrypted_bytes_are_called_so_and_text_is_not() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let random: Vec<u8> = (0..4096).map(|_| next()).collect();
        assert!(what_it_is(&random).is_ok_and(|words| words.contains("encrypted")));
        let log = what_it_is(&b"some words of a log\n".repeat(300));
        assert!(log.is_err_and(|words| words.contains("begins with \"some words of a log\"")));
    }
}

//! The carriers that NuttX' ELF cores travel in: `console.rs` for syslog, `lzf.rs` for the compression
//! that is on by default there. The cores are read by `../elf_core`, the texts that are printed where
//! no core is configured by `../crash_text/nuttx`.

pub mod console;
pub mod lzf;

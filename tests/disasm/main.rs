//! The disassembler, compared with binutils' objdump: on the code of every ELF file that tests have, and on random
//! words of each architecture. What differs must be of a class that is explained here.

#[path = "../support/mod.rs"]
mod support;

mod elf_files;
mod objdump;
mod random;

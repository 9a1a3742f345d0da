//! Firmware that never ran: its variables are linked with the values that they have at the crash, so
//! that its data section is the RAM of the dead device. `tests/data/stopped` has the sources. What
//! is not installed is skipped, visibly; in CI it must be there.

use super::missing;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where code is linked to.
pub(crate) const CODE: u32 = 0x1200_0000;
/// Where RAM begins.
pub(crate) const RAM: u32 = 0x2000_0000;

/// A compiler and what it needs to be told for a processor.
pub(crate) struct Processor(pub &'static str, pub &'static [&'static str]);

pub(crate) const M3: Processor = Processor("arm-none-eabi-gcc", &["-mthumb", "-mcpu=cortex-m3"]);
pub(crate) const M33F: Processor = Processor(
    "arm-none-eabi-gcc",
    &["-mthumb", "-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"],
);
pub(crate) const RV32: Processor = Processor(
    "riscv64-unknown-elf-gcc",
    &["-march=rv32imac_zicsr", "-mabi=ilp32", "-msmall-data-limit=0"],
);
pub(crate) const RV64: Processor = Processor(
    "riscv64-unknown-elf-gcc",
    &["-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany", "-msmall-data-limit=0"],
);

/// What was linked.
pub(crate) struct Stopped {
    pub elf: PathBuf,
    /// The bytes of RAM, from [`RAM`] on.
    pub ram: Vec<u8>,
    symbols: Vec<(String, u32, u32)>,
}

impl Stopped {
    /// Links `source` for `processor` with `defines`; `name` keeps the files apart.
    pub(crate) fn link(
        name: &str,
        source: &str,
        processor: &Processor,
        defines: &[String],
    ) -> Option<Stopped> {
        let Processor(compiler, flags) = processor;
        if !missing::program(compiler) {
            return None;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stopped");
        let elf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stopped-{name}.elf"));
        let output = Command::new(compiler)
            .args(*flags)
            .args([
                "-g",
                "-Os",
                "-Wall",
                "-Wno-unused",
                "-ffreestanding",
                "-nostdlib",
                "-fno-common",
            ])
            .args(["-fno-zero-initialized-in-bss", "-fno-toplevel-reorder", "-Wl,--build-id=none"])
            .arg(format!("-Wl,-Ttext={CODE:#x},-Tdata={RAM:#x},-e,code"))
            .args(defines.iter().map(|define| format!("-D{define}")))
            .arg(folder.join(source))
            .arg("-o")
            .arg(&elf)
            .output();
        let output = output.expect("it is there");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}:\n{words}");
        let bytes = std::fs::read(&elf).expect("just linked");
        let parsed = goblin::elf::Elf::parse(&bytes).expect("just linked");
        let section = |wanted: &str| {
            let name = |at: usize| parsed.shdr_strtab.get_at(at);
            parsed.section_headers.iter().find(|s| name(s.sh_name) == Some(wanted))
        };
        let data = section(".data").and_then(|data| data.file_range()).expect("it has data");
        let symbols = parsed.syms.iter().filter_map(|symbol| {
            let name = parsed.strtab.get_at(symbol.st_name)?;
            Some((name.to_string(), symbol.st_value as u32, symbol.st_size as u32))
        });
        Some(Stopped { ram: bytes[data].to_vec(), symbols: symbols.collect(), elf })
    }

    /// Address and size of a variable.
    pub(crate) fn symbol(&self, name: &str) -> (u32, u32) {
        let found = self.symbols.iter().find(|(symbol, _, _)| symbol == name);
        let (_, addr, len) = found.unwrap_or_else(|| panic!("there is no {name}"));
        (*addr, *len)
    }

    /// The memory of `len` bytes from `addr` on.
    pub(crate) fn bytes(&self, addr: u32, len: u32) -> &[u8] {
        let at = (addr - RAM) as usize;
        &self.ram[at..at + len as usize]
    }

    /// The memory of a variable, behind its address.
    pub(crate) fn variable(&self, name: &str) -> (u32, &[u8]) {
        let (addr, len) = self.symbol(name);
        (addr, self.bytes(addr, len))
    }
}

/// A list of words for the compiler.
pub(crate) fn c_words(words: &[u64]) -> String {
    words.iter().map(|word| format!("{word:#x}")).collect::<Vec<_>>().join(",")
}

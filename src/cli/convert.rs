//! `coroner convert`: a dump as a file that other tools open.

use super::OpenArgs;
use crate::convert::{self, Extent};
use crate::display;
use crate::error::{Error, Result};
use crate::output;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  coroner convert crash.bin --elf app.elf -o core.elf
  gdb-multiarch -ex 'symbol-file app.elf' -c core.elf     (not `file`: it would show initial values
                                                           of variables that the dump lacks)
  gdb-multiarch -ex 'set osabi none' ...                  (RISC-V: shows mcause, mtval too)
                                                          (Cortex-M: no core holds msp and psp; GDB
                                                           stops at a handler that came from psp)
  coroner convert crash.bin -o ram.hex                    Intel HEX, by the name's ending
  coroner convert crash.bin --to raw -o regions           a folder with a file per region
  coroner convert crash.bin -o crash.cmm                  a script for TRACE32's simulator; memory in
                                                          the folder crash.cmm.d
  DO crash.cmm 0x20000310                                 in TRACE32: the registers of that thread";

/// Arguments of `coroner convert`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    /// The file to write; a folder for `--to raw`
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// What to write; by the name of the file if not given: `.hex` and `.ihex` are Intel HEX,
    /// `.cmm` a script for TRACE32, all else an ELF core
    #[arg(long, value_enum, value_name = "KIND")]
    pub to: Option<Kind>,

    /// Leave out what the ELF files add: code and constants
    #[arg(long)]
    pub dump_only: bool,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An ELF core.
    Elf,
    /// Intel HEX.
    Ihex,
    /// A file per region, in a folder.
    Raw,
    /// A PRACTICE script for TRACE32, and a folder `OUTPUT.d` with the memory that it loads.
    Cmm,
}

pub(super) fn run(args: &ConvertArgs) -> Result<()> {
    output::refuse_input(&args.output, &args.open.files())?;
    let opened = args.open.open()?;
    let mut inputs = args.open.files();
    inputs.extend(opened.firmware.as_ref().map(|elf| Path::new(&elf.path)));
    let dump = &opened.dump;
    let extent = if args.dump_only { Extent::DumpOnly } else { Extent::All };
    let ending = args.output.extension().and_then(|ending| ending.to_str());
    let by_name = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("hex" | "ihex") => Kind::Ihex,
        Some("cmm") => Kind::Cmm,
        _ => Kind::Elf,
    };
    let write = |path: &Path, bytes: &[u8]| output::write(path, bytes, &inputs);
    match args.to.unwrap_or(by_name) {
        Kind::Elf => {
            let core = convert::to_elf_core(dump, extent)?;
            write(&args.output, &core.bytes)?;
            for (thread, names) in &core.unknown {
                eprintln!(
                    "coroner: an ELF core can't say 'unknown': in thread {}, GDB will show 0 for {}",
                    display::line(thread),
                    names.join(" ")
                );
            }
        }
        Kind::Ihex => write(&args.output, convert::to_intel_hex(dump, extent)?.as_bytes())?,
        Kind::Cmm => {
            let elf = opened.firmware.as_ref().map(|elf| elf.path.as_str());
            let mut folder = args.output.clone().into_os_string();
            folder.push(".d");
            let folder = PathBuf::from(folder);
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if name.contains(['"', '&']) || display::line(&name) != name {
                let words = format!("{}: PRACTICE can't write this name", args.output.display());
                return Err(Error::Usage(words));
            }
            let script = convert::to_cmm(dump, extent, &name, elf)?;
            let files = script.files.iter().map(|(name, bytes)| (name.clone(), &bytes[..]));
            output::write_folder(&folder, files, &inputs)?;
            write(&args.output, script.text.as_bytes())?;
        }
        Kind::Raw => {
            let regions = convert::regions(dump, extent);
            let files = regions.map(|region| (convert::raw_name(region), &region.bytes[..]));
            output::write_folder(&args.output, files, &inputs)?;
        }
    }
    eprintln!("coroner: wrote {}", display::line(&args.output.display().to_string()));
    Ok(())
}

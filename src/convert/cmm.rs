//! A PRACTICE script for Lauterbach's TRACE32, whose instruction set simulator becomes the device
//! as it was: memory out of files beside the script, registers of the thread that is asked for.
//!
//! | command                            | what                                                 |
//! | `SYStem.CPU`, `SYStem.Up`          | the core that is simulated                           |
//! | `Data.LOAD.Binary "~~~~/.." ADDR`  | a region; `~~~~` is the folder of the script         |
//! | `Data.Set ADDR %Byte ..`           | a region of a few bytes                              |
//! | `Register.Set NAME VALUE`          | a register that is known                             |
//! | `Data.LOAD.Elf`                    | symbols, as a comment: the file is not part of ours  |
//!
//! A register that is not known is not set, and a comment says so: the simulator shows 0 for it.
//!
//! Source: Lauterbach, "PRACTICE Script Language Reference Guide", "General Commands Reference
//! Guide D" (Data.LOAD, Data.Set) and "R" (Register.Set), "Simulator for ARM and XSCALE", "Simulator
//! for RISC-V", 2024. No TRACE32 was at hand to run a script in.

use super::{Extent, raw_name, regions};
use crate::display;
use crate::dump::{Dump, Thread};
use crate::error::{Error, Result};
use crate::targets::Family;
use bytes::Bytes;
use std::fmt::Write;

/// Regions up to this size are written into the script.
const SHORT: usize = 16;

/// A script, and the files that it loads.
#[derive(Debug)]
pub struct Script {
    /// The script.
    pub text: String,
    /// The files, by their names within the folder that the script was made for.
    pub files: Vec<(String, Bytes)>,
}

/// How TRACE32 names the core of a family, and its registers in the order in which they are set.
struct Names {
    cpu: &'static str,
    /// Our name and TRACE32's.
    registers: Vec<(String, String)>,
}

/// Writes `dump` as a script whose files lie in `folder` beside it. `elf` is the firmware's file.
///
/// # Errors
/// [`Error::Usage`] if it is not known how TRACE32 names the registers.
pub fn to_cmm(dump: &Dump, extent: Extent, folder: &str, elf: Option<&str>) -> Result<Script> {
    let Some(names) = names(dump) else {
        let words = format!(
            "{}: it is not known here what TRACE32 calls its registers: `--to elf` or `--to raw` instead",
            dump.arch.name
        );
        return Err(Error::Usage(words));
    };
    let mut script = Script { text: String::new(), files: Vec::new() };
    let out = &mut script.text;
    // Writing to a string can't fail.
    let _ = head(out, dump, &names, elf);
    for region in regions(dump, extent) {
        if region.bytes.len() <= SHORT {
            let bytes: String = region.bytes.iter().map(|byte| format!(" 0x{byte:02x}")).collect();
            let _ = writeln!(out, "Data.Set {:#x} %Byte{bytes}", region.start);
        } else {
            let name = raw_name(region);
            let _ = writeln!(
                out,
                "Data.LOAD.Binary \"~~~~/{folder}/{name}\" {:#x} /NoClear",
                region.start
            );
            script.files.push((name, region.bytes.clone()));
        }
    }
    let _ = threads(&mut script.text, dump, &names);
    Ok(script)
}

fn head(out: &mut String, dump: &Dump, names: &Names, elf: Option<&str>) -> std::fmt::Result {
    let comment = |text: &str| display::line(text).into_owned();
    writeln!(out, "; {}: {}", comment(&dump.format), comment(&dump.reason.to_string()))?;
    writeln!(out, "; For TRACE32's instruction set simulator. DO this [THREAD] [CPU]")?;
    for thread in &dump.threads {
        writeln!(out, ";   {:#x}  {}", thread.id, comment(&thread.label()))?;
    }
    let first = dump.crashed().or(dump.threads.first());
    let first = first.map_or(String::new(), |thread| format!("{:#x}", thread.id));
    writeln!(out, "ENTRY &thread &cpu")?;
    for (name, value) in [("thread", first.as_str()), ("cpu", names.cpu)] {
        writeln!(out, "IF \"&{name}\"==\"\"\n(\n  &{name}=\"{value}\"\n)")?;
    }
    writeln!(out, "SYStem.CPU &cpu\nSYStem.Up")?;
    let elf = elf.map_or("app.elf".into(), comment);
    writeln!(out, "; Symbols and source lines, without code and data:")?;
    writeln!(out, "; Data.LOAD.Elf \"{elf}\" /NoCODE /NoClear")
}

fn threads(out: &mut String, dump: &Dump, names: &Names) -> std::fmt::Result {
    for thread in &dump.threads {
        writeln!(out, "IF \"&thread\"==\"{:#x}\"\n(", thread.id)?;
        writeln!(out, "  ; {}", display::line(&thread.label()))?;
        registers(out, thread, names)?;
        writeln!(out, ")")?;
    }
    writeln!(out, "ENDDO")
}

fn registers(out: &mut String, thread: &Thread, names: &Names) -> std::fmt::Result {
    let mut unknown = Vec::new();
    for (ours, theirs) in &names.registers {
        match thread.registers.by_name(ours) {
            Some(value) => writeln!(out, "  Register.Set {theirs} {value:#x}")?,
            None => unknown.push(theirs.as_str()),
        }
    }
    if !unknown.is_empty() {
        writeln!(out, "  ; unknown, whatever the simulator shows: {}", unknown.join(" "))?;
    }
    Ok(())
}

fn names(dump: &Dump) -> Option<Names> {
    let knows = |name: &str| dump.threads.iter().any(|t| t.registers.by_name(name).is_some());
    let numbered = |ours: &str, theirs: &str, count: usize| -> Vec<(String, String)> {
        (0..count).map(|n| (format!("{ours}{n}"), format!("{theirs}{n}"))).collect()
    };
    let pair = |ours: &str, theirs: &str| (ours.to_string(), theirs.to_string());
    let (cpu, registers) = match dump.arch.family {
        // Which stack R13 is depends on CONTROL and the exception number: it comes after them.
        Family::CortexM => {
            let mut all = vec![pair("xpsr", "XPSR")];
            for name in ["control", "msp", "psp", "primask", "basepri", "faultmask"] {
                all.extend(knows(name).then(|| pair(name, &name.to_ascii_uppercase())));
            }
            all.extend(numbered("r", "R", 13));
            all.extend([pair("sp", "R13"), pair("lr", "R14"), pair("pc", "PC")]);
            let float = knows("d0") || knows("fpscr");
            if float {
                all.extend(numbered("d", "D", 16));
                all.push(pair("fpscr", "FPSCR"));
            }
            (if float { "CortexM4F" } else { "CortexM3" }, all)
        }
        Family::Arm => {
            let mut all = vec![pair("cpsr", "CPSR")];
            all.extend(numbered("r", "R", 13));
            all.extend([pair("sp", "R13"), pair("lr", "R14"), pair("pc", "PC")]);
            ("CortexA7", all)
        }
        Family::Aarch64 => {
            let mut all = vec![pair("cpsr", "CPSR")];
            all.extend(numbered("x", "X", 31));
            all.extend([pair("sp", "SP"), pair("pc", "PC")]);
            ("CortexA53", all)
        }
        Family::RiscV32 | Family::RiscV64 => {
            let mut all: Vec<_> = numbered("x", "X", 32).into_iter().skip(1).collect();
            all.retain(|(ours, _)| dump.arch.register(ours).is_some());
            all.push(pair("pc", "PC"));
            (if dump.arch.word_bits == 64 { "RV64" } else { "RV32" }, all)
        }
        _ => return None,
    };
    Some(Names { cpu, registers })
}

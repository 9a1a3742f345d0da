//! `coroner needs`: what a firmware's dumps would hold and how big they would get, from its ELF file
//! alone, before anything crashes.
//!
//! The sizes are those of `coroner-capture` itself: the bound is [`coroner_capture::Needs`], and what
//! a dump of some size holds is found out by writing one, see [`trial`].

mod places;
mod table;
mod trial;

use super::Talk;
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::targets::Endian;
use clap::Args;
use coroner_capture::Kind;
use coroner_capture::arch::{Arch, Arm, RiscV32, RiscV64, X86_64, Xtensa};
use places::{Map, Place};
use std::path::PathBuf;
use table::Table;
use trial::Wanted;

const EXAMPLES: &str = "\
Examples:
  coroner needs app.elf                                   regions to choose from, and usual sizes
  coroner needs app.elf --tasks 8 --stack 600 --partition 64K
                                                          what fits into 64 KiB, and what does not
  coroner needs app.elf --regions tagged,data,heap@200    these regions, the heap before the statics
  coroner needs app.elf --regions data,0x20000000..0x20004000
  coroner needs app.elf --partition 16K --fits            for CI: status 1 if something would be cut

A firmware that has `coroner_capture::declare!(CONFIG, ...)` says itself what it takes.";

/// Arguments of `coroner needs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NeedsArgs {
    /// The firmware's ELF file
    #[arg(value_name = "ELF")]
    pub elf: PathBuf,

    /// Tasks, the crashed one included; what the firmware declares if not given, or 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub tasks: Option<u16>,

    /// Bytes of stack in use by each task
    #[arg(long, value_name = "BYTES", default_value = "512", value_parser = super::parse_size)]
    pub stack: u64,

    /// Bytes of each task's control block
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = super::parse_size)]
    pub tcb: u64,

    /// Bytes for the panic message and file name
    #[arg(long, value_name = "N", default_value_t = 96)]
    pub words: u16,

    /// What to take, separated by commas: kinds, names, START..END; each with @PRIORITY if it is
    /// not to be the usual one. What the firmware declares if not given, or tagged, data and bss
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub regions: Vec<String>,

    /// A size to try, such as 64K; several times for several. Usual ones if not given
    #[arg(long, value_name = "BYTES", value_parser = super::parse_size)]
    pub partition: Vec<u64>,

    /// End with status 1 when a dump does not fit into the smallest --partition as a whole
    #[arg(long, requires = "partition")]
    pub fits: bool,

    /// Print one JSON object, for programs
    #[arg(long)]
    pub json: bool,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

/// Sizes that partitions and retained memory usually have.
const USUAL: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// A dump is written into memory for trial; no device's is larger.
const MOST: u64 = 64 << 20;
/// Made-up tasks lie so far apart.
const MOST_STACK: u64 = 8 << 20;

pub(super) fn run(args: &NeedsArgs) -> Result<std::process::ExitCode> {
    let firmware = Firmware::open(&args.elf, true)?;
    let (text, cut) = tell(args, &firmware)?;
    match args.json {
        true => super::print_json(&text)?,
        false => super::print(&text)?,
    }
    Ok(std::process::ExitCode::from(u8::from(args.fits && cut)))
}

/// What there is to say of `firmware`, and whether something would be cut.
pub(super) fn tell(args: &NeedsArgs, firmware: &Firmware) -> Result<(String, bool)> {
    if firmware.endian != Endian::Little {
        return Err(Error::Usage(format!(
            "{}: big-endian, as no dump of this crate is",
            firmware.path
        )));
    }
    match (firmware.machine, firmware.class) {
        (Arm::MACHINE, 32) => of::<Arm>(args, firmware, "arm"),
        (RiscV32::MACHINE, 32) => of::<RiscV32>(args, firmware, "riscv32"),
        (RiscV64::MACHINE, 64) => of::<RiscV64>(args, firmware, "riscv64"),
        (Xtensa::MACHINE, 32) => of::<Xtensa>(args, firmware, "xtensa"),
        (X86_64::MACHINE, 64) => of::<X86_64>(args, firmware, "x86-64"),
        (machine, class) => Err(Error::Usage(format!(
            "{}: ELF{class} of machine {machine}; coroner-capture runs on ARM, RISC-V and Xtensa",
            firmware.path
        ))),
    }
}

fn of<A: Arch>(
    args: &NeedsArgs,
    firmware: &Firmware,
    machine: &'static str,
) -> Result<(String, bool)> {
    let map = places::read(firmware, A::CLASS);
    let wanted = wanted(args, firmware, &map)?;
    let bytes: u64 = wanted.places.iter().map(Place::len).sum();
    if bytes > MOST {
        let words = format!("regions of {bytes} bytes in all; expected at most {MOST}");
        return Err(Error::Usage(words));
    }
    let whole = wanted.trial::<A>(u32::MAX);
    let sizes: Vec<u64> = match args.partition.is_empty() {
        false => args.partition.clone(),
        true => {
            let enough = u64::from(whole.length.unwrap_or(0));
            let last = USUAL.iter().position(|kib| kib << 10 >= enough).unwrap_or(USUAL.len());
            let first = last.saturating_sub(4);
            USUAL.iter().skip(first).take(last + 1 - first).map(|kib| kib << 10).collect()
        }
    };
    let trials = sizes.iter().map(|&size| {
        let room = u32::try_from(size).unwrap_or(u32::MAX);
        (size, wanted.trial::<A>(room))
    });
    let table = Table {
        firmware,
        machine,
        map: &map,
        wanted: &wanted,
        at_most: wanted.at_most::<A>(),
        trials: trials.collect(),
        whole,
    };
    let text = match args.json {
        true => format!("{:#}\n", table.json()),
        false => table.text().as_str().to_string(),
    };
    let cut = table.trials.iter().any(|(_, trial)| trial.length != table.whole.length);
    Ok((text, cut))
}

/// Puts together what the command line, the declaration and the ELF file say.
fn wanted(args: &NeedsArgs, firmware: &Firmware, map: &Map) -> Result<Wanted> {
    if args.stack > MOST_STACK || args.tcb > MOST_STACK {
        return Err(Error::Usage(format!("--stack and --tcb are at most {MOST_STACK}")));
    }
    let declared = map.declared;
    let floats = match firmware.machine {
        // EF_ARM_ABI_FLOAT_HARD (ARM ELF, IHI 0044).
        Arm::MACHINE => firmware.flags & 0x400 != 0,
        _ => firmware.uses_float_registers(),
    };
    let told = declared.map(|room| room.tasks.clamp(1, 256));
    let id = firmware.sections.iter().find(|section| section.name == ".note.gnu.build-id");
    Ok(Wanted {
        places: chosen(&args.regions, map)?,
        exclude: map.exclude.clone(),
        memory: map.memory.clone(),
        tasks: args.tasks.map(usize::from).or(told).unwrap_or(1),
        stack: args.stack as usize,
        tcb: args.tcb as usize,
        words: args.words.into(),
        floats,
        info: declared.map_or(0, |room| room.info),
        build_id: id.map_or(0, |section| section.len.min(64) as usize),
        sha256: declared.is_some_and(|room| room.sha256),
        limit: declared.map_or(u32::MAX, |room| room.limit),
    })
}

/// The places that the user, or else the declaration, chose.
fn chosen(list: &[String], map: &Map) -> Result<Vec<Place>> {
    if list.is_empty() {
        let usual = |place: &&Place| match map.declared {
            Some(_) => place.declared(),
            None => matches!(
                place.kind,
                Kind::Tagged | Kind::Data | Kind::Bss | Kind::NoInit | Kind::Rtc | Kind::RtcFast
            ),
        };
        return Ok(map.places.iter().filter(usual).cloned().collect());
    }
    let mut places: Vec<Place> = Vec::new();
    for item in list {
        let (what, priority) = match item.split_once('@') {
            Some((what, priority)) => {
                let bad = |_| Error::Usage(format!("{item}: a priority is a number up to 255"));
                (what, Some(priority.parse::<u8>().map_err(bad)?))
            }
            None => (item.as_str(), None),
        };
        let mut found: Vec<Place> =
            map.places.iter().filter(|p| p.is_called(what)).cloned().collect();
        if found.is_empty() {
            found.push(range(what, map)?);
        }
        for mut place in found {
            place.priority = priority.unwrap_or(place.priority);
            if !places.iter().any(|other| (other.start, other.end) == (place.start, place.end)) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

impl Place {
    fn is_called(&self, what: &str) -> bool {
        what == "all" || what == self.kind_name() || what == self.name || what == self.label()
    }
}

/// `0x20000000..0x20004000`
fn range(what: &str, map: &Map) -> Result<Place> {
    let number = |text: &str| super::parse_number(text).ok();
    let ends = what.split_once("..").and_then(|(start, end)| Some((number(start)?, number(end)?)));
    match ends {
        Some((start, end)) if start < end => {
            Ok(Place::usual(Kind::Custom, String::new(), (start, end), "command line"))
        }
        _ => {
            let names: Vec<String> = map.places.iter().map(Place::label).collect();
            Err(Error::Usage(format!(
                "--regions {what}: the ELF file has no such region; it has: {}; or START..END",
                names.join(", ")
            )))
        }
    }
}

//! From the files that a user names to a [`Dump`] that is ready to be served.
//!
//! 1. Carriers peel off layer by layer until a format recognises what is inside.
//! 2. One dump is picked: the user's, or the last complete one.
//! 3. Its reader makes the [`Dump`].
//! 4. The firmware ELF is found, checked against the dump, and adds what can't have changed.
//! 5. The architecture says what the fault words in the memory mean, and of which frame they are.

mod build_id;
mod detect;
mod elf_cache;
mod elf_hint;
mod elf_index;
mod firmware;
mod fit;
mod inputs;
mod not_a_dump;
mod slide;

pub use detect::{CARRIERS, Candidate};
pub use elf_cache::ElfCache;

use crate::arch;
use crate::budget::Budget;
use crate::carrier::CarrierOptions;
use crate::debug_info::Modules;
use crate::dump::{Dump, Note};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::format::parts::assemble as parts;
use crate::format::{Context, esp_idf};
use crate::input::Input;
use crate::os;
use crate::targets::Targets;
use crate::unwind;
use inputs::Inputs;
use std::path::PathBuf;
use std::sync::Arc;

/// What the user said about opening.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only this format will do.
    pub format: Option<String>,
    /// The chip or register set, where the dump does not tell, or tells it wrong.
    pub target: Option<String>,
    /// Further target files.
    pub target_files: Vec<PathBuf>,
    /// Which of several dumps, counted from 1.
    pub pick: Option<usize>,
    /// Serve what is whole of a broken dump.
    pub force: bool,
    /// Where in the input the dump, or the partition table that leads to it, starts.
    pub offset: Option<u64>,
    /// The address of a raw memory image.
    pub base: Option<u64>,
    /// Where the exception frame is stacked that holds the crashed thread's registers.
    pub frame: Option<u64>,
    /// Read files instead of mapping them.
    pub no_mmap: bool,
    /// How much memory opening may take, in bytes; `None`: what [`crate::budget`] says.
    pub max_memory: Option<u64>,
    /// ELF files of the firmware; the one that matches the dump is used.
    pub elf: Vec<PathBuf>,
    /// The same, of files that are open already.
    pub elf_open: Vec<Input>,
    /// ELF files that lay beside the dump, in its folder or archive. One of another build is not
    /// taken, and that is no error.
    pub elf_beside: Vec<Input>,
    /// Folders to look for the matching ELF file in.
    pub elf_dir: Vec<PathBuf>,
    /// ELF files of the ROM.
    pub rom_elf: Vec<PathBuf>,
    /// A folder of ROM ELF files, from which the one for the chip's revision is taken.
    pub rom_elf_dir: Option<PathBuf>,
    /// Use the ELF file though it is of another build.
    pub any_elf: bool,
    /// Show writable sections of the ELF as they were before the device ran.
    pub initial_data: bool,
    /// Where to remember which ELF file of a folder is of which build; `None`: nowhere.
    pub cache_dir: Option<PathBuf>,
    /// ELF files that were opened before; clones of these options share it.
    pub elf_cache: Arc<ElfCache>,
}

/// A dump with all that was found beside it.
#[derive(Debug)]
pub struct Opened {
    /// The name of the input that it came from.
    pub file: String,
    /// The way from the file to the dump, outermost layer first.
    pub layers: Vec<String>,
    /// All dumps that were found, the picked one among them.
    pub found: Vec<String>,
    /// Which of them this is, counted from 1.
    pub picked: usize,
    /// The dump, with the memory of the ELF files in it.
    pub dump: Dump,
    /// The ELF file of the firmware.
    pub firmware: Option<Arc<Firmware>>,
    /// The ELF files of the ROM.
    pub rom: Vec<Arc<Firmware>>,
    /// Further ELF files that travel in the dump: of other tasks.
    pub embedded: Vec<Arc<Firmware>>,
}

impl Opened {
    /// What the ELF files know: the firmware's first.
    pub fn modules(&self) -> Modules<'_> {
        modules_of(&self.firmware, &self.rom, &self.embedded)
    }

    /// `flash image 4 MiB > partition coredump @0x110000 > ESP-IDF ELF core 0x0104, ...`.
    pub fn trail(&self) -> String {
        self.layers.join(" > ")
    }
}

fn modules_of<'a>(
    firmware: &'a Option<Arc<Firmware>>,
    rom: &'a [Arc<Firmware>],
    embedded: &'a [Arc<Firmware>],
) -> Modules<'a> {
    Modules::of(firmware.iter().chain(rom).chain(embedded).map(|elf| &**elf))
}

/// Opens the dump in `inputs`.
///
/// # Errors
/// Any [`Error`]: inputs that can't be read, hold no dump or only broken ones; an ELF file of
/// another build; wrong options.
pub fn open(inputs: &[PathBuf], options: &Options) -> Result<Opened> {
    let budget = Budget::for_inputs(inputs::len_of(inputs), options.max_memory);
    let mut all = Inputs::new(&budget);
    for path in inputs {
        all.add(path, !options.no_mmap)?;
    }
    if all.dumps.is_empty() {
        return Err(nothing_but_programs(inputs, all));
    }
    let mut options = options.clone();
    options.elf_beside.extend(all.programs);
    let mut opened = open_within(&all.dumps, &options, &budget)?;
    let faults = all.faults.into_iter().map(|(name, fault)| format!("{name}: {fault}"));
    opened.dump.notes.extend(faults.map(Note::warning));
    Ok(opened)
}

/// Why there is nothing to look for a dump in.
fn nothing_but_programs(inputs: &[PathBuf], mut all: Inputs) -> Error {
    if !all.faults.is_empty() {
        let (file, fault) = all.faults.swap_remove(0);
        return Error::Input { file, fault: Box::new(fault) };
    }
    let names = inputs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let programs =
        all.programs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ");
    Error::Usage(match programs.is_empty() {
        true => format!("{names}: all files in it are empty: nothing was saved"),
        false => format!("{names}: holds no dump, only programs ({programs})"),
    })
}

/// The same for inputs that are open already.
///
/// # Errors
/// As [`open`].
pub fn open_inputs(inputs: &[Input], options: &Options) -> Result<Opened> {
    let len = inputs.iter().map(|input| input.bytes.len() as u64).sum();
    open_within(inputs, options, &Budget::for_inputs(len, options.max_memory))
}

fn open_within(inputs: &[Input], options: &Options, budget: &Budget) -> Result<Opened> {
    let mut targets = Targets::built_in();
    for path in &options.target_files {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        targets.add(&path.display().to_string(), text)?;
    }
    if let Some(name) = &options.target
        && targets.chip(name).is_err()
    {
        targets.arch(name).map_err(|_| unknown_target(name, &targets))?;
    }

    let carriers = CarrierOptions { offset: options.offset, base: options.base };
    let dug = detect::detect(inputs, &carriers, options.format.as_deref(), budget)?;
    let context = Context {
        targets: &targets,
        force: options.force,
        target: options.target.as_deref(),
        elf: elf_hint::of_files(options),
        frame: options.frame,
    };
    let (whole, parts) = (&dug.whole, &dug.parts);
    let (picked, mut dump) = match whole.as_slice() {
        [] => (0, parts::assemble(parts, &context)?),
        whole => pick(whole, options, &context)?,
    };
    let candidate = whole.get(picked);
    if candidate.is_some() {
        parts::add(&mut dump, parts);
    }
    dump.notes.extend(dug.useless.iter().map(|error| Note::warning(error.to_string())));
    dump.notes.extend(budget.shortage().map(Note::warning));
    dump.notes.extend(dump.memory.untold_conflicts().map(Note::warning));

    let beside = firmware::find(&mut dump, options)
        .map_err(|error| with_the_dump_meant(error, whole, picked, options, &context))?;
    let doubles = beside.firmware.as_ref().and_then(|elf| elf.float_register_len()) == Some(8);
    if doubles && options.target.is_none() {
        // Many formats do not say how wide the FPU is; the firmware's float ABI does.
        dump.arch = targets.with_double_floats(&dump.arch)?;
        let arch = dump.arch.clone();
        dump.threads.iter_mut().for_each(|t| t.registers = t.registers.in_set(&arch));
    }
    match (candidate, &beside.firmware) {
        (Some(candidate), Some(firmware)) => candidate.format.complete(&mut dump, &**firmware),
        (None, Some(firmware)) => parts::complete(&mut dump, parts, &context, &**firmware),
        (_, None) => {}
    }
    os::complete(&mut dump, beside.firmware.as_ref());
    if dump.chip.as_ref().is_some_and(|chip| chip.esp_idf.is_some()) {
        let place = beside.firmware.as_ref().and_then(|elf| elf.symbol("panic_abort"));
        let is_in = |pc: u64| {
            let place = place.as_ref().filter(|symbol| symbol.len > 0)?;
            Some(pc.checked_sub(place.addr).is_some_and(|offset| offset < place.len))
        };
        esp_idf::abort::complete(&mut dump, &is_in);
    }
    unwind::reconstruct(&mut dump);
    arch::gather(&mut dump);
    let finds_fault = dump.reason.pc.is_none() && unwind::may_be_handler(&dump);
    let lacks_control = unwind::has_extended_frame(&dump);
    if finds_fault || lacks_control {
        let modules = modules_of(&beside.firmware, &beside.rom, &beside.embedded);
        if let Some(fault) = finds_fault.then(|| unwind::fault(&dump, &modules)).flatten() {
            let told = arch::trap_reason(&fault.registers);
            if let Some(told) = told.filter(|_| dump.reason.is_unknown()) {
                dump.reason = told;
            }
            dump.reason.pc = Some(fault.pc);
        }
        if lacks_control {
            unwind::reconstruct_control(&mut dump, &modules);
        }
    }
    arch::complete(&mut dump);
    let mut layers = candidate.map_or_else(Vec::new, |candidate| candidate.piece.layers.clone());
    layers.push(dump.format.clone());
    let mut files: Vec<&str> = parts.iter().map(|part| part.file.as_str()).collect();
    files.dedup();
    Ok(Opened {
        file: candidate.map_or_else(|| files.join(" + "), |candidate| candidate.file.clone()),
        layers,
        found: match whole.as_slice() {
            [] => vec![files.join(" + ")],
            whole => whole.iter().map(Candidate::describe).collect(),
        },
        picked: picked + 1,
        dump,
        firmware: beside.firmware,
        rom: beside.rom,
        embedded: beside.embedded,
    })
}

/// So many of the dumps that could not be read are told of.
const MOST_PASSED_OVER: usize = 16;

/// The user's choice among the dumps, or the last one that is whole.
fn pick(found: &[Candidate], options: &Options, context: &Context<'_>) -> Result<(usize, Dump)> {
    let read = |index: usize, force: bool| {
        let context = Context { force, ..context.clone() };
        let Candidate { file, piece, format } = &found[index];
        if let Some(fault) = piece.fault.as_ref().filter(|_| !force) {
            return Err(Error::Input { file: file.clone(), fault: Box::new(fault.clone()) });
        }
        let mut dump = format.read(piece, &context).map_err(|error| error.in_file(file))?;
        dump.notes.extend(piece.fault.iter().map(|fault| Note::doubt(fault.to_string())));
        Ok(dump)
    };
    if let Some(number) = options.pick {
        let index = number.checked_sub(1).filter(|index| *index < found.len());
        let index = index.ok_or_else(|| {
            let words = format!("--pick {number}: there are {} dumps", found.len());
            Error::Choice { words, of: found.iter().map(Candidate::describe).collect() }
        })?;
        return Ok((index, read(index, options.force)?));
    }
    let mut passed_over: Vec<Note> = Vec::new();
    let mut first_error = None;
    for index in (0..found.len()).rev() {
        let piece = &found[index].piece;
        if first_error.is_some() && !piece.budget.work(piece.bytes.len() as u64) {
            break;
        }
        match read(index, false) {
            Ok(mut dump) => {
                if found.len() > 1 {
                    dump.notes.push(Note::info(format!(
                        "there are {} dumps; this is number {}, --pick takes another",
                        found.len(),
                        index + 1
                    )));
                }
                let unsaid = passed_over.len().saturating_sub(MOST_PASSED_OVER);
                passed_over.truncate(MOST_PASSED_OVER);
                dump.notes.append(&mut passed_over);
                if unsaid > 0 {
                    dump.notes.push(Note::warning(format!("{unsaid} more were passed over")));
                }
                return Ok((index, dump));
            }
            Err(error) => {
                let words = format!("dump {} of {} passed over: {error}", index + 1, found.len());
                passed_over.push(Note::warning(words));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(_) if options.force => {
            let last = found.len() - 1;
            Ok((last, read(last, true)?))
        }
        Some(error) => Err(error),
        None => Err(Error::Usage("no input was given".into())),
    }
}

/// Adds to the `error` of an ELF file that is not the picked dump's which dump it is of.
fn with_the_dump_meant(
    error: Error,
    found: &[Candidate],
    picked: usize,
    options: &Options,
    context: &Context<'_>,
) -> Error {
    let goes = |index: &usize| {
        let Candidate { piece, format, .. } = &found[*index];
        let dump = format.read(piece, context);
        dump.is_ok_and(|dump| firmware::goes_with(&dump, options))
    };
    let Some(index) = (0..found.len()).rev().filter(|index| *index != picked).find(goes) else {
        return error;
    };
    let hint = format!("it is of dump {0} of {1}: --pick {0} takes that", index + 1, found.len());
    match error {
        Error::WrongElf { elf, why } => Error::WrongElf { elf, why: format!("{why}; {hint}") },
        Error::Usage(words) => Error::Usage(format!("{words}; {hint}")),
        other => other,
    }
}

fn unknown_target(name: &str, targets: &Targets) -> Error {
    let all = targets.chip_names().chain(targets.arch_names()).collect::<Vec<_>>().join(", ");
    Error::Usage(format!("--target {name}: not known; known are {all}"))
}
